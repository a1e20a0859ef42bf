"""The program's own judgement of a stranger: of a server's identity, and of a client that is known."""

import ours
import pytest
import support
import tlspair
from strangers import node_client, node_server, s_client, s_server, ssl_client, until

SECRET = b"for the right one only\n"


class SServer:
    """`openssl s_server`, which prints what it gets."""

    def __init__(self, program):
        self.program = program

    @staticmethod
    def start(loop, certs, version):
        return s_server(loop, certs, version=version, identity="wrong-host")

    def is_secure(self):
        return self.program.said("CIPHER is")

    def has(self, text):
        return text in self.program.out


class NodeServer(SServer):
    """Node, which echoes what it gets."""

    @staticmethod
    def start(loop, certs, version):
        return node_server(loop, certs, "wrong-host", version=version)

    def is_secure(self):
        return bool(self.program.reports("secure"))

    def has(self, text):
        return False


@pytest.fixture(params=[SServer, NodeServer], ids=["s_server", "node"])
def stranger(request):
    """Servers whose certificate is for other.example, and not for localhost."""
    return request.param


def connect(loop, certs, port, ask, **options):
    """A client of ours that writes at once."""
    stream, recorder = ours.connect(loop, port, ours.client_context(certs), **options)
    stream.on_check_identity(ask)
    stream.write(SECRET)
    return stream, recorder


def arrived(loop, peer, recorder):
    until(loop, lambda: peer.has(SECRET) or recorder.data == SECRET, peer.program)


def test_s79_another_name(loop, certs, version, stranger):
    """A program that knows that name compares it by itself."""
    seen = []

    def ask(_stream, certificate, name, request):
        seen.append(name)
        with pytest.raises(tlspair.TLSError):
            tlspair.check_server_identity(certificate, name)
        tlspair.check_server_identity(certificate, "other.example")
        request.resolve_verdict(True)

    with stranger.start(loop, certs, version) as (program, port):
        stream, recorder = connect(loop, certs, port, ask)
        arrived(loop, stranger(program), recorder)
        assert seen == ["localhost"]
        assert stream.authorized and stream.authorization_error is None and stream.protocol == version
        assert stream.peer_certificate().alt_names == ["DNS:other.example"]


@pytest.mark.parametrize("late", [False, True], ids=["at once", "late"])
def test_s79_refused(loop, certs, version, stranger, late):
    """The server hears of it, and never gets a byte of ours."""
    requests = []

    def ask(_stream, _certificate, _name, request):
        requests.append(request) if late else request.reject("not the one we know")

    with stranger.start(loop, certs, version) as (program, port):
        peer = stranger(program)
        stream, recorder = connect(loop, certs, port, ask)
        if late:
            until(loop, lambda: requests, program)
            support.call_in_thread(requests[0].reject, "not the one we know")
        until(loop, lambda: stream.closed, program)
        ((error,),) = recorder.of("error")
        assert (error.status, error.name) == (tlspair.constant.TLS_ERR_VERIFY, "ERR_TLS_CERT_ALTNAME_INVALID")
        assert "not the one we know" in error.message
        assert recorder.names == ["error", "close"]
        if stranger is SServer:
            until(loop, lambda: program.ended, program)
            assert program.said("alert certificate unknown") or program.said("alert bad certificate"), program
            assert not peer.has(SECRET)
        else:
            until(loop, lambda: program.reports("clientError"), program)
            assert not peer.is_secure() and b"not the one" not in program.err


def test_s79_nothing_is_sent_before_the_verdict(loop, certs, version, stranger):
    """For the server the handshake is not over, and no more leaves the client, however often its loop turns."""
    requests = []
    with stranger.start(loop, certs, version) as (program, port):
        peer = stranger(program)
        stream, recorder = connect(loop, certs, port, lambda *arguments: requests.append(arguments[-1]))
        until(loop, lambda: requests, program)
        sent = stream.bytes_written
        stream.write(SECRET)
        for _ in range(20):
            loop.run_once(0.01)
        assert stream.bytes_written == sent and not stream.secure and not recorder.names
        assert not peer.is_secure() and not peer.has(SECRET)
        assert support.call_in_thread(requests[0].resolve_verdict, True)
        until(loop, lambda: peer.has(SECRET * 2) or recorder.data == SECRET * 2, program)
        assert recorder.names[0] == "secure_connect"


def test_s79_the_server_leaves_while_we_think(loop, certs, version, stranger):
    requests = []
    with stranger.start(loop, certs, version) as (program, port):
        stream, recorder = connect(loop, certs, port, lambda *arguments: requests.append(arguments[-1]))
        until(loop, lambda: requests, program)
        program.kill()
        program.process.wait(support.DEADLINE)
        # Its flight may be followed by anything, so the end is seen when the rest of it is read.
        requests[0].resolve_verdict(True)
        until(loop, lambda: stream.closed, program)
    assert recorder.names[-1] == "close" and not recorder.data and (True,) not in recorder.of("end")


def test_s79_not_refused_is_not_authorized(loop, certs, version, stranger):
    """With `rejectUnauthorized` off, the verdict is what is told."""
    with stranger.start(loop, certs, version) as (program, port):
        ask = lambda *arguments: arguments[-1].resolve_verdict(False)  # noqa: E731
        stream, recorder = connect(loop, certs, port, ask, reject_unauthorized=False)
        arrived(loop, stranger(program), recorder)
        assert not stream.authorized and stream.authorization_error == "ERR_TLS_CERT_ALTNAME_INVALID"


# -- clients that are known


class Visitors:
    """Clients with the certificate of `certs`, and who they are."""

    @staticmethod
    def s_client(certs, port, version, cert, key):
        return s_client(certs, port, "-cert", cert, "-cert_chain", cert, "-key", key, version=version)

    @staticmethod
    def node(certs, port, version, cert, key):
        return node_client(port, ca=certs / "ca.pem", version=version, cert=cert, key=key)

    @staticmethod
    def ssl(certs, port, version, cert, key):
        return ssl_client(port, version, certs / "ca.pem", cert, key)


@pytest.fixture(params=["s_client", "node", "ssl"])
def visit(request, certs, version):
    start = getattr(Visitors, request.param)
    return lambda port: start(certs, port, version, certs / "client-cert.pem", certs / "client-key.pem")


@pytest.fixture
def server(loop, certs):
    context = ours.server_context(certs, ca="ca.pem")
    return ours.EchoServer(loop, context, request_cert=True, reject_unauthorized=True)


def test_s79_client_waits(loop, server, visit):
    """Nothing is delivered before the verdict, which comes from another thread; nor is anybody called secure."""
    requests, subjects = [], []
    server.server.on_check_certificate(
        lambda _server, _stream, certificate, request: (subjects.append(certificate.subject), requests.append(request))
    )
    with visit(server.port) as client:
        client.send(SECRET)
        until(loop, lambda: requests, client)
        for _ in range(20):
            loop.run_once(0.01)
        assert not server.streams and not server.errors and SECRET not in client.out
        assert support.call_in_thread(requests[0].resolve_verdict, True)
        until(loop, lambda: SECRET in client.out, client)
    assert server.last.authorized and "CN=tlspair client" in subjects[0]


def test_s79_client_refused(loop, server, visit):
    def ask(_server, _stream, _certificate, request):
        request.reject("banned")

    server.server.on_check_certificate(ask)
    with visit(server.port) as client:
        client.send(SECRET)
        until(loop, lambda: client.ended and server.errors, client)
        assert SECRET not in client.out and not client.said("banned")
    (error,) = server.errors
    assert (error.name, error.status) == ("CERT_REJECTED", tlspair.constant.TLS_ERR_VERIFY)
    assert "banned" in error.message and not server.streams


def test_s79_resumed_clients_are_asked_about_again(loop, certs, version, server, tmp_path):
    """A session does not lead around a verdict that has changed."""
    verdicts = [True, False]
    seen = []

    def ask(_server, _stream, certificate, request):
        seen.append(certificate.subject)
        request.resolve_verdict(verdicts[len(seen) - 1])

    server.server.on_check_certificate(ask)
    cert = certs / "client-cert.pem"
    identity = ["-cert", cert, "-cert_chain", cert, "-key", certs / "client-key.pem"]
    with s_client(certs, server.port, *identity, "-sess_out", tmp_path / "session", version=version) as client:
        client.send(SECRET)
        until(loop, lambda: SECRET in client.out, client)
        client.end_input()
        until(loop, lambda: client.ended and server.closed(), client)
    with s_client(certs, server.port, *identity, "-sess_in", tmp_path / "session", version=version) as client:
        client.send(SECRET)
        until(loop, lambda: client.ended and server.errors, client)
        assert client.said("Reused, ") and SECRET not in client.out, client
    assert len(seen) == 2 and seen[0] == seen[1]
    assert [error.name for error in server.errors] == ["CERT_REJECTED"] and len(server.streams) == 1
