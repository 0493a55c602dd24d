/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The whole way of a login, told step by step to an operator. Shows what a caller never sees: filters, DNs, reasons. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "ldap/directory_impl.h"
#include "ldap/escape.h"
#include "ldap/service.h"
#include "ldap/state.h"
#include "ldap/vendor.h"

#define TEXT_MAX 4096

/* One diagnosis. */
struct diagnosis {
    struct cg_ldap_directory *d;
    cg_directory_report report;
    void *cls;
    struct cg_error err; /* of the first step that failed */
};

static const char *reason(const struct cg_error *err)
{
    return err->internal[0] ? err->internal : err->detail;
}

static void good(struct diagnosis *dg, const char *step, const char *fmt, ...) CG_PRINTF(3, 4);

static void good(struct diagnosis *dg, const char *step, const char *fmt, ...)
{
    char text[TEXT_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    dg->report(dg->cls, 1, step, text);
}

/* Keeps the first failure for the caller, and adds what to do about it. */
static void bad(struct diagnosis *dg, const char *step, const struct cg_error *err, const char *hint)
{
    char text[TEXT_MAX];

    if (dg->err.code == CG_OK)
        dg->err = *err;
    snprintf(text, sizeof(text), "%s%s%s", reason(err), hint && hint[0] ? ". " : "", hint ? hint : "");
    dg->report(dg->cls, 0, step, text);
}

static void explain_dial(struct diagnosis *dg, const char *uri, const struct cg_error *err)
{
    int64_t deadline = cg_ldap_directory_deadline(dg->d);
    struct cg_buf hint;

    cg_buf_init(&hint, TEXT_MAX / 2);
    if (!cg_ldap_conn_uses_tls(&dg->d->link, uri) || !cg_ldap_conn_explain(&dg->d->link, uri, deadline, &hint))
        cg_buf_addstr(&hint, "Is the host name right, the server running and the port open?");
    bad(dg, "connect", err, cg_buf_str(&hint));
    cg_buf_free(&hint);
}

static void show_whoami(struct diagnosis *dg, struct cg_ldap_conn *conn, int64_t deadline)
{
    char *authzid = NULL, printable[512];
    struct cg_error err = {0};
    enum cg_err rc = cg_ldap_conn_whoami(conn, deadline, &authzid, &err);

    if (rc == CG_OK && authzid[0]) {
        cg_str_printable(authzid, strlen(authzid), printable, sizeof(printable));
        good(dg, "who am I", "%s", printable);
    } else if (rc == CG_OK) {
        cg_error_set(&err, CG_ERR_UNAVAILABLE, "the server takes us for nobody (anonymous)");
        bad(dg, "who am I", &err, "Check ldap.bind_method and ldap.bind_dn");
    } else if (rc == CG_ERR_ABSENT) {
        good(dg, "who am I", "the server does not tell");
    } else {
        bad(dg, "who am I", &err, NULL);
    }
    free(authzid);
}

/* What it says about itself; a server that says nothing is as good. */
static void show_vendor(struct diagnosis *dg, struct cg_ldap_conn *conn, int64_t deadline)
{
    struct cg_ldap_search search = {.base = "",
                                    .scope = CG_SCOPE_BASE,
                                    .filter = "(objectClass=*)",
                                    .attributes = CG_LDAP_VENDOR_ATTRIBUTES,
                                    .max_entries = 1};
    struct cg_ldap_result found = {0};
    struct cg_buf text;

    cg_buf_init(&text, TEXT_MAX / 2);
    if (cg_ldap_conn_search(conn, &search, deadline, &found, NULL) == CG_OK && found.count == 1) {
        if (cg_ldap_vendor_text(&found.entries[0], &text))
            good(dg, "vendor", "%s", cg_buf_str(&text));
        cg_buf_reset(&text);
        if (cg_ldap_vendor_doubt(&found.entries[0], dg->d->conf->directory_type, &text))
            good(dg, "directory type", "%s", cg_buf_str(&text));
    }
    cg_ldap_result_free(&found);
    cg_buf_free(&text);
}

static void show_tls(struct diagnosis *dg, struct cg_ldap_conn *conn)
{
    char tls[128];

    cg_ldap_conn_tls_text(conn, tls, sizeof(tls));
    good(dg, "connect", "connected");
    good(dg, "tls", "%s", tls[0] ? tls : "none: this connection stays on this machine");
    if (tls[0])
        good(dg, "certificate", "verified against %s, and its name is the server's", dg->d->link.ca_file);
}

static enum cg_err bind_service(struct diagnosis *dg, struct cg_ldap_conn *conn, int64_t deadline)
{
    static const char *const HINTS[] = {
        [CG_BIND_SIMPLE] = "Check the DN, the password in the file, and whether the account is locked",
        [CG_BIND_EXTERNAL] = "Does the server ask for client certificates, trust this one's CA and map it to an entry?",
        [CG_BIND_ANONYMOUS] = NULL};
    const struct cg_conf_ldap *conf = dg->d->conf;
    struct cg_error err = {0};
    enum cg_err rc = cg_ldap_service_bind(dg->d->link.service, conn, deadline, &err);

    if (rc != CG_OK)
        bad(dg, "service bind", &err, HINTS[conf->bind_method]);
    else if (conf->bind_method == CG_BIND_SIMPLE)
        good(dg, "service bind", "as %s, with the password of %s", conf->bind_dn, conf->bind_password_file);
    else if (conf->bind_method == CG_BIND_EXTERNAL && conf->tls_cert_file && conf->tls_cert_file[0])
        good(dg, "service bind", "by the certificate in %s (SASL EXTERNAL)", conf->tls_cert_file);
    else if (conf->bind_method == CG_BIND_EXTERNAL)
        good(dg, "service bind", "by our user id over the local socket (SASL EXTERNAL)");
    else
        good(dg, "service bind", "none: searches are anonymous (ldap.bind_method)");
    return rc;
}

static bool try_server(struct diagnosis *dg, const char *uri)
{
    int64_t deadline = cg_ldap_directory_deadline(dg->d);
    struct cg_ldap_conn *conn = NULL;
    struct cg_error err = {0};
    enum cg_err rc = cg_ldap_conn_dial(&dg->d->link, uri, deadline, &conn, &err);

    good(dg, "server", "%s", uri);
    if (rc != CG_OK) {
        explain_dial(dg, uri, &err);
        return false;
    }
    show_tls(dg, conn);
    rc = bind_service(dg, conn, deadline);
    if (rc == CG_OK && dg->d->conf->bind_method != CG_BIND_ANONYMOUS)
        show_whoami(dg, conn, deadline);
    if (rc == CG_OK)
        show_vendor(dg, conn, deadline);
    cg_ldap_conn_close(&conn);
    return rc == CG_OK;
}

static void show_template(struct diagnosis *dg, const char *username)
{
    struct cg_buf dn;

    cg_buf_init(&dn, TEXT_MAX / 2);
    cg_ldap_escape_fill_dn(&dn, dg->d->conf->user_dn_template, username);
    good(dg, "search", "the entry %s (ldap.user_dn_template)", cg_buf_str(&dn));
    cg_buf_free(&dn);
}

static void show_filter(struct diagnosis *dg, const char *username)
{
    struct cg_buf filter;

    cg_buf_init(&filter, TEXT_MAX / 2);
    cg_ldap_escape_fill(&filter, dg->d->conf->search_filter, username, "");
    for (char **base = dg->d->conf->search_base; *base; base++)
        good(dg, "search", "%s under %s", cg_buf_str(&filter), *base);
    cg_buf_free(&filter);
}

/* What the entry says for people to read. */
static void show_person(struct diagnosis *dg, const struct cg_ldap_person *person)
{
    const struct cg_conf_ldap *conf = dg->d->conf;
    const char *mail = cg_ldap_person_mail(dg->d->people, person);
    char printable[256];

    good(dg, "find", "%s", person->entry->dn);
    good(dg, "name", "%s (%s)", person->name, conf->username_attribute);
    good(dg, "id", "%s (%s)", person->id, conf->id_attribute);
    if (!mail)
        return;
    cg_str_printable(mail, strnlen(mail, sizeof(printable) - 1), printable, sizeof(printable));
    good(dg, "mail", "%s (%s; decides nothing)", printable, conf->mail_attribute);
}

static enum cg_err find(struct diagnosis *dg, const char *username, int64_t deadline, struct cg_ldap_person *person_out)
{
    bool by_template = dg->d->conf->user_dn_template && dg->d->conf->user_dn_template[0];
    struct cg_error err = {0};
    enum cg_err rc;

    if (!cg_ldap_people_take(dg->d->people, username)) {
        rc = cg_error_set(&err, CG_ERR_ABSENT,
                          "this user name is never sent: empty, too long, with control characters, or not as "
                          "ldap.username_pattern has it");
        bad(dg, "find", &err, NULL);
        return rc;
    }
    if (by_template)
        show_template(dg, username);
    else
        show_filter(dg, username);
    rc = cg_ldap_person_by_name(dg->d->people, username, deadline, person_out, &err);
    if (rc == CG_OK)
        show_person(dg, person_out);
    else if (rc != CG_ERR_ABSENT)
        bad(dg, "find", &err, NULL);
    else
        bad(dg, "find", &err,
            by_template ? "Check ldap.user_dn_template and what the service account may read"
                        : "Check ldap.search_base, ldap.search_filter and what the service account may read");
    return rc;
}

static enum cg_err state(struct diagnosis *dg, const struct cg_ldap_person *person, int64_t deadline)
{
    const struct cg_conf_ldap *conf = dg->d->conf;
    struct cg_error err = {0};
    enum cg_err rc = cg_ldap_person_usable(dg->d->people, person, deadline, &err);

    if (rc == CG_OK)
        rc = cg_ldap_person_unlocked(dg->d->people, person, &err);
    if (rc != CG_OK)
        bad(dg, "account", &err, "It cannot log in, and its tokens do not work");
    else if (cg_ldap_state_locked_out(person->entry, conf->account_state, cg_clock_wall_s()))
        good(dg, "account", "usable; locked by wrong passwords: no password login, tokens work");
    else
        good(dg, "account", "usable%s",
             conf->account_state == CG_STATE_NONE ? " (not looked at: ldap.account_state is \"none\")" : "");
    return rc;
}

static enum cg_err prove(struct diagnosis *dg, const char *username, const struct cg_ldap_person *person,
                         const struct cg_secret *password, int64_t deadline)
{
    struct cg_error err = {0};
    enum cg_err rc = cg_ldap_directory_sendable(dg->d, username, password, &err);

    if (rc == CG_OK)
        rc = cg_ldap_directory_prove(dg->d, person, password, deadline, &err);
    if (rc == CG_OK)
        good(dg, "login", "the password is right");
    else
        bad(dg, "login", &err, NULL);
    return rc;
}

static enum cg_err groups(struct diagnosis *dg, const struct cg_ldap_person *person, int64_t deadline,
                          struct cg_identity **who_out)
{
    struct cg_error err = {0};
    enum cg_err rc = cg_ldap_directory_identity(dg->d, person, deadline, who_out, &err);

    if (rc != CG_OK) {
        bad(dg, "groups", &err, NULL);
        return rc;
    }
    for (size_t i = 0; i < cg_identity_group_count(*who_out); i++)
        good(dg, "group", "%s", cg_identity_group_dn(*who_out, i));
    if (cg_identity_group_count(*who_out) == 0)
        good(dg, "groups", "none under ldap.group_base");
    return CG_OK;
}

static enum cg_err person_steps(struct diagnosis *dg, const char *username, const struct cg_secret *password,
                                struct cg_identity **who_out)
{
    int64_t deadline = cg_ldap_directory_deadline(dg->d);
    struct cg_ldap_person person = {0};
    enum cg_err rc = find(dg, username, deadline, &person);

    if (rc == CG_OK)
        rc = state(dg, &person, deadline);
    if (rc == CG_OK)
        rc = groups(dg, &person, deadline, who_out);
    if (rc == CG_OK && password)
        rc = prove(dg, username, &person, password, deadline);
    cg_ldap_person_free(&person);
    return rc;
}

enum cg_err cg_ldap_directory_diagnose(struct cg_directory *dir, const char *username, const struct cg_secret *password,
                                       cg_directory_report report, void *cls, struct cg_identity **who_out,
                                       struct cg_error *err)
{
    struct diagnosis dg = {.d = (struct cg_ldap_directory *)dir, .report = report, .cls = cls};
    struct cg_identity *who = NULL;
    bool any = false;
    enum cg_err rc;

    for (char **uri = dg.d->conf->uri; *uri; uri++)
        any = try_server(&dg, *uri) || any;
    rc = any ? CG_OK : CG_ERR_UNAVAILABLE;
    if (any && username) {
        dg.err = (struct cg_error){0}; /* one server is enough: what follows decides */
        rc = person_steps(&dg, username, password, &who);
    }
    if (rc == CG_OK && who && who_out)
        *who_out = cg_identity_ref(who);
    if (rc != CG_OK && err)
        *err = dg.err;
    cg_identity_unref(&who);
    return rc;
}
