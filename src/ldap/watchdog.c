/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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

/* libldap has a socket, connected or (asynchronously) about to be. A later address replaces an earlier one. */
static int on_connect(LDAP *ld, Sockbuf *sb, LDAPURLDesc *server, struct sockaddr *address, struct ldap_conncb *cb)
{
    struct cg_ldap_guard *guard = cb->lc_arg;
    ber_socket_t fd = -1;
    int copy;

    (void)ld, (void)server, (void)address;
    if (ber_sockbuf_ctrl(sb, LBER_SB_OPT_GET_FD, &fd) != 1)
        return 0;
    copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    pthread_mutex_lock(&guard->dog->lock);
    if (guard->fd >= 0)
        close(guard->fd);
    guard->fd = copy;
    if (guard->fired && copy >= 0)
        shutdown(copy, SHUT_RDWR);
    pthread_mutex_unlock(&guard->dog->lock);
    return 0;
}

static void on_close(LDAP *ld, Sockbuf *sb, struct ldap_conncb *cb)
{
    (void)ld, (void)sb, (void)cb; /* our duplicate is closed with the guard */
}

bool cg_ldap_guard_add(struct cg_ldap_guard *guard, struct cg_ldap_watchdog *dog, LDAP *ld)
{
    memset(guard, 0, sizeof(*guard));
    guard->dog = dog;
    guard->fd = -1;
    guard->callbacks = (struct ldap_conncb){.lc_add = on_connect, .lc_del = on_close, .lc_arg = guard};
    pthread_mutex_lock(&dog->lock);
    guard->next = dog->guards;
    guard->at = &dog->guards;
    if (guard->next)
        guard->next->at = &guard->next;
    dog->guards = guard;
    pthread_mutex_unlock(&dog->lock);
    return ldap_set_option(ld, LDAP_OPT_CONNECT_CB, &guard->callbacks) == LDAP_OPT_SUCCESS;
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

bool cg_ldap_guard_connected(struct cg_ldap_guard *guard, int64_t deadline_ms)
{
    struct pollfd p = {.events = POLLOUT};
    int error = 0;
    socklen_t size = sizeof(error);

    pthread_mutex_lock(&guard->dog->lock);
    p.fd = guard->fd; /* only this connection's owner replaces it */
    pthread_mutex_unlock(&guard->dog->lock);
    if (p.fd < 0)
        return false;
    for (;;) {
        int64_t left = deadline_ms - cg_clock_mono_ms();
        int n = poll(&p, 1, left > 0 ? (int)left : 0);

        if (n > 0)
            break;
        if (n == 0 || errno != EINTR)
            return false;
    }
    return getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0 && !(p.revents & POLLHUP);
}
