//! What a server decides from a client's hello: the context for the name, and the session.

use std::ffi::CString;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use super::{verify_mode, Auth, Handshake};
use crate::context::{FrozenContext, Part};
use crate::engine::request::{Answer, Question};
use crate::engine::server_name;
use crate::error::{Error, Result, Status};
use crate::sys::client_hello::{default_groups, ClientHello, Policy};
use crate::sys::hooks::{self, Verdict};
use crate::sys::{error_queue, tls};

impl Handshake {
    /// Decides, once, which context serves the name.
    pub(super) fn decide_name(&self, hello: &mut ClientHello<'_>) -> Verdict {
        let mut state = self.lock();
        if state.name_decided {
            return Verdict::GoOn;
        }
        let name = match hello
            .extension(server_name::EXTENSION)
            .map(server_name::parse)
        {
            None => None,
            Some(Ok(name)) => Some(name),
            Some(Err(())) => {
                state.refusal = Some(refused_name("it cannot be a host name"));
                return Verdict::Refuse(hooks::UNRECOGNIZED_NAME);
            }
        };
        let Some(name) = name else {
            state.name_decided = true;
            return Verdict::GoOn;
        };
        state.servername = Some(name.clone());
        let in_table = || {
            let found = self.names.as_ref().and_then(|names| names.find(&name));
            found.map(Arc::clone)
        };
        let context = match state.answer.take() {
            Some(Answer::Context(Some(context))) => Some(context),
            Some(Answer::Reject(reason)) => {
                let reason = reason.as_deref().unwrap_or("the server does not serve it");
                state.refusal = Some(refused_name(&format!("{name:?}: {reason}")));
                return Verdict::Refuse(hooks::UNRECOGNIZED_NAME);
            }
            None if self.ask_server_name.load(Ordering::Relaxed) => {
                state.question = Some(Question::ServerName(name));
                return Verdict::Wait;
            }
            Some(_) | None => in_table(),
        };
        state.name_decided = true;
        if let Some(context) = context {
            let auth = self.auth_of(&context);
            state.auth = Some(auth);
            if let Err(error) = self.switch(hello, &context, auth) {
                state.refusal = Some(error);
                return Verdict::Refuse(hooks::INTERNAL_ERROR);
            }
            let _ = self.chosen.set(context);
        }
        Verdict::GoOn
    }

    /// Marks the connection for the sessions that it may resume, and asks the user for the one that is
    /// offered, once.
    pub(super) fn decide_session(&self, hello: &mut ClientHello<'_>) -> Verdict {
        let (context, auth) = (self.context(), self.auth());
        let mut state = self.lock();
        if let (Some(id), Some(answer)) = (state.asked_session.clone(), state.answer.take()) {
            let ring = self.context.ticket_ring();
            let answered = self.resumption.answered(&id, answer, &ring, context, auth);
            return match answered {
                Ok(()) => Verdict::GoOn,
                Err(error) => {
                    state.refusal = Some(error);
                    Verdict::Refuse(hooks::INTERNAL_ERROR)
                }
            };
        }
        if std::mem::replace(&mut state.session_decided, true) {
            return Verdict::GoOn;
        }
        let id_context = session_id_context(context, auth, state.servername.as_deref());
        tls::set_session_id_context(hello.ssl_mut(), &id_context);
        self.resumption.set_id_context(id_context);
        match self.resumption.wanted(hello, context.versions().1) {
            None => Verdict::GoOn,
            Some(id) => {
                state.asked_session = Some(id.clone());
                state.question = Some(Question::Session(id));
                Verdict::Wait
            }
        }
    }

    pub(super) fn switch(
        &self,
        hello: &mut ClientHello<'_>,
        context: &FrozenContext,
        auth: Auth,
    ) -> Result<()> {
        let groups = match context.groups() {
            None if self.context.groups().is_none() => None,
            None => Some(default_groups().to_owned()),
            Some(groups) => {
                Some(CString::new(groups).map_err(|_| Error::argument("the groups have a NUL"))?)
            }
        };
        let store = if auth.request {
            context.shared_roots()?
        } else {
            None
        };
        hello.switch_to(&Policy {
            context: context.ssl_context(Part::Server)?,
            options: context.options(),
            versions: context.versions(),
            groups: groups.as_deref(),
            store: store.map(|store| &**store),
            verify: verify_mode(auth),
        })?;
        error_queue::begin();
        if auth.request {
            self.attach_judge(hello.ssl_mut(), auth)?;
        }
        Ok(())
    }
}

/// What OpenSSL looks at before it resumes a session. It does not look at the name that the client asks
/// for, at the ciphers (TLS 1.2), whether a client certificate is required by now, or by which CAs and
/// revocation lists it was judged: a session is only for those who ask for the same.
fn session_id_context(context: &FrozenContext, auth: Auth, name: Option<&str>) -> [u8; 32] {
    let mut hash = openssl::sha::Sha256::new();
    hash.update(context.session_id_context());
    hash.update(&[u8::from(auth.request), u8::from(auth.reject)]);
    if auth.request {
        hash.update(context.trust_digest());
    }
    hash.update(context.ciphers_digest());
    hash.update(name.map(server_name::lower).unwrap_or_default().as_bytes());
    hash.finish()
}

fn refused_name(why: &str) -> Box<Error> {
    Error::new(
        Status::Tls,
        "ERR_TLS_UNRECOGNIZED_NAME",
        format!("the client asks for a server name that is refused: {why}"),
    )
}
