//! Turns that are pulled: what nobody has a callback for goes to the caller as rows, as many as there
//! is room for, and what finds none waits where it is. Here is how much room there is; the rows
//! themselves are made in the room above.

use std::cell::Cell;
use std::rc::Rc;

use super::event_loop::Loop;
use super::stream::{update, Stream};

#[derive(Default)]
pub struct Pull {
    /// The loop is pulled, now and then at least: data without a callback is for the rows.
    used: Cell<bool>,
    /// A pulled turn is under way.
    active: Cell<bool>,
    /// Its number.
    turn: Cell<u64>,
    /// How many connections it may serve of those that wait, and how many others.
    connections: Cell<usize>,
    rows_left: Cell<usize>,
    bytes_left: Cell<usize>,
    /// There is a buffer, though it may be full.
    has_buffer: Cell<bool>,
    /// The stream, by its tag, whose data row is the last row, and may grow; 0: none.
    open: Cell<u64>,
    /// Rows wait for the next turn.
    waiting: Cell<bool>,
    /// Since the last pulled turn there was one that told nothing by rows.
    missed: Cell<bool>,
}

/// Where bytes of a data row go.
pub enum Place {
    /// So many are the first of a new row.
    NewRow(usize),
    /// So many more belong to the last row.
    LastRow(usize),
    /// There is no room.
    Nowhere,
}

impl Pull {
    pub fn announce(&self) {
        self.used.set(true);
    }

    /// Is, or will be, the loop pulled?
    pub fn is_used(&self) -> bool {
        self.used.get()
    }

    pub fn begin(&self, rows: usize, bytes: usize) {
        self.used.set(true);
        self.active.set(true);
        self.turn.set(self.turn.get() + 1);
        self.connections.set(rows);
        self.rows_left.set(rows);
        self.bytes_left.set(bytes);
        self.has_buffer.set(bytes > 0);
        self.open.set(0);
    }

    pub fn end(&self) {
        self.active.set(false);
    }

    pub fn is_active(&self) -> bool {
        self.active.get()
    }

    /// The bound of a pulled turn.
    pub(super) fn connections(&self) -> Option<usize> {
        self.is_active().then(|| self.connections.get())
    }

    /// Takes a row, with so many bytes of the buffer. False: there is no room.
    pub fn take_row(&self, bytes: usize) -> bool {
        let (rows, left) = (self.rows_left.get(), self.bytes_left.get());
        if rows == 0 || left < bytes {
            return false;
        }
        self.rows_left.set(rows - 1);
        self.bytes_left.set(left - bytes);
        self.open.set(0);
        true
    }

    /// Takes room for as many of `bytes` as there is, for the stream with this tag.
    pub fn take_data(&self, tag: u64, bytes: usize) -> Place {
        let count = bytes.min(self.bytes_left.get());
        if count == 0 {
            Place::Nowhere
        } else if self.open.get() == tag {
            self.bytes_left.set(self.bytes_left.get() - count);
            Place::LastRow(count)
        } else if self.take_row(count) {
            self.open.set(tag);
            Place::NewRow(count)
        } else {
            Place::Nowhere
        }
    }

    /// What comes from now on waits for the next turn, so that nothing overtakes what waits already.
    pub fn fill(&self) {
        self.rows_left.set(0);
        self.open.set(0);
    }

    /// There is room for no more rows.
    pub fn is_full(&self) -> bool {
        self.is_active() && self.rows_left.get() == 0
    }

    /// There is room for no more rows, or for no more data.
    pub(super) fn is_filled(&self) -> bool {
        self.is_full() || (self.is_active() && self.has_buffer.get() && self.bytes_left.get() == 0)
    }

    pub fn set_waiting(&self, waiting: bool) {
        self.waiting.set(waiting);
    }

    pub(super) fn has_waiting(&self) -> bool {
        self.waiting.get()
    }

    pub(super) fn miss_turn(&self) {
        self.missed.set(true);
    }

    /// May the data of this stream come in this turn? There is one row of it in each.
    fn has_room_for(&self, stream: &Stream) -> bool {
        if self.open.get() == stream.tag() {
            return self.bytes_left.get() > 0;
        }
        // Without a buffer, a record is read ahead: so the end of those is seen that send nothing more.
        !self.is_filled() && stream.pulled_in.get() != self.turn.get()
    }

    fn note_data(&self, stream: &Stream) {
        stream.pulled_in.set(self.turn.get());
    }
}

impl Loop {
    /// Has those streams served whose data waited in turns that were not pulled.
    pub(super) fn serve_missed(&self) {
        if self.pull().missed.replace(false) {
            for stream in self.streams(|stream| stream.state.get().secure && stream.is_pulled()) {
                stream.serve_later();
            }
        }
    }
}

impl Stream {
    /// Is data that has no callback for the rows, if the loop is pulled?
    pub fn set_pulled(&self, on: bool) {
        update(&self.flow, |flow| flow.pulled = on);
    }

    /// Is data for the rows, as nobody else wants it?
    pub(super) fn is_pulled(&self) -> bool {
        let flow = self.flow.get();
        flow.pulled && !flow.has_consumer() && self.event_loop.pull().is_used()
    }

    /// Can data go to a row just now?
    pub(super) fn goes_to_row(&self) -> bool {
        self.event_loop.pull().is_active() && self.is_pulled()
    }

    /// Is there nothing to do but to wait for the next pulled turn? The stream is served again then.
    pub(super) fn waits_for_room(&self) -> bool {
        if !self.goes_to_row() || !self.state.get().secure || self.flow.get().is_paused() {
            return false;
        }
        if self.event_loop.pull().has_room_for(self) {
            return false;
        }
        self.come_again();
        true
    }

    /// Tells data to who wants it; what finds no room waits.
    pub(super) fn tell_data(self: &Rc<Self>, bytes: &[u8]) {
        let to_row = self.goes_to_row();
        let Some(events) = self.events() else {
            return;
        };
        let taken = events.data(bytes);
        if to_row && taken > 0 {
            self.event_loop.pull().note_data(self);
        }
        if taken < bytes.len() && !self.state.get().closed {
            self.io
                .borrow_mut()
                .unread
                .extend_from_slice(&bytes[taken..]);
            self.come_again();
        }
    }

    /// Has the stream served again when it is done.
    fn come_again(&self) {
        update(&self.state, |state| state.ready_again = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p8_a_data_row_grows_while_it_is_the_last_and_there_is_room() {
        let pull = Pull::default();
        pull.begin(2, 10);
        assert!(matches!(pull.take_data(7, 4), Place::NewRow(4)));
        assert!(matches!(pull.take_data(7, 4), Place::LastRow(4)));
        assert!(pull.take_row(0) && pull.is_full());
        assert!(matches!(pull.take_data(7, 4), Place::Nowhere));
        pull.begin(1, 5);
        assert!(!pull.take_row(6) && !pull.is_filled());
        assert!(matches!(pull.take_data(7, 9), Place::NewRow(5)));
        assert!(pull.is_filled());
    }
}
