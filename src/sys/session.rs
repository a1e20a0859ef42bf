//! Sessions: what OpenSSL tells of them and asks for them (SSL_CTX_sess_set_new_cb(3),
//! SSL_CTX_set_session_ticket_cb(3)). What is done about it is up to the [`Hooks`] of the connection.

use std::ffi::CStr;
use std::panic::{catch_unwind, AssertUnwindSafe};

use foreign_types::{ForeignType, ForeignTypeRef};
use libc::{c_char, c_int, c_long, c_uchar, c_uint, c_void, size_t};
use openssl::ssl::{SslCipherRef, SslContextBuilder, SslContextRef, SslSessionRef};

use super::hooks;

type GenerateTicket = unsafe extern "C" fn(*mut openssl_sys::SSL, *mut c_void) -> c_int;
type OpenTicket = unsafe extern "C" fn(
    *mut openssl_sys::SSL,
    *mut openssl_sys::SSL_SESSION,
    *const c_uchar,
    size_t,
    c_int,
    *mut c_void,
) -> c_int;

extern "C" {
    fn SSL_SESSION_is_resumable(session: *const openssl_sys::SSL_SESSION) -> c_int;
    fn SSL_SESSION_set1_ticket_appdata(
        session: *mut openssl_sys::SSL_SESSION,
        data: *const c_void,
        length: size_t,
    ) -> c_int;
    fn SSL_SESSION_get0_ticket_appdata(
        session: *mut openssl_sys::SSL_SESSION,
        data: *mut *mut c_void,
        length: *mut size_t,
    ) -> c_int;
    fn SSL_SESSION_set1_id_context(
        session: *mut openssl_sys::SSL_SESSION,
        id: *const c_uchar,
        length: c_uint,
    ) -> c_int;
    fn SSL_SESSION_get0_hostname(session: *const openssl_sys::SSL_SESSION) -> *const c_char;
    fn SSL_SESSION_get0_cipher(
        session: *const openssl_sys::SSL_SESSION,
    ) -> *const openssl_sys::SSL_CIPHER;
    fn SSL_SESSION_get0_peer(session: *mut openssl_sys::SSL_SESSION) -> *mut openssl_sys::X509;
    fn SSL_CTX_set_session_ticket_cb(
        context: *mut openssl_sys::SSL_CTX,
        generate: Option<GenerateTicket>,
        open: Option<OpenTicket>,
        argument: *mut c_void,
    ) -> c_int;
}

/// What a client's ticket came to.
#[derive(Clone, Copy)]
pub enum Ticket<'a> {
    /// There is none in the extension, though the client would take one.
    Empty,
    /// Made with a key that is not known, or not by us.
    Unknown,
    /// The session in it.
    Opened(&'a SslSessionRef),
}

/// Sessions of servers stay in OpenSSL's own cache, and in tickets.
pub fn keep_internally(builder: &mut SslContextBuilder) {
    set_mode(builder, openssl_sys::SSL_SESS_CACHE_SERVER);
    watch_tickets(builder);
    // SAFETY: a live SSL_CTX.
    unsafe { openssl_sys::SSL_CTX_sess_set_new_cb(builder.as_ptr(), Some(new_session)) };
}

/// Sessions of servers go to the user and come from there.
pub fn ask_user(builder: &mut SslContextBuilder) {
    set_mode(
        builder,
        openssl_sys::SSL_SESS_CACHE_SERVER
            | openssl_sys::SSL_SESS_CACHE_NO_INTERNAL
            | openssl_sys::SSL_SESS_CACHE_NO_AUTO_CLEAR,
    );
    watch_tickets(builder);
    // SAFETY: a live SSL_CTX.
    unsafe {
        openssl_sys::SSL_CTX_sess_set_new_cb(builder.as_ptr(), Some(new_session));
        openssl_sys::SSL_CTX_sess_set_get_cb(builder.as_ptr(), Some(stored_session));
    }
}

/// Sessions of clients go to the user.
pub fn tell_client(builder: &mut SslContextBuilder) {
    set_mode(
        builder,
        openssl_sys::SSL_SESS_CACHE_CLIENT | openssl_sys::SSL_SESS_CACHE_NO_INTERNAL,
    );
    // SAFETY: a live SSL_CTX.
    unsafe { openssl_sys::SSL_CTX_sess_set_new_cb(builder.as_ptr(), Some(new_session)) };
}

fn set_mode(builder: &mut SslContextBuilder, mode: c_long) {
    // SAFETY: a live SSL_CTX.
    unsafe { openssl_sys::SSL_CTX_set_session_cache_mode(builder.as_ptr(), mode) };
}

fn watch_tickets(builder: &mut SslContextBuilder) {
    // SAFETY: a live SSL_CTX; the callbacks need no argument.
    unsafe {
        SSL_CTX_set_session_ticket_cb(
            builder.as_ptr(),
            Some(generate_ticket),
            Some(open_ticket),
            std::ptr::null_mut(),
        );
    }
}

/// Could this session be offered to the server again?
pub fn is_resumable(session: &SslSessionRef) -> bool {
    // SAFETY: a live session.
    unsafe { SSL_SESSION_is_resumable(session.as_ptr()) == 1 }
}

/// The certificate of the peer that the session was made with.
pub fn peer(session: &SslSessionRef) -> Option<&openssl::x509::X509Ref> {
    // SAFETY: a live session, which the certificate is a part of.
    unsafe {
        let peer = SSL_SESSION_get0_peer(session.as_ptr());
        (!peer.is_null()).then(|| openssl::x509::X509Ref::from_ptr(peer))
    }
}

/// When it was made, and for how long it is valid, in seconds; the first since 1970.
pub fn validity(session: &SslSessionRef) -> (u64, u64) {
    // SAFETY: a live session, which is only asked.
    let (made, lasts) = unsafe {
        (
            openssl_sys::SSL_SESSION_get_time(session.as_ptr()),
            openssl_sys::SSL_SESSION_get_timeout(session.as_ptr()),
        )
    };
    (
        u64::try_from(made).unwrap_or(0),
        u64::try_from(lasts).unwrap_or(0),
    )
}

/// Marks a session as one of those that this session id context stands for.
pub fn set_id_context(session: &SslSessionRef, id: &[u8]) -> bool {
    let Ok(length) = c_uint::try_from(id.len()) else {
        return false;
    };
    // SAFETY: a live session that is only ours at this time; the bytes are copied.
    unsafe { SSL_SESSION_set1_id_context(session.as_ptr(), id.as_ptr(), length) == 1 }
}

/// The name that the client asked for when the session was made.
pub fn server_name(session: &SslSessionRef) -> Option<&str> {
    // SAFETY: a live session, which the text is a part of.
    unsafe {
        let name = SSL_SESSION_get0_hostname(session.as_ptr());
        (!name.is_null()).then(|| CStr::from_ptr(name).to_str().ok())?
    }
}

/// Is the session's cipher suite among those that the context has?
pub fn has_cipher_of(session: &SslSessionRef, context: &SslContextRef) -> bool {
    // SAFETY: both are live; ciphers live as long as the process.
    unsafe {
        let cipher = SSL_SESSION_get0_cipher(session.as_ptr());
        !cipher.is_null()
            && super::context::ciphers(context.as_ptr())
                .contains(&SslCipherRef::from_ptr(cipher.cast_mut()).name())
    }
}

/// Keeps bytes of ours in the session, in tickets and serialised forms too.
pub fn set_note(session: &SslSessionRef, note: &[u8]) -> bool {
    // SAFETY: a live session that is only ours at this time; the bytes are copied.
    unsafe {
        SSL_SESSION_set1_ticket_appdata(session.as_ptr(), note.as_ptr().cast(), note.len()) == 1
    }
}

/// The bytes from [`set_note`].
pub fn note(session: &SslSessionRef) -> &[u8] {
    let (mut start, mut length) = (std::ptr::null_mut(), 0);
    // SAFETY: a live session, which the bytes are a part of.
    unsafe {
        let found = SSL_SESSION_get0_ticket_appdata(session.as_ptr(), &mut start, &mut length) == 1;
        if !found || start.is_null() || length == 0 {
            return &[];
        }
        std::slice::from_raw_parts(start.cast(), length)
    }
}

unsafe extern "C" fn new_session(
    ssl: *mut openssl_sys::SSL,
    session: *mut openssl_sys::SSL_SESSION,
) -> c_int {
    const NOT_KEPT: c_int = 0;
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: OpenSSL lends us a live SSL and a live session, which nobody else changes now.
        unsafe {
            if let Some(hooks) = hooks::attached(ssl) {
                hooks.new_session(SslSessionRef::from_ptr(session));
            }
        }
    }));
    NOT_KEPT
}

unsafe extern "C" fn stored_session(
    ssl: *mut openssl_sys::SSL,
    id: *const c_uchar,
    length: c_int,
    counts: *mut c_int,
) -> *mut openssl_sys::SSL_SESSION {
    let found = catch_unwind(AssertUnwindSafe(|| {
        let length = usize::try_from(length).ok()?;
        // SAFETY: OpenSSL lends us a live SSL and `length` readable bytes, which are not NULL.
        let (hooks, id) = unsafe {
            let id = std::slice::from_raw_parts(id, length);
            (hooks::attached(ssl)?, id)
        };
        hooks.stored_session(id)
    }));
    // SAFETY: a valid place. The reference that we hand over is not to be counted again.
    unsafe { *counts = 0 };
    match found {
        Ok(Some(session)) => {
            let pointer = session.as_ptr();
            std::mem::forget(session);
            pointer
        }
        _ => std::ptr::null_mut(),
    }
}

unsafe extern "C" fn generate_ticket(ssl: *mut openssl_sys::SSL, _argument: *mut c_void) -> c_int {
    const GO_ON: c_int = 1;
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: OpenSSL lends us a live SSL, whose session nobody else changes now.
        unsafe {
            let session = openssl_sys::SSL_get_session(ssl);
            if let (Some(hooks), false) = (hooks::attached(ssl), session.is_null()) {
                hooks.ticket_made(SslSessionRef::from_ptr(session));
            }
        }
    }));
    GO_ON
}

unsafe extern "C" fn open_ticket(
    ssl: *mut openssl_sys::SSL,
    session: *mut openssl_sys::SSL_SESSION,
    _key_name: *const c_uchar,
    _key_name_length: size_t,
    status: c_int,
    _argument: *mut c_void,
) -> c_int {
    const EMPTY: c_int = 3;
    const SUCCESS: c_int = 5;
    const SUCCESS_RENEW: c_int = 6;
    const IGNORE_RENEW: c_int = 2;
    const USE: c_int = 3;
    const USE_RENEW: c_int = 4;
    let used = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: OpenSSL lends us a live SSL, and a live session where there is one.
        unsafe {
            let ticket = match status {
                SUCCESS | SUCCESS_RENEW if !session.is_null() => {
                    Ticket::Opened(SslSessionRef::from_ptr(session))
                }
                EMPTY => Ticket::Empty,
                _ => Ticket::Unknown,
            };
            let used = hooks::attached(ssl).is_none_or(|hooks| hooks.ticket_opened(ticket));
            used && matches!(ticket, Ticket::Opened(_))
        }
    }));
    match (used, status) {
        (Ok(true), SUCCESS) => USE,
        (Ok(true), _) => USE_RENEW,
        _ => IGNORE_RENEW,
    }
}
