"""Our server as a web server, visited by curl."""

import ours
from strangers import CURL, Stranger, until


def answer(stream):
    """One GET, answered with what it asked for and a large body."""
    request = bytearray()

    @stream.on_data
    def on_data(_stream, data):
        request.extend(data)
        if request.endswith(b"\r\n\r\n"):
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(ours.LARGE)}\r\nConnection: close\r\n"
            head += f"X-Asked: {request.split()[1].decode()}\r\n\r\n"
            stream.write(head.encode())
            stream.write(ours.LARGE)
            stream.end()


def curl(port, *arguments):
    url = f"https://localhost:{port}/some/where"
    return Stranger("curl", "-sS", "--noproxy", "*", "--ipv4", "--http1.1", "--max-time", "15", *arguments, url)


def test_s25_s50_s66_s71_get(loop, certs, version, identity, tmp_path):
    server = ours.EchoServer(loop, ours.server_context(certs, identity), answer=answer)
    options = ["--cacert", certs / "ca.pem", "-D", tmp_path / "head"]
    with curl(server.port, *options, *CURL[version]) as client:
        until(loop, lambda: client.ended and not server.server.connections, client)
        assert client.status == 0, client
        assert ours.digest(client.out) == ours.digest(ours.LARGE)
    assert "X-Asked: /some/where" in (tmp_path / "head").read_text()
    assert server.last.protocol == version and server.last.servername == "localhost"
    assert not server.errors


def test_s50_curl_refuses_us(loop, certs, version):
    """curl compares names after the handshake: for us a connection that ends without a request."""
    server = ours.EchoServer(loop, ours.server_context(certs, "wrong-host"), answer=answer)
    with curl(server.port, "--cacert", certs / "ca.pem", *CURL[version]) as client:
        until(loop, lambda: client.ended and not server.server.connections, client)
        assert client.status == 60
    assert server.last.recorder.names == ["end", "close"]
    assert server.last.recorder.of("end") == [(True,)]


def test_c033_plain_http(loop, certs):
    """curl without TLS: the error says what it looks like, and the next client is served."""
    server = ours.EchoServer(loop, ours.server_context(certs), answer=answer)
    url = f"http://127.0.0.1:{server.port}/"
    with Stranger("curl", "-sS", "--noproxy", "*", "--max-time", "15", url) as client:
        until(loop, lambda: client.ended and server.errors, client)
        assert client.status != 0
    assert [error.name for error in server.errors] == ["ERR_SSL_HTTP_REQUEST"]
    with curl(server.port, "--cacert", certs / "ca.pem") as client:
        until(loop, lambda: client.ended, client)
        assert client.status == 0
