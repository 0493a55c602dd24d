/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl ldap USER [--password]: the whole way of a login, told step by step, and what follows from it. */
#include "crategatectl/ctl.h"

#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/secret.h"
#include "crategated/wiring.h"

#define SYNOPSIS "ldap USER [--password]"
#define PASSWORD_MAX 1024

/* From the terminal without echo, or a line of standard input when that is none. */
static void read_password(struct cg_secret *out)
{
    struct termios old, quiet;
    bool tty = tcgetattr(STDIN_FILENO, &old) == 0;
    char line[PASSWORD_MAX];

    if (tty) {
        quiet = old;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        fputs("Password: ", stderr);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    }
    if (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        cg_secret_set(out, line, strlen(line));
    }
    if (tty) {
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
        fputc('\n', stderr);
    }
    cg_wipe(line, sizeof(line));
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
    if (cg_wire_directory(ctl->conf, &dir, &err) != CG_OK)
        return cg_ctl_fail(&err, "directory settings");
    if (with_password)
        read_password(&password);
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
