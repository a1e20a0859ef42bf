//! Does a certificate belong to the host that was meant? RFC 6125 by OpenSSL's X509_check_host(3),
//! with Node's rules: a wildcard only as the whole leftmost label, the common name only if there is
//! no DNS name, an IP address only against iPAddress names.

use std::net::IpAddr;

use openssl::nid::Nid;
use openssl::x509::X509Ref;

use crate::error::{Error, Status, VerifyFailure};
use crate::sys::{check_name, error_queue, verify_code, x509_name};

/// At most this many of the certificate's names are told in an error message.
const NAMES_SHOWN: usize = 16;

/// Checks `certificate` against `name`, a host name or an IP address in text form. Names are
/// compared without case; one trailing dot is ignored.
///
/// The error has the name `ERR_TLS_CERT_ALTNAME_INVALID` and says which names the certificate has.
pub fn check_server_identity(certificate: &X509Ref, name: &str) -> Result<(), Box<Error>> {
    let host = name.strip_suffix('.').unwrap_or(name);
    let address = bare_address(host);
    let matches = match address {
        Some(address) => check_name::ip(certificate, address),
        None => !host.is_empty() && check_name::host(certificate, host),
    };
    let names = if matches {
        String::new()
    } else {
        names(certificate)
    };
    // A name that cannot be decoded leaves something there.
    error_queue::begin();
    if matches {
        return Ok(());
    }
    let kind = if address.is_some() { "IP" } else { "Host" };
    let mut error = Error::new(
        Status::Verify,
        "ERR_TLS_CERT_ALTNAME_INVALID",
        format!(
            "Hostname/IP doesn't match certificate's altnames: {kind}: {host} is not among the \
             certificate's names: {names}"
        ),
    );
    error.verify = Some(VerifyFailure {
        result: verify_code::HOSTNAME_MISMATCH,
        depth: 0,
        subject: x509_name::text(certificate.subject_name()),
    });
    Err(error)
}

/// The address that a host text is, brackets of `[::1]` allowed.
pub fn bare_address(host: &str) -> Option<IpAddr> {
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    bare.parse().ok()
}

fn names(certificate: &X509Ref) -> String {
    let mut names = Vec::new();
    for name in certificate.subject_alt_names().iter().flatten() {
        if let Some(dns) = name.dnsname() {
            names.push(format!("DNS:{dns}"));
        } else if let Some(bytes) = name.ipaddress() {
            let address = match *bytes {
                [a, b, c, d] => Some(IpAddr::from([a, b, c, d])),
                _ => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
            };
            names.push(address.map_or("IP Address:<invalid>".into(), |address| {
                format!("IP Address:{address}")
            }));
        }
    }
    if names.is_empty() {
        for entry in certificate.subject_name().entries_by_nid(Nid::COMMONNAME) {
            if let Ok(text) = entry.data().to_string() {
                names.push(format!("CN:{text}"));
            }
        }
    }
    let shown: Vec<String> = names
        .iter()
        .take(NAMES_SHOWN)
        .map(|name| name.escape_default().to_string())
        .collect();
    match names.len() {
        0 => "none".into(),
        total if total > NAMES_SHOWN => {
            format!("{}, and {} more", shown.join(", "), total - NAMES_SHOWN)
        }
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s33_ip_texts_are_addresses_with_and_without_brackets() {
        assert!(bare_address("127.0.0.1").is_some());
        assert!(bare_address("[::1]").is_some());
        assert!(bare_address("::1").is_some());
        assert!(bare_address("localhost").is_none());
        assert!(bare_address("1.2.3").is_none());
    }
}
