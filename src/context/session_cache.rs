//! A client context's sessions, for its next connections to the same servers. It is shared by all
//! threads that use the context, holds so many sessions at most, and wipes what it drops.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::error::{Error, Result};
use crate::sys::memory::Secret;

/// Sessions of one server and policy; the oldest give way.
const MOST_OF_ONE: usize = 8;
/// A longer session is not kept: a server could fill the memory with its tickets.
const MOST_BYTES: usize = 16 * 1024;
const MOST_ENTRIES: usize = 1 << 20;

/// A server as the program names it: the host, or the path of a Unix socket with port 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub host: String,
    pub port: u16,
}

/// A server, and the rules by which it was judged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SessionKey {
    pub place: Place,
    pub policy: [u8; 32],
}

pub struct SessionCache {
    capacity: usize,
    state: Mutex<State>,
    hits: AtomicU64,
    misses: AtomicU64,
    refused: AtomicU64,
}

#[derive(Default)]
struct State {
    /// The newest last.
    sessions: HashMap<Arc<SessionKey>, VecDeque<Entry>>,
    /// Which session was used longest ago.
    order: BTreeMap<u64, Arc<SessionKey>>,
    /// The number of the next use.
    turn: u64,
}

struct Entry {
    /// The number of its last use.
    turn: u64,
    saved: Secret,
    reusable: bool,
    end: i64,
}

/// What a cache has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// Connections that resumed a session from here.
    pub hits: u64,
    /// Connections for which there was none.
    pub misses: u64,
    /// Connections whose server would not resume the session from here.
    pub refused: u64,
    pub entries: u64,
}

impl SessionCache {
    /// # Errors
    /// More entries than any program needs.
    pub fn new(entries: usize) -> Result<SessionCache> {
        if entries > MOST_ENTRIES {
            return Err(Error::argument(format!(
                "a session cache has at most {MOST_ENTRIES} entries, not {entries}"
            )));
        }
        Ok(SessionCache {
            capacity: entries,
            state: Mutex::default(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// The newest session, which may be used until `now`; one that is for a single use is gone then.
    pub fn take(&self, key: &SessionKey, now: i64) -> Option<Secret> {
        let found = self.lock().take(key, now);
        if found.is_none() {
            self.misses.fetch_add(1, Ordering::Relaxed);
        }
        found
    }

    /// Keeps a session until `end`. One that is reusable takes the place of the others.
    pub fn put(&self, key: &SessionKey, saved: Secret, reusable: bool, end: i64) {
        if saved.len() > MOST_BYTES {
            return;
        }
        let mut state = self.lock();
        if reusable {
            state.remove_all(key);
        }
        state.add(key, saved, reusable, end);
        while state.order.len() > self.capacity {
            state.drop_oldest();
        }
    }

    /// Drops all sessions of a server.
    pub fn forget(&self, key: &SessionKey) {
        self.lock().remove_all(key);
    }

    /// A session from here was resumed, or the server would not.
    pub fn count(&self, resumed: bool) {
        let counter = if resumed { &self.hits } else { &self.refused };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub fn counts(&self) -> CacheCounts {
        CacheCounts {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            entries: self.lock().order.len() as u64,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|e| e.into_inner())
    }
}

impl State {
    fn next_turn(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    fn take(&mut self, key: &SessionKey, now: i64) -> Option<Secret> {
        let turn = self.next_turn();
        let (key, _) = self.sessions.get_key_value(key)?;
        let key = Arc::clone(key);
        let entries = self.sessions.get_mut(&key)?;
        entries.retain(|entry| {
            let good = entry.end > now;
            if !good {
                self.order.remove(&entry.turn);
            }
            good
        });
        let found = match entries.back_mut() {
            None => None,
            Some(newest) => {
                self.order.remove(&newest.turn);
                if newest.reusable {
                    newest.turn = turn;
                    self.order.insert(turn, Arc::clone(&key));
                    Some(Secret::new(newest.saved.to_vec()))
                } else {
                    entries.pop_back().map(|entry| entry.saved)
                }
            }
        };
        if entries.is_empty() {
            self.sessions.remove(&key);
        }
        found
    }

    fn add(&mut self, key: &SessionKey, saved: Secret, reusable: bool, end: i64) {
        let turn = self.next_turn();
        let key = match self.sessions.get_key_value(key) {
            Some((key, _)) => Arc::clone(key),
            None => Arc::new(key.clone()),
        };
        let entries = self.sessions.entry(Arc::clone(&key)).or_default();
        // Those that are reusable are of an older version of the protocol.
        while entries.len() >= MOST_OF_ONE || entries.front().is_some_and(|it| it.reusable) {
            if let Some(oldest) = entries.pop_front() {
                self.order.remove(&oldest.turn);
            }
        }
        entries.push_back(Entry {
            turn,
            saved,
            reusable,
            end,
        });
        self.order.insert(turn, key);
    }

    fn remove_all(&mut self, key: &SessionKey) {
        for entry in self.sessions.remove(key).into_iter().flatten() {
            self.order.remove(&entry.turn);
        }
    }

    fn drop_oldest(&mut self) {
        let Some((turn, key)) = self.order.pop_first() else {
            return;
        };
        let Some(entries) = self.sessions.get_mut(&key) else {
            return;
        };
        entries.retain(|entry| entry.turn != turn);
        if entries.is_empty() {
            self.sessions.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(host: &str) -> SessionKey {
        SessionKey {
            place: Place {
                host: host.into(),
                port: 443,
            },
            policy: [0; 32],
        }
    }

    fn saved(byte: u8) -> Secret {
        Secret::new(vec![byte])
    }

    fn take(cache: &SessionCache, key: &SessionKey) -> Option<u8> {
        cache.take(key, 0).map(|saved| saved[0])
    }

    #[test]
    fn s78_the_newest_ticket_is_used_once() {
        let cache = SessionCache::new(10).unwrap();
        for byte in 1..=3 {
            cache.put(&key("a"), saved(byte), false, 1);
        }
        assert_eq!(take(&cache, &key("a")), Some(3));
        assert_eq!(take(&cache, &key("b")), None);
        assert_eq!(take(&cache, &key("a")), Some(2));
        assert_eq!(take(&cache, &key("a")), Some(1));
        assert_eq!(take(&cache, &key("a")), None);
        assert_eq!(cache.counts().misses, 2);
        assert_eq!(cache.counts().entries, 0);
        assert!(cache.lock().sessions.is_empty());
    }

    #[test]
    fn s78_a_reusable_session_stays_and_takes_the_place_of_others() {
        let cache = SessionCache::new(10).unwrap();
        cache.put(&key("a"), saved(1), false, 1);
        cache.put(&key("a"), saved(2), true, 1);
        assert_eq!(take(&cache, &key("a")), Some(2));
        assert_eq!(take(&cache, &key("a")), Some(2));
        cache.put(&key("a"), saved(3), true, 1);
        assert_eq!(take(&cache, &key("a")), Some(3));
        cache.put(&key("a"), saved(4), false, 1);
        assert_eq!(take(&cache, &key("a")), Some(4));
        assert_eq!(take(&cache, &key("a")), None);
    }

    #[test]
    fn s78_c097_what_was_used_longest_ago_gives_way() {
        let cache = SessionCache::new(3).unwrap();
        for (host, byte) in [("a", 1), ("b", 2), ("c", 3)] {
            cache.put(&key(host), saved(byte), true, 1);
        }
        assert_eq!(take(&cache, &key("a")), Some(1));
        cache.put(&key("d"), saved(4), true, 1);
        assert_eq!(take(&cache, &key("b")), None);
        assert_eq!(take(&cache, &key("a")), Some(1));
        assert_eq!(cache.counts().entries, 3);
        for number in 0..10_000 {
            cache.put(&key(&format!("host {number}")), saved(0), false, 1);
        }
        assert_eq!(cache.counts().entries, 3);
        assert_eq!(cache.lock().sessions.len(), 3);
    }

    #[test]
    fn s78_c097_one_server_has_not_all_the_room() {
        let cache = SessionCache::new(100).unwrap();
        for number in 0..10_000 {
            cache.put(&key("a"), saved((number % 256) as u8), false, 1);
        }
        assert_eq!(cache.counts().entries, MOST_OF_ONE as u64);
        cache.put(&key("a"), Secret::new(vec![0; MOST_BYTES + 1]), false, 1);
        assert_eq!(take(&cache, &key("a")), Some((9_999 % 256) as u8));
    }

    #[test]
    fn s78_expired_sessions_are_dropped() {
        let cache = SessionCache::new(10).unwrap();
        cache.put(&key("a"), saved(1), false, 200);
        cache.put(&key("a"), saved(2), false, 100);
        assert_eq!(cache.take(&key("a"), 100).map(|saved| saved[0]), Some(1));
        assert_eq!(cache.counts().entries, 0);
        assert!(cache.lock().sessions.is_empty());
    }

    #[test]
    fn s78_a_server_is_forgotten_whole() {
        let cache = SessionCache::new(10).unwrap();
        cache.put(&key("a"), saved(1), false, 1);
        cache.put(&key("a"), saved(2), false, 1);
        cache.put(&key("b"), saved(3), false, 1);
        cache.forget(&key("a"));
        assert_eq!(take(&cache, &key("a")), None);
        assert_eq!(take(&cache, &key("b")), Some(3));
        assert!(SessionCache::new(MOST_ENTRIES + 1).is_err());
    }
}
