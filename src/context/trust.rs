//! Whom we trust: the CAs that were added, or the well-known roots; less what revocation lists say.

use std::path::Path;
use std::sync::OnceLock;

use openssl::sha::Sha256;
use openssl::ssl::SslContextBuilder;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::{X509Ref, X509};

use super::crl::Crls;
use super::distinct::Distinct;
use super::file::read_file;
use super::pem;
use crate::error::{Error, Result, Status};
use crate::sys::{context, error_queue, privilege};

/// What a server may tell of its CAs when it asks for a client certificate, in bytes. The message
/// has room for 64 KiB, and clients take less of it; without a list any CA will do.
const MAX_CLIENT_CA_NAMES: usize = 32 * 1024;

#[derive(Default)]
pub enum Trust {
    #[default]
    WellKnownRoots,
    Only(Distinct<X509>),
}

impl Trust {
    /// Adds all certificates of a bundle; the first call takes the place of the well-known roots.
    pub fn add(&mut self, text: &[u8]) -> Result<()> {
        let new = pem::certificates(text)?;
        match self {
            Trust::Only(cas) => cas.add(new, der),
            Trust::WellKnownRoots => {
                *self = Trust::only(new)?;
                Ok(())
            }
        }
    }

    /// These CAs and no others.
    pub fn only(certificates: Vec<X509>) -> Result<Trust> {
        let mut cas = Distinct::default();
        cas.add(certificates, der)?;
        Ok(Trust::Only(cas))
    }

    pub fn clear(&mut self) {
        *self = Trust::Only(Distinct::default());
    }

    /// Were CAs added or cleared, so that the well-known roots do not count?
    pub fn is_explicit(&self) -> bool {
        matches!(self, Trust::Only(_))
    }

    pub fn apply(&self, crls: &Crls, builder: &mut SslContextBuilder) -> Result<()> {
        match self {
            // Looked up by the connections that verify: most servers never do.
            Trust::WellKnownRoots if crls.is_empty() => {}
            Trust::WellKnownRoots => {
                // A store of its own, for the lists; the certificates in it are the shared ones.
                let roots = well_known_roots()?.all_certificates();
                let store = store_of(&roots, crls)?;
                context::share_store(builder, &store);
            }
            Trust::Only(cas) => {
                let cas = cas.items();
                let store = store_of(cas, crls)?;
                context::share_store(builder, &store);
                if can_be_named(cas)? {
                    for certificate in cas {
                        builder.add_client_ca(certificate).map_err(unusable)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Whom we trust as a set: the order in which CAs were added does not count.
    pub fn hash(&self, hash: &mut Sha256) {
        match self {
            Trust::WellKnownRoots => hash.update(b"well-known roots"),
            Trust::Only(cas) => cas.hash(hash),
        }
    }
}

fn unusable(stack: openssl::error::ErrorStack) -> Box<Error> {
    error_queue::from_stack(
        Status::Certificate,
        "a CA certificate cannot be used",
        &stack,
    )
}

fn der(certificate: &X509) -> Result<Vec<u8>> {
    certificate.to_der().map_err(unusable)
}

fn store_of(
    certificates: impl IntoIterator<Item = impl AsRef<X509Ref>>,
    crls: &Crls,
) -> Result<X509Store> {
    let mut store = X509StoreBuilder::new().map_err(unusable)?;
    for certificate in certificates {
        let certificate = certificate.as_ref().to_owned();
        store.add_cert(certificate).map_err(unusable)?;
    }
    crls.apply(&mut store)?;
    Ok(store.build())
}

/// Would the names of these CAs fit into a server's request for a client certificate?
fn can_be_named(certificates: &[X509]) -> Result<bool> {
    const LENGTH_PREFIX: usize = 2;
    let mut length = 0;
    for certificate in certificates {
        length += certificate.subject_name().to_der().map_err(unusable)?.len() + LENGTH_PREFIX;
    }
    Ok(length <= MAX_CLIENT_CA_NAMES)
}

/// The system's roots, or the bundled ones where it has none: parsed once, then shared.
pub fn well_known_roots() -> Result<&'static X509Store> {
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
    let store = store_of(&certificates, &Crls::default())?;
    Ok(ROOTS.get_or_init(|| store))
}

/// What `SSL_CERT_FILE` and `SSL_CERT_DIR` name, else what the system has in its usual places.
fn system_roots() -> Vec<X509> {
    if privilege::is_elevated() {
        // The probe for files would believe the environment; that for directories does not look.
        return first_with_roots(openssl_probe::candidate_cert_dirs().map(roots_of_directory));
    }
    let chosen = roots_of_environment();
    if !chosen.is_empty() {
        return chosen;
    }
    let files = openssl_probe::probe().cert_file.into_iter();
    first_with_roots(
        files
            .map(|path| roots_of_file(&path))
            .chain(openssl_probe::candidate_cert_dirs().map(roots_of_directory)),
    )
}

fn roots_of_environment() -> Vec<X509> {
    let file = std::env::var_os(openssl_probe::ENV_CERT_FILE);
    let mut roots = file.map_or_else(Vec::new, |path| roots_of_file(Path::new(&path)));
    let directories = std::env::var_os(openssl_probe::ENV_CERT_DIR);
    for directory in directories.iter().flat_map(std::env::split_paths) {
        roots.extend(roots_of_directory(&directory));
    }
    roots
}

fn first_with_roots(mut places: impl Iterator<Item = Vec<X509>>) -> Vec<X509> {
    places.find(|roots| !roots.is_empty()).unwrap_or_default()
}

/// Blocks that this OpenSSL cannot read are left out: one odd root must not cost all the others.
fn roots_of_file(path: &Path) -> Vec<X509> {
    read_file(path).map_or_else(|_| Vec::new(), |text| pem::certificates_that_decode(&text))
}

fn roots_of_directory(path: &Path) -> Vec<X509> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.path().is_file())
        .flat_map(|entry| roots_of_file(&entry.path()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::fixtures::Authority;

    fn count(trust: &Trust) -> Option<usize> {
        match trust {
            Trust::WellKnownRoots => None,
            Trust::Only(cas) => Some(cas.items().len()),
        }
    }

    fn hash(trust: &Trust) -> [u8; 32] {
        let mut hash = Sha256::new();
        trust.hash(&mut hash);
        hash.finish()
    }

    #[test]
    fn s14_bundles_with_junk_and_crlf() {
        let (a, b) = (Authority::new().pem(), Authority::new().pem());
        let crlf = String::from_utf8(b.clone()).unwrap().replace('\n', "\r\n");
        let bundle = [b"# roots\n\0".to_vec(), a, b"junk\n".to_vec(), crlf.into()].concat();
        let mut trust = Trust::default();
        trust.add(&bundle).unwrap();
        assert_eq!(count(&trust), Some(2));
        trust.add(&b).unwrap();
        assert_eq!(count(&trust), Some(2));
    }

    #[test]
    fn s14_old_and_trusted_labels() {
        let pem = String::from_utf8(Authority::new().pem()).unwrap();
        for label in ["X509 CERTIFICATE", "TRUSTED CERTIFICATE"] {
            let mut trust = Trust::default();
            trust
                .add(pem.replace("CERTIFICATE", label).as_bytes())
                .unwrap();
            assert_eq!(count(&trust), Some(1));
        }
    }

    #[test]
    fn c012_nothing_is_an_error_and_many_are_not() {
        let mut trust = Trust::default();
        for bad in [&b""[..], b" \n\t", b"garbage"] {
            assert_eq!(trust.add(bad).unwrap_err().status, Status::Certificate);
        }
        assert_eq!(count(&trust), None);
        let pem = Authority::new().pem();
        trust.add(&pem.repeat(5_000)).unwrap();
        assert_eq!(count(&trust), Some(1));
    }

    #[test]
    fn c012_a_list_of_cas_too_long_to_be_sent_is_not_sent() {
        let long_name = "a".repeat(60);
        let ca = Authority::named(&long_name).pem();
        let ca = pem::certificates(&ca).unwrap().remove(0);
        assert!(can_be_named(&vec![ca.clone(); 300]).unwrap());
        assert!(!can_be_named(&vec![ca; 600]).unwrap());
    }

    #[test]
    fn c012_a_broken_block_refuses_the_whole_bundle() {
        let good = Authority::new().pem();
        let bad = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
        let mut trust = Trust::default();
        let error = trust.add(&[good.as_slice(), bad].concat()).unwrap_err();
        assert_eq!(error.status, Status::Certificate);
        assert!(!error.openssl.is_empty());
        assert_eq!(count(&trust), None);
        let both = [good.as_slice(), bad].concat();
        assert_eq!(pem::certificates_that_decode(&both).len(), 1);
    }

    #[test]
    fn s14_clear_trusts_nothing() {
        let mut trust = Trust::default();
        trust.clear();
        assert_eq!(count(&trust), Some(0));
        assert_ne!(hash(&trust), hash(&Trust::default()));
    }

    #[test]
    fn s23_the_order_of_cas_does_not_count() {
        let (a, b) = (Authority::new().pem(), Authority::new().pem());
        let (mut forth, mut back) = (Trust::default(), Trust::default());
        forth.add(&[a.clone(), b.clone()].concat()).unwrap();
        back.add(&b).unwrap();
        assert_ne!(hash(&forth), hash(&back));
        back.add(&a).unwrap();
        assert_eq!(hash(&forth), hash(&back));
    }

    #[test]
    fn s14_roots_are_parsed_once() {
        let first = well_known_roots().unwrap();
        assert!(std::ptr::eq(first, well_known_roots().unwrap()));
        assert!(first.all_certificates().len() > 50);
    }
}
