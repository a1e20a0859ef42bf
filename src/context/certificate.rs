//! What is told of a peer's certificate.

use openssl::hash::MessageDigest;
use openssl::x509::X509Ref;

use crate::error::{Result, Status};
use crate::sys::{error_queue, x509_name};

/// All of it copied: it outlives the connection that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// `C=UK\nO=node.js\nCN=localhost`
    pub subject: String,
    pub issuer: String,
    /// SHA-1 of the DER form, `2A:7A:C2:...`
    pub fingerprint: String,
    /// The same with SHA-256.
    pub fingerprint256: String,
    pub der: Vec<u8>,
}

impl Certificate {
    pub fn from_x509(certificate: &X509Ref) -> Result<Certificate> {
        let failed = |stack| {
            error_queue::from_stack(
                Status::Certificate,
                "the peer's certificate cannot be read",
                &stack,
            )
        };
        let fingerprint = |digest| -> Result<String> {
            let bytes = certificate.digest(digest).map_err(failed)?;
            Ok(hex_with_colons(&bytes))
        };
        Ok(Certificate {
            subject: x509_name::text(certificate.subject_name()),
            issuer: x509_name::text(certificate.issuer_name()),
            fingerprint: fingerprint(MessageDigest::sha1())?,
            fingerprint256: fingerprint(MessageDigest::sha256())?,
            der: certificate.to_der().map_err(failed)?,
        })
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
        let certificate = Certificate::from_x509(&X509::from_pem(&pem).unwrap()).unwrap();
        assert_eq!(certificate.subject, "O=tlspair\nCN=localhost");
        assert_eq!(certificate.issuer, "CN=test authority");
        assert_eq!(certificate.fingerprint.len(), 20 * 3 - 1);
        assert_eq!(certificate.fingerprint256.len(), 32 * 3 - 1);
        assert_eq!(certificate.der[0], 0x30);
    }
}
