/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* One fetch for all, over a small client that gives what the test wants, when it wants. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "temp_dir.h"
#include "base/digest.h"
#include "base/feed.h"
#include "base/mem.h"
#include "log/log.h"
#include "storage/artifactory/art_fetch.h"

#define REPO "cargo-local"
#define PATH "crates/demo/demo-1.0.0.crate"
#define BYTES "the bytes of a crate, which are not many but enough to be cut in two"
#define CALLERS 500

/* The client */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool closed; /* it answers when this is opened */
    unsigned gets, pings;
    const char *bytes;
    enum cg_err rc; /* in place of an answer, or after half of one with `halfway` */
    bool halfway, no_size;
    uint64_t size_told; /* 0: the true one */
} art = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void gate(bool closed)
{
    pthread_mutex_lock(&art.lock);
    art.closed = closed;
    pthread_cond_broadcast(&art.changed);
    pthread_mutex_unlock(&art.lock);
}

static unsigned gets(void)
{
    unsigned count;

    pthread_mutex_lock(&art.lock);
    count = art.gets;
    pthread_mutex_unlock(&art.lock);
    return count;
}

static void pass_gate(void)
{
    pthread_mutex_lock(&art.lock);
    art.gets++;
    pthread_cond_broadcast(&art.changed);
    while (art.closed)
        pthread_cond_wait(&art.changed, &art.lock);
    pthread_mutex_unlock(&art.lock);
}

static void wait_for_gets(unsigned count)
{
    pthread_mutex_lock(&art.lock);
    while (art.gets < count)
        pthread_cond_wait(&art.changed, &art.lock);
    pthread_mutex_unlock(&art.lock);
}

static enum cg_err ill(enum cg_err rc, struct cg_error *err)
{
    return cg_error_set(err, rc, "Artifactory is not well");
}

enum cg_err __wrap_cg_art_get(struct cg_art_client *client, const char *repo, const char *path,
                              const struct cg_art_sink *sink, struct cg_error *err);
enum cg_err __wrap_cg_art_get(struct cg_art_client *client, const char *repo, const char *path,
                              const struct cg_art_sink *sink, struct cg_error *err)
{
    size_t len = strlen(art.bytes), half = len / 2;
    enum cg_err rc;

    (void)client;
    CG_ASSERT(strcmp(repo, REPO) == 0 && strncmp(path, "crates/", 7) == 0);
    pass_gate();
    if (art.rc != CG_OK && !art.halfway)
        return ill(art.rc, err);
    rc = sink->begin(sink->cls, art.no_size ? UINT64_MAX : art.size_told ? art.size_told : len, err);
    if (rc == CG_OK)
        rc = sink->bytes(sink->cls, art.bytes, half, err);
    if (rc == CG_OK && art.halfway)
        rc = ill(art.rc, err);
    return rc == CG_OK ? sink->bytes(sink->cls, art.bytes + half, len - half, err) : rc;
}

enum cg_err __wrap_cg_art_ping(struct cg_art_client *client, struct cg_error *err);
enum cg_err __wrap_cg_art_ping(struct cg_art_client *client, struct cg_error *err)
{
    (void)client;
    pthread_mutex_lock(&art.lock);
    art.pings++;
    pthread_cond_broadcast(&art.changed);
    while (art.closed)
        pthread_cond_wait(&art.changed, &art.lock);
    pthread_mutex_unlock(&art.lock);
    return ill(CG_ERR_UNAVAILABLE, err);
}

/* The fixture */

struct fixture {
    char *dir;
    struct cg_art_cache *cache;
    struct cg_art_fetcher *fetcher;
    char cksum[CG_SHA256_HEX_SIZE];
};

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char logged[8192];

static void keep_line(void *cls, const char *line)
{
    (void)cls;
    pthread_mutex_lock(&log_lock);
    strncat(logged, line, sizeof(logged) - strlen(logged) - 1);
    pthread_mutex_unlock(&log_lock);
}

static void sum(const char *bytes, char out[CG_SHA256_HEX_SIZE])
{
    unsigned char digest[CG_SHA256_SIZE];

    cg_sha256(bytes, strlen(bytes), digest);
    cg_hex(digest, sizeof(digest), out);
}

static int setup(void **state)
{
    struct fixture *f = cg_calloc(1, sizeof(*f));

    logged[0] = '\0';
    cg_log_capture(keep_line, NULL);
    art.gets = art.pings = 0;
    art.bytes = BYTES;
    art.rc = CG_OK;
    art.closed = art.halfway = art.no_size = false;
    art.size_told = 0;
    f->dir = cg_temp_dir_new();
    assert_int_equal(cg_art_cache_new(f->dir, 1 << 20, &f->cache, NULL), CG_OK);
    f->fetcher = cg_art_fetcher_new(NULL, f->cache, 2);
    sum(BYTES, f->cksum);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cg_art_fetcher_free(&f->fetcher);
    cg_art_cache_free(&f->cache);
    cg_temp_dir_free(&f->dir);
    free(f);
    cg_log_capture(NULL, NULL);
    return 0;
}

static enum cg_err fetch(struct fixture *f, bool whole, struct cg_crate_file *file_out, struct cg_error *err)
{
    return cg_art_fetch(f->fetcher, REPO, PATH, f->cksum, whole, file_out, err);
}

static void assert_bytes(struct cg_crate_file *file, const char *expected)
{
    char bytes[512] = "";

    assert_null(file->feed);
    assert_int_equal(file->size, strlen(expected));
    assert_int_equal(read(file->fd, bytes, sizeof(bytes)), strlen(expected));
    assert_string_equal(bytes, expected);
    cg_crate_file_close(file);
}

static bool is_cached(struct fixture *f)
{
    struct cg_crate_file file;

    if (cg_art_cache_open(f->cache, f->cksum, &file, NULL) != CG_OK)
        return false;
    cg_crate_file_close(&file);
    return true;
}

/* Tests */

static void fetched_crate_is_whole_kept_and_not_fetched_again(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file;

    for (int i = 0; i < 3; i++) {
        assert_int_equal(fetch(f, true, &file, NULL), CG_OK);
        assert_bytes(&file, BYTES);
    }
    assert_int_equal(gets(), 1);
    assert_true(is_cached(f));
}

static void fetch_that_is_not_whole_is_a_feed_with_a_size(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file = {.fd = -1};

    assert_int_equal(fetch(f, false, &file, NULL), CG_OK);
    assert_int_equal(file.size, strlen(BYTES));
    assert_int_equal(file.fd, -1);
    assert_int_equal(cg_feed_wait(file.feed, NULL), CG_OK);
    cg_crate_file_close(&file);
}

static void begin_waits_for_nothing(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file = {.fd = -1};
    uint64_t size = 0;

    gate(true);
    assert_int_equal(cg_art_fetch_begin(f->fetcher, REPO, PATH, f->cksum, &file, NULL), CG_OK);
    assert_int_equal(cg_feed_begun(file.feed, NULL, &size, NULL), CG_ERR_AGAIN);
    gate(false);
    assert_int_equal(cg_feed_wait(file.feed, NULL), CG_OK);
    cg_crate_file_close(&file);
}

static unsigned open_files(void)
{
    DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* Also where nobody asks for anything after it. */
static void half_a_crate_does_not_stay_on_the_disk(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file = {.fd = -1};
    unsigned before = open_files();

    art.rc = CG_ERR_UNAVAILABLE;
    art.halfway = true;
    assert_int_equal(fetch(f, true, &file, NULL), CG_ERR_UNAVAILABLE);
    for (int i = 0; i < 1000 && open_files() > before; i++) {
        cg_art_fetcher_tidy(f->fetcher);
        usleep(10000);
    }
    assert_int_equal(open_files(), before);
}

struct caller {
    struct fixture *f;
    enum cg_err rc;
    bool good;
};

static void *call(void *cls)
{
    struct caller *caller = cls;
    struct cg_crate_file file = {.fd = -1};
    char bytes[sizeof(BYTES)] = "";

    caller->rc = fetch(caller->f, true, &file, NULL);
    if (caller->rc == CG_OK)
        caller->good = pread(file.fd, bytes, sizeof(bytes), 0) == (ssize_t)strlen(BYTES) && strcmp(bytes, BYTES) == 0;
    cg_crate_file_close(&file);
    return NULL;
}

static void call_by_many(struct fixture *f, struct caller callers[CALLERS])
{
    pthread_t threads[CALLERS];

    gate(true);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.f = f};
        assert_int_equal(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
    }
    wait_for_gets(1);
    gate(false);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
}

static void five_hundred_callers_are_one_get(void **state)
{
    static struct caller callers[CALLERS];

    call_by_many(*state, callers);
    for (int i = 0; i < CALLERS; i++)
        assert_true(callers[i].rc == CG_OK && callers[i].good);
    assert_int_equal(gets(), 1);
}

static void five_hundred_callers_share_a_failure(void **state)
{
    static struct caller callers[CALLERS];

    art.rc = CG_ERR_UNAVAILABLE;
    call_by_many(*state, callers);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(callers[i].rc, CG_ERR_UNAVAILABLE);
    assert_true(gets() <= 3); /* one a second, however long the threads took to start */
}

static void drain_fails_what_has_not_taken_off_and_begins_nothing_more(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file files[4], file;
    struct cg_error err = {0};
    uint64_t size;

    assert_int_equal(fetch(f, true, &file, NULL), CG_OK);
    cg_crate_file_close(&file);
    gate(true);
    for (int i = 0; i < 4; i++) { /* two fly, two are queued */
        char other[CG_SHA256_HEX_SIZE];

        sum((const char[]){(char)('a' + i), 0}, other);
        assert_int_equal(cg_art_fetch_begin(f->fetcher, REPO, PATH, other, &files[i], NULL), CG_OK);
    }
    wait_for_gets(3);
    cg_art_fetcher_drain(f->fetcher);
    for (int i = 2; i < 4; i++) {
        assert_int_equal(cg_feed_begun(files[i].feed, NULL, &size, &err), CG_ERR_UNAVAILABLE);
        assert_non_null(strstr(err.detail, "being stopped"));
        assert_true(err.retry_after_s > 0);
    }
    assert_int_equal(cg_feed_begun(files[0].feed, NULL, &size, NULL), CG_ERR_AGAIN);
    assert_int_equal(cg_art_fetch_begin(f->fetcher, REPO, "crates/b/b-1.0.0.crate", "", &file, &err),
                     CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.detail, "being stopped"));
    assert_int_equal(fetch(f, true, &file, NULL), CG_OK); /* what is kept is given out */
    assert_bytes(&file, BYTES);
    gate(false);
    for (int i = 0; i < 4; i++)
        cg_crate_file_close(&files[i]);
    assert_int_equal(gets(), 3);
}

static void failure_is_remembered_for_a_second_and_then_forgotten(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file = {.fd = -7};
    struct cg_error err = {0};

    art.rc = CG_ERR_UNAVAILABLE;
    assert_int_equal(fetch(f, true, &file, &err), CG_ERR_UNAVAILABLE);
    assert_string_equal(err.detail, "Artifactory is not well");
    art.rc = CG_OK;
    err.detail[0] = '\0';
    assert_int_equal(fetch(f, false, &file, &err), CG_ERR_UNAVAILABLE);
    assert_string_equal(err.detail, "Artifactory is not well");
    assert_int_equal(file.fd, -7);
    assert_int_equal(gets(), 1);
    usleep(1100 * 1000);
    assert_int_equal(fetch(f, true, &file, &err), CG_OK);
    assert_bytes(&file, BYTES);
}

static void refusals_keep_their_meaning(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file;
    static const enum cg_err codes[] = {CG_ERR_ABSENT, CG_ERR_DENIED, CG_ERR_UNAVAILABLE};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        char other[CG_SHA256_HEX_SIZE];

        art.rc = codes[i];
        sum((const char[]){(char)('a' + (int)i), 0}, other);
        assert_int_equal(cg_art_fetch(f->fetcher, REPO, PATH, other, false, &file, NULL), codes[i]);
    }
    assert_non_null(strstr(logged, "in the index, but its .crate is gone"));
}

static void wrong_bytes_are_never_whole_never_kept_and_told_with_both_sums(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file = {.fd = -1};
    char other[CG_SHA256_HEX_SIZE], bytes[] = BYTES;
    struct cg_error err = {0};
    uint64_t len = 0;

    bytes[10] ^= 1;
    art.bytes = bytes;
    sum(bytes, other);
    assert_int_equal(fetch(f, false, &file, NULL), CG_OK);
    assert_int_equal(cg_feed_wait(file.feed, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(cg_feed_ready(file.feed, file.size - 1, NULL, &len), CG_ERR_UNAVAILABLE);
    cg_crate_file_close(&file);
    assert_false(is_cached(f));
    assert_non_null(strstr(logged, f->cksum));
    assert_non_null(strstr(logged, other));
}

static void end_before_the_size_or_beyond_it_is_unavailable(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file;
    char other[CG_SHA256_HEX_SIZE];

    art.size_told = strlen(BYTES) + 1;
    assert_int_equal(fetch(f, true, &file, NULL), CG_ERR_UNAVAILABLE);
    sum("x", other);
    art.size_told = strlen(BYTES) - 1;
    assert_int_equal(cg_art_fetch(f->fetcher, REPO, PATH, other, true, &file, NULL), CG_ERR_UNAVAILABLE);
    sum("y", other);
    art.size_told = UINT64_MAX - 1;
    assert_int_equal(cg_art_fetch(f->fetcher, REPO, PATH, other, true, &file, NULL), CG_ERR_UNAVAILABLE);
    assert_false(is_cached(f));
}

static void connection_that_ends_halfway_fails_the_feed(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file = {.fd = -1};

    art.rc = CG_ERR_UNAVAILABLE;
    art.halfway = true;
    assert_int_equal(fetch(f, false, &file, NULL), CG_OK);
    assert_int_equal(cg_feed_wait(file.feed, NULL), CG_ERR_UNAVAILABLE);
    cg_crate_file_close(&file);
    assert_false(is_cached(f));
}

static void answer_without_a_size_is_verified_before_it_begins(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file = {.fd = -1};
    char other[CG_SHA256_HEX_SIZE];

    art.no_size = true;
    assert_int_equal(fetch(f, false, &file, NULL), CG_OK);
    assert_int_equal(file.size, strlen(BYTES));
    assert_int_equal(cg_feed_wait(file.feed, NULL), CG_OK);
    cg_crate_file_close(&file);
    assert_true(is_cached(f));
    sum("other", other);
    assert_int_equal(cg_art_fetch(f->fetcher, REPO, PATH, other, false, &file, NULL), CG_ERR_UNAVAILABLE);
}

static void crate_without_a_known_sum_is_given_and_not_kept(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file;

    for (int i = 0; i < 2; i++) {
        assert_int_equal(cg_art_fetch(f->fetcher, REPO, PATH, "", true, &file, NULL), CG_OK);
        assert_bytes(&file, BYTES);
    }
    assert_int_equal(gets(), 2);
    assert_int_equal(cg_art_cache_bytes(f->cache), 0);
}

static void crate_too_large_for_the_cache_is_given_all_the_same(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file;

    cg_art_cache_resize(f->cache, 1);
    assert_int_equal(fetch(f, true, &file, NULL), CG_OK);
    assert_bytes(&file, BYTES);
    assert_false(is_cached(f));
}

static void fetch_goes_on_when_its_callers_leave(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file = {.fd = -1};

    gate(true);
    assert_int_equal(cg_art_fetch_begin(f->fetcher, REPO, PATH, f->cksum, &file, NULL), CG_OK);
    cg_crate_file_close(&file);
    gate(false);
    assert_int_equal(fetch(f, true, &file, NULL), CG_OK);
    assert_bytes(&file, BYTES);
    assert_int_equal(gets(), 1);
}

static void too_many_at_once_are_told_to_come_again(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file files[300];
    struct cg_error err = {0};
    enum cg_err rc = CG_OK;
    size_t count = 0;

    gate(true);
    while (rc == CG_OK && count < 300) {
        char path[64], other[CG_SHA256_HEX_SIZE];

        snprintf(path, sizeof(path), "crates/x/x-%zu.crate", count);
        sum(path, other);
        rc = cg_art_fetch_begin(f->fetcher, REPO, path, other, &files[count], &err);
        count += rc == CG_OK;
    }
    assert_int_equal(rc, CG_ERR_UNAVAILABLE);
    assert_true(count >= 128 && count <= 130);
    assert_true(err.retry_after_s > 0);
    gate(false);
    while (count)
        cg_crate_file_close(&files[--count]);
}

static void more_threads_fetch_more_at_once(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file files[5];

    gate(true);
    cg_art_fetcher_set_threads(f->fetcher, 5);
    for (int i = 0; i < 5; i++) {
        char text[2] = {(char)('a' + i), 0}, other[CG_SHA256_HEX_SIZE];

        sum(text, other);
        assert_int_equal(cg_art_fetch_begin(f->fetcher, REPO, PATH, other, &files[i], NULL), CG_OK);
    }
    wait_for_gets(5);
    gate(false);
    for (int i = 0; i < 5; i++)
        cg_crate_file_close(&files[i]);
}

static void one_probe_at_a_time(void **state)
{
    struct fixture *f = *state;

    gate(true);
    for (int i = 0; i < 5; i++)
        cg_art_fetcher_probe(f->fetcher);
    pthread_mutex_lock(&art.lock);
    while (art.pings == 0)
        pthread_cond_wait(&art.changed, &art.lock);
    pthread_mutex_unlock(&art.lock);
    cg_art_fetcher_probe(f->fetcher);
    gate(false);
    cg_art_fetcher_free(&f->fetcher);
    assert_int_equal(art.pings, 1);
}

static void *open_the_gate_later(void *cls)
{
    usleep(100 * 1000);
    gate(false);
    return cls;
}

static void end_of_the_fetcher_fails_what_waits(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file files[4];
    pthread_t opener;

    gate(true);
    for (int i = 0; i < 4; i++) {
        char text[2] = {(char)('a' + i), 0}, other[CG_SHA256_HEX_SIZE];

        sum(text, other);
        assert_int_equal(cg_art_fetch_begin(f->fetcher, REPO, PATH, other, &files[i], NULL), CG_OK);
    }
    wait_for_gets(2);
    assert_int_equal(pthread_create(&opener, NULL, open_the_gate_later, NULL), 0);
    cg_art_fetcher_free(&f->fetcher);
    pthread_join(opener, NULL);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(cg_feed_wait(files[i].feed, NULL), CG_ERR_UNAVAILABLE);
        cg_crate_file_close(&files[i]);
    }
    assert_int_equal(gets(), 2);
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(fetched_crate_is_whole_kept_and_not_fetched_again),
        T(fetch_that_is_not_whole_is_a_feed_with_a_size),
        T(begin_waits_for_nothing),
        T(half_a_crate_does_not_stay_on_the_disk),
        T(five_hundred_callers_are_one_get),
        T(five_hundred_callers_share_a_failure),
        T(drain_fails_what_has_not_taken_off_and_begins_nothing_more),
        T(failure_is_remembered_for_a_second_and_then_forgotten),
        T(refusals_keep_their_meaning),
        T(wrong_bytes_are_never_whole_never_kept_and_told_with_both_sums),
        T(end_before_the_size_or_beyond_it_is_unavailable),
        T(connection_that_ends_halfway_fails_the_feed),
        T(answer_without_a_size_is_verified_before_it_begins),
        T(crate_without_a_known_sum_is_given_and_not_kept),
        T(crate_too_large_for_the_cache_is_given_all_the_same),
        T(fetch_goes_on_when_its_callers_leave),
        T(too_many_at_once_are_told_to_come_again),
        T(more_threads_fetch_more_at_once),
        T(one_probe_at_a_time),
        T(end_of_the_fetcher_fails_what_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
