"""The four programs of Node's documentation (S74), in C and in Python: an echo server and its client, each
with PEM files and with a PFX. They talk to each other and to the same programs of others, all with files
from the commands of that documentation, with today's key sizes.
"""

import os
import socket
import ssl
import subprocess
import sys

import pytest
import support
from strangers import Stranger, node_client, node_server_of, until

TEXT = b"as it was written\n"
PYTHON = support.CHECKOUT / "python" / "examples"
KINDS = ("pem", "pfx")


def port_of(loop, server, pattern=r"port (\d+)\n"):
    """The port that a server says it listens on."""
    until(loop, lambda: server.match(pattern), server)
    return int(server.match(pattern)[1])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Self-signed certificates that trust each other."""
    directory = tmp_path_factory.mktemp("seed")

    def openssl(command):
        subprocess.run(["openssl", *command.split()], check=True, capture_output=True, timeout=60, cwd=directory)

    for name in ("server", "client"):
        openssl(f"genrsa -out {name}-key.pem 2048")
        openssl(f"req -new -key {name}-key.pem -out {name}-csr.pem -subj /CN=localhost")
        openssl(f"x509 -req -in {name}-csr.pem -signkey {name}-key.pem -out {name}-cert.pem")
    for name, other in (("server", "client"), ("client", "server")):
        identity = f"-in {name}-cert.pem -inkey {name}-key.pem"
        openssl(f"pkcs12 -export {identity} -certfile {other}-cert.pem -out {name}.pfx -passout pass:")
    return directory


def c_program(name):
    directory = os.environ.get("TLSPAIR_EXAMPLES")
    if not directory:
        pytest.skip("TLSPAIR_EXAMPLES does not say where the C programs are")
    return os.path.join(directory, name)


def pem(files, name, other):
    return files / f"{name}-cert.pem", files / f"{name}-key.pem", files / f"{other}-cert.pem"


def our_server(language, kind, files):
    cert, key, ca = pem(files, "server", "client")
    if language == "c":
        identity = (cert, key, ca) if kind == "pem" else ("--pfx", files / "server.pfx", "")
        return Stranger(c_program("echo_server"), 0, *identity, "--welcome")
    identity = (cert, key, ca) if kind == "pem" else ("--pfx", files / "server.pfx")
    return Stranger(sys.executable, PYTHON / "echo_server.py", 0, *identity, "--welcome")


def our_client(language, kind, files, port):
    cert, key, ca = pem(files, "client", "server")
    if language == "c":
        identity = (ca, cert, key) if kind == "pem" else ("--pfx", files / "client.pfx", "")
        return Stranger(c_program("line_client"), "127.0.0.1", port, "localhost", *identity)
    identity = (ca, cert, key) if kind == "pem" else ("--pfx", files / "client.pfx")
    program = PYTHON / "line_client.py"
    return Stranger(sys.executable, program, "127.0.0.1", port, *identity, "--servername", "localhost")


def s_client(files, port):
    cert, key, ca = pem(files, "client", "server")
    where = ["-connect", f"127.0.0.1:{port}", "-verify_hostname", "localhost", "-verify_return_error", "-quiet"]
    return Stranger("openssl", "s_client", *where, "-no_ign_eof", "-CAfile", ca, "-cert", cert, "-key", key)


CLIENTS = {
    "s_client": s_client,
    "node-pem": lambda files, port: node_client(
        port, **dict(zip(("cert", "key", "ca"), pem(files, "client", "server")))
    ),
    "node-pfx": lambda files, port: node_client(port, pfx=files / "client.pfx"),
    **{
        f"{language}-{kind}": lambda files, port, language=language, kind=kind: our_client(language, kind, files, port)
        for language in ("c", "python")
        for kind in KINDS
    },
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["c", "python"])
def test_s74_servers(loop, files, language, kind):
    """One server and all clients, one after the other: each is greeted, served and authorized."""
    with our_server(language, kind, files) as server:
        port = port_of(loop, server)
        for count, (name, start) in enumerate(CLIENTS.items(), 1):
            with start(files, port) as client:
                client.send(TEXT)
                until(loop, lambda: TEXT in client.out, client, server)
                client.end_input()
                until(loop, lambda: client.ended, client, server)
                assert client.out == b"welcome!\n" + TEXT, (name, client)
                assert client.status == 0, (name, client)
                if name.startswith(("c-", "python-")):
                    assert client.said("connected, authorized"), (name, client)
            assert server.out.count(b", authorized") == count, (name, server)
        cert, key, ca = pem(files, "client", "server")
        context = ssl.create_default_context(cafile=ca)
        context.load_cert_chain(cert, key)
        with socket.create_connection(("127.0.0.1", port), support.DEADLINE) as raw:
            with context.wrap_socket(raw, server_hostname="localhost") as client, client.makefile("rb") as lines:
                client.sendall(TEXT)
                assert [lines.readline(), lines.readline()] == [b"welcome!\n", TEXT]
        assert not server.said("unauthorized")


def test_s74_a_client_without_a_certificate_is_served(loop, files):
    for language in ("c", "python"):
        with our_server(language, "pfx", files) as server:
            port = port_of(loop, server)
            with node_client(port, ca=files / "server-cert.pem") as client:
                client.send(TEXT)
                until(loop, lambda: TEXT in client.out, client, server)
                assert server.said("unauthorized")


def converse(loop, client, *others):
    client.send(TEXT)
    until(loop, lambda: TEXT in client.out, client, *others)
    client.end_input()
    until(loop, lambda: client.ended, client, *others)
    assert client.status == 0, (client, *others)
    assert client.said("connected, authorized")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["c", "python"])
def test_s74_clients_at_node(loop, files, language, kind):
    asks = {"requestCert": True, "rejectUnauthorized": True}
    for theirs in ({"pfx": files / "server.pfx"}, dict(zip(("cert", "key", "ca"), pem(files, "server", "client")))):
        with node_server_of(loop, **theirs, **asks) as (server, port):
            with our_client(language, kind, files, port) as client:
                converse(loop, client, server)
            until(loop, lambda: server.reports("secure"), server)
            assert server.reports("secure")[0]["authorized"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["c", "python"])
def test_s74_clients_at_s_server(loop, files, language, kind):
    cert, key, ca = pem(files, "server", "client")
    identity = ["-cert", cert, "-key", key, "-CAfile", ca, "-Verify", "1", "-verify_return_error"]
    with Stranger("openssl", "s_server", "-accept", "127.0.0.1:0", *identity) as server:
        port = port_of(loop, server, r"ACCEPT 127\.0\.0\.1:(\d+)\n")
        with our_client(language, kind, files, port) as client:
            client.send(TEXT)
            until(loop, lambda: server.said(TEXT.decode()), client, server)
            server.send(b"typed there\n")
            until(loop, lambda: b"typed there\n" in client.out, client, server)
            client.end_input()
            until(loop, lambda: client.ended, client, server)
            assert client.status == 0, (client, server)


def ssl_echo(listener, context):
    """One connection for Python's own `ssl`."""
    raw, _address = listener.accept()
    raw.settimeout(support.DEADLINE)
    with context.wrap_socket(raw, server_side=True) as connection:
        assert connection.getpeercert()
        while data := connection.recv(4096):
            connection.sendall(data)
        connection.unwrap()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", ["c", "python"])
def test_s74_clients_at_ssl(loop, files, language, kind):
    cert, key, ca = pem(files, "server", "client")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as listener, support.in_thread(ssl_echo, listener, context):
        with our_client(language, kind, files, listener.getsockname()[1]) as client:
            converse(loop, client)


def test_s74_what_cannot_be_used_is_told(files):
    """A wrong passphrase, no file, and words that make no sense: one line, and an exit status."""
    pfx = files / "server.pfx"
    python = [sys.executable, PYTHON / "echo_server.py"], [sys.executable, PYTHON / "line_client.py"]
    c_server, c_client = [c_program("echo_server")], [c_program("line_client")]
    passphrase = ["--passphrase", "wrong"]
    for command, status, says in (
        ([*c_server, 0, "--pfx", pfx, "wrong"], 1, "ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE"),
        ([*c_server, 0, "--pfx", "/nonexistent", ""], 1, "ENOENT"),
        ([*c_server, 0, "--pfx", pfx], 2, "usage"),
        ([*c_server], 2, "usage"),
        ([*c_client, "localhost", 9, "localhost", "--pfx", pfx, "wrong"], 1, "MAC_VERIFY_FAILURE"),
        ([*c_client, "localhost", 9, "localhost", "--pfx"], 2, "usage"),
        ([*python[0], 0, "--pfx", pfx, *passphrase], 1, "ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE"),
        ([*python[0], 0], 2, "usage"),
        ([*python[1], "localhost", 9, "--pfx", pfx, *passphrase], 1, "ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE"),
        ([*python[1], "localhost", 9], 2, "usage"),
    ):
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60)
        assert done.returncode == status and says in done.stderr, (command, done)
        assert "Traceback" not in done.stderr
