/* A crowd of handshakes that wait for a session store (S53): others are served meanwhile, each is answered
 * in its own way, and nothing is left of them. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of ten one is answered in each of these ways, the others are not answered at all. */
enum { FOUND, GONE, REFUSED, WAYS = 10 };

static struct rig rig;
/* What the server gave out in the first full handshake: the last, which its client offers. */
static struct {
    bool is_complete;
    uint8_t id[32], data[8192];
    size_t length;
} kept;
/* The same as that client has it, and a hello that offers it. */
static struct {
    uint8_t session[8192], hello[4096];
    size_t length, hello_length;
} offer;
/* Those that wait, by raw sockets, and their requests in the order in which they came. */
static struct {
    long count, asked;
    int *sockets;
    tls_request **requests;
} crowd;

static void on_new(tls_server *server, tls_stream *stream, const uint8_t *id, size_t id_length, const uint8_t *session,
    size_t length, void *user_data) {
    REQUIRE(id_length == sizeof kept.id && length <= sizeof kept.data);
    if (!kept.is_complete) {
        memcpy(kept.id, id, id_length);
        memcpy(kept.data, session, length);
        kept.length = length;
    }
}

static void on_resume(tls_server *server, tls_stream *stream, const uint8_t *id, size_t length, tls_request *request,
    void *user_data) {
    REQUIRE(crowd.asked <= crowd.count);
    CHECK(length == sizeof kept.id && memcmp(id, kept.id, length) == 0);
    crowd.requests[crowd.asked++] = request;
}

static void greet(struct rig *of, tls_stream *stream) {
    CHECK_OK(tls_stream_write(stream, "x", 1));
}

static tls_status find(long index) {
    return tls_request_resolve_session(crowd.requests[index], kept.data, kept.length);
}

/* A connection of an honest client behind the crowd, which offers a session or none: was it resumed? */
static bool visit(bool offers) {
    struct wire client;
    long asked = crowd.asked;
    wire_open_offering(&client, &rig, offer.session, offers ? offer.length : 0);
    int64_t deadline = now_ms() + 5000 * patience();
    while (client.received == 0 && !client.closed && now_ms() < deadline) {
        wire_pump(&client);
        tls_loop_run_once(rig.loop, 1);
        if (crowd.asked > asked) {
            CHECK_OK(find(--crowd.asked));
        }
    }
    CHECK_EQUAL(client.received, 1);
    bool reused = tls_secure_pair_session_reused(client.pair) == 1;
    size_t length = 0;
    const uint8_t *session = tls_secure_pair_session(client.pair, &length);
    REQUIRE(session != NULL && length <= sizeof offer.session);
    if (!kept.is_complete) {
        memcpy(offer.session, session, length);
        offer.length = length;
    }
    wire_close(&client, true);
    return reused;
}

static void make_hello(void) {
    tls_secure_pair *pair = tls_secure_pair_new(rig.client_context, 0, 0, 1);
    CHECK_OK(tls_secure_pair_set_servername(pair, "localhost"));
    CHECK_OK(tls_secure_pair_set_session(pair, offer.session, offer.length));
    CHECK_OK(tls_secure_pair_take(pair, offer.hello, sizeof offer.hello, &offer.hello_length));
    CHECK_OK(tls_secure_pair_free(pair));
}

/* A server, and so many that offer it a session; the same one, since nobody gets as far as using it. */
static void open_crowd(long count, uint64_t timeout_ms) {
    crowd.count = count;
    crowd.asked = 0;
    crowd.sockets = malloc((size_t)count * sizeof *crowd.sockets);
    crowd.requests = calloc((size_t)count + 1, sizeof *crowd.requests);
    kept.is_complete = false;
    rig_open(&rig);
    rig.on_connection = greet;
    CHECK_OK(tls_server_on_new_session(rig.server, on_new, NULL));
    CHECK_OK(tls_server_on_resume_session(rig.server, on_resume, NULL));
    CHECK_OK(tls_server_set_resume_session_timeout(rig.server, timeout_ms));
    CHECK(!visit(false));
    kept.is_complete = true;
    RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 5000);
    make_hello();
    for (long i = 0; i < count; i++) {
        crowd.sockets[i] = raw_connect(rig.port);
        CHECK(raw_send(crowd.sockets[i], offer.hello, offer.hello_length));
        if (i % 50 == 0) {
            tls_loop_run_once(rig.loop, 0);
        }
    }
}

/* The clients are gone, and with them the requests that nobody has answered. */
static void close_crowd(void) {
    RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 20000);
    for (long i = 0; i < crowd.count; i++) {
        CHECK_EQUAL(find(i), TLS_ERR_INVALID_HANDLE);
    }
    CHECK(visit(true));
    RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 5000);
    CHECK_EQUAL(rig.server_errors, 0);
    rig_close(&rig);
    free(crowd.requests);
    free(crowd.sockets);
}

/* What one of the crowd has heard, in bytes; it is gone afterwards. */
static size_t heard_by(long index) {
    uint8_t bytes[16384];
    size_t length = 0;
    raw_gather(crowd.sockets[index], bytes, sizeof bytes, &length);
    raw_reset(crowd.sockets[index]);
    return length;
}

static void *find_from_another_thread(void *argument) {
    for (long i = FOUND; i < crowd.count; i += WAYS) {
        CHECK_OK(find(i));
    }
    return argument;
}

#define SESSIONS(what) tls_server_session_count(rig.server, TLS_SESSIONS_##what)

static void s53_ten_thousand_at_once(void) {
    /* Both ends of each. */
    long most = allow_descriptors(20200) / 2 - 60;
    long before = resident_kib();
    open_crowd(scaled(10000) < most ? scaled(10000) : most, 600000);
    RUN_UNTIL(rig.loop, crowd.asked == crowd.count, 20000);
    printf("  %ld wait, %ld bytes each\n", crowd.count, (resident_kib() - before) * 1024 / crowd.count);
    CHECK_EQUAL(tls_server_connections(rig.server), crowd.count);
    /* They take no time while they wait, and nobody else waits for them. */
    int64_t cpu = cpu_ms();
    run_for(rig.loop, 200);
    CHECK(cpu_ms() - cpu < 100 * patience());
    CHECK(!visit(false));
    CHECK(visit(true));
    CHECK_EQUAL(SESSIONS(HIT_STORE), 1);

    in_a_thread(find_from_another_thread, NULL);
    long each[REFUSED + 1] = {0};
    for (long i = 0; i < crowd.count; i++) {
        if (i % WAYS <= REFUSED) {
            each[i % WAYS]++;
        }
        if (i % WAYS == GONE) {
            CHECK_OK(tls_request_resolve_session(crowd.requests[i], NULL, 0));
        } else if (i % WAYS == REFUSED) {
            CHECK_OK(tls_request_reject(crowd.requests[i], "the store is closed"));
        }
    }
    RUN_UNTIL(rig.loop, rig.client_errors == each[REFUSED], 20000);
    CHECK_TEXT(rig.client_error_name, "ERR_TLS_SESSION_STORE");
    CHECK_EQUAL(SESSIONS(MISS_STORE_ERROR), each[REFUSED]);
    CHECK_EQUAL(SESSIONS(MISS_UNKNOWN_ID), each[GONE]);
    CHECK_EQUAL(SESSIONS(MISS_SEALED) + SESSIONS(MISS_STORE_TIMEOUT), 0);
    /* Exactly those that were answered have heard something: an alert, a flight with a certificate, or
     * one of a resumed session, which has none. */
    long alerts = 0, full = 0, resumed = 0;
    for (long i = 0; i < crowd.count; i++) {
        size_t length = heard_by(i);
        alerts += length > 0 && length < 64;
        resumed += length >= 64 && length < 512;
        full += length >= 512;
    }
    CHECK_EQUAL(resumed, each[FOUND]);
    CHECK_EQUAL(full, each[GONE]);
    CHECK_EQUAL(alerts, each[REFUSED]);
    close_crowd();
}

/* The store is silent: after the deadline all of them go on as full handshakes. */
static void s53_the_deadline_of_a_crowd(void) {
    allow_descriptors(2000);
    open_crowd(scaled(500), 100);
    RUN_UNTIL(rig.loop, SESSIONS(MISS_STORE_TIMEOUT) == crowd.count, 20000);
    CHECK_EQUAL(crowd.asked, crowd.count);
    CHECK_EQUAL(rig.client_errors, 0);
    CHECK_EQUAL(tls_server_connections(rig.server), crowd.count);
    for (long i = 0; i < crowd.count; i++) {
        CHECK(heard_by(i) >= 512);
        CHECK_EQUAL(find(i), TLS_ERR_INVALID_HANDLE);
    }
    close_crowd();
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s53_ten_thousand_at_once);
    RUN(s53_the_deadline_of_a_crowd);
    return check_end();
}
