//! SSL_SESSION_is_resumable(3).

use foreign_types::ForeignTypeRef;
use openssl::ssl::SslSessionRef;

extern "C" {
    fn SSL_SESSION_is_resumable(session: *const openssl_sys::SSL_SESSION) -> libc::c_int;
}

/// Could this session be offered to the server again?
pub fn is_resumable(session: &SslSessionRef) -> bool {
    // SAFETY: a live session.
    unsafe { SSL_SESSION_is_resumable(session.as_ptr()) == 1 }
}
