/*
 * A tiny HTTPS server for curl and browsers: answers every GET with a line of text.
 *
 *   https_server PORT CERT KEY
 *
 * It shows state per connection (tls_stream_set_user_data), keep-alive and an idle timeout. As an
 * HTTP server it is only a sketch: request bodies are not for it.
 */
#define _POSIX_C_SOURCE 200809L   /* strncasecmp, beside C11 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <tlspair.h>

#define REQUEST_MAX 8192
#define IDLE_MS (10 * 1000)

struct connection {
    char request[REQUEST_MAX + 1];   /* head of the request, as far as it is there, with a NUL */
    size_t length;
    int finished;   /* we have ended; whatever still comes is thrown away */
};

static void report(const char *what, const tls_error *error) {
    fprintf(stderr, "https_server: %s: %s: %s\n", what, tls_error_name(error), tls_error_message(error));
}

static void check(tls_status status, const char *what) {
    if (status < TLS_OK) {
        report(what, tls_last_error());
        exit(1);
    }
}

static void respond(tls_stream *stream, const char *status, const char *body, int with_body, int keep_alive) {
    char head[256];
    int length = snprintf(head, sizeof head,
                          "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\nConnection: %s\r\n\r\n",
                          status, strlen(body), keep_alive ? "keep-alive" : "close");
    /* Small writes of one turn leave as one TLS record. Should one fail, that ends this connection,
     * not the server. */
    if (tls_stream_write(stream, head, (size_t)length) < TLS_OK ||
        (with_body && tls_stream_write(stream, body, strlen(body)) < TLS_OK) ||
        (!keep_alive && tls_stream_end(stream) < TLS_OK)) {
        report("response", tls_last_error());
        tls_stream_destroy(stream);
    }
}

/* Does the head have this line? Header names and these values do not depend on case. */
static int has_line(const char *head, const char *line) {
    size_t length = strlen(line);
    for (const char *at = strstr(head, "\r\n"); at != NULL; at = strstr(at + 2, "\r\n"))
        if (strncasecmp(at + 2, line, length) == 0 && at[2 + length] == '\r') return 1;
    return 0;
}

/* One complete head, with its empty line. Answers whether the connection stays open. */
static int serve(tls_stream *stream, const char *head) {
    int is_get = strncmp(head, "GET ", 4) == 0, is_head = strncmp(head, "HEAD ", 5) == 0;
    size_t line_length = strcspn(head, "\r");
    int is_http_1_1 = line_length > 9 && strncmp(head + line_length - 9, " HTTP/1.1", 9) == 0;
    int keep_alive = is_http_1_1 && !has_line(head, "Connection: close");
    if (!is_get && !is_head) {
        respond(stream, "405 Method Not Allowed", "only GET and HEAD\n", 1, 0);
        return 0;
    }
    char body[256];
    snprintf(body, sizeof body, "hello over %s with %s\n", tls_stream_protocol(stream), tls_stream_cipher_name(stream));
    respond(stream, "200 OK", body, is_get, keep_alive);
    return keep_alive;
}

static void on_data(tls_stream *stream, const uint8_t *data, size_t length, void *user_data) {
    struct connection *connection = user_data;
    while (length > 0 && !connection->finished) {
        size_t room = REQUEST_MAX - connection->length, part = length < room ? length : room;
        memcpy(connection->request + connection->length, data, part);
        connection->length += part;
        connection->request[connection->length] = '\0';
        data += part;
        length -= part;

        for (char *end; !connection->finished && (end = strstr(connection->request, "\r\n\r\n")) != NULL;) {
            size_t used = (size_t)(end + 4 - connection->request);
            char after = connection->request[used];
            connection->request[used] = '\0';
            connection->finished = !serve(stream, connection->request);
            connection->request[used] = after;
            connection->length -= used;
            memmove(connection->request, connection->request + used, connection->length + 1);
        }
        if (connection->length == REQUEST_MAX && !connection->finished) {
            respond(stream, "431 Request Header Fields Too Large", "too much\n", 1, 0);
            connection->finished = 1;
        }
    }
}

static void on_timeout(tls_stream *stream, void *user_data) {
    (void)user_data;
    tls_stream_destroy(stream);
}

static void on_secure_connection(tls_server *server, tls_stream *stream, void *user_data) {
    (void)server;
    (void)user_data;
    struct connection *connection = calloc(1, sizeof *connection);
    /* free is called for it after the close event, whatever ends the connection. */
    if (connection == NULL || tls_stream_set_user_data(stream, connection, free) < TLS_OK) {
        tls_stream_destroy(stream);
        return;
    }
    check(tls_stream_on_data(stream, on_data, connection), "on_data");
    check(tls_stream_on_timeout(stream, on_timeout, NULL), "on_timeout");
    check(tls_stream_set_timeout(stream, IDLE_MS), "timeout");
}

/* A browser that does not know our CA ends here, and so does plain HTTP. */
static void on_client_error(tls_server *server, const tls_error *error, tls_stream *stream, void *user_data) {
    (void)server;
    (void)user_data;
    report(tls_stream_remote_address(stream), error);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s PORT CERT KEY\n", argv[0]);
        return 2;
    }
    tls_loop *loop = tls_loop_new();
    tls_context *context = tls_context_new();
    check(tls_context_set_identity_file(context, argv[2], argv[3], NULL), "certificate and key");
    tls_server *server = tls_server_new(loop, context);
    check(tls_server_on_secure_connection(server, on_secure_connection, NULL), "on_secure_connection");
    check(tls_server_on_client_error(server, on_client_error, NULL), "on_client_error");
    check(tls_server_listen(server, atoi(argv[1]), "127.0.0.1"), "listen");
    printf("listening on https://localhost:%d/\n", (int)tls_server_port(server));
    fflush(stdout);
    check(tls_loop_run(loop), "run");
    check(tls_loop_free(loop), "free the loop");
    return tls_context_free(context);
}
