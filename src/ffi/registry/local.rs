//! Loops and what hangs on them: only the thread that owns the loop comes to the object.

use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use super::shared::{with_lock, Shared};
use super::{claim, invalid, recycle, slot_of, thread_number, wrong_thread, Kind, Slot};
use crate::error::Result;
use crate::net::Remote;

/// Ties the kind of a handle to the type behind it.
///
/// # Safety
/// No two types have the same kind.
pub(in crate::ffi) unsafe trait Local: 'static {
    const KIND: Kind;
}

/// Registers a loop, owned by this thread; `remote` is for all threads.
pub(in crate::ffi) fn insert_loop<T: Local>(object: Rc<T>, remote: Arc<Remote>) -> Result<u64> {
    let (slot, handle) = claim(T::KIND)?;
    slot.owner.store(thread_number(), Ordering::Relaxed);
    slot.home
        .store(std::ptr::from_ref(slot).cast_mut(), Ordering::Relaxed);
    with_lock(slot, |shared| *shared = Some(Shared::Remote(remote)));
    slot.object
        .store(Rc::into_raw(object).cast_mut().cast(), Ordering::Relaxed);
    slot.tag.store(handle, Ordering::Release);
    Ok(handle)
}

/// Registers what hangs on a loop of this thread.
pub(in crate::ffi) fn insert_local<T: Local>(object: Rc<T>, home: u64) -> Result<u64> {
    let home = slot_of(home, Kind::Loop)?;
    let (slot, handle) = claim(T::KIND)?;
    slot.home
        .store(std::ptr::from_ref(home).cast_mut(), Ordering::Relaxed);
    slot.object
        .store(Rc::into_raw(object).cast_mut().cast(), Ordering::Relaxed);
    slot.tag.store(handle, Ordering::Release);
    Ok(handle)
}

/// The object of a loop-bound handle, for the thread that owns the loop.
pub(in crate::ffi) fn local<T: Local>(handle: u64) -> Result<Rc<T>> {
    let slot = owned_slot(handle, T::KIND)?;
    let object = slot.object.load(Ordering::Relaxed).cast_const().cast::<T>();
    // SAFETY: the tag says that the object is a T from `Rc::into_raw`. Only the owning thread, which
    // we are, removes it; and whoever owned the loop before us let go of it by a release that our
    // look at the owner has acquired. So the count is touched by one thread at a time.
    unsafe {
        Rc::increment_strong_count(object);
        Ok(Rc::from_raw(object))
    }
}

fn owned_slot(handle: u64, kind: Kind) -> Result<&'static Slot> {
    let slot = slot_of(handle, kind)?;
    // SAFETY: the tag was set after `home`, which is a slot, and slots are never freed. If the slot
    // is used anew meanwhile, then by a thread that owns another loop, and the comparison fails.
    let owner = unsafe { &*slot.home.load(Ordering::Relaxed) }
        .owner
        .load(Ordering::Acquire);
    if owner == thread_number() {
        Ok(slot)
    } else {
        Err(wrong_thread(kind, owner))
    }
}

/// Ends a loop-bound handle; the registry's reference to the object is given back.
pub(in crate::ffi) fn remove_local<T: Local>(handle: u64) -> Option<Rc<T>> {
    let slot = owned_slot(handle, T::KIND).ok()?;
    slot.tag.store(0, Ordering::Release);
    let shared = with_lock(slot, Option::take);
    slot.owner.store(0, Ordering::Relaxed);
    let object = slot
        .object
        .swap(std::ptr::null_mut(), Ordering::Relaxed)
        .cast_const()
        .cast::<T>();
    recycle(handle);
    drop(shared);
    // SAFETY: as in `local`; the reference that `insert_*` gave to the slot is taken back once.
    Some(unsafe { Rc::from_raw(object) })
}

/// Gives up a loop that this thread owns.
pub(in crate::ffi) fn detach(handle: u64) -> Result<()> {
    let slot = owned_slot(handle, Kind::Loop)?;
    slot.owner.store(0, Ordering::Release);
    Ok(())
}

/// Takes over a loop that nobody owns; fine too if it is ours already.
pub(in crate::ffi) fn adopt(handle: u64) -> Result<()> {
    let slot = slot_of(handle, Kind::Loop)?;
    let me = thread_number();
    let taken = slot
        .owner
        .compare_exchange(0, me, Ordering::Acquire, Ordering::Acquire);
    match taken {
        Ok(_) if slot.tag.load(Ordering::Acquire) != handle => {
            // It was freed, and its slot used anew, just now: not the loop that was meant. Whoever
            // made the new one may have become its owner meanwhile, and stays it.
            let _ = slot
                .owner
                .compare_exchange(me, 0, Ordering::Release, Ordering::Relaxed);
            Err(invalid(handle, Kind::Loop))
        }
        Ok(_) => Ok(()),
        Err(owner) if owner == me => Ok(()),
        Err(owner) => Err(wrong_thread(Kind::Loop, owner)),
    }
}
