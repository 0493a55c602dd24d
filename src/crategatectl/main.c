/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl: options, the table of commands, and nothing else. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crategate/version.h"
#include "crategated/wiring.h"
#include "crategatectl/ctl.h"
#include "ldap/ldap_directory.h"
#include "base/proc.h"
#include "log/log.h"

#define DEFAULT_CONF CG_SYSCONFDIR "/crategate/crategate.toml"

static const struct cg_ctl_command commands[] = {
    {"check", "check", "configuration, files, directory, base URL: each step and its outcome", false, cg_ctl_check},
    {"ldap", "ldap USER [--password]", "how the directory sees a person, and what follows from it", true, cg_ctl_ldap},
    {"explain", "explain USER|--token ID NAMESPACE ACTION [CRATE]", "allowed or refused, by which line, and what would change it",
     true, cg_ctl_explain},
    {"token", "token list | create | revoke", "tokens, those of services included", true, cg_ctl_token},
    {"namespace", "namespace list | adopt NAME ...", "what there is, and whose; a name to another group", true,
     cg_ctl_namespace},
    {"crate", "crate delete NAMESPACE NAME[@VERSION] --yes", "removes what must not exist", true, cg_ctl_crate},
    {"audit", "audit verify [FILE...]", "was a line of the audit trail changed, removed or inserted?", true, cg_ctl_audit},
    {"import", "import [--crate NAME] ... SOURCE NAMESPACE", "crates from somewhere else, each checked like a publish", true,
     cg_ctl_import},
    {"verify", "verify [--repair] [NAMESPACE]", "crates, index and database against each other", true, cg_ctl_verify},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

/* In the contract, not in this version. */
static const char *const later[] = {"backup", "restore"};

static void print_usage(FILE *to)
{
    fputs("Usage: crategatectl [-c FILE] COMMAND ...\nAdministration of the crategate gateway.\n\n", to);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(to, "  %-48s %s\n", commands[i].synopsis, commands[i].help);
    fputs("\n  -c, --config FILE  configuration (" DEFAULT_CONF ")\n  -V, --version      print the version\n"
          "  -h, --help         this text\n",
          to);
}

static int load(struct cg_ctl *ctl)
{
    struct cg_error err = {0};
    struct cg_buf report;
    enum cg_err rc;

    cg_buf_init(&report, 1024 * 1024);
    rc = cg_conf_load(ctl->conf_file, &ctl->conf, &report, &err);
    if (rc != CG_OK)
        fprintf(stderr, "%s%s", report.len ? cg_buf_str(&report) : err.detail, report.len ? "" : "\n");
    cg_buf_free(&report);
    if (rc == CG_OK)
        cg_ctl_add_teams(ctl);
    return rc == CG_OK ? CG_CTL_OK : CG_CTL_FAILED;
}

static int run(struct cg_ctl *ctl, const struct cg_ctl_command *command, int argc, char **argv)
{
    int status = command->loads_conf ? load(ctl) : CG_CTL_OK;

    if (status == CG_CTL_OK)
        status = command->run(ctl, argc, argv);
    cg_conf_unref(&ctl->conf);
    return status;
}

static int dispatch(struct cg_ctl *ctl, int argc, char **argv)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(argv[0], commands[i].name) == 0)
            return run(ctl, &commands[i], argc, argv);
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++)
        if (strcmp(argv[0], later[i]) == 0) {
            fprintf(stderr, "crategatectl: this version has no \"%s\" yet\n", argv[0]);
            return CG_CTL_USAGE;
        }
    fprintf(stderr, "crategatectl: unknown command \"%s\"\n", argv[0]);
    print_usage(stderr);
    return CG_CTL_USAGE;
}

static void prepare(struct cg_ctl *ctl)
{
    umask(027);
    cg_proc_keep_secrets();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file over its limit is an error of the write, not our end */
    cg_ldap_library_init();
    cg_log_setup(CG_LOG_WARN, CG_LOG_TEXT);
    snprintf(ctl->actor, sizeof(ctl->actor), "crategatectl (uid %ld)", (long)getuid());
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"version", no_argument, NULL, 'V'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    struct cg_ctl ctl = {.conf_file = DEFAULT_CONF};
    int opt, status;

    /* "+": options end at the command's name; what follows is the command's. */
    while ((opt = getopt_long(argc, argv, "+c:Vh", options, NULL)) != -1) {
        switch (opt) {
        case 'c':
            ctl.conf_file = optarg;
            break;
        case 'V':
            puts("crategatectl " CG_VERSION);
            return CG_CTL_OK;
        case 'h':
            print_usage(stdout);
            return CG_CTL_OK;
        default:
            print_usage(stderr);
            return CG_CTL_USAGE;
        }
    }
    if (optind >= argc) {
        print_usage(stderr);
        return CG_CTL_USAGE;
    }
    prepare(&ctl);
    status = dispatch(&ctl, argc - optind, argv + optind);
    cg_wiring_end();
    return status;
}
