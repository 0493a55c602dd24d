/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* group_source "token_groups": the security identifiers that Active Directory computes for a person, nested groups and
 * the primary one included, and the groups below our bases that bear them. */
#include "ldap/groups_impl.h"

#include "ldap/escape.h"
#include "ldap/result.h"

#define TOKEN_GROUPS "tokenGroups"
/* Revision, count, six bytes of authority; then four bytes each. */
#define SID_HEAD 8
#define SID_PART 4
#define SID_PARTS_MAX 15

static bool is_sid(const struct cg_ldap_value *value)
{
    const unsigned char *bytes = (const unsigned char *)value->bytes;

    return value->len >= SID_HEAD && bytes[1] <= SID_PARTS_MAX && value->len == SID_HEAD + SID_PART * (size_t)bytes[1];
}

static enum cg_err check(const struct cg_ldap_walk *w, const struct cg_ldap_attribute *sids, struct cg_error *err)
{
    /* Everybody there has one at least, the primary group: a server that sends none does not compute it. */
    if (!sids)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT,
                             "%s has no tokenGroups to be read (ldap.group_source = \"token_groups\" is for Active "
                             "Directory)",
                             w->person->entry->dn);
    for (size_t i = 0; i < sids->count; i++)
        if (!is_sid(&sids->values[i]))
            return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s: a value of tokenGroups is malformed",
                                 w->person->entry->dn);
    return CG_OK;
}

static void fill_batch(const struct cg_ldap_attribute *sids, size_t from, struct cg_buf *filter)
{
    cg_buf_reset(filter);
    cg_buf_addstr(filter, "(|");
    for (size_t i = from; i < sids->count && i < from + CG_LDAP_GROUPS_BATCH; i++)
        cg_ldap_escape_equal(filter, "objectSid", sids->values[i].bytes, sids->values[i].len);
    cg_buf_addch(filter, ')');
}

enum cg_err cg_ldap_groups_by_token(struct cg_ldap_walk *w, struct cg_error *err)
{
    struct cg_ldap_result own = {0};
    const struct cg_ldap_attribute *sids = NULL;
    struct cg_buf filter;
    enum cg_err rc = cg_ldap_walk_read_person(w, TOKEN_GROUPS, &own, err);

    cg_buf_init(&filter, CG_LDAP_FILTER_MAX);
    if (rc == CG_OK) {
        sids = cg_ldap_entry_get(&own.entries[0], TOKEN_GROUPS);
        rc = check(w, sids, err);
    }
    /* Those that no group below our bases bears (built-in ones, other domains') are not found, which is an answer only
     * because the search is complete. */
    for (size_t from = 0; rc == CG_OK && from < sids->count; from += CG_LDAP_GROUPS_BATCH) {
        fill_batch(sids, from, &filter);
        rc = cg_ldap_walk_search(w, cg_buf_str(&filter), NULL, err);
    }
    cg_buf_free(&filter);
    cg_ldap_result_free(&own);
    return rc;
}
