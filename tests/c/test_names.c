/* Host names from the program: which are refused, and what of them goes out as SNI (cases 15, 16; S35). */
#include "pairs.h"

#include <string.h>

static const char *const unusable[] = {
    "", ".", "..", "a..b", ".example.org", "example.org..", "two words", "tab\there", "line\nbreak", "bell\a",
    "del\x7f", "b\xc3\xbc" "cher.example", "invalid \xff\xfe", "b\xfc" "cher.example", "\xc3",
};

static const char *const usable[] = {
    "localhost", "example.org", "EXAMPLE.org", "example.org.", "xn--bcher-kva.example", "_service.example.org",
    "a-b.c-d", "127.0.0.1", "::1", "[::1]", "fe80::1",
};

/* A name of so many bytes, in labels of 50. */
static const char *long_name(size_t length) {
    static char name[70000];
    memset(name, 'a', length);
    for (size_t i = 50; i + 1 < length; i += 51) {
        name[i] = '.';
    }
    name[length] = 0;
    return name;
}

static const char *long_label(void) {
    static char name[80];
    memset(name, 'a', 64);
    strcpy(name + 64, ".example");
    return name;
}

/* Every function that takes a name. What it answers is its status; of those with a handle, the last
 * error's. */
static tls_context *clients;
static tls_loop *loop;

static tls_status pair_servername(const char *name) {
    tls_secure_pair *pair = tls_secure_pair_new(clients, 0, 0, 1);
    tls_status status = tls_secure_pair_set_servername(pair, name);
    CHECK_OK(tls_secure_pair_free(pair));
    return status;
}

static tls_status pair_verify_name(const char *name) {
    tls_secure_pair *pair = tls_secure_pair_new(clients, 0, 0, 1);
    tls_status status = tls_secure_pair_set_verify_name(pair, name);
    CHECK_OK(tls_secure_pair_free(pair));
    return status;
}

static tls_status options_servername(const char *name) {
    tls_connect_options *options = tls_connect_options_new();
    tls_status status = tls_connect_options_set_servername(options, name);
    CHECK_OK(tls_connect_options_free(options));
    return status;
}

static tls_status options_verify_name(const char *name) {
    tls_connect_options *options = tls_connect_options_new();
    tls_status status = tls_connect_options_set_verify_name(options, name);
    CHECK_OK(tls_connect_options_free(options));
    return status;
}

/* Nothing is looked up and nobody called before the name is found usable. */
static tls_status connect_host(const char *name) {
    tls_stream *stream = tls_connect(loop, 9, name, NULL, NULL, NULL);
    if (stream != NULL) {
        CHECK_OK(tls_stream_destroy(stream));
        return TLS_OK;
    }
    return tls_error_status(tls_last_error());
}

static tls_status listen_host(const char *name) {
    tls_context *context = server_context();
    tls_server *server = tls_server_new(loop, context);
    tls_status status = tls_server_listen(server, 0, name);
    CHECK_OK(tls_server_destroy(server));
    CHECK_OK(tls_context_free(context));
    return status;
}

static void c015_c016_unusable_names(void) {
    static tls_status (*const calls[])(const char *) = {pair_servername, pair_verify_name, options_servername,
        options_verify_name, connect_host, listen_host};
    clients = client_context();
    loop = tls_loop_new();
    for (size_t call = 0; call < sizeof calls / sizeof calls[0]; call++) {
        for (size_t i = 0; i < sizeof unusable / sizeof unusable[0]; i++) {
            CHECK_EQUAL(calls[call](unusable[i]), TLS_ERR_INVALID_ARGUMENT);
            CHECK(strlen(tls_error_message(tls_last_error())) > 10);
        }
        CHECK_EQUAL(calls[call](long_label()), TLS_ERR_INVALID_ARGUMENT);
        for (size_t length = 254; length <= 65536; length = length < 258 ? length + 1 : length * 16) {
            CHECK_EQUAL(calls[call](long_name(length)), TLS_ERR_INVALID_ARGUMENT);
        }
        /* What cannot be listened on here is no bad argument. */
        for (size_t i = 0; i < sizeof usable / sizeof usable[0] && calls[call] != listen_host; i++) {
            CHECK_OK(calls[call](usable[i]));
        }
        if (calls[call] != listen_host && calls[call] != connect_host) {
            CHECK_OK(calls[call](long_name(253)));
        }
    }
    CHECK_OK(tls_loop_free(loop));
    CHECK_OK(tls_context_free(clients));
}

/* A name that is refused leaves the one that was set before. */
static void c015_refused_changes_nothing(void) {
    tls_context *servers = server_context();
    struct side client, server;
    clients = client_context();
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    for (size_t i = 0; i < sizeof unusable / sizeof unusable[0]; i++) {
        CHECK_EQUAL(tls_secure_pair_set_servername(client.pair, unusable[i]), TLS_ERR_INVALID_ARGUMENT);
        CHECK_EQUAL(tls_secure_pair_set_verify_name(client.pair, unusable[i]), TLS_ERR_INVALID_ARGUMENT);
    }
    shuttle_to_secure(&client, &server);
    CHECK_TEXT(tls_secure_pair_servername(server.pair), "localhost");
    side_free(&client);
    side_free(&server);
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
}

/* What the server is asked for: no address (RFC 6066, 3), and no dot at the end. */
static void c015_what_goes_out(void) {
    static const struct {
        const char *name, *sent;
    } cases[] = {
        {"localhost", "localhost"},
        {"localhost.", "localhost"},
        {"LOCALHOST", "LOCALHOST"},
        {"127.0.0.1", NULL},
        {"::1", NULL},
        {"[::1]", NULL},
    };
    tls_context *servers = server_context();
    clients = client_context();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct side client, server;
        side_open_client(&client, clients);
        side_open_server(&server, servers);
        CHECK_OK(tls_secure_pair_set_servername(client.pair, cases[i].name));
        /* Each of them is verified too. */
        shuttle_to_secure(&client, &server);
        const char *sent = tls_secure_pair_servername(server.pair);
        CHECK_TEXT(sent == NULL || *sent == 0 ? NULL : sent, cases[i].sent);
        side_free(&client);
        side_free(&server);
    }
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c015_c016_unusable_names);
    RUN(c015_refused_changes_nothing);
    RUN(c015_what_goes_out);
    return check_end();
}
