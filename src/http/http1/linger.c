/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/http1/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

/* One client must not keep the loop from the others. */
#define READS_A_TURN 16

void cg_linger_add(struct cg_linger *linger, int fd, uint64_t bytes, int64_t deadline_ms)
{
    int kept;

    if (linger->count == CG_LINGER_MAX || (kept = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
        return;
    linger->sockets[linger->count++] = (struct cg_linger_socket){.fd = kept, .deadline_ms = deadline_ms, .left = bytes};
}

void cg_linger_watch(const struct cg_linger *linger, struct pollfd *fds)
{
    for (size_t i = 0; i < linger->count; i++)
        fds[i] = (struct pollfd){.fd = linger->sockets[i].fd, .events = POLLIN};
}

/* True when there is nothing more to wait for from this one. */
static bool discard(struct cg_linger_socket *sock)
{
    static _Thread_local char bin[16384];

    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t n = recv(sock->fd, bin, sizeof(bin), MSG_DONTWAIT);

        if (n < 0)
            return errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR;
        if (n == 0 || (uint64_t)n >= sock->left)
            return true;
        sock->left -= (uint64_t)n;
    }
    return false;
}

void cg_linger_serve(struct cg_linger *linger, const struct pollfd *fds, int64_t now_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < linger->count; i++) {
        struct cg_linger_socket *sock = &linger->sockets[i];

        if ((fds[i].revents && discard(sock)) || sock->deadline_ms <= now_ms)
            close(sock->fd);
        else
            linger->sockets[kept++] = *sock;
    }
    linger->count = kept;
}

int64_t cg_linger_next(const struct cg_linger *linger)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < linger->count; i++)
        if (linger->sockets[i].deadline_ms < next)
            next = linger->sockets[i].deadline_ms;
    return next;
}

void cg_linger_close(struct cg_linger *linger)
{
    while (linger->count)
        close(linger->sockets[--linger->count].fd);
}
