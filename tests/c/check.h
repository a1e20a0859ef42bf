/* The harness of the C tests: named test functions, checks that count, one line for each test.
 *
 * A failed CHECK is reported and the test goes on; a failed REQUIRE ends the program, for what
 * everything after it stands on. A test also fails if descriptors are left open behind it. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void (*check_function)(void);

/* Takes the program's arguments: with one, only tests whose name contains it are run. */
void check_begin(int argc, char **argv);
void check_run(const char *name, check_function test);
/* The program's exit code. */
int check_end(void);

bool check_that(bool holds, const char *text, const char *file, int line);
bool check_equal(int64_t actual, int64_t expected, const char *text, const char *file, int line);
bool check_text(const char *actual, const char *expected, const char *text, const char *file, int line);
/* Does `actual` contain `part`? */
bool check_part(const char *actual, const char *part, const char *text, const char *file, int line);
void check_give_up(const char *text, const char *file, int line);

#define CHECK(condition) check_that((condition), #condition, __FILE__, __LINE__)
#define CHECK_EQUAL(actual, expected) \
    check_equal((int64_t)(actual), (int64_t)(expected), #actual, __FILE__, __LINE__)
#define CHECK_TEXT(actual, expected) check_text((actual), (expected), #actual, __FILE__, __LINE__)
#define CHECK_PART(actual, part) check_part((actual), (part), #actual, __FILE__, __LINE__)
#define CHECK_OK(call) CHECK_EQUAL((call), TLS_OK)
#define REQUIRE(condition) \
    do { \
        if (!(condition)) check_give_up(#condition, __FILE__, __LINE__); \
    } while (0)
#define RUN(test) check_run(#test, test)

#ifdef __cplusplus
}
#endif

#endif
