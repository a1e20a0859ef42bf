//! `tls_loop`: waits for sockets, timers and posted work, and runs the callbacks.

pub(super) mod pull;

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::rc::Rc;
use std::time::Duration;

use super::callback::{call_user, tls_destroy_callback, tls_post_callback};
use super::guard;
use super::registry::{self, Kind, Local, Shared};
use super::rows::Rows;
use super::status::{tls_status, TLS_OK};
use super::user_data::UserData;
use crate::error::{Error, Result, Status};
use crate::net::Loop;

pub use pull::*;

/// An event loop. It belongs to the thread that made it, with everything that hangs on it, until it
/// is handed on with `tls_loop_detach`.
#[repr(C)]
pub struct tls_loop {
    _private: [u8; 0],
}

/// A socket, or another descriptor that can be polled.
pub type tls_socket = c_int;

pub(super) struct LoopObject {
    pub(super) event_loop: Rc<Loop>,
    pub(super) handle: Cell<u64>,
    pub(super) rows: Rc<Rows>,
    user_data: RefCell<Option<UserData>>,
}

// SAFETY: the only type with this kind.
unsafe impl Local for LoopObject {
    const KIND: Kind = Kind::Loop;
}

pub(super) fn object(r#loop: *const tls_loop) -> Result<Rc<LoopObject>> {
    registry::local(r#loop as u64)
}

/// Takes over a detached loop first.
fn adopted(r#loop: *mut tls_loop) -> Result<Rc<LoopObject>> {
    registry::adopt(r#loop as u64)?;
    object(r#loop)
}

/// A new loop, owned by this thread. Free it with `tls_loop_free`.
///
/// Returns NULL when the system has no descriptors or memory left; the last error has the errno.
#[no_mangle]
pub extern "C" fn tls_loop_new() -> *mut tls_loop {
    guard::value(std::ptr::null_mut(), || {
        let event_loop = Loop::new()?;
        let remote = event_loop.remote();
        let object = Rc::new(LoopObject {
            rows: Rows::new(&event_loop),
            event_loop,
            handle: Cell::new(0),
            user_data: RefCell::new(None),
        });
        let handle = registry::insert_loop(Rc::clone(&object), remote)?;
        object.handle.set(handle);
        Ok(handle as *mut tls_loop)
    })
}

/// Frees a loop: closes all its servers and streams, each with its close callback, and drops work
/// that was posted and did not run (its destroy functions run). All their handles are dead then.
/// NULL is `TLS_OK`.
///
/// The owning thread, or any thread while the loop is detached. Errors: `TLS_ERR_BUSY` inside a
/// callback of this loop; nothing happens then.
#[no_mangle]
pub extern "C" fn tls_loop_free(r#loop: *mut tls_loop) -> tls_status {
    if r#loop.is_null() {
        return TLS_OK;
    }
    guard::status(|| {
        let object = adopted(r#loop)?;
        object.event_loop.check_not_running()?;
        object.rows.clear();
        object.event_loop.close_all()?;
        drop(registry::remove_local::<LoopObject>(r#loop as u64));
        let user_data = object.user_data.take();
        drop(object);
        drop(user_data);
        Ok(())
    })
}

/// Runs the loop until nothing is left that could happen (no stream or listening server is open, no
/// work is posted), or until `tls_loop_stop`.
///
/// The owning thread; a detached loop becomes this thread's. All callbacks of the loop run inside
/// this call, one at a time.
///
/// Errors: `TLS_ERR_BUSY` inside a callback of this loop, `TLS_ERR_SYSTEM`.
#[no_mangle]
pub extern "C" fn tls_loop_run(r#loop: *mut tls_loop) -> tls_status {
    guard::status(|| adopted(r#loop)?.event_loop.run())
}

/// One turn: waits until something is there to do, does it, and returns. The amount of work in one
/// turn is bounded.
///
/// - `timeout_ms`: how long to wait at most, in milliseconds; 0 does not wait, below 0 waits for
///   ever.
///
/// The owning thread; a detached loop becomes this thread's. Callbacks run inside this call.
///
/// Errors: `TLS_ERR_BUSY` inside a callback of this loop, `TLS_ERR_SYSTEM`.
#[no_mangle]
pub extern "C" fn tls_loop_run_once(r#loop: *mut tls_loop, timeout_ms: i64) -> tls_status {
    guard::status(|| {
        let timeout = u64::try_from(timeout_ms).ok().map(Duration::from_millis);
        adopted(r#loop)?.event_loop.run_once(timeout)
    })
}

/// Makes `tls_loop_run` return after the turn that is under way; if the loop is not running, after
/// no turn of the next `tls_loop_run`. Any thread, also from a callback.
#[no_mangle]
pub extern "C" fn tls_loop_stop(r#loop: *mut tls_loop) -> tls_status {
    guard::status(|| {
        remote(r#loop)?.stop();
        Ok(())
    })
}

fn remote(r#loop: *mut tls_loop) -> Result<std::sync::Arc<crate::net::Remote>> {
    match registry::shared(r#loop as u64, Kind::Loop)? {
        Shared::Remote(remote) => Ok(remote),
        _ => Err(Error::argument("this is not a tls_loop")),
    }
}

/// Posted work; its user data is destroyed once, after the call or instead of it.
struct Post {
    function: unsafe extern "C-unwind" fn(*mut tls_loop, *mut c_void),
    r#loop: u64,
    user_data: UserData,
}

/// Has the loop's thread call `function` in its next turn. Work from one thread runs in its order.
/// Any thread, also from a callback.
///
/// - `function`: not NULL.
/// - `user_data`: given to both functions; any value.
/// - `destroy`: called exactly once with `user_data`: after `function`, or when the loop is freed
///   before it ran, or at once when this call fails. May be NULL.
#[no_mangle]
pub extern "C" fn tls_loop_post(
    r#loop: *mut tls_loop,
    function: tls_post_callback,
    user_data: *mut c_void,
    destroy: tls_destroy_callback,
) -> tls_status {
    let user_data = UserData::new(user_data, destroy);
    guard::status(|| {
        let remote = remote(r#loop)?;
        let function = function.ok_or_else(|| Error::argument("the function is NULL"))?;
        let post = Post {
            function,
            r#loop: r#loop as u64,
            user_data,
        };
        remote.post(Box::new(move || {
            let post = post;
            // SAFETY: the caller gave the function for this user data.
            call_user(|| unsafe {
                (post.function)(post.r#loop as *mut tls_loop, post.user_data.pointer())
            });
        }))
    })
}

/// A descriptor that is readable whenever `tls_loop_run_once(loop, 0)` has work to do, or
/// `tls_loop_poll` something to tell: sockets,
/// timers and posted work. Watch it with poll(2), epoll or any other loop for reading, never read
/// from it, and call `tls_loop_run_once(loop, 0)` when it is readable. It belongs to the loop.
///
/// The owning thread. Returns -1 on failure. Where `tls_feature("loop_fd")` is 0, timers are not in
/// it: use `tls_loop_next_timeout_ms` as well.
#[no_mangle]
pub extern "C" fn tls_loop_fd(r#loop: *mut tls_loop) -> tls_socket {
    guard::value(-1, || object(r#loop)?.event_loop.fd())
}

/// How long until the loop has a timer to serve, in milliseconds, rounded up; 0 if it has work now;
/// -1 if it has no timer, or on failure. The owning thread.
#[no_mangle]
pub extern "C" fn tls_loop_next_timeout_ms(r#loop: *mut tls_loop) -> i64 {
    guard::value(-1, || {
        let timeout = object(r#loop)?.event_loop.next_timeout();
        Ok(timeout.map_or(-1, |timeout| {
            i64::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
        }))
    })
}

/// Gives the loop up, with everything that hangs on it: set up here, run there. The next thread that
/// calls `tls_loop_run`, `tls_loop_run_once`, `tls_loop_poll` or `tls_loop_free` on it owns it; until
/// then everything else, but for `tls_loop_post` and `tls_loop_stop`, answers `TLS_ERR_WRONG_THREAD`.
///
/// The owning thread. Errors: `TLS_ERR_BUSY` inside a callback of this loop.
#[no_mangle]
pub extern "C" fn tls_loop_detach(r#loop: *mut tls_loop) -> tls_status {
    guard::status(|| {
        if object(r#loop)?.event_loop.is_running() {
            return Err(Error::new(
                Status::Busy,
                "ERR_LOOP_RUNNING",
                "a loop cannot be detached inside a callback of its own",
            ));
        }
        registry::detach(r#loop as u64)
    })
}

/// Sets the size of the buffer that all connections of the loop share. Memory is touched only as
/// used, and when it is used up the heap serves.
///
/// - `bytes`: from 98,304 to 4 GiB; `TLS_SLAB_BUFFER_SIZE` (10 MiB) by default.
///
/// The owning thread, before the loop's first server listens or stream connects
/// (`TLS_ERR_INVALID_STATE` after it). Errors: `TLS_ERR_INVALID_ARGUMENT`.
///
/// Node: `tls.SLAB_BUFFER_SIZE`. Don't change it unless you know what you are doing.
#[no_mangle]
pub extern "C" fn tls_loop_set_slab_buffer_size(r#loop: *mut tls_loop, bytes: usize) -> tls_status {
    guard::status(|| object(r#loop)?.event_loop.set_slab_buffer_size(bytes))
}

/// Keeps a pointer of yours with the loop. The owning thread.
///
/// - `user_data`: any value, NULL too.
/// - `destroy`: called exactly once with it: when the loop is freed, when it is replaced, or at once
///   when this call fails. May be NULL.
#[no_mangle]
pub extern "C" fn tls_loop_set_user_data(
    r#loop: *mut tls_loop,
    user_data: *mut c_void,
    destroy: tls_destroy_callback,
) -> tls_status {
    let new = UserData::new(user_data, destroy);
    guard::status(|| {
        let old = object(r#loop)?.user_data.replace(Some(new));
        drop(old);
        Ok(())
    })
}

/// The pointer from `tls_loop_set_user_data`; NULL if there is none, or on failure. The owning
/// thread.
#[no_mangle]
pub extern "C" fn tls_loop_user_data(r#loop: *const tls_loop) -> *mut c_void {
    guard::value(std::ptr::null_mut(), || {
        let object = object(r#loop)?;
        let user_data = object.user_data.borrow();
        Ok(user_data
            .as_ref()
            .map_or(std::ptr::null_mut(), UserData::pointer))
    })
}
