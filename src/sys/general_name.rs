//! Alternative names as Node prints them: what could be mistaken for more than one name is written as
//! a JSON string (the answer to CVE-2021-44532).

use foreign_types::ForeignTypeRef;
use libc::c_int;
use openssl::asn1::{Asn1ObjectRef, Asn1StringRef};
use openssl::nid::Nid;
use openssl::x509::{GeneralNameRef, X509NameRef};

use super::{object, x509_name};

extern "C" {
    fn GENERAL_NAME_get0_otherName(
        name: *const openssl_sys::GENERAL_NAME,
        kind: *mut *mut openssl_sys::ASN1_OBJECT,
        value: *mut *mut openssl_sys::ASN1_TYPE,
    ) -> c_int;
}

/// One name of a certificate: `DNS`, `IP Address` ... and what stands behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneralName {
    pub kind: &'static str,
    /// With Node's escapes; no control character, no unquoted comma.
    pub shown: String,
    /// Without them.
    pub plain: String,
}

impl GeneralName {
    fn new(kind: &'static str, text: String) -> GeneralName {
        GeneralName {
            kind,
            plain: text.clone(),
            shown: text,
        }
    }

    /// Reads one; `None` if it holds a directory name that cannot be shown.
    pub(super) fn read(name: &GeneralNameRef) -> Option<GeneralName> {
        const UNSUPPORTED: &str = "<unsupported>";
        // SAFETY: a live name; which member of the union is there is what its type says.
        Some(unsafe {
            let (kind, value) = ((*name.as_ptr()).type_, (*name.as_ptr()).d);
            let string = || Asn1StringRef::from_ptr(value.cast()).as_slice();
            match kind {
                openssl_sys::GEN_DNS => escaped("DNS", "", string(), false),
                openssl_sys::GEN_EMAIL => escaped("email", "", string(), false),
                openssl_sys::GEN_URI => escaped("URI", "", string(), false),
                openssl_sys::GEN_DIRNAME => {
                    let line = x509_name::one_line(X509NameRef::from_ptr(value.cast()))?;
                    escaped("DirName", "", &line, true)
                }
                openssl_sys::GEN_IPADD => GeneralName::new("IP Address", address(string())),
                openssl_sys::GEN_RID => GeneralName::new(
                    "Registered ID",
                    object::numbers(Asn1ObjectRef::from_ptr(value.cast())),
                ),
                openssl_sys::GEN_OTHERNAME => other_name(name)
                    .unwrap_or_else(|| GeneralName::new("othername", UNSUPPORTED.into())),
                openssl_sys::GEN_X400 => GeneralName::new("X400Name", UNSUPPORTED.into()),
                _ => GeneralName::new("EdiPartyName", UNSUPPORTED.into()),
            }
        })
    }
}

/// The kinds of other names that OpenSSL knows the meaning of.
fn other_name(name: &GeneralNameRef) -> Option<GeneralName> {
    // What openssl-sys has no names for.
    const SMTP_UTF8_MAILBOX: c_int = 1208;
    const XMPP_ADDR: c_int = 1209;
    const SRV_NAME: c_int = 1210;
    const NAI_REALM: c_int = 1211;
    let (mut kind, mut value) = (std::ptr::null_mut(), std::ptr::null_mut());
    // SAFETY: a live name; both results are borrowed from it, and the member of the union that is
    // read is the one that the type names.
    unsafe {
        let found = GENERAL_NAME_get0_otherName(name.as_ptr(), &mut kind, &mut value);
        if found != 1 || kind.is_null() || value.is_null() {
            return None;
        }
        let (prefix, utf8) = match Asn1ObjectRef::from_ptr(kind).nid().as_raw() {
            SMTP_UTF8_MAILBOX => ("SmtpUTF8Mailbox:", true),
            XMPP_ADDR => ("XmppAddr:", true),
            SRV_NAME => ("SRVName:", false),
            raw if raw == Nid::MS_UPN.as_raw() => ("UPN:", true),
            NAI_REALM => ("NAIRealm:", true),
            _ => return None,
        };
        let wanted = if utf8 {
            openssl_sys::V_ASN1_UTF8STRING
        } else {
            openssl_sys::V_ASN1_IA5STRING
        };
        if (*value).type_ != wanted {
            return None;
        }
        let text = Asn1StringRef::from_ptr((*value).value.asn1_string).as_slice();
        Some(escaped("othername", prefix, text, utf8))
    }
}

fn address(bytes: &[u8]) -> String {
    if let [a, b, c, d] = bytes {
        return format!("{a}.{b}.{c}.{d}");
    }
    if bytes.len() != 16 {
        return format!("<invalid length={}>", bytes.len());
    }
    let groups: Vec<String> = bytes
        .chunks(2)
        .map(|pair| format!("{:X}", u16::from(pair[0]) << 8 | u16::from(pair[1])))
        .collect();
    groups.join(":")
}

/// Text as it is where it cannot be misread, else in quotes with JSON's escapes. Bytes are Latin-1, or
/// UTF-8 if that is said.
fn escaped(kind: &'static str, prefix: &str, text: &[u8], utf8: bool) -> GeneralName {
    let plain = if utf8 {
        String::from_utf8_lossy(text).into_owned()
    } else {
        text.iter().map(|byte| char::from(*byte)).collect()
    };
    let plain = format!("{prefix}{plain}");
    let passes = |byte: u8| matches!(byte, b' '..=b'~') || (utf8 && byte >= 0x80);
    let is_safe = |byte: &u8| passes(*byte) && !matches!(byte, b'"' | b'\\' | b',' | b'\'');
    if text.iter().all(is_safe) {
        return GeneralName {
            kind,
            shown: plain.clone(),
            plain,
        };
    }
    let mut quoted = Vec::from(format!("\"{prefix}"));
    for byte in text.iter().copied() {
        match byte {
            b'\\' | b'"' => quoted.extend([b'\\', byte]),
            // Not left alone inside the quotes either: programs split at commas.
            b',' => quoted.extend(b"\\u002c"),
            byte if passes(byte) => quoted.push(byte),
            byte => quoted.extend(format!("\\u00{byte:02x}").bytes()),
        }
    }
    quoted.push(b'"');
    GeneralName {
        kind,
        shown: String::from_utf8_lossy(&quoted).into_owned(),
        plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c079_a_name_cannot_pretend_to_be_two() {
        let shown = |text: &[u8], utf8| escaped("DNS", "", text, utf8).shown;
        assert_eq!(shown(b"good.example", false), "good.example");
        assert_eq!(shown(b"a, DNS:victim", false), "\"a\\u002c DNS:victim\"");
        assert_eq!(shown(b"a\"\\'b", false), "\"a\\\"\\\\'b\"");
        assert_eq!(shown(b"a\0b\n", false), "\"a\\u0000b\\u000a\"");
        assert_eq!(shown(b"\xe9", false), "\"\\u00e9\"");
        assert_eq!(shown("é".as_bytes(), true), "é");
        assert_eq!(shown("é\x7f".as_bytes(), true), "\"é\\u007f\"");
        assert_eq!(
            escaped("othername", "UPN:", b"a,b", true).shown,
            "\"UPN:a\\u002cb\""
        );
    }

    #[test]
    fn s65_addresses_in_nodes_format() {
        assert_eq!(address(&[127, 0, 0, 1]), "127.0.0.1");
        let mut loopback = [0; 16];
        loopback[15] = 1;
        assert_eq!(address(&loopback), "0:0:0:0:0:0:0:1");
        assert_eq!(address(&[1, 2, 3]), "<invalid length=3>");
    }
}
