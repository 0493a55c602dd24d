/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/watchdog.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "crategate/clock.h"

struct cg_ldap_watchdog {
    pthread_t thread;
    pthread_mutex_t lock; /* everything here and every guard's fd, deadline and links */
    pthread_cond_t changed;
    struct cg_ldap_guard *guards;
    bool stopping;
};

/* Cuts those whose time is over; returns the next deadline, 0 when none is armed. */
static int64_t sweep(struct cg_ldap_watchdog *dog, int64_t now)
{
    int64_t next = 0;

    for (struct cg_ldap_guard *g = dog->guards; g; g = g->next) {
        if (g->deadline_ms && g->deadline_ms <= now) {
            if (g->fd >= 0)
                shutdown(g->fd, SHUT_RDWR);
            g->fired = true;
            g->deadline_ms = 0;
        } else if (g->deadline_ms && (!next || g->deadline_ms < next)) {
            next = g->deadline_ms;
        }
    }
    return next;
}

static void *watch(void *cls)
{
    struct cg_ldap_watchdog *dog = cls;

    pthread_mutex_lock(&dog->lock);
    while (!dog->stopping) {
        int64_t next = sweep(dog, cg_clock_mono_ms());
        struct timespec until = {.tv_sec = (time_t)(next / 1000), .tv_nsec = (long)(next % 1000) * 1000000};

        if (next)
            pthread_cond_timedwait(&dog->changed, &dog->lock, &until);
        else
            pthread_cond_wait(&dog->changed, &dog->lock);
    }
    pthread_mutex_unlock(&dog->lock);
    return NULL;
}

struct cg_ldap_watchdog *cg_ldap_watchdog_new(void)
{
    struct cg_ldap_watchdog *dog = cg_calloc(1, sizeof(*dog));
    pthread_condattr_t attr;
    sigset_t all, old;
    int rc;

    pthread_mutex_init(&dog->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&dog->changed, &attr);
    pthread_condattr_destroy(&attr);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&dog->thread, NULL, watch, dog);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc == 0)
        return dog;
    pthread_cond_destroy(&dog->changed);
    pthread_mutex_destroy(&dog->lock);
    free(dog);
    return NULL;
}

void cg_ldap_watchdog_free(struct cg_ldap_watchdog **dog_ptr)
{
    struct cg_ldap_watchdog *dog = *dog_ptr;

    if (!dog)
        return;
    CG_ASSERT(dog->guards == NULL);
    pthread_mutex_lock(&dog->lock);
    dog->stopping = true;
    pthread_cond_signal(&dog->changed);
    pthread_mutex_unlock(&dog->lock);
    pthread_join(dog->thread, NULL);
    pthread_cond_destroy(&dog->changed);
    pthread_mutex_destroy(&dog->lock);
    free(dog);
    *dog_ptr = NULL;
}

bool cg_ldap_guard_add(struct cg_ldap_guard *guard, struct cg_ldap_watchdog *dog, int fd)
{
    memset(guard, 0, sizeof(*guard));
    guard->dog = dog;
    guard->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    pthread_mutex_lock(&dog->lock);
    guard->next = dog->guards;
    guard->at = &dog->guards;
    if (guard->next)
        guard->next->at = &guard->next;
    dog->guards = guard;
    pthread_mutex_unlock(&dog->lock);
    return guard->fd >= 0;
}

void cg_ldap_guard_remove(struct cg_ldap_guard *guard)
{
    pthread_mutex_lock(&guard->dog->lock);
    *guard->at = guard->next;
    if (guard->next)
        guard->next->at = guard->at;
    pthread_mutex_unlock(&guard->dog->lock);
    if (guard->fd >= 0)
        close(guard->fd);
}

void cg_ldap_guard_arm(struct cg_ldap_guard *guard, int64_t deadline_ms)
{
    pthread_mutex_lock(&guard->dog->lock);
    guard->deadline_ms = deadline_ms;
    pthread_cond_signal(&guard->dog->changed);
    pthread_mutex_unlock(&guard->dog->lock);
}

void cg_ldap_guard_disarm(struct cg_ldap_guard *guard)
{
    pthread_mutex_lock(&guard->dog->lock);
    guard->deadline_ms = 0;
    pthread_mutex_unlock(&guard->dog->lock);
}

void cg_ldap_guard_cut(struct cg_ldap_guard *guard)
{
    pthread_mutex_lock(&guard->dog->lock);
    if (guard->fd >= 0)
        shutdown(guard->fd, SHUT_RDWR);
    pthread_mutex_unlock(&guard->dog->lock);
}
