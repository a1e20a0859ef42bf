/* What the C tests share: certificates, clocks, descriptors and memory of the process, witnesses
 * that write down what streams tell, and a rig of one server and its loop. */
#ifndef SUPPORT_H
#define SUPPORT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tlspair.h>

#include "check.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- sizes and times ---- */

/* TLSPAIR_TEST_SCALE, 1 if not set: how much of each large count is run. */
double test_scale(void);
/* That part of a count, 1 at least. */
long scaled(long count);
/* Factor for deadlines: valgrind, told from a small scale, is slow. */
int patience(void);
int64_t now_ms(void);
/* Processor time that this process has used. */
int64_t cpu_ms(void);
void sleep_ms(int milliseconds);
int open_descriptors(void);
/* Lets this process have so many descriptors, as far as the system allows; how many it may have. */
long allow_descriptors(long count);
/* Resident memory in KiB. */
long resident_kib(void);
/* Not under valgrind, told from a small scale: memory, processor time and limits are the system's. */
bool runs_natively(void);

/* Turns the loop until the condition holds; its not holding in time is a failed check. */
#define RUN_UNTIL(loop, condition, milliseconds) \
    do { \
        int64_t deadline_ = now_ms() + (int64_t)(milliseconds) * patience(); \
        while (!(condition) && now_ms() < deadline_) { \
            tls_loop_run_once((loop), 10); \
        } \
        CHECK(condition); \
    } while (0)
/* Turns the loop for so long. */
void run_for(tls_loop *loop, int milliseconds);

/* Runs `work` in another thread, to its end. */
void in_a_thread(void *(*work)(void *), void *argument);

/* ---- certificates ---- */

/* Full path of a file that scripts/make-certs made, in TLSPAIR_TEST_CERTS. Valid for 8 calls. */
const char *certificate_path(const char *name);
/* A whole file with a NUL behind it; free it. */
char *read_file(const char *path, size_t *length);
/* NAME-cert.pem with NAME-key.pem, if a name is given, becomes what the context shows. */
void use_identity(tls_context *context, const char *name);
/* server-cert.pem, server-key.pem, and client certificates trusted by ca.pem. */
tls_context *server_context(void);
/* Trusts ca.pem. */
tls_context *client_context(void);
/* As client_context, with client-cert.pem and client-key.pem. */
tls_context *client_context_with_identity(void);

/* ---- bytes ---- */

/* xorshift64, the same in every run for the same seed. */
uint64_t next_random(uint64_t *state);
/* Bytes that differ by position, so that a lost, doubled or moved one shows. */
void fill_pattern(uint8_t *bytes, size_t length, size_t position);
/* Do the bytes carry the pattern from this position on? */
bool is_pattern(const uint8_t *bytes, size_t length, size_t position);

/* ---- witness: what one stream told ---- */

struct witness {
    tls_stream *stream;
    /* Watches several streams, of which `stream` is the last. */
    bool several;
    /* s secure, d data (a run of them is one), D drain, t timeout, e end, E truncated end, x error,
     * c close; cut after 63. */
    char order[64];
    size_t received;
    bool pattern_broken;
    int secures, datas, drains, timeouts, ends, errors, closes;
    int clean, had_error;
    tls_status status;
    int32_t error_errno;
    char error_name[64];
    char error_message[256];
    /* Called for each event, after it was written down. */
    void (*hook)(struct witness *witness, char event, const uint8_t *data, size_t length);
    void *context;
};

/* Registers all callbacks of the stream. Data is compared with the pattern. */
void watch(struct witness *witness, tls_stream *stream);
void witness_note(struct witness *witness, char event);

/* A hook that destroys the stream at one event; its context is this. Only close may come after it. */
struct stream_ending {
    char event;
    bool done;
};
void destroy_at(struct witness *witness, char event, const uint8_t *data, size_t length);

/* ---- rig: a loop with a server on 127.0.0.1 ---- */

struct rig {
    tls_loop *loop;
    tls_context *server_context;
    tls_context *client_context;
    tls_server *server;
    int32_t port;
    int listening, connections, client_errors, server_errors, closes;
    tls_status client_error_status;
    char client_error_name[64];
    char client_error_message[256];
    /* The connection that was accepted, unless on_connection takes it. */
    struct witness accepted;
    /* The connections that failed. */
    struct witness failed;
    void (*on_connection)(struct rig *rig, tls_stream *stream);
    void *context;
};

/* Contexts, loop and server, not listening yet. */
void rig_prepare(struct rig *rig);
/* The same on a loop that is there already, and is the rig's from now on. */
void rig_prepare_on(struct rig *rig, tls_loop *loop);
/* With another context of the server, which is the rig's from now on too. */
void rig_prepare_with(struct rig *rig, tls_loop *loop, tls_context *servers);
/* Another context of the clients, the rig's from now on. */
void rig_use_clients(struct rig *rig, tls_context *clients);
void rig_listen(struct rig *rig);
/* Both. */
void rig_open(struct rig *rig);
/* A client of the server, for `localhost`, watched. */
tls_stream *rig_connect(struct rig *rig, struct witness *witness);
/* The same with these options, which are freed. */
tls_stream *rig_connect_by(struct rig *rig, struct witness *witness, tls_connect_options *options);
/* A client, both sides secure. */
void rig_connect_secure(struct rig *rig, struct witness *witness);
/* Destroys the server, frees everything, and checks that it all answered TLS_OK. */
void rig_close(struct rig *rig);
/* The first flight of an honest client; its length. */
size_t rig_hello(struct rig *rig, uint8_t *bytes, size_t capacity);
/* One clientError of this name (NULL: any) came, then the close of its stream, and nothing else. The
 * next one may come. */
void rig_check_client_error(struct rig *rig, tls_status status, const char *name);
/* rig_close of a server that still serves and has nothing left of those before. */
void rig_close_serving(struct rig *rig);

/* ---- raw sockets ---- */

/* Connected to 127.0.0.1, not blocking. */
int raw_connect(int32_t port);
/* Sends all of it; false if the peer is gone. */
bool raw_send(int socket, const void *data, size_t length);
/* Two connected TCP sockets of 127.0.0.1, or Unix sockets, which block. */
void raw_pair(int domain, int sockets[2]);
bool is_open_descriptor(int descriptor);
bool is_blocking(int descriptor);
/* Closes with RST. */
void raw_reset(int socket);
/* Has the peer closed (FIN or RST)? Reads away what comes. */
bool raw_is_closed(int socket);
/* The same, keeping what comes behind `*length` bytes; what does not fit is read away. */
bool raw_gather(int socket, uint8_t *bytes, size_t capacity, size_t *length);

/* ---- wire: a secure pair as a client over a raw socket, to misbehave with ---- */

struct wire {
    int socket;
    tls_secure_pair *pair;
    /* The peer's FIN or RST came. */
    bool closed;
    int secure, errors, ends, clean;
    size_t received;
};

/* Connects; the handshake is up to wire_pump. */
void wire_open(struct wire *wire, struct rig *rig);
/* The same with a session to resume, if it has any bytes. */
void wire_open_offering(struct wire *wire, struct rig *rig, const uint8_t *session, size_t length);
/* Moves what can be moved both ways, without waiting. */
void wire_pump(struct wire *wire);
/* As wire_open, through the handshake. */
void wire_open_secure(struct wire *wire, struct rig *rig);
/* Frees the pair and closes the socket, with RST if asked for. */
void wire_close(struct wire *wire, bool reset);

#ifdef __cplusplus
}
#endif

#endif
