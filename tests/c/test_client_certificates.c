/* Servers that ask for a certificate (S19, S20), clients that have one or not (S32): what each side
 * is told, over sockets and by pairs. */
#include "pairs.h"

#include <stdlib.h>
#include <string.h>

#define ALERT "ERR_SSL_SSLV3_ALERT_"

/* What the client shows, the server's trust, the reason there, and what the client hears of it. */
static const struct {
    const char *client, *ca, *crl;
    const char *reason;
    const char *alert, *alert_in_1_2;
    const char *hint;
} cases[] = {
    {"client", "ca.pem", NULL, NULL, NULL, NULL, NULL},
    {"client", "ca.pem", "crl.pem", NULL, NULL, NULL, NULL},
    {NULL, "ca.pem", NULL, "UNABLE_TO_GET_ISSUER_CERT", "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
        ALERT "HANDSHAKE_FAILURE", "client certificate"},
    {"client", "other-ca.pem", NULL, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", NULL,
        "does not trust the CA"},
    {"client-self-signed", "ca.pem", NULL, "DEPTH_ZERO_SELF_SIGNED_CERT", "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", NULL,
        "does not trust the CA"},
    {"client-expired", "ca.pem", NULL, "CERT_HAS_EXPIRED", ALERT "CERTIFICATE_EXPIRED", NULL, "renew it"},
    {"server", "ca.pem", NULL, "INVALID_PURPOSE", ALERT "UNSUPPORTED_CERTIFICATE", NULL,
        "client authentication"},
    {"client-revoked", "ca.pem", "crl.pem", "CERT_REVOKED", ALERT "CERTIFICATE_REVOKED", NULL, "revoked"},
    {"client", "ca.pem", "crl-expired.pem", "CRL_HAS_EXPIRED", ALERT "CERTIFICATE_EXPIRED", NULL, "expired"},
    {"client", "ca.pem", "crl-root.pem", "UNABLE_TO_GET_CRL", "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", NULL,
        "revocation list"},
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* Under valgrind a third of the combinations, of each case at least one. */
static int step(void) {
    return runs_natively() ? 1 : 3;
}

static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};

static tls_context *servers_of(int i, const char *version) {
    tls_context *context = tls_context_new();
    use_identity(context, "server");
    CHECK_OK(tls_context_add_ca_file(context, certificate_path(cases[i].ca)));
    if (cases[i].crl != NULL) {
        CHECK_OK(tls_context_add_crl_file(context, certificate_path(cases[i].crl)));
    }
    CHECK_OK(tls_context_set_max_version(context, version));
    return context;
}

static tls_context *clients_of(int i) {
    tls_context *context = client_context();
    use_identity(context, cases[i].client);
    return context;
}

static const char *alert_of(int i, int version) {
    return version == 0 && cases[i].alert_in_1_2 != NULL ? cases[i].alert_in_1_2 : cases[i].alert;
}

/* The server's policy does not refuse this client. */
static void check_served(int i, struct rig *rig, struct witness *client) {
    RUN_UNTIL(rig->loop, client->received == 5, 5000);
    CHECK_EQUAL(rig->connections, 1);
    CHECK_EQUAL(rig->client_errors, 0);
    CHECK_TEXT(client->order, "sd");
    tls_stream *accepted = rig->accepted.stream;
    CHECK_EQUAL(tls_stream_authorized(accepted), cases[i].reason == NULL);
    CHECK_TEXT(tls_stream_authorization_error(accepted), cases[i].reason);
    tls_certificate *certificate = tls_stream_peer_certificate(accepted);
    CHECK_EQUAL(certificate != NULL, cases[i].client != NULL);
    CHECK_OK(tls_certificate_free(certificate));
}

/* The server refuses: no connection there, one client error; the client reads the alert, which on TLS
 * 1.3 comes after its own handshake is over. */
static void check_refused(int i, int version, struct rig *rig, struct witness *client) {
    RUN_UNTIL(rig->loop, client->closes == 1 && rig->failed.closes == 1, 5000);
    CHECK_EQUAL(rig->connections, 0);
    CHECK_EQUAL(rig->client_errors, 1);
    CHECK_EQUAL(rig->client_error_status, TLS_ERR_VERIFY);
    CHECK_TEXT(rig->client_error_name, cases[i].reason);
    CHECK_TEXT(client->order, version == 0 ? "xc" : "sxc");
    CHECK_EQUAL(client->had_error, 1);
    CHECK_EQUAL(client->status, TLS_ERR_TLS);
    CHECK_TEXT(client->error_name, alert_of(i, version));
    CHECK_PART(client->error_message, cases[i].hint);
    CHECK_EQUAL(client->received, 0);
    CHECK_EQUAL(rig->failed.received, 0);
}

static void greet(struct rig *rig, tls_stream *stream) {
    uint8_t pattern[5];
    watch(&rig->accepted, stream);
    fill_pattern(pattern, sizeof pattern, 0);
    CHECK_OK(tls_stream_write(stream, pattern, sizeof pattern));
}

static void s19_s20_c087_by_stream(void) {
    for (int run = 0; run < 4 * CASES; run += step()) {
        int i = run / 4, reject = run / 2 % 2, version = run % 2;
        struct rig rig;
        struct witness client = {0};
        rig_prepare_with(&rig, tls_loop_new(), servers_of(i, versions[version]));
        rig_use_clients(&rig, clients_of(i));
        CHECK_OK(tls_server_set_request_cert(rig.server, 1));
        CHECK_OK(tls_server_set_reject_unauthorized(rig.server, reject));
        rig.on_connection = greet;
        rig_listen(&rig);
        /* What is written early does not stand in the alert's way. */
        CHECK_OK(tls_stream_write(rig_connect(&rig, &client), "early", 5));
        if (cases[i].reason == NULL || !reject) {
            check_served(i, &rig, &client);
        } else {
            check_refused(i, version, &rig, &client);
        }
        rig_close(&rig);
    }
}

/* A client that is still writing when it is refused: its socket is reset, and it reads the alert all
 * the same. */
static void s20_c087_the_alert_before_the_reset(void) {
    enum { LENGTH = 4 << 20 };
    struct rig rig;
    struct witness client = {0};
    char *data = calloc(1, LENGTH);
    REQUIRE(data != NULL);
    rig_prepare(&rig);
    CHECK_OK(tls_server_set_request_cert(rig.server, 1));
    CHECK_OK(tls_server_set_reject_unauthorized(rig.server, 1));
    rig_listen(&rig);
    CHECK_EQUAL(tls_stream_write(rig_connect(&rig, &client), data, LENGTH), TLS_FULL);
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.failed.closes == 1, 5000);
    CHECK_TEXT(client.order, "sxc");
    CHECK_TEXT(client.error_name, "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED");
    CHECK_TEXT(rig.client_error_name, "UNABLE_TO_GET_ISSUER_CERT");
    rig_close(&rig);
    free(data);
}

static void s19_s20_c087_by_pair(void) {
    for (int run = 0; run < 4 * CASES; run += step()) {
        int i = run / 4, reject = run / 2 % 2, version = run % 2;
        struct side client, server;
        tls_context *servers = servers_of(i, versions[version]), *clients = clients_of(i);
        side_open_client(&client, clients);
        memset(&server, 0, sizeof server);
        side_watch(&server, tls_secure_pair_new(servers, 1, 1, reject));
        CHECK_OK(tls_secure_pair_start(client.pair));
        shuttle(client.pair, server.pair, 0);
        if (cases[i].reason == NULL || !reject) {
            CHECK_TEXT(server.log, "s");
            CHECK_TEXT(client.log, "s");
            CHECK_EQUAL(tls_secure_pair_authorized(server.pair), cases[i].reason == NULL);
            CHECK_TEXT(tls_secure_pair_authorization_error(server.pair), cases[i].reason);
        } else {
            CHECK_TEXT(server.log, "x c1");
            CHECK_EQUAL(server.status, TLS_ERR_VERIFY);
            CHECK_TEXT(server.error_name, cases[i].reason);
            CHECK_TEXT(client.log, version == 0 ? "x c1" : "s x c1");
            CHECK_TEXT(client.error_name, alert_of(i, version));
            CHECK_PART(client.error_message, cases[i].hint);
        }
        side_free(&client);
        side_free(&server);
        CHECK_OK(tls_context_free(servers));
        CHECK_OK(tls_context_free(clients));
    }
}

/* Not asked for: not looked at, however good or bad, and no reason is given. To refuse without asking
 * refuses nobody. */
static void s19_s63_s64_not_asked_for(void) {
    static const char *const shown[] = {NULL, "client", "client-expired"};
    for (int run = 0; run < 6; run++) {
        struct rig rig;
        struct witness client = {0};
        tls_context *clients = client_context();
        use_identity(clients, shown[run / 2]);
        rig_prepare_with(&rig, tls_loop_new(), server_context());
        rig_use_clients(&rig, clients);
        CHECK_OK(tls_server_set_reject_unauthorized(rig.server, run % 2));
        rig_listen(&rig);
        rig_connect_secure(&rig, &client);
        CHECK_EQUAL(tls_stream_authorized(client.stream), 1);
        CHECK(tls_stream_authorization_error(client.stream) == NULL);
        CHECK_EQUAL(tls_stream_authorized(rig.accepted.stream), 0);
        CHECK(tls_stream_authorization_error(rig.accepted.stream) == NULL);
        CHECK(tls_stream_peer_certificate(rig.accepted.stream) == NULL);
        rig_close(&rig);
    }
}

/* The switches take 0 and 1; what else is given is refused and changes nothing. */
static void s20_s33_c074_garbage_in_the_switches(void) {
    static const int32_t garbage[] = {2, -1, 255, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        struct rig rig;
        struct witness client = {0};
        rig_prepare(&rig);
        CHECK_OK(tls_server_set_request_cert(rig.server, 1));
        CHECK_OK(tls_server_set_reject_unauthorized(rig.server, 1));
        CHECK_EQUAL(tls_server_set_request_cert(rig.server, garbage[i]), TLS_ERR_INVALID_ARGUMENT);
        CHECK_EQUAL(tls_server_set_reject_unauthorized(rig.server, garbage[i]), TLS_ERR_INVALID_ARGUMENT);
        rig_listen(&rig);
        rig_connect(&rig, &client);
        RUN_UNTIL(rig.loop, client.closes == 1 && rig.client_errors == 1, 5000);
        CHECK_EQUAL(rig.connections, 0);
        CHECK_TEXT(rig.client_error_name, "UNABLE_TO_GET_ISSUER_CERT");
        rig_close(&rig);
        CHECK(tls_secure_pair_new(NULL, 0, 0, garbage[i]) == NULL);
    }
}

/* How a client treats a server that it does not trust: never set, garbage, 1, and 0. */
static void s33_s62_s63_s64_c074_what_turns_verification_off(void) {
    static const int32_t given[] = {-7, 2, INT32_MAX, 1, 0};
    for (int i = -1; i < 5; i++) {
        struct rig rig;
        struct witness client = {0};
        rig_prepare(&rig);
        rig_listen(&rig);
        tls_context *stranger = tls_context_new();
        CHECK_OK(tls_context_add_ca_file(stranger, certificate_path("other-ca.pem")));
        tls_connect_options *options = tls_connect_options_new();
        CHECK_OK(tls_connect_options_set_context(options, stranger));
        CHECK_OK(tls_connect_options_set_servername(options, "localhost"));
        if (i >= 0) {
            CHECK_EQUAL(tls_connect_options_set_reject_unauthorized(options, given[i]),
                given[i] == 0 || given[i] == 1 ? TLS_OK : TLS_ERR_INVALID_ARGUMENT);
        }
        tls_stream *stream = tls_connect(rig.loop, rig.port, "127.0.0.1", options, NULL, NULL);
        REQUIRE(stream != NULL);
        watch(&client, stream);
        CHECK_OK(tls_connect_options_free(options));
        CHECK_OK(tls_context_free(stranger));
        RUN_UNTIL(rig.loop, client.secures + client.closes > 0, 5000);
        if (i >= 0 && given[i] == 0) {
            CHECK_TEXT(client.order, "s");
            CHECK_EQUAL(tls_stream_authorized(stream), 0);
            CHECK_TEXT(tls_stream_authorization_error(stream), "UNABLE_TO_GET_ISSUER_CERT_LOCALLY");
        } else {
            CHECK_TEXT(client.order, "xc");
            CHECK_TEXT(client.error_name, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY");
            CHECK_PART(client.error_message, "tls_context_add_ca");
        }
        rig_close(&rig);
    }
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s19_s20_c087_by_stream);
    RUN(s20_c087_the_alert_before_the_reset);
    RUN(s19_s20_c087_by_pair);
    RUN(s19_s63_s64_not_asked_for);
    RUN(s20_s33_c074_garbage_in_the_switches);
    RUN(s33_s62_s63_s64_c074_what_turns_verification_off);
    return check_end();
}
