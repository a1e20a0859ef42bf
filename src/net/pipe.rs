//! `stream.pipe()`: the data of one stream written to another, or to itself, with backpressure and
//! end.

use std::rc::Rc;

use super::stream::{update, Stream};
use crate::engine::Written;
use crate::error::{Error, Result};

#[derive(Default)]
pub struct Pipes {
    into: Vec<Rc<Stream>>,
    from: Vec<Rc<Stream>>,
}

impl Stream {
    /// Writes whatever `source` receives to `destination`, and ends that when `source` ends. A
    /// source waits while a destination is full.
    pub fn pipe(source: &Rc<Stream>, destination: &Rc<Stream>) -> Result<()> {
        if !Rc::ptr_eq(&source.event_loop, &destination.event_loop) {
            return Err(Error::argument(
                "both streams of a pipe must belong to the same loop",
            ));
        }
        source.check_carries_none()?;
        destination.check_carries_none()?;
        if source.is_closed() || destination.is_closed() || destination.state.get().ending {
            return Err(Error::state(
                "a stream that is closed, or a destination that was ended, cannot be piped",
            ));
        }
        {
            let mut pipes = source.pipes.borrow_mut();
            let into = &mut pipes.get_or_insert_with(Box::default).into;
            if into.iter().any(|other| Rc::ptr_eq(other, destination)) {
                return Ok(());
            }
            into.push(Rc::clone(destination));
        }
        destination
            .pipes
            .borrow_mut()
            .get_or_insert_with(Box::default)
            .from
            .push(Rc::clone(source));
        update(&source.flow, |flow| flow.piped = true);
        source.serve_held_back();
        Ok(())
    }

    fn destination(&self, index: usize) -> Option<Rc<Stream>> {
        self.pipes.borrow().as_ref()?.into.get(index).cloned()
    }

    pub(super) fn pipe_data(self: &Rc<Self>, bytes: &[u8]) {
        let mut index = 0;
        while let Some(destination) = self.destination(index) {
            match destination.write(bytes) {
                Ok(Written::Ok) => {}
                Ok(Written::Full) => update(&self.flow, |flow| flow.paused_by_pipe = true),
                // It was ended or closed by someone else: nothing more goes there.
                Err(_) => {
                    separate(self, &destination);
                    continue;
                }
            }
            index += 1;
        }
    }

    /// The peer of a source has ended: so do its destinations.
    pub(super) fn end_pipes(self: &Rc<Self>) {
        let mut index = 0;
        while let Some(destination) = self.destination(index) {
            destination.end();
            index += 1;
        }
    }

    /// Is another stream piped into this one?
    pub(super) fn is_fed_by_others(self: &Rc<Self>) -> bool {
        self.pipes
            .borrow()
            .as_ref()
            .is_some_and(|pipes| pipes.from.iter().any(|source| !Rc::ptr_eq(source, self)))
    }

    /// Is it a source or a destination of others?
    pub(super) fn is_in_pipe(&self) -> bool {
        self.pipes
            .borrow()
            .as_ref()
            .is_some_and(|pipes| !pipes.into.is_empty() || !pipes.from.is_empty())
    }

    /// This destination has room again.
    pub(super) fn resume_sources(&self) {
        let sources = match self.pipes.borrow().as_ref() {
            Some(pipes) if !pipes.from.is_empty() => pipes.from.clone(),
            _ => return,
        };
        for source in sources {
            source.resume_if_drained();
        }
    }

    fn resume_if_drained(self: &Rc<Self>) {
        let waits = self.pipes.borrow().as_ref().is_some_and(|pipes| {
            pipes
                .into
                .iter()
                .any(|destination| destination.state.get().needs_drain)
        });
        if waits || !self.flow.get().paused_by_pipe {
            return;
        }
        update(&self.flow, |flow| flow.paused_by_pipe = false);
        self.serve_later();
    }

    /// Takes a closed stream out of all its pipes.
    pub(super) fn unpipe(self: &Rc<Self>) {
        let Some(pipes) = self.pipes.take() else {
            return;
        };
        for destination in &pipes.into {
            if let Some(theirs) = destination.pipes.borrow_mut().as_mut() {
                theirs.from.retain(|source| !Rc::ptr_eq(source, self));
            }
        }
        for source in &pipes.from {
            if let Some(theirs) = source.pipes.borrow_mut().as_mut() {
                theirs.into.retain(|other| !Rc::ptr_eq(other, self));
            }
            source.lost_destination();
        }
    }

    /// A stream whose last destination is gone is not piped any more: its data waits for a consumer.
    fn lost_destination(self: &Rc<Self>) {
        let none_left = self
            .pipes
            .borrow()
            .as_ref()
            .is_none_or(|pipes| pipes.into.is_empty());
        if none_left {
            update(&self.flow, |flow| flow.piped = false);
        }
        self.resume_if_drained();
    }
}

fn separate(source: &Rc<Stream>, destination: &Rc<Stream>) {
    if let Some(pipes) = source.pipes.borrow_mut().as_mut() {
        pipes.into.retain(|other| !Rc::ptr_eq(other, destination));
    }
    if let Some(pipes) = destination.pipes.borrow_mut().as_mut() {
        pipes.from.retain(|other| !Rc::ptr_eq(other, source));
    }
    source.lost_destination();
}
