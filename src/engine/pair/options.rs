//! What a pair is told before it starts, and what may change later.

use std::cell::RefMut;
use std::sync::Arc;

use super::{Core, SecurePair};
use crate::context::{FrozenContext, ProtocolList};
use crate::engine::settings::{check_host, Role, VerifyName};
use crate::engine::{read_session, Keeping, Limit};
use crate::error::{Error, Result, Status};

impl SecurePair {
    /// Application protocols to offer or to accept, for ALPN; before the pair starts.
    pub fn set_alpn_protocols(&self, list: Option<ProtocolList>) -> Result<()> {
        self.unstarted("ALPN protocols")?.settings.alpn = list.map(Arc::new);
        Ok(())
    }

    /// The same for NPN.
    pub fn set_npn_protocols(&self, list: Option<ProtocolList>) -> Result<()> {
        self.unstarted("NPN protocols")?.settings.npn = list.map(Arc::new);
        Ok(())
    }

    /// Server: another context for clients that ask for this name; before the pair starts.
    pub fn add_context(
        &self,
        pattern: &str,
        context: impl FnOnce() -> Result<Arc<FrozenContext>>,
    ) -> Result<()> {
        let mut core = self.unstarted_server("contexts by name")?;
        let context = context()?;
        let names = core.settings.names.get_or_insert_with(Arc::default);
        Arc::make_mut(names).add(pattern, context)
    }

    pub fn remove_context(&self, pattern: &str) -> Result<()> {
        let mut core = self.unstarted_server("contexts by name")?;
        let names = core.settings.names.get_or_insert_with(Arc::default);
        Arc::make_mut(names).remove(pattern)
    }

    /// Server: has [`PairEvents::ask`] choose the context for the name that the client asks for.
    pub fn set_ask_server_name(&self, on: bool) {
        let mut core = self.core.borrow_mut();
        core.settings.ask_server_name = on;
        if let Some(connection) = &core.connection {
            connection.set_ask_server_name(on);
        }
    }

    /// Has [`PairEvents::ask`] decide about the peer's certificate.
    pub fn set_ask_identity(&self, on: bool) {
        let mut core = self.core.borrow_mut();
        core.settings.ask_identity = on;
        if let Some(connection) = &core.connection {
            connection.set_ask_identity(on);
        }
    }

    /// Server: how sessions are kept; before the pair starts.
    pub fn change_keeping(&self, change: impl FnOnce(&mut Keeping)) -> Result<()> {
        change(
            &mut self
                .unstarted_server("way to keep sessions")?
                .settings
                .keeping,
        );
        Ok(())
    }

    pub fn is_server(&self) -> bool {
        self.core.borrow().settings.role == Role::Server
    }

    /// How often the peer may renegotiate; at any time.
    pub fn set_renegotiation_limit(&self, limit: Limit) {
        let mut core = self.core.borrow_mut();
        core.settings.renegotiation = limit;
        if let Some(connection) = &core.connection {
            connection.set_renegotiation_limit(limit);
        }
    }

    /// From now on each attempt of the peer to renegotiate ends the pair.
    ///
    /// # Errors
    /// `InvalidState`: it has not started.
    pub fn disable_renegotiation(&self) -> Result<()> {
        match &self.core.borrow().connection {
            Some(connection) => {
                connection.disable_renegotiation();
                Ok(())
            }
            None => Err(Error::state("the pair has not started")),
        }
    }

    /// Begins a renegotiation, then calls `begun`; [`PairEvents::renegotiated`] follows. Not inside a
    /// callback of the pair, where nothing can be begun that may fail.
    pub fn renegotiate(&self, begun: impl FnOnce()) -> Result<()> {
        if self.busy.get() {
            return Err(Error::new(
                Status::Busy,
                "ERR_PAIR_BUSY",
                "a pair cannot be renegotiated inside a callback of its own",
            ));
        }
        self.outermost(|core| match &mut core.connection {
            Some(connection) => connection.renegotiate(&mut core.out).map(|()| begun()),
            None => Err(Error::state("the pair has not started")),
        })
    }

    /// Client: the name to ask for and, unless a verify name is set, to verify.
    pub fn set_servername(&self, name: &str) -> Result<()> {
        check_host(name)?;
        let mut core = self.unstarted_client("server name")?;
        core.settings.servername = Some(name.to_owned());
        Ok(())
    }

    /// Client: the name to verify; `None` checks the chain only.
    pub fn set_verify_name(&self, name: Option<&str>) -> Result<()> {
        let verify_name = match name {
            Some(name) => {
                check_host(name)?;
                VerifyName::Name(name.to_owned())
            }
            None => VerifyName::ChainOnly,
        };
        self.unstarted_client("verify name")?.settings.verify_name = verify_name;
        Ok(())
    }

    /// Client: a session from [`SecurePair::session`] to resume; empty: none.
    pub fn set_session(&self, session: &[u8]) -> Result<()> {
        let session = match session {
            [] => None,
            bytes => Some(read_session(bytes)?),
        };
        self.unstarted_client("session")?.settings.session = session;
        Ok(())
    }

    /// Client: has [`PairEvents::session`] told of new sessions.
    pub fn set_told_of_sessions(&self, on: bool) {
        let mut core = self.core.borrow_mut();
        core.told_of_sessions = on;
        if let Some(connection) = &mut core.connection {
            connection.set_told_of_sessions(on);
        }
    }

    pub(super) fn unstarted_client(&self, what: &str) -> Result<RefMut<'_, Core>> {
        if self.is_server() {
            return Err(Error::state(format!("a server has no {what} to set")));
        }
        self.unstarted(what)
    }

    pub(super) fn unstarted_server(&self, what: &str) -> Result<RefMut<'_, Core>> {
        if !self.is_server() {
            return Err(Error::state(format!("a client has no {what} to set")));
        }
        self.unstarted(what)
    }

    pub(super) fn unstarted(&self, what: &str) -> Result<RefMut<'_, Core>> {
        let core = self.core.borrow_mut();
        if core.connection.is_some() || core.closed {
            return Err(Error::state(format!(
                "the {what} must be set before the pair starts"
            )));
        }
        Ok(core)
    }

    /// Bytes of queued data at which `write` answers `Full` and, in pull mode, `feed` stops taking.
    pub fn set_high_water_mark(&self, bytes: usize) {
        self.core.borrow_mut().high_water_mark = bytes;
    }
}
