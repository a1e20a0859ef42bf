/* Bytes that no honest peer sends: mutated handshakes and garbage. Each ends in an error event or in
 * success; never a crash, a hang, or growth. */
#include "pairs.h"

#include <stdlib.h>
#include <string.h>

enum { FLIGHT = 16 * 1024 };

static tls_context *servers, *clients, *old_clients;

static void make_contexts(void) {
    servers = server_context();
    clients = client_context();
    old_clients = client_context();
    CHECK_OK(tls_context_set_max_version(old_clients, "TLSv1.2"));
}

static void free_contexts(void) {
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
    CHECK_OK(tls_context_free(old_clients));
}

/* Changes, removes, doubles or inserts at one to four places; answers the new length. */
static size_t mutate(uint8_t *bytes, size_t length, size_t capacity, uint64_t *seed) {
    int changes = 1 + (int)(next_random(seed) % 4);
    while (changes-- > 0 && length > 8) {
        size_t at = next_random(seed) % length;
        size_t count = 1 + next_random(seed) % 16;
        count = count < length - at ? count : length - at;
        switch (next_random(seed) % 6) {
        case 0: /* one bit */
            bytes[at] ^= (uint8_t)(1 << next_random(seed) % 8);
            break;
        case 1: /* one byte, often an extreme one */
            bytes[at] = (uint8_t[]){0, 1, 0x7f, 0x80, 0xff, 0xfe}[next_random(seed) % 6];
            break;
        case 2: /* a piece goes missing */
            memmove(bytes + at, bytes + at + count, length - at - count);
            length -= count;
            break;
        case 3: /* a piece comes twice */
            if (length + count <= capacity) {
                memmove(bytes + at + count, bytes + at, length - at);
                length += count;
            }
            break;
        case 4: /* noise in between */
            for (size_t i = 0; i < count; i++) {
                bytes[at + i] = (uint8_t)next_random(seed);
            }
            break;
        default: /* cut short */
            length = at + 1;
        }
    }
    return length;
}

static size_t take_all(tls_secure_pair *pair, uint8_t *bytes) {
    size_t length = 0, total = 0;
    while (total < FLIGHT && tls_secure_pair_take(pair, bytes + total, FLIGHT - total, &length) == TLS_OK
        && length > 0) {
        total += length;
    }
    return total;
}

/* The transport ends; then the side must have come to an end of one kind or the other. */
static void check_ended(struct side *side) {
    tls_secure_pair_feed_eof(side->pair);
    CHECK_EQUAL(side->closes, 1);
    CHECK_EQUAL(side->errors + side->ends, 1);
    CHECK(side->errors <= 1 && side->secures <= 1);
    if (side->errors > 0) {
        CHECK_EQUAL(side->had_error, 1);
        CHECK(strlen(side->error_name) > 0 && strlen(side->error_message) > 0);
        size_t consumed = 0;
        CHECK_EQUAL(tls_secure_pair_feed(side->pair, "more", 4, &consumed), TLS_ERR_INVALID_STATE);
    }
}

/* Memory after the first tenth, compared at the end. */
static long start_kib;
static void watch_memory(long done, long count) {
    if (done == count / 10) {
        start_kib = resident_kib();
    }
}
static void check_memory(void) {
    if (runs_natively()) {
        CHECK(resident_kib() - start_kib < 4096);
    }
}

/* First flights of clients, recorded once, mutated, and fed to a server each. */
static void s41_mutated_client_hellos(void) {
    uint8_t recorded[2][FLIGHT], flight[2 * FLIGHT];
    size_t length[2];
    make_contexts();
    for (int i = 0; i < 2; i++) {
        struct side client;
        side_open_client(&client, i == 0 ? clients : old_clients);
        length[i] = take_all(client.pair, recorded[i]);
        REQUIRE(length[i] > 100);
        side_free(&client);
    }
    uint64_t seed = 0x243f6a8885a308d3;
    long count = scaled(6000), failed = 0;
    for (long i = 0; i < count; i++) {
        struct side server;
        watch_memory(i, count);
        side_open_server(&server, servers);
        memcpy(flight, recorded[i % 2], length[i % 2]);
        size_t size = mutate(flight, length[i % 2], sizeof flight, &seed);
        tls_secure_pair_feed(server.pair, flight, size, NULL);
        take_all(server.pair, flight);
        check_ended(&server);
        failed += server.errors;
        side_free(&server);
    }
    CHECK_EQUAL(failed, count);
    check_memory();
    free_contexts();
}

/* A handshake under way, of which one flight is mutated. */
static void s41_mutated_flights(void) {
    uint8_t flight[2 * FLIGHT];
    make_contexts();
    uint64_t seed = 0x13198a2e03707344;
    long count = scaled(4000), failed = 0, secure = 0;
    for (long i = 0; i < count; i++) {
        struct side client, server;
        watch_memory(i, count);
        side_open_client(&client, i % 2 == 0 ? clients : old_clients);
        side_open_server(&server, servers);
        /* Flights 1 and 3 are the server's: ServerHello and what follows, tickets and the last. */
        unsigned target = next_random(&seed) % 5, number = 0;
        for (size_t moved = 1; moved > 0 && number < 20;) {
            moved = 0;
            for (int from_server = 0; from_server < 2; from_server++, number++) {
                size_t size = take_all(from_server ? server.pair : client.pair, flight);
                moved += size;
                if (number == target && size > 0) {
                    size = mutate(flight, size, sizeof flight, &seed);
                }
                tls_secure_pair_feed(from_server ? client.pair : server.pair, flight, size, NULL);
            }
        }
        failed += client.errors + server.errors > 0;
        secure += client.secures + server.secures == 2;
        check_ended(&client);
        check_ended(&server);
        side_free(&client);
        side_free(&server);
    }
    CHECK(failed > count / 4);
    CHECK(failed + secure > count / 2);
    check_memory();
    free_contexts();
}

static void s41_s80_garbage_ends_in_an_error(void) {
    uint8_t *bytes = malloc(64 * 1024);
    make_contexts();
    uint64_t seed = 0xa4093822299f31d0;
    long count = scaled(300);
    for (long i = 0; i < count; i++) {
        for (int is_server = 0; is_server < 2; is_server++) {
            struct side side;
            if (is_server) {
                side_open_server(&side, servers);
            } else {
                side_open_client(&side, clients);
            }
            for (size_t b = 0; b < 64 * 1024; b++) {
                bytes[b] = i == 0 ? 0xff : i == 1 ? 0 : (uint8_t)next_random(&seed);
            }
            tls_secure_pair_feed(side.pair, bytes, 64 * 1024, NULL);
            check_ended(&side);
            CHECK_TEXT(side.log, "x c1");
            side_free(&side);
        }
    }
    free(bytes);
    free_contexts();
}

static void c033_plain_http_is_named(void) {
    struct side server;
    make_contexts();
    for (size_t split = 1; split < 30; split += 7) {
        static const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
        side_open_server(&server, servers);
        for (size_t at = 0; at < sizeof request - 1; at += split) {
            size_t rest = sizeof request - 1 - at;
            tls_secure_pair_feed(server.pair, request + at, rest < split ? rest : split, NULL);
        }
        CHECK_TEXT(server.log, "x c1");
        CHECK_EQUAL(server.status, TLS_ERR_TLS);
        CHECK_PART(server.error_message, "HTTP");
        side_free(&server);
    }
    free_contexts();
}

/* One side destroyed, the other written; garbage, single bytes, and bytes after the end. */
static void c106_one_side_destroyed_the_other_written(void) {
    struct side client, server;
    make_contexts();
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    shuttle_to_secure(&client, &server);
    CHECK_OK(tls_secure_pair_destroy(server.pair));
    CHECK_OK(tls_secure_pair_destroy(server.pair));
    CHECK_TEXT(server.log, "s c0");
    CHECK_EQUAL(tls_secure_pair_write(server.pair, "x", 1), TLS_ERR_INVALID_STATE);
    CHECK_OK(tls_secure_pair_write(client.pair, "into the void", 13));
    shuttle(client.pair, server.pair, 0);
    CHECK_EQUAL(server.received, 0);
    CHECK_OK(tls_secure_pair_feed_eof(client.pair));
    CHECK_TEXT(client.log, "s E c0");
    CHECK_EQUAL(tls_secure_pair_end(client.pair), TLS_ERR_INVALID_STATE);
    side_free(&client);
    side_free(&server);
    free_contexts();
}

static void c106_garbage_after_the_handshake(void) {
    make_contexts();
    for (int slowly = 0; slowly < 2; slowly++) {
        struct side client, server;
        uint8_t noise[200];
        uint64_t seed = 0x082efa98ec4e6c89;
        for (size_t i = 0; i < sizeof noise; i++) {
            noise[i] = (uint8_t)next_random(&seed);
        }
        side_open_client(&client, clients);
        side_open_server(&server, servers);
        shuttle_to_secure(&client, &server);
        for (size_t i = 0; i < sizeof noise; i += slowly ? 1 : sizeof noise) {
            tls_secure_pair_feed(server.pair, noise + i, slowly ? 1 : sizeof noise, NULL);
        }
        CHECK_TEXT(server.log, "s x c1");
        CHECK_EQUAL(server.status, TLS_ERR_TLS);
        /* The alert that says so can still be taken, and reaches the client as its error. */
        CHECK(shuttle_once(server.pair, client.pair, 0) > 0);
        CHECK_TEXT(client.log, "s x c1");
        side_free(&client);
        side_free(&server);
    }
    free_contexts();
}

/* What follows a close_notify is ignored (RFC 8446, 6.1). */
static void c057_bytes_after_the_end(void) {
    struct side client, server;
    make_contexts();
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    shuttle_to_secure(&client, &server);
    CHECK_OK(tls_secure_pair_end(client.pair));
    shuttle(client.pair, server.pair, 0);
    CHECK_TEXT(server.log, "s e");
    CHECK_OK(tls_secure_pair_feed(server.pair, "noise", 5, NULL));
    CHECK_TEXT(server.log, "s e");
    CHECK_OK(tls_secure_pair_write(server.pair, "still heard", 11));
    CHECK_OK(tls_secure_pair_end(server.pair));
    CHECK_TEXT(server.log, "s e c0");
    shuttle(client.pair, server.pair, 0);
    CHECK_TEXT(client.log, "s d11 e c0");
    side_free(&client);
    side_free(&server);
    free_contexts();
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s41_mutated_client_hellos);
    RUN(s41_mutated_flights);
    RUN(s41_s80_garbage_ends_in_an_error);
    RUN(c033_plain_http_is_named);
    RUN(c106_one_side_destroyed_the_other_written);
    RUN(c106_garbage_after_the_handshake);
    RUN(c057_bytes_after_the_end);
    return check_end();
}
