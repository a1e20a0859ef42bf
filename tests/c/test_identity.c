/* Keys and certificates that cannot be used (S11, S12, S13): each is refused for its own reason, and the
 * context is as it was before. */
#include "pairs.h"

#include <stdlib.h>
#include <string.h>

#define CERT certificate_path("server-cert.pem")
#define KEY certificate_path("server-key.pem")

/* Its message says so. */
#define CHECK_REFUSED(call, status, part) \
    do { \
        CHECK_EQUAL((call), (status)); \
        CHECK_PART(tls_error_message(tls_last_error()), (part)); \
    } while (0)

/* Does a server with this context, which has become complete, serve a client? Frees it. */
static void check_serves(tls_context *servers) {
    tls_context *clients = client_context();
    struct side client, server;
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    shuttle_to_secure(&client, &server);
    side_free(&client);
    side_free(&server);
    CHECK_OK(tls_context_free(clients));
    CHECK_OK(tls_context_free(servers));
}

static void c008_der_where_pem_is_wanted(void) {
    tls_context *context = tls_context_new();
    const char *cert = certificate_path("server.der"), *key = certificate_path("server-key.der");
    CHECK_REFUSED(tls_context_set_cert_file(context, cert), TLS_ERR_CERTIFICATE, "DER");
    CHECK_REFUSED(tls_context_add_ca_file(context, cert), TLS_ERR_CERTIFICATE, "DER");
    CHECK_REFUSED(tls_context_set_key_file(context, key, NULL), TLS_ERR_KEY, "DER");
    CHECK_OK(tls_context_set_identity_file(context, CERT, KEY, NULL));
    check_serves(context);
}

/* The texts in memory, not a byte longer than said, as valgrind sees. */
static void c008_by_its_length(void) {
    tls_context *context = tls_context_new();
    size_t cert_length, key_length;
    char *cert_text = read_file(CERT, &cert_length), *key_text = read_file(KEY, &key_length);
    char *cert = malloc(cert_length), *key = malloc(key_length);
    memcpy(cert, cert_text, cert_length);
    memcpy(key, key_text, key_length);
    /* The last dash is not there; nor is anything. */
    CHECK_REFUSED(tls_context_set_cert(context, cert, cert_length - 2), TLS_ERR_CERTIFICATE, "no end");
    CHECK_REFUSED(tls_context_set_key(context, key, key_length - 2, NULL), TLS_ERR_KEY, "no end");
    CHECK_REFUSED(tls_context_set_key(context, key, 5, NULL), TLS_ERR_KEY, "no PEM block");
    CHECK_REFUSED(tls_context_set_cert(context, "", 0), TLS_ERR_CERTIFICATE, "no PEM block");
    CHECK_OK(tls_context_set_cert(context, cert, cert_length - 1));
    CHECK_OK(tls_context_set_key(context, key, key_length - 1, NULL));
    free(cert);
    free(key);
    /* And what follows does not count. */
    strcpy(cert_text + cert_length, "garbage");
    CHECK_OK(tls_context_set_cert(context, cert_text, cert_length + 8));
    free(cert_text);
    free(key_text);
    check_serves(context);
}

static void c009_s13_mismatch(void) {
    tls_context *context = tls_context_new();
    CHECK_OK(tls_context_set_cert_file(context, CERT));
    CHECK_REFUSED(tls_context_set_key_file(context, certificate_path("client-key.pem"), NULL),
        TLS_ERR_KEY_MISMATCH, "does not belong");
    CHECK_REFUSED(tls_context_set_key_file(context, certificate_path("server-rsa-key.pem"), NULL),
        TLS_ERR_KEY_MISMATCH, "RSA");
    CHECK_REFUSED(tls_context_set_key_file(context, CERT, NULL), TLS_ERR_KEY, "only CERTIFICATE");
    CHECK_OK(tls_context_set_key_file(context, KEY, NULL));
    CHECK_REFUSED(tls_context_set_cert_file(context, certificate_path("client-cert.pem")),
        TLS_ERR_KEY_MISMATCH, "tls_context_set_identity");
    CHECK_REFUSED(tls_context_set_cert_file(context, KEY), TLS_ERR_CERTIFICATE, "only PRIVATE KEY");
    check_serves(context);
}

static void c010_s12_passphrases(void) {
    static const char *const files[] = {"encrypted-key.pem", "traditional-key.pem"};
    static const char *const wrong[] = {"", "Secret", "secret ", "\xff\xfe"};
    char long_passphrase[10 * 1024 + 1];
    memset(long_passphrase, 'a', sizeof long_passphrase - 1);
    long_passphrase[sizeof long_passphrase - 1] = '\0';
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        tls_context *context = tls_context_new();
        const char *key = certificate_path(files[i]);
        CHECK_OK(tls_context_set_cert_file(context, CERT));
        CHECK_REFUSED(tls_context_set_key_file(context, key, NULL), TLS_ERR_PASSPHRASE, "give its passphrase");
        CHECK_TEXT(tls_error_name(tls_last_error()), "ERR_MISSING_PASSPHRASE");
        for (size_t j = 0; j < sizeof wrong / sizeof wrong[0]; j++) {
            CHECK_REFUSED(tls_context_set_key_file(context, key, wrong[j]), TLS_ERR_PASSPHRASE, "is wrong");
        }
        CHECK_REFUSED(tls_context_set_key_file(context, key, long_passphrase), TLS_ERR_PASSPHRASE, "too long");
        CHECK_REFUSED(tls_context_set_identity_file(context, CERT, key, "wrong"), TLS_ERR_PASSPHRASE, "is wrong");
        CHECK_OK(tls_context_set_key_file(context, key, "secret"));
        check_serves(context);
    }
}

static void s11_half_an_identity(void) {
    tls_context *context = tls_context_new();
    CHECK_OK(tls_context_set_key_file(context, KEY, NULL));
    CHECK(tls_secure_pair_new(context, 1, 0, 0) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_STATE);
    CHECK(tls_secure_pair_new(context, 0, 0, 1) == NULL);
    CHECK_PART(tls_error_message(tls_last_error()), "tls_context_set_cert");
    CHECK_OK(tls_context_set_cert_file(context, CERT));
    check_serves(context);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c008_der_where_pem_is_wanted);
    RUN(c008_by_its_length);
    RUN(c009_s13_mismatch);
    RUN(c010_s12_passphrases);
    RUN(s11_half_an_identity);
    return check_end();
}
