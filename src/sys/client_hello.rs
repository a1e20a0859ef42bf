//! A client's hello as a server sees it, before anything was decided from it, and the one moment in
//! which a connection can take another context (SSL_CTX_set_client_hello_cb(3)).

use std::ffi::CStr;
use std::marker::PhantomData;

use foreign_types::ForeignTypeRef;
use libc::{c_int, c_uint};
use openssl::ssl::{SslContextRef, SslOptions, SslRef, SslVerifyMode, SslVersion};
use openssl::x509::store::X509StoreRef;

use super::{error_queue, openssl_ffi, tls};
use crate::error::{Result, Status};

/// Valid during the callback only.
pub struct ClientHello<'a> {
    ssl: *mut openssl_sys::SSL,
    lifetime: PhantomData<&'a ()>,
}

/// What a connection takes from the context that it is switched to, beside what OpenSSL takes along
/// by itself (SSL_set_SSL_CTX(3): the certificates, their keys, ciphers and the callbacks).
pub struct Policy<'a> {
    pub context: &'a SslContextRef,
    pub options: SslOptions,
    pub versions: (SslVersion, SslVersion),
    /// As for SSL_set1_groups_list(3); `None`: those of the connection stay.
    pub groups: Option<&'a CStr>,
    /// Whom to verify clients against; `None`: the store of the context.
    pub store: Option<&'a X509StoreRef>,
    pub verify: SslVerifyMode,
}

/// OpenSSL's own groups as a list: what was set on a connection cannot be taken back otherwise.
pub fn default_groups() -> &'static CStr {
    const WITH_KEYWORD: libc::c_ulong = 0x3050_0000;
    // SAFETY: asks for a number.
    if unsafe { openssl_sys::OpenSSL_version_num() } >= WITH_KEYWORD {
        c"DEFAULT"
    } else {
        c"X25519:P-256:X448:P-521:P-384:ffdhe2048:ffdhe3072:ffdhe4096:ffdhe6144:ffdhe8192"
    }
}

impl ClientHello<'_> {
    /// # Safety
    /// `ssl` is the live connection of a client-hello callback, and the result is dropped before
    /// that returns.
    pub(super) unsafe fn new<'a>(ssl: *mut openssl_sys::SSL) -> ClientHello<'a> {
        ClientHello {
            ssl,
            lifetime: PhantomData,
        }
    }

    /// The body of an extension, by its number.
    pub fn extension(&self, number: u16) -> Option<&[u8]> {
        let mut start = std::ptr::null();
        let mut length = 0;
        // SAFETY: a live SSL in its client-hello callback, until which the bytes stay where they are.
        unsafe {
            let found = openssl_sys::SSL_client_hello_get0_ext(
                self.ssl,
                c_uint::from(number),
                &mut start,
                &mut length,
            );
            if found != 1 {
                return None;
            }
            if start.is_null() || length == 0 {
                return Some(&[]);
            }
            Some(std::slice::from_raw_parts(start, length))
        }
    }

    /// The session id of the versions before TLS 1.3.
    pub fn session_id(&self) -> &[u8] {
        let mut start = std::ptr::null();
        // SAFETY: a live SSL in its client-hello callback, until which the bytes stay where they are.
        unsafe {
            let length = openssl_sys::SSL_client_hello_get0_session_id(self.ssl, &mut start);
            if start.is_null() || length == 0 {
                return &[];
            }
            std::slice::from_raw_parts(start, length)
        }
    }

    pub fn ssl_mut(&mut self) -> &mut SslRef {
        // SAFETY: a live SSL; nobody else uses it during the callback.
        unsafe { SslRef::from_ptr_mut(self.ssl) }
    }

    /// Goes on with another context, with all of its policy: OpenSSL by itself would keep the old
    /// one's options, versions, groups and verify mode.
    pub fn switch_to(&mut self, policy: &Policy<'_>) -> Result<()> {
        const SET_GROUPS_LIST: c_int = 92;
        error_queue::begin();
        let ssl = self.ssl;
        // SAFETY: a live SSL in its client-hello callback and a live SSL_CTX, of which OpenSSL takes
        // a reference of its own; the options and the groups are only read.
        let switched = unsafe {
            let switched = !openssl_sys::SSL_set_SSL_CTX(ssl, policy.context.as_ptr()).is_null();
            openssl_ffi::SSL_clear_options(ssl, openssl_ffi::SSL_get_options(ssl));
            openssl_ffi::SSL_set_options(ssl, policy.options.bits());
            let groups_set = policy.groups.is_none_or(|groups| {
                let list = groups.as_ptr().cast_mut().cast();
                openssl_sys::SSL_ctrl(ssl, SET_GROUPS_LIST, 0, list) == 1
            });
            switched && groups_set
        };
        let ssl = self.ssl_mut();
        let (lowest, highest) = policy.versions;
        if !switched
            || ssl.set_min_proto_version(Some(lowest)).is_err()
            || ssl.set_max_proto_version(Some(highest)).is_err()
        {
            return Err(error_queue::take_error(
                Status::Internal,
                "OpenSSL refused to switch the connection to another context",
            ));
        }
        if let Some(store) = policy.store {
            tls::share_verify_store(ssl, store);
        }
        ssl.set_verify(policy.verify);
        Ok(())
    }
}
