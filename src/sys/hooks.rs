//! What OpenSSL asks and tells in the middle of a handshake: the client's hello, protocol lists, the
//! beginning and the end of each handshake. The callbacks sit on every context; what they do is up to
//! the [`Hooks`] of the connection, which go along when its context is switched.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, OnceLock};

use foreign_types::ForeignTypeRef;
use libc::{c_int, c_uchar, c_uint, c_void};
use openssl::ex_data::Index;
use openssl::ssl::{Ssl, SslContextBuilder, SslRef, SslSession, SslSessionRef};

use super::client_hello::ClientHello;
use super::session::Ticket;
use super::ticket_keys::{KeyName, Opener, TicketKey};
use super::{message_count, openssl_ffi};
use crate::error::{Error, Status};

/// An alert number (RFC 8446, 6).
pub type Alert = u8;

pub const INTERNAL_ERROR: Alert = 80;
pub const NO_RENEGOTIATION: Alert = 100;
pub const UNRECOGNIZED_NAME: Alert = 112;

/// What becomes of a client's hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    GoOn,
    /// The handshake is suspended; the hello is shown again at the next step.
    Wait,
    Refuse(Alert),
}

/// What becomes of the list of ALPN protocols that a client offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alpn {
    /// The extension is not answered.
    Ignore,
    /// This part of the client's list, by offset and length.
    Select(usize, u8),
    /// `no_application_protocol`
    Refuse,
}

/// The decisions of one connection. They must not call into the connection.
pub trait Hooks: Send + Sync {
    /// A server sees a client's hello: in each handshake at least once, and again after a wait or a
    /// HelloRetryRequest.
    fn client_hello(&self, hello: &mut ClientHello<'_>) -> Verdict;
    /// A server chooses from what the client offers, in wire form (RFC 7301, 3.1).
    fn alpn(&self, offered: &[u8]) -> Alpn;
    /// A server's NPN list in wire form; it lives as long as the connection.
    fn npn_advertised(&self) -> &[u8];
    /// A client chooses from the server's NPN list. The answer is part of the list that the
    /// connection keeps: it lives as long as the connection.
    fn npn_select(&self, advertised: &[u8]) -> &[u8];
    /// A session is there to be kept: of a client by the server's tickets or at the end of the
    /// handshake, of a server that keeps sessions outside at the end of the handshake.
    fn new_session(&self, session: &SslSessionRef);
    /// A server that keeps sessions outside is asked for one, by what the client offers.
    fn stored_session(&self, id: &[u8]) -> Option<SslSession>;
    /// A server is about to put this session into a ticket.
    fn ticket_made(&self, session: &SslSessionRef);
    /// A server has looked at a client's ticket. True: use the session in it.
    fn ticket_opened(&self, ticket: Ticket<'_>) -> bool;
    /// The key for a server's new session tickets; `None`: it gives none.
    fn ticket_key_to_make_with(&self) -> Option<Arc<TicketKey>>;
    /// The key for a ticket that a client brings; `None`: it is not known, so that a full handshake
    /// follows.
    fn ticket_key_to_open_with(&self, name: &KeyName) -> Option<Opener>;
    /// A handshake begins: the first, or a renegotiation.
    fn handshake_started(&self);
    fn handshake_done(&self);
}

fn index() -> Option<Index<Ssl, Arc<dyn Hooks>>> {
    static INDEX: OnceLock<Option<Index<Ssl, Arc<dyn Hooks>>>> = OnceLock::new();
    *INDEX.get_or_init(|| Ssl::new_ex_index::<Arc<dyn Hooks>>().ok())
}

/// Gives a connection its hooks, which live as long as it does.
pub fn attach(ssl: &mut SslRef, hooks: Arc<dyn Hooks>) -> Result<(), Box<Error>> {
    let index = index().ok_or_else(|| {
        super::error_queue::take_error(Status::NoMemory, "cannot prepare the handshake")
    })?;
    ssl.set_ex_data(index, hooks);
    Ok(())
}

/// # Safety
/// `ssl` is live and not freed before the result is dropped.
pub(super) unsafe fn attached<'a>(ssl: *const openssl_sys::SSL) -> Option<&'a dyn Hooks> {
    // SAFETY: the caller's promise; OpenSSL only lends us the SSL, so nobody frees its ex-data.
    let ssl = unsafe { SslRef::from_ptr(ssl.cast_mut()) };
    ssl.ex_data(index()?).map(|hooks| &**hooks)
}

/// Makes all connections of a context ask their [`Hooks`].
pub fn install(builder: &mut SslContextBuilder) {
    let context = builder.as_ptr();
    let none = std::ptr::null_mut();
    // SAFETY: a live SSL_CTX; the callbacks need no argument.
    unsafe {
        openssl_sys::SSL_CTX_set_client_hello_cb(context, Some(client_hello), none);
        openssl_sys::SSL_CTX_set_alpn_select_cb__fixed_rust(context, Some(alpn_select), none);
        openssl_sys::SSL_CTX_set_next_protos_advertised_cb(context, npn_advertised, none);
        openssl_ffi::SSL_CTX_set_info_callback(context, info);
    }
}

/// Makes all clients of a context offer NPN. It sits on the context, so that connections with a list
/// need a context of their own.
pub fn install_npn_client(builder: &mut SslContextBuilder) {
    // SAFETY: a live SSL_CTX; the callback needs no argument.
    unsafe {
        openssl_sys::SSL_CTX_set_next_proto_select_cb(
            builder.as_ptr(),
            npn_select,
            std::ptr::null_mut(),
        );
    }
}

unsafe extern "C" fn client_hello(
    ssl: *mut openssl_sys::SSL,
    alert: *mut c_int,
    _argument: *mut c_void,
) -> c_int {
    const ERROR: c_int = 0;
    const SUCCESS: c_int = 1;
    const RETRY: c_int = -1;
    let verdict = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: OpenSSL lends us a live SSL during its client-hello callback.
        match unsafe { attached(ssl) } {
            // SAFETY: as above; the hello is dropped before the callback returns.
            Some(hooks) => hooks.client_hello(unsafe { &mut ClientHello::new(ssl) }),
            None => Verdict::GoOn,
        }
    }));
    match verdict.unwrap_or(Verdict::Refuse(INTERNAL_ERROR)) {
        Verdict::GoOn => SUCCESS,
        Verdict::Wait => RETRY,
        Verdict::Refuse(number) => {
            // SAFETY: OpenSSL gives a valid place for the alert.
            unsafe { *alert = c_int::from(number) };
            ERROR
        }
    }
}

unsafe extern "C" fn alpn_select(
    ssl: *mut openssl_sys::SSL,
    out: *mut *const c_uchar,
    out_length: *mut c_uchar,
    offered: *const c_uchar,
    length: c_uint,
    _argument: *mut c_void,
) -> c_int {
    let choice = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: OpenSSL lends us a live SSL and `length` readable bytes, which are not NULL.
        let (hooks, offered) = unsafe {
            let offered = std::slice::from_raw_parts(offered, length as usize);
            (attached(ssl), offered)
        };
        let choice = hooks.map_or(Alpn::Ignore, |hooks| hooks.alpn(offered));
        match choice {
            Alpn::Select(offset, count) if offset + usize::from(count) > offered.len() => {
                Alpn::Refuse
            }
            choice => choice,
        }
    }));
    match choice.unwrap_or(Alpn::Refuse) {
        Alpn::Select(offset, count) => {
            // SAFETY: both places are valid, and the part lies within the client's list.
            unsafe {
                *out = offered.add(offset);
                *out_length = count;
            }
            openssl_sys::SSL_TLSEXT_ERR_OK
        }
        Alpn::Ignore => openssl_sys::SSL_TLSEXT_ERR_NOACK,
        Alpn::Refuse => openssl_sys::SSL_TLSEXT_ERR_ALERT_FATAL,
    }
}

extern "C" fn npn_advertised(
    ssl: *mut openssl_sys::SSL,
    out: *mut *const c_uchar,
    out_length: *mut c_uint,
    _argument: *mut c_void,
) -> c_int {
    let list = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: OpenSSL lends us a live SSL; what the hooks lend lives as long as it does.
        unsafe { attached(ssl) }.map(|hooks| hooks.npn_advertised())
    }));
    // With an empty list OpenSSL would still answer, and the client would have to choose.
    let Some(list) = list.ok().flatten().filter(|list| !list.is_empty()) else {
        return openssl_sys::SSL_TLSEXT_ERR_NOACK;
    };
    // SAFETY: both places are valid; OpenSSL copies the list at once.
    unsafe {
        *out = list.as_ptr();
        *out_length = c_uint::try_from(list.len()).unwrap_or(0);
    }
    openssl_sys::SSL_TLSEXT_ERR_OK
}

extern "C" fn npn_select(
    ssl: *mut openssl_sys::SSL,
    out: *mut *mut c_uchar,
    out_length: *mut c_uchar,
    advertised: *const c_uchar,
    length: c_uint,
    _argument: *mut c_void,
) -> c_int {
    let choice = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: OpenSSL lends us a live SSL, and `length` readable bytes if there are any.
        let (hooks, advertised): (_, &[u8]) = unsafe {
            let bytes = if length == 0 {
                &[]
            } else {
                std::slice::from_raw_parts(advertised, length as usize)
            };
            (attached(ssl), bytes)
        };
        hooks.map(|hooks| hooks.npn_select(advertised))
    }));
    let Ok(Some(chosen)) = choice else {
        return openssl_sys::SSL_TLSEXT_ERR_ALERT_FATAL;
    };
    // SAFETY: both places are valid; OpenSSL copies the name and writes nothing there.
    unsafe {
        *out = chosen.as_ptr().cast_mut();
        *out_length = c_uchar::try_from(chosen.len()).unwrap_or(0);
    }
    openssl_sys::SSL_TLSEXT_ERR_OK
}

unsafe extern "C" fn info(ssl: *const openssl_sys::SSL, happened: c_int, _value: c_int) {
    const HANDSHAKE_START: c_int = 0x10;
    const HANDSHAKE_DONE: c_int = 0x20;
    // SAFETY: OpenSSL lends us a live SSL; all connections of our contexts are `Tls`.
    unsafe { message_count::note(ssl.cast_mut(), happened) };
    if happened & (HANDSHAKE_START | HANDSHAKE_DONE) == 0 {
        return;
    }
    let _ = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: OpenSSL lends us a live SSL.
        if let Some(hooks) = unsafe { attached(ssl) } {
            if happened & HANDSHAKE_START != 0 {
                hooks.handshake_started();
            } else {
                hooks.handshake_done();
            }
        }
    }));
}
