//! How bytes travel between a stream's socket and its callbacks: one `recv` brings several records,
//! each record's plaintext is told where it lies, what callbacks write gathers, and one `send` takes
//! it away when they are done.

use std::io;
use std::rc::Rc;

use mio::event::Event as Readiness;

use super::buffers::{Windows, CHUNK_LENGTH};
use super::stream::{update, Io, Stream};
use super::transport::Transport;
use crate::engine::{Event, PLAIN_LENGTH};
use crate::error::{Error, Result, Status};

/// Receives of one stream in one turn; then others are served.
const RECEIVES: usize = 4;
/// Ciphertext that is gathered before it is sent in the middle of a turn.
const SEND_AT: usize = 64 * 1024;
/// Smaller writes gather to full records, larger ones are encrypted where they lie.
const GATHER_BELOW: usize = 4 * 1024;
/// Drain events of one stream in one turn.
const DRAINS: usize = 8;
/// Ciphertext that may wait for the peer. What the user writes waits in the queue, in plain text, as
/// soon as the socket takes no more; so beyond this there are only answers, mostly to key updates.
const MOST_UNSENT: usize = 256 * 1024;
/// The output buffer is not kept larger than this.
const OUT_KEPT: usize = 1024 * 1024;

impl Stream {
    pub(super) fn serve(self: &Rc<Self>, readiness: &Readiness) {
        // A short read means "drained" only while the peer goes on: data and FIN can be one edge.
        let to_the_end = readiness.is_read_closed() || readiness.is_error();
        self.serve_with(|stream, windows| {
            if readiness.is_writable() {
                stream.send_unsent();
            }
            if readiness.is_readable() || to_the_end {
                stream.receive(windows, to_the_end);
            }
            if readiness.is_error() {
                stream.notice_reset();
            }
        });
    }

    /// A peer that resets while its handshake waits for a decision is gone, though nothing is read
    /// as long as that takes, and its question with it.
    fn notice_reset(self: &Rc<Self>) {
        let cause = {
            let io = self.io.borrow();
            let waiting = io.transport.as_ref().filter(|_| io.request.is_some());
            waiting.and_then(Transport::take_error)
        };
        if let Some(cause) = cause {
            self.transport_failed("read", &cause);
        }
    }

    /// Serves what was left over, or held back until now.
    pub(super) fn serve_again(self: &Rc<Self>) {
        update(&self.state, |state| state.ready = false);
        self.serve_with(|stream, windows| {
            stream.process_kept(windows);
            stream.send_into_stream();
            stream.receive(windows, true);
        });
    }

    /// Begins the handshake of a client that is connected.
    pub(super) fn start_handshake(self: &Rc<Self>) {
        self.serve_with(|stream, windows| stream.process_kept(windows));
    }

    fn serve_with(self: &Rc<Self>, work: impl FnOnce(&Rc<Stream>, &mut Windows)) {
        // A client that is not connected yet has nothing to serve.
        if self.state.get().closed || self.io.borrow().transport.is_none() {
            return;
        }
        update(&self.state, |state| state.serving = true);
        let mut windows = self.event_loop.buffers.borrow_mut().take_windows();
        work(self, &mut windows);
        self.event_loop.buffers.borrow_mut().give_windows(windows);
        self.finish_serving();
    }

    /// Sends what callbacks wrote, tells drain, closes when all is done.
    fn finish_serving(self: &Rc<Self>) {
        let mut more = true;
        for _ in 0..DRAINS {
            self.flush();
            let state = self.state.get();
            more = state.needs_drain && !state.closed && self.io.borrow().is_flushed();
            if !more {
                break;
            }
            update(&self.state, |state| {
                state.needs_drain = false;
                state.serving = true;
            });
            self.resume_sources();
            if !state.ending {
                self.tell(|events| events.drain());
            }
        }
        update(&self.state, |state| state.serving = false);
        // What the last drain event wrote. Anything else in the queue waits for the peer, and asking
        // again in every turn would not bring it on.
        if more {
            self.flush_later();
        }
        if self.state.get().ready_again {
            update(&self.state, |state| state.ready_again = false);
            self.serve_later();
        }
        self.close_if_over();
    }

    pub(super) fn flush_dirty(self: &Rc<Self>) {
        update(&self.state, |state| state.dirty = false);
        if !self.state.get().closed && self.io.borrow().transport.is_some() {
            self.finish_serving();
        }
    }

    fn close_if_over(self: &Rc<Self>) {
        let state = self.state.get();
        if state.closed || !state.output_done {
            return;
        }
        if state.input_ended || state.winding_up {
            if !state.eof {
                self.absorb();
            }
            self.close_now(false);
        }
    }

    /// May the socket be read? Not while data is held back: then the peer has to wait.
    fn may_receive(&self) -> bool {
        let state = self.state.get();
        if state.closed || state.eof {
            return false;
        }
        let io = self.io.borrow();
        // What sending failed of is told first: reading after it would find a mere end.
        io.transport.is_some()
            && io.broken.is_none()
            && io.leftover.is_empty()
            && !self.holds_data(&io)
    }

    fn holds_data(&self, io: &Io) -> bool {
        self.state.get().secure && (self.flow.get().is_paused() || !io.unread.is_empty())
    }

    fn receive(self: &Rc<Self>, windows: &mut Windows, to_the_end: bool) {
        for _ in 0..RECEIVES {
            if !self.may_receive() || self.waits_for_room() {
                return;
            }
            let received = match &mut self.io.borrow_mut().transport {
                Some(transport) => transport.read(&mut windows.receive),
                None => return,
            };
            match received {
                Ok(0) => {
                    update(&self.state, |state| state.eof = true);
                    return self.transport_ended();
                }
                Ok(count) => {
                    self.bytes_read.set(self.bytes_read.get() + count as u64);
                    self.note_activity();
                    let receive = std::mem::take(&mut windows.receive);
                    let mut input = &receive[..count];
                    self.process(&mut input, windows);
                    self.keep(input);
                    windows.receive = receive;
                    if count < windows.receive.len() && !to_the_end {
                        return;
                    }
                }
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => return,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return self.transport_failed("read", &cause),
            }
        }
        // The budget is used up, and the edge will not come again.
        update(&self.state, |state| state.ready_again = true);
    }

    /// Steps the connection through `input` until it is used up or data is held back.
    fn process(self: &Rc<Self>, input: &mut &[u8], windows: &mut Windows) {
        loop {
            let event = {
                let mut io = self.io.borrow_mut();
                if self.state.get().closed {
                    *input = &[];
                    return;
                }
                if self.holds_data(&io) || self.waits_for_room() {
                    return;
                }
                let mut out = self.event_loop.out.borrow_mut();
                io.connection.step(input, &mut out, &mut windows.plain)
            };
            if !matches!(event, Event::Secure | Event::Failed(_)) {
                self.tell_sessions();
            }
            match event {
                Event::NeedInput | Event::Suspended => return,
                Event::Ask(question) => self.ask(&question),
                Event::NewSession(session) => {
                    if let Some(server) = &self.server {
                        server.tell_new_session(self, &session);
                    }
                }
                Event::Renegotiated => self.tell(|events| events.renegotiated()),
                Event::Secure => {
                    self.became_secure();
                    self.tell_sessions();
                }
                Event::Data(count) => self.deliver(&windows.plain[..count]),
                Event::Closed => self.peer_ended(true),
                Event::Failed(error) => {
                    // The alert goes out first.
                    let _ = self.flush_io();
                    self.absorb();
                    self.fail(error);
                }
            }
        }
    }

    /// They came before the data of the same step, which the user may want to end the stream at.
    fn tell_sessions(&self) {
        loop {
            if self.state.get().closed {
                return;
            }
            let session = self.io.borrow_mut().connection.take_session();
            let Some(session) = session else {
                return;
            };
            self.tell(|events| events.session(&session));
        }
    }

    /// Plaintext and ciphertext that were held back come before anything new.
    fn process_kept(self: &Rc<Self>, windows: &mut Windows) {
        let flow = self.flow.get();
        if (flow.is_paused() && self.state.get().secure) || self.waits_for_room() {
            return;
        }
        if flow.has_consumer() || self.goes_to_row() {
            let unread = std::mem::take(&mut self.io.borrow_mut().unread);
            if !unread.is_empty() {
                self.deliver(&unread);
            }
        }
        let (leftover, stepped) = {
            let mut io = self.io.borrow_mut();
            let stepped = std::mem::take(&mut io.stepped);
            (std::mem::take(&mut io.leftover), stepped)
        };
        let mut input = &leftover[stepped..];
        self.process(&mut input, windows);
        let left = input.len();
        if left > 0 {
            let mut io = self.io.borrow_mut();
            io.stepped = leftover.len() - left;
            io.leftover = leftover;
        }
    }

    fn keep(&self, input: &[u8]) {
        if !input.is_empty() {
            self.io.borrow_mut().leftover.extend_from_slice(input);
        }
    }

    fn became_secure(self: &Rc<Self>) {
        self.cancel_handshake_timer();
        update(&self.state, |state| state.secure = true);
        match &self.server {
            Some(server) => server.tell_secure_connection(self),
            None => self.tell(|events| events.secure_connect()),
        }
    }

    fn deliver(self: &Rc<Self>, bytes: &[u8]) {
        let flow = self.flow.get();
        if self.state.get().closed {
            return;
        }
        let to_row = self.goes_to_row();
        // Paused by a callback that came before this data.
        if !(flow.has_consumer() || to_row) || flow.is_paused() {
            self.io.borrow_mut().unread.extend_from_slice(bytes);
            return;
        }
        if flow.has_data_callback || to_row {
            self.tell_data(bytes);
        }
        if flow.piped && !self.state.get().closed {
            self.pipe_data(bytes);
        }
    }

    /// The peer has ended its direction: with a close_notify, or just so.
    fn peer_ended(self: &Rc<Self>, clean: bool) {
        update(&self.state, |state| state.input_ended = true);
        self.tell(|events| events.end(clean));
        self.end_pipes();
        if self.goes_to_row() {
            self.event_loop.to_end(Rc::clone(self));
        } else {
            self.end_with_peer();
        }
    }

    /// Our side ends too. What others pipe into it still comes: then their end is its end.
    pub(super) fn end_with_peer(self: &Rc<Self>) {
        if !self.flow.get().allow_half_open && !self.is_fed_by_others() {
            self.end();
        }
    }

    fn transport_ended(self: &Rc<Self>) {
        let ended = self.io.borrow_mut().connection.end_of_input();
        match ended {
            Ok(true) => {}
            Ok(false) => self.peer_ended(false),
            Err(error) => self.fail(error),
        }
    }

    pub(super) fn transport_failed(self: &Rc<Self>, what: &str, cause: &io::Error) {
        let state = self.state.get();
        if state.input_ended
            && (state.output_done || state.ending)
            && self.io.borrow().queue.is_empty()
        {
            // All was said on both sides; how the peer let go of the socket does not matter.
            return self.close_now(false);
        }
        if let Some(error) = self.parting_alert() {
            return self.fail(error);
        }
        let status = match cause.kind() {
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted => Status::Reset,
            _ => Status::System,
        };
        self.fail(Error::system(status, what, cause));
    }

    /// The stream that carries this one is gone.
    pub(super) fn lost_transport(self: &Rc<Self>) {
        let cause = io::Error::from_raw_os_error(libc::ECONNRESET);
        self.transport_failed("the stream underneath was closed", &cause);
    }

    /// The alert that a peer sent before it let go of the socket, while we were still writing: it says
    /// why, which the system does not. A client that is refused for its certificate meets this on TLS
    /// 1.3.
    fn parting_alert(&self) -> Option<Box<Error>> {
        let mut io = self.io.borrow_mut();
        let io = &mut *io;
        let transport = io.transport.as_mut()?;
        let mut input = io.leftover.split_off(io.stepped);
        let mut scrap = vec![0; PLAIN_LENGTH];
        for _ in 0..RECEIVES {
            match transport.read(&mut scrap) {
                Ok(count) if count > 0 => input.extend_from_slice(&scrap[..count]),
                _ => break,
            }
        }
        let mut input = input.as_slice();
        loop {
            match io.connection.step(&mut input, &mut Vec::new(), &mut scrap) {
                Event::Failed(error) => return Some(error),
                Event::Data(_) | Event::Secure | Event::NewSession(_) | Event::Renegotiated => {}
                Event::NeedInput | Event::Closed | Event::Ask(_) | Event::Suspended => return None,
            }
        }
    }

    /// Reads away what the peer may have sent meanwhile: closing a socket with unread data resets
    /// the connection, and what we sent last may be lost.
    fn absorb(&self) {
        let mut scrap = [0; 16 * 1024];
        let mut io = self.io.borrow_mut();
        let Some(transport) = &mut io.transport else {
            return;
        };
        if !transport.closes_with_stream() {
            return;
        }
        for _ in 0..RECEIVES {
            match transport.read(&mut scrap) {
                Ok(count) if count == scrap.len() => {}
                _ => return,
            }
        }
    }

    /// Takes written bytes in: encrypted at once where that saves a copy, queued otherwise.
    pub(super) fn take_in(self: &Rc<Self>, data: &[u8]) {
        let serving = self.state.get().serving;
        {
            let mut io = self.io.borrow_mut();
            let gathers = data.len() < GATHER_BELOW && io.queue.len() + data.len() <= CHUNK_LENGTH;
            let mut rest = data;
            if serving && !gathers && io.unsent.is_empty() {
                let mut out = self.event_loop.out.borrow_mut();
                if let Err(error) = self.encrypt_now(&mut io, &mut rest, &mut out) {
                    io.failure = Some(error);
                    return;
                }
            }
            io.queue
                .push(rest, &mut self.event_loop.buffers.borrow_mut());
        }
        self.flush_later();
    }

    /// Encrypts the queue and then `rest`, sending as it grows, as far as the socket takes it.
    fn encrypt_now(&self, io: &mut Io, rest: &mut &[u8], out: &mut Vec<u8>) -> Result<()> {
        while self.encrypt_queue(io, out)? {
            if !matches!(self.send(io, out), Ok(true)) {
                return Ok(());
            }
        }
        while !rest.is_empty() && io.queue.is_empty() && io.connection.is_writable() {
            if out.len() >= SEND_AT && !matches!(self.send(io, out), Ok(true)) {
                return Ok(());
            }
            let piece = &rest[..rest.len().min(SEND_AT)];
            let done = io.connection.write(piece, out)?;
            *rest = &rest[done..];
            if done < piece.len() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Encrypts from the queue until `out` is worth a send; true if so and there may be more.
    fn encrypt_queue(&self, io: &mut Io, out: &mut Vec<u8>) -> Result<bool> {
        while io.connection.is_writable() {
            let Some(front) = io.queue.front() else {
                break;
            };
            let length = front.len();
            let done = io.connection.write(front, out)?;
            io.queue
                .advance(done, &mut self.event_loop.buffers.borrow_mut());
            if done < length {
                break;
            }
            if out.len() >= SEND_AT {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn flush(self: &Rc<Self>) {
        if self.state.get().closed {
            self.event_loop.out.borrow_mut().clear();
            return;
        }
        match self.flush_io() {
            Ok(Ok(())) => {}
            Ok(Err(cause)) => self.transport_failed("write", &cause),
            Err(error) => self.fail(error),
        }
    }

    /// Sends what is in the output buffer, then encrypts and sends what is queued, then close_notify
    /// and FIN if the stream is ending. The inner error is the socket's.
    pub(super) fn flush_io(&self) -> Result<io::Result<()>> {
        let mut io = self.io.borrow_mut();
        let io = &mut *io;
        let mut out = self.event_loop.out.borrow_mut();
        if let Some(error) = io.failure.take() {
            return Err(error);
        }
        if let Some(cause) = io.broken.take() {
            return Ok(Err(cause));
        }
        let ending = self.state.get().ending;
        let mut sent = Ok(true);
        while matches!(sent, Ok(true)) {
            let more = io.unsent.is_empty() && self.encrypt_queue(io, &mut out)?;
            if ending && io.queue.is_empty() {
                io.connection.close(&mut out);
            }
            sent = self.send(io, &mut out);
            if !more {
                break;
            }
        }
        out.clear();
        if out.capacity() > OUT_KEPT {
            *out = Vec::new();
        }
        io.connection.free_buffers();
        if let Err(cause) = sent {
            return Ok(Err(cause));
        }
        if self.state.get().secure && io.unsent().len() > MOST_UNSENT {
            return Err(answers_unread());
        }
        if ending && io.is_flushed() && io.connection.close_sent() {
            self.output_done(io);
        }
        Ok(Ok(()))
    }

    fn output_done(&self, io: &mut Io) {
        let state = self.state.get();
        if state.output_done {
            return;
        }
        update(&self.state, |state| state.output_done = true);
        // Where both sides are done the socket is about to be closed anyway.
        if let (Some(transport), false) = (&mut io.transport, state.input_ended) {
            transport.end();
        }
    }

    /// Sends `out` and empties it. False: the socket is full, the rest waits as unsent.
    pub(super) fn send(&self, io: &mut Io, out: &mut Vec<u8>) -> io::Result<bool> {
        if out.is_empty() {
            return Ok(io.unsent.is_empty());
        }
        let Some(transport) = &mut io.transport else {
            out.clear();
            return Ok(true);
        };
        let mut done = 0;
        if io.unsent.is_empty() {
            loop {
                match transport.write(&out[done..]) {
                    Ok(count) => {
                        done += count;
                        break;
                    }
                    Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                    Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => break,
                    Err(cause) => return Err(cause),
                }
            }
            self.bytes_written
                .set(self.bytes_written.get() + done as u64);
        }
        let rest = &out[done..];
        if rest.is_empty() {
            out.clear();
            return Ok(true);
        }
        io.unsent.extend_from_slice(rest);
        out.clear();
        self.watch_room(io, true)?;
        Ok(false)
    }

    /// A stream underneath tells by serving us that it has room.
    fn send_into_stream(self: &Rc<Self>) {
        let waits = {
            let mut io = self.io.borrow_mut();
            !io.unsent.is_empty() && io.transport.as_mut().and_then(|it| it.as_under()).is_some()
        };
        if waits {
            self.send_unsent();
        }
    }

    /// The socket has room again.
    fn send_unsent(self: &Rc<Self>) {
        let sent = {
            let mut io = self.io.borrow_mut();
            self.send_rest(&mut io)
        };
        self.note_activity();
        if let Err(cause) = sent {
            self.transport_failed("write", &cause);
        }
    }

    fn send_rest(&self, io: &mut Io) -> io::Result<()> {
        let Some(transport) = &mut io.transport else {
            return Ok(());
        };
        while io.sent < io.unsent.len() {
            match transport.write(&io.unsent[io.sent..]) {
                Ok(count) => {
                    io.sent += count;
                    self.bytes_written
                        .set(self.bytes_written.get() + count as u64);
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(cause) => return Err(cause),
            }
        }
        io.unsent = Vec::new();
        io.sent = 0;
        self.watch_room(io, false)
    }

    fn watch_room(&self, io: &mut Io, on: bool) -> io::Result<()> {
        if io.watches_room == on {
            return Ok(());
        }
        if let Some(transport) = &io.transport {
            transport.watch_room(self.event_loop.registry(), self.token, on)?;
            io.watches_room = on;
        }
        Ok(())
    }
}

fn answers_unread() -> Box<Error> {
    Error::new(
        Status::Tls,
        "ERR_TLS_TOO_MANY_MESSAGES",
        "the peer sends messages that have to be answered (key updates, requests to renegotiate) and \
         does not read the answers",
    )
}
