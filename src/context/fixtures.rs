//! Certificates for the unit tests, made afresh.

pub mod der;
mod template;

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, PKey, PKeyRef, Private};
use openssl::rsa::Rsa;
use openssl::x509::X509;

pub use template::*;

pub fn ec_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

pub fn rsa_key(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

/// PEM of a chain, and of the key of its leaf.
pub fn pem_of(chain: &[&X509], key: &PKey<Private>) -> (Vec<u8>, Vec<u8>) {
    let chain: Vec<_> = chain.iter().map(|one| one.to_pem().unwrap()).collect();
    (chain.concat(), key.private_key_to_pem_pkcs8().unwrap())
}

/// A certificate authority.
pub struct Authority {
    pub certificate: X509,
    pub key: PKey<Private>,
}

impl Authority {
    pub fn new() -> Authority {
        Authority::named("test authority")
    }

    pub fn named(common_name: &str) -> Authority {
        Authority::self_signed(&Template::ca(common_name), ec_key())
    }

    pub fn self_signed(template: &Template, key: PKey<Private>) -> Authority {
        let issuer = openssl::x509::X509Name::from_der(&template.subject).unwrap();
        let certificate = template.sign(&key, &issuer, &key);
        Authority { certificate, key }
    }

    /// A CA that this one has certified.
    pub fn subordinate(&self, common_name: &str) -> Authority {
        self.subordinate_as(&Template::ca(common_name))
    }

    pub fn subordinate_as(&self, template: &Template) -> Authority {
        let key = ec_key();
        let certificate = self.certify(template, &key);
        Authority { certificate, key }
    }

    pub fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    pub fn certify<K: HasPublic>(&self, template: &Template, key: &PKeyRef<K>) -> X509 {
        template.sign(key, self.certificate.subject_name(), &self.key)
    }

    /// PEM of a leaf for `key`.
    pub fn issue(&self, common_name: &str, key: &PKey<Private>) -> Vec<u8> {
        let subject = der::sequence(&[
            der::rdn(&[(der::ORGANIZATION, "tlspair")]),
            der::rdn(&[(der::COMMON_NAME, common_name)]),
        ]);
        let template = Template {
            subject,
            ..Template::leaf(common_name)
        };
        self.certify(&template, key).to_pem().unwrap()
    }

    /// PEM of a leaf with a new ECDSA key, and of that key.
    pub fn issue_ec(&self, common_name: &str) -> (Vec<u8>, Vec<u8>) {
        let key = ec_key();
        (
            self.issue(common_name, &key),
            key.private_key_to_pem_pkcs8().unwrap(),
        )
    }

    /// PEM of a revocation list of this authority.
    pub fn crl(&self, template: &CrlTemplate) -> Vec<u8> {
        let issuer = self.certificate.subject_name();
        template.sign(issuer, &self.key).to_pem().unwrap()
    }
}
