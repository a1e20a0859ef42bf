"""PKCS#12 files of `openssl pkcs12`, used by us and by Node alike, on both sides."""

import ours
import pytest
import tlspair
from strangers import node_client, node_server_of, s_client, until

TEXT = b"with a PFX\n"
SECRET = {"passphrase": "secret"}
# Name and passphrase; those in RC2 are not for Node.
FILES = {
    "server.pfx": "secret",
    "server-rsa.pfx": "secret",
    "pfx-3des.pfx": "secret",
    "pfx-sha512.pfx": "secret",
    "pfx-open-certs.pfx": "secret",
    "pfx-empty.pfx": "",
    "pfx-no-mac-empty.pfx": None,
    "pfx-plain.pfx": None,
    "pfx-old.pfx": "secret",
    "pfx-rc2.pfx": "secret",
}


def pfx_context(path, passphrase="secret"):
    context = tlspair.Context()
    context.set_pfx_file(path, passphrase)
    return context


@pytest.mark.parametrize("name", FILES)
def test_s10_our_server(loop, certs, version, name):
    if not (certs / name).exists():
        pytest.skip("openssl has no legacy provider to write such a file with")
    context = ours.limited(pfx_context(certs / name, FILES[name]), version)
    server = ours.EchoServer(loop, context)
    with s_client(certs, server.port) as client:
        client.send(TEXT)
        until(loop, lambda: TEXT in client.out, client)
        client.end_input()
        until(loop, lambda: client.ended and server.closed(), client)
        assert client.said("Verify return code: 0 (ok)")


def test_s10_its_chain_goes_without_the_root(loop, certs):
    server = ours.EchoServer(loop, pfx_context(certs / "server.pfx"))
    with s_client(certs, server.port, "-showcerts") as client:
        client.end_input()
        until(loop, lambda: client.ended and server.closed(), client)
        assert client.out.count(b"BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("pfx-old.pfx", "pfx-rc2.pfx")])
def test_s10_nodes_server(loop, certs, name):
    files = {"pfx": certs / name, **({"passphrase": FILES[name]} if FILES[name] else {})}
    with node_server_of(loop, **files) as (server, port):
        stream, recorder = ours.connect(loop, port, ours.client_context(certs))
        stream.write(TEXT)
        until(loop, lambda: recorder.data == TEXT, server)
        assert stream.authorized


def test_s10_s19_both_sides_with_a_file_alone_at_our_server(loop, certs, version):
    """As in the seed's second pair of examples: the CAs of each file judge the other."""
    context = ours.limited(pfx_context(certs / "server.pfx"), version)
    server = ours.EchoServer(loop, context, request_cert=True, reject_unauthorized=True)
    with node_client(server.port, pfx=certs / "client.pfx", **SECRET) as client:
        client.send(TEXT)
        until(loop, lambda: client.out == TEXT and client.reports("secure"), client)
        assert client.reports("secure")[0]["authorized"]
        client.end_input()
        until(loop, lambda: client.ended and server.closed(), client)
    assert server.last.authorized and "tlspair client" in server.last.subject


def test_s10_s32_both_sides_with_a_file_alone_at_nodes(loop, certs, version):
    asks = {"requestCert": True, "rejectUnauthorized": True, "version": version}
    with node_server_of(loop, pfx=certs / "server.pfx", **SECRET, **asks) as (server, port):
        stream, recorder = ours.connect(loop, port, pfx_context(certs / "client.pfx"))
        stream.write(TEXT)
        until(loop, lambda: recorder.data == TEXT and server.reports("secure"), server)
        assert stream.authorized
        assert server.reports("secure")[0]["authorized"]
