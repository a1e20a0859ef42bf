//! The application protocols of a client.

use std::ffi::{c_char, c_void};
use std::sync::Arc;

use super::super::input;
use super::super::status::tls_status;
use super::{change, tls_connect_options};
use crate::context::ProtocolList;

/// Sets the ALPN protocols that the server is offered, in place of those of the context. What it
/// chose is `tls_stream_alpn_protocol`; a server that chooses something else is refused. Any thread.
///
/// - `names`: `count` texts of 1 to 255 bytes, the preferred first; not NULL. Copied.
/// - `count`: 1 at least.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (no name, an empty one, one that is too long or NULL, more than
/// fits into the extension). Node: the option `ALPNProtocols`.
#[no_mangle]
pub unsafe extern "C" fn tls_connect_options_set_alpn_protocols(
    options: *mut tls_connect_options,
    names: *const *const c_char,
    count: usize,
) -> tls_status {
    change(options, |values| {
        // SAFETY: by contract.
        let list = unsafe { input::protocols(names, count) }?;
        values.alpn = Some(Arc::new(list));
        Ok(())
    })
}

/// Does what `tls_connect_options_set_alpn_protocols` does, from one buffer in which each name stands
/// behind a byte with its length, as Node takes it in a `Buffer`: `"\x02h2\x08http/1.1"`.
///
/// - `data`, `length`: in bytes; copied.
///
/// Errors: those of `tls_connect_options_set_alpn_protocols`, also for a length that does not fit.
#[no_mangle]
pub unsafe extern "C" fn tls_connect_options_set_alpn_buffer(
    options: *mut tls_connect_options,
    data: *const c_void,
    length: usize,
) -> tls_status {
    change(options, |values| {
        // SAFETY: readable by contract.
        let list = ProtocolList::from_wire(unsafe { input::bytes(data, length) }?)?;
        values.alpn = Some(Arc::new(list));
        Ok(())
    })
}

/// Sets the NPN protocols, for TLS 1.2 and before, in place of those of the context: the first of
/// the server's offer that is among them is taken. If there is none, the first of ours is asked for,
/// and `tls_stream_npn_protocol` is NULL, as in Node. Any thread.
///
/// - `names`: `count` texts of 1 to 255 bytes, the preferred first; not NULL. Copied.
/// - `count`: 1 at least.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (no name, an empty one, one that is too long or NULL, more than
/// fits into the extension). Node v0.10: the option `NPNProtocols`.
#[no_mangle]
pub unsafe extern "C" fn tls_connect_options_set_npn_protocols(
    options: *mut tls_connect_options,
    names: *const *const c_char,
    count: usize,
) -> tls_status {
    change(options, |values| {
        // SAFETY: by contract.
        let list = unsafe { input::protocols(names, count) }?;
        values.npn = Some(Arc::new(list));
        Ok(())
    })
}

/// Does what `tls_connect_options_set_npn_protocols` does, from one buffer in which each name stands
/// behind a byte with its length, as Node takes it in a `Buffer`: `"\x02h2\x08http/1.1"`.
///
/// - `data`, `length`: in bytes; copied.
///
/// Errors: those of `tls_connect_options_set_npn_protocols`, also for a length that does not fit.
#[no_mangle]
pub unsafe extern "C" fn tls_connect_options_set_npn_buffer(
    options: *mut tls_connect_options,
    data: *const c_void,
    length: usize,
) -> tls_status {
    change(options, |values| {
        // SAFETY: readable by contract.
        let list = ProtocolList::from_wire(unsafe { input::bytes(data, length) }?)?;
        values.npn = Some(Arc::new(list));
        Ok(())
    })
}
