/*
 * The baseline of pair.c: client and server in one process over OpenSSL's memory BIOs, in a plain loop.
 *
 *   pair_raw full|resumed|records count=N cert=FILE key=FILE [size=16384] [serialised=1]
 *
 * With serialised=1 a session is resumed from bytes, as it must be when it was stored.
 * The certificate is its own CA: self-signed, for localhost. Prints one line of name=value.
 */
#include "bench.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <unistd.h>

#define MAX_SIZE 16384
#define WARM_UP 20
#define HANDSHAKE_ROUNDS 10

struct pair {
    SSL *client;
    SSL *server;
};

static SSL_CTX *client_context, *server_context;
static SSL_SESSION *session;
static unsigned char *serialised;
static int serialised_length;
static unsigned char sent[MAX_SIZE], received[MAX_SIZE];

static int on_new_session(SSL *ssl, SSL_SESSION *made)
{
    (void)ssl;
    SSL_SESSION_free(session);
    session = made;
    return 1;
}

static SSL_CTX *new_context(const SSL_METHOD *method)
{
    SSL_CTX *context = SSL_CTX_new(method);
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") != 1)
        die("no context");
    return context;
}

static void make_contexts(const char *cert, const char *key)
{
    server_context = new_context(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(server_context, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(server_context, key, SSL_FILETYPE_PEM) != 1)
        die("cannot use %s with %s", cert, key);
    SSL_CTX_set_session_id_context(server_context, (const unsigned char *)"bench", 5);

    client_context = new_context(TLS_client_method());
    if (SSL_CTX_load_verify_file(client_context, cert) != 1)
        die("cannot trust %s", cert);
    SSL_CTX_set_verify(client_context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(client_context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client_context, on_new_session);
}

/* Each side writes into the BIO that the other reads. */
static struct pair new_pair(void)
{
    struct pair pair = {SSL_new(client_context), SSL_new(server_context)};
    BIO *to_server = BIO_new(BIO_s_mem()), *to_client = BIO_new(BIO_s_mem());
    if (pair.client == NULL || pair.server == NULL || to_server == NULL || to_client == NULL)
        die("out of memory");
    BIO_set_mem_eof_return(to_server, -1);
    BIO_set_mem_eof_return(to_client, -1);
    BIO_up_ref(to_server);
    BIO_up_ref(to_client);
    SSL_set_bio(pair.client, to_client, to_server);
    SSL_set_bio(pair.server, to_server, to_client);
    SSL_set_accept_state(pair.server);
    SSL_set_connect_state(pair.client);
    SSL_set_tlsext_host_name(pair.client, "localhost");
    SSL_set1_host(pair.client, "localhost");
    return pair;
}

static void free_pair(struct pair pair)
{
    /* So that the session stays good without a close_notify. */
    SSL_set_shutdown(pair.client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_set_shutdown(pair.server, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(pair.client);
    SSL_free(pair.server);
}

static bool step(SSL *ssl)
{
    int result = SSL_do_handshake(ssl);
    if (result != 1 && SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ) {
        ERR_print_errors_fp(stderr);
        die("handshake failed");
    }
    return result == 1;
}

static void handshake(struct pair pair)
{
    bool client_done = false, server_done = false;
    for (int i = 0; !client_done || !server_done; i++) {
        if (i == HANDSHAKE_ROUNDS)
            die("the handshake does not end");
        client_done = client_done || step(pair.client);
        server_done = server_done || step(pair.server);
    }
    /* The tickets. */
    if (SSL_read(pair.client, received, 1) > 0)
        die("data before any was sent");
}

static void set_session(SSL *client)
{
    if (serialised == NULL) {
        SSL_set_session(client, session);
        return;
    }
    const unsigned char *bytes = serialised;
    SSL_SESSION *parsed = d2i_SSL_SESSION(NULL, &bytes, serialised_length);
    if (parsed == NULL)
        die("the session cannot be parsed");
    SSL_set_session(client, parsed);
    SSL_SESSION_free(parsed);
}

static void run_handshakes(long count, bool resumed)
{
    for (long i = 0; i < count; i++) {
        struct pair pair = new_pair();
        if (resumed)
            set_session(pair.client);
        handshake(pair);
        if (resumed && !SSL_session_reused(pair.client))
            die("not resumed");
        free_pair(pair);
    }
}

static void keep_session(bool serialise)
{
    run_handshakes(1, false);
    if (session == NULL)
        die("no session");
    if (serialise && (serialised_length = i2d_SSL_SESSION(session, &serialised)) <= 0)
        die("the session cannot be serialised");
}

static void run_records(struct pair pair, long count, int size)
{
    for (long i = 0; i < count; i++) {
        if (SSL_write(pair.server, sent, size) != size)
            die("a record could not be written");
        if (SSL_read(pair.client, received, sizeof received) != size)
            die("a record could not be read");
    }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        die("usage: pair_raw full|resumed|records count=N cert=FILE key=FILE [size=16384] [serialised=1]");
    alarm(LIFETIME_SECONDS);
    const char *mode = argv[1];
    bool records = strcmp(mode, "records") == 0, resumed = strcmp(mode, "resumed") == 0;
    if (!records && !resumed && strcmp(mode, "full") != 0)
        die("unknown mode %s", mode);
    long count = (long)option_number(argc, argv, "count", 1000);
    int size = (int)option_number(argc, argv, "size", MAX_SIZE);
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
            keep_session(option_number(argc, argv, "serialised", 0) != 0);
        run_handshakes(WARM_UP, resumed);
        cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
        run_handshakes(count, resumed);
        cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    }
    printf("operations=%ld cpu_us=%.4f\n", count, cpu * 1e6 / (double)count);

    OPENSSL_free(serialised);
    SSL_SESSION_free(session);
    SSL_CTX_free(client_context);
    SSL_CTX_free(server_context);
    return 0;
}
