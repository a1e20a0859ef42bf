/* Where both servers keep sessions outside of their library: a table in the process, by session id. */
#ifndef BENCH_STORE_H
#define BENCH_STORE_H

#include "bench.h"

#include <stdint.h>

#define STORE_ID_LENGTH 32
/* A session whose place is taken replaces the one there: for the few that are in use at a time it is rare. */
#define STORE_PLACES 65536

struct stored {
    unsigned char id[STORE_ID_LENGTH];
    unsigned char *data;
    size_t length;
};

static struct stored store[STORE_PLACES];

/* Ids are random, so that they need no hashing. */
static struct stored *store_place(const unsigned char *id)
{
    return &store[id[0] << 8 | id[1]];
}

static void store_put(const unsigned char *id, size_t id_length, const unsigned char *data, size_t length)
{
    if (id_length != STORE_ID_LENGTH)
        die("a session id of %zu bytes", id_length);
    struct stored *stored = store_place(id);
    stored->data = realloc(stored->data, length);
    if (stored->data == NULL)
        die("out of memory");
    memcpy(stored->data, data, length);
    stored->length = length;
    memcpy(stored->id, id, id_length);
}

/* NULL: not there. */
static const struct stored *store_find(const unsigned char *id, size_t id_length)
{
    if (id_length != STORE_ID_LENGTH)
        return NULL;
    const struct stored *stored = store_place(id);
    return stored->data != NULL && memcmp(stored->id, id, id_length) == 0 ? stored : NULL;
}

#endif
