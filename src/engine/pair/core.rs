//! What a secure pair keeps between calls, and the steps that change it. Nothing here calls out.

use std::sync::Arc;

use crate::context::FrozenContext;
use crate::engine::scratch;
use crate::engine::settings::Settings;
use crate::engine::{Connection, Event, Request, DEFAULT_HIGH_WATER_MARK};
use crate::error::{Error, Result};

/// How the peer's direction ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InputEnd {
    Open,
    /// To be told once all plaintext is read; the flag says whether it was orderly.
    Pending(bool),
    Told,
}

pub(super) struct Core {
    pub context: Arc<FrozenContext>,
    pub settings: Settings,
    pub connection: Option<Connection>,
    /// New sessions are told.
    pub told_of_sessions: bool,
    /// A step is due though no input came: a client sends first, or an answer is there.
    pub kick: bool,
    /// A question that is with the user.
    pub request: Option<Arc<Request>>,
    /// Ciphertext that was taken in but not yet processed, from `stepped` on.
    pub input: Vec<u8>,
    pub stepped: usize,
    pub eof: bool,
    /// Ciphertext for the transport, from `taken` on.
    pub out: Vec<u8>,
    pub taken: usize,
    /// Decrypted bytes that nobody read yet, from `read` on.
    pub plain: Vec<u8>,
    pub read: usize,
    /// Written before the handshake was over.
    pub early: Vec<u8>,
    pub high_water_mark: usize,
    pub needs_drain: bool,
    /// `end` was called; close_notify follows what was written.
    pub ending: bool,
    pub input_end: InputEnd,
    /// The error event is still to come.
    pub error: Option<Box<Error>>,
    pub had_error: bool,
    /// Nothing more will happen; the close event was made or is being made.
    pub closed: bool,
}

impl Core {
    pub fn new(context: Arc<FrozenContext>, settings: Settings) -> Core {
        Core {
            context,
            settings,
            connection: None,
            told_of_sessions: false,
            kick: false,
            request: None,
            input: Vec::new(),
            stepped: 0,
            eof: false,
            out: Vec::new(),
            taken: 0,
            plain: Vec::new(),
            read: 0,
            early: Vec::new(),
            high_water_mark: DEFAULT_HIGH_WATER_MARK,
            needs_drain: false,
            ending: false,
            input_end: InputEnd::Open,
            error: None,
            had_error: false,
            closed: false,
        }
    }

    /// What each call begins with that may make the connection work.
    #[inline]
    pub fn begin(&mut self) -> Result<()> {
        if self.closed {
            return Err(Error::state("the pair has ended"));
        }
        self.start()?;
        self.take_answer();
        self.borrow_out();
        Ok(())
    }

    /// Nobody waits for the answer any more.
    pub fn cancel_request(&mut self) {
        if let Some(request) = self.request.take() {
            request.cancel();
        }
    }

    /// Goes on if the question was answered.
    #[inline]
    pub fn take_answer(&mut self) {
        if self.request.is_some() {
            self.take_answer_now();
        }
    }

    #[cold]
    fn take_answer_now(&mut self) {
        let Some(request) = &self.request else {
            return;
        };
        if let (Some(answer), Some(connection)) = (request.take_or_wait(), &mut self.connection) {
            self.request = None;
            connection.answer(answer);
            self.kick = true;
        }
    }

    #[inline]
    pub fn start(&mut self) -> Result<()> {
        if self.connection.is_some() {
            return Ok(());
        }
        self.start_now()
    }

    #[cold]
    fn start_now(&mut self) -> Result<()> {
        let mut connection = Connection::new(&self.context, self.settings.clone())?;
        connection.set_told_of_sessions(self.told_of_sessions);
        self.connection = Some(connection);
        self.settings.session = None;
        self.kick = true;
        Ok(())
    }

    /// Takes this thread's output vector, for the length of a call.
    pub fn borrow_out(&mut self) {
        if self.out.capacity() == 0 {
            self.out = scratch::take_out();
        }
    }

    /// Nothing is to be told: no drain, end, error or close.
    pub fn is_quiet(&self) -> bool {
        !self.needs_drain
            && !self.closed
            && self.input_end == InputEnd::Open
            && self.error.is_none()
    }

    /// Would [`Core::step`] get anywhere without fresh input?
    pub fn wants_step(&self, push_data: bool) -> bool {
        self.kick || self.eof || !self.input.is_empty() || (push_data && self.unread() > 0)
    }

    pub fn may_step(&self, fresh: &[u8], push_data: bool) -> bool {
        let has_input = self.kick || !fresh.is_empty() || !self.input.is_empty();
        let has_room = push_data || self.unread() < self.high_water_mark.max(1);
        has_input && has_room && !self.closed && self.error.is_none()
    }

    /// The transport has ended, and all that it brought was processed.
    pub fn end_if_all_was_read(&mut self, fresh: &[u8]) {
        if self.eof && self.input.is_empty() && fresh.is_empty() {
            self.end_of_input();
        }
    }

    pub fn step(&mut self, fresh: &mut &[u8], plain: &mut [u8]) -> Event {
        let Some(connection) = &mut self.connection else {
            return Event::NeedInput;
        };
        self.kick = false;
        if self.input.is_empty() {
            return connection.step(fresh, &mut self.out, plain);
        }
        let mut waiting = &self.input[self.stepped..];
        let event = connection.step(&mut waiting, &mut self.out, plain);
        self.stepped = self.input.len() - waiting.len();
        if waiting.is_empty() {
            self.drop_input();
        }
        event
    }

    /// Is there something for [`Connection::take_session`]?
    pub fn has_sessions(&self) -> bool {
        let connection = self.connection.as_ref();
        connection.is_some_and(Connection::has_sessions)
    }

    pub fn keep_input(&mut self, bytes: &[u8]) {
        if !self.closed && self.error.is_none() {
            self.input.extend_from_slice(bytes);
        }
    }

    pub fn drop_input(&mut self) {
        self.input = Vec::new();
        self.stepped = 0;
    }

    pub fn is_unstarted(&self) -> bool {
        self.connection.is_none() && !self.closed
    }

    /// Is there something that reading plaintext may set going again?
    pub fn waits_for_reader(&self) -> bool {
        let end = matches!(self.input_end, InputEnd::Pending(_)) || self.eof;
        !self.closed && (end || !self.input.is_empty())
    }

    pub fn unread(&self) -> usize {
        self.plain.len() - self.read
    }

    pub fn queued(&self) -> usize {
        self.early.len() + self.out.len() - self.taken
    }

    pub fn write(&mut self, data: &[u8]) -> Result<()> {
        let connection = self.connection.as_mut();
        let done = match connection {
            Some(connection) if connection.is_writable() && self.early.is_empty() => {
                match connection.write(data, &mut self.out) {
                    Ok(done) => done,
                    Err(error) => {
                        self.fail(error);
                        return Ok(());
                    }
                }
            }
            _ => 0,
        };
        self.early.extend_from_slice(&data[done..]);
        if self.queued() >= self.high_water_mark {
            self.needs_drain = true;
        }
        Ok(())
    }

    pub fn flush_early(&mut self) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        if !self.early.is_empty() && connection.is_writable() {
            let early = std::mem::take(&mut self.early);
            match connection.write(&early, &mut self.out) {
                Ok(done) => self.early.extend_from_slice(&early[done..]),
                Err(error) => return self.fail(error),
            }
        }
        self.close_when_written();
    }

    pub fn close_when_written(&mut self) {
        if let Some(connection) = &mut self.connection {
            if self.ending && self.early.is_empty() {
                connection.close(&mut self.out);
            }
        }
    }

    pub fn end_of_input(&mut self) {
        if self.closed || self.error.is_some() || self.input_end != InputEnd::Open {
            return;
        }
        match self.connection.as_mut().map(Connection::end_of_input) {
            Some(Ok(clean)) => self.input_end = InputEnd::Pending(clean),
            Some(Err(error)) => self.fail(error),
            None => {}
        }
    }

    pub fn fail(&mut self, error: Box<Error>) {
        if !self.closed && self.error.is_none() {
            self.error = Some(error);
            self.cancel_request();
            self.drop_input();
        }
    }

    /// Both directions have ended, or the transport is gone.
    pub fn close_if_over(&mut self) {
        let ours = self.connection.as_ref().is_some_and(Connection::close_sent);
        if self.input_end == InputEnd::Told && (ours || self.eof) {
            self.closed = true;
        }
    }

    pub fn take(&mut self, buffer: &mut [u8]) -> usize {
        let count = move_bytes(&mut self.out, &mut self.taken, buffer);
        if self.out.is_empty() {
            scratch::give_out(std::mem::take(&mut self.out));
        }
        count
    }

    pub fn read(&mut self, buffer: &mut [u8]) -> usize {
        move_bytes(&mut self.plain, &mut self.read, buffer)
    }
}

/// Moves what fits from `bytes`, of which `done` are gone already; all gone, it is emptied.
fn move_bytes(bytes: &mut Vec<u8>, done: &mut usize, buffer: &mut [u8]) -> usize {
    let rest = &bytes[*done..];
    let count = rest.len().min(buffer.len());
    buffer[..count].copy_from_slice(&rest[..count]);
    *done += count;
    if *done == bytes.len() {
        bytes.clear();
        *done = 0;
    }
    count
}
