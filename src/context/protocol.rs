//! Which versions of the protocol are allowed.

use openssl::ssl::{SslContextBuilder, SslVersion};

use crate::error::{Error, Result, Status};
use crate::sys::error_queue;

/// TLS 1.0 to 1.3, by their last digit.
type Version = u8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    min: Version,
    max: Version,
}

impl Default for Versions {
    /// TLS 1.2 and 1.3, as in Node.
    fn default() -> Versions {
        Versions { min: 2, max: 3 }
    }
}

impl Versions {
    /// Node's `secureProtocol`: the names of OpenSSL's methods.
    pub fn of_method(method: &str) -> Result<Versions> {
        let name = method
            .strip_suffix("_method")
            .map(|name| name.trim_end_matches("_server").trim_end_matches("_client"));
        let only = |version| Ok(Versions { min: version, max: version });
        match name {
            Some("TLS" | "SSLv23") => Ok(Versions { min: 0, max: 3 }),
            Some("TLSv1") => only(0),
            Some("TLSv1_1") => only(1),
            Some("TLSv1_2") => only(2),
            Some(old @ ("SSLv2" | "SSLv3")) => Err(Error::new(
                Status::Protocol,
                "ERR_TLS_INVALID_PROTOCOL_METHOD",
                format!("{old} is insecure, and no OpenSSL in use today has it: use TLS_method"),
            )),
            _ => Err(Error::new(
                Status::Protocol,
                "ERR_TLS_INVALID_PROTOCOL_METHOD",
                "unknown method; known are TLS_method, SSLv23_method, TLSv1_method, \
                 TLSv1_1_method, TLSv1_2_method, and their _server_method and _client_method forms",
            )),
        }
    }

    pub fn with_min(self, version: &str) -> Result<Versions> {
        self.replaced(parse(version)?, self.max)
    }

    pub fn with_max(self, version: &str) -> Result<Versions> {
        self.replaced(self.min, parse(version)?)
    }

    fn replaced(self, min: Version, max: Version) -> Result<Versions> {
        if min > max {
            return Err(Error::new(
                Status::Protocol,
                "ERR_TLS_INVALID_PROTOCOL_VERSION",
                format!(
                    "the lowest version ({}) would be above the highest ({}): set the other first",
                    name(min),
                    name(max)
                ),
            ));
        }
        Ok(Versions { min, max })
    }

    pub fn apply(self, builder: &mut SslContextBuilder, security_level: u32) -> Result<()> {
        if self.max < 2 && security_level > 0 {
            return Err(Error::new(
                Status::Protocol,
                "ERR_TLS_PROTOCOL_VERSION_CONFLICT",
                "TLS 1.0 and 1.1 work only at security level 0: add @SECLEVEL=0 to the ciphers",
            ));
        }
        let failed = |stack| {
            error_queue::from_stack(Status::Protocol, "this OpenSSL lacks the version", &stack)
        };
        builder
            .set_min_proto_version(Some(openssl_version(self.min)))
            .map_err(failed)?;
        builder
            .set_max_proto_version(Some(openssl_version(self.max)))
            .map_err(failed)
    }
}

fn openssl_version(version: Version) -> SslVersion {
    match version {
        0 => SslVersion::TLS1,
        1 => SslVersion::TLS1_1,
        2 => SslVersion::TLS1_2,
        _ => SslVersion::TLS1_3,
    }
}

fn name(version: Version) -> &'static str {
    ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"][usize::from(version.min(3))]
}

fn parse(version: &str) -> Result<Version> {
    (0..=3).find(|known| name(*known) == version).ok_or_else(|| {
        Error::new(
            Status::Protocol,
            "ERR_TLS_INVALID_PROTOCOL_VERSION",
            "unknown version; known are TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s24_nodes_method_names() {
        let versions = |method| Versions::of_method(method).map(|v| (v.min, v.max));
        assert_eq!(versions("TLSv1_2_method"), Ok((2, 2)));
        assert_eq!(versions("TLSv1_2_server_method"), Ok((2, 2)));
        assert_eq!(versions("TLSv1_1_client_method"), Ok((1, 1)));
        assert_eq!(versions("TLS_method"), Ok((0, 3)));
        assert_eq!(versions("SSLv23_method"), Ok((0, 3)));
        for refused in ["SSLv3_method", "SSLv2_method", "", "TLS", "xyz_method"] {
            let error = versions(refused).unwrap_err();
            assert_eq!(error.name, "ERR_TLS_INVALID_PROTOCOL_METHOD");
        }
        assert!(versions("SSLv3_method").unwrap_err().message.contains("SSLv3"));
    }

    #[test]
    fn s82_c021_min_above_max_is_refused_whichever_comes_last() {
        let default = Versions::default();
        assert!(default.with_max("TLSv1.1").is_err());
        let low = default.with_min("TLSv1").unwrap();
        let only_old = low.with_max("TLSv1.1").unwrap();
        assert!(only_old.with_min("TLSv1.3").is_err());
        for unknown in ["tlsv1.2", "TLSv1.4", "", "1.2"] {
            let error = default.with_min(unknown).unwrap_err();
            assert_eq!(error.name, "ERR_TLS_INVALID_PROTOCOL_VERSION");
        }
    }
}
