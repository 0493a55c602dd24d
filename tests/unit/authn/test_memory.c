/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The room's small tables, each by itself: counters, remembered passwords, verdicts, turns, the key file. */
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

#include "authn/keylock.h"
#include "authn/password_cache.h"
#include "authn/subjects.h"
#include "authn/throttle.h"
#include "authn/token_key.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "fixture.h"
#include "temp_dir.h"

/* Counters */

static const struct cg_throttle_limit three = {.max = 3, .window_ms = 900000};

static void failures_beyond_the_limit_have_to_wait(void **state)
{
    struct cg_throttle *t = cg_throttle_new();

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(cg_throttle_wait_s(t, "a", three, 1000 + i), 0);
        cg_throttle_fail(t, "a", three, 1000 + i);
    }
    assert_int_equal(cg_throttle_wait_s(t, "a", three, 1500), 900);
    assert_int_equal(cg_throttle_wait_s(t, "a", three, 900999), 1);
    assert_int_equal(cg_throttle_wait_s(t, "a", three, 901000), 0);
    assert_int_equal(cg_throttle_wait_s(t, "b", three, 1500), 0);
    cg_throttle_free(&t);
    cg_throttle_free(&t);
}

/* Two at the end of one window and three at the beginning of the next would be five for the directory. */
static void the_window_slides(void **state)
{
    struct cg_throttle *t = cg_throttle_new();

    (void)state;
    cg_throttle_fail(t, "a", three, 0);
    cg_throttle_fail(t, "a", three, 899000);
    cg_throttle_fail(t, "a", three, 899001);
    assert_int_equal(cg_throttle_wait_s(t, "a", three, 900000), 0);
    cg_throttle_fail(t, "a", three, 900000);
    assert_int_equal(cg_throttle_wait_s(t, "a", three, 900001), 899);
    cg_throttle_free(&t);
}

static void a_lower_limit_after_a_reload_counts_what_was_before(void **state)
{
    struct cg_throttle *t = cg_throttle_new();
    struct cg_throttle_limit ten = {.max = 10, .window_ms = 60000}, two = {.max = 2, .window_ms = 60000};

    (void)state;
    for (int i = 0; i < 9; i++)
        cg_throttle_fail(t, "a", ten, 1000 * i);
    assert_int_equal(cg_throttle_wait_s(t, "a", ten, 9000), 0);
    assert_int_equal(cg_throttle_wait_s(t, "a", two, 9000), 58);
    cg_throttle_fail(t, "a", two, 9000);
    assert_int_equal(cg_throttle_wait_s(t, "a", two, 9000), 59);
    cg_throttle_free(&t);
}

static void counters_are_bounded_and_the_longest_unused_goes(void **state)
{
    struct cg_throttle *t = cg_throttle_new();
    char key[32];

    (void)state;
    for (int i = 0; i < 16384 + 2; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        for (int n = 0; n < 3; n++)
            cg_throttle_fail(t, key, three, 1000 + i);
    }
    assert_int_equal(cg_throttle_count(t), 16384);
    assert_int_equal(cg_throttle_wait_s(t, "k0", three, 20000), 0);
    assert_int_not_equal(cg_throttle_wait_s(t, "k2", three, 20000), 0);
    cg_throttle_fail(t, "later", three, 5000000); /* all others are out of their window */
    assert_int_equal(cg_throttle_count(t), 1);
    cg_throttle_sweep(t, 5000001);
    assert_int_equal(cg_throttle_count(t), 0);
    cg_throttle_free(&t);
}

static void expect_fold(const char *name, const char *folded)
{
    char out[CG_LOGIN_NAME_MAX + 1];

    cg_login_name_fold(name, out);
    assert_string_equal(out, folded);
}

/* Pitfall 5 */
static void spellings_of_a_name_share_a_counter(void **state)
{
    char name[400];

    (void)state;
    expect_fold("alice", "alice");
    expect_fold("  ALICE ", "alice");
    expect_fold("Alice   de  Wonder ", "alice de wonder");
    expect_fold("J\xc3\x9cRGEN", "j\xc3\x9crgen"); /* other letters bytewise */
    expect_fold("   ", "");
    memset(name, 'A', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    name[127] = ' ';
    cg_login_name_fold(name, name + 200);
    assert_int_equal(strlen(name + 200), CG_LOGIN_NAME_MAX);
}

static void expect_address(const char *address, const char *key)
{
    char out[CG_ADDRESS_KEY_SIZE];

    cg_address_key(address, out);
    assert_string_equal(out, key);
}

static void an_ipv6_host_is_its_64(void **state)
{
    (void)state;
    expect_address("192.0.2.1", "192.0.2.1");
    expect_address("::ffff:192.0.2.1", "192.0.2.1");
    expect_address("2001:db8:1:2:3:4:5:6", "20010db800010002/64");
    expect_address("2001:db8:1:2::9", "20010db800010002/64");
    expect_address("2001:db8:1:3::9", "20010db800010003/64");
    expect_address("unix", "unix");
    expect_address("", "");
}

/* Remembered passwords */

static struct cg_secret secret_of(const char *text)
{
    struct cg_secret secret = {0};

    cg_secret_set(&secret, text, strlen(text));
    return secret;
}

static void passwords_are_remembered_by_person_and_exactly(void **state)
{
    struct cg_password_cache *cache = cg_password_cache_new();
    struct cg_secret pw = secret_of("pw"), other = secret_of("pW"), bpw = secret_of("bpw");

    (void)state;
    cg_password_cache_add_good(cache, "a", &pw, 1000);
    cg_password_cache_add_good(cache, "ab", &pw, 1000);
    assert_true(cg_password_cache_is_good(cache, "a", &pw, 1000));
    assert_false(cg_password_cache_is_good(cache, "a", &pw, 1001));
    assert_false(cg_password_cache_is_good(cache, "a", &other, 0));
    assert_false(cg_password_cache_is_good(cache, "a", &bpw, 0));
    assert_false(cg_password_cache_is_bad(cache, "a", &pw, 0));
    cg_password_cache_add_bad(cache, "a", &other, 2000);
    assert_true(cg_password_cache_is_bad(cache, "a", &other, 1999));
    assert_false(cg_password_cache_is_bad(cache, "a", &other, 2000));
    assert_false(cg_password_cache_is_good(cache, "a", &other, 0));
    cg_password_cache_clear(cache);
    assert_false(cg_password_cache_is_good(cache, "a", &pw, 0));
    cg_secret_free(&pw);
    cg_secret_free(&other);
    cg_secret_free(&bpw);
    cg_password_cache_free(&cache);
    cg_password_cache_free(&cache);
}

static void what_is_old_is_swept(void **state)
{
    struct cg_password_cache *cache = cg_password_cache_new();
    struct cg_secret pw = secret_of("pw");
    char *id;

    (void)state;
    cg_password_cache_add_good(cache, "a", &pw, 1000);
    cg_password_cache_add_bad(cache, "a", &pw, 50000);
    cg_password_cache_learn(cache, "a", "id-a", 1000);
    cg_password_cache_sweep(cache, 60000);
    assert_true(cg_password_cache_is_good(cache, "a", &pw, 1000));
    assert_false(cg_password_cache_is_bad(cache, "a", &pw, 0));
    id = cg_password_cache_id(cache, "a", 60000);
    assert_string_equal(id, "id-a");
    free(id);
    cg_password_cache_sweep(cache, 61001);
    assert_false(cg_password_cache_is_good(cache, "a", &pw, 0));
    assert_null(cg_password_cache_id(cache, "a", 4000000));
    cg_secret_free(&pw);
    cg_password_cache_free(&cache);
}

static void remembered_passwords_are_bounded(void **state)
{
    struct cg_password_cache *cache = cg_password_cache_new();
    struct cg_secret pw = secret_of("pw");
    char id[32];

    (void)state;
    for (int i = 0; i < 10001; i++) {
        snprintf(id, sizeof(id), "%d", i);
        cg_password_cache_add_bad(cache, id, &pw, 1000);
    }
    assert_false(cg_password_cache_is_bad(cache, "0", &pw, 0)); /* it started over */
    assert_true(cg_password_cache_is_bad(cache, "10000", &pw, 0));
    cg_secret_free(&pw);
    cg_password_cache_free(&cache);
}

/* Verdicts */

struct verdicts {
    struct cg_subjects *subjects;
    struct cg_conf conf;
    struct cg_identity *who;
    int64_t start;
};

static int setup_verdicts(void **state)
{
    struct verdicts *v = cg_calloc(1, sizeof(*v));

    v->subjects = cg_subjects_new();
    v->conf.ldap.revalidate_interval = 900000;
    v->conf.ldap.stale_if_error_read = 43200000;
    v->conf.ldap.stale_if_error_write = 900000;
    v->conf.ldap.server_retry_after = 30000;
    v->who = cg_identity_new(CG_IDENTITY_PERSON, "id", "alice", NULL, NULL);
    cg_identity_seal(v->who);
    v->start = cg_clock_mono_ms();
    *state = v;
    return 0;
}

static int teardown_verdicts(void **state)
{
    struct verdicts *v = *state;

    cg_subjects_free(&v->subjects);
    cg_subjects_free(&v->subjects);
    cg_identity_unref(&v->who);
    free(v);
    return 0;
}

static struct cg_subject_question at(struct verdicts *v, int64_t ms, bool writes)
{
    return (struct cg_subject_question){.conf = &v->conf, .id = "id", .writes = writes, .now_ms = v->start + ms};
}

static enum cg_err judge(struct verdicts *v, int64_t ms, bool writes)
{
    struct cg_subject_question q = at(v, ms, writes);
    struct cg_identity *who = NULL;
    struct cg_error err = {0};
    enum cg_err rc = cg_subjects_judge(v->subjects, &q, &who, &err);

    assert_int_equal(rc == CG_OK, who != NULL);
    assert_true(rc == CG_OK || rc == CG_ERR_AGAIN || err.detail[0]);
    assert_true(rc != CG_ERR_UNAVAILABLE || err.retry_after_s == 30);
    cg_identity_unref(&who);
    return rc;
}

static void record(struct verdicts *v, int64_t ms, enum cg_err said)
{
    struct cg_subject_question q = at(v, ms, false);

    cg_subjects_record(v->subjects, &q, said, said == CG_OK ? v->who : NULL, true);
}

static size_t due(struct verdicts *v, int64_t ms)
{
    char *ids[4];
    size_t count = cg_subjects_due(v->subjects, &v->conf, v->start + ms, ids, 4);

    for (size_t i = 0; i < count; i++)
        free(ids[i]);
    return count;
}

static void a_good_verdict_holds_for_the_interval(void **state)
{
    struct verdicts *v = *state;

    assert_int_equal(judge(v, 0, false), CG_ERR_AGAIN);
    record(v, 0, CG_OK);
    assert_int_equal(judge(v, 900000, true), CG_OK);
    assert_int_equal(judge(v, 900001, false), CG_ERR_AGAIN);
}

static void a_refusal_holds_for_a_minute_at_most(void **state)
{
    struct verdicts *v = *state;

    record(v, 0, CG_OK);
    record(v, 1, CG_ERR_DENIED);
    assert_int_equal(judge(v, 2, false), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(judge(v, 60001, false), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(judge(v, 60002, false), CG_ERR_AGAIN);
    record(v, 60002, CG_OK);
    assert_int_equal(judge(v, 60002, false), CG_OK);
    v->conf.ldap.revalidate_interval = 5000;
    record(v, 60003, CG_ERR_ABSENT);
    assert_int_equal(judge(v, 65003, false), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(judge(v, 65004, false), CG_ERR_AGAIN);
}

static void an_outage_serves_reads_longer_than_writes(void **state)
{
    struct verdicts *v = *state;

    v->conf.ldap.revalidate_interval = 1000;
    record(v, 0, CG_OK);
    record(v, 1001, CG_ERR_UNAVAILABLE);
    assert_int_equal(judge(v, 2000, true), CG_OK);
    assert_int_equal(judge(v, 899999, true), CG_OK);
    assert_int_equal(judge(v, 900000, false), CG_OK);
    assert_int_equal(judge(v, 43199999, false), CG_OK);
    /* no grace left: asked again, but not more often than server_retry_after */
    assert_int_equal(judge(v, 43200000, false), CG_ERR_AGAIN);
    v->conf.ldap.stale_if_error_write = 0;
    assert_int_equal(judge(v, 2000, true), CG_ERR_UNAVAILABLE);
    assert_int_equal(judge(v, 40000, true), CG_ERR_AGAIN);
}

static void no_grace_is_for_who_was_refused_last(void **state)
{
    struct verdicts *v = *state;
    struct cg_subject_question q = at(v, 70000, false);
    struct cg_identity *who = NULL;

    record(v, 0, CG_OK);
    record(v, 1, CG_ERR_DENIED);
    record(v, 2, CG_ERR_UNAVAILABLE);
    assert_int_equal(cg_subjects_fall_back(v->subjects, &q, &who, NULL), CG_ERR_UNAUTHENTICATED);
    assert_null(who);
    q.id = "nobody";
    assert_int_equal(cg_subjects_fall_back(v->subjects, &q, &who, NULL), CG_ERR_UNAVAILABLE);
}

static void once_the_directory_answers_anybody_the_stale_are_asked_for_again(void **state)
{
    struct verdicts *v = *state;
    struct cg_subject_question other = at(v, 0, false);

    v->conf.ldap.revalidate_interval = 1000;
    v->conf.ldap.server_retry_after = 0;
    record(v, 0, CG_OK);
    record(v, 0, CG_ERR_UNAVAILABLE);
    assert_int_equal(judge(v, 5000, false), CG_OK);
    pause_ms(5);
    other.id = "other";
    cg_subjects_record(v->subjects, &other, CG_ERR_ABSENT, NULL, true);
    assert_int_equal(judge(v, 5000, false), CG_ERR_AGAIN);
}

static void an_older_answer_does_not_replace_a_newer_one(void **state)
{
    struct verdicts *v = *state;

    record(v, 100, CG_ERR_DENIED);
    record(v, 50, CG_OK);
    record(v, 60, CG_ERR_UNAVAILABLE);
    assert_int_equal(judge(v, 101, false), CG_ERR_UNAUTHENTICATED);
}

static void verdicts_in_use_are_due_at_three_quarters_of_the_interval(void **state)
{
    struct verdicts *v = *state;

    record(v, 0, CG_OK);
    assert_int_equal(due(v, 600000), 0);
    assert_int_equal(due(v, 750000), 1);
    record(v, 800000, CG_ERR_UNAVAILABLE);
    assert_int_equal(due(v, 1000), 0); /* not before it may answer again */
    assert_int_equal(due(v, 850000), 1);
    record(v, 800000, CG_OK); /* nobody has used it since */
    assert_int_equal(due(v, 1700000), 0);
    assert_int_equal(judge(v, 850000, false), CG_OK);
    assert_int_equal(due(v, 1700000), 1);
    record(v, 1700000, CG_ERR_ABSENT);
    assert_int_equal(due(v, 1700000 + 299000), 0);
    assert_int_equal(due(v, 1700000 + 301000), 1); /* the second look at somebody gone */
    record(v, 1700000 + 301000, CG_ERR_ABSENT);
    assert_int_equal(due(v, 9000000), 0);
}

static void whom_nobody_could_be_asked_about_is_due_while_wanted(void **state)
{
    struct verdicts *v = *state;

    record(v, 0, CG_ERR_UNAVAILABLE);
    assert_int_equal(judge(v, 1000, false), CG_ERR_UNAVAILABLE);
    assert_int_equal(due(v, 29000), 0);
    assert_int_equal(due(v, 31000), 1);
    assert_int_equal(due(v, 400000), 0);
}

static void everything_is_due_after_a_reload(void **state)
{
    struct verdicts *v = *state;
    struct cg_subject_question q = at(v, 10, false);

    record(v, 0, CG_OK);
    cg_subjects_expire_all(v->subjects);
    assert_int_equal(judge(v, 1, false), CG_ERR_AGAIN);
    assert_int_equal(due(v, 1), 1);
    /* an answer of the directory before is kept for an outage, but not taken for fresh */
    cg_subjects_record(v->subjects, &q, CG_OK, v->who, false);
    assert_int_equal(judge(v, 11, false), CG_ERR_AGAIN);
    record(v, 11, CG_ERR_UNAVAILABLE);
    assert_int_equal(judge(v, 12, true), CG_OK);
}

static void who_is_not_seen_for_longer_than_any_grace_is_forgotten(void **state)
{
    struct verdicts *v = *state;
    struct cg_subject_question q = at(v, 43200000, false);
    struct cg_identity *who = NULL;
    char *ids[4];

    record(v, 0, CG_OK);
    assert_int_equal(cg_subjects_sweep(v->subjects, &v->conf, v->start + 43200000, ids, 4), 0);
    v->conf.ldap.stale_if_error_read = 2 * 43200000;
    assert_int_equal(cg_subjects_fall_back(v->subjects, &q, &who, NULL), CG_OK);
    cg_identity_unref(&who);
    v->conf.ldap.stale_if_error_read = 0;
    assert_int_equal(cg_subjects_sweep(v->subjects, &v->conf, v->start + 43200000, ids, 4), 1);
    assert_string_equal(ids[0], "id");
    free(ids[0]);
    v->conf.ldap.stale_if_error_read = 2 * 43200000;
    assert_int_equal(cg_subjects_fall_back(v->subjects, &q, &who, NULL), CG_ERR_UNAVAILABLE);
}

/* Turns */

struct turns {
    struct cg_keylock *lock;
    atomic_int inside, most, done, told;
};

static void *take_turn(void *cls)
{
    struct turns *t = cls;
    bool unanswered = cg_keylock_enter(t->lock, "k") == CG_TURN_UNANSWERED;
    int now = atomic_fetch_add(&t->inside, 1) + 1;

    if (now > atomic_load(&t->most))
        atomic_store(&t->most, now);
    pause_ms(5);
    atomic_fetch_add(&t->told, unanswered);
    atomic_fetch_sub(&t->inside, 1);
    atomic_fetch_add(&t->done, 1);
    cg_keylock_leave(t->lock, "k", false);
    return NULL;
}

static void one_at_a_time_for_a_key_and_waiters_learn_of_failure(void **state)
{
    struct turns t = {.lock = cg_keylock_new()};
    pthread_t threads[4];

    (void)state;
    assert_int_equal(cg_keylock_enter(t.lock, "k"), CG_TURN_FREE);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_turn, &t), 0);
    assert_int_equal(cg_keylock_enter(t.lock, "other"), CG_TURN_FREE); /* another key waits for nobody */
    cg_keylock_leave(t.lock, "other", true);
    pause_ms(50);
    assert_int_equal(atomic_load(&t.done), 0);
    cg_keylock_leave(t.lock, "k", true);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&t.most), 1);
    assert_int_equal(atomic_load(&t.told), 4);
    assert_int_equal(cg_keylock_enter(t.lock, "k"), CG_TURN_FREE); /* whoever did not wait is told nothing */
    cg_keylock_leave(t.lock, "k", false);
    cg_keylock_free(&t.lock);
    cg_keylock_free(&t.lock);
}

/* The key file */

static void digest_of(struct cg_hmac *key, unsigned char out[CG_SHA256_SIZE])
{
    cg_hmac(key, "x", 1, NULL, 0, out);
}

static void the_key_is_made_once_readable_by_us_alone_and_read_again(void **state)
{
    char *dir = cg_temp_dir_new(), *path = cg_asprintf("%s/token.key", dir);
    unsigned char first[CG_SHA256_SIZE], second[CG_SHA256_SIZE];
    struct cg_hmac *key = NULL;
    struct stat st;
    bool made = false;

    (void)state;
    assert_int_equal(cg_token_key_open(dir, &key, &made, NULL), CG_OK);
    assert_true(made);
    digest_of(key, first);
    cg_hmac_free(&key);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_size, 65);
    assert_int_equal(cg_token_key_open(dir, &key, &made, NULL), CG_OK);
    assert_false(made);
    digest_of(key, second);
    assert_memory_equal(first, second, sizeof(first));
    cg_hmac_free(&key);
    free(path);
    cg_temp_dir_free(&dir);
}

static void *open_key(void *cls)
{
    struct cg_hmac *key = NULL;
    unsigned char *out = cg_malloc(CG_SHA256_SIZE);
    bool made;

    if (cg_token_key_open(cls, &key, &made, NULL) == CG_OK)
        digest_of(key, out);
    cg_hmac_free(&key);
    return out;
}

static void of_many_that_find_no_key_one_makes_it(void **state)
{
    char *dir = cg_temp_dir_new();
    pthread_t threads[4];
    void *digests[4];

    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_key, dir), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], &digests[i]);
    for (int i = 1; i < 4; i++)
        assert_memory_equal(digests[0], digests[i], CG_SHA256_SIZE);
    for (int i = 0; i < 4; i++)
        free(digests[i]);
    cg_temp_dir_free(&dir);
}

static void a_key_file_that_is_damaged_or_open_to_others_is_refused(void **state)
{
    char *dir = cg_temp_dir_new(), *path = cg_asprintf("%s/token.key", dir);
    struct cg_hmac *key = NULL;
    struct cg_error err = {0};
    bool made;
    FILE *f;

    (void)state;
    assert_int_equal(cg_token_key_open(dir, &key, &made, NULL), CG_OK);
    cg_hmac_free(&key);
    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(cg_token_key_open(dir, &key, &made, &err), CG_ERR_INVALID);
    assert_int_equal(chmod(path, 0600), 0);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs("abc\n", f);
    fclose(f);
    assert_int_equal(cg_token_key_open(dir, &key, &made, &err), CG_ERR_INVALID);
    assert_non_null(strstr(err.detail, "token.key"));
    assert_null(key);
    assert_int_not_equal(cg_token_key_open("/nowhere/at/all", &key, &made, &err), CG_OK);
    free(path);
    cg_temp_dir_free(&dir);
}

#define V(name) cmocka_unit_test_setup_teardown(name, setup_verdicts, teardown_verdicts)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_beyond_the_limit_have_to_wait),
        cmocka_unit_test(the_window_slides),
        cmocka_unit_test(a_lower_limit_after_a_reload_counts_what_was_before),
        cmocka_unit_test(counters_are_bounded_and_the_longest_unused_goes),
        cmocka_unit_test(spellings_of_a_name_share_a_counter),
        cmocka_unit_test(an_ipv6_host_is_its_64),
        cmocka_unit_test(passwords_are_remembered_by_person_and_exactly),
        cmocka_unit_test(what_is_old_is_swept),
        cmocka_unit_test(remembered_passwords_are_bounded),
        V(a_good_verdict_holds_for_the_interval),
        V(a_refusal_holds_for_a_minute_at_most),
        V(an_outage_serves_reads_longer_than_writes),
        V(no_grace_is_for_who_was_refused_last),
        V(once_the_directory_answers_anybody_the_stale_are_asked_for_again),
        V(an_older_answer_does_not_replace_a_newer_one),
        V(verdicts_in_use_are_due_at_three_quarters_of_the_interval),
        V(whom_nobody_could_be_asked_about_is_due_while_wanted),
        V(everything_is_due_after_a_reload),
        V(who_is_not_seen_for_longer_than_any_grace_is_forgotten),
        cmocka_unit_test(one_at_a_time_for_a_key_and_waiters_learn_of_failure),
        cmocka_unit_test(the_key_is_made_once_readable_by_us_alone_and_read_again),
        cmocka_unit_test(of_many_that_find_no_key_one_makes_it),
        cmocka_unit_test(a_key_file_that_is_damaged_or_open_to_others_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
