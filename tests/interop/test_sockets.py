"""Unix sockets and TLS in TLS, with OpenSSL's and Node's programs at the other end."""

from pathlib import Path
from tempfile import TemporaryDirectory

import ours
import pytest
import support
import tlspair
from strangers import Stranger, node_client, node_server, until

TEXT = b"a line through the socket\n"


@pytest.fixture
def path():
    """A short one: OpenSSL 3.0's s_server cannot print one of more than 31 bytes, and gives up."""
    with TemporaryDirectory(prefix="tls-") as directory:
        yield Path(directory) / "s"


def connect_by(loop, certs, ca="ca.pem", **ways):
    options = tlspair.ConnectOptions(ours.client_context(certs, ca))
    for name, value in ways.items():
        getattr(options, f"set_{name}")(value)
    stream = tlspair.connect(loop, options=options)
    return stream, support.record_stream(stream)


def test_s76_s_client(loop, certs, path):
    server = ours.EchoServer(loop, ours.server_context(certs), path=path)
    arguments = ["-CAfile", certs / "ca.pem", "-verify_return_error", "-servername", "localhost", "-quiet"]
    with Stranger("openssl", "s_client", "-unix", path, *arguments) as client:
        client.send(TEXT)
        until(loop, lambda: TEXT in client.out, client)
        client.kill()
        until(loop, server.closed, client)
    assert server.last.stream.remote_address is None and server.last.servername == "localhost"


def test_s76_s_server(loop, certs, path):
    """It answers with its status, which says that the handshake was done."""
    files = ["-cert", certs / "server-cert.pem", "-cert_chain", certs / "server-cert.pem"]
    files += ["-key", certs / "server-key.pem"]
    with Stranger("openssl", "s_server", "-unix", path, "-naccept", "1", "-www", *files) as server:
        until(loop, path.exists, server)
        stream, recorder = connect_by(loop, certs, path=path)
        stream.write(b"GET / HTTP/1.0\r\n\r\n")
        until(loop, lambda: stream.closed, server)
    assert b"Ciphers supported" in recorder.data
    assert recorder.names[0] == "secure_connect" and recorder.names[-1] == "close"


def test_s76_node_client(loop, certs, path):
    server = ours.EchoServer(loop, ours.server_context(certs), path=path)
    with node_client(None, path=path, ca=certs / "ca.pem") as client:
        client.send(ours.LARGE)
        client.end_input()
        until(loop, lambda: client.ended and server.closed(), client)
        assert ours.digest(client.out) == ours.digest(ours.LARGE)
        assert client.reports("secure")[0]["authorized"]
    assert not server.errors


def test_s76_node_server(loop, certs, path):
    with node_server(loop, certs, path=path) as (server, place):
        assert place == str(path)
        stream, recorder = connect_by(loop, certs, path=path)
        stream.write(ours.LARGE)
        stream.end()
        until(loop, lambda: stream.closed, server)
        assert ours.digest(recorder.data) == ours.digest(ours.LARGE)
        assert recorder.names == ["secure_connect", "data", "end", "close"]


@pytest.mark.parametrize("layers", [1, 2])
def test_s31_tls_in_tls_of_node(loop, certs, layers):
    """Node's `tls.connect({ socket })` over its own TLS connection, into streams over streams."""
    context = ours.server_context(certs)
    lowest = tlspair.Server(loop, context)
    chain = [lowest] + [tlspair.Server(loop, context) for _ in range(layers)]
    closed = []
    for below, above in zip(chain, chain[1:]):
        below.on_secure_connection(lambda _server, stream, above=above: above.accept_stream(stream))

    def echo(_server, stream):
        stream.on_close(lambda _stream, had_error: closed.append(had_error))
        stream.pipe(stream)

    chain[-1].on_secure_connection(echo)
    lowest.listen(0, "127.0.0.1")
    with node_client(lowest.port, ca=certs / "ca.pem", layers=layers) as client:
        client.send(ours.LARGE)
        client.end_input()
        until(loop, lambda: client.ended and closed, client)
        assert ours.digest(client.out) == ours.digest(ours.LARGE)
        assert client.reports("secure")[0]["authorized"]
    assert closed == [False]


@pytest.mark.parametrize("layers", [1, 2])
def test_s31_tls_in_tls_to_node(loop, certs, layers):
    with node_server(loop, certs, layers=layers) as (server, port):
        stream, _ = ours.connect(loop, port, ours.client_context(certs))
        streams = [stream]
        for _ in range(layers):
            stream, recorder = connect_by(loop, certs, stream=stream)
            streams.append(stream)
        stream.write(ours.LARGE)
        until(loop, lambda: len(recorder.data) == len(ours.LARGE), server)
        stream.end()
        until(loop, lambda: all(one.closed for one in streams), server)
        assert ours.digest(recorder.data) == ours.digest(ours.LARGE)
        assert recorder.names == ["secure_connect", "data", "end", "close"]
