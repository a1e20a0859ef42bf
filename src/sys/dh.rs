//! Parameters for Diffie-Hellman over finite fields (DHE), which TLS 1.2 and before have.

use foreign_types::ForeignType;
use libc::{c_int, c_long, c_void};
use openssl::pkey::{Id, PKey, Params};
use openssl::pkey_ctx::PkeyCtx;
use openssl::ssl::SslContextBuilder;

use super::error_queue;
use super::pem::Memory;
use crate::error::{Result, Status};

extern "C" {
    fn PEM_read_bio_Parameters(
        bio: *mut openssl_sys::BIO,
        key: *mut *mut openssl_sys::EVP_PKEY,
    ) -> *mut openssl_sys::EVP_PKEY;
    fn EVP_PKEY_param_check_quick(context: *mut openssl_sys::EVP_PKEY_CTX) -> c_int;
    fn SSL_CTX_set0_tmp_dh_pkey(
        context: *mut openssl_sys::SSL_CTX,
        parameters: *mut openssl_sys::EVP_PKEY,
    ) -> c_int;
}

/// Parameters of one's own.
#[derive(Clone)]
pub struct Parameters(PKey<Params>);

impl Parameters {
    /// The parameters of a PEM block. `None`: they are none, or make no sense; the error queue may
    /// say why.
    pub fn from_pem(block: &[u8]) -> Option<Parameters> {
        /// `EVP_PKEY_DHX`: with a subgroup, as X9.42 has them.
        const DHX: c_int = 920;
        error_queue::begin();
        let bio = Memory::new(block)?;
        // SAFETY: a live BIO; the result is NULL or ours.
        let parameters = unsafe {
            let new = PEM_read_bio_Parameters(bio.as_ptr(), std::ptr::null_mut());
            (!new.is_null()).then(|| PKey::<Params>::from_ptr(new))
        }?;
        let is_dh = [Id::DH, Id::from_raw(DHX)].contains(&parameters.id());
        let context = PkeyCtx::new(&parameters).ok()?;
        // SAFETY: a live context.
        let make_sense = unsafe { EVP_PKEY_param_check_quick(context.as_ptr()) == 1 };
        (is_dh && make_sense).then_some(Parameters(parameters))
    }

    /// The length of the prime.
    pub fn bits(&self) -> u32 {
        // SAFETY: live.
        let bits = unsafe { openssl_sys::EVP_PKEY_bits(self.0.as_ptr()) };
        u32::try_from(bits).unwrap_or(0)
    }

    /// # Errors
    /// `InvalidArgument`: too weak for the security level.
    pub fn apply(&self, builder: &mut SslContextBuilder) -> Result<()> {
        error_queue::begin();
        let own = std::mem::ManuallyDrop::new(self.0.clone());
        // SAFETY: both are live, and the reference is the context's from now on, if it takes it.
        if unsafe { SSL_CTX_set0_tmp_dh_pkey(builder.as_ptr(), own.as_ptr()) } == 1 {
            return Ok(());
        }
        drop(std::mem::ManuallyDrop::into_inner(own));
        let what = "OpenSSL refuses the DH parameters";
        Err(error_queue::take_error(Status::InvalidArgument, what))
    }
}

/// Lets OpenSSL choose, by the strength of the certificate's key.
pub fn set_auto(builder: &mut SslContextBuilder) {
    const SET_DH_AUTO: c_int = 118;
    const ON: c_long = 1;
    let none: *mut c_void = std::ptr::null_mut();
    // SAFETY: a live context; this sets a flag.
    unsafe { openssl_sys::SSL_CTX_ctrl(builder.as_ptr(), SET_DH_AUTO, ON, none) };
}
