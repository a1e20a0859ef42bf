/* Clients whose records are not what the standards allow, made by hand (cases 36 to 40). After each
 * of them the next client is served. */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HANDSHAKE = 22, ALERT = 21, CHANGE_CIPHER_SPEC = 20, APPLICATION_DATA = 23 };
enum { UNEXPECTED_MESSAGE = 10, RECORD_OVERFLOW = 22, ILLEGAL_PARAMETER = 47, DECODE_ERROR = 50, ANY = -1 };
enum { FLIGHT = 64 * 1024 };

static struct rig rig;
static struct wire wire;

/* The first flight of an honest client: one record. */
static uint8_t hello[4096];
static size_t hello_length;

/* What the server answered to a raw socket. */
static uint8_t answer[FLIGHT];
static size_t answer_length;

static void start(void) {
    rig_open(&rig);
    hello_length = rig_hello(&rig, hello, sizeof hello);
    answer_length = 0;
}

static void finish(void) {
    rig_close_serving(&rig);
}

static size_t put_header(uint8_t *bytes, int type, size_t length) {
    bytes[0] = (uint8_t)type;
    bytes[1] = 3;
    bytes[2] = 3;
    bytes[3] = (uint8_t)(length >> 8);
    bytes[4] = (uint8_t)length;
    return 5;
}

static bool send_record(int socket, int type, const void *data, size_t length) {
    uint8_t record[5 + 16 * 1024];
    size_t header = put_header(record, type, length);
    memcpy(record + header, data, length);
    return raw_send(socket, record, header + length);
}

/* The answer's last record is a fatal alert in plain text: its number. */
static int alert_of_answer(void) {
    const uint8_t *alert = answer + answer_length - 7;
    bool found = answer_length >= 7 && alert[0] == ALERT && alert[3] == 0 && alert[4] == 2 && alert[5] == 2;
    return found ? alert[6] : ANY;
}

/* The server closes within a second, with this alert, and tells of it once. */
static void check_refused(int socket, int alert) {
    RUN_UNTIL(rig.loop, raw_gather(socket, answer, sizeof answer, &answer_length) && rig.failed.closes == 1, 1000);
    if (alert != ANY) {
        CHECK_EQUAL(alert_of_answer(), alert);
    }
    rig_check_client_error(&rig, TLS_ERR_TLS, NULL);
    close(socket);
}

/* The honest hello with as long a padding extension (RFC 7685) as fits, as a handshake message. */
static size_t padded_hello(uint8_t *message) {
    const uint8_t *body = hello + 5 + 4;
    size_t at = 2 + 32;
    at += 1u + body[at];
    at += 2u + (size_t)(body[at] << 8 | body[at + 1]);
    at += 1u + body[at];
    size_t extensions = (size_t)(body[at] << 8 | body[at + 1]);
    REQUIRE(5 + 4 + at + 2 + extensions == hello_length);
    size_t length = hello_length - 5, padding = 0xffff - 4 - extensions;
    memcpy(message, hello + 5, length);
    message[4 + at] = 0xff;
    message[4 + at + 1] = 0xff;
    memset(message + length, 0, 4 + padding);
    message[length + 1] = 21;
    message[length + 2] = (uint8_t)(padding >> 8);
    message[length + 3] = (uint8_t)padding;
    length += 4 + padding;
    message[1] = (uint8_t)((length - 4) >> 16);
    message[2] = (uint8_t)((length - 4) >> 8);
    message[3] = (uint8_t)(length - 4);
    return length;
}

/* Sends a handshake message in records of at most `piece` bytes; false if the server let go before. */
static bool send_message(int socket, const uint8_t *message, size_t length, size_t piece) {
    for (size_t at = 0; at < length; at += piece) {
        size_t size = length - at < piece ? length - at : piece;
        if (!send_record(socket, HANDSHAKE, message + at, size)) {
            return false;
        }
        tls_loop_run_once(rig.loop, 0);
    }
    return true;
}

/* As large as the format allows: served, the extension is ignored. */
static void c036_largest_client_hello(void) {
    uint8_t *message = malloc(FLIGHT + 4096);
    start();
    for (size_t piece = 16384; piece >= 256; piece /= 64) {
        int socket = raw_connect(rig.port);
        answer_length = 0;
        CHECK(send_message(socket, message, padded_hello(message), piece));
        RUN_UNTIL(rig.loop, (raw_gather(socket, answer, sizeof answer, &answer_length), answer_length > 500), 2000);
        /* A ServerHello. */
        CHECK(answer[0] == HANDSHAKE && answer[5] == 2);
        CHECK_EQUAL(rig.client_errors, 0);
        close(socket);
        RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 1000);
        CHECK_EQUAL(rig.client_errors, 1);
        rig.client_errors = 0;
        rig.failed = (struct witness){.several = true};
    }
    free(message);
    finish();
}

/* What the header promises is refused before it comes, so nobody keeps it. */
static void c036_client_hello_above_the_limit(void) {
    static const size_t lengths[] = {256 * 1024, 1024 * 1024, 0xffffff};
    static uint8_t piece[16384];
    start();
    long before = resident_kib();
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        int socket = raw_connect(rig.port);
        answer_length = 0;
        memcpy(piece, hello + 5, hello_length - 5);
        piece[1] = (uint8_t)(lengths[i] >> 16);
        piece[2] = (uint8_t)(lengths[i] >> 8);
        piece[3] = (uint8_t)lengths[i];
        bool open = true;
        for (size_t sent = 0; open && sent < lengths[i]; sent += sizeof piece) {
            open = send_message(socket, piece, sizeof piece, sizeof piece);
        }
        CHECK(!open);
        /* The reset that follows unread data may take the alert away. */
        check_refused(socket, ANY);
    }
    if (runs_natively()) {
        CHECK(resident_kib() - before < 1024);
    }
    finish();
}

/* Many that stop just before the end of the largest hello: what they make the server keep is bounded. */
static void c036_large_client_hellos_half_sent(void) {
    enum { AT_ONCE = 50 };
    int sockets[AT_ONCE];
    uint8_t *message = calloc(1, 128 * 1024);
    start();
    memcpy(message, hello + 5, hello_length - 5);
    message[1] = 1;
    message[2] = 0xff;
    message[3] = 0;
    long before = resident_kib();
    for (int i = 0; i < AT_ONCE; i++) {
        sockets[i] = raw_connect(rig.port);
        CHECK(send_message(sockets[i], message, 0x1fe00, 16384));
    }
    run_for(rig.loop, 50);
    CHECK_EQUAL(tls_server_connections(rig.server), AT_ONCE);
    CHECK_EQUAL(rig.client_errors, 0);
    if (runs_natively()) {
        CHECK(resident_kib() - before < AT_ONCE * 256);
    }
    for (int i = 0; i < AT_ONCE; i++) {
        close(sockets[i]);
    }
    free(message);
    finish();
}

static void c037_record_overflow(void) {
    static const size_t lengths[] = {16384 + 2048 + 1, 16385 + 2048 + 256, 65535};
    start();
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t header[5];
        int socket = raw_connect(rig.port);
        answer_length = 0;
        raw_send(socket, header, put_header(header, HANDSHAKE, lengths[i]));
        raw_send(socket, hello + 5, 1);
        check_refused(socket, RECORD_OVERFLOW);
    }
    /* Plain text may not use the room that is there for encryption. */
    uint8_t *record = calloc(1, 5 + 16385);
    int socket = raw_connect(rig.port);
    answer_length = 0;
    memcpy(record + put_header(record, HANDSHAKE, 16385), "\x01\x00\x60\x00\x03\x03", 6);
    raw_send(socket, record, 5 + 16385);
    check_refused(socket, RECORD_OVERFLOW);
    free(record);
    finish();
}

/* After the handshake the alert is encrypted: the wire's own pair reads it. */
static void c037_record_overflow_after_the_handshake(void) {
    static const size_t lengths[] = {16384 + 256 + 1, 65535};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t *record = calloc(1, 5 + lengths[i]);
        start();
        wire_open_secure(&wire, &rig);
        raw_send(wire.socket, record, put_header(record, APPLICATION_DATA, lengths[i]) + lengths[i]);
        RUN_UNTIL(rig.loop, (wire_pump(&wire), wire.closed && rig.accepted.closes == 1), 1000);
        CHECK_TEXT(rig.accepted.order, "xc");
        CHECK_EQUAL(rig.accepted.status, TLS_ERR_TLS);
        CHECK_EQUAL(wire.errors, 1);
        wire_close(&wire, false);
        finish();
        free(record);
    }
}

static void c038_empty_handshake_records(void) {
    uint8_t flood[5 * 10000];
    start();
    for (size_t i = 0; i < sizeof flood; i += 5) {
        put_header(flood + i, HANDSHAKE, 0);
    }
    int64_t cpu = cpu_ms();
    int socket = raw_connect(rig.port);
    raw_send(socket, flood, sizeof flood);
    check_refused(socket, ANY);
    /* In the middle of a message. */
    socket = raw_connect(rig.port);
    send_record(socket, HANDSHAKE, hello + 5, 50);
    raw_send(socket, flood, sizeof flood);
    check_refused(socket, ANY);
    CHECK(cpu_ms() - cpu < 200 * patience());
    finish();
}

/* Cuts the handshake records at the head of a flight into records of one byte each; its new length. */
static size_t crumble(uint8_t *out, const uint8_t *flight, size_t length) {
    size_t size = 0, at = 0;
    while (at + 5 <= length && flight[at] == HANDSHAKE) {
        size_t record = (size_t)(flight[at + 3] << 8 | flight[at + 4]);
        for (size_t i = 0; i < record; i++) {
            size += put_header(out + size, HANDSHAKE, 1);
            out[size++] = flight[at + 5 + i];
        }
        at += 5 + record;
    }
    memcpy(out + size, flight + at, length - at);
    return size + length - at;
}

/* Both sides' messages in records of one byte, as far as they are in plain text. */
static void c039_one_byte_fragments(void) {
    uint8_t flight[8192], *crumbs = malloc(8 * sizeof flight);
    for (int old = 0; old < 2; old++) {
        tls_context *servers = server_context(), *clients = client_context();
        if (old) {
            CHECK_OK(tls_context_set_max_version(clients, "TLSv1.2"));
        }
        tls_secure_pair *sides[2] = {tls_secure_pair_new(clients, 0, 0, 1), tls_secure_pair_new(servers, 1, 0, 0)};
        CHECK_OK(tls_secure_pair_set_servername(sides[0], "localhost"));
        for (int turn = 0; turn < 8; turn++) {
            size_t length = 0;
            CHECK_OK(tls_secure_pair_take(sides[turn % 2], flight, sizeof flight, &length));
            size_t size = crumble(crumbs, flight, length);
            CHECK_OK(tls_secure_pair_feed(sides[1 - turn % 2], crumbs, size, NULL));
        }
        CHECK_EQUAL(tls_secure_pair_secure(sides[0]), 1);
        CHECK_EQUAL(tls_secure_pair_secure(sides[1]), 1);
        CHECK_OK(tls_secure_pair_free(sides[0]));
        CHECK_OK(tls_secure_pair_free(sides[1]));
        CHECK_OK(tls_context_free(servers));
        CHECK_OK(tls_context_free(clients));
    }
    free(crumbs);
}

/* Records that have no business at the beginning. */
static void c040_wrong_first_record(void) {
    static const struct {
        int type, alert;
        const char *data;
        size_t length;
    } cases[] = {
        {CHANGE_CIPHER_SPEC, UNEXPECTED_MESSAGE, "\x01", 1},
        {APPLICATION_DATA, UNEXPECTED_MESSAGE, "GET / HTTP/1.1\r\n\r\n", 18},
        {24, ANY, "\x01\x40\x00", 3},
        {99, ANY, "what", 4},
        {0, ANY, "\0", 1},
        /* ServerHello, Finished, ClientKeyExchange: the other role's, or too early. */
        {HANDSHAKE, UNEXPECTED_MESSAGE, "\x02\x00\x00\x02\x03\x03", 6},
        {HANDSHAKE, UNEXPECTED_MESSAGE, "\x14\x00\x00\x04\x01\x02\x03\x04", 8},
        {HANDSHAKE, UNEXPECTED_MESSAGE, "\x10\x00\x00\x01\x01", 5},
        /* ClientHello without a body. */
        {HANDSHAKE, DECODE_ERROR, "\x01\x00\x00\x00", 4},
    };
    start();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int socket = raw_connect(rig.port);
        answer_length = 0;
        send_record(socket, cases[i].type, cases[i].data, cases[i].length);
        check_refused(socket, cases[i].alert);
    }
    finish();
}

/* After the hello of TLS 1.3 one ChangeCipherSpec is for middleboxes and means nothing. */
static void c040_change_cipher_spec_in_tls13(void) {
    static const struct {
        const char *data;
        size_t length;
        bool is_fine;
    } cases[] = {{"\x01", 1, true}, {"\x00", 1, false}, {"\x01\x01", 2, false}, {"\xff", 1, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t flight[sizeof hello];
        size_t length = 0;
        start();
        wire_open(&wire, &rig);
        CHECK_OK(tls_secure_pair_take(wire.pair, flight, sizeof flight, &length));
        raw_send(wire.socket, flight, length);
        send_record(wire.socket, CHANGE_CIPHER_SPEC, cases[i].data, cases[i].length);
        if (cases[i].is_fine) {
            RUN_UNTIL(rig.loop, (wire_pump(&wire), rig.connections == 1), 2000);
            CHECK_EQUAL(rig.client_errors, 0);
        } else {
            RUN_UNTIL(rig.loop, (wire_pump(&wire), wire.closed && rig.failed.closes == 1), 1000);
            rig_check_client_error(&rig, TLS_ERR_TLS, NULL);
        }
        wire_close(&wire, false);
        finish();
    }
}

/* Once the handshake is over it is an error. */
static void c040_change_cipher_spec_after_the_handshake(void) {
    start();
    wire_open_secure(&wire, &rig);
    send_record(wire.socket, CHANGE_CIPHER_SPEC, "\x01", 1);
    RUN_UNTIL(rig.loop, (wire_pump(&wire), wire.closed && rig.accepted.closes == 1), 1000);
    CHECK_TEXT(rig.accepted.order, "xc");
    CHECK_EQUAL(wire.errors, 1);
    wire_close(&wire, false);
    finish();
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    /* First: it measures memory, and the others leave the allocator with larger pieces. */
    RUN(c036_large_client_hellos_half_sent);
    RUN(c036_largest_client_hello);
    RUN(c036_client_hello_above_the_limit);
    RUN(c037_record_overflow);
    RUN(c037_record_overflow_after_the_handshake);
    RUN(c038_empty_handshake_records);
    RUN(c039_one_byte_fragments);
    RUN(c040_wrong_first_record);
    RUN(c040_change_cipher_spec_in_tls13);
    RUN(c040_change_cipher_spec_after_the_handshake);
    return check_end();
}
