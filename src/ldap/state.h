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
 * An attribute that is there and cannot be read (no number, no time, several
 * values) is a reason against the account: it was put there to say something.
 *
 * A lock by wrong passwords is no reason here. It blocks the password login,
 * by the bind itself; if it also blocked what needs no password, any stranger
 * could stop a person's builds. Whoever wants that all the same asks
 * cg_ldap_state_locked_out.
 */
#ifndef CG_LDAP_STATE_H
#define CG_LDAP_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "ldap/entry.h"

/* What a bind's response controls said. Start from CG_LDAP_BIND_NOTE_INIT. */
struct cg_ldap_bind_note {
    int result;           /* LDAP result code; -1: there was none */
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
        .result = -1, .ppolicy_error = CG_LDAP_PP_NO_ERROR, .grace = -1                                                \
    }

/* The attributes that a mode (enum cg_account_state) looks at, one by one; NULL behind the last. */
const char *cg_ldap_state_attribute(int mode, size_t i);
/* Does the mode want the Account Usability control? */
bool cg_ldap_state_asks_usability(int mode);

/* Why the account must not be used, for the log; NULL when it may. Static text. */
const char *cg_ldap_state_refusal(const struct cg_ldap_entry *entry, int mode, int64_t now_s);
/* Locked by wrong passwords, as far as the entry shows. */
bool cg_ldap_state_locked_out(const struct cg_ldap_entry *entry, int mode, int64_t now_s);
/* Why a bind that succeeded is no login all the same; NULL when it is one. */
const char *cg_ldap_bind_refusal(const struct cg_ldap_bind_note *note);

#endif
