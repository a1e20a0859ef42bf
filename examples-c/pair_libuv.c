/*
 * TLS on sockets that are libuv's: an echo server with a tls_secure_pair between each uv_tcp_t and the
 * program. No loop and no socket of tlspair takes part.
 *
 *   pair_libuv PORT CERT KEY [IDLE_MS]
 *
 * PORT 0 takes any free port. A client that moves nothing for IDLE_MS is dropped. SIGINT (Ctrl-C) and
 * SIGTERM end the listening; the program ends with its last client. What lies between pair and socket
 * is in pair_socket.h.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <tlspair.h>
#include <uv.h>

#include "pair_socket.h"

static tls_context *context;
static uint64_t idle_ms = 30 * 1000;
static uv_tcp_t listener;
static uv_signal_t interrupt, terminate;

static void report(const char *what, const tls_error *error) {
    fprintf(stderr, "%s: %s: %s\n", what, tls_error_name(error), tls_error_message(error));
}

static void check(tls_status status, const char *what) {
    if (status >= TLS_OK) return;
    report(what, tls_last_error());
    exit(1);
}

static void must(int status, const char *what) {
    if (status >= 0) return;
    fprintf(stderr, "%s: %s\n", what, uv_strerror(status));
    exit(1);
}

/* ---- one client: what its pair says, always inside a call on it ---- */

/* A client that sends and does not read is not read from, so that it costs a bounded amount of memory. */
static void on_data(tls_secure_pair *pair, const uint8_t *data, size_t length, void *user_data) {
    if (tls_secure_pair_write(pair, data, length) == TLS_FULL) ((struct pair_socket *)user_data)->paused = 1;
}

static void on_drain(tls_secure_pair *pair, void *user_data) { ((struct pair_socket *)user_data)->paused = 0; }

static void on_end(tls_secure_pair *pair, int clean, void *user_data) { tls_secure_pair_end(pair); }

static void on_error(tls_secure_pair *pair, const tls_error *error, void *user_data) { report("client", error); }

static void on_gone(struct pair_socket *socket) { free(socket); }

/* ---- the server ---- */

static void on_connection(uv_stream_t *stream, int status) {
    must(status, "listen");
    struct pair_socket *socket = malloc(sizeof *socket);
    tls_secure_pair *pair = tls_secure_pair_new(context, 1, 0, 0);
    if (socket == NULL || pair == NULL) check(TLS_ERR_NO_MEMORY, "client");
    check(tls_secure_pair_on_data(pair, on_data, socket), "on_data");
    check(tls_secure_pair_on_drain(pair, on_drain, socket), "on_drain");
    check(tls_secure_pair_on_end(pair, on_end, NULL), "on_end");
    check(tls_secure_pair_on_error(pair, on_error, NULL), "on_error");
    status = pair_socket_accept(socket, stream, pair, idle_ms, on_gone);
    if (status != 0) fprintf(stderr, "accept: %s\n", uv_strerror(status));
}

static void on_signal(uv_signal_t *signal, int number) {
    uv_close((uv_handle_t *)&listener, NULL);
    uv_close((uv_handle_t *)&interrupt, NULL);
    uv_close((uv_handle_t *)&terminate, NULL);
}

int main(int argc, char **argv) {
    if (argc != 4 && argc != 5) {
        fprintf(stderr, "usage: %s PORT CERT KEY [IDLE_MS]\n", argv[0]);
        return 2;
    }
    if (argc == 5) idle_ms = strtoull(argv[4], NULL, 10);
    context = tls_context_new();
    check(tls_context_set_identity_file(context, argv[2], argv[3], NULL), argv[2]);

    signal(SIGPIPE, SIG_IGN);   /* libuv writes to sockets that the peer may have closed */
    uv_loop_t *loop = uv_default_loop();
    struct sockaddr_in address;
    int size = sizeof address;
    must(uv_ip4_addr("127.0.0.1", atoi(argv[1]), &address), "address");
    must(uv_tcp_init(loop, &listener), "socket");
    must(uv_tcp_bind(&listener, (struct sockaddr *)&address, 0), "bind");
    must(uv_listen((uv_stream_t *)&listener, 128, on_connection), "listen");
    must(uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &size), "address");
    must(uv_signal_init(loop, &interrupt), "signal");
    must(uv_signal_start(&interrupt, on_signal, SIGINT), "signal");
    must(uv_signal_init(loop, &terminate), "signal");
    must(uv_signal_start(&terminate, on_signal, SIGTERM), "signal");
    printf("listening on 127.0.0.1 port %d\n", ntohs(address.sin_port));
    fflush(stdout);

    must(uv_run(loop, UV_RUN_DEFAULT), "run");   /* until no handle is open */
    must(uv_loop_close(loop), "close");
    check(tls_context_free(context), "free the context");
    printf("stopped\n");
    return 0;
}
