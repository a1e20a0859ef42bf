/*
 * TLS echo client: sends a file of any size and writes what comes back to another.
 *
 *   echo_client HOST PORT CA SERVERNAME FILE OUT
 *
 * CA (PEM) is the only root that is trusted. SERVERNAME is the name asked for and the name that the
 * server's certificate must carry. Exit status 0: the server ended its answer properly; comparing
 * the two files is left to the caller.
 */
#include <stdio.h>
#include <stdlib.h>
#include <tlspair.h>

#define CHUNK_SIZE (64 * 1024)
#define IDLE_TIMEOUT_MS (30 * 1000)

struct exchange {
    FILE *source;
    FILE *sink;
    uint64_t sent;
    uint64_t received;
    int failed;
};

static void report(const char *what, const tls_error *error) {
    fprintf(stderr, "echo_client: %s: %s: %s\n", what, tls_error_name(error), tls_error_message(error));
}

static void check(tls_status status, const char *what) {
    if (status < TLS_OK) {
        report(what, tls_last_error());
        exit(1);
    }
}

/* Something that is not the library's fault: say so and drop the connection. */
static void give_up(struct exchange *exchange, tls_stream *stream, const char *why) {
    fprintf(stderr, "echo_client: %s\n", why);
    exchange->failed = 1;
    check(tls_stream_destroy(stream), "destroy");
}

/* Sends until the stream has enough for now. TLS_FULL is no error: everything was taken, but more
 * would only pile up in memory, so the next bytes wait for the drain event. */
static void send_more(tls_stream *stream, void *user_data) {
    static unsigned char chunk[CHUNK_SIZE];
    struct exchange *exchange = user_data;
    tls_status status = TLS_OK;
    while (status == TLS_OK) {
        size_t length = fread(chunk, 1, sizeof chunk, exchange->source);
        if (ferror(exchange->source)) {
            give_up(exchange, stream, "the file cannot be read");
            return;
        }
        if (length == 0) {
            check(tls_stream_end(stream), "end");   /* our side is done; the echo still comes in */
            return;
        }
        status = tls_stream_write(stream, chunk, length);
        check(status, "write");
        exchange->sent += length;
    }
}

/* The certificate and the name are verified when this is called; else there is an error event. */
static void on_secure_connect(tls_stream *stream, void *user_data) {
    printf("secure: %s, %s\n", tls_stream_protocol(stream), tls_stream_cipher_name(stream));
    send_more(stream, user_data);
}

static void on_data(tls_stream *stream, const uint8_t *data, size_t length, void *user_data) {
    struct exchange *exchange = user_data;
    exchange->received += length;
    if (fwrite(data, 1, length, exchange->sink) != length) give_up(exchange, stream, "the answer cannot be written");
}

/* clean is 0 when the connection broke off without TLS's goodbye: bytes may be missing. */
static void on_end(tls_stream *stream, int clean, void *user_data) {
    if (!clean) give_up(user_data, stream, "the answer was cut off");
}

static void on_timeout(tls_stream *stream, void *user_data) {
    give_up(user_data, stream, "the server has been silent for too long");
}

static void on_error(tls_stream *stream, const tls_error *error, void *user_data) {
    struct exchange *exchange = user_data;
    (void)stream;
    exchange->failed = 1;
    report("connection", error);
}

int main(int argc, char **argv) {
    if (argc != 7) {
        fprintf(stderr, "usage: %s HOST PORT CA SERVERNAME FILE OUT\n", argv[0]);
        return 2;
    }
    struct exchange exchange = {.source = fopen(argv[5], "rb"), .sink = fopen(argv[6], "wb")};
    if (exchange.source == NULL || exchange.sink == NULL) {
        perror(exchange.source == NULL ? argv[5] : argv[6]);
        return 1;
    }

    tls_loop *loop = tls_loop_new();
    tls_context *context = tls_context_new();
    tls_connect_options *options = tls_connect_options_new();
    /* Handles that are NULL are refused like any other wrong handle, so the calls below find out. */
    check(tls_context_add_ca_file(context, argv[3]), argv[3]);
    check(tls_connect_options_set_context(options, context), "context");
    check(tls_connect_options_set_servername(options, argv[4]), argv[4]);

    tls_stream *stream = tls_connect(loop, atoi(argv[2]), argv[1], options, on_secure_connect, &exchange);
    if (stream == NULL) {
        report("connect", tls_last_error());
        return 1;
    }
    check(tls_stream_on_drain(stream, send_more, &exchange), "on_drain");
    check(tls_stream_on_data(stream, on_data, &exchange), "on_data");
    check(tls_stream_on_end(stream, on_end, &exchange), "on_end");
    check(tls_stream_on_timeout(stream, on_timeout, &exchange), "on_timeout");
    check(tls_stream_on_error(stream, on_error, &exchange), "on_error");
    check(tls_stream_set_timeout(stream, IDLE_TIMEOUT_MS), "timeout");

    check(tls_loop_run(loop), "run");   /* until the stream is closed: then nothing is left to do */

    /* The stream is gone with its close event. What we made ourselves, we free. */
    check(tls_connect_options_free(options), "free the options");
    check(tls_context_free(context), "free the context");
    check(tls_loop_free(loop), "free the loop");
    fclose(exchange.source);
    if (fclose(exchange.sink) != 0) {
        perror(argv[6]);
        return 1;
    }
    if (exchange.failed) return 1;
    printf("sent %llu bytes, received %llu\n", (unsigned long long)exchange.sent, (unsigned long long)exchange.received);
    return exchange.sent != exchange.received;
}
