/* Certificate revocation lists (S15): what they do to servers and to clients, and what is no list. */
#include "pairs.h"

#include <stdlib.h>
#include <string.h>

static tls_context *server_with(const char *identity) {
    tls_context *context = tls_context_new();
    use_identity(context, identity);
    return context;
}

static tls_context *client_with(const char *crl) {
    tls_context *context = client_context();
    if (crl != NULL) {
        CHECK_OK(tls_context_add_crl_file(context, certificate_path(crl)));
    }
    return context;
}

static const struct {
    const char *server, *crl, *error;
} cases[] = {
    {"server", NULL, NULL},
    {"revoked", NULL, NULL},
    {"server", "crl.pem", NULL},
    {"revoked", "crl.pem", "CERT_REVOKED"},
    {"server", "crl-root.pem", "UNABLE_TO_GET_CRL"},
    {"server", "crl-expired.pem", "CRL_HAS_EXPIRED"},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static void s15_c085_by_pair(void) {
    for (int i = 0; i < 2 * CASES; i++) {
        const char *error = cases[i / 2].error;
        int reject = i % 2;
        struct side client, server;
        tls_context *servers = server_with(cases[i / 2].server), *clients = client_with(cases[i / 2].crl);
        memset(&client, 0, sizeof client);
        side_watch(&client, tls_secure_pair_new(clients, 0, 0, reject));
        CHECK_OK(tls_secure_pair_set_servername(client.pair, "localhost"));
        side_open_server(&server, servers);
        CHECK_OK(tls_secure_pair_start(client.pair));
        shuttle(client.pair, server.pair, 0);
        if (error != NULL && reject) {
            CHECK_TEXT(client.log, "x c1");
            CHECK_EQUAL(client.status, TLS_ERR_VERIFY);
            CHECK_TEXT(client.error_name, error);
            CHECK_EQUAL(server.errors, 1);
        } else {
            CHECK_TEXT(client.log, "s");
            CHECK_EQUAL(tls_secure_pair_authorized(client.pair), error == NULL);
            CHECK_TEXT(tls_secure_pair_authorization_error(client.pair), error);
        }
        side_free(&client);
        side_free(&server);
        CHECK_OK(tls_context_free(servers));
        CHECK_OK(tls_context_free(clients));
    }
}

static void s15_c085_by_stream(void) {
    for (int i = 0; i < CASES; i++) {
        struct rig rig;
        struct witness client = {0};
        rig_prepare_with(&rig, tls_loop_new(), server_with(cases[i].server));
        rig_use_clients(&rig, client_with(cases[i].crl));
        rig_listen(&rig);
        rig_connect(&rig, &client);
        RUN_UNTIL(rig.loop, client.secures + client.closes > 0, 5000);
        if (cases[i].error == NULL) {
            CHECK_TEXT(client.order, "s");
            CHECK_EQUAL(tls_stream_authorized(client.stream), 1);
        } else {
            CHECK_TEXT(client.order, "xc");
            CHECK_EQUAL(client.status, TLS_ERR_VERIFY);
            CHECK_TEXT(client.error_name, cases[i].error);
        }
        rig_close(&rig);
    }
}

/* One text with both lists, one call for each, and lists that come twice: all the same. */
static void s15_calls_add(void) {
    size_t length = 0, root_length = 0;
    char *both = read_file(certificate_path("crl.pem"), &length);
    char *root = read_file(certificate_path("crl-root.pem"), &root_length);
    REQUIRE(length > root_length);
    for (int way = 0; way < 3; way++) {
        struct side client, server;
        tls_context *servers = server_with("revoked"), *clients = client_context();
        if (way == 0) {
            CHECK_OK(tls_context_add_crl(clients, both, length));
        } else {
            CHECK_OK(tls_context_add_crl(clients, both, root_length));
            CHECK_OK(tls_context_add_crl(clients, both + root_length, length - root_length));
        }
        if (way == 2) {
            CHECK_OK(tls_context_add_crl(clients, root, root_length));
        }
        side_open_client(&client, clients);
        side_open_server(&server, servers);
        CHECK_OK(tls_secure_pair_start(client.pair));
        shuttle(client.pair, server.pair, 0);
        CHECK_TEXT(client.error_name, "CERT_REVOKED");
        CHECK_PART(client.error_message, "its issuer has withdrawn it");
        side_free(&client);
        side_free(&server);
        /* It is in use. */
        CHECK_EQUAL(tls_context_add_crl(clients, both, length), TLS_ERR_FROZEN);
        CHECK_EQUAL(tls_context_add_crl_file(clients, certificate_path("crl.pem")), TLS_ERR_FROZEN);
        CHECK_OK(tls_context_free(servers));
        CHECK_OK(tls_context_free(clients));
    }
    free(both);
    free(root);
}

static void s15_c013_what_is_no_list(void) {
    static const char *const bad[] = {"", " \r\n", "garbage",
        "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n", "-----BEGIN X509 CRL-----\nMIIB\n"};
    struct side client, server;
    size_t length = 0;
    char *list = read_file(certificate_path("crl.pem"), &length);
    tls_context *servers = server_with("server"), *clients = client_context();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK_EQUAL(tls_context_add_crl(clients, bad[i], strlen(bad[i])), TLS_ERR_CERTIFICATE);
        CHECK_PART(tls_error_message(tls_last_error()), i < 3 ? "there is no" : "line 1");
    }
    /* A list that is cut short anywhere is none, and one bad block refuses the text. */
    for (size_t cut = 1; cut < length / 3; cut += 97) {
        CHECK_EQUAL(tls_context_add_crl(clients, list, cut), TLS_ERR_CERTIFICATE);
    }
    CHECK_EQUAL(tls_context_add_crl(clients, list, length - 30), TLS_ERR_CERTIFICATE);
    CHECK_EQUAL(tls_context_add_crl_file(clients, certificate_path("ca.pem")), TLS_ERR_CERTIFICATE);
    CHECK_EQUAL(tls_context_add_crl_file(clients, "/nonexistent"), TLS_ERR_FILE);
    CHECK_EQUAL(tls_context_add_crl_file(clients, NULL), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_context_add_crl(clients, NULL, 5), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_context_add_crl(clients, NULL, 0), TLS_ERR_CERTIFICATE);
    CHECK_EQUAL(tls_context_add_crl(clients, list, (size_t)PTRDIFF_MAX + 1), TLS_ERR_INVALID_ARGUMENT);
    /* Nothing of it stays: without any list nobody is looked up. */
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    shuttle_to_secure(&client, &server);
    side_free(&client);
    side_free(&server);
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
    free(list);
}

/* A client without CAs of its own keeps the well-known roots, which main has made to be ours. */
static void s14_s15_well_known_roots(void) {
    for (int i = 0; i < CASES; i++) {
        struct side client, server;
        tls_context *servers = server_with(cases[i].server), *clients = tls_context_new();
        if (cases[i].crl != NULL) {
            CHECK_OK(tls_context_add_crl_file(clients, certificate_path(cases[i].crl)));
        }
        side_open_client(&client, clients);
        side_open_server(&server, servers);
        CHECK_OK(tls_secure_pair_start(client.pair));
        shuttle(client.pair, server.pair, 0);
        CHECK_TEXT(client.log, cases[i].error == NULL ? "s" : "x c1");
        CHECK_TEXT(client.error_name, cases[i].error == NULL ? "" : cases[i].error);
        side_free(&client);
        side_free(&server);
        CHECK_OK(tls_context_free(servers));
        CHECK_OK(tls_context_free(clients));
    }
}

/* The lists of a context that the client's server name brings in count, and those of the server that
 * was asked do not. */
static void s15_s57_lists_by_server_name(void) {
    static const struct {
        const char *client, *asked_crl, *named_crl, *error;
    } clients[] = {
        {"client", NULL, "crl.pem", NULL},
        {"client-revoked", NULL, "crl.pem", "CERT_REVOKED"},
        {"client-revoked", "crl.pem", NULL, NULL},
        {"client", "crl.pem", "crl-expired.pem", "CRL_HAS_EXPIRED"},
    };
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        struct rig rig;
        struct witness client = {0};
        tls_context *asked = server_context(), *named = server_context();
        if (clients[i].asked_crl != NULL) {
            CHECK_OK(tls_context_add_crl_file(asked, certificate_path(clients[i].asked_crl)));
        }
        if (clients[i].named_crl != NULL) {
            CHECK_OK(tls_context_add_crl_file(named, certificate_path(clients[i].named_crl)));
        }
        CHECK_OK(tls_context_set_client_auth(named, TLS_CLIENT_AUTH_REQUIRE));
        rig_prepare_with(&rig, tls_loop_new(), asked);
        CHECK_OK(tls_server_add_context(rig.server, "localhost", named));
        CHECK_OK(tls_context_free(named));
        use_identity(rig.client_context, clients[i].client);
        rig_listen(&rig);
        rig_connect(&rig, &client);
        RUN_UNTIL(rig.loop, rig.connections + rig.client_errors == 1, 5000);
        if (clients[i].error == NULL) {
            CHECK_EQUAL(rig.connections, 1);
            CHECK_EQUAL(tls_stream_authorized(rig.accepted.stream), 1);
        } else {
            CHECK_EQUAL(rig.client_errors, 1);
            CHECK_TEXT(rig.client_error_name, clients[i].error);
        }
        rig_close(&rig);
    }
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    setenv("SSL_CERT_FILE", certificate_path("ca.pem"), 1);
    unsetenv("SSL_CERT_DIR");
    RUN(s15_c085_by_pair);
    RUN(s15_c085_by_stream);
    RUN(s15_calls_add);
    RUN(s15_c013_what_is_no_list);
    RUN(s14_s15_well_known_roots);
    RUN(s15_s57_lists_by_server_name);
    return check_end();
}
