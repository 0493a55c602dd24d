/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A descriptor that a loop's epoll looks at, and who is told. It is part of
 * something larger, which must not be freed while events that were fetched with
 * it may still be on their way: see cg_loop_bury().
 *
 * Threading: the loop's thread.
 */
#ifndef CG_HTTP_NET_WATCH_H
#define CG_HTTP_NET_WATCH_H

struct cg_watch {
    int fd;
    unsigned events; /* EPOLLIN ...; 0: it is not watched */
    void (*ready)(struct cg_watch *watch, unsigned events);
};

/* Watches for these events from now on. With 0 the descriptor leaves the set: an error or a hang-up that nobody wants
 * to hear of would be told again and again otherwise. The descriptor must leave it before it is closed: a duplicate
 * would keep it there. */
void cg_watch_set(int epoll_fd, struct cg_watch *watch, unsigned events);

#endif
