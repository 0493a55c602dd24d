/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Everybody appends formatted lines to one queue; one thread writes them in
 * that order. Who records a change waits for its line to be flushed, and all
 * changes that came in during one flush share the next. A queue of 8192 drops
 * further records of reads; changes are never dropped, and there are no more
 * of them than threads that wait. What no change came to flush is flushed
 * within a second.
 *
 * Two locks. `lock` guards the queue and is held for a few instructions, so
 * that a polling thread never waits for a disk. `file_lock` guards the trail
 * and is held while it is written; the lock of the trail's head, which keeps
 * other processes out, is taken under it. Order: never `lock` with another.
 */
#include "crategate/audit.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "log/audit_record.h"
#include "log/audit_trail.h"
#include "log/log.h"
#include "log/metrics.h"

#define QUEUE_MAX 8192
#define QUEUE_BYTES_MAX (16u << 20) /* long paths full of escapes must not take the memory */
#define COMPLAIN_EVERY_MS 60000
#define FLUSH_WITHIN_MS 1000

/* Somebody who waits for a record, on his own stack. */
struct waiter {
    bool done;
    int errnum;
};

struct entry {
    struct entry *next;
    struct waiter *waiter; /* NULL: a record of a read */
    int errnum;
    size_t len;
    char line[];
};

struct queue {
    struct entry *head;
    struct entry **tail;
    size_t count;
    size_t bytes;
};

/* Something that is said at most once a minute. The writer's own. */
struct complaint {
    uint64_t said;   /* how many had been lost when it was last said */
    int64_t next_ms; /* when it may be said again */
};

struct cg_audit {
    pthread_mutex_t lock;
    pthread_cond_t wake; /* the writer's: there is work */
    pthread_cond_t done; /* the waiters' */
    struct queue queue;
    bool stopping;

    pthread_mutex_t file_lock;
    struct cg_audit_trail trail;

    atomic_bool open; /* is there a trail? */
    atomic_bool required;
    atomic_uint_fast64_t dropped; /* the queue was full */
    uint64_t lost;                /* could not be written; the writer's own, as all below */
    int lost_errnum;
    struct complaint of_dropped;
    struct complaint of_lost;
    int64_t flush_at_ms; /* 0: everything is flushed */
    pthread_t writer;
};

static void queue_init(struct queue *queue)
{
    *queue = (struct queue){.tail = &queue->head};
}

/* Adds the record, unless it is one of a read and there are too many. */
static bool append(struct cg_audit *audit, struct entry *entry)
{
    bool taken = false;
    pthread_mutex_lock(&audit->lock);
    if (entry->waiter || (audit->queue.count < QUEUE_MAX && audit->queue.bytes < QUEUE_BYTES_MAX)) {
        *audit->queue.tail = entry;
        audit->queue.tail = &entry->next;
        audit->queue.count++;
        audit->queue.bytes += entry->len;
        taken = true;
    }
    pthread_mutex_unlock(&audit->lock);
    if (taken)
        pthread_cond_signal(&audit->wake);
    return taken;
}

static bool unsaid(const struct complaint *complaint, uint64_t total)
{
    return total != complaint->said;
}

static void earlier(int64_t *ms, bool due, int64_t at)
{
    if (due && at < *ms)
        *ms = at;
}

/* Sleeps until there may be work; false when it is time to flush or complain instead. The caller holds the lock. */
static bool wait_for_work(struct cg_audit *audit)
{
    int64_t ms = INT64_MAX;
    earlier(&ms, audit->flush_at_ms != 0, audit->flush_at_ms);
    earlier(&ms, unsaid(&audit->of_dropped, atomic_load(&audit->dropped)), audit->of_dropped.next_ms);
    earlier(&ms, unsaid(&audit->of_lost, audit->lost), audit->of_lost.next_ms);
    if (ms == INT64_MAX)
        return pthread_cond_wait(&audit->wake, &audit->lock) == 0;
    struct timespec until = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    return pthread_cond_timedwait(&audit->wake, &audit->lock, &until) == 0;
}

/* Takes all there is, waiting for something. False when stopping and nothing is left. */
static bool take(struct cg_audit *audit, struct entry **batch_out)
{
    pthread_mutex_lock(&audit->lock);
    while (!audit->queue.head && !audit->stopping && wait_for_work(audit))
        continue;
    struct entry *batch = audit->queue.head;
    queue_init(&audit->queue);
    bool more = batch || !audit->stopping;
    pthread_mutex_unlock(&audit->lock);
    *batch_out = batch;
    return more;
}

/* True when the batch has to be flushed now. */
static bool write_entries(struct cg_audit_trail *trail, struct entry *batch)
{
    bool change = false;
    int errnum = cg_audit_trail_begin(trail);
    for (struct entry *entry = batch; entry; entry = entry->next) {
        entry->errnum = errnum ? errnum : cg_audit_trail_write(trail, entry->line, entry->len);
        change |= entry->waiter && entry->errnum == 0;
    }
    if (errnum == 0)
        cg_audit_trail_end(trail);
    return change;
}

/* Each entry gets its own result; one flush serves all changes among them. */
static void write_batch(struct cg_audit *audit, struct entry *batch)
{
    int64_t now_ms = cg_clock_mono_ms();
    int errnum = 0;
    pthread_mutex_lock(&audit->file_lock);
    bool flush = batch && write_entries(&audit->trail, batch);
    if (batch && !audit->flush_at_ms)
        audit->flush_at_ms = now_ms + FLUSH_WITHIN_MS;
    if (flush || (audit->flush_at_ms && now_ms >= audit->flush_at_ms)) {
        errnum = cg_audit_trail_flush(&audit->trail);
        audit->flush_at_ms = 0;
    }
    pthread_mutex_unlock(&audit->file_lock);
    for (struct entry *entry = batch; entry; entry = entry->next)
        if (entry->waiter && entry->errnum == 0)
            entry->errnum = errnum;
}

/* Tells the waiters and frees the entries. */
static void settle(struct cg_audit *audit, struct entry *batch)
{
    pthread_mutex_lock(&audit->lock);
    for (struct entry *entry = batch; entry; entry = entry->next) {
        if (!entry->waiter)
            continue;
        entry->waiter->errnum = entry->errnum;
        entry->waiter->done = true;
    }
    pthread_mutex_unlock(&audit->lock);
    pthread_cond_broadcast(&audit->done);
    for (struct entry *next; batch; batch = next) {
        next = batch->next;
        if (batch->errnum && !batch->waiter) { /* whoever waits is told, and says it himself */
            audit->lost++;
            audit->lost_errnum = batch->errnum;
        }
        free(batch);
    }
}

/* How many more than at the last time, when it is time to say so; else 0. */
static uint64_t to_complain(struct complaint *complaint, uint64_t total)
{
    uint64_t fresh = total - complaint->said;
    int64_t now_ms = cg_clock_mono_ms();
    if (!unsaid(complaint, total) || now_ms < complaint->next_ms)
        return 0;
    complaint->said = total;
    complaint->next_ms = now_ms + COMPLAIN_EVERY_MS;
    return fresh;
}

static void complain(struct cg_audit *audit)
{
    uint64_t dropped = to_complain(&audit->of_dropped, atomic_load(&audit->dropped));
    if (dropped)
        cg_log(CG_LOG_ERROR, "audit", NULL,
               "the queue was full: %" PRIu64 " records of reads were dropped; the audit trail's disk is too slow",
               dropped);
    uint64_t lost = to_complain(&audit->of_lost, audit->lost);
    if (lost) {
        char room[128];
        cg_log(CG_LOG_ERROR, "audit", NULL, "%" PRIu64 " records could not be written: %s", lost,
               strerror_r(audit->lost_errnum, room, sizeof room));
    }
}

static void *write_all(void *cls)
{
    struct cg_audit *audit = cls;
    struct entry *batch;
    while (take(audit, &batch)) {
        write_batch(audit, batch);
        settle(audit, batch);
        complain(audit);
    }
    audit->of_dropped.next_ms = audit->of_lost.next_ms = 0; /* the last chance to say it */
    complain(audit);
    return NULL;
}

/* All signals blocked before it exists; also SIGXFSZ, by which a file size limit would kill instead of being an error.
 */
static void start_writer(struct cg_audit *audit)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    CG_ASSERT(pthread_create(&audit->writer, NULL, write_all, audit) == 0);
    pthread_setname_np(audit->writer, "audit");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void init_locks(struct cg_audit *audit)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&audit->wake, &attr);
    pthread_cond_init(&audit->done, NULL);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&audit->lock, NULL);
    pthread_mutex_init(&audit->file_lock, NULL);
}

enum cg_err cg_audit_open(const char *path, const char *state_dir, bool required, struct cg_audit **audit_out,
                          struct cg_error *err)
{
    struct cg_audit_trail trail;
    enum cg_err rc = cg_audit_trail_open(path, state_dir, &trail, err);
    if (rc != CG_OK)
        return rc;
    struct cg_audit *audit = cg_calloc(1, sizeof *audit);
    init_locks(audit);
    queue_init(&audit->queue);
    audit->trail = trail;
    atomic_init(&audit->open, path[0] != '\0');
    atomic_init(&audit->required, required);
    start_writer(audit);
    *audit_out = audit;
    return CG_OK;
}

void cg_audit_close(struct cg_audit **audit)
{
    struct cg_audit *a = *audit;
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    a->stopping = true;
    pthread_mutex_unlock(&a->lock);
    pthread_cond_signal(&a->wake);
    pthread_join(a->writer, NULL);
    cg_audit_trail_close(&a->trail);
    pthread_cond_destroy(&a->wake);
    pthread_cond_destroy(&a->done);
    pthread_mutex_destroy(&a->lock);
    pthread_mutex_destroy(&a->file_lock);
    free(a);
    *audit = NULL;
}

enum cg_err cg_audit_reopen(struct cg_audit *audit, const char *path, bool required, struct cg_error *err)
{
    struct cg_audit_trail fresh;
    enum cg_err rc = cg_audit_trail_open(path, audit->trail.state_dir, &fresh, err);
    if (rc != CG_OK)
        return rc;
    pthread_mutex_lock(&audit->file_lock);
    cg_audit_trail_replace(&audit->trail, &fresh);
    atomic_store(&audit->required, required);
    atomic_store(&audit->open, path[0] != '\0');
    pthread_mutex_unlock(&audit->file_lock);
    return CG_OK;
}

static enum cg_err unrecordable(struct cg_error *err, const char *path, int errnum)
{
    char room[128];
    return cg_error_hide(err, CG_ERR_UNAVAILABLE,
                         "changes are refused for now because they cannot be recorded in the audit trail; try again "
                         "later or tell the administrator of this registry",
                         "cannot write the audit trail \"%s\": %s; make room or repair it, then send SIGHUP", path,
                         strerror_r(errnum, room, sizeof room));
}

/* After a failed write it takes a successful one before changes are let through again; the record of the refusal
 * that follows from here is that attempt. */
enum cg_err cg_audit_reserve(struct cg_audit *audit, struct cg_error *err)
{
    if (!atomic_load(&audit->open) || !atomic_load(&audit->required))
        return CG_OK;
    enum cg_err rc = CG_OK;
    pthread_mutex_lock(&audit->file_lock);
    int errnum = cg_audit_trail_reserve(&audit->trail);
    if (errnum)
        rc = unrecordable(err, audit->trail.file.path, errnum);
    pthread_mutex_unlock(&audit->file_lock);
    return rc;
}

static struct entry *entry_new(const struct cg_audit_record *record)
{
    struct cg_buf line;
    cg_buf_init(&line, CG_AUDIT_LINE_MAX);
    cg_audit_record_format(&line, record, cg_clock_wall_s());
    CG_ASSERT(!cg_buf_failed(&line));
    struct entry *entry = cg_malloc(sizeof *entry + line.len);
    *entry = (struct entry){.len = line.len};
    memcpy(entry->line, line.data, line.len);
    cg_buf_free(&line);
    return entry;
}

static enum cg_err wait_for(struct cg_audit *audit, struct waiter *waiter, struct cg_error *err)
{
    pthread_mutex_lock(&audit->lock);
    while (!waiter->done)
        pthread_cond_wait(&audit->done, &audit->lock);
    pthread_mutex_unlock(&audit->lock);
    if (!waiter->errnum)
        return CG_OK;
    pthread_mutex_lock(&audit->file_lock);
    enum cg_err rc = unrecordable(err, audit->trail.file.path, waiter->errnum);
    pthread_mutex_unlock(&audit->file_lock);
    return rc;
}

enum cg_err cg_audit_write(struct cg_audit *audit, const struct cg_audit_record *record, struct cg_error *err)
{
    if (record->event == CG_AUDIT_NONE || !atomic_load(&audit->open))
        return CG_OK;
    struct entry *entry = entry_new(record);
    if (cg_audit_event_is_change(record->event)) {
        struct waiter waiter = {0};
        entry->waiter = &waiter;
        append(audit, entry);
        return wait_for(audit, &waiter, err);
    }
    if (!append(audit, entry)) {
        free(entry);
        atomic_fetch_add(&audit->dropped, 1);
        cg_metric_add(CG_METRIC_AUDIT_DROPPED, 1);
    }
    return CG_OK;
}

uint64_t cg_audit_dropped(const struct cg_audit *audit)
{
    return atomic_load(&audit->dropped);
}
