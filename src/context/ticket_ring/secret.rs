//! Keys that hosts need not send each other: each period of time has its own, made from one secret and
//! the number of the period since 1970.

use std::sync::Arc;

use openssl::error::ErrorStack;
use openssl::md::Md;
use openssl::pkey::Id;
use openssl::pkey_ctx::PkeyCtx;

use super::key;
use super::moment::Moment;
use crate::error::{Error, Result, Status};
use crate::sys::error_queue;
use crate::sys::memory::Secret;
use crate::sys::ticket_keys::{KeyName, Opener, TicketKey};

pub const SECRET_LENGTHS: std::ops::RangeInclusive<usize> = 32..=1024;
const PERIODS_MS: std::ops::RangeInclusive<u64> = 1_000..=30 * 24 * 3_600_000;

/// HKDF's salt; changing it parts old hosts from new ones.
const SALT: &[u8] = b"tlspair ticket keys 1";

pub struct KeySource {
    secret: Secret,
    period_ms: u64,
    /// Of this period, the one before it and the one after it, which faster clocks are in already.
    current: Option<(u64, [Arc<TicketKey>; 3])>,
}

impl KeySource {
    pub fn new(secret: &[u8], period_ms: u64) -> Result<KeySource> {
        if !SECRET_LENGTHS.contains(&secret.len()) {
            return Err(Error::argument(format!(
                "the secret has 32 to 1024 bytes, random ones, not {}",
                secret.len()
            )));
        }
        if !PERIODS_MS.contains(&period_ms) {
            return Err(Error::argument(format!(
                "the period is one second to 30 days, not {period_ms} ms"
            )));
        }
        let source = KeySource {
            secret: Secret::new(secret.to_vec()),
            period_ms,
            current: None,
        };
        // Whether it works at all shows now.
        source.derive(0)?;
        Ok(source)
    }

    pub fn secret(&self) -> &[u8] {
        &self.secret
    }

    pub fn period_ms(&self) -> u64 {
        self.period_ms
    }

    pub fn is_same(&self, other: &KeySource) -> bool {
        self.period_ms == other.period_ms && super::equal(&self.secret, &other.secret)
    }

    pub fn maker(&mut self, now: Moment) -> Option<Arc<TicketKey>> {
        let [_, current, _] = self.keys(now)?;
        Some(Arc::clone(current))
    }

    pub fn opener(&mut self, name: &KeyName, now: Moment) -> Option<Opener> {
        let keys = self.keys(now)?;
        let index = keys.iter().position(|key| key.name == *name)?;
        Some(Opener {
            key: Arc::clone(&keys[index]),
            is_old: index == 0,
        })
    }

    fn keys(&mut self, now: Moment) -> Option<&[Arc<TicketKey>; 3]> {
        let period = now.unix_ms / self.period_ms;
        if self.current.as_ref().map(|(of, _)| *of) != Some(period) {
            let around = [period.wrapping_sub(1), period, period + 1];
            let keys = around.map(|period| self.derive(period).ok().map(Arc::new));
            let [Some(before), Some(current), Some(after)] = keys else {
                return None;
            };
            self.current = Some((period, [before, current, after]));
        }
        self.current.as_ref().map(|(_, keys)| keys)
    }

    /// The key of a period, by HKDF-SHA256 (RFC 5869).
    fn derive(&self, period: u64) -> Result<TicketKey> {
        let make = |bytes: &mut [u8]| -> std::result::Result<(), ErrorStack> {
            let mut hkdf = PkeyCtx::new_id(Id::HKDF)?;
            hkdf.derive_init()?;
            hkdf.set_hkdf_md(Md::sha256())?;
            hkdf.set_hkdf_salt(SALT)?;
            hkdf.set_hkdf_key(&self.secret)?;
            hkdf.add_hkdf_info(&self.period_ms.to_be_bytes())?;
            hkdf.add_hkdf_info(&period.to_be_bytes())?;
            hkdf.derive(Some(bytes))?;
            Ok(())
        };
        let mut bytes = Secret::new(vec![0; key::LONG]);
        make(&mut bytes)
            .map_err(|stack| error_queue::from_stack(Status::Internal, CANNOT_DERIVE, &stack))?;
        key::parse(&bytes)
    }
}

const CANNOT_DERIVE: &str = "cannot derive a key of session tickets";

pub fn cannot_derive() -> Box<Error> {
    Error::new(Status::Internal, "ERR_INTERNAL", CANNOT_DERIVE)
}
