//! One TLS connection without I/O: bytes in, bytes out, events out. `Connection` is used by both the
//! secure pair (here) and the stream (`net`); nothing about TLS is written twice.

mod client_session;
mod connection;
mod facts;
mod failure;
mod foreign_session;
mod handshake;
mod identity;
pub mod pair;
mod peer_chain;
mod renegotiation;
mod request;
mod resumption;
mod saved_session;
mod scratch;
mod sealed_session;
mod server_name;
mod settings;
#[cfg(test)]
mod tests;
mod tickets;

pub use connection::{Connection, Event};
pub use facts::Facts;
pub use identity::{bare_address, check_server_identity};
pub use renegotiation::{Limit, DEFAULT_LIMIT, DEFAULT_WINDOW};
pub use request::{Answer, Question, Request};
pub use resumption::{Count, Keeping, NewSession, SessionCounts};
pub use saved_session::read as read_session;
pub use scratch::PLAIN_LENGTH;
pub use server_name::NameTable;
pub use settings::{check_host, Role, Settings, VerifyName};

/// What became of a write that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    Ok,
    /// Taken too, but the high-water mark is reached: stop until drain.
    Full,
}

/// Plaintext bytes that may be queued before a write answers [`Written::Full`].
pub const DEFAULT_HIGH_WATER_MARK: usize = 64 * 1024;
