/* send_large PORT CERT KEY MEGABYTES: sends that much to each client, out of little memory. */
#include <string.h>
#include "check.h"

static size_t total;

/* [drain] */
static void send_more(tls_stream *stream, void *user_data) {
    size_t *sent = user_data;
    static unsigned char chunk[65536];
    tls_status status = TLS_OK;
    while (*sent < total && status == TLS_OK) {
        memset(chunk, (int)(*sent >> 16), sizeof chunk);
        status = tls_stream_write(stream, chunk, sizeof chunk);
        *sent += sizeof chunk;   /* taken in either case; TLS_FULL: go on when it has drained */
    }
    if (*sent >= total || status < TLS_OK) tls_stream_end(stream);
}

static void on_connection(tls_server *server, tls_stream *stream, void *user_data) {
    size_t *sent = calloc(1, sizeof *sent);
    if (sent == NULL) {
        tls_stream_destroy(stream);
        return;
    }
    tls_stream_set_user_data(stream, sent, free);
    tls_stream_on_drain(stream, send_more, sent);
    send_more(stream, sent);
}
/* [] */

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    total = (size_t)atoi(argv[4]) << 20;
    tls_loop *loop = tls_loop_new();
    tls_context *context = tls_context_new();
    check(tls_context_set_identity_file(context, argv[2], argv[3], NULL), "certificate and key");
    tls_server *server = tls_server_new(loop, context);
    check(tls_server_on_secure_connection(server, on_connection, NULL), "server");
    check(tls_server_listen(server, atoi(argv[1]), "127.0.0.1"), "listen");
    printf("listening on port %d\n", (int)tls_server_port(server));
    fflush(stdout);
    check(tls_loop_run(loop), "run");
    return 0;
}
