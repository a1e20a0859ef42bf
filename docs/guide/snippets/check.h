/* What the programs of the guide do about errors: say it and stop. */
#include <stdio.h>
#include <stdlib.h>
#include <tlspair.h>

static inline void check(tls_status status, const char *what) {
    if (status >= TLS_OK) return;   /* above 0 is information, such as TLS_FULL */
    const tls_error *error = tls_last_error();
    fprintf(stderr, "%s: %s: %s\n", what, tls_error_name(error), tls_error_message(error));
    exit(1);
}
