/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Searching: one request or pages of it, entries copied one by one, every limit ours. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "crategate/clock.h"
#include "ldap/conn_impl.h"
#include "ldap/result.h"
#include "log/metrics.h"

#define PAGE_SIZE 500

/* One search under way. */
struct search_run {
    struct cg_ldap_conn *conn;
    const struct cg_ldap_search *search;
    struct cg_ldap_result *result;
    size_t limit; /* entries that may be in result */
    int64_t until;
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
    if (run->search->paged)
        rc = ldap_create_page_control(run->conn->ld, PAGE_SIZE, &run->cookie, 0, &controls[count++]);
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

/* pitfall 17: "member;range=0-1499" is a part of the values, and the plain name beside it reads as none. */
static bool is_ranged(const char *name)
{
    return strcasestr(name, ";range=") != NULL;
}

static enum cg_err copy_attribute(struct search_run *run, LDAPMessage *message, const char *name,
                                  struct cg_ldap_entry *entry, struct cg_error *err)
{
    struct berval **values;
    enum cg_err rc = CG_OK;

    if (is_ranged(name))
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, CG_LDAP_SILENT, "%s: \"%s\" of %s is only a part of the values",
                             run->conn->uri, name, entry->dn);
    values = ldap_get_values_len(run->conn->ld, message, name);
    for (size_t i = 0; rc == CG_OK && values && values[i]; i++)
        if (!cg_ldap_entry_add(run->result, entry, name, values[i]->bv_val, values[i]->bv_len))
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

/* The cookie of the next page, empty when there is none. */
static void read_page(struct search_run *run, LDAPControl **controls)
{
    LDAPControl *page = ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, controls, NULL);
    struct berval cookie = {0, NULL};
    ber_int_t estimate = 0;

    ber_memfree(run->cookie.bv_val);
    run->cookie = cookie;
    if (page && ldap_parse_pageresponse_control(run->conn->ld, page, &estimate, &cookie) == LDAP_SUCCESS)
        run->cookie = cookie;
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
    else if (code != LDAP_SUCCESS)
        verdict =
            cg_error_hide(err, code == LDAP_SIZELIMIT_EXCEEDED ? CG_ERR_TOO_LARGE : CG_ERR_UNAVAILABLE, CG_LDAP_SILENT,
                          "%s: search under \"%s\" for %.200s: %s (%d)%s%s", run->conn->uri, run->search->base,
                          run->search->filter, cg_ldap_result_text(code), code, text[0] ? ": " : "", text);
    else
        read_page(run, controls);
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

enum cg_err cg_ldap_conn_search(struct cg_ldap_conn *conn, const struct cg_ldap_search *search, int64_t deadline,
                                struct cg_ldap_result *result, struct cg_error *err)
{
    struct search_run run = {.conn = conn,
                             .search = search,
                             .result = result,
                             .limit = result->count + search->max_entries,
                             .until = cg_ldap_conn_op_deadline(conn, deadline)};
    enum cg_err rc;

    CG_ASSERT(!conn->link->unverified);
    cg_ldap_guard_arm(&conn->guard, run.until);
    do
        rc = one_page(&run, err);
    while (rc == CG_OK && run.cookie.bv_len > 0);
    cg_ldap_guard_disarm(&conn->guard);
    ber_memfree(run.cookie.bv_val);
    return rc;
}
