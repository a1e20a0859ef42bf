//! What a server decides in the middle of a handshake: the context for a name, whether a client is
//! welcome, and how often one may renegotiate.

use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::time::Duration;

use super::super::callback::{tls_server_check_certificate_callback, tls_server_sni_callback};
use super::super::context::{self, tls_context};
use super::super::event_loop::{TLS_ROW_CHECK_CERTIFICATE, TLS_ROW_RESUME_SESSION, TLS_ROW_SNI};
use super::super::input;
use super::super::request;
use super::super::status::tls_status;
use super::super::stream::tls_stream;
use super::{change, tls_server, ServerObject};
use crate::engine::{Limit, Question, Request};

/// Puts a question of one of the server's connections.
pub(super) fn ask(
    object: &ServerObject,
    stream: u64,
    question: &Question,
    request: &Arc<Request>,
) -> bool {
    let by_row = |kind: i32, bytes: &[u8]| {
        let row = object.stream_row(kind, stream);
        request::ask_by_row(&object.outlet, row, bytes, request)
    };
    let (server, stream) = (object.handle(), stream as *mut tls_stream);
    match question {
        Question::ServerName(name) => {
            let Ok(text) = request::text(name) else {
                return false;
            };
            request::ask(&object.sni, request, |function, request, user_data| {
                // SAFETY: the user gave the function for this user data.
                unsafe { function(server, stream, text.as_ptr(), request, user_data) };
            }) || by_row(TLS_ROW_SNI, name.as_bytes())
        }
        Question::ClientCertificate(certificate) => {
            request::ask_about(
                &object.check_certificate,
                certificate,
                request,
                |function, certificate, request, user_data| {
                    // SAFETY: as above.
                    unsafe { function(server, stream, certificate, request, user_data) };
                },
            ) || by_row(TLS_ROW_CHECK_CERTIFICATE, &[])
        }
        Question::Session(id) => {
            request::ask(
                &object.resume_session,
                request,
                |function, request, user_data| {
                    // SAFETY: as above.
                    unsafe { function(server, stream, id.as_ptr(), id.len(), request, user_data) };
                },
            ) || by_row(TLS_ROW_RESUME_SESSION, id)
        }
        Question::Identity { .. } => false,
    }
}

/// Adds a context for clients that ask for a name (SNI), or replaces the one that was added for it.
/// For connections to come; those that are there keep what they have. The loop's thread.
///
/// - `hostname`: a host name, or `*.` and one for all names that have exactly one label more; copied,
///   not NULL. Case and a dot at its end do not count. An exact name comes before a wildcard. A
///   client that asks for another name, or none, gets the server's own context.
/// - `context`: with certificate and key; it freezes here. The server keeps what it needs of it.
///
/// All of the context's policy counts on these connections, as for `tls_request_resolve_context`.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (it cannot be a host name, or has a wildcard elsewhere),
/// `TLS_ERR_INVALID_STATE` (the context lacks certificate or key), or what the context's first use may
/// answer. Node: `server.addContext`.
#[no_mangle]
pub unsafe extern "C" fn tls_server_add_context(
    server: *mut tls_server,
    hostname: *const c_char,
    context: *mut tls_context,
) -> tls_status {
    change(server, |object| {
        // SAFETY: NUL-terminated by contract.
        let name = unsafe { input::text(hostname, "the host name") }?;
        crate::engine::NameTable::check(name)?;
        let context = context::object(context)?.context.freeze_for_server()?;
        object.server.add_context(name, context)
    })
}

/// Removes what `tls_server_add_context` added for a name. For connections to come. The loop's
/// thread.
///
/// - `hostname`: as it was added; not NULL.
///
/// Errors: `TLS_ERR_INVALID_STATE` (name `ERR_TLS_SNI_UNKNOWN_NAME`) if it was not there,
/// `TLS_ERR_INVALID_ARGUMENT`. Node has no counterpart.
#[no_mangle]
pub unsafe extern "C" fn tls_server_remove_context(
    server: *mut tls_server,
    hostname: *const c_char,
) -> tls_status {
    change(server, |object| {
        // SAFETY: NUL-terminated by contract.
        let name = unsafe { input::text(hostname, "the host name") }?;
        object.server.remove_context(name)
    })
}

/// Registers the callback that chooses the context for the name that a client asks for, in place of
/// the contexts that were added; NULL unregisters. It is called once for each connection whose client
/// asks for a name, in the middle of its handshake, for connections that are accepted from now on.
/// The loop's thread.
///
/// Its arguments: the server, the stream (not secure yet; it may be destroyed), the name as the client
/// wrote it, and a request for `tls_request_resolve_context` or `tls_request_reject`, now or later.
/// Until then the connection waits, and its handshake timeout runs on; others are served meanwhile.
///
/// Node: the option `SNICallback`.
#[no_mangle]
pub extern "C" fn tls_server_on_sni(
    server: *mut tls_server,
    callback: tls_server_sni_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(server, |object| {
        object.sni.set(callback, user_data);
        object.listen();
        Ok(())
    })
}

/// Registers the callback that decides about clients whose certificate was asked for, given, and found
/// good; NULL unregisters. It comes after the handshake and before the secureConnection event, for
/// connections that are accepted from now on; resumed ones are asked about too. Clients without a good
/// certificate are not: what becomes of them is said by `tls_server_set_reject_unauthorized`. The
/// loop's thread.
///
/// Its arguments: the server, the stream (not secure yet), the certificate, which is valid until the
/// callback returns (`tls_stream_peer_certificate` gives one to keep), and a request for
/// `tls_request_resolve_verdict` or `tls_request_reject`, now or later. Until then nothing of the
/// client's data is delivered and nothing is sent.
///
/// Node has no counterpart.
#[no_mangle]
pub extern "C" fn tls_server_on_check_certificate(
    server: *mut tls_server,
    callback: tls_server_check_certificate_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(server, |object| {
        object.check_certificate.set(callback, user_data);
        object.listen();
        Ok(())
    })
}

/// Sets how often a client may renegotiate (TLS 1.2 and before), which costs it little and the server
/// much. One time more is an error of the stream, `ERR_TLS_SESSION_ATTACK`, and ends the connection
/// before that renegotiation is done. For connections to come. The loop's thread.
///
/// - `limit`: in any stretch of `window_ms`; `TLS_CLIENT_RENEG_LIMIT` by default. 0: never.
/// - `window_ms`: in milliseconds, 1 at least; `TLS_CLIENT_RENEG_WINDOW_MS` by default.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT`. Node: `tls.CLIENT_RENEG_LIMIT`, `tls.CLIENT_RENEG_WINDOW`.
#[no_mangle]
pub extern "C" fn tls_server_set_client_renegotiation(
    server: *mut tls_server,
    limit: u32,
    window_ms: u64,
) -> tls_status {
    change(server, |object| {
        let limit = renegotiation_limit(limit, window_ms)?;
        object.server.set_renegotiation_limit(limit);
        Ok(())
    })
}

/// Checks the two numbers.
pub(in crate::ffi) fn renegotiation_limit(
    count: u32,
    window_ms: u64,
) -> crate::error::Result<Limit> {
    if window_ms == 0 {
        return Err(crate::error::Error::argument(
            "the window of renegotiations must be 1 millisecond at least",
        ));
    }
    Ok(Limit {
        count,
        window: Duration::from_millis(window_ms),
    })
}
