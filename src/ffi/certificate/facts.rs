//! Getters of a certificate.

use std::ffi::{c_char, CString};

use super::{object, tls_certificate};
use crate::context::{Attribute, Details};
use crate::error::Result;
use crate::ffi::{guard, input};

/// A text that lives as long as the handle, which has a reference of its own; NULL if the certificate
/// has no such thing.
fn text(
    certificate: *const tls_certificate,
    pick: impl FnOnce(&Details) -> Result<Option<&CString>>,
) -> *const c_char {
    guard::value(std::ptr::null(), || {
        let object = object(certificate)?;
        Ok(pick(object.details()?)?.map_or(std::ptr::null(), |text| text.as_ptr()))
    })
}

fn optional(text: &Option<Result<CString>>) -> Result<Option<&CString>> {
    match text {
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(error)) => Err(error.clone()),
        None => Ok(None),
    }
}

/// Bytes of the same kind, and their number in `length`, if that is not NULL.
///
/// # Safety
/// `length` is NULL or writable.
unsafe fn bytes(
    certificate: *const tls_certificate,
    length: *mut usize,
    pick: impl FnOnce(&Details) -> &[u8],
) -> *const u8 {
    // SAFETY: the caller's promise.
    unsafe {
        guard::bytes(length, || {
            let object = object(certificate)?;
            let bytes = pick(object.details()?);
            Ok(Some((bytes.as_ptr(), bytes.len())))
        })
    }
}

/// The value of the attribute called `name` that comes at `index` among those.
///
/// # Safety
/// `name` is NULL or NUL-terminated.
unsafe fn field(
    certificate: *const tls_certificate,
    name: *const c_char,
    index: usize,
    pick: impl FnOnce(&Details) -> &[Attribute],
) -> *const c_char {
    text(certificate, |details| {
        // SAFETY: the caller's promise.
        let name = unsafe { input::text(name, "the attribute's name") }?;
        let mut values = pick(details).iter().filter(|field| field.name == name);
        values.nth(index).map(Attribute::c_value).transpose()
    })
}

/// Whose certificate it is: one attribute a line, `"C=UK\nO=node.js\nCN=localhost"`, those of a
/// multi-valued name joined by `" + "`. What has a meaning in RFC 2253 has a backslash before it, and
/// control characters are shown as `\HH`; so no value can pretend to be two. Empty if the certificate
/// names nobody. It lives as long as the certificate. NULL for a bad handle. Any thread.
///
/// Node: `X509Certificate.subject` (undefined where this is empty).
#[no_mangle]
pub extern "C" fn tls_certificate_subject(certificate: *const tls_certificate) -> *const c_char {
    text(certificate, |details| Ok(Some(&details.subject)))
}

/// Who issued it, in the form of `tls_certificate_subject`. NULL for a bad handle. Any thread.
///
/// Node: `X509Certificate.issuer`.
#[no_mangle]
pub extern "C" fn tls_certificate_issuer(certificate: *const tls_certificate) -> *const c_char {
    text(certificate, |details| Ok(Some(&details.issuer)))
}

/// One attribute of the subject, in UTF-8 and with nothing escaped: not safe to print as it is. It
/// lives as long as the certificate. Any thread.
///
/// - `name`: the attribute's short name, `"CN"`, `"O"`, `"OU"`, `"emailAddress"`, or its numbers
///   (`"1.2.3.4"`) if OpenSSL has no name for it; case counts.
/// - `index`: which of several of that name, in the certificate's order, from 0.
///
/// Returns NULL if there is none at that index, which is no error, and on failure:
/// `TLS_ERR_CERTIFICATE` (the value has a NUL inside, which would cut it short, or is no text),
/// `TLS_ERR_INVALID_ARGUMENT` (`name` is NULL). Node: `getPeerCertificate().subject.CN`.
#[no_mangle]
pub unsafe extern "C" fn tls_certificate_subject_field(
    certificate: *const tls_certificate,
    name: *const c_char,
    index: usize,
) -> *const c_char {
    // SAFETY: valid by contract.
    unsafe { field(certificate, name, index, |details| &details.subject_fields) }
}

/// One attribute of the issuer: the rest is as for `tls_certificate_subject_field`.
///
/// - `name`, `index`: as there.
///
/// Node: `getPeerCertificate().issuer.CN`.
#[no_mangle]
pub unsafe extern "C" fn tls_certificate_issuer_field(
    certificate: *const tls_certificate,
    name: *const c_char,
    index: usize,
) -> *const c_char {
    // SAFETY: valid by contract.
    unsafe { field(certificate, name, index, |details| &details.issuer_fields) }
}

/// All alternative names in one text, `"DNS:localhost, IP Address:127.0.0.1"`; a name with something
/// in it that could be misread is written as a JSON string. It lives as long as the certificate. NULL
/// if there are none, and on failure: `TLS_ERR_CERTIFICATE` (they cannot be decoded). Any thread.
///
/// To see which host a certificate is for, ask `tls_check_server_identity`. Node:
/// `getPeerCertificate().subjectaltname`.
#[no_mangle]
pub extern "C" fn tls_certificate_subjectaltname(
    certificate: *const tls_certificate,
) -> *const c_char {
    text(certificate, |details| optional(&details.subjectaltname))
}

/// One of them: `"DNS:localhost"`. It lives as long as the certificate. Any thread.
///
/// - `index`: which one, in the certificate's order, from 0.
///
/// Returns NULL if there is none at that index, which is no error, and on failure:
/// `TLS_ERR_CERTIFICATE` (they cannot be decoded).
#[no_mangle]
pub extern "C" fn tls_certificate_alt_name(
    certificate: *const tls_certificate,
    index: usize,
) -> *const c_char {
    text(certificate, |details| {
        optional(&details.subjectaltname)?;
        Ok(details.alt_names.get(index))
    })
}

/// Where to ask about its issuer and whether it is revoked, one place a line:
/// `"OCSP - URI:http://ocsp.example\nCA Issuers - URI:http://..."`; escaped as
/// `tls_certificate_subjectaltname`. It lives as long as the certificate. NULL if the certificate does
/// not say, and on failure: `TLS_ERR_CERTIFICATE` (it cannot be decoded). Any thread.
///
/// Node: `X509Certificate.infoAccess`.
#[no_mangle]
pub extern "C" fn tls_certificate_info_access(
    certificate: *const tls_certificate,
) -> *const c_char {
    text(certificate, |details| optional(&details.info_access))
}

/// May it sign other certificates? 1 or 0; 0 on failure. Any thread.
///
/// Node: `getPeerCertificate().ca`.
#[no_mangle]
pub extern "C" fn tls_certificate_ca(certificate: *const tls_certificate) -> i32 {
    guard::value(0, || Ok(i32::from(object(certificate)?.details()?.ca)))
}

/// The first moment at which it is valid, as `"Nov 11 09:52:22 2009 GMT"`; a day below 10 stands
/// behind two blanks. It lives as long as the certificate. NULL for a bad handle. Any thread.
///
/// Node: `getPeerCertificate().valid_from`.
#[no_mangle]
pub extern "C" fn tls_certificate_valid_from(certificate: *const tls_certificate) -> *const c_char {
    text(certificate, |details| Ok(Some(&details.valid_from)))
}

/// The last one, in the same form. NULL for a bad handle. Any thread.
///
/// Node: `getPeerCertificate().valid_to`.
#[no_mangle]
pub extern "C" fn tls_certificate_valid_to(certificate: *const tls_certificate) -> *const c_char {
    text(certificate, |details| Ok(Some(&details.valid_to)))
}

/// SHA-1 over the whole certificate, as `"2A:7A:C2:..."`. It lives as long as the certificate. NULL
/// for a bad handle. Any thread.
///
/// Node: `getPeerCertificate().fingerprint`. To pin a certificate, take the SHA-256 one.
#[no_mangle]
pub extern "C" fn tls_certificate_fingerprint(
    certificate: *const tls_certificate,
) -> *const c_char {
    text(certificate, |details| Ok(Some(&details.fingerprint)))
}

/// SHA-256 over the whole certificate, in the same form. NULL for a bad handle. Any thread.
///
/// Node: `getPeerCertificate().fingerprint256`.
#[no_mangle]
pub extern "C" fn tls_certificate_fingerprint256(
    certificate: *const tls_certificate,
) -> *const c_char {
    text(certificate, |details| Ok(Some(&details.fingerprint256)))
}

/// SHA-512 over the whole certificate, in the same form. NULL for a bad handle. Any thread.
///
/// Node: `getPeerCertificate().fingerprint512`.
#[no_mangle]
pub extern "C" fn tls_certificate_fingerprint512(
    certificate: *const tls_certificate,
) -> *const c_char {
    text(certificate, |details| Ok(Some(&details.fingerprint512)))
}

/// The issuer's number for it in hexadecimal, `"8E4DFA..."`, with a minus if it is negative. It lives
/// as long as the certificate. NULL for a bad handle. Any thread.
///
/// Node: `getPeerCertificate().serialNumber`.
#[no_mangle]
pub extern "C" fn tls_certificate_serial_number(
    certificate: *const tls_certificate,
) -> *const c_char {
    text(certificate, |details| Ok(details.serial_number.as_ref()))
}

/// What the key may be used for, one use at a time, by its numbers: `"1.3.6.1.5.5.7.3.1"` is a server.
/// It lives as long as the certificate. Any thread.
///
/// - `index`: which one, in the certificate's order, from 0.
///
/// Returns NULL if there is none at that index, which is no error, and for a bad handle. Node:
/// `getPeerCertificate().ext_key_usage`.
#[no_mangle]
pub extern "C" fn tls_certificate_ext_key_usage(
    certificate: *const tls_certificate,
    index: usize,
) -> *const c_char {
    text(certificate, |details| {
        Ok(details
            .ext_key_usage
            .as_ref()
            .and_then(|usages| usages.get(index)))
    })
}

/// The size of an RSA key, or of an elliptic curve's order, in bits; 0 for other keys and on failure.
/// Any thread.
///
/// Node: `getPeerCertificate().bits`.
#[no_mangle]
pub extern "C" fn tls_certificate_bits(certificate: *const tls_certificate) -> i32 {
    guard::value(0, || {
        let bits = object(certificate)?.details()?.key.bits.unwrap_or(0);
        Ok(i32::try_from(bits).unwrap_or(0))
    })
}

/// The modulus of an RSA key in hexadecimal. It lives as long as the certificate. NULL for other keys
/// and for a bad handle. Any thread.
///
/// Node: `getPeerCertificate().modulus`.
#[no_mangle]
pub extern "C" fn tls_certificate_modulus(certificate: *const tls_certificate) -> *const c_char {
    text(certificate, |details| Ok(details.key.modulus.as_ref()))
}

/// The exponent of an RSA key, `"0x10001"`; otherwise as `tls_certificate_modulus`.
///
/// Node: `getPeerCertificate().exponent`.
#[no_mangle]
pub extern "C" fn tls_certificate_exponent(certificate: *const tls_certificate) -> *const c_char {
    text(certificate, |details| Ok(details.key.exponent.as_ref()))
}

/// OpenSSL's name of the curve of an elliptic-curve key, `"prime256v1"`. It lives as long as the
/// certificate. NULL for other keys, for curves without a name, and for a bad handle. Any thread.
///
/// Node: `getPeerCertificate().asn1Curve`.
#[no_mangle]
pub extern "C" fn tls_certificate_asn1_curve(certificate: *const tls_certificate) -> *const c_char {
    text(certificate, |details| Ok(details.key.asn1_curve.as_ref()))
}

/// NIST's name of the curve, `"P-256"`, if it has one; otherwise as `tls_certificate_asn1_curve`.
///
/// Node: `getPeerCertificate().nistCurve`.
#[no_mangle]
pub extern "C" fn tls_certificate_nist_curve(certificate: *const tls_certificate) -> *const c_char {
    text(certificate, |details| Ok(details.key.nist_curve.as_ref()))
}

/// The public key and its algorithm (SubjectPublicKeyInfo) in DER, byte for byte as the certificate
/// has it: what is hashed to pin a key. It lives as long as the certificate. Any thread.
///
/// - `length`: where to put the number of bytes; may be NULL.
///
/// Returns NULL, and a length of 0, for a bad handle. Node: `X509Certificate.publicKey`, and of RSA
/// keys `getPeerCertificate().pubkey` (of elliptic curves that is the bare point: see the JSON).
#[no_mangle]
pub unsafe extern "C" fn tls_certificate_public_key(
    certificate: *const tls_certificate,
    length: *mut usize,
) -> *const u8 {
    // SAFETY: valid by contract.
    unsafe { bytes(certificate, length, |details| &details.public_key) }
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
    // SAFETY: valid by contract.
    unsafe { bytes(certificate, length, |details| &details.der) }
}

/// The certificate itself, as a PEM text. It lives as long as the certificate. NULL for a bad handle.
/// Any thread.
///
/// Node: `X509Certificate.toString`.
#[no_mangle]
pub extern "C" fn tls_certificate_pem(certificate: *const tls_certificate) -> *const c_char {
    text(certificate, |details| Ok(Some(&details.pem)))
}
