"""From C's callbacks to Python's, with nothing freed too early and no exception lost.

There is one C function for each kind of event, made once and never freed: so nothing that the
library still calls can go away. A callback finds its object by a token that travels as the user
data. Objects that live by their loop (server, stream, posted functions) are held here until the
library runs their destroy callback; pairs are held weakly, because they only ever call back while
one of their own methods runs, and that they are ready is nothing to a pair that nobody has.

Exceptions go through `_frames`; one in a callback that was asked something is also its answer: no.
"""

from __future__ import annotations

import codecs
import itertools
import weakref
from ctypes import string_at
from typing import Any, Callable, Dict, Optional, Tuple, TypeVar

from ._certificate import certificate_from
from ._errors import check, error_from
from ._frames import keep, running
from ._header import CALLBACKS
from ._request import Request, refuse
from .lowlevel import TYPES, lib

# A callback comes back with its own type, so that `@stream.on_data` leaves a function what it is.
Callback = TypeVar("Callback", bound=Optional[Callable[..., object]])

# From C's arguments to Python's; `None`: there is nothing to tell.
_Convert = Callable[..., Optional[Tuple[Any, ...]]]

_tokens = itertools.count(1)
_held: Dict[int, Any] = {}
_weak: "weakref.WeakValueDictionary[int, Any]" = weakref.WeakValueDictionary()


def hold(target: object) -> int:
    """Keep an object until `release` (or the destroy callback); its token comes back."""
    token = next(_tokens)
    _held[token] = target
    return token


def held(token: Optional[int]) -> Any:
    """The object that is kept for a token, if it is one."""
    return _held.get(token) if token else None


def know(target: object) -> int:
    """Make an object findable without keeping it; its token comes back."""
    token = next(_tokens)
    _weak[token] = target
    return token


def release(token: int) -> None:
    """Let go of what `hold` took. Once more does no harm."""
    _held.pop(token, None)


def _destroy(token: int) -> None:
    target = _held.pop(token, None)
    if isinstance(target, Emitter):
        target.closed = True
        target._handlers.clear()


def _post(_loop: int, token: int) -> None:
    try:
        function = _held.get(token)
        if function is not None:
            function()
    except BaseException as error:
        keep(error)


destroy_callback = TYPES["tls_destroy_callback"](_destroy)
post_callback = TYPES["tls_post_callback"](_post)


def _nothing(_target: Any) -> Tuple[Any, ...]:
    return ()


def _data(target: Any, data: int, length: int) -> Optional[Tuple[Any, ...]]:
    piece = string_at(data, length) if length else b""
    if target._decoder is None:
        return (piece,)
    text = target._decoder.decode(piece)
    return (text,) if text else None


def _session(_target: Any, session: int, length: int) -> Tuple[Any, ...]:
    return (string_at(session, length),)


def _flag(_target: Any, value: int) -> Tuple[Any, ...]:
    return (bool(value),)


def _error(_target: Any, error: int) -> Tuple[Any, ...]:
    return (error_from(error),)


def _stream(server: Any, stream: int) -> Tuple[Any, ...]:
    return (server._adopt(stream),)


def _client_error(server: Any, error: int, stream: int) -> Tuple[Any, ...]:
    return (error_from(error), server._adopt(stream))


def _sni(server: Any, stream: int, servername: bytes, request: int) -> Tuple[Any, ...]:
    return (server._adopt(stream), servername.decode("utf-8"), Request(request))


def _check_certificate(server: Any, stream: int, certificate: int, request: int) -> Tuple[Any, ...]:
    return (server._adopt(stream), *_pair_check_certificate(server, certificate, request))


def _pair_new_session(_target: Any, id: int, id_length: int, session: int, length: int) -> Tuple[Any, ...]:
    return (string_at(id, id_length), string_at(session, length))


def _pair_resume_session(_target: Any, id: int, id_length: int, request: int) -> Tuple[Any, ...]:
    return (string_at(id, id_length), Request(request))


def _new_session(server: Any, stream: int, *session: int) -> Tuple[Any, ...]:
    return (server._adopt(stream), *_pair_new_session(server, *session))


def _resume_session(server: Any, stream: int, *wanted: int) -> Tuple[Any, ...]:
    return (server._adopt(stream), *_pair_resume_session(server, *wanted))


def _pair_sni(_target: Any, servername: bytes, request: int) -> Tuple[Any, ...]:
    return (servername.decode("utf-8"), Request(request))


def _pair_check_certificate(_target: Any, certificate: int, request: int) -> Tuple[Any, ...]:
    # The callback may keep it for longer than C's lives.
    return (certificate_from(lib.tls_certificate_copy(certificate)), Request(request))


def _check_identity(target: Any, certificate: int, name: Optional[bytes], request: int) -> Tuple[Any, ...]:
    kept, question = _pair_check_certificate(target, certificate, request)
    return (kept, None if name is None else name.decode("utf-8"), question)


class _Event:
    """One kind of event: its C function, and NULL of the same type to take it away.

    `once`: it comes once for each `register`, which is another function than `_on_EVENT` then.
    """

    __slots__ = ("register", "function", "null")

    def __init__(
        self, prefix: str, event: str, callback_type: str, convert: _Convert, once: Optional[str] = None
    ) -> None:
        find = (_weak if prefix == "tls_secure_pair" else _held).get
        asks = "tls_request *" in CALLBACKS[callback_type]

        def dispatch(_handle: int, *arguments: Any) -> None:
            try:
                target = find(arguments[-1])
                if event == "end" and target is not None and not target._flush_decoder():
                    return
                if target is None:
                    handler = None
                elif once is None:
                    handler = target._handlers.get(event)
                else:
                    handler = target._handlers.pop(event, None)
                if handler is not None:
                    converted = convert(target, *arguments[:-1])
                    if converted is not None:
                        handler(target, *converted)
            except BaseException as error:
                if asks:
                    refuse(arguments[-2], error)
                keep(error)

        self.register = getattr(lib, f"{prefix}_{once or 'on_' + event}")
        self.function = TYPES[callback_type](dispatch)
        self.null = TYPES[callback_type]()


def _events(prefix: str, **kinds: Any) -> Dict[str, _Event]:
    return {event: _Event(prefix, event, *kind) for event, kind in kinds.items()}


SERVER_EVENTS = _events(
    "tls_server",
    listening=("tls_server_callback", _nothing),
    secure_connection=("tls_server_stream_callback", _stream),
    client_error=("tls_client_error_callback", _client_error),
    error=("tls_server_error_callback", _error),
    sni=("tls_server_sni_callback", _sni),
    check_certificate=("tls_server_check_certificate_callback", _check_certificate),
    new_session=("tls_server_new_session_callback", _new_session),
    resume_session=("tls_server_resume_session_callback", _resume_session),
    close=("tls_server_callback", _nothing),
)
STREAM_EVENTS = _events(
    "tls_stream",
    secure_connect=("tls_stream_callback", _nothing),
    data=("tls_stream_data_callback", _data),
    end=("tls_stream_end_callback", _flag),
    drain=("tls_stream_callback", _nothing),
    timeout=("tls_stream_callback", _nothing),
    session=("tls_stream_session_callback", _session),
    error=("tls_stream_error_callback", _error),
    check_identity=("tls_stream_check_identity_callback", _check_identity),
    close=("tls_stream_close_callback", _flag),
)
PAIR_EVENTS = _events(
    "tls_secure_pair",
    encrypted=("tls_secure_pair_data_callback", _data),
    data=("tls_secure_pair_data_callback", _data),
    secure=("tls_secure_pair_callback", _nothing),
    drain=("tls_secure_pair_callback", _nothing),
    session=("tls_secure_pair_session_callback", _session),
    end=("tls_secure_pair_end_callback", _flag),
    error=("tls_secure_pair_error_callback", _error),
    sni=("tls_secure_pair_sni_callback", _pair_sni),
    check_certificate=("tls_secure_pair_check_certificate_callback", _pair_check_certificate),
    new_session=("tls_secure_pair_new_session_callback", _pair_new_session),
    resume_session=("tls_secure_pair_resume_session_callback", _pair_resume_session),
    check_identity=("tls_secure_pair_check_identity_callback", _check_identity),
    ready=("tls_secure_pair_callback", _nothing),
    close=("tls_secure_pair_close_callback", _flag),
)
STREAM_RENEGOTIATED = _Event("tls_stream", "renegotiated", "tls_stream_callback", _nothing, "renegotiate")
PAIR_RENEGOTIATED = _Event("tls_secure_pair", "renegotiated", "tls_secure_pair_callback", _nothing, "renegotiate")


class Emitter:
    """What server, stream and pair have in common: a handle, a token, and a callback per event."""

    _events: Dict[str, _Event]
    _handle: int
    _token: int
    #: The close event is over (or the pair was freed): the handle is dead.
    closed: bool = False
    _decoder: Optional[codecs.IncrementalDecoder] = None
    #: `destroy` was called: only the close event follows.
    _destroyed: bool = False

    def __init__(self) -> None:
        self._handlers: Dict[str, Callable[..., object]] = {}

    def _on(self, event: str, callback: Callback) -> Callback:
        """Set or, with `None`, take away the callback of an event; it comes back, for `@`."""
        if callback is not None and not callable(callback):
            raise TypeError(f"the callback for {event!r} cannot be called: {callback!r}")
        kind = self._events[event]
        # The end event also ends the last character.
        wanted = callback is not None or (event == "end" and self._decoder is not None)
        before = self._handlers.get(event)
        # First, because `ready` may come from another thread before this returns.
        self._put(event, callback or before)
        status = kind.register(self._handle, kind.function if wanted else kind.null, self._token)
        self._put(event, callback if status >= 0 else before)
        check(status)
        return callback

    def _put(self, event: str, callback: Optional[Callable[..., object]]) -> None:
        if callback is None:
            self._handlers.pop(event, None)
        else:
            self._handlers[event] = callback

    def _renegotiate(self, kind: _Event, callback: Optional[Callable[..., object]]) -> None:
        if callback is not None and not callable(callback):
            raise TypeError(f"the callback cannot be called: {callback!r}")

        def begin() -> int:
            # It may be over before this returns. One that is under way keeps its callback.
            before = self._handlers.get("renegotiated")
            self._put("renegotiated", callback)
            status = kind.register(self._handle, kind.function, self._token)
            if status < 0:
                self._put("renegotiated", before)
            return status

        check(running(begin))

    def _set_encoding(self, encoding: Optional[str], errors: str) -> None:
        if encoding is None:
            self._decoder = None
            return
        b"x".decode(encoding, "ignore")  # refuses what is no encoding of text
        codecs.lookup_error(errors)
        decoder = codecs.getincrementaldecoder(encoding)(errors)
        end = self._events["end"]
        check(end.register(self._handle, end.function, self._token))
        self._decoder = decoder

    def _flush_decoder(self) -> bool:
        """Tell an unfinished character, at the end. Whether the end may be told now."""
        decoder, self._decoder = self._decoder, None
        if decoder is None:
            return True
        try:
            text = decoder.decode(b"", final=True)
            handler = self._handlers.get("data")
            if text and handler is not None:
                handler(self, text)
        except BaseException as error:
            keep(error)
        return not self._destroyed
