"""The example of a server that pulls its loop (P8), with clients of Python's ssl."""

import os
import signal
import socket
import ssl
import threading
from pathlib import Path

import pytest
from strangers import Stranger, until

PATIENCE = 20


@pytest.fixture
def server(certs, loop):
    """The running program, and its port."""
    program = Path(os.environ.get("TLSPAIR_EXAMPLES", "")) / "pull_server"
    if not program.is_file():
        pytest.skip("the C examples are not built")
    with Stranger(program, 0, certs / "server-cert.pem", certs / "server-key.pem") as process:
        until(loop, lambda: process.match(r"port (\d+)\n"), process)
        yield process, int(process.found(r"port (\d+)\n"))


def talk(port, certs, version, size, problems):
    """Sends while it receives, and has all of it back."""
    try:
        context = ssl.create_default_context(cafile=str(certs / "ca.pem"))
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version.replace(".", "_")]
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
        with context.wrap_socket(plain, server_hostname="localhost") as client:
            data = os.urandom(size)
            back = bytearray()
            for start in range(0, size, 50_000):
                piece = data[start : start + 50_000]
                client.sendall(piece)
                while len(back) < start + len(piece):
                    received = client.recv(65536)
                    assert received, "the server has ended"
                    back += received
            assert back == data
    except BaseException as error:
        problems.append(error)


def test_p8_many_clients(server, certs, loop, version):
    process, port = server
    problems = []
    arguments = (port, certs, version, 600_000, problems)
    clients = [threading.Thread(target=talk, args=arguments) for _ in range(8)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(2 * PATIENCE)
        assert not client.is_alive()
    assert not problems
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        until(loop, lambda: process.said("ERR_SSL_HTTP_REQUEST"), process)
    process.process.send_signal(signal.SIGTERM)
    until(loop, lambda: process.ended, process)
    assert process.status == 0 and process.said("stopped\n")
    assert process.out.count(b"connected, " + version.encode()) == len(clients)


def test_p8_a_client_that_does_not_read(server, certs, loop):
    """It is not read from either, so that what waits for it stays bounded; others are served meanwhile."""
    process, port = server
    context = ssl.create_default_context(cafile=str(certs / "ca.pem"))
    plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
    with context.wrap_socket(plain, server_hostname="localhost") as greedy:
        greedy.settimeout(1)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 100_000_000:
                greedy.sendall(bytes(100_000))
                sent += 100_000
        assert sent < 50_000_000
        problems = []
        talk(port, certs, "TLSv1.3", 100_000, problems)
        assert not problems
    assert process.process.poll() is None
