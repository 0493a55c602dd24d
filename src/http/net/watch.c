/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/net/watch.h"

#include <sys/epoll.h>

#include "crategate/err.h"

void cg_watch_set(int epoll_fd, struct cg_watch *watch, unsigned events)
{
    struct epoll_event event = {.events = events, .data.ptr = watch};
    int op = !events ? EPOLL_CTL_DEL : watch->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

    if (events == watch->events)
        return;
    watch->events = events;
    /* It fails for want of memory or of watches (fs.epoll.max_user_watches) only; who waits for it is then late, and is
     * closed for that. */
    (void)epoll_ctl(epoll_fd, op, watch->fd, &event);
}
