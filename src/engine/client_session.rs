//! A client's sessions: which one is offered to the server, and where new ones go.
//!
//! A resumed session skips the check of the server's certificate, so it may be offered only where it
//! was made by the same rules: the same trust, revocation lists, ciphers and certificates of our own,
//! the same name to ask for and to verify. All that is in its session id context, which OpenSSL keeps
//! with the session and looks at as well.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use foreign_types::ForeignTypeRef;
use openssl::sha::Sha256;
use openssl::ssl::{SslRef, SslSession, SslSessionRef, SslVersion};

use super::saved_session;
use super::settings::{sni, Settings};
use crate::context::{FrozenContext, Place, SessionCache, SessionKey};
use crate::error::Result;
use crate::sys::context::session_id_context;
use crate::sys::memory::Secret;
use crate::sys::tls::{self, Tls};

pub struct ClientSessions {
    policy: [u8; 32],
    cached: Option<Cached>,
    /// What the server may resume, until the handshake is over.
    offered: Option<Offered>,
    /// The cache is still to be asked.
    due: bool,
    /// Somebody wants to be told of new ones.
    pub told: bool,
}

/// Where sessions with this server are kept.
struct Cached {
    cache: Arc<SessionCache>,
    key: SessionKey,
}

struct Offered {
    session: SslSession,
    from_cache: bool,
}

impl ClientSessions {
    pub fn new(
        context: &FrozenContext,
        settings: &Settings,
        verified: Option<&str>,
        place: Option<Place>,
    ) -> ClientSessions {
        let policy = policy(context, settings, verified);
        let cached = place.zip(context.session_cache()).map(|(place, cache)| {
            let key = SessionKey { place, policy };
            let cache = Arc::clone(cache);
            Cached { cache, key }
        });
        ClientSessions {
            policy,
            due: cached.is_some(),
            cached,
            offered: None,
            told: false,
        }
    }

    /// Does somebody take new ones?
    pub fn wanted(&self) -> bool {
        self.told || self.cached.is_some()
    }

    /// Before the handshake, with the session that the user has, if any.
    pub fn prepare(&mut self, tls: &mut Tls, session: Option<SslSession>) -> Result<()> {
        tls::set_session_id_context(tls.ssl_mut(), &self.policy);
        match session {
            Some(session) => self.offer(tls, session, false),
            None => Ok(()),
        }
    }

    /// Offers one that the cache has, with the handshake about to begin: not before, so that a server
    /// that cannot be reached uses up none.
    pub fn offer_cached(&mut self, tls: &mut Tls) {
        if !std::mem::take(&mut self.due) {
            return;
        }
        let Some(Cached { cache, key }) = &self.cached else {
            return;
        };
        let saved = cache.take(key, now());
        if let Some(session) = saved.and_then(|saved| saved_session::read(&saved).ok()) {
            // What cannot be offered is only a full handshake.
            let _ = self.offer(tls, session, true);
        }
    }

    /// One that was made by other rules, or is too old, is not offered: a full handshake decides anew.
    fn offer(&mut self, tls: &mut Tls, session: SslSession, from_cache: bool) -> Result<()> {
        let fits = session_id_context(&session) == self.policy;
        if !fits || saved_session::end(&session) <= now() {
            return Ok(());
        }
        tls.set_session(&session)?;
        self.due = false;
        self.offered = Some(Offered {
            session,
            from_cache,
        });
        Ok(())
    }

    /// The handshake is over and the server accepted. Answers with the ticket that came in place of the
    /// one that was offered, which OpenSSL does not tell of on TLS 1.2.
    pub fn agreed(&mut self, ssl: &SslRef) -> Option<SslSession> {
        self.due = false;
        let offered = self.offered.take()?;
        let reused = ssl.session_reused();
        if let (true, Some(cached)) = (offered.from_cache, &self.cached) {
            cached.cache.count(reused);
        }
        let in_force = ssl.session()?;
        let renewed = reused
            && is_reusable(in_force)
            && !std::ptr::eq(in_force.as_ptr(), offered.session.as_ptr());
        renewed.then(|| in_force.to_owned())
    }

    /// The connection has failed. A session that was offered may be why: it is not offered again
    /// (RFC 5246, 7.2.2).
    pub fn failed(&mut self) {
        let from_cache = self.offered.take().is_some_and(|it| it.from_cache);
        if let (true, Some(Cached { cache, key })) = (from_cache, &self.cached) {
            cache.forget(key);
        }
    }

    /// Takes a new session into the cache, if there is one.
    pub fn keep(&self, session: &SslSessionRef, saved: &Secret) {
        if let Some(Cached { cache, key }) = &self.cached {
            let saved = Secret::new(saved.to_vec());
            cache.put(
                key,
                saved,
                is_reusable(session),
                saved_session::end(session),
            );
        }
    }
}

/// A ticket of TLS 1.3 is for one connection, so that nobody can tell which connections belong
/// together (RFC 8446, C.4).
fn is_reusable(session: &SslSessionRef) -> bool {
    session.protocol_version() != SslVersion::TLS1_3
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs().try_into().unwrap_or(i64::MAX))
}

/// The rules by which the server of this connection is judged.
fn policy(context: &FrozenContext, settings: &Settings, verified: Option<&str>) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(context.client_policy());
    hash.update(&[u8::from(settings.reject_unauthorized)]);
    let asked = settings.servername.as_deref().and_then(sni);
    for name in [asked, verified] {
        match name {
            Some(name) => {
                let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
                hash.update(&[1]);
                hash.update(&(name.len() as u64).to_le_bytes());
                hash.update(name.as_bytes());
            }
            None => hash.update(&[0]),
        }
    }
    hash.finish()
}
