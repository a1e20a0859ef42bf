//! `tls_connect_options`: the options of `tls_connect`.

mod protocols;
mod session;
mod way;

use std::ffi::c_char;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};

use super::context::{self, tls_context};
use super::registry::{self, Kind, Shared};
use super::status::{tls_status, TLS_OK};
use super::{guard, input};
use crate::context::{default_client, Context, ProtocolList};
use crate::engine::{check_host, read_session, VerifyName};
use crate::error::{Error, Result};
use crate::net::{ConnectOptions, Loop, Route};
use crate::sys::memory::Secret;

pub use protocols::*;
pub use session::*;
pub use way::*;

/// Options of `tls_connect`, which may be used for many connections. Any thread.
#[repr(C)]
pub struct tls_connect_options {
    _private: [u8; 0],
}

struct Values {
    context: Option<Arc<Context>>,
    servername: Option<String>,
    verify_name: VerifyName,
    reject_unauthorized: bool,
    way: Way,
    /// The connection of `way` is in use.
    used: bool,
    /// Bytes of it that were read already.
    received: Vec<u8>,
    alpn: Option<Arc<ProtocolList>>,
    npn: Option<Arc<ProtocolList>>,
    session: Option<Secret>,
}

impl Default for Values {
    fn default() -> Values {
        Values {
            context: None,
            servername: None,
            verify_name: VerifyName::FromServername,
            reject_unauthorized: true,
            way: Way::Host,
            used: false,
            received: Vec::new(),
            alpn: None,
            npn: None,
            session: None,
        }
    }
}

#[derive(Default)]
pub struct OptionsObject(Mutex<Values>);

impl OptionsObject {
    fn lock(&self) -> MutexGuard<'_, Values> {
        self.0.lock().unwrap_or_else(|e| e.into_inner())
    }
}

fn object(options: *const tls_connect_options) -> Result<Arc<OptionsObject>> {
    match registry::shared(options as u64, Kind::Options)? {
        Shared::Options(object) => Ok(object),
        _ => Err(Error::argument("this is not a tls_connect_options")),
    }
}

fn change(
    options: *mut tls_connect_options,
    change: impl FnOnce(&mut Values) -> Result<()>,
) -> tls_status {
    guard::status(|| change(&mut object(options)?.lock()))
}

/// The options behind a handle; NULL stands for the defaults.
pub(super) fn object_or_defaults(
    options: *const tls_connect_options,
) -> Result<Arc<OptionsObject>> {
    if options.is_null() {
        return Ok(Arc::default());
    }
    object(options)
}

impl OptionsObject {
    /// Does a connection with them need a host's port?
    pub(super) fn goes_to_host(&self) -> bool {
        matches!(self.lock().way, Way::Host)
    }

    /// What the options say, with their context frozen, to make a connection at once with.
    /// [`OptionsObject::settle`] must follow: until then no other gets the same socket or stream.
    pub(super) fn resolve(&self, event_loop: &Rc<Loop>) -> Result<ConnectOptions> {
        let mut values = self.lock();
        // Checked before the context freezes: a refused call changes nothing.
        let route = values.route(event_loop)?;
        let carried = matches!(route, Route::Over(_));
        if !carried && !values.received.is_empty() {
            return Err(Error::state(
                "received bytes go with a descriptor or a stream: set one of them too",
            ));
        }
        let options = ConnectOptions {
            context: match &values.context {
                Some(context) => context.freeze()?,
                None => default_client()?,
            },
            servername: values.servername.clone(),
            verify_name: values.verify_name.clone(),
            reject_unauthorized: values.reject_unauthorized,
            alpn: values.alpn.clone(),
            npn: values.npn.clone(),
            // Each connection has its own: OpenSSL marks those that fail.
            session: values.session.as_deref().map(read_session).transpose()?,
            route,
            received: values.received.clone(),
        };
        values.used = carried;
        Ok(options)
    }

    /// The connection was made, or not.
    pub(super) fn settle(&self, made: bool) {
        let mut values = self.lock();
        if made {
            values.received = Vec::new();
        } else {
            values.used = false;
        }
    }
}

/// New options with the defaults: the well-known roots are trusted, the host's name is verified.
/// Free them with `tls_connect_options_free`. Any thread.
///
/// Returns NULL when out of memory. Node: the `options` of `tls.connect`.
#[no_mangle]
pub extern "C" fn tls_connect_options_new() -> *mut tls_connect_options {
    guard::value(std::ptr::null_mut(), || {
        let object = Shared::Options(Arc::default());
        Ok(registry::insert_shared(Kind::Options, object)? as *mut tls_connect_options)
    })
}

/// Frees options; connections made with them are not touched. NULL is `TLS_OK`. Any thread.
#[no_mangle]
pub extern "C" fn tls_connect_options_free(options: *mut tls_connect_options) -> tls_status {
    if options.is_null() {
        return TLS_OK;
    }
    guard::status(|| registry::remove_shared(options as u64, Kind::Options).map(drop))
}

/// Sets the context: whom to trust, who we are. Any thread.
///
/// - `context`: not NULL. The options keep what they need of it; it freezes at the first connection.
///   Without this call a context is used that all such connections of the process share.
#[no_mangle]
pub extern "C" fn tls_connect_options_set_context(
    options: *mut tls_connect_options,
    context: *mut tls_context,
) -> tls_status {
    guard::status(|| {
        let object = object(options)?;
        let context = context::object(context)?;
        object.lock().context = Some(Arc::clone(&context.context));
        Ok(())
    })
}

/// Sets the name to ask the server for (SNI) and, unless `tls_connect_options_set_verify_name` says
/// otherwise, to verify. Without this call it is the host. Any thread.
///
/// - `servername`: a host name, an international one in its `xn--` form, or an IP address, which is
///   verified but never sent. Copied; not NULL.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` for what cannot be a host name. Node: the option `servername`.
#[no_mangle]
pub unsafe extern "C" fn tls_connect_options_set_servername(
    options: *mut tls_connect_options,
    servername: *const c_char,
) -> tls_status {
    guard::status(|| {
        let object = object(options)?;
        // SAFETY: NUL-terminated by contract.
        let name = unsafe { input::text(servername, "the server name") }?;
        check_host(name)?;
        object.lock().servername = Some(name.to_owned());
        Ok(())
    })
}

/// Sets the name that the server's certificate must have, where it is not the one that is asked
/// for. Any thread.
///
/// - `name`: a host name or IP address; copied. NULL: verify the chain only, on purpose.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` for what cannot be a host name.
#[no_mangle]
pub unsafe extern "C" fn tls_connect_options_set_verify_name(
    options: *mut tls_connect_options,
    name: *const c_char,
) -> tls_status {
    guard::status(|| {
        let object = object(options)?;
        // SAFETY: NUL-terminated by contract.
        let name = unsafe { input::optional_text(name, "the name") }?;
        name.map_or(Ok(()), check_host)?;
        object.lock().verify_name = match name {
            Some(name) => VerifyName::Name(name.to_owned()),
            None => VerifyName::ChainOnly,
        };
        Ok(())
    })
}

/// Says whether a server whose certificate or name is not accepted is refused (1, the default) or
/// only marked as not authorized (0). Any thread.
///
/// With 0 anybody can sit in the middle of the connection, unless the program checks
/// `tls_stream_authorized` itself before it sends or believes anything.
///
/// Errors: `TLS_ERR_INVALID_ARGUMENT` for anything but 0 and 1; what was set stays. Node: the option
/// `rejectUnauthorized`.
#[no_mangle]
pub extern "C" fn tls_connect_options_set_reject_unauthorized(
    options: *mut tls_connect_options,
    enabled: i32,
) -> tls_status {
    guard::status(|| {
        let object = object(options)?;
        object.lock().reject_unauthorized = input::flag(enabled, "enabled")?;
        Ok(())
    })
}
