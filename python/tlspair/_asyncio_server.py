"""`AsyncServer`: what `create_server` and `start_server` give, an `asyncio.AbstractServer`."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Any, Callable, List, Optional, Sequence, Set

from ._context import Context
from ._errors import TLSError, check
from ._server import Server
from ._ssl_view import socket_name
from ._transport import Transport
from ._turns import Turns
from .lowlevel import lib

_logger = logging.getLogger("asyncio")

ClientError = Callable[[TLSError, Any], object]


class AsyncServer(asyncio.AbstractServer):
    """Listening sockets, each with a `tlspair.Server`; made by `create_server` and `start_server`.

    As a context manager (`async with`) it closes at the end and waits for its connections.
    """

    __module__ = "tlspair"

    def __init__(
        self,
        turns: Turns,
        listeners: Sequence[socket.socket],
        factory: Callable[[], asyncio.BaseProtocol],
        context: Context,
        backlog: int,
        shutdown_timeout: float,
        on_client_error: Optional[ClientError],
    ) -> None:
        self._turns = turns
        self._sockets = list(listeners)
        self._factory = factory
        self._context = context
        self._backlog = backlog
        self._shutdown_timeout = shutdown_timeout
        self._on_client_error = on_client_error
        self._transports: Set[Transport] = set()
        self._serving = False
        self._closing = False
        self._open = len(self._sockets)
        self._waiters: List[asyncio.Future[None]] = []
        self._forever: Optional[asyncio.Future[None]] = None
        self._servers = [Server(turns.tls_loop, context) for _socket in self._sockets]
        for server in self._servers:
            check(lib.tls_server_on_secure_connection(server._handle, turns.accept_callback, None))
            turns.servers[server._handle] = self

    def __repr__(self) -> str:
        return f"<tlspair.AsyncServer sockets={self._sockets!r}>"

    # -- what the turns tell

    def _accept(self, stream: int) -> None:
        transport = Transport(self._turns, stream, self._factory, self._context, self._shutdown_timeout, self)
        self._transports.add(transport)
        transport._connected()

    def _client_error(self, stream: int, error: TLSError) -> None:
        peer = socket_name(stream, "peername")
        if self._on_client_error is None:
            if self._turns.loop.get_debug():
                _logger.warning("%r: a connection of %r failed: %s", self, peer, error)
            return
        try:
            self._on_client_error(error, peer)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as failure:
            context = {"message": "on_client_error() failed", "exception": failure}
            self._turns.loop.call_exception_handler(context)

    def _closed(self, _handle: int) -> None:
        self._open -= 1
        if self._open == 0:
            for waiter in self._waiters:
                if not waiter.done():
                    waiter.set_result(None)

    # -- asyncio.AbstractServer

    @property
    def sockets(self) -> Sequence[socket.socket]:
        """The listening sockets; none after `close`."""
        return () if self._closing else tuple(self._sockets)

    @property
    def servers(self) -> Sequence[Server]:
        """The `tlspair.Server` of each socket: contexts for names, counts of sessions, and so on."""
        return tuple(self._servers)

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The asyncio loop that it serves on."""
        return self._turns.loop

    def is_serving(self) -> bool:
        """Whether it takes connections."""
        return self._serving

    async def start_serving(self) -> None:
        """Take connections; again does nothing."""
        self._start()

    def _start(self) -> None:
        if self._closing:
            raise RuntimeError(f"server {self!r} is closed")
        if self._serving:
            return
        for listener, server in zip(self._sockets, self._servers):
            listener.listen(self._backlog)
            server.listen_fd(listener)
        self._serving = True

    async def serve_forever(self) -> None:
        """Take connections until it is cancelled, which closes it."""
        if self._forever is not None:
            raise RuntimeError(f"server {self!r} is already being awaited on serve_forever()")
        self._start()
        self._forever = self._turns.loop.create_future()
        try:
            await self._forever
        finally:
            self._forever = None
            self.close()

    def close(self) -> None:
        """Take no more connections; those that are open go on."""
        if self._closing:
            return
        self._closing = True
        self._serving = False
        for server in self._servers:
            server.close()
        for listener in self._sockets:
            listener.close()
        if self._forever is not None and not self._forever.done():
            self._forever.cancel()

    async def wait_closed(self) -> None:
        """Wait until it is closed and its last connection is lost."""
        if self._open > 0:
            waiter = self._turns.loop.create_future()
            self._waiters.append(waiter)
            await waiter

    def close_clients(self) -> None:
        """`close` every open connection."""
        for transport in tuple(self._transports):
            transport.close()

    def abort_clients(self) -> None:
        """`abort` every open connection; after `close` also those that are not secure yet."""
        for transport in tuple(self._transports):
            transport.abort()
        for server in self._servers if self._closing else ():
            if not server.closed:
                server.destroy()
