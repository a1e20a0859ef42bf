//! Wiping memory that held secrets.

/// Overwrites, and the compiler cannot leave it out (OPENSSL_cleanse(3)).
pub fn wipe(bytes: &mut [u8]) {
    extern "C" {
        fn OPENSSL_cleanse(pointer: *mut libc::c_void, length: libc::size_t);
    }
    // SAFETY: exclusive, writable, of this length.
    unsafe { OPENSSL_cleanse(bytes.as_mut_ptr().cast(), bytes.len()) };
}
