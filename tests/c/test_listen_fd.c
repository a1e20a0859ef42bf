/* Servers on sockets that listen already, and what keeps the loop going (S81); addresses (S54, S56,
 * S68). */
#include "support.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct rig rig;
static struct witness client;

static void start(void) {
    memset(&client, 0, sizeof client);
    rig_prepare(&rig);
}

static int raw_listener(void) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(made, (struct sockaddr *)&address, sizeof address) == 0 && listen(made, 10) == 0);
    return made;
}

static void s81_listen_on_a_descriptor(void) {
    for (int close_fd = 0; close_fd < 2; close_fd++) {
        start();
        int listener = raw_listener();
        CHECK_OK(tls_server_listen_fd(rig.server, listener, close_fd));
        CHECK_EQUAL(is_open_descriptor(listener), !close_fd);
        rig.port = tls_server_port(rig.server);
        CHECK(rig.port > 0);
        CHECK_TEXT(tls_server_address(rig.server), "127.0.0.1");
        CHECK_TEXT(tls_server_family(rig.server), "IPv4");
        CHECK_EQUAL(tls_server_listen(rig.server, 0, NULL), TLS_ERR_INVALID_STATE);
        rig_connect_secure(&rig, &client);
        CHECK_EQUAL(rig.listening, 1);
        CHECK_EQUAL(tls_server_connections(rig.server), 1);
        CHECK_OK(tls_stream_end(client.stream));
        RUN_UNTIL(rig.loop, client.closes == 1, 5000);
        CHECK_OK(tls_server_close(rig.server));
        RUN_UNTIL(rig.loop, rig.closes == 1, 2000);
        if (close_fd == 0) {
            /* It listens on, for whoever has it, and blocks as before; nobody here is woken for it. */
            CHECK(is_blocking(listener));
            int waiting = raw_connect(rig.port);
            int64_t before = cpu_ms();
            run_for(rig.loop, 50);
            CHECK(!runs_natively() || cpu_ms() - before < 40);
            int taken = accept(listener, NULL, NULL);
            CHECK(taken >= 0);
            close(taken);
            close(waiting);
            close(listener);
        }
        rig_close(&rig);
    }
}

static void s81_listen_on_a_unix_descriptor(void) {
    start();
    /* An abstract name, which has no file and which no path can say. */
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "tlspair-%d", (int)getpid());
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 5) == 0);
    CHECK_OK(tls_server_listen_fd(rig.server, listener, 1));
    CHECK_TEXT(tls_server_family(rig.server), "Unix");
    CHECK_PART(tls_server_address(rig.server), "@tlspair-");
    int peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(connect(peer, (struct sockaddr *)&address, size) == 0);
    tls_connect_options *options = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_fd(options, peer, 1));
    rig_connect_by(&rig, &client, options);
    RUN_UNTIL(rig.loop, client.secures == 1 && rig.connections == 1, 5000);
    rig_close(&rig);
}

static void s81_bad_descriptors_are_refused(void) {
    start();
    int pair[2];
    raw_pair(AF_UNIX, pair);
    int unbound = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int datagrams = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int file = open("/dev/null", O_RDWR | O_CLOEXEC);
    int closed = dup(0);
    close(closed);
    const struct {
        int fd;
        const char *name, *part;
    } cases[] = {
        {closed, "EBADF", "not open"},
        {file, "ENOTSOCK", "not a socket"},
        {pair[0], "ERR_INVALID_ARG_VALUE", "listen(2)"},
        {unbound, "ERR_INVALID_ARG_VALUE", "listen(2)"},
        {datagrams, "ERR_INVALID_ARG_VALUE", "SOCK_STREAM"},
        {-1, "ERR_INVALID_ARG_VALUE", "negative"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_EQUAL(tls_server_listen_fd(rig.server, cases[i].fd, 1), TLS_ERR_INVALID_ARGUMENT);
        CHECK_TEXT(tls_error_name(tls_last_error()), cases[i].name);
        CHECK_PART(tls_error_message(tls_last_error()), cases[i].part);
        if (cases[i].fd >= 0 && cases[i].fd != closed) {
            CHECK(is_open_descriptor(cases[i].fd));
        }
    }
    CHECK(is_blocking(pair[0]));
    CHECK_EQUAL(tls_server_listen_fd(rig.server, pair[0], 7), TLS_ERR_INVALID_ARGUMENT);
    CHECK_OK(tls_server_listen(rig.server, 0, "127.0.0.1"));
    CHECK_OK(tls_server_close(rig.server));
    CHECK_EQUAL(tls_server_listen_fd(rig.server, unbound, 0), TLS_ERR_INVALID_STATE);
    close(pair[0]);
    close(pair[1]);
    close(unbound);
    close(datagrams);
    close(file);
    rig_close(&rig);
}

/* ---- ref, unref ---- */

/* A loop that does not return ends the program. */
static void run_to_the_end(void) {
    alarm((unsigned)(20 * patience()));
    CHECK_OK(tls_loop_run(rig.loop));
    alarm(0);
}

static void *stop_soon(void *stopped) {
    sleep_ms(30);
    atomic_store((atomic_bool *)stopped, true);
    CHECK_OK(tls_loop_stop(rig.loop));
    return NULL;
}

/* Something keeps the loop going: it does not return before it is stopped. */
static void run_until_stopped(void) {
    atomic_bool stopped = false;
    pthread_t thread;
    REQUIRE(pthread_create(&thread, NULL, stop_soon, &stopped) == 0);
    CHECK_OK(tls_loop_run(rig.loop));
    CHECK(atomic_load(&stopped));
    pthread_join(thread, NULL);
}

static void s81_an_unref_server_lets_the_loop_go(void) {
    start();
    rig_listen(&rig);
    CHECK_OK(tls_server_unref(rig.server));
    CHECK_OK(tls_server_unref(rig.server));
    run_to_the_end();
    CHECK_EQUAL(rig.listening, 1);
    /* It is served as before, and its connections count. */
    rig_connect_secure(&rig, &client);
    CHECK_OK(tls_stream_end(client.stream));
    run_to_the_end();
    CHECK_EQUAL(client.closes, 1);
    CHECK_EQUAL(rig.accepted.closes, 1);
    /* Before listen, too. */
    tls_server *early = tls_server_new(rig.loop, rig.server_context);
    CHECK_OK(tls_server_unref(early));
    CHECK_OK(tls_server_listen(early, 0, "127.0.0.1"));
    run_to_the_end();
    CHECK_OK(tls_server_destroy(early));
    /* And back: now only stopping ends it. */
    CHECK_OK(tls_server_ref(rig.server));
    CHECK_OK(tls_server_ref(rig.server));
    run_until_stopped();
    CHECK_EQUAL(rig.closes, 0);
    CHECK_OK(tls_server_close(rig.server));
    run_to_the_end();
    CHECK_EQUAL(rig.closes, 1);
    CHECK_EQUAL(tls_server_ref(rig.server), TLS_ERR_INVALID_HANDLE);
    rig_close(&rig);
}

static void s81_an_unref_stream_lets_the_loop_go(void) {
    start();
    rig_listen(&rig);
    rig_connect_secure(&rig, &client);
    CHECK_OK(tls_server_unref(rig.server));
    CHECK_OK(tls_stream_unref(client.stream));
    CHECK_OK(tls_stream_unref(client.stream));
    /* The other side of it still counts. */
    run_until_stopped();
    CHECK_EQUAL(client.closes, 0);
    CHECK_OK(tls_stream_unref(rig.accepted.stream));
    run_to_the_end();
    CHECK_EQUAL(client.closes + rig.accepted.closes, 0);
    /* Both are served whenever the loop runs. */
    CHECK_OK(tls_stream_write(client.stream, "x", 1));
    RUN_UNTIL(rig.loop, rig.accepted.received == 1, 2000);
    CHECK_OK(tls_stream_ref(client.stream));
    CHECK_OK(tls_stream_end(client.stream));
    run_to_the_end();
    CHECK_EQUAL(client.closes, 1);
    /* What was closed while unref'd is not counted twice: an empty loop returns, another does not. */
    RUN_UNTIL(rig.loop, rig.accepted.closes == 1, 2000);
    run_to_the_end();
    memset(&client, 0, sizeof client);
    rig_connect(&rig, &client);
    run_until_stopped();
    CHECK_OK(tls_stream_destroy(client.stream));
    run_to_the_end();
    CHECK_EQUAL(client.closes, 1);
    rig_close(&rig);
}

/* ---- addresses ---- */

/* Also S54: both families reach `::`. */
static void s68_an_ipv4_client_of_a_dual_stack_server(void) {
    start();
    if (tls_server_listen(rig.server, 0, "::") != TLS_OK) {
        printf("  no IPv6 here: %s\n", tls_error_message(tls_last_error()));
    } else {
        rig.port = tls_server_port(rig.server);
        rig_connect_secure(&rig, &client);
        CHECK_TEXT(tls_stream_remote_address(rig.accepted.stream), "::ffff:127.0.0.1");
        CHECK_TEXT(tls_stream_local_address(rig.accepted.stream), "::ffff:127.0.0.1");
        CHECK_EQUAL(tls_stream_remote_port(rig.accepted.stream), tls_stream_local_port(client.stream));
        CHECK_EQUAL(tls_stream_local_port(rig.accepted.stream), rig.port);
    }
    rig_close(&rig);
}

/* S67, S69: no addresses before there is a connection; the peer's also in the close callback. */
static void ask(struct witness *witness, char event, const uint8_t *data, size_t length) {
    (void)data;
    (void)length;
    if (event == 'c') {
        CHECK_TEXT(tls_stream_remote_address(witness->stream), "127.0.0.1");
        CHECK_EQUAL(tls_stream_remote_port(witness->stream), rig.port);
        CHECK(tls_stream_local_address(witness->stream) == NULL);
        CHECK_EQUAL(tls_stream_local_port(witness->stream), -1);
    }
}

static void s67_s69_addresses_before_and_after_the_connection(void) {
    start();
    rig_listen(&rig);
    client.hook = ask;
    rig_connect(&rig, &client);
    CHECK(tls_stream_remote_address(client.stream) == NULL);
    CHECK(tls_stream_local_address(client.stream) == NULL);
    CHECK_EQUAL(tls_stream_remote_port(client.stream), -1);
    CHECK_EQUAL(tls_stream_local_port(client.stream), -1);
    RUN_UNTIL(rig.loop, client.secures == 1, 5000);
    CHECK_OK(tls_stream_destroy(client.stream));
    RUN_UNTIL(rig.loop, client.closes == 1, 2000);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s81_listen_on_a_descriptor);
    RUN(s81_listen_on_a_unix_descriptor);
    RUN(s81_bad_descriptors_are_refused);
    RUN(s81_an_unref_server_lets_the_loop_go);
    RUN(s81_an_unref_stream_lets_the_loop_go);
    RUN(s68_an_ipv4_client_of_a_dual_stack_server);
    RUN(s67_s69_addresses_before_and_after_the_connection);
    return check_end();
}
