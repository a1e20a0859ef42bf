/* server PORT CERT KEY CA: counts the lines of each client, and tells them who they are. */
#include <pthread.h>
#include <signal.h>
#include "check.h"

/* [connection] */
struct client {
    char name[65];
    unsigned lines;
};

static void on_data(tls_stream *stream, const uint8_t *data, size_t length, void *user_data) {
    struct client *client = user_data;
    for (size_t i = 0; i < length; i++) client->lines += data[i] == '\n';
}

static void on_end(tls_stream *stream, int clean, void *user_data) {
    struct client *client = user_data;
    char answer[128];
    int length = snprintf(answer, sizeof answer, "%s: %u lines%s\n", client->name, client->lines,
                          clean ? "" : ", then you were cut off");
    tls_stream_write(stream, answer, (size_t)length);   /* it goes out before our side ends too */
}

static void on_timeout(tls_stream *stream, void *user_data) {
    tls_stream_destroy(stream);   /* the event by itself ends nothing */
}

static void on_connection(tls_server *server, tls_stream *stream, void *user_data) {
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL) {
        tls_stream_destroy(stream);
        return;
    }
    tls_certificate *certificate = tls_stream_peer_certificate(stream);
    const char *name = tls_certificate_subject_field(certificate, "CN", 0);
    snprintf(client->name, sizeof client->name, "%s", name != NULL ? name : "nobody");
    tls_certificate_free(certificate);

    tls_stream_set_user_data(stream, client, free);   /* freed after the close event, once */
    tls_stream_on_data(stream, on_data, client);
    tls_stream_on_end(stream, on_end, client);
    tls_stream_on_timeout(stream, on_timeout, NULL);
    tls_stream_set_timeout(stream, 30 * 1000);
}
/* [] */

/* [errors] */
static void on_client_error(tls_server *server, const tls_error *error, tls_stream *stream, void *user_data) {
    fprintf(stderr, "%s: %s: %s\n", tls_stream_remote_address(stream), tls_error_name(error),
            tls_error_message(error));
}

static void on_server_error(tls_server *server, const tls_error *error, void *user_data) {
    fprintf(stderr, "accept: %s\n", tls_error_message(error));   /* no descriptors left; it goes on by itself */
}
/* [] */

/* [stop] */
static tls_loop *loop;
static tls_server *server;
static sigset_t stop_signals;   /* blocked in all threads, so that they wait for sigwait */

static void close_server(tls_loop *of, void *user_data) {
    tls_server_close(server);   /* open connections may finish; then tls_loop_run returns */
}

static void *wait_for_signal(void *user_data) {
    int number;
    sigwait(&stop_signals, &number);
    tls_loop_post(loop, close_server, NULL, NULL);   /* any thread may post */
    return NULL;
}
/* [] */

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    sigemptyset(&stop_signals);
    sigaddset(&stop_signals, SIGINT);
    sigaddset(&stop_signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop_signals, NULL);

    loop = tls_loop_new();
    tls_context *context = tls_context_new();
    check(tls_context_set_identity_file(context, argv[2], argv[3], NULL), "certificate and key");
    check(tls_context_add_ca_file(context, argv[4]), "CA");
    server = tls_server_new(loop, context);

    /* [clients] */
    check(tls_server_set_request_cert(server, 1), "ask for certificates");
    check(tls_server_set_reject_unauthorized(server, 1), "refuse who has none that is good");
    /* [] */
    /* [limits] */
    check(tls_server_set_max_connections(server, 1000), "connections");
    check(tls_server_set_handshake_timeout(server, 10 * 1000), "handshake");
    /* [] */
    check(tls_server_on_secure_connection(server, on_connection, NULL), "server");
    check(tls_server_on_client_error(server, on_client_error, NULL), "server");
    check(tls_server_on_error(server, on_server_error, NULL), "server");
    check(tls_server_listen(server, atoi(argv[1]), "127.0.0.1"), "listen");
    printf("listening on port %d\n", (int)tls_server_port(server));
    fflush(stdout);

    pthread_t waiter;
    if (pthread_create(&waiter, NULL, wait_for_signal, NULL) != 0) return 1;
    check(tls_loop_run(loop), "run");
    pthread_join(waiter, NULL);
    check(tls_context_free(context), "free");
    check(tls_loop_free(loop), "free");
    printf("stopped\n");
    return 0;
}
