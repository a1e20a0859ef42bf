"""`Server`: listens, and gives a `Stream` for each connection that became secure."""

from __future__ import annotations

import os
from typing import NamedTuple, Optional

from . import _arguments as arguments
from ._callbacks import SERVER_EVENTS, Callback, Emitter, destroy_callback, held, hold, release
from ._context import Context, context_handle
from ._errors import check, check_handle, last_error
from ._loop import Loop, loop_handle
from ._protocols import HasProtocols
from ._stream import Stream, text_or_none
from .lowlevel import constant, lib


class SessionCounts(NamedTuple):
    """What became of the sessions of a server's clients. A miss is no error, only a full handshake."""

    #: Handshakes that resumed nothing, whether a session was offered or not.
    full: int
    #: Resumed from a ticket.
    hit_ticket: int
    #: Resumed from the cache inside.
    hit_cache: int
    #: Resumed from what the program keeps.
    hit_store: int
    #: Neither the cache nor the program knew it.
    miss_unknown_id: int
    #: A ticket made with a key that is gone, or was never ours.
    miss_unknown_key: int
    #: Too old.
    miss_expired: int
    #: Of another server name or policy, or its client's certificate is not good any more.
    miss_policy: int
    #: What the program kept was altered, or sealed with a key that is gone.
    miss_sealed: int
    #: The program did not answer in time.
    miss_store_timeout: int
    #: The program rejected the request, which ended the connection.
    miss_store_error: int


class Server(HasProtocols, Emitter):
    """A TLS server on a loop.

    It lives until its close event, whether or not the program keeps it. The `on_...` methods work
    as those of `Stream`.

        server = tlspair.Server(loop, context)

        @server.on_secure_connection
        def echo(server, stream):
            stream.pipe(stream)

        server.listen(8000, "127.0.0.1")
    """

    _events = SERVER_EVENTS
    _prefix = "tls_server"

    def __init__(self, loop: Loop, context: Context) -> None:
        super().__init__()
        #: The loop that it lives on.
        self.loop = loop
        self._handle = check_handle(lib.tls_server_new(loop_handle(loop), context_handle(context, "context")))
        self._token = hold(self)
        # The library runs the destroy callback also when this call fails.
        if lib.tls_server_set_user_data(self._handle, self._token, destroy_callback) < 0:
            error = last_error()
            release(self._token)
            raise error

    def _adopt(self, handle: int) -> Stream:
        known = held(lib.tls_stream_user_data(handle))
        return known if isinstance(known, Stream) else Stream(self.loop, handle)

    # -- what it does

    def listen(self, port: int = 0, host: Optional[str] = None) -> None:
        """Listen; the port is bound when this returns. Port 0: any free one; no host: any IPv4 address."""
        number = arguments.integer(port, "port", 0, 65535)
        check(lib.tls_server_listen(self._handle, number, arguments.optional_text(host, "host")))

    def listen_path(self, path: arguments.Path) -> None:
        """Listen on a Unix socket. Its file is made here, and goes when the server closes."""
        check(lib.tls_server_listen_path(self._handle, arguments.path(path, "path")))

    def listen_fd(self, fd: arguments.Descriptor, close_fd: bool = False) -> None:
        """Listen on a socket that listens already, as from a service manager.

        With `close_fd` it is the server's from now on, and a socket object is as detached.
        """
        number, ours = arguments.descriptor(fd, "fd"), arguments.flag(close_fd, "close_fd")
        check(lib.tls_server_listen_fd(self._handle, number, ours))
        if close_fd:
            arguments.forget(fd)

    def accept_fd(self, fd: arguments.Descriptor, close_fd: bool = False, received: arguments.Data = b"") -> Stream:
        """Speak TLS, as this server, over a connection that was accepted elsewhere (STARTTLS).

        `received` was read from it already. The stream is not secure yet; `on_secure_connection` or
        `on_client_error` comes as for any other. The server need not listen. `close_fd` as for
        `ConnectOptions.set_fd`.
        """
        number, ours = arguments.descriptor(fd, "fd"), arguments.flag(close_fd, "close_fd")
        first = arguments.data(received, "received")
        handle = check_handle(lib.tls_server_accept_fd(self._handle, number, ours, first, len(first)))
        if close_fd:
            arguments.forget(fd)
        return self._adopt(handle)

    def accept_stream(self, stream: Stream, received: arguments.Data = b"") -> Stream:
        """The same over an open stream: TLS in TLS."""
        if not isinstance(stream, Stream):
            raise TypeError(f"stream must be a Stream, not {type(stream).__name__}")
        first = arguments.data(received, "received")
        return self._adopt(
            check_handle(lib.tls_server_accept_stream(self._handle, stream._handle, first, len(first)))
        )

    def close(self) -> None:
        """Take no more connections; the close event comes after the last open one."""
        check(lib.tls_server_close(self._handle))

    def destroy(self) -> None:
        """`close`, and end the open connections at once."""
        check(lib.tls_server_destroy(self._handle))

    def ref(self) -> None:
        """Have the listening server keep `Loop.run` going, as it does by default."""
        check(lib.tls_server_ref(self._handle))

    def unref(self) -> None:
        """Let `Loop.run` return although the server listens."""
        check(lib.tls_server_unref(self._handle))

    # -- how it does it

    def set_handshake_timeout(self, seconds: Optional[float]) -> None:
        """How long a client may take to become secure; `None` or 0: the default, 120 seconds."""
        check(lib.tls_server_set_handshake_timeout(self._handle, arguments.milliseconds(seconds, "seconds")))

    def set_max_connections(self, count: int) -> None:
        """Close what comes beyond so many open connections; 0: no limit."""
        check(lib.tls_server_set_max_connections(self._handle, arguments.size(count, "count")))

    def set_request_cert(self, enabled: bool) -> None:
        """Ask clients for a certificate."""
        check(lib.tls_server_set_request_cert(self._handle, arguments.flag(enabled, "enabled")))

    def set_reject_unauthorized(self, enabled: bool) -> None:
        """Refuse clients whose certificate is missing or not accepted. Off unless set."""
        check(lib.tls_server_set_reject_unauthorized(self._handle, arguments.flag(enabled, "enabled")))

    def set_client_renegotiation(
        self, limit: int = constant.TLS_CLIENT_RENEG_LIMIT, window: float = constant.TLS_CLIENT_RENEG_WINDOW_MS / 1000
    ) -> None:
        """How often a client may renegotiate in so many seconds (TLS 1.2); 0: never.

        Once more is the error `ERR_TLS_SESSION_ATTACK` and the end of the connection. For connections to come.
        """
        count, milliseconds = arguments.integer(limit, "limit", 0, 2**32 - 1), arguments.milliseconds(window, "window")
        check(lib.tls_server_set_client_renegotiation(self._handle, count, milliseconds))

    def set_resume_session_timeout(self, seconds: Optional[float]) -> None:
        """How long a connection waits for the answer to `on_resume_session`; `None` or 0: the default, 5 seconds.

        Then its handshake goes on as a full one.
        """
        check(lib.tls_server_set_resume_session_timeout(self._handle, arguments.milliseconds(seconds, "seconds")))

    def set_session_tickets(self, enabled: bool) -> None:
        """Whether clients get stateless tickets. They do, unless the program keeps sessions.

        For connections to come.
        """
        check(lib.tls_server_set_session_tickets(self._handle, arguments.flag(enabled, "enabled")))

    def add_context(self, hostname: str, context: Context) -> None:
        """Serve clients that ask for this name (SNI) by another context; again replaces it.

        `*.example.org` is for all names with exactly one label more; an exact name comes first. The
        context's whole policy counts. For connections to come.
        """
        name = arguments.text(hostname, "hostname")
        check(lib.tls_server_add_context(self._handle, name, context_handle(context, "context")))

    def remove_context(self, hostname: str) -> None:
        """Take away what `add_context` added for a name."""
        check(lib.tls_server_remove_context(self._handle, arguments.text(hostname, "hostname")))

    # -- what is known about it

    @property
    def address(self) -> Optional[str]:
        """The IP address it listens on, or the path of its Unix socket."""
        address = lib.tls_server_address(self._handle)
        return None if address is None else os.fsdecode(address)

    @property
    def port(self) -> Optional[int]:
        """The port it listens on; `None` on a Unix socket."""
        port = lib.tls_server_port(self._handle)
        return port if port > 0 else None

    @property
    def family(self) -> Optional[str]:
        """`IPv4`, `IPv6` or `Unix`."""
        return text_or_none(lib.tls_server_family(self._handle))

    @property
    def connections(self) -> int:
        """How many connections are open."""
        count = lib.tls_server_connections(self._handle)
        if count < 0:
            raise last_error()
        return count

    @property
    def session_counts(self) -> SessionCounts:
        """What became of its clients' sessions, since it was made."""
        names = (f"TLS_SESSIONS_{field.upper()}" for field in SessionCounts._fields)
        counts = [lib.tls_server_session_count(self._handle, getattr(constant, name)) for name in names]
        if min(counts) < 0:
            raise last_error()
        return SessionCounts(*counts)

    # -- events

    def on_listening(self, callback: Callback) -> Callback:
        """`callback(server)`: after `listen`."""
        return self._on("listening", callback)

    def on_secure_connection(self, callback: Callback) -> Callback:
        """`callback(server, stream)`: a client is connected and secure."""
        return self._on("secure_connection", callback)

    def on_client_error(self, callback: Callback) -> Callback:
        """`callback(server, error, stream)`: a connection failed before it was secure, and ends."""
        return self._on("client_error", callback)

    def on_error(self, callback: Callback) -> Callback:
        """`callback(server, error)`: the server itself has a problem, such as no more descriptors."""
        return self._on("error", callback)

    def on_sni(self, callback: Callback) -> Callback:
        """`callback(server, stream, servername, request)`: which context serves this name?

        In place of the contexts that were added, once for each connection that asks for a name. The
        stream is not secure yet. The request wants `resolve_context`, or `reject`.
        """
        return self._on("sni", callback)

    def on_check_certificate(self, callback: Callback) -> Callback:
        """`callback(server, stream, certificate, request)`: is this client welcome?

        For clients whose certificate was asked for and is good, before `on_secure_connection`. The
        request wants `resolve_verdict`, or `reject`.
        """
        return self._on("check_certificate", callback)

    def on_new_session(self, callback: Callback) -> Callback:
        """`callback(server, stream, id, session)`: a session was made, to be kept outside under its id.

        The session is sealed with the ticket keys of the server's context: a store can neither read
        nor alter it, and who shall resume it needs the same keys. While this or `on_resume_session` is
        set, clients get no stateless tickets, unless `set_session_tickets` says otherwise. A client of
        TLS 1.3 uses a session once, one of TLS 1.2 uses it again; `stream.protocol` tells which it
        is, here already. For connections to come.
        """
        return self._on("new_session", callback)

    def on_resume_session(self, callback: Callback) -> Callback:
        """`callback(server, stream, id, request)`: what is kept under this id?

        The request wants `resolve_session`, or `reject`, which ends the connection. The stream is not
        secure yet and waits, `set_resume_session_timeout` says how long. Whether the session can be
        resumed is judged by the library, and `session_counts` says why not. For connections to come.
        """
        return self._on("resume_session", callback)

    def on_close(self, callback: Callback) -> Callback:
        """`callback(server)`: the last event, once."""
        return self._on("close", callback)

    def __repr__(self) -> str:
        return f"<Server {'closed' if self.closed else hex(self._handle)}>"
