//! Names of certificates as text, in Node's formats.

use foreign_types::ForeignTypeRef;
use libc::{c_int, c_ulong};
use openssl::nid::Nid;
use openssl::x509::X509NameRef;

use super::object;
use super::printed::printed;

/// ASN1_STRFLGS_* and XN_FLAG_*: one relative name a line, the attributes of a multi-valued one joined
/// by ` + `, short names, RFC 2253's escapes, control characters as `\` and hexadecimal.
const LINES: c_ulong = 0x1 | 0x2 | 0x10 | (4 << 16);
/// RFC 2253 but for its escapes of control characters and of what is not ASCII.
const ONE_LINE: c_ulong = 0x1 | 0x10 | 0x100 | 0x200 | (1 << 16) | (1 << 20) | (1 << 24);

extern "C" {
    fn X509_NAME_print_ex(
        out: *mut openssl_sys::BIO,
        name: *const openssl_sys::X509_NAME,
        indent: c_int,
        flags: c_ulong,
    ) -> c_int;
}

/// One relative name a line (`CN=localhost`). What has a meaning in RFC 2253 and what controls a
/// terminal is escaped: so the text holds no NUL, and a value cannot pretend to be more than one. A
/// value that is no text is shown as if its bytes were Latin-1.
pub fn text(name: &X509NameRef) -> String {
    lossy(print(name, LINES).unwrap_or_default())
}

/// In one line, most specific first, as Node shows it inside an alternative name; control characters
/// come through.
pub(super) fn one_line(name: &X509NameRef) -> Option<Vec<u8>> {
    print(name, ONE_LINE)
}

/// The attributes in order: the type's short name, or its numbers if it has none, and the value as it
/// is, with nothing escaped; `None` if that is no text.
pub fn attributes(name: &X509NameRef) -> Vec<(String, Option<String>)> {
    let attributes = name.entries().map(|entry| {
        let kind = match entry.object().nid() {
            Nid::UNDEF => object::numbers(entry.object()),
            nid => nid.short_name().unwrap_or("?").to_owned(),
        };
        (kind, entry.data().to_string().ok())
    });
    attributes.collect()
}

fn print(name: &X509NameRef, flags: c_ulong) -> Option<Vec<u8>> {
    // SAFETY: a live BIO and a live name.
    let (result, bytes) =
        printed(|bio| unsafe { X509_NAME_print_ex(bio, name.as_ptr(), 0, flags) })?;
    (result >= 0).then_some(bytes)
}

fn lossy(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::asn1::Asn1Type;
    use openssl::x509::{X509Name, X509NameBuilder};

    fn common_name(kind: Asn1Type, value: &str) -> X509Name {
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_nid_with_type(Nid::COMMONNAME, value, kind)
            .unwrap();
        name.build()
    }

    fn shown(value: &str) -> String {
        text(&common_name(Asn1Type::UTF8STRING, value))
    }

    #[test]
    fn c079_a_value_cannot_pretend_to_be_two() {
        assert_eq!(shown("a\nCN=b"), "CN=a\\0ACN=b");
        assert_eq!(shown("a + O=b, c"), "CN=a \\+ O=b\\, c");
        assert_eq!(shown(" #a\\0A "), "CN=\\ #a\\\\0A\\ ");
        assert_eq!(shown("#a"), "CN=\\#a");
    }

    #[test]
    fn c090_control_characters_never_come_through() {
        assert_eq!(shown("a\0b\u{7f}"), "CN=a\\00b\\7F");
        assert_eq!(shown("Zoë ÷ 漢字"), "CN=Zoë ÷ 漢字");
    }

    #[test]
    fn c090_values_that_are_no_text() {
        // CN, a BIT STRING. (Text that is not what its type says makes no name at all.)
        let der = b"\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x03\x02\x00\xe9";
        let name = X509Name::from_der(der).unwrap();
        assert_eq!(text(&name), "CN=é");
        assert_eq!(attributes(&name), [("CN".to_owned(), None)]);
    }

    #[test]
    fn s65_attributes_are_not_escaped() {
        let name = common_name(Asn1Type::UTF8STRING, "a, b\0c");
        assert_eq!(
            attributes(&name),
            [("CN".to_owned(), Some("a, b\0c".to_owned()))]
        );
    }
}
