/* tls_stream_pipe (S72): the echo server of one line, backpressure, fan-out, and the end of either side. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

enum { MIB = 1024 * 1024 };

static struct rig rig;
static struct witness client;

static void keep_stream(struct rig *at, tls_stream *stream) {
    at->accepted.stream = stream;
}

static void pipe_back(struct rig *at, tls_stream *stream) {
    at->accepted.stream = stream;
    CHECK_OK(tls_stream_pipe(stream, stream));
    CHECK_OK(tls_stream_pipe(stream, stream));
}

static void s72_pipe_onto_itself_is_an_echo_server(void) {
    size_t size = (size_t)scaled(16) * MIB;
    uint8_t *bytes = malloc(size);
    fill_pattern(bytes, size, 0);
    memset(&client, 0, sizeof client);
    rig_open(&rig);
    rig.on_connection = pipe_back;
    rig_connect_secure(&rig, &client);
    CHECK_EQUAL(tls_stream_write(client.stream, bytes, size), TLS_FULL);
    CHECK_OK(tls_stream_end(client.stream));
    RUN_UNTIL(rig.loop, client.closes == 1, 30000);
    CHECK_EQUAL(client.received, size);
    CHECK(!client.pattern_broken);
    CHECK_TEXT(client.order, "sdec");
    RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 2000);
    free(bytes);
    rig_close(&rig);
}

/* Backpressure through a pipe: its destination's peer does not read, so its source's peer waits. */
static void s72_pipe_holds_back_its_source(void) {
    enum { PIECE = 64 * 1024 };
    static uint8_t piece[PIECE];
    struct wire wire;
    memset(&client, 0, sizeof client);
    rig_open(&rig);
    rig.on_connection = keep_stream;
    wire_open_secure(&wire, &rig);
    tls_stream *destination = rig.accepted.stream;
    rig_connect_secure(&rig, &client);
    CHECK_OK(tls_stream_pipe(rig.accepted.stream, destination));
    long before = resident_kib();
    size_t sent = 0;
    int64_t quiet_since = now_ms();
    while (sent < (size_t)64 * MIB && now_ms() - quiet_since < 300) {
        if (tls_stream_writable_length(client.stream) == 0) {
            fill_pattern(piece, PIECE, sent);
            CHECK(tls_stream_write(client.stream, piece, PIECE) >= 0);
            sent += PIECE;
            quiet_since = now_ms();
        }
        tls_loop_run_once(rig.loop, 10);
    }
    CHECK(sent < (size_t)64 * MIB);
    if (runs_natively()) {
        CHECK(resident_kib() - before < 2048);
    }
    CHECK_OK(tls_stream_end(client.stream));
    RUN_UNTIL(rig.loop, (wire_pump(&wire), wire.closed), 20000);
    CHECK_EQUAL(wire.received, sent);
    CHECK_EQUAL(wire.clean, 1);
    wire_close(&wire, false);
    rig_close(&rig);
}

/* Connects, and answers the server's side of the connection, which nobody watches. */
static tls_stream *connect_one(struct witness *witness) {
    memset(witness, 0, sizeof *witness);
    rig.on_connection = keep_stream;
    rig_connect_secure(&rig, witness);
    return rig.accepted.stream;
}

/* One source, two destinations: both get everything, and both are ended with it. */
static void s72_two_destinations(void) {
    uint8_t bytes[100000];
    struct witness first, second;
    fill_pattern(bytes, sizeof bytes, 0);
    rig_open(&rig);
    tls_stream *source = connect_one(&client);
    tls_stream *one = connect_one(&first), *other = connect_one(&second);
    CHECK_OK(tls_stream_pipe(source, one));
    CHECK_OK(tls_stream_pipe(source, other));
    CHECK(tls_stream_write(client.stream, bytes, sizeof bytes) >= 0);
    CHECK_OK(tls_stream_end(client.stream));
    RUN_UNTIL(rig.loop, first.closes == 1 && second.closes == 1 && client.closes == 1, 5000);
    CHECK_EQUAL(first.received, sizeof bytes);
    CHECK_EQUAL(second.received, sizeof bytes);
    CHECK(!first.pattern_broken && !second.pattern_broken);
    CHECK_TEXT(first.order, "sdec");
    rig_close(&rig);
}

/* A destination that goes away takes neither the source nor its data with it. */
static void s72_destination_goes_away(void) {
    struct witness first;
    rig_open(&rig);
    tls_stream *source = connect_one(&client), *destination = connect_one(&first);
    CHECK_OK(tls_stream_pipe(source, destination));
    CHECK_OK(tls_stream_write(client.stream, "x", 1));
    RUN_UNTIL(rig.loop, first.received == 1, 2000);
    CHECK_OK(tls_stream_destroy(destination));
    RUN_UNTIL(rig.loop, first.closes == 1, 2000);
    CHECK_OK(tls_stream_write(client.stream, "kept", 4));
    run_for(rig.loop, 30);
    memset(&rig.accepted, 0, sizeof rig.accepted);
    rig.accepted.several = true;
    watch(&rig.accepted, source);
    RUN_UNTIL(rig.loop, rig.accepted.received == 4, 2000);
    /* The source went away: its destination is left open. */
    tls_stream *next = connect_one(&first);
    CHECK_OK(tls_stream_pipe(source, next));
    CHECK_OK(tls_stream_destroy(source));
    run_for(rig.loop, 30);
    CHECK_OK(tls_stream_write(next, "y", 1));
    RUN_UNTIL(rig.loop, first.received == 1, 2000);
    CHECK_EQUAL(tls_stream_pipe(source, next), TLS_ERR_INVALID_HANDLE);
    rig_close(&rig);
}

static void s72_pipe_that_cannot_be(void) {
    struct rig second;
    struct witness theirs = {0};
    rig_open(&rig);
    rig_open(&second);
    second.on_connection = keep_stream;
    tls_stream *ours = connect_one(&client);
    rig_connect_secure(&second, &theirs);
    /* Streams of two loops. */
    CHECK_EQUAL(tls_stream_pipe(ours, second.accepted.stream), TLS_ERR_INVALID_ARGUMENT);
    CHECK_OK(tls_stream_end(client.stream));
    CHECK_EQUAL(tls_stream_pipe(ours, client.stream), TLS_ERR_INVALID_STATE);
    rig_close(&rig);
    rig_close(&second);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s72_pipe_onto_itself_is_an_echo_server);
    RUN(s72_pipe_holds_back_its_source);
    RUN(s72_two_destinations);
    RUN(s72_destination_goes_away);
    RUN(s72_pipe_that_cannot_be);
    return check_end();
}
