/* own_transport HOST PORT CA NAME: TLS over a blocking socket, without the library's loop. */
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include "check.h"

static int connect_to(const char *host, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    if (getaddrinfo(host, port, &hints, &found) != 0) exit(1);
    int fd = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (connect(fd, found->ai_addr, found->ai_addrlen) != 0) exit(1);
    freeaddrinfo(found);
    return fd;
}

/* [callbacks] */
struct link {
    int fd, closed, failed;
};

/* Encrypted bytes for the transport, whatever that is: here a socket. */
static void on_encrypted(tls_secure_pair *pair, const uint8_t *data, size_t length, void *user_data) {
    struct link *link = user_data;
    while (length > 0) {
        ssize_t sent = send(link->fd, data, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            tls_secure_pair_destroy(pair);
            return;
        }
        data += sent;
        length -= (size_t)sent;
    }
}

static void on_secure(tls_secure_pair *pair, void *user_data) {
    tls_secure_pair_write(pair, "how are you?\n", 13);
    tls_secure_pair_end(pair);
}

static void on_data(tls_secure_pair *pair, const uint8_t *data, size_t length, void *user_data) {
    fwrite(data, 1, length, stdout);
}

static void on_error(tls_secure_pair *pair, const tls_error *error, void *user_data) {
    fprintf(stderr, "%s: %s\n", tls_error_name(error), tls_error_message(error));
}

static void on_close(tls_secure_pair *pair, int had_error, void *user_data) {
    struct link *link = user_data;
    link->closed = 1;
    link->failed = had_error;
}
/* [] */

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    tls_context *context = tls_context_new();
    check(tls_context_add_ca_file(context, argv[3]), "CA");
    /* [run] */
    struct link link = {.fd = connect_to(argv[1], argv[2])};
    tls_secure_pair *pair = tls_secure_pair_new(context, 0, 0, 1);   /* a client, which verifies */
    check(tls_secure_pair_set_servername(pair, argv[4]), "name");
    check(tls_secure_pair_on_encrypted(pair, on_encrypted, &link), "pair");
    check(tls_secure_pair_on_secure(pair, on_secure, &link), "pair");
    check(tls_secure_pair_on_data(pair, on_data, &link), "pair");
    check(tls_secure_pair_on_error(pair, on_error, &link), "pair");
    check(tls_secure_pair_on_close(pair, on_close, &link), "pair");
    check(tls_secure_pair_start(pair), "start");   /* the client's hello is sent in here */

    while (!link.closed) {
        char bytes[16384];
        ssize_t length = recv(link.fd, bytes, sizeof bytes, 0);
        if (length > 0)
            tls_secure_pair_feed(pair, bytes, (size_t)length, NULL);   /* what fails comes as the error event */
        else
            tls_secure_pair_feed_eof(pair);
    }
    check(tls_secure_pair_free(pair), "free");
    /* [] */
    check(tls_context_free(context), "free");
    return link.failed;
}
