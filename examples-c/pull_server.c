/*
 * TLS echo server without a callback: the loop is pulled, as bindings of other languages do it. One call
 * brings whatever happened, one call writes all the answers.
 *
 *   pull_server PORT CERT KEY
 *
 * PORT 0 takes any free port; the one taken is printed. SIGINT (Ctrl-C) and SIGTERM stop it.
 */
#define _POSIX_C_SOURCE 200809L   /* poll and signals, beside C11 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <tlspair.h>

enum { WORDS = TLS_ROW_WORDS, ROWS = 64, BUFFER = 256 * 1024 };

static uint64_t rows[ROWS][WORDS];
static uint8_t buffer[BUFFER];

static void die(const char *what) {
    const tls_error *error = tls_last_error();
    fprintf(stderr, "pull_server: %s: %s: %s\n", what, tls_error_name(error), tls_error_message(error));
    exit(1);
}

static void check(tls_status status, const char *what) {
    if (status < TLS_OK) die(what);
}

/* Handles come as numbers. */
static tls_stream *stream_of(const uint64_t *row) {
    return (tls_stream *)(uintptr_t)row[0];
}

static void report(const uint64_t *row) {
    const tls_error *error = (const tls_error *)(uintptr_t)row[5];   /* until the next poll */
    fprintf(stderr, "%s:%d: %s: %s\n", tls_stream_remote_address(stream_of(row)),
            (int)tls_stream_remote_port(stream_of(row)), tls_error_name(error), tls_error_message(error));
}

/* ---- what to write again ---- */

static uint64_t streams[ROWS], lengths[ROWS];
static int32_t statuses[ROWS];
static size_t answers;

/* Data rows follow each other in the buffer, in the order of the rows: so their bytes are already joined,
 * and the batch needs no copy of them. (Requests and sessions would lie in between; we ask for none.) */
static void echo(const uint64_t *row) {
    streams[answers] = row[0];
    lengths[answers++] = row[3];
}

static void write_answers(tls_loop *loop) {
    int32_t not_ok = tls_loop_write_batch(loop, answers, streams, lengths, buffer, statuses);
    check(not_ok, "write");
    for (size_t i = 0; not_ok > 0 && i < answers; i++) {
        /* Who does not read is not read from, until all is sent: so a client costs bounded memory. One that
         * is closed by now has its close row soon; there is nothing to do. */
        if (statuses[i] == TLS_FULL) tls_stream_pause((tls_stream *)(uintptr_t)streams[i]);
    }
    answers = 0;
}

/* ---- rows ---- */

static void take(const uint64_t *row) {
    switch (row[1]) {
    case TLS_ROW_SECURE_CONNECTION:
        printf("%s:%d connected, %s\n", tls_stream_remote_address(stream_of(row)),
               (int)tls_stream_remote_port(stream_of(row)), tls_stream_protocol(stream_of(row)));
        fflush(stdout);
        break;
    case TLS_ROW_DATA:
        echo(row);
        break;
    case TLS_ROW_DRAIN:
        tls_stream_resume(stream_of(row));
        break;
    case TLS_ROW_ERROR:
    case TLS_ROW_CLIENT_ERROR:
        report(row);
        break;
    default:   /* end: the stream ends by itself then; close: we keep nothing of it; and what is unknown */
        break;
    }
}

static volatile sig_atomic_t stopped;

static void on_signal(int number) {
    (void)number;
    stopped = 1;
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s PORT CERT KEY\n", argv[0]);
        return 2;
    }
    struct sigaction action = {.sa_handler = on_signal};   /* no SA_RESTART: poll ends with EINTR */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    tls_loop *loop = tls_loop_new();
    tls_context *context = tls_context_new();
    check(tls_context_set_identity_file(context, argv[2], argv[3], NULL), argv[2]);
    check(tls_loop_set_row_kinds(loop, TLS_ROW_KINDS_DEFAULT), "row kinds");
    tls_server *server = tls_server_new(loop, context);
    if (server == NULL) die("server");
    check(tls_server_listen(server, atoi(argv[1]), "127.0.0.1"), "listen");
    printf("listening on %s port %d\n", tls_server_address(server), (int)tls_server_port(server));
    fflush(stdout);

    struct pollfd waiting = {.fd = tls_loop_fd(loop), .events = POLLIN};
    while (!stopped) {
        poll(&waiting, 1, 1000);   /* a signal just before it is noticed after a second */
        int32_t count = tls_loop_poll(loop, rows[0], WORDS, ROWS, buffer, BUFFER, 0);
        check(count, "poll");
        for (int32_t i = 0; i < count; i++) take(rows[i]);
        write_answers(loop);
    }

    printf("stopped\n");
    check(tls_loop_free(loop), "free the loop");
    check(tls_context_free(context), "free the context");
    return 0;
}
