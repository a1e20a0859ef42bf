//! Unix sockets, and sockets and streams that the user brings along.

use std::ffi::{c_char, c_void};

use super::super::event_loop::tls_socket;
use super::super::status::tls_status;
use super::super::stream::{self, tls_stream};
use super::super::{guard, input};
use super::{change, object, tls_server};
use crate::net::Carrier;

/// Listens on a Unix socket, at once; the listening event follows from the loop. The file is made
/// here, with the rights that the process's umask leaves, and removed when the server closes, unless
/// it is another's by then.
///
/// - `path`: of the file; 107 bytes at most on Linux. Not NULL. An abstract name (which begins with a
///   NUL) cannot be given.
///
/// The loop's thread. Errors: `TLS_ERR_LISTEN` with the errno: `EADDRINUSE` also for a file that was
/// left over, and the message tells which it is and what to do; nothing that is there is removed.
/// `TLS_ERR_INVALID_STATE` (listening already, or closed), `TLS_ERR_INVALID_ARGUMENT` (empty, or too
/// long, `ENAMETOOLONG`).
///
/// Node: `server.listen(path)`.
#[no_mangle]
pub unsafe extern "C" fn tls_server_listen_path(
    server: *mut tls_server,
    path: *const c_char,
) -> tls_status {
    change(server, |object| {
        // SAFETY: NUL-terminated by contract.
        object.server.listen_path(unsafe { input::path(path) }?)
    })
}

/// Listens on a socket that listens already, as from a service manager (socket activation) or the
/// process that ran before; the listening event follows from the loop.
///
/// - `fd`: a stream socket, TCP or Unix, on which listen(2) was called.
/// - `close_fd`: 1: the descriptor is the library's once this call has succeeded; do not use or close
///   it any more. 0: it stays yours, and so the socket still listens after the server has closed,
///   when it blocks again if it did before; until then it does not block.
///
/// The file of a Unix socket stays where it is. The loop's thread. Errors: `TLS_ERR_INVALID_STATE`
/// (listening already, or closed), `TLS_ERR_INVALID_ARGUMENT` for a descriptor that is not open
/// (`EBADF`), no socket (`ENOTSOCK`), not a stream socket or not listening; nothing happens to it.
///
/// Node: `server.listen({ fd })`.
#[no_mangle]
pub extern "C" fn tls_server_listen_fd(
    server: *mut tls_server,
    fd: tls_socket,
    close_fd: i32,
) -> tls_status {
    change(server, |object| {
        object.server.listen_fd(input::given_fd(fd, close_fd)?)
    })
}

/// Speaks TLS, as this server, over a connection that was accepted elsewhere: after STARTTLS, or in
/// a program with an accept loop of its own. It is one of the server's connections, with all that
/// holds for them: handshake timeout, secureConnection or clientError, the count that
/// `tls_server_set_max_connections` bounds, the close event that waits for it. The server need not
/// listen; one that never does ends by `tls_server_close` as well.
///
/// - `fd`, `close_fd`: as for `tls_connect_options_set_fd`.
/// - `received`: bytes that were read from it already, behind the last one in the clear; may be NULL
///   only with length 0. Copied. What was sent in the clear before the client knew that TLS follows
///   must not be given to anybody as if it had come over TLS: hand it over here, where it fails.
/// - `length`: of `received`, in bytes.
///
/// Returns the stream, whose handshake is to come, so that you can register callbacks or set user
/// data; or NULL on failure: `TLS_ERR_INVALID_STATE` (closed, or too many connections),
/// `TLS_ERR_INVALID_ARGUMENT` as for `tls_connect_options_set_fd`, with the descriptor as it was.
/// The loop's thread.
///
/// Node: `new tls.TLSSocket(socket, { isServer: true, server })`, `server.emit('connection', socket)`.
#[no_mangle]
pub unsafe extern "C" fn tls_server_accept_fd(
    server: *mut tls_server,
    fd: tls_socket,
    close_fd: i32,
    received: *const c_void,
    length: usize,
) -> *mut tls_stream {
    guard::value(std::ptr::null_mut(), || {
        let object = object(server)?;
        // SAFETY: readable by contract.
        let received = unsafe { input::bytes(received, length) }?;
        let carrier = Carrier::Fd(input::given_fd(fd, close_fd)?);
        Ok(object.server.accept(carrier, received)?.tag() as *mut tls_stream)
    })
}

/// Speaks TLS, as this server, over an open stream: TLS in TLS. It is one of the server's
/// connections, as by `tls_server_accept_fd`.
///
/// - `stream`: as for `tls_connect_options_set_stream`; of the server's loop.
/// - `received`, `length`: bytes that its data event gave already.
///
/// Returns the new stream, or NULL on failure, with the errors of both. The loop's thread.
///
/// Node: `new tls.TLSSocket(socket, { isServer: true, server })`.
#[no_mangle]
pub unsafe extern "C" fn tls_server_accept_stream(
    server: *mut tls_server,
    stream: *mut tls_stream,
    received: *const c_void,
    length: usize,
) -> *mut tls_stream {
    guard::value(std::ptr::null_mut(), || {
        let object = object(server)?;
        // SAFETY: readable by contract.
        let received = unsafe { input::bytes(received, length) }?;
        let carrier = Carrier::Stream(stream::inner(stream as u64)?);
        Ok(object.server.accept(carrier, received)?.tag() as *mut tls_stream)
    })
}
