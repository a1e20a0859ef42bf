/*
 * A server and a client on one loop that somebody else drives: poll(2) here, as libuv, GLib, Qt or
 * asyncio would. tls_loop_run is never called.
 *
 *   poll_loop CERT KEY CA
 *
 * The client sends messages to an echo server, then says nothing until its idle timeout ends the
 * connection: so packets and timers are both seen to come through the one file descriptor.
 */
#define _POSIX_C_SOURCE 200809L   /* poll, beside C11 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlspair.h>

#define MESSAGES 1000
#define IDLE_MS 200
#define PATIENCE_MS (10 * 1000)

struct demo {
    tls_server *server;
    char expected[32];
    char received[32];
    size_t received_length;
    int messages;
    int timeouts;
    int open;   /* server and client, until their close events */
};

static void report(const char *what, const tls_error *error) {
    fprintf(stderr, "poll_loop: %s: %s: %s\n", what, tls_error_name(error), tls_error_message(error));
}

static void check(tls_status status, const char *what) {
    if (status < TLS_OK) {
        report(what, tls_last_error());
        exit(1);
    }
}

/* ---- server ---- */

static void on_secure_connection(tls_server *server, tls_stream *stream, void *user_data) {
    (void)server;
    (void)user_data;
    check(tls_stream_pipe(stream, stream), "pipe");
}

static void on_server_close(tls_server *server, void *user_data) {
    struct demo *demo = user_data;
    (void)server;
    demo->open--;
}

/* ---- client ---- */

static void send_message(tls_stream *stream, void *user_data) {
    struct demo *demo = user_data;
    int length = snprintf(demo->expected, sizeof demo->expected, "message %d\n", demo->messages);
    demo->received_length = 0;
    check(tls_stream_write(stream, demo->expected, (size_t)length), "write");
}

/* TLS is a stream of bytes: one message may come in several pieces. */
static void on_data(tls_stream *stream, const uint8_t *data, size_t length, void *user_data) {
    struct demo *demo = user_data;
    if (length > strlen(demo->expected) - demo->received_length) {
        fprintf(stderr, "poll_loop: more came back than was sent\n");
        exit(1);
    }
    memcpy(demo->received + demo->received_length, data, length);
    demo->received_length += length;
    if (demo->received_length < strlen(demo->expected)) return;

    if (memcmp(demo->received, demo->expected, demo->received_length) != 0) {
        fprintf(stderr, "poll_loop: something else came back\n");
        exit(1);
    }
    demo->messages++;
    if (demo->messages < MESSAGES)
        send_message(stream, demo);
    else
        check(tls_stream_set_timeout(stream, IDLE_MS), "timeout");   /* and now we are silent */
}

/* The event itself ends nothing; what to do about a silent connection is our choice. */
static void on_timeout(tls_stream *stream, void *user_data) {
    struct demo *demo = user_data;
    demo->timeouts++;
    check(tls_stream_end(stream), "end");
}

static void on_error(tls_stream *stream, const tls_error *error, void *user_data) {
    (void)stream;
    (void)user_data;
    report("connection", error);
    exit(1);
}

static void on_close(tls_stream *stream, int had_error, void *user_data) {
    struct demo *demo = user_data;
    (void)stream;
    (void)had_error;
    demo->open--;
    check(tls_server_close(demo->server), "close");   /* no more clients; open streams may finish */
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s CERT KEY CA\n", argv[0]);
        return 2;
    }
    struct demo demo = {.open = 2};
    tls_loop *loop = tls_loop_new();
    tls_context *server_context = tls_context_new(), *client_context = tls_context_new();
    check(tls_context_set_identity_file(server_context, argv[1], argv[2], NULL), argv[1]);
    check(tls_context_add_ca_file(client_context, argv[3]), argv[3]);

    demo.server = tls_server_new(loop, server_context);
    check(tls_server_on_secure_connection(demo.server, on_secure_connection, &demo), "server");
    check(tls_server_on_close(demo.server, on_server_close, &demo), "server");
    check(tls_server_listen(demo.server, 0, "127.0.0.1"), "listen");

    tls_connect_options *options = tls_connect_options_new();
    check(tls_connect_options_set_context(options, client_context), "context");
    check(tls_connect_options_set_servername(options, "localhost"), "servername");
    tls_stream *stream = tls_connect(loop, tls_server_port(demo.server), "127.0.0.1", options, send_message, &demo);
    if (stream == NULL) check(tls_error_status(tls_last_error()), "connect");
    check(tls_stream_on_data(stream, on_data, &demo), "client");
    check(tls_stream_on_timeout(stream, on_timeout, &demo), "client");
    check(tls_stream_on_error(stream, on_error, &demo), "client");
    check(tls_stream_on_close(stream, on_close, &demo), "client");

    int turns = 0;
    for (; demo.open > 0; turns++) {
        struct pollfd waiting = {.fd = tls_loop_fd(loop), .events = POLLIN};
        if (poll(&waiting, 1, PATIENCE_MS) != 1) {
            fprintf(stderr, "poll_loop: the loop's descriptor has been silent for too long\n");
            return 1;
        }
        check(tls_loop_run_once(loop, 0), "run");   /* 0: do what there is to do, do not wait */
    }

    printf("%d messages and %d timeout in %d turns of poll\n", demo.messages, demo.timeouts, turns);
    check(tls_connect_options_free(options), "free the options");
    check(tls_context_free(server_context), "free the server's context");
    check(tls_context_free(client_context), "free the client's context");
    check(tls_loop_free(loop), "free the loop");
    return demo.messages != MESSAGES || demo.timeouts != 1;
}
