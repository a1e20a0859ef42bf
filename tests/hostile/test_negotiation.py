"""Offers that have nothing in common with ours, and answers that nobody asked for (cases 41, 42, 46,
49 to 51).
"""

import hostile
import ours
import pytest
import tlspair
from hostile import at, extension, settings
from tlslite.constants import CipherSuite, ContentType, ExtensionType, GroupName, HandshakeType
from tlslite.extensions import (
    ALPNExtension,
    HRRKeyShareExtension,
    SNIExtension,
    SrvPreSharedKeyExtension,
    SrvSupportedVersionsExtension,
)
from tlslite.messages import Message, ServerHello

# SHA-256 of "HelloRetryRequest" (RFC 8446, 4.1.3).
RETRY = bytes.fromhex("CF21AD74E59A6111BE1D8C021E65B891C2A211167ABB8C5E079E09E2C8A8339C")

# ---- case 41 ----


@pytest.mark.parametrize("wire", [(3, 1), (3, 2)], ids=["1.0", "1.1"])
def test_c041_old_versions_only(victim, wire):
    old = settings(minVersion=(3, 1), maxVersion=wire)
    error = victim.refuses(settings=old, alert="protocol_version")
    assert error.name == "ERR_SSL_UNSUPPORTED_PROTOCOL"


# ---- case 42 ----

NOTHING_IN_COMMON = {
    "cipher-1.2": ("TLSv1.2", {"cipherNames": ["aes256gcm"]}, "ERR_SSL_NO_SHARED_CIPHER"),
    "cipher-1.3": ("TLSv1.3", {"cipherNames": ["aes256gcm"]}, "ERR_SSL_NO_SHARED_CIPHER"),
    "curve-1.2": (
        "TLSv1.2",
        {"eccCurves": ["brainpoolP256r1"], "dhGroups": [], "keyShares": []},
        "ERR_SSL_NO_SHARED_CIPHER",
    ),
    "curve-1.3": (
        "TLSv1.3",
        {"eccCurves": ["brainpoolP256r1tls13"], "dhGroups": [], "keyShares": ["brainpoolP256r1tls13"]},
        None,
    ),
    "signature-1.2": ("TLSv1.2", {"ecdsaSigHashes": [], "more_sig_schemes": []}, None),
    "signature-1.3": ("TLSv1.3", {"ecdsaSigHashes": [], "more_sig_schemes": []}, None),
}


@pytest.mark.parametrize("name", NOTHING_IN_COMMON)
def test_c042_nothing_in_common(loop, certs, name):
    version, changes, error_name = NOTHING_IN_COMMON[name]
    context = ours.server_context(certs)
    context.set_ciphers("TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256")
    victim = hostile.Victim(loop, certs, context)
    error = victim.refuses(settings=settings(version, **changes), alert="handshake_failure")
    assert error.status == tlspair.constant.TLS_ERR_TLS
    if error_name is not None:
        assert error.name == error_name
    victim.finish()


# ---- case 46 ----


def test_c046_fallback_scsv(victim):
    """The client says that it could do better; so can we."""
    error = victim.refuses(settings=settings("TLSv1.2", sendFallbackSCSV=True), alert="inappropriate_fallback")
    assert error.name == "ERR_SSL_INAPPROPRIATE_FALLBACK"


def test_c046_fallback_scsv_of_the_best_version(loop, certs):
    victim = hostile.Victim(loop, certs, ours.server_context(certs, version="TLSv1.2"))

    def talk(peer):
        peer.write(b"fine")
        assert peer.read(4, 4) == b"fine"
        peer.close()

    assert victim.meet(None, talk, settings("TLSv1.2", sendFallbackSCSV=True)).clean
    victim.finish()


@pytest.mark.parametrize("sentinel", [b"DOWNGRD\x01", b"DOWNGRD\x00"], ids=["to-1.2", "to-1.1"])
def test_c046_downgrade_sentinel(loop, certs, sentinel):
    """A server that could do TLS 1.3 answers with 1.2: somebody in between took it away."""

    def mark(_peer, message):
        message.random = message.random[:24] + bytearray(sentinel)
        return [message]

    error = hostile.Prey(loop, certs).refuses(
        at("ServerHello", mark), settings=settings("TLSv1.2"), alert="illegal_parameter"
    )
    assert error.name == "ERR_SSL_INAPPROPRIATE_FALLBACK"


@pytest.mark.parametrize("wire", [(3, 0), (3, 1), (3, 2), (3, 5), (9, 9)])
def test_c046_a_version_not_offered(loop, certs, wire):
    def change(_peer, message):
        message.server_version = wire
        return [message]

    alerts = ("protocol_version", "illegal_parameter")
    hostile.Prey(loop, certs).refuses(at("ServerHello", change), settings=settings("TLSv1.2"), alert=alerts)


# ---- case 49 ----


def large_certificate(promised, sent):
    """A certificate message that is as long as it says, or stops before."""

    def script(_peer, _message):
        start = Message(ContentType.handshake, bytearray([HandshakeType.certificate]) + promised.to_bytes(3, "big"))
        pieces = [Message(ContentType.handshake, bytearray(16384)) for _ in range(sent // 16384)]
        return [start, *pieces]

    return at("Certificate", script)


@pytest.mark.parametrize("sent", [0, 10 << 20], ids=["promised", "sent"])
def test_c049_ten_megabytes_of_certificates(loop, certs, sent):
    """Refused at the promise: nothing of it is kept."""
    error = hostile.Prey(loop, certs).refuses(
        large_certificate(10 << 20, sent), settings=settings("TLSv1.2"), alert=("illegal_parameter", None)
    )
    assert error.name == "ERR_SSL_EXCESSIVE_MESSAGE_SIZE"


def test_c049_ten_megabytes_of_certificates_in_tls13(loop, certs):
    error = hostile.Prey(loop, certs).refuses(
        large_certificate(10 << 20, 1 << 16), settings=settings("TLSv1.3"), alert=("illegal_parameter", None)
    )
    assert error.name == "ERR_SSL_EXCESSIVE_MESSAGE_SIZE"


# ---- case 50 ----


def retry(hello, *extensions):
    """A HelloRetryRequest in answer to this ServerHello."""
    return ServerHello().create(
        (3, 3),
        bytearray(RETRY),
        hello.session_id,
        hello.cipher_suite,
        extensions=[SrvSupportedVersionsExtension().create((3, 4)), *extensions],
    )


def group(number):
    return HRRKeyShareExtension().create(number)


RETRIES = {
    "twice": (lambda m: [retry(m, group(GroupName.secp384r1)), retry(m, group(GroupName.secp521r1))], None),
    "for nothing": (lambda m: [retry(m)], "illegal_parameter"),
    "for a group that was given": (lambda m: [retry(m, group(GroupName.x25519))], "illegal_parameter"),
    "for a group that was not offered": (
        lambda m: [retry(m, group(GroupName.brainpoolP256r1tls13))],
        "illegal_parameter",
    ),
}


@pytest.mark.parametrize("name", RETRIES)
def test_c050_hello_retry_request(loop, certs, name):
    messages, alert = RETRIES[name]
    hostile.Prey(loop, certs).refuses(
        at("ServerHello", lambda _p, m: messages(m)),
        settings=settings("TLSv1.3"),
        alert=(alert, "unexpected_message", "illegal_parameter") if alert is None else alert,
    )


def with_extension(added):
    def script(_peer, message):
        message.extensions = [*(message.extensions or []), added]
        return [message]

    return script


NOT_ASKED_FOR = {
    "ALPN": ALPNExtension().create([bytearray(b"h2")]),
    "status": extension(5),
}
# OpenSSL knows these as little as we do.
UNKNOWN = {
    "heartbeat": extension(ExtensionType.heartbeat, b"\x01"),
    "unknown": extension(0xFAFA),
}


@pytest.mark.parametrize("name", NOT_ASKED_FOR)
def test_c050_unsolicited_extension(loop, certs, version, name):
    carrier = "ServerHello" if version == "TLSv1.2" else "EncryptedExtensions"
    alerts = ("unsupported_extension", "illegal_parameter")
    hostile.Prey(loop, certs).refuses(
        at(carrier, with_extension(NOT_ASKED_FOR[name])), settings=settings(version), alert=alerts
    )


@pytest.mark.parametrize("name", UNKNOWN)
def test_c050_unknown_extensions_mean_nothing(loop, certs, version, name):
    """The standards would have them refused; OpenSSL passes over them, on clients too."""
    carrier = "ServerHello" if version == "TLSv1.2" else "EncryptedExtensions"
    prey = hostile.Prey(loop, certs)
    prey.meet(at(carrier, with_extension(UNKNOWN[name])), lambda peer: peer.close(), settings(version))
    assert prey.recorder.names == ["secure_connect", "end", "close"]


def test_c050_an_extension_twice(loop, certs):
    def script(_peer, message):
        message.extensions = message.extensions * 2
        return [message]

    prey = hostile.Prey(loop, certs)
    prey.refuses(at("ServerHello", script), settings=settings("TLSv1.2"), alert="illegal_parameter")


@pytest.mark.parametrize("name", ["psk", "sni"])
def test_c050_extensions_in_the_wrong_message(loop, certs, name):
    misplaced = SrvPreSharedKeyExtension().create(0) if name == "psk" else SNIExtension()
    hostile.Prey(loop, certs).refuses(
        at("ServerHello", with_extension(misplaced)),
        settings=settings("TLSv1.3"),
        alert=("illegal_parameter", "unsupported_extension"),
    )


# ---- case 51 ----

NOT_OFFERED = {
    "TLSv1.2": [
        CipherSuite.TLS_RSA_WITH_RC4_128_SHA,
        CipherSuite.TLS_ECDH_ANON_WITH_AES_128_CBC_SHA,
        0x0000,
        0x00FF,
        CipherSuite.TLS_AES_128_GCM_SHA256,
    ],
    "TLSv1.3": [
        CipherSuite.TLS_AES_128_CCM_8_SHA256,
        CipherSuite.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        0x0000,
        0x13FF,
    ],
}


@pytest.mark.parametrize("version, suite", [(v, suite) for v, suites in NOT_OFFERED.items() for suite in suites])
def test_c051_a_cipher_that_was_not_offered(loop, certs, version, suite):
    def change(_peer, message):
        message.cipher_suite = suite
        return [message]

    alerts = ("illegal_parameter", "handshake_failure")
    hostile.Prey(loop, certs).refuses(at("ServerHello", change), settings=settings(version), alert=alerts)


def test_c051_compression(loop, certs):
    def change(_peer, message):
        message.compression_method = 1
        return [message]

    prey = hostile.Prey(loop, certs)
    prey.refuses(at("ServerHello", change), settings=settings("TLSv1.2"), alert="illegal_parameter")


def test_c051_a_session_that_was_not_offered(loop, certs):
    """TLS 1.3: the session id must come back as it was."""

    def change(_peer, message):
        message.session_id = bytearray(32)
        return [message]

    prey = hostile.Prey(loop, certs)
    prey.refuses(at("ServerHello", change), settings=settings("TLSv1.3"), alert="illegal_parameter")
