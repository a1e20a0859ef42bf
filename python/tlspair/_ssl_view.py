"""What is known about a connection, in the forms of Python's `ssl` module."""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple, Union

from ._certificate import Certificate, certificate_from
from ._stream import text_or_none
from .lowlevel import lib

if TYPE_CHECKING:
    from ._context import Context

# OpenSSL's long names, which `ssl` uses, for the short ones, which Node uses. Others are the same.
_LONG_NAMES = {
    "C": "countryName",
    "ST": "stateOrProvinceName",
    "L": "localityName",
    "O": "organizationName",
    "OU": "organizationalUnitName",
    "CN": "commonName",
    "street": "streetAddress",
    "SN": "surname",
    "GN": "givenName",
    "DC": "domainComponent",
    "UID": "userId",
    "jurisdictionL": "jurisdictionLocalityName",
    "jurisdictionST": "jurisdictionStateOrProvinceName",
    "jurisdictionC": "jurisdictionCountryName",
}


def socket_name(handle: int, which: str) -> Optional[Tuple[Any, ...]]:
    """`peername` or `sockname` as `socket.getpeername` has it; `None` where there is no IP address."""
    if which == "peername":
        address, port = lib.tls_stream_remote_address(handle), lib.tls_stream_remote_port(handle)
    else:
        address, port = lib.tls_stream_local_address(handle), lib.tls_stream_local_port(handle)
    text = text_or_none(address)
    if text is None:
        return None
    return (text, port, 0, 0) if ":" in text else (text, port)


def certificate_dict(certificate: Certificate) -> Dict[str, Any]:
    """What `ssl.SSLSocket.getpeercert` gives for this certificate."""
    facts = certificate.to_dict()
    result: Dict[str, Any] = {
        "subject": _name(facts.get("subject", {})),
        "issuer": _name(facts.get("issuer", {})),
        "version": 3,
        "serialNumber": facts.get("serialNumber", ""),
        "notBefore": certificate.valid_from,
        "notAfter": certificate.valid_to,
    }
    alternative = tuple(_alternative(text) for text in certificate.alt_names)
    if alternative:
        result["subjectAltName"] = alternative
    for key, access in (("OCSP", "OCSP - URI"), ("caIssuers", "CA Issuers - URI")):
        places = facts.get("infoAccess", {}).get(access)
        if places:
            result[key] = tuple(places)
    return result


def _name(attributes: Dict[str, Union[str, List[str]]]) -> Tuple[Tuple[Tuple[str, str], ...], ...]:
    """Each attribute is a relative name of its own; which belong together the library does not tell."""
    pairs = []
    for name, values in attributes.items():
        for value in values if isinstance(values, list) else [values]:
            pairs.append(((_LONG_NAMES.get(name, name), value),))
    return tuple(pairs)


def _alternative(text: str) -> Tuple[str, str]:
    kind, _, value = text.partition(":")
    return kind, value


@lru_cache(maxsize=1)
def _known_ciphers() -> Dict[str, Tuple[str, int]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:@SECLEVEL=0")
    return {cipher["name"]: (cipher["protocol"], cipher["strength_bits"]) for cipher in context.get_ciphers()}


class SSLView:
    """Answers the questions that programs ask an `ssl.SSLObject`: the `ssl_object` of `get_extra_info`.

    It only tells; reading, writing and the handshake are the transport's. After the connection is
    lost its answers are empty.
    """

    __module__ = "tlspair"

    def __init__(
        self, handle: int, context: Optional[Context], server_side: bool, server_hostname: Optional[str]
    ) -> None:
        self._handle = handle
        #: The `tlspair.Context` of the connection.
        self.context = context
        #: Whether we are the server.
        self.server_side = server_side
        #: The name that a client asked for; of a server `None`, as in `ssl`.
        self.server_hostname = server_hostname

    def peer_certificate(self) -> Optional[Certificate]:
        """The peer's certificate with all that the library knows of it."""
        return certificate_from(lib.tls_stream_peer_certificate(self._handle))

    def getpeercert(self, binary_form: bool = False) -> Union[Dict[str, Any], bytes, None]:
        """The peer's certificate as `ssl` gives it: a dictionary, empty if it was not verified, or DER."""
        certificate = self.peer_certificate()
        if certificate is None:
            return None
        if binary_form:
            return certificate.der
        return certificate_dict(certificate) if lib.tls_stream_authorized(self._handle) == 1 else {}

    def cipher(self) -> Optional[Tuple[str, Optional[str], Optional[int]]]:
        """Name, the version that it belongs to, bits; the last two `None` if Python's OpenSSL has no such cipher."""
        name = text_or_none(lib.tls_stream_cipher_name(self._handle))
        if name is None:
            return None
        protocol, bits = _known_ciphers().get(name, (None, None))
        return name, protocol, bits

    def version(self) -> Optional[str]:
        """`TLSv1.3`, ..."""
        return text_or_none(lib.tls_stream_protocol(self._handle))

    def compression(self) -> None:
        """There is none."""
        return None

    def selected_alpn_protocol(self) -> Optional[str]:
        """What ALPN agreed on."""
        return text_or_none(lib.tls_stream_alpn_protocol(self._handle))

    def selected_npn_protocol(self) -> Optional[str]:
        """What NPN agreed on."""
        return text_or_none(lib.tls_stream_npn_protocol(self._handle))

    @property
    def session_reused(self) -> bool:
        """Whether the handshake resumed a session."""
        return lib.tls_stream_session_reused(self._handle) == 1

    def extra(self, name: str) -> Any:
        """For `get_extra_info`; `None`: no such thing."""
        if name == "ssl_object":
            return self
        if name == "peercert":
            return self.getpeercert()
        if name == "cipher":
            return self.cipher()
        if name == "authorized":
            return lib.tls_stream_authorized(self._handle) == 1
        if name == "authorization_error":
            return text_or_none(lib.tls_stream_authorization_error(self._handle))
        if name == "servername":
            return text_or_none(lib.tls_stream_servername(self._handle))
        return None
