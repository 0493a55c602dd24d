/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The background: sweeps, rounds, purges, services of groups, and what the audit trail learns of it. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authn/authn_private.h"
#include "authn/rounds.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "fixture.h"
#include "log/metrics.h"

#define DAY_S 86400
#define PEOPLE 40
#define TEAM "cn=team-a,ou=groups,dc=corp"

static int setup(void **state)
{
    *state = fixture_new("sync_interval = \"100s\"\nserver_retry_after = \"0s\"\n");
    return 0;
}

static int teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

/* The trail of what follows, beside the state. */
static char *trail_path(struct fixture *f)
{
    return cg_asprintf("%s/audit.jsonl", f->path);
}

static struct cg_audit *open_trail(struct fixture *f)
{
    struct cg_audit *audit = NULL;
    char *path = trail_path(f);

    assert_int_equal(cg_audit_open(path, f->path, true, &audit, NULL), CG_OK);
    cg_authn_set_audit(f->authn, audit);
    free(path);
    return audit;
}

static void close_trail(struct fixture *f, struct cg_audit **audit, struct cg_buf *text)
{
    char *path = trail_path(f);

    cg_authn_set_audit(f->authn, NULL);
    cg_audit_close(audit);
    cg_buf_init(text, 1 << 20);
    assert_int_equal(cg_file_read(path, text, NULL), CG_OK);
    free(path);
}

static void sweep_on(struct fixture *f)
{
    cg_sweep_hurry(f->authn->sweep);
    do
        cg_authn_look(f->authn);
    while (cg_sweep_under_way(f->authn->sweep));
}

/* So many people of whom everybody has a token. */
static char **make_people(struct fixture *f, int count)
{
    char **tokens = cg_calloc((size_t)count + 1, sizeof(*tokens));

    for (int i = 0; i < count; i++) {
        char *id = cg_asprintf("id-%d", i), *name = cg_asprintf("p%d", i), *dn = cg_asprintf("uid=p%d,dc=corp", i);

        cg_fake_directory_add_person(f->dir, id, name, dn, "pw", NULL);
        tokens[i] = fixture_token_of(f, id, name);
        free(id);
        free(name);
        free(dn);
    }
    return tokens;
}

static void free_people(char **tokens)
{
    for (char **t = tokens; *t; t++)
        free(*t);
    free(tokens);
}

static void set_states(struct fixture *f, int from, int to, enum cg_fake_person_state state)
{
    for (int i = from; i < to; i++) {
        char *name = cg_asprintf("p%d", i);

        cg_fake_directory_set_state(f->dir, name, state);
        free(name);
    }
}

static enum cg_token_state state_of(struct fixture *f, const char *owner_id, char **owner_name_out)
{
    struct cg_token_status status;
    enum cg_token_state is;
    size_t count;
    struct cg_token **tokens = cg_authn_tokens_of(f->authn, owner_id, &count);

    assert_int_not_equal(count, 0);
    cg_authn_token_status(f->authn, tokens[0], &status);
    is = status.state;
    assert_int_equal(is == CG_TOKEN_WORKS, status.since == 0);
    if (owner_name_out)
        *owner_name_out = cg_strdup(status.owner_name);
    cg_token_status_clear(&status);
    cg_token_list_free(tokens, count);
    return is;
}

static void a_sweep_looks_up_every_owner_of_a_token_once(void **state)
{
    struct fixture *f = *state;
    char **tokens = make_people(f, PEOPLE);
    struct cg_audit *audit = open_trail(f);
    int64_t sweeps = cg_metric_get(CG_METRIC_SWEEPS);
    struct cg_buf text;

    free(fixture_token_of(f, "id-0", "p0")); /* a second one of the same person */
    sweep_on(f);
    assert_int_equal(revalidations(f), PEOPLE);
    assert_int_equal(cg_metric_get(CG_METRIC_SWEEPS), sweeps + 1);
    for (int i = 0; i < PEOPLE; i++)
        assert_int_equal(fast(f, tokens[i]), CG_OK);
    cg_authn_look(f->authn); /* not again before sync_interval */
    assert_int_equal(revalidations(f), PEOPLE);
    close_trail(f, &audit, &text);
    assert_non_null(strstr(cg_buf_str(&text), "\"sweep\""));
    assert_non_null(strstr(cg_buf_str(&text), "40 owners of tokens were looked up, 0 of them"));
    cg_buf_free(&text);
    free_people(tokens);
}

static void a_sweep_suspends_those_who_left_unnoticed(void **state)
{
    struct fixture *f = *state;
    char **tokens = make_people(f, PEOPLE);
    struct cg_audit *audit;
    struct cg_buf text;

    sweep_on(f);
    audit = open_trail(f);
    set_states(f, 0, 4, CG_FAKE_GONE);
    set_states(f, 4, 8, CG_FAKE_DISABLED);
    sweep_on(f);
    for (int i = 0; i < PEOPLE; i++)
        assert_int_equal(fast(f, tokens[i]), i < 8 ? CG_ERR_UNAUTHENTICATED : CG_OK);
    assert_int_equal(state_of(f, "id-0", NULL), CG_TOKEN_SUSPENDED);
    assert_int_equal(state_of(f, "id-9", NULL), CG_TOKEN_WORKS);
    set_states(f, 0, 8, CG_FAKE_OK);
    sweep_on(f);
    for (int i = 0; i < PEOPLE; i++)
        assert_int_equal(fast(f, tokens[i]), CG_OK);
    close_trail(f, &audit, &text);
    assert_non_null(strstr(cg_buf_str(&text), "token-suspend"));
    assert_non_null(strstr(cg_buf_str(&text), "\"p4\"")); /* the actor: whose they are */
    assert_non_null(strstr(cg_buf_str(&text), "id-4"));
    assert_null(strstr(cg_buf_str(&text), "id-0")); /* gone only once */
    assert_non_null(strstr(cg_buf_str(&text), "token-resume"));
    cg_buf_free(&text);
    free_people(tokens);
}

static void a_sweep_that_finds_too_many_gone_changes_nothing_and_says_so(void **state)
{
    struct fixture *f = *state;
    char **tokens = make_people(f, PEOPLE); /* eight of them may leave at once */
    struct cg_audit *audit;
    int64_t aborted = cg_metric_get(CG_METRIC_SWEEP_ABORTED);
    struct cg_buf text;

    sweep_on(f);
    audit = open_trail(f);
    set_states(f, 0, 9, CG_FAKE_GONE);
    sweep_on(f);
    assert_int_equal(cg_metric_get(CG_METRIC_SWEEP_ABORTED), aborted + 1);
    for (int i = 0; i < PEOPLE; i++)
        assert_int_equal(fast(f, tokens[i]), CG_OK);
    /* nor do requests act upon it, one by one */
    assert_true(cg_subjects_guarded(f->authn->subjects));
    cg_subjects_expire_all(f->authn->subjects);
    cg_subjects_set_guard(f->authn->subjects, true);
    assert_int_equal(try_header(f, tokens[0], false), CG_OK);
    set_states(f, 0, 9, CG_FAKE_OK);
    sweep_on(f);
    assert_false(cg_subjects_guarded(f->authn->subjects));
    close_trail(f, &audit, &text);
    assert_non_null(strstr(cg_buf_str(&text), "of 40 owners of tokens 9 seem to have left at once"));
    assert_null(strstr(cg_buf_str(&text), "token-suspend"));
    cg_buf_free(&text);
    free_people(tokens);
}

static void of_a_few_people_all_may_leave(void **state)
{
    struct fixture *f = *state;
    char **tokens = make_people(f, 5);

    set_states(f, 0, 5, CG_FAKE_DISABLED);
    sweep_on(f);
    for (int i = 0; i < 5; i++)
        assert_int_equal(fast(f, tokens[i]), CG_ERR_UNAUTHENTICATED);
    free_people(tokens);
}

static void a_sweep_without_answers_is_given_up(void **state)
{
    struct fixture *f = *state;
    char **tokens = make_people(f, PEOPLE);
    struct cg_audit *audit = open_trail(f);
    struct cg_buf text;

    set_states(f, 0, 3, CG_FAKE_GONE);
    cg_sweep_hurry(f->authn->sweep);
    cg_authn_look(f->authn); /* some are asked about */
    assert_true(cg_sweep_under_way(f->authn->sweep));
    cg_fake_directory_set_mode(f->dir, CG_FAKE_UNAVAILABLE);
    for (int i = 0; i < 10 && cg_sweep_under_way(f->authn->sweep); i++)
        cg_authn_look(f->authn);
    assert_false(cg_sweep_under_way(f->authn->sweep));
    cg_fake_directory_set_mode(f->dir, CG_FAKE_ANSWERING);
    close_trail(f, &audit, &text);
    assert_non_null(strstr(cg_buf_str(&text), "stopped answering"));
    cg_buf_free(&text);
    free_people(tokens);
}

/* One entry that the directory chokes on is not the directory's end. */
static const struct cg_directory_ops *plain_ops;

static enum cg_err choke_on_one(struct cg_directory *dir, const char *id, struct cg_identity **who_out,
                                struct cg_error *err)
{
    if (strcmp(id, "id-7") == 0)
        return CG_ERR_UNAVAILABLE;
    return plain_ops->revalidate(dir, id, who_out, err);
}

static void one_person_without_an_answer_does_not_end_a_sweep(void **state)
{
    struct fixture *f = *state;
    struct cg_directory_ops ops = *f->dir->ops;
    char **tokens = make_people(f, PEOPLE);
    int64_t sweeps = cg_metric_get(CG_METRIC_SWEEPS);

    plain_ops = f->dir->ops;
    ops.revalidate = choke_on_one;
    f->dir->ops = &ops;
    sweep_on(f);
    assert_int_equal(cg_metric_get(CG_METRIC_SWEEPS), sweeps + 1);
    assert_int_equal(fast(f, tokens[39]), CG_OK);
    assert_int_not_equal(try_header(f, tokens[7], false), CG_OK);
    f->dir->ops = plain_ops;
    free_people(tokens);
}

static void a_reload_begins_the_sweep_anew(void **state)
{
    struct fixture *f = *state;
    char **tokens = make_people(f, PEOPLE);

    cg_sweep_hurry(f->authn->sweep);
    cg_authn_look(f->authn);
    assert_true(cg_sweep_under_way(f->authn->sweep));
    cg_authn_reconfigure(f->authn, f->conf, f->dir);
    while (cg_sweep_under_way(f->authn->sweep))
        cg_authn_look(f->authn);
    assert_true(revalidations(f) > PEOPLE);
    for (int i = 0; i < PEOPLE; i++)
        assert_int_equal(fast(f, tokens[i]), CG_OK);
    free_people(tokens);
}

/* Purges */

static void age_the_gone(struct fixture *f, const char *id, int64_t days)
{
    struct cg_subject_state state = {0};

    assert_true(cg_subjects_get(f->authn->subjects, id, &state));
    state.gone_since = state.suspended_at = cg_clock_wall_s() - days * DAY_S;
    cg_subjects_restore(f->authn->subjects, f->conf, &state);
    cg_subject_state_clear(&state);
}

static void tokens_of_those_long_gone_are_deleted_after_a_last_look(void **state)
{
    struct fixture *f = *state;
    char **tokens = make_people(f, 3);
    struct cg_audit *audit = open_trail(f);
    struct cg_buf text;

    set_states(f, 0, 3, CG_FAKE_GONE);
    sweep_on(f);
    age_the_gone(f, "id-0", 31);
    age_the_gone(f, "id-1", 29);
    age_the_gone(f, "id-2", 31);
    set_states(f, 2, 3, CG_FAKE_OK); /* came back without anybody's noticing */
    f->authn->purged_at -= 60000;
    cg_authn_look(f->authn);
    assert_int_equal(fast(f, tokens[0]), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(f->err.detail, "not known"));
    assert_int_equal(state_of(f, "id-1", NULL), CG_TOKEN_SUSPENDED);
    assert_int_equal(fast(f, tokens[2]), CG_OK);
    fixture_restart(f);
    assert_int_equal(fast(f, tokens[0]), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(f->err.detail, "not known"));
    close_trail(f, &audit, &text);
    assert_non_null(strstr(cg_buf_str(&text), "token-purge"));
    assert_non_null(strstr(cg_buf_str(&text), "id-0"));
    cg_buf_free(&text);
    free_people(tokens);
}

static void nothing_is_deleted_while_too_many_seem_gone_or_nobody_answers(void **state)
{
    struct fixture *f = *state;
    char **tokens = make_people(f, 1);

    set_states(f, 0, 1, CG_FAKE_GONE);
    sweep_on(f);
    age_the_gone(f, "id-0", 31);
    cg_subjects_set_guard(f->authn->subjects, true);
    f->authn->purged_at -= 60000;
    cg_authn_look(f->authn);
    assert_int_equal(state_of(f, "id-0", NULL), CG_TOKEN_SUSPENDED);
    cg_subjects_set_guard(f->authn->subjects, false);
    cg_fake_directory_set_mode(f->dir, CG_FAKE_UNAVAILABLE);
    f->authn->purged_at -= 60000;
    cg_authn_look(f->authn);
    assert_int_equal(state_of(f, "id-0", NULL), CG_TOKEN_SUSPENDED);
    free_people(tokens);
}

static void a_renamed_owners_tokens_go_on_under_the_new_name(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f), *name = NULL;

    sweep_on(f);
    cg_fake_directory_add_person(f->dir, "id-alice", "alicia", "uid=alicia,ou=people,dc=corp", "x", NULL);
    sweep_on(f);
    assert_int_equal(fast(f, token), CG_OK);
    assert_string_equal(cg_identity_name(f->answer.caller.who), "alicia");
    assert_int_equal(state_of(f, "id-alice", &name), CG_TOKEN_WORKS);
    assert_string_equal(name, "alicia");
    free(name);
    cg_fake_directory_set_state(f->dir, "alicia", CG_FAKE_GONE); /* and is still called so when she is gone */
    sweep_on(f);
    assert_int_equal(state_of(f, "id-alice", &name), CG_TOKEN_SUSPENDED);
    assert_string_equal(name, "alicia");
    free(name);
    free(token);
}

/* Services of groups */

static char *service_of(struct fixture *f, const char *group)
{
    struct cg_token *wanted = cg_token_new();
    char *text;

    wanted->kind = CG_TOKEN_SERVICE;
    wanted->name = cg_strdup("nightly");
    wanted->owner_id = cg_strdup("service:ci");
    wanted->owner_name = cg_strdup("ci");
    wanted->actions = CG_ACTION_ALL;
    wanted->grants = cg_strlist_split("payments:publish");
    wanted->group = cg_strdup(group);
    text = fixture_make(f, wanted);
    cg_token_unref(&wanted);
    return text;
}

static unsigned alive_checks(struct fixture *f)
{
    return atomic_load(&cg_fake_directory_counts(f->dir)->alive_checks);
}

static void a_groups_service_works_while_somebody_is_in_the_group(void **state)
{
    struct fixture *f = *state;
    char *token = service_of(f, "CN=Team-A, OU=groups, DC=corp");

    assert_int_equal(fast(f, token), CG_ERR_AGAIN);
    assert_int_equal(slow(f, token), CG_OK);
    assert_int_equal(cg_identity_kind(f->answer.caller.who), CG_IDENTITY_SERVICE);
    assert_string_equal(cg_identity_id(f->answer.caller.who), "service:ci");
    assert_string_equal(f->answer.caller.token->group, TEAM);
    for (int i = 0; i < 10; i++)
        assert_int_equal(fast(f, token), CG_OK);
    assert_int_equal(alive_checks(f), 1);
    fixture_restart(f); /* and is kept like a person's verdict */
    assert_int_equal(fast(f, token), CG_OK);
    cg_fake_directory_set_state(f->dir, "alice", CG_FAKE_DISABLED); /* who was the only one in it */
    cg_authn_reconfigure(f->authn, f->conf, f->dir);
    assert_int_equal(try_header(f, token, false), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(f->err.detail, "group that owns"));
    assert_null(f->answer.caller.who);
    assert_int_equal(state_of(f, CG_SUBJECT_GROUP TEAM, NULL), CG_TOKEN_SUSPENDED);
    free(token);
}

static void a_groups_service_has_grace_in_an_outage_and_is_swept(void **state)
{
    struct fixture *f = *state;
    char *token = service_of(f, TEAM);

    sweep_on(f);
    assert_int_equal(alive_checks(f), 1);
    assert_int_equal(fast(f, token), CG_OK);
    cg_fake_directory_set_mode(f->dir, CG_FAKE_UNAVAILABLE);
    cg_authn_reconfigure(f->authn, f->conf, f->dir);
    assert_int_equal(try_header(f, token, false), CG_OK);
    cg_authn_free(&f->authn);
    assert_int_equal(f->md->ops->subject_delete(f->md, (const char *const[]){CG_SUBJECT_GROUP TEAM}, 1, NULL), CG_OK);
    assert_int_equal(cg_authn_new(f->conf, f->dir, f->md, &f->authn, NULL), CG_OK);
    assert_int_equal(try_header(f, token, false), CG_ERR_UNAVAILABLE);
    free(token);
}

static void only_a_services_token_has_a_group_and_that_is_a_dn(void **state)
{
    struct fixture *f = *state;
    struct cg_token *wanted = cg_token_new(), *token = NULL;
    struct cg_secret secret = {0};

    wanted->name = cg_strdup("x");
    wanted->owner_id = cg_strdup("id-alice");
    wanted->owner_name = cg_strdup("alice");
    wanted->actions = CG_ACTION_ALL;
    wanted->group = cg_strdup("team-a");
    assert_int_equal(cg_authn_token_create(f->authn, wanted, &secret, &token, &f->err), CG_ERR_INVALID);
    wanted->kind = CG_TOKEN_SERVICE;
    free(wanted->owner_id);
    wanted->owner_id = cg_strdup("service:ci");
    wanted->grants = cg_strlist_split("a:read");
    assert_int_equal(cg_authn_token_create(f->authn, wanted, &secret, &token, &f->err), CG_ERR_INVALID);
    assert_null(token);
    cg_token_unref(&wanted);
}

/* Rounds */

struct asked {
    atomic_uint count, running, most;
    size_t fail_at;
};

static bool ask_slowly(void *cls, size_t i)
{
    struct asked *asked = cls;
    unsigned now = atomic_fetch_add(&asked->running, 1) + 1, most = atomic_load(&asked->most);

    while (now > most && !atomic_compare_exchange_weak(&asked->most, &most, now))
        ;
    pause_ms(20);
    atomic_fetch_add(&asked->count, 1);
    atomic_fetch_sub(&asked->running, 1);
    return i != asked->fail_at;
}

static size_t run_round(struct asked *asked, size_t count, int64_t ms)
{
    static const atomic_bool never;
    struct cg_round round = {.count = count,
                             .ask = ask_slowly,
                             .cls = asked,
                             .threads = 3,
                             .until_ms = cg_clock_mono_ms() + ms,
                             .ending = &never};

    return cg_round_run(&round);
}

static void a_round_asks_several_at_once_and_no_more_than_it_may(void **state)
{
    struct asked asked = {.fail_at = SIZE_MAX};

    (void)state;
    assert_int_equal(run_round(&asked, 40, 60000), 40);
    assert_int_equal(atomic_load(&asked.count), 40);
    assert_in_range(atomic_load(&asked.most), 2, 3);
}

static void a_round_tries_one_first_and_ends_when_that_gets_no_answer(void **state)
{
    struct asked asked = {.fail_at = 0};

    (void)state;
    assert_int_equal(run_round(&asked, 40, 60000), 1);
    assert_int_equal(atomic_load(&asked.count), 1);
    asked = (struct asked){.fail_at = 10};
    assert_in_range(run_round(&asked, 400, 60000), 11, 399);
}

static void a_round_has_its_time(void **state)
{
    struct asked asked = {.fail_at = SIZE_MAX};
    size_t done;

    (void)state;
    done = run_round(&asked, 100000, 200);
    assert_true(done < 1000);
    assert_int_equal(atomic_load(&asked.count), done);
    assert_int_equal(run_round(&asked, 0, 200), 0);
}

static void an_end_is_not_waited_for_longer_than_one_question(void **state)
{
    struct fixture *f = *state;
    char **tokens = make_people(f, PEOPLE);

    cg_authn_end(f->authn);
    sweep_on(f);
    assert_int_equal(revalidations(f), 0);
    free_people(tokens);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_sweep_looks_up_every_owner_of_a_token_once),
        T(a_sweep_suspends_those_who_left_unnoticed),
        T(a_sweep_that_finds_too_many_gone_changes_nothing_and_says_so),
        T(of_a_few_people_all_may_leave),
        T(a_sweep_without_answers_is_given_up),
        T(one_person_without_an_answer_does_not_end_a_sweep),
        T(a_reload_begins_the_sweep_anew),
        T(tokens_of_those_long_gone_are_deleted_after_a_last_look),
        T(nothing_is_deleted_while_too_many_seem_gone_or_nobody_answers),
        T(a_renamed_owners_tokens_go_on_under_the_new_name),
        T(a_groups_service_works_while_somebody_is_in_the_group),
        T(a_groups_service_has_grace_in_an_outage_and_is_swept),
        T(only_a_services_token_has_a_group_and_that_is_a_dn),
        cmocka_unit_test(a_round_asks_several_at_once_and_no_more_than_it_may),
        cmocka_unit_test(a_round_tries_one_first_and_ends_when_that_gets_no_answer),
        cmocka_unit_test(a_round_has_its_time),
        T(an_end_is_not_waited_for_longer_than_one_question),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
