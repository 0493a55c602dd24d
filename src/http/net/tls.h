/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * TLS by OpenSSL: a certificate and what is offered with it, and wires that speak
 * it. TLS 1.2 and 1.3, forward secrecy and authenticated ciphers only (so none
 * of those that HTTP/2 forbids, RFC 9113 section 9.2.2), no compression, no
 * renegotiation, resumption by tickets and by a cache, "h2", "http/1.1" and
 * "http/1.0" by ALPN (RFC 7301). OpenSSL's types stay in this folder.
 *
 * Threading: a context is immutable and shared by all loops, counted; a wire is
 * its loop's. Loop threads block SIGPIPE.
 */
#ifndef CG_HTTP_NET_TLS_H
#define CG_HTTP_NET_TLS_H

#include "crategate/err.h"
#include "http/net/wire.h"

struct cg_tls;

/* Reads the chain (PEM, the server's own certificate first) and its key, a secret file. INVALID says which file is not
 * good and why: no certificate, no key, one with a passphrase, not that certificate's, rights that are too wide;
 * UNAVAILABLE and the others as of cg_secret_read_file(). */
enum cg_err cg_tls_new(const char *certificate, const char *key, struct cg_tls **tls_out,
                       struct cg_error *err) CG_CHECK;
struct cg_tls *cg_tls_ref(struct cg_tls *tls);
void cg_tls_unref(struct cg_tls **tls);

/* The certificate's last second, in seconds since 1970. */
int64_t cg_tls_not_after(const struct cg_tls *tls);
/* Is the certificate one of this host (a name, or an IP address, in brackets or not)? */
bool cg_tls_is_for(const struct cg_tls *tls, const char *host);

/* A wire of a connected, non-blocking socket whose client is expected to begin; takes the descriptor. NULL for want of
 * memory, the descriptor is closed then. Reading and writing are for after the handshake. */
struct cg_wire *cg_tls_wire_new(const struct cg_tls *tls, int fd);

enum cg_handshake {
    CG_HANDSHAKE_DONE,
    CG_HANDSHAKE_WAITS,     /* for cg_wire_read_wants() */
    CG_HANDSHAKE_CLEARTEXT, /* the client speaks HTTP without TLS; nothing was sent */
    CG_HANDSHAKE_FAILED
};
enum cg_handshake cg_tls_handshake(struct cg_wire *wire);
/* Why it failed, for a log; static until the thread's next call. */
const char *cg_tls_reason(void);
/* Was "h2" agreed on? */
bool cg_tls_chose_http2(const struct cg_wire *wire);

#endif
