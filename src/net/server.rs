//! The listener: accepts connections and hands each to a stream.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Interest, Token};
use socket2::{Domain, Protocol, Socket, Type};

use super::event_loop::{Closing, Entry, Loop};
use super::stream::{Io, Stream};
use super::timers::{Timer, TimerId};
use super::transport::Transport;
use super::{resolver, ServerEvents};
use crate::context::FrozenContext;
use crate::engine::{Connection, Settings};
use crate::error::{Error, Result, Status};
use crate::sys::errno;

/// Node's default.
pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(120);

/// Connections accepted in one turn; then others are served.
const ACCEPTS: usize = 64;
/// Connections that the system queues for us.
const BACKLOG: i32 = 1024;
/// Out of descriptors or memory: how long to wait before accepting again.
const STARVED: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Listening,
    /// No more is accepted; the close event follows the last connection.
    Closing,
    Closed,
}

pub struct Server {
    event_loop: Rc<Loop>,
    context: Arc<FrozenContext>,
    events: RefCell<Option<Rc<dyn ServerEvents>>>,
    listener: RefCell<Option<TcpListener>>,
    token: Cell<Option<Token>>,
    address: Cell<Option<SocketAddr>>,
    state: Cell<State>,
    /// Counted among what keeps the loop going.
    counted: Cell<bool>,
    connections: Cell<usize>,
    max_connections: Cell<Option<usize>>,
    handshake_timeout: Cell<Duration>,
    request_cert: Cell<bool>,
    reject_unauthorized: Cell<bool>,
    /// Armed while accepting waits for descriptors to come back.
    starved: Cell<Option<TimerId>>,
    /// The error of this want was told.
    starvation_told: Cell<bool>,
}

impl Server {
    /// A server that does not listen yet.
    pub fn new(event_loop: &Rc<Loop>, context: Arc<FrozenContext>) -> Result<Rc<Server>> {
        if !context.has_identity() {
            return Err(Error::state(
                "a server needs a certificate and a key: set both on the context",
            ));
        }
        let server = Rc::new(Server {
            event_loop: Rc::clone(event_loop),
            context,
            events: RefCell::new(None),
            listener: RefCell::new(None),
            token: Cell::new(None),
            address: Cell::new(None),
            state: Cell::new(State::New),
            counted: Cell::new(false),
            connections: Cell::new(0),
            max_connections: Cell::new(None),
            handshake_timeout: Cell::new(DEFAULT_HANDSHAKE_TIMEOUT),
            request_cert: Cell::new(false),
            reject_unauthorized: Cell::new(false),
            starved: Cell::new(None),
            starvation_told: Cell::new(false),
        });
        event_loop.add_server(Rc::clone(&server));
        Ok(server)
    }

    pub fn set_events(&self, events: Rc<dyn ServerEvents>) {
        *self.events.borrow_mut() = Some(events);
    }

    fn events(&self) -> Option<Rc<dyn ServerEvents>> {
        self.events.borrow().clone()
    }

    /// Binds and listens at once; the listening event follows from the loop. No host: any IPv4
    /// address. A host name is looked up here, which may block.
    pub fn listen(self: &Rc<Self>, port: u16, host: Option<&str>) -> Result<()> {
        match self.state.get() {
            State::New => {}
            State::Listening => return Err(Error::state("the server is listening already")),
            State::Closing | State::Closed => return Err(Error::state("the server is closed")),
        }
        let address = match host {
            None => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
            Some(host) => local_address(host, port)?,
        };
        let failed = |cause: io::Error| {
            Error::system(
                Status::Listen,
                format!("cannot listen on {address}"),
                &cause,
            )
        };
        let mut listener = bind(address).map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let token = self.event_loop.insert(|_| Entry::Server(Rc::clone(self)));
        let registered =
            self.event_loop
                .registry()
                .register(&mut listener, token, Interest::READABLE);
        if let Err(cause) = registered {
            self.event_loop.remove(token);
            return Err(failed(cause));
        }
        self.address.set(Some(bound));
        self.token.set(Some(token));
        *self.listener.borrow_mut() = Some(listener);
        self.state.set(State::Listening);
        self.counted.set(true);
        self.event_loop.keep_alive(true);
        self.event_loop.to_tell_listening(Rc::clone(self));
        Ok(())
    }

    pub(super) fn tell_listening(&self) {
        if self.state.get() == State::Listening {
            if let Some(events) = self.events() {
                events.listening();
            }
        }
    }

    /// Stops accepting. Open streams live on; the close event follows the last of them.
    pub fn close(self: &Rc<Self>) -> Result<()> {
        match self.state.get() {
            State::New | State::Listening => {}
            State::Closing | State::Closed => {
                return Err(Error::state("the server is closed already"))
            }
        }
        self.stop_listening();
        self.close_if_over();
        Ok(())
    }

    /// Stops accepting and ends the open streams too, each with its close event.
    pub fn destroy(self: &Rc<Self>) {
        if matches!(self.state.get(), State::New | State::Listening) {
            self.stop_listening();
        }
        let streams = self.event_loop.streams(|stream| {
            stream
                .server
                .as_ref()
                .is_some_and(|server| Rc::ptr_eq(server, self))
        });
        for stream in streams {
            stream.destroy();
        }
        self.close_if_over();
    }

    fn stop_listening(&self) {
        self.state.set(State::Closing);
        self.address.set(None);
        *self.listener.borrow_mut() = None;
        if let Some(token) = self.token.take() {
            self.event_loop.remove(token);
        }
        self.event_loop.cancel(self.starved.take());
    }

    fn close_if_over(self: &Rc<Self>) {
        if self.state.get() == State::Closing && self.connections.get() == 0 {
            self.state.set(State::Closed);
            self.event_loop.to_close(Closing::Server(Rc::clone(self)));
        }
    }

    pub(super) fn tell_closed(self: &Rc<Self>) {
        self.event_loop.remove_server(self);
        let events = self.events.borrow_mut().take();
        if let Some(events) = events {
            events.close();
        }
        if self.counted.take() {
            self.event_loop.keep_alive(false);
        }
    }

    /// Where the server listens, while it does.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.address.get()
    }

    /// Total time of a handshake; `None`: the default. For connections to come.
    pub fn set_handshake_timeout(&self, timeout: Option<Duration>) {
        self.handshake_timeout
            .set(timeout.unwrap_or(DEFAULT_HANDSHAKE_TIMEOUT));
    }

    /// What comes above it is closed at once.
    pub fn set_max_connections(&self, count: Option<usize>) {
        self.max_connections.set(count);
    }

    /// Open connections, those in their handshake included.
    pub fn connections(&self) -> usize {
        self.connections.get()
    }

    /// Ask clients for a certificate; for connections to come.
    pub fn set_request_cert(&self, on: bool) {
        self.request_cert.set(on);
    }

    /// Refuse clients whose certificate is not accepted, when one is asked for.
    pub fn set_reject_unauthorized(&self, on: bool) {
        self.reject_unauthorized.set(on);
    }

    pub(super) fn accept_ready(self: &Rc<Self>) {
        if self.starved.get().is_some() {
            return;
        }
        for _ in 0..ACCEPTS {
            let accepted = match &*self.listener.borrow() {
                Some(listener) => listener.accept(),
                None => return,
            };
            match accepted {
                Ok((socket, address)) => {
                    self.starvation_told.set(false);
                    let socket = Socket::from(OwnedFd::from(socket));
                    self.accepted(Transport::Socket(socket), address);
                }
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => return,
                Err(cause) if errno::is_exhaustion(cause.raw_os_error().unwrap_or(0)) => {
                    return self.starve(&cause);
                }
                // The connection was gone before it was taken, or a signal came: on to the next.
                Err(cause)
                    if matches!(
                        cause.kind(),
                        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
                    ) => {}
                Err(cause) => {
                    self.starve(&cause);
                    return;
                }
            }
        }
        self.event_loop.to_serve(Entry::Server(Rc::clone(self)));
    }

    /// Accepting fails for now: tells it once, and tries again when some time has passed.
    fn starve(self: &Rc<Self>, cause: &io::Error) {
        let timer = Timer::AcceptAgain(Rc::clone(self));
        self.starved.set(self.event_loop.arm(STARVED, timer));
        if self.starvation_told.replace(true) {
            return;
        }
        if let Some(events) = self.events() {
            events.error(&Error::system(
                Status::System,
                "accepting a connection failed; the server tries again",
                cause,
            ));
        }
    }

    pub(super) fn accept_again(self: &Rc<Self>) {
        self.starved.set(None);
        self.accept_ready();
    }

    fn accepted(self: &Rc<Self>, transport: Transport, address: SocketAddr) {
        let open = self.connections.get();
        if self.max_connections.get().is_some_and(|max| open >= max) {
            return;
        }
        let settings = Settings::server(self.request_cert.get(), self.reject_unauthorized.get());
        let connection = match Connection::new(&self.context, settings) {
            Ok(connection) => connection,
            Err(error) => {
                if let Some(events) = self.events() {
                    events.error(&error);
                }
                return;
            }
        };
        // Linux lets an accepted socket inherit the listener's.
        #[cfg(not(target_os = "linux"))]
        let _ = transport.set_no_delay(true);
        let mut made = None;
        let event_loop = &self.event_loop;
        let token = event_loop.insert(|token| {
            let mut io = Io::new(connection);
            io.remote_address = Some(address);
            let stream = Stream::new(event_loop, token, Some(Rc::clone(self)), io);
            made = Some(Rc::clone(&stream));
            Entry::Stream(stream)
        });
        let Some(stream) = made else {
            return;
        };
        self.connections.set(open + 1);
        let registered = transport.watch(event_loop.registry(), token);
        stream.io.borrow_mut().transport = Some(transport);
        stream.arm_handshake_timer(self.handshake_timeout.get());
        if let Some(events) = self.events() {
            match events.accepted(&stream) {
                Ok(theirs) => stream.set_events(theirs),
                Err(error) => {
                    stream.destroy();
                    return events.error(&error);
                }
            }
        }
        if let Err(cause) = registered {
            stream.fail(Error::system(
                Status::System,
                "cannot watch the connection",
                &cause,
            ));
        }
    }

    pub(super) fn tell_secure_connection(&self, stream: &Rc<Stream>) {
        if let Some(events) = self.events() {
            events.secure_connection(stream);
        }
    }

    pub(super) fn tell_client_error(&self, error: &Error, stream: &Rc<Stream>) {
        if let Some(events) = self.events() {
            events.client_error(error, stream);
        }
    }

    /// One of the connections has told its close.
    pub(super) fn connection_gone(self: &Rc<Self>) {
        self.connections
            .set(self.connections.get().saturating_sub(1));
        self.close_if_over();
    }
}

fn local_address(host: &str, port: u16) -> Result<SocketAddr> {
    crate::engine::check_host(host)?;
    if let Some(address) = crate::engine::bare_address(host) {
        return Ok(SocketAddr::new(address, port));
    }
    let found = resolver::look_up(host, port);
    let first = found.as_ref().ok().and_then(|found| found.first().copied());
    first.ok_or_else(|| super::connect::not_found(host, found.err().as_ref()))
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
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
    Ok(TcpListener::from_std(socket.into()))
}
