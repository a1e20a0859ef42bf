//! What a context demands of its connections beside ciphers and versions.

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
