"""Our server, visited by Node's `tls.connect`."""

import ours
from strangers import node_client, until

TEXT = b"from Node\n"


def test_s25_s50_s63_s66_s71_echo(loop, certs, version, identity):
    server = ours.EchoServer(loop, ours.server_context(certs, identity))
    with node_client(server.port, ca=certs / "ca.pem", version=version) as client:
        client.send(TEXT)
        until(loop, lambda: client.out == TEXT, client)
        client.end_input()
        until(loop, lambda: client.ended and server.closed(), client)
        (theirs,) = client.reports("secure")
        assert client.reports("end") == [True] and client.reports("close") == [False]
    connection = server.last
    assert theirs["authorized"] and theirs["protocol"] == connection.protocol == version
    assert theirs["cipher"] == connection.cipher and theirs["standardName"] == connection.standard_name
    assert connection.servername == "localhost"
    assert connection.recorder.names == ["data", "end", "close"]
    assert connection.recorder.of("end") == [(True,)]
    assert not server.errors


def test_s61_large(loop, certs, version):
    server = ours.EchoServer(loop, ours.server_context(certs))
    with node_client(server.port, ca=certs / "ca.pem", version=version) as client:
        client.send(ours.LARGE)
        client.end_input()
        until(loop, lambda: client.ended and server.closed(), client)
        assert ours.digest(client.out) == ours.digest(ours.LARGE)
    assert ours.digest(server.last.recorder.data) == ours.digest(ours.LARGE)
    assert server.last.recorder.of("end") == [(True,)]


def test_c056_cut_off(loop, certs, version):
    """`destroy` leaves without close_notify, and is seen."""
    server = ours.EchoServer(loop, ours.server_context(certs))
    with node_client(server.port, ca=certs / "ca.pem", version=version, destroy=True) as client:
        client.send(TEXT)
        until(loop, lambda: client.out == TEXT, client)
        client.end_input()
        until(loop, lambda: client.ended and server.closed(), client)
    assert server.last.recorder.data == TEXT
    assert server.last.recorder.of("end") == [(False,)]


def test_s55_destroyed_by_us(loop, certs, version):
    """Our `destroy` is an end or a reset for Node, and only the close event for us."""
    server = ours.EchoServer(loop, ours.server_context(certs), answer=lambda stream: stream.destroy())
    with node_client(server.port, ca=certs / "ca.pem", version=version) as client:
        until(loop, lambda: client.ended and server.closed(), client)
        assert client.reports("close")
    assert server.last.recorder.names == ["close"]


def test_c041_old_version(loop, certs):
    """A client of TLS 1.1 gets an alert that it can read."""
    server = ours.EchoServer(loop, ours.server_context(certs))
    options = {"ca": certs / "ca.pem", "version": "TLSv1.1", "ciphers": "DEFAULT@SECLEVEL=0"}
    with node_client(server.port, **options) as client:
        until(loop, lambda: client.ended and server.errors, client)
        assert client.reports("error") == ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION"]
    assert [error.name for error in server.errors] == ["ERR_SSL_UNSUPPORTED_PROTOCOL"]
