/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What the parts of `crategatectl token` share. One thread. */
#ifndef CG_CRATEGATECTL_TOKEN_H
#define CG_CRATEGATECTL_TOKEN_H

#include "authn/authn.h"
#include "crategatectl/ctl.h"

#define CG_TOKEN_SYNOPSIS                                                                                              \
    "token list [--user NAME] [--group GROUP] [--namespace NS] [--json]\n"                                             \
    "       crategatectl [-c FILE] token create --service NAME --grant NAMESPACE:ROLE [--grant ...] [--group GROUP]\n" \
    "                                    [--name TEXT] [--days N] [--scope ACTION,...] [--crate PATTERN,...]\n"        \
    "       crategatectl [-c FILE] token revoke ID ...\n"                                                              \
    "       crategatectl [-c FILE] token revoke [--dry-run] --user NAME | --group GROUP | --namespace NS"

struct cg_token_session {
    struct cg_ctl *ctl;
    struct cg_directory *dir;
    struct cg_metadata *md;
    struct cg_authn *authn;
};

/* Which tokens are meant; of several conditions all must hold. Strings are argv's. */
struct cg_token_pick {
    const char *user;           /* name of the owner, person or service, in any spelling */
    const char *group;          /* common name or DN: of people who are in it now, and of services it owns */
    const char *namespace_name; /* narrowed to it, or granting it; a token that is not narrowed names none */
    bool json, dry_run;
};

/* Reads the options that `allowed` (names, NULL-terminated) has, and leaves getopt's optind behind them. False: one was
 * wrong, and getopt has said so. */
bool cg_token_pick_parse(int argc, char **argv, const char *const *allowed, struct cg_token_pick *pick);
/* References to the tokens picked, by id; cg_token_picked_free. UNAVAILABLE when the directory does not answer about
 * the group; ABSENT or CONFLICT for its name. */
enum cg_err cg_token_pick_all(struct cg_token_session *s, const struct cg_token_pick *pick,
                              struct cg_token ***tokens_out, size_t *count_out, struct cg_error *err) CG_CHECK;
void cg_token_picked_free(struct cg_token **tokens, size_t count);
/* The canonical DN of a group given by DN or by a name that is unique; free() it. */
enum cg_err cg_token_group_dn(struct cg_token_session *s, const char *text, char **dn_out,
                              struct cg_error *err) CG_CHECK;

int cg_token_list_command(struct cg_token_session *s, int argc, char **argv);
int cg_token_revoke_command(struct cg_token_session *s, int argc, char **argv);

#endif
