"""Ciphers, groups, DHE, versions and option bits, as strangers see them."""

import json
import ssl
import subprocess

import ours
import pytest
import tlspair
from strangers import Stranger, free_port, need, node_client, node_server, s_client, s_server, until

TEXT = b"which of them\n"
DHE = "DHE-RSA-AES128-GCM-SHA256"


@pytest.fixture(scope="module")
def dhparam(tmp_path_factory):
    """Parameters of one's own, from a group that everybody knows."""
    path = tmp_path_factory.mktemp("dh") / "dh.pem"
    group = ["-algorithm", "DH", "-pkeyopt", "group:ffdhe3072"]
    subprocess.run(["openssl", "genpkey", "-genparam", *group, "-out", path], check=True, timeout=60)
    return path


def visit(loop, context, certs, *arguments, version=None):
    """s_client sends a line to our server; what it said, or None if it was refused."""
    server = ours.EchoServer(loop, context)
    with s_client(certs, server.port, *arguments, version=version) as client:
        client.send(TEXT)
        until(loop, lambda: TEXT in client.out or (client.ended and server.errors), client)
        client.end_input()
        until(loop, lambda: client.ended, client)
        server.server.close()
        return bytes(client.out).decode() if server.streams else None


def test_s01_the_same_shape_as_nodes():
    need("node")
    command = ["node", "-p", "JSON.stringify(tls.getCiphers())"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    theirs, names = json.loads(done.stdout), tlspair.ciphers()
    assert theirs == sorted(set(theirs)) and names == sorted(set(names))
    assert all(name == name.lower() for name in (*theirs, *names))
    # Node lists what OpenSSL has on by default, we what it has; the OpenSSLs need not be the same.
    assert len(set(theirs) & set(names)) > 0.8 * len(theirs)


@pytest.mark.skipif(tlspair.feature("vendored"), reason="the program uses another OpenSSL than the library")
def test_s01_s16_every_cipher_that_s_client_offers_is_listed():
    command = ["openssl", "ciphers", "-s", "-tls1_2", "ALL:!aNULL:!eNULL:!PSK:!SRP"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert {name.lower() for name in done.stdout.strip().split(":")} <= set(tlspair.ciphers())


@pytest.mark.parametrize("cipher", ["ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"])
def test_s16_cipher_of_the_stranger(loop, certs, cipher):
    context = ours.server_context(certs, "server-rsa")
    said = visit(loop, context, certs, "-cipher", cipher, version="TLSv1.2")
    assert f"Cipher is {cipher}" in said


@pytest.mark.parametrize("honor", [False, True])
def test_s18_whose_order(loop, certs, honor):
    context = ours.server_context(certs, "server-rsa")
    context.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256")
    context.set_honor_cipher_order(honor)
    theirs = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"
    said = visit(loop, context, certs, "-cipher", theirs, version="TLSv1.2")
    assert f"Cipher is ECDHE-RSA-AES{256 if honor else 128}-GCM" in said


def test_s24_s82_version_of_the_stranger(loop, certs):
    """TLS 1.1 where it is allowed, by Node's name of the method."""
    context = ours.server_context(certs, "server-rsa")
    context.set_secure_protocol("TLSv1_1_method")
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    old = ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]
    assert "Protocol  : TLSv1.1" in visit(loop, context, certs, *old)
    assert visit(loop, context, certs, "-tls1_2") is None


@pytest.mark.parametrize(
    "method, theirs, agreed",
    [
        ("TLSv1_2_method", "-no_tls1", "TLSv1.2"),
        ("TLSv1_2_client_method", "-tls1_3", None),
        ("TLSv1_1_method", "-no_tls1_3", "TLSv1.1"),
        ("TLS_method", "-tls1_3", "TLSv1.3"),
        ("SSLv23_method", "-tls1_1", "TLSv1.1"),
    ],
)
def test_s36_version_of_our_client(loop, certs, method, theirs, agreed):
    """S36: by Node's names of methods, at a stranger that would take more or other versions."""
    old = ["-cipher", "DEFAULT:@SECLEVEL=0"]
    with s_server(loop, certs, "-rev", theirs, *old, identity="server-rsa") as (server, port):
        context = ours.client_context(certs)
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.set_secure_protocol(method)
        stream, recorder = ours.connect(loop, port, context)
        secured = []
        stream.on_secure_connect(lambda stream: secured.append(stream.protocol))
        stream.write(TEXT)
        until(loop, lambda: recorder.data or stream.closed, server)
        assert secured == ([agreed] if agreed else [])
        names = [error.name for (error,) in recorder.of("error")]
        assert names == ([] if agreed else ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION"])


@pytest.mark.parametrize("groups, agreed", [("P-384:P-256", "P-384"), ("P-521", "P-521"), ("X448:P-256", None)])
def test_s84_groups(loop, certs, version, groups, agreed):
    context = ours.limited(ours.server_context(certs, "server-rsa"), version)
    context.set_groups("P-384:P-521")
    said = visit(loop, context, certs, "-groups", groups)
    assert (said is not None) == (agreed is not None)
    if said:
        assert f"Server Temp Key: ECDH, {agreed.replace('P-', 'secp')}r1" in said or agreed in said


def test_s84_our_groups_at_s_server(loop, certs, version):
    for groups, accepted in (("P-521:P-384", True), ("X448", False)):
        with s_server(loop, certs, "-rev", "-groups", "P-384", version=version, identity="server-rsa") as (server, port):
            context = ours.client_context(certs)
            context.set_groups(groups)
            context.set_ciphers("ECDHE+AESGCM")  # else they agree on DHE
            stream, recorder = ours.connect(loop, port, context)
            stream.write(TEXT)
            until(loop, lambda: recorder.data or stream.closed, server)
            assert bool(recorder.data) == accepted


@pytest.mark.parametrize("peer", ["s_client", "node"])
def test_s84_dhe(loop, certs, dhparam, peer):
    """Off, with OpenSSL's own parameters, and with ours."""
    for setting, bits in ((None, None), ("auto", 2048), (dhparam, 3072)):
        context = ours.server_context(certs, "server-rsa")
        if setting == "auto":
            context.set_dhparam("auto")
        elif setting:
            context.set_dhparam_file(setting)
        if peer == "s_client":
            said = visit(loop, context, certs, "-cipher", DHE, version="TLSv1.2")
            assert (said is not None) == (bits is not None)
            assert said is None or f"Server Temp Key: DH, {bits} bits" in said
            continue
        server = ours.EchoServer(loop, context)
        with node_client(server.port, ca=certs / "ca.pem", ciphers=DHE, version="TLSv1.2") as client:
            until(loop, lambda: client.reports("secure") or client.ended, client)
            assert bool(client.reports("secure")) == (bits is not None), client
            server.server.close()


def test_s84_dhe_of_nodes_server(loop, certs):
    files = {"dhparam": "auto", "version": "TLSv1.2", "ciphers": DHE}
    with node_server(loop, certs, "server-rsa", **files) as (server, port):
        stream, recorder = ours.connect(loop, port, ours.client_context(certs))
        stream.write(TEXT)
        until(loop, lambda: recorder.data == TEXT, server)
        assert stream.cipher_name == DHE


def test_s77_options(loop, certs):
    """No ticket comes, and the highest version is not there."""
    context = ours.server_context(certs)
    context.set_secure_options(ssl.OP_NO_TICKET | ssl.OP_NO_TLSv1_3)
    said = visit(loop, context, certs)
    assert "Protocol  : TLSv1.2" in said
    assert "TLS session ticket" not in said
    assert "TLS session ticket" in visit(loop, ours.server_context(certs), certs, version="TLSv1.2")


def test_s77_an_old_server_that_knows_no_secure_renegotiation(loop, certs):
    """`SSL_OP_LEGACY_SERVER_CONNECT` is for those, and gnutls-serv can play one."""
    need("gnutls-serv")
    for options, accepted in ((0, False), (1 << 2, True)):
        port = free_port()
        files = ["--x509certfile", certs / "server-cert.pem", "--x509keyfile", certs / "server-key.pem"]
        priority = "NORMAL:-VERS-ALL:+VERS-TLS1.2:%DISABLE_SAFE_RENEGOTIATION"
        with Stranger("gnutls-serv", "--echo", "--port", port, "--priority", priority, *files) as server:
            until(loop, lambda: server.said("...done"), server)
            context = ours.client_context(certs)
            context.set_secure_options(options)
            stream, recorder = ours.connect(loop, port, context)
            stream.write(TEXT)
            until(loop, lambda: recorder.data or stream.closed, server)
            assert (recorder.data == TEXT) == accepted
            if not accepted:
                assert [error.name for (error,) in recorder.of("error")] == [
                    "ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED"
                ]


def test_s23_sessions_with_a_mark_of_ones_own(loop, certs, tmp_path):
    for mark in (b"one", b"x" * 32):
        context = ours.server_context(certs, version="TLSv1.2")
        context.set_session_id_context(mark)
        server = ours.EchoServer(loop, context)
        session = tmp_path / "session"
        for arguments, word in ((["-sess_out", session], "New, "), (["-sess_in", session], "Reused, ")):
            with s_client(certs, server.port, *arguments) as client:
                client.send(TEXT)
                until(loop, lambda: TEXT in client.out, client)
                client.end_input()
                until(loop, lambda: client.ended, client)
                assert client.match(word), client
