/* resume HOST PORT CA NAME: connects twice, the second time with the session of the first. */
#include <string.h>
#include "check.h"

/* [session] */
struct session {
    uint8_t bytes[8192];
    size_t length;
};

/* With TLS 1.3 it comes after the handshake, once for each ticket; the newest will do. */
static void on_session(tls_stream *stream, const uint8_t *data, size_t length, void *user_data) {
    struct session *session = user_data;
    if (length > sizeof session->bytes) return;
    memcpy(session->bytes, data, length);   /* secret: keep it as you would keep a private key */
    session->length = length;
}
/* [] */

static void on_secure_connect(tls_stream *stream, void *user_data) {
    printf("%s\n", tls_stream_session_reused(stream) ? "resumed" : "full handshake");
}

/* The tickets came before the server's first data. */
static void on_data(tls_stream *stream, const uint8_t *data, size_t length, void *user_data) {
    tls_stream_end(stream);
}

static void on_error(tls_stream *stream, const tls_error *error, void *user_data) {
    fprintf(stderr, "%s: %s\n", tls_error_name(error), tls_error_message(error));
    exit(1);
}

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    static struct session session;
    tls_loop *loop = tls_loop_new();
    tls_context *context = tls_context_new();
    check(tls_context_add_ca_file(context, argv[3]), "CA");
    tls_connect_options *options = tls_connect_options_new();
    check(tls_connect_options_set_context(options, context), "context");
    check(tls_connect_options_set_servername(options, argv[4]), "name");
    for (int i = 0; i < 2; i++) {
        /* [offer] */
        check(tls_connect_options_set_session(options, session.bytes, session.length), "session");
        tls_stream *stream = tls_connect(loop, atoi(argv[2]), argv[1], options, on_secure_connect, NULL);
        check(tls_stream_on_session(stream, on_session, &session), "client");
        /* [] */
        check(tls_stream_on_data(stream, on_data, NULL), "client");
        check(tls_stream_on_error(stream, on_error, NULL), "client");
        check(tls_loop_run(loop), "run");
    }
    check(tls_connect_options_free(options), "free");
    check(tls_context_free(context), "free");
    check(tls_loop_free(loop), "free");
    return 0;
}
