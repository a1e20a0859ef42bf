//! What one connection decides in the middle of its handshake, when OpenSSL asks: which context for
//! the name that a client wants, which protocol, whether the certificate is the right one, whether the
//! peer may renegotiate.

mod choice;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use openssl::ssl::{SslRef, SslSession, SslSessionRef, SslVerifyMode};
use openssl::stack::StackRef;
use openssl::x509::{X509Ref, X509};

use super::foreign_session;
use super::identity::check_server_identity;
use super::renegotiation::Renegotiation;
use super::request::{Answer, Question};
use super::resumption::{judge_peer_again, Resumption};
use super::server_name::NameTable;
use super::settings::{Role, Settings};
use super::tickets::Tickets;
use crate::context::{Certificate, ClientAuth, FrozenContext, ProtocolList};
use crate::error::{Error, Result, Status};
use crate::sys::client_hello::ClientHello;
use crate::sys::hooks::{self, Alpn, Hooks, Verdict};
use crate::sys::session::Ticket;
use crate::sys::ticket_keys::{KeyName, Opener, TicketKey};
use crate::sys::verify::{self, Identity, PeerCheck};
use crate::sys::{tls, verify_code, x509_name};

/// What a server does about client certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auth {
    pub request: bool,
    pub reject: bool,
}

#[derive(Default)]
struct State {
    /// For the engine to take to the user.
    question: Option<Question>,
    answer: Option<Answer>,
    /// The name that the client asked for first; a later hello cannot change what was decided.
    servername: Option<String>,
    name_decided: bool,
    session_decided: bool,
    /// The id that the user is asked for.
    asked_session: Option<Vec<u8>>,
    /// Why the server name was refused.
    refusal: Option<Box<Error>>,
    auth: Option<Auth>,
    npn_overlaps: bool,
}

pub struct Handshake {
    me: Weak<Handshake>,
    context: Arc<FrozenContext>,
    role: Role,
    /// A client's name to verify; `None`: the chain alone counts.
    name: Option<String>,
    names: Option<Arc<NameTable>>,
    alpn: Option<Arc<ProtocolList>>,
    npn: Option<Arc<ProtocolList>>,
    auth: Auth,
    pub ask_server_name: AtomicBool,
    pub ask_identity: AtomicBool,
    pub renegotiation: Renegotiation,
    pub resumption: Resumption,
    /// A client's new sessions.
    pub tickets: Tickets,
    /// The context that was switched to.
    chosen: OnceLock<Arc<FrozenContext>>,
    state: Mutex<State>,
}

impl Handshake {
    pub fn new(
        context: &Arc<FrozenContext>,
        settings: &Settings,
        name: Option<String>,
    ) -> Arc<Handshake> {
        Arc::new_cyclic(|me| Handshake {
            me: Weak::clone(me),
            context: Arc::clone(context),
            role: settings.role,
            name,
            names: settings.names.clone(),
            alpn: settings.alpn.clone(),
            npn: settings.npn.clone(),
            auth: Auth {
                request: settings.request_cert,
                reject: settings.reject_unauthorized,
            },
            ask_server_name: AtomicBool::new(settings.ask_server_name),
            ask_identity: AtomicBool::new(settings.ask_identity),
            renegotiation: Renegotiation::new(settings.renegotiation),
            resumption: Resumption::new(&settings.keeping),
            tickets: Tickets::default(),
            chosen: OnceLock::new(),
            state: Mutex::default(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// The context in force.
    fn context(&self) -> &FrozenContext {
        self.chosen.get().unwrap_or(&self.context)
    }

    /// A context's own policy beats that of the server or pair.
    fn auth_of(&self, context: &FrozenContext) -> Auth {
        match context.client_auth() {
            ClientAuth::Inherit => self.auth,
            ClientAuth::None => Auth {
                request: false,
                reject: false,
            },
            ClientAuth::Request => Auth {
                request: true,
                reject: false,
            },
            ClientAuth::Require => Auth {
                request: true,
                reject: true,
            },
        }
    }

    /// The policy in force on a server.
    pub fn auth(&self) -> Auth {
        let decided = self.lock().auth;
        decided.unwrap_or_else(|| self.auth_of(self.context()))
    }

    /// What a client offers, or a server accepts: a context's own list beats that of the server,
    /// connect options beat the context.
    fn list<'a>(
        &self,
        given: Option<&'a Arc<ProtocolList>>,
        of_context: Option<&'a ProtocolList>,
    ) -> Option<&'a ProtocolList> {
        let given = given.map(|list| &**list);
        match self.role {
            Role::Server => of_context.or(given),
            Role::Client => given.or(of_context),
        }
    }

    pub fn alpn_list(&self) -> Option<&ProtocolList> {
        self.list(self.alpn.as_ref(), self.context().alpn())
    }

    pub fn npn_list(&self) -> Option<&ProtocolList> {
        self.list(self.npn.as_ref(), self.context().npn())
    }

    /// Prepares a server's connection for the context that it begins with.
    pub fn prepare_server(&self, ssl: &mut SslRef) -> Result<()> {
        let auth = self.auth_of(&self.context);
        ssl.set_verify(verify_mode(auth));
        if !auth.request {
            return Ok(());
        }
        if let Some(roots) = self.context.shared_roots()? {
            tls::share_verify_store(ssl, roots);
        }
        self.attach_judge(ssl, auth)
    }

    /// Has a client's certificate judged, and the chain of one that is good kept for its sessions.
    fn attach_judge(&self, ssl: &mut SslRef, auth: Auth) -> Result<()> {
        let me = Weak::clone(&self.me);
        let keep_chain = move |_: &X509Ref, sent: Option<&StackRef<X509>>| {
            if let Some(handshake) = me.upgrade() {
                handshake.resumption.remember_chain(sent);
            }
            Identity::Accepted
        };
        verify::attach(ssl, PeerCheck::new(auth.reject, Some(Box::new(keep_chain))))
    }

    /// A client's certificate that came out of a session, unless that was judged before it was used.
    pub fn judge_resumed_client(&self, ssl: &SslRef) -> Result<()> {
        match ssl.session() {
            Some(session) if !self.resumption.is_judged() => {
                judge_peer_again(session, self.context())
            }
            _ => Ok(()),
        }
    }

    /// What a client verifies.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub fn take_question(&self) -> Option<Question> {
        self.lock().question.take()
    }

    /// The answer to the question that was taken last.
    pub fn answer(&self, answer: Answer) {
        self.lock().answer = Some(answer);
    }

    /// Why the handshake was refused here, and not by OpenSSL.
    pub fn refusal(&self) -> Option<Box<Error>> {
        let own = self.lock().refusal.clone();
        own.or_else(|| self.renegotiation.refusal())
    }

    /// What a server was asked for.
    pub fn servername(&self) -> Option<String> {
        self.lock().servername.clone()
    }

    /// What was agreed on by NPN. A client that found none of its own among the server's reports
    /// none, though it had to name one; the server sees that name.
    pub fn npn_protocol<'a>(&self, ssl: &'a SslRef) -> Option<&'a [u8]> {
        let agreed = match self.role {
            Role::Server => true,
            Role::Client => self.lock().npn_overlaps,
        };
        Some(tls::npn_negotiated(ssl)).filter(|protocol| agreed && !protocol.is_empty())
    }

    /// Is a leaf certificate, whose chain is good, that of the server that was meant?
    pub fn judge_identity(&self, leaf: &X509Ref, sent: Option<&StackRef<X509>>) -> Identity {
        if !self.ask_identity.load(Ordering::Relaxed) {
            return match &self.name {
                Some(name) => match check_server_identity(leaf, name) {
                    Ok(()) => Identity::Accepted,
                    Err(error) => Identity::Refused(error),
                },
                None => Identity::Accepted,
            };
        }
        let of_leaf = || Certificate::from_peer(leaf.to_owned(), sent, None);
        self.judge("ERR_TLS_CERT_ALTNAME_INVALID", of_leaf, |certificate| {
            Question::Identity {
                certificate,
                name: self.name.clone(),
            }
        })
    }

    /// Is a client, whose certificate is good, welcome? To be asked after the handshake: OpenSSL
    /// cannot wait on a server before that.
    pub fn judge_client(&self, certificate: impl FnOnce() -> Certificate) -> Identity {
        self.judge("CERT_REJECTED", certificate, Question::ClientCertificate)
    }

    /// By the answer, if there is one; else the question is put.
    fn judge(
        &self,
        error_name: &'static str,
        certificate: impl FnOnce() -> Certificate,
        question: impl FnOnce(Certificate) -> Question,
    ) -> Identity {
        let mut state = self.lock();
        let Some(answer) = state.answer.take() else {
            state.question = Some(question(certificate()));
            return Identity::Wait;
        };
        // The lock is not for reading certificates.
        drop(state);
        let subject = || x509_name::text(certificate().x509().subject_name());
        verdict(answer, error_name, subject).map_or_else(Identity::Refused, |()| Identity::Accepted)
    }
}

impl Hooks for Handshake {
    fn client_hello(&self, hello: &mut ClientHello<'_>) -> Verdict {
        if !self.renegotiation.is_established() {
            return match self.decide_name(hello) {
                Verdict::GoOn => self.decide_session(hello),
                other => other,
            };
        }
        if self.renegotiation.is_refused() {
            Verdict::Refuse(hooks::NO_RENEGOTIATION)
        } else {
            Verdict::GoOn
        }
    }

    fn alpn(&self, offered: &[u8]) -> Alpn {
        match self.alpn_list() {
            None => Alpn::Ignore,
            Some(ours) => match ours.choose(offered) {
                Some((offset, name)) => {
                    u8::try_from(name.len()).map_or(Alpn::Refuse, |n| Alpn::Select(offset, n))
                }
                None => Alpn::Refuse,
            },
        }
    }

    fn npn_advertised(&self) -> &[u8] {
        self.npn_list().map_or(&[], ProtocolList::wire)
    }

    fn npn_select(&self, advertised: &[u8]) -> &[u8] {
        let Some(ours) = self.npn_list() else {
            return &[];
        };
        let common = ours.choose_theirs(advertised);
        self.lock().npn_overlaps = common.is_some();
        common.unwrap_or_else(|| ours.first())
    }

    fn new_session(&self, session: &SslSessionRef) {
        match self.role {
            Role::Client => self.tickets.put(|| session.to_owned()),
            Role::Server => {
                let ring = self.context.ticket_ring();
                foreign_session::restore(session, &ring, &self.resumption.id_context());
                self.resumption.mark(session);
                self.resumption.made(session, &ring);
            }
        }
    }

    fn stored_session(&self, id: &[u8]) -> Option<SslSession> {
        self.resumption.stored_session(id)
    }

    fn ticket_made(&self, session: &SslSessionRef) {
        self.resumption.mark(session);
        foreign_session::lend(session, &self.context.ticket_ring(), self.auth());
    }

    fn ticket_opened(&self, ticket: Ticket<'_>) -> bool {
        let (context, auth) = (self.context(), self.auth());
        if let Ticket::Opened(session) = ticket {
            let ring = self.context.ticket_ring();
            let name = self.servername();
            let ours = self.resumption.id_context();
            foreign_session::take(session, &ring, (context, auth), name.as_deref(), &ours);
        }
        self.resumption.ticket_opened(ticket, context, auth)
    }

    fn ticket_key_to_make_with(&self) -> Option<Arc<TicketKey>> {
        // Of the context that listens, also where SNI has picked another: which one that will be is
        // not known when a ticket is opened.
        self.context.ticket_ring().maker()
    }

    fn ticket_key_to_open_with(&self, name: &KeyName) -> Option<Opener> {
        self.context.ticket_ring().opener(name)
    }

    fn handshake_started(&self) {
        self.renegotiation.started();
    }

    fn handshake_done(&self) {
        self.renegotiation.done();
    }
}

fn verify_mode(auth: Auth) -> SslVerifyMode {
    match auth {
        Auth { request: false, .. } => SslVerifyMode::NONE,
        Auth { reject: true, .. } => SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT,
        Auth { reject: false, .. } => SslVerifyMode::PEER,
    }
}

/// What an answer says about the certificate with this subject.
fn verdict(answer: Answer, name: &'static str, subject: impl FnOnce() -> String) -> Result<()> {
    let reason = match answer {
        Answer::Verdict(true) => return Ok(()),
        Answer::Reject(reason) => reason,
        _ => None,
    };
    let mut error = Error::new(
        Status::Verify,
        name,
        reason.map_or_else(
            || "the certificate was refused by the program's own check".into(),
            |reason| format!("the certificate was refused by the program's own check: {reason}"),
        ),
    );
    error.verify = Some(crate::error::VerifyFailure {
        result: verify_code::APPLICATION_VERIFICATION,
        depth: 0,
        subject: subject(),
    });
    Err(error)
}
