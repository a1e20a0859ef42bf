//! This thread's buffers that secure pairs borrow while they work, so that an idle pair keeps none.

use std::cell::Cell;

/// Plaintext of one TLS record at most (RFC 8446, 5.1).
pub const PLAIN_LENGTH: usize = 16 * 1024;

/// Output vectors that grew larger are not kept.
const OUT_KEPT: usize = 256 * 1024;

thread_local! {
    static PLAIN: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
    static OUT: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A buffer of [`PLAIN_LENGTH`] bytes, given back on drop. Nested use gets one of its own.
pub struct Plain(Option<Box<[u8]>>);

impl Plain {
    pub fn borrow() -> Plain {
        let kept = PLAIN.try_with(Cell::take).ok().flatten();
        Plain(Some(
            kept.unwrap_or_else(|| vec![0; PLAIN_LENGTH].into_boxed_slice()),
        ))
    }

    pub fn bytes(&mut self) -> &mut [u8] {
        self.0.as_deref_mut().unwrap_or_default()
    }
}

impl Drop for Plain {
    fn drop(&mut self) {
        let buffer = self.0.take();
        let _ = PLAIN.try_with(|kept| kept.set(buffer));
    }
}

/// An empty vector with whatever room this thread's last one had.
pub fn take_out() -> Vec<u8> {
    OUT.try_with(Cell::take).unwrap_or_default()
}

/// Gives a vector's room back to this thread.
pub fn give_out(mut out: Vec<u8>) {
    out.clear();
    if (1..=OUT_KEPT).contains(&out.capacity()) {
        let _ = OUT.try_with(|kept| kept.set(out));
    }
}
