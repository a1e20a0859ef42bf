//! Status codes, as C sees them. A number is never used again for something else.

use crate::error::Status;

/// What a call came to: 0 done, above 0 done with information, below 0 an error, whose details
/// `tls_last_error` has.
pub type tls_status = i32;

/// Done.
pub const TLS_OK: tls_status = 0;
/// Taken, and the high-water mark is reached: stop writing until the drain event.
pub const TLS_FULL: tls_status = 1;
/// NULL, a freed handle, one of another kind, or no handle at all.
pub const TLS_ERR_INVALID_HANDLE: tls_status = -1;
/// An argument that cannot be used; the message says which and why.
pub const TLS_ERR_INVALID_ARGUMENT: tls_status = -2;
/// The right call at the wrong moment: write after end, listen twice, ...
pub const TLS_ERR_INVALID_STATE: tls_status = -3;
/// The handle's loop belongs to another thread.
pub const TLS_ERR_WRONG_THREAD: tls_status = -4;
/// In use just now: the pair by another thread, the loop by an outer call.
pub const TLS_ERR_BUSY: tls_status = -5;
/// The context is in use and cannot be changed any more.
pub const TLS_ERR_FROZEN: tls_status = -6;
/// This build or this system cannot do that.
pub const TLS_ERR_NOT_SUPPORTED: tls_status = -7;
/// A certificate (of ours, or a CA's) cannot be read or is refused.
pub const TLS_ERR_CERTIFICATE: tls_status = -100;
/// A private key cannot be read.
pub const TLS_ERR_KEY: tls_status = -101;
/// The passphrase is missing or wrong.
pub const TLS_ERR_PASSPHRASE: tls_status = -102;
/// Key and certificate do not belong together.
pub const TLS_ERR_KEY_MISMATCH: tls_status = -103;
/// A cipher list with unknown names, or with nothing to use.
pub const TLS_ERR_CIPHERS: tls_status = -104;
/// Unknown protocol method or version, or none left to use.
pub const TLS_ERR_PROTOCOL: tls_status = -105;
/// A file cannot be read; see `tls_error_errno`.
pub const TLS_ERR_FILE: tls_status = -106;
/// A system call failed; see `tls_error_errno`.
pub const TLS_ERR_SYSTEM: tls_status = -200;
/// Out of memory.
pub const TLS_ERR_NO_MEMORY: tls_status = -201;
/// The host name was not found.
pub const TLS_ERR_RESOLVE: tls_status = -202;
/// No connection could be made; see `tls_error_errno`.
pub const TLS_ERR_CONNECT: tls_status = -203;
/// Cannot listen at this address; see `tls_error_errno`.
pub const TLS_ERR_LISTEN: tls_status = -204;
/// The peer cut the connection: reset, or end of file in the middle of the handshake.
pub const TLS_ERR_RESET: tls_status = -205;
/// The TLS protocol failed: garbage, an alert, nothing in common.
pub const TLS_ERR_TLS: tls_status = -300;
/// The peer's certificate, or its name, is not accepted.
pub const TLS_ERR_VERIFY: tls_status = -301;
/// The handshake took too long.
pub const TLS_ERR_TIMEOUT: tls_status = -302;
/// A serialised session cannot be used.
pub const TLS_ERR_SESSION: tls_status = -303;
/// A defect of the library itself: please report it.
pub const TLS_ERR_INTERNAL: tls_status = -900;

/// Keeps C's numbers and the layers' statuses together.
macro_rules! statuses {
    ($($constant:ident = $status:ident),* $(,)?) => {
        $(const _: () = assert!($constant == Status::$status as i32);)*

        /// The name of a number; "TLS_ERR_UNKNOWN" for one that is none.
        pub(super) fn name(status: tls_status) -> &'static std::ffi::CStr {
            const fn c(text: &'static str) -> &'static std::ffi::CStr {
                match std::ffi::CStr::from_bytes_with_nul(text.as_bytes()) {
                    Ok(text) => text,
                    Err(_) => c"",
                }
            }
            match status {
                TLS_OK => c"TLS_OK",
                TLS_FULL => c"TLS_FULL",
                $($constant => const { c(concat!(stringify!($constant), "\0")) },)*
                _ => c"TLS_ERR_UNKNOWN",
            }
        }
    };
}

statuses! {
    TLS_ERR_INVALID_HANDLE = InvalidHandle,
    TLS_ERR_INVALID_ARGUMENT = InvalidArgument,
    TLS_ERR_INVALID_STATE = InvalidState,
    TLS_ERR_WRONG_THREAD = WrongThread,
    TLS_ERR_BUSY = Busy,
    TLS_ERR_FROZEN = Frozen,
    TLS_ERR_NOT_SUPPORTED = NotSupported,
    TLS_ERR_CERTIFICATE = Certificate,
    TLS_ERR_KEY = Key,
    TLS_ERR_PASSPHRASE = Passphrase,
    TLS_ERR_KEY_MISMATCH = KeyMismatch,
    TLS_ERR_CIPHERS = Ciphers,
    TLS_ERR_PROTOCOL = Protocol,
    TLS_ERR_FILE = File,
    TLS_ERR_SYSTEM = System,
    TLS_ERR_NO_MEMORY = NoMemory,
    TLS_ERR_RESOLVE = Resolve,
    TLS_ERR_CONNECT = Connect,
    TLS_ERR_LISTEN = Listen,
    TLS_ERR_RESET = Reset,
    TLS_ERR_TLS = Tls,
    TLS_ERR_VERIFY = Verify,
    TLS_ERR_TIMEOUT = Timeout,
    TLS_ERR_SESSION = Session,
    TLS_ERR_INTERNAL = Internal,
}
