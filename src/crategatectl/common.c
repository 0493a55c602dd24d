/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "crategatectl/ctl.h"

#include <errno.h>
#include <grp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/str.h"
#include "crategated/wiring.h"

int cg_ctl_fail(const struct cg_error *err, const char *fmt, ...)
{
    va_list args;

    fputs("crategatectl: ", stderr);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, ": %s\n", err->detail[0] ? err->detail : cg_err_text(err->code));
    if (err->internal[0])
        fprintf(stderr, "  cause: %s\n", err->internal);
    return CG_CTL_FAILED;
}

int cg_ctl_usage(const char *synopsis)
{
    fprintf(stderr, "Usage: crategatectl [-c FILE] %s\n", synopsis);
    return CG_CTL_USAGE;
}

void cg_ctl_line(const char *mark, const char *what, const char *text)
{
    char shown[2 * CG_ERROR_DETAIL_MAX] = "";

    if (text)
        cg_str_printable(text, strlen(text), shown, sizeof(shown));
    printf("  %-4s  %s%s%s\n", mark, what, *shown ? ": " : "", shown);
    fflush(stdout);
}

void cg_ctl_step(bool ok, const char *what, const char *text)
{
    cg_ctl_line(ok ? "ok" : "FAIL", what, text);
}

void cg_ctl_report(void *cls, int ok, const char *step, const char *text)
{
    int *failures = cls;

    cg_ctl_step(ok, step, text);
    if (!ok && failures)
        (*failures)++;
}

enum cg_err cg_ctl_become_owner(const struct cg_conf *conf, struct cg_error *err)
{
    struct stat st;

    if (geteuid() != 0 || stat(conf->state_dir, &st) != 0 || st.st_uid == 0)
        return CG_OK;
    if (setgroups(0, NULL) != 0 || setgid(st.st_gid) != 0 || setuid(st.st_uid) != 0)
        return cg_file_error(err, errno, "become the owner of", conf->state_dir);
    return CG_OK;
}

enum cg_err cg_ctl_enter_state(const struct cg_conf *conf, struct cg_error *err)
{
    enum cg_err rc = cg_ctl_become_owner(conf, err);

    if (rc == CG_OK && access(conf->state_dir, F_OK) != 0 && errno == ENOENT)
        rc = cg_error_set(err, CG_ERR_ABSENT, "%s (state_dir) is not there yet: crategated makes it at its first start",
                          conf->state_dir);
    return rc;
}

enum cg_err cg_ctl_audit_begin(const struct cg_ctl *ctl, struct cg_audit **audit_out, struct cg_error *err)
{
    enum cg_err rc = cg_audit_open(ctl->conf->audit_file, ctl->conf->state_dir, ctl->conf->audit_required, audit_out, err);

    if (rc == CG_OK)
        rc = cg_audit_reserve(*audit_out, err);
    return ctl->conf->audit_required ? rc : CG_OK;
}

void cg_ctl_audit_end(const struct cg_ctl *ctl, struct cg_audit **audit, struct cg_audit_record *record,
                      const struct cg_error *failure)
{
    struct cg_error err = {0};

    record->actor = ctl->actor;
    record->outcome = failure ? failure->code : CG_OK;
    record->detail = failure ? failure->detail : NULL;
    if (*audit && cg_audit_write(*audit, record, &err) != CG_OK)
        cg_ctl_fail(&err, "the record in the audit trail");
    cg_audit_close(audit);
}

enum cg_err cg_ctl_policy(struct cg_ctl *ctl, struct cg_directory **dir_out, struct cg_policy **policy_out,
                          struct cg_buf *warnings, struct cg_error *err)
{
    struct cg_directory *dir = NULL;
    struct cg_policy *unresolved = NULL, *policy = NULL;
    enum cg_err rc = cg_wiring_directory(ctl->conf, &dir, err);

    if (rc == CG_OK)
        rc = cg_policy_new(ctl->conf, dir, &unresolved, err);
    if (rc == CG_OK)
        rc = cg_policy_resolve(unresolved, dir, &policy, warnings, err);
    cg_policy_unref(&unresolved);
    if (rc != CG_OK) {
        cg_directory_free(&dir);
        return rc;
    }
    *dir_out = dir;
    *policy_out = policy;
    return CG_OK;
}
