//! Cipher suites in Node's form: TLS 1.3 suites and OpenSSL's list for the older versions (ciphers(1))
//! mixed in one text, `TLS_AES_128_GCM_SHA256:ECDHE+AESGCM:!aNULL:@SECLEVEL=2`. OpenSSL skips what it
//! does not know; here a misspelt name is an error. What is known, but not in the OpenSSL at hand, is
//! skipped: lists of good use name RC4 and 3DES, to exclude them.

use openssl::sha::{sha256, Sha256};
use openssl::ssl::{cipher_name, SslContextBuilder, SslMethod};

use super::cipher_names::{is_known, SUITES};
use crate::error::{Error, Result, Status};
use crate::sys::{context, error_queue};

/// Forward secrecy and authenticated encryption only; every client of the last ten years has one.
const DEFAULT_LIST: &str = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL:!PSK:!DSS";
const DEFAULT_SECURITY_LEVEL: u32 = 2;
const MAX_SECURITY_LEVEL: u32 = 5;
const MAX_LENGTH: usize = 64 * 1024;
const SEPARATORS: [char; 4] = [':', ',', ' ', ';'];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ciphers {
    /// For TLS 1.3; `None`: OpenSSL's.
    suites: Option<String>,
    /// For older versions; `None`: ours, or none at all if only TLS 1.3 suites were named.
    list: Option<String>,
    level: Option<u32>,
}

impl Ciphers {
    /// # Errors
    /// `Ciphers`: empty, too long, control characters, an unknown name, or nothing left that the
    /// OpenSSL at hand has.
    pub fn parse(text: &str) -> Result<Ciphers> {
        if text.len() > MAX_LENGTH {
            return Err(refused(format!(
                "a cipher list has at most {MAX_LENGTH} bytes"
            )));
        }
        if text.chars().any(char::is_control) {
            return Err(refused("the cipher list has control characters"));
        }
        let (mut suites, mut list, mut level) = (Vec::new(), Vec::new(), None);
        let mut probe = probe()?;
        for word in words(text) {
            if let Some(number) = word.strip_prefix("@SECLEVEL=") {
                level = Some(parse_level(number)?);
            } else if word == "@STRENGTH" {
                list.push(word);
            } else if SUITES.contains(&word) {
                suites.push(word);
            } else {
                let word = old_name(word);
                check_word(&mut probe, word, list.is_empty())?;
                list.push(word);
            }
        }
        if suites.is_empty() && list.is_empty() {
            return Err(refused(
                "the cipher list is empty: it must name at least one cipher, or DEFAULT",
            ));
        }
        let join = |words: Vec<&str>| (!words.is_empty()).then(|| words.join(":"));
        let ciphers = Ciphers {
            suites: join(suites),
            list: join(list),
            level,
        };
        ciphers.apply(&mut probe)?;
        Ok(ciphers)
    }

    /// OpenSSL's names of all suites that authenticate and encrypt, in lower case and sorted, as
    /// Node's `getCiphers` gives them.
    pub fn supported() -> Result<Vec<String>> {
        let mut probe = probe()?;
        let failed =
            |stack| error_queue::from_stack(Status::Ciphers, "cannot list the ciphers", &stack);
        probe.set_cipher_list("ALL:!aNULL:!eNULL").map_err(failed)?;
        // Those that the OpenSSL at hand lacks are left out by it.
        probe.set_ciphersuites(&SUITES.join(":")).map_err(failed)?;
        let names = context::cipher_names(&probe);
        let mut names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    pub fn digest(&self) -> [u8; 32] {
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        sha256(format!("{}\n{}", text(&self.suites), text(&self.list)).as_bytes())
    }

    pub fn security_level(&self) -> u32 {
        self.level.unwrap_or(DEFAULT_SECURITY_LEVEL)
    }

    pub fn hash(&self, hash: &mut Sha256) {
        hash.update(&self.security_level().to_le_bytes());
        hash.update(self.list.as_deref().unwrap_or(DEFAULT_LIST).as_bytes());
        hash.update(&[0]);
        hash.update(self.suites.as_deref().unwrap_or_default().as_bytes());
    }

    /// Are there ciphers for TLS 1.3 alone? As in Node, who names nothing else wants nothing else.
    pub fn only_tls13(&self) -> bool {
        self.suites.is_some() && self.list.is_none()
    }

    pub fn apply(&self, builder: &mut SslContextBuilder) -> Result<()> {
        let nothing_left = |stack| {
            error_queue::from_stack(
                Status::Ciphers,
                "the OpenSSL at hand has none of the ciphers",
                &stack,
            )
        };
        error_queue::begin();
        builder
            .set_cipher_list(self.list.as_deref().unwrap_or(DEFAULT_LIST))
            .map_err(nothing_left)?;
        if let Some(suites) = &self.suites {
            builder.set_ciphersuites(suites).map_err(nothing_left)?;
            let first = context::cipher_names(builder).first().copied();
            if !first.is_some_and(|name| SUITES.contains(&name)) {
                return Err(refused(
                    "the OpenSSL at hand has none of the TLS 1.3 suites",
                ));
            }
        }
        builder.set_security_level(self.security_level());
        Ok(())
    }
}

/// The rules of a list. `@` begins one also without a separator: `DEFAULT@SECLEVEL=0`.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let rules = text.split(SEPARATORS).flat_map(|part| {
        let at = part.find('@').unwrap_or(part.len());
        let (name, command) = part.split_at(at);
        [name, command]
    });
    rules.filter(|word| !word.is_empty())
}

fn parse_level(number: &str) -> Result<u32> {
    let level = number
        .parse()
        .ok()
        .filter(|level| *level <= MAX_SECURITY_LEVEL);
    level.ok_or_else(|| refused("@SECLEVEL= wants a number from 0 to 5"))
}

/// OpenSSL's name where a suite of TLS 1.2 and before is named as in its RFC.
fn old_name(word: &str) -> &str {
    if !word.starts_with("TLS_") {
        return word;
    }
    match cipher_name(word) {
        "(NONE)" => word,
        name => name,
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

/// A rule is a name or several joined by `+`, perhaps after `!`, `-` or `+`.
fn check_word(probe: &mut SslContextBuilder, word: &str, is_first: bool) -> Result<()> {
    const ONLY_FIRST: [&str; 4] = ["DEFAULT", "SUITEB128", "SUITEB128ONLY", "SUITEB192"];
    let name = word.strip_prefix(['!', '-', '+']).unwrap_or(word);
    if ONLY_FIRST.contains(&name) && !(is_first && name == word) {
        return Err(refused(format!(
            "{name} must be the first of the ciphers for TLS 1.2 and before"
        )));
    }
    if SUITES.contains(&name) {
        return Err(refused(format!(
            "{word} cannot be used: suites of TLS 1.3 are chosen by naming those that are wanted"
        )));
    }
    if name.split('+').all(is_known) || is_in_this_openssl(probe, name) {
        return Ok(());
    }
    // What comes from outside may be long.
    let shown: String = word.chars().take(64).collect();
    Err(refused(format!("unknown cipher {shown:?}")))
}

/// OpenSSLs that are configured their own way know more names.
fn is_in_this_openssl(probe: &mut SslContextBuilder, name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.=+".contains(&byte);
    let found = !name.is_empty() && name.bytes().all(plain) && probe.set_cipher_list(name).is_ok();
    error_queue::begin();
    found
}

fn refused(message: impl Into<String>) -> Box<Error> {
    Error::new(Status::Ciphers, "ERR_SSL_NO_CIPHER_MATCH", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a context offers for this text.
    fn offered(text: Option<&str>) -> Vec<&'static str> {
        let ciphers = text.map_or_else(Ciphers::default, |text| Ciphers::parse(text).unwrap());
        let mut builder = SslContextBuilder::new(SslMethod::tls()).unwrap();
        ciphers.apply(&mut builder).unwrap();
        context::cipher_names(&builder)
    }

    #[test]
    fn s16_the_default_is_forward_secret_and_authenticated() {
        let names = offered(None);
        assert!(names.contains(&"ECDHE-RSA-AES128-GCM-SHA256"));
        assert!(names.contains(&"ECDHE-ECDSA-CHACHA20-POLY1305"));
        assert!(names.contains(&"TLS_AES_128_GCM_SHA256"));
        for name in names.iter().filter(|name| !name.starts_with("TLS_")) {
            assert!(
                name.starts_with("ECDHE-") || name.starts_with("DHE-RSA-"),
                "{name}"
            );
            assert!(name.contains("GCM") || name.contains("CHACHA20"), "{name}");
        }
    }

    #[test]
    fn s01_all_that_can_be_set_and_nothing_open() {
        let names = Ciphers::supported().unwrap();
        for name in [
            "tls_aes_256_gcm_sha384",
            "ecdhe-rsa-aes128-gcm-sha256",
            "aes256-sha",
            "psk-aes128-gcm-sha256",
        ] {
            assert!(names.iter().any(|other| other == name), "{name}");
        }
        assert!(names.windows(2).all(|pair| pair[0] < pair[1]));
        for name in &names {
            assert!(!name.contains("null") && !name.contains("adh-") && !name.starts_with("aecdh"));
            let upper = name.to_ascii_uppercase();
            assert!(!offered(Some(&format!("{upper}:@SECLEVEL=0"))).is_empty());
        }
    }

    #[test]
    fn s16_both_kinds_in_one_text() {
        let text = "TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES128-GCM-SHA256,AES256-SHA ;!aNULL";
        assert_eq!(
            offered(Some(text)),
            [
                "TLS_AES_128_GCM_SHA256",
                "ECDHE-RSA-AES128-GCM-SHA256",
                "AES256-SHA"
            ]
        );
        assert_eq!(Ciphers::parse(text).unwrap().security_level(), 2);
    }

    #[test]
    fn s16_old_names_alone_keep_the_tls13_suites_and_not_the_other_way_round() {
        assert!(offered(Some("AES256-SHA")).contains(&"TLS_AES_128_GCM_SHA256"));
        assert!(!Ciphers::parse("AES256-SHA").unwrap().only_tls13());
        assert!(Ciphers::parse("TLS_AES_128_GCM_SHA256")
            .unwrap()
            .only_tls13());
        assert!(!Ciphers::default().only_tls13());
    }

    #[test]
    fn s16_lists_of_the_wild_are_taken() {
        for list in [
            "AES128-GCM-SHA256:RC4:HIGH:!MD5:!aNULL:!EDH",
            "ECDHE+AESGCM:-kRSA:+SHA1:@STRENGTH",
            "kEECDH+aRSA+AES128:!EXP:!LOW",
            "HIGH:!aNULL:!EXPORT:!DES:!RC4:!PSK:!aECDH:!EDH-DSS-DES-CBC3-SHA:!EDH-RSA-DES-CBC3-SHA:\
             !KRB5-DES-CBC3-SHA:!SRP:!CAMELLIA",
            // Node 20's own default names two that never existed.
            "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:\
             ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-SHA384:ECDHE-RSA-AES256-SHA256:HIGH:!eNULL",
            "ALL:!ADH:RC4+RSA:+HIGH:+MEDIUM:+LOW:+SSLv2:+EXP:+eNULL",
        ] {
            Ciphers::parse(list).unwrap();
        }
        assert_eq!(
            offered(Some(
                "TLS_AES_128_GCM_SHA256:TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
            )),
            ["TLS_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256"]
        );
    }

    #[test]
    fn s24_the_security_level_stands_anywhere() {
        for (list, level) in [
            ("DEFAULT@SECLEVEL=0", 0),
            ("DEFAULT:@SECLEVEL=1", 1),
            ("@SECLEVEL=3:HIGH", 3),
            ("HIGH:!aNULL@SECLEVEL=0", 0),
            ("TLS_AES_128_GCM_SHA256:@SECLEVEL=1", 1),
        ] {
            assert_eq!(Ciphers::parse(list).unwrap().security_level(), level);
        }
    }

    #[test]
    fn s16_c014_what_cannot_be_used_is_refused_by_name() {
        for (bad, named) in [
            ("NO-SUCH-CIPHER", "NO-SUCH-CIPHER"),
            ("HIGH:!AES128-SAH", "!AES128-SAH"),
            ("HIGH:high", "\"high\""),
            ("TLS_NO_SUCH_SUITE", "TLS_NO_SUCH_SUITE"),
            ("ECDHE+NOSUCH", "NOSUCH"),
            ("HIGH:!TLS_AES_128_GCM_SHA256", "TLS 1.3"),
            ("HIGH:DEFAULT", "first"),
            ("!DEFAULT", "first"),
            ("HIGH:@SECLEVEL=9", "SECLEVEL"),
            ("HIGH:@SECLEVEL=", "SECLEVEL"),
            ("HIGH:@NONE", "@NONE"),
            ("@SECLEVEL=0", "DEFAULT"),
            ("!", "\"!\""),
            ("AES+", "AES+"),
            ("", "empty"),
            (" : ", "empty"),
            ("HIGH\n", "control"),
            ("HIGH\0", "control"),
            ("é", "unknown"),
            ("RC4", "none of"),
            ("!ALL", "none of"),
        ] {
            let error = Ciphers::parse(bad).unwrap_err();
            assert_eq!(error.status, Status::Ciphers);
            assert!(error.message.contains(named), "{bad}: {error}");
        }
        assert!(Ciphers::parse(&"HIGH:".repeat(20_000)).is_err());
        assert!(
            Ciphers::parse(&"x".repeat(10_240))
                .unwrap_err()
                .message
                .len()
                < 200
        );
    }
}
