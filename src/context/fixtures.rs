//! Certificates for the unit tests, made afresh.

use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::BasicConstraints;
use openssl::x509::{X509Name, X509NameBuilder, X509};

pub fn ec_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

pub fn rsa_key(bits: u32) -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap()
}

/// A certificate authority.
pub struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

impl Authority {
    pub fn new() -> Authority {
        Authority::named("test authority")
    }

    pub fn named(common_name: &str) -> Authority {
        let key = ec_key();
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", common_name).unwrap();
        let name = name.build();
        let certificate = certificate(&name, &key, &name, &key, true);
        Authority { certificate, key }
    }

    /// A CA that this one has certified.
    pub fn subordinate(&self, common_name: &str) -> Authority {
        let key = ec_key();
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", common_name).unwrap();
        let issuer = self.certificate.subject_name();
        let certificate = certificate(&name.build(), &key, issuer, &self.key, true);
        Authority { certificate, key }
    }

    pub fn pem(&self) -> Vec<u8> {
        self.certificate.to_pem().unwrap()
    }

    /// PEM of a leaf for `key`.
    pub fn issue(&self, common_name: &str, key: &PKey<Private>) -> Vec<u8> {
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("O", "tlspair").unwrap();
        name.append_entry_by_text("CN", common_name).unwrap();
        certificate(
            &name.build(),
            key,
            self.certificate.subject_name(),
            &self.key,
            false,
        )
        .to_pem()
        .unwrap()
    }

    /// PEM of a leaf with a new ECDSA key, and of that key.
    pub fn issue_ec(&self, common_name: &str) -> (Vec<u8>, Vec<u8>) {
        let key = ec_key();
        (
            self.issue(common_name, &key),
            key.private_key_to_pem_pkcs8().unwrap(),
        )
    }
}

fn certificate(
    subject: &X509Name,
    key: &PKey<Private>,
    issuer: &openssl::x509::X509NameRef,
    issuer_key: &PKey<Private>,
    is_ca: bool,
) -> X509 {
    let mut serial = BigNum::new().unwrap();
    serial.rand(127, MsbOption::MAYBE_ZERO, false).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder
        .set_serial_number(&serial.to_asn1_integer().unwrap())
        .unwrap();
    builder.set_subject_name(subject).unwrap();
    builder.set_issuer_name(issuer).unwrap();
    builder.set_pubkey(key).unwrap();
    builder
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    builder
        .set_not_after(&Asn1Time::days_from_now(30).unwrap())
        .unwrap();
    let mut constraints = BasicConstraints::new();
    if is_ca {
        constraints.ca();
    }
    builder
        .append_extension(constraints.critical().build().unwrap())
        .unwrap();
    let digest = match issuer_key.id() {
        openssl::pkey::Id::ED25519 => MessageDigest::null(),
        _ => MessageDigest::sha256(),
    };
    builder.sign(issuer_key, digest).unwrap();
    builder.build()
}
