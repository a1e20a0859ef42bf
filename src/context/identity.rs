//! Who we are: certificates with their chains and private keys, one of each key type, so that RSA
//! and ECDSA stand side by side and each peer gets what it can use.

use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private, Public};
use openssl::sha::Sha256;
use openssl::ssl::SslContextBuilder;
use openssl::x509::{X509Ref, X509};

use super::pem;
use crate::error::{Error, Result, Status};
use crate::sys::{context, error_queue, x509_name};

/// The key types that TLS has certificates for, with their names.
const KEY_TYPES: &[(Id, &str)] = &[
    (Id::RSA, "RSA"),
    (Id::RSA_PSS, "RSA-PSS"),
    (Id::EC, "EC"),
    (Id::ED25519, "Ed25519"),
    (Id::ED448, "Ed448"),
];

/// A leaf and what leads from it towards the CA.
#[derive(Clone)]
struct Chain {
    leaf: X509,
    rest: Vec<X509>,
}

/// What there is for one key type: both halves, or the one that waits for the other.
#[derive(Clone)]
struct Identity {
    key_type: Id,
    chain: Option<Chain>,
    key: Option<PKey<Private>>,
}

#[derive(Default)]
pub struct Identities(Vec<Identity>);

impl Identities {
    /// Replaces the certificate of the same key type, or adds one.
    ///
    /// # Errors
    /// `Certificate`: it cannot be read or used. `KeyMismatch`: the key of that type is there and
    /// does not belong to it, or a key of another type waits for its certificate.
    pub fn set_cert(&mut self, text: &[u8]) -> Result<()> {
        let (key_type, chain) = read_chain(text)?;
        let mut identity = self.of_type(key_type);
        identity.chain = Some(chain);
        self.check_and_put(identity)
    }

    /// Replaces the key of the same type, or adds one.
    ///
    /// # Errors
    /// `Key`, `Passphrase`: it cannot be read or used. `KeyMismatch`, as for the certificate.
    pub fn set_key(&mut self, text: &[u8], passphrase: Option<&[u8]>) -> Result<()> {
        let key = read_key(text, passphrase)?;
        let mut identity = self.of_type(key.id());
        identity.key = Some(key);
        self.check_and_put(identity)
    }

    /// Both halves in one step: the only way to replace a pair by one with another key.
    pub fn set_both(&mut self, cert: &[u8], key: &[u8], passphrase: Option<&[u8]>) -> Result<()> {
        let (key_type, chain) = read_chain(cert)?;
        let identity = Identity {
            key_type,
            chain: Some(chain),
            key: Some(read_key(key, passphrase)?),
        };
        identity.check()?;
        self.put(identity);
        Ok(())
    }

    /// What a PKCS#12 file had, which is all there is.
    pub fn of_pfx(key: PKey<Private>, leaf: X509, rest: Vec<X509>) -> Result<Identities> {
        let key_type = key.id();
        check_key_type(key_type, Status::Key)?;
        let identity = Identity {
            key_type,
            chain: Some(Chain { leaf, rest }),
            key: Some(key),
        };
        identity.check()?;
        Ok(Identities(vec![identity]))
    }

    /// Is there no certificate and no key?
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of_type(&self, key_type: Id) -> Identity {
        let found = self.0.iter().find(|identity| identity.key_type == key_type);
        found.cloned().unwrap_or(Identity {
            key_type,
            chain: None,
            key: None,
        })
    }

    /// A half may wait for its other half. But when halves of both kinds wait, then somebody took
    /// the wrong file: an RSA key for an ECDSA certificate is a mismatch, and not the beginning of
    /// two pairs.
    fn check_and_put(&mut self, identity: Identity) -> Result<()> {
        identity.check()?;
        let others = || {
            self.0
                .iter()
                .filter(|other| other.key_type != identity.key_type)
        };
        let opposite = match (&identity.chain, &identity.key) {
            (Some(_), None) => others().find(|other| other.chain.is_none()),
            (None, Some(_)) => others().find(|other| other.key.is_none()),
            _ => None,
        };
        if let Some(opposite) = opposite {
            let (cert, key) = if identity.chain.is_some() {
                (identity.key_type, opposite.key_type)
            } else {
                (opposite.key_type, identity.key_type)
            };
            return Err(mismatch(format!(
                "the certificate is for a key of type {}, and the private key is of type {}",
                type_name(cert),
                type_name(key),
            )));
        }
        self.put(identity);
        Ok(())
    }

    fn put(&mut self, identity: Identity) {
        self.0.retain(|other| other.key_type != identity.key_type);
        self.0.push(identity);
    }

    /// Is there a certificate with its key?
    pub fn is_complete(&self) -> bool {
        self.0
            .iter()
            .any(|identity| identity.chain.is_some() && identity.key.is_some())
    }

    /// # Errors
    /// `InvalidState`: a half without its other half. `Certificate`: too weak for the security level.
    pub fn apply(&self, builder: &mut SslContextBuilder) -> Result<()> {
        for identity in &self.0 {
            let name = type_name(identity.key_type);
            match (&identity.chain, &identity.key) {
                (Some(chain), Some(key)) => {
                    context::use_identity(builder, &chain.leaf, key, &chain.rest)
                        .map_err(|error| explain_weakness(error, chain))?;
                }
                (Some(_), None) => {
                    return Err(Error::state(format!(
                        "there is a certificate for an {name} key, but no key: call \
                         tls_context_set_key",
                    )))
                }
                (None, _) => {
                    return Err(Error::state(format!(
                        "there is an {name} key, but no certificate: call tls_context_set_cert",
                    )))
                }
            }
        }
        Ok(())
    }

    /// Completes the chains of those that came as a bare leaf, from the CAs that were added.
    pub fn build_chains(&self, builder: &mut SslContextBuilder) {
        for chain in self.0.iter().filter_map(|identity| identity.chain.as_ref()) {
            if chain.rest.is_empty() {
                context::build_chain(builder, &chain.leaf);
            }
        }
    }

    /// The leaf certificates, in the order of their key types.
    pub fn hash(&self, hash: &mut Sha256) -> Result<()> {
        let mut identities: Vec<&Identity> = self.0.iter().collect();
        identities.sort_by_key(|identity| identity.key_type.as_raw());
        for chain in identities.iter().filter_map(|i| i.chain.as_ref()) {
            hash.update(&chain.leaf.to_der().map_err(unusable_public_key)?);
        }
        Ok(())
    }
}

impl Identity {
    fn check(&self) -> Result<()> {
        let (Some(chain), Some(key)) = (&self.chain, &self.key) else {
            return Ok(());
        };
        if public_key(&chain.leaf)?.public_eq(key) {
            return Ok(());
        }
        let belongs = |other: &X509| public_key(other).is_ok_and(|public| public.public_eq(key));
        let place = chain.rest.iter().position(belongs);
        error_queue::begin();
        let subject = shown_subject(&chain.leaf);
        Err(mismatch(match place {
            Some(place) => format!(
                "the private key belongs to certificate {} of the text, and not to the first \
                 ({subject}): our own certificate must come first",
                place + 2,
            ),
            None => format!(
                "the private key does not belong to the certificate ({subject}); to replace both, \
                 use tls_context_set_identity"
            ),
        }))
    }
}

fn read_chain(text: &[u8]) -> Result<(Id, Chain)> {
    let mut rest = pem::certificates(text)?;
    let leaf = rest.remove(0);
    let key_type = public_key(&leaf)?.id();
    check_key_type(key_type, Status::Certificate)?;
    Ok((key_type, Chain { leaf, rest }))
}

fn read_key(text: &[u8], passphrase: Option<&[u8]>) -> Result<PKey<Private>> {
    let key = pem::private_key(text, passphrase)?;
    check_key_type(key.id(), Status::Key)?;
    Ok(key)
}

fn check_key_type(key_type: Id, status: Status) -> Result<()> {
    if KEY_TYPES.iter().any(|(known, _)| *known == key_type) {
        return Ok(());
    }
    let names: Vec<&str> = KEY_TYPES.iter().map(|(_, name)| *name).collect();
    let found = Nid::from_raw(key_type.as_raw())
        .short_name()
        .unwrap_or("unknown");
    Err(Error::new(
        status,
        "ERR_SSL_UNKNOWN_CERTIFICATE_TYPE",
        format!(
            "a key of type {found} cannot be used for TLS; these can: {}",
            names.join(", ")
        ),
    ))
}

fn type_name(key_type: Id) -> &'static str {
    let found = KEY_TYPES.iter().find(|(known, _)| *known == key_type);
    found.map_or("unknown", |(_, name)| name)
}

fn public_key(certificate: &X509Ref) -> Result<PKey<Public>> {
    certificate.public_key().map_err(unusable_public_key)
}

fn unusable_public_key(stack: openssl::error::ErrorStack) -> Box<Error> {
    error_queue::from_stack(
        Status::Certificate,
        "the certificate's public key cannot be used",
        &stack,
    )
}

fn shown_subject(certificate: &X509Ref) -> String {
    x509_name::text(certificate.subject_name()).replace('\n', ", ")
}

fn mismatch(message: String) -> Box<Error> {
    Error::new(
        Status::KeyMismatch,
        "ERR_OSSL_X509_KEY_VALUES_MISMATCH",
        message,
    )
}

/// What to do about a certificate that OpenSSL refuses for the security level.
fn explain_weakness(mut error: Box<Error>, chain: &Chain) -> Box<Error> {
    let remedy = match error.name.as_ref() {
        "ERR_SSL_EE_KEY_TOO_SMALL" | "ERR_SSL_CA_KEY_TOO_SMALL" => "use a stronger key",
        "ERR_SSL_CA_MD_TOO_WEAK" => "have it signed with SHA-256 or better",
        _ => return error,
    };
    error.message = format!(
        "{} ({}): {remedy}, or lower the security level with @SECLEVEL in tls_context_set_ciphers",
        error.message,
        shown_subject(&chain.leaf),
    );
    error
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
            b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
                .to_vec(),
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
            identities
                .set_cert(&authority.issue("localhost", key))
                .unwrap();
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

    #[test]
    fn s11_halves_of_two_pairs_come_in_any_sensible_order() {
        let authority = Authority::new();
        let pair = |key: PKey<Private>| {
            let pem = key.private_key_to_pem_pkcs8().unwrap();
            (authority.issue("localhost", &key), pem)
        };
        let (a, b) = (pair(ec_key()), pair(rsa_key(2048)));
        let mut certs_first = Identities::default();
        certs_first.set_cert(&a.0).unwrap();
        certs_first.set_cert(&b.0).unwrap();
        certs_first.set_key(&b.1, None).unwrap();
        certs_first.set_key(&a.1, None).unwrap();
        let mut keys_first = Identities::default();
        keys_first.set_key(&a.1, None).unwrap();
        keys_first.set_key(&b.1, None).unwrap();
        keys_first.set_cert(&a.0).unwrap();
        keys_first.set_cert(&b.0).unwrap();
        let mut crossed = Identities::default();
        crossed.set_key(&a.1, None).unwrap();
        let error = crossed.set_cert(&b.0).unwrap_err();
        assert_eq!(error.status, Status::KeyMismatch);
        assert!(
            error.message.contains("RSA") && error.message.contains("EC"),
            "{error}"
        );
    }

    #[test]
    fn s13_a_chain_in_the_wrong_order_is_told() {
        let authority = Authority::new();
        let (cert, key) = authority.issue_ec("localhost");
        let reversed = [authority.pem(), cert].concat();
        let error = Identities::default()
            .set_both(&reversed, &key, None)
            .unwrap_err();
        assert!(error.message.contains("certificate 2"), "{error}");
    }
}
