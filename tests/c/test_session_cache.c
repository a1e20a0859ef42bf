/* Streams of clients and their sessions: the option, every kind of close, and the cache of a context
 * (S78, cases 97 and 110). */
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};

static struct rig rig;
static struct witness client;
static int told;
static uint8_t *last;
static size_t last_length;

static void on_session(tls_stream *stream, const uint8_t *session, size_t length, void *user_data) {
    (void)user_data;
    CHECK_EQUAL(tls_stream_secure(stream), 1);
    told++;
    free(last);
    last = malloc(length);
    REQUIRE(last != NULL);
    memcpy(last, session, length);
    last_length = length;
}

static tls_context *clients_of(const char *version, size_t entries) {
    tls_context *clients = client_context();
    CHECK_OK(tls_context_set_max_version(clients, version));
    CHECK_OK(tls_context_set_min_version(clients, version));
    CHECK_OK(tls_context_set_session_cache(clients, entries));
    return clients;
}

static void open_rig(const char *version, size_t entries) {
    rig_prepare(&rig);
    rig_use_clients(&rig, clients_of(version, entries));
    rig_listen(&rig);
}

static void close_rig(void) {
    rig_close(&rig);
    free(last);
    last = NULL;
    last_length = 0;
}

static int64_t count(int what) {
    return tls_context_session_cache_count(rig.client_context, what);
}

/* Connects, with a byte back and forth, behind which all tickets are here. Was it resumed? */
static bool open_by(tls_connect_options *options) {
    uint8_t byte;
    memset(&client, 0, sizeof client);
    memset(&rig.accepted, 0, sizeof rig.accepted);
    told = 0;
    int before = rig.connections;
    rig_connect_by(&rig, &client, options);
    CHECK_OK(tls_stream_on_session(client.stream, on_session, NULL));
    CHECK_EQUAL(tls_stream_session_reused(client.stream), 0);
    RUN_UNTIL(rig.loop, client.secures == 1 && rig.connections == before + 1, 5000);
    fill_pattern(&byte, 1, 0);
    CHECK_OK(tls_stream_write(rig.accepted.stream, &byte, 1));
    RUN_UNTIL(rig.loop, client.received == 1, 5000);
    bool reused = tls_stream_session_reused(client.stream) == 1;
    CHECK_EQUAL(tls_stream_session_reused(rig.accepted.stream), reused);
    return reused;
}

static tls_connect_options *options_for(const char *servername) {
    tls_connect_options *options = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_context(options, rig.client_context));
    CHECK_OK(tls_connect_options_set_servername(options, servername));
    return options;
}

static void end(void) {
    CHECK_OK(tls_stream_end(client.stream));
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 5000);
}

static bool resumes(void) {
    bool reused = open_by(options_for("localhost"));
    end();
    return reused;
}

static bool resumes_with(const uint8_t *session, size_t length) {
    tls_connect_options *options = options_for("localhost");
    CHECK_OK(tls_connect_options_set_session(options, session, length));
    bool reused = open_by(options);
    end();
    return reused;
}

/* ---- the option ---- */

static void s78_the_option(void) {
    for (int v = 0; v < 2; v++) {
        open_rig(versions[v], 0);
        CHECK(!resumes());
        CHECK_EQUAL(told, v + 1);
        CHECK(resumes_with(last, last_length));
        CHECK_EQUAL(told, v);
        tls_connect_options *options = options_for("localhost");
        CHECK_OK(tls_connect_options_set_session(options, last, last_length));
        CHECK_EQUAL(tls_connect_options_set_session(options, "junk", 4), TLS_ERR_SESSION);
        CHECK_EQUAL(tls_connect_options_set_session(options, last, last_length - 1), TLS_ERR_SESSION);
        CHECK_EQUAL(tls_connect_options_set_session(options, NULL, 1), TLS_ERR_INVALID_ARGUMENT);
        CHECK(open_by(options));
        size_t length = 0;
        CHECK(tls_stream_session(client.stream, &length) != NULL);
        CHECK(length > 0);
        CHECK(tls_stream_session(client.stream, NULL) != NULL);
        CHECK(tls_stream_session(rig.accepted.stream, &length) == NULL);
        CHECK_EQUAL(length, 0);
        CHECK_EQUAL(tls_stream_on_session(rig.accepted.stream, on_session, NULL), TLS_ERR_INVALID_STATE);
        end();
        options = options_for("localhost");
        CHECK_OK(tls_connect_options_set_session(options, last, last_length));
        CHECK_OK(tls_connect_options_set_session(options, NULL, 0));
        CHECK(!open_by(options));
        end();
        CHECK_EQUAL(count(TLS_SESSION_CACHE_ENTRIES), 0);
        CHECK_EQUAL(count(TLS_SESSION_CACHE_MISSES), 0);
        close_rig();
    }
}

/* However the connection ends, its session is good; on the server's side too, where it is kept by its
 * id. */
static void s78_after_each_kind_of_close(void) {
    for (int v = 0; v < 2; v++) {
        for (int kind = 0; kind < 5; kind++) {
            rig_prepare_with(&rig, tls_loop_new(), server_context());
            CHECK_OK(tls_server_set_session_tickets(rig.server, 0));
            rig_use_clients(&rig, clients_of(versions[v], 0));
            rig_listen(&rig);
            CHECK(!open_by(options_for("localhost")));
            CHECK(told > 0);
            switch (kind) {
            case 0: CHECK_OK(tls_stream_end(client.stream)); break;
            case 1: CHECK_OK(tls_stream_destroy(client.stream)); break;
            case 2: CHECK_OK(tls_stream_end(rig.accepted.stream)); break;
            case 3: CHECK_OK(tls_stream_destroy(rig.accepted.stream)); break;
            default:
                CHECK_OK(tls_stream_destroy(client.stream));
                CHECK_OK(tls_stream_destroy(rig.accepted.stream));
            }
            RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 5000);
            CHECK(resumes_with(last, last_length));
            close_rig();
        }
    }
}

static void pause_there(tls_stream *stream, const uint8_t *session, size_t length, void *user_data) {
    on_session(stream, session, length, user_data);
    CHECK_OK(tls_stream_pause(stream));
}

static void destroy_there(tls_stream *stream, const uint8_t *session, size_t length, void *user_data) {
    on_session(stream, session, length, user_data);
    CHECK_OK(tls_stream_destroy(stream));
}

/* Data in the same flight as the tickets waits while the stream is paused, and does not come after it is
 * destroyed. */
static void write_at_once(struct rig *at, tls_stream *stream) {
    uint8_t bytes[5];
    fill_pattern(bytes, sizeof bytes, 0);
    watch(&at->accepted, stream);
    CHECK_OK(tls_stream_write(stream, bytes, sizeof bytes));
}

static void s78_pause_and_destroy_at_a_session(void) {
    for (int v = 0; v < 2; v++) {
        for (int destroys = 0; destroys < 2; destroys++) {
            open_rig(versions[v], 0);
            rig.on_connection = write_at_once;
            memset(&client, 0, sizeof client);
            told = 0;
            rig_connect(&rig, &client);
            CHECK_OK(tls_stream_on_session(client.stream, destroys ? destroy_there : pause_there, NULL));
            RUN_UNTIL(rig.loop, told > 0, 5000);
            CHECK_EQUAL(client.received, 0);
            if (destroys) {
                RUN_UNTIL(rig.loop, client.closes == 1, 5000);
                CHECK_EQUAL(told, 1);
                CHECK_TEXT(client.order, "sc");
            } else {
                run_for(rig.loop, 20);
                CHECK_EQUAL(client.received, 0);
                CHECK_OK(tls_stream_resume(client.stream));
                RUN_UNTIL(rig.loop, client.received == 5, 5000);
                CHECK_TEXT(client.order, "sd");
                CHECK_EQUAL(told, v + 1);
            }
            rig.on_connection = NULL;
            close_rig();
        }
    }
}

/* ---- the cache ---- */

static void s78_the_cache(void) {
    for (int v = 0; v < 2; v++) {
        open_rig(versions[v], 10);
        CHECK(!resumes());
        CHECK_EQUAL(count(TLS_SESSION_CACHE_MISSES), 1);
        CHECK_EQUAL(count(TLS_SESSION_CACHE_ENTRIES), v + 1);
        for (int turn = 1; turn <= 5; turn++) {
            CHECK(resumes());
            CHECK_EQUAL(count(TLS_SESSION_CACHE_HITS), turn);
            CHECK_EQUAL(count(TLS_SESSION_CACHE_ENTRIES), v + 1);
        }
        /* One that the program sets comes first, if it may be offered. */
        uint8_t *session = malloc(last_length);
        size_t length = last_length;
        memcpy(session, last, length);
        CHECK(resumes_with(session, length));
        CHECK_EQUAL(count(TLS_SESSION_CACHE_HITS), 5);
        tls_connect_options *options = options_for("127.0.0.1");
        CHECK_OK(tls_connect_options_set_session(options, session, length));
        CHECK(!open_by(options));
        end();
        CHECK_EQUAL(count(TLS_SESSION_CACHE_MISSES), 2);
        free(session);
        CHECK_EQUAL(count(TLS_SESSION_CACHE_REFUSED), 0);
        CHECK_EQUAL(count(4), -1);
        CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_ARGUMENT);
        CHECK_EQUAL(tls_context_set_session_cache(rig.client_context, 1), TLS_ERR_FROZEN);
        close_rig();
    }
    tls_context *context = tls_context_new();
    CHECK_EQUAL(tls_context_set_session_cache(context, (1 << 20) + 1), TLS_ERR_INVALID_ARGUMENT);
    CHECK_OK(tls_context_set_session_cache(context, 1 << 20));
    CHECK_EQUAL(tls_context_session_cache_count(context, TLS_SESSION_CACHE_ENTRIES), 0);
    CHECK_OK(tls_context_free(context));
}

/* Several at once have a ticket each, as long as there are some. */
static void s78_a_ticket_for_each(void) {
    struct witness both[2];
    open_rig("TLSv1.3", 10);
    CHECK(!resumes());
    rig.accepted.several = true;
    memset(both, 0, sizeof both);
    int before = rig.connections;
    for (int i = 0; i < 2; i++) {
        rig_connect(&rig, &both[i]);
    }
    RUN_UNTIL(rig.loop, both[0].secures == 1 && both[1].secures == 1 && rig.connections == before + 2, 5000);
    CHECK_EQUAL(tls_stream_session_reused(both[0].stream) + tls_stream_session_reused(both[1].stream), 2);
    CHECK_EQUAL(count(TLS_SESSION_CACHE_HITS), 2);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(tls_stream_end(both[i].stream));
    }
    RUN_UNTIL(rig.loop, both[0].closes == 1 && both[1].closes == 1 && rig.accepted.closes == 3, 5000);
    close_rig();
}

/* Another server there now, which knows nothing of the sessions; and none. */
static void s78_the_cache_and_other_servers(void) {
    for (int v = 0; v < 2; v++) {
        open_rig(versions[v], 10);
        CHECK(!resumes());
        int32_t port = rig.port;
        tls_context *clients = rig.client_context;
        rig.client_context = tls_context_new();
        rig_close(&rig);
        int64_t entries = tls_context_session_cache_count(clients, TLS_SESSION_CACHE_ENTRIES);
        CHECK(entries > 0);

        /* Nobody: no session is used up. */
        rig_prepare(&rig);
        rig_use_clients(&rig, clients);
        memset(&client, 0, sizeof client);
        rig.port = port;
        rig_connect(&rig, &client);
        RUN_UNTIL(rig.loop, client.closes == 1, 5000);
        CHECK_EQUAL(client.status, TLS_ERR_CONNECT);
        CHECK_EQUAL(count(TLS_SESSION_CACHE_ENTRIES), entries);

        /* A new one on the same port. */
        REQUIRE(tls_server_listen(rig.server, port, "127.0.0.1") == TLS_OK);
        CHECK(!resumes());
        CHECK_EQUAL(count(TLS_SESSION_CACHE_REFUSED), 1);
        CHECK_EQUAL(count(TLS_SESSION_CACHE_HITS), 0);
        CHECK(resumes());
        CHECK_EQUAL(count(TLS_SESSION_CACHE_HITS), 1);
        close_rig();
    }
}

static void accept_all(tls_stream *stream, const tls_certificate *certificate, const char *name,
    tls_request *request, void *user_data) {
    (void)stream, (void)certificate, (void)name, (void)user_data;
    CHECK_OK(tls_request_resolve_verdict(request, 1));
}

/* A session with which the handshake fails is not tried again. */
static void c110_a_session_that_failed_is_dropped(void) {
    for (int v = 0; v < 2; v++) {
        open_rig(versions[v], 10);
        rig.accepted.several = true;
        for (int turn = 0; turn < 3; turn++) {
            memset(&client, 0, sizeof client);
            rig_connect_by(&rig, &client, options_for("other.example"));
            if (turn == 0) {
                CHECK_OK(tls_stream_on_check_identity(client.stream, accept_all, NULL));
                RUN_UNTIL(rig.loop, client.secures == 1, 5000);
                RUN_UNTIL(rig.loop, count(TLS_SESSION_CACHE_ENTRIES) == v + 1, 5000);
                CHECK_OK(tls_stream_end(client.stream));
            }
            RUN_UNTIL(rig.loop, client.closes == 1, 5000);
            if (turn > 0) {
                CHECK_EQUAL(client.secures, 0);
                CHECK_TEXT(client.error_name, "ERR_TLS_CERT_ALTNAME_INVALID");
                CHECK_EQUAL(count(TLS_SESSION_CACHE_ENTRIES), 0);
            }
            CHECK_EQUAL(count(TLS_SESSION_CACHE_MISSES), turn == 2 ? 2 : 1);
        }
        CHECK_EQUAL(count(TLS_SESSION_CACHE_HITS), 0);
        run_for(rig.loop, 20);
        close_rig();
    }
}

/* However many connections: no more entries than were allowed. */
static void c097_the_cache_is_bounded(void) {
    open_rig("TLSv1.3", 3);
    long connections = scaled(200), before = 0;
    for (long i = 0; i < connections; i++) {
        char name[40];
        snprintf(name, sizeof name, "host-%ld.example", i % 10);
        tls_connect_options *options = options_for(name);
        CHECK_OK(tls_connect_options_set_verify_name(options, i % 2 == 0 ? "localhost" : "127.0.0.1"));
        open_by(options);
        end();
        CHECK(count(TLS_SESSION_CACHE_ENTRIES) <= 3);
        if (i == connections / 2) {
            before = resident_kib();
        }
    }
    CHECK_EQUAL(count(TLS_SESSION_CACHE_MISSES), connections);
    if (runs_natively()) {
        CHECK(resident_kib() - before < 1024);
    }
    close_rig();
}

/* By the path of a Unix socket, and over another stream, which tells of sessions as well. */
static tls_server *upper;
static int uppers, upper_closes;

static void upper_is_secure(tls_server *server, tls_stream *stream, void *user_data) {
    CHECK(server == upper);
    uppers++;
    CHECK_OK(tls_stream_pipe(stream, stream));
    (void)user_data;
}

static void upper_closed(tls_server *server, void *user_data) {
    (void)server, (void)user_data;
    upper_closes++;
}

static void carry(struct rig *at, tls_stream *stream) {
    watch(&at->accepted, stream);
    CHECK(tls_server_accept_stream(upper, stream, NULL, 0) != NULL);
}

static void s78_s31_over_a_stream(void) {
    for (int v = 0; v < 2; v++) {
        open_rig(versions[v], 10);
        upper = tls_server_new(rig.loop, rig.server_context);
        CHECK_OK(tls_server_on_secure_connection(upper, upper_is_secure, NULL));
        CHECK_OK(tls_server_on_close(upper, upper_closed, NULL));
        rig.on_connection = carry;
        uppers = upper_closes = 0;
        for (int turn = 0; turn < 3; turn++) {
            struct witness below = {0}, above = {0};
            int lower_told = told = 0;
            memset(&rig.accepted, 0, sizeof rig.accepted);
            rig_connect(&rig, &below);
            CHECK_OK(tls_stream_on_session(below.stream, on_session, NULL));
            tls_connect_options *options = options_for("localhost");
            CHECK_OK(tls_connect_options_set_stream(options, below.stream));
            rig_connect_by(&rig, &above, options);
            uint8_t byte;
            fill_pattern(&byte, 1, 0);
            CHECK_OK(tls_stream_write(above.stream, &byte, 1));
            RUN_UNTIL(rig.loop, above.received == 1, 5000);
            lower_told = told;
            CHECK_EQUAL(lower_told, turn == 0 ? v + 1 : v);
            CHECK_EQUAL(tls_stream_session_reused(below.stream), turn > 0);
            CHECK_EQUAL(tls_stream_session_reused(above.stream), turn > 0);
            CHECK_OK(tls_stream_end(above.stream));
            RUN_UNTIL(rig.loop, above.closes == 1 && below.closes == 1 && rig.accepted.closes == 1, 5000);
        }
        CHECK_EQUAL(count(TLS_SESSION_CACHE_HITS), 4);
        CHECK_EQUAL(count(TLS_SESSION_CACHE_MISSES), 2);
        CHECK_OK(tls_server_destroy(upper));
        RUN_UNTIL(rig.loop, upper_closes == 1, 2000);
        rig.on_connection = NULL;
        close_rig();
    }
}

static void s78_by_the_path_of_a_socket(void) {
    char directory[] = "/tmp/tlspair-XXXXXX", path[64];
    REQUIRE(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/socket", directory);
    rig_prepare(&rig);
    rig_use_clients(&rig, clients_of("TLSv1.3", 10));
    CHECK_OK(tls_server_listen_path(rig.server, path));
    for (int turn = 0; turn < 3; turn++) {
        tls_connect_options *options = options_for("localhost");
        CHECK_OK(tls_connect_options_set_path(options, path));
        CHECK_EQUAL(open_by(options), turn > 0);
        end();
    }
    close_rig();
    CHECK_EQUAL(rmdir(directory), 0);
}

/* ---- one cache, many threads ---- */

enum { THREADS = 4 };

/* Connects again and again from a loop of its own. */
static void *connect_often(void *argument) {
    (void)argument;
    tls_loop *loop = tls_loop_new();
    long connections = scaled(50);
    for (long i = 0; i < connections; i++) {
        struct witness mine = {0};
        tls_connect_options *options = options_for("localhost");
        tls_stream *stream = tls_connect(loop, rig.port, "127.0.0.1", options, NULL, NULL);
        CHECK_OK(tls_connect_options_free(options));
        watch(&mine, stream);
        RUN_UNTIL(loop, mine.received == 1, 20000);
        CHECK_OK(tls_stream_end(stream));
        RUN_UNTIL(loop, mine.closes == 1, 20000);
        CHECK_EQUAL(mine.errors, 0);
    }
    CHECK_OK(tls_loop_free(loop));
    return NULL;
}

static void say_one_byte(struct rig *at, tls_stream *stream) {
    uint8_t byte;
    fill_pattern(&byte, 1, 0);
    watch(&at->accepted, stream);
    CHECK_OK(tls_stream_write(stream, &byte, 1));
}

static void s78_c097_one_cache_for_many_threads(void) {
    pthread_t threads[THREADS];
    open_rig("TLSv1.3", 6);
    rig.accepted.several = true;
    rig.on_connection = say_one_byte;
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, connect_often, NULL) == 0);
    }
    long all = scaled(50) * THREADS;
    RUN_UNTIL(rig.loop, rig.accepted.closes == all, 60000);
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_EQUAL(count(TLS_SESSION_CACHE_HITS) + count(TLS_SESSION_CACHE_MISSES), all);
    CHECK_EQUAL(count(TLS_SESSION_CACHE_REFUSED), 0);
    CHECK(count(TLS_SESSION_CACHE_ENTRIES) <= 6);
    CHECK(count(TLS_SESSION_CACHE_HITS) > 0 || !runs_natively());
    rig.on_connection = NULL;
    close_rig();
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s78_the_option);
    RUN(s78_after_each_kind_of_close);
    RUN(s78_pause_and_destroy_at_a_session);
    RUN(s78_the_cache);
    RUN(s78_a_ticket_for_each);
    RUN(s78_the_cache_and_other_servers);
    RUN(c110_a_session_that_failed_is_dropped);
    RUN(c097_the_cache_is_bounded);
    RUN(s78_s31_over_a_stream);
    RUN(s78_by_the_path_of_a_socket);
    RUN(s78_c097_one_cache_for_many_threads);
    return check_end();
}
