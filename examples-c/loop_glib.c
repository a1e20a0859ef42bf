/*
 * tlspair driven by GLib, so also in programs of GTK: a TLS echo server whose loop is a descriptor that
 * a GMainLoop watches, beside a signal and a timer of GLib's own.
 *
 *   loop_glib PORT CERT KEY [GRACE_MS]
 *
 * PORT 0 takes any free port. SIGINT (Ctrl-C) and SIGTERM let the clients finish within GRACE_MS; a
 * second one does not wait. All TLS is in loop_echo.h.
 */
#include <glib-unix.h>
#include <signal.h>
#include <tlspair.h>

#include "loop_echo.h"

struct program {
    struct echo echo;
    GMainLoop *main_loop;
    guint grace;   /* the timer's number, 0 for none */
};

/* Called again at once if that was not all: what one turn leaves over keeps the descriptor readable. */
static gboolean on_readable(gint fd, GIOCondition condition, gpointer user_data) {
    struct program *program = user_data;
    if (!echo_turn(&program->echo)) g_main_loop_quit(program->main_loop);
    return G_SOURCE_CONTINUE;
}

static gboolean on_grace_over(gpointer user_data) {
    struct program *program = user_data;
    program->grace = 0;
    echo_finish(&program->echo);
    return G_SOURCE_REMOVE;
}

static gboolean on_signal(gpointer user_data) {
    struct program *program = user_data;
    echo_finish(&program->echo);
    if (program->grace == 0) program->grace = g_timeout_add(program->echo.grace_ms, on_grace_over, program);
    return G_SOURCE_CONTINUE;
}

int main(int argc, char **argv) {
    struct program program = {.main_loop = g_main_loop_new(NULL, FALSE)};
    echo_open(&program.echo, argc, argv);

    /* Another thread's GMainContext, or another priority: g_unix_fd_source_new and g_source_attach. */
    guint tls = g_unix_fd_add(tls_loop_fd(program.echo.loop), G_IO_IN, on_readable, &program);
    guint interrupt = g_unix_signal_add(SIGINT, on_signal, &program);
    guint terminate = g_unix_signal_add(SIGTERM, on_signal, &program);

    g_main_loop_run(program.main_loop);
    g_source_remove(tls);
    g_source_remove(interrupt);
    g_source_remove(terminate);
    if (program.grace != 0) g_source_remove(program.grace);
    g_main_loop_unref(program.main_loop);
    echo_free(&program.echo);
    return 0;
}
