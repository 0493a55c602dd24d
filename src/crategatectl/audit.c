/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl audit verify: is the audit trail what was written? */
#include "crategatectl/ctl.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "log/audit_verify.h"

#define SYNOPSIS "audit verify [FILE...]"
#define FINDINGS_SHOWN 20

static volatile bool interrupted;

static void on_signal(int sig)
{
    (void)sig;
    interrupted = true;
}

static void clear_progress(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

static void show_progress(void *cls, uint64_t records)
{
    (void)cls;
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%" PRIu64 " records\033[K", records);
}

static void show_finding(void *cls, const char *text)
{
    int *shown = cls;

    if ((*shown)++ == FINDINGS_SHOWN) {
        clear_progress();
        puts("and more, which are only counted");
    }
    if (*shown > FINDINGS_SHOWN)
        return;
    clear_progress();
    puts(text);
}

static void print_range(const struct cg_audit_verify *v)
{
    if (v->before)
        printf("%" PRIu64 " lines are from before the chain began: nothing protects them\n", v->before);
    if (v->torn)
        printf("%" PRIu64 " lines were cut short by a crash; no record is lost with them\n", v->torn);
    if (v->records)
        printf("%" PRIu64 " records, numbers %" PRIu64 " to %" PRIu64 ", from %s to %s\n", v->records, v->first,
               v->last, v->first_time, v->last_time);
    else
        puts("no records");
    if (v->records && v->first > 1)
        printf("begins at record %" PRIu64 "; what is before was not given\n", v->first);
    if (v->records && !v->end_seen)
        printf("ends at record %" PRIu64 "; whether others came after it was not looked at\n", v->last);
}

static int conclude(const struct cg_audit_verify *v)
{
    clear_progress();
    print_range(v);
    if (v->findings)
        printf("BROKEN: the trail is not what was written (findings: %" PRIu64 ")\n", v->findings);
    else if (interrupted)
        puts("interrupted: the rest was not looked at");
    else
        puts("OK: nothing was changed, removed or inserted");
    return v->findings || interrupted ? CG_CTL_FAILED : CG_CTL_OK;
}

static enum cg_err check_configured(const struct cg_conf *conf, int files, struct cg_error *err)
{
    if (files == 0 && !conf->audit_file[0])
        return cg_error_set(err, CG_ERR_INVALID, "audit.file is empty: there is no trail");
    return cg_ctl_enter_state(conf, err);
}

static int verify(struct cg_ctl *ctl, int argc, char **argv)
{
    char *configured = ctl->conf->audit_file;
    int shown = 0;
    struct cg_audit_verify v = {.state_dir = ctl->conf->state_dir,
                                .current = configured,
                                .finding = show_finding,
                                .progress = show_progress,
                                .cls = &shown,
                                .stop = &interrupted};
    struct cg_error err = {0};
    enum cg_err rc = check_configured(ctl->conf, argc, &err);

    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    if (rc == CG_OK)
        rc = cg_audit_verify(&v, argc ? argv : &configured, argc ? (size_t)argc : 1, &err);
    if (rc == CG_OK)
        return conclude(&v);
    clear_progress();
    return cg_ctl_fail(&err, "audit verify");
}

int cg_ctl_audit(struct cg_ctl *ctl, int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "verify") != 0 || (argc > 2 && argv[2][0] == '-'))
        return cg_ctl_usage(SYNOPSIS);
    return verify(ctl, argc - 2, argv + 2);
}
