//! Facts about the library itself.

use std::ffi::{c_char, CString};
use std::sync::OnceLock;

use super::{guard, input, status, tls_status};
use crate::context::supported_ciphers;

/// The library's version, `"0.1.0"`. Any thread; the text is static.
#[no_mangle]
pub extern "C" fn tls_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// The library's version as a number that grows: `0x00MMmmpp`, major, minor and patch in one byte
/// each. To compare with the header that a program was compiled with:
/// `TLS_VERSION_MAJOR << 16 | TLS_VERSION_MINOR << 8 | TLS_VERSION_PATCH`. Any thread.
#[no_mangle]
pub extern "C" fn tls_version_number() -> u32 {
    const fn number(text: &str) -> u32 {
        let bytes = text.as_bytes();
        let (mut value, mut index) = (0, 0);
        while index < bytes.len() {
            value = value * 10 + (bytes[index] - b'0') as u32;
            index += 1;
        }
        value
    }
    const VERSION: u32 = number(env!("CARGO_PKG_VERSION_MAJOR")) << 16
        | number(env!("CARGO_PKG_VERSION_MINOR")) << 8
        | number(env!("CARGO_PKG_VERSION_PATCH"));
    VERSION
}

/// The version of the OpenSSL in use, as it calls itself: `"OpenSSL 3.0.17 1 Jul 2025"`. Any
/// thread; the text lives as long as the process.
#[no_mangle]
pub extern "C" fn tls_openssl_version() -> *const c_char {
    static TEXT: OnceLock<CString> = OnceLock::new();
    guard::value(std::ptr::null(), || {
        let text =
            TEXT.get_or_init(|| CString::new(openssl::version::version()).unwrap_or_default());
        Ok(text.as_ptr())
    })
}

/// The names of all cipher suites that the OpenSSL in use has, TLS 1.3 included: in lower case, sorted,
/// each once, with `:` between them. Any thread; the text lives as long as the process.
///
/// Suites that leave the connection open (no encryption, no authentication) are not among them.
/// `tls_context_set_ciphers` takes the names in capitals.
///
/// Returns NULL when out of memory.
///
/// Node: `tls.getCiphers()`, as an array.
#[no_mangle]
pub extern "C" fn tls_ciphers() -> *const c_char {
    static TEXT: OnceLock<CString> = OnceLock::new();
    guard::value(std::ptr::null(), || {
        if let Some(text) = TEXT.get() {
            return Ok(text.as_ptr());
        }
        let names = supported_ciphers()?.join(":");
        let text = CString::new(names).unwrap_or_default();
        Ok(TEXT.get_or_init(|| text).as_ptr())
    })
}

/// Does this build have a feature? 1 if so, 0 if not or if the name is unknown. Any thread.
///
/// Names: `"tls1.2"`, `"tls1.3"`; `"vendored"` (OpenSSL is inside the library); `"loop_fd"`
/// (`tls_loop_fd` becomes readable for timers too).
///
/// - `name`: a text; NULL is answered with 0 and the last error.
#[no_mangle]
pub unsafe extern "C" fn tls_feature(name: *const c_char) -> i32 {
    guard::value(0, || {
        // SAFETY: NUL-terminated by contract.
        let name = unsafe { input::text(name, "the feature's name") }?;
        let there = match name {
            "tls1.2" | "tls1.3" => true,
            "vendored" => cfg!(feature = "vendored"),
            "loop_fd" => cfg!(target_os = "linux"),
            _ => false,
        };
        Ok(i32::from(there))
    })
}

/// The name of a status code, `"TLS_ERR_BUSY"`; `"TLS_ERR_UNKNOWN"` for a number that is none. Any
/// thread; the text is static.
#[no_mangle]
pub extern "C" fn tls_status_name(status: tls_status) -> *const c_char {
    status::name(status).as_ptr()
}
