"""`Certificate`: a peer's certificate, or one from anywhere."""

from __future__ import annotations

import itertools
import json
from ctypes import byref, c_size_t, string_at
from typing import Any, Callable, Dict, List, Optional, Union

from . import _arguments as arguments
from ._arguments import Data
from ._errors import check, check_handle, last_error
from .lowlevel import lib


class Certificate:
    """A certificate. A peer's outlives its connection, and any thread may use it.

    What it says is text of the peer's choice, and only as true as whoever signed it.
    """

    def __init__(self, handle: int) -> None:
        self._handle = handle

    @classmethod
    def parse(cls, data: Union[str, Data]) -> Certificate:
        """Read a certificate: PEM, or DER. Further ones in a PEM text may be its issuers."""
        encoded = arguments.pem(data, "data")
        return cls(check_handle(lib.tls_certificate_parse(encoded, len(encoded))))

    def __del__(self) -> None:
        lib.tls_certificate_free(self._handle)

    def _text(self, function: Callable[..., Optional[bytes]], *values: Any) -> Optional[str]:
        value = function(self._handle, *values)
        return None if value is None else value.decode("utf-8")

    def _list(self, function: Callable[..., Optional[bytes]]) -> List[str]:
        texts = (self._text(function, index) for index in itertools.count())
        return list(itertools.takewhile(lambda text: text is not None, texts))  # type: ignore[arg-type]

    def _field(self, whose: str, name: str) -> List[str]:
        values = self.to_dict().get(whose, {}).get(name, [])
        return values if isinstance(values, list) else [values]

    def _bytes(self, function: Callable[..., Optional[int]]) -> bytes:
        length = c_size_t()
        return string_at(check_handle(function(self._handle, byref(length))), length.value)

    # -- whose it is

    @property
    def subject(self) -> str:
        """Whom it names, one attribute a line, with escapes: `C=UK\\nO=node.js\\nCN=localhost`."""
        return self._text(lib.tls_certificate_subject) or ""

    @property
    def issuer(self) -> str:
        """Who signed it, in the same form."""
        return self._text(lib.tls_certificate_issuer) or ""

    def subject_field(self, name: str) -> List[str]:
        """All values of an attribute of the subject (`CN`, `OU`, ...), without escapes.

        Empty also if a value of the subject is no text.
        """
        return self._field("subject", name)

    def issuer_field(self, name: str) -> List[str]:
        """The same of the issuer."""
        return self._field("issuer", name)

    @property
    def subjectaltname(self) -> Optional[str]:
        """All alternative names in one text: `DNS:localhost, IP Address:127.0.0.1`.

        `None` if there are none, or if they cannot be decoded.
        """
        return self._text(lib.tls_certificate_subjectaltname)

    @property
    def alt_names(self) -> List[str]:
        """The same, one by one."""
        return self._list(lib.tls_certificate_alt_name)

    @property
    def info_access(self) -> Optional[str]:
        """Where to ask about the issuer and revocation, one place a line."""
        return self._text(lib.tls_certificate_info_access)

    @property
    def ca(self) -> bool:
        """Whether it may sign others."""
        return lib.tls_certificate_ca(self._handle) == 1

    @property
    def ext_key_usage(self) -> List[str]:
        """What the key may be used for, as object identifiers."""
        return self._list(lib.tls_certificate_ext_key_usage)

    # -- when, and which

    @property
    def valid_from(self) -> str:
        """`Nov 11 09:52:22 2009 GMT`; `ssl.cert_time_to_seconds` reads it."""
        return self._text(lib.tls_certificate_valid_from) or ""

    @property
    def valid_to(self) -> str:
        """The last moment, in the same form."""
        return self._text(lib.tls_certificate_valid_to) or ""

    @property
    def serial_number(self) -> Optional[str]:
        """The issuer's number for it, in hexadecimal."""
        return self._text(lib.tls_certificate_serial_number)

    @property
    def fingerprint(self) -> str:
        """SHA-1 of the DER: `2A:7A:...`."""
        return self._text(lib.tls_certificate_fingerprint) or ""

    @property
    def fingerprint256(self) -> str:
        """SHA-256 of the DER, in the same form."""
        return self._text(lib.tls_certificate_fingerprint256) or ""

    @property
    def fingerprint512(self) -> str:
        """SHA-512 of the DER, in the same form."""
        return self._text(lib.tls_certificate_fingerprint512) or ""

    # -- its key

    @property
    def bits(self) -> Optional[int]:
        """Size of an RSA key, or of a curve's order."""
        return lib.tls_certificate_bits(self._handle) or None

    @property
    def modulus(self) -> Optional[str]:
        """RSA, in hexadecimal."""
        return self._text(lib.tls_certificate_modulus)

    @property
    def exponent(self) -> Optional[str]:
        """RSA: `0x10001`."""
        return self._text(lib.tls_certificate_exponent)

    @property
    def asn1_curve(self) -> Optional[str]:
        """OpenSSL's name of an elliptic curve: `prime256v1`."""
        return self._text(lib.tls_certificate_asn1_curve)

    @property
    def nist_curve(self) -> Optional[str]:
        """NIST's name of it: `P-256`."""
        return self._text(lib.tls_certificate_nist_curve)

    @property
    def public_key(self) -> bytes:
        """The key with its algorithm (SubjectPublicKeyInfo), in DER."""
        return self._bytes(lib.tls_certificate_public_key)

    # -- all of it

    @property
    def der(self) -> bytes:
        """The certificate itself."""
        return self._bytes(lib.tls_certificate_der)

    @property
    def pem(self) -> str:
        """The same as a PEM text."""
        return self._text(lib.tls_certificate_pem) or ""

    @property
    def issuer_certificate(self) -> Optional[Certificate]:
        """Who signed it, as far as that is known; of a root `None`."""
        return certificate_from(lib.tls_certificate_issuer_certificate(self._handle))

    def json(self, detailed: bool = False) -> str:
        """The text of Node's `JSON.stringify(socket.getPeerCertificate(detailed))`.

        With `detailed`, `issuerCertificate` has the issuer, and so on; of a root it is missing.
        """
        text = lib.tls_certificate_json(self._handle, arguments.flag(detailed, "detailed"))
        if text is None:
            raise last_error()
        return text.decode("utf-8")

    def to_dict(self, detailed: bool = False) -> Dict[str, Any]:
        """The same as Python's objects; `raw` and `pubkey` are `bytes`."""
        return json.loads(self.json(detailed), object_hook=_buffers_to_bytes)

    def __repr__(self) -> str:
        return f"<Certificate {self.subject!r}>"


def _buffers_to_bytes(value: Dict[str, Any]) -> Any:
    is_buffer = value.get("type") == "Buffer" and isinstance(value.get("data"), list) and len(value) == 2
    return bytes(value["data"]) if is_buffer else value


def certificate_from(handle: Optional[int]) -> Optional[Certificate]:
    """Take over a new reference; NULL is `None`."""
    return Certificate(handle) if handle else None


def check_server_identity(certificate: Certificate, name: str) -> None:
    """Raise `TLSError` (`ERR_TLS_CERT_ALTNAME_INVALID`) unless the certificate is for this host.

    Only names are compared: not who signed it, nor its dates.
    """
    if not isinstance(certificate, Certificate):
        raise TypeError(f"certificate must be a Certificate, not {type(certificate).__name__}")
    check(lib.tls_check_server_identity(certificate._handle, arguments.text(name, "name")))
