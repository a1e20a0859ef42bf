/* The misuse table: whatever is passed as a handle, each function answers its status, and nothing
 * else changes. */
#include "functions.h"
#include "pairs.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Those of `good`, and the other ones. */
static struct question questions[2];

/* Fills `handles` with a live one of each kind. The stream's peer is nobody: port 9 refuses. */
static void make_all(void **handles) {
    tls_error_status(tls_last_error());
    handles[ERROR] = tls_error_copy(tls_last_error());
    handles[CONTEXT] = server_context();
    handles[OPTIONS] = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_context(handles[OPTIONS], handles[CONTEXT]));
    handles[CERTIFICATE] = some_certificate();
    handles[TICKET_RING] = tls_ticket_ring_new();
    handles[PAIR] = tls_secure_pair_new(handles[CONTEXT], 1, 0, 0);
    handles[LOOP] = tls_loop_new();
    handles[SERVER] = tls_server_new(handles[LOOP], handles[CONTEXT]);
    handles[STREAM] = tls_connect(handles[LOOP], 9, "127.0.0.1", handles[OPTIONS], NULL, NULL);
    handles[REQUEST] = open_question(&questions[handles == good]);
    for (int kind = 0; kind < KINDS; kind++) {
        REQUIRE(handles[kind] != NULL);
    }
}

static void free_all(void **handles) {
    CHECK_OK(tls_loop_free(handles[LOOP]));
    close_question(&questions[handles == good]);
    CHECK_OK(tls_secure_pair_free(handles[PAIR]));
    CHECK_OK(tls_certificate_free(handles[CERTIFICATE]));
    CHECK_OK(tls_ticket_ring_free(handles[TICKET_RING]));
    CHECK_OK(tls_connect_options_free(handles[OPTIONS]));
    CHECK_OK(tls_context_free(handles[CONTEXT]));
    CHECK_OK(tls_error_free(handles[ERROR]));
}

/* All live handles are there and as they were made. */
static void check_untouched(void) {
    CHECK_EQUAL(tls_server_port(good[SERVER]), -1);
    CHECK_EQUAL(tls_server_connections(good[SERVER]), 0);
    CHECK_EQUAL(tls_stream_writable_length(good[STREAM]), 0);
    CHECK_EQUAL(tls_secure_pair_secure(good[PAIR]), 0);
    CHECK(tls_certificate_subject(good[CERTIFICATE]) != NULL);
    CHECK_EQUAL(tls_ticket_ring_key_count(good[TICKET_RING]), 1);
    CHECK(tls_error_name(good[ERROR]) != NULL);
    CHECK_OK(tls_connect_options_set_servername(good[OPTIONS], "localhost"));
    CHECK_OK(tls_loop_run_once(good[LOOP], 0));
}

static void check_refused(const struct function *function, void *handle, int64_t refused,
    tls_status status, const char *what) {
    char text[160];
    CHECK_EQUAL(tls_status_name(12345) != NULL, 1);
    /* Another failure comes first, so that an old last error does not pass for the new one. */
    tls_context_set_ciphers(NULL, NULL);
    tls_server_listen(good[SERVER], -7, NULL);
    snprintf(text, sizeof text, "%s with %s", function->name, what);
    check_equal(function->call(handle), refused, text, __FILE__, __LINE__);
    if (!function->is_accessor) {
        snprintf(text, sizeof text, "last error of %s with %s", function->name, what);
        check_equal(tls_error_status(tls_last_error()), status, text, __FILE__, __LINE__);
    }
}

static void c001_null_handles(void) {
    make_all(good);
    for (size_t i = 0; i < function_count; i++) {
        const struct function *function = &functions[i];
        if (!function->takes_null) {
            check_refused(function, NULL, function->refused, TLS_ERR_INVALID_HANDLE, "NULL");
        } else if (strstr(function->name, "_free") || strstr(function->name, "_destroy")) {
            CHECK_OK(function->call(NULL));
        }
    }
    check_untouched();
    free_all(good);
}

static void c002_freed_handles(void) {
    void *freed[KINDS];
    make_all(freed);
    free_all(freed);
    make_all(good);
    for (size_t i = 0; i < function_count; i++) {
        const struct function *function = &functions[i];
        check_refused(function, freed[function->kind], function->refused, TLS_ERR_INVALID_HANDLE, "a freed one");
    }
    check_untouched();
    free_all(good);
}

static void c003_free_twice(void) {
    void *handles[KINDS];
    make_all(good);
    make_all(handles);
    CHECK_OK(tls_secure_pair_free(handles[PAIR]));
    CHECK_EQUAL(tls_secure_pair_free(handles[PAIR]), TLS_ERR_INVALID_HANDLE);
    CHECK_OK(tls_certificate_free(handles[CERTIFICATE]));
    CHECK_EQUAL(tls_certificate_free(handles[CERTIFICATE]), TLS_ERR_INVALID_HANDLE);
    CHECK_OK(tls_ticket_ring_free(handles[TICKET_RING]));
    CHECK_EQUAL(tls_ticket_ring_free(handles[TICKET_RING]), TLS_ERR_INVALID_HANDLE);
    CHECK_OK(tls_connect_options_free(handles[OPTIONS]));
    CHECK_EQUAL(tls_connect_options_free(handles[OPTIONS]), TLS_ERR_INVALID_HANDLE);
    CHECK_OK(tls_context_free(handles[CONTEXT]));
    CHECK_EQUAL(tls_context_free(handles[CONTEXT]), TLS_ERR_INVALID_HANDLE);
    CHECK_OK(tls_error_free(handles[ERROR]));
    CHECK_EQUAL(tls_error_free(handles[ERROR]), TLS_ERR_INVALID_HANDLE);
    CHECK_OK(tls_request_reject(handles[REQUEST], NULL));
    CHECK_EQUAL(tls_request_reject(handles[REQUEST], NULL), TLS_ERR_INVALID_HANDLE);
    close_question(&questions[0]);
    /* Until its close event the id of a destroyed one is known. */
    CHECK_OK(tls_stream_destroy(handles[STREAM]));
    CHECK_OK(tls_stream_destroy(handles[STREAM]));
    CHECK_OK(tls_server_destroy(handles[SERVER]));
    run_for(handles[LOOP], 20);
    CHECK_EQUAL(tls_stream_destroy(handles[STREAM]), TLS_ERR_INVALID_HANDLE);
    CHECK_EQUAL(tls_server_destroy(handles[SERVER]), TLS_ERR_INVALID_HANDLE);
    CHECK_OK(tls_loop_free(handles[LOOP]));
    CHECK_EQUAL(tls_loop_free(handles[LOOP]), TLS_ERR_INVALID_HANDLE);
    check_untouched();
    free_all(good);
}

static void c004_wrong_kind(void) {
    static const char *const names[KINDS] = {"an error", "a context", "options", "a certificate",
        "a pair", "a loop", "a server", "a stream", "a request", "a ticket ring"};
    make_all(good);
    for (size_t i = 0; i < function_count; i++) {
        const struct function *function = &functions[i];
        for (int kind = 0; kind < KINDS; kind++) {
            if (kind != (int)function->kind) {
                check_refused(function, good[kind], function->refused, TLS_ERR_INVALID_HANDLE, names[kind]);
            }
        }
    }
    check_untouched();
    free_all(good);
}

/* Values near real ones: another generation, another slot, a bit more. */
static void c002_almost_handles(void) {
    make_all(good);
    for (size_t i = 0; i < function_count; i++) {
        const struct function *function = &functions[i];
        uintptr_t real = (uintptr_t)good[function->kind];
        for (int bit = 0; bit < 64; bit++) {
            void *almost = (void *)(real ^ (uintptr_t)1 << bit);
            bool lives = false;
            for (int kind = 0; kind < KINDS; kind++) {
                lives |= almost == good[kind];
            }
            if (!lives && almost != (void *)tls_last_error()) {
                check_refused(function, almost, function->refused, TLS_ERR_INVALID_HANDLE, "an almost good one");
            }
        }
    }
    check_untouched();
    free_all(good);
}

static void *call_from_elsewhere(void *user_data) {
    (void)user_data;
    for (size_t i = 0; i < function_count; i++) {
        const struct function *function = &functions[i];
        if (function->any_thread) {
            continue;
        }
        int64_t refused = function->answers_status ? TLS_ERR_WRONG_THREAD : function->refused;
        char text[160];
        snprintf(text, sizeof text, "%s from another thread", function->name);
        check_equal(function->call(good[function->kind]), refused, text, __FILE__, __LINE__);
        check_equal(tls_error_status(tls_last_error()), TLS_ERR_WRONG_THREAD, text, __FILE__, __LINE__);
        check_part(tls_error_message(tls_last_error()), "tls_loop_detach", text, __FILE__, __LINE__);
    }
    return NULL;
}

static void c107_wrong_thread(void) {
    pthread_t thread;
    make_all(good);
    REQUIRE(pthread_create(&thread, NULL, call_from_elsewhere, NULL) == 0);
    pthread_join(thread, NULL);
    check_untouched();
    free_all(good);
}

static int destroyed;
static void count_destroy(void *user_data) {
    CHECK(user_data == &destroyed);
    destroyed++;
}

/* User data of a call that fails is destroyed at once, else exactly once and later. */
static void s61_user_data_is_destroyed_once(void) {
    make_all(good);
    destroyed = 0;
    CHECK_EQUAL(tls_stream_set_user_data(NULL, &destroyed, count_destroy), TLS_ERR_INVALID_HANDLE);
    CHECK_EQUAL(destroyed, 1);
    CHECK_EQUAL(tls_context_set_user_data(good[LOOP], &destroyed, count_destroy), TLS_ERR_INVALID_HANDLE);
    CHECK_EQUAL(destroyed, 2);
    destroyed = 0;
    CHECK_OK(tls_context_set_user_data(good[CONTEXT], &destroyed, count_destroy));
    CHECK_OK(tls_secure_pair_set_user_data(good[PAIR], &destroyed, count_destroy));
    CHECK_OK(tls_loop_set_user_data(good[LOOP], &destroyed, count_destroy));
    CHECK_OK(tls_server_set_user_data(good[SERVER], &destroyed, count_destroy));
    CHECK_OK(tls_stream_set_user_data(good[STREAM], &destroyed, count_destroy));
    CHECK(tls_context_user_data(good[CONTEXT]) == &destroyed);
    CHECK(tls_secure_pair_user_data(good[PAIR]) == &destroyed);
    CHECK(tls_loop_user_data(good[LOOP]) == &destroyed);
    CHECK(tls_server_user_data(good[SERVER]) == &destroyed);
    CHECK(tls_stream_user_data(good[STREAM]) == &destroyed);
    CHECK_EQUAL(destroyed, 0);
    CHECK_OK(tls_stream_set_user_data(good[STREAM], &destroyed, count_destroy));
    CHECK_EQUAL(destroyed, 1);
    free_all(good);
    CHECK_EQUAL(destroyed, 6);
}

/* Contexts and options stay usable for those who hold them, whoever frees them first. */
static void c105_freed_while_in_use(void) {
    struct side client, server;
    tls_context *servers = server_context(), *clients = client_context();
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
    shuttle_to_secure(&client, &server);
    tls_certificate *certificate = tls_secure_pair_peer_certificate(client.pair);
    side_free(&client);
    side_free(&server);
    CHECK_PART(tls_certificate_subject(certificate), "CN=localhost");
    CHECK_OK(tls_certificate_free(certificate));
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c001_null_handles);
    RUN(c002_freed_handles);
    RUN(c002_almost_handles);
    RUN(c003_free_twice);
    RUN(c004_wrong_kind);
    RUN(c107_wrong_thread);
    RUN(s61_user_data_is_destroyed_once);
    RUN(c105_freed_while_in_use);
    return check_end();
}
