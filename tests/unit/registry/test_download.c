/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "fake_metadata.h"
#include "fake_storage.h"
#include "fixture.h"
#include "log/log.h"
#include "log/metrics.h"

static char etag[CG_ETAG_SIZE + 32];

/* The size of what is served, after comparing it with the crate that was last made. */
static enum cg_err download(struct fx *f, const char *name, const char *version, bool count)
{
    struct cg_crate_file file = {.fd = -1};
    enum cg_err rc;

    f->err = (struct cg_error){0};
    rc = cg_registry_download(f->reg, "payments", name, version, count, &file, etag, &f->err);
    if (rc != CG_OK) {
        assert_int_equal(file.fd, -1);
        return rc;
    }
    char *bytes = cg_malloc((size_t)file.size);
    assert_int_equal(file.size, f->crate.len);
    assert_int_equal(read(file.fd, bytes, (size_t)file.size), (ssize_t)file.size);
    assert_memory_equal(bytes, f->crate.data, (size_t)file.size);
    free(bytes);
    close(file.fd);
    return CG_OK;
}

/* "downloads" of a version as the database has it. */
static int64_t counted(struct fx *f, const char *version)
{
    json_t *json;
    int64_t n;

    cg_buf_reset(&f->out);
    fx_ok(f, cg_registry_version(f->reg, "payments", "pay_core", version, &f->out, &f->err));
    json = fx_json(f);
    n = json_integer_value(json_object_get(json_object_get(json, "version"), "downloads"));
    json_decref(json);
    return n;
}

static void the_bytes_come_back_with_their_checksum_as_tag(void **state)
{
    struct fx *f = *state;
    char *text, *cksum;

    fx_ok(f, fx_publish(f, "Pay_Core", "1.0.0", NULL, NULL));
    fx_ok(f, download(f, "Pay_Core", "1.0.0", false));
    text = fx_stored_index(f, "pay_core");
    cksum = strstr(text, "\"cksum\":\"") + strlen("\"cksum\":");
    assert_int_equal(strlen(etag), 66);
    assert_memory_equal(etag, cksum, 66);
    free(text);
}

static void a_name_in_any_case_is_found_its_twin_is_not(void **state)
{
    struct fx *f = *state;

    fx_ok(f, fx_publish(f, "Pay_Core", "1.0.0+b.1", NULL, NULL));
    fx_ok(f, download(f, "pay_core", "1.0.0+b.1", false));
    fx_ok(f, download(f, "PAY_CORE", "1.0.0", false));
    fx_refused(f, download(f, "pay-core", "1.0.0+b.1", false), CG_ERR_ABSENT, "crate `pay-core` does not exist");
    fx_refused(f, download(f, "pay_core", "1.0.0+b.2", false), CG_ERR_ABSENT, "has no version `1.0.0+b.2`");
    fx_refused(f, download(f, "pay_core", "2.0.0", false), CG_ERR_ABSENT, "has no version");
    fx_refused(f, download(f, "../pay_core", "1.0.0", false), CG_ERR_ABSENT, "does not exist");
    fx_refused(f, download(f, "pay_core", "../1.0.0", false), CG_ERR_ABSENT, "has no version");
}

static void a_file_that_the_index_does_not_name_is_never_served(void **state)
{
    struct fx *f = *state;
    struct cg_crate_upload *up = NULL;

    fx_ok(f, fx_publish(f, "pay_core", "1.0.0", NULL, NULL));
    fx_ok(f, f->st->ops->crate_begin(f->st, &up, &f->err));
    fx_ok(f, f->st->ops->crate_write(f->st, up, "orphan", 6, &f->err));
    fx_ok(f, f->st->ops->crate_commit(f->st, &up, "pay_core", "1.1.0", false, &f->err));
    fx_refused(f, download(f, "pay_core", "1.1.0", true), CG_ERR_ABSENT, "has no version `1.1.0`");
}

static void take_line(void *cls, const char *line)
{
    strncpy(cls, line, 500);
}

static void a_file_that_has_vanished_is_absent_and_logged(void **state)
{
    struct fx *f = *state;
    char line[512] = "";

    fx_ok(f, fx_publish(f, "pay_core", "1.0.0", NULL, NULL));
    fx_ok(f, f->st->ops->crate_remove(f->st, "pay_core", "1.0.0", &f->err));
    cg_log_capture(take_line, line);
    fx_refused(f, download(f, "pay_core", "1.0.0", true), CG_ERR_ABSENT, "is missing from the registry's store");
    cg_log_capture(NULL, NULL);
    assert_non_null(strstr(line, "crate=pay_core version=1.0.0: in the index, but its .crate is gone"));
    assert_int_equal(counted(f, "1.0.0"), 0);
}

static void a_fault_of_the_storage_is_503(void **state)
{
    struct fx *f = *state;

    fx_ok(f, fx_publish(f, "pay_core", "1.0.0", NULL, NULL));
    cg_fake_storage_set_broken(f->st, "crate_open");
    fx_refused(f, download(f, "pay_core", "1.0.0", true), CG_ERR_UNAVAILABLE, "");
}

static void downloads_are_counted_when_asked_and_reach_the_database_with_a_tick(void **state)
{
    struct fx *f = *state;
    int64_t metric = cg_metric_get(CG_METRIC_DOWNLOADS);

    fx_ok(f, fx_publish(f, "Pay_Core", "1.1.0", NULL, NULL));
    fx_ok(f, fx_publish(f, "Pay_Core", "1.0.0", NULL, NULL));
    for (int i = 0; i < 3; i++)
        fx_ok(f, download(f, "pay_core", "1.0.0", true));
    fx_ok(f, download(f, "pay_core", "1.0.0", false));
    assert_int_equal(counted(f, "1.0.0"), 0);
    cg_registry_tick(f->reg);
    assert_int_equal(counted(f, "1.0.0"), 3);
    assert_int_equal(counted(f, "1.1.0"), 0);
    cg_registry_tick(f->reg);
    assert_int_equal(counted(f, "1.0.0"), 3);
    assert_int_equal(cg_metric_get(CG_METRIC_DOWNLOADS), metric + 3);
}

static void counts_wait_for_the_database(void **state)
{
    struct fx *f = *state;

    fx_ok(f, fx_publish(f, "pay_core", "1.0.0", NULL, NULL));
    fx_ok(f, download(f, "pay_core", "1.0.0", true));
    cg_fake_metadata_set_broken(f->md, "downloads_add");
    cg_registry_tick(f->reg);
    fx_ok(f, download(f, "pay_core", "1.0.0", true));
    cg_registry_tick(f->reg);
    cg_fake_metadata_set_broken(f->md, NULL);
    cg_registry_tick(f->reg);
    assert_int_equal(counted(f, "1.0.0"), 2);
}

static void the_end_writes_the_last_counts(void **state)
{
    struct fx *f = *state;

    fx_ok(f, fx_publish(f, "pay_core", "1.0.0", NULL, NULL));
    fx_ok(f, download(f, "pay_core", "1.0.0", true));
    fx_restart(f);
    assert_int_equal(counted(f, "1.0.0"), 1);
}

static void an_end_without_a_database_says_what_is_lost(void **state)
{
    struct fx *f = *state;
    char line[512] = "";

    fx_ok(f, fx_publish(f, "pay_core", "1.0.0", NULL, NULL));
    fx_ok(f, download(f, "pay_core", "1.0.0", true));
    cg_fake_metadata_set_unavailable(f->md, true);
    cg_log_capture(take_line, line);
    cg_registry_free(&f->reg);
    cg_log_capture(NULL, NULL);
    assert_non_null(strstr(line, "namespace=payments: the last downloads are not counted"));
}

/* The same from memory; the size of what is served. AGAIN: a worker has to. */
static enum cg_err again(struct fx *f, const char *version, uint64_t *size_out)
{
    struct cg_crate_file file = {.fd = -1};
    enum cg_err rc = cg_registry_download_fast(f->reg, "payments", "PAY_core", version, true, &file, etag);

    if (rc != CG_OK)
        return rc;
    assert_int_equal(file.fd, -1);
    assert_non_null(file.blob);
    *size_out = file.size;
    if (file.blob->fd < 0)
        assert_int_equal(file.blob->len, file.size);
    cg_crate_file_close(&file);
    return CG_OK;
}

static void what_was_sent_is_sent_again_from_memory_and_counted(void **state)
{
    struct fx *f = *state;
    uint64_t size = 0;

    fx_ok(f, fx_publish(f, "Pay_Core", "1.0.0", NULL, NULL));
    assert_int_equal(again(f, "1.0.0", &size), CG_ERR_AGAIN);
    fx_ok(f, download(f, "pay_core", "1.0.0", true));
    memset(etag, 0, sizeof(etag));
    assert_int_equal(again(f, "1.0.0", &size), CG_OK);
    assert_int_equal(size, f->crate.len);
    assert_int_equal(strlen(etag), 66);
    assert_int_equal(again(f, "1.0.1", &size), CG_ERR_AGAIN);
    cg_registry_tick(f->reg);
    assert_int_equal(counted(f, "1.0.0"), 2);
}

static void any_change_of_the_crate_sends_the_next_one_to_a_worker(void **state)
{
    struct fx *f = *state;
    uint64_t size = 0;

    fx_ok(f, fx_publish(f, "pay_core", "1.0.0", NULL, NULL));
    fx_ok(f, download(f, "pay_core", "1.0.0", false));
    fx_ok(f, fx_publish(f, "pay_core", "1.0.1", NULL, NULL));
    assert_int_equal(again(f, "1.0.0", &size), CG_ERR_AGAIN);
    fx_ok(f, download(f, "pay_core", "1.0.1", false));
    assert_int_equal(again(f, "1.0.1", &size), CG_OK);
    fx_ok(f, fx_yank(f, "pay_core", "1.0.1", true));
    assert_int_equal(again(f, "1.0.1", &size), CG_ERR_AGAIN);
    fx_ok(f, download(f, "pay_core", "1.0.1", false));
    fx_ok(f, cg_registry_delete(f->reg, "payments", "pay_core", "1.0.1", &f->err));
    assert_int_equal(again(f, "1.0.1", &size), CG_ERR_AGAIN);
    fx_refused(f, download(f, "pay_core", "1.0.1", false), CG_ERR_ABSENT, "has no version");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_bytes_come_back_with_their_checksum_as_tag, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(a_name_in_any_case_is_found_its_twin_is_not, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_the_index_does_not_name_is_never_served, fx_setup_real,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_has_vanished_is_absent_and_logged, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_fault_of_the_storage_is_503, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(downloads_are_counted_when_asked_and_reach_the_database_with_a_tick,
                                        fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(counts_wait_for_the_database, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(the_end_writes_the_last_counts, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(what_was_sent_is_sent_again_from_memory_and_counted, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(any_change_of_the_crate_sends_the_next_one_to_a_worker, fx_setup_real,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(an_end_without_a_database_says_what_is_lost, fx_setup, fx_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
