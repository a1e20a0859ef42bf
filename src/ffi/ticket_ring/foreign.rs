//! Tickets shared with nginx and HAProxy.

use std::ffi::c_void;

use super::super::input;
use super::super::status::tls_status;
use super::{change, tls_ticket_ring};
use crate::context::TicketRing;

/// Certificates of one server block: far more than there are algorithms.
const MOST_CERTIFICATES: usize = 1024;

/// Puts the keys of nginx's `ssl_session_ticket_key` in place of all that is in the ring: the first
/// file makes tickets, at once, and the others open them. Any thread.
///
/// - `files`: as many pointers to the contents of the files, in the order of nginx's configuration;
///   not NULL.
/// - `lengths`: how many bytes each has: 48 or 80.
/// - `count`: 1 to 16.
///
/// Call it again after each rotation. A file has a name of 16 bytes, and then, of 48 bytes, 16 for AES
/// and 16 for HMAC; of 80, 32 for HMAC and 32 for AES.
///
/// The keys alone are not enough: see `tls_ticket_ring_set_nginx_id_context`.
///
/// Errors: `TLS_ERR_KEY` with the name `ERR_INVALID_TICKET_KEYS` (a file of another length),
/// `TLS_ERR_INVALID_ARGUMENT` (count; NULL; two different keys of one name). The ring is as it was then.
#[no_mangle]
pub unsafe extern "C" fn tls_ticket_ring_import_nginx(
    ring: *mut tls_ticket_ring,
    files: *const *const c_void,
    lengths: *const usize,
    count: usize,
) -> tls_status {
    change(ring, |ring| {
        // SAFETY: valid by contract.
        ring.import_nginx(&unsafe {
            input::byte_strings(files, lengths, count, TicketRing::MAX_ENTRIES)
        }?)
    })
}

/// Puts the keys of a file of HAProxy's `tls-ticket-keys` in place of all that is in the ring: the last
/// but one makes tickets, at once; the last opens them, for the time when the next file has come to
/// some hosts only. Any thread.
///
/// - `data`, `length`: the file: three lines or more, each a key in Base64: a name of 16 bytes, then
///   16 for AES and 16 for HMAC, or 32 and 32. Of more than 16 lines the last ones count.
///
/// Call it again after each change of the file. HAProxy's session id context is the text `haproxy`:
/// set it with `tls_ticket_ring_set_foreign_id_context`.
///
/// Errors: `TLS_ERR_KEY` with the name `ERR_INVALID_TICKET_KEYS`, `TLS_ERR_INVALID_ARGUMENT`. The ring
/// is as it was then.
#[no_mangle]
pub unsafe extern "C" fn tls_ticket_ring_import_haproxy(
    ring: *mut tls_ticket_ring,
    data: *const c_void,
    length: usize,
) -> tls_status {
    change(ring, |ring| {
        // SAFETY: readable by contract.
        ring.import_haproxy(unsafe { input::bytes(data, length) }?)
    })
}

/// Says which session id context other servers have that share the keys: OpenSSL resumes only sessions
/// of its own. Tickets that are made here carry theirs from then on, and tickets with theirs are taken.
/// Any thread.
///
/// - `id`: copied; `"haproxy"` for HAProxy.
/// - `length`: 1 to 32; 0: nothing is shared any more.
///
/// Sessions are resumed for the server name that they were made for alone (or none both times), and with
/// a cipher that the context has. Where clients are asked for certificates, tickets stay our own: what
/// the others demand of a certificate is not known here. Between the contexts of one ring nothing else
/// counts then: what `tls_context_set_session_id_context` set does not part them.
///
/// Share with servers that serve the same names to the same clients. One that insists on client
/// certificates, where this one does not, would have to look again at a session that was resumed, as
/// nginx does: a ticket from here has none.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT`.
#[no_mangle]
pub unsafe extern "C" fn tls_ticket_ring_set_foreign_id_context(
    ring: *mut tls_ticket_ring,
    id: *const c_void,
    length: usize,
) -> tls_status {
    change(ring, |ring| {
        // SAFETY: readable by contract.
        ring.set_foreign_id_context(unsafe { input::bytes(id, length) }?)
    })
}

/// Does what `tls_ticket_ring_set_foreign_id_context` does, for nginx, whose session id context comes
/// from its certificates. Any thread.
///
/// - `certificates`: as many pointers to PEM texts: each `ssl_certificate` of the server block that
///   is nginx's default for the address, in the order of its configuration; of each the first
///   certificate counts, so the file itself will do. Not NULL.
/// - `lengths`: how many bytes each has.
/// - `count`: 1 to 1024.
/// - `client_cas`, `client_cas_length`: the PEM text of its `ssl_client_certificate`; NULL and 0 if its
///   `ssl_verify_client` is off: then it does not count.
///
/// It is SHA-1 of `HTTP`, of the SHA-1 of each certificate, the last one first, and of the SHA-1 of each
/// CA's name. Set it again when nginx gets another certificate.
///
/// Errors: `TLS_ERR_CERTIFICATE` (a text without a certificate), `TLS_ERR_INVALID_ARGUMENT`. What was
/// set stays then.
#[no_mangle]
pub unsafe extern "C" fn tls_ticket_ring_set_nginx_id_context(
    ring: *mut tls_ticket_ring,
    certificates: *const *const c_void,
    lengths: *const usize,
    count: usize,
    client_cas: *const c_void,
    client_cas_length: usize,
) -> tls_status {
    change(ring, |ring| {
        // SAFETY: valid by contract.
        let (certificates, client_cas) = unsafe {
            (
                input::byte_strings(certificates, lengths, count, MOST_CERTIFICATES)?,
                input::bytes(client_cas, client_cas_length)?,
            )
        };
        ring.set_nginx_id_context(&certificates, client_cas)
    })
}
