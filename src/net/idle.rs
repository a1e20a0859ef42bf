//! The timeout event: nothing was received or sent for as long as the user has set.

use std::rc::Rc;
use std::time::{Duration, Instant};

use super::stream::Stream;
use super::timers::{Timer, TimerId};

pub struct Idle {
    timeout: Duration,
    since: Instant,
    timer: Option<TimerId>,
}

impl Stream {
    /// Tells the timeout event when nothing was received or sent for so long; `None`: never.
    pub fn set_timeout(self: &Rc<Self>, timeout: Option<Duration>) {
        let old = self.idle.take();
        self.event_loop.cancel(old.and_then(|idle| idle.timer));
        if let (Some(timeout), false) = (timeout, self.state.get().closed) {
            *self.idle.borrow_mut() = Some(Box::new(Idle {
                timeout,
                since: Instant::now(),
                timer: self.event_loop.arm(timeout, Timer::Idle(Rc::clone(self))),
            }));
        }
    }

    /// Bytes moved: the idle time begins anew.
    pub(super) fn note_activity(self: &Rc<Self>) {
        let mut idle = self.idle.borrow_mut();
        let Some(idle) = idle.as_mut() else {
            return;
        };
        idle.since = Instant::now();
        if idle.timer.is_none() {
            idle.timer = self
                .event_loop
                .arm(idle.timeout, Timer::Idle(Rc::clone(self)));
        }
    }

    pub(super) fn idle_timer_fired(self: &Rc<Self>, now: Instant) {
        {
            let mut idle = self.idle.borrow_mut();
            let Some(idle) = idle.as_mut() else {
                return;
            };
            let left = (idle.since + idle.timeout).saturating_duration_since(now);
            idle.timer = (!left.is_zero())
                .then(|| self.event_loop.arm(left, Timer::Idle(Rc::clone(self))))
                .flatten();
            if !left.is_zero() {
                return;
            }
        }
        self.tell(|events| events.timeout());
    }
}
