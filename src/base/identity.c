/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "crategate/identity.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct group {
    char *dn;
    char *name;
};

struct cg_identity {
    atomic_uint refs;
    enum cg_identity_kind kind;
    bool sealed;
    char *id;
    char *name;
    char *dn;
    char *display_name;
    char *mail;
    struct group *groups; /* sorted by dn once sealed */
    size_t group_count;
    size_t group_room;
};

struct cg_identity *cg_identity_new(enum cg_identity_kind kind, const char *id, const char *name, const char *dn,
                                    const char *display_name)
{
    struct cg_identity *who = cg_calloc(1, sizeof *who);
    atomic_init(&who->refs, 1);
    who->kind = kind;
    who->id = cg_strdup(id);
    who->name = cg_strdup(name ? name : kind == CG_IDENTITY_ANONYMOUS ? "anonymous" : "");
    who->dn = cg_strdup(dn);
    who->display_name = cg_strdup(display_name);
    who->mail = cg_strdup("");
    return who;
}

void cg_identity_add_group(struct cg_identity *who, const char *dn, const char *name)
{
    CG_ASSERT(!who->sealed);
    if (who->group_count == who->group_room) {
        who->group_room = who->group_room ? who->group_room * 2 : 8;
        who->groups = cg_reallocarray(who->groups, who->group_room, sizeof *who->groups);
    }
    who->groups[who->group_count++] = (struct group){.dn = cg_strdup(dn), .name = cg_strdup(name)};
}

static int compare_groups(const void *a, const void *b)
{
    return strcmp(((const struct group *)a)->dn, ((const struct group *)b)->dn);
}

static void group_clear(struct group *group)
{
    free(group->dn);
    free(group->name);
}

void cg_identity_seal(struct cg_identity *who)
{
    CG_ASSERT(!who->sealed);
    if (who->group_count)
        qsort(who->groups, who->group_count, sizeof *who->groups, compare_groups);
    size_t kept = 0;
    for (size_t i = 0; i < who->group_count; i++) {
        if (kept && compare_groups(&who->groups[kept - 1], &who->groups[i]) == 0)
            group_clear(&who->groups[i]);
        else
            who->groups[kept++] = who->groups[i];
    }
    who->group_count = kept;
    who->sealed = true;
}

struct cg_identity *cg_identity_ref(struct cg_identity *who)
{
    atomic_fetch_add_explicit(&who->refs, 1, memory_order_relaxed);
    return who;
}

void cg_identity_unref(struct cg_identity **who)
{
    struct cg_identity *w = *who;
    *who = NULL;
    if (!w || atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < w->group_count; i++)
        group_clear(&w->groups[i]);
    free(w->groups);
    free(w->id);
    free(w->name);
    free(w->dn);
    free(w->display_name);
    free(w->mail);
    free(w);
}

enum cg_identity_kind cg_identity_kind(const struct cg_identity *who)
{
    return who->kind;
}

const char *cg_identity_id(const struct cg_identity *who)
{
    return who->id;
}

const char *cg_identity_name(const struct cg_identity *who)
{
    return who->name;
}

const char *cg_identity_dn(const struct cg_identity *who)
{
    return who->dn;
}

void cg_identity_set_mail(struct cg_identity *who, const char *mail)
{
    CG_ASSERT(!who->sealed);
    free(who->mail);
    who->mail = cg_strdup(mail ? mail : "");
}

const char *cg_identity_mail(const struct cg_identity *who)
{
    return who->mail;
}

const char *cg_identity_display_name(const struct cg_identity *who)
{
    return who->display_name;
}

size_t cg_identity_group_count(const struct cg_identity *who)
{
    return who->group_count;
}

const char *cg_identity_group_dn(const struct cg_identity *who, size_t i)
{
    CG_ASSERT(i < who->group_count);
    return who->groups[i].dn;
}

const char *cg_identity_group_name(const struct cg_identity *who, size_t i)
{
    CG_ASSERT(i < who->group_count);
    return who->groups[i].name;
}

bool cg_identity_in_group(const struct cg_identity *who, const char *canonical_dn)
{
    CG_ASSERT(who->sealed);
    size_t low = 0, high = who->group_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(canonical_dn, who->groups[middle].dn);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}
