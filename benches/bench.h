/* What the benchmark programs share: options, clocks, failing loudly. */
#ifndef BENCH_H
#define BENCH_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The "burst" request: this one byte, answered by BURST_COUNT separate writes of BURST_SIZE bytes. */
#define BURST_REQUEST '!'
#define BURST_COUNT 64
#define BURST_SIZE 64

/* A program that nobody stops ends by itself after this many seconds. */
#define LIFETIME_SECONDS 3600

__attribute__((noreturn, format(printf, 1, 2), unused)) static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

/* The value of "NAME=value" among the arguments, or the fallback. */
__attribute__((unused)) static const char *option(int argc, char **argv, const char *name, const char *fallback)
{
    size_t length = strlen(name);
    for (int i = 1; i < argc; i++)
        if (strncmp(argv[i], name, length) == 0 && argv[i][length] == '=')
            return argv[i] + length + 1;
    return fallback;
}

__attribute__((unused)) static double option_number(int argc, char **argv, const char *name, double fallback)
{
    const char *text = option(argc, argv, name, NULL);
    if (text == NULL)
        return fallback;
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || value < 0)
        die("%s=%s: not a number", name, text);
    return value;
}

/* A file that has to be named. */
__attribute__((unused)) static const char *option_file(int argc, char **argv, const char *name)
{
    const char *path = option(argc, argv, name, NULL);
    if (path == NULL)
        die("%s: %s=FILE is missing", argv[0], name);
    return path;
}

__attribute__((unused)) static double seconds_of(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

#endif
