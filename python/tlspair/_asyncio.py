"""asyncio's own four functions, with this library's TLS in place of `ssl`'s."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from types import TracebackType
from typing import Any, Awaitable, Callable, Generator, Iterable, List, Optional, Sequence, Tuple, Type, TypeVar, Union

from . import _arguments as arguments
from ._asyncio_server import AsyncServer, ClientError
from ._callbacks import STREAM_EVENTS
from ._connect import ConnectOptions
from ._context import Context
from ._errors import check, check_handle
from ._loop import loop_handle
from ._server import Server
from ._transport import Transport
from ._turns import turns_of
from .lowlevel import lib

_Protocol = TypeVar("_Protocol", bound=asyncio.BaseProtocol)
Hosts = Union[str, Sequence[str], None]
ClientConnected = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Optional[Awaitable[None]]]

_HANDSHAKE_TIMEOUT = 60.0
_SHUTDOWN_TIMEOUT = 30.0
_READER_LIMIT = 64 * 1024


async def create_connection(
    protocol_factory: Callable[[], _Protocol],
    host: Optional[str] = None,
    port: Optional[int] = None,
    *,
    context: Optional[Context] = None,
    server_hostname: Optional[str] = None,
    options: Optional[ConnectOptions] = None,
    sock: Optional[socket.socket] = None,
    ssl_handshake_timeout: float = _HANDSHAKE_TIMEOUT,
    ssl_shutdown_timeout: float = _SHUTDOWN_TIMEOUT,
) -> Tuple[Transport, _Protocol]:
    """Connect to a TLS server, as `loop.create_connection(..., ssl=...)` does.

    The server is verified by `context`, without one by the well-known CAs, and must have the name
    `server_hostname`, without one `host`. `options` has what else a client can choose (ALPN, a session to
    resume, a Unix socket); what is given here beside it is set in it. `sock` is a connected socket, which
    becomes the transport's.

    What fails raises `TLSError`: an `ssl.SSLError`, and where Python has a closer name that as well, such
    as `ssl.SSLCertVerificationError` or `ConnectionRefusedError`. A server that takes too long is a
    `ConnectionAbortedError`, as with `ssl`.
    """
    loop = asyncio.get_running_loop()
    if sock is not None and (host is not None or port is not None):
        raise ValueError("host/port and sock can not be specified at the same time")
    if options is None:
        options = ConnectOptions()
    elif not isinstance(options, ConnectOptions):
        raise TypeError(f"options must be ConnectOptions, not {type(options).__name__}")
    if context is not None:
        options.set_context(context)
    if server_hostname is not None:
        options.set_servername(server_hostname)
    if sock is not None:
        options.set_fd(sock, close_fd=True)
    number = 0 if port is None else arguments.integer(port, "port", 1, 65535)
    name = arguments.optional_text(host, "host")
    turns = turns_of(loop)
    waiter = loop.create_future()
    try:
        handle = check_handle(
            lib.tls_connect(
                loop_handle(turns.tls_loop), number, name, options._handle, STREAM_EVENTS["secure_connect"].null, None
            )
        )
    except BaseException:
        turns.end_soon()
        raise
    if options._given is not None:
        arguments.forget(options._given)
        options._given = None
    check(lib.tls_stream_set_allow_half_open(handle, 1))
    made: List[_Protocol] = []

    def factory() -> _Protocol:
        made.append(protocol_factory())
        return made[0]

    transport = Transport(
        turns, handle, factory, context, ssl_shutdown_timeout, None, server_hostname or host, waiter
    )
    timer = loop.call_later(ssl_handshake_timeout, _handshake_is_late, transport, ssl_handshake_timeout)
    try:
        await waiter
    except BaseException:
        transport.abort()
        raise
    finally:
        timer.cancel()
    return transport, made[0]


def _handshake_is_late(transport: Transport, timeout: float) -> None:
    error = ConnectionAbortedError(f"TLS handshake is taking longer than {timeout} seconds: aborting the connection")
    transport._fatal_error(error, "TLS handshake is late")


async def create_server(
    protocol_factory: Callable[[], asyncio.BaseProtocol],
    host: Hosts = None,
    port: Optional[int] = None,
    *,
    context: Context,
    family: int = socket.AF_UNSPEC,
    flags: int = socket.AI_PASSIVE,
    sock: Optional[socket.socket] = None,
    backlog: int = 100,
    reuse_address: Optional[bool] = None,
    reuse_port: bool = False,
    ssl_handshake_timeout: float = _HANDSHAKE_TIMEOUT,
    ssl_shutdown_timeout: float = _SHUTDOWN_TIMEOUT,
    start_serving: bool = True,
    configure: Optional[Callable[[Server], object]] = None,
    on_client_error: Optional[ClientError] = None,
) -> AsyncServer:
    """Serve TLS, as `loop.create_server(..., ssl=...)` does; a protocol hears of a connection once it is secure.

    `configure(server)` is called with the `tlspair.Server` of each listening socket before it listens: for
    client certificates, contexts for names, ALPN, sessions. Its secure connections and errors are the
    protocols' and not to be asked for there. `on_client_error(error, peername)` hears of connections that
    failed before they were secure, which are otherwise told in debug mode only.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(context, Context):
        raise TypeError(f"context must be a Context, not {type(context).__name__}")
    if sock is None:
        sockets = await _listeners(loop, host, port, family, flags, reuse_address, reuse_port)
    elif host is not None or port is not None:
        raise ValueError("host/port and sock can not be specified at the same time")
    elif sock.type != socket.SOCK_STREAM:
        raise ValueError(f"A Stream Socket was expected, got {sock!r}")
    else:
        sockets = [sock]
    turns = turns_of(loop)
    server = None
    try:
        server = AsyncServer(
            turns, sockets, protocol_factory, context, backlog, ssl_shutdown_timeout, on_client_error
        )
        for one in server.servers:
            one.set_handshake_timeout(ssl_handshake_timeout)
            if configure is not None:
                turns.has_callbacks = True
                configure(one)
        if start_serving:
            await server.start_serving()
            # So that whoever waits to accept has had a turn, as asyncio has it.
            await asyncio.sleep(0)
    except BaseException:
        if server is not None:
            server.close()
        for one_socket in sockets:
            one_socket.close()
        turns.end_soon()
        raise
    return server


async def _listeners(
    loop: asyncio.AbstractEventLoop,
    host: Hosts,
    port: Optional[int],
    family: int,
    flags: int,
    reuse_address: Optional[bool],
    reuse_port: bool,
) -> List[socket.socket]:
    """Bound sockets for every address of every host."""
    if port is None and host is None:
        raise ValueError("Neither host/port nor sock were specified")
    hosts: Iterable[Optional[str]] = [host or None] if host is None or isinstance(host, str) else host
    found = await asyncio.gather(
        *[loop.getaddrinfo(one, port or 0, family=family, type=socket.SOCK_STREAM, flags=flags) for one in hosts]
    )
    if reuse_address is None:
        reuse_address = os.name == "posix" and sys.platform != "cygwin"
    sockets: List[socket.socket] = []
    try:
        for info in dict.fromkeys(info for infos in found for info in infos):
            try:
                listener = socket.socket(info[0], info[1], info[2])
            except OSError:
                continue  # a family that this system does not speak
            sockets.append(listener)
            listener.setblocking(False)
            if reuse_address:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, True)
            if reuse_port:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, True)
            if info[0] == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, True)
            listener.bind(info[4])
    except BaseException:
        for listener in sockets:
            listener.close()
        raise
    if not sockets:
        raise OSError(f"no address to listen on for {host!r}")
    return sockets


class _StreamProtocol(asyncio.StreamReaderProtocol):
    """asyncio's, which over TLS would close at the peer's end; here the other direction goes on."""

    def eof_received(self) -> bool:
        super().eof_received()
        return True


class Opening(Awaitable[Tuple[asyncio.StreamReader, asyncio.StreamWriter]]):
    """What `open_connection` gives: to be awaited, or a context manager that closes the connection."""

    def __init__(self, opening: Callable[[], Awaitable[Tuple[asyncio.StreamReader, asyncio.StreamWriter]]]) -> None:
        self._open = opening
        self._writer: Optional[asyncio.StreamWriter] = None

    def __await__(self) -> Generator[Any, None, Tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        return self._open().__await__()

    async def __aenter__(self) -> Tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, self._writer = await self._open()
        return reader, self._writer

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        _error: Optional[BaseException],
        _traceback: Optional[TracebackType],
    ) -> None:
        writer = self._writer
        if writer is None:
            return
        writer.close()
        try:
            await writer.wait_closed()
        except OSError:
            if kind is None:
                raise


def open_connection(
    host: Optional[str] = None, port: Optional[int] = None, *, limit: int = _READER_LIMIT, **more: Any
) -> Opening:
    """Connect to a TLS server, and have a reader and a writer, as `asyncio.open_connection(..., ssl=...)` has.

        reader, writer = await tlspair.open_connection("example.org", 443)

        async with tlspair.open_connection("example.org", 443) as (reader, writer):
            ...

    Everything else is as for `create_connection`. `writer.write_eof()` is a half-close.
    """

    async def opening() -> Tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=limit, loop=loop)
        protocol = _StreamProtocol(reader, loop=loop)
        transport, _ = await create_connection(lambda: protocol, host, port, **more)
        return reader, asyncio.StreamWriter(transport, protocol, reader, loop)

    return Opening(opening)


async def start_server(
    client_connected_cb: ClientConnected,
    host: Hosts = None,
    port: Optional[int] = None,
    *,
    limit: int = _READER_LIMIT,
    **more: Any,
) -> AsyncServer:
    """Serve TLS with a reader and a writer for each connection, as `asyncio.start_server(..., ssl=...)` does.

    Everything else is as for `create_server`; `context` has to be given.
    """
    loop = asyncio.get_running_loop()

    def factory() -> asyncio.BaseProtocol:
        return _StreamProtocol(asyncio.StreamReader(limit=limit, loop=loop), client_connected_cb, loop=loop)

    return await create_server(factory, host, port, **more)
