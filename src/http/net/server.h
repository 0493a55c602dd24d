/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The server: what listens, and one loop thread a core, each with its own
 * SO_REUSEPORT sockets. HTTP/1.1 (libmicrohttpd) and HTTP/2 (nghttp2) come by the
 * same port, in cleartext or, when there is a certificate, over TLS; a unix
 * socket is always cleartext.
 *
 * Threading: start, drain and free on one thread; cg_server_set_tls() and the
 * address on any. Workers post to the loops, they never touch a connection.
 */
#ifndef CG_HTTP_NET_SERVER_H
#define CG_HTTP_NET_SERVER_H

#include "http/http.h"

struct cg_server;
struct cg_tls;

/* Binds every `listen` of the configuration ("ADDR:PORT", "[::1]:PORT", "unix:PATH"; port 0: any) and starts
 * `loops` threads. UNAVAILABLE names the address that could not be bound; for the certificate see cg_tls_new(). */
enum cg_err cg_server_start(struct cg_gateway *gw, const struct cg_conf *conf, unsigned loops,
                            struct cg_server **server_out, struct cg_error *err) CG_CHECK;
/* "http://127.0.0.1:41231" of listener i, "https://..." with TLS, NULL behind the last; for the log and for tests with
 * port 0. */
const char *cg_server_address(const struct cg_server *server, size_t i);
/* Handshakes from now on are with this certificate (a reference is taken); connections that there are keep theirs.
 * False when the server was started without TLS, or `tls` is NULL and it was started with it: that stays as it is. */
bool cg_server_set_tls(struct cg_server *server, struct cg_tls *tls);
/* No new connections; answers get Connection: close, HTTP/2's connections GOAWAY; returns when all are done or after
 * timeout_ms. */
void cg_server_drain(struct cg_server *server, int64_t timeout_ms);
void cg_server_free(struct cg_server **server);

#endif
