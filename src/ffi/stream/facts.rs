//! Getters of a stream.

use std::cell::OnceCell;
use std::ffi::{c_char, CStr, CString};
use std::net::SocketAddr;

use super::{object, tls_stream, Addresses};
use crate::engine::Facts;
use crate::ffi::certificate::{self, tls_certificate};
use crate::ffi::guard;
use crate::net::Stream;

/// A text among what is known of the connection; it lives as long as the stream.
pub(super) fn fact(
    stream: *const tls_stream,
    pick: impl FnOnce(&Facts) -> Option<&CStr>,
) -> *const c_char {
    guard::value(std::ptr::null(), || {
        Ok(object(stream)?
            .stream
            .with_facts(|facts| facts.and_then(pick).map_or(std::ptr::null(), CStr::as_ptr)))
    })
}

pub(super) fn truth(stream: *const tls_stream, pick: impl FnOnce(&Facts) -> bool) -> i32 {
    guard::value(0, || {
        Ok(object(stream)?
            .stream
            .with_facts(|facts| i32::from(facts.is_some_and(pick))))
    })
}

/// The text of an address, kept with the stream once it was asked for.
fn address_text(
    stream: *const tls_stream,
    address: impl FnOnce(&Stream) -> Option<SocketAddr>,
    place: impl FnOnce(&Addresses) -> &OnceCell<CString>,
) -> *const c_char {
    guard::value(std::ptr::null(), || {
        let object = object(stream)?;
        let mut addresses = object.addresses.borrow_mut();
        let place = place(addresses.get_or_insert_with(Box::default));
        if let Some(text) = place.get() {
            return Ok(text.as_ptr());
        }
        Ok(match address(&object.stream) {
            Some(address) => place
                .get_or_init(|| CString::new(address.ip().to_string()).unwrap_or_default())
                .as_ptr(),
            None => std::ptr::null(),
        })
    })
}

fn port(stream: *const tls_stream, address: impl FnOnce(&Stream) -> Option<SocketAddr>) -> i32 {
    guard::value(-1, || {
        let object = object(stream)?;
        Ok(address(&object.stream).map_or(-1, |address| i32::from(address.port())))
    })
}

/// Bytes sent so far, as they are on the wire, TLS overhead included; 0 on failure. The loop's
/// thread.
///
/// Node: `stream.bytesWritten`.
#[no_mangle]
pub extern "C" fn tls_stream_bytes_written(stream: *const tls_stream) -> u64 {
    guard::value(0, || Ok(object(stream)?.stream.bytes_written()))
}

/// Bytes received so far, as they are on the wire; 0 on failure. The loop's thread.
///
/// Node: `socket.bytesRead`.
#[no_mangle]
pub extern "C" fn tls_stream_bytes_read(stream: *const tls_stream) -> u64 {
    guard::value(0, || Ok(object(stream)?.stream.bytes_read()))
}

/// Bytes that wait to be sent, plaintext and encrypted; 0 on failure. The loop's thread.
///
/// Node: `stream.writableLength`.
#[no_mangle]
pub extern "C" fn tls_stream_writable_length(stream: *const tls_stream) -> usize {
    guard::value(0, || Ok(object(stream)?.stream.writable_length()))
}

/// Is the handshake over and the peer accepted? 1 or 0; 0 on failure. The loop's thread.
#[no_mangle]
pub extern "C" fn tls_stream_secure(stream: *const tls_stream) -> i32 {
    truth(stream, |facts| facts.secure)
}

/// Was the peer's certificate asked for, given and accepted? 1 or 0; 0 before the handshake is over,
/// and on failure. The loop's thread.
///
/// Node: `stream.authorized`.
#[no_mangle]
pub extern "C" fn tls_stream_authorized(stream: *const tls_stream) -> i32 {
    truth(stream, |facts| facts.authorized)
}

/// Why the peer is not authorized, by Node's name (`"CERT_HAS_EXPIRED"`); NULL if it is, if no
/// certificate was asked for, before the handshake is over, and on failure. It lives as long as the
/// stream. The loop's thread.
///
/// Node: `stream.authorizationError`.
#[no_mangle]
pub extern "C" fn tls_stream_authorization_error(stream: *const tls_stream) -> *const c_char {
    fact(stream, |facts| facts.authorization_error.as_deref())
}

/// The peer's certificate, for the caller to free with `tls_certificate_free`; it outlives the
/// stream. NULL if the peer gave none, before the handshake is over, and on failure. After a
/// resumed session the chain above it may be missing: see `tls_certificate_issuer_certificate`. The
/// loop's thread.
///
/// Node: `stream.getPeerCertificate`.
#[no_mangle]
pub extern "C" fn tls_stream_peer_certificate(stream: *const tls_stream) -> *mut tls_certificate {
    guard::value(std::ptr::null_mut(), || {
        certificate::handle_for(object(stream)?.stream.peer_certificate())
    })
}

/// OpenSSL's name of the cipher suite; NULL before the handshake is over, and on failure. It lives
/// as long as the stream. The loop's thread.
///
/// Node: `stream.getCipher().name`.
#[no_mangle]
pub extern "C" fn tls_stream_cipher_name(stream: *const tls_stream) -> *const c_char {
    fact(stream, |facts| facts.cipher_name.as_deref())
}

/// IANA's name of the cipher suite, otherwise as `tls_stream_cipher_name`.
///
/// Node: `stream.getCipher().standardName`.
#[no_mangle]
pub extern "C" fn tls_stream_cipher_standard_name(stream: *const tls_stream) -> *const c_char {
    fact(stream, |facts| facts.cipher_standard_name.as_deref())
}

/// The protocol version, `"TLSv1.3"`, otherwise as `tls_stream_cipher_name`. In the newSession
/// callback of a server it is known already.
///
/// Node: `stream.getProtocol`.
#[no_mangle]
pub extern "C" fn tls_stream_protocol(stream: *const tls_stream) -> *const c_char {
    guard::value(std::ptr::null(), || {
        let protocol = object(stream)?.stream.protocol();
        Ok(protocol.map_or(std::ptr::null(), CStr::as_ptr))
    })
}

/// On a server, the name that the client asked for; on a client, the one that was sent; NULL if
/// there was none. Otherwise as `tls_stream_cipher_name`.
///
/// Node: `stream.servername`.
#[no_mangle]
pub extern "C" fn tls_stream_servername(stream: *const tls_stream) -> *const c_char {
    fact(stream, |facts| facts.servername.as_deref())
}

/// The address of our end, `"127.0.0.1"` or `"::1"`; NULL while not connected, and on failure. It
/// lives as long as the stream. The loop's thread.
///
/// Node: `stream.address().address`, `socket.localAddress`.
#[no_mangle]
pub extern "C" fn tls_stream_local_address(stream: *const tls_stream) -> *const c_char {
    address_text(stream, Stream::local_address, |addresses| &addresses.local)
}

/// The port of our end; -1 while not connected, and on failure. The loop's thread.
#[no_mangle]
pub extern "C" fn tls_stream_local_port(stream: *const tls_stream) -> i32 {
    port(stream, Stream::local_address)
}

/// The address of the peer's end; an IPv4 client of an IPv6 server shows as `"::ffff:127.0.0.1"`.
/// NULL before the connection, and on failure; also valid in the close callback. It lives as long as
/// the stream. The loop's thread.
///
/// Node: `stream.remoteAddress`.
#[no_mangle]
pub extern "C" fn tls_stream_remote_address(stream: *const tls_stream) -> *const c_char {
    address_text(stream, Stream::remote_address, |addresses| {
        &addresses.remote
    })
}

/// The port of the peer's end; -1 before the connection, and on failure. The loop's thread.
///
/// Node: `stream.remotePort`.
#[no_mangle]
pub extern "C" fn tls_stream_remote_port(stream: *const tls_stream) -> i32 {
    port(stream, Stream::remote_address)
}
