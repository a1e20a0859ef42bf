#include "pull.h"

#include <stdio.h>
#include <string.h>

enum { CANARY = 0xa5 };

struct seen *pulled_find(struct pulled *pulled, uint64_t stream) {
    for (int i = 0; i < pulled->streams; i++) {
        if (pulled->seen[i].stream == stream) {
            return &pulled->seen[i];
        }
    }
    REQUIRE(pulled->streams < SEEN);
    struct seen *seen = &pulled->seen[pulled->streams++];
    *seen = (struct seen){.stream = stream};
    return seen;
}

static void note(struct seen *seen, char event) {
    size_t length = strlen(seen->order);
    /* Close is the last. */
    CHECK(strchr(seen->order, 'c') == NULL);
    if (!(event == 'd' && length > 0 && seen->order[length - 1] == 'd') && length + 1 < sizeof seen->order) {
        seen->order[length] = event;
        seen->order[length + 1] = 0;
    }
}

static void take_error(struct pulled *pulled, struct seen *seen, uint64_t error) {
    pulled->error = error;
    CHECK(tls_error_status(handle_of(error)) < TLS_OK);
    if (seen != NULL) {
        snprintf(seen->error_name, sizeof seen->error_name, "%s", tls_error_name(handle_of(error)));
    }
}

static void take_data(struct pulled *pulled, struct seen *seen, const uint8_t *bytes, size_t length) {
    CHECK(length > 0);
    CHECK(seen->call != pulled->calls);
    CHECK(!seen->paused);
    CHECK(strpbrk(seen->order, "eEx") == NULL);
    seen->call = pulled->calls;
    seen->pattern_broken |= !is_pattern(bytes, length, seen->received);
    seen->received += length;
    if (pulled->echoes) {
        CHECK(write_one(pulled->loop, seen->stream, bytes, length) >= 0);
    }
}

static void take_row(struct pulled *pulled, const uint64_t *row) {
    /* With fewer words the rest is not there. */
    uint64_t all[MOST_WORDS] = {0};
    memcpy(all, row, pulled->words * sizeof *row);
    for (size_t word = TLS_ROW_WORDS; word < MOST_WORDS; word++) {
        CHECK_EQUAL(all[word], 0);
    }
    REQUIRE(all[2] <= pulled->capacity && all[3] <= pulled->capacity - all[2]);
    const uint8_t *bytes = pulled->buffer + all[2];
    REQUIRE(all[1] > 0 && all[1] <= TLS_ROW_RESUME_SESSION);
    pulled->kinds[all[1]]++;
    bool whole = pulled->words >= TLS_ROW_WORDS;
    bool of_server = all[1] >= TLS_ROW_LISTENING && all[1] <= TLS_ROW_SERVER_CLOSE;
    struct seen *seen = of_server ? NULL : pulled_find(pulled, all[0]);
    if (of_server) {
        CHECK_EQUAL(all[0], (uintptr_t)pulled->server);
    }
    switch (all[1]) {
    case TLS_ROW_SECURE_CONNECTION:
        CHECK_EQUAL(tls_stream_secure(handle_of(all[0])), 1);
        CHECK(!whole || all[4] == (uintptr_t)pulled->server);
        note(seen, 's');
        break;
    case TLS_ROW_SECURE_CONNECT:
        note(seen, 's');
        break;
    case TLS_ROW_DATA:
        take_data(pulled, seen, bytes, all[3]);
        note(seen, 'd');
        break;
    case TLS_ROW_END:
        note(seen, all[6] || !whole ? 'e' : 'E');
        break;
    case TLS_ROW_CLOSE:
        seen->had_error = all[6];
        note(seen, 'c');
        break;
    case TLS_ROW_CLIENT_ERROR:
        CHECK(!whole || all[4] == (uintptr_t)pulled->server);
        /* fall through */
    case TLS_ROW_ERROR:
        note(seen, 'x');
        if (whole) {
            take_error(pulled, seen, all[5]);
        }
        break;
    case TLS_ROW_SERVER_ERROR:
        take_error(pulled, NULL, all[5]);
        break;
    case TLS_ROW_DRAIN:
        note(seen, 'D');
        break;
    case TLS_ROW_TIMEOUT:
        note(seen, 't');
        break;
    case TLS_ROW_RENEGOTIATED:
        note(seen, 'r');
        break;
    default:
        break;
    }
    if (pulled->hook != NULL) {
        pulled->hook(pulled, row, bytes);
    }
}

int pull(struct pulled *pulled, int64_t timeout_ms) {
    size_t words = pulled->max_rows * pulled->words;
    memset(pulled->rows, CANARY, sizeof pulled->rows);
    pulled->buffer[pulled->capacity] = CANARY;
    pulled->calls++;
    int32_t count = tls_loop_poll(pulled->loop, pulled->rows, pulled->words, pulled->max_rows,
        pulled->capacity > 0 ? pulled->buffer : NULL, pulled->capacity, timeout_ms);
    CHECK(count >= 0 && (size_t)count <= pulled->max_rows);
    CHECK_EQUAL(pulled->buffer[pulled->capacity], CANARY);
    CHECK_EQUAL(pulled->rows[words], 0xa5a5a5a5a5a5a5a5);
    for (int32_t i = 0; i < count; i++) {
        take_row(pulled, pulled->rows + (size_t)i * pulled->words);
    }
    return count;
}

void pulled_open_with(struct pulled *pulled, uint64_t kinds, tls_context *servers, tls_context *clients) {
    memset(pulled, 0, sizeof *pulled);
    pulled->words = TLS_ROW_WORDS;
    pulled->max_rows = MOST_ROWS;
    pulled->capacity = MOST_BYTES;
    pulled->loop = tls_loop_new();
    REQUIRE(pulled->loop != NULL);
    pulled->rig.loop = tls_loop_new();
    pulled->rig.server_context = servers != NULL ? servers : server_context();
    pulled->rig.client_context = clients != NULL ? clients : client_context();
    CHECK_OK(tls_loop_set_row_kinds(pulled->loop, kinds));
    pulled->server = tls_server_new(pulled->loop, pulled->rig.server_context);
    REQUIRE(pulled->server != NULL);
    REQUIRE(tls_server_listen(pulled->server, 0, "127.0.0.1") == TLS_OK);
    pulled->rig.port = tls_server_port(pulled->server);
}

void pulled_open(struct pulled *pulled, uint64_t kinds) {
    pulled_open_with(pulled, kinds, NULL, NULL);
}

void pulled_close(struct pulled *pulled) {
    pulled->words = TLS_ROW_WORDS;
    pulled->max_rows = MOST_ROWS;
    pulled->capacity = MOST_BYTES;
    if (pulled->kinds[TLS_ROW_SERVER_CLOSE] == 0) {
        CHECK_OK(tls_server_destroy(pulled->server));
        PULL_UNTIL(pulled, pulled->kinds[TLS_ROW_SERVER_CLOSE] == 1, 2000);
    }
    CHECK_OK(tls_loop_free(pulled->loop));
    CHECK_OK(tls_loop_free(pulled->rig.loop));
    CHECK_OK(tls_context_free(pulled->rig.server_context));
    CHECK_OK(tls_context_free(pulled->rig.client_context));
}

void pulled_idle(struct pulled *pulled) {
    for (int i = 0; i < 10; i++) {
        pull(pulled, 2);
        tls_loop_run_once(pulled->rig.loop, 2);
    }
}

struct seen *pulled_connect(struct pulled *pulled, struct witness *client) {
    int streams = pulled->streams;
    rig_connect(&pulled->rig, client);
    PULL_UNTIL(pulled, client->secures == 1 && pulled->streams == streams + 1, 5000);
    REQUIRE(pulled->streams == streams + 1);
    struct seen *seen = &pulled->seen[streams];
    CHECK_TEXT(seen->order, "s");
    return seen;
}

int32_t write_one(tls_loop *loop, uint64_t stream, const void *data, size_t length) {
    uint64_t bytes = length;
    int32_t status = -9999;
    int32_t not_ok = tls_loop_write_batch(loop, 1, &stream, &bytes, data, &status);
    CHECK_EQUAL(not_ok, status != TLS_OK);
    return status;
}
