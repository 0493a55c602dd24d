/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/ranges.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ldap/conn_impl.h"
#include "ldap/result.h"

#define OPTION ";range="
#define DIGITS_MAX 9

/* The entry whose attributes are being completed. */
struct completion {
    struct cg_ldap_conn *conn;
    struct cg_ldap_result *result;
    struct cg_ldap_entry *entry;
    int64_t deadline;
};

/* A short decimal number; returns what follows it, NULL when there is none. */
static const char *take_number(const char *text, size_t *number_out)
{
    size_t len = strspn(text, "0123456789");

    if (len == 0 || len > DIGITS_MAX)
        return NULL;
    *number_out = strtoul(text, NULL, 10);
    return text + len;
}

bool cg_ldap_range_parse(const char *description, struct cg_ldap_range *range_out)
{
    const char *at = strcasestr(description, OPTION);
    struct cg_ldap_range range = {.name = description, .name_len = strlen(description), .ranged = at != NULL};

    if (at) {
        range.name_len = (size_t)(at - description);
        at = take_number(at + strlen(OPTION), &range.low);
        if (!at || *at++ != '-')
            return false;
        range.last = strcmp(at, "*") == 0;
        if (!range.last) {
            at = take_number(at, &range.high);
            if (!at || *at || range.high < range.low)
                return false;
        }
    }
    *range_out = range;
    return true;
}

static enum cg_err add_values(struct completion *c, struct cg_ldap_attribute *a, const struct cg_ldap_attribute *more,
                              struct cg_error *err)
{
    for (size_t i = 0; i < more->count; i++)
        if (!cg_ldap_entry_add(c->result, c->entry, a->name, more->values[i].bytes, more->values[i].len))
            return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s: %s of %s has too many values",
                                 c->conn->uri, a->name, c->entry->dn);
    a->next = more->next;
    return CG_OK;
}

/* The search itself has made sure that the piece begins where it must, so each one brings us further. */
static enum cg_err read_piece(struct completion *c, struct cg_ldap_attribute *a, struct cg_error *err)
{
    char *description = cg_asprintf("%s" OPTION "%zu-*", a->name, a->next);
    const char *const attributes[] = {description, NULL};
    struct cg_ldap_search search = {.base = c->entry->dn,
                                    .scope = CG_SCOPE_BASE,
                                    .filter = "(objectClass=*)",
                                    .attributes = attributes,
                                    .max_entries = 1,
                                    .range_from = a->next};
    struct cg_ldap_result piece = {0};
    const struct cg_ldap_attribute *more = NULL;
    enum cg_err rc = cg_ldap_conn_search_once(c->conn, &search, c->deadline, &piece, err);

    if (rc == CG_OK && piece.count == 1)
        more = cg_ldap_entry_get(&piece.entries[0], a->name);
    if (more)
        rc = add_values(c, a, more, err);
    else if (rc == CG_OK || rc == CG_ERR_TOO_LARGE)
        rc = cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s: %s of %s: nothing came for the range from %zu",
                           c->conn->uri, a->name, c->entry->dn, a->next);
    cg_ldap_result_free(&piece);
    free(description);
    return rc;
}

enum cg_err cg_ldap_ranges_complete(struct cg_ldap_conn *conn, struct cg_ldap_result *result, size_t from,
                                    int64_t deadline, struct cg_error *err)
{
    struct completion c = {.conn = conn, .result = result, .deadline = deadline};
    enum cg_err rc = CG_OK;

    for (size_t i = from; i < result->count && rc == CG_OK; i++) {
        c.entry = &result->entries[i];
        for (size_t k = 0; k < c.entry->count && rc == CG_OK; k++)
            while (rc == CG_OK && c.entry->attributes[k].next > 0)
                rc = read_piece(&c, &c.entry->attributes[k], err);
    }
    return rc;
}
