//! X509_check_host(3) and X509_check_ip(3).

use std::net::IpAddr;

use foreign_types::ForeignTypeRef;
use openssl::x509::X509Ref;

const NO_PARTIAL_WILDCARDS: libc::c_uint = 0x4;

/// Is `host` one of the certificate's DNS names, or its common name if it has none? What cannot be a
/// host's name never is, also where a certificate has the same text.
pub fn host(certificate: &X509Ref, host: &str) -> bool {
    // OpenSSL takes a leading dot as "any subdomain of".
    let may_be_a_name = |byte: u8| byte.is_ascii_graphic() && byte != b'*';
    if host.starts_with('.') || !host.bytes().all(may_be_a_name) {
        return false;
    }
    // SAFETY: a live certificate and a text with its length; the matched name is not wanted.
    unsafe {
        openssl_sys::X509_check_host(
            certificate.as_ptr(),
            host.as_ptr().cast(),
            host.len(),
            NO_PARTIAL_WILDCARDS,
            std::ptr::null_mut(),
        ) == 1
    }
}

/// Is `address` one of the certificate's IP addresses?
pub fn ip(certificate: &X509Ref, address: IpAddr) -> bool {
    let (bytes, length) = match address {
        IpAddr::V4(v4) => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&v4.octets());
            (bytes, 4)
        }
        IpAddr::V6(v6) => (v6.octets(), 16),
    };
    // SAFETY: a live certificate and 4 or 16 bytes in network order.
    unsafe { openssl_sys::X509_check_ip(certificate.as_ptr(), bytes.as_ptr(), length, 0) == 1 }
}
