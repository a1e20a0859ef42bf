/* Clients that hold on to a server by their number or by doing nothing (cases 52 to 54). Others are
 * served meanwhile, and nothing is left of them afterwards. */
#include "support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct rig rig;
static uint8_t hello[4096];
static size_t hello_length;

static void start(void) {
    rig_open(&rig);
    hello_length = rig_hello(&rig, hello, sizeof hello);
}

/* A whole connection of an honest client, with a byte there and back: how long it took. */
static int64_t serve_one(void) {
    struct witness client = {0};
    int64_t before = now_ms();
    rig.accepted = (struct witness){0};
    rig_connect_secure(&rig, &client);
    CHECK_OK(tls_stream_write(client.stream, "x", 1));
    RUN_UNTIL(rig.loop, rig.accepted.received == 1, 5000);
    int64_t took = now_ms() - before;
    CHECK_OK(tls_stream_end(client.stream));
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 5000);
    return took;
}

enum { LARGE_FLIGHT = 1024 * 1024 };

/* A server whose flight is larger than that: our chain, and an unrelated CA again and again. (Under
 * valgrind it is smaller, and the memory is what is watched.) */
static tls_context *talkative_context(void) {
    int times = runs_natively() ? 3000 : 300;
    size_t length = 0, link_length = 0;
    char *chain = read_file(certificate_path("server-cert.pem"), &length);
    char *link = read_file(certificate_path("other-ca.pem"), &link_length);
    char *text = malloc(length + (size_t)times * link_length);
    memcpy(text, chain, length);
    for (int i = 0; i < times; i++, length += link_length) {
        memcpy(text + length, link, link_length);
    }
    tls_context *context = tls_context_new();
    REQUIRE(tls_context_set_cert(context, text, length) == TLS_OK);
    REQUIRE(tls_context_set_key_file(context, certificate_path("server-key.pem"), NULL) == TLS_OK);
    free(text);
    free(link);
    free(chain);
    return context;
}

/* Clients that take nothing of it: the timeout ends them, and their flights are freed. */
static void c052_clients_that_do_not_read(void) {
    enum { AT_ONCE = 8 };
    int sockets[AT_ONCE], small = 4096;
    uint8_t *bytes = malloc(LARGE_FLIGHT);
    rig_prepare_with(&rig, tls_loop_new(), talkative_context());
    rig_listen(&rig);
    hello_length = rig_hello(&rig, hello, sizeof hello);
    CHECK_OK(tls_server_set_handshake_timeout(rig.server, runs_natively() ? 500 : 2500));
    for (int round = 0; round < scaled(3); round++) {
        for (int i = 0; i < AT_ONCE; i++) {
            sockets[i] = raw_connect(rig.port);
            setsockopt(sockets[i], SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
            raw_send(sockets[i], hello, hello_length);
        }
        RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == AT_ONCE, 300);
        int64_t cpu = cpu_ms();
        RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 2000);
        /* It waits for them without turning. */
        CHECK(cpu_ms() - cpu < 400 * patience());
        CHECK_EQUAL(rig.client_errors, AT_ONCE * (round + 1));
        CHECK_TEXT(rig.client_error_name, "ERR_TLS_HANDSHAKE_TIMEOUT");
        for (int i = 0; i < AT_ONCE; i++) {
            /* The reset comes at once, and nobody keeps what the client did not take. */
            size_t length = 0;
            CHECK(raw_gather(sockets[i], bytes, LARGE_FLIGHT, &length));
            CHECK(length < LARGE_FLIGHT);
            close(sockets[i]);
        }
    }
    free(bytes);
    CHECK_EQUAL(rig.server_errors, 0);
    rig_close(&rig);
}

/* Full hellos, and not a byte more. */
static void c053_half_open(void) {
    long limit = allow_descriptors(5000);
    long count = scaled(2000) < limit / 2 - 50 ? scaled(2000) : limit / 2 - 50;
    int *sockets = malloc((size_t)count * sizeof *sockets);
    start();
    int descriptors = open_descriptors();
    CHECK_OK(tls_server_set_handshake_timeout(rig.server, 6000));
    serve_one();
    long before = resident_kib();
    for (long i = 0; i < count; i++) {
        sockets[i] = raw_connect(rig.port);
        raw_send(sockets[i], hello, hello_length);
        if (i % 50 == 0) {
            tls_loop_run_once(rig.loop, 0);
        }
    }
    RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == count, 5000);
    long grown = resident_kib() - before;
    CHECK(serve_one() < 1000 * patience());
    CHECK_EQUAL(rig.client_errors, 0);
    if (runs_natively()) {
        printf("  %ld bytes each\n", grown * 1024 / count);
        CHECK(grown / count < 64);
    }
    RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 10000);
    CHECK_EQUAL(rig.client_errors, count);
    CHECK_TEXT(rig.client_error_name, "ERR_TLS_HANDSHAKE_TIMEOUT");
    for (long i = 0; i < count; i++) {
        CHECK(raw_is_closed(sockets[i]));
        close(sockets[i]);
    }
    CHECK_EQUAL(open_descriptors(), descriptors);
    free(sockets);
    rig_close_serving(&rig);
}

/* ---- a flood from another thread ---- */

struct flood {
    int32_t port;
    atomic_bool over;
    long connects, aborted, answered;
};

/* Connects some 500 times a second. Every second one resets the connection at once; the others wait
 * for the server's flight and go. */
static void *pour(void *argument) {
    struct flood *flood = argument;
    uint8_t bytes[4096];
    while (!atomic_load(&flood->over)) {
        int socket = raw_connect(flood->port);
        raw_send(socket, hello, hello_length);
        flood->connects++;
        if (flood->connects % 2 == 0) {
            raw_reset(socket);
            flood->aborted++;
        } else {
            for (int wait = 0; wait < 2000 && !atomic_load(&flood->over); wait++) {
                ssize_t count = recv(socket, bytes, sizeof bytes, MSG_DONTWAIT);
                if (count != -1) {
                    flood->answered += count > 0;
                    break;
                }
                sleep_ms(1);
            }
            close(socket);
        }
        sleep_ms(1);
    }
    return NULL;
}

static int by_size(const void *one, const void *other) {
    int64_t a = *(const int64_t *)one, b = *(const int64_t *)other;
    return (a > b) - (a < b);
}

static void c054_handshake_flood(void) {
    enum { POURERS = 2, MOST = 10000 };
    static int64_t times[MOST];
    static struct flood floods[POURERS];
    pthread_t threads[POURERS];
    long served = 0, connects = 0, answered = 0;
    start();
    serve_one();
    int descriptors = open_descriptors();
    for (int i = 0; i < POURERS; i++) {
        floods[i] = (struct flood){.port = rig.port};
        REQUIRE(pthread_create(&threads[i], NULL, pour, &floods[i]) == 0);
    }
    int64_t end = now_ms() + (runs_natively() ? 3000 : 500);
    while (now_ms() < end && served < MOST) {
        times[served++] = serve_one();
    }
    for (int i = 0; i < POURERS; i++) {
        atomic_store(&floods[i].over, true);
        REQUIRE(pthread_join(threads[i], NULL) == 0);
        connects += floods[i].connects;
        answered += floods[i].answered;
    }
    qsort(times, (size_t)served, sizeof times[0], by_size);
    printf("  %ld connects, %ld answered, %ld served, 99 of 100 within %lld ms\n", connects, answered, served,
        (long long)times[served * 99 / 100]);
    CHECK(times[served * 99 / 100] < 1000 * patience());
    CHECK(answered > 0);
    RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 3000);
    CHECK_EQUAL(open_descriptors(), descriptors);
    rig_close_serving(&rig);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c052_clients_that_do_not_read);
    RUN(c053_half_open);
    RUN(c054_handshake_flood);
    return check_end();
}
