/*
 * TLS without sockets: two secure pairs in one process, wired to each other by callbacks.
 *
 *   pair_memory CERT KEY CA
 *
 * A secure pair turns bytes into bytes: plaintext on one side, encrypted on the other. It knows no
 * socket, no loop and no thread. Here what one pair encrypts is fed to the other at once, so the
 * whole conversation happens inside the call that begins it.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlspair.h>

struct side {
    const char *name;
    tls_secure_pair *pair;
    struct side *other;
    size_t encrypted;   /* bytes that went over the "wire" from here */
    int ended;
    int closed;
};

static void report(const char *what, const tls_error *error) {
    fprintf(stderr, "pair_memory: %s: %s: %s\n", what, tls_error_name(error), tls_error_message(error));
}

static void check(tls_status status, const char *what) {
    if (status < TLS_OK) {
        report(what, tls_last_error());
        exit(1);
    }
}

/* The wire. Feeding a pair that is just in one of its own callbacks is fine: it keeps the bytes and
 * goes on when the callback returns, so the two pairs never recurse into each other. */
static void on_encrypted(tls_secure_pair *pair, const uint8_t *data, size_t length, void *user_data) {
    struct side *side = user_data;
    (void)pair;
    side->encrypted += length;
    check(tls_secure_pair_feed(side->other->pair, data, length, NULL), "feed");
}

static void on_secure(tls_secure_pair *pair, void *user_data) {
    struct side *side = user_data;
    printf("%s: secure, %s, %s\n", side->name, tls_secure_pair_protocol(pair), tls_secure_pair_cipher_name(pair));
}

/* The server answers in upper case, the client prints what it gets and says goodbye. */
static void on_server_data(tls_secure_pair *pair, const uint8_t *data, size_t length, void *user_data) {
    char answer[256];
    (void)user_data;
    if (length > sizeof answer) length = sizeof answer;
    for (size_t i = 0; i < length; i++) answer[i] = (char)toupper(data[i]);
    check(tls_secure_pair_write(pair, answer, length), "write");
}

static void on_client_data(tls_secure_pair *pair, const uint8_t *data, size_t length, void *user_data) {
    (void)user_data;
    printf("client: got \"%.*s\"\n", (int)length, (const char *)data);
    check(tls_secure_pair_end(pair), "end");
}

/* A pair leaves it to us whether our direction ends with the other one. Here it does; for the side
 * that began to end it changes nothing. */
static void on_end(tls_secure_pair *pair, int clean, void *user_data) {
    struct side *side = user_data;
    printf("%s: the other side has ended%s\n", side->name, clean ? "" : " without saying so");
    side->ended = clean;
    check(tls_secure_pair_end(pair), "end");
}

static void on_error(tls_secure_pair *pair, const tls_error *error, void *user_data) {
    struct side *side = user_data;
    (void)pair;
    report(side->name, error);
}

static void on_close(tls_secure_pair *pair, int had_error, void *user_data) {
    struct side *side = user_data;
    (void)pair;
    side->closed = !had_error;
}

static void wire(struct side *side, struct side *other, tls_secure_pair_data_callback on_data) {
    side->other = other;
    check(tls_secure_pair_on_encrypted(side->pair, on_encrypted, side), "on_encrypted");
    check(tls_secure_pair_on_data(side->pair, on_data, side), "on_data");
    check(tls_secure_pair_on_secure(side->pair, on_secure, side), "on_secure");
    check(tls_secure_pair_on_end(side->pair, on_end, side), "on_end");
    check(tls_secure_pair_on_error(side->pair, on_error, side), "on_error");
    check(tls_secure_pair_on_close(side->pair, on_close, side), "on_close");
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s CERT KEY CA\n", argv[0]);
        return 2;
    }
    tls_context *server_context = tls_context_new(), *client_context = tls_context_new();
    check(tls_context_set_identity_file(server_context, argv[1], argv[2], NULL), argv[1]);
    check(tls_context_add_ca_file(client_context, argv[3]), argv[3]);

    /* Arguments: is it the server, does it ask for a certificate, does it refuse what it cannot verify. */
    struct side server = {.name = "server", .pair = tls_secure_pair_new(server_context, 1, 0, 0)};
    struct side client = {.name = "client", .pair = tls_secure_pair_new(client_context, 0, 0, 1)};
    if (server.pair == NULL || client.pair == NULL) check(tls_error_status(tls_last_error()), "pair");
    wire(&server, &client, on_server_data);
    wire(&client, &server, on_client_data);

    /* The name is asked for, and the server's certificate must carry it. */
    check(tls_secure_pair_set_servername(client.pair, "localhost"), "servername");
    const char *question = "hello from memory";
    check(tls_secure_pair_write(client.pair, question, strlen(question)), "write");   /* sent when secure */

    printf("%zu bytes to the server, %zu to the client\n", client.encrypted, server.encrypted);
    check(tls_secure_pair_free(server.pair), "free the server's pair");
    check(tls_secure_pair_free(client.pair), "free the client's pair");
    check(tls_context_free(server_context), "free the server's context");
    check(tls_context_free(client_context), "free the client's context");
    return !(server.ended && client.ended && server.closed && client.closed);
}
