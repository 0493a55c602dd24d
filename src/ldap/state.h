/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * May this account be used? Judged from the entry's attributes and the Account
 * Usability control, and after a bind from its response controls. Pure
 * functions, thread safe.
 *
 * The directory's own word at the bind is not enough: OpenLDAP knows nothing
 * of userAccountControl, nsAccountLock or shadowExpire, a bind with "must
 * change the password" succeeds, and servers have had bugs here.
 *
 * A lock by wrong passwords is no reason here. It blocks the password login,
 * by the bind itself; if it also blocked what needs no password, any stranger
 * could stop a person's builds.
 */
#ifndef CG_LDAP_STATE_H
#define CG_LDAP_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "ldap/entry.h"

/* What a bind's response controls said. Start from CG_LDAP_BIND_NOTE_INIT. */
struct cg_ldap_bind_note {
    int ppolicy_error;    /* LDAPPasswordPolicyError */
    int grace;            /* logins left with an expired password; -1: not said */
    bool expired;         /* 389 Directory Server's "password expired" */
    bool malformed;       /* a control that cannot be read */
    char diagnostic[257]; /* printable, cut; for the log only */
};

/* libldap counts passwordExpired as 0, so zeroed memory would read "expired"; no error is 65535. */
#define CG_LDAP_PP_NO_ERROR 65535
#define CG_LDAP_BIND_NOTE_INIT                                                                                         \
    {                                                                                                                  \
        .ppolicy_error = CG_LDAP_PP_NO_ERROR, .grace = -1                                                              \
    }

/* The attributes looked at, NULL-terminated. */
extern const char *const CG_LDAP_STATE_ATTRIBUTES[];

/* Why the account must not be used, for the log; NULL when it may. `mode` is enum cg_account_state, static text. */
const char *cg_ldap_state_refusal(const struct cg_ldap_entry *entry, int mode, int64_t now_s);
/* Locked by wrong passwords, as far as the entry shows; for the diagnosis. */
bool cg_ldap_state_locked_out(const struct cg_ldap_entry *entry);
/* Why a bind that succeeded is no login all the same; NULL when it is one. */
const char *cg_ldap_bind_refusal(const struct cg_ldap_bind_note *note);

#endif
