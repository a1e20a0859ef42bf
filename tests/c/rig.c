/* Witnesses and the rig of support.h. */
#include "support.h"

#include <stdio.h>
#include <string.h>

void witness_note(struct witness *witness, char event) {
    size_t length = strlen(witness->order);
    bool run = event == 'd' && length > 0 && witness->order[length - 1] == 'd';
    if (!run && length + 1 < sizeof witness->order) {
        witness->order[length] = event;
    }
}

static void note(struct witness *witness, char event, const uint8_t *data, size_t length) {
    witness_note(witness, event);
    if (witness->hook != NULL) {
        witness->hook(witness, event, data, length);
    }
}

static bool is_watched(const struct witness *witness, const tls_stream *stream) {
    return witness->stream == stream || witness->several;
}

static void on_secure_connect(tls_stream *stream, void *user_data) {
    struct witness *witness = user_data;
    CHECK(is_watched(witness, stream));
    witness->secures++;
    note(witness, 's', NULL, 0);
}

static void on_data(tls_stream *stream, const uint8_t *data, size_t length, void *user_data) {
    struct witness *witness = user_data;
    CHECK(is_watched(witness, stream));
    CHECK(length > 0);
    witness->pattern_broken |= !is_pattern(data, length, witness->received);
    witness->received += length;
    witness->datas++;
    note(witness, 'd', data, length);
}

static void on_drain(tls_stream *stream, void *user_data) {
    struct witness *witness = user_data;
    CHECK(is_watched(witness, stream));
    witness->drains++;
    note(witness, 'D', NULL, 0);
}

static void on_timeout(tls_stream *stream, void *user_data) {
    struct witness *witness = user_data;
    CHECK(is_watched(witness, stream));
    witness->timeouts++;
    note(witness, 't', NULL, 0);
}

static void on_end(tls_stream *stream, int clean, void *user_data) {
    struct witness *witness = user_data;
    CHECK(is_watched(witness, stream));
    witness->ends++;
    witness->clean = clean;
    note(witness, clean ? 'e' : 'E', NULL, 0);
}

static void on_error(tls_stream *stream, const tls_error *error, void *user_data) {
    struct witness *witness = user_data;
    CHECK(is_watched(witness, stream));
    witness->errors++;
    witness->status = tls_error_status(error);
    witness->error_errno = tls_error_errno(error);
    snprintf(witness->error_name, sizeof witness->error_name, "%s", tls_error_name(error));
    snprintf(witness->error_message, sizeof witness->error_message, "%s", tls_error_message(error));
    note(witness, 'x', NULL, 0);
}

static void on_close(tls_stream *stream, int had_error, void *user_data) {
    struct witness *witness = user_data;
    CHECK(is_watched(witness, stream));
    witness->closes++;
    witness->had_error = had_error;
    note(witness, 'c', NULL, 0);
}

void watch(struct witness *witness, tls_stream *stream) {
    witness->stream = stream;
    CHECK_OK(tls_stream_on_secure_connect(stream, on_secure_connect, witness));
    CHECK_OK(tls_stream_on_data(stream, on_data, witness));
    CHECK_OK(tls_stream_on_drain(stream, on_drain, witness));
    CHECK_OK(tls_stream_on_timeout(stream, on_timeout, witness));
    CHECK_OK(tls_stream_on_end(stream, on_end, witness));
    CHECK_OK(tls_stream_on_error(stream, on_error, witness));
    CHECK_OK(tls_stream_on_close(stream, on_close, witness));
}

void destroy_at(struct witness *witness, char event, const uint8_t *data, size_t length) {
    struct stream_ending *ending = witness->context;
    if (ending->done) {
        /* Nothing but the close event comes after it. */
        CHECK_EQUAL(event, 'c');
    } else if (event == ending->event) {
        ending->done = true;
        CHECK_OK(tls_stream_destroy(witness->stream));
        CHECK_OK(tls_stream_destroy(witness->stream));
        CHECK_EQUAL(tls_stream_write(witness->stream, "x", 1), TLS_ERR_INVALID_STATE);
        tls_stream_end(witness->stream);
        tls_stream_resume(witness->stream);
        if (data != NULL) {
            CHECK(is_pattern(data, length, witness->received - length));
        }
    }
}

static void on_listening(tls_server *server, void *user_data) {
    struct rig *rig = user_data;
    CHECK(rig->server == server);
    rig->listening++;
}

static void on_secure_connection(tls_server *server, tls_stream *stream, void *user_data) {
    struct rig *rig = user_data;
    CHECK(rig->server == server);
    CHECK_EQUAL(tls_stream_secure(stream), 1);
    rig->connections++;
    if (rig->on_connection != NULL) {
        rig->on_connection(rig, stream);
    } else {
        watch(&rig->accepted, stream);
    }
}

static void on_client_error(tls_server *server, const tls_error *error, tls_stream *stream, void *user_data) {
    struct rig *rig = user_data;
    CHECK(rig->server == server);
    rig->client_errors++;
    rig->client_error_status = tls_error_status(error);
    snprintf(rig->client_error_name, sizeof rig->client_error_name, "%s", tls_error_name(error));
    snprintf(rig->client_error_message, sizeof rig->client_error_message, "%s", tls_error_message(error));
    watch(&rig->failed, stream);
}

static void on_server_error(tls_server *server, const tls_error *error, void *user_data) {
    struct rig *rig = user_data;
    CHECK(rig->server == server);
    CHECK(tls_error_status(error) != TLS_OK);
    rig->server_errors++;
}

static void on_server_close(tls_server *server, void *user_data) {
    struct rig *rig = user_data;
    CHECK(rig->server == server);
    rig->closes++;
}

void rig_prepare(struct rig *rig) {
    rig_prepare_on(rig, tls_loop_new());
}

void rig_prepare_on(struct rig *rig, tls_loop *loop) {
    rig_prepare_with(rig, loop, server_context());
}

void rig_prepare_with(struct rig *rig, tls_loop *loop, tls_context *servers) {
    REQUIRE(loop != NULL && servers != NULL);
    memset(rig, 0, sizeof *rig);
    rig->server_context = servers;
    rig->client_context = client_context();
    rig->loop = loop;
    rig->failed.several = true;
    rig->server = tls_server_new(rig->loop, rig->server_context);
    REQUIRE(rig->server != NULL);
    CHECK_OK(tls_server_on_listening(rig->server, on_listening, rig));
    CHECK_OK(tls_server_on_secure_connection(rig->server, on_secure_connection, rig));
    CHECK_OK(tls_server_on_client_error(rig->server, on_client_error, rig));
    CHECK_OK(tls_server_on_error(rig->server, on_server_error, rig));
    CHECK_OK(tls_server_on_close(rig->server, on_server_close, rig));
}

void rig_use_clients(struct rig *rig, tls_context *clients) {
    REQUIRE(clients != NULL);
    CHECK_OK(tls_context_free(rig->client_context));
    rig->client_context = clients;
}

void rig_listen(struct rig *rig) {
    REQUIRE(tls_server_listen(rig->server, 0, "127.0.0.1") == TLS_OK);
    rig->port = tls_server_port(rig->server);
    REQUIRE(rig->port > 0);
}

void rig_open(struct rig *rig) {
    rig_prepare(rig);
    rig_listen(rig);
}

tls_stream *rig_connect(struct rig *rig, struct witness *witness) {
    tls_connect_options *options = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_servername(options, "localhost"));
    return rig_connect_by(rig, witness, options);
}

tls_stream *rig_connect_by(struct rig *rig, struct witness *witness, tls_connect_options *options) {
    CHECK_OK(tls_connect_options_set_context(options, rig->client_context));
    const char *host = rig->port > 0 ? "127.0.0.1" : NULL;
    tls_stream *stream = tls_connect(rig->loop, rig->port, host, options, NULL, NULL);
    REQUIRE(stream != NULL);
    CHECK_OK(tls_connect_options_free(options));
    watch(witness, stream);
    return stream;
}

void rig_connect_secure(struct rig *rig, struct witness *witness) {
    int before = rig->connections;
    rig_connect(rig, witness);
    RUN_UNTIL(rig->loop, witness->secures == 1 && rig->connections == before + 1, 5000);
}

void rig_close(struct rig *rig) {
    if (rig->closes == 0) {
        CHECK_OK(tls_server_destroy(rig->server));
        RUN_UNTIL(rig->loop, rig->closes == 1, 2000);
    }
    CHECK_OK(tls_loop_free(rig->loop));
    CHECK_EQUAL(rig->closes, 1);
    CHECK_OK(tls_context_free(rig->server_context));
    CHECK_OK(tls_context_free(rig->client_context));
}

size_t rig_hello(struct rig *rig, uint8_t *bytes, size_t capacity) {
    size_t length = 0;
    tls_secure_pair *pair = tls_secure_pair_new(rig->client_context, 0, 0, 1);
    CHECK_OK(tls_secure_pair_set_servername(pair, "localhost"));
    CHECK_OK(tls_secure_pair_take(pair, bytes, capacity, &length));
    REQUIRE(length > 100 && length < capacity);
    CHECK_OK(tls_secure_pair_free(pair));
    return length;
}

void rig_check_client_error(struct rig *rig, tls_status status, const char *name) {
    CHECK_EQUAL(rig->client_errors, 1);
    CHECK_EQUAL(rig->client_error_status, status);
    if (name != NULL) {
        CHECK_TEXT(rig->client_error_name, name);
    }
    CHECK_EQUAL(rig->failed.closes, 1);
    CHECK_TEXT(rig->failed.order, "c");
    CHECK_EQUAL(rig->failed.had_error, 1);
    CHECK_EQUAL(rig->connections, 0);
    rig->client_errors = 0;
    rig->failed = (struct witness){.several = true};
}

void rig_close_serving(struct rig *rig) {
    struct witness client = {0};
    CHECK_OK(tls_server_set_handshake_timeout(rig->server, 0));
    RUN_UNTIL(rig->loop, tls_server_connections(rig->server) == 0, 2000);
    rig_connect_secure(rig, &client);
    CHECK_OK(tls_stream_write(client.stream, "x", 1));
    RUN_UNTIL(rig->loop, rig->accepted.received > 0, 2000);
    CHECK_EQUAL(rig->server_errors, 0);
    rig_close(rig);
}
