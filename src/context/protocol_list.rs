//! Lists of application protocols, for ALPN (RFC 7301) and NPN: names of 1 to 255 bytes, in the order
//! of preference, kept in the form they have on the wire. What was agreed on is told as a C text, so
//! that a name has no NUL.

use crate::error::{Error, Result};

/// What the extension has room for.
const MAX_LENGTH: usize = 65_535;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolList(Vec<u8>);

impl ProtocolList {
    /// # Errors
    /// `InvalidArgument`: no name, an empty one, one of more than 255 bytes or with a NUL, or too many.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a [u8]>) -> Result<ProtocolList> {
        let mut wire = Vec::new();
        for name in names {
            let length = u8::try_from(name.len()).ok().filter(|length| *length > 0);
            let Some(length) = length else {
                return Err(refused("a protocol's name has 1 to 255 bytes"));
            };
            wire.push(length);
            wire.extend_from_slice(name);
        }
        ProtocolList::from_wire(&wire)
    }

    /// Each name behind a byte with its length, as Node takes it in a `Buffer`.
    ///
    /// # Errors
    /// `InvalidArgument`, as above, and for lengths that do not fit.
    pub fn from_wire(wire: &[u8]) -> Result<ProtocolList> {
        if wire.is_empty() {
            return Err(refused("the list of protocols is empty"));
        }
        if wire.len() > MAX_LENGTH {
            return Err(refused("a list of protocols has at most 65535 bytes"));
        }
        let mut rest = wire;
        while let Some((length, after)) = rest.split_first() {
            match (*length, after.get(usize::from(*length)..)) {
                (0, _) => return Err(refused("the list of protocols has an empty name")),
                (_, None) => {
                    return Err(refused(
                        "the list of protocols is cut short: each name has its length before it",
                    ))
                }
                (_, Some(next)) => {
                    if after[..after.len() - next.len()].contains(&0) {
                        return Err(refused("a protocol's name has a NUL"));
                    }
                    rest = next;
                }
            }
        }
        Ok(ProtocolList(wire.to_owned()))
    }

    pub fn wire(&self) -> &[u8] {
        &self.0
    }

    pub fn contains(&self, name: &[u8]) -> bool {
        names(&self.0).any(|(_, ours)| ours == name)
    }

    pub fn first(&self) -> &[u8] {
        names(&self.0).next().map_or(&[], |(_, name)| name)
    }

    /// The first of our names that is in the other's list, which is in wire form: by its place in
    /// the other's and in our list.
    pub fn choose(&self, theirs: &[u8]) -> Option<(usize, &[u8])> {
        names(&self.0).find_map(|(_, ours)| {
            let (offset, _) = names(theirs).find(|(_, name)| *name == ours)?;
            Some((offset, ours))
        })
    }

    /// The first of the other's names that is in our list.
    pub fn choose_theirs(&self, theirs: &[u8]) -> Option<&[u8]> {
        names(theirs).find_map(|(_, name)| {
            names(&self.0)
                .map(|(_, ours)| ours)
                .find(|ours| *ours == name)
        })
    }
}

/// The names of a list with their offsets; a list that is cut short ends there.
fn names(wire: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        let length = usize::from(*wire.get(offset)?);
        let start = offset + 1;
        let name = wire.get(start..start + length)?;
        offset = start + length;
        Some((start, name))
    })
}

fn refused(message: &str) -> Box<Error> {
    Error::argument(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> ProtocolList {
        ProtocolList::from_names(names.iter().map(|name| name.as_bytes())).unwrap()
    }

    #[test]
    fn s83_names_and_wire_form_are_the_same_list() {
        let named = list(&["h2", "http/1.1"]);
        assert_eq!(named.wire(), b"\x02h2\x08http/1.1");
        assert_eq!(ProtocolList::from_wire(named.wire()).unwrap(), named);
        assert_eq!(named.first(), b"h2");
    }

    #[test]
    fn s83_each_side_may_have_the_preference() {
        let ours = list(&["a", "bb"]);
        let theirs = list(&["c", "bb", "a"]);
        assert_eq!(ours.choose(theirs.wire()), Some((6, &b"a"[..])));
        assert_eq!(ours.choose_theirs(theirs.wire()), Some(&b"bb"[..]));
        assert_eq!(ours.choose(list(&["x"]).wire()), None);
        assert_eq!(ours.choose(b"\x09a"), None);
    }

    #[test]
    fn c017_malformed_lists_are_refused() {
        let long = "x".repeat(256);
        for names in [&[][..], &[""], &["a", ""], &[long.as_str()]] {
            let names = names.iter().map(|name| name.as_bytes());
            assert!(ProtocolList::from_names(names).is_err());
        }
        let much = [&[255u8][..], &[b'x'; 255]].concat().repeat(257);
        for wire in [
            &b""[..],
            b"\0",
            b"\x01a\0",
            b"\x02a",
            b"\x01a\x05",
            b"\x03a\0b",
            &much,
        ] {
            assert!(ProtocolList::from_wire(wire).is_err());
        }
    }
}
