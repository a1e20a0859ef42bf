#include "check.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    const char *filter;
    const char *test;
    int run;
    int failed;
    bool test_failed;
} state;

void check_begin(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    state.filter = argc > 1 ? argv[1] : "";
}

void check_run(const char *name, check_function test) {
    if (strstr(name, state.filter) == NULL) {
        return;
    }
    state.test = name;
    state.test_failed = false;
    state.run++;
    int before = open_descriptors();
    /* A test that hangs ends the program by SIGALRM. */
    alarm((unsigned)(150 * patience()));
    test();
    alarm(0);
    /* A thread that looked a name up may be about to let go of its loop. */
    int64_t deadline = now_ms() + 1000 * patience();
    while (open_descriptors() > before && now_ms() < deadline) {
        sleep_ms(5);
    }
    check_equal(open_descriptors(), before, "descriptors open after the test", name, 0);
    if (state.test_failed) {
        state.failed++;
    }
    printf("%s %s\n", state.test_failed ? "not ok" : "ok", name);
}

int check_end(void) {
    printf("%d tests, %d failed\n", state.run, state.failed);
    return state.failed == 0 && state.run > 0 ? 0 : 1;
}

static void failed(const char *file, int line) {
    state.test_failed = true;
    printf("  %s:%d: ", file, line);
}

bool check_that(bool holds, const char *text, const char *file, int line) {
    if (!holds) {
        failed(file, line);
        printf("%s does not hold\n", text);
    }
    return holds;
}

bool check_equal(int64_t actual, int64_t expected, const char *text, const char *file, int line) {
    if (actual != expected) {
        failed(file, line);
        printf("%s is %lld, not %lld\n", text, (long long)actual, (long long)expected);
    }
    return actual == expected;
}

bool check_text(const char *actual, const char *expected, const char *text, const char *file, int line) {
    bool same = actual == expected || (actual && expected && strcmp(actual, expected) == 0);
    if (!same) {
        failed(file, line);
        printf("%s is \"%s\", not \"%s\"\n", text, actual ? actual : "(null)", expected ? expected : "(null)");
    }
    return same;
}

bool check_part(const char *actual, const char *part, const char *text, const char *file, int line) {
    bool found = actual && strstr(actual, part);
    if (!found) {
        failed(file, line);
        printf("%s is \"%s\", without \"%s\"\n", text, actual ? actual : "(null)", part);
    }
    return found;
}

void check_give_up(const char *text, const char *file, int line) {
    printf("  %s:%d: %s does not hold; last error: %s: %s\nnot ok %s\n", file, line, text,
        tls_error_name(tls_last_error()), tls_error_message(tls_last_error()),
        state.test ? state.test : "(outside a test)");
    exit(1);
}
