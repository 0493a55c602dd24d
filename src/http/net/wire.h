/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A connected, non-blocking stream of bytes: a socket, or TLS over one. Whoever
 * reads and writes does not see which.
 *
 * Threading: one thread at a time, the loop's.
 */
#ifndef CG_HTTP_NET_WIRE_H
#define CG_HTTP_NET_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cg_wire;

/* A cleartext wire of a connected, non-blocking socket; takes the descriptor. */
struct cg_wire *cg_wire_new(int fd);

/* Up to `max` bytes. 0: the other side has ended. -1: errno is EAGAIN (see cg_wire_wants()) or what went wrong. */
ssize_t cg_wire_read(struct cg_wire *wire, void *out, size_t max);
/* Some of the bytes, at least one. -1 as above. After EAGAIN the next call must begin with the same bytes; it may have
 * more of them, and from another buffer. */
ssize_t cg_wire_write(struct cg_wire *wire, const void *bytes, size_t len);
/* Has the library underneath bytes that were read from the socket but not asked for yet?
 * epoll does not tell of those. */
bool cg_wire_pending(const struct cg_wire *wire);
/* EPOLLIN, EPOLLOUT: what the last EAGAIN of a read, of a write, waits for (TLS may need the other direction). */
unsigned cg_wire_read_wants(const struct cg_wire *wire);
unsigned cg_wire_write_wants(const struct cg_wire *wire);
/* TLS? */
bool cg_wire_secure(const struct cg_wire *wire);
int cg_wire_fd(const struct cg_wire *wire); /* borrowed */
/* Says that nothing more will be written: close_notify and a half close, as far as goes without waiting. */
void cg_wire_shutdown(struct cg_wire *wire);
void cg_wire_free(struct cg_wire **wire);

#endif
