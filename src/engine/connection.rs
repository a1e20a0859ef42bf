//! One TLS connection over memory. The caller owns all buffers: ciphertext in is a slice, ciphertext
//! out a vector, plaintext a buffer; the connection runs no callback of the user.

use std::cell::OnceCell;
use std::ffi::CStr;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use openssl::ssl::{SslOptions, SslVerifyMode, SslVersion};
use openssl::x509::X509;

use super::client_session::ClientSessions;
use super::facts::{self, Facts};
use super::failure::{self, FirstBytes};
use super::handshake::Handshake;
use super::renegotiation::Limit;
use super::request::{Answer, Question};
use super::resumption::NewSession;
use super::saved_session;
use super::settings::{check_host, sni, Role, Settings};
use crate::context::{Certificate, FrozenContext, Part};
use crate::error::{Error, Result, Status};
use crate::sys::memory::Secret;
use crate::sys::tls::{self, Outcome, Tls};
use crate::sys::verify::{self, Identity, PeerCheck};
use crate::sys::{error_queue, hooks, verify_code};

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
    /// A connection that has not started: nothing is sent before the first [`Connection::step`].
    ///
    /// # Errors
    /// A client that verifies but has no name: `InvalidState`. A name that is none, a session that
    /// cannot be read: `InvalidArgument`, `Session`.
    pub fn new(context: &Arc<FrozenContext>, mut settings: Settings) -> Result<Connection> {
        let is_server = settings.role == Role::Server;
        let name = settings.name_to_verify()?.map(str::to_owned);
        if is_server && !context.has_identity() {
            return Err(Error::state(
                "a server needs a certificate and a key: set both on the context",
            ));
        }
        name.as_deref().map_or(Ok(()), check_host)?;
        let handshake = Handshake::new(context, &settings, name);
        let part = match settings.role {
            Role::Server if settings.keeping.is_outside() => Part::StoringServer,
            Role::Server => Part::Server,
            Role::Client if handshake.npn_list().is_some() => Part::NpnClient,
            Role::Client => Part::Client,
        };
        let mut tls = Tls::new(context.ssl_context(part)?, is_server)?;
        tls.allow_messages(MESSAGES_IN_A_ROW);
        hooks::attach(tls.ssl_mut(), Arc::clone(&handshake) as _)?;
        let sessions = if is_server {
            if !settings.keeping.gives_tickets() {
                tls::add_options(tls.ssl_mut(), SslOptions::NO_TICKET);
            }
            handshake.prepare_server(tls.ssl_mut())?;
            None
        } else {
            Connection::prepare_client(&mut tls, context, &settings, &handshake)?;
            let place = settings.place.take();
            let session = settings.session.take();
            let mut sessions = ClientSessions::new(context, &settings, handshake.name(), place);
            sessions.prepare(&mut tls, session)?;
            handshake.tickets.set_wanted(sessions.wanted());
            Some(Box::new(sessions))
        };
        Ok(Connection {
            tls,
            state: State::Handshaking,
            role: settings.role,
            handshake,
            sessions,
            waiting: false,
            tells_sessions: settings.keeping.tell_new,
            asked_about: None,
            close_sent: false,
            first: FirstBytes::default(),
            facts: OnceCell::new(),
            old_facts: Vec::new(),
        })
    }

    fn prepare_client(
        tls: &mut Tls,
        context: &FrozenContext,
        settings: &Settings,
        handshake: &Arc<Handshake>,
    ) -> Result<()> {
        tls.ssl_mut().set_verify(SslVerifyMode::PEER);
        if let Some(roots) = context.shared_roots()? {
            tls::share_verify_store(tls.ssl_mut(), roots);
        }
        let judge = Arc::clone(handshake);
        verify::attach(
            tls.ssl_mut(),
            PeerCheck::new(
                settings.reject_unauthorized,
                Some(Box::new(move |leaf, sent| judge.judge_identity(leaf, sent))),
            ),
        )?;
        if let Some(list) = handshake.alpn_list() {
            tls.ssl_mut()
                .set_alpn_protos(list.wire())
                .map_err(|stack| {
                    drop(stack);
                    Error::argument("OpenSSL refused the ALPN protocols")
                })?;
        }
        if let Some(servername) = &settings.servername {
            check_host(servername)?;
            if let Some(sni) = sni(servername) {
                tls.ssl_mut().set_hostname(sni).map_err(|stack| {
                    drop(stack);
                    Error::argument("OpenSSL refused the server name")
                })?;
            }
        }
        Ok(())
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

    /// How often the peer may renegotiate.
    pub fn set_renegotiation_limit(&self, limit: Limit) {
        self.handshake.renegotiation.set_limit(limit);
    }

    /// From now on each attempt of the peer to renegotiate ends the connection.
    pub fn disable_renegotiation(&self) {
        self.handshake.renegotiation.disable();
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

    /// What a renegotiation came to, or that the peer may not have it: a server has stopped it by
    /// then, a client has answered with its hello.
    #[inline]
    fn renegotiation_event(&mut self) -> Option<Event> {
        let renegotiation = &self.handshake.renegotiation;
        if renegotiation.is_under_way() {
            let error = renegotiation.refusal()?;
            return Some(self.failed(error));
        }
        renegotiation.take_finished().then(|| self.renegotiated())
    }

    #[cold]
    fn renegotiated(&mut self) -> Event {
        // It has a limit of its own.
        self.tls.allow_messages(MESSAGES_IN_A_ROW);
        if let Some(old) = self.facts.take() {
            let reason = self.refusal_name();
            let new = Facts::gather(
                self.tls.ssl(),
                &self.handshake,
                reason.as_ref().map_or(Ok(()), |name| Err(name.as_deref())),
            );
            // The texts stay where they are: only what holds them moves.
            let new = match self.old_facts.iter().position(|facts| *facts == new) {
                _ if *old == new => old,
                Some(index) => Box::new(std::mem::replace(&mut self.old_facts[index], *old)),
                None => {
                    self.old_facts.push(*old);
                    Box::new(new)
                }
            };
            self.facts = OnceCell::from(new);
        }
        Event::Renegotiated
    }

    fn handshake_done(&mut self) -> Event {
        if let Err(error) = self.check_alpn() {
            return self.failed(error);
        }
        if self.role == Role::Server {
            self.handshake
                .resumption
                .finish(self.tls.ssl().session_reused());
        }
        self.state = State::Judging;
        match self.handshake.resumption.take_made() {
            Some(session) => Event::NewSession(session),
            None => self.judge(),
        }
    }

    /// A server may choose only what was offered (RFC 7301, 3.2); OpenSSL does not look.
    fn check_alpn(&self) -> Result<()> {
        let chosen = self.tls.ssl().selected_alpn_protocol();
        let (Role::Client, Some(chosen)) = (self.role, chosen) else {
            return Ok(());
        };
        let offered = self.handshake.alpn_list();
        if offered.is_some_and(|list| list.contains(chosen)) {
            return Ok(());
        }
        Err(Error::new(
            Status::Tls,
            "ERR_SSL_BAD_EXTENSION",
            "the server chose an ALPN protocol that was not offered",
        ))
    }

    /// What the handshake itself did not ask: a resumed session skips the check of the certificate,
    /// and a server cannot wait inside.
    fn judge(&mut self) -> Event {
        match self.judge_after_handshake() {
            Ok(false) => self.ask(),
            Ok(true) => {
                self.state = State::Open;
                self.handshake.renegotiation.set_established();
                if let Some(sessions) = &mut self.sessions {
                    if let Some(session) = sessions.agreed(self.tls.ssl()) {
                        self.handshake.tickets.put(|| session);
                    }
                }
                Event::Secure
            }
            Err(error) => self.failed(error),
        }
    }

    /// `Ok(false)`: the user is to be asked.
    fn judge_after_handshake(&self) -> Result<bool> {
        if self.role == Role::Server && !self.handshake.auth().request {
            return Ok(true);
        }
        let Some(check) = verify::attached(self.tls.ssl()) else {
            return Err(failure::missing_certificate());
        };
        let ssl = self.tls.ssl();
        let ask = self.handshake.ask_identity.load(Ordering::Relaxed);
        let mut judged = self.judge_chain(check);
        if judged.is_ok() && self.role == Role::Server && ssl.session_reused() {
            judged = self.handshake.judge_resumed_client(ssl);
        }
        if judged.is_ok() && (ssl.session_reused() || (ask && self.role == Role::Server)) {
            if let Some(leaf) = ssl.peer_certificate() {
                let identity = match self.role {
                    Role::Client => check.check_identity(&leaf, None),
                    Role::Server if ask => self
                        .handshake
                        .judge_client(|| self.certificate_of(leaf.clone())),
                    Role::Server => Identity::Accepted,
                };
                match identity {
                    Identity::Accepted => {}
                    Identity::Wait => return Ok(false),
                    Identity::Refused(error) => judged = Err(error),
                }
            }
        }
        match judged {
            Err(error) if check.rejects() => Err(error),
            Err(error) => {
                check.remember(Some(error));
                Ok(true)
            }
            Ok(()) => Ok(true),
        }
    }

    /// What came of the check of the peer's chain. A full handshake was judged inside; of a resumed
    /// one what the session remembers is looked at again: its verify result, and that there is a
    /// certificate at all.
    fn judge_chain(&self, check: &PeerCheck) -> Result<()> {
        if let Some(error) = check.failure() {
            return Err(error);
        }
        let ssl = self.tls.ssl();
        if ssl.peer_certificate().is_none() {
            return Err(failure::missing_certificate());
        }
        let result = ssl.verify_result().as_raw();
        // Ours, for a chain that was good: whether the name is, is judged anew.
        let other_name = self.role == Role::Client && result == verify_code::HOSTNAME_MISMATCH;
        if result != verify_code::OK && !other_name {
            return Err(verify::chain_error(crate::error::VerifyFailure {
                result,
                depth: 0,
                subject: String::new(),
            }));
        }
        Ok(())
    }

    /// Begins a renegotiation: a client with its hello, a server by asking the client for it.
    ///
    /// # Errors
    /// `InvalidState`: not secure yet or no longer, or one is under way. `NotSupported`: TLS 1.3 has
    /// none, or the peer does it only unsafely (RFC 5746).
    pub fn renegotiate(&mut self, out: &mut Vec<u8>) -> Result<()> {
        if self.state != State::Open || self.close_sent {
            return Err(Error::state(
                "only an open, secure connection can be renegotiated",
            ));
        }
        if self.handshake.renegotiation.is_under_way() {
            return Err(Error::state("a renegotiation is under way already"));
        }
        if self.tls.ssl().version2() == Some(SslVersion::TLS1_3) {
            return Err(Error::new(
                Status::NotSupported,
                "ERR_SSL_WRONG_SSL_VERSION",
                "TLS 1.3 has no renegotiation: allow TLS 1.2 only, or do without",
            ));
        }
        if !tls::renegotiates_safely(self.tls.ssl()) {
            return Err(Error::new(
                Status::NotSupported,
                "ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
                "the peer does not renegotiate safely (RFC 5746)",
            ));
        }
        let failed = |tls: &mut Tls, first: &FirstBytes| {
            failure::of_connection(tls.take_errors(), first, None)
        };
        if !self.tls.renegotiate() {
            return Err(error_queue::take_error(
                Status::Tls,
                "OpenSSL refused to renegotiate",
            ));
        }
        // On a server this only asks: the handshake comes with the client's hello.
        self.handshake
            .renegotiation
            .begin(self.role == Role::Server);
        let outcome = self.tls.handshake(&mut &[][..], out);
        self.handshake.renegotiation.begun();
        match outcome {
            Outcome::Done(_) | Outcome::NeedInput | Outcome::Suspended => Ok(()),
            Outcome::Closed | Outcome::Flooded | Outcome::Failed => {
                let error = failed(&mut self.tls, &self.first);
                self.state = State::Failed;
                Err(error)
            }
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

    /// What is known about the connection; nothing before the handshake is over.
    pub fn facts(&self) -> Option<&Facts> {
        if !self.is_secure() && self.facts.get().is_none() {
            return None;
        }
        Some(self.facts.get_or_init(|| {
            error_queue::begin();
            let reason = self.refusal_name();
            let reason = reason.as_ref().map_or(Ok(()), |name| Err(name.as_deref()));
            Box::new(Facts::gather(self.tls.ssl(), &self.handshake, reason))
        }))
    }

    /// The version, also while the peer is judged: who is told of a new session must know whether it
    /// is for one use.
    pub fn protocol(&self) -> Option<&'static CStr> {
        let is_known = matches!(self.state, State::Judging) || self.facts().is_some();
        is_known.then(|| facts::protocol(self.tls.ssl()))?
    }

    /// Why the peer is not authorized; `Some(None)`: it was not asked for a certificate.
    fn refusal_name(&self) -> Option<Option<String>> {
        if self.role == Role::Server && !self.handshake.auth().request {
            return Some(None);
        }
        let judged = match verify::attached(self.tls.ssl()) {
            Some(check) => self.judge_chain(check),
            None => Err(failure::missing_certificate()),
        };
        Some(Some(judged.err()?.name.into_owned()))
    }

    /// The certificate that the peer gave; `None` if it gave none, or before it was looked at. After
    /// a resumption, what the peer once sent beside it is not known any more.
    pub fn peer_certificate(&self) -> Option<Certificate> {
        // OpenSSL knows it only when it is accepted.
        if let Some(certificate) = &self.asked_about {
            return Some(Certificate::clone(certificate));
        }
        if !self.is_secure() {
            return None;
        }
        error_queue::begin();
        Some(self.certificate_of(self.tls.ssl().peer_certificate()?))
    }

    /// With what the peer sent beside it.
    fn certificate_of(&self, leaf: X509) -> Certificate {
        let sent = self.tls.ssl().peer_cert_chain();
        Certificate::from_peer(leaf, sent, self.tls.verify_store())
    }

    /// A client's session in serialised form, for a later resumption; `None` while there is none that
    /// could be resumed (on TLS 1.3 it comes with the tickets, after the handshake).
    pub fn session(&self) -> Option<Secret> {
        if self.role == Role::Server || !self.is_secure() {
            return None;
        }
        error_queue::begin();
        let session = self.tls.ssl().session()?;
        if !crate::sys::session::is_resumable(session) {
            return None;
        }
        saved_session::write(session)
    }

    /// Client: will somebody be told of new sessions? Otherwise they need not be written.
    pub fn set_told_of_sessions(&mut self, on: bool) {
        if let Some(sessions) = &mut self.sessions {
            sessions.told = on;
            self.handshake.tickets.set_wanted(sessions.wanted());
        }
    }

    /// A session that has come since, in serialised form: to be asked for after each step that has not
    /// failed, before what it brought is told, until there is none. `None` before the peer is accepted.
    #[inline]
    pub fn take_session(&mut self) -> Option<Secret> {
        if !self.is_secure() {
            return None;
        }
        let session = self.handshake.tickets.take()?;
        let saved = saved_session::write(&session)?;
        if let Some(sessions) = &self.sessions {
            sessions.keep(&session, &saved);
        }
        Some(saved)
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
