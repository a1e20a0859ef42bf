//! `tls_error`: what went wrong, in the last failing call of a thread or in an error event.

use std::cell::RefCell;
use std::ffi::{c_char, CStr, CString};
use std::sync::Arc;

use super::guard;
use super::registry::{self, Kind, Shared};
use super::status::{tls_status, TLS_OK};
use crate::error::{Error, Result};

/// What went wrong. Checked like every handle.
#[repr(C)]
pub struct tls_error {
    _private: [u8; 0],
}

/// An error with its texts as C wants them.
pub struct ErrorObject {
    status: tls_status,
    name: CString,
    message: CString,
    errno: i32,
    verify_result: i32,
    verify_depth: i32,
    verify_subject: Option<CString>,
    openssl: Vec<(u64, CString)>,
}

impl ErrorObject {
    fn none() -> ErrorObject {
        ErrorObject {
            status: TLS_OK,
            name: c"OK".into(),
            message: c"no call has failed in this thread".into(),
            errno: 0,
            verify_result: 0,
            verify_depth: -1,
            verify_subject: None,
            openssl: Vec::new(),
        }
    }

    fn new(error: &Error) -> ErrorObject {
        let verify = error.verify.as_ref();
        ErrorObject {
            status: error.status as tls_status,
            name: c_text(&error.name),
            message: c_text(&error.message),
            errno: error.errno,
            verify_result: verify.map_or(0, |verify| verify.result),
            verify_depth: verify.map_or(-1, |verify| verify.depth),
            verify_subject: verify
                .filter(|verify| !verify.subject.is_empty())
                .map(|verify| c_text(&verify.subject)),
            openssl: error
                .openssl
                .iter()
                .map(|entry| (entry.code, c_text(&entry.text)))
                .collect(),
        }
    }
}

/// No text of ours holds a NUL; one that a peer smuggled in is shown as what it is.
fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "\\0")).unwrap_or_default()
}

/// This thread's last error: one handle for the thread's life, what is behind it changes.
struct LastError {
    handle: u64,
    /// Keeps the texts that were handed out until the next failing call.
    object: Arc<ErrorObject>,
}

impl Drop for LastError {
    fn drop(&mut self) {
        let _ = registry::remove_shared(self.handle, Kind::Error);
    }
}

thread_local! {
    static LAST: RefCell<Option<LastError>> = const { RefCell::new(None) };
}

pub(super) fn set_last_error(error: Box<Error>) {
    put_last_error(ErrorObject::new(&error));
}

fn put_last_error(object: ErrorObject) -> u64 {
    let object = Arc::new(object);
    let put = LAST.try_with(|last| {
        let mut last = last.borrow_mut();
        if let Some(last) = last.as_mut() {
            let shared = Shared::Error(Arc::clone(&object), false);
            let _ = registry::replace_shared(last.handle, Kind::Error, shared);
            last.object = object;
            return last.handle;
        }
        let shared = Shared::Error(Arc::clone(&object), false);
        let handle = registry::insert_shared(Kind::Error, shared).unwrap_or(0);
        *last = Some(LastError { handle, object });
        handle
    });
    put.unwrap_or(0)
}

/// The handle of an error for the length of a callback.
pub(super) fn with_handle(error: &Error, call: impl FnOnce(*const tls_error)) {
    let handle = keep(error);
    call(handle as *const tls_error);
    release(handle);
}

/// The handle of an error until [`release`]; 0 if there are too many.
pub(super) fn keep(error: &Error) -> u64 {
    let shared = Shared::Error(Arc::new(ErrorObject::new(error)), false);
    registry::insert_shared(Kind::Error, shared).unwrap_or(0)
}

pub(super) fn release(handle: u64) {
    let _ = registry::remove_shared(handle, Kind::Error);
}

fn object(error: *const tls_error) -> Result<Arc<ErrorObject>> {
    match registry::shared(error as u64, Kind::Error)? {
        Shared::Error(object, _) => Ok(object),
        _ => Err(Error::argument("this is not a tls_error")),
    }
}

/// A text that lives in the error. The reference that is dropped here is not the last one: the
/// handle has its own.
fn text(
    error: *const tls_error,
    pick: impl FnOnce(&ErrorObject) -> Option<&CStr>,
) -> *const c_char {
    number(error, std::ptr::null(), |object| {
        pick(object).map_or(std::ptr::null(), CStr::as_ptr)
    })
}

/// The accessors leave the last error alone: a bad handle answers the fallback and no more.
fn number<T>(error: *const tls_error, fallback: T, pick: impl FnOnce(&ErrorObject) -> T) -> T {
    guard::quiet(fallback, || Ok(pick(&*object(error)?)))
}

/// This thread's last failing call.
///
/// Never NULL; before the first failure it is an error with the status `TLS_OK`. The handle and the
/// texts that come from it are valid until this thread's next *failing* call; calls that succeed and
/// the `tls_error_*` accessors leave it. To keep one longer, use `tls_error_copy`.
///
/// Any thread; each has its own.
#[no_mangle]
pub extern "C" fn tls_last_error() -> *const tls_error {
    guard::value(std::ptr::null(), || {
        let handle = LAST.try_with(|last| last.borrow().as_ref().map(|last| last.handle));
        let handle = match handle {
            Ok(Some(handle)) => handle,
            _ => put_last_error(ErrorObject::none()),
        };
        Ok(handle as *const tls_error)
    })
}

/// The status, as the failing call answered it; `TLS_ERR_INVALID_HANDLE` for a bad handle.
#[no_mangle]
pub extern "C" fn tls_error_status(error: *const tls_error) -> tls_status {
    number(error, super::TLS_ERR_INVALID_HANDLE, |error| error.status)
}

/// The stable name, for programs to act on: `CERT_HAS_EXPIRED`, `ERR_TLS_CERT_ALTNAME_INVALID`,
/// `ERR_TLS_HANDSHAKE_TIMEOUT`, `ECONNREFUSED`, `ENOTFOUND`, `ERR_SSL_HTTP_REQUEST`, ...
///
/// It is Node's where Node has one: its name for the verification result, the errno, or `ERR_SSL_`
/// and OpenSSL's reason. The text lives as long as the error; NULL for a bad handle.
///
/// Node: `error.code`.
#[no_mangle]
pub extern "C" fn tls_error_name(error: *const tls_error) -> *const c_char {
    text(error, |error| Some(&error.name))
}

/// A sentence for people, which says what to do where that is known. Its wording may change between
/// versions. It lives as long as the error; NULL for a bad handle.
///
/// Node: `error.message`.
#[no_mangle]
pub extern "C" fn tls_error_message(error: *const tls_error) -> *const c_char {
    text(error, |error| Some(&error.message))
}

/// The system's error number; 0 if no system call failed, or for a bad handle.
#[no_mangle]
pub extern "C" fn tls_error_errno(error: *const tls_error) -> i32 {
    number(error, 0, |error| error.errno)
}

/// Why the peer's certificate was not accepted, as one of OpenSSL's `X509_V_ERR_` numbers; 0 if it
/// is not about that, or for a bad handle.
#[no_mangle]
pub extern "C" fn tls_error_verify_result(error: *const tls_error) -> i32 {
    number(error, 0, |error| error.verify_result)
}

/// Which certificate of the chain was not accepted: 0 is the peer's own, above it are its issuers;
/// -1 if it is not about that, or for a bad handle.
#[no_mangle]
pub extern "C" fn tls_error_verify_depth(error: *const tls_error) -> i32 {
    number(error, -1, |error| error.verify_depth)
}

/// The subject of the certificate that was not accepted, one attribute a line; NULL if it is not
/// about that, or for a bad handle. It lives as long as the error.
#[no_mangle]
pub extern "C" fn tls_error_verify_subject(error: *const tls_error) -> *const c_char {
    text(error, |error| error.verify_subject.as_deref())
}

/// How many entries of OpenSSL's error queue came with the error; 0 for a bad handle.
#[no_mangle]
pub extern "C" fn tls_error_openssl_count(error: *const tls_error) -> usize {
    number(error, 0, |error| error.openssl.len())
}

/// OpenSSL's packed code (`ERR_get_error`) of an entry; 0 if there is none.
///
/// - `index`: which entry, 0 being the oldest.
#[no_mangle]
pub extern "C" fn tls_error_openssl_code(error: *const tls_error, index: usize) -> u64 {
    number(error, 0, |error| {
        error.openssl.get(index).map_or(0, |(code, _)| *code)
    })
}

/// OpenSSL's text of an entry; NULL if there is none. It lives as long as the error.
///
/// - `index`: which entry, 0 being the oldest.
#[no_mangle]
pub extern "C" fn tls_error_openssl_text(error: *const tls_error, index: usize) -> *const c_char {
    text(error, |error| {
        error.openssl.get(index).map(|(_, text)| text.as_c_str())
    })
}

/// A copy that lives until `tls_error_free`, on any thread.
///
/// Returns NULL if `error` is not a valid error; the last error then says so.
#[no_mangle]
pub extern "C" fn tls_error_copy(error: *const tls_error) -> *mut tls_error {
    guard::value(std::ptr::null_mut(), || {
        let object = object(error)?;
        let handle = registry::insert_shared(Kind::Error, Shared::Error(object, true))?;
        Ok(handle as *mut tls_error)
    })
}

/// Frees an error from `tls_error_copy`. NULL is `TLS_OK`. Any thread.
///
/// A thread's last error and the error of an error event are not the caller's to free:
/// `TLS_ERR_INVALID_STATE`.
#[no_mangle]
pub extern "C" fn tls_error_free(error: *mut tls_error) -> tls_status {
    if error.is_null() {
        return TLS_OK;
    }
    guard::status(|| {
        let handle = error as u64;
        match registry::shared(handle, Kind::Error)? {
            Shared::Error(_, true) => registry::remove_shared(handle, Kind::Error).map(drop),
            _ => Err(Error::state(
                "only what tls_error_copy made is to be freed; this error is not a copy",
            )),
        }
    })
}
