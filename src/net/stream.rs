//! One TLS connection over a socket, as the user sees it: state, life and death, settings. How bytes
//! travel is in `transfer.rs`, how it comes to be connected in `connect.rs`.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use mio::Token;

use super::connect::Connecting;
use super::event_loop::{Closing, Entry, Loop};
use super::idle::Idle;
use super::liveness::Liveness;
use super::server::Server;
use super::timers::{Timer, TimerId};
use super::transport::Transport;
use super::write_queue::WriteQueue;
use super::StreamEvents;
use crate::context::Certificate;
use crate::engine::{Connection, Facts, Request, Written, DEFAULT_HIGH_WATER_MARK};
use crate::error::{Error, Result, Status};
use crate::sys::memory::Secret;

pub struct Stream {
    pub(super) event_loop: Rc<Loop>,
    pub(super) token: Token,
    /// The server that accepted it.
    pub(super) server: Option<Rc<Server>>,
    events: RefCell<Option<Rc<dyn StreamEvents>>>,
    pub(super) io: RefCell<Io>,
    /// Streams that this one is piped into or from; rare, so boxed.
    pub(super) pipes: RefCell<Option<Box<super::pipe::Pipes>>>,
    pub(super) state: Cell<State>,
    pub(super) flow: Cell<Flow>,
    pub(super) high_water_mark: Cell<usize>,
    pub(super) bytes_written: Cell<u64>,
    pub(super) bytes_read: Cell<u64>,
    pub(super) idle: RefCell<Option<Box<Idle>>>,
    handshake_timer: Cell<Option<TimerId>>,
    liveness: Liveness,
    /// A number of whoever uses the stream.
    tag: Cell<u64>,
    /// The last pulled turn that had its data.
    pub(super) pulled_in: Cell<u64>,
}

/// What is needed to move bytes. Never borrowed while a callback runs.
pub(super) struct Io {
    pub transport: Option<Transport>,
    pub connection: Connection,
    pub connecting: Option<Box<Connecting>>,
    /// A question that is with the user.
    pub request: Option<Arc<Request>>,
    pub answer_timer: Option<TimerId>,
    /// Ciphertext that was received while nobody wants data, from `stepped` on.
    pub leftover: Vec<u8>,
    pub stepped: usize,
    /// Plaintext that was decrypted before a data callback was there.
    pub unread: Vec<u8>,
    pub queue: WriteQueue,
    /// Ciphertext that the transport would not take, from `sent` on.
    pub unsent: Vec<u8>,
    pub sent: usize,
    /// The poll watches for room to send.
    pub watches_room: bool,
    /// Encrypting failed inside a write; told when the stream is flushed.
    pub failure: Option<Box<Error>>,
    /// So did sending, outside of a turn.
    pub broken: Option<std::io::Error>,
    pub remote_address: Option<SocketAddr>,
    pub keep_alive: Option<Duration>,
    pub no_delay: bool,
}

impl Io {
    pub fn new(connection: Connection) -> Io {
        Io {
            transport: None,
            connection,
            connecting: None,
            request: None,
            answer_timer: None,
            leftover: Vec::new(),
            stepped: 0,
            unread: Vec::new(),
            queue: WriteQueue::default(),
            unsent: Vec::new(),
            sent: 0,
            watches_room: false,
            failure: None,
            broken: None,
            remote_address: None,
            keep_alive: None,
            no_delay: true,
        }
    }

    pub fn unsent(&self) -> &[u8] {
        &self.unsent[self.sent..]
    }

    /// Nothing waits to be sent.
    pub fn is_flushed(&self) -> bool {
        self.queue.is_empty() && self.unsent.is_empty()
    }
}

/// Where in its life a stream is.
#[derive(Clone, Copy, Default)]
pub(super) struct State {
    /// The handshake is over and was told.
    pub secure: bool,
    /// Being served: what is written goes out when its callbacks are done.
    pub serving: bool,
    /// `end` was called, by the user or because the peer ended.
    pub ending: bool,
    /// Closes once all is sent, whatever the peer does.
    pub winding_up: bool,
    /// Everything was sent, close_notify and FIN included.
    pub output_done: bool,
    /// The peer's end was told.
    pub input_ended: bool,
    /// The socket is gone, the close event is due or told.
    pub closed: bool,
    pub had_error: bool,
    pub needs_drain: bool,
    /// There may be more to read, and no edge will tell.
    pub ready_again: bool,
    /// The socket was read to its end.
    pub eof: bool,
    /// Waits in the loop's list of streams to flush.
    pub dirty: bool,
    /// Waits in the loop's list of streams to serve again.
    pub ready: bool,
}

/// Who wants data, and who does not.
#[derive(Clone, Copy, Default)]
pub(super) struct Flow {
    pub paused: bool,
    /// Paused because what it is piped into is full.
    pub paused_by_pipe: bool,
    /// Paused because the stream that it carries does not read.
    pub paused_by_above: bool,
    pub has_data_callback: bool,
    pub piped: bool,
    /// Without any of these, data goes to the rows of pulled turns.
    pub pulled: bool,
    /// `resume` without a consumer, or `end`: data may be dropped.
    pub discard: bool,
    pub allow_half_open: bool,
    /// Another stream is on top, which alone reads and writes it.
    pub carries: bool,
}

impl Flow {
    pub fn is_paused(self) -> bool {
        self.paused || self.paused_by_pipe || self.paused_by_above
    }

    pub fn has_consumer(self) -> bool {
        self.has_data_callback || self.piped || self.discard
    }
}

/// Changes one field of a `Cell`.
pub(super) fn update<T: Copy>(cell: &Cell<T>, change: impl FnOnce(&mut T)) {
    let mut value = cell.get();
    change(&mut value);
    cell.set(value);
}

impl Stream {
    /// A stream that keeps its loop going.
    pub(super) fn new(
        event_loop: &Rc<Loop>,
        token: Token,
        server: Option<Rc<Server>>,
        io: Io,
    ) -> Rc<Stream> {
        let liveness = Liveness::default();
        liveness.begin(event_loop);
        Rc::new(Stream {
            event_loop: Rc::clone(event_loop),
            token,
            server,
            events: RefCell::new(None),
            io: RefCell::new(io),
            pipes: RefCell::new(None),
            state: Cell::new(State::default()),
            flow: Cell::new(Flow::default()),
            high_water_mark: Cell::new(DEFAULT_HIGH_WATER_MARK),
            bytes_written: Cell::new(0),
            bytes_read: Cell::new(0),
            idle: RefCell::new(None),
            handshake_timer: Cell::new(None),
            liveness,
            tag: Cell::new(0),
            pulled_in: Cell::new(0),
        })
    }

    /// A number for the layer above to know the stream by.
    pub fn set_tag(&self, tag: u64) {
        self.tag.set(tag);
    }

    pub fn tag(&self) -> u64 {
        self.tag.get()
    }

    pub(super) fn set_events(&self, events: Rc<dyn StreamEvents>) {
        *self.events.borrow_mut() = Some(events);
    }

    /// Puts another in the place of those who are told.
    pub(super) fn replace_events(
        &self,
        make: impl FnOnce(Option<Rc<dyn StreamEvents>>) -> Rc<dyn StreamEvents>,
    ) {
        let mut events = self.events.borrow_mut();
        *events = Some(make(events.take()));
    }

    pub(super) fn events(&self) -> Option<Rc<dyn StreamEvents>> {
        self.events.borrow().clone()
    }

    /// Tells one event, with nothing borrowed.
    pub(super) fn tell(&self, event: impl FnOnce(&dyn StreamEvents)) {
        if let Some(events) = self.events() {
            event(&*events);
        }
    }

    /// Is there somebody for the data event? Without one, and without a pipe, data is held back.
    pub fn set_has_data_callback(self: &Rc<Self>, on: bool) {
        if self.flow.get().carries {
            return;
        }
        update(&self.flow, |flow| flow.has_data_callback = on);
        self.serve_held_back();
    }

    /// Takes all of `data`; see [`Written`]. An error after `end` or when closed.
    pub fn write(self: &Rc<Self>, data: &[u8]) -> Result<Written> {
        let state = self.state.get();
        if state.closed {
            return Err(Error::state("the stream is closed: nothing can be written"));
        }
        self.check_carries_none()?;
        if state.ending {
            let mut error = Error::state("write after end: the writing side is closed");
            error.name = "ERR_STREAM_WRITE_AFTER_END".into();
            return Err(error);
        }
        if !data.is_empty() {
            self.take_in(data);
        }
        if self.writable_length() >= self.high_water_mark.get() {
            update(&self.state, |state| state.needs_drain = true);
            return Ok(Written::Full);
        }
        Ok(Written::Ok)
    }

    /// Closes the writing side: what is queued, then close_notify, then FIN.
    pub fn end(self: &Rc<Self>) {
        let state = self.state.get();
        if state.ending || state.closed {
            return;
        }
        update(&self.state, |state| state.ending = true);
        if !self.flow.get().has_consumer() && !self.is_pulled() {
            // Nobody wants what still comes: it must not keep the stream from closing.
            update(&self.flow, |flow| flow.discard = true);
            self.serve_held_back();
        }
        self.flush_later();
    }

    /// Closes the socket at once; only the close event follows.
    pub fn destroy(self: &Rc<Self>) {
        self.close_now(false);
    }

    /// No more data events until `resume`: the socket is not read any more.
    pub fn pause(&self) {
        update(&self.flow, |flow| flow.paused = true);
    }

    /// Goes on with data events. With no callback and no pipe, data is dropped from now on.
    pub fn resume(self: &Rc<Self>) {
        let was_paused = self.flow.get().paused;
        let is_pulled = self.is_pulled();
        update(&self.flow, |flow| {
            flow.paused = false;
            if !flow.has_consumer() && !is_pulled {
                flow.discard = true;
            }
        });
        if was_paused {
            self.serve_later();
        } else {
            self.serve_held_back();
        }
    }

    /// A consumer may have come: what was held back for want of one goes to it.
    pub(super) fn serve_held_back(self: &Rc<Self>) {
        if self.flow.get().has_consumer() && !self.io.borrow().unread.is_empty() {
            self.serve_later();
        }
    }

    pub fn set_high_water_mark(&self, bytes: usize) {
        self.high_water_mark.set(bytes);
    }

    pub fn set_allow_half_open(&self, on: bool) {
        update(&self.flow, |flow| flow.allow_half_open = on);
    }

    pub(super) fn arm_handshake_timer(self: &Rc<Self>, after: Duration) {
        let timer = self
            .event_loop
            .arm(after, Timer::Handshake(Rc::clone(self)));
        self.handshake_timer.set(timer);
    }

    pub(super) fn cancel_handshake_timer(&self) {
        self.event_loop.cancel(self.handshake_timer.take());
    }

    pub(super) fn handshake_timed_out(self: &Rc<Self>) {
        self.handshake_timer.set(None);
        if let Some(transport) = &self.io.borrow().transport {
            transport.abort();
        }
        self.fail(Error::new(
            Status::Timeout,
            "ERR_TLS_HANDSHAKE_TIMEOUT",
            "the TLS handshake took longer than the server's handshake timeout",
        ));
    }

    /// TCP_NODELAY, on by default.
    pub fn set_no_delay(&self, on: bool) -> Result<()> {
        let mut io = self.io.borrow_mut();
        io.no_delay = on;
        match &io.transport {
            Some(transport) => transport.set_no_delay(on),
            None => Ok(()),
        }
    }

    /// SO_KEEPALIVE with the time before the first probe; `None` turns it off.
    pub fn set_keep_alive(&self, first_probe: Option<Duration>) -> Result<()> {
        let mut io = self.io.borrow_mut();
        io.keep_alive = first_probe;
        match &io.transport {
            Some(transport) => transport.set_keep_alive(first_probe),
            None => Ok(()),
        }
    }

    /// Does the stream keep the loop going, while it is open? By default.
    pub fn set_ref(&self, on: bool) {
        self.liveness.set_ref(&self.event_loop, on);
        if let Some(transport) = &self.io.borrow().transport {
            transport.set_ref(on);
        }
    }

    /// On the wire, TLS overhead included.
    pub fn bytes_written(&self) -> u64 {
        self.bytes_written.get()
    }

    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.get()
    }

    /// Bytes that wait to be sent.
    pub fn writable_length(&self) -> usize {
        let io = self.io.borrow();
        io.queue.len() + io.unsent().len()
    }

    /// What is known; nothing before the handshake is over.
    pub fn with_facts<R>(&self, f: impl FnOnce(Option<&Facts>) -> R) -> R {
        f(self.io.borrow().connection.facts())
    }

    pub fn protocol(&self) -> Option<&'static CStr> {
        self.io.borrow().connection.protocol()
    }

    /// A client's session for a later resumption, if there is one by now.
    pub fn session(&self) -> Option<Secret> {
        self.io.borrow().connection.session()
    }

    /// Has [`StreamEvents::session`] told of new sessions.
    ///
    /// # Errors
    /// `InvalidState` for a stream of a server.
    pub fn set_told_of_sessions(&self, on: bool) -> Result<()> {
        if self.server.is_some() {
            return Err(Error::state(
                "only a client is told of sessions that it can offer again",
            ));
        }
        self.io.borrow_mut().connection.set_told_of_sessions(on);
        Ok(())
    }

    pub fn peer_certificate(&self) -> Option<Certificate> {
        self.io.borrow().connection.peer_certificate()
    }

    pub fn local_address(&self) -> Option<SocketAddr> {
        self.io.borrow().transport.as_ref()?.local_address()
    }

    /// Known also after the close.
    pub fn remote_address(&self) -> Option<SocketAddr> {
        self.io.borrow().remote_address
    }

    pub fn is_closed(&self) -> bool {
        self.state.get().closed
    }

    /// The connection is over by an error: told once, to the server while the stream is not secure,
    /// else to the stream; then it closes.
    pub(super) fn fail(self: &Rc<Self>, error: Box<Error>) {
        let state = self.state.get();
        if state.closed {
            return;
        }
        // Also when the callback destroys it.
        update(&self.state, |state| state.had_error = true);
        match &self.server {
            Some(server) if !state.secure => server.tell_client_error(&error, self),
            _ => self.tell(|events| events.error(&error)),
        }
        self.close_now(true);
    }

    /// Gives everything back but what getters need, and has the close event told.
    pub(super) fn close_now(self: &Rc<Self>, had_error: bool) {
        let state = self.state.get();
        if state.closed {
            return;
        }
        update(&self.state, |state| {
            state.closed = true;
            state.had_error |= had_error;
            state.needs_drain = false;
        });
        self.cancel_handshake_timer();
        self.set_timeout(None);
        let transport = {
            let mut io = self.io.borrow_mut();
            io.queue.clear(&mut self.event_loop.buffers.borrow_mut());
            io.leftover = Vec::new();
            io.stepped = 0;
            io.unread = Vec::new();
            // A peer that took nothing more will not take the end either.
            if let (Some(transport), false) = (&io.transport, io.unsent.is_empty()) {
                transport.abort();
            }
            io.unsent = Vec::new();
            io.sent = 0;
            self.event_loop.cancel(io.answer_timer.take());
            if let Some(request) = io.request.take() {
                request.cancel();
            }
            if let Some(mut connecting) = io.connecting.take() {
                connecting.give_up(&self.event_loop);
            }
            io.transport.take()
        };
        self.event_loop.remove(self.token);
        self.unpipe();
        self.event_loop.to_close(Closing::Stream(Rc::clone(self)));
        if let Some(transport) = transport {
            transport.close(self.event_loop.registry(), had_error || state.output_done);
        }
    }

    pub(super) fn tell_closed(self: &Rc<Self>) {
        let had_error = self.state.get().had_error;
        let events = self.events.borrow_mut().take();
        if let Some(events) = events {
            events.close(had_error);
        }
        self.liveness.end(&self.event_loop);
        if let Some(server) = &self.server {
            server.connection_gone();
        }
    }

    /// Has the stream served in the next turn, though its socket may tell nothing new.
    pub(super) fn serve_later(self: &Rc<Self>) {
        let state = self.state.get();
        if state.serving {
            update(&self.state, |state| state.ready_again = true);
            return;
        }
        if state.ready || state.closed {
            return;
        }
        update(&self.state, |state| state.ready = true);
        self.event_loop.to_serve(Entry::Stream(Rc::clone(self)));
    }

    /// Has what is queued sent when the turn ends.
    pub(super) fn flush_later(self: &Rc<Self>) {
        let state = self.state.get();
        // A stream being served is flushed when its callbacks are done.
        if state.dirty || state.closed || state.serving {
            return;
        }
        update(&self.state, |state| state.dirty = true);
        self.event_loop.to_flush(Rc::clone(self));
    }
}
