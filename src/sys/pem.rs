//! One PEM block made a certificate, a revocation list or a private key. Nothing here ever asks for a passphrase on the
//! terminal, which is what OpenSSL does when it is given no callback.

use std::marker::PhantomData;

use foreign_types::ForeignType;
use libc::{c_char, c_int, c_void};
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509Crl, X509};

use super::error_queue;

/// What OpenSSL lets a passphrase be, in bytes (PEM_BUFSIZE).
pub const MAX_PASSPHRASE: usize = 1024;

extern "C" {
    fn PEM_read_bio_X509_AUX(
        bio: *mut openssl_sys::BIO,
        certificate: *mut *mut openssl_sys::X509,
        callback: openssl_sys::pem_password_cb,
        argument: *mut c_void,
    ) -> *mut openssl_sys::X509;
}

/// A memory BIO over borrowed bytes.
pub struct Memory<'a>(*mut openssl_sys::BIO, PhantomData<&'a [u8]>);

impl<'a> Memory<'a> {
    pub fn new(bytes: &'a [u8]) -> Option<Memory<'a>> {
        let length = c_int::try_from(bytes.len()).ok()?;
        // SAFETY: the BIO only reads from the bytes, which outlive it by the lifetime.
        let bio = unsafe { openssl_sys::BIO_new_mem_buf(bytes.as_ptr().cast(), length) };
        (!bio.is_null()).then_some(Memory(bio, PhantomData))
    }
}

impl Memory<'_> {
    pub fn as_ptr(&self) -> *mut openssl_sys::BIO {
        self.0
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        // SAFETY: ours, freed once.
        unsafe { openssl_sys::BIO_free_all(self.0) };
    }
}

/// What a block is decrypted with, and whether that was needed.
struct Passphrase<'a> {
    given: Option<&'a [u8]>,
    asked: bool,
}

/// Answers OpenSSL's question, as often as it asks.
unsafe extern "C" fn answer(
    buffer: *mut c_char,
    size: c_int,
    _writing: c_int,
    argument: *mut c_void,
) -> c_int {
    const REFUSED: c_int = -1;
    // SAFETY: the argument is the `Passphrase` of the running call, which nobody else uses now.
    let passphrase = unsafe { &mut *argument.cast::<Passphrase>() };
    passphrase.asked = true;
    match (passphrase.given, usize::try_from(size)) {
        (Some(given), Ok(size)) if given.len() <= size => {
            // SAFETY: `size` writable bytes, and not more than that are copied.
            unsafe { std::ptr::copy_nonoverlapping(given.as_ptr(), buffer.cast(), given.len()) };
            c_int::try_from(given.len()).unwrap_or(REFUSED)
        }
        _ => REFUSED,
    }
}

/// The certificate of a block, with the trust settings that a `TRUSTED CERTIFICATE` carries. `None`:
/// the error queue says why.
pub fn certificate(block: &[u8]) -> Option<X509> {
    read_public(block, PEM_read_bio_X509_AUX)
}

/// The certificate revocation list of a block. `None`: the error queue says why.
pub fn crl(block: &[u8]) -> Option<X509Crl> {
    read_public(block, openssl_sys::PEM_read_bio_X509_CRL)
}

/// A reader of the PEM_read_bio family for objects of type `T`.
type Reader<T> = unsafe extern "C" fn(
    *mut openssl_sys::BIO,
    *mut *mut T,
    openssl_sys::pem_password_cb,
    *mut c_void,
) -> *mut T;

/// What is no secret, so has no passphrase.
fn read_public<T: ForeignType>(block: &[u8], read: Reader<T::CType>) -> Option<T> {
    error_queue::begin();
    let bio = Memory::new(block)?;
    let mut nothing = Passphrase {
        given: None,
        asked: false,
    };
    let argument = std::ptr::from_mut(&mut nothing).cast();
    // SAFETY: a live BIO and an argument that outlives the call; the result is NULL or ours.
    unsafe {
        let new = read(bio.0, std::ptr::null_mut(), Some(answer), argument);
        (!new.is_null()).then(|| T::from_ptr(new))
    }
}

/// What [`private_key`] came to.
pub struct PrivateKey {
    /// `None`: the error queue says why.
    pub key: Option<PKey<Private>>,
    /// Is the block encrypted with something that this OpenSSL can undo?
    pub passphrase_asked: bool,
}

/// The private key of a block in any of OpenSSL's formats.
pub fn private_key(block: &[u8], passphrase: Option<&[u8]>) -> PrivateKey {
    error_queue::begin();
    let mut passphrase = Passphrase {
        given: passphrase,
        asked: false,
    };
    let key = Memory::new(block).and_then(|bio| {
        let argument = std::ptr::from_mut(&mut passphrase).cast();
        // SAFETY: a live BIO and an argument that outlives the call; the result is NULL or ours.
        unsafe {
            let new = openssl_sys::PEM_read_bio_PrivateKey(
                bio.0,
                std::ptr::null_mut(),
                Some(answer),
                argument,
            );
            (!new.is_null()).then(|| PKey::from_ptr(new))
        }
    });
    PrivateKey {
        key,
        passphrase_asked: passphrase.asked,
    }
}
