//! What a context freezes to: immutable, shared by any number of connections.

use std::sync::{Arc, Mutex, OnceLock};

use openssl::sha::Sha256;
use openssl::ssl::{
    SslContext, SslContextBuilder, SslContextRef, SslMethod, SslMode, SslOptions, SslVersion,
};
use openssl::x509::store::{X509Store, X509StoreRef};

use super::{
    trust, without_traces, ClientAuth, Context, ProtocolList, SessionCache, Settings, TicketRing,
};
use crate::error::{Result, Status};
use crate::sys::{error_queue, hooks, session, ticket_keys, verify};

/// What OpenSSL lets an `SSL_CTX` say for all of its connections or for none: so there is one for
/// each, made when first asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Sessions are kept in OpenSSL's cache and in tickets.
    Server,
    /// Sessions are kept by the user.
    StoringServer,
    Client,
    /// NPN is offered.
    NpnClient,
}

const PARTS: usize = 4;

impl Part {
    fn install(self, builder: &mut SslContextBuilder) {
        match self {
            Part::Server => session::keep_internally(builder),
            Part::StoringServer => session::ask_user(builder),
            Part::Client => session::tell_client(builder),
            Part::NpnClient => {
                session::tell_client(builder);
                hooks::install_npn_client(builder);
            }
        }
    }
}

pub struct FrozenContext {
    parts: [OnceLock<SslContext>; PARTS],
    settings: Settings,
    /// They count, without revocation lists, so that no store of its own was needed.
    shares_well_known_roots: bool,
    /// What the settings say that sessions have in common; servers may be told another.
    pub(super) derived_id_context: [u8; 32],
    trust_digest: [u8; 32],
    client_policy: [u8; 32],
    ciphers_digest: [u8; 32],
    options: SslOptions,
    versions: (SslVersion, SslVersion),
    /// The one setting that may change.
    ticket_ring: Mutex<Arc<TicketRing>>,
}

impl FrozenContext {
    /// Takes the settings, if they go together.
    pub(super) fn of(settings: &mut Settings) -> Result<FrozenContext> {
        let (mut builder, versions) = builder(settings)?;
        let part = if settings.identities.is_complete() {
            Part::Server
        } else {
            Part::Client
        };
        part.install(&mut builder);
        let derived_id_context = session_id_context(settings)?;
        let frozen = FrozenContext {
            parts: [const { OnceLock::new() }; PARTS],
            options: builder.options(),
            versions,
            shares_well_known_roots: !settings.trust.is_explicit() && settings.crls.is_empty(),
            derived_id_context,
            trust_digest: trust_digest(settings),
            ciphers_digest: settings.ciphers.digest(),
            ticket_ring: Mutex::new(settings.ticket_ring()?),
            client_policy: client_policy(settings, &derived_id_context),
            settings: std::mem::take(settings),
        };
        let _ = frozen.parts[part as usize].set(builder.build());
        Ok(frozen)
    }

    pub fn ssl_context(&self, part: Part) -> Result<&SslContextRef> {
        let place = &self.parts[part as usize];
        if let Some(made) = place.get() {
            return Ok(made);
        }
        let made = without_traces(|| {
            let (mut builder, _) = builder(&self.settings)?;
            part.install(&mut builder);
            Ok(builder.build())
        })?;
        Ok(place.get_or_init(|| made))
    }

    /// Is there a certificate with its key?
    pub fn has_identity(&self) -> bool {
        self.settings.identities.is_complete()
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

    /// The keys of session tickets that count now, for servers that listen with this context.
    pub fn ticket_ring(&self) -> Arc<TicketRing> {
        Arc::clone(&self.ticket_ring.lock().unwrap_or_else(|e| e.into_inner()))
    }

    pub(super) fn set_ticket_ring(&self, ring: Arc<TicketRing>) {
        *self.ticket_ring.lock().unwrap_or_else(|e| e.into_inner()) = ring;
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

    /// By which a session's peer can be judged again.
    pub fn verify_store(&self) -> Result<&X509StoreRef> {
        match self.shared_roots()? {
            Some(roots) => Ok(roots),
            None => Ok(self.ssl_context(Part::Server)?.cert_store()),
        }
    }

    pub fn security_level(&self) -> u32 {
        self.settings.ciphers.security_level()
    }

    /// Of what the ciphers were set to.
    pub fn ciphers_digest(&self) -> &[u8; 32] {
        &self.ciphers_digest
    }

    /// By what clients judge servers, and as whom they come: what sessions of clients must have in
    /// common, beside the names.
    pub fn client_policy(&self) -> &[u8; 32] {
        &self.client_policy
    }

    /// The sessions of clients.
    pub fn session_cache(&self) -> Option<&Arc<SessionCache>> {
        self.settings.session_cache.as_ref()
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
    if let Some(count) = settings.num_tickets {
        builder.set_num_tickets(count).map_err(failed)?;
    }
    verify::install(&mut builder);
    hooks::install(&mut builder);
    ticket_keys::install(&mut builder);
    // With a callback in place OpenSSL remembers the client's server name also over a resumption.
    builder.set_servername_callback(|_ssl, _alert| Ok(()));
    Ok((builder, versions))
}

/// Derived from the leaf certificates, the CA set and the revocation lists, so that sessions with
/// client certificates can be resumed out of the box, also by another process with the same settings.
pub(super) fn session_id_context(settings: &Settings) -> Result<[u8; 32]> {
    let mut hash = Sha256::new();
    settings.identities.hash(&mut hash)?;
    hash.update(&trust_digest(settings));
    Ok(hash.finish())
}

/// The ciphers are part of it for their security level, by which certificates are judged, and because
/// OpenSSL offers a session also where its cipher is no longer allowed, which ends the handshake.
fn client_policy(settings: &Settings, derived_id_context: &[u8; 32]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"client");
    hash.update(derived_id_context);
    settings.ciphers.hash(&mut hash);
    hash.finish()
}

/// Of the CAs and the revocation lists.
fn trust_digest(settings: &Settings) -> [u8; 32] {
    let mut hash = Sha256::new();
    settings.trust.hash(&mut hash);
    settings.crls.hash(&mut hash);
    hash.finish()
}
