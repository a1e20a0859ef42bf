//! The listener: accepts connections and hands each to a stream.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mio::Token;
use socket2::Socket;

use super::event_loop::{Closing, Entry, Loop};
use super::given::GivenFd;
use super::listener::{Address, Listener};
use super::liveness::Liveness;
use super::stream::{Io, Stream};
use super::timers::{Timer, TimerId};
use super::transport::{Carrier, Transport};
use super::{resolver, ServerEvents};
use crate::context::{FrozenContext, ProtocolList};
use crate::engine::{
    Connection, Count, Keeping, Limit, NameTable, NewSession, Question, Request, SessionCounts,
    Settings,
};
use crate::error::{Error, Result, Status};
use crate::sys::errno;

/// Node's default.
pub const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(120);

/// After it, the handshake goes on as a full one.
pub const DEFAULT_RESUME_SESSION_TIMEOUT: Duration = Duration::from_secs(5);

/// Connections accepted in one turn; then others are served.
const ACCEPTS: usize = 64;
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
    listener: RefCell<Option<Listener>>,
    token: Cell<Option<Token>>,
    state: Cell<State>,
    /// Begins with listening.
    liveness: Liveness,
    connections: Cell<usize>,
    max_connections: Cell<Option<usize>>,
    handshake_timeout: Cell<Duration>,
    /// What the connections to come are told.
    settings: RefCell<Settings>,
    session_counts: Arc<SessionCounts>,
    resume_session_timeout: Cell<Duration>,
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
        let session_counts = Arc::<SessionCounts>::default();
        let mut settings = Settings::server(false, false);
        settings.keeping.counts = Some(Arc::clone(&session_counts));
        let server = Rc::new(Server {
            event_loop: Rc::clone(event_loop),
            context,
            events: RefCell::new(None),
            listener: RefCell::new(None),
            token: Cell::new(None),
            state: Cell::new(State::New),
            liveness: Liveness::default(),
            connections: Cell::new(0),
            max_connections: Cell::new(None),
            handshake_timeout: Cell::new(DEFAULT_HANDSHAKE_TIMEOUT),
            settings: RefCell::new(settings),
            session_counts,
            resume_session_timeout: Cell::new(DEFAULT_RESUME_SESSION_TIMEOUT),
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
        self.check_may_listen()?;
        let address = match host {
            None => SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)),
            Some(host) => local_address(host, port)?,
        };
        self.listen_on(Listener::bind(address)?)
    }

    /// The same on a Unix socket, whose file goes with the server.
    pub fn listen_path(self: &Rc<Self>, path: &Path) -> Result<()> {
        self.check_may_listen()?;
        self.listen_on(Listener::bind_path(path)?)
    }

    /// The same on a socket that listens already.
    pub fn listen_fd(self: &Rc<Self>, given: GivenFd) -> Result<()> {
        self.check_may_listen()?;
        self.listen_on(Listener::adopt(given)?)
    }

    fn check_may_listen(&self) -> Result<()> {
        match self.state.get() {
            State::New => Ok(()),
            State::Listening => Err(Error::state("the server is listening already")),
            State::Closing | State::Closed => Err(Error::state("the server is closed")),
        }
    }

    fn listen_on(self: &Rc<Self>, mut listener: Listener) -> Result<()> {
        let token = self.event_loop.insert(|_| Entry::Server(Rc::clone(self)));
        if let Err(cause) = listener.watch(self.event_loop.registry(), token) {
            self.event_loop.remove(token);
            return Err(Error::system(
                Status::Listen,
                "cannot watch the listening socket",
                &cause,
            ));
        }
        listener.keep();
        self.token.set(Some(token));
        *self.listener.borrow_mut() = Some(listener);
        self.state.set(State::Listening);
        self.liveness.begin(&self.event_loop);
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
        if let Some(listener) = self.listener.take() {
            listener.close(self.event_loop.registry());
        }
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
        self.liveness.end(&self.event_loop);
    }

    /// Does the listening server keep the loop going? By default.
    pub fn set_ref(&self, on: bool) {
        self.liveness.set_ref(&self.event_loop, on);
    }

    /// Where the server listens, while it does.
    pub fn local_address(&self) -> Option<Address> {
        Some(self.listener.borrow().as_ref()?.address().clone())
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
        self.settings.borrow_mut().request_cert = on;
    }

    /// Refuse clients whose certificate is not accepted, when one is asked for.
    pub fn set_reject_unauthorized(&self, on: bool) {
        self.settings.borrow_mut().reject_unauthorized = on;
    }

    /// Has [`ServerEvents::ask`] choose the context for each name; for connections to come.
    pub fn set_ask_server_name(&self, on: bool) {
        self.settings.borrow_mut().ask_server_name = on;
    }

    /// Has [`ServerEvents::ask`] decide about clients with a good certificate.
    pub fn set_ask_certificate(&self, on: bool) {
        self.settings.borrow_mut().ask_identity = on;
    }

    pub fn set_alpn_protocols(&self, list: ProtocolList) {
        self.settings.borrow_mut().alpn = Some(Arc::new(list));
    }

    pub fn set_npn_protocols(&self, list: ProtocolList) {
        self.settings.borrow_mut().npn = Some(Arc::new(list));
    }

    /// How sessions are kept; for connections to come.
    pub fn change_keeping(&self, change: impl FnOnce(&mut Keeping)) {
        change(&mut self.settings.borrow_mut().keeping);
    }

    /// How long a connection waits for a session that the user is asked for.
    pub fn set_resume_session_timeout(&self, timeout: Option<Duration>) {
        let timeout = timeout.unwrap_or(DEFAULT_RESUME_SESSION_TIMEOUT);
        self.resume_session_timeout.set(timeout);
    }

    pub(super) fn resume_session_timeout(&self) -> Duration {
        self.resume_session_timeout.get()
    }

    /// What became of the sessions that clients offered.
    pub fn session_count(&self, count: Count) -> u64 {
        self.session_counts.get(count)
    }

    pub(super) fn tell_new_session(&self, stream: &Rc<Stream>, session: &NewSession) {
        if let Some(events) = self.events() {
            events.new_session(stream, session);
        }
    }

    /// How often clients may renegotiate.
    pub fn set_renegotiation_limit(&self, limit: Limit) {
        self.settings.borrow_mut().renegotiation = limit;
    }

    /// Another context for clients that ask for this name; for connections to come.
    pub fn add_context(&self, pattern: &str, context: Arc<FrozenContext>) -> Result<()> {
        self.change_names(|names| names.add(pattern, context))
    }

    pub fn remove_context(&self, pattern: &str) -> Result<()> {
        self.change_names(|names| names.remove(pattern))
    }

    /// Connections that are there keep the table that they began with.
    fn change_names(&self, change: impl FnOnce(&mut NameTable) -> Result<()>) -> Result<()> {
        let mut settings = self.settings.borrow_mut();
        change(Arc::make_mut(
            settings.names.get_or_insert_with(Arc::default),
        ))
    }

    /// Puts a question of one of the connections. False: there is nobody to decide it.
    pub(super) fn ask(
        &self,
        stream: &Rc<Stream>,
        question: &Question,
        request: &Arc<Request>,
    ) -> bool {
        self.events()
            .is_some_and(|events| events.ask(stream, question, request))
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
                Ok((socket, peer)) => {
                    self.starvation_told.set(false);
                    self.accepted(socket, peer);
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

    fn accepted(self: &Rc<Self>, socket: Socket, peer: Option<SocketAddr>) {
        if self.is_full() {
            return;
        }
        // Linux lets an accepted socket inherit the listener's.
        #[cfg(not(target_os = "linux"))]
        if peer.is_some() {
            let _ = socket.set_tcp_nodelay(true);
        }
        if let Err(error) = self.open(Transport::Socket(socket), peer, Vec::new()) {
            if let Some(events) = self.events() {
                events.error(&error);
            }
        }
    }

    /// Serves a connection that the user brings along, of which `received` was read already. Also
    /// before the server listens, or if it never does.
    pub fn accept(self: &Rc<Self>, carrier: Carrier, received: &[u8]) -> Result<Rc<Stream>> {
        if matches!(self.state.get(), State::Closing | State::Closed) {
            return Err(Error::state("the server is closed"));
        }
        if self.is_full() {
            return Err(Error::state(
                "the server has as many connections as its max_connections allows",
            ));
        }
        let transport = Transport::over(carrier, &self.event_loop)?;
        let peer = transport.remote_address();
        let stream = self.open(transport, peer, received.to_vec())?;
        stream.serve_later();
        Ok(stream)
    }

    fn is_full(&self) -> bool {
        self.max_connections
            .get()
            .is_some_and(|max| self.connections.get() >= max)
    }

    /// One more connection, whose handshake is to come.
    fn open(
        self: &Rc<Self>,
        transport: Transport,
        peer: Option<SocketAddr>,
        received: Vec<u8>,
    ) -> Result<Rc<Stream>> {
        let settings = self.settings.borrow().clone();
        let connection = Connection::new(&self.context, settings)?;
        let server = Some(Rc::clone(self));
        let stream = Stream::insert(&self.event_loop, server, Io::new(connection), Entry::Stream)?;
        self.connections.set(self.connections.get() + 1);
        stream.begin(transport, peer, received, |stream| match self.events() {
            Some(events) => events.accepted(stream).map(Some),
            None => Ok(None),
        })?;
        stream.arm_handshake_timer(self.handshake_timeout.get());
        Ok(stream)
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
