//! Sessions as a store outside sees them: sealed with AES-256-GCM, so that it can neither read nor
//! alter them, nor give one in the place of another. The key comes from the ticket ring, so whoever
//! shares the ring shares the store.
//!
//! `version(1) key name(16) nonce(12) ciphertext tag(16)`; the associated data are what stands before
//! the nonce and the session's id.

use std::sync::OnceLock;

use openssl::cipher::{Cipher, CipherRef};
use openssl::cipher_ctx::CipherCtx;
use openssl::error::ErrorStack;
use openssl::rand::rand_bytes;

use crate::context::TicketRing;
use crate::sys::error_queue;
use crate::sys::memory::Secret;

const VERSION: u8 = 1;
const NAME_LENGTH: usize = 16;
const NONCE_LENGTH: usize = 12;
const TAG_LENGTH: usize = 16;
const HEADER_LENGTH: usize = 1 + NAME_LENGTH;
const OVERHEAD: usize = HEADER_LENGTH + NONCE_LENGTH + TAG_LENGTH;

/// `None`: OpenSSL would not.
pub fn seal(ring: &TicketRing, session: &Secret, id: &[u8]) -> Option<Vec<u8>> {
    let (name, key) = ring.sealing_key().ok()?;
    let mut nonce = [0; NONCE_LENGTH];
    rand_bytes(&mut nonce).ok()?;
    let mut sealed = Vec::with_capacity(session.len() + OVERHEAD);
    sealed.push(VERSION);
    sealed.extend_from_slice(&name);
    let associated = [&sealed[..], id].concat();
    sealed.extend_from_slice(&nonce);
    let cipher = cipher()?;
    let mut encrypt = || -> Result<(), ErrorStack> {
        let mut tag = [0; TAG_LENGTH];
        let mut context = CipherCtx::new()?;
        context.encrypt_init(Some(cipher), Some(&key), Some(&nonce))?;
        context.cipher_update(&associated, None)?;
        context.cipher_update_vec(session, &mut sealed)?;
        context.cipher_final_vec(&mut sealed)?;
        context.tag(&mut tag)?;
        sealed.extend_from_slice(&tag);
        Ok(())
    };
    encrypt().ok()?;
    Some(sealed)
}

/// Looked for once: by its name in each call it would cost more than what it does to a session.
fn cipher() -> Option<&'static CipherRef> {
    static CIPHER: OnceLock<Option<Cipher>> = OnceLock::new();
    let cipher = CIPHER.get_or_init(|| Cipher::fetch(None, "AES-256-GCM", None).ok());
    cipher.as_deref()
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
    let cipher = cipher()?;
    let decrypt = || -> Result<Secret, ErrorStack> {
        let mut session = Secret::new(vec![0; text.len()]);
        let mut context = CipherCtx::new()?;
        context.decrypt_init(Some(cipher), Some(&key), Some(nonce))?;
        context.set_tag(tag)?;
        context.cipher_update(&associated, None)?;
        context.cipher_update(text, Some(&mut session))?;
        context.cipher_final(&mut [])?;
        Ok(session)
    };
    let session = decrypt();
    error_queue::begin();
    session.ok()
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
