"""`SecurePair`: TLS without any I/O."""

from __future__ import annotations

from ctypes import byref, c_size_t, create_string_buffer
from typing import Any, Callable, Optional

from . import _arguments as arguments
from ._arguments import Data
from ._callbacks import PAIR_EVENTS, PAIR_RENEGOTIATED, Callback, Emitter, know
from ._certificate import Certificate, certificate_from
from ._context import Context, context_handle
from ._errors import check, check_handle
from ._frames import running
from ._protocols import HasProtocols
from ._stream import bytes_or_none, text_or_none
from .lowlevel import constant, lib


class SecurePair(HasProtocols, Emitter):
    """One end of a TLS connection: encrypted bytes on one side, plaintext on the other.

    Bring what the peer sent to `feed`, and what `take` gives (or the encrypted event shows) to the
    peer; `write` and `read` (or the data event) are the plaintext. Callbacks run inside these
    methods, and an exception in one is raised from the method. Any thread may use a pair, one at a
    time. A client needs a name to verify before it starts: `set_servername` or `set_verify_name`.

    The `on_...` methods work as those of `Stream`.
    """

    _events = PAIR_EVENTS
    _prefix = "tls_secure_pair"

    def __init__(
        self,
        context: Context,
        is_server: bool = False,
        request_cert: bool = False,
        reject_unauthorized: bool = True,
    ) -> None:
        super().__init__()
        self._handle = check_handle(
            lib.tls_secure_pair_new(
                context_handle(context, "context"),
                arguments.flag(is_server, "is_server"),
                arguments.flag(request_cert, "request_cert"),
                arguments.flag(reject_unauthorized, "reject_unauthorized"),
            )
        )
        self._token = know(self)

    def __enter__(self) -> SecurePair:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        handle = self.__dict__.get("_handle")
        if handle and not self.closed:
            lib.tls_secure_pair_free(handle)

    def _call(self, function: Callable[..., int], *values: Any) -> int:
        return check(running(function, self._handle, *values))

    # -- before it starts

    def set_servername(self, servername: str) -> None:
        """The name that is asked for (SNI) and verified."""
        check(lib.tls_secure_pair_set_servername(self._handle, arguments.text(servername, "servername")))

    def set_verify_name(self, name: Optional[str]) -> None:
        """The name that is verified, if it is another one. `None` checks the chain only, on purpose."""
        check(lib.tls_secure_pair_set_verify_name(self._handle, arguments.optional_text(name, "name")))

    def set_high_water_mark(self, size: int) -> None:
        """From how many bytes on `write` answers `False` and `feed` takes no more."""
        check(lib.tls_secure_pair_set_high_water_mark(self._handle, arguments.size(size, "size")))

    def set_session(self, session: Optional[Data]) -> None:
        """Client: resume this session, if the server agrees; see `ConnectOptions.set_session`."""
        encoded = b"" if session is None else arguments.data(session, "session")
        check(lib.tls_secure_pair_set_session(self._handle, encoded, len(encoded)))

    def add_context(self, hostname: str, context: Context) -> None:
        """Server: serve a client that asks for this name by another context, as `Server.add_context`."""
        name = arguments.text(hostname, "hostname")
        check(lib.tls_secure_pair_add_context(self._handle, name, context_handle(context, "context")))

    def remove_context(self, hostname: str) -> None:
        """Server: take away what `add_context` added for a name."""
        check(lib.tls_secure_pair_remove_context(self._handle, arguments.text(hostname, "hostname")))

    def set_client_renegotiation(
        self, limit: int = constant.TLS_CLIENT_RENEG_LIMIT, window: float = constant.TLS_CLIENT_RENEG_WINDOW_MS / 1000
    ) -> None:
        """How often the peer may renegotiate in so many seconds (TLS 1.2); 0: never.

        Once more is the error `ERR_TLS_SESSION_ATTACK` and the end of the connection. At any time.
        """
        count, milliseconds = arguments.integer(limit, "limit", 0, 2**32 - 1), arguments.milliseconds(window, "window")
        check(lib.tls_secure_pair_set_client_renegotiation(self._handle, count, milliseconds))

    def set_session_tickets(self, enabled: bool) -> None:
        """Server: whether the client gets stateless tickets, as `Server.set_session_tickets`."""
        check(lib.tls_secure_pair_set_session_tickets(self._handle, arguments.flag(enabled, "enabled")))

    # -- what it does

    def set_encoding(self, encoding: Optional[str], errors: str = "replace") -> None:
        """Have the data event bring `str`: `set_encoding("utf-8")`; `None` is `bytes` again.

        A character that comes in two pieces is told whole. `errors` says what becomes of bytes that
        are none, as for `bytes.decode`; with "strict" it is a `UnicodeDecodeError`, raised where the
        exceptions of callbacks are. An unfinished character at the end is told before the end event.
        `read` gives `bytes` all the same. Set it before data comes: half a character of an earlier encoding is dropped.
        """
        self._set_encoding(encoding, errors)

    def start(self) -> None:
        """Begin the handshake. The first `feed`, `take` or `write` does so as well."""
        self._call(lib.tls_secure_pair_start)

    def feed(self, data: Data, *, keep_rest: bool = True) -> int:
        """Give encrypted bytes that came from the peer; how many were taken comes back.

        With `keep_rest` it is all of them. Without, it may be fewer while much plaintext is unread:
        feed the rest after `read`.
        """
        encoded = arguments.data(data)
        if keep_rest:
            self._call(lib.tls_secure_pair_feed, encoded, len(encoded), None)
            return len(encoded)
        consumed = c_size_t()
        self._call(lib.tls_secure_pair_feed, encoded, len(encoded), byref(consumed))
        return consumed.value

    def feed_eof(self) -> None:
        """Say that the transport has ended."""
        self._call(lib.tls_secure_pair_feed_eof)

    def take(self, size: int = 65536) -> bytes:
        """Encrypted bytes for the peer, `size` at most; empty if there are none."""
        return self._fill(lib.tls_secure_pair_take, size)

    def read(self, size: int = 65536) -> bytes:
        """Plaintext from the peer, `size` at most; empty if there is none (yet)."""
        return self._fill(lib.tls_secure_pair_read, size)

    def _fill(self, function: Callable[..., int], size: int) -> bytes:
        # A buffer of its own for each call: callbacks may call again while this one is filled.
        buffer: Any = create_string_buffer(arguments.size(size, "size"))
        length = c_size_t()
        self._call(function, buffer, size, byref(length))
        return buffer[: length.value]

    def write(self, data: Data) -> bool:
        """Send plaintext. It is always taken; `False` means: now wait for drain."""
        encoded = arguments.data(data)
        return self._call(lib.tls_secure_pair_write, encoded, len(encoded)) != constant.TLS_FULL

    def end(self) -> None:
        """Say that nothing more comes from us (close_notify)."""
        self._call(lib.tls_secure_pair_end)

    def renegotiate(self, callback: Optional[Callable[[SecurePair], object]] = None) -> None:
        """Make the handshake anew (TLS 1.2): a client begins it, a server asks the client for it.

        `callback(pair)`: it is over. Other versions, or a time when it cannot be, raise `TLSError`.
        Not inside a callback of the pair.
        """
        self._renegotiate(PAIR_RENEGOTIATED, callback)

    def disable_renegotiation(self) -> None:
        """From now on, the peer's attempts to renegotiate end the connection (`ERR_TLS_RENEGOTIATION_DISABLED`)."""
        check(lib.tls_secure_pair_disable_renegotiation(self._handle))

    def destroy(self) -> None:
        """End it: the close event, then only `close` is left to do."""
        self._destroyed = True
        self._call(lib.tls_secure_pair_destroy)

    def close(self) -> None:
        """Free it. Twice is fine."""
        if self.closed:
            return
        check(running(self._free))

    def _free(self) -> int:
        # First, so that callbacks that run meanwhile find it closed.
        self.closed = True
        status = lib.tls_secure_pair_free(self._handle)
        self.closed = status >= 0
        return status

    # -- what is known about it

    @property
    def secure(self) -> bool:
        """Whether the handshake is done."""
        return lib.tls_secure_pair_secure(self._handle) == 1

    @property
    def authorized(self) -> bool:
        """Whether the peer's certificate was verified and accepted."""
        return lib.tls_secure_pair_authorized(self._handle) == 1

    @property
    def authorization_error(self) -> Optional[str]:
        """Why it was not: `CERT_HAS_EXPIRED`, ..."""
        return text_or_none(lib.tls_secure_pair_authorization_error(self._handle))

    def peer_certificate(self) -> Optional[Certificate]:
        """The peer's certificate, if it showed one."""
        return certificate_from(lib.tls_secure_pair_peer_certificate(self._handle))

    @property
    def cipher_name(self) -> Optional[str]:
        """OpenSSL's name of the cipher suite."""
        return text_or_none(lib.tls_secure_pair_cipher_name(self._handle))

    @property
    def cipher_standard_name(self) -> Optional[str]:
        """The RFCs' name of the cipher suite."""
        return text_or_none(lib.tls_secure_pair_cipher_standard_name(self._handle))

    @property
    def protocol(self) -> Optional[str]:
        """`TLSv1.3`, ..."""
        return text_or_none(lib.tls_secure_pair_protocol(self._handle))

    @property
    def servername(self) -> Optional[str]:
        """The name that the client asked for."""
        return text_or_none(lib.tls_secure_pair_servername(self._handle))

    @property
    def alpn_protocol(self) -> Optional[str]:
        """What ALPN agreed on: `h2`."""
        return text_or_none(lib.tls_secure_pair_alpn_protocol(self._handle))

    @property
    def npn_protocol(self) -> Optional[str]:
        """What NPN agreed on."""
        return text_or_none(lib.tls_secure_pair_npn_protocol(self._handle))

    @property
    def session(self) -> Optional[bytes]:
        """A client's newest session, for `set_session` of another pair; `None` if there is none (yet). Secret."""
        return bytes_or_none(lib.tls_secure_pair_session, self._handle)

    @property
    def session_reused(self) -> bool:
        """Whether the handshake resumed a session."""
        return lib.tls_secure_pair_session_reused(self._handle) == 1

    # -- events

    def on_encrypted(self, callback: Callback) -> Callback:
        """`callback(pair, data)`: encrypted bytes for the peer, in place of `take`."""
        return self._on("encrypted", callback)

    def on_data(self, callback: Callback) -> Callback:
        """`callback(pair, data)`: plaintext, in place of `read`."""
        return self._on("data", callback)

    def on_secure(self, callback: Callback) -> Callback:
        """`callback(pair)`: the handshake is done, once."""
        return self._on("secure", callback)

    def on_drain(self, callback: Callback) -> Callback:
        """`callback(pair)`: after a `write` that answered `False`: write on."""
        return self._on("drain", callback)

    def on_end(self, callback: Callback) -> Callback:
        """`callback(pair, clean)`: the peer sends no more; not `clean`: it was cut off."""
        return self._on("end", callback)

    def on_session(self, callback: Callback) -> Callback:
        """`callback(pair, session)`: a client's session that can be resumed. See `Stream.on_session`.

        Set it before the pair starts.
        """
        return self._on("session", callback)

    def on_error(self, callback: Callback) -> Callback:
        """`callback(pair, error)`: a `TLSError`; the close event follows."""
        return self._on("error", callback)

    def on_sni(self, callback: Callback) -> Callback:
        """`callback(pair, servername, request)`: which context serves this name? See `Server.on_sni`."""
        return self._on("sni", callback)

    def on_check_certificate(self, callback: Callback) -> Callback:
        """`callback(pair, certificate, request)`: is this client welcome? See `Server.on_check_certificate`."""
        return self._on("check_certificate", callback)

    def on_new_session(self, callback: Callback) -> Callback:
        """`callback(pair, id, session)`: a session was made. Before it starts; see `Server.on_new_session`."""
        return self._on("new_session", callback)

    def on_resume_session(self, callback: Callback) -> Callback:
        """`callback(pair, id, request)`: what is kept under this id? See `Server.on_resume_session`.

        Before it starts. A pair waits until the request is answered, however long that is.
        """
        return self._on("resume_session", callback)

    def on_check_identity(self, callback: Callback) -> Callback:
        """`callback(pair, certificate, name, request)`: is this the server that was meant?

        In place of the check of its name (which `check_server_identity` does), for certificates whose
        chain is good; `name` is what would be verified, `None` if nothing. The request wants
        `resolve_verdict`, or `reject`; until then nothing is sent.
        """
        return self._on("check_identity", callback)

    def on_ready(self, callback: Callback) -> Callback:
        """`callback(pair)`: a request was answered; the next call on the pair goes on, `feed(b"")` will do.

        It runs on the thread that answers, inside that call, and not for answers inside the callback
        that brought the request. Mostly it wakes the thread that uses the pair. When `close` or another
        `on_ready` has returned, it does not run any more.
        """
        return self._on("ready", callback)

    def on_close(self, callback: Callback) -> Callback:
        """`callback(pair, had_error)`: the last event, once."""
        return self._on("close", callback)

    def __repr__(self) -> str:
        return f"<SecurePair {'closed' if self.closed else hex(self._handle)}>"
