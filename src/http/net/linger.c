/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/net/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* One client must not keep the loop from the others. */
#define READS_A_TURN 16

static void drop(struct cg_linger_socket *sock)
{
    cg_watch_set(sock->linger->epoll_fd, &sock->watch, 0);
    close(sock->watch.fd);
    sock->watch.fd = -1;
    sock->linger->count--;
}

/* True when there is nothing more to wait for from this one. */
static bool discard(struct cg_linger_socket *sock)
{
    static _Thread_local char bin[16384];

    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t n = recv(sock->watch.fd, bin, sizeof(bin), MSG_DONTWAIT);

        if (n < 0)
            return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
        if (n == 0 || (uint64_t)n >= sock->left)
            return true;
        sock->left -= (uint64_t)n;
    }
    return false;
}

static void on_ready(struct cg_watch *watch, unsigned events)
{
    struct cg_linger_socket *sock = (struct cg_linger_socket *)watch; /* its first member */

    (void)events;
    if (discard(sock))
        drop(sock);
}

void cg_linger_init(struct cg_linger *linger, int epoll_fd)
{
    *linger = (struct cg_linger){.epoll_fd = epoll_fd};
    for (size_t i = 0; i < CG_LINGER_MAX; i++)
        linger->sockets[i] = (struct cg_linger_socket){.watch = {.fd = -1, .ready = on_ready}, .linger = linger};
}

void cg_linger_add(struct cg_linger *linger, int fd, uint64_t bytes, int64_t deadline_ms)
{
    struct cg_linger_socket *sock = linger->sockets;
    int kept;

    if (linger->count == CG_LINGER_MAX || (kept = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
        return;
    while (sock->watch.fd >= 0)
        sock++;
    sock->watch.fd = kept;
    sock->deadline_ms = deadline_ms;
    sock->left = bytes;
    linger->count++;
    cg_watch_set(linger->epoll_fd, &sock->watch, EPOLLIN);
}

void cg_linger_sweep(struct cg_linger *linger, int64_t now_ms)
{
    for (size_t i = 0; linger->count > 0 && i < CG_LINGER_MAX; i++)
        if (linger->sockets[i].watch.fd >= 0 && linger->sockets[i].deadline_ms <= now_ms)
            drop(&linger->sockets[i]);
}

void cg_linger_close(struct cg_linger *linger)
{
    cg_linger_sweep(linger, INT64_MAX);
}
