//! What is decided about a pair's peer, and renegotiation.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::{change, fact, object, tls_secure_pair, Hooks, OnPair};
use crate::engine::{NameTable, Question, Request};
use crate::error::Error;
use crate::ffi::callback::{
    tls_secure_pair_callback, tls_secure_pair_check_certificate_callback,
    tls_secure_pair_check_identity_callback, tls_secure_pair_sni_callback, Registered,
};
use crate::ffi::certificate::tls_certificate;
use crate::ffi::context::{self, tls_context};
use crate::ffi::request::{self, tls_request};
use crate::ffi::server::renegotiation_limit;
use crate::ffi::status::tls_status;
use crate::ffi::{guard, input};

type OnSni =
    unsafe extern "C-unwind" fn(*mut tls_secure_pair, *const c_char, *mut tls_request, *mut c_void);
type OnCheckCertificate = unsafe extern "C-unwind" fn(
    *mut tls_secure_pair,
    *const tls_certificate,
    *mut tls_request,
    *mut c_void,
);
type OnCheckIdentity = unsafe extern "C-unwind" fn(
    *mut tls_secure_pair,
    *const tls_certificate,
    *const c_char,
    *mut tls_request,
    *mut c_void,
);

type OnNewSession = unsafe extern "C-unwind" fn(
    *mut tls_secure_pair,
    *const u8,
    usize,
    *const u8,
    usize,
    *mut c_void,
);
type OnResumeSession = unsafe extern "C-unwind" fn(
    *mut tls_secure_pair,
    *const u8,
    usize,
    *mut tls_request,
    *mut c_void,
);

/// Callbacks that few pairs have.
#[derive(Default)]
pub(super) struct Decisions {
    sni: Registered<OnSni>,
    check_certificate: Registered<OnCheckCertificate>,
    check_identity: Registered<OnCheckIdentity>,
    pub(super) new_session: Registered<OnNewSession>,
    pub(super) resume_session: Registered<OnResumeSession>,
    pub(super) renegotiated: Registered<OnPair>,
}

impl Decisions {
    pub(super) fn silence(&self) {
        let none = std::ptr::null_mut();
        self.sni.set(None, none);
        self.check_certificate.set(None, none);
        self.check_identity.set(None, none);
        self.new_session.set(None, none);
        self.resume_session.set(None, none);
        self.renegotiated.set(None, none);
    }
}

/// Puts a question of the pair.
pub(super) fn ask(hooks: &Hooks, question: &Question, request: &Arc<Request>) -> bool {
    let (decisions, pair) = (&hooks.decisions, hooks.handle());
    // SAFETY, here and below: the user gave the function for this user data.
    match question {
        Question::ServerName(name) => {
            let Ok(name) = request::text(name) else {
                return false;
            };
            request::ask(&decisions.sni, request, |function, request, user_data| {
                // SAFETY: see above.
                unsafe { function(pair, name.as_ptr(), request, user_data) };
            })
        }
        Question::ClientCertificate(certificate) => request::ask_about(
            &decisions.check_certificate,
            certificate,
            request,
            |function, certificate, request, user_data| {
                // SAFETY: see above.
                unsafe { function(pair, certificate, request, user_data) };
            },
        ),
        Question::Session(id) => {
            request::ask(
                &decisions.resume_session,
                request,
                |function, request, user_data| {
                    // SAFETY: see above.
                    unsafe { function(pair, id.as_ptr(), id.len(), request, user_data) };
                },
            )
        }
        Question::Identity { certificate, name } => {
            let Ok(name) = name.as_deref().map(request::text).transpose() else {
                return false;
            };
            let name = name.as_ref().map_or(std::ptr::null(), |name| name.as_ptr());
            request::ask_about(
                &decisions.check_identity,
                certificate,
                request,
                |function, certificate, request, user_data| {
                    // SAFETY: see above.
                    unsafe { function(pair, certificate, name, request, user_data) };
                },
            )
        }
    }
}

/// Adds a context for a client that asks for a name, or replaces it: `tls_server_add_context` for the
/// pair of a server. Before the pair starts; any thread, one at a time.
///
/// - `hostname`, `context`: as there.
///
/// Errors: those of `tls_server_add_context`, and `TLS_ERR_INVALID_STATE` for the pair of a client or
/// once it has started.
#[no_mangle]
pub unsafe extern "C" fn tls_secure_pair_add_context(
    pair: *mut tls_secure_pair,
    hostname: *const c_char,
    context: *mut tls_context,
) -> tls_status {
    change(pair, |object| {
        // SAFETY: NUL-terminated by contract.
        let name = unsafe { input::text(hostname, "the host name") }?;
        NameTable::check(name)?;
        let context = &context::object(context)?.context;
        object
            .pair
            .add_context(name, || context.freeze_for_server())
    })
}

/// Removes what `tls_secure_pair_add_context` added for a name. Before the pair starts; any thread, one
/// at a time.
///
/// - `hostname`: as it was added; not NULL.
///
/// Errors: those of `tls_server_remove_context`, and `TLS_ERR_INVALID_STATE` for the pair of a client
/// or once it has started.
#[no_mangle]
pub unsafe extern "C" fn tls_secure_pair_remove_context(
    pair: *mut tls_secure_pair,
    hostname: *const c_char,
) -> tls_status {
    change(pair, |object| {
        // SAFETY: NUL-terminated by contract.
        let name = unsafe { input::text(hostname, "the host name") }?;
        object.pair.remove_context(name)
    })
}

/// Registers the callback that chooses the context for the name that the client asks for, as
/// `tls_server_on_sni` does for a server; NULL unregisters. Before the pair starts; any thread, one at
/// a time.
///
/// Errors: `TLS_ERR_INVALID_STATE` for the pair of a client. Node: the option `SNICallback`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_on_sni(
    pair: *mut tls_secure_pair,
    callback: tls_secure_pair_sni_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(pair, |object| {
        if !object.pair.is_server() {
            return Err(Error::state(
                "only the pair of a server is asked for a name",
            ));
        }
        object.hooks.decisions.sni.set(callback, user_data);
        object.pair.set_ask_server_name(callback.is_some());
        Ok(())
    })
}

/// Registers the callback that decides about a client whose certificate is good, as
/// `tls_server_on_check_certificate` does for a server; NULL unregisters. Any thread, one at a time.
///
/// Errors: `TLS_ERR_INVALID_STATE` for the pair of a client.
#[no_mangle]
pub extern "C" fn tls_secure_pair_on_check_certificate(
    pair: *mut tls_secure_pair,
    callback: tls_secure_pair_check_certificate_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(pair, |object| {
        if !object.pair.is_server() {
            return Err(Error::state(
                "the pair of a client has tls_secure_pair_on_check_identity",
            ));
        }
        object
            .hooks
            .decisions
            .check_certificate
            .set(callback, user_data);
        object.pair.set_ask_identity(callback.is_some());
        Ok(())
    })
}

/// Registers the callback that decides whether the server's certificate is that of the server that was
/// meant, as `tls_stream_on_check_identity` does for a stream; NULL unregisters. Any thread, one at a
/// time. The pair needs a server name, a verify name or the word that the chain alone counts all the
/// same.
///
/// Errors: `TLS_ERR_INVALID_STATE` for the pair of a server.
#[no_mangle]
pub extern "C" fn tls_secure_pair_on_check_identity(
    pair: *mut tls_secure_pair,
    callback: tls_secure_pair_check_identity_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(pair, |object| {
        if object.pair.is_server() {
            return Err(Error::state(
                "the pair of a server has tls_secure_pair_on_check_certificate",
            ));
        }
        object
            .hooks
            .decisions
            .check_identity
            .set(callback, user_data);
        object.pair.set_ask_identity(callback.is_some());
        Ok(())
    })
}

/// Registers the callback that says that a request of the pair was answered, so that the next call on
/// the pair goes on with the handshake; `tls_secure_pair_feed(pair, NULL, 0, NULL)` will do. NULL
/// unregisters. Any thread, one at a time.
///
/// It runs on the thread that answers the request, inside that call, and not at all for answers given
/// inside the callback that brought the request: the pair then goes on by itself. Mostly it wakes the
/// thread that owns the pair; it may use the pair itself only if no other thread does at that time. When
/// this call or `tls_secure_pair_free` has returned, the callback that was registered before does not
/// run any more.
#[no_mangle]
pub extern "C" fn tls_secure_pair_on_ready(
    pair: *mut tls_secure_pair,
    callback: tls_secure_pair_callback,
    user_data: *mut c_void,
) -> tls_status {
    guard::status(|| {
        let ready = Arc::clone(&object(pair)?.ready);
        // Without the pair: the callback that may be running could be about to use it.
        ready.set(pair as u64, callback, user_data);
        Ok(())
    })
}

/// Sets how often the peer may renegotiate, as `tls_server_set_client_renegotiation` does for a
/// server; it holds for the pair of a client as well. Any thread, one at a time.
///
/// - `limit`, `window_ms`: as there.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT`.
#[no_mangle]
pub extern "C" fn tls_secure_pair_set_client_renegotiation(
    pair: *mut tls_secure_pair,
    limit: u32,
    window_ms: u64,
) -> tls_status {
    change(pair, |object| {
        let limit = renegotiation_limit(limit, window_ms)?;
        object.pair.set_renegotiation_limit(limit);
        Ok(())
    })
}

/// Begins a renegotiation, as `tls_stream_renegotiate` does. Any thread, one at a time; not inside a
/// callback of the pair.
///
/// Errors: those of `tls_stream_renegotiate`, and `TLS_ERR_BUSY` inside a callback of the pair.
#[no_mangle]
pub extern "C" fn tls_secure_pair_renegotiate(
    pair: *mut tls_secure_pair,
    callback: tls_secure_pair_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(pair, |object| {
        object.pair.renegotiate(|| {
            object.hooks.decisions.renegotiated.set(callback, user_data);
        })
    })
}

/// Refuses all renegotiations that the peer asks for from now on, as
/// `tls_stream_disable_renegotiation` does. Any thread, one at a time.
///
/// Errors: `TLS_ERR_INVALID_STATE` before the pair has started.
#[no_mangle]
pub extern "C" fn tls_secure_pair_disable_renegotiation(pair: *mut tls_secure_pair) -> tls_status {
    change(pair, |object| object.pair.disable_renegotiation())
}

/// As `tls_stream_alpn_protocol`; it lives as long as the pair. Any thread, one at a time.
#[no_mangle]
pub extern "C" fn tls_secure_pair_alpn_protocol(pair: *const tls_secure_pair) -> *const c_char {
    fact(pair, |facts| facts.alpn_protocol.as_deref())
}

/// As `tls_stream_npn_protocol`; it lives as long as the pair. Any thread, one at a time.
#[no_mangle]
pub extern "C" fn tls_secure_pair_npn_protocol(pair: *const tls_secure_pair) -> *const c_char {
    fact(pair, |facts| facts.npn_protocol.as_deref())
}
