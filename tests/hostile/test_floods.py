"""Records that carry nothing, and alerts and heartbeats that nobody needs (cases 61, 64, 66, 67)."""

import hostile
import pytest
from hostile import settings
from tlslite.constants import ContentType
from tlslite.extensions import HeartbeatExtension
from tlslite.messages import HelloRequest

WARNING, FATAL = 1, 2
USER_CANCELED, NO_RENEGOTIATION, UNKNOWN = 90, 100, 231


def echoed(peer, data):
    peer.write(data)
    assert peer.read(len(data), len(data)) == data


# ---- case 64 ----


def test_c064_empty_records_among_data(victim, version):
    """A few are allowed, TLS 1.0 needed them; they are no events."""

    def talk(peer):
        for _ in range(5):
            for _ in range(20):
                peer.say(ContentType.application_data, b"")
            echoed(peer, b"data")
        peer.close()

    ending = victim.meet(None, talk, settings(version))
    assert ending.clean and not victim.served.errors
    assert bytes(victim.served.last.recorder.data) == b"data" * 5
    assert victim.served.last.recorder.names == ["data", "end", "close"]


def test_c064_empty_records_flood(victim, version):
    def flood(peer):
        for _ in range(2000):
            peer.say(ContentType.application_data, b"")

    error = victim.drops(None, flood, settings(version), alert=("unexpected_message", None))
    assert victim.served.last.recorder.names == ["error", "close"]
    assert error.name == "ERR_SSL_RECORD_TOO_SMALL"


def test_c064_empty_records_flood_of_a_server(loop, certs, version):
    def flood(peer):
        for _ in range(2000):
            peer.say(ContentType.application_data, b"")

    prey = hostile.Prey(loop, certs)
    prey.refuses(None, flood, settings(version), alert=("unexpected_message", None), secure=True)


@pytest.mark.parametrize("kind", [ContentType.handshake, ContentType.alert])
def test_c064_empty_records_of_other_types(victim, version, kind):
    """Not allowed at all (RFC 8446, 5.4); with TLS 1.2 OpenSSL takes a few."""

    def flood(peer):
        for _ in range(200):
            peer.say(kind, b"")

    victim.drops(None, flood, settings(version), alert=("unexpected_message", None))


def test_c064_padding_only(victim):
    """TLS 1.3: a record of nothing but zeros has no type."""
    victim.drops(None, lambda peer: peer.say(0, bytes(100)), settings("TLSv1.3"), alert="unexpected_message")


def test_c064_as_much_padding_as_fits(victim):
    def talk(peer):
        peer._recordLayer.padding_cb = lambda _length, _kind, most: most
        for _ in range(3):
            peer.write(b"x")
        assert peer.read(3, 3) == b"xxx"
        peer.close()

    ending = victim.meet(None, talk, settings("TLSv1.3"))
    assert ending.clean and victim.served.last.recorder.names == ["data", "end", "close"]


def test_c064_more_padding_than_fits(victim):
    """One byte above 2^14 and the type."""

    def pad(peer):
        peer.say(ContentType.application_data, bytes(2**14) + b"x")

    victim.drops(None, pad, settings("TLSv1.3"), alert="record_overflow")


# ---- case 66 ----


def test_c066_warning_alert_flood(victim, version):
    def flood(peer):
        for _ in range(1000):
            peer.say(ContentType.alert, [WARNING, USER_CANCELED])

    error = victim.drops(None, flood, settings(version), alert=("unexpected_message", "decode_error", None))
    assert error.name == "ERR_SSL_TOO_MANY_WARN_ALERTS"


def test_c066_warning_alert_flood_of_a_server(loop, certs, version):
    def flood(peer):
        for _ in range(1000):
            peer.say(ContentType.alert, [WARNING, USER_CANCELED])

    alerts = ("unexpected_message", "decode_error", None)
    error = hostile.Prey(loop, certs).refuses(None, flood, settings(version), alert=alerts, secure=True)
    assert error.name == "ERR_SSL_TOO_MANY_WARN_ALERTS"


def test_c066_warning_alert_flood_in_the_handshake(victim):
    def flood(peer, message):
        for _ in range(1000):
            peer.say(ContentType.alert, [WARNING, USER_CANCELED])
        return [message]

    script = hostile.at("ClientKeyExchange", flood)
    victim.refuses(script, settings=settings("TLSv1.2"), alert=("unexpected_message", "decode_error", None))


def test_c066_a_few_user_canceled(victim, version):
    """Ignored (RFC 8446, 6.1), and a close_notify after it is a clean end."""

    def talk(peer):
        peer.say(ContentType.alert, [WARNING, USER_CANCELED])
        echoed(peer, b"still here")
        peer.say(ContentType.alert, [WARNING, USER_CANCELED])
        peer.close()

    ending = victim.meet(None, talk, settings(version))
    assert ending.clean
    assert victim.served.last.recorder.events[-2:] == [("end", True), ("close", False)]


@pytest.mark.parametrize("level, number", [(WARNING, UNKNOWN), (FATAL, UNKNOWN), (WARNING, NO_RENEGOTIATION), (7, 10)])
def test_c066_alerts_in_tls13_are_fatal(victim, level, number):
    """All but close_notify and user_canceled, whatever their level says (RFC 8446, 6.2)."""
    alerts = (None, "illegal_parameter", "unexpected_message")
    victim.drops(None, lambda peer: peer.say(ContentType.alert, [level, number]), settings("TLSv1.3"), alert=alerts)


@pytest.mark.parametrize("body", [b"\x02", b"\x01\x00\x00"], ids=["half", "more-than-one"])
def test_c066_alerts_of_the_wrong_length(victim, version, body):
    alerts = ("unexpected_message", "decode_error", "illegal_parameter", None)
    victim.drops(None, lambda peer: peer.say(ContentType.alert, body), settings(version), alert=alerts)


# ---- case 67 ----


def heartbeat(length, payload=b"bleed"):
    return bytes([1]) + length.to_bytes(2, "big") + payload + bytes(16)


@pytest.mark.parametrize("length", [5, 16000, 65535])
def test_c067_heartbeat(victim, version, length):
    """Never offered, so never answered."""

    def ask(peer):
        peer.say(ContentType.heartbeat, heartbeat(length))

    assert victim.drops(None, ask, settings(version), alert="unexpected_message")


def test_c067_heartbeat_of_a_server(loop, certs, version):
    def ask(peer):
        peer.say(ContentType.heartbeat, heartbeat(16000))

    hostile.Prey(loop, certs).refuses(None, ask, settings(version), alert="unexpected_message", secure=True)


def test_c067_heartbeat_extension_is_not_taken_up(victim, version):
    seen = []

    def script(peer, message):
        if hostile.name_of(message) == "ClientHello":
            seen.append(message.getExtension(HeartbeatExtension().extType) is not None)
        return [message]

    def talk(peer):
        assert not peer.heartbeat_supported
        echoed(peer, b"no heartbeats")
        peer.close()

    asking = settings(version, heartbeat_response_callback=lambda _message: None)
    assert victim.meet(script, talk, asking).clean
    assert seen == [True]


# ---- case 61 ----


def test_c061_requests_to_renegotiate(loop, certs):
    """Our client may answer one or none; a flood ends the connection."""

    def flood(peer):
        for _ in range(10000):
            for _ in peer._sendMsg(HelloRequest().create()):
                pass

    prey = hostile.Prey(loop, certs)
    error = prey.refuses(None, flood, settings("TLSv1.2"), alert=None, secure=True)
    assert error.name == "ERR_TLS_TOO_MANY_MESSAGES"


def test_c061_requests_in_the_handshake(loop, certs):
    def flood(peer, message):
        for _ in range(10000):
            for _ in peer._sendMsg(HelloRequest().create(), update_hashes=False):
                pass
        return [message]

    prey = hostile.Prey(loop, certs)
    error = prey.refuses(hostile.at("Certificate", flood), settings=settings("TLSv1.2"), alert=None)
    assert error.name == "ERR_TLS_TOO_MANY_MESSAGES"
