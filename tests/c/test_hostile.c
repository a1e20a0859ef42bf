/* Peers that mean harm or have bad luck, during the handshake and after it (cases 29 to 34, 55 to 58,
 * 72; S17, S51). After each of them the next client is served. */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct rig rig;
static struct wire wire;

/* The first flight of an honest client. */
static uint8_t hello[4096];
static size_t hello_length;

static void start(void) {
    rig_open(&rig);
    hello_length = rig_hello(&rig, hello, sizeof hello);
}

static void finish(void) {
    rig_close_serving(&rig);
}

static void check_client_error(tls_status status, const char *name) {
    rig_check_client_error(&rig, status, name);
}

static void c029_client_that_sends_nothing(void) {
    start();
    CHECK_OK(tls_server_set_handshake_timeout(rig.server, 200));
    int64_t before = now_ms();
    int socket = raw_connect(rig.port);
    RUN_UNTIL(rig.loop, raw_is_closed(socket), 2000);
    int64_t took = now_ms() - before;
    CHECK(took >= 190 && took < 600 * patience());
    check_client_error(TLS_ERR_TIMEOUT, "ERR_TLS_HANDSHAKE_TIMEOUT");
    close(socket);
    finish();
}

/* Bytes that dribble do not put the timeout off; one who is done in time is served. */
static void c030_slowloris(void) {
    start();
    CHECK_OK(tls_server_set_handshake_timeout(rig.server, 400));
    int socket = raw_connect(rig.port);
    int64_t before = now_ms();
    size_t sent = 0;
    while (!raw_is_closed(socket) && now_ms() - before < 4000 * patience()) {
        if (sent < hello_length - 1) {
            raw_send(socket, hello + sent++, 1);
        }
        run_for(rig.loop, 20);
    }
    int64_t took = now_ms() - before;
    CHECK(took >= 380 && took < 900 * patience());
    check_client_error(TLS_ERR_TIMEOUT, "ERR_TLS_HANDSHAKE_TIMEOUT");
    close(socket);
    /* Byte by byte, but quickly. */
    if (patience() == 1) {
        uint8_t bytes[1];
        size_t length = 0;
        wire_open(&wire, &rig);
        int64_t deadline = now_ms() + 350;
        while (wire.secure == 0 && now_ms() < deadline) {
            while (tls_secure_pair_take(wire.pair, bytes, 1, &length) == TLS_OK && length > 0) {
                raw_send(wire.socket, bytes, 1);
                tls_loop_run_once(rig.loop, 0);
            }
            wire_pump(&wire);
            tls_loop_run_once(rig.loop, 1);
        }
        RUN_UNTIL(rig.loop, (wire_pump(&wire), rig.connections == 1), 1000);
        wire_close(&wire, false);
    }
    finish();
}

static void c031_half_a_client_hello_then_fin(void) {
    for (size_t length = 0; length < hello_length; length += 1 + hello_length / 3) {
        start();
        int socket = raw_connect(rig.port);
        CHECK(raw_send(socket, hello, length));
        shutdown(socket, SHUT_WR);
        RUN_UNTIL(rig.loop, raw_is_closed(socket) && rig.failed.closes == 1, 1000);
        check_client_error(TLS_ERR_RESET, "ECONNRESET");
        close(socket);
        finish();
    }
}

/* Moves the client's side of a handshake up to a step: 0 nothing, 1 half the hello, 2 the hello,
 * 3 the server's flight read, 4 half of what answers it, 5 all of it, 6 the tickets read. */
static void step_to(int step) {
    uint8_t bytes[16 * 1024];
    size_t length = 0;
    wire_open(&wire, &rig);
    CHECK_OK(tls_secure_pair_take(wire.pair, bytes, sizeof bytes, &length));
    if (step >= 1) {
        raw_send(wire.socket, bytes, step == 1 ? length / 2 : length);
    }
    if (step >= 3) {
        int64_t deadline = now_ms() + 2000 * patience();
        length = 0;
        while (length == 0 && now_ms() < deadline) {
            tls_loop_run_once(rig.loop, 5);
            ssize_t count = recv(wire.socket, bytes, sizeof bytes, 0);
            if (count > 0 && step > 3) {
                tls_secure_pair_feed(wire.pair, bytes, (size_t)count, NULL);
                tls_secure_pair_take(wire.pair, bytes, sizeof bytes, &length);
            } else if (count > 0) {
                break;
            }
        }
    }
    if (step >= 4) {
        raw_send(wire.socket, bytes, step == 4 ? length / 2 : length);
    }
    if (step >= 6) {
        RUN_UNTIL(rig.loop, (wire_pump(&wire), wire.secure == 1), 1000);
    }
}

static void c032_reset_at_each_step(void) {
    long count = scaled(1000), before_kib = 0;
    start();
    int before = open_descriptors();
    rig.accepted.several = true;
    for (long i = 0; i < count; i++) {
        if (i == count / 5) {
            before_kib = resident_kib();
        }
        int step = (int)(i % 7);
        step_to(step);
        if (i % 2 == 0) {
            tls_loop_run_once(rig.loop, 0);
        }
        wire_close(&wire, true);
        RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 2000);
    }
    CHECK(open_descriptors() <= before);
    /* Some came and went before they could be accepted; who is told of fails once. */
    CHECK(rig.client_errors > count / 3);
    CHECK(rig.client_errors + rig.connections <= count);
    if (runs_natively()) {
        CHECK(resident_kib() - before_kib < 1024);
    }
    finish();
}

static const char http[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
static const uint8_t ssl2[] = {0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10, 1, 0, 0x80, 2, 0, 0x80, 3, 0, 0x80,
    4, 0, 0x80, 5, 0, 0x80, 6, 0, 0x40, 7, 0, 0xc0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const uint8_t alert[] = {21, 3, 3, 0, 2, 2, 40};
static const uint8_t ones[] = {0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t too_long[] = {22, 3, 1, 0xff, 0xff, 1, 0, 0xff, 0xfb};

static void c033_plain_http(void) {
    start();
    int socket = raw_connect(rig.port);
    CHECK(raw_send(socket, http, sizeof http - 1));
    RUN_UNTIL(rig.loop, raw_is_closed(socket) && rig.failed.closes == 1, 1000);
    CHECK_PART(rig.client_error_message, "http request");
    CHECK_PART(rig.client_error_message, "plain HTTP");
    check_client_error(TLS_ERR_TLS, "ERR_SSL_HTTP_REQUEST");
    close(socket);
    finish();
}

static void c034_everything_but_tls(void) {
    uint8_t *noise = malloc(64 * 1024);
    uint64_t seed = 0x452821e638d01377;
    for (int i = 0; i < 64 * 1024; i++) {
        noise[i] = (uint8_t)next_random(&seed);
    }
    const struct {
        const void *bytes;
        size_t length;
    } openings[] = {
        {"SSH-2.0-OpenSSH_9.2\r\n", 21},
        {ssl2, sizeof ssl2},
        {alert, sizeof alert},
        {ones, sizeof ones},
        {too_long, sizeof too_long},
        {noise, 64 * 1024},
        {http, 5},
        {"\n\n\n\n\n\n", 6},
    };
    for (size_t i = 0; i < sizeof openings / sizeof openings[0]; i++) {
        start();
        int socket = raw_connect(rig.port);
        /* The server may close before it has read everything. */
        raw_send(socket, openings[i].bytes, openings[i].length);
        RUN_UNTIL(rig.loop, raw_is_closed(socket) && rig.failed.closes == 1, 1000);
        check_client_error(TLS_ERR_TLS, NULL);
        close(socket);
        finish();
    }
    free(noise);
}

/* Mutated first flights: each is closed soon, and the server goes on (case 35). */
static void c035_mutated_client_hellos(void) {
    enum { AT_ONCE = 20 };
    uint64_t seed = 0xbe5466cf34e90c6c;
    start();
    CHECK_OK(tls_server_set_handshake_timeout(rig.server, 500));
    for (long round = 0; round < scaled(50); round++) {
        int sockets[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) {
            uint8_t flight[sizeof hello];
            memcpy(flight, hello, hello_length);
            for (int change = 0; change < 3; change++) {
                flight[next_random(&seed) % hello_length] = (uint8_t)next_random(&seed);
            }
            sockets[i] = raw_connect(rig.port);
            raw_send(sockets[i], flight, hello_length);
            shutdown(sockets[i], SHUT_WR);
        }
        for (int i = 0; i < AT_ONCE; i++) {
            RUN_UNTIL(rig.loop, raw_is_closed(sockets[i]), 3000);
            close(sockets[i]);
        }
    }
    CHECK_EQUAL(rig.client_errors, scaled(50) * AT_ONCE);
    finish();
}

/* ---- after the handshake ---- */

/* Node 20 keeps such a socket open for more than 20 seconds; here it is closed within one. */
static void c055_garbage_after_handshake(void) {
    static const uint8_t wrong_record[] = {23, 3, 3, 0, 32, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32};
    for (int kind = 0; kind < 3; kind++) {
        start();
        wire_open_secure(&wire, &rig);
        run_for(rig.loop, 10);
        wire_pump(&wire);
        int64_t before = now_ms();
        CHECK(kind == 0 ? raw_send(wire.socket, wrong_record, sizeof wrong_record)
              : kind == 1 ? raw_send(wire.socket, ones, sizeof ones)
                          : raw_send(wire.socket, http, sizeof http - 1));
        RUN_UNTIL(rig.loop, (wire_pump(&wire), wire.closed), 1000);
        CHECK(now_ms() - before < 1000 * patience());
        CHECK_TEXT(rig.accepted.order, "xc");
        CHECK_EQUAL(rig.accepted.status, TLS_ERR_TLS);
        CHECK_EQUAL(rig.accepted.had_error, 1);
        CHECK_EQUAL(rig.client_errors, 0);
        /* The alert told the peer. */
        CHECK_EQUAL(wire.errors, 1);
        wire_close(&wire, false);
        finish();
    }
}

static void c056_fin_without_close_notify(void) {
    start();
    wire_open_secure(&wire, &rig);
    CHECK_OK(tls_secure_pair_write(wire.pair, "x", 1));
    wire_pump(&wire);
    wire_close(&wire, false);
    RUN_UNTIL(rig.loop, rig.accepted.closes == 1, 1000);
    CHECK_EQUAL(rig.accepted.received, 1);
    CHECK_EQUAL(rig.accepted.clean, 0);
    CHECK_TEXT(rig.accepted.order, "dEc");
    finish();
}

static void c057_data_after_close_notify(void) {
    uint8_t bytes[200000] = {0};
    start();
    wire_open_secure(&wire, &rig);
    CHECK_EQUAL(tls_stream_write(rig.accepted.stream, bytes, sizeof bytes), TLS_FULL);
    CHECK_OK(tls_secure_pair_end(wire.pair));
    wire_pump(&wire);
    CHECK(raw_send(wire.socket, "ignored", 7));
    RUN_UNTIL(rig.loop, (wire_pump(&wire), wire.closed && rig.accepted.closes == 1), 5000);
    CHECK_TEXT(rig.accepted.order, "ec");
    /* What was queued before the end came through. */
    CHECK_EQUAL(wire.received, sizeof bytes);
    CHECK_EQUAL(wire.clean, 1);
    wire_close(&wire, false);
    finish();
}

static void c058_reset_with_data_queued(void) {
    enum { QUEUED = 1024 * 1024 };
    static uint8_t bytes[8 * QUEUED];
    for (int turns = 0; turns < 2; turns++) {
        start();
        wire_open_secure(&wire, &rig);
        CHECK_EQUAL(tls_stream_write(rig.accepted.stream, bytes, sizeof bytes), TLS_FULL);
        if (turns == 1) {
            run_for(rig.loop, 30);
            CHECK(tls_stream_writable_length(rig.accepted.stream) > QUEUED);
        }
        wire_close(&wire, true);
        /* SIGPIPE has its default action here: it would end the program. */
        RUN_UNTIL(rig.loop, rig.accepted.closes == 1, 1000);
        CHECK_TEXT(rig.accepted.order, "xc");
        CHECK_EQUAL(rig.accepted.status, TLS_ERR_RESET);
        CHECK(strcmp(rig.accepted.error_name, "ECONNRESET") == 0 || strcmp(rig.accepted.error_name, "EPIPE") == 0);
        CHECK(rig.accepted.error_errno != 0);
        finish();
    }
}

static void destroy_at_data(struct witness *witness, char event, const uint8_t *data, size_t length) {
    (void)data;
    (void)length;
    if (event == 'd') {
        CHECK_OK(tls_stream_destroy(witness->stream));
    }
}

/* Ten full records in one receive, destroyed at the first: no data comes after it. */
static void c072_destroy_in_the_middle_of_a_receive(void) {
    static uint8_t bytes[160 * 1024];
    fill_pattern(bytes, sizeof bytes, 0);
    start();
    rig.accepted.hook = destroy_at_data;
    wire_open_secure(&wire, &rig);
    CHECK(tls_secure_pair_write(wire.pair, bytes, sizeof bytes) >= 0);
    wire_pump(&wire);
    RUN_UNTIL(rig.loop, rig.accepted.closes == 1, 1000);
    CHECK_TEXT(rig.accepted.order, "dc");
    CHECK_EQUAL(rig.accepted.datas, 1);
    CHECK(rig.accepted.received <= 16384);
    wire_close(&wire, false);
    rig.accepted.hook = NULL;
    finish();
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c029_client_that_sends_nothing);
    RUN(c030_slowloris);
    RUN(c031_half_a_client_hello_then_fin);
    RUN(c032_reset_at_each_step);
    RUN(c033_plain_http);
    RUN(c034_everything_but_tls);
    RUN(c035_mutated_client_hellos);
    RUN(c055_garbage_after_handshake);
    RUN(c056_fin_without_close_notify);
    RUN(c057_data_after_close_notify);
    RUN(c058_reset_with_data_queued);
    RUN(c072_destroy_in_the_middle_of_a_receive);
    return check_end();
}
