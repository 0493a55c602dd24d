/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/feed.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/blob.h"
#include "base/mem.h"
#include "crategate/storage.h"

struct cg_feed {
    atomic_uint refs;
    int fd;
    pthread_mutex_t lock; /* all below; the writer alone changes them */
    pthread_cond_t ended;
    bool begun, finished;
    uint64_t size; /* once begun */
    uint64_t written;
    struct cg_error why; /* once finished; code OK: the bytes are good */
    struct cg_feed_waiter *waiters;
};

#define AT_BEGIN UINT64_MAX /* as a waiter's offset: waits for the size */

struct cg_feed *cg_feed_new(int fd)
{
    struct cg_feed *feed = cg_calloc(1, sizeof(*feed));

    atomic_init(&feed->refs, 1);
    feed->fd = fd;
    pthread_mutex_init(&feed->lock, NULL);
    pthread_cond_init(&feed->ended, NULL);
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
    pthread_cond_destroy(&feed->ended);
    pthread_mutex_destroy(&feed->lock);
    free(feed);
}

/* What may be sent: all but the last byte until the whole is known to be good. Under the lock. */
static uint64_t sendable(const struct cg_feed *feed)
{
    if (!feed->begun)
        return 0;
    if (feed->finished && feed->why.code == CG_OK)
        return feed->size;
    return feed->written < feed->size ? feed->written : feed->size ? feed->size - 1 : 0;
}

static bool is_served(const struct cg_feed *feed, const struct cg_feed_waiter *waiter)
{
    if (feed->finished)
        return true;
    return waiter->offset == AT_BEGIN ? feed->begun : waiter->offset < sendable(feed);
}

/* Takes out those who have something to do now. Under the lock. */
static struct cg_feed_waiter *take_served(struct cg_feed *feed)
{
    struct cg_feed_waiter *served = NULL;

    for (struct cg_feed_waiter **at = &feed->waiters; *at;) {
        struct cg_feed_waiter *waiter = *at;

        if (!is_served(feed, waiter)) {
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

void cg_feed_begin(struct cg_feed *feed, uint64_t size)
{
    struct cg_feed_waiter *served;

    CG_ASSERT(!feed->begun && !feed->finished);
    pthread_mutex_lock(&feed->lock);
    feed->begun = true;
    feed->size = size;
    served = take_served(feed);
    pthread_mutex_unlock(&feed->lock);
    wake_all(served);
}

enum cg_err cg_feed_append(struct cg_feed *feed, const void *bytes, size_t len, struct cg_error *err)
{
    uint64_t at = feed->written; /* only this thread changes it */
    struct cg_feed_waiter *served;
    enum cg_err rc;

    CG_ASSERT(feed->begun && !feed->finished);
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

void cg_feed_finish(struct cg_feed *feed, enum cg_err result, const struct cg_error *why)
{
    struct cg_feed_waiter *served;

    CG_ASSERT(!feed->finished && (result != CG_OK || (feed->begun && feed->written == feed->size)));
    pthread_mutex_lock(&feed->lock);
    feed->finished = true;
    if (why)
        feed->why = *why;
    feed->why.code = result;
    served = take_served(feed);
    pthread_cond_broadcast(&feed->ended);
    pthread_mutex_unlock(&feed->lock);
    wake_all(served);
}

static enum cg_err tell(const struct cg_feed *feed, struct cg_error *err)
{
    if (err && feed->why.code != CG_OK)
        *err = feed->why;
    return feed->why.code;
}

/* Under the lock. */
static void enlist(struct cg_feed *feed, struct cg_feed_waiter *waiter, uint64_t offset)
{
    if (!waiter)
        return;
    waiter->offset = offset;
    waiter->next = feed->waiters;
    feed->waiters = waiter;
}

enum cg_err cg_feed_begun(struct cg_feed *feed, struct cg_feed_waiter *waiter, uint64_t *size_out, struct cg_error *err)
{
    enum cg_err rc = CG_OK;

    pthread_mutex_lock(&feed->lock);
    if (feed->begun) {
        *size_out = feed->size;
    } else if (feed->finished) {
        rc = tell(feed, err);
    } else {
        enlist(feed, waiter, AT_BEGIN);
        rc = CG_ERR_AGAIN;
    }
    pthread_mutex_unlock(&feed->lock);
    return rc;
}

enum cg_err cg_feed_wait(struct cg_feed *feed, struct cg_error *err)
{
    enum cg_err rc;

    pthread_mutex_lock(&feed->lock);
    while (!feed->finished)
        pthread_cond_wait(&feed->ended, &feed->lock);
    rc = tell(feed, err);
    pthread_mutex_unlock(&feed->lock);
    return rc;
}

int cg_feed_fd(const struct cg_feed *feed)
{
    return feed->fd;
}

enum cg_err cg_feed_ready(struct cg_feed *feed, uint64_t offset, struct cg_feed_waiter *waiter, uint64_t *len_out)
{
    enum cg_err rc = CG_ERR_AGAIN;
    uint64_t until;

    pthread_mutex_lock(&feed->lock);
    CG_ASSERT(feed->begun && offset < feed->size);
    until = sendable(feed);
    if (feed->finished && feed->why.code != CG_OK) {
        rc = CG_ERR_UNAVAILABLE;
    } else if (until > offset) {
        *len_out = until - offset;
        rc = CG_OK;
    } else {
        enlist(feed, waiter, offset);
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
    cg_blob_unref(&file->blob);
}
