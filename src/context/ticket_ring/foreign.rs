//! What nginx and HAProxy have: their files of ticket keys, and the session id contexts that they
//! insist on.

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::sha::Sha1;

use super::{key, unusable, Entry, Makes, TicketRing, MAX_ENTRIES};
use crate::context::pem;
use crate::error::{Error, Result, Status};
use crate::sys::error_queue;
use crate::sys::memory::Secret;
use crate::sys::ticket_keys::TicketKey;

/// HAProxy takes no file with fewer keys.
const HAPROXY_KEYS: usize = 3;

impl TicketRing {
    /// The files of nginx's `ssl_session_ticket_key`, in its order, in place of what is in the ring:
    /// the first makes tickets.
    pub fn import_nginx(&self, files: &[&[u8]]) -> Result<()> {
        if files.is_empty() || files.len() > MAX_ENTRIES {
            return Err(Error::argument(format!(
                "a ring takes 1 to {MAX_ENTRIES} files, not {}",
                files.len()
            )));
        }
        let newest_last = files.iter().rev();
        let entries = newest_last
            .map(|file| Ok(Entry::of_key(nginx_key(file)?, Makes::From(0))))
            .collect::<Result<_>>()?;
        self.replace(entries)
    }

    /// A file of HAProxy's `tls-ticket-keys`, in place of what is in the ring: the last key but one
    /// makes tickets, the last is for the time after the next change.
    pub fn import_haproxy(&self, text: &[u8]) -> Result<()> {
        let mut entries = Vec::new();
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = line.trim_ascii();
            if !line.is_empty() {
                let key = haproxy_key(line, index + 1)?;
                entries.push(Entry::of_key(key, Makes::From(0)));
            }
        }
        if entries.len() < HAPROXY_KEYS {
            return Err(unusable(format!(
                "HAProxy has at least {HAPROXY_KEYS} keys in a file, one in each line, and this one \
                 has {}",
                entries.len()
            )));
        }
        if let Some(last) = entries.last_mut() {
            last.makes = Makes::NotYet;
        }
        self.replace(entries)
    }

    /// The session id context of an nginx whose default server has these certificates, in the order
    /// of its configuration, and these CAs for its clients.
    pub fn set_nginx_id_context(&self, certificates: &[&[u8]], client_cas: &[u8]) -> Result<()> {
        if certificates.is_empty() {
            return Err(Error::argument("an nginx has at least one certificate"));
        }
        self.set_foreign_id_context(&nginx_id_context(certificates, client_cas)?)
    }
}

fn nginx_key(file: &[u8]) -> Result<TicketKey> {
    let length = file.len();
    let (name, first, second) = key::split(file).map_err(|_| {
        unusable(format!(
            "nginx has 48 or 80 bytes in a file of ticket keys, and this one has {length}"
        ))
    })?;
    let (hmac, aes) = if length == key::SHORT {
        (second, first)
    } else {
        (first, second)
    };
    TicketKey::new(name, hmac, aes).ok_or_else(|| key::wrong_length(length, "48 or 80"))
}

fn haproxy_key(line: &[u8], number: usize) -> Result<TicketKey> {
    let refused = || {
        unusable(format!(
            "line {number} is not a ticket key of HAProxy: 48 or 80 bytes in Base64"
        ))
    };
    let decoded = std::str::from_utf8(line)
        .ok()
        .and_then(|line| openssl::base64::decode_block(line).ok());
    error_queue::begin();
    let bytes = Secret::new(decoded.ok_or_else(refused)?);
    // Its order is the same for both lengths: that of nginx's short keys.
    let (name, aes, hmac) = key::split(&bytes).map_err(|_| refused())?;
    TicketKey::new(name, hmac, aes).ok_or_else(refused)
}

fn nginx_id_context(certificates: &[&[u8]], client_cas: &[u8]) -> Result<[u8; 20]> {
    let unusable = |stack: ErrorStack| {
        let what = "a certificate cannot be used";
        error_queue::from_stack(Status::Certificate, what, &stack)
    };
    let mut hash = Sha1::new();
    hash.update(b"HTTP");
    // It keeps them in a list that grows at its head.
    for text in certificates.iter().rev() {
        let leaf = &pem::certificates(text)?[0];
        hash.update(&leaf.digest(MessageDigest::sha1()).map_err(unusable)?);
    }
    if !client_cas.is_empty() {
        let mut names = Vec::new();
        for ca in pem::certificates(client_cas)? {
            let name = ca.subject_name().to_der().map_err(unusable)?;
            if !names.contains(&name) {
                hash.update(&openssl::sha::sha1(&name));
                names.push(name);
            }
        }
    }
    Ok(hash.finish())
}
