//! One TLS connection over memory. The caller owns all buffers: ciphertext in is a slice, ciphertext
//! out a vector, plaintext a buffer; the connection runs no callback of the user.

use std::cell::OnceCell;

use openssl::ssl::{SslSession, SslVerifyMode};

use super::check_server_identity;
use super::facts::Facts;
use super::failure::{self, FirstBytes};
use super::settings::{check_host, sni, Role, Settings};
use crate::context::{Certificate, FrozenContext};
use crate::error::{Error, Result, Status};
use crate::sys::tls::{Outcome, Tls};
use crate::sys::verify::{self, IdentityCheck, PeerCheck};
use crate::sys::{error_queue, verify_code};

/// Handshake messages that a peer may send in a row, with no data among them. A handshake has a
/// dozen, and after it come a few tickets and now and then a key update; more of them only cost time.
const MESSAGES_IN_A_ROW: u32 = 100;

/// What one [`Connection::step`] came to.
#[derive(Debug)]
pub enum Event {
    /// All input is used up.
    NeedInput,
    /// The handshake is over and the peer accepted; comes once.
    Secure,
    /// So many plaintext bytes are in the caller's buffer.
    Data(usize),
    /// The peer's close_notify: an orderly end; comes once.
    Closed,
    /// Waits for a decision; step again when it is there.
    Suspended,
    /// The connection is over. An alert for the peer may be in the output. Comes once.
    Failed(Box<Error>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Handshaking,
    Open,
    /// The peer has closed; writing still works.
    PeerClosed,
    Failed,
}

pub struct Connection {
    tls: Tls,
    state: State,
    role: Role,
    requested_cert: bool,
    close_sent: bool,
    first: FirstBytes,
    facts: OnceCell<Box<Facts>>,
}

impl Connection {
    /// A connection that has not started: nothing is sent before the first [`Connection::step`].
    ///
    /// # Errors
    /// A client that verifies but has no name: `InvalidState`. A name that is none, a session that
    /// cannot be read: `InvalidArgument`, `Session`.
    pub fn new(context: &FrozenContext, settings: Settings) -> Result<Connection> {
        let is_server = settings.role == Role::Server;
        let name = settings.name_to_verify()?.map(str::to_owned);
        if is_server && !context.has_identity() {
            return Err(Error::state(
                "a server needs a certificate and a key: set both on the context",
            ));
        }
        let mut tls = Tls::new(context.ssl_context(), is_server)?;
        tls.allow_messages(MESSAGES_IN_A_ROW);
        if is_server {
            Connection::prepare_server(&mut tls, context, &settings)?;
        } else {
            Connection::prepare_client(&mut tls, context, &settings, name)?;
        }
        Ok(Connection {
            tls,
            state: State::Handshaking,
            role: settings.role,
            requested_cert: is_server && settings.request_cert,
            close_sent: false,
            first: FirstBytes::default(),
            facts: OnceCell::new(),
        })
    }

    fn prepare_server(tls: &mut Tls, context: &FrozenContext, settings: &Settings) -> Result<()> {
        if !settings.request_cert {
            tls.ssl_mut().set_verify(SslVerifyMode::NONE);
            return Ok(());
        }
        let mut mode = SslVerifyMode::PEER;
        if settings.reject_unauthorized {
            mode |= SslVerifyMode::FAIL_IF_NO_PEER_CERT;
        }
        tls.ssl_mut().set_verify(mode);
        trust_shared_roots(tls, context)?;
        verify::attach(
            tls.ssl_mut(),
            PeerCheck::new(settings.reject_unauthorized, None),
        )
    }

    fn prepare_client(
        tls: &mut Tls,
        context: &FrozenContext,
        settings: &Settings,
        name: Option<String>,
    ) -> Result<()> {
        tls.ssl_mut().set_verify(SslVerifyMode::PEER);
        trust_shared_roots(tls, context)?;
        let identity = match name {
            Some(name) => {
                check_host(&name)?;
                let check: IdentityCheck =
                    Box::new(move |certificate| check_server_identity(certificate, &name));
                Some(check)
            }
            None => None,
        };
        verify::attach(
            tls.ssl_mut(),
            PeerCheck::new(settings.reject_unauthorized, identity),
        )?;
        if let Some(servername) = &settings.servername {
            check_host(servername)?;
            if let Some(sni) = sni(servername) {
                tls.ssl_mut().set_hostname(sni).map_err(|stack| {
                    drop(stack);
                    Error::argument("OpenSSL refused the server name")
                })?;
            }
        }
        if let Some(id) = context.client_id_context() {
            tls.set_session_id_context(id);
        }
        if let Some(session) = &settings.session {
            // One that was made under another trust is not offered: a full handshake decides anew.
            if context.accepts_session(session) {
                tls.set_session(session)?;
            }
        }
        Ok(())
    }

    /// Goes over to another context, as far as OpenSSL does that by itself.
    #[cfg(test)]
    pub fn switch(&mut self, context: &FrozenContext) {
        let ssl = self.tls.ssl_mut();
        ssl.set_ssl_context(context.ssl_context()).unwrap();
        trust_shared_roots(&mut self.tls, context).unwrap();
    }

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

    /// May plaintext be written now? After the handshake, and before our own close.
    pub fn is_writable(&self) -> bool {
        self.is_secure() && !self.close_sent
    }

    pub fn close_sent(&self) -> bool {
        self.close_sent
    }

    /// Goes on with the handshake, or decrypts up to one record: moves `input` past what was used,
    /// appends to `out` what is to be sent, and puts plaintext into `plain`, which must have room for
    /// a whole record ([`super::PLAIN_LENGTH`]). To be called until it answers `NeedInput`, `Closed`
    /// or `Failed`.
    pub fn step(&mut self, input: &mut &[u8], out: &mut Vec<u8>, plain: &mut [u8]) -> Event {
        match self.state {
            State::Handshaking => {
                self.first.note(input);
                error_queue::begin();
                match self.tls.handshake(input, out) {
                    Outcome::Done(_) => self.handshake_done(),
                    outcome => self.not_done(outcome),
                }
            }
            State::Open => {
                // Saves the call that would only answer "need input": a record's plaintext was taken
                // whole, since `plain` has room for it.
                if input.is_empty() {
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
            Outcome::NeedInput | Outcome::Done(_) => Event::NeedInput,
            Outcome::Suspended => Event::Suspended,
            Outcome::Closed if self.state == State::Open => {
                self.state = State::PeerClosed;
                Event::Closed
            }
            Outcome::Closed => {
                self.state = State::Failed;
                error_queue::begin();
                Event::Failed(hang_up())
            }
            Outcome::Flooded => {
                self.state = State::Failed;
                error_queue::begin();
                Event::Failed(failure::flood(MESSAGES_IN_A_ROW))
            }
            Outcome::Failed => {
                let refused = verify::attached(self.tls.ssl())
                    .filter(|check| check.rejects() && self.state == State::Handshaking)
                    .and_then(PeerCheck::failure);
                self.state = State::Failed;
                Event::Failed(failure::of_connection(
                    self.tls.take_errors(),
                    &self.first,
                    refused,
                ))
            }
        }
    }

    fn handshake_done(&mut self) -> Event {
        let refused = match verify::attached(self.tls.ssl()) {
            Some(check) if check.rejects() => self.judge_peer().err(),
            _ => None,
        };
        if let Some(error) = refused {
            self.state = State::Failed;
            return Event::Failed(error);
        }
        self.state = State::Open;
        Event::Secure
    }

    /// The judgement after the handshake. A full handshake was judged inside already; a resumed one
    /// skipped that, so what the session remembers is looked at again: its verify result, that there
    /// is a certificate at all, and the name.
    fn judge_peer(&self) -> Result<()> {
        let Some(check) = verify::attached(self.tls.ssl()) else {
            return Err(failure::missing_certificate());
        };
        if let Some(error) = check.failure() {
            return Err(error);
        }
        let ssl = self.tls.ssl();
        let Some(certificate) = ssl.peer_certificate() else {
            return Err(failure::missing_certificate());
        };
        let result = ssl.verify_result().as_raw();
        if result != verify_code::OK {
            return Err(verify::chain_error(crate::error::VerifyFailure {
                result,
                depth: 0,
                subject: String::new(),
            }));
        }
        if ssl.session_reused() {
            check.check_identity(&certificate)?;
        }
        Ok(())
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

    /// Sends close_notify, once and only on a connection that got through its handshake.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if self.is_secure() && !self.close_sent {
            self.close_sent = true;
            error_queue::begin();
            self.tls.shutdown(out);
        }
    }

    /// The transport has ended. `Ok(true)`: after a close_notify, so nothing is missing; `Ok(false)`:
    /// without one, so the peer's data may have been cut short (RFC 8446, 6.1); an error: in the
    /// middle of the handshake.
    pub fn end_of_input(&mut self) -> Result<bool> {
        match self.state {
            State::PeerClosed => Ok(true),
            State::Open => {
                self.state = State::PeerClosed;
                Ok(false)
            }
            State::Handshaking | State::Failed => {
                self.state = State::Failed;
                Err(hang_up())
            }
        }
    }

    /// Gives OpenSSL's record buffers back until the next record.
    pub fn free_buffers(&mut self) {
        self.tls.free_buffers();
    }

    /// What is known about the connection; nothing before the handshake is over.
    pub fn facts(&self) -> Option<&Facts> {
        if !self.is_secure() && self.facts.get().is_none() {
            return None;
        }
        Some(self.facts.get_or_init(|| {
            error_queue::begin();
            let refusal = self.authorization().err();
            let reason = refusal
                .as_ref()
                .map(|error| error.as_ref().map(|e| e.name.as_ref()));
            Box::new(Facts::gather(self.tls.ssl(), reason.map_or(Ok(()), Err)))
        }))
    }

    /// Was the peer's certificate asked for and accepted? `Err(None)`: not asked for.
    fn authorization(&self) -> std::result::Result<(), Option<Box<Error>>> {
        if self.role == Role::Server && !self.requested_cert {
            return Err(None);
        }
        self.judge_peer().map_err(Some)
    }

    /// The certificate that the peer gave; `None` if it gave none or the handshake is not over. After
    /// a resumption, what the peer once sent beside it is not known any more.
    pub fn peer_certificate(&self) -> Option<Certificate> {
        if !self.is_secure() {
            return None;
        }
        error_queue::begin();
        let ssl = self.tls.ssl();
        let leaf = ssl.peer_certificate()?;
        let sent = ssl.peer_cert_chain();
        Some(Certificate::from_peer(leaf, sent, self.tls.verify_store()))
    }

    /// The session in serialised form, for a later resumption; `None` while there is none that could
    /// be resumed (on TLS 1.3 it comes with the tickets, after the handshake).
    pub fn session(&self) -> Option<Vec<u8>> {
        if !self.is_secure() {
            return None;
        }
        error_queue::begin();
        let session = self.tls.ssl().session()?;
        if !crate::sys::session::is_resumable(session) {
            return None;
        }
        session.to_der().ok()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.is_secure() {
            self.tls.keep_session();
        }
    }
}

fn trust_shared_roots(tls: &mut Tls, context: &FrozenContext) -> Result<()> {
    if let Some(roots) = context.shared_roots()? {
        tls.set_verify_store(roots);
    }
    Ok(())
}

/// Reads a session that [`Connection::session`] wrote.
pub(super) fn parse_session(bytes: &[u8]) -> Result<SslSession> {
    error_queue::begin();
    SslSession::from_der(bytes).map_err(|stack| {
        drop(stack);
        Error::new(
            Status::Session,
            "ERR_TLS_INVALID_SESSION",
            "these bytes are not a serialised session",
        )
    })
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
