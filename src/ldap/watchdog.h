/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The belt over libldap's own time limits. Some versions of libldap wait for
 * ever (and spin) when a server accepts the connection and then never finishes
 * the TLS handshake, and no option covers every stage of every version. So each
 * handle has a guard that knows its socket, and one thread shuts the socket
 * down when its deadline has passed: whatever libldap was waiting for fails.
 *
 * The guard holds its own duplicate of the descriptor: libldap may have closed
 * its own, and the number may belong to somebody else by then.
 *
 * Threading: any thread may use its own guards.
 */
#ifndef CG_LDAP_WATCHDOG_H
#define CG_LDAP_WATCHDOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct cg_ldap_watchdog;

/* Lives inside a connection; its address must not change while added. */
struct cg_ldap_guard {
    struct cg_ldap_watchdog *dog;
    struct cg_ldap_guard *next;
    struct cg_ldap_guard **at;
    int fd;              /* our duplicate */
    int64_t deadline_ms; /* monotonic, 0: not armed */
    atomic_bool fired;
};

/* Starts the thread; NULL when the system gives none. */
struct cg_ldap_watchdog *cg_ldap_watchdog_new(void);
/* All guards must have been removed. */
void cg_ldap_watchdog_free(struct cg_ldap_watchdog **dog);

/* Watches a socket. False when there is no descriptor left; it is to be removed all the same. */
bool cg_ldap_guard_add(struct cg_ldap_guard *guard, struct cg_ldap_watchdog *dog, int fd);
/* After the socket's owner has closed it. */
void cg_ldap_guard_remove(struct cg_ldap_guard *guard);
void cg_ldap_guard_arm(struct cg_ldap_guard *guard, int64_t deadline_ms);
void cg_ldap_guard_disarm(struct cg_ldap_guard *guard);
/* Shuts the socket down now. */
void cg_ldap_guard_cut(struct cg_ldap_guard *guard);

#endif
