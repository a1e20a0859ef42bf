/**
 * @file tlspair.h
 *
 * TLS servers, clients and sans-IO pairs with events, as Node.js has them, over OpenSSL.
 *
 * This file is made from the sources of the library; do not edit it. What holds for every function
 * is said here, and at more length in docs/conventions.md; each function tells the rest.
 *
 * **Handles** look like pointers and are checked numbers. NULL, a freed or closed handle, one of
 * another kind, or any other value is TLS_ERR_INVALID_HANDLE: never a crash, never another object.
 * `tls_X_free(NULL)` is TLS_OK.
 *
 * **Results.** A function that can fail answers a tls_status (0 is TLS_OK, above 0 is information,
 * below 0 an error), or a handle that is NULL on failure. Getters answer 0, NULL or -1 on a bad
 * handle. tls_last_error() has the details. A call that is refused, with TLS_ERR_INVALID_HANDLE,
 * TLS_ERR_INVALID_ARGUMENT, TLS_ERR_WRONG_THREAD or TLS_ERR_BUSY, changes nothing.
 *
 * **Errors of every function**, not repeated below: TLS_ERR_INVALID_HANDLE; for loops, servers and
 * streams TLS_ERR_WRONG_THREAD; for pairs TLS_ERR_BUSY; TLS_ERR_NO_MEMORY; TLS_ERR_INTERNAL.
 *
 * **Arguments.** Switches are 0 or 1, anything else is TLS_ERR_INVALID_ARGUMENT. Text is UTF-8 with a
 * NUL at its end; paths are bytes with a NUL at their end. Bytes are a pointer and a length; NULL is
 * allowed with length 0 only. What is passed in is copied or used up before the call returns.
 *
 * **Results in memory.** Texts and bytes that the library returns belong to the handle they came
 * from and live as long as it does; what a callback is given, for the length of the callback.
 *
 * **Threads.** A loop with its servers and streams belongs to one thread (tls_loop_detach hands it
 * on). A pair may be used by any thread, one at a time. Everything else: any thread.
 *
 * **Callbacks** run inside tls_loop_run, tls_loop_run_once, tls_loop_poll and tls_loop_free, or inside the
 * calls on their pair; one at a time; NULL unregisters. They may call anything, also end the handle they were
 * called for. No callback of a handle comes after its close callback. They must return: an exception
 * or longjmp must not leave them.
 *
 * **User data** of tls_X_set_user_data is destroyed exactly once: after the close callback or when
 * the handle is freed, when it is replaced, or at once when the call that sets it fails.
 *
 * **fork.** The child may only exec or _exit.
 */


#ifndef TLSPAIR_H
#define TLSPAIR_H

#include <stddef.h>
#include <stdint.h>

/** Version of this header; tls_version_number() has the library's. */
#define TLS_VERSION_MAJOR 0
/** Grows with new functions. */
#define TLS_VERSION_MINOR 1
/** Grows with corrections. */
#define TLS_VERSION_PATCH 0

/** Bytes of the buffer that the connections of a loop share, by default. Node: SLAB_BUFFER_SIZE. */
#define TLS_SLAB_BUFFER_SIZE (10 * 1024 * 1024)

/** Renegotiations that a client may have in TLS_CLIENT_RENEG_WINDOW_MS. Node: CLIENT_RENEG_LIMIT. */
#define TLS_CLIENT_RENEG_LIMIT 3
/** Ten minutes, in milliseconds. Node: CLIENT_RENEG_WINDOW. */
#define TLS_CLIENT_RENEG_WINDOW_MS 600000

/** Stands before every function: visibility, calling convention. */
#ifndef TLS_API
#if defined(__GNUC__)
#define TLS_API __attribute__((visibility("default")))
#else
#define TLS_API
#endif
#endif

/** What went wrong: a thread's last error, the error of a callback, or a copy. */
typedef struct tls_error tls_error;
/** Who we are and whom we trust. It freezes at its first use and can be shared from then on. */
typedef struct tls_context tls_context;
/** How a client connects; read by tls_connect, and not needed after it. */
typedef struct tls_connect_options tls_connect_options;
/** A certificate: a peer's, which outlives its connection, or one that was parsed. */
typedef struct tls_certificate tls_certificate;
/**
 * The keys that session tickets are made and opened with: AES-CBC with HMAC-SHA256. Hosts whose rings
 * have the same keys resume each other's sessions, as far as tls_context_set_session_id_context allows
 * it. Any thread, also while connections use it: each change counts as a whole, from the next ticket
 * on.
 *
 * The newest key makes tickets, once its grace period is over; the older ones open what they once made,
 * and the client then gets a new ticket. A ring has at most 16 keys and secrets, or as many as
 * tls_ticket_ring_set_max_keys says: one more takes the place of the oldest, whose tickets lead to full
 * handshakes from then on. Keys are wiped from memory when they are dropped, and no error text has any
 * of them.
 *
 * Whoever has a key can read what TLS 1.2 connections said that were made or resumed with a ticket of
 * it, however long ago: forward secrecy begins when the last copy of the key is gone. So let keys have
 * short lives, and no copies on disks. TLS 1.3 connections are safe once they are over.
 */
typedef struct tls_ticket_ring tls_ticket_ring;
/**
 * TLS without I/O: encrypted bytes in and out on one side, plaintext on the other.
 *
 * Inside a callback of the pair, start, feed, feed_eof, write and end are queued (the bytes are
 * copied, a later failure goes to the error event) and carried out when the callback has returned.
 * So two pairs that feed each other from their callbacks do not recurse.
 */
typedef struct tls_secure_pair tls_secure_pair;
/** An event loop. It belongs to the thread that made it, with all its servers and streams. */
typedef struct tls_loop tls_loop;
/** A TLS server. It ends with its close event, after which the handle is dead. */
typedef struct tls_server tls_server;
/** One TLS connection. It ends with its close event, after which the handle is dead. */
typedef struct tls_stream tls_stream;
/**
 * A decision that the library waits for. The callback that brings it, or the program at any later time
 * and on any thread, answers with one of tls_request_resolve_* or tls_request_reject, which uses it
 * up. It ends with its connection, too: then the answer is TLS_ERR_INVALID_HANDLE, and no harm done.
 */
typedef struct tls_request tls_request;


/**
 * For `tls_context_set_client_auth`: the server's own settings count.
 */
#define TLS_CLIENT_AUTH_INHERIT 0

/**
 * Clients are not asked for a certificate, whatever the server's settings say.
 */
#define TLS_CLIENT_AUTH_NONE 1

/**
 * Clients are asked for a certificate, and the connection goes on whatever they answer.
 */
#define TLS_CLIENT_AUTH_REQUEST 2

/**
 * Clients without a certificate that is accepted are refused.
 */
#define TLS_CLIENT_AUTH_REQUIRE 3

/**
 * For `tls_context_session_cache_count`: connections that resumed a session from the cache.
 */
#define TLS_SESSION_CACHE_HITS 0

/**
 * Connections for which the cache had no session.
 */
#define TLS_SESSION_CACHE_MISSES 1

/**
 * Connections whose server made a full handshake although a session from the cache was offered.
 */
#define TLS_SESSION_CACHE_REFUSED 2

/**
 * Sessions that are in the cache now.
 */
#define TLS_SESSION_CACHE_ENTRIES 3

/**
 * Words of a row that this version writes; those above it are 0.
 */
#define TLS_ROW_WORDS 7

/**
 * A server has a new connection: handle: the stream; word 4: the server.
 */
#define TLS_ROW_SECURE_CONNECTION 1

/**
 * A client is connected, and its server accepted, or not refused.
 */
#define TLS_ROW_SECURE_CONNECT 2

/**
 * Decrypted bytes of a stream: one row at most for each stream in a call.
 */
#define TLS_ROW_DATA 3

/**
 * The peer of a stream has ended; word 6: 1 after a close_notify, 0 if data may be missing.
 */
#define TLS_ROW_END 4

/**
 * A stream is closed: its last row; word 6: 1 if by an error.
 */
#define TLS_ROW_CLOSE 5

/**
 * A stream has failed, and is closed next; word 5: the `tls_error`.
 */
#define TLS_ROW_ERROR 6

/**
 * All is sent, after a write had answered `TLS_FULL`.
 */
#define TLS_ROW_DRAIN 7

/**
 * The idle time of `tls_stream_set_timeout` is over.
 */
#define TLS_ROW_TIMEOUT 8

/**
 * A connection failed before it was secure, and is closed next; handle: the stream; word 4: the
 * server; word 5: the `tls_error`.
 */
#define TLS_ROW_CLIENT_ERROR 9

/**
 * A server listens; handle: the server, as in the next two.
 */
#define TLS_ROW_LISTENING 10

/**
 * Accepting failed, and the server goes on trying; word 5: the `tls_error`.
 */
#define TLS_ROW_SERVER_ERROR 11

/**
 * A server is closed: its last row.
 */
#define TLS_ROW_SERVER_CLOSE 12

/**
 * A renegotiation of a stream is over.
 */
#define TLS_ROW_RENEGOTIATED 13

/**
 * A client has a session that can be resumed, whose bytes follow (`tls_stream_on_session`). Off
 * unless asked for.
 */
#define TLS_ROW_SESSION 14

/**
 * A server made a session (`tls_server_on_new_session`, with all that it changes); handle: the
 * stream; word 4: the server; bytes: the id, of as many bytes as word 6 says, and then the session.
 * Off unless asked for.
 */
#define TLS_ROW_NEW_SESSION 15

/**
 * A client of a server asks for the name whose bytes follow (`tls_server_on_sni`); handle: the
 * stream; word 4: the server; word 5: the `tls_request`. Off unless asked for, as are the next three.
 */
#define TLS_ROW_SNI 16

/**
 * A client has given a good certificate (`tls_server_on_check_certificate`), which
 * `tls_stream_peer_certificate` gives; handle: the stream; word 4: the server; word 5: the
 * `tls_request`.
 */
#define TLS_ROW_CHECK_CERTIFICATE 17

/**
 * A server has given a certificate with a good chain (`tls_stream_on_check_identity`), which
 * `tls_stream_peer_certificate` gives; word 5: the `tls_request`; word 6: 1 if the bytes are the name
 * to verify, 0 if there is none and only the chain counts.
 */
#define TLS_ROW_CHECK_IDENTITY 18

/**
 * A client offers the session whose id the bytes are (`tls_server_on_resume_session`, with all that
 * it changes); handle: the stream; word 4: the server; word 5: the `tls_request`.
 */
#define TLS_ROW_RESUME_SESSION 19

/**
 * The kinds of rows that a loop makes without `tls_loop_set_row_kinds`: those of this version that
 * need no answer and change nothing, `TLS_ROW_SECURE_CONNECTION` to `TLS_ROW_RENEGOTIATED`.
 */
#define TLS_ROW_KINDS_DEFAULT 16382

/**
 * For `tls_server_session_count`: handshakes that resumed nothing, whether a session was offered or not.
 */
#define TLS_SESSIONS_FULL 0

/**
 * Sessions resumed from a ticket.
 */
#define TLS_SESSIONS_HIT_TICKET 1

/**
 * Sessions resumed from the cache inside.
 */
#define TLS_SESSIONS_HIT_CACHE 2

/**
 * Sessions resumed from what the program keeps.
 */
#define TLS_SESSIONS_HIT_STORE 3

/**
 * Sessions that neither the cache nor the program knew.
 */
#define TLS_SESSIONS_MISS_UNKNOWN_ID 4

/**
 * Tickets made with a key that is gone, or was never ours.
 */
#define TLS_SESSIONS_MISS_UNKNOWN_KEY 5

/**
 * Sessions that are too old.
 */
#define TLS_SESSIONS_MISS_EXPIRED 6

/**
 * Sessions of another server name, or of another policy, or whose client certificate is not good any
 * more.
 */
#define TLS_SESSIONS_MISS_POLICY 7

/**
 * What the program kept was altered, or sealed with a key that is gone.
 */
#define TLS_SESSIONS_MISS_SEALED 8

/**
 * The program did not answer in time.
 */
#define TLS_SESSIONS_MISS_STORE_TIMEOUT 9

/**
 * The program could not look the session up, or rejected the request.
 */
#define TLS_SESSIONS_MISS_STORE_ERROR 10

/**
 * What a call came to: 0 done, above 0 done with information, below 0 an error, whose details
 * `tls_last_error` has.
 */
typedef int32_t tls_status;

/**
 * Destroys what a user-data pointer points to.
 */
typedef void (*tls_destroy_callback)(void *user_data);

/**
 * Encrypted bytes for the transport, or decrypted ones; they are valid until the callback returns.
 */
typedef void (*tls_secure_pair_data_callback)(tls_secure_pair *pair,
                                              const uint8_t *data,
                                              size_t length,
                                              void *user_data);

/**
 * An event of a pair that has nothing more to tell: secure, drain.
 */
typedef void (*tls_secure_pair_callback)(tls_secure_pair *pair, void *user_data);

/**
 * The peer has ended; `clean` is 1 after a close_notify, 0 if the data may have been cut short.
 */
typedef void (*tls_secure_pair_end_callback)(tls_secure_pair *pair, int clean, void *user_data);

/**
 * The pair has failed; `error` is valid until the callback returns.
 */
typedef void (*tls_secure_pair_error_callback)(tls_secure_pair *pair,
                                               const tls_error *error,
                                               void *user_data);

/**
 * The pair has ended; `had_error` is 1 if by an error.
 */
typedef void (*tls_secure_pair_close_callback)(tls_secure_pair *pair, int had_error, void *user_data);

/**
 * The client of a server's pair asks for a name: `request` wants a context for it.
 */
typedef void (*tls_secure_pair_sni_callback)(tls_secure_pair *pair,
                                             const char *servername,
                                             tls_request *request,
                                             void *user_data);

/**
 * The client of a server's pair has given a certificate that is good: `request` wants to know
 * whether it is welcome.
 */
typedef void (*tls_secure_pair_check_certificate_callback)(tls_secure_pair *pair,
                                                           const tls_certificate *certificate,
                                                           tls_request *request,
                                                           void *user_data);

/**
 * The server of a client's pair has given a certificate whose chain is good: `request` wants to know
 * whether it is that of `name`, which is NULL where only the chain counts.
 */
typedef void (*tls_secure_pair_check_identity_callback)(tls_secure_pair *pair,
                                                        const tls_certificate *certificate,
                                                        const char *name,
                                                        tls_request *request,
                                                        void *user_data);

/**
 * A session was made: `id` names what is to be kept, `session` is that, sealed; both are valid until the
 * callback returns.
 */
typedef void (*tls_secure_pair_new_session_callback)(tls_secure_pair *pair,
                                                     const uint8_t *id,
                                                     size_t id_length,
                                                     const uint8_t *session,
                                                     size_t session_length,
                                                     void *user_data);

/**
 * The client offers the session of this id: `request` wants what was kept under it.
 */
typedef void (*tls_secure_pair_resume_session_callback)(tls_secure_pair *pair,
                                                        const uint8_t *id,
                                                        size_t id_length,
                                                        tls_request *request,
                                                        void *user_data);

/**
 * A session that can be resumed; the bytes are valid until the callback returns, and are secret.
 */
typedef void (*tls_secure_pair_session_callback)(tls_secure_pair *pair,
                                                 const uint8_t *session,
                                                 size_t length,
                                                 void *user_data);

/**
 * Work that was posted to a loop.
 */
typedef void (*tls_post_callback)(tls_loop *loop, void *user_data);

/**
 * A socket, or another descriptor that can be polled.
 */
typedef int tls_socket;

/**
 * An event of a server that has nothing more to tell: listening, close.
 */
typedef void (*tls_server_callback)(tls_server *server, void *user_data);

/**
 * A new connection of a server.
 */
typedef void (*tls_server_stream_callback)(tls_server *server, tls_stream *stream, void *user_data);

/**
 * A connection failed before it was secure.
 */
typedef void (*tls_client_error_callback)(tls_server *server,
                                          const tls_error *error,
                                          tls_stream *stream,
                                          void *user_data);

/**
 * Accepting failed.
 */
typedef void (*tls_server_error_callback)(tls_server *server,
                                          const tls_error *error,
                                          void *user_data);

/**
 * A client of a server asks for a name: `request` wants a context for it.
 */
typedef void (*tls_server_sni_callback)(tls_server *server,
                                        tls_stream *stream,
                                        const char *servername,
                                        tls_request *request,
                                        void *user_data);

/**
 * A client has given a certificate that is good: `request` wants to know whether it is welcome.
 */
typedef void (*tls_server_check_certificate_callback)(tls_server *server,
                                                      tls_stream *stream,
                                                      const tls_certificate *certificate,
                                                      tls_request *request,
                                                      void *user_data);

/**
 * A session was made: `id` names what is to be kept, `session` is that, sealed; both are valid until the
 * callback returns.
 */
typedef void (*tls_server_new_session_callback)(tls_server *server,
                                                tls_stream *stream,
                                                const uint8_t *id,
                                                size_t id_length,
                                                const uint8_t *session,
                                                size_t session_length,
                                                void *user_data);

/**
 * A client offers the session of this id: `request` wants what was kept under it.
 */
typedef void (*tls_server_resume_session_callback)(tls_server *server,
                                                   tls_stream *stream,
                                                   const uint8_t *id,
                                                   size_t id_length,
                                                   tls_request *request,
                                                   void *user_data);

/**
 * An event of a stream that has nothing more to tell: secure connect, drain, timeout.
 */
typedef void (*tls_stream_callback)(tls_stream *stream, void *user_data);

/**
 * Decrypted bytes; they are valid until the callback returns.
 */
typedef void (*tls_stream_data_callback)(tls_stream *stream,
                                         const uint8_t *data,
                                         size_t length,
                                         void *user_data);

/**
 * The peer has ended; `clean` is 1 after a close_notify, 0 if the data may have been cut short.
 */
typedef void (*tls_stream_end_callback)(tls_stream *stream, int clean, void *user_data);

/**
 * The stream has failed; `error` is valid until the callback returns.
 */
typedef void (*tls_stream_error_callback)(tls_stream *stream,
                                          const tls_error *error,
                                          void *user_data);

/**
 * The stream is closed; `had_error` is 1 if by an error.
 */
typedef void (*tls_stream_close_callback)(tls_stream *stream, int had_error, void *user_data);

/**
 * A server has given a certificate whose chain is good: `request` wants to know whether it is that
 * of `name`, which is NULL where only the chain counts.
 */
typedef void (*tls_stream_check_identity_callback)(tls_stream *stream,
                                                   const tls_certificate *certificate,
                                                   const char *name,
                                                   tls_request *request,
                                                   void *user_data);

/**
 * A session that can be resumed; the bytes are valid until the callback returns, and are secret.
 */
typedef void (*tls_stream_session_callback)(tls_stream *stream,
                                            const uint8_t *session,
                                            size_t length,
                                            void *user_data);

/**
 * Done.
 */
#define TLS_OK 0

/**
 * Taken, and the high-water mark is reached: stop writing until the drain event.
 */
#define TLS_FULL 1

/**
 * NULL, a freed handle, one of another kind, or no handle at all.
 */
#define TLS_ERR_INVALID_HANDLE -1

/**
 * An argument that cannot be used; the message says which and why.
 */
#define TLS_ERR_INVALID_ARGUMENT -2

/**
 * The right call at the wrong moment: write after end, listen twice, ...
 */
#define TLS_ERR_INVALID_STATE -3

/**
 * The handle's loop belongs to another thread.
 */
#define TLS_ERR_WRONG_THREAD -4

/**
 * In use just now: the pair by another thread, the loop by an outer call.
 */
#define TLS_ERR_BUSY -5

/**
 * The context is in use and cannot be changed any more.
 */
#define TLS_ERR_FROZEN -6

/**
 * This build or this system cannot do that.
 */
#define TLS_ERR_NOT_SUPPORTED -7

/**
 * A certificate (of ours, or a CA's) cannot be read or is refused.
 */
#define TLS_ERR_CERTIFICATE -100

/**
 * A private key cannot be read.
 */
#define TLS_ERR_KEY -101

/**
 * The passphrase is missing or wrong.
 */
#define TLS_ERR_PASSPHRASE -102

/**
 * Key and certificate do not belong together.
 */
#define TLS_ERR_KEY_MISMATCH -103

/**
 * A cipher list with unknown names, or with nothing to use.
 */
#define TLS_ERR_CIPHERS -104

/**
 * Unknown protocol method or version, or none left to use.
 */
#define TLS_ERR_PROTOCOL -105

/**
 * A file cannot be read; see `tls_error_errno`.
 */
#define TLS_ERR_FILE -106

/**
 * A system call failed; see `tls_error_errno`.
 */
#define TLS_ERR_SYSTEM -200

/**
 * Out of memory.
 */
#define TLS_ERR_NO_MEMORY -201

/**
 * The host name was not found.
 */
#define TLS_ERR_RESOLVE -202

/**
 * No connection could be made; see `tls_error_errno`.
 */
#define TLS_ERR_CONNECT -203

/**
 * Cannot listen at this address; see `tls_error_errno`.
 */
#define TLS_ERR_LISTEN -204

/**
 * The peer cut the connection: reset, or end of file in the middle of the handshake.
 */
#define TLS_ERR_RESET -205

/**
 * The TLS protocol failed: garbage, an alert, nothing in common.
 */
#define TLS_ERR_TLS -300

/**
 * The peer's certificate, or its name, is not accepted.
 */
#define TLS_ERR_VERIFY -301

/**
 * The handshake took too long.
 */
#define TLS_ERR_TIMEOUT -302

/**
 * A serialised session cannot be used.
 */
#define TLS_ERR_SESSION -303

/**
 * A defect of the library itself: please report it.
 */
#define TLS_ERR_INTERNAL -900

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The library's version, `"0.1.0"`. Any thread; the text is static.
 */
TLS_API const char *tls_version(void);

/**
 * The library's version as a number that grows: `0x00MMmmpp`, major, minor and patch in one byte
 * each. To compare with the header that a program was compiled with:
 * `TLS_VERSION_MAJOR << 16 | TLS_VERSION_MINOR << 8 | TLS_VERSION_PATCH`. Any thread.
 */
TLS_API uint32_t tls_version_number(void);

/**
 * The version of the OpenSSL in use, as it calls itself: `"OpenSSL 3.0.17 1 Jul 2025"`. Any
 * thread; the text lives as long as the process.
 */
TLS_API const char *tls_openssl_version(void);

/**
 * The names of all cipher suites that the OpenSSL in use has, TLS 1.3 included: in lower case, sorted,
 * each once, with `:` between them. Any thread; the text lives as long as the process.
 *
 * Suites that leave the connection open (no encryption, no authentication) are not among them.
 * `tls_context_set_ciphers` takes the names in capitals.
 *
 * Returns NULL when out of memory.
 *
 * Node: `tls.getCiphers()`, as an array.
 */
TLS_API
const char *tls_ciphers(void);

/**
 * Does this build have a feature? 1 if so, 0 if not or if the name is unknown. Any thread.
 *
 * Names: `"tls1.2"`, `"tls1.3"`; `"vendored"` (OpenSSL is inside the library); `"loop_fd"`
 * (`tls_loop_fd` becomes readable for timers too).
 *
 * - `name`: a text; NULL is answered with 0 and the last error.
 */
TLS_API int32_t tls_feature(const char *name);

/**
 * The name of a status code, `"TLS_ERR_BUSY"`; `"TLS_ERR_UNKNOWN"` for a number that is none. Any
 * thread; the text is static.
 */
TLS_API const char *tls_status_name(tls_status status);

/**
 * This thread's last failing call.
 *
 * Never NULL; before the first failure it is an error with the status `TLS_OK`. The handle and the
 * texts that come from it are valid until this thread's next *failing* call; calls that succeed and
 * the `tls_error_*` accessors leave it. To keep one longer, use `tls_error_copy`.
 *
 * Any thread; each has its own.
 */
TLS_API const tls_error *tls_last_error(void);

/**
 * The status, as the failing call answered it; `TLS_ERR_INVALID_HANDLE` for a bad handle.
 */
TLS_API tls_status tls_error_status(const tls_error *error);

/**
 * The stable name, for programs to act on: `CERT_HAS_EXPIRED`, `ERR_TLS_CERT_ALTNAME_INVALID`,
 * `ERR_TLS_HANDSHAKE_TIMEOUT`, `ECONNREFUSED`, `ENOTFOUND`, `ERR_SSL_HTTP_REQUEST`, ...
 *
 * It is Node's where Node has one: its name for the verification result, the errno, or `ERR_SSL_`
 * and OpenSSL's reason. The text lives as long as the error; NULL for a bad handle.
 *
 * Node: `error.code`.
 */
TLS_API const char *tls_error_name(const tls_error *error);

/**
 * A sentence for people, which says what to do where that is known. Its wording may change between
 * versions. It lives as long as the error; NULL for a bad handle.
 *
 * Node: `error.message`.
 */
TLS_API const char *tls_error_message(const tls_error *error);

/**
 * The system's error number; 0 if no system call failed, or for a bad handle.
 */
TLS_API int32_t tls_error_errno(const tls_error *error);

/**
 * Why the peer's certificate was not accepted, as one of OpenSSL's `X509_V_ERR_` numbers; 0 if it
 * is not about that, or for a bad handle.
 */
TLS_API int32_t tls_error_verify_result(const tls_error *error);

/**
 * Which certificate of the chain was not accepted: 0 is the peer's own, above it are its issuers;
 * -1 if it is not about that, or for a bad handle.
 */
TLS_API int32_t tls_error_verify_depth(const tls_error *error);

/**
 * The subject of the certificate that was not accepted, one attribute a line; NULL if it is not
 * about that, or for a bad handle. It lives as long as the error.
 */
TLS_API const char *tls_error_verify_subject(const tls_error *error);

/**
 * How many entries of OpenSSL's error queue came with the error; 0 for a bad handle.
 */
TLS_API size_t tls_error_openssl_count(const tls_error *error);

/**
 * OpenSSL's packed code (`ERR_get_error`) of an entry; 0 if there is none.
 *
 * - `index`: which entry, 0 being the oldest.
 */
TLS_API uint64_t tls_error_openssl_code(const tls_error *error, size_t index);

/**
 * OpenSSL's text of an entry; NULL if there is none. It lives as long as the error.
 *
 * - `index`: which entry, 0 being the oldest.
 */
TLS_API const char *tls_error_openssl_text(const tls_error *error, size_t index);

/**
 * A copy that lives until `tls_error_free`, on any thread.
 *
 * Returns NULL if `error` is not a valid error; the last error then says so.
 */
TLS_API tls_error *tls_error_copy(const tls_error *error);

/**
 * Frees an error from `tls_error_copy`. NULL is `TLS_OK`. Any thread.
 *
 * A thread's last error and the error of an error event are not the caller's to free:
 * `TLS_ERR_INVALID_STATE`.
 */
TLS_API tls_status tls_error_free(tls_error *error);

/**
 * A new context with secure defaults: TLS 1.2 and 1.3, forward secrecy, the well-known roots
 * trusted, no certificate of its own. Free it with `tls_context_free`. Any thread.
 *
 * Returns NULL when out of memory.
 *
 * Node: `tls.createSecureContext`, `crypto.createCredentials`.
 */
TLS_API tls_context *tls_context_new(void);

/**
 * Frees a context. Servers, streams, pairs and connect options that use it keep what they need, so
 * it may be freed as soon as they are made. NULL is `TLS_OK`. Any thread.
 *
 * The destroy callback of its user data runs before this returns, unless another thread is using
 * the context just now: then when that call ends.
 */
TLS_API tls_status tls_context_free(tls_context *context);

/**
 * Sets the certificate from memory. Any thread, until the context's first use.
 *
 * - `pem`: the leaf certificate first, then those that lead from it towards the CA, in PEM. Text
 *   between the blocks is skipped. Copied. May be NULL only with length 0, which is an error.
 * - `length`: in bytes; a terminating NUL is not needed.
 *
 * A certificate of the same key type is replaced; one with another key type is added, so that RSA
 * and ECDSA can serve side by side. If the key is there already and does not belong to it, that is
 * refused at once. On failure nothing changes.
 *
 * Errors: `TLS_ERR_CERTIFICATE` (no certificate in the text, or one that cannot be decoded),
 * `TLS_ERR_KEY_MISMATCH`, `TLS_ERR_INVALID_STATE` (the context has a PFX),
 * `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
 *
 * Node: the option `cert`.
 */
TLS_API tls_status tls_context_set_cert(tls_context *context, const void *pem, size_t length);

/**
 * Does what `tls_context_set_cert` does, from a file of at most 16 MiB.
 *
 * - `path`: bytes as the system takes them, NUL-terminated; not NULL.
 *
 * Errors: those of `tls_context_set_cert`, and `TLS_ERR_FILE` with the errno.
 */
TLS_API tls_status tls_context_set_cert_file(tls_context *context, const char *path);

/**
 * Sets the private key from memory. Any thread, until the context's first use.
 *
 * - `pem`: PKCS#8, PKCS#1 or SEC1, encrypted or not; the first key in the text counts. Copied.
 * - `length`: in bytes.
 * - `passphrase`: for an encrypted key, 1,024 bytes at most; NULL if there is none. Nobody is ever
 *   asked on the terminal.
 *
 * RSA, RSA-PSS, ECDSA and Ed25519 keys, one of each type. A key that does not belong to the
 * certificate that is set is refused at once. On failure nothing changes.
 *
 * Errors: `TLS_ERR_KEY` (no key in the text, or it cannot be decoded), `TLS_ERR_PASSPHRASE`
 * (missing: name `ERR_MISSING_PASSPHRASE`; wrong; too long), `TLS_ERR_NOT_SUPPORTED` (encrypted with
 * single DES or RC2, and OpenSSL's legacy provider is not there), `TLS_ERR_KEY_MISMATCH`,
 * `TLS_ERR_INVALID_STATE` (the context has a PFX), `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
 *
 * Node: the options `key` and `passphrase`.
 */
TLS_API
tls_status tls_context_set_key(tls_context *context,
                               const void *pem,
                               size_t length,
                               const char *passphrase);

/**
 * Does what `tls_context_set_key` does, from a file of at most 16 MiB.
 *
 * - `path`: as for `tls_context_set_cert_file`.
 * - `passphrase`: as for `tls_context_set_key`.
 *
 * Errors: those of `tls_context_set_key`, and `TLS_ERR_FILE` with the errno.
 */
TLS_API
tls_status tls_context_set_key_file(tls_context *context,
                                    const char *path,
                                    const char *passphrase);

/**
 * Sets certificate and key in one step: both, or on failure neither. The way to replace a pair that
 * is there, because each half alone would not fit the other. Any thread, until the context's first
 * use.
 *
 * - `cert`, `cert_length`: as for `tls_context_set_cert`.
 * - `key`, `key_length`, `passphrase`: as for `tls_context_set_key`.
 *
 * Errors: those of the two.
 */
TLS_API
tls_status tls_context_set_identity(tls_context *context,
                                    const void *cert,
                                    size_t cert_length,
                                    const void *key,
                                    size_t key_length,
                                    const char *passphrase);

/**
 * Does what `tls_context_set_identity` does, from two files, which may be one and the same.
 *
 * - `cert_path`, `key_path`: bytes as the system takes them, NUL-terminated; not NULL.
 * - `passphrase`: as for `tls_context_set_key`.
 *
 * Errors: those of `tls_context_set_identity`, and `TLS_ERR_FILE` with the errno.
 */
TLS_API
tls_status tls_context_set_identity_file(tls_context *context,
                                         const char *cert_path,
                                         const char *key_path,
                                         const char *passphrase);

/**
 * Trusts one or more CAs. The first call takes the place of the well-known roots. Any thread, until
 * the context's first use.
 *
 * - `pem`: one certificate or a bundle; text between the blocks is skipped. Copied.
 * - `length`: in bytes.
 *
 * A server also names these CAs when it asks for client certificates. On failure none is added.
 *
 * Errors: `TLS_ERR_CERTIFICATE` (no certificate in the text, or one that cannot be decoded),
 * `TLS_ERR_INVALID_STATE` (the context has a PFX), `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
 *
 * Node: the option `ca`.
 */
TLS_API tls_status tls_context_add_ca(tls_context *context, const void *pem, size_t length);

/**
 * Does what `tls_context_add_ca` does, from a file of at most 16 MiB.
 *
 * - `path`: bytes as the system takes them, NUL-terminated; not NULL.
 *
 * Errors: those of `tls_context_add_ca`, and `TLS_ERR_FILE` with the errno.
 */
TLS_API tls_status tls_context_add_ca_file(tls_context *context, const char *path);

/**
 * Trusts nobody, until the next `tls_context_add_ca`: neither the well-known roots nor what was
 * added before. Any thread, until the context's first use. Errors: `TLS_ERR_INVALID_STATE` (the
 * context has a PFX), `TLS_ERR_FROZEN`.
 *
 * Node: `ca: []`.
 */
TLS_API tls_status tls_context_clear_ca(tls_context *context);

/**
 * Lets certificate revocation lists count. With any list, every certificate of a peer's chain is
 * checked, and every issuer in it needs a list: the CAs between as well as the root. Any thread,
 * until the context's first use.
 *
 * - `pem`: one list (`X509 CRL`) or several; text and blocks of other kinds between them are
 *   skipped. Copied. May be NULL only with length 0, which is an error.
 * - `length`: in bytes.
 *
 * Further calls add. A peer is then refused, or with `reject_unauthorized` 0 not authorized, with
 * one of these names: `CERT_REVOKED`; `UNABLE_TO_GET_CRL` (no list of this issuer);
 * `CRL_HAS_EXPIRED`, `CRL_NOT_YET_VALID` (fetch the new list, and put it into a new context);
 * `CRL_SIGNATURE_FAILURE`; `UNHANDLED_CRITICAL_CRL_EXTENSION`; `KEYUSAGE_NO_CRL_SIGN` (the issuer
 * may not sign lists). Whether a list is in force is looked at in each handshake, not here. The CAs
 * that are trusted stay what they were, the well-known roots too. On failure none is added.
 *
 * Errors: `TLS_ERR_CERTIFICATE` (no list in the text, or one that cannot be decoded),
 * `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
 *
 * Node: the option `crl`.
 */
TLS_API tls_status tls_context_add_crl(tls_context *context, const void *pem, size_t length);

/**
 * Does what `tls_context_add_crl` does, from a file of at most 16 MiB.
 *
 * - `path`: bytes as the system takes them, NUL-terminated; not NULL.
 *
 * Errors: those of `tls_context_add_crl`, and `TLS_ERR_FILE` with the errno.
 */
TLS_API tls_status tls_context_add_crl_file(tls_context *context, const char *path);

/**
 * Sets the cipher suites: TLS 1.3 suites (`TLS_AES_128_GCM_SHA256`) and OpenSSL's cipher list for
 * older versions (`ECDHE+AESGCM:!aNULL`) in one text. Any thread, until the context's first use.
 *
 * - `ciphers`: names separated by `:`, `,` or blanks, 64 KiB at most; not NULL. With old names
 *   alone the TLS 1.3 defaults stay; with TLS 1.3 suites alone older versions are off, as in Node.
 *   `@SECLEVEL=n` sets OpenSSL's security level, which is
 *   2 otherwise.
 *
 * The default allows only forward secrecy with authenticated encryption. A name that this OpenSSL
 * does not know is refused and told; words of ciphers(1) are taken also where they match nothing.
 *
 * Errors: `TLS_ERR_CIPHERS` (unknown name, nothing left, control characters),
 * `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
 *
 * Node: the option `ciphers`.
 */
TLS_API tls_status tls_context_set_ciphers(tls_context *context, const char *ciphers);

/**
 * Lets the server's order of ciphers count (1) or the client's (0, the default). Any thread, until
 * the context's first use. Errors: `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
 *
 * Node: the option `honorCipherOrder`.
 */
TLS_API tls_status tls_context_set_honor_cipher_order(tls_context *context, int32_t enabled);

/**
 * Sets the protocol versions by the name of an OpenSSL method: `"TLSv1_2_method"` is that version
 * alone, `"TLS_method"` and `"SSLv23_method"` are all that the library has. Any thread, until the
 * context's first use.
 *
 * - `method`: one of `TLS_`, `SSLv23_`, `TLSv1_`, `TLSv1_1_`, `TLSv1_2_` with `method`,
 *   `server_method` or `client_method`; not NULL. SSL 2 and 3 are refused.
 *
 * TLS 1.0 and 1.1 work only with `@SECLEVEL=0` in the ciphers; where nothing else is left to use,
 * the context's first use fails with `TLS_ERR_PROTOCOL`.
 *
 * Errors: `TLS_ERR_PROTOCOL`, `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
 *
 * Node: the option `secureProtocol`.
 */
TLS_API tls_status tls_context_set_secure_protocol(tls_context *context, const char *method);

/**
 * Sets the lowest protocol version; `TLSv1.2` by default. Any thread, until the context's first
 * use.
 *
 * - `version`: `"TLSv1"`, `"TLSv1.1"`, `"TLSv1.2"` or `"TLSv1.3"`; not NULL.
 *
 * Errors: `TLS_ERR_PROTOCOL` (unknown, or above the highest), `TLS_ERR_INVALID_ARGUMENT`,
 * `TLS_ERR_FROZEN`. Node: the option `minVersion`.
 */
TLS_API tls_status tls_context_set_min_version(tls_context *context, const char *version);

/**
 * Sets the highest protocol version; `TLSv1.3` by default. The rest is as for
 * `tls_context_set_min_version`.
 *
 * - `version`: as there.
 *
 * Node: the option `maxVersion`.
 */
TLS_API tls_status tls_context_set_max_version(tls_context *context, const char *version);

/**
 * Keeps a pointer of yours with the context; works also when it is frozen. Any thread.
 *
 * - `user_data`: any value, NULL too.
 * - `destroy`: called exactly once with it: when the context is freed, when it is replaced, or at
 *   once when this call fails; on the thread that does so. May be NULL.
 */
TLS_API
tls_status tls_context_set_user_data(tls_context *context,
                                     void *user_data,
                                     tls_destroy_callback destroy);

/**
 * The pointer from `tls_context_set_user_data`; NULL if there is none, or for a bad handle. Any
 * thread.
 */
TLS_API void *tls_context_user_data(const tls_context *context);

/**
 * Sets private key, certificate, chain and CAs from a PKCS#12 file (PFX, .p12) in memory. Any
 * thread, until the context's first use.
 *
 * - `data`: DER or BER, as `openssl pkcs12 -export`, Windows, macOS, Java and browsers write it.
 *   What follows it is ignored. The library wipes its copies of the key and of the passphrase.
 * - `length`: in bytes.
 * - `passphrase`: UTF-8; NULL or empty if there is none. Nobody is ever asked on the terminal.
 *
 * The certificate is the one that belongs to the key. Of the others, those that lead from it towards
 * its CA are sent to peers, in order and without the root. If there is a root among the others
 * (a certificate signed by itself), then all of them are trusted, in place of the well-known roots,
 * as with `tls_context_add_ca`; if there is none, the well-known roots stay trusted.
 *
 * It is either this, or `tls_context_set_cert`, `_set_key`, `_set_identity`, `_add_ca` and
 * `_clear_ca`: on a context that has seen one, the other answers `TLS_ERR_INVALID_STATE`. A second
 * PFX takes the place of the first. On failure nothing changes.
 *
 * RC2 and single DES, with which OpenSSL 1.x and Windows encrypt, need OpenSSL's legacy provider. It
 * is loaded for this call and out of reach of the rest of the process.
 *
 * Errors: `TLS_ERR_PASSPHRASE` (missing: name `ERR_MISSING_PASSPHRASE`; or wrong), `TLS_ERR_KEY` (no
 * private key in the file), `TLS_ERR_CERTIFICATE` (no certificate in it; damaged, cut short, or no
 * such file), `TLS_ERR_KEY_MISMATCH` (no certificate in it belongs to the key),
 * `TLS_ERR_NOT_SUPPORTED` (encrypted with what this OpenSSL lacks), `TLS_ERR_INVALID_STATE`,
 * `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
 *
 * Node: the options `pfx` and `passphrase`. There the well-known roots stay trusted beside the CAs
 * of the file, so that a server that asks for certificates of its own CA takes any public CA's too.
 */
TLS_API
tls_status tls_context_set_pfx(tls_context *context,
                               const void *data,
                               size_t length,
                               const char *passphrase);

/**
 * Does what `tls_context_set_pfx` does, from a file of at most 16 MiB.
 *
 * - `path`: bytes as the system takes them, NUL-terminated; not NULL.
 * - `passphrase`: as for `tls_context_set_pfx`.
 *
 * Errors: those of `tls_context_set_pfx`, and `TLS_ERR_FILE` with the errno.
 */
TLS_API
tls_status tls_context_set_pfx_file(tls_context *context,
                                    const char *path,
                                    const char *passphrase);

/**
 * Sets the groups for key exchange (curves, and what has come after them), the preferred first. Any
 * thread, until the context's first use.
 *
 * - `groups`: names as OpenSSL takes them (SSL_CTX_set1_groups_list(3)), with `:` between them:
 *   `"X25519:P-256:P-384"`; or `"auto"`, the default, for OpenSSL's own choice. Not NULL.
 *
 * On TLS 1.2 the curve of an ECDSA certificate must be among them too.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (empty, or a name that this OpenSSL does not know),
 * `TLS_ERR_FROZEN`.
 *
 * Node: the option `ecdhCurve`.
 */
TLS_API tls_status tls_context_set_groups(tls_context *context, const char *groups);

/**
 * Lets a server use DHE with TLS 1.2 and before, for peers that have no ECDHE. Without this call it
 * does not. Any thread, until the context's first use.
 *
 * - `pem`: the parameters, as `openssl dhparam` writes them; or the four bytes `auto`, for
 *   parameters that OpenSSL has, as strong as the certificate's key. Copied.
 * - `length`: in bytes.
 *
 * Less than 2,048 bits are refused. Where the ciphers ask for a security level above 2, more are
 * needed: else the context's first use fails.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (none in the text, nonsense, too weak), `TLS_ERR_FROZEN`.
 *
 * Node: the option `dhparam`, which takes 1,024 bits and ignores what it cannot read.
 */
TLS_API tls_status tls_context_set_dhparam(tls_context *context, const void *pem, size_t length);

/**
 * Does what `tls_context_set_dhparam` does, from a file of at most 16 MiB.
 *
 * - `path`: bytes as the system takes them, NUL-terminated; not NULL.
 *
 * Errors: those of `tls_context_set_dhparam`, and `TLS_ERR_FILE` with the errno.
 */
TLS_API tls_status tls_context_set_dhparam_file(tls_context *context, const char *path);

/**
 * Says whether a server that uses this context asks for client certificates: a context that SNI
 * picks can so have a policy of its own, which beats the server's `tls_server_set_request_cert` and
 * `tls_server_set_reject_unauthorized`. Any thread, until the context's first use.
 *
 * - `policy`: `TLS_CLIENT_AUTH_INHERIT` (the default: the server's settings count), `_NONE`,
 *   `_REQUEST` or `_REQUIRE`.
 *
 * Clients and client pairs do not look at it.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
 *
 * Node: has it for whole servers only, `requestCert` and `rejectUnauthorized`.
 */
TLS_API tls_status tls_context_set_client_auth(tls_context *context, int32_t policy);

/**
 * Adds option bits of OpenSSL to those that the library sets. Any thread, until the context's first
 * use.
 *
 * - `options`: `SSL_OP_*` of `<openssl/ssl.h>`, joined by `|`; SSL_CTX_set_options(3) tells what they
 *   do. A second call takes the place of the first. 0 is the default.
 *
 * Refused are bits that this OpenSSL does not know, and those that would undo what the library
 * promises: `SSL_OP_IGNORE_UNEXPECTED_EOF`, `SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION`,
 * `SSL_OP_TLS_ROLLBACK_BUG`. `SSL_OP_LEGACY_SERVER_CONNECT` is taken, for clients of old servers.
 *
 * `SSL_OP_NO_TLSv1_2` and its like take versions away from what `tls_context_set_min_version` and
 * `_max_version` allow; where none is left, the context's first use fails with `TLS_ERR_PROTOCOL`.
 * Bits for DTLS and for the kernel's TLS have no effect.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
 *
 * Node: the option `secureOptions`.
 */
TLS_API
tls_status tls_context_set_secure_options(tls_context *context,
                                          uint64_t options);

/**
 * Sets the mark that a server gives its sessions: sessions with another mark are not resumed, so
 * servers that must not take each other's have different ones. Any thread, until the context's first
 * use.
 *
 * - `id`: any bytes; copied.
 * - `length`: 1 to 32.
 *
 * By default it is derived from the certificates, the CAs and the revocation lists. Where clients are
 * asked for a certificate, the CAs and the lists count beside the mark, so that no session leads
 * around them. Clients do not use it.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
 *
 * Node: the option `sessionIdContext`.
 */
TLS_API
tls_status tls_context_set_session_id_context(tls_context *context,
                                              const void *id,
                                              size_t length);

/**
 * Sets the ALPN protocols: what a client offers, and a server accepts in its own order. It
 * beats the list of the server; connect options beat it. Any thread, until the
 * context's first use.
 *
 * - `names`: `count` texts of 1 to 255 bytes, the preferred first; not NULL. Copied.
 * - `count`: 1 at least.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (no name, an empty one, one that is too long or NULL, more than
 * fits into the extension), `TLS_ERR_FROZEN`. Node: the option `ALPNProtocols`.
 */
TLS_API
tls_status tls_context_set_alpn_protocols(tls_context *context,
                                          const char *const *names,
                                          size_t count);

/**
 * Does what `tls_context_set_alpn_protocols` does, from one buffer in which each name stands behind
 * a byte with its length, as Node takes it in a `Buffer`: `"\x02h2\x08http/1.1"`.
 *
 * - `data`, `length`: in bytes; copied.
 *
 * Errors: those of `tls_context_set_alpn_protocols`, also for a length that does not fit.
 */
TLS_API
tls_status tls_context_set_alpn_buffer(tls_context *context,
                                       const void *data,
                                       size_t length);

/**
 * Sets the NPN protocols for TLS 1.2 and before: what a client takes from the server's
 * offer, and a server offers. It beats the list of the server; connect options beat it. Any thread, until the
 * context's first use.
 *
 * - `names`: `count` texts of 1 to 255 bytes, the preferred first; not NULL. Copied.
 * - `count`: 1 at least.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (no name, an empty one, one that is too long or NULL, more than
 * fits into the extension), `TLS_ERR_FROZEN`. Node v0.10: the option `NPNProtocols`.
 */
TLS_API
tls_status tls_context_set_npn_protocols(tls_context *context,
                                         const char *const *names,
                                         size_t count);

/**
 * Does what `tls_context_set_npn_protocols` does, from one buffer in which each name stands behind a
 * byte with its length, as Node takes it in a `Buffer`: `"\x02h2\x08http/1.1"`.
 *
 * - `data`, `length`: in bytes; copied.
 *
 * Errors: those of `tls_context_set_npn_protocols`, also for a length that does not fit.
 */
TLS_API
tls_status tls_context_set_npn_buffer(tls_context *context,
                                      const void *data,
                                      size_t length);

/**
 * Has the client connections with this context keep their sessions in memory, and offer them to the
 * same servers again, by themselves. Any thread, until the context's first use.
 *
 * - `entries`: how many sessions at most, up to 1,048,576. 0 (the default) keeps none.
 *
 * All connections with the context share the cache, on any loop and thread. A session is kept by host
 * and port of `tls_connect` (or the path of a Unix socket; over a descriptor or stream by the host
 * alone) and by what `tls_connect_options_set_session` says that must be the same, and offered when
 * the connection to the server stands. A session in the options comes first. TLS 1.3 tickets are used
 * once, the newest first; of one server there are 8 at most. What was used longest ago gives way;
 * sessions that expired, or with which a handshake failed, are dropped, and so are those above 16 KiB;
 * what is dropped is wiped. An entry takes 1 to 3 KiB, mostly for the server's certificate. Pairs do
 * not use the cache: they do not know where they are connected to.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (too many entries), `TLS_ERR_FROZEN`. Node: the session cache of
 * `https.Agent`.
 */
TLS_API
tls_status tls_context_set_session_cache(tls_context *context,
                                         size_t entries);

/**
 * What the cache of `tls_context_set_session_cache` has counted. Any thread.
 *
 * - `what`: `TLS_SESSION_CACHE_HITS`, `_MISSES`, `_REFUSED` or `_ENTRIES`.
 *
 * Returns the number, 0 without a cache; -1 on failure (`TLS_ERR_INVALID_ARGUMENT`).
 */
TLS_API int64_t tls_context_session_cache_count(const tls_context *context, int32_t what);

/**
 * Has servers that use this context make and open session tickets with the keys of a ring, from the
 * next ticket on; without one, each context has a random key of its own. Any thread, at any time, also
 * while the context is in use.
 *
 * - `ring`: may be that of other contexts as well, and may be freed afterwards.
 *
 * The ring of the context that a server or pair was made with counts, also for connections whose
 * server name picks another context (`tls_server_add_context`). Clients have no use for it.
 *
 * Errors: none of its own.
 */
TLS_API
tls_status tls_context_set_ticket_ring(tls_context *context,
                                       tls_ticket_ring *ring);

/**
 * Has servers that use this context make and open session tickets with this key alone, from now on:
 * in place of the ring that it had, which stays as it is. Any thread, at any time, also while the
 * context is in use.
 *
 * - `keys`: random bytes, copied: a name of 16 bytes, 16 for HMAC, 16 for AES.
 * - `length`: 48.
 *
 * Tickets of an earlier key are not known any more: to change keys without full handshakes, use a
 * ring.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (another length).
 *
 * Node: the option `ticketKeys`, `server.setTicketKeys`.
 */
TLS_API
tls_status tls_context_set_ticket_keys(tls_context *context,
                                       const void *keys,
                                       size_t length);

/**
 * The key that session tickets are made with now, for `tls_context_set_ticket_keys` on another context
 * or in another process. It is secret. Any thread, at any time.
 *
 * - `keys`: where to put it; not NULL.
 * - `length`: 48.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (another length), `TLS_ERR_INVALID_STATE` (the context has a ring
 * whose key has 80 bytes: `tls_ticket_ring_export` has it).
 *
 * Node: `server.getTicketKeys`.
 */
TLS_API
tls_status tls_context_ticket_keys(tls_context *context,
                                   void *keys,
                                   size_t length);

/**
 * Sets how many session tickets a client gets after a full handshake of TLS 1.3, where each is for one
 * connection; after a resumption it gets one. Any thread, until the context's first use.
 *
 * - `count`: 0 to 32; 2 by default. 0: clients of TLS 1.3 cannot resume, unless the server keeps
 *   sessions itself. On TLS 1.2 there is one, whatever this is.
 *
 * That of the context that a server or pair was made with counts, as for `tls_context_set_ticket_ring`.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_FROZEN`.
 */
TLS_API
tls_status tls_context_set_num_tickets(tls_context *context,
                                       size_t count);

/**
 * A new ring, for `tls_context_set_ticket_ring`. It works at once: it has a random key of 48 bytes. The
 * first key or secret that is put in takes its place, unless a ticket was made with it or it was
 * exported by then. Free it with `tls_ticket_ring_free`. Any thread.
 *
 * Returns NULL when out of memory, or without randomness (`TLS_ERR_INTERNAL`).
 */
TLS_API
tls_ticket_ring *tls_ticket_ring_new(void);

/**
 * Frees a ring. Contexts that use it keep it, with the keys that it has. NULL is `TLS_OK`. Any thread.
 */
TLS_API
tls_status tls_ticket_ring_free(tls_ticket_ring *ring);

/**
 * How many keys and secrets are in it, 1 to 16; -1 for a bad handle. Any thread.
 */
TLS_API int32_t tls_ticket_ring_key_count(const tls_ticket_ring *ring);

/**
 * Puts a fresh random key of 80 bytes in. It makes tickets after the grace period, or at once if it is
 * the first. Any thread.
 *
 * With one host, call it every few hours. With several, call it on one of them, and give what
 * `tls_ticket_ring_export` then has to the others before the grace period is over.
 *
 * Errors: `TLS_ERR_INTERNAL` (no randomness).
 */
TLS_API
tls_status tls_ticket_ring_rotate(tls_ticket_ring *ring);

/**
 * Puts a key in that comes from elsewhere. It makes tickets after the grace period, or at once if it
 * is the first. A key that is there already stays as and where it is. Any thread.
 *
 * - `key`: random bytes, copied: a name of 16 bytes, which everybody sees in the tickets, the key for
 *   HMAC-SHA256, and the key for AES, both of 16 bytes (AES-128; what Node calls `ticketKeys`) or both
 *   of 32 (AES-256).
 * - `length`: 48 or 80.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (another length; another key of the same name is there).
 */
TLS_API
tls_status tls_ticket_ring_add_key(tls_ticket_ring *ring,
                                   const void *key,
                                   size_t length);

/**
 * Puts a secret in, from which each period of time gets a key of its own: hosts that have the secret
 * have the keys, with no message between them. It makes tickets after the grace period, or at once if
 * it is the first; a second secret replaces it so, on all hosts, without a gap. Any thread.
 *
 * - `secret`: random bytes, copied; not a password, which could be guessed.
 * - `length`: 32 to 1,024.
 * - `period_ms`: how long a key makes tickets, in milliseconds; one second to 30 days. The keys change
 *   when the time since 1970 is a multiple of it. The same on all hosts.
 *
 * The keys of the period before and of the one after open tickets as well: so a ticket is good for one
 * period at least and two at most, and clocks that differ by less than a period do no harm. Keys are
 * 80 bytes of HKDF-SHA256 and are the same in all versions of the library.
 *
 * Whoever learns the secret has all keys of all times: there is no forward secrecy beyond its life.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT`.
 */
TLS_API
tls_status tls_ticket_ring_add_secret(tls_ticket_ring *ring,
                                      const void *secret,
                                      size_t length,
                                      uint64_t period_ms);

/**
 * Sets how many keys and secrets a ring keeps; the oldest above that are wiped, at once and from now on.
 * Any thread.
 *
 * - `count`: 2 to 16; 16 by default. Enough are as many as make tickets in the lifetime of a ticket, two
 *   hours unless another server says otherwise, and two more: with a new key each hour, 4. More of them
 *   resume nothing, and can only be stolen.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT`.
 */
TLS_API
tls_status tls_ticket_ring_set_max_keys(tls_ticket_ring *ring,
                                        size_t count);

/**
 * Sets for how long what is put in from now on opens tickets and makes none, so that all hosts have it
 * when the first client comes with a ticket of it. Any thread.
 *
 * - `milliseconds`: longer than it takes until all hosts have a new key; 60,000 by default, 0: none,
 *   at most seven days.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT`.
 */
TLS_API
tls_status tls_ticket_ring_set_grace_period(tls_ticket_ring *ring,
                                            uint64_t milliseconds);

/**
 * Writes all keys and secrets of a ring, for `tls_ticket_ring_import` on another host or after a
 * restart. The bytes are as secret as the keys: send them encrypted and only to who may have them,
 * keep them from disks, and wipe them after use. Any thread.
 *
 * - `buffer`: where to put them; NULL only with capacity 0.
 * - `capacity`: in bytes; 0 asks for the length alone.
 * - `length`: where to put how many bytes they are; not NULL. Set also when they do not fit.
 *
 * The form is the library's own and has a version: a library reads what older ones wrote.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (`length` is NULL; they do not fit, and nothing was written).
 */
TLS_API
tls_status tls_ticket_ring_export(tls_ticket_ring *ring,
                                  void *buffer,
                                  size_t capacity,
                                  size_t *length);

/**
 * Puts what `tls_ticket_ring_export` wrote in place of all that is in the ring. What makes tickets
 * there makes them here at once; what is in its grace period there is in one here, of this ring's own
 * length, which began when it first came. So the same bytes may come again and again. Any thread.
 *
 * - `data`, `length`: the bytes, whole.
 *
 * They have a checksum against accidents. It is none against people: take them only from those who
 * may have the keys. The grace period and the session id context of others are not in them.
 *
 * Errors: `TLS_ERR_KEY` with the name `ERR_INVALID_TICKET_KEYS` (other bytes, cut short, altered, or
 * of a newer version), `TLS_ERR_INVALID_ARGUMENT`. The ring is as it was then.
 */
TLS_API
tls_status tls_ticket_ring_import(tls_ticket_ring *ring,
                                  const void *data,
                                  size_t length);

/**
 * Puts the keys of nginx's `ssl_session_ticket_key` in place of all that is in the ring: the first
 * file makes tickets, at once, and the others open them. Any thread.
 *
 * - `files`: as many pointers to the contents of the files, in the order of nginx's configuration;
 *   not NULL.
 * - `lengths`: how many bytes each has: 48 or 80.
 * - `count`: 1 to 16.
 *
 * Call it again after each rotation. A file has a name of 16 bytes, and then, of 48 bytes, 16 for AES
 * and 16 for HMAC; of 80, 32 for HMAC and 32 for AES.
 *
 * The keys alone are not enough: see `tls_ticket_ring_set_nginx_id_context`.
 *
 * Errors: `TLS_ERR_KEY` with the name `ERR_INVALID_TICKET_KEYS` (a file of another length),
 * `TLS_ERR_INVALID_ARGUMENT` (count; NULL; two different keys of one name). The ring is as it was then.
 */
TLS_API
tls_status tls_ticket_ring_import_nginx(tls_ticket_ring *ring,
                                        const void *const *files,
                                        const size_t *lengths,
                                        size_t count);

/**
 * Puts the keys of a file of HAProxy's `tls-ticket-keys` in place of all that is in the ring: the last
 * but one makes tickets, at once; the last opens them, for the time when the next file has come to
 * some hosts only. Any thread.
 *
 * - `data`, `length`: the file: three lines or more, each a key in Base64: a name of 16 bytes, then
 *   16 for AES and 16 for HMAC, or 32 and 32. Of more than 16 lines the last ones count.
 *
 * Call it again after each change of the file. HAProxy's session id context is the text `haproxy`:
 * set it with `tls_ticket_ring_set_foreign_id_context`.
 *
 * Errors: `TLS_ERR_KEY` with the name `ERR_INVALID_TICKET_KEYS`, `TLS_ERR_INVALID_ARGUMENT`. The ring
 * is as it was then.
 */
TLS_API
tls_status tls_ticket_ring_import_haproxy(tls_ticket_ring *ring,
                                          const void *data,
                                          size_t length);

/**
 * Says which session id context other servers have that share the keys: OpenSSL resumes only sessions
 * of its own. Tickets that are made here carry theirs from then on, and tickets with theirs are taken.
 * Any thread.
 *
 * - `id`: copied; `"haproxy"` for HAProxy.
 * - `length`: 1 to 32; 0: nothing is shared any more.
 *
 * Sessions are resumed for the server name that they were made for alone (or none both times), and with
 * a cipher that the context has. Where clients are asked for certificates, tickets stay our own: what
 * the others demand of a certificate is not known here. Between the contexts of one ring nothing else
 * counts then: what `tls_context_set_session_id_context` set does not part them.
 *
 * Share with servers that serve the same names to the same clients. One that insists on client
 * certificates, where this one does not, would have to look again at a session that was resumed, as
 * nginx does: a ticket from here has none.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT`.
 */
TLS_API
tls_status tls_ticket_ring_set_foreign_id_context(tls_ticket_ring *ring,
                                                  const void *id,
                                                  size_t length);

/**
 * Does what `tls_ticket_ring_set_foreign_id_context` does, for nginx, whose session id context comes
 * from its certificates. Any thread.
 *
 * - `certificates`: as many pointers to PEM texts: each `ssl_certificate` of the server block that
 *   is nginx's default for the address, in the order of its configuration; of each the first
 *   certificate counts, so the file itself will do. Not NULL.
 * - `lengths`: how many bytes each has.
 * - `count`: 1 to 1024.
 * - `client_cas`, `client_cas_length`: the PEM text of its `ssl_client_certificate`; NULL and 0 if its
 *   `ssl_verify_client` is off: then it does not count.
 *
 * It is SHA-1 of `HTTP`, of the SHA-1 of each certificate, the last one first, and of the SHA-1 of each
 * CA's name. Set it again when nginx gets another certificate.
 *
 * Errors: `TLS_ERR_CERTIFICATE` (a text without a certificate), `TLS_ERR_INVALID_ARGUMENT`. What was
 * set stays then.
 */
TLS_API
tls_status tls_ticket_ring_set_nginx_id_context(tls_ticket_ring *ring,
                                                const void *const *certificates,
                                                const size_t *lengths,
                                                size_t count,
                                                const void *client_cas,
                                                size_t client_cas_length);

/**
 * Reads a certificate. Any thread.
 *
 * - `data`, `length`: one certificate in DER, or a PEM text. Of a text with several, the first is
 *   meant, and the others are what its issuers are looked for in
 *   (`tls_certificate_issuer_certificate`).
 *
 * Returns a new handle, for the caller to free with `tls_certificate_free`; NULL on failure:
 * `TLS_ERR_CERTIFICATE` (neither form, cut short, or something behind the DER),
 * `TLS_ERR_INVALID_ARGUMENT` (NULL with a length).
 *
 * Nothing is verified. Node: `new X509Certificate(buffer)`.
 */
TLS_API tls_certificate *tls_certificate_parse(const void *data, size_t length);

/**
 * Another handle for the same certificate, to be freed by itself: for whoever must keep one that is
 * somebody else's to free. Any thread.
 *
 * Returns NULL for a bad handle.
 */
TLS_API tls_certificate *tls_certificate_copy(const tls_certificate *certificate);

/**
 * Frees a certificate, and what its getters answered, unless a copy is left. NULL is `TLS_OK`. Any
 * thread.
 */
TLS_API tls_status tls_certificate_free(tls_certificate *certificate);

/**
 * Who signed it, for the caller to free with `tls_certificate_free`: looked for among what the peer
 * sent, then among the certificates that the connection trusted. Any thread.
 *
 * Asked again and again, each time of the last answer, it gives the whole chain, and ends: NULL for
 * a root, which signed itself (Node links it to itself), where the issuer is not known, and for a bad
 * handle. After a resumed session only the peer's own certificate is there, and above it what the
 * connection trusted: a peer sends its chain in full handshakes only.
 *
 * What the peer sent is not verified by being in the chain: `tls_stream_authorized` says whether the
 * peer is who it should be. Node: `getPeerCertificate(true).issuerCertificate`.
 */
TLS_API
tls_certificate *tls_certificate_issuer_certificate(const tls_certificate *certificate);

/**
 * All of it as JSON (RFC 8259, UTF-8), with the keys and the text of
 * `JSON.stringify(socket.getPeerCertificate(detailed))` in Node: `subject`, `issuer`,
 * `subjectaltname`, `infoAccess`, `ca`, `modulus`, `bits`, `exponent`, `pubkey`, `asn1Curve`,
 * `nistCurve`, `valid_from`, `valid_to`, `fingerprint`, `fingerprint256`, `fingerprint512`,
 * `ext_key_usage`, `serialNumber`, `raw`; those that it does not have are missing, and bytes are
 * `{"type":"Buffer","data":[48,130,...]}`. Any thread.
 *
 * - `detailed`: 1 puts its issuer into `issuerCertificate`, with the issuer's issuer inside, and so
 *   on; the last one has none (Node links a root to itself there, and cannot make JSON of it). 0:
 *   this certificate only.
 *
 * It lives as long as the certificate. NULL on failure: `TLS_ERR_INVALID_ARGUMENT` (`detailed` is
 * neither 0 nor 1). Node: `getPeerCertificate(detailed)`.
 */
TLS_API const char *tls_certificate_json(const tls_certificate *certificate, int32_t detailed);

/**
 * Does a certificate belong to this host? It is the check that a client makes of its server, alone: of
 * the names, not of who signed it or of its dates. Any thread; no callback runs.
 *
 * - `name`: a host name, or an IP address in text form (`[::1]` with or without brackets); case and
 *   one dot at the end do not matter.
 *
 * The certificate's DNS names are compared, its common names only if it has no DNS name, an IP
 * address only with its IP addresses. A `*` stands for the whole first label, and only there.
 *
 * Returns `TLS_OK`, or `TLS_ERR_VERIFY` with the error name `ERR_TLS_CERT_ALTNAME_INVALID` and a
 * message that begins with "Hostname/IP doesn't match certificate's altnames" and lists the names;
 * `TLS_ERR_INVALID_ARGUMENT` (NULL, not UTF-8). Node: `tls.checkServerIdentity`.
 */
TLS_API
tls_status tls_check_server_identity(const tls_certificate *certificate,
                                     const char *name);

/**
 * Whose certificate it is: one attribute a line, `"C=UK\nO=node.js\nCN=localhost"`, those of a
 * multi-valued name joined by `" + "`. What has a meaning in RFC 2253 has a backslash before it, and
 * control characters are shown as `\HH`; so no value can pretend to be two. Empty if the certificate
 * names nobody. It lives as long as the certificate. NULL for a bad handle. Any thread.
 *
 * Node: `X509Certificate.subject` (undefined where this is empty).
 */
TLS_API
const char *tls_certificate_subject(const tls_certificate *certificate);

/**
 * Who issued it, in the form of `tls_certificate_subject`. NULL for a bad handle. Any thread.
 *
 * Node: `X509Certificate.issuer`.
 */
TLS_API const char *tls_certificate_issuer(const tls_certificate *certificate);

/**
 * One attribute of the subject, in UTF-8 and with nothing escaped: not safe to print as it is. It
 * lives as long as the certificate. Any thread.
 *
 * - `name`: the attribute's short name, `"CN"`, `"O"`, `"OU"`, `"emailAddress"`, or its numbers
 *   (`"1.2.3.4"`) if OpenSSL has no name for it; case counts.
 * - `index`: which of several of that name, in the certificate's order, from 0.
 *
 * Returns NULL if there is none at that index, which is no error, and on failure:
 * `TLS_ERR_CERTIFICATE` (the value has a NUL inside, which would cut it short, or is no text),
 * `TLS_ERR_INVALID_ARGUMENT` (`name` is NULL). Node: `getPeerCertificate().subject.CN`.
 */
TLS_API
const char *tls_certificate_subject_field(const tls_certificate *certificate,
                                          const char *name,
                                          size_t index);

/**
 * One attribute of the issuer: the rest is as for `tls_certificate_subject_field`.
 *
 * - `name`, `index`: as there.
 *
 * Node: `getPeerCertificate().issuer.CN`.
 */
TLS_API
const char *tls_certificate_issuer_field(const tls_certificate *certificate,
                                         const char *name,
                                         size_t index);

/**
 * All alternative names in one text, `"DNS:localhost, IP Address:127.0.0.1"`; a name with something
 * in it that could be misread is written as a JSON string. It lives as long as the certificate. NULL
 * if there are none, and on failure: `TLS_ERR_CERTIFICATE` (they cannot be decoded). Any thread.
 *
 * To see which host a certificate is for, ask `tls_check_server_identity`. Node:
 * `getPeerCertificate().subjectaltname`.
 */
TLS_API
const char *tls_certificate_subjectaltname(const tls_certificate *certificate);

/**
 * One of them: `"DNS:localhost"`. It lives as long as the certificate. Any thread.
 *
 * - `index`: which one, in the certificate's order, from 0.
 *
 * Returns NULL if there is none at that index, which is no error, and on failure:
 * `TLS_ERR_CERTIFICATE` (they cannot be decoded).
 */
TLS_API const char *tls_certificate_alt_name(const tls_certificate *certificate, size_t index);

/**
 * Where to ask about its issuer and whether it is revoked, one place a line:
 * `"OCSP - URI:http://ocsp.example\nCA Issuers - URI:http://..."`; escaped as
 * `tls_certificate_subjectaltname`. It lives as long as the certificate. NULL if the certificate does
 * not say, and on failure: `TLS_ERR_CERTIFICATE` (it cannot be decoded). Any thread.
 *
 * Node: `X509Certificate.infoAccess`.
 */
TLS_API
const char *tls_certificate_info_access(const tls_certificate *certificate);

/**
 * May it sign other certificates? 1 or 0; 0 on failure. Any thread.
 *
 * Node: `getPeerCertificate().ca`.
 */
TLS_API int32_t tls_certificate_ca(const tls_certificate *certificate);

/**
 * The first moment at which it is valid, as `"Nov 11 09:52:22 2009 GMT"`; a day below 10 stands
 * behind two blanks. It lives as long as the certificate. NULL for a bad handle. Any thread.
 *
 * Node: `getPeerCertificate().valid_from`.
 */
TLS_API const char *tls_certificate_valid_from(const tls_certificate *certificate);

/**
 * The last one, in the same form. NULL for a bad handle. Any thread.
 *
 * Node: `getPeerCertificate().valid_to`.
 */
TLS_API const char *tls_certificate_valid_to(const tls_certificate *certificate);

/**
 * SHA-1 over the whole certificate, as `"2A:7A:C2:..."`. It lives as long as the certificate. NULL
 * for a bad handle. Any thread.
 *
 * Node: `getPeerCertificate().fingerprint`. To pin a certificate, take the SHA-256 one.
 */
TLS_API const char *tls_certificate_fingerprint(const tls_certificate *certificate);

/**
 * SHA-256 over the whole certificate, in the same form. NULL for a bad handle. Any thread.
 *
 * Node: `getPeerCertificate().fingerprint256`.
 */
TLS_API const char *tls_certificate_fingerprint256(const tls_certificate *certificate);

/**
 * SHA-512 over the whole certificate, in the same form. NULL for a bad handle. Any thread.
 *
 * Node: `getPeerCertificate().fingerprint512`.
 */
TLS_API const char *tls_certificate_fingerprint512(const tls_certificate *certificate);

/**
 * The issuer's number for it in hexadecimal, `"8E4DFA..."`, with a minus if it is negative. It lives
 * as long as the certificate. NULL for a bad handle. Any thread.
 *
 * Node: `getPeerCertificate().serialNumber`.
 */
TLS_API
const char *tls_certificate_serial_number(const tls_certificate *certificate);

/**
 * What the key may be used for, one use at a time, by its numbers: `"1.3.6.1.5.5.7.3.1"` is a server.
 * It lives as long as the certificate. Any thread.
 *
 * - `index`: which one, in the certificate's order, from 0.
 *
 * Returns NULL if there is none at that index, which is no error, and for a bad handle. Node:
 * `getPeerCertificate().ext_key_usage`.
 */
TLS_API
const char *tls_certificate_ext_key_usage(const tls_certificate *certificate,
                                          size_t index);

/**
 * The size of an RSA key, or of an elliptic curve's order, in bits; 0 for other keys and on failure.
 * Any thread.
 *
 * Node: `getPeerCertificate().bits`.
 */
TLS_API
int32_t tls_certificate_bits(const tls_certificate *certificate);

/**
 * The modulus of an RSA key in hexadecimal. It lives as long as the certificate. NULL for other keys
 * and for a bad handle. Any thread.
 *
 * Node: `getPeerCertificate().modulus`.
 */
TLS_API
const char *tls_certificate_modulus(const tls_certificate *certificate);

/**
 * The exponent of an RSA key, `"0x10001"`; otherwise as `tls_certificate_modulus`.
 *
 * Node: `getPeerCertificate().exponent`.
 */
TLS_API const char *tls_certificate_exponent(const tls_certificate *certificate);

/**
 * OpenSSL's name of the curve of an elliptic-curve key, `"prime256v1"`. It lives as long as the
 * certificate. NULL for other keys, for curves without a name, and for a bad handle. Any thread.
 *
 * Node: `getPeerCertificate().asn1Curve`.
 */
TLS_API const char *tls_certificate_asn1_curve(const tls_certificate *certificate);

/**
 * NIST's name of the curve, `"P-256"`, if it has one; otherwise as `tls_certificate_asn1_curve`.
 *
 * Node: `getPeerCertificate().nistCurve`.
 */
TLS_API const char *tls_certificate_nist_curve(const tls_certificate *certificate);

/**
 * The public key and its algorithm (SubjectPublicKeyInfo) in DER, byte for byte as the certificate
 * has it: what is hashed to pin a key. It lives as long as the certificate. Any thread.
 *
 * - `length`: where to put the number of bytes; may be NULL.
 *
 * Returns NULL, and a length of 0, for a bad handle. Node: `X509Certificate.publicKey`, and of RSA
 * keys `getPeerCertificate().pubkey` (of elliptic curves that is the bare point: see the JSON).
 */
TLS_API
const uint8_t *tls_certificate_public_key(const tls_certificate *certificate,
                                          size_t *length);

/**
 * The certificate itself, in DER. It lives as long as the certificate. Any thread.
 *
 * - `length`: where to put the number of bytes; may be NULL.
 *
 * Returns NULL, and a length of 0, for a bad handle. Node: `getPeerCertificate().raw`.
 */
TLS_API const uint8_t *tls_certificate_der(const tls_certificate *certificate, size_t *length);

/**
 * The certificate itself, as a PEM text. It lives as long as the certificate. NULL for a bad handle.
 * Any thread.
 *
 * Node: `X509Certificate.toString`.
 */
TLS_API
const char *tls_certificate_pem(const tls_certificate *certificate);

/**
 * A new pair, which has not started. Free it with `tls_secure_pair_free`. Any thread.
 *
 * - `context`: who we are and whom we trust; a server needs its certificate and key. The pair keeps
 *   what it needs of it; it freezes here.
 * - `is_server`: 1 for the server's side, 0 for the client's.
 * - `request_cert`: server: 1 asks the client for a certificate. A client's is not looked at.
 * - `reject_unauthorized`: 1 refuses a peer whose certificate is not accepted; 0 only marks it as
 *   not authorized. A client with 1 needs a name to verify before it starts.
 *
 * Returns NULL on failure: `TLS_ERR_INVALID_ARGUMENT` for flags but 0 and 1,
 * `TLS_ERR_INVALID_STATE` for a server without certificate or key, or what the context's first use
 * may answer.
 *
 * Node: `tls.createSecurePair(credentials, isServer, requestCert, rejectUnauthorized)`.
 */
TLS_API
tls_secure_pair *tls_secure_pair_new(tls_context *context,
                                     int32_t is_server,
                                     int32_t request_cert,
                                     int32_t reject_unauthorized);

/**
 * Frees a pair, ended or not; no callback is made any more but the destroy function of its user
 * data. Inside a callback of the pair the handle is dead at once, and the memory goes when the
 * outermost call on the pair returns. A `tls_secure_pair_on_ready` callback that is running on
 * another thread is waited for; inside one, the user data is destroyed when it returns. NULL is
 * `TLS_OK`. Any thread.
 *
 * Errors: `TLS_ERR_BUSY` while another thread uses the pair; nothing happens then.
 */
TLS_API tls_status tls_secure_pair_free(tls_secure_pair *pair);

/**
 * Ends the pair without a word to the peer: only the close event follows. What was encrypted before
 * can still be taken. Again, and NULL: `TLS_OK`. Any thread, one at a time.
 *
 * Node: `pair.destroy`.
 */
TLS_API tls_status tls_secure_pair_destroy(tls_secure_pair *pair);

/**
 * Client: sets the name to ask the server for (SNI) and, unless `tls_secure_pair_set_verify_name`
 * says otherwise, to verify. Before the start. Any thread, one at a time.
 *
 * - `servername`: a host name, an international one in its `xn--` form, or an IP address, which is
 *   verified but never sent. Copied; not NULL.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` for what cannot be a host name, `TLS_ERR_INVALID_STATE` on a
 * server or after the start.
 */
TLS_API tls_status tls_secure_pair_set_servername(tls_secure_pair *pair, const char *servername);

/**
 * Client: sets the name that the server's certificate must have, where it is not the one that is
 * asked for. Before the start. Any thread, one at a time.
 *
 * - `name`: a host name or IP address; copied. NULL: verify the chain only, on purpose.
 *
 * Errors: as for `tls_secure_pair_set_servername`.
 */
TLS_API tls_status tls_secure_pair_set_verify_name(tls_secure_pair *pair, const char *name);

/**
 * Sets at how many waiting bytes `tls_secure_pair_write` answers `TLS_FULL` (encrypted bytes not
 * taken yet, and plaintext written before the handshake is over) and, with no data callback,
 * `tls_secure_pair_feed` stops taking (plaintext not read yet). Any thread, one at a time.
 *
 * - `bytes`: 65,536 by default. Feeding may go over it by one record.
 */
TLS_API tls_status tls_secure_pair_set_high_water_mark(tls_secure_pair *pair, size_t bytes);

/**
 * Starts the handshake; a client has something to send then. Implied by the first feed, take or
 * write. Again: `TLS_OK`. Any thread, one at a time.
 *
 * Errors: `TLS_ERR_INVALID_STATE` if the pair has ended, or for a client that verifies and was given
 * no name.
 */
TLS_API
tls_status tls_secure_pair_start(tls_secure_pair *pair);

/**
 * Takes encrypted bytes that the transport brought, in pieces of any size. Callbacks run inside
 * this call. Any thread, one at a time.
 *
 * - `data`, `length`: the bytes, used up or copied. NULL with length 0 goes on with what waits.
 * - `consumed`: where to put how many bytes were taken, the rest to be fed again after reading; it
 *   is less than `length` only with no data callback and unread plaintext over the high-water mark.
 *   NULL: the pair keeps the rest itself.
 *
 * Returns `TLS_OK` also when it took only a part. If the connection fails on these bytes, the error
 * event comes and the same error is answered: `TLS_ERR_TLS`, `TLS_ERR_VERIFY`. An alert for the peer
 * may wait to be taken. Other errors: `TLS_ERR_INVALID_STATE` if the pair has ended already, or as
 * for `tls_secure_pair_start`; `TLS_ERR_INVALID_ARGUMENT`.
 */
TLS_API
tls_status tls_secure_pair_feed(tls_secure_pair *pair,
                                const void *data,
                                size_t length,
                                size_t *consumed);

/**
 * Says that the transport has ended. After a close_notify nothing is missing; without one the end
 * event comes with `clean` 0; before the handshake is over it is an error (`ECONNRESET`). The events
 * come after all plaintext. Any thread, one at a time.
 *
 * Errors: `TLS_ERR_RESET` in the middle of the handshake, otherwise as for `tls_secure_pair_start`.
 */
TLS_API
tls_status tls_secure_pair_feed_eof(tls_secure_pair *pair);

/**
 * Moves encrypted bytes for the transport into `buffer`; for pairs without an encrypted callback.
 * What was shown once does not change. It works also after the pair has ended, for the last alert.
 * Nothing is dropped: who feeds and never takes keeps the answers to the peer's key updates, too.
 * Any thread, one at a time.
 *
 * - `buffer`: may be NULL only with capacity 0.
 * - `capacity`: in bytes.
 * - `length`: where to put how many were moved; not NULL. 0: nothing waits.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT`, and as for `tls_secure_pair_start`.
 */
TLS_API
tls_status tls_secure_pair_take(tls_secure_pair *pair,
                                void *buffer,
                                size_t capacity,
                                size_t *length);

/**
 * Moves decrypted bytes into `buffer`; for pairs without a data callback. Otherwise as
 * `tls_secure_pair_take`; reading makes room, so events of what was fed before may come, and the end
 * event comes inside the call that reads the last byte: write what you still have to write after
 * it returns, and only then end. Feed again what was not consumed.
 *
 * - `buffer`, `capacity`, `length`: as for `tls_secure_pair_take`.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT`.
 */
TLS_API
tls_status tls_secure_pair_read(tls_secure_pair *pair,
                                void *buffer,
                                size_t capacity,
                                size_t *length);

/**
 * Writes plaintext. All of it is taken, at any size; before the handshake is over it waits. Any
 * thread, one at a time.
 *
 * - `data`, `length`: the bytes; may be NULL only with length 0, which does nothing.
 *
 * Returns `TLS_OK`, or `TLS_FULL` if the high-water mark is reached: the data is taken too, and a
 * drain event follows when all was taken by the transport.
 *
 * Errors: `TLS_ERR_INVALID_STATE` after `tls_secure_pair_end` or when the pair has ended, and as for
 * `tls_secure_pair_start`; `TLS_ERR_INVALID_ARGUMENT`.
 */
TLS_API
tls_status tls_secure_pair_write(tls_secure_pair *pair,
                                 const void *data,
                                 size_t length);

/**
 * Ends the writing side: after what was written, close_notify. Data of the peer still comes. The
 * pair closes when the peer has ended too, or the transport. Again: `TLS_OK`. Any thread, one at a
 * time.
 *
 * Errors: as for `tls_secure_pair_start`. Node: `pair.cleartext.end`.
 */
TLS_API tls_status tls_secure_pair_end(tls_secure_pair *pair);

/**
 * Keeps a pointer of yours with the pair. Any thread, one at a time.
 *
 * - `user_data`: any value, NULL too.
 * - `destroy`: called exactly once with it: when the pair is freed, when it is replaced, or at once
 *   when this call fails. May be NULL.
 */
TLS_API
tls_status tls_secure_pair_set_user_data(tls_secure_pair *pair,
                                         void *user_data,
                                         tls_destroy_callback destroy);

/**
 * The pointer from `tls_secure_pair_set_user_data`; NULL if there is none, or on failure. Any
 * thread, one at a time.
 */
TLS_API void *tls_secure_pair_user_data(const tls_secure_pair *pair);

/**
 * Registers the callback of encrypted bytes for the transport; NULL unregisters, and they wait for
 * `tls_secure_pair_take`. Bytes that wait come with the next call on the pair. Any thread, one at a
 * time.
 */
TLS_API
tls_status tls_secure_pair_on_encrypted(tls_secure_pair *pair,
                                        tls_secure_pair_data_callback callback,
                                        void *user_data);

/**
 * Registers the callback of decrypted bytes; NULL unregisters, and they wait for
 * `tls_secure_pair_read`. Bytes that wait come with the next call on the pair. Any thread, one at a
 * time.
 */
TLS_API
tls_status tls_secure_pair_on_data(tls_secure_pair *pair,
                                   tls_secure_pair_data_callback callback,
                                   void *user_data);

/**
 * Registers the callback that comes once the handshake is over and the peer accepted, or not
 * refused; NULL unregisters. Any thread, one at a time. Node: `'secure'`.
 */
TLS_API
tls_status tls_secure_pair_on_secure(tls_secure_pair *pair,
                                     tls_secure_pair_callback callback,
                                     void *user_data);

/**
 * Registers the callback that comes when nothing waits any more, after a write had answered
 * `TLS_FULL`; NULL unregisters. Any thread, one at a time. Node: `'drain'`.
 */
TLS_API
tls_status tls_secure_pair_on_drain(tls_secure_pair *pair,
                                    tls_secure_pair_callback callback,
                                    void *user_data);

/**
 * Registers the callback of the peer's end, which comes once, after all its data was read; NULL
 * unregisters. `clean` is 1 after a close_notify; 0 if the transport just ended, so that data may
 * be missing. Our side stays open until `tls_secure_pair_end`. Any thread, one at a time. Node:
 * `'end'`.
 */
TLS_API
tls_status tls_secure_pair_on_end(tls_secure_pair *pair,
                                  tls_secure_pair_end_callback callback,
                                  void *user_data);

/**
 * Registers the callback of a failure, which comes at most once and is followed by the close event;
 * NULL unregisters. Any thread, one at a time.
 *
 * One of them is `ERR_TLS_TOO_MANY_MESSAGES`: the peer sent over a hundred key updates, session tickets or
 * requests to renegotiate in a row and no data among them.
 *
 * Node: `'error'`.
 */
TLS_API
tls_status tls_secure_pair_on_error(tls_secure_pair *pair,
                                    tls_secure_pair_error_callback callback,
                                    void *user_data);

/**
 * Registers the callback of the end of the pair: it comes once and last. The handle is valid until
 * `tls_secure_pair_free`, for getters and the last bytes to take. NULL unregisters. Any thread, one
 * at a time. Node: `'close'`.
 */
TLS_API
tls_status tls_secure_pair_on_close(tls_secure_pair *pair,
                                    tls_secure_pair_close_callback callback,
                                    void *user_data);

/**
 * Is the handshake over and the peer accepted, or not refused? 1 or 0; 0 on failure. Any thread,
 * one at a time.
 */
TLS_API int32_t tls_secure_pair_secure(const tls_secure_pair *pair);

/**
 * Was the peer's certificate asked for, given and accepted? 1 or 0; 0 before the handshake is over,
 * and on failure. Any thread, one at a time. Node: `pair.cleartext.authorized`.
 */
TLS_API int32_t tls_secure_pair_authorized(const tls_secure_pair *pair);

/**
 * Why the peer is not authorized, by Node's name (`"CERT_HAS_EXPIRED"`); NULL if it is, if no
 * certificate was asked for, before the handshake is over, and on failure. It lives as long as the
 * pair. Any thread, one at a time. Node: `pair.cleartext.authorizationError`.
 */
TLS_API const char *tls_secure_pair_authorization_error(const tls_secure_pair *pair);

/**
 * The peer's certificate, for the caller to free with `tls_certificate_free`; it outlives the pair.
 * NULL if the peer gave none, before the handshake is over, and on failure. Any thread, one at a
 * time. Node: `pair.cleartext.getPeerCertificate`.
 */
TLS_API tls_certificate *tls_secure_pair_peer_certificate(const tls_secure_pair *pair);

/**
 * OpenSSL's name of the cipher suite; NULL before the handshake is over, and on failure. It lives
 * as long as the pair. Any thread, one at a time. Node: `pair.cleartext.getCipher().name`.
 */
TLS_API const char *tls_secure_pair_cipher_name(const tls_secure_pair *pair);

/**
 * IANA's name of the cipher suite, otherwise as `tls_secure_pair_cipher_name`.
 */
TLS_API const char *tls_secure_pair_cipher_standard_name(const tls_secure_pair *pair);

/**
 * The protocol version, `"TLSv1.3"`, otherwise as `tls_secure_pair_cipher_name`. In the newSession
 * callback it is known already.
 */
TLS_API const char *tls_secure_pair_protocol(const tls_secure_pair *pair);

/**
 * On a server, the name that the client asked for; on a client, the one that was sent; NULL if
 * there was none. Otherwise as `tls_secure_pair_cipher_name`.
 */
TLS_API const char *tls_secure_pair_servername(const tls_secure_pair *pair);

/**
 * Was a session resumed, so that no full handshake was made? 1 or 0; 0 before the handshake is
 * over, and on failure. Any thread, one at a time. Node: `isSessionReused`.
 */
TLS_API int32_t tls_secure_pair_session_reused(const tls_secure_pair *pair);

/**
 * Sets the ALPN protocols, as `tls_server_set_alpn_protocols` and
 * `tls_connect_options_set_alpn_protocols` do. Before the pair
 * starts; any thread, one at a time.
 *
 * - `names`: `count` texts of 1 to 255 bytes, the preferred first; not NULL. Copied.
 * - `count`: 1 at least.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (no name, an empty one, one that is too long or NULL, more than
 * fits into the extension), `TLS_ERR_INVALID_STATE` once the pair has started. Node: the option `ALPNProtocols`.
 */
TLS_API
tls_status tls_secure_pair_set_alpn_protocols(tls_secure_pair *pair,
                                              const char *const *names,
                                              size_t count);

/**
 * Does what `tls_secure_pair_set_alpn_protocols` does, from one buffer in which each name stands
 * behind a byte with its length, as Node takes it in a `Buffer`: `"\x02h2\x08http/1.1"`.
 *
 * - `data`, `length`: in bytes; copied.
 *
 * Errors: those of `tls_secure_pair_set_alpn_protocols`, also for a length that does not fit.
 */
TLS_API
tls_status tls_secure_pair_set_alpn_buffer(tls_secure_pair *pair,
                                           const void *data,
                                           size_t length);

/**
 * Sets the NPN protocols, as `tls_server_set_npn_protocols` and
 * `tls_connect_options_set_npn_protocols` do. Before the pair
 * starts; any thread, one at a time.
 *
 * - `names`: `count` texts of 1 to 255 bytes, the preferred first; not NULL. Copied.
 * - `count`: 1 at least.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (no name, an empty one, one that is too long or NULL, more than
 * fits into the extension), `TLS_ERR_INVALID_STATE` once the pair has started. Node v0.10: the option `NPNProtocols`.
 */
TLS_API
tls_status tls_secure_pair_set_npn_protocols(tls_secure_pair *pair,
                                             const char *const *names,
                                             size_t count);

/**
 * Does what `tls_secure_pair_set_npn_protocols` does, from one buffer in which each name stands
 * behind a byte with its length, as Node takes it in a `Buffer`: `"\x02h2\x08http/1.1"`.
 *
 * - `data`, `length`: in bytes; copied.
 *
 * Errors: those of `tls_secure_pair_set_npn_protocols`, also for a length that does not fit.
 */
TLS_API
tls_status tls_secure_pair_set_npn_buffer(tls_secure_pair *pair,
                                          const void *data,
                                          size_t length);

/**
 * Adds a context for a client that asks for a name, or replaces it: `tls_server_add_context` for the
 * pair of a server. Before the pair starts; any thread, one at a time.
 *
 * - `hostname`, `context`: as there.
 *
 * Errors: those of `tls_server_add_context`, and `TLS_ERR_INVALID_STATE` for the pair of a client or
 * once it has started.
 */
TLS_API
tls_status tls_secure_pair_add_context(tls_secure_pair *pair,
                                       const char *hostname,
                                       tls_context *context);

/**
 * Removes what `tls_secure_pair_add_context` added for a name. Before the pair starts; any thread, one
 * at a time.
 *
 * - `hostname`: as it was added; not NULL.
 *
 * Errors: those of `tls_server_remove_context`, and `TLS_ERR_INVALID_STATE` for the pair of a client
 * or once it has started.
 */
TLS_API
tls_status tls_secure_pair_remove_context(tls_secure_pair *pair,
                                          const char *hostname);

/**
 * Registers the callback that chooses the context for the name that the client asks for, as
 * `tls_server_on_sni` does for a server; NULL unregisters. Before the pair starts; any thread, one at
 * a time.
 *
 * Errors: `TLS_ERR_INVALID_STATE` for the pair of a client. Node: the option `SNICallback`.
 */
TLS_API
tls_status tls_secure_pair_on_sni(tls_secure_pair *pair,
                                  tls_secure_pair_sni_callback callback,
                                  void *user_data);

/**
 * Registers the callback that decides about a client whose certificate is good, as
 * `tls_server_on_check_certificate` does for a server; NULL unregisters. Any thread, one at a time.
 *
 * Errors: `TLS_ERR_INVALID_STATE` for the pair of a client.
 */
TLS_API
tls_status tls_secure_pair_on_check_certificate(tls_secure_pair *pair,
                                                tls_secure_pair_check_certificate_callback callback,
                                                void *user_data);

/**
 * Registers the callback that decides whether the server's certificate is that of the server that was
 * meant, as `tls_stream_on_check_identity` does for a stream; NULL unregisters. Any thread, one at a
 * time. The pair needs a server name, a verify name or the word that the chain alone counts all the
 * same.
 *
 * Errors: `TLS_ERR_INVALID_STATE` for the pair of a server.
 */
TLS_API
tls_status tls_secure_pair_on_check_identity(tls_secure_pair *pair,
                                             tls_secure_pair_check_identity_callback callback,
                                             void *user_data);

/**
 * Registers the callback that says that a request of the pair was answered, so that the next call on
 * the pair goes on with the handshake; `tls_secure_pair_feed(pair, NULL, 0, NULL)` will do. NULL
 * unregisters. Any thread, one at a time.
 *
 * It runs on the thread that answers the request, inside that call, and not at all for answers given
 * inside the callback that brought the request: the pair then goes on by itself. Mostly it wakes the
 * thread that owns the pair; it may use the pair itself only if no other thread does at that time. When
 * this call or `tls_secure_pair_free` has returned, the callback that was registered before does not
 * run any more.
 */
TLS_API
tls_status tls_secure_pair_on_ready(tls_secure_pair *pair,
                                    tls_secure_pair_callback callback,
                                    void *user_data);

/**
 * Sets how often the peer may renegotiate, as `tls_server_set_client_renegotiation` does for a
 * server; it holds for the pair of a client as well. Any thread, one at a time.
 *
 * - `limit`, `window_ms`: as there.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT`.
 */
TLS_API
tls_status tls_secure_pair_set_client_renegotiation(tls_secure_pair *pair,
                                                    uint32_t limit,
                                                    uint64_t window_ms);

/**
 * Begins a renegotiation, as `tls_stream_renegotiate` does. Any thread, one at a time; not inside a
 * callback of the pair.
 *
 * Errors: those of `tls_stream_renegotiate`, and `TLS_ERR_BUSY` inside a callback of the pair.
 */
TLS_API
tls_status tls_secure_pair_renegotiate(tls_secure_pair *pair,
                                       tls_secure_pair_callback callback,
                                       void *user_data);

/**
 * Refuses all renegotiations that the peer asks for from now on, as
 * `tls_stream_disable_renegotiation` does. Any thread, one at a time.
 *
 * Errors: `TLS_ERR_INVALID_STATE` before the pair has started.
 */
TLS_API tls_status tls_secure_pair_disable_renegotiation(tls_secure_pair *pair);

/**
 * As `tls_stream_alpn_protocol`; it lives as long as the pair. Any thread, one at a time.
 */
TLS_API const char *tls_secure_pair_alpn_protocol(const tls_secure_pair *pair);

/**
 * As `tls_stream_npn_protocol`; it lives as long as the pair. Any thread, one at a time.
 */
TLS_API const char *tls_secure_pair_npn_protocol(const tls_secure_pair *pair);

/**
 * Registers the callback of each session that is made, to be kept outside, as
 * `tls_server_on_new_session` does for a server; NULL unregisters. Before the pair starts; any thread, one
 * at a time.
 *
 * Errors: `TLS_ERR_INVALID_STATE` for the pair of a client, and once it has started.
 */
TLS_API
tls_status tls_secure_pair_on_new_session(tls_secure_pair *pair,
                                          tls_secure_pair_new_session_callback callback,
                                          void *user_data);

/**
 * Registers the callback that is asked for the session that the client offers, as
 * `tls_server_on_resume_session` does for a server; NULL unregisters. A pair has no deadline: it waits
 * until the request is answered. Before the pair starts; any thread, one at a time.
 *
 * Errors: `TLS_ERR_INVALID_STATE` for the pair of a client, and once it has started.
 */
TLS_API
tls_status tls_secure_pair_on_resume_session(tls_secure_pair *pair,
                                             tls_secure_pair_resume_session_callback callback,
                                             void *user_data);

/**
 * Says whether the client gets stateless tickets, as `tls_server_set_session_tickets` does for a
 * server. Before the pair starts; any thread, one at a time.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT`; `TLS_ERR_INVALID_STATE` for the pair of a client, and once it has
 * started.
 */
TLS_API
tls_status tls_secure_pair_set_session_tickets(tls_secure_pair *pair,
                                               int32_t enabled);

/**
 * Client: offers a session to the server, as `tls_connect_options_set_session` does for a stream.
 * Before the start. Any thread, one at a time.
 *
 * - `session`, `length`: the bytes from `tls_secure_pair_session` or its event; copied. NULL with
 *   length 0 offers none.
 *
 * Errors: `TLS_ERR_SESSION` as there, `TLS_ERR_INVALID_STATE` on a server or after the start,
 * `TLS_ERR_INVALID_ARGUMENT`. Node: the option `session`.
 */
TLS_API
tls_status tls_secure_pair_set_session(tls_secure_pair *pair,
                                       const void *session,
                                       size_t length);

/**
 * Client: registers the callback of sessions, as `tls_stream_on_session` does for a stream; NULL
 * unregisters. Before the start, or on TLS 1.2 none may come. Any thread, one at a time.
 *
 * Errors: `TLS_ERR_INVALID_STATE` for the pair of a server. Node: `'session'`.
 */
TLS_API
tls_status tls_secure_pair_on_session(tls_secure_pair *pair,
                                      tls_secure_pair_session_callback callback,
                                      void *user_data);

/**
 * Client: the newest session, as `tls_stream_session`. Valid until the next call of this function on
 * the pair, or its end. Any thread, one at a time.
 *
 * - `length`: where to put the number of bytes; may be NULL.
 *
 * Returns NULL, and a length of 0, if there is none that could be resumed, on a server, and on
 * failure. Node: `getSession`.
 */
TLS_API
const uint8_t *tls_secure_pair_session(tls_secure_pair *pair,
                                       size_t *length);

/**
 * Answers which context serves the name that a client asked for. Any thread, inside the callback
 * that brought the request or later.
 *
 * - `request`: used up by this call, unless it fails; from then on its handle is dead. So it is when
 *   the connection has ended meanwhile, which is no harm: then this answers
 *   `TLS_ERR_INVALID_HANDLE`.
 * - `context`: with certificate and key; it freezes here. NULL: whatever would be used without the
 *   callback, which is the context that was added for the name, or else the server's own.
 *
 * The connection goes on with the whole policy of the context: its certificates, ciphers, versions,
 * options, groups, CAs and revocation lists, ALPN and NPN protocols and its client-certificate
 * policy. A stream goes on by itself; a pair with the next call on it (see
 * `tls_secure_pair_on_ready`).
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` if the request is about something else (it is not used up),
 * `TLS_ERR_INVALID_STATE` if the context lacks certificate or key, or what the context's first use
 * may answer. Node: the callback of `SNICallback`.
 */
TLS_API
tls_status tls_request_resolve_context(tls_request *request,
                                       tls_context *context);

/**
 * Answers whether a peer's certificate is accepted. Any thread, inside the callback that brought the
 * request or later.
 *
 * - `request`: as for `tls_request_resolve_context`.
 * - `accepted`: 1 if it is, 0 if not.
 *
 * What is not accepted is treated like a certificate that failed verification: the connection is
 * refused, or goes on as not authorized where that was allowed.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` for anything but 0 and 1, or if the request is about something
 * else; it is not used up. Node: what `checkServerIdentity` returns.
 */
TLS_API
tls_status tls_request_resolve_verdict(tls_request *request,
                                       int accepted);

/**
 * Answers what is kept under the id of a session. Any thread, inside the callback that brought the
 * request or later.
 *
 * - `request`: as for `tls_request_resolve_context`.
 * - `session`: what the newSession callback gave for this id; copied. NULL with length 0: nothing is
 *   known, and the handshake goes on as a full one.
 * - `length`: in bytes. More than 64 KiB cannot be one of ours, and counts as altered.
 *
 * Whether the session can be resumed is judged by the library; bytes that were altered, or are of another
 * session, are as good as none.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` if the request is about something else; it is not used up. Node:
 * `callback(null, sessionData)`.
 */
TLS_API
tls_status tls_request_resolve_session(tls_request *request,
                                       const void *session,
                                       size_t length);

/**
 * Answers that what is kept under the id of a session cannot be had now: the store is down, or has too
 * much to do. The handshake goes on as a full one, as for an id that is not known, but
 * `TLS_SESSIONS_MISS_STORE_ERROR` counts it. Any thread, inside the callback that brought the request or
 * later.
 *
 * - `request`: as for `tls_request_resolve_context`.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` if the request is about something else; it is not used up. Node has
 * no counterpart: an error there ends the connection, as `tls_request_reject` does.
 */
TLS_API
tls_status tls_request_resolve_unavailable(tls_request *request);

/**
 * Answers any request with no. Any thread, inside the callback that brought it or later. A server
 * name is refused with the alert `unrecognized_name`; a certificate is not accepted; for a session the
 * connection is ended (`tls_request_resolve_unavailable` lets it go on).
 *
 * - `request`: as for `tls_request_resolve_context`.
 * - `reason`: in words, for the message of the error that follows on our side; nothing of it is
 *   sent. Copied; NULL: none.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (not UTF-8). Node: the error that is handed to the callback.
 */
TLS_API
tls_status tls_request_reject(tls_request *request,
                              const char *reason);

/**
 * A new loop, owned by this thread. Free it with `tls_loop_free`.
 *
 * Returns NULL when the system has no descriptors or memory left; the last error has the errno.
 */
TLS_API tls_loop *tls_loop_new(void);

/**
 * Frees a loop: closes all its servers and streams, each with its close callback, and drops work
 * that was posted and did not run (its destroy functions run). All their handles are dead then.
 * NULL is `TLS_OK`.
 *
 * The owning thread, or any thread while the loop is detached. Errors: `TLS_ERR_BUSY` inside a
 * callback of this loop; nothing happens then.
 */
TLS_API tls_status tls_loop_free(tls_loop *loop);

/**
 * Runs the loop until nothing is left that could happen (no stream or listening server is open, no
 * work is posted), or until `tls_loop_stop`.
 *
 * The owning thread; a detached loop becomes this thread's. All callbacks of the loop run inside
 * this call, one at a time.
 *
 * Errors: `TLS_ERR_BUSY` inside a callback of this loop, `TLS_ERR_SYSTEM`.
 */
TLS_API tls_status tls_loop_run(tls_loop *loop);

/**
 * One turn: waits until something is there to do, does it, and returns. The amount of work in one
 * turn is bounded.
 *
 * - `timeout_ms`: how long to wait at most, in milliseconds; 0 does not wait, below 0 waits for
 *   ever.
 *
 * The owning thread; a detached loop becomes this thread's. Callbacks run inside this call.
 *
 * Errors: `TLS_ERR_BUSY` inside a callback of this loop, `TLS_ERR_SYSTEM`.
 */
TLS_API tls_status tls_loop_run_once(tls_loop *loop, int64_t timeout_ms);

/**
 * Makes `tls_loop_run` return after the turn that is under way; if the loop is not running, after
 * no turn of the next `tls_loop_run`. Any thread, also from a callback.
 */
TLS_API tls_status tls_loop_stop(tls_loop *loop);

/**
 * Has the loop's thread call `function` in its next turn. Work from one thread runs in its order.
 * Any thread, also from a callback.
 *
 * - `function`: not NULL.
 * - `user_data`: given to both functions; any value.
 * - `destroy`: called exactly once with `user_data`: after `function`, or when the loop is freed
 *   before it ran, or at once when this call fails. May be NULL.
 */
TLS_API
tls_status tls_loop_post(tls_loop *loop,
                         tls_post_callback function,
                         void *user_data,
                         tls_destroy_callback destroy);

/**
 * A descriptor that is readable whenever `tls_loop_run_once(loop, 0)` has work to do, or
 * `tls_loop_poll` something to tell: sockets,
 * timers and posted work. Watch it with poll(2), epoll or any other loop for reading, never read
 * from it, and call `tls_loop_run_once(loop, 0)` when it is readable. It belongs to the loop.
 *
 * The owning thread. Returns -1 on failure. Where `tls_feature("loop_fd")` is 0, timers are not in
 * it: use `tls_loop_next_timeout_ms` as well.
 */
TLS_API tls_socket tls_loop_fd(tls_loop *loop);

/**
 * How long until the loop has a timer to serve, in milliseconds, rounded up; 0 if it has work now;
 * -1 if it has no timer, or on failure. The owning thread.
 */
TLS_API int64_t tls_loop_next_timeout_ms(tls_loop *loop);

/**
 * Gives the loop up, with everything that hangs on it: set up here, run there. The next thread that
 * calls `tls_loop_run`, `tls_loop_run_once`, `tls_loop_poll` or `tls_loop_free` on it owns it; until
 * then everything else, but for `tls_loop_post` and `tls_loop_stop`, answers `TLS_ERR_WRONG_THREAD`.
 *
 * The owning thread. Errors: `TLS_ERR_BUSY` inside a callback of this loop.
 */
TLS_API
tls_status tls_loop_detach(tls_loop *loop);

/**
 * Sets the size of the buffer that all connections of the loop share. Memory is touched only as
 * used, and when it is used up the heap serves.
 *
 * - `bytes`: from 98,304 to 4 GiB; `TLS_SLAB_BUFFER_SIZE` (10 MiB) by default.
 *
 * The owning thread, before the loop's first server listens or stream connects
 * (`TLS_ERR_INVALID_STATE` after it). Errors: `TLS_ERR_INVALID_ARGUMENT`.
 *
 * Node: `tls.SLAB_BUFFER_SIZE`. Don't change it unless you know what you are doing.
 */
TLS_API tls_status tls_loop_set_slab_buffer_size(tls_loop *loop, size_t bytes);

/**
 * Keeps a pointer of yours with the loop. The owning thread.
 *
 * - `user_data`: any value, NULL too.
 * - `destroy`: called exactly once with it: when the loop is freed, when it is replaced, or at once
 *   when this call fails. May be NULL.
 */
TLS_API
tls_status tls_loop_set_user_data(tls_loop *loop,
                                  void *user_data,
                                  tls_destroy_callback destroy);

/**
 * The pointer from `tls_loop_set_user_data`; NULL if there is none, or on failure. The owning
 * thread.
 */
TLS_API void *tls_loop_user_data(const tls_loop *loop);

/**
 * Says which events of servers and streams become rows of `tls_loop_poll`, and that the loop will be
 * pulled, which counts at once: from now on data without a callback waits for a poll.
 *
 * - `mask`: a bit for each kind, `(uint64_t)1 << TLS_ROW_DATA` and so on; `TLS_ROW_KINDS_DEFAULT`
 *   without this call. It counts for servers (and the streams that they accept) and for streams of
 *   `tls_connect` that are made from now on; those that are there keep what they have. So different
 *   servers of one loop may have different kinds.
 *
 * An event whose kind is not among them goes as it goes without a callback: requests are decided by
 * what was set otherwise, data waits at its stream, the others are not told. Kinds that later versions
 * add and that wait for an answer are never on by themselves, so that no binding is asked what it does
 * not know.
 *
 * The loop's thread. Errors: `TLS_ERR_INVALID_ARGUMENT` for bits of no kind that this version knows.
 */
TLS_API
tls_status tls_loop_set_row_kinds(tls_loop *loop,
                                  uint64_t mask);

/**
 * One turn of the loop, as by `tls_loop_run_once`, which gives back what happened as rows: for
 * bindings of languages where one callback for each event costs more than the event itself. Each event
 * whose callback is not registered becomes a row; a registered callback is called as ever, and there is
 * no row.
 *
 * - `rows`: where to write them; not NULL. Row `i` begins at `rows[i * words]`.
 * - `words`: of a row: 4 at least, and 6 where `tls_loop_set_row_kinds` asked for requests;
 *   `TLS_ROW_WORDS` to have all. The library writes each row whole, and 0 to what it has no use for.
 * - `max_rows`: for how many rows there is room, 1 at least. It bounds the turn too: so many
 *   connections that waited are served at most, and so many others.
 * - `buffer`: where to put the bytes that belong to rows; may be NULL with capacity 0.
 * - `capacity`: of it, in bytes. 256 KiB serve well.
 * - `timeout_ms`: how long to wait at most, in milliseconds; 0 does not wait, below 0 waits for ever.
 *   There is no waiting while anything is left to do or to tell.
 *
 * Returns the number of rows, or a status below 0. 0 does not mean that the time is over: a turn may
 * have had a handshake to go on with.
 *
 * The words of a row:
 *
 * - 0: the handle that it is about, a stream or a server, as a number;
 * - 1: the kind, one of `TLS_ROW_*`. Skip those that you do not know;
 * - 2, 3: where its bytes begin in `buffer`, and how many there are; 0 bytes where the kind has none;
 * - 4: the server, where the kind says so;
 * - 5: a `tls_error` or `tls_request`, where the kind says so;
 * - 6: a number, where the kind says so.
 *
 * Words that no kind is said to use are 0. Kinds are never used again for something else, and what
 * later versions add stands in later words.
 *
 * **Order.** The rows of a stream are in the order of its events: secure, data, end, and close, which
 * is the last one. A stream has one data row at most in each call, with as much as came and fits; so a
 * stream that is paused (`tls_stream_pause`) has none in the calls after it. After
 * `tls_stream_destroy` only its close comes, apart from rows that were given out already: look streams
 * up by their handle, and skip rows of those that you are done with.
 *
 * A stream whose peer has ended ends by itself in the next call, unless
 * `tls_stream_set_allow_half_open` says otherwise: so what came before the end can be answered
 * between the two.
 *
 * **Room.** What finds no room waits for the next call, nothing is lost: data waits at its stream,
 * which is not read meanwhile, in the order in which the streams came. A record that does not fit is
 * divided. All other bytes come as a whole: a capacity that is too small for the next row
 * fails as `ERR_BUFFER_TOO_SMALL` (names need 255 bytes, sessions up to 64 KiB and 32), and the row
 * waits. With capacity 0, data waits and everything else is told. While anything waits,
 * `tls_loop_fd` is readable and `tls_loop_next_timeout_ms` is 0.
 *
 * **What the handles in rows are good for.** An error lives until the next call of this function
 * for the loop (`tls_error_copy` keeps one for longer). So does a stream or server whose close row was
 * told: its getters answer until then, and then its user data is destroyed. A request is as ever.
 *
 * **Beside `tls_loop_run` and `tls_loop_run_once`.** In their turns there are no rows: an event
 * without a callback is not told, also not later, and requests for rows are refused; data waits for
 * the next poll. The same holds for `tls_loop_free`. What an API call outside of any turn causes
 * (an error in `tls_stream_renegotiate`) is a row of the next poll. A stream that is piped somewhere
 * has no data rows.
 *
 * The owning thread; a detached loop becomes this thread's. Callbacks run inside this call.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (rows NULL or not aligned, too few words, no room for a row,
 * buffer NULL with a capacity, more than memory can hold, `ERR_BUFFER_TOO_SMALL`); `TLS_ERR_BUSY`
 * inside a callback of this loop; `TLS_ERR_SYSTEM`. Node has no counterpart.
 */
TLS_API
int32_t tls_loop_poll(tls_loop *loop,
                      uint64_t *rows,
                      size_t words,
                      size_t max_rows,
                      void *buffer,
                      size_t capacity,
                      int64_t timeout_ms);

/**
 * Writes to many streams in one call: for each item what `tls_stream_write` does, and sent in this
 * call rather than in the loop's next turn, unless it is made inside a callback of the loop. Small
 * writes to one stream that follow each other go together. No callback runs: what comes of it (drain,
 * error) comes from the loop.
 *
 * - `count`: how many items there are; 0 does nothing. 2,147,483,647 at most.
 * - `streams`: their `count` handles, as numbers, of streams of this loop; one may come several times.
 * - `lengths`: how many bytes each gets.
 * - `joined`: the bytes of all of them, one behind the other; NULL only if there are none.
 * - `statuses`: `count` of them are written: `TLS_OK` or `TLS_FULL` (taken too; wait for drain), or the
 *   error that `tls_stream_write` answers. One bad item stops no other.
 *
 * Returns how many statuses are not `TLS_OK`: 0 is the good case, and then there is nothing to look
 * at. `tls_last_error` has the last one that failed.
 *
 * The loop's thread. A status below 0, with nothing written to anything, for a call that is wrong as
 * a whole: `TLS_ERR_INVALID_ARGUMENT` (an array is NULL or not aligned, or the lengths are more than
 * memory can hold). An item's: `TLS_ERR_INVALID_HANDLE`, `TLS_ERR_INVALID_ARGUMENT` (a stream of another
 * loop), `TLS_ERR_INVALID_STATE`. Node has no counterpart.
 */
TLS_API
int32_t tls_loop_write_batch(tls_loop *loop,
                             size_t count,
                             const uint64_t *streams,
                             const uint64_t *lengths,
                             const void *joined,
                             int32_t *statuses);

/**
 * A new server, which does not listen yet.
 *
 * - `loop`: the loop that runs it; this thread must own it.
 * - `context`: with certificate and key. The server keeps what it needs of it; it freezes here.
 *
 * Returns NULL on failure: `TLS_ERR_INVALID_STATE` if the context lacks the certificate or the key,
 * or what the context's first use may answer.
 *
 * It ends with its close event: by `tls_server_close`, `tls_server_destroy` or `tls_loop_free`,
 * also if it never listened.
 *
 * Node: `tls.createServer`.
 */
TLS_API tls_server *tls_server_new(tls_loop *loop, tls_context *context);

/**
 * Binds and listens, at once; the listening event follows from the loop.
 *
 * - `port`: 0 to 65535; 0 lets the system choose, and `tls_server_port` tells.
 * - `host`: an address of this machine, or a name of it, which is looked up here and now (that may
 *   block); `"::"` serves IPv6 and IPv4. NULL: any IPv4 address.
 *
 * The loop's thread. Errors: `TLS_ERR_LISTEN` with the errno (the message names address and port),
 * `TLS_ERR_RESOLVE`, `TLS_ERR_INVALID_STATE` (listening already, or closed),
 * `TLS_ERR_INVALID_ARGUMENT`.
 *
 * Node: `server.listen(port, host)`.
 */
TLS_API tls_status tls_server_listen(tls_server *server, int32_t port, const char *host);

/**
 * Has the listening server keep `tls_loop_run` going, as it does by default. Again: `TLS_OK`. The
 * loop's thread.
 *
 * Node: `server.ref`.
 */
TLS_API tls_status tls_server_ref(tls_server *server);

/**
 * Lets `tls_loop_run` return although the server listens, when nothing else keeps it going; its
 * connections still do. Also before it listens. Again: `TLS_OK`. The loop's thread.
 *
 * Node: `server.unref`.
 */
TLS_API tls_status tls_server_unref(tls_server *server);

/**
 * Stops accepting. Open streams live on; the close event follows, from the loop, after the last of
 * them has closed. The loop's thread.
 *
 * Errors: `TLS_ERR_INVALID_STATE` if it was closed already. Node: `server.close`.
 */
TLS_API tls_status tls_server_close(tls_server *server);

/**
 * Stops accepting and destroys the open streams too; their close events and the server's follow
 * from the loop. The loop's thread; also after `tls_server_close`. NULL is `TLS_OK`.
 */
TLS_API tls_status tls_server_destroy(tls_server *server);

/**
 * The address that the server is bound to, `"127.0.0.1"`, or the path of its Unix socket; it lives
 * as long as the server. NULL while it does not listen, and on failure. The loop's thread.
 *
 * Node: `server.address().address`; for a Unix socket `server.address()`.
 */
TLS_API const char *tls_server_address(const tls_server *server);

/**
 * The port that the server is bound to; -1 on a Unix socket, while it does not listen, and on
 * failure. The loop's thread.
 *
 * Node: `server.address().port`.
 */
TLS_API int32_t tls_server_port(const tls_server *server);

/**
 * `"IPv4"`, `"IPv6"` or `"Unix"`, static; NULL while it does not listen, and on failure. The loop's thread.
 *
 * Node: `server.address().family`.
 */
TLS_API
const char *tls_server_family(const tls_server *server);

/**
 * Sets how long a handshake may take in all, however fast its bytes come; then it is a client error
 * (`ERR_TLS_HANDSHAKE_TIMEOUT`) and the connection is reset. For connections to come. The loop's
 * thread.
 *
 * - `milliseconds`: 0 is the default of 120 seconds.
 *
 * Node: the option `handshakeTimeout`.
 */
TLS_API tls_status tls_server_set_handshake_timeout(tls_server *server, uint64_t milliseconds);

/**
 * Sets how many connections may be open at once, those in their handshake included; what comes
 * above it is closed as it is accepted. The loop's thread.
 *
 * - `count`: 0 is no limit, the default.
 *
 * Node: `server.maxConnections`.
 */
TLS_API tls_status tls_server_set_max_connections(tls_server *server, size_t count);

/**
 * How many connections are open, those in their handshake included; -1 on failure. The loop's
 * thread.
 *
 * Node: `server.connections`, `server.getConnections`.
 */
TLS_API int64_t tls_server_connections(const tls_server *server);

/**
 * Says whether clients are asked for a certificate (1) or not (0, the default). For connections to
 * come. The loop's thread. Errors: `TLS_ERR_INVALID_ARGUMENT` for anything else.
 *
 * Asking alone refuses nobody: see `tls_server_set_reject_unauthorized`. Node: the option
 * `requestCert`.
 */
TLS_API tls_status tls_server_set_request_cert(tls_server *server, int32_t enabled);

/**
 * Says whether a client is refused (1) whose certificate was asked for and is missing or not
 * accepted, which is then a client error, or only marked as not authorized (0, the default, as in
 * Node v0.10). For connections to come. The loop's thread. Errors: `TLS_ERR_INVALID_ARGUMENT`.
 *
 * With 0, check `tls_stream_authorized` in the secureConnection event before you trust the client.
 * To admit only clients with a good certificate, set this and `tls_server_set_request_cert` to 1.
 *
 * Node: the option `rejectUnauthorized`, whose default today is true.
 */
TLS_API tls_status tls_server_set_reject_unauthorized(tls_server *server, int32_t enabled);

/**
 * Registers the callback of the listening event; NULL unregisters. The loop's thread.
 *
 * Node: `'listening'`.
 */
TLS_API
tls_status tls_server_on_listening(tls_server *server,
                                   tls_server_callback callback,
                                   void *user_data);

/**
 * Registers the callback of a connection whose handshake is over; NULL unregisters. Whether the
 * client is authorized, its server name and the cipher are known then. Register the stream's own
 * callbacks in it. The loop's thread.
 *
 * Node: `'secureConnection'`.
 */
TLS_API
tls_status tls_server_on_secure_connection(tls_server *server,
                                           tls_server_stream_callback callback,
                                           void *user_data);

/**
 * Registers the callback of a connection that failed before it was secure: garbage, a handshake
 * failure, a client that is refused, a timeout, a hang-up; NULL unregisters. It comes once for each
 * such connection. The stream can be asked during the callback (`tls_stream_remote_address`); it is
 * destroyed after it. The loop's thread.
 *
 * Node: `'clientError'`.
 */
TLS_API
tls_status tls_server_on_client_error(tls_server *server,
                                      tls_client_error_callback callback,
                                      void *user_data);

/**
 * Registers the callback of failures to accept, mostly for want of descriptors (`EMFILE`); NULL
 * unregisters. The server goes on by itself when that passes. The loop's thread.
 *
 * Node: `'error'`.
 */
TLS_API
tls_status tls_server_on_error(tls_server *server,
                               tls_server_error_callback callback,
                               void *user_data);

/**
 * Registers the callback of the end: it comes once and last, and the handle is dead after it. NULL
 * unregisters. The loop's thread.
 *
 * Node: `'close'`.
 */
TLS_API
tls_status tls_server_on_close(tls_server *server,
                               tls_server_callback callback,
                               void *user_data);

/**
 * Keeps a pointer of yours with the server. The loop's thread.
 *
 * - `user_data`: any value, NULL too.
 * - `destroy`: called exactly once with it: after the close callback, when it is replaced, or at
 *   once when this call fails. May be NULL.
 */
TLS_API
tls_status tls_server_set_user_data(tls_server *server,
                                    void *user_data,
                                    tls_destroy_callback destroy);

/**
 * The pointer from `tls_server_set_user_data`; NULL if there is none, or on failure. The loop's
 * thread.
 */
TLS_API void *tls_server_user_data(const tls_server *server);

/**
 * Listens on a Unix socket, at once; the listening event follows from the loop. The file is made
 * here, with the rights that the process's umask leaves, and removed when the server closes, unless
 * it is another's by then.
 *
 * - `path`: of the file; 107 bytes at most on Linux. Not NULL. An abstract name (which begins with a
 *   NUL) cannot be given.
 *
 * The loop's thread. Errors: `TLS_ERR_LISTEN` with the errno: `EADDRINUSE` also for a file that was
 * left over, and the message tells which it is and what to do; nothing that is there is removed.
 * `TLS_ERR_INVALID_STATE` (listening already, or closed), `TLS_ERR_INVALID_ARGUMENT` (empty, or too
 * long, `ENAMETOOLONG`).
 *
 * Node: `server.listen(path)`.
 */
TLS_API
tls_status tls_server_listen_path(tls_server *server,
                                  const char *path);

/**
 * Listens on a socket that listens already, as from a service manager (socket activation) or the
 * process that ran before; the listening event follows from the loop.
 *
 * - `fd`: a stream socket, TCP or Unix, on which listen(2) was called.
 * - `close_fd`: 1: the descriptor is the library's once this call has succeeded; do not use or close
 *   it any more. 0: it stays yours, and so the socket still listens after the server has closed,
 *   when it blocks again if it did before; until then it does not block.
 *
 * The file of a Unix socket stays where it is. The loop's thread. Errors: `TLS_ERR_INVALID_STATE`
 * (listening already, or closed), `TLS_ERR_INVALID_ARGUMENT` for a descriptor that is not open
 * (`EBADF`), no socket (`ENOTSOCK`), not a stream socket or not listening; nothing happens to it.
 *
 * Node: `server.listen({ fd })`.
 */
TLS_API
tls_status tls_server_listen_fd(tls_server *server,
                                tls_socket fd,
                                int32_t close_fd);

/**
 * Speaks TLS, as this server, over a connection that was accepted elsewhere: after STARTTLS, or in
 * a program with an accept loop of its own. It is one of the server's connections, with all that
 * holds for them: handshake timeout, secureConnection or clientError, the count that
 * `tls_server_set_max_connections` bounds, the close event that waits for it. The server need not
 * listen; one that never does ends by `tls_server_close` as well.
 *
 * - `fd`, `close_fd`: as for `tls_connect_options_set_fd`.
 * - `received`: bytes that were read from it already, behind the last one in the clear; may be NULL
 *   only with length 0. Copied. What was sent in the clear before the client knew that TLS follows
 *   must not be given to anybody as if it had come over TLS: hand it over here, where it fails.
 * - `length`: of `received`, in bytes.
 *
 * Returns the stream, whose handshake is to come, so that you can register callbacks or set user
 * data; or NULL on failure: `TLS_ERR_INVALID_STATE` (closed, or too many connections),
 * `TLS_ERR_INVALID_ARGUMENT` as for `tls_connect_options_set_fd`, with the descriptor as it was.
 * The loop's thread.
 *
 * Node: `new tls.TLSSocket(socket, { isServer: true, server })`, `server.emit('connection', socket)`.
 */
TLS_API
tls_stream *tls_server_accept_fd(tls_server *server,
                                 tls_socket fd,
                                 int32_t close_fd,
                                 const void *received,
                                 size_t length);

/**
 * Speaks TLS, as this server, over an open stream: TLS in TLS. It is one of the server's
 * connections, as by `tls_server_accept_fd`.
 *
 * - `stream`: as for `tls_connect_options_set_stream`; of the server's loop.
 * - `received`, `length`: bytes that its data event gave already.
 *
 * Returns the new stream, or NULL on failure, with the errors of both. The loop's thread.
 *
 * Node: `new tls.TLSSocket(socket, { isServer: true, server })`.
 */
TLS_API
tls_stream *tls_server_accept_stream(tls_server *server,
                                     tls_stream *stream,
                                     const void *received,
                                     size_t length);

/**
 * Sets the ALPN protocols: the server's order counts. A client that offers only others is
 * refused (`no_application_protocol`); one that offers none is served. A list of the context beats
 * this one. For connections to come. The loop's thread.
 *
 * - `names`: `count` texts of 1 to 255 bytes, the preferred first; not NULL. Copied.
 * - `count`: 1 at least.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (no name, an empty one, one that is too long or NULL, more than
 * fits into the extension). Node: the option `ALPNProtocols`.
 */
TLS_API
tls_status tls_server_set_alpn_protocols(tls_server *server,
                                         const char *const *names,
                                         size_t count);

/**
 * Does what `tls_server_set_alpn_protocols` does, from one buffer in which each name stands behind a
 * byte with its length, as Node takes it in a `Buffer`: `"\x02h2\x08http/1.1"`.
 *
 * - `data`, `length`: in bytes; copied.
 *
 * Errors: those of `tls_server_set_alpn_protocols`, also for a length that does not fit.
 */
TLS_API
tls_status tls_server_set_alpn_buffer(tls_server *server,
                                      const void *data,
                                      size_t length);

/**
 * Sets the NPN protocols that are told to clients which ask, on TLS 1.2 and before: NPN is older
 * than ALPN, and few speak it today. The client chooses. A list of the context beats this one. For
 * connections to come. The loop's thread.
 *
 * - `names`: `count` texts of 1 to 255 bytes, the preferred first; not NULL. Copied.
 * - `count`: 1 at least.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (no name, an empty one, one that is too long or NULL, more than
 * fits into the extension). Node v0.10: the option `NPNProtocols`.
 */
TLS_API
tls_status tls_server_set_npn_protocols(tls_server *server,
                                        const char *const *names,
                                        size_t count);

/**
 * Does what `tls_server_set_npn_protocols` does, from one buffer in which each name stands behind a
 * byte with its length, as Node takes it in a `Buffer`: `"\x02h2\x08http/1.1"`.
 *
 * - `data`, `length`: in bytes; copied.
 *
 * Errors: those of `tls_server_set_npn_protocols`, also for a length that does not fit.
 */
TLS_API tls_status tls_server_set_npn_buffer(tls_server *server, const void *data, size_t length);

/**
 * Adds a context for clients that ask for a name (SNI), or replaces the one that was added for it.
 * For connections to come; those that are there keep what they have. The loop's thread.
 *
 * - `hostname`: a host name, or `*.` and one for all names that have exactly one label more; copied,
 *   not NULL. Case and a dot at its end do not count. An exact name comes before a wildcard. A
 *   client that asks for another name, or none, gets the server's own context.
 * - `context`: with certificate and key; it freezes here. The server keeps what it needs of it.
 *
 * All of the context's policy counts on these connections, as for `tls_request_resolve_context`.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (it cannot be a host name, or has a wildcard elsewhere),
 * `TLS_ERR_INVALID_STATE` (the context lacks certificate or key), or what the context's first use may
 * answer. Node: `server.addContext`.
 */
TLS_API
tls_status tls_server_add_context(tls_server *server,
                                  const char *hostname,
                                  tls_context *context);

/**
 * Removes what `tls_server_add_context` added for a name. For connections to come. The loop's
 * thread.
 *
 * - `hostname`: as it was added; not NULL.
 *
 * Errors: `TLS_ERR_INVALID_STATE` (name `ERR_TLS_SNI_UNKNOWN_NAME`) if it was not there,
 * `TLS_ERR_INVALID_ARGUMENT`. Node has no counterpart.
 */
TLS_API tls_status tls_server_remove_context(tls_server *server, const char *hostname);

/**
 * Registers the callback that chooses the context for the name that a client asks for, in place of
 * the contexts that were added; NULL unregisters. It is called once for each connection whose client
 * asks for a name, in the middle of its handshake, for connections that are accepted from now on.
 * The loop's thread.
 *
 * Its arguments: the server, the stream (not secure yet; it may be destroyed), the name as the client
 * wrote it, and a request for `tls_request_resolve_context` or `tls_request_reject`, now or later.
 * Until then the connection waits, and its handshake timeout runs on; others are served meanwhile.
 *
 * Node: the option `SNICallback`.
 */
TLS_API
tls_status tls_server_on_sni(tls_server *server,
                             tls_server_sni_callback callback,
                             void *user_data);

/**
 * Registers the callback that decides about clients whose certificate was asked for, given, and found
 * good; NULL unregisters. It comes after the handshake and before the secureConnection event, for
 * connections that are accepted from now on; resumed ones are asked about too. Clients without a good
 * certificate are not: what becomes of them is said by `tls_server_set_reject_unauthorized`. The
 * loop's thread.
 *
 * Its arguments: the server, the stream (not secure yet), the certificate, which is valid until the
 * callback returns (`tls_stream_peer_certificate` gives one to keep), and a request for
 * `tls_request_resolve_verdict` or `tls_request_reject`, now or later. Until then nothing of the
 * client's data is delivered and nothing is sent.
 *
 * Node has no counterpart.
 */
TLS_API
tls_status tls_server_on_check_certificate(tls_server *server,
                                           tls_server_check_certificate_callback callback,
                                           void *user_data);

/**
 * Sets how often a client may renegotiate (TLS 1.2 and before), which costs it little and the server
 * much. One time more is an error of the stream, `ERR_TLS_SESSION_ATTACK`, and ends the connection
 * before that renegotiation is done. For connections to come. The loop's thread.
 *
 * - `limit`: in any stretch of `window_ms`; `TLS_CLIENT_RENEG_LIMIT` by default. 0: never.
 * - `window_ms`: in milliseconds, 1 at least; `TLS_CLIENT_RENEG_WINDOW_MS` by default.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT`. Node: `tls.CLIENT_RENEG_LIMIT`, `tls.CLIENT_RENEG_WINDOW`.
 */
TLS_API
tls_status tls_server_set_client_renegotiation(tls_server *server,
                                               uint32_t limit,
                                               uint64_t window_ms);

/**
 * Registers the callback of each session that is made, to be kept outside, by its id: in a database, say,
 * that other processes and hosts ask as well; NULL unregisters. For connections to come. The loop's
 * thread.
 *
 * Its arguments: the server, the stream (on which the handshake is just over), the id (32 bytes), and
 * the session. What is given is sealed with the newest key of the server's ticket ring (see
 * `tls_context_set_ticket_ring`), for this id: the store can neither read it nor alter it, and whoever
 * shall resume it needs that key. Both are valid until the callback returns.
 *
 * While this or `tls_server_on_resume_session` is registered, clients get no stateless tickets, which all
 * modern ones would take in place of it; `tls_server_set_session_tickets` may say otherwise. On TLS
 * 1.2 there is one session for each full handshake; on TLS 1.3 as many as tickets are sent
 * (`tls_context_set_num_tickets`), also after a resumption. A TLS 1.3 client uses each once, so a
 * store should take it out when it is asked for it; a session of TLS 1.2 is used again.
 * `tls_stream_protocol` tells which it is, here already; when a client comes back with it, nothing
 * does, so keep the two apart.
 *
 * Node: `'newSession'`, which comes on TLS 1.2 only.
 */
TLS_API
tls_status tls_server_on_new_session(tls_server *server,
                                     tls_server_new_session_callback callback,
                                     void *user_data);

/**
 * Registers the callback that is asked for the session that a client offers by its id; NULL unregisters.
 * For connections to come. The loop's thread.
 *
 * Its arguments: the server, the stream (not secure yet), the id, which is valid until the callback
 * returns, and a request for `tls_request_resolve_session` or `tls_request_reject`, now or later, on any
 * thread. Until then the connection waits, others are served; after
 * `tls_server_set_resume_session_timeout` its handshake goes on as a full one. Ids that cannot be known
 * to a store are not asked for.
 *
 * What comes back is resumed only if it was not altered and is of this id, of the same server name,
 * session id context and client-certificate policy, not expired, and its client's certificate, if it
 * has one, is still good; else the handshake goes on as a full one, and `tls_server_session_count` says
 * why.
 *
 * Node: `'resumeSession'`, which cannot resume on TLS 1.3.
 */
TLS_API
tls_status tls_server_on_resume_session(tls_server *server,
                                        tls_server_resume_session_callback callback,
                                        void *user_data);

/**
 * Sets how long a connection waits for the answer to a resumeSession request. For requests to come. The
 * loop's thread.
 *
 * - `milliseconds`: 0 is the default of 5 seconds. The handshake timeout goes on meanwhile.
 *
 * Node has no counterpart: a request that is never answered holds its connection.
 */
TLS_API
tls_status tls_server_set_resume_session_timeout(tls_server *server,
                                                 uint64_t milliseconds);

/**
 * Says whether clients get stateless tickets (1), which hold the whole session sealed with the keys of
 * the ticket ring, or not (0). Without this call they do, unless sessions are kept by the program
 * (`tls_server_on_new_session`). For connections to come. The loop's thread.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT`. Node: `SSL_OP_NO_TICKET` in `secureOptions`.
 */
TLS_API
tls_status tls_server_set_session_tickets(tls_server *server,
                                          int32_t enabled);

/**
 * How often something became of the sessions of this server's clients, since it was made. A session
 * that is not resumed is no error, only a full handshake: here is why. -1 on failure. The loop's thread.
 *
 * - `what`: one of `TLS_SESSIONS_*`.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT`. Node has no counterpart.
 */
TLS_API
int64_t tls_server_session_count(const tls_server *server,
                                 int32_t what);

/**
 * New options with the defaults: the well-known roots are trusted, the host's name is verified.
 * Free them with `tls_connect_options_free`. Any thread.
 *
 * Returns NULL when out of memory. Node: the `options` of `tls.connect`.
 */
TLS_API tls_connect_options *tls_connect_options_new(void);

/**
 * Frees options; connections made with them are not touched. NULL is `TLS_OK`. Any thread.
 */
TLS_API tls_status tls_connect_options_free(tls_connect_options *options);

/**
 * Sets the context: whom to trust, who we are. Any thread.
 *
 * - `context`: not NULL. The options keep what they need of it; it freezes at the first connection.
 *   Without this call a context is used that all such connections of the process share.
 */
TLS_API
tls_status tls_connect_options_set_context(tls_connect_options *options,
                                           tls_context *context);

/**
 * Sets the name to ask the server for (SNI) and, unless `tls_connect_options_set_verify_name` says
 * otherwise, to verify. Without this call it is the host. Any thread.
 *
 * - `servername`: a host name, an international one in its `xn--` form, or an IP address, which is
 *   verified but never sent. Copied; not NULL.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` for what cannot be a host name. Node: the option `servername`.
 */
TLS_API
tls_status tls_connect_options_set_servername(tls_connect_options *options,
                                              const char *servername);

/**
 * Sets the name that the server's certificate must have, where it is not the one that is asked
 * for. Any thread.
 *
 * - `name`: a host name or IP address; copied. NULL: verify the chain only, on purpose.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` for what cannot be a host name.
 */
TLS_API
tls_status tls_connect_options_set_verify_name(tls_connect_options *options,
                                               const char *name);

/**
 * Says whether a server whose certificate or name is not accepted is refused (1, the default) or
 * only marked as not authorized (0). Any thread.
 *
 * With 0 anybody can sit in the middle of the connection, unless the program checks
 * `tls_stream_authorized` itself before it sends or believes anything.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` for anything but 0 and 1; what was set stays. Node: the option
 * `rejectUnauthorized`.
 */
TLS_API
tls_status tls_connect_options_set_reject_unauthorized(tls_connect_options *options,
                                                       int32_t enabled);

/**
 * Says that the server listens on a Unix socket. Host and port of `tls_connect` are not connected
 * to then; the name to verify is the server name, else the host, else `"localhost"`. The stream has
 * no addresses and no ports. Any thread.
 *
 * - `path`: of the socket's file; copied. 107 bytes at most on Linux. An abstract name (which begins
 *   with a NUL) cannot be given. NULL: host and port count again, as by default.
 *
 * Takes the place of a descriptor or a stream that was set before. Errors:
 * `TLS_ERR_INVALID_ARGUMENT` for an empty path or one that is too long (`ENAMETOOLONG`). Whether
 * anybody listens there (`ENOENT`, `ECONNREFUSED`; `EAGAIN`: its queue is full) is told by the stream's
 * error event.
 *
 * Node: the option `path`.
 */
TLS_API
tls_status tls_connect_options_set_path(tls_connect_options *options,
                                        const char *path);

/**
 * Says that there is a connection already, to speak TLS over: after STARTTLS, through a proxy, with
 * a socketpair. Host and port of `tls_connect` are not connected to then; the name to verify is the
 * server name, else the host, else `"localhost"`. One connection is made with it; a second
 * `tls_connect` with the same options is `TLS_ERR_INVALID_STATE` until another is set. Any thread.
 *
 * - `fd`: a connected stream socket, TCP or Unix. It is looked at in `tls_connect`.
 * - `close_fd`: 1: the descriptor is the library's once `tls_connect` has succeeded; do not use or
 *   close it any more. If that fails it is still yours, and as it was. 0: it stays yours.
 *
 * Either way do not read, write or shut down the socket while the stream is open, and do not change
 * that it does not block. With 0 it blocks again when the close event comes, if it did before; no
 * FIN is sent, so that you can go on in the clear after a clean end on both sides (what the peer sends in
 * the clear before it has our close_notify is lost), and it is for you to close it. Closing it earlier is harmless, and does not close the connection. Socket
 * options such as TCP_NODELAY are left as they are until `tls_stream_set_no_delay`.
 *
 * Takes the place of a path or stream that was set before. Errors: `TLS_ERR_INVALID_ARGUMENT` for a
 * negative number and for anything but 0 and 1. `tls_connect` answers the same for a descriptor
 * that is not open (`EBADF`), no socket (`ENOTSOCK`), not connected (`ENOTCONN`), listening, or not
 * a stream socket; nothing happens to it.
 *
 * Node: the option `socket`.
 */
TLS_API
tls_status tls_connect_options_set_fd(tls_connect_options *options,
                                      tls_socket fd,
                                      int32_t close_fd);

/**
 * Says that TLS is to be spoken over an open stream: TLS in TLS, as behind an HTTPS proxy. Host and
 * port of `tls_connect` are not connected to then; the name to verify is the server name, else the
 * host, else `"localhost"`. The loop's thread.
 *
 * - `stream`: open, of the loop that is given to `tls_connect`, and in no pipe; its handshake may
 *   still be under way. It may carry TLS itself.
 *
 * From the successful `tls_connect` on the new stream alone reads, writes and ends it: its data, end
 * and drain events come no more, and writing, ending, pausing, resuming and piping it is
 * `TLS_ERR_INVALID_STATE`. Its error, timeout and close events still come, its getters answer, and
 * its handle lives until its close event. An error of it is one of the new stream as well; when the
 * new stream closes, so does it, once what was written is sent (at once after a destroy); and it may
 * be destroyed, which is an error of the new one. One
 * connection is made with it, as with `tls_connect_options_set_fd`.
 *
 * Takes the place of a path or descriptor that was set before. Errors of `tls_connect` then:
 * `TLS_ERR_INVALID_STATE` (closed, ended, piped, or carrying another already),
 * `TLS_ERR_INVALID_ARGUMENT` (of another loop).
 *
 * Node: the option `socket`.
 */
TLS_API
tls_status tls_connect_options_set_stream(tls_connect_options *options,
                                          tls_stream *stream);

/**
 * Hands over bytes that were read from the descriptor or stream already, behind the last one in the
 * clear (STARTTLS): they are the first of the connection. The next connection uses them up. Any
 * thread.
 *
 * - `data`: copied; may be NULL only with length 0. Takes the place of what was set before.
 * - `length`: in bytes.
 *
 * `tls_connect` answers `TLS_ERR_INVALID_STATE` if there are such bytes and neither a descriptor nor
 * a stream is set. Errors: `TLS_ERR_INVALID_ARGUMENT`. Node: `socket.unshift`.
 */
TLS_API
tls_status tls_connect_options_set_received_bytes(tls_connect_options *options,
                                                  const void *data,
                                                  size_t length);

/**
 * Sets the ALPN protocols that the server is offered, in place of those of the context. What it
 * chose is `tls_stream_alpn_protocol`; a server that chooses something else is refused. Any thread.
 *
 * - `names`: `count` texts of 1 to 255 bytes, the preferred first; not NULL. Copied.
 * - `count`: 1 at least.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (no name, an empty one, one that is too long or NULL, more than
 * fits into the extension). Node: the option `ALPNProtocols`.
 */
TLS_API
tls_status tls_connect_options_set_alpn_protocols(tls_connect_options *options,
                                                  const char *const *names,
                                                  size_t count);

/**
 * Does what `tls_connect_options_set_alpn_protocols` does, from one buffer in which each name stands
 * behind a byte with its length, as Node takes it in a `Buffer`: `"\x02h2\x08http/1.1"`.
 *
 * - `data`, `length`: in bytes; copied.
 *
 * Errors: those of `tls_connect_options_set_alpn_protocols`, also for a length that does not fit.
 */
TLS_API
tls_status tls_connect_options_set_alpn_buffer(tls_connect_options *options,
                                               const void *data,
                                               size_t length);

/**
 * Sets the NPN protocols, for TLS 1.2 and before, in place of those of the context: the first of
 * the server's offer that is among them is taken. If there is none, the first of ours is asked for,
 * and `tls_stream_npn_protocol` is NULL, as in Node. Any thread.
 *
 * - `names`: `count` texts of 1 to 255 bytes, the preferred first; not NULL. Copied.
 * - `count`: 1 at least.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (no name, an empty one, one that is too long or NULL, more than
 * fits into the extension). Node v0.10: the option `NPNProtocols`.
 */
TLS_API
tls_status tls_connect_options_set_npn_protocols(tls_connect_options *options,
                                                 const char *const *names,
                                                 size_t count);

/**
 * Does what `tls_connect_options_set_npn_protocols` does, from one buffer in which each name stands
 * behind a byte with its length, as Node takes it in a `Buffer`: `"\x02h2\x08http/1.1"`.
 *
 * - `data`, `length`: in bytes; copied.
 *
 * Errors: those of `tls_connect_options_set_npn_protocols`, also for a length that does not fit.
 */
TLS_API
tls_status tls_connect_options_set_npn_buffer(tls_connect_options *options,
                                              const void *data,
                                              size_t length);

/**
 * Sets a session from `tls_stream_session`, its event, or the same of a pair, to be offered to the
 * server, which saves a full handshake if it agrees: `tls_stream_session_reused` tells. Any thread.
 *
 * - `session`, `length`: the bytes; copied. NULL with length 0 offers none, the default.
 *
 * A resumed connection has not seen the server's certificate anew. So a session is offered only where
 * it was made by the same rules: a context with the same CAs, revocation lists, ciphers and own
 * certificate, the same names to ask for and to verify, the same `reject_unauthorized`; and not once
 * it is older than the server allows or than 7 days, or the server's certificate has expired. Any
 * other is left aside, and the handshake is a full one. The port does not count. After a resumption
 * the name in the certificate is checked again, or `tls_stream_on_check_identity` asked.
 *
 * Options may be used for many connections, and offer the same session each time. With TLS 1.3 set
 * another each time, or use `tls_context_set_session_cache`.
 *
 * Errors: `TLS_ERR_SESSION` (`ERR_TLS_INVALID_SESSION`: not written by this library, by a version with
 * another form, or damaged; connect without), `TLS_ERR_INVALID_ARGUMENT`; what was set stays. Node:
 * the option `session`, which takes what OpenSSL writes and ignores what it cannot read.
 */
TLS_API
tls_status tls_connect_options_set_session(tls_connect_options *options,
                                           const void *session,
                                           size_t length);

/**
 * Connects to a server. What comes of it comes as events, from the loop: secure connect, or error
 * and close.
 *
 * - `loop`: the loop that runs it; this thread must own it.
 * - `port`: 1 to 65535. Not looked at when the options have a path, a descriptor or a stream.
 * - `host`: a host name or an address; NULL is `"localhost"`. It is looked up off the loop's
 *   thread; its addresses, IPv6 and IPv4, are tried side by side (RFC 8305). Copied.
 * - `options`: NULL is the defaults: the well-known roots are trusted and the host's name is
 *   verified. Read during the call; may be freed after it.
 * - `on_secure_connect`: the callback of the secure connect event, as by
 *   `tls_stream_on_secure_connect`; may be NULL.
 * - `user_data`: for that callback.
 *
 * Returns the stream, or NULL on failure: `TLS_ERR_INVALID_ARGUMENT` (port, host), what the
 * descriptor or stream in the options may answer, or what the context's first use may answer. Later errors: `TLS_ERR_RESOLVE` (`ENOTFOUND`),
 * `TLS_ERR_CONNECT` (`ECONNREFUSED`, ...), `TLS_ERR_VERIFY`, `TLS_ERR_TLS`, `TLS_ERR_RESET`.
 *
 * The loop's thread. Node: `tls.connect`.
 */
TLS_API
tls_stream *tls_connect(tls_loop *loop,
                        int32_t port,
                        const char *host,
                        tls_connect_options *options,
                        tls_stream_callback on_secure_connect,
                        void *user_data);

/**
 * Writes plaintext. All of it is taken, at any size; it is sent when the callback that is running
 * returns or in the loop's next turn, small writes together. Before the connection is secure it
 * waits. The loop's thread.
 *
 * - `data`: copied or sent; may be NULL only with length 0, which does nothing.
 * - `length`: in bytes.
 *
 * Returns `TLS_OK`, or `TLS_FULL` if the high-water mark is reached: the data is taken too, and a
 * drain event follows when all is sent. A caller who stops then bounds the memory by the mark plus
 * one write.
 *
 * Errors: `TLS_ERR_INVALID_STATE` after `tls_stream_end` (name `ERR_STREAM_WRITE_AFTER_END`) or
 * when the stream is closed, `TLS_ERR_INVALID_ARGUMENT`. Node: `stream.write`.
 */
TLS_API tls_status tls_stream_write(tls_stream *stream, const void *data, size_t length);

/**
 * Ends the writing side: what was written is sent, then close_notify, then the socket's FIN. Data
 * of the peer still comes; where nobody wants it (no data callback, no pipe) it is dropped. The
 * stream closes when the peer has ended too. Again: `TLS_OK`. The loop's thread.
 *
 * Node: `stream.end`.
 */
TLS_API tls_status tls_stream_end(tls_stream *stream);

/**
 * Closes the socket at once; what was not sent is lost. No callback follows but the close event,
 * from the loop; the handle is valid until then. Again: `TLS_OK`. NULL is `TLS_OK`. The loop's
 * thread, also in any callback of the stream.
 *
 * Node: `stream.destroy`.
 */
TLS_API tls_status tls_stream_destroy(tls_stream *stream);

/**
 * Stops data events until `tls_stream_resume`, at once and exactly; the socket is not read
 * meanwhile, so that the peer has to wait. The handshake is not affected. The loop's thread.
 *
 * Node: `stream.pause`.
 */
TLS_API tls_status tls_stream_pause(tls_stream *stream);

/**
 * Lets data events come again, from the loop. Where nobody wants data (no callback, no pipe), it is
 * dropped from now on; without this call it waits, a record at most, for a callback. The loop's
 * thread.
 *
 * Node: `stream.resume`.
 */
TLS_API tls_status tls_stream_resume(tls_stream *stream);

/**
 * Writes whatever `source` receives to `destination`, with backpressure: a source waits while a
 * destination is full. When the source's peer ends, the destination is ended. Data events of the
 * source come too. Both may be one and the same: an echo server. The loop's thread.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT` (two loops), `TLS_ERR_INVALID_STATE` (closed, or the
 * destination ended). Node: `source.pipe(destination)`.
 */
TLS_API tls_status tls_stream_pipe(tls_stream *source, tls_stream *destination);

/**
 * Sets at how many queued bytes `tls_stream_write` answers `TLS_FULL`. The loop's thread.
 *
 * - `bytes`: 65,536 by default; with 0 each write answers `TLS_FULL`.
 */
TLS_API tls_status tls_stream_set_high_water_mark(tls_stream *stream, size_t bytes);

/**
 * Says what happens when the peer ends: 0 (the default), our side ends too, after what was
 * written; 1, it stays open until `tls_stream_end`. The loop's thread. Errors:
 * `TLS_ERR_INVALID_ARGUMENT` for anything else.
 * A stream that others are piped into ends with them instead.
 *
 * Node: the option `allowHalfOpen`.
 */
TLS_API tls_status tls_stream_set_allow_half_open(tls_stream *stream, int32_t enabled);

/**
 * Sets after how long without a byte sent or received the timeout event comes. It destroys nothing
 * by itself, and comes again only after there was traffic. The loop's thread.
 *
 * - `milliseconds`: 0 turns it off, the default.
 *
 * Node: `socket.setTimeout`.
 */
TLS_API tls_status tls_stream_set_timeout(tls_stream *stream, uint64_t milliseconds);

/**
 * Sets TCP_NODELAY: 1 (the default) sends at once, 0 lets the system gather. The loop's thread.
 * Errors: `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_SYSTEM`.
 *
 * Node: `socket.setNoDelay`.
 */
TLS_API tls_status tls_stream_set_no_delay(tls_stream *stream, int32_t enabled);

/**
 * Sets SO_KEEPALIVE: 1 lets the system probe an idle peer, 0 (the default) does not. The loop's
 * thread.
 *
 * - `initial_delay_ms`: idle time before the first probe, in whole seconds of it; 0 leaves the
 *   system's own.
 *
 * Errors: `TLS_ERR_INVALID_ARGUMENT`, `TLS_ERR_SYSTEM`. Node: `socket.setKeepAlive`.
 */
TLS_API
tls_status tls_stream_set_keep_alive(tls_stream *stream,
                                     int32_t enabled,
                                     uint64_t initial_delay_ms);

/**
 * Has the open stream keep `tls_loop_run` going, as it does by default. Again: `TLS_OK`. The loop's
 * thread.
 *
 * Node: `socket.ref`.
 */
TLS_API tls_status tls_stream_ref(tls_stream *stream);

/**
 * Lets `tls_loop_run` return although the stream is open, when nothing else keeps it going; the
 * stream is served as before while the loop runs. Again: `TLS_OK`. The loop's thread.
 *
 * Node: `socket.unref`.
 */
TLS_API tls_status tls_stream_unref(tls_stream *stream);

/**
 * Keeps a pointer of yours with the stream. The loop's thread.
 *
 * - `user_data`: any value, NULL too.
 * - `destroy`: called exactly once with it: after the close callback, when it is replaced, or at
 *   once when this call fails. May be NULL.
 */
TLS_API
tls_status tls_stream_set_user_data(tls_stream *stream,
                                    void *user_data,
                                    tls_destroy_callback destroy);

/**
 * The pointer from `tls_stream_set_user_data`; NULL if there is none, or on failure. The loop's
 * thread.
 */
TLS_API void *tls_stream_user_data(const tls_stream *stream);

/**
 * Bytes sent so far, as they are on the wire, TLS overhead included; 0 on failure. The loop's
 * thread.
 *
 * Node: `stream.bytesWritten`.
 */
TLS_API uint64_t tls_stream_bytes_written(const tls_stream *stream);

/**
 * Bytes received so far, as they are on the wire; 0 on failure. The loop's thread.
 *
 * Node: `socket.bytesRead`.
 */
TLS_API uint64_t tls_stream_bytes_read(const tls_stream *stream);

/**
 * Bytes that wait to be sent, plaintext and encrypted; 0 on failure. The loop's thread.
 *
 * Node: `stream.writableLength`.
 */
TLS_API size_t tls_stream_writable_length(const tls_stream *stream);

/**
 * Is the handshake over and the peer accepted? 1 or 0; 0 on failure. The loop's thread.
 */
TLS_API int32_t tls_stream_secure(const tls_stream *stream);

/**
 * Was the peer's certificate asked for, given and accepted? 1 or 0; 0 before the handshake is over,
 * and on failure. The loop's thread.
 *
 * Node: `stream.authorized`.
 */
TLS_API int32_t tls_stream_authorized(const tls_stream *stream);

/**
 * Why the peer is not authorized, by Node's name (`"CERT_HAS_EXPIRED"`); NULL if it is, if no
 * certificate was asked for, before the handshake is over, and on failure. It lives as long as the
 * stream. The loop's thread.
 *
 * Node: `stream.authorizationError`.
 */
TLS_API const char *tls_stream_authorization_error(const tls_stream *stream);

/**
 * The peer's certificate, for the caller to free with `tls_certificate_free`; it outlives the
 * stream. NULL if the peer gave none, before the handshake is over, and on failure. After a
 * resumed session the chain above it may be missing: see `tls_certificate_issuer_certificate`. The
 * loop's thread.
 *
 * Node: `stream.getPeerCertificate`.
 */
TLS_API tls_certificate *tls_stream_peer_certificate(const tls_stream *stream);

/**
 * OpenSSL's name of the cipher suite; NULL before the handshake is over, and on failure. It lives
 * as long as the stream. The loop's thread.
 *
 * Node: `stream.getCipher().name`.
 */
TLS_API const char *tls_stream_cipher_name(const tls_stream *stream);

/**
 * IANA's name of the cipher suite, otherwise as `tls_stream_cipher_name`.
 *
 * Node: `stream.getCipher().standardName`.
 */
TLS_API const char *tls_stream_cipher_standard_name(const tls_stream *stream);

/**
 * The protocol version, `"TLSv1.3"`, otherwise as `tls_stream_cipher_name`. In the newSession
 * callback of a server it is known already.
 *
 * Node: `stream.getProtocol`.
 */
TLS_API const char *tls_stream_protocol(const tls_stream *stream);

/**
 * On a server, the name that the client asked for; on a client, the one that was sent; NULL if
 * there was none. Otherwise as `tls_stream_cipher_name`.
 *
 * Node: `stream.servername`.
 */
TLS_API const char *tls_stream_servername(const tls_stream *stream);

/**
 * The address of our end, `"127.0.0.1"` or `"::1"`; NULL while not connected, and on failure. It
 * lives as long as the stream. The loop's thread.
 *
 * Node: `stream.address().address`, `socket.localAddress`.
 */
TLS_API const char *tls_stream_local_address(const tls_stream *stream);

/**
 * The port of our end; -1 while not connected, and on failure. The loop's thread.
 */
TLS_API int32_t tls_stream_local_port(const tls_stream *stream);

/**
 * The address of the peer's end; an IPv4 client of an IPv6 server shows as `"::ffff:127.0.0.1"`.
 * NULL before the connection, and on failure; also valid in the close callback. It lives as long as
 * the stream. The loop's thread.
 *
 * Node: `stream.remoteAddress`.
 */
TLS_API const char *tls_stream_remote_address(const tls_stream *stream);

/**
 * The port of the peer's end; -1 before the connection, and on failure. The loop's thread.
 *
 * Node: `stream.remotePort`.
 */
TLS_API int32_t tls_stream_remote_port(const tls_stream *stream);

/**
 * Registers the callback of a client whose handshake is over and whose server is accepted, or not
 * refused; NULL unregisters. The loop's thread.
 *
 * It does not say that the server accepts the client: on TLS 1.3 the client is through before the
 * server has looked at its certificate. A refusal then comes as an error after this event, with the
 * name of the server's alert (`ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED`, ...).
 *
 * Node: `'secureConnect'`.
 */
TLS_API
tls_status tls_stream_on_secure_connect(tls_stream *stream,
                                        tls_stream_callback callback,
                                        void *user_data);

/**
 * Registers the callback of decrypted data; NULL unregisters. The bytes are valid until the
 * callback returns. Until there is a callback (or a pipe, or `tls_stream_resume`) data waits and
 * the peer with it. The loop's thread.
 *
 * Node: `'data'`.
 */
TLS_API
tls_status tls_stream_on_data(tls_stream *stream,
                              tls_stream_data_callback callback,
                              void *user_data);

/**
 * Registers the callback of the peer's end, which comes once, after all its data; NULL unregisters.
 * `clean` is 1 after a close_notify; 0 if the connection just ended, so that data may be missing.
 * The loop's thread.
 *
 * Node: `'end'`, which does not tell the two apart.
 */
TLS_API
tls_status tls_stream_on_end(tls_stream *stream,
                             tls_stream_end_callback callback,
                             void *user_data);

/**
 * Registers the callback that comes when all is sent, after a write had answered `TLS_FULL`; NULL
 * unregisters. The loop's thread.
 *
 * Node: `'drain'`.
 */
TLS_API
tls_status tls_stream_on_drain(tls_stream *stream,
                               tls_stream_callback callback,
                               void *user_data);

/**
 * Registers the callback of a failure, which comes at most once and is followed by the close event;
 * NULL unregisters. A server's stream that fails before it is secure tells it by
 * `tls_server_on_client_error` instead. The loop's thread.
 *
 * One of them is `ERR_TLS_TOO_MANY_MESSAGES`: the peer sent over a hundred key updates, session tickets or
 * requests to renegotiate in a row and no data among them, or does not read the answers to them.
 *
 * Node: `'error'`.
 */
TLS_API
tls_status tls_stream_on_error(tls_stream *stream,
                               tls_stream_error_callback callback,
                               void *user_data);

/**
 * Registers the callback of the end: it comes exactly once and last, and the handle is dead after
 * it. NULL unregisters. The loop's thread.
 *
 * Node: `'close'`.
 */
TLS_API
tls_status tls_stream_on_close(tls_stream *stream,
                               tls_stream_close_callback callback,
                               void *user_data);

/**
 * Registers the callback of the idle time that `tls_stream_set_timeout` sets; NULL unregisters. The
 * loop's thread.
 *
 * Node: `'timeout'`.
 */
TLS_API
tls_status tls_stream_on_timeout(tls_stream *stream,
                                 tls_stream_callback callback,
                                 void *user_data);

/**
 * Registers the callback of a client that decides whether the server's certificate is that of the
 * server that was meant, in place of the check of its name; NULL unregisters, and the name is checked
 * again. It comes when the chain is good, in the middle of the handshake (of a resumed session, whose
 * certificate is remembered, right after it); register it before the loop's next turn. The loop's
 * thread.
 *
 * Its arguments: the stream, the certificate, which is valid until the callback returns
 * (`tls_stream_peer_certificate` gives one to keep), the name that would be verified (NULL: only the
 * chain), and a request for `tls_request_resolve_verdict` or `tls_request_reject`, now or later. Until
 * then nothing is sent, delivered or called secure. `tls_check_server_identity` is the check that it
 * takes the place of.
 *
 * Errors: `TLS_ERR_INVALID_STATE` for the stream of a server, which has
 * `tls_server_on_check_certificate`. Node: the option `checkServerIdentity`.
 */
TLS_API
tls_status tls_stream_on_check_identity(tls_stream *stream,
                                        tls_stream_check_identity_callback callback,
                                        void *user_data);

/**
 * Begins a renegotiation: the handshake is made anew on the open connection (TLS 1.2 and before). A
 * client begins it by itself, a server asks the client for it. What is written meanwhile is sent after
 * it. A failure is an error of the stream. The loop's thread.
 *
 * - `callback`: called once when it is over, unless the stream ends before; may be NULL. A client may
 *   leave a server's wish unanswered.
 * - `user_data`: for that callback.
 *
 * Errors: `TLS_ERR_INVALID_STATE` (not secure, ended, or a renegotiation is under way),
 * `TLS_ERR_NOT_SUPPORTED` (TLS 1.3 has none, name `ERR_SSL_WRONG_SSL_VERSION`; or the peer does it
 * only unsafely), `TLS_ERR_TLS`. Node: `tlsSocket.renegotiate`.
 */
TLS_API
tls_status tls_stream_renegotiate(tls_stream *stream,
                                  tls_stream_callback callback,
                                  void *user_data);

/**
 * Refuses all renegotiations that the peer asks for from now on: each attempt is an error of the
 * stream, `ERR_TLS_RENEGOTIATION_DISABLED`, and ends the connection. It cannot be taken back. The
 * loop's thread.
 *
 * Node: `tlsSocket.disableRenegotiation`.
 */
TLS_API tls_status tls_stream_disable_renegotiation(tls_stream *stream);

/**
 * The protocol that ALPN agreed on, `"h2"`; it lives as long as the stream. NULL if none was, before
 * the handshake is over, and on failure. The loop's thread.
 *
 * Node: `tlsSocket.alpnProtocol`.
 */
TLS_API
const char *tls_stream_alpn_protocol(const tls_stream *stream);

/**
 * The protocol that NPN agreed on; it lives as long as the stream. On a client NULL also if there was
 * nothing in common; the server then has the name that the client chose. NULL before the handshake is
 * over, and on failure. The loop's thread.
 *
 * Node v0.10: `cleartextStream.npnProtocol`.
 */
TLS_API
const char *tls_stream_npn_protocol(const tls_stream *stream);

/**
 * Client: registers the callback of sessions that can be resumed, for
 * `tls_connect_options_set_session` of a later connection; NULL unregisters. To be set right after
 * `tls_connect`. The loop's thread.
 *
 * With TLS 1.3 it comes for each ticket, after the secure connect event: servers mostly send two at
 * once, and a client that only writes and closes may be gone before. A ticket is for one connection,
 * so that nobody can tell which connections belong together. With TLS 1.2 it comes once, right after
 * the secure connect event, where the server made a session or renewed the ticket that was offered;
 * such a session may be used again and again. Sessions come before the data that follows them.
 *
 * The bytes are valid until the callback returns. They are what `tls_stream_session` says.
 *
 * Errors: `TLS_ERR_INVALID_STATE` for a stream of a server. Node: `'session'`.
 */
TLS_API
tls_status tls_stream_on_session(tls_stream *stream,
                                 tls_stream_session_callback callback,
                                 void *user_data);

/**
 * Client: the newest session of the connection in serialised form, for
 * `tls_connect_options_set_session` of a later connection, also in another process or on another
 * machine. Valid until the next call of this function on the stream, or its end. The loop's thread.
 *
 * - `length`: where to put the number of bytes; may be NULL.
 *
 * The bytes are OpenSSL's form (`openssl sess_id -inform DER` shows it) with a mark and a checksum
 * behind it; nothing is lost when the connection ends in whatever way. They hold secrets, and stand
 * for the check of the server's certificate: who reads them can read what such a connection carries,
 * who writes them can make another server pass for this one. Keep them as you keep a private key.
 *
 * Returns NULL, and a length of 0, if there is none that could be resumed, on a stream of a server,
 * and on failure. On TLS 1.3 it comes with the server's tickets, after the handshake: use
 * `tls_stream_on_session`. Node: `getSession`.
 */
TLS_API
const uint8_t *tls_stream_session(const tls_stream *stream,
                                  size_t *length);

/**
 * Was a session resumed, so that no full handshake was made? 1 or 0; 0 before the handshake is over,
 * and on failure. The loop's thread.
 *
 * Node: `isSessionReused`.
 */
TLS_API
int32_t tls_stream_session_reused(const tls_stream *stream);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TLSPAIR_H */
