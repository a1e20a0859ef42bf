/* Callbacks that decide badly: they say no, answer twice or never, or destroy what they decide about
 * (cases 48 and 88). Handshakes fail cleanly, and the next one is served. */
#include "support.h"

#include <string.h>

static struct rig rig;

/* What a callback does with its request. */
enum deed {
    ACCEPT,
    REJECT,
    /* A certificate: no. A name: a context that cannot serve, and then no. */
    REFUSE,
    ANSWER_TWICE,
    WRONG_KIND,
    DESTROY,
    DESTROY_AND_ANSWER,
    ANSWER_AND_DESTROY,
    DESTROY_SERVER,
    /* Nothing yet: the test goes on with it. */
    KEEP,
    DEEDS
};

static struct decision {
    enum deed deed;
    /* The request is about a server name, not about a certificate. */
    bool is_name;
    int calls;
    tls_request *request;
    tls_stream *stream;
} decision;

static tls_status say(tls_request *request, bool accept) {
    if (!accept) {
        return tls_request_reject(request, "the test says no");
    }
    return decision.is_name ? tls_request_resolve_context(request, NULL) : tls_request_resolve_verdict(request, 1);
}

static void refuse(tls_request *request) {
    if (decision.is_name) {
        CHECK_EQUAL(tls_request_resolve_context(request, rig.client_context), TLS_ERR_INVALID_STATE);
        CHECK_OK(say(request, false));
    } else {
        CHECK_OK(tls_request_resolve_verdict(request, 0));
    }
}

static void decide(tls_stream *stream, tls_request *request) {
    decision.calls++;
    decision.request = request;
    decision.stream = stream;
    CHECK_EQUAL(tls_stream_secure(stream), 0);
    switch (decision.deed) {
    case ACCEPT:
        CHECK_OK(say(request, true));
        break;
    case REJECT:
        CHECK_OK(say(request, false));
        break;
    case REFUSE:
        refuse(request);
        break;
    case ANSWER_TWICE:
        CHECK_OK(say(request, false));
        CHECK_EQUAL(say(request, true), TLS_ERR_INVALID_HANDLE);
        break;
    case WRONG_KIND:
        CHECK_EQUAL(decision.is_name ? tls_request_resolve_verdict(request, 1)
                                     : tls_request_resolve_context(request, rig.server_context),
            TLS_ERR_INVALID_ARGUMENT);
        CHECK_OK(say(request, false));
        break;
    case DESTROY:
        CHECK_OK(tls_stream_destroy(stream));
        break;
    case DESTROY_AND_ANSWER:
        CHECK_OK(tls_stream_destroy(stream));
        say(request, true);
        break;
    case ANSWER_AND_DESTROY:
        CHECK_OK(say(request, true));
        CHECK_OK(tls_stream_destroy(stream));
        break;
    case DESTROY_SERVER:
        CHECK_OK(tls_server_destroy(rig.server));
        break;
    default:
        break;
    }
}

static void on_sni(tls_server *server, tls_stream *stream, const char *name, tls_request *request, void *user_data) {
    CHECK(server == rig.server);
    CHECK_TEXT(name, "localhost");
    decide(stream, request);
}

static void on_check_certificate(tls_server *server, tls_stream *stream, const tls_certificate *certificate,
    tls_request *request, void *user_data) {
    CHECK(server == rig.server && certificate != NULL);
    decide(stream, request);
}

static void on_check_identity(tls_stream *stream, const tls_certificate *certificate, const char *name,
    tls_request *request, void *user_data) {
    CHECK(certificate != NULL);
    CHECK_TEXT(name, "localhost");
    decide(stream, request);
}

static void start(enum deed deed, bool is_name) {
    rig_open(&rig);
    decision = (struct decision){.deed = deed, .is_name = is_name};
}

static bool destroys(enum deed deed) {
    return deed == DESTROY || deed == DESTROY_AND_ANSWER || deed == ANSWER_AND_DESTROY || deed == DESTROY_SERVER;
}

/* Nobody is left on the loop, and requests of the dead are dead. */
static void finish(void) {
    struct witness client = {0};
    CHECK_EQUAL(say(decision.request, true), TLS_ERR_INVALID_HANDLE);
    CHECK_EQUAL(decision.calls, 1);
    if (rig.closes == 0) {
        CHECK_OK(tls_server_on_sni(rig.server, NULL, NULL));
        CHECK_OK(tls_server_on_check_certificate(rig.server, NULL, NULL));
        RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 2000);
        rig_connect_secure(&rig, &client);
    }
    rig_close(&rig);
}

/* A server that decides about `client`: what it told of it. */
static void check_server_side(struct witness *client, enum deed deed) {
    RUN_UNTIL(rig.loop, client->closes == 1, 2000);
    CHECK_EQUAL(client->errors + client->ends, 1);
    if (deed == DESTROY_SERVER) {
        RUN_UNTIL(rig.loop, rig.closes == 1, 2000);
        CHECK_EQUAL(rig.client_errors, 0);
    } else if (destroys(deed)) {
        RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 2000);
        CHECK_EQUAL(rig.client_errors, 0);
        CHECK_EQUAL(rig.connections, 0);
    } else {
        RUN_UNTIL(rig.loop, rig.failed.closes == 1, 2000);
        rig_check_client_error(&rig, rig.client_error_status, NULL);
    }
}

static void c048_server_name(void) {
    for (enum deed deed = REJECT; deed < KEEP; deed++) {
        struct witness client = {0};
        start(deed, true);
        CHECK_OK(tls_server_on_sni(rig.server, on_sni, NULL));
        rig_connect(&rig, &client);
        check_server_side(&client, deed);
        if (!destroys(deed)) {
            CHECK_PART(rig.client_error_message, "the test says no");
            CHECK_PART(client.error_name, "UNRECOGNIZED_NAME");
        }
        finish();
    }
}

/* The same, answered when the callback is long over. */
static void c048_server_name_later(void) {
    for (enum deed deed = REJECT; deed < KEEP; deed++) {
        struct witness client = {0};
        start(KEEP, true);
        CHECK_OK(tls_server_on_sni(rig.server, on_sni, NULL));
        rig_connect(&rig, &client);
        RUN_UNTIL(rig.loop, decision.calls == 1, 2000);
        run_for(rig.loop, 5);
        decision.deed = deed;
        decision.calls = 0;
        decide(decision.stream, decision.request);
        check_server_side(&client, deed);
        finish();
    }
}

/* A client with a certificate that a server's callback decides about. */
static void connect_with_certificate(struct witness *client) {
    CHECK_OK(tls_server_set_request_cert(rig.server, 1));
    CHECK_OK(tls_server_set_reject_unauthorized(rig.server, 1));
    CHECK_OK(tls_server_on_check_certificate(rig.server, on_check_certificate, NULL));
    CHECK_OK(tls_context_free(rig.client_context));
    rig.client_context = client_context_with_identity();
    rig_connect(&rig, client);
    /* What it writes early must not be delivered before the decision, nor after a no. */
    CHECK_OK(tls_stream_write(client->stream, "early", 5));
}

static void c048_client_certificate(void) {
    for (enum deed deed = REJECT; deed < KEEP; deed++) {
        for (int later = 0; later < 2; later++) {
            struct witness client = {0};
            start(later ? KEEP : deed, false);
            connect_with_certificate(&client);
            if (later) {
                RUN_UNTIL(rig.loop, decision.calls == 1, 2000);
                run_for(rig.loop, 20);
                CHECK_EQUAL(rig.connections, 0);
                decision.deed = deed;
                decision.calls = 0;
                decide(decision.stream, decision.request);
            }
            RUN_UNTIL(rig.loop, client.closes == 1, 2000);
            if (!destroys(deed)) {
                RUN_UNTIL(rig.loop, rig.failed.closes == 1, 2000);
                CHECK_EQUAL(rig.client_error_status, TLS_ERR_VERIFY);
                rig_check_client_error(&rig, TLS_ERR_VERIFY, NULL);
            } else {
                CHECK_EQUAL(rig.client_errors, 0);
            }
            CHECK_EQUAL(rig.connections, 0);
            finish();
        }
    }
}

static struct witness client;

static void connect_and_ask(void) {
    memset(&client, 0, sizeof client);
    rig_connect(&rig, &client);
    CHECK_OK(tls_stream_on_check_identity(client.stream, on_check_identity, NULL));
    CHECK_OK(tls_stream_write(client.stream, "secret", 6));
}

/* The client's no, in all its forms: the server never sees what was written. */
static void c088_identity_is_refused(void) {
    for (enum deed deed = REJECT; deed < DESTROY_SERVER; deed++) {
        for (int later = 0; later < 2; later++) {
            start(later ? KEEP : deed, false);
            connect_and_ask();
            if (later) {
                RUN_UNTIL(rig.loop, decision.calls == 1, 2000);
                run_for(rig.loop, 20);
                decision.deed = deed;
                decision.calls = 0;
                decide(decision.stream, decision.request);
            }
            RUN_UNTIL(rig.loop, client.closes == 1, 2000);
            if (destroys(deed)) {
                CHECK_TEXT(client.order, "c");
            } else {
                CHECK_TEXT(client.order, "xc");
                CHECK_EQUAL(client.status, TLS_ERR_VERIFY);
            }
            RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 2000);
            CHECK_EQUAL(rig.accepted.received, 0);
            rig.accepted = (struct witness){0};
            finish();
        }
    }
}

/* The check takes its time: meanwhile nothing is secure, nothing is sent, and others are served. */
static void c088_identity_takes_its_time(void) {
    static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};
    for (int i = 0; i < 2; i++) {
        struct witness other = {0};
        start(KEEP, false);
        CHECK_OK(tls_context_set_max_version(rig.client_context, versions[i]));
        connect_and_ask();
        RUN_UNTIL(rig.loop, decision.calls == 1, 2000);
        rig.accepted.several = true;
        rig_connect_secure(&rig, &other);
        run_for(rig.loop, 200);
        CHECK_EQUAL(client.secures, 0);
        CHECK_EQUAL(tls_stream_secure(client.stream), 0);
        CHECK_EQUAL(rig.accepted.received, 0);
        /* The full hellos and no more. */
        uint64_t sent = tls_stream_bytes_written(client.stream);
        run_for(rig.loop, 20);
        CHECK_EQUAL(tls_stream_bytes_written(client.stream), sent);
        CHECK_OK(tls_request_resolve_verdict(decision.request, 1));
        RUN_UNTIL(rig.loop, client.secures == 1 && rig.accepted.received == 6, 2000);
        CHECK_EQUAL(tls_stream_authorized(client.stream), 1);
        CHECK_OK(tls_stream_end(client.stream));
        CHECK_OK(tls_stream_end(other.stream));
        RUN_UNTIL(rig.loop, client.closes == 1 && other.closes == 1, 2000);
        rig.accepted = (struct witness){0};
        finish();
    }
}

/* The server does not wait for the answer and resets: the question is gone with the connection. */
static void c088_server_gives_up_first(void) {
    start(KEEP, false);
    CHECK_OK(tls_server_set_handshake_timeout(rig.server, 200 * (uint64_t)patience()));
    connect_and_ask();
    RUN_UNTIL(rig.loop, decision.calls == 1, 2000);
    RUN_UNTIL(rig.loop, rig.client_errors == 1 && client.closes == 1, 3000);
    CHECK_TEXT(client.order, "xc");
    CHECK_TEXT(client.error_name, "ECONNRESET");
    CHECK_OK(tls_server_set_handshake_timeout(rig.server, 0));
    finish();
}

/* The server ends in good order: what it said before may be all, so the client waits for its program. */
static void c088_server_ends_first(void) {
    start(KEEP, false);
    connect_and_ask();
    RUN_UNTIL(rig.loop, decision.calls == 1, 2000);
    CHECK_OK(tls_server_destroy(rig.server));
    RUN_UNTIL(rig.loop, rig.closes == 1, 2000);
    run_for(rig.loop, 20);
    if (client.closes == 0) {
        CHECK_OK(tls_request_resolve_verdict(decision.request, 1));
    }
    RUN_UNTIL(rig.loop, client.closes == 1, 2000);
    CHECK_EQUAL(client.errors + client.ends, 1);
    finish();
}

/* The loop ends with the question open. */
static void c048_loop_ends_first(void) {
    for (int about_identity = 0; about_identity < 2; about_identity++) {
        start(KEEP, !about_identity);
        if (about_identity) {
            connect_and_ask();
        } else {
            memset(&client, 0, sizeof client);
            CHECK_OK(tls_server_on_sni(rig.server, on_sni, NULL));
            rig_connect(&rig, &client);
        }
        RUN_UNTIL(rig.loop, decision.calls == 1, 2000);
        CHECK_OK(tls_loop_free(rig.loop));
        CHECK_EQUAL(client.closes, 1);
        CHECK_EQUAL(rig.closes, 1);
        CHECK_EQUAL(say(decision.request, true), TLS_ERR_INVALID_HANDLE);
        CHECK_OK(tls_context_free(rig.server_context));
        CHECK_OK(tls_context_free(rig.client_context));
    }
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c048_server_name);
    RUN(c048_server_name_later);
    RUN(c048_client_certificate);
    RUN(c048_loop_ends_first);
    RUN(c088_identity_is_refused);
    RUN(c088_identity_takes_its_time);
    RUN(c088_server_gives_up_first);
    RUN(c088_server_ends_first);
    return check_end();
}
