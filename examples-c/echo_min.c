/*
 * A TLS server in 15 lines: greets everybody, then sends back what it receives.
 *
 * It wants server-cert.pem and server-key.pem in the current directory; scripts/make-certs makes
 * some. A client: openssl s_client -quiet -connect 127.0.0.1:8000
 */
#include <stdio.h>
#include <tlspair.h>

static void on_connection(tls_server *server, tls_stream *stream, void *user_data) {
    tls_stream_write(stream, "welcome!\n", 9);
    tls_stream_pipe(stream, stream);
}

int main(void) {
    tls_loop *loop = tls_loop_new();
    tls_context *context = tls_context_new();
    tls_context_set_cert_file(context, "server-cert.pem");
    tls_context_set_key_file(context, "server-key.pem", NULL);
    tls_server *server = tls_server_new(loop, context);
    tls_server_on_secure_connection(server, on_connection, NULL);
    if (tls_server_listen(server, 8000, "127.0.0.1") != TLS_OK) {
        fprintf(stderr, "%s\n", tls_error_message(tls_last_error()));
        return 1;
    }
    return tls_loop_run(loop);
}
