/* SPDX-License-Identifier: Apache-2.0 OR MIT */
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

#include "base/mem.h"
#include "crategate/token.h"
#include "fake_storage.h"
#include "fixture.h"
#include "log/metrics.h"
#include "registry/index_cache.h"

#define LIMIT 100000

struct cache_fx {
    struct cg_index_cache *cache;
    struct cg_index_memory *mem;
};

/* These are the names, until NULL. */
static void list(struct cg_index_memory *mem, const char *const *names)
{
    cg_index_memory_list_begin(mem);
    for (; *names; names++)
        cg_index_memory_list_name(mem, *names);
    cg_index_memory_list_end(mem);
}

static int setup_unlisted(void **state)
{
    struct cache_fx *f = cg_calloc(1, sizeof(*f));

    f->cache = cg_index_cache_new(LIMIT);
    f->mem = cg_index_memory_new(f->cache);
    *state = f;
    return 0;
}

static int setup(void **state)
{
    static const char *const none[] = {NULL};
    int rc = setup_unlisted(state);

    list(((struct cache_fx *)*state)->mem, none);
    return rc;
}

static int teardown(void **state)
{
    struct cache_fx *f = *state;

    cg_index_memory_free(&f->mem);
    assert_int_equal(cg_index_cache_bytes(f->cache), 0);
    cg_index_cache_free(&f->cache);
    free(f);
    return 0;
}

static struct cg_blob *blob_of(size_t len, char fill)
{
    char *bytes = cg_malloc(len);
    struct cg_blob *blob;

    memset(bytes, fill, len);
    blob = cg_blob_new(bytes, len, 1, 0);
    free(bytes);
    return blob;
}

static void put(struct cache_fx *f, const char *name, size_t len, char fill)
{
    struct cg_blob *blob = blob_of(len, fill);

    cg_index_memory_put(f->mem, name, blob);
    cg_blob_unref(&blob);
}

/* What a reader gets: the first byte, '?' for AGAIN, '-' for ABSENT. */
static char get(struct cache_fx *f, const char *name)
{
    struct cg_blob *blob = NULL;
    enum cg_err rc = cg_index_memory_get(f->mem, name, &blob);
    char c = rc == CG_OK ? blob->bytes[0] : rc == CG_ERR_AGAIN ? '?' : '-';

    cg_blob_unref(&blob);
    return c;
}

static void names_are_known_before_files_are_loaded(void **state)
{
    struct cache_fx *f = *state;

    assert_int_equal(get(f, "a"), '-');
    cg_index_memory_put(f->mem, "a", NULL);
    assert_int_equal(get(f, "a"), '?');
    assert_true(cg_index_memory_has(f->mem, "a"));
    put(f, "a", 10, 'x');
    assert_int_equal(get(f, "a"), 'x');
    cg_index_memory_remove(f->mem, "a");
    cg_index_memory_remove(f->mem, "a");
    assert_int_equal(get(f, "a"), '-');
    assert_false(cg_index_memory_has(f->mem, "a"));
}

static void bytes_are_counted_and_shown_as_a_metric(void **state)
{
    struct cache_fx *f = *state;
    int64_t before = cg_metric_get(CG_METRIC_INDEX_BYTES);

    put(f, "a", 1000, 'x');
    put(f, "a", 2000, 'y');
    assert_in_range(cg_index_cache_bytes(f->cache), 2000, 2400);
    assert_int_equal(cg_metric_get(CG_METRIC_INDEX_BYTES) - before, cg_index_cache_bytes(f->cache));
    cg_index_memory_put(f->mem, "a", NULL);
    assert_int_equal(cg_index_cache_bytes(f->cache), 0);
    assert_int_equal(cg_metric_get(CG_METRIC_INDEX_BYTES), before);
}

static void over_the_limit_files_go_and_names_stay(void **state)
{
    struct cache_fx *f = *state;
    unsigned loaded = 0;

    for (int i = 0; i < 100; i++) {
        char name[16];

        snprintf(name, sizeof(name), "n%d", i);
        put(f, name, 5000, 'x');
        assert_in_range(cg_index_cache_bytes(f->cache), 1, LIMIT);
    }
    for (int i = 0; i < 100; i++) {
        char name[16];

        snprintf(name, sizeof(name), "n%d", i);
        assert_int_not_equal(get(f, name), '-');
        loaded += get(f, name) == 'x';
    }
    assert_in_range(loaded, 10, 20);
    assert_int_equal(get(f, "n99"), 'x');
}

static void what_is_read_stays_while_others_go(void **state)
{
    struct cache_fx *f = *state;

    put(f, "hot", 5000, 'h');
    for (int i = 0; i < 200; i++) {
        char name[16];

        snprintf(name, sizeof(name), "n%d", i);
        put(f, name, 5000, 'x');
        assert_int_equal(get(f, "hot"), 'h');
    }
    assert_int_equal(get(f, "n0"), '?');
}

static void a_file_over_the_whole_limit_drives_nobody_out(void **state)
{
    struct cache_fx *f = *state;

    put(f, "small", 100, 's');
    put(f, "huge", LIMIT, 'h');
    assert_int_equal(get(f, "small"), 's');
    assert_int_equal(get(f, "huge"), '?');
}

static void a_lower_limit_takes_effect_at_once(void **state)
{
    struct cache_fx *f = *state;

    for (char name[2] = "a"; name[0] <= 'j'; name[0]++)
        put(f, name, 5000, 'x');
    cg_index_cache_set_limit(f->cache, 12000);
    assert_in_range(cg_index_cache_bytes(f->cache), 5000, 12000);
    cg_index_cache_set_limit(f->cache, 0);
    assert_int_equal(cg_index_cache_bytes(f->cache), 0);
    put(f, "a", 10, 'x');
    assert_int_equal(get(f, "a"), '?');
}

static void a_loader_never_replaces_what_is_newer(void **state)
{
    struct cache_fx *f = *state;
    struct cg_blob *old = blob_of(10, 'o'), *blob = NULL;
    uint64_t generation = 0, later = 0;

    cg_index_memory_put(f->mem, "a", NULL);
    assert_int_equal(cg_index_memory_begin(f->mem, "a", &blob, &generation), CG_ERR_AGAIN);
    put(f, "a", 10, 'n');
    assert_false(cg_index_memory_store(f->mem, "a", generation, old));
    assert_int_equal(get(f, "a"), 'n');
    /* nor does it when the newer one was evicted, removed or came back meanwhile */
    cg_index_cache_set_limit(f->cache, 0);
    cg_index_cache_set_limit(f->cache, LIMIT);
    assert_int_equal(get(f, "a"), '?');
    assert_false(cg_index_memory_store(f->mem, "a", generation, old));
    cg_index_memory_remove(f->mem, "a");
    assert_false(cg_index_memory_store(f->mem, "a", generation, old));
    cg_index_memory_put(f->mem, "a", NULL);
    assert_false(cg_index_memory_store(f->mem, "a", generation, old));
    /* with the right one it does */
    assert_int_equal(cg_index_memory_begin(f->mem, "a", &blob, &later), CG_ERR_AGAIN);
    assert_true(cg_index_memory_store(f->mem, "a", later, old));
    assert_int_equal(get(f, "a"), 'o');
    cg_blob_unref(&old);
}

/* Each may have read what was on the disk before and after a change that is not here yet: the older must not come last. */
static void of_those_who_load_at_once_one_stores(void **state)
{
    struct cache_fx *f = *state;
    struct cg_blob *file = blob_of(10, 'f'), *blob = NULL;
    uint64_t generation = 0;

    cg_index_memory_put(f->mem, "a", NULL);
    assert_int_equal(cg_index_memory_begin(f->mem, "a", &blob, &generation), CG_ERR_AGAIN);
    assert_true(cg_index_memory_store(f->mem, "a", generation, file));
    assert_false(cg_index_memory_store(f->mem, "a", generation, file));
    cg_index_cache_set_limit(f->cache, 0);
    cg_index_cache_set_limit(f->cache, LIMIT);
    assert_int_equal(get(f, "a"), '?');
    assert_false(cg_index_memory_store(f->mem, "a", generation, file)); /* nor after the first one's has gone */
    assert_int_equal(cg_index_memory_begin(f->mem, "a", &blob, &generation), CG_ERR_AGAIN);
    assert_true(cg_index_memory_store(f->mem, "a", generation, file));
    cg_blob_unref(&file);
}

static void another_form_replaces_only_what_it_was_made_of(void **state)
{
    struct cache_fx *f = *state;
    struct cg_blob *form = blob_of(10, 'f'), *blob = NULL;

    put(f, "a", 10, 'o');
    assert_int_equal(cg_index_memory_get(f->mem, "a", &blob), CG_OK);
    put(f, "a", 10, 'n');
    cg_index_memory_replace(f->mem, "a", blob, form);
    assert_int_equal(get(f, "a"), 'n');
    cg_blob_unref(&blob);
    assert_int_equal(cg_index_memory_get(f->mem, "a", &blob), CG_OK);
    cg_index_memory_replace(f->mem, "a", blob, form);
    assert_int_equal(get(f, "a"), 'f');
    cg_index_memory_replace(f->mem, "none", blob, form);
    assert_int_equal(get(f, "none"), '-');
    cg_blob_unref(&blob);
    cg_blob_unref(&form);
}

static void a_file_that_is_gone_takes_its_name_along(void **state)
{
    struct cache_fx *f = *state;
    struct cg_blob *blob = NULL;
    uint64_t generation = 0;

    cg_index_memory_put(f->mem, "a", NULL);
    assert_int_equal(cg_index_memory_begin(f->mem, "a", &blob, &generation), CG_ERR_AGAIN);
    assert_true(cg_index_memory_store(f->mem, "a", generation, NULL));
    assert_int_equal(get(f, "a"), '-');
}

static void a_reader_keeps_its_file_through_a_change(void **state)
{
    struct cache_fx *f = *state;
    struct cg_blob *blob = NULL;

    put(f, "a", 10, 'o');
    assert_int_equal(cg_index_memory_get(f->mem, "a", &blob), CG_OK);
    put(f, "a", 10, 'n');
    cg_index_memory_remove(f->mem, "a");
    assert_int_equal(blob->bytes[9], 'o');
    cg_blob_unref(&blob);
}

static void names_are_found_by_what_they_fold_to(void **state)
{
    struct cache_fx *f = *state;
    char twin[CG_CRATE_NAME_MAX + 1];

    cg_index_memory_put(f->mem, "foo_bar", NULL);
    assert_true(cg_index_memory_folded(f->mem, "Foo-Bar", twin));
    assert_string_equal(twin, "foo_bar");
    assert_false(cg_index_memory_folded(f->mem, "foobar", twin));
    /* a second one of that fold, which only a hand can make, changes nothing for the first */
    cg_index_memory_put(f->mem, "foo-bar", NULL);
    cg_index_memory_remove(f->mem, "foo-bar");
    assert_true(cg_index_memory_folded(f->mem, "foo-bar", twin));
    cg_index_memory_remove(f->mem, "foo_bar");
    assert_false(cg_index_memory_folded(f->mem, "foo-bar", twin));
}

static void a_rescan_brings_exactly_the_names_that_are_there(void **state)
{
    struct cache_fx *f = *state;
    static const char *const there[] = {"stays", "waits", "new", NULL};
    char **names, *text, twin[CG_CRATE_NAME_MAX + 1];
    struct cg_blob *blob = NULL;
    uint64_t generation = 0;

    put(f, "stays", 10, 's');
    put(f, "goes", 10, 'g');
    cg_index_memory_put(f->mem, "waits", NULL);
    assert_int_equal(cg_index_memory_begin(f->mem, "waits", &blob, &generation), CG_ERR_AGAIN);
    list(f->mem, there);
    names = cg_index_memory_names(f->mem);
    text = cg_strlist_join(names, " ");
    assert_string_equal(text, "new stays waits");
    free(text);
    cg_strlist_free(&names);
    assert_int_equal(get(f, "stays"), '?');
    assert_int_equal(get(f, "goes"), '-');
    assert_false(cg_index_memory_folded(f->mem, "goes", twin));
    assert_true(cg_index_memory_folded(f->mem, "new", twin));
    assert_false(cg_index_memory_store(f->mem, "waits", generation, NULL)); /* read before the rescan */
    assert_int_equal(cg_index_cache_bytes(f->cache), 0);
}

static void until_it_is_listed_no_name_is_absent(void **state)
{
    static const char *const there[] = {"old", NULL};
    struct cache_fx *f = *state;
    struct cg_blob *blob = NULL, *fresh = blob_of(10, 'o');
    uint64_t generation = 0;

    assert_false(cg_index_memory_complete(f->mem));
    assert_int_equal(cg_index_memory_begin(f->mem, "old", &blob, &generation), CG_ERR_AGAIN);
    assert_true(cg_index_memory_store(f->mem, "old", generation, fresh)); /* somebody looked, and it was there */
    assert_int_equal(get(f, "old"), 'o');
    assert_int_equal(cg_index_memory_begin(f->mem, "none", &blob, &generation), CG_ERR_AGAIN);
    assert_true(cg_index_memory_store(f->mem, "none", generation, NULL)); /* and here it was not */
    assert_int_equal(get(f, "none"), '?');
    list(f->mem, there);
    assert_true(cg_index_memory_complete(f->mem));
    assert_int_equal(get(f, "old"), '?');
    assert_int_equal(get(f, "none"), '-');
    cg_blob_unref(&fresh);
}

static void what_was_read_of_an_unknown_name_loses_against_any_change(void **state)
{
    static const char *const none[] = {NULL};
    struct cache_fx *f = *state;
    struct cg_blob *blob = NULL, *old = blob_of(10, 'o');
    uint64_t generation = 0;

    assert_int_equal(cg_index_memory_begin(f->mem, "a", &blob, &generation), CG_ERR_AGAIN);
    put(f, "a", 10, 'n');
    assert_false(cg_index_memory_store(f->mem, "a", generation, old)); /* published meanwhile */
    assert_int_equal(get(f, "a"), 'n');
    assert_int_equal(cg_index_memory_begin(f->mem, "b", &blob, &generation), CG_ERR_AGAIN);
    put(f, "b", 10, 'n');
    cg_index_memory_remove(f->mem, "b");
    assert_false(cg_index_memory_store(f->mem, "b", generation, old)); /* came and went */
    assert_int_equal(cg_index_memory_begin(f->mem, "c", &blob, &generation), CG_ERR_AGAIN);
    cg_index_memory_doubt(f->mem);
    assert_false(cg_index_memory_store(f->mem, "c", generation, old));
    assert_int_equal(cg_index_memory_begin(f->mem, "d", &blob, &generation), CG_ERR_AGAIN);
    list(f->mem, none);
    assert_false(cg_index_memory_store(f->mem, "d", generation, old)); /* the listing knows better */
    assert_int_equal(get(f, "d"), '-');
    cg_blob_unref(&old);
}

static void thousands_of_names_come_and_go(void **state)
{
    static const char *const none[] = {NULL};
    struct cache_fx *f = *state;
    char name[16];

    cg_index_memory_list_begin(f->mem);
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        cg_index_memory_list_name(f->mem, name);
    }
    cg_index_memory_list_end(f->mem);
    for (int i = 0; i < 5000; i += 2) {
        snprintf(name, sizeof(name), "n%d", i);
        cg_index_memory_remove(f->mem, name);
    }
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(get(f, name), i % 2 ? '?' : '-');
    }
    list(f->mem, none);
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(get(f, name), '-');
    }
}

static void freeing_nothing_is_allowed(void **state)
{
    struct cg_index_cache *cache = NULL;
    struct cg_index_memory *mem = NULL;

    (void)state;
    cg_index_memory_free(&mem);
    cg_index_cache_free(&cache);
}

/* Readers, loaders, publishers and a rescan at once: a file never goes back in time. */

static atomic_uint disk; /* the version that is durable */
static atomic_bool over;

static struct cg_blob *numbered(unsigned n)
{
    char text[16];

    snprintf(text, sizeof(text), "%u", n);
    return cg_blob_new(text, strlen(text), 0, 0);
}

static void *keep_reading(void *cls)
{
    struct cache_fx *f = cls;
    unsigned last = 0;

    while (!atomic_load(&over)) {
        struct cg_blob *blob = NULL;
        uint64_t generation = 0;
        unsigned durable = atomic_load(&disk);
        enum cg_err rc = cg_index_memory_begin(f->mem, "a", &blob, &generation);

        if (rc == CG_ERR_AGAIN) {
            blob = numbered(atomic_load(&disk));
            if (!cg_index_memory_store(f->mem, "a", generation, blob)) {
                cg_blob_unref(&blob);
                continue;
            }
        }
        unsigned seen = (unsigned)strtoul(blob->bytes, NULL, 10);
        CG_ASSERT(seen >= last && seen + 1 >= durable);
        last = seen;
        cg_blob_unref(&blob);
    }
    return NULL;
}

static void *keep_dropping(void *cls)
{
    struct cache_fx *f = cls;

    while (!atomic_load(&over)) {
        cg_index_cache_set_limit(f->cache, 0);
        cg_index_cache_set_limit(f->cache, LIMIT);
    }
    return NULL;
}

static void nobody_ever_sees_an_older_file_than_before(void **state)
{
    struct cache_fx *f = *state;
    static const char *const names[] = {"a", NULL};
    pthread_t threads[4];

    atomic_store(&disk, 1);
    atomic_store(&over, false);
    cg_index_memory_put(f->mem, "a", NULL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i ? keep_reading : keep_dropping, f), 0);
    for (unsigned n = 2; n < 3000; n++) {
        struct cg_blob *blob = numbered(n);

        atomic_store(&disk, n);
        cg_index_memory_put(f->mem, "a", blob);
        cg_blob_unref(&blob);
        if (n % 64 == 0)
            list(f->mem, names);
    }
    atomic_store(&over, true);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

/* Through the registry */

static enum cg_err ask(struct fx *f, const char *path)
{
    struct cg_blob *blob = NULL;
    enum cg_err rc = cg_registry_index(f->reg, "payments", path, &blob);

    cg_blob_unref(&blob);
    return rc;
}

static void only_the_one_path_of_a_name_is_answered(void **state)
{
    struct fx *f = *state;

    fx_ok(f, fx_publish(f, "Pay_Core", "1.0.0", NULL, NULL));
    assert_int_equal(ask(f, "pa/y_/pay_core"), CG_OK);
    static const char *const others[] = {"pa/y_/Pay_Core",  "Pa/y_/pay_core",  "pa/y-/pay-core",    "pay_core",
                                         "pa/y_/pay_core/", "pa//y_/pay_core", "../pa/y_/pay_core", "",
                                         "config.json",     "pa/y_/pay_cor",   "3/p/pay_core"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(ask(f, others[i]), CG_ERR_ABSENT);
    struct cg_blob *blob = NULL;
    assert_int_equal(cg_registry_index(f->reg, "platform", "pa/y_/pay_core", &blob), CG_ERR_ABSENT);
    assert_int_equal(cg_registry_index(f->reg, "nowhere", "pa/y_/pay_core", &blob), CG_ERR_ABSENT);
    fx_refused(f, cg_registry_index_load(f->reg, "payments", "x", &blob, &f->err), CG_ERR_ABSENT, "no index file");
}

static void a_restart_knows_all_names_and_reads_a_file_once(void **state)
{
    struct fx *f = *state;
    struct cg_blob *blob = NULL, *again = NULL;
    int64_t misses, hits;
    char *text;

    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    text = fx_stored_index(f, "pay-core");
    fx_restart(f);
    misses = cg_metric_get(CG_METRIC_INDEX_MISSES);
    hits = cg_metric_get(CG_METRIC_INDEX_HITS);
    assert_int_equal(ask(f, "pa/y-/pay-none"), CG_ERR_ABSENT);
    assert_int_equal(ask(f, "pa/y-/pay-core"), CG_ERR_AGAIN);
    fx_ok(f, cg_registry_index_load(f->reg, "payments", "pa/y-/pay-core", &blob, &f->err));
    assert_string_equal(blob->bytes, text);
    assert_true(blob->mtime > 1700000000);
    assert_int_equal(cg_registry_index(f->reg, "payments", "pa/y-/pay-core", &again), CG_OK);
    assert_ptr_equal(again, blob);
    assert_int_equal(cg_metric_get(CG_METRIC_INDEX_MISSES), misses + 1);
    assert_int_equal(cg_metric_get(CG_METRIC_INDEX_HITS), hits + 2);
    cg_blob_unref(&blob);
    cg_blob_unref(&again);
    free(text);
}

static void a_file_that_cannot_be_read_is_503_and_one_that_is_gone_404(void **state)
{
    struct fx *f = *state;
    struct cg_blob *blob = NULL;

    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    cg_registry_tick(f->reg);
    struct cg_conf *none = fx_conf(f, "");
    none->index_cache_size = 0;
    fx_ok(f, cg_registry_reconfigure(f->reg, none, &f->err)); /* drops what is loaded */
    cg_conf_unref(&none);
    cg_fake_storage_set_broken(f->st, "index_read");
    assert_int_equal(ask(f, "pa/y-/pay-core"), CG_ERR_AGAIN);
    fx_refused(f, cg_registry_index_load(f->reg, "payments", "pa/y-/pay-core", &blob, &f->err), CG_ERR_UNAVAILABLE, "");
    cg_fake_storage_set_broken(f->st, NULL);
    fx_ok(f, f->st->ops->index_remove(f->st, "pay-core", &f->err));
    assert_int_equal(cg_registry_index_load(f->reg, "payments", "pa/y-/pay-core", &blob, &f->err), CG_ERR_ABSENT);
    assert_int_equal(ask(f, "pa/y-/pay-core"), CG_ERR_ABSENT);
}

/* A publish while the file is being read. */
static void publish_meanwhile(void *cls)
{
    struct fx *f = cls;

    cg_fake_storage_set_hook(f->st, NULL, NULL, NULL);
    assert_int_equal(fx_publish(f, "pay-core", "1.1.0", NULL, NULL), CG_OK);
}

static void a_publish_during_a_load_is_what_the_loader_gets(void **state)
{
    struct fx *f = *state;
    struct cg_blob *blob = NULL;
    char *text;

    fx_ok(f, fx_publish(f, "pay-core", "1.0.0", NULL, NULL));
    text = fx_stored_index(f, "pay-core");
    fx_ok(f, f->md->ops->generation_bump(f->md, "index", &f->err));
    cg_registry_tick(f->reg);
    assert_int_equal(ask(f, "pa/y-/pay-core"), CG_ERR_AGAIN);
    cg_fake_storage_set_hook(f->st, "index_read", publish_meanwhile, f);
    fx_ok(f, cg_registry_index_load(f->reg, "payments", "pa/y-/pay-core", &blob, &f->err));
    assert_non_null(strstr(blob->bytes, "\"1.1.0\""));
    assert_true(blob->len > strlen(text));
    cg_blob_unref(&blob);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_known_before_files_are_loaded, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_are_counted_and_shown_as_a_metric, setup, teardown),
        cmocka_unit_test_setup_teardown(over_the_limit_files_go_and_names_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_read_stays_while_others_go, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_over_the_whole_limit_drives_nobody_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lower_limit_takes_effect_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_loader_never_replaces_what_is_newer, setup, teardown),
        cmocka_unit_test_setup_teardown(of_those_who_load_at_once_one_stores, setup, teardown),
        cmocka_unit_test_setup_teardown(another_form_replaces_only_what_it_was_made_of, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_that_is_gone_takes_its_name_along, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_keeps_its_file_through_a_change, setup, teardown),
        cmocka_unit_test_setup_teardown(names_are_found_by_what_they_fold_to, setup, teardown),
        cmocka_unit_test_setup_teardown(a_rescan_brings_exactly_the_names_that_are_there, setup, teardown),
        cmocka_unit_test_setup_teardown(until_it_is_listed_no_name_is_absent, setup_unlisted, teardown),
        cmocka_unit_test_setup_teardown(what_was_read_of_an_unknown_name_loses_against_any_change, setup_unlisted,
                                        teardown),
        cmocka_unit_test_setup_teardown(thousands_of_names_come_and_go, setup, teardown),
        cmocka_unit_test(freeing_nothing_is_allowed),
        cmocka_unit_test_setup_teardown(nobody_ever_sees_an_older_file_than_before, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_one_path_of_a_name_is_answered, fx_setup, fx_teardown),
        cmocka_unit_test_setup_teardown(a_restart_knows_all_names_and_reads_a_file_once, fx_setup_real, fx_teardown),
        cmocka_unit_test_setup_teardown(a_file_that_cannot_be_read_is_503_and_one_that_is_gone_404, fx_setup,
                                        fx_teardown),
        cmocka_unit_test_setup_teardown(a_publish_during_a_load_is_what_the_loader_gets, fx_setup, fx_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
