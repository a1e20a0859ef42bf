/* The end of a pair whose on_ready callback is running (S40): the callback's user data outlives
 * it. */
#include "pairs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

struct readiness {
    tls_request *request;
    enum { ELSEWHERE, INSIDE, INSIDE_AN_EVENT } freed;
    atomic_bool entered, leaving, returned;
    bool destroyed, destroyed_too_early;
};

static void pause_ms(int milliseconds) {
    struct timespec time = {0, milliseconds * 1000000L};
    nanosleep(&time, NULL);
}

static void on_ready(tls_secure_pair *pair, void *user_data) {
    struct readiness *readiness = user_data;
    readiness->entered = true;
    if (readiness->freed != ELSEWHERE) {
        CHECK_OK(readiness->freed == INSIDE ? tls_secure_pair_free(pair) : tls_secure_pair_feed(pair, NULL, 0, NULL));
        CHECK_EQUAL(tls_secure_pair_free(pair), TLS_ERR_INVALID_HANDLE);
        readiness->leaving = !readiness->destroyed;
        return;
    }
    /* Until the handle is dead, which the freeing thread sees to before it waits. */
    for (int i = 0; i < 5000 && tls_secure_pair_destroy(pair) != TLS_ERR_INVALID_HANDLE; i++) {
        pause_ms(1);
    }
    pause_ms(50);
    readiness->returned = true;
}

static void free_on_encrypted(tls_secure_pair *pair, const uint8_t *data, size_t length, void *user_data) {
    struct readiness *readiness = user_data;
    CHECK(data != NULL && length > 0);
    CHECK_OK(tls_secure_pair_free(pair));
    CHECK(!readiness->destroyed);
}

static void on_destroy(void *user_data) {
    struct readiness *readiness = user_data;
    readiness->destroyed = true;
    readiness->destroyed_too_early = !readiness->returned && !readiness->leaving;
}

static void *answer(void *argument) {
    struct readiness *readiness = argument;
    CHECK_OK(tls_request_resolve_context(readiness->request, NULL));
    return NULL;
}

static void open_readiness(struct question *question, struct readiness *readiness) {
    readiness->request = open_question(question);
    CHECK_OK(tls_secure_pair_on_ready(question->server.pair, on_ready, readiness));
    CHECK_OK(tls_secure_pair_set_user_data(question->server.pair, readiness, on_destroy));
}

static void s40_freed_while_on_ready_runs_elsewhere(void) {
    struct question question;
    struct readiness readiness = {0};
    pthread_t thread;
    open_readiness(&question, &readiness);
    REQUIRE(pthread_create(&thread, NULL, answer, &readiness) == 0);
    for (int i = 0; i < 5000 && !readiness.entered; i++) {
        pause_ms(1);
    }
    REQUIRE(readiness.entered);
    /* The callback's own look at the pair may be under way. */
    tls_status status = TLS_ERR_BUSY;
    for (int i = 0; i < 5000 && status == TLS_ERR_BUSY; i++) {
        status = tls_secure_pair_free(question.server.pair);
    }
    CHECK_OK(status);
    CHECK(readiness.returned);
    CHECK(readiness.destroyed);
    CHECK(!readiness.destroyed_too_early);
    question.server.pair = NULL;
    REQUIRE(pthread_join(thread, NULL) == 0);
    close_question(&question);
}

static void s40_freed_by_its_own_on_ready(void) {
    for (int freed = INSIDE; freed <= INSIDE_AN_EVENT; freed++) {
        struct question question;
        struct readiness readiness = {.freed = freed};
        open_readiness(&question, &readiness);
        if (freed == INSIDE_AN_EVENT) {
            CHECK_OK(tls_secure_pair_on_encrypted(question.server.pair, free_on_encrypted, &readiness));
        }
        answer(&readiness);
        CHECK(readiness.leaving);
        CHECK(readiness.destroyed);
        CHECK(!readiness.destroyed_too_early);
        question.server.pair = NULL;
        close_question(&question);
    }
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s40_freed_while_on_ready_runs_elsewhere);
    RUN(s40_freed_by_its_own_on_ready);
    return check_end();
}
