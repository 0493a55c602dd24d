/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The round over all owners of tokens every ldap.sync_interval (see sweep.c).
 * One thread, the one that looks (cg_authn_look); it blocks.
 */
#ifndef CG_AUTHN_SWEEP_H
#define CG_AUTHN_SWEEP_H

#include <stdbool.h>

#include "conf/conf.h"

struct cg_sweep;
struct cg_authn_view;

struct cg_sweep *cg_sweep_new(const struct cg_conf *conf);
void cg_sweep_free(struct cg_sweep **sweep);
/* Begins a sweep when it is time, or goes on with the one under way: a few people, or what can be asked in a few
 * seconds. */
void cg_sweep_step(struct cg_sweep *sweep, const struct cg_authn_view *view);
/* The next one begins with the next step. */
void cg_sweep_hurry(struct cg_sweep *sweep);
bool cg_sweep_under_way(const struct cg_sweep *sweep);

#endif
