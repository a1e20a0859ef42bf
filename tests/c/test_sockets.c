/* TLS over descriptors that the program brings along, in both roles (S31). */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct rig rig;
static struct witness client;
/* [0] is the client's, [1] the server's. */
static int sockets[2];

static void start(int domain) {
    memset(&client, 0, sizeof client);
    rig_prepare(&rig);
    if (domain != 0) {
        raw_pair(domain, sockets);
    }
}

static tls_connect_options *options_for(int fd, int close_fd) {
    tls_connect_options *options = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_fd(options, fd, close_fd));
    return options;
}

/* Both sides secure over the two sockets. */
static void open_over(int close_fd) {
    rig.accepted.stream = tls_server_accept_fd(rig.server, sockets[1], close_fd, NULL, 0);
    REQUIRE(rig.accepted.stream != NULL);
    /* Given away, the descriptor is the library's now. */
    CHECK_EQUAL(is_open_descriptor(sockets[1]), !close_fd);
    tls_stream *accepted = rig.accepted.stream;
    rig_connect_by(&rig, &client, options_for(sockets[0], close_fd));
    RUN_UNTIL(rig.loop, client.secures == 1 && rig.connections == 1, 5000);
    CHECK(rig.accepted.stream == accepted);
}

static void s31_client_and_server_over_a_connection(void) {
    static const int domains[] = {AF_UNIX, AF_INET};
    static uint8_t talk[300000];
    fill_pattern(talk, sizeof talk, 0);
    for (int i = 0; i < 2; i++) {
        start(domains[i]);
        open_over(1);
        CHECK_EQUAL(tls_stream_authorized(client.stream), 1);
        CHECK_EQUAL(tls_server_connections(rig.server), 1);
        if (domains[i] == AF_INET) {
            CHECK_TEXT(tls_stream_remote_address(client.stream), "127.0.0.1");
            CHECK_EQUAL(tls_stream_remote_port(client.stream), tls_stream_local_port(rig.accepted.stream));
        } else {
            CHECK(tls_stream_remote_address(client.stream) == NULL);
            CHECK(tls_stream_local_address(rig.accepted.stream) == NULL);
            CHECK_EQUAL(tls_stream_remote_port(rig.accepted.stream), -1);
            CHECK_EQUAL(tls_stream_local_port(client.stream), -1);
        }
        /* Without effect where there is no TCP. */
        CHECK_OK(tls_stream_set_no_delay(client.stream, 0));
        CHECK_OK(tls_stream_set_keep_alive(client.stream, 1, 1000));
        tls_stream_write(client.stream, talk, sizeof talk);
        tls_stream_write(rig.accepted.stream, talk, sizeof talk);
        CHECK_OK(tls_stream_end(client.stream));
        RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 5000);
        CHECK_TEXT(client.order, "sdec");
        CHECK_EQUAL(client.received, sizeof talk);
        CHECK_EQUAL(rig.accepted.received, sizeof talk);
        CHECK(!client.pattern_broken && !rig.accepted.pattern_broken);
        CHECK_EQUAL(client.clean + rig.accepted.clean, 2);
        CHECK_EQUAL(client.had_error + rig.accepted.had_error, 0);
        /* A server that never listened ends by close. */
        CHECK_OK(tls_server_close(rig.server));
        RUN_UNTIL(rig.loop, rig.closes == 1, 2000);
        CHECK_EQUAL(rig.listening, 0);
        rig_close(&rig);
    }
}

static void s31_lent_descriptors_come_back(void) {
    static const int domains[] = {AF_UNIX, AF_INET};
    for (int i = 0; i < 4; i++) {
        bool blocking = i % 2 == 0;
        char clear[5] = "";
        start(domains[i / 2]);
        CHECK_EQUAL(fcntl(sockets[0], F_SETFL, blocking ? 0 : O_NONBLOCK), 0);
        open_over(0);
        CHECK(!is_blocking(sockets[0]) && !is_blocking(sockets[1]));
        CHECK_OK(tls_stream_write(client.stream, "x", 1));
        CHECK_OK(tls_stream_end(client.stream));
        RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 5000);
        CHECK_EQUAL(client.clean + rig.accepted.clean, 2);
        CHECK_EQUAL(is_blocking(sockets[0]), blocking);
        CHECK(is_blocking(sockets[1]));
        /* No FIN was sent: the connection goes on in the clear. */
        CHECK_EQUAL(write(sockets[0], "clear", 5), 5);
        CHECK_EQUAL(read(sockets[1], clear, sizeof clear), 5);
        CHECK(memcmp(clear, "clear", 5) == 0);
        close(sockets[0]);
        close(sockets[1]);
        rig_close(&rig);
    }
}

/* Whoever closes a lent descriptor too early, and opens something else, harms nothing. */
static void s31_a_lent_descriptor_may_be_closed_early(void) {
    start(AF_UNIX);
    open_over(0);
    close(sockets[0]);
    int other = dup(sockets[1]);
    CHECK_EQUAL(other, sockets[0]);
    CHECK_OK(tls_stream_write(client.stream, "x", 1));
    RUN_UNTIL(rig.loop, rig.accepted.received == 1, 2000);
    CHECK_OK(tls_stream_destroy(client.stream));
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 2000);
    CHECK_EQUAL(rig.accepted.clean, 0);
    CHECK(is_open_descriptor(other));
    close(other);
    close(sockets[1]);
    rig_close(&rig);
}

/* The server's part of what the client sends was read before, be it a byte or all of it. */
static void s31_received_bytes_come_first(void) {
    static const size_t counts[] = {1, 5, 100, 100000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        static char hello[100000];
        start(AF_UNIX);
        rig_connect_by(&rig, &client, options_for(sockets[0], 1));
        CHECK_OK(tls_loop_run_once(rig.loop, 0));
        ssize_t count = recv(sockets[1], hello, counts[i], MSG_DONTWAIT);
        CHECK(count > 0);
        tls_stream *stream = tls_server_accept_fd(rig.server, sockets[1], 1, hello, (size_t)count);
        CHECK(stream != NULL);
        CHECK_EQUAL(tls_stream_bytes_read(stream), count);
        RUN_UNTIL(rig.loop, client.secures == 1 && rig.connections == 1, 5000);
        CHECK_OK(tls_stream_write(client.stream, "x", 1));
        RUN_UNTIL(rig.loop, rig.accepted.received == 1, 2000);
        CHECK_EQUAL(tls_stream_bytes_read(stream), tls_stream_bytes_written(client.stream));
        rig_close(&rig);
    }
}

/* CVE-2011-0411: commands sent in the clear behind STARTTLS are no TLS, and never data. */
static void s31_injected_bytes_fail(void) {
    static const char injected[] = "MAIL FROM:<evil@example.org>\r\n";
    start(AF_UNIX);
    CHECK(tls_server_accept_fd(rig.server, sockets[1], 1, injected, sizeof injected - 1) != NULL);
    RUN_UNTIL(rig.loop, rig.client_errors == 1, 5000);
    CHECK_EQUAL(rig.client_error_status, TLS_ERR_TLS);
    CHECK_EQUAL(rig.connections, 0);
    RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 2000);
    close(sockets[0]);
    /* A client that was sent more than the answer to STARTTLS. */
    raw_pair(AF_UNIX, sockets);
    tls_connect_options *options = options_for(sockets[0], 1);
    CHECK_OK(tls_connect_options_set_received_bytes(options, "250 injected\r\n", 14));
    rig_connect_by(&rig, &client, options);
    RUN_UNTIL(rig.loop, client.closes == 1, 5000);
    CHECK_TEXT(client.order, "xc");
    CHECK_EQUAL(client.status, TLS_ERR_TLS);
    close(sockets[1]);
    rig_close(&rig);
}

static void s31_bad_descriptors_are_refused_and_left_alone(void) {
    start(0);
    int datagrams[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, datagrams) == 0);
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(listen(listening, 1) == 0);
    int file = open("/dev/null", O_RDWR | O_CLOEXEC);
    int unconnected = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int closed = dup(0);
    close(closed);
    const struct {
        int fd;
        const char *name, *part;
    } cases[] = {
        {closed, "EBADF", "not open"},
        {file, "ENOTSOCK", "not a socket"},
        {unconnected, "ENOTCONN", "not connected"},
        {listening, "ERR_INVALID_ARG_VALUE", "listens"},
        {datagrams[0], "ERR_INVALID_ARG_VALUE", "SOCK_STREAM"},
    };
    tls_connect_options *options = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_context(options, rig.client_context));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int close_fd = 0; close_fd < 2; close_fd++) {
            CHECK_OK(tls_connect_options_set_fd(options, cases[i].fd, close_fd));
            CHECK(tls_connect(rig.loop, 0, NULL, options, NULL, NULL) == NULL);
            CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_ARGUMENT);
            CHECK_TEXT(tls_error_name(tls_last_error()), cases[i].name);
            CHECK_PART(tls_error_message(tls_last_error()), cases[i].part);
            CHECK(tls_server_accept_fd(rig.server, cases[i].fd, close_fd, NULL, 0) == NULL);
            CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_ARGUMENT);
            CHECK_TEXT(tls_error_name(tls_last_error()), cases[i].name);
            if (cases[i].fd != closed) {
                CHECK(is_open_descriptor(cases[i].fd) && is_blocking(cases[i].fd));
            }
        }
    }
    CHECK_EQUAL(tls_connect_options_set_fd(options, -1, 0), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_connect_options_set_fd(options, file, 2), TLS_ERR_INVALID_ARGUMENT);
    CHECK(tls_server_accept_fd(rig.server, -1, 0, NULL, 0) == NULL);
    CHECK(tls_server_accept_fd(rig.server, file, -1, NULL, 0) == NULL);
    CHECK(tls_server_accept_fd(rig.server, file, 0, NULL, 1) == NULL);
    CHECK_EQUAL(tls_connect_options_set_received_bytes(options, NULL, 1), TLS_ERR_INVALID_ARGUMENT);
    CHECK_EQUAL(tls_server_connections(rig.server), 0);
    /* A refused call freezes nothing. */
    CHECK_OK(tls_context_set_min_version(rig.client_context, "TLSv1.2"));
    CHECK_OK(tls_connect_options_free(options));
    close(datagrams[0]);
    close(datagrams[1]);
    close(listening);
    close(file);
    close(unconnected);
    rig_close(&rig);
}

static void s31_one_connection_for_one_descriptor(void) {
    start(AF_UNIX);
    struct witness second = {0};
    tls_connect_options *options = options_for(sockets[0], 0);
    CHECK_OK(tls_connect_options_set_context(options, rig.client_context));
    /* A call that fails does not count. */
    CHECK(tls_connect(rig.loop, 0, "no host", options, NULL, NULL) == NULL);
    watch(&client, tls_connect(rig.loop, 0, NULL, options, NULL, NULL));
    CHECK(tls_connect(rig.loop, 0, NULL, options, NULL, NULL) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_STATE);
    CHECK_OK(tls_connect_options_set_fd(options, sockets[1], 0));
    CHECK_OK(tls_connect_options_set_received_bytes(options, "x", 1));
    watch(&second, tls_connect(rig.loop, 0, NULL, options, NULL, NULL));
    /* The bytes were used up, and without a descriptor there is nothing that they could be of. */
    CHECK_OK(tls_connect_options_set_path(options, NULL));
    CHECK_OK(tls_connect_options_set_received_bytes(options, "x", 1));
    CHECK(tls_connect(rig.loop, 1, NULL, options, NULL, NULL) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_STATE);
    CHECK_OK(tls_connect_options_set_received_bytes(options, NULL, 0));
    CHECK(tls_connect(rig.loop, 0, NULL, options, NULL, NULL) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_ARGUMENT);
    CHECK_OK(tls_connect_options_free(options));
    /* Two clients that talk to each other: both fail. */
    RUN_UNTIL(rig.loop, client.closes == 1 && second.closes == 1, 5000);
    CHECK_EQUAL(client.errors + second.errors, 2);
    close(sockets[0]);
    close(sockets[1]);
    rig_close(&rig);
}

/* Server name, else host, else localhost. */
static void s31_the_name_to_verify(void) {
    static const struct {
        const char *servername, *host;
        bool accepted;
    } cases[] = {
        {NULL, NULL, true},
        {NULL, "localhost", true},
        {NULL, "other.example", false},
        {"localhost", "other.example", true},
        {"other.example", "localhost", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start(AF_UNIX);
        CHECK(tls_server_accept_fd(rig.server, sockets[1], 1, NULL, 0) != NULL);
        tls_connect_options *options = options_for(sockets[0], 1);
        CHECK_OK(tls_connect_options_set_context(options, rig.client_context));
        if (cases[i].servername != NULL) {
            CHECK_OK(tls_connect_options_set_servername(options, cases[i].servername));
        }
        watch(&client, tls_connect(rig.loop, 0, cases[i].host, options, NULL, NULL));
        CHECK_OK(tls_connect_options_free(options));
        RUN_UNTIL(rig.loop, client.secures + client.errors == 1, 5000);
        CHECK_EQUAL(client.secures, cases[i].accepted);
        if (!cases[i].accepted) {
            CHECK_TEXT(client.error_name, "ERR_TLS_CERT_ALTNAME_INVALID");
        }
        rig_close(&rig);
    }
}

/* What holds for a server's connections holds for these. */
static void s31_s58_accepted_descriptors_count(void) {
    int more[2];
    start(AF_UNIX);
    raw_pair(AF_UNIX, more);
    CHECK_OK(tls_server_set_max_connections(rig.server, 1));
    CHECK_OK(tls_server_set_handshake_timeout(rig.server, 50));
    CHECK(tls_server_accept_fd(rig.server, sockets[1], 0, NULL, 0) != NULL);
    CHECK(tls_server_accept_fd(rig.server, more[1], 1, NULL, 0) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_STATE);
    CHECK(is_open_descriptor(more[1]) && is_blocking(more[1]));
    CHECK_OK(tls_server_close(rig.server));
    RUN_UNTIL(rig.loop, rig.client_errors == 1, 5000);
    CHECK_TEXT(rig.client_error_name, "ERR_TLS_HANDSHAKE_TIMEOUT");
    RUN_UNTIL(rig.loop, rig.closes == 1, 2000);
    CHECK_EQUAL(rig.failed.closes, 1);
    CHECK(tls_server_accept_fd(rig.server, more[1], 1, NULL, 0) == NULL);
    CHECK(is_open_descriptor(sockets[1]) && is_blocking(sockets[1]));
    for (int i = 0; i < 2; i++) {
        close(sockets[i]);
        close(more[i]);
    }
    rig_close(&rig);
}

/* After close and before the close event. */
static void s31_c024_nothing_is_accepted_after_close(void) {
    start(AF_UNIX);
    open_over(1);
    CHECK_OK(tls_server_close(rig.server));
    raw_pair(AF_UNIX, sockets);
    CHECK(tls_server_accept_fd(rig.server, sockets[1], 1, NULL, 0) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_STATE);
    CHECK(is_open_descriptor(sockets[1]));
    close(sockets[0]);
    close(sockets[1]);
    rig_close(&rig);
}

static void c104_destroyed_in_each_phase(void) {
    for (int phase = 0; phase < 6; phase++) {
        start(AF_UNIX);
        tls_stream *accepted = tls_server_accept_fd(rig.server, sockets[1], 1, NULL, 0);
        rig_connect_by(&rig, &client, options_for(sockets[0], 0));
        for (int turn = 0; turn < phase; turn++) {
            CHECK_OK(tls_loop_run_once(rig.loop, 0));
        }
        CHECK_OK(tls_stream_destroy(phase % 2 == 0 ? client.stream : accepted));
        RUN_UNTIL(rig.loop, client.closes == 1, 5000);
        CHECK(is_open_descriptor(sockets[0]) && is_blocking(sockets[0]));
        /* Only now does the server hear of it. */
        close(sockets[0]);
        RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == 0, 5000);
        CHECK_EQUAL(client.closes, 1);
        rig_close(&rig);
    }
}

/* Writing to a peer that is gone must be an error, not a SIGPIPE. */
static void s31_a_peer_that_is_gone(void) {
    static uint8_t talk[1000000];
    static const int domains[] = {AF_UNIX, AF_INET};
    for (int i = 0; i < 2; i++) {
        start(domains[i]);
        open_over(1);
        CHECK_OK(tls_stream_set_allow_half_open(client.stream, 1));
        CHECK_OK(tls_stream_destroy(rig.accepted.stream));
        RUN_UNTIL(rig.loop, client.ends == 1, 5000);
        CHECK_EQUAL(client.clean, 0);
        for (int n = 0; n < 3 && client.closes == 0; n++) {
            tls_stream_write(client.stream, talk, sizeof talk);
            run_for(rig.loop, 20);
        }
        RUN_UNTIL(rig.loop, client.closes == 1, 5000);
        CHECK_EQUAL(client.errors, 1);
        CHECK_EQUAL(client.status, TLS_ERR_RESET);
        rig_close(&rig);
    }
}

/* Backpressure through a descriptor: pausing stops the other side. */
static void s31_pause_over_a_descriptor(void) {
    static uint8_t talk[4000000];
    fill_pattern(talk, sizeof talk, 0);
    start(AF_UNIX);
    open_over(1);
    CHECK_OK(tls_stream_pause(rig.accepted.stream));
    CHECK_EQUAL(tls_stream_write(client.stream, talk, sizeof talk), TLS_FULL);
    run_for(rig.loop, 50);
    CHECK_EQUAL(rig.accepted.received, 0);
    CHECK(tls_stream_bytes_read(rig.accepted.stream) < 1000000);
    CHECK_EQUAL(client.drains, 0);
    CHECK_OK(tls_stream_resume(rig.accepted.stream));
    RUN_UNTIL(rig.loop, rig.accepted.received == sizeof talk && client.drains == 1, 10000);
    CHECK(!rig.accepted.pattern_broken);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s31_client_and_server_over_a_connection);
    RUN(s31_lent_descriptors_come_back);
    RUN(s31_a_lent_descriptor_may_be_closed_early);
    RUN(s31_received_bytes_come_first);
    RUN(s31_injected_bytes_fail);
    RUN(s31_bad_descriptors_are_refused_and_left_alone);
    RUN(s31_one_connection_for_one_descriptor);
    RUN(s31_the_name_to_verify);
    RUN(s31_s58_accepted_descriptors_count);
    RUN(s31_c024_nothing_is_accepted_after_close);
    RUN(c104_destroyed_in_each_phase);
    RUN(s31_a_peer_that_is_gone);
    RUN(s31_pause_over_a_descriptor);
    return check_end();
}
