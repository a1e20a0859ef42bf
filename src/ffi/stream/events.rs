//! Registering the callbacks of a stream.

use std::ffi::c_void;

use super::{change, tls_stream};
use crate::ffi::callback::{
    tls_stream_callback, tls_stream_close_callback, tls_stream_data_callback,
    tls_stream_end_callback, tls_stream_error_callback,
};
use crate::ffi::status::tls_status;

/// Registers the callback of a client whose handshake is over and whose server is accepted, or not
/// refused; NULL unregisters. The loop's thread.
///
/// It does not say that the server accepts the client: on TLS 1.3 the client is through before the
/// server has looked at its certificate. A refusal then comes as an error after this event, with the
/// name of the server's alert (`ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED`, ...).
///
/// Node: `'secureConnect'`.
#[no_mangle]
pub extern "C" fn tls_stream_on_secure_connect(
    stream: *mut tls_stream,
    callback: tls_stream_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        object.secure_connect.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback of decrypted data; NULL unregisters. The bytes are valid until the
/// callback returns. Until there is a callback (or a pipe, or `tls_stream_resume`) data waits and
/// the peer with it. The loop's thread.
///
/// Node: `'data'`.
#[no_mangle]
pub extern "C" fn tls_stream_on_data(
    stream: *mut tls_stream,
    callback: tls_stream_data_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        object.data.set(callback, user_data);
        object.stream.set_has_data_callback(callback.is_some());
        Ok(())
    })
}

/// Registers the callback of the peer's end, which comes once, after all its data; NULL unregisters.
/// `clean` is 1 after a close_notify; 0 if the connection just ended, so that data may be missing.
/// The loop's thread.
///
/// Node: `'end'`, which does not tell the two apart.
#[no_mangle]
pub extern "C" fn tls_stream_on_end(
    stream: *mut tls_stream,
    callback: tls_stream_end_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        object.end.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback that comes when all is sent, after a write had answered `TLS_FULL`; NULL
/// unregisters. The loop's thread.
///
/// Node: `'drain'`.
#[no_mangle]
pub extern "C" fn tls_stream_on_drain(
    stream: *mut tls_stream,
    callback: tls_stream_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        object.drain.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback of a failure, which comes at most once and is followed by the close event;
/// NULL unregisters. A server's stream that fails before it is secure tells it by
/// `tls_server_on_client_error` instead. The loop's thread.
///
/// One of them is `ERR_TLS_TOO_MANY_MESSAGES`: the peer sent over a hundred key updates, session tickets or
/// requests to renegotiate in a row and no data among them, or does not read the answers to them.
///
/// Node: `'error'`.
#[no_mangle]
pub extern "C" fn tls_stream_on_error(
    stream: *mut tls_stream,
    callback: tls_stream_error_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        object.error.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback of the end: it comes exactly once and last, and the handle is dead after
/// it. NULL unregisters. The loop's thread.
///
/// Node: `'close'`.
#[no_mangle]
pub extern "C" fn tls_stream_on_close(
    stream: *mut tls_stream,
    callback: tls_stream_close_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        object.close.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback of the idle time that `tls_stream_set_timeout` sets; NULL unregisters. The
/// loop's thread.
///
/// Node: `'timeout'`.
#[no_mangle]
pub extern "C" fn tls_stream_on_timeout(
    stream: *mut tls_stream,
    callback: tls_stream_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        object.timeout.set(callback, user_data);
        Ok(())
    })
}
