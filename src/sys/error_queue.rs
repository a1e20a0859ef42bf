//! OpenSSL's per-thread error queue: the one choke point. `begin` before a call that enters OpenSSL,
//! `drain` after one that failed, so that one connection's error never surfaces on another and
//! nothing stale of the host program is read as ours.

use std::ffi::CStr;

use libc::{c_char, c_int};
use openssl::error::ErrorStack;

use super::openssl_ffi;
use crate::error::{Error, OpensslEntry, Status};

/// The code of `ERR_R_UNSUPPORTED` of libcrypto's EVP: no loaded provider has the algorithm.
pub const EVP_UNSUPPORTED: u64 = 0x0308_010C;

/// OpenSSL keeps at most 16 entries; a bound all the same.
const MAX_ENTRIES: usize = 32;

/// Forgets whatever was left in the queue. Looks first: clearing an empty queue costs five times
/// what looking does.
pub fn begin() {
    // SAFETY: both only touch this thread's queue.
    unsafe {
        if openssl_ffi::ERR_peek_error() != 0 {
            openssl_sys::ERR_clear_error();
        }
    }
}

/// Takes all entries, oldest first.
pub fn drain() -> Vec<OpensslEntry> {
    let mut entries = Vec::new();
    while entries.len() < MAX_ENTRIES {
        let mut data: *const c_char = std::ptr::null();
        let mut flags: c_int = 0;
        // SAFETY: the out-parameters that are not wanted may be NULL; `data` belongs to the queue
        // and is copied before the next call on it.
        let code = unsafe {
            openssl_sys::ERR_get_error_all(
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                std::ptr::null_mut(),
                &mut data,
                &mut flags,
            )
        };
        if code == 0 {
            break;
        }
        let mut buffer = [0 as c_char; 256];
        // SAFETY: writes at most the length given, with a NUL.
        let mut text = unsafe {
            openssl_ffi::ERR_error_string_n(code, buffer.as_mut_ptr(), buffer.len());
            CStr::from_ptr(buffer.as_ptr())
                .to_string_lossy()
                .into_owned()
        };
        if !data.is_null() && flags & openssl_sys::ERR_TXT_STRING != 0 {
            // SAFETY: ERR_TXT_STRING says that it is a NUL-terminated text.
            let extra = unsafe { CStr::from_ptr(data) }.to_string_lossy();
            if !extra.is_empty() {
                text.push(':');
                text.push_str(&extra);
            }
        }
        entries.push(OpensslEntry {
            // c_ulong is narrower elsewhere.
            #[allow(clippy::useless_conversion)]
            code: u64::from(code),
            text,
        });
    }
    begin();
    entries
}

pub fn contains(entries: &[OpensslEntry], code: u64) -> bool {
    entries.iter().any(|entry| entry.code == code)
}

/// OpenSSL's text for the reason of a code, `wrong version number`.
pub fn reason(code: u64) -> Option<String> {
    let code = libc::c_ulong::try_from(code).ok()?;
    // SAFETY: the result is NULL or a text that lives as long as the process.
    unsafe {
        let text = openssl_sys::ERR_reason_error_string(code);
        (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
    }
}

/// The number of the reason within its library.
pub fn reason_number(code: u64) -> i32 {
    // ERR_GET_REASON of OpenSSL 3: system errors carry their number in the low 31 bits.
    (code & 0x7f_ffff) as i32
}

/// Is this the entry that a fatal alert of the peer leaves?
pub fn is_received_alert(code: u64) -> bool {
    /// SSL_AD_REASON_OFFSET: the alert's number is added to it.
    const ALERT_OFFSET: i32 = 1000;
    library(code) == LIBRARY_SSL && reason_number(code) >= ALERT_OFFSET
}

/// ERR_LIB_SSL.
const LIBRARY_SSL: u64 = 20;

fn library(code: u64) -> u64 {
    (code >> 23) & 0xff
}

/// Node's name for an OpenSSL error: `ERR_SSL_` and the reason in capitals, for the libraries other
/// than libssl `ERR_OSSL_`.
pub fn node_name(code: u64) -> Option<String> {
    let prefix = if library(code) == LIBRARY_SSL {
        "ERR_SSL_"
    } else {
        "ERR_OSSL_"
    };
    Some(name_of_reason(prefix, &reason(code)?))
}

/// A name must not change with the OpenSSL that is in use: newer ones word some alerts anew.
fn name_of_reason(prefix: &str, reason: &str) -> String {
    let reason = reason.replacen("ssl/tls alert", "sslv3 alert", 1);
    let mut name = String::from(prefix);
    for character in reason.chars() {
        name.push(if character.is_ascii_alphanumeric() {
            character.to_ascii_uppercase()
        } else {
            '_'
        });
    }
    name
}

/// The queue's contents as an error: named after the last entry, which is the outermost cause.
pub fn take_error(status: Status, what: &str) -> Box<Error> {
    from_entries(status, what, drain())
}

/// The same from what the openssl crate took from the queue.
pub fn from_stack(status: Status, what: &str, stack: &ErrorStack) -> Box<Error> {
    let entries = stack.errors().iter().map(|error| OpensslEntry {
        // c_ulong is narrower elsewhere.
        #[allow(clippy::useless_conversion)]
        code: u64::from(error.code()),
        text: error.to_string(),
    });
    from_entries(status, what, entries.collect())
}

/// The same from entries that were taken already.
pub fn from_entries(status: Status, what: &str, entries: Vec<OpensslEntry>) -> Box<Error> {
    let last = entries.last().map(|entry| entry.code);
    let message = match last.and_then(reason) {
        Some(reason) => format!("{what}: {reason}"),
        None => what.to_owned(),
    };
    let name = last.and_then(node_name);
    let mut error = Error::new(
        status,
        name.unwrap_or_else(|| "ERR_OSSL".to_owned()),
        message,
    );
    error.openssl = entries;
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a host program may leave behind.
    fn dirty() {
        // SAFETY: these only add an entry without data to this thread's queue.
        unsafe {
            openssl_sys::ERR_new();
            openssl_sys::ERR_set_error(openssl_sys::ERR_LIB_PEM, 108, std::ptr::null());
        }
    }

    #[test]
    fn c028_begin_forgets_what_others_left() {
        dirty();
        begin();
        assert!(drain().is_empty());
    }

    #[test]
    fn s61_names_are_those_of_all_versions() {
        for reason in [
            "sslv3 alert bad certificate",
            "ssl/tls alert bad certificate",
        ] {
            let name = name_of_reason("ERR_SSL_", reason);
            assert_eq!(name, "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE");
        }
    }

    #[test]
    fn drain_takes_everything_once() {
        begin();
        dirty();
        assert!(!drain().is_empty());
        assert!(drain().is_empty());
    }
}
