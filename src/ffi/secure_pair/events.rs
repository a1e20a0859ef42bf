//! Registering the callbacks of a pair.

use std::ffi::c_void;

use super::{change, tls_secure_pair};
use crate::ffi::callback::{
    tls_secure_pair_callback, tls_secure_pair_close_callback, tls_secure_pair_data_callback,
    tls_secure_pair_end_callback, tls_secure_pair_error_callback,
};
use crate::ffi::status::tls_status;

/// Registers the callback of encrypted bytes for the transport; NULL unregisters, and they wait for
/// `tls_secure_pair_take`. Bytes that wait come with the next call on the pair. Any thread, one at a
/// time.
#[no_mangle]
pub extern "C" fn tls_secure_pair_on_encrypted(
    pair: *mut tls_secure_pair,
    callback: tls_secure_pair_data_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(pair, |object| {
        object.hooks.encrypted.set(callback, user_data);
        object.pair.set_push_encrypted(callback.is_some());
        Ok(())
    })
}

/// Registers the callback of decrypted bytes; NULL unregisters, and they wait for
/// `tls_secure_pair_read`. Bytes that wait come with the next call on the pair. Any thread, one at a
/// time.
#[no_mangle]
pub extern "C" fn tls_secure_pair_on_data(
    pair: *mut tls_secure_pair,
    callback: tls_secure_pair_data_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(pair, |object| {
        object.hooks.data.set(callback, user_data);
        object.pair.set_push_data(callback.is_some());
        Ok(())
    })
}

/// Registers the callback that comes once the handshake is over and the peer accepted, or not
/// refused; NULL unregisters. Any thread, one at a time. Node: `'secure'`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_on_secure(
    pair: *mut tls_secure_pair,
    callback: tls_secure_pair_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(pair, |object| {
        object.hooks.secure.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback that comes when nothing waits any more, after a write had answered
/// `TLS_FULL`; NULL unregisters. Any thread, one at a time. Node: `'drain'`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_on_drain(
    pair: *mut tls_secure_pair,
    callback: tls_secure_pair_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(pair, |object| {
        object.hooks.drain.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback of the peer's end, which comes once, after all its data was read; NULL
/// unregisters. `clean` is 1 after a close_notify; 0 if the transport just ended, so that data may
/// be missing. Our side stays open until `tls_secure_pair_end`. Any thread, one at a time. Node:
/// `'end'`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_on_end(
    pair: *mut tls_secure_pair,
    callback: tls_secure_pair_end_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(pair, |object| {
        object.hooks.end.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback of a failure, which comes at most once and is followed by the close event;
/// NULL unregisters. Any thread, one at a time.
///
/// One of them is `ERR_TLS_TOO_MANY_MESSAGES`: the peer sent over a hundred key updates, session tickets or
/// requests to renegotiate in a row and no data among them.
///
/// Node: `'error'`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_on_error(
    pair: *mut tls_secure_pair,
    callback: tls_secure_pair_error_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(pair, |object| {
        object.hooks.error.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback of the end of the pair: it comes once and last. The handle is valid until
/// `tls_secure_pair_free`, for getters and the last bytes to take. NULL unregisters. Any thread, one
/// at a time. Node: `'close'`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_on_close(
    pair: *mut tls_secure_pair,
    callback: tls_secure_pair_close_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(pair, |object| {
        object.hooks.close.set(callback, user_data);
        Ok(())
    })
}
