//! What comes in from C, checked.

use std::ffi::{c_char, c_void, CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::event_loop::tls_socket;
use crate::context::ProtocolList;
use crate::error::{Error, Result};
use crate::net::GivenFd;

/// Bytes of the caller, for the length of the call. NULL with length 0 is empty.
///
/// # Safety
/// `data` is NULL, or readable for `length` bytes until the result is dropped.
#[inline]
pub(super) unsafe fn bytes<'a>(data: *const c_void, length: usize) -> Result<&'a [u8]> {
    check_length(length)?;
    if length == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(null_with(length));
    }
    // SAFETY: the caller's promise; not NULL, and the length fits.
    Ok(unsafe { std::slice::from_raw_parts(data.cast(), length) })
}

/// Room of the caller, for the length of the call.
///
/// # Safety
/// `buffer` is NULL, or writable for `capacity` bytes until the result is dropped, and nobody else
/// uses it meanwhile.
pub(super) unsafe fn buffer<'a>(buffer: *mut c_void, capacity: usize) -> Result<&'a mut [u8]> {
    check_length(capacity)?;
    if capacity == 0 {
        return Ok(&mut []);
    }
    if buffer.is_null() {
        return Err(null_with(capacity));
    }
    // SAFETY: the caller's promise; not NULL, and the length fits.
    Ok(unsafe { std::slice::from_raw_parts_mut(buffer.cast(), capacity) })
}

#[inline]
fn check_length(length: usize) -> Result<()> {
    match isize::try_from(length) {
        Ok(_) => Ok(()),
        Err(_) => Err(too_long(length)),
    }
}

#[cold]
fn too_long(length: usize) -> Box<Error> {
    Error::argument(format!(
        "a length of {length} bytes is more than memory can hold"
    ))
}

#[cold]
fn null_with(length: usize) -> Box<Error> {
    Error::argument(format!("NULL with a length of {length}"))
}

/// Several byte strings, 1 to `most`: a count beyond it reads nothing.
///
/// # Safety
/// `pointers` and `lengths` are NULL, or point to `count` pointers and lengths, each pair as for
/// [`bytes`].
pub(super) unsafe fn byte_strings<'a>(
    pointers: *const *const c_void,
    lengths: *const usize,
    count: usize,
    most: usize,
) -> Result<Vec<&'a [u8]>> {
    if pointers.is_null() || lengths.is_null() || count == 0 || count > most {
        return Err(Error::argument(format!(
            "there must be 1 to {most} of them, not {count}, and no NULL"
        )));
    }
    // SAFETY: the caller's promise; neither is NULL.
    unsafe {
        let pointers = std::slice::from_raw_parts(pointers, count);
        let lengths = std::slice::from_raw_parts(lengths, count);
        let pairs = pointers.iter().zip(lengths);
        pairs
            .map(|(pointer, length)| bytes(*pointer, *length))
            .collect()
    }
}

/// A text that must be there.
///
/// # Safety
/// `text` is NULL, or NUL-terminated and readable until the result is dropped.
pub(super) unsafe fn text<'a>(text: *const c_char, what: &str) -> Result<&'a str> {
    // SAFETY: the caller's promise.
    unsafe { optional_text(text, what) }?.ok_or_else(|| Error::argument(format!("{what} is NULL")))
}

/// A text, or NULL.
///
/// # Safety
/// As for [`text`].
pub(super) unsafe fn optional_text<'a>(text: *const c_char, what: &str) -> Result<Option<&'a str>> {
    if text.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    match unsafe { CStr::from_ptr(text) }.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(Error::argument(format!("{what} is not UTF-8"))),
    }
}

/// A list of protocols by name.
///
/// # Safety
/// `names` is NULL, or points to `count` pointers, each NULL or as for [`text`].
pub(super) unsafe fn protocols(names: *const *const c_char, count: usize) -> Result<ProtocolList> {
    // More cannot be sent.
    const MOST: usize = 65_535 / 2;
    if names.is_null() || count == 0 || count > MOST {
        return Err(Error::argument(format!(
            "a list of protocols has 1 to {MOST} names"
        )));
    }
    // SAFETY: the caller's promise.
    let names = unsafe { std::slice::from_raw_parts(names, count) };
    if names.iter().any(|name| name.is_null()) {
        return Err(Error::argument("a protocol's name is NULL"));
    }
    // SAFETY: the caller's promise; not NULL.
    ProtocolList::from_names(
        names
            .iter()
            .map(|name| unsafe { CStr::from_ptr(*name) }.to_bytes()),
    )
}

/// A passphrase: bytes, or NULL.
///
/// # Safety
/// As for [`text`].
pub(super) unsafe fn passphrase<'a>(text: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// The path of a file: bytes, in no particular encoding.
///
/// # Safety
/// As for [`text`].
pub(super) unsafe fn path<'a>(path: *const c_char) -> Result<&'a Path> {
    if path.is_null() {
        return Err(Error::argument("the path is NULL"));
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { CStr::from_ptr(path) }.to_bytes();
    Ok(Path::new(OsStr::from_bytes(bytes)))
}

/// A descriptor of the user's and whether it is ours to close. What it stands for is looked at later.
pub(super) fn given_fd(fd: tls_socket, close_fd: i32) -> Result<GivenFd> {
    if fd < 0 {
        return Err(Error::argument(format!(
            "a descriptor is not negative, as {fd} is"
        )));
    }
    Ok(GivenFd {
        fd,
        close_fd: flag(close_fd, "close_fd")?,
    })
}

/// A truth value: 0 or 1, nothing else.
pub(super) fn flag(value: i32, what: &str) -> Result<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Error::argument(format!(
            "{what} must be 0 or 1, not {other}"
        ))),
    }
}

/// A TCP port from `lowest` on.
pub(super) fn port(value: i32, lowest: u16) -> Result<u16> {
    u16::try_from(value)
        .ok()
        .filter(|port| *port >= lowest)
        .ok_or_else(|| Error::argument(format!("a port is from {lowest} to 65535, not {value}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c005_c006_c007_slices() {
        // SAFETY: NULL is never read.
        unsafe {
            assert_eq!(bytes(std::ptr::null(), 0).unwrap(), b"");
            assert!(bytes(std::ptr::null(), 1).is_err());
            assert!(bytes(c"x".as_ptr().cast(), usize::MAX).is_err());
            assert!(buffer(std::ptr::null_mut(), 1).is_err());
        }
    }

    #[test]
    fn c022_flags_and_ports() {
        assert!(flag(2, "it").is_err() && flag(-1, "it").is_err());
        assert!(flag(1, "it").unwrap());
        assert!(port(65536, 0).is_err() && port(-1, 0).is_err() && port(0, 1).is_err());
        assert_eq!(port(65535, 1).unwrap(), 65535);
    }
}
