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
 * name that two entries bear is an error (pitfall 12 of ldap.md section 2).
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

/* Who asks, and with what. Both pointers are references held by whoever made it; token NULL: by password or anonymous. */
struct cg_caller {
    struct cg_identity *who; /* never NULL once AUTHN has run */
    struct cg_token *token;
};

/* Compiles. `dir` canonicalises DNs (no network); NULL only where no grant is a dn:. INVALID with FILE:LINE. */
enum cg_err cg_policy_new(struct cg_conf *conf, struct cg_directory *dir, struct cg_policy **policy_out,
                          struct cg_error *err) CG_CHECK;
/* A copy whose group names are looked up again. CONFLICT names the grant's line and both entries. Names that could
 * not be asked about keep the answer of `old` when it had one. Names that do not exist match nobody and are listed in
 * `warnings` (may be NULL), one a line. */
enum cg_err cg_policy_resolve(struct cg_policy *old, struct cg_directory *dir, struct cg_policy **policy_out,
                              struct cg_buf *warnings, struct cg_error *err) CG_CHECK;
/* Are there names still unresolved because nobody answered? */
bool cg_policy_incomplete(const struct cg_policy *policy);
struct cg_policy *cg_policy_ref(struct cg_policy *policy);
void cg_policy_unref(struct cg_policy **policy);
const struct cg_conf *cg_policy_conf(const struct cg_policy *policy);

struct cg_question {
    const struct cg_caller *caller;
    enum cg_action action;
    const char *namespace_name;
    const char *crate; /* any spelling; NULL: not about one crate */
    /* For writes to a crate that exists: its own owners (metadata.h); count 0: it has none. */
    const struct cg_owner *owners;
    size_t owner_count;
};

struct cg_decision {
    enum cg_err verdict;   /* OK, UNAUTHENTICATED (anonymous where a login would be needed), DENIED, UNAVAILABLE */
    unsigned line;         /* of the configuration, 0 when no line decided */
    char rule[256];        /* 'namespace.payments.publish: "group:payments"', 'token scope: actions', 'owners of x' ... */
    char reason[512];      /* a sentence for the caller: what rule, whose, what to do */
};

/* The decision. A namespace that does not exist and one that the caller may not read give the same verdict and
 * reason (contract, section 3). decision is always filled. */
enum cg_err cg_policy_decide(const struct cg_policy *policy, const struct cg_question *question,
                             struct cg_decision *decision);

/* May anonymous read? decides `auth-required` in config.json. */
bool cg_policy_anonymous_reads(const struct cg_policy *policy, const char *namespace_name);
/* Is there such a namespace? For internal use after a decision, never for an answer by itself. */
bool cg_policy_has_namespace(const struct cg_policy *policy, const char *namespace_name);
/* Which other namespace reserves this crate name by a prefix? NULL when none does. Part of decide() for publishing. */
const char *cg_policy_reserved_by(const struct cg_policy *policy, const char *namespace_name, const char *crate);
/* Roles of a caller in every namespace, for `crategatectl ldap` and `/me`: "payments: publish (line 31: ...)" lines. */
void cg_policy_roles(const struct cg_policy *policy, const struct cg_caller *caller, struct cg_buf *out);

#endif
