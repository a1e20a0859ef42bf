"""Our server asks strangers for certificates, and ours are asked for by theirs. The names of the errors
are those of Node's server."""

import ours
import pytest
from strangers import node_client, node_server, s_client, s_server, ssl_client, until

TEXT = b"who am I\n"


@pytest.fixture
def context(certs):
    """Trusts clients of our CA."""
    return ours.server_context(certs, ca="ca.pem")


def identity_options(cert, key):
    return ["-cert", cert, "-key", key, "-cert_chain", cert]


@pytest.fixture(params=["s_client", "node", "ssl"])
def visit(request, certs, version):
    """How to start a stranger with a certificate (or none): each of three."""

    def start(port, cert=None, key=None):
        if request.param == "s_client":
            identity = identity_options(cert, key) if cert else []
            return s_client(certs, port, *identity, version=version)
        if request.param == "ssl":
            return ssl_client(port, version, certs / "ca.pem", *([cert, key] if cert else []))
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


ALERTS = {
    "client-expired": ("CERT_HAS_EXPIRED", "CERTIFICATE_EXPIRED", 45),
    "server": ("INVALID_PURPOSE", "UNSUPPORTED_CERTIFICATE", 43),
    "client-revoked": ("CERT_REVOKED", "CERTIFICATE_REVOKED", 44),
}


@pytest.mark.parametrize("name", ALERTS)
def test_s15_s20_c087_the_alert_says_why(loop, certs, context, version, visit, name):
    """The stranger is refused, and its own words say what for."""
    reason, alert, number = ALERTS[name]
    context.add_crl_file(certs / "crl.pem")
    server = ours.EchoServer(loop, context, request_cert=True, reject_unauthorized=True)
    with visit(server.port, certs / f"{name}-cert.pem", certs / f"{name}-key.pem") as client:
        error = refuse(loop, server, client)
        assert client.said(f"SSLV3_ALERT_{alert}") or client.said(f"SSL alert number {number}"), client
        assert TEXT not in client.out
    assert error.name == reason


def test_s15_s19_not_revoked(loop, certs, context, version, visit):
    context.add_crl_file(certs / "crl.pem")
    server = ours.EchoServer(loop, context, request_cert=True, reject_unauthorized=True)
    with visit(server.port, certs / "client-cert.pem", certs / "client-key.pem") as client:
        welcome(loop, server, client)
    assert server.last.authorized


# What s_server refuses, and what our client reads of it.
OURS = {
    "client-expired": "ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "server": "ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    "client-self-signed": "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
    "client-revoked": "ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED",
}


@pytest.mark.parametrize("name", OURS)
def test_s32_c087_refused_by_s_server(loop, certs, version, name, tmp_path):
    # It takes one list from a file, so it gets that of the leaf's issuer.
    _, _, last = (certs / "crl.pem").read_text().partition("-----END X509 CRL-----\n")
    (tmp_path / "list.pem").write_text(last)
    strict = ["-Verify", "3", "-verify_return_error", "-CAfile", certs / "ca.pem"]
    lists = ["-crl_check", "-CRL", tmp_path / "list.pem"]
    with s_server(loop, certs, "-rev", *strict, *lists, version=version) as (server, port):
        stream, recorder = ours.connect(loop, port, ours.client_context(certs, identity=name))
        stream.write(TEXT)
        until(loop, lambda: stream.closed, server)
    assert [error.name for (error,) in recorder.of("error")] == [OURS[name]], server
    assert recorder.names[-2:] == ["error", "close"]
    assert ("secure_connect" in recorder.names) == (version == "TLSv1.3")


@pytest.mark.parametrize("name", OURS)
def test_s32_c087_refused_by_node(loop, certs, version, name):
    """Node ends the connection without a word: what is told is that nothing came."""
    options = {"ca": certs / "ca.pem", "crl": certs / "crl.pem", "requestCert": True, "rejectUnauthorized": True}
    with node_server(loop, certs, version=version, **options) as (server, port):
        stream, recorder = ours.connect(loop, port, ours.client_context(certs, identity=name))
        stream.write(TEXT)
        until(loop, lambda: stream.closed, server)
        assert not server.reports("secure"), server
    assert recorder.data == b""
    assert recorder.of("end") == [(False,)] or [error.status for (error,) in recorder.of("error")], recorder.events
