//! Counting a peer's handshake messages, which OpenSSL takes any number of: key updates, session
//! tickets, requests to renegotiate. What counts them must cost nothing while data flows: OpenSSL's
//! message callback (SSL_set_msg_callback(3)) comes several times for each record, so that it is there
//! during handshakes only. After them, a message of TLS 1.3 shows as a step of the state machine.

use libc::{c_int, c_void};

use super::bio::Io;
use super::openssl_ffi;

const HANDSHAKE_START: c_int = 0x10;
const HANDSHAKE_DONE: c_int = 0x20;
const LOOP: c_int = 0x01;
/// For each message, at the most.
pub(super) const STEPS: u32 = 3;

/// # Safety
/// `ssl` is live, one of [`super::tls::Tls`], and in OpenSSL's info callback for `happened`.
pub(super) unsafe fn note(ssl: *mut openssl_sys::SSL, happened: c_int) {
    const TLS_ST_OK: c_int = 1;
    // SAFETY: the caller's promise; the calls read or set one field.
    unsafe {
        if happened & HANDSHAKE_START != 0 {
            openssl_ffi::SSL_set_msg_callback(ssl, Some(count_in_handshake));
        } else if happened & HANDSHAKE_DONE != 0 {
            openssl_ffi::SSL_set_msg_callback(ssl, None);
        } else if happened & LOOP != 0 && openssl_ffi::SSL_get_state(ssl) == TLS_ST_OK {
            // Inside handshakes no step begins at rest. After them there are two for each message,
            // one that looks for something to write and one that reads, and one more to answer.
            count(ssl, 1);
        }
    }
}

unsafe extern "C" fn count_in_handshake(
    is_sent: c_int,
    _version: c_int,
    content_type: c_int,
    _bytes: *const c_void,
    _length: libc::size_t,
    ssl: *mut openssl_sys::SSL,
    _argument: *mut c_void,
) {
    const HANDSHAKE: c_int = 22;
    if is_sent == 0 && content_type == HANDSHAKE {
        // SAFETY: OpenSSL lends us a live SSL, for which `note` set this callback.
        unsafe { count(ssl, STEPS) };
    }
}

/// # Safety
/// As for [`note`].
unsafe fn count(ssl: *mut openssl_sys::SSL, steps: u32) {
    // SAFETY: the BIO of a `Tls` is ours, with its `Io`. During a call on the SSL only OpenSSL's
    // callbacks use that, one after the other.
    unsafe {
        let bio = openssl_sys::SSL_get_rbio(ssl);
        if bio.is_null() {
            return;
        }
        let io = openssl_sys::BIO_get_data(bio).cast::<Io>();
        if let Some(io) = io.as_mut() {
            io.steps_left = io.steps_left.saturating_sub(steps);
        }
    }
}
