/* post PORT CERT KEY: answers that are made on other threads. */
#include <ctype.h>
#include <pthread.h>
#include <string.h>
#include "check.h"

/* [post] */
struct job {
    tls_loop *loop;
    tls_stream *stream;
    size_t length;
    char text[1024];
};

/* On the loop's thread again. The stream may have closed meanwhile: then its handle is dead, the write
 * answers TLS_ERR_INVALID_HANDLE, and that is all. */
static void answer(tls_loop *loop, void *user_data) {
    struct job *job = user_data;
    tls_stream_write(job->stream, job->text, job->length);
}

static void *work(void *user_data) {
    struct job *job = user_data;
    for (size_t i = 0; i < job->length; i++) job->text[i] = (char)toupper((unsigned char)job->text[i]);
    tls_loop_post(job->loop, answer, job, free);   /* free runs after answer, or instead of it */
    return NULL;
}

static void on_data(tls_stream *stream, const uint8_t *data, size_t length, void *loop) {
    pthread_t thread;
    struct job *job = malloc(sizeof *job);
    if (job != NULL && length <= sizeof job->text) {
        *job = (struct job){.loop = loop, .stream = stream, .length = length};
        memcpy(job->text, data, length);   /* the bytes are ours only until we return */
        if (pthread_create(&thread, NULL, work, job) == 0) {
            pthread_detach(thread);
            return;
        }
    }
    free(job);
    tls_stream_destroy(stream);
}
/* [] */

static void on_connection(tls_server *server, tls_stream *stream, void *loop) {
    tls_stream_on_data(stream, on_data, loop);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    tls_loop *loop = tls_loop_new();
    tls_context *context = tls_context_new();
    check(tls_context_set_identity_file(context, argv[2], argv[3], NULL), "certificate and key");
    tls_server *server = tls_server_new(loop, context);
    check(tls_server_on_secure_connection(server, on_connection, loop), "server");
    check(tls_server_listen(server, atoi(argv[1]), "127.0.0.1"), "listen");
    printf("listening on port %d\n", (int)tls_server_port(server));
    fflush(stdout);
    check(tls_loop_run(loop), "run");
    return 0;
}
