//! What keys are agreed on with: groups, and the parameters of DHE.

use std::ffi::{c_char, c_void};

use super::super::input;
use super::super::status::tls_status;
use super::{change, tls_context};
use crate::context::read_file;

/// Sets the groups for key exchange (curves, and what has come after them), the preferred first. Any
/// thread, until the context's first use.
///
/// - `groups`: names as OpenSSL takes them (SSL_CTX_set1_groups_list(3)), with `:` between them:
///   `"X25519:P-256:P-384"`; or `"auto"`, the default, for OpenSSL's own choice. Not NULL.
///
/// On TLS 1.2 the curve of an ECDSA certificate must be among them too.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (empty, or a name that this OpenSSL does not know),
/// `TLS_ERR_FROZEN`.
///
/// Node: the option `ecdhCurve`.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_groups(
    context: *mut tls_context,
    groups: *const c_char,
) -> tls_status {
    change(context, |context| {
        // SAFETY: NUL-terminated by contract.
        context.set_groups(unsafe { input::text(groups, "the list of groups") }?)
    })
}

/// Lets a server use DHE with TLS 1.2 and before, for peers that have no ECDHE. Without this call it
/// does not. Any thread, until the context's first use.
///
/// - `pem`: the parameters, as `openssl dhparam` writes them; or the four bytes `auto`, for
///   parameters that OpenSSL has, as strong as the certificate's key. Copied.
/// - `length`: in bytes.
///
/// Less than 2,048 bits are refused. Where the ciphers ask for a security level above 2, more are
/// needed: else the context's first use fails.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (none in the text, nonsense, too weak), `TLS_ERR_FROZEN`.
///
/// Node: the option `dhparam`, which takes 1,024 bits and ignores what it cannot read.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_dhparam(
    context: *mut tls_context,
    pem: *const c_void,
    length: usize,
) -> tls_status {
    change(context, |context| {
        // SAFETY: readable by contract.
        context.set_dhparam(unsafe { input::bytes(pem, length) }?)
    })
}

/// Does what `tls_context_set_dhparam` does, from a file of at most 16 MiB.
///
/// - `path`: bytes as the system takes them, NUL-terminated; not NULL.
///
/// Errors: those of `tls_context_set_dhparam`, and `TLS_ERR_FILE` with the errno.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_dhparam_file(
    context: *mut tls_context,
    path: *const c_char,
) -> tls_status {
    change(context, |context| {
        // SAFETY: NUL-terminated by contract.
        context.set_dhparam(&read_file(unsafe { input::path(path) }?)?)
    })
}
