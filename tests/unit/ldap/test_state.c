/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <ldap.h>
#include <string.h>

#include "conf/conf.h"
#include "ldap/result.h"
#include "ldap/state.h"

#define NOW 1764000000LL /* 2025-11-24 */

/* Why an account with this one attribute is refused; NULL when it is not. */
static const char *refusal(const char *attribute, const char *value, int mode)
{
    struct cg_ldap_result result = {0};
    struct cg_ldap_entry *entry = cg_ldap_result_add(&result, "uid=x");
    const char *why;

    assert_true(cg_ldap_entry_add(&result, entry, attribute, value, strlen(value)));
    why = cg_ldap_state_refusal(entry, mode, NOW);
    cg_ldap_result_free(&result);
    return why;
}

enum outcome { USABLE, REFUSED, LOCKED };

static enum outcome outcome_of(const struct cg_ldap_entry *entry, int mode)
{
    if (cg_ldap_state_refusal(entry, mode, NOW))
        return REFUSED;
    return cg_ldap_state_locked_out(entry, mode, NOW) ? LOCKED : USABLE;
}

/* Every attribute with values of each kind: in its own mode, in "auto", and in no other one. */
static void every_attribute_says_what_it_says_in_its_own_mode_only(void **state)
{
    static const struct {
        int mode;
        const char *attribute, *value;
        enum outcome outcome;
    } CASES[] = {
        {CG_STATE_AD, "userAccountControl", "512", USABLE},
        {CG_STATE_AD, "userAccountControl", "514", REFUSED},
        {CG_STATE_AD, "userAccountControl", "66050", REFUSED},
        {CG_STATE_AD, "userAccountControl", "0x202", REFUSED},
        {CG_STATE_AD, "accountExpires", "0", USABLE},
        {CG_STATE_AD, "accountExpires", "9223372036854775807", USABLE},
        {CG_STATE_AD, "accountExpires", "134084736000000000", REFUSED}, /* NOW itself */
        {CG_STATE_AD, "accountExpires", "134084736010000000", USABLE},  /* a second later */
        {CG_STATE_AD, "accountExpires", "-1", REFUSED},
        {CG_STATE_AD, "accountExpires", "9223372036854775808", REFUSED},
        {CG_STATE_AD, "pwdLastSet", "0", REFUSED},
        {CG_STATE_AD, "pwdLastSet", "133000000000000000", USABLE},
        {CG_STATE_AD, "pwdLastSet", "", REFUSED},
        {CG_STATE_AD, "lockoutTime", "0", USABLE},
        {CG_STATE_AD, "lockoutTime", "133900000000000000", LOCKED},
        {CG_STATE_AD, "lockoutTime", "yes", REFUSED},
        {CG_STATE_AD, "msDS-User-Account-Control-Computed", "0", USABLE},
        {CG_STATE_AD, "msDS-User-Account-Control-Computed", "16", LOCKED},
        {CG_STATE_AD, "msDS-User-Account-Control-Computed", "8388608", REFUSED},
        {CG_STATE_AD, "msDS-User-Account-Control-Computed", "8388624", REFUSED},
        {CG_STATE_PPOLICY, "pwdAccountLockedTime", "000001010000Z", REFUSED},
        {CG_STATE_PPOLICY, "pwdAccountLockedTime", "00000101000000Z", REFUSED},
        {CG_STATE_PPOLICY, "pwdAccountLockedTime", "20251124000000Z", LOCKED},
        {CG_STATE_PPOLICY, "pwdAccountLockedTime", "20251124000000.123Z", LOCKED},
        {CG_STATE_PPOLICY, "pwdAccountLockedTime", "yesterday", REFUSED},
        {CG_STATE_PPOLICY, "pwdReset", "TRUE", REFUSED},
        {CG_STATE_PPOLICY, "pwdReset", "FALSE", USABLE},
        {CG_STATE_PPOLICY, "pwdReset", "perhaps", REFUSED},
        {CG_STATE_PPOLICY, "pwdStartTime", "20240101000000Z", USABLE},
        {CG_STATE_PPOLICY, "pwdStartTime", "20991231235959Z", REFUSED},
        {CG_STATE_PPOLICY, "pwdStartTime", "2099", REFUSED},
        {CG_STATE_PPOLICY, "pwdEndTime", "20240101000000Z", REFUSED},
        {CG_STATE_PPOLICY, "pwdEndTime", "20991231235959Z", USABLE},
        {CG_STATE_PPOLICY, "pwdEndTime", "20990230250000", REFUSED},
        {CG_STATE_PPOLICY, "pwdEndTime", "20991332000000Z", REFUSED},
        {CG_STATE_389DS, "nsAccountLock", "true", REFUSED},
        {CG_STATE_389DS, "nsAccountLock", "false", USABLE},
        {CG_STATE_389DS, "nsAccountLock", "1", REFUSED},
        {CG_STATE_389DS, "accountUnlockTime", "19700101000000Z", LOCKED}, /* for ever */
        {CG_STATE_389DS, "accountUnlockTime", "20251124160000Z", USABLE}, /* it is NOW */
        {CG_STATE_389DS, "accountUnlockTime", "20251124160001Z", LOCKED},
        {CG_STATE_389DS, "accountUnlockTime", "0", REFUSED},
        {CG_STATE_SHADOW, "shadowExpire", "-1", USABLE},
        {CG_STATE_SHADOW, "shadowExpire", "0", REFUSED},
        {CG_STATE_SHADOW, "shadowExpire", "20416", REFUSED}, /* today */
        {CG_STATE_SHADOW, "shadowExpire", "20417", USABLE},
        {CG_STATE_SHADOW, "shadowExpire", "soon", REFUSED},
        {CG_STATE_SHADOW, "shadowLastChange", "0", REFUSED},
        {CG_STATE_SHADOW, "shadowLastChange", "20000", USABLE},
        {CG_STATE_SHADOW, "shadowLastChange", "x", REFUSED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct cg_ldap_result result = {0};
        struct cg_ldap_entry *entry = cg_ldap_result_add(&result, "uid=x");

        assert_true(cg_ldap_entry_add(&result, entry, CASES[i].attribute, CASES[i].value, strlen(CASES[i].value)));
        for (int mode = CG_STATE_AUTO; mode <= CG_STATE_NONE; mode++) {
            bool looks = mode == CG_STATE_AUTO || mode == CASES[i].mode;

            if (outcome_of(entry, mode) != (looks ? CASES[i].outcome : USABLE))
                fail_msg("%s: %s in mode %d", CASES[i].attribute, CASES[i].value, mode);
        }
        cg_ldap_result_free(&result);
    }
}

static void value_that_is_no_single_text_is_refused(void **state)
{
    struct cg_ldap_result result = {0};
    struct cg_ldap_entry *entry = cg_ldap_result_add(&result, "uid=x");

    (void)state;
    assert_true(cg_ldap_entry_add(&result, entry, "userAccountControl", "512\0", 4));
    assert_non_null(strstr(cg_ldap_state_refusal(entry, CG_STATE_AUTO, NOW), "userAccountControl cannot be read"));
    cg_ldap_result_free(&result);
    entry = cg_ldap_result_add(&result, "uid=x");
    assert_true(cg_ldap_entry_add(&result, entry, "nsAccountLock", "false", 5));
    assert_null(cg_ldap_state_refusal(entry, CG_STATE_AUTO, NOW));
    assert_true(cg_ldap_entry_add(&result, entry, "nsAccountLock", "true", 4));
    assert_non_null(cg_ldap_state_refusal(entry, CG_STATE_AUTO, NOW));
    cg_ldap_result_free(&result);
}

/* lockoutTime stays after the lock has ended; what the server computes does not. */
static void computed_lock_out_knows_better_than_its_time(void **state)
{
    struct cg_ldap_result result = {0};
    struct cg_ldap_entry *entry = cg_ldap_result_add(&result, "uid=x");

    (void)state;
    assert_true(cg_ldap_entry_add(&result, entry, "lockoutTime", "133900000000000000", 18));
    assert_int_equal(outcome_of(entry, CG_STATE_AD), LOCKED);
    assert_true(cg_ldap_entry_add(&result, entry, "msDS-User-Account-Control-Computed", "0", 1));
    assert_int_equal(outcome_of(entry, CG_STATE_AD), USABLE);
    cg_ldap_result_free(&result);
}

static void usability_knows_better_than_the_time_of_a_lock_that_has_ended(void **state)
{
    struct cg_ldap_result result = {0};
    struct cg_ldap_entry *entry = cg_ldap_result_add(&result, "uid=x");

    (void)state;
    assert_true(cg_ldap_entry_add(&result, entry, "pwdAccountLockedTime", "20251124000000Z", 15));
    assert_int_equal(outcome_of(entry, CG_STATE_PPOLICY), LOCKED);
    entry->usability = (struct cg_ldap_usability){.present = true, .available = true};
    assert_int_equal(outcome_of(entry, CG_STATE_PPOLICY), USABLE);
    cg_ldap_result_free(&result);
}

static void each_mode_asks_for_its_own_attributes(void **state)
{
    size_t total = 0, all = 0;

    (void)state;
    for (int mode = CG_STATE_AD; mode < CG_STATE_NONE; mode++) {
        size_t count = 0;

        while (cg_ldap_state_attribute(mode, count))
            count++;
        assert_true(count >= 2);
        total += count;
    }
    while (cg_ldap_state_attribute(CG_STATE_AUTO, all))
        all++;
    assert_int_equal(all, total);
    assert_null(cg_ldap_state_attribute(CG_STATE_NONE, 0));
    assert_false(cg_ldap_state_asks_usability(CG_STATE_NONE));
    assert_false(cg_ldap_state_asks_usability(CG_STATE_AD));
}

static void plain_account_is_usable(void **state)
{
    (void)state;
    assert_null(refusal("cn", "x", CG_STATE_AUTO));
}

static void administrative_lock_is_refused_and_lock_out_is_not(void **state)
{
    (void)state;
    assert_non_null(refusal("pwdAccountLockedTime", "000001010000Z", CG_STATE_AUTO));
    assert_null(refusal("pwdAccountLockedTime", "20251124000000Z", CG_STATE_AUTO));
}

static void must_change_is_refused(void **state)
{
    (void)state;
    assert_non_null(refusal("pwdReset", "TRUE", CG_STATE_AUTO));
    assert_null(refusal("pwdReset", "FALSE", CG_STATE_AUTO));
}

static void shadow_expiry_counts_days(void **state)
{
    (void)state;
    assert_non_null(refusal("shadowExpire", "100", CG_STATE_AUTO));
    assert_non_null(refusal("shadowExpire", "20416", CG_STATE_AUTO)); /* today */
    assert_null(refusal("shadowExpire", "20417", CG_STATE_AUTO));
    assert_null(refusal("shadowExpire", "-1", CG_STATE_AUTO));
    assert_non_null(refusal("shadowExpire", "soon", CG_STATE_AUTO));
    assert_non_null(refusal("shadowExpire", "99999999999999999999", CG_STATE_AUTO));
}

static void locks_of_389_directory_server_are_seen_pitfall_21(void **state)
{
    (void)state;
    assert_non_null(refusal("nsAccountLock", "TRUE", CG_STATE_AUTO));
    assert_non_null(refusal("nsaccountlock", "true", CG_STATE_AUTO));
    assert_null(refusal("nsAccountLock", "false", CG_STATE_AUTO));
    assert_null(refusal("accountUnlockTime", "20260101000000Z", CG_STATE_AUTO)); /* by wrong passwords */
}

static void active_directory_attributes_are_seen_pitfall_21(void **state)
{
    (void)state;
    assert_non_null(refusal("userAccountControl", "514", CG_STATE_AUTO));
    assert_null(refusal("userAccountControl", "512", CG_STATE_AUTO));
    assert_non_null(refusal("userAccountControl", "-2147483646", CG_STATE_AUTO));
    assert_non_null(refusal("userAccountControl", "x", CG_STATE_AUTO));
    assert_non_null(refusal("accountExpires", "132223104000000000", CG_STATE_AUTO));
    assert_null(refusal("accountExpires", "0", CG_STATE_AUTO));
    assert_null(refusal("accountExpires", "9223372036854775807", CG_STATE_AUTO));
    assert_null(refusal("accountExpires", "150000000000000000", CG_STATE_AUTO));
    assert_non_null(refusal("accountExpires", "", CG_STATE_AUTO));
}

static void setting_says_what_is_looked_at(void **state)
{
    (void)state;
    assert_null(refusal("shadowExpire", "100", CG_STATE_PPOLICY));
    assert_null(refusal("pwdReset", "TRUE", CG_STATE_SHADOW));
    assert_non_null(refusal("pwdReset", "TRUE", CG_STATE_PPOLICY));
    assert_non_null(refusal("shadowExpire", "100", CG_STATE_SHADOW));
    assert_null(refusal("userAccountControl", "514", CG_STATE_SHADOW));
    assert_null(refusal("pwdReset", "TRUE", CG_STATE_NONE));
    assert_null(refusal("shadowExpire", "100", CG_STATE_NONE));
}

static const char *usability(struct cg_ldap_usability u, const char *locked_since)
{
    struct cg_ldap_result result = {0};
    struct cg_ldap_entry *entry = cg_ldap_result_add(&result, "uid=x");
    const char *why;

    if (locked_since)
        assert_true(cg_ldap_entry_add(&result, entry, "pwdAccountLockedTime", locked_since, strlen(locked_since)));
    u.present = true;
    entry->usability = u;
    why = cg_ldap_state_refusal(entry, CG_STATE_AUTO, NOW);
    cg_ldap_result_free(&result);
    return why;
}

static void usability_control_is_heeded(void **state)
{
    (void)state;
    assert_null(usability((struct cg_ldap_usability){.available = true}, NULL));
    assert_non_null(usability((struct cg_ldap_usability){.expired = true}, NULL));
    assert_non_null(usability((struct cg_ldap_usability){.expired = true, .remaining_grace = -1}, NULL));
    assert_null(usability((struct cg_ldap_usability){.expired = true, .remaining_grace = 2}, NULL));
    assert_non_null(usability((struct cg_ldap_usability){.remaining_grace = -1}, NULL)); /* OpenLDAP: expired */
    assert_null(usability((struct cg_ldap_usability){.remaining_grace = -1}, "20251124000000Z"));
    assert_null(usability((struct cg_ldap_usability){.remaining_grace = 2}, NULL));
    assert_non_null(usability((struct cg_ldap_usability){.reset = true}, NULL));
    assert_non_null(usability((struct cg_ldap_usability){.inactive = true}, NULL));
    assert_null(usability((struct cg_ldap_usability){.inactive = true}, "20251124000000Z"));
    assert_non_null(usability((struct cg_ldap_usability){.inactive = true}, "000001010000Z"));
}

static void malformed_usability_control_is_refused_pitfall_18(void **state)
{
    (void)state;
    assert_non_null(usability((struct cg_ldap_usability){.malformed = true, .available = true}, NULL));
}

static void untouched_bind_note_is_no_refusal(void **state)
{
    struct cg_ldap_bind_note note = CG_LDAP_BIND_NOTE_INIT;

    (void)state;
    assert_null(cg_ldap_bind_refusal(&note));
    note.grace = 1;
    assert_null(cg_ldap_bind_refusal(&note));
}

static void success_with_a_reason_against_it_is_refused(void **state)
{
    static const int AGAINST[] = {PP_passwordExpired, PP_accountLocked, PP_changeAfterReset, PP_passwordTooLong, 77};
    struct cg_ldap_bind_note note = CG_LDAP_BIND_NOTE_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(AGAINST) / sizeof(AGAINST[0]); i++) {
        note.ppolicy_error = AGAINST[i];
        assert_non_null(cg_ldap_bind_refusal(&note));
    }
    note = (struct cg_ldap_bind_note)CG_LDAP_BIND_NOTE_INIT;
    note.expired = true;
    assert_non_null(cg_ldap_bind_refusal(&note));
}

static void malformed_bind_control_is_refused_pitfall_18(void **state)
{
    struct cg_ldap_bind_note note = CG_LDAP_BIND_NOTE_INIT;

    (void)state;
    note.malformed = true;
    assert_non_null(cg_ldap_bind_refusal(&note));
}

static void no_and_no_answer_are_different_results(void **state)
{
    static const int NO[] = {49, 53, 19, 50, 32, 34, 48, 10, 8};
    static const int NO_ANSWER[] = {-1, -5, -11, 1, 3, 51, 52, 80, 81, 85, 91, 4711, 2};

    (void)state;
    assert_int_equal(cg_ldap_result_of_bind(0), CG_OK);
    for (size_t i = 0; i < sizeof(NO) / sizeof(NO[0]); i++)
        assert_int_equal(cg_ldap_result_of_bind(NO[i]), CG_ERR_UNAUTHENTICATED);
    for (size_t i = 0; i < sizeof(NO_ANSWER) / sizeof(NO_ANSWER[0]); i++)
        assert_int_equal(cg_ldap_result_of_bind(NO_ANSWER[i]), CG_ERR_UNAVAILABLE);
}

static void diagnostic_text_is_cut_and_printable_pitfall_18(void **state)
{
    char out[20], big[70000];

    (void)state;
    memset(big, 'x', sizeof(big));
    big[sizeof(big) - 1] = '\0';
    big[1] = '\n';
    cg_ldap_result_diagnostic(big, out, sizeof(out));
    assert_string_equal(out, "x?xxxxxxxxxxxxxxxxx");
    cg_ldap_result_diagnostic(NULL, out, sizeof(out));
    assert_string_equal(out, "");
}

static void result_has_a_maximum_of_bytes_pitfall_18(void **state)
{
    static char chunk[1024 * 1024];
    struct cg_ldap_result result = {0};
    struct cg_ldap_entry *entry = cg_ldap_result_add(&result, "uid=x");
    unsigned taken = 0;

    (void)state;
    while (taken < 100 && cg_ldap_entry_add(&result, entry, "a", chunk, sizeof(chunk)))
        taken++;
    assert_in_range(taken, 3, 4);
    cg_ldap_result_free(&result);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_attribute_says_what_it_says_in_its_own_mode_only),
        cmocka_unit_test(value_that_is_no_single_text_is_refused),
        cmocka_unit_test(computed_lock_out_knows_better_than_its_time),
        cmocka_unit_test(usability_knows_better_than_the_time_of_a_lock_that_has_ended),
        cmocka_unit_test(each_mode_asks_for_its_own_attributes),
        cmocka_unit_test(plain_account_is_usable),
        cmocka_unit_test(administrative_lock_is_refused_and_lock_out_is_not),
        cmocka_unit_test(must_change_is_refused),
        cmocka_unit_test(shadow_expiry_counts_days),
        cmocka_unit_test(locks_of_389_directory_server_are_seen_pitfall_21),
        cmocka_unit_test(active_directory_attributes_are_seen_pitfall_21),
        cmocka_unit_test(setting_says_what_is_looked_at),
        cmocka_unit_test(usability_control_is_heeded),
        cmocka_unit_test(malformed_usability_control_is_refused_pitfall_18),
        cmocka_unit_test(untouched_bind_note_is_no_refusal),
        cmocka_unit_test(success_with_a_reason_against_it_is_refused),
        cmocka_unit_test(malformed_bind_control_is_refused_pitfall_18),
        cmocka_unit_test(no_and_no_answer_are_different_results),
        cmocka_unit_test(diagnostic_text_is_cut_and_printable_pitfall_18),
        cmocka_unit_test(result_has_a_maximum_of_bytes_pitfall_18),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
