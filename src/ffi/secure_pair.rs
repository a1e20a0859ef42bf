//! `tls_secure_pair`: TLS without I/O, for any transport.

mod client_session;
mod decisions;
mod events;
mod facts;
mod protocols;
mod ready;
mod sessions;

use std::cell::{Cell, RefCell};
use std::ffi::{c_char, c_int, c_void};
use std::rc::Rc;
use std::sync::Arc;

use super::callback::{tls_destroy_callback, Registered};
use super::context::{self, tls_context};
use super::error::{self, tls_error};
use super::registry::{self, Exclusive, Guard, Kind};
use super::status::{tls_status, TLS_OK};
use super::user_data::UserData;
use super::{guard, input};
use crate::engine::pair::{PairEvents, PairOptions, SecurePair};
use crate::engine::{NewSession, Question, Request};
use crate::error::{Error, Result};
use crate::sys::memory::Secret;

pub use client_session::*;
pub use decisions::*;
pub use events::*;
pub use facts::*;
pub use protocols::*;
pub use sessions::*;

use self::decisions::Decisions;
use self::facts::fact;
use self::ready::Ready;

/// One TLS connection without a transport: encrypted bytes in and out on one side, plaintext on the
/// other. No sockets, no loop, no thread.
///
/// Any thread may use a pair, one at a time; a second one meanwhile gets `TLS_ERR_BUSY`. Inside a
/// callback of the pair, `start`, `feed`, `feed_eof`, `write` and `end` are queued (the bytes are
/// copied, `*consumed` is the whole length, a later failure goes to the error event) and carried out
/// when the callback has returned, by the call that made it; everything else answers at once. So two
/// pairs that feed each other from their callbacks do not recurse.
#[repr(C)]
pub struct tls_secure_pair {
    _private: [u8; 0],
}

type OnPair = unsafe extern "C-unwind" fn(*mut tls_secure_pair, *mut c_void);
type OnBytes = unsafe extern "C-unwind" fn(*mut tls_secure_pair, *const u8, usize, *mut c_void);
type OnFlag = unsafe extern "C-unwind" fn(*mut tls_secure_pair, c_int, *mut c_void);
type OnError = unsafe extern "C-unwind" fn(*mut tls_secure_pair, *const tls_error, *mut c_void);

/// What the pair tells, to whom.
#[derive(Default)]
struct Hooks {
    handle: Cell<u64>,
    encrypted: Registered<OnBytes>,
    data: Registered<OnBytes>,
    secure: Registered<OnPair>,
    drain: Registered<OnPair>,
    end: Registered<OnFlag>,
    error: Registered<OnError>,
    close: Registered<OnFlag>,
    session: Registered<OnBytes>,
    decisions: Decisions,
}

pub(super) struct PairObject {
    pair: SecurePair,
    hooks: Rc<Hooks>,
    ready: Arc<Ready>,
    /// The serialised session that was asked for last.
    session: RefCell<Option<Secret>>,
    user_data: RefCell<Option<UserData>>,
}

/// A ready callback that is running uses the user data until it returns.
impl Drop for PairObject {
    fn drop(&mut self) {
        self.ready.end(self.user_data.take());
    }
}

// SAFETY: the only type with this kind. It may move between threads: the `Rc`s inside are not
// shared with anything outside of it, and user pointers are the user's affair.
unsafe impl Exclusive for PairObject {
    const KIND: Kind = Kind::Pair;
}

impl Hooks {
    fn handle(&self) -> *mut tls_secure_pair {
        self.handle.get() as *mut tls_secure_pair
    }

    /// After `tls_secure_pair_free` inside a callback nothing more is told.
    fn silence(&self) {
        let none = std::ptr::null_mut();
        self.encrypted.set(None, none);
        self.data.set(None, none);
        self.secure.set(None, none);
        self.drain.set(None, none);
        self.end.set(None, none);
        self.error.set(None, none);
        self.close.set(None, none);
        self.session.set(None, none);
        self.decisions.silence();
    }
}

// In each of these, the user gave the function for this user data: that is the SAFETY of the call.
impl PairEvents for Hooks {
    fn encrypted(&self, bytes: &[u8]) {
        // SAFETY: see above.
        self.encrypted.call(|function, user_data| unsafe {
            function(self.handle(), bytes.as_ptr(), bytes.len(), user_data);
        });
    }

    fn data(&self, bytes: &[u8]) {
        // SAFETY: see above.
        self.data.call(|function, user_data| unsafe {
            function(self.handle(), bytes.as_ptr(), bytes.len(), user_data);
        });
    }

    fn secure(&self) {
        // SAFETY: see above.
        self.secure
            .call(|function, user_data| unsafe { function(self.handle(), user_data) });
    }

    fn session(&self, session: &[u8]) {
        // SAFETY: see above.
        self.session.call(|function, user_data| unsafe {
            function(self.handle(), session.as_ptr(), session.len(), user_data);
        });
    }

    fn drain(&self) {
        // SAFETY: see above.
        self.drain
            .call(|function, user_data| unsafe { function(self.handle(), user_data) });
    }

    fn new_session(&self, session: &NewSession) {
        let (id, bytes) = (&session.id, &session.bytes);
        // SAFETY: see above.
        self.decisions
            .new_session
            .call(|function, user_data| unsafe {
                function(
                    self.handle(),
                    id.as_ptr(),
                    id.len(),
                    bytes.as_ptr(),
                    bytes.len(),
                    user_data,
                );
            });
    }

    fn renegotiated(&self) {
        // SAFETY: see above.
        self.decisions
            .renegotiated
            .call_once(|function, user_data| unsafe { function(self.handle(), user_data) });
    }

    fn ask(&self, question: &Question, request: &Arc<Request>) -> bool {
        decisions::ask(self, question, request)
    }

    fn end(&self, clean: bool) {
        // SAFETY: see above.
        self.end.call(|function, user_data| unsafe {
            function(self.handle(), clean.into(), user_data)
        });
    }

    fn error(&self, error: &Error) {
        self.error.call(|function, user_data| {
            // SAFETY: see above.
            error::with_handle(error, |error| unsafe {
                function(self.handle(), error, user_data);
            });
        });
    }

    fn close(&self, had_error: bool) {
        // SAFETY: see above.
        self.close.call(|function, user_data| unsafe {
            function(self.handle(), had_error.into(), user_data);
        });
    }
}

fn object(pair: *const tls_secure_pair) -> Result<Guard<PairObject>> {
    registry::exclusive(pair as u64)
}

fn change(
    pair: *mut tls_secure_pair,
    change: impl FnOnce(&PairObject) -> Result<()>,
) -> tls_status {
    guard::status(|| change(&*object(pair)?))
}

/// A new pair, which has not started. Free it with `tls_secure_pair_free`. Any thread.
///
/// - `context`: who we are and whom we trust; a server needs its certificate and key. The pair keeps
///   what it needs of it; it freezes here.
/// - `is_server`: 1 for the server's side, 0 for the client's.
/// - `request_cert`: server: 1 asks the client for a certificate. A client's is not looked at.
/// - `reject_unauthorized`: 1 refuses a peer whose certificate is not accepted; 0 only marks it as
///   not authorized. A client with 1 needs a name to verify before it starts.
///
/// Returns NULL on failure: `TLS_ERR_INVALID_ARGUMENT` for flags but 0 and 1,
/// `TLS_ERR_INVALID_STATE` for a server without certificate or key, or what the context's first use
/// may answer.
///
/// Node: `tls.createSecurePair(credentials, isServer, requestCert, rejectUnauthorized)`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_new(
    context: *mut tls_context,
    is_server: i32,
    request_cert: i32,
    reject_unauthorized: i32,
) -> *mut tls_secure_pair {
    guard::value(std::ptr::null_mut(), || {
        let options = PairOptions {
            is_server: input::flag(is_server, "is_server")?,
            request_cert: input::flag(request_cert, "request_cert")?,
            reject_unauthorized: input::flag(reject_unauthorized, "reject_unauthorized")?,
        };
        let context = &context::object(context)?.context;
        let context = if options.is_server {
            context.freeze_for_server()?
        } else {
            context.freeze()?
        };
        let hooks = Rc::new(Hooks::default());
        let ready = Ready::new();
        let tell_ready = Arc::clone(&ready);
        let pair = SecurePair::new(context, options, Arc::new(move || tell_ready.call()))?;
        pair.set_events(Rc::clone(&hooks) as Rc<dyn PairEvents>);
        let object = Box::new(PairObject {
            pair,
            hooks: Rc::clone(&hooks),
            ready,
            session: RefCell::new(None),
            user_data: RefCell::new(None),
        });
        let handle = registry::insert_exclusive(object)?;
        hooks.handle.set(handle);
        Ok(handle as *mut tls_secure_pair)
    })
}

/// Frees a pair, ended or not; no callback is made any more but the destroy function of its user
/// data. Inside a callback of the pair the handle is dead at once, and the memory goes when the
/// outermost call on the pair returns. A `tls_secure_pair_on_ready` callback that is running on
/// another thread is waited for; inside one, the user data is destroyed when it returns. NULL is
/// `TLS_OK`. Any thread.
///
/// Errors: `TLS_ERR_BUSY` while another thread uses the pair; nothing happens then.
#[no_mangle]
pub extern "C" fn tls_secure_pair_free(pair: *mut tls_secure_pair) -> tls_status {
    if pair.is_null() {
        return TLS_OK;
    }
    guard::status(|| {
        let object = object(pair)?;
        object.hooks.silence();
        object.pair.destroy()?;
        let ready = Arc::clone(&object.ready);
        object.remove();
        // The last thing, with the pair let go: the callback that may be running could be about to
        // use it.
        ready.set(0, None, std::ptr::null_mut());
        Ok(())
    })
}

/// Ends the pair without a word to the peer: only the close event follows. What was encrypted before
/// can still be taken. Again, and NULL: `TLS_OK`. Any thread, one at a time.
///
/// Node: `pair.destroy`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_destroy(pair: *mut tls_secure_pair) -> tls_status {
    if pair.is_null() {
        return TLS_OK;
    }
    change(pair, |object| object.pair.destroy())
}

/// Client: sets the name to ask the server for (SNI) and, unless `tls_secure_pair_set_verify_name`
/// says otherwise, to verify. Before the start. Any thread, one at a time.
///
/// - `servername`: a host name, an international one in its `xn--` form, or an IP address, which is
///   verified but never sent. Copied; not NULL.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` for what cannot be a host name, `TLS_ERR_INVALID_STATE` on a
/// server or after the start.
#[no_mangle]
pub unsafe extern "C" fn tls_secure_pair_set_servername(
    pair: *mut tls_secure_pair,
    servername: *const c_char,
) -> tls_status {
    change(pair, |object| {
        // SAFETY: NUL-terminated by contract.
        let name = unsafe { input::text(servername, "the server name") }?;
        object.pair.set_servername(name)
    })
}

/// Client: sets the name that the server's certificate must have, where it is not the one that is
/// asked for. Before the start. Any thread, one at a time.
///
/// - `name`: a host name or IP address; copied. NULL: verify the chain only, on purpose.
///
/// Errors: as for `tls_secure_pair_set_servername`.
#[no_mangle]
pub unsafe extern "C" fn tls_secure_pair_set_verify_name(
    pair: *mut tls_secure_pair,
    name: *const c_char,
) -> tls_status {
    change(pair, |object| {
        // SAFETY: NUL-terminated by contract.
        let name = unsafe { input::optional_text(name, "the name") }?;
        object.pair.set_verify_name(name)
    })
}

/// Sets at how many waiting bytes `tls_secure_pair_write` answers `TLS_FULL` (encrypted bytes not
/// taken yet, and plaintext written before the handshake is over) and, with no data callback,
/// `tls_secure_pair_feed` stops taking (plaintext not read yet). Any thread, one at a time.
///
/// - `bytes`: 65,536 by default. Feeding may go over it by one record.
#[no_mangle]
pub extern "C" fn tls_secure_pair_set_high_water_mark(
    pair: *mut tls_secure_pair,
    bytes: usize,
) -> tls_status {
    change(pair, |object| {
        object.pair.set_high_water_mark(bytes);
        Ok(())
    })
}

/// Starts the handshake; a client has something to send then. Implied by the first feed, take or
/// write. Again: `TLS_OK`. Any thread, one at a time.
///
/// Errors: `TLS_ERR_INVALID_STATE` if the pair has ended, or for a client that verifies and was given
/// no name.
#[no_mangle]
pub extern "C" fn tls_secure_pair_start(pair: *mut tls_secure_pair) -> tls_status {
    change(pair, |object| object.pair.start())
}

/// Takes encrypted bytes that the transport brought, in pieces of any size. Callbacks run inside
/// this call. Any thread, one at a time.
///
/// - `data`, `length`: the bytes, used up or copied. NULL with length 0 goes on with what waits.
/// - `consumed`: where to put how many bytes were taken, the rest to be fed again after reading; it
///   is less than `length` only with no data callback and unread plaintext over the high-water mark.
///   NULL: the pair keeps the rest itself.
///
/// Returns `TLS_OK` also when it took only a part. If the connection fails on these bytes, the error
/// event comes and the same error is answered: `TLS_ERR_TLS`, `TLS_ERR_VERIFY`. An alert for the peer
/// may wait to be taken. Other errors: `TLS_ERR_INVALID_STATE` if the pair has ended already, or as
/// for `tls_secure_pair_start`; `TLS_ERR_INVALID_ARGUMENT`.
#[no_mangle]
pub unsafe extern "C" fn tls_secure_pair_feed(
    pair: *mut tls_secure_pair,
    data: *const c_void,
    length: usize,
    consumed: *mut usize,
) -> tls_status {
    if !consumed.is_null() {
        // SAFETY: not NULL, so valid by contract.
        unsafe { *consumed = 0 };
    }
    change(pair, |object| {
        // SAFETY: readable by contract.
        let data = unsafe { input::bytes(data, length) }?;
        let count = object.pair.feed(data, consumed.is_null())?;
        if !consumed.is_null() {
            // SAFETY: not NULL, so valid by contract.
            unsafe { *consumed = count };
        }
        Ok(())
    })
}

/// Says that the transport has ended. After a close_notify nothing is missing; without one the end
/// event comes with `clean` 0; before the handshake is over it is an error (`ECONNRESET`). The events
/// come after all plaintext. Any thread, one at a time.
///
/// Errors: `TLS_ERR_RESET` in the middle of the handshake, otherwise as for `tls_secure_pair_start`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_feed_eof(pair: *mut tls_secure_pair) -> tls_status {
    change(pair, |object| object.pair.feed_eof())
}

/// Moves encrypted bytes for the transport into `buffer`; for pairs without an encrypted callback.
/// What was shown once does not change. It works also after the pair has ended, for the last alert.
/// Nothing is dropped: who feeds and never takes keeps the answers to the peer's key updates, too.
/// Any thread, one at a time.
///
/// - `buffer`: may be NULL only with capacity 0.
/// - `capacity`: in bytes.
/// - `length`: where to put how many were moved; not NULL. 0: nothing waits.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT`, and as for `tls_secure_pair_start`.
#[no_mangle]
pub unsafe extern "C" fn tls_secure_pair_take(
    pair: *mut tls_secure_pair,
    buffer: *mut c_void,
    capacity: usize,
    length: *mut usize,
) -> tls_status {
    // SAFETY: the contract of this function.
    unsafe { moved(pair, buffer, capacity, length, SecurePair::take) }
}

/// Moves decrypted bytes into `buffer`; for pairs without a data callback. Otherwise as
/// `tls_secure_pair_take`; reading makes room, so events of what was fed before may come, and the end
/// event comes inside the call that reads the last byte: write what you still have to write after
/// it returns, and only then end. Feed again what was not consumed.
///
/// - `buffer`, `capacity`, `length`: as for `tls_secure_pair_take`.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT`.
#[no_mangle]
pub unsafe extern "C" fn tls_secure_pair_read(
    pair: *mut tls_secure_pair,
    buffer: *mut c_void,
    capacity: usize,
    length: *mut usize,
) -> tls_status {
    // SAFETY: the contract of this function.
    unsafe { moved(pair, buffer, capacity, length, SecurePair::read) }
}

/// # Safety
/// `buffer` is NULL or writable for `capacity` bytes, `length` is NULL or valid.
unsafe fn moved(
    pair: *mut tls_secure_pair,
    buffer: *mut c_void,
    capacity: usize,
    length: *mut usize,
    how: impl FnOnce(&SecurePair, &mut [u8]) -> Result<usize>,
) -> tls_status {
    change(pair, |object| {
        if length.is_null() {
            return Err(Error::argument("length is NULL"));
        }
        // SAFETY: the caller's promise; `length` is not NULL.
        unsafe {
            *length = 0;
            *length = how(&object.pair, input::buffer(buffer, capacity)?)?;
        }
        Ok(())
    })
}

/// Writes plaintext. All of it is taken, at any size; before the handshake is over it waits. Any
/// thread, one at a time.
///
/// - `data`, `length`: the bytes; may be NULL only with length 0, which does nothing.
///
/// Returns `TLS_OK`, or `TLS_FULL` if the high-water mark is reached: the data is taken too, and a
/// drain event follows when all was taken by the transport.
///
/// Errors: `TLS_ERR_INVALID_STATE` after `tls_secure_pair_end` or when the pair has ended, and as for
/// `tls_secure_pair_start`; `TLS_ERR_INVALID_ARGUMENT`.
#[no_mangle]
pub unsafe extern "C" fn tls_secure_pair_write(
    pair: *mut tls_secure_pair,
    data: *const c_void,
    length: usize,
) -> tls_status {
    guard::written(|| {
        let object = object(pair)?;
        // SAFETY: readable by contract.
        object.pair.write(unsafe { input::bytes(data, length) }?)
    })
}

/// Ends the writing side: after what was written, close_notify. Data of the peer still comes. The
/// pair closes when the peer has ended too, or the transport. Again: `TLS_OK`. Any thread, one at a
/// time.
///
/// Errors: as for `tls_secure_pair_start`. Node: `pair.cleartext.end`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_end(pair: *mut tls_secure_pair) -> tls_status {
    change(pair, |object| object.pair.end())
}

/// Keeps a pointer of yours with the pair. Any thread, one at a time.
///
/// - `user_data`: any value, NULL too.
/// - `destroy`: called exactly once with it: when the pair is freed, when it is replaced, or at once
///   when this call fails. May be NULL.
#[no_mangle]
pub extern "C" fn tls_secure_pair_set_user_data(
    pair: *mut tls_secure_pair,
    user_data: *mut c_void,
    destroy: tls_destroy_callback,
) -> tls_status {
    let new = UserData::new(user_data, destroy);
    guard::status(|| {
        let object = object(pair)?;
        let old = object.user_data.replace(Some(new));
        drop(object);
        drop(old);
        Ok(())
    })
}

/// The pointer from `tls_secure_pair_set_user_data`; NULL if there is none, or on failure. Any
/// thread, one at a time.
#[no_mangle]
pub extern "C" fn tls_secure_pair_user_data(pair: *const tls_secure_pair) -> *mut c_void {
    guard::value(std::ptr::null_mut(), || {
        let object = object(pair)?;
        let user_data = object.user_data.borrow();
        Ok(user_data
            .as_ref()
            .map_or(std::ptr::null_mut(), UserData::pointer))
    })
}
