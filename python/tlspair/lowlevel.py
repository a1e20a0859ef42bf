"""The C interface as it is: every constant, callback type and function of `<tlspair.h>`.

Types are written as in the header, so that a test can compare this file with it. Functions are
attributes of `lib`; nothing is checked or kept alive here. The objects of the package are the
safe way in; this module is for what they do not cover.

Handles are plain integers (`None` for NULL), text is `bytes`.
"""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any, Dict, List, Tuple

from . import _library

CONSTANTS: Dict[str, int] = {
    "TLS_VERSION_MAJOR": 0,
    "TLS_VERSION_MINOR": 1,
    "TLS_VERSION_PATCH": 0,
    "TLS_SLAB_BUFFER_SIZE": 10 * 1024 * 1024,
    "TLS_OK": 0,
    "TLS_FULL": 1,
    "TLS_ERR_INVALID_HANDLE": -1,
    "TLS_ERR_INVALID_ARGUMENT": -2,
    "TLS_ERR_INVALID_STATE": -3,
    "TLS_ERR_WRONG_THREAD": -4,
    "TLS_ERR_BUSY": -5,
    "TLS_ERR_FROZEN": -6,
    "TLS_ERR_NOT_SUPPORTED": -7,
    "TLS_ERR_CERTIFICATE": -100,
    "TLS_ERR_KEY": -101,
    "TLS_ERR_PASSPHRASE": -102,
    "TLS_ERR_KEY_MISMATCH": -103,
    "TLS_ERR_CIPHERS": -104,
    "TLS_ERR_PROTOCOL": -105,
    "TLS_ERR_FILE": -106,
    "TLS_ERR_SYSTEM": -200,
    "TLS_ERR_NO_MEMORY": -201,
    "TLS_ERR_RESOLVE": -202,
    "TLS_ERR_CONNECT": -203,
    "TLS_ERR_LISTEN": -204,
    "TLS_ERR_RESET": -205,
    "TLS_ERR_TLS": -300,
    "TLS_ERR_VERIFY": -301,
    "TLS_ERR_TIMEOUT": -302,
    "TLS_ERR_SESSION": -303,
    "TLS_ERR_INTERNAL": -900,
    "TLS_CLIENT_AUTH_INHERIT": 0,
    "TLS_CLIENT_AUTH_NONE": 1,
    "TLS_CLIENT_AUTH_REQUEST": 2,
    "TLS_CLIENT_AUTH_REQUIRE": 3,
}

# What each type of the header is to ctypes. Data pointers are `c_void_p`: `string_at` copies from
# them, and `bytes` and arrays are taken for them.
_HANDLES = (
    "tls_error",
    "tls_context",
    "tls_connect_options",
    "tls_certificate",
    "tls_secure_pair",
    "tls_loop",
    "tls_server",
    "tls_stream",
)
TYPES: Dict[str, Any] = {
    "void": None,
    "int": ctypes.c_int,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "tls_status": ctypes.c_int32,
    "tls_socket": ctypes.c_int,
    "char *": ctypes.c_char_p,
    "void *": ctypes.c_void_p,
    "uint8_t *": ctypes.c_void_p,
    "size_t *": ctypes.POINTER(ctypes.c_size_t),
    **{f"{name} *": ctypes.c_void_p for name in _HANDLES},
}

#: Callback types: name to the types of the parameters. All return nothing.
CALLBACKS: Dict[str, str] = {
    "tls_destroy_callback": "void *",
    "tls_post_callback": "tls_loop *, void *",
    "tls_server_callback": "tls_server *, void *",
    "tls_server_stream_callback": "tls_server *, tls_stream *, void *",
    "tls_server_error_callback": "tls_server *, tls_error *, void *",
    "tls_client_error_callback": "tls_server *, tls_error *, tls_stream *, void *",
    "tls_stream_callback": "tls_stream *, void *",
    "tls_stream_data_callback": "tls_stream *, uint8_t *, size_t, void *",
    "tls_stream_end_callback": "tls_stream *, int, void *",
    "tls_stream_error_callback": "tls_stream *, tls_error *, void *",
    "tls_stream_close_callback": "tls_stream *, int, void *",
    "tls_secure_pair_callback": "tls_secure_pair *, void *",
    "tls_secure_pair_data_callback": "tls_secure_pair *, uint8_t *, size_t, void *",
    "tls_secure_pair_end_callback": "tls_secure_pair *, int, void *",
    "tls_secure_pair_error_callback": "tls_secure_pair *, tls_error *, void *",
    "tls_secure_pair_close_callback": "tls_secure_pair *, int, void *",
}

#: Functions: name to the type that is returned and the types of the parameters.
FUNCTIONS: Dict[str, Tuple[str, str]] = {
    # library
    "tls_version": ("char *", ""),
    "tls_version_number": ("uint32_t", ""),
    "tls_openssl_version": ("char *", ""),
    "tls_ciphers": ("char *", ""),
    "tls_feature": ("int32_t", "char *"),
    "tls_status_name": ("char *", "tls_status"),
    # errors
    "tls_last_error": ("tls_error *", ""),
    "tls_error_status": ("tls_status", "tls_error *"),
    "tls_error_name": ("char *", "tls_error *"),
    "tls_error_message": ("char *", "tls_error *"),
    "tls_error_errno": ("int32_t", "tls_error *"),
    "tls_error_verify_result": ("int32_t", "tls_error *"),
    "tls_error_verify_depth": ("int32_t", "tls_error *"),
    "tls_error_verify_subject": ("char *", "tls_error *"),
    "tls_error_openssl_count": ("size_t", "tls_error *"),
    "tls_error_openssl_code": ("uint64_t", "tls_error *, size_t"),
    "tls_error_openssl_text": ("char *", "tls_error *, size_t"),
    "tls_error_copy": ("tls_error *", "tls_error *"),
    "tls_error_free": ("tls_status", "tls_error *"),
    # context
    "tls_context_new": ("tls_context *", ""),
    "tls_context_free": ("tls_status", "tls_context *"),
    "tls_context_set_cert": ("tls_status", "tls_context *, void *, size_t"),
    "tls_context_set_cert_file": ("tls_status", "tls_context *, char *"),
    "tls_context_set_key": ("tls_status", "tls_context *, void *, size_t, char *"),
    "tls_context_set_key_file": ("tls_status", "tls_context *, char *, char *"),
    "tls_context_set_identity": ("tls_status", "tls_context *, void *, size_t, void *, size_t, char *"),
    "tls_context_set_identity_file": ("tls_status", "tls_context *, char *, char *, char *"),
    "tls_context_add_ca": ("tls_status", "tls_context *, void *, size_t"),
    "tls_context_add_ca_file": ("tls_status", "tls_context *, char *"),
    "tls_context_clear_ca": ("tls_status", "tls_context *"),
    "tls_context_add_crl": ("tls_status", "tls_context *, void *, size_t"),
    "tls_context_add_crl_file": ("tls_status", "tls_context *, char *"),
    "tls_context_set_ciphers": ("tls_status", "tls_context *, char *"),
    "tls_context_set_honor_cipher_order": ("tls_status", "tls_context *, int32_t"),
    "tls_context_set_secure_protocol": ("tls_status", "tls_context *, char *"),
    "tls_context_set_min_version": ("tls_status", "tls_context *, char *"),
    "tls_context_set_max_version": ("tls_status", "tls_context *, char *"),
    "tls_context_set_pfx": ("tls_status", "tls_context *, void *, size_t, char *"),
    "tls_context_set_pfx_file": ("tls_status", "tls_context *, char *, char *"),
    "tls_context_set_groups": ("tls_status", "tls_context *, char *"),
    "tls_context_set_dhparam": ("tls_status", "tls_context *, void *, size_t"),
    "tls_context_set_dhparam_file": ("tls_status", "tls_context *, char *"),
    "tls_context_set_secure_options": ("tls_status", "tls_context *, uint64_t"),
    "tls_context_set_session_id_context": ("tls_status", "tls_context *, void *, size_t"),
    "tls_context_set_client_auth": ("tls_status", "tls_context *, int32_t"),
    "tls_context_set_user_data": ("tls_status", "tls_context *, void *, tls_destroy_callback"),
    "tls_context_user_data": ("void *", "tls_context *"),
    # certificate
    "tls_certificate_parse": ("tls_certificate *", "void *, size_t"),
    "tls_certificate_copy": ("tls_certificate *", "tls_certificate *"),
    "tls_certificate_free": ("tls_status", "tls_certificate *"),
    "tls_certificate_issuer_certificate": ("tls_certificate *", "tls_certificate *"),
    "tls_certificate_json": ("char *", "tls_certificate *, int32_t"),
    "tls_certificate_subject": ("char *", "tls_certificate *"),
    "tls_certificate_issuer": ("char *", "tls_certificate *"),
    "tls_certificate_subject_field": ("char *", "tls_certificate *, char *, size_t"),
    "tls_certificate_issuer_field": ("char *", "tls_certificate *, char *, size_t"),
    "tls_certificate_subjectaltname": ("char *", "tls_certificate *"),
    "tls_certificate_alt_name": ("char *", "tls_certificate *, size_t"),
    "tls_certificate_info_access": ("char *", "tls_certificate *"),
    "tls_certificate_ca": ("int32_t", "tls_certificate *"),
    "tls_certificate_valid_from": ("char *", "tls_certificate *"),
    "tls_certificate_valid_to": ("char *", "tls_certificate *"),
    "tls_certificate_fingerprint": ("char *", "tls_certificate *"),
    "tls_certificate_fingerprint256": ("char *", "tls_certificate *"),
    "tls_certificate_fingerprint512": ("char *", "tls_certificate *"),
    "tls_certificate_serial_number": ("char *", "tls_certificate *"),
    "tls_certificate_ext_key_usage": ("char *", "tls_certificate *, size_t"),
    "tls_certificate_bits": ("int32_t", "tls_certificate *"),
    "tls_certificate_modulus": ("char *", "tls_certificate *"),
    "tls_certificate_exponent": ("char *", "tls_certificate *"),
    "tls_certificate_asn1_curve": ("char *", "tls_certificate *"),
    "tls_certificate_nist_curve": ("char *", "tls_certificate *"),
    "tls_certificate_public_key": ("uint8_t *", "tls_certificate *, size_t *"),
    "tls_certificate_der": ("uint8_t *", "tls_certificate *, size_t *"),
    "tls_certificate_pem": ("char *", "tls_certificate *"),
    "tls_check_server_identity": ("tls_status", "tls_certificate *, char *"),
    # secure pair
    "tls_secure_pair_new": ("tls_secure_pair *", "tls_context *, int32_t, int32_t, int32_t"),
    "tls_secure_pair_free": ("tls_status", "tls_secure_pair *"),
    "tls_secure_pair_destroy": ("tls_status", "tls_secure_pair *"),
    "tls_secure_pair_set_servername": ("tls_status", "tls_secure_pair *, char *"),
    "tls_secure_pair_set_verify_name": ("tls_status", "tls_secure_pair *, char *"),
    "tls_secure_pair_set_high_water_mark": ("tls_status", "tls_secure_pair *, size_t"),
    "tls_secure_pair_set_session": ("tls_status", "tls_secure_pair *, void *, size_t"),
    "tls_secure_pair_start": ("tls_status", "tls_secure_pair *"),
    "tls_secure_pair_feed": ("tls_status", "tls_secure_pair *, void *, size_t, size_t *"),
    "tls_secure_pair_feed_eof": ("tls_status", "tls_secure_pair *"),
    "tls_secure_pair_take": ("tls_status", "tls_secure_pair *, void *, size_t, size_t *"),
    "tls_secure_pair_read": ("tls_status", "tls_secure_pair *, void *, size_t, size_t *"),
    "tls_secure_pair_write": ("tls_status", "tls_secure_pair *, void *, size_t"),
    "tls_secure_pair_end": ("tls_status", "tls_secure_pair *"),
    "tls_secure_pair_on_encrypted": ("tls_status", "tls_secure_pair *, tls_secure_pair_data_callback, void *"),
    "tls_secure_pair_on_data": ("tls_status", "tls_secure_pair *, tls_secure_pair_data_callback, void *"),
    "tls_secure_pair_on_secure": ("tls_status", "tls_secure_pair *, tls_secure_pair_callback, void *"),
    "tls_secure_pair_on_drain": ("tls_status", "tls_secure_pair *, tls_secure_pair_callback, void *"),
    "tls_secure_pair_on_end": ("tls_status", "tls_secure_pair *, tls_secure_pair_end_callback, void *"),
    "tls_secure_pair_on_error": ("tls_status", "tls_secure_pair *, tls_secure_pair_error_callback, void *"),
    "tls_secure_pair_on_close": ("tls_status", "tls_secure_pair *, tls_secure_pair_close_callback, void *"),
    "tls_secure_pair_secure": ("int32_t", "tls_secure_pair *"),
    "tls_secure_pair_authorized": ("int32_t", "tls_secure_pair *"),
    "tls_secure_pair_authorization_error": ("char *", "tls_secure_pair *"),
    "tls_secure_pair_peer_certificate": ("tls_certificate *", "tls_secure_pair *"),
    "tls_secure_pair_cipher_name": ("char *", "tls_secure_pair *"),
    "tls_secure_pair_cipher_standard_name": ("char *", "tls_secure_pair *"),
    "tls_secure_pair_protocol": ("char *", "tls_secure_pair *"),
    "tls_secure_pair_servername": ("char *", "tls_secure_pair *"),
    "tls_secure_pair_session": ("uint8_t *", "tls_secure_pair *, size_t *"),
    "tls_secure_pair_session_reused": ("int32_t", "tls_secure_pair *"),
    "tls_secure_pair_set_user_data": ("tls_status", "tls_secure_pair *, void *, tls_destroy_callback"),
    "tls_secure_pair_user_data": ("void *", "tls_secure_pair *"),
    # loop
    "tls_loop_new": ("tls_loop *", ""),
    "tls_loop_free": ("tls_status", "tls_loop *"),
    "tls_loop_run": ("tls_status", "tls_loop *"),
    "tls_loop_run_once": ("tls_status", "tls_loop *, int64_t"),
    "tls_loop_stop": ("tls_status", "tls_loop *"),
    "tls_loop_post": ("tls_status", "tls_loop *, tls_post_callback, void *, tls_destroy_callback"),
    "tls_loop_fd": ("tls_socket", "tls_loop *"),
    "tls_loop_next_timeout_ms": ("int64_t", "tls_loop *"),
    "tls_loop_detach": ("tls_status", "tls_loop *"),
    "tls_loop_set_slab_buffer_size": ("tls_status", "tls_loop *, size_t"),
    "tls_loop_set_user_data": ("tls_status", "tls_loop *, void *, tls_destroy_callback"),
    "tls_loop_user_data": ("void *", "tls_loop *"),
    # server
    "tls_server_new": ("tls_server *", "tls_loop *, tls_context *"),
    "tls_server_listen": ("tls_status", "tls_server *, int32_t, char *"),
    "tls_server_listen_path": ("tls_status", "tls_server *, char *"),
    "tls_server_listen_fd": ("tls_status", "tls_server *, tls_socket, int32_t"),
    "tls_server_accept_fd": ("tls_stream *", "tls_server *, tls_socket, int32_t, void *, size_t"),
    "tls_server_accept_stream": ("tls_stream *", "tls_server *, tls_stream *, void *, size_t"),
    "tls_server_ref": ("tls_status", "tls_server *"),
    "tls_server_unref": ("tls_status", "tls_server *"),
    "tls_server_close": ("tls_status", "tls_server *"),
    "tls_server_destroy": ("tls_status", "tls_server *"),
    "tls_server_address": ("char *", "tls_server *"),
    "tls_server_port": ("int32_t", "tls_server *"),
    "tls_server_family": ("char *", "tls_server *"),
    "tls_server_set_handshake_timeout": ("tls_status", "tls_server *, uint64_t"),
    "tls_server_set_max_connections": ("tls_status", "tls_server *, size_t"),
    "tls_server_connections": ("int64_t", "tls_server *"),
    "tls_server_set_request_cert": ("tls_status", "tls_server *, int32_t"),
    "tls_server_set_reject_unauthorized": ("tls_status", "tls_server *, int32_t"),
    "tls_server_on_listening": ("tls_status", "tls_server *, tls_server_callback, void *"),
    "tls_server_on_secure_connection": ("tls_status", "tls_server *, tls_server_stream_callback, void *"),
    "tls_server_on_client_error": ("tls_status", "tls_server *, tls_client_error_callback, void *"),
    "tls_server_on_error": ("tls_status", "tls_server *, tls_server_error_callback, void *"),
    "tls_server_on_close": ("tls_status", "tls_server *, tls_server_callback, void *"),
    "tls_server_set_user_data": ("tls_status", "tls_server *, void *, tls_destroy_callback"),
    "tls_server_user_data": ("void *", "tls_server *"),
    # connect
    "tls_connect_options_new": ("tls_connect_options *", ""),
    "tls_connect_options_free": ("tls_status", "tls_connect_options *"),
    "tls_connect_options_set_context": ("tls_status", "tls_connect_options *, tls_context *"),
    "tls_connect_options_set_servername": ("tls_status", "tls_connect_options *, char *"),
    "tls_connect_options_set_verify_name": ("tls_status", "tls_connect_options *, char *"),
    "tls_connect_options_set_reject_unauthorized": ("tls_status", "tls_connect_options *, int32_t"),
    "tls_connect_options_set_path": ("tls_status", "tls_connect_options *, char *"),
    "tls_connect_options_set_fd": ("tls_status", "tls_connect_options *, tls_socket, int32_t"),
    "tls_connect_options_set_stream": ("tls_status", "tls_connect_options *, tls_stream *"),
    "tls_connect_options_set_received_bytes": ("tls_status", "tls_connect_options *, void *, size_t"),
    "tls_connect": (
        "tls_stream *",
        "tls_loop *, int32_t, char *, tls_connect_options *, tls_stream_callback, void *",
    ),
    # stream
    "tls_stream_write": ("tls_status", "tls_stream *, void *, size_t"),
    "tls_stream_end": ("tls_status", "tls_stream *"),
    "tls_stream_destroy": ("tls_status", "tls_stream *"),
    "tls_stream_pause": ("tls_status", "tls_stream *"),
    "tls_stream_resume": ("tls_status", "tls_stream *"),
    "tls_stream_pipe": ("tls_status", "tls_stream *, tls_stream *"),
    "tls_stream_set_high_water_mark": ("tls_status", "tls_stream *, size_t"),
    "tls_stream_set_allow_half_open": ("tls_status", "tls_stream *, int32_t"),
    "tls_stream_set_timeout": ("tls_status", "tls_stream *, uint64_t"),
    "tls_stream_set_no_delay": ("tls_status", "tls_stream *, int32_t"),
    "tls_stream_set_keep_alive": ("tls_status", "tls_stream *, int32_t, uint64_t"),
    "tls_stream_ref": ("tls_status", "tls_stream *"),
    "tls_stream_unref": ("tls_status", "tls_stream *"),
    "tls_stream_bytes_written": ("uint64_t", "tls_stream *"),
    "tls_stream_bytes_read": ("uint64_t", "tls_stream *"),
    "tls_stream_writable_length": ("size_t", "tls_stream *"),
    "tls_stream_secure": ("int32_t", "tls_stream *"),
    "tls_stream_authorized": ("int32_t", "tls_stream *"),
    "tls_stream_authorization_error": ("char *", "tls_stream *"),
    "tls_stream_peer_certificate": ("tls_certificate *", "tls_stream *"),
    "tls_stream_cipher_name": ("char *", "tls_stream *"),
    "tls_stream_cipher_standard_name": ("char *", "tls_stream *"),
    "tls_stream_protocol": ("char *", "tls_stream *"),
    "tls_stream_servername": ("char *", "tls_stream *"),
    "tls_stream_local_address": ("char *", "tls_stream *"),
    "tls_stream_local_port": ("int32_t", "tls_stream *"),
    "tls_stream_remote_address": ("char *", "tls_stream *"),
    "tls_stream_remote_port": ("int32_t", "tls_stream *"),
    "tls_stream_on_secure_connect": ("tls_status", "tls_stream *, tls_stream_callback, void *"),
    "tls_stream_on_data": ("tls_status", "tls_stream *, tls_stream_data_callback, void *"),
    "tls_stream_on_end": ("tls_status", "tls_stream *, tls_stream_end_callback, void *"),
    "tls_stream_on_drain": ("tls_status", "tls_stream *, tls_stream_callback, void *"),
    "tls_stream_on_error": ("tls_status", "tls_stream *, tls_stream_error_callback, void *"),
    "tls_stream_on_close": ("tls_status", "tls_stream *, tls_stream_close_callback, void *"),
    "tls_stream_on_timeout": ("tls_status", "tls_stream *, tls_stream_callback, void *"),
    "tls_stream_set_user_data": ("tls_status", "tls_stream *, void *, tls_destroy_callback"),
    "tls_stream_user_data": ("void *", "tls_stream *"),
}

# These wait, or run for long: the other Python threads go on meanwhile.
_WAITING = {"tls_loop_run", "tls_loop_run_once", "tls_loop_free", "tls_server_listen"}


def split(types: str) -> List[str]:
    """The single types of a parameter list."""
    return [text.strip() for text in types.split(",")] if types else []


def _prototypes(library: _library.Library) -> SimpleNamespace:
    functions = {}
    for name, (result, parameters) in FUNCTIONS.items():
        source = library.waiting if name in _WAITING else library.short
        try:
            function = getattr(source, name)
        except AttributeError:
            raise ImportError(f"{library.path} is not the tlspair library of this package: it lacks {name}") from None
        function.restype = TYPES[result]
        function.argtypes = [TYPES[text] for text in split(parameters)]
        functions[name] = function
    return SimpleNamespace(**functions)


#: Constants under their own names, as `constant.TLS_OK`.
constant = SimpleNamespace(**CONSTANTS)
for _name, _parameters in CALLBACKS.items():
    TYPES[_name] = ctypes.CFUNCTYPE(None, *[TYPES[text] for text in split(_parameters)])
library = _library.load()
#: Every function under its own name, as `lib.tls_loop_new`.
lib = _prototypes(library)
