/* Batched writes (P8, abi.md 21): one bad item stops no other; and how errors travel in rows. */
#include "pull.h"

#include <limits.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct pulled server;
static uint8_t bytes[400000];

/* ---- batches ---- */

static void p8_one_bad_item_stops_no_other(void) {
    enum { ITEMS = 12 };
    struct witness first = {0}, second = {0}, third = {0};
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    struct seen *one = pulled_connect(&server, &first), *two = pulled_connect(&server, &second);
    struct seen *ended = pulled_connect(&server, &third);
    CHECK_OK(tls_stream_end(handle_of(ended->stream)));
    tls_stream *foreign = first.stream;
    const uint64_t streams[ITEMS] = {one->stream, 0, two->stream, UINT64_MAX, (uintptr_t)server.server, one->stream,
        one->stream + 2, (uintptr_t)foreign, two->stream, ended->stream, one->stream, (uintptr_t)server.loop};
    const uint64_t lengths[ITEMS] = {10, 7, 20, 0, 5, 30, 3, 4, 0, 6, 40000, 1};
    const int32_t expected[ITEMS] = {TLS_OK, TLS_ERR_INVALID_HANDLE, TLS_OK, TLS_ERR_INVALID_HANDLE,
        TLS_ERR_INVALID_HANDLE, TLS_OK, TLS_ERR_INVALID_HANDLE, TLS_ERR_INVALID_ARGUMENT, TLS_OK,
        TLS_ERR_INVALID_STATE, TLS_OK, TLS_ERR_INVALID_HANDLE};
    int32_t statuses[ITEMS];
    size_t position = 0, of_one = 0, of_two = 0;
    for (int i = 0; i < ITEMS; i++) {
        statuses[i] = -9999;
        size_t *pattern = streams[i] == one->stream ? &of_one : streams[i] == two->stream ? &of_two : NULL;
        memset(bytes + position, 0xee, lengths[i]);
        if (pattern != NULL) {
            fill_pattern(bytes + position, lengths[i], *pattern);
            *pattern += lengths[i];
        }
        position += lengths[i];
    }
    CHECK_EQUAL(tls_loop_write_batch(server.loop, ITEMS, streams, lengths, bytes, statuses), 7);
    for (int i = 0; i < ITEMS; i++) {
        CHECK_EQUAL(statuses[i], expected[i]);
    }
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_HANDLE);
    PULL_UNTIL(&server, first.received == of_one && second.received == of_two, 2000);
    CHECK(!first.pattern_broken && !second.pattern_broken);
    CHECK_EQUAL(third.received, 0);
    pulled_close(&server);
}

/* Nothing of the loop is turned between the batch and its arrival. */
static void p8_a_batch_is_sent_at_once(void) {
    struct witness client = {0};
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    struct seen *seen = pulled_connect(&server, &client);
    pulled_idle(&server);
    const uint64_t streams[] = {seen->stream, seen->stream, seen->stream};
    const uint64_t lengths[] = {100, 200, 300};
    int32_t statuses[3];
    fill_pattern(bytes, 600, 0);
    uint64_t before = tls_stream_bytes_written(handle_of(seen->stream));
    CHECK_EQUAL(tls_loop_write_batch(server.loop, 3, streams, lengths, bytes, statuses), 0);
    /* One record: what one stream is given in a row goes together. */
    CHECK_EQUAL(tls_stream_bytes_written(handle_of(seen->stream)) - before, 600 + 22);
    CHECK_EQUAL(tls_stream_writable_length(handle_of(seen->stream)), 0);
    RUN_UNTIL(server.rig.loop, client.received == 600, 2000);
    CHECK(!client.pattern_broken);
    CHECK_EQUAL(pull(&server, 0), 0);
    pulled_close(&server);
}

/* More than the sockets take: the rest follows, and then drain. */
static void p8_a_batch_that_is_too_much(void) {
    struct witness client = {0};
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    struct seen *seen = pulled_connect(&server, &client);
    size_t written = 0;
    int full = 0;
    while (full < 3) {
        fill_pattern(bytes, sizeof bytes, written);
        int32_t status = write_one(server.loop, seen->stream, bytes, sizeof bytes);
        CHECK(status == TLS_OK || status == TLS_FULL);
        full += status == TLS_FULL;
        written += sizeof bytes;
        REQUIRE(written < 100000000);
    }
    CHECK_EQUAL(server.kinds[TLS_ROW_DRAIN], 0);
    PULL_UNTIL(&server, client.received == written && server.kinds[TLS_ROW_DRAIN] == 1, 10000);
    CHECK(!client.pattern_broken);
    pulled_close(&server);
}

static void p8_a_batch_before_the_handshake(void) {
    struct pulled *clients = &server;
    pulled_open(clients, TLS_ROW_KINDS_DEFAULT);
    /* A client on the loop that is pulled, not connected yet. */
    tls_connect_options *options = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_context(options, clients->rig.client_context));
    CHECK_OK(tls_connect_options_set_servername(options, "localhost"));
    tls_stream *stream = tls_connect(clients->loop, clients->rig.port, "127.0.0.1", options, NULL, NULL);
    CHECK_OK(tls_connect_options_free(options));
    fill_pattern(bytes, 3000, 0);
    CHECK_EQUAL(write_one(clients->loop, (uintptr_t)stream, bytes, 3000), TLS_OK);
    PULL_UNTIL(clients, clients->streams == 2 && clients->seen[0].received + clients->seen[1].received == 3000, 5000);
    CHECK_EQUAL(clients->kinds[TLS_ROW_SECURE_CONNECT], 1);
    CHECK_EQUAL(clients->kinds[TLS_ROW_SECURE_CONNECTION], 1);
    pulled_close(clients);
}

static void p8_batches_that_are_wrong_as_a_whole(void) {
    struct witness client = {0};
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    struct seen *seen = pulled_connect(&server, &client);
    const uint64_t streams[2] = {seen->stream, seen->stream};
    const uint64_t lengths[2] = {1, 1}, huge[2] = {UINT64_MAX, 2}, large[2] = {(uint64_t)PTRDIFF_MAX, 2};
    int32_t statuses[2];
    tls_loop *loop = server.loop;
    const void *odd = (const uint8_t *)streams + 1;
    CHECK_EQUAL(tls_loop_write_batch(loop, 0, NULL, NULL, NULL, NULL), 0);
    CHECK_EQUAL(tls_loop_write_batch(loop, 2, NULL, lengths, "xy", statuses), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_loop_write_batch(loop, 2, streams, NULL, "xy", statuses), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_loop_write_batch(loop, 2, streams, lengths, NULL, statuses), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_loop_write_batch(loop, 2, streams, lengths, "xy", NULL), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_loop_write_batch(loop, 1, odd, lengths, "xy", statuses), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_loop_write_batch(loop, 2, streams, huge, "xy", statuses), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_loop_write_batch(loop, 2, streams, large, "xy", statuses), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_loop_write_batch(loop, (size_t)INT_MAX + 1, streams, lengths, "xy", statuses),
        TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_loop_write_batch(loop, SIZE_MAX, streams, lengths, "xy", statuses), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_loop_write_batch(loop, 1, streams, &(uint64_t){0}, NULL, statuses), 0);
    pulled_idle(&server);
    CHECK_EQUAL(client.received, 0);
    pulled_close(&server);
}

/* ---- errors ---- */

/* The peer is gone, and we do not know it: the batch is taken, what comes of it comes as rows. */
static void p8_a_batch_to_a_peer_that_is_gone(void) {
    struct witness client = {0};
    struct wire wire;
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    struct seen *good = pulled_connect(&server, &client);
    wire_open(&wire, &server.rig);
    PULL_UNTIL(&server, (wire_pump(&wire), server.streams == 2), 5000);
    struct seen *gone = &server.seen[1];
    wire_close(&wire, true);
    const uint64_t streams[3] = {gone->stream, good->stream, gone->stream}, lengths[3] = {100000, 10, 5};
    int32_t statuses[3];
    fill_pattern(bytes, 100015, 0);
    fill_pattern(bytes + 100000, 10, 0);
    CHECK(tls_loop_write_batch(server.loop, 3, streams, lengths, bytes, statuses) >= 0);
    CHECK(statuses[0] >= 0 && statuses[2] >= 0);
    CHECK_EQUAL(statuses[1], TLS_OK);
    CHECK_TEXT(gone->order, "s");
    PULL_UNTIL(&server, client.received == 10 && strchr(gone->order, 'c') != NULL, 2000);
    CHECK_TEXT(gone->order, "sxc");
    CHECK(gone->had_error);
    CHECK(strcmp(gone->error_name, "ECONNRESET") == 0 || strcmp(gone->error_name, "EPIPE") == 0);
    pulled_close(&server);
}

/* What a row brings is there until the next call; a copy for longer. */
static void p8_errors_live_until_the_next_call(void) {
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    int socket = raw_connect(server.rig.port);
    CHECK(raw_send(socket, "GET / HTTP/1.1\r\n\r\n", 18));
    PULL_UNTIL(&server, server.kinds[TLS_ROW_CLIENT_ERROR] == 1, 2000);
    struct seen *seen = &server.seen[0];
    CHECK_TEXT(seen->error_name, "ERR_SSL_HTTP_REQUEST");
    const tls_error *error = handle_of(server.error);
    CHECK_PART(tls_error_message(error), "plain HTTP");
    CHECK_EQUAL(tls_error_free(handle_of(server.error)), TLS_ERR_INVALID_STATE);
    tls_error *copy = tls_error_copy(error);
    CHECK(copy != NULL);
    PULL_UNTIL(&server, strchr(seen->order, 'c') != NULL, 2000);
    CHECK_TEXT(seen->order, "xc");
    pull(&server, 0);
    CHECK_EQUAL(tls_error_status(error), TLS_ERR_INVALID_HANDLE);
    CHECK(tls_error_message(error) == NULL);
    CHECK_TEXT(tls_error_name(copy), "ERR_SSL_HTTP_REQUEST");
    CHECK_OK(tls_error_free(copy));
    close(socket);
    pulled_close(&server);
}

/* With room for four words nobody sees the errors, and nothing leaks. */
static void p8_errors_without_room_for_them(void) {
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    server.words = 4;
    server.max_rows = 1;
    for (int i = 0; i < 5; i++) {
        int socket = raw_connect(server.rig.port);
        CHECK(raw_send(socket, "junk and more junk", 18));
        PULL_UNTIL(&server, server.kinds[TLS_ROW_CLOSE] == i + 1, 2000);
        close(socket);
    }
    CHECK_EQUAL(server.kinds[TLS_ROW_CLIENT_ERROR], 5);
    CHECK_TEXT(server.seen[4].order, "xc");
    pulled_close(&server);
}

/* A loop is freed while rows wait and handles of the last ones live. */
static void p8_freed_with_rows_left(void) {
    struct witness client = {0};
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    pulled_connect(&server, &client);
    server.max_rows = 1;
    int sockets[4];
    for (int i = 0; i < 4; i++) {
        sockets[i] = raw_connect(server.rig.port);
        CHECK(raw_send(sockets[i], "junk and more junk", 18));
    }
    PULL_UNTIL(&server, server.kinds[TLS_ROW_CLIENT_ERROR] == 1, 2000);
    tls_server *handle = server.server;
    CHECK_OK(tls_loop_free(server.loop));
    CHECK_EQUAL(tls_server_port(handle), -1);
    CHECK_EQUAL(tls_error_status(handle_of(server.error)), TLS_ERR_INVALID_HANDLE);
    RUN_UNTIL(server.rig.loop, client.closes == 1, 2000);
    for (int i = 0; i < 4; i++) {
        close(sockets[i]);
    }
    CHECK_OK(tls_loop_free(server.rig.loop));
    CHECK_OK(tls_context_free(server.rig.server_context));
    CHECK_OK(tls_context_free(server.rig.client_context));
}

/* ---- peers that mean harm ---- */

static void c032_peers_that_come_and_go(void) {
    uint8_t hello[4096];
    pulled_open(&server, TLS_ROW_KINDS_DEFAULT);
    size_t length = rig_hello(&server.rig, hello, sizeof hello);
    server.max_rows = 2;
    server.capacity = 100;
    int before = open_descriptors();
    for (long i = 0; i < scaled(200) + 10; i++) {
        /* Junk, a part of a hello and then silence or reset, a hello and then junk. */
        int socket = raw_connect(server.rig.port);
        switch (i % 4) {
        case 0:
            raw_send(socket, "\x16\x03\x01\xff\xff junk", 10);
            break;
        case 1:
            raw_send(socket, hello, length / 2);
            break;
        case 2:
            raw_send(socket, hello, length);
            raw_send(socket, "nothing that fits", 17);
            break;
        default:
            break;
        }
        pull(&server, 0);
        if (i % 3 == 0) {
            raw_reset(socket);
        } else {
            shutdown(socket, SHUT_WR);
            PULL_UNTIL(&server, tls_server_connections(server.server) == 0, 2000);
            close(socket);
        }
        PULL_UNTIL(&server, tls_server_connections(server.server) == 0, 2000);
        if (server.streams > SEEN - 10) {
            server.streams = 0;
        }
    }
    pulled_idle(&server);
    CHECK_EQUAL(open_descriptors(), before);
    CHECK_EQUAL(server.kinds[TLS_ROW_SECURE_CONNECTION], 0);
    CHECK_EQUAL(server.kinds[TLS_ROW_CLIENT_ERROR], server.kinds[TLS_ROW_CLOSE]);
    struct witness client = {0};
    struct seen *seen = pulled_connect(&server, &client);
    fill_pattern(bytes, 1000, 0);
    CHECK_OK(tls_stream_write(client.stream, bytes, 1000));
    PULL_UNTIL(&server, seen->received == 1000, 2000);
    pulled_close(&server);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(p8_one_bad_item_stops_no_other);
    RUN(p8_a_batch_is_sent_at_once);
    RUN(p8_a_batch_that_is_too_much);
    RUN(p8_a_batch_before_the_handshake);
    RUN(p8_batches_that_are_wrong_as_a_whole);
    RUN(p8_a_batch_to_a_peer_that_is_gone);
    RUN(p8_errors_live_until_the_next_call);
    RUN(p8_errors_without_room_for_them);
    RUN(p8_freed_with_rows_left);
    RUN(c032_peers_that_come_and_go);
    return check_end();
}
