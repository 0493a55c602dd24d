/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* group_source "search": the groups that name the person, and those that name these. */
#include "ldap/groups_impl.h"

#include <string.h>

#include "ldap/escape.h"
#include "ldap/result.h"

static enum cg_err search_filled(struct cg_ldap_walk *w, struct cg_buf *filter, struct cg_ldap_result *next,
                                 struct cg_error *err)
{
    if (cg_buf_failed(filter))
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "the filter for groups is too long");
    return cg_ldap_walk_search(w, cg_buf_str(filter), next, err);
}

static void fill_batch(const struct cg_ldap_walk *w, const struct cg_ldap_result *level, size_t from,
                       struct cg_buf *filter)
{
    cg_buf_reset(filter);
    cg_buf_addstr(filter, "(|");
    for (size_t i = from; i < level->count && i < from + CG_LDAP_GROUPS_BATCH; i++)
        cg_ldap_escape_fill(filter, w->groups->filter, w->groups->nobody, level->entries[i].dn);
    cg_buf_addch(filter, ')');
}

/* From the groups of this level to those they are in, which become the level. */
static enum cg_err climb(struct cg_ldap_walk *w, struct cg_ldap_result *level, struct cg_error *err)
{
    struct cg_ldap_result next = {0};
    enum cg_err rc = CG_OK;
    struct cg_buf filter;

    cg_buf_init(&filter, CG_LDAP_FILTER_MAX);
    for (size_t from = 0; from < level->count && rc == CG_OK; from += CG_LDAP_GROUPS_BATCH) {
        fill_batch(w, level, from, &filter);
        rc = search_filled(w, &filter, &next, err);
    }
    cg_buf_free(&filter);
    cg_ldap_result_free(level);
    *level = next;
    return rc;
}

/* One level more than allowed is asked for, to know that nothing is there. */
static enum cg_err climb_all(struct cg_ldap_walk *w, struct cg_ldap_result *level, struct cg_error *err)
{
    const struct cg_conf_ldap *conf = w->groups->conf;
    enum cg_err rc = CG_OK;

    /* A user name has no nesting: without {dn} in the filter nothing would be found. */
    if (conf->nested_groups != CG_NESTED_RECURSIVE || !strstr(conf->group_filter, "{dn}"))
        return CG_OK;
    for (unsigned depth = 0; level->count > 0 && rc == CG_OK; depth++) {
        rc = climb(w, level, err);
        if (rc == CG_OK && depth >= conf->nested_depth && level->count > 0)
            rc = cg_ldap_walk_too_deep(w, err);
    }
    return rc;
}

enum cg_err cg_ldap_groups_by_search(struct cg_ldap_walk *w, struct cg_error *err)
{
    struct cg_ldap_result level = {0};
    struct cg_buf filter;
    enum cg_err rc = w->groups->chained ? cg_ldap_groups_need_chain(w->groups, w->deadline, err) : CG_OK;

    if (rc != CG_OK)
        return rc;
    cg_buf_init(&filter, CG_LDAP_FILTER_MAX);
    cg_ldap_escape_fill(&filter, w->groups->filter, w->person->name, w->person->entry->dn);
    rc = search_filled(w, &filter, &level, err);
    if (rc == CG_OK)
        rc = climb_all(w, &level, err);
    cg_buf_free(&filter);
    cg_ldap_result_free(&level);
    return rc;
}
