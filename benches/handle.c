/*
 * What a handle costs: nanoseconds for a call through the shared library that looks up a stream and
 * answers one number, and for the same call with the handle of a stream that is gone.
 *
 *   handle cert=FILE key=FILE [calls=1000000]     prints one line of name=value
 */
#include "bench.h"

#include <stdbool.h>
#include <tlspair.h>
#include <unistd.h>

#define REPEATS 15
#define MAX_TURNS 1000

static bool connected, closed;

static void check(tls_status status, const char *what)
{
    if (status < TLS_OK)
        die("%s: %s", what, tls_error_message(tls_last_error()));
}

static void on_secure_connect(tls_stream *stream, void *user_data)
{
    (void)stream, (void)user_data;
    connected = true;
}

static void on_close(tls_stream *stream, int had_error, void *user_data)
{
    (void)stream, (void)had_error, (void)user_data;
    closed = true;
}

static void run_until(tls_loop *loop, const bool *flag)
{
    for (int i = 0; i < MAX_TURNS && !*flag; i++)
        check(tls_loop_run_once(loop, 10), "run");
    if (!*flag)
        die("nothing happens: %s", tls_error_message(tls_last_error()));
}

/* The quietest of several runs: what disturbs only adds. */
static double nanoseconds(const tls_stream *stream, long calls)
{
    double best = 1e9;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        volatile uint64_t seen;
        double time = seconds_of(CLOCK_THREAD_CPUTIME_ID);
        for (long i = 0; i < calls; i++)
            seen = tls_stream_bytes_read(stream);
        time = seconds_of(CLOCK_THREAD_CPUTIME_ID) - time;
        (void)seen;
        if (time * 1e9 / (double)calls < best)
            best = time * 1e9 / (double)calls;
    }
    return best;
}

int main(int argc, char **argv)
{
    alarm(LIFETIME_SECONDS);
    const char *cert = option_file(argc, argv, "cert");
    long calls = (long)option_number(argc, argv, "calls", 1000000);
    tls_loop *loop = tls_loop_new();
    tls_context *context = tls_context_new();
    check(tls_context_set_identity_file(context, cert, option_file(argc, argv, "key"), NULL), "identity");
    tls_server *server = tls_server_new(loop, context);
    check(tls_server_listen(server, 0, "127.0.0.1"), "listen");

    tls_context *trust = tls_context_new();
    check(tls_context_add_ca_file(trust, cert), "CA");
    tls_connect_options *options = tls_connect_options_new();
    check(tls_connect_options_set_context(options, trust), "context");
    check(tls_connect_options_set_servername(options, "localhost"), "server name");
    tls_stream *stream =
        tls_connect(loop, tls_server_port(server), "127.0.0.1", options, on_secure_connect, NULL);
    check(tls_stream_on_close(stream, on_close, NULL), "connect");
    run_until(loop, &connected);

    double live = nanoseconds(stream, calls);
    check(tls_stream_destroy(stream), "destroy");
    run_until(loop, &closed);
    printf("live_ns=%.2f gone_ns=%.2f\n", live, nanoseconds(stream, calls / 10));

    tls_connect_options_free(options);
    tls_context_free(trust);
    tls_context_free(context);
    tls_loop_free(loop);
    return 0;
}
