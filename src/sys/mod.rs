//! The OpenSSL and operating-system calls that no crate wraps safely, each made safe here. The one
//! place that knows which OpenSSL it is.
#![allow(unsafe_code)]

pub mod bio;
pub mod check_name;
pub mod client_hello;
pub mod context;
pub mod dh;
pub mod errno;
pub mod error_queue;
pub mod general_name;
pub mod given_fd;
pub mod hooks;
pub mod legacy;
pub mod memory;
mod message_count;
pub mod object;
pub mod openssl_ffi;
pub mod pem;
pub mod pkcs12;
mod printed;
pub mod privilege;
pub mod session;
pub mod ticket_keys;
pub mod timerfd;
pub mod tls;
pub mod verify;
pub mod verify_code;
pub mod x509;
pub mod x509_name;
