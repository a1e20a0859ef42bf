//! What is known about a connection.

use std::ffi::CStr;

use openssl::x509::X509;

use super::{Connection, State};
use crate::context::Certificate;
use crate::engine::facts::Facts;
use crate::engine::settings::Role;
use crate::engine::{facts, saved_session};
use crate::sys::error_queue;
use crate::sys::memory::Secret;

impl Connection {
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
    pub(super) fn certificate_of(&self, leaf: X509) -> Certificate {
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

    /// Is there something to take by [`Connection::take_session`]?
    #[inline]
    pub fn has_sessions(&self) -> bool {
        self.handshake.tickets.any()
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
