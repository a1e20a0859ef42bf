"""The examples on the loops of others: a tls_loop driven by libuv, libevent and GLib, a pair on libuv's socket."""

import os
import signal
import socket
import time
from contextlib import contextmanager
from pathlib import Path

import ours
import pytest
import support
from strangers import Stranger, c_example, s_client, until

LOOPS = ["loop_libuv", "loop_libevent", "loop_glib"]
MIB = os.urandom(1 << 20)
# Milliseconds that no test takes: where the clients are to finish by themselves.
PATIENT = 600_000


@pytest.fixture(params=[*LOOPS, "pair_libuv"])
def name(request):
    return request.param


@contextmanager
def running(loop, certs, name, patience=PATIENT):
    """The example, listening, and its port."""
    identity = certs / "server-cert.pem", certs / "server-key.pem"
    with Stranger(c_example(name), 0, *identity, patience) as server:
        until(loop, lambda: server.match(r"port (\d+)\n"), server)
        yield server, int(server.found(r"port (\d+)\n"))


def stop(server, number=signal.SIGTERM):
    server.process.send_signal(number)


def ends_well(loop, server):
    until(loop, lambda: server.ended, server)
    assert server.status == 0, server
    assert server.out.endswith(b"stopped\n"), server


def connect(loop, certs, port):
    """A client that is secure, and its recorder."""
    stream, recorder = ours.connect(loop, port, ours.client_context(certs))
    until(loop, lambda: stream.secure)
    return stream, recorder


def echo(loop, stream, recorder, data):
    before = len(recorder.data)
    stream.write(data)
    until(loop, lambda: len(recorder.data) >= before + len(data))
    assert ours.digest(recorder.data[before:]) == ours.digest(data)


def leave(loop, stream, recorder):
    """We end, and the server answers with a clean end of its own."""
    stream.end()
    until(loop, lambda: stream.closed)
    assert recorder.of("end") == [(True,)]


def refuses(port):
    """Whether nobody listens there any more."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def cpu_seconds(server):
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # user and system


def peak_kib(server):
    """The most memory that it ever had."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def test_s61_echo(loop, certs, tmp_path, name, version):
    """OpenSSL's client and ours at the same time; then the signal."""
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(MIB)
    with running(loop, certs, name) as (server, port):
        with (
            s_client(certs, port, "-quiet", "-nocommands", "-no_ign_eof", version=version) as openssl,
            Stranger(c_example("echo_client"), "127.0.0.1", port, certs / "ca.pem", "localhost", source, back) as mine,
        ):
            openssl.send(MIB)
            until(loop, lambda: len(openssl.out) >= len(MIB), openssl, server)
            openssl.end_input()
            until(loop, lambda: openssl.ended and mine.ended, openssl, mine, server)
            assert ours.digest(openssl.out) == ours.digest(MIB)
            assert mine.status == 0, mine  # 0: the end was clean too
            assert ours.digest(back.read_bytes()) == ours.digest(MIB)
        stop(server)
        ends_well(loop, server)
        assert not server.err, server


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="CPU time is read from /proc")
def test_s61_idle_costs_nothing(loop, certs, name):
    """What was served leaves nothing behind that keeps the descriptor readable."""
    with running(loop, certs, name) as (server, port):
        stream, recorder = connect(loop, certs, port)
        echo(loop, stream, recorder, MIB)
        before = cpu_seconds(server)
        end = time.monotonic() + 1
        while time.monotonic() < end:
            loop.run_once(0.1)
        assert cpu_seconds(server) - before <= 0.05
        echo(loop, stream, recorder, MIB)  # and it is awake at once
        stop(server, signal.SIGINT)
        leave(loop, stream, recorder)
        ends_well(loop, server)
        assert not server.err, server


def test_s61_signal_during_a_transfer(loop, certs, name):
    """The signal comes through while bytes flow; the listening ends, the transfer does not."""
    with running(loop, certs, name) as (server, port):
        stream, recorder = connect(loop, certs, port)
        stream.write(ours.LARGE)
        until(loop, lambda: recorder.data, server)
        stop(server)
        until(loop, lambda: refuses(port), server)
        until(loop, lambda: len(recorder.data) >= len(ours.LARGE), server)
        assert ours.digest(recorder.data) == ours.digest(ours.LARGE)
        echo(loop, stream, recorder, MIB)
        leave(loop, stream, recorder)
        ends_well(loop, server)


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("how", ["timer", "second_signal"])
def test_s61_cut_off(loop, certs, name, how):
    """A client that does not leave: the other loop's timer ends it, or a second signal."""
    with running(loop, certs, name, patience=200 if how == "timer" else PATIENT) as (server, port):
        stream, recorder = connect(loop, certs, port)
        echo(loop, stream, recorder, b"here to stay")
        stop(server)
        until(loop, lambda: stream.closed or refuses(port), server)
        if how == "second_signal":
            assert not stream.closed
            stop(server)
        until(loop, lambda: stream.closed, server)
        ends_well(loop, server)


def test_c029_c070_silent_clients_of_a_pair(loop, certs):
    """A pair has no timer; libuv's ends those who say nothing, before and after the handshake."""
    with running(loop, certs, "pair_libuv", patience=200) as (server, port):
        with support.socket_that_says(port, b"") as mute:
            stream, _recorder = ours.connect(loop, port, ours.client_context(certs))
            until(loop, lambda: stream.closed, server)
            mute.settimeout(support.DEADLINE)
            assert mute.recv(1) == b""
        stop(server)
        ends_well(loop, server)


def test_c031_c033_strangers(loop, certs, name):
    """One speaks another protocol, one leaves in the middle of its hello; the next one is served."""
    with running(loop, certs, name) as (server, port):
        with support.socket_that_says(port, b"GET / HTTP/1.0\r\n\r\n") as plain:
            until(loop, lambda: server.said("ERR_SSL_HTTP_REQUEST"), server)
            plain.settimeout(support.DEADLINE)
            try:
                while plain.recv(1000):  # an alert, then the end
                    pass
            except ConnectionResetError:
                pass
        support.socket_that_says(port, b"\x16\x03\x01\x02\x00\x01").close()
        until(loop, lambda: server.said("ECONNRESET"), server)
        stream, recorder = connect(loop, certs, port)
        echo(loop, stream, recorder, b"still here")
        leave(loop, stream, recorder)
        stop(server)
        ends_well(loop, server)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_c068_c071_a_client_that_does_not_read(loop, certs, name):
    """It sends without end and reads nothing: the server stops reading, and nothing is lost."""
    data = MIB * 24
    with running(loop, certs, name) as (server, port):
        stream, recorder = connect(loop, certs, port)
        stream.pause()
        stream.write(data)
        stream.end()
        turns, left = 0, stream.writable_length
        while turns < 20:  # until nothing has moved for a while
            loop.run_once(0.02)
            turns = turns + 1 if left == stream.writable_length else 0
            left = stream.writable_length
        stream.resume()
        until(loop, lambda: stream.closed, server)
        assert ours.digest(recorder.data) == ours.digest(data)
        assert recorder.of("end") == [(True,)]
        assert peak_kib(server) < 20 * 1024, f"{left} bytes were held back"
        stop(server)
        ends_well(loop, server)


def test_wrong_calls(loop, certs, name):
    identity = certs / "server-cert.pem", certs / "server-key.pem"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        for status, said, arguments in [
            (2, "usage: ", []),
            (1, "ENOENT", [0, certs / "nothing-here.pem", identity[1]]),
            (1, "already in use", [taken.getsockname()[1], *identity]),
        ]:
            with Stranger(c_example(name), *arguments) as program:
                until(loop, lambda: program.ended, program)
                assert program.status == status, program
                assert program.said(said), program
