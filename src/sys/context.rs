//! Calls on an `SSL_CTX` that the openssl crate lacks.

use foreign_types::{ForeignType, ForeignTypeRef};
use libc::{c_int, c_long, c_uchar, c_uint, c_void};
use openssl::pkey::{PKeyRef, Private};
use openssl::ssl::{SslCipher, SslContextBuilder, SslSessionRef};
use openssl::stack::{Stack, StackRef};
use openssl::x509::store::{X509StoreBuilder, X509StoreRef};
use openssl::x509::{X509CrlRef, X509Ref, X509};

use super::error_queue;
use crate::error::{Result, Status};

extern "C" {
    fn SSL_CTX_use_cert_and_key(
        context: *mut openssl_sys::SSL_CTX,
        certificate: *mut openssl_sys::X509,
        key: *mut openssl_sys::EVP_PKEY,
        chain: *mut openssl_sys::stack_st_X509,
        replace: c_int,
    ) -> c_int;
    fn SSL_CTX_set1_cert_store(
        context: *mut openssl_sys::SSL_CTX,
        store: *mut openssl_sys::X509_STORE,
    );
    fn X509_STORE_add_crl(
        store: *mut openssl_sys::X509_STORE,
        crl: *mut openssl_sys::X509_CRL,
    ) -> c_int;
    fn SSL_CTX_get_ciphers(
        context: *const openssl_sys::SSL_CTX,
    ) -> *mut openssl_sys::stack_st_SSL_CIPHER;
    fn SSL_SESSION_get0_id_context(
        session: *const openssl_sys::SSL_SESSION,
        length: *mut c_uint,
    ) -> *const c_uchar;
}

/// Adds a certificate, its key and its own chain, beside those of other key types
/// (SSL_CTX_use_cert_and_key(3)).
pub fn use_identity(
    builder: &mut SslContextBuilder,
    leaf: &X509Ref,
    key: &PKeyRef<Private>,
    chain: &[X509],
) -> Result<()> {
    error_queue::begin();
    let refused = "OpenSSL refuses this certificate or key";
    let mut stack = Stack::new()
        .map_err(|errors| error_queue::from_stack(Status::NoMemory, refused, &errors))?;
    for certificate in chain {
        stack
            .push(certificate.clone())
            .map_err(|errors| error_queue::from_stack(Status::NoMemory, refused, &errors))?;
    }
    // SAFETY: everything is live; OpenSSL takes references of its own to what it keeps.
    let done = unsafe {
        SSL_CTX_use_cert_and_key(
            builder.as_ptr(),
            leaf.as_ptr(),
            key.as_ptr(),
            stack.as_ptr(),
            1,
        )
    };
    if done == 1 {
        Ok(())
    } else {
        Err(error_queue::take_error(Status::Certificate, refused))
    }
}

/// Looks in the context's store for what leads from `leaf`, which is one of the context's own, to
/// its CA, and keeps it as the chain to send, without the root (SSL_CTX_build_cert_chain(3)). A
/// chain that cannot be completed is kept as far as it goes.
pub fn build_chain(builder: &mut SslContextBuilder, leaf: &X509Ref) {
    const SELECT_CURRENT_CERT: c_int = 116;
    const BUILD_CERT_CHAIN: c_int = 105;
    const NO_ROOT: c_long = 0x2;
    const IGNORE_ERROR: c_long = 0x8;
    const CLEAR_ERROR: c_long = 0x10;
    let flags = NO_ROOT | IGNORE_ERROR | CLEAR_ERROR;
    error_queue::begin();
    // SAFETY: both are live; the first call only compares the leaf with the context's own.
    unsafe {
        let leaf = leaf.as_ptr().cast::<c_void>();
        if openssl_sys::SSL_CTX_ctrl(builder.as_ptr(), SELECT_CURRENT_CERT, 0, leaf) == 1 {
            let none = std::ptr::null_mut();
            openssl_sys::SSL_CTX_ctrl(builder.as_ptr(), BUILD_CERT_CHAIN, flags, none);
        }
    }
    error_queue::begin();
}

/// Trusts what is in a store that is shared with other contexts.
pub fn share_store(builder: &mut SslContextBuilder, store: &X509StoreRef) {
    // SAFETY: both are live; the context takes a reference of its own, and nobody adds to a shared
    // store any more.
    unsafe { SSL_CTX_set1_cert_store(builder.as_ptr(), store.as_ptr()) };
}

/// Adds a certificate revocation list, which counts once the store's flags say so.
pub fn add_crl(store: &mut X509StoreBuilder, crl: &X509CrlRef) -> Result<()> {
    error_queue::begin();
    // SAFETY: both are live; the store takes a reference of its own.
    if unsafe { X509_STORE_add_crl(store.as_ptr(), crl.as_ptr()) } == 1 {
        Ok(())
    } else {
        let what = "OpenSSL refuses this certificate revocation list";
        Err(error_queue::take_error(Status::Certificate, what))
    }
}

/// OpenSSL's names of the cipher suites that are set, those of TLS 1.3 first.
pub fn cipher_names(builder: &SslContextBuilder) -> Vec<&'static str> {
    // SAFETY: a live SSL_CTX.
    unsafe { ciphers(builder.as_ptr()) }
}

/// # Safety
/// `context` is live.
pub(super) unsafe fn ciphers(context: *const openssl_sys::SSL_CTX) -> Vec<&'static str> {
    // SAFETY: the list is NULL or borrowed from the live context for the length of this call; the
    // names in it live as long as the process.
    unsafe {
        let list = SSL_CTX_get_ciphers(context);
        if list.is_null() {
            return Vec::new();
        }
        let list: &StackRef<SslCipher> = StackRef::from_ptr(list);
        list.iter().map(|cipher| cipher.name()).collect()
    }
}

/// The session id context that a session was made with (SSL_SESSION_get0_id_context(3)).
pub fn session_id_context(session: &SslSessionRef) -> &[u8] {
    let mut length = 0;
    // SAFETY: a live session, which the result is a part of.
    unsafe {
        let start = SSL_SESSION_get0_id_context(session.as_ptr(), &mut length);
        if start.is_null() || length == 0 {
            return &[];
        }
        std::slice::from_raw_parts(start, length as usize)
    }
}
