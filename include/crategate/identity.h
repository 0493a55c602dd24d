/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Who somebody is: the directory's verdict on one person (or a service), with
 * the groups it named. Built by a directory driver, sealed, then immutable and
 * shared by reference count between threads.
 *
 * A person is keyed on `id`, the entry's UUID; names are for people to read.
 * Group keys are canonical DNs (see cg_directory_ops.canonical_dn), so that
 * two spellings of one DN are one string and cn=x in two places are two.
 */
#ifndef CRATEGATE_IDENTITY_H
#define CRATEGATE_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crategate/err.h"

enum cg_identity_kind { CG_IDENTITY_ANONYMOUS, CG_IDENTITY_PERSON, CG_IDENTITY_SERVICE };

struct cg_identity; /* opaque */

/* All strings are copied; display_name, dn and id may be NULL (kept as ""). Reference count 1. */
struct cg_identity *cg_identity_new(enum cg_identity_kind kind, const char *id, const char *name, const char *dn,
                                    const char *display_name);
/* Before sealing only. `dn` is canonical, `name` the group's common name. Duplicates are dropped at sealing. */
void cg_identity_add_group(struct cg_identity *who, const char *dn, const char *name);
/* Before sealing only; NULL: none. For people to read, never to decide anything by. */
void cg_identity_set_mail(struct cg_identity *who, const char *mail);
/* Sorts the groups; from now on immutable. Must be called before sharing or asking. */
void cg_identity_seal(struct cg_identity *who);

struct cg_identity *cg_identity_ref(struct cg_identity *who);
/* Drops a reference and nulls the caller's pointer; *who may be NULL. */
void cg_identity_unref(struct cg_identity **who);

enum cg_identity_kind cg_identity_kind(const struct cg_identity *who);
const char *cg_identity_id(const struct cg_identity *who);   /* "" for anonymous */
const char *cg_identity_name(const struct cg_identity *who); /* "anonymous" for anonymous */
const char *cg_identity_dn(const struct cg_identity *who);   /* canonical; "" when there is none */
const char *cg_identity_display_name(const struct cg_identity *who);
const char *cg_identity_mail(const struct cg_identity *who); /* "" when there is none */
size_t cg_identity_group_count(const struct cg_identity *who);
const char *cg_identity_group_dn(const struct cg_identity *who, size_t i);
const char *cg_identity_group_name(const struct cg_identity *who, size_t i);
/* Membership by canonical DN; binary search, no allocation, no lock. */
bool cg_identity_in_group(const struct cg_identity *who, const char *canonical_dn);

#endif
