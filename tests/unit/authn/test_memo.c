/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What a connection remembers of a token: as good as asking, and gone as soon as anything has changed. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "authn/memo.h"
#include "crategate/clock.h"
#include "fixture.h"

/* Asks, and has it remembered. */
static void remember(struct fixture *f, struct cg_authn_memo *memo, const char *header)
{
    uint64_t stamp = cg_authn_stamp(f->authn);

    assert_int_equal(try_header(f, header, false), CG_OK);
    /* The first answer may have had to ask the directory, which changes the stamp: then the second is remembered. */
    if (stamp != cg_authn_stamp(f->authn)) {
        stamp = cg_authn_stamp(f->authn);
        assert_int_equal(fast(f, header), CG_OK);
    }
    cg_authn_remember(f->authn, memo, header, stamp, &f->answer.caller);
}

static bool recalls_at(struct fixture *f, const struct cg_authn_memo *memo, const char *header, int64_t now_ms)
{
    struct cg_caller caller = {0};

    if (!cg_authn_recall(f->authn, memo, header, now_ms, &caller))
        return false;
    assert_ptr_equal(caller.who, memo->caller.who);
    assert_ptr_equal(caller.token, memo->caller.token);
    cg_caller_free(&caller);
    return true;
}

static bool recalls(struct fixture *f, const struct cg_authn_memo *memo, const char *header)
{
    return recalls_at(f, memo, header, cg_clock_mono_ms());
}

static void the_same_header_is_the_same_caller_for_a_second(void **state)
{
    struct fixture *f = fixture_new("");
    struct cg_authn_memo memo = {0};
    char *token = fixture_token(f), *other = fixture_token(f);

    (void)state;
    assert_false(recalls(f, &memo, token));
    remember(f, &memo, token);
    assert_true(recalls_at(f, &memo, token, 0));
    assert_string_equal(cg_identity_name(memo.caller.who), "alice");
    assert_false(recalls_at(f, &memo, token, cg_clock_mono_ms() + 1001));
    assert_false(recalls_at(f, &memo, other, 0));
    assert_false(recalls_at(f, &memo, "", 0));
    token[strlen(token) - 1] ^= 1;
    assert_false(recalls_at(f, &memo, token, 0));
    cg_authn_memo_clear(&memo);
    assert_false(recalls_at(f, &memo, token, 0));
    free(token);
    free(other);
    fixture_free(f);
}

static void a_revoked_token_is_forgotten_at_once(void **state)
{
    struct fixture *f = fixture_new("");
    struct cg_authn_memo memo = {0};
    char *token = fixture_token(f);

    (void)state;
    remember(f, &memo, token);
    assert_int_equal(cg_authn_token_revoke(f->authn, memo.caller.token->id, NULL, &f->err), CG_OK);
    assert_false(recalls_at(f, &memo, token, 0));
    cg_authn_memo_clear(&memo);
    free(token);
    fixture_free(f);
}

static void a_reconfiguration_voids_what_is_remembered(void **state)
{
    struct fixture *f = fixture_new("");
    struct cg_authn_memo memo = {0};
    char *token = fixture_token(f);

    (void)state;
    remember(f, &memo, token);
    cg_authn_reconfigure(f->authn, f->conf, f->dir);
    assert_false(recalls_at(f, &memo, token, 0));
    cg_authn_memo_clear(&memo);
    free(token);
    fixture_free(f);
}

static void a_change_while_the_caller_was_looked_up_is_not_missed(void **state)
{
    struct fixture *f = fixture_new("");
    struct cg_authn_memo memo = {0};
    char *token = fixture_token(f);
    uint64_t stamp;

    (void)state;
    assert_int_equal(try_header(f, token, false), CG_OK);
    stamp = cg_authn_stamp(f->authn);
    assert_int_equal(fast(f, token), CG_OK);
    assert_int_equal(cg_authn_token_revoke(f->authn, f->answer.caller.token->id, NULL, &f->err), CG_OK);
    cg_authn_remember(f->authn, &memo, token, stamp, &f->answer.caller);
    assert_false(recalls_at(f, &memo, token, 0));
    cg_authn_memo_clear(&memo);
    free(token);
    fixture_free(f);
}

static void nobody_is_remembered_without_a_token_or_beyond_the_verdict(void **state)
{
    struct fixture *f = fixture_new("");
    struct cg_authn_memo memo = {0};
    struct cg_caller anonymous = {0};
    char *token = fixture_token(f);

    (void)state;
    cg_authn_remember(f->authn, &memo, "x", cg_authn_stamp(f->authn), &anonymous);
    assert_false(recalls_at(f, &memo, "x", 0));
    remember(f, &memo, token);
    assert_int_equal(fast(f, token), CG_OK);
    cg_authn_reconfigure(f->authn, f->conf, f->dir); /* the verdict is due, so it is grace that lets alice in */
    cg_authn_remember(f->authn, &memo, token, cg_authn_stamp(f->authn), &f->answer.caller);
    assert_false(recalls_at(f, &memo, token, 0));
    cg_authn_memo_clear(&memo);
    free(token);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_header_is_the_same_caller_for_a_second),
        cmocka_unit_test(a_revoked_token_is_forgotten_at_once),
        cmocka_unit_test(a_reconfiguration_voids_what_is_remembered),
        cmocka_unit_test(a_change_while_the_caller_was_looked_up_is_not_missed),
        cmocka_unit_test(nobody_is_remembered_without_a_token_or_beyond_the_verdict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
