"""`TicketRing`: the keys of session tickets, for one context or many."""

from __future__ import annotations

from ctypes import byref, c_char_p, c_size_t, c_void_p, cast, create_string_buffer
from typing import Any, Iterable, Tuple, Union

from . import _arguments as arguments
from ._arguments import Data
from ._errors import check, check_handle
from .lowlevel import lib

# 16 secrets of the longest kind take half of it.
_MAX_EXPORT = 32 * 1024


class TicketRing:
    """Keys that session tickets are made and opened with. `Context.set_ticket_ring` uses it.

    The newest makes tickets, once its grace period is over; the older ones open what they once made.
    Contexts with equal keys, on whatever host, resume each other's sessions. Any
    thread may use and change it, also while connections do.
    """

    def __init__(self) -> None:
        self._handle = check_handle(lib.tls_ticket_ring_new())

    def __del__(self) -> None:
        handle = self.__dict__.get("_handle")
        if handle:
            lib.tls_ticket_ring_free(handle)

    @property
    def key_count(self) -> int:
        """How many keys and secrets are in it."""
        return lib.tls_ticket_ring_key_count(self._handle)

    def rotate(self) -> None:
        """Put a fresh random key in."""
        check(lib.tls_ticket_ring_rotate(self._handle))

    def add_key(self, key: Data) -> None:
        """Put a key in: the name (16 bytes), then HMAC and AES, 16 bytes each or 32 bytes each."""
        encoded = arguments.data(key, "key")
        check(lib.tls_ticket_ring_add_key(self._handle, encoded, len(encoded)))

    def add_secret(self, secret: Data, period: float) -> None:
        """Put a secret of 32 or more random bytes in, which gives each period of time a key of its own.

        The period is in seconds, and the same on all hosts.
        """
        encoded = arguments.data(secret, "secret")
        period_ms = arguments.milliseconds(period, "period")
        check(lib.tls_ticket_ring_add_secret(self._handle, encoded, len(encoded), period_ms))

    def set_max_keys(self, count: int) -> None:
        """How many keys and secrets are kept, 2 to 16; 16 by default."""
        check(lib.tls_ticket_ring_set_max_keys(self._handle, arguments.size(count, "count")))

    def set_grace_period(self, seconds: float) -> None:
        """For how long what is put in from now on only opens tickets; 60 seconds by default."""
        check(lib.tls_ticket_ring_set_grace_period(self._handle, arguments.milliseconds(seconds, "seconds")))

    def export(self) -> bytes:
        """All keys and secrets, for `import_` on another host. They are secret."""
        buffer, length = create_string_buffer(_MAX_EXPORT), c_size_t()
        check(lib.tls_ticket_ring_export(self._handle, buffer, len(buffer), byref(length)))
        return buffer.raw[: length.value]

    def import_(self, data: Data) -> None:
        """Put what `export` gave in place of all that is there."""
        encoded = arguments.data(data, "data")
        check(lib.tls_ticket_ring_import(self._handle, encoded, len(encoded)))

    def import_nginx(self, files: Iterable[Data]) -> None:
        """Put the contents of nginx's `ssl_session_ticket_key` files in place of all that is there."""
        check(lib.tls_ticket_ring_import_nginx(self._handle, *_byte_strings(files, "files")))

    def import_haproxy(self, data: Data) -> None:
        """Put a file of HAProxy's `tls-ticket-keys` in place of all that is there."""
        encoded = arguments.data(data, "data")
        check(lib.tls_ticket_ring_import_haproxy(self._handle, encoded, len(encoded)))

    def set_foreign_id_context(self, id: Data) -> None:
        """The session id context of other servers that share the keys: `b"haproxy"`; `b""` for none."""
        encoded = arguments.data(id, "id")
        check(lib.tls_ticket_ring_set_foreign_id_context(self._handle, encoded, len(encoded)))

    def set_nginx_id_context(self, certificates: Iterable[Union[str, Data]], client_cas: Union[str, Data] = b"") -> None:
        """The same for an nginx with these certificates and CAs for its clients, all as PEM."""
        texts = [arguments.pem(text, "a certificate") for text in certificates]
        cas = arguments.pem(client_cas, "client_cas")
        strings = _byte_strings(texts, "certificates")
        check(lib.tls_ticket_ring_set_nginx_id_context(self._handle, *strings, cas, len(cas)))


def _byte_strings(values: Iterable[Data], what: str) -> Tuple[Any, Any, int]:
    """What C takes as several byte strings; the pointers keep the bytes alive."""
    if isinstance(values, (str, bytes, bytearray, memoryview)):
        raise TypeError(f"{what} must be a list of bytes, not {type(values).__name__}")
    strings = [arguments.data(value, what) for value in values]
    pointers = (c_void_p * len(strings))(*[cast(c_char_p(string), c_void_p) for string in strings])
    pointers.strings = strings  # type: ignore[attr-defined]
    lengths = (c_size_t * len(strings))(*map(len, strings))
    return pointers, lengths, len(strings)
