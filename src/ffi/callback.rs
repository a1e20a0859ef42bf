//! The types of all callbacks, and how they are called.

use std::cell::Cell;
use std::ffi::{c_char, c_int, c_void};
use std::panic::{catch_unwind, AssertUnwindSafe};

use super::certificate::tls_certificate;
use super::error::tls_error;
use super::event_loop::tls_loop;
use super::request::tls_request;
use super::secure_pair::tls_secure_pair;
use super::server::tls_server;
use super::stream::tls_stream;

/// Destroys what a user-data pointer points to.
pub type tls_destroy_callback = Option<unsafe extern "C-unwind" fn(user_data: *mut c_void)>;
/// Work that was posted to a loop.
pub type tls_post_callback =
    Option<unsafe extern "C-unwind" fn(r#loop: *mut tls_loop, user_data: *mut c_void)>;
/// An event of a server that has nothing more to tell: listening, close.
pub type tls_server_callback =
    Option<unsafe extern "C-unwind" fn(server: *mut tls_server, user_data: *mut c_void)>;
/// A new connection of a server.
pub type tls_server_stream_callback = Option<
    unsafe extern "C-unwind" fn(
        server: *mut tls_server,
        stream: *mut tls_stream,
        user_data: *mut c_void,
    ),
>;
/// Accepting failed.
pub type tls_server_error_callback = Option<
    unsafe extern "C-unwind" fn(
        server: *mut tls_server,
        error: *const tls_error,
        user_data: *mut c_void,
    ),
>;
/// A connection failed before it was secure.
pub type tls_client_error_callback = Option<
    unsafe extern "C-unwind" fn(
        server: *mut tls_server,
        error: *const tls_error,
        stream: *mut tls_stream,
        user_data: *mut c_void,
    ),
>;
/// A client of a server asks for a name: `request` wants a context for it.
pub type tls_server_sni_callback = Option<
    unsafe extern "C-unwind" fn(
        server: *mut tls_server,
        stream: *mut tls_stream,
        servername: *const c_char,
        request: *mut tls_request,
        user_data: *mut c_void,
    ),
>;
/// A client has given a certificate that is good: `request` wants to know whether it is welcome.
pub type tls_server_check_certificate_callback = Option<
    unsafe extern "C-unwind" fn(
        server: *mut tls_server,
        stream: *mut tls_stream,
        certificate: *const tls_certificate,
        request: *mut tls_request,
        user_data: *mut c_void,
    ),
>;
/// A session was made: `id` names what is to be kept, `session` is that, sealed; both are valid until the
/// callback returns.
pub type tls_server_new_session_callback = Option<
    unsafe extern "C-unwind" fn(
        server: *mut tls_server,
        stream: *mut tls_stream,
        id: *const u8,
        id_length: usize,
        session: *const u8,
        session_length: usize,
        user_data: *mut c_void,
    ),
>;
/// A client offers the session of this id: `request` wants what was kept under it.
pub type tls_server_resume_session_callback = Option<
    unsafe extern "C-unwind" fn(
        server: *mut tls_server,
        stream: *mut tls_stream,
        id: *const u8,
        id_length: usize,
        request: *mut tls_request,
        user_data: *mut c_void,
    ),
>;
/// A server has given a certificate whose chain is good: `request` wants to know whether it is that
/// of `name`, which is NULL where only the chain counts.
pub type tls_stream_check_identity_callback = Option<
    unsafe extern "C-unwind" fn(
        stream: *mut tls_stream,
        certificate: *const tls_certificate,
        name: *const c_char,
        request: *mut tls_request,
        user_data: *mut c_void,
    ),
>;
/// An event of a stream that has nothing more to tell: secure connect, drain, timeout.
pub type tls_stream_callback =
    Option<unsafe extern "C-unwind" fn(stream: *mut tls_stream, user_data: *mut c_void)>;
/// Decrypted bytes; they are valid until the callback returns.
pub type tls_stream_data_callback = Option<
    unsafe extern "C-unwind" fn(
        stream: *mut tls_stream,
        data: *const u8,
        length: usize,
        user_data: *mut c_void,
    ),
>;
/// A session that can be resumed; the bytes are valid until the callback returns, and are secret.
pub type tls_stream_session_callback = Option<
    unsafe extern "C-unwind" fn(
        stream: *mut tls_stream,
        session: *const u8,
        length: usize,
        user_data: *mut c_void,
    ),
>;
/// The peer has ended; `clean` is 1 after a close_notify, 0 if the data may have been cut short.
pub type tls_stream_end_callback = Option<
    unsafe extern "C-unwind" fn(stream: *mut tls_stream, clean: c_int, user_data: *mut c_void),
>;
/// The stream has failed; `error` is valid until the callback returns.
pub type tls_stream_error_callback = Option<
    unsafe extern "C-unwind" fn(
        stream: *mut tls_stream,
        error: *const tls_error,
        user_data: *mut c_void,
    ),
>;
/// The stream is closed; `had_error` is 1 if by an error.
pub type tls_stream_close_callback = Option<
    unsafe extern "C-unwind" fn(stream: *mut tls_stream, had_error: c_int, user_data: *mut c_void),
>;
/// An event of a pair that has nothing more to tell: secure, drain.
pub type tls_secure_pair_callback =
    Option<unsafe extern "C-unwind" fn(pair: *mut tls_secure_pair, user_data: *mut c_void)>;
/// The client of a server's pair asks for a name: `request` wants a context for it.
pub type tls_secure_pair_sni_callback = Option<
    unsafe extern "C-unwind" fn(
        pair: *mut tls_secure_pair,
        servername: *const c_char,
        request: *mut tls_request,
        user_data: *mut c_void,
    ),
>;
/// The client of a server's pair has given a certificate that is good: `request` wants to know
/// whether it is welcome.
pub type tls_secure_pair_check_certificate_callback = Option<
    unsafe extern "C-unwind" fn(
        pair: *mut tls_secure_pair,
        certificate: *const tls_certificate,
        request: *mut tls_request,
        user_data: *mut c_void,
    ),
>;
/// The server of a client's pair has given a certificate whose chain is good: `request` wants to know
/// whether it is that of `name`, which is NULL where only the chain counts.
pub type tls_secure_pair_check_identity_callback = Option<
    unsafe extern "C-unwind" fn(
        pair: *mut tls_secure_pair,
        certificate: *const tls_certificate,
        name: *const c_char,
        request: *mut tls_request,
        user_data: *mut c_void,
    ),
>;
/// A session was made: `id` names what is to be kept, `session` is that, sealed; both are valid until the
/// callback returns.
pub type tls_secure_pair_new_session_callback = Option<
    unsafe extern "C-unwind" fn(
        pair: *mut tls_secure_pair,
        id: *const u8,
        id_length: usize,
        session: *const u8,
        session_length: usize,
        user_data: *mut c_void,
    ),
>;
/// The client offers the session of this id: `request` wants what was kept under it.
pub type tls_secure_pair_resume_session_callback = Option<
    unsafe extern "C-unwind" fn(
        pair: *mut tls_secure_pair,
        id: *const u8,
        id_length: usize,
        request: *mut tls_request,
        user_data: *mut c_void,
    ),
>;
/// Encrypted bytes for the transport, or decrypted ones; they are valid until the callback returns.
pub type tls_secure_pair_data_callback = Option<
    unsafe extern "C-unwind" fn(
        pair: *mut tls_secure_pair,
        data: *const u8,
        length: usize,
        user_data: *mut c_void,
    ),
>;
/// A session that can be resumed; the bytes are valid until the callback returns, and are secret.
pub type tls_secure_pair_session_callback = Option<
    unsafe extern "C-unwind" fn(
        pair: *mut tls_secure_pair,
        session: *const u8,
        length: usize,
        user_data: *mut c_void,
    ),
>;
/// The peer has ended; `clean` is 1 after a close_notify, 0 if the data may have been cut short.
pub type tls_secure_pair_end_callback = Option<
    unsafe extern "C-unwind" fn(pair: *mut tls_secure_pair, clean: c_int, user_data: *mut c_void),
>;
/// The pair has failed; `error` is valid until the callback returns.
pub type tls_secure_pair_error_callback = Option<
    unsafe extern "C-unwind" fn(
        pair: *mut tls_secure_pair,
        error: *const tls_error,
        user_data: *mut c_void,
    ),
>;
/// The pair has ended; `had_error` is 1 if by an error.
pub type tls_secure_pair_close_callback = Option<
    unsafe extern "C-unwind" fn(
        pair: *mut tls_secure_pair,
        had_error: c_int,
        user_data: *mut c_void,
    ),
>;

/// Runs code of the user. Whatever unwinds out of it must not pass through our frames: the process
/// ends with a message. (`tlspair.hpp` catches C++ exceptions before they come here.)
pub(super) fn call_user(call: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(call)).is_err() {
        eprintln!("tlspair: a callback was left by an exception or a panic; ending the process");
        std::process::abort();
    }
}

/// A registered callback and its user data. Replaced and read from inside callbacks too.
pub(super) struct Registered<F: Copy> {
    function: Cell<Option<F>>,
    user_data: Cell<*mut c_void>,
}

impl<F: Copy> Default for Registered<F> {
    fn default() -> Self {
        Registered {
            function: Cell::new(None),
            user_data: Cell::new(std::ptr::null_mut()),
        }
    }
}

impl<F: Copy> Registered<F> {
    pub(super) fn set(&self, function: Option<F>, user_data: *mut c_void) {
        self.function.set(function);
        self.user_data.set(user_data);
    }

    /// Calls it and unregisters it. False: there is none.
    pub(super) fn call_once(&self, call: impl FnOnce(F, *mut c_void)) -> bool {
        let function = self.function.take();
        self.call_with(function, call)
    }

    pub(super) fn is_set(&self) -> bool {
        self.function.get().is_some()
    }

    /// Calls it through `call`, which is given the function and its user data. False: there is none.
    pub(super) fn call(&self, call: impl FnOnce(F, *mut c_void)) -> bool {
        self.call_with(self.function.get(), call)
    }

    fn call_with(&self, function: Option<F>, call: impl FnOnce(F, *mut c_void)) -> bool {
        let Some(function) = function else {
            return false;
        };
        let user_data = self.user_data.get();
        call_user(|| call(function, user_data));
        true
    }
}
