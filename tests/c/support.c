#include "support.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

double test_scale(void) {
    const char *text = getenv("TLSPAIR_TEST_SCALE");
    double scale = text ? atof(text) : 1.0;
    return scale > 0 ? scale : 1.0;
}

long scaled(long count) {
    long part = (long)((double)count * test_scale());
    return part > 0 ? part : 1;
}

int patience(void) {
    return test_scale() < 0.5 ? 8 : 1;
}

static int64_t clock_ms(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

int64_t now_ms(void) {
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t cpu_ms(void) {
    return clock_ms(CLOCK_PROCESS_CPUTIME_ID);
}

void sleep_ms(int milliseconds) {
    struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

int open_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) {
        return -1;
    }
    int count = 0;
    while (readdir(directory) != NULL) {
        count++;
    }
    closedir(directory);
    return count;
}

long allow_descriptors(long count) {
    struct rlimit limit;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_cur < (rlim_t)count) {
        limit.rlim_cur = (rlim_t)count < limit.rlim_max ? (rlim_t)count : limit.rlim_max;
        REQUIRE(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    }
    return limit.rlim_cur < 1000000 ? (long)limit.rlim_cur : 1000000;
}

long resident_kib(void) {
    FILE *file = fopen("/proc/self/statm", "r");
    long size = 0, resident = 0;
    if (file == NULL || fscanf(file, "%ld %ld", &size, &resident) != 2) {
        resident = 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

bool runs_natively(void) {
    return test_scale() >= 0.5;
}

void run_for(tls_loop *loop, int milliseconds) {
    int64_t deadline = now_ms() + milliseconds;
    while (now_ms() < deadline) {
        tls_loop_run_once(loop, 10);
    }
}

const char *certificate_path(const char *name) {
    static char paths[8][1024];
    static unsigned next;
    const char *directory = getenv("TLSPAIR_TEST_CERTS");
    if (directory == NULL) {
        fprintf(stderr, "TLSPAIR_TEST_CERTS must name a directory that scripts/make-certs filled\n");
        exit(2);
    }
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    return path;
}

char *read_file(const char *path, size_t *length) {
    FILE *file = fopen(path, "rb");
    REQUIRE(file != NULL);
    char *bytes = malloc(1024 * 1024);
    REQUIRE(bytes != NULL);
    *length = fread(bytes, 1, 1024 * 1024 - 1, file);
    bytes[*length] = 0;
    fclose(file);
    return bytes;
}

void use_identity(tls_context *context, const char *name) {
    char certificate[64], key[64];
    if (name == NULL) {
        return;
    }
    snprintf(certificate, sizeof certificate, "%s-cert.pem", name);
    snprintf(key, sizeof key, "%s-key.pem", name);
    REQUIRE(tls_context_set_identity_file(
                context, certificate_path(certificate), certificate_path(key), NULL) == TLS_OK);
}

tls_context *server_context(void) {
    tls_context *context = tls_context_new();
    use_identity(context, "server");
    REQUIRE(tls_context_add_ca_file(context, certificate_path("ca.pem")) == TLS_OK);
    return context;
}

tls_context *client_context(void) {
    tls_context *context = tls_context_new();
    REQUIRE(tls_context_add_ca_file(context, certificate_path("ca.pem")) == TLS_OK);
    return context;
}

tls_context *client_context_with_identity(void) {
    tls_context *context = client_context();
    use_identity(context, "client");
    return context;
}

uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* 251 is prime, so that the pattern falls together with no record or buffer size. */
static uint8_t pattern_at(size_t position) {
    return (uint8_t)(position % 251 ^ position >> 16);
}

void fill_pattern(uint8_t *bytes, size_t length, size_t position) {
    for (size_t i = 0; i < length; i++) {
        bytes[i] = pattern_at(position + i);
    }
}

bool is_pattern(const uint8_t *bytes, size_t length, size_t position) {
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != pattern_at(position + i)) {
            return false;
        }
    }
    return true;
}

void in_a_thread(void *(*work)(void *), void *argument) {
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, work, argument) == 0);
    REQUIRE(pthread_join(thread, NULL) == 0);
}
