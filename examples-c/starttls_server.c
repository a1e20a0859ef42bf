/*
 * A mail server that takes mail over TLS alone (SMTP with STARTTLS, RFC 3207) and puts it into files.
 *
 *   starttls_server PORT CERT KEY DIRECTORY
 *
 * It accepts connections itself and speaks in the clear until a client asks for TLS; then it hands the
 * connection over, with what it has read already. One poll(2) waits for everything: new clients,
 * clients in the clear, and the library's whole loop. Messages become DIRECTORY/1.eml, 2.eml, ...
 */
#define _POSIX_C_SOURCE 200809L   /* poll, beside C11 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <tlspair.h>
#include <unistd.h>

#define CLEAR_MAX 64          /* clients in the clear at once; more wait in the listener's queue */
#define CLEAR_S 60            /* how long one may take to ask for TLS */
#define IDLE_MS (60 * 1000)
#define LINE_LENGTH 4096
#define MESSAGE_MAX (10 * 1024 * 1024)

/* One client, first in the clear, then over TLS. */
struct session {
    int fd;               /* in the clear; -1 once it is the library's */
    tls_stream *stream;   /* over TLS; NULL before */
    time_t since;
    char line[LINE_LENGTH];
    size_t length;
    int over;
    /* The mail that is coming in; begun again when TLS begins. */
    int has_sender, has_recipient;
    FILE *file;
    size_t size;
};

static const char *directory;
static int messages;
static tls_server *server;
static struct session *in_clear[CLEAR_MAX];

static void die(const char *what, const char *why) {
    fprintf(stderr, "starttls_server: %s: %s\n", what, why);
    exit(1);
}

static void check(tls_status status, const char *what) {
    if (status < TLS_OK) die(what, tls_error_message(tls_last_error()));
}

static void session_free(void *pointer) {
    struct session *session = pointer;
    if (session->file != NULL) fclose(session->file);
    if (session->fd >= 0) close(session->fd);
    free(session);
}

/* ---- SMTP, the same in the clear and over TLS ---- */

static void say(struct session *session, const char *text) {
    size_t length = strlen(text);
    /* In the clear these are a few bytes: a client whose buffer has no room for them is given up. */
    int said = session->stream != NULL ? tls_stream_write(session->stream, text, length) >= TLS_OK
                                       : send(session->fd, text, length, MSG_NOSIGNAL) == (ssize_t)length;
    session->over |= !said;
}

static int is_command(const char *line, const char *command) {
    return strncasecmp(line, command, strlen(command)) == 0;
}

static void forget_mail(struct session *session) {
    if (session->file != NULL) fclose(session->file);
    session->file = NULL;
    session->has_sender = session->has_recipient = 0;
}

static void begin_message(struct session *session) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%d.eml", directory, messages + 1);
    session->size = 0;
    session->file = session->has_recipient ? fopen(path, "wb") : NULL;
    say(session, session->file != NULL       ? "354 end it with a dot alone\r\n"
                 : session->has_recipient ? "451 there is no place for it\r\n"
                                             : "503 MAIL and RCPT come first\r\n");
    if (session->file != NULL) messages++;
}

/* A line of the message, with its end. The dot that was doubled at its beginning is single again. */
static void take_line_of_message(struct session *session, const char *line, size_t length) {
    if (strcmp(line, ".\r\n") == 0 || strcmp(line, ".\n") == 0) {
        int kept = fflush(session->file) == 0 && session->size <= MESSAGE_MAX;
        forget_mail(session);
        say(session, kept ? "250 it is kept\r\n" : "552 it is too large, or there is no place for it\r\n");
        return;
    }
    size_t skip = line[0] == '.';
    session->size += length - skip;
    if (session->size <= MESSAGE_MAX) fwrite(line + skip, 1, length - skip, session->file);
}

/* A command. Answers whether TLS begins behind it. */
static int obey(struct session *session, const char *line) {
    int secure = session->stream != NULL;
    if (is_command(line, "EHLO") || is_command(line, "HELO")) {
        say(session, secure ? "250 localhost\r\n" : "250-localhost\r\n250 STARTTLS\r\n");
    } else if (is_command(line, "QUIT")) {
        say(session, "221 goodbye\r\n");
        session->over = 1;
    } else if (is_command(line, "NOOP")) {
        say(session, "250 OK\r\n");
    } else if (is_command(line, "STARTTLS")) {
        say(session, secure ? "503 it is TLS already\r\n" : "220 go ahead\r\n");
        return !secure && !session->over;
    } else if (!secure) {
        say(session, "530 say STARTTLS first\r\n");
    } else if (is_command(line, "MAIL FROM:")) {
        forget_mail(session);
        session->has_sender = 1;
        say(session, "250 OK\r\n");
    } else if (is_command(line, "RCPT TO:")) {
        session->has_recipient = session->has_sender;
        say(session, session->has_sender ? "250 OK\r\n" : "503 MAIL comes first\r\n");
    } else if (is_command(line, "DATA")) {
        begin_message(session);
    } else if (is_command(line, "RSET")) {
        forget_mail(session);
        say(session, "250 OK\r\n");
    } else {
        say(session, "502 not known here\r\n");
    }
    return 0;
}

/* Takes bytes, up to the end of a STARTTLS line; answers how many. */
static size_t take(struct session *session, const char *bytes, size_t length, int *starts_tls) {
    size_t used = 0;
    *starts_tls = 0;
    while (used < length && !session->over && !*starts_tls) {
        char c = session->line[session->length++] = bytes[used++];
        if (c != '\n' && session->length < LINE_LENGTH - 1) continue;
        session->line[session->length] = '\0';
        size_t line_length = session->length;
        session->length = 0;
        if (c != '\n' || strlen(session->line) != line_length) {
            say(session, "500 the line is too long, or not text\r\n");
            session->over = 1;
        } else if (session->file != NULL) {
            take_line_of_message(session, session->line, line_length);
        } else {
            *starts_tls = obey(session, session->line);
        }
    }
    return used;
}

/* ---- over TLS ---- */

static void on_data(tls_stream *stream, const uint8_t *data, size_t length, void *user_data) {
    struct session *session = user_data;
    int starts_tls;
    take(session, (const char *)data, length, &starts_tls);
    if (session->over) tls_stream_end(stream);
}

static void on_timeout(tls_stream *stream, void *user_data) {
    tls_stream_destroy(stream);
}

static void on_client_error(tls_server *from, const tls_error *error, tls_stream *stream, void *user_data) {
    fprintf(stderr, "starttls_server: %s: %s\n", tls_error_name(error), tls_error_message(error));
}

/* From here on the session belongs to the stream, and is freed after its close event. `received` came in
 * the clear: whoever put it behind STARTTLS, it is not for our `obey`. If it is TLS, it is the client's
 * hello, sent early; if it is not, the handshake fails (CVE-2011-0411 was to take it as commands that
 * had come over TLS). What the client said before is forgotten as well. */
static void start_tls(struct session *session, const char *received, size_t length) {
    tls_stream *stream = tls_server_accept_fd(server, session->fd, 1, received, length);
    if (stream == NULL) {
        fprintf(stderr, "starttls_server: %s\n", tls_error_message(tls_last_error()));
        session_free(session);
        return;
    }
    session->fd = -1;
    session->stream = stream;
    session->length = 0;
    forget_mail(session);
    check(tls_stream_set_user_data(stream, session, session_free), "user data");
    check(tls_stream_on_data(stream, on_data, session), "on_data");
    check(tls_stream_on_timeout(stream, on_timeout, NULL), "on_timeout");
    check(tls_stream_set_timeout(stream, IDLE_MS), "timeout");
}

/* ---- in the clear ---- */

static void serve_in_clear(struct session **place) {
    struct session *session = *place;
    char bytes[4096];
    int starts_tls;
    ssize_t count = recv(session->fd, bytes, sizeof bytes, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    size_t length = count > 0 ? (size_t)count : 0;
    size_t used = take(session, bytes, length, &starts_tls);
    if (starts_tls) {
        *place = NULL;
        start_tls(session, bytes + used, length - used);
    } else if (count <= 0 || session->over) {
        *place = NULL;
        session_free(session);
    }
}

static void accept_one(int listener, struct session **place) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) return;   /* it has gone again, or there is no descriptor left */
    struct session *session = calloc(1, sizeof *session);
    if (session == NULL || fcntl(fd, F_SETFL, O_NONBLOCK) != 0) {
        free(session);
        close(fd);
        return;
    }
    session->fd = fd;
    session->since = time(NULL);
    say(session, "220 localhost ready\r\n");
    *place = session;
}

static int listen_on(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 128) != 0) die("listen", strerror(errno));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    getsockname(fd, (struct sockaddr *)&address, &length);
    printf("listening on 127.0.0.1 port %d\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: %s PORT CERT KEY DIRECTORY\n", argv[0]);
        return 2;
    }
    directory = argv[4];
    tls_loop *loop = tls_loop_new();
    tls_context *context = tls_context_new();
    check(tls_context_set_identity_file(context, argv[2], argv[3], NULL), "certificate and key");
    server = tls_server_new(loop, context);   /* it never listens: we accept */
    check(tls_server_on_client_error(server, on_client_error, NULL), "on_client_error");
    int listener = listen_on(atoi(argv[1]));

    for (;;) {
        struct pollfd waiting[CLEAR_MAX + 2];
        struct session **free_place = NULL;
        for (int i = 0; i < CLEAR_MAX; i++) {
            if (in_clear[i] != NULL && time(NULL) - in_clear[i]->since > CLEAR_S) {
                session_free(in_clear[i]);
                in_clear[i] = NULL;
            }
            /* poll leaves out what has a negative descriptor. */
            waiting[i] = (struct pollfd){.fd = in_clear[i] != NULL ? in_clear[i]->fd : -1, .events = POLLIN};
            if (in_clear[i] == NULL) free_place = &in_clear[i];
        }
        waiting[CLEAR_MAX] = (struct pollfd){.fd = free_place != NULL ? listener : -1, .events = POLLIN};
        waiting[CLEAR_MAX + 1] = (struct pollfd){.fd = tls_loop_fd(loop), .events = POLLIN};
        int64_t until_timer = tls_loop_next_timeout_ms(loop);
        int timeout = until_timer >= 0 && until_timer < 1000 ? (int)until_timer : 1000;
        if (poll(waiting, CLEAR_MAX + 2, timeout) < 0 && errno != EINTR) die("poll", strerror(errno));

        for (int i = 0; i < CLEAR_MAX; i++)
            if (waiting[i].revents != 0) serve_in_clear(&in_clear[i]);
        if (waiting[CLEAR_MAX].revents != 0) accept_one(listener, free_place);
        check(tls_loop_run_once(loop, 0), "run");
    }
}
