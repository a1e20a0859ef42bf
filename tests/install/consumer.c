/* A program outside the tree: enough calls that every layer of the library has to be linked. */
#include <stdio.h>
#include <tlspair.h>

int main(void) {
    tls_loop *loop = tls_loop_new();
    tls_context *context = tls_context_new();
    tls_server *server = tls_server_new(loop, context);
    if (server == NULL || tls_server_listen(server, 0, "127.0.0.1") != TLS_OK) {
        fprintf(stderr, "%s\n", tls_error_message(tls_last_error()));
        return 1;
    }
    printf("tlspair %s, %s, listening on port %d\n", tls_version(), tls_openssl_version(),
           (int)tls_server_port(server));
    tls_server_close(server);
    if (tls_loop_run(loop) != TLS_OK) {
        return 1;
    }
    return tls_context_free(context) != TLS_OK || tls_loop_free(loop) != TLS_OK;
}
