//! Handles of all three ways, by one thread and by several.

use std::rc::Rc;
use std::sync::Arc;

use super::*;
use crate::ffi::context::ContextObject;

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
    for bad in [
        0,
        1,
        handle ^ 1,
        handle + 2,
        handle ^ (1 << 30),
        home,
        u64::MAX,
    ] {
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
