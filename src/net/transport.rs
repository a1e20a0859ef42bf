//! What carries a stream's ciphertext, as something that can be read and written without waiting.

use std::io::{self, Read};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::{Socket, TcpKeepalive};

use super::event_loop::Loop;
use super::given::{Given, GivenFd};
use super::stream::Stream;
use super::tunnel::Under;
use crate::error::{Error, Result, Status};

/// A peer that is gone must not end the process by SIGPIPE.
#[cfg(not(target_vendor = "apple"))]
const QUIETLY: i32 = libc::MSG_NOSIGNAL;
#[cfg(target_vendor = "apple")]
const QUIETLY: i32 = 0;

/// What the user brings along for a stream to be carried by.
pub enum Carrier {
    Fd(GivenFd),
    /// An open stream of the same loop.
    Stream(Rc<Stream>),
}

pub enum Transport {
    /// A socket of ours, which does not block.
    Socket(Socket),
    Given(Box<Given>),
    /// Another stream: TLS in TLS.
    Stream(Box<Under>),
}

impl Transport {
    /// What the user brought along, if it can carry a stream of `event_loop`.
    pub fn over(carrier: Carrier, event_loop: &Rc<Loop>) -> Result<Transport> {
        Ok(match carrier {
            Carrier::Fd(given) => Transport::Given(Box::new(Given::connected(given)?)),
            Carrier::Stream(stream) => {
                Transport::Stream(Box::new(Under::new(&stream, event_loop)?))
            }
        })
    }

    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Socket(socket) => (&*socket).read(buffer),
            Transport::Given(given) => given.socket().read(buffer),
            Transport::Stream(under) => under.read(buffer),
        }
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Stream(under) => under.write(bytes),
            Transport::Socket(socket) => socket.send_with_flags(bytes, QUIETLY),
            Transport::Given(given) => given.socket().send_with_flags(bytes, QUIETLY),
        }
    }

    fn socket(&self) -> Option<&Socket> {
        match self {
            Transport::Socket(socket) => Some(socket),
            Transport::Given(given) => Some(given.socket()),
            Transport::Stream(_) => None,
        }
    }

    /// Whatever had to succeed has: what the user gave away is ours.
    pub fn keep(&mut self) {
        if let Transport::Given(given) = self {
            given.keep();
        }
    }

    /// Is it closed when its stream is? Not what the user has only lent.
    pub fn closes_with_stream(&self) -> bool {
        !matches!(self, Transport::Given(given) if given.is_lent())
    }

    /// Tells the peer that nothing more comes, but for a lent socket, where the user may go on.
    pub fn end(&mut self) {
        match self {
            Transport::Stream(under) => under.end(),
            Transport::Given(given) if given.is_lent() => {}
            _ => {
                if let Some(socket) = self.socket() {
                    let _ = socket.shutdown(Shutdown::Write);
                }
            }
        }
    }

    /// Lets go of it; `sends_rest`: what was written still reaches the peer.
    pub fn close(self, registry: &Registry, sends_rest: bool) {
        match self {
            // Closing the descriptor also takes it out of the poll.
            Transport::Socket(_) => {}
            // Not while the user has another one.
            Transport::Given(given) => {
                let _ = registry.deregister(&mut SourceFd(&given.socket().as_raw_fd()));
            }
            Transport::Stream(under) => under.close(sends_rest),
        }
    }

    /// The error that the system has noted and not told yet.
    pub fn take_error(&self) -> Option<io::Error> {
        self.socket()?.take_error().ok().flatten()
    }

    /// Has the system drop what it still holds for the peer when the socket is closed (RST). Else
    /// it would keep that, megabytes even, for as long as the peer does not read.
    pub fn abort(&self) {
        if let (Some(socket), true) = (self.socket(), self.closes_with_stream()) {
            let _ = socket.set_linger(Some(Duration::ZERO));
        }
    }

    /// Has the poll tell when there is something to read.
    pub fn watch(&self, registry: &Registry, token: Token) -> io::Result<()> {
        match self.socket() {
            Some(socket) => registry.register(
                &mut SourceFd(&socket.as_raw_fd()),
                token,
                Interest::READABLE,
            ),
            // The stream below tells by itself, here and in `watch_room`.
            None => Ok(()),
        }
    }

    /// Has the poll tell of room to write as well, or no more.
    pub fn watch_room(&self, registry: &Registry, token: Token, on: bool) -> io::Result<()> {
        let interest = if on {
            Interest::READABLE | Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        match self.socket() {
            Some(socket) => {
                registry.reregister(&mut SourceFd(&socket.as_raw_fd()), token, interest)
            }
            None => Ok(()),
        }
    }

    /// TCP_NODELAY; without effect where there is no TCP.
    pub fn set_no_delay(&self, on: bool) -> Result<()> {
        let done = match self {
            Transport::Stream(under) => return under.stream().set_no_delay(on),
            _ => self
                .tcp()
                .map_or(Ok(()), |socket| socket.set_tcp_nodelay(on)),
        };
        done.map_err(|cause| Error::system(Status::System, "cannot set TCP_NODELAY", &cause))
    }

    /// SO_KEEPALIVE with the time before the first probe; `None` turns it off. Without effect where
    /// there is no TCP.
    pub fn set_keep_alive(&self, first_probe: Option<Duration>) -> Result<()> {
        if let Transport::Stream(under) = self {
            return under.stream().set_keep_alive(first_probe);
        }
        let Some(socket) = self.tcp() else {
            return Ok(());
        };
        let done = match first_probe {
            // Zero leaves the system's own time.
            Some(Duration::ZERO) => socket.set_keepalive(true),
            Some(time) => socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(time)),
            None => socket.set_keepalive(false),
        };
        done.map_err(|cause| Error::system(Status::System, "cannot set SO_KEEPALIVE", &cause))
    }

    /// A stream underneath keeps the loop going as long as the one above does.
    pub fn set_ref(&self, on: bool) {
        if let Transport::Stream(under) = self {
            under.stream().set_ref(on);
        }
    }

    fn tcp(&self) -> Option<&Socket> {
        self.socket().filter(|_| self.local_address().is_some())
    }

    /// `None` where there is no such thing, as with Unix sockets.
    pub fn local_address(&self) -> Option<SocketAddr> {
        match self {
            Transport::Stream(under) => under.stream().local_address(),
            _ => self.socket()?.local_addr().ok()?.as_socket(),
        }
    }

    pub fn remote_address(&self) -> Option<SocketAddr> {
        match self {
            Transport::Stream(under) => under.stream().remote_address(),
            _ => self.socket()?.peer_addr().ok()?.as_socket(),
        }
    }

    pub fn as_under(&mut self) -> Option<&mut Under> {
        match self {
            Transport::Stream(under) => Some(under),
            _ => None,
        }
    }
}
