//! `tls_request`: a decision that the library waits for.

use std::ffi::{c_char, c_int, c_void};
use std::sync::Arc;

use super::callback::Registered;
use super::certificate::{self, tls_certificate};
use super::context::{self, tls_context};
use super::registry::{self, Kind, Shared};
use super::rows::{Outlet, Row};
use super::status::tls_status;
use super::{guard, input};
use crate::context::Certificate;
use crate::engine::{Answer, Request};
use crate::error::{Error, Result};

/// Sessions with the longest chain that is kept are much shorter.
const MAX_SESSION_LENGTH: usize = 64 * 1024;

/// A question to the program. Any thread; it is used up by its answer.
#[repr(C)]
pub struct tls_request {
    _private: [u8; 0],
}

fn object(request: *const tls_request) -> Result<Arc<Request>> {
    let object = match registry::shared(request as u64, Kind::Request)? {
        Shared::Request(object) => object.upgrade(),
        _ => None,
    };
    object.ok_or_else(|| registry::invalid(request as u64, Kind::Request))
}

/// Lets `call` put the question, with a handle for its answer; the handle is gone when the question
/// is answered or its connection has ended. False: there is no callback, or no handle to be had.
pub(super) fn ask<F: Copy>(
    callback: &Registered<F>,
    request: &Arc<Request>,
    call: impl FnOnce(F, *mut tls_request, *mut c_void),
) -> bool {
    if !callback.is_set() {
        return false;
    }
    let Ok(handle) = handle_for(request) else {
        return false;
    };
    callback.call(|function, user_data| call(function, handle as *mut tls_request, user_data))
}

/// The same by a row, which has the handle.
pub(super) fn ask_by_row(outlet: &Outlet, row: Row, bytes: &[u8], request: &Arc<Request>) -> bool {
    outlet.takes(row.kind)
        && handle_for(request).is_ok_and(|object| outlet.put(Row { object, ..row }, [bytes, &[]]))
}

/// A handle that is gone with the question.
fn handle_for(request: &Arc<Request>) -> Result<u64> {
    let shared = Shared::Request(Arc::downgrade(request));
    let handle = registry::insert_shared(Kind::Request, shared)?;
    request.on_gone(move || drop(registry::remove_shared(handle, Kind::Request)));
    Ok(handle)
}

/// The same about a certificate, whose handle is valid until the callback returns.
pub(super) fn ask_about<F: Copy>(
    callback: &Registered<F>,
    certificate: &Certificate,
    request: &Arc<Request>,
    call: impl FnOnce(F, *const tls_certificate, *mut tls_request, *mut c_void),
) -> bool {
    if !callback.is_set() {
        return false;
    }
    let Ok(handle) = certificate::handle_for(Some(certificate.clone())) else {
        return false;
    };
    let asked = ask(callback, request, |function, request, user_data| {
        call(function, handle, request, user_data);
    });
    certificate::tls_certificate_free(handle);
    asked
}

fn answer(request: *mut tls_request, answer: impl FnOnce() -> Result<Answer>) -> tls_status {
    guard::status(|| {
        let object = object(request)?;
        object.answer(answer()?)
    })
}

/// Answers which context serves the name that a client asked for. Any thread, inside the callback
/// that brought the request or later.
///
/// - `request`: used up by this call, unless it fails; from then on its handle is dead. So it is when
///   the connection has ended meanwhile, which is no harm: then this answers
///   `TLS_ERR_INVALID_HANDLE`.
/// - `context`: with certificate and key; it freezes here. NULL: whatever would be used without the
///   callback, which is the context that was added for the name, or else the server's own.
///
/// The connection goes on with the whole policy of the context: its certificates, ciphers, versions,
/// options, groups, CAs and revocation lists, ALPN and NPN protocols and its client-certificate
/// policy. A stream goes on by itself; a pair with the next call on it (see
/// `tls_secure_pair_on_ready`).
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` if the request is about something else (it is not used up),
/// `TLS_ERR_INVALID_STATE` if the context lacks certificate or key, or what the context's first use
/// may answer. Node: the callback of `SNICallback`.
#[no_mangle]
pub extern "C" fn tls_request_resolve_context(
    request: *mut tls_request,
    context: *mut tls_context,
) -> tls_status {
    answer(request, || {
        if context.is_null() {
            return Ok(Answer::Context(None));
        }
        let frozen = context::object(context)?.context.freeze_for_server()?;
        Ok(Answer::Context(Some(frozen)))
    })
}

/// Answers whether a peer's certificate is accepted. Any thread, inside the callback that brought the
/// request or later.
///
/// - `request`: as for `tls_request_resolve_context`.
/// - `accepted`: 1 if it is, 0 if not.
///
/// What is not accepted is treated like a certificate that failed verification: the connection is
/// refused, or goes on as not authorized where that was allowed.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` for anything but 0 and 1, or if the request is about something
/// else; it is not used up. Node: what `checkServerIdentity` returns.
#[no_mangle]
pub extern "C" fn tls_request_resolve_verdict(
    request: *mut tls_request,
    accepted: c_int,
) -> tls_status {
    answer(request, || {
        Ok(Answer::Verdict(input::flag(accepted, "accepted")?))
    })
}

/// Answers what is kept under the id of a session. Any thread, inside the callback that brought the
/// request or later.
///
/// - `request`: as for `tls_request_resolve_context`.
/// - `session`: what the newSession callback gave for this id; copied. NULL with length 0: nothing is
///   known, and the handshake goes on as a full one.
/// - `length`: in bytes. More than 64 KiB cannot be one of ours, and counts as altered.
///
/// Whether the session can be resumed is judged by the library; bytes that were altered, or are of another
/// session, are as good as none.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` if the request is about something else; it is not used up. Node:
/// `callback(null, sessionData)`.
#[no_mangle]
pub unsafe extern "C" fn tls_request_resolve_session(
    request: *mut tls_request,
    session: *const c_void,
    length: usize,
) -> tls_status {
    answer(request, || {
        // SAFETY: readable by contract.
        let session = unsafe { input::bytes(session, length) }?;
        let kept = &session[..session.len().min(MAX_SESSION_LENGTH)];
        Ok(Answer::Session((!kept.is_empty()).then(|| kept.to_owned())))
    })
}

/// Answers that what is kept under the id of a session cannot be had now: the store is down, or has too
/// much to do. The handshake goes on as a full one, as for an id that is not known, but
/// `TLS_SESSIONS_MISS_STORE_ERROR` counts it. Any thread, inside the callback that brought the request or
/// later.
///
/// - `request`: as for `tls_request_resolve_context`.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` if the request is about something else; it is not used up. Node has
/// no counterpart: an error there ends the connection, as `tls_request_reject` does.
#[no_mangle]
pub extern "C" fn tls_request_resolve_unavailable(request: *mut tls_request) -> tls_status {
    answer(request, || Ok(Answer::Unavailable))
}

/// Answers any request with no. Any thread, inside the callback that brought it or later. A server
/// name is refused with the alert `unrecognized_name`; a certificate is not accepted; for a session the
/// connection is ended (`tls_request_resolve_unavailable` lets it go on).
///
/// - `request`: as for `tls_request_resolve_context`.
/// - `reason`: in words, for the message of the error that follows on our side; nothing of it is
///   sent. Copied; NULL: none.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (not UTF-8). Node: the error that is handed to the callback.
#[no_mangle]
pub unsafe extern "C" fn tls_request_reject(
    request: *mut tls_request,
    reason: *const c_char,
) -> tls_status {
    answer(request, || {
        // SAFETY: NUL-terminated by contract.
        let reason = unsafe { input::optional_text(reason, "the reason") }?;
        Ok(Answer::Reject(reason.map(str::to_owned)))
    })
}

/// A name for a callback, which cannot have a NUL.
pub(super) fn text(text: &str) -> Result<std::ffi::CString> {
    std::ffi::CString::new(text).map_err(|_| Error::argument("a name has a NUL"))
}
