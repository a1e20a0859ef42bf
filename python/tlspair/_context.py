"""`Context`: who we are and whom we trust."""

from __future__ import annotations

import enum
from ctypes import create_string_buffer
from typing import NamedTuple, Optional, Union

from . import _arguments as arguments
from ._arguments import Data, Path
from ._errors import check, check_handle
from ._protocols import HasProtocols
from ._ticket_ring import TicketRing
from .lowlevel import constant, lib


class ClientAuth(enum.IntEnum):
    """Whether clients are asked for a certificate."""

    #: The server's own settings count.
    INHERIT = constant.TLS_CLIENT_AUTH_INHERIT
    NONE = constant.TLS_CLIENT_AUTH_NONE
    #: The connection goes on whatever they answer.
    REQUEST = constant.TLS_CLIENT_AUTH_REQUEST
    #: Only those whose certificate is accepted get through.
    REQUIRE = constant.TLS_CLIENT_AUTH_REQUIRE


class SessionCacheCounts(NamedTuple):
    """What a context's cache of client sessions has counted."""

    #: Connections that resumed a session from it.
    hits: int
    #: Connections for which it had none.
    misses: int
    #: Connections whose server made a full handshake all the same.
    refused: int
    #: Sessions in it now.
    entries: int


class Context(HasProtocols):
    """A certificate and its key, the CAs that are trusted, ciphers and protocol versions.

    A context can be shared by any number of servers, connections, pairs, loops and threads. Its
    setters work until it is first used; afterwards they raise `TLSError` (`TLS_ERR_FROZEN`). A
    setter that raises has changed nothing.
    """

    _prefix = "tls_context"

    def __init__(self) -> None:
        self._handle = check_handle(lib.tls_context_new())

    def __del__(self) -> None:
        handle = self.__dict__.get("_handle")
        if handle:
            lib.tls_context_free(handle)

    def set_cert(self, pem: Union[str, Data]) -> None:
        """Our certificate and the chain after it, as PEM."""
        encoded = arguments.pem(pem, "cert")
        check(lib.tls_context_set_cert(self._handle, encoded, len(encoded)))

    def set_cert_file(self, path: Path) -> None:
        """`set_cert` from a file."""
        check(lib.tls_context_set_cert_file(self._handle, arguments.path(path, "path")))

    def set_key(self, pem: Union[str, Data], passphrase: Union[str, Data, None] = None) -> None:
        """The private key of the certificate, as PEM."""
        encoded = arguments.pem(pem, "key")
        secret = arguments.passphrase(passphrase)
        check(lib.tls_context_set_key(self._handle, encoded, len(encoded), secret))

    def set_key_file(self, path: Path, passphrase: Union[str, Data, None] = None) -> None:
        """`set_key` from a file."""
        secret = arguments.passphrase(passphrase)
        check(lib.tls_context_set_key_file(self._handle, arguments.path(path, "path"), secret))

    def set_identity(
        self, cert: Union[str, Data], key: Union[str, Data], passphrase: Union[str, Data, None] = None
    ) -> None:
        """Certificate and key in one step."""
        cert_pem, key_pem = arguments.pem(cert, "cert"), arguments.pem(key, "key")
        secret = arguments.passphrase(passphrase)
        check(lib.tls_context_set_identity(self._handle, cert_pem, len(cert_pem), key_pem, len(key_pem), secret))

    def set_identity_file(self, cert_path: Path, key_path: Path, passphrase: Union[str, Data, None] = None) -> None:
        """`set_identity` from files."""
        cert, key = arguments.path(cert_path, "cert_path"), arguments.path(key_path, "key_path")
        check(lib.tls_context_set_identity_file(self._handle, cert, key, arguments.passphrase(passphrase)))

    def add_ca(self, pem: Union[str, Data]) -> None:
        """Trust these CAs, in place of the well-known ones."""
        encoded = arguments.pem(pem, "ca")
        check(lib.tls_context_add_ca(self._handle, encoded, len(encoded)))

    def add_ca_file(self, path: Path) -> None:
        """`add_ca` from a file."""
        check(lib.tls_context_add_ca_file(self._handle, arguments.path(path, "path")))

    def clear_ca(self) -> None:
        """Trust nobody until the next `add_ca`."""
        check(lib.tls_context_clear_ca(self._handle))

    def add_crl(self, pem: Union[str, Data]) -> None:
        """Let revocation lists count: from now on every issuer in a peer's chain needs one in force."""
        encoded = arguments.pem(pem, "crl")
        check(lib.tls_context_add_crl(self._handle, encoded, len(encoded)))

    def add_crl_file(self, path: Path) -> None:
        """`add_crl` from a file."""
        check(lib.tls_context_add_crl_file(self._handle, arguments.path(path, "path")))

    def set_ciphers(self, ciphers: str) -> None:
        """OpenSSL's cipher list and TLS 1.3 suites, in one text."""
        check(lib.tls_context_set_ciphers(self._handle, arguments.text(ciphers, "ciphers")))

    def set_honor_cipher_order(self, enabled: bool) -> None:
        """Whether the server's preference wins."""
        check(lib.tls_context_set_honor_cipher_order(self._handle, arguments.flag(enabled, "enabled")))

    def set_secure_protocol(self, method: str) -> None:
        """The protocol by Node's method names: `TLS_method`, `TLSv1_2_method`, ..."""
        check(lib.tls_context_set_secure_protocol(self._handle, arguments.text(method, "method")))

    def set_min_version(self, version: str) -> None:
        """The oldest version that is spoken: `TLSv1.2`, ..."""
        check(lib.tls_context_set_min_version(self._handle, arguments.text(version, "version")))

    def set_max_version(self, version: str) -> None:
        """The newest version that is spoken."""
        check(lib.tls_context_set_max_version(self._handle, arguments.text(version, "version")))

    def set_pfx(self, data: Data, passphrase: Union[str, Data, None] = None) -> None:
        """Key, certificate, chain and CAs from PKCS#12 bytes, in place of all other setters of these."""
        encoded, secret = arguments.data(data, "data"), arguments.passphrase(passphrase)
        check(lib.tls_context_set_pfx(self._handle, encoded, len(encoded), secret))

    def set_pfx_file(self, path: Path, passphrase: Union[str, Data, None] = None) -> None:
        """`set_pfx` from a file."""
        secret = arguments.passphrase(passphrase)
        check(lib.tls_context_set_pfx_file(self._handle, arguments.path(path, "path"), secret))

    def set_groups(self, groups: str) -> None:
        """The groups for key exchange, `X25519:P-256`, or `auto`."""
        check(lib.tls_context_set_groups(self._handle, arguments.text(groups, "groups")))

    def set_dhparam(self, pem: Union[str, Data]) -> None:
        """Let servers use DHE, with these parameters or with `auto`."""
        encoded = arguments.pem(pem, "dhparam")
        check(lib.tls_context_set_dhparam(self._handle, encoded, len(encoded)))

    def set_dhparam_file(self, path: Path) -> None:
        """`set_dhparam` from a file."""
        check(lib.tls_context_set_dhparam_file(self._handle, arguments.path(path, "path")))

    def set_secure_options(self, options: int) -> None:
        """OpenSSL's option bits beside ours: `ssl.OP_NO_TICKET`, ..."""
        bits = arguments.integer(options, "options", 0, 2**64 - 1)
        check(lib.tls_context_set_secure_options(self._handle, bits))

    def set_session_id_context(self, id: Data) -> None:
        """The mark of a server's sessions, 1 to 32 bytes; those of another are not resumed."""
        encoded = arguments.data(id, "id")
        check(lib.tls_context_set_session_id_context(self._handle, encoded, len(encoded)))

    def set_session_cache(self, entries: int) -> None:
        """Have clients keep so many sessions at most, and resume them by themselves; 0, the default: none."""
        check(lib.tls_context_set_session_cache(self._handle, arguments.size(entries, "entries")))

    @property
    def session_cache_counts(self) -> SessionCacheCounts:
        """How the cache does."""
        count = lib.tls_context_session_cache_count
        return SessionCacheCounts(
            hits=count(self._handle, constant.TLS_SESSION_CACHE_HITS),
            misses=count(self._handle, constant.TLS_SESSION_CACHE_MISSES),
            refused=count(self._handle, constant.TLS_SESSION_CACHE_REFUSED),
            entries=count(self._handle, constant.TLS_SESSION_CACHE_ENTRIES),
        )

    def set_ticket_ring(self, ring: TicketRing) -> None:
        """The keys of session tickets, from now on; also while the context is in use."""
        if not isinstance(ring, TicketRing):
            raise TypeError(f"ring must be a TicketRing, not {type(ring).__name__}")
        check(lib.tls_context_set_ticket_ring(self._handle, ring._handle))

    def set_ticket_keys(self, keys: Data) -> None:
        """One key of 48 bytes, as Node has it, in place of the ring; also while the context is in use."""
        encoded = arguments.data(keys, "keys")
        check(lib.tls_context_set_ticket_keys(self._handle, encoded, len(encoded)))

    @property
    def ticket_keys(self) -> bytes:
        """The key that tickets are made with now, if it has 48 bytes. It is secret."""
        buffer = create_string_buffer(48)
        check(lib.tls_context_ticket_keys(self._handle, buffer, len(buffer)))
        return buffer.raw

    def set_num_tickets(self, count: int) -> None:
        """How many tickets a client gets after a full handshake of TLS 1.3; 2 by default."""
        check(lib.tls_context_set_num_tickets(self._handle, arguments.size(count, "count")))

    def set_client_auth(self, policy: ClientAuth) -> None:
        """What a server asks of its clients when SNI picks this context."""
        check(lib.tls_context_set_client_auth(self._handle, ClientAuth(policy)))


def context_handle(context: Optional[Context], what: str) -> Optional[int]:
    """The handle of a context argument."""
    if context is not None and not isinstance(context, Context):
        raise TypeError(f"{what} must be a Context, not {type(context).__name__}")
    return None if context is None else context._handle
