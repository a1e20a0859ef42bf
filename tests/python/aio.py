"""For the asyncio tests: loops of both kinds with a deadline, servers, and protocols that write down what they hear."""

import asyncio
import gc
import os
import ssl
import sys
from contextlib import asynccontextmanager

import pytest
import tlspair
from support import DEADLINE

try:
    import uvloop
except ImportError:
    uvloop = None

LOOPS = [
    "asyncio",
    pytest.param("uvloop", marks=pytest.mark.skipif(uvloop is None, reason="there is no uvloop")),
]


class Runner:
    """Runs a coroutine function on a loop of its kind; what the loop's exception handler heard is in `reported`."""

    def __init__(self, kind):
        self.kind = kind
        self.reported = []
        # uvloop's first loop opens descriptors for the whole process.
        self.new_loop().close()

    def new_loop(self):
        return uvloop.new_event_loop() if self.kind == "uvloop" else asyncio.new_event_loop()

    def __call__(self, main, *arguments):
        loop = self.new_loop()
        loop.set_exception_handler(lambda _loop, context: self.reported.append(context))
        try:
            return loop.run_until_complete(asyncio.wait_for(main(*arguments), DEADLINE))
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    @property
    def messages(self):
        return [context["message"] for context in self.reported]


def open_descriptors():
    gc.collect()
    return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0


class Witness(asyncio.Protocol):
    """Every event in order; `data` runs together. `done` is the end."""

    def __init__(self, **raising):
        self.events = []
        self.data = bytearray()
        self.lost = None
        self.keeps_open = False
        self.raising = raising
        self.done = asyncio.get_running_loop().create_future()
        self.changed = asyncio.Event()

    def _note(self, event):
        if event != "data" or self.events[-1:] != ["data"]:
            self.events.append(event)
        self.changed.set()
        if event in self.raising:
            raise self.raising[event]

    def connection_made(self, transport):
        self.transport = transport
        self._note("made")

    def data_received(self, data):
        assert type(data) is bytes
        self.data += data
        self._note("data")

    def eof_received(self):
        self._note("eof")
        return self.keeps_open

    def pause_writing(self):
        self._note("pause")

    def resume_writing(self):
        self._note("resume")

    def connection_lost(self, error):
        self.lost = error
        if not self.done.done():
            self.done.set_result(error)
        self._note("lost")

    async def until(self, condition):
        while not condition():
            self.changed.clear()
            await self.changed.wait()


class Echo(Witness):
    def data_received(self, data):
        super().data_received(data)
        self.transport.write(data)


@asynccontextmanager
async def serving(context, factory=Echo, **more):
    """A server; `protocols` are those of its connections, in order."""
    protocols = []

    def made():
        protocols.append(factory())
        return protocols[-1]

    server = await tlspair.create_server(made, "127.0.0.1", 0, context=context, **more)
    server.protocols = protocols
    server.port = server.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        server.close()
        server.abort_clients()
        await server.wait_closed()


async def connecting(server, context, factory=Witness, *, accepted=True, **more):
    """A client's transport and protocol; the server knows of it, if it is to."""
    more.setdefault("server_hostname", "localhost")
    before = len(server.protocols)
    both = await tlspair.create_connection(factory, "127.0.0.1", server.port, context=context, **more)
    while accepted and len(server.protocols) == before:
        await asyncio.sleep(0.001)
    return both


def python_client(certs):
    return ssl.create_default_context(cafile=certs / "ca.pem")


def python_server(certs, name="server"):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs / f"{name}-cert.pem", certs / f"{name}-key.pem")
    return context


