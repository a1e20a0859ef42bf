//! The secure pair: a connection without a transport. Ciphertext is fed and taken (or pushed to a
//! callback), plaintext written and read (or pushed). No sockets, no loop, no thread.
//!
//! Events are made after every borrow is gone, so a callback may call anything, also on its own pair:
//! what would change the connection meanwhile is queued and carried out by the outermost call.

mod core;
mod options;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ffi::CStr;
use std::rc::Rc;
use std::sync::Arc;

use self::core::{Core, InputEnd};
use super::scratch::{self, Plain};
use super::settings::Settings;
use super::{Connection, Event, Facts, NewSession, Question, Request, Written};
use crate::context::{Certificate, FrozenContext};
use crate::error::{Error, Result};
use crate::sys::memory::Secret;

/// The two switches and the role of `tls.createSecurePair`.
#[derive(Clone, Copy, Debug)]
pub struct PairOptions {
    pub is_server: bool,
    pub request_cert: bool,
    pub reject_unauthorized: bool,
}

/// What a pair tells. `error` comes at most once; `close` comes once and last.
pub trait PairEvents {
    fn encrypted(&self, bytes: &[u8]);
    fn data(&self, bytes: &[u8]);
    fn secure(&self);
    /// A client has got a session that can be resumed.
    fn session(&self, session: &[u8]);
    fn drain(&self);
    /// A session was made, which is to be kept.
    fn new_session(&self, session: &NewSession);
    /// A renegotiation has come to its end.
    fn renegotiated(&self);
    /// Something is to be decided. False: there is nobody to decide it.
    fn ask(&self, question: &Question, request: &Arc<Request>) -> bool;
    fn end(&self, clean: bool);
    fn error(&self, error: &Error);
    fn close(&self, had_error: bool);
}

/// Tells the owner of a pair that a decision was made while the pair was waiting for it.
pub type Ready = Arc<dyn Fn() + Send + Sync>;

/// Calls made from inside a callback, for the outermost call to carry out.
enum Call {
    Start,
    Feed(Vec<u8>),
    FeedEof,
    Write(Vec<u8>),
    End,
}

pub struct SecurePair {
    core: RefCell<Core>,
    events: RefCell<Option<Rc<dyn PairEvents>>>,
    ready: Ready,
    push_encrypted: Cell<bool>,
    push_data: Cell<bool>,
    /// An outermost call is at work.
    busy: Cell<bool>,
    calls: RefCell<VecDeque<Call>>,
}

impl SecurePair {
    /// A pair that has not started. A server's context must have its certificate and key. `ready` is
    /// called, on the deciding thread, for decisions that come when the pair does not wait for them
    /// inside a call.
    pub fn new(
        context: Arc<FrozenContext>,
        options: PairOptions,
        ready: Ready,
    ) -> Result<SecurePair> {
        let settings = if options.is_server {
            if !context.has_identity() {
                return Err(Error::state(
                    "a server needs a certificate and a key: set both on the context",
                ));
            }
            Settings::server(options.request_cert, options.reject_unauthorized)
        } else {
            Settings {
                reject_unauthorized: options.reject_unauthorized,
                ..Settings::client()
            }
        };
        Ok(SecurePair {
            core: RefCell::new(Core::new(context, settings)),
            events: RefCell::new(None),
            ready,
            push_encrypted: Cell::new(false),
            push_data: Cell::new(false),
            busy: Cell::new(false),
            calls: RefCell::new(VecDeque::new()),
        })
    }

    pub fn set_events(&self, events: Rc<dyn PairEvents>) {
        *self.events.borrow_mut() = Some(events);
    }

    /// Is ciphertext handed to [`PairEvents::encrypted`], or kept for [`SecurePair::take`]?
    pub fn set_push_encrypted(&self, on: bool) {
        self.push_encrypted.set(on);
    }

    /// Is plaintext handed to [`PairEvents::data`], or kept for [`SecurePair::read`]?
    pub fn set_push_data(&self, on: bool) {
        self.push_data.set(on);
    }

    /// Starts the handshake; later calls do nothing. Implied by the first feed, take or write.
    pub fn start(&self) -> Result<()> {
        if self.busy.get() {
            return self.later(Call::Start);
        }
        self.outermost(Core::start)
    }

    /// Takes ciphertext from the transport and answers how much of it. With `keep_rest` all of it
    /// is taken; else the pair stops while unread plaintext is over the high-water mark.
    pub fn feed(&self, data: &[u8], keep_rest: bool) -> Result<usize> {
        if self.busy.get() {
            return self.later(Call::Feed(data.to_owned())).map(|()| data.len());
        }
        self.core.borrow_mut().begin()?;
        self.busy.set(true);
        let mut rest = data;
        self.pump(&mut rest);
        if keep_rest && !rest.is_empty() {
            self.core.borrow_mut().keep_input(rest);
            rest = &[];
        }
        let consumed = data.len() - rest.len();
        self.settle().map(|()| consumed)
    }

    /// The transport has ended.
    pub fn feed_eof(&self) -> Result<()> {
        if self.busy.get() {
            return self.later(Call::FeedEof);
        }
        self.outermost(|core| {
            core.start()?;
            core.eof = true;
            Ok(())
        })
    }

    /// Moves ciphertext for the transport into `buffer`.
    pub fn take(&self, buffer: &mut [u8]) -> Result<usize> {
        if !self.busy.get() && self.core.borrow().is_unstarted() {
            self.outermost(Core::start)?;
        }
        let (count, drained) = {
            let mut core = self.core.borrow_mut();
            let count = core.take(buffer);
            (count, core.needs_drain && core.queued() == 0)
        };
        if drained && !self.busy.get() {
            self.begin();
            self.settle()?;
        }
        Ok(count)
    }

    /// Moves decrypted bytes into `buffer`.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize> {
        let count = self.core.borrow_mut().read(buffer);
        if count > 0 && !self.busy.get() && self.core.borrow().waits_for_reader() {
            self.begin();
            // The failure of bytes that came later is the error event's; these bytes are good.
            let _ = self.settle();
        }
        Ok(count)
    }

    /// Queues or encrypts plaintext; never refuses for size.
    pub fn write(&self, data: &[u8]) -> Result<Written> {
        {
            let core = self.core.borrow();
            if core.closed {
                return Err(Error::state("the pair has ended: nothing can be written"));
            }
            if core.ending {
                return Err(Error::state("write after end: the writing side is closed"));
            }
        }
        if data.is_empty() {
            return Ok(Written::Ok);
        }
        if self.busy.get() {
            let mut calls = self.calls.borrow_mut();
            if calls.iter().any(|call| matches!(call, Call::End)) {
                return Err(Error::state("write after end: the writing side is closed"));
            }
            // Writes in a row become full records.
            match calls.back_mut() {
                Some(Call::Write(bytes)) => bytes.extend_from_slice(data),
                _ => calls.push_back(Call::Write(data.to_owned())),
            }
            let waiting: usize = calls
                .iter()
                .map(|call| match call {
                    Call::Write(bytes) => bytes.len(),
                    _ => 0,
                })
                .sum();
            let mut core = self.core.borrow_mut();
            let full = core.queued() + waiting >= core.high_water_mark;
            core.needs_drain |= full;
            return Ok(if full { Written::Full } else { Written::Ok });
        }
        {
            let mut core = self.core.borrow_mut();
            core.begin()?;
            core.write(data)?;
        }
        self.busy.set(true);
        self.settle()?;
        Ok(if self.core.borrow().needs_drain {
            Written::Full
        } else {
            Written::Ok
        })
    }

    /// Sends close_notify after everything that was written.
    pub fn end(&self) -> Result<()> {
        if self.core.borrow().ending {
            return Ok(());
        }
        if self.busy.get() {
            return self.later(Call::End);
        }
        self.outermost(|core| {
            core.start()?;
            core.ending = true;
            core.close_when_written();
            Ok(())
        })
    }

    /// Ends the pair without a word to the peer; only the close event follows.
    pub fn destroy(&self) -> Result<()> {
        {
            let mut core = self.core.borrow_mut();
            if core.closed {
                return Ok(());
            }
            core.closed = true;
            core.error = None;
            core.cancel_request();
            core.drop_input();
        }
        self.calls.borrow_mut().clear();
        if !self.busy.get() {
            self.begin();
            self.settle()?;
        }
        Ok(())
    }

    /// What is known; nothing before the handshake is over.
    pub fn with_facts<R>(&self, f: impl FnOnce(Option<&Facts>) -> R) -> R {
        let core = self.core.borrow();
        f(core.connection.as_ref().and_then(Connection::facts))
    }

    pub fn protocol(&self) -> Option<&'static CStr> {
        self.core.borrow().connection.as_ref()?.protocol()
    }

    pub fn peer_certificate(&self) -> Option<Certificate> {
        self.core.borrow().connection.as_ref()?.peer_certificate()
    }

    /// The session for a later resumption, if there is one by now.
    pub fn session(&self) -> Option<Secret> {
        self.core.borrow().connection.as_ref()?.session()
    }

    fn open(&self) -> Result<()> {
        if self.core.borrow().closed {
            return Err(Error::state("the pair has ended"));
        }
        Ok(())
    }

    fn later(&self, call: Call) -> Result<()> {
        self.open()?;
        self.calls.borrow_mut().push_back(call);
        Ok(())
    }

    fn outermost(&self, call: impl FnOnce(&mut Core) -> Result<()>) -> Result<()> {
        self.open()?;
        call(&mut self.core.borrow_mut())?;
        self.begin();
        self.settle()
    }

    fn begin(&self) {
        self.busy.set(true);
        self.core.borrow_mut().borrow_out();
    }

    /// Carries out what callbacks asked for and tells all events, until nothing is left to do.
    /// Answers with the error that ended the connection during this call, if one did.
    fn settle(&self) -> Result<()> {
        let mut failed = None;
        loop {
            let wants_step = {
                let mut core = self.core.borrow_mut();
                core.take_answer();
                core.wants_step(self.push_data.get())
            };
            if wants_step {
                self.pump(&mut &[][..]);
            }
            if self.push_encrypted.get() {
                self.push_out();
            }
            let call = self.calls.borrow_mut().pop_front();
            if let Some(call) = call {
                self.carry_out(call);
                continue;
            }
            if self.core.borrow().is_quiet() || !self.tell_end(&mut failed) {
                break;
            }
        }
        let mut core = self.core.borrow_mut();
        if core.out.is_empty() {
            scratch::give_out(std::mem::take(&mut core.out));
        }
        drop(core);
        self.busy.set(false);
        failed.map_or(Ok(()), Err)
    }

    fn carry_out(&self, call: Call) {
        let mut core = self.core.borrow_mut();
        if core.closed {
            return;
        }
        let done = match call {
            Call::Start => core.start(),
            Call::Feed(bytes) => core.start().map(|()| core.keep_input(&bytes)),
            Call::FeedEof => core.start().map(|()| core.eof = true),
            Call::Write(bytes) => core.start().and_then(|()| core.write(&bytes)),
            Call::End => core.start().map(|()| {
                core.ending = true;
                core.close_when_written();
            }),
        };
        if let Err(error) = done {
            core.fail(error);
        }
    }

    /// Steps the connection through the input that waits and then through `fresh`, telling events
    /// as they come. `fresh` is looked at only when nothing older waits.
    fn pump(&self, fresh: &mut &[u8]) {
        let mut plain = Plain::borrow();
        loop {
            let push_data = self.push_data.get();
            if push_data {
                self.push_unread();
            }
            let (event, has_sessions) = {
                let mut core = self.core.borrow_mut();
                if !core.may_step(fresh, push_data) {
                    core.end_if_all_was_read(fresh);
                    return;
                }
                (core.step(fresh, plain.bytes()), core.has_sessions())
            };
            if has_sessions && !matches!(event, Event::Secure | Event::Failed(_)) {
                self.tell_sessions();
                if self.core.borrow().closed && matches!(event, Event::Data(_)) {
                    return;
                }
            }
            match event {
                Event::NeedInput => {}
                Event::Suspended => return,
                Event::Ask(question) => self.ask(&question),
                Event::NewSession(session) => {
                    // What made the session is told after it.
                    self.core.borrow_mut().kick = true;
                    self.tell(|events| events.new_session(&session));
                }
                Event::Renegotiated => {
                    self.core.borrow_mut().flush_early();
                    self.tell(|events| events.renegotiated());
                }
                Event::Secure => {
                    self.core.borrow_mut().flush_early();
                    self.tell(|events| events.secure());
                    self.tell_sessions();
                }
                Event::Data(count) => {
                    let bytes = &plain.bytes()[..count];
                    if self.push_data.get() {
                        self.tell(|events| events.data(bytes));
                    } else {
                        self.core.borrow_mut().plain.extend_from_slice(bytes);
                    }
                }
                Event::Closed => self.core.borrow_mut().input_end = InputEnd::Pending(true),
                Event::Failed(error) => self.core.borrow_mut().fail(error),
            }
        }
    }

    fn tell_sessions(&self) {
        loop {
            let session = {
                let mut core = self.core.borrow_mut();
                if core.closed {
                    return;
                }
                core.connection.as_mut().and_then(Connection::take_session)
            };
            let Some(session) = session else {
                return;
            };
            self.tell(|events| events.session(&session));
        }
    }

    /// Puts a question to the user, who answers now or later.
    fn ask(&self, question: &Question) {
        let ready = Arc::clone(&self.ready);
        let request = Request::new(question, move || ready());
        self.core.borrow_mut().request = Some(Arc::clone(&request));
        let events = self.events.borrow().clone();
        if !events.is_some_and(|events| events.ask(question, &request)) {
            let _ = request.answer(question.unasked());
        }
        self.core.borrow_mut().take_answer();
    }

    /// Bytes that were kept before a data callback was there.
    fn push_unread(&self) {
        if self.core.borrow().unread() == 0 {
            return;
        }
        let (plain, read) = {
            let mut core = self.core.borrow_mut();
            let read = std::mem::take(&mut core.read);
            (std::mem::take(&mut core.plain), read)
        };
        self.tell(|events| events.data(&plain[read..]));
    }

    fn push_out(&self) {
        let (out, taken) = {
            let mut core = self.core.borrow_mut();
            if core.out.len() == core.taken {
                return;
            }
            let taken = std::mem::take(&mut core.taken);
            (std::mem::take(&mut core.out), taken)
        };
        self.tell(|events| events.encrypted(&out[taken..]));
        let mut core = self.core.borrow_mut();
        if core.out.capacity() == 0 {
            core.out = out;
            core.out.clear();
        }
    }

    /// Drain, end, error and close, in this order, as they fall due. False when there was none.
    fn tell_end(&self, failed: &mut Option<Box<Error>>) -> bool {
        let mut core = self.core.borrow_mut();
        if core.needs_drain && core.queued() == 0 && !core.closed && core.error.is_none() {
            core.needs_drain = false;
            drop(core);
            self.tell(|events| events.drain());
            return true;
        }
        if let (InputEnd::Pending(clean), 0, false) = (core.input_end, core.unread(), core.closed) {
            core.input_end = InputEnd::Told;
            drop(core);
            self.tell(|events| events.end(clean));
            return true;
        }
        if let Some(error) = core.error.take() {
            core.had_error = true;
            core.closed = true;
            drop(core);
            self.tell(|events| events.error(&error));
            *failed = Some(error);
            return true;
        }
        core.close_if_over();
        let had_error = core.had_error;
        if !core.closed {
            return false;
        }
        drop(core);
        // Taking the events out makes close the last one, and told once.
        let events = self.events.borrow_mut().take();
        match events {
            Some(events) => {
                events.close(had_error);
                true
            }
            None => false,
        }
    }

    fn tell(&self, event: impl FnOnce(&dyn PairEvents)) {
        let events = self.events.borrow().clone();
        if let Some(events) = events {
            event(&*events);
        }
    }
}
