//! How a stream comes to be: its place in the loop, who hears its events, what carries it.

use std::net::SocketAddr;
use std::rc::Rc;

use super::event_loop::{Entry, Loop};
use super::server::Server;
use super::stream::{Io, Stream};
use super::transport::Transport;
use super::StreamEvents;
use crate::error::{Error, Result, Status};

impl Stream {
    /// A new stream behind the token of the entry that `entry` makes of it.
    pub(super) fn insert(
        event_loop: &Rc<Loop>,
        server: Option<Rc<Server>>,
        io: Io,
        entry: fn(Rc<Stream>) -> Entry,
    ) -> Result<Rc<Stream>> {
        let mut made = None;
        event_loop.insert(|token| {
            let stream = Stream::new(event_loop, token, server, io);
            made = Some(Rc::clone(&stream));
            entry(stream)
        });
        made.ok_or_else(|| {
            Error::new(
                Status::Internal,
                "ERR_INTERNAL",
                "the loop made no entry for the stream",
            )
        })
    }

    /// Has somebody registered for the events, and then the stream carried by `transport`, of which
    /// `received` was read already. On failure the stream is destroyed, and what the user brought
    /// along is still the user's.
    pub(super) fn begin(
        self: &Rc<Self>,
        transport: Transport,
        remote: Option<SocketAddr>,
        received: Vec<u8>,
        register: impl FnOnce(&Rc<Stream>) -> Result<Option<Rc<dyn StreamEvents>>>,
    ) -> Result<()> {
        let begun = register(self).and_then(|events| {
            if let Some(events) = events {
                self.set_events(events);
            }
            self.attach(transport, remote, received)
        });
        if begun.is_err() {
            self.destroy();
        }
        begun
    }

    fn attach(
        self: &Rc<Self>,
        mut transport: Transport,
        remote: Option<SocketAddr>,
        received: Vec<u8>,
    ) -> Result<()> {
        transport
            .watch(self.event_loop.registry(), self.token)
            .map_err(|cause| {
                Error::system(Status::System, "cannot watch the connection", &cause)
            })?;
        transport.keep();
        let below = transport.as_under().map(|under| Rc::clone(under.stream()));
        self.bytes_read.set(received.len() as u64);
        {
            let mut io = self.io.borrow_mut();
            io.remote_address = remote;
            io.leftover = received;
            io.transport = Some(transport);
        }
        if let Some(below) = below {
            below.carry(self);
        }
        Ok(())
    }
}
