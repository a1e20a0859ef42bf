//! Calls on an `SSL_CTX` that the openssl crate lacks.

use foreign_types::{ForeignType, ForeignTypeRef};
use libc::c_int;
use openssl::pkey::{PKeyRef, Private};
use openssl::ssl::SslContextBuilder;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreRef;
use openssl::x509::{X509Ref, X509};

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

/// Trusts what is in a store that is shared with other contexts.
pub fn share_store(builder: &mut SslContextBuilder, store: &X509StoreRef) {
    // SAFETY: both are live; the context takes a reference of its own, and nobody adds to a shared
    // store any more.
    unsafe { SSL_CTX_set1_cert_store(builder.as_ptr(), store.as_ptr()) };
}
