/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Passwords: what reaches the directory, how often, and what the caller learns. Pitfalls are ldap.md's, section 2. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "fixture.h"
#include "log/metrics.h"

static int setup(void **state)
{
    *state = fixture_new("");
    return 0;
}

static int setup_everywhere(void **state)
{
    *state = fixture_new("basic_auth = \"everywhere\"\n");
    return 0;
}

static int teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

static void a_right_password_is_a_fresh_login(void **state)
{
    struct fixture *f = *state;
    int64_t before = cg_metric_get(CG_METRIC_LOGIN_OK);

    assert_int_equal(log_in(f, "alice", "alicepw"), CG_OK);
    assert_true(f->answer.by_password);
    assert_string_equal(cg_identity_id(f->answer.caller.who), "id-alice");
    assert_null(f->answer.caller.token);
    assert_int_equal(f->answer.answer_at_ms, 0);
    assert_int_equal(cg_metric_get(CG_METRIC_LOGIN_OK), before + 1);
    /* and the next one too: where tokens are made nothing is remembered */
    assert_int_equal(log_in(f, "alice", "alicepw"), CG_OK);
    assert_int_equal(logins(f), 2);
    assert_int_equal(finds(f), 1); /* but who alice is, is */
}

/* Pitfall 1 */
static void empty_password_never_reaches_directory(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(log_in(f, "alice", ""), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(logins(f) + finds(f), 0);
    assert_true(f->answer.answer_at_ms > 0);
}

/* Pitfall 2 */
static void nul_in_a_name_or_password_never_reaches_directory(void **state)
{
    struct fixture *f = *state;
    struct cg_credentials cred = password_of("alice\001", "x");
    struct cg_authn_request request = {.cred = &cred, .secure = true, .password_ok = true};
    char long_name[200];

    assert_int_equal(try_request(f, &request, true), CG_ERR_UNAUTHENTICATED);
    cg_credentials_free(&cred);
    cred = password_of("alice", "x");
    cg_secret_set(&cred.secret, "a\0b", 3);
    assert_int_equal(try_request(f, &request, true), CG_ERR_UNAUTHENTICATED);
    cg_credentials_free(&cred);
    memset(long_name, 'x', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_int_equal(log_in(f, long_name, "x"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(log_in(f, "al\xff", "x"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(log_in(f, "  ", "x"), CG_ERR_UNAUTHENTICATED);
    cred = (struct cg_credentials){.kind = CG_CRED_PASSWORD};
    assert_int_equal(try_request(f, &request, true), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(logins(f) + finds(f), 0);
}

static void refused_at_once_and_alike(struct fixture *f, const char *user, const char *password, const char *sentence)
{
    int64_t start = cg_clock_mono_ms();

    assert_int_equal(log_in_from(f, user, password, user), CG_ERR_UNAUTHENTICATED);
    assert_string_equal(f->err.detail, sentence);
    assert_in_range((uintmax_t)(f->answer.answer_at_ms - start), 250, 410);
    assert_true(cg_clock_mono_ms() - start < 200); /* the time is not spent on this thread */
    assert_null(f->answer.caller.who);
    assert_false(f->answer.by_password);
}

/* Pitfall 9 */
static void unknown_wrong_locked_and_disabled_look_the_same(void **state)
{
    struct fixture *f = *state;
    char sentence[CG_ERROR_DETAIL_MAX];

    assert_int_equal(log_in(f, "nobody", "x"), CG_ERR_UNAUTHENTICATED);
    strcpy(sentence, f->err.detail);
    assert_non_null(strstr(sentence, "https://crates.corp.example/me"));
    refused_at_once_and_alike(f, "alice", "wrong", sentence);
    refused_at_once_and_alike(f, "carol", "carolpw", sentence);
    refused_at_once_and_alike(f, "dave", "davepw", sentence);
    refused_at_once_and_alike(f, "nobody", "x", sentence); /* remembered */
    refused_at_once_and_alike(f, "bob", "", sentence);
}

static void a_name_that_two_people_match_is_nobody(void **state)
{
    struct fixture *f = *state;

    cg_fake_directory_set_mode(f->dir, CG_FAKE_CONFLICT);
    assert_int_equal(log_in(f, "alice", "alicepw"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(logins(f), 0);
}

/* Pitfall 11 */
static void the_same_wrong_password_reaches_the_directory_once(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < 10; i++)
        assert_int_equal(log_in(f, "alice", "stale"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(logins(f), 1);
    /* nor was it counted ten times */
    assert_int_equal(log_in(f, "alice", "alicepw"), CG_OK);
}

static void repeated_failures_are_throttled_before_the_directory_hears_of_them(void **state)
{
    struct fixture *f = *state;
    int64_t before = cg_metric_get(CG_METRIC_LOGIN_THROTTLED);

    assert_int_equal(log_in(f, "alice", "w1"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(log_in(f, "alice", "w2"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(log_in(f, "alice", "w3"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(log_in(f, "alice", "alicepw"), CG_ERR_THROTTLED);
    assert_in_range(f->err.retry_after_s, 890, 900);
    assert_int_equal(f->answer.answer_at_ms, 0);
    assert_int_equal(logins(f), 3);
    assert_int_equal(cg_metric_get(CG_METRIC_LOGIN_THROTTLED), before + 1);
    assert_int_equal(log_in(f, "bob", "bobpw"), CG_OK); /* others are not meant */
}

/* Pitfall 5 */
static void spellings_of_a_name_do_not_get_more_tries(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(log_in(f, "alice", "w1"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(log_in(f, " ALICE", "w2"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(log_in(f, "Alice ", "w3"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(log_in(f, "aLiCe", "w4"), CG_ERR_THROTTLED);
    assert_int_equal(logins(f), 3);
}

/* As the directory of pitfall 5 does: fullwidth letters are the same letters to it. */
static const struct cg_directory_ops *plain_ops;

static const char *narrow(const char *name)
{
    return strcmp(name, "\xef\xbd\x81lice") == 0 ? "alice" : name;
}

static enum cg_err wide_find(struct cg_directory *dir, const char *name, struct cg_identity **who_out,
                             struct cg_error *err)
{
    return plain_ops->find(dir, narrow(name), who_out, err);
}

static enum cg_err wide_login(struct cg_directory *dir, const char *name, const struct cg_secret *password,
                              struct cg_identity **who_out, struct cg_error *err)
{
    return plain_ops->login(dir, narrow(name), password, who_out, err);
}

static void spellings_only_the_directory_takes_for_one_are_counted_for_the_person(void **state)
{
    struct fixture *f = *state;
    struct cg_directory_ops wide = *f->dir->ops;

    plain_ops = f->dir->ops;
    wide.find = wide_find;
    wide.login = wide_login;
    f->dir->ops = &wide;
    assert_int_equal(log_in(f, "alice", "w1"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(log_in(f, "\xef\xbd\x81lice", "w2"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(log_in(f, "\xef\xbd\x81lice", "w3"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(log_in(f, "alice", "w4"), CG_ERR_THROTTLED);
    assert_int_equal(log_in(f, "\xef\xbd\x81lice", "alicepw"), CG_ERR_THROTTLED);
    assert_int_equal(logins(f), 3);
    f->dir->ops = plain_ops;
}

/* What it refused for one spelling it is not asked about for another. */
static void the_same_wrong_password_is_asked_once_for_all_spellings(void **state)
{
    struct fixture *f = *state;
    struct cg_directory_ops ops = *f->dir->ops;

    assert_int_equal(log_in(f, "alice", "stale"), CG_ERR_UNAUTHENTICATED);
    plain_ops = f->dir->ops;
    ops.find = wide_find;
    f->dir->ops = &ops;
    assert_int_equal(log_in(f, "\xef\xbd\x81lice", "stale"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(log_in(f, "\xef\xbd\x81lice", "stale"), CG_ERR_UNAUTHENTICATED);
    f->dir->ops = plain_ops;
    assert_int_equal(logins(f), 1);
    assert_int_equal(log_in(f, "alice", "alicepw"), CG_OK); /* nor was it counted again */
}

static void all_logins_together_have_a_pace(void **state)
{
    static const char *const names[] = {"alice", "bob", "carol", "dave"};
    struct fixture *f = *state;
    struct cg_conf *slow = fixture_conf(f, "max_logins_per_second = 2\n");
    unsigned throttled = 0;

    cg_authn_reconfigure(f->authn, slow, f->dir);
    for (int i = 0; i < 12; i++) { /* in two seconds at the most */
        char *wrong = cg_asprintf("w%d", i);

        if (log_in_from(f, names[i % 4], wrong, wrong) == CG_ERR_THROTTLED) {
            throttled++;
            assert_int_equal(f->err.retry_after_s, 1);
            assert_non_null(strstr(f->err.detail, "max_logins_per_second"));
        }
        free(wrong);
    }
    assert_true(throttled >= 8);
    assert_true(logins(f) + finds(f) <= 8); /* and what was refused did not go there */
    pause_ms(1000);
    assert_int_equal(log_in(f, "alice", "alicepw"), CG_OK);
    cg_conf_unref(&slow);
}

static void an_address_is_throttled_across_names(void **state)
{
    struct fixture *f = *state;
    char name[32];

    for (int i = 0; i < 30; i++) {
        char *text = cg_asprintf("nobody%d", i);

        cg_str_printable(text, strlen(text), name, sizeof(name));
        free(text);
        assert_int_equal(log_in_from(f, name, "x", "2001:db8::1"), CG_ERR_UNAUTHENTICATED);
    }
    assert_int_equal(log_in_from(f, "alice", "alicepw", "2001:db8::2"), CG_ERR_THROTTLED); /* the same /64 */
    assert_in_range(f->err.retry_after_s, 1, 60);
    assert_int_equal(log_in_from(f, "alice", "alicepw", "2001:db8:0:1::2"), CG_OK);
    assert_int_equal(log_in_from(f, "bob", "bobpw", NULL), CG_OK);
}

static void an_outage_is_no_wrong_password(void **state)
{
    struct fixture *f = *state;

    cg_fake_directory_set_mode(f->dir, CG_FAKE_UNAVAILABLE);
    for (int i = 0; i < 5; i++)
        assert_int_equal(log_in(f, "alice", "alicepw"), CG_ERR_UNAVAILABLE);
    assert_int_equal(f->err.retry_after_s, 30);
    assert_int_equal(f->answer.answer_at_ms, 0);
    cg_fake_directory_set_mode(f->dir, CG_FAKE_ANSWERING);
    assert_int_equal(log_in(f, "alice", "alicepw"), CG_OK);
    cg_fake_directory_set_mode(f->dir, CG_FAKE_UNAVAILABLE); /* in the middle, as it were: the name is known by now */
    assert_int_equal(log_in(f, "alice", "alicepw"), CG_ERR_UNAVAILABLE);
}

/* The directory may have counted each as wrong, whether or not its answer came in time. */
static void binds_without_an_answer_count_against_the_lock_out(void **state)
{
    struct fixture *f = *state;

    cg_fake_directory_set_mode(f->dir, CG_FAKE_MUTE);
    for (int i = 0; i < 3; i++)
        assert_int_equal(log_in(f, "alice", "alicepw"), CG_ERR_UNAVAILABLE);
    cg_fake_directory_set_mode(f->dir, CG_FAKE_ANSWERING);
    assert_int_equal(log_in(f, "alice", "alicepw"), CG_ERR_UNAVAILABLE); /* the directory's fault, so not 429 */
    assert_true(f->err.retry_after_s > 200 && f->err.retry_after_s <= 300);
    assert_int_equal(log_in(f, "ALICE ", "alicepw"), CG_ERR_UNAVAILABLE);
    assert_int_equal(logins(f), 3);
    cg_fake_directory_set_mode(f->dir, CG_FAKE_MUTE);
    assert_int_equal(log_in(f, "bob", "bobpw"), CG_ERR_UNAVAILABLE); /* nobody else's, nor the address's */
    cg_fake_directory_set_mode(f->dir, CG_FAKE_ANSWERING);
    assert_int_equal(log_in(f, "bob", "bobpw"), CG_OK);
}

static void a_password_over_a_clear_connection_is_not_looked_at(void **state)
{
    struct fixture *f = *state;
    struct cg_credentials cred = password_of("alice", "alicepw");
    struct cg_authn_request request = {.cred = &cred, .password_ok = true};

    assert_int_equal(try_request(f, &request, false), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(f->err.detail, "https"));
    assert_int_equal(logins(f) + finds(f), 0);
    cg_credentials_free(&cred);
}

static void a_password_where_a_token_is_meant_is_refused_at_once(void **state)
{
    struct fixture *f = *state;
    char *header = basic("alice", "alicepw");

    assert_int_equal(fast(f, header), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(f->err.detail, "token"));
    assert_non_null(strstr(f->err.detail, "https://crates.corp.example/me"));
    assert_int_equal(logins(f) + finds(f), 0);
    free(header);
}

static void passwords_can_be_off(void **state)
{
    struct fixture *f = *state;
    struct cg_conf *conf = fixture_conf(f, "basic_auth = \"off\"\n");

    cg_authn_reconfigure(f->authn, conf, f->dir);
    cg_conf_unref(&conf);
    assert_int_equal(log_in(f, "alice", "alicepw"), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(f->err.detail, "basic_auth"));
    assert_int_equal(logins(f) + finds(f), 0);
}

static void everywhere_a_good_password_is_remembered_for_a_minute_without_making_tokens(void **state)
{
    struct fixture *f = *state;
    char *header = basic("alice", "alicepw"), *wrong = basic("alice", "alicepW");

    assert_int_equal(fast(f, header), CG_ERR_AGAIN);
    assert_int_equal(slow(f, header), CG_OK);
    assert_true(f->answer.by_password);
    for (int i = 0; i < 100; i++)
        assert_int_equal(fast(f, header), CG_OK);
    assert_false(f->answer.by_password);
    assert_string_equal(cg_identity_name(f->answer.caller.who), "alice");
    assert_int_equal(logins(f), 1);
    assert_int_equal(try_header(f, wrong, false), CG_ERR_UNAUTHENTICATED);
    /* where tokens are made the directory is asked all the same */
    assert_int_equal(log_in(f, "alice", "alicepw"), CG_OK);
    assert_int_equal(logins(f), 3);
    free(header);
    free(wrong);
}

static void a_remembered_password_goes_on_while_its_owner_is_throttled(void **state)
{
    struct fixture *f = *state;
    char *header = basic("alice", "alicepw");

    assert_int_equal(slow(f, header), CG_OK);
    for (int i = 0; i < 3; i++) {
        char *wrong = cg_asprintf("w%d", i);

        assert_int_equal(log_in(f, "alice", wrong), CG_ERR_UNAUTHENTICATED);
        free(wrong);
    }
    assert_int_equal(log_in(f, "alice", "alicepw"), CG_ERR_THROTTLED);
    assert_int_equal(fast(f, header), CG_OK);
    free(header);
}

static void a_remembered_password_does_not_outlive_the_account(void **state)
{
    struct fixture *f = *state;
    char *header = basic("alice", "alicepw"), *token;

    assert_int_equal(slow(f, header), CG_OK);
    token = fixture_token(f);
    cg_fake_directory_set_state(f->dir, "alice", CG_FAKE_DISABLED);
    cg_authn_reconfigure(f->authn, f->conf, f->dir); /* everything is due */
    assert_int_equal(try_header(f, token, false), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(try_header(f, header, false), CG_ERR_UNAUTHENTICATED);
    free(token);
    free(header);
}

static void nothing_remembered_of_passwords_survives_a_reload(void **state)
{
    struct fixture *f = *state;
    char *header = basic("alice", "alicepw");

    assert_int_equal(slow(f, header), CG_OK);
    assert_int_equal(log_in(f, "bob", "bobpw-new"), CG_ERR_UNAUTHENTICATED);
    cg_fake_directory_set_password(f->dir, "bob", "bobpw-new");
    cg_authn_reconfigure(f->authn, f->conf, f->dir);
    assert_int_equal(fast(f, header), CG_ERR_AGAIN);
    assert_int_equal(log_in(f, "bob", "bobpw-new"), CG_OK);
    free(header);
}

/* The web form's password field may get a token: it is checked as one, never shown to the directory. */
static void a_token_in_place_of_a_password_never_reaches_directory(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);

    assert_int_equal(log_in(f, "alice", token), CG_OK);
    assert_false(f->answer.by_password);
    assert_int_equal(log_in(f, "bob", token), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(logins(f), 0);
    free(token);
}

/* Many at once */

struct storm {
    struct fixture *f;
    const char *user, *password;
    atomic_int ok, refused, throttled, unavailable, fresh;
};

static void *storm_one(void *cls)
{
    struct storm *s = cls;
    struct cg_credentials cred = password_of(s->user, s->password);
    struct cg_authn_request request = {.cred = &cred, .address = "192.0.2.1", .secure = true, .password_ok = true};
    struct cg_authn_answer answer;
    struct cg_error err = {0};
    enum cg_err rc = cg_authn_fast(s->f->authn, &request, &answer, &err);

    if (rc == CG_ERR_AGAIN)
        rc = cg_authn_slow(s->f->authn, &request, &answer, &err);
    atomic_fetch_add(&s->ok, rc == CG_OK);
    atomic_fetch_add(&s->fresh, rc == CG_OK && answer.by_password);
    atomic_fetch_add(&s->refused, rc == CG_ERR_UNAUTHENTICATED);
    atomic_fetch_add(&s->throttled, rc == CG_ERR_THROTTLED);
    atomic_fetch_add(&s->unavailable, rc == CG_ERR_UNAVAILABLE);
    cg_caller_free(&answer.caller);
    cg_credentials_free(&cred);
    return NULL;
}

#define STORM 20

static void run_storm(struct storm *s)
{
    pthread_t threads[STORM];

    for (int i = 0; i < STORM; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, storm_one, s), 0);
    for (int i = 0; i < STORM; i++)
        pthread_join(threads[i], NULL);
}

static void a_storm_of_one_wrong_password_is_one_bind(void **state)
{
    struct storm s = {.f = *state, .user = "alice", .password = "stale"};

    cg_fake_directory_set_delay(s.f->dir, 50);
    run_storm(&s);
    assert_int_equal(atomic_load(&s.refused), STORM);
    assert_int_equal(logins(s.f), 1);
    assert_int_equal(finds(s.f), 1);
}

static void a_storm_of_one_right_password_is_one_bind(void **state)
{
    struct storm s = {.f = *state, .user = "alice", .password = "alicepw"};

    cg_fake_directory_set_delay(s.f->dir, 200);
    run_storm(&s);
    assert_int_equal(atomic_load(&s.ok), STORM);
    assert_int_equal(atomic_load(&s.fresh), STORM);
    assert_int_equal(logins(s.f), 1);
    assert_int_equal(finds(s.f), 1);
    assert_int_equal(atomic_load(&cg_fake_directory_counts(s.f->dir)->running_max), 1);
}

static void a_storm_in_an_outage_waits_for_it_once(void **state)
{
    struct storm s = {.f = *state, .user = "alice", .password = "alicepw"};
    int64_t start = cg_clock_mono_ms();

    cg_fake_directory_set_mode(s.f->dir, CG_FAKE_UNAVAILABLE);
    cg_fake_directory_set_delay(s.f->dir, 200);
    run_storm(&s);
    assert_int_equal(atomic_load(&s.unavailable), STORM);
    assert_true(cg_clock_mono_ms() - start < 200 * STORM / 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define E(name) cmocka_unit_test_setup_teardown(name, setup_everywhere, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_right_password_is_a_fresh_login),
        T(empty_password_never_reaches_directory),
        T(nul_in_a_name_or_password_never_reaches_directory),
        T(unknown_wrong_locked_and_disabled_look_the_same),
        T(a_name_that_two_people_match_is_nobody),
        T(the_same_wrong_password_reaches_the_directory_once),
        T(repeated_failures_are_throttled_before_the_directory_hears_of_them),
        T(spellings_of_a_name_do_not_get_more_tries),
        T(spellings_only_the_directory_takes_for_one_are_counted_for_the_person),
        T(the_same_wrong_password_is_asked_once_for_all_spellings),
        T(all_logins_together_have_a_pace),
        T(an_address_is_throttled_across_names),
        T(an_outage_is_no_wrong_password),
        T(binds_without_an_answer_count_against_the_lock_out),
        T(a_password_over_a_clear_connection_is_not_looked_at),
        T(a_password_where_a_token_is_meant_is_refused_at_once),
        T(passwords_can_be_off),
        E(everywhere_a_good_password_is_remembered_for_a_minute_without_making_tokens),
        E(a_remembered_password_goes_on_while_its_owner_is_throttled),
        E(a_remembered_password_does_not_outlive_the_account),
        E(nothing_remembered_of_passwords_survives_a_reload),
        T(a_token_in_place_of_a_password_never_reaches_directory),
        T(a_storm_of_one_wrong_password_is_one_bind),
        T(a_storm_of_one_right_password_is_one_bind),
        T(a_storm_in_an_outage_waits_for_it_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
