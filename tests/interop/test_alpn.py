"""ALPN with strangers: the server's order, nothing in common, and nothing at all."""

import ours
import pytest
from strangers import (
    CURL,
    Stranger,
    gnutls_cli,
    need_node,
    node_client,
    node_server,
    s_client,
    s_server,
    ssl_client,
    until,
)

H2 = ["h2", "http/1.1"]
TEXT = b"spoken here\n"
FORMS = {"list": ["http/1.1", "h2"], "buffer": b"\x08http/1.1\x02h2"}


def visit_gnutls(certs, port, version, protocols):
    return gnutls_cli(certs, port, *[f"--alpn={name}" for name in protocols], version=version)


def visit_s_client(certs, port, version, protocols):
    return s_client(certs, port, *(["-alpn", ",".join(protocols)] if protocols else []), version=version)


def visit_node(certs, port, version, protocols):
    offer = {"ALPNProtocols": protocols} if protocols else {}
    return node_client(port, ca=certs / "ca.pem", version=version, **offer)


def visit_ssl(certs, port, version, protocols):
    return ssl_client(port, version, certs / "ca.pem", alpn=protocols)


def reported(client):
    reports = client.reports("secure")
    return reports[0]["alpn"] if reports else "nothing yet"


# Who it is, and how it tells what was agreed on.
VISITORS = {
    "s_client": (visit_s_client, lambda client: client.found(r"ALPN protocol: (\S+)")),
    "node": (visit_node, reported),
    "ssl": (visit_ssl, reported),
    "gnutls": (visit_gnutls, lambda client: client.found(r"Application protocol: (\S+)")),
}


@pytest.fixture(params=VISITORS)
def visitor(request):
    return VISITORS[request.param]


def agreed(loop, server, client, told, protocol):
    """The client is served, and both say that this is the protocol."""
    client.send(TEXT)
    until(loop, lambda: TEXT in client.out and told(client) == protocol, client)
    assert server.last.stream.alpn_protocol == protocol


@pytest.mark.parametrize("form", FORMS)
def test_s83_our_order(loop, certs, version, visitor, form):
    visit, told = visitor
    server = ours.EchoServer(loop, ours.server_context(certs))
    server.server.set_alpn_protocols(FORMS[form])
    with visit(certs, server.port, version, H2) as client:
        agreed(loop, server, client, told, "http/1.1")


def test_s83_none_offered(loop, certs, version, visitor):
    visit, told = visitor
    server = ours.EchoServer(loop, ours.server_context(certs))
    server.server.set_alpn_protocols(H2)
    with visit(certs, server.port, version, []) as client:
        agreed(loop, server, client, told, None)


def test_s83_none_of_ours(loop, certs, version, visitor):
    """A server without a list ignores the offer."""
    visit, told = visitor
    server = ours.EchoServer(loop, ours.server_context(certs))
    with visit(certs, server.port, version, H2) as client:
        agreed(loop, server, client, told, None)


def test_s83_no_overlap(loop, certs, version, visitor):
    """The peer reads the alert, and we know why."""
    visit, _ = visitor
    server = ours.EchoServer(loop, ours.server_context(certs))
    server.server.set_alpn_protocols(["spdy/3"])
    with visit(certs, server.port, version, H2) as client:
        until(loop, lambda: client.ended and server.errors, client)
        alerts = ["alert no application protocol", "ALERT_NO_APPLICATION_PROTOCOL", "[120]"]
        assert any(client.said(alert) for alert in alerts), client
    assert [error.name for error in server.errors] == ["ERR_SSL_NO_APPLICATION_PROTOCOL"]
    assert not server.streams


def test_s83_list_of_the_context(loop, certs, version, visitor):
    """It comes before the server's, and that of a context which SNI picks before both."""
    visit, told = visitor
    own, other = ours.server_context(certs), ours.server_context(certs, "server-rsa")
    own.set_alpn_protocols(["h2"])
    other.set_alpn_protocols(["http/1.1"])
    server = ours.EchoServer(loop, own)
    server.server.set_alpn_protocols(["unused"])
    with visit(certs, server.port, version, H2) as client:
        agreed(loop, server, client, told, "h2")
    server.server.add_context("localhost", other)
    with visit(certs, server.port, version, H2) as client:
        agreed(loop, server, client, told, "http/1.1")
    # One without a list leaves the server's.
    server.server.add_context("localhost", ours.server_context(certs))
    server.server.set_alpn_protocols(["http/1.1"])
    with visit(certs, server.port, version, H2) as client:
        agreed(loop, server, client, told, "http/1.1")


def test_s83_curl(loop, certs, version):
    """A client that offers HTTP by itself."""
    protocols = []

    def answer(stream):
        protocols.append(stream.alpn_protocol)
        stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes")
        stream.end()

    server = ours.EchoServer(loop, ours.server_context(certs), answer=answer)
    url = f"https://localhost:{server.port}/"
    always = ["-sS", "--noproxy", "*", "--ipv4", "--http1.1", "--max-time", "15", "--cacert", certs / "ca.pem"]
    for ours_are, status in ((H2, 0), (["h2"], 35)):
        server.server.set_alpn_protocols(ours_are)
        with Stranger("curl", *always, *CURL[version], url) as client:
            until(loop, lambda client=client: client.ended, client)
            assert client.status == status, client
    until(loop, lambda: server.errors)
    assert protocols == ["http/1.1"]
    assert [error.name for error in server.errors] == ["ERR_SSL_NO_APPLICATION_PROTOCOL"]


# -- our client


def connect(loop, certs, port, protocols, of_context=None):
    context = ours.client_context(certs)
    if of_context is not None:
        context.set_alpn_protocols(of_context)
    return ours.connect(loop, port, context, alpn=protocols)


@pytest.mark.parametrize("form", FORMS)
def test_s83_at_s_server(loop, certs, version, form):
    with s_server(loop, certs, "-alpn", "h2,http/1.1", version=version) as (server, port):
        stream, recorder = connect(loop, certs, port, FORMS[form], of_context=["unused"])
        until(loop, lambda: stream.secure and server.said("ALPN protocols selected: "), server)
        assert stream.alpn_protocol == "h2"
        assert server.said("ALPN protocols advertised by the client: http/1.1, h2")
        assert recorder.names == ["secure_connect"]


def test_s83_list_of_the_clients_context(loop, certs, version):
    with s_server(loop, certs, "-alpn", "h2", version=version) as (server, port):
        stream, _ = connect(loop, certs, port, None, of_context=["h2"])
        until(loop, lambda: stream.secure, server)
        assert stream.alpn_protocol == "h2"


def test_s83_at_node(loop, certs, version):
    with node_server(loop, certs, version=version, ALPNProtocols=["h2"]) as (server, port):
        stream, _ = connect(loop, certs, port, H2)
        until(loop, lambda: stream.secure and server.reports("secure"), server)
        assert stream.alpn_protocol == "h2" == server.reports("secure")[0]["alpn"]
        stream.end()
        until(loop, lambda: stream.closed, server)
        stream, _ = connect(loop, certs, port, None)
        until(loop, lambda: stream.secure, server)
        assert stream.alpn_protocol is None


def test_s83_refused_by_strangers(loop, certs, version):
    need_node(19)   # before, it went on without a protocol
    with node_server(loop, certs, version=version, ALPNProtocols=["spdy/3"]) as (server, port):
        stream, recorder = connect(loop, certs, port, H2)
        until(loop, lambda: stream.closed, server)
    assert [error.name for (error,) in recorder.of("error")] == ["ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL"]


def test_s83_at_a_server_without(loop, certs, version):
    with s_server(loop, certs, version=version) as (server, port):
        stream, _ = connect(loop, certs, port, H2)
        until(loop, lambda: stream.secure, server)
        assert stream.alpn_protocol is None
