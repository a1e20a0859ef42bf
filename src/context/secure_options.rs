//! OpenSSL's option bits (SSL_CTX_set_options(3)), added to ours: never taken from them.

use openssl::ssl::{SslContextBuilder, SslOptions};

use crate::error::{Error, Result};

/// What OpenSSL 3.0 knows: all but bit 5.
const KNOWN_IN_3_0: u64 = 0xffff_ffdf;
/// NO_TX_CERTIFICATE_COMPRESSION, NO_RX_CERTIFICATE_COMPRESSION, ENABLE_KTLS_TX_ZEROCOPY_SENDFILE.
const NEW_IN_3_2: u64 = 0b111 << 32;
/// PREFER_NO_DHE_KEX.
const NEW_IN_3_3: u64 = 1 << 35;

/// Bits that would undo what every user of the library may rely on.
const REFUSED: &[(u64, &str)] = &[
    (
        1 << 7,
        "SSL_OP_IGNORE_UNEXPECTED_EOF would pass a connection that was cut off for one that ended \
         cleanly",
    ),
    (
        1 << 18,
        "SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION lets an attacker put bytes of his own before the \
         peer's (CVE-2009-3555); to reach an old server, SSL_OP_LEGACY_SERVER_CONNECT is enough",
    ),
    (
        1 << 23,
        "SSL_OP_TLS_ROLLBACK_BUG turns off a check against forced old versions",
    ),
];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SecureOptions(u64);

impl SecureOptions {
    /// # Errors
    /// `InvalidArgument`: a bit that this OpenSSL does not know, or one that is refused.
    pub fn of_bits(bits: u64) -> Result<SecureOptions> {
        let unknown = bits & !known(openssl::version::number());
        if unknown != 0 {
            return Err(Error::argument(format!(
                "{} does not know the option bit {unknown:#x}",
                openssl::version::version()
            )));
        }
        match REFUSED.iter().find(|(bit, _)| bits & bit != 0) {
            Some((_, why)) => Err(Error::argument(*why)),
            None => Ok(SecureOptions(bits)),
        }
    }

    pub fn apply(self, builder: &mut SslContextBuilder) {
        builder.set_options(SslOptions::from_bits_retain(self.0));
    }
}

fn known(openssl: i64) -> u64 {
    let mut bits = KNOWN_IN_3_0;
    if openssl >= 0x3020_0000 {
        bits |= NEW_IN_3_2;
    }
    if openssl >= 0x3030_0000 {
        bits |= NEW_IN_3_3;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;
    use openssl::ssl::SslMethod;

    #[test]
    fn s77_bits_are_added_to_ours() {
        let ticket = SslOptions::NO_TICKET;
        let options = SecureOptions::of_bits(ticket.bits()).unwrap();
        let mut builder = SslContextBuilder::new(SslMethod::tls()).unwrap();
        builder.set_options(SslOptions::NO_COMPRESSION);
        let before = builder.options();
        options.apply(&mut builder);
        assert_eq!(builder.options(), before | ticket);
    }

    #[test]
    fn s77_bits_that_undo_a_promise_are_refused() {
        for (bit, why) in REFUSED {
            let error = SecureOptions::of_bits(bit | 1 << 14).unwrap_err();
            assert_eq!(error.status, Status::InvalidArgument);
            assert_eq!(&error.message, why);
        }
        let refused: u64 = REFUSED.iter().map(|(bit, _)| bit).sum();
        SecureOptions::of_bits(KNOWN_IN_3_0 & !refused).unwrap();
    }

    #[test]
    fn s77_c022_bits_that_this_openssl_does_not_know() {
        for bit in [1 << 5, 1 << 40, 1 << 63] {
            let error = SecureOptions::of_bits(bit).unwrap_err();
            assert_eq!(error.status, Status::InvalidArgument);
            assert!(error.message.contains(&format!("{bit:#x}")), "{error}");
        }
        assert_eq!(known(0x3000_0130), KNOWN_IN_3_0);
        assert_eq!(known(0x3020_0000) ^ known(0x3010_0000), NEW_IN_3_2);
        assert_eq!(known(0x3060_0030) ^ known(0x3020_0040), NEW_IN_3_3);
    }
}
