/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "deaf.h"

#include <arpa/inet.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crategate/err.h"

/* True when the connection came into the queue. */
static int fill_one(struct deaf *deaf, const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    CG_ASSERT(fd >= 0 && deaf->queued < DEAF_QUEUE_MAX);
    deaf->queue[deaf->queued++] = fd;
    return connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || poll(&p, 1, 100) > 0;
}

void deaf_start(struct deaf *deaf, const char *address, uint16_t port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof(in);

    memset(deaf, 0, sizeof(*deaf));
    CG_ASSERT(inet_pton(AF_INET, address, &in.sin_addr) == 1);
    deaf->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CG_ASSERT(bind(deaf->listener, (struct sockaddr *)&in, sizeof(in)) == 0);
    CG_ASSERT(listen(deaf->listener, 0) == 0);
    CG_ASSERT(getsockname(deaf->listener, (struct sockaddr *)&in, &size) == 0);
    deaf->port = ntohs(in.sin_port);
    while (fill_one(deaf, &in))
        ;
}

void deaf_stop(struct deaf *deaf)
{
    for (int i = 0; i < deaf->queued; i++)
        close(deaf->queue[i]);
    close(deaf->listener);
}
