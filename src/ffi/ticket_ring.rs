//! `tls_ticket_ring`: the keys of session tickets, for one context or many. What other servers have is
//! in `foreign.rs`.

mod foreign;

use std::ffi::c_void;
use std::sync::Arc;

use super::registry::{self, Kind, Shared};
use super::status::{tls_status, TLS_OK};
use super::{guard, input};
use crate::context::TicketRing;
use crate::error::{Error, Result};

pub use foreign::*;

/// The keys that session tickets are made and opened with.
#[repr(C)]
pub struct tls_ticket_ring {
    _private: [u8; 0],
}

pub(super) fn object(ring: *const tls_ticket_ring) -> Result<Arc<TicketRing>> {
    match registry::shared(ring as u64, Kind::TicketRing)? {
        Shared::TicketRing(ring) => Ok(ring),
        _ => Err(Error::argument("this is not a tls_ticket_ring")),
    }
}

fn change(
    ring: *mut tls_ticket_ring,
    change: impl FnOnce(&TicketRing) -> Result<()>,
) -> tls_status {
    guard::status(|| change(&*object(ring)?))
}

/// A new ring, for `tls_context_set_ticket_ring`. It works at once: it has a random key of 48 bytes. The
/// first key or secret that is put in takes its place, unless a ticket was made with it or it was
/// exported by then. Free it with `tls_ticket_ring_free`. Any thread.
///
/// Returns NULL when out of memory, or without randomness (`TLS_ERR_INTERNAL`).
#[no_mangle]
pub extern "C" fn tls_ticket_ring_new() -> *mut tls_ticket_ring {
    guard::value(std::ptr::null_mut(), || {
        let object = Shared::TicketRing(TicketRing::new()?);
        Ok(registry::insert_shared(Kind::TicketRing, object)? as *mut tls_ticket_ring)
    })
}

/// Frees a ring. Contexts that use it keep it, with the keys that it has. NULL is `TLS_OK`. Any thread.
#[no_mangle]
pub extern "C" fn tls_ticket_ring_free(ring: *mut tls_ticket_ring) -> tls_status {
    if ring.is_null() {
        return TLS_OK;
    }
    guard::status(|| registry::remove_shared(ring as u64, Kind::TicketRing).map(drop))
}

/// How many keys and secrets are in it, 1 to 16; -1 for a bad handle. Any thread.
#[no_mangle]
pub extern "C" fn tls_ticket_ring_key_count(ring: *const tls_ticket_ring) -> i32 {
    guard::value(-1, || {
        Ok(i32::try_from(object(ring)?.count()).unwrap_or(i32::MAX))
    })
}

/// Puts a fresh random key of 80 bytes in. It makes tickets after the grace period, or at once if it is
/// the first. Any thread.
///
/// With one host, call it every few hours. With several, call it on one of them, and give what
/// `tls_ticket_ring_export` then has to the others before the grace period is over.
///
/// Errors: `TLS_ERR_INTERNAL` (no randomness).
#[no_mangle]
pub extern "C" fn tls_ticket_ring_rotate(ring: *mut tls_ticket_ring) -> tls_status {
    change(ring, TicketRing::rotate)
}

/// Puts a key in that comes from elsewhere. It makes tickets after the grace period, or at once if it
/// is the first. A key that is there already stays as and where it is. Any thread.
///
/// - `key`: random bytes, copied: a name of 16 bytes, which everybody sees in the tickets, the key for
///   HMAC-SHA256, and the key for AES, both of 16 bytes (AES-128; what Node calls `ticketKeys`) or both
///   of 32 (AES-256).
/// - `length`: 48 or 80.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (another length; another key of the same name is there).
#[no_mangle]
pub unsafe extern "C" fn tls_ticket_ring_add_key(
    ring: *mut tls_ticket_ring,
    key: *const c_void,
    length: usize,
) -> tls_status {
    change(ring, |ring| {
        // SAFETY: readable by contract.
        ring.add_key(unsafe { input::bytes(key, length) }?)
    })
}

/// Puts a secret in, from which each period of time gets a key of its own: hosts that have the secret
/// have the keys, with no message between them. It makes tickets after the grace period, or at once if
/// it is the first; a second secret replaces it so, on all hosts, without a gap. Any thread.
///
/// - `secret`: random bytes, copied; not a password, which could be guessed.
/// - `length`: 32 to 1,024.
/// - `period_ms`: how long a key makes tickets, in milliseconds; one second to 30 days. The keys change
///   when the time since 1970 is a multiple of it. The same on all hosts.
///
/// The keys of the period before and of the one after open tickets as well: so a ticket is good for one
/// period at least and two at most, and clocks that differ by less than a period do no harm. Keys are
/// 80 bytes of HKDF-SHA256 and are the same in all versions of the library.
///
/// Whoever learns the secret has all keys of all times: there is no forward secrecy beyond its life.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT`.
#[no_mangle]
pub unsafe extern "C" fn tls_ticket_ring_add_secret(
    ring: *mut tls_ticket_ring,
    secret: *const c_void,
    length: usize,
    period_ms: u64,
) -> tls_status {
    change(ring, |ring| {
        // SAFETY: readable by contract.
        ring.add_secret(unsafe { input::bytes(secret, length) }?, period_ms)
    })
}

/// Sets how many keys and secrets a ring keeps; the oldest above that are wiped, at once and from now on.
/// Any thread.
///
/// - `count`: 2 to 16; 16 by default. Enough are as many as make tickets in the lifetime of a ticket, two
///   hours unless another server says otherwise, and two more: with a new key each hour, 4. More of them
///   resume nothing, and can only be stolen.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT`.
#[no_mangle]
pub extern "C" fn tls_ticket_ring_set_max_keys(
    ring: *mut tls_ticket_ring,
    count: usize,
) -> tls_status {
    change(ring, |ring| ring.set_max_keys(count))
}

/// Sets for how long what is put in from now on opens tickets and makes none, so that all hosts have it
/// when the first client comes with a ticket of it. Any thread.
///
/// - `milliseconds`: longer than it takes until all hosts have a new key; 60,000 by default, 0: none,
///   at most seven days.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT`.
#[no_mangle]
pub extern "C" fn tls_ticket_ring_set_grace_period(
    ring: *mut tls_ticket_ring,
    milliseconds: u64,
) -> tls_status {
    change(ring, |ring| ring.set_grace_period(milliseconds))
}

/// Writes all keys and secrets of a ring, for `tls_ticket_ring_import` on another host or after a
/// restart. The bytes are as secret as the keys: send them encrypted and only to who may have them,
/// keep them from disks, and wipe them after use. Any thread.
///
/// - `buffer`: where to put them; NULL only with capacity 0.
/// - `capacity`: in bytes; 0 asks for the length alone.
/// - `length`: where to put how many bytes they are; not NULL. Set also when they do not fit.
///
/// The form is the library's own and has a version: a library reads what older ones wrote.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` (`length` is NULL; they do not fit, and nothing was written).
#[no_mangle]
pub unsafe extern "C" fn tls_ticket_ring_export(
    ring: *mut tls_ticket_ring,
    buffer: *mut c_void,
    capacity: usize,
    length: *mut usize,
) -> tls_status {
    guard::status(|| {
        let ring = object(ring)?;
        // SAFETY: valid and writable by contract.
        let (buffer, length) = unsafe { (input::buffer(buffer, capacity)?, length.as_mut()) };
        let length = length.ok_or_else(|| Error::argument("the place for the length is NULL"))?;
        let exported = ring.export();
        *length = exported.len();
        if capacity == 0 {
            return Ok(());
        }
        let place = buffer.get_mut(..exported.len()).ok_or_else(|| {
            Error::argument(format!(
                "the ring takes {} bytes, and there is room for {capacity}",
                exported.len()
            ))
        })?;
        place.copy_from_slice(&exported);
        Ok(())
    })
}

/// Puts what `tls_ticket_ring_export` wrote in place of all that is in the ring. What makes tickets
/// there makes them here at once; what is in its grace period there is in one here, of this ring's own
/// length, which began when it first came. So the same bytes may come again and again. Any thread.
///
/// - `data`, `length`: the bytes, whole.
///
/// They have a checksum against accidents. It is none against people: take them only from those who
/// may have the keys. The grace period and the session id context of others are not in them.
///
/// Errors: `TLS_ERR_KEY` with the name `ERR_INVALID_TICKET_KEYS` (other bytes, cut short, altered, or
/// of a newer version), `TLS_ERR_INVALID_ARGUMENT`. The ring is as it was then.
#[no_mangle]
pub unsafe extern "C" fn tls_ticket_ring_import(
    ring: *mut tls_ticket_ring,
    data: *const c_void,
    length: usize,
) -> tls_status {
    change(ring, |ring| {
        // SAFETY: readable by contract.
        ring.import(unsafe { input::bytes(data, length) }?)
    })
}
