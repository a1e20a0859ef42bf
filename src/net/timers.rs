//! The loop's timers, by deadline.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::server::Server;
use super::stream::Stream;

/// What is due.
#[derive(Clone)]
pub enum Timer {
    /// The handshake took too long.
    Handshake(Rc<Stream>),
    /// Nothing was received or sent for as long as the user set.
    Idle(Rc<Stream>),
    /// Try the next address as well (RFC 8305, 5).
    NextAttempt(Rc<Stream>),
    /// A question of the stream must be answered by now.
    Answer(Rc<Stream>),
    /// Accepting failed for want of descriptors or memory: try again.
    AcceptAgain(Rc<Server>),
}

/// Names an armed timer, to cancel it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerId(Instant, u64);

#[derive(Default)]
pub struct Timers {
    armed: BTreeMap<TimerId, Timer>,
    serial: u64,
}

impl Timers {
    /// Arms a timer. A duration beyond what the clock can hold never fires, and has no id.
    pub fn arm(&mut self, after: Duration, timer: Timer) -> Option<TimerId> {
        let deadline = Instant::now().checked_add(after)?;
        self.serial += 1;
        let id = TimerId(deadline, self.serial);
        self.armed.insert(id, timer);
        Some(id)
    }

    pub fn cancel(&mut self, id: TimerId) {
        self.armed.remove(&id);
    }

    /// The first timer that is due at `now`.
    pub fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let first = self.armed.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    pub fn next_deadline(&self) -> Option<Instant> {
        self.armed.first_key_value().map(|(id, _)| id.0)
    }

    pub fn clear(&mut self) {
        self.armed.clear();
    }
}
