//! Plaintext of one stream that waits to be encrypted: small writes in one turn gather into full
//! records here.

use std::collections::VecDeque;

use super::buffers::{Buffers, Chunk};

#[derive(Default)]
pub struct WriteQueue {
    chunks: VecDeque<Chunk>,
    length: usize,
}

impl WriteQueue {
    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub fn push(&mut self, mut data: &[u8], buffers: &mut Buffers) {
        self.length += data.len();
        while !data.is_empty() {
            match self.chunks.back_mut().filter(|chunk| !chunk.is_full()) {
                Some(chunk) => chunk.fill(&mut data),
                None => self.chunks.push_back(buffers.take_chunk()),
            }
        }
    }

    /// The bytes to encrypt next, one record at most.
    pub fn front(&self) -> Option<&[u8]> {
        self.chunks.front().map(Chunk::bytes)
    }

    /// Removes so many bytes of [`WriteQueue::front`].
    pub fn advance(&mut self, count: usize, buffers: &mut Buffers) {
        self.length -= count;
        let Some(front) = self.chunks.front_mut() else {
            return;
        };
        front.advance(count);
        if front.bytes().is_empty() {
            if let Some(chunk) = self.chunks.pop_front() {
                buffers.give_chunk(chunk);
            }
        }
        if self.chunks.is_empty() {
            // An idle stream keeps nothing.
            self.chunks = VecDeque::new();
        }
    }

    pub fn clear(&mut self, buffers: &mut Buffers) {
        for chunk in std::mem::take(&mut self.chunks) {
            buffers.give_chunk(chunk);
        }
        self.length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s61_what_goes_in_comes_out_in_order() {
        let mut buffers = Buffers::new();
        let mut queue = WriteQueue::default();
        let data: Vec<u8> = (0..100_000u32).map(|n| n as u8).collect();
        for piece in data.chunks(777) {
            queue.push(piece, &mut buffers);
        }
        assert_eq!(queue.len(), data.len());
        let mut got = Vec::new();
        while let Some(front) = queue.front() {
            let count = front.len().min(1000);
            got.extend_from_slice(&front[..count]);
            queue.advance(count, &mut buffers);
        }
        assert!(queue.is_empty());
        assert_eq!(got, data);
    }
}
