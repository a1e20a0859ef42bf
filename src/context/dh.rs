//! DHE on TLS 1.2 and before: off, with OpenSSL's own parameters, or with those of a file.

use openssl::ssl::SslContextBuilder;

use super::pem;
use crate::error::{Error, Result};
use crate::sys::dh::{self, Parameters};

/// Below that the prime can be broken by those who can pay for it.
const MIN_BITS: u32 = 2048;
const AUTO: &[u8] = b"auto";

#[derive(Clone, Default)]
pub enum DhParam {
    /// No DHE. As in Node: what else there is, is better.
    #[default]
    Off,
    Auto,
    Own(Parameters),
}

impl DhParam {
    /// # Errors
    /// `InvalidArgument`: neither PEM nor `auto`, or too weak.
    pub fn parse(text: &[u8]) -> Result<DhParam> {
        if text == AUTO {
            return Ok(DhParam::Auto);
        }
        let parameters = pem::dh_parameters(text)?;
        if parameters.bits() < MIN_BITS {
            return Err(Error::argument(format!(
                "DH parameter is less than {MIN_BITS} bits: it has {}; use auto, or make one with \
                 openssl dhparam {MIN_BITS}",
                parameters.bits()
            )));
        }
        Ok(DhParam::Own(parameters))
    }

    pub fn apply(&self, builder: &mut SslContextBuilder) -> Result<()> {
        match self {
            DhParam::Off => {}
            DhParam::Auto => dh::set_auto(builder),
            DhParam::Own(parameters) => parameters.apply(builder).map_err(|mut error| {
                if error.name == "ERR_SSL_DH_KEY_TOO_SMALL" {
                    error.message = format!(
                        "{}: {} bits are too few for the security level that the ciphers ask for",
                        error.message,
                        parameters.bits()
                    );
                }
                error
            })?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Status;
    use openssl::dh::Dh;
    use openssl::ssl::SslMethod;

    fn builder() -> SslContextBuilder {
        SslContextBuilder::new(SslMethod::tls()).unwrap()
    }

    #[test]
    fn s84_parameters_of_ones_own_and_auto() {
        let pem = Dh::get_2048_256().unwrap().params_to_pem().unwrap();
        let own = DhParam::parse(&pem).unwrap();
        own.apply(&mut builder()).unwrap();
        assert!(matches!(DhParam::parse(b"auto"), Ok(DhParam::Auto)));
        let with_text = [b"DH Parameters: (2048 bit)\r\n".to_vec(), pem].concat();
        DhParam::parse(&with_text).unwrap();
        let mut strict = builder();
        strict.set_security_level(3);
        let error = own.apply(&mut strict).unwrap_err();
        assert_eq!(error.status, Status::InvalidArgument);
        assert!(error.message.contains("2048"), "{error}");
    }

    #[test]
    fn c018_weak_ones_and_garbage_are_refused() {
        let weak = Dh::get_1024_160().unwrap().params_to_pem().unwrap();
        let error = DhParam::parse(&weak).err().unwrap();
        assert_eq!(error.name, "ERR_INVALID_ARG_VALUE");
        assert!(error.message.contains("1024"), "{error}");
        let good = Dh::get_2048_256().unwrap().params_to_pem().unwrap();
        let curve =
            b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
        // p = 15, g = 2, and g = 1.
        let tiny = b"-----BEGIN DH PARAMETERS-----\nMAYCAQ8CAQI=\n-----END DH PARAMETERS-----\n";
        let one = b"-----BEGIN DH PARAMETERS-----\nMAYCAQ8CAQE=\n-----END DH PARAMETERS-----\n";
        for bad in [
            &b""[..],
            b"Auto",
            b"auto\n",
            b"garbage",
            &good[..good.len() / 2],
            curve,
            tiny,
            one,
            b"-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n",
        ] {
            let error = DhParam::parse(bad).err().unwrap();
            assert_eq!(error.status, Status::InvalidArgument, "{error}");
        }
    }
}
