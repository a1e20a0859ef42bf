//! A certificate and those above it. What is told of one is in `details.rs`, as JSON in `json.rs`.

mod details;
mod json;

use std::sync::Arc;

use openssl::stack::StackRef;
use openssl::x509::store::X509Store;
use openssl::x509::{X509Ref, X509};

use super::pem;
use crate::error::{Error, Result, Status};
use crate::sys::{error_queue, x509};

pub use details::{Attribute, Details};

/// It outlives the connection that it came from. Nothing is decoded before it is asked for.
#[derive(Clone)]
pub struct Certificate {
    x509: X509,
    /// What came beside it and has no place in the chain yet.
    others: Vec<X509>,
    /// The chain so far, from the leaf on.
    below: Vec<X509>,
    /// Who may have signed it besides.
    store: Option<Arc<X509Store>>,
}

impl Certificate {
    /// One alone.
    pub fn from_x509(certificate: &X509Ref) -> Certificate {
        Certificate {
            x509: certificate.to_owned(),
            others: Vec::new(),
            below: Vec::new(),
            store: None,
        }
    }

    /// A peer's, with what it sent beside it (its own among them or not), and the store that it is
    /// verified against.
    pub fn from_peer(
        leaf: X509,
        sent: Option<&StackRef<X509>>,
        store: Option<X509Store>,
    ) -> Certificate {
        let sent = sent.into_iter().flatten();
        let others = sent.filter(|other| **other != *leaf);
        Certificate {
            others: others.map(X509Ref::to_owned).collect(),
            x509: leaf,
            below: Vec::new(),
            store: store.map(Arc::new),
        }
    }

    /// The first certificate of a PEM text, with the others as what its issuers are looked for in; or
    /// one certificate in DER.
    ///
    /// # Errors
    /// `Certificate`: it is none.
    pub fn parse(bytes: &[u8]) -> Result<Certificate> {
        const PEM_START: &[u8] = b"-----BEGIN ";
        error_queue::begin();
        if let Some(certificate) = x509::from_der(bytes) {
            return Ok(Certificate::from_x509(&certificate));
        }
        if bytes.windows(PEM_START.len()).any(|part| part == PEM_START) {
            let mut found = pem::certificates(bytes)?.into_iter();
            if let Some(first) = found.next() {
                return Ok(Certificate {
                    others: found.collect(),
                    ..Certificate::from_x509(&first)
                });
            }
        }
        Err(error_queue::take_error(
            Status::Certificate,
            "this is neither a PEM text nor one certificate in DER",
        ))
    }

    pub fn x509(&self) -> &X509Ref {
        &self.x509
    }

    /// Who signed it: among what came with it, else among those that were trusted. `None` for a root,
    /// which signed itself, and where it is not known. No certificate is above itself.
    pub fn issuer_certificate(&self) -> Option<Certificate> {
        error_queue::begin();
        let above = self.find_issuer();
        error_queue::begin();
        above
    }

    fn find_issuer(&self) -> Option<Certificate> {
        if x509::is_issued_by(&self.x509, &self.x509) {
            return None;
        }
        let mut above = self.clone();
        above.below.push(self.x509.clone());
        let sent =
            |other: &X509| x509::is_issued_by(&self.x509, other) && !above.below.contains(other);
        above.x509 = match self.others.iter().position(sent) {
            Some(place) => above.others.remove(place),
            None => {
                let found = x509::issuer_in(self.store.as_ref()?, &self.x509)?;
                (!above.below.contains(&found)).then_some(found)?
            }
        };
        Some(above)
    }

    /// Everything that is told of it.
    ///
    /// # Errors
    /// `Certificate`: this OpenSSL cannot even make its fingerprints.
    pub fn details(&self) -> Result<Details> {
        error_queue::begin();
        let details = Details::read(&self.x509);
        error_queue::begin();
        details.map_err(|stack| {
            error_queue::from_stack(
                Status::Certificate,
                "the certificate cannot be read",
                &stack,
            )
        })
    }

    /// The text of `JSON.stringify` of what Node's `getPeerCertificate` gives; with `chain`, each has
    /// its issuer inside.
    pub fn json(&self, chain: bool) -> Result<String> {
        let mut certificates = vec![self.details()?];
        let mut last = self.clone();
        while let Some(above) = chain.then(|| last.issuer_certificate()).flatten() {
            certificates.push(above.details()?);
            last = above;
        }
        Ok(json::text(&certificates))
    }
}

/// An extension that is there and is not what it should be.
pub(super) fn undecodable(what: &str) -> Box<Error> {
    Error::new(
        Status::Certificate,
        "ERR_OSSL_ASN1",
        format!("the certificate's {what} cannot be decoded"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::fixtures::{Authority, Template};
    use openssl::x509::store::X509StoreBuilder;

    fn issued() -> Vec<u8> {
        Authority::new().issue_ec("localhost").0
    }

    #[test]
    fn s65_pem_and_der_are_the_same_certificate() {
        let pem = issued();
        let from_pem = Certificate::parse(&pem).unwrap();
        let der = from_pem.details().unwrap().der;
        let from_der = Certificate::parse(&der).unwrap();
        assert_eq!(from_der.json(true).unwrap(), from_pem.json(true).unwrap());
        assert_eq!(from_der.details().unwrap().pem.to_bytes(), pem);
    }

    #[test]
    fn c008_what_is_no_certificate() {
        let der = Certificate::parse(&issued())
            .unwrap()
            .details()
            .unwrap()
            .der;
        let longer = [&der[..], b"\0"].concat();
        let inputs: [&[u8]; 6] = [
            b"",
            b"junk",
            &der[..der.len() - 1],
            &longer,
            b"-----BEGIN CERTIFICATE-----\n",
            b"-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
        ];
        for input in inputs {
            let error = Certificate::parse(input).err().unwrap();
            assert_eq!(error.status, Status::Certificate, "{input:?}: {error}");
        }
    }

    #[test]
    fn s65_the_chain_of_a_bundle_ends() {
        let authority = Authority::new();
        let (leaf, _) = authority.issue_ec("localhost");
        let bundle = [&leaf[..], &authority.pem(), &leaf, &authority.pem()].concat();
        let leaf = Certificate::parse(&bundle).unwrap();
        let root = leaf.issuer_certificate().unwrap();
        assert_eq!(
            root.details().unwrap().subject.to_bytes(),
            b"CN=test authority"
        );
        assert!(root.issuer_certificate().is_none());
        assert!(Certificate::parse(&issued())
            .unwrap()
            .issuer_certificate()
            .is_none());
    }

    #[test]
    fn c089_authorities_that_signed_each_other_are_no_endless_chain() {
        let (one, other) = (Authority::named("one"), Authority::named("other"));
        let one_by_other = other.certify(&Template::ca("one"), &one.key);
        let other_by_one = one.certify(&Template::ca("other"), &other.key);
        let (leaf, _) = one.issue_ec("localhost");
        let above = [&one_by_other, &other_by_one, &one_by_other].map(|x| x.to_pem().unwrap());
        let sent = Certificate::parse(&[leaf.clone(), above.concat()].concat()).unwrap();
        let mut trusted = X509StoreBuilder::new().unwrap();
        trusted.add_cert(one_by_other).unwrap();
        trusted.add_cert(other_by_one).unwrap();
        let leaf = X509::from_pem(&leaf).unwrap();
        let found = Certificate::from_peer(leaf, None, Some(trusted.build()));
        for certificate in [sent, found] {
            let json = certificate.json(true).unwrap();
            assert_eq!(json.matches("issuerCertificate").count(), 2);
        }
    }
}
