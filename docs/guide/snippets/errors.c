/* errors CERT KEY CA: a client that wants other.example meets localhost, and says all it knows. */
#include "check.h"

/* [show] */
static void show(const tls_error *error) {
    printf("status   %d %s\n", (int)tls_error_status(error), tls_status_name(tls_error_status(error)));
    printf("name     %s\n", tls_error_name(error));
    printf("message  %s\n", tls_error_message(error));
    if (tls_error_errno(error) != 0) printf("errno    %d\n", (int)tls_error_errno(error));
    if (tls_error_verify_subject(error) != NULL)
        printf("certificate %d of the chain: %s\n", (int)tls_error_verify_depth(error),
               tls_error_verify_subject(error));
    for (size_t i = 0; i < tls_error_openssl_count(error); i++)
        printf("openssl  %s\n", tls_error_openssl_text(error, i));
}
/* [] */

static void on_error(tls_stream *stream, const tls_error *error, void *server) {
    printf("-- the client\n");
    show(error);
    tls_server_close(server);
}

static void on_client_error(tls_server *server, const tls_error *error, tls_stream *stream, void *user_data) {
    printf("-- the server\n");
    show(error);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    tls_loop *loop = tls_loop_new();
    tls_context *context = tls_context_new(), *trust = tls_context_new();
    check(tls_context_set_identity_file(context, argv[1], argv[2], NULL), "certificate and key");
    check(tls_context_add_ca_file(trust, argv[3]), "CA");

    tls_server *server = tls_server_new(loop, context);
    check(tls_server_on_client_error(server, on_client_error, NULL), "server");
    check(tls_server_listen(server, 0, "127.0.0.1"), "listen");

    tls_connect_options *options = tls_connect_options_new();
    check(tls_connect_options_set_context(options, trust), "context");
    check(tls_connect_options_set_servername(options, "other.example"), "name");
    tls_stream *stream = tls_connect(loop, tls_server_port(server), "127.0.0.1", options, NULL, NULL);
    check(tls_stream_on_error(stream, on_error, server), "client");
    check(tls_loop_run(loop), "run");

    printf("-- a call that is wrong\n");
    if (tls_stream_write(stream, "x", 1) < TLS_OK) show(tls_last_error());   /* it has closed by now */

    check(tls_connect_options_free(options), "free");
    check(tls_context_free(context), "free");
    check(tls_context_free(trust), "free");
    check(tls_loop_free(loop), "free");
    return 0;
}
