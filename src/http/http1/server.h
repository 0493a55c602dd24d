/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * HTTP/1.1 by libmicrohttpd; the only file family that includes its header.
 *
 * One loop thread a core, each with its own SO_REUSEPORT sockets and daemons,
 * driven by our own poll on the daemons' epoll descriptors, an eventfd for
 * wake-ups and a timer for delayed answers (performance.md: libmicrohttpd's own
 * epoll loop stalls once 128 connections are ready). Only loop threads call
 * MHD_*; workers post to the loop's queue.
 */
#ifndef CG_HTTP_HTTP1_SERVER_H
#define CG_HTTP_HTTP1_SERVER_H

#include "http/http.h"

struct cg_http1;

/* Binds every `listen` of the configuration ("ADDR:PORT", "[::1]:PORT", "unix:PATH"; port 0: any) and starts
 * `loops` threads. UNAVAILABLE names the address that could not be bound. */
enum cg_err cg_http1_start(struct cg_gateway *gw, const struct cg_conf *conf, unsigned loops,
                           struct cg_http1 **server_out, struct cg_error *err) CG_CHECK;
/* "http://127.0.0.1:41231" of listener i, NULL behind the last; for the log and for tests with port 0. */
const char *cg_http1_address(const struct cg_http1 *server, size_t i);
/* No new connections; answers get Connection: close; returns when all are done or after timeout_ms. */
void cg_http1_drain(struct cg_http1 *server, int64_t timeout_ms);
void cg_http1_free(struct cg_http1 **server);

#endif
