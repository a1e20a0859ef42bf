//! `tls_connect_options`: the options of `tls_connect`.

mod protocols;

use std::ffi::{c_char, c_void};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};

use super::context::{self, tls_context};
use super::event_loop::tls_socket;
use super::registry::{self, Kind, Shared};
use super::status::{tls_status, TLS_OK};
use super::stream::{self, tls_stream};
use super::{guard, input};
use crate::context::{default_client, Context, ProtocolList};
use crate::engine::{check_host, VerifyName};
use crate::error::{Error, Result};
use crate::net::{self, Carrier, ConnectOptions, GivenFd, Loop, Route, Transport};

pub use protocols::*;

/// Options of `tls_connect`, which may be used for many connections. Any thread.
#[repr(C)]
pub struct tls_connect_options {
    _private: [u8; 0],
}

struct Values {
    context: Option<Arc<Context>>,
    servername: Option<String>,
    verify_name: VerifyName,
    reject_unauthorized: bool,
    way: Way,
    /// The connection of `way` is in use.
    used: bool,
    received: Vec<u8>,
    alpn: Option<Arc<ProtocolList>>,
    npn: Option<Arc<ProtocolList>>,
}

/// How to the server.
#[derive(Default)]
enum Way {
    #[default]
    Host,
    Path(PathBuf),
    Fd(GivenFd),
    /// By its handle: only the loop's thread may follow it.
    Stream(u64),
}

impl Default for Values {
    fn default() -> Values {
        Values {
            context: None,
            servername: None,
            verify_name: VerifyName::FromServername,
            reject_unauthorized: true,
            way: Way::Host,
            used: false,
            received: Vec::new(),
            alpn: None,
            npn: None,
        }
    }
}

#[derive(Default)]
pub struct OptionsObject(Mutex<Values>);

impl OptionsObject {
    fn lock(&self) -> MutexGuard<'_, Values> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn set_way(&self, way: Way) {
        let mut values = self.lock();
        values.way = way;
        values.used = false;
    }
}

fn object(options: *const tls_connect_options) -> Result<Arc<OptionsObject>> {
    match registry::shared(options as u64, Kind::Options)? {
        Shared::Options(object) => Ok(object),
        _ => Err(Error::argument("this is not a tls_connect_options")),
    }
}

fn change(
    options: *mut tls_connect_options,
    change: impl FnOnce(&mut Values) -> Result<()>,
) -> tls_status {
    guard::status(|| change(&mut object(options)?.lock()))
}

/// The options behind a handle; NULL stands for the defaults.
pub(super) fn object_or_defaults(
    options: *const tls_connect_options,
) -> Result<Arc<OptionsObject>> {
    if options.is_null() {
        return Ok(Arc::default());
    }
    object(options)
}

impl OptionsObject {
    /// Does a connection with them need a host's port?
    pub(super) fn goes_to_host(&self) -> bool {
        matches!(self.lock().way, Way::Host)
    }

    /// What the options say, with their context frozen, to make a connection at once with.
    /// [`OptionsObject::settle`] must follow: until then no other gets the same socket or stream.
    pub(super) fn resolve(&self, event_loop: &Rc<Loop>) -> Result<ConnectOptions> {
        let mut values = self.lock();
        // Checked before the context freezes: a refused call changes nothing.
        let route = values.route(event_loop)?;
        let carried = matches!(route, Route::Over(_));
        if !carried && !values.received.is_empty() {
            return Err(Error::state(
                "received bytes go with a descriptor or a stream: set one of them too",
            ));
        }
        let options = ConnectOptions {
            context: match &values.context {
                Some(context) => context.freeze()?,
                None => default_client()?,
            },
            servername: values.servername.clone(),
            verify_name: values.verify_name.clone(),
            reject_unauthorized: values.reject_unauthorized,
            alpn: values.alpn.clone(),
            npn: values.npn.clone(),
            route,
            received: values.received.clone(),
        };
        values.used = carried;
        Ok(options)
    }

    /// The connection was made, or not.
    pub(super) fn settle(&self, made: bool) {
        let mut values = self.lock();
        if made {
            values.received = Vec::new();
        } else {
            values.used = false;
        }
    }
}

impl Values {
    fn route(&self, event_loop: &Rc<Loop>) -> Result<Route> {
        if self.used {
            return Err(Error::state(
                "the descriptor or stream of these options is in use by the connection that was \
                 made with them: set another",
            ));
        }
        let carrier = match &self.way {
            Way::Host => return Ok(Route::Host),
            Way::Path(path) => return Ok(Route::Path(path.clone())),
            Way::Fd(given) => Carrier::Fd(*given),
            Way::Stream(handle) => Carrier::Stream(stream::inner(*handle)?),
        };
        Ok(Route::Over(Transport::over(carrier, event_loop)?))
    }
}

/// New options with the defaults: the well-known roots are trusted, the host's name is verified.
/// Free them with `tls_connect_options_free`. Any thread.
///
/// Returns NULL when out of memory. Node: the `options` of `tls.connect`.
#[no_mangle]
pub extern "C" fn tls_connect_options_new() -> *mut tls_connect_options {
    guard::value(std::ptr::null_mut(), || {
        let object = Shared::Options(Arc::default());
        Ok(registry::insert_shared(Kind::Options, object)? as *mut tls_connect_options)
    })
}

/// Frees options; connections made with them are not touched. NULL is `TLS_OK`. Any thread.
#[no_mangle]
pub extern "C" fn tls_connect_options_free(options: *mut tls_connect_options) -> tls_status {
    if options.is_null() {
        return TLS_OK;
    }
    guard::status(|| registry::remove_shared(options as u64, Kind::Options).map(drop))
}

/// Sets the context: whom to trust, who we are. Any thread.
///
/// - `context`: not NULL. The options keep what they need of it; it freezes at the first connection.
///   Without this call a context is used that all such connections of the process share.
#[no_mangle]
pub extern "C" fn tls_connect_options_set_context(
    options: *mut tls_connect_options,
    context: *mut tls_context,
) -> tls_status {
    guard::status(|| {
        let object = object(options)?;
        let context = context::object(context)?;
        object.lock().context = Some(Arc::clone(&context.context));
        Ok(())
    })
}

/// Sets the name to ask the server for (SNI) and, unless `tls_connect_options_set_verify_name` says
/// otherwise, to verify. Without this call it is the host. Any thread.
///
/// - `servername`: a host name, an international one in its `xn--` form, or an IP address, which is
///   verified but never sent. Copied; not NULL.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` for what cannot be a host name. Node: the option `servername`.
#[no_mangle]
pub unsafe extern "C" fn tls_connect_options_set_servername(
    options: *mut tls_connect_options,
    servername: *const c_char,
) -> tls_status {
    guard::status(|| {
        let object = object(options)?;
        // SAFETY: NUL-terminated by contract.
        let name = unsafe { input::text(servername, "the server name") }?;
        check_host(name)?;
        object.lock().servername = Some(name.to_owned());
        Ok(())
    })
}

/// Sets the name that the server's certificate must have, where it is not the one that is asked
/// for. Any thread.
///
/// - `name`: a host name or IP address; copied. NULL: verify the chain only, on purpose.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` for what cannot be a host name.
#[no_mangle]
pub unsafe extern "C" fn tls_connect_options_set_verify_name(
    options: *mut tls_connect_options,
    name: *const c_char,
) -> tls_status {
    guard::status(|| {
        let object = object(options)?;
        // SAFETY: NUL-terminated by contract.
        let name = unsafe { input::optional_text(name, "the name") }?;
        name.map_or(Ok(()), check_host)?;
        object.lock().verify_name = match name {
            Some(name) => VerifyName::Name(name.to_owned()),
            None => VerifyName::ChainOnly,
        };
        Ok(())
    })
}

/// Says whether a server whose certificate or name is not accepted is refused (1, the default) or
/// only marked as not authorized (0). Any thread.
///
/// With 0 anybody can sit in the middle of the connection, unless the program checks
/// `tls_stream_authorized` itself before it sends or believes anything.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` for anything but 0 and 1; what was set stays. Node: the option
/// `rejectUnauthorized`.
#[no_mangle]
pub extern "C" fn tls_connect_options_set_reject_unauthorized(
    options: *mut tls_connect_options,
    enabled: i32,
) -> tls_status {
    guard::status(|| {
        let object = object(options)?;
        object.lock().reject_unauthorized = input::flag(enabled, "enabled")?;
        Ok(())
    })
}

/// Says that the server listens on a Unix socket. Host and port of `tls_connect` are not connected
/// to then; the name to verify is the server name, else the host, else `"localhost"`. The stream has
/// no addresses and no ports. Any thread.
///
/// - `path`: of the socket's file; copied. 107 bytes at most on Linux. An abstract name (which begins
///   with a NUL) cannot be given. NULL: host and port count again, as by default.
///
/// Takes the place of a descriptor or a stream that was set before. Errors:
/// `TLS_ERR_INVALID_ARGUMENT` for an empty path or one that is too long (`ENAMETOOLONG`). Whether
/// anybody listens there (`ENOENT`, `ECONNREFUSED`) is told by the stream's error event.
///
/// Node: the option `path`.
#[no_mangle]
pub unsafe extern "C" fn tls_connect_options_set_path(
    options: *mut tls_connect_options,
    path: *const c_char,
) -> tls_status {
    guard::status(|| {
        let object = object(options)?;
        if path.is_null() {
            object.set_way(Way::Host);
            return Ok(());
        }
        // SAFETY: NUL-terminated by contract.
        let path = unsafe { input::path(path) }?;
        net::check_path(path)?;
        object.set_way(Way::Path(path.to_owned()));
        Ok(())
    })
}

/// Says that there is a connection already, to speak TLS over: after STARTTLS, through a proxy, with
/// a socketpair. Host and port of `tls_connect` are not connected to then; the name to verify is the
/// server name, else the host, else `"localhost"`. One connection is made with it; a second
/// `tls_connect` with the same options is `TLS_ERR_INVALID_STATE` until another is set. Any thread.
///
/// - `fd`: a connected stream socket, TCP or Unix. It is looked at in `tls_connect`.
/// - `close_fd`: 1: the descriptor is the library's once `tls_connect` has succeeded; do not use or
///   close it any more. If that fails it is still yours, and as it was. 0: it stays yours.
///
/// Either way do not read, write or shut down the socket while the stream is open, and do not change
/// that it does not block. With 0 it blocks again when the close event comes, if it did before; no
/// FIN is sent, so that you can go on in the clear after a clean end on both sides, and it is for
/// you to close it. Closing it earlier is harmless, and does not close the connection. Socket
/// options such as TCP_NODELAY are left as they are until `tls_stream_set_no_delay`.
///
/// Takes the place of a path or stream that was set before. Errors: `TLS_ERR_INVALID_ARGUMENT` for a
/// negative number and for anything but 0 and 1. `tls_connect` answers the same for a descriptor
/// that is not open (`EBADF`), no socket (`ENOTSOCK`), not connected (`ENOTCONN`), listening, or not
/// a stream socket; nothing happens to it.
///
/// Node: the option `socket`.
#[no_mangle]
pub extern "C" fn tls_connect_options_set_fd(
    options: *mut tls_connect_options,
    fd: tls_socket,
    close_fd: i32,
) -> tls_status {
    guard::status(|| {
        let object = object(options)?;
        object.set_way(Way::Fd(input::given_fd(fd, close_fd)?));
        Ok(())
    })
}

/// Says that TLS is to be spoken over an open stream: TLS in TLS, as behind an HTTPS proxy. Host and
/// port of `tls_connect` are not connected to then; the name to verify is the server name, else the
/// host, else `"localhost"`. The loop's thread.
///
/// - `stream`: open, of the loop that is given to `tls_connect`, and in no pipe; its handshake may
///   still be under way. It may carry TLS itself.
///
/// From the successful `tls_connect` on the new stream alone reads, writes and ends it: its data, end
/// and drain events come no more, and writing, ending, pausing, resuming and piping it is
/// `TLS_ERR_INVALID_STATE`. Its error, timeout and close events still come, its getters answer, and
/// its handle lives until its close event. An error of it is one of the new stream as well; when the
/// new stream closes, so does it; and it may be destroyed, which is an error of the new one. One
/// connection is made with it, as with `tls_connect_options_set_fd`.
///
/// Takes the place of a path or descriptor that was set before. Errors of `tls_connect` then:
/// `TLS_ERR_INVALID_STATE` (closed, ended, piped, or carrying another already),
/// `TLS_ERR_INVALID_ARGUMENT` (of another loop).
///
/// Node: the option `socket`.
#[no_mangle]
pub extern "C" fn tls_connect_options_set_stream(
    options: *mut tls_connect_options,
    stream: *mut tls_stream,
) -> tls_status {
    guard::status(|| {
        let object = object(options)?;
        stream::inner(stream as u64)?;
        object.set_way(Way::Stream(stream as u64));
        Ok(())
    })
}

/// Hands over bytes that were read from the descriptor or stream already, behind the last one in the
/// clear (STARTTLS): they are the first of the connection. The next connection uses them up. Any
/// thread.
///
/// - `data`: copied; may be NULL only with length 0. Takes the place of what was set before.
/// - `length`: in bytes.
///
/// `tls_connect` answers `TLS_ERR_INVALID_STATE` if there are such bytes and neither a descriptor nor
/// a stream is set. Errors: `TLS_ERR_INVALID_ARGUMENT`. Node: `socket.unshift`.
#[no_mangle]
pub unsafe extern "C" fn tls_connect_options_set_received_bytes(
    options: *mut tls_connect_options,
    data: *const c_void,
    length: usize,
) -> tls_status {
    guard::status(|| {
        let object = object(options)?;
        // SAFETY: readable by contract.
        let data = unsafe { input::bytes(data, length) }?;
        object.lock().received = data.to_vec();
        Ok(())
    })
}
