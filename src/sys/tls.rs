//! One OpenSSL `SSL` over our own BIO: ciphertext is borrowed for the length of a call, output is
//! appended to the caller's vector. Everything here is plain mechanism; policy is the engine's.

use foreign_types::ForeignTypeRef;
use libc::{c_int, c_void};
use openssl::ssl::{Ssl, SslContextRef, SslRef};

use super::bio::{self, Io};
use super::{error_queue, openssl_ffi};
use crate::error::{Result, Status};

/// What one call of OpenSSL came to (SSL_get_error(3)).
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
    /// A fatal error; the error queue says which.
    Failed,
}

/// An `SSL` and its BIO.
pub struct Tls {
    ssl: Ssl,
    /// Owned by the BIO, which lives as long as `ssl`.
    io: *mut Io,
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
        Ok(Tls { ssl, io })
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
                unsafe { *self.0 = Io::detached() };
            }
        }
        // SAFETY: `io` lives as long as `ssl`. The pointers put there are valid for this call only,
        // and the guard takes them away however it ends.
        unsafe {
            *self.io = Io {
                input: input.as_ptr(),
                input_length: input.len(),
                out,
            };
        }
        let guard = Detach(self.io);
        let result = enter(self.ssl.as_ptr());
        // SAFETY: as above; read before the guard detaches.
        let left = unsafe { (*self.io).input_length };
        drop(guard);
        *input = &input[input.len() - left..];
        result
    }

    fn outcome(&self, result: c_int) -> Outcome {
        const WANT_CLIENT_HELLO_CALLBACK: c_int = 11;
        const WANT_RETRY_VERIFY: c_int = 12;
        // SAFETY: a live SSL, right after the call that gave `result`, on the same thread.
        match unsafe { openssl_sys::SSL_get_error(self.ssl.as_ptr(), result) } {
            openssl_sys::SSL_ERROR_NONE => Outcome::Done(0),
            openssl_sys::SSL_ERROR_WANT_READ => Outcome::NeedInput,
            openssl_sys::SSL_ERROR_ZERO_RETURN => Outcome::Closed,
            WANT_CLIENT_HELLO_CALLBACK | WANT_RETRY_VERIFY => Outcome::Suspended,
            _ => Outcome::Failed,
        }
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
        self.outcome(result)
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
        self.outcome(result)
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
        self.outcome(result)
    }

    /// SSL_shutdown(3): sends close_notify, once. False if OpenSSL would not.
    pub fn shutdown(&mut self, out: &mut Vec<u8>) -> bool {
        // SAFETY: a live SSL.
        self.call(&mut &[][..], out, |ssl| unsafe {
            openssl_sys::SSL_shutdown(ssl)
        }) >= 0
    }

    /// Plaintext that is decrypted and not yet read, in bytes.
    pub fn pending(&self) -> usize {
        // SAFETY: a live SSL.
        usize::try_from(unsafe { openssl_sys::SSL_pending(self.ssl.as_ptr()) }).unwrap_or(0)
    }

    /// Gives the record buffers back while they are empty (SSL_free_buffers(3)): an idle connection
    /// then costs half. Nothing happens when they are in use.
    pub fn free_buffers(&mut self) {
        // SAFETY: a live SSL; refuses by itself while data is in the buffers.
        unsafe { openssl_ffi::SSL_free_buffers(self.ssl.as_ptr()) };
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
