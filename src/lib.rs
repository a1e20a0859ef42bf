//! tlspair: the TLS API that Node.js made popular, as a C library over OpenSSL.
//!
//! Calls go down only: `ffi` (the C ABI) -> `net` (sockets, loop) -> `engine` (TLS without I/O) ->
//! `context` (who we are, whom we trust) -> `sys` (OpenSSL and operating-system calls made safe).
//! The public face is `include/tlspair.h`; the Rust modules are public for the project's own tests
//! and give no promise of stability. `docs/architecture.md` is the map.

pub mod context;
pub mod engine;
pub mod error;
pub mod ffi;
pub mod net;
pub mod sys;
