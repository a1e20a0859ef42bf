//! The name that a client asks for (SNI, RFC 6066, 3), and the table of contexts by name.

use std::collections::HashMap;
use std::sync::Arc;

use super::settings::check_host;
use crate::context::FrozenContext;
use crate::error::{Error, Result, Status};

pub const EXTENSION: u16 = 0;
/// As OpenSSL has it.
const MAX_LENGTH: usize = 255;

/// The host name in an extension's body. `Err`: it cannot be one.
pub fn parse(body: &[u8]) -> std::result::Result<String, ()> {
    const HOST_NAME: u8 = 0;
    let (list, after) = take_vector(body).ok_or(())?;
    // One entry of one kind was ever defined, and OpenSSL wants no more than that.
    let (kind, rest) = list.split_first().ok_or(())?;
    let (name, more) = take_vector(rest).ok_or(())?;
    if !after.is_empty() || !more.is_empty() || *kind != HOST_NAME {
        return Err(());
    }
    if name.is_empty() || name.len() > MAX_LENGTH || name.contains(&0) {
        return Err(());
    }
    let name = std::str::from_utf8(name).map_err(drop)?;
    Ok(name.to_owned())
}

/// Bytes behind their length in two bytes, and what follows.
fn take_vector(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

/// Node's `addContext`: an exact name before a wildcard, a wildcard for exactly one label. Names are
/// compared without case, and without a dot at their end.
#[derive(Clone, Default)]
pub struct NameTable {
    exact: HashMap<String, Arc<FrozenContext>>,
    /// `*.example.org` by what follows the first dot.
    wildcards: HashMap<String, Arc<FrozenContext>>,
}

impl NameTable {
    /// Can a context be added for this name?
    pub fn check(pattern: &str) -> Result<()> {
        split(&normalise(pattern)?).map(drop)
    }

    /// Adds or replaces.
    ///
    /// # Errors
    /// `InvalidArgument`: it cannot be a host name, or has its wildcard elsewhere than as the whole
    /// first label. `InvalidState`: the context has no certificate.
    pub fn add(&mut self, pattern: &str, context: Arc<FrozenContext>) -> Result<()> {
        if !context.has_identity() {
            return Err(Error::state(
                "a server's context needs a certificate and a key: set both",
            ));
        }
        match split(&normalise(pattern)?)? {
            Pattern::Exact(name) => self.exact.insert(name.to_owned(), context),
            Pattern::Wildcard(suffix) => self.wildcards.insert(suffix.to_owned(), context),
        };
        Ok(())
    }

    /// # Errors
    /// `InvalidArgument`, as above. `InvalidState`: it was not there.
    pub fn remove(&mut self, pattern: &str) -> Result<()> {
        let removed = match split(&normalise(pattern)?)? {
            Pattern::Exact(name) => self.exact.remove(name),
            Pattern::Wildcard(suffix) => self.wildcards.remove(suffix),
        };
        removed.map(drop).ok_or_else(|| {
            Error::new(
                Status::InvalidState,
                "ERR_TLS_SNI_UNKNOWN_NAME",
                format!("no context was added for {pattern}"),
            )
        })
    }

    pub fn find(&self, name: &str) -> Option<&Arc<FrozenContext>> {
        if self.exact.is_empty() && self.wildcards.is_empty() {
            return None;
        }
        let name = lower(name);
        self.exact.get(&name).or_else(|| {
            let (label, suffix) = name.split_once('.')?;
            if label.is_empty() {
                return None;
            }
            self.wildcards.get(suffix)
        })
    }
}

enum Pattern<'a> {
    Exact(&'a str),
    Wildcard(&'a str),
}

fn split(pattern: &str) -> Result<Pattern<'_>> {
    let (exact, wildcard) = match pattern.strip_prefix("*.") {
        Some(suffix) => (suffix, true),
        None => (pattern, false),
    };
    if exact.contains('*') {
        return Err(Error::argument(
            "a wildcard is the whole first label of a name, as in *.example.org",
        ));
    }
    Ok(if wildcard {
        Pattern::Wildcard(exact)
    } else {
        Pattern::Exact(exact)
    })
}

fn normalise(pattern: &str) -> Result<String> {
    check_host(pattern)?;
    Ok(lower(pattern))
}

pub fn lower(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::fixtures::Authority;
    use crate::context::Context;

    fn body(name: &[u8]) -> Vec<u8> {
        let length = |n: usize| (n as u16).to_be_bytes();
        let (list, host) = (length(name.len() + 3), length(name.len()));
        [&list[..], &[0], &host, name].concat()
    }

    #[test]
    fn c047_names_are_taken_as_they_come_or_refused() {
        let long = [b'a'; 255];
        for good in [&b"Example.ORG"[..], b"example.org.", b"a", &long] {
            let name = String::from_utf8(good.to_vec()).unwrap();
            assert_eq!(parse(&body(good)), Ok(name));
        }
        let umlaut = "b\u{fc}cher.example";
        assert_eq!(parse(&body(umlaut.as_bytes())), Ok(umlaut.into()));
        for bad in [&b""[..], b"a\0b", b"\xff.example", &[b'a'; 256]] {
            assert_eq!(parse(&body(bad)), Err(()));
        }
        let two = [&body(b"a")[..], &[0, 0, 1, b'b']].concat();
        let cut = &body(b"example")[..6];
        for bad in [&[][..], &[0], &[0, 0], &two, cut, &[0, 4, 1, 0, 1, b'a']] {
            assert_eq!(parse(bad), Err(()));
        }
    }

    fn context() -> Arc<FrozenContext> {
        let (cert, key) = Authority::new().issue_ec("localhost");
        let context = Context::new();
        context.set_identity(&cert, &key, None).unwrap();
        context.freeze().unwrap()
    }

    #[test]
    fn s57_exact_names_come_before_wildcards_of_one_label() {
        let (exact, wildcard) = (context(), context());
        let mut table = NameTable::default();
        assert!(table.find("a.example").is_none());
        table.add("*.Example", Arc::clone(&wildcard)).unwrap();
        table.add("A.example.", Arc::clone(&exact)).unwrap();
        let is = |name: &str, context: &Arc<FrozenContext>| {
            table
                .find(name)
                .is_some_and(|found| Arc::ptr_eq(found, context))
        };
        assert!(is("a.EXAMPLE", &exact) && is("a.example.", &exact));
        assert!(is("b.example", &wildcard));
        for none in ["example", "b.a.example", ".example", "", "*"] {
            assert!(table.find(none).is_none(), "{none:?}");
        }
    }

    #[test]
    fn s57_names_are_replaced_and_removed() {
        let (first, second) = (context(), context());
        let mut table = NameTable::default();
        table.add("a.example", first).unwrap();
        table.add("A.EXAMPLE", Arc::clone(&second)).unwrap();
        assert!(Arc::ptr_eq(table.find("a.example").unwrap(), &second));
        table.remove("a.example").unwrap();
        assert!(table.find("a.example").is_none());
        assert!(table.remove("a.example").is_err());
    }

    #[test]
    fn s57_wildcards_elsewhere_and_bare_contexts_are_refused() {
        let mut table = NameTable::default();
        for bad in ["*", "a.*.example", "a*.example", "*.*.example", "", "a b"] {
            assert!(table.add(bad, context()).is_err(), "{bad:?}");
        }
        let bare = Context::new().freeze().unwrap();
        let error = table.add("a.example", bare).unwrap_err();
        assert_eq!(error.status, Status::InvalidState);
    }
}
