//! TLS in TLS: a stream that carries another one. Its data, end and drain go to the stream above,
//! which reads and writes it as it would a socket; error and close are told to its user as well.
//!
//! The stream above is never served while the one below is: what comes for it is put down and
//! served in the loop's next turn. So no buffer of the loop has two users.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use super::event_loop::Loop;
use super::stream::{update, Stream};
use super::StreamEvents;
use crate::engine::{Question, Request};
use crate::error::{Error, Result};

/// Ciphertext that is put down for the stream above before the one below is paused.
const INBOX: usize = 64 * 1024;

/// The lower stream, as the upper one sees it.
pub struct Under {
    stream: Rc<Stream>,
    /// What came for the upper stream, from `taken` on.
    inbox: Vec<u8>,
    taken: usize,
    ended: bool,
}

impl Under {
    /// Looks whether `stream` can carry another.
    pub fn new(stream: &Rc<Stream>, event_loop: &Rc<Loop>) -> Result<Under> {
        if !Rc::ptr_eq(&stream.event_loop, event_loop) {
            return Err(Error::argument(
                "the stream belongs to another loop: both must be on the same",
            ));
        }
        let state = stream.state.get();
        if state.closed || state.ending || state.input_ended {
            return Err(Error::state(
                "a stream that is closed or was ended cannot carry another",
            ));
        }
        if stream.is_in_pipe() {
            return Err(Error::state(
                "a stream that is piped, or piped into, cannot carry another",
            ));
        }
        stream.check_carries_none()?;
        Ok(Under {
            stream: Rc::clone(stream),
            inbox: Vec::new(),
            taken: 0,
            ended: false,
        })
    }

    pub fn stream(&self) -> &Rc<Stream> {
        &self.stream
    }

    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let waiting = &self.inbox[self.taken..];
        if waiting.is_empty() {
            return if self.ended {
                Ok(0)
            } else {
                Err(io::ErrorKind::WouldBlock.into())
            };
        }
        let count = waiting.len().min(buffer.len());
        buffer[..count].copy_from_slice(&waiting[..count]);
        self.taken += count;
        if self.taken == self.inbox.len() {
            // An idle stream keeps nothing.
            self.inbox = Vec::new();
            self.taken = 0;
            if self.stream.flow.get().paused_by_above {
                update(&self.stream.flow, |flow| flow.paused_by_above = false);
                self.stream.serve_later();
            }
        }
        Ok(count)
    }

    /// Takes all of it, or nothing while the lower stream is full: then its drain event tells.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stream = &self.stream;
        let state = stream.state.get();
        if state.closed || state.ending {
            return Err(io::Error::from_raw_os_error(libc::EPIPE));
        }
        if stream.writable_length() >= stream.high_water_mark.get().max(1) {
            update(&stream.state, |state| state.needs_drain = true);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        stream.take_in(bytes);
        Ok(bytes.len())
    }

    pub fn end(&mut self) {
        self.stream.end();
    }

    pub fn close(self, sends_rest: bool) {
        if sends_rest {
            self.stream.wind_up();
        } else {
            self.stream.destroy();
        }
    }

    fn put_down(&mut self, bytes: &[u8]) {
        self.inbox.extend_from_slice(bytes);
        if self.inbox.len() - self.taken >= INBOX {
            update(&self.stream.flow, |flow| flow.paused_by_above = true);
        }
    }
}

/// Stands between the lower stream and those who were told its events before.
struct Tunnel {
    above: Rc<Stream>,
    users: Option<Rc<dyn StreamEvents>>,
}

impl Tunnel {
    fn tell_user(&self, event: impl FnOnce(&dyn StreamEvents)) {
        if let Some(users) = &self.users {
            event(&**users);
        }
    }

    fn with_under(&self, change: impl FnOnce(&mut Under)) {
        let mut io = self.above.io.borrow_mut();
        let Some(under) = io.transport.as_mut().and_then(|it| it.as_under()) else {
            return;
        };
        change(under);
        drop(io);
        self.above.serve_later();
    }
}

impl StreamEvents for Tunnel {
    fn secure_connect(&self) {
        self.tell_user(|users| users.secure_connect());
    }

    fn data(&self, bytes: &[u8]) -> usize {
        self.with_under(|under| under.put_down(bytes));
        bytes.len()
    }

    /// Whether nothing is missing, the upper stream's own close_notify says.
    fn end(&self, _clean: bool) {
        self.with_under(|under| under.ended = true);
    }

    fn drain(&self) {
        self.with_under(|_| ());
    }

    fn renegotiated(&self) {
        self.tell_user(|users| users.renegotiated());
    }

    fn session(&self, session: &[u8]) {
        self.tell_user(|users| users.session(session));
    }

    fn ask(&self, question: &Question, request: &Arc<Request>) -> bool {
        self.users
            .as_ref()
            .is_some_and(|users| users.ask(question, request))
    }

    fn timeout(&self) {
        self.tell_user(|users| users.timeout());
    }

    fn error(&self, error: &Error) {
        self.tell_user(|users| users.error(error));
        self.above.fail(Box::new(error.clone()));
    }

    fn close(&self, had_error: bool) {
        self.tell_user(|users| users.close(had_error));
        let mut complete = false;
        self.with_under(|under| complete = under.ended && !had_error);
        // What came before an orderly end is still to be read.
        if !complete {
            self.above.lost_transport();
        }
    }
}

impl Stream {
    /// From now on this stream carries `above`, and is for nobody else to read and write.
    pub(super) fn carry(self: &Rc<Self>, above: &Rc<Stream>) {
        self.replace_events(|users| {
            Rc::new(Tunnel {
                above: Rc::clone(above),
                users,
            })
        });
        update(&self.flow, |flow| {
            flow.carries = true;
            flow.has_data_callback = true;
            flow.paused = false;
            // When to end is for the upper stream to say.
            flow.allow_half_open = true;
        });
        self.serve_later();
    }

    /// A stream that carries another is read, written and ended by that one alone.
    pub fn check_carries_none(&self) -> Result<()> {
        if self.flow.get().carries {
            return Err(Error::state(
                "the stream carries another one, which alone may use it: use that one",
            ));
        }
        Ok(())
    }

    /// The stream above is done: sends what it wrote, ends, and waits for nothing else.
    fn wind_up(self: &Rc<Self>) {
        let state = self.state.get();
        if state.closed {
            return;
        }
        if !state.secure {
            return self.destroy();
        }
        update(&self.flow, |flow| flow.paused_by_above = false);
        update(&self.state, |state| state.winding_up = true);
        self.end();
        self.flush_later();
        self.serve_later();
    }
}
