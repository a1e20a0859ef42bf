/* Servers and clients on Unix sockets (S76). */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static struct rig rig;
static struct witness client;
static char directory[64], path[100];

static void start(void) {
    memset(&client, 0, sizeof client);
    rig_prepare(&rig);
    snprintf(directory, sizeof directory, "/tmp/tlspair-unix-XXXXXX");
    REQUIRE(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/server", directory);
}

/* The directory must be empty by then: nothing of ours is left behind. */
static void finish(void) {
    rig_close(&rig);
    CHECK_EQUAL(rmdir(directory), 0);
}

static bool exists(const char *name) {
    struct stat status;
    return lstat(name, &status) == 0;
}

static tls_connect_options *options_for(const char *to) {
    tls_connect_options *options = tls_connect_options_new();
    CHECK_OK(tls_connect_options_set_path(options, to));
    return options;
}

/* A socket's file with a socket that listens, or whose socket is gone. */
static int raw_listen(const char *at, bool stays) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", at);
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(made, (struct sockaddr *)&address, sizeof address) == 0 && listen(made, 5) == 0);
    if (!stays) {
        close(made);
    }
    return made;
}

static void s76_listen_and_connect(void) {
    static uint8_t talk[300000];
    fill_pattern(talk, sizeof talk, 0);
    start();
    CHECK_OK(tls_server_listen_path(rig.server, path));
    CHECK_EQUAL(rig.listening, 0);
    CHECK(exists(path));
    CHECK_TEXT(tls_server_address(rig.server), path);
    CHECK_TEXT(tls_server_family(rig.server), "Unix");
    CHECK_EQUAL(tls_server_port(rig.server), -1);
    CHECK_EQUAL(tls_server_listen_path(rig.server, path), TLS_ERR_INVALID_STATE);
    rig_connect_by(&rig, &client, options_for(path));
    RUN_UNTIL(rig.loop, client.secures == 1 && rig.connections == 1, 5000);
    CHECK_EQUAL(rig.listening, 1);
    CHECK_EQUAL(tls_stream_authorized(client.stream), 1);
    CHECK_TEXT(tls_stream_servername(rig.accepted.stream), "localhost");
    CHECK(tls_stream_remote_address(client.stream) == NULL);
    CHECK(tls_stream_local_address(client.stream) == NULL);
    CHECK(tls_stream_remote_address(rig.accepted.stream) == NULL);
    CHECK(tls_stream_local_address(rig.accepted.stream) == NULL);
    CHECK_EQUAL(tls_stream_remote_port(rig.accepted.stream), -1);
    CHECK_EQUAL(tls_stream_local_port(client.stream), -1);
    CHECK_OK(tls_stream_set_no_delay(client.stream, 1));
    CHECK_OK(tls_stream_set_keep_alive(client.stream, 0, 0));
    tls_stream_write(client.stream, talk, sizeof talk);
    tls_stream_write(rig.accepted.stream, talk, sizeof talk);
    CHECK_OK(tls_stream_end(client.stream));
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 5000);
    CHECK_TEXT(client.order, "sdec");
    CHECK_EQUAL(client.received + rig.accepted.received, 2 * sizeof talk);
    CHECK(!client.pattern_broken && !rig.accepted.pattern_broken);
    CHECK_OK(tls_server_close(rig.server));
    CHECK(!exists(path));
    CHECK(tls_server_address(rig.server) == NULL);
    RUN_UNTIL(rig.loop, rig.closes == 1, 2000);
    finish();
}

/* Options with a path serve any number of connections; the file goes with the loop, too. */
static void s76_many_connections(void) {
    enum { COUNT = 20 };
    static struct witness clients[COUNT];
    start();
    memset(clients, 0, sizeof clients);
    rig.accepted.several = true;
    CHECK_OK(tls_server_listen_path(rig.server, path));
    tls_connect_options *options = options_for(path);
    CHECK_OK(tls_connect_options_set_context(options, rig.client_context));
    for (int i = 0; i < COUNT; i++) {
        watch(&clients[i], tls_connect(rig.loop, 0, NULL, options, NULL, NULL));
    }
    for (int i = 0; i < COUNT; i++) {
        RUN_UNTIL(rig.loop, clients[i].secures == 1, 5000);
    }
    /* NULL is back to host and port. */
    CHECK_OK(tls_connect_options_set_path(options, NULL));
    CHECK(tls_connect(rig.loop, 0, NULL, options, NULL, NULL) == NULL);
    CHECK_EQUAL(tls_error_status(tls_last_error()), TLS_ERR_INVALID_ARGUMENT);
    CHECK_OK(tls_connect_options_free(options));
    RUN_UNTIL(rig.loop, tls_server_connections(rig.server) == COUNT, 2000);
    finish();
}

static void check_in_use(const char *part) {
    CHECK_EQUAL(tls_server_listen_path(rig.server, path), TLS_ERR_LISTEN);
    CHECK_TEXT(tls_error_name(tls_last_error()), "EADDRINUSE");
    CHECK_EQUAL(tls_error_errno(tls_last_error()), EADDRINUSE);
    CHECK_PART(tls_error_message(tls_last_error()), path);
    CHECK_PART(tls_error_message(tls_last_error()), part);
    CHECK(exists(path));
}

static void s76_the_path_is_taken(void) {
    start();
    raw_listen(path, false);
    check_in_use("remove");
    CHECK_EQUAL(unlink(path), 0);
    int other = raw_listen(path, true);
    check_in_use("another server");
    /* The other one was not disturbed by our asking. */
    CHECK_EQUAL(fcntl(other, F_SETFL, O_NONBLOCK), 0);
    CHECK(accept(other, NULL, NULL) < 0 && errno == EAGAIN);
    close(other);
    CHECK_EQUAL(unlink(path), 0);
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(file);
    check_in_use("not a socket");
    CHECK_EQUAL(unlink(path), 0);
    /* It may be tried again. */
    CHECK_OK(tls_server_listen_path(rig.server, path));
    tls_server *second = tls_server_new(rig.loop, rig.server_context);
    CHECK_EQUAL(tls_server_listen_path(second, path), TLS_ERR_LISTEN);
    CHECK_PART(tls_error_message(tls_last_error()), "another server");
    /* Also then the file is the first one's. */
    CHECK_OK(tls_server_destroy(second));
    CHECK(exists(path));
    finish();
}

static void s76_paths_that_cannot_be(void) {
    char missing[120], longest[108], too_long[200];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = 0;
    memset(too_long, 'y', sizeof too_long - 1);
    too_long[sizeof too_long - 1] = 0;
    start();
    snprintf(missing, sizeof missing, "%s/none/server", directory);
    CHECK_EQUAL(tls_server_listen_path(rig.server, missing), TLS_ERR_LISTEN);
    CHECK_TEXT(tls_error_name(tls_last_error()), "ENOENT");
    CHECK_PART(tls_error_message(tls_last_error()), missing);
    tls_connect_options *options = tls_connect_options_new();
    const char *const bad[] = {"", too_long};
    for (int i = 0; i < 2; i++) {
        CHECK_EQUAL(tls_server_listen_path(rig.server, bad[i]), TLS_ERR_INVALID_ARGUMENT);
        CHECK_EQUAL(tls_connect_options_set_path(options, bad[i]), TLS_ERR_INVALID_ARGUMENT);
    }
    CHECK_TEXT(tls_error_name(tls_last_error()), "ENAMETOOLONG");
    CHECK_PART(tls_error_message(tls_last_error()), too_long);
    CHECK_PART(tls_error_message(tls_last_error()), "107");
    CHECK_EQUAL(tls_server_listen_path(rig.server, NULL), TLS_ERR_INVALID_ARGUMENT);
    CHECK_OK(tls_connect_options_set_path(options, longest));
    CHECK_OK(tls_connect_options_free(options));
    /* Nothing of this has changed the server. */
    CHECK_OK(tls_server_listen_path(rig.server, path));
    finish();
}

static void s76_nobody_listens(void) {
    static const struct {
        char kind;
        const char *name;
    } cases[] = {{'-', "ENOENT"}, {'s', "ECONNREFUSED"}, {'f', "ECONNREFUSED"}};
    for (int i = 0; i < 3; i++) {
        start();
        if (cases[i].kind == 's') {
            raw_listen(path, false);
        } else if (cases[i].kind == 'f') {
            close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        }
        rig_connect_by(&rig, &client, options_for(path));
        CHECK_TEXT(client.order, "");
        RUN_UNTIL(rig.loop, client.closes == 1, 5000);
        CHECK_TEXT(client.order, "xc");
        CHECK_EQUAL(client.status, TLS_ERR_CONNECT);
        CHECK_TEXT(client.error_name, cases[i].name);
        CHECK_PART(client.error_message, path);
        unlink(path);
        finish();
    }
}

/* A server that does not come to accepting: a client that does not block is not put into its queue. */
static void s76_the_queue_is_full(void) {
    enum { COUNT = 8 };
    static struct witness clients[COUNT];
    int refused = 0;
    start();
    memset(clients, 0, sizeof clients);
    int other = raw_listen(path, true);
    CHECK_EQUAL(listen(other, 1), 0);
    for (int i = 0; i < COUNT; i++) {
        rig_connect_by(&rig, &clients[i], options_for(path));
    }
    RUN_UNTIL(rig.loop, clients[COUNT - 1].closes == 1, 5000);
    for (int i = 0; i < COUNT; i++) {
        refused += clients[i].closes;
        if (clients[i].closes == 1) {
            CHECK_TEXT(clients[i].order, "xc");
            CHECK_EQUAL(clients[i].status, TLS_ERR_CONNECT);
            CHECK_TEXT(clients[i].error_name, "EAGAIN");
            CHECK_PART(clients[i].error_message, "queue is full");
        }
    }
    CHECK(refused < COUNT);
    close(other);
    CHECK_EQUAL(unlink(path), 0);
    finish();
}

/* What is at the path when the server closes may be another's. */
static void s76_only_our_file_is_removed(void) {
    start();
    CHECK_OK(tls_server_listen_path(rig.server, path));
    CHECK_EQUAL(unlink(path), 0);
    int other = raw_listen(path, true);
    CHECK_OK(tls_server_close(rig.server));
    RUN_UNTIL(rig.loop, rig.closes == 1, 2000);
    CHECK(exists(path));
    close(other);
    CHECK_EQUAL(unlink(path), 0);
    finish();
    /* It was removed already. */
    start();
    CHECK_OK(tls_server_listen_path(rig.server, path));
    CHECK_EQUAL(unlink(path), 0);
    finish();
}

static void s76_relative_paths(void) {
    char before[1024];
    start();
    REQUIRE(getcwd(before, sizeof before) != NULL && chdir(directory) == 0);
    CHECK_OK(tls_server_listen_path(rig.server, "server"));
    CHECK_TEXT(tls_server_address(rig.server), "server");
    rig_connect_by(&rig, &client, options_for("server"));
    RUN_UNTIL(rig.loop, client.secures == 1 && rig.connections == 1, 5000);
    /* Also when the program has gone elsewhere since. */
    REQUIRE(chdir(before) == 0);
    finish();
}

static void c104_destroyed_in_each_phase(void) {
    for (int phase = 0; phase < 6; phase++) {
        start();
        CHECK_OK(tls_server_listen_path(rig.server, path));
        rig_connect_by(&rig, &client, options_for(path));
        for (int turn = 0; turn < phase; turn++) {
            CHECK_OK(tls_loop_run_once(rig.loop, 0));
        }
        CHECK_OK(tls_stream_destroy(client.stream));
        RUN_UNTIL(rig.loop, client.closes == 1 && tls_server_connections(rig.server) == 0, 5000);
        run_for(rig.loop, 10);
        CHECK_EQUAL(client.closes, 1);
        CHECK_EQUAL(client.errors, 0);
        finish();
    }
}

int main(int argc, char **argv) {
    check_begin(argc, argv);
    RUN(s76_listen_and_connect);
    RUN(s76_many_connections);
    RUN(s76_the_path_is_taken);
    RUN(s76_paths_that_cannot_be);
    RUN(s76_nobody_listens);
    RUN(s76_the_queue_is_full);
    RUN(s76_only_our_file_is_removed);
    RUN(s76_relative_paths);
    RUN(c104_destroyed_in_each_phase);
    return check_end();
}
