/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The directory, as the rest of the gateway sees it. Drivers: src/ldap (the
 * real one) and tests/fakes/fake_directory (in memory).
 *
 * All operations but canonical_dn may block on the network up to the login
 * deadline of the configuration; they are called on askers only, never on
 * workers (docs/architecture.md), and may run at once on many threads. "The directory says no" and "the directory did not
 * answer" are different results everywhere:
 *
 *   OK               the answer is in *_out
 *   UNAUTHENTICATED  login only: unknown name, wrong password, locked, disabled, expired. The
 *                    detail is the same sentence for all of them; err->internal says which.
 *   ABSENT           find, revalidate, resolve_group: there is no such entry
 *   DENIED           find, revalidate: the entry is there but must not be used (disabled, expired...)
 *   CONFLICT         resolve_group: more than one entry bears the name; the detail names them.
 *                    find: more than one person matches the name
 *   INVALID          canonical_dn: not a DN. probe: the server lacks what the settings ask of it
 *   UNAVAILABLE      nobody answered in time, a limit was hit, an answer was partial or malformed.
 *                    login: err->password_sent says whether a bind went out that nobody answered
 */
#ifndef CRATEGATE_DIRECTORY_H
#define CRATEGATE_DIRECTORY_H

#include "crategate/err.h"
#include "crategate/identity.h"

struct cg_secret;
struct cg_directory;

/* A group; both strings are valid during the call only. Non-OK stops and is returned. */
typedef enum cg_err (*cg_directory_group_visit)(void *cls, const char *canonical_dn, const char *name);

/* One step of a diagnosis, in plain words. `ok` false: the step failed. */
typedef void (*cg_directory_report)(void *cls, int ok, const char *step, const char *text);

struct cg_directory_ops {
    const char *name; /* "ldap", "fake" */
    /* Finds the person, proves the password by binding, checks the account's state, reads the groups.
     * A zero-length password is UNAUTHENTICATED without any network traffic. Caller owns *who_out. */
    enum cg_err (*login)(struct cg_directory *dir, const char *username, const struct cg_secret *password,
                         struct cg_identity **who_out, struct cg_error *err) CG_CHECK;
    /* The same without a password: by name ... */
    enum cg_err (*find)(struct cg_directory *dir, const char *username, struct cg_identity **who_out,
                        struct cg_error *err) CG_CHECK;
    /* ... and by the stable id, for tokens. */
    enum cg_err (*revalidate)(struct cg_directory *dir, const char *id, struct cg_identity **who_out,
                              struct cg_error *err) CG_CHECK;
    /* Common name of a group under group_base -> its canonical DN. Caller frees *dn_out. */
    enum cg_err (*resolve_group)(struct cg_directory *dir, const char *name, char **dn_out,
                                 struct cg_error *err) CG_CHECK;
    /* Every group under group_base that matches an RFC 4515 filter; complete, or UNAVAILABLE after some visits: a caller
     * must not act before it has OK. INVALID for a bad filter. */
    enum cg_err (*each_group)(struct cg_directory *dir, const char *filter, cg_directory_group_visit visit, void *cls,
                              struct cg_error *err) CG_CHECK;
    /* Is there, directly or through groups in it, anybody in this group (a canonical DN) whose account may be used?
     * ABSENT: no such group, or nobody. */
    enum cg_err (*group_alive)(struct cg_directory *dir, const char *dn, struct cg_error *err) CG_CHECK;
    /* Can the server do what the settings ask of it (the matching rule of nested groups, tokenGroups)? For the start;
     * nothing relies on it: what turns out later to be missing makes groups UNAVAILABLE. */
    enum cg_err (*probe)(struct cg_directory *dir, struct cg_error *err) CG_CHECK;
    /* Pure: no network, any thread. Caller frees *dn_out. */
    enum cg_err (*canonical_dn)(struct cg_directory *dir, const char *dn, char **dn_out, struct cg_error *err) CG_CHECK;
    /* Is a server there and does it accept our service identity? Never binds a person. */
    enum cg_err (*ping)(struct cg_directory *dir, struct cg_error *err) CG_CHECK;
    /* Goes through every step (servers, TLS, bind, find, groups, and with a password the login) and reports each.
     * username NULL: only up to the service bind. who_out may be NULL. */
    enum cg_err (*diagnose)(struct cg_directory *dir, const char *username, const struct cg_secret *password,
                            cg_directory_report report, void *cls, struct cg_identity **who_out,
                            struct cg_error *err) CG_CHECK;
    void (*free)(struct cg_directory *dir);
};

/* Drivers embed this first. */
struct cg_directory {
    const struct cg_directory_ops *ops;
};

static inline void cg_directory_free(struct cg_directory **dir)
{
    if (*dir)
        (*dir)->ops->free(*dir);
    *dir = 0;
}

#endif
