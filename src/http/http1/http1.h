/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * HTTP/1.1 by libmicrohttpd; the only folder that includes its header. One daemon
 * a loop, which accepts nothing itself: the loop hands it connections, watches
 * its epoll descriptor and runs it when there is something to do (performance.md:
 * the library's own epoll loop stalls once 128 connections are ready).
 *
 * Threading: the loop's thread.
 */
#ifndef CG_HTTP_HTTP1_HTTP1_H
#define CG_HTTP_HTTP1_HTTP1_H

#include <stddef.h>
#include <stdint.h>

#include "crategate/err.h"

struct cg_gate;
struct cg_http1;
struct cg_loop;
struct cg_peer;

/* Of that loop. UNAVAILABLE when the library does not start. */
enum cg_err cg_http1_new(struct cg_loop *loop, struct cg_http1 **http1_out, struct cg_error *err) CG_CHECK;
/* Closes all connections; nothing may be waiting any more. */
void cg_http1_free(struct cg_http1 **http1);
int cg_http1_fd(const struct cg_http1 *http1); /* readable: run it. Borrowed */
void cg_http1_run(struct cg_http1 *http1);
/* When it is to be run, whatever comes; INT64_MAX: never. */
int64_t cg_http1_due(const struct cg_http1 *http1, int64_t now_ms);
/* A connection whose first bytes are still to be read; takes the descriptor, and closes it when that fails. It leaves
 * `gate` at its end, unless that is NULL: then it is a bridge's. */
void cg_http1_adopt(struct cg_http1 *http1, int fd, const struct cg_peer *peer, struct cg_gate *gate);
/* Every slice once a second: cuts off clients that are too slow with headers or body, or that have left unnoticed. A
 * look costs a system call, so ten thousand at once would make everybody else wait. */
#define CG_HTTP1_SLICES 16
void cg_http1_sweep(struct cg_http1 *http1, unsigned slice);
/* Connections whose request is with a worker, a feed or a delay. */
size_t cg_http1_waiting(const struct cg_http1 *http1);
/* Are there open files that a sweep is to let go of when their time is over? */
bool cg_http1_keeps_files(const struct cg_http1 *http1);

#endif
