//! Getters of a pair.

use std::ffi::{c_char, CStr};

use super::{object, tls_secure_pair};
use crate::engine::Facts;
use crate::ffi::certificate::{self, tls_certificate};
use crate::ffi::guard;

/// A text among what is known of the connection; it lives as long as the pair.
pub(super) fn fact(
    pair: *const tls_secure_pair,
    pick: impl FnOnce(&Facts) -> Option<&CStr>,
) -> *const c_char {
    guard::value(std::ptr::null(), || {
        Ok(object(pair)?
            .pair
            .with_facts(|facts| facts.and_then(pick).map_or(std::ptr::null(), CStr::as_ptr)))
    })
}

fn truth(pair: *const tls_secure_pair, pick: impl FnOnce(&Facts) -> bool) -> i32 {
    guard::value(0, || {
        Ok(object(pair)?
            .pair
            .with_facts(|facts| i32::from(facts.is_some_and(pick))))
    })
}

/// Is the handshake over and the peer accepted, or not refused? 1 or 0; 0 on failure. Any thread,
/// one at a time.
#[no_mangle]
pub extern "C" fn tls_secure_pair_secure(pair: *const tls_secure_pair) -> i32 {
    truth(pair, |facts| facts.secure)
}

/// Was the peer's certificate asked for, given and accepted? 1 or 0; 0 before the handshake is over,
/// and on failure. Any thread, one at a time. Node: `pair.cleartext.authorized`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_authorized(pair: *const tls_secure_pair) -> i32 {
    truth(pair, |facts| facts.authorized)
}

/// Why the peer is not authorized, by Node's name (`"CERT_HAS_EXPIRED"`); NULL if it is, if no
/// certificate was asked for, before the handshake is over, and on failure. It lives as long as the
/// pair. Any thread, one at a time. Node: `pair.cleartext.authorizationError`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_authorization_error(
    pair: *const tls_secure_pair,
) -> *const c_char {
    fact(pair, |facts| facts.authorization_error.as_deref())
}

/// The peer's certificate, for the caller to free with `tls_certificate_free`; it outlives the pair.
/// NULL if the peer gave none, before the handshake is over, and on failure. Any thread, one at a
/// time. Node: `pair.cleartext.getPeerCertificate`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_peer_certificate(
    pair: *const tls_secure_pair,
) -> *mut tls_certificate {
    guard::value(std::ptr::null_mut(), || {
        certificate::handle_for(object(pair)?.pair.peer_certificate())
    })
}

/// OpenSSL's name of the cipher suite; NULL before the handshake is over, and on failure. It lives
/// as long as the pair. Any thread, one at a time. Node: `pair.cleartext.getCipher().name`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_cipher_name(pair: *const tls_secure_pair) -> *const c_char {
    fact(pair, |facts| facts.cipher_name.as_deref())
}

/// IANA's name of the cipher suite, otherwise as `tls_secure_pair_cipher_name`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_cipher_standard_name(
    pair: *const tls_secure_pair,
) -> *const c_char {
    fact(pair, |facts| facts.cipher_standard_name.as_deref())
}

/// The protocol version, `"TLSv1.3"`, otherwise as `tls_secure_pair_cipher_name`. In the newSession
/// callback it is known already.
#[no_mangle]
pub extern "C" fn tls_secure_pair_protocol(pair: *const tls_secure_pair) -> *const c_char {
    guard::value(std::ptr::null(), || {
        let protocol = object(pair)?.pair.protocol();
        Ok(protocol.map_or(std::ptr::null(), CStr::as_ptr))
    })
}

/// On a server, the name that the client asked for; on a client, the one that was sent; NULL if
/// there was none. Otherwise as `tls_secure_pair_cipher_name`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_servername(pair: *const tls_secure_pair) -> *const c_char {
    fact(pair, |facts| facts.servername.as_deref())
}

/// Was a session resumed, so that no full handshake was made? 1 or 0; 0 before the handshake is
/// over, and on failure. Any thread, one at a time. Node: `isSessionReused`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_session_reused(pair: *const tls_secure_pair) -> i32 {
    truth(pair, |facts| facts.session_reused)
}
