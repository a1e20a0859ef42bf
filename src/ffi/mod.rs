//! The C ABI: handles, callbacks, error mapping; one file per handle, no TLS logic. The doc comments
//! of the exported functions are the manual: `include/tlspair.h` is made from them.
//!
//! What the functions have in common is said once, at the head of the header (`cbindgen.toml`) and in
//! `docs/conventions.md`: bad handles, threads, lifetimes, errors.
#![allow(unsafe_code, non_camel_case_types)]
// Each function's contract is its doc comment and the head of the header.
#![allow(clippy::missing_safety_doc)]

mod callback;
mod certificate;
mod connect_options;
mod context;
mod error;
mod event_loop;
mod guard;
mod input;
mod library;
mod registry;
mod request;
mod rows;
mod secure_pair;
mod server;
mod status;
mod stream;
mod ticket_ring;
mod user_data;

pub use callback::*;
pub use certificate::*;
pub use connect_options::*;
pub use context::*;
pub use error::*;
pub use event_loop::*;
pub use library::*;
pub use request::*;
pub use secure_pair::*;
pub use server::*;
pub use status::*;
pub use stream::*;
pub use ticket_ring::*;
