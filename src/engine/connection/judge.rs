//! Whether the peer is accepted, once the handshake is over.

use std::sync::atomic::Ordering;

use super::{Connection, Event, State};
use crate::engine::failure;
use crate::engine::settings::Role;
use crate::error::{Error, Result, Status};
use crate::sys::verify::{Identity, PeerCheck};
use crate::sys::{verify, verify_code};

impl Connection {
    pub(super) fn handshake_done(&mut self) -> Event {
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
    pub(super) fn check_alpn(&self) -> Result<()> {
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
    pub(super) fn judge(&mut self) -> Event {
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
    pub(super) fn judge_after_handshake(&self) -> Result<bool> {
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
    pub(super) fn judge_chain(&self, check: &PeerCheck) -> Result<()> {
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

    /// Why the peer is not authorized; `Some(None)`: it was not asked for a certificate.
    pub(super) fn refusal_name(&self) -> Option<Option<String>> {
        if self.role == Role::Server && !self.handshake.auth().request {
            return Some(None);
        }
        let judged = match verify::attached(self.tls.ssl()) {
            Some(check) => self.judge_chain(check),
            None => Err(failure::missing_certificate()),
        };
        Some(Some(judged.err()?.name.into_owned()))
    }
}
