"""Application protocols, for ALPN and NPN: the same setters on all that have them."""

from __future__ import annotations

from ctypes import c_char_p
from typing import Iterable, Union

from . import _arguments as arguments
from ._arguments import Data
from ._errors import check
from .lowlevel import lib

# Names, or one buffer with all of them.
Protocols = Union[Iterable[Union[str, bytes]], Data]


class HasProtocols:
    """A context, a server, connect options, a pair."""

    #: As in the names of C's functions: `tls_server`.
    _prefix: str
    _handle: int

    def set_alpn_protocols(self, protocols: Protocols) -> None:
        """What a client offers and a server accepts, the preferred first: `["h2", "http/1.1"]`.

        Or one buffer, each name behind a byte with its length, as in `b"\\x02h2\\x08http/1.1"`. The
        server's order counts; a client that offers only others is refused. On a server the list of
        the connection's context comes first, on a client that of its options.
        """
        self._set_protocols("alpn", protocols)

    def set_npn_protocols(self, protocols: Protocols) -> None:
        """The same for NPN, on TLS 1.2 and before, where the client chooses: the first of the server's
        list that is in its own.

        If there is none, it names the first of its own, and its `npn_protocol` is `None`.
        """
        self._set_protocols("npn", protocols)

    def _set_protocols(self, what: str, protocols: Protocols) -> None:
        if isinstance(protocols, str):
            raise TypeError("protocols must be a list of names or a buffer, not str")
        if isinstance(protocols, (bytes, bytearray, memoryview)):
            buffer = arguments.data(protocols, "protocols")
            check(getattr(lib, f"{self._prefix}_set_{what}_buffer")(self._handle, buffer, len(buffer)))
            return
        names = [arguments.bytes_or_text(name, "a protocol") for name in protocols]
        array = (c_char_p * len(names))(*names)
        check(getattr(lib, f"{self._prefix}_set_{what}_protocols")(self._handle, array, len(names)))
