/* A server that shows many certificates, one signing the next (case 49). */
#include "foreign.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 400 };

/* All of them sign with it: making keys takes time. */
static EVP_PKEY *key;

static void add_extension(X509 *certificate, int kind, const char *value) {
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
    REQUIRE(extension != NULL && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

/* A certificate for `name` by `issuer`, or by itself. */
static X509 *issue(const char *name, X509 *issuer, bool is_ca) {
    X509 *made = X509_new();
    REQUIRE(made != NULL);
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -86400);
    X509_gmtime_adj(X509_getm_notAfter(made), 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
        0);
    X509_set_issuer_name(made, X509_get_subject_name(issuer != NULL ? issuer : made));
    X509_set_pubkey(made, key);
    add_extension(made, NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (!is_ca) {
        add_extension(made, NID_subject_alt_name, "DNS:localhost");
    }
    REQUIRE(X509_sign(made, key, EVP_sha256()) > 0);
    return made;
}

/* Trusts the certificate and nothing else. */
static tls_context *trusting(X509 *root) {
    BIO *memory = BIO_new(BIO_s_mem());
    char *text = NULL;
    REQUIRE(PEM_write_bio_X509(memory, root) == 1);
    size_t length = (size_t)BIO_get_mem_data(memory, &text);
    tls_context *context = tls_context_new();
    CHECK_OK(tls_context_add_ca(context, text, length));
    BIO_free(memory);
    return context;
}

/* Connects to a server with so many authorities between its certificate and the root that is trusted. */
static void meet(struct side *client, int between, bool root_is_trusted) {
    static X509 *authorities[LONGEST + 1];
    struct foreign server;
    char name[32];
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
    REQUIRE(between <= LONGEST);
    for (int i = 0; i <= between; i++) {
        snprintf(name, sizeof name, "authority %d", i);
        authorities[i] = issue(name, i == 0 ? NULL : authorities[i - 1], true);
    }
    X509 *leaf = issue("localhost", authorities[between], false);
    X509 *stranger = issue("stranger", NULL, true);
    REQUIRE(SSL_CTX_use_certificate(context, leaf) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey(context, key) == 1);
    for (int i = between; i > 0; i--) {
        REQUIRE(SSL_CTX_add1_chain_cert(context, authorities[i]) == 1);
    }
    tls_context *clients = trusting(root_is_trusted ? authorities[0] : stranger);
    side_open_client(client, clients);
    foreign_open_with(&server, true, context);
    CHECK_OK(tls_secure_pair_start(client->pair));
    int64_t cpu = cpu_ms();
    for (int turn = 0; turn < 4; turn++) {
        foreign_hear(&server, client->pair);
        SSL_do_handshake(server.ssl);
        foreign_tell(&server, client->pair);
    }
    CHECK(cpu_ms() - cpu < 1000 * patience());
    CHECK_EQUAL(client->secures + client->errors, 1);
    ERR_clear_error();
    side_free(client);
    foreign_free(&server);
    CHECK_OK(tls_context_free(clients));
    SSL_CTX_free(context);
    X509_free(leaf);
    X509_free(stranger);
    for (int i = 0; i <= between; i++) {
        X509_free(authorities[i]);
    }
}

static void c049_chains_of_some_length(void) {
    static const int lengths[] = {0, 1, 10, 90};
    for (size_t i = 0; i < (runs_natively() ? 4 : 3); i++) {
        struct side client;
        meet(&client, lengths[i], true);
        CHECK_EQUAL(client.secures, 1);
        meet(&client, lengths[i], false);
        CHECK_EQUAL(client.status, TLS_ERR_VERIFY);
    }
}

static void c049_chain_too_deep(void) {
    struct side client;
    meet(&client, 110, true);
    CHECK_TEXT(client.log, "x c1");
    CHECK_EQUAL(client.status, TLS_ERR_VERIFY);
}

/* More bytes of certificates than anybody needs are not even taken in. */
static void c049_chain_too_large(void) {
    struct side client;
    meet(&client, LONGEST, true);
    CHECK_TEXT(client.log, "x c1");
    CHECK_EQUAL(client.status, TLS_ERR_TLS);
    CHECK_TEXT(client.error_name, "ERR_SSL_EXCESSIVE_MESSAGE_SIZE");
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    key = EVP_EC_gen("P-256");
    REQUIRE(key != NULL);
    RUN(c049_chains_of_some_length);
    RUN(c049_chain_too_deep);
    /* The same under valgrind, but for the time that making the chain takes. */
    if (runs_natively()) {
        RUN(c049_chain_too_large);
    }
    EVP_PKEY_free(key);
    return check_end();
}
