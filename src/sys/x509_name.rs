//! Names of certificates as text.

use foreign_types::ForeignTypeRef;
use libc::c_int;
use openssl::x509::{X509NameEntryRef, X509NameRef};

extern "C" {
    fn X509_NAME_ENTRY_set(entry: *const openssl_sys::X509_NAME_ENTRY) -> c_int;
}

/// One relative name a line (`CN=localhost`), the attributes of a multi-valued one joined by ` + `,
/// as Node shows it. Control characters are escaped as `\xHH`: the text never holds a NUL.
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
            openssl::nid::Nid::UNDEF => text.push_str(&entry.object().to_string()),
            nid => text.push_str(nid.short_name().unwrap_or("?")),
        }
        text.push('=');
        match entry.data().to_string() {
            Ok(value) => push_escaped(&mut text, &value),
            Err(_) => text.push('?'),
        }
    }
    text
}

fn push_escaped(text: &mut String, value: &str) {
    for character in value.chars() {
        if character.is_control() {
            text.push_str(&format!("\\x{:02X}", u32::from(character)));
        } else {
            text.push(character);
        }
    }
}

/// Entries of one multi-valued relative name have the same number.
fn set_of(entry: &X509NameEntryRef) -> c_int {
    // SAFETY: a live entry.
    unsafe { X509_NAME_ENTRY_set(entry.as_ptr()) }
}
