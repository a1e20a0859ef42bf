/* Good handles, bad arguments: NULL, lengths, numbers out of range, the wrong moment. */
#include "pairs.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TOO_LONG ((size_t)PTRDIFF_MAX + 1)

#define CHECK_ARGUMENT(call) CHECK_EQUAL((call), TLS_ERR_INVALID_ARGUMENT)

static struct rig rig;
static struct witness client;

static void c001_null_text(void) {
    tls_context *context = tls_context_new();
    CHECK_ARGUMENT(tls_context_set_cert_file(context, NULL));
    CHECK_ARGUMENT(tls_context_set_key_file(context, NULL, NULL));
    CHECK_ARGUMENT(tls_context_set_identity_file(context, NULL, "x", NULL));
    CHECK_ARGUMENT(tls_context_set_identity_file(context, certificate_path("server-cert.pem"), NULL, NULL));
    CHECK_ARGUMENT(tls_context_add_ca_file(context, NULL));
    CHECK_ARGUMENT(tls_context_set_ciphers(context, NULL));
    CHECK_ARGUMENT(tls_context_set_secure_protocol(context, NULL));
    CHECK_ARGUMENT(tls_context_set_min_version(context, NULL));
    CHECK_ARGUMENT(tls_context_set_max_version(context, NULL));
    tls_connect_options *options = tls_connect_options_new();
    CHECK_ARGUMENT(tls_connect_options_set_servername(options, NULL));
    CHECK_ARGUMENT(tls_connect_options_set_servername(options, ""));
    CHECK_OK(tls_connect_options_set_verify_name(options, NULL));
    CHECK_ARGUMENT(tls_connect_options_set_servername(options, "\xff\xfe"));
    tls_secure_pair *pair = tls_secure_pair_new(context, 0, 0, 1);
    CHECK_ARGUMENT(tls_secure_pair_set_servername(pair, NULL));
    CHECK_OK(tls_secure_pair_set_verify_name(pair, NULL));
    CHECK_EQUAL(tls_feature(NULL), 0);
    CHECK_OK(tls_secure_pair_free(pair));
    CHECK_OK(tls_connect_options_free(options));
    CHECK_OK(tls_context_free(context));
}

static void c001_null_output(void) {
    size_t length = 77;
    tls_context *servers = server_context(), *clients = client_context();
    struct side ours, theirs;
    side_open_client(&ours, clients);
    side_open_server(&theirs, servers);
    shuttle_to_secure(&ours, &theirs);
    CHECK_OK(tls_secure_pair_write(theirs.pair, "hello", 5));
    CHECK_ARGUMENT(tls_secure_pair_take(theirs.pair, NULL, 5, &length));
    CHECK_ARGUMENT(tls_secure_pair_take(theirs.pair, &length, sizeof length, NULL));
    CHECK_ARGUMENT(tls_secure_pair_read(theirs.pair, NULL, 5, &length));
    CHECK_ARGUMENT(tls_secure_pair_take(theirs.pair, &length, TOO_LONG, &length));
    tls_certificate *certificate = tls_secure_pair_peer_certificate(ours.pair);
    CHECK(tls_certificate_der(certificate, NULL) != NULL);
    CHECK(tls_certificate_der(certificate, &length) != NULL);
    CHECK(length > 100);
    /* Nothing was lost by the refused calls. */
    shuttle(ours.pair, theirs.pair, 0);
    CHECK_EQUAL(ours.received, 5);
    CHECK_OK(tls_certificate_free(certificate));
    side_free(&ours);
    side_free(&theirs);
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
}

static void c007_null_with_and_without_length(void) {
    tls_context *context = tls_context_new();
    CHECK_ARGUMENT(tls_context_set_cert(context, NULL, 5));
    CHECK_ARGUMENT(tls_context_set_key(context, NULL, 5, NULL));
    CHECK_ARGUMENT(tls_context_set_identity(context, NULL, 5, "x", 1, NULL));
    CHECK_ARGUMENT(tls_context_set_identity(context, "x", 1, NULL, 5, NULL));
    CHECK_ARGUMENT(tls_context_add_ca(context, NULL, 5));
    CHECK_EQUAL(tls_context_set_cert(context, NULL, 0), TLS_ERR_CERTIFICATE);
    CHECK_EQUAL(tls_context_set_key(context, NULL, 0, NULL), TLS_ERR_KEY);
    CHECK_EQUAL(tls_context_add_ca(context, NULL, 0), TLS_ERR_CERTIFICATE);
    CHECK_ARGUMENT(tls_context_set_cert(context, "x", TOO_LONG));
    CHECK_ARGUMENT(tls_context_add_ca(context, "x", TOO_LONG));
    CHECK_OK(tls_context_free(context));

    tls_context *servers = server_context();
    tls_secure_pair *pair = tls_secure_pair_new(servers, 1, 0, 0);
    size_t consumed = 5;
    CHECK_OK(tls_secure_pair_feed(pair, NULL, 0, &consumed));
    CHECK_EQUAL(consumed, 0);
    CHECK_ARGUMENT(tls_secure_pair_feed(pair, NULL, 5, &consumed));
    CHECK_ARGUMENT(tls_secure_pair_feed(pair, "x", TOO_LONG, &consumed));
    CHECK_OK(tls_secure_pair_write(pair, NULL, 0));
    CHECK_OK(tls_secure_pair_write(pair, "x", 0));
    CHECK_ARGUMENT(tls_secure_pair_write(pair, NULL, 5));
    CHECK_ARGUMENT(tls_secure_pair_write(pair, "x", TOO_LONG));
    CHECK_ARGUMENT(tls_secure_pair_set_session(pair, NULL, 5));
    CHECK_OK(tls_secure_pair_free(pair));
    CHECK_OK(tls_context_free(servers));
}

/* A write of nothing makes no record; one that is refused sends nothing. */
static void c005_write_of_nothing(void) {
    memset(&client, 0, sizeof client);
    rig_open(&rig);
    rig_connect_secure(&rig, &client);
    run_for(rig.loop, 50);
    uint64_t before = tls_stream_bytes_written(client.stream);
    CHECK_OK(tls_stream_write(client.stream, NULL, 0));
    CHECK_OK(tls_stream_write(client.stream, "x", 0));
    CHECK_ARGUMENT(tls_stream_write(client.stream, NULL, 5));
    CHECK_ARGUMENT(tls_stream_write(client.stream, "x", TOO_LONG));
    CHECK_ARGUMENT(tls_stream_write(client.stream, "x", SIZE_MAX));
    run_for(rig.loop, 50);
    CHECK_EQUAL(tls_stream_bytes_written(client.stream), before);
    CHECK_EQUAL(rig.accepted.datas, 0);
    CHECK_EQUAL(client.errors, 0);
    rig_close(&rig);
}

/* Flags are 0 or 1, ports are ports; a refused call changes nothing. */
static void c022_numbers_out_of_range(void) {
    static const int32_t no_flags[] = {2, -1, 256, INT32_MAX, INT32_MIN};
    memset(&client, 0, sizeof client);
    rig_prepare(&rig);
    tls_context *context = client_context();
    tls_connect_options *options = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_context(options, context));
    tls_stream *stream = tls_connect(rig.loop, 9, "127.0.0.1", options, NULL, NULL);
    for (size_t i = 0; i < sizeof no_flags / sizeof no_flags[0]; i++) {
        int32_t flag = no_flags[i];
        tls_context *fresh = tls_context_new();
        CHECK_ARGUMENT(tls_context_set_honor_cipher_order(fresh, flag));
        CHECK_OK(tls_context_free(fresh));
        CHECK(tls_secure_pair_new(context, flag, 0, 1) == NULL);
        CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_ARGUMENT);
        CHECK(tls_secure_pair_new(rig.server_context, 1, flag, 1) == NULL);
        CHECK(tls_secure_pair_new(context, 0, 0, flag) == NULL);
        CHECK_ARGUMENT(tls_server_set_request_cert(rig.server, flag));
        CHECK_ARGUMENT(tls_server_set_reject_unauthorized(rig.server, flag));
        CHECK_ARGUMENT(tls_connect_options_set_reject_unauthorized(options, flag));
        CHECK_ARGUMENT(tls_stream_set_allow_half_open(stream, flag));
        CHECK_ARGUMENT(tls_stream_set_no_delay(stream, flag));
        CHECK_ARGUMENT(tls_stream_set_keep_alive(stream, flag, 1000));
    }
    CHECK_ARGUMENT(tls_server_listen(rig.server, -1, "127.0.0.1"));
    CHECK_ARGUMENT(tls_server_listen(rig.server, 65536, "127.0.0.1"));
    CHECK_ARGUMENT(tls_server_listen(rig.server, INT32_MAX, NULL));
    CHECK_EQUAL(tls_server_port(rig.server), -1);
    static const int32_t no_ports[] = {0, -1, 65536, INT32_MIN};
    for (size_t i = 0; i < sizeof no_ports / sizeof no_ports[0]; i++) {
        CHECK(tls_connect(rig.loop, no_ports[i], "127.0.0.1", options, NULL, NULL) == NULL);
        CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_ARGUMENT);
    }
    CHECK_OK(tls_connect_options_free(options));
    CHECK_OK(tls_context_free(context));
    rig_listen(&rig);
    rig_close(&rig);
}

static void c023_no_callbacks(void) {
    rig_open(&rig);
    memset(&client, 0, sizeof client);
    CHECK_OK(tls_server_on_secure_connection(rig.server, NULL, NULL));
    CHECK_OK(tls_server_on_listening(rig.server, NULL, NULL));
    CHECK_OK(tls_server_on_error(rig.server, NULL, NULL));
    CHECK_OK(tls_server_on_client_error(rig.server, NULL, NULL));
    rig_connect(&rig, &client);
    CHECK_OK(tls_stream_on_drain(client.stream, NULL, NULL));
    CHECK_OK(tls_stream_on_data(client.stream, NULL, NULL));
    RUN_UNTIL(rig.loop, client.secures == 1, 5000);
    CHECK_OK(tls_stream_write(client.stream, "nobody reads this", 17));
    CHECK_OK(tls_stream_end(client.stream));
    int socket = raw_connect(rig.port);
    CHECK(raw_send(socket, "not TLS\n", 8));
    RUN_UNTIL(rig.loop, raw_is_closed(socket), 2000);
    close(socket);
    tls_loop_post(rig.loop, NULL, NULL, NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(client.errors, 0);
    CHECK_EQUAL(rig.connections, 0);
    CHECK_EQUAL(rig.client_errors, 0);
    rig_close(&rig);
}

static void c024_listen_and_close_at_the_wrong_moment(void) {
    rig_prepare(&rig);
    CHECK(tls_server_address(rig.server) == NULL);
    CHECK(tls_server_family(rig.server) == NULL);
    CHECK_EQUAL(tls_server_port(rig.server), -1);
    rig_listen(&rig);
    CHECK_EQUAL(tls_server_listen(rig.server, 0, "127.0.0.1"), TLS_ERR_INVALID_STATE);
    CHECK_TEXT(tls_server_address(rig.server), "127.0.0.1");
    CHECK_TEXT(tls_server_family(rig.server), "IPv4");
    /* Frozen by the server: its context takes no more changes. */
    CHECK_EQUAL(tls_context_set_ciphers(rig.server_context, "HIGH"), TLS_ERR_FROZEN);
    CHECK_EQUAL(tls_context_clear_ca(rig.server_context), TLS_ERR_FROZEN);
    CHECK_EQUAL(tls_loop_set_slab_buffer_size(rig.loop, 4 << 20), TLS_ERR_INVALID_STATE);
    CHECK_OK(tls_server_close(rig.server));
    CHECK_EQUAL(tls_server_close(rig.server), TLS_ERR_INVALID_STATE);
    CHECK_EQUAL(tls_server_listen(rig.server, 0, "127.0.0.1"), TLS_ERR_INVALID_STATE);
    CHECK(tls_server_address(rig.server) == NULL);
    CHECK_EQUAL(tls_server_port(rig.server), -1);
    RUN_UNTIL(rig.loop, rig.closes == 1, 1000);
    CHECK_EQUAL(tls_server_close(rig.server), TLS_ERR_INVALID_HANDLE);
    rig_close(&rig);
}

/* close() on a server that never listened ends it. */
static void c024_close_without_listen(void) {
    rig_prepare(&rig);
    CHECK_OK(tls_server_close(rig.server));
    RUN_UNTIL(rig.loop, rig.closes == 1, 1000);
    CHECK_EQUAL(rig.listening, 0);
    rig_close(&rig);
}

static void check_knows_nothing(tls_stream *stream) {
    CHECK_EQUAL(tls_stream_secure(stream), 0);
    CHECK_EQUAL(tls_stream_authorized(stream), 0);
    CHECK(tls_stream_authorization_error(stream) == NULL);
    CHECK(tls_stream_peer_certificate(stream) == NULL);
    CHECK(tls_stream_cipher_name(stream) == NULL);
    CHECK(tls_stream_cipher_standard_name(stream) == NULL);
    CHECK(tls_stream_protocol(stream) == NULL);
}

static void ask_everything(struct witness *witness, char event, const uint8_t *data, size_t length) {
    (void)data;
    (void)length;
    if (event == 'x') {
        check_knows_nothing(witness->stream);
    }
    if (event == 'c') {
        tls_stream_local_address(witness->stream);
        tls_stream_remote_address(witness->stream);
        CHECK_EQUAL(tls_stream_writable_length(witness->stream), 0);
    }
}

static void c026_getters_at_the_wrong_moment(void) {
    rig_open(&rig);
    memset(&client, 0, sizeof client);
    client.hook = ask_everything;
    rig_connect(&rig, &client);
    check_knows_nothing(client.stream);
    RUN_UNTIL(rig.loop, client.secures == 1, 5000);
    CHECK_OK(tls_stream_destroy(client.stream));
    RUN_UNTIL(rig.loop, client.closes == 1, 1000);
    check_knows_nothing(client.stream);
    CHECK_EQUAL(tls_stream_remote_port(client.stream), -1);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_HANDLE);

    /* A handshake that failed. */
    int32_t port = rig.port;
    rig.port = 9;
    struct witness refused = {.hook = ask_everything};
    rig_connect(&rig, &refused);
    RUN_UNTIL(rig.loop, refused.closes == 1, 5000);
    CHECK_TEXT(refused.order, "xc");
    rig.port = port;
    rig_close(&rig);
}

/* take and read write no byte behind the capacity that they were given: a guard page is there. */
static void c027_buffers_at_a_guard_page(void) {
    static const size_t capacities[] = {0, 1, 2, 16, 100, 1000, 4096};
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(pages != MAP_FAILED);
    REQUIRE(mprotect(pages + page, page, PROT_NONE) == 0);
    tls_context *servers = server_context(), *clients = client_context();
    for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        size_t capacity = capacities[i], length = 99, total = 0;
        uint8_t *end = pages + page, data[3000];
        struct side ours, theirs;
        side_open_client(&ours, clients);
        side_open_server(&theirs, servers);
        shuttle_to_secure(&ours, &theirs);
        CHECK_OK(tls_secure_pair_on_data(theirs.pair, NULL, NULL));
        fill_pattern(data, sizeof data, 0);
        CHECK_OK(tls_secure_pair_write(ours.pair, data, sizeof data));
        CHECK_OK(tls_secure_pair_take(ours.pair, end - capacity, capacity, &length));
        CHECK_EQUAL(length, capacity < sizeof data ? capacity : length);
        CHECK(length <= capacity);
        CHECK_OK(tls_secure_pair_feed(theirs.pair, end - capacity, length, NULL));
        shuttle(ours.pair, theirs.pair, 0);
        do {
            CHECK_OK(tls_secure_pair_read(theirs.pair, end - capacity, capacity, &length));
            CHECK(length <= capacity);
            CHECK(is_pattern(end - capacity, length, total));
            total += length;
        } while (length > 0);
        CHECK_EQUAL(total, capacity == 0 ? 0 : sizeof data);
        side_free(&ours);
        side_free(&theirs);
    }
    CHECK_OK(tls_context_free(servers));
    CHECK_OK(tls_context_free(clients));
    munmap(pages, 2 * page);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(c001_null_text);
    RUN(c001_null_output);
    RUN(c005_write_of_nothing);
    RUN(c007_null_with_and_without_length);
    RUN(c022_numbers_out_of_range);
    RUN(c023_no_callbacks);
    RUN(c024_listen_and_close_at_the_wrong_moment);
    RUN(c024_close_without_listen);
    RUN(c026_getters_at_the_wrong_moment);
    RUN(c027_buffers_at_a_guard_page);
    return check_end();
}
