"""Handshake messages that are wrong, missing, doubled, out of order or in crumbs (cases 39, 40, 43, 44)."""

import hostile
import ours
import pytest
from hostile import at, settings
from tlslite.constants import ContentType
from tlslite.messages import Message

CCS = Message(ContentType.change_cipher_spec, bytearray([1]))
# A peer that cannot read our alert any more, because it changed its keys too early or too late.
UNREADABLE = None


def early_data():
    return Message(ContentType.application_data, bytearray(b"too early"))


def crumbs(message, *cuts, between=()):
    """A message cut in records at these places, with others between the first two."""
    data = message.write()
    cuts = [0, *cuts, len(data)]
    pieces = [Message(message.contentType, data[start:end]) for start, end in zip(cuts, cuts[1:])]
    return [pieces[0], *between, *pieces[1:]]


# ---- case 39 ----


@pytest.mark.parametrize("size", [1, 2, 5])
def test_c039_fragments_of_a_client(victim, version, size):
    def talk(peer):
        peer.recordSize = 16384
        peer.write(b"whole")
        assert peer.read(5, 5) == b"whole"
        peer.close()

    def script(peer, message):
        peer.recordSize = size
        return [message]

    ending = victim.meet(script, talk, settings(version))
    assert ending.secure and not victim.served.errors
    assert victim.served.last.protocol == version


@pytest.mark.parametrize("size", [1, 2, 5])
def test_c039_fragments_of_a_server(loop, certs, version, size):
    def script(peer, message):
        # Alerts must not be fragmented, says RFC 8446, 5.1.
        peer.recordSize = size if message.contentType == ContentType.handshake else 16384
        return [message]

    prey = hostile.Prey(loop, certs)
    ending = prey.meet(script, lambda peer: peer.close(), settings(version))
    assert ending.secure and prey.recorder.names == ["secure_connect", "end", "close"]


# ---- case 43 ----


def flip(_peer, message):
    message.verify_data[0] ^= 1
    return [message]


def cut(_peer, message):
    message.verify_data = message.verify_data[:-1]
    return [message]


def pad(_peer, message):
    message.verify_data = message.verify_data + bytearray(1)
    return [message]


FINISHED = pytest.mark.parametrize(
    "change, alert",
    [(flip, "decrypt_error"), (cut, "decode_error"), (pad, "decode_error")],
    ids=["bad", "truncated", "padded"],
)


@FINISHED
def test_c043_finished_of_a_client(victim, version, change, alert):
    victim.refuses(at("Finished", change), settings=settings(version), alert=alert)


@FINISHED
def test_c043_finished_of_a_server(loop, certs, version, change, alert):
    hostile.Prey(loop, certs).refuses(at("Finished", change), settings=settings(version), alert=alert)


def flip_last(body):
    body[-1] ^= 1
    return body


CIPHERS = pytest.mark.parametrize(
    "version, cipher, ours_only",
    [
        ("TLSv1.2", "aes128gcm", None),
        ("TLSv1.2", "chacha20-poly1305", None),
        ("TLSv1.2", "aes128", "ECDHE-ECDSA-AES128-SHA256"),
        ("TLSv1.3", "aes128gcm", None),
        ("TLSv1.3", "chacha20-poly1305", None),
    ],
    ids=["1.2-gcm", "1.2-chacha", "1.2-cbc", "1.3-gcm", "1.3-chacha"],
)


def with_ciphers(context, ciphers):
    if ciphers is not None:
        context.set_ciphers(ciphers)
    return context


@pytest.fixture
def served(loop, certs, ours_only):
    """As `victim`, with the cipher that is named."""
    victim = hostile.Victim(loop, certs, with_ciphers(ours.server_context(certs), ours_only))
    yield victim
    victim.finish()


def tampered(peer):
    peer.tamper_with_records(flip_last)
    peer.write(b"not as it was")


@CIPHERS
def test_c043_bad_mac_in_the_handshake(served, version, cipher):
    def script(peer, message):
        peer.tamper_with_records(flip_last)
        return [message]

    changes = settings(version, cipherNames=[cipher])
    served.refuses(at("Finished", script), settings=changes, alert="bad_record_mac")


@CIPHERS
def test_c043_bad_mac_after_the_handshake(served, version, cipher):
    served.drops(None, tampered, settings(version, cipherNames=[cipher]), alert="bad_record_mac")


@CIPHERS
def test_c043_bad_mac_of_a_server(loop, certs, version, cipher, ours_only):
    prey = hostile.Prey(loop, certs, with_ciphers(ours.client_context(certs), ours_only))
    changes = settings(version, cipherNames=[cipher])
    prey.refuses(None, tampered, changes, alert="bad_record_mac", secure=True)


def test_c043_a_record_too_short_for_its_mac(victim, version):
    def short(peer):
        peer.tamper_with_records(lambda body: body[:3])
        peer.write(b"gone")

    victim.drops(None, short, settings(version), alert=("bad_record_mac", "decode_error", "internal_error"))


# ---- case 44, and the ChangeCipherSpec of case 40 ----

UNEXPECTED = "unexpected_message"

TWELVE = {
    "no ClientKeyExchange": at("ClientKeyExchange", lambda _p, _m: []),
    "ClientKeyExchange twice": at("ClientKeyExchange", lambda _p, m: [m, m]),
    "no ChangeCipherSpec": at("ChangeCipherSpec", lambda _p, _m: []),
    "ChangeCipherSpec twice": at("ChangeCipherSpec", lambda _p, m: [m, m]),
    "ChangeCipherSpec before ClientKeyExchange": at("ClientKeyExchange", lambda _p, m: [CCS, m]),
    "ChangeCipherSpec inside ClientKeyExchange": at("ClientKeyExchange", lambda _p, m: crumbs(m, 7, between=[CCS])),
    "ChangeCipherSpec of two bytes": at(
        "ChangeCipherSpec", lambda _p, _m: [Message(ContentType.change_cipher_spec, bytearray([1, 1]))]
    ),
    "ChangeCipherSpec of another value": at(
        "ChangeCipherSpec", lambda _p, _m: [Message(ContentType.change_cipher_spec, bytearray([2]))]
    ),
    "data in plain text": at("ClientKeyExchange", lambda _p, m: [early_data(), m]),
    "data inside ClientKeyExchange": at("ClientKeyExchange", lambda _p, m: crumbs(m, 7, between=[early_data()])),
    "data in place of Finished": at("Finished", lambda _p, _m: [early_data()]),
    "ClientHello in the middle": at("ClientKeyExchange", lambda _p, m: [hostile.raw_handshake(1, bytes(60)), m]),
    "a request that only servers make": at("ClientKeyExchange", lambda _p, m: [hostile.raw_handshake(0, b""), m]),
    "a certificate that was not asked for": at(
        "ClientKeyExchange", lambda _p, m: [hostile.raw_handshake(11, bytes(3)), m]
    ),
}


@pytest.mark.parametrize("name", TWELVE)
def test_c044_c040_a_client_of_tls12(victim, name):
    alerts = (UNEXPECTED, "bad_record_mac", "illegal_parameter", "decode_error", "internal_error", UNREADABLE)
    victim.refuses(TWELVE[name], settings=settings("TLSv1.2"), alert=alerts)


THIRTEEN = {
    "no Finished": at("Finished", lambda _p, _m: [early_data()]),
    "data before Finished": at("Finished", lambda _p, m: [early_data(), m]),
    "data inside Finished": at("Finished", lambda _p, m: crumbs(m, 7, between=[early_data()])),
    "ClientHello again": at("Finished", lambda _p, m: [hostile.raw_handshake(1, bytes(60)), m]),
    "a KeyUpdate before Finished": at("Finished", lambda _p, m: [hostile.raw_handshake(24, [0]), m]),
    "EndOfEarlyData": at("Finished", lambda _p, m: [hostile.raw_handshake(5, b""), m]),
    "a certificate that was not asked for": at("Finished", lambda _p, m: [hostile.raw_handshake(11, bytes(4)), m]),
}


@pytest.mark.parametrize("name", THIRTEEN)
def test_c044_c040_a_client_of_tls13(victim, name):
    victim.refuses(THIRTEEN[name], settings=settings("TLSv1.3"), alert=(UNEXPECTED, "decode_error", UNREADABLE))


AFTERWARDS = {
    "Finished again": (20, bytes(32)),
    "ClientHello": (1, bytes(60)),
    "a ticket from a client": (4, bytes(20)),
    "a message of no known type": (99, b"?"),
    "a certificate": (11, bytes(4)),
    "a KeyUpdate of no known kind": (24, [2]),
    "a KeyUpdate without a body": (24, []),
}


@pytest.mark.parametrize(
    "version, name",
    [("TLSv1.2", name) for name in AFTERWARDS if name != "ClientHello"] + [("TLSv1.3", name) for name in AFTERWARDS],
)
def test_c044_messages_after_the_handshake(victim, version, name):
    def send(peer):
        for _ in peer._sendMsg(hostile.raw_handshake(*AFTERWARDS[name])):
            pass

    alerts = (UNEXPECTED, "illegal_parameter", "decode_error")
    victim.drops(None, send, settings(version), alert=alerts)


def test_c040_change_cipher_spec_among_data(victim, version):
    victim.drops(None, lambda peer: peer.say(ContentType.change_cipher_spec, [1]), settings(version), alert=UNEXPECTED)


@pytest.mark.parametrize("kind", [0, 19, 25, 99, 255])
def test_c040_records_of_no_known_type(victim, version, kind):
    victim.drops(None, lambda peer: peer.say(kind, b"what?"), settings(version), alert=UNEXPECTED)


SERVERS = {
    "no ServerHello": ("ServerHello", lambda _p, _m: []),
    "ServerHello twice": ("ServerHello", lambda _p, m: [m, m]),
    "no certificate": ("Certificate", lambda _p, _m: []),
    "the certificate twice": ("Certificate", lambda _p, m: [m, m]),
    "no Finished": ("Finished", lambda _p, _m: [early_data()]),
    "data before Finished": ("Finished", lambda _p, m: [early_data(), m]),
    "data before the certificate": ("Certificate", lambda _p, m: [early_data(), m]),
    "a ticket before Finished": ("Finished", lambda _p, m: [hostile.raw_handshake(4, bytes(20)), m]),
    "a message that only clients send": ("Certificate", lambda _p, m: [hostile.raw_handshake(1, bytes(60)), m]),
}
SERVERS12 = {
    "no ServerKeyExchange": ("ServerKeyExchange", lambda _p, _m: []),
    "ServerKeyExchange twice": ("ServerKeyExchange", lambda _p, m: [m, m]),
    "no ChangeCipherSpec": ("ChangeCipherSpec", lambda _p, _m: []),
    "ChangeCipherSpec too early": ("ServerHelloDone", lambda _p, m: [CCS, m]),
}
SERVERS13 = {
    "no EncryptedExtensions": ("EncryptedExtensions", lambda _p, _m: []),
    "no CertificateVerify": ("CertificateVerify", lambda _p, _m: []),
    "CertificateVerify twice": ("CertificateVerify", lambda _p, m: [m, m]),
}


@pytest.mark.parametrize(
    "version, name",
    [("TLSv1.2", name) for name in {**SERVERS, **SERVERS12}] + [("TLSv1.3", name) for name in {**SERVERS, **SERVERS13}],
)
def test_c044_a_server(loop, certs, version, name):
    """Whatever a server leaves out, doubles or puts in: our client ends it, and no data was told."""
    script = at(*{**SERVERS, **SERVERS12, **SERVERS13}[name])
    prey = hostile.Prey(loop, certs)
    alerts = (UNEXPECTED, "bad_record_mac", "illegal_parameter", "decode_error", UNREADABLE)
    prey.refuses(script, settings=settings(version), alert=alerts)
    assert prey.recorder.data == b""
