//! The keys of session tickets: SSL_CTX_set_tlsext_ticket_key_evp_cb(3). Which key it is, is up to the
//! [`Hooks`](super::hooks::Hooks) of the connection.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Arc, OnceLock};

use foreign_types::ForeignTypeRef;
use libc::{c_int, c_uchar, c_uint};
use openssl::cipher::{Cipher, CipherRef};
use openssl::ssl::SslContextBuilder;
use openssl_sys::{EVP_CIPHER_CTX, EVP_MAC_CTX, OSSL_PARAM};

use super::memory::Secret;
use super::{error_queue, hooks};

pub const NAME_LENGTH: usize = 16;
const IV_LENGTH: usize = 16;

type KeyCallback = unsafe extern "C" fn(
    *mut openssl_sys::SSL,
    *mut c_uchar,
    *mut c_uchar,
    *mut EVP_CIPHER_CTX,
    *mut EVP_MAC_CTX,
    c_int,
) -> c_int;

extern "C" {
    fn SSL_CTX_set_tlsext_ticket_key_evp_cb(
        context: *mut openssl_sys::SSL_CTX,
        callback: Option<KeyCallback>,
    ) -> c_int;
}

pub type KeyName = [u8; NAME_LENGTH];

/// AES-CBC with HMAC-SHA256, both with keys of 16 or of 32 bytes. The name is in every ticket, for
/// everybody to see.
pub struct TicketKey {
    pub name: KeyName,
    /// The key for HMAC, and one of the same length for AES.
    secret: Secret,
    derived: OnceLock<Secret>,
}

impl TicketKey {
    /// `None`: the two are of different lengths, or of none that there is.
    pub fn new(name: KeyName, hmac: &[u8], aes: &[u8]) -> Option<TicketKey> {
        let fits = hmac.len() == aes.len() && [16, 32].contains(&aes.len());
        fits.then(|| TicketKey {
            name,
            secret: Secret::new([hmac, aes].concat()),
            derived: OnceLock::new(),
        })
    }

    pub fn hmac(&self) -> &[u8] {
        &self.secret[..self.secret.len() / 2]
    }

    pub fn aes(&self) -> &[u8] {
        &self.secret[self.secret.len() / 2..]
    }

    /// Both.
    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    /// The key for another purpose that comes from this one; made when it is first asked for.
    pub fn derived<E>(&self, make: impl FnOnce() -> Result<Secret, E>) -> Result<&Secret, E> {
        if let Some(made) = self.derived.get() {
            return Ok(made);
        }
        let made = make()?;
        Ok(self.derived.get_or_init(|| made))
    }

    fn cipher(&self) -> Option<&'static CipherRef> {
        static CIPHERS: OnceLock<Option<[Cipher; 2]>> = OnceLock::new();
        let fetch = |name| Cipher::fetch(None, name, None).ok();
        let [aes_128, aes_256] = CIPHERS
            .get_or_init(|| Some([fetch("AES-128-CBC")?, fetch("AES-256-CBC")?]))
            .as_ref()?;
        Some(match self.aes().len() {
            16 => aes_128,
            _ => aes_256,
        })
    }

    /// Prepares both contexts, which decrypt or encrypt from now on.
    ///
    /// # Safety
    /// Both are live, and the initialisation vector has as many bytes as the cipher wants.
    unsafe fn begin(
        &self,
        cipher: *mut EVP_CIPHER_CTX,
        mac: *mut EVP_MAC_CTX,
        iv: *const c_uchar,
        encrypts: bool,
    ) -> bool {
        const OCTET_STRING: c_uint = 5;
        const UTF8_STRING: c_uint = 4;
        // OpenSSL reads on to the NUL, whatever the length.
        const DIGEST: &std::ffi::CStr = c"SHA256";
        let Some(algorithm) = self.cipher() else {
            return false;
        };
        let parameter = |key: &'static std::ffi::CStr, data_type, data: &[u8]| OSSL_PARAM {
            key: key.as_ptr(),
            data_type,
            data: data.as_ptr().cast_mut().cast(),
            data_size: data.len(),
            return_size: usize::MAX,
        };
        let parameters = [
            parameter(c"key", OCTET_STRING, self.hmac()),
            parameter(c"digest", UTF8_STRING, DIGEST.to_bytes()),
            OSSL_PARAM {
                key: std::ptr::null(),
                data_type: 0,
                data: std::ptr::null_mut(),
                data_size: 0,
                return_size: 0,
            },
        ];
        // SAFETY: the caller's promise; the key is as long as the cipher wants. OpenSSL only reads
        // the parameters, and copies what they point to.
        unsafe {
            openssl_sys::EVP_CipherInit_ex(
                cipher,
                algorithm.as_ptr(),
                std::ptr::null_mut(),
                self.aes().as_ptr(),
                iv,
                c_int::from(encrypts),
            ) == 1
                && openssl_sys::EVP_MAC_CTX_set_params(mac, parameters.as_ptr()) == 1
        }
    }
}

/// A key that opens a ticket.
pub struct Opener {
    pub key: Arc<TicketKey>,
    /// New tickets are made with another one by now.
    pub is_old: bool,
}

/// Has all connections of a context ask their hooks for keys, in place of OpenSSL's own.
pub fn install(builder: &mut SslContextBuilder) {
    // SAFETY: a live SSL_CTX.
    unsafe { SSL_CTX_set_tlsext_ticket_key_evp_cb(builder.as_ptr(), Some(ticket_key)) };
}

/// What the callback answers; a negative number would end the connection.
const NO_TICKET: c_int = 0;
const DONE: c_int = 1;
const DONE_AND_RENEW: c_int = 2;

unsafe extern "C" fn ticket_key(
    ssl: *mut openssl_sys::SSL,
    name: *mut c_uchar,
    iv: *mut c_uchar,
    cipher: *mut EVP_CIPHER_CTX,
    mac: *mut EVP_MAC_CTX,
    encrypts: c_int,
) -> c_int {
    let answer = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: OpenSSL lends us a live SSL, two live contexts, the place of the name, and that of
        // an initialisation vector, which has room for the longest; name and vector are there when
        // it decrypts.
        unsafe {
            if encrypts == 1 {
                make(ssl, name, iv, cipher, mac)
            } else {
                open(ssl, name, iv, cipher, mac)
            }
        }
    }));
    answer.ok().flatten().unwrap_or_else(|| {
        error_queue::begin();
        NO_TICKET
    })
}

/// # Safety
/// As in the callback.
unsafe fn make(
    ssl: *mut openssl_sys::SSL,
    name: *mut c_uchar,
    iv: *mut c_uchar,
    cipher: *mut EVP_CIPHER_CTX,
    mac: *mut EVP_MAC_CTX,
) -> Option<c_int> {
    // SAFETY: the caller's promise.
    unsafe {
        let key = hooks::attached(ssl)?.ticket_key_to_make_with()?;
        let vector = std::slice::from_raw_parts_mut(iv, IV_LENGTH);
        openssl::rand::rand_bytes(vector).ok()?;
        std::slice::from_raw_parts_mut(name, NAME_LENGTH).copy_from_slice(&key.name);
        key.begin(cipher, mac, iv, true).then_some(DONE)
    }
}

/// # Safety
/// As in the callback.
unsafe fn open(
    ssl: *mut openssl_sys::SSL,
    name: *const c_uchar,
    iv: *const c_uchar,
    cipher: *mut EVP_CIPHER_CTX,
    mac: *mut EVP_MAC_CTX,
) -> Option<c_int> {
    // SAFETY: the caller's promise.
    unsafe {
        let name = &*name.cast::<KeyName>();
        let opener = hooks::attached(ssl)?.ticket_key_to_open_with(name)?;
        if !opener.key.begin(cipher, mac, iv, false) {
            return None;
        }
        // A ticket of TLS 1.3 is to be used once (RFC 8446, C.4): without a new one the client could
        // not come back.
        let is_tls13 = openssl_sys::SSL_version(ssl) == openssl_sys::TLS1_3_VERSION;
        Some(if opener.is_old || is_tls13 {
            DONE_AND_RENEW
        } else {
            DONE
        })
    }
}
