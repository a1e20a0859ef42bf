/* A stream destroyed inside each callback of its own, on the server's side and while the library waits
 * for a decision, and written to in phases where others do not write: nothing but close comes after it,
 * and what was written comes in order (cases 100, 103; S61). The client's side is in test_stream_life. */
#include "pairs.h"

#include <string.h>

static struct rig rig;
static struct witness client;

static void start(void) {
    memset(&client, 0, sizeof client);
    rig_open(&rig);
}

/* ---- the server's stream ---- */

static void watch_with_hook(struct rig *at, tls_stream *stream) {
    at->accepted.hook = destroy_at;
    at->accepted.context = at->context;
    watch(&at->accepted, stream);
}

static void c100_the_server_destroys_in_each_callback(void) {
    static const char events[] = "dDeExtc";
    static uint8_t talk[200000];
    fill_pattern(talk, sizeof talk, 0);
    for (size_t i = 0; i < sizeof events - 1; i++) {
        struct stream_ending ending = {.event = events[i]};
        struct wire wire;
        memset(&wire, 0, sizeof wire);
        start();
        rig.on_connection = watch_with_hook;
        rig.context = &ending;
        /* Ends and errors that no honest client makes come from a socket of the test's own. */
        bool is_rude = events[i] == 'E' || events[i] == 'x';
        if (is_rude) {
            wire_open_secure(&wire, &rig);
            if (events[i] == 'x') {
                CHECK(raw_send(wire.socket, "this is no record of TLS", 24));
            }
            wire_close(&wire, false);
        } else {
            rig_connect_secure(&rig, &client);
            CHECK_OK(tls_stream_set_timeout(rig.accepted.stream, 20));
            if (events[i] == 'd') {
                CHECK(tls_stream_write(client.stream, talk, sizeof talk) >= 0);
            } else if (events[i] == 'D') {
                CHECK_OK(tls_stream_on_data(client.stream, NULL, NULL));
                CHECK_OK(tls_stream_resume(client.stream));
                while (tls_stream_write(rig.accepted.stream, talk, sizeof talk) == TLS_OK) {
                }
            } else if (events[i] != 't') {
                CHECK_OK(tls_stream_end(client.stream));
            }
        }
        RUN_UNTIL(rig.loop, rig.accepted.closes == 1, 5000);
        check_equal(ending.done, true, (char[]){events[i], 0}, __FILE__, __LINE__);
        CHECK_EQUAL(rig.accepted.had_error, events[i] == 'x');
        CHECK_EQUAL(rig.client_errors, 0);
        run_for(rig.loop, 10);
        CHECK_EQUAL(rig.accepted.closes, 1);
        CHECK_EQUAL(tls_stream_destroy(rig.accepted.stream), TLS_ERR_INVALID_HANDLE);
        rig_close(&rig);
    }
}

/* ---- while it waits for a decision ---- */

/* What is asked in a decision's callback, and what was left of it. */
struct decision {
    struct witness witness;
    tls_request *request;
    int asked;
};

static void destroy_while_asked(struct decision *decision, tls_stream *stream, tls_request *request) {
    decision->asked++;
    decision->request = request;
    CHECK_EQUAL(tls_stream_secure(stream), 0);
    watch(&decision->witness, stream);
    CHECK_OK(tls_stream_destroy(stream));
    CHECK_EQUAL(tls_stream_write(stream, "x", 1), TLS_ERR_INVALID_STATE);
}

static void on_sni(tls_server *server, tls_stream *stream, const char *servername, tls_request *request,
    void *user_data) {
    CHECK(server == rig.server);
    CHECK_TEXT(servername, "localhost");
    destroy_while_asked(user_data, stream, request);
}

static void on_check_certificate(tls_server *server, tls_stream *stream, const tls_certificate *certificate,
    tls_request *request, void *user_data) {
    CHECK(server == rig.server);
    CHECK_TEXT(tls_certificate_subject_field(certificate, "CN", 0), "tlspair client");
    destroy_while_asked(user_data, stream, request);
}

static void on_check_identity(tls_stream *stream, const tls_certificate *certificate, const char *name,
    tls_request *request, void *user_data) {
    CHECK_OK(tls_check_server_identity(certificate, name));
    destroy_while_asked(user_data, stream, request);
}

static void check_dropped(struct decision *decision) {
    RUN_UNTIL(rig.loop, decision->witness.closes == 1, 5000);
    CHECK_TEXT(decision->witness.order, "c");
    CHECK_EQUAL(decision->witness.had_error, 0);
    CHECK_EQUAL(decision->asked, 1);
    /* The question went with the connection. */
    CHECK_EQUAL(tls_request_reject(decision->request, NULL), TLS_ERR_INVALID_HANDLE);
    CHECK_EQUAL(rig.client_errors, 0);
    CHECK_EQUAL(rig.connections, 0);
}

static void c100_destroy_in_sni(void) {
    struct decision decision = {0};
    start();
    CHECK_OK(tls_server_on_sni(rig.server, on_sni, &decision));
    rig_connect(&rig, &client);
    check_dropped(&decision);
    RUN_UNTIL(rig.loop, client.closes == 1, 5000);
    CHECK_TEXT(client.order, "xc");
    rig_close(&rig);
}

static void c100_destroy_in_check_certificate(void) {
    struct decision decision = {0};
    start();
    CHECK_OK(tls_server_set_request_cert(rig.server, 1));
    CHECK_OK(tls_server_on_check_certificate(rig.server, on_check_certificate, &decision));
    rig_use_clients(&rig, client_context_with_identity());
    rig_connect(&rig, &client);
    check_dropped(&decision);
    RUN_UNTIL(rig.loop, client.closes == 1, 5000);
    rig_close(&rig);
}

static void c100_destroy_in_check_identity(void) {
    struct decision decision = {0};
    start();
    rig_connect(&rig, &client);
    CHECK_OK(tls_stream_on_check_identity(client.stream, on_check_identity, &decision));
    RUN_UNTIL(rig.loop, decision.witness.closes == 1, 5000);
    CHECK_TEXT(decision.witness.order, "c");
    CHECK_EQUAL(decision.asked, 1);
    CHECK_EQUAL(tls_request_resolve_verdict(decision.request, 1), TLS_ERR_INVALID_HANDLE);
    CHECK_EQUAL(client.closes, 0);
    RUN_UNTIL(rig.loop, rig.client_errors == 1, 5000);
    CHECK_TEXT(rig.client_error_name, "ECONNRESET");
    rig_close(&rig);
}

/* ---- pairs, the same ---- */

struct pair_decision {
    bool frees;
    tls_request *request;
    int asked;
};

static void end_pair(tls_secure_pair *pair, struct pair_decision *decision, tls_request *request) {
    decision->asked++;
    decision->request = request;
    CHECK_OK(decision->frees ? tls_secure_pair_free(pair) : tls_secure_pair_destroy(pair));
    CHECK_EQUAL(tls_secure_pair_write(pair, "x", 1), decision->frees ? TLS_ERR_INVALID_HANDLE : TLS_ERR_INVALID_STATE);
}

static void end_in_sni(tls_secure_pair *pair, const char *servername, tls_request *request, void *user_data) {
    CHECK_TEXT(servername, "localhost");
    end_pair(pair, user_data, request);
}

static void end_in_check_certificate(tls_secure_pair *pair, const tls_certificate *certificate, tls_request *request,
    void *user_data) {
    CHECK(tls_certificate_subject(certificate) != NULL);
    end_pair(pair, user_data, request);
    /* It is not the pair's. */
    CHECK_TEXT(tls_certificate_subject_field(certificate, "CN", 0), "tlspair client");
}

static void end_in_check_identity(tls_secure_pair *pair, const tls_certificate *certificate, const char *name,
    tls_request *request, void *user_data) {
    CHECK_OK(tls_check_server_identity(certificate, name));
    end_pair(pair, user_data, request);
    CHECK_OK(tls_check_server_identity(certificate, "localhost"));
}

static void c100_pairs_end_in_each_decision(void) {
    tls_context *servers = server_context(), *clients = client_context_with_identity();
    for (int round = 0; round < 6; round++) {
        struct pair_decision decision = {.frees = round % 2 == 1};
        struct side client, server;
        side_open_client(&client, clients);
        side_open_server(&server, servers);
        struct side *ended = round / 2 == 2 ? &client : &server;
        if (round / 2 == 0) {
            CHECK_OK(tls_secure_pair_on_sni(server.pair, end_in_sni, &decision));
        } else if (round / 2 == 1) {
            side_free(&server);
            memset(&server, 0, sizeof server);
            side_watch(&server, tls_secure_pair_new(servers, 1, 1, 1));
            CHECK_OK(tls_secure_pair_on_check_certificate(server.pair, end_in_check_certificate, &decision));
        } else {
            CHECK_OK(tls_secure_pair_on_check_identity(client.pair, end_in_check_identity, &decision));
        }
        CHECK_OK(tls_secure_pair_start(client.pair));
        uint8_t bytes[16384];
        for (int turn = 0; turn < 8; turn++) {
            tls_secure_pair *const ways[2][2] = {{client.pair, server.pair}, {server.pair, client.pair}};
            for (int way = 0; way < 2; way++) {
                size_t length = 0;
                tls_secure_pair_take(ways[way][0], bytes, sizeof bytes, &length);
                tls_secure_pair_feed(ways[way][1], bytes, length, NULL);
            }
        }
        CHECK_EQUAL(decision.asked, 1);
        /* An answer to what is destroyed does nothing; the question goes with the pair. */
        tls_request_reject(decision.frees ? NULL : decision.request, NULL);
        CHECK_TEXT(ended->log, decision.frees ? "" : "c0");
        CHECK_EQUAL(tls_secure_pair_free(ended->pair), decision.frees ? TLS_ERR_INVALID_HANDLE : TLS_OK);
        CHECK_EQUAL(tls_request_reject(decision.request, NULL), TLS_ERR_INVALID_HANDLE);
        side_free(ended == &client ? &server : &client);
    }
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
}

/* ---- writes ---- */

static uint8_t early[20000];

static void write_early(tls_server *server, tls_stream *stream, const char *servername, tls_request *request,
    void *user_data) {
    (void)server;
    (void)servername;
    CHECK(tls_stream_write(stream, early, 10000) >= 0);
    CHECK_OK(tls_stream_write(stream, NULL, 0));
    *(tls_request **)user_data = request;
}

static void write_late(struct rig *at, tls_stream *stream) {
    watch(&at->accepted, stream);
    CHECK(tls_stream_write(stream, early + 10000, 10000) >= 0);
    CHECK_OK(tls_stream_end(stream));
    CHECK_EQUAL(tls_stream_write(stream, "x", 1), TLS_ERR_INVALID_STATE);
    CHECK_TEXT(tls_error_name(tls_last_error()), "ERR_STREAM_WRITE_AFTER_END");
}

/* The server's own, from the middle of the handshake on: in order, and none before it is secure. */
static void c103_the_server_writes_in_the_handshake(void) {
    tls_request *request = NULL;
    fill_pattern(early, sizeof early, 0);
    start();
    rig.on_connection = write_late;
    CHECK_OK(tls_server_on_sni(rig.server, write_early, &request));
    rig_connect(&rig, &client);
    RUN_UNTIL(rig.loop, request != NULL, 5000);
    run_for(rig.loop, 10);
    CHECK_TEXT(client.order, "");
    CHECK_EQUAL(rig.connections, 0);
    CHECK_OK(tls_request_resolve_context(request, rig.server_context));
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 5000);
    CHECK_TEXT(client.order, "sdec");
    CHECK_EQUAL(client.received, sizeof early);
    CHECK(!client.pattern_broken);
    rig_close(&rig);
}

static void write_in_close(struct witness *witness, char event, const uint8_t *data, size_t length) {
    (void)data;
    (void)length;
    if (event == 'x') {
        /* Taken or refused: it goes nowhere. */
        tls_stream_write(witness->stream, "x", 1);
        CHECK_OK(tls_stream_end(witness->stream));
    } else if (event == 'c') {
        CHECK_EQUAL(tls_stream_write(witness->stream, "x", 1), TLS_ERR_INVALID_STATE);
        CHECK_OK(tls_stream_end(witness->stream));
        CHECK_EQUAL(tls_stream_writable_length(witness->stream), 0);
    }
}

static void c103_writes_to_what_is_over(void) {
    start();
    client.hook = write_in_close;
    int32_t port = rig.port;
    rig.port = 9;
    rig_connect(&rig, &client);
    rig.port = port;
    CHECK_OK(tls_stream_write(client.stream, "early", 5));
    RUN_UNTIL(rig.loop, client.closes == 1, 5000);
    CHECK_TEXT(client.order, "xc");
    CHECK_EQUAL(client.had_error, 1);
    CHECK_EQUAL(tls_stream_write(client.stream, "x", 1), TLS_ERR_INVALID_HANDLE);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c100_the_server_destroys_in_each_callback);
    RUN(c100_destroy_in_sni);
    RUN(c100_destroy_in_check_certificate);
    RUN(c100_destroy_in_check_identity);
    RUN(c100_pairs_end_in_each_decision);
    RUN(c103_the_server_writes_in_the_handshake);
    RUN(c103_writes_to_what_is_over);
    return check_end();
}
