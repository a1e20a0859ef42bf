/* poll CERT KEY: a server beside other things that poll(2) waits for; it ends with the standard input. */
#include <poll.h>
#include <unistd.h>
#include "check.h"

static void on_connection(tls_server *server, tls_stream *stream, void *user_data) {
    tls_stream_write(stream, "hello\n", 6);
    tls_stream_pipe(stream, stream);
}

static void on_close(tls_server *server, void *user_data) {
    *(int *)user_data = 1;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    tls_loop *loop = tls_loop_new();
    tls_context *context = tls_context_new();
    check(tls_context_set_identity_file(context, argv[1], argv[2], NULL), "certificate and key");
    tls_server *server = tls_server_new(loop, context);
    int closed = 0;
    check(tls_server_on_secure_connection(server, on_connection, NULL), "server");
    check(tls_server_on_close(server, on_close, &closed), "server");
    check(tls_server_listen(server, 0, "127.0.0.1"), "listen");
    printf("listening on port %d\n", (int)tls_server_port(server));
    fflush(stdout);

    /* [poll] */
    struct pollfd waiting[2] = {
        {.fd = tls_loop_fd(loop), .events = POLLIN},
        {.fd = STDIN_FILENO, .events = POLLIN},
    };
    while (!closed) {
        if (poll(waiting, 2, -1) < 0) break;
        if (waiting[0].revents != 0) check(tls_loop_run_once(loop, 0), "turn");   /* 0: do not wait */
        if (waiting[1].revents != 0) {
            char byte;
            if (read(STDIN_FILENO, &byte, 1) > 0) continue;
            waiting[1].fd = -1;
            check(tls_server_close(server), "close");
        }
    }
    /* [] */
    check(tls_context_free(context), "free");
    check(tls_loop_free(loop), "free");
    return !closed;
}
