/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "ldap/state.h"

#include <errno.h>
#include <ldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "conf/conf.h"

#define UAC_ACCOUNTDISABLE 0x2
#define UAC_LOCKOUT 0x10
#define UAC_PASSWORD_EXPIRED 0x800000
#define SECONDS_1601_TO_1970 11644473600LL
#define FILETIME_PER_SECOND 10000000LL
#define FILETIME_NEVER 0x7fffffffffffffffLL
#define SECONDS_PER_DAY 86400

_Static_assert(CG_LDAP_PP_NO_ERROR == PP_noError, "libldap's number for no error");

enum verdict { FINE, AGAINST, LOCKED_OUT, UNREADABLE };

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

/* A generalized time in UTC (RFC 4517), minutes and seconds optional, a fraction dropped. */
static bool generalized_time(const char *text, int64_t *seconds_out)
{
    size_t digits = strspn(text, "0123456789");
    const char *rest = text + digits;
    struct tm tm = {.tm_mday = 1};
    char padded[15] = "00000000000000";

    if ((digits != 10 && digits != 12 && digits != 14))
        return false;
    if (*rest == '.' || *rest == ',')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (!cg_streq(rest, "Z"))
        return false;
    memcpy(padded, text, digits);
    if (sscanf(padded, "%4d%2d%2d%2d%2d%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
               &tm.tm_sec) != 6)
        return false;
    if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31)
        return false;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    *seconds_out = timegm(&tm);
    return true;
}

/* Active Directory */

static enum verdict control_says(const char *value, int64_t now_s)
{
    long long bits;

    (void)now_s;
    if (!number(value, &bits))
        return UNREADABLE;
    return bits & UAC_ACCOUNTDISABLE ? AGAINST : FINE;
}

/* What the server itself makes of the times and of its policies. */
static enum verdict computed_says(const char *value, int64_t now_s)
{
    long long bits;

    (void)now_s;
    if (!number(value, &bits))
        return UNREADABLE;
    if (bits & UAC_PASSWORD_EXPIRED)
        return AGAINST;
    return bits & UAC_LOCKOUT ? LOCKED_OUT : FINE;
}

static enum verdict filetime_says(const char *value, int64_t now_s)
{
    long long when;

    if (!number(value, &when) || when < 0)
        return UNREADABLE;
    if (when == 0 || when == FILETIME_NEVER)
        return FINE;
    return when / FILETIME_PER_SECOND - SECONDS_1601_TO_1970 <= now_s ? AGAINST : FINE;
}

static enum verdict lockout_says(const char *value, int64_t now_s)
{
    long long when;

    (void)now_s;
    if (!number(value, &when))
        return UNREADABLE;
    return when != 0 ? LOCKED_OUT : FINE;
}

/* Zero as the time of the last change: it must be changed now. */
static enum verdict last_change_says(const char *value, int64_t now_s)
{
    long long when;

    (void)now_s;
    if (!number(value, &when))
        return UNREADABLE;
    return when == 0 ? AGAINST : FINE;
}

/* Password policy and 389 Directory Server */

static enum verdict flag_says(const char *value, int64_t now_s)
{
    (void)now_s;
    if (cg_streq_nocase(value, "false"))
        return FINE;
    return cg_streq_nocase(value, "true") ? AGAINST : UNREADABLE;
}

/* Since when; in the year 0 it is for ever, by an administrator. */
static enum verdict locked_time_says(const char *value, int64_t now_s)
{
    int64_t when;

    (void)now_s;
    if (!generalized_time(value, &when))
        return UNREADABLE;
    return cg_str_starts(value, "0000") ? AGAINST : LOCKED_OUT;
}

/* Until when; 1970 is for ever. */
static enum verdict unlock_time_says(const char *value, int64_t now_s)
{
    int64_t when;

    if (!generalized_time(value, &when))
        return UNREADABLE;
    return when == 0 || when > now_s ? LOCKED_OUT : FINE;
}

static enum verdict start_time_says(const char *value, int64_t now_s)
{
    int64_t when;

    if (!generalized_time(value, &when))
        return UNREADABLE;
    return when > now_s ? AGAINST : FINE;
}

static enum verdict end_time_says(const char *value, int64_t now_s)
{
    int64_t when;

    if (!generalized_time(value, &when))
        return UNREADABLE;
    return when <= now_s ? AGAINST : FINE;
}

/* Days since 1970; the account is unusable from that day on, and below zero there is no such day. */
static enum verdict day_says(const char *value, int64_t now_s)
{
    long long day;

    if (!number(value, &day))
        return UNREADABLE;
    return day >= 0 && now_s / SECONDS_PER_DAY >= day ? AGAINST : FINE;
}

struct rule {
    const char *attribute;
    int mode; /* that looks at it, beside CG_STATE_AUTO */
    enum verdict (*says)(const char *value, int64_t now_s);
    const char *against, *unreadable;
    const char *unless; /* where this attribute is there, it knows better */
};

#define COMPUTED "msDS-User-Account-Control-Computed"
#define RULE(attr, m, judge, why)                                                                                      \
    .attribute = attr, .mode = m, .says = judge, .against = why " (" attr ")", .unreadable = attr " cannot be read"

static const struct rule RULES[] = {
    {RULE("userAccountControl", CG_STATE_AD, control_says, "disabled")},
    {RULE("accountExpires", CG_STATE_AD, filetime_says, "expired")},
    {RULE("pwdLastSet", CG_STATE_AD, last_change_says, "the password must be changed first")},
    {RULE(COMPUTED, CG_STATE_AD, computed_says, "the password has expired")},
    {RULE("lockoutTime", CG_STATE_AD, lockout_says, ""), .unless = COMPUTED},
    {RULE("pwdAccountLockedTime", CG_STATE_PPOLICY, locked_time_says, "locked by an administrator")},
    {RULE("pwdReset", CG_STATE_PPOLICY, flag_says, "the password must be changed first")},
    {RULE("pwdStartTime", CG_STATE_PPOLICY, start_time_says, "not valid yet")},
    {RULE("pwdEndTime", CG_STATE_PPOLICY, end_time_says, "expired")},
    {RULE("nsAccountLock", CG_STATE_389DS, flag_says, "locked by an administrator")},
    {RULE("accountUnlockTime", CG_STATE_389DS, unlock_time_says, "")},
    {RULE("shadowExpire", CG_STATE_SHADOW, day_says, "expired")},
    {RULE("shadowLastChange", CG_STATE_SHADOW, last_change_says, "the password must be changed first")},
};
#define RULES_COUNT (sizeof(RULES) / sizeof(RULES[0]))

static bool applies(const struct rule *rule, int mode)
{
    return mode == CG_STATE_AUTO || mode == rule->mode;
}

const char *cg_ldap_state_attribute(int mode, size_t i)
{
    for (size_t r = 0; r < RULES_COUNT; r++)
        if (applies(&RULES[r], mode) && i-- == 0)
            return RULES[r].attribute;
    return NULL;
}

bool cg_ldap_state_asks_usability(int mode)
{
    return mode == CG_STATE_AUTO || mode == CG_STATE_PPOLICY || mode == CG_STATE_389DS;
}

static enum verdict judge(const struct rule *rule, const struct cg_ldap_entry *entry, int mode, int64_t now_s)
{
    const struct cg_ldap_attribute *a = applies(rule, mode) ? cg_ldap_entry_get(entry, rule->attribute) : NULL;
    const char *value = a ? cg_ldap_entry_text(entry, rule->attribute) : NULL;

    if (!a || (rule->unless && cg_ldap_entry_get(entry, rule->unless)))
        return FINE;
    return value && a->count == 1 ? rule->says(value, now_s) : UNREADABLE;
}

/* A directory that may not compare userPassword leaves the control out: absent says nothing. */
static const char *usability_refusal(const struct cg_ldap_entry *entry, bool locked_out)
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
    /* OpenLDAP gives no reason for an expired password, nor for a lock without an end; only the entry shows the lock.
     */
    return u->remaining_grace > 0 || locked_out ? NULL : "not available, expired most likely (account usability)";
}

const char *cg_ldap_state_refusal(const struct cg_ldap_entry *entry, int mode, int64_t now_s)
{
    for (size_t i = 0; i < RULES_COUNT; i++) {
        enum verdict v = judge(&RULES[i], entry, mode, now_s);

        if (v == AGAINST || v == UNREADABLE)
            return v == AGAINST ? RULES[i].against : RULES[i].unreadable;
    }
    if (!cg_ldap_state_asks_usability(mode))
        return NULL;
    return usability_refusal(entry, cg_ldap_state_locked_out(entry, mode, now_s));
}

bool cg_ldap_state_locked_out(const struct cg_ldap_entry *entry, int mode, int64_t now_s)
{
    const struct cg_ldap_usability *u = &entry->usability;

    /* A lock that has ended stays in the entry until the next login; the server knows. */
    if (cg_ldap_state_asks_usability(mode) && u->present && !u->malformed && u->available)
        return false;
    for (size_t i = 0; i < RULES_COUNT; i++)
        if (judge(&RULES[i], entry, mode, now_s) == LOCKED_OUT)
            return true;
    return false;
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
