//! `tls_certificate`: the certificate that a peer gave, or one from anywhere. Its getters are in
//! `facts.rs`.

mod facts;

use std::ffi::{c_char, c_void, CString};
use std::sync::{Arc, OnceLock};

use super::registry::{self, Kind, Shared};
use super::status::{tls_status, TLS_OK};
use super::{guard, input};
use crate::context::{Certificate, Details};
use crate::engine::check_server_identity;
use crate::error::{Error, Result};

pub use facts::*;

/// A certificate: a peer's, or one that was parsed. Any thread; the caller frees it, and it outlives
/// its connection.
#[repr(C)]
pub struct tls_certificate {
    _private: [u8; 0],
}

/// What its getters answer is made when first asked for, and stays.
pub struct CertificateObject {
    certificate: Certificate,
    details: OnceLock<Result<Details>>,
    /// Alone, and with the chain.
    json: [OnceLock<Result<CString>>; 2],
}

impl CertificateObject {
    fn details(&self) -> Result<&Details> {
        let details = self.details.get_or_init(|| self.certificate.details());
        details.as_ref().map_err(Clone::clone)
    }

    fn json(&self, chain: bool) -> Result<&CString> {
        let json = self.json[usize::from(chain)].get_or_init(|| {
            let text = self.certificate.json(chain)?;
            CString::new(text).map_err(|_| Error::argument("the JSON has a NUL"))
        });
        json.as_ref().map_err(Clone::clone)
    }
}

/// A new handle for a certificate that there may be; NULL if there is none.
pub(super) fn handle_for(certificate: Option<Certificate>) -> Result<*mut tls_certificate> {
    let Some(certificate) = certificate else {
        return Ok(std::ptr::null_mut());
    };
    register(Arc::new(CertificateObject {
        certificate,
        details: OnceLock::new(),
        json: [OnceLock::new(), OnceLock::new()],
    }))
}

fn register(object: Arc<CertificateObject>) -> Result<*mut tls_certificate> {
    let shared = Shared::Certificate(object);
    Ok(registry::insert_shared(Kind::Certificate, shared)? as *mut tls_certificate)
}

fn object(certificate: *const tls_certificate) -> Result<Arc<CertificateObject>> {
    match registry::shared(certificate as u64, Kind::Certificate)? {
        Shared::Certificate(object) => Ok(object),
        _ => Err(Error::argument("this is not a tls_certificate")),
    }
}

/// Reads a certificate. Any thread.
///
/// - `data`, `length`: one certificate in DER, or a PEM text. Of a text with several, the first is
///   meant, and the others are what its issuers are looked for in
///   (`tls_certificate_issuer_certificate`).
///
/// Returns a new handle, for the caller to free with `tls_certificate_free`; NULL on failure:
/// `TLS_ERR_CERTIFICATE` (neither form, cut short, or something behind the DER),
/// `TLS_ERR_INVALID_ARGUMENT` (NULL with a length).
///
/// Nothing is verified. Node: `new X509Certificate(buffer)`.
#[no_mangle]
pub unsafe extern "C" fn tls_certificate_parse(
    data: *const c_void,
    length: usize,
) -> *mut tls_certificate {
    guard::value(std::ptr::null_mut(), || {
        // SAFETY: valid by contract.
        let bytes = unsafe { input::bytes(data, length) }?;
        handle_for(Some(Certificate::parse(bytes)?))
    })
}

/// Another handle for the same certificate, to be freed by itself: for whoever must keep one that is
/// somebody else's to free. Any thread.
///
/// Returns NULL for a bad handle.
#[no_mangle]
pub extern "C" fn tls_certificate_copy(
    certificate: *const tls_certificate,
) -> *mut tls_certificate {
    guard::value(std::ptr::null_mut(), || register(object(certificate)?))
}

/// Frees a certificate, and what its getters answered, unless a copy is left. NULL is `TLS_OK`. Any
/// thread.
#[no_mangle]
pub extern "C" fn tls_certificate_free(certificate: *mut tls_certificate) -> tls_status {
    if certificate.is_null() {
        return TLS_OK;
    }
    guard::status(|| registry::remove_shared(certificate as u64, Kind::Certificate).map(drop))
}

/// Who signed it, for the caller to free with `tls_certificate_free`: looked for among what the peer
/// sent, then among the certificates that the connection trusted. Any thread.
///
/// Asked again and again, each time of the last answer, it gives the whole chain, and ends: NULL for
/// a root, which signed itself (Node links it to itself), where the issuer is not known, and for a bad
/// handle. After a resumed session only the peer's own certificate is there, and above it what the
/// connection trusted: a peer sends its chain in full handshakes only.
///
/// What the peer sent is not verified by being in the chain: `tls_stream_authorized` says whether the
/// peer is who it should be. Node: `getPeerCertificate(true).issuerCertificate`.
#[no_mangle]
pub extern "C" fn tls_certificate_issuer_certificate(
    certificate: *const tls_certificate,
) -> *mut tls_certificate {
    guard::value(std::ptr::null_mut(), || {
        handle_for(object(certificate)?.certificate.issuer_certificate())
    })
}

/// All of it as JSON (RFC 8259, UTF-8), with the keys and the text of
/// `JSON.stringify(socket.getPeerCertificate(detailed))` in Node: `subject`, `issuer`,
/// `subjectaltname`, `infoAccess`, `ca`, `modulus`, `bits`, `exponent`, `pubkey`, `asn1Curve`,
/// `nistCurve`, `valid_from`, `valid_to`, `fingerprint`, `fingerprint256`, `fingerprint512`,
/// `ext_key_usage`, `serialNumber`, `raw`; those that it does not have are missing, and bytes are
/// `{"type":"Buffer","data":[48,130,...]}`. Any thread.
///
/// - `detailed`: 1 puts its issuer into `issuerCertificate`, with the issuer's issuer inside, and so
///   on; the last one has none (Node links a root to itself there, and cannot make JSON of it). 0:
///   this certificate only.
///
/// It lives as long as the certificate. NULL on failure: `TLS_ERR_INVALID_ARGUMENT` (`detailed` is
/// neither 0 nor 1). Node: `getPeerCertificate(detailed)`.
#[no_mangle]
pub extern "C" fn tls_certificate_json(
    certificate: *const tls_certificate,
    detailed: i32,
) -> *const c_char {
    guard::value(std::ptr::null(), || {
        let object = object(certificate)?;
        let detailed = input::flag(detailed, "detailed")?;
        Ok(object.json(detailed)?.as_ptr())
    })
}

/// Does a certificate belong to this host? It is the check that a client makes of its server, alone: of
/// the names, not of who signed it or of its dates. Any thread; no callback runs.
///
/// - `name`: a host name, or an IP address in text form (`[::1]` with or without brackets); case and
///   one dot at the end do not matter.
///
/// The certificate's DNS names are compared, its common names only if it has no DNS name, an IP
/// address only with its IP addresses. A `*` stands for the whole first label, and only there.
///
/// Returns `TLS_OK`, or `TLS_ERR_VERIFY` with the error name `ERR_TLS_CERT_ALTNAME_INVALID` and a
/// message that begins with "Hostname/IP doesn't match certificate's altnames" and lists the names;
/// `TLS_ERR_INVALID_ARGUMENT` (NULL, not UTF-8). Node: `tls.checkServerIdentity`.
#[no_mangle]
pub unsafe extern "C" fn tls_check_server_identity(
    certificate: *const tls_certificate,
    name: *const c_char,
) -> tls_status {
    guard::status(|| {
        let object = object(certificate)?;
        // SAFETY: valid by contract.
        let name = unsafe { input::text(name, "the name") }?;
        check_server_identity(object.certificate.x509(), name)
    })
}
