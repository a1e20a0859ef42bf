//! A pointer of the user's with the function that destroys what it points to: called exactly once.

use std::ffi::c_void;

use super::callback::{call_user, tls_destroy_callback};

/// Destroys on drop.
pub(super) struct UserData {
    pointer: *mut c_void,
    destroy: tls_destroy_callback,
}

// SAFETY: the pointer is only handed back to the user, who was told on which threads.
unsafe impl Send for UserData {}

impl UserData {
    pub(super) fn new(pointer: *mut c_void, destroy: tls_destroy_callback) -> UserData {
        UserData { pointer, destroy }
    }

    pub(super) fn pointer(&self) -> *mut c_void {
        self.pointer
    }
}

impl Drop for UserData {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy.take() {
            // SAFETY: the user gave the function for this pointer, and it was not called before.
            call_user(|| unsafe { destroy(self.pointer) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    unsafe extern "C-unwind" fn count(user_data: *mut c_void) {
        // SAFETY: the test gives a live counter.
        unsafe { *user_data.cast::<u32>() += 1 };
    }

    #[test]
    fn destroyed_exactly_once() {
        let mut calls = 0_u32;
        drop(UserData::new((&raw mut calls).cast(), Some(count)));
        assert_eq!(calls, 1);
        drop(UserData::new(std::ptr::null_mut(), None));
    }
}
