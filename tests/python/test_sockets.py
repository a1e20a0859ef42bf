"""TLS over sockets and streams that the program brings along, Unix sockets, ref and unref."""

import os
import socket
import ssl
import threading

import pytest
import support
import tlspair
from tlspair import constant


@pytest.fixture
def server(loop, server_context):
    """An echo server that does not listen yet; `secure` and `errors` have what came."""
    server = tlspair.Server(loop, server_context)
    server.secure, server.errors = [], []

    @server.on_secure_connection
    def echo(_server, stream):
        server.secure.append(stream)
        stream.pipe(stream)

    server.on_client_error(lambda _server, error, _stream: server.errors.append(error))
    return server


def connect(loop, context, **ways):
    """A client with these options set; the stream and its recorder."""
    options = tlspair.ConnectOptions(context)
    for name, value in ways.items():
        getattr(options, f"set_{name}")(*value if isinstance(value, tuple) else (value,))
    stream = tlspair.connect(loop, options=options)
    return stream, support.record_stream(stream)


def echo(loop, stream, recorder, data):
    stream.write(data)
    stream.end()
    support.run_until(loop, lambda: stream.closed)
    assert recorder.data == data
    assert recorder.names == ["secure_connect", "data", "end", "close"]


def test_s31_a_socket_pair(loop, server, client_context):
    ours, theirs = socket.socketpair()
    accepted = server.accept_fd(theirs, close_fd=True)
    assert theirs.fileno() == -1
    stream, recorder = connect(loop, client_context, fd=(ours, True))
    assert ours.fileno() == -1
    echo(loop, stream, recorder, os.urandom(200_000))
    # The same object, from the beginning to the end.
    assert server.secure == [accepted] and server.secure[0] is accepted
    assert accepted.remote_address is accepted.remote_port is None
    support.finish(loop, server, accepted)


def test_s31_lent_sockets_come_back(loop, server, client_context):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        accepted = server.accept_fd(theirs)
        stream, recorder = connect(loop, client_context, fd=ours)
        echo(loop, stream, recorder, b"hello")
        support.run_until(loop, lambda: accepted.closed)
        assert os.get_blocking(ours.fileno()) and os.get_blocking(theirs.fileno())
        ours.sendall(b"in the clear")
        assert theirs.recv(100) == b"in the clear"
    support.finish(loop, server)


def test_s31_starttls_with_pythons_ssl(loop, server, certs):
    """Python's `ssl` upgrades; its first bytes come together with the last line in the clear."""
    ours, theirs = socket.socketpair()
    answers = []

    def client():
        with ours:
            incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
            context = ssl.create_default_context(cafile=str(certs / "ca.pem"))
            tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
            clear = b"STARTTLS\r\n"

            def until_done(call):
                nonlocal clear
                while True:
                    try:
                        return call()
                    except ssl.SSLWantReadError:
                        ours.sendall(clear + outgoing.read())
                        clear = b""
                        incoming.write(ours.recv(65536))

            until_done(tls.do_handshake)
            tls.write(b"hello")
            answers.append(until_done(lambda: tls.read(100)))

    ours.settimeout(support.DEADLINE)
    theirs.settimeout(support.DEADLINE)
    thread = threading.Thread(target=client)
    thread.start()
    first = theirs.recv(65536)
    line, _, rest = first.partition(b"\r\n")
    assert line == b"STARTTLS" and rest
    server.accept_fd(theirs, close_fd=True, received=rest)
    support.run_until(loop, lambda: not thread.is_alive())
    thread.join()
    assert answers == [b"hello"]
    support.finish(loop, server, *server.secure)


def test_s31_injected_bytes_are_no_data(loop, server, client_context):
    ours, theirs = socket.socketpair()
    with ours:
        server.accept_fd(theirs, True, b"MAIL FROM:<evil@example.org>\r\n")
        support.run_until(loop, lambda: server.errors)
        assert server.errors[0].status == constant.TLS_ERR_TLS and not server.secure
    ours, theirs = socket.socketpair()
    with theirs:
        stream, recorder = connect(loop, client_context, fd=(ours, True), received_bytes=b"250 injected\r\n")
        support.run_until(loop, lambda: stream.closed)
        assert recorder.names == ["error", "close"]
    support.finish(loop, server)


def test_s31_refused_sockets_stay_as_they_were(loop, server, client_context):
    options = tlspair.ConnectOptions(client_context)
    with socket.socket() as unconnected:
        options.set_fd(unconnected, True)
        with pytest.raises(tlspair.TLSError, match="not connected"):
            tlspair.connect(loop, options=options)
        with pytest.raises(tlspair.TLSError, match="not connected"):
            server.accept_fd(unconnected, True)
        with pytest.raises(tlspair.TLSError, match="listen"):
            server.listen_fd(unconnected, True)
        assert unconnected.fileno() >= 0
        for call in (options.set_fd, server.accept_fd, server.listen_fd):
            with pytest.raises(TypeError):
                call(unconnected, 1)
            with pytest.raises(ValueError):
                call(-1)
            with pytest.raises(ValueError):
                call(2**32 + 3)
    for call in (options.set_stream, server.accept_stream):
        with pytest.raises(TypeError):
            call(server)
    with pytest.raises(tlspair.TLSError):
        tlspair.connect(loop)


def test_s31_one_use(loop, server, client_context):
    ours, theirs = socket.socketpair()
    options = tlspair.ConnectOptions(client_context)
    options.set_fd(ours, True)
    server.accept_fd(theirs, True)
    stream = tlspair.connect(loop, options=options)
    with pytest.raises(tlspair.TLSError, match="in use") as caught:
        tlspair.connect(loop, options=options)
    assert caught.value.status == constant.TLS_ERR_INVALID_STATE
    support.run_until(loop, lambda: server.secure)
    stream.destroy()
    support.finish(loop, server, *server.secure)


@pytest.mark.parametrize("levels", [1, 2])
def test_s31_tls_in_tls(loop, server, server_context, client_context, levels):
    lowest = support.echo_server(loop, server_context)
    upper = [tlspair.Server(loop, server_context) for _ in range(levels - 1)]
    chain = [lowest, *upper, server]
    for below, above in zip(chain, chain[1:]):
        below.on_secure_connection(lambda _server, stream, above=above: above.accept_stream(stream))
    streams = [tlspair.connect(loop, lowest.port, "127.0.0.1", tlspair.ConnectOptions(client_context, "localhost"))]
    for _ in range(levels):
        stream, recorder = connect(loop, client_context, stream=streams[-1])
        streams.append(stream)
    with pytest.raises(tlspair.TLSError, match="carries another"):
        streams[0].write(b"x")
    echo(loop, stream, recorder, os.urandom(300_000))
    support.run_until(loop, lambda: all(stream.closed for stream in streams))
    assert not lowest.errors and not server.errors
    for one in chain:
        one.close()
    support.run_to_the_end(loop)


def test_s76_unix_sockets(loop, server, client_context, tmp_path):
    path = tmp_path / "server"
    server.listen_path(path)
    assert server.address == str(path) and server.family == "Unix" and server.port is None
    stream, recorder = connect(loop, client_context, path=path)
    support.run_until(loop, lambda: stream.secure)
    assert stream.remote_address is stream.local_port is None
    echo(loop, stream, recorder, b"hello")
    support.finish(loop, server)
    assert not path.exists()
    stream, recorder = connect(loop, client_context, path=path)
    support.run_until(loop, lambda: stream.closed)
    assert str(path) in str(recorder.of("error")[0][0]) and "ENOENT" in str(recorder.of("error")[0][0])


def test_s76_taken_and_too_long(loop, server, tmp_path):
    path = tmp_path / "server"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with pytest.raises(tlspair.TLSError, match="remove") as caught:
        server.listen_path(path)
    assert caught.value.status == constant.TLS_ERR_LISTEN and path.exists()
    with pytest.raises(tlspair.TLSError, match="too long"):
        server.listen_path("x" * 200)
    with pytest.raises(tlspair.TLSError, match="too long"):
        tlspair.ConnectOptions().set_path("x" * 200)


@pytest.mark.parametrize("close_fd", [False, True])
def test_s81_listen_fd(loop, server, client_context, close_fd):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.listen_fd(listener, close_fd)
        assert (listener.fileno() == -1) is close_fd
        options = tlspair.ConnectOptions(client_context, "localhost")
        stream = tlspair.connect(loop, server.port, "127.0.0.1", options)
        echo(loop, stream, support.record_stream(stream), b"hello")
        support.finish(loop, server)


def test_s81_unref(loop, server, client_context):
    server.listen(0, "127.0.0.1")
    server.unref()
    support.run_to_the_end(loop)
    stream = tlspair.connect(loop, server.port, "127.0.0.1", tlspair.ConnectOptions(client_context, "localhost"))
    support.run_until(loop, lambda: server.secure and stream.secure)
    stream.unref()
    server.secure[0].unref()
    support.run_to_the_end(loop)
    assert not stream.closed
    stream.ref()
    server.secure[0].ref()
    stream.end()
    support.run_to_the_end(loop)
    assert stream.closed and not server.closed
    server.ref()
    server.close()
    support.run_to_the_end(loop)
    assert server.closed
