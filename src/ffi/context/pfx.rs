//! PKCS#12: key, certificate and CAs in one file.

use std::ffi::{c_char, c_void};

use super::super::input;
use super::super::status::tls_status;
use super::{change, tls_context};
use crate::context::read_file;
use crate::sys::memory::Secret;

/// Sets private key, certificate, chain and CAs from a PKCS#12 file (PFX, .p12) in memory. Any
/// thread, until the context's first use.
///
/// - `data`: DER or BER, as `openssl pkcs12 -export`, Windows, macOS, Java and browsers write it.
///   What follows it is ignored. The library wipes its copies of the key and of the passphrase.
/// - `length`: in bytes.
/// - `passphrase`: UTF-8; NULL or empty if there is none. Nobody is ever asked on the terminal.
///
/// The certificate is the one that belongs to the key. Of the others, those that lead from it towards
/// its CA are sent to peers, in order and without the root. If there is a root among the others
/// (a certificate signed by itself), then all of them are trusted, in place of the well-known roots,
/// as with `tls_context_add_ca`; if there is none, the well-known roots stay trusted.
///
/// It is either this, or `tls_context_set_cert`, `_set_key`, `_set_identity`, `_add_ca` and
/// `_clear_ca`: on a context that has seen one, the other answers `TLS_ERR_INVALID_STATE`. A second
/// PFX takes the place of the first. On failure nothing changes.
///
/// RC2 and single DES, with which OpenSSL 1.x and Windows encrypt, need OpenSSL's legacy provider. It
/// is loaded for this call and out of reach of the rest of the process.
///
/// Errors: `TLS_ERR_PASSPHRASE` (missing: name `ERR_MISSING_PASSPHRASE`; or wrong), `TLS_ERR_KEY` (no
/// private key in the file), `TLS_ERR_CERTIFICATE` (no certificate in it; damaged, cut short, or no
/// such file), `TLS_ERR_KEY_MISMATCH` (no certificate in it belongs to the key),
/// `TLS_ERR_NOT_SUPPORTED` (encrypted with what this OpenSSL lacks), `TLS_ERR_INVALID_STATE`,
/// `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
///
/// Node: the options `pfx` and `passphrase`. There the well-known roots stay trusted beside the CAs
/// of the file, so that a server that asks for certificates of its own CA takes any public CA's too.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_pfx(
    context: *mut tls_context,
    data: *const c_void,
    length: usize,
    passphrase: *const c_char,
) -> tls_status {
    change(context, |context| {
        // SAFETY: readable, and NUL-terminated, by contract.
        let (data, passphrase) =
            unsafe { (input::bytes(data, length)?, input::passphrase(passphrase)) };
        context.set_pfx(data, passphrase)
    })
}

/// Does what `tls_context_set_pfx` does, from a file of at most 16 MiB.
///
/// - `path`: bytes as the system takes them, NUL-terminated; not NULL.
/// - `passphrase`: as for `tls_context_set_pfx`.
///
/// Errors: those of `tls_context_set_pfx`, and `TLS_ERR_FILE` with the errno.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_pfx_file(
    context: *mut tls_context,
    path: *const c_char,
    passphrase: *const c_char,
) -> tls_status {
    change(context, |context| {
        // SAFETY: NUL-terminated by contract.
        let (path, passphrase) = unsafe { (input::path(path)?, input::passphrase(passphrase)) };
        context.set_pfx(&Secret::new(read_file(path)?), passphrase)
    })
}
