/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl ldap USER [--password]: the whole way of a login, told step by step, and what follows from it. */
#include "crategatectl/ctl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"
#include "base/terminal.h"
#include "crategated/wiring.h"

#define SYNOPSIS "ldap USER [--password]"
#define PASSWORD_MAX 1024

/* A line of standard input; what is behind it is nobody's. Without stdio, whose buffer would keep a copy. */
static enum cg_err read_input(struct cg_secret *out, struct cg_error *err)
{
    char line[PASSWORD_MAX];
    size_t len = 0;
    ssize_t n = 0;
    char *end = NULL;

    while (!end && len < sizeof(line) && (n = read(STDIN_FILENO, line + len, sizeof(line) - len)) > 0) {
        end = memchr(line + len, '\n', (size_t)n);
        len += (size_t)n;
    }
    if (end || (n == 0 && len < sizeof(line)))
        cg_secret_set(out, line, end ? (size_t)(end - line) : len);
    cg_wipe(line, sizeof(line));
    if (out->len)
        return CG_OK;
    return cg_error_set(err, CG_ERR_INVALID, "standard input has no password, or one of more than %d bytes",
                        PASSWORD_MAX - 1);
}

/* From the terminal without echo, or a line of standard input when that is none. */
static enum cg_err read_password(struct cg_secret *out, struct cg_error *err)
{
    struct cg_terminal *terminal = NULL;
    enum cg_err rc;

    if (!isatty(STDIN_FILENO))
        return read_input(out, err);
    rc = cg_terminal_open(&terminal, err);
    if (rc == CG_OK)
        rc = cg_terminal_ask_secret(terminal, "Password: ", 0, out, err);
    if (rc == CG_OK && !out->len)
        rc = cg_error_set(err, CG_ERR_INVALID, "no password was entered");
    cg_terminal_close(&terminal);
    return rc;
}

/* What they may do where, and what is not as the configuration means it. */
static void show_roles(struct cg_ctl *ctl, struct cg_identity *who)
{
    struct cg_directory *dir = NULL;
    struct cg_policy *policy = NULL;
    struct cg_caller caller = {.who = who};
    struct cg_error err = {0};
    struct cg_buf roles, warnings;

    cg_buf_init(&roles, 1024 * 1024);
    cg_buf_init(&warnings, 1024 * 1024);
    puts("Namespaces");
    if (cg_ctl_policy(ctl, &dir, &policy, &warnings, &err) == CG_OK) {
        cg_policy_roles(policy, &caller, &roles);
        fputs(roles.len ? cg_buf_str(&roles) : "  none: no grant names this person or a group of theirs\n", stdout);
        cg_policy_ambiguous(policy, &warnings);
    } else {
        cg_ctl_step(false, "policy", err.detail);
    }
    if (warnings.len)
        printf("Grants that give nothing to anybody\n%s", cg_buf_str(&warnings));
    cg_buf_free(&warnings);
    cg_buf_free(&roles);
    cg_policy_unref(&policy);
    cg_directory_free(&dir);
}

int cg_ctl_ldap(struct cg_ctl *ctl, int argc, char **argv)
{
    bool with_password = argc == 3 && strcmp(argv[2], "--password") == 0;
    struct cg_directory *dir = NULL;
    struct cg_identity *who = NULL;
    struct cg_secret password = {0};
    struct cg_error err = {0};
    int failures = 0;

    if ((argc != 2 && !with_password) || argv[1][0] == '-')
        return cg_ctl_usage(SYNOPSIS);
    if (cg_wiring_directory(ctl->conf, &dir, &err) != CG_OK)
        return cg_ctl_fail(&err, "directory settings");
    if (with_password && read_password(&password, &err) != CG_OK) {
        cg_directory_free(&dir);
        return cg_ctl_fail(&err, "ldap --password");
    }
    puts("Directory");
    if (dir->ops->diagnose(dir, argv[1], with_password ? &password : NULL, cg_ctl_report, &failures, &who, &err) !=
            CG_OK &&
        failures == 0) {
        cg_ctl_step(false, "directory", err.detail);
        failures = 1;
    }
    if (who) {
        cg_ctl_tell_person(who);
        show_roles(ctl, who);
    }
    cg_secret_free(&password);
    cg_identity_unref(&who);
    cg_directory_free(&dir);
    return failures ? CG_CTL_FAILED : CG_CTL_OK;
}
