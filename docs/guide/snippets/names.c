/* names PORT CERT KEY OTHER_CERT OTHER_KEY: several hosts on one port. */
#include <string.h>
#include "check.h"

static void on_connection(tls_server *server, tls_stream *stream, void *user_data) {
    const char *name = tls_stream_servername(stream);
    if (name == NULL) name = "no name";
    tls_stream_write(stream, name, strlen(name));
    tls_stream_end(stream);
}

/* [decide] */
/* In place of the table: here, later, or on another thread that looks into a database. */
static void on_sni(tls_server *server, tls_stream *stream, const char *name, tls_request *request, void *user_data) {
    if (strcmp(name, "localhost") == 0)
        tls_request_resolve_context(request, user_data);
    else
        tls_request_reject(request, "no such host here");
}
/* [] */

int main(int argc, char **argv) {
    if (argc != 6) return 2;
    tls_loop *loop = tls_loop_new();
    tls_context *first = tls_context_new(), *other = tls_context_new();
    check(tls_context_set_identity_file(first, argv[2], argv[3], NULL), "certificate and key");
    check(tls_context_set_identity_file(other, argv[4], argv[5], NULL), "the others");

    /* [table] */
    tls_server *server = tls_server_new(loop, first);   /* for clients that ask for no name, or an unknown one */
    check(tls_server_add_context(server, "other.example", other), "add");
    check(tls_server_add_context(server, "*.other.example", other), "add");
    /* [] */
    if (getenv("DECIDE") != NULL) check(tls_server_on_sni(server, on_sni, first), "on_sni");
    check(tls_server_on_secure_connection(server, on_connection, NULL), "server");
    check(tls_server_listen(server, atoi(argv[1]), "127.0.0.1"), "listen");
    printf("listening on port %d\n", (int)tls_server_port(server));
    fflush(stdout);
    check(tls_loop_run(loop), "run");
    return 0;
}
