/* Whom a pair trusts (S40): names to ask for and to verify, client certificates, resumed sessions. */
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

/* A client that verifies needs a name before it starts, and keeps it afterwards. */
static void s40_name_before_start(void) {
    make_contexts("TLSv1.3");
    size_t length = 0;
    char byte;
    struct side client, server;
    tls_secure_pair *pair = tls_secure_pair_new(clients, 0, 0, 1);
    CHECK_EQUAL(tls_secure_pair_start(pair), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_secure_pair_write(pair, "x", 1), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_secure_pair_take(pair, &byte, 1, &length), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_secure_pair_feed(pair, "x", 1, NULL), TLS_ERR_INVALID_STATE);
    CHECK_OK(tls_secure_pair_set_servername(pair, "localhost"));
    CHECK_OK(tls_secure_pair_start(pair));
    CHECK_OK(tls_secure_pair_start(pair));
    CHECK_EQUAL(tls_secure_pair_set_servername(pair, "localhost"), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_secure_pair_set_verify_name(pair, "localhost"), TLS_ERR_INVALID_STATE);
    CHECK_OK(tls_secure_pair_free(pair));
    /* Not rejecting, it needs none. */
    pair = tls_secure_pair_new(clients, 0, 0, 0);
    CHECK_OK(tls_secure_pair_start(pair));
    CHECK_OK(tls_secure_pair_free(pair));
    /* A server has none to set. */
    side_open_server(&server, servers);
    CHECK_EQUAL(tls_secure_pair_set_servername(server.pair, "localhost"), TLS_ERR_INVALID_STATE);
    /* NULL as the name to verify: the chain only, on purpose. No SNI is sent then. */
    memset(&client, 0, sizeof client);
    side_watch(&client, tls_secure_pair_new(clients, 0, 0, 1));
    CHECK_OK(tls_secure_pair_set_verify_name(client.pair, NULL));
    shuttle_to_secure(&client, &server);
    CHECK_EQUAL(tls_secure_pair_authorized(client.pair), 1);
    CHECK(tls_secure_pair_servername(server.pair) == NULL);
    side_free(&client);
    side_free(&server);
    free_contexts();
}

/* The name that is verified may be another than the one asked for. */
static void s40_verify_name(void) {
    static const struct {
        const char *servername, *verify_name;
        bool accepted;
    } cases[] = {
        {"localhost", "127.0.0.1", true},
        {"localhost", "other.example", false},
        {"other.example", "localhost", true},
        {"127.0.0.1", NULL, true},
        {"other.example", NULL, false},
    };
    make_contexts("TLSv1.3");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct side client, server;
        side_open_client(&client, clients);
        side_open_server(&server, servers);
        CHECK_OK(tls_secure_pair_set_servername(client.pair, cases[i].servername));
        if (cases[i].verify_name != NULL) {
            CHECK_OK(tls_secure_pair_set_verify_name(client.pair, cases[i].verify_name));
        }
        CHECK_OK(tls_secure_pair_write(client.pair, "only for whom I trust", 21));
        shuttle(client.pair, server.pair, 0);
        if (cases[i].accepted) {
            CHECK_TEXT(client.log, "s");
            CHECK_EQUAL(server.received, 21);
        } else {
            CHECK_TEXT(client.log, "x c1");
            CHECK_EQUAL(client.status, TLS_ERR_VERIFY);
            CHECK_TEXT(client.error_name, "ERR_TLS_CERT_ALTNAME_INVALID");
            CHECK_PART(client.error_message, "localhost");
            /* Not one byte went out before the check. */
            CHECK_EQUAL(server.received, 0);
        }
        side_free(&client);
        side_free(&server);
    }
    free_contexts();
}

static void s40_client_certificates(void) {
    enum { NONE, GOOD, UNTRUSTED };
    static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};
    for (int v = 0; v < 2; v++) {
        for (int given = NONE; given <= UNTRUSTED; given++) {
            for (int reject = 0; reject < 2; reject++) {
                struct side client, server;
                make_contexts(versions[v]);
                if (given != NONE) {
                    CHECK_OK(tls_context_set_identity_file(clients, certificate_path("client-cert.pem"),
                        certificate_path("client-key.pem"), NULL));
                }
                if (given == UNTRUSTED) {
                    CHECK_OK(tls_context_clear_ca(servers));
                    CHECK_OK(tls_context_add_ca_file(servers, certificate_path("other-ca.pem")));
                }
                side_open_client(&client, clients);
                memset(&server, 0, sizeof server);
                side_watch(&server, tls_secure_pair_new(servers, 1, 1, reject));
                shuttle(client.pair, server.pair, 0);
                if (given == GOOD || !reject) {
                    CHECK_TEXT(server.log, "s");
                    CHECK_EQUAL(tls_secure_pair_authorized(server.pair), given == GOOD);
                    tls_certificate *certificate = tls_secure_pair_peer_certificate(server.pair);
                    CHECK_EQUAL(certificate != NULL, given != NONE);
                    CHECK_TEXT(tls_secure_pair_authorization_error(server.pair),
                        given == GOOD ? NULL : given == NONE ? "UNABLE_TO_GET_ISSUER_CERT"
                                                             : "UNABLE_TO_GET_ISSUER_CERT_LOCALLY");
                    CHECK_OK(tls_certificate_free(certificate));
                } else {
                    CHECK_TEXT(server.log, "x c1");
                    CHECK_EQUAL(server.status, TLS_ERR_VERIFY);
                    CHECK_TEXT(server.error_name,
                        given == NONE ? "UNABLE_TO_GET_ISSUER_CERT" : "UNABLE_TO_GET_ISSUER_CERT_LOCALLY");
                    CHECK_EQUAL(client.errors, 1);
                }
                side_free(&client);
                side_free(&server);
                free_contexts();
            }
        }
    }
}

static void s40_unverified_client_if_not_rejecting(void) {
    struct side client, server;
    servers = tls_context_new();
    clients = client_context();
    CHECK_OK(tls_context_set_identity_file(servers, certificate_path("expired-cert.pem"),
        certificate_path("expired-key.pem"), NULL));
    memset(&client, 0, sizeof client);
    side_watch(&client, tls_secure_pair_new(clients, 0, 0, 0));
    side_open_server(&server, servers);
    shuttle_to_secure(&client, &server);
    CHECK_EQUAL(tls_secure_pair_authorized(client.pair), 0);
    CHECK_TEXT(tls_secure_pair_authorization_error(client.pair), "CERT_HAS_EXPIRED");
    side_free(&client);
    side_free(&server);
    free_contexts();
}

static void s78_resumption_between_pairs(void) {
    static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};
    for (int v = 0; v < 2; v++) {
        struct side client, server;
        uint8_t *session = NULL;
        size_t length = 0;
        make_contexts(versions[v]);
        for (int round = 0; round < 3; round++) {
            side_open_client(&client, clients);
            side_open_server(&server, servers);
            size_t none = 1;
            CHECK(tls_secure_pair_session(client.pair, &none) == NULL);
            CHECK_EQUAL(none, 0);
            if (session != NULL) {
                CHECK_OK(tls_secure_pair_set_session(client.pair, session, length));
            }
            shuttle_to_secure(&client, &server);
            CHECK_EQUAL(tls_secure_pair_session_reused(client.pair), round > 0);
            CHECK_EQUAL(tls_secure_pair_session_reused(server.pair), round > 0);
            CHECK_EQUAL(tls_secure_pair_authorized(client.pair), 1);
            CHECK_OK(tls_secure_pair_write(server.pair, "x", 1));
            shuttle(client.pair, server.pair, 0);
            const uint8_t *bytes = tls_secure_pair_session(client.pair, &length);
            REQUIRE(bytes != NULL && length > 0);
            free(session);
            session = malloc(length);
            memcpy(session, bytes, length);
            side_free(&client);
            side_free(&server);
        }
        /* The name is checked again on resumption: a session does not carry it elsewhere. */
        side_open_client(&client, clients);
        side_open_server(&server, servers);
        CHECK_OK(tls_secure_pair_set_servername(client.pair, "other.example"));
        CHECK_OK(tls_secure_pair_set_session(client.pair, session, length));
        shuttle(client.pair, server.pair, 0);
        CHECK_TEXT(client.log, "x c1");
        CHECK_TEXT(client.error_name, "ERR_TLS_CERT_ALTNAME_INVALID");
        side_free(&client);
        side_free(&server);
        free(session);
        free_contexts();
    }
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s40_name_before_start);
    RUN(s40_verify_name);
    RUN(s40_client_certificates);
    RUN(s40_unverified_client_if_not_rejecting);
    RUN(s78_resumption_between_pairs);
    return check_end();
}
