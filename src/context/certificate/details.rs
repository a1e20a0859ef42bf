//! What is told of a certificate, in Node's formats: gathered once, when first asked for.

use std::ffi::CString;

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Public};
use openssl::x509::{X509NameRef, X509Ref};

use super::undecodable;
use crate::error::{Error, Result};
use crate::sys::general_name::GeneralName;
use crate::sys::x509::{self, Extension};
use crate::sys::x509_name;

/// One attribute of a name.
pub struct Attribute {
    /// `CN`, or the type's numbers if it has no short name.
    pub name: String,
    /// `None` if it is no text.
    pub value: Option<String>,
    c_value: Option<CString>,
}

/// Texts are C strings because C is where they go.
pub struct Details {
    /// `C=UK\nO=node.js\nCN=localhost`
    pub subject: CString,
    pub issuer: CString,
    pub subject_fields: Vec<Attribute>,
    pub issuer_fields: Vec<Attribute>,
    /// `DNS:localhost, IP Address:127.0.0.1`
    pub subjectaltname: Option<Result<CString>>,
    /// The same, one by one.
    pub alt_names: Vec<CString>,
    /// `OCSP - URI:http://ocsp.example`, one a line.
    pub info_access: Option<Result<CString>>,
    pub(super) info_access_places: Extension<Vec<(String, GeneralName)>>,
    pub ca: bool,
    pub key: Key,
    /// SubjectPublicKeyInfo.
    pub public_key: Vec<u8>,
    pub valid_from: CString,
    pub valid_to: CString,
    /// `2A:7A:C2:...`
    pub fingerprint: CString,
    pub fingerprint256: CString,
    pub fingerprint512: CString,
    pub ext_key_usage: Option<Vec<CString>>,
    pub serial_number: Option<CString>,
    pub der: Vec<u8>,
    pub pem: CString,
}

/// What only some kinds of keys have.
#[derive(Default)]
pub struct Key {
    /// RSA.
    pub modulus: Option<CString>,
    /// RSA: `0x10001`.
    pub exponent: Option<CString>,
    /// RSA and elliptic curves.
    pub bits: Option<u32>,
    pub asn1_curve: Option<CString>,
    pub nist_curve: Option<CString>,
    /// RSA: SubjectPublicKeyInfo, elliptic curves: the point.
    pub(super) pubkey: Option<Vec<u8>>,
}

impl Attribute {
    /// What C can be given.
    ///
    /// # Errors
    /// `Certificate`: the value has a NUL inside, or is no text.
    pub fn c_value(&self) -> Result<&CString> {
        self.c_value.as_ref().ok_or_else(|| {
            let what = format!("value of {}", self.name);
            match self.value {
                Some(_) => Error::new(
                    crate::error::Status::Certificate,
                    "ERR_TLS_CERT_EMBEDDED_NUL",
                    format!("the {what} has a NUL inside, and is not cut there: see the JSON"),
                ),
                None => undecodable(&what),
            }
        })
    }
}

impl Details {
    pub(super) fn read(certificate: &X509Ref) -> std::result::Result<Details, ErrorStack> {
        let fingerprint = |digest| -> std::result::Result<CString, ErrorStack> {
            Ok(c_text(hex_with_colons(&certificate.digest(digest)?)))
        };
        let alt_names = x509::subject_alt_names(certificate).map(|names| {
            names.map(|names| {
                let shown = names
                    .iter()
                    .map(|name| format!("{}:{}", name.kind, name.shown));
                shown.collect::<Vec<String>>()
            })
        });
        let info_access_places = x509::info_access(certificate);
        let info_access = info_access_places.as_ref().map(|places| {
            let places = places.as_ref().map_err(|_| undecodable("info access"))?;
            let lines: Vec<String> = places
                .iter()
                .map(|(method, place)| format!("{method} - {}:{}", place.kind, place.shown))
                .collect();
            Ok(c_text(lines.join("\n")))
        });
        let serial = certificate
            .serial_number()
            .to_bn()
            .and_then(|n| n.to_hex_str());
        Ok(Details {
            subject: c_text(x509_name::text(certificate.subject_name())),
            issuer: c_text(x509_name::text(certificate.issuer_name())),
            subject_fields: attributes(certificate.subject_name()),
            issuer_fields: attributes(certificate.issuer_name()),
            subjectaltname: alt_names.as_ref().map(|names| {
                let names = names
                    .as_ref()
                    .map_err(|_| undecodable("alternative names"))?;
                Ok(c_text(names.join(", ")))
            }),
            alt_names: c_texts(alt_names.and_then(|names| names.ok()).unwrap_or_default()),
            info_access,
            info_access_places,
            ca: x509::is_ca(certificate),
            key: certificate
                .public_key()
                .map(|key| Key::read(certificate, &key))
                .unwrap_or_default(),
            public_key: x509::public_key_info(certificate),
            valid_from: c_text(x509::time(certificate.not_before())),
            valid_to: c_text(x509::time(certificate.not_after())),
            fingerprint: fingerprint(MessageDigest::sha1())?,
            fingerprint256: fingerprint(MessageDigest::sha256())?,
            fingerprint512: fingerprint(MessageDigest::sha512())?,
            ext_key_usage: x509::ext_key_usage(certificate).map(c_texts),
            serial_number: serial.ok().map(|hex| c_text(hex.to_string())),
            der: certificate.to_der()?,
            pem: c_text(String::from_utf8_lossy(&certificate.to_pem()?).into_owned()),
        })
    }
}

impl Key {
    fn read(certificate: &X509Ref, key: &PKey<Public>) -> Key {
        match key.id() {
            Id::RSA => Key::rsa(key).unwrap_or_default(),
            Id::EC => Key::ec(certificate, key).unwrap_or_default(),
            _ => Key::default(),
        }
    }

    fn rsa(key: &PKey<Public>) -> std::result::Result<Key, ErrorStack> {
        let rsa = key.rsa()?;
        Ok(Key {
            modulus: Some(c_text(stripped(&rsa.n().to_hex_str()?))),
            exponent: Some(c_text(format!(
                "0x{}",
                stripped(&rsa.e().to_hex_str()?).to_lowercase()
            ))),
            bits: u32::try_from(rsa.n().num_bits()).ok(),
            pubkey: Some(rsa.public_key_to_der()?),
            ..Key::default()
        })
    }

    fn ec(certificate: &X509Ref, key: &PKey<Public>) -> std::result::Result<Key, ErrorStack> {
        let ec = key.ec_key()?;
        let curve = ec.group().curve_name();
        let short_name = curve.and_then(|curve| curve.short_name().ok());
        Ok(Key {
            bits: Some(ec.group().order_bits()),
            pubkey: Some(x509::public_key_bits(certificate)),
            asn1_curve: short_name.map(|name| c_text(name.to_owned())),
            nist_curve: curve.and_then(x509::nist_name).map(c_text),
            ..Key::default()
        })
    }
}

fn attributes(name: &X509NameRef) -> Vec<Attribute> {
    let attributes = x509_name::attributes(name).into_iter();
    attributes
        .map(|(name, value)| Attribute {
            c_value: value.clone().and_then(|value| CString::new(value).ok()),
            name,
            value,
        })
        .collect()
}

/// For what is printed or escaped, which never has a NUL.
fn c_text(text: String) -> CString {
    CString::new(text).unwrap_or_default()
}

fn c_texts(texts: Vec<String>) -> Vec<CString> {
    texts.into_iter().map(c_text).collect()
}

/// A number without leading zeros.
fn stripped(hex: &str) -> String {
    match hex.trim_start_matches('0') {
        "" => "0".to_owned(),
        digits => digits.to_owned(),
    }
}

fn hex_with_colons(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::fixtures::Authority;
    use openssl::x509::X509;

    #[test]
    fn s65_names_and_fingerprints_in_nodes_formats() {
        let (pem, _) = Authority::new().issue_ec("localhost");
        let details = Details::read(&X509::from_pem(&pem).unwrap()).unwrap();
        assert_eq!(details.subject.as_c_str(), c"O=tlspair\nCN=localhost");
        assert_eq!(details.issuer.as_c_str(), c"CN=test authority");
        assert_eq!(details.fingerprint.count_bytes(), 20 * 3 - 1);
        assert_eq!(details.fingerprint256.count_bytes(), 32 * 3 - 1);
        assert_eq!(details.fingerprint512.count_bytes(), 64 * 3 - 1);
        assert_eq!(details.key.nist_curve.as_deref(), Some(c"P-256"));
        assert_eq!(details.key.bits, Some(256));
        assert_eq!(details.der[0], 0x30);
    }

    #[test]
    fn c075_a_value_with_a_nul_is_never_cut_short() {
        let mut name = openssl::x509::X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", "good.example\0.evil")
            .unwrap();
        let fields = attributes(&name.build());
        let error = fields[0].c_value().unwrap_err();
        assert_eq!(error.name, "ERR_TLS_CERT_EMBEDDED_NUL");
        assert_eq!(fields[0].value.as_deref(), Some("good.example\0.evil"));
    }

    #[test]
    fn s65_numbers_have_no_leading_zeros() {
        assert_eq!(stripped("010001"), "10001");
        assert_eq!(stripped("00"), "0");
    }
}
