//! The loop's shared slab: one allocation from which the receive window, the plaintext window and
//! the chunks of queued writes are cut. Memory is touched only as used. The slab is a cache, not a
//! limit: when it is used up, the heap serves.

use bytes::BytesMut;

use crate::engine::PLAIN_LENGTH;
use crate::error::{Error, Result};

/// Node's `tls.SLAB_BUFFER_SIZE`.
pub const DEFAULT_SLAB_BUFFER_SIZE: usize = 10 * 1024 * 1024;

/// One `recv` takes so much at most. Larger windows halve the rate of a single connection, because
/// the two sides no longer overlap.
const RECEIVE_LENGTH: usize = 64 * 1024;

/// One queued chunk becomes one full TLS record.
pub const CHUNK_LENGTH: usize = PLAIN_LENGTH;

/// A slab must have room for the two windows and one chunk at least.
const MIN_SLAB: usize = RECEIVE_LENGTH + PLAIN_LENGTH + CHUNK_LENGTH;
const MAX_SLAB: usize = 1 << 32;

/// The windows that serving one connection needs.
pub struct Windows {
    pub receive: BytesMut,
    pub plain: BytesMut,
}

/// Bytes waiting in a piece of the slab, or of the heap.
pub struct Chunk {
    bytes: BytesMut,
    start: usize,
    end: usize,
    from_slab: bool,
}

impl Chunk {
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Takes what fits from the front of `data`, and moves it on.
    pub fn fill(&mut self, data: &mut &[u8]) {
        let count = data.len().min(self.bytes.len() - self.end);
        self.bytes[self.end..self.end + count].copy_from_slice(&data[..count]);
        self.end += count;
        *data = &data[count..];
    }

    pub fn advance(&mut self, count: usize) {
        self.start += count;
    }

    pub fn is_full(&self) -> bool {
        self.end == self.bytes.len()
    }
}

pub struct Buffers {
    size: usize,
    /// What was never cut yet.
    uncut: BytesMut,
    windows: Option<Windows>,
    free: Vec<BytesMut>,
    in_use: bool,
}

impl Buffers {
    pub fn new() -> Buffers {
        Buffers {
            size: DEFAULT_SLAB_BUFFER_SIZE,
            uncut: BytesMut::new(),
            windows: None,
            free: Vec::new(),
            in_use: false,
        }
    }

    pub fn set_size(&mut self, size: usize) -> Result<()> {
        if self.in_use {
            return Err(Error::state(
                "the slab buffer's size must be set before the loop's first server or stream",
            ));
        }
        if !(MIN_SLAB..=MAX_SLAB).contains(&size) {
            return Err(Error::argument(format!(
                "the slab buffer's size must be from {MIN_SLAB} to {MAX_SLAB} bytes"
            )));
        }
        self.size = size;
        Ok(())
    }

    /// From now on the size stands.
    pub fn fix(&mut self) {
        self.in_use = true;
    }

    fn cut(&mut self, length: usize) -> Option<BytesMut> {
        if self.size > 0 {
            self.fix();
            self.uncut = BytesMut::with_capacity(std::mem::take(&mut self.size));
        }
        // Zeroed by the piece: where the heap gives used memory, as it does to a process's later
        // loops, zeroing the whole would touch all of it.
        (self.uncut.capacity() >= length).then(|| {
            self.uncut.resize(length, 0);
            self.uncut.split_to(length)
        })
    }

    /// The two windows. They come back with [`Buffers::give_windows`]; nested use gets others.
    pub fn take_windows(&mut self) -> Windows {
        self.windows.take().unwrap_or_else(|| {
            let mut window = |length| self.cut(length).unwrap_or_else(|| BytesMut::zeroed(length));
            Windows {
                receive: window(RECEIVE_LENGTH),
                plain: window(PLAIN_LENGTH),
            }
        })
    }

    pub fn give_windows(&mut self, windows: Windows) {
        self.windows = Some(windows);
    }

    pub fn take_chunk(&mut self) -> Chunk {
        let from_slab = self.free.pop().or_else(|| self.cut(CHUNK_LENGTH));
        Chunk {
            from_slab: from_slab.is_some(),
            bytes: from_slab.unwrap_or_else(|| BytesMut::zeroed(CHUNK_LENGTH)),
            start: 0,
            end: 0,
        }
    }

    pub fn give_chunk(&mut self, chunk: Chunk) {
        if chunk.from_slab {
            self.free.push(chunk.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s03_the_slab_serves_first_and_the_heap_after_it() {
        let mut buffers = Buffers::new();
        buffers.set_size(MIN_SLAB + CHUNK_LENGTH).unwrap();
        let windows = buffers.take_windows();
        let chunks: Vec<Chunk> = (0..3).map(|_| buffers.take_chunk()).collect();
        let kinds: Vec<bool> = chunks.iter().map(|chunk| chunk.from_slab).collect();
        assert_eq!(kinds, [true, true, false]);
        for chunk in chunks {
            buffers.give_chunk(chunk);
        }
        assert_eq!(buffers.free.len(), 2);
        buffers.give_windows(windows);
        assert!(buffers.set_size(MIN_SLAB).is_err());
    }

    #[test]
    fn s03_sizes_out_of_range_are_refused() {
        let mut buffers = Buffers::new();
        assert!(buffers.set_size(0).is_err());
        assert!(buffers.set_size(usize::MAX).is_err());
        assert!(buffers.set_size(MIN_SLAB).is_ok());
    }
}
