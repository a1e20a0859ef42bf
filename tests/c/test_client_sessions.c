/* Sessions of clients: when they are told, and where they may be offered (S78, cases 19, 63, 110). */
#include "foreign.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};
/* What follows OpenSSL's form of a session: a mark of 8 bytes, and a SHA-256 of the mark and the form. */
enum { MARK = 8, SUM = 32 };

struct bytes {
    uint8_t *data;
    size_t length;
};

static void set_bytes(struct bytes *bytes, const uint8_t *data, size_t length) {
    REQUIRE(data != NULL && length > MARK + SUM);
    free(bytes->data);
    bytes->data = malloc(length);
    REQUIRE(bytes->data != NULL);
    memcpy(bytes->data, data, length);
    bytes->length = length;
}

static void drop_bytes(struct bytes *bytes) {
    free(bytes->data);
    memset(bytes, 0, sizeof *bytes);
}

/* The mark and the checksum again, for bytes that were changed. */
static void seal(struct bytes *bytes) {
    size_t form = bytes->length - MARK - SUM;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    REQUIRE(EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1);
    REQUIRE(EVP_DigestUpdate(hash, bytes->data + form, MARK) == 1);
    REQUIRE(EVP_DigestUpdate(hash, bytes->data, form) == 1);
    REQUIRE(EVP_DigestFinal_ex(hash, bytes->data + form + MARK, NULL) == 1);
    EVP_MD_CTX_free(hash);
}

static SSL_SESSION *form_of(const struct bytes *bytes) {
    const unsigned char *at = bytes->data;
    SSL_SESSION *session = d2i_SSL_SESSION(NULL, &at, (long)(bytes->length - MARK - SUM));
    REQUIRE(session != NULL);
    return session;
}

/* The session with this change, as if it had been written so. */
static void rewrite(struct bytes *bytes, void (*change)(SSL_SESSION *session)) {
    SSL_SESSION *session = form_of(bytes);
    change(session);
    size_t form = (size_t)i2d_SSL_SESSION(session, NULL);
    uint8_t *data = malloc(form + MARK + SUM), *at = data;
    REQUIRE(i2d_SSL_SESSION(session, &at) == (int)form);
    SSL_SESSION_free(session);
    memcpy(at, bytes->data + bytes->length - MARK - SUM, MARK + SUM);
    free(bytes->data);
    bytes->data = data;
    bytes->length = form + MARK + SUM;
    seal(bytes);
}

/* ---- one connection of two pairs ---- */

static tls_context *servers;
static struct side client, server;
/* What was told of sessions: how many, and the last. */
static int told;
static struct bytes last;

static void on_session(tls_secure_pair *pair, const uint8_t *session, size_t length, void *user_data) {
    struct side *side = user_data;
    CHECK(side->pair == pair);
    CHECK_EQUAL(side->secures, 1);
    size_t newest_length = 0;
    CHECK(tls_secure_pair_session(pair, &newest_length) != NULL);
    told++;
    set_bytes(&last, session, length);
    strncat(side->log, " S", sizeof side->log - strlen(side->log) - 1);
}

static tls_context *clients_of(const char *version) {
    tls_context *clients = client_context();
    if (version != NULL) {
        CHECK_OK(tls_context_set_max_version(clients, version));
        CHECK_OK(tls_context_set_min_version(clients, version));
    }
    return clients;
}

/* How a client differs from the usual one. */
struct rules {
    const char *servername, *verify_name;
    bool lax;
    void (*context)(tls_context *clients);
    tls_secure_pair_check_identity_callback check_identity;
};

static const struct rules usual;

/* Sets a client up, which has not started. */
static void prepare(const char *version, const struct rules *rules, const struct bytes *session) {
    tls_context *clients = clients_of(version);
    if (rules->context != NULL) {
        rules->context(clients);
    }
    memset(&client, 0, sizeof client);
    side_watch(&client, tls_secure_pair_new(clients, 0, 0, rules->lax ? 0 : 1));
    CHECK_OK(tls_context_free(clients));
    CHECK_OK(tls_secure_pair_set_servername(client.pair, rules->servername ? rules->servername : "localhost"));
    if (rules->verify_name != NULL) {
        CHECK_OK(tls_secure_pair_set_verify_name(client.pair, rules->verify_name));
    }
    if (rules->check_identity != NULL) {
        CHECK_OK(tls_secure_pair_on_check_identity(client.pair, rules->check_identity, NULL));
    }
    CHECK_OK(tls_secure_pair_on_session(client.pair, on_session, &client));
    if (session != NULL) {
        CHECK_OK(tls_secure_pair_set_session(client.pair, session->data, session->length));
    }
    told = 0;
}

static void finish(void) {
    side_free(&client);
    side_free(&server);
}

/* Connects; was the session resumed? */
static bool resumes(const char *version, const struct rules *rules, const struct bytes *session) {
    prepare(version, rules, session);
    side_open_server(&server, servers);
    CHECK_OK(tls_secure_pair_start(client.pair));
    shuttle(client.pair, server.pair, 0);
    bool resumed = tls_secure_pair_session_reused(client.pair) == 1;
    CHECK_EQUAL(tls_secure_pair_session_reused(server.pair), resumed);
    CHECK_EQUAL(client.secures, server.secures);
    CHECK(client.secures == 1 || !resumed);
    return resumed;
}

static void open_servers(void) {
    servers = server_context();
}

static void close_servers(void) {
    CHECK_OK(tls_context_free(servers));
    drop_bytes(&last);
}

/* A session of the usual client, or of one with other rules. */
static void get_session(const char *version, const struct rules *rules) {
    CHECK(!resumes(version, rules, NULL));
    CHECK(told > 0);
    finish();
}

/* ---- when they are told ---- */

static void s78_each_ticket_is_told(void) {
    static const char *const first[] = {"s S", "s S S"}, *const again[] = {"s", "s S"};
    open_servers();
    for (int v = 0; v < 2; v++) {
        CHECK(!resumes(versions[v], &usual, NULL));
        CHECK_TEXT(client.log, first[v]);
        finish();
        for (int turn = 0; turn < 3; turn++) {
            CHECK(resumes(versions[v], &usual, &last));
            CHECK_TEXT(client.log, again[v]);
            CHECK_EQUAL(tls_secure_pair_authorized(client.pair), 1);
            finish();
        }
    }
    close_servers();
}

/* A server that gives a new ticket for each one that it opens. */
static SSL_TICKET_RETURN renew(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t length,
    SSL_TICKET_STATUS status, void *argument) {
    (void)ssl, (void)session, (void)name, (void)length, (void)argument;
    bool opened = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
    return opened ? SSL_TICKET_RETURN_USE_RENEW : SSL_TICKET_RETURN_IGNORE_RENEW;
}

static SSL_CTX *foreign_servers(void) {
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    REQUIRE(SSL_CTX_use_certificate_chain_file(context, certificate_path("server-cert.pem")) == 1);
    REQUIRE(SSL_CTX_use_PrivateKey_file(context, certificate_path("server-key.pem"), SSL_FILETYPE_PEM) == 1);
    return context;
}

/* OpenSSL does not tell of a ticket of TLS 1.2 that takes the place of another. */
static void s78_renewed_tickets_are_told(void) {
    SSL_CTX *context = foreign_servers();
    REQUIRE(SSL_CTX_set_session_ticket_cb(context, NULL, renew, NULL) == 1);
    for (int v = 0; v < 2; v++) {
        struct bytes session = {0};
        for (int turn = 0; turn < 4; turn++) {
            struct foreign foreign;
            prepare(versions[v], &usual, turn > 0 ? &session : NULL);
            foreign_open_with(&foreign, true, context);
            foreign_to_secure(&foreign, &client);
            CHECK_EQUAL(tls_secure_pair_session_reused(client.pair), turn > 0);
            CHECK_TEXT(client.log, turn == 0 && v == 1 ? "s S S" : "s S");
            CHECK(last.length != session.length || memcmp(last.data, session.data, last.length) != 0);
            set_bytes(&session, last.data, last.length);
            foreign_free(&foreign);
            side_free(&client);
        }
        drop_bytes(&session);
    }
    drop_bytes(&last);
    SSL_CTX_free(context);
}

/* Renegotiation makes a new session, which is told too. */
static void s78_told_after_renegotiation(void) {
    open_servers();
    CHECK(!resumes("TLSv1.2", &usual, NULL));
    CHECK_EQUAL(told, 1);
    CHECK_OK(tls_secure_pair_renegotiate(client.pair, NULL, NULL));
    shuttle(client.pair, server.pair, 0);
    CHECK_EQUAL(told, 2);
    CHECK_EQUAL(client.errors, 0);
    finish();
    CHECK(resumes("TLSv1.2", &usual, &last));
    finish();
    close_servers();
}

/* Tickets and data in one feed: the sessions come first, and who ends the pair there hears no data. */
static void destroy_on_session(tls_secure_pair *pair, const uint8_t *session, size_t length, void *user_data) {
    CHECK(session != NULL && length > 0);
    told++;
    CHECK_OK(tls_secure_pair_destroy(pair));
    (void)user_data;
}

static void free_on_session(tls_secure_pair *pair, const uint8_t *session, size_t length, void *user_data) {
    told++;
    CHECK_OK(tls_secure_pair_free(pair));
    /* Still there until this returns. */
    CHECK(session[0] == 0x30 && length > 0);
    (void)user_data;
}

static void s78_sessions_come_before_data(void) {
    static const tls_secure_pair_session_callback callbacks[] = {on_session, destroy_on_session, free_on_session};
    static const char *const logs[] = {"s S S d5", "s c0", "s"};
    for (int c = 0; c < 3; c++) {
        for (int pulled = 0; pulled < 2; pulled++) {
            struct foreign foreign;
            prepare("TLSv1.3", &usual, NULL);
            CHECK_OK(tls_secure_pair_on_session(client.pair, callbacks[c], &client));
            foreign_open(&foreign, true, TLS1_3_VERSION);
            CHECK_OK(tls_secure_pair_start(client.pair));
            foreign_hear(&foreign, client.pair);
            foreign_shake(&foreign);
            foreign_tell(&foreign, client.pair);
            foreign_hear(&foreign, client.pair);
            foreign_shake(&foreign);
            uint8_t data[5];
            fill_pattern(data, sizeof data, 0);
            REQUIRE(SSL_write(foreign.ssl, data, sizeof data) == sizeof data);
            if (pulled) {
                CHECK_OK(tls_secure_pair_on_data(client.pair, NULL, NULL));
            }
            foreign_tell(&foreign, client.pair);
            CHECK_EQUAL(told, c == 0 ? 2 : 1);
            if (!pulled) {
                CHECK_TEXT(client.log, logs[c]);
            } else if (c == 0) {
                size_t count = 0;
                CHECK_TEXT(client.log, "s S S");
                CHECK_OK(tls_secure_pair_read(client.pair, data, sizeof data, &count));
                CHECK_EQUAL(count, 5);
            }
            foreign_free(&foreign);
            if (c < 2) {
                side_free(&client);
            }
        }
    }
    drop_bytes(&last);
}

/* Not told: a handshake that fails, and one without a callback. */
static void s78_none_is_told(void) {
    static const struct rules wrong = {.verify_name = "other.example"};
    open_servers();
    for (int v = 0; v < 2; v++) {
        CHECK(!resumes(versions[v], &wrong, NULL));
        CHECK_TEXT(client.log, "x c1");
        CHECK_EQUAL(told, 0);
        finish();
        prepare(versions[v], &usual, NULL);
        CHECK_OK(tls_secure_pair_on_session(client.pair, NULL, NULL));
        side_open_server(&server, servers);
        shuttle_to_secure(&client, &server);
        CHECK_EQUAL(told, 0);
        CHECK(tls_secure_pair_session(client.pair, NULL) != NULL);
        CHECK(tls_secure_pair_session(server.pair, NULL) == NULL);
        finish();
    }
    CHECK(!resumes(NULL, &usual, NULL));
    CHECK_EQUAL(tls_secure_pair_on_session(server.pair, on_session, &server), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_secure_pair_set_session(server.pair, last.data, last.length), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_secure_pair_set_session(client.pair, last.data, last.length), TLS_ERR_INVALID_STATE);
    finish();
    close_servers();
}

/* With a server that floods, each ticket up to the limit is told, and none is kept. */
static void c063_tickets_among_data(void) {
    struct foreign foreign;
    prepare("TLSv1.3", &usual, NULL);
    foreign_open(&foreign, true, TLS1_3_VERSION);
    foreign_to_secure(&foreign, &client);
    long count = scaled(10000), sent = 2;
    int64_t cpu = 0;
    long before = 0;
    for (long round = 0; sent < count; round++) {
        uint8_t byte;
        for (int i = 0; i < 90; i++, sent++) {
            REQUIRE(SSL_new_session_ticket(foreign.ssl) == 1);
            REQUIRE(SSL_do_handshake(foreign.ssl) == 1);
        }
        fill_pattern(&byte, 1, (size_t)round);
        REQUIRE(SSL_write(foreign.ssl, &byte, 1) == 1);
        int64_t begun = cpu_ms();
        foreign_tell(&foreign, client.pair);
        cpu += cpu_ms() - begun;
        if (round == 1) {
            before = resident_kib();
        }
    }
    CHECK_EQUAL(told, sent);
    CHECK_EQUAL(client.errors, 0);
    CHECK(!client.pattern_broken && client.received > 0);
    if (runs_natively()) {
        CHECK(resident_kib() - before < 2048);
        CHECK(cpu < 5000);
    }
    /* Without data among them it is over at the limit, and what came with the last is not told. */
    told = 0;
    for (int i = 0; i < 200; i++) {
        REQUIRE(SSL_new_session_ticket(foreign.ssl) == 1);
        REQUIRE(SSL_do_handshake(foreign.ssl) == 1);
    }
    foreign_tell(&foreign, client.pair);
    CHECK_EQUAL(told, 0);
    CHECK_TEXT(client.error_name, "ERR_TLS_TOO_MANY_MESSAGES");
    foreign_free(&foreign);
    side_free(&client);
    drop_bytes(&last);
}

/* ---- the bytes ---- */

static void c019_what_is_no_session(void) {
    open_servers();
    for (int v = 0; v < 2; v++) {
        get_session(versions[v], &usual);
        struct bytes good = {0};
        set_bytes(&good, last.data, last.length);
        prepare(versions[v], &usual, &good);
        for (size_t length = 1; length < good.length; length += runs_natively() ? 1 : 50) {
            CHECK_EQUAL(tls_secure_pair_set_session(client.pair, good.data, length), TLS_ERR_SESSION);
        }
        CHECK_TEXT(tls_error_name(tls_last_error()), "ERR_TLS_INVALID_SESSION");
        uint64_t random = 19;
        for (long i = 0; i < scaled(1000); i++) {
            size_t at = (size_t)(next_random(&random) % good.length);
            uint8_t flip = (uint8_t)(1 + next_random(&random) % 255);
            good.data[at] ^= flip;
            CHECK_EQUAL(tls_secure_pair_set_session(client.pair, good.data, good.length), TLS_ERR_SESSION);
            good.data[at] ^= flip;
        }
        CHECK_EQUAL(tls_secure_pair_set_session(client.pair, NULL, 5), TLS_ERR_INVALID_ARGUMENT);
        /* Another version: its mark is another. */
        good.data[good.length - SUM - 1]++;
        seal(&good);
        CHECK_EQUAL(tls_secure_pair_set_session(client.pair, good.data, good.length), TLS_ERR_SESSION);
        /* Those that were refused have changed nothing: the good one is still set. */
        side_open_server(&server, servers);
        shuttle_to_secure(&client, &server);
        CHECK_EQUAL(tls_secure_pair_session_reused(client.pair), 1);
        finish();
        /* And it can be taken back. */
        prepare(versions[v], &usual, &last);
        CHECK_OK(tls_secure_pair_set_session(client.pair, NULL, 0));
        side_open_server(&server, servers);
        shuttle_to_secure(&client, &server);
        CHECK_EQUAL(tls_secure_pair_session_reused(client.pair), 0);
        finish();
        drop_bytes(&good);
    }
    close_servers();
}

/* Somebody wrote it who can make the checksum too: refused, a full handshake, a handshake that fails or
 * a resumption, and always of the server that is meant. */
static void c019_altered_and_sealed_again(void) {
    uint64_t random = 1919;
    open_servers();
    for (int v = 0; v < 2; v++) {
        get_session(versions[v], &usual);
        struct bytes good = {0}, bad = {0};
        set_bytes(&good, last.data, last.length);
        long outcomes[4] = {0};
        for (long i = 0; i < scaled(1000); i++) {
            set_bytes(&bad, good.data, good.length);
            for (uint64_t n = next_random(&random) % 3 + 1; n > 0; n--) {
                bad.data[next_random(&random) % (bad.length - MARK - SUM)] = (uint8_t)next_random(&random);
            }
            seal(&bad);
            prepare(versions[v], &usual, NULL);
            if (tls_secure_pair_set_session(client.pair, bad.data, bad.length) < 0) {
                outcomes[0]++;
                side_free(&client);
                continue;
            }
            side_open_server(&server, servers);
            CHECK_OK(tls_secure_pair_start(client.pair));
            shuttle(client.pair, server.pair, 0);
            outcomes[client.secures == 0 ? 1 : tls_secure_pair_session_reused(client.pair) ? 2 : 3]++;
            CHECK_EQUAL(client.secures, tls_secure_pair_authorized(client.pair));
            CHECK(client.secures == 1 || client.errors == 1);
            finish();
        }
        if (runs_natively()) {
            CHECK(outcomes[0] > 0 && outcomes[1] > 0 && outcomes[2] > 0 && outcomes[3] > 0);
        }
        drop_bytes(&good);
        drop_bytes(&bad);
    }
    close_servers();
}

/* ---- where they may be offered ---- */

static void trust_more(tls_context *clients) {
    CHECK_OK(tls_context_add_ca_file(clients, certificate_path("other-ca.pem")));
}
static void revoke(tls_context *clients) {
    CHECK_OK(tls_context_add_crl_file(clients, certificate_path("crl.pem")));
    CHECK_OK(tls_context_add_crl_file(clients, certificate_path("crl-root.pem")));
}
static void be_somebody(tls_context *clients) {
    use_identity(clients, "client");
}
static void weaken(tls_context *clients) {
    CHECK_OK(tls_context_set_ciphers(clients, "DEFAULT@SECLEVEL=1"));
}
static void mark(tls_context *clients) {
    CHECK_OK(tls_context_set_session_id_context(clients, "servers only", 12));
}
static void accept(tls_secure_pair *pair, const tls_certificate *certificate, const char *name,
    tls_request *request, void *user_data) {
    (void)pair, (void)certificate, (void)name, (void)user_data;
    CHECK_OK(tls_request_resolve_verdict(request, 1));
}

/* Each client is at one with itself, and with no other. */
static void s78_only_by_the_same_rules(void) {
    static const struct rules all[] = {
        {0},
        {.servername = "127.0.0.1"},
        {.servername = "other.example", .verify_name = "localhost"},
        {.verify_name = "127.0.0.1"},
        {.lax = true},
        {.context = trust_more},
        {.context = be_somebody},
        {.context = weaken},
    };
    enum { COUNT = sizeof all / sizeof all[0] };
    open_servers();
    for (int v = 0; v < 2; v++) {
        struct bytes sessions[COUNT] = {{0}};
        for (int i = 0; i < COUNT; i++) {
            get_session(versions[v], &all[i]);
            set_bytes(&sessions[i], last.data, last.length);
        }
        for (int i = 0; i < COUNT; i++) {
            for (int k = runs_natively() ? 0 : i; k <= i || (runs_natively() && k < COUNT); k++) {
                CHECK_EQUAL(resumes(versions[v], &all[i], &sessions[k]), i == k);
                CHECK_EQUAL(client.secures, 1);
                finish();
            }
        }
        /* What makes no difference. */
        static const struct rules same[] = {
            {.servername = "LOCALHOST."}, {.verify_name = "localhost"}, {.context = mark},
        };
        for (int i = 0; i < 3; i++) {
            CHECK(resumes(versions[v], &same[i], &sessions[0]));
            finish();
        }
        for (int i = 0; i < COUNT; i++) {
            drop_bytes(&sessions[i]);
        }
    }
    close_servers();
}

/* The lists came later: the server is judged anew. */
static void s78_c110_not_past_revocation(void) {
    static const struct rules revoking = {.context = revoke};
    servers = tls_context_new();
    use_identity(servers, "revoked");
    for (int v = 0; v < 2; v++) {
        get_session(versions[v], &usual);
        CHECK(resumes(versions[v], &usual, &last));
        finish();
        CHECK(!resumes(versions[v], &revoking, &last));
        CHECK_TEXT(client.error_name, "CERT_REVOKED");
        finish();
    }
    close_servers();
}

/* CVE-2020-8172: a session of one host, offered to another, or to the same under another name. */
static void c110_another_host(void) {
    static const struct rules other = {.servername = "other.example"};
    open_servers();
    tls_context *here = servers, *there = tls_context_new();
    use_identity(there, "wrong-host");
    for (int v = 0; v < 2; v++) {
        servers = here;
        get_session(versions[v], &usual);
        /* The same server, which would resume it. */
        CHECK(!resumes(versions[v], &other, &last));
        CHECK_TEXT(client.log, "x c1");
        CHECK_TEXT(client.error_name, "ERR_TLS_CERT_ALTNAME_INVALID");
        finish();
        /* Another with a certificate that is not for the first. */
        servers = there;
        CHECK(!resumes(versions[v], &usual, &last));
        CHECK_TEXT(client.error_name, "ERR_TLS_CERT_ALTNAME_INVALID");
        finish();
        /* And with its own name it is a full handshake. */
        CHECK(!resumes(versions[v], &other, &last));
        CHECK_TEXT(client.log, v == 0 ? "s S" : "s S S");
        finish();
    }
    servers = here;
    CHECK_OK(tls_context_free(there));
    close_servers();
}

/* Whom the program's own check let pass is judged again where there is none. */
static void c110_the_name_is_checked_again(void) {
    static const struct rules by_program = {.verify_name = "other.example", .check_identity = accept};
    static const struct rules by_name = {.verify_name = "other.example"};
    open_servers();
    for (int v = 0; v < 2; v++) {
        get_session(versions[v], &by_program);
        CHECK(resumes(versions[v], &by_program, &last));
        finish();
        prepare(versions[v], &by_name, &last);
        side_open_server(&server, servers);
        CHECK_OK(tls_secure_pair_start(client.pair));
        shuttle(client.pair, server.pair, 0);
        CHECK_TEXT(client.log, "x c1");
        CHECK_TEXT(client.error_name, "ERR_TLS_CERT_ALTNAME_INVALID");
        CHECK_EQUAL(told, 0);
        /* The server had resumed it. */
        CHECK_EQUAL(tls_secure_pair_session_reused(server.pair), 1);
        finish();
    }
    close_servers();
}

/* Who takes everybody still learns why nobody should trust it, each time. */
static void s78_c110_unauthorized_stays_so(void) {
    static const struct rules lax = {.lax = true, .verify_name = "other.example"};
    static const char *const names[] = {"server", "self-signed"};
    static const char *const reasons[] = {"ERR_TLS_CERT_ALTNAME_INVALID", "DEPTH_ZERO_SELF_SIGNED_CERT"};
    for (int n = 0; n < 2; n++) {
        servers = tls_context_new();
        use_identity(servers, names[n]);
        for (int v = 0; v < 2; v++) {
            get_session(versions[v], &lax);
            CHECK(resumes(versions[v], &lax, &last));
            CHECK_EQUAL(tls_secure_pair_authorized(client.pair), 0);
            CHECK_TEXT(tls_secure_pair_authorization_error(client.pair), reasons[n]);
            finish();
        }
        close_servers();
    }
}

static void age_a_day(SSL_SESSION *session) {
    SSL_SESSION_set_time(session, SSL_SESSION_get_time(session) - 24 * 3600);
}
static void last_a_year(SSL_SESSION *session) {
    SSL_SESSION_set_timeout(session, 365L * 24 * 3600);
}
static void age_a_week(SSL_SESSION *session) {
    last_a_year(session);
    SSL_SESSION_set_time(session, SSL_SESSION_get_time(session) - 7L * 24 * 3600 - 1);
}

/* Neither for longer than it is good, nor than a week, nor than the server's certificate. */
static void s78_not_when_it_is_old(void) {
    static const struct rules lax = {.lax = true};
    open_servers();
    for (int v = 0; v < 2; v++) {
        get_session(versions[v], &usual);
        struct bytes session = {0};
        set_bytes(&session, last.data, last.length);
        rewrite(&session, last_a_year);
        CHECK(resumes(versions[v], &usual, &session));
        finish();
        set_bytes(&session, last.data, last.length);
        rewrite(&session, age_a_day);
        CHECK(!resumes(versions[v], &usual, &session));
        CHECK_EQUAL(client.secures, 1);
        finish();
        set_bytes(&session, last.data, last.length);
        rewrite(&session, age_a_week);
        CHECK(!resumes(versions[v], &usual, &session));
        finish();
        drop_bytes(&session);
    }
    close_servers();
    servers = tls_context_new();
    use_identity(servers, "expired");
    for (int v = 0; v < 2; v++) {
        get_session(versions[v], &lax);
        CHECK(!resumes(versions[v], &lax, &last));
        CHECK_TEXT(tls_secure_pair_authorization_error(client.pair), "CERT_HAS_EXPIRED");
        finish();
    }
    close_servers();
}

/* A version that is off, and one that came since. */
static void s78_other_versions(void) {
    open_servers();
    for (int v = 0; v < 2; v++) {
        get_session(versions[v], &usual);
        CHECK(!resumes(versions[1 - v], &usual, &last));
        CHECK_EQUAL(client.secures, 1);
        CHECK_TEXT(tls_secure_pair_protocol(client.pair), versions[1 - v]);
        finish();
    }
    close_servers();
}

/* The server has other keys: a full handshake, and new sessions. */
static void s78_another_servers_session(void) {
    open_servers();
    for (int v = 0; v < 2; v++) {
        get_session(versions[v], &usual);
        CHECK_OK(tls_context_free(servers));
        open_servers();
        CHECK(!resumes(versions[v], &usual, &last));
        CHECK(told > 0);
        finish();
        CHECK(resumes(versions[v], &usual, &last));
        finish();
    }
    close_servers();
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s78_each_ticket_is_told);
    RUN(s78_renewed_tickets_are_told);
    RUN(s78_told_after_renegotiation);
    RUN(s78_sessions_come_before_data);
    RUN(s78_none_is_told);
    RUN(c063_tickets_among_data);
    RUN(c019_what_is_no_session);
    RUN(c019_altered_and_sealed_again);
    RUN(s78_only_by_the_same_rules);
    RUN(s78_c110_not_past_revocation);
    RUN(c110_another_host);
    RUN(c110_the_name_is_checked_again);
    RUN(s78_c110_unauthorized_stays_so);
    RUN(s78_not_when_it_is_old);
    RUN(s78_other_versions);
    RUN(s78_another_servers_session);
    return check_end();
}
