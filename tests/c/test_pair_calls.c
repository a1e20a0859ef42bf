/* Calls on a pair from inside its callbacks and from several threads: nothing recurses, nothing is
 * lost, and freeing or destroying it there is as good as anywhere. */
#include "pairs.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>

static tls_context *servers, *clients;

static void make_contexts(void) {
    servers = server_context();
    clients = client_context();
}

static void free_contexts(void) {
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
}

/* ---- two pairs wired by callbacks alone ---- */

static int depth, deepest;

static void feed_counting(tls_secure_pair *pair, const uint8_t *data, size_t length, void *user_data) {
    (void)pair;
    size_t consumed = 0;
    deepest = ++depth > deepest ? depth : deepest;
    tls_secure_pair_feed(user_data, data, length, &consumed);
    CHECK_EQUAL(consumed, length);
    depth--;
}

static long rallies;

static void hit_back(struct side *side, char event, const uint8_t *data, size_t length) {
    (void)data;
    (void)length;
    if (event == 'd' && rallies-- > 0) {
        deepest = ++depth > deepest ? depth : deepest;
        CHECK_OK(tls_secure_pair_write(side->pair, "ball", 4));
        depth--;
    }
}

static void c102_wired_pairs_do_not_recurse(void) {
    struct side client, server;
    make_contexts();
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    client.hook = server.hook = hit_back;
    CHECK_OK(tls_secure_pair_on_encrypted(client.pair, feed_counting, server.pair));
    CHECK_OK(tls_secure_pair_on_encrypted(server.pair, feed_counting, client.pair));
    depth = deepest = 0;
    long count = scaled(20000);
    rallies = count;
    /* The whole match takes place inside this one call. */
    CHECK_OK(tls_secure_pair_write(client.pair, "ball", 4));
    CHECK(rallies < 0);
    CHECK_EQUAL(client.datas + server.datas, count + 1);
    CHECK(deepest <= 6);
    CHECK_EQUAL(depth, 0);
    side_free(&client);
    side_free(&server);
    free_contexts();
}

/* ---- what is queued from inside, and what answers at once ---- */

static void call_from_inside(struct side *side, char event, const uint8_t *data, size_t length) {
    (void)data;
    (void)length;
    if (event != 'd') {
        return;
    }
    size_t count = 9;
    char bytes[16];
    CHECK_OK(tls_secure_pair_write(side->pair, "one ", 4));
    CHECK_OK(tls_secure_pair_write(side->pair, "two", 3));
    CHECK_OK(tls_secure_pair_start(side->pair));
    CHECK_OK(tls_secure_pair_feed(side->pair, NULL, 0, &count));
    CHECK_EQUAL(count, 0);
    CHECK_OK(tls_secure_pair_end(side->pair));
    CHECK_EQUAL(tls_secure_pair_write(side->pair, "late", 4), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_secure_pair_secure(side->pair), 1);
    CHECK(tls_secure_pair_cipher_name(side->pair) != NULL);
    CHECK_OK(tls_secure_pair_read(side->pair, bytes, sizeof bytes, &count));
    CHECK_EQUAL(count, 0);
}

static void c102_calls_inside_a_callback_are_carried_out(void) {
    struct side client, server;
    make_contexts();
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    shuttle_to_secure(&client, &server);
    server.hook = call_from_inside;
    CHECK_OK(tls_secure_pair_write(client.pair, "x", 1));
    shuttle(client.pair, server.pair, 0);
    /* The two writes of one callback become one record. */
    CHECK_TEXT(client.log, "s d7 e");
    CHECK_OK(tls_secure_pair_end(client.pair));
    shuttle(client.pair, server.pair, 0);
    CHECK_TEXT(client.log, "s d7 e c0");
    CHECK_TEXT(server.log, "s d1 e c0");
    side_free(&client);
    side_free(&server);
    free_contexts();
}

/* A feed from inside keeps the order of the bytes. */
static void feed_rest_from_inside(struct side *side, char event, const uint8_t *data, size_t length) {
    static uint8_t bytes[64 * 1024];
    (void)data;
    (void)length;
    size_t count = 0, consumed = 0;
    if (event == 'd' && side->datas == 1) {
        tls_secure_pair *other = side->context;
        CHECK_OK(tls_secure_pair_take(other, bytes, sizeof bytes, &count));
        CHECK(count > 0);
        CHECK_OK(tls_secure_pair_feed(side->pair, bytes, count, &consumed));
        CHECK_EQUAL(consumed, count);
        memset(bytes, 0xee, sizeof bytes);
    }
}

static void c102_feed_inside_a_callback_is_copied(void) {
    struct side client, server;
    uint8_t talk[30000], cipher[40000];
    size_t count = 0;
    make_contexts();
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    shuttle_to_secure(&client, &server);
    server.hook = feed_rest_from_inside;
    server.context = client.pair;
    fill_pattern(talk, sizeof talk, 0);
    CHECK(tls_secure_pair_write(client.pair, talk, 20000) >= 0);
    CHECK_OK(tls_secure_pair_take(client.pair, cipher, sizeof cipher, &count));
    CHECK(tls_secure_pair_write(client.pair, talk + 20000, 10000) >= 0);
    CHECK_OK(tls_secure_pair_feed(server.pair, cipher, count, NULL));
    CHECK_EQUAL(server.received, sizeof talk);
    CHECK(!server.pattern_broken);
    side_free(&client);
    side_free(&server);
    free_contexts();
}

/* ---- free and destroy in each callback ---- */

struct ending {
    char event;
    bool frees;
    int after;
};

static void end_in_callback(struct side *side, char event, const uint8_t *data, size_t length) {
    struct ending *ending = side->context;
    (void)data;
    (void)length;
    if (ending->after > 0) {
        /* After a destroy the close event follows, after a free nothing does. */
        CHECK(!ending->frees && event == 'c');
        ending->after++;
    } else if (event == ending->event) {
        ending->after = 1;
        if (ending->frees) {
            CHECK_OK(tls_secure_pair_free(side->pair));
            CHECK_EQUAL(tls_secure_pair_write(side->pair, "x", 1), TLS_ERR_INVALID_HANDLE);
            CHECK_EQUAL(tls_secure_pair_free(side->pair), TLS_ERR_INVALID_HANDLE);
        } else {
            CHECK_OK(tls_secure_pair_destroy(side->pair));
        }
        if (data != NULL) {
            /* What was handed to the callback stays valid until it returns. */
            CHECK(is_pattern(data, length, side->received - length));
        }
    }
}

static void end_in_encrypted(tls_secure_pair *pair, const uint8_t *data, size_t length, void *user_data) {
    struct side *side = user_data;
    CHECK(side->pair == pair);
    end_in_callback(side, 'o', NULL, 0);
    CHECK(length > 0 && data[0] == 22);
}

static void c100_free_and_destroy_in_each_callback(void) {
    static const char events[] = "osdDeExc";
    uint8_t talk[100000];
    fill_pattern(talk, sizeof talk, 0);
    make_contexts();
    for (size_t i = 0; i < sizeof events - 1; i++) {
        for (int frees = 0; frees < 2; frees++) {
            struct side client, server;
            struct ending ending = {.event = events[i], .frees = frees};
            side_open_client(&client, clients);
            side_open_server(&server, servers);
            server.hook = end_in_callback;
            server.context = &ending;
            if (events[i] == 'o') {
                CHECK_OK(tls_secure_pair_on_encrypted(server.pair, end_in_encrypted, &server));
            }
            shuttle(client.pair, server.pair, 0);
            tls_secure_pair_write(server.pair, talk, sizeof talk);
            tls_secure_pair_write(client.pair, talk, 40000);
            shuttle(client.pair, server.pair, 0);
            if (events[i] == 'E') {
                tls_secure_pair_feed_eof(server.pair);
            } else if (events[i] == 'x') {
                tls_secure_pair_feed(server.pair, talk, 1000, NULL);
            } else {
                tls_secure_pair_end(client.pair);
                shuttle(client.pair, server.pair, 0);
                tls_secure_pair_end(server.pair);
            }
            check_equal(ending.after >= 1, 1, (char[]){'i', 'n', ' ', events[i], 0}, __FILE__, __LINE__);
            if (frees) {
                CHECK_EQUAL(ending.after, 1);
                CHECK_EQUAL(tls_secure_pair_secure(server.pair), 0);
                CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_HANDLE);
            } else {
                CHECK_EQUAL(server.closes, 1);
                CHECK_OK(tls_secure_pair_free(server.pair));
            }
            side_free(&client);
        }
    }
    free_contexts();
}

/* ---- threads ---- */

static sem_t inside, leave;

static void wait_inside(struct side *side, char event, const uint8_t *data, size_t length) {
    (void)side;
    (void)data;
    (void)length;
    if (event == 'd') {
        sem_post(&inside);
        sem_wait(&leave);
    }
}

static void *feed_elsewhere(void *user_data) {
    struct side *sides = user_data;
    shuttle_once(sides[0].pair, sides[1].pair, 0);
    return NULL;
}

static void c107_second_thread_is_told_busy(void) {
    struct side sides[2];
    pthread_t thread;
    char bytes[16];
    size_t length = 0;
    make_contexts();
    sem_init(&inside, 0, 0);
    sem_init(&leave, 0, 0);
    side_open_client(&sides[0], clients);
    side_open_server(&sides[1], servers);
    shuttle_to_secure(&sides[0], &sides[1]);
    sides[1].hook = wait_inside;
    CHECK_OK(tls_secure_pair_write(sides[0].pair, "x", 1));
    REQUIRE(pthread_create(&thread, NULL, feed_elsewhere, sides) == 0);
    sem_wait(&inside);
    tls_secure_pair *pair = sides[1].pair;
    CHECK_EQUAL(tls_secure_pair_write(pair, "y", 1), TLS_ERR_BUSY);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_BUSY);
    CHECK_EQUAL(tls_secure_pair_feed(pair, "y", 1, NULL), TLS_ERR_BUSY);
    CHECK_EQUAL(tls_secure_pair_take(pair, bytes, sizeof bytes, &length), TLS_ERR_BUSY);
    CHECK_EQUAL(tls_secure_pair_free(pair), TLS_ERR_BUSY);
    CHECK_EQUAL(tls_secure_pair_destroy(pair), TLS_ERR_BUSY);
    CHECK_EQUAL(tls_secure_pair_on_data(pair, NULL, NULL), TLS_ERR_BUSY);
    CHECK(tls_secure_pair_cipher_name(pair) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_BUSY);
    sem_post(&leave);
    pthread_join(thread, NULL);
    CHECK_OK(tls_secure_pair_write(pair, "y", 1));
    shuttle(sides[0].pair, pair, 0);
    CHECK_TEXT(sides[0].log, "s d1");
    CHECK_TEXT(sides[1].log, "s d1");
    side_free(&sides[0]);
    side_free(&sides[1]);
    sem_destroy(&inside);
    sem_destroy(&leave);
    free_contexts();
}

static void *shake_hands(void *user_data) {
    struct side *sides = user_data;
    shuttle(sides[0].pair, sides[1].pair, 3);
    return NULL;
}

static void *say_good_bye(void *user_data) {
    struct side *sides = user_data;
    CHECK_OK(tls_secure_pair_end(sides[0].pair));
    CHECK_OK(tls_secure_pair_end(sides[1].pair));
    shuttle(sides[0].pair, sides[1].pair, 0);
    side_free(&sides[0]);
    side_free(&sides[1]);
    return NULL;
}

static void s41_pair_moves_between_threads(void) {
    struct side sides[2];
    pthread_t thread;
    make_contexts();
    side_open_client(&sides[0], clients);
    side_open_server(&sides[1], servers);
    REQUIRE(pthread_create(&thread, NULL, shake_hands, sides) == 0);
    pthread_join(thread, NULL);
    CHECK_EQUAL(tls_secure_pair_secure(sides[0].pair), 1);
    CHECK_OK(tls_secure_pair_write(sides[0].pair, "x", 1));
    shuttle(sides[0].pair, sides[1].pair, 0);
    REQUIRE(pthread_create(&thread, NULL, say_good_bye, sides) == 0);
    pthread_join(thread, NULL);
    CHECK_TEXT(sides[0].log, "s e c0");
    CHECK_TEXT(sides[1].log, "s d1 e c0");
    free_contexts();
}

struct crowd {
    tls_secure_pair *pair;
    long busy, taken;
};

static void *crowd_in(void *user_data) {
    struct crowd *crowd = user_data;
    long busy = 0, taken = 0, count = scaled(20000);
    for (long i = 0; i < count; i++) {
        tls_status status = tls_secure_pair_write(crowd->pair, "x", 1);
        if (status == TLS_ERR_BUSY) {
            busy++;
        } else {
            CHECK(status >= 0);
            taken++;
        }
    }
    __atomic_add_fetch(&crowd->busy, busy, __ATOMIC_RELAXED);
    __atomic_add_fetch(&crowd->taken, taken, __ATOMIC_RELAXED);
    return NULL;
}

/* Many threads at one pair: each write is either taken whole or told busy. */
static void c107_crowd_of_threads(void) {
    struct side client, server;
    pthread_t threads[4];
    make_contexts();
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    shuttle_to_secure(&client, &server);
    struct crowd crowd = {.pair = client.pair};
    for (int i = 0; i < 4; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, crowd_in, &crowd) == 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    CHECK_EQUAL(crowd.busy + crowd.taken, 4 * scaled(20000));
    shuttle(client.pair, server.pair, 0);
    CHECK_EQUAL(server.received, crowd.taken);
    CHECK_EQUAL(server.errors, 0);
    side_free(&client);
    side_free(&server);
    free_contexts();
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c102_wired_pairs_do_not_recurse);
    RUN(c102_calls_inside_a_callback_are_carried_out);
    RUN(c102_feed_inside_a_callback_is_copied);
    RUN(c100_free_and_destroy_in_each_callback);
    RUN(c107_second_thread_is_told_busy);
    RUN(s41_pair_moves_between_threads);
    RUN(c107_crowd_of_threads);
    return check_end();
}
