/* Server and client on one loop: what streams and servers tell about themselves, and in which order
 * (S50, S54 to S56, S60 to S64, S66 to S69, S71, S75). */
#include "support.h"

#include <stdio.h>
#include <string.h>

static struct rig rig;
static struct witness client;

static void start(void) {
    memset(&client, 0, sizeof client);
    rig_prepare(&rig);
}

static void s61_order_of_events(void) {
    uint8_t talk[20000];
    fill_pattern(talk, sizeof talk, 0);
    start();
    rig_listen(&rig);
    CHECK_EQUAL(rig.listening, 0);
    rig_connect_secure(&rig, &client);
    CHECK_EQUAL(rig.listening, 1);
    CHECK_OK(tls_stream_write(client.stream, talk, sizeof talk));
    CHECK_OK(tls_stream_write(rig.accepted.stream, talk, 100));
    CHECK_OK(tls_stream_end(client.stream));
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 5000);
    /* The server ends by itself when its peer has: half-open is not allowed by default. */
    CHECK_TEXT(client.order, "sdec");
    CHECK_TEXT(rig.accepted.order, "dec");
    CHECK_EQUAL(rig.accepted.received, sizeof talk);
    CHECK(!rig.accepted.pattern_broken);
    CHECK_EQUAL(client.received, 100);
    CHECK_EQUAL(client.had_error, 0);
    CHECK_EQUAL(rig.accepted.had_error, 0);
    CHECK_EQUAL(client.clean, 1);
    /* After its close event the handle is no more. */
    CHECK_EQUAL(tls_stream_write(client.stream, "x", 1), TLS_ERR_INVALID_HANDLE);
    CHECK_EQUAL(rig.client_errors, 0);
    rig_close(&rig);
}

static void s61_destroy_gives_close_only(void) {
    start();
    rig_listen(&rig);
    rig_connect_secure(&rig, &client);
    CHECK_OK(tls_stream_write(client.stream, "lost", 4));
    CHECK_OK(tls_stream_destroy(client.stream));
    CHECK_EQUAL(tls_stream_write(client.stream, "x", 1), TLS_ERR_INVALID_STATE);
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 5000);
    CHECK_TEXT(client.order, "sc");
    CHECK_EQUAL(client.had_error, 0);
    rig_close(&rig);
}

/* Also S25, S37, S62, S67, S68. */
static void s50_what_is_known_on_both_sides(void) {
    static const char *const versions[] = {"TLSv1.2", "TLSv1.3"};
    for (int v = 0; v < 2; v++) {
        start();
        rig_listen(&rig);
        CHECK_OK(tls_context_free(rig.client_context));
        rig.client_context = client_context();
        CHECK_OK(tls_context_set_max_version(rig.client_context, versions[v]));
        rig_connect_secure(&rig, &client);
        tls_stream *ours = client.stream, *theirs = rig.accepted.stream;
        CHECK_EQUAL(tls_stream_secure(ours), 1);
        CHECK_EQUAL(tls_stream_authorized(ours), 1);
        CHECK(tls_stream_authorization_error(ours) == NULL);
        CHECK_EQUAL(tls_stream_authorized(theirs), 0);
        CHECK(tls_stream_authorization_error(theirs) == NULL);
        CHECK_TEXT(tls_stream_protocol(ours), versions[v]);
        CHECK_TEXT(tls_stream_protocol(theirs), versions[v]);
        CHECK(tls_stream_cipher_name(ours) != NULL);
        CHECK_TEXT(tls_stream_cipher_name(ours), tls_stream_cipher_name(theirs));
        CHECK_PART(tls_stream_cipher_standard_name(theirs), "TLS_");
        CHECK_TEXT(tls_stream_servername(theirs), "localhost");
        CHECK_TEXT(tls_stream_remote_address(ours), "127.0.0.1");
        CHECK_EQUAL(tls_stream_remote_port(ours), rig.port);
        CHECK_TEXT(tls_stream_local_address(theirs), "127.0.0.1");
        CHECK_EQUAL(tls_stream_local_port(theirs), rig.port);
        CHECK_EQUAL(tls_stream_local_port(ours), tls_stream_remote_port(theirs));
        tls_certificate *certificate = tls_stream_peer_certificate(ours);
        CHECK_PART(tls_certificate_subject(certificate), "CN=localhost");
        CHECK_OK(tls_certificate_free(certificate));
        CHECK(tls_stream_peer_certificate(theirs) == NULL);
        rig_close(&rig);
    }
}

static void s60_bytes_on_the_wire(void) {
    uint8_t talk[5000] = {0};
    start();
    rig_listen(&rig);
    rig_connect_secure(&rig, &client);
    run_for(rig.loop, 30);
    uint64_t before = tls_stream_bytes_written(client.stream);
    CHECK(before > 200);
    CHECK_OK(tls_stream_write(client.stream, talk, sizeof talk));
    RUN_UNTIL(rig.loop, rig.accepted.received == sizeof talk, 2000);
    uint64_t wire = tls_stream_bytes_written(client.stream) - before;
    CHECK(wire > sizeof talk && wire < sizeof talk + 100);
    CHECK_EQUAL(tls_stream_bytes_read(rig.accepted.stream), tls_stream_bytes_written(client.stream));
    CHECK_EQUAL(tls_stream_bytes_written(rig.accepted.stream), tls_stream_bytes_read(client.stream));
    CHECK_EQUAL(tls_stream_writable_length(client.stream), 0);
    rig_close(&rig);
}

/* ---- verification ---- */

struct verdict {
    const char *ca, *cert, *key, *servername, *name;
};

static const struct verdict verdicts[] = {
    {"ca.pem", "server-cert.pem", "server-key.pem", "localhost", NULL},
    {"ca.pem", "server-rsa-cert.pem", "server-rsa-key.pem", "localhost", NULL},
    {"ca.pem", "expired-cert.pem", "expired-key.pem", "localhost", "CERT_HAS_EXPIRED"},
    {"ca.pem", "wrong-host-cert.pem", "wrong-host-key.pem", "localhost", "ERR_TLS_CERT_ALTNAME_INVALID"},
    {"ca.pem", "wrong-host-cert.pem", "wrong-host-key.pem", "other.example", NULL},
    {"ca.pem", "self-signed-cert.pem", "self-signed-key.pem", "localhost", "DEPTH_ZERO_SELF_SIGNED_CERT"},
    {"other-ca.pem", "server-cert.pem", "server-key.pem", "localhost", "UNABLE_TO_GET_ISSUER_CERT_LOCALLY"},
};

static void s63_authorized_or_refused(void) {
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        const struct verdict *verdict = &verdicts[i];
        for (int reject = 0; reject < 2; reject++) {
            memset(&client, 0, sizeof client);
            rig_prepare(&rig);
            tls_context *server_side = tls_context_new(), *client_side = tls_context_new();
            CHECK_OK(tls_context_set_identity_file(server_side, certificate_path(verdict->cert),
                certificate_path(verdict->key), NULL));
            CHECK_OK(tls_context_add_ca_file(client_side, certificate_path(verdict->ca)));
            tls_server *server = tls_server_new(rig.loop, server_side);
            CHECK_OK(tls_server_listen(server, 0, "127.0.0.1"));
            tls_connect_options *options = tls_connect_options_new();
            CHECK_OK(tls_connect_options_set_context(options, client_side));
            CHECK_OK(tls_connect_options_set_servername(options, verdict->servername));
            CHECK_OK(tls_connect_options_set_reject_unauthorized(options, reject));
            watch(&client, tls_connect(rig.loop, tls_server_port(server), "127.0.0.1", options, NULL, NULL));
            RUN_UNTIL(rig.loop, client.secures + client.closes > 0, 5000);
            if (verdict->name == NULL || !reject) {
                CHECK_TEXT(client.order, "s");
                CHECK_EQUAL(tls_stream_authorized(client.stream), verdict->name == NULL);
                CHECK_TEXT(tls_stream_authorization_error(client.stream), verdict->name);
            } else {
                CHECK_TEXT(client.order, "xc");
                CHECK_EQUAL(client.status, TLS_ERR_VERIFY);
                CHECK_TEXT(client.error_name, verdict->name);
                CHECK_EQUAL(client.had_error, 1);
            }
            CHECK_OK(tls_connect_options_free(options));
            CHECK_OK(tls_context_free(server_side));
            CHECK_OK(tls_context_free(client_side));
            rig_close(&rig);
        }
    }
}

/* ---- listen ---- */

static void s54_address_in_use(void) {
    start();
    rig_listen(&rig);
    char port[16];
    snprintf(port, sizeof port, "%d", (int)rig.port);
    tls_server *second = tls_server_new(rig.loop, rig.server_context);
    CHECK_EQUAL(tls_server_listen(second, rig.port, "127.0.0.1"), TLS_ERR_LISTEN);
    CHECK_TEXT(tls_error_name(tls_last_error()), "EADDRINUSE");
    CHECK_PART(tls_error_message(tls_last_error()), "127.0.0.1");
    CHECK_PART(tls_error_message(tls_last_error()), port);
    /* A failed listen changes nothing: it may be tried again. */
    CHECK_OK(tls_server_listen(second, 0, "127.0.0.1"));
    CHECK(tls_server_port(second) != rig.port);
    rig_close(&rig);
}

static void s54_addresses(void) {
    static const struct {
        const char *host, *address, *family;
    } cases[] = {
        {NULL, "0.0.0.0", "IPv4"},
        {"localhost", NULL, NULL},
        {"::1", "::1", "IPv6"},
        {"::", "::", "IPv6"},
    };
    start();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tls_server *server = tls_server_new(rig.loop, rig.server_context);
        tls_status status = tls_server_listen(server, 0, cases[i].host);
        if (status != TLS_OK && cases[i].family && strcmp(cases[i].family, "IPv6") == 0) {
            printf("  no IPv6 here: %s\n", tls_error_message(tls_last_error()));
        } else {
            CHECK_OK(status);
            CHECK(tls_server_port(server) > 0);
            if (cases[i].address != NULL) {
                CHECK_TEXT(tls_server_address(server), cases[i].address);
                CHECK_TEXT(tls_server_family(server), cases[i].family);
            }
        }
        /* Both families reach `::`; an IPv4 peer is shown in its own form. */
        if (status == TLS_OK && cases[i].host && strcmp(cases[i].host, "::") == 0) {
            rig.port = tls_server_port(server);
            memset(&client, 0, sizeof client);
            rig_connect(&rig, &client);
            RUN_UNTIL(rig.loop, client.secures == 1, 5000);
            CHECK_TEXT(tls_stream_remote_address(client.stream), "127.0.0.1");
        }
        CHECK_OK(tls_server_destroy(server));
    }
    CHECK_EQUAL(tls_server_listen(rig.server, 0, "no.such.host.invalid") < 0, 1);
    rig_close(&rig);
}

static void s37_connect_callback_and_default_host(void) {
    start();
    rig_listen(&rig);
    tls_connect_options *options = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_context(options, rig.client_context));
    /* No host: localhost, looked up, all its addresses tried, and its name verified. */
    tls_stream *stream = tls_connect(rig.loop, rig.port, NULL, options, NULL, NULL);
    REQUIRE(stream != NULL);
    CHECK_OK(tls_connect_options_free(options));
    watch(&client, stream);
    RUN_UNTIL(rig.loop, client.secures == 1, 5000);
    CHECK_EQUAL(tls_stream_authorized(stream), 1);
    CHECK_TEXT(tls_stream_servername(stream), "localhost");
    rig_close(&rig);
}

static int connected;
static void count_connect(tls_stream *stream, void *user_data) {
    CHECK(tls_stream_secure(stream) == 1);
    connected += user_data == &connected;
}

/* Without options: well-known roots, which did not sign our certificate. */
static void s30_connect_without_options(void) {
    start();
    rig_listen(&rig);
    connected = 0;
    tls_stream *stream = tls_connect(rig.loop, rig.port, "localhost", NULL, count_connect, &connected);
    REQUIRE(stream != NULL);
    watch(&client, stream);
    CHECK_OK(tls_stream_on_secure_connect(stream, count_connect, &connected));
    RUN_UNTIL(rig.loop, client.closes == 1, 5000);
    CHECK_TEXT(client.order, "xc");
    CHECK_EQUAL(client.status, TLS_ERR_VERIFY);
    CHECK_EQUAL(connected, 0);
    rig_close(&rig);
}

/* ---- idle time ---- */

static void s75_c070_timeout_event_destroys_nothing(void) {
    start();
    rig_listen(&rig);
    rig_connect_secure(&rig, &client);
    CHECK_OK(tls_stream_set_timeout(rig.accepted.stream, 80));
    int64_t before = now_ms();
    RUN_UNTIL(rig.loop, rig.accepted.timeouts == 1, 3000);
    CHECK(now_ms() - before >= 75);
    CHECK_EQUAL(rig.accepted.closes, 0);
    /* Activity puts it off. */
    before = now_ms();
    while (now_ms() - before < 300) {
        CHECK_OK(tls_stream_write(client.stream, "x", 1));
        run_for(rig.loop, 20);
    }
    /* A slow machine may need longer than the idle time for one byte. */
    CHECK(rig.accepted.timeouts == 1 || patience() > 1);
    rig.accepted.timeouts = 1;
    RUN_UNTIL(rig.loop, rig.accepted.timeouts == 2, 3000);
    CHECK_OK(tls_stream_set_timeout(rig.accepted.stream, 0));
    CHECK_OK(tls_stream_write(client.stream, "x", 1));
    run_for(rig.loop, 200);
    CHECK_EQUAL(rig.accepted.timeouts, 2);
    CHECK_EQUAL(client.closes + rig.accepted.closes, 0);
    rig_close(&rig);
}

static void s75_socket_options(void) {
    start();
    rig_listen(&rig);
    rig_connect(&rig, &client);
    /* Before the connection is there as well as after it. */
    CHECK_OK(tls_stream_set_no_delay(client.stream, 0));
    CHECK_OK(tls_stream_set_keep_alive(client.stream, 1, 60000));
    RUN_UNTIL(rig.loop, client.secures == 1 && rig.connections == 1, 5000);
    CHECK_OK(tls_stream_set_no_delay(client.stream, 1));
    CHECK_OK(tls_stream_set_keep_alive(client.stream, 0, 0));
    CHECK_OK(tls_stream_set_keep_alive(rig.accepted.stream, 1, 0));
    CHECK_OK(tls_stream_write(client.stream, "x", 1));
    RUN_UNTIL(rig.loop, rig.accepted.received == 1, 2000);
    rig_close(&rig);
}

static void s20_client_certificates(void) {
    for (int reject = 0; reject < 2; reject++) {
        for (int given = 0; given < 2; given++) {
            start();
            CHECK_OK(tls_server_set_request_cert(rig.server, 1));
            CHECK_OK(tls_server_set_reject_unauthorized(rig.server, reject));
            rig_listen(&rig);
            if (given) {
                CHECK_OK(tls_context_free(rig.client_context));
                rig.client_context = client_context_with_identity();
            }
            rig_connect(&rig, &client);
            RUN_UNTIL(rig.loop, rig.connections + rig.client_errors == 1, 5000);
            if (given || !reject) {
                CHECK_EQUAL(tls_stream_authorized(rig.accepted.stream), given);
                CHECK_TEXT(tls_stream_authorization_error(rig.accepted.stream),
                    given ? NULL : "UNABLE_TO_GET_ISSUER_CERT");
                tls_certificate *certificate = tls_stream_peer_certificate(rig.accepted.stream);
                CHECK_EQUAL(certificate != NULL, given);
                CHECK_OK(tls_certificate_free(certificate));
            } else {
                CHECK_TEXT(rig.client_error_name, "UNABLE_TO_GET_ISSUER_CERT");
                RUN_UNTIL(rig.loop, rig.failed.closes == 1 && client.closes == 1, 5000);
                CHECK_EQUAL(client.errors, 1);
            }
            rig_close(&rig);
        }
    }
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s61_order_of_events);
    RUN(s61_destroy_gives_close_only);
    RUN(s50_what_is_known_on_both_sides);
    RUN(s60_bytes_on_the_wire);
    RUN(s63_authorized_or_refused);
    RUN(s54_address_in_use);
    RUN(s54_addresses);
    RUN(s37_connect_callback_and_default_host);
    RUN(s30_connect_without_options);
    RUN(s75_c070_timeout_event_destroys_nothing);
    RUN(s75_socket_options);
    RUN(s20_client_certificates);
    return check_end();
}
