/* DRAFT of the contract; cbindgen generates the real one from src/ffi. Signatures here are settled. */
#ifndef TLSPAIR_H
#define TLSPAIR_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#define TLS_VERSION_MAJOR 0
#define TLS_VERSION_MINOR 1
#define TLS_VERSION_PATCH 0
#define TLS_SLAB_BUFFER_SIZE (10 * 1024 * 1024)

typedef int32_t tls_status;
#define TLS_OK 0
#define TLS_FULL 1                      /* taken; now wait for drain */
/* the call was wrong; nothing happened */
#define TLS_ERR_INVALID_HANDLE (-1)
#define TLS_ERR_INVALID_ARGUMENT (-2)
#define TLS_ERR_INVALID_STATE (-3)      /* right call, wrong moment: write after end, listen twice, ... */
#define TLS_ERR_WRONG_THREAD (-4)
#define TLS_ERR_BUSY (-5)
#define TLS_ERR_FROZEN (-6)
#define TLS_ERR_NOT_SUPPORTED (-7)
/* configuration that cannot be used; the context is as it was */
#define TLS_ERR_CERTIFICATE (-100)      /* PEM/DER of a certificate (also CA) cannot be read, or is refused */
#define TLS_ERR_KEY (-101)              /* private key cannot be read */
#define TLS_ERR_PASSPHRASE (-102)       /* missing or wrong passphrase */
#define TLS_ERR_KEY_MISMATCH (-103)
#define TLS_ERR_CIPHERS (-104)
#define TLS_ERR_PROTOCOL (-105)         /* unknown method or version, or min above max */
#define TLS_ERR_FILE (-106)             /* a file could not be read (errno) */
/* the system and the network */
#define TLS_ERR_SYSTEM (-200)           /* a system call failed (errno) */
#define TLS_ERR_NO_MEMORY (-201)
#define TLS_ERR_RESOLVE (-202)          /* host name not found */
#define TLS_ERR_CONNECT (-203)          /* refused, unreachable, timed out (errno) */
#define TLS_ERR_LISTEN (-204)           /* bind or listen failed (errno) */
#define TLS_ERR_RESET (-205)            /* ECONNRESET, EPIPE, EOF before secure */
/* TLS */
#define TLS_ERR_TLS (-300)              /* protocol error, alert, handshake failure */
#define TLS_ERR_VERIFY (-301)           /* peer's certificate or name not accepted */
#define TLS_ERR_TIMEOUT (-302)          /* handshake timeout */
#define TLS_ERR_SESSION (-303)          /* a serialised session cannot be used */
#define TLS_ERR_INTERNAL (-900)

typedef struct tls_error tls_error;
typedef struct tls_context tls_context;
typedef struct tls_connect_options tls_connect_options;
typedef struct tls_certificate tls_certificate;
typedef struct tls_secure_pair tls_secure_pair;
typedef struct tls_loop tls_loop;
typedef struct tls_server tls_server;
typedef struct tls_stream tls_stream;
typedef int tls_socket;

/* ---- callbacks ---- */
typedef void (*tls_destroy_callback)(void *user_data);
typedef void (*tls_post_callback)(tls_loop *loop, void *user_data);
typedef void (*tls_server_callback)(tls_server *server, void *user_data);                 /* listening, close */
typedef void (*tls_server_stream_callback)(tls_server *server, tls_stream *stream, void *user_data);
typedef void (*tls_server_error_callback)(tls_server *server, const tls_error *error, void *user_data);
typedef void (*tls_client_error_callback)(tls_server *server, const tls_error *error, tls_stream *stream, void *user_data);
typedef void (*tls_stream_callback)(tls_stream *stream, void *user_data);                 /* secure_connect, drain, timeout */
typedef void (*tls_stream_data_callback)(tls_stream *stream, const uint8_t *data, size_t length, void *user_data);
typedef void (*tls_stream_end_callback)(tls_stream *stream, int clean, void *user_data);
typedef void (*tls_stream_error_callback)(tls_stream *stream, const tls_error *error, void *user_data);
typedef void (*tls_stream_close_callback)(tls_stream *stream, int had_error, void *user_data);
typedef void (*tls_secure_pair_callback)(tls_secure_pair *pair, void *user_data);         /* secure, drain */
typedef void (*tls_secure_pair_data_callback)(tls_secure_pair *pair, const uint8_t *data, size_t length, void *user_data); /* encrypted, data */
typedef void (*tls_secure_pair_end_callback)(tls_secure_pair *pair, int clean, void *user_data);
typedef void (*tls_secure_pair_error_callback)(tls_secure_pair *pair, const tls_error *error, void *user_data);
typedef void (*tls_secure_pair_close_callback)(tls_secure_pair *pair, int had_error, void *user_data);

/* ---- library ---- */
const char *tls_version(void);            /* "0.1.0" */
uint32_t tls_version_number(void);        /* 0x00MMmmpp */
const char *tls_openssl_version(void);    /* of the OpenSSL in use */
int tls_feature(const char *name);        /* "vendored", "tls1.3", ...: 1 there, 0 not */
const char *tls_status_name(tls_status status);   /* "TLS_ERR_BUSY"; unknown: "TLS_ERR_UNKNOWN" */

/* ---- errors ---- */
const tls_error *tls_last_error(void);                        /* never NULL; this thread's last failing call */
tls_status tls_error_status(const tls_error *error);
const char *tls_error_name(const tls_error *error);           /* "CERT_HAS_EXPIRED", "ERR_TLS_HANDSHAKE_TIMEOUT", "ECONNREFUSED", ... */
const char *tls_error_message(const tls_error *error);
int32_t tls_error_errno(const tls_error *error);              /* 0: none */
int32_t tls_error_verify_result(const tls_error *error);      /* X509_V_ERR_*, 0: none */
int32_t tls_error_verify_depth(const tls_error *error);       /* -1: none */
const char *tls_error_verify_subject(const tls_error *error); /* NULL: none */
size_t tls_error_openssl_count(const tls_error *error);       /* entries of OpenSSL's error queue */
uint64_t tls_error_openssl_code(const tls_error *error, size_t index);
const char *tls_error_openssl_text(const tls_error *error, size_t index);
tls_error *tls_error_copy(const tls_error *error);
tls_status tls_error_free(tls_error *error);

/* ---- context: who we are and whom we trust (any thread) ---- */
tls_context *tls_context_new(void);
tls_status tls_context_free(tls_context *context);
tls_status tls_context_set_cert(tls_context *context, const void *pem, size_t length);
tls_status tls_context_set_cert_file(tls_context *context, const char *path);
tls_status tls_context_set_key(tls_context *context, const void *pem, size_t length, const char *passphrase);
tls_status tls_context_set_key_file(tls_context *context, const char *path, const char *passphrase);
tls_status tls_context_set_identity(tls_context *context, const void *cert, size_t cert_length, const void *key, size_t key_length, const char *passphrase);
tls_status tls_context_set_identity_file(tls_context *context, const char *cert_path, const char *key_path, const char *passphrase);
tls_status tls_context_add_ca(tls_context *context, const void *pem, size_t length);
tls_status tls_context_add_ca_file(tls_context *context, const char *path);
tls_status tls_context_clear_ca(tls_context *context);        /* trust nothing until the next add_ca */
tls_status tls_context_set_ciphers(tls_context *context, const char *ciphers);
tls_status tls_context_set_honor_cipher_order(tls_context *context, int32_t enabled);
tls_status tls_context_set_secure_protocol(tls_context *context, const char *method);  /* "TLSv1_2_method", ... */
tls_status tls_context_set_min_version(tls_context *context, const char *version);     /* "TLSv1.2", ... */
tls_status tls_context_set_max_version(tls_context *context, const char *version);
tls_status tls_context_set_user_data(tls_context *context, void *user_data, tls_destroy_callback destroy);
void *tls_context_user_data(const tls_context *context);

/* ---- certificate of a peer (any thread; free it) ---- */
tls_status tls_certificate_free(tls_certificate *certificate);
const char *tls_certificate_subject(const tls_certificate *certificate);      /* "C=UK\nO=node.js\nCN=localhost" */
const char *tls_certificate_issuer(const tls_certificate *certificate);
const char *tls_certificate_fingerprint(const tls_certificate *certificate);      /* SHA-1, "2A:7A:..." */
const char *tls_certificate_fingerprint256(const tls_certificate *certificate);   /* SHA-256 */
const uint8_t *tls_certificate_der(const tls_certificate *certificate, size_t *length);

/* ---- secure pair: TLS without I/O (any thread, one at a time) ---- */
tls_secure_pair *tls_secure_pair_new(tls_context *context, int32_t is_server, int32_t request_cert, int32_t reject_unauthorized);
tls_status tls_secure_pair_free(tls_secure_pair *pair);
tls_status tls_secure_pair_destroy(tls_secure_pair *pair);    /* ends it: close event, then only free */
tls_status tls_secure_pair_set_servername(tls_secure_pair *pair, const char *servername);
tls_status tls_secure_pair_set_verify_name(tls_secure_pair *pair, const char *name);   /* NULL: chain only, on purpose */
tls_status tls_secure_pair_set_high_water_mark(tls_secure_pair *pair, size_t bytes);
tls_status tls_secure_pair_set_session(tls_secure_pair *pair, const void *session, size_t length);
tls_status tls_secure_pair_start(tls_secure_pair *pair);
tls_status tls_secure_pair_feed(tls_secure_pair *pair, const void *data, size_t length, size_t *consumed);
tls_status tls_secure_pair_feed_eof(tls_secure_pair *pair);
tls_status tls_secure_pair_take(tls_secure_pair *pair, void *buffer, size_t capacity, size_t *length);
tls_status tls_secure_pair_read(tls_secure_pair *pair, void *buffer, size_t capacity, size_t *length);
tls_status tls_secure_pair_write(tls_secure_pair *pair, const void *data, size_t length);
tls_status tls_secure_pair_end(tls_secure_pair *pair);
tls_status tls_secure_pair_on_encrypted(tls_secure_pair *pair, tls_secure_pair_data_callback callback, void *user_data);
tls_status tls_secure_pair_on_data(tls_secure_pair *pair, tls_secure_pair_data_callback callback, void *user_data);
tls_status tls_secure_pair_on_secure(tls_secure_pair *pair, tls_secure_pair_callback callback, void *user_data);
tls_status tls_secure_pair_on_drain(tls_secure_pair *pair, tls_secure_pair_callback callback, void *user_data);
tls_status tls_secure_pair_on_end(tls_secure_pair *pair, tls_secure_pair_end_callback callback, void *user_data);
tls_status tls_secure_pair_on_error(tls_secure_pair *pair, tls_secure_pair_error_callback callback, void *user_data);
tls_status tls_secure_pair_on_close(tls_secure_pair *pair, tls_secure_pair_close_callback callback, void *user_data);
int32_t tls_secure_pair_secure(const tls_secure_pair *pair);              /* 1 after the handshake */
int32_t tls_secure_pair_authorized(const tls_secure_pair *pair);
const char *tls_secure_pair_authorization_error(const tls_secure_pair *pair);   /* NULL: none */
tls_certificate *tls_secure_pair_peer_certificate(const tls_secure_pair *pair);
const char *tls_secure_pair_cipher_name(const tls_secure_pair *pair);
const char *tls_secure_pair_cipher_standard_name(const tls_secure_pair *pair);
const char *tls_secure_pair_protocol(const tls_secure_pair *pair);        /* "TLSv1.3" */
const char *tls_secure_pair_servername(const tls_secure_pair *pair);
const uint8_t *tls_secure_pair_session(tls_secure_pair *pair, size_t *length);  /* NULL: none (yet) */
int32_t tls_secure_pair_session_reused(const tls_secure_pair *pair);
tls_status tls_secure_pair_set_user_data(tls_secure_pair *pair, void *user_data, tls_destroy_callback destroy);
void *tls_secure_pair_user_data(const tls_secure_pair *pair);

/* ---- loop ---- */
tls_loop *tls_loop_new(void);
tls_status tls_loop_free(tls_loop *loop);
tls_status tls_loop_run(tls_loop *loop);                      /* until nothing is left, or stop */
tls_status tls_loop_run_once(tls_loop *loop, int64_t timeout_ms);   /* one turn; < 0: wait for ever, 0: do not wait */
tls_status tls_loop_stop(tls_loop *loop);                     /* any thread */
tls_status tls_loop_post(tls_loop *loop, tls_post_callback function, void *user_data, tls_destroy_callback destroy); /* any thread */
tls_socket tls_loop_fd(tls_loop *loop);                       /* readable when run_once(loop, 0) has work; -1 on error */
int64_t tls_loop_next_timeout_ms(tls_loop *loop);             /* -1: no timer */
tls_status tls_loop_detach(tls_loop *loop);
tls_status tls_loop_set_slab_buffer_size(tls_loop *loop, size_t bytes);   /* before the first stream or server */
tls_status tls_loop_set_user_data(tls_loop *loop, void *user_data, tls_destroy_callback destroy);
void *tls_loop_user_data(const tls_loop *loop);

/* ---- server ---- */
tls_server *tls_server_new(tls_loop *loop, tls_context *context);
tls_status tls_server_listen(tls_server *server, int32_t port, const char *host);   /* host NULL: any IPv4 */
tls_status tls_server_close(tls_server *server);
tls_status tls_server_destroy(tls_server *server);
const char *tls_server_address(const tls_server *server);
int32_t tls_server_port(const tls_server *server);            /* -1: not listening */
const char *tls_server_family(const tls_server *server);      /* "IPv4", "IPv6" */
tls_status tls_server_set_handshake_timeout(tls_server *server, uint64_t milliseconds);   /* 0: the default, 120 s */
tls_status tls_server_set_max_connections(tls_server *server, size_t count);              /* 0: no limit */
int64_t tls_server_connections(const tls_server *server);     /* -1 on a bad handle */
tls_status tls_server_set_request_cert(tls_server *server, int32_t enabled);
tls_status tls_server_set_reject_unauthorized(tls_server *server, int32_t enabled);
tls_status tls_server_on_listening(tls_server *server, tls_server_callback callback, void *user_data);
tls_status tls_server_on_secure_connection(tls_server *server, tls_server_stream_callback callback, void *user_data);
tls_status tls_server_on_client_error(tls_server *server, tls_client_error_callback callback, void *user_data);
tls_status tls_server_on_error(tls_server *server, tls_server_error_callback callback, void *user_data);
tls_status tls_server_on_close(tls_server *server, tls_server_callback callback, void *user_data);
tls_status tls_server_set_user_data(tls_server *server, void *user_data, tls_destroy_callback destroy);
void *tls_server_user_data(const tls_server *server);

/* ---- connect ---- */
tls_connect_options *tls_connect_options_new(void);
tls_status tls_connect_options_free(tls_connect_options *options);
tls_status tls_connect_options_set_context(tls_connect_options *options, tls_context *context);
tls_status tls_connect_options_set_servername(tls_connect_options *options, const char *servername);   /* SNI and verified name */
tls_status tls_connect_options_set_verify_name(tls_connect_options *options, const char *name);        /* NULL: chain only, on purpose */
tls_status tls_connect_options_set_reject_unauthorized(tls_connect_options *options, int32_t enabled);
tls_stream *tls_connect(tls_loop *loop, int32_t port, const char *host, tls_connect_options *options, tls_stream_callback on_secure_connect, void *user_data);

/* ---- stream ---- */
tls_status tls_stream_write(tls_stream *stream, const void *data, size_t length);
tls_status tls_stream_end(tls_stream *stream);
tls_status tls_stream_destroy(tls_stream *stream);
tls_status tls_stream_pause(tls_stream *stream);
tls_status tls_stream_resume(tls_stream *stream);
tls_status tls_stream_pipe(tls_stream *source, tls_stream *destination);   /* may be one and the same */
tls_status tls_stream_set_high_water_mark(tls_stream *stream, size_t bytes);   /* default 65,536 */
tls_status tls_stream_set_allow_half_open(tls_stream *stream, int32_t enabled);
tls_status tls_stream_set_timeout(tls_stream *stream, uint64_t milliseconds);  /* 0: off */
tls_status tls_stream_set_no_delay(tls_stream *stream, int32_t enabled);
tls_status tls_stream_set_keep_alive(tls_stream *stream, int32_t enabled, uint64_t initial_delay_ms);
uint64_t tls_stream_bytes_written(const tls_stream *stream);
uint64_t tls_stream_bytes_read(const tls_stream *stream);
size_t tls_stream_writable_length(const tls_stream *stream);  /* plaintext and ciphertext queued, bytes */
int32_t tls_stream_secure(const tls_stream *stream);
int32_t tls_stream_authorized(const tls_stream *stream);
const char *tls_stream_authorization_error(const tls_stream *stream);
tls_certificate *tls_stream_peer_certificate(const tls_stream *stream);
const char *tls_stream_cipher_name(const tls_stream *stream);
const char *tls_stream_cipher_standard_name(const tls_stream *stream);
const char *tls_stream_protocol(const tls_stream *stream);
const char *tls_stream_servername(const tls_stream *stream);
const char *tls_stream_local_address(const tls_stream *stream);
int32_t tls_stream_local_port(const tls_stream *stream);
const char *tls_stream_remote_address(const tls_stream *stream);
int32_t tls_stream_remote_port(const tls_stream *stream);
tls_status tls_stream_on_secure_connect(tls_stream *stream, tls_stream_callback callback, void *user_data);
tls_status tls_stream_on_data(tls_stream *stream, tls_stream_data_callback callback, void *user_data);
tls_status tls_stream_on_end(tls_stream *stream, tls_stream_end_callback callback, void *user_data);
tls_status tls_stream_on_drain(tls_stream *stream, tls_stream_callback callback, void *user_data);
tls_status tls_stream_on_error(tls_stream *stream, tls_stream_error_callback callback, void *user_data);
tls_status tls_stream_on_close(tls_stream *stream, tls_stream_close_callback callback, void *user_data);
tls_status tls_stream_on_timeout(tls_stream *stream, tls_stream_callback callback, void *user_data);
tls_status tls_stream_set_user_data(tls_stream *stream, void *user_data, tls_destroy_callback destroy);
void *tls_stream_user_data(const tls_stream *stream);
#ifdef __cplusplus
}
#endif
#endif
