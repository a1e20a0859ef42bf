"""`Certificate`: a peer's certificate."""

from __future__ import annotations

from ctypes import byref, c_size_t, string_at
from typing import Optional

from .lowlevel import lib


class Certificate:
    """The certificate that a peer showed. It outlives the connection, and any thread may use it."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def __del__(self) -> None:
        lib.tls_certificate_free(self._handle)

    @property
    def subject(self) -> str:
        """Whom it names, one attribute a line: `C=UK\\nO=node.js\\nCN=localhost`."""
        return lib.tls_certificate_subject(self._handle).decode("utf-8", "replace")

    @property
    def issuer(self) -> str:
        """Who signed it, in the same form."""
        return lib.tls_certificate_issuer(self._handle).decode("utf-8", "replace")

    @property
    def fingerprint(self) -> str:
        """SHA-1 of the DER: `2A:7A:...`."""
        return lib.tls_certificate_fingerprint(self._handle).decode("ascii")

    @property
    def fingerprint256(self) -> str:
        """SHA-256 of the DER, in the same form."""
        return lib.tls_certificate_fingerprint256(self._handle).decode("ascii")

    @property
    def der(self) -> bytes:
        """The certificate itself."""
        length = c_size_t()
        data = lib.tls_certificate_der(self._handle, byref(length))
        return string_at(data, length.value)

    def __repr__(self) -> str:
        return f"<Certificate {self.subject!r}>"


def certificate_from(handle: Optional[int]) -> Optional[Certificate]:
    """Take over a new reference; NULL is `None`."""
    return Certificate(handle) if handle else None
