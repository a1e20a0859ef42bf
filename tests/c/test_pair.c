/* Secure pairs (S40 to S42): push and pull, every split of the bytes, the high-water
 * mark, the end of a conversation. */
#include "pairs.h"

#include <stdlib.h>
#include <string.h>

static tls_context *servers, *clients;

static void make_contexts(const char *version) {
    servers = server_context();
    clients = client_context();
    CHECK_OK(tls_context_set_max_version(servers, version));
}

static void free_contexts(void) {
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
}

static void s42_secure_tells_what_was_agreed(void) {
    static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};
    for (int i = 0; i < 2; i++) {
        struct side client, server;
        make_contexts(versions[i]);
        side_open_client(&client, clients);
        side_open_server(&server, servers);
        CHECK_EQUAL(tls_secure_pair_secure(client.pair), 0);
        shuttle_to_secure(&client, &server);
        CHECK_EQUAL(tls_secure_pair_secure(client.pair), 1);
        CHECK_EQUAL(tls_secure_pair_secure(server.pair), 1);
        CHECK_EQUAL(tls_secure_pair_authorized(client.pair), 1);
        CHECK(tls_secure_pair_authorization_error(client.pair) == NULL);
        /* The server did not ask for a certificate: no authority, and no error either. */
        CHECK_EQUAL(tls_secure_pair_authorized(server.pair), 0);
        CHECK(tls_secure_pair_authorization_error(server.pair) == NULL);
        CHECK(tls_secure_pair_peer_certificate(server.pair) == NULL);
        CHECK_TEXT(tls_secure_pair_protocol(client.pair), versions[i]);
        CHECK_TEXT(tls_secure_pair_protocol(server.pair), versions[i]);
        CHECK_TEXT(tls_secure_pair_cipher_name(client.pair), tls_secure_pair_cipher_name(server.pair));
        CHECK_PART(tls_secure_pair_cipher_standard_name(client.pair), "TLS_");
        CHECK_TEXT(tls_secure_pair_servername(server.pair), "localhost");
        CHECK_EQUAL(tls_secure_pair_session_reused(client.pair), 0);
        tls_certificate *certificate = tls_secure_pair_peer_certificate(client.pair);
        CHECK_TEXT(tls_certificate_subject(certificate), "C=GB\nO=tlspair\nCN=localhost");
        CHECK_PART(tls_certificate_issuer(certificate), "CN=tlspair test intermediate");
        CHECK_EQUAL(strlen(tls_certificate_fingerprint(certificate)), 59);
        CHECK_EQUAL(strlen(tls_certificate_fingerprint256(certificate)), 95);
        CHECK_OK(tls_certificate_free(certificate));
        side_free(&client);
        side_free(&server);
        free_contexts();
    }
}

static void echo(struct side *side, char event, const uint8_t *data, size_t length) {
    if (event == 'd') {
        CHECK(tls_secure_pair_write(side->pair, data, length) >= 0);
    } else if (event == 'e') {
        CHECK_OK(tls_secure_pair_end(side->pair));
    }
}

static const size_t splits[] = {0, 1, 2, 3, 7, 1000};
enum { SPLITS = sizeof splits / sizeof splits[0], TALK = 40000 };

/* One conversation in pieces of this size: written before the handshake, echoed, ended. */
static void converse(size_t split, struct side *client, struct side *server) {
    uint8_t *talk = malloc(TALK);
    fill_pattern(talk, TALK, 0);
    side_open_client(client, clients);
    side_open_server(server, servers);
    server->hook = echo;
    CHECK_OK(tls_secure_pair_set_high_water_mark(client->pair, 1 << 20));
    CHECK_OK(tls_secure_pair_set_high_water_mark(server->pair, 1 << 20));
    CHECK_OK(tls_secure_pair_write(client->pair, talk, 5));
    shuttle(client->pair, server->pair, split);
    CHECK_OK(tls_secure_pair_write(client->pair, talk + 5, TALK - 5));
    CHECK_OK(tls_secure_pair_end(client->pair));
    CHECK_EQUAL(tls_secure_pair_write(client->pair, "x", 1), TLS_ERR_INVALID_STATE);
    shuttle(client->pair, server->pair, split);
    CHECK_EQUAL(server->received, TALK);
    CHECK_EQUAL(client->received, TALK);
    CHECK(!server->pattern_broken && !client->pattern_broken);
    side_free(client);
    side_free(server);
    free(talk);
}

static void s41_every_split_gives_the_same_events(void) {
    static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};
    for (int v = 0; v < 2; v++) {
        struct side client[SPLITS], server[SPLITS];
        make_contexts(versions[v]);
        for (int i = 0; i < SPLITS; i++) {
            converse(splits[i], &client[i], &server[i]);
            CHECK_TEXT(client[i].log, client[0].log);
            CHECK_TEXT(server[i].log, server[0].log);
        }
        CHECK_TEXT(server[0].log, "s d5 d16384 d16384 d7227 e c0");
        CHECK_TEXT(client[0].log, "s d5 d16384 d16384 d7227 e c0");
        free_contexts();
    }
}

/* Output that was shown never changes: nothing is taken back, whatever the size of the buffer. */
static void s41_take_in_any_capacity_gives_the_same_stream(void) {
    make_contexts("TLSv1.3");
    struct side client, server;
    uint8_t bytes[512], once = 0;
    size_t length = 0, total = 0;
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    /* Take starts the handshake. */
    CHECK_OK(tls_secure_pair_take(client.pair, bytes, 0, &length));
    CHECK_EQUAL(length, 0);
    while (tls_secure_pair_take(client.pair, bytes, 1 + total % 5, &length) == TLS_OK && length > 0) {
        if (total == 0) {
            once = bytes[0];
        }
        total += length;
        CHECK_OK(tls_secure_pair_feed(server.pair, bytes, length, NULL));
    }
    CHECK_EQUAL(once, 22);
    CHECK(total > 200);
    shuttle(client.pair, server.pair, 0);
    CHECK_TEXT(client.log, "s");
    CHECK_TEXT(server.log, "s");
    side_free(&client);
    side_free(&server);
    free_contexts();
}

static void feed_the_other(tls_secure_pair *pair, const uint8_t *data, size_t length, void *user_data) {
    (void)pair;
    tls_secure_pair_feed(user_data, data, length, NULL);
}

/* Push in both directions: two pairs wired by callbacks alone. */
static void s41_push_mode(void) {
    make_contexts("TLSv1.3");
    struct side client, server;
    uint8_t talk[3000];
    fill_pattern(talk, sizeof talk, 0);
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    server.hook = echo;
    CHECK_OK(tls_secure_pair_on_encrypted(client.pair, feed_the_other, server.pair));
    CHECK_OK(tls_secure_pair_on_encrypted(server.pair, feed_the_other, client.pair));
    CHECK_OK(tls_secure_pair_start(client.pair));
    CHECK_TEXT(client.log, "s");
    CHECK_TEXT(server.log, "s");
    CHECK_OK(tls_secure_pair_write(client.pair, talk, sizeof talk));
    CHECK_EQUAL(client.received, sizeof talk);
    CHECK_OK(tls_secure_pair_end(client.pair));
    CHECK_TEXT(client.log, "s d3000 e c0");
    CHECK_TEXT(server.log, "s d3000 e c0");
    side_free(&client);
    side_free(&server);
    free_contexts();
}

/* Unread plaintext holds feed back at the mark, and reading lets it go on. */
static void s41_pull_mode_is_bounded_by_the_mark(void) {
    enum { MARK = 20000, WHOLE = 300000 };
    make_contexts("TLSv1.3");
    struct side client, server;
    uint8_t *cipher = malloc(2 * WHOLE), *plain = malloc(WHOLE);
    size_t length = 0, fed = 0, consumed = 0, got = 0;
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    shuttle_to_secure(&client, &server);
    CHECK_OK(tls_secure_pair_on_data(server.pair, NULL, NULL));
    CHECK_OK(tls_secure_pair_set_high_water_mark(server.pair, MARK));
    fill_pattern(plain, WHOLE, 0);
    CHECK_EQUAL(tls_secure_pair_write(client.pair, plain, WHOLE), TLS_FULL);
    CHECK_OK(tls_secure_pair_take(client.pair, cipher, 2 * WHOLE, &length));
    CHECK(length > WHOLE && length < WHOLE + 2000);
    CHECK_EQUAL(client.drains, 1);
    int turns = 0;
    while (got < WHOLE && turns++ < 1000) {
        CHECK_OK(tls_secure_pair_feed(server.pair, cipher + fed, length - fed, &consumed));
        fed += consumed;
        size_t read = 0, before = got;
        do {
            CHECK_OK(tls_secure_pair_read(server.pair, plain + got, 5000, &read));
            CHECK(is_pattern(plain + got, read, got));
            got += read;
        } while (read > 0 && got < WHOLE - 5000);
        /* The mark and one record, no more. */
        CHECK(got - before <= MARK + 16384);
    }
    CHECK_EQUAL(got, WHOLE);
    CHECK_EQUAL(fed, length);
    CHECK(turns > 5);
    free(cipher);
    free(plain);
    side_free(&client);
    side_free(&server);
    free_contexts();
}

/* With `consumed` NULL the pair keeps the rest, and hands it out as it is read. */
static void s41_feed_keeps_the_rest(void) {
    enum { WHOLE = 200000 };
    make_contexts("TLSv1.2");
    struct side client, server;
    uint8_t *cipher = malloc(2 * WHOLE), *plain = calloc(1, WHOLE + 1);
    size_t length = 0, got = 0, read = 0;
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    shuttle_to_secure(&client, &server);
    CHECK_OK(tls_secure_pair_on_data(server.pair, NULL, NULL));
    CHECK_OK(tls_secure_pair_set_high_water_mark(server.pair, 1));
    fill_pattern(plain, WHOLE, 0);
    CHECK_EQUAL(tls_secure_pair_write(client.pair, plain, WHOLE), TLS_FULL);
    CHECK_OK(tls_secure_pair_end(client.pair));
    CHECK_OK(tls_secure_pair_take(client.pair, cipher, 2 * WHOLE, &length));
    CHECK_OK(tls_secure_pair_feed(server.pair, cipher, length, NULL));
    /* The end is told after the last byte was read, not before. */
    CHECK_TEXT(server.log, "s");
    memset(plain, 0, WHOLE);
    while (tls_secure_pair_read(server.pair, plain + got, 1000, &read) == TLS_OK && read > 0) {
        CHECK(got + read == WHOLE || server.ends == 0);
        got += read;
        if (got + 1000 > WHOLE) {
            break;
        }
    }
    CHECK_OK(tls_secure_pair_read(server.pair, plain + got, WHOLE - got, &read));
    got += read;
    CHECK_EQUAL(got, WHOLE);
    CHECK(is_pattern(plain, WHOLE, 0));
    CHECK_TEXT(server.log, "s e");
    free(cipher);
    free(plain);
    side_free(&client);
    side_free(&server);
    free_contexts();
}

static void s41_clean_end_and_truncated_end(void) {
    make_contexts("TLSv1.3");
    for (int clean = 0; clean < 2; clean++) {
        struct side client, server;
        side_open_client(&client, clients);
        side_open_server(&server, servers);
        shuttle_to_secure(&client, &server);
        CHECK_OK(tls_secure_pair_write(client.pair, "x", 1));
        if (clean) {
            CHECK_OK(tls_secure_pair_end(client.pair));
            CHECK_OK(tls_secure_pair_end(client.pair));
        }
        shuttle(client.pair, server.pair, 0);
        CHECK_OK(tls_secure_pair_feed_eof(server.pair));
        CHECK_TEXT(server.log, clean ? "s d1 e c0" : "s d1 E c0");
        CHECK_EQUAL(tls_secure_pair_feed_eof(server.pair), TLS_ERR_INVALID_STATE);
        side_free(&client);
        side_free(&server);
    }
    /* In the middle of the handshake it is an error. */
    struct side client;
    side_open_client(&client, clients);
    CHECK_EQUAL(tls_secure_pair_feed_eof(client.pair), TLS_ERR_RESET);
    CHECK_TEXT(client.log, "x c1");
    CHECK_TEXT(client.error_name, "ECONNRESET");
    side_free(&client);
    free_contexts();
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s42_secure_tells_what_was_agreed);
    RUN(s41_every_split_gives_the_same_events);
    RUN(s41_take_in_any_capacity_gives_the_same_stream);
    RUN(s41_push_mode);
    RUN(s41_pull_mode_is_bounded_by_the_mark);
    RUN(s41_feed_keeps_the_rest);
    RUN(s41_clean_end_and_truncated_end);
    return check_end();
}
