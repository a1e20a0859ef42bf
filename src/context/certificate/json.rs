//! A certificate as JSON (RFC 8259): what `JSON.stringify` makes of Node's `getPeerCertificate()`, with
//! the same keys in the same order and the same text.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::CStr;

use super::details::{Attribute, Details};

/// The first certificate; each further one is the `issuerCertificate` of the one before.
pub(super) fn text(chain: &[Details]) -> String {
    let mut out = String::new();
    for (depth, details) in chain.iter().enumerate() {
        if depth > 0 {
            out.push_str(",\"issuerCertificate\":");
        }
        certificate(&mut out, details);
    }
    out.extend(chain.iter().map(|_| '}'));
    out
}

/// An object that is left open.
fn certificate(out: &mut String, details: &Details) {
    out.push('{');
    name(out, "subject", &details.subject_fields);
    name(out, "issuer", &details.issuer_fields);
    match &details.subjectaltname {
        Some(Ok(names)) => c_text(out, "subjectaltname", names),
        Some(Err(_)) => value(out, "subjectaltname", "null"),
        None => {}
    }
    match &details.info_access_places {
        Some(Ok(places)) => {
            let places = places
                .iter()
                .map(|(method, place)| (format!("{method} - {}", place.kind), &*place.plain));
            key(out, "infoAccess");
            object_of_lists(out, places, true);
        }
        Some(Err(_)) => value(out, "infoAccess", "null"),
        None => {}
    }
    value(out, "ca", if details.ca { "true" } else { "false" });
    let its_key = &details.key;
    optional(out, "modulus", its_key.modulus.as_deref());
    if let Some(bits) = its_key.bits {
        value(out, "bits", &bits.to_string());
    }
    optional(out, "exponent", its_key.exponent.as_deref());
    if let Some(pubkey) = &its_key.pubkey {
        buffer(out, "pubkey", pubkey);
    }
    optional(out, "asn1Curve", its_key.asn1_curve.as_deref());
    optional(out, "nistCurve", its_key.nist_curve.as_deref());
    c_text(out, "valid_from", &details.valid_from);
    c_text(out, "valid_to", &details.valid_to);
    c_text(out, "fingerprint", &details.fingerprint);
    c_text(out, "fingerprint256", &details.fingerprint256);
    c_text(out, "fingerprint512", &details.fingerprint512);
    if let Some(usages) = &details.ext_key_usage {
        key(out, "ext_key_usage");
        list(out, usages.iter().map(|usage| lossy(usage)));
    }
    optional(out, "serialNumber", details.serial_number.as_deref());
    buffer(out, "raw", &details.der);
}

/// Nothing at all if one of the values is no text.
fn name(out: &mut String, what: &str, attributes: &[Attribute]) {
    let pairs = attributes
        .iter()
        .map(|attribute| Some((attribute.name.clone(), attribute.value.as_deref()?)));
    if let Some(pairs) = pairs.collect::<Option<Vec<_>>>() {
        key(out, what);
        object_of_lists(out, pairs.into_iter(), false);
    }
}

/// An object; what has the same key becomes a list, where its first stood.
fn object_of_lists<'a>(
    out: &mut String,
    pairs: impl Iterator<Item = (String, &'a str)>,
    always_lists: bool,
) {
    let mut places = HashMap::new();
    let mut grouped: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, value) in pairs {
        let place = *places.entry(name.clone()).or_insert(grouped.len());
        if place == grouped.len() {
            grouped.push((name, Vec::new()));
        }
        grouped[place].1.push(value);
    }
    out.push('{');
    for (name, values) in &grouped {
        key(out, name);
        match values[..] {
            [only] if !always_lists => string(out, only),
            _ => list(out, values.iter().copied()),
        }
    }
    out.push('}');
}

/// A comma where one is due, and the key.
fn key(out: &mut String, name: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    string(out, name);
    out.push(':');
}

fn value(out: &mut String, name: &str, text: &str) {
    key(out, name);
    out.push_str(text);
}

fn c_text(out: &mut String, name: &str, text: &CStr) {
    key(out, name);
    string(out, &lossy(text));
}

fn optional(out: &mut String, name: &str, text: Option<&CStr>) {
    if let Some(text) = text {
        c_text(out, name, text);
    }
}

fn lossy(text: &CStr) -> Cow<'_, str> {
    text.to_string_lossy()
}

fn list(out: &mut String, items: impl Iterator<Item = impl AsRef<str>>) {
    out.push('[');
    for (place, item) in items.enumerate() {
        if place > 0 {
            out.push(',');
        }
        string(out, item.as_ref());
    }
    out.push(']');
}

/// Bytes, as Node's Buffer shows itself.
fn buffer(out: &mut String, name: &str, bytes: &[u8]) {
    key(out, name);
    out.push_str("{\"type\":\"Buffer\",\"data\":[");
    for (place, byte) in bytes.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        out.push_str(&byte.to_string());
    }
    out.push_str("]}");
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' => out.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => out.push(character),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s65_strings_are_escaped_as_json() {
        let mut out = String::new();
        string(&mut out, "a\"\\\0\n\u{1f}\u{7f}é\u{2028}");
        assert_eq!(out, "\"a\\\"\\\\\\u0000\\n\\u001f\u{7f}é\u{2028}\"");
    }

    #[test]
    fn s65_repeated_keys_become_lists() {
        let pairs = [("OU", "a"), ("CN", "b"), ("OU", "c")];
        let pairs = pairs.map(|(key, value)| (key.to_owned(), value));
        let mut out = String::new();
        object_of_lists(&mut out, pairs.clone().into_iter(), false);
        assert_eq!(out, r#"{"OU":["a","c"],"CN":"b"}"#);
        out.clear();
        object_of_lists(&mut out, pairs[1..2].iter().cloned(), true);
        assert_eq!(out, r#"{"CN":["b"]}"#);
    }
}
