"""`Stream`: one TLS connection on a loop."""

from __future__ import annotations

from ctypes import byref, c_size_t, string_at
from typing import Any, Callable, Optional

from . import _arguments as arguments
from ._arguments import Data
from ._callbacks import STREAM_EVENTS, STREAM_RENEGOTIATED, Callback, Emitter, destroy_callback, hold, release
from ._certificate import Certificate, certificate_from
from ._errors import check, last_error
from ._loop import Loop
from .lowlevel import constant, lib


def text_or_none(value: Optional[bytes]) -> Optional[str]:
    """What a getter of text answers; NULL is `None`."""
    return None if value is None else value.decode("utf-8", "replace")


def bytes_or_none(function: Callable[..., Any], handle: int) -> Optional[bytes]:
    """What a getter of bytes answers; NULL is `None`."""
    length = c_size_t()
    data = function(handle, byref(length))
    return string_at(data, length.value) if data else None


class Stream(Emitter):
    """A connection, made by `connect` or given to a server's callbacks.

    It lives until its close event, whether or not the program keeps it; afterwards its methods
    raise `TLSError` (`TLS_ERR_INVALID_HANDLE`) and its properties are empty.

    The `on_...` methods set the callback of an event, `None` takes it away. They return the
    callback, so they can be decorators. Every callback gets the stream first.
    """

    _events = STREAM_EVENTS

    def __init__(self, loop: Loop, handle: int) -> None:
        super().__init__()
        #: The loop that it lives on.
        self.loop = loop
        self._handle = handle
        self._token = hold(self)
        # The library runs the destroy callback also when this call fails.
        if lib.tls_stream_set_user_data(handle, self._token, destroy_callback) < 0:
            error = last_error()
            release(self._token)
            raise error

    # -- what it does

    def write(self, data: Data) -> bool:
        """Send bytes. They are always taken; `False` means: now wait for drain."""
        encoded = arguments.data(data)
        return check(lib.tls_stream_write(self._handle, encoded, len(encoded))) != constant.TLS_FULL

    def end(self) -> None:
        """Send what was written, then say that nothing more comes."""
        check(lib.tls_stream_end(self._handle))

    def destroy(self) -> None:
        """Drop the connection at once; only the close event follows."""
        check(lib.tls_stream_destroy(self._handle))
        self._destroyed = True

    def pause(self) -> None:
        """No more data events, and no more reading from the socket, until `resume`."""
        check(lib.tls_stream_pause(self._handle))

    def resume(self) -> None:
        """Go on after `pause`."""
        check(lib.tls_stream_resume(self._handle))

    def pipe(self, destination: Stream) -> Stream:
        """Write everything that arrives here to `destination` (which may be this stream)."""
        if not isinstance(destination, Stream):
            raise TypeError(f"destination must be a Stream, not {type(destination).__name__}")
        check(lib.tls_stream_pipe(self._handle, destination._handle))
        return destination

    def renegotiate(self, callback: Optional[Callable[[Stream], object]] = None) -> None:
        """Make the handshake anew (TLS 1.2): a client begins it, a server asks the client for it.

        `callback(stream)`: it is over. Other versions, or a time when it cannot be, raise `TLSError`.
        """
        self._renegotiate(STREAM_RENEGOTIATED, callback)

    def disable_renegotiation(self) -> None:
        """From now on, the peer's attempts to renegotiate end the connection (`ERR_TLS_RENEGOTIATION_DISABLED`)."""
        check(lib.tls_stream_disable_renegotiation(self._handle))

    # -- how it does it

    def set_encoding(self, encoding: Optional[str], errors: str = "replace") -> None:
        """Have the data event bring `str`: `set_encoding("utf-8")`; `None` is `bytes` again.

        A character that comes in two pieces is told whole. `errors` says what becomes of bytes that
        are none, as for `bytes.decode`; with "strict" it is a `UnicodeDecodeError`, raised where the
        exceptions of callbacks are. An unfinished character at the end is told before the end event.
        Set it before data comes: half a character of an earlier encoding is dropped.
        """
        self._set_encoding(encoding, errors)

    def set_high_water_mark(self, size: int) -> None:
        """From how many queued bytes on `write` answers `False`. Default: 65,536."""
        check(lib.tls_stream_set_high_water_mark(self._handle, arguments.size(size, "size")))

    def set_allow_half_open(self, enabled: bool) -> None:
        """Whether we may still write after the peer has ended."""
        check(lib.tls_stream_set_allow_half_open(self._handle, arguments.flag(enabled, "enabled")))

    def set_timeout(self, seconds: Optional[float]) -> None:
        """Have a timeout event after this long without traffic; `None` or 0 is off."""
        check(lib.tls_stream_set_timeout(self._handle, arguments.milliseconds(seconds, "seconds")))

    def set_no_delay(self, enabled: bool) -> None:
        """TCP_NODELAY, on by default."""
        check(lib.tls_stream_set_no_delay(self._handle, arguments.flag(enabled, "enabled")))

    def set_keep_alive(self, enabled: bool, initial_delay: float = 0) -> None:
        """TCP keep-alive, and after how many idle seconds it begins (0: the system's default)."""
        delay = arguments.milliseconds(initial_delay, "initial_delay")
        check(lib.tls_stream_set_keep_alive(self._handle, arguments.flag(enabled, "enabled"), delay))

    def ref(self) -> None:
        """Have the open stream keep `Loop.run` going, as it does by default."""
        check(lib.tls_stream_ref(self._handle))

    def unref(self) -> None:
        """Let `Loop.run` return although the stream is open."""
        check(lib.tls_stream_unref(self._handle))

    # -- what is known about it

    @property
    def bytes_written(self) -> int:
        """Bytes sent on the wire, TLS included."""
        return lib.tls_stream_bytes_written(self._handle)

    @property
    def bytes_read(self) -> int:
        """Bytes received from the wire, TLS included."""
        return lib.tls_stream_bytes_read(self._handle)

    @property
    def writable_length(self) -> int:
        """Bytes that wait to be sent."""
        return lib.tls_stream_writable_length(self._handle)

    @property
    def secure(self) -> bool:
        """Whether the handshake is done."""
        return lib.tls_stream_secure(self._handle) == 1

    @property
    def authorized(self) -> bool:
        """Whether the peer's certificate was verified and accepted."""
        return lib.tls_stream_authorized(self._handle) == 1

    @property
    def authorization_error(self) -> Optional[str]:
        """Why it was not: `CERT_HAS_EXPIRED`, ..."""
        return text_or_none(lib.tls_stream_authorization_error(self._handle))

    def peer_certificate(self) -> Optional[Certificate]:
        """The peer's certificate, if it showed one."""
        return certificate_from(lib.tls_stream_peer_certificate(self._handle))

    @property
    def cipher_name(self) -> Optional[str]:
        """OpenSSL's name of the cipher suite."""
        return text_or_none(lib.tls_stream_cipher_name(self._handle))

    @property
    def cipher_standard_name(self) -> Optional[str]:
        """The RFCs' name of the cipher suite."""
        return text_or_none(lib.tls_stream_cipher_standard_name(self._handle))

    @property
    def protocol(self) -> Optional[str]:
        """`TLSv1.3`, ..."""
        return text_or_none(lib.tls_stream_protocol(self._handle))

    @property
    def servername(self) -> Optional[str]:
        """The name that the client asked for."""
        return text_or_none(lib.tls_stream_servername(self._handle))

    @property
    def alpn_protocol(self) -> Optional[str]:
        """What ALPN agreed on: `h2`."""
        return text_or_none(lib.tls_stream_alpn_protocol(self._handle))

    @property
    def npn_protocol(self) -> Optional[str]:
        """What NPN agreed on."""
        return text_or_none(lib.tls_stream_npn_protocol(self._handle))

    @property
    def session(self) -> Optional[bytes]:
        """A client's newest session, for `ConnectOptions.set_session`, also in another process; secret.

        `None` if there is none (yet): with TLS 1.3 it comes after the handshake, see `on_session`.
        """
        return bytes_or_none(lib.tls_stream_session, self._handle)

    @property
    def session_reused(self) -> bool:
        """Whether the handshake resumed a session."""
        return lib.tls_stream_session_reused(self._handle) == 1

    @property
    def local_address(self) -> Optional[str]:
        """Our IP address."""
        return text_or_none(lib.tls_stream_local_address(self._handle))

    @property
    def local_port(self) -> Optional[int]:
        """Our port."""
        port = lib.tls_stream_local_port(self._handle)
        return port if port > 0 else None

    @property
    def remote_address(self) -> Optional[str]:
        """The peer's IP address."""
        return text_or_none(lib.tls_stream_remote_address(self._handle))

    @property
    def remote_port(self) -> Optional[int]:
        """The peer's port."""
        port = lib.tls_stream_remote_port(self._handle)
        return port if port > 0 else None

    # -- events

    def on_secure_connect(self, callback: Callback) -> Callback:
        """`callback(stream)`: the handshake is done, and the peer is accepted."""
        return self._on("secure_connect", callback)

    def on_data(self, callback: Callback) -> Callback:
        """`callback(stream, data)`: bytes have arrived."""
        return self._on("data", callback)

    def on_end(self, callback: Callback) -> Callback:
        """`callback(stream, clean)`: the peer sends no more; not `clean`: it was cut off."""
        return self._on("end", callback)

    def on_drain(self, callback: Callback) -> Callback:
        """`callback(stream)`: after a `write` that answered `False`: write on."""
        return self._on("drain", callback)

    def on_timeout(self, callback: Callback) -> Callback:
        """`callback(stream)`: no traffic for as long as `set_timeout` says. Nothing is closed."""
        return self._on("timeout", callback)

    def on_session(self, callback: Callback) -> Callback:
        """`callback(stream, session)`: a client's session that can be resumed, as `session` gives it.

        With TLS 1.3 it comes for each of the server's tickets, and each is for one connection; with
        TLS 1.2 right after the secure connect event. Set it right after `connect`.
        """
        return self._on("session", callback)

    def on_error(self, callback: Callback) -> Callback:
        """`callback(stream, error)`: a `TLSError`; the close event follows."""
        return self._on("error", callback)

    def on_check_identity(self, callback: Callback) -> Callback:
        """`callback(stream, certificate, name, request)`: is this the server that was meant?

        In place of the check of its name (which `check_server_identity` does), for certificates whose
        chain is good; `name` is what would be verified, `None` if nothing. The request wants
        `resolve_verdict`, or `reject`; until then nothing is sent.
        Set it right after `connect`.
        """
        return self._on("check_identity", callback)

    def on_close(self, callback: Callback) -> Callback:
        """`callback(stream, had_error)`: the last event, once."""
        return self._on("close", callback)

    def __repr__(self) -> str:
        return f"<Stream {'closed' if self.closed else hex(self._handle)}>"
