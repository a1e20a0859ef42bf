//! One key, in the order that Node and long keys of nginx have: name, HMAC, AES.

use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

use crate::error::{Error, Result, Status};
use crate::sys::error_queue;
use crate::sys::memory::Secret;
use crate::sys::ticket_keys::{KeyName, TicketKey, NAME_LENGTH};

/// With AES-128.
pub const SHORT: usize = NAME_LENGTH + 2 * 16;
/// With AES-256.
pub const LONG: usize = NAME_LENGTH + 2 * 32;

/// What the key of a store's blobs is made from; changing it loses what stores hold.
const SEALING_LABEL: &[u8] = b"tlspair sealed session 1";

/// Name and the two halves behind it, if the length is one of the two.
pub fn split(bytes: &[u8]) -> Result<(KeyName, &[u8], &[u8])> {
    match bytes.split_first_chunk::<NAME_LENGTH>() {
        Some((name, rest)) if [SHORT, LONG].contains(&bytes.len()) => {
            let (first, second) = rest.split_at(rest.len() / 2);
            Ok((*name, first, second))
        }
        _ => Err(wrong_length(bytes.len(), "48 or 80")),
    }
}

pub fn parse(bytes: &[u8]) -> Result<TicketKey> {
    let (name, hmac, aes) = split(bytes)?;
    TicketKey::new(name, hmac, aes).ok_or_else(|| wrong_length(bytes.len(), "48 or 80"))
}

/// The opposite of [`parse`].
pub fn bytes(key: &TicketKey) -> Secret {
    Secret::new([&key.name, key.secret()].concat())
}

pub fn random(length: usize) -> Result<TicketKey> {
    let mut bytes = Secret::new(vec![0; length]);
    openssl::rand::rand_priv_bytes(&mut bytes).map_err(|stack| {
        let what = "there is no randomness for a key of session tickets";
        error_queue::from_stack(Status::Internal, what, &stack)
    })?;
    parse(&bytes)
}

/// Seals sessions outside of tickets: a key for another algorithm, which says nothing of this one.
pub fn for_sealing(key: &TicketKey) -> Result<Secret> {
    let make = || {
        let hmac = PKey::hmac(key.secret())?;
        let mut signer = Signer::new(MessageDigest::sha256(), &hmac)?;
        signer.sign_oneshot_to_vec(SEALING_LABEL).map(Secret::new)
    };
    let made = key.derived(make).map_err(|stack| {
        let what = "cannot derive the key that seals sessions";
        error_queue::from_stack(Status::Internal, what, &stack)
    })?;
    Ok(Secret::new(made.to_vec()))
}

pub fn wrong_length(length: usize, wanted: &str) -> Box<Error> {
    Error::argument(format!(
        "a key of session tickets has {wanted} bytes, not {length}"
    ))
}
