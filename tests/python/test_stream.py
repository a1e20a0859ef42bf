"""`Server`, `connect` and `Stream` on one loop."""

import errno
import socket
import ssl

import pytest
import support
import tlspair
from tlspair import constant

VERSIONS = ["TLSv1.2", "TLSv1.3"]
EXAMPLE = b"What goes out comes back. " * 10


def connect(loop, server, context, **options):
    """A client of `server`, and the record of its events."""
    settings = tlspair.ConnectOptions(context, options.pop("servername", None))
    for name, value in options.items():
        getattr(settings, f"set_{name}")(value)
    stream = tlspair.connect(loop, server.port, "localhost", settings)
    return stream, support.record_stream(stream)


@pytest.mark.parametrize("version", VERSIONS)
def test_s61_echo_and_the_order_of_events(loop, certs, server_context, version):
    server = support.echo_server(loop, server_context)
    stream, recorder = connect(loop, server, support.client_context(certs, version=version))
    stream.write(EXAMPLE)
    support.run_until(loop, lambda: recorder.data == EXAMPLE)
    stream.end()
    support.finish(loop, server, stream)
    assert recorder.names == ["secure_connect", "data", "end", "close"]
    assert recorder.of("end") == [(True,)]
    assert recorder.of("close") == [(False,)]
    assert stream.closed and server.closed and not server.errors


def test_s50_s59_s60_s63_s66_s67_s68_s69_s71_what_is_known(loop, server_context, client_context):
    server = support.echo_server(loop, server_context)
    seen = []

    @server.on_secure_connection
    def connected(_server, stream):
        seen.append((stream.servername, stream.protocol, stream.secure, stream.authorized, stream.remote_port))
        seen.append(stream)

    stream, recorder = connect(loop, server, client_context)
    assert not stream.secure
    support.run_until(loop, lambda: seen and stream.secure)
    assert seen[0] == ("localhost", "TLSv1.3", True, False, stream.local_port)
    there = seen[1]
    assert stream.authorized and stream.authorization_error is None
    assert stream.protocol == "TLSv1.3" and stream.cipher_name == there.cipher_name
    assert stream.cipher_standard_name == stream.cipher_name  # one name in TLS 1.3
    assert (stream.remote_address, stream.remote_port) == ("127.0.0.1", server.port)
    assert stream.local_address == there.remote_address == "127.0.0.1"
    assert there.local_port == server.port
    assert "CN=localhost" in stream.peer_certificate().subject
    assert there.peer_certificate() is None
    assert server.connections == 1
    assert stream.bytes_written > 0 and stream.bytes_read > stream.bytes_written
    assert there.loop is loop
    assert recorder.names == ["secure_connect"]


def test_s54_s56_listen_and_address(loop, server_context):
    server = tlspair.Server(loop, server_context)
    assert (server.address, server.port, server.family) == (None, None, None)
    listening = []
    server.on_listening(listening.append)
    server.listen(0, "127.0.0.1")
    assert (server.address, server.family) == ("127.0.0.1", "IPv4")
    assert server.port > 0
    support.run_until(loop, lambda: listening)
    assert listening == [server]
    other = tlspair.Server(loop, server_context)
    with pytest.raises(tlspair.TLSError) as caught:
        other.listen(server.port, "127.0.0.1")
    assert caught.value.status == constant.TLS_ERR_LISTEN
    assert (caught.value.errno, caught.value.name) == (errno.EADDRINUSE, "EADDRINUSE")
    assert str(server.port) in caught.value.message
    with pytest.raises(tlspair.TLSError) as caught:
        server.listen(0)
    assert caught.value.status == constant.TLS_ERR_INVALID_STATE


def test_s55_close_comes_after_the_last_stream(loop, server_context, client_context):
    server = support.echo_server(loop, server_context)
    stream, recorder = connect(loop, server, client_context)
    support.run_until(loop, lambda: server.connections == 1 and stream.secure)
    server.close()
    stream.write(b"still here")
    support.run_until(loop, lambda: recorder.data == b"still here")
    assert not server.closed
    stream.end()
    support.run_until(loop, lambda: server.closed)
    with pytest.raises(tlspair.TLSError) as caught:
        _ = server.connections
    assert caught.value.status == constant.TLS_ERR_INVALID_HANDLE


def test_s55_destroy_ends_the_streams(loop, server_context, client_context):
    server = support.echo_server(loop, server_context)
    stream, recorder = connect(loop, server, client_context)
    support.run_until(loop, lambda: server.connections == 1 and stream.secure)
    server.destroy()
    support.run_to_the_end(loop)
    assert server.closed and stream.closed
    assert recorder.names.count("close") == 1


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_s61_writes_of_any_size(loop, server_context, client_context, size):
    server = support.echo_server(loop, server_context)
    stream, recorder = connect(loop, server, client_context)
    sent = (bytes(range(251)) * (size // 251 + 1))[:size]
    received = []
    stream.on_data(lambda _stream, data: received.append(data))
    stream.write(memoryview(sent))
    stream.end()
    support.finish(loop, server, stream)
    assert b"".join(received) == sent
    assert recorder.of("close") == [(False,)]


def test_s61_full_and_drain(loop, server_context, client_context):
    server = support.echo_server(loop, server_context)
    stream, recorder = connect(loop, server, client_context)
    stream.set_high_water_mark(100_000)
    left = [400]
    chunk = bytes(50_000)
    fulls = []

    def send(stream):
        while left[0]:
            left[0] -= 1
            if not stream.write(chunk):
                fulls.append(stream.writable_length)
                return
        stream.end()

    stream.on_secure_connect(send)
    stream.on_drain(send)
    support.finish(loop, server, stream)
    assert len(recorder.data) == 400 * len(chunk)
    assert fulls and max(fulls) <= 100_000 + 2 * len(chunk)


def test_s61_pause_and_resume(loop, server_context, client_context):
    server = support.echo_server(loop, server_context)
    stream, recorder = connect(loop, server, client_context)
    support.run_until(loop, lambda: stream.secure)
    stream.pause()
    stream.write(EXAMPLE)
    for _ in range(10):
        loop.run_once(0.02)
    assert recorder.data == b""
    stream.resume()
    support.run_until(loop, lambda: recorder.data == EXAMPLE)


def test_s61_write_after_end(loop, server_context, client_context):
    server = support.echo_server(loop, server_context)
    stream, _recorder = connect(loop, server, client_context)
    stream.write(b"")
    stream.end()
    with pytest.raises(tlspair.TLSError) as caught:
        stream.write(b"late")
    assert caught.value.status == constant.TLS_ERR_INVALID_STATE
    support.finish(loop, server, stream)
    with pytest.raises(tlspair.TLSError) as caught:
        stream.write(b"later")
    assert caught.value.status == constant.TLS_ERR_INVALID_HANDLE


def test_c069_half_open(loop, server_context, client_context):
    """The peer has ended, and our answer still goes out."""
    server = tlspair.Server(loop, server_context)

    @server.on_secure_connection
    def connected(_server, stream):
        stream.set_allow_half_open(True)
        parts = []
        stream.on_data(lambda _stream, data: parts.append(data))

        @stream.on_end
        def ended(stream, _clean):
            stream.write(b"".join(parts)[::-1])
            stream.end()

    server.listen(0, "127.0.0.1")
    stream, recorder = connect(loop, server, client_context)
    stream.write(b"abc")
    stream.end()
    support.finish(loop, server, stream)
    assert recorder.data == b"cba"


def test_s72_pipe_between_two_streams(loop, server_context, client_context):
    behind = support.echo_server(loop, server_context)
    front = tlspair.Server(loop, server_context)

    @front.on_secure_connection
    def proxy(_server, stream):
        # Else the client's end would end the way back, too, before everything is back.
        stream.set_allow_half_open(True)
        stream.pipe(connect(loop, behind, client_context)[0]).pipe(stream)

    front.listen(0, "127.0.0.1")
    stream, recorder = connect(loop, front, client_context)
    stream.write(EXAMPLE * 1000)
    stream.end()
    support.run_until(loop, lambda: stream.closed)
    front.close()
    support.finish(loop, behind)
    assert recorder.data == EXAMPLE * 1000


def test_s75_timeout_event(loop, server_context, client_context):
    server = support.echo_server(loop, server_context)
    stream, recorder = connect(loop, server, client_context)
    idle = []
    stream.on_timeout(lambda stream: idle.append(stream))
    stream.set_timeout(0.1)
    support.run_until(loop, lambda: idle)
    assert idle[0] is stream and not stream.closed
    stream.set_timeout(None)
    stream.set_no_delay(False)
    stream.set_keep_alive(True, 30)
    assert "close" not in recorder.names


def test_s58_max_connections(loop, server_context, client_context):
    server = support.echo_server(loop, server_context)
    server.set_max_connections(1)
    first, _ = connect(loop, server, client_context)
    support.run_until(loop, lambda: first.secure and server.connections == 1)
    second, recorder = connect(loop, server, client_context)
    support.run_until(loop, lambda: second.closed)
    assert recorder.names == ["error", "close"]
    assert server.connections == 1 and first.secure


def test_s51_client_error(loop, server_context):
    server = support.echo_server(loop, server_context)
    seen = []

    @server.on_client_error
    def failed(_server, error, stream):
        seen.append((error, stream, stream.remote_address))
        stream.on_close(lambda _stream, had_error: seen.append(had_error))

    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        support.run_until(loop, lambda: len(seen) == 2)
    (error, stream, address), _had_error = seen
    assert error.status == constant.TLS_ERR_TLS
    assert "http" in error.message.lower()
    assert address == "127.0.0.1"
    assert stream.closed


REFUSALS = [
    ("server", "other-ca.pem", None, {"UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "SELF_SIGNED_CERT_IN_CHAIN"}),
    ("server", "ca.pem", "other.example", {"ERR_TLS_CERT_ALTNAME_INVALID"}),
    ("wrong-host", "ca.pem", None, {"ERR_TLS_CERT_ALTNAME_INVALID"}),
    ("expired", "ca.pem", None, {"CERT_HAS_EXPIRED"}),
    ("self-signed", "ca.pem", None, {"DEPTH_ZERO_SELF_SIGNED_CERT"}),
]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("identity, ca, servername, names", REFUSALS)
def test_c073_refused_servers(loop, certs, identity, ca, servername, names, version):
    server = tlspair.Server(loop, support.server_context(certs, identity))
    arrived = []
    server.on_secure_connection(lambda _server, stream: stream.on_data(lambda _stream, data: arrived.append(data)))
    server.listen(0, "127.0.0.1")
    stream, recorder = connect(loop, server, support.client_context(certs, ca, version=version), servername=servername)
    stream.write(b"secret")
    support.run_until(loop, lambda: stream.closed)
    assert recorder.names == ["error", "close"]
    assert recorder.of("close") == [(True,)]
    ((error,),) = recorder.of("error")
    assert error.name in names
    assert error.status == constant.TLS_ERR_VERIFY
    assert isinstance(error, ssl.SSLCertVerificationError)
    for _ in range(5):
        loop.run_once(0.02)
    assert not arrived


def test_s63_not_rejected_on_request(loop, certs, client_context):
    server = support.echo_server(loop, support.server_context(certs, "expired"))
    stream, recorder = connect(loop, server, client_context, reject_unauthorized=False)
    support.run_until(loop, lambda: stream.secure)
    assert not stream.authorized and stream.authorization_error == "CERT_HAS_EXPIRED"
    assert recorder.names == ["secure_connect"]


def test_s35_verify_name(loop, certs, client_context):
    server = support.echo_server(loop, support.server_context(certs, "wrong-host"))
    for name in ("other.example", None):
        stream, _recorder = connect(loop, server, client_context, verify_name=name)
        support.run_until(loop, lambda: stream.secure)
        assert stream.authorized
        stream.destroy()


def test_c087_client_certificates(loop, certs):
    server = support.echo_server(loop, support.server_context(certs, ca="ca.pem"))
    server.set_request_cert(True)
    server.set_reject_unauthorized(True)
    subjects = []
    server.on_secure_connection(lambda _server, stream: subjects.append(stream.peer_certificate().subject))
    good, _ = connect(loop, server, support.client_context(certs, identity="client"))
    support.run_until(loop, lambda: subjects)
    bad, _ = connect(loop, server, support.client_context(certs))
    support.run_until(loop, lambda: bad.closed and server.errors)
    assert good.secure and len(subjects) == 1 and len(server.errors) == 1


def _closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_c092_refused_connection(loop):
    stream = tlspair.connect(loop, _closed_port(), "127.0.0.1")
    recorder = support.record_stream(stream)
    support.run_to_the_end(loop)
    assert recorder.names == ["error", "close"]
    ((error,),) = recorder.of("error")
    assert error.status == constant.TLS_ERR_CONNECT
    assert isinstance(error, ConnectionRefusedError)
    assert (error.errno, error.name) == (errno.ECONNREFUSED, "ECONNREFUSED")


def test_c092_host_that_is_not_there(loop):
    stream = tlspair.connect(loop, 443, "no-such-host.invalid")
    recorder = support.record_stream(stream)
    support.run_to_the_end(loop)
    assert recorder.names == ["error", "close"]
    ((error,),) = recorder.of("error")
    assert error.status == constant.TLS_ERR_RESOLVE
    assert isinstance(error, socket.gaierror)
    assert "no-such-host.invalid" in error.message


def test_end_before_secure_is_a_reset(loop, client_context):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        stream = tlspair.connect(loop, listener.getsockname()[1], "localhost", tlspair.ConnectOptions(client_context))
        recorder = support.record_stream(stream)
        listener.settimeout(0)
        accepted = []

        def accept():
            try:
                accepted.append(listener.accept()[0])
            except BlockingIOError:
                pass
            return accepted

        support.run_until(loop, accept)
        accepted[0].close()
        support.run_until(loop, lambda: stream.closed)
    ((error,),) = recorder.of("error")
    assert error.status == constant.TLS_ERR_RESET
    assert isinstance(error, ConnectionResetError)


def test_c100_destroy_in_each_callback(loop, server_context, client_context):
    server = support.echo_server(loop, server_context)
    for event in ("secure_connect", "data", "end", "close"):
        stream, recorder = connect(loop, server, client_context)
        after = []

        def destroy(stream, *_arguments, after=after):
            for name in ("data", "end", "error"):
                getattr(stream, f"on_{name}")(lambda *_arguments: after.append("late"))
            stream.destroy()

        getattr(stream, f"on_{event}")(destroy)
        stream.write(EXAMPLE)
        stream.end()
        support.run_until(loop, lambda: stream.closed)
        assert not after
        assert recorder.names.count("close") == (0 if event == "close" else 1)
