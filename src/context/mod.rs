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
mod groups;
mod identity;
mod pem;
mod pfx;
mod protocol;
mod protocol_list;
mod secure_options;
#[cfg(test)]
mod tests;
mod trust;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use openssl::sha::Sha256;
use openssl::ssl::{
    SslContext, SslContextBuilder, SslContextRef, SslMethod, SslMode, SslOptions, SslSessionRef,
    SslVersion,
};

use openssl::x509::store::X509Store;

use crate::error::{Error, Result, Status};
use crate::sys::{context, error_queue, hooks, verify};

pub use certificate::{Attribute, Certificate, Details};
pub use client_auth::ClientAuth;
pub use file::read_file;
pub use protocol_list::ProtocolList;

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
            State::Open(settings) => {
                let mut frozen = without_traces(|| build(settings))?;
                frozen.settings = std::mem::take(settings);
                Arc::new(frozen)
            }
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

/// One `SSL_CTX` for both roles, immutable from now on.
pub struct FrozenContext {
    ssl_context: SslContext,
    /// The same for clients that offer NPN; made when first asked for.
    npn_client: OnceLock<SslContext>,
    /// What it was made from.
    settings: Box<Settings>,
    has_identity: bool,
    /// They count, without revocation lists, so that no store of its own was needed.
    shares_well_known_roots: bool,
    /// What the settings say that sessions have in common; servers may be told another.
    derived_id_context: [u8; 32],
    trust_digest: [u8; 32],
    options: SslOptions,
    versions: (SslVersion, SslVersion),
}

impl FrozenContext {
    pub fn ssl_context(&self) -> &SslContextRef {
        &self.ssl_context
    }

    /// Is there a certificate with its key?
    pub fn has_identity(&self) -> bool {
        self.has_identity
    }

    /// OpenSSL's option bits. A connection that is switched to this context keeps those of the
    /// context that it began with, unless somebody copies these; the same holds for the versions and
    /// the groups.
    pub fn options(&self) -> SslOptions {
        self.options
    }

    /// The lowest and the highest version.
    pub fn versions(&self) -> (SslVersion, SslVersion) {
        self.versions
    }

    /// The groups for key exchange, as OpenSSL takes them; `None`: OpenSSL's own.
    pub fn groups(&self) -> Option<&str> {
        self.settings.groups.list()
    }

    /// What a server asks of its clients here.
    pub fn client_auth(&self) -> ClientAuth {
        self.settings.client_auth
    }

    /// ALPN protocols, if it has its own.
    pub fn alpn(&self) -> Option<&ProtocolList> {
        self.settings.alpn.as_ref()
    }

    /// NPN protocols, if it has its own.
    pub fn npn(&self) -> Option<&ProtocolList> {
        self.settings.npn.as_ref()
    }

    /// For a client that offers NPN: OpenSSL offers it on all connections of an `SSL_CTX` or on none.
    pub fn ssl_context_with_npn(&self) -> Result<&SslContextRef> {
        if let Some(made) = self.npn_client.get() {
            return Ok(made);
        }
        let made = without_traces(|| {
            let (mut builder, _) = builder(&self.settings)?;
            hooks::install_npn_client(&mut builder);
            Ok(builder.build())
        })?;
        Ok(self.npn_client.get_or_init(|| made))
    }

    /// What sessions must have in common to be resumed.
    pub fn session_id_context(&self) -> &[u8] {
        let own = self.settings.session_id_context.as_deref();
        own.unwrap_or(&self.derived_id_context)
    }

    /// By what peers are judged: a session made under another trust says nothing here.
    pub fn trust_digest(&self) -> &[u8; 32] {
        &self.trust_digest
    }

    /// The store that a connection must verify its peer with, set on it at the start and again when
    /// it changes to this context: the well-known roots, which are parsed when first asked for, once
    /// for the process. `None`: the store is in the `SSL_CTX`, with the revocation lists and the
    /// flags that make them count, and comes along by itself.
    pub fn shared_roots(&self) -> Result<Option<&'static X509Store>> {
        self.shares_well_known_roots
            .then(trust::well_known_roots)
            .transpose()
    }

    /// May this session be offered to a server? One that was made with other certificates or another
    /// trust may not: its peer was judged by other rules, and OpenSSL ends the handshake when the
    /// server agrees to resume it.
    pub fn accepts_session(&self, session: &SslSessionRef) -> bool {
        context::session_id_context(session) == self.derived_id_context
    }

    /// The session id context that a client must set on its connections; `None`: they have it already.
    /// It is always the derived one: what was chosen is for servers, and says nothing of whom we
    /// trust.
    pub fn client_id_context(&self) -> Option<&[u8; 32]> {
        let has_own = self.settings.session_id_context.is_some();
        has_own.then_some(&self.derived_id_context)
    }
}

/// The names of all cipher suites that the OpenSSL at hand has, as Node's `getCiphers` gives them.
pub fn supported_ciphers() -> Result<Vec<String>> {
    without_traces(Ciphers::supported)
}

/// The process's context for clients that name none: trusts the well-known roots.
pub fn default_client() -> Result<Arc<FrozenContext>> {
    static DEFAULT: OnceLock<Arc<FrozenContext>> = OnceLock::new();
    if let Some(frozen) = DEFAULT.get() {
        return Ok(Arc::clone(frozen));
    }
    let frozen = Context::new().freeze()?;
    Ok(Arc::clone(DEFAULT.get_or_init(|| frozen)))
}

fn build(settings: &Settings) -> Result<FrozenContext> {
    let (builder, versions) = builder(settings)?;
    Ok(FrozenContext {
        options: builder.options(),
        versions,
        ssl_context: builder.build(),
        npn_client: OnceLock::new(),
        has_identity: settings.identities.is_complete(),
        shares_well_known_roots: !settings.trust.is_explicit() && settings.crls.is_empty(),
        derived_id_context: session_id_context(settings)?,
        trust_digest: trust_digest(settings),
        settings: Box::default(),
    })
}

/// Everything but what concerns single connections, and the versions that are left.
fn builder(settings: &Settings) -> Result<(SslContextBuilder, (SslVersion, SslVersion))> {
    let failed =
        |stack| error_queue::from_stack(Status::NoMemory, "cannot make a TLS context", &stack);
    let mut builder = SslContextBuilder::new(SslMethod::tls()).map_err(failed)?;
    builder.set_mode(
        SslMode::ENABLE_PARTIAL_WRITE
            | SslMode::ACCEPT_MOVING_WRITE_BUFFER
            // OpenSSL would look for the issuers in every handshake: here it is done once.
            | SslMode::NO_AUTO_CHAIN,
    );
    // How often a client may do so is counted by each connection.
    const ALLOW_CLIENT_RENEGOTIATION: u64 = 1 << 8;
    builder.set_options(
        SslOptions::NO_COMPRESSION | SslOptions::from_bits_retain(ALLOW_CLIENT_RENEGOTIATION),
    );
    if settings.honor_cipher_order {
        // A client that puts ChaCha20 first has no AES in hardware: it gets its wish.
        builder.set_options(SslOptions::CIPHER_SERVER_PREFERENCE | SslOptions::PRIORITIZE_CHACHA);
    }
    settings.options.apply(&mut builder);
    settings.ciphers.apply(&mut builder)?;
    let versions = settings.versions.apply(&mut builder, &settings.ciphers)?;
    settings.groups.apply(&mut builder)?;
    settings.dh.apply(&mut builder)?;
    settings.identities.apply(&mut builder)?;
    settings.trust.apply(&settings.crls, &mut builder)?;
    if settings.trust.is_explicit() {
        settings.identities.build_chains(&mut builder);
    }
    let own_id_context = settings.session_id_context.as_deref();
    let derived = session_id_context(settings)?;
    builder
        .set_session_id_context(own_id_context.unwrap_or(&derived))
        .map_err(failed)?;
    verify::install(&mut builder);
    hooks::install(&mut builder);
    // With a callback in place OpenSSL remembers the client's server name also over a resumption.
    builder.set_servername_callback(|_ssl, _alert| Ok(()));
    Ok((builder, versions))
}

/// Derived from the leaf certificates, the CA set and the revocation lists, so that sessions with
/// client certificates can be resumed out of the box, also by another process with the same settings.
fn session_id_context(settings: &Settings) -> Result<[u8; 32]> {
    let mut hash = Sha256::new();
    settings.identities.hash(&mut hash)?;
    hash.update(&trust_digest(settings));
    Ok(hash.finish())
}

/// Of the CAs and the revocation lists.
fn trust_digest(settings: &Settings) -> [u8; 32] {
    let mut hash = Sha256::new();
    settings.trust.hash(&mut hash);
    settings.crls.hash(&mut hash);
    hash.finish()
}
