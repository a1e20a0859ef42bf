//! The names that a cipher list may hold, whether the OpenSSL at hand has them or not: what one build
//! lacks, another has, and a list must work with both.

/// The suites of TLS 1.3 (RFC 8446, B.4).
pub const SUITES: &[&str] = &[
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_CCM_SHA256",
    "TLS_AES_128_CCM_8_SHA256",
];

/// Words of ciphers(1), today's and those of OpenSSL 1.0, that stand for groups of ciphers.
#[rustfmt::skip]
const GROUPS: &[&str] = &[
    "DEFAULT", "COMPLEMENTOFDEFAULT", "ALL", "COMPLEMENTOFALL", "SUITEB128", "SUITEB128ONLY",
    "SUITEB192", "HIGH", "MEDIUM", "LOW", "EXP", "EXPORT", "EXPORT40", "EXPORT56", "FIPS",
    // key exchange and authentication
    "kRSA", "aRSA", "RSA", "kDHr", "kDHd", "kDH", "kDHE", "kEDH", "DH", "DHE", "EDH", "ADH",
    "kECDHr", "kECDHe", "kECDH", "kECDHE", "kEECDH", "ECDH", "ECDHE", "EECDH", "AECDH", "aDH",
    "aECDH", "aECDSA", "ECDSA", "aDSS", "DSS", "aNULL", "kPSK", "aPSK", "PSK", "kRSAPSK", "kDHEPSK",
    "kECDHEPSK", "kSRP", "aSRP", "SRP", "kKRB5", "aKRB5", "KRB5", "kFZA", "aFZA", "eFZA", "FZA",
    "kGOST", "kGOST18", "aGOST", "aGOST01", "aGOST12",
    // encryption
    "AES128", "AES256", "AES", "AESGCM", "AESCCM", "AESCCM8", "CBC", "CHACHA20", "CAMELLIA128",
    "CAMELLIA256", "CAMELLIA", "ARIA128", "ARIA256", "ARIA", "ARIAGCM", "SEED", "IDEA", "3DES", "DES",
    "RC4", "RC2", "GOST89", "GOST2012", "eNULL", "NULL",
    // authentication of records
    "MD5", "SHA1", "SHA", "SHA256", "SHA384", "GOST94", "GOST12", "GOST89MAC", "GOST89MAC12",
    // lowest version
    "SSLv2", "SSLv3", "TLSv1", "TLSv1.0", "TLSv1.2",
];

/// A cipher's name is key exchange, encryption and hash, joined by `-`. No key exchange means RSA.
#[rustfmt::skip]
const KEY_EXCHANGES: &[&str] = &[
    "ECDHE-RSA", "ECDHE-ECDSA", "ECDHE-PSK", "ECDHE", "ECDH-RSA", "ECDH-ECDSA", "AECDH",
    "DHE-RSA", "DHE-DSS", "DHE-PSK", "EDH-RSA", "EDH-DSS", "DH-RSA", "DH-DSS", "ADH",
    "RSA-PSK", "PSK", "SRP-RSA", "SRP-DSS", "SRP", "KRB5",
    "EXP-EDH-RSA", "EXP-EDH-DSS", "EXP-DH-RSA", "EXP-DH-DSS", "EXP-ADH", "EXP-KRB5", "EXP",
    "EXP1024-DHE-DSS", "EXP1024",
];

/// Encryption that names a hash too.
#[rustfmt::skip]
const ENCRYPTIONS: &[&str] = &[
    "AES128-GCM", "AES256-GCM", "AES128", "AES256", "AES128-CBC", "AES256-CBC", "AES-128-CBC",
    "AES-256-CBC", "CAMELLIA128", "CAMELLIA256", "ARIA128-GCM", "ARIA256-GCM", "SEED", "IDEA-CBC",
    "DES-CBC3", "3DES-EDE-CBC", "DES-CBC", "RC2-CBC", "RC4", "NULL",
];

/// Encryption that needs no hash in its name.
#[rustfmt::skip]
const WHOLE_ENCRYPTIONS: &[&str] = &[
    "AES128-CCM", "AES256-CCM", "AES128-CCM8", "AES256-CCM8", "CHACHA20-POLY1305",
];

const HASHES: &[&str] = &["SHA", "SHA256", "SHA384", "MD5"];

/// Is this a group, or the name of a cipher, in any OpenSSL?
pub fn is_known(name: &str) -> bool {
    GROUPS.contains(&name) || is_cipher(name)
}

fn is_cipher(name: &str) -> bool {
    let after_key_exchange = KEY_EXCHANGES
        .iter()
        .filter_map(|exchange| name.strip_prefix(exchange)?.strip_prefix('-'));
    std::iter::once(name).chain(after_key_exchange).any(|rest| {
        WHOLE_ENCRYPTIONS.contains(&rest)
            || rest.rsplit_once('-').is_some_and(|(encryption, hash)| {
                ENCRYPTIONS.contains(&encryption) && HASHES.contains(&hash)
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::context::cipher_names;
    use openssl::ssl::{SslContextBuilder, SslMethod};

    #[test]
    fn s16_all_ciphers_of_the_openssl_at_hand_are_known() {
        let mut builder = SslContextBuilder::new(SslMethod::tls()).unwrap();
        builder.set_cipher_list("ALL:COMPLEMENTOFALL").unwrap();
        builder.set_ciphersuites(&SUITES.join(":")).unwrap();
        let names = cipher_names(&builder);
        assert!(names.len() > 30);
        for name in names {
            assert!(SUITES.contains(&name) || is_known(name), "{name}");
        }
    }

    #[test]
    fn s16_ciphers_of_the_past_are_known_and_misspelt_ones_are_not() {
        for past in [
            "EXP-RC4-MD5",
            "KRB5-DES-CBC3-SHA",
            "ECDHE-ECDSA-RC4-SHA",
            "SRP-DSS-3DES-EDE-CBC-SHA",
        ] {
            assert!(is_known(past), "{past}");
        }
        for none in [
            "",
            "-",
            "SHA-",
            "AES128-SAH",
            "ECDHE-RSA",
            "ECDHE-RSA-",
            "RSA-AES128-SHA",
            "aes128",
        ] {
            assert!(!is_known(none), "{none}");
        }
    }
}
