//! The part of a loop that any thread may use: posting work and stopping.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use mio::{Token, Waker};

use crate::error::{Error, Result, Status};

/// Work for the loop's thread.
pub(super) enum Work {
    Task(Box<dyn FnOnce() + Send>),
    /// A host name was looked up for the stream that has this token.
    Resolved(Token, std::io::Result<Vec<SocketAddr>>),
    /// What the stream that has this token asked was answered.
    Answered(Token),
}

pub struct Remote {
    waker: Waker,
    work: Mutex<Option<VecDeque<Work>>>,
    /// There may be something in `work`: saves the lock in every turn.
    posted: AtomicBool,
    stop: AtomicBool,
}

impl Remote {
    pub(super) fn new(waker: Waker) -> Remote {
        Remote {
            waker,
            work: Mutex::new(Some(VecDeque::new())),
            posted: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        }
    }

    /// Has `task` run by the loop's thread in its next turn. A task that never runs is dropped with
    /// the loop.
    pub fn post(&self, task: Box<dyn FnOnce() + Send>) -> Result<()> {
        self.push(Work::Task(task))
    }

    /// Makes `Loop::run` return after the turn that is under way, or the next one to come.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
    }

    pub(super) fn push(&self, work: Work) -> Result<()> {
        match self.lock().as_mut() {
            Some(queue) => queue.push_back(work),
            None => {
                return Err(Error::new(
                    Status::InvalidHandle,
                    "ERR_INVALID_HANDLE",
                    "the loop is gone",
                ))
            }
        }
        if !self.posted.swap(true, Ordering::AcqRel) {
            self.wake();
        }
        Ok(())
    }

    /// Makes the loop's fd readable, and ends its waiting.
    pub(super) fn wake(&self) {
        // It fails only when the eventfd's counter is full, and then it is readable already.
        let _ = self.waker.wake();
    }

    /// What was posted up to now. The flag is cleared first: what comes after it wakes again.
    pub(super) fn take(&self) -> VecDeque<Work> {
        if !self.posted.swap(false, Ordering::AcqRel) {
            return VecDeque::new();
        }
        self.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(super) fn has_work(&self) -> bool {
        self.posted.load(Ordering::Acquire)
    }

    pub(super) fn take_stop(&self) -> bool {
        self.stop.swap(false, Ordering::AcqRel)
    }

    /// No more work is taken; what waits is dropped.
    pub(super) fn shut(&self) {
        let rest = self.lock().take();
        drop(rest);
    }

    fn lock(&self) -> MutexGuard<'_, Option<VecDeque<Work>>> {
        self.work.lock().unwrap_or_else(|e| e.into_inner())
    }
}
