/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "fake_metadata.h"
#include "fake_storage.h"
#include "fixture.h"

static void assert_ok_answer(struct fx *f)
{
    assert_string_equal(cg_buf_str(&f->out), "{\"ok\":true}");
}

/* "fft" for three lines of which the last is yanked. */
static void assert_flags(struct fx *f, const char *flags)
{
    char *text = fx_served_index(f, "pa/y-/pay-core"), *at = text;

    for (; *flags; flags++) {
        at = strstr(at, "\"yanked\":");
        assert_non_null(at);
        at += strlen("\"yanked\":");
        assert_int_equal(*at, *flags);
    }
    assert_null(strstr(at, "\"yanked\":"));
    free(text);
}

static void publish_three(struct fx *f)
{
    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    fx_ok(f, fx_publish(f, "pay-core", "1.1.0+build.7", NULL, NULL));
    fx_ok(f, fx_publish(f, "pay-core", "2.0.0-rc.1", NULL, NULL));
}

static void yank_and_unyank_set_one_flag_and_nothing_else(void **state)
{
    struct fx *f = *state;
    char *before, *after;

    publish_three(f);
    before = fx_stored_index(f, "pay-core");
    fx_ok(f, fx_yank(f, "pay-core", "1.0.0", true));
    assert_ok_answer(f);
    assert_false(f->change.unchanged);
    assert_string_equal(f->change.version, "1.0.0");
    assert_flags(f, "tff");
    fx_ok(f, fx_yank(f, "pay-core", "1.0.0", false));
    assert_ok_answer(f);
    assert_flags(f, "fff");
    after = fx_stored_index(f, "pay-core");
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void doing_it_twice_succeeds_and_writes_nothing(void **state)
{
    struct fx *f = *state;

    publish_three(f);
    fx_ok(f, fx_yank(f, "pay-core", "1.0.0", true));
    cg_fake_storage_set_broken(f->st, "index_write");
    fx_ok(f, fx_yank(f, "pay-core", "1.0.0", true));
    assert_true(f->change.unchanged);
    assert_ok_answer(f);
}

static void build_metadata_may_be_left_out_but_not_wrong(void **state)
{
    struct fx *f = *state;

    publish_three(f);
    fx_ok(f, fx_yank(f, "pay-core", "1.1.0", true));
    assert_string_equal(f->change.version, "1.1.0+build.7");
    fx_ok(f, fx_yank(f, "pay-core", "1.1.0+build.7", false));
    fx_refused(f, fx_yank(f, "pay-core", "1.1.0+build.8", true), CG_ERR_ABSENT, "has no version `1.1.0+build.8`");
    assert_flags(f, "fff");
    fx_ok(f, fx_yank(f, "PAY-CORE", "2.0.0-rc.1", true));
    assert_string_equal(f->change.crate, "pay-core");
    assert_flags(f, "fft");
}

static void what_does_not_exist_is_absent(void **state)
{
    struct fx *f = *state;

    publish_three(f);
    fx_refused(f, fx_yank(f, "pay-none", "1.0.0", true), CG_ERR_ABSENT, "crate `pay-none` does not exist");
    fx_refused(f, fx_yank(f, "pay_core", "1.0.0", true), CG_ERR_ABSENT, "crate `pay_core` does not exist");
    fx_refused(f, fx_yank(f, "a/b", "1.0.0", true), CG_ERR_ABSENT, "does not exist");
    fx_refused(f, fx_yank(f, "pay-core", "9.0.0", true), CG_ERR_ABSENT, "has no version `9.0.0`");
    fx_refused(f, fx_yank(f, "pay-core", "nonsense", true), CG_ERR_ABSENT, "has no version");
}

static void rights_come_first(void **state)
{
    struct fx *f = *state;
    struct cg_owner owner = {.kind = CG_OWNER_GROUP, .login = (char *)"group:x", .subject = (char *)"cn=x"};

    publish_three(f);
    f->caller.who = f->olga;
    fx_refused(f, fx_yank(f, "pay-none", "1.0.0", true), CG_ERR_DENIED, "yank");
    f->caller.who = f->nora;
    fx_refused(f, fx_yank(f, "pay-core", "1.0.0", true), CG_ERR_DENIED, "");
    f->caller.who = f->paula;
    fx_ok(f, f->md->ops->owner_add(f->md, "payments", "pay-core", &owner, &f->err));
    fx_refused(f, fx_yank(f, "pay-core", "1.0.0", true), CG_ERR_DENIED, "owners of its own");
    f->caller.who = f->root;
    fx_ok(f, fx_yank(f, "pay-core", "1.0.0", true));
}

static void faults_are_503_and_change_nothing(void **state)
{
    static const char *const operations[] = {"lock", "index_read", "index_write"};
    struct fx *f = *state;

    publish_three(f);
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        cg_fake_storage_set_broken(f->st, operations[i]);
        fx_refused(f, fx_yank(f, "pay-core", "1.0.0", true), CG_ERR_UNAVAILABLE, "crate store");
        cg_fake_storage_set_broken(f->st, NULL);
        assert_flags(f, "fff");
    }
    cg_fake_metadata_set_broken(f->md, "owner_each");
    fx_refused(f, fx_yank(f, "pay-core", "1.0.0", true), CG_ERR_UNAVAILABLE, "");
    cg_fake_metadata_set_broken(f->md, NULL);
}

static char *shown_version(struct fx *f)
{
    struct cg_search search = {.namespace_name = "payments", .query = "pay-core", .per_page = 10, .page = 1};
    static char version[32];
    json_t *json;

    cg_buf_reset(&f->out);
    fx_ok(f, cg_registry_search(f->reg, &search, &f->out, &f->err));
    json = fx_json(f);
    strcpy(version, cg_json_str(json_array_get(json_object_get(json, "crates"), 0), "max_version"));
    json_decref(json);
    return version;
}

static void search_shows_a_version_that_is_not_yanked(void **state)
{
    struct fx *f = *state;

    publish_three(f);
    assert_string_equal(shown_version(f), "1.1.0+build.7");
    fx_ok(f, fx_yank(f, "pay-core", "1.1.0", true));
    assert_string_equal(shown_version(f), "1.0.0");
    fx_ok(f, fx_yank(f, "pay-core", "1.0.0", true));
    assert_string_equal(shown_version(f), "2.0.0-rc.1");
    fx_ok(f, fx_yank(f, "pay-core", "2.0.0-rc.1", true));
    assert_string_equal(shown_version(f), "1.1.0+build.7");
}

static void a_search_row_that_could_not_be_changed_comes_with_a_tick(void **state)
{
    struct fx *f = *state;

    publish_three(f);
    cg_fake_metadata_set_broken(f->md, "crate_put");
    fx_ok(f, fx_yank(f, "pay-core", "1.1.0", true));
    cg_fake_metadata_set_broken(f->md, NULL);
    assert_string_equal(shown_version(f), "1.1.0+build.7");
    cg_registry_tick(f->reg);
    assert_string_equal(shown_version(f), "1.0.0");
}

/* The fake asserts that nobody asks the other side under the lock. */
static void a_search_row_that_takes_a_crate_from_another_server_waits_for_it(void **state)
{
    struct fx *f = *state;

    cg_fake_storage_share(f->st);
    publish_three(f);
    fx_ok(f, fx_yank(f, "pay-core", "1.1.0", true));
    assert_string_equal(shown_version(f), "1.0.0"); /* it is kept here */
    fx_ok(f, fx_yank(f, "pay-core", "1.1.0", false));
    cg_fake_storage_forget(f->st, "pay-core", "1.0.0");
    fx_ok(f, fx_yank(f, "pay-core", "1.1.0", true));
    cg_registry_tick(f->reg); /* maintenance does not wait for other servers */
    assert_string_equal(shown_version(f), "1.1.0+build.7");
    cg_fake_storage_set_broken(f->st, "crate_read");
    fx_refused(f, cg_registry_settle(f->reg, "payments", INT64_MAX, &f->err), CG_ERR_UNAVAILABLE, "");
    cg_fake_storage_set_broken(f->st, NULL);
    fx_ok(f, cg_registry_settle(f->reg, "payments", INT64_MAX, &f->err));
    assert_string_equal(shown_version(f), "1.0.0");
    fx_refused(f, cg_registry_settle(f->reg, "nowhere", INT64_MAX, &f->err), CG_ERR_ABSENT, "");
}

static void a_delete_asks_another_server_before_it_takes_the_lock(void **state)
{
    struct fx *f = *state;

    cg_fake_storage_share(f->st);
    publish_three(f);
    cg_fake_storage_forget(f->st, "pay-core", "1.0.0");
    fx_ok(f, cg_registry_delete(f->reg, "payments", "pay-core", "1.1.0", &f->err));
    assert_string_equal(shown_version(f), "1.0.0"); /* from a crate that was not here */
    fx_ok(f, cg_registry_delete(f->reg, "payments", "pay-core", NULL, &f->err));
    assert_null(fx_stored_index(f, "pay-core"));
}

static void publish_one_more(void *cls)
{
    struct fx *f = cls;

    cg_fake_storage_set_hook(f->st, NULL, NULL, NULL);
    fx_ok(f, fx_publish(f, "pay-core", "3.0.0", NULL, NULL));
}

static void a_version_published_while_its_crate_is_deleted_is_not_lost(void **state)
{
    struct fx *f = *state;
    char *text;

    cg_fake_storage_share(f->st);
    publish_three(f);
    cg_fake_storage_set_hook(f->st, "lock", publish_one_more, f);
    fx_refused(f, cg_registry_delete(f->reg, "payments", "pay-core", NULL, &f->err), CG_ERR_CONFLICT, "changed while");
    text = fx_stored_index(f, "pay-core");
    assert_non_null(strstr(text, "3.0.0"));
    free(text);
    fx_ok(f, cg_registry_delete(f->reg, "payments", "pay-core", NULL, &f->err));
}

static void an_answer_needs_its_room(void **state)
{
    struct fx *f = *state;

    publish_three(f);
    cg_buf_free(&f->out);
    cg_buf_init(&f->out, 3);
    fx_refused(f, fx_yank(f, "pay-core", "1.0.0", true), CG_ERR_INTERNAL, "larger");
}

static void an_unknown_namespace_is_refused_by_the_policy(void **state)
{
    struct fx *f = *state;

    f->change = (struct cg_change){.policy = f->policy, .caller = &f->caller, .ns = "nowhere"};
    fx_refused(f, cg_registry_yank(f->reg, &f->change, "a", "1.0.0", true, &f->out, &f->err), CG_ERR_DENIED, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(yank_and_unyank_set_one_flag_and_nothing_else, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(doing_it_twice_succeeds_and_writes_nothing, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(build_metadata_may_be_left_out_but_not_wrong, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(what_does_not_exist_is_absent, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(rights_come_first, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(faults_are_503_and_change_nothing, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(search_shows_a_version_that_is_not_yanked, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(a_search_row_that_could_not_be_changed_comes_with_a_tick, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(a_search_row_that_takes_a_crate_from_another_server_waits_for_it, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(a_delete_asks_another_server_before_it_takes_the_lock, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_version_published_while_its_crate_is_deleted_is_not_lost, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(an_answer_needs_its_room, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(an_unknown_namespace_is_refused_by_the_policy, fx_setup, fx_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
