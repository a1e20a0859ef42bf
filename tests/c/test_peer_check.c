/* The program's own judgement of a peer's certificate (S79, cases 48 and 88): at once or later, from
 * another thread, on clients and on servers, and nothing happens before it. */
#include "pairs.h"

#include <stdio.h>
#include <string.h>

struct judge {
    enum { LATER, ACCEPT, REFUSE, REJECT, WRONG, DESTROY } what;
    tls_request *request;
    tls_context *context;
    int calls, ready;
    char name[64], subject[256];
};

static void judge(struct judge *judge, const tls_certificate *certificate, const char *name, tls_request *request) {
    judge->calls++;
    judge->request = request;
    snprintf(judge->name, sizeof judge->name, "%s", name == NULL ? "(none)" : name);
    snprintf(judge->subject, sizeof judge->subject, "%s", tls_certificate_subject(certificate));
    switch (judge->what) {
    case LATER:
    case DESTROY:
        break;
    case ACCEPT:
        CHECK_OK(tls_request_resolve_verdict(request, 1));
        break;
    case REFUSE:
        CHECK_OK(tls_request_resolve_verdict(request, 0));
        break;
    case REJECT:
        CHECK_OK(tls_request_reject(request, "I know better"));
        break;
    case WRONG:
        CHECK_EQUAL(tls_request_resolve_context(request, NULL), TLS_ERR_INVALID_ARGUMENT);
        CHECK_EQUAL(tls_request_resolve_verdict(request, 2), TLS_ERR_INVALID_ARGUMENT);
        CHECK_EQUAL(tls_request_reject(request, "\xff"), TLS_ERR_INVALID_ARGUMENT);
        CHECK_OK(tls_request_resolve_verdict(request, 1));
        CHECK_EQUAL(tls_request_resolve_verdict(request, 1), TLS_ERR_INVALID_HANDLE);
        break;
    }
}

static void on_pair_identity(tls_secure_pair *pair, const tls_certificate *certificate, const char *name, tls_request *request, void *user_data) {
    /* One to keep is there too. */
    tls_certificate *own = tls_secure_pair_peer_certificate(pair);
    CHECK_TEXT(tls_certificate_fingerprint256(own), tls_certificate_fingerprint256(certificate));
    CHECK_OK(tls_certificate_free(own));
    CHECK_EQUAL(tls_secure_pair_secure(pair), 0);
    judge(user_data, certificate, name, request);
}

static void on_pair_certificate(tls_secure_pair *pair, const tls_certificate *certificate, tls_request *request, void *user_data) {
    CHECK_EQUAL(tls_secure_pair_secure(pair), 0);
    judge(user_data, certificate, "client", request);
}

static void on_stream_identity(tls_stream *stream, const tls_certificate *certificate, const char *name, tls_request *request, void *user_data) {
    struct judge *judge_ = user_data;
    tls_certificate *own = tls_stream_peer_certificate(stream);
    CHECK_TEXT(tls_certificate_fingerprint256(own), tls_certificate_fingerprint256(certificate));
    CHECK_OK(tls_certificate_free(own));
    judge(judge_, certificate, name, request);
    if (judge_->what == DESTROY) {
        CHECK_OK(tls_stream_destroy(stream));
        CHECK_EQUAL(tls_request_resolve_verdict(request, 1), TLS_ERR_INVALID_HANDLE);
    }
}

static void on_server_certificate(tls_server *server, tls_stream *stream, const tls_certificate *certificate, tls_request *request, void *user_data) {
    struct judge *judge_ = user_data;
    CHECK_EQUAL(tls_stream_secure(stream), 0);
    judge(judge_, certificate, "client", request);
    if (judge_->what == DESTROY) {
        CHECK_OK(tls_stream_destroy(stream));
    }
}

static void on_ready(tls_secure_pair *pair, void *user_data) {
    struct judge *judge_ = user_data;
    judge_->ready++;
}

static void *accept_elsewhere(void *argument) {
    struct judge *judge_ = argument;
    CHECK_OK(tls_request_resolve_verdict(judge_->request, 1));
    return NULL;
}

static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};

/* The check takes the place of that of the name: it may accept what the name would not, and the
 * reverse. Not one byte goes out before it. */
static void s79_c088_clients_pair(void) {
    for (int i = 0; i < 2 * (DESTROY - LATER); i++) {
        int what = i / 2;
        struct side client, server;
        struct judge judge_ = {.what = what};
        tls_context *servers = server_context(), *clients = client_context();
        CHECK_OK(tls_context_set_max_version(clients, versions[i % 2]));
        side_open_client(&client, clients);
        CHECK_OK(tls_secure_pair_set_servername(client.pair, "another.example"));
        CHECK_OK(tls_secure_pair_on_check_identity(client.pair, on_pair_identity, &judge_));
        CHECK_EQUAL(tls_secure_pair_on_check_certificate(client.pair, on_pair_certificate, NULL), TLS_ERR_INVALID_STATE);
        CHECK_OK(tls_secure_pair_on_ready(client.pair, on_ready, &judge_));
        side_open_server(&server, servers);
        CHECK_EQUAL(tls_secure_pair_on_check_identity(server.pair, on_pair_identity, NULL), TLS_ERR_INVALID_STATE);
        CHECK_OK(tls_secure_pair_write(client.pair, "early", 5));
        shuttle(client.pair, server.pair, what == ACCEPT ? 1 : 0);
        CHECK_EQUAL(judge_.calls, 1);
        CHECK_TEXT(judge_.name, "another.example");
        CHECK_PART(judge_.subject, "CN=localhost");
        if (what == LATER) {
            CHECK_EQUAL(client.secures, 0);
            CHECK_EQUAL(server.received, 0);
            in_a_thread(accept_elsewhere, &judge_);
            CHECK_EQUAL(judge_.ready, 1);
            CHECK_OK(tls_secure_pair_feed(client.pair, NULL, 0, NULL));
            shuttle(client.pair, server.pair, 0);
        }
        if (what == REFUSE || what == REJECT) {
            CHECK_TEXT(client.log, "x c1");
            CHECK_EQUAL(client.status, TLS_ERR_VERIFY);
            CHECK_TEXT(client.error_name, "ERR_TLS_CERT_ALTNAME_INVALID");
            CHECK_PART(client.error_message, what == REJECT ? "I know better" : "refused");
            CHECK_TEXT(client.error_subject, judge_.subject);
            CHECK_EQUAL(server.received, 0);
            CHECK_EQUAL(server.errors, 1);
        } else {
            CHECK_TEXT(client.log, "s");
            CHECK_EQUAL(server.received, 5);
            CHECK_EQUAL(tls_secure_pair_authorized(client.pair), 1);
            CHECK_EQUAL(judge_.calls, 1);
        }
        side_free(&client);
        side_free(&server);
        CHECK_OK(tls_context_free(servers));
        CHECK_OK(tls_context_free(clients));
    }
}

/* A chain that is not trusted is not asked about; one that may be anything is only marked. */
static void s79_only_where_the_chain_is_good(void) {
    for (int reject = 0; reject <= 1; reject++) {
        struct side client, server;
        struct judge judge_ = {.what = ACCEPT};
        tls_context *servers = server_context(), *clients = tls_context_new();
        CHECK_OK(tls_context_clear_ca(clients));
        memset(&client, 0, sizeof client);
        side_watch(&client, tls_secure_pair_new(clients, 0, 0, reject));
        CHECK_OK(tls_secure_pair_set_servername(client.pair, "localhost"));
        CHECK_OK(tls_secure_pair_on_check_identity(client.pair, on_pair_identity, &judge_));
        side_open_server(&server, servers);
        CHECK_OK(tls_secure_pair_start(client.pair));
        shuttle(client.pair, server.pair, 0);
        CHECK_EQUAL(judge_.calls, 0);
        CHECK_TEXT(client.log, reject ? "x c1" : "s");
        CHECK_EQUAL(tls_secure_pair_authorized(client.pair), 0);
        side_free(&client);
        side_free(&server);
        CHECK_OK(tls_context_free(clients));
        clients = client_context();
        if (!reject) {
            judge_.what = REJECT;
            memset(&client, 0, sizeof client);
            side_watch(&client, tls_secure_pair_new(clients, 0, 0, 0));
            CHECK_OK(tls_secure_pair_on_check_identity(client.pair, on_pair_identity, &judge_));
            side_open_server(&server, servers);
            shuttle_to_secure(&client, &server);
            CHECK_TEXT(judge_.name, "(none)");
            CHECK_EQUAL(tls_secure_pair_authorized(client.pair), 0);
            CHECK_TEXT(tls_secure_pair_authorization_error(client.pair), "ERR_TLS_CERT_ALTNAME_INVALID");
            side_free(&client);
            side_free(&server);
        }
        CHECK_OK(tls_context_free(servers));
        CHECK_OK(tls_context_free(clients));
    }
}

/* A resumed session has no check in its handshake: it is asked about all the same. */
static void s79_resumed_sessions_are_judged_too(void) {
    for (int version = 0; version <= 1; version++) {
        tls_context *servers = server_context(), *clients = client_context();
        CHECK_OK(tls_context_set_max_version(clients, versions[version]));
        uint8_t session[8192];
        size_t length = 0;
        for (int turn = 0; turn < 4; turn++) {
            /* A full one, then resumed: accepted at once, later, refused. */
            struct judge judge_ = {.what = turn == 2 ? LATER : turn == 3 ? REFUSE : ACCEPT};
            struct side client, server;
            side_open_client(&client, clients);
            side_open_server(&server, servers);
            CHECK_OK(tls_secure_pair_on_check_identity(client.pair, on_pair_identity, &judge_));
            if (turn > 0) {
                CHECK_OK(tls_secure_pair_set_session(client.pair, session, length));
            }
            CHECK_OK(tls_secure_pair_write(client.pair, "early", 5));
            shuttle(client.pair, server.pair, 0);
            CHECK_EQUAL(judge_.calls, 1);
            if (turn == 2) {
                CHECK_EQUAL(client.secures, 0);
                CHECK_EQUAL(server.received, 0);
                CHECK_OK(tls_request_resolve_verdict(judge_.request, 1));
                CHECK_OK(tls_secure_pair_feed(client.pair, NULL, 0, NULL));
                shuttle(client.pair, server.pair, 0);
            }
            CHECK_TEXT(client.log, turn == 3 ? "x c1" : "s");
            CHECK_EQUAL(server.received, turn == 3 ? 0 : 5);
            if (turn < 3) {
                CHECK_EQUAL(tls_secure_pair_session_reused(client.pair), turn > 0);
            }
            if (turn == 0) {
                const uint8_t *bytes = tls_secure_pair_session(client.pair, &length);
                REQUIRE(bytes != NULL && length <= sizeof session);
                memcpy(session, bytes, length);
            }
            side_free(&client);
            side_free(&server);
        }
        CHECK_OK(tls_context_free(servers));
        CHECK_OK(tls_context_free(clients));
    }
}

/* A server's judgement of a client: the handshake is over, and nothing is delivered before. */
static void s79_servers_pair(void) {
    for (int i = 0; i < 2 * (DESTROY - LATER); i++) {
        int what = i / 2;
        struct side client, server;
        struct judge judge_ = {.what = what};
        tls_context *servers = server_context(), *clients = client_context_with_identity();
        CHECK_OK(tls_context_add_ca_file(servers, certificate_path("ca.pem")));
        CHECK_OK(tls_context_set_max_version(clients, versions[i % 2]));
        side_open_client(&client, clients);
        memset(&server, 0, sizeof server);
        side_watch(&server, tls_secure_pair_new(servers, 1, 1, 1));
        CHECK_OK(tls_secure_pair_on_check_certificate(server.pair, on_pair_certificate, &judge_));
        CHECK_OK(tls_secure_pair_write(server.pair, "welcome", 7));
        CHECK_OK(tls_secure_pair_write(client.pair, "early", 5));
        shuttle(client.pair, server.pair, 0);
        CHECK_EQUAL(judge_.calls, 1);
        CHECK_PART(judge_.subject, "CN=tlspair client");
        if (what == LATER) {
            CHECK_EQUAL(server.secures, 0);
            CHECK_EQUAL(server.received, 0);
            CHECK_EQUAL(client.received, 0);
            in_a_thread(accept_elsewhere, &judge_);
            CHECK_OK(tls_secure_pair_feed(server.pair, NULL, 0, NULL));
            shuttle(client.pair, server.pair, 0);
        }
        if (what == REFUSE || what == REJECT) {
            CHECK_TEXT(server.log, "x c1");
            CHECK_TEXT(server.error_name, "CERT_REJECTED");
            CHECK_EQUAL(server.received, 0);
            CHECK_EQUAL(client.received, 0);
        } else {
            CHECK_TEXT(server.log, "s d5");
            CHECK_EQUAL(client.received, 7);
            CHECK_EQUAL(tls_secure_pair_authorized(server.pair), 1);
        }
        side_free(&client);
        side_free(&server);
        CHECK_OK(tls_context_free(servers));
        CHECK_OK(tls_context_free(clients));
    }
}

/* Without a good certificate the server's callback is not asked. */
static void s79_only_clients_with_a_good_certificate(void) {
    struct side client, server;
    struct judge judge_ = {.what = REFUSE};
    tls_context *servers = server_context(), *clients = client_context();
    CHECK_OK(tls_context_add_ca_file(servers, certificate_path("ca.pem")));
    side_open_client(&client, clients);
    memset(&server, 0, sizeof server);
    side_watch(&server, tls_secure_pair_new(servers, 1, 1, 0));
    CHECK_OK(tls_secure_pair_on_check_certificate(server.pair, on_pair_certificate, &judge_));
    shuttle_to_secure(&client, &server);
    CHECK_EQUAL(judge_.calls, 0);
    CHECK_EQUAL(tls_secure_pair_authorized(server.pair), 0);
    side_free(&client);
    side_free(&server);
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
}

/* The same over sockets. The server's name would not do, the callback decides. */
static void s79_c048_client_stream(void) {
    for (int what = LATER; what <= DESTROY; what++) {
        struct rig rig;
        struct witness client = {0};
        struct judge judge_ = {.what = what};
        rig_open(&rig);
        tls_connect_options *options = tls_connect_options_new();
        CHECK_OK(tls_connect_options_set_servername(options, "another.example"));
        tls_stream *stream = rig_connect_by(&rig, &client, options);
        CHECK_OK(tls_stream_on_check_identity(stream, on_stream_identity, &judge_));
        CHECK_OK(tls_stream_write(stream, "early", 5));
        RUN_UNTIL(rig.loop, judge_.calls == 1, 5000);
        if (what == LATER) {
            run_for(rig.loop, 30);
            CHECK_EQUAL(client.secures, 0);
            CHECK_EQUAL(rig.accepted.received, 0);
            in_a_thread(accept_elsewhere, &judge_);
        }
        if (what == LATER || what == ACCEPT || what == WRONG) {
            RUN_UNTIL(rig.loop, rig.accepted.received == 5 && client.secures == 1, 5000);
            CHECK_EQUAL(tls_stream_authorized(stream), 1);
            CHECK_EQUAL(tls_stream_on_check_identity(rig.accepted.stream, on_stream_identity, NULL), TLS_ERR_INVALID_STATE);
            CHECK_OK(tls_stream_destroy(stream));
            RUN_UNTIL(rig.loop, client.closes == 1, 5000);
        } else {
            RUN_UNTIL(rig.loop, client.closes == 1, 5000);
            run_for(rig.loop, 20);
            CHECK_TEXT(client.order, what == DESTROY ? "c" : "xc");
            CHECK_EQUAL(rig.accepted.received, 0);
        }
        CHECK_EQUAL(judge_.calls, 1);
        rig_close(&rig);
    }
}

static void s79_c048_server_stream(void) {
    for (int what = LATER; what <= DESTROY; what++) {
        struct rig rig;
        struct witness client = {0};
        struct judge judge_ = {.what = what};
        tls_context *servers = server_context();
        CHECK_OK(tls_context_add_ca_file(servers, certificate_path("ca.pem")));
        rig_prepare_with(&rig, tls_loop_new(), servers);
        rig_use_clients(&rig, client_context_with_identity());
        CHECK_OK(tls_server_set_request_cert(rig.server, 1));
        CHECK_OK(tls_server_set_reject_unauthorized(rig.server, 1));
        CHECK_OK(tls_server_on_check_certificate(rig.server, on_server_certificate, &judge_));
        rig_listen(&rig);
        tls_stream *stream = rig_connect(&rig, &client);
        CHECK_OK(tls_stream_write(stream, "early", 5));
        RUN_UNTIL(rig.loop, judge_.calls == 1, 5000);
        if (what == LATER) {
            run_for(rig.loop, 30);
            CHECK_EQUAL(rig.connections, 0);
            in_a_thread(accept_elsewhere, &judge_);
        }
        if (what == LATER || what == ACCEPT || what == WRONG) {
            RUN_UNTIL(rig.loop, rig.connections == 1 && rig.accepted.received == 5, 5000);
            CHECK_EQUAL(tls_stream_authorized(rig.accepted.stream), 1);
            CHECK_OK(tls_stream_destroy(stream));
            RUN_UNTIL(rig.loop, client.closes == 1, 5000);
        } else {
            RUN_UNTIL(rig.loop, client.closes == 1 && tls_server_connections(rig.server) == 0, 5000);
            CHECK_EQUAL(rig.connections, 0);
            CHECK_EQUAL(rig.client_errors, what == DESTROY ? 0 : 1);
            if (what != DESTROY) {
                CHECK_TEXT(rig.client_error_name, "CERT_REJECTED");
            }
        }
        rig_close(&rig);
    }
}

/* An answer after the end of everything does no harm, from any thread. */
static void s79_answers_that_come_too_late(void) {
    struct rig rig;
    struct witness client = {0};
    struct judge judge_ = {.what = LATER};
    rig_open(&rig);
    tls_stream *stream = rig_connect(&rig, &client);
    CHECK_OK(tls_stream_on_check_identity(stream, on_stream_identity, &judge_));
    RUN_UNTIL(rig.loop, judge_.calls == 1, 5000);
    CHECK_OK(tls_stream_destroy(stream));
    CHECK_EQUAL(tls_request_resolve_verdict(judge_.request, 1), TLS_ERR_INVALID_HANDLE);
    RUN_UNTIL(rig.loop, client.closes == 1, 5000);
    rig_close(&rig);
    CHECK_EQUAL(tls_request_reject(judge_.request, NULL), TLS_ERR_INVALID_HANDLE);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s79_c088_clients_pair);
    RUN(s79_only_where_the_chain_is_good);
    RUN(s79_resumed_sessions_are_judged_too);
    RUN(s79_servers_pair);
    RUN(s79_only_clients_with_a_good_certificate);
    RUN(s79_c048_client_stream);
    RUN(s79_c048_server_stream);
    RUN(s79_answers_that_come_too_late);
    return check_end();
}
