//! What a server decides about the session that a client offers. OpenSSL looks at the session's id
//! context, version and, on TLS 1.3, binder and cipher; that the name, the ciphers, the client's
//! certificate and the policy are still what they were is looked at here.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use openssl::ssl::{SslSession, SslSessionRef, SslVersion};
use openssl::stack::StackRef;
use openssl::x509::X509;

use super::handshake::Auth;
use super::peer_chain;
use super::request::Answer;
use super::sealed_session::{seal, unseal};
use crate::context::{FrozenContext, TicketRing};
use crate::error::{Error, Result, Status};
use crate::sys::client_hello::ClientHello;
use crate::sys::memory::Secret;
use crate::sys::session::{self, Ticket};
use crate::sys::{context, verify};

/// Of TLS 1.2 and of stateful TLS 1.3 alike.
pub const SESSION_ID_LENGTH: usize = 32;
/// Sessions of one handshake that wait to be told.
const MOST_WAITING: usize = 16;

/// What became of handshakes, as a server counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Count {
    /// Nothing was resumed, whether a session was offered or not.
    Full,
    HitTicket,
    HitCache,
    HitStore,
    /// Neither the cache nor the store has it.
    MissUnknownId,
    /// The ticket's key is gone, or it was never ours.
    MissUnknownKey,
    MissExpired,
    /// Made for another name, or under another policy; or the client's certificate is not good any
    /// more.
    MissPolicy,
    /// What the store gave was altered, or sealed by a key that is gone.
    MissSealed,
    MissStoreTimeout,
    MissStoreError,
}

const COUNTS: usize = 11;

/// The counts of one server.
#[derive(Default)]
pub struct SessionCounts([AtomicU64; COUNTS]);

impl SessionCounts {
    pub fn add(&self, count: Count) {
        self.0[count as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn get(&self, count: Count) -> u64 {
        self.0[count as usize].load(Ordering::Relaxed)
    }
}

/// How one server keeps sessions.
#[derive(Clone, Default)]
pub struct Keeping {
    /// New sessions are told.
    pub tell_new: bool,
    /// The user is asked for sessions.
    pub ask: bool,
    /// `None`: tickets are given unless sessions are told or asked for.
    pub tickets: Option<bool>,
    pub counts: Option<Arc<SessionCounts>>,
}

impl Keeping {
    /// Does the user keep sessions?
    pub fn is_outside(&self) -> bool {
        self.tell_new || self.ask
    }

    pub fn gives_tickets(&self) -> bool {
        self.tickets.unwrap_or(!self.is_outside())
    }
}

/// A session that was made.
pub struct NewSession {
    pub id: Vec<u8>,
    /// A server's is sealed.
    pub bytes: Vec<u8>,
}

#[derive(Default)]
struct State {
    /// What the connection's sessions must have in common.
    id_context: [u8; 32],
    /// The client's chain, for the sessions that are made.
    chain: Vec<u8>,
    /// What the store gave.
    fetched: Option<(Vec<u8>, SslSession)>,
    /// An id was offered that only a cache can know.
    offered_id: bool,
    opened_ticket: bool,
    missed: bool,
    made: VecDeque<NewSession>,
}

pub struct Resumption {
    keeping: Keeping,
    state: Mutex<State>,
}

impl Resumption {
    pub fn new(keeping: &Keeping) -> Resumption {
        Resumption {
            keeping: keeping.clone(),
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn count(&self, count: Count) {
        if let Some(counts) = &self.keeping.counts {
            counts.add(count);
        }
    }

    fn miss(&self, count: Count) {
        self.lock().missed = true;
        self.count(count);
    }

    /// Name and policy are decided: only sessions with the same mark are resumed.
    pub fn set_id_context(&self, id_context: [u8; 32]) {
        self.lock().id_context = id_context;
    }

    pub fn id_context(&self) -> [u8; 32] {
        self.lock().id_context
    }

    /// The chain behind the client's certificate, which was found good.
    pub fn remember_chain(&self, sent: Option<&StackRef<X509>>) {
        self.lock().chain = peer_chain::pack(sent);
    }

    /// The id of the session that the user is to be asked for.
    pub fn wanted(&self, hello: &ClientHello<'_>, highest: SslVersion) -> Option<Vec<u8>> {
        let allows_tls13 = highest == SslVersion::TLS1_3;
        let id = offered_id(hello, allows_tls13, self.keeping.gives_tickets());
        self.lock().offered_id = id.is_some();
        id.filter(|_| self.keeping.ask)
    }

    /// What the store answered about this id.
    ///
    /// # Errors
    /// The handshake is to be refused.
    pub fn answered(
        &self,
        id: &[u8],
        answer: Answer,
        ring: &TicketRing,
        context: &FrozenContext,
        auth: Auth,
    ) -> Result<()> {
        let sealed = match answer {
            Answer::Session(Some(sealed)) => sealed,
            Answer::Session(None) => {
                self.miss(Count::MissUnknownId);
                return Ok(());
            }
            Answer::TooLate => {
                self.miss(Count::MissStoreTimeout);
                return Ok(());
            }
            Answer::Unavailable => {
                self.miss(Count::MissStoreError);
                return Ok(());
            }
            Answer::Context(_) | Answer::Verdict(_) | Answer::Reject(_) => {
                self.miss(Count::MissStoreError);
                let reason = match answer {
                    Answer::Reject(Some(reason)) => reason,
                    _ => "the program rejected the request".into(),
                };
                return Err(Error::new(
                    Status::Session,
                    "ERR_TLS_SESSION_STORE",
                    format!("the session could not be looked up: {reason}"),
                ));
            }
        };
        let session = unseal(ring, &sealed, id).and_then(|der| SslSession::from_der(&der).ok());
        let judged = session
            .ok_or(Count::MissSealed)
            .and_then(|session| self.judge(&session, context, auth).map(|()| session));
        match judged {
            Ok(session) => self.lock().fetched = Some((id.to_owned(), session)),
            Err(count) => self.miss(count),
        }
        Ok(())
    }

    pub fn stored_session(&self, id: &[u8]) -> Option<SslSession> {
        let state = self.lock();
        let (fetched_id, session) = state.fetched.as_ref()?;
        (fetched_id == id).then(|| session.clone())
    }

    /// May this session be resumed?
    fn judge(
        &self,
        session: &SslSessionRef,
        context: &FrozenContext,
        auth: Auth,
    ) -> std::result::Result<(), Count> {
        if is_expired(session) {
            return Err(Count::MissExpired);
        }
        if context::session_id_context(session) != self.lock().id_context {
            return Err(Count::MissPolicy);
        }
        if auth.request && judge_peer_again(session, context).is_err() {
            return Err(Count::MissPolicy);
        }
        Ok(())
    }

    /// Gives a session that is being made what it must know of the client.
    pub fn mark(&self, session: &SslSessionRef) {
        let state = self.lock();
        // One that goes on from a resumed one has it already.
        if !state.chain.is_empty() && session::note(session).is_empty() {
            session::set_note(session, &state.chain);
        }
    }

    pub fn ticket_opened(&self, ticket: Ticket<'_>, context: &FrozenContext, auth: Auth) -> bool {
        match ticket {
            Ticket::Empty => false,
            Ticket::Unknown => {
                self.miss(Count::MissUnknownKey);
                false
            }
            Ticket::Opened(session) => match self.judge(session, context, auth) {
                Ok(()) => {
                    self.lock().opened_ticket = true;
                    true
                }
                Err(count) => {
                    self.miss(count);
                    false
                }
            },
        }
    }

    /// A session that the user is to keep.
    pub fn made(&self, session: &SslSessionRef, ring: &TicketRing) {
        let is_tls13 = session.protocol_version() == SslVersion::TLS1_3;
        if !self.keeping.tell_new || (is_tls13 && self.keeping.gives_tickets()) {
            return;
        }
        let id = session.id();
        let der = session.to_der().ok().map(Secret::new);
        let sealed = der.and_then(|der| seal(ring, &der, id));
        let mut state = self.lock();
        if let (Some(bytes), true) = (sealed, state.made.len() < MOST_WAITING) {
            let id = id.to_owned();
            state.made.push_back(NewSession { id, bytes });
        }
    }

    /// Was the client's certificate judged anew before the session was resumed?
    pub fn is_judged(&self) -> bool {
        let state = self.lock();
        state.opened_ticket || state.fetched.is_some()
    }

    pub fn take_made(&self) -> Option<NewSession> {
        self.lock().made.pop_front()
    }

    /// The handshake of a server is over.
    pub fn finish(&self, resumed: bool) {
        let state = self.lock();
        let count = match resumed {
            false => Count::Full,
            true if state.opened_ticket => Count::HitTicket,
            true if state.fetched.is_some() => Count::HitStore,
            true => Count::HitCache,
        };
        self.count(count);
        if !resumed && state.offered_id && !state.missed {
            self.count(Count::MissUnknownId);
        }
    }
}

/// OpenSSL resumes a session with whatever certificate the client once had. A chain that is not known
/// any more cannot be good.
pub fn judge_peer_again(session: &SslSessionRef, context: &FrozenContext) -> Result<()> {
    let Some(leaf) = session::peer(session) else {
        return Ok(());
    };
    let chain = peer_chain::unpack(session::note(session)).unwrap_or_default();
    let level = context.security_level();
    verify::client_again(context.verify_store()?, leaf, &chain, level)
}

fn is_expired(session: &SslSessionRef) -> bool {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let (made, lasts) = session::validity(session);
    now > made.saturating_add(lasts)
}

/// The id of a session that a cache or a store could know, if the client offers one. A TLS 1.3 client
/// offers it as a pre-shared key (RFC 8446, 4.2.11), and its legacy id means nothing; before that it is
/// the session id, unless there is a ticket, whose id the client has invented (RFC 5077, 3.4).
fn offered_id(hello: &ClientHello<'_>, allows_tls13: bool, gives_tickets: bool) -> Option<Vec<u8>> {
    const SESSION_TICKET: u16 = 35;
    const PRE_SHARED_KEY: u16 = 41;
    const SUPPORTED_VERSIONS: u16 = 43;
    let offers_tls13 = hello
        .extension(SUPPORTED_VERSIONS)
        .and_then(|body| body.get(1..))
        .is_some_and(|versions| versions.chunks_exact(2).any(|version| version == [3, 4]));
    let id = if offers_tls13 && allows_tls13 {
        if gives_tickets {
            return None;
        }
        first_identity(hello.extension(PRE_SHARED_KEY)?)?
    } else {
        let has_ticket = |body: &[u8]| gives_tickets && !body.is_empty();
        if hello.extension(SESSION_TICKET).is_some_and(has_ticket) {
            return None;
        }
        hello.session_id()
    };
    (id.len() == SESSION_ID_LENGTH).then(|| id.to_owned())
}

/// The first identity of a pre-shared key extension.
fn first_identity(body: &[u8]) -> Option<&[u8]> {
    let (_, rest) = body.split_first_chunk::<2>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s53_the_first_identity_is_the_one_to_ask_for() {
        let id = [7; 32];
        let body = [
            &[0, 76][..],
            &[0, 32],
            &id,
            &[0; 4],
            &[0, 32],
            &[8; 32],
            &[0; 4],
        ]
        .concat();
        assert_eq!(first_identity(&body), Some(&id[..]));
        for cut in 0..36 {
            assert_eq!(first_identity(&body[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn s52_whoever_keeps_sessions_gives_no_tickets() {
        let mut keeping = Keeping::default();
        assert!(keeping.gives_tickets() && !keeping.is_outside());
        keeping.ask = true;
        assert!(!keeping.gives_tickets() && keeping.is_outside());
        keeping.tickets = Some(true);
        assert!(keeping.gives_tickets());
    }
}
