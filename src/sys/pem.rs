//! PEM blocks of certificates and keys. No function here ever asks for a passphrase on the terminal,
//! which is what OpenSSL does when it is given no callback.

use foreign_types::ForeignType;
use libc::{c_char, c_int, c_void};
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;

use super::error_queue;
use crate::error::{Error, Result, Status};

/// What OpenSSL lets a passphrase be, in bytes (PEM_BUFSIZE).
const MAX_PASSPHRASE: usize = 1024;

/// Reason PEM_R_NO_START_LINE: no further block.
const NO_START_LINE: i32 = 108;

extern "C" {
    fn PEM_read_bio_X509_AUX(
        bio: *mut openssl_sys::BIO,
        certificate: *mut *mut openssl_sys::X509,
        callback: Option<PassphraseCallback>,
        argument: *mut c_void,
    ) -> *mut openssl_sys::X509;
}

type PassphraseCallback =
    unsafe extern "C" fn(*mut c_char, c_int, c_int, *mut c_void) -> c_int;

/// A memory BIO over borrowed bytes.
struct Memory<'a>(*mut openssl_sys::BIO, std::marker::PhantomData<&'a [u8]>);

impl<'a> Memory<'a> {
    fn new(bytes: &'a [u8]) -> Result<Memory<'a>> {
        let length = c_int::try_from(bytes.len())
            .map_err(|_| Error::argument("a PEM text of more than 2 GiB is not taken"))?;
        // SAFETY: the BIO only reads from the bytes, which outlive it by the lifetime.
        let bio = unsafe { openssl_sys::BIO_new_mem_buf(bytes.as_ptr().cast(), length) };
        if bio.is_null() {
            return Err(error_queue::take_error(Status::NoMemory, "cannot read PEM"));
        }
        Ok(Memory(bio, std::marker::PhantomData))
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        // SAFETY: ours, freed once.
        unsafe { openssl_sys::BIO_free_all(self.0) };
    }
}

/// Answers that there is no passphrase: certificates are not encrypted.
unsafe extern "C" fn no_passphrase(
    _buffer: *mut c_char,
    _size: c_int,
    _writing: c_int,
    _argument: *mut c_void,
) -> c_int {
    -1
}

/// All certificates of a text, in order; blocks of other kinds and text between are skipped.
///
/// # Errors
/// A block that cannot be decoded, or no certificate at all: `Certificate`.
pub fn certificates(pem: &[u8]) -> Result<Vec<X509>> {
    error_queue::begin();
    if pem.is_empty() {
        return Err(no_certificate(pem));
    }
    let bio = Memory::new(pem)?;
    let mut found = Vec::new();
    loop {
        // SAFETY: a live BIO; the result is a new certificate, or NULL with an error in the queue.
        let certificate = unsafe {
            let new = PEM_read_bio_X509_AUX(
                bio.0,
                std::ptr::null_mut(),
                Some(no_passphrase),
                std::ptr::null_mut(),
            );
            (!new.is_null()).then(|| X509::from_ptr(new))
        };
        match certificate {
            Some(certificate) => found.push(certificate),
            None => break,
        }
    }
    let mut error = error_queue::take_error(
        Status::Certificate,
        &format!("certificate number {} cannot be decoded", found.len() + 1),
    );
    let at_the_end = error
        .openssl
        .last()
        .is_some_and(|entry| error_queue::reason_number(entry.code) == NO_START_LINE);
    if !at_the_end {
        error.message.push_str("; is the text cut short?");
        return Err(error);
    }
    if found.is_empty() {
        return Err(no_certificate(pem));
    }
    Ok(found)
}

fn no_certificate(bytes: &[u8]) -> Box<Error> {
    let message = if looks_like_der(bytes) {
        "this is DER, not PEM: convert it with openssl x509 -inform DER"
    } else {
        "there is no certificate in the text (-----BEGIN CERTIFICATE-----)"
    };
    Error::new(Status::Certificate, "ERR_OSSL_PEM_NO_START_LINE", message)
}

fn looks_like_der(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x80..=0x84, ..])
}

/// The first private key of a text: PKCS#1, PKCS#8, SEC1; encrypted or not.
///
/// # Errors
/// `Passphrase` when one is missing or wrong, `Key` when there is no key or it cannot be decoded.
pub fn private_key(pem: &[u8], passphrase: Option<&[u8]>) -> Result<PKey<Private>> {
    error_queue::begin();
    if passphrase.is_some_and(|passphrase| passphrase.len() > MAX_PASSPHRASE) {
        return Err(Error::new(
            Status::Passphrase,
            "ERR_INVALID_ARG_VALUE",
            format!("a passphrase has at most {MAX_PASSPHRASE} bytes"),
        ));
    }
    let mut asked = false;
    let key = PKey::private_key_from_pem_callback(pem, |buffer| {
        asked = true;
        let given = passphrase.unwrap_or_default();
        let count = given.len().min(buffer.len());
        buffer[..count].copy_from_slice(&given[..count]);
        Ok(count)
    });
    let stack = match key {
        Ok(key) => return Ok(key),
        Err(stack) => stack,
    };
    Err(match (asked, passphrase) {
        (true, None) => Error::new(
            Status::Passphrase,
            "ERR_MISSING_PASSPHRASE",
            "the key is encrypted, and no passphrase was given",
        ),
        (true, Some(_)) => error_queue::from_stack(
            Status::Passphrase,
            "the key cannot be decrypted: is the passphrase wrong?",
            &stack,
        ),
        (false, _) if looks_like_der(pem) => Error::new(
            Status::Key,
            "ERR_OSSL_PEM_NO_START_LINE",
            "this is DER, not PEM: convert it with openssl pkey -inform DER",
        ),
        (false, _) => error_queue::from_stack(
            Status::Key,
            "there is no private key in the text, or it cannot be decoded",
            &stack,
        ),
    })
}
