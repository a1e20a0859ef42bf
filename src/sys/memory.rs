//! Wiping memory that held secrets.

use std::ops::{Deref, DerefMut};

/// Overwrites, and the compiler cannot leave it out (OPENSSL_cleanse(3)).
pub fn wipe(bytes: &mut [u8]) {
    extern "C" {
        fn OPENSSL_cleanse(pointer: *mut libc::c_void, length: libc::size_t);
    }
    // SAFETY: exclusive, writable, of this length.
    unsafe { OPENSSL_cleanse(bytes.as_mut_ptr().cast(), bytes.len()) };
}

/// Bytes that are wiped when done with.
pub struct Secret(Vec<u8>);

impl Secret {
    pub fn new(bytes: Vec<u8>) -> Secret {
        Secret(bytes)
    }
}

impl Deref for Secret {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl DerefMut for Secret {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}
