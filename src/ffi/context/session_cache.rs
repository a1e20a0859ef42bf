//! The cache of a context's client sessions.

use super::super::guard;
use super::super::status::tls_status;
use super::{change, object, tls_context};
use crate::error::Error;

/// For `tls_context_session_cache_count`: connections that resumed a session from the cache.
pub const TLS_SESSION_CACHE_HITS: i32 = 0;
/// Connections for which the cache had no session.
pub const TLS_SESSION_CACHE_MISSES: i32 = 1;
/// Connections whose server made a full handshake although a session from the cache was offered.
pub const TLS_SESSION_CACHE_REFUSED: i32 = 2;
/// Sessions that are in the cache now.
pub const TLS_SESSION_CACHE_ENTRIES: i32 = 3;

/// Has the client connections with this context keep their sessions in memory, and offer them to the
/// same servers again, by themselves. Any thread, until the context's first use.
///
/// - `entries`: how many sessions at most, up to 1,048,576. 0 (the default) keeps none.
///
/// All connections with the context share the cache, on any loop and thread. A session is kept by host
/// and port of `tls_connect` (or the path of a Unix socket; over a descriptor or stream by the host
/// alone) and by what `tls_connect_options_set_session` says that must be the same, and offered when
/// the connection to the server stands. A session in the options comes first. TLS 1.3 tickets are used
/// once, the newest first; of one server there are 8 at most. What was used longest ago gives way;
/// sessions that expired, or with which a handshake failed, are dropped, and so are those above 16 KiB;
/// what is dropped is wiped. An entry takes 1 to 3 KiB, mostly for the server's certificate. Pairs do
/// not use the cache: they do not know where they are connected to.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (too many entries), `TLS_ERR_FROZEN`. Node: the session cache of
/// `https.Agent`.
#[no_mangle]
pub extern "C" fn tls_context_set_session_cache(
    context: *mut tls_context,
    entries: usize,
) -> tls_status {
    change(context, |context| context.set_session_cache(entries))
}

/// What the cache of `tls_context_set_session_cache` has counted. Any thread.
///
/// - `what`: `TLS_SESSION_CACHE_HITS`, `_MISSES`, `_REFUSED` or `_ENTRIES`.
///
/// Returns the number, 0 without a cache; -1 on failure (`TLS_ERR_INVALID_ARGUMENT`).
#[no_mangle]
pub extern "C" fn tls_context_session_cache_count(context: *const tls_context, what: i32) -> i64 {
    guard::value(-1, || {
        let counts = object(context)?.context.session_cache_counts();
        let counts = counts.unwrap_or_default();
        let count = match what {
            TLS_SESSION_CACHE_HITS => counts.hits,
            TLS_SESSION_CACHE_MISSES => counts.misses,
            TLS_SESSION_CACHE_REFUSED => counts.refused,
            TLS_SESSION_CACHE_ENTRIES => counts.entries,
            other => {
                return Err(Error::argument(format!(
                    "one of TLS_SESSION_CACHE_*, 0 to 3, is counted, not {other}"
                )))
            }
        };
        Ok(i64::try_from(count).unwrap_or(i64::MAX))
    })
}
