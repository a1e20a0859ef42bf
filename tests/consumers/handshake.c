/* What every project here builds: a TLS server and its client in one program, over loopback. The
 * client sends a line, gets it back over a connection that is encrypted and verified, and both end.
 *
 *   handshake CERT KEY CA
 *
 * C and C++ take this file alike. */
#include <stdio.h>
#include <string.h>
#include <tlspair.h>

#define LINE "hello over TLS\n"

struct talk {
    tls_server *server;
    char answer[64];
    size_t length;
    int clean;
};

static int failed(const char *what, const tls_error *error) {
    fprintf(stderr, "%s: %s: %s\n", what, tls_error_name(error), tls_error_message(error));
    return 1;
}

/* An echo server. */
static void on_connection(tls_server *server, tls_stream *stream, void *user_data) {
    (void)server;
    (void)user_data;
    tls_stream_pipe(stream, stream);
}

static void on_secure(tls_stream *stream, void *user_data) {
    (void)user_data;
    printf("tlspair %s, %s: %s\n", tls_version(), tls_openssl_version(), tls_stream_protocol(stream));
    tls_stream_write(stream, LINE, strlen(LINE));
    tls_stream_end(stream);
}

static void on_data(tls_stream *stream, const uint8_t *data, size_t length, void *user_data) {
    struct talk *talk = (struct talk *)user_data;
    (void)stream;
    if (length > sizeof talk->answer - talk->length) return;
    memcpy(talk->answer + talk->length, data, length);
    talk->length += length;
}

static void on_end(tls_stream *stream, int clean, void *user_data) {
    (void)stream;
    ((struct talk *)user_data)->clean = clean;
}

static void on_error(tls_stream *stream, const tls_error *error, void *user_data) {
    (void)stream;
    (void)user_data;
    failed("connection", error);
}

static void on_close(tls_stream *stream, int had_error, void *user_data) {
    (void)stream;
    (void)had_error;
    tls_server_close(((struct talk *)user_data)->server);   /* and with it the loop has nothing left */
}

int main(int argc, char **argv) {
    struct talk talk;
    tls_loop *loop = tls_loop_new();
    tls_context *ours = tls_context_new();
    tls_context *theirs = tls_context_new();
    tls_connect_options *options = tls_connect_options_new();
    tls_stream *client;
    memset(&talk, 0, sizeof talk);
    if (argc != 4) return 2;
    if (tls_context_set_cert_file(ours, argv[1]) != TLS_OK || tls_context_set_key_file(ours, argv[2], NULL) != TLS_OK ||
        tls_context_add_ca_file(theirs, argv[3]) != TLS_OK ||
        tls_connect_options_set_context(options, theirs) != TLS_OK ||
        tls_connect_options_set_servername(options, "localhost") != TLS_OK) {
        return failed("settings", tls_last_error());
    }
    talk.server = tls_server_new(loop, ours);
    if (tls_server_on_secure_connection(talk.server, on_connection, NULL) != TLS_OK ||
        tls_server_listen(talk.server, 0, "127.0.0.1") != TLS_OK) {
        return failed("listen", tls_last_error());
    }
    client = tls_connect(loop, tls_server_port(talk.server), "127.0.0.1", options, on_secure, &talk);
    if (tls_stream_on_data(client, on_data, &talk) != TLS_OK || tls_stream_on_end(client, on_end, &talk) != TLS_OK ||
        tls_stream_on_error(client, on_error, &talk) != TLS_OK ||
        tls_stream_on_close(client, on_close, &talk) != TLS_OK || tls_loop_run(loop) != TLS_OK) {
        return failed("connect", tls_last_error());
    }
    tls_connect_options_free(options);
    tls_context_free(ours);
    tls_context_free(theirs);
    tls_loop_free(loop);
    if (!talk.clean || talk.length != strlen(LINE) || memcmp(talk.answer, LINE, talk.length) != 0) {
        fprintf(stderr, "the line did not come back\n");
        return 1;
    }
    return 0;
}
