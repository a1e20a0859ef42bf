/* Secure pairs for the tests: a side writes down what its pair tells, a shuttle carries the bytes
 * between two of them. */
#ifndef PAIRS_H
#define PAIRS_H

#include "support.h"

struct side {
    tls_secure_pair *pair;
    /* "s" secure, "d5" data of 5 bytes, "D" drain, "e" end, "E" truncated end, "x" error, "c0" close,
     * "c1" close after an error; blanks between them; cut when full. */
    char log[512];
    size_t received;
    bool pattern_broken;
    int secures, datas, drains, ends, errors, closes;
    int clean, had_error;
    tls_status status;
    char error_name[64];
    char error_message[256];
    char error_subject[128];
    /* Called for each event, after it was written down. */
    void (*hook)(struct side *side, char event, const uint8_t *data, size_t length);
    void *context;
};

/* Registers all callbacks but on_encrypted. */
void side_watch(struct side *side, tls_secure_pair *pair);
/* A client that verifies `localhost`, or a server that asks for nothing; watched. */
void side_open_client(struct side *side, tls_context *context);
void side_open_server(struct side *side, tls_context *context);
void side_free(struct side *side);

/* Carries bytes both ways in pieces of `split` (0: as large as they come) until nothing moves. */
void shuttle(tls_secure_pair *one, tls_secure_pair *other, size_t split);
/* One direction only: how many bytes moved. */
size_t shuttle_once(tls_secure_pair *from, tls_secure_pair *to, size_t split);
/* Through the handshake, checked. */
void shuttle_to_secure(struct side *client, struct side *server);
/* The certificate of server-cert.pem as a client sees it; free it. */
tls_certificate *some_certificate(void);

/* A server's pair whose client has asked for a name, and the request that waits for the answer. */
struct question {
    struct side client, server;
    tls_request *request;
};
tls_request *open_question(struct question *question);
void close_question(struct question *question);

#endif
