//! How a connection comes to be.

use std::cell::OnceCell;
use std::sync::Arc;

use openssl::ssl::{SslOptions, SslVerifyMode};

use super::{Connection, State, MESSAGES_IN_A_ROW};
use crate::context::{FrozenContext, Part};
use crate::engine::client_session::ClientSessions;
use crate::engine::failure::FirstBytes;
use crate::engine::handshake::Handshake;
use crate::engine::settings::{check_host, sni, Role, Settings};
use crate::error::{Error, Result};
use crate::sys::tls::Tls;
use crate::sys::verify::PeerCheck;
use crate::sys::{hooks, tls, verify};

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

    pub(super) fn prepare_client(
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
}
