//! Which versions of the protocol are allowed.

use openssl::ssl::{SslContextBuilder, SslOptions, SslVersion};

use super::ciphers::Ciphers;
use crate::error::{Error, Result, Status};
use crate::sys::error_queue;

/// TLS 1.0 to 1.3, by their last digit.
type Version = u8;

const TLS_1_2: Version = 2;
const TLS_1_3: Version = 3;
const NAMES: [&str; 4] = ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Versions {
    min: Version,
    max: Version,
}

impl Default for Versions {
    /// TLS 1.2 and 1.3, as in Node.
    fn default() -> Versions {
        Versions {
            min: TLS_1_2,
            max: TLS_1_3,
        }
    }
}

impl Versions {
    /// Node's `secureProtocol`: the names of OpenSSL's methods. The `_client_` and `_server_` forms
    /// mean the same versions: a context serves both roles.
    pub fn of_method(method: &str) -> Result<Versions> {
        let name = method.strip_suffix("_method");
        let name = name.map(|name| {
            let role_less = name
                .strip_suffix("_server")
                .or(name.strip_suffix("_client"));
            role_less.unwrap_or(name)
        });
        let only = |version| {
            Ok(Versions {
                min: version,
                max: version,
            })
        };
        match name {
            Some("TLS" | "SSLv23") => Ok(Versions {
                min: 0,
                max: TLS_1_3,
            }),
            Some("TLSv1") => only(0),
            Some("TLSv1_1") => only(1),
            Some("TLSv1_2") => only(TLS_1_2),
            Some(old @ ("SSLv2" | "SSLv3")) => Err(refused(
                "ERR_TLS_INVALID_PROTOCOL_METHOD",
                format!("{old} is insecure and not supported: use TLS_method"),
            )),
            _ => Err(refused(
                "ERR_TLS_INVALID_PROTOCOL_METHOD",
                "unknown method; known are TLS_method, SSLv23_method, TLSv1_method, \
                 TLSv1_1_method, TLSv1_2_method, and their _server_method and _client_method forms",
            )),
        }
    }

    pub fn with_min(self, version: &str) -> Result<Versions> {
        Versions::between(parse(version)?, self.max, "maximum")
    }

    pub fn with_max(self, version: &str) -> Result<Versions> {
        Versions::between(self.min, parse(version)?, "minimum")
    }

    fn between(min: Version, max: Version, other: &str) -> Result<Versions> {
        if min > max {
            return Err(refused(
                "ERR_TLS_INVALID_PROTOCOL_VERSION",
                format!(
                    "the minimum version {} would be above the maximum version {}: set the {other} \
                     first",
                    name(min),
                    name(max)
                ),
            ));
        }
        Ok(Versions { min, max })
    }

    /// Answers the lowest and the highest version that are left by the ciphers and by the options
    /// that are set already.
    ///
    /// # Errors
    /// `Protocol`: there is none left.
    pub fn apply(
        self,
        builder: &mut SslContextBuilder,
        ciphers: &Ciphers,
    ) -> Result<(SslVersion, SslVersion)> {
        let Versions { min, max } = self.without(builder.options())?;
        if max < TLS_1_2 && ciphers.security_level() > 0 {
            return Err(conflict(
                "TLS 1.0 and 1.1 work only at security level 0: call tls_context_set_ciphers with \
                 DEFAULT@SECLEVEL=0",
            ));
        }
        if ciphers.only_tls13() && max < TLS_1_3 {
            return Err(conflict(format!(
                "the ciphers are all for TLS 1.3, and {} is the maximum version",
                name(max)
            )));
        }
        let min = if ciphers.only_tls13() { TLS_1_3 } else { min };
        let failed = |stack| {
            error_queue::from_stack(Status::Protocol, "this OpenSSL lacks the version", &stack)
        };
        let (min, max) = (openssl_version(min), openssl_version(max));
        builder.set_min_proto_version(Some(min)).map_err(failed)?;
        builder.set_max_proto_version(Some(max)).map_err(failed)?;
        Ok((min, max))
    }

    /// What the `SSL_OP_NO_TLSv1...` options leave at both ends; a hole between is theirs to keep.
    fn without(self, options: SslOptions) -> Result<Versions> {
        const OFF: [SslOptions; 4] = [
            SslOptions::NO_TLSV1,
            SslOptions::NO_TLSV1_1,
            SslOptions::NO_TLSV1_2,
            SslOptions::NO_TLSV1_3,
        ];
        let mut left =
            (self.min..=self.max).filter(|version| !options.contains(OFF[usize::from(*version)]));
        let none = || {
            conflict(format!(
                "the secure options turn off all versions from {} to {}",
                name(self.min),
                name(self.max)
            ))
        };
        let min = left.next().ok_or_else(none)?;
        let max = left.next_back().unwrap_or(min);
        Ok(Versions { min, max })
    }
}

fn conflict(message: impl Into<String>) -> Box<Error> {
    refused("ERR_TLS_PROTOCOL_VERSION_CONFLICT", message)
}

fn refused(name: &'static str, message: impl Into<String>) -> Box<Error> {
    Error::new(Status::Protocol, name, message)
}

fn openssl_version(version: Version) -> SslVersion {
    match version {
        0 => SslVersion::TLS1,
        1 => SslVersion::TLS1_1,
        TLS_1_2 => SslVersion::TLS1_2,
        _ => SslVersion::TLS1_3,
    }
}

fn name(version: Version) -> &'static str {
    NAMES[usize::from(version)]
}

fn parse(version: &str) -> Result<Version> {
    let name = "ERR_TLS_INVALID_PROTOCOL_VERSION";
    if matches!(version, "SSLv2" | "SSLv3") {
        return Err(refused(
            name,
            format!("{version} is insecure and not supported"),
        ));
    }
    (0..=TLS_1_3)
        .find(|known| NAMES[usize::from(*known)] == version)
        .ok_or_else(|| {
            refused(
                name,
                "unknown version; known are TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::ssl::SslMethod;

    #[test]
    fn s24_nodes_method_names() {
        let versions = |method| Versions::of_method(method).map(|v| (v.min, v.max));
        assert_eq!(versions("TLSv1_2_method"), Ok((2, 2)));
        assert_eq!(versions("TLSv1_2_server_method"), Ok((2, 2)));
        assert_eq!(versions("TLSv1_1_client_method"), Ok((1, 1)));
        assert_eq!(versions("TLS_method"), Ok((0, 3)));
        assert_eq!(versions("SSLv23_method"), Ok((0, 3)));
        for refused in [
            "SSLv3_method",
            "SSLv2_method",
            "",
            "TLS",
            "xyz_method",
            "TLS_server_client_method",
        ] {
            let error = versions(refused).unwrap_err();
            assert_eq!(error.name, "ERR_TLS_INVALID_PROTOCOL_METHOD");
        }
        assert!(versions("SSLv3_method")
            .unwrap_err()
            .message
            .contains("SSLv3"));
    }

    #[test]
    fn s82_c021_min_above_max_is_refused_whichever_comes_last() {
        let default = Versions::default();
        assert!(default.with_max("TLSv1.1").is_err());
        let low = default.with_min("TLSv1").unwrap();
        let only_old = low.with_max("TLSv1.1").unwrap();
        assert!(only_old.with_min("TLSv1.3").is_err());
        for unknown in ["tlsv1.2", "TLSv1.4", "", "1.2", "SSLv3"] {
            let error = default.with_min(unknown).unwrap_err();
            assert_eq!(error.status, Status::Protocol);
            assert_eq!(error.name, "ERR_TLS_INVALID_PROTOCOL_VERSION");
        }
    }

    #[test]
    fn s82_what_cannot_work_with_the_ciphers_is_refused() {
        let apply = |versions: Versions, list: &str| {
            let mut builder = SslContextBuilder::new(SslMethod::tls()).unwrap();
            let ciphers = Ciphers::parse(list).unwrap();
            let (min, max) = versions.apply(&mut builder, &ciphers)?;
            assert_eq!(builder.min_proto_version(), Some(min));
            assert_eq!(builder.max_proto_version(), Some(max));
            Ok::<_, Box<Error>>((min, max))
        };
        let (tls1, tls11) = (SslVersion::TLS1, SslVersion::TLS1_1);
        let (tls12, tls13) = (SslVersion::TLS1_2, SslVersion::TLS1_3);
        let old = Versions { min: 0, max: 1 };
        assert!(apply(old, "DEFAULT")
            .unwrap_err()
            .message
            .contains("@SECLEVEL=0"));
        assert_eq!(apply(old, "DEFAULT@SECLEVEL=0"), Ok((tls1, tls11)));
        assert_eq!(
            apply(Versions { min: 0, max: 3 }, "DEFAULT"),
            Ok((tls1, tls13))
        );
        let suites = "TLS_AES_128_GCM_SHA256";
        assert_eq!(apply(Versions::default(), suites), Ok((tls13, tls13)));
        assert_eq!(apply(Versions::default(), "DEFAULT"), Ok((tls12, tls13)));
        let only_12 = Versions { min: 2, max: 2 };
        assert!(apply(only_12, suites)
            .unwrap_err()
            .message
            .contains("TLSv1.2"));
    }

    #[test]
    fn s77_s82_what_the_options_leave() {
        let all = Versions { min: 0, max: 3 };
        let left = |options| all.without(options).map(|v| (v.min, v.max));
        assert_eq!(left(SslOptions::empty()), Ok((0, 3)));
        assert_eq!(
            left(SslOptions::NO_TLSV1 | SslOptions::NO_TLSV1_1),
            Ok((2, 3))
        );
        assert_eq!(left(SslOptions::NO_TLSV1_3), Ok((0, 2)));
        assert_eq!(left(SslOptions::NO_TLSV1_2), Ok((0, 3)));
        let old = SslOptions::NO_TLSV1 | SslOptions::NO_TLSV1_1;
        let new = SslOptions::NO_TLSV1_2 | SslOptions::NO_TLSV1_3;
        assert_eq!(left(old | SslOptions::NO_TLSV1_3), Ok((2, 2)));
        assert_eq!(left(old | new).unwrap_err().status, Status::Protocol);
        // Only the old ones: as if they had been asked for, at level 0 alone.
        let mut builder = SslContextBuilder::new(SslMethod::tls()).unwrap();
        builder.set_options(new);
        let error = all.apply(&mut builder, &Ciphers::default()).unwrap_err();
        assert!(error.message.contains("@SECLEVEL=0"), "{error}");
        let error = Versions::default().apply(&mut builder, &Ciphers::default());
        assert!(error.unwrap_err().message.contains("secure options"));
    }
}
