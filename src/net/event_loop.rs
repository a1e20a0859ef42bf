//! The loop: waits for readiness, serves what is ready, then timers, posted work, flushes and close
//! events; all in bounded turns. What is left over when a turn ends wakes the loop again, so that
//! whoever drives it by its descriptor misses nothing.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use slab::Slab;

use super::buffers::Buffers;
use super::pull::Pull;
use super::remote::{Remote, Work};
use super::server::Server;
use super::stream::Stream;
use super::timers::{Timer, TimerId, Timers};
use crate::error::{Error, Result, Status};
use crate::sys::timerfd::TimerFd;

const WAKE: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);
/// Readiness taken in one turn.
const EVENTS: usize = 512;
/// Rounds of follow-up work (flushes, close events and what their callbacks cause) in one turn.
const ROUNDS: usize = 16;

/// Who is behind a token.
#[derive(Clone)]
pub(super) enum Entry {
    Stream(Rc<Stream>),
    /// A connection attempt of a stream.
    Attempt(Rc<Stream>),
    Server(Rc<Server>),
}

/// A close event that is due.
pub(super) enum Closing {
    Stream(Rc<Stream>),
    Server(Rc<Server>),
}

pub struct Loop {
    poll: RefCell<Poll>,
    registry: Registry,
    events: Cell<Option<Events>>,
    entries: RefCell<Slab<(u32, Entry)>>,
    /// All that have not told their close, those that never listened too.
    servers: RefCell<Vec<Rc<Server>>>,
    serial: Cell<u32>,
    pub(super) buffers: RefCell<Buffers>,
    /// Ciphertext of the stream that is being served.
    pub(super) out: RefCell<Vec<u8>>,
    timers: RefCell<Timers>,
    /// The deadline that the timerfd is armed for.
    armed: Cell<Option<Instant>>,
    timer_fd: RefCell<Option<TimerFd>>,
    /// Streams with something to send.
    dirty: RefCell<VecDeque<Rc<Stream>>>,
    /// Streams and servers with something left to read or accept.
    ready: RefCell<VecDeque<Entry>>,
    closing: RefCell<VecDeque<Closing>>,
    /// Streams whose peer has ended in a pulled turn: they end in the next turn, when what came before
    /// the end was answered.
    ending: RefCell<Vec<Rc<Stream>>>,
    /// Servers whose listening event is due.
    listening: RefCell<Vec<Rc<Server>>>,
    running: Cell<bool>,
    /// Streams not closed and servers not closed that listened: while there are any, `run` goes on.
    alive: Cell<usize>,
    pull: Pull,
    remote: Arc<Remote>,
}

impl Loop {
    pub fn new() -> Result<Rc<Loop>> {
        let failed = |cause| Error::system(Status::System, "cannot make an event loop", &cause);
        let poll = Poll::new().map_err(failed)?;
        let registry = poll.registry().try_clone().map_err(failed)?;
        let waker = Waker::new(&registry, WAKE).map_err(failed)?;
        Ok(Rc::new(Loop {
            poll: RefCell::new(poll),
            registry,
            events: Cell::new(Some(Events::with_capacity(EVENTS))),
            entries: RefCell::new(Slab::new()),
            servers: RefCell::new(Vec::new()),
            serial: Cell::new(0),
            buffers: RefCell::new(Buffers::new()),
            out: RefCell::new(Vec::new()),
            timers: RefCell::new(Timers::default()),
            armed: Cell::new(None),
            timer_fd: RefCell::new(None),
            dirty: RefCell::new(VecDeque::new()),
            ready: RefCell::new(VecDeque::new()),
            closing: RefCell::new(VecDeque::new()),
            ending: RefCell::new(Vec::new()),
            listening: RefCell::new(Vec::new()),
            running: Cell::new(false),
            alive: Cell::new(0),
            pull: Pull::default(),
            remote: Arc::new(Remote::new(waker)),
        }))
    }

    /// Turns until nothing keeps the loop going or [`Remote::stop`] is called.
    pub fn run(self: &Rc<Self>) -> Result<()> {
        self.check_not_running()?;
        while !self.remote.take_stop() && self.is_alive() {
            self.turn(None)?;
        }
        Ok(())
    }

    /// One turn: waits for at most `timeout` (`None`: for ever) if there is nothing to do at once.
    pub fn run_once(self: &Rc<Self>, timeout: Option<Duration>) -> Result<()> {
        self.check_not_running()?;
        self.turn(timeout)?;
        self.remote.take_stop();
        Ok(())
    }

    /// The same for whoever pulls: what nobody has a callback for goes to rows, while there is room
    /// ([`Pull::begin`]). Connections that waited for room come first, each in its turn.
    pub fn run_pulled(self: &Rc<Self>, timeout: Option<Duration>) -> Result<()> {
        self.check_not_running()?;
        self.serve_missed();
        self.turn(timeout)?;
        self.remote.take_stop();
        Ok(())
    }

    pub fn pull(&self) -> &Pull {
        &self.pull
    }

    /// Rows wait for the next pulled turn: the descriptor must tell.
    pub fn rows_wait(&self) {
        self.pull.set_waiting(true);
        if !self.running.get() && self.timer_fd.borrow().is_some() {
            self.remote.wake();
        }
    }

    /// Is a turn under way, so that this may be a callback?
    pub fn is_running(&self) -> bool {
        self.running.get()
    }

    pub fn check_not_running(&self) -> Result<()> {
        if self.running.get() {
            return Err(Error::new(
                Status::Busy,
                "ERR_LOOP_RUNNING",
                "the loop is running already: it cannot be run or freed inside a callback of its own",
            ));
        }
        Ok(())
    }

    fn is_alive(&self) -> bool {
        self.alive.get() > 0 || self.has_work() || self.remote.has_work()
    }

    /// Is there work that waits for no readiness?
    fn has_work(&self) -> bool {
        !self.dirty.borrow().is_empty()
            || !self.ready.borrow().is_empty()
            || !self.closing.borrow().is_empty()
            || !self.ending.borrow().is_empty()
            || !self.listening.borrow().is_empty()
    }

    /// Begins work outside of a turn, which is to wake nobody before it is done. False: this is a turn.
    pub(super) fn enter(&self) -> bool {
        !self.running.replace(true)
    }

    pub(super) fn leave(&self) {
        self.running.set(false);
        self.arm_timer_fd();
        self.wake_if_work();
    }

    /// Does work that calls the user, outside of a turn: the loop is not to be run, freed or detached by
    /// it.
    pub fn calling(&self, work: impl FnOnce()) {
        let entered = self.enter();
        work();
        if entered {
            self.leave();
        }
    }

    pub fn remote(&self) -> Arc<Remote> {
        Arc::clone(&self.remote)
    }

    /// The descriptor that is readable whenever a turn has work, timers included.
    pub fn fd(&self) -> Result<RawFd> {
        let failed = |cause| Error::system(Status::System, "cannot make the loop's timer", &cause);
        if self.timer_fd.borrow().is_none() {
            let timer = TimerFd::new().map_err(failed)?;
            self.registry
                .register(
                    &mut mio::unix::SourceFd(&timer.as_raw_fd()),
                    TIMER,
                    Interest::READABLE,
                )
                .map_err(failed)?;
            *self.timer_fd.borrow_mut() = Some(timer);
            self.arm_timer_fd();
            self.wake_if_work();
        }
        Ok(self.poll.borrow().as_raw_fd())
    }

    /// Until the next timer; zero if one is due or there is work already, rows that wait included.
    pub fn next_timeout(&self) -> Option<Duration> {
        if self.pull.has_waiting() {
            return Some(Duration::ZERO);
        }
        self.longest_wait()
    }

    fn longest_wait(&self) -> Option<Duration> {
        if self.has_work() || self.remote.has_work() {
            return Some(Duration::ZERO);
        }
        let deadline = self.timers.borrow().next_deadline()?;
        Some(deadline.saturating_duration_since(Instant::now()))
    }

    /// Only before the first server or stream.
    pub fn set_slab_buffer_size(&self, bytes: usize) -> Result<()> {
        self.buffers.borrow_mut().set_size(bytes)
    }

    /// Ends everything that hangs on the loop, with each close event; then takes no more work.
    pub fn close_all(self: &Rc<Self>) -> Result<()> {
        self.check_not_running()?;
        self.running.set(true);
        // A close callback may open something new, though not for ever.
        for _ in 0..ROUNDS {
            let entries: Vec<Entry> = self
                .entries
                .borrow()
                .iter()
                .map(|(_, (_, entry))| entry.clone())
                .collect();
            for entry in entries {
                match entry {
                    Entry::Stream(stream) | Entry::Attempt(stream) => stream.destroy(),
                    Entry::Server(_) => {}
                }
            }
            let servers = self.servers.borrow().clone();
            for server in servers {
                server.destroy();
            }
            self.tell_closed();
            let left = !self.entries.borrow().is_empty() || !self.servers.borrow().is_empty();
            if !left && self.closing.borrow().is_empty() {
                break;
            }
        }
        self.dirty.borrow_mut().clear();
        self.ready.borrow_mut().clear();
        self.ending.borrow_mut().clear();
        self.listening.borrow_mut().clear();
        self.timers.borrow_mut().clear();
        self.remote.shut();
        self.running.set(false);
        Ok(())
    }

    fn turn(self: &Rc<Self>, timeout: Option<Duration>) -> Result<()> {
        /// Clears the flag also if something below panics.
        struct Running<'a>(&'a Cell<bool>);
        impl Drop for Running<'_> {
            fn drop(&mut self) {
                self.0.set(false);
            }
        }
        self.running.set(true);
        let running = Running(&self.running);
        let wait = match (self.longest_wait(), timeout) {
            (Some(next), Some(timeout)) => Some(next.min(timeout)),
            (next, timeout) => next.or(timeout),
        };
        for stream in self.ending.take() {
            stream.end_with_peer();
        }
        let bound = self.pull.connections();
        match bound {
            Some(bound) => self.serve_waiting(bound),
            None => self.pull.miss_turn(),
        }
        let capacity = bound.unwrap_or(EVENTS).clamp(1, EVENTS);
        let mut events = self
            .events
            .take()
            .filter(|events| events.capacity() == capacity)
            .unwrap_or_else(|| Events::with_capacity(capacity));
        let polled = self.poll.borrow_mut().poll(&mut events, wait);
        match polled {
            Ok(()) => {}
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => events.clear(),
            Err(cause) => {
                self.events.set(Some(events));
                return Err(Error::system(
                    Status::System,
                    "waiting for events failed",
                    &cause,
                ));
            }
        }
        // What was left over by the turn before comes after what is new, and is served once.
        let left_over = match bound {
            Some(_) => VecDeque::new(),
            None => self.ready.take(),
        };
        for event in &events {
            self.dispatch(event);
        }
        self.events.set(Some(events));
        for entry in left_over {
            Self::serve_again(entry);
        }
        self.fire_timers();
        self.do_posted();
        for _ in 0..ROUNDS {
            self.tell_listening();
            self.flush_dirty();
            self.tell_closed();
            if self.dirty.borrow().is_empty() && self.closing.borrow().is_empty() {
                break;
            }
        }
        drop(running);
        self.leave();
        Ok(())
    }

    fn dispatch(self: &Rc<Self>, event: &Event) {
        match self.entry(event.token()) {
            Some(Entry::Stream(stream)) => stream.serve(event),
            Some(Entry::Attempt(stream)) => stream.attempt_ready(event.token()),
            Some(Entry::Server(server)) => server.accept_ready(),
            // The waker, the timer, or a connection that was closed in this turn.
            None => {}
        }
    }

    fn serve_again(entry: Entry) {
        match entry {
            Entry::Stream(stream) => stream.serve_again(),
            Entry::Attempt(stream) => stream.next_attempt(),
            Entry::Server(server) => server.accept_ready(),
        }
    }

    /// Serves those that were left over by the turn before, so many at most and while there is room.
    fn serve_waiting(&self, bound: usize) {
        let mut waiting = self.ready.take();
        for _ in 0..bound {
            if self.pull.is_filled() {
                break;
            }
            let Some(entry) = waiting.pop_front() else {
                break;
            };
            Self::serve_again(entry);
        }
        // Who has more to tell goes behind those who could tell nothing yet.
        let mut ready = self.ready.borrow_mut();
        waiting.append(&mut ready);
        *ready = waiting;
    }

    fn fire_timers(self: &Rc<Self>) {
        if self.timers.borrow().next_deadline().is_none() {
            return;
        }
        let now = Instant::now();
        loop {
            let due = self.timers.borrow_mut().take_due(now);
            match due {
                Some(Timer::Handshake(stream)) => stream.handshake_timed_out(),
                Some(Timer::Idle(stream)) => stream.idle_timer_fired(now),
                Some(Timer::NextAttempt(stream)) => stream.next_attempt(),
                Some(Timer::Answer(stream)) => stream.answer_is_late(),
                Some(Timer::AcceptAgain(server)) => server.accept_again(),
                None => break,
            }
        }
    }

    fn do_posted(self: &Rc<Self>) {
        for work in self.remote.take() {
            match work {
                Work::Task(task) => task(),
                Work::Resolved(token, answer) => {
                    if let Some(Entry::Attempt(stream)) = self.entry(token) {
                        stream.resolved(answer);
                    }
                }
                Work::Answered(token) => {
                    if let Some(Entry::Stream(stream)) = self.entry(token) {
                        stream.take_answer();
                    }
                }
            }
        }
    }

    fn tell_listening(&self) {
        let due = self.listening.take();
        for server in due {
            server.tell_listening();
        }
    }

    fn flush_dirty(&self) {
        let due = self.dirty.take();
        for stream in due {
            stream.flush_dirty();
        }
    }

    fn tell_closed(&self) {
        let due = self.closing.take();
        for closing in due {
            match closing {
                Closing::Stream(stream) => stream.tell_closed(),
                Closing::Server(server) => server.tell_closed(),
            }
        }
    }

    fn arm_timer_fd(&self) {
        let timer_fd = self.timer_fd.borrow();
        let Some(timer_fd) = timer_fd.as_ref() else {
            return;
        };
        let now = Instant::now();
        // An armed time that has passed has fired: it must be set anew.
        let armed = self.armed.get().filter(|armed| *armed > now);
        self.armed.set(armed);
        let Some(deadline) = self.timers.borrow().next_deadline() else {
            return;
        };
        if armed.is_some_and(|armed| armed <= deadline) {
            return;
        }
        if timer_fd
            .arm(deadline.saturating_duration_since(now))
            .is_ok()
        {
            self.armed.set(Some(deadline));
        }
    }

    /// Work that is left is invisible to the descriptor unless it is told.
    fn wake_if_work(&self) {
        if self.timer_fd.borrow().is_some() && self.has_work() {
            self.remote.wake();
        }
    }

    /// Something was put down outside a turn: whoever waits on the descriptor must come.
    fn work_put_down(&self) {
        if !self.running.get() {
            self.wake_if_work();
        }
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    fn entry(&self, token: Token) -> Option<Entry> {
        let entries = self.entries.borrow();
        let (serial, entry) = entries.get(token.0 & 0xffff_ffff)?;
        (*serial as usize == token.0 >> 32).then(|| entry.clone())
    }

    /// A token for the entry that `make` makes of it. It is not valid any more once it was removed,
    /// also if its place serves another by then.
    pub(super) fn insert(&self, make: impl FnOnce(Token) -> Entry) -> Token {
        self.buffers.borrow_mut().fix();
        // Below the loop's own two tokens.
        let serial = self.serial.get() & 0x7fff_ffff;
        self.serial.set(serial.wrapping_add(1));
        let mut entries = self.entries.borrow_mut();
        let place = entries.vacant_entry();
        let token = Token(((serial as usize) << 32) | place.key());
        place.insert((serial, make(token)));
        token
    }

    /// Puts another entry behind a token.
    pub(super) fn replace(&self, token: Token, entry: Entry) {
        if let Some(place) = self.entries.borrow_mut().get_mut(token.0 & 0xffff_ffff) {
            place.1 = entry;
        }
    }

    pub(super) fn remove(&self, token: Token) {
        let removed = self.entries.borrow_mut().try_remove(token.0 & 0xffff_ffff);
        drop(removed);
    }

    pub(super) fn add_server(&self, server: Rc<Server>) {
        self.servers.borrow_mut().push(server);
    }

    pub(super) fn remove_server(&self, server: &Rc<Server>) {
        self.servers
            .borrow_mut()
            .retain(|other| !Rc::ptr_eq(other, server));
    }

    /// All streams that `wanted` picks.
    pub(super) fn streams(&self, wanted: impl Fn(&Stream) -> bool) -> Vec<Rc<Stream>> {
        let entries = self.entries.borrow();
        let streams = entries.iter().filter_map(|(_, (_, entry))| match entry {
            Entry::Stream(stream) if wanted(stream) => Some(Rc::clone(stream)),
            _ => None,
        });
        streams.collect()
    }

    pub(super) fn arm(&self, after: Duration, timer: Timer) -> Option<TimerId> {
        let id = self.timers.borrow_mut().arm(after, timer);
        if !self.running.get() {
            self.arm_timer_fd();
        }
        id
    }

    pub(super) fn cancel(&self, id: Option<TimerId>) {
        if let Some(id) = id {
            self.timers.borrow_mut().cancel(id);
        }
    }

    pub(super) fn to_flush(&self, stream: Rc<Stream>) {
        self.dirty.borrow_mut().push_back(stream);
        self.work_put_down();
    }

    pub(super) fn to_serve(&self, entry: Entry) {
        self.ready.borrow_mut().push_back(entry);
        self.work_put_down();
    }

    pub(super) fn to_end(&self, stream: Rc<Stream>) {
        self.ending.borrow_mut().push(stream);
        self.work_put_down();
    }

    pub(super) fn to_close(&self, closing: Closing) {
        self.closing.borrow_mut().push_back(closing);
        self.work_put_down();
    }

    pub(super) fn to_tell_listening(&self, server: Rc<Server>) {
        self.listening.borrow_mut().push(server);
        self.work_put_down();
    }

    /// One more, or one less, that keeps [`Loop::run`] going.
    pub(super) fn keep_alive(&self, more: bool) {
        let alive = self.alive.get();
        self.alive.set(if more {
            alive + 1
        } else {
            alive.saturating_sub(1)
        });
    }
}
