//! The rows of `tls_loop_poll`: events without a callback, written where the caller wants them. What
//! finds no room waits here, except data, which waits at its stream.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::error;
use super::event_loop::pull::{
    TLS_ROW_CHECK_CERTIFICATE, TLS_ROW_CHECK_IDENTITY, TLS_ROW_CLIENT_ERROR, TLS_ROW_CLOSE,
    TLS_ROW_DATA, TLS_ROW_ERROR, TLS_ROW_KINDS_DEFAULT, TLS_ROW_RESUME_SESSION,
    TLS_ROW_SERVER_CLOSE, TLS_ROW_SERVER_ERROR, TLS_ROW_SNI, TLS_ROW_WORDS,
};
use super::server::ServerObject;
use super::stream::StreamObject;
use crate::error::{Error, Result, Status};
use crate::net::{Loop, Place, Pull};

/// With fewer words a row cannot say whom to answer.
const WORDS_TO_ANSWER: usize = 6;

/// The kinds that a server or stream makes rows of, as bits.
#[derive(Clone, Copy)]
pub(super) struct Kinds(u64);

impl Kinds {
    /// Those that wait for an answer.
    const ASKING: Kinds = Kinds(
        1 << TLS_ROW_SNI
            | 1 << TLS_ROW_CHECK_CERTIFICATE
            | 1 << TLS_ROW_CHECK_IDENTITY
            | 1 << TLS_ROW_RESUME_SESSION,
    );
    const ALL: u64 = (2 << TLS_ROW_RESUME_SESSION) - 2;

    pub(super) fn from_mask(mask: u64) -> Result<Kinds> {
        match mask & !Kinds::ALL {
            0 => Ok(Kinds(mask)),
            unknown => Err(Error::argument(format!(
                "this version knows no rows of the kinds in {unknown:#x}"
            ))),
        }
    }

    fn has(self, kind: i32) -> bool {
        self.0 >> kind & 1 == 1
    }
}

/// What stands in a row, but for the place of its bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct Row {
    pub(super) handle: u64,
    pub(super) kind: i32,
    pub(super) server: u64,
    /// An error or a request.
    pub(super) object: u64,
    pub(super) value: u64,
}

impl Row {
    /// What its handle, or its error's, stands for is gone with the next poll.
    fn ends(&self) -> Option<Ended> {
        match self.kind {
            TLS_ROW_CLOSE => Some(Ended::Stream(self.handle)),
            TLS_ROW_SERVER_CLOSE => Some(Ended::Server(self.handle)),
            TLS_ROW_ERROR | TLS_ROW_CLIENT_ERROR | TLS_ROW_SERVER_ERROR => {
                Some(Ended::Error(self.object))
            }
            _ => None,
        }
    }
}

/// What was in the last rows, and lives until the next ones.
enum Ended {
    Stream(u64),
    Server(u64),
    Error(u64),
}

impl Ended {
    fn end(self) {
        match self {
            Ended::Stream(handle) => StreamObject::forget(handle),
            Ended::Server(handle) => ServerObject::forget(handle),
            Ended::Error(handle) => error::release(handle),
        }
    }
}

/// Where a caller wants its rows.
#[derive(Clone, Copy)]
struct Target {
    rows: *mut u64,
    words: usize,
    buffer: *mut u8,
    /// Rows and bytes that are there by now.
    count: usize,
    used: usize,
}

struct Waiting {
    row: Row,
    bytes: Vec<u8>,
}

/// Of one loop.
pub(super) struct Rows {
    event_loop: Rc<Loop>,
    /// For servers and streams to come.
    kinds: Cell<Kinds>,
    /// Some of them ask something.
    asks: Cell<bool>,
    /// Only while a poll is under way.
    target: Cell<Option<Target>>,
    waiting: RefCell<VecDeque<Waiting>>,
    ended: RefCell<Vec<Ended>>,
}

impl Rows {
    pub(super) fn new(event_loop: &Rc<Loop>) -> Rc<Rows> {
        Rc::new(Rows {
            event_loop: Rc::clone(event_loop),
            kinds: Cell::new(Kinds(TLS_ROW_KINDS_DEFAULT)),
            asks: Cell::new(false),
            target: Cell::new(None),
            waiting: RefCell::default(),
            ended: RefCell::default(),
        })
    }

    fn pull(&self) -> &Pull {
        self.event_loop.pull()
    }

    /// For the events of a server or stream that is made now.
    pub(super) fn outlet(self: &Rc<Self>) -> Outlet {
        Outlet {
            rows: Rc::clone(self),
            kinds: self.kinds.get(),
        }
    }

    pub(super) fn set_kinds(&self, kinds: Kinds) {
        self.pull().announce();
        self.kinds.set(kinds);
        if kinds.0 & Kinds::ASKING.0 != 0 {
            self.asks.set(true);
        }
    }

    pub(super) fn check_words(&self, words: usize) -> Result<()> {
        if words < 4 || (self.asks.get() && words < WORDS_TO_ANSWER) {
            return Err(Error::argument(format!(
                "a row has 4 words at least, and {WORDS_TO_ANSWER} where requests are among them, not \
                 {words}"
            )));
        }
        Ok(())
    }

    fn put(&self, row: Row, parts: [&[u8]; 2]) {
        if !self.waiting.borrow().is_empty() || !self.write(row, parts) {
            self.keep(row, parts.concat());
        }
    }

    fn keep(&self, row: Row, bytes: Vec<u8>) {
        self.pull().fill();
        self.waiting.borrow_mut().push_back(Waiting { row, bytes });
        self.event_loop.rows_wait();
    }

    /// False: there is no room.
    fn write(&self, row: Row, parts: [&[u8]; 2]) -> bool {
        let length = parts[0].len() + parts[1].len();
        let Some(mut target) = self.target.get() else {
            return false;
        };
        if !self.pull().take_row(length) {
            return false;
        }
        target.append(&row, length);
        for part in parts {
            target.fill(part);
        }
        self.target.set(Some(target));
        self.ended.borrow_mut().extend(row.ends());
        true
    }

    fn put_data(&self, handle: u64, bytes: &[u8]) -> usize {
        let Some(mut target) = self.target.get() else {
            return 0;
        };
        let count = match self.pull().take_data(handle, bytes.len()) {
            Place::Nowhere => return 0,
            Place::NewRow(count) => {
                let row = Row {
                    handle,
                    kind: TLS_ROW_DATA,
                    ..Row::default()
                };
                target.append(&row, count);
                count
            }
            Place::LastRow(count) => {
                target.grow(count);
                count
            }
        };
        target.fill(&bytes[..count]);
        self.target.set(Some(target));
        count
    }

    /// Begins a poll: what was in the last rows ends, and what waits for room is told first.
    ///
    /// # Safety
    /// Until the result is dropped, `rows` is writable for `words` times `max_rows` words and `buffer`
    /// for `capacity` bytes, and nobody else uses them. `words` is 4 at least.
    pub(super) unsafe fn begin(
        self: &Rc<Self>,
        rows: *mut u64,
        words: usize,
        max_rows: usize,
        buffer: *mut u8,
        capacity: usize,
    ) -> Result<Polling> {
        self.target.set(Some(Target {
            rows,
            words,
            buffer,
            count: 0,
            used: 0,
        }));
        self.pull().begin(max_rows, capacity);
        let polling = Polling(Rc::clone(self));
        self.end_last();
        self.tell_waiting(capacity)?;
        Ok(polling)
    }

    fn end_last(&self) {
        self.end_all(self.ended.take());
    }

    /// Which destroys user data.
    fn end_all(&self, ended: Vec<Ended>) {
        if !ended.is_empty() {
            let event_loop = &self.event_loop;
            event_loop.calling(|| ended.into_iter().for_each(Ended::end));
        }
    }

    fn tell_waiting(&self, capacity: usize) -> Result<()> {
        loop {
            let Some(first) = self.waiting.borrow_mut().pop_front() else {
                self.pull().set_waiting(false);
                return Ok(());
            };
            if self.write(first.row, [&first.bytes, &[]]) {
                continue;
            }
            let length = first.bytes.len();
            self.waiting.borrow_mut().push_front(first);
            let nothing_told = self.target.get().is_none_or(|target| target.count == 0);
            if nothing_told && length > capacity {
                return Err(too_small(length, capacity));
            }
            self.pull().fill();
            return Ok(());
        }
    }

    /// Nothing that happened to this stream is told any more, except its close.
    fn drop_waiting(&self, handle: u64) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.is_empty() {
            return;
        }
        waiting.retain(|waiting| {
            let goes = waiting.row.handle == handle && waiting.row.kind != TLS_ROW_CLOSE;
            if let (true, Some(error)) = (goes, waiting.row.ends()) {
                error.end();
            }
            !goes
        });
        self.pull().set_waiting(!waiting.is_empty());
    }

    /// The loop is freed: nobody comes for the rest.
    pub(super) fn clear(&self) {
        self.end_last();
        let waiting = self.waiting.take();
        let ended = waiting.iter().filter_map(|waiting| waiting.row.ends());
        self.end_all(ended.collect());
    }
}

/// Where the events of a server or stream go that have no callback.
#[derive(Clone)]
pub(super) struct Outlet {
    rows: Rc<Rows>,
    kinds: Kinds,
}

impl Outlet {
    pub(super) fn has(&self, kind: i32) -> bool {
        self.kinds.has(kind)
    }

    /// Does an event become a row just now? In pulled turns, and outside of turns on a loop that is
    /// pulled; not in the turns of `tls_loop_run`, nor while the loop is freed.
    pub(super) fn takes(&self, kind: i32) -> bool {
        let pull = self.rows.pull();
        self.has(kind)
            && (pull.is_active() || (pull.is_used() && !self.rows.event_loop.is_running()))
    }

    /// Makes a row of an event, now or in the next poll. False: it becomes none.
    pub(super) fn put(&self, row: Row, parts: [&[u8]; 2]) -> bool {
        let takes = self.takes(row.kind);
        if takes {
            self.rows.put(row, parts);
        }
        takes
    }

    /// The same with an error, whose handle lives until the poll after the one that tells it.
    pub(super) fn put_error(&self, row: Row, error: &Error) -> bool {
        self.takes(row.kind) && {
            let object = error::keep(error);
            self.put(Row { object, ..row }, [&[]; 2])
        }
    }

    /// Takes as much data of a stream as there is room for; how much.
    pub(super) fn put_data(&self, handle: u64, bytes: &[u8]) -> usize {
        if self.has(TLS_ROW_DATA) {
            self.rows.put_data(handle, bytes)
        } else {
            0
        }
    }

    /// See [`Rows::drop_waiting`].
    pub(super) fn drop_waiting(&self, handle: u64) {
        self.rows.drop_waiting(handle);
    }
}

fn too_small(length: usize, capacity: usize) -> Box<Error> {
    Error::new(
        Status::InvalidArgument,
        "ERR_BUFFER_TOO_SMALL",
        format!(
            "the next row has {length} bytes, which are told as a whole: a buffer of {capacity} is too \
             small for them"
        ),
    )
}

/// A poll that is under way.
pub(super) struct Polling(Rc<Rows>);

impl Polling {
    pub(super) fn count(&self) -> usize {
        self.0.target.get().map_or(0, |target| target.count)
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        let rows = &self.0;
        rows.target.set(None);
        rows.pull().end();
        if !rows.waiting.borrow().is_empty() {
            rows.event_loop.rows_wait();
        }
    }
}

// The SAFETY of these is the promise of `Rows::begin`, with `Pull` counting what is left of the room:
// they are called after it has given some away.
impl Target {
    /// One more row, with so many bytes to come.
    fn append(&mut self, row: &Row, length: usize) {
        let values = [
            row.handle,
            row.kind as u64,
            self.used as u64,
            length as u64,
            row.server,
            row.object,
            row.value,
        ];
        const _: () = assert!(TLS_ROW_WORDS == 7);
        for word in 0..self.words {
            let value = values.get(word).copied().unwrap_or(0);
            // SAFETY: see above.
            unsafe { self.rows.add(self.count * self.words + word).write(value) };
        }
        self.count += 1;
    }

    /// So many more bytes belong to the last row.
    fn grow(&mut self, length: usize) {
        // SAFETY: see above; there is a last row.
        unsafe { *self.rows.add((self.count - 1) * self.words + 3) += length as u64 };
    }

    fn fill(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        // SAFETY: see above; what is copied is ours and lies elsewhere.
        unsafe {
            self.buffer
                .add(self.used)
                .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        self.used += bytes.len();
    }
}
