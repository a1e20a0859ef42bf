//! Who we are and whom we trust. A [`Context`] is built with setters that check at once, freezes at
//! its first use, and is then shared by any number of loops, threads and connections.

mod certificate;
mod cipher_names;
mod ciphers;
mod client_auth;
mod crl;
mod dh;
mod distinct;
mod file;
#[cfg(test)]
pub(crate) mod fixtures;
mod frozen;
mod groups;
mod identity;
mod pem;
mod pfx;
mod protocol;
mod protocol_list;
mod secure_options;
mod session_cache;
#[cfg(test)]
mod tests;
mod ticket_ring;
mod trust;

use std::sync::{Arc, Mutex, MutexGuard};

use crate::error::{Error, Result, Status};
use crate::sys::error_queue;

pub use certificate::{Attribute, Certificate, Details};
pub use client_auth::ClientAuth;
pub use file::read_file;
pub use frozen::{default_client, FrozenContext, Part};
pub use protocol_list::ProtocolList;
pub use session_cache::{CacheCounts, Place, SessionCache, SessionKey};
pub use ticket_ring::TicketRing;

use ciphers::Ciphers;
use crl::Crls;
use dh::DhParam;
use groups::Groups;
use identity::Identities;
use pfx::Pfx;
use protocol::Versions;
use secure_options::SecureOptions;
use trust::Trust;

/// `SSL_MAX_SID_CTX_LENGTH`.
const MAX_SESSION_ID_CONTEXT: usize = 32;
const MAX_TICKETS: usize = 32;

#[derive(Default)]
struct Settings {
    identities: Identities,
    trust: Trust,
    crls: Crls,
    /// Identity and CAs came from a PKCS#12 file.
    has_pfx: bool,
    ciphers: Ciphers,
    versions: Versions,
    honor_cipher_order: bool,
    client_auth: ClientAuth,
    groups: Groups,
    dh: DhParam,
    options: SecureOptions,
    /// `None`: derived.
    session_id_context: Option<Vec<u8>>,
    alpn: Option<ProtocolList>,
    npn: Option<ProtocolList>,
    num_tickets: Option<usize>,
    /// `None`: one of its own, made when first asked for.
    ticket_ring: Option<Arc<TicketRing>>,
    session_cache: Option<Arc<SessionCache>>,
}

impl Settings {
    /// Only one of the two says who we are and whom we trust: a PKCS#12 file, or the pieces.
    fn without_pfx(&mut self) -> Result<&mut Settings> {
        if self.has_pfx {
            return Err(Error::state(
                "the context has a PFX, which brings its own certificate, key and CAs: set either \
                 that or these, on a new context",
            ));
        }
        Ok(self)
    }

    fn ticket_ring(&mut self) -> Result<Arc<TicketRing>> {
        let ring = match self.ticket_ring.take() {
            Some(ring) => ring,
            None => TicketRing::new()?,
        };
        self.ticket_ring = Some(Arc::clone(&ring));
        Ok(ring)
    }

    fn check_no_pieces(&self) -> Result<()> {
        let there = if !self.identities.is_empty() {
            "a certificate or a key"
        } else if self.trust.is_explicit() {
            "CAs of its own"
        } else {
            return Ok(());
        };
        Err(Error::state(format!(
            "the context has {there}, and a PFX brings certificate, key and CAs together: set it on \
             a new context"
        )))
    }
}

enum State {
    Open(Box<Settings>),
    Frozen(Arc<FrozenContext>),
}

/// Settings of servers, clients and pairs. All methods may be called from any thread; each checks
/// what it is given at once, and changes nothing when it fails. What only shows when the settings
/// come together (half an identity, a key too weak for the ciphers' security level, versions that
/// have no cipher) is told by [`Context::freeze`], so that their order does not matter.
pub struct Context {
    state: Mutex<State>,
}

impl Context {
    pub fn new() -> Arc<Context> {
        Arc::new(Context {
            state: Mutex::new(State::Open(Box::default())),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in a setter leaves the state as it was: each assigns in its last step.
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn change(&self, change: impl FnOnce(&mut Settings) -> Result<()>) -> Result<()> {
        match &mut *self.lock() {
            State::Open(settings) => without_traces(|| change(settings)),
            State::Frozen(_) => Err(Error::new(
                Status::Frozen,
                "ERR_CONTEXT_FROZEN",
                "the context is in use and cannot be changed any more: make another one",
            )),
        }
    }

    /// The certificate, and after it those that lead to the CA, from one PEM text.
    pub fn set_cert(&self, pem: &[u8]) -> Result<()> {
        self.change(|settings| settings.without_pfx()?.identities.set_cert(pem))
    }

    /// The private key of a certificate that is set already, or will be.
    pub fn set_key(&self, pem: &[u8], passphrase: Option<&[u8]>) -> Result<()> {
        self.change(|settings| settings.without_pfx()?.identities.set_key(pem, passphrase))
    }

    /// Certificate and key in one step; replaces those of the same key type.
    pub fn set_identity(&self, cert: &[u8], key: &[u8], passphrase: Option<&[u8]>) -> Result<()> {
        self.change(|settings| {
            let settings = settings.without_pfx()?;
            settings.identities.set_both(cert, key, passphrase)
        })
    }

    /// Key, certificate, chain and CAs from a PKCS#12 file: in place of those of another such file,
    /// and never beside what was set piece by piece.
    pub fn set_pfx(&self, der: &[u8], passphrase: Option<&[u8]>) -> Result<()> {
        self.change(|settings| {
            if !settings.has_pfx {
                settings.check_no_pieces()?;
            }
            let pfx = Pfx::read(der, passphrase)?;
            let identities = Identities::of_pfx(pfx.key, pfx.leaf, pfx.chain)?;
            settings.trust = pfx.cas.map(Trust::only).transpose()?.unwrap_or_default();
            settings.identities = identities;
            settings.has_pfx = true;
            Ok(())
        })
    }

    /// Trusts one or more CAs, in place of the well-known ones.
    pub fn add_ca(&self, pem: &[u8]) -> Result<()> {
        self.change(|settings| settings.without_pfx()?.trust.add(pem))
    }

    /// Trusts nobody, until the next `add_ca`.
    pub fn clear_ca(&self) -> Result<()> {
        self.change(|settings| {
            settings.without_pfx()?.trust.clear();
            Ok(())
        })
    }

    /// Lets one or more revocation lists count, for every issuer in a peer's chain.
    pub fn add_crl(&self, pem: &[u8]) -> Result<()> {
        self.change(|settings| settings.crls.add(pem))
    }

    /// TLS 1.3 suites and OpenSSL's cipher list in one text, as Node takes it.
    pub fn set_ciphers(&self, list: &str) -> Result<()> {
        self.change(|settings| {
            settings.ciphers = Ciphers::parse(list)?;
            Ok(())
        })
    }

    /// The server's preference wins.
    pub fn set_honor_cipher_order(&self, on: bool) -> Result<()> {
        self.change(|settings| {
            settings.honor_cipher_order = on;
            Ok(())
        })
    }

    /// What a server asks of its clients on connections that use this context.
    pub fn set_client_auth(&self, policy: ClientAuth) -> Result<()> {
        self.change(|settings| {
            settings.client_auth = policy;
            Ok(())
        })
    }

    /// ALPN protocols; `None`: those of the server or of the connection count.
    pub fn set_alpn_protocols(&self, list: Option<ProtocolList>) -> Result<()> {
        self.change(|settings| {
            settings.alpn = list;
            Ok(())
        })
    }

    /// NPN protocols, as for ALPN.
    pub fn set_npn_protocols(&self, list: Option<ProtocolList>) -> Result<()> {
        self.change(|settings| {
            settings.npn = list;
            Ok(())
        })
    }

    /// Groups for key exchange, `X25519:P-256`.
    pub fn set_groups(&self, list: &str) -> Result<()> {
        self.change(|settings| {
            settings.groups = Groups::parse(list)?;
            Ok(())
        })
    }

    /// Parameters for DHE in PEM, or `auto`.
    pub fn set_dhparam(&self, text: &[u8]) -> Result<()> {
        self.change(|settings| {
            settings.dh = DhParam::parse(text)?;
            Ok(())
        })
    }

    /// OpenSSL's option bits, beside ours.
    pub fn set_secure_options(&self, bits: u64) -> Result<()> {
        self.change(|settings| {
            settings.options = SecureOptions::of_bits(bits)?;
            Ok(())
        })
    }

    /// Marks the sessions of servers: those of another mark are not resumed.
    pub fn set_session_id_context(&self, id: &[u8]) -> Result<()> {
        self.change(|settings| {
            if id.is_empty() || id.len() > MAX_SESSION_ID_CONTEXT {
                return Err(Error::argument(format!(
                    "a session id context has 1 to {MAX_SESSION_ID_CONTEXT} bytes, not {}",
                    id.len()
                )));
            }
            settings.session_id_context = Some(id.to_vec());
            Ok(())
        })
    }

    /// How many tickets a client gets after a full handshake of TLS 1.3.
    pub fn set_num_tickets(&self, count: usize) -> Result<()> {
        self.change(|settings| {
            if count > MAX_TICKETS {
                return Err(Error::argument(format!(
                    "a client gets at most {MAX_TICKETS} tickets, not {count}"
                )));
            }
            settings.num_tickets = Some(count);
            Ok(())
        })
    }

    /// Keeps the sessions of clients, so many at most, for their next connections; 0: keeps none.
    pub fn set_session_cache(&self, entries: usize) -> Result<()> {
        self.change(|settings| {
            let cache = Arc::new(SessionCache::new(entries)?);
            settings.session_cache = (entries > 0).then_some(cache);
            Ok(())
        })
    }

    /// The keys of session tickets, from now on; also while the context is in use.
    pub fn set_ticket_ring(&self, ring: Arc<TicketRing>) {
        match &mut *self.lock() {
            State::Open(settings) => settings.ticket_ring = Some(ring),
            State::Frozen(frozen) => frozen.set_ticket_ring(ring),
        }
    }

    /// The keys of session tickets that count now.
    pub fn ticket_ring(&self) -> Result<Arc<TicketRing>> {
        match &mut *self.lock() {
            State::Open(settings) => settings.ticket_ring(),
            State::Frozen(frozen) => Ok(frozen.ticket_ring()),
        }
    }

    /// What the cache has counted; `None`: there is none.
    pub fn session_cache_counts(&self) -> Option<CacheCounts> {
        let cache = match &*self.lock() {
            State::Open(settings) => settings.session_cache.clone(),
            State::Frozen(frozen) => frozen.session_cache().cloned(),
        };
        cache.map(|cache| cache.counts())
    }

    /// The versions by Node's method names.
    pub fn set_secure_protocol(&self, method: &str) -> Result<()> {
        self.change(|settings| {
            settings.versions = Versions::of_method(method)?;
            Ok(())
        })
    }

    pub fn set_min_version(&self, version: &str) -> Result<()> {
        self.change(|settings| {
            settings.versions = settings.versions.with_min(version)?;
            Ok(())
        })
    }

    pub fn set_max_version(&self, version: &str) -> Result<()> {
        self.change(|settings| {
            settings.versions = settings.versions.with_max(version)?;
            Ok(())
        })
    }

    /// The immutable form for a server: it must have a certificate and its key. Checked before the
    /// context freezes, so that what is missing can still be set.
    pub fn freeze_for_server(&self) -> Result<Arc<FrozenContext>> {
        let complete = match &*self.lock() {
            State::Open(settings) => settings.identities.is_complete(),
            State::Frozen(frozen) => frozen.has_identity(),
        };
        if !complete {
            return Err(Error::state(
                "a server needs a certificate and a key: set both on the context",
            ));
        }
        self.freeze()
    }

    /// The immutable form, made at the first call; from then on the setters answer `Frozen`.
    ///
    /// # Errors
    /// Settings that do not go together; the context can still be changed.
    pub fn freeze(&self) -> Result<Arc<FrozenContext>> {
        let mut state = self.lock();
        let frozen = match &mut *state {
            State::Frozen(frozen) => return Ok(Arc::clone(frozen)),
            State::Open(settings) => Arc::new(without_traces(|| FrozenContext::of(settings))?),
        };
        *state = State::Frozen(Arc::clone(&frozen));
        Ok(frozen)
    }
}

/// Leaves OpenSSL's error queue empty, also after a success, which may have had failed attempts on
/// its way.
fn without_traces<T>(call: impl FnOnce() -> Result<T>) -> Result<T> {
    error_queue::begin();
    let result = call();
    error_queue::begin();
    result
}

/// The names of all cipher suites that the OpenSSL at hand has, as Node's `getCiphers` gives them.
pub fn supported_ciphers() -> Result<Vec<String>> {
    without_traces(Ciphers::supported)
}
