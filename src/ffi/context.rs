//! `tls_context`: who we are and whom we trust.

mod key_exchange;
mod pfx;
mod policy;
mod protocols;
mod session_cache;
mod tickets;

use std::ffi::{c_char, c_void};
use std::sync::{Arc, Mutex};

use super::callback::tls_destroy_callback;
use super::registry::{self, Kind, Shared};
use super::status::{tls_status, TLS_OK};
use super::user_data::UserData;
use super::{guard, input};
use crate::context::{read_file, Context};
use crate::error::{Error, Result};
use crate::sys::memory::Secret;

pub use key_exchange::*;
pub use pfx::*;
pub use policy::*;
pub use protocols::*;
pub use session_cache::*;
pub use tickets::*;

/// Certificates, keys, CAs and TLS settings, shared by any number of servers, clients and pairs.
/// Any thread. The setters work until its first use (`tls_server_new`, `tls_connect`,
/// `tls_secure_pair_new`); from then on it is frozen and they answer `TLS_ERR_FROZEN`.
#[repr(C)]
pub struct tls_context {
    _private: [u8; 0],
}

pub struct ContextObject {
    pub(super) context: Arc<Context>,
    user_data: Mutex<Option<UserData>>,
}

impl ContextObject {
    pub(super) fn new() -> ContextObject {
        ContextObject {
            context: Context::new(),
            user_data: Mutex::new(None),
        }
    }
}

pub(super) fn object(context: *const tls_context) -> Result<Arc<ContextObject>> {
    match registry::shared(context as u64, Kind::Context)? {
        Shared::Context(object) => Ok(object),
        _ => Err(Error::argument("this is not a tls_context")),
    }
}

fn change(context: *mut tls_context, change: impl FnOnce(&Context) -> Result<()>) -> tls_status {
    guard::status(|| change(&object(context)?.context))
}

/// A new context with secure defaults: TLS 1.2 and 1.3, forward secrecy, the well-known roots
/// trusted, no certificate of its own. Free it with `tls_context_free`. Any thread.
///
/// Returns NULL when out of memory.
///
/// Node: `tls.createSecureContext`, `crypto.createCredentials`.
#[no_mangle]
pub extern "C" fn tls_context_new() -> *mut tls_context {
    guard::value(std::ptr::null_mut(), || {
        let object = Shared::Context(Arc::new(ContextObject::new()));
        Ok(registry::insert_shared(Kind::Context, object)? as *mut tls_context)
    })
}

/// Frees a context. Servers, streams, pairs and connect options that use it keep what they need, so
/// it may be freed as soon as they are made. NULL is `TLS_OK`. Any thread.
///
/// The destroy callback of its user data runs before this returns, unless another thread is using
/// the context just now: then when that call ends.
#[no_mangle]
pub extern "C" fn tls_context_free(context: *mut tls_context) -> tls_status {
    if context.is_null() {
        return TLS_OK;
    }
    guard::status(|| registry::remove_shared(context as u64, Kind::Context).map(drop))
}

/// Sets the certificate from memory. Any thread, until the context's first use.
///
/// - `pem`: the leaf certificate first, then those that lead from it towards the CA, in PEM. Text
///   between the blocks is skipped. Copied. May be NULL only with length 0, which is an error.
/// - `length`: in bytes; a terminating NUL is not needed.
///
/// A certificate of the same key type is replaced; one with another key type is added, so that RSA
/// and ECDSA can serve side by side. If the key is there already and does not belong to it, that is
/// refused at once. On failure nothing changes.
///
/// Errors: `TLS_ERR_CERTIFICATE` (no certificate in the text, or one that cannot be decoded),
/// `TLS_ERR_KEY_MISMATCH`, `TLS_ERR_INVALID_STATE` (the context has a PFX),
/// `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
///
/// Node: the option `cert`.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_cert(
    context: *mut tls_context,
    pem: *const c_void,
    length: usize,
) -> tls_status {
    change(context, |context| {
        // SAFETY: readable by contract.
        context.set_cert(unsafe { input::bytes(pem, length) }?)
    })
}

/// Does what `tls_context_set_cert` does, from a file of at most 16 MiB.
///
/// - `path`: bytes as the system takes them, NUL-terminated; not NULL.
///
/// Errors: those of `tls_context_set_cert`, and `TLS_ERR_FILE` with the errno.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_cert_file(
    context: *mut tls_context,
    path: *const c_char,
) -> tls_status {
    change(context, |context| {
        // SAFETY: NUL-terminated by contract.
        context.set_cert(&read_file(unsafe { input::path(path) }?)?)
    })
}

/// Sets the private key from memory. Any thread, until the context's first use.
///
/// - `pem`: PKCS#8, PKCS#1 or SEC1, encrypted or not; the first key in the text counts. Copied.
/// - `length`: in bytes.
/// - `passphrase`: for an encrypted key, 1,024 bytes at most; NULL if there is none. Nobody is ever
///   asked on the terminal.
///
/// RSA, RSA-PSS, ECDSA and Ed25519 keys, one of each type. A key that does not belong to the
/// certificate that is set is refused at once. On failure nothing changes.
///
/// Errors: `TLS_ERR_KEY` (no key in the text, or it cannot be decoded), `TLS_ERR_PASSPHRASE`
/// (missing: name `ERR_MISSING_PASSPHRASE`; wrong; too long), `TLS_ERR_NOT_SUPPORTED` (encrypted with
/// single DES or RC2, and OpenSSL's legacy provider is not there), `TLS_ERR_KEY_MISMATCH`,
/// `TLS_ERR_INVALID_STATE` (the context has a PFX), `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
///
/// Node: the options `key` and `passphrase`.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_key(
    context: *mut tls_context,
    pem: *const c_void,
    length: usize,
    passphrase: *const c_char,
) -> tls_status {
    change(context, |context| {
        // SAFETY: readable, and NUL-terminated, by contract.
        let (pem, passphrase) =
            unsafe { (input::bytes(pem, length)?, input::passphrase(passphrase)) };
        context.set_key(pem, passphrase)
    })
}

/// Does what `tls_context_set_key` does, from a file of at most 16 MiB.
///
/// - `path`: as for `tls_context_set_cert_file`.
/// - `passphrase`: as for `tls_context_set_key`.
///
/// Errors: those of `tls_context_set_key`, and `TLS_ERR_FILE` with the errno.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_key_file(
    context: *mut tls_context,
    path: *const c_char,
    passphrase: *const c_char,
) -> tls_status {
    change(context, |context| {
        // SAFETY: NUL-terminated by contract.
        let (path, passphrase) = unsafe { (input::path(path)?, input::passphrase(passphrase)) };
        let pem = Secret::new(read_file(path)?);
        context.set_key(&pem, passphrase)
    })
}

/// Sets certificate and key in one step: both, or on failure neither. The way to replace a pair that
/// is there, because each half alone would not fit the other. Any thread, until the context's first
/// use.
///
/// - `cert`, `cert_length`: as for `tls_context_set_cert`.
/// - `key`, `key_length`, `passphrase`: as for `tls_context_set_key`.
///
/// Errors: those of the two.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_identity(
    context: *mut tls_context,
    cert: *const c_void,
    cert_length: usize,
    key: *const c_void,
    key_length: usize,
    passphrase: *const c_char,
) -> tls_status {
    change(context, |context| {
        // SAFETY: readable, and NUL-terminated, by contract.
        let (cert, key, passphrase) = unsafe {
            (
                input::bytes(cert, cert_length)?,
                input::bytes(key, key_length)?,
                input::passphrase(passphrase),
            )
        };
        context.set_identity(cert, key, passphrase)
    })
}

/// Does what `tls_context_set_identity` does, from two files, which may be one and the same.
///
/// - `cert_path`, `key_path`: bytes as the system takes them, NUL-terminated; not NULL.
/// - `passphrase`: as for `tls_context_set_key`.
///
/// Errors: those of `tls_context_set_identity`, and `TLS_ERR_FILE` with the errno.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_identity_file(
    context: *mut tls_context,
    cert_path: *const c_char,
    key_path: *const c_char,
    passphrase: *const c_char,
) -> tls_status {
    change(context, |context| {
        // SAFETY: NUL-terminated by contract.
        let (cert_path, key_path, passphrase) = unsafe {
            (
                input::path(cert_path)?,
                input::path(key_path)?,
                input::passphrase(passphrase),
            )
        };
        let key = Secret::new(read_file(key_path)?);
        context.set_identity(&read_file(cert_path)?, &key, passphrase)
    })
}

/// Trusts one or more CAs. The first call takes the place of the well-known roots. Any thread, until
/// the context's first use.
///
/// - `pem`: one certificate or a bundle; text between the blocks is skipped. Copied.
/// - `length`: in bytes.
///
/// A server also names these CAs when it asks for client certificates. On failure none is added.
///
/// Errors: `TLS_ERR_CERTIFICATE` (no certificate in the text, or one that cannot be decoded),
/// `TLS_ERR_INVALID_STATE` (the context has a PFX), `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
///
/// Node: the option `ca`.
#[no_mangle]
pub unsafe extern "C" fn tls_context_add_ca(
    context: *mut tls_context,
    pem: *const c_void,
    length: usize,
) -> tls_status {
    change(context, |context| {
        // SAFETY: readable by contract.
        context.add_ca(unsafe { input::bytes(pem, length) }?)
    })
}

/// Does what `tls_context_add_ca` does, from a file of at most 16 MiB.
///
/// - `path`: bytes as the system takes them, NUL-terminated; not NULL.
///
/// Errors: those of `tls_context_add_ca`, and `TLS_ERR_FILE` with the errno.
#[no_mangle]
pub unsafe extern "C" fn tls_context_add_ca_file(
    context: *mut tls_context,
    path: *const c_char,
) -> tls_status {
    change(context, |context| {
        // SAFETY: NUL-terminated by contract.
        context.add_ca(&read_file(unsafe { input::path(path) }?)?)
    })
}

/// Trusts nobody, until the next `tls_context_add_ca`: neither the well-known roots nor what was
/// added before. Any thread, until the context's first use. Errors: `TLS_ERR_INVALID_STATE` (the
/// context has a PFX), `TLS_ERR_FROZEN`.
///
/// Node: `ca: []`.
#[no_mangle]
pub extern "C" fn tls_context_clear_ca(context: *mut tls_context) -> tls_status {
    change(context, Context::clear_ca)
}

/// Lets certificate revocation lists count. With any list, every certificate of a peer's chain is
/// checked, and every issuer in it needs a list: the CAs between as well as the root. Any thread,
/// until the context's first use.
///
/// - `pem`: one list (`X509 CRL`) or several; text and blocks of other kinds between them are
///   skipped. Copied. May be NULL only with length 0, which is an error.
/// - `length`: in bytes.
///
/// Further calls add. A peer is then refused, or with `reject_unauthorized` 0 not authorized, with
/// one of these names: `CERT_REVOKED`; `UNABLE_TO_GET_CRL` (no list of this issuer);
/// `CRL_HAS_EXPIRED`, `CRL_NOT_YET_VALID` (fetch the new list, and put it into a new context);
/// `CRL_SIGNATURE_FAILURE`; `UNHANDLED_CRITICAL_CRL_EXTENSION`; `KEYUSAGE_NO_CRL_SIGN` (the issuer
/// may not sign lists). Whether a list is in force is looked at in each handshake, not here. The CAs
/// that are trusted stay what they were, the well-known roots too. On failure none is added.
///
/// Errors: `TLS_ERR_CERTIFICATE` (no list in the text, or one that cannot be decoded),
/// `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
///
/// Node: the option `crl`.
#[no_mangle]
pub unsafe extern "C" fn tls_context_add_crl(
    context: *mut tls_context,
    pem: *const c_void,
    length: usize,
) -> tls_status {
    change(context, |context| {
        // SAFETY: readable by contract.
        context.add_crl(unsafe { input::bytes(pem, length) }?)
    })
}

/// Does what `tls_context_add_crl` does, from a file of at most 16 MiB.
///
/// - `path`: bytes as the system takes them, NUL-terminated; not NULL.
///
/// Errors: those of `tls_context_add_crl`, and `TLS_ERR_FILE` with the errno.
#[no_mangle]
pub unsafe extern "C" fn tls_context_add_crl_file(
    context: *mut tls_context,
    path: *const c_char,
) -> tls_status {
    change(context, |context| {
        // SAFETY: NUL-terminated by contract.
        context.add_crl(&read_file(unsafe { input::path(path) }?)?)
    })
}

/// Sets the cipher suites: TLS 1.3 suites (`TLS_AES_128_GCM_SHA256`) and OpenSSL's cipher list for
/// older versions (`ECDHE+AESGCM:!aNULL`) in one text. Any thread, until the context's first use.
///
/// - `ciphers`: names separated by `:`, `,` or blanks, 64 KiB at most; not NULL. With old names
///   alone the TLS 1.3 defaults stay; with TLS 1.3 suites alone older versions are off, as in Node.
///   `@SECLEVEL=n` sets OpenSSL's security level, which is
///   2 otherwise.
///
/// The default allows only forward secrecy with authenticated encryption. A name that this OpenSSL
/// does not know is refused and told; words of ciphers(1) are taken also where they match nothing.
///
/// Errors: `TLS_ERR_CIPHERS` (unknown name, nothing left, control characters),
/// `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
///
/// Node: the option `ciphers`.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_ciphers(
    context: *mut tls_context,
    ciphers: *const c_char,
) -> tls_status {
    change(context, |context| {
        // SAFETY: NUL-terminated by contract.
        context.set_ciphers(unsafe { input::text(ciphers, "the cipher list") }?)
    })
}

/// Lets the server's order of ciphers count (1) or the client's (0, the default). Any thread, until
/// the context's first use. Errors: `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
///
/// Node: the option `honorCipherOrder`.
#[no_mangle]
pub extern "C" fn tls_context_set_honor_cipher_order(
    context: *mut tls_context,
    enabled: i32,
) -> tls_status {
    change(context, |context| {
        context.set_honor_cipher_order(input::flag(enabled, "enabled")?)
    })
}

/// Sets the protocol versions by the name of an OpenSSL method: `"TLSv1_2_method"` is that version
/// alone, `"TLS_method"` and `"SSLv23_method"` are all that the library has. Any thread, until the
/// context's first use.
///
/// - `method`: one of `TLS_`, `SSLv23_`, `TLSv1_`, `TLSv1_1_`, `TLSv1_2_` with `method`,
///   `server_method` or `client_method`; not NULL. SSL 2 and 3 are refused.
///
/// TLS 1.0 and 1.1 work only with `@SECLEVEL=0` in the ciphers; where nothing else is left to use,
/// the context's first use fails with `TLS_ERR_PROTOCOL`.
///
/// Errors: `TLS_ERR_PROTOCOL`, `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
///
/// Node: the option `secureProtocol`.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_secure_protocol(
    context: *mut tls_context,
    method: *const c_char,
) -> tls_status {
    change(context, |context| {
        // SAFETY: NUL-terminated by contract.
        context.set_secure_protocol(unsafe { input::text(method, "the method") }?)
    })
}

/// Sets the lowest protocol version; `TLSv1.2` by default. Any thread, until the context's first
/// use.
///
/// - `version`: `"TLSv1"`, `"TLSv1.1"`, `"TLSv1.2"` or `"TLSv1.3"`; not NULL.
///
/// Errors: `TLS_ERR_PROTOCOL` (unknown, or above the highest), `TLS_ERR_INVALID_ARGUMENT`,
/// `TLS_ERR_FROZEN`. Node: the option `minVersion`.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_min_version(
    context: *mut tls_context,
    version: *const c_char,
) -> tls_status {
    change(context, |context| {
        // SAFETY: NUL-terminated by contract.
        context.set_min_version(unsafe { input::text(version, "the version") }?)
    })
}

/// Sets the highest protocol version; `TLSv1.3` by default. The rest is as for
/// `tls_context_set_min_version`.
///
/// - `version`: as there.
///
/// Node: the option `maxVersion`.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_max_version(
    context: *mut tls_context,
    version: *const c_char,
) -> tls_status {
    change(context, |context| {
        // SAFETY: NUL-terminated by contract.
        context.set_max_version(unsafe { input::text(version, "the version") }?)
    })
}

/// Keeps a pointer of yours with the context; works also when it is frozen. Any thread.
///
/// - `user_data`: any value, NULL too.
/// - `destroy`: called exactly once with it: when the context is freed, when it is replaced, or at
///   once when this call fails; on the thread that does so. May be NULL.
#[no_mangle]
pub extern "C" fn tls_context_set_user_data(
    context: *mut tls_context,
    user_data: *mut c_void,
    destroy: tls_destroy_callback,
) -> tls_status {
    let new = UserData::new(user_data, destroy);
    guard::status(|| {
        let object = object(context)?;
        let mut place = object.user_data.lock().unwrap_or_else(|e| e.into_inner());
        let old = place.replace(new);
        drop(place);
        drop(old);
        Ok(())
    })
}

/// The pointer from `tls_context_set_user_data`; NULL if there is none, or for a bad handle. Any
/// thread.
#[no_mangle]
pub extern "C" fn tls_context_user_data(context: *const tls_context) -> *mut c_void {
    guard::value(std::ptr::null_mut(), || {
        let object = object(context)?;
        let place = object.user_data.lock().unwrap_or_else(|e| e.into_inner());
        Ok(place
            .as_ref()
            .map_or(std::ptr::null_mut(), UserData::pointer))
    })
}
