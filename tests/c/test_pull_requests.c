/* Pulling a loop (P8): requests and sessions as rows for those who ask for them, callbacks and other ways to
 * turn the loop beside it, and misuse. */
#include "pull.h"

#include <pthread.h>
#include <string.h>

#define BIT(kind) ((uint64_t)1 << (kind))

static struct pulled server;

/* ---- requests ---- */

static struct {
    /* The last row that asked. */
    uint64_t row[TLS_ROW_WORDS];
    uint8_t bytes[1024];
    int asked;
    enum { LATER, CONTEXT, DEFAULT, ACCEPT, REFUSE, DESTROY } answer;
    tls_context *context;
} asked;

static void keep_request(struct pulled *pulled, const uint64_t *row, const uint8_t *bytes) {
    if (row[1] < TLS_ROW_SNI) {
        return;
    }
    asked.asked++;
    memcpy(asked.row, row, sizeof asked.row);
    REQUIRE(row[3] < sizeof asked.bytes);
    memcpy(asked.bytes, bytes, row[3]);
    asked.bytes[row[3]] = 0;
    CHECK_EQUAL(tls_stream_secure(handle_of(row[0])), 0);
    tls_request *request = handle_of(row[5]);
    switch (asked.answer) {
    case LATER:
        break;
    case CONTEXT:
        CHECK_OK(tls_request_resolve_context(request, asked.context));
        break;
    case DEFAULT:
        CHECK_OK(tls_request_resolve_context(request, NULL));
        break;
    case ACCEPT:
    case REFUSE:
        CHECK_OK(tls_request_resolve_verdict(request, asked.answer == ACCEPT));
        break;
    case DESTROY:
        CHECK_OK(tls_stream_destroy(handle_of(row[0])));
        CHECK_EQUAL(tls_request_reject(request, NULL), TLS_ERR_INVALID_HANDLE);
        break;
    }
}

static void open_asking(uint64_t kinds, tls_context *servers, tls_context *clients) {
    memset(&asked, 0, sizeof asked);
    pulled_open_with(&server, TLS_ROW_KINDS_DEFAULT | kinds, servers, clients);
    server.hook = keep_request;
}

/* A client that verifies this name. */
static void connect_to(struct witness *client, const char *name) {
    *client = (struct witness){.several = true};
    tls_connect_options *options = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_servername(options, name));
    rig_connect_by(&server.rig, client, options);
}

static void p8_s22_a_server_name_by_row(void) {
    struct witness client;
    tls_context *other = tls_context_new();
    use_identity(other, "wrong-host");
    open_asking(BIT(TLS_ROW_SNI), NULL, NULL);
    asked.context = other;
    asked.answer = CONTEXT;
    connect_to(&client, "other.example");
    PULL_UNTIL(&server, client.secures == 1, 5000);
    CHECK_EQUAL(asked.asked, 1);
    CHECK_TEXT((char *)asked.bytes, "other.example");
    CHECK_EQUAL(asked.row[4], (uintptr_t)server.server);
    asked.answer = DEFAULT;
    connect_to(&client, "localhost");
    PULL_UNTIL(&server, client.secures == 1, 5000);
    /* Later: nothing happens before it; and the row has been here for long. */
    asked.answer = LATER;
    connect_to(&client, "localhost");
    PULL_UNTIL(&server, asked.asked == 3, 5000);
    pulled_idle(&server);
    CHECK_EQUAL(client.secures, 0);
    CHECK_OK(tls_request_resolve_context(handle_of(asked.row[5]), NULL));
    CHECK_EQUAL(tls_request_resolve_context(handle_of(asked.row[5]), NULL), TLS_ERR_INVALID_HANDLE);
    PULL_UNTIL(&server, client.secures == 1, 5000);
    asked.answer = DESTROY;
    connect_to(&client, "localhost");
    PULL_UNTIL(&server, client.closes == 1 && server.seen[3].order[0] != 0, 5000);
    CHECK_TEXT(server.seen[3].order, "c");
    pulled_close(&server);
    CHECK_OK(tls_context_free(other));
}

/* Not asked for: as without a callback. */
static void p8_requests_that_nobody_knows(void) {
    struct witness client;
    open_asking(0, NULL, client_context_with_identity());
    CHECK_OK(tls_server_set_request_cert(server.server, 1));
    connect_to(&client, "localhost");
    PULL_UNTIL(&server, client.secures == 1 && server.streams == 1, 5000);
    CHECK_EQUAL(asked.asked, 0);
    CHECK_EQUAL(tls_stream_authorized(handle_of(server.seen[0].stream)), 1);
    pulled_close(&server);
}

static void p8_s79_a_client_certificate_by_row(void) {
    struct witness client;
    open_asking(BIT(TLS_ROW_CHECK_CERTIFICATE), NULL, client_context_with_identity());
    CHECK_OK(tls_server_set_request_cert(server.server, 1));
    CHECK_OK(tls_server_set_reject_unauthorized(server.server, 1));
    asked.answer = LATER;
    connect_to(&client, "localhost");
    PULL_UNTIL(&server, asked.asked == 1, 5000);
    tls_certificate *certificate = tls_stream_peer_certificate(handle_of(asked.row[0]));
    CHECK_PART(tls_certificate_subject(certificate), "client");
    CHECK_OK(tls_certificate_free(certificate));
    CHECK_EQUAL(server.kinds[TLS_ROW_SECURE_CONNECTION], 0);
    CHECK_OK(tls_request_resolve_verdict(handle_of(asked.row[5]), 1));
    PULL_UNTIL(&server, server.kinds[TLS_ROW_SECURE_CONNECTION] == 1, 5000);
    asked.answer = REFUSE;
    connect_to(&client, "localhost");
    PULL_UNTIL(&server, client.closes == 1 && server.streams == 2 && strchr(server.seen[1].order, 'c'), 5000);
    CHECK_TEXT(server.seen[1].order, "xc");
    pulled_close(&server);
}

/* A client on the loop that is pulled, which decides whom it talks to. */
static void p8_s79_an_identity_by_row(void) {
    open_asking(BIT(TLS_ROW_CHECK_IDENTITY) | BIT(TLS_ROW_SESSION), NULL, NULL);
    const struct {
        const char *name;
        int answer;
        const char *order;
    } cases[] = {{"somebody.else", ACCEPT, "s"}, {"localhost", REFUSE, "xc"}};
    for (int i = 0; i < 2; i++) {
        asked.answer = cases[i].answer;
        tls_connect_options *options = tls_connect_options_new();
        CHECK_OK(tls_connect_options_set_context(options, server.rig.client_context));
        CHECK_OK(tls_connect_options_set_servername(options, cases[i].name));
        tls_stream *stream = tls_connect(server.loop, server.rig.port, "127.0.0.1", options, NULL, NULL);
        CHECK_OK(tls_connect_options_free(options));
        struct seen *seen = pulled_find(&server, (uintptr_t)stream);
        PULL_UNTIL(&server, strcmp(seen->order, cases[i].order) == 0, 5000);
        CHECK_EQUAL(asked.asked, i + 1);
        CHECK_EQUAL(asked.row[0], (uintptr_t)stream);
        CHECK_EQUAL(asked.row[6], 1);
        CHECK_TEXT((char *)asked.bytes, cases[i].name);
    }
    PULL_UNTIL(&server, server.kinds[TLS_ROW_SESSION] == 2, 2000);
    pulled_close(&server);
}

/* ---- sessions ---- */

static struct {
    uint8_t id[64], bytes[8192];
    size_t id_length, length;
    int made, wanted;
} store;

static void keep_session(struct pulled *pulled, const uint64_t *row, const uint8_t *bytes) {
    if (row[1] == TLS_ROW_NEW_SESSION) {
        CHECK_EQUAL(row[4], (uintptr_t)pulled->server);
        REQUIRE(row[6] == 32 && row[3] > 32 && row[3] - 32 < sizeof store.bytes);
        memcpy(store.id, bytes, 32);
        store.length = row[3] - 32;
        memcpy(store.bytes, bytes + 32, store.length);
        store.made++;
    } else if (row[1] == TLS_ROW_RESUME_SESSION) {
        store.wanted++;
        CHECK(row[3] == 32 && memcmp(store.id, bytes, 32) == 0);
        CHECK_OK(tls_request_resolve_session(handle_of(row[5]), store.bytes, store.length));
    }
}

static uint8_t offered[16384];
static size_t offered_length;

static void on_session(tls_stream *stream, const uint8_t *session, size_t length, void *user_data) {
    REQUIRE(length < sizeof offered);
    memcpy(offered, session, length);
    offered_length = length;
}

static void p8_s52_sessions_by_rows(void) {
    memset(&store, 0, sizeof store);
    offered_length = 0;
    tls_context *servers = server_context();
    CHECK_OK(tls_context_set_num_tickets(servers, 1));
    pulled_open_with(&server,
        TLS_ROW_KINDS_DEFAULT | BIT(TLS_ROW_NEW_SESSION) | BIT(TLS_ROW_RESUME_SESSION), servers, NULL);
    server.hook = keep_session;
    for (int visit = 0; visit < 2; visit++) {
        struct witness client = {0};
        tls_connect_options *options = tls_connect_options_new();
        CHECK_OK(tls_connect_options_set_servername(options, "localhost"));
        if (visit == 1) {
            CHECK_OK(tls_connect_options_set_session(options, offered, offered_length));
            offered_length = 0;
        }
        rig_connect_by(&server.rig, &client, options);
        CHECK_OK(tls_stream_on_session(client.stream, on_session, NULL));
        PULL_UNTIL(&server, client.secures == 1 && offered_length > 0 && store.made == visit + 1, 5000);
        CHECK_EQUAL(tls_stream_session_reused(client.stream), visit);
        CHECK_OK(tls_stream_destroy(client.stream));
        PULL_UNTIL(&server, client.closes == 1, 1000);
    }
    CHECK_EQUAL(store.wanted, 1);
    CHECK_EQUAL(tls_server_session_count(server.server, TLS_SESSIONS_HIT_STORE), 1);
    pulled_close(&server);
}

/* What cannot be divided waits until there is room for it, and says so. */
static void p8_a_buffer_too_small_for_a_session(void) {
    struct witness client = {0};
    memset(&store, 0, sizeof store);
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT | BIT(TLS_ROW_NEW_SESSION));
    server.hook = keep_session;
    rig_connect(&server.rig, &client);
    CHECK_OK(tls_stream_write(client.stream, "\0\1\2", 3));
    int32_t count = 0;
    int64_t deadline = now_ms() + 5000 * patience();
    while (count >= 0 && now_ms() < deadline) {
        count = tls_loop_poll(server.loop, server.rows, 7, MOST_ROWS, server.buffer, 100, 1);
        /* Nothing overtakes it, small as it is. */
        for (int32_t i = 0; i < count; i++) {
            CHECK(server.rows[7 * i + 1] == TLS_ROW_LISTENING);
        }
        tls_loop_run_once(server.rig.loop, 1);
    }
    CHECK_EQUAL(count, TLS_ERR_INVALID_ARGUMENT);
    CHECK_TEXT(tls_error_name(tls_last_error()), "ERR_BUFFER_TOO_SMALL");
    CHECK_EQUAL(tls_loop_poll(server.loop, server.rows, 7, 1, NULL, 0, -1), TLS_ERR_INVALID_ARGUMENT);
    PULL_UNTIL(&server, store.made == 2 && server.streams == 1 && server.seen[0].received == 3, 2000);
    CHECK_TEXT(server.seen[0].order, "sd");
    pulled_close(&server);
}

/* The kinds of a server are those of the time when it was made; an empty mask is one too. */
static void p8_kinds_are_of_servers_and_streams(void) {
    struct witness client = {0};
    pulled_open(&server, BIT(TLS_ROW_SERVER_CLOSE) | BIT(TLS_ROW_END));
    CHECK_OK(tls_loop_set_row_kinds(server.loop, TLS_ROW_KINDS_DEFAULT));
    CHECK_EQUAL(tls_loop_set_row_kinds(server.loop, 1), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_loop_set_row_kinds(server.loop, BIT(TLS_ROW_RESUME_SESSION + 1)), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_loop_set_row_kinds(server.loop, UINT64_MAX), TLS_ERR_INVALID_ARGUMENT);
    rig_connect(&server.rig, &client);
    PULL_UNTIL(&server, client.secures == 1, 5000);
    CHECK_OK(tls_stream_write(client.stream, "x", 1));
    pulled_idle(&server);
    CHECK_EQUAL(server.streams, 0);
    CHECK_OK(tls_stream_destroy(client.stream));
    pulled_idle(&server);
    /* Nobody wants its data, which keeps its end from coming, as without a callback. */
    CHECK_EQUAL(server.streams, 0);
    CHECK_EQUAL(tls_server_connections(server.server), 1);
    pulled_close(&server);
}

/* ---- beside callbacks and the other ways to turn ---- */

static int called, busy;
static struct witness told;

static void on_connection(tls_server *of, tls_stream *stream, void *user_data) {
    uint64_t row[TLS_ROW_WORDS];
    CHECK(of == server.server && user_data == &called);
    called++;
    CHECK_EQUAL(tls_loop_poll(server.loop, row, TLS_ROW_WORDS, 1, NULL, 0, 0), TLS_ERR_BUSY);
    busy += tls_error_status(tls_last_error()) == TLS_ERR_BUSY;
    CHECK_EQUAL(tls_loop_run_once(server.loop, 0), TLS_ERR_BUSY);
    CHECK_EQUAL(write_one(server.loop, (uintptr_t)stream, "\0\1\2", 3), TLS_OK);
    watch(&told, stream);
    /* Its data is called for, its close becomes a row. */
    CHECK_OK(tls_stream_on_close(stream, NULL, NULL));
}

static void p8_a_callback_comes_in_place_of_the_row(void) {
    struct witness client = {0}, plain = {0};
    called = busy = 0;
    memset(&told, 0, sizeof told);
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    CHECK_OK(tls_server_on_secure_connection(server.server, on_connection, &called));
    rig_connect(&server.rig, &client);
    PULL_UNTIL(&server, client.received == 3, 5000);
    CHECK(called == 1 && busy == 1 && server.streams == 0);
    CHECK_OK(tls_server_on_secure_connection(server.server, NULL, NULL));
    struct seen *seen = pulled_connect(&server, &plain);
    CHECK_OK(tls_stream_write(client.stream, "\0\1\2", 3));
    CHECK_OK(tls_stream_write(plain.stream, "\0\1\2\3", 4));
    CHECK_OK(tls_stream_end(client.stream));
    PULL_UNTIL(&server, seen->received == 4 && server.kinds[TLS_ROW_CLOSE] == 1, 2000);
    CHECK_TEXT(told.order, "de");
    CHECK_EQUAL(told.received, 3);
    CHECK_TEXT(pulled_find(&server, (uintptr_t)told.stream)->order, "c");
    pulled_close(&server);
}

/* In turns of tls_loop_run_once there are no rows, and data waits for the next poll. */
static void p8_turns_that_are_not_pulled(void) {
    struct witness client = {0}, second = {0};
    uint8_t bytes[50000];
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    struct seen *seen = pulled_connect(&server, &client);
    fill_pattern(bytes, sizeof bytes, 0);
    CHECK_OK(tls_stream_write(client.stream, bytes, sizeof bytes));
    rig_connect(&server.rig, &second);
    int64_t deadline = now_ms() + 5000 * patience();
    while ((second.secures == 0 || tls_stream_writable_length(client.stream) > 0) && now_ms() < deadline) {
        CHECK_OK(tls_loop_run_once(server.loop, 1));
        tls_loop_run_once(server.rig.loop, 1);
    }
    for (int i = 0; i < 20; i++) {
        CHECK_OK(tls_loop_run_once(server.loop, 0));
        tls_loop_run_once(server.rig.loop, 0);
    }
    CHECK_TEXT(seen->order, "s");
    PULL_UNTIL(&server, seen->received == sizeof bytes, 2000);
    CHECK(!seen->pattern_broken);
    /* Its connection was not told, and is there all the same. */
    CHECK_EQUAL(server.kinds[TLS_ROW_SECURE_CONNECTION], 1);
    CHECK_OK(tls_stream_write(second.stream, bytes, 10));
    PULL_UNTIL(&server, server.streams == 2 && server.seen[1].received == 10, 2000);
    pulled_close(&server);
}

/* A loop that was never pulled is as it ever was: resume drops what nobody wants. */
static void p8_resume_with_and_without_pulling(void) {
    for (int pulled = 0; pulled < 2; pulled++) {
        struct witness client = {0};
        struct seen *seen = NULL;
        pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
        seen = pulled_connect(&server, &client);
        CHECK_OK(tls_stream_resume(handle_of(seen->stream)));
        CHECK_OK(tls_stream_write(client.stream, "\0\1\2", 3));
        PULL_UNTIL(&server, seen->received == 3, 2000);
        if (pulled) {
            /* Piped to itself it is its own reader. */
            CHECK_OK(tls_stream_pipe(handle_of(seen->stream), handle_of(seen->stream)));
            CHECK_OK(tls_stream_write(client.stream, "\3\4", 2));
            PULL_UNTIL(&server, client.received == 2 || client.pattern_broken, 2000);
            CHECK_EQUAL(seen->received, 3);
        }
        pulled_close(&server);
    }
}

/* ---- life ---- */

static int destroyed;

static void count_destroyed(void *user_data) {
    destroyed += user_data == &destroyed;
}

static void p8_user_data_after_the_close_row(void) {
    struct witness client = {0};
    destroyed = 0;
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    struct seen *seen = pulled_connect(&server, &client);
    CHECK_OK(tls_stream_set_user_data(handle_of(seen->stream), &destroyed, count_destroyed));
    CHECK_OK(tls_server_set_user_data(server.server, &destroyed, count_destroyed));
    CHECK_OK(tls_stream_destroy(handle_of(seen->stream)));
    CHECK_EQUAL(pull(&server, 0), 1);
    CHECK_TEXT(seen->order, "sc");
    CHECK(tls_stream_user_data(handle_of(seen->stream)) == &destroyed);
    CHECK_EQUAL(destroyed, 0);
    pull(&server, 0);
    CHECK_EQUAL(destroyed, 1);
    CHECK(tls_stream_user_data(handle_of(seen->stream)) == NULL);
    /* Freeing the loop is a way, too. */
    CHECK_OK(tls_server_destroy(server.server));
    PULL_UNTIL(&server, server.kinds[TLS_ROW_SERVER_CLOSE] == 1, 1000);
    CHECK_EQUAL(destroyed, 1);
    pulled_close(&server);
    CHECK_EQUAL(destroyed, 2);
}

/* ---- misuse ---- */

static void p8_polls_that_are_wrong(void) {
    struct witness client = {0};
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    pulled_connect(&server, &client);
    CHECK_OK(tls_stream_write(client.stream, "\0\1\2", 3));
    tls_loop *loop = server.loop;
    uint64_t *rows = server.rows, *odd = (void *)((uint8_t *)rows + 4);
    void *buffer = server.buffer;
    const struct {
        uint64_t *rows;
        size_t words, max_rows;
        void *buffer;
        size_t capacity;
    } wrong[] = {
        {NULL, 7, 1, buffer, 10},
        {odd, 7, 1, buffer, 10},
        {rows, 3, 1, buffer, 10},
        {rows, 0, 1, buffer, 10},
        {rows, 7, 0, buffer, 10},
        {rows, 7, 1, NULL, 10},
        {rows, 7, 1, buffer, SIZE_MAX},
        {rows, 7, SIZE_MAX, buffer, 10},
        {rows, SIZE_MAX, 1, buffer, 10},
        {rows, SIZE_MAX / 2, 16, buffer, 10},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        int32_t count = tls_loop_poll(loop, wrong[i].rows, wrong[i].words, wrong[i].max_rows, wrong[i].buffer,
            wrong[i].capacity, -1);
        CHECK_EQUAL(count, TLS_ERR_INVALID_ARGUMENT);
    }
    /* Nothing was lost by it. With requests to come, there must be a word for them. */
    PULL_UNTIL(&server, server.seen[0].received == 3, 2000);
    CHECK_OK(tls_loop_set_row_kinds(loop, BIT(TLS_ROW_SNI)));
    CHECK_EQUAL(tls_loop_poll(loop, rows, 5, 1, NULL, 0, -1), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_loop_poll(loop, rows, 6, 1, NULL, 0, 0), 0);
    int64_t before = now_ms();
    CHECK_EQUAL(tls_loop_poll(loop, rows, 7, 1, NULL, 0, 60), 0);
    CHECK(now_ms() - before >= 55);
    pulled_close(&server);
}

static void *poll_elsewhere(void *user_data) {
    bool *detached = user_data;
    uint64_t row[TLS_ROW_WORDS];
    int32_t expected = *detached ? 0 : TLS_ERR_WRONG_THREAD;
    CHECK_EQUAL(tls_loop_write_batch(server.loop, 0, NULL, NULL, NULL, NULL), TLS_ERR_WRONG_THREAD);
    CHECK_EQUAL(tls_loop_poll(server.loop, row, TLS_ROW_WORDS, 1, NULL, 0, 0), expected);
    if (*detached) {
        CHECK_OK(tls_loop_detach(server.loop));
    }
    return NULL;
}

static void p8_polls_of_other_threads(void) {
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    PULL_UNTIL(&server, server.kinds[TLS_ROW_LISTENING] == 1, 1000);
    in_a_thread(poll_elsewhere, &(bool){false});
    CHECK_OK(tls_loop_detach(server.loop));
    in_a_thread(poll_elsewhere, &(bool){true});
    pull(&server, 0);
    pulled_close(&server);
}

static void use_the_loop(void *user_data) {
    struct pulled *pulled = user_data;
    uint64_t row[TLS_ROW_WORDS];
    CHECK_EQUAL(tls_loop_poll(pulled->loop, row, TLS_ROW_WORDS, 1, NULL, 0, 0), TLS_ERR_BUSY);
    CHECK_EQUAL(tls_loop_run_once(pulled->loop, 0), TLS_ERR_BUSY);
    CHECK_EQUAL(tls_loop_detach(pulled->loop), TLS_ERR_BUSY);
    CHECK_EQUAL(tls_loop_free(pulled->loop), TLS_ERR_BUSY);
    destroyed++;
}

/* What destroys user data is a callback of the loop: in a poll, and while the loop is freed. */
static void p8_destroying_does_not_get_at_the_loop(void) {
    for (int freed = 0; freed < 2; freed++) {
        struct witness client = {0};
        pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
        destroyed = 0;
        struct seen *seen = pulled_connect(&server, &client);
        CHECK_OK(tls_stream_set_user_data(handle_of(seen->stream), &server, use_the_loop));
        CHECK_OK(tls_stream_destroy(handle_of(seen->stream)));
        PULL_UNTIL(&server, server.kinds[TLS_ROW_CLOSE] == 1, 1000);
        CHECK_EQUAL(destroyed, 0);
        if (!freed) {
            pull(&server, 0);
            CHECK_EQUAL(destroyed, 1);
        }
        pulled_close(&server);
        CHECK_EQUAL(destroyed, 1);
    }
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(p8_s22_a_server_name_by_row);
    RUN(p8_requests_that_nobody_knows);
    RUN(p8_s79_a_client_certificate_by_row);
    RUN(p8_s79_an_identity_by_row);
    RUN(p8_s52_sessions_by_rows);
    RUN(p8_a_buffer_too_small_for_a_session);
    RUN(p8_kinds_are_of_servers_and_streams);
    RUN(p8_a_callback_comes_in_place_of_the_row);
    RUN(p8_turns_that_are_not_pulled);
    RUN(p8_resume_with_and_without_pulling);
    RUN(p8_user_data_after_the_close_row);
    RUN(p8_destroying_does_not_get_at_the_loop);
    RUN(p8_polls_that_are_wrong);
    RUN(p8_polls_of_other_threads);
    return check_end();
}
