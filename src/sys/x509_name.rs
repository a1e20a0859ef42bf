//! Names of certificates as text.

use foreign_types::ForeignTypeRef;
use libc::c_int;
use openssl::nid::Nid;
use openssl::x509::{X509NameEntryRef, X509NameRef};

extern "C" {
    fn X509_NAME_ENTRY_set(entry: *const openssl_sys::X509_NAME_ENTRY) -> c_int;
}

/// One relative name a line (`CN=localhost`), the attributes of a multi-valued one joined by ` + `,
/// as Node shows it: what has a meaning in RFC 2253 has a backslash before it, control characters
/// are `\` and their bytes in hexadecimal. So the text holds no NUL, and a value cannot pretend to be
/// more than one.
pub fn text(name: &X509NameRef) -> String {
    let mut text = String::new();
    let mut last_set = None;
    for entry in name.entries() {
        let set = set_of(entry);
        match last_set {
            Some(last) if last == set => text.push_str(" + "),
            Some(_) => text.push('\n'),
            None => {}
        }
        last_set = Some(set);
        match entry.object().nid() {
            Nid::UNDEF => text.push_str(&entry.object().to_string()),
            nid => text.push_str(nid.short_name().unwrap_or("?")),
        }
        text.push('=');
        match entry.data().to_string() {
            Ok(value) => push_escaped(&mut text, &value),
            // Not what its type says that it is.
            Err(_) => entry
                .data()
                .as_slice()
                .iter()
                .for_each(|byte| push_hex(&mut text, *byte)),
        }
    }
    text
}

fn push_escaped(text: &mut String, value: &str) {
    let last = value.chars().count().saturating_sub(1);
    for (place, character) in value.chars().enumerate() {
        let at_an_end = place == 0 || place == last;
        match character {
            _ if character.is_control() => {
                let mut bytes = [0; 4];
                let bytes = character.encode_utf8(&mut bytes).bytes();
                bytes.for_each(|byte| push_hex(text, byte));
                continue;
            }
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => text.push('\\'),
            ' ' if at_an_end => text.push('\\'),
            '#' if place == 0 => text.push('\\'),
            _ => {}
        }
        text.push(character);
    }
}

fn push_hex(text: &mut String, byte: u8) {
    text.push_str(&format!("\\{byte:02X}"));
}

/// Entries of one multi-valued relative name have the same number.
fn set_of(entry: &X509NameEntryRef) -> c_int {
    // SAFETY: a live entry.
    unsafe { X509_NAME_ENTRY_set(entry.as_ptr()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::asn1::Asn1Type;
    use openssl::x509::X509NameBuilder;

    fn shown(value: &str) -> String {
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_nid_with_type(Nid::COMMONNAME, value, Asn1Type::UTF8STRING)
            .unwrap();
        text(&name.build())
    }

    #[test]
    fn c079_a_value_cannot_pretend_to_be_two() {
        assert_eq!(shown("a\nCN=b"), "CN=a\\0ACN=b");
        assert_eq!(shown("a + O=b, c"), "CN=a \\+ O=b\\, c");
        assert_eq!(shown(" #a\\0A "), "CN=\\ #a\\\\0A\\ ");
        assert_eq!(shown("#"), "CN=\\#");
    }

    #[test]
    fn c090_control_characters_never_come_through() {
        assert_eq!(shown("a\0b\u{7f}\u{85}"), "CN=a\\00b\\7F\\C2\\85");
        assert_eq!(shown("Zoë ÷ 漢字"), "CN=Zoë ÷ 漢字");
    }
}
