//! PKCS#12 files (RFC 7292), taken apart by OpenSSL.

use std::ptr;

use foreign_types::ForeignType;
use libc::{c_char, c_int, c_long};
use openssl::pkey::{PKey, Private};
use openssl::stack::Stack;
use openssl::x509::{X509Ref, X509};
use openssl_sys::{ASN1_INTEGER, ASN1_OCTET_STRING, PKCS12, X509_ALGOR};

use super::error_queue;
use super::legacy;
use super::memory::Secret;

extern "C" {
    fn PKCS12_mac_present(file: *const PKCS12) -> c_int;
    fn PKCS12_get0_mac(
        mac: *mut *const ASN1_OCTET_STRING,
        algorithm: *mut *const X509_ALGOR,
        salt: *mut *const ASN1_OCTET_STRING,
        iterations: *mut *const ASN1_INTEGER,
        file: *const PKCS12,
    );
}

/// A decoded file; what is in it may still be encrypted.
pub struct Pkcs12 {
    file: *mut PKCS12,
    has_mac: bool,
}

/// What was in the file, encoded, so that it outlives the providers that decrypted it.
pub struct Encoded {
    key: Option<Secret>,
    certificate: Option<Vec<u8>>,
    others: Vec<Vec<u8>>,
}

/// What was in the file.
pub struct Contents {
    pub key: Option<PKey<Private>>,
    /// The one that belongs to the key.
    pub certificate: Option<X509>,
    pub others: Vec<X509>,
}

impl Pkcs12 {
    /// `None`: the error queue says why.
    pub fn decode(der: &[u8]) -> Option<Pkcs12> {
        error_queue::begin();
        let length = c_long::try_from(der.len()).ok()?;
        let mut start = der.as_ptr();
        // SAFETY: reads `length` bytes at most; the result is NULL or ours.
        let file = unsafe { openssl_sys::d2i_PKCS12(ptr::null_mut(), &mut start, length) };
        if file.is_null() {
            return None;
        }
        // SAFETY: a live file.
        let has_mac = unsafe { PKCS12_mac_present(file) == 1 };
        Some(Pkcs12 { file, has_mac })
    }

    /// Is there a checksum under the passphrase?
    pub fn has_mac(&self) -> bool {
        self.has_mac
    }

    /// How many rounds the checksum's key costs; 1 if the file does not say, below 0 for a number
    /// that is too large.
    pub fn mac_rounds(&self) -> i64 {
        let mut rounds = ptr::null();
        let null = ptr::null_mut;
        // c_long is narrower elsewhere.
        #[allow(clippy::useless_conversion)]
        // SAFETY: a live file; the result is NULL or a part of it.
        unsafe {
            PKCS12_get0_mac(null(), ptr::null_mut(), null(), &mut rounds, self.file);
            if rounds.is_null() {
                return 1;
            }
            i64::from(openssl_sys::ASN1_INTEGER_get(rounds))
        }
    }

    /// Adds a checksum that holds. OpenSSL 3.0 takes no passphrase for a file without one, and newer
    /// ones do; whether it is right shows when it decrypts.
    ///
    /// # Safety
    /// `passphrase` is NUL-terminated.
    unsafe fn add_mac(&self, passphrase: *const c_char) -> Option<()> {
        const TO_ITS_END: c_int = -1;
        const ROUNDS: c_int = 1;
        let new_salt = ptr::null_mut();
        // SAFETY: a live file, and the caller's promise.
        let done = unsafe {
            let digest = openssl_sys::EVP_sha256();
            let file = self.file;
            openssl_sys::PKCS12_set_mac(file, passphrase, TO_ITS_END, new_salt, 0, ROUNDS, digest)
        };
        (done == 1).then_some(())
    }

    /// Checks and decrypts everything. No passphrase and an empty one are the same here: which of the
    /// two was meant is found out, for they make different keys. `None`: the error queue says why.
    pub fn parse(&self, passphrase: Option<&[u8]>) -> Option<Encoded> {
        error_queue::begin();
        let terminated = passphrase.map(|bytes| Secret::new([bytes, b"\0"].concat()));
        let passphrase = terminated
            .as_ref()
            .map_or(ptr::null(), |bytes| bytes.as_ptr().cast());
        if !self.has_mac && terminated.as_ref().is_some_and(|bytes| bytes.len() > 1) {
            // SAFETY: NUL-terminated.
            unsafe { self.add_mac(passphrase) }?;
        }
        let (mut key, mut certificate, mut others) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: a live file, a passphrase that is NULL or NUL-terminated, and places for the
        // results, which stay NULL when it fails.
        let done = unsafe {
            openssl_sys::PKCS12_parse(
                self.file,
                passphrase,
                &mut key,
                &mut certificate,
                &mut others,
            )
        };
        if done != 1 {
            return None;
        }
        // SAFETY: each is NULL or ours.
        let (key, certificate, others) = unsafe {
            (
                (!key.is_null()).then(|| PKey::<Private>::from_ptr(key)),
                (!certificate.is_null()).then(|| X509::from_ptr(certificate)),
                (!others.is_null()).then(|| Stack::<X509>::from_ptr(others)),
            )
        };
        let der = |certificate: &X509Ref| certificate.to_der().ok();
        let others = others.iter().flatten().map(der);
        Some(Encoded {
            key: key.map_or(Some(None), |key| legacy::encode(&key).map(Some))?,
            certificate: certificate.map_or(Some(None), |it| der(&it).map(Some))?,
            others: others.collect::<Option<_>>()?,
        })
    }
}

impl Drop for Pkcs12 {
    fn drop(&mut self) {
        // SAFETY: ours, freed once.
        unsafe { openssl_sys::PKCS12_free(self.file) };
    }
}

impl Encoded {
    /// With the process's own providers. `None`: the error queue says why.
    pub fn decode(&self) -> Option<Contents> {
        let x509 = |der: &Vec<u8>| X509::from_der(der).ok();
        Some(Contents {
            key: match &self.key {
                Some(key) => Some(legacy::decode(key)?),
                None => None,
            },
            certificate: match &self.certificate {
                Some(der) => Some(x509(der)?),
                None => None,
            },
            others: self.others.iter().map(x509).collect::<Option<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::legacy::Legacy;
    use openssl::cipher::Cipher;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::nid::Nid;

    extern "C" {
        fn PKCS12_create(
            passphrase: *const c_char,
            name: *const c_char,
            key: *mut openssl_sys::EVP_PKEY,
            certificate: *mut openssl_sys::X509,
            others: *mut openssl_sys::stack_st_X509,
            key_cipher: c_int,
            certificate_cipher: c_int,
            rounds: c_int,
            mac_rounds: c_int,
            key_usage: c_int,
        ) -> *mut PKCS12;
    }

    /// Like no two writers do it: no passphrase, and an empty one, make different keys.
    fn written(passphrase: Option<&std::ffi::CStr>, cipher: Nid) -> Vec<u8> {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let passphrase = passphrase.map_or(ptr::null(), std::ffi::CStr::as_ptr);
        // SAFETY: all is live or NULL; the result is ours.
        let file = unsafe {
            let (cipher, null) = (cipher.as_raw(), ptr::null_mut());
            let (name, leaf, others) = (ptr::null(), ptr::null_mut(), null);
            let key = key.as_ptr();
            PKCS12_create(passphrase, name, key, leaf, others, cipher, cipher, 0, 0, 0)
        };
        assert!(!file.is_null());
        let file = Pkcs12 {
            file,
            has_mac: true,
        };
        // SAFETY: a live file, and room for as much as it says it needs.
        unsafe {
            let length = openssl_sys::i2d_PKCS12(file.file, ptr::null_mut());
            let mut der = vec![0; usize::try_from(length).unwrap()];
            let mut place = der.as_mut_ptr();
            openssl_sys::i2d_PKCS12(file.file, &mut place);
            der
        }
    }

    fn has_key(der: &[u8], passphrase: Option<&[u8]>) -> bool {
        let encoded = Pkcs12::decode(der).unwrap().parse(passphrase);
        encoded.is_some_and(|encoded| encoded.key.is_some())
    }

    #[test]
    fn s10_no_passphrase_and_an_empty_one() {
        for written_with in [None, Some(c"")] {
            let der = written(written_with, Nid::AES_128_CBC);
            for read_with in [None, Some(&b""[..])] {
                assert!(has_key(&der, read_with));
            }
            assert!(!has_key(&der, Some(b"x")));
        }
        error_queue::begin();
    }

    #[test]
    fn s10_ciphers_of_the_past_stay_out_of_the_process() {
        let absent = || Cipher::fetch(None, "RC2-40-CBC", None).is_err();
        assert!(absent());
        let legacy = Legacy::load().unwrap();
        let rc2 = Nid::PBE_WITHSHA1AND40BITRC2_CBC;
        let der = legacy.run(|| written(Some(c"x"), rc2));
        assert!(!has_key(&der, Some(b"x")));
        let codes: Vec<u64> = error_queue::drain().iter().map(|e| e.code).collect();
        assert!(codes.contains(&error_queue::EVP_UNSUPPORTED), "{codes:x?}");
        assert!(legacy.run(|| {
            assert!(!absent());
            // Other threads are not concerned.
            assert!(std::thread::scope(|scope| scope
                .spawn(absent)
                .join()
                .unwrap()));
            has_key(&der, Some(b"x"))
        }));
        assert!(absent());
        let panic = std::panic::catch_unwind(|| legacy.run(|| panic!("a defect")));
        assert!(panic.is_err() && absent());
        drop(legacy);
        assert!(absent());
        error_queue::begin();
    }
}
