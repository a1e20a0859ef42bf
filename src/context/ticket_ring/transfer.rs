//! A ring as bytes, for other hosts and for after a restart. They are as secret as the keys.
//!
//! ```text
//! "tlspring"  version  number of entries  entries  SHA-256 of all of this
//! entry: kind  state  then
//!   a key:     its length (1 byte), its bytes
//!   a secret:  its period in milliseconds (8), its length (2), its bytes; big-endian
//! ```

use openssl::sha::sha256;

use super::moment::Moment;
use super::secret::KeySource;
use super::{find, key, unusable, Entry, Makes, Source, State, TicketRing, MAX_ENTRIES};
use crate::error::Result;
use crate::sys::memory::Secret;

const MAGIC: &[u8; 8] = b"tlspring";
const VERSION: u8 = 1;
const DIGEST_LENGTH: usize = 32;

const KEY: u8 = 1;
const SECRET: u8 = 2;

const MAKES: u8 = 0;
/// In its grace period.
const WAITS: u8 = 1;
const NOT_YET: u8 = 2;

impl TicketRing {
    /// Everything that makes and opens tickets, for [`TicketRing::import`]. What is set beside it
    /// stays here.
    pub fn export(&self) -> Secret {
        self.export_at(Moment::now())
    }

    pub(super) fn export_at(&self, now: Moment) -> Secret {
        let mut state = self.lock();
        // Others may make tickets with it from now on.
        state.is_made_up = false;
        let mut bytes = Writer(Secret::new(Vec::new()));
        bytes.put(MAGIC);
        bytes.put(&[VERSION, state.entries.len() as u8]);
        for entry in &state.entries {
            let has_begun = match entry.makes {
                Makes::From(time) if time <= now.running_ms => MAKES,
                Makes::From(_) => WAITS,
                Makes::NotYet => NOT_YET,
            };
            match &entry.source {
                Source::Key(key) => {
                    let key = key::bytes(key);
                    bytes.put(&[KEY, has_begun, key.len() as u8]);
                    bytes.put(&key);
                }
                Source::Secret(source) => {
                    bytes.put(&[SECRET, has_begun]);
                    bytes.put(&source.period_ms().to_be_bytes());
                    bytes.put(&(source.secret().len() as u16).to_be_bytes());
                    bytes.put(source.secret());
                }
            }
        }
        let digest = sha256(&bytes.0);
        bytes.put(&digest);
        bytes.0
    }

    /// Puts what [`TicketRing::export`] gave in place of what is in the ring. What makes tickets there
    /// makes them here at once; what waits there waits here as well, for the whole grace period unless
    /// it has been here already.
    ///
    /// # Errors
    /// `Key`: they are not such bytes, or not any more, and the ring is as it was.
    pub fn import(&self, bytes: &[u8]) -> Result<()> {
        self.import_at(bytes, Moment::now())
    }

    pub(super) fn import_at(&self, bytes: &[u8], now: Moment) -> Result<()> {
        let read = read(bytes)?;
        let mut state = self.lock();
        let entries = read
            .into_iter()
            .map(|(source, has_begun)| {
                let makes = match has_begun {
                    MAKES => Makes::From(0),
                    WAITS => state.begun(&source, now)?,
                    _ => Makes::NotYet,
                };
                Ok(Entry { source, makes })
            })
            .collect::<Result<_>>()?;
        state.replace(entries)
    }
}

impl State {
    /// From when on a source that waits elsewhere makes tickets here.
    fn begun(&self, source: &Source, now: Moment) -> Result<Makes> {
        Ok(match find(&self.entries, source)? {
            Some(entry) if entry.makes != Makes::NotYet => entry.makes,
            _ => Makes::From(now.running_ms + self.grace_ms),
        })
    }
}

fn read(bytes: &[u8]) -> Result<Vec<(Source, u8)>> {
    let Some(rest) = bytes.strip_prefix(MAGIC) else {
        return Err(unusable("these bytes are not an exported ticket ring"));
    };
    let damaged = || unusable("this exported ticket ring is cut short or was altered");
    match rest.first() {
        Some(&VERSION) => {}
        Some(version) => {
            return Err(unusable(format!(
                "this ticket ring was exported in version {version} of the form, and this library \
                 knows version {VERSION}"
            )))
        }
        None => return Err(damaged()),
    }
    let intact = bytes
        .split_last_chunk::<DIGEST_LENGTH>()
        .filter(|(text, digest)| sha256(text) == **digest);
    let Some((text, _)) = intact else {
        return Err(damaged());
    };
    let mut reader = Reader(text.get(MAGIC.len() + 1..).ok_or_else(damaged)?);
    let entries = reader.entries().ok_or_else(damaged)?;
    let is_whole = reader.0.is_empty() && (1..=MAX_ENTRIES).contains(&entries.len());
    if is_whole {
        Ok(entries)
    } else {
        Err(damaged())
    }
}

/// What is not needed any more is wiped, also where it grows.
struct Writer(Secret);

impl Writer {
    fn put(&mut self, bytes: &[u8]) {
        self.0 = Secret::new([&self.0, bytes].concat());
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(first)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn entries(&mut self) -> Option<Vec<(Source, u8)>> {
        let [count] = self.array()?;
        (0..count).map(|_| self.entry()).collect()
    }

    fn entry(&mut self) -> Option<(Source, u8)> {
        let [kind, has_begun] = self.array()?;
        let source = match kind {
            KEY => {
                let [length] = self.array()?;
                let key = key::parse(self.take(length.into())?).ok()?;
                Source::Key(std::sync::Arc::new(key))
            }
            SECRET => {
                let period_ms = u64::from_be_bytes(self.array()?);
                let length = u16::from_be_bytes(self.array()?);
                Source::Secret(KeySource::new(self.take(length.into())?, period_ms).ok()?)
            }
            _ => return None,
        };
        (has_begun <= NOT_YET).then_some((source, has_begun))
    }
}
