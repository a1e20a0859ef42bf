//! Certificates with their keys: one of each key type, RSA and ECDSA side by side.

use openssl::pkey::{Id, PKey, Private};
use openssl::sha::Sha256;
use openssl::ssl::SslContextBuilder;
use openssl::x509::X509;

use crate::error::{Error, Result, Status};
use crate::sys::{context, error_queue, pem};

/// A leaf and what leads from it towards the CA.
#[derive(Clone)]
struct Chain {
    leaf: X509,
    rest: Vec<X509>,
}

/// The halves for one key type.
#[derive(Clone)]
struct Identity {
    key_type: Id,
    chain: Option<Chain>,
    key: Option<PKey<Private>>,
}

#[derive(Default)]
pub struct Identities(Vec<Identity>);

impl Identities {
    /// Replaces the certificate of the same key type, or adds one. Refused at once when the key of
    /// that type is there and does not belong to it.
    pub fn set_cert(&mut self, pem: &[u8]) -> Result<()> {
        let (key_type, chain) = parse_chain(pem)?;
        let mut identity = self.of_type(key_type);
        identity.chain = Some(chain);
        identity.check()?;
        self.put(identity);
        Ok(())
    }

    pub fn set_key(&mut self, pem: &[u8], passphrase: Option<&[u8]>) -> Result<()> {
        let key = pem::private_key(pem, passphrase)?;
        let mut identity = self.of_type(key.id());
        identity.key = Some(key);
        identity.check()?;
        self.check_against_others(&identity)?;
        self.put(identity);
        Ok(())
    }

    pub fn set_both(&mut self, cert: &[u8], key: &[u8], passphrase: Option<&[u8]>) -> Result<()> {
        let (key_type, chain) = parse_chain(cert)?;
        let identity = Identity {
            key_type,
            chain: Some(chain),
            key: Some(pem::private_key(key, passphrase)?),
        };
        identity.check()?;
        self.put(identity);
        Ok(())
    }

    fn of_type(&self, key_type: Id) -> Identity {
        let found = self.0.iter().find(|identity| identity.key_type == key_type);
        found.cloned().unwrap_or(Identity {
            key_type,
            chain: None,
            key: None,
        })
    }

    fn put(&mut self, identity: Identity) {
        self.0.retain(|other| other.key_type != identity.key_type);
        self.0.push(identity);
    }

    /// A lone key of another type than the one certificate that waits for its key is a mismatch too:
    /// nobody sets an RSA key for an ECDSA certificate and means to add the other two halves later.
    fn check_against_others(&self, identity: &Identity) -> Result<()> {
        let waiting = |other: &&Identity| other.key_type != identity.key_type && other.key.is_none();
        match (&identity.chain, self.0.iter().find(waiting)) {
            (None, Some(_)) => Err(mismatch()),
            _ => Ok(()),
        }
    }

    pub fn is_complete(&self) -> bool {
        self.0
            .iter()
            .any(|identity| identity.chain.is_some() && identity.key.is_some())
    }

    pub fn apply(&self, builder: &mut SslContextBuilder) -> Result<()> {
        for identity in &self.0 {
            match (&identity.chain, &identity.key) {
                (Some(chain), Some(key)) => {
                    context::use_identity(builder, &chain.leaf, key, &chain.rest)?;
                }
                (Some(_), None) => {
                    return Err(Error::state(
                        "a certificate is set, but not its key: call tls_context_set_key",
                    ))
                }
                (None, _) => {
                    return Err(Error::state(
                        "a key is set, but not its certificate: call tls_context_set_cert",
                    ))
                }
            }
        }
        Ok(())
    }

    /// The leaf certificates, in the order of their key types.
    pub fn hash(&self, hash: &mut Sha256) -> Result<()> {
        let mut identities: Vec<&Identity> = self.0.iter().collect();
        identities.sort_by_key(|identity| identity.key_type.as_raw());
        for chain in identities.iter().filter_map(|i| i.chain.as_ref()) {
            hash.update(&chain.leaf.to_der().map_err(unreadable)?);
        }
        Ok(())
    }
}

impl Identity {
    fn check(&self) -> Result<()> {
        let (Some(chain), Some(key)) = (&self.chain, &self.key) else {
            return Ok(());
        };
        error_queue::begin();
        if chain.leaf.public_key().map_err(unreadable)?.public_eq(key) {
            return Ok(());
        }
        error_queue::begin();
        Err(mismatch())
    }
}

fn parse_chain(pem: &[u8]) -> Result<(Id, Chain)> {
    let mut certificates = pem::certificates(pem)?;
    let rest = certificates.split_off(1);
    let Some(leaf) = certificates.pop() else {
        return Err(Error::argument("there is no certificate"));
    };
    let key_type = leaf.public_key().map_err(unreadable)?.id();
    Ok((key_type, Chain { leaf, rest }))
}

fn unreadable(stack: openssl::error::ErrorStack) -> Box<Error> {
    error_queue::from_stack(
        Status::Certificate,
        "the certificate's public key cannot be used",
        &stack,
    )
}

fn mismatch() -> Box<Error> {
    Error::new(
        Status::KeyMismatch,
        "ERR_OSSL_X509_KEY_VALUES_MISMATCH",
        "the key does not belong to the certificate; to replace both, use tls_context_set_identity",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::fixtures::{ec_key, rsa_key, Authority};
    use openssl::symm::Cipher;

    fn status(result: Result<()>) -> Status {
        result.unwrap_err().status
    }

    #[test]
    fn s11_all_kinds_of_keys_in_all_their_forms() {
        let authority = Authority::new();
        let ec = ec_key();
        let rsa = rsa_key(2048);
        let ed = PKey::generate_ed25519().unwrap();
        let sec1 = ec.ec_key().unwrap().private_key_to_pem().unwrap();
        let with_parameters = [
            b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n".to_vec(),
            sec1.clone(),
        ]
        .concat();
        let pkcs1 = rsa.rsa().unwrap().private_key_to_pem().unwrap();
        let forms = [
            (&ec, ec.private_key_to_pem_pkcs8().unwrap()),
            (&ec, sec1),
            (&ec, with_parameters),
            (&rsa, rsa.private_key_to_pem_pkcs8().unwrap()),
            (&rsa, pkcs1),
            (&ed, ed.private_key_to_pem_pkcs8().unwrap()),
        ];
        for (key, pem) in forms {
            let mut identities = Identities::default();
            identities.set_cert(&authority.issue("localhost", key)).unwrap();
            assert!(!identities.is_complete());
            identities.set_key(&pem, None).unwrap();
            assert!(identities.is_complete());
        }
    }

    #[test]
    fn s11_another_key_type_adds_the_same_replaces() {
        let authority = Authority::new();
        let mut identities = Identities::default();
        for key in [ec_key(), rsa_key(2048), ec_key()] {
            let pem = key.private_key_to_pem_pkcs8().unwrap();
            let cert = authority.issue("localhost", &key);
            identities.set_both(&cert, &pem, None).unwrap();
        }
        assert_eq!(identities.0.len(), 2);
    }

    #[test]
    fn s12_encrypted_keys() {
        let key = ec_key();
        let pkcs8 = key
            .private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"secret")
            .unwrap();
        let legacy = key
            .ec_key()
            .unwrap()
            .private_key_to_pem_passphrase(Cipher::aes_128_cbc(), b"secret")
            .unwrap();
        for pem in [pkcs8, legacy] {
            let mut identities = Identities::default();
            let missing = identities.set_key(&pem, None).unwrap_err();
            assert_eq!(missing.status, Status::Passphrase);
            assert_eq!(missing.name, "ERR_MISSING_PASSPHRASE");
            let wrong = identities.set_key(&pem, Some(b"wrong"));
            assert_eq!(status(wrong), Status::Passphrase);
            let long = vec![b'a'; 10 * 1024];
            assert_eq!(
                status(identities.set_key(&pem, Some(&long))),
                Status::Passphrase
            );
            assert!(identities.0.is_empty());
            identities.set_key(&pem, Some(b"secret")).unwrap();
        }
    }

    #[test]
    fn s13_c009_a_mismatch_is_refused_at_once_and_changes_nothing() {
        let authority = Authority::new();
        let (cert, key) = authority.issue_ec("a");
        let (other_cert, other_key) = authority.issue_ec("b");
        let rsa = rsa_key(2048).private_key_to_pem_pkcs8().unwrap();
        let mut identities = Identities::default();
        identities.set_cert(&cert).unwrap();
        assert_eq!(
            status(identities.set_key(&other_key, None)),
            Status::KeyMismatch
        );
        assert_eq!(status(identities.set_key(&rsa, None)), Status::KeyMismatch);
        assert!(!identities.is_complete());
        identities.set_key(&key, None).unwrap();
        assert_eq!(
            status(identities.set_cert(&other_cert)),
            Status::KeyMismatch
        );
        assert!(identities.is_complete());
        identities.set_both(&other_cert, &other_key, None).unwrap();
    }

    #[test]
    fn c008_bad_pem_is_an_error_of_its_own() {
        let (cert, key) = Authority::new().issue_ec("a");
        let mut identities = Identities::default();
        for bad in [
            &b""[..],
            b"no pem at all",
            &cert[..cert.len() - 40],
            &cert[..100],
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            &key,
        ] {
            assert_eq!(status(identities.set_cert(bad)), Status::Certificate);
        }
        for bad in [&b""[..], b"no pem at all", &key[..key.len() - 40], &cert] {
            assert_eq!(status(identities.set_key(bad, None)), Status::Key);
        }
        let der = X509::from_pem(&cert).unwrap().to_der().unwrap();
        let error = identities.set_cert(&der).unwrap_err();
        assert!(error.message.contains("DER"), "{error}");
        let noisy = [b"junk\r\n\0\n".to_vec(), cert, b"trailing".to_vec()].concat();
        identities.set_cert(&noisy).unwrap();
    }
}
