"""`connect` and its `ConnectOptions`."""

from __future__ import annotations

from typing import Callable, Optional

from . import _arguments as arguments
from ._callbacks import STREAM_EVENTS
from ._context import Context, context_handle
from ._errors import check, check_handle
from ._loop import Loop, loop_handle
from ._protocols import HasProtocols
from ._stream import Stream
from .lowlevel import lib


class ConnectOptions(HasProtocols):
    """How to connect: by which context, to which name, over what.

    They can be used again and again; with a descriptor or a stream set, once.
    """

    _prefix = "tls_connect_options"
    # A socket object to forget once it was given away.
    _given: Optional[arguments.Descriptor] = None

    def __init__(
        self,
        context: Optional[Context] = None,
        servername: Optional[str] = None,
        session: Optional[arguments.Data] = None,
    ) -> None:
        self._handle = check_handle(lib.tls_connect_options_new())
        if context is not None:
            self.set_context(context)
        if servername is not None:
            self.set_servername(servername)
        if session is not None:
            self.set_session(session)

    def __del__(self) -> None:
        handle = self.__dict__.get("_handle")
        if handle:
            lib.tls_connect_options_free(handle)

    def set_context(self, context: Context) -> None:
        """Whom to trust and who we are. Without it the well-known CAs are trusted."""
        check(lib.tls_connect_options_set_context(self._handle, context_handle(context, "context")))

    def set_servername(self, servername: str) -> None:
        """The name that is asked for (SNI) and verified. Default: the host."""
        check(lib.tls_connect_options_set_servername(self._handle, arguments.text(servername, "servername")))

    def set_verify_name(self, name: Optional[str]) -> None:
        """The name that is verified, if it is another one. `None` checks the chain only, on purpose."""
        check(lib.tls_connect_options_set_verify_name(self._handle, arguments.optional_text(name, "name")))

    def set_reject_unauthorized(self, enabled: bool) -> None:
        """`False` connects to a peer that is not accepted, too: `authorized` then says so."""
        check(lib.tls_connect_options_set_reject_unauthorized(self._handle, arguments.flag(enabled, "enabled")))

    def set_session(self, session: Optional[arguments.Data]) -> None:
        """Offer a session of `Stream.session` or `Stream.on_session`: `session_reused` says whether it was resumed.

        It is offered only where it was made by the same rules: CAs, ciphers, own certificate, names.
        What cannot be read raises `TLSError` (`ERR_TLS_INVALID_SESSION`): connect without. `None`: none.
        """
        encoded = b"" if session is None else arguments.data(session, "session")
        check(lib.tls_connect_options_set_session(self._handle, encoded, len(encoded)))

    def set_path(self, path: Optional[arguments.Path]) -> None:
        """Connect to a Unix socket; host and port do not matter then. `None`: they do again."""
        encoded = None if path is None else arguments.path(path, "path")
        check(lib.tls_connect_options_set_path(self._handle, encoded))
        self._given = None

    def set_fd(self, fd: arguments.Descriptor, close_fd: bool = False) -> None:
        """Speak TLS over a connected socket, given as such or as its descriptor, as after STARTTLS.

        With `close_fd` it is the stream's once `connect` has returned, and a socket object is as
        detached. Without it stays the caller's, to go on with after the close event.
        """
        number, ours = arguments.descriptor(fd, "fd"), arguments.flag(close_fd, "close_fd")
        check(lib.tls_connect_options_set_fd(self._handle, number, ours))
        self._given = fd if close_fd else None

    def set_stream(self, stream: Stream) -> None:
        """Speak TLS over an open stream: TLS in TLS. The new stream alone uses it from then on."""
        if not isinstance(stream, Stream):
            raise TypeError(f"stream must be a Stream, not {type(stream).__name__}")
        check(lib.tls_connect_options_set_stream(self._handle, stream._handle))
        self._given = None

    def set_received_bytes(self, data: arguments.Data) -> None:
        """What was read from the descriptor or stream already; the next connection begins with it."""
        encoded = arguments.data(data)
        check(lib.tls_connect_options_set_received_bytes(self._handle, encoded, len(encoded)))


def connect(
    loop: Loop,
    port: Optional[int] = None,
    host: Optional[str] = None,
    options: Optional[ConnectOptions] = None,
    on_secure_connect: Optional[Callable[[Stream], object]] = None,
) -> Stream:
    """Connect to a server; the events come from the loop. Without a host it is `localhost`.

    Without a port the options must have a path, a descriptor or a stream.

    What is written before the connection is secure is sent as soon as it is.
    """
    owner = loop_handle(loop)
    if options is not None and not isinstance(options, ConnectOptions):
        raise TypeError(f"options must be ConnectOptions, not {type(options).__name__}")
    number = 0 if port is None else arguments.integer(port, "port", 1, 65535)
    name = arguments.optional_text(host, "host")
    if on_secure_connect is not None and not callable(on_secure_connect):
        raise TypeError(f"on_secure_connect cannot be called: {on_secure_connect!r}")
    handle = lib.tls_connect(
        owner,
        number,
        name,
        None if options is None else options._handle,
        STREAM_EVENTS["secure_connect"].null,
        None,
    )
    check_handle(handle)
    if options is not None and options._given is not None:
        arguments.forget(options._given)
        options._given = None
    stream = Stream(loop, handle)
    if on_secure_connect is not None:
        stream.on_secure_connect(on_secure_connect)
    return stream
