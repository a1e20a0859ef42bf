//! The session that a client offers.

use std::ffi::c_void;

use super::super::input;
use super::super::status::tls_status;
use super::{change, tls_connect_options};
use crate::engine::read_session;
use crate::sys::memory::Secret;

/// Sets a session from `tls_stream_session`, its event, or the same of a pair, to be offered to the
/// server, which saves a full handshake if it agrees: `tls_stream_session_reused` tells. Any thread.
///
/// - `session`, `length`: the bytes; copied. NULL with length 0 offers none, the default.
///
/// A resumed connection has not seen the server's certificate anew. So a session is offered only where
/// it was made by the same rules: a context with the same CAs, revocation lists, ciphers and own
/// certificate, the same names to ask for and to verify, the same `reject_unauthorized`; and not once
/// it is older than the server allows or than 7 days, or the server's certificate has expired. Any
/// other is left aside, and the handshake is a full one. The port does not count. After a resumption
/// the name in the certificate is checked again, or `tls_stream_on_check_identity` asked.
///
/// Options may be used for many connections, and offer the same session each time. With TLS 1.3 set
/// another each time, or use `tls_context_set_session_cache`.
///
/// Errors: `TLS_ERR_SESSION` (`ERR_TLS_INVALID_SESSION`: not written by this library, by a version with
/// another form, or damaged; connect without), `TLS_ERR_INVALID_ARGUMENT`; what was set stays. Node:
/// the option `session`, which takes what OpenSSL writes and ignores what it cannot read.
#[no_mangle]
pub unsafe extern "C" fn tls_connect_options_set_session(
    options: *mut tls_connect_options,
    session: *const c_void,
    length: usize,
) -> tls_status {
    change(options, |values| {
        // SAFETY: readable by contract.
        let bytes = unsafe { input::bytes(session, length) }?;
        if !bytes.is_empty() {
            read_session(bytes)?;
        }
        values.session = (!bytes.is_empty()).then(|| Secret::new(bytes.to_vec()));
        Ok(())
    })
}
