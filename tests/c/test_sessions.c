/* Sessions of servers: kept by the program (S52, S53), in tickets and inside; what is never resumed (S23,
 * cases 19, 109, 110), and the counts that say why. */
#include "pairs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

/* ---- a store ---- */

enum { PLACES = 64 };

struct store {
    struct {
        uint8_t id[32], data[8192];
        size_t id_length, length;
    } places[PLACES];
    int made, asked;
    enum { AT_ONCE, LATER, NOTHING, UNAVAILABLE, REJECT, ALTERED, ANOTHER, LONG, WRONG } how;
    tls_request *request;
    uint8_t wanted[32];
};

static int find(const struct store *store, const uint8_t *id, size_t length) {
    for (int i = 0; i < store->made && i < PLACES; i++) {
        if (store->places[i].id_length == length && memcmp(store->places[i].id, id, length) == 0) {
            return i;
        }
    }
    return -1;
}

static void keep(struct store *store, const uint8_t *id, size_t id_length, const uint8_t *data, size_t length) {
    REQUIRE(store->made < PLACES && id_length == 32 && length <= sizeof store->places[0].data);
    int place = store->made++;
    memcpy(store->places[place].id, id, id_length);
    memcpy(store->places[place].data, data, length);
    store->places[place].id_length = id_length;
    store->places[place].length = length;
}

static void answer(struct store *store) {
    int place = find(store, store->wanted, sizeof store->wanted);
    uint8_t data[8192];
    size_t length = 0;
    if (place >= 0) {
        length = store->places[place].length;
        memcpy(data, store->places[place].data, length);
    }
    switch (store->how) {
    case AT_ONCE:
    case LATER:
        CHECK_OK(tls_request_resolve_session(store->request, data, length));
        break;
    case NOTHING:
        CHECK_OK(tls_request_resolve_session(store->request, NULL, 0));
        break;
    case UNAVAILABLE:
        CHECK_OK(tls_request_resolve_unavailable(store->request));
        break;
    case REJECT:
        CHECK_OK(tls_request_reject(store->request, "the database is on fire"));
        break;
    case ALTERED:
        data[length / 2] ^= 1;
        CHECK_OK(tls_request_resolve_session(store->request, data, length));
        break;
    case ANOTHER:
        CHECK_OK(tls_request_resolve_session(store->request, store->places[0].data, store->places[0].length));
        break;
    case LONG: {
        uint8_t *much = calloc(1, 70000);
        CHECK_OK(tls_request_resolve_session(store->request, much, 70000));
        free(much);
        break;
    }
    case WRONG:
        CHECK_EQUAL(tls_request_resolve_verdict(store->request, 1), TLS_ERR_INVALID_ARGUMENT);
        CHECK_EQUAL(tls_request_resolve_context(store->request, NULL), TLS_ERR_INVALID_ARGUMENT);
        CHECK_OK(tls_request_resolve_session(store->request, data, length));
        CHECK_EQUAL(tls_request_resolve_session(store->request, NULL, 0), TLS_ERR_INVALID_HANDLE);
        break;
    }
}

static void asked(struct store *store, const uint8_t *id, size_t length, tls_request *request) {
    store->asked++;
    store->request = request;
    REQUIRE(length == sizeof store->wanted);
    memcpy(store->wanted, id, length);
    if (store->how != LATER) {
        answer(store);
    }
}

static void on_pair_new(tls_secure_pair *pair, const uint8_t *id, size_t id_length, const uint8_t *session, size_t length, void *user_data) {
    keep(user_data, id, id_length, session, length);
}
static void on_pair_resume(tls_secure_pair *pair, const uint8_t *id, size_t length, tls_request *request, void *user_data) {
    asked(user_data, id, length, request);
}
static void on_server_new(tls_server *server, tls_stream *stream, const uint8_t *id, size_t id_length, const uint8_t *session, size_t length, void *user_data) {
    CHECK(tls_stream_remote_port(stream) > 0);
    keep(user_data, id, id_length, session, length);
}
static void on_server_resume(tls_server *server, tls_stream *stream, const uint8_t *id, size_t length, tls_request *request, void *user_data) {
    CHECK_EQUAL(tls_stream_secure(stream), 0);
    asked(user_data, id, length, request);
}

/* ---- one connection between two pairs ---- */

struct session {
    uint8_t bytes[16384];
    size_t length;
};

struct visit {
    tls_context *servers, *clients;
    /* NULL: tickets, or the cache inside. */
    struct store *store;
    bool no_tickets;
    const char *servername, *added_name;
    tls_context *added;
    bool request_cert, reject;
    /* Offered if it is not empty, and taken at the end. */
    struct session *session;
    /* What came of it. */
    bool secure, reused;
    int server_authorized;
    char server_error[64];
    char server_log[512];
};

static void on_ready_go_on(tls_secure_pair *pair, void *user_data) {
    *(bool *)user_data = true;
}

static void visit(struct visit *visit) {
    struct side client, server;
    bool ready = false;
    side_open_client(&client, visit->clients);
    if (visit->servername != NULL) {
        CHECK_OK(tls_secure_pair_set_servername(client.pair, visit->servername));
        CHECK_OK(tls_secure_pair_set_verify_name(client.pair, NULL));
    }
    if (visit->session->length > 0) {
        CHECK_OK(tls_secure_pair_set_session(client.pair, visit->session->bytes, visit->session->length));
    }
    memset(&server, 0, sizeof server);
    side_watch(&server, tls_secure_pair_new(visit->servers, 1, visit->request_cert, visit->reject));
    if (visit->store != NULL) {
        CHECK_OK(tls_secure_pair_on_new_session(server.pair, on_pair_new, visit->store));
        CHECK_OK(tls_secure_pair_on_resume_session(server.pair, on_pair_resume, visit->store));
        CHECK_OK(tls_secure_pair_on_ready(server.pair, on_ready_go_on, &ready));
    }
    if (visit->no_tickets) {
        CHECK_OK(tls_secure_pair_set_session_tickets(server.pair, 0));
    }
    if (visit->added != NULL) {
        CHECK_OK(tls_secure_pair_add_context(server.pair, visit->added_name, visit->added));
    }
    CHECK_OK(tls_secure_pair_write(server.pair, "x", 1));
    CHECK_OK(tls_secure_pair_start(client.pair));
    shuttle(client.pair, server.pair, 0);
    if (visit->store != NULL && visit->store->how == LATER && visit->store->asked > 0 && server.secures == 0) {
        CHECK(!ready);
        answer(visit->store);
        CHECK(ready);
        CHECK_OK(tls_secure_pair_feed(server.pair, NULL, 0, NULL));
        shuttle(client.pair, server.pair, 0);
    }
    visit->secure = client.secures == 1 && server.secures == 1 && client.received == 1;
    visit->reused = tls_secure_pair_session_reused(server.pair) == 1;
    if (visit->secure) {
        CHECK_EQUAL(tls_secure_pair_session_reused(client.pair), visit->reused);
    }
    visit->server_authorized = tls_secure_pair_authorized(server.pair);
    snprintf(visit->server_error, sizeof visit->server_error, "%s", server.error_name);
    snprintf(visit->server_log, sizeof visit->server_log, "%s", server.log);
    size_t length = 0;
    const uint8_t *bytes = tls_secure_pair_session(client.pair, &length);
    if (bytes != NULL) {
        REQUIRE(length <= sizeof visit->session->bytes);
        memcpy(visit->session->bytes, bytes, length);
        visit->session->length = length;
    }
    if (visit->secure) {
        CHECK_OK(tls_secure_pair_end(client.pair));
        shuttle(client.pair, server.pair, 0);
    }
    side_free(&client);
    side_free(&server);
}

static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};

static tls_context *clients_of(const char *version, bool with_identity) {
    tls_context *context = with_identity ? client_context_with_identity() : client_context();
    CHECK_OK(tls_context_set_max_version(context, version));
    return context;
}

static tls_context *other_context(void) {
    tls_context *context = tls_context_new();
    CHECK_OK(tls_context_set_cert_file(context, certificate_path("wrong-host-cert.pem")));
    CHECK_OK(tls_context_set_key_file(context, certificate_path("wrong-host-key.pem"), NULL));
    return context;
}

/* ---- the store ---- */

static void s52_s53_a_store_on_both_versions(void) {
    for (int i = 0; i < 4; i++) {
        struct store *store = calloc(1, sizeof *store);
        struct session session = {.length = 0};
        struct visit v = {.servers = server_context(), .clients = clients_of(versions[i % 2], false), .store = store, .session = &session};
        store->how = i < 2 ? AT_ONCE : LATER;
        visit(&v);
        CHECK(v.secure && !v.reused);
        CHECK_EQUAL(store->asked, 0);
        /* One of TLS 1.2, as many as there are tickets of TLS 1.3. */
        CHECK_EQUAL(store->made, i % 2 == 0 ? 1 : 2);
        for (int turn = 1; turn <= 3; turn++) {
            visit(&v);
            CHECK(v.secure && v.reused);
            CHECK_EQUAL(store->asked, turn);
        }
        free(store);
        CHECK_OK(tls_context_free(v.servers));
        CHECK_OK(tls_context_free(v.clients));
    }
}

static void s53_c019_what_the_store_answers_is_judged(void) {
    static const struct {
        int how;
        bool secure;
    } cases[] = {{NOTHING, true}, {UNAVAILABLE, true}, {REJECT, false}, {ALTERED, true}, {ANOTHER, true}, {LONG, true}, {WRONG, true}};
    for (size_t i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
        struct store *store = calloc(1, sizeof *store);
        struct session first = {.length = 0}, second = {.length = 0};
        struct visit v = {.servers = server_context(), .clients = clients_of(versions[i % 2], false), .store = store, .session = &first};
        visit(&v);
        v.session = &second;
        visit(&v);
        store->how = cases[i / 2].how;
        visit(&v);
        CHECK_EQUAL(store->asked, 1);
        CHECK_EQUAL(v.secure, cases[i / 2].secure);
        CHECK_EQUAL(v.reused, cases[i / 2].how == WRONG);
        if (!cases[i / 2].secure) {
            CHECK_TEXT(v.server_log, "x c1");
            CHECK_TEXT(v.server_error, "ERR_TLS_SESSION_STORE");
        }
        free(store);
        CHECK_OK(tls_context_free(v.servers));
        CHECK_OK(tls_context_free(v.clients));
    }
}

static void s52_only_before_the_start_and_on_servers(void) {
    tls_context *servers = server_context(), *clients = client_context();
    struct side client, server;
    side_open_client(&client, clients);
    side_open_server(&server, servers);
    CHECK_EQUAL(tls_secure_pair_on_new_session(client.pair, on_pair_new, NULL), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_secure_pair_on_resume_session(client.pair, on_pair_resume, NULL), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_secure_pair_set_session_tickets(client.pair, 1), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_secure_pair_set_session_tickets(server.pair, 2), TLS_ERR_INVALID_ARGUMENT);
    shuttle_to_secure(&client, &server);
    CHECK_EQUAL(tls_secure_pair_on_new_session(server.pair, on_pair_new, NULL), TLS_ERR_INVALID_STATE);
    side_free(&client);
    side_free(&server);
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
}

/* ---- what OpenSSL does not look at: openssl-facts, 3; by tickets, inside, and through the store ---- */

enum { BY_TICKET, INSIDE, BY_STORE, WAYS };

/* A first visit makes a session, a second one offers it; between them `change` is made. */
static void check_not_resumed(void (*change)(struct visit *), bool with_identity, bool secure, const char *what) {
    for (int i = 0; i < 2 * WAYS; i++) {
        int way = i / 2;
        struct store *store = calloc(1, sizeof *store);
        struct session session = {.length = 0};
        struct visit v = {.servers = server_context(), .clients = clients_of(versions[i % 2], with_identity),
            .store = way == BY_STORE ? store : NULL, .no_tickets = way == INSIDE, .session = &session,
            .servername = "other.example", .added_name = "other.example", .added = other_context()};
        tls_context *first = v.added;
        if (with_identity) {
            CHECK_OK(tls_context_add_ca_file(v.servers, certificate_path("ca.pem")));
            v.request_cert = v.reject = true;
            CHECK_OK(tls_context_add_ca_file(v.added, certificate_path("ca.pem")));
        }
        visit(&v);
        CHECK(v.secure && !v.reused);
        /* Without the change it is resumed. */
        visit(&v);
        check_that(v.secure && v.reused, what, __FILE__, __LINE__);
        change(&v);
        visit(&v);
        check_that(!v.reused && v.secure == secure, what, __FILE__, __LINE__);
        if (v.added != first) {
            CHECK_OK(tls_context_free(v.added));
        }
        free(store);
        CHECK_OK(tls_context_free(first));
        CHECK_OK(tls_context_free(v.servers));
        CHECK_OK(tls_context_free(v.clients));
    }
}

static void change_name(struct visit *v) {
    v->servername = "localhost";
}
static void no_name(struct visit *v) {
    v->servername = "127.0.0.1";
}
static void require_certificate(struct visit *v) {
    CHECK_OK(tls_context_add_ca_file(v->added = other_context(), certificate_path("ca.pem")));
    CHECK_OK(tls_context_set_client_auth(v->added, TLS_CLIENT_AUTH_REQUIRE));
}
static void require_by_pair(struct visit *v) {
    v->request_cert = v->reject = true;
}
static void other_ciphers(struct visit *v) {
    CHECK_OK(tls_context_set_ciphers(v->added = other_context(), "ECDHE-ECDSA-AES256-GCM-SHA384:TLS_AES_256_GCM_SHA384"));
}
static void other_certificate(struct visit *v) {
    v->added = server_context();
}
static void other_id_context(struct visit *v) {
    CHECK_OK(tls_context_set_session_id_context(v->added = other_context(), "mine", 4));
}
static void other_trust(struct visit *v) {
    CHECK_OK(tls_context_add_ca_file(v->added = other_context(), certificate_path("ca.pem")));
    CHECK_OK(tls_context_add_ca_file(v->added, certificate_path("other-ca.pem")));
}
static void revoked_since(struct visit *v) {
    CHECK_OK(tls_context_add_ca_file(v->added = other_context(), certificate_path("ca.pem")));
    CHECK_OK(tls_context_add_crl_file(v->added, certificate_path("crl.pem")));
}
static void untrusted_since(struct visit *v) {
    CHECK_OK(tls_context_add_ca_file(v->added = other_context(), certificate_path("other-ca.pem")));
}

static void s23_c109_another_name(void) {
    check_not_resumed(change_name, false, true, "another name");
    check_not_resumed(no_name, false, true, "no name");
}
static void s23_c109_another_policy(void) {
    check_not_resumed(require_certificate, false, false, "a client certificate is required by now");
    check_not_resumed(require_by_pair, false, false, "the same by the pair");
    check_not_resumed(other_ciphers, false, true, "other ciphers");
    check_not_resumed(other_certificate, false, true, "another certificate of ours");
    check_not_resumed(other_id_context, false, true, "another session id context");
}
static void s23_c110_with_a_client_certificate(void) {
    check_not_resumed(other_trust, true, true, "one more CA");
    check_not_resumed(revoked_since, true, true, "a revocation list by now");
    check_not_resumed(untrusted_since, true, false, "the CA is not trusted any more");
}

/* A leaf of ca.pem for client authentication that is good for so many seconds, and its key. */
static tls_context *short_lived_client(const char *version, long seconds) {
    FILE *file = fopen(certificate_path("ca-key.pem"), "r");
    REQUIRE(file != NULL);
    EVP_PKEY *ca_key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    file = fopen(certificate_path("ca.pem"), "r");
    REQUIRE(file != NULL && ca_key != NULL);
    X509 *ca = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *leaf = X509_new();
    REQUIRE(ca != NULL && key != NULL && leaf != NULL);
    X509_set_version(leaf, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(leaf), 77);
    X509_gmtime_adj(X509_getm_notBefore(leaf), -60);
    X509_gmtime_adj(X509_getm_notAfter(leaf), seconds);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(leaf), "CN", MBSTRING_ASC, (const uint8_t *)"brief", -1, -1, 0);
    X509_set_issuer_name(leaf, X509_get_subject_name(ca));
    X509_set_pubkey(leaf, key);
    REQUIRE(X509_sign(leaf, ca_key, EVP_sha256()) > 0);
    BIO *cert = BIO_new(BIO_s_mem()), *private_key = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(cert, leaf);
    PEM_write_bio_PrivateKey(private_key, key, NULL, NULL, 0, NULL, NULL);
    char *cert_text, *key_text;
    long cert_length = BIO_get_mem_data(cert, &cert_text), key_length = BIO_get_mem_data(private_key, &key_text);
    tls_context *context = client_context();
    CHECK_OK(tls_context_set_identity(context, cert_text, (size_t)cert_length, key_text, (size_t)key_length, NULL));
    CHECK_OK(tls_context_set_max_version(context, version));
    BIO_free(cert);
    BIO_free(private_key);
    X509_free(leaf);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    return context;
}

/* The certificate was good when the session was made, and is not any more: nothing else has changed. */
static void s23_c110_a_client_certificate_that_has_expired_since(void) {
    struct visit visits[2 * WAYS];
    struct session sessions[2 * WAYS];
    struct store *stores = calloc(2 * WAYS, sizeof *stores);
    int64_t made = now_ms();
    long lifetime = runs_natively() ? 3 : 15;
    for (int i = 0; i < 2 * WAYS; i++) {
        visits[i] = (struct visit){.servers = server_context(), .clients = short_lived_client(versions[i % 2], lifetime),
            .store = i / 2 == BY_STORE ? &stores[i] : NULL, .no_tickets = i / 2 == INSIDE, .session = &sessions[i],
            .request_cert = true, .reject = true};
        sessions[i].length = 0;
        CHECK_OK(tls_context_add_ca_file(visits[i].servers, certificate_path("ca.pem")));
        visit(&visits[i]);
        CHECK(visits[i].secure && !visits[i].reused);
        visit(&visits[i]);
        CHECK(visits[i].secure && visits[i].reused);
        CHECK_EQUAL(visits[i].server_authorized, 1);
    }
    while (now_ms() < made + (lifetime + 2) * 1000) {
        sleep_ms(50);
    }
    for (int i = 0; i < 2 * WAYS; i++) {
        visit(&visits[i]);
        CHECK(!visits[i].secure);
        CHECK_TEXT(visits[i].server_error, "CERT_HAS_EXPIRED");
        CHECK_OK(tls_context_free(visits[i].servers));
        CHECK_OK(tls_context_free(visits[i].clients));
    }
    free(stores);
}

/* ---- over sockets: deadlines, counts, many at once ---- */


/* A connection that offers what the last one was given, and whether it was resumed. */
static bool connect_once(struct rig *rig, struct session *session, int64_t wait_ms) {
    struct side client;
    uint8_t bytes[16384];
    int socket = raw_connect(rig->port);
    int connections = rig->connections, errors = rig->client_errors;
    side_open_client(&client, rig->client_context);
    if (session->length > 0) {
        CHECK_OK(tls_secure_pair_set_session(client.pair, session->bytes, session->length));
    }
    CHECK_OK(tls_secure_pair_start(client.pair));
    int64_t deadline = now_ms() + wait_ms * patience();
    while ((client.received == 0 || rig->connections == connections) && rig->client_errors == errors && now_ms() < deadline) {
        size_t length = 0;
        while (tls_secure_pair_take(client.pair, bytes, sizeof bytes, &length) == TLS_OK && length > 0) {
            raw_send(socket, bytes, length);
        }
        tls_loop_run_once(rig->loop, 5);
        length = 0;
        raw_gather(socket, bytes, sizeof bytes, &length);
        if (length > 0) {
            tls_secure_pair_feed(client.pair, bytes, length, NULL);
        }
    }
    bool reused = tls_secure_pair_session_reused(client.pair) == 1;
    size_t length = 0;
    const uint8_t *data = tls_secure_pair_session(client.pair, &length);
    if (data != NULL) {
        memcpy(session->bytes, data, length);
        session->length = length;
    }
    side_free(&client);
    raw_reset(socket);
    RUN_UNTIL(rig->loop, tls_server_connections(rig->server) == 0, 5000);
    return reused;
}

static void greet(struct rig *rig, tls_stream *stream) {
    CHECK_OK(tls_stream_write(stream, "x", 1));
}

static void s53_counts_say_why(void) {
    for (int version = 0; version <= 1; version++) {
        struct rig rig;
        struct store *store = calloc(1, sizeof *store);
        struct session session = {.length = 0};
        rig_open(&rig);
        rig.on_connection = greet;
        rig_use_clients(&rig, clients_of(versions[version], false));
        CHECK_OK(tls_server_on_new_session(rig.server, on_server_new, store));
        CHECK_OK(tls_server_on_resume_session(rig.server, on_server_resume, store));
        CHECK_OK(tls_server_set_resume_session_timeout(rig.server, 50));
#define COUNT(what) tls_server_session_count(rig.server, TLS_SESSIONS_##what)
        CHECK(!connect_once(&rig, &session, 5000));
        CHECK_EQUAL(COUNT(FULL), 1);
        CHECK(connect_once(&rig, &session, 5000));
        CHECK_EQUAL(COUNT(HIT_STORE), 1);
        store->how = NOTHING;
        CHECK(!connect_once(&rig, &session, 5000));
        CHECK_EQUAL(COUNT(MISS_UNKNOWN_ID), 1);
        store->how = ALTERED;
        CHECK(!connect_once(&rig, &session, 5000));
        CHECK_EQUAL(COUNT(MISS_SEALED), 1);
        /* Never answered: after the deadline it is a full handshake. */
        store->how = LATER;
        CHECK(!connect_once(&rig, &session, 5000));
        CHECK_EQUAL(COUNT(MISS_STORE_TIMEOUT), 1);
        CHECK_EQUAL(tls_request_resolve_session(store->request, NULL, 0), TLS_ERR_INVALID_HANDLE);
        store->how = UNAVAILABLE;
        CHECK(!connect_once(&rig, &session, 5000));
        CHECK_EQUAL(COUNT(MISS_STORE_ERROR), 1);
        CHECK_EQUAL(COUNT(FULL), 5);
        CHECK_EQUAL(rig.client_errors, 0);
        store->how = REJECT;
        CHECK(!connect_once(&rig, &session, 5000));
        CHECK_EQUAL(COUNT(MISS_STORE_ERROR), 2);
        CHECK_EQUAL(rig.client_errors, 1);
        CHECK_TEXT(rig.client_error_name, "ERR_TLS_SESSION_STORE");
        CHECK_PART(rig.client_error_message, "on fire");
        CHECK_EQUAL(COUNT(HIT_TICKET) + COUNT(HIT_CACHE) + COUNT(MISS_EXPIRED) + COUNT(MISS_POLICY) + COUNT(MISS_UNKNOWN_KEY), 0);
        CHECK_EQUAL(tls_server_session_count(rig.server, 99), -1);
        rig_close(&rig);
        free(store);
    }
}

static void s53_counts_of_tickets_and_of_the_cache_inside(void) {
    for (int i = 0; i < 4; i++) {
        struct rig rig;
        struct session session = {.length = 0};
        rig_open(&rig);
        rig.on_connection = greet;
        rig_use_clients(&rig, clients_of(versions[i % 2], false));
        CHECK_OK(tls_server_set_session_tickets(rig.server, i < 2));
        CHECK(!connect_once(&rig, &session, 5000));
        CHECK(connect_once(&rig, &session, 5000));
        CHECK_EQUAL(COUNT(FULL), 1);
        CHECK_EQUAL(COUNT(HIT_TICKET), i < 2);
        CHECK_EQUAL(COUNT(HIT_CACHE), i >= 2);
        /* A server with other keys, or another cache. */
        struct rig other;
        rig_prepare_on(&other, tls_loop_new());
        rig_use_clients(&other, clients_of(versions[i % 2], false));
        other.on_connection = greet;
        CHECK_OK(tls_server_set_session_tickets(other.server, i < 2));
        rig_listen(&other);
        CHECK(!connect_once(&other, &session, 5000));
        CHECK_EQUAL(tls_server_session_count(other.server, i < 2 ? TLS_SESSIONS_MISS_UNKNOWN_KEY : TLS_SESSIONS_MISS_UNKNOWN_ID), 1);
        rig_close(&other);
        rig_close(&rig);
    }
}

/* The stream dies while its session is looked up: in the callback, and before the answer. */
static void on_resume_destroy(tls_server *server, tls_stream *stream, const uint8_t *id, size_t length, tls_request *request, void *user_data) {
    asked(user_data, id, length, request);
    CHECK_OK(tls_stream_destroy(stream));
    CHECK_EQUAL(tls_request_resolve_session(request, NULL, 0), TLS_ERR_INVALID_HANDLE);
}

static void c048_destroyed_while_its_session_is_looked_up(void) {
    struct rig rig;
    struct store *store = calloc(1, sizeof *store);
    struct session session = {.length = 0};
    rig_open(&rig);
    rig.on_connection = greet;
    CHECK_OK(tls_server_on_new_session(rig.server, on_server_new, store));
    CHECK_OK(tls_server_on_resume_session(rig.server, on_server_resume, store));
    CHECK(!connect_once(&rig, &session, 5000));
    store->how = LATER;
    CHECK_OK(tls_server_on_resume_session(rig.server, on_resume_destroy, store));
    CHECK(!connect_once(&rig, &session, 100));
    CHECK_EQUAL(store->asked, 1);
    CHECK_EQUAL(rig.client_errors, 0);
    rig_close(&rig);
    free(store);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s52_s53_a_store_on_both_versions);
    RUN(s53_c019_what_the_store_answers_is_judged);
    RUN(s52_only_before_the_start_and_on_servers);
    RUN(s23_c109_another_name);
    RUN(s23_c109_another_policy);
    RUN(s23_c110_with_a_client_certificate);
    RUN(s23_c110_a_client_certificate_that_has_expired_since);
    RUN(s53_counts_say_why);
    RUN(s53_counts_of_tickets_and_of_the_cache_inside);
    RUN(c048_destroyed_while_its_session_is_looked_up);
    return check_end();
}
