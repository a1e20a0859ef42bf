/* A peer made with OpenSSL itself, without a socket: it can do after the handshake what no secure pair
 * does. Its bytes go to a pair, or wherever the test sends them. */
#ifndef FOREIGN_H
#define FOREIGN_H

#include "pairs.h"

#include <openssl/ssl.h>

struct foreign {
    SSL *ssl;
    /* What it is given, and what it has to say. */
    BIO *input, *output;
};

/* A client that verifies nothing, or a server with server-cert.pem. */
void foreign_open(struct foreign *foreign, bool is_server, int version);
/* The same with another context, which the caller frees. */
void foreign_open_with(struct foreign *foreign, bool is_server, SSL_CTX *context);
/* Goes on with its handshake with what it was given. */
void foreign_shake(struct foreign *foreign);
/* Gives the pair what the foreign side has to say. */
void foreign_tell(struct foreign *foreign, tls_secure_pair *pair);
/* Gives the foreign side what the pair has to say; the number of bytes. */
size_t foreign_hear(struct foreign *foreign, tls_secure_pair *pair);
/* Through the handshake and the tickets after it, checked. */
void foreign_to_secure(struct foreign *foreign, struct side *side);
void foreign_free(struct foreign *foreign);

#endif
