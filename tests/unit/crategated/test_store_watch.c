/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Looks at repositories: on a schedule, when wanted, and one ill instance beside a good one. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "crategated/store_watch.h"
#include "fake_metadata.h"
#include "fake_storage.h"
#include "log/log.h"
#include "registry/sync.h"
#include "temp_dir.h"

struct world {
    char *dir;
    struct cg_gateway gw;
    struct cg_store_watch *watch;
};

static struct cg_storage *good, *ill;
static atomic_uint looks, waiting; /* at the good one; in the ill one */
static atomic_bool silent;

static void count_look(void *cls)
{
    (void)cls;
    atomic_fetch_add(&looks, 1);
}

/* An instance that does not answer. */
static void hang(void *cls)
{
    (void)cls;
    atomic_fetch_add(&waiting, 1);
    while (atomic_load(&silent))
        usleep(1000);
}

static enum cg_err make_storage(const struct cg_conf *conf, const struct cg_conf_namespace *ns,
                                struct cg_storage **st_out, struct cg_error *err)
{
    (void)conf, (void)err;
    *st_out = cg_fake_storage_new();
    cg_fake_storage_share(*st_out);
    if (strcmp(ns->name, "good") == 0)
        good = *st_out;
    else
        ill = *st_out;
    return CG_OK;
}

static struct cg_policy *make_policy(const char *dir, const char *interval)
{
    char *token = cg_asprintf("%s/token", dir), *text;
    struct cg_conf *conf = NULL;
    struct cg_policy *policy = NULL;
    struct cg_error err = {0};

    assert_int_equal(cg_file_replace(token, "t0ken\n", 6, 0600, NULL), CG_OK);
    text = cg_asprintf("public_url = \"https://crates.corp.example\"\nstate_dir = \"%s\"\n"
                       "[artifactory.a]\nurl = \"https://a.corp.example/artifactory\"\ntoken_file = \"%s\"\n"
                       "sync_interval = \"%s\"\n"
                       "[artifactory.b]\nurl = \"https://b.corp.example/artifactory\"\ntoken_file = \"%s\"\n"
                       "sync_interval = \"%s\"\n"
                       "[namespace.good]\ntype = \"local\"\nstorage = \"artifactory\"\nartifactory = \"a\"\n"
                       "repository = \"r\"\nread = [\"anonymous\"]\n"
                       "[namespace.ill]\ntype = \"local\"\nstorage = \"artifactory\"\nartifactory = \"b\"\n"
                       "repository = \"r\"\nread = [\"anonymous\"]\n",
                       dir, token, interval, token, interval);
    if (cg_conf_parse("t.toml", text, strlen(text), &conf, NULL, &err) != CG_OK)
        fail_msg("%s", err.detail);
    assert_int_equal(cg_policy_new(conf, NULL, &policy, &err), CG_OK);
    cg_conf_unref(&conf);
    free(text);
    free(token);
    return policy;
}

static int open_world(void **state, const char *interval)
{
    struct world *w = cg_calloc(1, sizeof(*w));
    struct cg_error err = {0};

    w->dir = cg_temp_dir_new();
    w->gw.metadata = cg_fake_metadata_new();
    pthread_rwlock_init(&w->gw.policy_lock, NULL);
    w->gw.policy = make_policy(w->dir, interval);
    assert_int_equal(cg_audit_open("", w->dir, false, &w->gw.audit, &err), CG_OK);
    assert_int_equal(
        cg_registry_new(cg_policy_conf(w->gw.policy), w->gw.metadata, make_storage, &w->gw.registry, &err), CG_OK);
    atomic_store(&looks, 0);
    atomic_store(&waiting, 0);
    atomic_store(&silent, false);
    cg_fake_storage_set_hook(good, "crate_scan", count_look, NULL);
    w->watch = cg_store_watch_new(&w->gw);
    assert_int_equal(cg_store_watch_adapt(w->watch, &err), CG_OK);
    assert_int_equal(cg_store_watch_adapt(w->watch, &err), CG_OK); /* no second thread */
    *state = w;
    return 0;
}

static int setup(void **state)
{
    return open_world(state, "1s");
}

static int setup_never(void **state)
{
    return open_world(state, "0");
}

static int teardown(void **state)
{
    struct world *w = *state;

    atomic_store(&silent, false);
    cg_store_watch_free(&w->watch);
    cg_registry_free(&w->gw.registry);
    cg_audit_close(&w->gw.audit);
    cg_metadata_free(&w->gw.metadata);
    cg_policy_unref(&w->gw.policy);
    pthread_rwlock_destroy(&w->gw.policy_lock);
    cg_temp_dir_free(&w->dir);
    free(w);
    cg_log_capture(NULL, NULL);
    return 0;
}

static void wait_for(atomic_uint *counter, unsigned wanted)
{
    for (int i = 0; i < 20000 && atomic_load(counter) < wanted; i++)
        usleep(1000);
    assert_true(atomic_load(counter) >= wanted);
}

static void a_silent_instance_delays_nobody_elses_looks(void **state)
{
    unsigned before;

    (void)state;
    atomic_store(&silent, true);
    cg_fake_storage_set_hook(ill, "crate_scan", hang, NULL);
    wait_for(&waiting, 1);
    before = atomic_load(&looks);
    wait_for(&looks, before + 2);
    assert_int_equal(atomic_load(&waiting), 1); /* one at a time */
}

static void a_look_that_failed_is_made_again(void **state)
{
    (void)state;
    cg_fake_storage_set_broken(good, "crate_scan");
    wait_for(&looks, 2);
    cg_fake_storage_set_broken(good, NULL);
    wait_for(&looks, 3);
}

static atomic_uint troubles, doubts;

static void count_words(void *cls, const char *line)
{
    (void)cls;
    if (strstr(line, "not believed"))
        atomic_fetch_add(&doubts, 1);
    else if (strstr(line, "came to nothing"))
        atomic_fetch_add(&troubles, 1);
}

/* A version of which the listing, which is empty, has no file. */
static void another_reason_is_told_too(void **state)
{
    static const char line[] = "{\"name\":\"demo\",\"vers\":\"1.0.0\",\"deps\":[],\"cksum\":\""
                               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\",\"features\":{},"
                               "\"yanked\":false,\"pubtime\":\"2020-01-01T00:00:00Z\"}\n";
    unsigned before;

    (void)state;
    atomic_store(&troubles, 0);
    atomic_store(&doubts, 0);
    cg_log_capture(count_words, NULL);
    cg_fake_storage_set_broken(good, "crate_scan");
    assert_int_equal(good->ops->index_write(good, "demo", line, sizeof(line) - 1, NULL), CG_OK);
    before = atomic_load(&looks);
    wait_for(&looks, before + 3);
    assert_int_equal(atomic_load(&troubles), 1);
    cg_fake_storage_set_broken(good, NULL);
    wait_for(&doubts, 1);
    before = atomic_load(&looks);
    wait_for(&looks, before + 2);
    assert_int_equal(atomic_load(&doubts), 1);
}

static void without_an_interval_a_look_comes_when_it_is_wanted(void **state)
{
    struct world *w = *state;

    usleep(1200 * 1000);
    assert_int_equal(atomic_load(&looks), 0);
    for (int i = 0; i < 100; i++) /* a storm is one wish */
        cg_registry_sync_want(w->gw.registry, "good");
    wait_for(&looks, 1);
    usleep(1500 * 1000);
    assert_int_equal(atomic_load(&looks), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_silent_instance_delays_nobody_elses_looks, setup, teardown),
        cmocka_unit_test_setup_teardown(a_look_that_failed_is_made_again, setup, teardown),
        cmocka_unit_test_setup_teardown(another_reason_is_told_too, setup, teardown),
        cmocka_unit_test_setup_teardown(without_an_interval_a_look_comes_when_it_is_wanted, setup_never, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
