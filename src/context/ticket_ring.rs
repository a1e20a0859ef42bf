//! The keys that session tickets are made and opened with, in an order: the newest makes tickets as
//! soon as all hosts can have it, the older ones still open those that they made.

mod foreign;
mod key;
mod moment;
mod secret;
mod transfer;

use std::sync::{Arc, Mutex, MutexGuard};

use super::MAX_SESSION_ID_CONTEXT;
use crate::error::{Error, Result, Status};
use crate::sys::memory::Secret;
use crate::sys::ticket_keys::{KeyName, Opener, TicketKey};

use moment::Moment;
use secret::KeySource;

/// Keys and secrets in a ring; the oldest makes room for one more.
const MAX_ENTRIES: usize = 16;
/// One that makes tickets, and one that waits for it.
const MIN_ENTRIES: usize = 2;
const DEFAULT_GRACE_MS: u64 = 60_000;
const MAX_GRACE_MS: u64 = 7 * 24 * 3_600_000;

/// From when on an entry makes tickets, where no newer one does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Makes {
    /// By [`Moment::running_ms`].
    From(u64),
    /// It only opens: whose ring it comes from has not got that far.
    NotYet,
}

struct Entry {
    source: Source,
    makes: Makes,
}

impl Entry {
    fn of_key(key: TicketKey, makes: Makes) -> Entry {
        Entry {
            source: Source::Key(Arc::new(key)),
            makes,
        }
    }
}

enum Source {
    Key(Arc<TicketKey>),
    Secret(KeySource),
}

struct State {
    /// The oldest first; never empty.
    entries: Vec<Entry>,
    /// The one entry is a random key, and was never used: the first real one takes its place.
    is_made_up: bool,
    max_entries: usize,
    grace_ms: u64,
    foreign_id_context: Option<Vec<u8>>,
}

/// Shared by any number of contexts; all methods may be called from any thread, while tickets are
/// made and opened. Keys are wiped when the last who uses one is done with it.
pub struct TicketRing {
    state: Mutex<State>,
}

impl TicketRing {
    pub const MAX_ENTRIES: usize = MAX_ENTRIES;

    /// A ring with a random key of 48 bytes. As long as it was not used, the first that is added takes its
    /// place.
    pub fn new() -> Result<Arc<TicketRing>> {
        let key = key::random(key::SHORT)?;
        Ok(TicketRing::of(Entry::of_key(key, Makes::From(0)), true))
    }

    /// A ring with this key alone: 48 bytes as Node has them.
    pub fn with_key(bytes: &[u8]) -> Result<Arc<TicketRing>> {
        if bytes.len() != key::SHORT {
            return Err(key::wrong_length(bytes.len(), "48"));
        }
        let key = key::parse(bytes)?;
        Ok(TicketRing::of(Entry::of_key(key, Makes::From(0)), false))
    }

    fn of(entry: Entry, is_made_up: bool) -> Arc<TicketRing> {
        Arc::new(TicketRing {
            state: Mutex::new(State {
                entries: vec![entry],
                is_made_up,
                max_entries: MAX_ENTRIES,
                grace_ms: DEFAULT_GRACE_MS,
                foreign_id_context: None,
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Adds a fresh random key of 80 bytes.
    pub fn rotate(&self) -> Result<()> {
        let key = key::random(key::LONG)?;
        self.add(Source::Key(Arc::new(key)), Moment::now())
    }

    /// Adds a key of 48 or 80 bytes: the name, the key for HMAC, the key for AES. One that is there
    /// already stays as it is.
    pub fn add_key(&self, bytes: &[u8]) -> Result<()> {
        let key = key::parse(bytes)?;
        self.add(Source::Key(Arc::new(key)), Moment::now())
    }

    /// Adds keys that come from a secret and the time: everybody who has the secret has them.
    pub fn add_secret(&self, secret: &[u8], period_ms: u64) -> Result<()> {
        let source = KeySource::new(secret, period_ms)?;
        self.add(Source::Secret(source), Moment::now())
    }

    fn add(&self, source: Source, now: Moment) -> Result<()> {
        self.lock().add(source, now)
    }

    /// The oldest first; of equal ones the newest stays.
    fn replace(&self, entries: Vec<Entry>) -> Result<()> {
        self.lock().replace(entries)
    }

    /// The oldest above this number are dropped, at once and from now on.
    pub fn set_max_keys(&self, count: usize) -> Result<()> {
        if !(MIN_ENTRIES..=MAX_ENTRIES).contains(&count) {
            return Err(Error::argument(format!(
                "a ring keeps {MIN_ENTRIES} to {MAX_ENTRIES} keys, not {count}"
            )));
        }
        let mut state = self.lock();
        state.max_entries = count;
        state.drop_oldest();
        Ok(())
    }

    /// How long a key that is added from now on only opens tickets, so that the others have it as well
    /// when the first ticket is made with it.
    pub fn set_grace_period(&self, milliseconds: u64) -> Result<()> {
        if milliseconds > MAX_GRACE_MS {
            return Err(Error::argument(format!(
                "a grace period of {milliseconds} ms is more than seven days"
            )));
        }
        self.lock().grace_ms = milliseconds;
        Ok(())
    }

    /// Keys and secrets that are there.
    pub fn count(&self) -> usize {
        self.lock().entries.len()
    }

    /// The session id context of other servers that share the keys and insist on their own.
    pub fn set_foreign_id_context(&self, id: &[u8]) -> Result<()> {
        if id.len() > MAX_SESSION_ID_CONTEXT {
            return Err(Error::argument(format!(
                "a session id context has at most {MAX_SESSION_ID_CONTEXT} bytes, not {}",
                id.len()
            )));
        }
        self.lock().foreign_id_context = Some(id.to_vec()).filter(|id| !id.is_empty());
        Ok(())
    }

    pub fn foreign_id_context(&self) -> Option<Vec<u8>> {
        self.lock().foreign_id_context.clone()
    }

    /// The key to make tickets with now.
    pub fn maker(&self) -> Option<Arc<TicketKey>> {
        self.lock().maker(Moment::now())
    }

    /// The key by its name, if it is known.
    pub fn opener(&self, name: &KeyName) -> Option<Opener> {
        self.lock().opener(name, Moment::now())
    }

    /// The key that makes tickets now, as Node has it.
    ///
    /// # Errors
    /// `InvalidState`: it is one of 80 bytes.
    pub fn key_of_48_bytes(&self) -> Result<Secret> {
        let key = self.maker().ok_or_else(secret::cannot_derive)?;
        let bytes = key::bytes(&key);
        if bytes.len() != key::SHORT {
            return Err(Error::state(
                "the key that makes tickets now has 80 bytes, which Node's form cannot hold: use \
                 tls_ticket_ring_export",
            ));
        }
        Ok(bytes)
    }

    /// What seals sessions for a store: with the name of the ticket key that it comes from.
    pub fn sealing_key(&self) -> Result<(KeyName, Secret)> {
        let key = self.maker().ok_or_else(secret::cannot_derive)?;
        Ok((key.name, key::for_sealing(&key)?))
    }

    /// The same by the name of a ticket key that may have been replaced by now.
    pub fn sealing_key_named(&self, name: &KeyName) -> Option<Secret> {
        key::for_sealing(&self.opener(name)?.key).ok()
    }
}

impl State {
    fn add(&mut self, source: Source, now: Moment) -> Result<()> {
        if self.is_made_up {
            let makes = Makes::From(0);
            return self.replace(vec![Entry { source, makes }]);
        }
        if find(&self.entries, &source)?.is_some() {
            return Ok(());
        }
        self.entries.push(Entry {
            source,
            makes: Makes::From(now.running_ms + self.grace_ms),
        });
        self.drop_oldest();
        Ok(())
    }

    fn drop_oldest(&mut self) {
        let too_many = self.entries.len().saturating_sub(self.max_entries);
        self.entries.drain(..too_many);
    }

    fn replace(&mut self, entries: Vec<Entry>) -> Result<()> {
        let mut distinct: Vec<Entry> = Vec::new();
        for entry in entries.into_iter().rev() {
            if find(&distinct, &entry.source)?.is_none() {
                distinct.insert(0, entry);
            }
        }
        self.entries = distinct;
        self.is_made_up = false;
        self.drop_oldest();
        Ok(())
    }

    /// The newest whose time has come; before any has, the oldest.
    fn making(&self, now: Moment) -> usize {
        let has_begun = |entry: &Entry| match entry.makes {
            Makes::From(time) => time <= now.running_ms,
            Makes::NotYet => false,
        };
        self.entries.iter().rposition(has_begun).unwrap_or(0)
    }

    fn maker(&mut self, now: Moment) -> Option<Arc<TicketKey>> {
        // There is something to keep it for.
        self.is_made_up = false;
        let making = self.making(now);
        self.entries[making].source.maker(now)
    }

    fn opener(&mut self, name: &KeyName, now: Moment) -> Option<Opener> {
        let making = self.making(now);
        // The newest are asked for most.
        let mut entries = self.entries.iter_mut().enumerate().rev();
        entries.find_map(|(index, entry)| {
            let mut opener = entry.source.opener(name, now)?;
            opener.is_old |= index < making;
            Some(opener)
        })
    }
}

/// The entry with this key or secret.
fn find<'a>(entries: &'a [Entry], source: &Source) -> Result<Option<&'a Entry>> {
    for entry in entries {
        if entry.source.is_same(source)? {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

impl Source {
    fn maker(&mut self, now: Moment) -> Option<Arc<TicketKey>> {
        match self {
            Source::Key(key) => Some(Arc::clone(key)),
            Source::Secret(source) => source.maker(now),
        }
    }

    fn opener(&mut self, name: &KeyName, now: Moment) -> Option<Opener> {
        match self {
            Source::Key(key) => (key.name == *name).then(|| Opener {
                key: Arc::clone(key),
                is_old: false,
            }),
            Source::Secret(source) => source.opener(name, now),
        }
    }

    /// # Errors
    /// `InvalidArgument`: two keys of one name, of which only one could ever be found.
    fn is_same(&self, other: &Source) -> Result<bool> {
        match (self, other) {
            (Source::Key(a), Source::Key(b)) if a.name == b.name => {
                if equal(a.secret(), b.secret()) {
                    Ok(true)
                } else {
                    Err(Error::argument(
                        "the ring has another key of this name: make a random name for each key",
                    ))
                }
            }
            (Source::Secret(a), Source::Secret(b)) => Ok(a.is_same(b)),
            _ => Ok(false),
        }
    }
}

/// Takes the same time wherever they differ.
fn equal(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && openssl::memcmp::eq(a, b)
}

/// For bytes that should hold keys and do not.
fn unusable(message: impl Into<String>) -> Box<Error> {
    Error::new(Status::Key, "ERR_INVALID_TICKET_KEYS", message)
}

#[cfg(test)]
mod tests;
