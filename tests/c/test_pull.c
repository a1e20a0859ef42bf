/* Pulling a loop (P8, abi.md 21): rows in place of callbacks. That nothing is lost, doubled or told out of
 * its order, whatever room there is. */
#include "pull.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct pulled server;
static uint8_t bytes[200000];

static void p8_a_conversation_in_rows(void) {
    struct witness client = {0};
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    PULL_UNTIL(&server, server.kinds[TLS_ROW_LISTENING] == 1, 1000);
    struct seen *seen = pulled_connect(&server, &client);
    CHECK(tls_stream_protocol(handle_of(seen->stream)) != NULL);
    fill_pattern(bytes, 5, 0);
    CHECK_OK(tls_stream_write(client.stream, bytes, 5));
    PULL_UNTIL(&server, seen->received == 5, 2000);
    CHECK_EQUAL(write_one(server.loop, seen->stream, bytes, 5), TLS_OK);
    PULL_UNTIL(&server, client.received == 5, 2000);
    CHECK_OK(tls_stream_end(client.stream));
    PULL_UNTIL(&server, seen->order[3] == 'c' && client.closes == 1, 2000);
    CHECK_TEXT(seen->order, "sdec");
    CHECK(!seen->had_error);
    CHECK_TEXT(client.order, "sdec");
    /* The handle lives until the next call. */
    CHECK(tls_stream_bytes_read(handle_of(seen->stream)) > 0);
    CHECK_EQUAL(write_one(server.loop, seen->stream, bytes, 5), TLS_ERR_INVALID_STATE);
    pull(&server, 0);
    CHECK_EQUAL(tls_stream_end(handle_of(seen->stream)), TLS_ERR_INVALID_HANDLE);
    CHECK_OK(tls_server_close(server.server));
    PULL_UNTIL(&server, server.kinds[TLS_ROW_SERVER_CLOSE] == 1, 1000);
    CHECK_OK(tls_server_unref(server.server));
    pull(&server, 0);
    CHECK_EQUAL(tls_server_unref(server.server), TLS_ERR_INVALID_HANDLE);
    pulled_close(&server);
}

/* ---- room ---- */

/* Clients write pieces of a pattern, and have them back; whatever the room. */
static void echo_with(size_t words, size_t max_rows, size_t capacity, int clients, size_t each) {
    static struct witness witnesses[SEEN];
    memset(witnesses, 0, sizeof witnesses);
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    server.echoes = true;
    server.words = words;
    server.max_rows = max_rows;
    server.capacity = capacity;
    for (int i = 0; i < clients; i++) {
        rig_connect(&server.rig, &witnesses[i]);
    }
    uint64_t seed = 88172645463325252;
    size_t written[SEEN] = {0};
    int done = 0;
    int64_t deadline = now_ms() + 20000 * patience();
    while (done < clients && now_ms() < deadline) {
        pull(&server, 0);
        tls_loop_run_once(server.rig.loop, 0);
        done = 0;
        for (int i = 0; i < clients; i++) {
            size_t piece = 1 + next_random(&seed) % (1 + each / 4);
            piece = piece < each - written[i] ? piece : each - written[i];
            if (witnesses[i].secures == 1 && piece > 0 && written[i] - witnesses[i].received < each / 2) {
                fill_pattern(bytes, piece, written[i]);
                CHECK(tls_stream_write(witnesses[i].stream, bytes, piece) >= TLS_OK);
                written[i] += piece;
            }
            done += witnesses[i].received == each;
        }
    }
    CHECK_EQUAL(done, clients);
    for (int i = 0; i < clients; i++) {
        CHECK(!witnesses[i].pattern_broken);
        CHECK_OK(tls_stream_end(witnesses[i].stream));
    }
    PULL_UNTIL(&server, server.kinds[TLS_ROW_CLOSE] == clients, 5000);
    CHECK_EQUAL(server.streams, clients);
    for (int i = 0; i < server.streams; i++) {
        const char *order = server.seen[i].order;
        CHECK(!server.seen[i].pattern_broken && server.seen[i].received == each);
        CHECK(strcmp(order, "sdec") == 0 || strchr(order, 'D') != NULL);
    }
    pulled_close(&server);
}

static void p8_many_connections(void) {
    echo_with(TLS_ROW_WORDS, MOST_ROWS, MOST_BYTES, (int)scaled(80), (size_t)scaled(20000) + 100);
}

static void p8_the_smallest_rows(void) {
    echo_with(4, 5, 16384, 8, (size_t)scaled(60000) + 100);
}

static void p8_rows_of_a_later_version(void) {
    echo_with(MOST_WORDS, 3, 1000, 8, (size_t)scaled(20000) + 100);
}

static void p8_one_row_at_a_time(void) {
    echo_with(5, 1, 1 + (size_t)scaled(4000), 10, (size_t)scaled(8000) + 100);
}

static void p8_one_byte_at_a_time(void) {
    echo_with(TLS_ROW_WORDS, 2, 1, 3, 200);
}

/* The room for bytes is used up exactly, or one is missing or left: a record is divided where need be. */
static void p8_records_that_fit_just_so(void) {
    for (size_t capacity = 9999; capacity <= 10001; capacity++) {
        struct witness client = {0};
        pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
        struct seen *seen = pulled_connect(&server, &client);
        pulled_idle(&server);
        server.capacity = capacity;
        fill_pattern(bytes, 10000, 0);
        CHECK_OK(tls_stream_write(client.stream, bytes, 10000));
        CHECK_OK(tls_stream_end(client.stream));
        PULL_UNTIL(&server, strchr(seen->order, 'c') != NULL, 2000);
        CHECK_TEXT(seen->order, "sdec");
        CHECK_EQUAL(server.kinds[TLS_ROW_DATA], capacity < 10000 ? 2 : 1);
        CHECK(seen->received == 10000 && !seen->pattern_broken);
        pulled_close(&server);
    }
}

/* One row at a time, and each thing in its turn. */
static void p8_order_with_one_row_at_a_time(void) {
    struct witness client = {0};
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    server.max_rows = 1;
    server.capacity = 30000;
    rig_connect(&server.rig, &client);
    fill_pattern(bytes, sizeof bytes, 0);
    CHECK_EQUAL(tls_stream_write(client.stream, bytes, sizeof bytes), TLS_FULL);
    CHECK_OK(tls_stream_end(client.stream));
    PULL_UNTIL(&server, server.kinds[TLS_ROW_CLOSE] == 1, 5000);
    CHECK_EQUAL(server.streams, 1);
    CHECK_TEXT(server.seen[0].order, "sdec");
    CHECK_EQUAL(server.seen[0].received, sizeof bytes);
    CHECK(!server.seen[0].pattern_broken);
    CHECK(server.kinds[TLS_ROW_DATA] >= (long)sizeof bytes / 30000);
    pulled_close(&server);
}

/* Data waits for room; everything else is told, also the end of those who send nothing more. */
static void p8_without_a_buffer_data_waits(void) {
    struct witness sending = {0}, silent = {0};
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    server.capacity = 0;
    struct seen *seen = pulled_connect(&server, &sending);
    struct seen *other = pulled_connect(&server, &silent);
    fill_pattern(bytes, 50000, 0);
    CHECK_OK(tls_stream_write(sending.stream, bytes, 50000));
    CHECK_OK(tls_stream_end(sending.stream));
    CHECK_OK(tls_stream_end(silent.stream));
    PULL_UNTIL(&server, other->order[1] != 0 && other->order[2] == 'c', 2000);
    pulled_idle(&server);
    CHECK_TEXT(other->order, "sec");
    CHECK_TEXT(seen->order, "s");
    server.capacity = 20000;
    PULL_UNTIL(&server, strchr(seen->order, 'c') != NULL, 2000);
    CHECK_TEXT(seen->order, "sdec");
    CHECK(seen->received == 50000 && !seen->pattern_broken);
    pulled_close(&server);
}

/* Left over from the call before, and then with news of its own: one row all the same (take_data checks
 * it), though another one's row came in between. */
static void p8_served_twice_in_one_call(void) {
    static struct witness busy, other;
    memset(&busy, 0, sizeof busy);
    memset(&other, 0, sizeof other);
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    struct seen *seen = pulled_connect(&server, &busy), *second = pulled_connect(&server, &other);
    enum { WHOLE = 4 * 1024 * 1024 };
    uint8_t *whole = malloc(WHOLE);
    REQUIRE(whole != NULL);
    fill_pattern(whole, WHOLE, 0);
    CHECK_EQUAL(tls_stream_write(busy.stream, whole, WHOLE), TLS_FULL);
    free(whole);
    int64_t deadline = now_ms() + 10000 * patience();
    while (seen->received < WHOLE && now_ms() < deadline) {
        /* The other one's byte is there before the rest. */
        fill_pattern(bytes, 1, second->received);
        if (other.secures == 1 && second->received < 200) {
            CHECK_EQUAL(write_one(server.rig.loop, (uintptr_t)other.stream, bytes, 1), TLS_OK);
        }
        tls_loop_run_once(server.rig.loop, 0);
        pull(&server, 0);
    }
    CHECK_EQUAL(seen->received, WHOLE);
    CHECK(!seen->pattern_broken);
    CHECK(second->received > 0);
    pulled_close(&server);
}

/* ---- pause ---- */

static void p8_pause_is_exact(void) {
    static struct witness clients[4];
    memset(clients, 0, sizeof clients);
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    for (int i = 0; i < 4; i++) {
        pulled_connect(&server, &clients[i]);
    }
    fill_pattern(bytes, sizeof bytes, 0);
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(tls_stream_write(clients[i].stream, bytes, sizeof bytes), TLS_FULL);
    }
    /* Most of it waits for room, some as a part of a record; then take_data checks that none comes. */
    server.capacity = 10000;
    PULL_UNTIL(&server, server.kinds[TLS_ROW_DATA] > 6, 2000);
    for (int i = 0; i < 4; i++) {
        server.seen[i].paused = i % 2 == 0;
        if (server.seen[i].paused) {
            CHECK_OK(tls_stream_pause(handle_of(server.seen[i].stream)));
        }
    }
    server.capacity = MOST_BYTES;
    PULL_UNTIL(&server, server.seen[1].received == sizeof bytes && server.seen[3].received == sizeof bytes, 5000);
    pulled_idle(&server);
    CHECK(server.seen[0].received < sizeof bytes);
    CHECK(server.seen[2].received < sizeof bytes);
    for (int i = 0; i < 4; i += 2) {
        server.seen[i].paused = false;
        CHECK_OK(tls_stream_resume(handle_of(server.seen[i].stream)));
    }
    PULL_UNTIL(&server, server.seen[0].received == sizeof bytes && server.seen[2].received == sizeof bytes, 5000);
    for (int i = 0; i < 4; i++) {
        CHECK(!server.seen[i].pattern_broken);
    }
    pulled_close(&server);
}

/* Ended by us, a stream still tells what its peer sends: somebody pulls. */
static void p8_an_ended_stream_has_rows(void) {
    struct witness client = {0};
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    struct seen *seen = pulled_connect(&server, &client);
    CHECK_OK(tls_stream_set_allow_half_open(client.stream, 1));
    CHECK_OK(tls_stream_end(handle_of(seen->stream)));
    PULL_UNTIL(&server, client.ends == 1, 2000);
    fill_pattern(bytes, 30000, 0);
    CHECK_OK(tls_stream_write(client.stream, bytes, 30000));
    CHECK_OK(tls_stream_end(client.stream));
    PULL_UNTIL(&server, strchr(seen->order, 'c') != NULL, 2000);
    CHECK_TEXT(seen->order, "sdec");
    CHECK_EQUAL(seen->received, 30000);
    pulled_close(&server);
}

/* What comes together with the end can still be answered, whatever the room. */
static void p8_the_last_data_is_answered(void) {
    for (size_t max_rows = 1; max_rows <= 3; max_rows++) {
        struct witness client = {0};
        pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
        server.echoes = true;
        server.max_rows = max_rows;
        rig_connect(&server.rig, &client);
        fill_pattern(bytes, 100, 0);
        CHECK_OK(tls_stream_write(client.stream, bytes, 100));
        CHECK_OK(tls_stream_end(client.stream));
        PULL_UNTIL(&server, client.closes == 1 && server.kinds[TLS_ROW_CLOSE] == 1, 5000);
        CHECK_TEXT(client.order, "sdec");
        CHECK_EQUAL(client.received, 100);
        CHECK_TEXT(server.seen[0].order, "sdec");
        pulled_close(&server);
    }
}

/* ---- the descriptor ---- */

static bool is_readable(tls_loop *loop, int milliseconds) {
    struct pollfd wait = {.fd = tls_loop_fd(loop), .events = POLLIN};
    return poll(&wait, 1, milliseconds) == 1;
}

static void p8_what_is_left_wakes_the_descriptor(void) {
    static struct witness clients[6];
    memset(clients, 0, sizeof clients);
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    CHECK(tls_loop_fd(server.loop) >= 0);
    server.max_rows = 1;
    server.capacity = 5000;
    fill_pattern(bytes, 30000, 0);
    for (int i = 0; i < 6; i++) {
        rig_connect(&server.rig, &clients[i]);
        CHECK_OK(tls_stream_write(clients[i].stream, bytes, 30000));
        CHECK_OK(tls_stream_end(clients[i].stream));
    }
    int64_t deadline = now_ms() + 10000 * patience();
    while (server.kinds[TLS_ROW_CLOSE] < 6 && now_ms() < deadline) {
        if (is_readable(server.loop, 0)) {
            pull(&server, 0);
        }
        tls_loop_run_once(server.rig.loop, 0);
    }
    CHECK_EQUAL(server.kinds[TLS_ROW_CLOSE], 6);
    for (int i = 0; i < 6; i++) {
        CHECK_TEXT(server.seen[i].order, "sdec");
        CHECK_EQUAL(server.seen[i].received, 30000);
    }
    for (int i = 0; i < 10 && is_readable(server.loop, 0); i++) {
        CHECK_EQUAL(pull(&server, 0), 0);
    }
    CHECK(!is_readable(server.loop, 20));
    /* Rows that wait are work, also for those who ask for the time. */
    CHECK_OK(tls_server_destroy(server.server));
    CHECK(is_readable(server.loop, 100));
    CHECK_EQUAL(tls_loop_next_timeout_ms(server.loop), 0);
    CHECK_EQUAL(pull(&server, -1), 1);
    CHECK_EQUAL(server.kinds[TLS_ROW_SERVER_CLOSE], 1);
    pulled_close(&server);
}

/* Turns the server alone, and only when its descriptor says so, until nothing is left. */
static void settle(void) {
    for (int turns = 0; is_readable(server.loop, 20); turns++) {
        pull(&server, 0);
        REQUIRE(turns < 1000);
    }
}

/* Rows that wait, and nothing else; those of a stream that we destroy are not told any more. */
static void p8_destroyed_while_rows_wait(void) {
    static struct witness clients[4];
    memset(clients, 0, sizeof clients);
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    CHECK(tls_loop_fd(server.loop) >= 0);
    for (int i = 0; i < 4; i++) {
        struct seen *seen = pulled_connect(&server, &clients[i]);
        CHECK_OK(tls_stream_set_high_water_mark(handle_of(seen->stream), 0));
    }
    settle();
    server.max_rows = 1;
    for (int i = 0; i < 4; i++) {
        CHECK_EQUAL(write_one(server.loop, server.seen[i].stream, bytes, 1), TLS_FULL);
    }
    CHECK_EQUAL(pull(&server, 0), 1);
    CHECK_TEXT(server.seen[0].order, "sD");
    CHECK(is_readable(server.loop, 100));
    CHECK_EQUAL(tls_loop_next_timeout_ms(server.loop), 0);
    CHECK_OK(tls_stream_destroy(handle_of(server.seen[2].stream)));
    CHECK_OK(tls_stream_destroy(handle_of(server.seen[2].stream)));
    settle();
    CHECK_TEXT(server.seen[1].order, "sD");
    CHECK_TEXT(server.seen[2].order, "sc");
    CHECK_TEXT(server.seen[3].order, "sD");
    pulled_close(&server);
}

static void p8_timers_and_drain(void) {
    struct witness client = {0};
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    CHECK(tls_loop_fd(server.loop) >= 0);
    struct seen *seen = pulled_connect(&server, &client);
    CHECK_OK(tls_stream_set_high_water_mark(handle_of(seen->stream), 0));
    CHECK_EQUAL(write_one(server.loop, seen->stream, bytes, 1), TLS_FULL);
    CHECK(is_readable(server.loop, 100));
    settle();
    CHECK_TEXT(seen->order, "sD");
    CHECK_OK(tls_stream_set_timeout(handle_of(seen->stream), 30));
    int64_t deadline = now_ms() + 2000 * patience();
    while (server.kinds[TLS_ROW_TIMEOUT] == 0 && now_ms() < deadline) {
        if (is_readable(server.loop, 100)) {
            pull(&server, 0);
        }
    }
    CHECK_TEXT(seen->order, "sDt");
    pulled_close(&server);
}

/* ---- bounds and fairness ---- */

/* As many handshakes at once as there are rows, twice over: those that waited, and new ones. */
static void p8_a_turn_is_bounded_in_connections(void) {
    enum { CLIENTS = 40 };
    static struct witness clients[CLIENTS];
    memset(clients, 0, sizeof clients);
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    server.max_rows = 3;
    for (int i = 0; i < CLIENTS; i++) {
        rig_connect(&server.rig, &clients[i]);
    }
    int64_t before = 0, deadline = now_ms() + 10000 * patience();
    while (server.kinds[TLS_ROW_SECURE_CONNECTION] < CLIENTS && now_ms() < deadline) {
        /* All clients have done what they can. */
        for (int i = 0; i < 5; i++) {
            tls_loop_run_once(server.rig.loop, 0);
        }
        pull(&server, 0);
        int64_t after = tls_server_session_count(server.server, TLS_SESSIONS_FULL);
        CHECK(after - before <= 6);
        before = after;
    }
    CHECK_EQUAL(server.kinds[TLS_ROW_SECURE_CONNECTION], CLIENTS);
    pulled_close(&server);
}

/* One that always has more to say does not keep the others from saying something. */
static void p8_nobody_starves(void) {
    static struct witness bulk[2], small;
    memset(bulk, 0, sizeof bulk);
    memset(&small, 0, sizeof small);
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    server.capacity = 16384;
    server.max_rows = 2;
    pulled_connect(&server, &bulk[0]);
    pulled_connect(&server, &bulk[1]);
    struct seen *seen = pulled_connect(&server, &small);
    size_t position[2] = {0};
    uint8_t piece[16384];
    int rounds = (int)scaled(15) + 5;
    for (int round = 0; round < rounds; round++) {
        fill_pattern(bytes, 1, (size_t)round);
        CHECK_OK(tls_stream_write(small.stream, bytes, 1));
        for (int turn = 0; turn < 8; turn++) {
            for (int i = 0; i < 2; i++) {
                fill_pattern(piece, sizeof piece, position[i]);
                if (tls_stream_writable_length(bulk[i].stream) < 65536) {
                    CHECK(tls_stream_write(bulk[i].stream, piece, sizeof piece) >= TLS_OK);
                    position[i] += sizeof piece;
                }
            }
            tls_loop_run_once(server.rig.loop, 0);
            pull(&server, 0);
        }
    }
    CHECK(seen->received + 5 >= (size_t)rounds);
    CHECK(server.seen[0].received > 16384 && server.seen[1].received > 16384);
    CHECK(!server.seen[0].pattern_broken && !server.seen[1].pattern_broken && !seen->pattern_broken);
    pulled_close(&server);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(p8_a_conversation_in_rows);
    RUN(p8_many_connections);
    RUN(p8_the_smallest_rows);
    RUN(p8_rows_of_a_later_version);
    RUN(p8_one_row_at_a_time);
    RUN(p8_one_byte_at_a_time);
    RUN(p8_records_that_fit_just_so);
    RUN(p8_order_with_one_row_at_a_time);
    RUN(p8_without_a_buffer_data_waits);
    RUN(p8_served_twice_in_one_call);
    RUN(p8_pause_is_exact);
    RUN(p8_an_ended_stream_has_rows);
    RUN(p8_the_last_data_is_answered);
    RUN(p8_what_is_left_wakes_the_descriptor);
    RUN(p8_destroyed_while_rows_wait);
    RUN(p8_timers_and_drain);
    RUN(p8_a_turn_is_bounded_in_connections);
    RUN(p8_nobody_starves);
    return check_end();
}
