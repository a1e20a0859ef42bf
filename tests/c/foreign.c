#include "foreign.h"

#include <string.h>

void foreign_open(struct foreign *foreign, bool is_server, int version) {
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    REQUIRE(context != NULL);
    SSL_CTX_set_min_proto_version(context, version);
    SSL_CTX_set_max_proto_version(context, version);
    if (is_server) {
        REQUIRE(SSL_CTX_use_certificate_chain_file(context, certificate_path("server-cert.pem")) == 1);
        REQUIRE(SSL_CTX_use_PrivateKey_file(context, certificate_path("server-key.pem"), SSL_FILETYPE_PEM) == 1);
    }
    foreign_open_with(foreign, is_server, context);
    SSL_CTX_free(context);
}

void foreign_open_with(struct foreign *foreign, bool is_server, SSL_CTX *context) {
    foreign->ssl = SSL_new(context);
    foreign->input = BIO_new(BIO_s_mem());
    foreign->output = BIO_new(BIO_s_mem());
    REQUIRE(foreign->ssl != NULL && foreign->input != NULL && foreign->output != NULL);
    SSL_set_bio(foreign->ssl, foreign->input, foreign->output);
    if (is_server) {
        SSL_set_accept_state(foreign->ssl);
    } else {
        SSL_set_connect_state(foreign->ssl);
    }
}

void foreign_shake(struct foreign *foreign) {
    int result = SSL_do_handshake(foreign->ssl);
    CHECK(result == 1 || SSL_get_error(foreign->ssl, result) == SSL_ERROR_WANT_READ);
}

void foreign_tell(struct foreign *foreign, tls_secure_pair *pair) {
    char *bytes = NULL;
    long length = BIO_get_mem_data(foreign->output, &bytes);
    if (length > 0) {
        /* A failure is told by the error event too. */
        tls_secure_pair_feed(pair, bytes, (size_t)length, NULL);
        (void)BIO_reset(foreign->output);
    }
}

size_t foreign_hear(struct foreign *foreign, tls_secure_pair *pair) {
    uint8_t bytes[16 * 1024];
    size_t length = 0, total = 0;
    while (tls_secure_pair_take(pair, bytes, sizeof bytes, &length) == TLS_OK && length > 0) {
        REQUIRE(BIO_write(foreign->input, bytes, (int)length) == (int)length);
        total += length;
    }
    return total;
}

void foreign_to_secure(struct foreign *foreign, struct side *side) {
    CHECK_OK(tls_secure_pair_start(side->pair));
    for (int turn = 0; turn < 10 && side->secures == 0; turn++) {
        foreign_hear(foreign, side->pair);
        foreign_shake(foreign);
        foreign_tell(foreign, side->pair);
    }
    REQUIRE(side->secures == 1);
    foreign_hear(foreign, side->pair);
    foreign_shake(foreign);
    foreign_tell(foreign, side->pair);
    REQUIRE(SSL_is_init_finished(foreign->ssl));
}

void foreign_free(struct foreign *foreign) {
    SSL_free(foreign->ssl);
    memset(foreign, 0, sizeof *foreign);
}
