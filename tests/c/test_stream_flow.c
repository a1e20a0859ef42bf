/* How data flows: large writes and small ones, the high-water mark and drain, pause and resume down
 * to the socket, half-open streams (S61; cases 6, 68, 69, 71, 72, 103). */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MIB = 1024 * 1024 };

static struct rig rig;
static struct witness client;

static void start_secure(void) {
    memset(&client, 0, sizeof client);
    rig_open(&rig);
    rig_connect_secure(&rig, &client);
}

static void c006_one_large_write_arrives_intact(void) {
    size_t size = (size_t)scaled(64) * MIB;
    uint8_t *bytes = malloc(size);
    REQUIRE(bytes != NULL);
    fill_pattern(bytes, size, 0);
    start_secure();
    CHECK_EQUAL(tls_stream_write(client.stream, bytes, size), TLS_FULL);
    /* Copied or used up before the call returns. */
    memset(bytes, 0xee, size);
    free(bytes);
    CHECK_OK(tls_stream_end(client.stream));
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 30000);
    CHECK_EQUAL(rig.accepted.received, size);
    CHECK(!rig.accepted.pattern_broken);
    CHECK_TEXT(rig.accepted.order, "dec");
    CHECK_EQUAL(client.clean, 1);
    rig_close(&rig);
}

/* 64 writes of 64 bytes in one turn become one record. */
static void s61_small_writes_gather(void) {
    uint8_t bytes[64 * 64];
    fill_pattern(bytes, sizeof bytes, 0);
    start_secure();
    run_for(rig.loop, 30);
    uint64_t before = tls_stream_bytes_written(client.stream);
    for (int i = 0; i < 64; i++) {
        CHECK_OK(tls_stream_write(client.stream, bytes + 64 * i, 64));
    }
    CHECK_EQUAL(tls_stream_writable_length(client.stream), sizeof bytes);
    RUN_UNTIL(rig.loop, rig.accepted.received == sizeof bytes, 2000);
    CHECK(!rig.accepted.pattern_broken);
    CHECK_EQUAL(rig.accepted.datas, 1);
    CHECK(tls_stream_bytes_written(client.stream) - before < sizeof bytes + 64);
    rig_close(&rig);
}

static size_t written;

static void write_on_drain(struct witness *witness, char event, const uint8_t *data, size_t length) {
    uint8_t bytes[3000];
    (void)data;
    (void)length;
    if (event != 'D') {
        return;
    }
    CHECK_EQUAL(tls_stream_writable_length(witness->stream), 0);
    tls_status status = TLS_OK;
    while (status == TLS_OK && written < 4 * MIB) {
        fill_pattern(bytes, sizeof bytes, written);
        status = tls_stream_write(witness->stream, bytes, sizeof bytes);
        CHECK(status >= 0);
        written += sizeof bytes;
    }
}

static void s61_drain(void) {
    uint8_t bytes[1000] = {0};
    start_secure();
    CHECK_OK(tls_stream_set_high_water_mark(client.stream, 10000));
    written = 0;
    tls_status status = TLS_OK;
    while (status == TLS_OK && written < 100000) {
        fill_pattern(bytes, sizeof bytes, written);
        status = tls_stream_write(client.stream, bytes, sizeof bytes);
        written += sizeof bytes;
    }
    CHECK_EQUAL(status, TLS_FULL);
    CHECK_EQUAL(written, 10000);
    CHECK_EQUAL(client.drains, 0);
    client.hook = write_on_drain;
    RUN_UNTIL(rig.loop, rig.accepted.received >= 4 * MIB, 20000);
    CHECK_EQUAL(rig.accepted.received, written);
    CHECK(!rig.accepted.pattern_broken);
    CHECK(client.drains > 100);
    /* A mark of 0: full with the first byte. */
    client.hook = NULL;
    CHECK_OK(tls_stream_set_high_water_mark(client.stream, 0));
    CHECK_EQUAL(tls_stream_write(client.stream, "x", 1), TLS_FULL);
    rig_close(&rig);
}

/* A peer that never reads: whoever stops at TLS_FULL holds the mark and one write, whatever the
 * amount that he has in mind. */
static void c068_peer_that_does_not_read(void) {
    enum { PIECE = 64 * 1024 };
    static uint8_t piece[PIECE];
    memset(&client, 0, sizeof client);
    rig_open(&rig);
    struct wire wire;
    wire_open_secure(&wire, &rig);
    tls_stream *stream = rig.accepted.stream;
    long before = resident_kib();
    size_t goal = (size_t)256 * MIB, sent = 0;
    int64_t quiet_since = now_ms();
    /* Write whenever it is not full; the peer takes only what its kernel does. */
    while (sent < goal && now_ms() - quiet_since < 300) {
        if (tls_stream_writable_length(stream) == 0) {
            CHECK_EQUAL(tls_stream_write(stream, piece, PIECE), TLS_FULL);
            sent += PIECE;
            quiet_since = now_ms();
        }
        tls_loop_run_once(rig.loop, 10);
        CHECK(tls_stream_writable_length(stream) <= 65536 + PIECE + 8192);
    }
    CHECK(sent < goal);
    CHECK_EQUAL(tls_stream_write(stream, piece, PIECE), TLS_FULL);
    int drains = rig.accepted.drains;
    run_for(rig.loop, 50);
    CHECK_EQUAL(rig.accepted.drains, drains);
    if (runs_natively()) {
        CHECK(resident_kib() - before < 1024);
    }
    sent += PIECE;
    /* The peer reads again: all of it comes, and drain is told. */
    RUN_UNTIL(rig.loop, (wire_pump(&wire), wire.received == sent), 20000);
    CHECK(rig.accepted.drains > drains);
    wire_close(&wire, false);
    rig_close(&rig);
}

/* Paused, the socket is not read: the kernel's buffers fill, the sender is full, and memory stays. */
static void c071_pause_stops_the_socket(void) {
    enum { PIECE = 64 * 1024 };
    size_t goal = (size_t)scaled(64) * MIB, sent = 0;
    uint8_t *piece = malloc(PIECE);
    start_secure();
    tls_stream *receiver = rig.accepted.stream;
    CHECK_OK(tls_stream_pause(receiver));
    long before = resident_kib();
    int64_t quiet_since = now_ms();
    while (now_ms() - quiet_since < 300) {
        if (sent < goal && tls_stream_writable_length(client.stream) == 0) {
            fill_pattern(piece, PIECE, sent);
            CHECK(tls_stream_write(client.stream, piece, PIECE) >= 0);
            sent += PIECE;
            quiet_since = now_ms();
        }
        tls_loop_run_once(rig.loop, 10);
    }
    CHECK_EQUAL(rig.accepted.received, 0);
    CHECK(sent < goal || test_scale() < 1);
    if (runs_natively()) {
        CHECK(resident_kib() - before < 1024);
    }
    uint64_t wire = tls_stream_bytes_read(receiver);
    CHECK(wire < 1 * MIB);
    CHECK_OK(tls_stream_resume(receiver));
    int64_t deadline = now_ms() + 20000 * patience();
    while (rig.accepted.received < goal && now_ms() < deadline) {
        if (sent < goal && tls_stream_writable_length(client.stream) < PIECE) {
            fill_pattern(piece, PIECE, sent);
            CHECK(tls_stream_write(client.stream, piece, PIECE) >= 0);
            sent += PIECE;
        }
        tls_loop_run_once(rig.loop, 10);
    }
    CHECK_EQUAL(rig.accepted.received, goal);
    CHECK(!rig.accepted.pattern_broken);
    free(piece);
    rig_close(&rig);
}

/* Pause inside the data callback is exact: no further data until resume. */
static void pause_at_each(struct witness *witness, char event, const uint8_t *data, size_t length) {
    (void)data;
    (void)length;
    if (event == 'd') {
        CHECK_OK(tls_stream_pause(witness->stream));
    }
}

static void c072_pause_inside_the_data_callback(void) {
    enum { WHOLE = 200000 };
    uint8_t *bytes = malloc(WHOLE);
    fill_pattern(bytes, WHOLE, 0);
    start_secure();
    rig.accepted.hook = pause_at_each;
    CHECK(tls_stream_write(client.stream, bytes, WHOLE) >= 0);
    CHECK_OK(tls_stream_end(client.stream));
    int resumed = 0;
    RUN_UNTIL(rig.loop, rig.accepted.datas == 1, 2000);
    while (rig.accepted.ends == 0 && resumed < 100) {
        int before = rig.accepted.datas;
        run_for(rig.loop, 5);
        CHECK_EQUAL(rig.accepted.datas, before);
        CHECK_OK(tls_stream_resume(rig.accepted.stream));
        resumed++;
        RUN_UNTIL(rig.loop, rig.accepted.datas == before + 1 || rig.accepted.ends == 1, 2000);
        CHECK(rig.accepted.datas <= before + 1);
    }
    CHECK_EQUAL(rig.accepted.received, WHOLE);
    CHECK(!rig.accepted.pattern_broken);
    CHECK(resumed >= WHOLE / 16384);
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 2000);
    free(bytes);
    rig_close(&rig);
}

/* Data that comes before there is a callback for it waits. */
static void keep_stream(struct rig *at, tls_stream *stream) {
    at->accepted.stream = stream;
}

static void s61_data_waits_for_its_callback(void) {
    memset(&client, 0, sizeof client);
    rig_open(&rig);
    rig.on_connection = keep_stream;
    uint8_t bytes[50000];
    fill_pattern(bytes, sizeof bytes, 0);
    rig_connect_secure(&rig, &client);
    CHECK_OK(tls_stream_write(client.stream, bytes, sizeof bytes));
    CHECK_OK(tls_stream_end(client.stream));
    run_for(rig.loop, 50);
    watch(&rig.accepted, rig.accepted.stream);
    RUN_UNTIL(rig.loop, rig.accepted.closes == 1, 2000);
    CHECK_EQUAL(rig.accepted.received, sizeof bytes);
    CHECK(!rig.accepted.pattern_broken);
    CHECK_TEXT(rig.accepted.order, "dec");
    RUN_UNTIL(rig.loop, client.closes == 1, 2000);
    rig_close(&rig);
}

/* Half-open: the peer has ended, and our side goes on for as long as it likes. */
static void c069_half_open(void) {
    uint8_t bytes[300000];
    fill_pattern(bytes, sizeof bytes, 0);
    memset(&client, 0, sizeof client);
    rig_open(&rig);
    rig_connect(&rig, &client);
    CHECK_OK(tls_stream_set_allow_half_open(client.stream, 1));
    RUN_UNTIL(rig.loop, client.secures == 1 && rig.connections == 1, 5000);
    CHECK_OK(tls_stream_set_allow_half_open(rig.accepted.stream, 1));
    CHECK_OK(tls_stream_end(client.stream));
    RUN_UNTIL(rig.loop, rig.accepted.ends == 1, 2000);
    run_for(rig.loop, 50);
    CHECK_EQUAL(rig.accepted.closes + client.closes, 0);
    CHECK(tls_stream_write(rig.accepted.stream, bytes, sizeof bytes) >= 0);
    RUN_UNTIL(rig.loop, client.received == sizeof bytes, 5000);
    CHECK(!client.pattern_broken);
    CHECK_EQUAL(client.closes, 0);
    CHECK_OK(tls_stream_end(rig.accepted.stream));
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 2000);
    CHECK_TEXT(client.order, "sdec");
    CHECK_TEXT(rig.accepted.order, "eDc");
    rig_close(&rig);
}

/* Not half-open: what was queued before the peer's end is still sent, then the stream closes. */
static void c069_queued_writes_are_flushed_at_the_peers_end(void) {
    enum { WHOLE = 3 * MIB };
    uint8_t *bytes = malloc(WHOLE);
    fill_pattern(bytes, WHOLE, 0);
    start_secure();
    CHECK_EQUAL(tls_stream_write(rig.accepted.stream, bytes, WHOLE), TLS_FULL);
    CHECK_OK(tls_stream_end(client.stream));
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 5000);
    CHECK_EQUAL(client.received, WHOLE);
    CHECK(!client.pattern_broken);
    CHECK_TEXT(client.order, "sdec");
    free(bytes);
    rig_close(&rig);
}

/* FIN of the peer's socket alone: its writes are cut short, and that is said. */
static void c069_shutdown_without_close_notify(void) {
    rig_open(&rig);
    struct wire wire;
    uint8_t bytes[100000] = {0};
    wire_open_secure(&wire, &rig);
    CHECK(tls_stream_write(rig.accepted.stream, bytes, sizeof bytes) >= 0);
    shutdown(wire.socket, SHUT_WR);
    RUN_UNTIL(rig.loop, (wire_pump(&wire), wire.closed && rig.accepted.closes == 1), 5000);
    CHECK_EQUAL(wire.received, sizeof bytes);
    CHECK_EQUAL(wire.ends, 1);
    CHECK_EQUAL(wire.clean, 1);
    CHECK_TEXT(rig.accepted.order, "Ec");
    wire_close(&wire, false);
    rig_close(&rig);
}

/* ---- writes in every phase ---- */

static void write_when_secure(struct witness *witness, char event, const uint8_t *data, size_t length) {
    (void)data;
    (void)length;
    if (event == 's') {
        uint8_t bytes[1000];
        fill_pattern(bytes, sizeof bytes, 60000);
        CHECK(tls_stream_write(witness->stream, bytes, sizeof bytes) >= 0);
    }
}

static void c103_writes_keep_their_order(void) {
    uint8_t bytes[62000];
    fill_pattern(bytes, sizeof bytes, 0);
    memset(&client, 0, sizeof client);
    rig_open(&rig);
    client.hook = write_when_secure;
    rig_connect(&rig, &client);
    /* Before it is connected: small, large, nothing. */
    CHECK_OK(tls_stream_write(client.stream, bytes, 10));
    CHECK_OK(tls_stream_write(client.stream, bytes + 10, 39990));
    CHECK_OK(tls_stream_write(client.stream, NULL, 0));
    /* During the handshake. */
    CHECK_OK(tls_loop_run_once(rig.loop, 10));
    CHECK_EQUAL(client.secures, 0);
    CHECK_OK(tls_stream_write(client.stream, bytes + 40000, 20000));
    RUN_UNTIL(rig.loop, client.secures == 1, 5000);
    CHECK(tls_stream_write(client.stream, bytes + 61000, 1000) >= 0);
    CHECK_OK(tls_stream_end(client.stream));
    CHECK_OK(tls_stream_end(client.stream));
    CHECK_EQUAL(tls_stream_write(client.stream, "late", 4), TLS_ERR_INVALID_STATE);
    CHECK_PART(tls_error_message(tls_last_error()), "end");
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 5000);
    CHECK_EQUAL(rig.accepted.received, sizeof bytes);
    CHECK(!rig.accepted.pattern_broken);
    CHECK_EQUAL(client.errors, 0);
    rig_close(&rig);
}

/* A server that takes the connection and says nothing: what was written waits, and waiting is free. */
static void c103_early_writes_wait_without_spinning(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int silent = socket(AF_INET, SOCK_STREAM, 0);
    REQUIRE(silent >= 0 && bind(silent, (struct sockaddr *)&address, sizeof address) == 0);
    REQUIRE(listen(silent, 1) == 0 && getsockname(silent, (struct sockaddr *)&address, &length) == 0);
    memset(&client, 0, sizeof client);
    rig_open(&rig);
    int32_t port = rig.port;
    rig.port = ntohs(address.sin_port);
    rig_connect(&rig, &client);
    rig.port = port;
    CHECK_OK(tls_stream_write(client.stream, "early", 5));
    run_for(rig.loop, 100);
    CHECK_OK(tls_stream_write(client.stream, "again", 5));
    int64_t cpu = cpu_ms();
    run_for(rig.loop, 400);
    CHECK(cpu_ms() - cpu < 100 * patience());
    CHECK_EQUAL(client.secures, 0);
    CHECK_EQUAL(tls_stream_writable_length(client.stream), 10);
    CHECK_OK(tls_stream_destroy(client.stream));
    RUN_UNTIL(rig.loop, client.closes == 1, 1000);
    close(silent);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c006_one_large_write_arrives_intact);
    RUN(s61_small_writes_gather);
    RUN(s61_drain);
    RUN(c068_peer_that_does_not_read);
    RUN(c071_pause_stops_the_socket);
    RUN(c072_pause_inside_the_data_callback);
    RUN(s61_data_waits_for_its_callback);
    RUN(c069_half_open);
    RUN(c069_queued_writes_are_flushed_at_the_peers_end);
    RUN(c069_shutdown_without_close_notify);
    RUN(c103_writes_keep_their_order);
    RUN(c103_early_writes_wait_without_spinning);
    return check_end();
}
