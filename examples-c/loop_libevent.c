/*
 * tlspair driven by libevent: a TLS echo server whose loop is a descriptor that an event watches,
 * beside a signal and a timer of libevent's own.
 *
 *   loop_libevent PORT CERT KEY [GRACE_MS]
 *
 * PORT 0 takes any free port. SIGINT (Ctrl-C) and SIGTERM let the clients finish within GRACE_MS; a
 * second one does not wait. All TLS is in loop_echo.h.
 */
#include <event2/event.h>
#include <signal.h>
#include <tlspair.h>

#include "loop_echo.h"

struct program {
    struct echo echo;
    struct event_base *base;
    struct event *tls, *interrupt, *terminate, *grace;
};

static void must(int good, const char *what) {
    if (good) return;
    fprintf(stderr, "libevent: %s failed\n", what);
    exit(1);
}

/* Called again at once if that was not all: what one turn leaves over keeps the descriptor readable. */
static void on_readable(evutil_socket_t fd, short what, void *argument) {
    struct program *program = argument;
    if (!echo_turn(&program->echo)) event_base_loopbreak(program->base);
}

static void on_grace_over(evutil_socket_t fd, short what, void *argument) {
    echo_finish(&((struct program *)argument)->echo);
}

static void on_signal(evutil_socket_t number, short what, void *argument) {
    struct program *program = argument;
    unsigned grace_ms = program->echo.grace_ms;
    struct timeval wait = {.tv_sec = grace_ms / 1000, .tv_usec = grace_ms % 1000 * 1000};
    echo_finish(&program->echo);
    must(evtimer_add(program->grace, &wait) == 0, "a timer");
}

int main(int argc, char **argv) {
    struct program program = {.base = event_base_new()};
    must(program.base != NULL, "event_base_new");
    echo_open(&program.echo, argc, argv);

    /* No EV_ET: the descriptor is to be looked at again as long as it is readable. */
    program.tls = event_new(program.base, tls_loop_fd(program.echo.loop), EV_READ | EV_PERSIST, on_readable, &program);
    program.interrupt = evsignal_new(program.base, SIGINT, on_signal, &program);
    program.terminate = evsignal_new(program.base, SIGTERM, on_signal, &program);
    program.grace = evtimer_new(program.base, on_grace_over, &program);
    must(program.tls && program.interrupt && program.terminate && program.grace, "event_new");
    must(event_add(program.tls, NULL) == 0, "watching the descriptor");
    must(evsignal_add(program.interrupt, NULL) == 0 && evsignal_add(program.terminate, NULL) == 0, "a signal");

    must(event_base_dispatch(program.base) == 0, "event_base_dispatch");
    event_free(program.tls);
    event_free(program.interrupt);
    event_free(program.terminate);
    event_free(program.grace);
    event_base_free(program.base);
    echo_free(&program.echo);
    return 0;
}
