/* TLS over an open stream, in both roles, once and twice (S31). */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LEVELS = 3 };

/* The server that listens is at level 0; those above it only take streams. */
static struct rig rig;
static tls_server *servers[LEVELS];
/* What is told about each level's stream, on the client's side and on the server's. */
static struct witness clients[LEVELS], accepted[LEVELS];
static int levels, server_closes, failures;
static char failure_name[64];

static void accept_above(tls_stream *stream, int level) {
    watch(&accepted[level], stream);
    if (level + 1 < levels) {
        tls_stream *above = tls_server_accept_stream(servers[level + 1], stream, NULL, 0);
        CHECK(above != NULL);
    }
}

static void upper_is_secure(tls_server *server, tls_stream *stream, void *user_data) {
    (void)user_data;
    for (int level = 1; level < levels; level++) {
        if (servers[level] == server) {
            accept_above(stream, level);
        }
    }
}

static void upper_failed(tls_server *server, const tls_error *error, tls_stream *stream, void *user_data) {
    (void)server;
    (void)user_data;
    failures++;
    snprintf(failure_name, sizeof failure_name, "%s", tls_error_name(error));
    watch(&rig.failed, stream);
}

static void upper_closed(tls_server *server, void *user_data) {
    (void)server;
    (void)user_data;
    server_closes++;
}

static void lowest_is_secure(struct rig *at, tls_stream *stream) {
    (void)at;
    accept_above(stream, 0);
}

static void connect_over(tls_stream *stream, int level) {
    tls_connect_options *options = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_servername(options, "localhost"));
    CHECK_OK(tls_connect_options_set_stream(options, stream));
    rig_connect_by(&rig, &clients[level], options);
}

static void start(int count) {
    levels = count;
    server_closes = failures = 0;
    memset(clients, 0, sizeof clients);
    memset(accepted, 0, sizeof accepted);
    rig_open(&rig);
    rig.on_connection = lowest_is_secure;
    for (int level = 1; level < levels; level++) {
        servers[level] = tls_server_new(rig.loop, rig.server_context);
        CHECK_OK(tls_server_on_secure_connection(servers[level], upper_is_secure, NULL));
        CHECK_OK(tls_server_on_client_error(servers[level], upper_failed, NULL));
        CHECK_OK(tls_server_on_close(servers[level], upper_closed, NULL));
    }
    rig_connect(&rig, &clients[0]);
    RUN_UNTIL(rig.loop, clients[0].secures == 1 && accepted[0].stream != NULL, 5000);
}

/* All levels secure, on both sides. */
static void open_all(int count) {
    start(count);
    for (int level = 1; level < levels; level++) {
        connect_over(clients[level - 1].stream, level);
        RUN_UNTIL(rig.loop, clients[level].secures == 1 && accepted[level].stream != NULL, 5000);
    }
    /* The tickets of TLS 1.3 come in: closing a socket with unread bytes would reset the connection. */
    run_for(rig.loop, 20);
}

static void finish(void) {
    for (int level = 1; level < levels; level++) {
        CHECK_OK(tls_server_destroy(servers[level]));
    }
    RUN_UNTIL(rig.loop, server_closes == levels - 1, 2000);
    rig_close(&rig);
}

static bool all_closed(void) {
    for (int level = 0; level < levels; level++) {
        if (clients[level].closes != 1 || accepted[level].closes != 1) {
            return false;
        }
    }
    return true;
}

static void s31_data_both_ways_and_the_end(void) {
    static uint8_t talk[1500000];
    fill_pattern(talk, sizeof talk, 0);
    for (int count = 2; count <= LEVELS; count++) {
        open_all(count);
        int top = count - 1;
        CHECK_EQUAL(tls_stream_authorized(clients[top].stream), 1);
        CHECK_TEXT(tls_stream_servername(accepted[top].stream), "localhost");
        CHECK_TEXT(tls_stream_remote_address(clients[top].stream), "127.0.0.1");
        CHECK_EQUAL(tls_stream_remote_port(clients[top].stream), rig.port);
        CHECK_EQUAL(tls_stream_local_port(accepted[top].stream), rig.port);
        CHECK_EQUAL(tls_server_connections(servers[top]), 1);
        CHECK_OK(tls_stream_set_no_delay(clients[top].stream, 1));
        CHECK_OK(tls_stream_set_keep_alive(clients[top].stream, 0, 0));
        tls_stream_write(clients[top].stream, talk, sizeof talk);
        tls_stream_write(accepted[top].stream, talk, sizeof talk);
        RUN_UNTIL(rig.loop, clients[top].received == sizeof talk && accepted[top].received == sizeof talk, 10000);
        CHECK(!clients[top].pattern_broken && !accepted[top].pattern_broken);
        /* What is on the wire of one level is plaintext of the one below. */
        CHECK(tls_stream_bytes_written(clients[0].stream) > tls_stream_bytes_written(clients[top].stream));
        CHECK_OK(tls_stream_end(clients[top].stream));
        RUN_UNTIL(rig.loop, all_closed(), 5000);
        CHECK_EQUAL(clients[top].clean + accepted[top].clean, 2);
        for (int level = 0; level < count; level++) {
            CHECK_EQUAL(clients[level].had_error + accepted[level].had_error, 0);
            CHECK_EQUAL(clients[level].errors + accepted[level].errors, 0);
        }
        /* Those below told their users no data, no drain and no end. */
        CHECK_TEXT(clients[0].order, "sc");
        CHECK_TEXT(accepted[0].order, "c");
        finish();
    }
}

static void s31_the_carrying_stream_is_not_for_others(void) {
    open_all(2);
    tls_stream *below = clients[0].stream;
    CHECK_EQUAL(tls_stream_write(below, "x", 1), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_stream_end(below), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_stream_pause(below), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_stream_resume(below), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_stream_pipe(below, below), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_stream_pipe(clients[1].stream, below), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_stream_set_allow_half_open(below, 1), TLS_ERR_INVALID_STATE);
    CHECK(tls_server_accept_stream(rig.server, below, NULL, 0) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_STATE);
    /* Registering is without effect, asking is not. */
    CHECK_OK(tls_stream_on_data(below, NULL, NULL));
    CHECK_TEXT(tls_stream_remote_address(below), "127.0.0.1");
    CHECK_OK(tls_stream_write(clients[1].stream, "\0", 1));
    CHECK_OK(tls_stream_write(accepted[1].stream, "\0", 1));
    RUN_UNTIL(rig.loop, accepted[1].received == 1 && clients[1].received == 1, 2000);
    finish();
}

static void s31_what_cannot_carry_is_refused(void) {
    start(1);
    tls_loop *other = tls_loop_new();
    tls_connect_options *options = tls_connect_options_new();
    tls_stream *below = clients[0].stream;
    CHECK_OK(tls_connect_options_set_context(options, rig.client_context));
    CHECK_OK(tls_connect_options_set_stream(options, below));
    CHECK(tls_connect(other, 0, NULL, options, NULL, NULL) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_ARGUMENT);
    CHECK(tls_server_accept_stream(rig.server, below, NULL, 1) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_ARGUMENT);
    CHECK_OK(tls_stream_pipe(accepted[0].stream, accepted[0].stream));
    CHECK(tls_server_accept_stream(rig.server, accepted[0].stream, NULL, 0) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_STATE);
    CHECK_OK(tls_stream_end(below));
    CHECK(tls_connect(rig.loop, 0, NULL, options, NULL, NULL) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_STATE);
    CHECK_OK(tls_stream_destroy(below));
    CHECK(tls_connect(rig.loop, 0, NULL, options, NULL, NULL) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_STATE);
    RUN_UNTIL(rig.loop, clients[0].closes == 1, 2000);
    CHECK(tls_connect(rig.loop, 0, NULL, options, NULL, NULL) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_HANDLE);
    CHECK_OK(tls_connect_options_free(options));
    CHECK_OK(tls_loop_free(other));
    finish();
}

/* Paused at the top, the sender at the other end stops; nothing is lost when it goes on. */
static void s31_backpressure(void) {
    static uint8_t talk[8000000];
    fill_pattern(talk, sizeof talk, 0);
    for (int count = 2; count <= LEVELS; count++) {
        open_all(count);
        int top = count - 1;
        CHECK_OK(tls_stream_pause(accepted[top].stream));
        CHECK_EQUAL(tls_stream_write(clients[top].stream, talk, sizeof talk), TLS_FULL);
        run_for(rig.loop, 100);
        CHECK_EQUAL(accepted[top].received, 0);
        CHECK_EQUAL(clients[top].drains, 0);
        CHECK(tls_stream_writable_length(clients[top].stream) > 0);
        /* Only so much was taken off the socket, and nobody turns in circles for the rest. */
        CHECK(tls_stream_bytes_read(accepted[0].stream) < 1000000);
        int64_t before = cpu_ms();
        run_for(rig.loop, 60);
        CHECK(!runs_natively() || cpu_ms() - before < 40);
        CHECK_OK(tls_stream_resume(accepted[top].stream));
        RUN_UNTIL(rig.loop, accepted[top].received == sizeof talk && clients[top].drains == 1, 20000);
        CHECK(!accepted[top].pattern_broken);
        finish();
    }
}

/* The upper name is wrong: the upper stream fails, both ends learn it, the lower one goes as well. */
static void s31_the_upper_handshake_fails(void) {
    start(2);
    tls_connect_options *options = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_servername(options, "other.example"));
    CHECK_OK(tls_connect_options_set_stream(options, clients[0].stream));
    rig_connect_by(&rig, &clients[1], options);
    RUN_UNTIL(rig.loop, clients[1].closes == 1 && clients[0].closes == 1 && accepted[0].closes == 1, 5000);
    CHECK_TEXT(clients[1].order, "xc");
    CHECK_TEXT(clients[1].error_name, "ERR_TLS_CERT_ALTNAME_INVALID");
    CHECK_TEXT(clients[0].order, "sc");
    /* The alert got through. */
    RUN_UNTIL(rig.loop, failures == 1, 2000);
    CHECK_PART(failure_name, "ALERT");
    finish();
}

/* An error below is one above. */
static void s31_the_lower_stream_fails(void) {
    struct wire wire;
    levels = 2;
    rig_open(&rig);
    rig.on_connection = lowest_is_secure;
    memset(accepted, 0, sizeof accepted);
    failures = server_closes = 0;
    servers[1] = tls_server_new(rig.loop, rig.server_context);
    CHECK_OK(tls_server_on_secure_connection(servers[1], upper_is_secure, NULL));
    CHECK_OK(tls_server_on_client_error(servers[1], upper_failed, NULL));
    CHECK_OK(tls_server_on_close(servers[1], upper_closed, NULL));
    wire_open_secure(&wire, &rig);
    RUN_UNTIL(rig.loop, accepted[0].stream != NULL, 2000);
    wire_close(&wire, true);
    RUN_UNTIL(rig.loop, accepted[0].closes == 1 && failures == 1, 5000);
    CHECK_TEXT(accepted[0].order, "xc");
    CHECK_TEXT(failure_name, "ECONNRESET");
    finish();
}

/* Put on top before the lower one is secure, which it then never is: both tell why. */
static void s31_the_lower_handshake_fails(void) {
    start(1);
    struct witness below = {0}, above = {0};
    tls_connect_options *options = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_servername(options, "other.example"));
    rig_connect_by(&rig, &below, options);
    options = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_stream(options, below.stream));
    rig_connect_by(&rig, &above, options);
    CHECK_OK(tls_stream_write(above.stream, "x", 1));
    RUN_UNTIL(rig.loop, below.closes == 1 && above.closes == 1, 5000);
    CHECK_TEXT(below.order, "xc");
    CHECK_TEXT(above.order, "xc");
    CHECK_TEXT(below.error_name, "ERR_TLS_CERT_ALTNAME_INVALID");
    CHECK_TEXT(above.error_name, "ERR_TLS_CERT_ALTNAME_INVALID");
    finish();
}

static void s31_the_lower_stream_is_destroyed(void) {
    open_all(3);
    CHECK_OK(tls_stream_destroy(clients[0].stream));
    RUN_UNTIL(rig.loop, all_closed(), 5000);
    CHECK_TEXT(clients[0].order, "sc");
    for (int level = 1; level < 3; level++) {
        CHECK_TEXT(clients[level].order, "sxc");
        CHECK_EQUAL(clients[level].status, TLS_ERR_RESET);
    }
    /* The other side sees all of it end without a goodbye. */
    CHECK_TEXT(accepted[2].order, "Ec");
    finish();
}

static void s31_the_upper_stream_is_destroyed(void) {
    open_all(3);
    CHECK_OK(tls_stream_destroy(clients[2].stream));
    RUN_UNTIL(rig.loop, all_closed(), 5000);
    for (int level = 0; level < 3; level++) {
        CHECK_TEXT(clients[level].order, "sc");
    }
    CHECK_TEXT(accepted[2].order, "Ec");
    CHECK_TEXT(accepted[0].order, "c");
    finish();
}

/* Destroyed in its own callbacks, and in the middle of its handshake. */
static void destroy_at_data(struct witness *witness, char event, const uint8_t *data, size_t length) {
    (void)data;
    (void)length;
    if (event == 'd') {
        CHECK_OK(tls_stream_destroy(witness->stream));
    }
}

static void c100_c104_destroyed_on_the_way(void) {
    for (int phase = 0; phase < 8; phase++) {
        start(2);
        connect_over(clients[0].stream, 1);
        for (int turn = 0; turn < phase; turn++) {
            CHECK_OK(tls_loop_run_once(rig.loop, 0));
        }
        CHECK_OK(tls_stream_destroy(clients[phase % 2].stream));
        RUN_UNTIL(rig.loop, clients[0].closes == 1 && clients[1].closes == 1 && accepted[0].closes == 1, 5000);
        run_for(rig.loop, 5);
        CHECK_EQUAL(clients[0].closes + clients[1].closes, 2);
        finish();
    }
    open_all(3);
    accepted[2].hook = destroy_at_data;
    CHECK_OK(tls_stream_write(clients[2].stream, "\0", 1));
    RUN_UNTIL(rig.loop, all_closed(), 5000);
    CHECK_TEXT(accepted[2].order, "dc");
    finish();
}

/* Behind a proxy: the last plain bytes and the first of TLS come in one piece. */
static void proxy_data(struct witness *witness, char event, const uint8_t *data, size_t length) {
    if (event == 'd' && witness->datas == 1) {
        CHECK(length > 10 && memcmp(data, "CONNECT\r\n\r\n", 11) == 0);
        CHECK(tls_server_accept_stream(servers[1], witness->stream, data + 11, length - 11) != NULL);
    }
}

static void watch_for_proxy(struct rig *at, tls_stream *stream) {
    (void)at;
    accepted[0].hook = proxy_data;
    watch(&accepted[0], stream);
}

static void s31_received_bytes_of_a_stream(void) {
    uint8_t bytes[4096] = "CONNECT\r\n\r\n";
    size_t length = 0;
    start(2);
    CHECK_OK(tls_stream_destroy(clients[0].stream));
    RUN_UNTIL(rig.loop, accepted[0].closes == 1 && clients[0].closes == 1, 2000);
    memset(clients, 0, sizeof clients);
    memset(accepted, 0, sizeof accepted);
    failures = 0;
    rig.on_connection = watch_for_proxy;
    rig_connect(&rig, &clients[0]);
    /* The client's hello, made by a pair. */
    tls_secure_pair *pair = tls_secure_pair_new(rig.client_context, 0, 0, 1);
    CHECK_OK(tls_secure_pair_set_servername(pair, "localhost"));
    CHECK_OK(tls_secure_pair_start(pair));
    CHECK_OK(tls_secure_pair_take(pair, bytes + 11, sizeof bytes - 11, &length));
    CHECK(length > 100);
    CHECK_OK(tls_stream_write(clients[0].stream, bytes, 11 + length));
    /* An answer comes back, so the hello was taken. */
    RUN_UNTIL(rig.loop, clients[0].received > 100, 5000);
    CHECK_EQUAL(failures, 0);
    CHECK_OK(tls_secure_pair_free(pair));
    finish();
}

/* Freed with everything open, the loop leaves nothing behind. */
static void c108_loop_freed_with_open_tunnels(void) {
    open_all(3);
    CHECK_OK(tls_loop_free(rig.loop));
    CHECK(all_closed());
    CHECK_EQUAL(rig.closes, 1);
    CHECK_EQUAL(server_closes, 2);
    CHECK_OK(tls_context_free(rig.server_context));
    CHECK_OK(tls_context_free(rig.client_context));
}

/* S81: what is below counts as long as what is above does. */
static void s81_unref_goes_down(void) {
    open_all(2);
    CHECK_OK(tls_server_unref(rig.server));
    CHECK_OK(tls_stream_unref(clients[1].stream));
    CHECK_OK(tls_stream_unref(accepted[1].stream));
    alarm((unsigned)(20 * patience()));
    CHECK_OK(tls_loop_run(rig.loop));
    alarm(0);
    CHECK_EQUAL(clients[1].closes, 0);
    finish();
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s31_data_both_ways_and_the_end);
    RUN(s31_the_carrying_stream_is_not_for_others);
    RUN(s31_what_cannot_carry_is_refused);
    RUN(s31_backpressure);
    RUN(s31_the_upper_handshake_fails);
    RUN(s31_the_lower_stream_fails);
    RUN(s31_the_lower_handshake_fails);
    RUN(s31_the_lower_stream_is_destroyed);
    RUN(s31_the_upper_stream_is_destroyed);
    RUN(c100_c104_destroyed_on_the_way);
    RUN(s31_received_bytes_of_a_stream);
    RUN(c108_loop_freed_with_open_tunnels);
    RUN(s81_unref_goes_down);
    return check_end();
}
