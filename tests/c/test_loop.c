/* The loop: posting and stopping from other threads, handing it on, two loops in two threads, and
 * driving it by poll(2) on its descriptor alone (abi.md 10; cases 29, 107). */
#include "support.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static struct rig rig;
static struct witness client;

/* ---- post and stop ---- */

enum { POSTERS = 4 };

static long posted_done, posted_destroyed;
static long last_seen[POSTERS];

struct posted {
    int poster;
    long number;
};

static struct posted posts[POSTERS][2000];

static void do_posted(tls_loop *loop, void *user_data) {
    struct posted *posted = user_data;
    CHECK(loop == rig.loop);
    /* What one thread posts keeps its order. */
    CHECK_EQUAL(posted->number, last_seen[posted->poster] + 1);
    last_seen[posted->poster] = posted->number;
    posted_done++;
}

static void count_destroyed(void *user_data) {
    (void)user_data;
    __atomic_add_fetch(&posted_destroyed, 1, __ATOMIC_RELAXED);
}

static void *post_many(void *user_data) {
    int poster = (int)(intptr_t)user_data;
    for (long i = 0; i < scaled(2000); i++) {
        posts[poster][i] = (struct posted){poster, i + 1};
        CHECK_OK(tls_loop_post(rig.loop, do_posted, &posts[poster][i], count_destroyed));
    }
    return NULL;
}

static void c107_post_from_other_threads(void) {
    pthread_t threads[POSTERS];
    long expected = POSTERS * scaled(2000);
    rig_open(&rig);
    posted_done = posted_destroyed = 0;
    memset(last_seen, 0, sizeof last_seen);
    for (int i = 0; i < POSTERS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, post_many, (void *)(intptr_t)i) == 0);
    }
    RUN_UNTIL(rig.loop, posted_done == expected, 10000);
    for (int i = 0; i < POSTERS; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_EQUAL(posted_destroyed, expected);
    rig_close(&rig);
}

/* Posted, but the loop is freed before it runs: destroyed, not done. */
static void c108_posted_work_that_never_runs(void) {
    tls_loop *loop = tls_loop_new();
    posted_done = posted_destroyed = 0;
    for (int i = 0; i < 10; i++) {
        CHECK_OK(tls_loop_post(loop, do_posted, NULL, count_destroyed));
    }
    CHECK_OK(tls_loop_free(loop));
    CHECK_EQUAL(posted_done, 0);
    CHECK_EQUAL(posted_destroyed, 10);
    CHECK_EQUAL(tls_loop_post(loop, do_posted, NULL, count_destroyed), TLS_ERR_INVALID_HANDLE);
    CHECK_EQUAL(posted_destroyed, 11);
    CHECK_EQUAL(tls_loop_stop(loop), TLS_ERR_INVALID_HANDLE);
}

static void *stop_soon(void *user_data) {
    sleep_ms(50);
    CHECK_OK(tls_loop_stop(user_data));
    return NULL;
}

static void c107_stop_from_another_thread(void) {
    pthread_t thread;
    rig_open(&rig);
    int64_t before = now_ms();
    REQUIRE(pthread_create(&thread, NULL, stop_soon, rig.loop) == 0);
    /* Waits for ever, if nobody stops it. */
    CHECK_OK(tls_loop_run(rig.loop));
    CHECK(now_ms() - before >= 45);
    pthread_join(thread, NULL);
    /* The stop is used up: the next turns are as usual. */
    memset(&client, 0, sizeof client);
    rig_connect_secure(&rig, &client);
    rig_close(&rig);
}

static void c107_run_once_waits_no_longer_than_told(void) {
    tls_loop *loop = tls_loop_new();
    int64_t before = now_ms();
    CHECK_OK(tls_loop_run_once(loop, 60));
    int64_t took = now_ms() - before;
    CHECK(took >= 55 && took < 1000 * patience());
    before = now_ms();
    CHECK_OK(tls_loop_run_once(loop, 0));
    CHECK(now_ms() - before < 50 * patience());
    /* Nothing is there to run for. */
    CHECK_OK(tls_loop_run(loop));
    CHECK_EQUAL(tls_loop_next_timeout_ms(loop), -1);
    CHECK_OK(tls_loop_free(loop));
}

/* ---- handing on ---- */

static void *run_elsewhere(void *user_data) {
    (void)user_data;
    /* Until it is adopted, only run and free are possible. */
    CHECK_EQUAL(tls_server_port(rig.server), -1);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_WRONG_THREAD);
    CHECK_OK(tls_loop_run_once(rig.loop, 0));
    CHECK_EQUAL(tls_server_port(rig.server), rig.port);
    memset(&client, 0, sizeof client);
    rig_connect_secure(&rig, &client);
    CHECK_OK(tls_stream_write(client.stream, "x", 1));
    RUN_UNTIL(rig.loop, rig.accepted.received == 1, 2000);
    CHECK_OK(tls_loop_detach(rig.loop));
    CHECK_EQUAL(tls_stream_write(client.stream, "x", 1), TLS_ERR_WRONG_THREAD);
    return NULL;
}

static void c107_loop_is_handed_on(void) {
    pthread_t thread;
    rig_open(&rig);
    CHECK_OK(tls_loop_detach(rig.loop));
    CHECK_EQUAL(tls_loop_detach(rig.loop), TLS_ERR_WRONG_THREAD);
    CHECK_EQUAL(tls_server_close(rig.server), TLS_ERR_WRONG_THREAD);
    CHECK_PART(tls_error_message(tls_last_error()), "detached");
    REQUIRE(pthread_create(&thread, NULL, run_elsewhere, NULL) == 0);
    pthread_join(thread, NULL);
    CHECK_OK(tls_loop_run_once(rig.loop, 0));
    CHECK_OK(tls_stream_write(client.stream, "y", 1));
    RUN_UNTIL(rig.loop, rig.accepted.received == 2, 2000);
    rig_close(&rig);
}

static void *fail_to_use(void *user_data) {
    CHECK_EQUAL(tls_loop_run_once(user_data, 0), TLS_ERR_WRONG_THREAD);
    CHECK_EQUAL(tls_loop_free(user_data), TLS_ERR_WRONG_THREAD);
    return NULL;
}

static void *make_loop_and_leave(void *user_data) {
    tls_loop **loop = user_data;
    *loop = tls_loop_new();
    CHECK_OK(tls_loop_detach(*loop));
    return NULL;
}

/* An owned loop stays its owner's; a new thread never passes for a dead one. */
static void c107_only_the_owner(void) {
    pthread_t thread;
    tls_loop *loop = tls_loop_new();
    for (int i = 0; i < 3; i++) {
        REQUIRE(pthread_create(&thread, NULL, fail_to_use, loop) == 0);
        pthread_join(thread, NULL);
    }
    CHECK_OK(tls_loop_free(loop));
    REQUIRE(pthread_create(&thread, NULL, make_loop_and_leave, &loop) == 0);
    pthread_join(thread, NULL);
    CHECK_OK(tls_loop_free(loop));
}

/* ---- two loops in two threads ---- */

static void *serve_and_connect(void *user_data) {
    struct witness ours;
    struct rig *own = user_data;
    rig_open(own);
    for (long i = 0; i < scaled(100); i++) {
        uint8_t bytes[5000];
        fill_pattern(bytes, sizeof bytes, 0);
        memset(&ours, 0, sizeof ours);
        memset(&own->accepted, 0, sizeof own->accepted);
        rig_connect_secure(own, &ours);
        CHECK_OK(tls_stream_write(ours.stream, bytes, sizeof bytes));
        CHECK_OK(tls_stream_end(ours.stream));
        RUN_UNTIL(own->loop, ours.closes == 1 && own->accepted.closes == 1, 5000);
        CHECK(!own->accepted.pattern_broken && own->accepted.received == sizeof bytes);
    }
    rig_close(own);
    return NULL;
}

static void c107_two_loops_in_two_threads(void) {
    pthread_t threads[2];
    static struct rig rigs[2];
    for (int i = 0; i < 2; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, serve_and_connect, &rigs[i]) == 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* ---- the descriptor ---- */

/* Is the descriptor readable within so many milliseconds? */
static bool is_readable(int descriptor, int milliseconds) {
    struct pollfd wait = {.fd = descriptor, .events = POLLIN};
    return poll(&wait, 1, milliseconds) == 1;
}

/* Turns the loop only when the descriptor says so. */
#define POLL_UNTIL(loop, condition, milliseconds) \
    do { \
        int64_t deadline_ = now_ms() + (int64_t)(milliseconds) * patience(); \
        int descriptor_ = tls_loop_fd(loop); \
        while (!(condition) && now_ms() < deadline_) { \
            if (is_readable(descriptor_, 100)) { \
                CHECK_OK(tls_loop_run_once((loop), 0)); \
            } \
        } \
        CHECK(condition); \
    } while (0)

/* Turns it until it has come to rest: the descriptor says nothing any more. */
static void settle(tls_loop *loop) {
    int turns = 0;
    while (is_readable(tls_loop_fd(loop), 20) && turns++ < 1000) {
        CHECK_OK(tls_loop_run_once(loop, 0));
    }
    CHECK(turns < 1000);
}

static void open_polled(void) {
    memset(&client, 0, sizeof client);
    rig_open(&rig);
    CHECK(tls_loop_fd(rig.loop) >= 0);
    CHECK_EQUAL(tls_loop_fd(rig.loop), tls_loop_fd(rig.loop));
}

static void s61_whole_conversation_by_poll_alone(void) {
    enum { WHOLE = 3000000 };
    static uint8_t bytes[WHOLE];
    fill_pattern(bytes, WHOLE, 0);
    open_polled();
    POLL_UNTIL(rig.loop, rig.listening == 1, 1000);
    rig_connect(&rig, &client);
    POLL_UNTIL(rig.loop, client.secures == 1 && rig.connections == 1, 5000);
    CHECK_EQUAL(tls_stream_write(client.stream, bytes, WHOLE), TLS_FULL);
    CHECK_EQUAL(tls_stream_write(rig.accepted.stream, bytes, WHOLE), TLS_FULL);
    POLL_UNTIL(rig.loop, rig.accepted.received == WHOLE && client.received == WHOLE, 10000);
    CHECK_OK(tls_stream_end(client.stream));
    POLL_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 2000);
    CHECK_OK(tls_server_close(rig.server));
    POLL_UNTIL(rig.loop, rig.closes == 1, 1000);
    CHECK(!is_readable(tls_loop_fd(rig.loop), 50));
    rig_close(&rig);
}

/* A connection that does nothing: the handshake timeout wakes the descriptor by itself. */
static void c029_handshake_timeout_by_the_descriptor(void) {
    open_polled();
    CHECK_OK(tls_server_set_handshake_timeout(rig.server, 150));
    settle(rig.loop);
    int socket = raw_connect(rig.port);
    int64_t before = now_ms();
    settle(rig.loop);
    CHECK_EQUAL(tls_server_connections(rig.server), 1);
    int64_t next = tls_loop_next_timeout_ms(rig.loop);
    CHECK(next >= 0 && next <= 150);
    POLL_UNTIL(rig.loop, rig.client_errors == 1, 2000);
    CHECK(now_ms() - before >= 140);
    CHECK_TEXT(rig.client_error_name, "ERR_TLS_HANDSHAKE_TIMEOUT");
    POLL_UNTIL(rig.loop, raw_is_closed(socket), 1000);
    close(socket);
    rig_close(&rig);
}

/* The same for a timer that is set while nobody turns the loop, and one set nearer than another. */
static void s75_idle_timeout_by_the_descriptor(void) {
    open_polled();
    rig_connect(&rig, &client);
    POLL_UNTIL(rig.loop, client.secures == 1 && rig.connections == 1, 5000);
    settle(rig.loop);
    CHECK_OK(tls_stream_set_timeout(client.stream, 10000));
    CHECK_OK(tls_stream_set_timeout(rig.accepted.stream, 100));
    settle(rig.loop);
    POLL_UNTIL(rig.loop, rig.accepted.timeouts == 1, 2000);
    CHECK_OK(tls_stream_set_timeout(client.stream, 50));
    POLL_UNTIL(rig.loop, client.timeouts == 1, 2000);
    rig_close(&rig);
}

/* Work left behind shows: a resumed stream, a write, posted work, a destroy. */
static void s61_work_left_behind_shows(void) {
    uint8_t bytes[40000];
    fill_pattern(bytes, sizeof bytes, 0);
    open_polled();
    rig_connect(&rig, &client);
    POLL_UNTIL(rig.loop, client.secures == 1 && rig.connections == 1, 5000);
    settle(rig.loop);
    CHECK_OK(tls_stream_pause(rig.accepted.stream));
    CHECK_OK(tls_stream_write(client.stream, bytes, sizeof bytes));
    CHECK(is_readable(tls_loop_fd(rig.loop), 100));
    settle(rig.loop);
    CHECK_EQUAL(rig.accepted.received, 0);
    CHECK(!is_readable(tls_loop_fd(rig.loop), 50));
    CHECK_OK(tls_stream_resume(rig.accepted.stream));
    CHECK(is_readable(tls_loop_fd(rig.loop), 100));
    CHECK_EQUAL(tls_loop_next_timeout_ms(rig.loop), 0);
    settle(rig.loop);
    CHECK_EQUAL(rig.accepted.received, sizeof bytes);
    CHECK(!rig.accepted.pattern_broken);
    posts[0][0] = (struct posted){0, 1};
    last_seen[0] = posted_done = 0;
    CHECK_OK(tls_loop_post(rig.loop, do_posted, &posts[0][0], NULL));
    CHECK(is_readable(tls_loop_fd(rig.loop), 100));
    settle(rig.loop);
    CHECK_EQUAL(posted_done, 1);
    CHECK_OK(tls_stream_destroy(client.stream));
    CHECK(is_readable(tls_loop_fd(rig.loop), 100));
    CHECK_OK(tls_loop_run_once(rig.loop, 0));
    CHECK_EQUAL(client.closes, 1);
    settle(rig.loop);
    CHECK_EQUAL(rig.accepted.closes, 1);
    rig_close(&rig);
}

/* The slab: settable before the first server or stream, and any size serves. */
static void s03_slab_buffer_size(void) {
    uint8_t bytes[500000];
    fill_pattern(bytes, sizeof bytes, 0);
    tls_loop *loop = tls_loop_new();
    CHECK_EQUAL(tls_loop_set_slab_buffer_size(loop, 0), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_loop_set_slab_buffer_size(loop, 100), TLS_ERR_INVALID_ARGUMENT);
    CHECK_OK(tls_loop_set_slab_buffer_size(loop, TLS_SLAB_BUFFER_SIZE));
    CHECK_OK(tls_loop_set_slab_buffer_size(loop, 128 * 1024));
    memset(&client, 0, sizeof client);
    rig_prepare_on(&rig, loop);
    CHECK_OK(tls_loop_set_slab_buffer_size(loop, 256 * 1024));
    rig_listen(&rig);
    CHECK_EQUAL(tls_loop_set_slab_buffer_size(loop, 1 << 20), TLS_ERR_INVALID_STATE);
    rig_connect(&rig, &client);
    RUN_UNTIL(loop, client.secures == 1, 5000);
    CHECK_EQUAL(tls_stream_write(client.stream, bytes, sizeof bytes), TLS_FULL);
    RUN_UNTIL(loop, rig.accepted.received == sizeof bytes, 5000);
    CHECK(!rig.accepted.pattern_broken);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c107_post_from_other_threads);
    RUN(c108_posted_work_that_never_runs);
    RUN(c107_stop_from_another_thread);
    RUN(c107_run_once_waits_no_longer_than_told);
    RUN(c107_loop_is_handed_on);
    RUN(c107_only_the_owner);
    RUN(c107_two_loops_in_two_threads);
    RUN(s61_whole_conversation_by_poll_alone);
    RUN(c029_handshake_timeout_by_the_descriptor);
    RUN(s75_idle_timeout_by_the_descriptor);
    RUN(s61_work_left_behind_shows);
    RUN(s03_slab_buffer_size);
    return check_end();
}
