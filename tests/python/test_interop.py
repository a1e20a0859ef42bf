"""With Python's own `ssl` module, both ways, on TLS 1.2 and 1.3."""

import socket
import ssl

import pytest
import support
import tlspair

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
TEXT = b"between two libraries. " * 5000
pytestmark = pytest.mark.parametrize("version", VERSIONS, ids=["TLSv1.2", "TLSv1.3"])


def ssl_client(certs, version, identity=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certs / "ca.pem")
    context.minimum_version = context.maximum_version = version
    if identity:
        context.load_cert_chain(certs / f"{identity}-cert.pem", certs / f"{identity}-key.pem")
    return context


def ssl_server(certs, version, identity="server"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs / f"{identity}-cert.pem", certs / f"{identity}-key.pem")
    context.minimum_version = context.maximum_version = version
    return context


class MemoryPeer:
    """`ssl` over memory, moved against a `SecurePair`."""

    def __init__(self, context, pair, **options):
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, **options)
        self.pair = pair

    def carry(self):
        """Carry bytes until neither side has more; whether any moved."""
        moved = False
        while True:
            ours, theirs = self.pair.take(), self.outgoing.read()
            if not ours and not theirs:
                return moved
            moved = True
            self.incoming.write(ours)
            if theirs:
                self.pair.feed(theirs)

    def until(self, operation, *arguments):
        """An operation of `ssl`, with bytes carried as often as it asks for them."""
        for _ in range(10_000):
            try:
                result = operation(*arguments)
                self.carry()
                return result
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                assert self.carry(), "both sides wait"
        raise AssertionError("no end")

    def converse(self):
        self.until(self.tls.do_handshake)
        self.carry()
        assert self.pair.secure
        received = bytearray()
        self.pair.on_data(lambda _pair, data: received.extend(data))
        sent = 0
        while sent < len(TEXT):
            sent += self.until(self.tls.write, TEXT[sent:])
        assert bytes(received) == TEXT
        self.pair.write(TEXT)
        answer = b""
        while len(answer) < len(TEXT):
            answer += self.until(self.tls.read, 65536)
        assert answer == TEXT


def test_s41_pair_is_the_server(certs, version):
    pair = tlspair.SecurePair(support.server_context(certs), is_server=True)
    recorder = support.record_pair(pair)
    peer = MemoryPeer(ssl_client(certs, version), pair, server_hostname="localhost")
    peer.converse()
    assert pair.servername == "localhost"
    assert pair.protocol == peer.tls.version()
    assert pair.cipher_name == peer.tls.cipher()[0]
    with pytest.raises(ssl.SSLWantReadError):
        peer.tls.unwrap()
    peer.carry()
    pair.end()
    peer.until(peer.tls.unwrap)
    assert recorder.names == ["secure", "end", "close"]


def test_s41_pair_is_the_client(certs, version):
    pair = tlspair.SecurePair(support.client_context(certs))
    pair.set_servername("localhost")
    recorder = support.record_pair(pair)
    peer = MemoryPeer(ssl_server(certs, version), pair, server_side=True)
    peer.converse()
    assert pair.authorized
    pair.end()
    peer.carry()
    assert peer.until(peer.tls.read, 10) == b""
    peer.until(peer.tls.unwrap)
    assert recorder.names == ["secure", "end", "close"]


def test_s40_client_certificate_of_ssl(certs, version):
    pair = tlspair.SecurePair(
        support.server_context(certs, ca="ca.pem"), is_server=True, request_cert=True, reject_unauthorized=True
    )
    peer = MemoryPeer(ssl_client(certs, version, "client"), pair, server_hostname="localhost")
    peer.converse()
    assert pair.authorized
    assert pair.peer_certificate().der == ssl.PEM_cert_to_DER_cert(leaf(certs / "client-cert.pem"))


def leaf(path):
    """The first certificate of a PEM file."""
    text, end = path.read_text(), "-----END CERTIFICATE-----"
    return text[text.index("-----BEGIN CERTIFICATE-----") : text.index(end) + len(end)] + "\n"


def test_s40_ssl_verifies_our_client_certificate(certs, version):
    pair = tlspair.SecurePair(support.client_context(certs, identity="client"))
    pair.set_servername("localhost")
    context = ssl_server(certs, version)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(certs / "ca.pem")
    peer = MemoryPeer(context, pair, server_side=True)
    peer.converse()
    assert peer.tls.getpeercert()["subject"]


def test_c073_ssl_refuses_us(certs, version):
    """The alert of a peer that does not accept our certificate is an error with its name."""
    pair = tlspair.SecurePair(support.server_context(certs, "wrong-host"), is_server=True)
    recorder = support.record_pair(pair)
    peer = MemoryPeer(ssl_client(certs, version), pair, server_hostname="localhost")
    with pytest.raises(ssl.SSLCertVerificationError):
        peer.until(peer.tls.do_handshake)
    try:
        peer.carry()
    except tlspair.TLSError:
        pass
    ((error,),) = recorder.of("error")
    assert "ALERT" in error.reason and error.openssl


def test_s61_sockets_our_server(loop, certs, server_context, version):
    server = support.echo_server(loop, server_context)
    port = server.port

    def client():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
                with ssl_client(certs, version).wrap_socket(raw, server_hostname="localhost") as tls:
                    for start in range(0, len(TEXT), 10_000):
                        tls.sendall(TEXT[start : start + 10_000])
                        answer = b""
                        while len(answer) < len(TEXT[start : start + 10_000]):
                            more = tls.recv(65536)
                            assert more
                            answer += more
                        assert answer == TEXT[start : start + 10_000]
                    tls.unwrap()
        finally:
            loop.post(server.close)

    with support.in_thread(client):
        support.run_to_the_end(loop)
    assert not server.errors


def test_s61_sockets_our_client(loop, certs, client_context, version):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def serve():
        raw, _ = listener.accept()
        raw.settimeout(10)
        with ssl_server(certs, version).wrap_socket(raw, server_side=True) as tls:
            while True:
                data = tls.recv(65536)
                if not data:
                    break
                tls.sendall(data)
            tls.unwrap()

    stream = tlspair.connect(loop, listener.getsockname()[1], "localhost", tlspair.ConnectOptions(client_context))
    recorder = support.record_stream(stream)
    stream.write(TEXT)
    stream.end()
    with listener, support.in_thread(serve):
        support.run_to_the_end(loop)
    assert recorder.data == TEXT
    assert recorder.names == ["secure_connect", "data", "end", "close"]
    assert recorder.of("end") == [(True,)]


def test_c056_sockets_cut_off(loop, certs, client_context, version):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def serve():
        raw, _ = listener.accept()
        raw.settimeout(10)
        tls = ssl_server(certs, version).wrap_socket(raw, server_side=True)
        assert tls.recv(1) == b"?"
        tls.sendall(b"half an ans")
        tls.close()  # no close_notify

    stream = tlspair.connect(loop, listener.getsockname()[1], "localhost", tlspair.ConnectOptions(client_context))
    recorder = support.record_stream(stream)
    stream.write(b"?")
    with listener, support.in_thread(serve):
        support.run_to_the_end(loop)
    assert recorder.data == b"half an ans"
    assert recorder.of("end") == [(False,)]


def test_c073_sockets_refused(loop, certs, client_context, version):
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)

    def serve():
        raw, _ = listener.accept()
        raw.settimeout(10)
        with raw, pytest.raises(OSError):
            tls = ssl_server(certs, version, "expired").wrap_socket(raw, server_side=True)
            if not tls.recv(1):
                raise ConnectionAbortedError

    stream = tlspair.connect(loop, listener.getsockname()[1], "localhost", tlspair.ConnectOptions(client_context))
    recorder = support.record_stream(stream)
    stream.write(b"secret")
    with listener, support.in_thread(serve):
        support.run_to_the_end(loop)
    ((error,),) = recorder.of("error")
    assert error.name == "CERT_HAS_EXPIRED"


@pytest.mark.parametrize("tickets", [True, False], ids=["tickets", "no tickets"])
def test_s78_the_module_resumes_our_session(certs, version, tickets):
    theirs = ssl_server(certs, version)
    if not tickets:
        theirs.options |= ssl.OP_NO_TICKET
    sessions = []
    for turn in range(3):
        pair = tlspair.SecurePair(support.client_context(certs))
        pair.set_servername("localhost")
        pair.on_session(lambda _pair, session: sessions.append(session))
        pair.set_session(sessions[-1] if sessions else None)
        peer = MemoryPeer(theirs, pair, server_side=True)
        with pair:
            peer.until(peer.tls.do_handshake)
            assert pair.session_reused == peer.tls.session_reused == (turn > 0)
            # The module's OpenSSL forgets sessions of connections that were not closed in order.
            pair.end()
            peer.until(peer.tls.unwrap)
