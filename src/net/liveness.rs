//! What keeps `Loop::run` going: open streams and listening servers, as far as the user has not said
//! that they shall not.

use std::cell::Cell;

use super::event_loop::Loop;

/// One of them.
#[derive(Default)]
pub struct Liveness {
    lives: Cell<bool>,
    unref: Cell<bool>,
}

impl Liveness {
    pub fn begin(&self, event_loop: &Loop) {
        self.change(event_loop, || self.lives.set(true));
    }

    pub fn end(&self, event_loop: &Loop) {
        self.change(event_loop, || self.lives.set(false));
    }

    pub fn set_ref(&self, event_loop: &Loop, on: bool) {
        self.change(event_loop, || self.unref.set(!on));
    }

    fn change(&self, event_loop: &Loop, change: impl FnOnce()) {
        let before = self.counts();
        change();
        if self.counts() != before {
            event_loop.keep_alive(!before);
        }
    }

    fn counts(&self) -> bool {
        self.lives.get() && !self.unref.get()
    }
}
