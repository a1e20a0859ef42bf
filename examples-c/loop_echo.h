/*
 * What loop_libuv, loop_libevent and loop_glib have in common: a TLS echo server on a loop of tlspair
 * that somebody else drives. Nothing here knows by whom; that is what those files show.
 */
#ifndef LOOP_ECHO_H
#define LOOP_ECHO_H

#include <stdio.h>
#include <stdlib.h>
#include <tlspair.h>

struct echo {
    tls_loop *loop;
    tls_context *context;
    tls_server *server;
    unsigned grace_ms;   /* how long clients may take to finish when the server stops */
    int finishing, stopped;
};

static void echo_report(const char *what, const tls_error *error) {
    fprintf(stderr, "%s: %s: %s\n", what, tls_error_name(error), tls_error_message(error));
}

static void echo_check(tls_status status, const char *what) {
    if (status >= TLS_OK) return;
    echo_report(what, tls_last_error());
    exit(1);
}

static void echo_on_error(tls_stream *stream, const tls_error *error, void *user_data) {
    echo_report("client", error);
}

static void echo_on_client_error(tls_server *server, const tls_error *error, tls_stream *stream, void *user_data) {
    echo_report("client", error);
}

static void echo_on_secure_connection(tls_server *server, tls_stream *stream, void *user_data) {
    echo_check(tls_stream_on_error(stream, echo_on_error, NULL), "on_error");
    echo_check(tls_stream_pipe(stream, stream), "pipe");
}

/* The last that the server says: its clients are gone too. */
static void echo_on_close(tls_server *server, void *user_data) {
    ((struct echo *)user_data)->stopped = 1;
}

/* A server that listens, from the words PORT CERT KEY [GRACE_MS]. It serves nobody before echo_turn. */
static void echo_open(struct echo *echo, int argc, char **argv) {
    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: %s PORT CERT KEY [GRACE_MS]\n", argv[0]);
        exit(2);
    }
    *echo = (struct echo){.loop = tls_loop_new(), .context = tls_context_new(), .grace_ms = 10 * 1000};
    if (argc == 5) echo->grace_ms = (unsigned)strtoul(argv[4], NULL, 10);
    echo_check(tls_context_set_identity_file(echo->context, argv[2], argv[3], NULL), argv[2]);
    echo->server = tls_server_new(echo->loop, echo->context);
    echo_check(tls_server_on_secure_connection(echo->server, echo_on_secure_connection, NULL), "server");
    echo_check(tls_server_on_client_error(echo->server, echo_on_client_error, NULL), "server");
    echo_check(tls_server_on_close(echo->server, echo_on_close, echo), "server");
    echo_check(tls_server_listen(echo->server, atoi(argv[1]), "127.0.0.1"), "listen");
    printf("listening on %s port %d\n", tls_server_address(echo->server), (int)tls_server_port(echo->server));
    fflush(stdout);
}

/* One turn, for when tls_loop_fd is readable: all callbacks above run in here. 0: the server has stopped. */
static int echo_turn(struct echo *echo) {
    echo_check(tls_loop_run_once(echo->loop, 0), "run");   /* 0: do what there is to do, do not wait */
    return !echo->stopped;
}

/* First: no new clients, and those who are here may finish. Again: they are cut off. Both show in a
 * turn to come, as everything does that is called from outside of one: the descriptor becomes readable. */
static void echo_finish(struct echo *echo) {
    if (echo->stopped) return;
    echo_check(echo->finishing++ ? tls_server_destroy(echo->server) : tls_server_close(echo->server), "close");
}

/* After the other loop has let go of the descriptor, which ends here. */
static void echo_free(struct echo *echo) {
    echo_check(tls_loop_free(echo->loop), "free the loop");
    echo_check(tls_context_free(echo->context), "free the context");
    printf("stopped\n");
}

#endif
