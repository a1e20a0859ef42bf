//! A timer as a file descriptor, so that a loop driven from outside wakes for its timers too
//! (timerfd_create(2); Linux).

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// A monotonic one-shot timer.
#[derive(Debug)]
pub struct TimerFd(OwnedFd);

impl TimerFd {
    pub fn new() -> io::Result<TimerFd> {
        // SAFETY: no pointers; the descriptor is ours and checked.
        unsafe {
            let fd = libc::timerfd_create(
                libc::CLOCK_MONOTONIC,
                libc::TFD_NONBLOCK | libc::TFD_CLOEXEC,
            );
            if fd < 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(TimerFd(OwnedFd::from_raw_fd(fd)))
        }
    }

    /// Becomes readable once `after` has passed; arming again replaces what was set.
    pub fn arm(&self, after: Duration) -> io::Result<()> {
        // All zero would disarm: what is due already fires after one nanosecond.
        let after = after.max(Duration::from_nanos(1));
        let setting = libc::itimerspec {
            it_interval: libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: libc::timespec {
                tv_sec: libc::time_t::try_from(after.as_secs()).unwrap_or(libc::time_t::MAX),
                tv_nsec: after.subsec_nanos().into(),
            },
        };
        // SAFETY: a live descriptor and a complete setting; the old one is not wanted.
        let result =
            unsafe { libc::timerfd_settime(self.as_raw_fd(), 0, &setting, std::ptr::null_mut()) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }
}

impl AsRawFd for TimerFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
