/* threads CERT KEY CONNECTIONS: two loops, two threads, one listening socket. Ends after that many. */
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>
#include "check.h"

static tls_loop *loops[2];
static atomic_int left;

static void on_close(tls_stream *stream, int had_error, void *user_data) {
    if (atomic_fetch_sub(&left, 1) != 1) return;
    for (int i = 0; i < 2; i++) check(tls_loop_stop(loops[i]), "stop");   /* any thread may */
}

static void on_connection(tls_server *server, tls_stream *stream, void *user_data) {
    tls_stream_write(stream, "hello\n", 6);
    tls_stream_pipe(stream, stream);
    tls_stream_on_close(stream, on_close, NULL);
}

static int listening_socket(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 128) != 0) exit(1);
    getsockname(fd, (struct sockaddr *)&address, &length);
    printf("listening on port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

/* [threads] */
static void *run(void *loop) {
    check(tls_loop_run(loop), "run");   /* a detached loop belongs to who runs it first */
    check(tls_loop_free(loop), "free");
    return NULL;
}

static void serve(tls_context *context, int fd) {
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        loops[i] = tls_loop_new();
        tls_server *server = tls_server_new(loops[i], context);   /* a context may be shared by all */
        check(tls_server_on_secure_connection(server, on_connection, NULL), "server");
        check(tls_server_listen_fd(server, fd, 0), "listen");     /* 0: the descriptor stays ours */
        check(tls_loop_detach(loops[i]), "detach");
    }
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, run, loops[i]) != 0) exit(1);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
}
/* [] */

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    left = atoi(argv[3]);
    tls_context *context = tls_context_new();
    check(tls_context_set_identity_file(context, argv[1], argv[2], NULL), "certificate and key");
    int fd = listening_socket();
    serve(context, fd);
    close(fd);
    check(tls_context_free(context), "free");
    return 0;
}
