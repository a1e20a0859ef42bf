//! The border: no panic crosses it, and every failure is kept as this thread's last error.

use std::panic::{catch_unwind, AssertUnwindSafe};

use super::error::set_last_error;
use super::status::{tls_status, TLS_FULL, TLS_OK};
use crate::engine::Written;
use crate::error::{Error, Result, Status};

/// The result of `work`, or `fallback` with the last error set.
pub(super) fn value<T>(fallback: T, work: impl FnOnce() -> Result<T>) -> T {
    match caught(work) {
        Ok(value) => value,
        Err(error) => {
            set_last_error(error);
            fallback
        }
    }
}

/// The same, and the last error stays what it was.
pub(super) fn quiet<T>(fallback: T, work: impl FnOnce() -> Result<T>) -> T {
    caught(work).unwrap_or(fallback)
}

/// `TLS_OK`, or the error's status with the last error set.
pub(super) fn status(work: impl FnOnce() -> Result<()>) -> tls_status {
    match caught(work) {
        Ok(()) => TLS_OK,
        Err(error) => {
            let status = error.status as tls_status;
            set_last_error(error);
            status
        }
    }
}

/// The same for writes: `TLS_OK` or `TLS_FULL`.
pub(super) fn written(work: impl FnOnce() -> Result<Written>) -> tls_status {
    let mut full = false;
    let done = status(|| {
        full = work()? == Written::Full;
        Ok(())
    });
    if done == TLS_OK && full {
        return TLS_FULL;
    }
    done
}

/// Bytes, and their number in `length` if that is not NULL; NULL and 0 where there are none, or on
/// failure, with the last error set.
///
/// # Safety
/// `length` is NULL or writable.
pub(super) unsafe fn bytes(
    length: *mut usize,
    work: impl FnOnce() -> Result<Option<(*const u8, usize)>>,
) -> *const u8 {
    let (bytes, count) = value(None, work).unwrap_or((std::ptr::null(), 0));
    if !length.is_null() {
        // SAFETY: the caller's promise.
        unsafe { *length = count };
    }
    bytes
}

fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // What a panic leaves half done stays behind RefCells and handles, which tell.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Error::new(
            Status::Internal,
            "ERR_INTERNAL",
            "a defect of the library: please report it, with what it printed on stderr",
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::{tls_error_status, tls_last_error, TLS_ERR_INTERNAL};

    #[test]
    fn c025_a_panic_of_ours_becomes_an_error() {
        assert_eq!(status(|| panic!("a defect")), TLS_ERR_INTERNAL);
        assert_eq!(tls_error_status(tls_last_error()), TLS_ERR_INTERNAL);
    }
}
