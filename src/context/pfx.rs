//! PKCS#12 files, which Node calls PFX: key, certificate, chain and CAs in one, as they have been
//! written since OpenSSL 0.9 and by everybody else.

use openssl::pkey::{PKey, Private};
use openssl::x509::{X509Ref, X509VerifyResult, X509};

use super::pem;
use crate::error::{Error, OpensslEntry, Result, Status};
use crate::sys::error_queue;
use crate::sys::legacy::Legacy;
use crate::sys::pkcs12::{Contents, Encoded, Pkcs12};

/// Nobody writes more, and each million costs half a second: a damaged number must not cost hours.
const MAX_MAC_ROUNDS: i64 = 10_000_000;

/// Of libcrypto's PKCS12: `PKCS12_R_MAC_VERIFY_FAILURE`, and `PKCS12_R_PKCS12_CIPHERFINAL_ERROR`, which
/// means that the decrypted bytes make no sense.
const MAC_VERIFY_FAILURE: u64 = 0x1180_0071;
const CIPHERFINAL_ERROR: u64 = 0x1180_0074;

const UNDECODABLE: &str = "the contents of the file cannot be decoded";
const NO_LEGACY: &str = "the file is encrypted in an old way, RC2 most likely, and the OpenSSL at hand \
                         has no legacy provider (see OPENSSL_MODULES): install it, or write the file \
                         anew, with openssl pkcs12 -export";
const NOWHERE: &str =
    "the file is encrypted in a way that the OpenSSL at hand does not offer: write it \
                       anew, with openssl pkcs12 -export";

/// What a file is for.
pub struct Pfx {
    pub key: PKey<Private>,
    pub leaf: X509,
    /// From the leaf towards its CA, without a root, in order.
    pub chain: Vec<X509>,
    /// Whom to trust: all others, if there is a root among them. Intermediates alone, which many
    /// public CAs have their customers put there, are not meant as that.
    pub cas: Option<Vec<X509>>,
}

impl Pfx {
    /// # Errors
    /// `Passphrase`: missing or wrong. `Key`, `Certificate`, `KeyMismatch`: there is none, or it does
    /// not belong to the other. `NotSupported`: encrypted with what this OpenSSL lacks.
    /// `Certificate`: this is no such file, or it is damaged.
    pub fn read(der: &[u8], passphrase: Option<&[u8]>) -> Result<Pfx> {
        if passphrase.is_some_and(|bytes| bytes.contains(&0)) {
            return Err(Error::argument("the passphrase has a NUL in it"));
        }
        let Some(file) = Pkcs12::decode(der) else {
            return Err(undecodable(der));
        };
        if !(0..=MAX_MAC_ROUNDS).contains(&file.mac_rounds()) {
            return Err(unreadable(
                "ERR_OSSL_PKCS12_MAC_GENERATION_ERROR",
                "the file asks for a number of rounds to check its passphrase that nobody writes",
            ));
        }
        let contents = decrypt(&file, passphrase)?.decode();
        Pfx::of(contents.ok_or_else(|| error_queue::take_error(Status::Certificate, UNDECODABLE))?)
    }

    fn of(contents: Contents) -> Result<Pfx> {
        let Some(key) = contents.key else {
            return Err(Error::new(
                Status::Key,
                "ERR_CRYPTO_OPERATION_FAILED",
                "there is no private key in the file",
            ));
        };
        let Some(leaf) = contents.certificate else {
            return Err(if contents.others.is_empty() {
                unreadable(
                    "ERR_CRYPTO_OPERATION_FAILED",
                    "there is no certificate in the file",
                )
            } else {
                Error::new(
                    Status::KeyMismatch,
                    "ERR_OSSL_X509_KEY_VALUES_MISMATCH",
                    "none of the certificates in the file belongs to its private key",
                )
            });
        };
        let chain = chain_of(&leaf, &contents.others);
        let has_root = contents.others.iter().any(|other| is_self_signed(other));
        Ok(Pfx {
            key,
            leaf,
            chain,
            cas: has_root.then_some(contents.others),
        })
    }
}

fn decrypt(file: &Pkcs12, passphrase: Option<&[u8]>) -> Result<Encoded> {
    if let Some(encoded) = file.parse(passphrase) {
        return Ok(encoded);
    }
    let entries = error_queue::drain();
    if !error_queue::contains(&entries, error_queue::EVP_UNSUPPORTED) {
        return Err(refusal(file, passphrase, entries));
    }
    let Some(legacy) = Legacy::load() else {
        return Err(unsupported(entries, NO_LEGACY));
    };
    let encoded = legacy.run(|| file.parse(passphrase));
    encoded.ok_or_else(|| refusal(file, passphrase, error_queue::drain()))
}

/// Why OpenSSL did not parse a file.
fn refusal(file: &Pkcs12, passphrase: Option<&[u8]>, entries: Vec<OpensslEntry>) -> Box<Error> {
    let is_wrong = if file.has_mac() {
        MAC_VERIFY_FAILURE
    } else {
        CIPHERFINAL_ERROR
    };
    if error_queue::contains(&entries, is_wrong) {
        return wrong_passphrase(passphrase, entries);
    }
    if error_queue::contains(&entries, error_queue::EVP_UNSUPPORTED) {
        return unsupported(entries, NOWHERE);
    }
    error_queue::from_entries(Status::Certificate, UNDECODABLE, entries)
}

fn wrong_passphrase(passphrase: Option<&[u8]>, entries: Vec<OpensslEntry>) -> Box<Error> {
    let (name, message) = match passphrase {
        None => (
            "ERR_MISSING_PASSPHRASE",
            "the file is encrypted: give its passphrase",
        ),
        Some(_) => (
            "ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE",
            "the file cannot be decrypted: the passphrase is wrong, or the file is damaged",
        ),
    };
    let mut error = Error::new(Status::Passphrase, name, message);
    error.openssl = entries;
    error
}

fn unsupported(entries: Vec<OpensslEntry>, message: &str) -> Box<Error> {
    let mut error = Error::new(Status::NotSupported, "ERR_OSSL_EVP_UNSUPPORTED", message);
    error.openssl = entries;
    error
}

fn unreadable(name: &'static str, message: impl Into<String>) -> Box<Error> {
    Error::new(Status::Certificate, name, message)
}

/// For bytes that OpenSSL has just refused.
fn undecodable(bytes: &[u8]) -> Box<Error> {
    let what = if pem::has_block(bytes) {
        "this is PEM, and PKCS#12 is wanted: give it to tls_context_set_cert and tls_context_set_key"
    } else {
        "this is no PKCS#12 file, or it is damaged or cut short"
    };
    error_queue::take_error(Status::Certificate, what)
}

/// The certificates that lead from the leaf towards its CA, as far as they are there: in order, and
/// without a root, which every peer that trusts it has.
fn chain_of(leaf: &X509, others: &[X509]) -> Vec<X509> {
    let mut chain: Vec<X509> = Vec::new();
    // Not longer than there are certificates, also where they certify each other.
    while chain.len() < others.len() {
        let last = chain.last().unwrap_or(leaf);
        let issuer = others.iter().find(|other| has_issued(other, last));
        match issuer.filter(|issuer| !is_self_signed(last) && !is_self_signed(issuer)) {
            Some(issuer) => chain.push(issuer.clone()),
            None => break,
        }
    }
    chain
}

/// By name and signature: a CA may have had several keys under one name.
fn has_issued(issuer: &X509Ref, subject: &X509Ref) -> bool {
    issuer.issued(subject) == X509VerifyResult::OK
        && issuer
            .public_key()
            .is_ok_and(|key| subject.verify(&key).unwrap_or(false))
}

fn is_self_signed(certificate: &X509Ref) -> bool {
    has_issued(certificate, certificate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::fixtures::{ec_key, rsa_key, Authority, Template};
    use openssl::hash::MessageDigest;
    use openssl::nid::Nid;
    use openssl::pkcs12::Pkcs12 as Builder;
    use openssl::stack::Stack;

    const MODERN: Nid = Nid::AES_256_CBC;

    fn x509(pem: &[u8]) -> X509 {
        X509::from_pem(pem).unwrap()
    }

    fn file_of(leaf: &X509, key: &PKey<Private>, others: &[X509], pbe: Nid) -> Vec<u8> {
        let mut stack = Stack::new().unwrap();
        for other in others {
            stack.push(other.clone()).unwrap();
        }
        Builder::builder()
            .name("a friendly name")
            .pkey(key)
            .cert(leaf)
            .ca(stack)
            .key_algorithm(pbe)
            .cert_algorithm(pbe)
            .mac_md(MessageDigest::sha256())
            .build2("secret")
            .unwrap()
            .to_der()
            .unwrap()
    }

    fn read(der: &[u8]) -> Result<Pfx> {
        Pfx::read(der, Some(b"secret"))
    }

    #[test]
    fn s10_key_certificate_chain_and_cas() {
        let root = Authority::new();
        let middle = root.subordinate("middle");
        let stranger = Authority::named("stranger");
        let (root_cert, middle_cert) = (x509(&root.pem()), x509(&middle.pem()));
        for key in [ec_key(), rsa_key(2048), PKey::generate_ed25519().unwrap()] {
            let leaf = x509(&middle.issue("localhost", &key));
            let others = [
                x509(&stranger.pem()),
                root_cert.clone(),
                middle_cert.clone(),
            ];
            let pfx = read(&file_of(&leaf, &key, &others, MODERN)).unwrap();
            assert!(pfx.key.public_eq(&key));
            assert!(pfx.leaf == leaf);
            // In order, without the root and without strangers.
            assert!(pfx.chain == [middle_cert.clone()]);
            assert_eq!(pfx.cas.map(|cas| cas.len()), Some(3));
            let bare = read(&file_of(&leaf, &key, &[], MODERN)).unwrap();
            assert!(bare.chain.is_empty() && bare.cas.is_none());
            let no_root = [middle_cert.clone()];
            let no_root = read(&file_of(&leaf, &key, &no_root, MODERN)).unwrap();
            assert!(no_root.chain == [middle_cert.clone()] && no_root.cas.is_none());
        }
    }

    #[test]
    fn s10_the_issuer_is_told_by_its_signature_too() {
        let (old, new) = (Authority::new(), Authority::new());
        let key = ec_key();
        let middle = new.subordinate("middle");
        let leaf = x509(&middle.issue("localhost", &key));
        let namesake = old.subordinate("middle");
        let others = [x509(&namesake.pem()), x509(&middle.pem())];
        let pfx = read(&file_of(&leaf, &key, &others, MODERN)).unwrap();
        assert!(pfx.chain == others[1..]);
    }

    #[test]
    fn s10_certificates_that_certify_each_other_end() {
        let (a, b) = (Authority::named("a"), Authority::named("b"));
        let a_by_b = b.certify(&Template::ca("a"), &a.key);
        let b_by_a = a.certify(&Template::ca("b"), &b.key);
        let key = ec_key();
        let leaf = x509(&a.issue("localhost", &key));
        let chain = chain_of(&leaf, &[a_by_b, b_by_a]);
        assert_eq!(chain.len(), 2);
    }

    #[test]
    fn c011_each_thing_that_is_missing_is_its_own_error() {
        let key = ec_key();
        let leaf = x509(&Authority::new().issue("localhost", &key));
        let good = file_of(&leaf, &key, &[], MODERN);
        let status = |der: &[u8], passphrase| Pfx::read(der, passphrase).err().unwrap();
        let missing = status(&good, None);
        assert_eq!(missing.status, Status::Passphrase);
        assert_eq!(missing.name, "ERR_MISSING_PASSPHRASE");
        for wrong in [&b"Secret"[..], b"", &[b'a'; 10 * 1024], b"\xff\xfe"] {
            let wrong = status(&good, Some(wrong));
            assert_eq!(wrong.status, Status::Passphrase);
            assert_eq!(wrong.name, "ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE");
        }
        assert_eq!(
            status(&good, Some(b"secret\0")).status,
            Status::InvalidArgument
        );
        for length in [0, 1, 2, 10, good.len() / 2, good.len() - 1] {
            let error = status(&good[..length], Some(b"secret"));
            assert_eq!(error.status, Status::Certificate, "{length}: {error}");
        }
        let pem = leaf.to_pem().unwrap();
        assert!(status(&pem, None).message.contains("PEM"));
        let no_key = Builder::builder().cert(&leaf).build2("secret").unwrap();
        let error = read(&no_key.to_der().unwrap()).err().unwrap();
        assert_eq!(error.status, Status::Key);
        let no_cert = Builder::builder().pkey(&key).build2("secret").unwrap();
        let error = read(&no_cert.to_der().unwrap()).err().unwrap();
        assert_eq!(error.status, Status::Certificate);
        let mut others = Stack::new().unwrap();
        others.push(leaf).unwrap();
        let other = Builder::builder()
            .pkey(&ec_key())
            .ca(others)
            .build2("secret");
        let error = read(&other.unwrap().to_der().unwrap()).err().unwrap();
        assert_eq!(error.status, Status::KeyMismatch);
    }

    #[test]
    fn c011_rounds_that_nobody_writes_are_not_counted_out() {
        let key = ec_key();
        let leaf = x509(&Authority::new().issue("localhost", &key));
        let file = Builder::builder()
            .pkey(&key)
            .cert(&leaf)
            .mac_iter(0x0080_0000)
            .build2("secret");
        let good = file.unwrap().to_der().unwrap();
        // The last INTEGER of the file.
        let place = good.len() - 4;
        assert_eq!(good[place - 2..], [0x02, 0x04, 0x00, 0x80, 0x00, 0x00]);
        for beyond in [0x01, 0x7f, 0xfe] {
            let mut der = good.clone();
            der[place] = beyond;
            let error = read(&der).err().unwrap();
            assert_eq!(error.status, Status::Certificate, "{error}");
            assert!(error.message.contains("rounds"), "{error}");
        }
    }
}
