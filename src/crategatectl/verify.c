/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl verify: every crate against its checksum, every index line against its crate, the database against
 * both. */
#include "crategatectl/registry_session.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

#define SYNOPSIS "verify [--repair] [NAMESPACE]"

static volatile bool interrupted;

static void on_signal(int sig)
{
    (void)sig;
    interrupted = true;
}

static void show_progress(void *cls, const char *ns, uint64_t done, uint64_t total)
{
    (void)cls;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%s: %llu of %llu crates\033[K", ns, (unsigned long long)done, (unsigned long long)total);
}

/* A reason may quote what others wrote. */
static void show_problem(void *cls, const char *ns, const char *what, bool repaired)
{
    char shown[2 * CG_ERROR_DETAIL_MAX];

    (void)cls;
    cg_str_printable(what, strlen(what), shown, sizeof(shown));
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    printf("%s: %s%s\n", ns, shown, repaired ? " (repaired)" : "");
}

static enum cg_err verify_all(struct cg_ctl *ctl, struct cg_registry *reg, const char *only, struct cg_verify *verify,
                              struct cg_error *err)
{
    enum cg_err rc = CG_OK;

    for (size_t i = 0; rc == CG_OK && !interrupted && i < ctl->conf->namespace_count; i++) {
        const char *ns = ctl->conf->namespaces[i].name;
        struct cg_verify one = *verify;

        if (only && strcmp(only, ns) != 0)
            continue;
        one.crates = one.problems = one.repaired = 0;
        rc = cg_registry_verify(reg, ns, &one, err);
        verify->crates += one.crates;
        verify->problems += one.problems;
        verify->repaired += one.repaired;
    }
    return rc;
}

/* A repair is an administrator's act like a deletion, and recorded like one. */
static enum cg_err run(struct cg_ctl *ctl, struct cg_registry *reg, const char *only, struct cg_verify *verify,
                       struct cg_error *err)
{
    struct cg_audit_record record = {.event = CG_AUDIT_REPAIR, .namespace_name = only};
    struct cg_audit *audit = NULL;
    enum cg_err rc;

    if (!verify->repair)
        return verify_all(ctl, reg, only, verify, err);
    rc = cg_ctl_audit_begin(ctl, &audit, err);
    if (rc == CG_OK)
        rc = verify_all(ctl, reg, only, verify, err);
    cg_ctl_audit_end(ctl, &audit, &record, rc == CG_OK ? NULL : err);
    return rc;
}

static int conclude(const struct cg_verify *verify)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    printf("%llu crates looked at, %llu problems, %llu repaired%s\n", (unsigned long long)verify->crates,
           (unsigned long long)verify->problems, (unsigned long long)verify->repaired,
           interrupted ? " (interrupted; run it again to see the rest)" : "");
    return verify->problems > verify->repaired || interrupted ? CG_CTL_FAILED : CG_CTL_OK;
}

int cg_ctl_verify(struct cg_ctl *ctl, int argc, char **argv)
{
    struct cg_registry_session s = {0};
    struct cg_verify verify = {.progress = show_progress, .problem = show_problem, .stop = &interrupted};
    struct cg_error err = {0};
    const char *ns;
    int status;

    verify.repair = argc > 1 && strcmp(argv[1], "--repair") == 0;
    argc -= verify.repair, argv += verify.repair;
    ns = argv[1];
    cg_ctl_add_gone_teams(ctl); /* nobody reaches their crates, but they are still somebody's */
    verify.conf = ctl->conf;
    if (argc > 2 || (ns && ns[0] == '-'))
        return cg_ctl_usage(SYNOPSIS);
    if (ns && !cg_conf_namespace(ctl->conf, ns)) {
        cg_error_set(&err, CG_ERR_ABSENT, "there is no namespace \"%s\" in %s", ns, ctl->conf_file);
        return cg_ctl_fail(&err, "verify");
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    if (cg_registry_session_open(ctl, &s, &err) != CG_OK ||
        run(ctl, s.reg, ns, &verify, &err) != CG_OK)
        status = cg_ctl_fail(&err, "verify");
    else
        status = conclude(&verify);
    cg_registry_session_close(&s);
    return status;
}
