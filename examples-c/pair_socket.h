/*
 * A TCP socket of libuv that speaks TLS: a uv_tcp_t with a tls_secure_pair between it and the program.
 *
 * The program registers its own callbacks on the pair, and calls pair_socket_flush after what it did on
 * the pair outside of them. It owns the memory, and gets it back with `on_gone`, which comes once.
 */
#ifndef PAIR_SOCKET_H
#define PAIR_SOCKET_H

#include <tlspair.h>
#include <uv.h>

struct pair_socket {
    uv_tcp_t tcp;
    uv_timer_t idle;
    int handles;   /* of these two, not closed yet */
    tls_secure_pair *pair;
    void (*on_gone)(struct pair_socket *socket);
    int paused;    /* the program's: read nothing from the socket for now */
    int closed;    /* the pair has ended; its last bytes may still be on their way */
    uv_write_t write;
    int writing;   /* `write` and `out` are in use */
    char out[32 * 1024];
};

static void pair_socket_flush(struct pair_socket *socket);

static void pair_socket_on_handle_closed(uv_handle_t *handle) {
    struct pair_socket *socket = handle->data;
    if (--socket->handles > 0) return;
    tls_secure_pair_free(socket->pair);   /* NULL is fine */
    socket->on_gone(socket);
}

/* Ends it without a word to the peer. Again: nothing. */
static void pair_socket_drop(struct pair_socket *socket) {
    if (uv_is_closing((uv_handle_t *)&socket->tcp)) return;
    uv_close((uv_handle_t *)&socket->tcp, pair_socket_on_handle_closed);
    uv_close((uv_handle_t *)&socket->idle, pair_socket_on_handle_closed);
}

static void pair_socket_on_idle(uv_timer_t *idle) { pair_socket_drop(idle->data); }

static void pair_socket_on_close(tls_secure_pair *pair, int had_error, void *user_data) {
    ((struct pair_socket *)user_data)->closed = 1;
}

static void pair_socket_on_written(uv_write_t *write, int status) {
    struct pair_socket *socket = write->data;
    socket->writing = 0;
    if (status < 0) pair_socket_drop(socket);
    else pair_socket_flush(socket);
}

/* One buffer for all sockets: libuv fills it right before on_read, and the pair copies what it keeps. */
static void pair_socket_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
    static char in[64 * 1024];
    *buffer = uv_buf_init(in, sizeof in);
}

static void pair_socket_on_read(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer) {
    struct pair_socket *socket = stream->data;
    if (length < 0 && length != UV_EOF) {
        pair_socket_drop(socket);
        return;
    }
    /* What fails in these calls is told by the pair's error event, and leaves an alert to be sent. */
    if (length == UV_EOF) tls_secure_pair_feed_eof(socket->pair);
    else tls_secure_pair_feed(socket->pair, buffer->base, (size_t)length, NULL);
    pair_socket_flush(socket);
}

/* Sends what the pair has for the peer, one write at a time, and sees whether to read. */
static void pair_socket_flush(struct pair_socket *socket) {
    uv_stream_t *stream = (uv_stream_t *)&socket->tcp;
    if (uv_is_closing((uv_handle_t *)stream)) return;
    uv_timer_again(&socket->idle);
    size_t length = 0;
    if (!socket->writing) tls_secure_pair_take(socket->pair, socket->out, sizeof socket->out, &length);
    if (length > 0) {
        uv_buf_t buffer = uv_buf_init(socket->out, (unsigned)length);
        socket->writing = 1;
        if (uv_write(&socket->write, stream, &buffer, 1, pair_socket_on_written) != 0) pair_socket_drop(socket);
    } else if (socket->closed && !socket->writing) {
        pair_socket_drop(socket);
    }
    /* Stopping and starting again do nothing. */
    if (socket->paused || socket->closed) uv_read_stop(stream);
    else uv_read_start(stream, pair_socket_allocate, pair_socket_on_read);
}

/* Takes the connection that waits at `listener`; the pair is the socket's from now on. One that moves
 * nothing for `idle_ms`, also in its handshake, is dropped. Answers 0 or an error of libuv; after both
 * comes on_gone. */
static int pair_socket_accept(struct pair_socket *socket, uv_stream_t *listener, tls_secure_pair *pair,
                              uint64_t idle_ms, void (*on_gone)(struct pair_socket *socket)) {
    *socket = (struct pair_socket){.pair = pair, .on_gone = on_gone, .handles = 2};
    socket->tcp.data = socket->idle.data = socket->write.data = socket;
    uv_tcp_init(listener->loop, &socket->tcp);   /* takes no descriptor yet, so it cannot fail */
    uv_timer_init(listener->loop, &socket->idle);
    uv_timer_start(&socket->idle, pair_socket_on_idle, idle_ms, idle_ms);
    tls_secure_pair_on_close(pair, pair_socket_on_close, socket);
    int status = uv_accept(listener, (uv_stream_t *)&socket->tcp);
    if (status == 0) pair_socket_flush(socket);
    else pair_socket_drop(socket);
    return status;
}

#endif
