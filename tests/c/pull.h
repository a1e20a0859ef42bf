/* A server on a loop that is pulled, and clients on another loop, whose callbacks are the witnesses of
 * support.h. Each row is checked as it comes: its room, its order, its data. */
#ifndef PULL_H
#define PULL_H

#include "support.h"

enum { SEEN = 128, MOST_ROWS = 64, MOST_WORDS = 12, MOST_BYTES = 512 * 1024 };

/* What the rows told of one stream. */
struct seen {
    uint64_t stream;
    /* s secure, d data (a run of them is one), D drain, t timeout, e end, E truncated end, x error or
     * client error, r renegotiated, c close; cut after 31. */
    char order[32];
    size_t received;
    bool pattern_broken, paused, had_error;
    /* The call that brought its last data row. */
    long call;
    char error_name[64];
};

struct pulled {
    tls_loop *loop;
    tls_server *server;
    /* The clients' side; its loop, context and port. */
    struct rig rig;
    /* How it is pulled; all may be changed between the calls. */
    size_t words, max_rows, capacity;
    /* What is received is written again. */
    bool echoes;
    /* Called for each row after it was checked. */
    void (*hook)(struct pulled *pulled, const uint64_t *row, const uint8_t *bytes);

    struct seen seen[SEEN];
    int streams;
    /* Rows of each kind so far. */
    long kinds[64];
    long calls;
    /* The last error handle that a row brought. */
    uint64_t error;
    uint64_t rows[MOST_ROWS * MOST_WORDS + 1];
    uint8_t buffer[MOST_BYTES + 1];
};

/* 7 words, 64 rows, 512 KiB. The server listens, and asks for the rows of these kinds. */
void pulled_open(struct pulled *pulled, uint64_t kinds);
/* The same with contexts that are its own from now on; NULL: the usual ones. */
void pulled_open_with(struct pulled *pulled, uint64_t kinds, tls_context *servers, tls_context *clients);
/* Destroys the server, takes its last rows, frees everything. */
void pulled_close(struct pulled *pulled);
/* One call that waits so long; all rows checked and written down. The number of rows. */
int pull(struct pulled *pulled, int64_t timeout_ms);
/* Turns both loops until the condition holds; its not holding in time is a failed check. */
#define PULL_UNTIL(pulled, condition, milliseconds) \
    do { \
        int64_t deadline_ = now_ms() + (int64_t)(milliseconds) * patience(); \
        while (!(condition) && now_ms() < deadline_) { \
            pull((pulled), 1); \
            tls_loop_run_once((pulled)->rig.loop, 1); \
        } \
        CHECK(condition); \
    } while (0)
/* Turns both for a while in which nothing should happen. */
void pulled_idle(struct pulled *pulled);
/* A client of the server, secure on both sides; what is seen of its connection. */
struct seen *pulled_connect(struct pulled *pulled, struct witness *client);
struct seen *pulled_find(struct pulled *pulled, uint64_t stream);
/* A batch of one. */
int32_t write_one(tls_loop *loop, uint64_t stream, const void *data, size_t length);

static inline void *handle_of(uint64_t number) {
    return (void *)(uintptr_t)number;
}

#endif
