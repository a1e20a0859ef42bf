//! Sessions as a store outside sees them: sealed with AES-256-GCM, so that it can neither read nor
//! alter them, nor give one in the place of another. The key comes from the ticket ring, so whoever
//! shares the ring shares the store.
//!
//! `version(1) key name(16) nonce(12) ciphertext tag(16)`; the associated data are what stands before
//! the nonce and the session's id.

use openssl::rand::rand_bytes;
use openssl::symm::{decrypt_aead, encrypt_aead, Cipher};

use crate::context::TicketRing;
use crate::sys::error_queue;
use crate::sys::memory::Secret;

const VERSION: u8 = 1;
const NAME_LENGTH: usize = 16;
const NONCE_LENGTH: usize = 12;
const TAG_LENGTH: usize = 16;
const HEADER_LENGTH: usize = 1 + NAME_LENGTH;

/// `None`: OpenSSL would not.
pub fn seal(ring: &TicketRing, session: &Secret, id: &[u8]) -> Option<Vec<u8>> {
    let (name, key) = ring.sealing_key().ok()?;
    let mut nonce = [0; NONCE_LENGTH];
    rand_bytes(&mut nonce).ok()?;
    let mut sealed = Vec::with_capacity(HEADER_LENGTH + NONCE_LENGTH + session.len() + TAG_LENGTH);
    sealed.push(VERSION);
    sealed.extend_from_slice(&name);
    let associated = [&sealed[..], id].concat();
    let mut tag = [0; TAG_LENGTH];
    let cipher = Cipher::aes_256_gcm();
    let text = encrypt_aead(cipher, &key, Some(&nonce), &associated, session, &mut tag).ok()?;
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(&text);
    sealed.extend_from_slice(&tag);
    Some(sealed)
}

/// `None`: it was altered, is for another id, or its key is gone.
pub fn unseal(ring: &TicketRing, sealed: &[u8], id: &[u8]) -> Option<Secret> {
    let (header, rest) = sealed.split_at_checked(HEADER_LENGTH)?;
    let (version, name) = header.split_first()?;
    if *version != VERSION {
        return None;
    }
    let key = ring.sealing_key_named(name.try_into().ok()?)?;
    let (nonce, rest) = rest.split_at_checked(NONCE_LENGTH)?;
    let (text, tag) = rest.split_at_checked(rest.len().checked_sub(TAG_LENGTH)?)?;
    let associated = [header, id].concat();
    let cipher = Cipher::aes_256_gcm();
    let session = decrypt_aead(cipher, &key, Some(nonce), &associated, text, tag);
    error_queue::begin();
    session.ok().map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c019_only_what_was_sealed_for_this_id_comes_back() {
        let ring = TicketRing::new().unwrap();
        let session = Secret::new(b"a session".to_vec());
        let sealed = seal(&ring, &session, b"id").unwrap();
        assert_eq!(&*unseal(&ring, &sealed, b"id").unwrap(), b"a session");
        assert!(unseal(&ring, &sealed, b"di").is_none());
        assert!(unseal(&TicketRing::new().unwrap(), &sealed, b"id").is_none());
        for place in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[place] ^= 1;
            assert!(unseal(&ring, &altered, b"id").is_none(), "{place}");
            assert!(unseal(&ring, &sealed[..place], b"id").is_none(), "{place}");
        }
        assert!(!sealed.windows(9).any(|window| window == b"a session"));
    }
}
