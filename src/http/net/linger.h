/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Sockets of clients that were refused before they had sent their body. Many
 * (cargo's curl among them, once it is in the middle of an upload) send
 * everything before they read; closing on them at once makes the kernel send a
 * reset, which throws away the answer that says why. So a second descriptor
 * keeps the connection half open and what still comes is thrown away, up to a
 * number of bytes and seconds. One loop thread; a bounded number of sockets.
 */
#ifndef CG_HTTP_NET_LINGER_H
#define CG_HTTP_NET_LINGER_H

#include <stddef.h>
#include <stdint.h>

#include "http/net/watch.h"

#define CG_LINGER_MAX 128
#define CG_LINGER_MS 10000

struct cg_linger_socket {
    struct cg_watch watch; /* fd -1: a free place */
    struct cg_linger *linger;
    int64_t deadline_ms;
    uint64_t left;
};

struct cg_linger {
    int epoll_fd;
    struct cg_linger_socket sockets[CG_LINGER_MAX];
    size_t count;
};

void cg_linger_init(struct cg_linger *linger, int epoll_fd);
/* Duplicates the descriptor. When there is no room the client takes its chances. */
void cg_linger_add(struct cg_linger *linger, int fd, uint64_t bytes, int64_t deadline_ms);
/* Closes what is late. */
void cg_linger_sweep(struct cg_linger *linger, int64_t now_ms);
void cg_linger_close(struct cg_linger *linger);

#endif
