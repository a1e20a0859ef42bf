//! Telling the owner of a pair, on whichever thread decided something, that the pair can go on.

use std::ffi::c_void;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use super::{tls_secure_pair, OnPair};
use crate::ffi::callback::call_user;
use crate::ffi::registry::thread_number;
use crate::ffi::user_data::UserData;

struct State {
    function: Option<OnPair>,
    user_data: *mut c_void,
    pair: u64,
    /// The thread in whose hands the callback is.
    calling: Option<u64>,
    /// The user data of a pair that was freed by the callback itself, which may still use it.
    left: Option<UserData>,
}

// SAFETY: the user data is the user's affair; it is only handed back.
unsafe impl Send for State {}

/// The callback of `tls_secure_pair_on_ready`. It outlives the pair, as its requests do.
pub(super) struct Ready {
    state: Mutex<State>,
    idle: Condvar,
}

impl Ready {
    pub(super) fn new() -> Arc<Ready> {
        Arc::new(Ready {
            state: Mutex::new(State {
                function: None,
                user_data: std::ptr::null_mut(),
                pair: 0,
                calling: None,
                left: None,
            }),
            idle: Condvar::new(),
        })
    }

    /// The state while no other thread is in the callback.
    fn idle(&self) -> MutexGuard<'_, State> {
        let me = thread_number();
        let state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        self.idle
            .wait_while(state, |state| {
                state.calling.is_some_and(|thread| thread != me)
            })
            .unwrap_or_else(|e| e.into_inner())
    }

    /// When this returns, the old callback is not running any more, unless this is called by it.
    pub(super) fn set(&self, pair: u64, function: Option<OnPair>, user_data: *mut c_void) {
        let mut state = self.idle();
        state.pair = pair;
        state.function = function;
        state.user_data = user_data;
    }

    /// Calls nobody any more, then destroys the user data: when no callback uses it.
    pub(super) fn end(&self, user_data: Option<UserData>) {
        let mut state = self.idle();
        state.function = None;
        if state.calling.is_some() {
            state.left = user_data;
            return;
        }
        drop(state);
        drop(user_data);
    }

    pub(super) fn call(&self) {
        let me = thread_number();
        let (function, pair, user_data, outer) = {
            let mut state = self.idle();
            let Some(function) = state.function else {
                return;
            };
            let outer = state.calling.replace(me);
            (function, state.pair, state.user_data, outer)
        };
        // SAFETY: the user gave the function for this user data.
        call_user(|| unsafe { function(pair as *mut tls_secure_pair, user_data) });
        let mut state = self.state.lock().unwrap_or_else(|e| e.into_inner());
        state.calling = outer;
        let left = if outer.is_none() {
            state.left.take()
        } else {
            None
        };
        drop(state);
        self.idle.notify_all();
        drop(left);
    }
}
