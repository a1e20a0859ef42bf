/* Every exported function that takes a handle, as a table: how to call it with a given handle and
 * otherwise good arguments, and what it answers when the handle is not one of its kind. */
#ifndef FUNCTIONS_H
#define FUNCTIONS_H

#include "support.h"

enum kind { ERROR, CONTEXT, OPTIONS, CERTIFICATE, PAIR, LOOP, SERVER, STREAM, REQUEST, TICKET_RING, KINDS };

struct function {
    const char *name;
    enum kind kind;
    int64_t (*call)(void *handle);
    int64_t refused;
    /* Does it answer a status, rather than a value? */
    bool answers_status;
    /* Leaves the last error as it is: the accessors of errors. */
    bool is_accessor;
    /* May be called from any thread. */
    bool any_thread;
    /* NULL in place of a handle is allowed. */
    bool takes_null;
};

/* One live handle of each kind, for arguments. */
extern void *good[KINDS];

extern const struct function functions[];
extern const size_t function_count;

#endif
