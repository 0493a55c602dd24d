/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Opening, reloading, ticking and ending a registry. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "fake_metadata.h"
#include "fake_storage.h"
#include "fixture.h"
#include "log/log.h"

#define LATE                                                                                                           \
    "[namespace.late]\ntype = \"local\"\nstorage = \"filesystem\"\nread = [\"authenticated\"]\n"                       \
    "publish = [\"authenticated\"]\n"

static void config_json_says_where_and_whether_to_log_in(void **state)
{
    struct fx *f = *state;

    cg_registry_config_json(f->conf, "payments", true, &f->out);
    assert_string_equal(cg_buf_str(&f->out), "{\"dl\":\"https://crates.corp.example/api/cargo/payments/v1/crates\","
                                             "\"api\":\"https://crates.corp.example/api/cargo/payments\","
                                             "\"auth-required\":true}");
    cg_buf_reset(&f->out);
    cg_registry_config_json(f->conf, "open", false, &f->out);
    assert_string_equal(cg_buf_str(&f->out), "{\"dl\":\"https://crates.corp.example/api/cargo/open/v1/crates\","
                                             "\"api\":\"https://crates.corp.example/api/cargo/open\"}");
}

static void the_static_tree_gets_its_own_config_json(void **state)
{
    struct fx *f = *state;
    json_t *json = NULL;
    const char *text = cg_fake_storage_config(f->st);

    fx_ok(f, cg_json_parse(text, strlen(text), &json, &f->err));
    assert_string_equal(cg_json_str(json, "dl"),
                        "https://crates.corp.example/payments/crates/{crate}/{crate}-{version}.crate");
    json_decref(json);
}

static void a_reload_opens_what_is_new_and_keeps_what_was(void **state)
{
    struct fx *f = *state;
    struct cg_conf *conf = fx_conf(f, LATE);
    struct cg_buf none;
    char *text;

    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    cg_buf_init(&none, 16);
    fx_refused(f, cg_registry_crate(f->reg, "late", "x", &none, &f->err), CG_ERR_ABSENT, "no namespace \"late\"");
    free(conf->public_url);
    conf->public_url = cg_strdup("https://moved.example");
    fx_ok(f, cg_registry_reconfigure(f->reg, conf, &f->err));
    fx_refused(f, cg_registry_crate(f->reg, "late", "x", &none, &f->err), CG_ERR_ABSENT, "crate `x` does not exist");
    text = fx_served_index(f, "pa/y-/pay-core");
    assert_non_null(text);
    free(text);
    assert_non_null(strstr(cg_fake_storage_config(f->st), "https://moved.example/payments/crates/"));
    cg_conf_unref(&conf);
    /* a namespace that is no longer configured stays: whether it may be seen is the policy's business */
    fx_ok(f, cg_registry_reconfigure(f->reg, f->conf, &f->err));
    fx_refused(f, cg_registry_crate(f->reg, "late", "x", &none, &f->err), CG_ERR_ABSENT, "crate `x` does not exist");
}

static void a_reload_that_cannot_open_a_namespace_changes_nothing(void **state)
{
    struct fx *f = *state;
    struct cg_conf *conf = fx_conf(f, LATE "[namespace.later]\ntype = \"local\"\nstorage = \"filesystem\"\n");
    struct cg_buf none;

    fx_factory_fails(true);
    fx_refused(f, cg_registry_reconfigure(f->reg, conf, &f->err), CG_ERR_UNAVAILABLE,
               "namespace \"late\" cannot be opened: no disk");
    fx_factory_fails(false);
    cg_buf_init(&none, 16);
    fx_refused(f, cg_registry_crate(f->reg, "late", "x", &none, &f->err), CG_ERR_ABSENT, "no namespace");
    cg_fake_metadata_set_broken(f->md, "generation");
    fx_refused(f, cg_registry_reconfigure(f->reg, conf, &f->err), CG_ERR_UNAVAILABLE, "cannot be opened");
    cg_fake_metadata_set_broken(f->md, NULL);
    fx_ok(f, cg_registry_reconfigure(f->reg, conf, &f->err));
    cg_conf_unref(&conf);
}

static void a_namespace_out_of_the_configuration_need_not_answer(void **state)
{
    static const char text[] = "public_url = \"https://x.example\"\n";
    struct fx *f = *state;
    struct cg_conf *none = NULL;
    char *index;

    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    fx_ok(f, cg_conf_parse("t", text, strlen(text), &none, NULL, &f->err));
    fx_ok(f, cg_registry_reconfigure(f->reg, none, &f->err));
    cg_fake_storage_set_broken(f->st, "ping");
    fx_ok(f, cg_registry_ping(f->reg, &f->err));
    cg_fake_storage_set_broken(f->st, NULL);
    /* Back again, it has what it had, and what was done to it meanwhile. */
    fx_ok(f, f->st->ops->index_remove(f->st, "pay-core", &f->err));
    fx_ok(f, cg_registry_reconfigure(f->reg, f->conf, &f->err));
    cg_registry_tick(f->reg);
    index = fx_served_index(f, "pa/y-/pay-core");
    assert_null(index);
    cg_fake_storage_set_broken(f->st, "ping");
    fx_refused(f, cg_registry_ping(f->reg, &f->err), CG_ERR_UNAVAILABLE, "the storage of a namespace");
    cg_fake_storage_set_broken(f->st, NULL);
    cg_conf_unref(&none);
}

static void take_line(void *cls, const char *line)
{
    strncpy(cls, line, 500);
}

static void a_static_config_json_that_cannot_be_written_does_not_stop_a_reload(void **state)
{
    struct fx *f = *state;
    char line[512] = "";

    cg_fake_storage_set_broken(f->st, "config_write");
    cg_log_capture(take_line, line);
    fx_ok(f, cg_registry_reconfigure(f->reg, f->conf, &f->err));
    cg_log_capture(NULL, NULL);
    assert_non_null(strstr(line, "namespace=payments: index/config.json is not up to date"));
}

static struct cg_storage *broken_store;
static const char *broken_operation;

static enum cg_err broken_factory(const struct cg_conf *conf, const struct cg_conf_namespace *ns,
                                  struct cg_storage **st_out, struct cg_error *err)
{
    (void)conf, (void)err;
    *st_out = cg_fake_storage_new();
    if (strcmp(ns->name, "payments") == 0) {
        broken_store = *st_out;
        cg_fake_storage_set_broken(broken_store, broken_operation);
    }
    return CG_OK;
}

static void a_store_that_cannot_be_read_or_written_stops_the_start(void **state)
{
    struct fx *f = *state;
    struct cg_registry *reg = NULL;

    broken_operation = "config_write";
    fx_refused(f, cg_registry_new(f->conf, f->md, broken_factory, &reg, &f->err), CG_ERR_UNAVAILABLE,
               "namespace \"payments\" cannot be opened");
    assert_null(reg);
    cg_registry_free(&reg);
}

static enum cg_err ask_core(struct cg_registry *reg)
{
    struct cg_blob *blob = NULL;
    enum cg_err rc = cg_registry_index(reg, "payments", "pa/y-/pay-core", &blob);

    if (rc == CG_ERR_AGAIN)
        rc = cg_registry_index_load(reg, "payments", "pa/y-/pay-core", &blob, NULL);
    cg_blob_unref(&blob);
    return rc;
}

static void until_the_names_are_listed_the_store_is_asked_about_each(void **state)
{
    struct fx *f = *state;
    struct cg_registry *reg = NULL;
    struct cg_blob *blob = NULL;

    broken_operation = "index_each";
    fx_ok(f, cg_registry_new(f->conf, f->md, broken_factory, &reg, &f->err));
    fx_ok(f, broken_store->ops->index_write(broken_store, "pay-core", "x\n", 2, &f->err));
    assert_int_equal(ask_core(reg), CG_OK);
    cg_registry_tick(reg); /* cannot list them */
    assert_int_equal(cg_registry_index(reg, "payments", "pa/y-/pay-none", &blob), CG_ERR_AGAIN);
    cg_fake_storage_set_broken(broken_store, NULL);
    cg_registry_tick(reg);
    assert_int_equal(cg_registry_index(reg, "payments", "pa/y-/pay-none", &blob), CG_ERR_ABSENT);
    assert_int_equal(ask_core(reg), CG_OK);
    cg_registry_free(&reg);
}

static enum cg_err ignore_summary(void *cls, const struct cg_crate_summary *summary)
{
    (void)cls, (void)summary;
    return CG_OK;
}

/* The rows of what is older than the mark are taken for right; the mark is set when all that was in doubt is settled. */
static void a_start_looks_only_at_what_changed_since_all_was_settled(void **state)
{
    struct fx *f = *state;
    int64_t at = 0, now = cg_clock_wall_s();

    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    fx_restart(f);
    cg_registry_tick(f->reg);
    fx_ok(f, f->md->ops->settled(f->md, "payments", &at, &f->err));
    assert_true(at >= now);
    fx_ok(f, f->md->ops->crate_remove(f->md, "payments", "pay-core", &f->err));
    fx_ok(f, f->md->ops->settled_set(f->md, "payments", now + 3600, &f->err));
    fx_restart(f);
    cg_registry_tick(f->reg);
    assert_int_equal(f->md->ops->crate_get(f->md, "payments", "pay-core", ignore_summary, NULL, NULL), CG_ERR_ABSENT);
    fx_ok(f, f->md->ops->settled_set(f->md, "payments", now, &f->err));
    fx_restart(f);
    cg_registry_tick(f->reg);
    fx_ok(f, f->md->ops->crate_get(f->md, "payments", "pay-core", ignore_summary, NULL, &f->err));
}

static void a_ping_tells_that_a_storage_fails_but_not_whose(void **state)
{
    struct fx *f = *state;

    fx_ok(f, cg_registry_ping(f->reg, &f->err));
    cg_fake_storage_set_broken(f->st, "ping");
    fx_refused(f, cg_registry_ping(f->reg, &f->err), CG_ERR_UNAVAILABLE, "the storage of a namespace");
    assert_null(strstr(f->err.detail, "payments")); /* readiness answers anybody */
    assert_int_equal(cg_registry_ping(f->reg, NULL), CG_ERR_UNAVAILABLE);
    cg_fake_storage_set_broken(f->st, NULL);
    fx_ok(f, cg_registry_ping(f->reg, &f->err));
}

static void a_tick_notices_what_another_process_did(void **state)
{
    struct fx *f = *state;
    char *text, *line;

    fx_ok(f, fx_publish(f, "pay-one", "1.0.0", NULL, NULL));
    fx_ok(f, fx_publish(f, "pay-two", "1.0.0", NULL, NULL));
    line = fx_stored_index(f, "pay-two");
    fx_ok(f, f->st->ops->index_remove(f->st, "pay-one", &f->err));
    fx_ok(f, f->st->ops->index_write(f->st, "pay-three", line, strlen(line), &f->err));
    fx_ok(f, f->st->ops->index_write(f->st, "Not-Lower", line, strlen(line), &f->err));
    free(line);
    cg_registry_tick(f->reg); /* no generation, no look */
    text = fx_served_index(f, "pa/y-/pay-one");
    assert_non_null(text);
    free(text);
    fx_ok(f, f->md->ops->generation_bump(f->md, "index", &f->err));
    cg_registry_tick(f->reg);
    text = fx_served_index(f, "pa/y-/pay-one");
    assert_null(text);
    text = fx_served_index(f, "pa/y-/pay-three");
    assert_non_null(text);
    free(text);
    unsigned before = cg_fake_storage_count(f->st);
    cg_registry_tick(f->reg);
    assert_int_equal(cg_fake_storage_count(f->st), before);
}

static void a_publish_looks_for_itself_whether_somebody_took_the_name(void **state)
{
    struct fx *f = *state;
    char *line;

    fx_ok(f, fx_publish(f, "pay_two", "1.0.0", NULL, NULL));
    line = fx_stored_index(f, "pay_two");
    fx_ok(f, f->st->ops->index_write(f->st, "other_name", line, strlen(line), &f->err));
    free(line);
    fx_ok(f, f->md->ops->generation_bump(f->md, "index", &f->err));
    fx_refused(f, fx_publish(f, "other-name", "1.0.0", NULL, NULL), CG_ERR_CONFLICT, "previously named");
}

static void ticks_that_fail_are_told_once(void **state)
{
    struct fx *f = *state;
    char line[512] = "";

    cg_log_capture(take_line, line);
    cg_fake_metadata_set_broken(f->md, "generation");
    cg_registry_tick(f->reg);
    assert_non_null(strstr(line, "maintenance has to wait"));
    line[0] = '\0';
    cg_registry_tick(f->reg);
    assert_string_equal(line, "");
    cg_fake_metadata_set_broken(f->md, NULL);
    cg_registry_tick(f->reg);
    assert_non_null(strstr(line, "maintenance goes on"));
    cg_log_capture(NULL, NULL);
    fx_ok(f, f->md->ops->generation_bump(f->md, "index", &f->err));
    cg_fake_storage_set_broken(f->st, "lock");
    cg_registry_tick(f->reg);
    cg_fake_storage_set_broken(f->st, NULL);
    cg_registry_tick(f->reg);
}

/* Killed between the index line and the database's rows: nobody but the index knows of the version. */
static void a_start_makes_up_for_the_rows_of_a_crash(void **state)
{
    struct fx *f = *state;
    struct cg_search search = {.namespace_name = "payments", .query = "pay-core", .per_page = 10, .page = 1};
    json_t *json;

    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    fx_ok(f, fx_publish(f, "pay-core", "1.1.0", NULL, NULL));
    fx_ok(f, f->md->ops->derived_clear(f->md, "payments", &f->err));
    fx_restart(f);
    cg_registry_tick(f->reg);
    cg_buf_reset(&f->out);
    fx_ok(f, cg_registry_search(f->reg, &search, &f->out, &f->err));
    json = fx_json(f);
    assert_string_equal(cg_json_str(json_array_get(json_object_get(json, "crates"), 0), "max_version"), "1.1.0");
    assert_string_equal(cg_json_str(json_array_get(json_object_get(json, "crates"), 0), "description"),
                        "about pay-core");
    json_decref(json);
}

static void a_doubtful_crate_that_is_gone_is_no_fault(void **state)
{
    struct fx *f = *state;

    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    fx_restart(f);
    fx_ok(f, f->st->ops->index_remove(f->st, "pay-core", &f->err));
    cg_registry_tick(f->reg);
    fx_ok(f, cg_registry_ping(f->reg, &f->err));
}

static void a_doubtful_crate_whose_archive_cannot_be_read_waits(void **state)
{
    struct fx *f = *state;
    json_t *json;

    cg_fake_metadata_set_broken(f->md, "release_put");
    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    cg_fake_metadata_set_broken(f->md, NULL);
    cg_fake_storage_set_broken(f->st, "crate_open");
    cg_registry_tick(f->reg);
    cg_fake_storage_set_broken(f->st, "lock");
    cg_registry_tick(f->reg);
    cg_fake_storage_set_broken(f->st, NULL);
    cg_registry_tick(f->reg);
    cg_buf_reset(&f->out);
    fx_ok(f, cg_registry_version(f->reg, "payments", "pay-core", "1.0.0", &f->out, &f->err));
    json = fx_json(f);
    assert_string_equal(cg_json_str(json_object_get(json, "version"), "license"), "MIT");
    json_decref(json);
}

static void one_crate_that_cannot_be_settled_does_not_hold_up_the_others(void **state)
{
    struct fx *f = *state;
    struct cg_search search = {.namespace_name = "payments", .query = "pay-a", .per_page = 10, .page = 1};
    char *path = cg_asprintf("%s/namespaces/payments/crates/pay-z/pay-z-1.0.0.crate", f->dir);
    json_t *json;

    fx_ok(f, fx_publish(f, "pay-a", "1.0.0", NULL, NULL));
    fx_ok(f, fx_publish(f, "pay-z", "1.0.0", NULL, NULL));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0755), 0); /* what is no file is a fault of the medium */
    free(path);
    fx_ok(f, f->md->ops->derived_clear(f->md, "payments", &f->err));
    fx_restart(f);
    for (int i = 0; i < 3; i++)
        cg_registry_tick(f->reg);
    cg_buf_reset(&f->out);
    fx_ok(f, cg_registry_search(f->reg, &search, &f->out, &f->err));
    json = fx_json(f);
    assert_int_equal(json_array_size(json_object_get(json, "crates")), 1);
    json_decref(json);
}

/* Everything at once: what a loop reads, what workers change, what maintenance does. */

static atomic_bool over;

static void *keep_reading(void *cls)
{
    struct fx *f = cls;
    size_t last = 0;

    while (!atomic_load(&over)) {
        struct cg_blob *blob = NULL;
        enum cg_err rc = cg_registry_index(f->reg, "payments", "pa/y-/pay-busy", &blob);

        if (rc == CG_ERR_AGAIN)
            rc = cg_registry_index_load(f->reg, "payments", "pa/y-/pay-busy", &blob, NULL);
        CG_ASSERT(rc == CG_OK || (rc == CG_ERR_ABSENT && last == 0));
        if (rc == CG_OK) {
            CG_ASSERT(blob->len + 8 >= last); /* versions are only added; a flag makes a line shorter by a letter */
            last = blob->len;
        }
        cg_blob_unref(&blob);
        blob = NULL;
        rc = cg_registry_index(f->reg, "late", "pa/y-/pay-busy", &blob);
        if (rc == CG_ERR_AGAIN)
            rc = cg_registry_index_load(f->reg, "late", "pa/y-/pay-busy", &blob, NULL);
        CG_ASSERT(rc == CG_ERR_ABSENT);
    }
    return NULL;
}

static void *keep_ticking(void *cls)
{
    struct fx *f = cls;
    struct cg_conf *late = fx_conf(f, LATE);

    for (unsigned n = 0; !atomic_load(&over); n++) {
        cg_registry_tick(f->reg);
        if (n == 3)
            CG_ASSERT(cg_registry_reconfigure(f->reg, late, NULL) == CG_OK);
        CG_ASSERT(n % 5 || f->md->ops->generation_bump(f->md, "index", NULL) == CG_OK);
        usleep(1000);
    }
    cg_conf_unref(&late);
    return NULL;
}

static void *keep_downloading(void *cls)
{
    struct fx *f = cls;

    while (!atomic_load(&over)) {
        struct cg_crate_file file;
        char etag[CG_ETAG_SIZE + 32];
        struct cg_buf out;

        if (cg_registry_download(f->reg, "payments", "pay-busy", "1.0.0", true, &file, etag, NULL) == CG_OK)
            close(file.fd);
        cg_buf_init(&out, 1u << 20);
        enum cg_err rc = cg_registry_crate(f->reg, "payments", "pay-busy", &out, NULL);
        CG_ASSERT(rc == CG_OK || rc == CG_ERR_ABSENT);
        cg_buf_free(&out);
    }
    return NULL;
}

static void readers_publishers_and_maintenance_do_not_disturb_each_other(void **state)
{
    static void *(*const work[])(void *cls) = {keep_reading, keep_reading, keep_ticking, keep_downloading};
    struct fx *f = *state;
    pthread_t threads[4];

    atomic_store(&over, false);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work[i], f), 0);
    for (int i = 0; i < 12; i++) {
        char version[16];

        snprintf(version, sizeof(version), "1.%d.0", i);
        fx_ok(f, fx_publish(f, "pay-busy", version, NULL, NULL));
        fx_ok(f, fx_yank(f, "pay-busy", version, i % 2));
    }
    atomic_store(&over, true);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(config_json_says_where_and_whether_to_log_in, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(the_static_tree_gets_its_own_config_json, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_reload_opens_what_is_new_and_keeps_what_was, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_reload_that_cannot_open_a_namespace_changes_nothing, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_static_config_json_that_cannot_be_written_does_not_stop_a_reload, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(a_store_that_cannot_be_read_or_written_stops_the_start, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_start_looks_only_at_what_changed_since_all_was_settled, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(until_the_names_are_listed_the_store_is_asked_about_each, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_namespace_out_of_the_configuration_need_not_answer, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_ping_tells_that_a_storage_fails_but_not_whose, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_tick_notices_what_another_process_did, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_publish_looks_for_itself_whether_somebody_took_the_name, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(ticks_that_fail_are_told_once, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_start_makes_up_for_the_rows_of_a_crash, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(a_doubtful_crate_that_is_gone_is_no_fault, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(a_doubtful_crate_whose_archive_cannot_be_read_waits, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(one_crate_that_cannot_be_settled_does_not_hold_up_the_others, fx_setup_real,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(readers_publishers_and_maintenance_do_not_disturb_each_other, fx_setup_real,
                                        fx_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
