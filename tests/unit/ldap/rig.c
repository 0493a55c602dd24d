/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "rig.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "ldap/ldap_directory.h"

/* libldap's own leaks; see tests/lsan.supp. */
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:gnutls_priority_init\nleak:libgnutls.so\nleak:libtasn1.so\n";
}

static int run(const char *command)
{
    int status = system(command);

    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Servers that are running, so that a test that fails in the middle leaves none behind. */
static char live[8][64];

static void note_live(const char *dir, const char *instead)
{
    for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++) {
        if (strcmp(live[i], dir) == 0) {
            snprintf(live[i], sizeof(live[i]), "%s", instead);
            return;
        }
    }
}

static int script(struct rig *rig, const char *verb, const char *settings)
{
    char *command = cg_asprintf("sh '%s/tests/functional/slapd.sh' %s '%s' %s", CG_SRCDIR, verb, rig->dir, settings);
    int status = run(command);

    free(command);
    return status;
}

static void remove_dir(const char *dir)
{
    char *command = cg_asprintf("rm -rf '%s'", dir);

    CG_ASSERT(run(command) == 0);
    free(command);
}

static void stop_all(void)
{
    for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++) {
        struct rig rig = {0};

        if (!live[i][0])
            continue;
        memcpy(rig.dir, live[i], sizeof(rig.dir));
        rig_stop(&rig);
    }
}

static void take(const char *line, const char *key, char *out, size_t size)
{
    size_t len = strlen(key);

    if (strncmp(line, key, len) != 0 || line[len] != '=')
        return;
    snprintf(out, size, "%.*s", (int)strcspn(line + len + 2, "'"), line + len + 2);
}

static void read_env(struct rig *rig)
{
    char path[128], line[512], pid[16] = "";
    FILE *f;

    snprintf(path, sizeof(path), "%s/env", rig->dir);
    f = fopen(path, "r");
    CG_ASSERT(f != NULL);
    while (fgets(line, sizeof(line), f)) {
        take(line, "LDAP_URL", rig->url, sizeof(rig->url));
        take(line, "LDAPS_URL", rig->ldaps, sizeof(rig->ldaps));
        take(line, "LDAPI_URL", rig->ldapi, sizeof(rig->ldapi));
        take(line, "LDAP_CA", rig->ca, sizeof(rig->ca));
        take(line, "LDAP_PID", pid, sizeof(pid));
    }
    fclose(f);
    rig->pid = (pid_t)atoi(pid);
    CG_ASSERT(rig->pid > 0);
}

/* A new folder and a server in it; 77: there is no slapd. */
static int start_anew(struct rig *rig, const char *settings)
{
    int status;

    memset(rig, 0, sizeof(*rig));
    snprintf(rig->dir, sizeof(rig->dir), "/tmp/cg-slapd-XXXXXX");
    CG_ASSERT(mkdtemp(rig->dir) != NULL);
    status = script(rig, "start", settings);
    if (status != 0)
        remove_dir(rig->dir);
    return status;
}

bool rig_start(struct rig *rig, const char *settings)
{
    static bool hooked;
    int status = start_anew(rig, settings);

    /* A busy machine may be too slow for it once. */
    for (int tries = 1; status != 0 && status != 77 && tries < 3; tries++)
        status = start_anew(rig, settings);
    if (status == 77)
        return false;
    CG_ASSERT(status == 0);
    if (!hooked)
        hooked = atexit(stop_all) == 0;
    note_live("", rig->dir);
    read_env(rig);
    return true;
}

void rig_halt(struct rig *rig)
{
    CG_ASSERT(script(rig, "stop", "") == 0);
}

void rig_again(struct rig *rig)
{
    CG_ASSERT(script(rig, "start", "") == 0);
    read_env(rig);
}

void rig_stop(struct rig *rig)
{
    rig_halt(rig);
    remove_dir(rig->dir);
    note_live(rig->dir, "");
}

void rig_modify(const struct rig *rig, const char *ldif)
{
    char *command = cg_asprintf("LDAPNOINIT=1 ldapmodify -M -x -H '%s' -D cn=admin,dc=example,dc=test -w adminpw "
                                ">/dev/null",
                                rig->url);
    FILE *to = popen(command, "w");

    CG_ASSERT(to != NULL);
    fputs(ldif, to);
    CG_ASSERT(pclose(to) == 0);
    free(command);
}

static void set_texts(struct cg_conf_ldap *ldap, const char *ca)
{
    ldap->tls_ca_file = cg_strdup(ca);
    ldap->bind_dn = cg_strdup("cn=gateway,ou=services,dc=example,dc=test");
    ldap->bind_password_file = cg_strdup("");
    cg_secret_set(&ldap->bind_password, "gwpw", 4);
    ldap->search_filter = cg_strdup("(&(objectClass=inetOrgPerson)(uid={username}))");
    ldap->username_attribute = cg_strdup("uid");
    ldap->id_attribute = cg_strdup("entryUUID");
    ldap->display_name_attribute = cg_strdup("displayName");
    ldap->user_dn_template = cg_strdup("");
    ldap->username_pattern = cg_strdup("^[^\\x00-\\x1f]{1,128}$");
    ldap->mail_attribute = cg_strdup("mail");
    ldap->tls_cert_file = cg_strdup("");
    ldap->tls_key_file = cg_strdup("");
    ldap->tls_ciphers = cg_strdup("");
    ldap->account_filter = cg_strdup("");
    ldap->group_filter = cg_strdup("(|(member={dn})(uniqueMember={dn})(memberUid={username}))");
    ldap->group_name_attribute = cg_strdup("cn");
    ldap->required_group = cg_strdup("");
}

void rig_conf(struct rig_conf *rc, const struct rig *rig, const char *uri, const char *uri2)
{
    struct cg_conf_ldap *ldap = &rc->conf.ldap;

    memset(rc, 0, sizeof(*rc));
    rc->conf.refs = 1;
    rc->uri[0] = (char *)uri;
    rc->uri[1] = (char *)uri2;
    rc->people[0] = (char *)PEOPLE;
    rc->people[1] = (char *)"ou=contractors,dc=example,dc=test";
    rc->groups[0] = (char *)GROUPS;
    set_texts(ldap, rig->ca);
    ldap->present = ldap->enabled = true;
    ldap->bind_method = CG_BIND_SIMPLE;
    ldap->group_source = CG_GROUPS_SEARCH;
    ldap->page_size = 500;
    ldap->uri = rc->uri;
    ldap->start_tls = CG_START_TLS_REQUIRED;
    ldap->connect_timeout = 3000;
    ldap->operation_timeout = 5000;
    ldap->login_timeout = 10000;
    ldap->server_retry_after = 30000;
    ldap->pool_size = 4;
    ldap->pool_idle_timeout = 300000;
    ldap->pool_max_lifetime = 900000;
    ldap->search_base = rc->people;
    ldap->search_scope = CG_SCOPE_SUB;
    ldap->account_state = CG_STATE_AUTO;
    ldap->group_base = rc->groups;
    ldap->nested_groups = CG_NESTED_RECURSIVE;
    ldap->nested_depth = 10;
    ldap->max_groups = 1000;
}

void rig_set(char **setting, const char *text)
{
    free(*setting);
    *setting = cg_strdup(text);
}

void rig_conf_free(struct rig_conf *rc)
{
    struct cg_conf_ldap *ldap = &rc->conf.ldap;

    CG_ASSERT(rc->conf.refs == 1); /* the driver gave its reference back */
    free(ldap->tls_ca_file);
    free(ldap->bind_dn);
    free(ldap->bind_password_file);
    cg_secret_free(&ldap->bind_password);
    free(ldap->search_filter);
    free(ldap->username_attribute);
    free(ldap->id_attribute);
    free(ldap->display_name_attribute);
    free(ldap->user_dn_template);
    free(ldap->username_pattern);
    free(ldap->mail_attribute);
    free(ldap->tls_cert_file);
    free(ldap->tls_key_file);
    free(ldap->tls_ciphers);
    free(ldap->account_filter);
    free(ldap->group_filter);
    free(ldap->group_name_attribute);
    free(ldap->required_group);
}

struct cg_directory *rig_directory(struct rig_conf *rc)
{
    struct cg_directory *dir = NULL;
    struct cg_error err = {0};

    if (cg_ldap_directory_new(&rc->conf, &dir, &err) != CG_OK)
        fprintf(stderr, "settings refused: %s\n", err.detail);
    CG_ASSERT(dir != NULL);
    return dir;
}

enum cg_err rig_login(struct cg_directory *dir, const char *user, const char *password, struct cg_identity **who_out,
                      struct cg_error *err)
{
    struct cg_secret secret = {0};
    enum cg_err rc;

    cg_secret_set(&secret, password, strlen(password));
    rc = dir->ops->login(dir, user, &secret, who_out, err);
    cg_secret_free(&secret);
    return rc;
}

enum cg_err rig_try(struct cg_directory *dir, const char *user, const char *password)
{
    struct cg_identity *who = NULL;
    struct cg_error err = {0};
    enum cg_err rc = rig_login(dir, user, password, &who, &err);

    CG_ASSERT((rc == CG_OK) == (who != NULL));
    cg_identity_unref(&who);
    return rc;
}

char *rig_id(struct cg_directory *dir, const char *user)
{
    struct cg_identity *who = NULL;
    struct cg_error err = {0};
    char *id;

    if (dir->ops->find(dir, user, &who, &err) != CG_OK)
        fprintf(stderr, "%s is not found: %s (%s)\n", user, err.detail, err.internal);
    CG_ASSERT(who != NULL);
    id = cg_strdup(cg_identity_id(who));
    cg_identity_unref(&who);
    return id;
}
