//! Object identifiers as text, at any length.

use foreign_types::ForeignTypeRef;
use libc::{c_char, c_int};
use openssl::asn1::Asn1ObjectRef;

/// `1.3.6.1.5.5.7.48.1`
pub fn numbers(object: &Asn1ObjectRef) -> String {
    text(object, true)
}

/// OpenSSL's long name, `CA Issuers`; the numbers if there is none.
pub fn name(object: &Asn1ObjectRef) -> String {
    text(object, false)
}

fn text(object: &Asn1ObjectRef, numbers: bool) -> String {
    let mut buffer = vec![0u8; 80];
    loop {
        // SAFETY: a live object, and room with its size; what is written ends with a NUL. The answer
        // is the length that all of it has.
        let length = unsafe {
            openssl_sys::OBJ_obj2txt(
                buffer.as_mut_ptr().cast::<c_char>(),
                c_int::try_from(buffer.len()).unwrap_or(c_int::MAX),
                object.as_ptr(),
                c_int::from(numbers),
            )
        };
        let length = usize::try_from(length).unwrap_or(0);
        if length < buffer.len() {
            buffer.truncate(length);
            return String::from_utf8_lossy(&buffer).into_owned();
        }
        buffer = vec![0u8; length + 1];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::asn1::Asn1Object;

    #[test]
    fn s65_object_identifiers_are_not_cut() {
        let long = format!("1.2{}", ".1234567".repeat(40));
        let object = Asn1Object::from_str(&long).unwrap();
        assert_eq!(numbers(&object), long);
        let known = Asn1Object::from_str("1.3.6.1.5.5.7.48.2").unwrap();
        assert_eq!(name(&known), "CA Issuers");
        assert_eq!(numbers(&known), "1.3.6.1.5.5.7.48.2");
    }
}
