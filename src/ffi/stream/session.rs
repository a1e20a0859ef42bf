//! Sessions of a client's stream.

use std::cell::RefCell;
use std::ffi::c_void;

use super::facts::truth;
use super::{change, object, tls_stream, StreamObject};
use crate::ffi::callback::{tls_stream_session_callback, Registered};
use crate::ffi::event_loop::TLS_ROW_SESSION;
use crate::ffi::guard;
use crate::ffi::status::tls_status;
use crate::sys::memory::Secret;

type OnSession = unsafe extern "C-unwind" fn(*mut tls_stream, *const u8, usize, *mut c_void);

/// What those streams have beside the rest whose sessions somebody asks for.
#[derive(Default)]
pub(super) struct Sessions {
    told: Registered<OnSession>,
    /// The one that was asked for last.
    asked: RefCell<Option<Secret>>,
}

pub(super) fn tell(object: &StreamObject, session: &[u8]) {
    let sessions = object.sessions.borrow().clone();
    let called = sessions.is_some_and(|sessions| {
        sessions.told.call(|function, user_data| {
            // SAFETY: the user gave the function for this user data.
            unsafe { function(object.handle(), session.as_ptr(), session.len(), user_data) };
        })
    });
    if !called {
        let row = object.row(TLS_ROW_SESSION);
        object.outlet.put(row, [session, &[]]);
    }
}

/// Client: registers the callback of sessions that can be resumed, for
/// `tls_connect_options_set_session` of a later connection; NULL unregisters. To be set right after
/// `tls_connect`. The loop's thread.
///
/// With TLS 1.3 it comes for each ticket, after the secure connect event: servers mostly send two at
/// once, and a client that only writes and closes may be gone before. A ticket is for one connection,
/// so that nobody can tell which connections belong together. With TLS 1.2 it comes once, right after
/// the secure connect event, where the server made a session or renewed the ticket that was offered;
/// such a session may be used again and again. Sessions come before the data that follows them.
///
/// The bytes are valid until the callback returns. They are what `tls_stream_session` says.
///
/// Errors: `TLS_ERR_INVALID_STATE` for a stream of a server. Node: `'session'`.
#[no_mangle]
pub extern "C" fn tls_stream_on_session(
    stream: *mut tls_stream,
    callback: tls_stream_session_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        let told = callback.is_some() || object.outlet.has(TLS_ROW_SESSION);
        object.stream.set_told_of_sessions(told)?;
        object.sessions().told.set(callback, user_data);
        Ok(())
    })
}

/// Client: the newest session of the connection in serialised form, for
/// `tls_connect_options_set_session` of a later connection, also in another process or on another
/// machine. Valid until the next call of this function on the stream, or its end. The loop's thread.
///
/// - `length`: where to put the number of bytes; may be NULL.
///
/// The bytes are OpenSSL's form (`openssl sess_id -inform DER` shows it) with a mark and a checksum
/// behind it; nothing is lost when the connection ends in whatever way. They hold secrets, and stand
/// for the check of the server's certificate: who reads them can read what such a connection carries,
/// who writes them can make another server pass for this one. Keep them as you keep a private key.
///
/// Returns NULL, and a length of 0, if there is none that could be resumed, on a stream of a server,
/// and on failure. On TLS 1.3 it comes with the server's tickets, after the handshake: use
/// `tls_stream_on_session`. Node: `getSession`.
#[no_mangle]
pub unsafe extern "C" fn tls_stream_session(
    stream: *const tls_stream,
    length: *mut usize,
) -> *const u8 {
    // SAFETY: valid or NULL by contract.
    unsafe {
        guard::bytes(length, || {
            let object = object(stream)?;
            let Some(session) = object.stream.session() else {
                return Ok(None);
            };
            let sessions = object.sessions();
            let mut place = sessions.asked.borrow_mut();
            let bytes = place.insert(session);
            Ok(Some((bytes.as_ptr(), bytes.len())))
        })
    }
}

/// Was a session resumed, so that no full handshake was made? 1 or 0; 0 before the handshake is over,
/// and on failure. The loop's thread.
///
/// Node: `isSessionReused`.
#[no_mangle]
pub extern "C" fn tls_stream_session_reused(stream: *const tls_stream) -> i32 {
    truth(stream, |facts| facts.session_reused)
}
