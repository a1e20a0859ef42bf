//! Verification of the peer's certificate inside the handshake. OpenSSL's chain building runs to its
//! end and the *last* error decides, which gives the same codes as Node; then the identity check of
//! the connection runs; then the handshake goes on or is refused with the fitting alert.

use std::sync::{Mutex, OnceLock};

use foreign_types::ForeignTypeRef;
use libc::{c_int, c_void};
use openssl::ex_data::Index;
use openssl::ssl::{Ssl, SslContextBuilder, SslRef};
use openssl::stack::{Stack, StackRef};
use openssl::x509::store::X509StoreRef;
use openssl::x509::{X509Ref, X509StoreContext, X509};

use super::openssl_ffi;
use super::{verify_code, x509_name};
use crate::error::{Error, Status, VerifyFailure};

/// Does a certificate whose chain is good belong to the peer that was meant?
pub enum Identity {
    Accepted,
    Refused(Box<Error>),
    /// It is not known yet. A client's handshake is suspended (SSL_set_retry_verify(3)), and the
    /// question comes again at the next step. OpenSSL cannot do that on a server.
    Wait,
}

/// Decides about the peer's leaf certificate; beside it is what the peer sent, as far as that is known.
pub type IdentityCheck = Box<dyn Fn(&X509Ref, Option<&StackRef<X509>>) -> Identity + Send + Sync>;

/// How one connection judges its peer, and what came of it.
pub struct PeerCheck {
    /// Refuse the handshake when the certificate is not accepted; else only remember why.
    reject: bool,
    identity: Option<IdentityCheck>,
    failure: Mutex<Option<Box<Error>>>,
}

impl PeerCheck {
    pub fn new(reject: bool, identity: Option<IdentityCheck>) -> PeerCheck {
        PeerCheck {
            reject,
            identity,
            failure: Mutex::new(None),
        }
    }

    /// Runs the identity check again: a resumed session skips the handshake's own verification.
    pub fn check_identity(&self, leaf: &X509Ref, sent: Option<&StackRef<X509>>) -> Identity {
        self.identity
            .as_ref()
            .map_or(Identity::Accepted, |check| check(leaf, sent))
    }

    pub fn rejects(&self) -> bool {
        self.reject
    }

    pub fn remember(&self, error: Option<Box<Error>>) {
        *self.failure.lock().unwrap_or_else(|e| e.into_inner()) = error;
    }

    /// Why the certificate was not accepted; `None` if it was, or if none was looked at.
    pub fn failure(&self) -> Option<Box<Error>> {
        self.failure
            .lock()
            .unwrap_or_else(|e| e.into_inner())
            .clone()
    }
}

fn index() -> Option<Index<Ssl, PeerCheck>> {
    static INDEX: OnceLock<Option<Index<Ssl, PeerCheck>>> = OnceLock::new();
    *INDEX.get_or_init(|| Ssl::new_ex_index::<PeerCheck>().ok())
}

/// Gives a connection its judge. Without one, whatever the peer shows is refused.
pub fn attach(ssl: &mut SslRef, check: PeerCheck) -> Result<(), Box<Error>> {
    let index = index().ok_or_else(|| {
        super::error_queue::take_error(Status::NoMemory, "cannot prepare verification")
    })?;
    ssl.set_ex_data(index, check);
    Ok(())
}

/// The judge of this connection.
pub fn attached(ssl: &SslRef) -> Option<&PeerCheck> {
    ssl.ex_data(index()?)
}

/// Makes all connections of a context verify through [`PeerCheck`].
pub fn install(builder: &mut SslContextBuilder) {
    // SAFETY: a live SSL_CTX; the callback needs no argument.
    unsafe {
        openssl_ffi::SSL_CTX_set_cert_verify_callback(
            builder.as_ptr(),
            Some(verify),
            std::ptr::null_mut(),
        );
    }
}

/// The error for a certificate that chain building refused.
pub fn chain_error(failure: VerifyFailure) -> Box<Error> {
    let text = verify_code::text(failure.result);
    let subject = failure.subject.replace('\n', ", ");
    let hint = match failure.result {
        10 => "; the certificate must be renewed, or this machine's clock is wrong",
        9 => "; the certificate is for later, or this machine's clock is wrong",
        18 => "; to trust it, add it with tls_context_add_ca",
        2 | 19..=21 => {
            "; add the issuing CA with tls_context_add_ca, or have the peer send the whole chain"
        }
        23 => "; its issuer has withdrawn it",
        _ => "",
    };
    let mut error = Error::new(
        Status::Verify,
        verify_code::name(failure.result),
        if subject.is_empty() {
            format!("{text}{hint}")
        } else {
            format!("{text} ({subject}){hint}")
        },
    );
    error.verify = Some(failure);
    error
}

/// The connection that a verification belongs to.
///
/// # Safety
/// `context` is the one that OpenSSL gave to a callback during a handshake.
unsafe fn connection<'a>(context: *mut openssl_sys::X509_STORE_CTX) -> Option<&'a SslRef> {
    // SAFETY: the index is libssl's own; what it holds is NULL or the live SSL of this handshake.
    unsafe {
        let ssl = openssl_sys::X509_STORE_CTX_get_ex_data(
            context,
            openssl_sys::SSL_get_ex_data_X509_STORE_CTX_idx(),
        );
        (!ssl.is_null()).then(|| SslRef::from_ptr(ssl.cast()))
    }
}

/// Called for each certificate: remembers the last failure and lets the building go on.
unsafe extern "C" fn remember_and_go_on(
    ok: c_int,
    context: *mut openssl_sys::X509_STORE_CTX,
) -> c_int {
    if ok != 1 {
        // SAFETY: OpenSSL calls us during a handshake with a live context; the certificate is
        // NULL or borrowed from it.
        let _ = std::panic::catch_unwind(|| unsafe {
            let Some(check) = connection(context).and_then(attached) else {
                return;
            };
            let certificate = openssl_sys::X509_STORE_CTX_get_current_cert(context);
            let subject = if certificate.is_null() {
                String::new()
            } else {
                x509_name::text(X509Ref::from_ptr(certificate).subject_name())
            };
            check.remember(Some(chain_error(VerifyFailure {
                result: openssl_sys::X509_STORE_CTX_get_error(context),
                depth: openssl_sys::X509_STORE_CTX_get_error_depth(context),
                subject,
            })));
        });
    }
    1
}

unsafe extern "C" fn verify(
    context: *mut openssl_sys::X509_STORE_CTX,
    _argument: *mut c_void,
) -> c_int {
    // SAFETY: OpenSSL calls us during a handshake with a live context; a panic stops here and
    // refuses the peer.
    std::panic::catch_unwind(|| unsafe { verify_peer(context) }).unwrap_or(0)
}

/// # Safety
/// `context` is the one that OpenSSL gave to the verification callback.
unsafe fn verify_peer(context: *mut openssl_sys::X509_STORE_CTX) -> c_int {
    // SAFETY: the caller's promise; the leaf and what came with it are borrowed from the context.
    unsafe {
        let Some(check) = connection(context).and_then(attached) else {
            openssl_sys::X509_STORE_CTX_set_error(context, verify_code::APPLICATION_VERIFICATION);
            return 0;
        };
        check.remember(None);
        openssl_ffi::X509_STORE_CTX_set_verify_cb(context, remember_and_go_on);
        let finished = openssl_sys::X509_verify_cert(context) == 1;
        let result = openssl_sys::X509_STORE_CTX_get_error(context);
        if !finished && result == verify_code::OK {
            openssl_sys::X509_STORE_CTX_set_error(context, verify_code::APPLICATION_VERIFICATION);
        }
        if !finished || result != verify_code::OK {
            if check.failure().is_none() {
                check.remember(Some(chain_error(VerifyFailure {
                    result: openssl_sys::X509_STORE_CTX_get_error(context),
                    depth: openssl_sys::X509_STORE_CTX_get_error_depth(context),
                    subject: String::new(),
                })));
            }
            // An internal failure is never let pass, whatever the policy.
            return c_int::from(finished && !check.reject);
        }
        let leaf = openssl_ffi::X509_STORE_CTX_get0_cert(context);
        if leaf.is_null() {
            return 0;
        }
        let sent = openssl_ffi::X509_STORE_CTX_get0_untrusted(context);
        let sent = (!sent.is_null()).then(|| StackRef::from_ptr(sent));
        match check.check_identity(X509Ref::from_ptr(leaf), sent) {
            Identity::Accepted => 1,
            Identity::Refused(error) => {
                openssl_sys::X509_STORE_CTX_set_error(context, verify_code::HOSTNAME_MISMATCH);
                check.remember(Some(error));
                c_int::from(!check.reject)
            }
            Identity::Wait => suspend(context),
        }
    }
}

/// # Safety
/// As for [`verify_peer`], on a client.
unsafe fn suspend(context: *mut openssl_sys::X509_STORE_CTX) -> c_int {
    const SET_RETRY_VERIFY: c_int = 136;
    // SAFETY: the caller's promise; the connection is live.
    unsafe {
        let Some(ssl) = connection(context) else {
            return 0;
        };
        openssl_sys::SSL_ctrl(ssl.as_ptr(), SET_RETRY_VERIFY, 0, std::ptr::null_mut());
    }
    1
}

/// Judges a client's certificate anew, as the handshake would.
pub fn client_again(
    store: &X509StoreRef,
    leaf: &X509Ref,
    chain: &[X509],
    security_level: u32,
) -> Result<(), Box<Error>> {
    let no_memory = |stack: openssl::error::ErrorStack| {
        drop(stack);
        super::error_queue::take_error(Status::NoMemory, "cannot verify the certificate")
    };
    let mut untrusted = Stack::new().map_err(no_memory)?;
    for certificate in chain {
        untrusted.push(certificate.clone()).map_err(no_memory)?;
    }
    super::error_queue::begin();
    let mut context = X509StoreContext::new().map_err(no_memory)?;
    let judged = context.init(store, leaf, &untrusted, |context| {
        // SAFETY: a context that was just made; the calls set values.
        unsafe {
            openssl_ffi::X509_STORE_CTX_set_default(context.as_ptr(), c"ssl_client".as_ptr());
            let parameters = openssl_ffi::X509_STORE_CTX_get0_param(context.as_ptr());
            openssl_ffi::X509_VERIFY_PARAM_set_auth_level(
                parameters,
                c_int::try_from(security_level).unwrap_or(c_int::MAX),
            );
        }
        context.verify_cert()?;
        Ok((context.error().as_raw(), context.error_depth()))
    });
    super::error_queue::begin();
    match judged {
        Ok((verify_code::OK, _)) => Ok(()),
        Ok((result, depth)) => Err(chain_error(VerifyFailure {
            result,
            depth: depth as i32,
            subject: x509_name::text(leaf.subject_name()),
        })),
        Err(stack) => Err(no_memory(stack)),
    }
}
