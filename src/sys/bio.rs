//! The BIO between OpenSSL and our buffers: it reads from a slice that is borrowed for one call and
//! appends to one output vector. One static method for the process; a connection's share of memory
//! is one small box.

use std::sync::OnceLock;

use libc::{c_char, c_int, c_long, c_void, size_t};
use openssl_sys::{BIO, BIO_METHOD};

use super::openssl_ffi;

/// What the BIO of one connection works on. The pointers are null except during
/// [`super::tls::Tls`]'s calls.
pub(super) struct Io {
    pub input: *const u8,
    pub input_length: usize,
    /// OpenSSL asked for more than there was.
    pub starved: bool,
    pub out: *mut Vec<u8>,
    /// For the handshake messages that the peer may still send, so many for each. At 0 nothing more
    /// is read.
    pub steps_left: u32,
}

impl Io {
    fn new() -> Io {
        Io {
            input: std::ptr::null(),
            input_length: 0,
            starved: false,
            out: std::ptr::null_mut(),
            steps_left: u32::MAX,
        }
    }

    pub fn attach(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.input = input.as_ptr();
        self.input_length = input.len();
        self.starved = false;
        self.out = out;
    }

    pub fn detach(&mut self) {
        self.input = std::ptr::null();
        self.input_length = 0;
        self.out = std::ptr::null_mut();
    }
}

struct Method(*mut BIO_METHOD);
// SAFETY: the method is filled in before it is shared and only read afterwards.
unsafe impl Send for Method {}
// SAFETY: as above.
unsafe impl Sync for Method {}

/// The process's method; NULL if OpenSSL had no memory for it.
fn method() -> *mut BIO_METHOD {
    static METHOD: OnceLock<Method> = OnceLock::new();
    METHOD
        .get_or_init(|| {
            const BIO_TYPE_SOURCE_SINK: c_int = 0x0400;
            // SAFETY: plain construction of a method that is never freed; every function has the
            // signature that its setter asks for.
            unsafe {
                let index = openssl_ffi::BIO_get_new_index();
                let method =
                    openssl_sys::BIO_meth_new(index | BIO_TYPE_SOURCE_SINK, c"tlspair".as_ptr());
                if !method.is_null() {
                    openssl_ffi::BIO_meth_set_read_ex(method, read);
                    openssl_ffi::BIO_meth_set_write_ex(method, write);
                    openssl_sys::BIO_meth_set_ctrl__fixed_rust(method, Some(control));
                    openssl_sys::BIO_meth_set_destroy__fixed_rust(method, Some(destroy));
                }
                Method(method)
            }
        })
        .0
}

/// A new BIO that owns its [`Io`], and the pointer to that; `None` when OpenSSL has no memory.
pub(super) fn new() -> Option<(*mut BIO, *mut Io)> {
    let method = method();
    if method.is_null() {
        return None;
    }
    // SAFETY: the method is complete; the box is freed by `destroy` with the BIO.
    unsafe {
        let bio = openssl_sys::BIO_new(method);
        if bio.is_null() {
            return None;
        }
        let io = Box::into_raw(Box::new(Io::new()));
        openssl_sys::BIO_set_data(bio, io.cast());
        openssl_sys::BIO_set_init(bio, 1);
        Some((bio, io))
    }
}

unsafe extern "C" fn read(
    bio: *mut BIO,
    buffer: *mut c_char,
    length: size_t,
    taken: *mut size_t,
) -> c_int {
    // SAFETY: OpenSSL gives the BIO that `new` made, `length` writable bytes and a valid `taken`;
    // `input` is valid for `input_length` bytes while a call is under way, else that is 0.
    unsafe {
        let io = &mut *openssl_sys::BIO_get_data(bio).cast::<Io>();
        openssl_sys::BIO_clear_retry_flags(bio);
        let allowed = io.steps_left > 0;
        let count = if allowed {
            length.min(io.input_length)
        } else {
            0
        };
        *taken = count;
        if count == 0 {
            io.starved = allowed;
            openssl_sys::BIO_set_retry_read(bio);
            return 0;
        }
        std::ptr::copy_nonoverlapping(io.input, buffer.cast::<u8>(), count);
        io.input = io.input.add(count);
        io.input_length -= count;
        1
    }
}

unsafe extern "C" fn write(
    bio: *mut BIO,
    bytes: *const c_char,
    length: size_t,
    taken: *mut size_t,
) -> c_int {
    // SAFETY: as in `read`; `out` is NULL or a vector that is exclusively ours during the call.
    unsafe {
        let io = &mut *openssl_sys::BIO_get_data(bio).cast::<Io>();
        openssl_sys::BIO_clear_retry_flags(bio);
        *taken = 0;
        let Some(out) = io.out.as_mut() else {
            return 0;
        };
        if out.try_reserve(length).is_err() {
            return 0;
        }
        out.extend_from_slice(std::slice::from_raw_parts(bytes.cast::<u8>(), length));
        *taken = length;
        1
    }
}

unsafe extern "C" fn control(
    _bio: *mut BIO,
    command: c_int,
    _number: c_long,
    _pointer: *mut c_void,
) -> c_long {
    c_long::from(command == openssl_sys::BIO_CTRL_FLUSH)
}

unsafe extern "C" fn destroy(bio: *mut BIO) -> c_int {
    // SAFETY: OpenSSL destroys a BIO once; the data is NULL or the box from `new`.
    unsafe {
        let io = openssl_sys::BIO_get_data(bio).cast::<Io>();
        if !io.is_null() {
            openssl_sys::BIO_set_data(bio, std::ptr::null_mut());
            drop(Box::from_raw(io));
        }
    }
    1
}
