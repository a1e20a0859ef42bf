/* The lives of streams and servers: destroyed in each of their own callbacks, closed in each phase,
 * servers closed over live connections, loops freed over open handles (cases 93, 100, 101, 104,
 * 108; S55, S58, S59). */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct rig rig;
static struct witness client;

static void start(void) {
    memset(&client, 0, sizeof client);
    rig_open(&rig);
}

/* ---- destroy in each callback ---- */

static void c100_destroy_in_each_callback(void) {
    static const char events[] = "sdDeExtc";
    static uint8_t talk[200000];
    fill_pattern(talk, sizeof talk, 0);
    for (size_t i = 0; i < sizeof events - 1; i++) {
        struct stream_ending ending = {.event = events[i]};
        start();
        client.hook = destroy_at;
        client.context = &ending;
        rig_connect(&rig, &client);
        if (events[i] == 'x') {
            CHECK_OK(tls_context_free(rig.client_context));
            rig.client_context = client_context();
            CHECK_OK(tls_stream_destroy(client.stream));
            RUN_UNTIL(rig.loop, client.closes == 1, 1000);
            memset(&client, 0, sizeof client);
            ending.done = false;
            client.hook = destroy_at;
            client.context = &ending;
            int32_t port = rig.port;
            rig.port = 9;
            rig_connect(&rig, &client);
            rig.port = port;
        } else if (events[i] != 's') {
            RUN_UNTIL(rig.loop, client.secures == 1 && rig.connections == 1, 5000);
            tls_stream_set_timeout(client.stream, 20);
            if (events[i] == 'd' || events[i] == 'D') {
                CHECK(tls_stream_write(rig.accepted.stream, talk, sizeof talk) >= 0);
                CHECK(tls_stream_write(client.stream, talk, sizeof talk) >= 0);
            } else if (events[i] == 'e') {
                CHECK_OK(tls_stream_end(rig.accepted.stream));
            } else if (events[i] != 't') {
                CHECK_OK(tls_stream_destroy(rig.accepted.stream));
            }
        }
        RUN_UNTIL(rig.loop, client.closes == 1, 5000);
        check_equal(ending.done, events[i] != 'E' || client.ends > 0, (char[]){events[i], 0}, __FILE__, __LINE__);
        CHECK_EQUAL(client.order[strlen(client.order) - 1], 'c');
        /* The error came before the destroy, and close says so. */
        CHECK_EQUAL(client.had_error, client.errors);
        run_for(rig.loop, 30);
        CHECK_EQUAL(client.closes, 1);
        CHECK_EQUAL(tls_stream_destroy(client.stream), TLS_ERR_INVALID_HANDLE);
        rig_close(&rig);
    }
}

/* The same on the server's side, from inside the secureConnection and clientError callbacks. */
static void destroy_at_once(struct rig *at, tls_stream *stream) {
    watch(&at->accepted, stream);
    CHECK_OK(tls_stream_destroy(stream));
    CHECK_EQUAL(tls_stream_write(stream, "x", 1), TLS_ERR_INVALID_STATE);
}

static void c100_destroy_inside_secure_connection(void) {
    start();
    rig.on_connection = destroy_at_once;
    rig_connect(&rig, &client);
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 5000);
    CHECK_TEXT(rig.accepted.order, "c");
    CHECK_EQUAL(tls_server_connections(rig.server), 0);
    rig_close(&rig);
}

static void destroy_failed(tls_server *server, const tls_error *error, tls_stream *stream, void *user_data) {
    struct witness *witness = user_data;
    CHECK(server != NULL && tls_error_status(error) == TLS_ERR_TLS);
    CHECK_TEXT(tls_stream_remote_address(stream), "127.0.0.1");
    watch(witness, stream);
    CHECK_OK(tls_stream_destroy(stream));
    /* The error is readable for the length of the callback. */
    CHECK(strlen(tls_error_message(error)) > 0);
}

static void c100_destroy_inside_client_error(void) {
    struct witness failed = {0};
    start();
    CHECK_OK(tls_server_on_client_error(rig.server, destroy_failed, &failed));
    int socket = raw_connect(rig.port);
    CHECK(raw_send(socket, "not TLS at all\r\n", 16));
    RUN_UNTIL(rig.loop, raw_is_closed(socket) && failed.closes == 1, 2000);
    CHECK_TEXT(failed.order, "c");
    close(socket);
    rig_close(&rig);
}

/* ---- close in each phase ---- */

static void c104_destroy_in_each_phase(void) {
    for (int phase = 0; phase < 8; phase++) {
        start();
        rig_connect(&rig, &client);
        for (int turn = 0; turn < phase; turn++) {
            CHECK_OK(tls_loop_run_once(rig.loop, 10));
        }
        bool ends = phase % 2 == 1;
        CHECK_OK(ends ? tls_stream_end(client.stream) : tls_stream_destroy(client.stream));
        RUN_UNTIL(rig.loop, client.closes == 1, 5000);
        CHECK_EQUAL(client.errors, 0);
        RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 5000);
        CHECK(rig.client_errors <= 1);
        run_for(rig.loop, 20);
        CHECK_EQUAL(client.closes, 1);
        rig_close(&rig);
    }
}

/* The server lets go in the middle of the client's handshake: an error, then the close. */
static void c104_server_goes_during_the_handshake(void) {
    for (int turns = 1; turns < 5; turns++) {
        start();
        rig_connect(&rig, &client);
        for (int turn = 0; turn < turns && client.secures == 0; turn++) {
            CHECK_OK(tls_loop_run_once(rig.loop, 10));
        }
        CHECK_OK(tls_server_destroy(rig.server));
        RUN_UNTIL(rig.loop, client.closes == 1 && rig.closes == 1, 5000);
        if (client.secures == 0) {
            CHECK_TEXT(client.order, "xc");
            CHECK_EQUAL(client.status == TLS_ERR_RESET || client.status == TLS_ERR_CONNECT, 1);
        }
        rig_close(&rig);
    }
}

static void c104_destroy_during_the_lookup(void) {
    start();
    tls_connect_options *options = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_context(options, rig.client_context));
    for (int turns = 0; turns < 3; turns++) {
        memset(&client, 0, sizeof client);
        watch(&client, tls_connect(rig.loop, rig.port, "localhost", options, NULL, NULL));
        for (int turn = 0; turn < turns; turn++) {
            CHECK_OK(tls_loop_run_once(rig.loop, 0));
        }
        CHECK_OK(tls_stream_destroy(client.stream));
        RUN_UNTIL(rig.loop, client.closes == 1, 1000);
        CHECK_TEXT(client.order, "c");
        run_for(rig.loop, 50);
        CHECK_EQUAL(client.closes, 1);
    }
    /* Freed with a lookup under way, the loop does not wait for it. */
    memset(&client, 0, sizeof client);
    watch(&client, tls_connect(rig.loop, rig.port, "localhost", options, NULL, NULL));
    CHECK_OK(tls_connect_options_free(options));
    rig_close(&rig);
    CHECK_TEXT(client.order, "c");
    sleep_ms(50);
}

/* ---- server.close, connections, maxConnections ---- */

static void c101_close_with_live_connections(void) {
    struct witness second = {0};
    start();
    rig_connect_secure(&rig, &client);
    CHECK_EQUAL(tls_server_connections(rig.server), 1);
    CHECK_OK(tls_server_close(rig.server));
    CHECK_EQUAL(tls_server_port(rig.server), -1);
    run_for(rig.loop, 50);
    CHECK_EQUAL(rig.closes, 0);
    /* No new one, and the old one lives on. */
    rig_connect(&rig, &second);
    RUN_UNTIL(rig.loop, second.closes == 1, 5000);
    CHECK_TEXT(second.order, "xc");
    CHECK_EQUAL(second.status, TLS_ERR_CONNECT);
    CHECK_TEXT(second.error_name, "ECONNREFUSED");
    CHECK_OK(tls_stream_write(client.stream, "x", 1));
    RUN_UNTIL(rig.loop, rig.accepted.received == 1, 2000);
    CHECK_OK(tls_stream_end(client.stream));
    RUN_UNTIL(rig.loop, rig.closes == 1, 2000);
    CHECK_EQUAL(rig.accepted.closes, 1);
    CHECK_EQUAL(tls_server_connections(rig.server), -1);
    rig_close(&rig);
}

static void close_server(struct rig *at, tls_stream *stream) {
    watch(&at->accepted, stream);
    CHECK_OK(tls_server_close(at->server));
}

static void c101_close_inside_the_connection_callback(void) {
    start();
    rig.on_connection = close_server;
    rig_connect(&rig, &client);
    RUN_UNTIL(rig.loop, client.secures == 1 && rig.connections == 1, 5000);
    run_for(rig.loop, 30);
    CHECK_EQUAL(rig.closes, 0);
    CHECK_OK(tls_stream_destroy(rig.accepted.stream));
    RUN_UNTIL(rig.loop, rig.closes == 1 && client.closes == 1, 2000);
    rig_close(&rig);
}

static void destroy_server(struct rig *at, tls_stream *stream) {
    watch(&at->accepted, stream);
    CHECK_OK(tls_server_destroy(at->server));
    CHECK_OK(tls_server_destroy(at->server));
}

static void c101_destroy_inside_the_connection_callback(void) {
    start();
    rig.on_connection = destroy_server;
    rig_connect(&rig, &client);
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1 && rig.closes == 1, 5000);
    CHECK_TEXT(rig.accepted.order, "c");
    rig_close(&rig);
}

static void c093_max_connections(void) {
    struct witness clients[4];
    memset(clients, 0, sizeof clients);
    start();
    rig.accepted.several = true;
    CHECK_OK(tls_server_set_max_connections(rig.server, 3));
    for (int i = 0; i < 3; i++) {
        rig_connect_secure(&rig, &clients[i]);
    }
    CHECK_EQUAL(tls_server_connections(rig.server), 3);
    /* One too many is closed at once; that is no clientError. */
    rig_connect(&rig, &clients[3]);
    RUN_UNTIL(rig.loop, clients[3].closes == 1, 5000);
    CHECK_TEXT(clients[3].order, "xc");
    CHECK_EQUAL(clients[3].status, TLS_ERR_RESET);
    CHECK_EQUAL(rig.client_errors, 0);
    CHECK_EQUAL(tls_server_connections(rig.server), 3);
    CHECK_OK(tls_stream_destroy(clients[0].stream));
    RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 2, 2000);
    memset(&clients[3], 0, sizeof clients[3]);
    rig_connect_secure(&rig, &clients[3]);
    CHECK_EQUAL(tls_server_connections(rig.server), 3);
    rig_close(&rig);
}

/* The count is right after much coming and going, whole handshakes and half ones. */
static void c093_count_after_churn(void) {
    long count = scaled(2000);
    start();
    CHECK_OK(tls_server_set_max_connections(rig.server, 20));
    for (long i = 0; i < count; i++) {
        if (i % 10 == 0) {
            memset(&client, 0, sizeof client);
            rig.accepted = (struct witness){0};
            rig_connect_secure(&rig, &client);
            CHECK_OK(tls_stream_destroy(client.stream));
            RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 2000);
        } else {
            int socket = raw_connect(rig.port);
            tls_loop_run_once(rig.loop, 0);
            if (i % 3 == 0) {
                raw_reset(socket);
            } else {
                close(socket);
            }
        }
        CHECK(tls_server_connections(rig.server) <= 20);
    }
    RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 2000);
    memset(&client, 0, sizeof client);
    rig_connect_secure(&rig, &client);
    CHECK_EQUAL(tls_server_connections(rig.server), 1);
    rig_close(&rig);
}

/* ---- the loop, from inside and from outside ---- */

static void run_again(struct witness *witness, char event, const uint8_t *data, size_t length) {
    (void)witness;
    (void)data;
    (void)length;
    if (event == 'd') {
        CHECK_EQUAL(tls_loop_run(rig.loop), TLS_ERR_BUSY);
        CHECK_EQUAL(tls_loop_run_once(rig.loop, 0), TLS_ERR_BUSY);
        CHECK_EQUAL(tls_loop_free(rig.loop), TLS_ERR_BUSY);
        CHECK_EQUAL(tls_loop_detach(rig.loop), TLS_ERR_BUSY);
        CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_BUSY);
        CHECK_OK(tls_loop_stop(rig.loop));
    }
}

static void c108_run_inside_a_callback(void) {
    start();
    client.hook = run_again;
    rig_connect_secure(&rig, &client);
    CHECK_OK(tls_stream_write(rig.accepted.stream, "x", 1));
    /* Ends by the stop inside the callback. */
    CHECK_OK(tls_loop_run(rig.loop));
    CHECK_EQUAL(client.received, 1);
    CHECK_EQUAL(client.closes, 0);
    rig_close(&rig);
}

static int destroyed;
static void count_destroy(void *user_data) {
    /* After the close event, never before it. */
    CHECK_EQUAL(((struct witness *)user_data)->closes, 1);
    destroyed++;
}

static void leave_unwatched(struct rig *at, tls_stream *stream) {
    CHECK(at->loop != NULL && stream != NULL);
}

static void c108_loop_freed_with_open_handles(void) {
    struct witness clients[5];
    memset(clients, 0, sizeof clients);
    start();
    destroyed = 0;
    rig_connect_secure(&rig, &client);
    CHECK_OK(tls_stream_write(client.stream, "queued", 6));
    CHECK_OK(tls_stream_set_user_data(client.stream, &client, count_destroy));
    CHECK_OK(tls_stream_set_user_data(rig.accepted.stream, &rig.accepted, count_destroy));
    rig.on_connection = leave_unwatched;
    for (int i = 0; i < 5; i++) {
        rig_connect(&rig, &clients[i]);
        tls_loop_run_once(rig.loop, 0);
    }
    CHECK_OK(tls_loop_free(rig.loop));
    CHECK_EQUAL(client.closes, 1);
    CHECK_EQUAL(rig.accepted.closes, 1);
    CHECK_EQUAL(rig.closes, 1);
    CHECK_EQUAL(destroyed, 2);
    for (int i = 0; i < 5; i++) {
        CHECK_TEXT(clients[i].order, clients[i].secures == 1 ? "sc" : "c");
        CHECK_EQUAL(tls_stream_destroy(clients[i].stream), TLS_ERR_INVALID_HANDLE);
    }
    CHECK_EQUAL(tls_server_destroy(rig.server), TLS_ERR_INVALID_HANDLE);
    CHECK_EQUAL(tls_loop_run(rig.loop), TLS_ERR_INVALID_HANDLE);
    CHECK_OK(tls_context_free(rig.server_context));
    CHECK_OK(tls_context_free(rig.client_context));
}

/* Nothing left to do: run returns, without any stop. */
static void s55_run_returns_when_nothing_is_left(void) {
    start();
    rig_connect_secure(&rig, &client);
    CHECK_OK(tls_server_close(rig.server));
    CHECK_OK(tls_stream_end(client.stream));
    CHECK_OK(tls_loop_run(rig.loop));
    CHECK_EQUAL(client.closes, 1);
    CHECK_EQUAL(rig.accepted.closes, 1);
    CHECK_EQUAL(rig.closes, 1);
    CHECK_OK(tls_loop_run(rig.loop));
    rig_close(&rig);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c100_destroy_in_each_callback);
    RUN(c100_destroy_inside_secure_connection);
    RUN(c100_destroy_inside_client_error);
    RUN(c104_destroy_in_each_phase);
    RUN(c104_server_goes_during_the_handshake);
    RUN(c104_destroy_during_the_lookup);
    RUN(c101_close_with_live_connections);
    RUN(c101_close_inside_the_connection_callback);
    RUN(c101_destroy_inside_the_connection_callback);
    RUN(c093_max_connections);
    RUN(c093_count_after_churn);
    RUN(c108_run_inside_a_callback);
    RUN(c108_loop_freed_with_open_handles);
    RUN(s55_run_returns_when_nothing_is_left);
    return check_end();
}
