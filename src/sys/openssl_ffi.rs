//! Declarations that openssl-sys lacks. All of them are exported by OpenSSL 3.0 to 4.x.

use libc::{c_char, c_int, c_uchar, c_uint, c_ulong, c_void, size_t};
use openssl_sys::{BIO, BIO_METHOD, SSL, SSL_CTX, X509, X509_STORE_CTX};

pub type VerifyCallback = unsafe extern "C" fn(c_int, *mut X509_STORE_CTX) -> c_int;
pub type CertVerifyCallback = unsafe extern "C" fn(*mut X509_STORE_CTX, *mut c_void) -> c_int;
pub type MessageCallback =
    unsafe extern "C" fn(c_int, c_int, c_int, *const c_void, size_t, *mut SSL, *mut c_void);
pub type InfoCallback = unsafe extern "C" fn(*const SSL, c_int, c_int);
pub type BioReadEx = unsafe extern "C" fn(*mut BIO, *mut c_char, size_t, *mut size_t) -> c_int;
pub type BioWriteEx = unsafe extern "C" fn(*mut BIO, *const c_char, size_t, *mut size_t) -> c_int;

extern "C" {
    pub fn BIO_get_new_index() -> c_int;
    pub fn BIO_meth_set_read_ex(method: *mut BIO_METHOD, read: BioReadEx) -> c_int;
    pub fn BIO_meth_set_write_ex(method: *mut BIO_METHOD, write: BioWriteEx) -> c_int;

    pub fn ERR_peek_error() -> c_ulong;
    pub fn ERR_error_string_n(code: c_ulong, buffer: *mut c_char, length: size_t);

    pub fn SSL_get_state(ssl: *const SSL) -> c_int;
    pub fn SSL_want(ssl: *const SSL) -> c_int;
    pub fn SSL_set_msg_callback(ssl: *mut SSL, callback: Option<MessageCallback>);
    pub fn SSL_renegotiate(ssl: *mut SSL) -> c_int;
    pub fn SSL_get_options(ssl: *const SSL) -> u64;
    pub fn SSL_set_options(ssl: *mut SSL, options: u64) -> u64;
    pub fn SSL_clear_options(ssl: *mut SSL, options: u64) -> u64;
    pub fn SSL_set_session_id_context(ssl: *mut SSL, id: *const c_uchar, length: c_uint) -> c_int;
    pub fn SSL_CTX_set_info_callback(context: *mut SSL_CTX, callback: InfoCallback);
    pub fn SSL_free_buffers(ssl: *mut SSL) -> c_int;
    pub fn SSL_CTX_set_cert_verify_callback(
        context: *mut SSL_CTX,
        callback: Option<CertVerifyCallback>,
        argument: *mut c_void,
    );
    pub fn X509_STORE_CTX_set_default(context: *mut X509_STORE_CTX, name: *const c_char) -> c_int;
    pub fn X509_STORE_CTX_get0_param(
        context: *mut X509_STORE_CTX,
    ) -> *mut openssl_sys::X509_VERIFY_PARAM;
    pub fn X509_VERIFY_PARAM_set_auth_level(
        parameters: *mut openssl_sys::X509_VERIFY_PARAM,
        level: c_int,
    );
    pub fn X509_STORE_CTX_set_verify_cb(context: *mut X509_STORE_CTX, callback: VerifyCallback);
    pub fn X509_STORE_CTX_get0_untrusted(
        context: *const X509_STORE_CTX,
    ) -> *mut openssl_sys::stack_st_X509;
    pub fn X509_STORE_CTX_get0_cert(context: *const X509_STORE_CTX) -> *mut X509;
}
