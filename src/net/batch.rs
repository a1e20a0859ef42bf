//! Writes to many streams in one go. Outside of a turn they are sent at once, not in the next turn;
//! what comes of it (drain, errors) is told there all the same.

use std::rc::Rc;

use super::event_loop::Loop;
use super::stream::{update, Stream};
use crate::engine::Written;
use crate::error::{Error, Result};

/// What is written through it is sent when the next stream is written to, or it is dropped.
pub struct Batch {
    event_loop: Rc<Loop>,
    /// The stream that was written to last.
    current: Option<Rc<Stream>>,
    /// Inside a callback; the turn sends.
    in_turn: bool,
}

impl Batch {
    pub fn new(event_loop: &Rc<Loop>) -> Batch {
        Batch {
            event_loop: Rc::clone(event_loop),
            current: None,
            in_turn: !event_loop.enter(),
        }
    }

    /// As [`Stream::write`].
    pub fn write(&mut self, stream: &Rc<Stream>, data: &[u8]) -> Result<Written> {
        if !Rc::ptr_eq(&stream.event_loop, &self.event_loop) {
            return Err(Error::argument("the stream belongs to another loop"));
        }
        let goes_on = |current: &Rc<Stream>| Rc::ptr_eq(current, stream);
        if !self.in_turn && !self.current.as_ref().is_some_and(goes_on) {
            self.send();
            if stream.begin_batch() {
                self.current = Some(Rc::clone(stream));
            }
        }
        stream.write(data)
    }

    fn send(&mut self) {
        if let Some(stream) = self.current.take() {
            stream.end_batch();
        }
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.send();
        if !self.in_turn {
            self.event_loop.leave();
        }
    }
}

impl Stream {
    /// What is written gathers, as it does while callbacks run. False: it cannot be sent yet.
    fn begin_batch(&self) -> bool {
        let state = self.state.get();
        let can_send = !state.closed && !state.ending && self.io.borrow().transport.is_some();
        update(&self.state, |state| state.serving = can_send);
        can_send
    }

    fn end_batch(self: &Rc<Self>) {
        let sent = self.flush_io();
        update(&self.state, |state| state.serving = false);
        let tells = {
            let mut io = self.io.borrow_mut();
            match sent {
                Ok(Ok(())) => self.state.get().needs_drain && io.is_flushed(),
                Ok(Err(cause)) => {
                    io.broken = Some(cause);
                    true
                }
                Err(error) => {
                    io.failure = Some(error);
                    true
                }
            }
        };
        if tells {
            self.flush_later();
        }
    }
}
