//! Objects that one thread at a time may use: the secure pairs.

use std::sync::atomic::Ordering;

use super::{claim, invalid, recycle, slot_of, thread_number, Kind, Slot};
use crate::error::{Error, Result, Status};

/// Ties [`Kind::Pair`] to its type.
///
/// # Safety
/// Only one type implements it, and it may be moved between threads.
pub(in crate::ffi) unsafe trait Exclusive: 'static {
    const KIND: Kind;
}

pub(in crate::ffi) fn insert_exclusive<T: Exclusive>(object: Box<T>) -> Result<u64> {
    let (slot, handle) = claim(T::KIND)?;
    slot.object
        .store(Box::into_raw(object).cast(), Ordering::Relaxed);
    slot.tag.store(handle, Ordering::Release);
    Ok(handle)
}

/// The right to use an object that one thread at a time may use. The same thread may hold it more
/// than once: a call inside a callback of the object.
pub(in crate::ffi) struct Guard<T: Exclusive> {
    slot: &'static Slot,
    handle: u64,
    outermost: bool,
    object: *mut T,
}

#[inline]
pub(in crate::ffi) fn exclusive<T: Exclusive>(handle: u64) -> Result<Guard<T>> {
    let slot = slot_of(handle, T::KIND)?;
    let me = thread_number();
    let held = slot
        .holder
        .compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed);
    let outermost = match held {
        Ok(_) => true,
        Err(holder) if holder == me => false,
        Err(_) => return Err(busy()),
    };
    if slot.tag.load(Ordering::Acquire) != handle {
        if outermost {
            slot.holder.store(0, Ordering::Release);
        }
        return Err(invalid(handle, T::KIND));
    }
    Ok(Guard {
        slot,
        handle,
        outermost,
        object: slot.object.load(Ordering::Relaxed).cast(),
    })
}

#[cold]
fn busy() -> Box<Error> {
    Error::new(
        Status::Busy,
        "ERR_BUSY",
        "another thread is using this pair just now: one at a time",
    )
}

impl<T: Exclusive> Guard<T> {
    /// Ends the handle at once. The object goes when the outermost call on it is over.
    pub(in crate::ffi) fn remove(self) {
        self.slot.tag.store(0, Ordering::Release);
    }
}

impl<T: Exclusive> std::ops::Deref for Guard<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the tag said that it is a T from `insert_exclusive`; it is freed only by the
        // outermost guard's drop, and all guards are of this thread.
        unsafe { &*self.object }
    }
}

impl<T: Exclusive> Drop for Guard<T> {
    #[inline]
    fn drop(&mut self) {
        if !self.outermost {
            return;
        }
        if self.slot.tag.load(Ordering::Acquire) != 0 {
            self.slot.holder.store(0, Ordering::Release);
            return;
        }
        self.free_object();
    }
}

impl<T: Exclusive> Guard<T> {
    /// What the outermost guard does last when the handle was ended under it.
    #[cold]
    fn free_object(&mut self) {
        self.slot
            .object
            .store(std::ptr::null_mut(), Ordering::Relaxed);
        // SAFETY: the handle was ended under this guard or one inside it, so nobody comes to the
        // object any more; made by `Box::into_raw`, freed once.
        let object = unsafe { Box::from_raw(self.object) };
        self.slot.holder.store(0, Ordering::Release);
        recycle(self.handle);
        drop(object);
    }
}
