//! Now.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Two clocks: one that hosts agree on, and one that nobody sets.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Since 1970.
    pub unix_ms: u64,
    /// Since some time in this process.
    pub running_ms: u64,
}

impl Moment {
    pub fn now() -> Moment {
        static START: OnceLock<Instant> = OnceLock::new();
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let in_ms = |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Moment {
            unix_ms: since_1970.map_or(0, in_ms),
            running_ms: in_ms(START.get_or_init(Instant::now).elapsed()),
        }
    }
}
