/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What may they do? One pure function for every surface: (policy, caller,
 * action, namespace, crate) -> verdict and the rule that decided. No lock, no
 * system call, no allocation.
 *
 * A policy is compiled from a configuration snapshot and is immutable and
 * reference-counted. `group:NAME` grants are resolved to canonical DNs by
 * cg_policy_resolve() (blocking; on a worker or at start), which gives a new
 * policy; a name not resolved because the directory did not answer makes a
 * decision that depends on it UNAVAILABLE, never allowed and never denied. A
 * name that two entries bear is an error (pitfall 12 of ldap.md section 2); in
 * the grants of [teams] it only takes that grant out, see cg_policy_ambiguous.
 */
#ifndef CG_AUTHZ_POLICY_H
#define CG_AUTHZ_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/conf.h"
#include "crategate/directory.h"
#include "crategate/err.h"
#include "crategate/identity.h"
#include "crategate/metadata.h"
#include "crategate/token.h"

struct cg_policy;

/* Who asks, and with what. Both pointers are references held by whoever made it; token NULL: by password or anonymous.
 */
struct cg_caller {
    struct cg_identity *who; /* never NULL once AUTHN has run */
    struct cg_token *token;
};

/* Compiles. `dir` canonicalises DNs (no network); NULL only where no grant is a dn:. INVALID with FILE:LINE. */
enum cg_err cg_policy_new(struct cg_conf *conf, struct cg_directory *dir, struct cg_policy **policy_out,
                          struct cg_error *err) CG_CHECK;
/* Gives `fresh`, which nobody else has yet, the answers to group names that `old` has, where both ask the same
 * directory for them: a reload while the directory is down must not forget what it said. */
void cg_policy_inherit(struct cg_policy *fresh, struct cg_policy *old);
/* A copy whose group names are looked up again. CONFLICT names the grant's line and both entries. Names that could
 * not be asked about keep the answer of `old` when it had one. Names that do not exist match nobody and are listed in
 * `warnings` (may be NULL), one a line; not those of [teams], where a team without leaders is no mistake. */
enum cg_err cg_policy_resolve(struct cg_policy *old, struct cg_directory *dir, struct cg_policy **policy_out,
                              struct cg_buf *warnings, struct cg_error *err) CG_CHECK;
/* The same, but only for names that `old` has no answer to: after teams have come, nobody else's names are asked again. */
enum cg_err cg_policy_resolve_missing(struct cg_policy *old, struct cg_directory *dir, struct cg_policy **policy_out,
                                      struct cg_buf *warnings, struct cg_error *err) CG_CHECK;
/* The teams' grants that give nothing because two groups bear the name, one a line, naming both. */
void cg_policy_ambiguous(struct cg_policy *policy, struct cg_buf *out);
/* Are there names still unresolved because nobody answered? */
bool cg_policy_incomplete(const struct cg_policy *policy);
struct cg_policy *cg_policy_ref(struct cg_policy *policy);
void cg_policy_unref(struct cg_policy **policy);
const struct cg_conf *cg_policy_conf(const struct cg_policy *policy);

/*
 * Rights, and what narrows them:
 *
 * - Without owners a crate is every publisher's of its namespace; they may add the first owner. With owners, publish,
 *   yank and owner changes are for those owners and the namespace's admins alone. An owner needs no more than read in
 *   the namespace: owning gives the rest for that crate, so that somebody from another team can be made one. Whoever
 *   may no longer read the namespace may no longer change the crate. Services own nothing.
 * - A token's actions narrow writes: one with any action still reads what its owner may read, because cargo cannot
 *   publish without reading config.json and the index; "read" alone makes a token that only reads.
 * - A token's namespaces narrow everything. Its crate patterns narrow writes, once the crate is known; reads are not
 *   narrowed by them, because a publish reads the index lines of its dependencies.
 * - A service has what its token's grants give it, and what is open to everybody.
 */
struct cg_question {
    const struct cg_caller *caller;
    enum cg_action action;
    const char *namespace_name;
    const char *crate; /* any spelling; NULL: not about one crate, or not known yet */
    /* For writes to a crate that exists: its own owners (metadata.h); count 0: it has none. */
    const struct cg_owner *owners;
    size_t owner_count;
    /* Nobody has looked yet whether there are owners: a caller who may read is let through, as they may be one, and
     * the same question must be asked again with the owners before anything changes. */
    bool owners_unknown;
};

struct cg_decision {
    enum cg_err verdict; /* OK, UNAUTHENTICATED (anonymous where a login would be needed), DENIED, UNAVAILABLE */
    unsigned line;  /* of the configuration: the grant, or for a refusal the list that lacks one; 0: no line decided */
    char rule[256]; /* 'namespace.payments.publish = "group:payments"', 'token scope: actions', 'owners of x' ... For
                     * logs and administrators: it may tell of a namespace that the caller must not know of */
    char reason[512]; /* refusals: a sentence for the caller: what rule, whose, what to do; else "" */
};

/* The decision. A namespace that does not exist and one that the caller may not read give the same verdict and
 * reason (contract, section 3): UNAVAILABLE for both while the teams are not known, because a team's members must not be
 * told that their namespace does not exist when it is us who do not know. decision is always filled. */
enum cg_err cg_policy_decide(const struct cg_policy *policy, const struct cg_question *question,
                             struct cg_decision *decision);

/* May anonymous read? decides `auth-required` in config.json. */
bool cg_policy_anonymous_reads(const struct cg_policy *policy, const char *namespace_name);
/* Is there such a namespace? For internal use after a decision, never for an answer by itself. */
bool cg_policy_has_namespace(const struct cg_policy *policy, const char *namespace_name);
/* The namespace that a name in a request means: itself, or the one namespace that fronts the Artifactory repository of
 * that key (a namespace of that name comes first). Borrowed from the policy, or `name`. No allocation. What it gives
 * must be shown to nobody who may not read it. */
const char *cg_policy_namespace_meant(const struct cg_policy *policy, const char *name);
/* Is the caller an administrator of the namespace, with a token that is not narrowed? Verdicts as of cg_policy_decide;
 * the question's action is not looked at. */
enum cg_err cg_policy_decide_admin(const struct cg_policy *policy, const struct cg_question *question,
                                   struct cg_decision *decision);
/* Which other namespace reserves this crate name by a prefix? NULL when none does. Part of decide() for publishing. */
const char *cg_policy_reserved_by(const struct cg_policy *policy, const char *namespace_name, const char *crate);
/* The grants of the namespace that would give what the question asks for, to whomever they name; one line each. Nothing
 * for a namespace that does not exist. */
void cg_policy_ways(const struct cg_policy *policy, const struct cg_question *question, struct cg_buf *out);
/* Roles of a caller in every namespace, for `crategatectl ldap` and `/me`: "payments: publish (line 31: ...)" lines. */
void cg_policy_roles(const struct cg_policy *policy, const struct cg_caller *caller, struct cg_buf *out);

#endif
