/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A token as it is stored: whose it is, how long it lives and what it is
 * narrowed to (contract, section 5). The secret itself is never in here, only
 * its keyed digest. Plain data, shared by reference count once published by
 * authn; immutable from then on but for `last_used_at`.
 */
#ifndef CRATEGATE_TOKEN_H
#define CRATEGATE_TOKEN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "crategate/err.h"

#define CG_TOKEN_DIGEST_SIZE 32

/* What a token, a role or a request may do. Bits, because a token holds a set of them.
 * name, bit, scope name in the token API (NULL: not askable) */
#define CG_ACTION_TABLE(X)                                                    \
    X(READ, 0x01, "read")                                                     \
    X(PUBLISH_NEW, 0x02, "publish-new")                                       \
    X(PUBLISH_UPDATE, 0x04, "publish-update")                                 \
    X(YANK, 0x08, "yank")                                                     \
    X(OWNERS, 0x10, "change-owners")

enum cg_action {
    CG_ACTION_NONE = 0, /* the route needs no right in a namespace (health, token API) */
#define X(name, bit, scope) CG_ACTION_##name = (bit),
    CG_ACTION_TABLE(X)
#undef X
        CG_ACTION_PUBLISH = CG_ACTION_PUBLISH_NEW | CG_ACTION_PUBLISH_UPDATE, /* not yet known which */
    CG_ACTION_ALL = 0x1f
};

enum cg_token_kind { CG_TOKEN_PERSON, CG_TOKEN_SERVICE };

struct cg_token {
    atomic_uint refs;
    int64_t id; /* the database's; public, used to list and revoke */
    unsigned char digest[CG_TOKEN_DIGEST_SIZE];
    enum cg_token_kind kind;
    char *name;
    char *owner_id;   /* person: the entry's UUID; service: "service:NAME" */
    char *owner_name; /* as it was at creation, for people */
    int64_t created_at; /* wall seconds */
    int64_t expires_at; /* wall seconds; never 0 */
    _Atomic int64_t last_used_at; /* wall seconds, 0: never; written to the database lazily */
    unsigned actions;  /* set of enum cg_action; CG_ACTION_ALL when not narrowed */
    char **crates;     /* NULL-terminated patterns, folded ("pay-*"); NULL: every crate */
    char **namespaces; /* NULL-terminated names; NULL: every namespace */
    char *group;       /* service tokens: canonical DN of the group that owns it; NULL: nobody's */
    char **grants;     /* service tokens: NULL-terminated "NAMESPACE:ROLE", role read | publish | admin; else NULL */
};

/* A zeroed token with one reference. */
struct cg_token *cg_token_new(void);
struct cg_token *cg_token_ref(struct cg_token *token);
void cg_token_unref(struct cg_token **token);

/* Scope name to action bit ("yank" -> CG_ACTION_YANK). INVALID when unknown. */
enum cg_err cg_action_from_scope(const char *scope, enum cg_action *action_out) CG_CHECK;
/* Scope name of a single bit, "publish" for both publish bits, "none" for 0; static. */
const char *cg_action_name(enum cg_action action);

/* NULL-terminated string lists, used above. Copies; NULL stays NULL. */
char **cg_strlist_copy(char *const *list);
/* Splits at commas and blanks; empty text gives NULL. */
char **cg_strlist_split(const char *text);
void cg_strlist_free(char ***list);
/* Joined by sep into a fresh string ("" for NULL). */
char *cg_strlist_join(char *const *list, const char *sep);

#endif
