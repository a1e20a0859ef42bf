/*
 * Sends one e-mail, over TLS that begins in the middle of a connection (SMTP with STARTTLS, RFC 3207).
 *
 *   starttls_client HOST PORT CA SERVERNAME FROM TO < MESSAGE
 *
 * The program connects and talks in the clear by itself, with plain blocking sockets; then it hands
 * the connection over to the library. If the server has no STARTTLS, nothing is sent: going on
 * without would be what somebody in the middle wants.
 */
#define _POSIX_C_SOURCE 200809L   /* getaddrinfo, beside C11 */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <tlspair.h>
#include <unistd.h>

#define PATIENCE_S 30

/* What the server says: bytes that came, and the last whole reply, which may have several lines. */
struct replies {
    char bytes[8192];
    size_t length;
    char last[8192];
};

struct mail {
    const char *from, *to;
    char *message;   /* as it goes over the wire, with the dot at its end */
    size_t message_length;
    struct replies replies;
    int step;   /* how many commands were sent over TLS */
    int sent;
};

static void fail(const char *what, const char *why) {
    fprintf(stderr, "starttls_client: %s: %s\n", what, why);
    exit(1);
}

static void check(tls_status status, const char *what) {
    if (status < TLS_OK) fail(what, tls_error_message(tls_last_error()));
}

/* ---- replies, the same in the clear and over TLS ---- */

/* Takes the first whole reply, and answers its code; 0 while there is none. Its last line has a blank
 * behind the code ("250 OK"), the others have a dash. */
static int take_reply(struct replies *replies) {
    char *line = replies->bytes, *end = replies->bytes + replies->length;
    for (char *newline; (newline = memchr(line, '\n', (size_t)(end - line))) != NULL; line = newline + 1) {
        if (newline - line < 4 || line[3] == '-') continue;
        size_t used = (size_t)(newline + 1 - replies->bytes);
        memcpy(replies->last, replies->bytes, used);
        replies->last[used - 1] = '\0';
        replies->length -= used;
        memmove(replies->bytes, replies->bytes + used, replies->length);
        return atoi(replies->last);
    }
    if (replies->length == sizeof replies->bytes) fail("server", "it talks too much");
    return 0;
}

/* ---- in the clear ---- */

static int connect_to(const char *host, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all;
    int error = getaddrinfo(host, port, &hints, &all), fd = -1;
    if (error != 0) fail(host, gai_strerror(error));
    for (struct addrinfo *one = all; one != NULL && fd < 0; one = one->ai_next) {
        fd = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
        if (fd >= 0 && connect(fd, one->ai_addr, one->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(all);
    if (fd < 0) fail(host, "cannot connect");
    struct timeval patience = {.tv_sec = PATIENCE_S};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static void say_in_clear(int fd, struct replies *replies, const char *command, int expected) {
    if (send(fd, command, strlen(command), MSG_NOSIGNAL) != (ssize_t)strlen(command)) fail("send", command);
    int code;
    while ((code = take_reply(replies)) == 0) {
        ssize_t count = recv(fd, replies->bytes + replies->length, sizeof replies->bytes - replies->length, 0);
        if (count <= 0) fail("server", "it hung up, or said nothing for too long");
        replies->length += (size_t)count;
    }
    if (code != expected) fail("server", replies->last);
}

/* Up to the server's "go ahead". What may have come behind it stays in `replies`. */
static void ask_for_tls(int fd, struct replies *replies) {
    say_in_clear(fd, replies, "", 220);
    say_in_clear(fd, replies, "EHLO localhost\r\n", 250);
    if (strstr(replies->last, "STARTTLS") == NULL) fail("server", "it offers no STARTTLS: nothing was sent");
    say_in_clear(fd, replies, "STARTTLS\r\n", 220);
}

/* ---- over TLS ---- */

/* The server is ready for the next step: says it. */
static void say_next(tls_stream *stream, struct mail *mail) {
    char command[600];
    switch (mail->step++) {
    case 0: snprintf(command, sizeof command, "EHLO localhost\r\n"); break;
    case 1: snprintf(command, sizeof command, "MAIL FROM:<%s>\r\n", mail->from); break;
    case 2: snprintf(command, sizeof command, "RCPT TO:<%s>\r\n", mail->to); break;
    case 3: snprintf(command, sizeof command, "DATA\r\n"); break;
    case 4: check(tls_stream_write(stream, mail->message, mail->message_length), "write"); return;
    case 5:
        mail->sent = 1;
        printf("sent: %s\n", mail->replies.last);
        snprintf(command, sizeof command, "QUIT\r\n");
        break;
    default: check(tls_stream_end(stream), "end"); return;
    }
    check(tls_stream_write(stream, command, strlen(command)), "write");
}

static void on_secure_connect(tls_stream *stream, void *user_data) {
    printf("secure: %s\n", tls_stream_protocol(stream));
    /* What was said in the clear does not count any more: EHLO again (RFC 3207, 4.2). */
    say_next(stream, user_data);
}

static void on_data(tls_stream *stream, const uint8_t *data, size_t length, void *user_data) {
    static const int expected[] = {250, 250, 250, 354, 250, 221};
    struct mail *mail = user_data;
    if (length > sizeof mail->replies.bytes - mail->replies.length) fail("server", "it talks too much");
    memcpy(mail->replies.bytes + mail->replies.length, data, length);
    mail->replies.length += length;
    for (int code; (code = take_reply(&mail->replies)) != 0;) {
        if (mail->step > 6 || code != expected[mail->step - 1]) fail("server", mail->replies.last);
        say_next(stream, mail);
    }
}

static void on_timeout(tls_stream *stream, void *user_data) {
    fail("server", "it said nothing for too long");
}

/* SMTP marks its own end: once the mail was taken, how the server hangs up does not matter. */
static void on_error(tls_stream *stream, const tls_error *error, void *user_data) {
    const struct mail *mail = user_data;
    if (!mail->sent) fail(tls_error_name(error), tls_error_message(error));
}

/* ---- the message ---- */

/* Reads it with CRLF at the end of each line, a dot doubled at the beginning of one, and the line with
 * a dot alone at the end (RFC 5321, 4.5.2). */
static void read_message(struct mail *mail, FILE *input) {
    size_t room = 0;
    int c, previous = '\n';
    do {
        c = getc(input);
        if (mail->message_length + 8 > room) {
            room = 2 * room + 4096;
            mail->message = realloc(mail->message, room);
            if (mail->message == NULL) fail("message", "no memory");
        }
        char *end = mail->message + mail->message_length;
        if (c == EOF) {
            mail->message_length += (size_t)sprintf(end, previous == '\n' ? ".\r\n" : "\r\n.\r\n");
        } else {
            if (c == '\n' && previous != '\r') *end++ = '\r';
            if (c == '.' && previous == '\n') *end++ = '.';
            *end++ = (char)c;
            mail->message_length = (size_t)(end - mail->message);
        }
        previous = c;
    } while (c != EOF);
}

int main(int argc, char **argv) {
    if (argc != 7) {
        fprintf(stderr, "usage: %s HOST PORT CA SERVERNAME FROM TO < MESSAGE\n", argv[0]);
        return 2;
    }
    static struct mail mail;
    mail.from = argv[5];
    mail.to = argv[6];
    for (int i = 5; i < 7; i++)
        if (strpbrk(argv[i], "\r\n<>") != NULL || strlen(argv[i]) > 500) fail(argv[i], "this is no address");
    read_message(&mail, stdin);

    tls_loop *loop = tls_loop_new();
    tls_context *context = tls_context_new();
    tls_connect_options *options = tls_connect_options_new();
    check(tls_context_add_ca_file(context, argv[3]), argv[3]);
    check(tls_connect_options_set_context(options, context), "context");
    check(tls_connect_options_set_servername(options, argv[4]), argv[4]);

    int fd = connect_to(argv[1], argv[2]);
    ask_for_tls(fd, &mail.replies);
    check(tls_connect_options_set_fd(options, fd, 1), "fd");   /* 1: it is the library's to close */
    /* Whatever came behind "go ahead" must not pass for something that came over TLS. An honest server
     * sent nothing; anything else is what TLS begins with, and fails there. */
    check(tls_connect_options_set_received_bytes(options, mail.replies.bytes, mail.replies.length), "received");
    mail.replies.length = 0;

    tls_stream *stream = tls_connect(loop, 0, NULL, options, on_secure_connect, &mail);
    if (stream == NULL) check(tls_error_status(tls_last_error()), "connect");
    check(tls_stream_on_data(stream, on_data, &mail), "on_data");
    check(tls_stream_on_error(stream, on_error, &mail), "on_error");
    check(tls_stream_on_timeout(stream, on_timeout, &mail), "on_timeout");
    check(tls_stream_set_timeout(stream, PATIENCE_S * 1000), "timeout");
    check(tls_loop_run(loop), "run");

    check(tls_connect_options_free(options), "free the options");
    check(tls_context_free(context), "free the context");
    check(tls_loop_free(loop), "free the loop");
    free(mail.message);
    if (!mail.sent) fail("server", "it hung up before the mail was sent");
    return 0;
}
