/* PKCS#12 files (S10): every way in which they have been written, whom they make us trust, and what
 * cannot be used. */
#include "pairs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_there(const char *name) {
    return access(certificate_path(name), R_OK) == 0;
}

/* A context with a file from scripts/make-certs. */
static tls_context *context_with(const char *name, const char *passphrase) {
    tls_context *context = tls_context_new();
    if (!CHECK_OK(tls_context_set_pfx_file(context, certificate_path(name), passphrase))) {
        check_that(false, name, __FILE__, __LINE__);
    }
    return context;
}

/* Does a client with this context accept a server with that one? Frees neither. */
static bool meet(tls_context *clients, tls_context *servers) {
    struct side client, server;
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    shuttle(client.pair, server.pair, 0);
    bool secure = client.secures == 1 && server.secures == 1;
    side_free(&client);
    side_free(&server);
    return secure;
}

static void s10_every_way_of_writing(void) {
    static const struct {
        const char *name, *passphrase;
    } files[] = {
        {"server.pfx", "secret"},
        {"server-rsa.pfx", "secret"},
        {"pfx-3des.pfx", "secret"},
        {"pfx-sha512.pfx", "secret"},
        {"pfx-open-certs.pfx", "secret"},
        {"pfx-empty.pfx", ""},
        {"pfx-empty.pfx", NULL},
        {"pfx-no-mac-empty.pfx", ""},
        {"pfx-no-mac-empty.pfx", NULL},
        {"pfx-no-mac.pfx", "secret"},
        {"pfx-plain.pfx", "of no use"},
        {"pfx-plain.pfx", ""},
        {"pfx-plain.pfx", NULL},
        {"pfx-utf8.pfx", "s\xc3\xa9same \xe2\x86\x92"},
        {"pfx-old.pfx", "secret"},
        {"pfx-rc2.pfx", "secret"},
    };
    tls_context *clients = client_context();
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (!is_there(files[i].name)) {
            continue;
        }
        tls_context *servers = context_with(files[i].name, files[i].passphrase);
        CHECK(meet(clients, servers));
        CHECK_OK(tls_context_free(servers));
    }
    CHECK_OK(tls_context_free(clients));
}

/* As Node has it: the file alone says whom to trust, on both sides. */
static void s10_its_cas_are_trusted(void) {
    tls_context *servers = context_with("server.pfx", "secret");
    tls_context *clients = context_with("client.pfx", "secret");
    struct side client, server;
    memset(&server, 0, sizeof server);
    side_open_client(&client, clients);
    side_watch(&server, tls_secure_pair_new(servers, 1, 1, 1));
    shuttle_to_secure(&client, &server);
    CHECK_EQUAL(tls_secure_pair_authorized(client.pair), 1);
    CHECK_EQUAL(tls_secure_pair_authorized(server.pair), 1);
    side_free(&client);
    side_free(&server);
    CHECK_OK(tls_context_free(clients));
    /* Without a CA in it, the well-known roots are trusted, and they did not sign our server. */
    clients = context_with("pfx-bare.pfx", "secret");
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    shuttle(client.pair, server.pair, 0);
    CHECK_TEXT(client.error_name, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY");
    side_free(&client);
    side_free(&server);
    CHECK_OK(tls_context_free(clients));
    CHECK_OK(tls_context_free(servers));
}

/* server-cert.pem has the intermediate with it, pfx-bare.pfx has not. */
static void s10_the_chain_is_sent(void) {
    tls_context *clients = client_context();
    tls_context *whole = context_with("pfx-plain.pfx", NULL), *bare = context_with("pfx-bare.pfx", "secret");
    CHECK(meet(clients, whole));
    CHECK(!meet(clients, bare));
    CHECK_OK(tls_context_free(whole));
    CHECK_OK(tls_context_free(bare));
    CHECK_OK(tls_context_free(clients));
}

static void s10_either_a_file_or_its_pieces(void) {
    tls_context *context = context_with("server.pfx", "secret");
    const char *cert = certificate_path("server-cert.pem"), *key = certificate_path("server-key.pem");
    const char *pfx = certificate_path("server.pfx");
    CHECK_EQUAL(tls_context_set_cert_file(context, cert), TLS_ERR_INVALID_STATE);
    CHECK_PART(tls_error_message(tls_last_error()), "PFX");
    CHECK_EQUAL(tls_context_set_key_file(context, key, NULL), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_context_set_identity_file(context, cert, key, NULL), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_context_add_ca_file(context, certificate_path("ca.pem")), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_context_clear_ca(context), TLS_ERR_INVALID_STATE);
    CHECK_OK(tls_context_free(context));
    context = tls_context_new();
    CHECK_OK(tls_context_set_cert_file(context, cert));
    CHECK_EQUAL(tls_context_set_pfx_file(context, pfx, "secret"), TLS_ERR_INVALID_STATE);
    CHECK_PART(tls_error_message(tls_last_error()), "certificate or a key");
    CHECK_OK(tls_context_set_key_file(context, key, NULL));
    CHECK_OK(tls_context_free(context));
    context = client_context();
    CHECK_EQUAL(tls_context_set_pfx_file(context, pfx, "secret"), TLS_ERR_INVALID_STATE);
    CHECK_PART(tls_error_message(tls_last_error()), "CAs");
    CHECK_OK(tls_context_free(context));
}

/* A second file takes the place of the first; one that cannot be used does not. */
static void s10_the_last_good_file_counts(void) {
    tls_context *context = context_with("server.pfx", "secret");
    const char *bare = certificate_path("pfx-bare.pfx"), *rsa = certificate_path("server-rsa.pfx");
    CHECK_OK(tls_context_set_pfx_file(context, bare, "secret"));
    CHECK_OK(tls_context_set_pfx_file(context, rsa, "secret"));
    CHECK_EQUAL(tls_context_set_pfx_file(context, bare, "wrong"), TLS_ERR_PASSPHRASE);
    CHECK_OK(tls_context_set_max_version(context, "TLSv1.2"));
    tls_context *clients = client_context();
    struct side client, server;
    side_open_client(&client, clients);
    side_open_server(&server, context);
    shuttle_to_secure(&client, &server);
    CHECK_PART(tls_secure_pair_cipher_name(client.pair), "RSA");
    CHECK_EQUAL(tls_context_set_pfx_file(context, rsa, "secret"), TLS_ERR_FROZEN);
    side_free(&client);
    side_free(&server);
    CHECK_OK(tls_context_free(clients));
    CHECK_OK(tls_context_free(context));
}

static void check_refused(const char *name, const char *passphrase, tls_status status, const char *error) {
    tls_context *context = tls_context_new();
    CHECK_EQUAL(tls_context_set_pfx_file(context, certificate_path(name), passphrase), status);
    CHECK_TEXT(tls_error_name(tls_last_error()), error);
    CHECK(strlen(tls_error_message(tls_last_error())) > 10);
    /* As it was before: it still takes the pieces. */
    CHECK_OK(tls_context_set_cert_file(context, certificate_path("server-cert.pem")));
    CHECK_OK(tls_context_free(context));
}

static void c011_each_reason_has_its_own_error(void) {
    char long_passphrase[10 * 1024 + 1];
    memset(long_passphrase, 'a', sizeof long_passphrase - 1);
    long_passphrase[sizeof long_passphrase - 1] = '\0';
    const char *wrong = "ERR_OSSL_PKCS12_MAC_VERIFY_FAILURE", *missing = "ERR_MISSING_PASSPHRASE";
    check_refused("server.pfx", NULL, TLS_ERR_PASSPHRASE, missing);
    check_refused("server.pfx", "", TLS_ERR_PASSPHRASE, wrong);
    check_refused("server.pfx", "Secret", TLS_ERR_PASSPHRASE, wrong);
    check_refused("server.pfx", "\xff\xfe", TLS_ERR_PASSPHRASE, wrong);
    check_refused("server.pfx", long_passphrase, TLS_ERR_PASSPHRASE, wrong);
    check_refused("pfx-empty.pfx", "secret", TLS_ERR_PASSPHRASE, wrong);
    if (is_there("pfx-old.pfx")) {
        check_refused("pfx-old.pfx", NULL, TLS_ERR_PASSPHRASE, missing);
        check_refused("pfx-old.pfx", "wrong", TLS_ERR_PASSPHRASE, wrong);
        check_refused("pfx-rc2.pfx", "wrong", TLS_ERR_PASSPHRASE, wrong);
    }
    check_refused("pfx-no-key.pfx", "secret", TLS_ERR_KEY, "ERR_CRYPTO_OPERATION_FAILED");
    check_refused("pfx-no-cert.pfx", "secret", TLS_ERR_CERTIFICATE, "ERR_CRYPTO_OPERATION_FAILED");
    check_refused("no-such.pfx", NULL, TLS_ERR_FILE, "ENOENT");
}

/* Without a checksum, a wrong passphrase shows in what comes out: in one of 256 cases it looks right, and
 * makes garbage. */
static void c011_without_a_checksum(void) {
    static const char *const wrong[] = {NULL, "", "Secret"};
    tls_context *context = tls_context_new();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        tls_status status = tls_context_set_pfx_file(context, certificate_path("pfx-no-mac.pfx"), wrong[i]);
        CHECK(status == TLS_ERR_PASSPHRASE || status == TLS_ERR_CERTIFICATE);
    }
    CHECK_OK(tls_context_set_pfx_file(context, certificate_path("pfx-no-mac.pfx"), "secret"));
    CHECK_OK(tls_context_free(context));
}

static void c011_what_is_no_such_file(void) {
    tls_context *context = tls_context_new();
    CHECK_EQUAL(tls_context_set_pfx_file(context, NULL, NULL), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_context_set_pfx(context, NULL, 1, NULL), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_context_set_pfx(context, "x", SIZE_MAX, NULL), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_context_set_pfx(context, NULL, 0, NULL), TLS_ERR_CERTIFICATE);
    CHECK_EQUAL(tls_context_set_pfx(context, "garbage", 7, NULL), TLS_ERR_CERTIFICATE);
    const char *pem = certificate_path("server-cert.pem");
    CHECK_EQUAL(tls_context_set_pfx_file(context, pem, NULL), TLS_ERR_CERTIFICATE);
    CHECK_PART(tls_error_message(tls_last_error()), "PEM");
    /* And the other way round. */
    CHECK_EQUAL(tls_context_set_cert_file(context, certificate_path("server.pfx")), TLS_ERR_CERTIFICATE);
    CHECK_PART(tls_error_message(tls_last_error()), "tls_context_set_pfx");
    CHECK_EQUAL(tls_context_set_key_file(context, certificate_path("server.pfx"), NULL), TLS_ERR_KEY);
    CHECK_PART(tls_error_message(tls_last_error()), "tls_context_set_pfx");
    CHECK_OK(tls_context_free(context));
}

/* The shapes of CVE-2024-0727: contents that the type announces and that are not there. */
static void c011_missing_contents(void) {
#define DATA 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01
#define ENCRYPTED 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x06
    static const uint8_t no_authenticated_safe[] = {0x30, 0x10, 0x02, 0x01, 0x03, 0x30, 0x0b, DATA};
    static const uint8_t no_safe_contents[] = {0x30, 0x23, 0x02, 0x01, 0x03, 0x30, 0x1e, DATA,
        0xa0, 0x11, 0x04, 0x0f, 0x30, 0x0d, 0x30, 0x0b, DATA};
    static const uint8_t no_encrypted_data[] = {0x30, 0x23, 0x02, 0x01, 0x03, 0x30, 0x1e, DATA,
        0xa0, 0x11, 0x04, 0x0f, 0x30, 0x0d, 0x30, 0x0b, ENCRYPTED};
    static const uint8_t of_another_type[] = {0x30, 0x10, 0x02, 0x01, 0x03, 0x30, 0x0b, ENCRYPTED};
    static const struct {
        const uint8_t *bytes;
        size_t length;
    } files[] = {
        {no_authenticated_safe, sizeof no_authenticated_safe},
        {no_safe_contents, sizeof no_safe_contents},
        {no_encrypted_data, sizeof no_encrypted_data},
        {of_another_type, sizeof of_another_type},
    };
    static const char *const passphrases[] = {NULL, "", "secret"};
    tls_context *context = tls_context_new();
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        for (size_t j = 0; j < sizeof passphrases / sizeof passphrases[0]; j++) {
            CHECK_EQUAL(tls_context_set_pfx(context, files[i].bytes, files[i].length, passphrases[j]),
                TLS_ERR_CERTIFICATE);
        }
    }
    CHECK_OK(tls_context_free(context));
}

/* Good files with some of their bytes changed: each is taken, or refused with a reason. */
static void c011_mutations(void) {
    static const struct {
        const char *name, *passphrase;
    } files[] = {
        {"server.pfx", "secret"},
        {"pfx-3des.pfx", "secret"},
        {"pfx-plain.pfx", NULL},
        {"pfx-no-mac-empty.pfx", NULL},
    };
    uint64_t random = 11;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        size_t length;
        char *good = read_file(certificate_path(files[i].name), &length);
        char *bytes = malloc(length);
        long refused = 0, count = scaled(1000);
        for (long turn = 0; turn < count; turn++) {
            memcpy(bytes, good, length);
            for (uint64_t change = 1 + next_random(&random) % 4; change > 0; change--) {
                bytes[next_random(&random) % length] = (char)next_random(&random);
            }
            tls_context *context = tls_context_new();
            tls_status status = tls_context_set_pfx(context, bytes, length, files[i].passphrase);
            if (status != TLS_OK) {
                refused++;
                CHECK(tls_error_name(tls_last_error())[0] != '\0');
                CHECK(tls_error_message(tls_last_error())[0] != '\0');
                CHECK(status == TLS_ERR_PASSPHRASE || status == TLS_ERR_CERTIFICATE ||
                    status == TLS_ERR_KEY || status == TLS_ERR_KEY_MISMATCH ||
                    status == TLS_ERR_NOT_SUPPORTED);
            }
            CHECK_OK(tls_context_free(context));
        }
        CHECK(refused > count / 3);
        free(bytes);
        free(good);
    }
}

static void c011_cut_short(void) {
    size_t length;
    char *good = read_file(certificate_path("server.pfx"), &length);
    tls_context *context = tls_context_new();
    size_t step = length / (size_t)scaled((long)length);
    for (size_t cut = 0; cut < length; cut += step) {
        CHECK_EQUAL(tls_context_set_pfx(context, good, cut, "secret"), TLS_ERR_CERTIFICATE);
    }
    CHECK_OK(tls_context_set_pfx(context, good, length, "secret"));
    CHECK_OK(tls_context_free(context));
    free(good);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s10_every_way_of_writing);
    RUN(s10_its_cas_are_trusted);
    RUN(s10_the_chain_is_sent);
    RUN(s10_either_a_file_or_its_pieces);
    RUN(s10_the_last_good_file_counts);
    RUN(c011_each_reason_has_its_own_error);
    RUN(c011_without_a_checksum);
    RUN(c011_what_is_no_such_file);
    RUN(c011_missing_contents);
    RUN(c011_mutations);
    RUN(c011_cut_short);
    return check_end();
}
