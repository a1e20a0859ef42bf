//! What is known about a connection once its handshake is over: gathered once, when first asked
//! for, and only read from then on.

use std::ffi::{CStr, CString};

use openssl::ssl::{NameType, SslRef, SslVersion};

use super::handshake::Handshake;

/// Texts are C strings because C is where they go; none contains a NUL.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub secure: bool,
    /// The peer's certificate was asked for, given, and accepted.
    pub authorized: bool,
    /// Why not, by Node's name.
    pub authorization_error: Option<CString>,
    /// OpenSSL's name, `TLS_AES_128_GCM_SHA256` or `ECDHE-RSA-AES128-GCM-SHA256`.
    pub cipher_name: Option<CString>,
    /// IANA's name.
    pub cipher_standard_name: Option<CString>,
    /// Server: the name that the client asked for. Client: the name that we asked for.
    pub servername: Option<CString>,
    pub alpn_protocol: Option<CString>,
    pub npn_protocol: Option<CString>,
    pub session_reused: bool,
}

impl Facts {
    pub(super) fn gather(
        ssl: &SslRef,
        handshake: &Handshake,
        authorization: Result<(), Option<&str>>,
    ) -> Facts {
        let cipher = ssl.current_cipher();
        let servername = match handshake.servername() {
            Some(asked_for) => text(asked_for),
            None => ssl.servername(NameType::HOST_NAME).and_then(text),
        };
        Facts {
            secure: true,
            authorized: authorization.is_ok(),
            authorization_error: authorization.err().flatten().and_then(text),
            cipher_name: cipher.and_then(|cipher| text(cipher.name())),
            cipher_standard_name: cipher.and_then(|cipher| text(cipher.standard_name()?)),
            servername,
            alpn_protocol: ssl.selected_alpn_protocol().and_then(text),
            npn_protocol: handshake.npn_protocol(ssl).and_then(text),
            session_reused: ssl.session_reused(),
        }
    }
}

/// `TLSv1.3`
pub(super) fn protocol(ssl: &SslRef) -> Option<&'static CStr> {
    match ssl.version2()? {
        SslVersion::TLS1_3 => Some(c"TLSv1.3"),
        SslVersion::TLS1_2 => Some(c"TLSv1.2"),
        SslVersion::TLS1_1 => Some(c"TLSv1.1"),
        SslVersion::TLS1 => Some(c"TLSv1"),
        _ => None,
    }
}

fn text(text: impl Into<Vec<u8>>) -> Option<CString> {
    CString::new(text).ok()
}
