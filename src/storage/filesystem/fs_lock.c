/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * One writer of a namespace at a time. Threads exclude each other by a flag
 * under a mutex, processes by flock on DIR/.lock. Both are needed: flock
 * belongs to the open file, which the threads share. The file is never removed:
 * whoever waited on a removed one would hold a lock that nobody else sees.
 */
#include "storage/filesystem/fs_private.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "crategate/clock.h"
#include "storage/filesystem/fs_dir.h"

#define POLL_MAX_MS 20

void cg_fs_lock_init(struct cg_fs_storage *fs)
{
    pthread_condattr_t attr;

    fs->lock_fd = -1;
    fs->lock_wait_ms = CG_FS_LOCK_WAIT_MS;
    pthread_mutex_init(&fs->guard, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&fs->freed, &attr);
    pthread_condattr_destroy(&attr);
}

enum cg_err cg_fs_lock_open(struct cg_fs_storage *fs, struct cg_error *err)
{
    /* Only those who may write here may lock: anybody who can read the file could hold us up. */
    fs->lock_fd = openat(fs->root_fd, ".lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fs->lock_fd < 0 ? cg_fs_broken(err, errno, "open the lock of", fs->dir) : CG_OK;
}

void cg_fs_lock_free(struct cg_fs_storage *fs)
{
    CG_ASSERT(!fs->held);
    cg_fs_close(fs->lock_fd);
    pthread_cond_destroy(&fs->freed);
    pthread_mutex_destroy(&fs->guard);
}

static void leave(struct cg_fs_storage *fs)
{
    pthread_mutex_lock(&fs->guard);
    fs->held = false;
    pthread_cond_signal(&fs->freed);
    pthread_mutex_unlock(&fs->guard);
}

/* Waits until no other thread holds the lock, or the deadline. */
static bool enter(struct cg_fs_storage *fs, int64_t deadline_ms)
{
    struct timespec until = {.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};
    bool entered;
    int rc = 0;

    pthread_mutex_lock(&fs->guard);
    CG_ASSERT(!fs->held || !pthread_equal(fs->holder, pthread_self()));
    while (fs->held && rc == 0)
        rc = pthread_cond_timedwait(&fs->freed, &fs->guard, &until);
    entered = !fs->held;
    if (entered) {
        fs->held = true;
        fs->holder = pthread_self();
    }
    pthread_mutex_unlock(&fs->guard);
    return entered;
}

/* flock knows no deadline, hence the polling. 0, or the errno; EWOULDBLOCK: somebody else kept it. */
static int flock_until(int fd, int64_t deadline_ms)
{
    struct timespec pause = {.tv_nsec = 500000};

    while (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return errno;
        if (cg_clock_mono_ms() >= deadline_ms)
            return EWOULDBLOCK;
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < POLL_MAX_MS * 1000000L)
            pause.tv_nsec *= 2;
    }
    return 0;
}

bool cg_fs_lock_try(struct cg_fs_storage *fs)
{
    int64_t now = cg_clock_mono_ms();

    if (!enter(fs, now))
        return false;
    if (flock_until(fs->lock_fd, now) == 0)
        return true;
    leave(fs);
    return false;
}

static enum cg_err lock_kept(struct cg_fs_storage *fs, const char *who, struct cg_error *err)
{
    return cg_error_hide(err, CG_ERR_UNAVAILABLE,
                         "another change of this namespace has been going on for too long and nothing was changed; "
                         "try again later",
                         "%s has held the lock of %s for more than %d ms", who, fs->dir, fs->lock_wait_ms);
}

enum cg_err cg_fs_lock(struct cg_storage *st, struct cg_error *err)
{
    struct cg_fs_storage *fs = cg_fs(st);
    int64_t deadline = cg_clock_mono_ms() + fs->lock_wait_ms;
    int rc;

    if (!enter(fs, deadline))
        return lock_kept(fs, "another thread", err);
    rc = flock_until(fs->lock_fd, deadline);
    if (rc == 0)
        return CG_OK;
    leave(fs);
    return rc == EWOULDBLOCK ? lock_kept(fs, "another process", err) : cg_fs_broken(err, rc, "lock", fs->dir);
}

void cg_fs_unlock(struct cg_storage *st)
{
    struct cg_fs_storage *fs = cg_fs(st);

    CG_ASSERT(fs->held && pthread_equal(fs->holder, pthread_self()));
    flock(fs->lock_fd, LOCK_UN);
    leave(fs);
}
