//! Sessions of a client's pair.

use std::ffi::c_void;

use super::{change, object, tls_secure_pair};
use crate::error::Error;
use crate::ffi::callback::tls_secure_pair_session_callback;
use crate::ffi::status::tls_status;
use crate::ffi::{guard, input};

/// Client: offers a session to the server, as `tls_connect_options_set_session` does for a stream.
/// Before the start. Any thread, one at a time.
///
/// - `session`, `length`: the bytes from `tls_secure_pair_session` or its event; copied. NULL with
///   length 0 offers none.
///
/// Errors: `TLS_ERR_SESSION` as there, `TLS_ERR_INVALID_STATE` on a server or after the start,
/// `TLS_ERR_INVALID_ARGUMENT`. Node: the option `session`.
#[no_mangle]
pub unsafe extern "C" fn tls_secure_pair_set_session(
    pair: *mut tls_secure_pair,
    session: *const c_void,
    length: usize,
) -> tls_status {
    change(pair, |object| {
        // SAFETY: readable by contract.
        object
            .pair
            .set_session(unsafe { input::bytes(session, length) }?)
    })
}

/// Client: registers the callback of sessions, as `tls_stream_on_session` does for a stream; NULL
/// unregisters. Before the start, or on TLS 1.2 none may come. Any thread, one at a time.
///
/// Errors: `TLS_ERR_INVALID_STATE` for the pair of a server. Node: `'session'`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_on_session(
    pair: *mut tls_secure_pair,
    callback: tls_secure_pair_session_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(pair, |object| {
        if object.pair.is_server() {
            return Err(Error::state(
                "only the pair of a client is told of sessions that it can offer again",
            ));
        }
        object.hooks.session.set(callback, user_data);
        object.pair.set_told_of_sessions(callback.is_some());
        Ok(())
    })
}

/// Client: the newest session, as `tls_stream_session`. Valid until the next call of this function on
/// the pair, or its end. Any thread, one at a time.
///
/// - `length`: where to put the number of bytes; may be NULL.
///
/// Returns NULL, and a length of 0, if there is none that could be resumed, on a server, and on
/// failure. Node: `getSession`.
#[no_mangle]
pub unsafe extern "C" fn tls_secure_pair_session(
    pair: *mut tls_secure_pair,
    length: *mut usize,
) -> *const u8 {
    // SAFETY: valid or NULL by contract.
    unsafe {
        guard::bytes(length, || {
            let object = object(pair)?;
            let Some(session) = object.pair.session() else {
                return Ok(None);
            };
            let mut place = object.session.borrow_mut();
            let bytes = place.insert(session);
            Ok(Some((bytes.as_ptr(), bytes.len())))
        })
    }
}
