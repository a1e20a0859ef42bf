/* Case 97 (CVE-2024-2511): however many sessions are made, what is kept of them is bounded. */
#include "pairs.h"

#include <stdio.h>

/* OpenSSL's cache inside holds 20,480 sessions of a context. */
enum { CACHED = 20480, TICKETS = 16 };

/* A whole connection, whose session is left behind. */
static void visit(tls_context *servers, tls_context *clients) {
    struct side client, server;
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    CHECK_OK(tls_secure_pair_set_session_tickets(server.pair, 0));
    shuttle_to_secure(&client, &server);
    CHECK_OK(tls_secure_pair_end(client.pair));
    shuttle(client.pair, server.pair, 0);
    CHECK_OK(tls_secure_pair_end(server.pair));
    shuttle(client.pair, server.pair, 0);
    CHECK_TEXT(server.log, "s e c0");
    side_free(&client);
    side_free(&server);
}

static void c097_stateful_sessions(void) {
    if (!runs_natively()) {
        return;
    }
    tls_context *servers = server_context(), *clients = client_context();
    CHECK_OK(tls_context_set_num_tickets(servers, TICKETS));
    long filling = CACHED / TICKETS + 10;
    for (long i = 0; i < filling; i++) {
        visit(servers, clients);
    }
    long full = resident_kib();
    for (long i = 0; i < filling; i++) {
        visit(servers, clients);
    }
    /* As many again take the places of the first. */
    long more = resident_kib() - full;
    printf("  %ld KiB with a full cache, %ld KiB more after as many sessions again\n", full, more);
    CHECK(more < full / 10);
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c097_stateful_sessions);
    return check_end();
}
