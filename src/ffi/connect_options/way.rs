//! How a client gets to its server, where not by host and port.

use std::ffi::{c_char, c_void};
use std::path::PathBuf;
use std::rc::Rc;

use super::super::event_loop::tls_socket;
use super::super::input;
use super::super::status::tls_status;
use super::super::stream::{self, tls_stream};
use super::{change, tls_connect_options, Values};
use crate::error::{Error, Result};
use crate::net::{self, Carrier, GivenFd, Loop, Route, Transport};

/// How to the server.
#[derive(Default)]
pub(super) enum Way {
    #[default]
    Host,
    Path(PathBuf),
    Fd(GivenFd),
    /// By its handle: only the loop's thread may follow it.
    Stream(u64),
}

impl Values {
    /// The way, with what it goes over looked at.
    pub(super) fn route(&self, event_loop: &Rc<Loop>) -> Result<Route> {
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

    fn set_way(&mut self, way: Way) {
        self.way = way;
        self.used = false;
    }
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
/// anybody listens there (`ENOENT`, `ECONNREFUSED`; `EAGAIN`: its queue is full) is told by the stream's
/// error event.
///
/// Node: the option `path`.
#[no_mangle]
pub unsafe extern "C" fn tls_connect_options_set_path(
    options: *mut tls_connect_options,
    path: *const c_char,
) -> tls_status {
    change(options, |values| {
        if path.is_null() {
            values.set_way(Way::Host);
            return Ok(());
        }
        // SAFETY: NUL-terminated by contract.
        let path = unsafe { input::path(path) }?;
        net::check_path(path)?;
        values.set_way(Way::Path(path.to_owned()));
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
/// FIN is sent, so that you can go on in the clear after a clean end on both sides (what the peer sends in
/// the clear before it has our close_notify is lost), and it is for you to close it. Closing it earlier is harmless, and does not close the connection. Socket
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
    change(options, |values| {
        values.set_way(Way::Fd(input::given_fd(fd, close_fd)?));
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
/// new stream closes, so does it, once what was written is sent (at once after a destroy); and it may
/// be destroyed, which is an error of the new one. One
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
    change(options, |values| {
        stream::inner(stream as u64)?;
        values.set_way(Way::Stream(stream as u64));
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
    change(options, |values| {
        // SAFETY: readable by contract.
        values.received = unsafe { input::bytes(data, length) }?.to_vec();
        Ok(())
    })
}
