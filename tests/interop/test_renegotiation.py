"""Renegotiation with strangers, as their clients and their servers, on TLS 1.2; and none on TLS 1.3."""

import ours
import pytest
import tlspair
from strangers import gnutls_cli, node_client, node_server, s_client, s_server, until

TLS12 = "TLSv1.2"
# Nothing in it is a command of s_client or s_server, wherever they cut it.
LINES = b"".join(b"%07d\n" % number for number in range(100_000))


def handshakes(client):
    """How often s_client has verified us: each full handshake shows our certificate anew."""
    return client.err.count(b"depth=0")


def command(loop, client, letter):
    """Type a command, which has to be the beginning of what the stranger reads at once."""
    until(loop, lambda: client.has_read_all, client)
    client.send(letter + b"\n")
    until(loop, lambda: client.has_read_all or client.ended, client)


def echoed(loop, client, text):
    client.send(text)
    until(loop, lambda: text in client.out, client)


def attack(loop, server, client, allowed):
    """All that are allowed, with an echo after each, and one more; the names of our errors."""
    until(loop, lambda: server.streams, client)
    for number in range(allowed):
        command(loop, client, b"R")
        until(loop, lambda number=number: handshakes(client) == number + 2, client)
        echoed(loop, client, b"after %d\n" % number)
    command(loop, client, b"R")
    until(loop, lambda: client.ended and server.closed(), client)
    assert not server.errors
    # It was stopped before our certificate went out again.
    assert handshakes(client) == allowed + 1, client
    assert server.last.recorder.names[-2:] == ["error", "close"]
    return [error.name for (error,) in server.last.recorder.of("error")]


def test_c059_s02_three_and_no_fourth(loop, certs):
    server = ours.EchoServer(loop, ours.server_context(certs))
    with s_client(certs, server.port, version=TLS12) as client:
        assert attack(loop, server, client, 3) == ["ERR_TLS_SESSION_ATTACK"]
        assert client.said("alert no renegotiation"), client
    assert server.last.recorder.data == b"after 0\nafter 1\nafter 2\n"


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_c059_s02_another_limit(loop, certs, limit):
    server = ours.EchoServer(loop, ours.server_context(certs))
    server.server.set_client_renegotiation(limit, 60)
    with s_client(certs, server.port, version=TLS12) as client:
        assert attack(loop, server, client, limit) == ["ERR_TLS_SESSION_ATTACK"]


def test_c059_s02_each_connection_has_its_own(loop, certs):
    server = ours.EchoServer(loop, ours.server_context(certs))
    server.server.set_client_renegotiation(1)
    for number in (1, 2):
        with s_client(certs, server.port, version=TLS12) as client:
            until(loop, lambda number=number: len(server.streams) == number, client)
            command(loop, client, b"R")
            until(loop, lambda client=client: handshakes(client) == 2, client)
            echoed(loop, client, b"served\n")
            command(loop, client, b"Q")
            until(loop, lambda: server.closed(), client)
    assert not any(one.recorder.of("error") for one in server.streams)


def test_s86_disabled(loop, certs):
    server = ours.EchoServer(loop, ours.server_context(certs), answer=lambda s: (s.pipe(s), s.disable_renegotiation()))
    with s_client(certs, server.port, version=TLS12) as client:
        until(loop, lambda: server.streams, client)
        echoed(loop, client, b"still served\n")
        assert attack(loop, server, client, 0) == ["ERR_TLS_RENEGOTIATION_DISABLED"]


def test_c060_s02_a_burst(loop, certs):
    """The client asks again and again without waiting for anything."""
    server = ours.EchoServer(loop, ours.server_context(certs))
    with s_client(certs, server.port, version=TLS12) as client:
        until(loop, lambda: server.streams, client)
        for _ in range(8):
            if client.ended:
                break
            command(loop, client, b"R")
        until(loop, lambda: client.ended and server.closed(), client)
        assert handshakes(client) <= 4, client
    assert [error.name for (error,) in server.last.recorder.of("error")] == ["ERR_TLS_SESSION_ATTACK"]


def test_c059_s02_data_of_the_client_in_flight(loop, certs):
    """What was sent before the hello is read first, and what comes after it afterwards."""
    server = ours.EchoServer(loop, ours.server_context(certs), answer=lambda stream: stream.pause())
    with s_client(certs, server.port, version=TLS12) as client:
        until(loop, lambda: server.streams, client)
        stream, recorder = server.last.stream, server.last.recorder
        for number in range(1, 4):
            client.send(b"x" * 20_000 + b"\n")  # more than one record, less than the sockets hold
            command(loop, client, b"R")
            stream.resume()
            until(loop, lambda number=number: handshakes(client) == number + 1, client)
            stream.write(b"over %d\n" % number)  # held back until it is
            until(loop, lambda number=number: client.said(f"over {number}"), client)
            assert len(recorder.data) == number * 20_001
            stream.pause()
    assert recorder.data == (b"x" * 20_000 + b"\n") * 3


def test_s86_we_ask_the_client(loop, certs):
    """And as often as we like: the limit is for theirs."""
    server = ours.EchoServer(loop, ours.server_context(certs))
    server.server.set_client_renegotiation(0)
    with s_client(certs, server.port, version=TLS12) as client:
        until(loop, lambda: server.streams, client)
        for number in range(1, 5):
            done = []
            server.last.stream.renegotiate(done.append)
            until(loop, lambda done=done: done, client)
            assert done == [server.last.stream]
            echoed(loop, client, b"after %d\n" % number)
    assert not server.last.recorder.of("error")


@pytest.mark.parametrize("count", [3, 4])
def test_c059_s02_node_with_data_in_flight(loop, certs, count):
    """Node renegotiates again and again while its megabytes are on their way.

    OpenSSL's clients take no data of a server in the middle, so there is none.
    """
    server = ours.EchoServer(loop, ours.server_context(certs), answer=lambda stream: None)
    with node_client(server.port, ca=certs / "ca.pem", version=TLS12, renegotiate=count) as client:
        client.send(ours.LARGE)
        if count == 3:
            until(loop, lambda: len(client.reports("renegotiated")) == count, client)
            assert client.reports("renegotiated") == [True] * 3
            until(loop, lambda: len(server.last.recorder.data) == len(ours.LARGE), client)
            assert ours.digest(server.last.recorder.data) == ours.digest(ours.LARGE)
            server.last.stream.write(b"all of it\n")
            until(loop, lambda: client.out == b"all of it\n", client)
            client.end_input()
        until(loop, lambda: client.ended and server.closed(), client)
    expected = [] if count == 3 else ["ERR_TLS_SESSION_ATTACK"]
    assert [error.name for (error,) in server.last.recorder.of("error")] == expected
    assert not server.errors


def test_s86_we_ask_node(loop, certs):
    server = ours.EchoServer(loop, ours.server_context(certs))
    with node_client(server.port, ca=certs / "ca.pem", version=TLS12) as client:
        until(loop, lambda: server.streams, client)
        done = []
        server.last.stream.renegotiate(done.append)
        echoed(loop, client, b"after it\n")
        until(loop, lambda: done, client)


def test_s02_gnutls(loop, certs):
    server = ours.EchoServer(loop, ours.server_context(certs))
    with gnutls_cli(certs, server.port, "--rehandshake", version=TLS12) as client:
        until(loop, lambda: client.said("ReHandshake was completed"), client)
        echoed(loop, client, b"after it\n")
    assert not server.errors


def refusal(stream):
    with pytest.raises(tlspair.TLSError) as caught:
        stream.renegotiate()
    assert caught.value.status == tlspair.constant.TLS_ERR_NOT_SUPPORTED
    return caught.value


def test_c060_s02_unsafe_renegotiation(loop, certs):
    """A client without RFC 5746 is served, and may not renegotiate; nor do we ask it to."""
    refusals = []
    answer = lambda stream: (stream.pipe(stream), refusals.append(refusal(stream)))  # noqa: E731
    server = ours.EchoServer(loop, ours.server_context(certs), answer=answer)
    options = ":%DISABLE_SAFE_RENEGOTIATION"
    with gnutls_cli(certs, server.port, version=TLS12, options=options) as client:
        echoed(loop, client, b"served\n")
    with gnutls_cli(certs, server.port, "--rehandshake", version=TLS12, options=options) as client:
        until(loop, lambda: client.ended and server.closed(2), client)
        assert not client.said("ReHandshake was completed")
    assert {error.name for error in refusals} == {"ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED"}


# -- our client


def connected(loop, certs, port, server):
    stream, recorder = ours.connect(loop, port, ours.client_context(certs))
    until(loop, lambda: stream.secure, server)
    return stream, recorder


def test_s86_at_s_server(loop, certs):
    """We begin it, with data in both directions on its way: every byte arrives, in its order."""
    with s_server(loop, certs, "-client_renegotiation", version=TLS12) as (server, port):
        stream, recorder = connected(loop, certs, port, server)
        server.send(LINES)
        done = []

        def again(_stream):
            done.append(len(recorder.data))
            if len(done) < 5:
                begin()

        def begin():
            piece = len(LINES) // 5
            stream.write(LINES[len(done) * piece :][:piece])
            stream.renegotiate(again)

        begin()
        until(loop, lambda: len(done) == 5 and len(recorder.data) == len(LINES), server)
        assert ours.digest(recorder.data) == ours.digest(LINES)
        # It prints what it reads between its own words.
        printed = lambda: bytes(server.out).replace(b"Read BLOCK\n", b"")  # noqa: E731
        until(loop, lambda: LINES[-200:] in printed(), server)
        assert LINES in printed()
    assert not recorder.of("error")


def test_s86_at_s_server_that_does_not(loop, certs):
    """From OpenSSL 3.0 on it refuses unless told otherwise: an error that says so, and no callback."""
    with s_server(loop, certs, version=TLS12) as (server, port):
        stream, recorder = connected(loop, certs, port, server)
        stream.renegotiate(lambda _stream: pytest.fail("it is not done"))
        until(loop, lambda: stream.closed, server)
    assert [error.name for (error,) in recorder.of("error")] == ["ERR_SSL_NO_RENEGOTIATION"]


def test_s86_s_server_asks_us(loop, certs):
    with s_server(loop, certs, version=TLS12) as (server, port):
        stream, recorder = connected(loop, certs, port, server)
        for number in range(3):
            command(loop, server, b"R" if number % 2 else b"r")
            echo = b"after %d\n" % number
            server.send(echo)
            until(loop, lambda echo=echo: echo in recorder.data, server)
            stream.write(b"and ours %d\n" % number)
            until(loop, lambda number=number: server.said(f"and ours {number}"), server)
        assert not recorder.of("error")


def test_c060_s86_s_server_asks_again_and_again(loop, certs):
    """A server has no more of them than a client."""
    with s_server(loop, certs, version=TLS12) as (server, port):
        stream, recorder = connected(loop, certs, port, server)
        for _ in range(8):
            if not server.ended:
                command(loop, server, b"r")
        until(loop, lambda: stream.closed, server)
    assert [error.name for (error,) in recorder.of("error")] == ["ERR_TLS_SESSION_ATTACK"]


def test_s86_disabled_at_s_server(loop, certs):
    with s_server(loop, certs, version=TLS12) as (server, port):
        stream, recorder = connected(loop, certs, port, server)
        stream.disable_renegotiation()
        command(loop, server, b"r")
        until(loop, lambda: stream.closed, server)
    assert [error.name for (error,) in recorder.of("error")] == ["ERR_TLS_RENEGOTIATION_DISABLED"]


def test_s86_at_node(loop, certs):
    with node_server(loop, certs, version=TLS12) as (server, port):
        stream, recorder = connected(loop, certs, port, server)
        stream.write(ours.LARGE)
        done = []
        stream.renegotiate(done.append)
        until(loop, lambda: done and len(recorder.data) == len(ours.LARGE), server)
        assert ours.digest(recorder.data) == ours.digest(ours.LARGE)


# -- TLS 1.3


def test_s86_none_on_tls_13(loop, certs):
    refusals = []
    answer = lambda stream: (stream.pipe(stream), refusals.append(refusal(stream)))  # noqa: E731
    server = ours.EchoServer(loop, ours.server_context(certs), answer=answer)
    with s_client(certs, server.port, version="TLSv1.3") as client:
        echoed(loop, client, b"served\n")
    with s_server(loop, certs, "-rev", version="TLSv1.3") as (stranger, port):
        stream, recorder = connected(loop, certs, port, stranger)
        refusals.append(refusal(stream))
        stream.write(b"served\n")
        until(loop, lambda: recorder.data == b"devres\n", stranger)
    assert [error.name for error in refusals] == ["ERR_SSL_WRONG_SSL_VERSION"] * 2
    assert all("TLS 1.3" in error.message for error in refusals)
