/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * One look at the teams: the directory's groups that [teams] asks for, what was
 * remembered of them (team_list.h), and what follows: a snapshot with their
 * namespaces, what to remember, and what to tell.
 *
 * What is decided here, by the rules of docs/operations.md ("Teams"):
 * - No answer from the directory leaves everything as remembered. Without that, teams stay unknown (authz/policy.h).
 * - A name belongs to the group that first bore it. Another group of that name, or a name whose crates lie on the disk
 *   without anybody known to own them, waits for an administrator (crategatectl namespace adopt).
 * - More than max(5, ldap.max_sweep_fraction of all) teams gone at once are not believed to be gone.
 *
 * Blocking; one thread, which holds the list's lock between a look and its end.
 */
#ifndef CG_CRATEGATED_TEAMS_H
#define CG_CRATEGATED_TEAMS_H

#include "base/buf.h"
#include "conf/conf.h"
#include "crategate/directory.h"
#include "crategated/team_list.h"

#define CG_TEAM_PROBLEMS_MAX (1024u * 1024)

struct cg_team_look {
    bool read_only;           /* in, for cg_teams_look: no lock is taken, for nothing will be remembered */
    struct cg_conf *conf;     /* a reference: with the teams; the base itself when they are unknown */
    struct cg_team_list list; /* what to remember from now on */
    bool answered;            /* the directory did */
    bool changed;             /* the list is not as it was */
    size_t doubted;           /* so many teams seemed gone that none is believed to be; else 0 */
    struct cg_buf problems;   /* groups that make no namespace, and why: one a line */
    int lock_fd;              /* of the list; -1: none */
    bool begun;               /* there is something to free */
};

/* `base`: any snapshot of the configuration. UNAVAILABLE when state_dir cannot be used, INVALID for a list that cannot
 * be read. `look` is zero but for what goes in; it is to be freed whatever comes back, and until then nobody else
 * changes the list. */
enum cg_err cg_teams_look(struct cg_conf *base, struct cg_directory *dir, struct cg_team_look *look,
                          struct cg_error *err) CG_CHECK;
/* The same from memory of the file alone: no network, no lock; gone teams too when `with_gone`. */
enum cg_err cg_teams_recall(struct cg_conf *base, bool with_gone, struct cg_team_look *look,
                            struct cg_error *err) CG_CHECK;
void cg_team_look_free(struct cg_team_look *look);

/* The directory's groups whose namespace would have that name. UNAVAILABLE. */
enum cg_err cg_teams_find(const struct cg_conf *conf, struct cg_directory *dir, const char *name,
                          struct cg_team_list *found_out, struct cg_error *err) CG_CHECK;

/* Do two snapshots have the same namespaces of the same groups? */
bool cg_teams_same(const struct cg_conf *a, const struct cg_conf *b);
/* Calls visit for each team's namespace that `a` has and `b` has not, or has of another group. */
void cg_teams_only_in(const struct cg_conf *a, const struct cg_conf *b,
                      void (*visit)(void *cls, const struct cg_conf_namespace *ns), void *cls);

#endif
