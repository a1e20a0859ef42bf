"""Servers that must be refused, each with the name that Node gives."""

import shutil

import ours
import pytest
import tlspair
from strangers import node_client, node_server, s_server, until

CASES = {
    "wrong-ca": ("server", "other-ca.pem", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"),
    "wrong-host": ("wrong-host", "ca.pem", "ERR_TLS_CERT_ALTNAME_INVALID"),
    "expired": ("expired", "ca.pem", "CERT_HAS_EXPIRED"),
    "self-signed": ("self-signed", "ca.pem", "DEPTH_ZERO_SELF_SIGNED_CERT"),
    "no-chain": ("bare", "ca.pem", "UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
}
pytestmark = pytest.mark.parametrize("identity, ca, name", CASES.values(), ids=CASES)


@pytest.fixture(scope="session")
def certs(certs, tmp_path_factory):
    """All certificates, and `bare`: the server's without the intermediate."""
    directory = tmp_path_factory.mktemp("with-bare")
    for source in certs.glob("*.pem"):
        shutil.copy(source, directory)
    first, end = (certs / "server-cert.pem").read_text(), "-----END CERTIFICATE-----\n"
    (directory / "bare-cert.pem").write_text(first[: first.index(end)] + end)
    shutil.copy(certs / "server-key.pem", directory / "bare-key.pem")
    return directory


def refused(loop, port, context, server, name):
    """We say why, once, and what was written before never leaves."""
    stream, recorder = ours.connect(loop, port, context)
    stream.write(b"secret")
    until(loop, lambda: stream.closed, server)
    assert recorder.names == ["error", "close"]
    ((error,),) = recorder.of("error")
    assert error.name == name, error
    assert error.status == tlspair.constant.TLS_ERR_VERIFY
    assert recorder.of("close") == [(True,)]


def test_s33_c073_at_s_server(loop, certs, version, identity, ca, name):
    with s_server(loop, certs, version=version, identity=identity) as (server, port):
        refused(loop, port, ours.client_context(certs, ca), server, name)
        until(loop, lambda: server.ended, server)
        assert not server.said("secret")


def test_s33_c073_at_node(loop, certs, version, identity, ca, name):
    with node_server(loop, certs, identity, version=version) as (server, port):
        refused(loop, port, ours.client_context(certs, ca), server, name)
        until(loop, lambda: server.reports("clientError") or server.reports("close"), server)


def test_s63_s64_connected_all_the_same(loop, certs, version, identity, ca, name):
    """Without `rejectUnauthorized` the same name is the `authorization_error`."""
    with s_server(loop, certs, "-rev", version=version, identity=identity) as (server, port):
        context = ours.client_context(certs, ca)
        stream, recorder = ours.connect(loop, port, context, reject_unauthorized=False)
        stream.write(b"abc\n")
        until(loop, lambda: recorder.data.endswith(b"cba\n"), server)
        assert not stream.authorized and stream.authorization_error == name
        stream.end()
        until(loop, lambda: stream.closed, server)


def test_s33_node_says_the_same(loop, certs, version, identity, ca, name):
    """Node's client at our server: the names above are its names."""
    server = ours.EchoServer(loop, ours.server_context(certs, identity))
    with node_client(server.port, ca=certs / ca, version=version) as client:
        until(loop, lambda: client.ended, client)
        assert client.reports("error") == [name]
