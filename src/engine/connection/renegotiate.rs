//! Renegotiation, begun by either side.

use std::cell::OnceCell;

use openssl::ssl::SslVersion;

use super::{Connection, Event, State, MESSAGES_IN_A_ROW};
use crate::engine::facts::Facts;
use crate::engine::failure;
use crate::engine::failure::FirstBytes;
use crate::engine::renegotiation::Limit;
use crate::engine::settings::Role;
use crate::error::{Error, Result, Status};
use crate::sys::tls::{Outcome, Tls};
use crate::sys::{error_queue, tls};

impl Connection {
    /// How often the peer may renegotiate.
    pub fn set_renegotiation_limit(&self, limit: Limit) {
        self.handshake.renegotiation.set_limit(limit);
    }

    /// From now on each attempt of the peer to renegotiate ends the connection.
    pub fn disable_renegotiation(&self) {
        self.handshake.renegotiation.disable();
    }

    /// What a renegotiation came to, or that the peer may not have it: a server has stopped it by
    /// then, a client has answered with its hello.
    #[inline]
    pub(super) fn renegotiation_event(&mut self) -> Option<Event> {
        let renegotiation = &self.handshake.renegotiation;
        if renegotiation.is_under_way() {
            let error = renegotiation.refusal()?;
            return Some(self.failed(error));
        }
        renegotiation.take_finished().then(|| self.renegotiated())
    }

    #[cold]
    pub(super) fn renegotiated(&mut self) -> Event {
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
}
