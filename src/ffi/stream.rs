//! `tls_stream`: one TLS connection over a socket, of a server or a client.

use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::callback::{
    tls_destroy_callback, tls_stream_callback, tls_stream_close_callback, tls_stream_data_callback,
    tls_stream_end_callback, tls_stream_error_callback, Registered,
};
use super::certificate::{self, tls_certificate};
use super::connect_options::{self, tls_connect_options};
use super::error::{self, tls_error};
use super::event_loop::{self, tls_loop};
use super::registry::{self, Kind, Local};
use super::status::{tls_status, TLS_OK};
use super::user_data::UserData;
use super::{guard, input};
use crate::engine::Facts;
use crate::error::{Error, Result};
use crate::net::{self, Stream, StreamEvents};

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
    data: Registered<OnData>,
    secure_connect: Registered<OnStream>,
    drain: Registered<OnStream>,
    timeout: Registered<OnStream>,
    end: Registered<OnFlag>,
    error: Registered<OnError>,
    close: Registered<OnFlag>,
    user_data: RefCell<Option<Box<UserData>>>,
    addresses: RefCell<Option<Box<Addresses>>>,
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
    pub(super) fn register(stream: &Rc<Stream>, home: u64) -> Result<Rc<StreamObject>> {
        let object = Rc::new(StreamObject {
            stream: Rc::clone(stream),
            handle: Cell::new(0),
            data: Registered::default(),
            secure_connect: Registered::default(),
            drain: Registered::default(),
            timeout: Registered::default(),
            end: Registered::default(),
            error: Registered::default(),
            close: Registered::default(),
            user_data: RefCell::new(None),
            addresses: RefCell::new(None),
        });
        let handle = registry::insert_local(Rc::clone(&object), home)?;
        object.handle.set(handle);
        stream.set_tag(handle);
        Ok(object)
    }

    fn handle(&self) -> *mut tls_stream {
        self.handle.get() as *mut tls_stream
    }
}

// In each of these, the user gave the function for this user data: that is the SAFETY of the call.
impl StreamEvents for StreamObject {
    fn secure_connect(&self) {
        // SAFETY: see above.
        self.secure_connect
            .call(|function, user_data| unsafe { function(self.handle(), user_data) });
    }

    fn data(&self, bytes: &[u8]) {
        // SAFETY: see above.
        self.data.call(|function, user_data| unsafe {
            function(self.handle(), bytes.as_ptr(), bytes.len(), user_data);
        });
    }

    fn end(&self, clean: bool) {
        // SAFETY: see above.
        self.end
            .call(|function, user_data| unsafe { function(self.handle(), clean.into(), user_data) });
    }

    fn drain(&self) {
        // SAFETY: see above.
        self.drain
            .call(|function, user_data| unsafe { function(self.handle(), user_data) });
    }

    fn timeout(&self) {
        // SAFETY: see above.
        self.timeout
            .call(|function, user_data| unsafe { function(self.handle(), user_data) });
    }

    fn error(&self, error: &Error) {
        // SAFETY: see above.
        self.error.call(|function, user_data| {
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
        drop(registry::remove_local::<StreamObject>(self.handle.get()));
        drop(self.user_data.take());
    }
}

fn object(stream: *const tls_stream) -> Result<Rc<StreamObject>> {
    registry::local(stream as u64)
}

fn change(stream: *mut tls_stream, change: impl FnOnce(&StreamObject) -> Result<()>) -> tls_status {
    guard::status(|| change(&*object(stream)?))
}

/// A text among what is known of the connection; it lives as long as the stream.
fn fact(
    stream: *const tls_stream,
    pick: impl FnOnce(&Facts) -> Option<&CStr>,
) -> *const c_char {
    guard::value(std::ptr::null(), || {
        Ok(object(stream)?.stream.with_facts(|facts| {
            facts
                .and_then(pick)
                .map_or(std::ptr::null(), CStr::as_ptr)
        }))
    })
}

fn truth(stream: *const tls_stream, pick: impl FnOnce(&Facts) -> bool) -> i32 {
    guard::value(0, || {
        Ok(object(stream)?
            .stream
            .with_facts(|facts| i32::from(facts.is_some_and(pick))))
    })
}

/// Connects to a server. What comes of it comes as events, from the loop: secure connect, or error
/// and close.
///
/// - `loop`: the loop that runs it; this thread must own it.
/// - `port`: 1 to 65535.
/// - `host`: a host name or an address; NULL is `"localhost"`. It is looked up off the loop's
///   thread; its addresses, IPv6 and IPv4, are tried side by side (RFC 8305). Copied.
/// - `options`: NULL is the defaults: the well-known roots are trusted and the host's name is
///   verified. Read during the call; may be freed after it.
/// - `on_secure_connect`: the callback of the secure connect event, as by
///   `tls_stream_on_secure_connect`; may be NULL.
/// - `user_data`: for that callback.
///
/// Returns the stream, or NULL on failure: `TLS_ERR_INVALID_ARGUMENT` (port, host), or what the
/// context's first use may answer. Later errors: `TLS_ERR_RESOLVE` (`ENOTFOUND`),
/// `TLS_ERR_CONNECT` (`ECONNREFUSED`, ...), `TLS_ERR_VERIFY`, `TLS_ERR_TLS`, `TLS_ERR_RESET`.
///
/// The loop's thread. Node: `tls.connect`.
#[no_mangle]
pub unsafe extern "C" fn tls_connect(
    loop_: *mut tls_loop,
    port: i32,
    host: *const c_char,
    options: *mut tls_connect_options,
    on_secure_connect: tls_stream_callback,
    user_data: *mut c_void,
) -> *mut tls_stream {
    guard::value(std::ptr::null_mut(), || {
        let home = event_loop::object(loop_)?;
        let port = input::port(port, 1)?;
        // SAFETY: NUL-terminated by contract.
        let host = unsafe { input::optional_text(host, "the host") }?;
        let options = connect_options::resolve(options)?;
        let stream = net::connect(&home.event_loop, port, host, options)?;
        let object = match StreamObject::register(&stream, home.handle.get()) {
            Ok(object) => object,
            Err(error) => {
                stream.destroy();
                return Err(error);
            }
        };
        object.secure_connect.set(on_secure_connect, user_data);
        let handle = object.handle();
        stream.set_events(object);
        Ok(handle)
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
    change(stream, |object| {
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
    change(stream, |object| {
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
    change(stream, |object| {
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
///
/// Node: the option `allowHalfOpen`.
#[no_mangle]
pub extern "C" fn tls_stream_set_allow_half_open(
    stream: *mut tls_stream,
    enabled: i32,
) -> tls_status {
    change(stream, |object| {
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
pub extern "C" fn tls_stream_set_timeout(
    stream: *mut tls_stream,
    milliseconds: u64,
) -> tls_status {
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

/// Bytes sent so far, as they are on the wire, TLS overhead included; 0 on failure. The loop's
/// thread.
///
/// Node: `stream.bytesWritten`.
#[no_mangle]
pub extern "C" fn tls_stream_bytes_written(stream: *const tls_stream) -> u64 {
    guard::value(0, || Ok(object(stream)?.stream.bytes_written()))
}

/// Bytes received so far, as they are on the wire; 0 on failure. The loop's thread.
///
/// Node: `socket.bytesRead`.
#[no_mangle]
pub extern "C" fn tls_stream_bytes_read(stream: *const tls_stream) -> u64 {
    guard::value(0, || Ok(object(stream)?.stream.bytes_read()))
}

/// Bytes that wait to be sent, plaintext and encrypted; 0 on failure. The loop's thread.
///
/// Node: `stream.writableLength`.
#[no_mangle]
pub extern "C" fn tls_stream_writable_length(stream: *const tls_stream) -> usize {
    guard::value(0, || Ok(object(stream)?.stream.writable_length()))
}

/// Is the handshake over and the peer accepted? 1 or 0; 0 on failure. The loop's thread.
#[no_mangle]
pub extern "C" fn tls_stream_secure(stream: *const tls_stream) -> i32 {
    truth(stream, |facts| facts.secure)
}

/// Was the peer's certificate asked for, given and accepted? 1 or 0; 0 before the handshake is over,
/// and on failure. The loop's thread.
///
/// Node: `stream.authorized`.
#[no_mangle]
pub extern "C" fn tls_stream_authorized(stream: *const tls_stream) -> i32 {
    truth(stream, |facts| facts.authorized)
}

/// Why the peer is not authorized, by Node's name (`"CERT_HAS_EXPIRED"`); NULL if it is, if no
/// certificate was asked for, before the handshake is over, and on failure. It lives as long as the
/// stream. The loop's thread.
///
/// Node: `stream.authorizationError`.
#[no_mangle]
pub extern "C" fn tls_stream_authorization_error(stream: *const tls_stream) -> *const c_char {
    fact(stream, |facts| facts.authorization_error.as_deref())
}

/// The peer's certificate, for the caller to free with `tls_certificate_free`; it outlives the
/// stream. NULL if the peer gave none, before the handshake is over, and on failure. The loop's
/// thread.
///
/// Node: `stream.getPeerCertificate`.
#[no_mangle]
pub extern "C" fn tls_stream_peer_certificate(stream: *const tls_stream) -> *mut tls_certificate {
    guard::value(std::ptr::null_mut(), || {
        certificate::handle_for(object(stream)?.stream.peer_certificate()?)
    })
}

/// OpenSSL's name of the cipher suite; NULL before the handshake is over, and on failure. It lives
/// as long as the stream. The loop's thread.
///
/// Node: `stream.getCipher().name`.
#[no_mangle]
pub extern "C" fn tls_stream_cipher_name(stream: *const tls_stream) -> *const c_char {
    fact(stream, |facts| facts.cipher_name.as_deref())
}

/// IANA's name of the cipher suite, otherwise as `tls_stream_cipher_name`.
///
/// Node: `stream.getCipher().standardName`.
#[no_mangle]
pub extern "C" fn tls_stream_cipher_standard_name(stream: *const tls_stream) -> *const c_char {
    fact(stream, |facts| facts.cipher_standard_name.as_deref())
}

/// The protocol version, `"TLSv1.3"`, otherwise as `tls_stream_cipher_name`.
///
/// Node: `stream.getProtocol`.
#[no_mangle]
pub extern "C" fn tls_stream_protocol(stream: *const tls_stream) -> *const c_char {
    fact(stream, |facts| facts.protocol.as_deref())
}

/// On a server, the name that the client asked for; on a client, the one that was sent; NULL if
/// there was none. Otherwise as `tls_stream_cipher_name`.
///
/// Node: `stream.servername`.
#[no_mangle]
pub extern "C" fn tls_stream_servername(stream: *const tls_stream) -> *const c_char {
    fact(stream, |facts| facts.servername.as_deref())
}

/// The text of an address, kept with the stream once it was asked for.
fn address_text(
    stream: *const tls_stream,
    address: impl FnOnce(&Stream) -> Option<SocketAddr>,
    place: impl FnOnce(&Addresses) -> &OnceCell<CString>,
) -> *const c_char {
    guard::value(std::ptr::null(), || {
        let object = object(stream)?;
        let mut addresses = object.addresses.borrow_mut();
        let place = place(addresses.get_or_insert_with(Box::default));
        if let Some(text) = place.get() {
            return Ok(text.as_ptr());
        }
        Ok(match address(&object.stream) {
            Some(address) => place
                .get_or_init(|| CString::new(address.ip().to_string()).unwrap_or_default())
                .as_ptr(),
            None => std::ptr::null(),
        })
    })
}

fn port(
    stream: *const tls_stream,
    address: impl FnOnce(&Stream) -> Option<SocketAddr>,
) -> i32 {
    guard::value(-1, || {
        let object = object(stream)?;
        Ok(address(&object.stream).map_or(-1, |address| i32::from(address.port())))
    })
}

/// The address of our end, `"127.0.0.1"` or `"::1"`; NULL while not connected, and on failure. It
/// lives as long as the stream. The loop's thread.
///
/// Node: `stream.address().address`, `socket.localAddress`.
#[no_mangle]
pub extern "C" fn tls_stream_local_address(stream: *const tls_stream) -> *const c_char {
    address_text(stream, Stream::local_address, |addresses| &addresses.local)
}

/// The port of our end; -1 while not connected, and on failure. The loop's thread.
#[no_mangle]
pub extern "C" fn tls_stream_local_port(stream: *const tls_stream) -> i32 {
    port(stream, Stream::local_address)
}

/// The address of the peer's end; an IPv4 client of an IPv6 server shows as `"::ffff:127.0.0.1"`.
/// NULL before the connection, and on failure; also valid in the close callback. It lives as long as
/// the stream. The loop's thread.
///
/// Node: `stream.remoteAddress`.
#[no_mangle]
pub extern "C" fn tls_stream_remote_address(stream: *const tls_stream) -> *const c_char {
    address_text(stream, Stream::remote_address, |addresses| {
        &addresses.remote
    })
}

/// The port of the peer's end; -1 before the connection, and on failure. The loop's thread.
///
/// Node: `stream.remotePort`.
#[no_mangle]
pub extern "C" fn tls_stream_remote_port(stream: *const tls_stream) -> i32 {
    port(stream, Stream::remote_address)
}

/// Registers the callback of a client whose handshake is over and whose server is accepted, or not
/// refused; NULL unregisters. The loop's thread.
///
/// Node: `'secureConnect'`.
#[no_mangle]
pub extern "C" fn tls_stream_on_secure_connect(
    stream: *mut tls_stream,
    callback: tls_stream_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        object.secure_connect.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback of decrypted data; NULL unregisters. The bytes are valid until the
/// callback returns. Until there is a callback (or a pipe, or `tls_stream_resume`) data waits and
/// the peer with it. The loop's thread.
///
/// Node: `'data'`.
#[no_mangle]
pub extern "C" fn tls_stream_on_data(
    stream: *mut tls_stream,
    callback: tls_stream_data_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        object.data.set(callback, user_data);
        object.stream.set_has_data_callback(callback.is_some());
        Ok(())
    })
}

/// Registers the callback of the peer's end, which comes once, after all its data; NULL unregisters.
/// `clean` is 1 after a close_notify; 0 if the connection just ended, so that data may be missing.
/// The loop's thread.
///
/// Node: `'end'`, which does not tell the two apart.
#[no_mangle]
pub extern "C" fn tls_stream_on_end(
    stream: *mut tls_stream,
    callback: tls_stream_end_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        object.end.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback that comes when all is sent, after a write had answered `TLS_FULL`; NULL
/// unregisters. The loop's thread.
///
/// Node: `'drain'`.
#[no_mangle]
pub extern "C" fn tls_stream_on_drain(
    stream: *mut tls_stream,
    callback: tls_stream_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        object.drain.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback of a failure, which comes at most once and is followed by the close event;
/// NULL unregisters. A server's stream that fails before it is secure tells it by
/// `tls_server_on_client_error` instead. The loop's thread.
///
/// Node: `'error'`.
#[no_mangle]
pub extern "C" fn tls_stream_on_error(
    stream: *mut tls_stream,
    callback: tls_stream_error_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        object.error.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback of the end: it comes exactly once and last, and the handle is dead after
/// it. NULL unregisters. The loop's thread.
///
/// Node: `'close'`.
#[no_mangle]
pub extern "C" fn tls_stream_on_close(
    stream: *mut tls_stream,
    callback: tls_stream_close_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        object.close.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback of the idle time that `tls_stream_set_timeout` sets; NULL unregisters. The
/// loop's thread.
///
/// Node: `'timeout'`.
#[no_mangle]
pub extern "C" fn tls_stream_on_timeout(
    stream: *mut tls_stream,
    callback: tls_stream_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(stream, |object| {
        object.timeout.set(callback, user_data);
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
