//! Ciphers of the past (RC2, single DES), which old files are encrypted with: in a library context of
//! their own, so that they never become available to the host program, or to TLS.

use openssl::pkey::{PKey, PKeyRef, Private};
use openssl_sys::{OSSL_LIB_CTX, OSSL_PROVIDER};

use super::memory::Secret;

extern "C" {
    fn OSSL_LIB_CTX_set0_default(context: *mut OSSL_LIB_CTX) -> *mut OSSL_LIB_CTX;
}

/// OpenSSL's default and legacy providers, apart from those of the process.
pub struct Legacy {
    context: *mut OSSL_LIB_CTX,
    providers: Vec<*mut OSSL_PROVIDER>,
}

impl Legacy {
    /// `None`: this OpenSSL has no legacy provider, or memory is out.
    pub fn load() -> Option<Legacy> {
        // SAFETY: makes a new context, which is ours.
        let context = unsafe { openssl_sys::OSSL_LIB_CTX_new() };
        if context.is_null() {
            return None;
        }
        let mut legacy = Legacy {
            context,
            providers: Vec::new(),
        };
        for name in [c"default", c"legacy"] {
            // SAFETY: a live context, and a NUL-terminated name.
            let provider = unsafe { openssl_sys::OSSL_PROVIDER_load(context, name.as_ptr()) };
            if provider.is_null() {
                return None;
            }
            legacy.providers.push(provider);
        }
        Some(legacy)
    }

    /// Lets the calls of this thread use these providers until `work` is done. Keys and certificates
    /// that it makes belong to them and must not leave: only their encoded forms may.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Back(*mut OSSL_LIB_CTX);
        impl Drop for Back {
            fn drop(&mut self) {
                // SAFETY: what was in force before, which the host keeps alive.
                unsafe { OSSL_LIB_CTX_set0_default(self.0) };
            }
        }
        // SAFETY: a live context; it is this thread's default only until `work` is done.
        let _back = Back(unsafe { OSSL_LIB_CTX_set0_default(self.context) });
        work()
    }
}

impl Drop for Legacy {
    fn drop(&mut self) {
        // SAFETY: ours, each freed once, and nothing that was made with them is left.
        unsafe {
            for provider in self.providers.drain(..).rev() {
                openssl_sys::OSSL_PROVIDER_unload(provider);
            }
            openssl_sys::OSSL_LIB_CTX_free(self.context);
        }
    }
}

/// A private key without the providers that it was made with. `None`: the error queue says why.
pub fn encode(key: &PKeyRef<Private>) -> Option<Secret> {
    key.private_key_to_pkcs8().ok().map(Secret::new)
}

/// The key made anew, with the providers that are in force now.
pub fn decode(key: &Secret) -> Option<PKey<Private>> {
    PKey::private_key_from_pkcs8(key).ok()
}
