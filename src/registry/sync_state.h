/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What a namespace remembers between two looks at a store with other writers:
 * yanks the store has still to be told of, files that were looked at and not
 * taken in, and whether somebody wants a look now. In memory only: the next
 * look finds all of it out again. Any thread; one lock, a leaf.
 */
#ifndef CG_REGISTRY_SYNC_STATE_H
#define CG_REGISTRY_SYNC_STATE_H

#include "base/map.h"
#include "registry/registry_priv.h"

struct cg_sync_state;

struct cg_sync_state *cg_sync_state_new(void);
void cg_sync_state_free(struct cg_sync_state **state);

/* The store is to be told whether this version is yanked; spelling as in the index. */
void cg_sync_state_mark(struct cg_sync_state *state, const char *name, const char *version);
bool cg_sync_state_marked(struct cg_sync_state *state, const char *name, const char *version);
/* All of them ("NAME VERSION" -> something), which are forgotten; NULL when there are none. */
struct cg_map *cg_sync_state_take_marks(struct cg_sync_state *state);

/* A file that was refused, by what identifies its content; `why` is copied. */
void cg_sync_state_refuse(struct cg_sync_state *state, const char *file, const char *content, const char *why);
/* Was that content refused? Then why: a fresh string; else NULL. */
char *cg_sync_state_refused(struct cg_sync_state *state, const char *file, const char *content);
/* Everything may be looked at again. */
void cg_sync_state_forgive(struct cg_sync_state *state);

void cg_sync_state_want(struct cg_sync_state *state);
/* Does somebody want a look? Asked once, it is granted. */
bool cg_sync_state_wanted(struct cg_sync_state *state);

#endif
