/* What the process around the library may look like (case 99): descriptors 0 to 2 closed at the
 * start, SIGPIPE at its default, a child that is forked and runs another program. */
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct rig rig;
static struct witness client;
static const char *own_path;

/* Waits for a child, not for ever; its exit code, or -1. */
static int wait_for(pid_t child) {
    int status = 0;
    int64_t deadline = now_ms() + 20000 * patience();
    while (now_ms() < deadline) {
        if (waitpid(child, &status, WNOHANG) == child) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        }
        sleep_ms(5);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return -1;
}

/* What the child of c099_descriptors_0_to_2_closed does: a conversation without standard streams, so
 * that sockets get the numbers 0 to 2. Says by its exit code how it went. */
static int converse_without_standard_streams(void) {
    uint8_t bytes[50000];
    fill_pattern(bytes, sizeof bytes, 0);
    rig_open(&rig);
    rig_connect_secure(&rig, &client);
    if (client.secures != 1 || tls_stream_write(client.stream, bytes, sizeof bytes) < 0) {
        return 3;
    }
    CHECK_OK(tls_stream_end(client.stream));
    RUN_UNTIL(rig.loop, client.closes == 1 && rig.accepted.closes == 1, 5000);
    bool whole = rig.accepted.received == sizeof bytes && !rig.accepted.pattern_broken && rig.accepted.clean;
    /* Whoever writes to "standard error" must not write into a connection. */
    tls_context_set_ciphers(rig.client_context, "nonsense");
    rig_close(&rig);
    return whole ? 0 : 4;
}

static void c099_descriptors_0_to_2_closed(void) {
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        close(0);
        close(1);
        close(2);
        execl(own_path, own_path, "--without-standard-streams", (char *)NULL);
        _exit(9);
    }
    CHECK_EQUAL(wait_for(child), 0);
}

/* Descriptors from 3 on that a child would inherit. */
static int inheritable_descriptors(void) {
    int count = 0;
    for (int number = 3; number < 256; number++) {
        int flags = fcntl(number, F_GETFD);
        count += flags >= 0 && !(flags & FD_CLOEXEC);
    }
    return count;
}

/* A child that only runs another program inherits no descriptor of ours and disturbs nothing. */
static void c099_fork_and_exec(void) {
    struct sigaction action;
    char expected[16];
    /* What whoever runs the tests left open. */
    snprintf(expected, sizeof expected, "%d", inheritable_descriptors());
    memset(&client, 0, sizeof client);
    rig_open(&rig);
    CHECK(tls_loop_fd(rig.loop) >= 0);
    rig_connect_secure(&rig, &client);
    fflush(stdout);
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        execl(own_path, own_path, "--count-descriptors", expected, (char *)NULL);
        _exit(9);
    }
    CHECK_EQUAL(wait_for(child), 0);
    CHECK_OK(tls_stream_write(client.stream, "still there", 11));
    RUN_UNTIL(rig.loop, rig.accepted.received == 11, 2000);
    /* Nobody touched the signal. */
    REQUIRE(sigaction(SIGPIPE, NULL, &action) == 0);
    CHECK(action.sa_handler == SIG_DFL);
    rig_close(&rig);
}

/* Writing into a connection whose peer is gone ends with an error, not with the process. */
static void c099_no_death_by_sigpipe(void) {
    static uint8_t bytes[100000];
    struct wire wire;
    signal(SIGPIPE, SIG_DFL);
    rig_open(&rig);
    wire_open_secure(&wire, &rig);
    wire_close(&wire, true);
    for (int i = 0; i < 20; i++) {
        if (tls_stream_write(rig.accepted.stream, bytes, sizeof bytes) < 0) {
            break;
        }
        tls_loop_run_once(rig.loop, 5);
    }
    RUN_UNTIL(rig.loop, rig.accepted.closes == 1, 2000);
    CHECK_EQUAL(rig.accepted.errors, 1);
    rig_close(&rig);
}

int main(int argc, char **argv) {
    own_path = argv[0];
    if (argc > 1 && strcmp(argv[1], "--without-standard-streams") == 0) {
        return converse_without_standard_streams();
    }
    if (argc > 2 && strcmp(argv[1], "--count-descriptors") == 0) {
        return inheritable_descriptors() == atoi(argv[2]) ? 0 : 5;
    }
    check_begin(argc, argv);
    RUN(c099_descriptors_0_to_2_closed);
    RUN(c099_fork_and_exec);
    RUN(c099_no_death_by_sigpipe);
    return check_end();
}
