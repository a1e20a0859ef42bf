"""NPN on TLS 1.2 with the one stranger that still speaks it, and none of it on TLS 1.3."""

import ours
import pytest
from strangers import s_client, s_server, until

TLS12, TLS13 = "TLSv1.2", "TLSv1.3"
TEXT = b"spoken here\n"
FORMS = {"list": ["b", "a"], "buffer": b"\x01b\x01a"}


def spoken(loop, server, client):
    """The client is served; what the server has of NPN and of ALPN."""
    client.send(TEXT)
    until(loop, lambda: TEXT in client.out, client)
    return server.last.stream.npn_protocol, server.last.stream.alpn_protocol


@pytest.mark.parametrize("form", FORMS)
def test_s04_s21_s70_s_client(loop, certs, form):
    server = ours.EchoServer(loop, ours.server_context(certs))
    server.server.set_npn_protocols(FORMS[form])
    with s_client(certs, server.port, "-nextprotoneg", "a,b", version=TLS12) as client:
        assert spoken(loop, server, client) == ("b", None)
        assert client.said("Next protocol: (1) b"), client


def test_s21_s70_no_overlap(loop, certs):
    """The client names its own first, which is what we hear."""
    server = ours.EchoServer(loop, ours.server_context(certs))
    server.server.set_npn_protocols(["x", "y"])
    with s_client(certs, server.port, "-nextprotoneg", "a,b", version=TLS12) as client:
        assert spoken(loop, server, client) == ("a", None)
        assert client.said("Next protocol: (2) a"), client


@pytest.mark.parametrize("arguments", [[], ["-nextprotoneg", "a"]], ids=["not asked", "no list"])
def test_s21_s70_nothing(loop, certs, arguments):
    server = ours.EchoServer(loop, ours.server_context(certs))
    if not arguments:
        server.server.set_npn_protocols(["a"])
    with s_client(certs, server.port, *arguments, version=TLS12) as client:
        assert spoken(loop, server, client) == (None, None)
        assert not client.said("Next protocol: (1)")


def test_s21_list_of_the_context(loop, certs):
    """Before the server's, and that of a context which SNI picks before both."""
    own, other = ours.server_context(certs), ours.server_context(certs, "server-rsa")
    own.set_npn_protocols(["own"])
    other.set_npn_protocols(["other"])
    server = ours.EchoServer(loop, own)
    server.server.set_npn_protocols(["server"])
    names = ["-nextprotoneg", "server,own,other"]
    with s_client(certs, server.port, *names, version=TLS12) as client:
        assert spoken(loop, server, client) == ("own", None)
    server.server.add_context("localhost", other)
    with s_client(certs, server.port, *names, version=TLS12) as client:
        assert spoken(loop, server, client) == ("other", None)
        assert client.said("Next protocol: (1) other")
    server.server.add_context("localhost", ours.server_context(certs))
    with s_client(certs, server.port, *names, version=TLS12) as client:
        assert spoken(loop, server, client) == ("server", None)


def test_s04_s21_alpn_comes_first(loop, certs):
    server = ours.EchoServer(loop, ours.server_context(certs))
    server.server.set_npn_protocols(["a"])
    server.server.set_alpn_protocols(["h2"])
    with s_client(certs, server.port, "-nextprotoneg", "a", "-alpn", "h2", version=TLS12) as client:
        assert spoken(loop, server, client) == (None, "h2")


def test_s04_s21_s70_none_on_tls_13(loop, certs):
    server = ours.EchoServer(loop, ours.server_context(certs, version=TLS13))
    server.server.set_npn_protocols(["a"])
    with s_client(certs, server.port, "-nextprotoneg", "a") as client:
        assert spoken(loop, server, client) == (None, None)
        assert client.said("TLSv1.3")
    assert not server.errors


# -- our client


@pytest.mark.parametrize("form", FORMS)
def test_s04_s34_s70_s_server(loop, certs, form):
    with s_server(loop, certs, "-nextprotoneg", "a,b", version=TLS12) as (server, port):
        stream, recorder = ours.connect(loop, port, ours.client_context(certs), npn=FORMS[form])
        stream.write(TEXT)
        until(loop, lambda: server.said("NEXTPROTO is ") and server.said("spoken here"), server)
        assert stream.npn_protocol == "a" and stream.alpn_protocol is None
        assert server.said("NEXTPROTO is a"), server
        assert recorder.names == ["secure_connect"]


def test_s34_s70_of_the_context_and_no_overlap(loop, certs):
    """We name our first, the server hears of it, and we report none."""
    context = ours.client_context(certs)
    context.set_npn_protocols(["first", "second"])
    with s_server(loop, certs, "-nextprotoneg", "a,b", version=TLS12) as (server, port):
        stream, _ = ours.connect(loop, port, context)
        stream.write(TEXT)
        until(loop, lambda: server.said("spoken here"), server)
        assert server.said("NEXTPROTO is first"), server
        assert stream.npn_protocol is None


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_s04_s34_s70_server_without(loop, certs, version):
    """One that does not know NPN, and on TLS 1.3 one that would, if there were any."""
    arguments = ["-nextprotoneg", "a"] if version == TLS13 else []
    context = ours.client_context(certs, version=version)
    with s_server(loop, certs, *arguments) as (server, port):
        stream, recorder = ours.connect(loop, port, context, npn=["a"])
        stream.write(TEXT)
        until(loop, lambda: server.said("spoken here"), server)
        assert stream.protocol == version and stream.npn_protocol is None
        assert not server.said("NEXTPROTO is a")
        assert not recorder.of("error")
