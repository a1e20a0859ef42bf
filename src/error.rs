//! The one error type of all layers: what happened, by status, by stable name, and in words that
//! tell the caller what to do.

use std::borrow::Cow;
use std::fmt;

/// Result of every fallible function below `ffi`. The error is boxed: the happy path stays small.
pub type Result<T> = std::result::Result<T, Box<Error>>;

/// What kind of failure, with the number that C programs see (`TLS_ERR_*` in `ffi/status.rs`).
/// A number is never used again for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    InvalidHandle = -1,
    InvalidArgument = -2,
    InvalidState = -3,
    WrongThread = -4,
    Busy = -5,
    Frozen = -6,
    NotSupported = -7,
    Certificate = -100,
    Key = -101,
    Passphrase = -102,
    KeyMismatch = -103,
    Ciphers = -104,
    Protocol = -105,
    File = -106,
    System = -200,
    NoMemory = -201,
    Resolve = -202,
    Connect = -203,
    Listen = -204,
    Reset = -205,
    Tls = -300,
    Verify = -301,
    Timeout = -302,
    Session = -303,
    Internal = -900,
}

/// One entry of OpenSSL's error queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpensslEntry {
    /// The packed code, as `ERR_get_error` gave it.
    pub code: u64,
    /// `error:0A000086:SSL routines::certificate verify failed` and the data that came with it.
    pub text: String,
}

/// Why a peer's certificate was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyFailure {
    /// `X509_V_ERR_*`.
    pub result: i32,
    /// 0 is the peer's own certificate.
    pub depth: i32,
    /// Subject of the certificate at that depth, one attribute a line.
    pub subject: String,
}

/// An error with everything that is known about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    pub status: Status,
    /// Stable code string, Node's where Node has one.
    pub name: Cow<'static, str>,
    /// A sentence for people, which says what to do where that is known.
    pub message: String,
    pub openssl: Vec<OpensslEntry>,
    pub verify: Option<VerifyFailure>,
    /// The system's error number, 0 if none.
    pub errno: i32,
}

impl Error {
    pub fn new(
        status: Status,
        name: impl Into<Cow<'static, str>>,
        message: impl Into<String>,
    ) -> Box<Error> {
        Box::new(Error {
            status,
            name: name.into(),
            message: message.into(),
            openssl: Vec::new(),
            verify: None,
            errno: 0,
        })
    }

    /// An argument that cannot be used: `ERR_INVALID_ARG_VALUE`, as Node names it.
    pub fn argument(message: impl Into<String>) -> Box<Error> {
        Error::new(Status::InvalidArgument, "ERR_INVALID_ARG_VALUE", message)
    }

    /// The right call at the wrong moment.
    pub fn state(message: impl Into<String>) -> Box<Error> {
        Error::new(Status::InvalidState, "ERR_INVALID_STATE", message)
    }

    /// A failed system call: the name is the errno's (`ECONNREFUSED`), the message begins with `what`.
    pub fn system(status: Status, what: impl fmt::Display, cause: &std::io::Error) -> Box<Error> {
        let errno = cause.raw_os_error().unwrap_or(0);
        let name = crate::sys::errno::name(errno);
        let mut error = Error::new(status, name, format!("{what}: {cause}"));
        error.errno = errno;
        error
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.message)
    }
}

impl std::error::Error for Error {}
