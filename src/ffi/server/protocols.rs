//! The application protocols of a server.

use std::ffi::{c_char, c_void};

use super::super::input;
use super::super::status::tls_status;
use super::{change, tls_server};
use crate::context::ProtocolList;

/// Sets the ALPN protocols: the server's order counts. A client that offers only others is
/// refused (`no_application_protocol`); one that offers none is served. A list of the context beats
/// this one. For connections to come. The loop's thread.
///
/// - `names`: `count` texts of 1 to 255 bytes, the preferred first; not NULL. Copied.
/// - `count`: 1 at least.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (no name, an empty one, one that is too long or NULL, more than
/// fits into the extension). Node: the option `ALPNProtocols`.
#[no_mangle]
pub unsafe extern "C" fn tls_server_set_alpn_protocols(
    server: *mut tls_server,
    names: *const *const c_char,
    count: usize,
) -> tls_status {
    change(server, |object| {
        // SAFETY: by contract.
        let list = unsafe { input::protocols(names, count) }?;
        object.server.set_alpn_protocols(list);
        Ok(())
    })
}

/// Does what `tls_server_set_alpn_protocols` does, from one buffer in which each name stands behind a
/// byte with its length, as Node takes it in a `Buffer`: `"\x02h2\x08http/1.1"`.
///
/// - `data`, `length`: in bytes; copied.
///
/// Errors: those of `tls_server_set_alpn_protocols`, also for a length that does not fit.
#[no_mangle]
pub unsafe extern "C" fn tls_server_set_alpn_buffer(
    server: *mut tls_server,
    data: *const c_void,
    length: usize,
) -> tls_status {
    change(server, |object| {
        // SAFETY: readable by contract.
        let list = ProtocolList::from_wire(unsafe { input::bytes(data, length) }?)?;
        object.server.set_alpn_protocols(list);
        Ok(())
    })
}

/// Sets the NPN protocols that are told to clients which ask, on TLS 1.2 and before: NPN is older
/// than ALPN, and few speak it today. The client chooses. A list of the context beats this one. For
/// connections to come. The loop's thread.
///
/// - `names`: `count` texts of 1 to 255 bytes, the preferred first; not NULL. Copied.
/// - `count`: 1 at least.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (no name, an empty one, one that is too long or NULL, more than
/// fits into the extension). Node v0.10: the option `NPNProtocols`.
#[no_mangle]
pub unsafe extern "C" fn tls_server_set_npn_protocols(
    server: *mut tls_server,
    names: *const *const c_char,
    count: usize,
) -> tls_status {
    change(server, |object| {
        // SAFETY: by contract.
        let list = unsafe { input::protocols(names, count) }?;
        object.server.set_npn_protocols(list);
        Ok(())
    })
}

/// Does what `tls_server_set_npn_protocols` does, from one buffer in which each name stands behind a
/// byte with its length, as Node takes it in a `Buffer`: `"\x02h2\x08http/1.1"`.
///
/// - `data`, `length`: in bytes; copied.
///
/// Errors: those of `tls_server_set_npn_protocols`, also for a length that does not fit.
#[no_mangle]
pub unsafe extern "C" fn tls_server_set_npn_buffer(
    server: *mut tls_server,
    data: *const c_void,
    length: usize,
) -> tls_status {
    change(server, |object| {
        // SAFETY: readable by contract.
        let list = ProtocolList::from_wire(unsafe { input::bytes(data, length) }?)?;
        object.server.set_npn_protocols(list);
        Ok(())
    })
}
