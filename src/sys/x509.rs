//! What the openssl crate cannot ask a certificate.

use foreign_types::{ForeignType, ForeignTypeRef};
use libc::{c_int, c_long, c_void};
use openssl::asn1::{Asn1Object, Asn1TimeRef};
use openssl::nid::Nid;
use openssl::stack::{Stack, Stackable};
use openssl::x509::store::{X509Store, X509StoreRef};
use openssl::x509::{AccessDescription, GeneralName as Name, X509Ref, X509};

use super::general_name::GeneralName;
use super::object;
use super::printed::printed;

extern "C" {
    fn EC_curve_nid2nist(nid: c_int) -> *const libc::c_char;
    fn X509_check_ca(certificate: *mut openssl_sys::X509) -> c_int;
    fn X509_get_X509_PUBKEY(certificate: *const openssl_sys::X509) -> *mut c_void;
    fn X509_get0_pubkey_bitstr(
        certificate: *const openssl_sys::X509,
    ) -> *const openssl_sys::ASN1_BIT_STRING;
    fn X509_STORE_up_ref(store: *mut openssl_sys::X509_STORE) -> c_int;
    fn X509_STORE_CTX_get1_issuer(
        issuer: *mut *mut openssl_sys::X509,
        context: *mut openssl_sys::X509_STORE_CTX,
        certificate: *mut openssl_sys::X509,
    ) -> c_int;
    fn i2d_X509_PUBKEY(key: *const c_void, out: *mut *mut u8) -> c_int;
}

/// A certificate in DER, and nothing behind it. `None`: it is none; the error queue may say why.
pub fn from_der(bytes: &[u8]) -> Option<X509> {
    let mut position = bytes.as_ptr();
    let length = c_long::try_from(bytes.len()).ok()?;
    // SAFETY: reads `length` bytes at most, and moves the position past what was read; the result is
    // NULL or ours.
    let certificate = unsafe {
        let new = openssl_sys::d2i_X509(std::ptr::null_mut(), &mut position, length);
        (!new.is_null()).then(|| X509::from_ptr(new))
    };
    certificate.filter(|_| position == bytes.as_ptr_range().end)
}

/// May it sign others, by its basic constraints?
pub fn is_ca(certificate: &X509Ref) -> bool {
    // SAFETY: a live certificate.
    unsafe { X509_check_ca(certificate.as_ptr()) == 1 }
}

/// Does the name, and what else there is to compare but the signature, say that `issuer` signed it?
pub fn is_issued_by(certificate: &X509Ref, issuer: &X509Ref) -> bool {
    const OK: c_int = 0;
    // SAFETY: live certificates.
    unsafe { openssl_sys::X509_check_issued(issuer.as_ptr(), certificate.as_ptr()) == OK }
}

/// Who signed it, among those that a store trusts.
pub fn issuer_in(store: &X509StoreRef, certificate: &X509Ref) -> Option<X509> {
    // SAFETY: all are live; the context is freed before what it borrows, and the issuer is NULL or a
    // reference of our own.
    unsafe {
        let context = openssl_sys::X509_STORE_CTX_new();
        if context.is_null() {
            return None;
        }
        let mut issuer = std::ptr::null_mut();
        let nothing = std::ptr::null_mut();
        if openssl_sys::X509_STORE_CTX_init(context, store.as_ptr(), nothing, nothing.cast()) == 1 {
            X509_STORE_CTX_get1_issuer(&mut issuer, context, certificate.as_ptr());
        }
        openssl_sys::X509_STORE_CTX_free(context);
        (!issuer.is_null()).then(|| X509::from_ptr(issuer))
    }
}

/// A reference of one's own to a store that something else owns.
///
/// # Safety
/// `store` is NULL or live.
pub(super) unsafe fn share_store(store: *mut openssl_sys::X509_STORE) -> Option<X509Store> {
    // SAFETY: the caller's promise.
    unsafe {
        let shared = !store.is_null() && X509_STORE_up_ref(store) == 1;
        shared.then(|| X509Store::from_ptr(store))
    }
}

/// `Nov 11 09:52:22 2009 GMT`, a day below 10 behind two blanks; `Bad time value` if it is none.
pub fn time(time: &Asn1TimeRef) -> String {
    // SAFETY: a live BIO and a live time.
    let printed = printed(|bio| unsafe { openssl_sys::ASN1_TIME_print(bio, time.as_ptr()) });
    printed.map_or(String::new(), |(_, bytes)| {
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// NIST's name of a curve, `P-256`.
pub fn nist_name(curve: Nid) -> Option<String> {
    // SAFETY: the result is NULL or a text that lives as long as the process.
    unsafe {
        let name = EC_curve_nid2nist(curve.as_raw());
        (!name.is_null()).then(|| {
            std::ffi::CStr::from_ptr(name)
                .to_string_lossy()
                .into_owned()
        })
    }
}

/// The public key with its algorithm (SubjectPublicKeyInfo), in DER, as the certificate has it.
pub fn public_key_info(certificate: &X509Ref) -> Vec<u8> {
    // SAFETY: a live certificate, which the key is borrowed from; the first call says how much room
    // the second one needs.
    unsafe {
        let key = X509_get_X509_PUBKEY(certificate.as_ptr());
        let length = i2d_X509_PUBKEY(key, std::ptr::null_mut());
        let mut der = vec![0; usize::try_from(length).unwrap_or(0)];
        if !der.is_empty() {
            let mut end = der.as_mut_ptr();
            i2d_X509_PUBKEY(key, &mut end);
        }
        der
    }
}

/// The bare public key, without its algorithm: of an elliptic curve, the point.
pub fn public_key_bits(certificate: &X509Ref) -> Vec<u8> {
    // SAFETY: a live certificate, which the bits are borrowed from.
    unsafe {
        let bits = X509_get0_pubkey_bitstr(certificate.as_ptr());
        if bits.is_null() {
            return Vec::new();
        }
        openssl::asn1::Asn1BitStringRef::from_ptr(bits.cast_mut())
            .as_slice()
            .to_vec()
    }
}

/// An extension that may be missing, or there and not what it should be.
pub type Extension<T> = Option<Result<T, Undecodable>>;

/// The extension is there and cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undecodable;

/// All alternative names of the subject, in order.
pub fn subject_alt_names(certificate: &X509Ref) -> Extension<Vec<GeneralName>> {
    let names = first_extension::<Name>(certificate, Nid::SUBJECT_ALT_NAME)?;
    Some(names.and_then(|names| {
        let names = names.iter().map(GeneralName::read);
        names.collect::<Option<_>>().ok_or(Undecodable)
    }))
}

/// Where to ask about its issuer: the method (`OCSP`, `CA Issuers`) and the place.
pub fn info_access(certificate: &X509Ref) -> Extension<Vec<(String, GeneralName)>> {
    let places = first_extension::<AccessDescription>(certificate, Nid::INFO_ACCESS)?;
    Some(places.and_then(|places| {
        let places = places.iter().map(|place| {
            let location = GeneralName::read(place.location())?;
            Some((object::name(place.method()), location))
        });
        places.collect::<Option<_>>().ok_or(Undecodable)
    }))
}

/// What the key may be used for, as numbers; `None` if the certificate does not say, or more than
/// once, or not in a readable way.
pub fn ext_key_usage(certificate: &X509Ref) -> Option<Vec<String>> {
    // SAFETY: a live certificate; the result is NULL or a stack of objects that is ours.
    let usages = unsafe {
        let stack = openssl_sys::X509_get_ext_d2i(
            certificate.as_ptr(),
            Nid::EXT_KEY_USAGE.as_raw(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
        );
        (!stack.is_null()).then(|| Stack::<Asn1Object>::from_ptr(stack.cast()))?
    };
    Some(usages.iter().map(object::numbers).collect())
}

/// The list in the first extension of this kind.
fn first_extension<T: Stackable>(certificate: &X509Ref, kind: Nid) -> Extension<Stack<T>> {
    // SAFETY: a live certificate, which the extension is borrowed from; the caller names the type that
    // OpenSSL decodes this kind of extension to, and the result is NULL or ours.
    unsafe {
        let place = openssl_sys::X509_get_ext_by_NID(certificate.as_ptr(), kind.as_raw(), -1);
        if place < 0 {
            return None;
        }
        let extension = openssl_sys::X509_get_ext(certificate.as_ptr(), place);
        let stack = openssl_sys::X509V3_EXT_d2i(extension);
        let decoded = (!stack.is_null()).then(|| Stack::from_ptr(stack.cast()));
        Some(decoded.ok_or(Undecodable))
    }
}
