"""`Loop`: running, posting, stopping, its descriptor, threads, and Ctrl-C."""

import gc
import os
import select
import signal
import subprocess
import sys
import threading
import time
import warnings

import pytest
import support
import tlspair
from support import CHECKOUT
from tlspair import constant


def test_run_ends_when_nothing_is_left(loop):
    support.run_to_the_end(loop)


def test_post_keeps_order(loop):
    seen = []
    for number in range(10):
        loop.post(seen.append, number)
    support.run_until(loop, lambda: len(seen) == 10)
    assert seen == list(range(10))


def test_post_from_other_threads(loop):
    seen = []

    def post():
        for _ in range(100):
            loop.post(lambda: seen.append(threading.get_ident()))

    with support.in_thread(post), support.in_thread(post):
        support.run_until(loop, lambda: len(seen) == 200)
    assert set(seen) == {threading.get_ident()}


def test_post_wakes_the_waiting_loop(loop):
    seen = []
    started = time.monotonic()
    timer = threading.Timer(0.2, loop.post, (seen.append, 1))
    timer.start()
    loop.run_once(10)
    timer.join()
    assert seen == [1]
    assert time.monotonic() - started < 5


def test_run_once_waits_no_longer_than_told(loop):
    started = time.monotonic()
    loop.run_once(0)
    loop.run_once(0.1)
    assert time.monotonic() - started < 5


def test_stop_from_another_thread(loop, server_context):
    support.echo_server(loop, server_context)
    timer = threading.Timer(0.2, loop.stop)
    timer.start()
    loop.run()
    timer.join()


def test_fileno_is_readable_when_there_is_work(loop):
    poll = select.poll()
    poll.register(loop.fileno(), select.POLLIN)
    loop.run_once(0)
    seen = []
    loop.post(seen.append, 1)
    assert poll.poll(5000)
    loop.run_once(0)
    assert seen == [1]


def test_s17_descriptor_drives_a_conversation_and_timers(loop, server_context, client_context):
    """Nothing but `poll` on the descriptor; the handshake timeout comes through it as well."""
    import socket

    server = support.echo_server(loop, server_context)
    server.set_handshake_timeout(0.2)
    silent = socket.create_connection(("127.0.0.1", server.port))
    stream = tlspair.connect(loop, server.port, "localhost", tlspair.ConnectOptions(client_context))
    recorder = support.record_stream(stream)
    stream.write(b"through the descriptor")
    poll = select.poll()
    poll.register(loop.fileno(), select.POLLIN)
    end = time.monotonic() + support.DEADLINE
    while not (recorder.data == b"through the descriptor" and server.errors):
        assert time.monotonic() < end
        loop.run_once(0)
        poll.poll(1000)
    assert server.errors[0].name == "ERR_TLS_HANDSHAKE_TIMEOUT"
    assert isinstance(server.errors[0], TimeoutError)
    silent.close()


def test_next_timeout(loop, server_context):
    assert loop.next_timeout is None
    import socket

    server = support.echo_server(loop, server_context)
    server.set_handshake_timeout(30)
    with socket.create_connection(("127.0.0.1", server.port)):
        support.run_until(loop, lambda: (loop.next_timeout or 0) > 20)
        assert loop.next_timeout <= 30


def test_s03_slab_buffer_size(loop, server_context):
    loop.set_slab_buffer_size(1 << 20)
    support.echo_server(loop, server_context)
    with pytest.raises(tlspair.TLSError) as caught:
        loop.set_slab_buffer_size(1 << 21)
    assert caught.value.status == constant.TLS_ERR_INVALID_STATE


def test_c107_wrong_thread_and_detach(server_context, client_context):
    loop = tlspair.Loop()
    server = support.echo_server(loop, server_context)

    def refused():
        statuses = []
        for call in (lambda: loop.run_once(0), loop.fileno, server.close, lambda: server.listen(0), loop.close):
            with pytest.raises(tlspair.TLSError) as caught:
                call()
            statuses.append(caught.value.status)
            assert "tls_loop_detach" in caught.value.message
        return statuses

    assert set(support.call_in_thread(refused)) == {constant.TLS_ERR_WRONG_THREAD}
    assert server.port

    loop.detach()
    with pytest.raises(tlspair.TLSError) as caught:
        server.close()
    assert caught.value.status == constant.TLS_ERR_WRONG_THREAD

    def there():
        loop.run_once(0)
        port = server.port
        stream = tlspair.connect(loop, port, "localhost", tlspair.ConnectOptions(client_context))
        recorder = support.record_stream(stream)
        stream.write(b"handed over")
        support.run_until(loop, lambda: recorder.data == b"handed over")
        loop.close()

    support.call_in_thread(there)
    assert loop.closed and server.closed


def test_c108_run_inside_a_callback(loop):
    seen = []

    def again():
        for call in (loop.run, lambda: loop.run_once(0), loop.close):
            with pytest.raises(tlspair.TLSError) as caught:
                call()
            seen.append(caught.value.status)

    loop.post(again)
    support.run_until(loop, lambda: seen)
    assert seen == [constant.TLS_ERR_BUSY] * 3
    assert not loop.closed


def test_c108_close_with_everything_open(server_context, client_context):
    loop = tlspair.Loop()
    server = support.echo_server(loop, server_context)
    closed = []
    server.on_close(lambda server: closed.append(server))
    stream = tlspair.connect(loop, server.port, "localhost", tlspair.ConnectOptions(client_context))
    stream.on_close(lambda stream, _had_error: closed.append(stream))
    support.run_until(loop, lambda: stream.secure)
    loop.close()
    assert sorted(closed, key=id) == sorted([server, stream], key=id)
    assert server.closed and stream.closed
    loop.close()
    with pytest.raises(tlspair.TLSError) as caught:
        loop.run()
    assert caught.value.status == constant.TLS_ERR_INVALID_HANDLE


def test_a_loop_that_was_not_closed_warns():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tlspair.Loop()
        gc.collect()
    assert [warning.category for warning in caught] == [ResourceWarning]


def test_two_loops_in_two_threads(certs):
    context, client = support.server_context(certs), support.client_context(certs)

    def talk(done):
        with tlspair.Loop() as loop:
            server = support.echo_server(loop, context)
            for _ in range(10):
                stream = tlspair.connect(loop, server.port, "localhost", tlspair.ConnectOptions(client))
                recorder = support.record_stream(stream)
                stream.write(b"here")
                support.run_until(loop, lambda: recorder.data == b"here")
                stream.destroy()
            done.append(True)

    first, second = [], []
    with support.in_thread(talk, first), support.in_thread(talk, second):
        pass
    assert first and second


INTERRUPTED = """
import sys, tlspair
context = tlspair.Context()
context.set_identity_file(sys.argv[1], sys.argv[2])
with tlspair.Loop() as loop:
    server = tlspair.Server(loop, context)
    server.listen(0, "127.0.0.1")
    print("ready", flush=True)
    try:
        if sys.argv[3] == "run":
            loop.run()
        while True:
            loop.run_once()
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@pytest.mark.parametrize("method", ["run", "run_once"])
def test_ctrl_c(certs, method):
    command = [sys.executable, "-c", INTERRUPTED, certs / "server-cert.pem", certs / "server-key.pem", method]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "python")}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, preexec_fn=support.hear_interrupts
    ) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            time.sleep(0.3)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=10)
        finally:
            process.kill()
    assert out == "interrupted\n"
    assert process.returncode == 0


def test_other_signal_handlers_run_while_the_loop_waits(loop, server_context):
    support.echo_server(loop, server_context)
    previous = signal.signal(signal.SIGUSR1, lambda *_: loop.stop())
    try:
        timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1))
        timer.start()
        support.run_to_the_end(loop)
        timer.join()
    finally:
        signal.signal(signal.SIGUSR1, previous)
