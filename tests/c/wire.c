/* Raw sockets, and the wire of support.h. */
#include "support.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int raw_connect(int32_t port) {
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(made >= 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    /* The kernel completes it without an accept. */
    REQUIRE(connect(made, (struct sockaddr *)&address, sizeof address) == 0);
    REQUIRE(fcntl(made, F_SETFL, O_NONBLOCK) == 0);
    return made;
}

void raw_pair(int domain, int sockets[2]) {
    if (domain == AF_UNIX) {
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
        return;
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 1) == 0);
    REQUIRE(getsockname(listener, (struct sockaddr *)&address, &length) == 0);
    sockets[0] = raw_connect(ntohs(address.sin_port));
    REQUIRE(fcntl(sockets[0], F_SETFL, 0) == 0);
    sockets[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    REQUIRE(sockets[1] >= 0);
    close(listener);
}

bool is_open_descriptor(int descriptor) {
    return fcntl(descriptor, F_GETFD) >= 0;
}

bool is_blocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    CHECK(flags >= 0);
    return (flags & O_NONBLOCK) == 0;
}

bool raw_send(int socket, const void *data, size_t length) {
    const char *rest = data;
    int64_t deadline = now_ms() + 5000;
    while (length > 0 && now_ms() < deadline) {
        ssize_t sent = send(socket, rest, length, MSG_NOSIGNAL);
        if (sent > 0) {
            rest += sent;
            length -= (size_t)sent;
        } else if (errno == EAGAIN) {
            struct pollfd wait = {.fd = socket, .events = POLLOUT};
            poll(&wait, 1, 100);
        } else {
            return false;
        }
    }
    return length == 0;
}

void raw_reset(int socket) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    close(socket);
}

bool raw_is_closed(int socket) {
    return raw_gather(socket, NULL, 0, &(size_t){0});
}

bool raw_gather(int socket, uint8_t *bytes, size_t capacity, size_t *length) {
    uint8_t scrap[4096];
    for (;;) {
        bool full = *length == capacity;
        ssize_t count = recv(socket, full ? scrap : bytes + *length, full ? sizeof scrap : capacity - *length, 0);
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
            return true;
        }
        if (count < 0) {
            return false;
        }
        *length += full ? 0 : (size_t)count;
    }
}

static void wire_is_secure(tls_secure_pair *pair, void *user_data) {
    struct wire *wire = user_data;
    CHECK(wire->pair == pair);
    wire->secure++;
}

static void wire_got_data(tls_secure_pair *pair, const uint8_t *data, size_t length, void *user_data) {
    struct wire *wire = user_data;
    CHECK(wire->pair == pair && data != NULL);
    wire->received += length;
}

static void wire_ended(tls_secure_pair *pair, int clean, void *user_data) {
    struct wire *wire = user_data;
    CHECK(wire->pair == pair);
    wire->ends++;
    wire->clean = clean;
}

static void wire_failed(tls_secure_pair *pair, const tls_error *error, void *user_data) {
    struct wire *wire = user_data;
    CHECK(wire->pair == pair && error != NULL);
    wire->errors++;
}

void wire_open(struct wire *wire, struct rig *rig) {
    wire_open_offering(wire, rig, NULL, 0);
}

void wire_open_offering(struct wire *wire, struct rig *rig, const uint8_t *session, size_t length) {
    memset(wire, 0, sizeof *wire);
    wire->socket = raw_connect(rig->port);
    wire->pair = tls_secure_pair_new(rig->client_context, 0, 0, 1);
    REQUIRE(wire->pair != NULL);
    CHECK_OK(tls_secure_pair_set_servername(wire->pair, "localhost"));
    CHECK_OK(tls_secure_pair_on_secure(wire->pair, wire_is_secure, wire));
    CHECK_OK(tls_secure_pair_on_data(wire->pair, wire_got_data, wire));
    CHECK_OK(tls_secure_pair_on_end(wire->pair, wire_ended, wire));
    CHECK_OK(tls_secure_pair_on_error(wire->pair, wire_failed, wire));
    if (length > 0) {
        CHECK_OK(tls_secure_pair_set_session(wire->pair, session, length));
    }
    CHECK_OK(tls_secure_pair_start(wire->pair));
}

void wire_pump(struct wire *wire) {
    uint8_t bytes[16 * 1024];
    size_t length = 0;
    while (tls_secure_pair_take(wire->pair, bytes, sizeof bytes, &length) == TLS_OK && length > 0) {
        if (!raw_send(wire->socket, bytes, length)) {
            wire->closed = true;
            return;
        }
    }
    while (!wire->closed) {
        ssize_t count = recv(wire->socket, bytes, sizeof bytes, 0);
        if (count > 0) {
            tls_secure_pair_feed(wire->pair, bytes, (size_t)count, NULL);
            continue;
        }
        if (count == 0) {
            tls_secure_pair_feed_eof(wire->pair);
        }
        wire->closed = count == 0 || (errno != EAGAIN && errno != EINTR);
        return;
    }
}

void wire_open_secure(struct wire *wire, struct rig *rig) {
    int before = rig->connections;
    wire_open(wire, rig);
    RUN_UNTIL(rig->loop,
        (wire_pump(wire), wire->secure == 1 && rig->connections == before + 1), 5000);
}

void wire_close(struct wire *wire, bool reset) {
    CHECK_OK(tls_secure_pair_free(wire->pair));
    if (reset) {
        raw_reset(wire->socket);
    } else {
        close(wire->socket);
    }
}
