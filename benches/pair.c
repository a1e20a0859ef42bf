/*
 * Two secure pairs in one process, wired to each other by their callbacks.
 *
 *   pair full|resumed|records count=N cert=FILE key=FILE [size=16384]
 *
 * The certificate is its own CA: self-signed, for localhost. Prints one line of name=value.
 */
#include "bench.h"

#include <stdbool.h>
#include <tlspair.h>
#include <unistd.h>

#define MAX_SIZE 16384
#define WARM_UP 20

struct pair {
    tls_secure_pair *client;
    tls_secure_pair *server;
};

static tls_context *client_context, *server_context;
static uint8_t *session;
static size_t session_length;
static uint8_t sent[MAX_SIZE];
static size_t received;

static void check(tls_status status, const char *what)
{
    if (status < TLS_OK)
        die("%s: %s", what, tls_error_message(tls_last_error()));
}

static tls_context *new_context(void)
{
    tls_context *context = tls_context_new();
    check(tls_context_set_min_version(context, "TLSv1.3"), "version");
    check(tls_context_set_ciphers(context, "TLS_AES_128_GCM_SHA256"), "ciphers");
    return context;
}

static void make_contexts(const char *cert, const char *key)
{
    server_context = new_context();
    check(tls_context_set_identity_file(server_context, cert, key, NULL), "identity");
    client_context = new_context();
    check(tls_context_add_ca_file(client_context, cert), "CA");
}

static void on_encrypted(tls_secure_pair *pair, const uint8_t *data, size_t length, void *peer)
{
    (void)pair;
    check(tls_secure_pair_feed(peer, data, length, NULL), "feed");
}

static void on_data(tls_secure_pair *pair, const uint8_t *data, size_t length, void *user_data)
{
    (void)pair, (void)data, (void)user_data;
    received += length;
}

static void on_error(tls_secure_pair *pair, const tls_error *error, void *user_data)
{
    (void)pair, (void)user_data;
    die("%s", tls_error_message(error));
}

static struct pair new_pair(void)
{
    struct pair pair = {
        tls_secure_pair_new(client_context, 0, 0, 1),
        tls_secure_pair_new(server_context, 1, 0, 0),
    };
    tls_secure_pair_on_encrypted(pair.client, on_encrypted, pair.server);
    tls_secure_pair_on_encrypted(pair.server, on_encrypted, pair.client);
    tls_secure_pair_on_data(pair.client, on_data, NULL);
    tls_secure_pair_on_data(pair.server, on_data, NULL);
    tls_secure_pair_on_error(pair.client, on_error, NULL);
    tls_secure_pair_on_error(pair.server, on_error, NULL);
    check(tls_secure_pair_set_servername(pair.client, "localhost"), "server name");
    return pair;
}

static void free_pair(struct pair pair)
{
    check(tls_secure_pair_free(pair.client), "free");
    check(tls_secure_pair_free(pair.server), "free");
}

static void handshake(struct pair pair)
{
    check(tls_secure_pair_start(pair.client), "start");
    if (!tls_secure_pair_secure(pair.client) || !tls_secure_pair_secure(pair.server))
        die("the handshake does not end");
}

static void run_handshakes(long count)
{
    for (long i = 0; i < count; i++) {
        struct pair pair = new_pair();
        if (session != NULL)
            check(tls_secure_pair_set_session(pair.client, session, session_length), "session");
        handshake(pair);
        if (session != NULL && !tls_secure_pair_session_reused(pair.client))
            die("not resumed");
        free_pair(pair);
    }
}

static void run_records(struct pair pair, long count, size_t size)
{
    received = 0;
    for (long i = 0; i < count; i++)
        check(tls_secure_pair_write(pair.server, sent, size), "write");
    if (received != size * (size_t)count)
        die("%zu bytes came of %zu", received, size * (size_t)count);
}

static void keep_session(void)
{
    struct pair pair = new_pair();
    handshake(pair);
    run_records(pair, 1, 1);
    const uint8_t *bytes = tls_secure_pair_session(pair.client, &session_length);
    if (bytes == NULL || (session = malloc(session_length)) == NULL)
        die("no session");
    memcpy(session, bytes, session_length);
    free_pair(pair);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        die("usage: pair full|resumed|records count=N cert=FILE key=FILE [size=16384]");
    alarm(LIFETIME_SECONDS);
    const char *mode = argv[1];
    bool records = strcmp(mode, "records") == 0, resumed = strcmp(mode, "resumed") == 0;
    if (!records && !resumed && strcmp(mode, "full") != 0)
        die("unknown mode %s", mode);
    long count = (long)option_number(argc, argv, "count", 1000);
    size_t size = (size_t)option_number(argc, argv, "size", MAX_SIZE);
    if (count < 1 || size < 1 || size > MAX_SIZE)
        die("count or size out of range");
    make_contexts(option_file(argc, argv, "cert"), option_file(argc, argv, "key"));

    double cpu;
    if (records) {
        struct pair pair = new_pair();
        handshake(pair);
        run_records(pair, WARM_UP, size);
        cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
        run_records(pair, count, size);
        cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        free_pair(pair);
    } else {
        if (resumed)
            keep_session();
        run_handshakes(WARM_UP);
        cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
        run_handshakes(count);
        cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    }
    printf("operations=%ld cpu_us=%.4f\n", count, cpu * 1e6 / (double)count);

    free(session);
    tls_context_free(client_context);
    tls_context_free(server_context);
    return 0;
}
