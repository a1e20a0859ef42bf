"""Renegotiation on TLS 1.2: ours, theirs, how often, and never."""

import pytest
import support
import tlspair
from tlspair import constant


class Deliberate(Exception):
    """Raised by the tests' callbacks."""


@pytest.fixture
def connected(loop, certs):
    """A secure client and its server's stream, each with a recorder."""
    return connect(loop, certs, lambda server: None)


def connect(loop, certs, prepare, version="TLSv1.2"):
    server = support.echo_server(loop, support.server_context(certs))
    prepare(server)
    theirs = []
    server.on_secure_connection(lambda _server, stream: theirs.append(stream))
    context = support.client_context(certs, version=version)
    stream = tlspair.connect(loop, server.port, "127.0.0.1", tlspair.ConnectOptions(context, "localhost"))
    recorder = support.record_stream(stream)
    support.run_until(loop, lambda: theirs and stream.secure)
    return stream, recorder, theirs[0], support.record_stream(theirs[0])


def renegotiate(loop, stream):
    done = []
    stream.renegotiate(done.append)
    support.run_until(loop, lambda: done or stream.closed)
    return done == [stream]


def exchange(loop, stream, recorder, other, other_recorder, text):
    stream.write(text)
    other.write(text)
    support.run_until(loop, lambda: recorder.data.endswith(text) and other_recorder.data.endswith(text))


@pytest.mark.parametrize("who", ["client", "server"])
def test_s86_either_side_begins(loop, connected, who):
    client, _, server, _ = connected
    for text in (b"one", b"two"):
        assert renegotiate(loop, client if who == "client" else server)
        exchange(loop, *connected, text)
    assert client.secure and server.secure and not client.closed


def test_s86_without_a_callback(loop, connected):
    client = connected[0]
    client.renegotiate()
    exchange(loop, *connected, b"over")
    assert renegotiate(loop, client)


def test_s86_what_is_written_meanwhile_is_sent(loop, connected):
    client, recorder, server, at_server = connected
    done = []
    client.renegotiate(done.append)
    payload = bytes(range(256)) * 4096
    client.write(payload)
    server.write(payload)
    support.run_until(loop, lambda: len(at_server.data) == len(recorder.data) == len(payload))
    assert done == [client] and at_server.data == recorder.data == payload


def test_s86_one_at_a_time(loop, connected):
    """The second one is refused, and the first keeps its callback."""
    client = connected[0]
    done = []
    client.renegotiate(lambda _stream: done.append("first"))
    with pytest.raises(tlspair.TLSError) as caught:
        client.renegotiate(lambda _stream: done.append("second"))
    assert caught.value.status == constant.TLS_ERR_INVALID_STATE
    support.run_until(loop, lambda: done)
    exchange(loop, *connected, b"still there")
    assert done == ["first"]


def test_s86_again_from_its_callback(loop, connected):
    client = connected[0]
    done = []

    def again(stream):
        done.append(len(done))
        if len(done) < 3:
            stream.renegotiate(again)

    client.renegotiate(again)
    support.run_until(loop, lambda: len(done) == 3)


def test_s86_exception_in_the_callback(loop, connected):
    client = connected[0]

    def fail(_stream):
        raise Deliberate

    client.renegotiate(fail)
    with pytest.raises(Deliberate):
        support.run_until(loop, lambda: False)
    exchange(loop, *connected, b"and on")


def test_s86_when_it_cannot_be(loop, certs, client_context):
    server = support.echo_server(loop, support.server_context(certs))
    stream = tlspair.connect(loop, server.port, "127.0.0.1", tlspair.ConnectOptions(client_context, "localhost"))
    with pytest.raises(TypeError):
        stream.renegotiate("soon")
    with pytest.raises(tlspair.TLSError) as caught:
        stream.renegotiate()
    assert caught.value.status == constant.TLS_ERR_INVALID_STATE  # not secure yet
    support.run_until(loop, lambda: stream.secure)
    with pytest.raises(tlspair.TLSError) as caught:
        stream.renegotiate()
    # TLS 1.3 has none.
    assert (caught.value.status, caught.value.name) == (constant.TLS_ERR_NOT_SUPPORTED, "ERR_SSL_WRONG_SSL_VERSION")
    stream.destroy()
    support.run_until(loop, lambda: stream.closed)
    for call in (stream.renegotiate, stream.disable_renegotiation):
        with pytest.raises(tlspair.TLSError) as caught:
            call()
        assert caught.value.status == constant.TLS_ERR_INVALID_HANDLE


@pytest.mark.parametrize("limit", [0, 1, 4])
def test_c059_s02_the_limit(loop, certs, limit):
    """So many succeed, with data between; one more is one error and the end."""
    connected = connect(loop, certs, lambda server: server.set_client_renegotiation(limit))
    client, _, server, at_server = connected
    for _ in range(limit):
        assert renegotiate(loop, client)
        exchange(loop, *connected, b"between")
    assert not renegotiate(loop, client)
    support.run_until(loop, lambda: client.closed and server.closed)
    assert [error.name for (error,) in at_server.of("error")] == ["ERR_TLS_SESSION_ATTACK"]
    assert at_server.names[-2:] == ["error", "close"]


def test_c059_s02_node_s_limit_is_the_default(loop, connected):
    assert (constant.TLS_CLIENT_RENEG_LIMIT, constant.TLS_CLIENT_RENEG_WINDOW_MS) == (3, 600_000)
    client, _, server, at_server = connected
    assert [renegotiate(loop, client) for _ in range(4)] == [True, True, True, False]
    support.run_until(loop, lambda: server.closed)
    assert [error.name for (error,) in at_server.of("error")] == ["ERR_TLS_SESSION_ATTACK"]


def test_c059_s02_a_short_window_forgets(loop, certs):
    """Each is more than a window after the one before, by the library's own clock."""
    client, *_ = connect(loop, certs, lambda server: server.set_client_renegotiation(1, 0.001))
    for _ in range(3):
        assert renegotiate(loop, client)
        timer = []
        client.on_timeout(timer.append)
        client.set_timeout(0.05)
        support.run_until(loop, lambda timer=timer: timer)
        client.set_timeout(None)


def test_s02_s86_ours_do_not_count(loop, certs):
    connected = connect(loop, certs, lambda server: server.set_client_renegotiation(0))
    for _ in range(3):
        assert renegotiate(loop, connected[2])
        exchange(loop, *connected, b"x")


@pytest.mark.parametrize("who", ["client", "server"])
def test_s86_disabled(loop, connected, who):
    """The peer's attempt is an error; ours still works."""
    client, at_client, server, at_server = connected
    mine, its, at_mine = (client, server, at_client) if who == "client" else (server, client, at_server)
    mine.disable_renegotiation()
    mine.disable_renegotiation()
    exchange(loop, *connected, b"still there")
    its.renegotiate()
    support.run_until(loop, lambda: mine.closed and its.closed)
    assert [error.name for (error,) in at_mine.of("error")] == ["ERR_TLS_RENEGOTIATION_DISABLED"]


def test_c060_s02_a_client_that_leaves_in_the_middle(loop, connected):
    """Nothing can be sent any more, so the server's stream ends by itself, with an error."""
    client, _, server, at_server = connected
    client.disable_renegotiation()
    server.renegotiate()  # the client answers with its hello, and ends
    server.write(b"never sent")
    support.run_until(loop, lambda: client.closed and server.closed)
    assert [error.name for (error,) in at_server.of("error")] == ["ECONNRESET"]
    assert at_server.names == ["error", "close"]


@pytest.mark.parametrize("side", ["server", "pair"])
def test_s02_impossible_limits(loop, server_context, side):
    target = tlspair.Server(loop, server_context)
    if side == "pair":
        target = tlspair.SecurePair(server_context, is_server=True)
    for wrong in ((-1,), (2**32,), (3, 0), (3, -1), (3, float("nan")), (3, None)):
        with pytest.raises(ValueError):
            target.set_client_renegotiation(*wrong)
    for wrong in (("3",), (3.0,), (None,)):
        with pytest.raises(TypeError):
            target.set_client_renegotiation(*wrong)
    target.set_client_renegotiation()
    target.set_client_renegotiation(2**32 - 1, 0.001)


# -- pairs


def secure_pairs(certs, version="TLSv1.2"):
    client, server = support.pairs(certs, version=version)
    assert support.shuttle(client, server) == []
    return client, server


@pytest.mark.parametrize("who", ["client", "server"])
def test_s86_s41_pairs(certs, who):
    client, server = secure_pairs(certs)
    done = []
    (client if who == "client" else server).renegotiate(done.append)
    client.write(b"question")
    server.write(b"answer")
    assert support.shuttle(client, server) == []
    assert len(done) == 1
    assert (client.read(), server.read()) == (b"answer", b"question")


def test_s86_s41_wired_pairs(certs):
    """Over before the call returns."""
    client, server = support.pairs(certs, version="TLSv1.2")
    client.on_encrypted(lambda _pair, data: server.feed(data))
    server.on_encrypted(lambda _pair, data: client.feed(data))
    client.start()
    done = []
    client.renegotiate(done.append)
    assert done == [client]

    def fail(_pair):
        raise Deliberate

    with pytest.raises(Deliberate):
        client.renegotiate(fail)
    client.renegotiate(done.append)
    assert done == [client] * 2


def test_s86_s41_pairs_that_cannot(certs):
    client, server = support.pairs(certs, version="TLSv1.2")
    for call in (client.renegotiate, client.disable_renegotiation):
        with pytest.raises(tlspair.TLSError) as caught:
            call()
        assert caught.value.status == constant.TLS_ERR_INVALID_STATE
    statuses = []

    @client.on_secure
    def inside(pair):
        with pytest.raises(tlspair.TLSError) as caught:
            pair.renegotiate()
        statuses.append(caught.value.status)

    support.shuttle(client, server)
    assert statuses == [constant.TLS_ERR_BUSY]
    client, server = secure_pairs(certs, "TLSv1.3")
    with pytest.raises(tlspair.TLSError) as caught:
        server.renegotiate()
    assert caught.value.status == constant.TLS_ERR_NOT_SUPPORTED


def test_c059_s02_s41_limit_of_a_pair(certs):
    """It can be changed while the pair lives."""
    client, server = secure_pairs(certs)
    recorder = support.record_pair(server)
    server.set_client_renegotiation(1)
    done = []
    client.renegotiate(done.append)
    assert support.shuttle(client, server) == [] and done == [client]
    server.set_client_renegotiation(2)
    client.renegotiate(done.append)
    assert support.shuttle(client, server) == [] and len(done) == 2
    client.renegotiate(done.append)
    errors = support.shuttle(client, server)
    assert "ERR_TLS_SESSION_ATTACK" in [error.name for error in errors] and len(done) == 2
    assert [error.name for (error,) in recorder.of("error")] == ["ERR_TLS_SESSION_ATTACK"]
    assert recorder.names == ["error", "close"]


@pytest.mark.parametrize("who", ["client", "server"])
def test_c060_s41_the_transport_ends_in_the_middle(certs, who):
    client, server = secure_pairs(certs)
    client.renegotiate(lambda _pair: pytest.fail("it is not over"))
    server.feed(client.take())  # the hello
    pair = client if who == "client" else server
    recorder = support.record_pair(pair)
    with pytest.raises(tlspair.TLSError) as caught:
        pair.feed_eof()
    assert (caught.value.status, caught.value.name) == (constant.TLS_ERR_RESET, "ECONNRESET")
    assert recorder.names == ["error", "close"]


def test_s86_s41_disabled_on_a_pair(certs):
    client, server = secure_pairs(certs)
    server.disable_renegotiation()
    client.renegotiate()
    errors = support.shuttle(client, server)
    assert errors[0].name == "ERR_TLS_RENEGOTIATION_DISABLED"
