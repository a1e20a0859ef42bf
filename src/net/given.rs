//! Sockets that the user brings along. We work on a descriptor of our own for the same socket, so
//! that nothing has to be undone when a call fails, and a number that the user closes too early
//! cannot become somebody else's.

use std::io;
use std::os::fd::RawFd;

use socket2::{Socket, Type};

use crate::error::{Error, Result, Status};
use crate::sys::given_fd;

/// A descriptor as the user gave it.
#[derive(Clone, Copy, Debug)]
pub struct GivenFd {
    pub fd: RawFd,
    /// It is ours to close as soon as the call that took it has succeeded.
    pub close_fd: bool,
}

/// The socket behind it, which does not block as long as this lives.
pub struct Given {
    socket: Socket,
    given: GivenFd,
    was_blocking: bool,
    is_ours: bool,
}

impl Given {
    /// A connected stream socket.
    pub fn connected(given: GivenFd) -> Result<Given> {
        let socket = stream_socket(given.fd)?;
        if is_listening(given.fd, &socket)? {
            return Err(unusable(
                given.fd,
                "it listens, and does not carry a connection: accept(2) one first",
            ));
        }
        match socket.peer_addr() {
            Ok(_) => Given::new(socket, given),
            Err(cause) if cause.kind() == io::ErrorKind::NotConnected => Err(unusable_because(
                given.fd,
                "it is not connected (yet, or any more)",
                &cause,
            )),
            Err(cause) => Err(unusable_because(given.fd, "its peer is unknown", &cause)),
        }
    }

    /// A stream socket that listens.
    pub fn listening(given: GivenFd) -> Result<Given> {
        let socket = stream_socket(given.fd)?;
        if !is_listening(given.fd, &socket)? {
            return Err(unusable(
                given.fd,
                "it does not listen: call bind(2) and listen(2) on it first",
            ));
        }
        Given::new(socket, given)
    }

    fn new(socket: Socket, given: GivenFd) -> Result<Given> {
        let failed = |cause: io::Error| {
            unusable_because(given.fd, "its blocking mode cannot be changed", &cause)
        };
        // Elsewhere each send says so.
        #[cfg(target_vendor = "apple")]
        let _ = socket.set_nosigpipe(true);
        let was_blocking = !socket.nonblocking().map_err(failed)?;
        if was_blocking {
            socket.set_nonblocking(true).map_err(failed)?;
        }
        Ok(Given {
            socket,
            given,
            was_blocking,
            is_ours: false,
        })
    }

    /// Whatever had to succeed has: what the user gave away is closed.
    pub fn keep(&mut self) {
        if self.given.close_fd && !self.is_ours {
            self.is_ours = true;
            given_fd::close(self.given.fd);
        }
    }

    /// Stays the user's, who may go on with it in the clear.
    pub fn is_lent(&self) -> bool {
        !self.is_ours
    }

    pub fn socket(&self) -> &Socket {
        &self.socket
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        if self.was_blocking && !self.is_ours {
            let _ = self.socket.set_nonblocking(false);
        }
    }
}

fn stream_socket(fd: RawFd) -> Result<Socket> {
    let socket = given_fd::duplicate(fd).map_err(|cause| {
        let why = match cause.raw_os_error() {
            Some(libc::EBADF) => "it is not open",
            _ => "it cannot be duplicated",
        };
        unusable_because(fd, why, &cause)
    })?;
    match socket.r#type() {
        Ok(Type::STREAM) => Ok(socket),
        Ok(_) => Err(unusable(
            fd,
            "it is not a stream socket (SOCK_STREAM), which TLS needs",
        )),
        Err(cause) => Err(unusable_because(fd, "it is not a socket", &cause)),
    }
}

fn is_listening(fd: RawFd, socket: &Socket) -> Result<bool> {
    given_fd::is_listening(socket)
        .map_err(|cause| unusable_because(fd, "it cannot be asked whether it listens", &cause))
}

fn unusable(fd: RawFd, why: &str) -> Box<Error> {
    Error::argument(format!("the descriptor {fd} cannot be used: {why}"))
}

fn unusable_because(fd: RawFd, why: &str, cause: &io::Error) -> Box<Error> {
    let what = format!("the descriptor {fd} cannot be used: {why}");
    Error::system(Status::InvalidArgument, what, cause)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, UdpSocket};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;

    fn lent(fd: &impl AsRawFd) -> GivenFd {
        GivenFd {
            fd: fd.as_raw_fd(),
            close_fd: false,
        }
    }

    #[test]
    fn s31_a_lent_socket_gets_its_blocking_mode_back() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let given = Given::connected(lent(&ours)).unwrap();
        assert!(given.socket().nonblocking().unwrap());
        let probe = given_fd::duplicate(ours.as_raw_fd()).unwrap();
        assert!(probe.nonblocking().unwrap());
        drop(given);
        assert!(!probe.nonblocking().unwrap());
    }

    #[test]
    fn s31_s81_what_cannot_be_used_is_refused_and_left_alone() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        for (given, part) in [
            (lent(&listener), "listens"),
            (lent(&datagrams), "SOCK_STREAM"),
            (lent(&file), "not a socket"),
        ] {
            let error = Given::connected(given).err().unwrap();
            assert!(error.message.contains(part), "{}", error.message);
        }
        assert!(Given::listening(lent(&listener)).is_ok());
        assert!(!given_fd::duplicate(listener.as_raw_fd())
            .unwrap()
            .nonblocking()
            .unwrap());
        let gone = GivenFd {
            fd: -1,
            close_fd: true,
        };
        assert_eq!(Given::connected(gone).err().unwrap().name, "EBADF");
    }
}
