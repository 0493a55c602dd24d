/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What a person may add: `cargo login --registry R -- --user NAME --days 7`,
 * or the same words in the configuration behind the provider's name. Pure,
 * thread safe.
 */
#ifndef CG_CREDENTIAL_OPTIONS_H
#define CG_CREDENTIAL_OPTIONS_H

#include "crategate/err.h"

/* How a token is wished for; kept with it, so that its successor is no wider. */
struct cg_wish {
    unsigned days;     /* 0: not said */
    char **namespaces; /* NULL: every namespace */
    char **scopes;     /* NULL: every action */
};

struct cg_options {
    char *user; /* NULL: not said */
    struct cg_wish wish;
};

/* Of a word that occurs twice the last one counts: those of the command line come behind the configuration's.
 * INVALID with what is wrong. Free with cg_options_free. */
enum cg_err cg_options_parse(char *const *args, struct cg_options *options_out, struct cg_error *err) CG_CHECK;
void cg_options_free(struct cg_options *options); /* safe on a zeroed one and twice */

void cg_wish_copy(struct cg_wish *to, const struct cg_wish *from); /* `to` is zeroed or owned */
void cg_wish_free(struct cg_wish *wish);

#endif
