/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "fake_metadata.h"
#include "fake_storage.h"
#include "fixture.h"

/* What a verification said, a line a problem. */
static struct cg_buf said;
static uint64_t last_done, last_total;
static volatile bool stop;
static unsigned stop_after; /* crates; 0: never */

static void take_problem(void *cls, const char *ns, const char *what, bool repaired)
{
    (void)cls;
    cg_buf_addf(&said, "%s: %s%s\n", ns, what, repaired ? " (repaired)" : "");
}

static void take_progress(void *cls, const char *ns, uint64_t done, uint64_t total)
{
    (void)cls, (void)ns;
    last_done = done;
    last_total = total;
    stop = stop_after && done >= stop_after;
}

static struct cg_verify verify;

static enum cg_err run(struct fx *f, bool repair)
{
    cg_buf_free(&said);
    cg_buf_init(&said, 1u << 20);
    stop = false;
    verify = (struct cg_verify){.repair = repair, .problem = take_problem, .progress = take_progress, .stop = &stop};
    return cg_registry_verify(f->reg, "payments", &verify, &f->err);
}

/* That many problems, of which so many repaired, and the text is among what was said. */
#define assert_verify(f, repair, problems_, repaired_, text)                                                           \
    check_verify((f), (repair), (problems_), (repaired_), (text), __LINE__)

static void check_verify(struct fx *f, bool repair, unsigned problems, unsigned repaired, const char *text, int line)
{
    fx_check(f, run(f, repair), "verify", line);
    if (verify.problems != problems || verify.repaired != repaired || !strstr(cg_buf_str(&said), text))
        fail_msg("line %d: %u problems, %u repaired:\n%s", line, (unsigned)verify.problems, (unsigned)verify.repaired,
                 cg_buf_str(&said));
}

static int teardown(void **state)
{
    cg_buf_free(&said);
    stop_after = 0;
    return fx_teardown(state);
}

static void publish_some(struct fx *f)
{
    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    fx_ok(f, fx_publish(f, "pay-core", "1.1.0", "[dependencies]\nserde = \"1\"\n[features]\na = []\n", NULL));
    fx_ok(f, fx_publish(f, "Pay_Other", "1.0.0+b", NULL, NULL));
    fx_ok(f, fx_yank(f, "pay-core", "1.0.0", true));
}

static void rewrite_index(struct fx *f, const char *name, const char *from, const char *to)
{
    char *text = fx_stored_index(f, name), *at = strstr(text, from);
    struct cg_buf out;

    assert_non_null(at);
    cg_buf_init(&out, 1u << 20);
    cg_buf_addf(&out, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    fx_ok(f, f->st->ops->index_write(f->st, name, cg_buf_str(&out), out.len, &f->err));
    cg_buf_free(&out);
    free(text);
}

static void put_orphan(struct fx *f, const char *name, const char *version)
{
    struct cg_crate_upload *up = NULL;

    fx_ok(f, f->st->ops->crate_begin(f->st, &up, &f->err));
    fx_ok(f, f->st->ops->crate_write(f->st, up, "orphan", 6, &f->err));
    fx_ok(f, f->st->ops->crate_commit(f->st, &up, name, version, false, &f->err));
}

static bool stored(struct fx *f, const char *name, const char *version)
{
    struct cg_crate_file file = {.fd = -1};
    bool there = f->st->ops->crate_open(f->st, name, version, &file, NULL) == CG_OK;

    if (there)
        close(file.fd);
    return there;
}

static void a_sound_namespace_has_no_problem(void **state)
{
    struct fx *f = *state;

    assert_verify(f, false, 0, 0, "");
    publish_some(f);
    assert_verify(f, false, 0, 0, "");
    assert_int_equal(verify.crates, 3);
    assert_int_equal(last_done, 3);
    assert_int_equal(last_total, 3);
    assert_verify(f, true, 0, 0, "");
    fx_refused(f, cg_registry_verify(f->reg, "nowhere", &verify, &f->err), CG_ERR_ABSENT, "no namespace");
}

static void a_damaged_crate_is_reported_and_never_touched(void **state)
{
    struct fx *f = *state;
    char *before, *after;

    publish_some(f);
    cg_fake_storage_damage(f->st, "pay-core", "1.1.0");
    before = fx_stored_index(f, "pay-core");
    assert_verify(f, false, 1, 0, "payments: crate pay-core 1.1.0: its checksum is ");
    assert_verify(f, true, 1, 0, "bring the .crate back from a backup");
    assert_true(stored(f, "pay-core", "1.1.0"));
    after = fx_stored_index(f, "pay-core");
    assert_string_equal(before, after);
    free(before);
    free(after);
}

static void a_missing_crate_is_reported(void **state)
{
    struct fx *f = *state;

    publish_some(f);
    fx_ok(f, f->st->ops->crate_remove(f->st, "Pay_Other", "1.0.0+b", &f->err));
    assert_verify(f, true, 1, 0, "crate Pay_Other 1.0.0+b: the index has it, but its .crate is missing");
}

static void a_crate_that_cannot_be_read_does_not_end_the_run(void **state)
{
    struct fx *f = *state;

    publish_some(f);
    cg_fake_storage_set_broken(f->st, "crate_open");
    fx_ok(f, run(f, false));
    assert_int_equal(verify.problems, 3);
    assert_non_null(strstr(cg_buf_str(&said), "cannot be read: fake: crate_open is broken"));
}

/* An archive with the right checksum whose manifest is another's. */
static void replace_crate(struct fx *f, const char *name, const char *version, const char *toml_name)
{
    struct cg_crate_upload *up = NULL;
    char *root = cg_asprintf("%s-%s", name, version);
    char *manifest =
        cg_asprintf("[package]\nname = \"%s\"\nversion = \"%s\"\ndescription = \"d\"\n", toml_name, version);

    fx_crate_raw(&f->crate, root, manifest, NULL, NULL);
    fx_ok(f, f->st->ops->crate_begin(f->st, &up, &f->err));
    fx_ok(f, f->st->ops->crate_write(f->st, up, f->crate.data, f->crate.len, &f->err));
    fx_ok(f, f->st->ops->crate_commit(f->st, &up, name, version, true, &f->err));
    free(manifest);
    free(root);
}

static void fix_checksum(struct fx *f, const char *index_name, size_t line_start)
{
    char *text = fx_stored_index(f, index_name), *at = strstr(text + line_start, "\"cksum\":\"") + 9;
    unsigned char digest[32];
    char hex[65];

    cg_sha256(f->crate.data, f->crate.len, digest);
    cg_hex(digest, sizeof(digest), hex);
    memcpy(at, hex, 64);
    fx_ok(f, f->st->ops->index_write(f->st, index_name, text, strlen(text), &f->err));
    free(text);
}

static void an_archive_that_is_not_what_its_line_says_is_reported(void **state)
{
    struct fx *f = *state;

    publish_some(f);
    replace_crate(f, "Pay_Other", "1.0.0+b", "somebody-else");
    fix_checksum(f, "pay_other", 0);
    assert_verify(f, false, 1, 0, "crate Pay_Other 1.0.0+b: its Cargo.toml is of somebody-else 1.0.0+b");
    fx_crate_raw(&f->crate, "wrong-root", "[package]\n", NULL, NULL);
    struct cg_crate_upload *up = NULL;
    fx_ok(f, f->st->ops->crate_begin(f->st, &up, &f->err));
    fx_ok(f, f->st->ops->crate_write(f->st, up, f->crate.data, f->crate.len, &f->err));
    fx_ok(f, f->st->ops->crate_commit(f->st, &up, "Pay_Other", "1.0.0+b", true, &f->err));
    fix_checksum(f, "pay_other", 0);
    assert_verify(f, false, 1, 0, "(rule: path-prefix)");
}

static void a_line_that_is_not_what_the_manifest_says_is_reported(void **state)
{
    static const char *const changes[][2] = {{"\"req\":\"^1\"", "\"req\":\"^2\""},
                                             {"\"features\":{\"a\":[]}", "\"features\":{\"b\":[]}"},
                                             {"\"yanked\":false", "\"yanked\":false,\"links\":\"z\""},
                                             {"\"yanked\":false", "\"yanked\":false,\"rust_version\":\"1.1\""}};
    struct fx *f = *state;

    publish_some(f);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        rewrite_index(f, "pay-core", changes[i][0], changes[i][1]);
        assert_verify(f, false, 1, 0, "crate pay-core 1.1.0: its index line does not say what its Cargo.toml says");
        rewrite_index(f, "pay-core", changes[i][1], changes[i][0]);
    }
    assert_verify(f, false, 0, 0, "");
}

static void index_files_are_checked_line_by_line(void **state)
{
    struct fx *f = *state;
    char *text;
    struct cg_buf twice;

    publish_some(f);
    rewrite_index(f, "pay-core", "\n", "\nnonsense\n{}\n");
    assert_verify(f, true, 1, 0, "index file pay-core has 2 lines that cannot be read");
    rewrite_index(f, "pay-core", "\nnonsense\n{}\n", "\n");
    text = fx_stored_index(f, "pay_other");
    cg_buf_init(&twice, 1u << 20);
    cg_buf_addf(&twice, "%s%s", text, text);
    fx_ok(f, f->st->ops->index_write(f->st, "pay_other", cg_buf_str(&twice), twice.len, &f->err));
    cg_buf_free(&twice);
    free(text);
    assert_verify(f, false, 1, 0, "index file pay_other has version 1.0.0 more than once");
    fx_ok(f, f->st->ops->index_write(f->st, "pay_other", "nonsense", 8, &f->err));
    fx_ok(f, f->st->ops->crate_remove(f->st, "Pay_Other", "1.0.0+b", &f->err));
    fx_ok(f, run(f, false));
    assert_non_null(strstr(cg_buf_str(&said), "index file pay_other has no line that can be read"));
}

static void a_line_for_another_name_is_reported(void **state)
{
    struct fx *f = *state;

    publish_some(f);
    rewrite_index(f, "pay_other", "Pay_Other", "Pay_OTHER");
    fx_ok(f, run(f, false));
    assert_non_null(strstr(cg_buf_str(&said), "crate Pay_OTHER 1.0.0+b: the index has it, but its .crate is missing"));
    rewrite_index(f, "pay_other", "Pay_OTHER", "Unrelated");
    fx_ok(f, run(f, false));
    assert_non_null(strstr(cg_buf_str(&said), "index file pay_other has a line for the name Unrelated"));
}

static void files_that_no_line_names_are_removed_by_a_repair(void **state)
{
    struct fx *f = *state;

    publish_some(f);
    put_orphan(f, "pay-core", "9.9.9");
    put_orphan(f, "pay-gone", "1.0.0");
    put_orphan(f, "Pay-Core", "1.0.0"); /* another spelling than the index has */
    put_orphan(f, "1-no-name", "1.0.0");
    assert_verify(f, false, 4, 0, "crate file pay-core-9.9.9.crate is in no index line");
    assert_true(stored(f, "pay-core", "9.9.9"));
    assert_verify(f, true, 4, 4,
                  "crate file Pay-Core-1.0.0.crate is in no index line: left by an interrupted publish "
                  "(repaired)");
    assert_false(stored(f, "pay-core", "9.9.9"));
    assert_false(stored(f, "1-no-name", "1.0.0"));
    assert_true(stored(f, "pay-core", "1.0.0"));
    assert_true(stored(f, "Pay_Other", "1.0.0+b"));
    assert_verify(f, false, 0, 0, "");
}

/* Between the look and the lock, somebody publishes what looked like an orphan. */
static void publish_orphan(void *cls)
{
    struct fx *f = cls;

    cg_fake_storage_set_hook(f->st, NULL, NULL, NULL);
    assert_int_equal(fx_publish(f, "pay-core", "9.9.9", NULL, NULL), CG_OK);
}

static void a_publish_in_progress_is_no_orphan(void **state)
{
    struct fx *f = *state;

    publish_some(f);
    put_orphan(f, "pay-core", "9.9.9");
    cg_fake_storage_set_hook(f->st, "lock", publish_orphan, f);
    assert_verify(f, true, 0, 0, "");
    assert_true(stored(f, "pay-core", "9.9.9"));
}

static void delete_other(void *cls)
{
    struct fx *f = cls;

    cg_fake_storage_set_hook(f->st, NULL, NULL, NULL);
    assert_int_equal(cg_registry_delete(f->reg, "payments", "pay_other", NULL, NULL), CG_OK);
}

static void a_deletion_in_progress_is_no_missing_crate(void **state)
{
    struct fx *f = *state;

    publish_some(f);
    fx_ok(f, f->st->ops->crate_remove(f->st, "Pay_Other", "1.0.0+b", &f->err));
    cg_fake_storage_set_hook(f->st, "lock", delete_other, f);
    assert_verify(f, true, 0, 0, "");
}

static json_t *look_at(struct fx *f, const char *name)
{
    cg_buf_reset(&f->out);
    fx_ok(f, cg_registry_crate(f->reg, "payments", name, &f->out, &f->err));
    return fx_json(f);
}

static void assert_row(struct fx *f, const char *version, const char *login, int64_t downloads)
{
    json_t *json;
    const json_t *row;

    cg_buf_reset(&f->out);
    fx_ok(f, cg_registry_version(f->reg, "payments", "pay-core", version, &f->out, &f->err));
    json = fx_json(f);
    row = json_object_get(json, "version");
    assert_string_equal(cg_json_str(row, "license"), "MIT");
    if (login)
        assert_string_equal(cg_json_str(json_object_get(row, "published_by"), "login"), login);
    else
        assert_true(json_is_null(json_object_get(row, "published_by")));
    assert_int_equal(json_integer_value(json_object_get(row, "downloads")), downloads);
    json_decref(json);
}

static void rows_that_are_missing_are_made_from_the_crates(void **state)
{
    struct fx *f = *state;
    json_t *json;

    publish_some(f);
    fx_ok(f, f->md->ops->derived_clear(f->md, "payments", &f->err));
    assert_verify(f, false, 2, 0, "crate pay-core: the database's rows do not fit it (versions missing: 2");
    assert_verify(f, true, 2, 2, "summary) (repaired)");
    assert_verify(f, false, 0, 0, "");
    assert_row(f, "1.1.0", NULL, 0);
    json = look_at(f, "pay-core");
    assert_string_equal(cg_json_str(json_object_get(json, "crate"), "description"), "about pay-core");
    json_decref(json);
}

static void a_row_that_differs_is_put_right_and_keeps_who_published(void **state)
{
    struct fx *f = *state;
    struct cg_version_row row = {.version = "1.1.0",
                                 .license = "wrong",
                                 .readme_path = "",
                                 .published_by = "somebody",
                                 .crate_size = 1,
                                 .published_at = 1};
    struct cg_download_count count = {
        .namespace_name = "payments", .crate = "pay-core", .version = "1.1.0", .count = 5};

    publish_some(f);
    fx_ok(f, f->md->ops->downloads_add(f->md, &count, 1, &f->err));
    fx_ok(f, f->md->ops->version_put(f->md, "payments", "pay-core", &row, NULL, 0, &f->err));
    assert_verify(f, false, 1, 0, "versions missing: 0, different: 1, too many: 0)");
    assert_verify(f, true, 1, 1, "(repaired)");
    assert_verify(f, false, 0, 0, "");
    assert_row(f, "1.1.0", "somebody", 5);
}

static void rows_of_versions_that_do_not_exist_go_and_the_others_keep_their_counts(void **state)
{
    struct fx *f = *state;
    struct cg_version_row row = {.version = "7.0.0", .license = "", .readme_path = "", .published_by = ""};
    struct cg_download_count count = {
        .namespace_name = "payments", .crate = "pay-core", .version = "1.1.0", .count = 5};
    json_t *json;

    publish_some(f);
    fx_ok(f, f->md->ops->downloads_add(f->md, &count, 1, &f->err));
    fx_ok(f, f->md->ops->version_put(f->md, "payments", "pay-core", &row, NULL, 0, &f->err));
    assert_verify(f, false, 1, 0, "too many: 1");
    assert_verify(f, true, 1, 1, "too many: 1; summary) (repaired)");
    assert_verify(f, false, 0, 0, "");
    assert_row(f, "1.1.0", "paula", 5);
    json = look_at(f, "pay-core");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(json, "crate"), "downloads")), 5);
    json_decref(json);
}

static void rows_of_crates_that_do_not_exist_go(void **state)
{
    struct fx *f = *state;
    struct cg_crate_summary summary = {.namespace_name = "payments",
                                       .crate = "pay-ghost",
                                       .name = "Pay_Ghost",
                                       .max_version = "1.0.0",
                                       .max_stable_version = "",
                                       .description = "",
                                       .keywords = "",
                                       .categories = "",
                                       .homepage = "",
                                       .documentation = "",
                                       .repository = ""};

    publish_some(f);
    fx_ok(f, f->md->ops->crate_put(f->md, &summary, &f->err));
    assert_verify(f, false, 1, 0, "crate Pay_Ghost: the database has it, the index does not");
    assert_verify(f, true, 1, 1, "(repaired)");
    assert_verify(f, false, 0, 0, "");
}

static void damaged_crates_still_get_what_rows_they_can(void **state)
{
    struct fx *f = *state;
    json_t *json;

    publish_some(f);
    cg_fake_storage_damage(f->st, "pay-core", "1.1.0");
    fx_ok(f, f->md->ops->derived_clear(f->md, "payments", &f->err));
    assert_verify(f, true, 3, 2, "checksum");
    json = look_at(f, "pay-core");
    assert_true(json_is_null(json_object_get(json_object_get(json, "crate"), "description")));
    json_decref(json);
    assert_verify(f, true, 1, 0, "checksum");
}

/* The fake's only fault is to say so; `check` says it until the rows are cleared. */
static enum cg_err (*real_check)(struct cg_metadata *md, struct cg_error *err);
static enum cg_err (*real_clear)(struct cg_metadata *md, const char *ns, struct cg_error *err);
static bool damaged;

static enum cg_err damaged_check(struct cg_metadata *md, struct cg_error *err)
{
    if (damaged)
        return cg_error_hide(err, CG_ERR_UNAVAILABLE, "the database is not well", "page 7 is upside down");
    return real_check(md, err);
}

static enum cg_err healing_clear(struct cg_metadata *md, const char *ns, struct cg_error *err)
{
    damaged = false;
    return real_clear(md, ns, err);
}

static void a_damaged_database_is_cleared_and_made_anew_with_its_publishers(void **state)
{
    struct fx *f = *state;
    struct cg_metadata_ops ops = *f->md->ops;
    const struct cg_metadata_ops *original = f->md->ops;

    publish_some(f);
    real_check = ops.check;
    real_clear = ops.derived_clear;
    ops.check = damaged_check;
    ops.derived_clear = healing_clear;
    f->md->ops = &ops;
    damaged = true;
    assert_verify(f, false, 1, 0, "payments: the database is damaged: page 7 is upside down");
    assert_verify(f, true, 3, 3, "page 7 is upside down (repaired)");
    assert_row(f, "1.1.0", "paula", 0);
    assert_row(f, "1.0.0", "paula", 0);
    f->md->ops = original;
    assert_verify(f, false, 0, 0, "");
}

static void a_run_can_be_stopped_and_run_again(void **state)
{
    struct fx *f = *state;

    publish_some(f);
    put_orphan(f, "pay-core", "9.9.9");
    for (stop_after = 1; stop_after <= 3; stop_after++) {
        fx_ok(f, run(f, true));
        assert_int_equal(verify.crates, stop_after);
        assert_int_equal(verify.problems, 0);
    }
    stop_after = 0;
    assert_verify(f, true, 1, 1, "9.9.9");
}

static void faults_that_stop_a_run_are_503(void **state)
{
    static const char *const storage[] = {"crate_each", "index_each", "lock"};
    static const char *const database[] = {"version_each", "search", "crate_get"};
    struct fx *f = *state;

    publish_some(f);
    put_orphan(f, "pay-core", "9.9.9");
    for (size_t i = 0; i < sizeof(storage) / sizeof(storage[0]); i++) {
        cg_fake_storage_set_broken(f->st, storage[i]);
        fx_refused(f, run(f, true), CG_ERR_UNAVAILABLE, "");
        cg_fake_storage_set_broken(f->st, NULL);
    }
    for (size_t i = 0; i < sizeof(database) / sizeof(database[0]); i++) {
        cg_fake_metadata_set_broken(f->md, database[i]);
        fx_refused(f, run(f, false), CG_ERR_UNAVAILABLE, "");
        cg_fake_metadata_set_broken(f->md, NULL);
    }
    cg_fake_metadata_set_broken(f->md, "check");
    fx_ok(f, run(f, false));
    assert_non_null(strstr(cg_buf_str(&said), "the database is damaged"));
    cg_fake_metadata_set_broken(f->md, NULL);
    cg_fake_storage_set_broken(f->st, "index_read");
    fx_refused(f, run(f, false), CG_ERR_UNAVAILABLE, "");
    assert_non_null(strstr(cg_buf_str(&said), "index file pay-core cannot be read"));
    cg_fake_storage_set_broken(f->st, "crate_remove");
    fx_refused(f, run(f, true), CG_ERR_UNAVAILABLE, "");
    assert_true(stored(f, "pay-core", "9.9.9"));
}

/* A fault at any single step: the run says so, or goes on; the next one finds everything sound. */
static void a_fault_at_any_step_of_a_repair_does_no_harm(void **state)
{
    struct fx *f = *state;

    publish_some(f);
    for (unsigned step = 1; step < 60; step++) {
        put_orphan(f, "pay-core", "9.9.9");
        fx_ok(f, f->md->ops->derived_clear(f->md, "payments", &f->err));
        cg_fake_storage_fail_at(f->st, step);
        if (run(f, true) != CG_OK)
            assert_int_equal(f->err.code, CG_ERR_UNAVAILABLE);
        cg_fake_storage_fail_at(f->st, 0);
        fx_ok(f, run(f, true));
        assert_verify(f, false, 0, 0, "");
        assert_int_equal(verify.crates, 3);
    }
}

/* Delete */

static void a_deleted_version_is_gone_everywhere(void **state)
{
    struct fx *f = *state;
    struct cg_download_count counts[] = {
        {.namespace_name = "payments", .crate = "pay-core", .version = "1.0.0", .count = 2},
        {.namespace_name = "payments", .crate = "pay-core", .version = "1.1.0", .count = 3}};
    int64_t before = 0, after = 0;
    char *text;

    publish_some(f);
    fx_ok(f, f->md->ops->downloads_add(f->md, counts, 2, &f->err));
    fx_ok(f, f->md->ops->generation(f->md, "index", &before, &f->err));
    fx_ok(f, cg_registry_delete(f->reg, "payments", "PAY-core", "1.1.0", &f->err));
    fx_ok(f, f->md->ops->generation(f->md, "index", &after, &f->err));
    assert_true(after > before);
    text = fx_served_index(f, "pa/y-/pay-core");
    assert_null(strstr(text, "\"1.1.0\""));
    assert_non_null(strstr(text, "\"1.0.0\""));
    free(text);
    assert_false(stored(f, "pay-core", "1.1.0"));
    assert_true(stored(f, "pay-core", "1.0.0"));
    assert_row(f, "1.0.0", "paula", 2);
    assert_verify(f, false, 0, 0, "");
    fx_refused(f, cg_registry_delete(f->reg, "payments", "pay-core", "1.1.0", &f->err), CG_ERR_ABSENT, "no version");
}

static void the_last_version_takes_the_crate_along(void **state)
{
    struct fx *f = *state;
    char *text;

    publish_some(f);
    fx_ok(f, cg_registry_delete(f->reg, "payments", "pay_other", "1.0.0", &f->err));
    text = fx_served_index(f, "pa/y_/pay_other");
    assert_null(text);
    assert_false(stored(f, "Pay_Other", "1.0.0+b"));
    assert_verify(f, false, 0, 0, "");
    fx_ok(f, fx_publish(f, "pay-other", "1.0.0", NULL, NULL)); /* the name is free again, in any spelling */
}

static void a_whole_crate_goes_with_all_its_files(void **state)
{
    struct fx *f = *state;

    publish_some(f);
    put_orphan(f, "pay-core", "9.9.9");
    fx_ok(f, cg_registry_delete(f->reg, "payments", "pay-core", NULL, &f->err));
    assert_false(stored(f, "pay-core", "1.0.0"));
    assert_false(stored(f, "pay-core", "1.1.0"));
    assert_false(stored(f, "pay-core", "9.9.9"));
    fx_refused(f, cg_registry_crate(f->reg, "payments", "pay-core", &f->out, &f->err), CG_ERR_ABSENT, "");
    assert_verify(f, false, 0, 0, "");
    fx_refused(f, cg_registry_delete(f->reg, "payments", "pay-core", NULL, &f->err), CG_ERR_ABSENT, "does not exist");
}

static void deleting_again_removes_what_a_crash_left(void **state)
{
    struct fx *f = *state;

    publish_some(f);
    cg_fake_storage_set_broken(f->st, "crate_remove");
    fx_refused(f, cg_registry_delete(f->reg, "payments", "pay-core", "1.1.0", &f->err), CG_ERR_UNAVAILABLE, "");
    fx_refused(f, cg_registry_delete(f->reg, "payments", "pay_other", NULL, &f->err), CG_ERR_UNAVAILABLE, "");
    cg_fake_storage_set_broken(f->st, NULL);
    assert_true(stored(f, "pay-core", "1.1.0"));
    fx_ok(f, cg_registry_delete(f->reg, "payments", "pay-core", "1.1.0", &f->err));
    fx_ok(f, cg_registry_delete(f->reg, "payments", "Pay_Other", NULL, &f->err));
    assert_false(stored(f, "pay-core", "1.1.0"));
    assert_verify(f, false, 0, 0, "");
}

static void deleting_fails_whole_or_says_what_is_open(void **state)
{
    static const char *const storage[] = {"lock", "index_read", "index_write"};
    struct fx *f = *state;

    publish_some(f);
    for (size_t i = 0; i < sizeof(storage) / sizeof(storage[0]); i++) {
        cg_fake_storage_set_broken(f->st, storage[i]);
        fx_refused(f, cg_registry_delete(f->reg, "payments", "pay-core", "1.1.0", &f->err), CG_ERR_UNAVAILABLE, "");
        cg_fake_storage_set_broken(f->st, NULL);
        assert_true(stored(f, "pay-core", "1.1.0"));
    }
    cg_fake_storage_set_broken(f->st, "crate_each");
    fx_refused(f, cg_registry_delete(f->reg, "payments", "pay_other", NULL, &f->err), CG_ERR_UNAVAILABLE, "");
    cg_fake_storage_set_broken(f->st, NULL);
    cg_fake_metadata_set_broken(f->md, "generation_bump");
    fx_refused(f, cg_registry_delete(f->reg, "payments", "pay-core", "1.1.0", &f->err), CG_ERR_UNAVAILABLE, "");
    cg_fake_metadata_set_broken(f->md, NULL);
    fx_refused(f, cg_registry_delete(f->reg, "nowhere", "pay-core", "1.1.0", &f->err), CG_ERR_ABSENT, "no namespace");
    fx_refused(f, cg_registry_delete(f->reg, "payments", "../x", "1.1.0", &f->err), CG_ERR_ABSENT, "does not exist");
    assert_int_equal(cg_registry_delete(f->reg, "payments", "pay-core", "../../x", &f->err), CG_ERR_INVALID);
}

static void an_empty_index_file_goes_with_its_crate(void **state)
{
    struct fx *f = *state;
    char *text;

    fx_ok(f, f->st->ops->index_write(f->st, "pay-odd", "", 0, &f->err));
    fx_ok(f, cg_registry_delete(f->reg, "payments", "pay-odd", NULL, &f->err));
    text = fx_stored_index(f, "pay-odd");
    assert_null(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_sound_namespace_has_no_problem, fx_setup_real, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_crate_is_reported_and_never_touched, fx_setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_crate_is_reported, fx_setup_real, teardown),
        cmocka_unit_test_setup_teardown(a_crate_that_cannot_be_read_does_not_end_the_run, fx_setup, teardown),
        cmocka_unit_test_setup_teardown(an_archive_that_is_not_what_its_line_says_is_reported, fx_setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_that_is_not_what_the_manifest_says_is_reported, fx_setup, teardown),
        cmocka_unit_test_setup_teardown(index_files_are_checked_line_by_line, fx_setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_for_another_name_is_reported, fx_setup, teardown),
        cmocka_unit_test_setup_teardown(files_that_no_line_names_are_removed_by_a_repair, fx_setup_real, teardown),
        cmocka_unit_test_setup_teardown(a_publish_in_progress_is_no_orphan, fx_setup, teardown),
        cmocka_unit_test_setup_teardown(a_deletion_in_progress_is_no_missing_crate, fx_setup, teardown),
        cmocka_unit_test_setup_teardown(rows_that_are_missing_are_made_from_the_crates, fx_setup_real, teardown),
        cmocka_unit_test_setup_teardown(a_row_that_differs_is_put_right_and_keeps_who_published, fx_setup_real,
                                        teardown),
        cmocka_unit_test_setup_teardown(rows_of_versions_that_do_not_exist_go_and_the_others_keep_their_counts,
                                        fx_setup_real, teardown),
        cmocka_unit_test_setup_teardown(rows_of_crates_that_do_not_exist_go, fx_setup_real, teardown),
        cmocka_unit_test_setup_teardown(damaged_crates_still_get_what_rows_they_can, fx_setup_real_database, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_database_is_cleared_and_made_anew_with_its_publishers, fx_setup_real,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_run_can_be_stopped_and_run_again, fx_setup, teardown),
        cmocka_unit_test_setup_teardown(faults_that_stop_a_run_are_503, fx_setup, teardown),
        cmocka_unit_test_setup_teardown(a_fault_at_any_step_of_a_repair_does_no_harm, fx_setup, teardown),
        cmocka_unit_test_setup_teardown(a_deleted_version_is_gone_everywhere, fx_setup_real, teardown),
        cmocka_unit_test_setup_teardown(the_last_version_takes_the_crate_along, fx_setup_real, teardown),
        cmocka_unit_test_setup_teardown(a_whole_crate_goes_with_all_its_files, fx_setup_real, teardown),
        cmocka_unit_test_setup_teardown(deleting_again_removes_what_a_crash_left, fx_setup, teardown),
        cmocka_unit_test_setup_teardown(deleting_fails_whole_or_says_what_is_open, fx_setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_index_file_goes_with_its_crate, fx_setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
