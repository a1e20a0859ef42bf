//! From OpenSSL's error queue to an error that a program can act on and a person can read.

use crate::error::{Error, OpensslEntry, Status};
use crate::sys::{error_queue, verify_code};

// Reasons of libssl (ERR_raise in ssl/): sslerr.h.
const HTTPS_PROXY_REQUEST: i32 = 155;
const HTTP_REQUEST: i32 = 156;
const NO_SHARED_CIPHER: i32 = 193;
const PEER_DID_NOT_RETURN_A_CERTIFICATE: i32 = 199;
const UNSUPPORTED_PROTOCOL: i32 = 258;
const WRONG_VERSION_NUMBER: i32 = 267;
/// From OpenSSL 3.2 on, above the reason: "in the record layer".
const RECORD_LAYER_FAILURE: i32 = 313;
/// Received alerts are 1000 and their number.
const ALERT_OFFSET: i32 = 1000;

/// The first bytes that the peer sent, kept to tell what it speaks if that is not TLS.
#[derive(Clone, Copy, Default)]
pub struct FirstBytes {
    bytes: [u8; 8],
    length: u8,
}

impl FirstBytes {
    pub fn note(&mut self, input: &[u8]) {
        let have = usize::from(self.length);
        let count = input.len().min(self.bytes.len() - have);
        self.bytes[have..have + count].copy_from_slice(&input[..count]);
        self.length += count as u8;
    }

    /// What the peer seems to speak; nothing if it could be TLS.
    fn spoken(&self) -> Option<&'static str> {
        let bytes = &self.bytes[..usize::from(self.length)];
        let begins = |text: &[u8]| bytes.starts_with(text);
        const HTTP_METHODS: [&[u8]; 7] = [
            b"GET ",
            b"POST ",
            b"HEAD ",
            b"PUT ",
            b"DELETE ",
            b"OPTIONS ",
            b"PATCH ",
        ];
        if HTTP_METHODS.iter().any(|method| begins(method)) || begins(b"HTTP/") {
            Some("plain HTTP")
        } else if begins(b"CONNECT ") {
            Some("plain HTTP, to a proxy")
        } else if begins(b"SSH-") {
            Some("SSH")
        } else if begins(b"220") || begins(b"EHLO ") || begins(b"HELO ") {
            Some("plain SMTP or FTP")
        } else if begins(b"+OK") || begins(b"* OK") {
            Some("plain POP3 or IMAP")
        } else {
            None
        }
    }
}

/// The error of a connection on which a call into OpenSSL failed with these entries. `verify` is the
/// judgement of the peer's certificate if that is what the handshake was refused for.
pub fn of_connection(
    entries: Vec<OpensslEntry>,
    first: &FirstBytes,
    verify: Option<Box<Error>>,
) -> Box<Error> {
    let number_of = |entry: &OpensslEntry| error_queue::reason_number(entry.code);
    let last = match entries.as_slice() {
        [.., reason, last] if number_of(last) == RECORD_LAYER_FAILURE => Some(reason),
        entries => entries.last(),
    };
    let number = last.map_or(0, number_of);
    let mut error = match (verify, last) {
        (Some(error), _) => error,
        (None, None) => Error::new(
            Status::Tls,
            "ERR_SSL",
            "the TLS connection failed, and OpenSSL does not say why",
        ),
        (None, Some(_)) if number == PEER_DID_NOT_RETURN_A_CERTIFICATE => {
            let mut error = missing_certificate();
            error
                .message
                .push_str(": peer did not return a certificate");
            error
        }
        (None, Some(entry)) => Error::new(
            Status::Tls,
            error_queue::node_name(entry.code).unwrap_or_else(|| "ERR_SSL".into()),
            explain(
                number,
                error_queue::reason(entry.code).as_deref().unwrap_or(""),
                first,
            ),
        ),
    };
    error.openssl = entries;
    error
}

/// A client that was asked for a certificate and has none, by Node's name for it.
pub fn missing_certificate() -> Box<Error> {
    let code = verify_code::UNABLE_TO_GET_ISSUER_CERT;
    let mut error = Error::new(
        Status::Verify,
        verify_code::name(code),
        "the peer gave no certificate",
    );
    error.verify = Some(crate::error::VerifyFailure {
        result: code,
        depth: 0,
        subject: String::new(),
    });
    error
}

/// A peer that sends handshake messages and nothing else.
pub fn flood(limit: u32) -> Box<Error> {
    Error::new(
        Status::Tls,
        "ERR_TLS_TOO_MANY_MESSAGES",
        format!(
            "the peer sent more than {limit} handshake messages in a row (key updates, session tickets, \
             requests to renegotiate) and no data among them"
        ),
    )
}

fn explain(number: i32, reason: &str, first: &FirstBytes) -> String {
    if let Some(spoken) = first.spoken() {
        return format!("{reason}: the peer speaks {spoken}, not TLS");
    }
    let hint = match number {
        HTTP_REQUEST | HTTPS_PROXY_REQUEST => "the peer speaks plain HTTP, not TLS",
        WRONG_VERSION_NUMBER => "what the peer sends is not TLS, or not a version in use here",
        NO_SHARED_CIPHER => "no cipher suite is allowed on both sides",
        UNSUPPORTED_PROTOCOL => "no protocol version is allowed on both sides",
        n if (ALERT_OFFSET..ALERT_OFFSET + 256).contains(&n) => alert_hint(n - ALERT_OFFSET),
        _ => return reason.to_owned(),
    };
    format!("{reason}: {hint}")
}

/// What an alert of the peer (RFC 8446, 6.2) asks for.
fn alert_hint(number: i32) -> &'static str {
    match number {
        40 => {
            "the peer found no parameters in common, or wants a client certificate, or refused for \
             a reason that it does not tell"
        }
        42 => "the peer cannot use our certificate: its log says why",
        43 => {
            "our certificate is not made for this: a server needs one for server authentication, a \
             client one for client authentication"
        }
        44 => "our certificate is revoked, or the peer's list of revocations says so",
        45 => "our certificate has expired, or is for later: renew it, and look at both clocks",
        46 => "the peer does not accept our certificate: its log says why",
        48 => {
            "the peer does not trust the CA of our certificate, or misses a certificate or a \
             revocation list on the way to it: give the whole chain with tls_context_set_cert"
        }
        51 => {
            "the peer could not check a signature of ours: does its CA belong to our certificate?"
        }
        70 => "the peer allows none of our protocol versions",
        112 => "the peer does not serve this name",
        116 => {
            "the peer asks for a client certificate, and none was given: set one with \
             tls_context_set_identity"
        }
        _ => "the peer ended the connection",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_are_kept_over_pieces() {
        let mut first = FirstBytes::default();
        for byte in b"GET / HTTP/1.1" {
            first.note(&[*byte]);
        }
        assert_eq!(first.spoken(), Some("plain HTTP"));
        let mut tls = FirstBytes::default();
        tls.note(&[0x16, 3, 1, 2, 0, 1]);
        assert_eq!(tls.spoken(), None);
    }
}
