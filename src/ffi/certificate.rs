//! `tls_certificate`: the certificate that a peer gave.

use std::ffi::{c_char, CStr, CString};
use std::sync::Arc;

use super::guard;
use super::registry::{self, Kind, Shared};
use super::status::{tls_status, TLS_OK};
use crate::context::Certificate;
use crate::error::{Error, Result};

/// A peer's certificate. Any thread; the caller frees it, and it outlives its connection.
#[repr(C)]
pub struct tls_certificate {
    _private: [u8; 0],
}

pub struct CertificateObject {
    subject: CString,
    issuer: CString,
    fingerprint: CString,
    fingerprint256: CString,
    der: Vec<u8>,
}

/// A new handle for a certificate that there may be; NULL if there is none.
pub(super) fn handle_for(certificate: Option<Certificate>) -> Result<*mut tls_certificate> {
    let Some(certificate) = certificate else {
        return Ok(std::ptr::null_mut());
    };
    let text = |text: String| {
        CString::new(text).map_err(|_| Error::argument("a text of the certificate has a NUL"))
    };
    let object = CertificateObject {
        subject: text(certificate.subject)?,
        issuer: text(certificate.issuer)?,
        fingerprint: text(certificate.fingerprint)?,
        fingerprint256: text(certificate.fingerprint256)?,
        der: certificate.der,
    };
    let shared = Shared::Certificate(Arc::new(object));
    Ok(registry::insert_shared(Kind::Certificate, shared)? as *mut tls_certificate)
}

fn object(certificate: *const tls_certificate) -> Result<Arc<CertificateObject>> {
    match registry::shared(certificate as u64, Kind::Certificate)? {
        Shared::Certificate(object) => Ok(object),
        _ => Err(Error::argument("this is not a tls_certificate")),
    }
}

/// A text that lives as long as the handle, which has a reference of its own.
fn text(
    certificate: *const tls_certificate,
    pick: impl FnOnce(&CertificateObject) -> &CStr,
) -> *const c_char {
    guard::value(std::ptr::null(), || {
        Ok(pick(&*object(certificate)?).as_ptr())
    })
}

/// Frees a certificate from `tls_stream_peer_certificate` or `tls_secure_pair_peer_certificate`,
/// and what its getters answered. NULL is `TLS_OK`. Any thread.
#[no_mangle]
pub extern "C" fn tls_certificate_free(certificate: *mut tls_certificate) -> tls_status {
    if certificate.is_null() {
        return TLS_OK;
    }
    guard::status(|| registry::remove_shared(certificate as u64, Kind::Certificate).map(drop))
}

/// Whose certificate it is: one attribute a line, `"C=UK\nO=node.js\nCN=localhost"`; control
/// characters are shown as `\xHH`. It lives as long as the certificate. NULL for a bad handle. Any
/// thread.
///
/// Node: `X509Certificate.subject`.
#[no_mangle]
pub extern "C" fn tls_certificate_subject(certificate: *const tls_certificate) -> *const c_char {
    text(certificate, |certificate| &certificate.subject)
}

/// Who issued it, in the form of `tls_certificate_subject`. NULL for a bad handle. Any thread.
///
/// Node: `X509Certificate.issuer`.
#[no_mangle]
pub extern "C" fn tls_certificate_issuer(certificate: *const tls_certificate) -> *const c_char {
    text(certificate, |certificate| &certificate.issuer)
}

/// SHA-1 over the whole certificate, as `"2A:7A:C2:..."`. It lives as long as the certificate. NULL
/// for a bad handle. Any thread.
///
/// Node: `getPeerCertificate().fingerprint`. To pin a certificate, take the SHA-256 one.
#[no_mangle]
pub extern "C" fn tls_certificate_fingerprint(
    certificate: *const tls_certificate,
) -> *const c_char {
    text(certificate, |certificate| &certificate.fingerprint)
}

/// SHA-256 over the whole certificate, in the same form. NULL for a bad handle. Any thread.
///
/// Node: `getPeerCertificate().fingerprint256`.
#[no_mangle]
pub extern "C" fn tls_certificate_fingerprint256(
    certificate: *const tls_certificate,
) -> *const c_char {
    text(certificate, |certificate| &certificate.fingerprint256)
}

/// The certificate itself, in DER. It lives as long as the certificate. Any thread.
///
/// - `length`: where to put the number of bytes; may be NULL.
///
/// Returns NULL, and a length of 0, for a bad handle. Node: `getPeerCertificate().raw`.
#[no_mangle]
pub unsafe extern "C" fn tls_certificate_der(
    certificate: *const tls_certificate,
    length: *mut usize,
) -> *const u8 {
    let (der, count) = guard::value((std::ptr::null(), 0), || {
        let object = object(certificate)?;
        Ok((object.der.as_ptr(), object.der.len()))
    });
    if !length.is_null() {
        // SAFETY: not NULL, so valid by contract.
        unsafe { *length = count };
    }
    der
}
