"""Our server, visited by `openssl s_client`."""

import ours
import pytest
import tlspair
from strangers import s_client, until

TEXT = b"from a stranger\n"


def converse(loop, server, client, text=TEXT):
    """The client types, reads its echo and leaves; the connection has ended on both sides."""
    count = len(server.streams) + 1
    client.send(text)
    until(loop, lambda: text in client.out, client)
    client.end_input()
    until(loop, lambda: client.ended and server.closed(count), client)
    assert client.status == 0, client


def test_s25_s50_s63_s66_s71_echo(loop, certs, version, identity):
    server = ours.EchoServer(loop, ours.server_context(certs, identity))
    with s_client(certs, server.port, version=version) as client:
        converse(loop, server, client)
        cipher = client.match(r"Cipher is (\S+)")[1].decode()
        assert client.said("Verify return code: 0 (ok)")
    connection = server.last
    assert connection.recorder.data == TEXT
    assert connection.recorder.names == ["data", "end", "close"]
    assert connection.recorder.of("end") == [(True,)]
    assert connection.recorder.of("close") == [(False,)]
    assert (connection.protocol, connection.cipher) == (version, cipher)
    assert connection.servername == "localhost"
    assert not connection.authorized and connection.authorization_error is None
    assert not server.errors


def test_s82_version_of_ours(loop, certs, version):
    """The same with the limit on our side: the stranger offers both."""
    server = ours.EchoServer(loop, ours.server_context(certs, version=version))
    with s_client(certs, server.port) as client:
        converse(loop, server, client)
    assert server.last.protocol == version


def test_s61_large(loop, certs, version):
    server = ours.EchoServer(loop, ours.server_context(certs))
    # Quiet: nothing but the echo on standard output.
    with s_client(certs, server.port, "-quiet", "-nocommands", "-no_ign_eof", version=version) as client:
        client.send(ours.LARGE)
        until(loop, lambda: len(client.out) >= len(ours.LARGE), client)
        client.end_input()
        until(loop, lambda: client.ended and server.closed(), client)
        assert ours.digest(client.out) == ours.digest(ours.LARGE)
    assert ours.digest(server.last.recorder.data) == ours.digest(ours.LARGE)


def test_s61_we_end_first(loop, certs, version):
    """`end` with data queued: all of it arrives, then our close_notify ends the stranger."""

    def answer(stream):
        stream.write(ours.LARGE)
        stream.end()

    server = ours.EchoServer(loop, ours.server_context(certs), answer=answer)
    with s_client(certs, server.port, "-quiet", version=version) as client:
        until(loop, lambda: client.ended and server.closed(), client)
        assert client.status == 0
        assert ours.digest(client.out) == ours.digest(ours.LARGE)
    assert server.last.recorder.names == ["end", "close"]


def test_c056_goodbye(loop, certs, version):
    """The command Q leaves with close_notify."""
    server = ours.EchoServer(loop, ours.server_context(certs))
    with s_client(certs, server.port, version=version) as client:
        client.send(TEXT)
        until(loop, lambda: TEXT in client.out, client)
        client.send(b"Q\n")
        until(loop, lambda: client.ended and server.closed(), client)
    assert server.last.recorder.data == TEXT
    assert server.last.recorder.of("end") == [(True,)]


def test_c056_cut_off(loop, certs, version):
    """A client that dies is told from one that says goodbye."""
    server = ours.EchoServer(loop, ours.server_context(certs))
    with s_client(certs, server.port, version=version) as client:
        client.send(TEXT)
        until(loop, lambda: TEXT in client.out, client)
        client.kill()
        until(loop, server.closed, client)
    assert server.last.recorder.data == TEXT
    assert server.last.recorder.of("end") == [(False,)]


@pytest.mark.parametrize("kind", ["RSA", "ECDSA"])
def test_s11_stranger_chooses_the_certificate(loop, certs, version, kind):
    """Both kinds side by side in one context."""
    context = ours.server_context(certs, "server")
    context.set_identity_file(certs / "server-rsa-cert.pem", certs / "server-rsa-key.pem")
    server = ours.EchoServer(loop, context)
    choice = {
        "TLSv1.2": ["-cipher", f"ECDHE-{kind}-AES128-GCM-SHA256"],
        "TLSv1.3": ["-sigalgs", {"RSA": "RSA-PSS+SHA256", "ECDSA": "ECDSA+SHA256"}[kind]],
    }
    with s_client(certs, server.port, *choice[version], version=version) as client:
        converse(loop, server, client)
        signature = client.match(r"Peer signature type: (\S+)")[1].decode()
        assert signature in {"RSA": ("RSA-PSS", "RSA"), "ECDSA": ("ECDSA",)}[kind]


def test_c041_old_version(loop, certs):
    server = ours.EchoServer(loop, ours.server_context(certs))
    with s_client(certs, server.port, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0") as client:
        until(loop, lambda: client.ended and server.errors, client)
        assert client.said("alert protocol version")
        assert client.status != 0
    (error,) = server.errors
    assert error.name == "ERR_SSL_UNSUPPORTED_PROTOCOL"
    assert error.status == tlspair.constant.TLS_ERR_TLS and error.message
    assert not server.streams


def test_c042_no_shared_cipher(loop, certs, version):
    """The client that shares nothing is refused, the next one served."""
    ours_only = {"TLSv1.2": "ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.3": "TLS_AES_128_GCM_SHA256"}[version]
    theirs = {
        "TLSv1.2": ["-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"],
        "TLSv1.3": ["-ciphersuites", "TLS_AES_256_GCM_SHA384"],
    }[version]
    context = ours.server_context(certs, version=version)
    context.set_ciphers(ours_only)
    server = ours.EchoServer(loop, context)
    with s_client(certs, server.port, *theirs, version=version) as client:
        until(loop, lambda: client.ended and server.errors, client)
        assert client.said("alert handshake failure")
    (error,) = server.errors
    assert error.name == "ERR_SSL_NO_SHARED_CIPHER"
    assert not server.streams
    with s_client(certs, server.port, version=version) as client:
        converse(loop, server, client)
    assert server.last.cipher == ours_only
    assert len(server.errors) == 1


def test_s51_stranger_refuses_us(loop, certs, version):
    """Its alert comes with its name, as Node has it."""
    server = ours.EchoServer(loop, ours.server_context(certs))
    with s_client(certs, server.port, version=version, ca="other-ca.pem") as client:
        until(loop, lambda: client.ended and server.errors, client)
        assert client.status != 0
    assert [error.name for error in server.errors] == ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA"]
    assert not server.streams


def test_s25_resumed(loop, certs, version, tmp_path):
    """Our ticket brings the stranger back without a full handshake."""
    server = ours.EchoServer(loop, ours.server_context(certs))
    session = tmp_path / "session"
    with s_client(certs, server.port, "-sess_out", session, version=version) as client:
        converse(loop, server, client)
        assert client.match(r"New, ")
    with s_client(certs, server.port, "-sess_in", session, version=version) as client:
        converse(loop, server, client)
        assert client.match(r"Reused, ")
    assert len(server.streams) == 2 and server.last.protocol == version
