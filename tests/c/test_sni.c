/* Server names (S05, S22, S57, S71): contexts by name, the callback that chooses one now or later, and
 * that all of the chosen context's policy counts. */
#include "pairs.h"

#include <stdio.h>
#include <string.h>

/* What an SNI callback is to do, and what it saw. */
struct chooser {
    enum { LATER, AT_ONCE, NONE, REJECT, WRONG, DESTROY } what;
    tls_context *context;
    tls_request *request;
    tls_stream *stream;
    int calls, ready;
    char name[300];
};

static void choose(struct chooser *chooser, const char *servername, tls_request *request) {
    chooser->calls++;
    chooser->request = request;
    snprintf(chooser->name, sizeof chooser->name, "%s", servername);
    switch (chooser->what) {
    case LATER:
        break;
    case AT_ONCE:
        CHECK_OK(tls_request_resolve_context(request, chooser->context));
        break;
    case NONE:
        CHECK_OK(tls_request_resolve_context(request, NULL));
        break;
    case REJECT:
        CHECK_OK(tls_request_reject(request, "not served here"));
        break;
    case WRONG:
        CHECK_EQUAL(tls_request_resolve_verdict(request, 1), TLS_ERR_INVALID_ARGUMENT);
        CHECK_EQUAL(tls_request_resolve_verdict(request, 7), TLS_ERR_INVALID_ARGUMENT);
        CHECK_OK(tls_request_resolve_context(request, chooser->context));
        CHECK_EQUAL(tls_request_resolve_context(request, chooser->context), TLS_ERR_INVALID_HANDLE);
        CHECK_EQUAL(tls_request_reject(request, NULL), TLS_ERR_INVALID_HANDLE);
        break;
    case DESTROY:
        CHECK_OK(tls_stream_destroy(chooser->stream));
        break;
    }
}

static void on_pair_sni(tls_secure_pair *pair, const char *servername, tls_request *request, void *user_data) {
    CHECK(pair != NULL);
    choose(user_data, servername, request);
}

static void on_server_sni(tls_server *server, tls_stream *stream, const char *servername, tls_request *request, void *user_data) {
    struct chooser *chooser = user_data;
    CHECK(server != NULL);
    CHECK_EQUAL(tls_stream_secure(stream), 0);
    chooser->stream = stream;
    choose(chooser, servername, request);
}

static void on_ready(tls_secure_pair *pair, void *user_data) {
    struct chooser *chooser = user_data;
    CHECK(pair != NULL);
    chooser->ready++;
}

/* other.example, trusted by ca.pem. */
static tls_context *other_context(void) {
    tls_context *context = tls_context_new();
    CHECK_OK(tls_context_set_cert_file(context, certificate_path("wrong-host-cert.pem")));
    CHECK_OK(tls_context_set_key_file(context, certificate_path("wrong-host-key.pem"), NULL));
    return context;
}

static tls_context *servers, *clients, *other;

static void make_contexts(void) {
    servers = server_context();
    clients = client_context();
    other = other_context();
}

static void free_contexts(void) {
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
    CHECK_OK(tls_context_free(other));
}

/* A client that asks for a name, and a server's pair, not started. */
static void open_sides(struct side *client, struct side *server, const char *name) {
    side_open_client(client, clients);
    CHECK_OK(tls_secure_pair_set_servername(client->pair, name));
    side_open_server(server, servers);
}

static void free_sides(struct side *client, struct side *server) {
    side_free(client);
    side_free(server);
}

static void s57_contexts_by_name_on_a_pair(void) {
    static const struct {
        const char *added, *asked;
        bool switched;
    } cases[] = {
        {"other.example", "other.example", true},
        {"Other.EXAMPLE.", "oTHER.example", true},
        {"*.example", "other.example", true},
        {"*.other.example", "other.example", false},
        {"example", "other.example", false},
    };
    make_contexts();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct side client, server;
        open_sides(&client, &server, cases[i].asked);
        CHECK_OK(tls_secure_pair_add_context(server.pair, cases[i].added, other));
        CHECK_OK(tls_secure_pair_start(client.pair));
        CHECK_EQUAL(tls_secure_pair_add_context(client.pair, "a", other), TLS_ERR_INVALID_STATE);
        shuttle(client.pair, server.pair, 0);
        CHECK_TEXT(client.log, cases[i].switched ? "s" : "x c1");
        if (cases[i].switched) {
            CHECK_TEXT(tls_secure_pair_servername(server.pair), cases[i].asked);
            CHECK_EQUAL(tls_secure_pair_add_context(server.pair, "a", other), TLS_ERR_INVALID_STATE);
        }
        free_sides(&client, &server);
    }
    /* A client that asks for no name gets the default. */
    struct side client, server;
    open_sides(&client, &server, "127.0.0.1");
    CHECK_OK(tls_secure_pair_add_context(server.pair, "127.0.0.1", other));
    shuttle_to_secure(&client, &server);
    CHECK(tls_secure_pair_servername(server.pair) == NULL);
    free_sides(&client, &server);
    free_contexts();
}

/* What was removed before the start is as if it had never been there. */
static void s57_removed_from_a_pair(void) {
    struct side client, server;
    make_contexts();
    open_sides(&client, &server, "localhost");
    CHECK_OK(tls_secure_pair_add_context(server.pair, "localhost", other));
    CHECK_OK(tls_secure_pair_remove_context(server.pair, "LOCALHOST."));
    CHECK_EQUAL(tls_secure_pair_remove_context(server.pair, "localhost"), TLS_ERR_INVALID_STATE);
    CHECK_TEXT(tls_error_name(tls_last_error()), "ERR_TLS_SNI_UNKNOWN_NAME");
    CHECK_EQUAL(tls_secure_pair_remove_context(server.pair, "a b"), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_secure_pair_remove_context(client.pair, "localhost"), TLS_ERR_INVALID_STATE);
    shuttle_to_secure(&client, &server);
    CHECK_EQUAL(tls_secure_pair_remove_context(server.pair, "localhost"), TLS_ERR_INVALID_STATE);
    free_sides(&client, &server);
    free_contexts();
}

static void s57_what_cannot_be_added_is_refused(void) {
    static const char *const bad[] = {"", "*", "a.*.example", "a*.example", "*.*.example", "a b", "b\xc3\xbc" "cher.example", NULL};
    make_contexts();
    tls_loop *loop = tls_loop_new();
    tls_server *server = tls_server_new(loop, servers);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQUAL(tls_server_add_context(server, bad[i], other), TLS_ERR_INVALID_ARGUMENT);
    }
    /* The refused calls have not frozen it. */
    CHECK_OK(tls_context_set_max_version(other, "TLSv1.3"));
    CHECK_EQUAL(tls_server_add_context(server, "a", clients), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_server_add_context(server, "a", NULL), TLS_ERR_INVALID_HANDLE);
    CHECK_EQUAL(tls_server_remove_context(server, "a"), TLS_ERR_INVALID_STATE);
    CHECK_TEXT(tls_error_name(tls_last_error()), "ERR_TLS_SNI_UNKNOWN_NAME");
    CHECK_OK(tls_server_add_context(server, "a", other));
    CHECK_OK(tls_server_remove_context(server, "A."));
    CHECK_EQUAL(tls_server_remove_context(server, "a"), TLS_ERR_INVALID_STATE);
    CHECK_OK(tls_loop_free(loop));
    free_contexts();
}

/* Connects and answers whether the client accepts what it is shown for `name`. */
static bool accepts(struct rig *rig, const char *name) {
    struct witness client = {0};
    tls_connect_options *options = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_servername(options, name));
    tls_stream *stream = rig_connect_by(rig, &client, options);
    RUN_UNTIL(rig->loop, client.secures > 0 || client.closes > 0, 5000);
    bool accepted = client.secures > 0;
    if (client.closes == 0) {
        tls_stream_destroy(stream);
    }
    RUN_UNTIL(rig->loop, client.closes == 1 && tls_server_connections(rig->server) == 0, 5000);
    return accepted;
}

static void s57_replaced_and_removed_while_serving(void) {
    struct rig rig;
    rig_open(&rig);
    tls_context *context = other_context();
    CHECK(!accepts(&rig, "other.example"));
    CHECK_OK(tls_server_add_context(rig.server, "other.example", context));
    CHECK(accepts(&rig, "other.example"));
    CHECK(accepts(&rig, "localhost"));
    CHECK_OK(tls_server_add_context(rig.server, "other.example", rig.server_context));
    CHECK(!accepts(&rig, "other.example"));
    CHECK_OK(tls_server_add_context(rig.server, "other.example", context));
    CHECK(accepts(&rig, "other.example"));
    CHECK_OK(tls_server_remove_context(rig.server, "other.example"));
    CHECK(!accepts(&rig, "other.example"));
    CHECK_OK(tls_context_free(context));
    rig_close(&rig);
}

/* c105: a connection that was accepted before a change finishes with what it began with. */
static void c105_changes_are_for_connections_to_come(void) {
    struct rig rig;
    struct witness early = {0};
    struct chooser chooser = {.what = LATER};
    rig_open(&rig);
    tls_context *context = other_context();
    CHECK_OK(tls_server_on_sni(rig.server, on_server_sni, &chooser));
    rig_connect(&rig, &early);
    RUN_UNTIL(rig.loop, chooser.calls == 1, 5000);
    CHECK_OK(tls_server_add_context(rig.server, "localhost", context));
    CHECK_OK(tls_server_on_sni(rig.server, NULL, NULL));
    CHECK_OK(tls_request_resolve_context(chooser.request, NULL));
    RUN_UNTIL(rig.loop, early.secures == 1, 5000);
    CHECK_OK(tls_stream_destroy(early.stream));
    RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 5000);
    CHECK(!accepts(&rig, "localhost"));
    CHECK_OK(tls_context_free(context));
    rig_close(&rig);
}

static void s22_pair_answers(void) {
    make_contexts();
    for (int what = AT_ONCE; what <= WRONG; what++) {
        struct side client, server;
        struct chooser chooser = {.what = what, .context = other};
        open_sides(&client, &server, what == NONE ? "localhost" : "other.example");
        CHECK_EQUAL(tls_secure_pair_on_sni(client.pair, on_pair_sni, NULL), TLS_ERR_INVALID_STATE);
        CHECK_OK(tls_secure_pair_on_sni(server.pair, on_pair_sni, &chooser));
        CHECK_OK(tls_secure_pair_on_ready(server.pair, on_ready, &chooser));
        CHECK_OK(tls_secure_pair_start(client.pair));
        shuttle(client.pair, server.pair, 1);
        CHECK_EQUAL(chooser.calls, 1);
        /* What is answered inside the callback goes on by itself. */
        CHECK_EQUAL(chooser.ready, 0);
        if (what == REJECT) {
            CHECK_TEXT(server.log, "x c1");
            CHECK_TEXT(server.error_name, "ERR_TLS_UNRECOGNIZED_NAME");
            CHECK_PART(server.error_message, "not served here");
            CHECK_TEXT(client.log, "x c1");
            CHECK_TEXT(client.error_name, "ERR_SSL_TLSV1_UNRECOGNIZED_NAME");
        } else {
            CHECK_TEXT(client.log, "s");
            CHECK_TEXT(server.log, "s");
        }
        free_sides(&client, &server);
    }
    free_contexts();
}

static void *answer_elsewhere(void *argument) {
    struct chooser *chooser = argument;
    CHECK_OK(tls_request_resolve_context(chooser->request, chooser->context));
    return NULL;
}

static void s22_pair_answered_later_from_another_thread(void) {
    make_contexts();
    struct side client, server;
    struct chooser chooser = {.what = LATER, .context = other};
    open_sides(&client, &server, "other.example");
    CHECK_OK(tls_secure_pair_on_sni(server.pair, on_pair_sni, &chooser));
    CHECK_OK(tls_secure_pair_on_ready(server.pair, on_ready, &chooser));
    CHECK_OK(tls_secure_pair_write(server.pair, "early", 5));
    CHECK_OK(tls_secure_pair_start(client.pair));
    shuttle(client.pair, server.pair, 0);
    CHECK_EQUAL(chooser.calls, 1);
    /* It waits, and takes no more of what comes. */
    size_t consumed = 7;
    CHECK_OK(tls_secure_pair_feed(server.pair, "\x16\x03\x03", 3, &consumed));
    CHECK_EQUAL(consumed, 0);
    CHECK_EQUAL(server.secures, 0);
    in_a_thread(answer_elsewhere, &chooser);
    CHECK_EQUAL(chooser.ready, 1);
    CHECK_OK(tls_secure_pair_feed(server.pair, NULL, 0, NULL));
    shuttle(client.pair, server.pair, 0);
    CHECK_EQUAL(chooser.calls, 1);
    CHECK_TEXT(client.log, "s d5");
    CHECK_TEXT(server.log, "s");
    free_sides(&client, &server);
    free_contexts();
}

/* The request ends with its connection, and what comes too late does no harm. */
static void s22_request_outlives_its_pair(void) {
    struct question question;
    make_contexts();
    tls_request *request = open_question(&question);
    close_question(&question);
    CHECK_EQUAL(tls_request_resolve_context(request, other), TLS_ERR_INVALID_HANDLE);
    /* It was not used, so it is not frozen. */
    CHECK_OK(tls_context_set_max_version(other, "TLSv1.3"));
    /* A pair that ends by itself while it waits. */
    request = open_question(&question);
    CHECK_OK(tls_secure_pair_destroy(question.server.pair));
    CHECK_EQUAL(tls_request_reject(request, NULL), TLS_ERR_INVALID_HANDLE);
    CHECK_TEXT(question.server.log, "c0");
    close_question(&question);
    /* The transport ends: the waiting is over. */
    request = open_question(&question);
    CHECK_EQUAL(tls_secure_pair_feed_eof(question.server.pair), TLS_ERR_RESET);
    CHECK_TEXT(question.server.log, "x c1");
    CHECK_EQUAL(tls_request_reject(request, NULL), TLS_ERR_INVALID_HANDLE);
    close_question(&question);
    /* Answered with a context that cannot be used, it stays open. */
    request = open_question(&question);
    CHECK_EQUAL(tls_request_resolve_context(request, clients), TLS_ERR_INVALID_STATE);
    CHECK_OK(tls_request_resolve_context(request, other));
    close_question(&question);
    free_contexts();
}

static void s22_stream_answers(void) {
    for (int what = LATER; what <= DESTROY; what++) {
        struct rig rig;
        struct witness client = {0};
        struct chooser chooser = {.what = what, .context = other_context()};
        rig_open(&rig);
        CHECK_OK(tls_server_on_sni(rig.server, on_server_sni, &chooser));
        tls_connect_options *options = tls_connect_options_new();
        CHECK_OK(tls_connect_options_set_servername(options, what == NONE ? "localhost" : "other.example"));
        rig_connect_by(&rig, &client, options);
        RUN_UNTIL(rig.loop, chooser.calls == 1, 5000);
        if (what == LATER) {
            run_for(rig.loop, 20);
            CHECK_EQUAL(client.secures, 0);
            CHECK_EQUAL(tls_server_connections(rig.server), 1);
            in_a_thread(answer_elsewhere, &chooser);
        }
        bool ends = what == REJECT || what == DESTROY;
        RUN_UNTIL(rig.loop, ends ? client.closes == 1 : client.secures == 1 && rig.connections == 1, 5000);
        CHECK_EQUAL(chooser.calls, 1);
        CHECK_TEXT(chooser.name, what == NONE ? "localhost" : "other.example");
        if (what == REJECT) {
            CHECK_EQUAL(rig.client_errors, 1);
            CHECK_TEXT(rig.client_error_name, "ERR_TLS_UNRECOGNIZED_NAME");
            CHECK_TEXT(client.error_name, "ERR_SSL_TLSV1_UNRECOGNIZED_NAME");
        } else if (what == DESTROY) {
            /* c048: destroyed inside, it tells nothing more, and the request is gone with it. */
            CHECK_EQUAL(rig.client_errors, 0);
            CHECK_EQUAL(tls_request_reject(chooser.request, NULL), TLS_ERR_INVALID_HANDLE);
        } else {
            CHECK_TEXT(tls_stream_servername(rig.accepted.stream), chooser.name);
            CHECK_OK(tls_stream_destroy(client.stream));
        }
        CHECK_OK(tls_context_free(chooser.context));
        rig_close(&rig);
    }
}

/* c047: who is never answered ends by the handshake timeout. */
static void c047_a_request_that_is_never_answered(void) {
    struct rig rig;
    struct witness client = {0};
    struct chooser chooser = {.what = LATER};
    rig_open(&rig);
    CHECK_OK(tls_server_set_handshake_timeout(rig.server, 100));
    CHECK_OK(tls_server_on_sni(rig.server, on_server_sni, &chooser));
    rig_connect(&rig, &client);
    RUN_UNTIL(rig.loop, rig.client_errors == 1 && client.closes == 1, 5000);
    CHECK_TEXT(rig.client_error_name, "ERR_TLS_HANDSHAKE_TIMEOUT");
    CHECK_EQUAL(tls_request_resolve_context(chooser.request, NULL), TLS_ERR_INVALID_HANDLE);
    rig_close(&rig);
}

/* A client that goes away while the server waits: one client error, and the answer is harmless. */
static void c047_the_client_goes_while_the_server_waits(void) {
    struct rig rig;
    struct witness client = {0};
    struct chooser chooser = {.what = LATER};
    rig_open(&rig);
    CHECK_OK(tls_server_on_sni(rig.server, on_server_sni, &chooser));
    rig_connect(&rig, &client);
    RUN_UNTIL(rig.loop, chooser.calls == 1, 5000);
    CHECK_OK(tls_stream_destroy(client.stream));
    RUN_UNTIL(rig.loop, rig.client_errors == 1 && tls_server_connections(rig.server) == 0, 5000);
    CHECK_EQUAL(rig.client_error_status, TLS_ERR_RESET);
    CHECK_EQUAL(tls_request_resolve_context(chooser.request, NULL), TLS_ERR_INVALID_HANDLE);
    rig_close(&rig);
}

/* Everything that OpenSSL would leave as the first context had it. `set` changes the context that is
 * switched to, or the first one. */
struct policy {
    const char *what;
    void (*set)(tls_context *context);
    bool with_certificate;
    /* The log of the client; with it, the protocol and a part of the cipher's name. */
    const char *log, *protocol, *cipher;
};

static void require_certificates(tls_context *context) {
    CHECK_OK(tls_context_add_ca_file(context, certificate_path("ca.pem")));
    CHECK_OK(tls_context_set_client_auth(context, TLS_CLIENT_AUTH_REQUIRE));
}
static void request_certificates(tls_context *context) {
    CHECK_OK(tls_context_add_ca_file(context, certificate_path("ca.pem")));
    CHECK_OK(tls_context_set_client_auth(context, TLS_CLIENT_AUTH_REQUEST));
}
static void only_tls12(tls_context *context) {
    CHECK_OK(tls_context_set_max_version(context, "TLSv1.2"));
}
static void only_tls13(tls_context *context) {
    CHECK_OK(tls_context_set_min_version(context, "TLSv1.3"));
}
static void one_cipher(tls_context *context) {
    CHECK_OK(tls_context_set_max_version(context, "TLSv1.2"));
    CHECK_OK(tls_context_set_ciphers(context, "ECDHE-ECDSA-AES256-GCM-SHA384"));
}
static void one_suite(tls_context *context) {
    CHECK_OK(tls_context_set_ciphers(context, "TLS_CHACHA20_POLY1305_SHA256"));
}
static void p384_only(tls_context *context) {
    CHECK_OK(tls_context_set_groups(context, "P-384"));
}

static void s22_the_whole_policy_of_the_chosen_context_counts(void) {
    static const struct policy policies[] = {
        {"certificate required, none given", require_certificates, false, "x c1", NULL, NULL},
        {"certificate required and given", require_certificates, true, "s", "TLSv1.3", ""},
        {"certificate requested, none given", request_certificates, false, "s", "TLSv1.3", ""},
        {"TLS 1.2 only", only_tls12, false, "s", "TLSv1.2", ""},
        {"TLS 1.3 only", only_tls13, false, "s", "TLSv1.3", ""},
        {"one cipher", one_cipher, false, "s", "TLSv1.2", "AES256-GCM-SHA384"},
        {"one suite", one_suite, false, "s", "TLSv1.3", "CHACHA20"},
        /* The client's key share is for another group: the decision stands after its second hello. */
        {"P-384 after a HelloRetryRequest", p384_only, false, "s", "TLSv1.3", ""},
    };
    for (size_t i = 0; i < 2 * sizeof policies / sizeof policies[0]; i++) {
        const struct policy *policy = &policies[i / 2];
        /* By the callback, and by the table. */
        bool by_table = i % 2 == 1;
        struct side client, server;
        struct chooser chooser = {.what = AT_ONCE};
        make_contexts();
        policy->set(other);
        chooser.context = other;
        if (policy->with_certificate) {
            CHECK_OK(tls_context_free(clients));
            clients = client_context_with_identity();
        }
        open_sides(&client, &server, "other.example");
        if (by_table) {
            CHECK_OK(tls_secure_pair_add_context(server.pair, "other.example", other));
        } else {
            CHECK_OK(tls_secure_pair_on_sni(server.pair, on_pair_sni, &chooser));
        }
        CHECK_OK(tls_secure_pair_start(client.pair));
        shuttle(client.pair, server.pair, 0);
        check_text(policy->log[0] == 's' ? client.log : server.log, policy->log, policy->what, __FILE__, __LINE__);
        if (policy->protocol != NULL) {
            check_text(tls_secure_pair_protocol(client.pair), policy->protocol, policy->what, __FILE__, __LINE__);
            check_part(tls_secure_pair_cipher_name(client.pair), policy->cipher, policy->what, __FILE__, __LINE__);
            CHECK_EQUAL(tls_secure_pair_authorized(server.pair), policy->with_certificate);
        }
        CHECK_EQUAL(chooser.calls, by_table ? 0 : 1);
        free_sides(&client, &server);
        free_contexts();
    }
}

/* The other way round: what the first context demands does not bind the one that is switched to. */
static void s22_nothing_of_the_first_context_is_left(void) {
    static const struct policy policies[] = {
        {"certificate required", require_certificates, false, "s", "TLSv1.3", ""},
        {"TLS 1.2 only", only_tls12, false, "s", "TLSv1.3", ""},
        {"one cipher", one_cipher, false, "s", "TLSv1.3", ""},
        {"P-384 only", p384_only, false, "s", "TLSv1.3", ""},
    };
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        struct side client, server;
        make_contexts();
        policies[i].set(servers);
        CHECK_OK(tls_context_set_groups(clients, "X25519"));
        open_sides(&client, &server, "other.example");
        CHECK_OK(tls_secure_pair_add_context(server.pair, "other.example", other));
        CHECK_OK(tls_secure_pair_start(client.pair));
        shuttle(client.pair, server.pair, 0);
        check_text(client.log, "s", policies[i].what, __FILE__, __LINE__);
        check_text(tls_secure_pair_protocol(client.pair), policies[i].protocol, policies[i].what, __FILE__, __LINE__);
        free_sides(&client, &server);
        free_contexts();
    }
}

/* A session of one context is no way past the policy of another. */
static void s22_sessions_do_not_cross_contexts(void) {
    make_contexts();
    tls_context *strict = other_context();
    require_certificates(strict);
    CHECK_OK(tls_context_set_max_version(clients, "TLSv1.2"));
    uint8_t session[8192];
    size_t length = 0;
    for (int turn = 0; turn < 3; turn++) {
        struct side client, server;
        open_sides(&client, &server, "other.example");
        CHECK_OK(tls_secure_pair_add_context(server.pair, "other.example", turn < 2 ? other : strict));
        if (turn > 0) {
            CHECK_OK(tls_secure_pair_set_session(client.pair, session, length));
        }
        CHECK_OK(tls_secure_pair_start(client.pair));
        shuttle(client.pair, server.pair, 0);
        CHECK_EQUAL(tls_secure_pair_session_reused(client.pair), turn == 1);
        CHECK_TEXT(client.log, turn < 2 ? "s" : "x c1");
        if (turn == 0) {
            const uint8_t *bytes = tls_secure_pair_session(client.pair, &length);
            REQUIRE(bytes != NULL && length <= sizeof session);
            memcpy(session, bytes, length);
        }
        free_sides(&client, &server);
    }
    CHECK_OK(tls_context_free(strict));
    free_contexts();
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s57_contexts_by_name_on_a_pair);
    RUN(s57_removed_from_a_pair);
    RUN(s57_what_cannot_be_added_is_refused);
    RUN(s57_replaced_and_removed_while_serving);
    RUN(c105_changes_are_for_connections_to_come);
    RUN(s22_pair_answers);
    RUN(s22_pair_answered_later_from_another_thread);
    RUN(s22_request_outlives_its_pair);
    RUN(s22_stream_answers);
    RUN(c047_a_request_that_is_never_answered);
    RUN(c047_the_client_goes_while_the_server_waits);
    RUN(s22_the_whole_policy_of_the_chosen_context_counts);
    RUN(s22_nothing_of_the_first_context_is_left);
    RUN(s22_sessions_do_not_cross_contexts);
    return check_end();
}
