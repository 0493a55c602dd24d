/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "fake_directory.h"
#include "fake_metadata.h"
#include "fixture.h"

static enum cg_err change(struct fx *f, bool add, const char *const *logins)
{
    f->change = (struct cg_change){.policy = f->policy, .caller = &f->caller, .ns = "payments"};
    f->err = (struct cg_error){0};
    cg_buf_reset(&f->out);
    return cg_registry_owners_change(f->reg, &f->change, f->people, "Pay_Core", (char *const *)(uintptr_t)logins, add,
                                     &f->out, &f->err);
}

#define ADD(f, ...) change((f), true, (const char *const[]){__VA_ARGS__, NULL})
#define REMOVE(f, ...) change((f), false, (const char *const[]){__VA_ARGS__, NULL})

/* The message of an answer; valid until the next. */
static const char *message(struct fx *f)
{
    static char text[4096];
    json_t *json = fx_json(f);

    assert_true(json_is_true(json_object_get(json, "ok")));
    strncpy(text, cg_json_str(json, "msg"), sizeof(text) - 1);
    json_decref(json);
    return text;
}

/* The logins as listed, in order. */
static void assert_listed(struct fx *f, const char *expected)
{
    char logins[256] = "";
    json_t *json, *user;
    size_t i;

    cg_buf_reset(&f->out);
    fx_ok(f, cg_registry_owners(f->reg, "payments", "pay_core", &f->out, &f->err));
    json = fx_json(f);
    assert_true(json_is_array(json_object_get(json, "users")));
    json_array_foreach(json_object_get(json, "users"), i, user)
    {
        json_int_t id = json_integer_value(json_object_get(user, "id"));

        assert_true(id > 0 && id < 4294967296);
        assert_true(json_is_null(json_object_get(user, "name")));
        strcat(strcat(logins, i ? " " : ""), cg_json_str(user, "login"));
    }
    json_decref(json);
    assert_string_equal(logins, expected);
}

static int setup_crate(void **state)
{
    struct fx *f;

    fx_setup(state);
    f = *state;
    fx_ok(f, fx_publish(f, "pay_core", "1.0.0", NULL, NULL));
    return 0;
}

static int setup_crate_real(void **state)
{
    struct fx *f;

    fx_setup_real(state);
    f = *state;
    fx_ok(f, fx_publish(f, "pay_core", "1.0.0", NULL, NULL));
    return 0;
}

static void a_crate_without_owners_lists_none(void **state)
{
    assert_listed(*state, "");
}

static void owners_are_added_listed_and_removed(void **state)
{
    struct fx *f = *state;

    fx_ok(f, ADD(f, "paula", "group:payments", "alice"));
    assert_string_equal(message(f), "paula, group:payments and alice are now owners of crate `pay_core`");
    assert_false(f->change.unchanged);
    assert_string_equal(f->change.crate, "Pay_Core");
    assert_listed(f, "paula group:payments alice");
    fx_ok(f, REMOVE(f, "paula", "group:payments"));
    assert_string_equal(message(f), "paula and group:payments are no longer owners of crate `pay_core`");
    assert_listed(f, "alice");
}

static void an_owner_is_who_the_directory_says_not_how_it_was_spelled(void **state)
{
    struct fx *f = *state;

    fx_ok(f, ADD(f, "Paula"));
    assert_string_equal(message(f), "paula is now an owner of crate `pay_core`");
    fx_ok(f, ADD(f, "PAULA"));
    assert_true(f->change.unchanged);
    assert_listed(f, "paula");
    fx_ok(f, REMOVE(f, "PauLa", "paula"));
    assert_listed(f, "");
}

static void removing_the_last_one_says_who_may_now(void **state)
{
    struct fx *f = *state;

    fx_ok(f, ADD(f, "paula"));
    fx_ok(f, REMOVE(f, "paula"));
    assert_non_null(strstr(message(f),
                           "is no longer an owner of crate `pay_core`; it has no owners of its own any more, "
                           "so every publisher of namespace \"payments\""));
}

static void one_unknown_login_changes_nothing(void **state)
{
    struct fx *f = *state;

    fx_refused(f, ADD(f, "paula", "nobody\n"), CG_ERR_UNPROCESSABLE, "the user \"nobody?\" cannot be an owner");
    fx_refused(f, ADD(f, "paula", "group:nothing"), CG_ERR_UNPROCESSABLE, "the group \"nothing\" cannot be an owner");
    cg_fake_directory_set_state(f->people, "olga", CG_FAKE_DISABLED);
    fx_refused(f, ADD(f, "paula", "olga"), CG_ERR_UNPROCESSABLE, "may not be used");
    assert_listed(f, "");
    fx_ok(f, ADD(f, "paula"));
    fx_refused(f, REMOVE(f, "paula", "alice"), CG_ERR_UNPROCESSABLE, "\"alice\" is not an owner of crate `pay_core`");
    assert_listed(f, "paula");
}

static void an_ambiguous_name_is_a_conflict_and_a_silent_directory_503(void **state)
{
    struct fx *f = *state;

    cg_fake_directory_set_mode(f->people, CG_FAKE_CONFLICT);
    assert_int_equal(ADD(f, "paula"), CG_ERR_CONFLICT);
    cg_fake_directory_set_mode(f->people, CG_FAKE_UNAVAILABLE);
    assert_int_equal(ADD(f, "paula"), CG_ERR_UNAVAILABLE);
    assert_int_equal(ADD(f, "group:payments"), CG_ERR_UNAVAILABLE);
    assert_listed(f, "");
}

static void who_left_the_company_can_still_be_removed(void **state)
{
    struct fx *f = *state;

    fx_ok(f, ADD(f, "paula", "alice"));
    cg_fake_directory_set_state(f->people, "alice", CG_FAKE_GONE);
    cg_fake_directory_set_mode(f->people, CG_FAKE_UNAVAILABLE);
    fx_ok(f, REMOVE(f, "alice"));
    assert_listed(f, "paula");
}

static void only_owners_and_admins_change_owners(void **state)
{
    struct fx *f = *state;

    f->caller.who = f->olga;
    fx_refused(f, ADD(f, "olga"), CG_ERR_DENIED, "change owners");
    f->caller.who = f->paula;
    fx_ok(f, ADD(f, "alice"));
    fx_refused(f, ADD(f, "paula"), CG_ERR_DENIED, "owners of its own (alice)");
    fx_refused(f, REMOVE(f, "alice"), CG_ERR_DENIED, "owners of its own (alice)");
    f->caller.who = f->root;
    fx_ok(f, ADD(f, "paula"));
    f->caller.who = f->alice;
    fx_ok(f, REMOVE(f, "alice"));
    assert_listed(f, "paula");
}

static void crates_that_do_not_exist_have_no_owners(void **state)
{
    struct fx *f = *state;
    char *const logins[] = {(char *)"paula", NULL};

    fx_refused(f, cg_registry_owners(f->reg, "payments", "pay-core", &f->out, &f->err), CG_ERR_ABSENT, "`pay-core`");
    f->change = (struct cg_change){.policy = f->policy, .caller = &f->caller, .ns = "payments"};
    fx_refused(f, cg_registry_owners_change(f->reg, &f->change, f->people, "pay-none", logins, true, &f->out, &f->err),
               CG_ERR_ABSENT, "`pay-none`");
}

static void a_fault_of_the_database_is_503(void **state)
{
    static const char *const operations[] = {"owner_each", "owner_add"};
    struct fx *f = *state;

    for (size_t i = 0; i < 2; i++) {
        cg_fake_metadata_set_broken(f->md, operations[i]);
        assert_int_equal(ADD(f, "paula"), CG_ERR_UNAVAILABLE);
        assert_false(f->change.unchanged);
        cg_fake_metadata_set_broken(f->md, NULL);
    }
    assert_listed(f, "");
    fx_ok(f, ADD(f, "paula"));
    cg_fake_metadata_set_broken(f->md, "owner_remove");
    assert_int_equal(REMOVE(f, "paula"), CG_ERR_UNAVAILABLE);
    cg_fake_metadata_set_broken(f->md, "owner_each");
    fx_refused(f, cg_registry_owners(f->reg, "payments", "pay_core", &f->out, &f->err), CG_ERR_UNAVAILABLE, "");
    cg_fake_metadata_set_broken(f->md, NULL);
    assert_listed(f, "paula");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_crate_without_owners_lists_none, setup_crate, fx_teardown),
        cmocka_unit_test_setup_teardown(owners_are_added_listed_and_removed, setup_crate_real, fx_teardown),
        cmocka_unit_test_setup_teardown(an_owner_is_who_the_directory_says_not_how_it_was_spelled, setup_crate_real,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(removing_the_last_one_says_who_may_now, setup_crate, fx_teardown),
        cmocka_unit_test_setup_teardown(one_unknown_login_changes_nothing, setup_crate, fx_teardown),
        cmocka_unit_test_setup_teardown(an_ambiguous_name_is_a_conflict_and_a_silent_directory_503, setup_crate,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(who_left_the_company_can_still_be_removed, setup_crate, fx_teardown),
        cmocka_unit_test_setup_teardown(only_owners_and_admins_change_owners, setup_crate, fx_teardown),
        cmocka_unit_test_setup_teardown(crates_that_do_not_exist_have_no_owners, setup_crate, fx_teardown),
        cmocka_unit_test_setup_teardown(a_fault_of_the_database_is_503, setup_crate, fx_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
