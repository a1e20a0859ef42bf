//! Objects that any thread may use, by a reference of its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use super::{claim, invalid, recycle, slot_of, thread_number, Kind, Slot};
use crate::context::TicketRing;
use crate::engine::Request;
use crate::error::Result;
use crate::ffi::certificate::CertificateObject;
use crate::ffi::connect_options::OptionsObject;
use crate::ffi::context::ContextObject;
use crate::ffi::error::ErrorObject;
use crate::net::Remote;

/// What any thread may hold a reference to.
#[derive(Clone)]
pub(in crate::ffi) enum Shared {
    Context(Arc<ContextObject>),
    Options(Arc<OptionsObject>),
    Certificate(Arc<CertificateObject>),
    TicketRing(Arc<TicketRing>),
    /// The flag: a copy, which is the caller's to free.
    Error(Arc<ErrorObject>, bool),
    Remote(Arc<Remote>),
    /// The connection holds the question.
    Request(Weak<Request>),
}

/// Runs `work` with the slot's lock held; it must not call anything of the user.
pub(super) fn with_lock<R>(slot: &Slot, work: impl FnOnce(&mut Option<Shared>) -> R) -> R {
    struct Unlock<'a>(&'a AtomicU64);
    impl Drop for Unlock<'_> {
        fn drop(&mut self) {
            self.0.store(0, Ordering::Release);
        }
    }
    let me = thread_number();
    while slot
        .holder
        .compare_exchange_weak(0, me, Ordering::Acquire, Ordering::Relaxed)
        .is_err()
    {
        std::thread::yield_now();
    }
    let unlock = Unlock(&slot.holder);
    // SAFETY: the lock is ours.
    let result = work(unsafe { &mut *slot.shared.get() });
    drop(unlock);
    result
}

/// Registers an object that any thread may use.
pub(in crate::ffi) fn insert_shared(kind: Kind, object: Shared) -> Result<u64> {
    let (slot, handle) = claim(kind)?;
    with_lock(slot, |shared| *shared = Some(object));
    slot.tag.store(handle, Ordering::Release);
    Ok(handle)
}

/// A reference to what is behind the handle.
pub(in crate::ffi) fn shared(handle: u64, kind: Kind) -> Result<Shared> {
    let slot = slot_of(handle, kind)?;
    let found = with_lock(slot, |shared| {
        // Freed, or used anew, while we came here?
        (slot.tag.load(Ordering::Acquire) == handle)
            .then(|| shared.clone())
            .flatten()
    });
    found.ok_or_else(|| invalid(handle, kind))
}

/// Puts another object behind a handle.
pub(in crate::ffi) fn replace_shared(handle: u64, kind: Kind, object: Shared) -> Result<()> {
    let slot = slot_of(handle, kind)?;
    let old = with_lock(slot, |shared| shared.replace(object));
    drop(old);
    Ok(())
}

/// Ends a shared handle. References that others hold live on.
pub(in crate::ffi) fn remove_shared(handle: u64, kind: Kind) -> Result<Shared> {
    let slot = slot_of(handle, kind)?;
    let removed = with_lock(slot, |shared| {
        let ours = slot
            .tag
            .compare_exchange(handle, 0, Ordering::AcqRel, Ordering::Relaxed);
        ours.ok().and_then(|_| shared.take())
    });
    let removed = removed.ok_or_else(|| invalid(handle, kind))?;
    recycle(handle);
    Ok(removed)
}
