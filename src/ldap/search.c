/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Searching: one request or pages of it, entries copied one by one, every limit ours. */
#include <stdlib.h>
#include <string.h>

#include "crategate/clock.h"
#include "base/mem.h"
#include "ldap/conn_impl.h"
#include "ldap/ranges.h"
#include "ldap/result.h"
#include "log/metrics.h"

/* One search under way. */
struct search_run {
    struct cg_ldap_conn *conn;
    const struct cg_ldap_search *search;
    struct cg_ldap_result *result;
    size_t limit; /* entries that may be in result */
    int64_t until;
    bool paged;
    size_t page_start;    /* entries that were there before this page */
    struct berval cookie; /* of the next page */
};

static int ldap_scope(int scope)
{
    switch (scope) {
    case CG_SCOPE_BASE:
        return LDAP_SCOPE_BASE;
    case CG_SCOPE_ONE:
        return LDAP_SCOPE_ONELEVEL;
    default:
        return LDAP_SCOPE_SUBTREE;
    }
}

/* Creates the request's controls; NULL-terminated, freed by the caller one by one. */
static int make_controls(struct search_run *run, LDAPControl *controls[3])
{
    size_t count = 0;
    int rc = LDAP_SUCCESS;

    memset(controls, 0, 3 * sizeof(controls[0]));
    /* Not critical: a server that does not know one answers without it. */
    if (run->paged)
        rc = ldap_create_page_control(run->conn->ld, (ber_int_t)run->conn->link->conf->page_size, &run->cookie, 0,
                                      &controls[count++]);
    if (rc == LDAP_SUCCESS && run->search->usability)
        rc = ldap_create_accountusability_control(run->conn->ld, &controls[count++]);
    return rc;
}

static int send_search(struct search_run *run, int *msgid_out)
{
    const struct cg_ldap_search *s = run->search;
    int64_t left = run->until - cg_clock_mono_ms();
    struct timeval limit = {.tv_sec = (time_t)(left / 1000 + 1)};
    LDAPControl *controls[3];
    int rc = make_controls(run, controls);

    cg_metric_add(CG_METRIC_DIRECTORY_SEARCHES, 1); /* each page is one */
    if (rc == LDAP_SUCCESS)
        rc = ldap_search_ext(run->conn->ld, s->base, ldap_scope(s->scope), s->filter, (char **)s->attributes, 0,
                             controls, NULL, &limit, (int)s->max_entries + 1, msgid_out);
    ldap_control_free(controls[0]);
    ldap_control_free(controls[1]);
    return rc;
}

/* pitfall 18: a control we asked for and cannot read counts as the worst it could say (state.c). */
static void read_usability(LDAP *ld, LDAPControl *control, struct cg_ldap_usability *out)
{
    LDAPAccountUsability answer;
    int available = 0;

    memset(&answer, 0, sizeof(answer));
    out->present = true;
    if (ldap_parse_accountusability_control(ld, control, &available, &answer) != LDAP_SUCCESS) {
        out->malformed = true;
        return;
    }
    out->available = available != 0;
    if (available)
        return;
    out->inactive = answer.more_info.inactive != 0;
    out->reset = answer.more_info.reset != 0;
    out->expired = answer.more_info.expired != 0;
    out->remaining_grace = answer.more_info.remaining_grace;
}

static void read_entry_controls(LDAP *ld, LDAPMessage *message, struct cg_ldap_entry *entry)
{
    LDAPControl **controls = NULL;

    if (ldap_get_entry_controls(ld, message, &controls) != LDAP_SUCCESS)
        entry->usability = (struct cg_ldap_usability){.present = true, .malformed = true};
    for (size_t i = 0; controls && controls[i]; i++)
        if (strcmp(controls[i]->ldctl_oid, LDAP_CONTROL_X_ACCOUNT_USABILITY) == 0)
            read_usability(ld, controls[i], &entry->usability);
    ldap_controls_free(controls);
}

/* pitfall 17: "member;range=0-1499" is a part of the values, and the plain name beside it reads as none. A part must
 * begin where it was asked to, hold as many values as it says, and be the only one of its attribute. */
static bool in_place(const struct search_run *run, const struct cg_ldap_entry *entry, const struct cg_ldap_range *range,
                     size_t count)
{
    const struct cg_ldap_attribute *before = cg_ldap_entry_get_part(entry, range->name, range->name_len);

    if (count == 0 && !range->ranged)
        return true;
    if (!range->ranged)
        return run->search->range_from == 0 && !(before && before->next);
    return !before && range->low == run->search->range_from && (range->last || count == range->high - range->low + 1);
}

static bool copy_values(struct search_run *run, const struct cg_ldap_range *range, struct berval **values,
                        struct cg_ldap_entry *entry)
{
    char *name = cg_strndup(range->name, range->name_len);
    struct cg_ldap_attribute *a;
    bool ok = true;

    for (size_t i = 0; ok && values && values[i]; i++)
        ok = cg_ldap_entry_add(run->result, entry, name, values[i]->bv_val, values[i]->bv_len);
    a = range->ranged && !range->last ? cg_ldap_entry_get_part(entry, name, range->name_len) : NULL;
    if (a)
        a->next = range->high + 1;
    free(name);
    return ok;
}

static enum cg_err copy_attribute(struct search_run *run, LDAPMessage *message, const char *name,
                                  struct cg_ldap_entry *entry, struct cg_error *err)
{
    struct berval **values = ldap_get_values_len(run->conn->ld, message, name);
    size_t count = values ? (size_t)ldap_count_values_len(values) : 0;
    struct cg_ldap_range range;
    enum cg_err rc = CG_OK;

    if (!cg_ldap_range_parse(name, &range) || !in_place(run, entry, &range, count))
        rc = cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT,
                           "%s: \"%s\" with %zu values of %s is no sound range of values", run->conn->uri, name, count,
                           entry->dn);
    else if (!copy_values(run, &range, values, entry))
        rc = cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s: the answer is too big", run->conn->uri);
    ldap_value_free_len(values);
    return rc;
}

static enum cg_err copy_attributes(struct search_run *run, LDAPMessage *message, struct cg_ldap_entry *entry,
                                   struct cg_error *err)
{
    BerElement *at = NULL;
    enum cg_err rc = CG_OK;
    char *name = ldap_first_attribute(run->conn->ld, message, &at);

    while (name && rc == CG_OK) {
        rc = copy_attribute(run, message, name, entry, err);
        ldap_memfree(name);
        name = rc == CG_OK ? ldap_next_attribute(run->conn->ld, message, at) : NULL;
    }
    ldap_memfree(name);
    ber_free(at, 0);
    return rc;
}

static enum cg_err copy_entry(struct search_run *run, LDAPMessage *message, struct cg_error *err)
{
    struct cg_ldap_entry *entry;
    char *dn;

    if (run->result->count >= run->limit)
        return cg_error_hide(err, CG_ERR_TOO_LARGE, CG_LDAP_SILENT, "%s: more than %u entries match %s", run->conn->uri,
                             run->search->max_entries, run->search->filter);
    dn = ldap_get_dn(run->conn->ld, message);
    entry = dn ? cg_ldap_result_add(run->result, dn) : NULL;
    ldap_memfree(dn);
    if (!entry)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s: an entry is malformed or too big",
                             run->conn->uri);
    if (run->search->usability)
        read_entry_controls(run->conn->ld, message, entry);
    return copy_attributes(run, message, entry, err);
}

/* The cookie of the next page, empty when there is none. pitfall 17: what cannot be read is no last page, and one that
 * leads back to itself never ends. */
static enum cg_err read_page(struct search_run *run, LDAPControl **controls, struct cg_error *err)
{
    LDAPControl *page = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
    struct berval cookie = {0, NULL};
    ber_int_t estimate = 0;
    bool stuck;

    if (page && ldap_parse_pageresponse_control(run->conn->ld, page, &estimate, &cookie) != LDAP_SUCCESS)
        return cg_ldap_conn_failed(run->conn, "the answer's page control is malformed", LDAP_DECODING_ERROR, err);
    stuck = cookie.bv_len > 0 && run->result->count == run->page_start && ber_bvcmp(&cookie, &run->cookie) == 0;
    ber_memfree(run->cookie.bv_val);
    run->cookie = cookie;
    return stuck ? cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s: the pages of a search do not end",
                                 run->conn->uri)
                 : CG_OK;
}

/* A base made from what somebody typed: no such entry, or a value that the server's syntax for it cannot hold. */
static bool is_missing(const struct search_run *run, int code)
{
    return run->search->may_be_missing && (code == LDAP_NO_SUCH_OBJECT || code == LDAP_INVALID_DN_SYNTAX);
}

/* pitfall 17: any result but success means that the set is not known, never that it is empty. */
static enum cg_err read_end(struct search_run *run, LDAPMessage *message, struct cg_error *err)
{
    LDAPControl **controls = NULL;
    char *diagnostic = NULL, text[257];
    int code = LDAP_OTHER;
    int rc = ldap_parse_result(run->conn->ld, message, &code, NULL, &diagnostic, NULL, &controls, 0);
    enum cg_err verdict = CG_OK;

    cg_ldap_result_diagnostic(diagnostic, text, sizeof(text));
    if (rc != LDAP_SUCCESS)
        verdict = cg_ldap_conn_failed(run->conn, "the end of a search is malformed", rc, err);
    else if (code != LDAP_SUCCESS && !is_missing(run, code))
        verdict =
            cg_error_hide(err, code == LDAP_SIZELIMIT_EXCEEDED ? CG_ERR_TOO_LARGE : CG_ERR_UNAVAILABLE, CG_LDAP_SILENT,
                          "%s: search under \"%s\" for %.200s: %s (%d)%s%s", run->conn->uri, run->search->base,
                          run->search->filter, cg_ldap_result_text(code), code, text[0] ? ": " : "", text);
    else
        verdict = read_page(run, controls, err);
    run->result->code = code;
    /* A server that is busy or has lost its own backend is not worth keeping the connection to. */
    if (code == LDAP_BUSY || code == LDAP_UNAVAILABLE || code == LDAP_OTHER || code == LDAP_OPERATIONS_ERROR)
        run->conn->dead = run->conn->broken = true;
    ldap_memfree(diagnostic);
    ldap_controls_free(controls);
    return verdict;
}

/* One message; *done_out when it was the last. */
static enum cg_err read_message(struct search_run *run, int msgid, bool *done_out, struct cg_error *err)
{
    LDAPMessage *message = NULL;
    enum cg_err rc = CG_OK;

    switch (cg_ldap_conn_wait(run->conn, msgid, LDAP_MSG_ONE, run->until, &message, err)) {
    case -1:
        return CG_ERR_UNAVAILABLE;
    case LDAP_RES_SEARCH_ENTRY:
        rc = copy_entry(run, message, err);
        break;
    case LDAP_RES_SEARCH_RESULT:
        *done_out = true;
        rc = read_end(run, message, err);
        break;
    case LDAP_RES_SEARCH_REFERENCE: /* pitfall 8: counted, never followed */
        run->result->references++;
        break;
    default:
        break;
    }
    ldap_msgfree(message);
    return rc;
}

static enum cg_err one_page(struct search_run *run, struct cg_error *err)
{
    bool done = false;
    int msgid = -1;
    int rc = send_search(run, &msgid);
    enum cg_err verdict = CG_OK;

    if (rc == LDAP_FILTER_ERROR)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "not a filter: %.400s", run->search->filter);
    if (rc != LDAP_SUCCESS)
        return cg_ldap_conn_failed(run->conn, "a search could not be sent", rc, err);
    while (verdict == CG_OK && !done)
        verdict = read_message(run, msgid, &done, err);
    /* Whatever is still on its way must not be taken for the next request's answer. */
    if (!done && !run->conn->dead) {
        ldap_abandon_ext(run->conn->ld, msgid, NULL, NULL);
        run->conn->dead = true;
    }
    return verdict;
}

enum cg_err cg_ldap_conn_search_once(struct cg_ldap_conn *conn, const struct cg_ldap_search *search, int64_t deadline,
                                     struct cg_ldap_result *result, struct cg_error *err)
{
    struct search_run run = {.conn = conn,
                             .search = search,
                             .result = result,
                             .paged = search->paged && conn->link->conf->page_size > 0,
                             .limit = result->count + search->max_entries};
    enum cg_err rc;

    CG_ASSERT(!conn->link->unverified);
    result->bytes_max = search->max_bytes;
    do {
        /* Each page has an operation's time; all of them together the caller's. */
        run.until = cg_ldap_conn_op_deadline(conn, deadline);
        run.page_start = result->count;
        cg_ldap_guard_arm(&conn->guard, run.until);
        rc = one_page(&run, err);
    } while (rc == CG_OK && run.cookie.bv_len > 0);
    cg_ldap_guard_disarm(&conn->guard);
    ber_memfree(run.cookie.bv_val);
    return rc;
}

enum cg_err cg_ldap_conn_search(struct cg_ldap_conn *conn, const struct cg_ldap_search *search, int64_t deadline,
                                struct cg_ldap_result *result, struct cg_error *err)
{
    size_t from = result->count;
    enum cg_err rc = cg_ldap_conn_search_once(conn, search, deadline, result, err);

    /* Over the same connection: another server may keep the values in another order. */
    return rc == CG_OK && !search->part ? cg_ldap_ranges_complete(conn, result, from, deadline, err) : rc;
}
