"""Our client, at `openssl s_server`: streams on a loop, and pairs over a plain socket."""

import socket

import ours
import pytest
import support
import tlspair
from strangers import s_server, until

LINES = b"one\ntwo\nthree\n"
REVERSED = b"eno\nowt\neerht\n"


def test_s30_s33_s63_s66_reversed(loop, certs, version, identity):
    """The lines come back reversed; both sides end cleanly."""
    with s_server(loop, certs, "-rev", version=version, identity=identity) as (server, port):
        stream, recorder = ours.connect(loop, port, ours.client_context(certs))
        stream.write(LINES)
        until(loop, lambda: recorder.data.endswith(REVERSED), server)
        assert stream.authorized and stream.authorization_error is None
        assert stream.protocol == version
        assert stream.cipher_name and stream.cipher_standard_name.startswith("TLS_")
        assert "CN=localhost" in stream.peer_certificate().subject
        stream.end()
        until(loop, lambda: stream.closed and server.ended, server)
        assert server.said(f"Protocol version: {version}")
        assert server.status == 0
    assert recorder.data == REVERSED
    assert recorder.names[:2] == ["secure_connect", "data"] and recorder.names[-1] == "close"
    assert recorder.of("close") == [(False,)] and not recorder.of("error")


def test_s82_version_of_ours(loop, certs, version):
    """The same with the limit on our side: the stranger takes both."""
    with s_server(loop, certs, "-rev") as (server, port):
        stream, recorder = ours.connect(loop, port, ours.client_context(certs, version=version))
        stream.write(LINES)
        until(loop, lambda: recorder.data.endswith(REVERSED), server)
        assert stream.protocol == version


def test_s61_large_out(loop, certs, version):
    """What we write before `end` arrives whole. The stranger prints it among its own words."""
    with s_server(loop, certs, version=version) as (server, port):
        stream, recorder = ours.connect(loop, port, ours.client_context(certs))
        stream.write(ours.LARGE)
        stream.end()
        until(loop, lambda: stream.closed and server.ended, server)
        assert ours.LARGE in server.out
    assert recorder.of("close") == [(False,)]


def test_s61_large_in(loop, certs, version, tmp_path):
    """A file from the stranger's little web server, up to its close_notify."""
    (tmp_path / "large").write_bytes(ours.LARGE)
    arguments = ["-WWW", "-http_server_binmode"]
    with s_server(loop, certs, *arguments, version=version, cwd=tmp_path) as (server, port):
        stream, recorder = ours.connect(loop, port, ours.client_context(certs))
        stream.write(b"GET /large HTTP/1.0\r\n\r\n")
        until(loop, lambda: stream.closed, server)
    head, _, body = bytes(recorder.data).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200")
    assert ours.digest(body) == ours.digest(ours.LARGE)
    assert recorder.of("end") == [(True,)]


def test_c056_cut_off(loop, certs, version):
    """A server that dies is told from one that says goodbye."""
    with s_server(loop, certs, "-rev", version=version) as (server, port):
        stream, recorder = ours.connect(loop, port, ours.client_context(certs))
        stream.write(LINES)
        until(loop, lambda: recorder.data.endswith(REVERSED), server)
        server.kill()
        until(loop, lambda: stream.closed, server)
    assert recorder.data == REVERSED
    assert recorder.of("end") == [(False,)]


def test_s32_our_certificate(loop, certs, version):
    """The stranger asks who we are, and is content."""
    arguments = ["-Verify", "3", "-verify_return_error", "-CAfile", certs / "ca.pem"]
    with s_server(loop, certs, "-rev", *arguments, version=version) as (server, port):
        stream, recorder = ours.connect(loop, port, ours.client_context(certs, identity="client"))
        stream.write(LINES)
        until(loop, lambda: recorder.data.endswith(REVERSED), server)


def test_s61_stranger_refuses_us(loop, certs, version):
    """Without a certificate the same stranger sends an alert, which has a name."""
    arguments = ["-Verify", "3", "-verify_return_error", "-CAfile", certs / "ca.pem"]
    with s_server(loop, certs, "-rev", *arguments, version=version) as (server, port):
        stream, recorder = ours.connect(loop, port, ours.client_context(certs))
        until(loop, lambda: stream.closed, server)
    ((error,),) = recorder.of("error")
    expected = {
        "TLSv1.2": "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE",
        "TLSv1.3": "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
    }
    assert error.name == expected[version]
    assert recorder.of("close") == [(True,)]


class Transport:
    """Carries a pair's bytes over a plain, blocking socket; `piece` bytes at a time into the pair."""

    def __init__(self, pair, port, piece=1 << 16):
        self.pair, self.piece = pair, piece
        self.plaintext = b""
        self.ended = False
        self.socket = socket.create_connection(("127.0.0.1", port), support.DEADLINE)
        self.socket.settimeout(support.DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.socket.close()

    def flush(self):
        while data := self.pair.take():
            self.socket.sendall(data)

    def turn(self):
        """Send what there is, wait for more and feed it."""
        self.flush()
        received = self.socket.recv(1 << 16)
        if not received:
            self.ended = True
            self.pair.feed_eof()
        for start in range(0, len(received), self.piece):
            self.pair.feed(received[start : start + self.piece])
            while data := self.pair.read():
                self.plaintext += data

    def until(self, done):
        """A bounded number of turns, each of which the socket's timeout bounds."""
        for _ in range(1000):
            if done():
                self.flush()
                return
            assert not self.ended, "the transport ended"
            self.turn()
        raise AssertionError("not done in time")


def client_pair(certs):
    pair = tlspair.SecurePair(ours.client_context(certs))
    pair.set_servername("localhost")
    return pair


@pytest.mark.parametrize("piece", [1, 1 << 16], ids=["bytes", "whole"])
def test_s40_s41_s42_pair_in_pull_mode(loop, certs, version, identity, piece):
    """No callback carries data, and what the stranger sent comes in a byte at a time."""
    pair = client_pair(certs)
    recorder = support.record_pair(pair)
    with s_server(loop, certs, "-rev", version=version, identity=identity) as (server, port):
        with Transport(pair, port, piece) as transport:
            pair.write(LINES)
            transport.until(lambda: transport.plaintext.endswith(REVERSED))
            assert pair.authorized and pair.protocol == version
            pair.end()
            transport.flush()
            transport.until(lambda: recorder.of("end") or transport.ended)
        until(loop, lambda: server.ended, server)
        assert server.status == 0
    assert transport.plaintext == REVERSED
    assert recorder.names[0] == "secure" and not recorder.of("error")


@pytest.mark.parametrize("tickets", [[], ["-no_ticket"]], ids=["tickets", "ids"])
def test_s40_pair_resumes(loop, certs, version, tickets):
    """A session of the first connection shortens the second, whoever of the two keeps its state."""
    session = None
    # Two connections of one server: its ticket keys and its cache live as long as it does.
    with s_server(loop, certs, "-rev", "-naccept", "2", *tickets, version=version) as (server, port):
        for reused in (False, True):
            pair = client_pair(certs)
            if session is not None:
                pair.set_session(session)
            with Transport(pair, port) as transport:
                pair.write(LINES)
                transport.until(lambda: transport.plaintext.endswith(REVERSED))
                # On TLS 1.3 the tickets came before the answer.
                session = pair.session
                assert session
                assert pair.session_reused == reused
                assert pair.authorized and pair.protocol == version
                pair.end()
                transport.flush()
        until(loop, lambda: server.ended, server)


def test_s40_pair_refuses(loop, certs, version):
    """The pair ends with the name of the reason, and nothing that was written left it."""
    pair = tlspair.SecurePair(ours.client_context(certs, "other-ca.pem"))
    pair.set_servername("localhost")
    recorder = support.record_pair(pair)
    pair.write(b"secret")
    with s_server(loop, certs, version=version) as (server, port):
        with Transport(pair, port) as transport:
            with pytest.raises(tlspair.TLSError) as raised:
                transport.until(lambda: False)
            transport.flush()  # the alert
        until(loop, lambda: server.ended, server)
        assert server.said("alert unknown ca")
        assert not server.said("secret")
    assert raised.value.name == "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"
    assert recorder.names == ["error", "close"]
