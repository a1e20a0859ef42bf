/* Options of contexts: ciphers, versions, groups, DHE, option bits, policies; each refused with an
 * error of its own when it cannot be used, and the context then as it was before. */
#include "pairs.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As in <openssl/ssl.h>, which need not be there to build this. */
#define OP_LEGACY_SERVER_CONNECT (UINT64_C(1) << 2)
#define OP_IGNORE_UNEXPECTED_EOF (UINT64_C(1) << 7)
#define OP_NO_TICKET (UINT64_C(1) << 14)
#define OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION (UINT64_C(1) << 18)
#define OP_TLS_ROLLBACK_BUG (UINT64_C(1) << 23)
#define OP_NO_TLSv1_2 (UINT64_C(1) << 27)
#define OP_NO_TLSv1_3 (UINT64_C(1) << 29)
#define OP_ALL UINT64_C(0x80000850)

#define CHECK_REFUSED(call, status, name) \
    do { \
        CHECK_EQUAL((call), (status)); \
        CHECK_TEXT(tls_error_name(tls_last_error()), (name)); \
        CHECK(strlen(tls_error_message(tls_last_error())) > 10); \
    } while (0)

/* What two pairs with these contexts agree on: the cipher's name, NULL for none. Frees both. */
static const char *agreed_cipher(tls_context *clients, tls_context *servers) {
    static char name[64];
    struct side client, server;
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    shuttle(client.pair, server.pair, 0);
    const char *cipher = client.secures == 1 ? tls_secure_pair_cipher_name(client.pair) : NULL;
    snprintf(name, sizeof name, "%s", cipher != NULL ? cipher : "");
    side_free(&client);
    side_free(&server);
    CHECK_OK(tls_context_free(clients));
    CHECK_OK(tls_context_free(servers));
    return name;
}

static tls_context *rsa_server(void) {
    tls_context *context = tls_context_new();
    CHECK_OK(tls_context_set_identity_file(context, certificate_path("server-rsa-cert.pem"),
        certificate_path("server-rsa-key.pem"), NULL));
    return context;
}

static void s01_ciphers(void) {
    const char *text = tls_ciphers();
    CHECK(text == tls_ciphers());
    CHECK_PART(text, "tls_aes_256_gcm_sha384");
    CHECK_PART(text, "ecdhe-ecdsa-aes128-gcm-sha256");
    CHECK(strstr(text, "null") == NULL);
    char *copy = strdup(text), *rest = copy;
    const char *before = "";
    int count = 0;
    for (char *name; (name = strtok_r(rest, ":", &rest)) != NULL; before = name, count++) {
        CHECK(strcmp(before, name) < 0);
        for (const char *c = name; *c != '\0'; c++) {
            CHECK(!isupper((unsigned char)*c));
        }
    }
    CHECK(count > 20);
    free(copy);
}

static void s18_order_of_ciphers(void) {
    const char *const a = "ECDHE-ECDSA-AES128-GCM-SHA256", *const b = "ECDHE-ECDSA-AES256-GCM-SHA384";
    for (int honor = 0; honor <= 1; honor++) {
        tls_context *clients = client_context(), *servers = server_context();
        CHECK_OK(tls_context_set_ciphers(clients,
            "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256"));
        CHECK_OK(tls_context_set_ciphers(servers,
            "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"));
        CHECK_OK(tls_context_set_max_version(servers, "TLSv1.2"));
        CHECK_OK(tls_context_set_honor_cipher_order(servers, honor));
        CHECK_TEXT(agreed_cipher(clients, servers), honor ? a : b);
    }
}

static void c014_s16_ciphers_that_cannot_be_used(void) {
    char *long_list = malloc(10 * 1024 + 1);
    memset(long_list, 'A', 10 * 1024);
    long_list[10 * 1024] = '\0';
    static const char *const lists[] = {"", ":", "NO-SUCH-CIPHER", "HIGH:NO-SUCH-CIPHER", "HIGH\n",
        "HIGH\t", "HIGH\x7f", "TLS_NO_SUCH_SUITE", "!ALL", "RC4-MD5:!RC4", "HIGH:@SECLEVEL=6",
        "HIGH:@SECLEVEL=", "!TLS_AES_128_GCM_SHA256", "HIGH:DEFAULT"};
    tls_context *servers = server_context();
    CHECK_OK(tls_context_set_ciphers(servers, "ECDHE-ECDSA-AES256-GCM-SHA384"));
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        CHECK_REFUSED(tls_context_set_ciphers(servers, lists[i]), TLS_ERR_CIPHERS, "ERR_SSL_NO_CIPHER_MATCH");
    }
    CHECK_REFUSED(tls_context_set_ciphers(servers, long_list), TLS_ERR_CIPHERS, "ERR_SSL_NO_CIPHER_MATCH");
    CHECK(strlen(tls_error_message(tls_last_error())) < 200);
    CHECK_EQUAL(tls_context_set_ciphers(servers, "\xff"), TLS_ERR_INVALID_ARGUMENT);
    CHECK_OK(tls_context_set_max_version(servers, "TLSv1.2"));
    CHECK_TEXT(agreed_cipher(client_context(), servers), "ECDHE-ECDSA-AES256-GCM-SHA384");
    free(long_list);
}

static void c021_s24_s82_versions_that_cannot_be_used(void) {
    static const char *const versions[] = {"", "TLSv1.4", "tlsv1.2", "1.2", "SSLv2", "SSLv3", "TLSv1.2 "};
    static const char *const methods[] = {"", "TLS", "SSLv2_method", "SSLv3_method", "TLSv1_3_method",
        "tls_method", "DTLS_method", "TLSv1_2_method "};
    const char *name = "ERR_TLS_INVALID_PROTOCOL_VERSION";
    tls_context *servers = server_context();
    CHECK_OK(tls_context_set_max_version(servers, "TLSv1.2"));
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        CHECK_REFUSED(tls_context_set_min_version(servers, versions[i]), TLS_ERR_PROTOCOL, name);
        CHECK_REFUSED(tls_context_set_max_version(servers, versions[i]), TLS_ERR_PROTOCOL, name);
    }
    CHECK_REFUSED(tls_context_set_min_version(servers, "TLSv1.3"), TLS_ERR_PROTOCOL, name);
    CHECK_REFUSED(tls_context_set_max_version(servers, "TLSv1.1"), TLS_ERR_PROTOCOL, name);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        CHECK_REFUSED(tls_context_set_secure_protocol(servers, methods[i]), TLS_ERR_PROTOCOL,
            "ERR_TLS_INVALID_PROTOCOL_METHOD");
    }
    /* Still TLS 1.2. */
    CHECK_PART(agreed_cipher(client_context(), servers), "ECDHE-ECDSA-");
}

static void s24_old_versions_need_level_0(void) {
    tls_context *context = client_context();
    CHECK_OK(tls_context_set_secure_protocol(context, "TLSv1_1_method"));
    CHECK(tls_secure_pair_new(context, 0, 0, 1) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_PROTOCOL);
    CHECK_PART(tls_error_message(tls_last_error()), "@SECLEVEL=0");
    CHECK_OK(tls_context_set_ciphers(context, "DEFAULT:@SECLEVEL=0"));
    tls_secure_pair *pair = tls_secure_pair_new(context, 0, 0, 1);
    CHECK(pair != NULL);
    CHECK_OK(tls_secure_pair_free(pair));
    CHECK_OK(tls_context_free(context));
}

static void c018_s84_groups(void) {
    static const char *const lists[] = {"", "nope", "P-256:nope", "P-256:", "auto:P-256", "P-256\n"};
    const char *name = "ERR_CRYPTO_OPERATION_FAILED";
    tls_context *servers = rsa_server(), *clients = client_context();
    CHECK_OK(tls_context_set_groups(servers, "P-384"));
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        CHECK_REFUSED(tls_context_set_groups(servers, lists[i]), TLS_ERR_INVALID_ARGUMENT, name);
    }
    CHECK_EQUAL(tls_context_set_groups(servers, NULL), TLS_ERR_INVALID_ARGUMENT);
    CHECK_OK(tls_context_set_groups(clients, "P-256"));
    CHECK_TEXT(agreed_cipher(clients, servers), "");
    servers = rsa_server(), clients = client_context();
    CHECK_OK(tls_context_set_groups(servers, "P-384:P-256"));
    CHECK_OK(tls_context_set_groups(clients, "P-256"));
    CHECK_TEXT(agreed_cipher(clients, servers), "TLS_AES_256_GCM_SHA384");
    servers = rsa_server(), clients = client_context();
    CHECK_OK(tls_context_set_groups(servers, "P-384"));
    CHECK_OK(tls_context_set_groups(servers, "auto"));
    CHECK_OK(tls_context_set_groups(clients, "P-256"));
    CHECK_TEXT(agreed_cipher(clients, servers), "TLS_AES_256_GCM_SHA384");
}

static void c018_s84_dhparam(void) {
    /* 512 bits, from openssl dhparam -dsaparam 512. */
    static const char weak[] =
        "-----BEGIN X9.42 DH PARAMETERS-----\n"
        "MIGkAkEAkAZnVeupsSYC124ws9L3Nyhc+DUq/XlCJ/HsKn2ciOZnGTtbTAE28YlI\n"
        "Q3Zgx+NGFAE90baNxuiUH3bcXV5aOwJAYjx/Ks7miaaoo8KuARhGVO3iJDqWWTTw\n"
        "fi/tvbGq7UFwVpr+5/8e4WhpKJbkKKKIx9Bf5IP7awNai2yASJwh2AIdAMumzua6\n"
        "TenthZpHmqGYt49YMxrlgctU/0MXXCU=\n"
        "-----END X9.42 DH PARAMETERS-----\n";
    static const char *const texts[] = {"", "garbage", "AUTO", "auto ", weak,
        "-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n",
        "-----BEGIN DH PARAMETERS-----\nMAYCAQ8CAQI=\n"};
    const char *cipher = "DHE-RSA-AES128-GCM-SHA256";
    for (int turn = 0; turn <= 1; turn++) {
        tls_context *servers = rsa_server(), *clients = client_context();
        CHECK_OK(tls_context_set_ciphers(clients, cipher));
        CHECK_OK(tls_context_set_max_version(clients, "TLSv1.2"));
        if (turn == 1) {
            CHECK_OK(tls_context_set_dhparam(servers, "auto", 4));
        }
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            CHECK_EQUAL(tls_context_set_dhparam(servers, texts[i], strlen(texts[i])), TLS_ERR_INVALID_ARGUMENT);
        }
        CHECK_EQUAL(tls_context_set_dhparam(servers, weak, sizeof weak), TLS_ERR_INVALID_ARGUMENT);
        CHECK_PART(tls_error_message(tls_last_error()), "512");
        CHECK_EQUAL(tls_context_set_dhparam(servers, NULL, 5), TLS_ERR_INVALID_ARGUMENT);
        CHECK_EQUAL(tls_context_set_dhparam_file(servers, NULL), TLS_ERR_INVALID_ARGUMENT);
        CHECK_REFUSED(tls_context_set_dhparam_file(servers, "/nonexistent"), TLS_ERR_FILE, "ENOENT");
        CHECK_EQUAL(tls_context_set_dhparam_file(servers, certificate_path("ca.pem")), TLS_ERR_INVALID_ARGUMENT);
        CHECK_PART(tls_error_message(tls_last_error()), "only CERTIFICATE");
        CHECK_TEXT(agreed_cipher(clients, servers), turn == 1 ? cipher : "");
    }
}

/* A context that SNI picks brings its own parameters, groups and options. */
static void s84_s77_of_the_context_that_sni_picks(void) {
    const char *cipher = "DHE-RSA-AES128-GCM-SHA256";
    for (int turn = 0; turn < 4; turn++) {
        tls_context *first = rsa_server(), *picked = rsa_server(), *clients = client_context();
        bool accepted = turn % 2 == 0;
        if (turn < 2) {
            CHECK_OK(tls_context_set_dhparam(accepted ? picked : first, "auto", 4));
            CHECK_OK(tls_context_set_ciphers(clients, cipher));
        } else {
            CHECK_OK(tls_context_set_groups(first, accepted ? "P-384" : "P-256"));
            CHECK_OK(tls_context_set_groups(picked, accepted ? "P-256" : "P-384"));
            CHECK_OK(tls_context_set_groups(clients, "P-256"));
            CHECK_OK(tls_context_set_ciphers(clients, "ECDHE+AESGCM"));
        }
        CHECK_OK(tls_context_set_secure_options(picked, OP_NO_TLSv1_3));
        struct side client, server;
        side_open_client(&client, clients);
        side_open_server(&server, first);
        CHECK_OK(tls_secure_pair_add_context(server.pair, "localhost", picked));
        shuttle(client.pair, server.pair, 0);
        CHECK_EQUAL(client.secures, accepted);
        if (accepted) {
            CHECK_TEXT(tls_secure_pair_protocol(client.pair), "TLSv1.2");
        }
        side_free(&client);
        side_free(&server);
        CHECK_OK(tls_context_free(clients));
        CHECK_OK(tls_context_free(first));
        CHECK_OK(tls_context_free(picked));
    }
}

static void c022_s77_secure_options(void) {
    static const uint64_t refused[] = {1 << 5, OP_IGNORE_UNEXPECTED_EOF, OP_TLS_ROLLBACK_BUG,
        OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION, UINT64_C(1) << 63, UINT64_MAX};
    tls_context *servers = server_context();
    CHECK_OK(tls_context_set_secure_options(servers, OP_NO_TLSv1_3 | OP_NO_TICKET));
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        CHECK_REFUSED(tls_context_set_secure_options(servers, refused[i]), TLS_ERR_INVALID_ARGUMENT,
            "ERR_INVALID_ARG_VALUE");
    }
    CHECK_PART(agreed_cipher(client_context(), servers), "ECDHE-ECDSA-");
    /* The last call counts alone. */
    servers = server_context();
    CHECK_OK(tls_context_set_secure_options(servers, OP_NO_TLSv1_3));
    CHECK_OK(tls_context_set_secure_options(servers, OP_ALL | OP_LEGACY_SERVER_CONNECT));
    CHECK_PART(agreed_cipher(client_context(), servers), "TLS_AES_");
    servers = server_context();
    CHECK_OK(tls_context_set_secure_options(servers, OP_NO_TLSv1_3 | OP_NO_TLSv1_2));
    CHECK(tls_secure_pair_new(servers, 1, 0, 0) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_PROTOCOL);
    CHECK_OK(tls_context_free(servers));
}

static void c022_s19_client_auth(void) {
    static const int32_t none[] = {-1, 4, 256, INT32_MAX, INT32_MIN};
    tls_context *context = server_context();
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        CHECK_REFUSED(tls_context_set_client_auth(context, none[i]), TLS_ERR_INVALID_ARGUMENT,
            "ERR_INVALID_ARG_VALUE");
    }
    for (int32_t policy = TLS_CLIENT_AUTH_INHERIT; policy <= TLS_CLIENT_AUTH_REQUIRE; policy++) {
        CHECK_OK(tls_context_set_client_auth(context, policy));
    }
    CHECK_OK(tls_context_free(context));
}

static void c019_s23_session_id_context(void) {
    char id[33] = {0};
    tls_context *servers = server_context();
    CHECK_REFUSED(tls_context_set_session_id_context(servers, id, 33), TLS_ERR_INVALID_ARGUMENT,
        "ERR_INVALID_ARG_VALUE");
    CHECK_EQUAL(tls_context_set_session_id_context(servers, id, 0), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_context_set_session_id_context(servers, NULL, 5), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_context_set_session_id_context(servers, id, SIZE_MAX), TLS_ERR_INVALID_ARGUMENT);
    CHECK_OK(tls_context_set_session_id_context(servers, id, 32));
    CHECK_OK(tls_context_free(servers));
}

/* A client whose context has a mark of its own, for servers, resumes its sessions all the same. */
static void s23_sessions_of_marked_clients(void) {
    tls_context *servers = server_context(), *marked = client_context(), *plain = client_context();
    CHECK_OK(tls_context_set_max_version(servers, "TLSv1.2"));
    CHECK_OK(tls_context_set_session_id_context(servers, "servers", 7));
    CHECK_OK(tls_context_set_session_id_context(marked, "clients", 7));
    struct side client, server;
    side_open_client(&client, marked);
    side_open_server(&server, servers);
    shuttle_to_secure(&client, &server);
    size_t length;
    const void *session = tls_secure_pair_session(client.pair, &length);
    REQUIRE(session != NULL);
    tls_context *const contexts[] = {marked, plain};
    for (size_t i = 0; i < 2; i++) {
        struct side again, other;
        side_open_client(&again, contexts[i]);
        side_open_server(&other, servers);
        CHECK_OK(tls_secure_pair_set_session(again.pair, session, length));
        shuttle_to_secure(&again, &other);
        CHECK_EQUAL(tls_secure_pair_session_reused(again.pair), 1);
        side_free(&again);
        side_free(&other);
    }
    side_free(&client);
    side_free(&server);
    CHECK_OK(tls_context_free(marked));
    CHECK_OK(tls_context_free(plain));
    CHECK_OK(tls_context_free(servers));
}

static void c024_frozen(void) {
    tls_context *context = client_context();
    tls_secure_pair *pair = tls_secure_pair_new(context, 0, 0, 1);
    CHECK_EQUAL(tls_context_set_groups(context, "P-256"), TLS_ERR_FROZEN);
    CHECK_EQUAL(tls_context_set_dhparam(context, "auto", 4), TLS_ERR_FROZEN);
    CHECK_EQUAL(tls_context_set_secure_options(context, 0), TLS_ERR_FROZEN);
    CHECK_EQUAL(tls_context_set_session_id_context(context, "x", 1), TLS_ERR_FROZEN);
    CHECK_EQUAL(tls_context_set_client_auth(context, TLS_CLIENT_AUTH_NONE), TLS_ERR_FROZEN);
    CHECK_OK(tls_secure_pair_free(pair));
    CHECK_OK(tls_context_free(context));
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s01_ciphers);
    RUN(s18_order_of_ciphers);
    RUN(c014_s16_ciphers_that_cannot_be_used);
    RUN(c021_s24_s82_versions_that_cannot_be_used);
    RUN(s24_old_versions_need_level_0);
    RUN(c018_s84_groups);
    RUN(c018_s84_dhparam);
    RUN(s84_s77_of_the_context_that_sni_picks);
    RUN(c022_s77_secure_options);
    RUN(c022_s19_client_auth);
    RUN(c019_s23_session_id_context);
    RUN(s23_sessions_of_marked_clients);
    RUN(c024_frozen);
    return check_end();
}
