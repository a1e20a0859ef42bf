//! Who we are and whom we trust. A [`Context`] is built with setters that check at once, freezes at
//! its first use, and is then shared by any number of loops, threads and connections.

mod certificate;
mod ciphers;
mod file;
#[cfg(test)]
mod fixtures;
mod identity;
mod protocol;
mod trust;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use openssl::sha::Sha256;
use openssl::ssl::{
    SslContext, SslContextBuilder, SslContextRef, SslMethod, SslMode, SslOptions,
};

use crate::error::{Error, Result, Status};
use crate::sys::{error_queue, verify};

pub use certificate::Certificate;
pub use file::read_file;

use ciphers::Ciphers;
use identity::Identities;
use protocol::Versions;
use trust::Trust;

#[derive(Default)]
struct State {
    identities: Identities,
    trust: Trust,
    ciphers: Ciphers,
    versions: Versions,
    honor_cipher_order: bool,
    frozen: Option<Arc<FrozenContext>>,
}

/// Settings of servers, clients and pairs. All methods may be called from any thread; each checks
/// what it is given at once, and changes nothing when it fails.
#[derive(Default)]
pub struct Context {
    state: Mutex<State>,
}

impl Context {
    pub fn new() -> Arc<Context> {
        Arc::new(Context::default())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in a setter leaves the state as it was: each assigns in its last step.
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let mut state = self.lock();
        if state.frozen.is_some() {
            return Err(Error::new(
                Status::Frozen,
                "ERR_CONTEXT_FROZEN",
                "the context is in use and cannot be changed any more: make another one",
            ));
        }
        change(&mut state)
    }

    /// The certificate, and after it those that lead to the CA, from one PEM text.
    pub fn set_cert(&self, pem: &[u8]) -> Result<()> {
        self.change(|state| state.identities.set_cert(pem))
    }

    /// The private key of a certificate that is set already, or will be.
    pub fn set_key(&self, pem: &[u8], passphrase: Option<&[u8]>) -> Result<()> {
        self.change(|state| state.identities.set_key(pem, passphrase))
    }

    /// Certificate and key in one step; replaces those of the same key type.
    pub fn set_identity(&self, cert: &[u8], key: &[u8], passphrase: Option<&[u8]>) -> Result<()> {
        self.change(|state| state.identities.set_both(cert, key, passphrase))
    }

    /// Trusts one or more CAs, in place of the well-known ones.
    pub fn add_ca(&self, pem: &[u8]) -> Result<()> {
        self.change(|state| state.trust.add(pem))
    }

    /// Trusts nobody, until the next `add_ca`.
    pub fn clear_ca(&self) -> Result<()> {
        self.change(|state| {
            state.trust.clear();
            Ok(())
        })
    }

    /// TLS 1.3 suites and OpenSSL's cipher list in one text, as Node takes it.
    pub fn set_ciphers(&self, list: &str) -> Result<()> {
        self.change(|state| {
            state.ciphers = Ciphers::parse(list)?;
            Ok(())
        })
    }

    /// The server's preference wins.
    pub fn set_honor_cipher_order(&self, on: bool) -> Result<()> {
        self.change(|state| {
            state.honor_cipher_order = on;
            Ok(())
        })
    }

    /// The versions by Node's method names.
    pub fn set_secure_protocol(&self, method: &str) -> Result<()> {
        self.change(|state| {
            state.versions = Versions::of_method(method)?;
            Ok(())
        })
    }

    pub fn set_min_version(&self, version: &str) -> Result<()> {
        self.change(|state| {
            state.versions = state.versions.with_min(version)?;
            Ok(())
        })
    }

    pub fn set_max_version(&self, version: &str) -> Result<()> {
        self.change(|state| {
            state.versions = state.versions.with_max(version)?;
            Ok(())
        })
    }

    /// The immutable form, made at the first call. After an error the context can still be changed.
    pub fn freeze(&self) -> Result<Arc<FrozenContext>> {
        let mut state = self.lock();
        if let Some(frozen) = &state.frozen {
            return Ok(Arc::clone(frozen));
        }
        let frozen = Arc::new(build(&state)?);
        state.frozen = Some(Arc::clone(&frozen));
        Ok(frozen)
    }
}

/// One `SSL_CTX` for both roles, immutable from now on.
pub struct FrozenContext {
    ssl_context: SslContext,
    has_identity: bool,
}

impl FrozenContext {
    pub fn ssl_context(&self) -> &SslContextRef {
        &self.ssl_context
    }

    /// Is there a certificate with its key?
    pub fn has_identity(&self) -> bool {
        self.has_identity
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

fn build(state: &State) -> Result<FrozenContext> {
    error_queue::begin();
    let failed = |stack| {
        error_queue::from_stack(Status::NoMemory, "cannot make a TLS context", &stack)
    };
    let mut builder = SslContextBuilder::new(SslMethod::tls()).map_err(failed)?;
    builder.set_mode(SslMode::ENABLE_PARTIAL_WRITE | SslMode::ACCEPT_MOVING_WRITE_BUFFER);
    builder.set_options(SslOptions::NO_COMPRESSION);
    if state.honor_cipher_order {
        // A client that puts ChaCha20 first has no AES in hardware: it gets its wish.
        builder.set_options(SslOptions::CIPHER_SERVER_PREFERENCE | SslOptions::PRIORITIZE_CHACHA);
    }
    state.ciphers.apply(&mut builder)?;
    state
        .versions
        .apply(&mut builder, state.ciphers.security_level())?;
    state.identities.apply(&mut builder)?;
    state.trust.apply(&mut builder)?;
    builder
        .set_session_id_context(&session_id_context(state)?)
        .map_err(failed)?;
    verify::install(&mut builder);
    // With a callback in place OpenSSL remembers the client's server name also over a resumption.
    builder.set_servername_callback(|_ssl, _alert| Ok(()));
    Ok(FrozenContext {
        ssl_context: builder.build(),
        has_identity: state.identities.is_complete(),
    })
}

/// Derived from the leaf certificates and the CA set, so that sessions with client certificates can
/// be resumed out of the box, also by another process with the same settings.
fn session_id_context(state: &State) -> Result<[u8; 32]> {
    let mut hash = Sha256::new();
    state.identities.hash(&mut hash)?;
    state.trust.hash(&mut hash)?;
    Ok(hash.finish())
}

#[cfg(test)]
mod tests {
    use super::fixtures::Authority;
    use super::*;

    #[test]
    fn c105_a_frozen_context_cannot_be_changed_and_stays_the_same() {
        let context = Context::new();
        let first = context.freeze().unwrap();
        let error = context.set_ciphers("HIGH").unwrap_err();
        assert_eq!(error.status, Status::Frozen);
        assert!(Arc::ptr_eq(&first, &context.freeze().unwrap()));
        assert!(!first.has_identity());
    }

    #[test]
    fn a_failed_freeze_can_be_mended() {
        let context = Context::new();
        context.set_max_version("TLSv1.1").unwrap_err();
        context.set_secure_protocol("TLSv1_1_method").unwrap();
        assert_eq!(context.freeze().err().unwrap().status, Status::Protocol);
        context.set_ciphers("ALL:@SECLEVEL=0").unwrap();
        context.freeze().unwrap();
    }

    #[test]
    fn s23_the_session_id_context_follows_identity_and_trust() {
        let authority = Authority::new();
        let (cert, key) = authority.issue_ec("localhost");
        let make = |with_ca: bool| {
            let mut state = State::default();
            state.identities.set_both(&cert, &key, None).unwrap();
            if with_ca {
                state.trust.add(&authority.pem()).unwrap();
            }
            session_id_context(&state).unwrap()
        };
        assert_eq!(make(true), make(true));
        assert_ne!(make(true), make(false));
    }

    #[test]
    fn s30_the_default_client_is_shared() {
        let first = default_client().unwrap();
        assert!(Arc::ptr_eq(&first, &default_client().unwrap()));
    }
}
