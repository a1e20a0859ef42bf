"""ALPN and NPN: lists and buffers on everything that has them, and what cannot be one."""

import pytest
import support
import tlspair
from tlspair import constant

VERSIONS = ["TLSv1.2", "TLSv1.3"]
BUFFER = b"\x02h2\x08http/1.1"


@pytest.fixture
def targets(loop, server_context):
    """One of each kind that takes protocols."""
    pair = tlspair.SecurePair(server_context, is_server=True)
    return [tlspair.Context(), tlspair.Server(loop, server_context), tlspair.ConnectOptions(), pair]


def refused(kind, function, *arguments):
    with pytest.raises(kind) as caught:
        function(*arguments)
    if isinstance(caught.value, tlspair.TLSError):
        assert caught.value.status == constant.TLS_ERR_INVALID_ARGUMENT


@pytest.mark.parametrize("what", ["alpn", "npn"])
@pytest.mark.parametrize(
    "wrong",
    [
        [],
        (),
        [""],
        ["h2", ""],
        ["a" * 256],
        ["a" * 255] * 256,
        b"",
        b"\x00",
        b"\x02h2\x00",
        b"\x03h2",
        b"\x03a\0b",
        b"\x02h2\x08http/1.",
        b"\x01a" * 32768,
    ],
    ids=lambda wrong: f"{type(wrong).__name__}-{len(wrong)}-{bytes(str(wrong[:2]), 'ascii')[:12]}",
)
def test_c017_s83_s21_s34_impossible_lists(targets, what, wrong):
    """Each is refused at once, as a `ValueError`; before and after it a good one is taken."""
    for target in targets:
        setter = getattr(target, f"set_{what}_protocols")
        refused(ValueError, setter, wrong)
        setter(["h2"])
        refused(ValueError, setter, wrong)


@pytest.mark.parametrize("what", ["alpn", "npn"])
def test_c017_c015_c016_what_is_no_list_of_names(targets, what):
    for target in targets:
        setter = getattr(target, f"set_{what}_protocols")
        for wrong in (["h2", None], [5], "h2", 5, None, [["h2"]]):
            refused(TypeError, setter, wrong)
        for wrong in (["h2\0evil"], [b"h2\0evil"], ["\0"]):
            with pytest.raises(ValueError, match="embedded NUL"):
                setter(wrong)


@pytest.mark.parametrize("what", ["alpn", "npn"])
def test_c017_s83_s21_s34_every_form_is_taken(targets, what):
    longest = ["a" * 255] * 255 + ["b" * 254]  # 65,535 bytes with their lengths
    forms = [["h2", "http/1.1"], ("h2",), [b"h2", "http/1.1"], ["gr\u00fc\u00dfe"], {"h2": 1}.keys(), longest]
    forms += [BUFFER, bytearray(BUFFER), memoryview(BUFFER)]
    for target in targets:
        for form in forms:
            getattr(target, f"set_{what}_protocols")(form)


def test_c017_s83_s21_frozen_and_started(certs, server_context):
    pair = tlspair.SecurePair(server_context, is_server=True)
    pair.start()
    for target, status in ((server_context, constant.TLS_ERR_FROZEN), (pair, constant.TLS_ERR_INVALID_STATE)):
        for setter in (target.set_alpn_protocols, target.set_npn_protocols):
            for form in (["h2"], BUFFER):
                with pytest.raises(tlspair.TLSError) as caught:
                    setter(form)
                assert caught.value.status == status


FORMS = [(["a", "b"], ["b", "a"]), (b"\x01a\x01b", b"\x01b\x01a"), ([b"a", b"b"], b"\x01b\x01a")]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("ours, theirs", FORMS, ids=["lists", "buffers", "mixed"])
def test_s83_of_pairs(certs, version, ours, theirs):
    """The server's order counts."""
    client, server = support.pairs(certs, version=version)
    client.set_alpn_protocols(ours)
    server.set_alpn_protocols(theirs)
    assert client.alpn_protocol is None
    assert support.shuttle(client, server) == []
    assert client.alpn_protocol == server.alpn_protocol == "b"
    assert client.npn_protocol is None and server.npn_protocol is None


@pytest.mark.parametrize("ours, theirs", FORMS, ids=["lists", "buffers", "mixed"])
def test_s21_s34_s70_of_pairs(certs, ours, theirs):
    """The client takes the first of the server's that is among its own."""
    client, server = support.pairs(certs, version="TLSv1.2")
    client.set_npn_protocols(ours)
    server.set_npn_protocols(theirs)
    assert support.shuttle(client, server) == []
    assert client.npn_protocol == server.npn_protocol == "b"
    assert client.alpn_protocol is None and server.alpn_protocol is None


@pytest.mark.parametrize("version", VERSIONS)
def test_s83_s21_s34_s70_of_streams(loop, certs, version):
    """Server, context and options; what was agreed is there in the first event of both."""
    server = support.echo_server(loop, support.server_context(certs))
    server.set_alpn_protocols(["x", "h2"])
    server.set_npn_protocols(["spdy/3"])
    context = support.client_context(certs, version=version)
    context.set_alpn_protocols(["unused"])
    context.set_npn_protocols(["spdy/3"])
    options = tlspair.ConnectOptions(context, "localhost")
    options.set_alpn_protocols(["h2"])
    agreed = []
    server.on_secure_connection(lambda _server, stream: agreed.append((stream.alpn_protocol, stream.npn_protocol)))
    stream = tlspair.connect(loop, server.port, "127.0.0.1", options)
    stream.on_secure_connect(lambda stream: agreed.append((stream.alpn_protocol, stream.npn_protocol)))
    assert stream.alpn_protocol is None and stream.npn_protocol is None
    support.run_until(loop, lambda: len(agreed) == 2)
    # ALPN comes before NPN, and TLS 1.3 has none.
    assert agreed == [("h2", None)] * 2
    # Without ALPN, NPN is left.
    del agreed[:]
    context = support.client_context(certs, version=version)
    context.set_npn_protocols(["spdy/3"])
    stream = tlspair.connect(loop, server.port, "127.0.0.1", tlspair.ConnectOptions(context, "localhost"))
    stream.on_secure_connect(lambda stream: agreed.append((stream.alpn_protocol, stream.npn_protocol)))
    support.run_until(loop, lambda: len(agreed) == 2)
    assert agreed == [(None, "spdy/3" if version == "TLSv1.2" else None)] * 2
    stream.destroy()
    support.run_until(loop, lambda: stream.closed)
    assert stream.alpn_protocol is None and stream.npn_protocol is None


@pytest.mark.parametrize("version", VERSIONS)
def test_s83_no_overlap(loop, certs, version):
    server = support.echo_server(loop, support.server_context(certs))
    server.set_alpn_protocols(["h2"])
    options = tlspair.ConnectOptions(support.client_context(certs, version=version), "localhost")
    options.set_alpn_protocols(["http/1.1"])
    stream = tlspair.connect(loop, server.port, "127.0.0.1", options)
    recorder = support.record_stream(stream)
    support.run_until(loop, lambda: stream.closed and server.errors)
    ((error,),) = recorder.of("error")
    assert error.name == "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL"
    assert [error.name for error in server.errors] == ["ERR_SSL_NO_APPLICATION_PROTOCOL"]


def test_s34_s70_no_overlap(certs):
    """The client names its own first; the server sees that, the client reports none."""
    client, server = support.pairs(certs, version="TLSv1.2")
    client.set_npn_protocols(["first", "second"])
    server.set_npn_protocols(["other"])
    assert support.shuttle(client, server) == []
    assert (client.npn_protocol, server.npn_protocol) == (None, "first")


def test_s21_s34_s70_server_without_a_list(certs):
    """It does not answer, so that the client has nothing to choose from."""
    client, server = support.pairs(certs, version="TLSv1.2")
    client.set_npn_protocols(["first"])
    assert support.shuttle(client, server) == []
    assert client.npn_protocol is None and server.npn_protocol is None


def test_s83_name_that_is_no_text(certs):
    """Names are bytes; what is no UTF-8 is shown as well as it can be."""
    client, server = support.pairs(certs)
    for pair in (client, server):
        pair.set_alpn_protocols([b"\xffh2"])
    assert support.shuttle(client, server) == []
    assert client.alpn_protocol == server.alpn_protocol == "\ufffdh2"
