/*
 * tlspair driven by libuv: a TLS echo server whose loop is a descriptor that uv_poll_t watches, beside
 * a signal and a timer of libuv's own.
 *
 *   loop_libuv PORT CERT KEY [GRACE_MS]
 *
 * PORT 0 takes any free port. SIGINT (Ctrl-C) and SIGTERM let the clients finish within GRACE_MS; a
 * second one does not wait. All TLS is in loop_echo.h.
 */
#include <signal.h>
#include <tlspair.h>
#include <uv.h>

#include "loop_echo.h"

static uv_timer_t grace;
static uv_signal_t interrupt, terminate;
static uv_poll_t tls;

static void must(int status, const char *what) {
    if (status >= 0) return;
    fprintf(stderr, "%s: %s\n", what, uv_strerror(status));
    exit(1);
}

static void close_handle(uv_handle_t *handle, void *argument) { uv_close(handle, NULL); }

/* Called again at once if that was not all: what one turn leaves over keeps the descriptor readable. */
static void on_readable(uv_poll_t *poll, int status, int events) {
    must(status, "poll");
    if (!echo_turn(poll->data)) uv_walk(poll->loop, close_handle, NULL);   /* and so uv_run returns */
}

static void on_grace_over(uv_timer_t *timer) { echo_finish(timer->data); }

static void on_signal(uv_signal_t *signal, int number) {
    struct echo *echo = signal->data;
    echo_finish(echo);
    must(uv_timer_start(&grace, on_grace_over, echo->grace_ms, 0), "timer");
}

int main(int argc, char **argv) {
    struct echo echo;
    echo_open(&echo, argc, argv);

    uv_loop_t *loop = uv_default_loop();
    tls.data = grace.data = interrupt.data = terminate.data = &echo;
    must(uv_poll_init(loop, &tls, tls_loop_fd(echo.loop)), "poll");
    must(uv_poll_start(&tls, UV_READABLE, on_readable), "poll");
    must(uv_timer_init(loop, &grace), "timer");
    must(uv_signal_init(loop, &interrupt), "signal");
    must(uv_signal_start(&interrupt, on_signal, SIGINT), "signal");
    must(uv_signal_init(loop, &terminate), "signal");
    must(uv_signal_start(&terminate, on_signal, SIGTERM), "signal");

    must(uv_run(loop, UV_RUN_DEFAULT), "run");
    must(uv_loop_close(loop), "close");
    echo_free(&echo);
    return 0;
}
