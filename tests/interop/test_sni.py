"""Server names from strangers: the table, the callback, and the whole policy of the context that is picked.

Both contexts are for localhost, which every stranger verifies; one has an ECDSA key, the other RSA.
"""

import time
from contextlib import ExitStack

import ours
import pytest
import support
import tlspair
from strangers import CURL, OPENSSL, Stranger, gnutls_cli, node_client, s_client, until

TEXT = b"by which name\n"
RSA, EC = 2048, 256


@pytest.fixture
def other(certs, version):
    """The context that names lead to."""
    return ours.server_context(certs, "server-rsa")


def s_client_for(certs, port, version, name):
    return s_client(certs, port, version=version, servername=name)


def node_for(certs, port, version, name):
    # Node verifies the name that it sends, so it is told not to.
    return node_client(port, ca=certs / "ca.pem", version=version, servername=name or "", anyName=True)


def gnutls_for(certs, port, version, name):
    return gnutls_cli(certs, port, version=version, servername=name)


def printed(pattern):
    return lambda client: int(client.found(pattern) or 0)


def reported(client):
    reports = client.reports("secure")
    return reports[0]["bits"] if reports else 0


# Who it is, how it tells the size of our key, and what it says when we refuse the name.
VISITORS = {
    "s_client": (s_client_for, printed(r"Server public key is (\d+) bit"), "unrecognized name"),
    "node": (node_for, reported, "ERR_SSL_TLSV1_UNRECOGNIZED_NAME"),
    "gnutls": (gnutls_for, printed(r"(?:RSA|ECDSA)\)? key (\d+) bits"), "server name sent was not recognized"),
}


@pytest.fixture(params=VISITORS)
def visitor(request):
    return VISITORS[request.param]


def served(loop, server, client, bits, expected):
    """The client has an echo, from the context with a key of this size."""
    client.send(TEXT)
    until(loop, lambda: TEXT in client.out and bits(client) == expected, client)


# -- the table


@pytest.mark.parametrize(
    "name, expected",
    [
        ("exact.example", RSA),
        ("EXACT.Example", RSA),
        ("one.wild.example", RSA),
        ("wild.example", EC),
        ("one.more.wild.example", EC),
        ("exact.wild.example", EC),
        ("elsewhere.example", EC),
        (None, EC),
    ],
)
def test_s22_s57_s71_the_table(loop, certs, version, other, visitor, name, expected):
    """Exact before wildcard, one label deep, case does not count; what the client wrote is told."""
    visit, bits, _ = visitor
    own = ours.server_context(certs)
    server = ours.EchoServer(loop, own)
    server.server.add_context("exact.example", other)
    server.server.add_context("*.wild.example", other)
    server.server.add_context("exact.wild.example", own)
    with visit(certs, server.port, version, name) as client:
        served(loop, server, client, bits, expected)
    assert server.last.servername == name
    assert not server.errors


@pytest.mark.parametrize(
    "name, expected",
    [
        ("exact.example.", RSA),
        ("b\u00fccher.example", EC),
        ("a" * 255, EC),
        ("under_score.example", EC),
        ("127.0.0.1", EC),
    ],
    ids=["trailing-dot", "non-ascii", "255-bytes", "underscore", "address"],
)
def test_c015_s57_s71_odd_names(loop, certs, version, other, name, expected):
    """Only s_client sends what it is told to."""
    server = ours.EchoServer(loop, ours.server_context(certs))
    server.server.add_context("exact.example", other)
    seen = []

    def ask(_server, _stream, asked, request):
        seen.append(asked)
        request.resolve_context(None)

    visit, bits, _ = VISITORS["s_client"]
    for _ in range(2):
        with visit(certs, server.port, version, name) as client:
            served(loop, server, client, bits, expected)
        assert server.last.servername == name
        server.server.on_sni(ask)
    assert seen == [name]


def test_s57_added_replaced_and_removed_while_it_serves(loop, certs, version, other, visitor):
    """Connections that are there keep what they have, new ones get what is new."""
    visit, bits, _ = visitor
    own = ours.server_context(certs)
    server = ours.EchoServer(loop, own)
    name = "localhost"
    with visit(certs, server.port, version, name) as first:
        served(loop, server, first, bits, EC)
        server.server.add_context(name, other)
        with visit(certs, server.port, version, name) as second:
            served(loop, server, second, bits, RSA)
            server.server.add_context(name, own)
            with visit(certs, server.port, version, name) as third:
                served(loop, server, third, bits, EC)
                server.server.add_context(name, other)
                server.server.remove_context(name)
                with visit(certs, server.port, version, name) as fourth:
                    served(loop, server, fourth, bits, EC)
                    for client in (first, second, third):
                        client.send(b"still served\n")
                        until(loop, lambda client=client: client.said("still served"), client)
    assert not server.errors


def test_s57_removed_while_connections_are_accepted(loop, certs, version, other):
    """The table changes in every turn of the loop, and nobody falls between."""
    server = ours.EchoServer(loop, ours.server_context(certs))
    visit, bits, _ = VISITORS["s_client"]
    added = False
    with ExitStack() as stack:
        visitors = [visit(certs, server.port, version, "localhost") for _ in range(8)]
        clients = [stack.enter_context(client) for client in visitors]
        for client in clients:
            client.send(TEXT)
        deadline = time.monotonic() + support.DEADLINE
        while not all(TEXT in client.out for client in clients):
            assert time.monotonic() < deadline and not any(client.ended for client in clients), clients
            if added:
                server.server.remove_context("localhost")
            else:
                server.server.add_context("localhost", other)
            added = not added
            loop.run_once(0.01)
        assert {bits(client) for client in clients} <= {EC, RSA}
    assert not server.errors and len(server.streams) == 8


def test_s22_s57_s71_curl(loop, certs):
    """The name of the URL, over an address of ours."""
    server = ours.EchoServer(
        loop,
        ours.server_context(certs),
        answer=lambda stream: (stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"), stream.end()),
    )
    server.server.add_context("localhost", ours.server_context(certs, "server-rsa"))
    always = ["-sS", "--noproxy", "*", "--http1.1", "--max-time", "15", "--cacert", certs / "ca.pem", *CURL["TLSv1.2"]]
    ways = [
        (["--connect-to", f"localhost:443:127.0.0.1:{server.port}", "https://localhost/"], "localhost", "RSA"),
        (
            ["--resolve", f"else.example:{server.port}:127.0.0.1", "-k", f"https://else.example:{server.port}/"],
            "else.example",
            "ECDSA",
        ),
        ([f"https://127.0.0.1:{server.port}/"], None, "ECDSA"),
    ]
    for arguments, name, kind in ways:
        with Stranger("curl", *always, *arguments) as client:
            until(loop, lambda client=client: client.ended, client)
            assert client.status == 0 and client.out == b"yes", client
        assert server.last.servername == name and f"-{kind}-" in server.last.cipher


# -- the callback


def test_s22_answered_later_from_another_thread(loop, certs, version, other, visitor):
    """Another client is served while the first one waits."""
    visit, bits, _ = visitor
    server = ours.EchoServer(loop, ours.server_context(certs))
    requests = []
    server.server.on_sni(
        lambda _server, _stream, name, request: requests.append(request)
        if name == "later.example"
        else request.resolve_context(None)
    )
    with visit(certs, server.port, version, "later.example") as client:
        until(loop, lambda: requests, client)
        with visit(certs, server.port, version, "localhost") as quick:
            served(loop, server, quick, bits, EC)
        assert bits(client) == 0
        assert support.call_in_thread(requests[0].resolve_context, other)
        served(loop, server, client, bits, RSA)
    assert server.last.servername == "later.example"


def test_s22_refused(loop, certs, version, visitor):
    visit, _, words = visitor
    server = ours.EchoServer(loop, ours.server_context(certs))
    server.server.on_sni(lambda _server, _stream, _name, request: request.reject("not for you"))
    with visit(certs, server.port, version, "localhost") as client:
        until(loop, lambda: client.ended and server.errors, client)
        assert client.said(words), client
        assert not client.said("not for you")
    (error,) = server.errors
    assert error.name == "ERR_TLS_UNRECOGNIZED_NAME" and "not for you" in error.message
    assert not server.streams


def test_s22_no_name_no_question(loop, certs, version, visitor):
    visit, bits, _ = visitor
    server = ours.EchoServer(loop, ours.server_context(certs))
    server.server.on_sni(lambda _server, _stream, _name, request: request.reject())
    with visit(certs, server.port, version, None) as client:
        served(loop, server, client, bits, EC)
    assert server.last.servername is None and not server.errors


def test_s22_client_gives_up_while_it_waits(loop, certs, version):
    server = ours.EchoServer(loop, ours.server_context(certs))
    requests = []
    server.server.on_sni(lambda _server, _stream, _name, request: requests.append(request))
    with s_client(certs, server.port, version=version) as client:
        until(loop, lambda: requests, client)
        client.kill()
        until(loop, lambda: server.errors, client)
    assert requests[0].resolve_context(None) is False
    with s_client(certs, server.port, version=version) as client:
        until(loop, lambda: len(requests) == 2, client)
        assert requests[1].resolve_context(None) is True
        client.send(TEXT)
        until(loop, lambda: TEXT in client.out, client)


# -- the whole policy of the context that is picked, also after a HelloRetryRequest


WAYS = pytest.mark.parametrize(
    "version, retry",
    [("TLSv1.2", False), ("TLSv1.3", False), ("TLSv1.3", True)],
    ids=["TLSv1.2", "TLSv1.3", "retry"],
)


@pytest.fixture
def retry():
    """Whether the key of the client's first hello is one that the server does not take; see `WAYS`."""
    return False


@pytest.fixture
def visit(certs, version, retry):
    """How to start s_client."""
    groups = ["-groups", "X25519:P-256"] if retry else []

    def start(port, *arguments, only=version):
        switch = [OPENSSL[only]] if only else []
        return s_client(certs, port, *switch, *groups, *arguments)

    return start


@pytest.fixture(params=["table", "callback", "later"])
def switched(request, loop, certs, retry):
    """Makes a server that serves localhost by a context, in one of three ways; how often it was asked."""

    def make(context, **options):
        own = ours.server_context(certs)
        for one in (own, context) if retry else ():
            one.set_groups("P-256")
        server = ours.EchoServer(loop, own, **options)
        server.asked = []
        if request.param == "table":
            server.server.add_context("localhost", context)
        else:

            @server.server.on_sni
            def ask(_server, _stream, _name, question):
                server.asked.append(question)
                answer = lambda: question.resolve_context(context)  # noqa: E731
                loop.post(answer) if request.param == "later" else answer()

        return server

    make.asks = request.param != "table"
    return make


def converse(loop, server, client, retry):
    client.send(TEXT)
    until(loop, lambda: TEXT in client.out, client)
    if retry:  # its first hello had a key of X25519
        assert client.said("Server Temp Key: ECDH, prime256v1"), client


def refused(loop, server, client):
    until(loop, lambda: client.ended and server.errors, client)
    (error,) = server.errors
    assert not server.streams
    return error.name


@WAYS
def test_s22_s57_key_and_ciphers(loop, certs, version, retry, visit, switched):
    context = ours.server_context(certs, "server-rsa")
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256:TLS_AES_128_GCM_SHA256")
    server = switched(context)
    with visit(server.port) as client:
        converse(loop, server, client, retry)
        assert client.said("Server public key is 2048 bit")
    assert server.last.cipher.endswith("AES128-GCM-SHA256") or server.last.cipher == "TLS_AES_128_GCM_SHA256"
    assert len(server.asked) == switched.asks  # once, also with two hellos


@WAYS
def test_s22_s57_versions(loop, certs, version, retry, visit, switched):
    """What the server itself would speak does not count."""
    server = switched(ours.server_context(certs, "server-rsa", version=version))
    with visit(server.port, only=None) as client:
        converse(loop, server, client, retry)
    assert server.last.protocol == version
    foreign = "TLSv1.2" if version == "TLSv1.3" else "TLSv1.3"
    if retry and foreign == "TLSv1.2":
        return
    with s_client(certs, server.port, version=foreign) as client:
        until(loop, lambda: client.ended and server.errors, client)
        assert client.said("alert protocol version"), client
    assert [error.name for error in server.errors] == ["ERR_SSL_UNSUPPORTED_PROTOCOL"]


def identity(certs, name):
    cert = certs / f"{name}-cert.pem"
    return ["-cert", cert, "-cert_chain", cert, "-key", certs / f"{name}-key.pem"]


@WAYS
@pytest.mark.parametrize("policy", ["REQUIRE", "REQUEST"])
def test_s19_s20_s57_the_context_asks_for_certificates(loop, certs, version, retry, visit, switched, policy):
    """The server itself does not."""
    context = ours.server_context(certs, "server-rsa", ca="ca.pem")
    context.set_client_auth(tlspair.ClientAuth[policy])
    server = switched(context)
    with visit(server.port, *identity(certs, "client")) as client:
        converse(loop, server, client, retry)
    assert server.last.authorized and "CN=tlspair client" in server.last.subject
    with visit(server.port) as client:
        if policy == "REQUEST":
            converse(loop, server, client, retry)
            assert not server.last.authorized
            return
        del server.streams[:]
        assert refused(loop, server, client) == "UNABLE_TO_GET_ISSUER_CERT"


@WAYS
def test_s19_s57_the_context_does_not_ask(loop, certs, version, retry, visit, switched):
    """The server itself does."""
    context = ours.server_context(certs, "server-rsa")
    context.set_client_auth(tlspair.ClientAuth.NONE)
    server = switched(context, request_cert=True, reject_unauthorized=True)
    with visit(server.port, *identity(certs, "client")) as client:
        converse(loop, server, client, retry)
    assert server.last.subject is None and not server.last.authorized


@WAYS
def test_s15_s57_its_revocation_lists(loop, certs, version, retry, visit, switched):
    context = ours.server_context(certs, "server-rsa", ca="ca.pem")
    context.add_crl_file(certs / "crl.pem")
    server = switched(context, request_cert=True, reject_unauthorized=True)
    with visit(server.port, *identity(certs, "client-revoked")) as client:
        assert refused(loop, server, client) == "CERT_REVOKED"
    with visit(server.port, *identity(certs, "client")) as client:
        converse(loop, server, client, retry)
    assert server.last.authorized


@WAYS
def test_s22_s57_its_protocols(loop, certs, version, retry, visit, switched):
    context = ours.server_context(certs, "server-rsa")
    context.set_alpn_protocols(["http/1.1"])
    context.set_npn_protocols(["spdy/3"])
    server = switched(context)
    server.server.set_alpn_protocols(["h2"])
    with visit(server.port, "-alpn", "h2,http/1.1") as client:
        converse(loop, server, client, retry)
        assert server.last.stream.alpn_protocol == "http/1.1"
        assert client.said("ALPN protocol: http/1.1")
    if version == "TLSv1.2":
        with visit(server.port, "-nextprotoneg", "spdy/3") as client:
            converse(loop, server, client, retry)
            assert server.last.stream.npn_protocol == "spdy/3"


@WAYS
def test_s22_refused_before_a_retry(loop, certs, version, retry, visit):
    """The name is refused in the first hello, whatever its key."""
    context = ours.server_context(certs)
    context.set_groups("P-256")
    server = ours.EchoServer(loop, context)
    server.server.on_sni(lambda _server, _stream, _name, request: request.reject())
    with visit(server.port) as client:
        assert refused(loop, server, client) == "ERR_TLS_UNRECOGNIZED_NAME"
        assert client.said("unrecognized name")
