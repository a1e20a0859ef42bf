//! A listening socket: TCP or Unix, bound here or brought along by the user.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use mio::net::{TcpListener, UnixListener};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::given::{Given, GivenFd};
use super::socket_file::{self, SocketFile};
use crate::error::{Error, Result, Status};

/// Connections that the system queues for us.
const BACKLOG: i32 = 1024;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Ip(SocketAddr),
    /// The file of a Unix socket; as the user gave it.
    Path(PathBuf),
}

enum Acceptor {
    Tcp(TcpListener),
    Unix(UnixListener),
}

pub struct Listener {
    // Dropped in this order: see `SocketFile`.
    _file: Option<SocketFile>,
    acceptor: Acceptor,
    address: Address,
    given: Option<Given>,
}

impl Listener {
    pub fn bind(address: SocketAddr) -> Result<Listener> {
        let failed = |cause: io::Error| {
            Error::system(
                Status::Listen,
                format!("cannot listen on {address}"),
                &cause,
            )
        };
        let acceptor = TcpListener::from_std(bind(address).map_err(failed)?.into());
        let bound = acceptor.local_addr().map_err(failed)?;
        Ok(Listener {
            _file: None,
            acceptor: Acceptor::Tcp(acceptor),
            address: Address::Ip(bound),
            given: None,
        })
    }

    pub fn bind_path(path: &Path) -> Result<Listener> {
        socket_file::check_path(path)?;
        let failed = |cause: io::Error| socket_file::cannot_listen(path, &cause);
        let (socket, file) = bind_path(path).map_err(failed)?;
        Ok(Listener {
            _file: Some(file),
            acceptor: Acceptor::Unix(UnixListener::from_std(socket.into())),
            address: Address::Path(path.to_owned()),
            given: None,
        })
    }

    /// Takes over a socket that listens already. A Unix socket's file stays with whoever made it.
    pub fn adopt(given: GivenFd) -> Result<Listener> {
        let given = Given::listening(given)?;
        let failed = |cause: io::Error| {
            Error::system(
                Status::Listen,
                "cannot listen on the given descriptor",
                &cause,
            )
        };
        let socket = given.socket().try_clone().map_err(failed)?;
        let bound = socket.local_addr().map_err(failed)?;
        let (acceptor, address) = match bound.as_socket() {
            Some(address) => {
                // Accepted sockets inherit it; one that cannot do it works as well.
                let _ = socket.set_tcp_nodelay(true);
                (
                    Acceptor::Tcp(TcpListener::from_std(socket.into())),
                    Address::Ip(address),
                )
            }
            None if bound.is_unix() => (
                Acceptor::Unix(UnixListener::from_std(socket.into())),
                Address::Path(path_of(&bound)),
            ),
            None => {
                return Err(Error::argument(
                    "the given descriptor is neither a TCP nor a Unix socket",
                ))
            }
        };
        Ok(Listener {
            _file: None,
            acceptor,
            address,
            given: Some(given),
        })
    }

    /// Whatever had to succeed has: what the user gave away is ours.
    pub fn keep(&mut self) {
        if let Some(given) = &mut self.given {
            given.keep();
        }
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The connection, and its peer's address where there is one. The socket does not block.
    pub fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match &self.acceptor {
            Acceptor::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                Ok((OwnedFd::from(stream).into(), Some(peer)))
            }
            Acceptor::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                Ok((OwnedFd::from(stream).into(), None))
            }
        }
    }

    pub fn watch(&self, registry: &Registry, token: Token) -> io::Result<()> {
        registry.register(&mut SourceFd(&self.fd()), token, Interest::READABLE)
    }

    /// The user may have another descriptor of the socket, so that closing ours ends no watching.
    pub fn close(self, registry: &Registry) {
        if self.given.is_some() {
            let _ = registry.deregister(&mut SourceFd(&self.fd()));
        }
    }

    fn fd(&self) -> i32 {
        match &self.acceptor {
            Acceptor::Tcp(listener) => listener.as_raw_fd(),
            Acceptor::Unix(listener) => listener.as_raw_fd(),
        }
    }
}

/// Of an abstract name, what ss(8) would show.
fn path_of(bound: &SockAddr) -> PathBuf {
    match bound.as_pathname() {
        Some(path) => path.to_owned(),
        #[cfg(any(target_os = "linux", target_os = "android"))]
        None => match bound.as_abstract_namespace() {
            Some(name) => format!("@{}", String::from_utf8_lossy(name)).into(),
            None => PathBuf::new(),
        },
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        None => PathBuf::new(),
    }
}

fn bind(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // A server that is started again must not wait for the old connections' last minute.
    socket.set_reuse_address(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

fn bind_path(path: &Path) -> io::Result<(Socket, SocketFile)> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::unix(path)?)?;
    let file = SocketFile::at(path)?;
    socket.listen(BACKLOG)?;
    Ok((socket, file))
}
