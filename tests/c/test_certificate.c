/* Certificates: parsed, copied, asked for everything, spoiled; the check of a name (S65, S79; cases 2,
 * 3, 8, 26, 75 to 80, 90). What the texts look like is compared with Node in tests/interop. */
#include "pairs.h"

#include <stdlib.h>
#include <string.h>

static tls_certificate *from_file(const char *name) {
    size_t length;
    char *text = read_file(certificate_path(name), &length);
    tls_certificate *certificate = tls_certificate_parse(text, length);
    REQUIRE(certificate != NULL);
    free(text);
    return certificate;
}

/* Has the last call failed in this way? The error of something else came before it. */
#define CHECK_FAILED(call, expected) \
    do { \
        tls_context_set_cert(NULL, NULL, 0); \
        CHECK((call) == NULL); \
        CHECK_EQUAL(tls_error_status(tls_last_error()), (expected)); \
    } while (0)
/* NULL, and not as an error. */
#define CHECK_MISSING(call) CHECK_FAILED(call, TLS_ERR_INVALID_HANDLE)

static void s65_parse_pem_and_der(void) {
    tls_certificate *pem = from_file("server-rsa-cert.pem");
    size_t length = 0;
    const uint8_t *bytes = tls_certificate_der(pem, &length);
    tls_certificate *der = tls_certificate_parse(bytes, length);
    CHECK_TEXT(tls_certificate_json(der, 0), tls_certificate_json(pem, 0));
    CHECK_TEXT(tls_certificate_pem(der), tls_certificate_pem(pem));
    CHECK_PART(tls_certificate_pem(pem), "-----BEGIN CERTIFICATE-----\n");
    tls_certificate *again = tls_certificate_parse(tls_certificate_pem(pem), strlen(tls_certificate_pem(pem)));
    CHECK_TEXT(tls_certificate_fingerprint512(again), tls_certificate_fingerprint512(pem));
    CHECK_OK(tls_certificate_free(again));
    CHECK_OK(tls_certificate_free(der));
    CHECK_OK(tls_certificate_free(pem));
}

static void c008_what_is_no_certificate(void) {
    tls_certificate *certificate = from_file("server-cert.pem");
    size_t length = 0;
    const uint8_t *der = tls_certificate_der(certificate, &length);
    uint8_t *longer = calloc(1, length + 1);
    REQUIRE(longer != NULL);
    memcpy(longer, der, length);
    CHECK_FAILED(tls_certificate_parse(longer, length + 1), TLS_ERR_CERTIFICATE);
    for (size_t cut = 0; cut < length; cut += 1 + length / 50) {
        CHECK_FAILED(tls_certificate_parse(longer, cut), TLS_ERR_CERTIFICATE);
    }
    free(longer);
    CHECK_FAILED(tls_certificate_parse("junk", 4), TLS_ERR_CERTIFICATE);
    CHECK_FAILED(tls_certificate_parse("-----BEGIN CERTIFICATE-----\n", 28), TLS_ERR_CERTIFICATE);
    CHECK_FAILED(tls_certificate_parse(NULL, 0), TLS_ERR_CERTIFICATE);
    CHECK_FAILED(tls_certificate_parse(NULL, 1), TLS_ERR_INVALID_ARGUMENT);
    CHECK_FAILED(tls_certificate_parse("x", SIZE_MAX), TLS_ERR_INVALID_ARGUMENT);
    CHECK_OK(tls_certificate_free(certificate));
}

static void s65_getters(void) {
    tls_certificate *ec = from_file("server-cert.pem");
    CHECK_TEXT(tls_certificate_subject(ec), "C=GB\nO=tlspair\nCN=localhost");
    CHECK_TEXT(tls_certificate_subject_field(ec, "O", 0), "tlspair");
    CHECK_MISSING(tls_certificate_subject_field(ec, "O", 1));
    CHECK_MISSING(tls_certificate_subject_field(ec, "OU", 0));
    CHECK_MISSING(tls_certificate_subject_field(ec, "o", SIZE_MAX));
    CHECK_FAILED(tls_certificate_subject_field(ec, NULL, 0), TLS_ERR_INVALID_ARGUMENT);
    CHECK_FAILED(tls_certificate_issuer_field(ec, "\xff", 0), TLS_ERR_INVALID_ARGUMENT);
    CHECK_TEXT(tls_certificate_issuer_field(ec, "CN", 0), "tlspair test intermediate");
    CHECK_TEXT(tls_certificate_subjectaltname(ec), "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
    CHECK_TEXT(tls_certificate_alt_name(ec, 1), "IP Address:127.0.0.1");
    CHECK_MISSING(tls_certificate_alt_name(ec, 3));
    CHECK_MISSING(tls_certificate_info_access(ec));
    CHECK_EQUAL(tls_certificate_ca(ec), 0);
    CHECK_TEXT(tls_certificate_valid_from(ec), "Jan  1 00:00:00 2020 GMT");
    CHECK_TEXT(tls_certificate_valid_to(ec), "Jan  1 00:00:00 2045 GMT");
    CHECK_TEXT(tls_certificate_ext_key_usage(ec, 0), "1.3.6.1.5.5.7.3.1");
    CHECK_MISSING(tls_certificate_ext_key_usage(ec, 1));
    CHECK(strlen(tls_certificate_serial_number(ec)) > 8);
    CHECK_EQUAL(tls_certificate_bits(ec), 256);
    CHECK_TEXT(tls_certificate_asn1_curve(ec), "prime256v1");
    CHECK_TEXT(tls_certificate_nist_curve(ec), "P-256");
    CHECK_MISSING(tls_certificate_modulus(ec));
    CHECK_MISSING(tls_certificate_exponent(ec));
    size_t length = 0;
    CHECK(tls_certificate_public_key(ec, NULL) != NULL);
    CHECK(tls_certificate_public_key(ec, &length) != NULL && length == 91);

    tls_certificate *rsa = from_file("server-rsa-cert.pem");
    CHECK_EQUAL(tls_certificate_bits(rsa), 2048);
    CHECK_EQUAL(strlen(tls_certificate_modulus(rsa)), 512);
    CHECK_TEXT(tls_certificate_exponent(rsa), "0x10001");
    CHECK_MISSING(tls_certificate_asn1_curve(rsa));
    CHECK_MISSING(tls_certificate_nist_curve(rsa));
    CHECK_OK(tls_certificate_free(rsa));

    /* The same text at the same place each time, for as long as the handle lives. */
    const char *subject = tls_certificate_subject(ec);
    const char *json = tls_certificate_json(ec, 1);
    tls_certificate_valid_to(ec);
    CHECK(tls_certificate_subject(ec) == subject);
    CHECK(tls_certificate_json(ec, 1) == json && tls_certificate_json(ec, 0) != json);
    CHECK_FAILED(tls_certificate_json(ec, 2), TLS_ERR_INVALID_ARGUMENT);
    CHECK_FAILED(tls_certificate_json(ec, -1), TLS_ERR_INVALID_ARGUMENT);
    CHECK_OK(tls_certificate_free(ec));
}

static void s65_the_chain_ends(void) {
    /* The file has the leaf and the intermediate, and nobody says who is trusted. */
    tls_certificate *leaf = from_file("server-cert.pem");
    tls_certificate *intermediate = tls_certificate_issuer_certificate(leaf);
    CHECK_TEXT(tls_certificate_subject_field(intermediate, "CN", 0), "tlspair test intermediate");
    CHECK_EQUAL(tls_certificate_ca(intermediate), 1);
    CHECK_MISSING(tls_certificate_issuer_certificate(intermediate));
    CHECK_PART(tls_certificate_json(leaf, 1), "\"issuerCertificate\":{\"subject\":{\"C\":\"GB\"");
    CHECK(strstr(tls_certificate_json(leaf, 0), "issuerCertificate") == NULL);
    CHECK_OK(tls_certificate_free(leaf));
    /* It does not need the one that it was asked of. */
    CHECK_PART(tls_certificate_issuer(intermediate), "CN=tlspair test root");
    CHECK_OK(tls_certificate_free(intermediate));

    tls_certificate *root = from_file("ca.pem");
    CHECK_MISSING(tls_certificate_issuer_certificate(root));
    CHECK_TEXT(tls_certificate_json(root, 1), tls_certificate_json(root, 0));
    CHECK_OK(tls_certificate_free(root));
}

/* The peer's, over pairs: the root comes from what the client trusts. */
static void s65_the_chain_of_a_peer(void) {
    tls_certificate *leaf = some_certificate();
    tls_certificate *intermediate = tls_certificate_issuer_certificate(leaf);
    tls_certificate *root = tls_certificate_issuer_certificate(intermediate);
    CHECK_TEXT(tls_certificate_subject_field(root, "CN", 0), "tlspair test root");
    CHECK_MISSING(tls_certificate_issuer_certificate(root));
    CHECK_OK(tls_certificate_free(root));
    CHECK_OK(tls_certificate_free(intermediate));
    CHECK_OK(tls_certificate_free(leaf));
}

static void s65_after_a_resumption(void) {
    tls_context *clients = client_context();
    tls_context *servers = server_context();
    struct side client = {0}, server = {0};
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    shuttle_to_secure(&client, &server);
    size_t length = 0;
    const uint8_t *session = tls_secure_pair_session(client.pair, &length);
    REQUIRE(session != NULL);
    struct side client2 = {0}, server2 = {0};
    side_open_client(&client2, clients);
    CHECK_OK(tls_secure_pair_set_session(client2.pair, session, length));
    side_open_server(&server2, servers);
    shuttle_to_secure(&client2, &server2);
    CHECK_EQUAL(tls_secure_pair_session_reused(client2.pair), 1);
    tls_certificate *first = tls_secure_pair_peer_certificate(client.pair);
    tls_certificate *second = tls_secure_pair_peer_certificate(client2.pair);
    CHECK_TEXT(tls_certificate_fingerprint256(second), tls_certificate_fingerprint256(first));
    /* The intermediate was sent in the full handshake only. */
    CHECK_MISSING(tls_certificate_issuer_certificate(second));
    CHECK_OK(tls_certificate_free(first));
    CHECK_OK(tls_certificate_free(second));
    side_free(&client);
    side_free(&server);
    side_free(&client2);
    side_free(&server2);
    CHECK_OK(tls_context_free(clients));
    CHECK_OK(tls_context_free(servers));
}

static void c026_no_certificate_yet_and_none_at_all(void) {
    tls_context *clients = client_context();
    tls_context *servers = server_context();
    struct side client = {0}, server = {0};
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    CHECK_MISSING(tls_secure_pair_peer_certificate(client.pair));
    shuttle_to_secure(&client, &server);
    CHECK_MISSING(tls_secure_pair_peer_certificate(server.pair));
    tls_certificate *before = tls_secure_pair_peer_certificate(client.pair);
    /* A record that nobody encrypted: the connection has failed, and what was asked for before lives. */
    CHECK_EQUAL(tls_secure_pair_feed(client.pair, "\x17\x03\x03\x00\x02xx", 7, NULL), TLS_ERR_TLS);
    CHECK_MISSING(tls_secure_pair_peer_certificate(client.pair));
    CHECK_OK(tls_secure_pair_destroy(client.pair));
    CHECK_MISSING(tls_secure_pair_peer_certificate(client.pair));
    CHECK_TEXT(tls_certificate_subject_field(before, "CN", 0), "localhost");
    CHECK_OK(tls_certificate_free(before));
    side_free(&client);
    side_free(&server);
    CHECK_OK(tls_context_free(clients));
    CHECK_OK(tls_context_free(servers));
}

static void c002_c003_copies_are_their_own(void) {
    tls_certificate *first = from_file("client-cert.pem");
    tls_certificate *second = tls_certificate_copy(first);
    CHECK(second != NULL && second != first);
    const char *subject = tls_certificate_subject(second);
    CHECK(subject == tls_certificate_subject(first));
    CHECK_OK(tls_certificate_free(first));
    CHECK_EQUAL(tls_certificate_free(first), TLS_ERR_INVALID_HANDLE);
    CHECK_FAILED(tls_certificate_subject(first), TLS_ERR_INVALID_HANDLE);
    CHECK_FAILED(tls_certificate_copy(first), TLS_ERR_INVALID_HANDLE);
    CHECK_TEXT(subject, "C=GB\nO=tlspair\nCN=tlspair client");
    CHECK_OK(tls_certificate_free(second));
    CHECK_OK(tls_certificate_free(NULL));
}

static void s79_a_name(void) {
    tls_certificate *certificate = from_file("server-cert.pem");
    CHECK_OK(tls_check_server_identity(certificate, "localhost"));
    CHECK_OK(tls_check_server_identity(certificate, "LocalHost."));
    CHECK_OK(tls_check_server_identity(certificate, "127.0.0.1"));
    CHECK_OK(tls_check_server_identity(certificate, "[::1]"));
    CHECK_OK(tls_check_server_identity(certificate, "0:0:0:0:0:0:0:1"));
    static const char *const others[] = {"", ".", ".localhost", "*", "other.example", "127.0.0.2", "a localhost",
        "localhost..", "b\xc3\xbc" "cher.example"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        CHECK_EQUAL(tls_check_server_identity(certificate, others[i]), TLS_ERR_VERIFY);
        const tls_error *error = tls_last_error();
        CHECK_TEXT(tls_error_name(error), "ERR_TLS_CERT_ALTNAME_INVALID");
        CHECK(strstr(tls_error_message(error), "Hostname/IP doesn't match certificate's altnames") ==
            tls_error_message(error));
        CHECK_PART(tls_error_message(error), "DNS:localhost");
        CHECK_EQUAL(tls_error_verify_result(error), 62);
        CHECK_EQUAL(tls_error_verify_depth(error), 0);
        CHECK_TEXT(tls_error_verify_subject(error), "C=GB\nO=tlspair\nCN=localhost");
    }
    CHECK_EQUAL(tls_check_server_identity(certificate, NULL), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_check_server_identity(certificate, "\xff"), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_check_server_identity(NULL, "localhost"), TLS_ERR_INVALID_HANDLE);
    CHECK_OK(tls_certificate_free(certificate));
}

/* Every getter; the texts are read to their ends. */
static size_t ask_everything(tls_certificate *certificate) {
    static const char *(*const texts[])(const tls_certificate *) = {tls_certificate_subject, tls_certificate_issuer,
        tls_certificate_subjectaltname, tls_certificate_info_access, tls_certificate_valid_from,
        tls_certificate_valid_to, tls_certificate_fingerprint, tls_certificate_fingerprint256,
        tls_certificate_fingerprint512, tls_certificate_serial_number, tls_certificate_modulus,
        tls_certificate_exponent, tls_certificate_asn1_curve, tls_certificate_nist_curve, tls_certificate_pem};
    size_t sum = 0, length = 0;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = texts[i](certificate);
        sum += text == NULL ? 0 : strlen(text);
    }
    const char *text = NULL;
    for (size_t i = 0; (text = tls_certificate_alt_name(certificate, i)) != NULL; i++) {
        sum += strlen(text);
    }
    for (size_t i = 0; (text = tls_certificate_ext_key_usage(certificate, i)) != NULL; i++) {
        sum += strlen(text);
    }
    for (size_t i = 0; (text = tls_certificate_subject_field(certificate, "CN", i)) != NULL; i++) {
        sum += strlen(text);
    }
    tls_certificate_issuer_field(certificate, "O", 0);
    sum += (size_t)tls_certificate_bits(certificate) + (size_t)tls_certificate_ca(certificate);
    CHECK(tls_certificate_der(certificate, &length) != NULL);
    sum += length;
    CHECK(tls_certificate_public_key(certificate, &length) != NULL);
    sum += length + strlen(tls_certificate_json(certificate, 1));
    tls_check_server_identity(certificate, "localhost");
    tls_certificate *above = tls_certificate_issuer_certificate(certificate);
    CHECK_OK(tls_certificate_free(above));
    return sum;
}

static void c090_spoiled_certificates(void) {
    static const char *const files[] = {"server-cert.pem", "server-rsa-cert.pem", "ca.pem"};
    uint64_t random = 90;
    long resident = 0, taken = 0;
    for (long round = 0; round < scaled(10000); round++) {
        if (round == 2000) {
            resident = resident_kib();
        }
        tls_certificate *good = from_file(files[round % 3]);
        size_t length = 0;
        const uint8_t *der = tls_certificate_der(good, &length);
        uint8_t *spoiled = malloc(length);
        REQUIRE(spoiled != NULL);
        memcpy(spoiled, der, length);
        for (uint64_t changes = 1 + next_random(&random) % 3; changes > 0; changes--) {
            spoiled[next_random(&random) % length] = (uint8_t)next_random(&random);
        }
        tls_certificate *certificate = tls_certificate_parse(spoiled, length);
        if (certificate != NULL) {
            taken++;
            CHECK(ask_everything(certificate) > length);
            CHECK_OK(tls_certificate_free(certificate));
        } else {
            CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_CERTIFICATE);
        }
        free(spoiled);
        CHECK_OK(tls_certificate_free(good));
    }
    CHECK(taken > scaled(10000) / 5);
    if (resident > 0 && runs_natively()) {
        CHECK(resident_kib() - resident < 1024);
    }
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s65_parse_pem_and_der);
    RUN(c008_what_is_no_certificate);
    RUN(s65_getters);
    RUN(s65_the_chain_ends);
    RUN(s65_the_chain_of_a_peer);
    RUN(s65_after_a_resumption);
    RUN(c026_no_certificate_yet_and_none_at_all);
    RUN(c002_c003_copies_are_their_own);
    RUN(s79_a_name);
    RUN(c090_spoiled_certificates);
    return check_end();
}
