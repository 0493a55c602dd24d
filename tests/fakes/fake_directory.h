/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A directory in memory: a small working driver of directory.h for the tests
 * of other rooms. It keeps people and groups, checks passwords, and can be told
 * to be unavailable, slow or in conflict. It counts what it is asked, so that
 * a test can say "the second request asked the directory nothing".
 *
 * Names match as real directories match them: ASCII case folded, blanks at
 * both ends dropped. Locked people: login is UNAUTHENTICATED, find and
 * revalidate still answer (a lock by wrong passwords stops no token). Disabled
 * people: login is UNAUTHENTICATED, find and revalidate are DENIED. Gone ones
 * are not there.
 *
 * Threading: everything may be called from any thread.
 */
#ifndef CG_TESTS_FAKE_DIRECTORY_H
#define CG_TESTS_FAKE_DIRECTORY_H

#include <stdatomic.h>

#include "crategate/directory.h"

enum cg_fake_person_state { CG_FAKE_OK, CG_FAKE_DISABLED, CG_FAKE_LOCKED, CG_FAKE_GONE };

/* CONFLICT: find and resolve_group say that the name is ambiguous; login is UNAUTHENTICATED. MUTE: everything but a login
 * is answered; a login is UNAVAILABLE with the password on its way. */
enum cg_fake_mode { CG_FAKE_ANSWERING, CG_FAKE_UNAVAILABLE, CG_FAKE_CONFLICT, CG_FAKE_MUTE };

/* How often each operation reached the directory. A login with an empty password never does. */
struct cg_fake_counts {
    atomic_uint logins;
    atomic_uint finds;
    atomic_uint revalidations;
    atomic_uint resolves;
    atomic_uint group_lists;
    atomic_uint alive_checks;
    atomic_uint pings; /* probes too */
    atomic_uint running;     /* operations inside right now ... */
    atomic_uint running_max; /* ... and the most there ever were */
};

/* Never fails. Free with cg_directory_free. */
struct cg_directory *cg_fake_directory_new(void);

/* Adds a person, or replaces the one with the same id. `dn` and the group DNs are canonicalised; `groups` is a
 * NULL-terminated list of group DNs (or NULL) whose names are the values of their first RDNs. Groups named here exist.
 */
void cg_fake_directory_add_person(struct cg_directory *dir, const char *id, const char *name, const char *dn,
                                  const char *password, const char *const *groups);
/* The person, by name. Asserts that there is one. */
void cg_fake_directory_set_state(struct cg_directory *dir, const char *name, enum cg_fake_person_state state);
void cg_fake_directory_set_password(struct cg_directory *dir, const char *name, const char *password);
void cg_fake_directory_set_groups(struct cg_directory *dir, const char *name, const char *const *groups);
/* A group nobody is in. One name under several DNs makes resolve_group a CONFLICT that names them. */
void cg_fake_directory_add_group(struct cg_directory *dir, const char *dn);
/* People named as its members stay so, but nobody finds it any more. */
void cg_fake_directory_remove_group(struct cg_directory *dir, const char *dn);

void cg_fake_directory_set_mode(struct cg_directory *dir, enum cg_fake_mode mode);
/* Each following operation sleeps that long first (outside the lock); 0 again answers at once. */
void cg_fake_directory_set_delay(struct cg_directory *dir, unsigned ms);
/* Live counters; read or reset them as you like. Valid as long as the directory. */
struct cg_fake_counts *cg_fake_directory_counts(struct cg_directory *dir);

#endif
