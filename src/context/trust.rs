//! Whom we trust: CAs that were added, or the well-known roots.

use std::sync::OnceLock;

use openssl::sha::Sha256;
use openssl::ssl::SslContextBuilder;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::X509;

use super::file::read_file;
use crate::error::{Error, Result, Status};
use crate::sys::{context, error_queue, pem};

#[derive(Default)]
pub enum Trust {
    #[default]
    WellKnownRoots,
    Only(Vec<X509>),
}

impl Trust {
    /// Adds all certificates of a bundle; the first call takes the place of the well-known roots.
    pub fn add(&mut self, pem: &[u8]) -> Result<()> {
        let new = pem::certificates(pem)?;
        match self {
            Trust::WellKnownRoots => *self = Trust::Only(new),
            Trust::Only(list) => list.extend(new),
        }
        Ok(())
    }

    pub fn clear(&mut self) {
        *self = Trust::Only(Vec::new());
    }

    pub fn apply(&self, builder: &mut SslContextBuilder) -> Result<()> {
        match self {
            Trust::WellKnownRoots => context::share_store(builder, well_known_roots()?),
            Trust::Only(list) => {
                let store = store_of(list)?;
                context::share_store(builder, &store);
                for certificate in list {
                    // What a server names when it asks for a client certificate.
                    builder.add_client_ca(certificate).map_err(unusable)?;
                }
            }
        }
        Ok(())
    }

    pub fn hash(&self, hash: &mut Sha256) -> Result<()> {
        match self {
            Trust::WellKnownRoots => hash.update(b"well-known roots"),
            Trust::Only(list) => {
                for certificate in list {
                    hash.update(&certificate.to_der().map_err(unusable)?);
                }
            }
        }
        Ok(())
    }
}

fn unusable(stack: openssl::error::ErrorStack) -> Box<Error> {
    error_queue::from_stack(Status::Certificate, "a CA certificate cannot be used", &stack)
}

fn store_of(certificates: &[X509]) -> Result<X509Store> {
    let mut store = X509StoreBuilder::new().map_err(unusable)?;
    for certificate in certificates {
        store.add_cert(certificate.clone()).map_err(unusable)?;
    }
    Ok(store.build())
}

/// The system's roots, or the bundled ones where it has none: parsed once, then shared.
fn well_known_roots() -> Result<&'static X509Store> {
    static ROOTS: OnceLock<X509Store> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return Ok(roots);
    }
    let mut certificates = system_roots();
    if certificates.is_empty() {
        certificates = webpki_root_certs::TLS_SERVER_ROOT_CERTS
            .iter()
            .filter_map(|der| X509::from_der(der).ok())
            .collect();
    }
    error_queue::begin();
    if certificates.is_empty() {
        return Err(Error::new(
            Status::Certificate,
            "ERR_TLS_NO_ROOTS",
            "no well-known root certificate can be read: add the CAs to trust",
        ));
    }
    let store = store_of(&certificates)?;
    Ok(ROOTS.get_or_init(|| store))
}

/// Blocks that this OpenSSL cannot read are left out: one odd root must not cost all the others.
fn system_roots() -> Vec<X509> {
    let probed = openssl_probe::probe();
    let bundle = probed.cert_file.and_then(|path| read_file(&path).ok());
    if let Some(certificates) = bundle.and_then(|pem| pem::certificates(&pem).ok()) {
        return certificates;
    }
    let mut certificates = Vec::new();
    for directory in probed.cert_dir {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            if let Ok(found) = read_file(&entry.path()).and_then(|pem| pem::certificates(&pem)) {
                certificates.extend(found);
            }
        }
    }
    certificates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::fixtures::Authority;

    fn count(trust: &Trust) -> usize {
        match trust {
            Trust::WellKnownRoots => usize::MAX,
            Trust::Only(list) => list.len(),
        }
    }

    #[test]
    fn s14_bundles_with_junk_and_crlf() {
        let (a, b) = (Authority::new().pem(), Authority::new().pem());
        let crlf = String::from_utf8(b.clone()).unwrap().replace('\n', "\r\n");
        let bundle = [b"# roots\n".to_vec(), a, b"junk\n".to_vec(), crlf.into()].concat();
        let mut trust = Trust::default();
        trust.add(&bundle).unwrap();
        trust.add(&b).unwrap();
        assert_eq!(count(&trust), 3);
        store_of(match &trust {
            Trust::Only(list) => list,
            Trust::WellKnownRoots => unreachable!(),
        })
        .unwrap();
    }

    #[test]
    fn c012_nothing_is_an_error_and_many_are_not() {
        let mut trust = Trust::default();
        for bad in [&b""[..], b" \n\t", b"garbage"] {
            assert_eq!(trust.add(bad).unwrap_err().status, Status::Certificate);
        }
        assert_eq!(count(&trust), usize::MAX);
        let pem = Authority::new().pem();
        trust.add(&pem.repeat(5_000)).unwrap();
        assert_eq!(count(&trust), 5_000);
    }

    #[test]
    fn c012_a_broken_block_refuses_the_whole_bundle() {
        let good = Authority::new().pem();
        let bad = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        let mut trust = Trust::default();
        assert!(trust.add(&[good.as_slice(), bad].concat()).is_err());
        assert_eq!(count(&trust), usize::MAX);
    }

    #[test]
    fn s14_clear_trusts_nothing() {
        let mut trust = Trust::default();
        trust.clear();
        assert_eq!(count(&trust), 0);
    }

    #[test]
    fn s14_roots_are_parsed_once() {
        let first = well_known_roots().unwrap();
        assert!(std::ptr::eq(first, well_known_roots().unwrap()));
        assert!(first.all_certificates().len() > 50);
    }
}
