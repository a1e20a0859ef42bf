//! The application protocols of a context.

use std::ffi::{c_char, c_void};

use super::super::input;
use super::super::status::tls_status;
use super::{change, tls_context};
use crate::context::ProtocolList;

/// Sets the ALPN protocols: what a client offers, and a server accepts in its own order. It
/// beats the list of the server; connect options beat it. Any thread, until the
/// context's first use.
///
/// - `names`: `count` texts of 1 to 255 bytes, the preferred first; not NULL. Copied.
/// - `count`: 1 at least.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (no name, an empty one, one that is too long or NULL, more than
/// fits into the extension), `TLS_ERR_FROZEN`. Node: the option `ALPNProtocols`.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_alpn_protocols(
    context: *mut tls_context,
    names: *const *const c_char,
    count: usize,
) -> tls_status {
    change(context, |context| {
        // SAFETY: by contract.
        let list = unsafe { input::protocols(names, count) }?;
        context.set_alpn_protocols(Some(list))
    })
}

/// Does what `tls_context_set_alpn_protocols` does, from one buffer in which each name stands behind
/// a byte with its length, as Node takes it in a `Buffer`: `"\x02h2\x08http/1.1"`.
///
/// - `data`, `length`: in bytes; copied.
///
/// Errors: those of `tls_context_set_alpn_protocols`, also for a length that does not fit.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_alpn_buffer(
    context: *mut tls_context,
    data: *const c_void,
    length: usize,
) -> tls_status {
    change(context, |context| {
        // SAFETY: readable by contract.
        let list = ProtocolList::from_wire(unsafe { input::bytes(data, length) }?)?;
        context.set_alpn_protocols(Some(list))
    })
}

/// Sets the NPN protocols for TLS 1.2 and before: what a client takes from the server's
/// offer, and a server offers. It beats the list of the server; connect options beat it. Any thread, until the
/// context's first use.
///
/// - `names`: `count` texts of 1 to 255 bytes, the preferred first; not NULL. Copied.
/// - `count`: 1 at least.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (no name, an empty one, one that is too long or NULL, more than
/// fits into the extension), `TLS_ERR_FROZEN`. Node v0.10: the option `NPNProtocols`.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_npn_protocols(
    context: *mut tls_context,
    names: *const *const c_char,
    count: usize,
) -> tls_status {
    change(context, |context| {
        // SAFETY: by contract.
        let list = unsafe { input::protocols(names, count) }?;
        context.set_npn_protocols(Some(list))
    })
}

/// Does what `tls_context_set_npn_protocols` does, from one buffer in which each name stands behind a
/// byte with its length, as Node takes it in a `Buffer`: `"\x02h2\x08http/1.1"`.
///
/// - `data`, `length`: in bytes; copied.
///
/// Errors: those of `tls_context_set_npn_protocols`, also for a length that does not fit.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_npn_buffer(
    context: *mut tls_context,
    data: *const c_void,
    length: usize,
) -> tls_status {
    change(context, |context| {
        // SAFETY: readable by contract.
        let list = ProtocolList::from_wire(unsafe { input::bytes(data, length) }?)?;
        context.set_npn_protocols(Some(list))
    })
}
