/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * crategatectl: administration beside or without a running daemon. One file a
 * command; each gets the loaded configuration and the words behind its name and
 * returns the process's exit status: 0 fine, 1 found something or failed, 2 used
 * wrongly. Single-threaded but for libraries.
 */
#ifndef CG_CRATEGATECTL_CTL_H
#define CG_CRATEGATECTL_CTL_H

#include <stdbool.h>

#include "authz/policy.h"
#include "conf/conf.h"
#include "crategate/audit.h"
#include "crategate/directory.h"
#include "crategate/metadata.h"

#define CG_CTL_OK 0
#define CG_CTL_FAILED 1
#define CG_CTL_USAGE 2

struct cg_ctl {
    const char *conf_file;
    struct cg_conf *conf; /* NULL for `check`, which loads it itself to say what is wrong */
    char actor[64];       /* "crategatectl (uid 0)", for the audit trail */
};

struct cg_ctl_command {
    const char *name, *synopsis, *help;
    bool loads_conf;
    int (*run)(struct cg_ctl *ctl, int argc, char **argv); /* argv[0] is the command's name */
};

int cg_ctl_check(struct cg_ctl *ctl, int argc, char **argv);
int cg_ctl_ldap(struct cg_ctl *ctl, int argc, char **argv);
int cg_ctl_explain(struct cg_ctl *ctl, int argc, char **argv);
int cg_ctl_token(struct cg_ctl *ctl, int argc, char **argv);
int cg_ctl_namespace(struct cg_ctl *ctl, int argc, char **argv);
int cg_ctl_crate(struct cg_ctl *ctl, int argc, char **argv);
int cg_ctl_audit(struct cg_ctl *ctl, int argc, char **argv);
int cg_ctl_import(struct cg_ctl *ctl, int argc, char **argv);
int cg_ctl_verify(struct cg_ctl *ctl, int argc, char **argv);

/* Prints "crategatectl: TEXT: detail" and the hidden cause; returns CG_CTL_FAILED. */
int cg_ctl_fail(const struct cg_error *err, const char *fmt, ...) CG_PRINTF(2, 3);
int cg_ctl_usage(const char *synopsis);
/* A line of a check's report. The text may quote what others wrote: it is made printable. NULL or "": none. */
void cg_ctl_line(const char *mark, const char *what, const char *text);
/* One step of a check: "  ok    TEXT" or "  FAIL  TEXT". */
void cg_ctl_step(bool ok, const char *what, const char *text);
/* The directory's report callback for the same; cls is an int that counts failures, may be NULL. */
void cg_ctl_report(void *cls, int ok, const char *step, const char *text);
/* Run by root, files must stay the daemon's: takes on the owner of state_dir. */
enum cg_err cg_ctl_become_owner(const struct cg_conf *conf, struct cg_error *err) CG_CHECK;
/* The same before state_dir's content is opened. ABSENT when there is none yet: what is made now would be ours. */
enum cg_err cg_ctl_enter_state(const struct cg_conf *conf, struct cg_error *err) CG_CHECK;
/* Around an administrator's act. Begin opens the audit trail and fails when the record is required and could not be
 * kept; end writes it, with what came of the act (failure NULL: it was done), and closes. */
enum cg_err cg_ctl_audit_begin(const struct cg_ctl *ctl, struct cg_audit **audit_out, struct cg_error *err) CG_CHECK;
void cg_ctl_audit_end(const struct cg_ctl *ctl, struct cg_audit **audit, struct cg_audit_record *record,
                      const struct cg_error *failure);
/* Directory and a policy with resolved names. */
enum cg_err cg_ctl_policy(struct cg_ctl *ctl, struct cg_directory **dir_out, struct cg_policy **policy_out,
                          struct cg_buf *warnings, struct cg_error *err) CG_CHECK;
/* teams.c: ctl->conf with the teams' namespaces: as the daemon remembers them, else as the directory tells now. When
 * neither does, they stay unknown, and standard error says so. */
void cg_ctl_add_teams(struct cg_ctl *ctl);
/* The same with the namespaces of teams that are gone, whose crates are still there; for looking after crates only. */
void cg_ctl_add_gone_teams(struct cg_ctl *ctl);
/* Step of `check`: what [teams] makes of the directory now. Returns the number of failures. */
int cg_ctl_check_teams(struct cg_ctl *ctl, struct cg_directory *dir);

/* person.c: "Who", and all there is to know of them. */
void cg_ctl_tell_person(const struct cg_identity *who);

#endif
