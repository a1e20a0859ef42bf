/*
 * TLS line client: sends standard input, line by line, and prints what comes back.
 *
 *   line_client HOST PORT SERVERNAME CA [CERT KEY]
 *   line_client HOST PORT SERVERNAME --pfx FILE PASSPHRASE
 *
 * CA (PEM) is the only root that is trusted; CERT and KEY (PEM) are for a server that asks who we
 * are. A PFX (PKCS#12) has the three in one.
 *
 * A server to talk to: openssl s_server -accept 127.0.0.1:4433 -cert ... -key ... -rev
 *
 * The program waits for two things at once, the terminal and the network. It does so with poll(2):
 * the library's whole loop is one file descriptor among others.
 */
#define _POSIX_C_SOURCE 200809L   /* poll, beside C11 */
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlspair.h>
#include <unistd.h>

struct conversation {
    int reading;   /* standard input is wanted: we are connected, and the stream takes more */
    int open;
    int failed;
};

static void report(const char *what, const tls_error *error) {
    fprintf(stderr, "line_client: %s: %s: %s\n", what, tls_error_name(error), tls_error_message(error));
}

static void check(tls_status status, const char *what) {
    if (status < TLS_OK) {
        report(what, tls_last_error());
        exit(1);
    }
}

/* There is room for more: at the beginning, and when drained after TLS_FULL. */
static void on_room(tls_stream *stream, void *user_data) {
    struct conversation *conversation = user_data;
    (void)stream;
    conversation->reading = 1;
}

/* The server's certificate and name are verified when this is called; else there is an error event. */
static void on_secure_connect(tls_stream *stream, void *user_data) {
    fprintf(stderr, "connected, %s\n", tls_stream_authorized(stream) ? "authorized" : "unauthorized");
    on_room(stream, user_data);
}

static void on_data(tls_stream *stream, const uint8_t *data, size_t length, void *user_data) {
    (void)stream;
    (void)user_data;
    fwrite(data, 1, length, stdout);
    fflush(stdout);
}

static void on_end(tls_stream *stream, int clean, void *user_data) {
    struct conversation *conversation = user_data;
    (void)stream;
    if (!clean) {
        fprintf(stderr, "line_client: the connection was cut off\n");
        conversation->failed = 1;
    }
}

static void on_error(tls_stream *stream, const tls_error *error, void *user_data) {
    struct conversation *conversation = user_data;
    (void)stream;
    report("connection", error);
    conversation->failed = 1;
}

/* Always the last event of a stream; its handle is dead afterwards. */
static void on_close(tls_stream *stream, int had_error, void *user_data) {
    struct conversation *conversation = user_data;
    (void)stream;
    (void)had_error;
    conversation->open = 0;
    conversation->reading = 0;
}

static void send_input(tls_stream *stream, struct conversation *conversation) {
    char buffer[4096];
    ssize_t length = read(STDIN_FILENO, buffer, sizeof buffer);
    if (length > 0) {
        tls_status status = tls_stream_write(stream, buffer, (size_t)length);
        check(status, "write");
        if (status == TLS_FULL) conversation->reading = 0;   /* until the drain event */
    } else {
        check(tls_stream_end(stream), "end");   /* what the server still says is printed */
        conversation->reading = 0;
    }
}

/* How long poll may wait. On Linux the loop's timers make its descriptor readable and -1 would do;
 * with this the program is right everywhere. */
static int poll_timeout(tls_loop *loop) {
    int64_t milliseconds = tls_loop_next_timeout_ms(loop);
    return milliseconds > INT_MAX ? INT_MAX : (int)milliseconds;
}

/* From what is on the command line behind the server's name. */
static void set_identity(tls_context *context, int count, char **words) {
    if (strcmp(words[0], "--pfx") == 0) {
        check(tls_context_set_pfx_file(context, words[1], words[2]), words[1]);
        return;
    }
    check(tls_context_add_ca_file(context, words[0]), words[0]);
    if (count == 3) check(tls_context_set_identity_file(context, words[1], words[2], NULL), words[1]);
}

int main(int argc, char **argv) {
    if (argc != 7 && (argc != 5 || strcmp(argv[4], "--pfx") == 0)) {
        fprintf(stderr, "usage: %s HOST PORT SERVERNAME CA [CERT KEY]\n", argv[0]);
        fprintf(stderr, "       %s HOST PORT SERVERNAME --pfx FILE PASSPHRASE\n", argv[0]);
        return 2;
    }
    struct conversation conversation = {.open = 1};
    tls_loop *loop = tls_loop_new();
    tls_context *context = tls_context_new();
    tls_connect_options *options = tls_connect_options_new();
    set_identity(context, argc - 4, argv + 4);
    check(tls_connect_options_set_context(options, context), "context");
    check(tls_connect_options_set_servername(options, argv[3]), argv[3]);

    tls_stream *stream = tls_connect(loop, atoi(argv[2]), argv[1], options, on_secure_connect, &conversation);
    if (stream == NULL) check(tls_error_status(tls_last_error()), "connect");
    check(tls_stream_on_drain(stream, on_room, &conversation), "on_drain");
    check(tls_stream_on_data(stream, on_data, &conversation), "on_data");
    check(tls_stream_on_end(stream, on_end, &conversation), "on_end");
    check(tls_stream_on_error(stream, on_error, &conversation), "on_error");
    check(tls_stream_on_close(stream, on_close, &conversation), "on_close");

    while (conversation.open) {
        /* poll leaves out what has a negative descriptor. */
        struct pollfd waiting[2] = {
            {.fd = tls_loop_fd(loop), .events = POLLIN},
            {.fd = conversation.reading ? STDIN_FILENO : -1, .events = POLLIN},
        };
        if (poll(waiting, 2, poll_timeout(loop)) < 0) {
            perror("line_client: poll");
            return 1;
        }
        if (waiting[1].revents != 0) send_input(stream, &conversation);
        check(tls_loop_run_once(loop, 0), "run");   /* what there is to do, without waiting */
    }

    check(tls_connect_options_free(options), "free the options");
    check(tls_context_free(context), "free the context");
    check(tls_loop_free(loop), "free the loop");
    return conversation.failed;
}
