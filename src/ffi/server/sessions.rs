//! How a server keeps the sessions of its clients.

use std::ffi::c_void;
use std::time::Duration;

use super::super::callback::{tls_server_new_session_callback, tls_server_resume_session_callback};
use super::super::guard;
use super::super::input;
use super::super::status::tls_status;
use super::{change, object, tls_server};
use crate::engine::Count;
use crate::error::{Error, Result};

/// For `tls_server_session_count`: handshakes that resumed nothing, whether a session was offered or not.
pub const TLS_SESSIONS_FULL: i32 = 0;
/// Sessions resumed from a ticket.
pub const TLS_SESSIONS_HIT_TICKET: i32 = 1;
/// Sessions resumed from the cache inside.
pub const TLS_SESSIONS_HIT_CACHE: i32 = 2;
/// Sessions resumed from what the program keeps.
pub const TLS_SESSIONS_HIT_STORE: i32 = 3;
/// Sessions that neither the cache nor the program knew.
pub const TLS_SESSIONS_MISS_UNKNOWN_ID: i32 = 4;
/// Tickets made with a key that is gone, or was never ours.
pub const TLS_SESSIONS_MISS_UNKNOWN_KEY: i32 = 5;
/// Sessions that are too old.
pub const TLS_SESSIONS_MISS_EXPIRED: i32 = 6;
/// Sessions of another server name, or of another policy, or whose client certificate is not good any
/// more.
pub const TLS_SESSIONS_MISS_POLICY: i32 = 7;
/// What the program kept was altered, or sealed with a key that is gone.
pub const TLS_SESSIONS_MISS_SEALED: i32 = 8;
/// The program did not answer in time.
pub const TLS_SESSIONS_MISS_STORE_TIMEOUT: i32 = 9;
/// The program could not look the session up, or rejected the request.
pub const TLS_SESSIONS_MISS_STORE_ERROR: i32 = 10;

fn count_of(what: i32) -> Result<Count> {
    Ok(match what {
        TLS_SESSIONS_FULL => Count::Full,
        TLS_SESSIONS_HIT_TICKET => Count::HitTicket,
        TLS_SESSIONS_HIT_CACHE => Count::HitCache,
        TLS_SESSIONS_HIT_STORE => Count::HitStore,
        TLS_SESSIONS_MISS_UNKNOWN_ID => Count::MissUnknownId,
        TLS_SESSIONS_MISS_UNKNOWN_KEY => Count::MissUnknownKey,
        TLS_SESSIONS_MISS_EXPIRED => Count::MissExpired,
        TLS_SESSIONS_MISS_POLICY => Count::MissPolicy,
        TLS_SESSIONS_MISS_SEALED => Count::MissSealed,
        TLS_SESSIONS_MISS_STORE_TIMEOUT => Count::MissStoreTimeout,
        TLS_SESSIONS_MISS_STORE_ERROR => Count::MissStoreError,
        other => {
            return Err(Error::argument(format!(
                "what to count must be one of TLS_SESSIONS_*, 0 to 10, not {other}"
            )))
        }
    })
}

/// Registers the callback of each session that is made, to be kept outside, by its id: in a database, say,
/// that other processes and hosts ask as well; NULL unregisters. For connections to come. The loop's
/// thread.
///
/// Its arguments: the server, the stream (on which the handshake is just over), the id (32 bytes), and
/// the session. What is given is sealed with the newest key of the server's ticket ring (see
/// `tls_context_set_ticket_ring`), for this id: the store can neither read it nor alter it, and whoever
/// shall resume it needs that key. Both are valid until the callback returns.
///
/// While this or `tls_server_on_resume_session` is registered, clients get no stateless tickets, which all
/// modern ones would take in place of it; `tls_server_set_session_tickets` may say otherwise. On TLS
/// 1.2 there is one session for each full handshake; on TLS 1.3 as many as tickets are sent
/// (`tls_context_set_num_tickets`), also after a resumption. A TLS 1.3 client uses each once, so a
/// store should take it out when it is asked for it; a session of TLS 1.2 is used again.
/// `tls_stream_protocol` tells which it is, here already; when a client comes back with it, nothing
/// does, so keep the two apart.
///
/// Node: `'newSession'`, which comes on TLS 1.2 only.
#[no_mangle]
pub extern "C" fn tls_server_on_new_session(
    server: *mut tls_server,
    callback: tls_server_new_session_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(server, |object| {
        object.new_session.set(callback, user_data);
        object.listen();
        Ok(())
    })
}

/// Registers the callback that is asked for the session that a client offers by its id; NULL unregisters.
/// For connections to come. The loop's thread.
///
/// Its arguments: the server, the stream (not secure yet), the id, which is valid until the callback
/// returns, and a request for `tls_request_resolve_session` or `tls_request_reject`, now or later, on any
/// thread. Until then the connection waits, others are served; after
/// `tls_server_set_resume_session_timeout` its handshake goes on as a full one. Ids that cannot be known
/// to a store are not asked for.
///
/// What comes back is resumed only if it was not altered and is of this id, of the same server name,
/// session id context and client-certificate policy, not expired, and its client's certificate, if it
/// has one, is still good; else the handshake goes on as a full one, and `tls_server_session_count` says
/// why.
///
/// Node: `'resumeSession'`, which cannot resume on TLS 1.3.
#[no_mangle]
pub extern "C" fn tls_server_on_resume_session(
    server: *mut tls_server,
    callback: tls_server_resume_session_callback,
    user_data: *mut c_void,
) -> tls_status {
    change(server, |object| {
        object.resume_session.set(callback, user_data);
        object.listen();
        Ok(())
    })
}

/// Sets how long a connection waits for the answer to a resumeSession request. For requests to come. The
/// loop's thread.
///
/// - `milliseconds`: 0 is the default of 5 seconds. The handshake timeout goes on meanwhile.
///
/// Node has no counterpart: a request that is never answered holds its connection.
#[no_mangle]
pub extern "C" fn tls_server_set_resume_session_timeout(
    server: *mut tls_server,
    milliseconds: u64,
) -> tls_status {
    change(server, |object| {
        let timeout = (milliseconds > 0).then(|| Duration::from_millis(milliseconds));
        object.server.set_resume_session_timeout(timeout);
        Ok(())
    })
}

/// Says whether clients get stateless tickets (1), which hold the whole session sealed with the keys of
/// the ticket ring, or not (0). Without this call they do, unless sessions are kept by the program
/// (`tls_server_on_new_session`). For connections to come. The loop's thread.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT`. Node: `SSL_OP_NO_TICKET` in `secureOptions`.
#[no_mangle]
pub extern "C" fn tls_server_set_session_tickets(
    server: *mut tls_server,
    enabled: i32,
) -> tls_status {
    change(server, |object| {
        let enabled = input::flag(enabled, "enabled")?;
        object
            .server
            .change_keeping(|keeping| keeping.tickets = Some(enabled));
        Ok(())
    })
}

/// How often something became of the sessions of this server's clients, since it was made. A session
/// that is not resumed is no error, only a full handshake: here is why. -1 on failure. The loop's thread.
///
/// - `what`: one of `TLS_SESSIONS_*`.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT`. Node has no counterpart.
#[no_mangle]
pub extern "C" fn tls_server_session_count(server: *const tls_server, what: i32) -> i64 {
    guard::value(-1, || {
        let count = object(server)?.server.session_count(count_of(what)?);
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    })
}
