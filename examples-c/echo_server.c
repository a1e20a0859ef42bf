/*
 * TLS echo server: sends every client its own bytes back.
 *
 *   echo_server PORT CERT KEY [CA] [--welcome]
 *   echo_server PORT --pfx FILE PASSPHRASE [--welcome]
 *
 * PORT 0 takes any free port; the one taken is printed. CERT holds the certificate and its chain,
 * KEY the private key, CA whom clients must be certified by to count as authorized: all PEM. A PFX
 * (PKCS#12) has the three in one. Clients without a certificate are served too. --welcome greets
 * each client with a line first. SIGINT (Ctrl-C) and SIGTERM stop the server cleanly.
 */
#define _POSIX_C_SOURCE 200809L   /* signals and threads, beside C11 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlspair.h>

static void die(const char *what) {
    const tls_error *error = tls_last_error();
    fprintf(stderr, "echo_server: %s: %s: %s\n", what, tls_error_name(error), tls_error_message(error));
    exit(1);
}

/* Positive values are information (TLS_FULL), not failure. */
static void check(tls_status status, const char *what) {
    if (status < TLS_OK) die(what);
}

/* ---- one connection ---- */

static void on_stream_error(tls_stream *stream, const tls_error *error, void *user_data) {
    (void)user_data;
    fprintf(stderr, "%s:%d: %s: %s\n", tls_stream_remote_address(stream), (int)tls_stream_remote_port(stream),
            tls_error_name(error), tls_error_message(error));
}

/* Called when the handshake is done. The stream needs no free: it ends with its close event. */
static void on_secure_connection(tls_server *server, tls_stream *stream, void *user_data) {
    const char *welcome = user_data;
    (void)server;
    printf("%s:%d connected, %s %s, %s\n", tls_stream_remote_address(stream), (int)tls_stream_remote_port(stream),
           tls_stream_protocol(stream), tls_stream_cipher_name(stream),
           tls_stream_authorized(stream) ? "authorized" : "unauthorized");
    fflush(stdout);

    check(tls_stream_on_error(stream, on_stream_error, NULL), "on_error");
    if (welcome != NULL) check(tls_stream_write(stream, welcome, strlen(welcome)), "write");
    /* What comes in goes out again. A client that does not read makes the pipe pause, so it costs
     * a bounded amount of memory; when the client ends, its stream is ended too. */
    check(tls_stream_pipe(stream, stream), "pipe");
}

/* Whatever goes wrong before the handshake is done: strangers, wrong protocols, timeouts. */
static void on_client_error(tls_server *server, const tls_error *error, tls_stream *stream, void *user_data) {
    (void)server;
    on_stream_error(stream, error, user_data);
}

/* Errors of the listening socket itself, such as no more file descriptors. The server goes on. */
static void on_server_error(tls_server *server, const tls_error *error, void *user_data) {
    (void)server;
    (void)user_data;
    fprintf(stderr, "server: %s: %s\n", tls_error_name(error), tls_error_message(error));
}

/* ---- stopping ---- */

/* A signal handler may call next to nothing, so one thread waits for the signals instead.
 * tls_loop_stop is one of the few functions that every thread may call. */
static sigset_t stop_signals;

static void *wait_for_signal(void *loop) {
    int number;
    if (sigwait(&stop_signals, &number) == 0) check(tls_loop_stop(loop), "stop");
    return NULL;
}

/* Only blocked signals wait for sigwait, and threads inherit what is blocked: so this comes before
 * anything that may start one. */
static void block_stop_signals(void) {
    sigemptyset(&stop_signals);
    sigaddset(&stop_signals, SIGINT);
    sigaddset(&stop_signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop_signals, NULL);
}

/* ---- who we are ---- */

/* A context from what is on the command line behind the port; NULL if that makes no sense. *asks is
 * whether there is a CA to judge clients by. */
static tls_context *make_context(int count, char **words, int *asks) {
    if (count < 2 || count > 3) return NULL;
    int is_pfx = strcmp(words[0], "--pfx") == 0;
    if (is_pfx && count == 2) return NULL;
    tls_context *context = tls_context_new();
    if (context == NULL) die("context");
    if (is_pfx) {
        check(tls_context_set_pfx_file(context, words[1], words[2]), words[1]);
    } else {
        check(tls_context_set_cert_file(context, words[0]), words[0]);
        check(tls_context_set_key_file(context, words[1], NULL), words[1]);
        if (count == 3) check(tls_context_add_ca_file(context, words[2]), words[2]);
    }
    *asks = count == 3;
    return context;
}

int main(int argc, char **argv) {
    static char greeting[] = "welcome!\n";
    char *welcome = argc > 1 && strcmp(argv[argc - 1], "--welcome") == 0 ? greeting : NULL;
    if (welcome != NULL) argc--;
    block_stop_signals();
    int asks = 0;
    tls_context *context = make_context(argc - 2, argv + 2, &asks);
    if (context == NULL) {
        fprintf(stderr, "usage: %s PORT CERT KEY [CA] [--welcome]\n", argv[0]);
        fprintf(stderr, "       %s PORT --pfx FILE PASSPHRASE [--welcome]\n", argv[0]);
        return 2;
    }

    tls_loop *loop = tls_loop_new();
    if (loop == NULL) die("loop");
    tls_server *server = tls_server_new(loop, context);
    if (server == NULL) die("server");
    check(tls_server_set_request_cert(server, asks), "request_cert");
    check(tls_server_on_secure_connection(server, on_secure_connection, welcome), "on_secure_connection");
    check(tls_server_on_client_error(server, on_client_error, NULL), "on_client_error");
    check(tls_server_on_error(server, on_server_error, NULL), "on_error");
    check(tls_server_listen(server, atoi(argv[1]), "127.0.0.1"), "listen");
    printf("listening on %s port %d\n", tls_server_address(server), (int)tls_server_port(server));
    fflush(stdout);

    pthread_t signal_thread;
    if (pthread_create(&signal_thread, NULL, wait_for_signal, loop) != 0) {
        fprintf(stderr, "echo_server: cannot start a thread\n");
        return 1;
    }
    check(tls_loop_run(loop), "run");   /* until tls_loop_stop */
    pthread_join(signal_thread, NULL);
    printf("stopped\n");

    /* Closes the server and every open stream, each with its close event. */
    check(tls_loop_free(loop), "free the loop");
    check(tls_context_free(context), "free the context");
    return 0;
}
