//! Session tickets of a context.

use std::ffi::c_void;

use super::super::status::tls_status;
use super::super::ticket_ring::{self, tls_ticket_ring};
use super::super::{guard, input};
use super::{change, object, tls_context};
use crate::context::TicketRing;
use crate::error::Error;

/// The length of what Node calls `ticketKeys`.
const NODE_LENGTH: usize = 48;

/// Has servers that use this context make and open session tickets with the keys of a ring, from the
/// next ticket on; without one, each context has a random key of its own. Any thread, at any time, also
/// while the context is in use.
///
/// - `ring`: may be that of other contexts as well, and may be freed afterwards.
///
/// The ring of the context that a server or pair was made with counts, also for connections whose
/// server name picks another context (`tls_server_add_context`). Clients have no use for it.
///
/// Errors: none of its own.
#[no_mangle]
pub extern "C" fn tls_context_set_ticket_ring(
    context: *mut tls_context,
    ring: *mut tls_ticket_ring,
) -> tls_status {
    change(context, |context| {
        context.set_ticket_ring(ticket_ring::object(ring)?);
        Ok(())
    })
}

/// Has servers that use this context make and open session tickets with this key alone, from now on:
/// in place of the ring that it had, which stays as it is. Any thread, at any time, also while the
/// context is in use.
///
/// - `keys`: random bytes, copied: a name of 16 bytes, 16 for HMAC, 16 for AES.
/// - `length`: 48.
///
/// Tickets of an earlier key are not known any more: to change keys without full handshakes, use a
/// ring.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (another length).
///
/// Node: the option `ticketKeys`, `server.setTicketKeys`.
#[no_mangle]
pub unsafe extern "C" fn tls_context_set_ticket_keys(
    context: *mut tls_context,
    keys: *const c_void,
    length: usize,
) -> tls_status {
    change(context, |context| {
        // SAFETY: readable by contract.
        let ring = TicketRing::with_key(unsafe { input::bytes(keys, length) }?)?;
        context.set_ticket_ring(ring);
        Ok(())
    })
}

/// The key that session tickets are made with now, for `tls_context_set_ticket_keys` on another context
/// or in another process. It is secret. Any thread, at any time.
///
/// - `keys`: where to put it; not NULL.
/// - `length`: 48.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (another length), `TLS_ERR_INVALID_STATE` (the context has a ring
/// whose key has 80 bytes: `tls_ticket_ring_export` has it).
///
/// Node: `server.getTicketKeys`.
#[no_mangle]
pub unsafe extern "C" fn tls_context_ticket_keys(
    context: *mut tls_context,
    keys: *mut c_void,
    length: usize,
) -> tls_status {
    guard::status(|| {
        let context = object(context)?;
        // SAFETY: writable by contract.
        let place = unsafe { input::buffer(keys, length) }?;
        if place.len() != NODE_LENGTH {
            return Err(Error::argument(format!(
                "the keys take {NODE_LENGTH} bytes, not {length}"
            )));
        }
        place.copy_from_slice(&context.context.ticket_ring()?.key_of_48_bytes()?);
        Ok(())
    })
}

/// Sets how many session tickets a client gets after a full handshake of TLS 1.3, where each is for one
/// connection; after a resumption it gets one. Any thread, until the context's first use.
///
/// - `count`: 0 to 32; 2 by default. 0: clients of TLS 1.3 cannot resume, unless the server keeps
///   sessions itself. On TLS 1.2 there is one, whatever this is.
///
/// That of the context that a server or pair was made with counts, as for `tls_context_set_ticket_ring`.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
#[no_mangle]
pub extern "C" fn tls_context_set_num_tickets(
    context: *mut tls_context,
    count: usize,
) -> tls_status {
    change(context, |context| context.set_num_tickets(count))
}
