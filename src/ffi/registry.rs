//! Checked handles. A handle is kind, generation and slot number in 64 bits, dressed as a pointer
//! that nobody follows. Slots live in chunks that are never freed, so that any 64-bit value can be
//! looked up; a slot's tag is the whole handle, and a value that is not the tag is not valid.
//!
//! Three ways to what is behind a handle:
//! - *local* (loop, server, stream): only the thread that owns the loop; no lock;
//! - *shared* (context, options, certificate, error, a loop's remote): any thread, by a reference of
//!   its own, taken under the slot's lock;
//! - *exclusive* (secure pair): any thread, one at a time, by the slot's lock.

use std::cell::{Cell, UnsafeCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::certificate::CertificateObject;
use super::connect_options::OptionsObject;
use super::context::ContextObject;
use super::error::ErrorObject;
use crate::error::{Error, Result, Status};
use crate::net::Remote;

#[cfg(not(target_pointer_width = "64"))]
compile_error!("tlspair's handles are 64 bits wide and need pointers of that width");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Loop = 1,
    Server = 2,
    Stream = 3,
    Pair = 4,
    Context = 5,
    Options = 6,
    Certificate = 7,
    Error = 8,
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

/// What any thread may hold a reference to.
#[derive(Clone)]
pub(super) enum Shared {
    Context(Arc<ContextObject>),
    Options(Arc<OptionsObject>),
    Certificate(Arc<CertificateObject>),
    Error(Arc<ErrorObject>),
    Remote(Arc<Remote>),
}

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
pub(super) fn thread_number() -> u64 {
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
fn invalid(handle: u64, kind: Kind) -> Box<Error> {
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
        "the loop is detached: the thread that calls tls_loop_run, tls_loop_run_once or \
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

// ---- local ----

/// Ties the kind of a handle to the type behind it.
///
/// # Safety
/// No two types have the same kind.
pub(super) unsafe trait Local: 'static {
    const KIND: Kind;
}

/// Registers a loop, owned by this thread; `remote` is for all threads.
pub(super) fn insert_loop<T: Local>(object: Rc<T>, remote: Arc<Remote>) -> Result<u64> {
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
pub(super) fn insert_local<T: Local>(object: Rc<T>, home: u64) -> Result<u64> {
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
pub(super) fn local<T: Local>(handle: u64) -> Result<Rc<T>> {
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
pub(super) fn remove_local<T: Local>(handle: u64) -> Option<Rc<T>> {
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
pub(super) fn detach(handle: u64) -> Result<()> {
    let slot = owned_slot(handle, Kind::Loop)?;
    slot.owner.store(0, Ordering::Release);
    Ok(())
}

/// Takes over a loop that nobody owns; fine too if it is ours already.
pub(super) fn adopt(handle: u64) -> Result<()> {
    let slot = slot_of(handle, Kind::Loop)?;
    let me = thread_number();
    let taken = slot
        .owner
        .compare_exchange(0, me, Ordering::Acquire, Ordering::Acquire);
    match taken {
        Ok(_) if slot.tag.load(Ordering::Acquire) != handle => {
            // It was freed, and its slot used anew, just now: not the loop that was meant.
            slot.owner.store(0, Ordering::Release);
            Err(invalid(handle, Kind::Loop))
        }
        Ok(_) => Ok(()),
        Err(owner) if owner == me => Ok(()),
        Err(owner) => Err(wrong_thread(Kind::Loop, owner)),
    }
}

// ---- shared ----

/// Runs `work` with the slot's lock held; it must not call anything of the user.
fn with_lock<R>(slot: &Slot, work: impl FnOnce(&mut Option<Shared>) -> R) -> R {
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
pub(super) fn insert_shared(kind: Kind, object: Shared) -> Result<u64> {
    let (slot, handle) = claim(kind)?;
    with_lock(slot, |shared| *shared = Some(object));
    slot.tag.store(handle, Ordering::Release);
    Ok(handle)
}

/// A reference to what is behind the handle.
pub(super) fn shared(handle: u64, kind: Kind) -> Result<Shared> {
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
pub(super) fn replace_shared(handle: u64, kind: Kind, object: Shared) -> Result<()> {
    let slot = slot_of(handle, kind)?;
    let old = with_lock(slot, |shared| shared.replace(object));
    drop(old);
    Ok(())
}

/// Ends a shared handle. References that others hold live on.
pub(super) fn remove_shared(handle: u64, kind: Kind) -> Result<Shared> {
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

// ---- exclusive ----

/// Ties [`Kind::Pair`] to its type.
///
/// # Safety
/// Only one type implements it, and it may be moved between threads.
pub(super) unsafe trait Exclusive: 'static {
    const KIND: Kind;
}

pub(super) fn insert_exclusive<T: Exclusive>(object: Box<T>) -> Result<u64> {
    let (slot, handle) = claim(T::KIND)?;
    slot.object
        .store(Box::into_raw(object).cast(), Ordering::Relaxed);
    slot.tag.store(handle, Ordering::Release);
    Ok(handle)
}

/// The right to use an object that one thread at a time may use. The same thread may hold it more
/// than once: a call inside a callback of the object.
pub(super) struct Guard<T: Exclusive> {
    slot: &'static Slot,
    handle: u64,
    outermost: bool,
    object: *mut T,
}

pub(super) fn exclusive<T: Exclusive>(handle: u64) -> Result<Guard<T>> {
    let slot = slot_of(handle, T::KIND)?;
    let me = thread_number();
    let held = slot
        .holder
        .compare_exchange(0, me, Ordering::Acquire, Ordering::Relaxed);
    let outermost = match held {
        Ok(_) => true,
        Err(holder) if holder == me => false,
        Err(_) => {
            return Err(Error::new(
                Status::Busy,
                "ERR_BUSY",
                "another thread is using this pair just now: one at a time",
            ))
        }
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

impl<T: Exclusive> Guard<T> {
    /// Ends the handle at once. The object goes when the outermost call on it is over.
    pub(super) fn remove(self) {
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
    fn drop(&mut self) {
        if !self.outermost {
            return;
        }
        if self.slot.tag.load(Ordering::Acquire) != 0 {
            self.slot.holder.store(0, Ordering::Release);
            return;
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Thing(u32);
    // SAFETY: stands in for the stream, which these tests do not use.
    unsafe impl Local for Thing {
        const KIND: Kind = Kind::Stream;
    }
    struct Home;
    // SAFETY: stands in for the loop, which these tests do not use.
    unsafe impl Local for Home {
        const KIND: Kind = Kind::Loop;
    }
    struct Single(Cell<u32>);
    // SAFETY: stands in for the pair, which these tests do not use.
    unsafe impl Exclusive for Single {
        const KIND: Kind = Kind::Pair;
    }

    fn status<T>(result: Result<T>) -> Status {
        result.err().map(|error| error.status).unwrap()
    }

    fn new_home() -> u64 {
        let event_loop = crate::net::Loop::new().unwrap();
        insert_loop(Rc::new(Home), event_loop.remote()).unwrap()
    }

    #[test]
    fn c002_c004_only_the_very_handle_is_valid() {
        let home = new_home();
        let handle = insert_local(Rc::new(Thing(7)), home).unwrap();
        assert_eq!(local::<Thing>(handle).unwrap().0, 7);
        for bad in [0, 1, handle ^ 1, handle + 2, handle ^ (1 << 30), home, u64::MAX] {
            assert_eq!(status(local::<Thing>(bad)), Status::InvalidHandle);
        }
        assert!(remove_local::<Thing>(handle).is_some());
        assert_eq!(status(local::<Thing>(handle)), Status::InvalidHandle);
        assert!(remove_local::<Thing>(handle).is_none());
        let again = insert_local(Rc::new(Thing(8)), home).unwrap();
        assert_ne!(again, handle);
        assert_eq!(status(local::<Thing>(handle)), Status::InvalidHandle);
        remove_local::<Thing>(again);
        remove_local::<Home>(home);
    }

    #[test]
    fn c107_a_loop_is_handed_from_thread_to_thread() {
        let home = new_home();
        let handle = insert_local(Rc::new(Thing(7)), home).unwrap();
        std::thread::spawn(move || {
            assert_eq!(status(local::<Thing>(handle)), Status::WrongThread);
            assert_eq!(status(adopt(home)), Status::WrongThread);
            assert_eq!(status(detach(home)), Status::WrongThread);
        })
        .join()
        .unwrap();
        detach(home).unwrap();
        let error = local::<Thing>(handle).err().unwrap();
        assert!(error.message.contains("detached"), "{error}");
        std::thread::spawn(move || {
            adopt(home).unwrap();
            assert_eq!(local::<Thing>(handle).unwrap().0, 7);
            remove_local::<Thing>(handle);
            remove_local::<Home>(home);
        })
        .join()
        .unwrap();
        assert_eq!(status(adopt(home)), Status::InvalidHandle);
    }

    #[test]
    fn c107_one_thread_at_a_time() {
        let handle = insert_exclusive(Box::new(Single(Cell::new(0)))).unwrap();
        let outer = exclusive::<Single>(handle).unwrap();
        outer.0.set(1);
        assert_eq!(exclusive::<Single>(handle).unwrap().0.get(), 1);
        std::thread::spawn(move || assert_eq!(status(exclusive::<Single>(handle)), Status::Busy))
            .join()
            .unwrap();
        exclusive::<Single>(handle).unwrap().remove();
        assert_eq!(status(exclusive::<Single>(handle)), Status::InvalidHandle);
        assert_eq!(outer.0.get(), 1);
        drop(outer);
        assert_eq!(status(exclusive::<Single>(handle)), Status::InvalidHandle);
    }

    #[test]
    fn a_slot_whose_generation_would_wrap_is_retired() {
        let used = |index| {
            let free = FREE.lock().unwrap();
            free.slots.iter().any(|(slot, _)| *slot == index)
        };
        let index = (1 << SLOT_BITS) - 1;
        let handle = u64::from(LAST_GENERATION) << GENERATION_SHIFT | u64::from(index) << 1 | 1;
        recycle(handle);
        assert!(!used(index));
    }

    #[test]
    fn shared_objects_race_without_harm() {
        let object = || Shared::Context(Arc::new(ContextObject::new()));
        let handle = insert_shared(Kind::Context, object()).unwrap();
        let racers: Vec<_> = (0..4)
            .map(|n| {
                std::thread::spawn(move || {
                    (0..20_000)
                        .filter(|turn| {
                            if n == 0 && *turn == 10_000 {
                                return remove_shared(handle, Kind::Context).is_ok();
                            }
                            shared(handle, Kind::Context).is_ok()
                        })
                        .count()
                })
            })
            .collect();
        for racer in racers {
            racer.join().unwrap();
        }
        assert_eq!(
            status(remove_shared(handle, Kind::Context)),
            Status::InvalidHandle
        );
    }
}
