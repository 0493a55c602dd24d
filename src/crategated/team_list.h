/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What is remembered of the teams: which group bears which namespace's name, and
 * since when. It is kept in state_dir/teams.json (0600, replaced as a whole), so
 * that a start without the directory knows them, and so that a name never passes
 * to another group by itself: that group would inherit the first one's crates.
 *
 * The daemon and crategatectl both change the file, under the lock of
 * state_dir/teams.lock. Blocking; a list belongs to one thread.
 */
#ifndef CG_CRATEGATED_TEAM_LIST_H
#define CG_CRATEGATED_TEAM_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crategate/err.h"

struct cg_team {
    char *name;         /* of the namespace */
    char *group;        /* common name */
    char *dn;           /* canonical */
    int64_t since;      /* wall seconds */
    int64_t gone_since; /* 0: it is there */
};

struct cg_team_list {
    bool known;  /* has the directory ever told? */
    char *asked; /* what it was asked for, cg_team_question(); NULL while not known */
    struct cg_team *items;
    size_t count;
};

/* Waits for the lock. Caller closes it by cg_team_list_unlock. UNAVAILABLE. */
enum cg_err cg_team_list_lock(const char *state_dir, int *fd_out, struct cg_error *err) CG_CHECK;
/* Nothing for -1; sets -1. */
void cg_team_list_unlock(int *fd);
/* An absent file is an empty list, not known. DENIED when it may not be read, INVALID when it is not whole. */
enum cg_err cg_team_list_load(const char *state_dir, struct cg_team_list *list_out, struct cg_error *err) CG_CHECK;
/* Durable. */
enum cg_err cg_team_list_save(const char *state_dir, const struct cg_team_list *list, struct cg_error *err) CG_CHECK;
void cg_team_list_free(struct cg_team_list *list);

/* NULL when there is none. */
struct cg_team *cg_team_list_find(const struct cg_team_list *list, const char *name);
/* A new one, there since now; copies. The pointers of the others are no longer good. */
struct cg_team *cg_team_list_add(struct cg_team_list *list, const char *name, const char *group, const char *dn);
/* Another group takes the name over. */
void cg_team_adopt(struct cg_team *team, const char *group, const char *dn);

#endif
