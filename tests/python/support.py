"""What several tests need: contexts, a way to run a loop with a deadline, pairs back to back."""

import signal
import socket
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import tlspair

CHECKOUT = Path(__file__).resolve().parents[2]
DEADLINE = 20.0


def server_context(certs, name="server", *, ca=None, version=None):
    """A context with the identity `name-cert.pem`."""
    context = tlspair.Context()
    context.set_identity_file(certs / f"{name}-cert.pem", certs / f"{name}-key.pem")
    if ca is not None:
        context.add_ca_file(certs / ca)
    only(context, version)
    return context


def client_context(certs, ca="ca.pem", *, identity=None, version=None):
    """A context that trusts `ca`."""
    context = tlspair.Context()
    context.add_ca_file(certs / ca)
    if identity is not None:
        context.set_identity_file(certs / f"{identity}-cert.pem", certs / f"{identity}-key.pem")
    only(context, version)
    return context


def only(context, version):
    """Allow one protocol version, or leave it."""
    if version == "TLSv1.2":
        context.set_max_version(version)
    elif version is not None:
        context.set_min_version(version)


def between(context, low, high):
    """Allow the versions from `low` to `high`."""
    context.set_min_version("TLSv1.2")
    context.set_max_version(high)
    context.set_min_version(low)


def run_until(loop, done, deadline=DEADLINE, turn=0.05):
    """Turn the loop until `done()`, which is looked at after `turn` seconds at the latest."""
    end = time.monotonic() + deadline
    while not done():
        assert time.monotonic() < end, "not done in time"
        loop.run_once(turn)


def run_to_the_end(loop, deadline=DEADLINE):
    """`Loop.run`, with a watchdog that fails the test in place of hanging it."""
    late = threading.Event()

    def give_up():
        late.set()
        loop.stop()

    watchdog = threading.Timer(deadline, give_up)
    watchdog.start()
    try:
        loop.run()
    finally:
        watchdog.cancel()
        watchdog.join()
    assert not late.is_set(), "the loop did not end by itself"


def finish(loop, server, *streams):
    """Let the streams close by themselves, then the server; nothing is left on the loop.

    In this order: a server that closes at once refuses those who are still connecting.
    """
    run_until(loop, lambda: all(stream.closed for stream in streams))
    server.close()
    run_to_the_end(loop)


def echo_server(loop, context):
    """A listening echo server; what goes wrong with clients is in `errors`."""
    server = tlspair.Server(loop, context)
    server.errors = []
    server.on_secure_connection(lambda _server, stream: stream.pipe(stream))
    server.on_client_error(lambda _server, error, _stream: server.errors.append(error))
    server.listen(0, "127.0.0.1")
    return server


def socket_that_says(port, data):
    """A plain connection that has sent this; to be closed."""
    plain = socket.create_connection(("127.0.0.1", port), DEADLINE)
    plain.sendall(data)
    return plain


class Recorder:
    """Every event of a stream or pair, in order."""

    def __init__(self, target, events):
        self.events = []
        self.data = bytearray()
        for event in events:
            getattr(target, f"on_{event}")(self._handler(event))

    def _handler(self, event):
        def handle(_target, *arguments):
            if event == "data":
                self.data += arguments[0]
                if self.names[-1:] == ["data"]:
                    return
            self.events.append((event, *arguments))

        return handle

    @property
    def names(self):
        return [event[0] for event in self.events]

    def of(self, name):
        return [event[1:] for event in self.events if event[0] == name]


def record_stream(stream):
    return Recorder(stream, ["secure_connect", "data", "end", "error", "close"])


def record_pair(pair, *, data=False):
    return Recorder(pair, ["secure", "end", "error", "close"] + (["data"] if data else []))


def shuttle(one, other, piece=None):
    """Carry encrypted bytes between two pairs until neither has more.

    A `feed` that ends its pair raises what the error event says as well; those errors come back,
    and the alert still travels.
    """
    errors = []
    while True:
        moved = 0
        for source, destination in ((one, other), (other, one)):
            data = source.take()
            moved += len(data)
            step = piece or max(len(data), 1)
            for start in range(0, len(data), step):
                try:
                    destination.feed(data[start : start + step])
                except tlspair.TLSError as error:
                    errors.append(error)
        if not moved:
            return errors


def pairs(certs, *, version=None, servername="localhost"):
    """A client and a server pair that accept each other."""
    client = tlspair.SecurePair(client_context(certs, version=version))
    client.set_servername(servername)
    server = tlspair.SecurePair(server_context(certs), is_server=True)
    return client, server


def hear_interrupts():
    """For a child process: SIGINT as at a terminal, also where the tests run with it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def in_thread(function, *arguments):
    """Run a function beside the block; its exception is the block's."""
    failures = []

    def body():
        try:
            function(*arguments)
        except BaseException as error:  # noqa: B902 - raised again below
            failures.append(error)

    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    yield thread
    thread.join(DEADLINE)
    if failures:
        raise failures[0]
    assert not thread.is_alive(), "the thread did not end"


def call_in_thread(function, *arguments):
    """What a function answers on another thread."""
    results = []
    with in_thread(lambda: results.append(function(*arguments))):
        pass
    return results[0]
