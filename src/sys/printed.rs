//! What OpenSSL's printing functions write.

/// The bytes that `print` writes into the BIO it is given, and what it answered; `None` if there is
/// no memory.
pub(super) fn printed<R>(print: impl FnOnce(*mut openssl_sys::BIO) -> R) -> Option<(R, Vec<u8>)> {
    // SAFETY: the BIO is ours and freed once; its memory is copied before that. A BIO that was never
    // written to shows a NULL of length 0.
    unsafe {
        let bio = openssl_sys::BIO_new(openssl_sys::BIO_s_mem());
        if bio.is_null() {
            return None;
        }
        let result = print(bio);
        let mut data = std::ptr::null_mut();
        let length = usize::try_from(openssl_sys::BIO_get_mem_data(bio, &mut data)).unwrap_or(0);
        let bytes = if data.is_null() || length == 0 {
            Vec::new()
        } else {
            std::slice::from_raw_parts(data.cast::<u8>(), length).to_vec()
        };
        openssl_sys::BIO_free_all(bio);
        Some((result, bytes))
    }
}
