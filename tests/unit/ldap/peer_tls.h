/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The scripted server's end of a connection: plain, then perhaps TLS. One thread. */
#ifndef CG_TESTS_LDAP_PEER_TLS_H
#define CG_TESTS_LDAP_PEER_TLS_H

#include <lber.h>
#include <openssl/ssl.h>
#include <stdbool.h>

struct peer_link {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl; /* NULL: plain */
};

/* Makes the descriptor, which is closed with the link, what `sb` reads and writes. The link must not move. */
void peer_link_open(struct peer_link *link, Sockbuf *sb, int fd);
/* The server's side of the handshake with the certificate in the folder `pki`. False when it fails. */
bool peer_link_secure(struct peer_link *link, const char *pki);
/* Bytes that are no whole message. */
void peer_link_write(struct peer_link *link, const void *bytes, size_t len);
/* After `sb` was freed. */
void peer_link_close(struct peer_link *link);

#endif
