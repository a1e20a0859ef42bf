//! `tls_stream`: one TLS connection over a socket, of a server or a client.

mod decisions;
mod events;
mod facts;
mod session;

use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::{c_char, c_int, c_void, CString};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::callback::{tls_destroy_callback, tls_stream_callback, Registered};
use super::connect_options::{self, tls_connect_options};
use super::error::{self, tls_error};
use super::event_loop::{
    self, tls_loop, TLS_ROW_CHECK_IDENTITY, TLS_ROW_CLOSE, TLS_ROW_DATA, TLS_ROW_DRAIN,
    TLS_ROW_END, TLS_ROW_ERROR, TLS_ROW_SECURE_CONNECT, TLS_ROW_SESSION, TLS_ROW_TIMEOUT,
};
use super::registry::{self, Kind, Local};
use super::rows::{Outlet, Row};
use super::status::{tls_status, TLS_OK};
use super::user_data::UserData;
use super::{guard, input};
use crate::engine::{Question, Request};
use crate::error::{Error, Result};
use crate::net::{self, Stream, StreamEvents};

pub use decisions::*;
pub use events::*;
pub use facts::*;
pub use session::*;

use self::decisions::Decisions;
use self::facts::fact;
use self::session::Sessions;

/// A TLS connection. It ends with its close event, after which the handle is dead.
#[repr(C)]
pub struct tls_stream {
    _private: [u8; 0],
}

type OnStream = unsafe extern "C-unwind" fn(*mut tls_stream, *mut c_void);
type OnData = unsafe extern "C-unwind" fn(*mut tls_stream, *const u8, usize, *mut c_void);
type OnFlag = unsafe extern "C-unwind" fn(*mut tls_stream, c_int, *mut c_void);
type OnError = unsafe extern "C-unwind" fn(*mut tls_stream, *const tls_error, *mut c_void);

pub(super) struct StreamObject {
    stream: Rc<Stream>,
    handle: Cell<u64>,
    outlet: Outlet,
    data: Registered<OnData>,
    secure_connect: Registered<OnStream>,
    drain: Registered<OnStream>,
    timeout: Registered<OnStream>,
    end: Registered<OnFlag>,
    error: Registered<OnError>,
    close: Registered<OnFlag>,
    user_data: RefCell<Option<Box<UserData>>>,
    addresses: RefCell<Option<Box<Addresses>>>,
    decisions: RefCell<Option<Rc<Decisions>>>,
    sessions: RefCell<Option<Rc<Sessions>>>,
}

/// Texts of addresses that were handed out.
#[derive(Default)]
struct Addresses {
    local: OnceCell<CString>,
    remote: OnceCell<CString>,
}

// SAFETY: the only type with this kind.
unsafe impl Local for StreamObject {
    const KIND: Kind = Kind::Stream;
}

impl StreamObject {
    /// Gives a new stream its handle, on the loop with the handle `home`.
    pub(super) fn register(
        stream: &Rc<Stream>,
        home: u64,
        outlet: Outlet,
    ) -> Result<Rc<StreamObject>> {
        stream.set_pulled(outlet.has(TLS_ROW_DATA));
        let object = Rc::new(StreamObject {
            stream: Rc::clone(stream),
            handle: Cell::new(0),
            outlet,
            data: Registered::default(),
            secure_connect: Registered::default(),
            drain: Registered::default(),
            timeout: Registered::default(),
            end: Registered::default(),
            error: Registered::default(),
            close: Registered::default(),
            user_data: RefCell::new(None),
            addresses: RefCell::new(None),
            decisions: RefCell::new(None),
            sessions: RefCell::new(None),
        });
        let handle = registry::insert_local(Rc::clone(&object), home)?;
        object.handle.set(handle);
        stream.set_tag(handle);
        Ok(object)
    }

    fn decisions(&self) -> Rc<Decisions> {
        Rc::clone(self.decisions.borrow_mut().get_or_insert_with(Rc::default))
    }

    fn sessions(&self) -> Rc<Sessions> {
        Rc::clone(self.sessions.borrow_mut().get_or_insert_with(Rc::default))
    }

    fn handle(&self) -> *mut tls_stream {
        self.handle.get() as *mut tls_stream
    }

    /// Has a client told of what there are rows for.
    fn listen(&self) -> Result<()> {
        self.stream
            .set_ask_identity(self.outlet.has(TLS_ROW_CHECK_IDENTITY))?;
        self.stream
            .set_told_of_sessions(self.outlet.has(TLS_ROW_SESSION))
    }

    /// A row about it.
    fn row(&self, kind: i32) -> Row {
        Row {
            handle: self.handle.get(),
            kind,
            ..Row::default()
        }
    }

    /// The handle of a closed stream ends.
    pub(super) fn forget(handle: u64) {
        if let Some(object) = registry::remove_local::<StreamObject>(handle) {
            drop(object.user_data.take());
        }
    }
}

// In each of these, the user gave the function for this user data: that is the SAFETY of the call.
impl StreamEvents for StreamObject {
    fn secure_connect(&self) {
        // SAFETY: see above.
        let called = self
            .secure_connect
            .call(|function, user_data| unsafe { function(self.handle(), user_data) });
        if !called {
            self.outlet.put(self.row(TLS_ROW_SECURE_CONNECT), [&[]; 2]);
        }
    }

    fn data(&self, bytes: &[u8]) -> usize {
        // SAFETY: see above.
        let called = self.data.call(|function, user_data| unsafe {
            function(self.handle(), bytes.as_ptr(), bytes.len(), user_data);
        });
        if called {
            return bytes.len();
        }
        self.outlet.put_data(self.handle.get(), bytes)
    }

    fn renegotiated(&self) {
        decisions::renegotiated(self);
    }

    fn session(&self, session: &[u8]) {
        session::tell(self, session);
    }

    fn ask(&self, question: &Question, request: &Arc<Request>) -> bool {
        decisions::ask(self, question, request)
    }

    fn end(&self, clean: bool) {
        // SAFETY: see above.
        let called = self.end.call(|function, user_data| unsafe {
            function(self.handle(), clean.into(), user_data)
        });
        if !called {
            let value = clean.into();
            let row = self.row(TLS_ROW_END);
            self.outlet.put(Row { value, ..row }, [&[]; 2]);
        }
    }

    fn drain(&self) {
        // SAFETY: see above.
        let called = self
            .drain
            .call(|function, user_data| unsafe { function(self.handle(), user_data) });
        if !called {
            self.outlet.put(self.row(TLS_ROW_DRAIN), [&[]; 2]);
        }
    }

    fn timeout(&self) {
        // SAFETY: see above.
        let called = self
            .timeout
            .call(|function, user_data| unsafe { function(self.handle(), user_data) });
        if !called {
            self.outlet.put(self.row(TLS_ROW_TIMEOUT), [&[]; 2]);
        }
    }

    fn error(&self, error: &Error) {
        let called = self.error.call(|function, user_data| {
            // SAFETY: see above.
            error::with_handle(error, |error| unsafe {
                function(self.handle(), error, user_data);
            });
        });
        if !called {
            self.outlet.put_error(self.row(TLS_ROW_ERROR), error);
        }
    }

    fn close(&self, had_error: bool) {
        // SAFETY: see above.
        let called = self.close.call(|function, user_data| unsafe {
            function(self.handle(), had_error.into(), user_data);
        });
        let value = had_error.into();
        let row = self.row(TLS_ROW_CLOSE);
        // With a row the handle lives on, until the poll after it.
        if called || !self.outlet.put(Row { value, ..row }, [&[]; 2]) {
            StreamObject::forget(self.handle.get());
        }
    }
}

fn object(stream: *const tls_stream) -> Result<Rc<StreamObject>> {
    registry::local(stream as u64)
}

/// The stream behind a handle, for whatever goes on top of it.
pub(super) fn inner(handle: u64) -> Result<Rc<Stream>> {
    let object = registry::local::<StreamObject>(handle)?;
    Ok(Rc::clone(&object.stream))
}

/// Changes what belongs to the stream on top, if the stream carries one.
fn change_own(
    stream: *mut tls_stream,
    change: impl FnOnce(&StreamObject) -> Result<()>,
) -> tls_status {
    guard::status(|| {
        let object = object(stream)?;
        object.stream.check_carries_none()?;
        change(&object)
    })
}

fn change(stream: *mut tls_stream, change: impl FnOnce(&StreamObject) -> Result<()>) -> tls_status {
    guard::status(|| change(&*object(stream)?))
}

/// Connects to a server. What comes of it comes as events, from the loop: secure connect, or error
/// and close.
///
/// - `loop`: the loop that runs it; this thread must own it.
/// - `port`: 1 to 65535. Not looked at when the options have a path, a descriptor or a stream.
/// - `host`: a host name or an address; NULL is `"localhost"`. It is looked up off the loop's
///   thread; its addresses, IPv6 and IPv4, are tried side by side (RFC 8305). Copied.
/// - `options`: NULL is the defaults: the well-known roots are trusted and the host's name is
///   verified. Read during the call; may be freed after it.
/// - `on_secure_connect`: the callback of the secure connect event, as by
///   `tls_stream_on_secure_connect`; may be NULL.
/// - `user_data`: for that callback.
///
/// Returns the stream, or NULL on failure: `TLS_ERR_INVALID_ARGUMENT` (port, host), what the
/// descriptor or stream in the options may answer, or what the context's first use may answer. Later errors: `TLS_ERR_RESOLVE` (`ENOTFOUND`),
/// `TLS_ERR_CONNECT` (`ECONNREFUSED`, ...), `TLS_ERR_VERIFY`, `TLS_ERR_TLS`, `TLS_ERR_RESET`.
///
/// The loop's thread. Node: `tls.connect`.
#[no_mangle]
pub unsafe extern "C" fn tls_connect(
    r#loop: *mut tls_loop,
    port: i32,
    host: *const c_char,
    options: *mut tls_connect_options,
    on_secure_connect: tls_stream_callback,
    user_data: *mut c_void,
) -> *mut tls_stream {
    guard::value(std::ptr::null_mut(), || {
        let home = event_loop::object(r#loop)?;
        let options = connect_options::object_or_defaults(options)?;
        let port = if options.goes_to_host() {
            input::port(port, 1)?
        } else {
            0
        };
        // SAFETY: NUL-terminated by contract.
        let host = unsafe { input::optional_text(host, "the host") }?;
        // Checked before the options' context freezes: a refused call changes nothing.
        host.map_or(Ok(()), crate::engine::check_host)?;
        let resolved = options.resolve(&home.event_loop)?;
        let made = net::connect(&home.event_loop, port, host, resolved, |stream| {
            let object = StreamObject::register(stream, home.handle.get(), home.rows.outlet())?;
            object.listen()?;
            object.secure_connect.set(on_secure_connect, user_data);
            Ok(object)
        });
        options.settle(made.is_ok());
        Ok(made?.tag() as *mut tls_stream)
    })
}

/// Writes plaintext. All of it is taken, at any size; it is sent when the callback that is running
/// returns or in the loop's next turn, small writes together. Before the connection is secure it
/// waits. The loop's thread.
///
/// - `data`: copied or sent; may be NULL only with length 0, which does nothing.
/// - `length`: in bytes.
///
/// Returns `TLS_OK`, or `TLS_FULL` if the high-water mark is reached: the data is taken too, and a
/// drain event follows when all is sent. A caller who stops then bounds the memory by the mark plus
/// one write.
///
/// Errors: `TLS_ERR_INVALID_STATE` after `tls_stream_end` (name `ERR_STREAM_WRITE_AFTER_END`) or
/// when the stream is closed, `TLS_ERR_INVALID_ARGUMENT`. Node: `stream.write`.
#[no_mangle]
pub unsafe extern "C" fn tls_stream_write(
    stream: *mut tls_stream,
    data: *const c_void,
    length: usize,
) -> tls_status {
    guard::written(|| {
        let object = object(stream)?;
        // SAFETY: readable by contract.
        let data = unsafe { input::bytes(data, length) }?;
        object.stream.write(data)
    })
}

/// Ends the writing side: what was written is sent, then close_notify, then the socket's FIN. Data
/// of the peer still comes; where nobody wants it (no data callback, no pipe) it is dropped. The
/// stream closes when the peer has ended too. Again: `TLS_OK`. The loop's thread.
///
/// Node: `stream.end`.
#[no_mangle]
pub extern "C" fn tls_stream_end(stream: *mut tls_stream) -> tls_status {
    change_own(stream, |object| {
        object.stream.end();
        Ok(())
    })
}

/// Closes the socket at once; what was not sent is lost. No callback follows but the close event,
/// from the loop; the handle is valid until then. Again: `TLS_OK`. NULL is `TLS_OK`. The loop's
/// thread, also in any callback of the stream.
///
/// Node: `stream.destroy`.
#[no_mangle]
pub extern "C" fn tls_stream_destroy(stream: *mut tls_stream) -> tls_status {
    if stream.is_null() {
        return TLS_OK;
    }
    change(stream, |object| {
        object.outlet.drop_waiting(object.handle.get());
        object.stream.destroy();
        Ok(())
    })
}

/// Stops data events until `tls_stream_resume`, at once and exactly; the socket is not read
/// meanwhile, so that the peer has to wait. The handshake is not affected. The loop's thread.
///
/// Node: `stream.pause`.
#[no_mangle]
pub extern "C" fn tls_stream_pause(stream: *mut tls_stream) -> tls_status {
    change_own(stream, |object| {
        object.stream.pause();
        Ok(())
    })
}

/// Lets data events come again, from the loop. Where nobody wants data (no callback, no pipe), it is
/// dropped from now on; without this call it waits, a record at most, for a callback. The loop's
/// thread.
///
/// Node: `stream.resume`.
#[no_mangle]
pub extern "C" fn tls_stream_resume(stream: *mut tls_stream) -> tls_status {
    change_own(stream, |object| {
        object.stream.resume();
        Ok(())
    })
}

/// Writes whatever `source` receives to `destination`, with backpressure: a source waits while a
/// destination is full. When the source's peer ends, the destination is ended. Data events of the
/// source come too. Both may be one and the same: an echo server. The loop's thread.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (two loops), `TLS_ERR_INVALID_STATE` (closed, or the
/// destination ended). Node: `source.pipe(destination)`.
#[no_mangle]
pub extern "C" fn tls_stream_pipe(
    source: *mut tls_stream,
    destination: *mut tls_stream,
) -> tls_status {
    guard::status(|| Stream::pipe(&object(source)?.stream, &object(destination)?.stream))
}

/// Sets at how many queued bytes `tls_stream_write` answers `TLS_FULL`. The loop's thread.
///
/// - `bytes`: 65,536 by default; with 0 each write answers `TLS_FULL`.
#[no_mangle]
pub extern "C" fn tls_stream_set_high_water_mark(
    stream: *mut tls_stream,
    bytes: usize,
) -> tls_status {
    change(stream, |object| {
        object.stream.set_high_water_mark(bytes);
        Ok(())
    })
}

/// Says what happens when the peer ends: 0 (the default), our side ends too, after what was
/// written; 1, it stays open until `tls_stream_end`. The loop's thread. Errors:
/// `TLS_ERR_INVALID_ARGUMENT` for anything else.
/// A stream that others are piped into ends with them instead.
///
/// Node: the option `allowHalfOpen`.
#[no_mangle]
pub extern "C" fn tls_stream_set_allow_half_open(
    stream: *mut tls_stream,
    enabled: i32,
) -> tls_status {
    change_own(stream, |object| {
        let enabled = input::flag(enabled, "enabled")?;
        object.stream.set_allow_half_open(enabled);
        Ok(())
    })
}

/// Sets after how long without a byte sent or received the timeout event comes. It destroys nothing
/// by itself, and comes again only after there was traffic. The loop's thread.
///
/// - `milliseconds`: 0 turns it off, the default.
///
/// Node: `socket.setTimeout`.
#[no_mangle]
pub extern "C" fn tls_stream_set_timeout(stream: *mut tls_stream, milliseconds: u64) -> tls_status {
    change(stream, |object| {
        let timeout = (milliseconds > 0).then(|| Duration::from_millis(milliseconds));
        object.stream.set_timeout(timeout);
        Ok(())
    })
}

/// Sets TCP_NODELAY: 1 (the default) sends at once, 0 lets the system gather. The loop's thread.
/// Errors: `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_SYSTEM`.
///
/// Node: `socket.setNoDelay`.
#[no_mangle]
pub extern "C" fn tls_stream_set_no_delay(stream: *mut tls_stream, enabled: i32) -> tls_status {
    change(stream, |object| {
        object.stream.set_no_delay(input::flag(enabled, "enabled")?)
    })
}

/// Sets SO_KEEPALIVE: 1 lets the system probe an idle peer, 0 (the default) does not. The loop's
/// thread.
///
/// - `initial_delay_ms`: idle time before the first probe, in whole seconds of it; 0 leaves the
///   system's own.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_SYSTEM`. Node: `socket.setKeepAlive`.
#[no_mangle]
pub extern "C" fn tls_stream_set_keep_alive(
    stream: *mut tls_stream,
    enabled: i32,
    initial_delay_ms: u64,
) -> tls_status {
    change(stream, |object| {
        let on = input::flag(enabled, "enabled")?;
        let delay = Duration::from_millis(initial_delay_ms);
        object.stream.set_keep_alive(on.then_some(delay))
    })
}

/// Has the open stream keep `tls_loop_run` going, as it does by default. Again: `TLS_OK`. The loop's
/// thread.
///
/// Node: `socket.ref`.
#[no_mangle]
pub extern "C" fn tls_stream_ref(stream: *mut tls_stream) -> tls_status {
    change(stream, |object| {
        object.stream.set_ref(true);
        Ok(())
    })
}

/// Lets `tls_loop_run` return although the stream is open, when nothing else keeps it going; the
/// stream is served as before while the loop runs. Again: `TLS_OK`. The loop's thread.
///
/// Node: `socket.unref`.
#[no_mangle]
pub extern "C" fn tls_stream_unref(stream: *mut tls_stream) -> tls_status {
    change(stream, |object| {
        object.stream.set_ref(false);
        Ok(())
    })
}

/// Keeps a pointer of yours with the stream. The loop's thread.
///
/// - `user_data`: any value, NULL too.
/// - `destroy`: called exactly once with it: after the close callback, when it is replaced, or at
///   once when this call fails. May be NULL.
#[no_mangle]
pub extern "C" fn tls_stream_set_user_data(
    stream: *mut tls_stream,
    user_data: *mut c_void,
    destroy: tls_destroy_callback,
) -> tls_status {
    let new = UserData::new(user_data, destroy);
    guard::status(|| {
        let old = object(stream)?.user_data.replace(Some(Box::new(new)));
        drop(old);
        Ok(())
    })
}

/// The pointer from `tls_stream_set_user_data`; NULL if there is none, or on failure. The loop's
/// thread.
#[no_mangle]
pub extern "C" fn tls_stream_user_data(stream: *const tls_stream) -> *mut c_void {
    guard::value(std::ptr::null_mut(), || {
        let object = object(stream)?;
        let user_data = object.user_data.borrow();
        Ok(user_data
            .as_ref()
            .map_or(std::ptr::null_mut(), |user_data| user_data.pointer()))
    })
}
