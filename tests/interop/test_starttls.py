"""The STARTTLS examples, in C and in Python, with aiosmtpd's server and Python's smtplib."""

import smtplib
import socket
import ssl
import sys

import pytest
import support
from strangers import Stranger, c_example, until

MESSAGE = "From: a@example.org\nTo: b@example.org\nSubject: dots\n\n.\n.. two\nplain .\n" + "x" * 900 + "\nlast\n"
ADDRESSES = ("a@example.org", "b@example.org")


def example(name, language, *arguments):
    """The program, running."""
    if language == "python":
        return Stranger(sys.executable, support.CHECKOUT / "python" / "examples" / f"{name}.py", *arguments)
    return Stranger(c_example(name), *arguments)


@pytest.fixture(params=["c", "python"])
def language(request):
    return request.param


# ---- client ----


@pytest.fixture
def smtp_server(certs):
    """Starts aiosmtpd's server; its port and the messages that it took."""
    controller = pytest.importorskip("aiosmtpd.controller")
    started = []

    def start(identity="server", **options):
        if identity:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certs / f"{identity}-cert.pem", certs / f"{identity}-key.pem")
            options |= {"tls_context": context, "require_starttls": True}
        taken = []

        class Handler:
            async def handle_DATA(self, _server, session, envelope):
                taken.append((session.ssl is not None, envelope))
                return "250 taken"

        class Controller(controller.Controller):
            def _trigger_server(self):
                self.port = self.server.sockets[0].getsockname()[1]  # it was 0
                super()._trigger_server()

        server = Controller(Handler(), hostname="127.0.0.1", port=0, **options)
        server.start()
        started.append(server)
        return server.port, taken

    yield start
    for server in started:
        server.stop()


def send(loop, certs, language, port, servername="localhost", message=MESSAGE):
    """Runs the client to its end."""
    arguments = ["127.0.0.1", port, certs / "ca.pem", servername, *ADDRESSES]
    with example("starttls_client", language, *arguments) as client:
        client.send(message.encode())
        client.end_input()
        until(loop, lambda: client.ended, client)
        return client


def test_s31_client_of_aiosmtpd(loop, certs, smtp_server, language):
    port, taken = smtp_server()
    client = send(loop, certs, language, port)
    assert client.status == 0 and client.said("sent"), client
    ((secure, envelope),) = taken
    assert secure and envelope.mail_from == ADDRESSES[0] and envelope.rcpt_tos == [ADDRESSES[1]]
    assert envelope.content == MESSAGE.replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("identity", "servername", "why"),
    [
        (None, "localhost", "offers no STARTTLS"),
        ("wrong-host", "localhost", "names"),
        ("server", "other.example", "names"),
        ("expired", "localhost", "expired"),
    ],
)
def test_s31_client_sends_nothing_without_trust(loop, certs, smtp_server, language, identity, servername, why):
    port, taken = smtp_server(identity)
    client = send(loop, certs, language, port, servername)
    assert client.status == 1 and client.said(why), client
    assert not taken


def test_s31_client_does_not_believe_what_came_in_the_clear(loop, certs, language):
    """A server (or somebody before it) that says more behind "go ahead"."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(support.DEADLINE)
        arguments = ["127.0.0.1", listener.getsockname()[1], certs / "ca.pem", "localhost", *ADDRESSES]
        with example("starttls_client", language, *arguments) as client:
            client.send(MESSAGE.encode())
            client.end_input()
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(support.DEADLINE)
                connection.sendall(b"220 hello\r\n")
                assert connection.recv(100).startswith(b"EHLO")
                connection.sendall(b"250-localhost\r\n250 STARTTLS\r\n")
                assert connection.recv(100) == b"STARTTLS\r\n"
                connection.sendall(b"220 go ahead\r\n250 injected\r\n")
                until(loop, lambda: client.ended, client)
                rest = connection.recv(100_000)
    assert client.status == 1, client
    assert b"MAIL" not in rest


# ---- server ----


@pytest.fixture
def mail_server(loop, certs, language, tmp_path):
    """The example, running; its port."""
    files = [certs / "server-cert.pem", certs / "server-key.pem"]
    with example("starttls_server", language, 0, *files, tmp_path) as server:
        until(loop, lambda: server.match(r"port (\d+)\n"), server)
        yield int(server.match(r"port (\d+)\n")[1])


def upgraded(certs, port):
    """`smtplib`, over TLS."""
    client = smtplib.SMTP("127.0.0.1", port, timeout=support.DEADLINE)
    context = ssl.create_default_context(cafile=str(certs / "ca.pem"))
    context.check_hostname = False  # smtplib verifies its host, which is the address
    client.starttls(context=context)
    return client


def test_s31_server_of_smtplib(certs, mail_server, tmp_path):
    for number in (1, 2):
        with upgraded(certs, mail_server) as client:
            assert client.sendmail(ADDRESSES[0], [ADDRESSES[1]], MESSAGE) == {}
        assert (tmp_path / f"{number}.eml").read_bytes() == MESSAGE.replace("\n", "\r\n").encode()


def test_s31_server_takes_no_mail_in_the_clear(mail_server):
    with smtplib.SMTP("127.0.0.1", mail_server, timeout=support.DEADLINE) as client:
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            client.sendmail(*ADDRESSES, MESSAGE)
        assert refused.value.smtp_code == 530


def test_s31_server_does_not_obey_what_came_in_the_clear(certs, mail_server, tmp_path):
    """CVE-2011-0411: commands behind STARTTLS in one piece. The handshake fails, nothing is kept."""
    evil = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\nevil\r\n.\r\n"
    with socket.create_connection(("127.0.0.1", mail_server), support.DEADLINE) as client:
        assert client.recv(100).startswith(b"220")
        client.sendall(b"EHLO x\r\nSTARTTLS\r\n" + evil)
        answers = b""
        while piece := client.recv(4096):
            answers += piece
    clear, _, tls = answers.partition(b"220 go ahead\r\n")
    assert b"STARTTLS" in clear and b"250 OK" not in tls
    assert not list(tmp_path.glob("*.eml"))
    # The server goes on.
    with upgraded(certs, mail_server) as client:
        assert client.noop()[0] == 250


def test_s31_server_takes_a_hello_that_came_early(certs, mail_server):
    """The client's hello in one piece with STARTTLS is read in the clear, and is TLS all the same."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context(cafile=str(certs / "ca.pem"))
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    with socket.create_connection(("127.0.0.1", mail_server), support.DEADLINE) as client:
        assert client.recv(100).startswith(b"220")
        client.sendall(b"STARTTLS\r\n" + outgoing.read())
        answer = b""
        while b"\n" not in answer:
            answer += client.recv(1)
        assert answer == b"220 go ahead\r\n"
        while True:
            incoming.write(client.recv(65536))
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                client.sendall(outgoing.read())
        tls.write(b"NOOP\r\n")
        client.sendall(outgoing.read())
        while True:
            try:
                assert tls.read(100) == b"250 OK\r\n"
                break
            except ssl.SSLWantReadError:
                incoming.write(client.recv(65536))
