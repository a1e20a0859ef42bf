#include "pairs.h"

#include <stdio.h>
#include <string.h>

static void note(struct side *side, const char *text, char event, const uint8_t *data, size_t length) {
    size_t used = strlen(side->log);
    snprintf(side->log + used, sizeof side->log - used, "%s%s", used > 0 ? " " : "", text);
    if (side->hook != NULL) {
        side->hook(side, event, data, length);
    }
}

static void on_secure(tls_secure_pair *pair, void *user_data) {
    struct side *side = user_data;
    CHECK(side->pair == pair);
    side->secures++;
    note(side, "s", 's', NULL, 0);
}

static void on_data(tls_secure_pair *pair, const uint8_t *data, size_t length, void *user_data) {
    struct side *side = user_data;
    char text[32];
    CHECK(side->pair == pair);
    snprintf(text, sizeof text, "d%zu", length);
    side->pattern_broken |= !is_pattern(data, length, side->received);
    side->received += length;
    side->datas++;
    note(side, text, 'd', data, length);
}

static void on_drain(tls_secure_pair *pair, void *user_data) {
    struct side *side = user_data;
    CHECK(side->pair == pair);
    side->drains++;
    note(side, "D", 'D', NULL, 0);
}

static void on_end(tls_secure_pair *pair, int clean, void *user_data) {
    struct side *side = user_data;
    CHECK(side->pair == pair);
    side->ends++;
    side->clean = clean;
    note(side, clean ? "e" : "E", clean ? 'e' : 'E', NULL, 0);
}

static void on_error(tls_secure_pair *pair, const tls_error *error, void *user_data) {
    struct side *side = user_data;
    CHECK(side->pair == pair);
    side->errors++;
    side->status = tls_error_status(error);
    snprintf(side->error_name, sizeof side->error_name, "%s", tls_error_name(error));
    snprintf(side->error_message, sizeof side->error_message, "%s", tls_error_message(error));
    const char *subject = tls_error_verify_subject(error);
    snprintf(side->error_subject, sizeof side->error_subject, "%s", subject == NULL ? "" : subject);
    note(side, "x", 'x', NULL, 0);
}

static void on_close(tls_secure_pair *pair, int had_error, void *user_data) {
    struct side *side = user_data;
    CHECK(side->pair == pair);
    side->closes++;
    side->had_error = had_error;
    note(side, had_error ? "c1" : "c0", 'c', NULL, 0);
}

void side_watch(struct side *side, tls_secure_pair *pair) {
    REQUIRE(pair != NULL);
    side->pair = pair;
    CHECK_OK(tls_secure_pair_on_secure(pair, on_secure, side));
    CHECK_OK(tls_secure_pair_on_data(pair, on_data, side));
    CHECK_OK(tls_secure_pair_on_drain(pair, on_drain, side));
    CHECK_OK(tls_secure_pair_on_end(pair, on_end, side));
    CHECK_OK(tls_secure_pair_on_error(pair, on_error, side));
    CHECK_OK(tls_secure_pair_on_close(pair, on_close, side));
}

void side_open_client(struct side *side, tls_context *context) {
    memset(side, 0, sizeof *side);
    side_watch(side, tls_secure_pair_new(context, 0, 0, 1));
    CHECK_OK(tls_secure_pair_set_servername(side->pair, "localhost"));
}

void side_open_server(struct side *side, tls_context *context) {
    memset(side, 0, sizeof *side);
    side_watch(side, tls_secure_pair_new(context, 1, 0, 0));
}

void side_free(struct side *side) {
    CHECK_OK(tls_secure_pair_free(side->pair));
    CHECK(side->closes <= 1);
    CHECK(side->errors <= 1);
}

size_t shuttle_once(tls_secure_pair *from, tls_secure_pair *to, size_t split) {
    static _Thread_local uint8_t bytes[64 * 1024];
    size_t size = split == 0 || split > sizeof bytes ? sizeof bytes : split;
    size_t moved = 0, length = 0;
    while (tls_secure_pair_take(from, bytes, size, &length) == TLS_OK && length > 0) {
        moved += length;
        /* A failure is told by the error event too. */
        tls_secure_pair_feed(to, bytes, length, NULL);
    }
    return moved;
}

void shuttle(tls_secure_pair *one, tls_secure_pair *other, size_t split) {
    for (int turn = 0; turn < 10000; turn++) {
        size_t moved = shuttle_once(one, other, split);
        moved += shuttle_once(other, one, split);
        if (moved == 0) {
            return;
        }
    }
    CHECK(!"the shuttle comes to rest");
}

void shuttle_to_secure(struct side *client, struct side *server) {
    CHECK_OK(tls_secure_pair_start(client->pair));
    shuttle(client->pair, server->pair, 0);
    CHECK_EQUAL(client->secures, 1);
    CHECK_EQUAL(server->secures, 1);
}

tls_certificate *some_certificate(void) {
    tls_context *servers = server_context(), *clients = client_context();
    struct side client, server;
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    shuttle_to_secure(&client, &server);
    tls_certificate *certificate = tls_secure_pair_peer_certificate(client.pair);
    REQUIRE(certificate != NULL);
    side_free(&client);
    side_free(&server);
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
    return certificate;
}

static void keep_request(tls_secure_pair *pair, const char *servername, tls_request *request, void *user_data) {
    struct question *question = user_data;
    CHECK(question->server.pair == pair);
    CHECK_TEXT(servername, "localhost");
    question->request = request;
}

tls_request *open_question(struct question *question) {
    tls_context *servers = server_context(), *clients = client_context();
    question->request = NULL;
    side_open_client(&question->client, clients);
    side_open_server(&question->server, servers);
    CHECK_OK(tls_secure_pair_on_sni(question->server.pair, keep_request, question));
    CHECK_OK(tls_secure_pair_start(question->client.pair));
    shuttle(question->client.pair, question->server.pair, 0);
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
    REQUIRE(question->request != NULL);
    return question->request;
}

void close_question(struct question *question) {
    side_free(&question->client);
    side_free(&question->server);
}
