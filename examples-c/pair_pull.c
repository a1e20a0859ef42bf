/*
 * TLS over a transport of one's own: two secure pairs in pull mode over a plain socketpair(2).
 *
 *   pair_pull CERT KEY CA
 *
 * In pull mode nothing is pushed at the program. It takes encrypted bytes when the transport has
 * room, feeds what the transport brought, and reads plaintext when it wants some; a pair that is not
 * read from stops taking, so memory stays bounded. 4 MiB go to the server and come back.
 */
#define _POSIX_C_SOURCE 200809L   /* sockets, beside C11 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <tlspair.h>

#define TOTAL ((size_t)4 * 1024 * 1024)

struct side {
    const char *name;
    tls_secure_pair *pair;
    int fd;
    unsigned char out[16384], in[16384];   /* encrypted: taken but not sent, received but not fed */
    size_t out_length, out_sent, in_length, in_fed;
    size_t position;                       /* in the plaintext: written (client) or read (server) */
    int full;                              /* a write said TLS_FULL: wait for the drain event */
    int transport_ended, closed;
};

static void fail(const char *name, const char *what) {
    fprintf(stderr, "pair_pull: %s: %s\n", name, what);
    exit(1);
}

static void check(tls_status status, const char *what) {
    if (status < TLS_OK) fail(what, tls_error_message(tls_last_error()));
}

static unsigned char pattern(size_t position) { return (unsigned char)(position % 251); }

/* What is no stream of bytes still comes as an event, also in pull mode. */
static void on_drain(tls_secure_pair *pair, void *user_data) {
    (void)pair;
    ((struct side *)user_data)->full = 0;
}

static void on_error(tls_secure_pair *pair, const tls_error *error, void *user_data) {
    (void)pair;
    fail(((struct side *)user_data)->name, tls_error_message(error));
}

/* A pair leaves it to us whether our direction ends with the other one. Here it does. */
static void on_end(tls_secure_pair *pair, int clean, void *user_data) {
    if (!clean) fail(((struct side *)user_data)->name, "the other side was cut off");
    check(tls_secure_pair_end(pair), "end");
}

static void on_close(tls_secure_pair *pair, int had_error, void *user_data) {
    (void)pair;
    (void)had_error;   /* on_error has told already */
    ((struct side *)user_data)->closed = 1;
}

/* Transport to pair. Answers whether anything moved. */
static int move_in(struct side *side) {
    if (side->in_fed == side->in_length && !side->transport_ended) {
        ssize_t length = recv(side->fd, side->in, sizeof side->in, 0);
        if (length < 0 && errno != EAGAIN && errno != EINTR) fail(side->name, "recv");
        if (length < 0) return 0;
        side->in_length = (size_t)length;
        side->in_fed = 0;
        if (length == 0) {
            side->transport_ended = 1;
            if (!side->closed) check(tls_secure_pair_feed_eof(side->pair), "feed_eof");
            return 1;
        }
    }
    if (side->in_fed == side->in_length || side->closed) return 0;
    size_t consumed = 0;   /* less than was offered when there is plaintext to read first */
    check(tls_secure_pair_feed(side->pair, side->in + side->in_fed, side->in_length - side->in_fed, &consumed), "feed");
    side->in_fed += consumed;
    return consumed > 0;
}

/* Pair to transport. */
static int move_out(struct side *side) {
    if (side->out_sent == side->out_length) {
        side->out_sent = 0;
        check(tls_secure_pair_take(side->pair, side->out, sizeof side->out, &side->out_length), "take");
    }
    if (side->out_sent == side->out_length) return 0;
    ssize_t sent = send(side->fd, side->out + side->out_sent, side->out_length - side->out_sent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) fail(side->name, "send");
    if (sent > 0) side->out_sent += (size_t)sent;
    return sent > 0;
}

/* The client writes while the pair wants more, then ends. */
static int produce(struct side *client) {
    unsigned char data[4096];
    if (client->full || client->position == TOTAL) return 0;
    for (size_t i = 0; i < sizeof data; i++) data[i] = pattern(client->position + i);
    tls_status status = tls_secure_pair_write(client->pair, data, sizeof data);
    check(status, "write");
    client->full = status == TLS_FULL;   /* taken all the same, but now wait for the drain event */
    client->position += sizeof data;
    if (client->position == TOTAL) check(tls_secure_pair_end(client->pair), "end");
    return 1;
}

/* The server reads; nothing to read is a length of 0 and no error. */
static int consume(struct side *server) {
    unsigned char data[3000];
    size_t length = 0;
    check(tls_secure_pair_read(server->pair, data, sizeof data, &length), "read");
    for (size_t i = 0; i < length; i++)
        if (data[i] != pattern(server->position + i)) fail(server->name, "something else arrived");
    server->position += length;
    return length > 0;
}

static void prepare(struct side *side, int fd) {
    if (side->pair == NULL) fail(side->name, tls_error_message(tls_last_error()));
    side->fd = fd;
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0) fail(side->name, "fcntl");
    check(tls_secure_pair_on_drain(side->pair, on_drain, side), "on_drain");
    check(tls_secure_pair_on_end(side->pair, on_end, side), "on_end");
    check(tls_secure_pair_on_error(side->pair, on_error, side), "on_error");
    check(tls_secure_pair_on_close(side->pair, on_close, side), "on_close");
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: %s CERT KEY CA\n", argv[0]);
        return 2;
    }
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) fail("socketpair", "cannot be made");
    tls_context *server_context = tls_context_new(), *client_context = tls_context_new();
    check(tls_context_set_identity_file(server_context, argv[1], argv[2], NULL), argv[1]);
    check(tls_context_add_ca_file(client_context, argv[3]), argv[3]);

    static struct side server = {.name = "server"}, client = {.name = "client"};
    server.pair = tls_secure_pair_new(server_context, 1, 0, 0);
    client.pair = tls_secure_pair_new(client_context, 0, 0, 1);
    prepare(&server, fds[0]);
    prepare(&client, fds[1]);
    check(tls_secure_pair_set_servername(client.pair, "localhost"), "servername");
    check(tls_secure_pair_start(client.pair), "start");

    /* Both ends are in this program, so there is always something to do until all is done. With the
     * other end elsewhere one would poll(2) the socket here. */
    for (int moved = 1; moved && !(server.closed && client.closed);)
        moved = produce(&client) | move_out(&client) | move_in(&server) | consume(&server) |
                move_out(&server) | move_in(&client);
    printf("%zu bytes written, %zu read, %s, %s\n", client.position, server.position,
           tls_secure_pair_protocol(client.pair), tls_secure_pair_cipher_name(client.pair));

    check(tls_secure_pair_free(server.pair), "free the server's pair");
    check(tls_secure_pair_free(client.pair), "free the client's pair");
    check(tls_context_free(server_context), "free the server's context");
    check(tls_context_free(client_context), "free the client's context");
    return !(server.closed && client.closed && server.position == TOTAL);
}
