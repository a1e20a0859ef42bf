//! Decisions that the user makes for a stream, at once or later, and renegotiation.

use std::rc::Rc;
use std::sync::Arc;

use super::remote::Work;
use super::stream::Stream;
use super::timers::Timer;
use crate::engine::{Question, Request};
use crate::error::{Error, Result};

impl Stream {
    /// Puts a question to the user: the server's to the server, the client's to the stream.
    pub(super) fn ask(self: &Rc<Self>, question: &Question) {
        let (remote, token) = (self.event_loop.remote(), self.token);
        let request = Request::new(question, move || {
            // A loop that is gone has no streams.
            let _ = remote.push(Work::Answered(token));
        });
        self.io.borrow_mut().request = Some(Arc::clone(&request));
        let asked = match &self.server {
            Some(server) => server.ask(self, question, &request),
            None => self
                .events()
                .is_some_and(|events| events.ask(question, &request)),
        };
        if !asked {
            let _ = request.answer(question.unasked());
        }
        if !self.answer_if_there() {
            self.arm_deadline(question);
        }
    }

    /// A store that takes too long costs a full handshake, and not the connection.
    fn arm_deadline(self: &Rc<Self>, question: &Question) {
        if let (Some(server), Question::Session(_)) = (&self.server, question) {
            let after = server.resume_session_timeout();
            let timer = Timer::Answer(Rc::clone(self));
            self.io.borrow_mut().answer_timer = self.event_loop.arm(after, timer);
        }
    }

    /// Nobody answered in time.
    pub(super) fn answer_is_late(self: &Rc<Self>) {
        let request = {
            let mut io = self.io.borrow_mut();
            io.answer_timer = None;
            io.request.clone()
        };
        if let Some(request) = request {
            request.expire();
        }
    }

    /// Goes on, in the next turn, if the question was answered.
    pub(super) fn take_answer(self: &Rc<Self>) {
        if self.answer_if_there() {
            self.serve_later();
        }
    }

    fn answer_if_there(&self) -> bool {
        let mut io = self.io.borrow_mut();
        let answer = io
            .request
            .as_ref()
            .and_then(|request| request.take_or_wait());
        let Some(answer) = answer else {
            return false;
        };
        io.request = None;
        self.event_loop.cancel(io.answer_timer.take());
        io.connection.answer(answer);
        true
    }

    /// Client: has the user decide about the server's certificate; for handshakes to come.
    pub fn set_ask_identity(&self, on: bool) -> Result<()> {
        if self.server.is_some() {
            return Err(Error::state(
                "a server's stream has no such callback: use tls_server_on_check_certificate",
            ));
        }
        self.io.borrow().connection.set_ask_identity(on);
        Ok(())
    }

    /// Begins a renegotiation; the event follows when it is over.
    pub fn renegotiate(self: &Rc<Self>) -> Result<()> {
        if self.state.get().closed {
            return Err(Error::state("the stream is closed"));
        }
        let serving = self.state.get().serving;
        let (begun, sent) = {
            let mut io = self.io.borrow_mut();
            let io = &mut *io;
            if serving {
                // What callbacks write goes there too, in its order.
                let mut out = self.event_loop.out.borrow_mut();
                (io.connection.renegotiate(&mut out), Ok(true))
            } else {
                let mut out = Vec::new();
                let begun = io.connection.renegotiate(&mut out);
                (begun, self.send(io, &mut out))
            }
        };
        if let Err(cause) = sent {
            self.transport_failed("write", &cause);
        }
        // What OpenSSL refuses in the middle of it ends the connection; what was refused before does not.
        let ended = self.state.get().secure && !self.io.borrow().connection.is_secure();
        if let (Err(error), true) = (&begun, ended) {
            self.fail(error.clone());
        }
        begun
    }

    /// From now on each attempt of the peer to renegotiate ends the stream.
    pub fn disable_renegotiation(&self) {
        self.io.borrow().connection.disable_renegotiation();
    }
}
