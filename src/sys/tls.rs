//! One OpenSSL `SSL` over our own BIO: ciphertext is borrowed for the length of a call, output is
//! appended to the caller's vector. Everything here is plain mechanism; policy is the engine's.

use foreign_types::ForeignTypeRef;
use libc::{c_int, c_void};
use openssl::ssl::{Ssl, SslContextRef, SslOptions, SslRef};
use openssl::x509::store::{X509Store, X509StoreRef};

use super::bio::{self, Io};
use super::{error_queue, message_count, openssl_ffi, x509};
use crate::error::{OpensslEntry, Result, Status};

/// Verifies the peer against a store that others share, in place of the context's own
/// (SSL_set1_verify_cert_store(3)).
pub fn share_verify_store(ssl: &mut SslRef, store: &X509StoreRef) {
    const SET_VERIFY_CERT_STORE: c_int = 106;
    const OWN_REFERENCE: libc::c_long = 1;
    // SAFETY: both are live; OpenSSL takes a reference of its own.
    unsafe {
        openssl_sys::SSL_ctrl(
            ssl.as_ptr(),
            SET_VERIFY_CERT_STORE,
            OWN_REFERENCE,
            store.as_ptr().cast(),
        );
    }
}

/// Sets option bits of one connection (SSL_set_options(3)).
pub fn add_options(ssl: &mut SslRef, options: SslOptions) {
    // SAFETY: a live SSL.
    unsafe { openssl_ffi::SSL_set_options(ssl.as_ptr(), options.bits()) };
}

/// Sessions are resumed only where this is the same (SSL_set_session_id_context(3)). False: it has
/// more than 32 bytes.
pub fn set_session_id_context(ssl: &mut SslRef, id: &[u8]) -> bool {
    let length = libc::c_uint::try_from(id.len()).unwrap_or(libc::c_uint::MAX);
    // SAFETY: a live SSL and `length` readable bytes, which are copied.
    unsafe { openssl_ffi::SSL_set_session_id_context(ssl.as_ptr(), id.as_ptr(), length) == 1 }
}

/// Has the peer said that it renegotiates safely (RFC 5746)?
pub fn renegotiates_safely(ssl: &SslRef) -> bool {
    const GET_RI_SUPPORT: c_int = 76;
    // SAFETY: a live SSL, which is only asked.
    unsafe { openssl_sys::SSL_ctrl(ssl.as_ptr(), GET_RI_SUPPORT, 0, std::ptr::null_mut()) == 1 }
}

/// What was agreed on by NPN; empty if nothing was.
pub fn npn_negotiated(ssl: &SslRef) -> &[u8] {
    let (mut start, mut length) = (std::ptr::null(), 0);
    // SAFETY: a live SSL, which the bytes are a part of.
    unsafe {
        openssl_sys::SSL_get0_next_proto_negotiated(ssl.as_ptr(), &mut start, &mut length);
        if start.is_null() || length == 0 {
            return &[];
        }
        std::slice::from_raw_parts(start, length as usize)
    }
}

/// What one call of OpenSSL came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done; for reads and writes the number of plaintext bytes.
    Done(usize),
    /// All input is used up and more is needed.
    NeedInput,
    /// The peer's close_notify was read.
    Closed,
    /// A callback asked to wait (client hello, certificate check).
    Suspended,
    /// The peer sent more handshake messages than it was allowed ([`Tls::allow_messages`]).
    Flooded,
    /// A fatal error; [`Tls::take_errors`] says which.
    Failed,
}

/// An `SSL` and its BIO.
pub struct Tls {
    ssl: Ssl,
    /// Owned by the BIO, which lives as long as `ssl`.
    io: *mut Io,
    /// The last call ran out of input.
    starved: bool,
    /// The last call read nothing, because too many messages had come.
    flooded: bool,
    errors: Vec<OpensslEntry>,
}

// SAFETY: an SSL may move between threads as long as one at a time uses it, which `&mut self`
// ensures; `io` is only reached through it.
unsafe impl Send for Tls {}

impl Tls {
    pub fn new(context: &SslContextRef, is_server: bool) -> Result<Tls> {
        error_queue::begin();
        let no_memory = || error_queue::take_error(Status::NoMemory, "cannot make a connection");
        let mut ssl = Ssl::new(context).map_err(|stack| {
            drop(stack);
            no_memory()
        })?;
        let (bio, io) = bio::new().ok_or_else(no_memory)?;
        // SAFETY: the same BIO for both directions takes over the one reference that we hold.
        unsafe { openssl_sys::SSL_set_bio(ssl.as_ptr(), bio, bio) };
        if is_server {
            ssl.set_accept_state();
        } else {
            ssl.set_connect_state();
        }
        Ok(Tls {
            ssl,
            io,
            starved: false,
            flooded: false,
            errors: Vec::new(),
        })
    }

    pub fn ssl(&self) -> &SslRef {
        &self.ssl
    }

    pub fn ssl_mut(&mut self) -> &mut SslRef {
        &mut self.ssl
    }

    /// Lends the buffers to the BIO for one call and moves `input` past what was read.
    fn call(
        &mut self,
        input: &mut &[u8],
        out: &mut Vec<u8>,
        enter: impl FnOnce(*mut openssl_sys::SSL) -> c_int,
    ) -> c_int {
        struct Detach(*mut Io);
        impl Drop for Detach {
            fn drop(&mut self) {
                // SAFETY: the BIO, and so the box, outlives the call.
                unsafe { (*self.0).detach() };
            }
        }
        // SAFETY: `io` lives as long as `ssl`. The pointers put there are valid for this call only,
        // and the guard takes them away however it ends.
        unsafe { (*self.io).attach(input, out) };
        let guard = Detach(self.io);
        let result = enter(self.ssl.as_ptr());
        // SAFETY: as above; read before the guard detaches.
        let left = unsafe {
            self.starved = (*self.io).starved;
            self.flooded = (*self.io).steps_left == 0;
            (*self.io).input_length
        };
        drop(guard);
        *input = &input[input.len() - left..];
        result
    }

    /// What a call came to that did not succeed. Our BIO knows whether it ran out of input: OpenSSL's
    /// own answer looks at the error queue first, so that what a host program left there would pass
    /// for an error of ours, and looking before each call would cost 2 % of a small record.
    fn outcome(&mut self) -> Outcome {
        const CLIENT_HELLO_CB: c_int = 7;
        const RETRY_VERIFY: c_int = 8;
        if self.starved {
            return Outcome::NeedInput;
        }
        if self.flooded {
            return Outcome::Flooded;
        }
        // SAFETY: a live SSL.
        let want = unsafe { openssl_ffi::SSL_want(self.ssl.as_ptr()) };
        if want == CLIENT_HELLO_CB || want == RETRY_VERIFY {
            return Outcome::Suspended;
        }
        self.errors = error_queue::drain();
        // Not from SSL_get_error(3): from 3.2 on, a user_canceled before the close_notify, as Java
        // sends it, makes it say "system call" there.
        // SAFETY: as above.
        let ended = unsafe { openssl_sys::SSL_get_shutdown(self.ssl.as_ptr()) }
            & openssl_sys::SSL_RECEIVED_SHUTDOWN
            != 0;
        // A fatal alert ends the connection too: it leaves an error, and OpenSSL is "in init" again,
        // which an alert that the host program left in the queue does not bring about.
        // SAFETY: a live SSL.
        let in_init = unsafe { openssl_sys::SSL_is_init_finished(self.ssl.as_ptr()) } == 0;
        let by_alert = in_init
            && self
                .errors
                .last()
                .is_some_and(|entry| error_queue::is_received_alert(entry.code));
        if ended && !by_alert {
            self.errors.clear();
            return Outcome::Closed;
        }
        Outcome::Failed
    }

    /// What the error queue said of the call that failed.
    pub fn take_errors(&mut self) -> Vec<OpensslEntry> {
        std::mem::take(&mut self.errors)
    }

    /// SSL_do_handshake(3).
    pub fn handshake(&mut self, input: &mut &[u8], out: &mut Vec<u8>) -> Outcome {
        // SAFETY: a live SSL.
        let result = self.call(input, out, |ssl| unsafe {
            openssl_sys::SSL_do_handshake(ssl)
        });
        if result == 1 {
            return Outcome::Done(0);
        }
        self.outcome()
    }

    /// SSL_read_ex(3): at most one record's plaintext into `plain`, which must not be empty.
    pub fn read(&mut self, input: &mut &[u8], out: &mut Vec<u8>, plain: &mut [u8]) -> Outcome {
        let mut count = 0;
        // SAFETY: a live SSL, `plain.len()` writable bytes, a valid count.
        let result = self.call(input, out, |ssl| unsafe {
            openssl_sys::SSL_read_ex(
                ssl,
                plain.as_mut_ptr().cast::<c_void>(),
                plain.len(),
                &mut count,
            )
        });
        if result == 1 {
            return Outcome::Done(count);
        }
        self.outcome()
    }

    /// SSL_write_ex(3) in partial-write mode: at most one record of `plain`, which must not be empty.
    pub fn write(&mut self, out: &mut Vec<u8>, plain: &[u8]) -> Outcome {
        let mut count = 0;
        // SAFETY: a live SSL, `plain.len()` readable bytes, a valid count.
        let result = self.call(&mut &[][..], out, |ssl| unsafe {
            openssl_sys::SSL_write_ex(
                ssl,
                plain.as_ptr().cast::<c_void>(),
                plain.len(),
                &mut count,
            )
        });
        if result == 1 {
            return Outcome::Done(count);
        }
        self.outcome()
    }

    /// SSL_shutdown(3): sends close_notify, once. False if OpenSSL would not.
    pub fn shutdown(&mut self, out: &mut Vec<u8>) -> bool {
        // SAFETY: a live SSL.
        self.call(&mut &[][..], out, |ssl| unsafe {
            openssl_sys::SSL_shutdown(ssl)
        }) >= 0
    }

    /// Gives the record buffers back while they are empty (SSL_free_buffers(3)): an idle connection
    /// then costs half. Nothing happens when they are in use.
    pub fn free_buffers(&mut self) {
        // SAFETY: a live SSL; refuses by itself while data is in the buffers.
        unsafe { openssl_ffi::SSL_free_buffers(self.ssl.as_ptr()) };
    }

    /// From now on the peer may send so many handshake messages. OpenSSL itself takes any number of
    /// key updates, session tickets and requests to renegotiate, within one call too.
    pub fn allow_messages(&mut self, count: u32) {
        // SAFETY: `io` lives as long as `ssl`, and nothing else uses it between calls.
        unsafe { (*self.io).steps_left = count.saturating_mul(message_count::STEPS) };
    }

    /// Tells OpenSSL that both sides have closed, so that freeing the connection does not make its
    /// session unusable (SSL_set_shutdown(3)).
    pub fn keep_session(&mut self) {
        // SAFETY: a live SSL.
        unsafe {
            openssl_sys::SSL_set_shutdown(
                self.ssl.as_ptr(),
                openssl_sys::SSL_SENT_SHUTDOWN | openssl_sys::SSL_RECEIVED_SHUTDOWN,
            );
        }
    }

    /// Makes the next [`Tls::handshake`] a renegotiation (SSL_renegotiate(3)). False: OpenSSL would
    /// not.
    pub fn renegotiate(&mut self) -> bool {
        error_queue::begin();
        // SAFETY: a live SSL.
        unsafe { openssl_ffi::SSL_renegotiate(self.ssl.as_ptr()) == 1 }
    }

    /// A reference to the store that the peer is verified against.
    pub fn verify_store(&self) -> Option<X509Store> {
        const GET_VERIFY_CERT_STORE: c_int = 137;
        let mut store: *mut openssl_sys::X509_STORE = std::ptr::null_mut();
        // SAFETY: a live SSL; what it answers is borrowed from it, or from its context.
        unsafe {
            let answer = std::ptr::from_mut(&mut store).cast();
            openssl_sys::SSL_ctrl(self.ssl.as_ptr(), GET_VERIFY_CERT_STORE, 0, answer);
            if store.is_null() {
                let context = openssl_sys::SSL_get_SSL_CTX(self.ssl.as_ptr());
                store = openssl_sys::SSL_CTX_get_cert_store(context);
            }
            x509::share_store(store)
        }
    }

    /// Offers a session for resumption (SSL_set_session(3)).
    pub fn set_session(&mut self, session: &openssl::ssl::SslSessionRef) -> Result<()> {
        error_queue::begin();
        // SAFETY: both are live; OpenSSL takes a reference of its own. The session may come from
        // another SSL_CTX: it was made from its serialised form and belongs to none.
        let done = unsafe { openssl_sys::SSL_set_session(self.ssl.as_ptr(), session.as_ptr()) };
        if done == 1 {
            Ok(())
        } else {
            Err(error_queue::take_error(
                Status::Session,
                "the session cannot be used for this connection",
            ))
        }
    }
}
