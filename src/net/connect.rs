//! How a client gets its connection: look the host up off the loop's thread, then try its addresses
//! in turn with a head start each, and take the first that answers (RFC 8305). A Unix socket is one
//! more address; a connection that the user brings along needs none.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mio::net::{TcpStream, UnixStream};
use mio::unix::SourceFd;
use mio::{Interest, Token};
use openssl::ssl::SslSession;
use socket2::Socket;

use super::event_loop::{Entry, Loop};
use super::resolver;
use super::socket_file::check_path;
use super::stream::{Io, Stream};
use super::timers::{Timer, TimerId};
use super::transport::Transport;
use super::StreamEvents;
use crate::context::{FrozenContext, Place, ProtocolList};
use crate::engine::{bare_address, check_host, Connection, Settings, VerifyName};
use crate::error::{Error, Result, Status};

/// The head start of one address before the next is tried as well (RFC 8305, 8).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

pub struct ConnectOptions {
    pub context: Arc<FrozenContext>,
    /// Asked for and, by default, verified; `None`: the host.
    pub servername: Option<String>,
    pub verify_name: VerifyName,
    pub reject_unauthorized: bool,
    pub alpn: Option<Arc<ProtocolList>>,
    pub npn: Option<Arc<ProtocolList>>,
    /// To be resumed.
    pub session: Option<SslSession>,
    pub route: Route,
    /// Bytes of the carrier that were read already.
    pub received: Vec<u8>,
}

/// How to the server.
#[derive(Default)]
pub enum Route {
    /// By host and port.
    #[default]
    Host,
    /// Through the Unix socket of this name.
    Path(PathBuf),
    /// There is a connection already.
    Over(Transport),
}

impl Route {
    /// What sessions are kept under. Over a connection of the user's there is no port: whatever is
    /// called so passes for one server.
    fn place(&self, host: &str, port: u16) -> Place {
        let (host, port) = match self {
            Route::Host => (host.to_ascii_lowercase(), port),
            Route::Path(path) => (path.to_string_lossy().into_owned(), 0),
            Route::Over(_) => (host.to_ascii_lowercase(), 0),
        };
        Place { host, port }
    }
}

/// One place to try.
#[derive(Clone)]
enum Address {
    Ip(SocketAddr),
    Path(PathBuf),
}

impl Address {
    fn connect(&self) -> io::Result<Socket> {
        let fd = match self {
            Address::Ip(address) => OwnedFd::from(TcpStream::connect(*address)?),
            Address::Path(path) => OwnedFd::from(UnixStream::connect(path)?),
        };
        Ok(fd.into())
    }
}

/// A stream's way to its socket.
pub struct Connecting {
    host: String,
    port: u16,
    addresses: VecDeque<Address>,
    attempts: Vec<(Token, Address, Socket)>,
    last_failure: Option<(Address, io::Error)>,
    timer: Option<TimerId>,
}

impl Connecting {
    fn new(host: &str, port: u16, address: Option<Address>) -> Connecting {
        Connecting {
            host: host.to_owned(),
            port,
            addresses: address.into_iter().collect(),
            attempts: Vec::new(),
            last_failure: None,
            timer: None,
        }
    }

    fn failure(&self, address: &Address, cause: &io::Error) -> Box<Error> {
        let what = match address {
            Address::Ip(address) => format!(
                "cannot connect to {} port {} ({address})",
                self.host, self.port
            ),
            Address::Path(path) => {
                format!("cannot connect to the Unix socket {}", path.display())
            }
        };
        let mut error = Error::system(Status::Connect, what, cause);
        if matches!(address, Address::Path(_)) {
            error.message += match cause.kind() {
                io::ErrorKind::ConnectionRefused => {
                    "; nobody listens there: the server has ended, or has not started"
                }
                // Unlike TCP, a Unix socket does not let a client wait that will not block.
                io::ErrorKind::WouldBlock => "; the server's queue is full: try again later",
                _ => "",
            };
        }
        error
    }

    /// Closes all attempts.
    pub fn give_up(&mut self, event_loop: &Loop) {
        event_loop.cancel(self.timer.take());
        for (token, _, socket) in self.attempts.drain(..) {
            event_loop.remove(token);
            drop(socket);
        }
    }
}

/// Connects to `host` (`None`: `localhost`) and `port`, unless the options know another way; what
/// comes of it comes as events. The name to verify is the server name, else the host.
pub fn connect(
    event_loop: &Rc<Loop>,
    port: u16,
    host: Option<&str>,
    options: ConnectOptions,
    register: impl FnOnce(&Rc<Stream>) -> Result<Rc<dyn StreamEvents>>,
) -> Result<Rc<Stream>> {
    let host = host.unwrap_or("localhost");
    check_host(host)?;
    let settings = Settings {
        servername: Some(options.servername.unwrap_or_else(|| host.to_owned())),
        verify_name: options.verify_name,
        reject_unauthorized: options.reject_unauthorized,
        alpn: options.alpn,
        npn: options.npn,
        session: options.session,
        place: Some(options.route.place(host, port)),
        ..Settings::client()
    };
    let address = match options.route {
        Route::Over(transport) => {
            let io = Io::new(Connection::new(&options.context, settings)?);
            let stream = Stream::insert(event_loop, None, io, Entry::Stream)?;
            let remote = transport.remote_address();
            stream.begin(transport, remote, options.received, |stream| {
                register(stream).map(Some)
            })?;
            stream.serve_later();
            return Ok(stream);
        }
        Route::Path(path) => {
            check_path(&path)?;
            Some(Address::Path(path))
        }
        Route::Host => {
            bare_address(host).map(|address| Address::Ip(SocketAddr::new(address, port)))
        }
    };
    let asks = address.is_none();
    let mut io = Io::new(Connection::new(&options.context, settings)?);
    io.connecting = Some(Box::new(Connecting::new(host, port, address)));
    let stream = Stream::insert(event_loop, None, io, Entry::Attempt)?;
    let begun = register(&stream).and_then(|events| {
        stream.set_events(events);
        if asks {
            let answer_to = event_loop.remote();
            return resolver::resolve(host.to_owned(), port, stream.token, answer_to);
        }
        event_loop.to_serve(Entry::Attempt(Rc::clone(&stream)));
        Ok(())
    });
    if let Err(error) = begun {
        stream.destroy();
        return Err(error);
    }
    Ok(stream)
}

impl Stream {
    /// The look-up's answer.
    pub(super) fn resolved(self: &Rc<Self>, answer: io::Result<Vec<SocketAddr>>) {
        let failure = {
            let mut io = self.io.borrow_mut();
            let Some(connecting) = io.connecting.as_mut() else {
                return;
            };
            match answer {
                Ok(addresses) if !addresses.is_empty() => {
                    let addresses = resolver::interleave(addresses);
                    connecting.addresses = addresses.into_iter().map(Address::Ip).collect();
                    None
                }
                other => Some(not_found(&connecting.host, other.err().as_ref())),
            }
        };
        match failure {
            None => self.next_attempt(),
            Some(error) => self.fail(error),
        }
    }

    /// Tries the next address; with none left and no attempt under way, the connection has failed.
    pub(super) fn next_attempt(self: &Rc<Self>) {
        let failure = {
            let mut io = self.io.borrow_mut();
            let Some(connecting) = io.connecting.as_mut() else {
                return;
            };
            self.event_loop.cancel(connecting.timer.take());
            self.try_addresses(connecting)
        };
        if let Some(error) = failure {
            self.fail(error);
        }
    }

    fn try_addresses(self: &Rc<Self>, connecting: &mut Connecting) -> Option<Box<Error>> {
        while let Some(address) = connecting.addresses.pop_front() {
            match self.attempt(&address) {
                Ok((token, socket)) => {
                    connecting.attempts.push((token, address, socket));
                    if !connecting.addresses.is_empty() {
                        connecting.timer = self
                            .event_loop
                            .arm(ATTEMPT_DELAY, Timer::NextAttempt(Rc::clone(self)));
                    }
                    return None;
                }
                Err(cause) => connecting.last_failure = Some((address, cause)),
            }
        }
        if !connecting.attempts.is_empty() {
            return None;
        }
        let (address, cause) = connecting.last_failure.take()?;
        Some(connecting.failure(&address, &cause))
    }

    fn attempt(self: &Rc<Self>, address: &Address) -> io::Result<(Token, Socket)> {
        let socket = address.connect()?;
        let event_loop = &self.event_loop;
        let token = event_loop.insert(|_| Entry::Attempt(Rc::clone(self)));
        let registered = event_loop.registry().register(
            &mut SourceFd(&socket.as_raw_fd()),
            token,
            Interest::WRITABLE,
        );
        if let Err(cause) = registered {
            event_loop.remove(token);
            return Err(cause);
        }
        Ok((token, socket))
    }

    /// An attempt's socket is writable: connected, or failed.
    pub(super) fn attempt_ready(self: &Rc<Self>, token: Token) {
        let connected = {
            let mut io = self.io.borrow_mut();
            let Some(connecting) = io.connecting.as_mut() else {
                return;
            };
            let Some(index) = connecting
                .attempts
                .iter()
                .position(|(theirs, _, _)| *theirs == token)
            else {
                return;
            };
            match state_of(&connecting.attempts[index].2) {
                Ok(false) => return,
                Ok(true) => {
                    let (_, address, socket) = connecting.attempts.swap_remove(index);
                    Some((address, socket))
                }
                Err(cause) => {
                    let (_, address, _) = connecting.attempts.swap_remove(index);
                    connecting.last_failure = Some((address, cause));
                    None
                }
            }
        };
        self.event_loop.remove(token);
        match connected {
            Some((address, socket)) => self.connected(&address, socket),
            None => self.next_attempt(),
        }
    }

    fn connected(self: &Rc<Self>, address: &Address, socket: Socket) {
        let moved = {
            let mut io = self.io.borrow_mut();
            if let Some(mut connecting) = io.connecting.take() {
                connecting.give_up(&self.event_loop);
            }
            if let Address::Ip(address) = address {
                let _ = socket.set_tcp_nodelay(io.no_delay);
                io.remote_address = Some(*address);
            }
            let transport = Transport::Socket(socket);
            if io.keep_alive.is_some() {
                let _ = transport.set_keep_alive(io.keep_alive);
            }
            let moved = transport.watch_room(self.event_loop.registry(), self.token, false);
            io.transport = Some(transport);
            moved
        };
        self.event_loop
            .replace(self.token, Entry::Stream(Rc::clone(self)));
        match moved {
            Ok(()) => self.start_handshake(),
            Err(cause) => self.fail(Error::system(
                Status::System,
                "cannot watch the connection",
                &cause,
            )),
        }
    }
}

/// Connected? An error if it failed.
fn state_of(socket: &Socket) -> io::Result<bool> {
    if let Some(cause) = socket.take_error()? {
        return Err(cause);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(true),
        Err(cause) if cause.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(cause) => Err(cause),
    }
}

/// A host without addresses, by Node's name.
pub(super) fn not_found(host: &str, cause: Option<&io::Error>) -> Box<Error> {
    let why = cause.map_or_else(|| "it has no address".into(), ToString::to_string);
    Error::new(
        Status::Resolve,
        "ENOTFOUND",
        format!("the host name {host} was not found: {why}"),
    )
}
