//! PEM texts (RFC 7468) as people have them: bundles, several kinds of blocks in one file, comments
//! and junk between, any line ends. What is outside the blocks is skipped; a block that is wanted and
//! cannot be decoded is an error, never skipped.

use openssl::pkey::{PKey, Private};
use openssl::x509::{X509Crl, X509};

use crate::error::{Error, OpensslEntry, Result, Status};
use crate::sys::dh::Parameters;
use crate::sys::legacy::{self, Legacy};
use crate::sys::pkcs12::Pkcs12;
use crate::sys::{error_queue, pem};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const NO_START_LINE: &str = "ERR_OSSL_PEM_NO_START_LINE";

/// One block, from its first to its last dash.
#[derive(Debug, PartialEq, Eq)]
struct Block<'a> {
    label: &'a [u8],
    text: &'a [u8],
    /// Where it begins, counted from 1.
    line: usize,
}

impl Block<'_> {
    fn is_certificate(&self) -> bool {
        matches!(
            self.label,
            b"CERTIFICATE" | b"X509 CERTIFICATE" | b"TRUSTED CERTIFICATE"
        )
    }

    fn is_crl(&self) -> bool {
        self.label == b"X509 CRL"
    }

    fn is_private_key(&self) -> bool {
        self.label.ends_with(b"PRIVATE KEY")
    }
}

/// The blocks of a text, in order; an `Err` says what is wrong with the next one, and is the last.
struct Blocks<'a> {
    text: &'a [u8],
    position: usize,
    line: usize,
}

impl<'a> Blocks<'a> {
    fn new(text: &'a [u8]) -> Blocks<'a> {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        Blocks {
            text: text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text),
            position: 0,
            line: 0,
        }
    }

    /// The next line without blanks and NULs around it (texts from C may have their terminator
    /// in the middle of a bundle), and where it starts.
    fn next_line(&mut self) -> Option<(usize, &'a [u8])> {
        let rest = self
            .text
            .get(self.position..)
            .filter(|rest| !rest.is_empty())?;
        let length = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(rest.len());
        let line = &rest[..length];
        let visible = |byte: &u8| *byte > b' ';
        let first = line.iter().position(visible).unwrap_or(length);
        let last = line
            .iter()
            .rposition(visible)
            .map_or(first, |last| last + 1);
        let start = self.position + first;
        self.position += length + 1;
        self.line += 1;
        Some((start, &line[first..last]))
    }

    fn next_block(&mut self) -> Option<std::result::Result<Block<'a>, String>> {
        let (start, begin) = loop {
            let (start, line) = self.next_line()?;
            if let Some(rest) = line.strip_prefix(BEGIN) {
                break (start, rest);
            }
        };
        let first = self.line;
        // A file whose line breaks were lost on the way has all of itself in this line.
        let label = begin
            .strip_suffix(DASHES)
            .filter(|label| !label.contains(&b'-'));
        let Some(label) = label else {
            return Some(Err(format!(
                "the PEM block in line {first} must have a line of its own for BEGIN"
            )));
        };
        let end = [END, label, DASHES].concat();
        while let Some((position, line)) = self.next_line() {
            if line.starts_with(BEGIN) {
                break;
            }
            if line.starts_with(&end) {
                // The next block may follow in the same line, where files without a last line break
                // were joined.
                self.position = position + end.len();
                self.line -= 1;
                let text = &self.text[start..self.position];
                return Some(Ok(Block {
                    label,
                    text,
                    line: first,
                }));
            }
        }
        Some(Err(format!(
            "the PEM block that begins in line {first} has no end: is the text cut short?"
        )))
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = std::result::Result<Block<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        let block = self.next_block();
        if let Some(Err(_)) = block {
            self.position = self.text.len();
        }
        block
    }
}

/// Is there a block of any kind, be it damaged?
pub fn has_block(text: &[u8]) -> bool {
    Blocks::new(text).next().is_some()
}

/// All certificates of a text, in order.
///
/// # Errors
/// `Certificate`: there is none, or one cannot be decoded.
pub fn certificates(text: &[u8]) -> Result<Vec<X509>> {
    let found = decoded(text, |block| block.is_certificate(), pem::certificate)?;
    if found.is_empty() {
        return Err(nothing(text, Status::Certificate, "certificate", "x509"));
    }
    Ok(found)
}

/// All certificate revocation lists of a text, in order.
///
/// # Errors
/// `Certificate`: there is none, or one cannot be decoded.
pub fn crls(text: &[u8]) -> Result<Vec<X509Crl>> {
    let found = decoded(text, |block| block.is_crl(), pem::crl)?;
    if found.is_empty() {
        return Err(nothing(
            text,
            Status::Certificate,
            "certificate revocation list",
            "crl",
        ));
    }
    Ok(found)
}

/// What `decode` makes of the wanted blocks, or what is wrong with one.
fn decoded<T>(
    text: &[u8],
    is_wanted: fn(&Block<'_>) -> bool,
    decode: fn(&[u8]) -> Option<T>,
) -> Result<Vec<T>> {
    let mut found = Vec::new();
    for block in Blocks::new(text) {
        let block = block.map_err(|message| unreadable(Status::Certificate, message))?;
        if is_wanted(&block) {
            found.push(decode(block.text).ok_or_else(|| undecodable(&block))?);
        }
    }
    Ok(found)
}

/// The certificates of a text that can be decoded, however many that are.
pub fn certificates_that_decode(text: &[u8]) -> Vec<X509> {
    let blocks = Blocks::new(text).filter_map(std::result::Result::ok);
    let found = blocks
        .filter(Block::is_certificate)
        .filter_map(|block| pem::certificate(block.text))
        .collect();
    error_queue::begin();
    found
}

/// The first parameters for Diffie-Hellman of a text.
///
/// # Errors
/// `InvalidArgument`: there are none, or they cannot be used.
pub fn dh_parameters(text: &[u8]) -> Result<Parameters> {
    let status = Status::InvalidArgument;
    for block in Blocks::new(text) {
        let block = block.map_err(|message| unreadable(status, message))?;
        if block.label.ends_with(b"DH PARAMETERS") {
            let what = format!(
                "the DH parameters that begin in line {} cannot be used",
                block.line
            );
            return Parameters::from_pem(block.text)
                .ok_or_else(|| error_queue::take_error(status, &what));
        }
    }
    Err(nothing(text, status, "DH parameter", "dhparam"))
}

/// The first private key of a text.
///
/// # Errors
/// `Passphrase`: missing, wrong or too long. `Key`: there is no key, or it cannot be decoded.
pub fn private_key(text: &[u8], passphrase: Option<&[u8]>) -> Result<PKey<Private>> {
    for block in Blocks::new(text) {
        let block = block.map_err(|message| unreadable(Status::Key, message))?;
        if block.is_private_key() {
            return decode_key(&block, passphrase);
        }
    }
    Err(nothing(text, Status::Key, "private key", "pkey"))
}

fn decode_key(block: &Block, passphrase: Option<&[u8]>) -> Result<PKey<Private>> {
    if block.label == b"OPENSSH PRIVATE KEY" {
        return Err(unreadable(
            Status::Key,
            "the key is in OpenSSH's own format: convert it with ssh-keygen -p -m PEM -f FILE",
        ));
    }
    let read = pem::private_key(block.text, passphrase);
    if let Some(key) = read.key {
        return Ok(key);
    }
    if !read.passphrase_asked {
        return Err(undecodable(block));
    }
    let mut entries = error_queue::drain();
    let is_unsupported =
        |entries: &[OpensslEntry]| error_queue::contains(entries, error_queue::EVP_UNSUPPORTED);
    if passphrase.is_some() && is_unsupported(&entries) {
        if let Some(legacy) = Legacy::load() {
            let encoded = legacy.run(|| {
                let key = pem::private_key(block.text, passphrase).key?;
                legacy::encode(&key)
            });
            if let Some(key) = encoded.as_ref().and_then(legacy::decode) {
                return Ok(key);
            }
            entries = error_queue::drain();
        }
    }
    let (status, name, message) = match passphrase {
        None => (
            Status::Passphrase,
            "ERR_MISSING_PASSPHRASE",
            "the private key is encrypted: give its passphrase",
        ),
        Some(given) if given.len() > pem::MAX_PASSPHRASE => (
            Status::Passphrase,
            "ERR_OSSL_PEM_BAD_PASSWORD_READ",
            "the passphrase is too long: OpenSSL takes 1,024 bytes at most",
        ),
        Some(_) if is_unsupported(&entries) => (
            Status::NotSupported,
            "ERR_OSSL_EVP_UNSUPPORTED",
            "the private key is encrypted in an old way, and the OpenSSL at hand has no legacy \
             provider for that (see OPENSSL_MODULES): install it, or encrypt the key anew, with \
             openssl pkey -aes256",
        ),
        Some(_) => (
            Status::Passphrase,
            "ERR_OSSL_BAD_DECRYPT",
            "the private key cannot be decrypted: the passphrase is wrong",
        ),
    };
    let mut error = Error::new(status, name, message);
    error.openssl = entries;
    Err(error)
}

fn unreadable(status: Status, message: impl Into<String>) -> Box<Error> {
    Error::new(status, "ERR_OSSL_PEM_BAD_BLOCK", message)
}

/// For a block that OpenSSL has just refused.
fn undecodable(block: &Block) -> Box<Error> {
    let (status, what) = if block.is_certificate() {
        (Status::Certificate, "certificate")
    } else if block.is_crl() {
        (Status::Certificate, "certificate revocation list")
    } else {
        (Status::Key, "private key")
    };
    let what = format!(
        "the {what} that begins in line {} cannot be decoded",
        block.line
    );
    error_queue::take_error(status, &what)
}

/// For a text that has no block of the wanted kind.
fn nothing(text: &[u8], status: Status, what: &str, tool: &str) -> Box<Error> {
    let others: Vec<String> = Blocks::new(text)
        .filter_map(std::result::Result::ok)
        .map(|block| {
            String::from_utf8_lossy(block.label)
                .escape_default()
                .to_string()
        })
        .take(4)
        .collect();
    let message = if Pkcs12::decode(text).is_some() {
        "this is PKCS#12, and PEM is wanted: give it to tls_context_set_pfx".to_owned()
    } else if looks_like_der(text) {
        format!("this is DER, and PEM is wanted: convert it with openssl {tool} -inform DER")
    } else if others.is_empty() {
        format!("there is no {what} in the text: it has no PEM block (-----BEGIN ...)")
    } else {
        format!("there is no {what} in the text, only {}", others.join(", "))
    };
    Error::new(status, NO_START_LINE, message)
}

/// A SEQUENCE, long or of the text's very length.
fn looks_like_der(text: &[u8]) -> bool {
    match text {
        [0x30, 0x80..=0x84, ..] => true,
        [0x30, length, content @ ..] => usize::from(*length) == content.len(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &[u8]) -> Vec<std::result::Result<String, String>> {
        Blocks::new(text)
            .map(|block| block.map(|block| String::from_utf8_lossy(block.label).into_owned()))
            .collect()
    }

    #[test]
    fn s14_what_is_between_the_blocks_is_skipped() {
        let text =
            b"\xef\xbb\xbf-----BEGIN A-----\r\nxx\r\n-----END A----- \r\njunk -----BEGIN Q\n\
                     -----END Q-----\n  -----BEGIN B C-----\n-----END B C-----";
        assert_eq!(labels(text), [Ok("A".to_owned()), Ok("B C".to_owned())]);
        let lines: Vec<usize> = Blocks::new(text).map(|block| block.unwrap().line).collect();
        assert_eq!(lines, [1, 6]);
        assert!(labels(b"").is_empty());
    }

    #[test]
    fn c008_blocks_that_were_joined_without_a_line_break() {
        let one = "-----BEGIN A-----\nxx\n-----END A-----";
        for text in [
            one.repeat(3),
            format!("{one}\0").repeat(3),
            format!("{one}#").repeat(1),
        ] {
            let found: Vec<Block> = Blocks::new(text.as_bytes())
                .map(|block| block.unwrap())
                .collect();
            assert!(found.iter().all(|block| block.text == one.as_bytes()));
            let lines: Vec<usize> = found.iter().map(|block| block.line).collect();
            assert_eq!(lines, [1, 3, 5][..found.len()]);
        }
    }

    #[test]
    fn c008_a_block_must_be_whole() {
        for bad in [
            &b"-----BEGIN A-----\nxx\n"[..],
            b"-----BEGIN A-----\nxx\n-----END B-----\n",
            b"-----BEGIN A-----\n-----BEGIN A-----\n-----END A-----\n",
            b"-----BEGIN A-----",
        ] {
            let found = labels(bad);
            assert_eq!(found.len(), 1);
            assert!(found[0].as_ref().unwrap_err().contains("has no end"));
        }
    }

    #[test]
    fn c008_lost_line_breaks_are_told() {
        for lost in [
            "-----BEGIN A----- xx -----END A-----",
            "-----BEGIN A-----\\nxx\\n-----END A-----\\n",
        ] {
            let found = labels(lost.as_bytes());
            assert!(found[0].as_ref().unwrap_err().contains("a line of its own"));
        }
    }

    #[test]
    fn c012_what_else_is_there_is_told() {
        let text = b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n";
        assert!(certificates(text)
            .unwrap_err()
            .message
            .contains("only PUBLIC KEY"));
        for der in [&[0x30, 0x82, 1, 0][..], &[0x30, 2, 5, 0]] {
            let error = certificates(der).unwrap_err();
            assert!(error.message.contains("DER"), "{error}");
        }
        let no_der = certificates(b"0123").unwrap_err();
        assert!(!no_der.message.contains("DER"), "{no_der}");
        let ssh = b"-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----\n";
        assert!(private_key(ssh, None)
            .unwrap_err()
            .message
            .contains("ssh-keygen"));
    }

    #[test]
    fn s12_keys_encrypted_with_ciphers_of_the_past() {
        use openssl::symm::Cipher;
        let rsa = openssl::rsa::Rsa::generate(2048).unwrap();
        let traditional = Legacy::load()
            .unwrap()
            .run(|| rsa.private_key_to_pem_passphrase(Cipher::des_cbc(), b"x"));
        let pem = traditional.unwrap();
        assert!(private_key(&pem, Some(b"x")).is_ok());
        let error = private_key(&pem, Some(b"y")).unwrap_err();
        assert_eq!(error.status, Status::Passphrase, "{error}");
        assert_eq!(
            private_key(&pem, None).unwrap_err().name,
            "ERR_MISSING_PASSPHRASE"
        );
    }

    #[test]
    fn s12_a_cipher_that_nobody_has_is_no_wrong_passphrase() {
        let key = b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\
                    DEK-Info: NO-SUCH-CIPHER,80CDABD560E35EC3\n\nAAAAAAAAAAA=\n\
                    -----END RSA PRIVATE KEY-----\n";
        let error = private_key(key, Some(b"x")).unwrap_err();
        assert_eq!(error.status, Status::Key, "{error}");
    }
}
