//! The sessions that OpenSSL tells a client of in the middle of a call, until somebody takes them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use openssl::ssl::SslSession;

/// How many wait there is bounded by the number of messages that a peer may send in a row.
#[derive(Default)]
pub struct Tickets {
    wanted: AtomicBool,
    /// Spares the lock, which would be taken for each record.
    any: AtomicBool,
    waiting: Mutex<VecDeque<SslSession>>,
}

impl Tickets {
    /// Is there somebody who will take them?
    pub fn set_wanted(&self, on: bool) {
        self.wanted.store(on, Ordering::Relaxed);
    }

    pub fn put(&self, session: impl FnOnce() -> SslSession) {
        if self.wanted.load(Ordering::Relaxed) {
            self.lock().push_back(session());
            self.any.store(true, Ordering::Relaxed);
        }
    }

    #[inline]
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// The oldest.
    #[inline]
    pub fn take(&self) -> Option<SslSession> {
        if !self.any() {
            return None;
        }
        let mut waiting = self.lock();
        let first = waiting.pop_front();
        if waiting.is_empty() {
            *waiting = VecDeque::new();
            self.any.store(false, Ordering::Relaxed);
        }
        first
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<SslSession>> {
        self.waiting.lock().unwrap_or_else(|e| e.into_inner())
    }
}
