/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What becomes of the tokens of those who leave, in the table of verdicts itself, and of the table at a restart. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authn/authn_private.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "fixture.h"
#include "log/log.h"
#include "log/metrics.h"

#define MINUTE 60000
#define DAY (1440 * MINUTE)

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
    v->conf.ldap.present = v->conf.ldap.enabled = true;
    v->conf.ldap.revalidate_interval = 15 * MINUTE;
    v->conf.ldap.stale_if_error_read = 720 * MINUTE;
    v->conf.ldap.server_retry_after = 30000;
    v->conf.ldap.max_sweep_fraction = 0.2;
    v->conf.ldap.purge_after = INT64_C(30) * DAY;
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
    cg_identity_unref(&v->who);
    free(v);
    return 0;
}

static enum cg_subject_change record_of(struct verdicts *v, const char *id, int64_t ms, enum cg_err said, bool swept)
{
    struct cg_subject_question q = {
        .conf = &v->conf, .id = id, .background = true, .swept = swept, .now_ms = v->start + ms};

    return cg_subjects_record(v->subjects, &q, said, said == CG_OK ? v->who : NULL, true);
}

static enum cg_subject_change record(struct verdicts *v, int64_t ms, enum cg_err said)
{
    return record_of(v, "id", ms, said, false);
}

static enum cg_err judge(struct verdicts *v, const char *id, int64_t ms)
{
    struct cg_subject_question q = {.conf = &v->conf, .id = id, .now_ms = v->start + ms};
    struct cg_identity *who = NULL;
    enum cg_err rc = cg_subjects_judge(v->subjects, &q, &who, NULL);

    cg_identity_unref(&who);
    return rc;
}

static int64_t suspended_at(struct verdicts *v)
{
    struct cg_subject_state state = {0};
    int64_t at;

    assert_true(cg_subjects_get(v->subjects, "id", &state));
    at = state.suspended_at;
    cg_subject_state_clear(&state);
    return at;
}

static void gone_is_refused_at_once_and_suspended_when_seen_twice(void **state)
{
    struct verdicts *v = *state;

    record(v, 0, CG_OK);
    assert_int_equal(record(v, MINUTE, CG_ERR_ABSENT), CG_SUBJECT_SAME);
    assert_int_equal(judge(v, "id", MINUTE), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(record(v, 3 * MINUTE, CG_ERR_ABSENT), CG_SUBJECT_SAME); /* not five minutes apart */
    assert_int_equal(suspended_at(v), 0);
    assert_int_equal(record(v, 6 * MINUTE + 1000, CG_ERR_ABSENT), CG_SUBJECT_SUSPENDED);
    assert_int_not_equal(suspended_at(v), 0);
    assert_int_equal(record(v, 20 * MINUTE, CG_ERR_ABSENT), CG_SUBJECT_SAME); /* once is enough */
    assert_int_equal(record(v, 30 * MINUTE, CG_OK), CG_SUBJECT_RESUMED);
    assert_int_equal(suspended_at(v), 0);
    assert_int_equal(judge(v, "id", 30 * MINUTE), CG_OK);
}

static void a_short_interval_shortens_the_time_between_the_two_looks(void **state)
{
    struct verdicts *v = *state;

    v->conf.ldap.revalidate_interval = 2000;
    record(v, 0, CG_ERR_ABSENT);
    assert_int_equal(record(v, 3000, CG_ERR_ABSENT), CG_SUBJECT_SUSPENDED);
}

static void back_in_between_the_two_looks_is_not_gone(void **state)
{
    struct verdicts *v = *state;

    record(v, 0, CG_ERR_ABSENT);
    assert_int_equal(record(v, 4 * MINUTE, CG_OK), CG_SUBJECT_SAME);
    assert_int_equal(record(v, 6 * MINUTE, CG_ERR_ABSENT), CG_SUBJECT_SAME);
    assert_int_equal(suspended_at(v), 0);
}

static void disabled_is_suspended_at_once_and_resumes_by_itself(void **state)
{
    struct verdicts *v = *state;

    record(v, 0, CG_OK);
    assert_int_equal(record(v, 1, CG_ERR_DENIED), CG_SUBJECT_SUSPENDED);
    assert_int_equal(judge(v, "id", 2), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(record(v, MINUTE, CG_ERR_UNAVAILABLE), CG_SUBJECT_SAME);
    assert_int_not_equal(judge(v, "id", MINUTE + 1), CG_OK);
    assert_int_equal(record(v, 2 * MINUTE, CG_OK), CG_SUBJECT_RESUMED);
    assert_int_equal(judge(v, "id", 2 * MINUTE), CG_OK);
}

static size_t purgeable(struct verdicts *v)
{
    char *ids[4];
    size_t count = cg_subjects_purgeable(v->subjects, &v->conf, ids, 4);

    for (size_t i = 0; i < count; i++)
        free(ids[i]);
    return count;
}

static void only_those_long_gone_are_purged(void **state)
{
    struct verdicts *v = *state;

    record(v, INT64_C(-40) * DAY, CG_ERR_DENIED);
    assert_int_equal(purgeable(v), 0); /* disabled is not gone */
    record(v, INT64_C(-29) * DAY, CG_ERR_ABSENT);
    record(v, INT64_C(-28) * DAY, CG_ERR_ABSENT);
    assert_int_equal(purgeable(v), 0); /* gone for less than 30 days, though suspended for longer */
    v->conf.ldap.purge_after = INT64_C(27) * DAY;
    assert_int_equal(purgeable(v), 1);
    record(v, 0, CG_OK);
    assert_int_equal(purgeable(v), 0);
}

static void fill(struct verdicts *v, int people)
{
    char id[16];

    for (int i = 0; i < people; i++) {
        snprintf(id, sizeof(id), "p%d", i);
        record_of(v, id, 0, CG_OK, false);
    }
}

static void too_many_gone_at_once_are_not_believed(void **state)
{
    struct verdicts *v = *state;
    char id[16];

    fill(v, 50); /* of whom ten may be gone */
    for (int i = 0; i < 10; i++) {
        snprintf(id, sizeof(id), "p%d", i);
        assert_int_equal(record_of(v, id, MINUTE, CG_ERR_ABSENT, false), CG_SUBJECT_SAME);
        assert_int_equal(judge(v, id, MINUTE), CG_ERR_UNAUTHENTICATED);
    }
    assert_int_equal(record_of(v, "p10", MINUTE, CG_ERR_ABSENT, false), CG_SUBJECT_GUARDED);
    assert_int_equal(cg_metric_get(CG_METRIC_GONE_GUARD), 1);
    assert_int_equal(record_of(v, "p11", MINUTE, CG_ERR_ABSENT, false), CG_SUBJECT_SAME); /* told once */
    record_of(v, "p11", 16 * MINUTE, CG_ERR_ABSENT, false);
    assert_int_equal(judge(v, "p11", 16 * MINUTE), CG_OK);      /* as in an outage ... */
    assert_int_not_equal(judge(v, "p11", 721 * MINUTE), CG_OK); /* ... and no longer */
    /* those who were refused stay so, but are not suspended; who is disabled is never guarded */
    assert_int_equal(record_of(v, "p0", 20 * MINUTE, CG_ERR_ABSENT, false), CG_SUBJECT_SAME);
    assert_int_equal(judge(v, "p0", 20 * MINUTE), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(record_of(v, "p12", 20 * MINUTE, CG_ERR_DENIED, false), CG_SUBJECT_SUSPENDED);
    cg_subjects_set_guard(v->subjects, false);
    assert_int_equal(cg_metric_get(CG_METRIC_GONE_GUARD), 0);
    assert_int_equal(record_of(v, "p0", 21 * MINUTE, CG_ERR_ABSENT, false), CG_SUBJECT_SUSPENDED);
}

static void leavers_over_a_longer_time_are_believed(void **state)
{
    struct verdicts *v = *state;
    char id[16];

    fill(v, 20); /* of whom five may be gone */
    for (int i = 0; i < 15; i++) {
        snprintf(id, sizeof(id), "p%d", i);
        assert_int_equal(record_of(v, id, (i + 1) * 4 * MINUTE, CG_ERR_ABSENT, false), CG_SUBJECT_SAME);
        assert_int_equal(judge(v, id, (i + 1) * 4 * MINUTE), CG_ERR_UNAUTHENTICATED);
    }
    assert_false(cg_subjects_guarded(v->subjects));
}

static void what_a_sweep_believes_is_not_counted_again(void **state)
{
    struct verdicts *v = *state;
    char id[16];

    fill(v, 20);
    for (int i = 0; i < 15; i++) {
        snprintf(id, sizeof(id), "p%d", i);
        record_of(v, id, MINUTE, CG_ERR_ABSENT, true);
        assert_int_equal(judge(v, id, MINUTE), CG_ERR_UNAUTHENTICATED);
    }
    assert_int_equal(record_of(v, "p16", MINUTE, CG_ERR_ABSENT, false), CG_SUBJECT_SAME);
    assert_int_equal(judge(v, "p16", MINUTE), CG_ERR_UNAUTHENTICATED);
}

static void without_a_directory_nobody_is_spared(void **state)
{
    struct verdicts *v = *state;
    char id[16];

    fill(v, 20);
    v->conf.ldap.enabled = false;
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof(id), "p%d", i);
        record_of(v, id, MINUTE, CG_ERR_ABSENT, false);
        assert_int_equal(judge(v, id, MINUTE), CG_ERR_UNAUTHENTICATED);
    }
}

static void nobody_waits_for_what_the_background_asks(void **state)
{
    struct verdicts *v = *state;

    record(v, 0, CG_OK);
    assert_int_equal(judge(v, "id", 16 * MINUTE), CG_ERR_AGAIN);
    cg_subjects_asking(v->subjects, "id");
    assert_int_equal(judge(v, "id", 16 * MINUTE), CG_OK);      /* within grace ... */
    assert_int_not_equal(judge(v, "id", 721 * MINUTE), CG_OK); /* ... and no longer */
    record(v, 16 * MINUTE, CG_ERR_DENIED);
    assert_int_equal(judge(v, "id", 16 * MINUTE), CG_ERR_UNAUTHENTICATED);
    cg_subjects_asking(v->subjects, "id");
    assert_int_equal(judge(v, "id", 20 * MINUTE), CG_ERR_AGAIN); /* who was refused has no grace */
}

static void one_unanswered_question_spares_everybody_theirs(void **state)
{
    struct verdicts *v = *state;

    record_of(v, "p0", 0, CG_OK, false);
    record_of(v, "p1", 0, CG_OK, false);
    record_of(v, "p0", 14 * MINUTE, CG_ERR_UNAVAILABLE, false);
    assert_int_equal(judge(v, "p1", 16 * MINUTE), CG_OK);
    cg_subjects_expire_all(v->subjects); /* new settings, perhaps of another directory, which has not failed */
    assert_int_equal(judge(v, "p1", 16 * MINUTE), CG_ERR_AGAIN);
}

static void a_reload_is_the_administrators_word(void **state)
{
    struct verdicts *v = *state;

    cg_subjects_set_guard(v->subjects, true);
    cg_subjects_expire_all(v->subjects);
    assert_false(cg_subjects_guarded(v->subjects));
}

/* Restarts */

static int setup(void **state)
{
    *state = fixture_new("stale_if_error_read = \"2h\"\nstale_if_error_write = \"0s\"\nserver_retry_after = \"1s\"\n");
    return 0;
}

static int teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

static void a_restart_in_an_outage_stops_no_build(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);

    assert_int_equal(try_header(f, token, false), CG_OK);
    cg_fake_directory_set_mode(f->dir, CG_FAKE_UNAVAILABLE);
    fixture_restart(f);
    assert_int_equal(fast(f, token), CG_OK); /* the verdict holds for the rest of its interval */
    assert_int_equal(try_header(f, token, true), CG_OK);
    assert_string_equal(cg_identity_name(f->answer.caller.who), "alice");
    assert_string_equal(cg_identity_dn(f->answer.caller.who), "uid=alice,ou=people,dc=corp");
    assert_true(cg_identity_in_group(f->answer.caller.who, "cn=team-a,ou=groups,dc=corp"));
    assert_int_equal(revalidations(f), 1);
    free(token);
}

static void no_restart_lets_in_who_was_refused(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);

    assert_int_equal(try_header(f, token, false), CG_OK);
    cg_fake_directory_set_state(f->dir, "alice", CG_FAKE_DISABLED);
    cg_authn_reconfigure(f->authn, f->conf, f->dir);
    assert_int_equal(try_header(f, token, false), CG_ERR_UNAUTHENTICATED);
    cg_fake_directory_set_mode(f->dir, CG_FAKE_UNAVAILABLE);
    fixture_restart(f);
    assert_int_equal(try_header(f, token, false), CG_ERR_UNAUTHENTICATED);
    free(token);
}

/* A verdict that was asked for under other settings serves in an outage, but is asked for again. */
static void another_configuration_makes_a_remembered_verdict_due(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);

    assert_int_equal(try_header(f, token, false), CG_OK);
    cg_conf_unref(&f->conf);
    f->conf = fixture_conf(f, "stale_if_error_write = \"0s\"\nsearch_filter = \"(uid={username})\"\n");
    fixture_restart(f);
    assert_int_equal(fast(f, token), CG_ERR_AGAIN);
    cg_fake_directory_set_mode(f->dir, CG_FAKE_UNAVAILABLE);
    assert_int_equal(try_header(f, token, false), CG_OK);
    assert_int_equal(try_header(f, token, true), CG_ERR_UNAVAILABLE);
    free(token);
}

/* Changes the one row there is and puts it back. */
struct forging {
    void (*change)(struct cg_subject_row *row);
    struct cg_subject_row row;
};

static enum cg_err take_row(void *cls, const struct cg_subject_row *row)
{
    struct forging *forging = cls;

    forging->row = *row;
    forging->row.id = cg_strdup(row->id);
    forging->row.identity = cg_strdup(row->identity);
    return CG_OK;
}

static void forge(struct fixture *f, void (*change)(struct cg_subject_row *row))
{
    struct forging forging = {.change = change};
    const char *id, *identity;

    cg_authn_subjects_save(f->authn);
    assert_int_equal(f->md->ops->subject_each(f->md, take_row, &forging, NULL), CG_OK);
    id = forging.row.id;
    identity = forging.row.identity;
    change(&forging.row);
    assert_int_equal(f->md->ops->subject_put(f->md, &forging.row, 1, NULL), CG_OK);
    free((char *)(uintptr_t)id);
    free((char *)(uintptr_t)identity);
}

static void another_group(struct cg_subject_row *row)
{
    char *at = strstr((char *)(uintptr_t)row->identity, "team-a");

    assert_non_null(at);
    at[5] = 'b';
}

static void younger(struct cg_subject_row *row)
{
    row->asked_at += 100;
}

static void good_again(struct cg_subject_row *row)
{
    row->verdict = CG_VERDICT_GOOD;
    row->suspended_at = 1;
}

static void of_bob(struct cg_subject_row *row)
{
    row->id = "id-bob";
}

static void ignored(void *cls, const char *line)
{
    *(bool *)cls |= strstr(line, "are ignored") != NULL;
}

static void a_row_that_somebody_else_wrote_is_ignored(void **state)
{
    void (*const changes[])(struct cg_subject_row *) = {another_group, younger, good_again, of_bob};
    struct fixture *f = *state;
    char *alice = fixture_token(f), *bob = fixture_token_of(f, "id-bob", "bob");

    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        bool told = false;

        cg_fake_directory_set_mode(f->dir, CG_FAKE_ANSWERING);
        cg_authn_reconfigure(f->authn, f->conf, f->dir);
        assert_int_equal(try_header(f, alice, false), CG_OK);
        cg_authn_tick(f->authn);
        forge(f, changes[i]);
        cg_fake_directory_set_mode(f->dir, CG_FAKE_UNAVAILABLE);
        cg_log_capture(ignored, &told);
        fixture_restart(f);
        cg_log_capture(NULL, NULL);
        assert_true(told);
        assert_int_equal(try_header(f, changes[i] == of_bob ? bob : alice, false), CG_ERR_UNAVAILABLE);
        assert_int_equal(f->md->ops->subject_delete(f->md, (const char *const[]){"id-bob", "id-alice"}, 2, NULL),
                         CG_OK);
        fixture_restart(f);
    }
    free(alice);
    free(bob);
}

static void verdicts_are_written_by_the_tick_in_one_go_and_never_by_a_request(void **state)
{
    struct fixture *f = *state;
    char *alice = fixture_token(f), *bob = fixture_token_of(f, "id-bob", "bob");
    atomic_uint *puts = &cg_fake_metadata_counts(f->md)->subject_put;

    assert_int_equal(try_header(f, alice, false), CG_OK);
    assert_int_equal(try_header(f, bob, false), CG_OK);
    assert_int_equal(atomic_load(puts), 0);
    cg_authn_tick(f->authn); /* new verdicts at once */
    assert_int_equal(atomic_load(puts), 1);
    cg_authn_tick(f->authn);
    assert_int_equal(atomic_load(puts), 1);
    pause_ms(2);
    cg_authn_reconfigure(f->authn, f->conf, f->dir);
    assert_int_equal(try_header(f, bob, false), CG_OK); /* the same as before, only younger */
    cg_authn_tick(f->authn);
    assert_int_equal(atomic_load(puts), 1);
    f->authn->saved_at -= 10000;
    cg_authn_tick(f->authn);
    assert_int_equal(atomic_load(puts), 2);
    cg_fake_directory_set_groups(f->dir, "alice", NULL);
    cg_authn_reconfigure(f->authn, f->conf, f->dir);
    assert_int_equal(try_header(f, alice, false), CG_OK);
    cg_authn_tick(f->authn); /* fewer rights: at once */
    assert_int_equal(atomic_load(puts), 3);
    free(alice);
    free(bob);
}

static void a_database_that_does_not_answer_loses_no_verdict(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);

    assert_int_equal(try_header(f, token, false), CG_OK);
    cg_fake_metadata_set_broken(f->md, "subject_put");
    cg_authn_tick(f->authn);
    cg_fake_metadata_set_broken(f->md, NULL);
    cg_fake_directory_set_mode(f->dir, CG_FAKE_UNAVAILABLE);
    fixture_restart(f);
    assert_int_equal(fast(f, token), CG_OK);
    cg_authn_free(&f->authn);
    cg_fake_metadata_set_broken(f->md, "subject_each");
    assert_int_equal(cg_authn_new(f->conf, f->dir, f->md, &f->authn, &f->err), CG_ERR_UNAVAILABLE);
    cg_fake_metadata_set_broken(f->md, NULL);
    assert_int_equal(cg_authn_new(f->conf, f->dir, f->md, &f->authn, &f->err), CG_OK);
    free(token);
}

static void a_clock_set_back_makes_a_verdict_too_old_for_everything(void **state)
{
    struct fixture *f = *state;
    struct cg_subject_state past = {.id = (char *)(uintptr_t) "id", .verdict = CG_VERDICT_GOOD};
    struct cg_subject_question q = {.conf = f->conf, .id = "id", .now_ms = cg_clock_mono_ms()};
    struct cg_identity *who = NULL;

    past.who = cg_identity_new(CG_IDENTITY_PERSON, "id", "alice", NULL, NULL);
    cg_identity_seal(past.who);
    past.asked_at = cg_clock_mono_ms() + 3600000;
    cg_subjects_restore(f->authn->subjects, f->conf, &past);
    assert_int_equal(cg_subjects_judge(f->authn->subjects, &q, &who, NULL), CG_ERR_AGAIN);
    assert_int_equal(cg_subjects_fall_back(f->authn->subjects, &q, &who, NULL), CG_ERR_UNAVAILABLE);
    past.asked_at = cg_clock_mono_ms() - 3600000; /* an hour: too old to be fresh, not too old for a read */
    cg_subjects_restore(f->authn->subjects, f->conf, &past);
    assert_int_equal(cg_subjects_judge(f->authn->subjects, &q, &who, NULL), CG_ERR_AGAIN);
    assert_int_equal(cg_subjects_fall_back(f->authn->subjects, &q, &who, NULL), CG_OK);
    cg_identity_unref(&who);
    cg_identity_unref(&past.who);
}

static enum cg_err count_row(void *cls, const struct cg_subject_row *row)
{
    (void)row;
    ++*(int *)cls;
    return CG_OK;
}

static void who_is_forgotten_leaves_the_database_too(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);
    struct cg_subject_state past = {.id = (char *)(uintptr_t) "id-old", .verdict = CG_VERDICT_GONE};
    int rows = 0;

    past.asked_at = cg_clock_mono_ms() - INT64_C(400) * DAY;
    cg_subjects_restore(f->authn->subjects, f->conf, &past);
    assert_int_equal(try_header(f, token, false), CG_OK);
    f->authn->swept_at -= MINUTE;
    cg_authn_tick(f->authn);
    fixture_restart(f);
    assert_int_equal(f->md->ops->subject_each(f->md, count_row, &rows, NULL), CG_OK);
    assert_int_equal(rows, 1);
    free(token);
}

#define V(name) cmocka_unit_test_setup_teardown(name, setup_verdicts, teardown_verdicts)
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        V(gone_is_refused_at_once_and_suspended_when_seen_twice),
        V(a_short_interval_shortens_the_time_between_the_two_looks),
        V(back_in_between_the_two_looks_is_not_gone),
        V(disabled_is_suspended_at_once_and_resumes_by_itself),
        V(only_those_long_gone_are_purged),
        V(too_many_gone_at_once_are_not_believed),
        V(leavers_over_a_longer_time_are_believed),
        V(what_a_sweep_believes_is_not_counted_again),
        V(without_a_directory_nobody_is_spared),
        V(nobody_waits_for_what_the_background_asks),
        V(one_unanswered_question_spares_everybody_theirs),
        V(a_reload_is_the_administrators_word),
        T(a_restart_in_an_outage_stops_no_build),
        T(no_restart_lets_in_who_was_refused),
        T(another_configuration_makes_a_remembered_verdict_due),
        T(a_row_that_somebody_else_wrote_is_ignored),
        T(verdicts_are_written_by_the_tick_in_one_go_and_never_by_a_request),
        T(a_database_that_does_not_answer_loses_no_verdict),
        T(a_clock_set_back_makes_a_verdict_too_old_for_everything),
        T(who_is_forgotten_leaves_the_database_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
