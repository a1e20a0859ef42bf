"""Node's TLS API over OpenSSL: servers, clients, secure pairs, events.

    import tlspair

    with tlspair.Loop() as loop:
        context = tlspair.Context()
        context.set_identity_file("server-cert.pem", "server-key.pem")
        server = tlspair.Server(loop, context)
        server.on_secure_connection(lambda server, stream: stream.pipe(stream))
        server.listen(8000, "127.0.0.1")
        loop.run()

`Loop`, `Server`, `connect` and `Stream` are sockets and events; `SecurePair` is TLS alone, for a
transport of one's own. `open_connection`, `start_server`, `create_connection` and `create_server`
are those of asyncio, on the asyncio loop that runs. `Context` says who we are and whom we trust.
Failures are `TLSError`, which is an `ssl.SSLError`. Times are in seconds, data is `bytes`.
"""

from __future__ import annotations

from typing import List

from ._asyncio import create_connection, create_server, open_connection, start_server
from ._asyncio_server import AsyncServer
from ._certificate import Certificate, check_server_identity
from ._connect import ConnectOptions, connect
from ._context import ClientAuth, Context, SessionCacheCounts
from ._errors import OpenSSLEntry, TLSError
from ._loop import Loop
from ._pair import SecurePair
from ._request import Request
from ._server import Server, SessionCounts
from ._stream import Stream
from ._ssl_view import SSLView
from ._ticket_ring import TicketRing
from ._transport import Transport
from .lowlevel import constant, lib

__version__ = "0.1.0"

__all__ = [
    "AsyncServer",
    "Certificate",
    "ClientAuth",
    "ConnectOptions",
    "Context",
    "Loop",
    "OpenSSLEntry",
    "Request",
    "SSLView",
    "SecurePair",
    "Server",
    "SessionCacheCounts",
    "SessionCounts",
    "Stream",
    "TLSError",
    "TicketRing",
    "Transport",
    "check_server_identity",
    "ciphers",
    "connect",
    "constant",
    "create_connection",
    "create_server",
    "feature",
    "open_connection",
    "openssl_version",
    "start_server",
    "version",
]


def version() -> str:
    """Version of the shared library: `0.1.0`."""
    return lib.tls_version().decode("ascii")


def openssl_version() -> str:
    """Version of the OpenSSL that the library uses."""
    return lib.tls_openssl_version().decode("ascii")


def ciphers() -> List[str]:
    """The names of all cipher suites that this OpenSSL has, in lower case and sorted."""
    return lib.tls_ciphers().decode("ascii").split(":")


def feature(name: str) -> bool:
    """Whether the library has a feature: `vendored`, `tls1.3`, ..."""
    if "\0" in name:
        raise ValueError("name has an embedded NUL")
    return lib.tls_feature(name.encode("utf-8")) == 1
