//! One TLS connection over memory. The caller owns all buffers: ciphertext in is a slice, ciphertext
//! out a vector, plaintext a buffer; the connection runs no callback of the user.

mod build;
mod judge;
mod renegotiate;
mod told;

use std::cell::OnceCell;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use super::client_session::ClientSessions;
use super::facts::Facts;
use super::failure::{self, FirstBytes};
use super::handshake::Handshake;
use super::request::{Answer, Question};
use super::resumption::NewSession;
use super::settings::Role;
use crate::context::Certificate;
use crate::error::{Error, Result, Status};
use crate::sys::error_queue;
use crate::sys::tls::{Outcome, Tls};
use crate::sys::verify::{self, PeerCheck};

/// Handshake messages that a peer may send in a row, with no data among them. A handshake has a
/// dozen, and after it come a few tickets and now and then a key update; more of them only cost time.
const MESSAGES_IN_A_ROW: u32 = 100;

/// What one [`Connection::step`] came to.
pub enum Event {
    /// All input is used up.
    NeedInput,
    /// The handshake is over and the peer accepted; comes once.
    Secure,
    /// So many plaintext bytes are in the caller's buffer.
    Data(usize),
    /// The peer's close_notify: an orderly end; comes once.
    Closed,
    /// Something is to be decided: [`Connection::answer`] takes the answer.
    Ask(Question),
    /// Waits for that answer; step again when it is there.
    Suspended,
    /// A session was made, which the user is to keep.
    NewSession(NewSession),
    /// A renegotiation has come to its end.
    Renegotiated,
    /// The connection is over. An alert for the peer may be in the output. Comes once.
    Failed(Box<Error>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Handshaking,
    /// The handshake is over, and the user is asked about the peer's certificate.
    Judging,
    Open,
    /// The peer has closed; writing still works.
    PeerClosed,
    Failed,
}

pub struct Connection {
    tls: Tls,
    state: State,
    role: Role,
    handshake: Arc<Handshake>,
    /// Of a client.
    sessions: Option<Box<ClientSessions>>,
    /// A question is with the user.
    waiting: bool,
    tells_sessions: bool,
    /// The certificate that it is about.
    asked_about: Option<Box<Certificate>>,
    close_sent: bool,
    first: FirstBytes,
    facts: OnceCell<Box<Facts>>,
    /// What was known before a renegotiation: somebody may still look at it.
    old_facts: Vec<Facts>,
}

impl Connection {
    /// Judges the peer as if it were that second since 1970.
    #[cfg(test)]
    pub fn verify_at(&mut self, time: i64) {
        self.tls.ssl_mut().param_mut().set_time(time);
    }

    pub fn role(&self) -> Role {
        self.role
    }

    /// Is the handshake over and the peer accepted?
    pub fn is_secure(&self) -> bool {
        matches!(self.state, State::Open | State::PeerClosed)
    }

    /// May plaintext be written now? After the handshake, and before our own close; not in the
    /// middle of a renegotiation.
    #[inline]
    pub fn is_writable(&self) -> bool {
        self.is_secure() && !self.close_sent && !self.handshake.renegotiation.is_under_way()
    }

    /// Has the user decide about the server's name; before the first [`Connection::step`].
    pub fn set_ask_server_name(&self, on: bool) {
        self.handshake.ask_server_name.store(on, Ordering::Relaxed);
    }

    /// Has the user decide about the peer's certificate, in place of the check of its name.
    pub fn set_ask_identity(&self, on: bool) {
        self.handshake.ask_identity.store(on, Ordering::Relaxed);
    }

    /// The answer to [`Event::Ask`]; then step again.
    pub fn answer(&mut self, answer: Answer) {
        if std::mem::take(&mut self.waiting) {
            self.asked_about = None;
            self.handshake.answer(answer);
        }
    }

    pub fn close_sent(&self) -> bool {
        self.close_sent
    }

    /// Goes on with the handshake, or decrypts up to one record: moves `input` past what was used,
    /// appends to `out` what is to be sent, and puts plaintext into `plain`, which must have room for
    /// a whole record ([`super::PLAIN_LENGTH`]). To be called until it answers `NeedInput`, `Closed`
    /// or `Failed`.
    pub fn step(&mut self, input: &mut &[u8], out: &mut Vec<u8>, plain: &mut [u8]) -> Event {
        if self.waiting {
            return Event::Suspended;
        }
        if self.tells_sessions {
            if let Some(session) = self.handshake.resumption.take_made() {
                return Event::NewSession(session);
            }
        }
        match self.state {
            State::Handshaking => {
                self.first.note(input);
                if let Some(sessions) = &mut self.sessions {
                    sessions.offer_cached(&mut self.tls);
                }
                error_queue::begin();
                match self.tls.handshake(input, out) {
                    Outcome::Done(_) => self.handshake_done(),
                    outcome => self.not_done(outcome),
                }
            }
            State::Judging => self.judge(),
            State::Open => {
                if let Some(event) = self.renegotiation_event() {
                    return event;
                }
                // Saves the call that would only answer "need input": a record's plaintext was taken
                // whole, since `plain` has room for it.
                if input.is_empty() && !self.handshake.renegotiation.is_under_way() {
                    return Event::NeedInput;
                }
                match self.tls.read(input, out, plain) {
                    Outcome::Done(count) => {
                        self.tls.allow_messages(MESSAGES_IN_A_ROW);
                        Event::Data(count)
                    }
                    outcome => self.not_done(outcome),
                }
            }
            // What follows a close_notify is ignored (RFC 8446, 6.1).
            State::PeerClosed | State::Failed => {
                *input = &[];
                Event::NeedInput
            }
        }
    }

    fn not_done(&mut self, outcome: Outcome) -> Event {
        match outcome {
            Outcome::NeedInput | Outcome::Done(_) => {
                self.renegotiation_event().unwrap_or(Event::NeedInput)
            }
            Outcome::Suspended => self.ask(),
            Outcome::Closed if self.is_established() => {
                self.state = State::PeerClosed;
                Event::Closed
            }
            Outcome::Closed => {
                error_queue::begin();
                self.failed(hang_up())
            }
            Outcome::Flooded => {
                error_queue::begin();
                self.failed(failure::flood(MESSAGES_IN_A_ROW))
            }
            Outcome::Failed => {
                let refused = verify::attached(self.tls.ssl())
                    .filter(|check| check.rejects() && !self.is_established())
                    .and_then(PeerCheck::failure);
                let entries = self.tls.take_errors();
                let error = match self.handshake.refusal() {
                    Some(mut error) => {
                        error.openssl = entries;
                        error
                    }
                    None => failure::of_connection(entries, &self.first, refused),
                };
                self.failed(error)
            }
        }
    }

    fn failed(&mut self, error: Box<Error>) -> Event {
        self.state = State::Failed;
        if let Some(sessions) = &mut self.sessions {
            sessions.failed();
        }
        Event::Failed(error)
    }

    /// Is no handshake under way, so that a failure is not about the peer's certificate?
    fn is_established(&self) -> bool {
        self.state != State::Handshaking && !self.handshake.renegotiation.is_under_way()
    }

    /// The question that made OpenSSL, or us, stop.
    fn ask(&mut self) -> Event {
        match self.handshake.take_question() {
            Some(question) => {
                self.waiting = true;
                self.asked_about = question.certificate().cloned().map(Box::new);
                Event::Ask(question)
            }
            None => Event::Suspended,
        }
    }

    /// Encrypts as much of `plain` as goes now, which is all of it but during a renegotiation, and
    /// says how much that was. Only while [`Connection::is_writable`].
    pub fn write(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<usize> {
        debug_assert!(self.is_writable());
        let mut done = 0;
        while done < plain.len() {
            match self.tls.write(out, &plain[done..]) {
                Outcome::Done(count) => done += count,
                Outcome::NeedInput | Outcome::Suspended => break,
                Outcome::Closed | Outcome::Flooded | Outcome::Failed => {
                    self.state = State::Failed;
                    return Err(failure::of_connection(
                        self.tls.take_errors(),
                        &self.first,
                        None,
                    ));
                }
            }
        }
        Ok(done)
    }

    /// Sends close_notify, once and only on a connection that got through its handshake; in the middle
    /// of a renegotiation it does nothing yet.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if self.is_writable() {
            self.close_sent = true;
            error_queue::begin();
            self.tls.shutdown(out);
        }
    }

    /// The transport has ended. `Ok(true)`: after a close_notify, so nothing is missing; `Ok(false)`:
    /// without one, so the peer's data may have been cut short (RFC 8446, 6.1); an error: in the
    /// middle of a handshake, after which nothing can be sent, not even that we end as well.
    pub fn end_of_input(&mut self) -> Result<bool> {
        match self.state {
            State::PeerClosed => Ok(true),
            State::Open if self.is_established() => {
                self.state = State::PeerClosed;
                Ok(false)
            }
            State::Open | State::Handshaking | State::Judging | State::Failed => {
                self.state = State::Failed;
                Err(hang_up())
            }
        }
    }

    /// Gives OpenSSL's record buffers back until the next record.
    pub fn free_buffers(&mut self) {
        self.tls.free_buffers();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.is_secure() {
            self.tls.keep_session();
        }
    }
}

/// The end of the transport in the middle of a handshake, as Node words it.
pub fn hang_up() -> Box<Error> {
    let mut error = Error::new(
        Status::Reset,
        "ECONNRESET",
        "socket hang up: the peer closed the connection before the handshake was over",
    );
    error.errno = libc::ECONNRESET;
    error
}
