"""Callbacks: pinned, let go exactly once, and their exceptions are not lost."""

import gc
import sys
import weakref

import pytest
import support
import tlspair
from tlspair import _callbacks, constant, lowlevel
from tlspair.lowlevel import lib


class Deliberate(Exception):
    """Raised by the tests' callbacks."""


def failing(*_arguments):
    raise Deliberate


def connect(loop, server, context):
    return tlspair.connect(loop, server.port, "localhost", tlspair.ConnectOptions(context))


# -- exceptions


def test_exception_ends_run_and_the_loop_goes_on(loop, server_context, client_context):
    server = support.echo_server(loop, server_context)
    stream = connect(loop, server, client_context)
    stream.on_secure_connect(failing)
    with pytest.raises(Deliberate):
        support.run_to_the_end(loop)
    received = []
    stream.on_data(lambda _stream, data: received.append(data))
    stream.write(b"still alive")
    support.run_until(loop, lambda: received == [b"still alive"])
    stream.end()
    support.finish(loop, server, stream)


@pytest.mark.parametrize("event", ["secure_connect", "data", "end", "close"])
def test_exception_in_each_stream_event(loop, server_context, client_context, event):
    server = support.echo_server(loop, server_context)
    stream = connect(loop, server, client_context)
    getattr(stream, f"on_{event}")(failing)
    if event != "data":
        stream.on_data(lambda *_arguments: None)
    stream.write(b"x")
    stream.end()
    with pytest.raises(Deliberate):
        support.run_until(loop, lambda: stream.closed)
    support.finish(loop, server, stream)
    assert stream.closed and server.closed


@pytest.mark.parametrize("event", ["listening", "secure_connection", "client_error", "close"])
def test_exception_in_each_server_event(loop, server_context, certs, event):
    server = tlspair.Server(loop, server_context)
    getattr(server, f"on_{event}")(failing)
    server.listen(0, "127.0.0.1")
    ca = "other-ca.pem" if event == "client_error" else "ca.pem"
    with pytest.raises(Deliberate):
        stream = connect(loop, server, support.client_context(certs, ca))
        stream.end()
        support.run_until(loop, lambda: stream.closed)
        server.close()
        support.run_until(loop, lambda: server.closed)


def test_exception_in_a_posted_function(loop):
    loop.post(failing)
    seen = []
    loop.post(seen.append, 1)
    with pytest.raises(Deliberate):
        support.run_to_the_end(loop)
    support.run_until(loop, lambda: seen)


def test_keyboard_interrupt_and_exit_come_through(loop):
    for kind in (KeyboardInterrupt, SystemExit):

        def leave(kind=kind):
            raise kind

        loop.post(leave)
        with pytest.raises(kind):
            support.run_until(loop, lambda: False)


def test_exception_while_the_loop_closes(server_context):
    loop = tlspair.Loop()
    server = support.echo_server(loop, server_context)
    server.on_close(failing)
    with pytest.raises(Deliberate):
        loop.close()
    assert loop.closed and server.closed


@pytest.mark.parametrize("event", ["encrypted", "secure", "data", "end", "close"])
def test_exception_in_each_pair_event(certs, event):
    client, server = support.pairs(certs)
    getattr(server, f"on_{event}")(failing)
    with pytest.raises(Deliberate):
        support.shuttle(client, server)
        client.write(b"x")
        client.end()
        support.shuttle(client, server)
        assert server.read() == b"x"  # the end comes after what was before it
        server.destroy()


def test_exception_in_the_error_event_of_a_pair(certs):
    _client, server = support.pairs(certs)
    server.on_error(failing)
    with pytest.raises(Deliberate):
        server.feed(b"garbage, not a hello")


def test_exception_through_two_wired_pairs(certs):
    client, server = support.pairs(certs)
    client.on_encrypted(lambda _pair, data: server.feed(data))
    server.on_encrypted(lambda _pair, data: client.feed(data))
    server.on_data(failing)
    client.start()
    assert client.secure
    with pytest.raises(Deliberate):
        client.write(b"x")
    server.on_data(None)
    client.write(b"y")
    assert server.read().endswith(b"y")


def test_second_exception_is_reported(loop, monkeypatch):
    reported = []
    monkeypatch.setattr(sys, "unraisablehook", lambda arguments: reported.append(arguments.exc_type))
    loop.post(failing)
    loop.post(failing)
    with pytest.raises(Deliberate):
        loop.run_once(0)
    if not reported:  # the second one ran in a turn of its own
        with pytest.raises(Deliberate):
            loop.run_once(0)
    else:
        assert reported == [Deliberate]


# -- what is kept, and until when


def test_a_stream_lives_without_being_kept(loop, server_context, client_context):
    server = support.echo_server(loop, server_context)
    port = server.port
    closed = []
    server.on_close(lambda _server: closed.append("server"))
    watch = weakref.ref(server)
    del server
    received = []

    def start():
        stream = tlspair.connect(loop, port, "localhost", tlspair.ConnectOptions(client_context))
        stream.on_data(lambda stream, data: (received.append(data), stream.end()))
        stream.on_close(lambda _stream, _had_error: (closed.append("stream"), watch().close()))
        stream.write(b"unattended")

    start()
    gc.collect()
    support.run_to_the_end(loop)
    assert received == [b"unattended"]
    assert closed == ["stream", "server"]
    gc.collect()
    assert watch() is None


def test_nothing_is_held_after_the_close_event(loop, server_context, client_context):
    before = len(_callbacks._held)
    server = support.echo_server(loop, server_context)
    watches = []
    server.on_secure_connection(lambda _server, stream: (watches.append(weakref.ref(stream)), stream.pipe(stream)))
    for _ in range(20):
        stream = connect(loop, server, client_context)
        watches.append(weakref.ref(stream))
        stream.on_secure_connect(lambda stream: stream.end())
    del stream
    support.run_until(loop, lambda: len(watches) == 40 and server.connections == 0)
    support.finish(loop, server)
    del server
    gc.collect()
    assert len(_callbacks._held) == before
    assert len(watches) == 40 and not any(watch() for watch in watches)


def test_posted_functions_are_let_go(server_context):
    class Thing:
        def method(self):
            pass

    before = len(_callbacks._held)
    with tlspair.Loop() as loop:
        thing = Thing()
        watch = weakref.ref(thing)
        loop.post(thing.method)
        support.run_until(loop, lambda: len(_callbacks._held) == before)
        loop.post(thing.method)  # never runs
        del thing
        assert watch()
    gc.collect()
    assert len(_callbacks._held) == before and watch() is None
    with pytest.raises(tlspair.TLSError):
        loop.post(print)
    assert len(_callbacks._held) == before


def test_pairs_are_freed_with_their_objects(certs):
    def wired():
        client, server = support.pairs(certs)
        client.on_encrypted(lambda _pair, data: server.feed(data))
        server.on_encrypted(lambda _pair, data: client.feed(data))
        client.start()
        assert server.secure
        return client._handle, weakref.ref(client)

    handle, watch = wired()
    gc.collect()
    assert watch() is None
    assert lib.tls_secure_pair_end(handle) == constant.TLS_ERR_INVALID_HANDLE


def test_callbacks_survive_the_collector(loop, server_context, client_context):
    """Callbacks that only the library knows of, with a collection in each."""
    server = support.echo_server(loop, server_context)
    received = []
    for number in range(10):
        stream = connect(loop, server, client_context)
        stream.on_data(lambda stream, data: (received.append(data), gc.collect(), stream.end()))
        stream.on_close(lambda _stream, _had_error: gc.collect())
        stream.write(b"%d" % number)
    del stream
    support.run_until(loop, lambda: len(received) == 10)
    support.finish(loop, server)
    assert sorted(received) == [b"%d" % number for number in range(10)]


def test_callback_replaced_inside_itself(certs):
    client, server = support.pairs(certs)
    support.shuttle(client, server)
    seen = []

    @server.on_data
    def first(pair, data):
        seen.append(("first", data))

        @pair.on_data
        def second(pair, data):
            seen.append(("second", data))
            pair.on_data(None)

    for text in (b"a", b"b", b"c"):
        client.write(text)
        support.shuttle(client, server)
    assert seen == [("first", b"a"), ("second", b"b")]
    assert server.read() == b"c"


def test_pair_freed_inside_its_callback(certs):
    for event in ("encrypted", "secure", "data"):
        client, server = support.pairs(certs)
        getattr(server, f"on_{event}")(lambda pair, *_arguments: pair.close())
        try:
            support.shuttle(client, server)
            client.write(b"x")
            support.shuttle(client, server)
        except tlspair.TLSError as error:
            assert error.status == constant.TLS_ERR_INVALID_HANDLE
        assert server.closed


# -- user data, through the C interface itself


class Destroyed:
    """A destroy callback that counts."""

    def __init__(self):
        self.calls = []
        self.callback = lowlevel.TYPES["tls_destroy_callback"](self.calls.append)


@pytest.mark.parametrize("kind", ["context", "secure_pair", "loop", "server", "stream"])
def test_user_data_is_destroyed_exactly_once(certs, kind):
    context, loop, destroyed = support.server_context(certs), lib.tls_loop_new(), Destroyed()
    handle = {
        "context": lambda: lib.tls_context_new(),
        "secure_pair": lambda: lib.tls_secure_pair_new(context._handle, 0, 0, 1),
        "loop": lambda: loop,
        "server": lambda: lib.tls_server_new(loop, context._handle),
        "stream": lambda: lib.tls_connect(loop, 9, b"127.0.0.1", None, lowlevel.TYPES["tls_stream_callback"](), None),
    }[kind]()
    set_user_data, user_data = getattr(lib, f"tls_{kind}_set_user_data"), getattr(lib, f"tls_{kind}_user_data")

    assert user_data(handle) is None
    assert set_user_data(handle, 1, destroyed.callback) == constant.TLS_OK
    assert (user_data(handle), destroyed.calls) == (1, [])
    assert set_user_data(handle, 2, destroyed.callback) == constant.TLS_OK  # replaced
    assert (user_data(handle), destroyed.calls) == (2, [1])

    if kind in ("server", "stream"):
        on_close = getattr(lib, f"tls_{kind}_on_close")
        callback_type = lowlevel.TYPES[lowlevel.split(lowlevel.FUNCTIONS[f"tls_{kind}_on_close"][1])[1]]
        seen = callback_type(lambda handle, *_arguments: destroyed.calls.append(("close", user_data(handle))))
        assert on_close(handle, seen, None) == constant.TLS_OK
        assert lib.tls_loop_free(loop) == constant.TLS_OK
        assert destroyed.calls == [1, ("close", 2), 2]
    else:
        assert getattr(lib, f"tls_{kind}_free")(handle) == constant.TLS_OK
        assert destroyed.calls == [1, 2]
        if kind != "loop":
            assert lib.tls_loop_free(loop) == constant.TLS_OK

    assert set_user_data(handle, 3, destroyed.callback) == constant.TLS_ERR_INVALID_HANDLE
    assert destroyed.calls[-1] == 3
    assert destroyed.calls.count(1) == destroyed.calls.count(2) == destroyed.calls.count(3) == 1


def test_posted_user_data_is_destroyed_exactly_once():
    destroyed, ran = Destroyed(), []
    function = lowlevel.TYPES["tls_post_callback"](lambda _loop, user_data: ran.append(user_data))
    loop = lib.tls_loop_new()
    assert lib.tls_loop_post(loop, function, 1, destroyed.callback) == constant.TLS_OK
    assert lib.tls_loop_run_once(loop, 0) == constant.TLS_OK
    assert (ran, destroyed.calls) == ([1], [1])
    assert lib.tls_loop_post(loop, function, 2, destroyed.callback) == constant.TLS_OK
    assert lib.tls_loop_free(loop) == constant.TLS_OK
    assert (ran, destroyed.calls) == ([1], [1, 2])
    assert lib.tls_loop_post(loop, function, 3, destroyed.callback) == constant.TLS_ERR_INVALID_HANDLE
    assert (ran, destroyed.calls) == ([1], [1, 2, 3])


def test_c023_no_callback_no_user_data(certs):
    client, server = support.pairs(certs)
    of_servers = {"sni", "check_certificate", "new_session", "resume_session"}
    of_the_other_side = {client: of_servers, server: {"check_identity", "session"}}
    for pair, others in of_the_other_side.items():
        for event in _callbacks.PAIR_EVENTS:
            if event not in others:
                getattr(pair, f"on_{event}")(None)
    support.shuttle(client, server)
    assert client.secure
