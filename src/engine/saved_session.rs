//! A client's session as bytes, for another process or another machine: OpenSSL's own form, and behind
//! it a mark with a checksum. Without that OpenSSL would take much that was damaged, and the handshake
//! would fail in place of being a full one.
//!
//! The bytes hold secrets, and whoever can write them can make a server of their own pass for the one
//! that was meant: they must be kept as a private key is.

use openssl::asn1::Asn1Time;
use openssl::sha::Sha256;
use openssl::ssl::{SslSession, SslSessionRef};

use crate::error::{Error, Result, Status};
use crate::sys::error_queue;
use crate::sys::memory::Secret;
use crate::sys::session;

/// What follows the form of OpenSSL; another form would get another number.
const MARK: &[u8; 8] = b"tlspair1";
const CHECKSUM_LENGTH: usize = 32;
/// No session lives longer, whatever the server says (RFC 8446, 4.6.1).
const LIFETIME: i64 = 7 * 24 * 60 * 60;

/// `None`: OpenSSL is out of memory.
pub fn write(session: &SslSessionRef) -> Option<Secret> {
    error_queue::begin();
    let der = Secret::new(session.to_der().ok()?);
    // At its full length at once: growing would leave a copy behind.
    let mut bytes = Vec::with_capacity(der.len() + MARK.len() + CHECKSUM_LENGTH);
    bytes.extend_from_slice(&der);
    bytes.extend_from_slice(MARK);
    bytes.extend_from_slice(&checksum(&der));
    Some(Secret::new(bytes))
}

pub fn read(bytes: &[u8]) -> Result<SslSession> {
    let marked = bytes.len().checked_sub(CHECKSUM_LENGTH);
    let (marked, sum) = bytes.split_at(marked.ok_or_else(unreadable)?);
    let der = marked.strip_suffix(MARK).ok_or_else(unreadable)?;
    if checksum(der) != sum {
        return Err(unreadable());
    }
    error_queue::begin();
    SslSession::from_der(der).map_err(|stack| {
        drop(stack);
        unreadable()
    })
}

fn checksum(der: &[u8]) -> [u8; CHECKSUM_LENGTH] {
    let mut hash = Sha256::new();
    hash.update(MARK);
    hash.update(der);
    hash.finish()
}

fn unreadable() -> Box<Error> {
    Error::new(
        Status::Session,
        "ERR_TLS_INVALID_SESSION",
        "these bytes are not a session that this library has written, or they are damaged: throw them \
         away and connect without",
    )
}

/// From when on, in seconds since 1970, it is of no use: its time is over, or the certificate that it
/// stands for has expired.
pub fn end(session: &SslSessionRef) -> i64 {
    let lifetime = session.timeout().clamp(0, LIFETIME);
    let own = session.time().saturating_add(lifetime);
    let certificate = session::peer(session).and_then(|peer| {
        let past = Asn1Time::from_unix(0).ok()?.diff(peer.not_after()).ok()?;
        Some(i64::from(past.days) * 24 * 60 * 60 + i64::from(past.secs))
    });
    error_queue::begin();
    certificate.map_or(own, |its| own.min(its))
}
