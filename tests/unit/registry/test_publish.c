/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
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
#include "log/metrics.h"
#include "registry/derive.h"

/* The crate file as the storage has it is the one that was sent. */
static void assert_crate_stored(struct fx *f, const char *name, const char *version)
{
    struct cg_crate_file file;
    char *bytes = cg_malloc(f->crate.len + 1);

    fx_ok(f, f->st->ops->crate_open(f->st, name, version, &file, &f->err));
    assert_int_equal(file.size, f->crate.len);
    assert_int_equal(read(file.fd, bytes, f->crate.len + 1), (ssize_t)f->crate.len);
    assert_memory_equal(bytes, f->crate.data, f->crate.len);
    close(file.fd);
    free(bytes);
}

static void assert_nothing_stored(struct fx *f, const char *name, const char *version)
{
    struct cg_crate_file file;
    char *text = fx_stored_index(f, name);

    assert_null(text);
    assert_int_equal(f->st->ops->crate_open(f->st, name, version, &file, NULL), CG_ERR_ABSENT);
}

static json_t *index_line(struct fx *f, const char *path)
{
    char *text = fx_served_index(f, path);
    json_t *line = NULL;

    assert_non_null(text);
    assert_int_equal(text[strlen(text) - 1], '\n');
    fx_ok(f, cg_json_parse(text, strlen(text) - 1, &line, &f->err));
    free(text);
    return line;
}

/* How many of the last answer's warnings hold that text. */
static size_t warnings_with(struct fx *f, const char *text)
{
    json_t *json = fx_json(f), *warnings = json_object_get(json, "warnings"), *item;
    size_t i, count = 0;

    assert_int_equal(json_array_size(json_object_get(warnings, "invalid_categories")), 0);
    assert_int_equal(json_array_size(json_object_get(warnings, "invalid_badges")), 0);
    assert_true(json_is_array(json_object_get(warnings, "other")));
    json_array_foreach(json_object_get(warnings, "other"), i, item) count +=
        strstr(json_string_value(item), text) != NULL;
    json_decref(json);
    return count;
}

static void a_published_version_is_stored_indexed_and_searchable(void **state)
{
    struct fx *f = *state;
    int64_t published = cg_metric_get(CG_METRIC_PUBLISHES);
    unsigned char digest[CG_SHA256_SIZE];
    char hex[CG_SHA256_HEX_SIZE];
    json_t *line;

    fx_ok(f, fx_publish(f, "Pay-Core", "1.0.0-rc.1+b.2",
                        "links = \"core\"\nrust-version = \"1.70\"\n[dependencies]\nserde = \"1\"\n", NULL));
    assert_int_equal(warnings_with(f, ""), 0);
    assert_string_equal(f->change.crate, "Pay-Core");
    assert_string_equal(f->change.version, "1.0.0-rc.1+b.2");
    assert_false(f->change.unchanged);
    assert_non_null(strstr(f->change.decision.rule, "group:payments"));
    assert_int_equal(cg_metric_get(CG_METRIC_PUBLISHES), published + 1);
    assert_crate_stored(f, "Pay-Core", "1.0.0-rc.1+b.2");
    line = index_line(f, "pa/y-/pay-core");
    cg_sha256(f->crate.data, f->crate.len, digest);
    cg_hex(digest, sizeof(digest), hex);
    assert_string_equal(cg_json_str(line, "cksum"), hex);
    assert_string_equal(cg_json_str(line, "name"), "Pay-Core");
    assert_string_equal(cg_json_str(json_array_get(json_object_get(line, "deps"), 0), "registry"),
                        "https://github.com/rust-lang/crates.io-index");
    assert_int_equal(strlen(cg_json_str(line, "pubtime")), 20);
    json_decref(line);
    cg_buf_reset(&f->out);
    fx_ok(f, cg_registry_crate(f->reg, "payments", "pay-core", &f->out, &f->err));
    line = fx_json(f);
    assert_string_equal(cg_json_str(json_object_get(line, "crate"), "description"), "about Pay-Core");
    json_decref(line);
}

static void versions_are_appended(void **state)
{
    struct fx *f = *state;
    char *first, *both;

    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    first = fx_stored_index(f, "pay-core");
    fx_ok(f, fx_publish(f, "pay-core", "0.9.0", NULL, NULL));
    both = fx_stored_index(f, "pay-core");
    assert_memory_equal(first, both, strlen(first));
    assert_non_null(strstr(both + strlen(first), "\"0.9.0\""));
    free(first);
    free(both);
}

static void a_file_without_final_newline_gets_one_before_the_next_line(void **state)
{
    struct fx *f = *state;
    char *text;

    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    text = fx_stored_index(f, "pay-core");
    fx_ok(f, f->st->ops->index_write(f->st, "pay-core", text, strlen(text) - 1, &f->err));
    free(text);
    fx_ok(f, fx_publish(f, "pay-core", "1.1.0", NULL, NULL));
    text = fx_served_index(f, "pa/y-/pay-core");
    assert_non_null(strstr(text, "}\n{"));
    free(text);
}

static void the_same_bytes_again_succeed_and_keep_a_yank(void **state)
{
    struct fx *f = *state;
    char *before, *after;

    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    fx_ok(f, fx_yank(f, "pay-core", "1.0.0", true));
    before = fx_stored_index(f, "pay-core");
    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    assert_true(f->change.unchanged);
    after = fx_stored_index(f, "pay-core");
    assert_string_equal(before, after);
    assert_non_null(strstr(after, "\"yanked\":true"));
    free(before);
    free(after);
}

static void other_bytes_under_a_version_are_refused_and_the_first_stay(void **state)
{
    struct fx *f = *state;
    struct cg_buf first;

    fx_ok(f, fx_publish(f, "pay-core", "1.0.0+one", NULL, NULL));
    first = f->crate;
    cg_buf_init(&f->crate, first.max);
    fx_refused(f, fx_publish(f, "pay-core", "1.0.0+one", "homepage = \"https://other\"\n", NULL), CG_ERR_CONFLICT,
               "already exists");
    fx_refused(f, fx_publish(f, "pay-core", "1.0.0+two", NULL, NULL), CG_ERR_CONFLICT, "build metadata");
    fx_refused(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL), CG_ERR_CONFLICT, "already exists");
    cg_buf_free(&f->crate);
    f->crate = first;
    assert_crate_stored(f, "pay-core", "1.0.0+one");
}

static void names_that_fold_to_one_are_one(void **state)
{
    struct fx *f = *state;

    fx_ok(f, fx_publish(f, "Pay-Fold_x", "1.0.0", NULL, NULL));
    fx_refused(f, fx_publish(f, "pay-fold_x", "2.0.0", NULL, NULL), CG_ERR_CONFLICT, "previously named `Pay-Fold_x`");
    fx_refused(f, fx_publish(f, "pay-fold-x", "2.0.0", NULL, NULL), CG_ERR_CONFLICT, "previously named `Pay-Fold_x`");
    fx_refused(f, fx_publish(f, "PAY_FOLD_X", "2.0.0", NULL, NULL), CG_ERR_CONFLICT, "previously named `Pay-Fold_x`");
    fx_ok(f, fx_publish(f, "Pay-Fold_x", "2.0.0", NULL, NULL));
}

static void an_unreadable_twin_still_holds_its_name(void **state)
{
    struct fx *f = *state;

    fx_ok(f, fx_publish(f, "pay-twin", "1.0.0", NULL, NULL));
    fx_ok(f, f->st->ops->index_write(f->st, "pay-twin", "garbage\n", 8, &f->err));
    fx_refused(f, fx_publish(f, "pay_twin", "1.0.0", NULL, NULL), CG_ERR_CONFLICT, "previously named `pay-twin`");
}

static void rights_are_asked_before_the_crate_is_looked_at(void **state)
{
    struct fx *f = *state;
    unsigned before = cg_fake_storage_count(f->st);

    f->caller.who = f->olga;
    fx_refused(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL), CG_ERR_DENIED, "publish");
    f->caller.who = f->nora;
    fx_refused(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL), CG_ERR_DENIED, "does not exist, or nora may not");
    f->caller.who = f->anonymous;
    fx_refused(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL), CG_ERR_UNAUTHENTICATED, "cargo login");
    assert_string_equal(f->change.crate, "pay-core");
    assert_int_equal(cg_fake_storage_count(f->st), before);
}

/* The rows after a publish are those that all lines together would give. */
static void check_rows(struct fx *f, const char *index_name)
{
    struct cg_namespace *ns = NULL;
    char *text = fx_stored_index(f, index_name);
    struct cg_derive derive = {.text = text, .len = strlen(text), .look_only = true};

    fx_ok(f, cg_namespace_get(f->reg, "payments", &ns, &f->err));
    derive.ns = ns;
    fx_ok(f, cg_derive_crate(&derive, &f->err));
    assert_true(cg_derive_fits(&derive));
    free(text);
}

static void rows_fit_after_every_publish_in_whatever_order(void **state)
{
    static const char *const versions[] = {"1.0.0-rc.1", "0.9.0", "1.0.0", "0.9.1", "2.0.0-a", "1.0.1+b", "2.0.0", "1.5.0"};
    struct fx *f = *state;

    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
        fx_ok(f, fx_publish(f, "pay-core", versions[i], NULL, NULL));
        check_rows(f, "pay-core");
        if (i % 3 == 2)
            fx_ok(f, fx_yank(f, "pay-core", versions[i], true));
    }
}

/* An index file of 100 KB that is not in memory. */
static void put_large(struct fx *f)
{
    struct cg_buf text;

    cg_buf_init(&text, 1024 * 1024);
    for (int i = 0; i < 600; i++)
        cg_buf_addf(&text, "{\"name\":\"pay-big\",\"vers\":\"0.0.%d\",\"deps\":[],\"cksum\":\"%064d\",\"features\":{},"
                           "\"yanked\":false}\n", i, i);
    fx_ok(f, f->st->ops->index_write(f->st, "pay-big", cg_buf_str(&text), text.len, &f->err));
    cg_buf_free(&text);
    fx_restart(f);
}

static struct cg_blob *large_blob(struct fx *f)
{
    struct cg_blob *blob = NULL;
    enum cg_err rc = cg_registry_index(f->reg, "payments", "pa/y-/pay-big", &blob);

    if (rc == CG_ERR_AGAIN)
        rc = cg_registry_index_load(f->reg, "payments", "pa/y-/pay-big", &blob, &f->err);
    fx_ok(f, rc);
    return blob;
}

static void a_large_index_file_is_compressed_after_the_publish_not_in_it(void **state)
{
    struct fx *f = *state;
    struct cg_blob *blob;

    put_large(f);
    fx_ok(f, fx_publish(f, "pay-big", "1.0.0", NULL, NULL));
    blob = large_blob(f);
    assert_null(blob->gzip);
    cg_blob_unref(&blob);
    cg_registry_tick(f->reg);
    blob = large_blob(f);
    assert_non_null(blob->gzip);
    assert_non_null(strstr(blob->bytes, "\"1.0.0\""));
    cg_blob_unref(&blob);
}

/* The sum of the compressed form as it is given out after a restart, which is the stored one then. With `mark` that is
 * damaged afterwards. */
static uint32_t sum_of_form(struct fx *f, const char *mark)
{
    struct cg_buf stored, fresh;
    struct cg_blob *blob;
    uint32_t sum;

    fx_restart(f);
    blob = large_blob(f);
    assert_non_null(blob->gzip);
    sum = cg_crc32(blob->gzip, blob->gzip_len);
    cg_buf_init(&fresh, 1024 * 1024);
    cg_buf_init(&stored, 1024 * 1024);
    fx_ok(f, f->st->ops->ready_read(f->st, "pay-big", &stored, &f->err));
    assert_int_equal(stored.len, 66 + blob->gzip_len);
    assert_memory_equal(stored.data, blob->etag, 34);
    assert_memory_equal(stored.data + 66, blob->gzip, blob->gzip_len);
    if (mark) {
        cg_buf_add(&fresh, stored.data, stored.len);
        memcpy(fresh.data + (strcmp(mark, "tag") == 0 ? 1 : fresh.len - 12), "xx", 2);
        fx_ok(f, f->st->ops->ready_write(f->st, "pay-big", fresh.data, strcmp(mark, "torn") == 0 ? 40 : fresh.len, &f->err));
    }
    cg_blob_unref(&blob);
    cg_buf_free(&stored);
    cg_buf_free(&fresh);
    return sum;
}

static void a_compressed_form_that_does_not_fit_is_made_anew(void **state)
{
    struct fx *f = *state;
    const char *text = "{}\n";
    uint32_t good;

    put_large(f);
    good = sum_of_form(f, "tag"); /* made by the first read; afterwards it is of something else */
    assert_int_equal(sum_of_form(f, "bytes"), good);
    assert_int_equal(sum_of_form(f, "torn"), good);
    assert_int_equal(sum_of_form(f, NULL), good);
    fx_ok(f, fx_publish(f, "pay-big", "1.0.0", NULL, NULL)); /* and there is none of the new file yet */
    assert_int_not_equal(sum_of_form(f, NULL), good);
    fx_ok(f, f->st->ops->index_write(f->st, "pay-big", text, strlen(text), &f->err)); /* by hand */
    fx_restart(f);
    struct cg_blob *blob = large_blob(f);
    assert_null(blob->gzip);
    cg_blob_unref(&blob);
}

static void a_prefix_of_another_namespace_is_refused(void **state)
{
    struct fx *f = *state;

    f->caller.who = f->alice;
    fx_crate(&f->crate, "pay-squat", "1.0.0", NULL, NULL, NULL);
    fx_frame(&f->body, "{\"name\":\"pay-squat\",\"vers\":\"1.0.0\"}", &f->crate);
    fx_refused(f, fx_publish_body(f, "platform", &f->body), CG_ERR_DENIED, "pay-");
    fx_refused(f, fx_publish_body(f, "nowhere", &f->body), CG_ERR_DENIED, "does not exist, or alice may not");
}

static void owners_alone_publish_once_there_are_some(void **state)
{
    struct fx *f = *state;
    struct cg_owner owner = {.kind = CG_OWNER_USER, .login = (char *)"alice", .subject = (char *)"id-alice"};

    fx_ok(f, fx_publish(f, "pay_core", "1.0.0", NULL, NULL));
    fx_ok(f, f->md->ops->owner_add(f->md, "payments", "pay-core", &owner, &f->err));
    fx_refused(f, fx_publish(f, "pay_core", "1.1.0", NULL, NULL), CG_ERR_DENIED, "owners of its own (alice)");
    f->caller.who = f->alice;
    fx_ok(f, fx_publish(f, "pay_core", "1.1.0", NULL, NULL));
}

static void tokens_narrowed_to_new_crates_publish_no_updates(void **state)
{
    struct fx *f = *state;
    struct cg_token *token = cg_token_new();

    token->name = cg_strdup("ci");
    token->actions = CG_ACTION_PUBLISH_NEW;
    f->caller.token = token;
    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    fx_refused(f, fx_publish(f, "pay-core", "1.1.0", NULL, NULL), CG_ERR_DENIED, "publish-update");
    token->actions = CG_ACTION_PUBLISH_UPDATE;
    fx_ok(f, fx_publish(f, "pay-core", "1.1.0", NULL, NULL));
    fx_refused(f, fx_publish(f, "pay-new", "1.0.0", NULL, NULL), CG_ERR_DENIED, "publish-new");
    f->caller.token = NULL;
    cg_token_unref(&token);
}

/* Publishes that JSON with a good crate of pay-x 1.0.0. */
static enum cg_err publish_json(struct fx *f, const char *json)
{
    fx_crate(&f->crate, "pay-x", "1.0.0", NULL, NULL, NULL);
    fx_frame(&f->body, json, &f->crate);
    return fx_publish_body(f, "payments", &f->body);
}

static void metadata_of_the_wrong_type_is_refused(void **state)
{
    struct fx *f = *state;
    static const char *const bad[] = {
        "1",
        "[]",
        "{",
        "{\"name\":\"pay-x\",\"name\":\"pay-y\",\"vers\":\"1.0.0\"}",
        "{\"name\":1,\"vers\":\"1.0.0\"}",
        "{\"vers\":\"1.0.0\"}",
        "{\"name\":\"pay-x\"}",
        "{\"name\":\"pay-x\",\"vers\":1}",
        "{\"name\":\"pay-x\",\"vers\":\"1.0.0\",\"description\":[]}",
        "{\"name\":\"pay-x\",\"vers\":\"1.0.0\",\"readme\":\"a\\u0000b\"}",
        "{\"name\":\"pay-x\",\"vers\":\"1.0.0\",\"authors\":\"me\"}",
        "{\"name\":\"pay-x\",\"vers\":\"1.0.0\",\"keywords\":[1]}",
        "{\"name\":\"pay-x\",\"vers\":\"1.0.0\",\"features\":[]}",
        "{\"name\":\"pay-x\",\"vers\":\"1.0.0\",\"features\":{\"a\":\"b\"}}",
        "{\"name\":\"pay-x\",\"vers\":\"1.0.0\",\"badges\":{\"a\":\"b\"}}",
        "{\"name\":\"pay-x\",\"vers\":\"1.0.0\",\"badges\":{\"a\":{\"b\":1}}}",
        "{\"name\":\"pay-x\",\"vers\":\"1.0.0\",\"deps\":{}}",
        "{\"name\":\"pay-x\",\"vers\":\"1.0.0\",\"deps\":[1]}",
        "{\"name\":\"pay-x\",\"vers\":\"1.0.0\",\"deps\":[{\"name\":1}]}",
        "{\"name\":\"pay-x\",\"vers\":\"1.0.0\",\"deps\":[{\"name\":\"a\",\"optional\":\"no\"}]}",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (publish_json(f, bad[i]) != CG_ERR_INVALID)
            fail_msg("accepted: %s", bad[i]);
        assert_true(f->err.detail[0]);
    }
    assert_nothing_stored(f, "pay-x", "1.0.0");
}

static void metadata_may_lack_or_add_what_it_likes(void **state)
{
    struct fx *f = *state;

    fx_ok(f, publish_json(f, "{\"name\":\"pay-x\",\"vers\":\"1.0.0\",\"deps\":null,\"readme\":null,\"new\":{\"a\":[1]},"
                             "\"badges\":{\"ci\":{\"repo\":\"x\",\"branch\":null}},\"authors\":[\"me\"]}"));
    assert_int_equal(warnings_with(f, ""), 0);
}

static void bad_names_and_versions_are_refused(void **state)
{
    struct fx *f = *state;
    static const char *const names[] = {"",    "1abc", "-a",   "a b",  "a/b", "\xc3\xbcn\xc3\xaf", "..",
                                        "con", "AUX",  "Com7", "lpt0", "std", "Proc-Macro",        "rustc_driver"};
    static const char *const versions[] = {"", "1.0", "v1.0.0", "01.0.0", "1.0.0-01", "1.0.0+", "1.0.0 ", "../1.0.0"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        fx_refused(f, fx_publish(f, names[i], "1.0.0", NULL, NULL), CG_ERR_INVALID, "(rule: crate-name");
    for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
        fx_refused(f, fx_publish(f, "pay-x", versions[i], NULL, NULL), CG_ERR_INVALID, "(rule: crate-version)");
    fx_ok(f, fx_publish(f, "console", "1.0.0", NULL, NULL));
    fx_ok(f, fx_publish(f, "com", "1.0.0", NULL, NULL));
    fx_ok(f, fx_publish(f, "std-x", "1.0.0", NULL, NULL));
}

static void what_the_audit_record_says_is_printable(void **state)
{
    struct fx *f = *state;

    assert_int_equal(publish_json(f, "{\"name\":\"pay\\nx\",\"vers\":\"1\\u001b[0m\"}"), CG_ERR_INVALID);
    assert_string_equal(f->change.crate, "pay?x");
    assert_string_equal(f->change.version, "1?[0m");
}

static void metadata_and_manifest_must_agree_on_name_and_version(void **state)
{
    struct fx *f = *state;
    const char *manifest = "[package]\nname = \"pay-other\"\nversion = \"1.0.0\"\n";

    fx_crate_raw(&f->crate, "pay-x-1.0.0", manifest, NULL, NULL);
    fx_frame(&f->body, "{\"name\":\"pay-x\",\"vers\":\"1.0.0\"}", &f->crate);
    fx_refused(f, fx_publish_body(f, "payments", &f->body), CG_ERR_INVALID, "manifest-identity");
    manifest = "[package]\nname = \"pay-x\"\nversion = \"1.0.0+b\"\n";
    fx_crate_raw(&f->crate, "pay-x-1.0.0", manifest, NULL, NULL);
    fx_frame(&f->body, "{\"name\":\"pay-x\",\"vers\":\"1.0.0\"}", &f->crate);
    fx_refused(f, fx_publish_body(f, "payments", &f->body), CG_ERR_INVALID, "manifest-identity");
    fx_refused(f, fx_publish(f, "pay-x", "1.0.0", "[patch.crates-io]\nx = \"1\"\n", NULL), CG_ERR_INVALID,
               "manifest-patch");
    assert_nothing_stored(f, "pay-x", "1.0.0");
}

static void frames_and_archives_that_are_wrong_leave_nothing(void **state)
{
    struct fx *f = *state;
    struct cg_buf big;

    fx_ok(f, fx_publish(f, "pay-x", "0.1.0", NULL, NULL));
    fx_crate(&f->crate, "pay-y", "1.0.0", NULL, NULL, NULL);
    cg_buf_addstr(&f->crate, "tail");
    fx_frame(&f->body, "{\"name\":\"pay-y\",\"vers\":\"1.0.0\"}", &f->crate);
    fx_refused(f, fx_publish_body(f, "payments", &f->body), CG_ERR_INVALID, "gzip-member");
    cg_buf_addch(&f->body, 'x');
    fx_refused(f, fx_publish_body(f, "payments", &f->body), CG_ERR_INVALID, "publish-frame");
    cg_buf_init(&big, 8u << 20);
    memset(cg_buf_reserve(&big, 5u << 20), 'z', 5u << 20);
    cg_buf_commit(&big, 5u << 20);
    fx_crate(&f->crate, "pay-y", "1.0.0", NULL, "big", cg_buf_str(&big));
    cg_buf_free(&big);
    fx_frame(&f->body, "{\"name\":\"pay-y\",\"vers\":\"1.0.0\"}", &f->crate);
    fx_refused(f, fx_publish_body(f, "payments", &f->body), CG_ERR_TOO_LARGE, "unpacked-size");
    assert_nothing_stored(f, "pay-y", "1.0.0");
}

/* A body that promises more than it gives. */
static enum cg_err read_short(void *cls, uint64_t offset, void *bytes, size_t len, size_t *got_out,
                              struct cg_error *err)
{
    const struct cg_buf *body = cls;
    size_t end = body->len - 20, left = offset < end ? end - (size_t)offset : 0;

    (void)err;
    *got_out = left < len ? left : len;
    memcpy(bytes, cg_buf_str(body) + offset, *got_out);
    return CG_OK;
}

static enum cg_err read_fails(void *cls, uint64_t offset, void *bytes, size_t len, size_t *got_out,
                              struct cg_error *err)
{
    if (offset > 100)
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "the spool is gone");
    return read_short(cls, offset, bytes, len, got_out, err);
}

static void a_body_that_ends_early_or_fails_leaves_nothing(void **state)
{
    struct fx *f = *state;
    struct cg_source source;

    fx_crate(&f->crate, "pay-x", "1.0.0", NULL, NULL, NULL);
    fx_frame(&f->body, "{\"name\":\"pay-x\",\"vers\":\"1.0.0\"}", &f->crate);
    f->change = (struct cg_change){.policy = f->policy, .caller = &f->caller, .ns = "payments"};
    source = fx_source(&f->body);
    source.read = read_short;
    fx_refused(f, cg_registry_publish(f->reg, &f->change, &source, &f->out, &f->err), CG_ERR_INVALID, "publish-frame");
    source.read = read_fails;
    fx_refused(f, cg_registry_publish(f->reg, &f->change, &source, &f->out, &f->err), CG_ERR_UNAVAILABLE, "spool");
    assert_nothing_stored(f, "pay-x", "1.0.0");
}

static void registries_of_dependencies_are_resolved_or_refused(void **state)
{
    struct fx *f = *state;
    json_t *line, *deps;

    fx_ok(f,
          fx_publish(f, "pay-x", "1.0.0",
                     "[dependencies]\nserde = \"1\"\n[dependencies.pay-x]\nversion = \"0.1\"\n"
                     "registry-index = \"sparse+https://crates.corp.example/api/cargo/payments/index/\"\n"
                     "[dependencies.plat]\nversion = \"1\"\n"
                     "registry-index = \"sparse+https://crates.corp.example/artifactory/api/cargo/platform/index/\"\n",
                     NULL));
    line = index_line(f, "pa/y-/pay-x");
    deps = json_object_get(line, "deps");
    assert_int_equal(json_array_size(deps), 3);
    assert_null(cg_json_str(json_array_get(deps, 1), "registry"));
    assert_string_equal(cg_json_str(json_array_get(deps, 2), "registry"),
                        "sparse+https://crates.corp.example/api/cargo/platform/index/");
    json_decref(line);
    fx_refused(
        f,
        fx_publish(f, "pay-y", "1.0.0",
                   "[dependencies.x]\nversion = \"1\"\nregistry-index = \"sparse+https://evil.example/index/\"\n",
                   NULL),
        CG_ERR_DENIED, "allowed_registries");
    assert_nothing_stored(f, "pay-y", "1.0.0");
}

static void required_fields_are_the_namespaces_own(void **state)
{
    struct fx *f = *state;

    fx_crate(&f->crate, "any", "1.0.0", NULL, NULL, NULL);
    fx_frame(&f->body, "{\"name\":\"any\",\"vers\":\"1.0.0\"}", &f->crate);
    fx_refused(f, fx_publish_body(f, "strict", &f->body), CG_ERR_UNPROCESSABLE, "\"keywords\"");
    fx_crate(&f->crate, "any", "1.0.0", "keywords = []\n", NULL, NULL);
    fx_frame(&f->body, "{\"name\":\"any\",\"vers\":\"1.0.0\"}", &f->crate);
    fx_refused(f, fx_publish_body(f, "strict", &f->body), CG_ERR_UNPROCESSABLE, "\"keywords\"");
    fx_crate(&f->crate, "any", "1.0.0", "keywords = [\"k\"]\nhomepage = \"\"\n", NULL, NULL);
    fx_frame(&f->body, "{\"name\":\"any\",\"vers\":\"1.0.0\"}", &f->crate);
    fx_refused(f, fx_publish_body(f, "strict", &f->body), CG_ERR_UNPROCESSABLE, "\"homepage\"");
    fx_crate(&f->crate, "any", "1.0.0", "keywords = [\"k\"]\nhomepage = \"https://x\"\n", NULL, NULL);
    fx_frame(&f->body, "{\"name\":\"any\",\"vers\":\"1.0.0\"}", &f->crate);
    fx_ok(f, fx_publish_body(f, "strict", &f->body));
}

static void taste_is_a_warning(void **state)
{
    struct fx *f = *state;

    fx_crate_raw(&f->crate, "pay-bare-1.0.0",
                 "[package]\nname = \"pay-bare\"\nversion = \"1.0.0\"\n[dependencies]\nserde = \"*\"\n", NULL, NULL);
    fx_frame(&f->body, "{\"name\":\"pay-bare\",\"vers\":\"1.0.0\"}", &f->crate);
    fx_ok(f, fx_publish_body(f, "payments", &f->body));
    json_t *json = fx_json(f);
    char *text = cg_json_dump(json);
    assert_non_null(strstr(text, "no description"));
    assert_non_null(strstr(text, "neither a license nor a license-file"));
    assert_non_null(strstr(text, "takes any version"));
    assert_int_equal(json_array_size(json_object_get(json_object_get(json, "warnings"), "other")), 3);
    free(text);
    json_decref(json);
}

#define OWN_DEP(name)                                                                                                  \
    "[dependencies." name "]\nversion = \"1\"\n"                                                                       \
    "registry-index = \"sparse+https://crates.corp.example/api/cargo/payments/index/\"\n"

static void dependencies_that_are_not_here_yet_are_a_warning(void **state)
{
    struct fx *f = *state;

    fx_ok(f, fx_publish(f, "pay-x", "1.0.0", OWN_DEP("pay-none"), NULL));
    assert_int_equal(warnings_with(f, "`pay-none` does not exist in namespace \"payments\" yet"), 1);
    fx_ok(f, fx_publish(f, "pay-y", "1.0.0", OWN_DEP("pay_x"), NULL));
    assert_int_equal(warnings_with(f, "there is a `pay-x`"), 1);
    fx_ok(f, fx_publish(f, "pay-z", "1.0.0", OWN_DEP("pay-x"), NULL));
    assert_int_equal(warnings_with(f, ""), 0);
}

static void more_warnings_than_a_person_reads_are_cut(void **state)
{
    struct fx *f = *state;
    struct cg_buf toml;
    json_t *json;

    cg_buf_init(&toml, 1u << 20);
    for (int i = 0; i < 150; i++)
        cg_buf_addf(&toml, "[dependencies.d%d]\nversion = \"*\"\n", i);
    fx_ok(f, fx_publish(f, "pay-x", "1.0.0", cg_buf_str(&toml), NULL));
    cg_buf_free(&toml);
    json = fx_json(f);
    assert_int_equal(json_array_size(json_object_get(json_object_get(json, "warnings"), "other")), 100);
    json_decref(json);
}

static const char rich_manifest[] =
    "links = \"z\"\nrust-version = \"1.60\"\n"
    "[dependencies]\nserde = { version = \"1\", features = [\"std\", \"derive\"], optional = true }\n"
    "[dev-dependencies]\nalias = { version = \"2\", package = \"real\" }\n"
    "[target.'cfg(unix)'.build-dependencies]\ncc = { version = \">=1,<2\", default-features = false }\n"
    "[features]\nf = [\"dep:serde\"]\ng = [\"f\"]\n";

#define RICH_JSON(serde_req, cc_target, features, links, rust)                                                         \
    ",\"deps\":[{\"name\":\"cc\",\"version_req\":\">=1, <2\",\"features\":[],\"optional\":false,"                      \
    "\"default_features\":false,\"target\":\"" cc_target "\",\"kind\":\"build\","                                      \
    "\"registry\":\"https://github.com/rust-lang/crates.io-index\"},"                                                  \
    "{\"name\":\"serde\",\"version_req\":\"" serde_req "\",\"features\":[\"derive\",\"std\"],\"optional\":true,"       \
    "\"default_features\":true,\"target\":null,\"kind\":\"normal\","                                                   \
    "\"registry\":\"https://index.crates.io/\"},"                                                                      \
    "{\"name\":\"real\",\"explicit_name_in_toml\":\"alias\",\"version_req\":\"^2\",\"features\":[],"                   \
    "\"optional\":false,\"default_features\":true,\"target\":null,\"kind\":\"dev\","                                   \
    "\"registry\":\"https://github.com/rust-lang/crates.io-index\"}],"                                                 \
    "\"features\":" features ",\"links\":" links ",\"rust_version\":" rust

static void metadata_that_says_the_same_in_other_words_is_no_warning(void **state)
{
    struct fx *f = *state;

    fx_ok(f, fx_publish(f, "pay-x", "1.0.0", rich_manifest,
                        RICH_JSON("1", "cfg( unix )", "{\"g\":[\"f\"],\"f\":[\"dep:serde\"]}", "\"z\"", "\"1.60\"")));
    assert_int_equal(warnings_with(f, ""), 0);
    fx_ok(f, fx_publish(f, "pay-x", "1.0.1", rich_manifest, RICH_JSON("^1", "cfg(unix)", "null", "null", "null")));
    assert_int_equal(warnings_with(f, ""), 0);
}

static void where_metadata_and_manifest_differ_the_manifest_wins_with_a_warning(void **state)
{
    struct fx *f = *state;

    fx_ok(f, fx_publish(f, "pay-x", "1.0.0", rich_manifest,
                        RICH_JSON("^2", "cfg(unix)", "{\"f\":[\"dep:serde\"]}", "\"y\"", "\"1.61\"")));
    assert_int_equal(warnings_with(f, ""), 4);
    fx_ok(f, fx_publish(f, "pay-x", "1.0.1", rich_manifest,
                        RICH_JSON("^1", "cfg(windows)", "{\"g\":[\"f\"],\"f\":[\"dep:other\"]}", "\"z\"", "\"1.60\"")));
    assert_int_equal(warnings_with(f, "dependencies in the upload"), 1);
    fx_ok(f, fx_publish(f, "pay-x", "1.0.2", rich_manifest,
                        RICH_JSON("^1", "cfg(unix)", "{\"g\":[\"f\"],\"h\":[\"dep:serde\"]}", "\"z\"", "\"1.60\"")));
    assert_int_equal(warnings_with(f, "features in the upload"), 1);
    /* absent means "this registry" in the metadata, crates.io in the manifest */
    fx_ok(f, fx_publish(f, "pay-x", "1.0.3", "[dependencies]\nserde = \"1\"\n",
                        ",\"deps\":[{\"name\":\"serde\",\"version_req\":\"^1\",\"features\":[],\"optional\":false,"
                        "\"default_features\":true,\"target\":null,\"kind\":\"normal\"}]"));
    assert_int_equal(warnings_with(f, "dependencies in the upload"), 1);
    fx_ok(f,
          fx_publish(f, "pay-x", "1.0.4", "[dependencies]\nserde = \"1\"\n",
                     ",\"deps\":[{\"name\":\"serde\",\"version_req\":\"^1\",\"registry\":\"sparse+https://evil/\"}]"));
    assert_int_equal(warnings_with(f, "dependencies in the upload"), 1);
}

static void a_fault_of_the_storage_at_any_step_is_503_and_nothing_half_done(void **state)
{
    struct fx *f = *state;
    unsigned steps;

    for (steps = 1;; steps++) {
        char *text;
        enum cg_err rc;

        fx_crate(&f->crate, "pay-x", "1.0.0", NULL, NULL, NULL);
        fx_frame(&f->body, "{\"name\":\"pay-x\",\"vers\":\"1.0.0\"}", &f->crate);
        cg_fake_storage_fail_at(f->st, steps);
        rc = fx_publish_body(f, "payments", &f->body);
        cg_fake_storage_fail_at(f->st, 0);
        if (rc == CG_OK)
            break;
        fx_refused(f, rc, CG_ERR_UNAVAILABLE, "crate store");
        text = fx_served_index(f, "pa/y-/pay-x");
        assert_null(text);
        fx_refused(f, cg_registry_version(f->reg, "payments", "pay-x", "1.0.0", &f->out, &f->err), CG_ERR_ABSENT, "");
    }
    assert_true(steps > 5);
    assert_crate_stored(f, "pay-x", "1.0.0");
    free(fx_served_index(f, "pa/y-/pay-x"));
}

static void a_torn_index_write_shows_what_is_on_disk(void **state)
{
    struct fx *f = *state;
    char *text;

    cg_fake_storage_set_broken(f->st, "index_write");
    cg_fake_storage_set_torn(f->st, true);
    fx_refused(f, fx_publish(f, "pay-x", "1.0.0", NULL, NULL), CG_ERR_UNAVAILABLE, "");
    cg_fake_storage_set_broken(f->st, NULL);
    text = fx_served_index(f, "pa/y-/pay-x");
    assert_non_null(text);
    free(text);
    fx_ok(f, fx_publish(f, "pay-x", "1.0.0", NULL, NULL));
    assert_true(f->change.unchanged);
}

static void an_orphan_of_a_crash_is_replaced(void **state)
{
    struct fx *f = *state;
    struct cg_crate_upload *up = NULL;

    fx_ok(f, f->st->ops->crate_begin(f->st, &up, &f->err));
    fx_ok(f, f->st->ops->crate_write(f->st, up, "half", 4, &f->err));
    fx_ok(f, f->st->ops->crate_commit(f->st, &up, "pay-x", "1.0.0", false, &f->err));
    fx_ok(f, fx_publish(f, "pay-x", "1.0.0", NULL, NULL));
    assert_crate_stored(f, "pay-x", "1.0.0");
}

static void a_fault_of_the_database_before_the_commit_is_503(void **state)
{
    struct fx *f = *state;

    cg_fake_metadata_set_broken(f->md, "owner_each");
    fx_refused(f, fx_publish(f, "pay-x", "1.0.0", NULL, NULL), CG_ERR_UNAVAILABLE, "");
    cg_fake_metadata_set_broken(f->md, "generation");
    fx_refused(f, fx_publish(f, "pay-x", "1.0.0", NULL, NULL), CG_ERR_UNAVAILABLE, "");
    cg_fake_metadata_set_broken(f->md, NULL);
    assert_nothing_stored(f, "pay-x", "1.0.0");
}

static bool in_search(struct fx *f, const char *name)
{
    struct cg_search search = {.namespace_name = "payments", .query = name, .per_page = 10, .page = 1};
    json_t *json, *first;
    bool found;

    cg_buf_reset(&f->out);
    fx_ok(f, cg_registry_search(f->reg, &search, &f->out, &f->err));
    json = fx_json(f);
    first = json_array_get(json_object_get(json, "crates"), 0);
    found = first && strcmp(cg_json_str(first, "max_version"), "1.0.0") == 0;
    json_decref(json);
    return found;
}

static void rows_that_could_not_be_written_come_with_a_tick(void **state)
{
    static const char *const operations[] = {"version_each", "crate_get", "version_put", "crate_put"};
    struct fx *f = *state;

    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        char name[32];

        snprintf(name, sizeof(name), "pay-late%zu", i);
        cg_fake_metadata_set_broken(f->md, "release_put");
        fx_ok(f, fx_publish(f, name, "1.0.0", NULL, NULL));
        cg_fake_metadata_set_broken(f->md, operations[i]);
        cg_registry_tick(f->reg); /* still broken: waits */
        cg_fake_metadata_set_broken(f->md, NULL);
        assert_false(in_search(f, name));
        cg_registry_tick(f->reg);
        assert_true(in_search(f, name));
    }
}

static void the_same_publish_again_makes_up_for_rows_that_a_crash_left_out(void **state)
{
    struct fx *f = *state;

    cg_fake_metadata_set_broken(f->md, "release_put");
    fx_ok(f, fx_publish(f, "pay-x", "1.0.0", NULL, NULL));
    cg_fake_metadata_set_broken(f->md, NULL);
    fx_ok(f, fx_publish(f, "pay-x", "1.0.0", NULL, NULL));
    assert_true(f->change.unchanged);
    assert_true(in_search(f, "pay-x"));
}

static void an_answer_that_outgrows_its_buffer_is_a_fault(void **state)
{
    struct fx *f = *state;
    struct cg_source source;

    fx_crate(&f->crate, "pay-x", "1.0.0", NULL, NULL, NULL);
    fx_frame(&f->body, "{\"name\":\"pay-x\",\"vers\":\"1.0.0\"}", &f->crate);
    source = fx_source(&f->body);
    cg_buf_free(&f->out);
    cg_buf_init(&f->out, 4);
    f->change = (struct cg_change){.policy = f->policy, .caller = &f->caller, .ns = "payments"};
    fx_refused(f, cg_registry_publish(f->reg, &f->change, &source, &f->out, &f->err), CG_ERR_INTERNAL, "larger");
}

/* A namespace of the policy that this process has not opened. */
static void a_namespace_without_a_store_is_absent(void **state)
{
    struct fx *f = *state;
    struct cg_conf *conf = fx_conf(f, "[namespace.late]\ntype = \"local\"\nstorage = \"filesystem\"\n"
                                      "read = [\"authenticated\"]\npublish = [\"authenticated\"]\n");
    struct cg_policy *policy = NULL, *old = f->policy;

    fx_ok(f, cg_policy_new(conf, f->people, &policy, &f->err));
    f->policy = policy;
    fx_crate(&f->crate, "any", "1.0.0", NULL, NULL, NULL);
    fx_frame(&f->body, "{\"name\":\"any\",\"vers\":\"1.0.0\"}", &f->crate);
    fx_refused(f, fx_publish_body(f, "late", &f->body), CG_ERR_ABSENT, "no namespace \"late\"");
    f->policy = old;
    cg_policy_unref(&policy);
    cg_conf_unref(&conf);
}

/* Many at once */

#define RACERS 6

struct racer {
    struct fx *f;
    struct cg_buf body;
    struct cg_change change;
    enum cg_err rc;
};

static void *race(void *cls)
{
    struct racer *r = cls;
    struct cg_source source = fx_source(&r->body);
    struct cg_error err = {0};
    struct cg_buf out;

    cg_buf_init(&out, 65536);
    r->change = (struct cg_change){.policy = r->f->policy, .caller = &r->f->caller, .ns = "payments"};
    r->rc = cg_registry_publish(r->f->reg, &r->change, &source, &out, &err);
    cg_buf_free(&out);
    return NULL;
}

/* Who won, lost, and found it done. */
static void run_race(struct fx *f, bool same_bytes, unsigned *published, unsigned *unchanged, unsigned *conflicts)
{
    struct racer racers[RACERS] = {0};
    pthread_t threads[RACERS];

    for (int i = 0; i < RACERS; i++) {
        char toml[64];

        snprintf(toml, sizeof(toml), "homepage = \"https://h%d\"\n", same_bytes ? 0 : i);
        fx_crate(&f->crate, "pay-race", "1.0.0", toml, NULL, NULL);
        racers[i].f = f;
        cg_buf_init(&racers[i].body, 1u << 20);
        fx_frame(&racers[i].body, "{\"name\":\"pay-race\",\"vers\":\"1.0.0\"}", &f->crate);
    }
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (int i = 0; i < RACERS; i++) {
        pthread_join(threads[i], NULL);
        *published += racers[i].rc == CG_OK && !racers[i].change.unchanged;
        *unchanged += racers[i].rc == CG_OK && racers[i].change.unchanged;
        *conflicts += racers[i].rc == CG_ERR_CONFLICT;
        cg_buf_free(&racers[i].body);
    }
}

static void several_at_once_of_one_version_give_one_winner(void **state)
{
    struct fx *f = *state;
    unsigned published = 0, unchanged = 0, conflicts = 0;
    char *text;

    run_race(f, false, &published, &unchanged, &conflicts);
    assert_int_equal(published, 1);
    assert_int_equal(conflicts, RACERS - 1);
    text = fx_stored_index(f, "pay-race");
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    free(text);
}

static void several_at_once_of_the_same_bytes_all_succeed(void **state)
{
    struct fx *f = *state;
    unsigned published = 0, unchanged = 0, conflicts = 0;

    run_race(f, true, &published, &unchanged, &conflicts);
    assert_int_equal(published, 1);
    assert_int_equal(unchanged, RACERS - 1);
    assert_int_equal(conflicts, 0);
}

/* Somebody else publishes a twin between our checks and our lock. */
static void publish_twin(void *cls)
{
    struct fx *f = cls;
    struct cg_buf crate, body;
    struct cg_change change = {.policy = f->policy, .caller = &f->caller, .ns = "payments"};
    struct cg_source source;
    struct cg_buf out;

    cg_fake_storage_set_hook(f->st, NULL, NULL, NULL);
    cg_buf_init(&crate, 1u << 20);
    cg_buf_init(&body, 1u << 20);
    cg_buf_init(&out, 65536);
    fx_crate(&crate, "pay_late", "1.0.0", NULL, NULL, NULL);
    fx_frame(&body, "{\"name\":\"pay_late\",\"vers\":\"1.0.0\"}", &crate);
    source = fx_source(&body);
    assert_int_equal(cg_registry_publish(f->reg, &change, &source, &out, NULL), CG_OK);
    cg_buf_free(&crate);
    cg_buf_free(&body);
    cg_buf_free(&out);
}

static void a_twin_that_comes_in_between_wins(void **state)
{
    struct fx *f = *state;

    cg_fake_storage_set_hook(f->st, "lock", publish_twin, f);
    fx_refused(f, fx_publish(f, "pay-late", "1.0.0", NULL, NULL), CG_ERR_CONFLICT, "previously named `pay_late`");
}

/* Somebody takes the crate over between our checks and our lock. */
static void add_owner(void *cls)
{
    struct fx *f = cls;
    struct cg_owner owner = {.kind = CG_OWNER_USER, .login = (char *)"alice", .subject = (char *)"id-alice"};

    assert_int_equal(f->md->ops->owner_add(f->md, "payments", "pay-x", &owner, NULL), CG_OK);
}

static void rights_are_asked_again_under_the_lock(void **state)
{
    struct fx *f = *state;

    fx_ok(f, fx_publish(f, "pay-x", "1.0.0", NULL, NULL));
    cg_fake_storage_set_hook(f->st, "lock", add_owner, f);
    fx_refused(f, fx_publish(f, "pay-x", "1.1.0", NULL, NULL), CG_ERR_DENIED, "owners of its own");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_published_version_is_stored_indexed_and_searchable, fx_setup_real,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(versions_are_appended, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(a_file_without_final_newline_gets_one_before_the_next_line, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(the_same_bytes_again_succeed_and_keep_a_yank, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(other_bytes_under_a_version_are_refused_and_the_first_stay, fx_setup_real,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(names_that_fold_to_one_are_one, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(an_unreadable_twin_still_holds_its_name, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(rights_are_asked_before_the_crate_is_looked_at, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_prefix_of_another_namespace_is_refused, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(owners_alone_publish_once_there_are_some, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(tokens_narrowed_to_new_crates_publish_no_updates, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(metadata_of_the_wrong_type_is_refused, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(metadata_may_lack_or_add_what_it_likes, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(bad_names_and_versions_are_refused, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(what_the_audit_record_says_is_printable, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(metadata_and_manifest_must_agree_on_name_and_version, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(frames_and_archives_that_are_wrong_leave_nothing, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_body_that_ends_early_or_fails_leaves_nothing, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(registries_of_dependencies_are_resolved_or_refused, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(required_fields_are_the_namespaces_own, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(rows_fit_after_every_publish_in_whatever_order, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_compressed_form_that_does_not_fit_is_made_anew, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(a_large_index_file_is_compressed_after_the_publish_not_in_it, fx_setup_real,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(taste_is_a_warning, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(dependencies_that_are_not_here_yet_are_a_warning, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(more_warnings_than_a_person_reads_are_cut, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(metadata_that_says_the_same_in_other_words_is_no_warning, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(where_metadata_and_manifest_differ_the_manifest_wins_with_a_warning, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(a_fault_of_the_storage_at_any_step_is_503_and_nothing_half_done, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(a_torn_index_write_shows_what_is_on_disk, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(an_orphan_of_a_crash_is_replaced, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(a_fault_of_the_database_before_the_commit_is_503, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(rows_that_could_not_be_written_come_with_a_tick, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(the_same_publish_again_makes_up_for_rows_that_a_crash_left_out, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(an_answer_that_outgrows_its_buffer_is_a_fault, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_namespace_without_a_store_is_absent, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(several_at_once_of_one_version_give_one_winner, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(several_at_once_of_the_same_bytes_all_succeed, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(a_twin_that_comes_in_between_wins, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(rights_are_asked_again_under_the_lock, fx_setup, fx_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
