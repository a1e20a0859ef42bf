//! Who we are and whom we trust. A [`Context`] is built with setters that check at once, freezes at
//! its first use, and is then shared by any number of loops, threads and connections.

mod certificate;
mod cipher_names;
mod ciphers;
mod client_auth;
mod crl;
mod distinct;
mod file;
#[cfg(test)]
pub(crate) mod fixtures;
mod identity;
mod pem;
mod protocol;
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
use crate::sys::{context, error_queue, verify};

pub use certificate::{Attribute, Certificate, Details};
pub use client_auth::ClientAuth;
pub use file::read_file;

use ciphers::Ciphers;
use crl::Crls;
use identity::Identities;
use protocol::Versions;
use trust::Trust;

#[derive(Default)]
struct Settings {
    identities: Identities,
    trust: Trust,
    crls: Crls,
    ciphers: Ciphers,
    versions: Versions,
    honor_cipher_order: bool,
    client_auth: ClientAuth,
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
        self.change(|settings| settings.identities.set_cert(pem))
    }

    /// The private key of a certificate that is set already, or will be.
    pub fn set_key(&self, pem: &[u8], passphrase: Option<&[u8]>) -> Result<()> {
        self.change(|settings| settings.identities.set_key(pem, passphrase))
    }

    /// Certificate and key in one step; replaces those of the same key type.
    pub fn set_identity(&self, cert: &[u8], key: &[u8], passphrase: Option<&[u8]>) -> Result<()> {
        self.change(|settings| settings.identities.set_both(cert, key, passphrase))
    }

    /// Trusts one or more CAs, in place of the well-known ones.
    pub fn add_ca(&self, pem: &[u8]) -> Result<()> {
        self.change(|settings| settings.trust.add(pem))
    }

    /// Trusts nobody, until the next `add_ca`.
    pub fn clear_ca(&self) -> Result<()> {
        self.change(|settings| {
            settings.trust.clear();
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
        let settings = match &*state {
            State::Frozen(frozen) => return Ok(Arc::clone(frozen)),
            State::Open(settings) => settings,
        };
        let frozen = Arc::new(without_traces(|| build(settings))?);
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
    has_identity: bool,
    /// They count, without revocation lists, so that no store of its own was needed.
    shares_well_known_roots: bool,
    session_id_context: [u8; 32],
    options: SslOptions,
    versions: (SslVersion, SslVersion),
    client_auth: ClientAuth,
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
        None
    }

    /// What a server asks of its clients here.
    pub fn client_auth(&self) -> ClientAuth {
        self.client_auth
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
        context::session_id_context(session) == self.session_id_context
    }
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
    let failed =
        |stack| error_queue::from_stack(Status::NoMemory, "cannot make a TLS context", &stack);
    let mut builder = SslContextBuilder::new(SslMethod::tls()).map_err(failed)?;
    builder.set_mode(
        SslMode::ENABLE_PARTIAL_WRITE
            | SslMode::ACCEPT_MOVING_WRITE_BUFFER
            // OpenSSL would look for the issuers in every handshake: here it is done once.
            | SslMode::NO_AUTO_CHAIN,
    );
    builder.set_options(SslOptions::NO_COMPRESSION);
    if settings.honor_cipher_order {
        // A client that puts ChaCha20 first has no AES in hardware: it gets its wish.
        builder.set_options(SslOptions::CIPHER_SERVER_PREFERENCE | SslOptions::PRIORITIZE_CHACHA);
    }
    settings.ciphers.apply(&mut builder)?;
    let versions = settings.versions.apply(&mut builder, &settings.ciphers)?;
    settings.identities.apply(&mut builder)?;
    settings.trust.apply(&settings.crls, &mut builder)?;
    if settings.trust.is_explicit() {
        settings.identities.build_chains(&mut builder);
    }
    let session_id_context = session_id_context(settings)?;
    builder
        .set_session_id_context(&session_id_context)
        .map_err(failed)?;
    verify::install(&mut builder);
    // With a callback in place OpenSSL remembers the client's server name also over a resumption.
    builder.set_servername_callback(|_ssl, _alert| Ok(()));
    Ok(FrozenContext {
        options: builder.options(),
        versions,
        client_auth: settings.client_auth,
        ssl_context: builder.build(),
        has_identity: settings.identities.is_complete(),
        shares_well_known_roots: !settings.trust.is_explicit() && settings.crls.is_empty(),
        session_id_context,
    })
}

/// Derived from the leaf certificates, the CA set and the revocation lists, so that sessions with client certificates can
/// be resumed out of the box, also by another process with the same settings.
fn session_id_context(settings: &Settings) -> Result<[u8; 32]> {
    let mut hash = Sha256::new();
    settings.identities.hash(&mut hash)?;
    settings.trust.hash(&mut hash);
    settings.crls.hash(&mut hash);
    Ok(hash.finish())
}
