/* Keys of session tickets (S85): rings that contexts share, hosts exchange and time moves on. */
#include "pairs.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK_REFUSED(call, status, name) \
    do { \
        CHECK_EQUAL((call), (status)); \
        CHECK_TEXT(tls_error_name(tls_last_error()), (name)); \
    } while (0)
#define CHECK_ARGUMENT(call) CHECK_REFUSED((call), TLS_ERR_INVALID_ARGUMENT, "ERR_INVALID_ARG_VALUE")
#define CHECK_KEYS(call) CHECK_REFUSED((call), TLS_ERR_KEY, "ERR_INVALID_TICKET_KEYS")

static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};

/* What a client keeps; empty at first. */
struct session {
    uint8_t *bytes;
    size_t length;
};

/* A connection that offers the session and keeps what it gets; was it resumed? */
static bool visit(tls_context *servers, tls_context *clients, struct session *session) {
    struct side client, server;
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    if (session->length > 0) {
        CHECK_OK(tls_secure_pair_set_session(client.pair, session->bytes, session->length));
    }
    shuttle_to_secure(&client, &server);
    size_t length = 0;
    const uint8_t *bytes = tls_secure_pair_session(client.pair, &length);
    free(session->bytes);
    session->bytes = bytes == NULL ? NULL : malloc(length);
    session->length = bytes == NULL ? 0 : length;
    if (bytes != NULL) {
        REQUIRE(session->bytes != NULL);
        memcpy(session->bytes, bytes, length);
    }
    bool reused = tls_secure_pair_session_reused(client.pair) == 1;
    CHECK_EQUAL(tls_secure_pair_session_reused(server.pair), reused);
    side_free(&client);
    side_free(&server);
    return reused;
}

static struct session copy_of(const struct session *session) {
    struct session copy = {malloc(session->length), session->length};
    REQUIRE(copy.bytes != NULL);
    memcpy(copy.bytes, session->bytes, session->length);
    return copy;
}

/* The same for a session that is to be offered again. */
static bool visit_with_copy(tls_context *servers, tls_context *clients, const struct session *session) {
    struct session copy = copy_of(session);
    bool reused = visit(servers, clients, &copy);
    free(copy.bytes);
    return reused;
}

static tls_context *servers_with(tls_ticket_ring *ring) {
    tls_context *context = server_context();
    if (ring != NULL) {
        CHECK_OK(tls_context_set_ticket_ring(context, ring));
    }
    return context;
}

static tls_context *clients_of(const char *version) {
    tls_context *context = client_context();
    CHECK_OK(tls_context_set_min_version(context, "TLSv1.2"));
    CHECK_OK(tls_context_set_max_version(context, version));
    return context;
}

static void fill_key(uint8_t *key, size_t length, uint8_t with) {
    memset(key, with, length);
}

/* The key that makes the context's tickets now, told by its first byte. */
static int making(tls_context *context) {
    uint8_t keys[48];
    CHECK_OK(tls_context_ticket_keys(context, keys, sizeof keys));
    return keys[0];
}

static void s85_hosts_with_one_ring(void) {
    for (size_t i = 0; i < 2; i++) {
        tls_ticket_ring *ring = tls_ticket_ring_new();
        tls_context *one = servers_with(ring), *other = servers_with(ring), *alone = servers_with(NULL);
        tls_context *clients = clients_of(versions[i]);
        CHECK_OK(tls_ticket_ring_free(ring));
        struct session session = {0};
        CHECK(!visit(one, clients, &session));
        REQUIRE(session.length > 0);
        CHECK(visit_with_copy(one, clients, &session));
        CHECK(visit_with_copy(other, clients, &session));
        /* Its key is one of its own. */
        CHECK(!visit_with_copy(alone, clients, &session));
        CHECK(visit(other, clients, &session));
        CHECK(visit(one, clients, &session));
        free(session.bytes);
        CHECK_OK(tls_context_free(one));
        CHECK_OK(tls_context_free(other));
        CHECK_OK(tls_context_free(alone));
        CHECK_OK(tls_context_free(clients));
    }
}

static void c109_s85_rotation(void) {
    for (size_t i = 0; i < 2; i++) {
        tls_ticket_ring *ring = tls_ticket_ring_new();
        CHECK_OK(tls_ticket_ring_set_grace_period(ring, 0));
        CHECK_OK(tls_ticket_ring_rotate(ring));
        tls_context *servers = servers_with(ring), *clients = clients_of(versions[i]);
        struct session first = {0};
        CHECK(!visit(servers, clients, &first));
        REQUIRE(first.length > 0);
        struct session session = copy_of(&first);
        for (int rotation = 1; rotation <= 16; rotation++) {
            CHECK_OK(tls_ticket_ring_rotate(ring));
            /* The old key opens it, and the client gets a ticket of the new one. */
            CHECK(visit(servers, clients, &session));
            CHECK_EQUAL(visit_with_copy(servers, clients, &first), rotation < 16);
        }
        CHECK_EQUAL(tls_ticket_ring_key_count(ring), 16);
        CHECK(visit(servers, clients, &session));
        CHECK_ARGUMENT(tls_ticket_ring_set_max_keys(ring, 1));
        CHECK_ARGUMENT(tls_ticket_ring_set_max_keys(ring, 17));
        CHECK_OK(tls_ticket_ring_set_max_keys(ring, 2));
        CHECK_EQUAL(tls_ticket_ring_key_count(ring), 2);
        CHECK(visit(servers, clients, &session));
        CHECK_OK(tls_ticket_ring_rotate(ring));
        CHECK_OK(tls_ticket_ring_rotate(ring));
        CHECK(!visit(servers, clients, &session));
        free(first.bytes);
        free(session.bytes);
        CHECK_OK(tls_ticket_ring_free(ring));
        CHECK_OK(tls_context_free(servers));
        CHECK_OK(tls_context_free(clients));
    }
}

static void s85_a_new_key_has_a_grace_period(void) {
    tls_ticket_ring *ring = tls_ticket_ring_new();
    tls_context *context = servers_with(ring);
    uint8_t key[48];
    CHECK_EQUAL(tls_ticket_ring_key_count(ring), 1);
    for (uint8_t with = 1; with <= 3; with++) {
        fill_key(key, sizeof key, with);
        CHECK_OK(tls_ticket_ring_add_key(ring, key, sizeof key));
        CHECK_OK(tls_ticket_ring_add_key(ring, key, sizeof key));
        CHECK_EQUAL(tls_ticket_ring_key_count(ring), with);
        CHECK_EQUAL(making(context), 1);
    }
    CHECK_OK(tls_ticket_ring_set_grace_period(ring, 0));
    fill_key(key, sizeof key, 4);
    CHECK_OK(tls_ticket_ring_add_key(ring, key, sizeof key));
    CHECK_EQUAL(making(context), 4);
    key[47] = 0;
    CHECK_ARGUMENT(tls_ticket_ring_add_key(ring, key, sizeof key));
    CHECK_OK(tls_ticket_ring_set_grace_period(ring, 7 * 24 * 3600 * 1000));
    CHECK_ARGUMENT(tls_ticket_ring_set_grace_period(ring, 7 * 24 * 3600 * 1000 + 1));
    CHECK_ARGUMENT(tls_ticket_ring_set_grace_period(ring, UINT64_MAX));
    CHECK_OK(tls_ticket_ring_free(ring));
    CHECK_OK(tls_context_free(context));
}

/* Also while it serves: what a frozen context still takes. */
static void c020_s85_ticket_keys(void) {
    static const size_t wrong[] = {0, 1, 16, 32, 47, 49, 80, 96, SIZE_MAX};
    uint8_t zeros[96] = {0}, keys[48];
    tls_ticket_ring *ring = tls_ticket_ring_new();
    tls_context *servers = server_context(), *others = server_context(), *clients = client_context();
    for (int round = 0; round < 2; round++) {
        uint8_t before[48];
        CHECK_OK(tls_context_ticket_keys(servers, before, sizeof before));
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
            CHECK_ARGUMENT(tls_context_set_ticket_keys(servers, zeros, wrong[i]));
            CHECK_ARGUMENT(tls_context_ticket_keys(servers, keys, wrong[i]));
            if (wrong[i] != 80) {
                CHECK_ARGUMENT(tls_ticket_ring_add_key(ring, zeros, wrong[i]));
            }
        }
        CHECK_ARGUMENT(tls_context_set_ticket_keys(servers, NULL, 48));
        CHECK_ARGUMENT(tls_context_ticket_keys(servers, NULL, 48));
        CHECK_ARGUMENT(tls_ticket_ring_add_key(ring, NULL, 48));
        CHECK_OK(tls_context_ticket_keys(servers, keys, sizeof keys));
        CHECK(memcmp(before, keys, sizeof keys) == 0);
        /* Zeros are a key like any other. */
        struct session session = {0};
        CHECK(!visit(servers, clients, &session));
        CHECK_OK(tls_context_set_ticket_keys(servers, zeros, 48));
        CHECK_OK(tls_context_ticket_keys(servers, keys, sizeof keys));
        CHECK(memcmp(zeros, keys, sizeof keys) == 0);
        CHECK(!visit(servers, clients, &session));
        CHECK(visit(servers, clients, &session));
        /* As Node's programs have it: one server's keys for another. */
        CHECK_OK(tls_context_set_ticket_keys(others, keys, sizeof keys));
        CHECK(visit(others, clients, &session));
        keys[17] = 1;
        CHECK_OK(tls_context_set_ticket_keys(servers, keys, sizeof keys));
        CHECK(!visit(servers, clients, &session));
        free(session.bytes);
    }
    /* A long key has another form. */
    CHECK_OK(tls_ticket_ring_add_key(ring, zeros, 80));
    CHECK_OK(tls_context_set_ticket_ring(servers, ring));
    CHECK_REFUSED(tls_context_ticket_keys(servers, keys, sizeof keys), TLS_ERR_INVALID_STATE, "ERR_INVALID_STATE");
    /* Keys of one's own do not go into a ring that others share. */
    CHECK_OK(tls_context_set_ticket_keys(servers, zeros, 48));
    CHECK_EQUAL(tls_ticket_ring_key_count(ring), 1);
    CHECK_OK(tls_ticket_ring_free(ring));
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(others));
    CHECK_OK(tls_context_free(clients));
}

static void s85_a_ring_for_other_hosts(void) {
    tls_ticket_ring *here = tls_ticket_ring_new(), *there = tls_ticket_ring_new();
    uint8_t key[80], bytes[2048];
    fill_key(key, sizeof key, 3);
    CHECK_OK(tls_ticket_ring_rotate(here));
    CHECK_OK(tls_ticket_ring_add_key(here, key, 80));
    CHECK_OK(tls_ticket_ring_add_secret(here, key, 64, 3600000));
    size_t length = 0, again = 0;
    CHECK_OK(tls_ticket_ring_export(here, NULL, 0, &length));
    REQUIRE(length > 80 + 80 + 64 && length < sizeof bytes);
    memset(bytes, 0xaa, sizeof bytes);
    CHECK_ARGUMENT(tls_ticket_ring_export(here, bytes, length - 1, &again));
    CHECK_EQUAL(again, length);
    CHECK_EQUAL(bytes[0], 0xaa);
    CHECK_ARGUMENT(tls_ticket_ring_export(here, bytes, length, NULL));
    CHECK_ARGUMENT(tls_ticket_ring_export(here, NULL, length, &again));
    CHECK_OK(tls_ticket_ring_export(here, bytes, sizeof bytes, &again));
    CHECK_EQUAL(again, length);
    CHECK_EQUAL(bytes[length], 0xaa);
    tls_context *ours = servers_with(here), *theirs = servers_with(there), *clients = client_context();
    struct session session = {0};
    visit(ours, clients, &session);
    for (size_t cut = 0; cut < length; cut++) {
        CHECK_KEYS(tls_ticket_ring_import(there, bytes, cut));
        bytes[cut] ^= 1;
        CHECK_KEYS(tls_ticket_ring_import(there, bytes, length));
        bytes[cut] ^= 1;
    }
    CHECK_KEYS(tls_ticket_ring_import(there, bytes, length + 1));
    CHECK_KEYS(tls_ticket_ring_import(there, NULL, 0));
    CHECK_ARGUMENT(tls_ticket_ring_import(there, NULL, length));
    CHECK_EQUAL(tls_ticket_ring_key_count(there), 1);
    CHECK(!visit_with_copy(theirs, clients, &session));
    CHECK_OK(tls_ticket_ring_import(there, bytes, length));
    CHECK_EQUAL(tls_ticket_ring_key_count(there), 3);
    CHECK(visit(theirs, clients, &session));
    CHECK(visit(ours, clients, &session));
    free(session.bytes);
    CHECK_OK(tls_ticket_ring_free(here));
    CHECK_OK(tls_ticket_ring_free(there));
    CHECK_OK(tls_context_free(ours));
    CHECK_OK(tls_context_free(theirs));
    CHECK_OK(tls_context_free(clients));
}

static void s85_hosts_with_one_secret(void) {
    static const size_t wrong[] = {0, 1, 31, 1025, SIZE_MAX};
    uint8_t secret[1024] = {7};
    tls_ticket_ring *rings[3];
    tls_context *contexts[3], *clients = client_context();
    for (size_t i = 0; i < 3; i++) {
        rings[i] = tls_ticket_ring_new();
        secret[31] = i == 2;
        /* Far from its end, wherever the test runs. */
        CHECK_OK(tls_ticket_ring_add_secret(rings[i], secret, 32, 30ULL * 24 * 3600 * 1000));
        contexts[i] = servers_with(rings[i]);
    }
    struct session session = {0};
    CHECK(!visit(contexts[0], clients, &session));
    CHECK(!visit_with_copy(contexts[2], clients, &session));
    CHECK(visit(contexts[1], clients, &session));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        CHECK_ARGUMENT(tls_ticket_ring_add_secret(rings[0], secret, wrong[i], 3600000));
    }
    CHECK_ARGUMENT(tls_ticket_ring_add_secret(rings[0], NULL, 32, 3600000));
    CHECK_ARGUMENT(tls_ticket_ring_add_secret(rings[0], secret, 32, 0));
    CHECK_ARGUMENT(tls_ticket_ring_add_secret(rings[0], secret, 32, 999));
    CHECK_ARGUMENT(tls_ticket_ring_add_secret(rings[0], secret, 32, UINT64_MAX));
    CHECK_EQUAL(tls_ticket_ring_key_count(rings[0]), 1);
    /* Another secret, in its grace period: it opens already. */
    secret[31] = 1;
    CHECK_OK(tls_ticket_ring_add_secret(rings[0], secret, 32, 30ULL * 24 * 3600 * 1000));
    CHECK(visit(contexts[0], clients, &session));
    CHECK(visit(contexts[1], clients, &session));
    CHECK(!visit(contexts[2], clients, &session));
    CHECK(visit(contexts[0], clients, &session));
    free(session.bytes);
    for (size_t i = 0; i < 3; i++) {
        CHECK_OK(tls_ticket_ring_free(rings[i]));
        CHECK_OK(tls_context_free(contexts[i]));
    }
    CHECK_OK(tls_context_free(clients));
}

/* Whether nginx and HAProxy agree is for tests/interop. */
static void s85_files_of_others(void) {
    uint8_t files[2][80] = {{1}, {2}};
    const void *pointers[] = {files[0], files[1]};
    const void *missing[] = {files[0], NULL};
    size_t lengths[] = {48, 80};
    tls_ticket_ring *ring = tls_ticket_ring_new();
    tls_context *context = servers_with(ring);
    CHECK_OK(tls_ticket_ring_import_nginx(ring, pointers, lengths, 2));
    CHECK_EQUAL(tls_ticket_ring_key_count(ring), 2);
    CHECK_EQUAL(making(context), 1);
    CHECK_ARGUMENT(tls_ticket_ring_import_nginx(ring, pointers, lengths, 0));
    CHECK_ARGUMENT(tls_ticket_ring_import_nginx(ring, pointers, lengths, 17));
    CHECK_ARGUMENT(tls_ticket_ring_import_nginx(ring, pointers, lengths, SIZE_MAX));
    CHECK_ARGUMENT(tls_ticket_ring_import_nginx(ring, NULL, lengths, 2));
    CHECK_ARGUMENT(tls_ticket_ring_import_nginx(ring, pointers, NULL, 2));
    CHECK_ARGUMENT(tls_ticket_ring_import_nginx(ring, missing, lengths, 2));
    lengths[1] = 79;
    CHECK_KEYS(tls_ticket_ring_import_nginx(ring, pointers, lengths, 2));
    CHECK_EQUAL(making(context), 1);
    /* 48 bytes each, of which the first are "1111...". */
    static const char line[] = "MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTEx\n";
    char text[4 * sizeof line] = "";
    for (int lines = 1; lines <= 3; lines++) {
        CHECK_KEYS(tls_ticket_ring_import_haproxy(ring, text, strlen(text)));
        strcat(text, line);
    }
    CHECK_OK(tls_ticket_ring_import_haproxy(ring, text, strlen(text)));
    CHECK_EQUAL(making(context), '1');
    CHECK_ARGUMENT(tls_ticket_ring_import_haproxy(ring, NULL, 1));
    CHECK_KEYS(tls_ticket_ring_import_haproxy(ring, NULL, 0));
    CHECK_OK(tls_ticket_ring_set_foreign_id_context(ring, "haproxy", 7));
    CHECK_ARGUMENT(tls_ticket_ring_set_foreign_id_context(ring, text, 33));
    CHECK_ARGUMENT(tls_ticket_ring_set_foreign_id_context(ring, NULL, 1));
    CHECK_OK(tls_ticket_ring_set_foreign_id_context(ring, NULL, 0));
    size_t length;
    char *pem = read_file(certificate_path("server-cert.pem"), &length);
    const void *certificates[] = {pem, "junk"};
    size_t sizes[] = {length, 4};
    CHECK_OK(tls_ticket_ring_set_nginx_id_context(ring, certificates, sizes, 1, NULL, 0));
    CHECK_OK(tls_ticket_ring_set_nginx_id_context(ring, certificates, sizes, 1, pem, length));
    CHECK_EQUAL(tls_ticket_ring_set_nginx_id_context(ring, certificates, sizes, 2, NULL, 0), TLS_ERR_CERTIFICATE);
    CHECK_EQUAL(tls_ticket_ring_set_nginx_id_context(ring, certificates, sizes, 1, "x", 1), TLS_ERR_CERTIFICATE);
    CHECK_ARGUMENT(tls_ticket_ring_set_nginx_id_context(ring, certificates, sizes, 0, NULL, 0));
    CHECK_ARGUMENT(tls_ticket_ring_set_nginx_id_context(ring, certificates, sizes, 1025, NULL, 0));
    CHECK_ARGUMENT(tls_ticket_ring_set_nginx_id_context(ring, NULL, sizes, 1, NULL, 0));
    CHECK_ARGUMENT(tls_ticket_ring_set_nginx_id_context(ring, certificates, NULL, 1, NULL, 0));
    CHECK_ARGUMENT(tls_ticket_ring_set_nginx_id_context(ring, certificates, sizes, 1, NULL, 1));
    free(pem);
    CHECK_OK(tls_ticket_ring_free(ring));
    CHECK_OK(tls_context_free(context));
}

/* As if each context were that of another server: their own marks part them, the shared one does not,
 * and it leads around no client certificate. */
static void s23_s85_a_session_id_context_of_others(void) {
    for (size_t i = 0; i < 2; i++) {
        tls_ticket_ring *ring = tls_ticket_ring_new();
        tls_context *one = servers_with(ring), *other = servers_with(ring), *asking = servers_with(ring);
        tls_context *clients = clients_of(versions[i]);
        CHECK_OK(tls_context_set_session_id_context(one, "one", 3));
        CHECK_OK(tls_context_set_client_auth(asking, TLS_CLIENT_AUTH_REQUEST));
        struct session session = {0};
        CHECK(!visit(one, clients, &session));
        CHECK(!visit_with_copy(other, clients, &session));
        CHECK_OK(tls_ticket_ring_set_foreign_id_context(ring, "fleet", 5));
        /* Its own sessions from before are still its own. */
        CHECK(visit_with_copy(one, clients, &session));
        CHECK(!visit_with_copy(other, clients, &session));
        CHECK(visit(one, clients, &session));
        if (i == 0) {
            /* On TLS 1.2 there is no new ticket unless the key is an old one. */
            CHECK(!visit(other, clients, &session));
        }
        CHECK(visit(other, clients, &session));
        CHECK(visit(one, clients, &session));
        CHECK(!visit_with_copy(asking, clients, &session));
        CHECK_OK(tls_ticket_ring_set_foreign_id_context(ring, "others", 6));
        CHECK(!visit_with_copy(one, clients, &session));
        CHECK_OK(tls_ticket_ring_set_foreign_id_context(ring, NULL, 0));
        CHECK(!visit_with_copy(other, clients, &session));
        free(session.bytes);
        CHECK_OK(tls_ticket_ring_free(ring));
        CHECK_OK(tls_context_free(one));
        CHECK_OK(tls_context_free(other));
        CHECK_OK(tls_context_free(asking));
        CHECK_OK(tls_context_free(clients));
    }
}

/* ---- what is left in memory ---- */

enum { SECRET = 16 };

/* Made anew each time, so that the test itself keeps none. */
static uint8_t secret_at(size_t i) {
    return (uint8_t)(0xa3 ^ (i * 29 + 7));
}

static bool is_secret(const uint8_t *bytes) {
    size_t i = 0;
    while (i < SECRET && bytes[i] == secret_at(i)) {
        i++;
    }
    return i == SECRET;
}

/* How often the secret is anywhere in what this process can write to. */
static int copies_in_memory(void) {
    static uint8_t window[1 << 16];
    int found = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    int memory = open("/proc/self/mem", O_RDONLY);
    REQUIRE(maps != NULL && memory >= 0);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long long from, to;
        char rights[8];
        if (sscanf(line, "%llx-%llx %7s", &from, &to, rights) != 3 || rights[1] != 'w') {
            continue;
        }
        while (from + SECRET <= to) {
            size_t wanted = to - from < sizeof window ? to - from : sizeof window;
            ssize_t count = pread(memory, window, wanted, (off_t)from);
            if (count < SECRET) {
                break;
            }
            for (size_t i = 0; i + SECRET <= (size_t)count; i++) {
                found += is_secret(window + i);
            }
            /* Windows overlap. */
            from += (size_t)count - (SECRET - 1);
        }
        memset(window, 0, sizeof window);
    }
    fclose(maps);
    close(memory);
    return found;
}

static void add_secret_key(tls_ticket_ring *ring) {
    uint8_t key[48];
    fill_key(key, 16, 0x77);
    for (size_t i = 0; i < 2 * SECRET; i++) {
        key[16 + i] = secret_at(i % SECRET);
    }
    CHECK_OK(tls_ticket_ring_add_key(ring, key, sizeof key));
    memset(key, 0, sizeof key);
    __asm__ volatile("" : : "r"(key) : "memory");
}

/* Keys are wiped when they have made room, and when the ring and its last user are gone. */
static void s85_no_key_is_left_in_memory(void) {
    if (!runs_natively()) {
        return;
    }
    for (int pushed_out = 0; pushed_out < 2; pushed_out++) {
        tls_ticket_ring *ring = tls_ticket_ring_new();
        tls_context *servers = servers_with(ring), *clients = client_context();
        struct session session = {0};
        add_secret_key(ring);
        CHECK(copies_in_memory() > 0);
        visit(servers, clients, &session);
        visit(servers, clients, &session);
        if (pushed_out) {
            CHECK_OK(tls_ticket_ring_set_grace_period(ring, 0));
            for (int i = 0; i < 16; i++) {
                CHECK_OK(tls_ticket_ring_rotate(ring));
            }
            visit(servers, clients, &session);
            CHECK_EQUAL(copies_in_memory(), 0);
        }
        CHECK_OK(tls_ticket_ring_free(ring));
        CHECK_EQUAL(copies_in_memory() > 0, !pushed_out);
        CHECK_OK(tls_context_free(servers));
        CHECK_EQUAL(copies_in_memory(), 0);
        free(session.bytes);
        CHECK_OK(tls_context_free(clients));
    }
}

static void s85_number_of_tickets(void) {
    tls_context *servers = server_context(), *clients = client_context();
    CHECK_ARGUMENT(tls_context_set_num_tickets(servers, 33));
    CHECK_ARGUMENT(tls_context_set_num_tickets(servers, SIZE_MAX));
    CHECK_OK(tls_context_set_num_tickets(servers, 32));
    CHECK_OK(tls_context_set_num_tickets(servers, 0));
    struct session session = {0};
    CHECK(!visit(servers, clients, &session));
    CHECK_EQUAL(session.length, 0);
    CHECK_EQUAL(tls_context_set_num_tickets(servers, 1), TLS_ERR_FROZEN);
    /* Before TLS 1.3 a ticket is part of the handshake. */
    tls_context *old = clients_of("TLSv1.2");
    CHECK(!visit(servers, old, &session));
    CHECK(visit(servers, old, &session));
    free(session.bytes);
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
    CHECK_OK(tls_context_free(old));
}

/* The ring of the context that listens, whatever SNI picks. */
static void s85_names_share_the_ring(void) {
    tls_ticket_ring *ring = tls_ticket_ring_new();
    tls_context *first = servers_with(ring), *second = servers_with(NULL), *clients = client_context();
    struct session session = {0};
    for (int round = 0; round < 2; round++) {
        struct side client, server;
        side_open_client(&client, clients);
        side_open_server(&server, first);
        CHECK_OK(tls_secure_pair_add_context(server.pair, "localhost", second));
        if (round == 1) {
            CHECK_OK(tls_secure_pair_set_session(client.pair, session.bytes, session.length));
        }
        shuttle_to_secure(&client, &server);
        CHECK_EQUAL(tls_secure_pair_session_reused(client.pair), round);
        if (round == 0) {
            const uint8_t *bytes = tls_secure_pair_session(client.pair, &session.length);
            REQUIRE(bytes != NULL);
            session.bytes = malloc(session.length);
            memcpy(session.bytes, bytes, session.length);
            CHECK_OK(tls_context_set_ticket_keys(second, "123456789012345678901234567890123456789012345678", 48));
        }
        side_free(&client);
        side_free(&server);
    }
    free(session.bytes);
    CHECK_OK(tls_ticket_ring_free(ring));
    CHECK_OK(tls_context_free(first));
    CHECK_OK(tls_context_free(second));
    CHECK_OK(tls_context_free(clients));
}

/* The keys change between two flights of a handshake, and everything that was theirs is freed. */
static void c105_s85_keys_change_in_a_handshake(void) {
    for (size_t i = 0; i < 2; i++) {
        tls_ticket_ring *ring = tls_ticket_ring_new(), *next = tls_ticket_ring_new();
        tls_context *servers = servers_with(ring), *clients = clients_of(versions[i]);
        struct session session = {0};
        visit(servers, clients, &session);
        for (int offers = 0; offers < 2; offers++) {
            struct side client, server;
            side_open_client(&client, clients);
            side_open_server(&server, servers);
            if (offers) {
                CHECK_OK(tls_secure_pair_set_session(client.pair, session.bytes, session.length));
            }
            CHECK_OK(tls_secure_pair_start(client.pair));
            CHECK(shuttle_once(client.pair, server.pair, 0) > 0);
            CHECK(shuttle_once(server.pair, client.pair, 0) > 0);
            CHECK_OK(tls_context_set_ticket_ring(servers, next));
            CHECK_OK(tls_ticket_ring_rotate(ring));
            shuttle_to_secure(&client, &server);
            /* The ticket was opened before. */
            CHECK_EQUAL(tls_secure_pair_session_reused(client.pair), offers);
            side_free(&client);
            side_free(&server);
            CHECK_OK(tls_context_set_ticket_ring(servers, ring));
        }
        struct side client, server;
        side_open_client(&client, clients);
        side_open_server(&server, servers);
        CHECK_OK(tls_secure_pair_start(client.pair));
        CHECK(shuttle_once(client.pair, server.pair, 0) > 0);
        CHECK_OK(tls_ticket_ring_free(ring));
        CHECK_OK(tls_ticket_ring_free(next));
        CHECK_OK(tls_context_free(servers));
        shuttle_to_secure(&client, &server);
        side_free(&client);
        side_free(&server);
        free(session.bytes);
        CHECK_OK(tls_context_free(clients));
    }
}

/* Threads that connect while another one changes keys all the time. */
struct crowd {
    tls_context *servers, *clients;
    atomic_bool done;
    atomic_long connections, resumed;
};

static void *connect_on_and_on(void *argument) {
    struct crowd *crowd = argument;
    struct session session = {0};
    long count = scaled(150);
    for (long i = 0; i < count; i++) {
        crowd->resumed += visit(crowd->servers, crowd->clients, &session);
        crowd->connections++;
    }
    free(session.bytes);
    return NULL;
}

static void *change_on_and_on(void *argument) {
    struct crowd *crowd = argument;
    uint8_t key[48] = {0};
    tls_ticket_ring *rings[] = {tls_ticket_ring_new(), tls_ticket_ring_new()};
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(tls_ticket_ring_set_grace_period(rings[i], 0));
    }
    for (unsigned long i = 0; !crowd->done; i++) {
        key[0] = (uint8_t)i;
        uint8_t bytes[2048];
        size_t length;
        CHECK_OK(tls_ticket_ring_rotate(rings[i % 2]));
        CHECK_OK(tls_context_set_ticket_ring(crowd->servers, rings[i % 2]));
        CHECK_OK(tls_ticket_ring_export(rings[i % 2], bytes, sizeof bytes, &length));
        CHECK_OK(tls_ticket_ring_import(rings[1 - i % 2], bytes, length));
        if (i % 16 == 15) {
            CHECK_OK(tls_context_set_ticket_keys(crowd->servers, key, sizeof key));
        }
        sleep_ms(1);
    }
    CHECK_OK(tls_ticket_ring_free(rings[0]));
    CHECK_OK(tls_ticket_ring_free(rings[1]));
    return NULL;
}

static void c105_s85_keys_change_under_load(void) {
    enum { THREADS = 3 };
    struct crowd crowd = {.servers = server_context(), .clients = client_context()};
    pthread_t threads[THREADS], changer;
    REQUIRE(pthread_create(&changer, NULL, change_on_and_on, &crowd) == 0);
    for (int i = 0; i < THREADS; i++) {
        REQUIRE(pthread_create(&threads[i], NULL, connect_on_and_on, &crowd) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    crowd.done = true;
    pthread_join(changer, NULL);
    CHECK_EQUAL(crowd.connections, THREADS * scaled(150));
    if (runs_natively()) {
        CHECK(crowd.resumed > 0);
    }
    CHECK_OK(tls_context_free(crowd.servers));
    CHECK_OK(tls_context_free(crowd.clients));
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s85_hosts_with_one_ring);
    RUN(c109_s85_rotation);
    RUN(s85_a_new_key_has_a_grace_period);
    RUN(c020_s85_ticket_keys);
    RUN(s85_a_ring_for_other_hosts);
    RUN(s85_hosts_with_one_secret);
    RUN(s85_files_of_others);
    RUN(s23_s85_a_session_id_context_of_others);
    RUN(s85_no_key_is_left_in_memory);
    RUN(s85_number_of_tickets);
    RUN(s85_names_share_the_ring);
    RUN(c105_s85_keys_change_in_a_handshake);
    RUN(c105_s85_keys_change_under_load);
    return check_end();
}
