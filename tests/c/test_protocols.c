/* Application protocols: ALPN (S83) and NPN (S21, S34, S70), on both sides, by names and by buffer,
 * and what becomes of malformed lists (case 17). */
#include "pairs.h"

#include <string.h>

static tls_context *servers, *clients;

static void make_contexts(const char *version) {
    servers = server_context();
    clients = client_context();
    CHECK_OK(tls_context_set_max_version(clients, version));
}

static void free_contexts(void) {
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
}

static void set_alpn(tls_secure_pair *pair, const char *buffer) {
    if (buffer != NULL) {
        CHECK_OK(tls_secure_pair_set_alpn_buffer(pair, buffer, strlen(buffer)));
    }
}

static void set_npn(tls_secure_pair *pair, const char *buffer) {
    if (buffer != NULL) {
        CHECK_OK(tls_secure_pair_set_npn_buffer(pair, buffer, strlen(buffer)));
    }
}

static void check_optional_text(const char *actual, const char *expected) {
    if (expected == NULL) {
        CHECK(actual == NULL);
    } else {
        CHECK_TEXT(actual, expected);
    }
}

static void s83_alpn_follows_the_servers_preference(void) {
    static const struct {
        const char *server, *client, *agreed;
    } cases[] = {
        {"\x02h2\x08http/1.1", "\x08http/1.1\x02h2", "h2"},
        {"\x08http/1.1", "\x02h2\x08http/1.1", "http/1.1"},
        {"\x02h2", NULL, NULL},
        {NULL, "\x02h2", NULL},
    };
    static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        struct side client, server;
        make_contexts(versions[i % 2]);
        side_open_client(&client, clients);
        side_open_server(&server, servers);
        set_alpn(server.pair, cases[i / 2].server);
        set_alpn(client.pair, cases[i / 2].client);
        CHECK(tls_secure_pair_alpn_protocol(client.pair) == NULL);
        shuttle_to_secure(&client, &server);
        check_optional_text(tls_secure_pair_alpn_protocol(client.pair), cases[i / 2].agreed);
        check_optional_text(tls_secure_pair_alpn_protocol(server.pair), cases[i / 2].agreed);
        CHECK_EQUAL(tls_secure_pair_set_alpn_buffer(client.pair, "\x01x", 2), TLS_ERR_INVALID_STATE);
        side_free(&client);
        side_free(&server);
        free_contexts();
    }
}

static void s83_nothing_in_common_is_refused(void) {
    struct side client, server;
    make_contexts("TLSv1.3");
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    set_alpn(server.pair, "\x02h2");
    set_alpn(client.pair, "\x03" "abc");
    CHECK_OK(tls_secure_pair_start(client.pair));
    shuttle(client.pair, server.pair, 0);
    CHECK_TEXT(server.log, "x c1");
    CHECK_TEXT(server.error_name, "ERR_SSL_NO_APPLICATION_PROTOCOL");
    CHECK_TEXT(client.log, "x c1");
    CHECK_TEXT(client.error_name, "ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL");
    side_free(&client);
    side_free(&server);
    free_contexts();
}

/* A server's own setting, its context's, and the client's options; who beats whom. */
static void s83_s21_whose_list_counts(void) {
    static const char *const of_server[] = {"server"}, *const of_context[] = {"context"},
        *const of_options[] = {"server", "context", "options"};
    for (int with_context = 0; with_context <= 1; with_context++) {
        struct rig rig;
        struct witness client = {0};
        tls_context *context = server_context();
        if (with_context) {
            CHECK_OK(tls_context_set_alpn_protocols(context, of_context, 1));
            CHECK_OK(tls_context_set_npn_protocols(context, of_context, 1));
        }
        CHECK_OK(tls_context_set_max_version(context, "TLSv1.2"));
        rig_prepare_with(&rig, tls_loop_new(), context);
        CHECK_OK(tls_server_set_alpn_protocols(rig.server, of_server, 1));
        CHECK_OK(tls_server_set_npn_protocols(rig.server, of_server, 1));
        CHECK_OK(tls_context_set_alpn_protocols(rig.client_context, of_context, 1));
        CHECK_OK(tls_context_set_npn_protocols(rig.client_context, of_context, 1));
        rig_listen(&rig);
        /* Where ALPN is agreed on, OpenSSL leaves NPN out: one at a time. */
        for (int npn = 0; npn <= 1; npn++) {
            tls_connect_options *options = tls_connect_options_new();
            CHECK_OK(tls_connect_options_set_servername(options, "localhost"));
            memset(&client, 0, sizeof client);
            if (npn) {
                tls_context *plain = client_context();
                rig_use_clients(&rig, plain);
                CHECK_OK(tls_connect_options_set_npn_protocols(options, of_options, 3));
            } else {
                CHECK_OK(tls_connect_options_set_alpn_protocols(options, of_options, 3));
            }
            rig_connect_by(&rig, &client, options);
            RUN_UNTIL(rig.loop, client.secures == 1 && rig.connections == npn + 1, 5000);
            const char *expected = with_context ? "context" : "server";
            check_optional_text(tls_stream_alpn_protocol(client.stream), npn ? NULL : expected);
            check_optional_text(tls_stream_npn_protocol(client.stream), npn ? expected : NULL);
            check_optional_text(tls_stream_alpn_protocol(rig.accepted.stream), npn ? NULL : expected);
            check_optional_text(tls_stream_npn_protocol(rig.accepted.stream), npn ? expected : NULL);
            CHECK_OK(tls_stream_destroy(client.stream));
            RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 5000);
        }
        rig_close(&rig);
    }
}

static void s70_npn_follows_the_clients_preference(void) {
    static const struct {
        const char *server, *client, *at_server, *at_client;
    } cases[] = {
        /* In the server's order, as SSL_select_next_proto(3) has it. */
        {"\x01" "a\x01" "b", "\x01" "b\x01" "a", "a", "a"},
        {"\x01" "c\x01" "b", "\x01" "b\x01" "a", "b", "b"},
        /* Nothing in common: the client takes its own first, and reports none. */
        {"\x01" "x", "\x01" "b\x01" "a", "b", NULL},
        /* A server without a list does not answer. */
        {NULL, "\x01" "b", NULL, NULL},
        {"\x01" "x", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct side client, server;
        make_contexts("TLSv1.2");
        side_open_client(&client, clients);
        side_open_server(&server, servers);
        set_npn(server.pair, cases[i].server);
        set_npn(client.pair, cases[i].client);
        shuttle_to_secure(&client, &server);
        check_optional_text(tls_secure_pair_npn_protocol(server.pair), cases[i].at_server);
        check_optional_text(tls_secure_pair_npn_protocol(client.pair), cases[i].at_client);
        side_free(&client);
        side_free(&server);
        free_contexts();
    }
}

/* S04: TLS 1.3 has no NPN; nothing is agreed on, and nothing fails. */
static void s04_no_npn_on_tls13(void) {
    struct side client, server;
    make_contexts("TLSv1.3");
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    set_npn(server.pair, "\x01" "a");
    set_npn(client.pair, "\x01" "a");
    shuttle_to_secure(&client, &server);
    CHECK_TEXT(tls_secure_pair_protocol(client.pair), "TLSv1.3");
    CHECK(tls_secure_pair_npn_protocol(client.pair) == NULL);
    CHECK(tls_secure_pair_npn_protocol(server.pair) == NULL);
    side_free(&client);
    side_free(&server);
    free_contexts();
}

/* The list of a context that SNI picks counts, for both. */
static void s21_s83_the_list_of_the_picked_context_counts(void) {
    static const char *const own[] = {"own"}, *const picked[] = {"picked"}, *const wanted[] = {"own", "picked"};
    for (int npn = 0; npn <= 1; npn++) {
        struct side client, server;
        make_contexts("TLSv1.2");
        tls_context *context = server_context();
        CHECK_OK(tls_context_set_alpn_protocols(context, picked, 1));
        CHECK_OK(tls_context_set_npn_protocols(context, picked, 1));
        side_open_client(&client, clients);
        side_open_server(&server, servers);
        CHECK_OK(tls_secure_pair_add_context(server.pair, "localhost", context));
        CHECK_OK(tls_secure_pair_set_alpn_protocols(server.pair, own, 1));
        CHECK_OK(tls_secure_pair_set_npn_protocols(server.pair, own, 1));
        if (npn) {
            CHECK_OK(tls_secure_pair_set_npn_protocols(client.pair, wanted, 2));
        } else {
            CHECK_OK(tls_secure_pair_set_alpn_protocols(client.pair, wanted, 2));
        }
        shuttle_to_secure(&client, &server);
        check_optional_text(tls_secure_pair_alpn_protocol(server.pair), npn ? NULL : "picked");
        check_optional_text(tls_secure_pair_npn_protocol(server.pair), npn ? "picked" : NULL);
        side_free(&client);
        side_free(&server);
        CHECK_OK(tls_context_free(context));
        free_contexts();
    }
}

/* X(SETTER, HANDLE) for everything that takes a list. */
#define ALL_HANDLES(X, what) \
    X(tls_context_set_##what, context) \
    X(tls_connect_options_set_##what, options) \
    X(tls_server_set_##what, server) \
    X(tls_secure_pair_set_##what, pair)

static void c017_malformed_lists_are_refused(void) {
    static char name255[256], name256[257];
    memset(name255, 'x', 255);
    memset(name256, 'x', 256);
    static const char *many[300];
    for (size_t i = 0; i < 300; i++) {
        many[i] = name255;
    }
    static const char *const good[] = {"a"}, *const empty_name[] = {"a", ""}, *const null_name[] = {"a", NULL},
        *const too_long[] = {name256};
    static const struct {
        const char *data;
        size_t length;
    } buffers[] = {{"", 0}, {"\0", 1}, {"\x01" "a\0", 3}, {"\x02" "a", 2}, {"\x01" "a\x05", 3}, {NULL, 0}, {"\x03" "a\0b", 4}};
    tls_context *context = server_context();
    tls_connect_options *options = tls_connect_options_new();
    tls_loop *loop = tls_loop_new();
    tls_context *frozen = server_context();
    tls_server *server = tls_server_new(loop, frozen);
    tls_secure_pair *pair = tls_secure_pair_new(frozen, 1, 0, 0);
#define CHECK_NAMES(setter, handle) \
    CHECK_EQUAL(setter(handle, NULL, 0), TLS_ERR_INVALID_ARGUMENT); \
    CHECK_EQUAL(setter(handle, NULL, 1), TLS_ERR_INVALID_ARGUMENT); \
    CHECK_EQUAL(setter(handle, good, 0), TLS_ERR_INVALID_ARGUMENT); \
    CHECK_EQUAL(setter(handle, good, (size_t)-1), TLS_ERR_INVALID_ARGUMENT); \
    CHECK_EQUAL(setter(handle, empty_name, 2), TLS_ERR_INVALID_ARGUMENT); \
    CHECK_EQUAL(setter(handle, null_name, 2), TLS_ERR_INVALID_ARGUMENT); \
    CHECK_EQUAL(setter(handle, too_long, 1), TLS_ERR_INVALID_ARGUMENT); \
    CHECK_EQUAL(setter(handle, many, 300), TLS_ERR_INVALID_ARGUMENT); \
    CHECK_OK(setter(handle, many, 200)); \
    CHECK_OK(setter(handle, good, 1));
#define CHECK_BUFFERS(setter, handle) \
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) { \
        CHECK_EQUAL(setter(handle, buffers[i].data, buffers[i].length), TLS_ERR_INVALID_ARGUMENT); \
    } \
    CHECK_EQUAL(setter(handle, NULL, 2), TLS_ERR_INVALID_ARGUMENT); \
    CHECK_OK(setter(handle, "\x01" "a", 2));
    ALL_HANDLES(CHECK_NAMES, alpn_protocols)
    ALL_HANDLES(CHECK_NAMES, npn_protocols)
    ALL_HANDLES(CHECK_BUFFERS, alpn_buffer)
    ALL_HANDLES(CHECK_BUFFERS, npn_buffer)
    CHECK_EQUAL(tls_context_set_alpn_protocols(frozen, good, 1), TLS_ERR_FROZEN);
    CHECK_EQUAL(tls_context_set_npn_buffer(frozen, "\x01" "a", 2), TLS_ERR_FROZEN);
    CHECK_OK(tls_secure_pair_free(pair));
    CHECK_OK(tls_loop_free(loop));
    CHECK_OK(tls_connect_options_free(options));
    CHECK_OK(tls_context_free(context));
    CHECK_OK(tls_context_free(frozen));
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s83_alpn_follows_the_servers_preference);
    RUN(s83_nothing_in_common_is_refused);
    RUN(s83_s21_whose_list_counts);
    RUN(s70_npn_follows_the_clients_preference);
    RUN(s04_no_npn_on_tls13);
    RUN(s21_s83_the_list_of_the_picked_context_counts);
    RUN(c017_malformed_lists_are_refused);
    return check_end();
}
