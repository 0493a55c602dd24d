/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "storage/artifactory/art_breaker.h"

#define NOW 1000000

static bool may(struct cg_art_breaker *b, int64_t now)
{
    bool probe = false;
    bool yes = cg_art_breaker_enter(b, now, &probe);

    if (yes)
        cg_art_breaker_leave(b, probe, CG_ART_UNSURE, 0, now);
    return yes;
}

static void went(struct cg_art_breaker *b, enum cg_art_health health, unsigned wait_s, int64_t now)
{
    bool probe = false;

    assert_true(cg_art_breaker_enter(b, now, &probe));
    cg_art_breaker_leave(b, probe, health, wait_s, now);
}

static void opens_after_failures_in_a_row_and_not_before(void **state)
{
    struct cg_art_breaker b;

    (void)state;
    cg_art_breaker_init(&b, 7);
    for (int i = 1; i < CG_ART_BREAKER_FAILURES; i++)
        went(&b, CG_ART_ILL, 0, NOW);
    went(&b, CG_ART_WELL, 0, NOW); /* the row is broken */
    for (int i = 1; i < CG_ART_BREAKER_FAILURES; i++)
        went(&b, CG_ART_ILL, 0, NOW);
    assert_true(may(&b, NOW));
    assert_int_equal(cg_art_breaker_wait_s(&b, NOW), 0);
    went(&b, CG_ART_ILL, 0, NOW);
    assert_false(may(&b, NOW));
    assert_true(cg_art_breaker_wait_s(&b, NOW) >= 1);
}

static void trip(struct cg_art_breaker *b, int64_t now)
{
    for (int i = 0; i < CG_ART_BREAKER_FAILURES; i++)
        went(b, CG_ART_ILL, 0, now);
}

static void lets_a_single_probe_pass_and_closes_on_its_success(void **state)
{
    struct cg_art_breaker b;
    bool probe = false, second = false;
    int64_t later;

    (void)state;
    cg_art_breaker_init(&b, 7);
    trip(&b, NOW);
    later = b.until;
    assert_false(may(&b, later - 1));
    assert_true(cg_art_breaker_enter(&b, later, &probe));
    assert_true(probe);
    assert_false(cg_art_breaker_enter(&b, later + 60000, &second));
    cg_art_breaker_leave(&b, true, CG_ART_WELL, 0, later);
    assert_true(cg_art_breaker_enter(&b, later, &probe));
    assert_false(probe);
}

static void probe_of_which_nothing_was_learned_leaves_the_next_one_free(void **state)
{
    struct cg_art_breaker b;

    (void)state;
    cg_art_breaker_init(&b, 7);
    trip(&b, NOW);
    went(&b, CG_ART_UNSURE, 0, b.until);
    assert_true(may(&b, b.until));
}

static void waits_longer_after_each_failed_probe_up_to_a_limit(void **state)
{
    struct cg_art_breaker b;
    int64_t now = NOW, nominal = 1000;

    (void)state;
    cg_art_breaker_init(&b, 99);
    trip(&b, now);
    for (int i = 0; i < 10; i++) {
        int64_t wait = b.until - now;

        assert_true(wait >= nominal * 3 / 4 && wait <= nominal * 5 / 4 + 1);
        now = b.until;
        went(&b, CG_ART_ILL, 0, now);
        nominal = nominal * 2 < CG_ART_BREAKER_MAX_MS ? nominal * 2 : CG_ART_BREAKER_MAX_MS;
    }
    went(&b, CG_ART_WELL, 0, b.until);
    trip(&b, NOW);
    assert_true(b.until - NOW <= 1251); /* and begins small again */
}

static void spreads_waits_of_different_gateways(void **state)
{
    struct cg_art_breaker a, b;

    (void)state;
    cg_art_breaker_init(&a, 1234567);
    cg_art_breaker_init(&b, 7654321);
    trip(&a, NOW);
    trip(&b, NOW);
    assert_int_not_equal(a.until, b.until);
}

static void leaves_it_alone_as_long_as_asked_and_not_beyond_the_cap(void **state)
{
    struct cg_art_breaker b;

    (void)state;
    cg_art_breaker_init(&b, 7);
    went(&b, CG_ART_HOLD, 2, NOW); /* at once, at the first */
    assert_false(may(&b, NOW + 1999));
    assert_true(may(&b, NOW + 2201));
    cg_art_breaker_init(&b, 7);
    went(&b, CG_ART_HOLD, 86400, NOW);
    assert_false(may(&b, NOW + CG_ART_HOLD_MAX_S * 1000 - 1));
    assert_true(may(&b, NOW + CG_ART_HOLD_MAX_S * 1100 + 1));
}

static void waits_out_a_lock_of_its_account(void **state)
{
    struct cg_art_breaker b;

    (void)state;
    cg_art_breaker_init(&b, 7);
    went(&b, CG_ART_LOCKED, 300, NOW); /* longer than any Retry-After is honoured */
    assert_false(may(&b, NOW + 299999));
    assert_true(may(&b, NOW + 330001));
}

static void refused_credential_is_tried_few_times_or_when_it_has_changed(void **state)
{
    struct cg_art_breaker b;
    int64_t now = NOW;
    unsigned tries = 0;

    (void)state;
    cg_art_breaker_init(&b, 7);
    while (now < NOW + 3600 * 1000) {
        went(&b, CG_ART_REFUSED, 0, now);
        tries++;
        assert_false(may(&b, now + 1));
        now = b.until;
    }
    assert_true(tries < 10); /* an hour of a bad token must not lock the account */
    went(&b, CG_ART_REFUSED, 0, now);
    cg_art_breaker_renewed(&b, now + 1);
    assert_true(may(&b, now + 1));
}

static void new_credential_ends_no_other_wait(void **state)
{
    struct cg_art_breaker b;

    (void)state;
    cg_art_breaker_init(&b, 7);
    went(&b, CG_ART_HOLD, 10, NOW);
    cg_art_breaker_renewed(&b, NOW);
    assert_false(may(&b, NOW + 1));
}

static void late_answers_from_before_change_nothing(void **state)
{
    struct cg_art_breaker b;
    int64_t until;

    (void)state;
    cg_art_breaker_init(&b, 7);
    trip(&b, NOW);
    until = b.until;
    cg_art_breaker_leave(&b, false, CG_ART_ILL, 0, NOW + 500);
    cg_art_breaker_leave(&b, false, CG_ART_WELL, 0, NOW + 500);
    assert_int_equal(b.until, until);
    assert_false(may(&b, NOW + 500));
}

static void probe_of_settings_that_were_replaced_leaves_the_next_one_free(void **state)
{
    struct cg_art_breaker b;
    bool probe = false;

    (void)state;
    cg_art_breaker_init(&b, 7);
    cg_art_breaker_abandon(&b, NOW); /* there is none */
    assert_true(may(&b, NOW));
    trip(&b, NOW);
    assert_true(cg_art_breaker_enter(&b, b.until, &probe));
    cg_art_breaker_abandon(&b, NOW + 1);
    assert_true(cg_art_breaker_enter(&b, NOW + 1, &probe));
    assert_true(probe);
    cg_art_breaker_leave(&b, true, CG_ART_WELL, 0, NOW + 2);
    assert_true(may(&b, NOW + 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_after_failures_in_a_row_and_not_before),
        cmocka_unit_test(lets_a_single_probe_pass_and_closes_on_its_success),
        cmocka_unit_test(probe_of_which_nothing_was_learned_leaves_the_next_one_free),
        cmocka_unit_test(waits_longer_after_each_failed_probe_up_to_a_limit),
        cmocka_unit_test(spreads_waits_of_different_gateways),
        cmocka_unit_test(leaves_it_alone_as_long_as_asked_and_not_beyond_the_cap),
        cmocka_unit_test(waits_out_a_lock_of_its_account),
        cmocka_unit_test(refused_credential_is_tried_few_times_or_when_it_has_changed),
        cmocka_unit_test(new_credential_ends_no_other_wait),
        cmocka_unit_test(late_answers_from_before_change_nothing),
        cmocka_unit_test(probe_of_settings_that_were_replaced_leaves_the_next_one_free),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
