/* hello_client HOST PORT CA NAME: says one line, shows what comes back. */
#include "check.h"

/* The server's certificate and its name are verified by now. */
static void on_secure_connect(tls_stream *stream, void *user_data) {
    printf("%s, %s\n", tls_stream_protocol(stream), tls_stream_cipher_name(stream));
    tls_stream_write(stream, "how are you?\n", 13);
    tls_stream_end(stream);   /* that was all; the answer still comes */
}

static void on_data(tls_stream *stream, const uint8_t *data, size_t length, void *user_data) {
    fwrite(data, 1, length, stdout);
}

static void on_error(tls_stream *stream, const tls_error *error, void *user_data) {
    fprintf(stderr, "%s: %s\n", tls_error_name(error), tls_error_message(error));
}

static void on_close(tls_stream *stream, int had_error, void *user_data) {
    *(int *)user_data = had_error;
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    tls_loop *loop = tls_loop_new();
    tls_context *context = tls_context_new();
    check(tls_context_add_ca_file(context, argv[3]), "CA");
    tls_connect_options *options = tls_connect_options_new();
    check(tls_connect_options_set_context(options, context), "context");
    check(tls_connect_options_set_servername(options, argv[4]), "name");

    int failed = 0;
    tls_stream *stream = tls_connect(loop, atoi(argv[2]), argv[1], options, on_secure_connect, NULL);
    check(tls_stream_on_data(stream, on_data, NULL), "client");
    check(tls_stream_on_error(stream, on_error, NULL), "client");
    check(tls_stream_on_close(stream, on_close, &failed), "client");
    check(tls_loop_run(loop), "run");   /* returns when nothing is left to do */

    check(tls_connect_options_free(options), "free");
    check(tls_context_free(context), "free");
    check(tls_loop_free(loop), "free");
    return failed;
}
