/* Peers that send without end what costs them little: key updates, tickets, requests to renegotiate,
 * tiny records, padding (cases 61 to 65). */
#include "foreign.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Enough for any honest peer, and the end for who sends nothing else. */
enum { LIMIT = 100 };

static tls_context *servers, *clients;
static struct foreign foreign;
static struct side side;

static void start(bool foreign_is_server, int version) {
    servers = server_context();
    clients = client_context();
    foreign_open(&foreign, foreign_is_server, version);
    if (foreign_is_server) {
        side_open_client(&side, clients);
    } else {
        side_open_server(&side, servers);
    }
    foreign_to_secure(&foreign, &side);
}

static void finish(void) {
    foreign_free(&foreign);
    side_free(&side);
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
}

/* Too many: one error, one close. */
static void check_flooded(void) {
    CHECK_TEXT(side.log, "s x c1");
    CHECK_EQUAL(side.status, TLS_ERR_TLS);
    CHECK_TEXT(side.error_name, "ERR_TLS_TOO_MANY_MESSAGES");
}

static void update_keys(void) {
    REQUIRE(SSL_key_update(foreign.ssl, SSL_KEY_UPDATE_REQUESTED) == 1);
    foreign_shake(&foreign);
}

static void renew_ticket(void) {
    REQUIRE(SSL_new_session_ticket(foreign.ssl) == 1);
    foreign_shake(&foreign);
}

static void request_hello(void) {
    REQUIRE(SSL_renegotiate(foreign.ssl) == 1);
    foreign_shake(&foreign);
}

/* One message a feed, until it is too much. The answer is what the pair has to say meanwhile, which
 * nobody takes. */
static size_t flood(void (*message)(void)) {
    int count = 0;
    while (side.errors == 0 && count < 100 * LIMIT) {
        message();
        foreign_tell(&foreign, side.pair);
        count++;
    }
    /* What needs no answer is counted less. */
    CHECK(count > LIMIT / 2 && count <= 2 * LIMIT);
    check_flooded();
    return foreign_hear(&foreign, side.pair);
}

static void c062_key_updates(void) {
    for (int foreign_is_server = 0; foreign_is_server < 2; foreign_is_server++) {
        start(foreign_is_server == 1, TLS1_3_VERSION);
        CHECK(flood(update_keys) < 4096);
        finish();
    }
}

/* All of them in one feed: the work stops in its middle. */
static void c062_key_updates_at_once(void) {
    start(false, TLS1_3_VERSION);
    for (long i = 0; i < scaled(10000) + LIMIT; i++) {
        update_keys();
    }
    int64_t cpu = cpu_ms();
    foreign_tell(&foreign, side.pair);
    CHECK(cpu_ms() - cpu < 200 * patience());
    check_flooded();
    finish();
}

/* Key updates with data among them may come as often as they like, and each is answered. */
static void c062_key_updates_among_data(void) {
    char byte = 0;
    start(false, TLS1_3_VERSION);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < LIMIT - 20; i++) {
            update_keys();
        }
        fill_pattern((uint8_t *)&byte, 1, (size_t)round);
        REQUIRE(SSL_write(foreign.ssl, &byte, 1) == 1);
        foreign_tell(&foreign, side.pair);
        CHECK_OK(tls_secure_pair_write(side.pair, "y", 1));
        CHECK(foreign_hear(&foreign, side.pair) > 0);
        CHECK_EQUAL(SSL_read(foreign.ssl, &byte, 1), 1);
    }
    CHECK_EQUAL(side.received, 5);
    CHECK(!side.pattern_broken);
    CHECK_EQUAL(side.errors, 0);
    finish();
}

static struct rig rig;

/* A client over a socket through which only little fits. */
static int connect_narrow(void) {
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), segment = 536, room = 4096;
    setsockopt(made, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof segment);
    setsockopt(made, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)rig.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(made, (struct sockaddr *)&address, sizeof address) == 0);
    REQUIRE(fcntl(made, F_SETFL, O_NONBLOCK) == 0);
    return made;
}

/* Sends what the foreign side has to say, while the server goes on; false if it has let go. */
static bool foreign_send(int socket) {
    char *bytes = NULL;
    long length = BIO_get_mem_data(foreign.output, &bytes);
    long at = 0;
    int64_t deadline = now_ms() + 5000 * patience();
    while (at < length && now_ms() < deadline) {
        ssize_t sent = send(socket, bytes + at, (size_t)(length - at), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            break;
        }
        at += sent > 0 ? sent : 0;
        tls_loop_run_once(rig.loop, sent > 0 ? 0 : 5);
    }
    (void)BIO_reset(foreign.output);
    return at == length;
}

static int start_narrow(void) {
    uint8_t bytes[16 * 1024];
    rig_open(&rig);
    foreign_open(&foreign, false, TLS1_3_VERSION);
    int socket = connect_narrow();
    int64_t deadline = now_ms() + 5000 * patience();
    while (rig.connections == 0 && now_ms() < deadline) {
        foreign_shake(&foreign);
        CHECK(foreign_send(socket));
        tls_loop_run_once(rig.loop, 10);
        ssize_t count = recv(socket, bytes, sizeof bytes, 0);
        if (count > 0) {
            BIO_write(foreign.input, bytes, (int)count);
        }
    }
    REQUIRE(rig.connections == 1);
    return socket;
}

static void finish_narrow(int socket) {
    struct witness client = {0};
    RUN_UNTIL(rig.loop, raw_is_closed(socket) && rig.accepted.closes == 1, 1000);
    CHECK_EQUAL(rig.accepted.errors, 1);
    CHECK_TEXT(rig.accepted.error_name, "ERR_TLS_TOO_MANY_MESSAGES");
    CHECK_EQUAL(rig.client_errors, 0);
    close(socket);
    foreign_free(&foreign);
    rig_connect_secure(&rig, &client);
    rig_close(&rig);
}

/* A client that reads nothing. */
static void c062_key_updates_unread(void) {
    int socket = start_narrow();
    for (long i = 0; i < scaled(10000) + LIMIT; i++) {
        update_keys();
    }
    foreign_send(socket);
    finish_narrow(socket);
}

/* With a byte of data now and then, so that there are never too many in a row: the answers pile up, and
 * that is too much, too. */
static void c062_key_updates_among_data_unread(void) {
    int socket = start_narrow();
    long before = resident_kib(), rounds = 0;
    bool open = true;
    for (; open && rounds < 2000; rounds++) {
        uint8_t byte;
        for (int i = 0; i < LIMIT - 10; i++) {
            update_keys();
        }
        fill_pattern(&byte, 1, (size_t)rounds);
        REQUIRE(SSL_write(foreign.ssl, &byte, 1) == 1);
        open = foreign_send(socket);
        tls_loop_run_once(rig.loop, 0);
    }
    CHECK(rounds > 10 && rounds < 2000);
    CHECK(resident_kib() - before < 2048);
    finish_narrow(socket);
    CHECK(rig.accepted.received > 10);
    CHECK(!rig.accepted.pattern_broken);
}

/* One session is kept at a time, so they need no memory; and at the limit it is over. */
static void c063_session_tickets(void) {
    start(true, TLS1_3_VERSION);
    flood(renew_ticket);
    finish();
    start(true, TLS1_3_VERSION);
    for (long i = 0; i < scaled(10000) + LIMIT; i++) {
        renew_ticket();
    }
    long before = resident_kib();
    int64_t cpu = cpu_ms();
    foreign_tell(&foreign, side.pair);
    CHECK(cpu_ms() - cpu < 200 * patience());
    if (runs_natively()) {
        CHECK(resident_kib() - before < 1024);
    }
    check_flooded();
    finish();
}

static void c061_requests_to_renegotiate(void) {
    start(true, TLS1_2_VERSION);
    CHECK(flood(request_hello) < 4096);
    finish();
}

static void c065_one_byte_records(void) {
    size_t count = (size_t)scaled(1024 * 1024);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        start(false, version);
        for (size_t i = 0; i < count; i++) {
            uint8_t byte;
            fill_pattern(&byte, 1, i);
            REQUIRE(SSL_write(foreign.ssl, &byte, 1) == 1);
            if (i % 1024 == 1023) {
                foreign_tell(&foreign, side.pair);
            }
        }
        foreign_tell(&foreign, side.pair);
        CHECK_EQUAL(side.received, count);
        CHECK(!side.pattern_broken);
        CHECK_EQUAL(side.errors, 0);
        finish();
    }
}

/* Each byte in a record that is as long as can be. */
static void c064_padding(void) {
    size_t count = (size_t)scaled(2000);
    start(false, TLS1_3_VERSION);
    SSL_set_block_padding(foreign.ssl, SSL3_RT_MAX_PLAIN_LENGTH);
    for (size_t i = 0; i < count; i++) {
        uint8_t byte;
        fill_pattern(&byte, 1, i);
        REQUIRE(SSL_write(foreign.ssl, &byte, 1) == 1);
        CHECK(BIO_pending(foreign.output) > SSL3_RT_MAX_PLAIN_LENGTH);
        foreign_tell(&foreign, side.pair);
    }
    CHECK_EQUAL(side.received, count);
    CHECK_EQUAL(side.datas, count);
    CHECK(!side.pattern_broken);
    finish();
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c061_requests_to_renegotiate);
    RUN(c062_key_updates);
    RUN(c062_key_updates_at_once);
    RUN(c062_key_updates_among_data);
    RUN(c062_key_updates_unread);
    if (runs_natively()) {
        RUN(c062_key_updates_among_data_unread);
    }
    RUN(c063_session_tickets);
    RUN(c064_padding);
    RUN(c065_one_byte_records);
    return check_end();
}
