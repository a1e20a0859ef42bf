"""Server names and protocol lists as no honest peer writes them (cases 17, 47 and 51)."""

import hostile
import ours
import pytest
from hostile import at, extension, settings
from tlslite.constants import ExtensionType
from tlspair.lowlevel import lib

NPN = 13172


def replacing(number, body, message="ClientHello"):
    """A script that puts this body in place of the extension, wherever it stands."""

    def change(_peer, hello):
        others = [one for one in hello.extensions or [] if one.extType != number]
        # Before the last one: that has a place of its own where there is a PSK.
        hello.extensions = [extension(number, body), *others]
        return [hello]

    return at(message, change)


def vector(width, data):
    """The data behind its length in so many bytes."""
    return len(data).to_bytes(width, "big") + data


def talk(peer):
    peer.write(b"served")
    assert peer.read(6, 6) == b"served"
    peer.close()


# ---- case 47 ----


def names(*listed, kind=0):
    return vector(2, b"".join(bytes([kind]) + vector(2, name) for name in listed))


SERVED = {
    "known": (b"localhost", "localhost"),
    "other case": (b"LocalHost", "LocalHost"),
    "trailing dot": (b"localhost.", "localhost."),
    "unknown": (b"nobody.example", "nobody.example"),
    "255 bytes": (b"a" * 255, "a" * 255),
    "an address": (b"127.0.0.1", "127.0.0.1"),
    "blanks": (b"a b", "a b"),
}
REFUSED = {
    "two names": names(b"localhost", b"other.example"),
    "the same name twice": names(b"localhost", b"localhost"),
    "a NUL inside": names(b"localhost\0.evil.example"),
    "a NUL at the end": names(b"localhost\0"),
    "256 bytes": names(b"a" * 256),
    "65 000 bytes": names(b"a" * 65000),
    "an empty name": names(b""),
    "an empty list": vector(2, b""),
    "nothing at all": b"",
    "cut short": names(b"localhost")[:-3],
    "a length too large": b"\xff\xff\x00\x00\x09localhost",
    "an unknown kind": names(b"localhost", kind=7),
    "bytes behind the list": names(b"localhost") + b"more",
}


@pytest.fixture(params=[False, True], ids=["no-table", "table"])
def served(request, loop, certs):
    """A server with and without contexts by name."""
    victim = hostile.Victim(loop, certs)
    if request.param:
        context = ours.server_context(certs, "server-rsa")
        victim.served.context = context
        for name in (b"localhost", b"*.known.example"):
            assert lib.tls_server_add_context(victim.served.server._handle, name, context._handle) == 0
    yield victim
    victim.finish()


@pytest.mark.parametrize("name", SERVED)
def test_c047_names_that_are_served(served, version, name):
    wire, told = SERVED[name]
    script = replacing(ExtensionType.server_name, names(wire))
    ending = served.meet(script, talk, settings(version))
    assert ending.clean and not served.served.errors
    assert served.served.last.servername == told


@pytest.mark.parametrize("name", REFUSED)
def test_c047_names_that_cannot_be(served, version, name):
    alerts = ("decode_error", "unrecognized_name", "illegal_parameter")
    script = replacing(ExtensionType.server_name, REFUSED[name])
    served.refuses(script, settings=settings(version), alert=alerts)


def test_c047_the_extension_twice(served, version):
    def change(_peer, hello):
        name = extension(ExtensionType.server_name, names(b"localhost"))
        hello.extensions = [name, name, *hello.extensions]
        return [hello]

    served.refuses(at("ClientHello", change), settings=settings(version), alert=("illegal_parameter", "decode_error"))


# ---- case 17 ----


def listed(*protocols):
    return b"".join(vector(1, protocol) for protocol in protocols)


@pytest.fixture
def speaker(loop, certs):
    """A server with ALPN and NPN protocols."""
    context, offer = ours.server_context(certs), listed(b"h2", b"http/1.1")
    assert lib.tls_context_set_alpn_buffer(context._handle, offer, len(offer)) == 0
    assert lib.tls_context_set_npn_buffer(context._handle, offer, len(offer)) == 0
    victim = hostile.Victim(loop, certs, context)
    yield victim
    victim.finish()


BAD_LISTS = {
    "nothing at all": b"",
    "an empty list": vector(2, b""),
    "an empty name": vector(2, listed(b"")),
    "an empty name behind another": vector(2, listed(b"h2", b"")),
    "cut short": vector(2, b"\x05h2"),
    "a length too large": b"\xff\xff\x02h2",
    "a length too small": b"\x00\x01\x02h2",
    "bytes behind the list": vector(2, listed(b"h2")) + b"\x00",
}


@pytest.mark.parametrize("name", BAD_LISTS)
def test_c017_alpn_of_a_client(speaker, version, name):
    script = replacing(ExtensionType.alpn, BAD_LISTS[name])
    speaker.refuses(script, settings=settings(version), alert="decode_error")


@pytest.mark.parametrize(
    "offer", [listed(b"spdy/9"), listed(*[b"x" * 255] * 250), listed(b"H2")], ids=["another", "63-KiB", "case"]
)
def test_c017_alpn_without_overlap(speaker, version, offer):
    script = replacing(ExtensionType.alpn, vector(2, offer))
    speaker.refuses(script, settings=settings(version), alert="no_application_protocol")


@pytest.mark.parametrize("body", [b"", b"\x02h2", b"junk"], ids=["empty", "list", "junk"])
def test_c017_npn_extension_of_a_client(speaker, body):
    """A client's has no body, and nobody looks into one."""
    ending = speaker.meet(replacing(NPN, body), talk, settings("TLSv1.2"), nextProtos=[b"h2"])
    assert ending.clean and not speaker.served.errors


BAD_CHOICES = {
    "nothing at all": b"",
    "cut short": b"\x20h2",
    "no padding": b"\x02h2",
    "padding cut short": b"\x02h2\x1bxx",
    "bytes behind it": vector(1, b"h2") + vector(1, bytes(27)) + b"more",
    "a length too large": b"\xff" + bytes(31),
}


@pytest.mark.parametrize("name", BAD_CHOICES)
def test_c017_npn_choice_of_a_client(speaker, name):
    script = at("NextProtocol", lambda _p, _m: [hostile.raw_handshake(67, BAD_CHOICES[name])])
    alerts = ("decode_error", "unexpected_message")
    speaker.refuses(script, settings=settings("TLSv1.2"), nextProtos=[b"h2"], alert=alerts)


def test_c017_npn_choice_that_is_missing(speaker):
    """It was agreed on, so Finished comes too early without it."""
    script = at("NextProtocol", lambda _p, _m: [])
    speaker.refuses(script, settings=settings("TLSv1.2"), nextProtos=[b"h2"], alert="unexpected_message")


@pytest.mark.parametrize("choice", [b"", b"spdy/9", b"x" * 255], ids=["empty", "another", "255-bytes"])
def test_c017_npn_choice_without_overlap(speaker, choice):
    """As in Node: what the client takes stands, whether we offered it or not."""
    body = vector(1, choice) + vector(1, bytes(32 - (len(choice) + 2) % 32))
    script = at("NextProtocol", lambda _p, _m: [hostile.raw_handshake(67, body)])
    ending = speaker.meet(script, talk, settings("TLSv1.2"), nextProtos=[b"h2"])
    assert ending.clean and not speaker.served.errors


@pytest.fixture
def prey(loop, certs):
    """Our client with ALPN and NPN protocols."""
    context, offer = ours.client_context(certs), listed(b"h2", b"http/1.1")
    assert lib.tls_context_set_alpn_buffer(context._handle, offer, len(offer)) == 0
    assert lib.tls_context_set_npn_buffer(context._handle, offer, len(offer)) == 0
    return hostile.Prey(loop, certs, context)


BAD_ANSWERS = {
    **BAD_LISTS,
    "two names": vector(2, listed(b"h2", b"http/1.1")),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_c017_alpn_of_a_server(prey, version, name):
    carrier = "ServerHello" if version == "TLSv1.2" else "EncryptedExtensions"
    script = replacing(ExtensionType.alpn, BAD_ANSWERS[name], carrier)
    alerts = ("decode_error", "illegal_parameter")
    prey.refuses(script, settings=settings(version), alert=alerts, alpn=[bytearray(b"h2")])


def test_c051_alpn_that_was_not_offered(prey, version):
    carrier = "ServerHello" if version == "TLSv1.2" else "EncryptedExtensions"
    script = replacing(ExtensionType.alpn, vector(2, listed(b"spdy/9")), carrier)
    alerts = ("decode_error", "illegal_parameter")
    prey.refuses(script, settings=settings(version), alert=alerts, alpn=[bytearray(b"h2")])


BAD_NPN = {
    "an empty name": listed(b""),
    "an empty name behind another": listed(b"h2", b""),
    "cut short": b"\x05h2",
}


@pytest.mark.parametrize("name", BAD_NPN)
def test_c017_npn_of_a_server(prey, name):
    """CVE-2024-5535 was about what a client made of such a list."""
    script = replacing(NPN, BAD_NPN[name], "ServerHello")
    prey.refuses(script, settings=settings("TLSv1.2"), alert=("decode_error", "illegal_parameter", "handshake_failure"))
