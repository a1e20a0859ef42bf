/* The last error of a thread, copies of errors, and OpenSSL's own error queue, which the application
 * and the library share. */
#include "pairs.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void c028_never_null_and_only_failures_count(void) {
    CHECK(tls_last_error() != NULL);
    CHECK_EQUAL(tls_context_free((tls_context *)(uintptr_t)0x1235), TLS_ERR_INVALID_HANDLE);
    const tls_error *error = tls_last_error();
    CHECK_EQUAL(tls_error_status(error), TLS_ERR_INVALID_HANDLE);
    CHECK(strlen(tls_error_name(error)) > 0);
    CHECK(strlen(tls_error_message(error)) > 10);
    CHECK_EQUAL(tls_error_errno(error), 0);
    CHECK_EQUAL(tls_error_verify_result(error), 0);
    CHECK_EQUAL(tls_error_verify_depth(error), -1);
    CHECK(tls_error_verify_subject(error) == NULL);
    CHECK_EQUAL(tls_error_openssl_count(error), 0);
    CHECK(tls_error_openssl_text(error, 0) == NULL);
    CHECK_EQUAL(tls_error_openssl_code(error, 7), 0);
    /* Successes and accessors leave it, with its texts. */
    const char *message = tls_error_message(error);
    char before[256];
    snprintf(before, sizeof before, "%s", message);
    tls_context *context = client_context();
    CHECK_OK(tls_context_free(context));
    CHECK_OK(tls_context_free(NULL));
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_HANDLE);
    CHECK_TEXT(message, before);
}

static void s12_errors_of_configuration_have_their_reasons(void) {
    tls_context *context = tls_context_new();
    CHECK_EQUAL(tls_context_set_cert_file(context, "/nonexistent/cert.pem"), TLS_ERR_FILE);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_FILE);
    CHECK_TEXT(tls_error_name(tls_last_error()), "ENOENT");
    CHECK_EQUAL(tls_error_errno(tls_last_error()), 2);
    CHECK_PART(tls_error_message(tls_last_error()), "/nonexistent/cert.pem");
    CHECK_EQUAL(tls_context_set_cert(context, "no certificate", 14), TLS_ERR_CERTIFICATE);
    CHECK_EQUAL(tls_context_set_key(context, "no key", 6, NULL), TLS_ERR_KEY);
    CHECK_EQUAL(tls_context_set_ciphers(context, "no such cipher"), TLS_ERR_CIPHERS);
    CHECK_EQUAL(tls_context_set_min_version(context, "TLSv9"), TLS_ERR_PROTOCOL);
    CHECK_EQUAL(tls_context_set_identity_file(context, certificate_path("server-cert.pem"),
                    certificate_path("client-key.pem"), NULL), TLS_ERR_KEY_MISMATCH);
    /* All refused, so the context is as it was: empty. */
    CHECK(tls_secure_pair_new(context, 1, 0, 0) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_STATE);
    CHECK_OK(tls_context_free(context));
}

static void s12_names_of_statuses(void) {
    CHECK_TEXT(tls_status_name(TLS_OK), "TLS_OK");
    CHECK_TEXT(tls_status_name(TLS_FULL), "TLS_FULL");
    CHECK_TEXT(tls_status_name(TLS_ERR_BUSY), "TLS_ERR_BUSY");
    CHECK_TEXT(tls_status_name(TLS_ERR_INTERNAL), "TLS_ERR_INTERNAL");
    CHECK_TEXT(tls_status_name(4711), "TLS_ERR_UNKNOWN");
    CHECK_TEXT(tls_version(), "0.1.0");
    CHECK_EQUAL(tls_version_number(), 0x000100);
    CHECK_PART(tls_openssl_version(), "OpenSSL");
    CHECK_EQUAL(tls_feature("no such feature"), 0);
}

static void *look_at_copy(void *user_data) {
    tls_error *copy = user_data;
    /* This thread has not failed yet. */
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_OK);
    CHECK_EQUAL(tls_error_status(copy), TLS_ERR_FILE);
    CHECK_TEXT(tls_error_name(copy), "ENOENT");
    CHECK_PART(tls_error_message(copy), "/nonexistent");
    tls_error *second = tls_error_copy(copy);
    CHECK(second != NULL);
    CHECK_OK(tls_error_free(copy));
    CHECK(tls_error_free(copy) == TLS_ERR_INVALID_HANDLE);
    return second;
}

static void s80_copies_live_on_any_thread(void) {
    tls_context *context = tls_context_new();
    CHECK_EQUAL(tls_context_add_ca_file(context, "/nonexistent"), TLS_ERR_FILE);
    tls_error *copy = tls_error_copy(tls_last_error());
    REQUIRE(copy != NULL);
    /* The next failure replaces the last error, not the copy. */
    CHECK_EQUAL(tls_context_set_ciphers(context, "!"), TLS_ERR_CIPHERS);
    CHECK_EQUAL(tls_error_status(copy), TLS_ERR_FILE);
    pthread_t thread;
    void *second = NULL;
    REQUIRE(pthread_create(&thread, NULL, look_at_copy, copy) == 0);
    pthread_join(thread, &second);
    /* The other thread's failure is not ours. */
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_CIPHERS);
    CHECK_TEXT(tls_error_name(second), "ENOENT");
    CHECK_OK(tls_error_free(second));
    CHECK(tls_error_name(second) == NULL);
    /* The last error itself is the thread's. */
    CHECK_EQUAL(tls_error_free((tls_error *)(uintptr_t)tls_last_error()), TLS_ERR_INVALID_STATE);
    CHECK_OK(tls_context_free(context));
}

static void s80_error_of_the_event_and_its_verify_result(void) {
    tls_context *servers = server_context(), *clients = tls_context_new();
    CHECK_OK(tls_context_add_ca_file(clients, certificate_path("other-ca.pem")));
    struct side client, server;
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    tls_secure_pair_start(client.pair);
    shuttle(client.pair, server.pair, 0);
    CHECK_TEXT(client.log, "x c1");
    CHECK_TEXT(server.log, "x c1");
    CHECK_EQUAL(client.status, TLS_ERR_VERIFY);
    CHECK_EQUAL(server.status, TLS_ERR_TLS);
    /* Some chains name the missing root, others the issuer: both are about the CA. */
    CHECK(strcmp(client.error_name, "UNABLE_TO_GET_ISSUER_CERT_LOCALLY") == 0
        || strcmp(client.error_name, "SELF_SIGNED_CERT_IN_CHAIN") == 0
        || strcmp(client.error_name, "UNABLE_TO_VERIFY_LEAF_SIGNATURE") == 0);
    side_free(&client);
    side_free(&server);
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
}

/* ---- OpenSSL's queue ---- */

/* Looked up at run time: the library's own OpenSSL may be another, inside it. */
static struct {
    void (*new_entry)(void);
    void (*set_error)(int library, int reason, const char *format, ...);
    unsigned long (*peek)(void);
    void (*clear)(void);
} openssl;

static bool find_openssl(void) {
    void *library = dlopen("libcrypto.so.3", RTLD_NOW);
    if (library == NULL) {
        printf("  no libcrypto.so.3: there is no queue to share\n");
        return false;
    }
    /* POSIX's way to turn dlsym's answer into a function. */
    *(void **)&openssl.new_entry = dlsym(library, "ERR_new");
    *(void **)&openssl.set_error = dlsym(library, "ERR_set_error");
    *(void **)&openssl.peek = dlsym(library, "ERR_peek_error");
    *(void **)&openssl.clear = dlsym(library, "ERR_clear_error");
    return openssl.new_entry && openssl.set_error && openssl.peek && openssl.clear;
}

/* What an application may have left there: its own, a PEM reader's "no start line", and a fatal alert
 * on a connection of its own. */
static void dirty_the_queue(void) {
    static const int left[][2] = {{128, 42}, {9, 108}, {20, 1040}};
    for (int i = 0; i < 3; i++) {
        openssl.new_entry();
        openssl.set_error(left[i][0], left[i][1], "put there by the application");
    }
}

static void dirty_before_data(struct side *side, char event, const uint8_t *data, size_t length) {
    (void)side;
    (void)event;
    (void)data;
    (void)length;
    dirty_the_queue();
}

static void c028_dirty_queue_fails_nothing(void) {
    if (!find_openssl()) {
        return;
    }
    dirty_the_queue();
    tls_context *servers = server_context();
    dirty_the_queue();
    tls_context *clients = client_context();
    struct side client, server;
    dirty_the_queue();
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    client.hook = server.hook = dirty_before_data;
    for (int turn = 0; turn < 6; turn++) {
        dirty_the_queue();
        shuttle_once(client.pair, server.pair, 0);
        dirty_the_queue();
        shuttle_once(server.pair, client.pair, 0);
    }
    dirty_the_queue();
    CHECK_OK(tls_secure_pair_write(client.pair, "x", 1));
    dirty_the_queue();
    shuttle(client.pair, server.pair, 0);
    dirty_the_queue();
    tls_certificate *certificate = tls_secure_pair_peer_certificate(client.pair);
    CHECK(certificate != NULL);
    size_t length = 0;
    dirty_the_queue();
    CHECK(tls_secure_pair_session(client.pair, &length) != NULL);
    dirty_the_queue();
    CHECK_OK(tls_secure_pair_end(client.pair));
    dirty_the_queue();
    CHECK_OK(tls_secure_pair_end(server.pair));
    dirty_the_queue();
    shuttle(client.pair, server.pair, 0);
    CHECK_TEXT(client.log, "s e c0");
    CHECK_TEXT(server.log, "s d1 e c0");
    CHECK_OK(tls_certificate_free(certificate));
    side_free(&client);
    side_free(&server);
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
    openssl.clear();
}

/* What failed inside the library leaves no entry behind for the application to trip over. */
static void c028_no_stale_errors_after_failures(void) {
    if (!find_openssl()) {
        return;
    }
    openssl.clear();
    tls_context *context = tls_context_new();
    tls_context_set_cert(context, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", 60);
    CHECK_EQUAL(openssl.peek(), 0);
    tls_context_set_key(context, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", 60, NULL);
    CHECK_EQUAL(openssl.peek(), 0);
    tls_context_set_ciphers(context, "no such cipher");
    CHECK_EQUAL(openssl.peek(), 0);
    tls_context_add_ca(context, "junk", 4);
    CHECK_EQUAL(openssl.peek(), 0);
    CHECK_OK(tls_context_free(context));
    tls_context *servers = server_context();
    struct side server;
    side_open_server(&server, servers);
    tls_secure_pair_feed(server.pair, "GET / HTTP/1.1\r\n\r\n", 18, NULL);
    CHECK_TEXT(server.log, "x c1");
    CHECK_PART(server.error_message, "HTTP");
    CHECK_EQUAL(openssl.peek(), 0);
    CHECK_EQUAL(tls_secure_pair_set_session(server.pair, "junk", 4) == TLS_OK, 0);
    CHECK_EQUAL(openssl.peek(), 0);
    side_free(&server);
    tls_secure_pair *client = tls_secure_pair_new(servers, 0, 0, 1);
    CHECK_EQUAL(tls_secure_pair_set_session(client, "junk", 4), TLS_ERR_SESSION);
    CHECK_EQUAL(openssl.peek(), 0);
    CHECK_OK(tls_secure_pair_free(client));
    CHECK_OK(tls_context_free(servers));
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c028_never_null_and_only_failures_count);
    RUN(s12_errors_of_configuration_have_their_reasons);
    RUN(s12_names_of_statuses);
    RUN(s80_copies_live_on_any_thread);
    RUN(s80_error_of_the_event_and_its_verify_result);
    RUN(c028_dirty_queue_fails_nothing);
    RUN(c028_no_stale_errors_after_failures);
    return check_end();
}
