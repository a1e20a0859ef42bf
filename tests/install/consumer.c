/* A program outside the tree: enough calls that every layer of the library has to be linked. It
 * needs no certificate: a pair writes its client hello, and a client finds nobody at its port. */
#include <stdio.h>
#include <string.h>
#include <tlspair.h>

static int fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, tls_error_message(tls_last_error()));
    return 1;
}

static void on_error(tls_stream *stream, const tls_error *error, void *user_data) {
    int *refused = user_data;
    (void)stream;
    *refused = strcmp(tls_error_name(error), "ECONNREFUSED") == 0;
}

int main(void) {
    tls_context *context = tls_context_new();
    tls_secure_pair *pair = tls_secure_pair_new(context, 0, 0, 1);
    char hello[4096];
    size_t length = 0;
    if (tls_secure_pair_set_servername(pair, "localhost") != TLS_OK ||
        tls_secure_pair_take(pair, hello, sizeof hello, &length) != TLS_OK || length == 0) {
        return fail("pair");
    }
    tls_loop *loop = tls_loop_new();
    tls_stream *stream = tls_connect(loop, 1, "127.0.0.1", NULL, NULL, NULL);
    int refused = 0;
    if (tls_stream_on_error(stream, on_error, &refused) != TLS_OK || tls_loop_run(loop) != TLS_OK ||
        !refused) {
        return fail("connect");
    }
    printf("tlspair %s, %s: a client hello of %zu bytes\n", tls_version(), tls_openssl_version(), length);
    return tls_secure_pair_free(pair) != TLS_OK || tls_context_free(context) != TLS_OK ||
           tls_loop_free(loop) != TLS_OK;
}
