/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Proving who somebody is: the binds, what their controls say, and the question "who am I?". */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "ldap/conn_impl.h"
#include "ldap/result.h"

static void read_ppolicy(LDAP *ld, LDAPControl *control, struct cg_ldap_bind_note *note)
{
    ber_int_t expire = -1, grace = -1;
    LDAPPasswordPolicyError error = PP_noError;

    if (ldap_parse_passwordpolicy_control(ld, control, &expire, &grace, &error) != LDAP_SUCCESS) {
        note->malformed = true;
        return;
    }
    note->ppolicy_error = (int)error;
    note->grace = grace;
}

static void read_controls(LDAP *ld, LDAPControl **controls, struct cg_ldap_bind_note *note)
{
    for (size_t i = 0; controls && controls[i]; i++) {
        const char *oid = controls[i]->ldctl_oid;

        if (strcmp(oid, LDAP_CONTROL_PASSWORDPOLICYRESPONSE) == 0)
            read_ppolicy(ld, controls[i], note);
        else if (strcmp(oid, LDAP_CONTROL_X_PASSWORD_EXPIRED) == 0)
            note->expired = true;
    }
}

/* A bind to be sent. */
struct bind_request {
    const char *dn;        /* NULL: the mechanism tells */
    const char *mechanism; /* NULL: simple */
    struct berval credentials;
};

static int send_bind(struct cg_ldap_conn *conn, struct bind_request *request, int *msgid_out)
{
    LDAPControl *ppolicy = NULL, *controls[2] = {NULL, NULL};
    int rc = ldap_create_passwordpolicy_control(conn->ld, &ppolicy);

    if (rc == LDAP_SUCCESS) {
        controls[0] = ppolicy;
        rc =
            ldap_sasl_bind(conn->ld, request->dn, request->mechanism, &request->credentials, controls, NULL, msgid_out);
    }
    ldap_control_free(ppolicy);
    return rc;
}

static enum cg_err judge(const struct cg_ldap_conn *conn, int rc, const struct cg_ldap_bind_note *note,
                         struct cg_error *err)
{
    enum cg_err verdict = cg_ldap_result_of_bind(rc);
    const char *why = verdict == CG_OK ? cg_ldap_bind_refusal(note) : NULL;

    if (why)
        return cg_error_hide(err, CG_ERR_UNAUTHENTICATED, cg_err_text(CG_ERR_UNAUTHENTICATED), "%s", why);
    if (verdict == CG_OK)
        return CG_OK;
    return cg_error_hide(err, verdict, verdict == CG_ERR_UNAVAILABLE ? CG_LDAP_SILENT : cg_err_text(verdict),
                         "%s: bind: %s (%d)%s%s", conn->uri, cg_ldap_result_text(rc), rc,
                         note->diagnostic[0] ? ": " : "", note->diagnostic);
}

/* Takes the message apart; libldap's own failure to do so is UNAVAILABLE. */
static enum cg_err read_answer(struct cg_ldap_conn *conn, LDAPMessage *message, struct cg_ldap_bind_note *note,
                               struct cg_error *err)
{
    LDAPControl **controls = NULL;
    char *diagnostic = NULL;
    int code = LDAP_OTHER;
    int rc = ldap_parse_result(conn->ld, message, &code, NULL, &diagnostic, NULL, &controls, 0);
    enum cg_err verdict;

    if (rc == LDAP_SUCCESS) {
        read_controls(conn->ld, controls, note);
        note->result = code;
        cg_ldap_result_diagnostic(diagnostic, note->diagnostic, sizeof(note->diagnostic));
        verdict = judge(conn, code, note, err);
    } else {
        verdict = cg_ldap_conn_failed(conn, "the answer to the bind is malformed", rc, err);
    }
    ldap_memfree(diagnostic);
    ldap_controls_free(controls);
    return verdict;
}

static enum cg_err run_bind(struct cg_ldap_conn *conn, struct bind_request *request, int64_t deadline,
                            struct cg_ldap_bind_note *note, struct cg_error *err)
{
    int64_t until = cg_ldap_conn_op_deadline(conn, deadline);
    LDAPMessage *message = NULL;
    enum cg_err verdict;
    int msgid = -1, rc;

    cg_ldap_guard_arm(&conn->guard, until);
    rc = send_bind(conn, request, &msgid);
    if (rc != LDAP_SUCCESS)
        verdict = cg_ldap_conn_failed(conn, "the bind could not be sent", rc, err);
    else if (cg_ldap_conn_wait(conn, msgid, LDAP_MSG_ALL, until, &message, err) < 0)
        verdict = CG_ERR_UNAVAILABLE;
    else
        verdict = read_answer(conn, message, note, err);
    cg_ldap_guard_disarm(&conn->guard);
    ldap_msgfree(message);
    return verdict;
}

enum cg_err cg_ldap_conn_bind(struct cg_ldap_conn *conn, const char *dn, const struct cg_secret *password,
                              int64_t deadline, struct cg_ldap_bind_note *note_out, struct cg_error *err)
{
    /* The password goes with its length (pitfall 2: a NUL inside is no end, so "\0x" is not the empty password). */
    struct bind_request request = {.dn = dn,
                                   .mechanism = LDAP_SASL_SIMPLE,
                                   .credentials = {.bv_len = password->len, .bv_val = (char *)password->bytes}};

    *note_out = (struct cg_ldap_bind_note)CG_LDAP_BIND_NOTE_INIT;
    /* pitfall 1: a name with an empty password is the "unauthenticated bind", which some servers answer with success.
     * An empty name is the anonymous one (pitfall 6). The callers check too; this is the last door. */
    if (conn->link->unverified || dn[0] == '\0' || password->len == 0)
        return cg_error_hide(err, CG_ERR_UNAUTHENTICATED, cg_err_text(CG_ERR_UNAUTHENTICATED),
                             "empty name or password");
    return run_bind(conn, &request, deadline, note_out, err);
}

enum cg_err cg_ldap_conn_bind_external(struct cg_ldap_conn *conn, int64_t deadline, struct cg_ldap_bind_note *note_out,
                                       struct cg_error *err)
{
    /* An empty authorisation id, but one that is there: whoever the certificate or the user id says. */
    struct bind_request request = {.mechanism = "EXTERNAL", .credentials = {.bv_len = 0, .bv_val = (char *)""}};

    *note_out = (struct cg_ldap_bind_note)CG_LDAP_BIND_NOTE_INIT;
    CG_ASSERT(!conn->link->unverified);
    return run_bind(conn, &request, deadline, note_out, err);
}

static enum cg_err read_whoami(struct cg_ldap_conn *conn, LDAPMessage *message, char **authzid_out,
                               struct cg_error *err)
{
    struct berval *authzid = NULL;
    int rc = ldap_parse_whoami(conn->ld, message, &authzid);
    enum cg_err verdict = CG_OK;

    if (rc == LDAP_SUCCESS)
        *authzid_out = cg_strndup(authzid && authzid->bv_val ? authzid->bv_val : "", authzid ? authzid->bv_len : 0);
    else
        verdict = cg_error_hide(err, CG_ERR_ABSENT, "The server does not tell.", "%s: whoami: %s", conn->uri,
                                cg_ldap_result_text(rc));
    ber_bvfree(authzid);
    return verdict;
}

enum cg_err cg_ldap_conn_whoami(struct cg_ldap_conn *conn, int64_t deadline, char **authzid_out, struct cg_error *err)
{
    int64_t until = cg_ldap_conn_op_deadline(conn, deadline);
    LDAPMessage *message = NULL;
    enum cg_err verdict;
    int msgid = -1, rc;

    cg_ldap_guard_arm(&conn->guard, until);
    rc = ldap_whoami(conn->ld, NULL, NULL, &msgid);
    if (rc != LDAP_SUCCESS)
        verdict = cg_ldap_conn_failed(conn, "the question who am I could not be sent", rc, err);
    else if (cg_ldap_conn_wait(conn, msgid, LDAP_MSG_ALL, until, &message, err) < 0)
        verdict = CG_ERR_UNAVAILABLE;
    else
        verdict = read_whoami(conn, message, authzid_out, err);
    cg_ldap_guard_disarm(&conn->guard);
    ldap_msgfree(message);
    return verdict;
}

enum cg_err cg_ldap_conn_not_anonymous(struct cg_ldap_conn *conn, int64_t deadline, struct cg_error *err)
{
    char *authzid = NULL;
    enum cg_err rc = cg_ldap_conn_whoami(conn, deadline, &authzid, err);

    if (rc == CG_OK && authzid[0] == '\0')
        rc = cg_error_hide(err, CG_ERR_UNAUTHENTICATED, cg_err_text(CG_ERR_UNAUTHENTICATED),
                           "%s: the bind succeeded but left us anonymous", conn->uri);
    free(authzid);
    return rc == CG_ERR_ABSENT ? CG_OK : rc;
}
