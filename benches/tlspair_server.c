/*
 * The same echo server through <tlspair.h>.
 *
 *   tlspair_server cert=FILE key=FILE [port=0] [keep=tickets]
 *
 * Prints its OpenSSL and, when it listens, "port N". Sessions are kept in tickets; `cache`: inside the
 * library; `store`: outside, in a table; `later`: in the same, which answers after a while; `hold`:
 * outside, with no answer at all.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "store.h"
#include "answerer.h"

#include <tlspair.h>

static const uint8_t burst[BURST_SIZE];

static void check(tls_status status, const char *what)
{
    if (status < TLS_OK)
        die("%s: %s", what, tls_error_message(tls_last_error()));
}

static void on_drain(tls_stream *stream, void *user_data)
{
    (void)user_data;
    tls_stream_resume(stream);
}

static void on_data(tls_stream *stream, const uint8_t *data, size_t length, void *user_data)
{
    (void)user_data;
    if (length == 1 && data[0] == BURST_REQUEST) {
        for (int i = 0; i < BURST_COUNT; i++)
            tls_stream_write(stream, burst, sizeof burst);
        return;
    }
    if (tls_stream_write(stream, data, length) == TLS_FULL)
        tls_stream_pause(stream);
}

static void on_secure_connection(tls_server *server, tls_stream *stream, void *user_data)
{
    (void)server;
    (void)user_data;
    tls_stream_on_data(stream, on_data, NULL);
    tls_stream_on_drain(stream, on_drain, NULL);
}

static void on_new_session(tls_server *server, tls_stream *stream, const uint8_t *id, size_t id_length,
                           const uint8_t *session, size_t length, void *user_data)
{
    (void)server, (void)stream, (void)user_data;
    store_put(id, id_length, session, length);
}

static void answer_at_once(tls_server *server, tls_stream *stream, const uint8_t *id, size_t length,
                           tls_request *request, void *user_data)
{
    (void)server, (void)stream, (void)user_data;
    const struct stored *stored = store_find(id, length);
    check(tls_request_resolve_session(request, stored ? stored->data : NULL, stored ? stored->length : 0), "answer");
}

static void answer_later(tls_server *server, tls_stream *stream, const uint8_t *id, size_t length,
                         tls_request *request, void *user_data)
{
    (void)server, (void)stream, (void)user_data;
    ask_later(request, store_find(id, length));
}

static void answer_never(tls_server *server, tls_stream *stream, const uint8_t *id, size_t length,
                         tls_request *request, void *user_data)
{
    (void)server, (void)stream, (void)id, (void)length, (void)request, (void)user_data;
}

static void keep_sessions(tls_server *server, const char *how)
{
    if (strcmp(how, "tickets") == 0)
        return;
    if (strcmp(how, "cache") == 0) {
        check(tls_server_set_session_tickets(server, 0), "tickets");
        return;
    }
    if (strcmp(how, "store") == 0) {
        check(tls_server_on_resume_session(server, answer_at_once, NULL), "sessions");
    } else if (strcmp(how, "later") == 0) {
        check(tls_server_on_resume_session(server, answer_later, NULL), "sessions");
        start_answerer();
    } else if (strcmp(how, "hold") == 0) {
        check(tls_server_on_resume_session(server, answer_never, NULL), "sessions");
        check(tls_server_set_resume_session_timeout(server, LIFETIME_SECONDS * 1000), "timeout");
    } else {
        die("unknown way to keep sessions: %s", how);
    }
    check(tls_server_on_new_session(server, on_new_session, NULL), "sessions");
}

static void on_listening(tls_server *server, void *user_data)
{
    (void)user_data;
    printf("openssl %s\nport %d\n", tls_openssl_version(), (int)tls_server_port(server));
    fflush(stdout);
}

static void on_error(tls_server *server, const tls_error *error, void *user_data)
{
    (void)server;
    (void)user_data;
    die("server: %s", tls_error_message(error));
}

int main(int argc, char **argv)
{
    alarm(LIFETIME_SECONDS);
    const char *cert = option_file(argc, argv, "cert");
    const char *key = option_file(argc, argv, "key");

    tls_loop *loop = tls_loop_new();
    tls_context *context = tls_context_new();
    check(tls_context_set_identity_file(context, cert, key, NULL), "identity");

    tls_server *server = tls_server_new(loop, context);
    check(tls_server_on_secure_connection(server, on_secure_connection, NULL), "server");
    check(tls_server_on_listening(server, on_listening, NULL), "server");
    check(tls_server_on_error(server, on_error, NULL), "server");
    keep_sessions(server, option(argc, argv, "keep", "tickets"));
    check(tls_server_listen(server, (int32_t)option_number(argc, argv, "port", 0), "127.0.0.1"), "listen");
    check(tls_loop_run(loop), "run");

    tls_loop_free(loop);
    tls_context_free(context);
    return 0;
}
