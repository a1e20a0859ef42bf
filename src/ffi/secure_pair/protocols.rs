//! The application protocols of a pair.

use std::ffi::{c_char, c_void};

use super::super::input;
use super::super::status::tls_status;
use super::{change, tls_secure_pair};
use crate::context::ProtocolList;

/// Sets the ALPN protocols, as `tls_server_set_alpn_protocols` and
/// `tls_connect_options_set_alpn_protocols` do. Before the pair
/// starts; any thread, one at a time.
///
/// - `names`: `count` texts of 1 to 255 bytes, the preferred first; not NULL. Copied.
/// - `count`: 1 at least.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (no name, an empty one, one that is too long or NULL, more than
/// fits into the extension), `TLS_ERR_INVALID_STATE` once the pair has started. Node: the option `ALPNProtocols`.
#[no_mangle]
pub unsafe extern "C" fn tls_secure_pair_set_alpn_protocols(
    pair: *mut tls_secure_pair,
    names: *const *const c_char,
    count: usize,
) -> tls_status {
    change(pair, |object| {
        // SAFETY: by contract.
        let list = unsafe { input::protocols(names, count) }?;
        object.pair.set_alpn_protocols(Some(list))
    })
}

/// Does what `tls_secure_pair_set_alpn_protocols` does, from one buffer in which each name stands
/// behind a byte with its length, as Node takes it in a `Buffer`: `"\x02h2\x08http/1.1"`.
///
/// - `data`, `length`: in bytes; copied.
///
/// Errors: those of `tls_secure_pair_set_alpn_protocols`, also for a length that does not fit.
#[no_mangle]
pub unsafe extern "C" fn tls_secure_pair_set_alpn_buffer(
    pair: *mut tls_secure_pair,
    data: *const c_void,
    length: usize,
) -> tls_status {
    change(pair, |object| {
        // SAFETY: readable by contract.
        let list = ProtocolList::from_wire(unsafe { input::bytes(data, length) }?)?;
        object.pair.set_alpn_protocols(Some(list))
    })
}

/// Sets the NPN protocols, as `tls_server_set_npn_protocols` and
/// `tls_connect_options_set_npn_protocols` do. Before the pair
/// starts; any thread, one at a time.
///
/// - `names`: `count` texts of 1 to 255 bytes, the preferred first; not NULL. Copied.
/// - `count`: 1 at least.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (no name, an empty one, one that is too long or NULL, more than
/// fits into the extension), `TLS_ERR_INVALID_STATE` once the pair has started. Node v0.10: the option `NPNProtocols`.
#[no_mangle]
pub unsafe extern "C" fn tls_secure_pair_set_npn_protocols(
    pair: *mut tls_secure_pair,
    names: *const *const c_char,
    count: usize,
) -> tls_status {
    change(pair, |object| {
        // SAFETY: by contract.
        let list = unsafe { input::protocols(names, count) }?;
        object.pair.set_npn_protocols(Some(list))
    })
}

/// Does what `tls_secure_pair_set_npn_protocols` does, from one buffer in which each name stands
/// behind a byte with its length, as Node takes it in a `Buffer`: `"\x02h2\x08http/1.1"`.
///
/// - `data`, `length`: in bytes; copied.
///
/// Errors: those of `tls_secure_pair_set_npn_protocols`, also for a length that does not fit.
#[no_mangle]
pub unsafe extern "C" fn tls_secure_pair_set_npn_buffer(
    pair: *mut tls_secure_pair,
    data: *const c_void,
    length: usize,
) -> tls_status {
    change(pair, |object| {
        // SAFETY: readable by contract.
        let list = ProtocolList::from_wire(unsafe { input::bytes(data, length) }?)?;
        object.pair.set_npn_protocols(Some(list))
    })
}
