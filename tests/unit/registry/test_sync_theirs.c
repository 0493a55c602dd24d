/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What the store's own index says of a file that another writer put there, and what it does not get to say. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "fake_storage.h"
#include "fixture.h"
#include "log/log.h"
#include "registry/sync.h"

#define LONG_AGO 1700000000
#define CRATES_IO "https://github.com/rust-lang/crates.io-index"
#define OTHER_HOST "sparse+https://artifacts.example/api/cargo/all-crates/index/"
#define ON_ART "[dependencies]\na = { version = \"1\", registry-index = \"" OTHER_HOST "\" }\n"
#define DEP_A(registry)                                                                                                \
    "{\"name\":\"a\",\"req\":\"^1\",\"features\":[],\"optional\":false,\"default_features\":true,\"target\":null,"     \
    "\"kind\":\"normal\",\"registry\":" registry "}"

static const char fronts[] =
    "[artifactory.corp]\nurl = \"https://art.corp.example/artifactory\"\ntoken_file = \"%s/secret\"\n"
    "[namespace.vault]\ntype = \"local\"\nstorage = \"artifactory\"\nartifactory = \"corp\"\n"
    "repository = \"cargo-vault-local\"\nread = [\"user:root\"]\nprefixes = [\"vault-\"]\n";

static struct cg_sync_report report;
static struct cg_conf *conf;
static unsigned believed; /* how often the archive was, as the log says */

static void tell(void *cls, const char *ns, const struct cg_sync_news *news)
{
    (void)cls, (void)ns, (void)news;
}

static void take_log(void *cls, const char *line)
{
    (void)cls;
    believed += strstr(line, "Cargo.toml, which is believed") != NULL;
}

static int setup(void **state)
{
    struct fx *f;
    char *extra;
    int rc = fx_setup(state);

    f = *state;
    extra = cg_asprintf(fronts, f->dir);
    conf = fx_conf(f, extra);
    free(extra);
    cg_fake_storage_share(f->st);
    report = (struct cg_sync_report){.tell = tell};
    believed = 0;
    cg_log_capture(take_log, NULL);
    return rc;
}

static int teardown(void **state)
{
    cg_log_capture(NULL, NULL);
    cg_conf_unref(&conf);
    return fx_teardown(state);
}

static enum cg_err look(struct fx *f)
{
    f->err = (struct cg_error){0};
    return cg_registry_sync(f->reg, conf, "payments", &report, &f->err);
}

static void put_at(struct fx *f, const char *version, const char *toml, int64_t modified, int yanked)
{
    fx_crate(&f->crate, "pay-core", version, toml, NULL, NULL);
    cg_fake_storage_put(
        f->st, &(struct cg_crate_seen){.name = "pay-core", .version = version, .modified = modified, .yanked = yanked},
        cg_buf_str(&f->crate), f->crate.len);
}

static void put(struct fx *f, const char *version, const char *toml)
{
    put_at(f, version, toml, LONG_AGO, -1);
}

/* A line about the file last put; `rest` stands behind cksum. */
static char *line_of(struct fx *f, const char *version, const char *deps, const char *rest)
{
    unsigned char digest[CG_SHA256_SIZE];
    char hex[CG_SHA256_HEX_SIZE];

    cg_sha256(cg_buf_str(&f->crate), f->crate.len, digest);
    cg_hex(digest, sizeof(digest), hex);
    return cg_asprintf("{\"name\":\"pay-core\",\"vers\":\"%s\",\"deps\":[%s],\"features\":{},\"cksum\":\"%s\"%s}\n",
                       version, deps, hex, rest);
}

static void set_line(struct fx *f, const char *deps, const char *rest)
{
    char *line = line_of(f, "1.0.0", deps, rest);

    cg_fake_storage_set_lines(f->st, "pay-core", line);
    free(line);
}

static bool indexed(struct fx *f, const char *text)
{
    char *index = fx_stored_index(f, "pay-core");
    bool there = index && strstr(index, text);

    free(index);
    return there;
}

static void a_yank_and_a_time_come_with_the_file(void **state)
{
    struct fx *f = *state;

    put(f, "1.0.0", NULL);
    set_line(f, "", ",\"yanked\":true,\"pubtime\":\"2020-02-02T02:02:02Z\"");
    fx_ok(f, look(f));
    assert_int_equal(report.told[CG_SYNC_ADOPTED], 1);
    assert_true(indexed(f, "\"yanked\":true"));
    assert_true(indexed(f, "\"pubtime\":\"2020-02-02T02:02:02Z\""));
    assert_int_equal(cg_fake_storage_yanked(f->st, "pay-core", "1.0.0"), -1);
    fx_ok(f, look(f));
    assert_int_equal(cg_fake_storage_yanked(f->st, "pay-core", "1.0.0"), 1); /* now in our words too */
    assert_true(indexed(f, "\"yanked\":true"));
}

static void our_own_word_on_a_yank_wins(void **state)
{
    struct fx *f = *state;

    put_at(f, "1.0.0", NULL, LONG_AGO, 0);
    set_line(f, "", ",\"yanked\":true");
    fx_ok(f, look(f));
    assert_true(indexed(f, "\"yanked\":false"));
    put_at(f, "1.1.0", NULL, LONG_AGO, 1);
    fx_ok(f, look(f));
    assert_true(indexed(f, "\"yanked\":true"));
}

static void a_time_that_is_yet_to_come_is_not_believed(void **state)
{
    struct fx *f = *state;

    put(f, "1.0.0", NULL);
    set_line(f, "", ",\"yanked\":false,\"pubtime\":\"2220-02-02T02:02:02Z\"");
    fx_ok(f, look(f));
    assert_true(indexed(f, "\"pubtime\":\"2023-11-14T22:13:20Z\""));
}

static void what_is_not_about_this_very_file_is_nothing(void **state)
{
    static const char *const unsound[] = {
        "<!DOCTYPE html>\n<html><body>Sign in</body></html>\n",
        "{\"name\":\"pay-core\",\"vers\":\"1.0.0\",\"deps\":[],\"yanked\":true,\"cksum\":"
        "\"0000000000000000000000000000000000000000000000000000000000000000\"}\n",
        "{\"name\":\"pay-core\",\"vers\":\"1.0.0\",\"deps\":[],\"yanked\":true}\n",
        "",
        "\n\n",
        "[]\n"};
    struct fx *f = *state;
    char version[8] = "1.0.0", *line;

    for (size_t i = 0; i < sizeof(unsound) / sizeof(unsound[0]); i++, version[4]++) {
        put(f, version, NULL);
        cg_fake_storage_set_lines(f->st, "pay-core", unsound[i]);
        fx_ok(f, look(f));
        assert_int_equal(report.told[CG_SYNC_ADOPTED], 1);
    }
    put(f, "2.0.0", NULL);
    line = line_of(f, "2.0.1", "", ",\"yanked\":true"); /* another version */
    cg_fake_storage_set_lines(f->st, "pay-core", line);
    free(line);
    fx_ok(f, look(f));
    assert_int_equal(report.told[CG_SYNC_ADOPTED], 1);
    assert_false(indexed(f, "\"yanked\":true"));
}

static void null_in_the_line_of_another_name_of_the_repository_is_this_registry(void **state)
{
    struct fx *f = *state;

    put(f, "1.0.0", ON_ART);
    set_line(f, DEP_A("null"), ",\"yanked\":false");
    fx_ok(f, look(f));
    assert_int_equal(report.told[CG_SYNC_ADOPTED], 1);
    assert_true(indexed(f, "\"registry\":null"));
    assert_false(indexed(f, "artifacts.example"));
}

static void a_repository_in_the_line_becomes_the_namespace_that_fronts_it(void **state)
{
    struct fx *f = *state;

    put(f, "1.0.0", ON_ART);
    set_line(f, DEP_A("\"sparse+https://art.corp.example/artifactory/api/cargo/cargo-vault-local/index/\""), "");
    fx_ok(f, look(f));
    assert_int_equal(report.told[CG_SYNC_ADOPTED], 1);
    assert_true(indexed(f, "\"registry\":\"sparse+https://crates.corp.example/api/cargo/vault/index/\""));
}

static void what_the_archive_says_clearly_stays(void **state)
{
    struct fx *f = *state;

    put(f, "1.0.0",
        "[dependencies]\na = { version = \"1\", registry-index = "
        "\"sparse+https://art.corp.example/artifactory/api/cargo/cargo-vault-local/index/\" }\n");
    set_line(f, DEP_A("null"), "");
    fx_ok(f, look(f));
    assert_true(indexed(f, "\"registry\":\"sparse+https://crates.corp.example/api/cargo/vault/index/\""));
    assert_int_equal(believed, 0);
}

/* An index that says null of crates.io's too says nothing with it. */
static void null_for_what_is_from_crates_io_makes_the_line_unsound(void **state)
{
    struct fx *f = *state;

    put(f, "1.0.0", "[dependencies]\na = \"1\"\n");
    set_line(f, DEP_A("null"), ",\"yanked\":true");
    fx_ok(f, look(f));
    assert_true(indexed(f, "\"registry\":\"" CRATES_IO "\""));
    assert_true(indexed(f, "\"yanked\":true"));
    assert_int_equal(believed, 1);
    fx_ok(f, look(f));
    assert_int_equal(believed, 1);
}

static void other_dependencies_than_the_archives_are_not_believed(void **state)
{
    static const char *const deps[] = {"", DEP_A("null") ",{\"name\":\"b\",\"kind\":\"normal\",\"registry\":null}",
                                       "{\"name\":\"a\",\"package\":\"other\",\"kind\":\"normal\",\"registry\":null}",
                                       "{\"name\":\"a\",\"kind\":\"build\",\"registry\":null}"};
    struct fx *f = *state;

    for (size_t i = 0; i < sizeof(deps) / sizeof(deps[0]); i++) {
        put_at(f, "1.0.0", ON_ART, LONG_AGO + (int64_t)i, -1);
        set_line(f, deps[i], "");
        fx_ok(f, look(f));
        assert_int_equal(report.told[CG_SYNC_REFUSED], 1);
        assert_int_equal(believed, i + 1);
        assert_null(fx_stored_index(f, "pay-core"));
    }
}

static void a_registry_that_is_no_repository_does_not_become_this_one(void **state)
{
    struct fx *f = *state;

    put(f, "1.0.0",
        "[dependencies]\na = { version = \"1\", registry-index = \"sparse+https://other.example/index/\" }\n");
    set_line(f, DEP_A("null"), "");
    fx_ok(f, look(f));
    assert_int_equal(report.told[CG_SYNC_REFUSED], 1);
    assert_null(fx_stored_index(f, "pay-core"));
}

static void a_store_that_does_not_answer_is_waited_for(void **state)
{
    struct fx *f = *state;

    put(f, "1.0.0", NULL);
    set_line(f, "", ",\"yanked\":true");
    cg_fake_storage_set_broken(f->st, "crate_lines");
    assert_int_equal(look(f), CG_ERR_UNAVAILABLE);
    assert_null(fx_stored_index(f, "pay-core"));
    cg_fake_storage_set_broken(f->st, NULL);
    fx_ok(f, look(f));
    assert_true(indexed(f, "\"yanked\":true"));
}

static void a_new_file_with_an_unknown_registry_waits_for_its_line(void **state)
{
    struct fx *f = *state;

    put_at(f, "1.0.0", ON_ART, cg_clock_wall_s() - 5, -1);
    fx_ok(f, look(f));
    assert_int_equal(report.told[CG_SYNC_REFUSED], 0);
    assert_int_equal(report.waiting, 1);
    set_line(f, DEP_A("null"), "");
    fx_ok(f, look(f));
    assert_int_equal(report.told[CG_SYNC_ADOPTED], 1);
    put_at(f, "1.1.0", ON_ART, cg_clock_wall_s() - 5, -1);
    report.by_hand = true; /* an administrator wants to know now */
    fx_ok(f, look(f));
    assert_int_equal(report.told[CG_SYNC_REFUSED], 1);
}

static void all_versions_of_a_crate_cost_one_question(void **state)
{
    struct fx *f = *state;
    char *first, *second, *both;

    put(f, "1.0.0", NULL);
    first = line_of(f, "1.0.0", "", ",\"yanked\":true");
    put(f, "1.1.0", NULL);
    second = line_of(f, "1.1.0", "", ",\"yanked\":true");
    both = cg_asprintf("%s%s", first, second);
    cg_fake_storage_set_lines(f->st, "pay-core", both);
    fx_ok(f, look(f));
    assert_int_equal(report.told[CG_SYNC_ADOPTED], 2);
    assert_int_equal(cg_fake_storage_lines_asked(f->st), 1);
    assert_false(indexed(f, "\"yanked\":false"));
    put(f, "1.2.0", NULL);
    fx_ok(f, look(f)); /* another look asks anew */
    assert_int_equal(cg_fake_storage_lines_asked(f->st), 2);
    fx_ok(f, look(f)); /* and for what is known nothing is asked */
    assert_int_equal(cg_fake_storage_lines_asked(f->st), 2);
    free(first);
    free(second);
    free(both);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_yank_and_a_time_come_with_the_file),
        T(our_own_word_on_a_yank_wins),
        T(a_time_that_is_yet_to_come_is_not_believed),
        T(what_is_not_about_this_very_file_is_nothing),
        T(null_in_the_line_of_another_name_of_the_repository_is_this_registry),
        T(a_repository_in_the_line_becomes_the_namespace_that_fronts_it),
        T(what_the_archive_says_clearly_stays),
        T(null_for_what_is_from_crates_io_makes_the_line_unsound),
        T(other_dependencies_than_the_archives_are_not_believed),
        T(a_registry_that_is_no_repository_does_not_become_this_one),
        T(a_store_that_does_not_answer_is_waited_for),
        T(a_new_file_with_an_unknown_registry_waits_for_its_line),
        T(all_versions_of_a_crate_cost_one_question),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
