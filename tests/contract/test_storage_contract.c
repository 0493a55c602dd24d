/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What every storage driver does. A driver joins by a line in `drivers`. */
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

#include "art_rig.h"
#include "temp_dir.h"
#include "base/buf.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "crategate/storage.h"
#include "storage/artifactory/art_storage.h"
#include "storage/filesystem/fs_storage.h"

struct driver {
    const char *name;
    bool replaces; /* else what somebody else has put there stays, whatever is asked for */
    /* Opens the store that lives in `dir`; called twice, it gives two views of the same store. */
    enum cg_err (*open)(const char *dir, struct cg_storage **st_out, struct cg_error *err);
};

static struct art_rig rig; /* the double of Artifactory */

static void tell_rig(const char *what, const char *key, const char *json)
{
    char *path = cg_asprintf("%s/%s", what, key);

    json_decref(art_rig_control(&rig, "POST", path, json));
    free(path);
}

/* A repository of its own for each directory, and an account there that may delete. */
static enum cg_err open_artifactory(const char *dir, struct cg_storage **st_out, struct cg_error *err)
{
    char *key = cg_asprintf("contract-%s", strrchr(dir, '/') + 1), instance[] = "corp", name[] = "contract";
    char *rights = cg_asprintf("{\"repositories\":[\"%s\"],\"users\":{\"owner\":[\"read\",\"annotate\","
                               "\"write\",\"delete\"]}}",
                               key);
    struct cg_conf conf = {.state_dir = rig.dir, .artifactories = art_rig_conf(&rig, "main", "owner")};
    struct cg_conf_namespace ns = {
        .name = name, .storage = CG_STORAGE_ARTIFACTORY, .artifactory = instance, .repository = key};
    enum cg_err rc;

    conf.artifactory_count = 1;
    tell_rig("/repos", key, "{\"rclass\":\"local\",\"packageType\":\"generic\"}");
    tell_rig("/permissions", key, rights);
    rc = cg_art_storage_new(&conf, &ns, dir, st_out, err);
    free(rights);
    free(key);
    return rc;
}

static const struct driver drivers[] = {
    {"filesystem", true, cg_fs_storage_new},
    {"artifactory", false, open_artifactory},
};

static const struct driver *driver;

struct fixture {
    char *dir;
    struct cg_storage *st;
    const struct cg_storage_ops *ops;
};

static int setup(void **state)
{
    struct fixture *f = cg_calloc(1, sizeof(*f));

    f->dir = cg_temp_dir_new();
    assert_int_equal(driver->open(f->dir, &f->st, NULL), CG_OK);
    f->ops = f->st->ops;
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cg_storage_free(&f->st);
    cg_temp_dir_free(&f->dir);
    free(f);
    return 0;
}

static enum cg_err put_index(struct fixture *f, const char *name, const char *text)
{
    return f->ops->index_write(f->st, name, text, strlen(text), NULL);
}

/* The index file as a string; free() it. NULL when it is absent. */
static char *get_index(struct cg_storage *st, const char *name)
{
    struct cg_buf buf;
    enum cg_err rc;
    char *text = NULL;

    cg_buf_init(&buf, 1 << 20);
    rc = st->ops->index_read(st, name, &buf, NULL, NULL);
    if (rc == CG_OK)
        text = cg_strdup(cg_buf_str(&buf));
    else
        assert_int_equal(rc, CG_ERR_ABSENT);
    cg_buf_free(&buf);
    return text;
}

static void assert_index(struct cg_storage *st, const char *name, const char *expected)
{
    char *text = get_index(st, name);

    if (expected)
        assert_string_equal(text, expected);
    else
        assert_null(text);
    free(text);
}

static enum cg_err put_crate(struct cg_storage *st, const char *name, const char *version, const char *bytes,
                             bool replace)
{
    struct cg_crate_upload *up = NULL;
    enum cg_err rc;

    assert_int_equal(st->ops->crate_begin(st, &up, NULL), CG_OK);
    assert_int_equal(st->ops->crate_write(st, up, bytes, strlen(bytes), NULL), CG_OK);
    rc = st->ops->crate_commit(st, &up, name, version, replace, NULL);
    assert_null(up);
    return rc;
}

static void assert_crate(struct cg_storage *st, const char *name, const char *version, const char *expected)
{
    struct cg_crate_file file = {.fd = -7};
    char bytes[256] = "";
    enum cg_err rc = st->ops->crate_open(st, name, version, &file, NULL);

    if (!expected) {
        assert_int_equal(rc, CG_ERR_ABSENT);
        assert_int_equal(file.fd, -7);
        return;
    }
    assert_int_equal(rc, CG_OK);
    assert_int_equal(file.size, strlen(expected));
    assert_int_equal(read(file.fd, bytes, sizeof(bytes) - 1), (ssize_t)strlen(expected));
    assert_string_equal(bytes, expected);
    assert_true(llabs(file.mtime - cg_clock_wall_s()) < 60);
    close(file.fd);
}

/* Visitors write "a b c " into a buffer, sorted by nothing, so tests look for words. */
struct seen {
    struct cg_buf text;
    int count;
    int stop_at;
};

static enum cg_err see_index(void *cls, const char *name)
{
    struct seen *seen = cls;

    cg_buf_addf(&seen->text, "|%s|", name);
    return ++seen->count == seen->stop_at ? CG_ERR_THROTTLED : CG_OK;
}

static enum cg_err see_crate(void *cls, const char *name, const char *version, uint64_t size)
{
    struct seen *seen = cls;

    cg_buf_addf(&seen->text, "|%s %s %u|", name, version, (unsigned)size);
    return ++seen->count == seen->stop_at ? CG_ERR_THROTTLED : CG_OK;
}

static void seen_init(struct seen *seen)
{
    memset(seen, 0, sizeof(*seen));
    cg_buf_init(&seen->text, 1 << 16);
}

static void assert_saw(struct seen *seen, const char *word)
{
    assert_non_null(strstr(cg_buf_str(&seen->text), word));
}

static void index_never_written_is_absent(void **state)
{
    struct fixture *f = *state;
    struct cg_error err = {0};
    struct cg_buf buf;
    int64_t mtime = -5;

    cg_buf_init(&buf, 100);
    cg_buf_addstr(&buf, "before");
    assert_int_equal(f->ops->index_read(f->st, "serde", &buf, &mtime, &err), CG_ERR_ABSENT);
    assert_string_equal(cg_buf_str(&buf), "before");
    assert_int_equal(mtime, -5);
    assert_true(err.detail[0]);
    assert_int_equal(f->ops->index_remove(f->st, "serde", &err), CG_ERR_ABSENT);
    cg_buf_free(&buf);
}

static void index_reads_back_as_written_and_is_appended(void **state)
{
    struct fixture *f = *state;
    struct cg_buf buf;
    int64_t mtime = 0;

    assert_int_equal(put_index(f, "serde", "{\"name\":\"serde\"}\n"), CG_OK);
    cg_buf_init(&buf, 100);
    cg_buf_addstr(&buf, "before ");
    assert_int_equal(f->ops->index_read(f->st, "serde", &buf, &mtime, NULL), CG_OK);
    assert_string_equal(cg_buf_str(&buf), "before {\"name\":\"serde\"}\n");
    assert_true(llabs(mtime - cg_clock_wall_s()) < 60);
    cg_buf_free(&buf);
}

static void index_write_replaces_longer_by_shorter(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(put_index(f, "abc", "a long first line\n"), CG_OK);
    assert_int_equal(put_index(f, "abc", "short\n"), CG_OK);
    assert_index(f->st, "abc", "short\n");
    assert_int_equal(put_index(f, "abc", ""), CG_OK);
    assert_index(f->st, "abc", "");
}

static void index_too_big_for_the_buffer_is_unavailable_not_cut(void **state)
{
    struct fixture *f = *state;
    struct cg_error err = {0};
    struct cg_buf buf;

    assert_int_equal(put_index(f, "serde", "0123456789"), CG_OK);
    cg_buf_init(&buf, 9);
    assert_int_equal(f->ops->index_read(f->st, "serde", &buf, NULL, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(buf.len, 0);
    cg_buf_free(&buf);
}

static void removed_index_is_absent_and_others_stay(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(put_index(f, "serde", "1"), CG_OK);
    assert_int_equal(put_index(f, "serdex", "2"), CG_OK);
    assert_int_equal(f->ops->index_remove(f->st, "serde", NULL), CG_OK);
    assert_index(f->st, "serde", NULL);
    assert_index(f->st, "serdex", "2");
    assert_int_equal(f->ops->index_remove(f->st, "serde", NULL), CG_ERR_ABSENT);
    assert_int_equal(put_index(f, "serde", "3"), CG_OK);
    assert_index(f->st, "serde", "3");
}

static const char longest[] = "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-0123456789"; /* 63 + 1 */

static void each_index_is_visited_once_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    const char *names[] = {"a", "b", "ab", "abc", "abcd", "a-b_c", "x1", "conf", "config", longest};
    struct seen seen;

    assert_int_equal(f->ops->config_write(f->st, "{}", 2, NULL), CG_OK);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(put_index(f, names[i], names[i]), CG_OK);
    seen_init(&seen);
    assert_int_equal(f->ops->index_each(f->st, see_index, &seen, NULL), CG_OK);
    assert_int_equal(seen.count, 10);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char word[80];

        snprintf(word, sizeof(word), "|%s|", names[i]);
        assert_saw(&seen, word);
        assert_index(f->st, names[i], names[i]);
    }
    cg_buf_free(&seen.text);
}

static void visitor_that_stops_gives_the_result(void **state)
{
    struct fixture *f = *state;
    struct seen seen;

    for (int i = 0; i < 6; i++) {
        char name[20];

        snprintf(name, sizeof(name), "crate%d", i);
        assert_int_equal(put_index(f, name, "x"), CG_OK);
        assert_int_equal(put_crate(f->st, name, "1.0.0", "x", false), CG_OK);
    }
    seen_init(&seen);
    seen.stop_at = 2;
    assert_int_equal(f->ops->index_each(f->st, see_index, &seen, NULL), CG_ERR_THROTTLED);
    assert_int_equal(seen.count, 2);
    seen.stop_at = 5;
    assert_int_equal(f->ops->crate_each(f->st, NULL, see_crate, &seen, NULL), CG_ERR_THROTTLED);
    assert_int_equal(seen.count, 5);
    cg_buf_free(&seen.text);
}

static void committed_crate_can_be_read(void **state)
{
    struct fixture *f = *state;

    assert_crate(f->st, "serde", "1.0.0", NULL);
    assert_int_equal(put_crate(f->st, "serde", "1.0.0", "crate bytes", false), CG_OK);
    assert_crate(f->st, "serde", "1.0.0", "crate bytes");
    assert_crate(f->st, "serde", "1.0.1", NULL);
    assert_crate(f->st, "Serde", "1.0.0", NULL);
}

static void crate_written_in_pieces_is_whole(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_upload *up = NULL;
    struct cg_crate_file file;
    static char block[8192];
    static char back[sizeof(block)];

    assert_int_equal(f->ops->crate_begin(f->st, &up, NULL), CG_OK);
    for (int i = 0; i < 300; i++) {
        memset(block, 'a' + i % 26, sizeof(block));
        assert_int_equal(f->ops->crate_write(f->st, up, block, sizeof(block), NULL), CG_OK);
    }
    assert_int_equal(f->ops->crate_commit(f->st, &up, "big", "1.0.0", false, NULL), CG_OK);
    assert_int_equal(f->ops->crate_open(f->st, "big", "1.0.0", &file, NULL), CG_OK);
    assert_int_equal(file.size, 300 * sizeof(block));
    for (int i = 0; i < 300; i++) {
        memset(block, 'a' + i % 26, sizeof(block));
        assert_int_equal(read(file.fd, back, sizeof(back)), sizeof(back));
        assert_memory_equal(back, block, sizeof(block));
    }
    close(file.fd);
}

static void staged_crate_is_there_before_the_commit(void **state)
{
    struct fixture *f = *state;
    const struct cg_crate_facts facts = {.cksum = "", .publisher = "alice"};
    struct cg_crate_upload *up = NULL;

    if (!f->ops->crate_stage)
        return;
    assert_int_equal(f->ops->crate_begin(f->st, &up, NULL), CG_OK);
    assert_int_equal(f->ops->crate_write(f->st, up, "abc", 3, NULL), CG_OK);
    assert_int_equal(f->ops->crate_stage(f->st, up, "serde", "1.0.0", &facts, NULL), CG_OK);
    assert_crate(f->st, "serde", "1.0.0", "abc");
    assert_int_equal(f->ops->crate_commit(f->st, &up, "serde", "1.0.0", true, NULL), CG_OK);
    assert_null(up);
    assert_crate(f->st, "serde", "1.0.0", "abc");
    assert_int_equal(f->ops->crate_begin(f->st, &up, NULL), CG_OK);
    assert_int_equal(f->ops->crate_write(f->st, up, "xyz", 3, NULL), CG_OK);
    assert_int_equal(f->ops->crate_stage(f->st, up, "serde", "1.0.0", &facts, NULL), CG_ERR_CONFLICT);
    f->ops->crate_abort(f->st, &up);
    assert_crate(f->st, "serde", "1.0.0", "abc");
}

static void existing_version_is_a_conflict_and_stays(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(put_crate(f->st, "serde", "1.0.0", "first", false), CG_OK);
    assert_int_equal(put_crate(f->st, "serde", "1.0.0", "second", false), CG_ERR_CONFLICT);
    assert_crate(f->st, "serde", "1.0.0", "first");
}

/* Where others write too, a second one with other bytes is theirs, or will be. */
static void put_second(struct fixture *f)
{
    assert_int_equal(put_crate(f->st, "serde", "1.0.0", "second", true), driver->replaces ? CG_OK : CG_ERR_CONFLICT);
}

static void replace_replaces_and_creates(void **state)
{
    struct fixture *f = *state;
    struct seen seen;

    assert_int_equal(put_crate(f->st, "serde", "1.0.0", "first", true), CG_OK);
    assert_int_equal(put_crate(f->st, "serde", "1.0.0", "first", true), CG_OK);
    put_second(f);
    assert_crate(f->st, "serde", "1.0.0", driver->replaces ? "second" : "first");
    seen_init(&seen);
    assert_int_equal(f->ops->crate_each(f->st, NULL, see_crate, &seen, NULL), CG_OK);
    assert_string_equal(cg_buf_str(&seen.text), driver->replaces ? "|serde 1.0.0 6|" : "|serde 1.0.0 5|");
    cg_buf_free(&seen.text);
}

static void open_crate_stays_readable_while_it_is_replaced_and_removed(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file;
    char bytes[16] = "";

    assert_int_equal(put_crate(f->st, "serde", "1.0.0", "first", false), CG_OK);
    assert_int_equal(f->ops->crate_open(f->st, "serde", "1.0.0", &file, NULL), CG_OK);
    put_second(f);
    assert_int_equal(f->ops->crate_remove(f->st, "serde", "1.0.0", NULL), CG_OK);
    assert_int_equal(read(file.fd, bytes, sizeof(bytes)), 5);
    assert_string_equal(bytes, "first");
    close(file.fd);
}

static void unfinished_and_aborted_uploads_are_invisible(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_upload *up = NULL;
    struct seen seen;

    seen_init(&seen);
    assert_int_equal(f->ops->crate_begin(f->st, &up, NULL), CG_OK);
    assert_int_equal(f->ops->crate_write(f->st, up, "abc", 3, NULL), CG_OK);
    assert_int_equal(f->ops->crate_each(f->st, NULL, see_crate, &seen, NULL), CG_OK);
    f->ops->crate_abort(f->st, &up);
    assert_null(up);
    f->ops->crate_abort(f->st, &up); /* nothing to abort is fine */
    assert_int_equal(f->ops->crate_each(f->st, NULL, see_crate, &seen, NULL), CG_OK);
    assert_int_equal(seen.count, 0);
    cg_buf_free(&seen.text);
}

static void two_uploads_at_once_do_not_mix(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_upload *a = NULL, *b = NULL;

    assert_int_equal(f->ops->crate_begin(f->st, &a, NULL), CG_OK);
    assert_int_equal(f->ops->crate_begin(f->st, &b, NULL), CG_OK);
    assert_int_equal(f->ops->crate_write(f->st, a, "aa", 2, NULL), CG_OK);
    assert_int_equal(f->ops->crate_write(f->st, b, "bbb", 3, NULL), CG_OK);
    assert_int_equal(f->ops->crate_commit(f->st, &b, "same", "1.0.0", false, NULL), CG_OK);
    assert_int_equal(f->ops->crate_commit(f->st, &a, "same", "1.0.0", false, NULL), CG_ERR_CONFLICT);
    assert_crate(f->st, "same", "1.0.0", "bbb");
}

static void crates_are_listed_by_name_and_all_together(void **state)
{
    struct fixture *f = *state;
    struct seen seen;

    assert_int_equal(put_crate(f->st, "foo", "1.0.0", "1", false), CG_OK);
    assert_int_equal(put_crate(f->st, "foo", "1.0.0-rc.1+build-5", "22", false), CG_OK);
    assert_int_equal(put_crate(f->st, "foo-1", "2.0.0", "333", false), CG_OK);
    assert_int_equal(put_crate(f->st, "Foo_2-3", "0.1.0", "4444", false), CG_OK);
    seen_init(&seen);
    assert_int_equal(f->ops->crate_each(f->st, "foo", see_crate, &seen, NULL), CG_OK);
    assert_int_equal(seen.count, 2);
    assert_saw(&seen, "|foo 1.0.0 1|");
    assert_saw(&seen, "|foo 1.0.0-rc.1+build-5 2|");
    cg_buf_reset(&seen.text);
    seen.count = 0;
    assert_int_equal(f->ops->crate_each(f->st, NULL, see_crate, &seen, NULL), CG_OK);
    assert_int_equal(seen.count, 4);
    assert_saw(&seen, "|foo-1 2.0.0 3|");
    assert_saw(&seen, "|Foo_2-3 0.1.0 4|");
    assert_int_equal(f->ops->crate_each(f->st, "nobody", see_crate, &seen, NULL), CG_OK);
    assert_int_equal(seen.count, 4);
    cg_buf_free(&seen.text);
}

static void removed_crate_is_absent_and_can_come_back(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(f->ops->crate_remove(f->st, "serde", "1.0.0", NULL), CG_ERR_ABSENT);
    assert_int_equal(put_crate(f->st, "serde", "1.0.0", "one", false), CG_OK);
    assert_int_equal(put_crate(f->st, "serde", "2.0.0", "two", false), CG_OK);
    assert_int_equal(f->ops->crate_remove(f->st, "serde", "1.0.0", NULL), CG_OK);
    assert_crate(f->st, "serde", "1.0.0", NULL);
    assert_crate(f->st, "serde", "2.0.0", "two");
    assert_int_equal(f->ops->crate_remove(f->st, "serde", "1.0.0", NULL), CG_ERR_ABSENT);
    assert_int_equal(f->ops->crate_remove(f->st, "serde", "2.0.0", NULL), CG_OK);
    assert_int_equal(put_crate(f->st, "serde", "1.0.0", "again", false), CG_OK);
    assert_crate(f->st, "serde", "1.0.0", "again");
}

static void everything_is_there_after_opening_again(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(put_index(f, "serde", "line\n"), CG_OK);
    assert_int_equal(put_crate(f->st, "serde", "1.0.0", "bytes", false), CG_OK);
    cg_storage_free(&f->st);
    assert_null(f->st);
    assert_int_equal(driver->open(f->dir, &f->st, NULL), CG_OK);
    assert_index(f->st, "serde", "line\n");
    assert_crate(f->st, "serde", "1.0.0", "bytes");
}

static void ping_succeeds_and_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct seen seen;

    assert_int_equal(f->ops->ping(f->st, NULL), CG_OK);
    seen_init(&seen);
    assert_int_equal(f->ops->index_each(f->st, see_index, &seen, NULL), CG_OK);
    assert_int_equal(f->ops->crate_each(f->st, NULL, see_crate, &seen, NULL), CG_OK);
    assert_int_equal(seen.count, 0);
    cg_buf_free(&seen.text);
}

/* Adds one to a number that only the lock protects, by way of a whole read and a whole write of an index file. */
struct adder {
    struct cg_storage *st;
    int rounds;
};

static void *add_under_lock(void *cls)
{
    struct adder *adder = cls;

    for (int i = 0; i < adder->rounds; i++) {
        char *text, number[16];

        if (adder->st->ops->lock(adder->st, NULL) != CG_OK)
            abort();
        text = get_index(adder->st, "counter");
        snprintf(number, sizeof(number), "%d", atoi(text) + 1);
        free(text);
        if (adder->st->ops->index_write(adder->st, "counter", number, strlen(number), NULL) != CG_OK)
            abort();
        adder->st->ops->unlock(adder->st);
    }
    return NULL;
}

/* Two threads share one store and a third has opened its own, as another process would have. */
static void lock_excludes_threads_and_other_openers(void **state)
{
    struct fixture *f = *state;
    struct cg_storage *other = NULL;
    struct adder adders[3];
    pthread_t threads[3];

    assert_int_equal(driver->open(f->dir, &other, NULL), CG_OK);
    assert_int_equal(put_index(f, "counter", "0"), CG_OK);
    for (int i = 0; i < 3; i++) {
        adders[i] = (struct adder){.st = i == 2 ? other : f->st, .rounds = 30};
        assert_int_equal(pthread_create(&threads[i], NULL, add_under_lock, &adders[i]), 0);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_index(f->st, "counter", "90");
    cg_storage_free(&other);
}

struct writer {
    struct cg_storage *st;
    int rounds;
};

static void *write_wholes(void *cls)
{
    struct writer *w = cls;
    static const char a[4096] = {[0 ... 4094] = 'a'};
    static const char b[8192] = {[0 ... 8190] = 'b'};

    for (int i = 0; i < w->rounds; i++) {
        const char *text = i % 2 ? a : b;

        if (w->st->ops->index_write(w->st, "whole", text, strlen(text), NULL) != CG_OK)
            abort();
    }
    return NULL;
}

static void reader_never_sees_half_a_write(void **state)
{
    struct fixture *f = *state;
    struct writer w = {.st = f->st, .rounds = 150};
    pthread_t thread;

    assert_int_equal(put_index(f, "whole", "a"), CG_OK);
    assert_int_equal(pthread_create(&thread, NULL, write_wholes, &w), 0);
    for (int i = 0; i < 1000; i++) {
        char *text = get_index(f->st, "whole");
        size_t len = strlen(text);

        assert_true(len == 1 || len == 4095 || len == 8191);
        assert_int_equal(strspn(text, len == 8191 ? "b" : "a"), len);
        free(text);
    }
    pthread_join(thread, NULL);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(index_never_written_is_absent),
        T(index_reads_back_as_written_and_is_appended),
        T(index_write_replaces_longer_by_shorter),
        T(index_too_big_for_the_buffer_is_unavailable_not_cut),
        T(removed_index_is_absent_and_others_stay),
        T(each_index_is_visited_once_and_nothing_else),
        T(visitor_that_stops_gives_the_result),
        T(committed_crate_can_be_read),
        T(crate_written_in_pieces_is_whole),
        T(staged_crate_is_there_before_the_commit),
        T(existing_version_is_a_conflict_and_stays),
        T(replace_replaces_and_creates),
        T(open_crate_stays_readable_while_it_is_replaced_and_removed),
        T(unfinished_and_aborted_uploads_are_invisible),
        T(two_uploads_at_once_do_not_mix),
        T(crates_are_listed_by_name_and_all_together),
        T(removed_crate_is_absent_and_can_come_back),
        T(everything_is_there_after_opening_again),
        T(ping_succeeds_and_leaves_nothing),
        T(lock_excludes_threads_and_other_openers),
        T(reader_never_sees_half_a_write),
    };
    bool double_there = art_rig_start(&rig);
    int failed = 0;

    if (!double_there)
        puts("SKIP: python3 is not installed, so only the filesystem");
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        driver = &drivers[i];
        if (driver->open == open_artifactory && !double_there)
            continue;
        failed += cmocka_run_group_tests_name(driver->name, tests, NULL, NULL);
    }
    cg_art_instances_free();
    if (double_there)
        art_rig_stop(&rig);
    return failed;
}
