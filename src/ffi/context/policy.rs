//! What a context demands of its connections beside ciphers and versions.

use std::ffi::c_void;

use super::super::input;
use super::super::status::tls_status;
use super::{change, tls_context};
use crate::context::ClientAuth;
use crate::error::Error;

/// For `tls_context_set_client_auth`: the server's own settings count.
pub const TLS_CLIENT_AUTH_INHERIT: i32 = 0;
/// Clients are not asked for a certificate, whatever the server's settings say.
pub const TLS_CLIENT_AUTH_NONE: i32 = 1;
/// Clients are asked for a certificate, and the connection goes on whatever they answer.
pub const TLS_CLIENT_AUTH_REQUEST: i32 = 2;
/// Clients without a certificate that is accepted are refused.
pub const TLS_CLIENT_AUTH_REQUIRE: i32 = 3;

/// Says whether a server that uses this context asks for client certificates: a context that SNI
/// picks can so have a policy of its own, which beats the server's `tls_server_set_request_cert` and
/// `tls_server_set_reject_unauthorized`. Any thread, until the context's first use.
///
/// - `policy`: `TLS_CLIENT_AUTH_INHERIT` (the default: the server's settings count), `_NONE`,
///   `_REQUEST` or `_REQUIRE`.
///
/// Clients and client pairs do not look at it.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
///
/// Node: has it for whole servers only, `requestCert` and `rejectUnauthorized`.
#[no_mangle]
pub extern "C" fn tls_context_set_client_auth(
    context: *mut tls_context,
    policy: i32,
) -> tls_status {
    change(context, |context| {
        let policy = match policy {
            TLS_CLIENT_AUTH_INHERIT => ClientAuth::Inherit,
            TLS_CLIENT_AUTH_NONE => ClientAuth::None,
            TLS_CLIENT_AUTH_REQUEST => ClientAuth::Request,
            TLS_CLIENT_AUTH_REQUIRE => ClientAuth::Require,
            other => {
                return Err(Error::argument(format!(
                    "the policy must be one of TLS_CLIENT_AUTH_*, 0 to 3, not {other}"
                )))
            }
        };
        context.set_client_auth(policy)
    })
}

/// Adds option bits of OpenSSL to those that the library sets. Any thread, until the context's first
/// use.
///
/// - `options`: `SSL_OP_*` of `<openssl/ssl.h>`, joined by `|`; SSL_CTX_set_options(3) tells what they
///   do. A second call takes the place of the first. 0 is the default.
///
/// Refused are bits that this OpenSSL does not know, and those that would undo what the library
/// promises: `SSL_OP_IGNORE_UNEXPECTED_EOF`, `SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION`,
/// `SSL_OP_TLS_ROLLBACK_BUG`. `SSL_OP_LEGACY_SERVER_CONNECT` is taken, for clients of old servers.
///
/// `SSL_OP_NO_TLSv1_2` and its like take versions away from what `tls_context_set_min_version` and
/// `_max_version` allow; where none is left, the context's first use fails with `TLS_ERR_PROTOCOL`.
/// Bits for DTLS and for the kernel's TLS have no effect.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
///
/// Node: the option `secureOptions`.
#[no_mangle]
pub extern "C" fn tls_context_set_secure_options(
    context: *mut tls_context,
    options: u64,
) -> tls_status {
    change(context, |context| context.set_secure_options(options))
}

/// Sets the mark that a server gives its sessions: sessions with another mark are not resumed, so
/// servers that must not take each other's have different ones. Any thread, until the context's first
/// use.
///
/// - `id`: any bytes; copied.
/// - `length`: 1 to 32.
///
/// By default it is derived from the certificates, the CAs and the revocation lists. Where clients are
/// asked for a certificate, the CAs and the lists count beside the mark, so that no session leads
/// around them. Clients do not use it.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
///
/// Node: the option `sessionIdContext`.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_session_id_context(
    context: *mut tls_context,
    id: *const c_void,
    length: usize,
) -> tls_status {
    change(context, |context| {
        // SAFETY: readable by contract.
        context.set_session_id_context(unsafe { input::bytes(id, length) }?)
    })
}
