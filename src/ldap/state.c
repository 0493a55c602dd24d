/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/state.h"

#include <errno.h>
#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "conf/conf.h"

#define UAC_ACCOUNTDISABLE 0x2
#define LOCKED_BY_ADMINISTRATOR "000001010000Z"
#define SECONDS_1601_TO_1970 11644473600LL
#define FILETIME_PER_SECOND 10000000LL
#define FILETIME_NEVER 0x7fffffffffffffffLL

_Static_assert(CG_LDAP_PP_NO_ERROR == PP_noError, "libldap's number for no error");

const char *const CG_LDAP_STATE_ATTRIBUTES[] = {
    "pwdAccountLockedTime", "pwdReset",    "shadowExpire", "nsAccountLock", "accountUnlockTime", "userAccountControl",
    "accountExpires",       "lockoutTime", NULL,
};

/* A whole decimal number with optional sign. */
static bool number(const char *text, long long *value_out)
{
    char *end;
    long long value;

    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno || end == text || *end)
        return false;
    *value_out = value;
    return true;
}

static const char *ppolicy_refusal(const struct cg_ldap_entry *entry)
{
    const char *locked = cg_ldap_entry_text(entry, "pwdAccountLockedTime");
    const char *reset = cg_ldap_entry_text(entry, "pwdReset");

    if (locked && cg_streq(locked, LOCKED_BY_ADMINISTRATOR))
        return "locked by an administrator (pwdAccountLockedTime)";
    if (reset && cg_streq_nocase(reset, "TRUE"))
        return "the password must be changed first (pwdReset)";
    return NULL;
}

/* A directory that may not compare userPassword leaves the control out: absent says nothing. */
static const char *usability_refusal(const struct cg_ldap_entry *entry)
{
    const struct cg_ldap_usability *u = &entry->usability;

    if (!u->present)
        return NULL;
    /* pitfall 18: what cannot be read is no permission. */
    if (u->malformed)
        return "the account usability control is malformed";
    if (u->available)
        return NULL;
    if (u->reset)
        return "the password must be changed first (account usability)";
    if (u->expired && u->remaining_grace <= 0)
        return "the password has expired (account usability)";
    if (u->remaining_grace > 0)
        return NULL;
    /* OpenLDAP gives no reason for an expired password, nor for a lock without an end; only the entry shows the lock.
     */
    if (!cg_ldap_state_locked_out(entry))
        return "not available, expired most likely (account usability)";
    return NULL;
}

/* Days since 1970; the account is unusable from that day on. */
static const char *shadow_refusal(const struct cg_ldap_entry *entry, int64_t now_s)
{
    const char *text = cg_ldap_entry_text(entry, "shadowExpire");
    long long day;

    if (!text)
        return NULL;
    if (!number(text, &day))
        return "shadowExpire is not a number";
    if (day < 0)
        return NULL;
    return now_s / 86400 >= day ? "expired (shadowExpire)" : NULL;
}

static const char *lock_flag_refusal(const struct cg_ldap_entry *entry)
{
    const char *text = cg_ldap_entry_text(entry, "nsAccountLock");

    if (text && !cg_streq_nocase(text, "false"))
        return "locked by an administrator (nsAccountLock)";
    return NULL;
}

static const char *ad_refusal(const struct cg_ldap_entry *entry, int64_t now_s)
{
    const char *control = cg_ldap_entry_text(entry, "userAccountControl");
    const char *expires = cg_ldap_entry_text(entry, "accountExpires");
    long long bits, when;

    if (control && !number(control, &bits))
        return "userAccountControl is not a number";
    if (control && (bits & UAC_ACCOUNTDISABLE))
        return "disabled (userAccountControl)";
    if (!expires)
        return NULL;
    if (!number(expires, &when))
        return "accountExpires is not a number";
    if (when == 0 || when == FILETIME_NEVER)
        return NULL;
    return when / FILETIME_PER_SECOND - SECONDS_1601_TO_1970 <= now_s ? "expired (accountExpires)" : NULL;
}

const char *cg_ldap_state_refusal(const struct cg_ldap_entry *entry, int mode, int64_t now_s)
{
    const char *why = NULL;

    if (mode == CG_STATE_AUTO || mode == CG_STATE_PPOLICY) {
        why = ppolicy_refusal(entry);
        if (!why)
            why = usability_refusal(entry);
    }
    if (!why && (mode == CG_STATE_AUTO || mode == CG_STATE_SHADOW))
        why = shadow_refusal(entry, now_s);
    if (!why && mode == CG_STATE_AUTO)
        why = lock_flag_refusal(entry);
    if (!why && mode == CG_STATE_AUTO)
        why = ad_refusal(entry, now_s);
    return why;
}

bool cg_ldap_state_locked_out(const struct cg_ldap_entry *entry)
{
    const char *ppolicy = cg_ldap_entry_text(entry, "pwdAccountLockedTime");
    const char *ds389 = cg_ldap_entry_text(entry, "accountUnlockTime");
    const char *ad = cg_ldap_entry_text(entry, "lockoutTime");

    return (ppolicy && !cg_streq(ppolicy, LOCKED_BY_ADMINISTRATOR)) || ds389 || (ad && !cg_streq(ad, "0"));
}

const char *cg_ldap_bind_refusal(const struct cg_ldap_bind_note *note)
{
    /* pitfall 18: a control that cannot be read counts as the worst it could say. */
    if (note->malformed)
        return "a response control of the bind is malformed";
    if (note->expired)
        return "the password has expired (response control)";
    switch (note->ppolicy_error) {
    case CG_LDAP_PP_NO_ERROR: /* grace logins come without an error: allowed, and warned about in the log */
        return NULL;
    case PP_passwordExpired:
        return "the password has expired (password policy)";
    case PP_accountLocked:
        return "locked (password policy)";
    case PP_changeAfterReset:
        return "the password must be changed first (password policy)";
    default:
        return "refused by the password policy";
    }
}
