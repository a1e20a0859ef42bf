/*
 * Sessions in Redis, through hiredis' asynchronous interface: what a server of yours takes over.
 *
 *   struct store store = {.address = "10.0.0.5", .port = 6379, .lifetime_s = 7200, .most_pending = 1000};
 *   tls_server_on_new_session(server, on_new_session, &store);
 *   tls_server_on_resume_session(server, on_resume_session, &store);
 *
 * and in the program's poll(2): keep_time before it, the socket and events of store.redis in it,
 * serve_store after it. SIGPIPE has to be ignored: hiredis writes to sockets that may be closed.
 */
#ifndef REDIS_STORE_H
#define REDIS_STORE_H

#include <hiredis/async.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tlspair.h>

/* A Redis that says nothing for so long is taken for dead, and what waits for it is given up. */
#define SILENCE_MS 2000
#define RETRY_MS 100

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- hiredis on our poll(2) ---- */

struct store {
    const char *address;
    int port;
    int lifetime_s;             /* no longer than the keys that seal the sessions are there */
    int most_pending;           /* what comes beyond is done without Redis */
    redisAsyncContext *redis;   /* NULL: there is no connection */
    short events;               /* what hiredis waits for */
    int pending;                /* commands that Redis has not answered */
    int lacks_getdel;           /* Redis before 6.2 */
    int64_t heard_at;           /* when it last said something, or had nothing to say */
    int64_t retry_at;
    /* What became of sessions and questions. `away`: Redis was not there to be asked, or too busy. */
    unsigned long saved, unsaved, found, absent, failed, away, late;
};

static void add_read(void *store) { ((struct store *)store)->events |= POLLIN; }
static void del_read(void *store) { ((struct store *)store)->events &= ~POLLIN; }
static void add_write(void *store) { ((struct store *)store)->events |= POLLOUT; }
static void del_write(void *store) { ((struct store *)store)->events &= ~POLLOUT; }

/* hiredis frees the connection, after it has answered whatever waits with NULL. */
static void cleanup(void *user_data) {
    struct store *store = user_data;
    store->redis = NULL;
    store->events = 0;
    store->retry_at = now_ms() + RETRY_MS;
}

static void on_connect(const redisAsyncContext *redis, int status) {
    struct store *store = redis->data;
    store->heard_at = now_ms();
    if (status != REDIS_OK) return;
    printf("redis is there\n");
    fflush(stdout);
}

static void on_disconnect(const redisAsyncContext *redis, int status) {
    printf("redis is gone: %s\n", status == REDIS_OK ? "given up" : redis->errstr);
    fflush(stdout);
}

/* Returns at once; on_connect tells when it is there. */
static void connect_store(struct store *store) {
    store->retry_at = now_ms() + RETRY_MS;
    redisAsyncContext *redis = redisAsyncConnect(store->address, store->port);
    if (redis == NULL) return;
    if (redis->err) {
        redisAsyncFree(redis);
        return;
    }
    store->redis = redis;
    store->heard_at = now_ms();
    redis->data = redis->ev.data = store;
    redis->ev.addRead = add_read;
    redis->ev.delRead = del_read;
    redis->ev.addWrite = add_write;
    redis->ev.delWrite = del_write;
    redis->ev.cleanup = cleanup;
    redisAsyncSetConnectCallback(redis, on_connect);
    redisAsyncSetDisconnectCallback(redis, on_disconnect);
    const char *password = getenv("REDIS_PASSWORD");
    if (password != NULL) redisAsyncCommand(redis, NULL, NULL, "AUTH %s", password);
}

/* Each call of hiredis may end the connection. */
static void serve_store(struct store *store, short ready) {
    if (store->redis != NULL && (ready & (POLLIN | POLLERR | POLLHUP))) redisAsyncHandleRead(store->redis);
    if (store->redis != NULL && (ready & POLLOUT)) redisAsyncHandleWrite(store->redis);
}

static int is_connected(const struct store *store) {
    return store->redis != NULL && (store->redis->c.flags & REDIS_CONNECTED);
}

static int can_ask(const struct store *store) {
    return is_connected(store) && store->pending < store->most_pending;
}

static int is_waiting(const struct store *store) {
    return store->pending > 0 || !is_connected(store);
}

/* What is due by the clock; how long poll may wait until the next time. */
static int keep_time(struct store *store) {
    int64_t now = now_ms();
    if (store->redis == NULL && now >= store->retry_at) connect_store(store);
    if (store->redis != NULL && is_waiting(store) && now - store->heard_at >= SILENCE_MS) redisAsyncFree(store->redis);
    if (store->redis == NULL) return RETRY_MS;
    return is_waiting(store) ? (int)(store->heard_at + SILENCE_MS - now) : -1;
}

static void sent(struct store *store) {
    if (store->pending++ == 0) store->heard_at = now_ms();
}

static struct store *heard(redisAsyncContext *redis) {
    struct store *store = redis->data;
    store->pending--;
    store->heard_at = now_ms();
    return store;
}

/* ---- sessions in Redis ---- */

/* A session of TLS 1.3 is for one use: whoever asks for it takes it out, so that no two servers give
 * it out. One of TLS 1.2 stays. When a client comes back, its version is not known yet: so the two
 * kinds have keys of their own, and both are asked for at once. */
#define ONCE "tlspair:once:"
#define MANY "tlspair:many:"
#define TAKE_OUT "local kept = redis.call('GET', KEYS[1]) redis.call('DEL', KEYS[1]) return kept"

struct name {
    char hex[2 * 32 + 1];
};

static struct name name_of(const uint8_t *id, size_t length) {
    struct name name = {""};
    for (size_t i = 0; i < length && i < 32; i++) snprintf(name.hex + 2 * i, 3, "%02x", id[i]);
    return name;
}

static void on_saved(redisAsyncContext *redis, void *answer, void *user_data) {
    struct store *store = heard(redis);
    redisReply *reply = answer;
    (void)user_data;
    if (reply != NULL && reply->type != REDIS_REPLY_ERROR)
        store->saved++;
    else
        store->unsaved++;
}

static void on_new_session(tls_server *server, tls_stream *stream, const uint8_t *id, size_t id_length,
                           const uint8_t *session, size_t length, void *user_data) {
    struct store *store = user_data;
    const char *kind = strcmp(tls_stream_protocol(stream), "TLSv1.3") == 0 ? ONCE : MANY;
    (void)server;
    if (can_ask(store) && redisAsyncCommand(store->redis, on_saved, NULL, "SETEX %s%s %d %b", kind,
                                            name_of(id, id_length).hex, store->lifetime_s, session, length) == REDIS_OK)
        sent(store);
    else
        store->unsaved++;
}

/* A client that waits for its session. */
struct lookup {
    tls_request *request;
    struct name name;
    int waiting;   /* for so many answers */
    int failed;
};

static void on_found(redisAsyncContext *redis, void *answer, void *user_data);

static void asked(struct store *store, struct lookup *lookup, int status) {
    if (status == REDIS_OK) {
        sent(store);
        lookup->waiting++;
    } else {
        lookup->failed = 1;
    }
}

static void take_out(struct store *store, struct lookup *lookup) {
    const char *id = lookup->name.hex;
    asked(store, lookup,
          store->lacks_getdel
              ? redisAsyncCommand(store->redis, on_found, lookup, "EVAL %s 1 %s%s", TAKE_OUT, ONCE, id)
              : redisAsyncCommand(store->redis, on_found, lookup, "GETDEL %s%s", ONCE, id));
}

/* All answers are there. What was found was said already, and this then finds no request any more. */
static void finish(struct store *store, struct lookup *lookup) {
    if (lookup->waiting > 0) return;
    if (lookup->request != NULL) {
        if (lookup->failed) {
            tls_request_resolve_unavailable(lookup->request);
            store->failed++;
        } else {
            tls_request_resolve_session(lookup->request, NULL, 0);
            store->absent++;
        }
    }
    free(lookup);
}

static void on_found(redisAsyncContext *redis, void *answer, void *user_data) {
    struct store *store = heard(redis);
    struct lookup *lookup = user_data;
    redisReply *reply = answer;
    lookup->waiting--;
    if (reply == NULL) {
        lookup->failed = 1;
    } else if (reply->type == REDIS_REPLY_STRING) {
        /* Whether it can be resumed is for the library to say. A client that did not wait is gone. */
        tls_status status = tls_request_resolve_session(lookup->request, reply->str, reply->len);
        if (status == TLS_OK) store->found++;
        if (status == TLS_ERR_INVALID_HANDLE) store->late++;
        lookup->request = NULL;
    } else if (reply->type == REDIS_REPLY_ERROR) {
        int is_unknown = strncmp(reply->str, "ERR unknown command", 19) == 0;
        if (is_unknown && is_connected(store)) {
            store->lacks_getdel = 1;
            take_out(store, lookup);
        } else {
            lookup->failed = 1;
        }
    }
    finish(store, lookup);
}

static void on_resume_session(tls_server *server, tls_stream *stream, const uint8_t *id, size_t id_length,
                              tls_request *request, void *user_data) {
    struct store *store = user_data;
    struct lookup *lookup = can_ask(store) ? calloc(1, sizeof *lookup) : NULL;
    (void)server;
    (void)stream;
    if (lookup == NULL) {
        store->away++;
        tls_request_resolve_unavailable(request);
        return;
    }
    lookup->request = request;
    lookup->name = name_of(id, id_length);
    take_out(store, lookup);
    asked(store, lookup, redisAsyncCommand(store->redis, on_found, lookup, "GET %s%s", MANY, lookup->name.hex));
    finish(store, lookup);
}

#endif
