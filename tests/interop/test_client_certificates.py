"""Our server asks strangers for certificates. The names of the errors are those of Node's server."""

import ours
import pytest
from strangers import node_client, s_client, until

TEXT = b"who am I\n"


@pytest.fixture
def context(certs):
    """Trusts clients of our CA."""
    return ours.server_context(certs, ca="ca.pem")


def identity_options(cert, key):
    return ["-cert", cert, "-key", key, "-cert_chain", cert]


@pytest.fixture(params=["s_client", "node"])
def visit(request, certs, version):
    """How to start a stranger with a certificate (or none): each of two."""

    def start(port, cert=None, key=None):
        if request.param == "s_client":
            identity = identity_options(cert, key) if cert else []
            return s_client(certs, port, *identity, version=version)
        identity = {"cert": cert, "key": key} if cert else {}
        return node_client(port, ca=certs / "ca.pem", version=version, **identity)

    return start


def welcome(loop, server, client):
    """The client is served."""
    client.send(TEXT)
    until(loop, lambda: TEXT in client.out, client)
    client.end_input()
    until(loop, lambda: client.ended and server.closed(), client)
    assert not server.errors


def refuse(loop, server, client):
    """The client is not served; the one error of it."""
    client.send(TEXT)
    until(loop, lambda: client.ended and server.errors, client)
    assert not server.streams
    (error,) = server.errors
    return error


def test_s19_s63_s65_accepted(loop, certs, context, version, visit):
    server = ours.EchoServer(loop, context, request_cert=True, reject_unauthorized=True)
    with visit(server.port, certs / "client-cert.pem", certs / "client-key.pem") as client:
        welcome(loop, server, client)
    assert server.last.authorized and server.last.authorization_error is None
    assert "CN=tlspair client" in server.last.subject
    assert server.last.protocol == version


def test_s20_c087_none(loop, certs, context, version, visit):
    server = ours.EchoServer(loop, context, request_cert=True, reject_unauthorized=True)
    with visit(server.port) as client:
        error = refuse(loop, server, client)
        assert TEXT not in client.out
    assert error.name == "UNABLE_TO_GET_ISSUER_CERT"


def test_s20_c087_wrong_ca(loop, certs, context, version, visit, intruder):
    server = ours.EchoServer(loop, context, request_cert=True, reject_unauthorized=True)
    with visit(server.port, *intruder) as client:
        error = refuse(loop, server, client)
    assert error.name == "UNABLE_TO_VERIFY_LEAF_SIGNATURE"


def test_s20_s64_not_refused(loop, certs, context, version, visit, intruder):
    """Without `rejectUnauthorized` both are served, and told apart from the trusted."""
    for identity, name in ((), "UNABLE_TO_GET_ISSUER_CERT"), (intruder, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"):
        server = ours.EchoServer(loop, context, request_cert=True)
        with visit(server.port, *identity) as client:
            welcome(loop, server, client)
        assert not server.last.authorized
        assert server.last.authorization_error == name
        assert (server.last.subject is None) == (not identity)
