/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/net/wire_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

static ssize_t plain_read(struct cg_wire *wire, void *out, size_t max)
{
    ssize_t n;

    do
        n = recv(wire->fd, out, max, 0);
    while (n < 0 && errno == EINTR);
    return n;
}

static ssize_t plain_write(struct cg_wire *wire, const void *bytes, size_t len)
{
    ssize_t n;

    do
        n = send(wire->fd, bytes, len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n;
}

static bool plain_pending(const struct cg_wire *wire)
{
    (void)wire;
    return false;
}

static void plain_shutdown(struct cg_wire *wire)
{
    shutdown(wire->fd, SHUT_WR);
}

static void plain_free(struct cg_wire *wire)
{
    free(wire);
}

static const struct cg_wire_ops plain_ops = {
    .read = plain_read,
    .write = plain_write,
    .pending = plain_pending,
    .shutdown = plain_shutdown,
    .free = plain_free,
};

struct cg_wire *cg_wire_new(int fd)
{
    struct cg_wire *wire = cg_calloc(1, sizeof(*wire));

    *wire = (struct cg_wire){.ops = &plain_ops, .fd = fd, .read_wants = EPOLLIN, .write_wants = EPOLLOUT};
    return wire;
}

ssize_t cg_wire_read(struct cg_wire *wire, void *out, size_t max)
{
    return wire->ops->read(wire, out, max);
}

ssize_t cg_wire_write(struct cg_wire *wire, const void *bytes, size_t len)
{
    return wire->ops->write(wire, bytes, len);
}

bool cg_wire_pending(const struct cg_wire *wire)
{
    return wire->ops->pending(wire);
}

unsigned cg_wire_read_wants(const struct cg_wire *wire)
{
    return wire->read_wants;
}

unsigned cg_wire_write_wants(const struct cg_wire *wire)
{
    return wire->write_wants;
}

bool cg_wire_secure(const struct cg_wire *wire)
{
    return wire->ops->secure;
}

int cg_wire_fd(const struct cg_wire *wire)
{
    return wire->fd;
}

void cg_wire_shutdown(struct cg_wire *wire)
{
    wire->ops->shutdown(wire);
}

void cg_wire_free(struct cg_wire **wirep)
{
    struct cg_wire *wire = *wirep;
    int fd;

    if (!wire)
        return;
    *wirep = NULL;
    fd = wire->fd;
    wire->ops->free(wire);
    close(fd);
}
