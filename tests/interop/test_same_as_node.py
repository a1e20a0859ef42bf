"""Odd certificates, shown to Node's client and to ours: both say the same, or it is a difference that
docs/verification.md explains."""

import mint
import ours
import pytest
from strangers import node_client, node_server, until

HOST = "a.example.org"
IS_CA, MAY_SIGN = mint.CA
MISMATCH = "ERR_TLS_CERT_ALTNAME_INVALID"
SAN = "subjectAltName=DNS:" + HOST


# What makes the certificate; our verdict (None: accepted); Node's, where it differs.
def san(names):
    return lambda mint, name: mint.leaf(name, "subjectAltName=" + names)


def common_name(subject, *extensions):
    return lambda mint, name: mint.leaf(name, *extensions, subject=subject)


def below(*extensions, digest="sha256"):
    def make(mint, name):
        mint.ca(name + "-ca", *extensions, digest=digest)
        mint.leaf(name, SAN, through=[name + "-ca"])

    return make


def below_two(upper):
    def make(mint, name):
        mint.ca(name + "-upper", upper, MAY_SIGN)
        mint.ca(name + "-lower", issuer=name + "-upper")
        mint.leaf(name, SAN, through=[name + "-lower", name + "-upper"])

    return make


SAME = object()
CASES = {
    "name": (san("DNS:A.Example.org"), None, SAME),
    "wildcard": (san("DNS:*.example.org"), None, SAME),
    "wildcard-alone": (san("DNS:*"), MISMATCH, SAME),
    "wildcard-of-all": (san("DNS:*.*.org"), MISMATCH, SAME),
    "wildcard-crosses-no-dot": (san("DNS:*.org"), MISMATCH, SAME),
    "wildcard-in-a-label": (san("DNS:a*.example.org"), MISMATCH, None),
    "dot-at-the-end": (san(f"DNS:{HOST}."), MISMATCH, None),
    "common-name": (common_name(f"/CN={HOST}"), None, SAME),
    "common-name-beside-dns": (common_name(f"/CN={HOST}", "subjectAltName=DNS:b.example"), MISMATCH, SAME),
    "common-name-beside-ip": (common_name(f"/CN={HOST}", "subjectAltName=IP:192.0.2.1"), None, SAME),
    "uri": (san(f"URI:https://{HOST}/,email:x@{HOST}"), MISMATCH, SAME),
    "for-clients": (lambda m, n: m.leaf(n, SAN, "extendedKeyUsage=clientAuth"), "INVALID_PURPOSE", SAME),
    "unknown-critical": (
        lambda m, n: m.leaf(n, SAN, "1.2.3.4=critical,DER:0500"),
        "UNHANDLED_CRITICAL_EXTENSION",
        "UNSPECIFIED",
    ),
    "no-ca": (below("basicConstraints=critical,CA:false"), "INVALID_PURPOSE", SAME),
    "no-cert-sign": (below(IS_CA, "keyUsage=critical,cRLSign"), "KEYUSAGE_NO_CERTSIGN", "UNSPECIFIED"),
    "path-too-long": (below_two("basicConstraints=critical,CA:true,pathlen:0"), "PATH_LENGTH_EXCEEDED", SAME),
    "not-permitted": (
        below(IS_CA, "nameConstraints=critical,permitted;DNS:other.example"),
        "PERMITTED_VIOLATION",
        "UNSPECIFIED",
    ),
    "excluded": (
        below(IS_CA, "nameConstraints=critical,excluded;DNS:example.org"),
        "EXCLUDED_VIOLATION",
        "UNSPECIFIED",
    ),
    "sha1": (below(digest="sha1"), "CA_MD_TOO_WEAK", "UNSPECIFIED"),
    "rsa-1024": (lambda m, n: m.leaf(n, SAN, key="rsa1024"), "EE_KEY_TOO_SMALL", None),
}


@pytest.fixture(scope="session")
def mint_directory(tmp_path_factory):
    directory = tmp_path_factory.mktemp("mint")
    press = mint.Mint(directory)
    for name, (make, _ours, _node) in CASES.items():
        make(press, name)
    return directory


pytestmark = pytest.mark.parametrize("name", CASES)


def expected(name):
    _make, our_verdict, node_verdict = CASES[name]
    return our_verdict, our_verdict if node_verdict is SAME else node_verdict


def test_s33_node_client(loop, mint_directory, name):
    context = ours.server_context(mint_directory, name)
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    server = ours.EchoServer(loop, context)
    # The level of Node's own builds: Debian's has the one that its OpenSSL was built with.
    options = {"ca": mint_directory / "ca.pem", "servername": HOST, "ciphers": "DEFAULT@SECLEVEL=1"}
    with node_client(server.port, **options) as client:
        client.send(b"x")
        until(loop, lambda: client.ended or client.out == b"x", client)
        client.end_input()
        until(loop, lambda: client.ended, client)
        errors = client.reports("error")
        assert (errors[0] if errors else None) == expected(name)[1], client
        assert bool(client.reports("secure")) == (not errors)


def test_s33_our_client(loop, mint_directory, name):
    # Node's server shows these to anybody once its own level is down.
    with node_server(loop, mint_directory, name, ciphers="DEFAULT@SECLEVEL=0") as (server, port):
        context = ours.client_context(mint_directory)
        stream, recorder = ours.connect(loop, port, context, servername=HOST)
        until(loop, lambda: recorder.names, server)
        if recorder.names == ["secure_connect"]:
            stream.end()
        until(loop, lambda: stream.closed, server)
        errors = [error.name for (error,) in recorder.of("error")]
        assert (errors[0] if errors else None) == expected(name)[0], server
