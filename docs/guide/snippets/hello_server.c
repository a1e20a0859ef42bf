/* hello_server PORT CERT KEY: greets each client, then sends back what it says. */
#include "check.h"

static void on_connection(tls_server *server, tls_stream *stream, void *user_data) {
    tls_stream_write(stream, "hello\n", 6);
    tls_stream_pipe(stream, stream);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
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
