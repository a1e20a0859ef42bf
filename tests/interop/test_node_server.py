"""Our client, at Node's `tls.createServer`."""

import ours
from strangers import node_server, until

TEXT = b"to Node\n"


def test_s30_s33_s63_s66_echo(loop, certs, version, identity):
    with node_server(loop, certs, identity, version=version) as (server, port):
        stream, recorder = ours.connect(loop, port, ours.client_context(certs))
        stream.write(TEXT)
        until(loop, lambda: recorder.data == TEXT, server)
        assert stream.authorized and stream.protocol == version
        cipher = stream.cipher_name
        stream.end()
        until(loop, lambda: stream.closed and server.reports("close"), server)
        (theirs,) = server.reports("secure")
        assert server.reports("end") == [True] and server.reports("close") == [False]
    assert theirs["protocol"] == version and theirs["cipher"] == cipher
    assert theirs["servername"] == "localhost"
    assert recorder.names == ["secure_connect", "data", "end", "close"]
    assert recorder.of("end") == [(True,)]


def test_s61_large(loop, certs, version):
    with node_server(loop, certs, version=version) as (server, port):
        stream, recorder = ours.connect(loop, port, ours.client_context(certs))
        stream.write(ours.LARGE)
        stream.end()
        until(loop, lambda: stream.closed, server)
    assert ours.digest(recorder.data) == ours.digest(ours.LARGE)
    assert recorder.names == ["secure_connect", "data", "end", "close"]
    assert recorder.of("end") == [(True,)]


def test_c056_cut_off(loop, certs, version):
    """Node's `destroy` sends no close_notify: the end is not clean."""
    with node_server(loop, certs, version=version, destroy=True) as (server, port):
        stream, recorder = ours.connect(loop, port, ours.client_context(certs))
        stream.write(TEXT)
        until(loop, lambda: stream.closed, server)
    assert recorder.data == TEXT
    assert recorder.of("end") == [(False,)]


def test_s32_our_certificate(loop, certs, version):
    """Node asks who we are, and is content."""
    options = {"ca": certs / "ca.pem", "requestCert": True, "version": version}
    with node_server(loop, certs, **options) as (server, port):
        stream, recorder = ours.connect(loop, port, ours.client_context(certs, identity="client"))
        stream.write(TEXT)
        until(loop, lambda: recorder.data == TEXT and server.reports("secure"), server)
        (theirs,) = server.reports("secure")
        assert theirs["authorized"] and theirs["authorizationError"] is None


def test_s63_not_refused(loop, certs, version):
    """`rejectUnauthorized` off: connected, and told why it should not be trusted."""
    with node_server(loop, certs, "self-signed", version=version) as (server, port):
        context = ours.client_context(certs)
        stream, recorder = ours.connect(loop, port, context, reject_unauthorized=False)
        stream.write(TEXT)
        until(loop, lambda: recorder.data == TEXT, server)
        assert not stream.authorized
        assert stream.authorization_error == "DEPTH_ZERO_SELF_SIGNED_CERT"
        stream.end()
        until(loop, lambda: stream.closed, server)
