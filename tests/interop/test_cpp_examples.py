"""The C++ examples, run as a user runs them, each against strangers: Python's `ssl` and `openssl`."""

import os
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
from strangers import need

TEXT = "hällo\nwörld 漢😀\n"


def example(name):
    directory = os.environ.get("TLSPAIR_EXAMPLES_CPP")
    if not directory:
        pytest.skip("TLSPAIR_EXAMPLES_CPP does not say where the C++ programs are")
    path = Path(directory, name)
    if not path.exists():
        pytest.skip(f"{name} was not built")
    return path


@pytest.fixture(params=["echo_server", "asio_echo_server"])
def server(request, certs):
    """A server's name and its port."""
    command = [example(request.param), "0", certs / "server-cert.pem", certs / "server-key.pem"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("listening on 127.0.0.1 port "), line
            yield request.param, int(line.split()[-1])
            assert process.poll() is None, process.stderr.read()
        finally:
            process.kill()


def greeting(name):
    return b"welcome!\n" if name == "echo_server" else b""


@pytest.mark.parametrize("size", [1, 5_000_000])
def test_p5_servers_echo_to_python(certs, server, size):
    name, port = server
    context = ssl.create_default_context(cafile=certs / "ca.pem")
    data = (os.urandom(100_003) * (size // 100_003 + 1))[:size]
    wanted = greeting(name) + data
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            sender = threading.Thread(target=secure.sendall, args=(data,))
            sender.start()
            got = bytearray()
            while len(got) < len(wanted):
                piece = secure.recv(65536)
                assert piece, "the echo was cut off"
                got += piece
            sender.join(60)
            assert got == wanted
            secure.unwrap()  # its close_notify, too


def test_p5_servers_survive_strangers(certs, server):
    """Garbage, a hang-up in the middle of the handshake, one without our CA; then a good one."""
    name, port = server
    for first in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02"):
        with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
            plain.sendall(first)
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(4096):
                pass
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
        with pytest.raises(ssl.SSLError):
            ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")
    command = [need("openssl"), "s_client", "-quiet", "-no_ign_eof", "-connect", f"127.0.0.1:{port}"]
    command += ["-CAfile", certs / "ca.pem", "-verify_return_error"]
    done = subprocess.run(
        [*command, "-servername", "localhost", "-verify_hostname", "localhost"],
        input=TEXT.encode(),
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    # It leaves at the end of its input, perhaps before all of the echo is there.
    assert (greeting(name) + TEXT.encode()).startswith(done.stdout)


def client(port, ca, text="", host="localhost"):
    command = [example("line_client"), host, str(port), ca]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)


def test_p5_client_with_our_servers(certs, server):
    name, port = server
    done = client(port, certs / "ca.pem", TEXT)
    assert done.returncode == 0, done.stderr
    assert done.stdout == greeting(name).decode() + TEXT
    assert done.stderr.startswith("TLSv1.3, TLS_")


def test_p5_client_with_python(certs):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs / "server-cert.pem", certs / "server-key.pem")
    answer = TEXT.encode()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)

        def serve():
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as secure:
                for i in range(len(answer)):  # one record for each byte
                    secure.send(answer[i : i + 1])
                assert secure.recv(100) == b"ping\n"
                secure.unwrap()

        thread = threading.Thread(target=serve)
        thread.start()
        done = client(listener.getsockname()[1], certs / "ca.pem", "ping\n")
        thread.join(60)
    assert done.returncode == 0, done.stderr
    assert done.stdout == TEXT


def test_p5_failures_are_readable(certs, server):
    name, port = server
    wrong_ca = client(port, certs / "other-ca.pem")
    assert wrong_ca.returncode == 1 and "line_client: " in wrong_ca.stderr and "CERT" in wrong_ca.stderr
    no_ca = client(port, "/nonexistent")
    assert no_ca.returncode == 1 and no_ca.stderr.startswith("line_client: ENOENT: ")
    nobody = client(1, certs / "ca.pem")
    assert nobody.returncode == 1 and nobody.stderr.startswith("line_client: ECONNREFUSED: ")
    command = [example(name), "0", certs / "server-cert.pem", certs / "client-key.pem"]
    bad_key = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert bad_key.returncode == 1 and bad_key.stderr.startswith(f"{name}: ERR_")
