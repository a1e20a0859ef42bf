//! What is decided about a stream's peer, and renegotiation.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::{change, fact, tls_stream, OnStream, StreamObject};
use crate::engine::{Question, Request};
use crate::ffi::callback::{tls_stream_callback, tls_stream_check_identity_callback, Registered};
use crate::ffi::certificate::tls_certificate;
use crate::ffi::event_loop::{TLS_ROW_CHECK_IDENTITY, TLS_ROW_RENEGOTIATED};
use crate::ffi::request::{self, tls_request};
use crate::ffi::rows::Row;
use crate::ffi::status::tls_status;

type OnCheckIdentity = unsafe extern "C-unwind" fn(
    *mut tls_stream,
    *const tls_certificate,
    *const c_char,
    *mut tls_request,
    *mut c_void,
);

/// Callbacks that few streams have.
#[derive(Default)]
pub(super) struct Decisions {
    check_identity: Registered<OnCheckIdentity>,
    renegotiated: Registered<OnStream>,
}

/// Puts a question about the server that a client is connected to.
pub(super) fn ask(object: &StreamObject, question: &Question, request: &Arc<Request>) -> bool {
    let Question::Identity { certificate, name } = question else {
        return false;
    };
    let Ok(text) = name.as_deref().map(request::text).transpose() else {
        return false;
    };
    let text = text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr());
    let decisions = object.decisions.borrow().clone();
    let asked = decisions.is_some_and(|decisions| {
        request::ask_about(
            &decisions.check_identity,
            certificate,
            request,
            |function, certificate, request, user_data| {
                // SAFETY: the user gave the function for this user data.
                unsafe { function(object.handle(), certificate, text, request, user_data) };
            },
        )
    });
    asked || {
        let value = name.is_some().into();
        let row = object.row(TLS_ROW_CHECK_IDENTITY);
        let name = name.as_deref().unwrap_or_default().as_bytes();
        request::ask_by_row(&object.outlet, Row { value, ..row }, name, request)
    }
}

/// Tells once that a renegotiation is over.
pub(super) fn renegotiated(object: &StreamObject) {
    let decisions = object.decisions.borrow().clone();
    let called = decisions.is_some_and(|decisions| {
        decisions.renegotiated.call_once(|function, user_data| {
            // SAFETY: the user gave the function for this user data.
            unsafe { function(object.handle(), user_data) };
        })
    });
    if !called {
        let row = object.row(TLS_ROW_RENEGOTIATED);
        object.outlet.put(row, [&[]; 2]);
    }
}

/// Registers the callback of a client that decides whether the server's certificate is that of the
/// server that was meant, in place of the check of its name; NULL unregisters, and the name is checked
/// again. It comes when the chain is good, in the middle of the handshake (of a resumed session, whose
/// certificate is remembered, right after it); register it before the loop's next turn. The loop's
/// thread.
///
/// Its arguments: the stream, the certificate, which is valid until the callback returns
/// (`tls_stream_peer_certificate` gives one to keep), the name that would be verified (NULL: only the
/// chain), and a request for `tls_request_resolve_verdict` or `tls_request_reject`, now or later. Until
/// then nothing is sent, delivered or called secure. `tls_check_server_identity` is the check that it
/// takes the place of.
///
/// Errors: `TLS_ERR_INVALID_STATE` for the stream of a server, which has
/// `tls_server_on_check_certificate`. Node: the option `checkServerIdentity`.
#[no_mangle]
pub extern "C" fn tls_stream_on_check_identity(
    stream: *mut tls_stream,
    callback: tls_stream_check_identity_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        let asks = callback.is_some() || object.outlet.has(TLS_ROW_CHECK_IDENTITY);
        object.stream.set_ask_identity(asks)?;
        object.decisions().check_identity.set(callback, user_data);
        Ok(())
    })
}

/// Begins a renegotiation: the handshake is made anew on the open connection (TLS 1.2 and before). A
/// client begins it by itself, a server asks the client for it. What is written meanwhile is sent after
/// it. A failure is an error of the stream. The loop's thread.
///
/// - `callback`: called once when it is over, unless the stream ends before; may be NULL. A client may
///   leave a server's wish unanswered.
/// - `user_data`: for that callback.
///
/// Errors: `TLS_ERR_INVALID_STATE` (not secure, ended, or a renegotiation is under way),
/// `TLS_ERR_NOT_SUPPORTED` (TLS 1.3 has none, name `ERR_SSL_WRONG_SSL_VERSION`; or the peer does it
/// only unsafely), `TLS_ERR_TLS`. Node: `tlsSocket.renegotiate`.
#[no_mangle]
pub extern "C" fn tls_stream_renegotiate(
    stream: *mut tls_stream,
    callback: tls_stream_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        object.stream.renegotiate()?;
        object.decisions().renegotiated.set(callback, user_data);
        Ok(())
    })
}

/// Refuses all renegotiations that the peer asks for from now on: each attempt is an error of the
/// stream, `ERR_TLS_RENEGOTIATION_DISABLED`, and ends the connection. It cannot be taken back. The
/// loop's thread.
///
/// Node: `tlsSocket.disableRenegotiation`.
#[no_mangle]
pub extern "C" fn tls_stream_disable_renegotiation(stream: *mut tls_stream) -> tls_status {
    change(stream, |object| {
        object.stream.disable_renegotiation();
        Ok(())
    })
}

/// The protocol that ALPN agreed on, `"h2"`; it lives as long as the stream. NULL if none was, before
/// the handshake is over, and on failure. The loop's thread.
///
/// Node: `tlsSocket.alpnProtocol`.
#[no_mangle]
pub extern "C" fn tls_stream_alpn_protocol(stream: *const tls_stream) -> *const c_char {
    fact(stream, |facts| facts.alpn_protocol.as_deref())
}

/// The protocol that NPN agreed on; it lives as long as the stream. On a client NULL also if there was
/// nothing in common; the server then has the name that the client chose. NULL before the handshake is
/// over, and on failure. The loop's thread.
///
/// Node v0.10: `cleartextStream.npnProtocol`.
#[no_mangle]
pub extern "C" fn tls_stream_npn_protocol(stream: *const tls_stream) -> *const c_char {
    fact(stream, |facts| facts.npn_protocol.as_deref())
}
