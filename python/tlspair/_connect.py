"""`connect` and its `ConnectOptions`."""

from __future__ import annotations

from typing import Callable, Optional

from . import _arguments as arguments
from ._callbacks import STREAM_EVENTS
from ._context import Context, context_handle
from ._errors import check, check_handle
from ._loop import Loop, loop_handle
from ._stream import Stream
from .lowlevel import lib


class ConnectOptions:
    """How to connect: by which context, to which name. They can be used again and again."""

    def __init__(self, context: Optional[Context] = None, servername: Optional[str] = None) -> None:
        self._handle = check_handle(lib.tls_connect_options_new())
        if context is not None:
            self.set_context(context)
        if servername is not None:
            self.set_servername(servername)

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


def connect(
    loop: Loop,
    port: int,
    host: Optional[str] = None,
    options: Optional[ConnectOptions] = None,
    on_secure_connect: Optional[Callable[[Stream], object]] = None,
) -> Stream:
    """Connect to a server; the events come from the loop. Without a host it is `localhost`.

    What is written before the connection is secure is sent as soon as it is.
    """
    owner = loop_handle(loop)
    if options is not None and not isinstance(options, ConnectOptions):
        raise TypeError(f"options must be ConnectOptions, not {type(options).__name__}")
    port = arguments.integer(port, "port", 1, 65535)
    name = arguments.optional_text(host, "host")
    if on_secure_connect is not None and not callable(on_secure_connect):
        raise TypeError(f"on_secure_connect cannot be called: {on_secure_connect!r}")
    handle = lib.tls_connect(
        owner,
        port,
        name,
        None if options is None else options._handle,
        STREAM_EVENTS["secure_connect"].null,
        None,
    )
    stream = Stream(loop, check_handle(handle))
    if on_secure_connect is not None:
        stream.on_secure_connect(on_secure_connect)
    return stream
