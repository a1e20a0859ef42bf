/*
 * The baseline: an echo server as one writes it by hand, with epoll and OpenSSL on the socket
 * (SSL_set_fd), TCP_NODELAY, reading until WANT_READ. One thread.
 *
 *   raw_server cert=FILE key=FILE [port=0] [keep=tickets]
 *
 * Prints its OpenSSL and, when it listens, "port N". Sessions are kept in tickets; `cache`: inside
 * OpenSSL; `store`: outside, in a table; `hold`: inside OpenSSL, and who offers one on TLS 1.3 waits for
 * ever in the client-hello callback.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "store.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECORD_SIZE 16384

struct connection {
    int fd;
    bool secure;
    bool waits_to_write;
    SSL *ssl;
    unsigned char *unwritten; /* what the socket did not take; nothing is read meanwhile */
    size_t unwritten_length;
};

enum outcome { GOES_ON, ENDED, FAILED };

static int epoll_fd;
static SSL_CTX *context;
static unsigned char plaintext[RECORD_SIZE];
static const unsigned char burst[BURST_SIZE];

static void watch(struct connection *connection, bool to_write)
{
    if (connection->waits_to_write == to_write)
        return;
    connection->waits_to_write = to_write;
    struct epoll_event event = {.events = to_write ? EPOLLOUT : EPOLLIN, .data.ptr = connection};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

static void close_connection(struct connection *connection, enum outcome outcome)
{
    if (outcome == ENDED)
        SSL_shutdown(connection->ssl);
    ERR_clear_error();
    SSL_free(connection->ssl);
    close(connection->fd);
    free(connection->unwritten);
    free(connection);
}

static void keep(struct connection *connection, const unsigned char *data, size_t length)
{
    unsigned char *grown = realloc(connection->unwritten, connection->unwritten_length + length);
    if (grown == NULL)
        die("out of memory");
    memcpy(grown + connection->unwritten_length, data, length);
    connection->unwritten = grown;
    connection->unwritten_length += length;
    watch(connection, true);
}

static enum outcome write_all(struct connection *connection, const unsigned char *data, size_t length)
{
    if (connection->unwritten_length > 0) {
        keep(connection, data, length);
        return GOES_ON;
    }
    while (length > 0) {
        int written = SSL_write(connection->ssl, data, (int)length);
        if (written <= 0) {
            if (SSL_get_error(connection->ssl, written) != SSL_ERROR_WANT_WRITE)
                return FAILED;
            keep(connection, data, length);
            return GOES_ON;
        }
        data += written;
        length -= (size_t)written;
    }
    return GOES_ON;
}

static enum outcome write_rest(struct connection *connection)
{
    unsigned char *data = connection->unwritten;
    size_t length = connection->unwritten_length;
    connection->unwritten = NULL;
    connection->unwritten_length = 0;
    enum outcome outcome = write_all(connection, data, length);
    free(data);
    return outcome;
}

static enum outcome answer(struct connection *connection, size_t length)
{
    if (length != 1 || plaintext[0] != BURST_REQUEST)
        return write_all(connection, plaintext, length);
    enum outcome outcome = GOES_ON;
    for (int i = 0; i < BURST_COUNT && outcome == GOES_ON; i++)
        outcome = write_all(connection, burst, sizeof burst);
    return outcome;
}

static enum outcome echo(struct connection *connection)
{
    while (connection->unwritten_length == 0) {
        int length = SSL_read(connection->ssl, plaintext, sizeof plaintext);
        if (length <= 0) {
            int error = SSL_get_error(connection->ssl, length);
            if (error == SSL_ERROR_WANT_READ)
                return GOES_ON;
            return error == SSL_ERROR_ZERO_RETURN ? ENDED : FAILED;
        }
        enum outcome outcome = answer(connection, (size_t)length);
        if (outcome != GOES_ON)
            return outcome;
    }
    return GOES_ON;
}

static enum outcome handshake(struct connection *connection)
{
    int result = SSL_accept(connection->ssl);
    if (result == 1) {
        connection->secure = true;
        watch(connection, false);
        return echo(connection);
    }
    int error = SSL_get_error(connection->ssl, result);
    if (error == SSL_ERROR_WANT_CLIENT_HELLO_CB)
        return GOES_ON;
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE)
        return FAILED;
    watch(connection, error == SSL_ERROR_WANT_WRITE);
    return GOES_ON;
}

static enum outcome on_ready(struct connection *connection)
{
    if (!connection->secure)
        return handshake(connection);
    if (connection->unwritten_length > 0) {
        enum outcome outcome = write_rest(connection);
        if (outcome != GOES_ON || connection->unwritten_length > 0)
            return outcome;
        watch(connection, false);
    }
    return echo(connection);
}

static void accept_all(int listener)
{
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0)
            return;
        struct connection *connection = calloc(1, sizeof *connection);
        SSL *ssl = SSL_new(context);
        if (connection == NULL || ssl == NULL)
            die("out of memory");
        connection->fd = fd;
        connection->ssl = ssl;
        SSL_set_fd(ssl, fd);
        SSL_set_accept_state(ssl);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
    }
}

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    unsigned int id_length;
    const unsigned char *id = SSL_SESSION_get_id(session, &id_length);
    unsigned char *bytes = NULL;
    int length = i2d_SSL_SESSION(session, &bytes);
    if (length <= 0)
        die("a session cannot be serialised");
    store_put(id, id_length, bytes, (size_t)length);
    OPENSSL_free(bytes);
    return 0;
}

static SSL_SESSION *stored_session(SSL *ssl, const unsigned char *id, int length, int *counts)
{
    (void)ssl;
    *counts = 0;
    const struct stored *stored = store_find(id, (size_t)length);
    if (stored == NULL)
        return NULL;
    const unsigned char *bytes = stored->data;
    return d2i_SSL_SESSION(NULL, &bytes, (long)stored->length);
}

static int hold(SSL *ssl, int *alert, void *argument)
{
    (void)alert, (void)argument;
    const unsigned char *identities;
    size_t length;
    int offers = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk, &identities, &length);
    return offers ? SSL_CLIENT_HELLO_RETRY : SSL_CLIENT_HELLO_SUCCESS;
}

static void keep_sessions(SSL_CTX *made, const char *how)
{
    if (strcmp(how, "tickets") == 0)
        return;
    SSL_CTX_set_options(made, SSL_OP_NO_TICKET);
    if (strcmp(how, "store") == 0) {
        SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(made, keep_session);
        SSL_CTX_sess_set_get_cb(made, stored_session);
    } else if (strcmp(how, "hold") == 0) {
        SSL_CTX_set_client_hello_cb(made, hold, NULL);
    } else if (strcmp(how, "cache") != 0) {
        die("unknown way to keep sessions: %s", how);
    }
}

static SSL_CTX *new_context(const char *cert, const char *key)
{
    SSL_CTX *made = SSL_CTX_new(TLS_server_method());
    if (made == NULL || SSL_CTX_use_certificate_chain_file(made, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(made, key, SSL_FILETYPE_PEM) != 1)
        die("cannot use %s with %s", cert, key);
    SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(made, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_session_id_context(made, (const unsigned char *)"bench", 5);
    return made;
}

static int listen_on(int port)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    /* Accepted sockets inherit it. */
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 4096) != 0)
        die("cannot listen on port %d: %s", port, strerror(errno));
    socklen_t length = sizeof address;
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("openssl %s\nport %d\n", OpenSSL_version(OPENSSL_VERSION), ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

int main(int argc, char **argv)
{
    alarm(LIFETIME_SECONDS);
    signal(SIGPIPE, SIG_IGN);
    context = new_context(option_file(argc, argv, "cert"), option_file(argc, argv, "key"));
    keep_sessions(context, option(argc, argv, "keep", "tickets"));
    int listener = listen_on((int)option_number(argc, argv, "port", 0));
    epoll_fd = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);

    struct epoll_event events[512];
    for (;;) {
        int count = epoll_wait(epoll_fd, events, 512, -1);
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            if (connection == NULL) {
                accept_all(listener);
                continue;
            }
            enum outcome outcome = on_ready(connection);
            if (outcome != GOES_ON)
                close_connection(connection, outcome);
        }
    }
}
