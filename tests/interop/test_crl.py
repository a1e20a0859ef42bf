"""Revocation lists: what our client says to strangers is what Node's says to us."""

import ours
import pytest
from strangers import node_client, s_server, until

CASES = {
    "in-force": ("server", "crl.pem", None),
    "revoked": ("revoked", "crl.pem", "CERT_REVOKED"),
    "missing": ("server", "crl-root.pem", "UNABLE_TO_GET_CRL"),
    "expired": ("server", "crl-expired.pem", "CRL_HAS_EXPIRED"),
}
pytestmark = pytest.mark.parametrize("identity, crl, name", CASES.values(), ids=CASES)


def test_s15_c085_our_client(loop, certs, version, identity, crl, name):
    context = ours.client_context(certs)
    context.add_crl_file(certs / crl)
    with s_server(loop, certs, "-rev", version=version, identity=identity) as (server, port):
        stream, recorder = ours.connect(loop, port, context)
        stream.write(b"abc\n")
        until(loop, lambda: recorder.data == b"cba\n" or stream.closed, server)
        errors = [error.name for (error,) in recorder.of("error")]
        assert errors == ([name] if name else []), server


def test_s15_c085_node_says_the_same(loop, certs, version, identity, crl, name):
    server = ours.EchoServer(loop, ours.server_context(certs, identity))
    with node_client(server.port, ca=certs / "ca.pem", crl=certs / crl, version=version) as client:
        client.send(b"x")
        until(loop, lambda: client.ended or client.out == b"x", client)
        assert client.reports("error") == ([name] if name else [])
