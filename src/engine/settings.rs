//! What one connection is told before it starts.

use std::sync::Arc;

use openssl::ssl::SslSession;

use super::identity::bare_address;
use super::renegotiation::Limit;
use super::resumption::Keeping;
use super::server_name::NameTable;
use crate::context::{Place, ProtocolList};
use crate::error::{Error, Result};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

/// Which name the peer's certificate must have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum VerifyName {
    /// The server name that is set.
    #[default]
    FromServername,
    /// None, on purpose: the chain alone counts.
    ChainOnly,
    Name(String),
}

/// Settings of one connection; fields that do not fit the role are not looked at.
#[derive(Clone)]
pub struct Settings {
    pub role: Role,
    /// Client: the name to ask for (SNI) and, by default, to verify. May be an IP address, which is
    /// verified but never sent (RFC 6066, 3).
    pub servername: Option<String>,
    /// Client.
    pub verify_name: VerifyName,
    /// Server: ask for a client certificate.
    pub request_cert: bool,
    /// Refuse a peer whose certificate is not accepted.
    pub reject_unauthorized: bool,
    /// Client: a session to resume.
    pub session: Option<SslSession>,
    /// Client: where the server is, for the context's cache of sessions; `None`: it is not asked.
    pub place: Option<Place>,
    /// Server: contexts by the name that the client asks for.
    pub names: Option<Arc<NameTable>>,
    /// Server: the user chooses the context for each name.
    pub ask_server_name: bool,
    /// The user decides whether a certificate whose chain is good is the right one.
    pub ask_identity: bool,
    pub alpn: Option<Arc<ProtocolList>>,
    pub npn: Option<Arc<ProtocolList>>,
    /// Server.
    pub keeping: Keeping,
    /// How often the peer may renegotiate.
    pub renegotiation: Limit,
}

impl Settings {
    pub fn client() -> Settings {
        Settings {
            role: Role::Client,
            servername: None,
            verify_name: VerifyName::FromServername,
            request_cert: false,
            reject_unauthorized: true,
            session: None,
            place: None,
            names: None,
            ask_server_name: false,
            ask_identity: false,
            alpn: None,
            npn: None,
            keeping: Keeping::default(),
            renegotiation: Limit::default(),
        }
    }

    pub fn server(request_cert: bool, reject_unauthorized: bool) -> Settings {
        Settings {
            role: Role::Server,
            request_cert,
            reject_unauthorized,
            ..Settings::client()
        }
    }

    /// The name to verify; `Ok(None)` is "chain only". A client that verifies and was told nothing
    /// is an error.
    pub fn name_to_verify(&self) -> Result<Option<&str>> {
        match &self.verify_name {
            VerifyName::Name(name) => Ok(Some(name)),
            VerifyName::ChainOnly => Ok(None),
            VerifyName::FromServername => match &self.servername {
                Some(name) => Ok(Some(name)),
                None if self.role == Role::Client && self.reject_unauthorized => Err(Error::state(
                    "a client that verifies needs a name: set the server name, or the verify name \
                     (NULL there means: check the chain only)",
                )),
                None => Ok(None),
            },
        }
    }
}

/// Checks a host name or IP address that is to be asked for or verified.
///
/// Refused are: the empty text, more than 253 bytes (RFC 1035; a trailing dot not counted), control
/// characters, blanks, and non-ASCII letters, which must come in their `xn--` form (RFC 5890).
pub fn check_host(name: &str) -> Result<()> {
    let bare = name.strip_suffix('.').unwrap_or(name);
    let wrong = if bare.is_empty() {
        "it is empty"
    } else if bare.len() > 253 {
        "it has more than 253 bytes"
    } else if !bare.is_ascii() {
        "it has non-ASCII letters; give an internationalised name in its xn-- form"
    } else if bare.bytes().any(|b| b <= b' ' || b == 0x7f) {
        "it has blanks or control characters"
    } else if bare
        .split('.')
        .any(|label| label.is_empty() || label.len() > 63)
    {
        "it has an empty label, or one of more than 63 bytes"
    } else {
        return Ok(());
    };
    Err(Error::argument(format!(
        "this host name cannot be used: {wrong}"
    )))
}

/// The text to send as SNI: none for an address, no trailing dot.
pub fn sni(name: &str) -> Option<&str> {
    if bare_address(name).is_some() {
        return None;
    }
    Some(name.strip_suffix('.').unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s35_no_sni_for_addresses_and_no_trailing_dot() {
        assert_eq!(sni("127.0.0.1"), None);
        assert_eq!(sni("[::1]"), None);
        assert_eq!(sni("example.org."), Some("example.org"));
    }

    #[test]
    fn s35_unusable_host_names_are_refused() {
        let long = "a.".repeat(127) + "aa";
        for bad in [
            "",
            ".",
            "a b",
            "b\u{fc}cher.example",
            "a\nb",
            ".a",
            "a..b",
            "a..",
            &long,
        ] {
            assert!(check_host(bad).is_err(), "{bad:?}");
        }
        for good in ["localhost", "example.org.", "::1", "_srv.example.org"] {
            assert!(check_host(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn s40_a_verifying_client_needs_a_name() {
        let mut settings = Settings::client();
        assert!(settings.name_to_verify().is_err());
        settings.verify_name = VerifyName::ChainOnly;
        assert_eq!(settings.name_to_verify(), Ok(None));
        settings.verify_name = VerifyName::FromServername;
        settings.servername = Some("a".into());
        assert_eq!(settings.name_to_verify(), Ok(Some("a")));
    }
}
