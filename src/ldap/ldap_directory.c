/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/ldap_directory.h"

#include <ldap.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "ldap/directory_impl.h"
#include "ldap/escape.h"
#include "ldap/result.h"
#include "ldap/service.h"
#include "ldap/settings.h"
#include "ldap/tls.h"
#include "ldap/watchdog.h"
#include "log/log.h"
#include "log/metrics.h"

#define PASSWORD_MAX 4096
/* pitfall 9: one sentence for an unknown name, a wrong password, a locked and a disabled account. */
#define REFUSED "The directory does not accept this user name and password."

static struct cg_ldap_directory *self(struct cg_directory *dir)
{
    return (struct cg_ldap_directory *)dir;
}

static void init_once(void)
{
    int demand = LDAP_OPT_X_TLS_DEMAND;

    /* pitfall 7: ldap.conf, ~/.ldaprc and LDAP* variables must not weaken anything. */
    setenv("LDAPNOINIT", "1", 1);
    /* The library reads its configuration at the first call, which must be a single-threaded one. */
    ldap_set_option(NULL, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
    /* A server that restarts would otherwise kill us in the middle of a write. */
    signal(SIGPIPE, SIG_IGN);
}

void cg_ldap_library_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, init_once);
}

int64_t cg_ldap_directory_deadline(const struct cg_ldap_directory *d)
{
    return cg_clock_mono_ms() + d->conf->login_timeout;
}

/* Every operation's result goes through here: counts what the directory did not answer. */
static enum cg_err counted(enum cg_err rc)
{
    if (rc == CG_ERR_UNAVAILABLE)
        cg_metric_add(CG_METRIC_DIRECTORY_ERRORS, 1);
    return rc;
}

enum cg_err cg_ldap_directory_sendable(const struct cg_ldap_directory *d, const char *username,
                                       const struct cg_secret *password, struct cg_error *err)
{
    /* pitfall 1: before any LDAP call. */
    if (password->len == 0)
        return cg_error_hide(err, CG_ERR_UNAUTHENTICATED, REFUSED, "empty password");
    /* pitfall 2: some servers, and some libraries on the way, would end it at the NUL. */
    if (password->len > PASSWORD_MAX || memchr(password->bytes, '\0', password->len))
        return cg_error_hide(err, CG_ERR_UNAUTHENTICATED, REFUSED, "password too long or with a NUL in it");
    if (!cg_ldap_people_take(d->people, username))
        return cg_error_hide(err, CG_ERR_UNAUTHENTICATED, REFUSED,
                             "user name empty, too long, not UTF-8, with control characters or not as "
                             "ldap.username_pattern has it");
    return CG_OK;
}

static void warn_of_grace(const struct cg_ldap_person *person, const struct cg_ldap_bind_note *note)
{
    if (note->grace >= 0)
        cg_log(CG_LOG_WARN, "ldap", NULL, "user=%s password=expired grace_logins_left=%d", person->name, note->grace);
}

enum cg_err cg_ldap_directory_prove(struct cg_ldap_directory *d, const struct cg_ldap_person *person,
                                    const struct cg_secret *password, int64_t deadline, struct cg_error *err)
{
    struct cg_ldap_bind_note note;
    struct cg_ldap_conn *conn = NULL;
    size_t server = 0;
    /* pitfall 19: a connection of its own, never searched over. A server that cannot be reached is passed over, but
     * the bind itself goes out once (pitfall 11): a second one might count as a second wrong password. Nothing of the
     * password is kept (pitfall 10): an old one is refused as soon as the directory refuses it. */
    enum cg_err rc = cg_ldap_servers_open(d->servers, false, deadline, &conn, &server, err);

    if (rc != CG_OK)
        return rc;
    cg_metric_add(CG_METRIC_DIRECTORY_BINDS, 1);
    rc = cg_ldap_conn_bind(conn, person->entry->dn, password, deadline, &note, err);
    if (rc == CG_ERR_UNAVAILABLE && note.result < 0 && err)
        err->password_sent = true;
    if (rc == CG_OK)
        rc = cg_ldap_conn_not_anonymous(conn, deadline, err);
    if (rc == CG_OK)
        warn_of_grace(person, &note);
    if (rc == CG_ERR_UNAVAILABLE && cg_ldap_conn_broken(conn))
        cg_ldap_servers_failed(d->servers, server, err);
    cg_ldap_conn_close(&conn);
    return rc;
}

enum cg_err cg_ldap_directory_identity(struct cg_ldap_directory *d, const struct cg_ldap_person *person,
                                       int64_t deadline, struct cg_identity **who_out, struct cg_error *err)
{
    const char *display = d->conf->display_name_attribute && d->conf->display_name_attribute[0]
                              ? cg_ldap_entry_text(person->entry, d->conf->display_name_attribute)
                              : NULL;
    struct cg_identity *who = cg_identity_new(CG_IDENTITY_PERSON, person->id, person->name, person->dn, display);
    enum cg_err rc = cg_ldap_groups_of(d->groups, person, deadline, who, err);

    cg_identity_set_mail(who, cg_ldap_person_mail(d->people, person));
    cg_identity_seal(who);
    if (rc == CG_OK && d->required_group && !cg_identity_in_group(who, d->required_group))
        rc = cg_error_hide(err, CG_ERR_DENIED, "This account may not use the registry.",
                           "%s is not in ldap.required_group", person->name);
    if (rc == CG_OK)
        *who_out = cg_identity_ref(who);
    cg_identity_unref(&who);
    return rc;
}

/* pitfall 9: whatever "no" it was, the caller hears one sentence; which one it was is for the log. */
static enum cg_err refuse_alike(enum cg_err rc, const struct cg_error *cause, struct cg_error *err)
{
    if (rc == CG_ERR_ABSENT || rc == CG_ERR_DENIED || rc == CG_ERR_CONFLICT || rc == CG_ERR_UNAUTHENTICATED)
        return cg_error_hide(err, CG_ERR_UNAUTHENTICATED, REFUSED, "%s", cause->internal);
    if (rc != CG_OK && err)
        *err = *cause;
    return rc;
}

static enum cg_err ldap_login(struct cg_directory *dir, const char *username, const struct cg_secret *password,
                              struct cg_identity **who_out, struct cg_error *err)
{
    struct cg_ldap_directory *d = self(dir);
    int64_t deadline = cg_ldap_directory_deadline(d);
    struct cg_ldap_person person = {0};
    struct cg_error cause = {0};
    enum cg_err rc = cg_ldap_directory_sendable(d, username, password, &cause);

    if (rc == CG_OK)
        rc = cg_ldap_person_by_name(d->people, username, deadline, &person, &cause);
    if (rc == CG_OK)
        rc = cg_ldap_person_usable(d->people, &person, deadline, &cause);
    if (rc == CG_OK)
        rc = cg_ldap_directory_prove(d, &person, password, deadline, &cause);
    if (rc == CG_OK)
        rc = cg_ldap_directory_identity(d, &person, deadline, who_out, &cause);
    cg_ldap_person_free(&person);
    return counted(refuse_alike(rc, &cause, err));
}

/* What follows the finding, with and without a password. */
static enum cg_err vouch(struct cg_ldap_directory *d, const struct cg_ldap_person *person, int64_t deadline,
                         struct cg_identity **who_out, struct cg_error *err)
{
    enum cg_err rc = cg_ldap_person_usable(d->people, person, deadline, err);

    if (rc == CG_OK)
        rc = cg_ldap_person_unlocked(d->people, person, err);
    return rc == CG_OK ? cg_ldap_directory_identity(d, person, deadline, who_out, err) : rc;
}

static enum cg_err ldap_find(struct cg_directory *dir, const char *username, struct cg_identity **who_out,
                             struct cg_error *err)
{
    struct cg_ldap_directory *d = self(dir);
    int64_t deadline = cg_ldap_directory_deadline(d);
    struct cg_ldap_person person = {0};
    enum cg_err rc;

    if (!cg_ldap_people_take(d->people, username))
        return cg_error_set(err, CG_ERR_ABSENT, "There is no such person in the directory.");
    rc = cg_ldap_person_by_name(d->people, username, deadline, &person, err);
    if (rc == CG_OK)
        rc = vouch(d, &person, deadline, who_out, err);
    cg_ldap_person_free(&person);
    return counted(rc);
}

static enum cg_err ldap_revalidate(struct cg_directory *dir, const char *id, struct cg_identity **who_out,
                                   struct cg_error *err)
{
    struct cg_ldap_directory *d = self(dir);
    int64_t deadline = cg_ldap_directory_deadline(d);
    struct cg_ldap_person person = {0};
    enum cg_err rc = cg_ldap_person_by_id(d->people, id, deadline, &person, err);

    if (rc == CG_OK)
        rc = vouch(d, &person, deadline, who_out, err);
    cg_ldap_person_free(&person);
    return counted(rc);
}

static enum cg_err ldap_resolve_group(struct cg_directory *dir, const char *name, char **dn_out, struct cg_error *err)
{
    struct cg_ldap_directory *d = self(dir);

    return counted(cg_ldap_groups_resolve(d->groups, name, cg_ldap_directory_deadline(d), dn_out, err));
}

static enum cg_err ldap_each_group(struct cg_directory *dir, const char *filter, cg_directory_group_visit visit,
                                   void *cls, struct cg_error *err)
{
    struct cg_ldap_directory *d = self(dir);
    struct cg_ldap_groups_listing listing = {.filter = filter, .visit = visit, .cls = cls};

    return counted(cg_ldap_groups_each(d->groups, &listing, cg_ldap_directory_deadline(d), err));
}

/* Whose group's life is asked after. */
struct alive {
    struct cg_ldap_directory *d;
    const char *dn;
};

/* The person's own groups have the last word, as they have when the person comes by: what reads as a member (outside of
 * the bases, deeper than groups are followed) need not be one. */
static enum cg_err is_usable_member(void *cls, const struct cg_ldap_person *person, int64_t deadline,
                                    struct cg_error *err)
{
    struct alive *alive = cls;
    struct cg_identity *who = NULL;
    enum cg_err rc = vouch(alive->d, person, deadline, &who, err);

    if (rc == CG_OK && !cg_identity_in_group(who, alive->dn))
        rc = cg_error_hide(err, CG_ERR_DENIED, "This account may not use the registry.", "%s is not in %s",
                           person->name, alive->dn);
    cg_identity_unref(&who);
    return rc;
}

static enum cg_err ldap_group_alive(struct cg_directory *dir, const char *dn, struct cg_error *err)
{
    struct cg_ldap_directory *d = self(dir);
    struct alive alive = {.d = d, .dn = dn};
    struct cg_ldap_groups_question question = {.dn = dn, .judge = is_usable_member, .cls = &alive};

    return counted(cg_ldap_groups_alive(d->groups, &question, cg_ldap_directory_deadline(d), err));
}

static enum cg_err ldap_probe(struct cg_directory *dir, struct cg_error *err)
{
    struct cg_ldap_directory *d = self(dir);

    return counted(cg_ldap_groups_probe(d->groups, cg_ldap_directory_deadline(d), err));
}

static enum cg_err ldap_canonical_dn(struct cg_directory *dir, const char *dn, char **dn_out, struct cg_error *err)
{
    (void)dir;
    return cg_ldap_dn_canonical(dn, dn_out, err);
}

/* The root entry: there on every server, and asking for nothing of it costs nothing. */
static enum cg_err ldap_ping(struct cg_directory *dir, struct cg_error *err)
{
    static const char *const NOTHING[] = {"1.1", NULL};
    struct cg_ldap_directory *d = self(dir);
    struct cg_ldap_search search = {
        .base = "", .scope = CG_SCOPE_BASE, .filter = "(objectClass=*)", .attributes = NOTHING, .max_entries = 1};
    struct cg_ldap_result found = {0};
    enum cg_err rc = cg_ldap_pool_search(d->pool, &search, cg_ldap_directory_deadline(d), &found, err);

    cg_ldap_result_free(&found);
    return counted(rc);
}

static void ldap_free(struct cg_directory *dir)
{
    struct cg_ldap_directory *d = self(dir);

    cg_ldap_groups_free(&d->groups);
    cg_ldap_people_free(&d->people);
    cg_ldap_pool_free(&d->pool);
    cg_ldap_servers_free(&d->servers);
    cg_ldap_service_free(&d->link.service);
    cg_ldap_watchdog_free(&d->dog);
    free(d->required_group);
    cg_conf_unref(&d->whole);
    free(d);
}

static const struct cg_directory_ops OPS = {
    .name = "ldap",
    .login = ldap_login,
    .find = ldap_find,
    .revalidate = ldap_revalidate,
    .resolve_group = ldap_resolve_group,
    .each_group = ldap_each_group,
    .group_alive = ldap_group_alive,
    .probe = ldap_probe,
    .canonical_dn = ldap_canonical_dn,
    .ping = ldap_ping,
    .diagnose = cg_ldap_directory_diagnose,
    .free = ldap_free,
};

/* May the directory say of anybody that he is in this group? */
static bool could_be_in(const struct cg_conf_ldap *conf, const char *group)
{
    return conf->group_source != CG_GROUPS_NONE && cg_ldap_dn_within(group, conf->group_base, CG_SCOPE_SUB);
}

/* What needs good settings. */
static enum cg_err start_up(struct cg_ldap_directory *d, struct cg_error *err)
{
    d->dog = cg_ldap_watchdog_new();
    if (!d->dog)
        return cg_error_set(err, CG_ERR_INTERNAL, "no thread for the directory's deadlines");
    d->link.dog = d->dog;
    d->link.service = cg_ldap_service_new(d->conf);
    d->servers = cg_ldap_servers_new(&d->link);
    d->pool = cg_ldap_pool_new(d->conf, d->servers);
    if (cg_ldap_people_new(d->conf, d->pool, &d->people, err) != CG_OK)
        return CG_ERR_INVALID;
    d->groups = cg_ldap_groups_new(d->conf, d->pool, d->people);
    return CG_OK;
}

static enum cg_err set_up(struct cg_ldap_directory *d, struct cg_error *err)
{
    const struct cg_conf_ldap *conf = d->conf;
    enum cg_err rc = cg_ldap_settings_check(conf, err);

    d->link = (struct cg_ldap_link){.conf = conf, .async = cg_ldap_conn_wants_async(), .ca_file = ""};
    if (rc == CG_OK && cg_ldap_settings_use_tls(conf))
        rc = cg_ldap_tls_context(conf, &d->link.tls_ctx, &d->link.ca_file, err);
    /* pitfall 12, 14: the group of the settings goes through the same function as the directory's. */
    if (rc == CG_OK && conf->required_group && conf->required_group[0])
        rc = cg_ldap_dn_canonical(conf->required_group, &d->required_group, err);
    if (rc == CG_OK && d->required_group && !could_be_in(conf, d->required_group))
        rc = cg_error_set(err, CG_ERR_INVALID,
                          "ldap.required_group: only groups below ldap.group_base count (and none with group_source = "
                          "\"none\"), so nobody would be in \"%s\"",
                          conf->required_group);
    if (rc != CG_OK)
        return rc;
    return start_up(d, err);
}

enum cg_err cg_ldap_directory_new(const struct cg_conf *conf, struct cg_directory **dir_out, struct cg_error *err)
{
    struct cg_ldap_directory *d = cg_calloc(1, sizeof(*d));
    enum cg_err rc;

    cg_ldap_library_init();
    d->base.ops = &OPS;
    d->whole = cg_conf_ref((struct cg_conf *)conf); /* only the count changes */
    d->conf = &d->whole->ldap;
    rc = set_up(d, err);
    if (rc == CG_OK)
        *dir_out = &d->base;
    else
        ldap_free(&d->base);
    return rc;
}
