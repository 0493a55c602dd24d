/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "fake_metadata.h"
#include "fake_storage.h"
#include "fixture.h"
#include "log/metrics.h"
#include "registry/artifacts.h"

static enum cg_err deploy_as(struct fx *f, const char *name, const char *version)
{
    struct cg_coordinates as = {name, version};
    struct cg_source source = fx_source(&f->crate);

    f->change = (struct cg_change){.policy = f->policy, .caller = &f->caller, .ns = "payments"};
    f->err = (struct cg_error){0};
    return cg_registry_deploy(f->reg, &f->change, &as, &source, &f->err);
}

static enum cg_err deploy(struct fx *f, const char *name, const char *version, const char *toml)
{
    cg_buf_reset(&f->crate);
    fx_crate(&f->crate, name, version, toml, NULL, NULL);
    return deploy_as(f, name, version);
}

static enum cg_err deployed(struct fx *f, const char *name, const char *version, const char *cksum)
{
    struct cg_coordinates as = {name, version};

    f->change = (struct cg_change){.policy = f->policy, .caller = &f->caller, .ns = "payments"};
    f->err = (struct cg_error){0};
    return cg_registry_deployed(f->reg, &f->change, &as, cksum, &f->err);
}

static enum cg_err artifact(struct fx *f, const char *name, const char *version, struct cg_artifact *out)
{
    struct cg_coordinates which = {name, version};

    f->err = (struct cg_error){0};
    return cg_registry_artifact(f->reg, "payments", &which, out, &f->err);
}

static void digest_of(struct fx *f, char hex[CG_SHA256_HEX_SIZE])
{
    unsigned char digest[CG_SHA256_SIZE];

    cg_sha256(f->crate.data, f->crate.len, digest);
    cg_hex(digest, sizeof(digest), hex);
}

static void a_bare_crate_is_published_by_its_manifest(void **state)
{
    struct fx *f = *state;
    int64_t published = cg_metric_get(CG_METRIC_PUBLISHES);
    char *line, hex[CG_SHA256_HEX_SIZE];
    struct cg_artifact a;

    fx_ok(f, deploy(f, "Pay-Core", "1.0.0+b.1", "[dependencies]\nserde = { version = \"1\", optional = true }\n"));
    assert_false(f->change.unchanged);
    assert_string_equal(f->change.crate, "Pay-Core");
    assert_string_equal(f->change.version, "1.0.0+b.1");
    assert_int_equal(cg_metric_get(CG_METRIC_PUBLISHES), published + 1);
    line = fx_stored_index(f, "pay-core");
    assert_non_null(strstr(line, "\"serde\""));
    free(line);
    digest_of(f, hex);
    fx_ok(f, artifact(f, "Pay-Core", "1.0.0+b.1", &a));
    assert_string_equal(a.cksum, hex);
    assert_string_equal(a.publisher, "paula");
    assert_int_equal(a.size, f->crate.len);
    assert_true(a.created > 0 && !a.yanked);
}

static void the_same_bytes_again_change_nothing_and_others_are_refused(void **state)
{
    struct fx *f = *state;
    char hex[CG_SHA256_HEX_SIZE];

    fx_ok(f, deploy(f, "pay-core", "1.0.0", NULL));
    digest_of(f, hex);
    fx_ok(f, deploy(f, "pay-core", "1.0.0", NULL));
    assert_true(f->change.unchanged);
    fx_ok(f, deployed(f, "pay-core", "1.0.0", hex));
    assert_true(f->change.unchanged);
    fx_refused(f, deploy(f, "pay-core", "1.0.0", "homepage = \"https://other\"\n"), CG_ERR_CONFLICT, "version-exists");
    hex[0] = hex[0] == '0' ? '1' : '0';
    fx_refused(f, deployed(f, "pay-core", "1.0.0", hex), CG_ERR_ABSENT, "send them");
    fx_refused(f, deployed(f, "Pay-Core", "1.0.0", hex), CG_ERR_ABSENT, "send them");
    fx_refused(f, deployed(f, "pay-core", "1.0.1", hex), CG_ERR_ABSENT, "");
    fx_refused(f, deployed(f, "pay-none", "1.0.0", hex), CG_ERR_ABSENT, "");
    /* A publish by cargo and a deploy are one. */
    fx_ok(f, fx_publish(f, "pay-two", "1.0.0", NULL, NULL));
    fx_ok(f, deploy_as(f, "pay-two", "1.0.0"));
    assert_true(f->change.unchanged);
}

static void what_a_publish_refuses_a_deploy_does_too(void **state)
{
    struct fx *f = *state;
    struct cg_artifact a;

    cg_buf_reset(&f->crate);
    fx_crate(&f->crate, "pay-core", "1.0.0", NULL, NULL, NULL);
    fx_refused(f, deploy_as(f, "pay-core", "1.0.1"), CG_ERR_INVALID, "");
    fx_refused(f, deploy_as(f, "pay-other", "1.0.0"), CG_ERR_INVALID, "");
    fx_refused(f, deploy_as(f, "std", "1.0.0"), CG_ERR_INVALID, "crate-name-reserved");
    fx_refused(f, deploy_as(f, "../pay", "1.0.0"), CG_ERR_INVALID, "crate-name");
    fx_refused(f, deploy_as(f, "pay-core", ".."), CG_ERR_INVALID, "crate-version");
    f->crate.len--;
    fx_refused(f, deploy_as(f, "pay-core", "1.0.0"), CG_ERR_INVALID, "gzip");
    f->crate.len = 0;
    fx_refused(f, deploy_as(f, "pay-core", "1.0.0"), CG_ERR_INVALID, "empty");
    f->caller.who = f->olga;
    fx_refused(f, deploy(f, "pay-core", "1.0.0", NULL), CG_ERR_DENIED, "publish");
    fx_refused(f, deployed(f, "pay-core", "1.0.0", "00"), CG_ERR_DENIED, "publish");
    f->caller.who = f->nora;
    fx_refused(f, deploy(f, "pay-core", "1.0.0", NULL), CG_ERR_DENIED, "does not exist, or nora may not");
    fx_refused(f, artifact(f, "pay-core", "1.0.0", &a), CG_ERR_ABSENT, "");
}

static void a_file_is_found_by_its_exact_name_only(void **state)
{
    struct fx *f = *state;
    struct cg_artifact a;

    fx_ok(f, deploy(f, "Pay-Core", "1.0.0+x", NULL));
    fx_ok(f, fx_yank(f, "Pay-Core", "1.0.0+x", true));
    fx_ok(f, artifact(f, "Pay-Core", "1.0.0+x", &a));
    assert_true(a.yanked);
    fx_refused(f, artifact(f, "pay-core", "1.0.0+x", &a), CG_ERR_ABSENT, "");
    fx_refused(f, artifact(f, "Pay-Core", "1.0.0", &a), CG_ERR_ABSENT, "");
}

/* A walk that writes down what it sees. */
struct seen {
    struct cg_buf text;
    const char *only;
    size_t visits, most;
};

static bool may_hold(void *cls, const char *index_name)
{
    struct seen *seen = cls;

    return !seen->only || strcmp(index_name, seen->only) == 0;
}

static bool wanted(void *cls, const struct cg_artifact *a)
{
    (void)cls;
    return strcmp(a->version, "0.0.1") != 0;
}

static enum cg_err visit(void *cls, const struct cg_artifact *a)
{
    struct seen *seen = cls;

    assert_true(a->size > 0);
    cg_buf_addf(&seen->text, "%s %s;", a->name, a->version);
    return ++seen->visits == seen->most ? CG_ERR_CONFLICT : CG_OK;
}

static enum cg_err walk(struct fx *f, struct seen *seen, const char *index_name)
{
    struct cg_artifact_walk how = {.may_hold = may_hold, .wanted = wanted, .visit = visit, .cls = seen};

    cg_buf_init(&seen->text, 4096);
    f->err = (struct cg_error){0};
    return cg_registry_artifacts(f->reg, "payments", index_name, &how, &f->err);
}

static void sees(struct fx *f, struct seen seen, const char *index_name, const char *text)
{
    fx_ok(f, walk(f, &seen, index_name));
    assert_string_equal(cg_buf_str(&seen.text), text);
    cg_buf_free(&seen.text);
}

static void a_walk_sees_all_that_is_wanted_in_order(void **state)
{
    struct fx *f = *state;
    struct seen first = {.most = 1};

    sees(f, (struct seen){0}, NULL, "");
    fx_ok(f, deploy(f, "pay-b", "1.0.0", NULL));
    fx_ok(f, deploy(f, "Pay-A", "2.0.0", NULL));
    fx_ok(f, deploy(f, "Pay-A", "0.0.1", NULL));
    fx_ok(f, deploy(f, "Pay-A", "1.0.0", NULL));
    sees(f, (struct seen){0}, NULL, "Pay-A 2.0.0;Pay-A 1.0.0;pay-b 1.0.0;");
    sees(f, (struct seen){.only = "pay-b"}, NULL, "pay-b 1.0.0;");
    sees(f, (struct seen){0}, "pay-a", "Pay-A 2.0.0;Pay-A 1.0.0;");
    sees(f, (struct seen){0}, "pay-none", "");
    assert_int_equal(walk(f, &first, NULL), CG_ERR_CONFLICT);
    assert_string_equal(cg_buf_str(&first.text), "Pay-A 2.0.0;");
    cg_buf_free(&first.text);
}

static void without_a_row_the_store_tells_the_size(void **state)
{
    struct fx *f = *state;
    struct cg_artifact a;

    fx_ok(f, deploy(f, "pay-core", "1.0.0", NULL));
    fx_ok(f, f->md->ops->derived_clear(f->md, "payments", &f->err));
    fx_ok(f, artifact(f, "pay-core", "1.0.0", &a));
    assert_int_equal(a.size, f->crate.len);
    assert_string_equal(a.publisher, "");
}

static void count_call(void *cls)
{
    ++*(unsigned *)cls;
}

static void without_rows_a_walk_lists_the_store_once_and_one_file_not_at_all(void **state)
{
    struct fx *f = *state;
    struct cg_artifact a;
    unsigned listings = 0, questions = 0;

    cg_fake_storage_share(f->st);
    fx_ok(f, deploy(f, "pay-core", "1.0.0", NULL));
    fx_ok(f, deploy(f, "pay-core", "2.0.0", NULL));
    fx_ok(f, deploy(f, "pay-more", "1.0.0", NULL));
    fx_ok(f, f->md->ops->derived_clear(f->md, "payments", &f->err));
    cg_fake_storage_set_hook(f->st, "crate_each", count_call, &listings);
    sees(f, (struct seen){0}, NULL, "pay-core 1.0.0;pay-core 2.0.0;pay-more 1.0.0;");
    assert_int_equal(listings, 1);
    sees(f, (struct seen){0}, "pay-core", "pay-core 1.0.0;pay-core 2.0.0;");
    assert_int_equal(listings, 2);
    cg_fake_storage_set_hook(f->st, "crate_size", count_call, &questions);
    fx_ok(f, artifact(f, "pay-more", "1.0.0", &a));
    assert_int_equal(a.size, f->crate.len);
    assert_int_equal(questions, 1);
    assert_int_equal(listings, 2);
    cg_fake_storage_set_hook(f->st, NULL, NULL, NULL);
}

static void a_recheck_makes_rows_that_are_missing(void **state)
{
    struct fx *f = *state;
    struct cg_artifact a;
    size_t count = 0;

    fx_ok(f, deploy(f, "pay-core", "1.0.0", NULL));
    fx_ok(f, deploy(f, "pay-more", "1.0.0", NULL));
    cg_registry_tick(f->reg);
    fx_ok(f, f->md->ops->derived_clear(f->md, "payments", &f->err));
    for (int i = 0; i < 3; i++) {
        fx_ok(f, cg_registry_recheck(f->reg, "payments", &count, &f->err));
        assert_int_equal(count, 2);
    }
    cg_registry_tick(f->reg);
    fx_ok(f, cg_registry_search(
                 f->reg, &(struct cg_search){.namespace_name = "payments", .query = "", .per_page = 10, .page = 1},
                 &f->out, &f->err));
    assert_non_null(strstr(cg_buf_str(&f->out), "\"total\":2"));
    fx_ok(f, artifact(f, "pay-more", "1.0.0", &a));
    assert_int_equal(a.size, f->crate.len);
    fx_refused(f, cg_registry_recheck(f->reg, "nowhere", &count, &f->err), CG_ERR_ABSENT, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_bare_crate_is_published_by_its_manifest, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(the_same_bytes_again_change_nothing_and_others_are_refused, fx_setup_real,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(what_a_publish_refuses_a_deploy_does_too, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_file_is_found_by_its_exact_name_only, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_walk_sees_all_that_is_wanted_in_order, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(without_a_row_the_store_tells_the_size, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(without_rows_a_walk_lists_the_store_once_and_one_file_not_at_all, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(a_recheck_makes_rows_that_are_missing, fx_setup_real, fx_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
