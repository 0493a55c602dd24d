/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/feed.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "crategate/storage.h"

struct cg_feed {
    atomic_uint refs;
    int fd;
    uint64_t size;
    pthread_mutex_t lock; /* all below */
    uint64_t written;
    bool finished;
    enum cg_err result; /* once finished */
    struct cg_feed_waiter *waiters;
};

struct cg_feed *cg_feed_new(int fd, uint64_t size)
{
    struct cg_feed *feed = cg_calloc(1, sizeof(*feed));

    atomic_init(&feed->refs, 1);
    feed->fd = fd;
    feed->size = size;
    pthread_mutex_init(&feed->lock, NULL);
    return feed;
}

struct cg_feed *cg_feed_ref(struct cg_feed *feed)
{
    atomic_fetch_add_explicit(&feed->refs, 1, memory_order_relaxed);
    return feed;
}

void cg_feed_unref(struct cg_feed **feedp)
{
    struct cg_feed *feed = *feedp;

    *feedp = NULL;
    if (!feed || atomic_fetch_sub_explicit(&feed->refs, 1, memory_order_acq_rel) != 1)
        return;
    CG_ASSERT(feed->waiters == NULL);
    close(feed->fd);
    pthread_mutex_destroy(&feed->lock);
    free(feed);
}

/* What may be sent: all but the last byte until the whole is known to be good. Under the lock. */
static uint64_t sendable(const struct cg_feed *feed)
{
    if (feed->finished && feed->result == CG_OK)
        return feed->size;
    return feed->written < feed->size ? feed->written : feed->size ? feed->size - 1 : 0;
}

/* Takes out those who have something to do now. Under the lock. */
static struct cg_feed_waiter *take_served(struct cg_feed *feed)
{
    struct cg_feed_waiter *served = NULL;

    for (struct cg_feed_waiter **at = &feed->waiters; *at;) {
        struct cg_feed_waiter *waiter = *at;

        if (!feed->finished && waiter->offset >= sendable(feed)) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        waiter->next = served;
        served = waiter;
    }
    return served;
}

/* A waiter may be used again, or gone, as soon as it has been woken. */
static void wake_all(struct cg_feed_waiter *waiters)
{
    while (waiters) {
        struct cg_feed_waiter *waiter = waiters;

        waiters = waiter->next;
        waiter->wake(waiter);
    }
}

static enum cg_err write_all(int fd, uint64_t offset, const char *bytes, size_t len, struct cg_error *err)
{
    while (len) {
        ssize_t n = pwrite(fd, bytes, len, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cg_error_hide(err, CG_ERR_UNAVAILABLE, "the gateway could not keep the file on its disk", "%s",
                                 n < 0 ? strerror(errno) : "nothing was written");
        bytes += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return CG_OK;
}

enum cg_err cg_feed_append(struct cg_feed *feed, const void *bytes, size_t len, struct cg_error *err)
{
    uint64_t at = feed->written; /* only this thread changes it */
    struct cg_feed_waiter *served;
    enum cg_err rc;

    CG_ASSERT(!feed->finished);
    if (len > feed->size - at)
        return cg_error_set(err, CG_ERR_INVALID, "more than the announced %llu bytes came",
                            (unsigned long long)feed->size);
    rc = write_all(feed->fd, at, bytes, len, err);
    if (rc != CG_OK)
        return rc;
    pthread_mutex_lock(&feed->lock);
    feed->written = at + len;
    served = take_served(feed);
    pthread_mutex_unlock(&feed->lock);
    wake_all(served);
    return CG_OK;
}

void cg_feed_finish(struct cg_feed *feed, enum cg_err result)
{
    struct cg_feed_waiter *served;

    CG_ASSERT(!feed->finished && (result != CG_OK || feed->written == feed->size));
    pthread_mutex_lock(&feed->lock);
    feed->finished = true;
    feed->result = result;
    served = take_served(feed);
    pthread_mutex_unlock(&feed->lock);
    wake_all(served);
}

int cg_feed_fd(const struct cg_feed *feed)
{
    return feed->fd;
}

uint64_t cg_feed_size(const struct cg_feed *feed)
{
    return feed->size;
}

enum cg_err cg_feed_ready(struct cg_feed *feed, uint64_t offset, struct cg_feed_waiter *waiter, uint64_t *len_out)
{
    enum cg_err rc = CG_ERR_AGAIN;
    uint64_t until;

    CG_ASSERT(offset < feed->size);
    pthread_mutex_lock(&feed->lock);
    until = sendable(feed);
    if (feed->finished && feed->result != CG_OK) {
        rc = CG_ERR_UNAVAILABLE;
    } else if (until > offset) {
        *len_out = until - offset;
        rc = CG_OK;
    } else if (waiter) {
        waiter->offset = offset;
        waiter->next = feed->waiters;
        feed->waiters = waiter;
    }
    pthread_mutex_unlock(&feed->lock);
    return rc;
}

void cg_crate_file_close(struct cg_crate_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
    cg_feed_unref(&file->feed);
}
