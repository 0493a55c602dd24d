/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What every metadata driver does for stores with other writers. A driver joins by a line in `drivers`; the one in memory
 * does too, but for what outlives a reopening. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "crategate/metadata.h"
#include "fake_metadata.h"
#include "metadata/sqlite/sqlite_metadata.h"
#include "temp_dir.h"

struct driver {
    enum cg_err (*open)(const char *dir, struct cg_metadata **md_out, struct cg_error *err);
    bool lasting;
};

static enum cg_err open_sqlite(const char *dir, struct cg_metadata **md_out, struct cg_error *err)
{
    char *path = cg_asprintf("%s/crategate.db", dir);
    enum cg_err rc = cg_sqlite_metadata_new(path, md_out, err);

    free(path);
    return rc;
}

static enum cg_err open_fake(const char *dir, struct cg_metadata **md_out, struct cg_error *err)
{
    (void)dir, (void)err;
    *md_out = cg_fake_metadata_new();
    return CG_OK;
}

static const struct driver drivers[] = {{open_sqlite, true}, {open_fake, false}};
static const struct driver *driver;

struct fixture {
    char *dir;
    struct cg_metadata *md;
    const struct cg_metadata_ops *ops;
    struct cg_buf text; /* what visitors saw */
    int count;
    int stop_at;
};

static int setup(void **state)
{
    struct fixture *f = cg_calloc(1, sizeof(*f));

    f->dir = cg_temp_dir_new();
    assert_int_equal(driver->open(f->dir, &f->md, NULL), CG_OK);
    f->ops = f->md->ops;
    cg_buf_init(&f->text, 1 << 16);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cg_metadata_free(&f->md);
    cg_temp_dir_free(&f->dir);
    cg_buf_free(&f->text);
    free(f);
    return 0;
}

static void reopen(struct fixture *f)
{
    if (!driver->lasting)
        return;
    cg_metadata_free(&f->md);
    assert_int_equal(driver->open(f->dir, &f->md, NULL), CG_OK);
}

static enum cg_err seen(struct fixture *f)
{
    return ++f->count == f->stop_at ? CG_ERR_THROTTLED : CG_OK;
}

/* In whichever order; `texts` is NULL-terminated and complete. */
static void assert_seen(struct fixture *f, const char *const *texts)
{
    size_t len = 0;

    for (; *texts; texts++) {
        if (!strstr(cg_buf_str(&f->text), *texts))
            fail_msg("\"%s\" lacks \"%s\"", cg_buf_str(&f->text), *texts);
        len += strlen(*texts);
    }
    assert_int_equal(f->text.len, len);
    cg_buf_reset(&f->text);
    f->count = f->stop_at = 0;
}

#define ASSERT_SEEN(f, ...) assert_seen((f), (const char *const[]){__VA_ARGS__, NULL})

static int64_t generation(struct fixture *f, const char *what)
{
    int64_t value = -1;

    assert_int_equal(f->ops->generation(f->md, what, &value, NULL), CG_OK);
    return value;
}

static enum cg_err see_quarantined(void *cls, const struct cg_quarantine_row *row)
{
    struct fixture *f = cls;

    cg_buf_addf(&f->text, "%s %s,%s,%s,%d;", row->crate, row->version, row->reason, row->cksum, (int)row->since);
    return seen(f);
}

static void what_is_in_quarantine_stays_until_it_is_removed(void **state)
{
    struct fixture *f = *state;
    struct cg_quarantine_row a = {"pay-core", "1.0.0", "changed", "abc", 10}, b = {"pay-core", "1.1.0", "vanished", "", 11};
    int64_t before = generation(f, "quarantine");

    assert_int_equal(f->ops->quarantine_put(f->md, "ns", &a, NULL), CG_OK);
    assert_int_equal(f->ops->quarantine_put(f->md, "ns", &b, NULL), CG_OK);
    a.reason = "vanished";
    a.cksum = "";
    assert_int_equal(f->ops->quarantine_put(f->md, "other", &a, NULL), CG_OK);
    a.since = 12;
    assert_int_equal(f->ops->quarantine_put(f->md, "ns", &a, NULL), CG_OK);
    assert_true(generation(f, "quarantine") > before);
    reopen(f);
    assert_int_equal(f->ops->quarantine_each(f->md, "ns", see_quarantined, f, NULL), CG_OK);
    ASSERT_SEEN(f, "pay-core 1.0.0,vanished,,12;", "pay-core 1.1.0,vanished,,11;");
    before = generation(f, "quarantine");
    assert_int_equal(f->ops->quarantine_remove(f->md, "ns", "pay-core", "1.0.0", NULL), CG_OK);
    assert_true(generation(f, "quarantine") > before);
    assert_int_equal(f->ops->quarantine_remove(f->md, "ns", "pay-core", "9.0.0", NULL), CG_OK);
    f->stop_at = 1;
    assert_int_equal(f->ops->quarantine_each(f->md, "ns", see_quarantined, f, NULL), CG_ERR_THROTTLED);
    ASSERT_SEEN(f, "pay-core 1.1.0,vanished,,11;");
    assert_int_equal(f->ops->quarantine_each(f->md, "other", see_quarantined, f, NULL), CG_OK);
    ASSERT_SEEN(f, "pay-core 1.0.0,vanished,,10;");
}

static enum cg_err see_note(void *cls, const struct cg_yank_note *note)
{
    struct fixture *f = cls;

    cg_buf_addf(&f->text, "%s %s,%d,%d;", note->crate, note->version, note->yanked, (int)note->noted_at);
    return seen(f);
}

static void the_last_note_of_a_yank_counts(void **state)
{
    struct fixture *f = *state;
    struct cg_yank_note a = {"pay-core", "1.0.0", true, 10}, b = {"pay-core", "1.1.0", true, 11};

    assert_int_equal(f->ops->yank_note_put(f->md, "ns", &a, NULL), CG_OK);
    assert_int_equal(f->ops->yank_note_put(f->md, "ns", &b, NULL), CG_OK);
    assert_int_equal(f->ops->yank_note_put(f->md, "other", &b, NULL), CG_OK);
    a.yanked = false;
    a.noted_at = 12;
    assert_int_equal(f->ops->yank_note_put(f->md, "ns", &a, NULL), CG_OK);
    reopen(f);
    assert_int_equal(f->ops->yank_note_each(f->md, "ns", see_note, f, NULL), CG_OK);
    ASSERT_SEEN(f, "pay-core 1.0.0,0,12;", "pay-core 1.1.0,1,11;");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_is_in_quarantine_stays_until_it_is_removed),
        T(the_last_note_of_a_yank_counts),
    };
    int failed = 0;

    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        driver = &drivers[i];
        failed += cmocka_run_group_tests(tests, NULL, NULL);
    }
    return failed;
}
