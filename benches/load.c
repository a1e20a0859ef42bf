/*
 * The load generator: TLS clients in one thread over epoll, with an own BIO and shared buffers so
 * that it is cheap itself, and the server's CPU time read from /proc.
 *
 *   load handshake port=N pid=N [connections=8] [resume=1]   connect, 1 byte there and back, close
 *   load echo port=N pid=N connections=N size=N              one message under way per connection
 *   load burst port=N pid=N [connections=8]                  1 byte asks for 64 writes of 64 bytes
 *   load idle port=N pid=N [connections=2000]                64 bytes there and back, then silence
 *   load cached port=N pid=N [sessions=20000]                as handshake, until so many sessions are kept
 *   load pending port=N pid=N [connections=2000]             a hello that offers a session and gets no answer
 *
 * With seconds=N, warm=N and version=1.2 or 1.3; with first_thread=1 only the CPU of the server's first
 * thread counts; with greets=1 the server says a line first. Prints one line of name=value; any error ends it with status 1.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "process.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_MESSAGE 65536
#define MAX_CONNECTIONS 20000
/* So many at a time, so that no listen queue overflows. */
#define SETUP_WINDOW 64
#define SETUP_SECONDS 120
/* Memory is read when the servers have certainly come to rest. */
#define IDLE_SECONDS 1.0
/* On a busy machine a run goes on until it has this many, within SETUP_SECONDS. */
#define FEWEST_OPERATIONS 100
/* Sessions that are made before memory is looked at. */
#define CACHED_BEFORE 200

enum mode { HANDSHAKE, ECHO, BURST, IDLE, CACHED, PENDING };
enum state { CONNECTING, HANDSHAKING, OPEN, SILENT };

struct connection {
    int fd;
    enum state state;
    bool waits_to_write;
    bool counted; /* its first handshake is done */
    bool greeted;
    SSL *ssl;
    SSL_SESSION *session;
    size_t awaited; /* bytes of the reply that are still to come */
    unsigned char *unsent;
    size_t unsent_length;
};

static enum mode mode;
static bool resume, is_tls12, greets;
/* From now on nobody is answered. */
static bool held;
static int server_port, server_pid, epoll_fd;
static size_t request_length, reply_length;
static SSL_CTX *context;
static BIO_METHOD *bio_method;
static long operations, resumptions;
static int settled;

/* What the BIO reads and writes during one event. */
static unsigned char received[1 << 18], sending[1 << 20];
static size_t received_length, received_used, sending_length;
static unsigned char message[MAX_MESSAGE], reply[MAX_MESSAGE];

static int bio_read(BIO *bio, char *data, int length)
{
    BIO_clear_retry_flags(bio);
    size_t count = received_length - received_used;
    if (count == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (count > (size_t)length)
        count = (size_t)length;
    memcpy(data, received + received_used, count);
    received_used += count;
    return (int)count;
}

static int bio_write(BIO *bio, const char *data, int length)
{
    BIO_clear_retry_flags(bio);
    if (sending_length + (size_t)length > sizeof sending)
        die("more to send than one event can hold");
    memcpy(sending + sending_length, data, (size_t)length);
    sending_length += (size_t)length;
    return length;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static int bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct connection *connection = SSL_get_app_data(ssl);
    SSL_SESSION_free(connection->session);
    connection->session = session;
    return 1;
}

static void watch(struct connection *connection, bool to_write)
{
    if (connection->waits_to_write == to_write)
        return;
    connection->waits_to_write = to_write;
    struct epoll_event event = {.events = EPOLLIN | (to_write ? EPOLLOUT : 0), .data.ptr = connection};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, connection->fd, &event);
}

static size_t send_some(int fd, const unsigned char *data, size_t length)
{
    ssize_t count = send(fd, data, length, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN)
        die("send: %s", strerror(errno));
    return count < 0 ? 0 : (size_t)count;
}

/* Sends what this event wrote, after what earlier ones left. */
static void flush(struct connection *connection)
{
    size_t sent = 0;
    if (connection->unsent_length > 0) {
        sent = send_some(connection->fd, connection->unsent, connection->unsent_length);
        connection->unsent_length -= sent;
        memmove(connection->unsent, connection->unsent + sent, connection->unsent_length);
        sent = 0;
    }
    if (connection->unsent_length == 0 && sending_length > 0)
        sent = send_some(connection->fd, sending, sending_length);
    size_t rest = sending_length - sent;
    if (rest > 0) {
        connection->unsent = realloc(connection->unsent, connection->unsent_length + rest);
        if (connection->unsent == NULL)
            die("out of memory");
        memcpy(connection->unsent + connection->unsent_length, sending + sent, rest);
        connection->unsent_length += rest;
    }
    sending_length = 0;
    watch(connection, connection->unsent_length > 0);
}

static void start(struct connection *connection)
{
    int on = 1;
    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (connection->fd < 0)
        die("socket: %s", strerror(errno));
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server_port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(connection->fd, (struct sockaddr *)&address, sizeof address) != 0 && errno != EINPROGRESS)
        die("connect: %s", strerror(errno));

    BIO *bio = BIO_new(bio_method);
    connection->ssl = SSL_new(context);
    if (bio == NULL || connection->ssl == NULL)
        die("out of memory");
    SSL_set_bio(connection->ssl, bio, bio);
    SSL_set_connect_state(connection->ssl);
    SSL_set_app_data(connection->ssl, connection);
    SSL_set_tlsext_host_name(connection->ssl, "localhost");
    if (resume && connection->session != NULL)
        SSL_set_session(connection->ssl, connection->session);

    connection->state = CONNECTING;
    connection->greeted = !greets;
    connection->waits_to_write = true;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = connection};
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, connection->fd, &event);
}

static void restart(struct connection *connection)
{
    SSL_shutdown(connection->ssl);
    flush(connection);
    SSL_free(connection->ssl);
    close(connection->fd);
    connection->unsent_length = 0;
    start(connection);
}

static void request(struct connection *connection)
{
    if (SSL_write(connection->ssl, message, (int)request_length) != (int)request_length)
        die("a request could not be written");
    connection->awaited = reply_length;
}

static void on_reply(struct connection *connection)
{
    operations++;
    switch (mode) {
    case HANDSHAKE:
    case CACHED:
        restart(connection);
        break;
    case ECHO:
    case BURST:
        request(connection);
        break;
    case IDLE:
    case PENDING:
        connection->state = SILENT;
        settled++;
        break;
    }
}

static void fail(struct connection *connection, int result, const char *what)
{
    int error = SSL_get_error(connection->ssl, result);
    ERR_print_errors_fp(stderr);
    die("%s: SSL error %d", what, error);
}

/* Leaves the line out that the server says first; what is left of so many bytes. */
static int skip_greeting(struct connection *connection, int length)
{
    const unsigned char *end = connection->greeted ? NULL : memchr(reply, '\n', (size_t)length);
    if (end != NULL) {
        connection->greeted = true;
        return length - (int)(end + 1 - reply);
    }
    return connection->greeted ? length : 0;
}

/* Handshake and replies, as far as the received bytes go. */
static void advance(struct connection *connection)
{
    SSL *ssl = connection->ssl;
    if (connection->state == HANDSHAKING) {
        int result = SSL_do_handshake(ssl);
        if (result != 1) {
            if (SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ)
                fail(connection, result, "handshake");
            return;
        }
        if (held)
            die("a handshake that offers a session was not held");
        connection->state = OPEN;
        resumptions += SSL_session_reused(ssl);
        if (!connection->counted && mode != IDLE && mode != PENDING)
            settled++;
        connection->counted = true;
        request(connection);
    }
    for (;;) {
        int length = SSL_read(ssl, reply, sizeof reply);
        if (length <= 0) {
            if (SSL_get_error(ssl, length) != SSL_ERROR_WANT_READ)
                fail(connection, length, "read");
            return;
        }
        length = skip_greeting(connection, length);
        if (length == 0)
            continue;
        if ((size_t)length > connection->awaited)
            die("the reply is longer than asked for");
        connection->awaited -= (size_t)length;
        if (connection->awaited == 0) {
            on_reply(connection);
            if (mode == HANDSHAKE || mode == CACHED)
                return;
        }
    }
}

static void on_event(struct connection *connection, uint32_t events)
{
    received_length = received_used = 0;
    if (connection->state == CONNECTING) {
        if (events & (EPOLLERR | EPOLLHUP))
            die("the connection was refused");
        connection->state = HANDSHAKING;
        advance(connection);
        settled += held;
    } else if (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) {
        ssize_t count = recv(connection->fd, received, sizeof received, 0);
        if (count < 0 && errno == EAGAIN)
            return;
        if (count <= 0)
            die("the server closed a connection: %s", count < 0 ? strerror(errno) : "end of stream");
        received_length = (size_t)count;
        advance(connection);
    }
    if (connection->state != CONNECTING)
        flush(connection);
}

/* One turn of the event loop. */
static void turn(int timeout_ms)
{
    struct epoll_event events[512];
    int count = epoll_wait(epoll_fd, events, 512, timeout_ms);
    for (int i = 0; i < count; i++)
        on_event(events[i].data.ptr, events[i].events);
}

static void run_for(double seconds)
{
    double end = seconds_of(CLOCK_MONOTONIC) + seconds;
    while (seconds_of(CLOCK_MONOTONIC) < end)
        turn(100);
}

/* They offer the session, if there is one. */
static struct connection *connect_all(int count, SSL_SESSION *session)
{
    struct connection *connections = calloc((size_t)count, sizeof *connections);
    if (connections == NULL)
        die("out of memory");
    for (int i = 0; session != NULL && i < count; i++) {
        SSL_SESSION_up_ref(session);
        connections[i].session = session;
    }
    settled = 0;
    double limit = seconds_of(CLOCK_MONOTONIC) + SETUP_SECONDS;
    int started = 0;
    while (settled < count) {
        while (started < count && started - settled < SETUP_WINDOW)
            start(&connections[started++]);
        turn(100);
        if (seconds_of(CLOCK_MONOTONIC) > limit)
            die("%d of %d connections after %d s", settled, count, SETUP_SECONDS);
    }
    return connections;
}

/* Turns until so many sessions were made by full handshakes. TLS 1.3 makes one for each of two tickets. */
static void make_sessions(long count)
{
    double limit = seconds_of(CLOCK_MONOTONIC) + SETUP_SECONDS;
    long wanted = operations + count / (is_tls12 ? 1 : 2);
    while (operations < wanted) {
        turn(100);
        if (seconds_of(CLOCK_MONOTONIC) > limit)
            die("not enough sessions after %d s", SETUP_SECONDS);
    }
}

/* What the server has grown by since, for each of them. */
static void report_memory(long count, long rss)
{
    printf("count=%ld kib_each=%.3f\n", count, (double)(process_rss_kib(server_pid) - rss) / (double)count);
}

static void run_idle(int connections)
{
    long rss = process_rss_kib(server_pid);
    connect_all(connections, NULL);
    run_for(IDLE_SECONDS);
    report_memory(connections, rss);
}

static void run_cached(int connections, long sessions)
{
    connect_all(connections, NULL);
    make_sessions(CACHED_BEFORE);
    long rss = process_rss_kib(server_pid);
    make_sessions(sessions);
    report_memory(sessions, rss);
}

static void run_pending(int connections)
{
    SSL_SESSION *session = connect_all(1, NULL)->session;
    if (session == NULL)
        die("the server gave no session");
    long rss = process_rss_kib(server_pid);
    resume = held = true;
    connect_all(connections, session);
    run_for(IDLE_SECONDS);
    report_memory(connections, rss);
}

static void prepare(void)
{
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, is_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_max_proto_version(context, is_tls12 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES128-GCM-SHA256");
    /* TLS 1.2 wants the certificate's curve in the list too. */
    SSL_CTX_set1_groups_list(context, is_tls12 ? "X25519:P-256" : "X25519");
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_new_session);

    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "load");
    BIO_meth_set_read(bio_method, bio_read);
    BIO_meth_set_write(bio_method, bio_write);
    BIO_meth_set_ctrl(bio_method, bio_control);
    BIO_meth_set_create(bio_method, bio_create);
    memset(message, 'x', sizeof message);
    epoll_fd = epoll_create1(0);
}

static enum mode mode_of(const char *name)
{
    static const char *const names[] = {"handshake", "echo", "burst", "idle", "cached", "pending"};
    for (int i = 0; i < 6; i++)
        if (strcmp(name, names[i]) == 0)
            return (enum mode)i;
    die("unknown mode %s", name);
}

int main(int argc, char **argv)
{
    if (argc < 2)
        die("usage: load handshake|echo|burst|idle|cached|pending port=N pid=N ...");
    alarm(LIFETIME_SECONDS);
    signal(SIGPIPE, SIG_IGN);
    mode = mode_of(argv[1]);
    static const int usual_connections[] = {8, 50, 8, 2000, 8, 2000};
    int connections = (int)option_number(argc, argv, "connections", usual_connections[mode]);
    double seconds = option_number(argc, argv, "seconds", 1), warm = option_number(argc, argv, "warm", 0.2);
    server_port = (int)option_number(argc, argv, "port", 0);
    server_pid = (int)option_number(argc, argv, "pid", 0);
    resume = option_number(argc, argv, "resume", 0) != 0;
    is_tls12 = strcmp(option(argc, argv, "version", "1.3"), "1.2") == 0;
    greets = option_number(argc, argv, "greets", 0) != 0;
    bool first_thread = option_number(argc, argv, "first_thread", 0) != 0;
    long sessions = (long)option_number(argc, argv, "sessions", 20000);
    request_length = mode == ECHO ? (size_t)option_number(argc, argv, "size", 64) : mode == IDLE ? 64 : 1;
    reply_length = mode == BURST ? BURST_COUNT * BURST_SIZE : request_length;
    if (connections < 1 || connections > MAX_CONNECTIONS || request_length < 1 || request_length > MAX_MESSAGE)
        die("connections or size out of range");
    prepare();
    if (mode == BURST)
        message[0] = BURST_REQUEST;

    switch (mode) {
    case IDLE:
        run_idle(connections);
        return 0;
    case CACHED:
        run_cached(connections, sessions);
        return 0;
    case PENDING:
        run_pending(connections);
        return 0;
    default:
        break;
    }
    connect_all(connections, NULL);
    run_for(warm);
    long operations_before = operations, resumptions_before = resumptions;
    double cpu = process_cpu(server_pid, first_thread), own = seconds_of(CLOCK_PROCESS_CPUTIME_ID), wall = seconds_of(CLOCK_MONOTONIC);
    run_for(seconds);
    while (operations - operations_before < FEWEST_OPERATIONS && seconds_of(CLOCK_MONOTONIC) - wall < SETUP_SECONDS)
        turn(100);
    wall = seconds_of(CLOCK_MONOTONIC) - wall;
    cpu = process_cpu(server_pid, first_thread) - cpu;
    own = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - own;
    long done = operations - operations_before;
    if (done == 0)
        die("nothing was done in %.1f s", wall);
    /* Those under way at the two readings are counted on one side only. */
    if (resume && resumptions - resumptions_before + connections < done)
        die("only %ld of %ld handshakes were resumed", resumptions - resumptions_before, done);
    printf("operations=%ld cpu_us=%.3f rate=%.1f load_us=%.3f server_busy=%.2f load_busy=%.2f\n", done,
           cpu * 1e6 / (double)done, (double)done / wall, own * 1e6 / (double)done, cpu / wall, own / wall);
    return 0;
}
