//! Checked handles. A handle is kind, generation and slot number in 64 bits, dressed as a pointer
//! that nobody follows. Slots live in chunks that are never freed, so that any 64-bit value can be
//! looked up; a slot's tag is the whole handle, and a value that is not the tag is not valid.
//!
//! Three ways to what is behind a handle:
//! - *local* (loop, server, stream): only the thread that owns the loop; no lock;
//! - *shared* (context, options, certificate, ticket ring, error, request, a loop's remote): any thread, by
//!   a reference of its own, taken under the slot's lock;
//! - *exclusive* (secure pair): any thread, one at a time, by the slot's lock.

mod exclusive;
mod local;
mod shared;
#[cfg(test)]
mod tests;

use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::Mutex;

use crate::error::{Error, Result, Status};

pub(in crate::ffi) use exclusive::{exclusive, insert_exclusive, Exclusive, Guard};
pub(in crate::ffi) use local::{
    adopt, detach, insert_local, insert_loop, local, remove_local, Local,
};
pub(in crate::ffi) use shared::{insert_shared, remove_shared, replace_shared, shared, Shared};

#[cfg(not(target_pointer_width = "64"))]
compile_error!("tlspair's handles are 64 bits wide and need pointers of that width");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(in crate::ffi) enum Kind {
    Loop = 1,
    Server = 2,
    Stream = 3,
    Pair = 4,
    Context = 5,
    Options = 6,
    Certificate = 7,
    Error = 8,
    Request = 9,
    TicketRing = 10,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Loop => "tls_loop",
            Kind::Server => "tls_server",
            Kind::Stream => "tls_stream",
            Kind::Pair => "tls_secure_pair",
            Kind::Context => "tls_context",
            Kind::Options => "tls_connect_options",
            Kind::Certificate => "tls_certificate",
            Kind::Error => "tls_error",
            Kind::Request => "tls_request",
            Kind::TicketRing => "tls_ticket_ring",
        }
    }
}

const CHUNK_SLOTS: usize = 1024;
const CHUNKS: usize = (1 << SLOT_BITS) / CHUNK_SLOTS;
const SLOT_BITS: u32 = 24;
const SLOT_MASK: u64 = (1 << SLOT_BITS) - 1;
const GENERATION_SHIFT: u32 = SLOT_BITS + 1;
const LAST_GENERATION: u32 = (1 << 31) - 1;
const KIND_SHIFT: u32 = 56;

/// Neighbours do not share a cache line.
#[repr(align(64))]
struct Slot {
    /// The handle that is valid now; 0 if none.
    tag: AtomicU64,
    /// Of a loop: the owning thread's number, 0 while detached.
    owner: AtomicU64,
    /// Of what hangs on a loop, and of a loop itself: the loop's slot.
    home: AtomicPtr<Slot>,
    /// Local: `Rc::into_raw`; exclusive: `Box::into_raw`.
    object: AtomicPtr<()>,
    /// Who holds the slot's lock, by thread number; 0: nobody.
    holder: AtomicU64,
    /// Under the lock.
    shared: UnsafeCell<Option<Shared>>,
}

// SAFETY: `shared` is only touched by the holder of the lock and what it holds is Send + Sync; the
// other fields are atomic. What `object` points to is followed under the rules of this file.
unsafe impl Sync for Slot {}

static TABLE: [AtomicPtr<Slot>; CHUNKS] = [const { AtomicPtr::new(std::ptr::null_mut()) }; CHUNKS];

struct Free {
    /// Slots that were used before, with the generation to use next.
    slots: Vec<(u32, u32)>,
    /// Slots from here on were never used.
    next: u32,
}

static FREE: Mutex<Free> = Mutex::new(Free {
    slots: Vec::new(),
    next: 0,
});

/// This thread's number, never given to another thread, unlike its address or id.
pub(in crate::ffi) fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local! {
        static NUMBER: Cell<u64> = const { Cell::new(0) };
    }
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}

fn slot_at(index: usize) -> Option<&'static Slot> {
    let chunk = TABLE.get(index / CHUNK_SLOTS)?.load(Ordering::Acquire);
    // SAFETY: a chunk in the table has CHUNK_SLOTS slots and is never freed.
    (!chunk.is_null()).then(|| unsafe { &*chunk.add(index % CHUNK_SLOTS) })
}

fn index_of(handle: u64) -> usize {
    ((handle >> 1) & SLOT_MASK) as usize
}

/// The slot whose tag is this handle.
fn slot_of(handle: u64, kind: Kind) -> Result<&'static Slot> {
    if handle >> KIND_SHIFT == kind as u64 && handle & 1 == 1 {
        if let Some(slot) = slot_at(index_of(handle)) {
            if slot.tag.load(Ordering::Acquire) == handle {
                return Ok(slot);
            }
        }
    }
    Err(invalid(handle, kind))
}

#[cold]
pub(in crate::ffi) fn invalid(handle: u64, kind: Kind) -> Box<Error> {
    let name = kind.name();
    let what = if handle == 0 {
        format!("NULL is not a {name}")
    } else {
        format!("this is not a {name}, or it is freed or closed already")
    };
    Error::new(Status::InvalidHandle, "ERR_INVALID_HANDLE", what)
}

#[cold]
fn wrong_thread(kind: Kind, owner: u64) -> Box<Error> {
    let message = if owner == 0 {
        "the loop is detached: the thread that calls tls_loop_run, tls_loop_run_once, tls_loop_poll or \
         tls_loop_free next will own it"
            .to_owned()
    } else {
        format!(
            "this {} belongs to another thread's loop: use tls_loop_post to work there, or hand the \
             loop over with tls_loop_detach",
            kind.name()
        )
    };
    Error::new(Status::WrongThread, "ERR_WRONG_THREAD", message)
}

/// A slot that nobody else uses, and the handle for it.
fn claim(kind: Kind) -> Result<(&'static Slot, u64)> {
    let full = || {
        Error::new(
            Status::NoMemory,
            "ERR_TOO_MANY_HANDLES",
            "there are too many handles",
        )
    };
    let mut free = FREE.lock().unwrap_or_else(|e| e.into_inner());
    let (index, generation) = match free.slots.pop() {
        Some(used) => used,
        None => {
            let index = free.next as usize;
            if index >= CHUNKS * CHUNK_SLOTS {
                return Err(full());
            }
            if index % CHUNK_SLOTS == 0 {
                let chunk: Vec<Slot> = (0..CHUNK_SLOTS).map(|_| empty_slot()).collect();
                let chunk = Box::leak(chunk.into_boxed_slice());
                TABLE[index / CHUNK_SLOTS].store(chunk.as_mut_ptr(), Ordering::Release);
            }
            free.next += 1;
            (free.next - 1, 1)
        }
    };
    drop(free);
    let slot = slot_at(index as usize).ok_or_else(full)?;
    let handle = (kind as u64) << KIND_SHIFT
        | u64::from(generation) << GENERATION_SHIFT
        | u64::from(index) << 1
        | 1;
    Ok((slot, handle))
}

fn empty_slot() -> Slot {
    Slot {
        tag: AtomicU64::new(0),
        owner: AtomicU64::new(0),
        home: AtomicPtr::new(std::ptr::null_mut()),
        object: AtomicPtr::new(std::ptr::null_mut()),
        holder: AtomicU64::new(0),
        shared: UnsafeCell::new(None),
    }
}

/// Gives a slot whose tag is 0 back. One whose generation would wrap is never used again.
fn recycle(handle: u64) {
    let generation = (handle >> GENERATION_SHIFT) as u32 & LAST_GENERATION;
    if generation < LAST_GENERATION {
        let mut free = FREE.lock().unwrap_or_else(|e| e.into_inner());
        free.slots.push((index_of(handle) as u32, generation + 1));
    }
}
