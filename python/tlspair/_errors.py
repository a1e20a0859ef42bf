"""`TLSError`: what went wrong, with everything that the library knows about it."""

from __future__ import annotations

import re
import socket
import ssl
from functools import lru_cache
from typing import List, NamedTuple, Optional, Tuple, Type

from .lowlevel import constant, lib

# What a status is among Python's own exceptions, where the errno does not say it.
_KINDS = {
    constant.TLS_ERR_INVALID_ARGUMENT: ValueError,
    constant.TLS_ERR_RESOLVE: socket.gaierror,
    constant.TLS_ERR_RESET: ConnectionResetError,
    constant.TLS_ERR_VERIFY: ssl.SSLCertVerificationError,
    constant.TLS_ERR_TIMEOUT: TimeoutError,
}


class OpenSSLEntry(NamedTuple):
    """One entry of OpenSSL's error queue."""

    code: int
    text: str


class TLSError(ssl.SSLError):
    """A call that failed, or an error event.

    It is an `ssl.SSLError`, and so an `OSError`; where Python has a closer name it is that as well:
    `ssl.SSLCertVerificationError` for a peer that is not accepted, `ConnectionRefusedError`,
    `ConnectionResetError`, `TimeoutError`, `socket.gaierror`, `FileNotFoundError`, and
    `ValueError` for a wrong argument.
    """

    __module__ = "tlspair"

    #: One of `constant.TLS_ERR_*`.
    status: int
    #: Stable name, Node's where Node has one: `CERT_HAS_EXPIRED`, `ECONNREFUSED`, ...
    name: str
    #: A sentence for people.
    message: str
    #: The system's error number, `None` if no system call failed.
    errno: Optional[int]
    #: OpenSSL's error queue.
    openssl: List[OpenSSLEntry]
    #: `X509_V_ERR_*`, 0 if the peer's certificate was not the reason.
    verify_code: int
    #: Where in the chain, 0 is the peer's own certificate; -1: nowhere.
    verify_depth: int
    #: Subject of the certificate there, one attribute a line.
    verify_subject: Optional[str]

    def __init__(
        self,
        status: int,
        name: str,
        message: str,
        errno: int = 0,
        openssl: Tuple[OpenSSLEntry, ...] = (),
        verify: Tuple[int, int, Optional[str]] = (0, -1, None),
    ) -> None:
        super().__init__(errno or None, message)
        self.status = status
        self.name = name
        self.message = message
        self.openssl = list(openssl)
        self.verify_code, self.verify_depth, self.verify_subject = verify
        self.verify_message = message if self.verify_code else ""
        self.library, self.reason = _library_and_reason(self.openssl, name)

    def __str__(self) -> str:
        return f"[{self.name}] {self.message}"

    def __reduce__(self):  # type: ignore[no-untyped-def]
        verify = (self.verify_code, self.verify_depth, self.verify_subject)
        arguments = (self.status, self.name, self.message, self.errno or 0, tuple(self.openssl), verify)
        return (_make, arguments)


def _library_and_reason(openssl: List[OpenSSLEntry], name: str) -> Tuple[str, str]:
    """`library` and `reason` as the `ssl` module sets them: `SSL`, `WRONG_VERSION_NUMBER`."""
    match = re.match(r"error:[0-9A-F]+:(.*?)(?: routines)?:[^:]*:([^:]*)", openssl[0].text) if openssl else None
    if match is None:
        return "TLS", name
    return match[1].upper().replace(" ", "_"), match[2].strip().upper().replace(" ", "_")


@lru_cache(maxsize=None)
def _class(kind: Type[BaseException]) -> Type[TLSError]:
    """`TLSError`, and at the same time `kind`."""
    if issubclass(TLSError, kind):
        return TLSError
    return type("TLSError", (TLSError, kind), {"__module__": "tlspair", "__doc__": TLSError.__doc__})


def _make(
    status: int,
    name: str,
    message: str,
    errno: int,
    openssl: Tuple[OpenSSLEntry, ...],
    verify: Tuple[int, int, Optional[str]],
) -> TLSError:
    kind = _KINDS.get(status) or (type(OSError(errno, "")) if errno else OSError)
    return _class(kind)(status, name, message, errno, openssl, verify)


def _text(value: Optional[bytes]) -> str:
    return (value or b"").decode("utf-8", "replace")


def error_from(handle: Optional[int]) -> TLSError:
    """Everything that a `tls_error` says; the handle is not needed afterwards."""
    subject = lib.tls_error_verify_subject(handle)
    return _make(
        lib.tls_error_status(handle),
        _text(lib.tls_error_name(handle)),
        _text(lib.tls_error_message(handle)),
        lib.tls_error_errno(handle),
        tuple(
            OpenSSLEntry(lib.tls_error_openssl_code(handle, index), _text(lib.tls_error_openssl_text(handle, index)))
            for index in range(lib.tls_error_openssl_count(handle))
        ),
        (
            lib.tls_error_verify_result(handle),
            lib.tls_error_verify_depth(handle),
            None if subject is None else _text(subject),
        ),
    )


def last_error() -> TLSError:
    """This thread's last failing call."""
    return error_from(lib.tls_last_error())


def check(status: int) -> int:
    """Raise for an error status; `TLS_OK` and `TLS_FULL` come back."""
    if status < 0:
        raise last_error()
    return status


def check_handle(handle: Optional[int]) -> int:
    """Raise for NULL."""
    if not handle:
        raise last_error()
    return handle
