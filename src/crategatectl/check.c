/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl check: each step and its outcome in plain words. */
#include "crategatectl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "crategated/wiring.h"
#include "http/net/tls.h"
#include "storage/artifactory/art_client.h"

#define CERTIFICATE_WARN_S (30 * 24 * 3600)

static bool check_conf(struct cg_ctl *ctl)
{
    struct cg_error err = {0};
    struct cg_buf report;
    bool ok;

    puts("Configuration");
    cg_buf_init(&report, 1024 * 1024);
    ok = cg_wire_check(ctl->conf_file, &report, &ctl->conf, &err) == CG_OK;
    cg_ctl_step(ok, ctl->conf_file, ok ? "" : report.len ? cg_buf_str(&report) : err.detail);
    cg_buf_free(&report);
    return ok;
}

static int check_path(const char *path, const char *what)
{
    struct stat st;
    char text[256];

    if (stat(path, &st) != 0) {
        snprintf(text, sizeof(text), "%s is not there yet; crategated makes it when it starts", path);
        cg_ctl_step(true, what, text);
        return 0;
    }
    if (access(path, W_OK) != 0) {
        snprintf(text, sizeof(text), "%s cannot be written by uid %ld (owner %ld)", path, (long)geteuid(),
                 (long)st.st_uid);
        cg_ctl_step(false, what, text);
        return 1;
    }
    cg_ctl_step(true, what, path);
    return 0;
}

static int check_database(const struct cg_conf *conf)
{
    struct cg_metadata *md = NULL;
    struct cg_error err = {0};
    enum cg_err rc = cg_wire_metadata(conf, &md, &err);

    if (rc == CG_OK)
        rc = md->ops->check(md, &err);
    cg_ctl_step(rc == CG_OK, "database", rc == CG_OK ? "" : err.internal[0] ? err.internal : err.detail);
    cg_metadata_free(&md);
    return rc != CG_OK;
}

static int check_storage(const struct cg_conf *conf)
{
    int failures = 0;

    for (size_t i = 0; i < conf->namespace_count; i++) {
        struct cg_storage *st = NULL;
        struct cg_error err = {0};
        char what[96];
        enum cg_err rc = cg_wire_storage(conf, &conf->namespaces[i], &st, &err);

        if (rc == CG_OK)
            rc = st->ops->ping(st, &err);
        snprintf(what, sizeof(what), "storage of namespace %s", conf->namespaces[i].name);
        cg_ctl_step(rc == CG_OK, what, rc == CG_OK ? "" : err.detail);
        failures += rc != CG_OK;
        cg_storage_free(&st);
    }
    return failures;
}

/* What an instance does is told, not judged: only what the gateway cannot work with is a failure. */
static void report_artifactory(void *cls, int ok, const char *step, const char *text)
{
    (void)cls;
    if (ok >= 0)
        cg_ctl_step(ok, step, text);
    else
        printf("  %-4s  %s%s%s\n", "note", step, text && *text ? ": " : "", text ? text : "");
    fflush(stdout);
}

static int check_repository(const struct cg_conf *conf, const struct cg_conf_namespace *ns)
{
    struct cg_art_client *client = cg_art_client_new(cg_conf_artifactory(conf, ns->artifactory));
    struct cg_error err = {0};
    enum cg_err rc;

    printf("Artifactory %s, repository %s of namespace %s\n", ns->artifactory, ns->repository, ns->name);
    rc = cg_art_check(client, ns->repository, report_artifactory, NULL, &err);
    cg_art_client_free(&client);
    return rc != CG_OK;
}

static int check_artifactory(const struct cg_conf *conf)
{
    int failures = 0;

    for (size_t i = 0; i < conf->namespace_count; i++)
        if (conf->namespaces[i].storage == CG_STORAGE_ARTIFACTORY)
            failures += check_repository(conf, &conf->namespaces[i]);
    return failures;
}

static int check_files(const struct cg_conf *conf)
{
    struct stat st;
    int failures;

    puts("Files and rights");
    failures = check_path(conf->state_dir, "state_dir");
    if (conf->audit_file[0])
        failures += check_path(conf->audit_file, "audit.file");
    /* Opening would make the files; before the first start that is the daemon's to do, under its own user. */
    if (stat(conf->state_dir, &st) == 0)
        failures += check_database(conf) + check_storage(conf);
    return failures;
}

/* Teams' grants that give nothing, each a failed step. */
static int tell_ambiguous(struct cg_policy *policy)
{
    char *save = NULL, *text;
    struct cg_buf lines;
    int failures = 0;

    cg_buf_init(&lines, 1024 * 1024);
    cg_policy_ambiguous(policy, &lines);
    text = cg_buf_take(&lines);
    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
        cg_ctl_step(false, "group name of a team", line);
        failures++;
    }
    free(text);
    return failures;
}

static int check_groups(struct cg_ctl *ctl)
{
    struct cg_directory *dir = NULL;
    struct cg_policy *policy = NULL;
    struct cg_error err = {0};
    struct cg_buf warnings;
    int ambiguous = 0;
    bool ok;

    cg_buf_init(&warnings, 1024 * 1024);
    ok = cg_ctl_policy(ctl, &dir, &policy, &warnings, &err) == CG_OK;
    if (!ok)
        cg_ctl_step(false, "group names in grants", err.detail);
    else if (cg_policy_incomplete(policy))
        cg_ctl_step(false, "group names in grants", "the directory did not answer for all of them");
    else
        cg_ctl_step(warnings.len == 0, "group names in grants", cg_buf_str(&warnings));
    if (ok)
        ambiguous = tell_ambiguous(policy);
    ok = ok && !cg_policy_incomplete(policy) && warnings.len == 0;
    cg_policy_unref(&policy);
    cg_directory_free(&dir);
    cg_buf_free(&warnings);
    return !ok + ambiguous;
}

/* The matching rule of nested groups, tokenGroups: what the settings rely on. */
static int check_ability(struct cg_directory *dir)
{
    struct cg_error err = {0};
    bool ok = dir->ops->probe(dir, &err) == CG_OK;

    cg_ctl_step(ok, "what the settings ask of it", ok ? "it knows" : err.internal[0] ? err.internal : err.detail);
    return !ok;
}

static int check_directory(struct cg_ctl *ctl)
{
    struct cg_directory *dir = NULL;
    struct cg_error err = {0};
    int failures = 0;

    puts("Directory");
    if (!cg_conf_has_directory(ctl->conf)) {
        cg_ctl_step(true, "none configured", "only anonymous reading");
        return 0;
    }
    if (cg_wire_directory(ctl->conf, &dir, &err) != CG_OK) {
        cg_ctl_step(false, "settings", err.detail);
        return 1;
    }
    if (dir->ops->diagnose(dir, NULL, NULL, cg_ctl_report, &failures, NULL, &err) != CG_OK && failures == 0) {
        cg_ctl_step(false, "directory", err.detail);
        failures = 1;
    }
    if (failures == 0)
        failures = check_ability(dir) + cg_ctl_check_teams(ctl, dir);
    cg_directory_free(&dir);
    return failures ? failures : check_groups(ctl);
}

/* The name that clients type, in the URL. */
static char *url_host(const char *url)
{
    const char *host = strstr(url, "://");
    size_t len;

    host = host ? host + 3 : url;
    len = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    return cg_strndup(host, len);
}

static int check_expiry(const struct cg_tls *tls)
{
    time_t end = (time_t)cg_tls_not_after(tls);
    int64_t left_s = end - cg_clock_wall_s();
    char text[128], date[32];
    struct tm tm;

    strftime(date, sizeof(date), "%Y-%m-%d", gmtime_r(&end, &tm));
    snprintf(text, sizeof(text), "%s %s%s", left_s < 0 ? "it expired on" : "it is good until", date,
             left_s >= 0 && left_s < CERTIFICATE_WARN_S ? ", which is soon: renew it and send SIGHUP" : "");
    cg_ctl_step(left_s >= 0, "tls_certificate", text);
    return left_s < 0;
}

static int check_tls(const struct cg_conf *conf)
{
    char *host = url_host(conf->public_url);
    struct cg_tls *tls = NULL;
    struct cg_error err = {0};
    int failures = 0;

    if (*conf->tls_certificate) {
        puts("TLS");
        if (cg_wire_tls(conf, &tls, &err) != CG_OK) {
            cg_ctl_step(false, "tls_certificate, tls_key", err.detail);
            failures = 1;
        } else {
            bool named = cg_tls_is_for(tls, host);

            failures = check_expiry(tls) + !named;
            cg_ctl_step(named, host, named ? "the certificate names it" : "public_url's host is not in the certificate");
        }
    }
    cg_tls_unref(&tls);
    free(host);
    return failures;
}

static int check_url(const struct cg_conf *conf)
{
    char *url = cg_asprintf("%s/livez", conf->public_url);
    struct cg_error err = {0};
    struct cg_buf body;
    long status = 0;
    bool ok = false;

    puts("Base URL");
    cg_buf_init(&body, 4096);
    if (cg_ctl_get(url, &status, &body, &err) != CG_OK) {
        cg_ctl_step(false, "public_url", err.detail);
    } else {
        ok = status == 200 && strcmp(cg_buf_str(&body), "ok\n") == 0;
        cg_ctl_step(ok, url,
                    ok ? "a crategate answers" : "answers, but not as a crategate: is the proxy's path right?");
    }
    cg_buf_free(&body);
    free(url);
    return !ok;
}

int cg_ctl_check(struct cg_ctl *ctl, int argc, char **argv)
{
    struct cg_error err = {0};
    int failures;

    (void)argv;
    if (argc != 1)
        return cg_ctl_usage("check");
    if (!check_conf(ctl))
        return CG_CTL_FAILED;
    if (cg_ctl_become_owner(ctl->conf, &err) != CG_OK)
        return cg_ctl_fail(&err, "check");
    failures = check_files(ctl->conf) + check_tls(ctl->conf) + check_directory(ctl) + check_artifactory(ctl->conf) + check_url(ctl->conf);
    if (failures == 0)
        puts("All is well.");
    else
        printf("%d %s.\n", failures, failures == 1 ? "step failed" : "steps failed");
    return failures == 0 ? CG_CTL_OK : CG_CTL_FAILED;
}
