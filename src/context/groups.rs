//! Groups for key exchange: curves and what has come after them.

use openssl::ssl::{SslContextBuilder, SslMethod};

use crate::error::{Error, Result, Status};
use crate::sys::error_queue;

/// OpenSSL's own choice, as Node calls it.
const AUTO: &str = "auto";

/// The groups that are allowed, the preferred first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// `None`: OpenSSL's.
    list: Option<String>,
}

impl Groups {
    /// # Errors
    /// `InvalidArgument`: empty, or a name that this OpenSSL does not know.
    pub fn parse(text: &str) -> Result<Groups> {
        if text == AUTO {
            return Ok(Groups::default());
        }
        if text.is_empty() {
            return Err(refused(
                "the list of groups is empty: name at least one, or auto",
            ));
        }
        if text.chars().any(char::is_control) {
            return Err(refused("the list of groups has control characters"));
        }
        let mut probe = SslContextBuilder::new(SslMethod::tls()).map_err(|stack| {
            error_queue::from_stack(Status::NoMemory, "cannot check the groups", &stack)
        })?;
        if probe.set_groups_list(text).is_ok() {
            return Ok(Groups {
                list: Some(text.to_owned()),
            });
        }
        let mut names = text.split(':');
        let unknown = names.find(|name| name.is_empty() || probe.set_groups_list(name).is_err());
        Err(refused(match unknown {
            // What comes from outside may be long.
            Some(name) => {
                let shown: String = name.chars().take(64).collect();
                format!("unknown group {shown:?}")
            }
            None => "OpenSSL refuses this list of groups: is it too long?".to_owned(),
        }))
    }

    pub fn list(&self) -> Option<&str> {
        self.list.as_deref()
    }

    pub fn apply(&self, builder: &mut SslContextBuilder) -> Result<()> {
        let Some(list) = &self.list else {
            return Ok(());
        };
        builder.set_groups_list(list).map_err(|stack| {
            let what = "OpenSSL refuses the groups";
            error_queue::from_stack(Status::InvalidArgument, what, &stack)
        })
    }
}

fn refused(message: impl Into<String>) -> Box<Error> {
    let name = "ERR_CRYPTO_OPERATION_FAILED";
    Error::new(Status::InvalidArgument, name, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s84_names_in_openssls_spellings() {
        for good in [
            "X25519",
            "P-256",
            "prime256v1:X25519",
            "secp384r1:P-521:X448",
        ] {
            assert_eq!(Groups::parse(good).unwrap().list(), Some(good));
        }
        assert_eq!(Groups::parse("auto").unwrap().list(), None);
    }

    #[test]
    fn c018_unknown_groups_are_told() {
        for (bad, shown) in [
            ("", "empty"),
            ("P-256:nope", "\"nope\""),
            ("P-256::X25519", "\"\""),
            ("P-256:", "\"\""),
            ("P-256,X25519", "P-256,X25519"),
            ("auto:P-256", "\"auto\""),
            ("P-256\n", "control"),
            ("P-256\0", "control"),
        ] {
            let error = Groups::parse(bad).unwrap_err();
            assert_eq!(error.status, Status::InvalidArgument);
            assert!(error.message.contains(shown), "{bad}: {error}");
        }
        let long = Groups::parse(&"x".repeat(10 * 1024)).unwrap_err();
        assert!(long.message.len() < 200);
        assert!(Groups::parse(&"P-256:".repeat(2_000)).is_err());
    }
}
