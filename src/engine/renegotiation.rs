//! Renegotiation (TLS 1.2 and before): how often the peer may ask for one, and who is under way. A
//! renegotiation costs the server much and the client little, so that Node allows three in ten
//! minutes, and so do we, of either side's peer.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::error::{Error, Status};

/// Node's `tls.CLIENT_RENEG_LIMIT`.
pub const DEFAULT_LIMIT: u32 = 3;
/// Node's `tls.CLIENT_RENEG_WINDOW`.
pub const DEFAULT_WINDOW: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// 0: none.
    pub count: u32,
    /// Sliding: so many in any stretch of this length.
    pub window: Duration,
}

impl Default for Limit {
    fn default() -> Limit {
        Limit {
            count: DEFAULT_LIMIT,
            window: DEFAULT_WINDOW,
        }
    }
}

#[derive(Default)]
struct State {
    limit: Limit,
    disabled: bool,
    /// When the peer's were begun, not longer ago than the window.
    begun: VecDeque<Instant>,
    /// The next one is what we have asked for.
    ours: bool,
    refused: Option<Refusal>,
}

#[derive(Clone, Copy)]
enum Refusal {
    TooMany,
    Disabled,
}

/// The count of one connection. OpenSSL tells it in the middle of a call, so that it is shared.
#[derive(Default)]
pub struct Renegotiation {
    /// The first handshake is over: what begins from now on is a renegotiation.
    established: AtomicBool,
    /// Between the beginning and the end of a renegotiation.
    under_way: AtomicBool,
    finished: AtomicBool,
    /// A server is sending its request.
    asking: AtomicBool,
    state: Mutex<State>,
}

impl Renegotiation {
    pub fn new(limit: Limit) -> Renegotiation {
        let renegotiation = Renegotiation::default();
        renegotiation.lock().limit = limit;
        renegotiation
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Node's `disableRenegotiation`: from now on each attempt ends the connection.
    pub fn disable(&self) {
        self.lock().disabled = true;
    }

    pub fn set_limit(&self, limit: Limit) {
        self.lock().limit = limit;
    }

    pub fn set_established(&self) {
        self.established.store(true, Ordering::Relaxed);
    }

    /// We begin one, which does not count. A server only asks for it (`asking`): that looks to
    /// OpenSSL like a handshake of its own, up to [`Renegotiation::begun`].
    pub fn begin(&self, asking: bool) {
        self.lock().ours = true;
        self.asking.store(asking, Ordering::Relaxed);
    }

    pub fn begun(&self) {
        self.asking.store(false, Ordering::Relaxed);
    }

    pub fn started(&self) {
        if !self.established.load(Ordering::Relaxed) || self.asking.load(Ordering::Relaxed) {
            return;
        }
        self.under_way.store(true, Ordering::Relaxed);
        self.count(Instant::now());
    }

    fn count(&self, now: Instant) {
        let mut state = self.lock();
        if std::mem::take(&mut state.ours) {
            return;
        }
        let Limit { count, window } = state.limit;
        while state
            .begun
            .front()
            .is_some_and(|begun| now.duration_since(*begun) >= window)
        {
            state.begun.pop_front();
        }
        if state.disabled {
            state.refused = Some(Refusal::Disabled);
        } else if state.begun.len() >= count as usize {
            state.refused = Some(Refusal::TooMany);
        } else {
            state.begun.push_back(now);
        }
    }

    pub fn done(&self) {
        if self.under_way.swap(false, Ordering::Relaxed) {
            self.finished.store(true, Ordering::Relaxed);
        }
    }

    /// Is this handshake not the first?
    pub fn is_established(&self) -> bool {
        self.established.load(Ordering::Relaxed)
    }

    /// While it is, nothing may be written: OpenSSL would read the peer's data in the middle of a
    /// write, and take it for an error.
    #[inline]
    pub fn is_under_way(&self) -> bool {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Has one come to its end since this was asked last?
    #[inline]
    pub fn take_finished(&self) -> bool {
        self.finished.load(Ordering::Relaxed) && self.finished.swap(false, Ordering::Relaxed)
    }

    /// The peer has asked for one that it may not have.
    pub fn is_refused(&self) -> bool {
        self.lock().refused.is_some()
    }

    /// The error of that, by Node's name.
    pub fn refusal(&self) -> Option<Box<Error>> {
        Some(match self.lock().refused? {
            Refusal::TooMany => Error::new(
                Status::Tls,
                "ERR_TLS_SESSION_ATTACK",
                "TLS session renegotiation attack detected: the peer renegotiates more often than \
                 tls_server_set_client_renegotiation allows",
            ),
            Refusal::Disabled => Error::new(
                Status::Tls,
                "ERR_TLS_RENEGOTIATION_DISABLED",
                "the peer asked for a renegotiation, which is disabled for this connection",
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limited(count: u32, window_ms: u64) -> Renegotiation {
        let renegotiation = Renegotiation::new(Limit {
            count,
            window: Duration::from_millis(window_ms),
        });
        renegotiation.set_established();
        renegotiation
    }

    #[test]
    fn s02_the_window_slides() {
        let renegotiation = limited(2, 1000);
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        for ms in [0, 900, 1000, 1900] {
            renegotiation.count(at(ms));
            assert!(!renegotiation.is_refused(), "{ms}");
        }
        // A window that is counted anew from some moment on would allow it.
        renegotiation.count(at(1950));
        let error = renegotiation.refusal().unwrap();
        assert_eq!(error.name, "ERR_TLS_SESSION_ATTACK");
    }

    #[test]
    fn s02_none_at_all_with_limit_0() {
        let renegotiation = limited(0, 1000);
        renegotiation.started();
        assert!(renegotiation.is_refused());
    }

    #[test]
    fn s86_our_own_do_not_count_and_disabling_is_another_error() {
        let renegotiation = limited(0, 1000);
        renegotiation.begin(true);
        renegotiation.started();
        renegotiation.done();
        renegotiation.begun();
        assert!(!renegotiation.is_under_way() && !renegotiation.take_finished());
        renegotiation.started();
        assert!(renegotiation.is_under_way());
        renegotiation.done();
        assert!(renegotiation.take_finished() && !renegotiation.take_finished());
        assert!(!renegotiation.is_refused());
        renegotiation.disable();
        renegotiation.started();
        let error = renegotiation.refusal().unwrap();
        assert_eq!(error.name, "ERR_TLS_RENEGOTIATION_DISABLED");
    }

    #[test]
    fn s02_the_first_handshake_is_none() {
        let renegotiation = Renegotiation::default();
        renegotiation.started();
        renegotiation.done();
        assert!(!renegotiation.is_under_way() && !renegotiation.take_finished());
    }
}
