/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crategate/token.h"

static void a_token_frees_what_it_holds_with_the_last_reference(void **state)
{
    (void)state;
    struct cg_token *token = cg_token_new();
    assert_int_equal(atomic_load(&token->refs), 1);
    token->name = cg_strdup("ci");
    token->owner_id = cg_strdup("uuid");
    token->owner_name = cg_strdup("alice");
    token->crates = cg_strlist_split("pay-*, core");
    token->namespaces = cg_strlist_split("payments");
    token->grants = cg_strlist_split("payments:read");
    struct cg_token *again = cg_token_ref(token);
    cg_token_unref(&token);
    assert_null(token);
    assert_string_equal(again->name, "ci");
    cg_token_unref(&again);
    cg_token_unref(&again);
}

static void scopes_and_actions_are_one_table(void **state)
{
    (void)state;
    static const char *const scopes[] = {"read", "publish-new", "publish-update", "yank", "change-owners"};
    unsigned all = 0;
    for (size_t i = 0; i < 5; i++) {
        enum cg_action action = CG_ACTION_NONE;
        assert_int_equal(cg_action_from_scope(scopes[i], &action), CG_OK);
        assert_string_equal(cg_action_name(action), scopes[i]);
        all |= action;
    }
    assert_int_equal(all, CG_ACTION_ALL);
    assert_string_equal(cg_action_name(CG_ACTION_PUBLISH), "publish");
    assert_string_equal(cg_action_name(CG_ACTION_NONE), "none");
}

static void unknown_scopes_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "Yank", "yank ", "publish", "none", "*"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        enum cg_action action = CG_ACTION_OWNERS;
        assert_int_equal(cg_action_from_scope(bad[i], &action), CG_ERR_INVALID);
        assert_int_equal(action, CG_ACTION_OWNERS);
    }
}

static void lists_are_split_copied_and_joined(void **state)
{
    (void)state;
    char **list = cg_strlist_split(" a,b ,,  c\t");
    assert_string_equal(list[0], "a");
    assert_string_equal(list[1], "b");
    assert_string_equal(list[2], "c");
    assert_null(list[3]);
    char **copy = cg_strlist_copy(list);
    cg_strlist_free(&list);
    assert_null(list);
    char *text = cg_strlist_join(copy, ", ");
    assert_string_equal(text, "a, b, c");
    free(text);
    cg_strlist_free(&copy);
    cg_strlist_free(&copy);
}

static void no_list_stays_none(void **state)
{
    (void)state;
    assert_null(cg_strlist_split(""));
    assert_null(cg_strlist_split(" , "));
    assert_null(cg_strlist_copy(NULL));
    char *text = cg_strlist_join(NULL, ",");
    assert_string_equal(text, "");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_frees_what_it_holds_with_the_last_reference),
        cmocka_unit_test(scopes_and_actions_are_one_table),
        cmocka_unit_test(unknown_scopes_are_refused),
        cmocka_unit_test(lists_are_split_copied_and_joined),
        cmocka_unit_test(no_list_stays_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
