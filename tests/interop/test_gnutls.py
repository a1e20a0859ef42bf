"""GnuTLS, which shares no code with OpenSSL: its client at our server, our client at its server."""

import ours
import pytest
from strangers import GNUTLS, Stranger, free_port, until

TEXT = b"between two families\n"


def test_s25_s50_s66_s71_gnutls_cli(loop, certs, version, identity):
    server = ours.EchoServer(loop, ours.server_context(certs, identity))
    with Stranger(
        *["gnutls-cli", "--port", server.port, "--x509cafile", certs / "ca.pem"],
        *["--priority", GNUTLS[version], "localhost"],
    ) as client:
        client.send(TEXT)
        until(loop, lambda: TEXT in client.out, client)
        client.end_input()
        until(loop, lambda: client.ended and server.closed(), client)
        assert client.status == 0
        assert client.said("The certificate is trusted")
    connection = server.last
    assert connection.recorder.data == TEXT
    assert connection.protocol == version and connection.servername == "localhost"
    assert connection.recorder.of("end") == [(True,)]
    assert not server.errors


def test_s51_gnutls_cli_refuses_us(loop, certs, version):
    server = ours.EchoServer(loop, ours.server_context(certs))
    with Stranger(
        *["gnutls-cli", "--port", server.port, "--x509cafile", certs / "other-ca.pem"],
        *["--priority", GNUTLS[version], "localhost"],
    ) as client:
        until(loop, lambda: client.ended and server.errors, client)
        assert client.status == 1
    assert [error.name for error in server.errors] == ["ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE"]
    assert not server.streams


@pytest.fixture
def gnutls_serv(loop, certs, version, identity):
    """An echo server, and its port. It cannot be told an address, so it listens on all."""
    port = free_port()
    with Stranger(
        *["gnutls-serv", "--echo", "--crlf", "--port", port, "--priority", GNUTLS[version], "--disable-client-cert"],
        *["--x509certfile", certs / f"{identity}-cert.pem", "--x509keyfile", certs / f"{identity}-key.pem"],
    ) as server:
        until(loop, lambda: server.match(r"IPv4 .*done"), server)
        yield server, port


def test_s30_s33_s63_s66_gnutls_serv(loop, certs, version, gnutls_serv):
    server, port = gnutls_serv
    stream, recorder = ours.connect(loop, port, ours.client_context(certs))
    stream.write(TEXT)
    until(loop, lambda: recorder.data == TEXT, server)
    assert stream.authorized and stream.protocol == version
    stream.end()
    until(loop, lambda: stream.closed, server)
    assert recorder.names == ["secure_connect", "data", "end", "close"]
    assert recorder.of("end") == [(True,)]
