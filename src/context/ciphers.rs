//! Cipher suites in Node's form: TLS 1.3 suites and OpenSSL's list for the older versions mixed in
//! one text.

use openssl::ssl::{SslContextBuilder, SslMethod};

use crate::error::{Error, Result, Status};
use crate::sys::error_queue;

/// Forward secrecy and authenticated encryption only; every client of the last ten years has one.
const DEFAULT_LIST: &str = "ECDHE+AESGCM:ECDHE+CHACHA20";
const DEFAULT_SECURITY_LEVEL: u32 = 2;
const MAX_LENGTH: usize = 64 * 1024;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ciphers {
    /// For TLS 1.3; `None`: OpenSSL's.
    suites: Option<String>,
    /// For older versions; `None`: ours.
    list: Option<String>,
    level: Option<u32>,
}

/// Words of ciphers(1) that are no cipher's name and may match nothing in this build.
const KEYWORDS: &[&str] = &[
    "ALL", "COMPLEMENTOFALL", "DEFAULT", "COMPLEMENTOFDEFAULT", "HIGH", "MEDIUM", "LOW", "EXP",
    "EXPORT", "EXPORT40", "EXPORT56", "eNULL", "NULL", "aNULL", "kRSA", "aRSA", "RSA", "kDHr",
    "kDHd", "kDH", "kDHE", "kEDH", "DH", "DHE", "EDH", "ADH", "kEECDH", "kECDHE", "ECDHE", "EECDH",
    "AECDH", "ECDH", "kECDH", "kECDHr", "kECDHe", "aECDH", "aDSS", "DSS", "aDH", "aECDSA", "ECDSA",
    "TLSv1.2", "TLSv1.0", "TLSv1", "SSLv3", "SSLv2", "AES128", "AES256", "AES", "AESGCM", "AESCCM",
    "AESCCM8", "ARIA128", "ARIA256", "ARIA", "CAMELLIA128", "CAMELLIA256", "CAMELLIA", "CHACHA20",
    "3DES", "DES", "RC4", "RC2", "IDEA", "SEED", "MD5", "SHA1", "SHA", "SHA256", "SHA384", "aGOST",
    "aGOST01", "kGOST", "GOST94", "GOST89MAC", "PSK", "kPSK", "kECDHEPSK", "kDHEPSK", "kRSAPSK",
    "aPSK", "SRP", "kSRP", "aSRP", "kKRB5", "KRB5", "FIPS", "SUITEB128", "SUITEB128ONLY",
    "SUITEB192", "CBC", "FZA", "kFZA", "aFZA", "eFZA",
];

impl Ciphers {
    /// # Errors
    /// `Ciphers`: empty, too long, control characters, a name that this OpenSSL does not know, or
    /// nothing left to use.
    pub fn parse(text: &str) -> Result<Ciphers> {
        if text.len() > MAX_LENGTH {
            return Err(refused(format!(
                "a cipher list has at most {MAX_LENGTH} bytes"
            )));
        }
        if text.chars().any(char::is_control) {
            return Err(refused("the cipher list has control characters"));
        }
        let mut probe = probe()?;
        let (mut suites, mut list, mut level) = (Vec::new(), Vec::new(), None);
        for word in text
            .split([':', ',', ' ', ';'])
            .filter(|word| !word.is_empty())
        {
            if let Some(number) = word.strip_prefix("@SECLEVEL=") {
                let number = number.parse().ok().filter(|level| *level <= 5);
                level = Some(number.ok_or_else(|| {
                    refused("@SECLEVEL= wants a number from 0 to 5")
                })?);
            } else if word == "@STRENGTH" {
                list.push(word);
            } else if word.starts_with("TLS_") {
                if probe.set_ciphersuites(word).is_err() {
                    return Err(unknown(word));
                }
                suites.push(word);
            } else {
                check_word(&mut probe, word)?;
                list.push(word);
            }
        }
        error_queue::begin();
        let join = |words: Vec<&str>| (!words.is_empty()).then(|| words.join(":"));
        let ciphers = Ciphers {
            suites: join(suites),
            list: join(list),
            level,
        };
        if ciphers == Ciphers::default() {
            return Err(refused("the cipher list is empty"));
        }
        ciphers.apply(&mut probe)?;
        Ok(ciphers)
    }

    pub fn security_level(&self) -> u32 {
        self.level.unwrap_or(DEFAULT_SECURITY_LEVEL)
    }

    pub fn apply(&self, builder: &mut SslContextBuilder) -> Result<()> {
        let failed = |stack| {
            error_queue::from_stack(
                Status::Ciphers,
                "no cipher suite is left that this OpenSSL has",
                &stack,
            )
        };
        builder
            .set_cipher_list(self.list.as_deref().unwrap_or(DEFAULT_LIST))
            .map_err(failed)?;
        if let Some(suites) = &self.suites {
            builder.set_ciphersuites(suites).map_err(failed)?;
        }
        builder.set_security_level(self.security_level());
        Ok(())
    }
}

/// A context to try names on. At level 0: whether a cipher is strong enough is another question.
fn probe() -> Result<SslContextBuilder> {
    let mut probe = SslContextBuilder::new(SslMethod::tls()).map_err(|stack| {
        error_queue::from_stack(Status::NoMemory, "cannot check the cipher list", &stack)
    })?;
    probe.set_security_level(0);
    Ok(probe)
}

/// OpenSSL skips names that it does not know; we do not. Names may be joined by `+`.
fn check_word(probe: &mut SslContextBuilder, word: &str) -> Result<()> {
    let bare = word.strip_prefix(['!', '-', '+']).unwrap_or(word);
    let known = |name: &str| KEYWORDS.contains(&name);
    if !bare.is_empty() && bare.split('+').all(known) {
        return Ok(());
    }
    if bare.is_empty() || bare.starts_with('@') || probe.set_cipher_list(bare).is_err() {
        return Err(unknown(word));
    }
    Ok(())
}

fn unknown(word: &str) -> Box<Error> {
    error_queue::begin();
    let shown: String = word.chars().take(64).collect();
    refused(format!("this OpenSSL knows no cipher {shown:?}"))
}

fn refused(message: impl Into<String>) -> Box<Error> {
    Error::new(Status::Ciphers, "ERR_SSL_NO_CIPHER_MATCH", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s16_both_kinds_in_one_text() {
        let ciphers =
            Ciphers::parse("TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256,HIGH !aNULL")
                .unwrap();
        assert_eq!(ciphers.suites.as_deref(), Some("TLS_AES_128_GCM_SHA256"));
        assert_eq!(
            ciphers.list.as_deref(),
            Some("ECDHE-RSA-AES128-GCM-SHA256:HIGH:!aNULL")
        );
        assert_eq!(ciphers.security_level(), 2);
    }

    #[test]
    fn s16_the_seeds_own_list_is_taken() {
        Ciphers::parse("AES128-GCM-SHA256:RC4:HIGH:!MD5:!aNULL:!EDH").unwrap();
        Ciphers::parse("ECDHE+AESGCM:-kRSA:+SHA1:@STRENGTH").unwrap();
        let level = Ciphers::parse("DEFAULT@SECLEVEL=0");
        assert!(level.is_ok() || Ciphers::parse("DEFAULT:@SECLEVEL=0").is_ok());
        assert_eq!(Ciphers::parse("ALL:@SECLEVEL=0").unwrap().level, Some(0));
    }

    #[test]
    fn s16_c014_what_cannot_be_used_is_refused_by_name() {
        for (bad, named) in [
            ("NO-SUCH-CIPHER", "NO-SUCH-CIPHER"),
            ("HIGH:!NO-SUCH-CIPHER", "NO-SUCH-CIPHER"),
            ("TLS_NO_SUCH_SUITE", "TLS_NO_SUCH_SUITE"),
            ("ECDHE+NOSUCH", "NOSUCH"),
            ("HIGH:@SECLEVEL=9", "SECLEVEL"),
            ("", "empty"),
            (" : ", "empty"),
            ("HIGH\n", "control"),
        ] {
            let error = Ciphers::parse(bad).unwrap_err();
            assert_eq!(error.status, Status::Ciphers);
            assert!(error.message.contains(named), "{error}");
        }
        assert!(Ciphers::parse(&"HIGH:".repeat(20_000)).is_err());
        assert!(Ciphers::parse("RC4").is_err());
    }
}
