/*
 * TLS server whose clients' sessions are in Redis: what was made here resumes on every server that
 * has the same Redis and the same secret, on TLS 1.2 and 1.3.
 *
 *   session_store_redis PORT CERT KEY SECRET REDIS_ADDRESS REDIS_PORT [--host ADDRESS] [--tickets]
 *                       [--patience MS] [--pending COUNT] [--grace MS] [--ca CA]
 *
 * SECRET is a file of 32 random bytes or more, the same for all servers: what Redis gets is sealed
 * with keys that come from it. Without Redis, or when it does not answer within --patience (250 ms),
 * or has --pending (1000) commands to answer already, clients get full handshakes. --tickets gives
 * clients tickets, which need no store, and leaves the store to those who take none. --ca asks
 * clients for a certificate. The password of Redis, if it wants one, is in the environment:
 * REDIS_PASSWORD.
 *
 * Each client is told how it came in ("TLSv1.3 resumed"), and then its own bytes. Lines on standard
 * input: "counts" prints what became of sessions; "rotate FILE" makes a new key, and writes all keys
 * to a file that "import FILE" reads on the other servers, which have a minute for it, or --grace.
 * The end of the input ends the program.
 *
 * One poll(2) drives both libraries: the loop by its one descriptor, hiredis by the socket it has.
 */
#define _POSIX_C_SOURCE 200809L   /* poll and clocks, beside C11 */
#include <fcntl.h>
#include <hiredis/async.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlspair.h>
#include <unistd.h>

#include "redis_store.h"

/* How long OpenSSL lets a session live. A key of the secret lives as long at least. */
#define LIFETIME_S 7200

static void complain(const char *what) {
    const tls_error *error = tls_last_error();
    fprintf(stderr, "session_store_redis: %s: %s: %s\n", what, tls_error_name(error), tls_error_message(error));
}

/* Positive values are information, not failure. */
static void check(tls_status status, const char *what) {
    if (status >= TLS_OK) return;
    complain(what);
    exit(1);
}

/* ---- the server ---- */

static void on_stream_error(tls_stream *stream, const tls_error *error, void *user_data) {
    (void)stream;
    (void)user_data;
    fprintf(stderr, "connection: %s: %s\n", tls_error_name(error), tls_error_message(error));
}

static void on_client_error(tls_server *server, const tls_error *error, tls_stream *stream, void *user_data) {
    (void)server;
    on_stream_error(stream, error, user_data);
}

static void on_secure_connection(tls_server *server, tls_stream *stream, void *user_data) {
    char line[64];
    int length = snprintf(line, sizeof line, "%s %s\n", tls_stream_protocol(stream),
                          tls_stream_session_reused(stream) ? "resumed" : "new");
    (void)server;
    (void)user_data;
    check(tls_stream_on_error(stream, on_stream_error, NULL), "on_error");
    check(tls_stream_write(stream, line, (size_t)length), "write");
    check(tls_stream_pipe(stream, stream), "pipe");
}

static void print_counts(const tls_server *server, const struct store *store) {
    static const struct { const char *name; int32_t what; } counts[] = {
        {"full", TLS_SESSIONS_FULL}, {"hit_ticket", TLS_SESSIONS_HIT_TICKET},
        {"hit_cache", TLS_SESSIONS_HIT_CACHE}, {"hit_store", TLS_SESSIONS_HIT_STORE},
        {"miss_unknown_id", TLS_SESSIONS_MISS_UNKNOWN_ID}, {"miss_unknown_key", TLS_SESSIONS_MISS_UNKNOWN_KEY},
        {"miss_expired", TLS_SESSIONS_MISS_EXPIRED}, {"miss_policy", TLS_SESSIONS_MISS_POLICY},
        {"miss_sealed", TLS_SESSIONS_MISS_SEALED}, {"miss_store_timeout", TLS_SESSIONS_MISS_STORE_TIMEOUT},
        {"miss_store_error", TLS_SESSIONS_MISS_STORE_ERROR},
    };
    printf("counts:");
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        printf(" %s=%lld", counts[i].name, (long long)tls_server_session_count(server, counts[i].what));
    printf(" saved=%lu unsaved=%lu found=%lu absent=%lu failed=%lu away=%lu late=%lu pending=%d\n", store->saved,
           store->unsaved, store->found, store->absent, store->failed, store->away, store->late, store->pending);
}

/* ---- keys ---- */

#define MOST_BYTES (64 * 1024)

/* A small file, whole; its length, or 0. */
static size_t read_file(const char *path, uint8_t *bytes) {
    FILE *file = fopen(path, "rb");
    size_t length = file == NULL ? 0 : fread(bytes, 1, MOST_BYTES, file);
    if (file != NULL) fclose(file);
    if (length == 0) fprintf(stderr, "session_store_redis: cannot read %s\n", path);
    return length;
}

/* As secret as the keys: for nobody else to read. */
static int write_file(const char *path, const uint8_t *bytes, size_t length) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int done = fd >= 0 && write(fd, bytes, length) == (ssize_t)length;
    if (fd >= 0 && close(fd) != 0) done = 0;
    if (!done) perror(path);
    return done;
}

static void rotate(tls_ticket_ring *ring, const char *path) {
    static uint8_t bytes[MOST_BYTES];
    size_t length;
    if (tls_ticket_ring_rotate(ring) < TLS_OK || tls_ticket_ring_export(ring, bytes, sizeof bytes, &length) < TLS_OK)
        complain("rotate");
    else if (write_file(path, bytes, length))
        printf("rotated: %d keys\n", (int)tls_ticket_ring_key_count(ring));
    memset(bytes, 0, sizeof bytes);
}

static void import(tls_ticket_ring *ring, const char *path) {
    static uint8_t bytes[MOST_BYTES];
    size_t length = read_file(path, bytes);
    if (length > 0 && tls_ticket_ring_import(ring, bytes, length) < TLS_OK)
        complain("import");
    else if (length > 0)
        printf("imported: %d keys\n", (int)tls_ticket_ring_key_count(ring));
    memset(bytes, 0, sizeof bytes);
}

/* ---- what is typed ---- */

struct program {
    tls_server *server;
    tls_ticket_ring *ring;
    struct store store;
    char line[4096];
    size_t length;
};

static void obey(struct program *program, const char *line) {
    if (strcmp(line, "counts") == 0)
        print_counts(program->server, &program->store);
    else if (strncmp(line, "rotate ", 7) == 0)
        rotate(program->ring, line + 7);
    else if (strncmp(line, "import ", 7) == 0)
        import(program->ring, line + 7);
    else
        fprintf(stderr, "session_store_redis: counts, rotate FILE, import FILE, and not: %s\n", line);
    fflush(stdout);
}

/* 0 at the end of the input. */
static int read_lines(struct program *program) {
    ssize_t count = read(STDIN_FILENO, program->line + program->length, sizeof program->line - 1 - program->length);
    if (count <= 0) return 0;
    program->length += (size_t)count;
    program->line[program->length] = '\0';
    for (char *end; (end = strchr(program->line, '\n')) != NULL;) {
        *end = '\0';
        obey(program, program->line);
        program->length -= (size_t)(end + 1 - program->line);
        memmove(program->line, end + 1, program->length + 1);
    }
    if (program->length == sizeof program->line - 1) program->length = 0;   /* no command is so long */
    return 1;
}

static void run(struct program *program, tls_loop *loop) {
    struct store *store = &program->store;
    for (;;) {
        int timeout = keep_time(store);
        struct pollfd waiting[] = {
            {.fd = tls_loop_fd(loop), .events = POLLIN},
            {.fd = STDIN_FILENO, .events = POLLIN},
            {.fd = store->redis == NULL ? -1 : store->redis->c.fd, .events = store->events},
        };
        if (poll(waiting, 3, timeout) < 0) continue;   /* a signal */
        serve_store(store, waiting[2].revents);
        check(tls_loop_run_once(loop, 0), "run");      /* 0: do what there is to do, do not wait */
        if (waiting[1].revents != 0 && !read_lines(program)) return;
    }
}

int main(int argc, char **argv) {
    static uint8_t secret[MOST_BYTES];
    struct program program = {0};
    const char *host = "127.0.0.1", *ca = NULL;
    int tickets = 0, patience = 250, pending = 1000, grace = 60 * 1000;
    for (int i = 7; i < argc; i++) {
        if (strcmp(argv[i], "--tickets") == 0) tickets = 1;
        else if (i + 1 < argc && strcmp(argv[i], "--host") == 0) host = argv[++i];
        else if (i + 1 < argc && strcmp(argv[i], "--patience") == 0) patience = atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--pending") == 0) pending = atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--grace") == 0) grace = atoi(argv[++i]);
        else if (i + 1 < argc && strcmp(argv[i], "--ca") == 0) ca = argv[++i];
        else argc = 0;
    }
    if (argc < 7 || patience <= 0 || grace < 0) {
        fprintf(stderr, "usage: %s PORT CERT KEY SECRET REDIS_ADDRESS REDIS_PORT [--host ADDRESS] [--tickets]\n"
                        "       [--patience MS] [--pending COUNT] [--grace MS] [--ca CA]\n", argv[0]);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);   /* hiredis writes to sockets that may be closed */

    tls_context *context = tls_context_new();
    check(tls_context_set_identity_file(context, argv[2], argv[3], NULL), argv[2]);
    if (ca != NULL) check(tls_context_add_ca_file(context, ca), ca);
    program.ring = tls_ticket_ring_new();
    check(tls_ticket_ring_set_grace_period(program.ring, (uint64_t)grace), "grace");
    size_t secret_length = read_file(argv[4], secret);
    check(tls_ticket_ring_add_secret(program.ring, secret, secret_length, LIFETIME_S * 1000), argv[4]);
    memset(secret, 0, sizeof secret);
    check(tls_context_set_ticket_ring(context, program.ring), "ticket ring");

    program.store = (struct store){
        .address = argv[5], .port = atoi(argv[6]), .lifetime_s = LIFETIME_S, .most_pending = pending};
    tls_loop *loop = tls_loop_new();
    tls_server *server = program.server = tls_server_new(loop, context);
    if (server == NULL) check(tls_error_status(tls_last_error()), "server");
    check(tls_server_on_new_session(server, on_new_session, &program.store), "on_new_session");
    check(tls_server_on_resume_session(server, on_resume_session, &program.store), "on_resume_session");
    check(tls_server_set_resume_session_timeout(server, (uint64_t)patience), "patience");
    check(tls_server_set_session_tickets(server, tickets), "tickets");
    check(tls_server_set_request_cert(server, ca != NULL), "request_cert");
    check(tls_server_on_secure_connection(server, on_secure_connection, NULL), "on_secure_connection");
    check(tls_server_on_client_error(server, on_client_error, NULL), "on_client_error");
    check(tls_server_listen(server, atoi(argv[1]), host), "listen");
    printf("listening on %s port %d\n", tls_server_address(server), (int)tls_server_port(server));
    fflush(stdout);

    run(&program, loop);
    if (program.store.redis != NULL) redisAsyncFree(program.store.redis);
    check(tls_loop_free(loop), "free the loop");
    check(tls_ticket_ring_free(program.ring), "free the ring");
    check(tls_context_free(context), "free the context");
    return 0;
}
