//! How a server's pair keeps the session of its client.

use std::ffi::c_void;

use super::{change, tls_secure_pair};
use crate::ffi::callback::{
    tls_secure_pair_new_session_callback, tls_secure_pair_resume_session_callback,
};
use crate::ffi::input;
use crate::ffi::status::tls_status;

/// Registers the callback of each session that is made, to be kept outside, as
/// `tls_server_on_new_session` does for a server; NULL unregisters. Before the pair starts; any thread, one
/// at a time.
///
/// Errors: `TLS_ERR_INVALID_STATE` for the pair of a client, and once it has started.
#[no_mangle]
pub extern "C" fn tls_secure_pair_on_new_session(
    pair: *mut tls_secure_pair,
    callback: tls_secure_pair_new_session_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(pair, |object| {
        object
            .pair
            .change_keeping(|keeping| keeping.tell_new = callback.is_some())?;
        object.hooks.decisions.new_session.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback that is asked for the session that the client offers, as
/// `tls_server_on_resume_session` does for a server; NULL unregisters. A pair has no deadline: it waits
/// until the request is answered. Before the pair starts; any thread, one at a time.
///
/// Errors: `TLS_ERR_INVALID_STATE` for the pair of a client, and once it has started.
#[no_mangle]
pub extern "C" fn tls_secure_pair_on_resume_session(
    pair: *mut tls_secure_pair,
    callback: tls_secure_pair_resume_session_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(pair, |object| {
        object
            .pair
            .change_keeping(|keeping| keeping.ask = callback.is_some())?;
        object
            .hooks
            .decisions
            .resume_session
            .set(callback, user_data);
        Ok(())
    })
}

/// Says whether the client gets stateless tickets, as `tls_server_set_session_tickets` does for a
/// server. Before the pair starts; any thread, one at a time.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT`; `TLS_ERR_INVALID_STATE` for the pair of a client, and once it has
/// started.
#[no_mangle]
pub extern "C" fn tls_secure_pair_set_session_tickets(
    pair: *mut tls_secure_pair,
    enabled: i32,
) -> tls_status {
    change(pair, |object| {
        let enabled = input::flag(enabled, "enabled")?;
        object
            .pair
            .change_keeping(|keeping| keeping.tickets = Some(enabled))
    })
}
