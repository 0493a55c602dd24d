/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What the driver adds to client, cache and fetch, against the double; what every storage does is in tests/contract. */
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
#include "base/digest.h"
#include "base/feed.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "storage/artifactory/art_instance.h"
#include "storage/artifactory/art_storage.h"
#include "storage/filesystem/fs_storage.h"

#define PATH "crates/demo/demo-1.0.0.crate"

static struct art_rig rig;

struct fixture {
    char *dir;
    struct cg_conf conf;
    struct cg_conf_namespace ns;
    struct cg_storage *st;
    const struct cg_storage_ops *ops;
};

static void drop_line(void *cls, const char *line)
{
    (void)cls, (void)line;
}

static void open_storage(struct fixture *f, const char *user)
{
    static char corp[] = "corp", payments[] = "payments", local[] = "cargo-local";
    char *dir = cg_asprintf("%s/namespaces/payments", f->dir);

    f->conf = (struct cg_conf){
        .state_dir = f->dir, .artifactories = art_rig_conf(&rig, "main", user), .artifactory_count = 1};
    f->conf.artifactories[0].cache_size = 1 << 20;
    f->ns = (struct cg_conf_namespace){
        .name = payments, .storage = CG_STORAGE_ARTIFACTORY, .artifactory = corp, .repository = local};
    assert_int_equal(cg_art_storage_new(&f->conf, &f->ns, dir, &f->st, NULL), CG_OK);
    f->ops = f->st->ops;
    free(dir);
}

static int setup(void **state)
{
    struct fixture *f = cg_calloc(1, sizeof(*f));

    cg_log_capture(drop_line, NULL);
    art_rig_reset(&rig);
    f->dir = cg_temp_dir_new();
    open_storage(f, "deployer");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    cg_storage_free(&f->st);
    cg_art_instances_free();
    cg_temp_dir_free(&f->dir);
    free(f);
    cg_log_capture(NULL, NULL);
    return 0;
}

/* Another start of the process, with an empty cache. */
static void lose_cache(struct fixture *f, const char *user)
{
    cg_storage_free(&f->st);
    cg_art_instances_free();
    cg_temp_dir_free(&f->dir);
    f->dir = cg_temp_dir_new();
    open_storage(f, user);
}

static enum cg_err stage(struct fixture *f, const char *bytes, struct cg_error *err)
{
    const struct cg_crate_facts facts = {.cksum = "", .publisher = "alice"};
    struct cg_crate_upload *up = NULL;
    enum cg_err rc;

    assert_int_equal(f->ops->crate_begin(f->st, &up, NULL), CG_OK);
    assert_int_equal(f->ops->crate_write(f->st, up, bytes, strlen(bytes), NULL), CG_OK);
    rc = f->ops->crate_stage(f->st, up, "demo", "1.0.0", &facts, err);
    if (rc == CG_OK)
        rc = f->ops->crate_commit(f->st, &up, "demo", "1.0.0", true, err);
    f->ops->crate_abort(f->st, &up);
    return rc;
}

static const char *sum_of(const char *bytes)
{
    static char hex[CG_SHA256_HEX_SIZE];
    unsigned char digest[CG_SHA256_SIZE];

    cg_sha256(bytes, strlen(bytes), digest);
    cg_hex(digest, sizeof(digest), hex);
    return hex;
}

static void assert_sent(struct fixture *f, const char *bytes)
{
    struct cg_crate_file file = {.fd = -1};
    char got[256] = "";

    assert_int_equal(f->ops->crate_send(f->st, "demo", "1.0.0", sum_of(bytes), &file, NULL), CG_OK);
    if (file.feed)
        assert_int_equal(cg_feed_wait(file.feed, NULL), CG_OK);
    assert_int_equal(pread(file.feed ? cg_feed_fd(file.feed) : file.fd, got, sizeof(got) - 1, 0), strlen(bytes));
    assert_string_equal(got, bytes);
    cg_crate_file_close(&file);
}

static size_t asked(const char *query)
{
    return art_rig_asked(&rig, query);
}

static void published_crate_is_sent_from_the_first_copy(void **state)
{
    struct fixture *f = *state;
    size_t before;

    assert_int_equal(stage(f, "bytes", NULL), CG_OK);
    before = asked("");
    assert_sent(f, "bytes");
    assert_int_equal(asked(""), before);
    lose_cache(f, "deployer");
    assert_sent(f, "bytes");
    assert_sent(f, "bytes");
    assert_int_equal(asked("row=11"), 1);
}

static void commit_after_the_stage_asks_nothing(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(stage(f, "bytes", NULL), CG_OK);
    assert_int_equal(asked("method=PUT"), 1);
    assert_int_equal(stage(f, "bytes", NULL), CG_OK); /* the same again */
    assert_int_equal(asked("method=PUT"), 1);
    assert_int_equal(asked("method=DELETE"), 0);
}

static void other_bytes_are_never_replaced_even_where_that_is_allowed(void **state)
{
    struct fixture *f = *state;
    struct cg_error err = {0};

    lose_cache(f, "owner");
    art_rig_put(&rig, "cargo-local/" PATH, "theirs");
    assert_int_equal(stage(f, "ours", &err), CG_ERR_CONFLICT);
    assert_non_null(strstr(err.detail, "another writer"));
    assert_sent(f, "theirs");
    assert_int_equal(asked("method=DELETE"), 0);
}

struct publisher {
    struct fixture *f;
    const char *bytes;
    enum cg_err rc;
};

static void *publish(void *cls)
{
    struct publisher *p = cls;

    p->rc = stage(p->f, p->bytes, NULL);
    return NULL;
}

static void of_two_at_once_one_wins_and_none_is_overwritten(void **state)
{
    struct fixture *f = *state;
    struct publisher two[2] = {{.bytes = "first"}, {.bytes = "second"}};
    pthread_t threads[2];

    lose_cache(f, "owner");
    for (int i = 0; i < 2; i++) {
        two[i].f = f;
        assert_int_equal(pthread_create(&threads[i], NULL, publish, &two[i]), 0);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_true((two[0].rc == CG_OK) != (two[1].rc == CG_OK));
    assert_int_equal(two[two[0].rc == CG_OK].rc, CG_ERR_CONFLICT);
    assert_int_equal(asked("method=PUT&status=201"), 1);
    assert_sent(f, two[two[0].rc == CG_OK ? 0 : 1].bytes);
}

static void outage_leaves_what_is_kept_and_names_the_instance(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file = {.fd = -1};
    struct cg_error err = {0};
    uint64_t size;

    assert_int_equal(stage(f, "bytes", NULL), CG_OK);
    assert_false(f->ops->degraded(f->st, &err));
    art_rig_fault(&rig, "{\"fault\":\"F10\",\"variant\":\"seconds\"}");
    assert_sent(f, "bytes");
    assert_int_equal(f->ops->crate_send(f->st, "demo", "2.0.0", sum_of("x"), &file, NULL), CG_OK);
    assert_int_equal(cg_feed_wait(file.feed, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(cg_feed_begun(file.feed, NULL, &size, NULL), CG_ERR_UNAVAILABLE);
    cg_crate_file_close(&file);
    assert_true(err.retry_after_s > 0);
    assert_true(f->ops->degraded(f->st, &err));
    assert_non_null(strstr(err.detail, "\"corp\""));
    assert_int_equal(f->ops->ping(f->st, NULL), CG_OK);
    assert_sent(f, "bytes");
}

static enum cg_err read_one(struct fixture *f, const char *bytes, struct cg_error *err)
{
    struct cg_crate_file file = {.fd = -1};
    char got[256] = "";
    enum cg_err rc = f->ops->crate_read(f->st, "demo", "1.0.0", sum_of(bytes), &file, err);

    if (rc != CG_OK)
        return rc;
    assert_null(file.feed);
    assert_int_equal(pread(file.fd, got, sizeof(got) - 1, 0), strlen(bytes));
    assert_string_equal(got, bytes);
    cg_crate_file_close(&file);
    return rc;
}

static void crate_that_is_kept_is_read_without_a_question(void **state)
{
    struct fixture *f = *state;
    struct cg_error err = {0};
    uint64_t size = 0;

    art_rig_put(&rig, "cargo-local/" PATH, "bytes");
    assert_int_equal(f->ops->crate_size(f->st, "demo", "1.0.0", sum_of("bytes"), &size, NULL), CG_OK);
    assert_int_equal(size, 5);
    assert_int_equal(asked(""), 1); /* a HEAD */
    assert_int_equal(read_one(f, "bytes", NULL), CG_OK);
    assert_int_equal(asked(""), 2);
    art_rig_fault(&rig, "{\"fault\":\"F10\",\"variant\":\"seconds\"}");
    assert_int_equal(read_one(f, "bytes", NULL), CG_OK);
    assert_int_equal(f->ops->crate_size(f->st, "demo", "1.0.0", sum_of("bytes"), &size, NULL), CG_OK);
    assert_int_equal(asked(""), 2);
    assert_int_equal(read_one(f, "others", &err), CG_ERR_UNAVAILABLE);
    assert_true(err.retry_after_s > 0);
    assert_int_equal(f->ops->crate_size(f->st, "demo", "1.0.0", sum_of("others"), &size, NULL), CG_ERR_UNAVAILABLE);
}

static void bytes_that_the_index_does_not_name_are_not_read(void **state)
{
    struct fixture *f = *state;
    struct cg_error err = {0};

    art_rig_put(&rig, "cargo-local/" PATH, "others");
    assert_int_equal(read_one(f, "bytes", &err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.detail, "not the bytes that were published"));
    assert_int_equal(f->ops->crate_read(f->st, "demo", "1.0.0", "", NULL, &err), CG_ERR_UNAVAILABLE);
    lose_cache(f, "stranger");
    assert_int_equal(read_one(f, "others", &err), CG_ERR_UNAVAILABLE); /* it is our account that may not */
}

static void instance_that_is_down_is_asked_whether_it_is_back(void **state)
{
    struct fixture *f = *state;
    int64_t until = cg_clock_mono_ms() + 20000;

    art_rig_fault(&rig, "{\"fault\":\"F10\",\"variant\":\"seconds\"}");
    assert_int_equal(stage(f, "bytes", NULL), CG_ERR_UNAVAILABLE);
    assert_true(f->ops->degraded(f->st, NULL));
    json_decref(art_rig_control(&rig, "DELETE", "/rules", NULL));
    while (f->ops->degraded(f->st, NULL) && cg_clock_mono_ms() < until) {
        cg_art_instances_tick();
        usleep(50 * 1000);
    }
    assert_false(f->ops->degraded(f->st, NULL));
    assert_int_equal(stage(f, "bytes", NULL), CG_OK);
}

static void index_without_a_sound_sum_sends_nothing(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file;
    static const char *const odd[] = {"", "abc", "zz",
                                      "0123456789012345678901234567890123456789012345678901234567890123x"};

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_int_equal(f->ops->crate_send(f->st, "demo", "1.0.0", odd[i], &file, NULL), CG_ERR_UNAVAILABLE);
    assert_int_equal(asked(""), 0);
}

struct seen {
    unsigned count;
    struct cg_crate_seen last;
    char publisher[32], cksum[CG_SHA256_HEX_SIZE];
};

static enum cg_err see(void *cls, const struct cg_crate_seen *crate)
{
    struct seen *seen = cls;

    seen->count++;
    seen->last = *crate;
    snprintf(seen->publisher, sizeof(seen->publisher), "%s", crate->publisher);
    snprintf(seen->cksum, sizeof(seen->cksum), "%s", crate->cksum);
    return CG_OK;
}

static void scan_tells_what_is_noted_and_only_of_crates(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    static const char *const odd[] = {
        "crates/demo/other-1.0.0.crate",  "crates/demo/demo-.crate",    "crates/demo.crate",
        "crates/1x/1x-1.0.0.crate",       "crates/a/b/a-1.0.0.crate",   "demo-1.0.0.crate",
        "crates/demo/demo-.hidden.crate", "crates/demo/demo1.0.0.crate"};

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        char *place = cg_asprintf("cargo-local/%s", odd[i]);

        art_rig_put(&rig, place, "odd");
        free(place);
    }
    assert_int_equal(stage(f, "bytes", NULL), CG_OK);
    assert_int_equal(f->ops->crate_scan(f->st, see, &seen, NULL), CG_OK);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.publisher, "alice");
    assert_string_equal(seen.cksum, sum_of("bytes"));
    assert_int_equal(seen.last.yanked, 0);
    assert_int_equal(f->ops->crate_mark(f->st, "demo", "1.0.0", true, NULL), CG_OK);
    assert_int_equal(f->ops->crate_scan(f->st, see, &seen, NULL), CG_OK);
    assert_int_equal(seen.last.yanked, 1);
    assert_int_equal(f->ops->crate_mark(f->st, "demo", "9.9.9", true, NULL), CG_ERR_ABSENT);
}

static enum cg_err read_lines(struct fixture *f, const char *name, struct cg_buf *text, struct cg_error *err)
{
    cg_buf_free(text);
    cg_buf_init(text, 1 << 20);
    return f->ops->crate_lines(f->st, name, text, err);
}

static void its_own_index_is_read_as_it_is(void **state)
{
    struct fixture *f = *state;
    struct cg_error err = {0};
    struct cg_buf text = {0};

    art_rig_fault(&rig, "{\"match\":{\"path\":\"/api/cargo/cargo-local/index/de/mo/demo\"},"
                        "\"action\":{\"status\":200,\"content_type\":\"text/plain\",\"body\":\"{}\\n\"}}");
    assert_int_equal(read_lines(f, "demo", &text, &err), CG_OK);
    assert_string_equal(cg_buf_str(&text), "{}\n");
    assert_int_equal(read_lines(f, "pay", &text, &err), CG_ERR_ABSENT);
    assert_int_equal(asked("row=27&status=404"), 1);
    cg_buf_free(&text);
}

/* And nothing that is wrong with the index alone is held against the instance. */
static void an_index_that_is_none_is_absent_and_an_ill_instance_is_not(void **state)
{
    static const char *const none[] = {"{\"match\":{\"row\":\"27\"},\"action\":{\"status\":400},\"times\":8}",
                                       "{\"match\":{\"row\":\"27\"},\"action\":{\"status\":500},\"times\":8}",
                                       "{\"match\":{\"row\":\"27\"},\"action\":{\"status\":200,\"html\":true},\"times\":8}",
                                       "{\"fault\":\"F3\",\"match\":{\"row\":\"27\"},\"times\":8}"};
    struct fixture *f = *state;
    struct cg_error err = {0};
    struct cg_buf text = {0};

    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        art_rig_fault(&rig, none[i]);
        for (unsigned n = 0; n < 8; n++)
            assert_int_equal(read_lines(f, "demo", &text, &err), CG_ERR_ABSENT);
        assert_int_equal(text.len, 0);
        assert_int_equal(asked("row=27"), 8 * (i + 1)); /* no second attempts */
    }
    assert_false(f->ops->degraded(f->st, NULL));
    art_rig_fault(&rig, "{\"fault\":\"F10\",\"variant\":\"seconds\"}");
    assert_int_equal(read_lines(f, "demo", &text, &err), CG_ERR_UNAVAILABLE);
    cg_buf_free(&text);
}

static void deletion_is_up_to_artifactorys_rights(void **state)
{
    struct fixture *f = *state;
    struct cg_error err = {0};
    struct cg_crate_file file;

    assert_int_equal(stage(f, "bytes", NULL), CG_OK);
    assert_int_equal(f->ops->crate_remove(f->st, "demo", "1.0.0", &err), CG_ERR_DENIED);
    assert_non_null(strstr(err.detail, "may not delete"));
    assert_sent(f, "bytes");
    cg_art_instances_reconfigure(&(struct cg_conf){
        .state_dir = f->dir, .artifactories = art_rig_conf(&rig, "main", "owner"), .artifactory_count = 1});
    assert_int_equal(f->ops->crate_remove(f->st, "demo", "1.0.0", &err), CG_OK);
    assert_int_equal(f->ops->crate_open(f->st, "demo", "1.0.0", &file, NULL), CG_ERR_ABSENT);
    assert_int_equal(f->ops->crate_remove(f->st, "demo", "1.0.0", &err), CG_ERR_ABSENT);
}

static void checksum_headers_that_are_missing_do_not_keep_from_opening(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file;
    char got[16] = "";

    art_rig_put(&rig, "cargo-local/" PATH, "theirs");
    art_rig_fault(&rig, "{\"fault\":\"F18\",\"variant\":\"missing\"}");
    assert_int_equal(f->ops->crate_open(f->st, "demo", "1.0.0", &file, NULL), CG_OK);
    assert_int_equal(read(file.fd, got, sizeof(got)), 6);
    assert_string_equal(got, "theirs");
    cg_crate_file_close(&file);
}

/* Whoever takes crates apart would take "denied" for a word on the crate. */
static void an_account_that_may_not_read_says_nothing_of_the_crate(void **state)
{
    struct fixture *f = *state;
    struct cg_crate_file file;
    struct cg_error err = {0};

    art_rig_put(&rig, "cargo-local/" PATH, "theirs");
    art_rig_fault(&rig, "{\"fault\":\"F3\",\"match\":{\"repo\":\"cargo-local\"}}");
    assert_int_equal(f->ops->crate_open(f->st, "demo", "1.0.0", &file, &err), CG_ERR_UNAVAILABLE);
    assert_int_equal(err.code, CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(err.detail, "own account"));
}

static void namespaces_of_one_instance_share_it(void **state)
{
    struct fixture *f = *state;
    struct cg_storage *other = NULL, *disk = NULL;
    char *dir = cg_asprintf("%s/namespaces/platform", f->dir), name[] = "platform", repo[] = "cargo-other";
    const char *first_repo = NULL, *second_repo = NULL;

    f->ns.name = name;
    f->ns.repository = repo;
    assert_int_equal(cg_art_storage_new(&f->conf, &f->ns, dir, &other, NULL), CG_OK);
    assert_ptr_equal(cg_art_storage_client(f->st, &first_repo), cg_art_storage_client(other, &second_repo));
    assert_string_equal(first_repo, "cargo-local");
    assert_string_equal(second_repo, "cargo-other");
    assert_int_equal(cg_fs_storage_new(dir, &disk, NULL), CG_OK);
    assert_null(cg_art_storage_client(disk, &first_repo));
    cg_storage_free(&disk);
    cg_storage_free(&other);
    free(dir);
}

static void no_more_wait_for_an_instance_than_leaves_workers_for_others(void **state)
{
    struct fixture *f = *state;
    struct cg_art_instance *instance = NULL;
    struct cg_error err = {0};
    int64_t soon = cg_clock_mono_ms() + 100;

    assert_int_equal(cg_art_instance_get(&f->conf, "corp", &instance, NULL), CG_OK);
    for (int i = 0; i < 5; i++)
        assert_int_equal(cg_art_instance_enter(instance, NULL, 0, NULL), CG_OK);
    assert_int_equal(cg_art_instance_enter(instance, "r/p", soon, NULL), CG_OK);
    assert_int_equal(stage(f, "bytes", &err), CG_ERR_UNAVAILABLE);
    assert_true(err.retry_after_s > 0);
    cg_art_instance_leave(instance, NULL);
    assert_int_equal(cg_art_instance_enter(instance, "r/p", soon, NULL), CG_ERR_UNAVAILABLE);
    assert_int_equal(stage(f, "bytes", NULL), CG_OK);
    cg_art_instance_leave(instance, "r/p");
    assert_int_equal(cg_art_instance_enter(instance, "r/p", soon, NULL), CG_OK);
}

/* Two that answer nobody may not have all workers, and a third one has some left. */
static void ill_instances_together_leave_workers_and_one_alone_leaves_places(void **state)
{
    struct fixture *f = *state;
    struct cg_conf_artifactory all[3];
    char corp[] = "corp", labs[] = "labs", edge[] = "edge", *names[] = {corp, labs, edge};
    struct cg_conf conf = {.state_dir = f->dir, .artifactories = all, .artifactory_count = 3};
    struct cg_art_instance *at[3];

    for (size_t i = 0; i < 3; i++) {
        all[i] = f->conf.artifactories[0];
        all[i].name = names[i];
        assert_int_equal(cg_art_instance_get(&conf, names[i], &at[i], NULL), CG_OK);
    }
    cg_art_instances_reconfigure(&conf); /* the first one was alone before */
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(cg_art_instance_enter(at[0], NULL, 0, NULL), CG_OK);
    assert_int_equal(cg_art_instance_enter(at[0], NULL, 0, NULL), CG_ERR_UNAVAILABLE);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(cg_art_instance_enter(at[1], NULL, 0, NULL), CG_OK);
    assert_int_equal(cg_art_instance_enter(at[1], NULL, 0, NULL), CG_ERR_UNAVAILABLE);
    assert_int_equal(cg_art_instance_enter(at[2], NULL, 0, NULL), CG_ERR_UNAVAILABLE);
    cg_art_instance_leave(at[0], NULL);
    assert_int_equal(cg_art_instance_enter(at[2], NULL, 0, NULL), CG_OK);
}

/* Each of them would hold a worker up for half a second. */
static void nobody_waits_where_nobody_has_come_or_gone(void **state)
{
    struct fixture *f = *state;
    struct cg_art_instance *instance = NULL;
    int64_t began;

    assert_int_equal(cg_art_instance_get(&f->conf, "corp", &instance, NULL), CG_OK);
    for (int i = 0; i < 6; i++)
        assert_int_equal(cg_art_instance_enter(instance, NULL, 0, NULL), CG_OK);
    began = cg_clock_mono_ms();
    for (int i = 0; i < 40; i++)
        assert_int_equal(cg_art_instance_enter(instance, NULL, 0, NULL), CG_ERR_UNAVAILABLE);
    assert_in_range(cg_clock_mono_ms() - began, 200, 10000); /* the first one waits */
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(published_crate_is_sent_from_the_first_copy),
        T(commit_after_the_stage_asks_nothing),
        T(other_bytes_are_never_replaced_even_where_that_is_allowed),
        T(of_two_at_once_one_wins_and_none_is_overwritten),
        T(outage_leaves_what_is_kept_and_names_the_instance),
        T(crate_that_is_kept_is_read_without_a_question),
        T(bytes_that_the_index_does_not_name_are_not_read),
        T(instance_that_is_down_is_asked_whether_it_is_back),
        T(index_without_a_sound_sum_sends_nothing),
        T(scan_tells_what_is_noted_and_only_of_crates),
        T(its_own_index_is_read_as_it_is),
        T(an_index_that_is_none_is_absent_and_an_ill_instance_is_not),
        T(deletion_is_up_to_artifactorys_rights),
        T(checksum_headers_that_are_missing_do_not_keep_from_opening),
        T(an_account_that_may_not_read_says_nothing_of_the_crate),
        T(namespaces_of_one_instance_share_it),
        T(no_more_wait_for_an_instance_than_leaves_workers_for_others),
        T(ill_instances_together_leave_workers_and_one_alone_leaves_places),
        T(nobody_waits_where_nobody_has_come_or_gone),
    };
    int failed;

    if (!art_rig_start(&rig)) {
        puts("SKIP: python3 is not installed");
        return 77;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    art_rig_stop(&rig);
    return failed;
}
