//! Sockets: the loop and what hangs on it. One thread at a time; events go up through the traits
//! below, always with no borrow held, so that whoever is told may call anything.

mod batch;
mod begin;
mod buffers;
mod connect;
mod decision;
mod event_loop;
mod given;
mod idle;
mod listener;
mod liveness;
mod pipe;
mod pull;
mod remote;
mod resolver;
mod server;
mod socket_file;
mod stream;
mod timers;
mod transfer;
mod transport;
mod tunnel;
mod write_queue;

use std::rc::Rc;
use std::sync::Arc;

use crate::engine::{NewSession, Question, Request};
use crate::error::{Error, Result};

pub use batch::Batch;
pub use buffers::DEFAULT_SLAB_BUFFER_SIZE;
pub use connect::{connect, ConnectOptions, Route};
pub use event_loop::Loop;
pub use given::GivenFd;
pub use listener::Address;
pub use pull::{Place, Pull};
pub use remote::Remote;
pub use server::{Server, DEFAULT_HANDSHAKE_TIMEOUT};
pub use socket_file::check_path;
pub use stream::Stream;
pub use transport::{Carrier, Transport};

/// What a stream tells. `error` comes at most once; `close` comes once and last.
pub trait StreamEvents {
    fn secure_connect(&self);
    /// How many were taken: all, except by the rows of a pulled turn.
    fn data(&self, bytes: &[u8]) -> usize;
    /// The peer has ended; not `clean` means without a close_notify.
    fn end(&self, clean: bool);
    fn drain(&self);
    /// A renegotiation has come to its end.
    fn renegotiated(&self);
    /// A client has got a session that can be resumed.
    fn session(&self, session: &[u8]);
    /// Something about the peer is to be decided. False: there is nobody to decide it.
    fn ask(&self, question: &Question, request: &Arc<Request>) -> bool;
    fn timeout(&self);
    fn error(&self, error: &Error);
    fn close(&self, had_error: bool);
}

/// What a server tells.
pub trait ServerEvents {
    /// A connection was accepted, its handshake is to come: gives the one to tell its events to.
    ///
    /// An error closes the connection, and is told as the server's.
    fn accepted(&self, stream: &Rc<Stream>) -> Result<Rc<dyn StreamEvents>>;
    fn listening(&self);
    fn secure_connection(&self, stream: &Rc<Stream>);
    /// A session was made, which is to be kept.
    fn new_session(&self, stream: &Rc<Stream>, session: &NewSession);
    /// Something is to be decided for a connection in its handshake. False: there is nobody to
    /// decide it.
    fn ask(&self, stream: &Rc<Stream>, question: &Question, request: &Arc<Request>) -> bool;
    /// A connection failed before it was secure; it is destroyed right after.
    fn client_error(&self, error: &Error, stream: &Rc<Stream>);
    /// Accepting failed; the server goes on trying.
    fn error(&self, error: &Error);
    fn close(&self);
}
