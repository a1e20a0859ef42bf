/* One write of more bytes than an int can count: taken, sent and received as they are. A program of
 * its own, because it needs 4 GiB of memory for some seconds. */
#include "support.h"

#include <limits.h>
#include <stdlib.h>

static struct rig rig;
static struct witness client;

static void c006_one_write_of_more_than_int_max(void) {
    size_t size = scaled(100) == 100 ? (size_t)INT_MAX + 1 : (size_t)64 << 20;
    uint8_t *bytes = malloc(size);
    REQUIRE(bytes != NULL);
    fill_pattern(bytes, size, 0);
    rig_open(&rig);
    rig_connect_secure(&rig, &client);
    CHECK_EQUAL(tls_stream_write(client.stream, bytes, size), TLS_FULL);
    free(bytes);
    CHECK_EQUAL(tls_stream_writable_length(client.stream), size);
    CHECK_OK(tls_stream_end(client.stream));
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 100000);
    CHECK_EQUAL(rig.accepted.received, size);
    CHECK(!rig.accepted.pattern_broken);
    CHECK_EQUAL(rig.accepted.clean, 1);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c006_one_write_of_more_than_int_max);
    return check_end();
}
