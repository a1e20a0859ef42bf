"""Our client resumes at the servers of others: by its own cache, and by bytes in a file."""

import subprocess

import ours
import pytest
import support
import tlspair
from strangers import GNUTLS, Stranger, free_port, need, node_server, s_server, until

TEXT = b"line\n"
# One connection for a new session, one for each way to resume it.
TURNS = [False, True, True]


class Client:
    """A connection, with the sessions that it was told of."""

    def __init__(self, loop, port, context, session=None):
        options = tlspair.ConnectOptions(context, "localhost", session)
        self.sessions = []
        self.stream = tlspair.connect(loop, port, "127.0.0.1", options)
        self.recorder = support.record_stream(self.stream)
        self.stream.on_session(lambda _stream, session: self.sessions.append(session))

    def end(self, loop, *strangers):
        self.reused = self.stream.session_reused
        assert self.stream.authorized and "CN=localhost" in self.stream.peer_certificate().subject
        self.stream.end()
        until(loop, lambda: self.stream.closed, *strangers)
        assert not self.recorder.of("error")
        return self


def three_times(loop, port, context, server, say):
    """A full handshake, a resumption by bytes, one by the cache; `say(client, turn)` is the talk of each."""
    context.set_session_cache(10)
    sessions, reused = [], []
    for turn in range(len(TURNS)):
        client = Client(loop, port, context, sessions.pop() if turn == 1 else None)
        say(client, turn)
        reused.append(client.end(loop, server).reused)
        sessions += client.sessions
    assert reused == TURNS
    counts = context.session_cache_counts
    assert (counts.hits, counts.misses, counts.refused) == (1, 1, 0)


@pytest.mark.parametrize("tickets", [True, False], ids=["tickets", "no tickets"])
def test_s78_s_server(loop, certs, version, tickets):
    arguments = ["-naccept", "3", *([] if tickets else ["-no_ticket"])]
    with s_server(loop, certs, *arguments, version=version) as (server, port):

        def say(client, turn):
            # What it is told goes to the client that is there.
            until(loop, lambda: client.stream.secure and server.out.count(b"CIPHER is") == turn + 1, server)
            server.send(TEXT)
            until(loop, lambda: client.recorder.data == TEXT, server)

        three_times(loop, port, ours.client_context(certs), server, say)
        until(loop, lambda: server.ended, server)
        assert server.out.count(b"Reused session-id") == 2


def test_s78_node(loop, certs, version):
    with node_server(loop, certs, version=version) as (server, port):

        def say(client, _turn):
            client.stream.write(TEXT)
            until(loop, lambda: client.recorder.data == TEXT, server)

        three_times(loop, port, ours.client_context(certs), server, say)
        until(loop, lambda: len(server.reports("close")) == 3, server)
        assert [theirs["reused"] for theirs in server.reports("secure")] == TURNS


@pytest.mark.parametrize("tickets", [True, False], ids=["tickets", "no tickets"])
def test_s78_gnutls(loop, certs, version, tickets):
    if version == "TLSv1.3" and not tickets:
        pytest.skip("GnuTLS resumes TLS 1.3 by tickets alone")
    port = free_port()
    with Stranger(
        *["gnutls-serv", "--echo", "--crlf", "--port", port, "--priority", GNUTLS[version], "--disable-client-cert"],
        *["--x509certfile", certs / "server-cert.pem", "--x509keyfile", certs / "server-key.pem"],
        *([] if tickets else ["--noticket"]),
    ) as server:
        until(loop, lambda: server.match(r"IPv4 .*done"), server)

        def say(client, _turn):
            client.stream.write(TEXT)
            until(loop, lambda: client.recorder.data == TEXT, server)

        three_times(loop, port, ours.client_context(certs), server, say)
        until(loop, lambda: server.out.count(b"This is a resumed session") == 2, server)


def test_s78_the_form_is_openssls(loop, certs, version, tmp_path):
    """`openssl sess_id` shows ours; one of s_client's says nothing of whom it trusted, and is refused."""
    server = ours.EchoServer(loop, ours.server_context(certs, version=version))
    client = Client(loop, server.port, ours.client_context(certs))
    client.stream.write(TEXT)
    until(loop, lambda: client.recorder.data == TEXT)
    (tmp_path / "ours").write_bytes(client.end(loop).sessions[-1])
    command = [need("openssl"), "sess_id", "-inform", "DER", "-in", tmp_path / "ours", "-noout", "-text", "-cert"]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    assert f"Protocol  : {version}" in shown and "Verify return code: 0 (ok)" in shown

    session = tmp_path / "theirs"
    with Stranger(
        *["openssl", "s_client", "-connect", f"127.0.0.1:{server.port}", "-servername", "localhost"],
        *["-CAfile", certs / "ca.pem", "-sess_out", session],
    ) as stranger:
        stranger.send(TEXT)
        until(loop, lambda: TEXT in stranger.out and session.exists(), stranger)
        stranger.end_input()
        until(loop, lambda: stranger.ended, stranger)
    command = [need("openssl"), "sess_id", "-in", session, "-outform", "DER"]
    theirs = subprocess.run(command, capture_output=True, timeout=30, check=True).stdout
    with pytest.raises(tlspair.TLSError) as caught:
        tlspair.ConnectOptions(session=theirs)
    assert caught.value.name == "ERR_TLS_INVALID_SESSION"
