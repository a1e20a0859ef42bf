/* Renegotiation (S02, S86): what is allowed and counted, data in flight meanwhile, and the way out. */
#include "pairs.h"

#include <stdio.h>
#include <string.h>

static tls_context *servers, *clients;

static void make_contexts(const char *version) {
    servers = server_context();
    clients = client_context();
    CHECK_OK(tls_context_set_max_version(clients, version));
}

static void free_contexts(void) {
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
}

static void open_sides(struct side *client, struct side *server, const char *version) {
    make_contexts(version);
    side_open_client(client, clients);
    side_open_server(server, servers);
}

static void free_sides(struct side *client, struct side *server) {
    side_free(client);
    side_free(server);
    free_contexts();
}

static void count_pair(tls_secure_pair *pair, void *user_data) {
    CHECK(pair != NULL);
    ++*(int *)user_data;
}

static void count_stream(tls_stream *stream, void *user_data) {
    CHECK(stream != NULL);
    ++*(int *)user_data;
}

/* Three times, also with writes before, in the middle and after; then the fourth ends it. */
static void s02_three_and_no_more(void) {
    struct side client, server;
    int done = 0;
    uint8_t bytes[3000];
    open_sides(&client, &server, "TLSv1.2");
    shuttle_to_secure(&client, &server);
    size_t sent = 0;
    for (int turn = 1; turn <= 3; turn++) {
        fill_pattern(bytes, sizeof bytes, sent);
        CHECK_OK(tls_secure_pair_write(client.pair, bytes, 1000));
        CHECK_OK(tls_secure_pair_write(server.pair, bytes, 1000));
        CHECK_OK(tls_secure_pair_renegotiate(client.pair, count_pair, &done));
        /* While it is under way: queued. */
        CHECK_OK(tls_secure_pair_write(client.pair, bytes + 1000, 1000));
        CHECK_OK(tls_secure_pair_write(server.pair, bytes + 1000, 1000));
        CHECK_EQUAL(tls_secure_pair_renegotiate(client.pair, count_pair, &done), TLS_ERR_INVALID_STATE);
        shuttle(client.pair, server.pair, turn == 1 ? 1 : 0);
        CHECK_EQUAL(done, turn);
        CHECK_OK(tls_secure_pair_write(client.pair, bytes + 2000, 1000));
        CHECK_OK(tls_secure_pair_write(server.pair, bytes + 2000, 1000));
        shuttle(client.pair, server.pair, 0);
        sent += sizeof bytes;
        CHECK_EQUAL(client.received, sent);
        CHECK_EQUAL(server.received, sent);
        CHECK(!client.pattern_broken && !server.pattern_broken);
        CHECK_EQUAL(tls_secure_pair_authorized(client.pair), 1);
    }
    CHECK_OK(tls_secure_pair_renegotiate(client.pair, count_pair, &done));
    shuttle(client.pair, server.pair, 0);
    CHECK_EQUAL(done, 3);
    CHECK_EQUAL(server.errors, 1);
    CHECK_EQUAL(server.closes, 1);
    CHECK_TEXT(server.error_name, "ERR_TLS_SESSION_ATTACK");
    CHECK_PART(server.error_message, "TLS session renegotiation attack");
    CHECK_EQUAL(client.errors, 1);
    CHECK_TEXT(client.error_name, "ERR_SSL_TLSV1_ALERT_NO_RENEGOTIATION");
    free_sides(&client, &server);
}

static void s02_other_limits(void) {
    struct side client, server;
    int done = 0;
    /* None. */
    open_sides(&client, &server, "TLSv1.2");
    CHECK_EQUAL(tls_secure_pair_set_client_renegotiation(server.pair, 1, 0), TLS_ERR_INVALID_ARGUMENT);
    CHECK_OK(tls_secure_pair_set_client_renegotiation(server.pair, 0, TLS_CLIENT_RENEG_WINDOW_MS));
    shuttle_to_secure(&client, &server);
    CHECK_OK(tls_secure_pair_renegotiate(client.pair, NULL, NULL));
    shuttle(client.pair, server.pair, 0);
    CHECK_TEXT(server.error_name, "ERR_TLS_SESSION_ATTACK");
    free_sides(&client, &server);
    /* More, set on the open connection. */
    open_sides(&client, &server, "TLSv1.2");
    shuttle_to_secure(&client, &server);
    CHECK_OK(tls_secure_pair_set_client_renegotiation(server.pair, 20, TLS_CLIENT_RENEG_WINDOW_MS));
    for (int turn = 0; turn < 20; turn++) {
        CHECK_OK(tls_secure_pair_renegotiate(client.pair, count_pair, &done));
        shuttle(client.pair, server.pair, 0);
    }
    CHECK_EQUAL(done, 20);
    CHECK_EQUAL(server.errors + client.errors, 0);
    free_sides(&client, &server);
    /* The window slides: what is older does not count. */
    open_sides(&client, &server, "TLSv1.2");
    CHECK_OK(tls_secure_pair_set_client_renegotiation(server.pair, 1, 1));
    shuttle_to_secure(&client, &server);
    for (int turn = 0; turn < 3; turn++) {
        sleep_ms(2);
        CHECK_OK(tls_secure_pair_renegotiate(client.pair, NULL, NULL));
        shuttle(client.pair, server.pair, 0);
        CHECK_EQUAL(server.errors, 0);
    }
    free_sides(&client, &server);
}

/* The server asks, the client begins: that is not the client's doing. */
static void s86_a_server_asks_for_it(void) {
    struct side client, server;
    int done = 0;
    open_sides(&client, &server, "TLSv1.2");
    CHECK_OK(tls_secure_pair_set_client_renegotiation(server.pair, 0, 1000));
    CHECK_OK(tls_secure_pair_set_client_renegotiation(client.pair, 5, 100000));
    shuttle_to_secure(&client, &server);
    for (int turn = 1; turn <= 5; turn++) {
        CHECK_OK(tls_secure_pair_renegotiate(server.pair, count_pair, &done));
        CHECK_OK(tls_secure_pair_write(server.pair, "x", 1));
        shuttle(client.pair, server.pair, 0);
        CHECK_EQUAL(done, turn);
        CHECK_EQUAL(client.received, turn);
    }
    CHECK_EQUAL(server.errors + client.errors, 0);
    /* c061: a server that asks again and again is ended by the client. */
    CHECK_OK(tls_secure_pair_renegotiate(server.pair, count_pair, &done));
    shuttle(client.pair, server.pair, 0);
    CHECK_EQUAL(client.errors, 1);
    CHECK_TEXT(client.error_name, "ERR_TLS_SESSION_ATTACK");
    free_sides(&client, &server);
}

static void s86_disabled(void) {
    for (int by_client = 0; by_client <= 1; by_client++) {
        struct side client, server;
        open_sides(&client, &server, "TLSv1.2");
        struct side *begins = by_client ? &client : &server, *refuses = by_client ? &server : &client;
        CHECK_EQUAL(tls_secure_pair_disable_renegotiation(refuses->pair), TLS_ERR_INVALID_STATE);
        shuttle_to_secure(&client, &server);
        CHECK_OK(tls_secure_pair_disable_renegotiation(refuses->pair));
        CHECK_OK(tls_secure_pair_disable_renegotiation(refuses->pair));
        CHECK_OK(tls_secure_pair_renegotiate(begins->pair, NULL, NULL));
        shuttle(client.pair, server.pair, 0);
        CHECK_EQUAL(refuses->errors, 1);
        CHECK_EQUAL(refuses->closes, 1);
        CHECK_TEXT(refuses->error_name, "ERR_TLS_RENEGOTIATION_DISABLED");
        free_sides(&client, &server);
    }
}

static void s86_where_there_is_none(void) {
    struct side client, server;
    open_sides(&client, &server, "TLSv1.3");
    CHECK_EQUAL(tls_secure_pair_renegotiate(client.pair, NULL, NULL), TLS_ERR_INVALID_STATE);
    shuttle_to_secure(&client, &server);
    CHECK_EQUAL(tls_secure_pair_renegotiate(client.pair, NULL, NULL), TLS_ERR_NOT_SUPPORTED);
    CHECK_TEXT(tls_error_name(tls_last_error()), "ERR_SSL_WRONG_SSL_VERSION");
    CHECK_EQUAL(tls_secure_pair_renegotiate(server.pair, NULL, NULL), TLS_ERR_NOT_SUPPORTED);
    /* It goes on as if nothing had been asked. */
    CHECK_OK(tls_secure_pair_write(client.pair, "x", 1));
    shuttle(client.pair, server.pair, 0);
    CHECK_EQUAL(server.received, 1);
    CHECK_OK(tls_secure_pair_end(client.pair));
    CHECK_EQUAL(tls_secure_pair_renegotiate(client.pair, NULL, NULL), TLS_ERR_INVALID_STATE);
    free_sides(&client, &server);
}

static void renegotiate_inside(struct side *side, char event, const uint8_t *data, size_t length) {
    if (event == 'd') {
        CHECK_EQUAL(tls_secure_pair_renegotiate(side->pair, NULL, NULL), TLS_ERR_BUSY);
    }
}

static void s86_not_inside_a_pairs_callback(void) {
    struct side client, server;
    open_sides(&client, &server, "TLSv1.2");
    shuttle_to_secure(&client, &server);
    client.hook = renegotiate_inside;
    CHECK_OK(tls_secure_pair_write(server.pair, "x", 1));
    shuttle(client.pair, server.pair, 0);
    CHECK_EQUAL(client.received, 1);
    free_sides(&client, &server);
}

/* An end in the middle of it waits for it. */
static void s86_end_while_it_is_under_way(void) {
    struct side client, server;
    int done = 0;
    open_sides(&client, &server, "TLSv1.2");
    shuttle_to_secure(&client, &server);
    CHECK_OK(tls_secure_pair_renegotiate(client.pair, count_pair, &done));
    CHECK_OK(tls_secure_pair_write(client.pair, "last", 4));
    CHECK_OK(tls_secure_pair_end(client.pair));
    shuttle(client.pair, server.pair, 0);
    CHECK_EQUAL(done, 1);
    CHECK_TEXT(server.log, "s d4 e");
    CHECK_OK(tls_secure_pair_end(server.pair));
    shuttle(client.pair, server.pair, 0);
    CHECK_TEXT(client.log, "s e c0");
    free_sides(&client, &server);
}

/* What getters answered before a renegotiation can still be read after it. */
static void s86_texts_of_before_stay_valid(void) {
    struct side client, server;
    open_sides(&client, &server, "TLSv1.2");
    shuttle_to_secure(&client, &server);
    const char *cipher = tls_secure_pair_cipher_name(client.pair);
    char before[64];
    snprintf(before, sizeof before, "%s", cipher);
    for (int turn = 0; turn < 3; turn++) {
        CHECK_OK(tls_secure_pair_renegotiate(client.pair, NULL, NULL));
        shuttle(client.pair, server.pair, 0);
        CHECK_TEXT(tls_secure_pair_cipher_name(client.pair), before);
        CHECK_TEXT(cipher, before);
    }
    free_sides(&client, &server);
}

/* Over sockets: both sides write all the time, while client and server renegotiate in turn. */
#define BULK ((size_t)4 << 20)

struct sender {
    struct witness *witness;
    size_t sent;
};

static void send_more(struct sender *sender) {
    static uint8_t bytes[16384];
    while (sender->sent < BULK) {
        fill_pattern(bytes, sizeof bytes, sender->sent);
        tls_status status = tls_stream_write(sender->witness->stream, bytes, sizeof bytes);
        sender->sent += sizeof bytes;
        if (status == TLS_FULL) {
            return;
        }
        REQUIRE(status == TLS_OK);
    }
}

static void on_drained(struct witness *witness, char event, const uint8_t *data, size_t length) {
    if (event == 'D') {
        send_more(witness->context);
    }
}

static void s02_data_in_flight_both_ways(void) {
    struct rig rig;
    struct witness client = {0};
    int done = 0;
    tls_context *servers12 = server_context();
    CHECK_OK(tls_context_set_max_version(servers12, "TLSv1.2"));
    rig_prepare_with(&rig, tls_loop_new(), servers12);
    CHECK_OK(tls_server_set_client_renegotiation(rig.server, 100, 600000));
    rig_listen(&rig);
    rig_connect_secure(&rig, &client);
    struct sender up = {.witness = &client}, down = {.witness = &rig.accepted};
    client.context = &up;
    rig.accepted.context = &down;
    client.hook = rig.accepted.hook = on_drained;
    send_more(&up);
    send_more(&down);
    for (int turn = 1; turn <= 8; turn++) {
        CHECK_OK(tls_stream_renegotiate(turn % 3 == 0 ? rig.accepted.stream : client.stream, count_stream, &done));
        RUN_UNTIL(rig.loop, done == turn, 20000);
    }
    RUN_UNTIL(rig.loop, client.received >= BULK && rig.accepted.received >= BULK, 60000);
    CHECK(!client.pattern_broken && !rig.accepted.pattern_broken);
    CHECK_EQUAL(client.errors + rig.accepted.errors, 0);
    CHECK_OK(tls_stream_end(client.stream));
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 5000);
    rig_close(&rig);
}

/* c059: one error on that stream, which is gone before the one over the limit is done. */
static void c059_over_sockets(void) {
    struct rig rig;
    struct witness client = {0};
    int done = 0;
    tls_context *servers12 = server_context();
    CHECK_OK(tls_context_set_max_version(servers12, "TLSv1.2"));
    rig_prepare_with(&rig, tls_loop_new(), servers12);
    rig_listen(&rig);
    rig_connect_secure(&rig, &client);
    for (int turn = 1; turn <= 4; turn++) {
        CHECK_OK(tls_stream_renegotiate(client.stream, count_stream, &done));
        RUN_UNTIL(rig.loop, turn == 4 ? client.closes == 1 : done == turn, 5000);
    }
    CHECK_EQUAL(done, 3);
    CHECK_TEXT(rig.accepted.order, "xc");
    CHECK_TEXT(rig.accepted.error_name, "ERR_TLS_SESSION_ATTACK");
    CHECK_EQUAL(rig.client_errors, 0);
    CHECK_TEXT(client.order, "sxc");
    CHECK_EQUAL(tls_server_set_client_renegotiation(rig.server, 1, 0), TLS_ERR_INVALID_ARGUMENT);
    rig_close(&rig);
}

/* A stream that is not secure, or closed, has nothing to renegotiate; nor does one on TLS 1.3. */
static void s86_streams_that_cannot(void) {
    struct rig rig;
    struct witness client = {0};
    rig_open(&rig);
    tls_stream *stream = rig_connect(&rig, &client);
    CHECK_EQUAL(tls_stream_renegotiate(stream, NULL, NULL), TLS_ERR_INVALID_STATE);
    RUN_UNTIL(rig.loop, client.secures == 1 && rig.connections == 1, 5000);
    CHECK_EQUAL(tls_stream_renegotiate(stream, NULL, NULL), TLS_ERR_NOT_SUPPORTED);
    CHECK_EQUAL(tls_stream_renegotiate(rig.accepted.stream, NULL, NULL), TLS_ERR_NOT_SUPPORTED);
    CHECK_OK(tls_stream_disable_renegotiation(stream));
    CHECK_OK(tls_stream_destroy(stream));
    CHECK_EQUAL(tls_stream_renegotiate(stream, NULL, NULL), TLS_ERR_INVALID_STATE);
    RUN_UNTIL(rig.loop, client.closes == 1, 5000);
    CHECK_EQUAL(client.errors, 0);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s02_three_and_no_more);
    RUN(s02_other_limits);
    RUN(s86_a_server_asks_for_it);
    RUN(s86_disabled);
    RUN(s86_where_there_is_none);
    RUN(s86_not_inside_a_pairs_callback);
    RUN(s86_end_while_it_is_under_way);
    RUN(s86_texts_of_before_stay_valid);
    RUN(s02_data_in_flight_both_ways);
    RUN(c059_over_sockets);
    RUN(s86_streams_that_cannot);
    return check_end();
}
