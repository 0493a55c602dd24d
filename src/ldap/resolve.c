/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/resolve.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/mem.h"
#include "base/str.h"
#include "ldap/result.h"

/* Far above the servers of a configuration and of the one that a reload replaces. */
#define THREADS_MAX 64

/* A look-up, under way or answered. */
struct cg_ldap_addresses {
    char *host, *port;
    unsigned refs; /* its thread, and everybody who waits or reads */
    bool done;
    int error; /* of getaddrinfo */
    struct addrinfo *list;
    pthread_cond_t answered;
    struct cg_ldap_addresses *next; /* of those under way */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* everything here and in look-ups, but what done ones found */
static struct cg_ldap_addresses *under_way;
static unsigned threads;

static struct cg_ldap_addresses *lookup_new(const char *host, const char *port)
{
    struct cg_ldap_addresses *lookup = cg_calloc(1, sizeof(*lookup));
    pthread_condattr_t attr;

    lookup->host = cg_strdup(host);
    lookup->port = cg_strdup(port);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&lookup->answered, &attr);
    pthread_condattr_destroy(&attr);
    return lookup;
}

/* With the lock held. */
static void drop(struct cg_ldap_addresses *lookup)
{
    if (--lookup->refs > 0)
        return;
    if (lookup->list)
        freeaddrinfo(lookup->list);
    pthread_cond_destroy(&lookup->answered);
    free(lookup->host);
    free(lookup->port);
    free(lookup);
}

static void unlink_lookup(const struct cg_ldap_addresses *lookup)
{
    struct cg_ldap_addresses **at = &under_way;

    while (*at && *at != lookup)
        at = &(*at)->next;
    if (*at)
        *at = lookup->next;
}

static int ask(const struct cg_ldap_addresses *lookup, int flags, struct addrinfo **list_out)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV};

    return getaddrinfo(lookup->host, lookup->port, &hints, list_out);
}

static void *look_up(void *cls)
{
    struct cg_ldap_addresses *lookup = cls;
    struct addrinfo *list = NULL;
    int error = ask(lookup, 0, &list);

    pthread_mutex_lock(&lock);
    lookup->error = error;
    lookup->list = error ? NULL : list;
    lookup->done = true;
    unlink_lookup(lookup);
    threads--;
    pthread_cond_broadcast(&lookup->answered);
    drop(lookup);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static bool start_thread(struct cg_ldap_addresses *lookup)
{
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, old;
    int rc;

    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&thread, &attr, look_up, lookup);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attr);
    return rc == 0;
}

/* The look-up of that host that is under way, or a new one; NULL when there are too many. With the lock held. */
static struct cg_ldap_addresses *join(const char *host, const char *port)
{
    struct cg_ldap_addresses *lookup = under_way;

    while (lookup && (!cg_streq(lookup->host, host) || !cg_streq(lookup->port, port)))
        lookup = lookup->next;
    if (lookup) {
        lookup->refs++;
        return lookup;
    }
    if (threads >= THREADS_MAX)
        return NULL;
    lookup = lookup_new(host, port);
    lookup->refs = 2;
    if (!start_thread(lookup)) {
        lookup->refs = 1;
        drop(lookup);
        return NULL;
    }
    threads++;
    lookup->next = under_way;
    under_way = lookup;
    return lookup;
}

static void wait_for(struct cg_ldap_addresses *lookup, int64_t deadline)
{
    struct timespec until = {.tv_sec = (time_t)(deadline / 1000), .tv_nsec = (long)(deadline % 1000) * 1000000};

    while (!lookup->done)
        if (pthread_cond_timedwait(&lookup->answered, &lock, &until) != 0)
            break;
}

/* An address needs nobody to look it up. */
static struct cg_ldap_addresses *numeric(const char *host, const char *port)
{
    struct cg_ldap_addresses *lookup = lookup_new(host, port);

    lookup->refs = 1;
    lookup->error = ask(lookup, AI_NUMERICHOST, &lookup->list);
    lookup->done = true;
    if (lookup->error == 0)
        return lookup;
    lookup->list = NULL;
    cg_ldap_addresses_free(&lookup);
    return NULL;
}

static enum cg_err result_of(const struct cg_ldap_addresses *lookup, const char *host, struct cg_error *err)
{
    if (!lookup)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT,
                             "the host name %s is not looked up: too many others are being", host);
    if (!lookup->done)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "the look-up of the host name %s takes too long",
                             host);
    if (lookup->error || !lookup->list)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "the host name %s does not resolve: %s", host,
                             gai_strerror(lookup->error));
    return CG_OK;
}

enum cg_err cg_ldap_resolve(const char *host, const char *port, int64_t deadline,
                            struct cg_ldap_addresses **addresses_out, struct cg_error *err)
{
    struct cg_ldap_addresses *lookup = numeric(host, port);
    enum cg_err rc;

    if (lookup) {
        *addresses_out = lookup;
        return CG_OK;
    }
    pthread_mutex_lock(&lock);
    lookup = join(host, port);
    if (lookup)
        wait_for(lookup, deadline);
    rc = result_of(lookup, host, err);
    if (rc == CG_OK)
        *addresses_out = lookup;
    else if (lookup)
        drop(lookup);
    pthread_mutex_unlock(&lock);
    return rc;
}

const struct addrinfo *cg_ldap_addresses_list(const struct cg_ldap_addresses *addresses)
{
    return addresses->list;
}

void cg_ldap_addresses_free(struct cg_ldap_addresses **addresses)
{
    if (!*addresses)
        return;
    pthread_mutex_lock(&lock);
    drop(*addresses);
    pthread_mutex_unlock(&lock);
    *addresses = NULL;
}
