//! Descriptors whose numbers come from the user: nothing is known about them before it was asked.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use socket2::Socket;

/// A descriptor of our own for what `fd`, which may be any number, stands for (fcntl(2)).
pub fn duplicate(fd: RawFd) -> io::Result<Socket> {
    /// Not one of those that programs take for input, output and errors.
    const LOWEST: RawFd = 3;
    // SAFETY: no pointers; a number that is no descriptor answers EBADF, and what comes is ours.
    unsafe {
        let ours = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, LOWEST);
        if ours < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Socket::from(OwnedFd::from_raw_fd(ours)))
    }
}

/// Closes a descriptor that the user handed over.
pub fn close(fd: RawFd) {
    // SAFETY: no pointers. The user gave it away and does not use it any more.
    unsafe { libc::close(fd) };
}

/// Was listen(2) called on it?
pub fn is_listening(socket: &Socket) -> io::Result<bool> {
    let mut answer: libc::c_int = 0;
    let mut length = size_of_val(&answer) as libc::socklen_t;
    // SAFETY: a live descriptor, room for the answer and its true length.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ACCEPTCONN,
            (&raw mut answer).cast(),
            &raw mut length,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(answer != 0)
}
