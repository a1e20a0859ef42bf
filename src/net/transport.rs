//! What carries a stream's ciphertext, as something that can be read and written without waiting.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::{Socket, TcpKeepalive};

use crate::error::{Error, Result, Status};

/// A peer that is gone must not end the process by SIGPIPE.
#[cfg(not(target_vendor = "apple"))]
const QUIETLY: i32 = libc::MSG_NOSIGNAL;
#[cfg(target_vendor = "apple")]
const QUIETLY: i32 = 0;

pub enum Transport {
    /// A socket of ours, which does not block.
    Socket(Socket),
}

impl Transport {
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Socket(socket) => (&*socket).read(buffer),
        }
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Socket(socket) => socket.send_with_flags(bytes, QUIETLY),
        }
    }

    /// Tells the peer that nothing more comes.
    pub fn end(&mut self) {
        match self {
            Transport::Socket(socket) => {
                let _ = socket.shutdown(Shutdown::Write);
            }
        }
    }

    /// Has the poll tell when there is something to read.
    pub fn watch(&self, registry: &Registry, token: Token) -> io::Result<()> {
        match self {
            Transport::Socket(socket) => registry.register(
                &mut SourceFd(&socket.as_raw_fd()),
                token,
                Interest::READABLE,
            ),
        }
    }

    /// Has the poll tell of room to write as well, or no more.
    pub fn watch_room(&self, registry: &Registry, token: Token, on: bool) -> io::Result<()> {
        let interest = if on {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        match self {
            Transport::Socket(socket) => {
                registry.reregister(&mut SourceFd(&socket.as_raw_fd()), token, interest)
            }
        }
    }

    pub fn set_no_delay(&self, on: bool) -> Result<()> {
        let done = match self {
            Transport::Socket(socket) => socket.set_tcp_nodelay(on),
        };
        done.map_err(|cause| Error::system(Status::System, "cannot set TCP_NODELAY", &cause))
    }

    /// SO_KEEPALIVE with the time before the first probe; `None` turns it off.
    pub fn set_keep_alive(&self, first_probe: Option<Duration>) -> Result<()> {
        let Transport::Socket(socket) = self;
        let done = match first_probe {
            // Zero leaves the system's own time.
            Some(Duration::ZERO) => socket.set_keepalive(true),
            Some(time) => socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(time)),
            None => socket.set_keepalive(false),
        };
        done.map_err(|cause| Error::system(Status::System, "cannot set SO_KEEPALIVE", &cause))
    }

    /// `None` where there is no such thing.
    pub fn local_address(&self) -> Option<SocketAddr> {
        match self {
            Transport::Socket(socket) => socket.local_addr().ok()?.as_socket(),
        }
    }
}
