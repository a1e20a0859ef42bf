/* 100,000 random 64-bit values as handles, each given to every function: no crash, and each is
 * refused. Real handles live meanwhile, so that there is something to be mistaken for. On a smaller
 * scale the values are as many, and each goes to its share of the functions. */
#include "functions.h"
#include "pairs.h"

#include <stdio.h>
#include <string.h>

static void *random_handle(uint64_t *seed) {
    uint64_t value = next_random(seed);
    switch (next_random(seed) % 4) {
    case 0:
        return (void *)(uintptr_t)value;
    case 1: /* odd, as handles are */
        return (void *)(uintptr_t)(value | 1);
    case 2: /* a plausible address */
        return (void *)(uintptr_t)(value & 0x7fffffffffff);
    default: /* a real one, with a few bits changed */
        return (void *)((uintptr_t)good[value % KINDS] ^ (uintptr_t)(next_random(seed) & next_random(seed) & next_random(seed)));
    }
}

static bool is_real(const void *handle) {
    for (int kind = 0; kind < KINDS; kind++) {
        if (handle == good[kind]) {
            return true;
        }
    }
    return handle == tls_last_error();
}

static void c002_random_values(void) {
    good[CONTEXT] = server_context();
    good[OPTIONS] = tls_connect_options_new();
    good[CERTIFICATE] = some_certificate();
    good[TICKET_RING] = tls_ticket_ring_new();
    good[PAIR] = tls_secure_pair_new(good[CONTEXT], 1, 0, 0);
    good[LOOP] = tls_loop_new();
    good[SERVER] = tls_server_new(good[LOOP], good[CONTEXT]);
    good[STREAM] = tls_connect(good[LOOP], 9, "127.0.0.1", NULL, NULL, NULL);
    good[ERROR] = tls_error_copy(tls_last_error());
    struct question question;
    good[REQUEST] = open_question(&question);
    for (int kind = 0; kind < KINDS; kind++) {
        REQUIRE(good[kind] != NULL);
    }
    uint64_t seed = 0x9e3779b97f4a7c15;
    size_t step = (size_t)(1 / test_scale());
    long accepted = 0;
    for (size_t i = 0; i < 100000; i++) {
        void *handle = random_handle(&seed);
        if (handle == NULL || is_real(handle)) {
            continue;
        }
        for (size_t f = i % step; f < function_count; f += step) {
            if (functions[f].call(handle) != functions[f].refused) {
                printf("  %s took %p\n", functions[f].name, handle);
                accepted++;
            }
        }
    }
    CHECK_EQUAL(accepted, 0);
    CHECK_OK(tls_loop_run_once(good[LOOP], 0));
    CHECK_OK(tls_loop_free(good[LOOP]));
    close_question(&question);
    CHECK_OK(tls_secure_pair_free(good[PAIR]));
    CHECK_OK(tls_certificate_free(good[CERTIFICATE]));
    CHECK_OK(tls_ticket_ring_free(good[TICKET_RING]));
    CHECK_OK(tls_connect_options_free(good[OPTIONS]));
    CHECK_OK(tls_context_free(good[CONTEXT]));
    CHECK_OK(tls_error_free(good[ERROR]));
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c002_random_values);
    return check_end();
}
