/* client HOST PORT CA NAME CERT KEY: shows a certificate of its own, sends lines, reads the answer. */
#include "check.h"

/* [end] */
/* clean is 0 if the connection broke off without TLS's goodbye: the answer may be cut short. */
static void on_end(tls_stream *stream, int clean, void *user_data) {
    int *complete = user_data;
    *complete = clean;
}
/* [] */

static void on_secure_connect(tls_stream *stream, void *user_data) {
    tls_stream_write(stream, "one\ntwo\n", 8);
    tls_stream_end(stream);
}

static void on_data(tls_stream *stream, const uint8_t *data, size_t length, void *user_data) {
    fwrite(data, 1, length, stdout);
}

static void on_timeout(tls_stream *stream, void *user_data) {
    fprintf(stderr, "the server has been silent for too long\n");
    tls_stream_destroy(stream);
}

/* [error] */
static void on_error(tls_stream *stream, const tls_error *error, void *user_data) {
    switch (tls_error_status(error)) {
        case TLS_ERR_RESOLVE:
        case TLS_ERR_CONNECT:
        case TLS_ERR_RESET: fprintf(stderr, "try again later: "); break;
        case TLS_ERR_VERIFY: fprintf(stderr, "this is not the server, or it is badly set up: "); break;
        default: break;
    }
    fprintf(stderr, "%s: %s\n", tls_error_name(error), tls_error_message(error));
}
/* [] */

int main(int argc, char **argv) {
    if (argc != 7) return 2;
    tls_loop *loop = tls_loop_new();

    /* [context] */
    tls_context *context = tls_context_new();
    check(tls_context_add_ca_file(context, argv[3]), "CA");   /* these alone, not the well-known roots */
    check(tls_context_set_identity_file(context, argv[5], argv[6], NULL), "certificate and key");
    check(tls_context_set_min_version(context, "TLSv1.3"), "version");
    /* [] */

    /* [connect] */
    tls_connect_options *options = tls_connect_options_new();
    check(tls_connect_options_set_context(options, context), "context");
    check(tls_connect_options_set_servername(options, argv[4]), "name");

    int complete = 0;
    tls_stream *stream = tls_connect(loop, atoi(argv[2]), argv[1], options, on_secure_connect, NULL);
    if (stream == NULL) check(tls_error_status(tls_last_error()), "connect");
    check(tls_connect_options_free(options), "free");   /* read by now */
    check(tls_context_free(context), "free");           /* the stream keeps what it needs */
    check(tls_stream_on_data(stream, on_data, NULL), "client");
    check(tls_stream_on_end(stream, on_end, &complete), "client");
    check(tls_stream_on_error(stream, on_error, NULL), "client");
    check(tls_stream_on_timeout(stream, on_timeout, NULL), "client");
    check(tls_stream_set_timeout(stream, 10 * 1000), "client");
    check(tls_loop_run(loop), "run");
    /* [] */
    check(tls_loop_free(loop), "free");
    return !complete;
}
