/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Sockets of clients that were refused before they had sent their body. Many
 * (cargo's curl among them, once it is in the middle of an upload) send
 * everything before they read; closing on them at once makes the kernel send a
 * reset, which throws away the answer that says why. So a second descriptor
 * keeps the connection half open and what still comes is thrown away, up to a
 * number of bytes and seconds. One loop thread; a bounded number of sockets.
 */
#ifndef CG_HTTP_HTTP1_LINGER_H
#define CG_HTTP_HTTP1_LINGER_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#define CG_LINGER_MAX 128

struct cg_linger_socket {
    int fd;
    int64_t deadline_ms;
    uint64_t left;
};

struct cg_linger {
    struct cg_linger_socket sockets[CG_LINGER_MAX];
    size_t count;
};

/* Duplicates the descriptor. When there is no room the client takes its chances. */
void cg_linger_add(struct cg_linger *linger, int fd, uint64_t bytes, int64_t deadline_ms);
/* Writes linger->count entries for poll. */
void cg_linger_watch(const struct cg_linger *linger, struct pollfd *fds);
/* After poll, with the same entries: reads, throws away, closes what is done or late. */
void cg_linger_serve(struct cg_linger *linger, const struct pollfd *fds, int64_t now_ms);
int64_t cg_linger_next(const struct cg_linger *linger); /* the soonest deadline; INT64_MAX: none */
void cg_linger_close(struct cg_linger *linger);

#endif
