//! `tls_server`: listens and hands over secure connections.

mod decisions;
mod protocols;
mod sessions;
mod sockets;

use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::{c_char, c_void, CString};
use std::os::unix::ffi::OsStringExt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::callback::{
    tls_client_error_callback, tls_destroy_callback, tls_server_callback,
    tls_server_error_callback, tls_server_stream_callback, Registered,
};
use super::certificate::tls_certificate;
use super::context::{self, tls_context};
use super::error::{self, tls_error};
use super::event_loop::{
    self, tls_loop, TLS_ROW_CHECK_CERTIFICATE, TLS_ROW_CLIENT_ERROR, TLS_ROW_LISTENING,
    TLS_ROW_NEW_SESSION, TLS_ROW_RESUME_SESSION, TLS_ROW_SECURE_CONNECTION, TLS_ROW_SERVER_CLOSE,
    TLS_ROW_SERVER_ERROR, TLS_ROW_SNI,
};
use super::registry::{self, Kind, Local};
use super::request::tls_request;
use super::rows::{Outlet, Row};
use super::status::{tls_status, TLS_OK};
use super::stream::{tls_stream, StreamObject};
use super::user_data::UserData;
use super::{guard, input};
use crate::engine::{NewSession, Question, Request};
use crate::error::{Error, Result};
use crate::net::{Address, Server, ServerEvents, Stream, StreamEvents};

pub(super) use decisions::renegotiation_limit;
pub use decisions::*;
pub use protocols::*;
pub use sessions::*;
pub use sockets::*;

/// A TLS server. It ends with its close event, after which the handle is dead.
#[repr(C)]
pub struct tls_server {
    _private: [u8; 0],
}

type OnServer = unsafe extern "C-unwind" fn(*mut tls_server, *mut c_void);
type OnServerStream = unsafe extern "C-unwind" fn(*mut tls_server, *mut tls_stream, *mut c_void);
type OnServerError = unsafe extern "C-unwind" fn(*mut tls_server, *const tls_error, *mut c_void);
type OnClientError =
    unsafe extern "C-unwind" fn(*mut tls_server, *const tls_error, *mut tls_stream, *mut c_void);

type OnSni = unsafe extern "C-unwind" fn(
    *mut tls_server,
    *mut tls_stream,
    *const c_char,
    *mut tls_request,
    *mut c_void,
);
type OnCheckCertificate = unsafe extern "C-unwind" fn(
    *mut tls_server,
    *mut tls_stream,
    *const tls_certificate,
    *mut tls_request,
    *mut c_void,
);

type OnNewSession = unsafe extern "C-unwind" fn(
    *mut tls_server,
    *mut tls_stream,
    *const u8,
    usize,
    *const u8,
    usize,
    *mut c_void,
);
type OnResumeSession = unsafe extern "C-unwind" fn(
    *mut tls_server,
    *mut tls_stream,
    *const u8,
    usize,
    *mut tls_request,
    *mut c_void,
);

pub(super) struct ServerObject {
    server: Rc<Server>,
    handle: Cell<u64>,
    /// The loop's handle.
    home: u64,
    outlet: Outlet,
    listening: Registered<OnServer>,
    secure_connection: Registered<OnServerStream>,
    client_error: Registered<OnClientError>,
    error: Registered<OnServerError>,
    close: Registered<OnServer>,
    sni: Registered<OnSni>,
    check_certificate: Registered<OnCheckCertificate>,
    new_session: Registered<OnNewSession>,
    resume_session: Registered<OnResumeSession>,
    user_data: RefCell<Option<UserData>>,
    address: OnceCell<CString>,
}

// SAFETY: the only type with this kind.
unsafe impl Local for ServerObject {
    const KIND: Kind = Kind::Server;
}

impl ServerObject {
    fn handle(&self) -> *mut tls_server {
        self.handle.get() as *mut tls_server
    }

    /// A row about the server itself.
    fn row(&self, kind: i32) -> Row {
        Row {
            handle: self.handle.get(),
            kind,
            ..Row::default()
        }
    }

    /// A row about one of its streams.
    fn stream_row(&self, kind: i32, stream: u64) -> Row {
        Row {
            handle: stream,
            kind,
            server: self.handle.get(),
            ..Row::default()
        }
    }

    /// Has the server told and asked of whatever there is a callback or a row for.
    fn listen(&self) {
        let (server, outlet) = (&self.server, &self.outlet);
        server.set_ask_server_name(self.sni.is_set() || outlet.has(TLS_ROW_SNI));
        server.set_ask_certificate(
            self.check_certificate.is_set() || outlet.has(TLS_ROW_CHECK_CERTIFICATE),
        );
        server.change_keeping(|keeping| {
            keeping.tell_new = self.new_session.is_set() || outlet.has(TLS_ROW_NEW_SESSION);
            keeping.ask = self.resume_session.is_set() || outlet.has(TLS_ROW_RESUME_SESSION);
        });
    }

    /// The handle of a closed server ends.
    pub(super) fn forget(handle: u64) {
        if let Some(object) = registry::remove_local::<ServerObject>(handle) {
            drop(object.user_data.take());
        }
    }
}

// In each of these, the user gave the function for this user data: that is the SAFETY of the call.
impl ServerEvents for ServerObject {
    fn accepted(&self, stream: &Rc<Stream>) -> Result<Rc<dyn StreamEvents>> {
        let object: Rc<dyn StreamEvents> =
            StreamObject::register(stream, self.home, self.outlet.clone())?;
        Ok(object)
    }

    fn listening(&self) {
        // SAFETY: see above.
        let called = self
            .listening
            .call(|function, user_data| unsafe { function(self.handle(), user_data) });
        if !called {
            self.outlet.put(self.row(TLS_ROW_LISTENING), [&[]; 2]);
        }
    }

    fn secure_connection(&self, stream: &Rc<Stream>) {
        let stream = stream.tag();
        // SAFETY: see above.
        let called = self.secure_connection.call(|function, user_data| unsafe {
            function(self.handle(), stream as *mut tls_stream, user_data);
        });
        if !called {
            let row = self.stream_row(TLS_ROW_SECURE_CONNECTION, stream);
            self.outlet.put(row, [&[]; 2]);
        }
    }

    fn new_session(&self, stream: &Rc<Stream>, session: &NewSession) {
        let stream = stream.tag();
        let (id, bytes) = (&session.id, &session.bytes);
        // SAFETY: see above.
        let called = self.new_session.call(|function, user_data| unsafe {
            function(
                self.handle(),
                stream as *mut tls_stream,
                id.as_ptr(),
                id.len(),
                bytes.as_ptr(),
                bytes.len(),
                user_data,
            );
        });
        if !called {
            let value = id.len() as u64;
            let row = self.stream_row(TLS_ROW_NEW_SESSION, stream);
            self.outlet.put(Row { value, ..row }, [id, bytes]);
        }
    }

    fn ask(&self, stream: &Rc<Stream>, question: &Question, request: &Arc<Request>) -> bool {
        decisions::ask(self, stream.tag(), question, request)
    }

    fn client_error(&self, error: &Error, stream: &Rc<Stream>) {
        let stream = stream.tag();
        let called = self.client_error.call(|function, user_data| {
            // SAFETY: see above.
            error::with_handle(error, |error| unsafe {
                function(self.handle(), error, stream as *mut tls_stream, user_data);
            });
        });
        if !called {
            let row = self.stream_row(TLS_ROW_CLIENT_ERROR, stream);
            self.outlet.put_error(row, error);
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
            self.outlet.put_error(self.row(TLS_ROW_SERVER_ERROR), error);
        }
    }

    fn close(&self) {
        // SAFETY: see above.
        let called = self
            .close
            .call(|function, user_data| unsafe { function(self.handle(), user_data) });
        // With a row the handle lives on, until the poll after it.
        if called || !self.outlet.put(self.row(TLS_ROW_SERVER_CLOSE), [&[]; 2]) {
            ServerObject::forget(self.handle.get());
        }
    }
}

fn object(server: *const tls_server) -> Result<Rc<ServerObject>> {
    registry::local(server as u64)
}

fn change(server: *mut tls_server, change: impl FnOnce(&ServerObject) -> Result<()>) -> tls_status {
    guard::status(|| change(&*object(server)?))
}

/// A new server, which does not listen yet.
///
/// - `loop`: the loop that runs it; this thread must own it.
/// - `context`: with certificate and key. The server keeps what it needs of it; it freezes here.
///
/// Returns NULL on failure: `TLS_ERR_INVALID_STATE` if the context lacks the certificate or the key,
/// or what the context's first use may answer.
///
/// It ends with its close event: by `tls_server_close`, `tls_server_destroy` or `tls_loop_free`,
/// also if it never listened.
///
/// Node: `tls.createServer`.
#[no_mangle]
pub extern "C" fn tls_server_new(
    r#loop: *mut tls_loop,
    context: *mut tls_context,
) -> *mut tls_server {
    guard::value(std::ptr::null_mut(), || {
        let home = event_loop::object(r#loop)?;
        let context = context::object(context)?.context.freeze_for_server()?;
        let server = Server::new(&home.event_loop, context)?;
        let object = Rc::new(ServerObject {
            server: Rc::clone(&server),
            handle: Cell::new(0),
            home: home.handle.get(),
            outlet: home.rows.outlet(),
            listening: Registered::default(),
            secure_connection: Registered::default(),
            client_error: Registered::default(),
            error: Registered::default(),
            close: Registered::default(),
            sni: Registered::default(),
            check_certificate: Registered::default(),
            new_session: Registered::default(),
            resume_session: Registered::default(),
            user_data: RefCell::new(None),
            address: OnceCell::new(),
        });
        let handle = registry::insert_local(Rc::clone(&object), home.handle.get())?;
        object.handle.set(handle);
        object.listen();
        server.set_events(object);
        Ok(handle as *mut tls_server)
    })
}

/// Binds and listens, at once; the listening event follows from the loop.
///
/// - `port`: 0 to 65535; 0 lets the system choose, and `tls_server_port` tells.
/// - `host`: an address of this machine, or a name of it, which is looked up here and now (that may
///   block); `"::"` serves IPv6 and IPv4. NULL: any IPv4 address.
///
/// The loop's thread. Errors: `TLS_ERR_LISTEN` with the errno (the message names address and port),
/// `TLS_ERR_RESOLVE`, `TLS_ERR_INVALID_STATE` (listening already, or closed),
/// `TLS_ERR_INVALID_ARGUMENT`.
///
/// Node: `server.listen(port, host)`.
#[no_mangle]
pub unsafe extern "C" fn tls_server_listen(
    server: *mut tls_server,
    port: i32,
    host: *const c_char,
) -> tls_status {
    change(server, |object| {
        let port = input::port(port, 0)?;
        // SAFETY: NUL-terminated by contract.
        let host = unsafe { input::optional_text(host, "the host") }?;
        object.server.listen(port, host)
    })
}

/// Has the listening server keep `tls_loop_run` going, as it does by default. Again: `TLS_OK`. The
/// loop's thread.
///
/// Node: `server.ref`.
#[no_mangle]
pub extern "C" fn tls_server_ref(server: *mut tls_server) -> tls_status {
    change(server, |object| {
        object.server.set_ref(true);
        Ok(())
    })
}

/// Lets `tls_loop_run` return although the server listens, when nothing else keeps it going; its
/// connections still do. Also before it listens. Again: `TLS_OK`. The loop's thread.
///
/// Node: `server.unref`.
#[no_mangle]
pub extern "C" fn tls_server_unref(server: *mut tls_server) -> tls_status {
    change(server, |object| {
        object.server.set_ref(false);
        Ok(())
    })
}

/// Stops accepting. Open streams live on; the close event follows, from the loop, after the last of
/// them has closed. The loop's thread.
///
/// Errors: `TLS_ERR_INVALID_STATE` if it was closed already. Node: `server.close`.
#[no_mangle]
pub extern "C" fn tls_server_close(server: *mut tls_server) -> tls_status {
    change(server, |object| object.server.close())
}

/// Stops accepting and destroys the open streams too; their close events and the server's follow
/// from the loop. The loop's thread; also after `tls_server_close`. NULL is `TLS_OK`.
#[no_mangle]
pub extern "C" fn tls_server_destroy(server: *mut tls_server) -> tls_status {
    if server.is_null() {
        return TLS_OK;
    }
    change(server, |object| {
        object.server.destroy();
        Ok(())
    })
}

/// The address that the server is bound to, `"127.0.0.1"`, or the path of its Unix socket; it lives
/// as long as the server. NULL while it does not listen, and on failure. The loop's thread.
///
/// Node: `server.address().address`; for a Unix socket `server.address()`.
#[no_mangle]
pub extern "C" fn tls_server_address(server: *const tls_server) -> *const c_char {
    guard::value(std::ptr::null(), || {
        let object = object(server)?;
        let text = match bound(&object)? {
            Address::Ip(address) => address.ip().to_string().into_bytes(),
            Address::Path(path) => path.into_os_string().into_vec(),
        };
        let text = object
            .address
            .get_or_init(|| CString::new(text).unwrap_or_default());
        Ok(text.as_ptr())
    })
}

/// The port that the server is bound to; -1 on a Unix socket, while it does not listen, and on
/// failure. The loop's thread.
///
/// Node: `server.address().port`.
#[no_mangle]
pub extern "C" fn tls_server_port(server: *const tls_server) -> i32 {
    guard::value(-1, || match bound(&*object(server)?)? {
        Address::Ip(address) => Ok(i32::from(address.port())),
        Address::Path(_) => Err(Error::state("a Unix socket has a path and no port")),
    })
}

/// `"IPv4"`, `"IPv6"` or `"Unix"`, static; NULL while it does not listen, and on failure. The loop's thread.
///
/// Node: `server.address().family`.
#[no_mangle]
pub extern "C" fn tls_server_family(server: *const tls_server) -> *const c_char {
    guard::value(std::ptr::null(), || {
        let family = match bound(&*object(server)?)? {
            Address::Ip(address) if address.is_ipv4() => c"IPv4",
            Address::Ip(_) => c"IPv6",
            Address::Path(_) => c"Unix",
        };
        Ok(family.as_ptr())
    })
}

fn bound(object: &ServerObject) -> Result<Address> {
    object
        .server
        .local_address()
        .ok_or_else(|| Error::state("the server does not listen"))
}

/// Sets how long a handshake may take in all, however fast its bytes come; then it is a client error
/// (`ERR_TLS_HANDSHAKE_TIMEOUT`) and the connection is reset. For connections to come. The loop's
/// thread.
///
/// - `milliseconds`: 0 is the default of 120 seconds.
///
/// Node: the option `handshakeTimeout`.
#[no_mangle]
pub extern "C" fn tls_server_set_handshake_timeout(
    server: *mut tls_server,
    milliseconds: u64,
) -> tls_status {
    change(server, |object| {
        let timeout = (milliseconds > 0).then(|| Duration::from_millis(milliseconds));
        object.server.set_handshake_timeout(timeout);
        Ok(())
    })
}

/// Sets how many connections may be open at once, those in their handshake included; what comes
/// above it is closed as it is accepted. The loop's thread.
///
/// - `count`: 0 is no limit, the default.
///
/// Node: `server.maxConnections`.
#[no_mangle]
pub extern "C" fn tls_server_set_max_connections(
    server: *mut tls_server,
    count: usize,
) -> tls_status {
    change(server, |object| {
        object
            .server
            .set_max_connections((count > 0).then_some(count));
        Ok(())
    })
}

/// How many connections are open, those in their handshake included; -1 on failure. The loop's
/// thread.
///
/// Node: `server.connections`, `server.getConnections`.
#[no_mangle]
pub extern "C" fn tls_server_connections(server: *const tls_server) -> i64 {
    guard::value(-1, || {
        let count = object(server)?.server.connections();
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    })
}

/// Says whether clients are asked for a certificate (1) or not (0, the default). For connections to
/// come. The loop's thread. Errors: `TLS_ERR_INVALID_ARGUMENT` for anything else.
///
/// Asking alone refuses nobody: see `tls_server_set_reject_unauthorized`. Node: the option
/// `requestCert`.
#[no_mangle]
pub extern "C" fn tls_server_set_request_cert(server: *mut tls_server, enabled: i32) -> tls_status {
    change(server, |object| {
        object
            .server
            .set_request_cert(input::flag(enabled, "enabled")?);
        Ok(())
    })
}

/// Says whether a client is refused (1) whose certificate was asked for and is missing or not
/// accepted, which is then a client error, or only marked as not authorized (0, the default, as in
/// Node v0.10). For connections to come. The loop's thread. Errors: `TLS_ERR_INVALID_ARGUMENT`.
///
/// With 0, check `tls_stream_authorized` in the secureConnection event before you trust the client.
/// To admit only clients with a good certificate, set this and `tls_server_set_request_cert` to 1.
///
/// Node: the option `rejectUnauthorized`, whose default today is true.
#[no_mangle]
pub extern "C" fn tls_server_set_reject_unauthorized(
    server: *mut tls_server,
    enabled: i32,
) -> tls_status {
    change(server, |object| {
        object
            .server
            .set_reject_unauthorized(input::flag(enabled, "enabled")?);
        Ok(())
    })
}

/// Registers the callback of the listening event; NULL unregisters. The loop's thread.
///
/// Node: `'listening'`.
#[no_mangle]
pub extern "C" fn tls_server_on_listening(
    server: *mut tls_server,
    callback: tls_server_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(server, |object| {
        object.listening.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback of a connection whose handshake is over; NULL unregisters. Whether the
/// client is authorized, its server name and the cipher are known then. Register the stream's own
/// callbacks in it. The loop's thread.
///
/// Node: `'secureConnection'`.
#[no_mangle]
pub extern "C" fn tls_server_on_secure_connection(
    server: *mut tls_server,
    callback: tls_server_stream_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(server, |object| {
        object.secure_connection.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback of a connection that failed before it was secure: garbage, a handshake
/// failure, a client that is refused, a timeout, a hang-up; NULL unregisters. It comes once for each
/// such connection. The stream can be asked during the callback (`tls_stream_remote_address`); it is
/// destroyed after it. The loop's thread.
///
/// Node: `'clientError'`.
#[no_mangle]
pub extern "C" fn tls_server_on_client_error(
    server: *mut tls_server,
    callback: tls_client_error_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(server, |object| {
        object.client_error.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback of failures to accept, mostly for want of descriptors (`EMFILE`); NULL
/// unregisters. The server goes on by itself when that passes. The loop's thread.
///
/// Node: `'error'`.
#[no_mangle]
pub extern "C" fn tls_server_on_error(
    server: *mut tls_server,
    callback: tls_server_error_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(server, |object| {
        object.error.set(callback, user_data);
        Ok(())
    })
}

/// Registers the callback of the end: it comes once and last, and the handle is dead after it. NULL
/// unregisters. The loop's thread.
///
/// Node: `'close'`.
#[no_mangle]
pub extern "C" fn tls_server_on_close(
    server: *mut tls_server,
    callback: tls_server_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(server, |object| {
        object.close.set(callback, user_data);
        Ok(())
    })
}

/// Keeps a pointer of yours with the server. The loop's thread.
///
/// - `user_data`: any value, NULL too.
/// - `destroy`: called exactly once with it: after the close callback, when it is replaced, or at
///   once when this call fails. May be NULL.
#[no_mangle]
pub extern "C" fn tls_server_set_user_data(
    server: *mut tls_server,
    user_data: *mut c_void,
    destroy: tls_destroy_callback,
) -> tls_status {
    let new = UserData::new(user_data, destroy);
    guard::status(|| {
        let old = object(server)?.user_data.replace(Some(new));
        drop(old);
        Ok(())
    })
}

/// The pointer from `tls_server_set_user_data`; NULL if there is none, or on failure. The loop's
/// thread.
#[no_mangle]
pub extern "C" fn tls_server_user_data(server: *const tls_server) -> *mut c_void {
    guard::value(std::ptr::null_mut(), || {
        let object = object(server)?;
        let user_data = object.user_data.borrow();
        Ok(user_data
            .as_ref()
            .map_or(std::ptr::null_mut(), UserData::pointer))
    })
}
