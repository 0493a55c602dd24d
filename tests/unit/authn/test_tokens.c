/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Tokens from their making to their end, and the people behind them. Pitfalls are ldap.md's, section 2. */
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

#include "authn/authn_private.h"
#include "authn/token_secret.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "fixture.h"
#include "log/log.h"
#include "log/metrics.h"

#define DAY_S 86400

static int setup(void **state)
{
    *state = fixture_new("");
    return 0;
}

/* Everything ages at once: a second, which tests wait for by reconfiguring instead. */
static int setup_outage(void **state)
{
    *state = fixture_new("stale_if_error_write = \"0s\"\nserver_retry_after = \"1s\"\n");
    return 0;
}

static int teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

static void expire_verdicts(struct fixture *f)
{
    cg_authn_reconfigure(f->authn, f->conf, f->dir);
}

/* Whose tokens are good */

static void a_token_is_its_owner_and_then_costs_no_directory(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f), *header = cg_asprintf("Bearer %s", token);
    int64_t hits = cg_metric_get(CG_METRIC_TOKEN_HITS);

    assert_int_equal(fast(f, token), CG_ERR_AGAIN); /* nobody has asked about alice yet */
    assert_int_equal(slow(f, token), CG_OK);
    for (int i = 0; i < 100; i++)
        assert_int_equal(fast(f, header), CG_OK);
    assert_string_equal(cg_identity_name(f->answer.caller.who), "alice");
    assert_true(cg_identity_in_group(f->answer.caller.who, "cn=team-a,ou=groups,dc=corp"));
    assert_string_equal(f->answer.caller.token->name, "ci");
    assert_false(f->answer.by_password);
    assert_int_equal(revalidations(f), 1);
    assert_int_equal(cg_metric_get(CG_METRIC_TOKEN_HITS), hits + 101);
    free(header);
    free(token);
}

static void after_a_login_the_owners_token_needs_no_lookup(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);

    assert_int_equal(log_in(f, "alice", "alicepw"), CG_OK);
    assert_int_equal(fast(f, token), CG_OK);
    free(token);
}

/* Pitfall 11 */
static void bad_tokens_reach_neither_directory_nor_database(void **state)
{
    struct fixture *f = *state;
    struct cg_secret never_issued = {0};
    int64_t bad = cg_metric_get(CG_METRIC_TOKEN_BAD);
    unsigned calls = atomic_load(&cg_fake_metadata_counts(f->md)->calls);

    cg_token_secret_make(CG_TOKEN_PERSON, &never_issued);
    assert_int_equal(fast(f, "cgp_garbage"), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(f->err.detail, "get one at https://crates.corp.example/me"));
    assert_int_equal(fast(f, (const char *)never_issued.bytes), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(f->err.detail, "revoked"));
    assert_int_equal(slow(f, (const char *)never_issued.bytes), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(fast(f, "Basic !"), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(f->err.detail, "base64"));
    assert_int_equal(cg_metric_get(CG_METRIC_TOKEN_BAD), bad + 4);
    assert_int_equal(atomic_load(&cg_fake_metadata_counts(f->md)->calls), calls);
    assert_int_equal(revalidations(f) + finds(f) + logins(f), 0);
    cg_secret_free(&never_issued);
}

static void no_credentials_are_anonymous(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(fast(f, NULL), CG_OK);
    assert_int_equal(cg_identity_kind(f->answer.caller.who), CG_IDENTITY_ANONYMOUS);
    assert_null(f->answer.caller.token);
}

static void a_user_name_sent_with_a_token_must_be_its_owners(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);
    char *own = basic(" Alice", token), *other = basic("bob", token), *renamed = basic("alicia", token);

    assert_int_equal(try_header(f, own, false), CG_OK);
    assert_int_equal(try_header(f, other, false), CG_ERR_UNAUTHENTICATED);
    assert_null(f->answer.caller.who);
    cg_fake_directory_add_person(f->dir, "id-alice", "alicia", "uid=alicia,ou=people,dc=corp", "x", NULL);
    expire_verdicts(f);
    assert_int_equal(try_header(f, renamed, false), CG_OK); /* the directory's name for her now */
    free(own);
    free(other);
    free(renamed);
    free(token);
}

/* Pitfall 15 */
static void a_name_taken_over_by_somebody_else_gets_none_of_its_tokens(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);

    assert_int_equal(try_header(f, token, false), CG_OK);
    cg_fake_directory_set_state(f->dir, "alice", CG_FAKE_GONE);
    cg_fake_directory_add_person(f->dir, "id-alice-2", "alice", "uid=alice,ou=people,dc=corp", "x", NULL);
    expire_verdicts(f);
    assert_int_equal(try_header(f, token, false), CG_ERR_UNAUTHENTICATED);
    free(token);
}

/* Pitfall 16 */
static void a_disabled_owners_token_stops_and_works_again_when_they_are_back(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);

    assert_int_equal(try_header(f, token, false), CG_OK);
    cg_fake_directory_set_state(f->dir, "alice", CG_FAKE_DISABLED);
    assert_int_equal(fast(f, token), CG_OK); /* within the interval */
    expire_verdicts(f);
    assert_int_equal(try_header(f, token, false), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(f->err.detail, "not active"));
    assert_int_equal(fast(f, token), CG_ERR_UNAUTHENTICATED); /* from memory */
    assert_int_equal(revalidations(f), 2);
    cg_fake_directory_set_state(f->dir, "alice", CG_FAKE_OK);
    expire_verdicts(f);
    assert_int_equal(try_header(f, token, false), CG_OK);
    free(token);
}

static void a_lock_by_wrong_passwords_stops_no_token(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token_of(f, "id-carol", "carol");

    assert_int_equal(log_in(f, "carol", "carolpw"), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(try_header(f, token, false), CG_OK);
    free(token);
}

static void groups_are_read_again_with_the_verdict(void **state)
{
    static const char *const none[] = {NULL};
    struct fixture *f = *state;
    char *token = fixture_token(f);

    assert_int_equal(try_header(f, token, false), CG_OK);
    assert_true(cg_identity_in_group(f->answer.caller.who, "cn=team-a,ou=groups,dc=corp"));
    cg_fake_directory_set_groups(f->dir, "alice", none);
    expire_verdicts(f);
    assert_int_equal(try_header(f, token, false), CG_OK);
    assert_false(cg_identity_in_group(f->answer.caller.who, "cn=team-a,ou=groups,dc=corp"));
    free(token);
}

/* Outages */

static void an_outage_serves_reads_from_memory_and_refuses_writes_with_503(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);

    assert_int_equal(try_header(f, token, true), CG_OK);
    cg_fake_directory_set_mode(f->dir, CG_FAKE_UNAVAILABLE);
    expire_verdicts(f);
    assert_int_equal(try_header(f, token, false), CG_OK);
    assert_int_equal(try_header(f, token, true), CG_ERR_UNAVAILABLE);
    assert_int_equal(f->err.retry_after_s, 30);
    for (int i = 0; i < 50; i++)
        assert_int_equal(fast(f, token), CG_OK);
    assert_int_equal(revalidations(f), 2); /* not once a request */
    free(token);
}

static void after_a_restart_in_an_outage_nobody_new_is_known(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);

    cg_fake_directory_set_mode(f->dir, CG_FAKE_UNAVAILABLE);
    fixture_restart(f);
    assert_int_equal(try_header(f, token, false), CG_ERR_UNAVAILABLE);
    assert_int_equal(fast(f, token), CG_ERR_UNAVAILABLE);
    assert_int_equal(revalidations(f), 1);
    cg_fake_directory_set_mode(f->dir, CG_FAKE_ANSWERING);
    pause_ms(1100);          /* server_retry_after */
    cg_authn_look(f->authn); /* asks by itself for whom somebody wanted */
    assert_int_equal(fast(f, token), CG_OK);
    free(token);
}

static void the_background_ends_an_outage_for_everybody(void **state)
{
    struct fixture *f = *state;
    char *alice = fixture_token(f), *bob = fixture_token_of(f, "id-bob", "bob");

    assert_int_equal(try_header(f, alice, false), CG_OK);
    assert_int_equal(try_header(f, bob, false), CG_OK);
    cg_fake_directory_set_mode(f->dir, CG_FAKE_UNAVAILABLE);
    expire_verdicts(f);
    cg_authn_look(f->authn); /* asks about one of them, and leaves it at that */
    assert_int_equal(revalidations(f), 3);
    assert_int_equal(try_header(f, alice, false), CG_OK);
    assert_int_equal(try_header(f, bob, false), CG_OK);
    assert_int_equal(revalidations(f), 3);
    cg_fake_directory_set_mode(f->dir, CG_FAKE_ANSWERING);
    pause_ms(1100);
    cg_authn_look(f->authn);
    assert_int_equal(revalidations(f), 5);
    assert_int_equal(fast(f, alice), CG_OK);
    assert_int_equal(fast(f, bob), CG_OK);
    free(alice);
    free(bob);
}

struct storm {
    struct fixture *f;
    const char *token;
    atomic_int ok;
};

static void *storm_one(void *cls)
{
    struct storm *s = cls;
    struct cg_credentials cred;
    struct cg_authn_request request = {.cred = &cred, .address = "192.0.2.1"};
    struct cg_authn_answer answer;
    enum cg_err rc;

    cg_credentials_parse(s->token, NULL, &cred);
    rc = cg_authn_fast(s->f->authn, &request, &answer, NULL);
    if (rc == CG_ERR_AGAIN)
        rc = cg_authn_slow(s->f->authn, &request, &answer, NULL);
    atomic_fetch_add(&s->ok, rc == CG_OK);
    cg_caller_free(&answer.caller);
    cg_credentials_free(&cred);
    return NULL;
}

static void a_storm_of_requests_looks_its_owner_up_once(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);
    struct storm s = {.f = f, .token = token};
    pthread_t threads[20];

    cg_fake_directory_set_delay(f->dir, 50);
    for (int i = 0; i < 20; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, storm_one, &s), 0);
    for (int i = 0; i < 20; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&s.ok), 20);
    assert_int_equal(revalidations(f), 1);
    free(token);
}

/* An answer that was on its way when the configuration changed is the old directory's. */
static struct fixture *reconfiguring;
static const struct cg_directory_ops *plain_ops;

static enum cg_err reconfigure_meanwhile(struct cg_directory *dir, const char *id, struct cg_identity **who_out,
                                         struct cg_error *err)
{
    enum cg_err rc = plain_ops->revalidate(dir, id, who_out, err);

    cg_authn_reconfigure(reconfiguring->authn, reconfiguring->conf, reconfiguring->dir);
    return rc;
}

static void an_answer_from_before_a_reload_is_not_taken_for_fresh(void **state)
{
    struct fixture *f = *state;
    struct cg_directory_ops ops = *f->dir->ops;
    char *token = fixture_token(f);

    reconfiguring = f;
    plain_ops = f->dir->ops;
    ops.revalidate = reconfigure_meanwhile;
    f->dir->ops = &ops;
    assert_int_equal(slow(f, token), CG_OK);
    f->dir->ops = plain_ops;
    assert_int_equal(fast(f, token), CG_ERR_AGAIN);
    free(token);
}

/* Making them */

static struct cg_token *wish(void)
{
    struct cg_token *wanted = cg_token_new();

    wanted->name = cg_strdup("ci");
    wanted->owner_id = cg_strdup("id-alice");
    wanted->owner_name = cg_strdup("alice");
    wanted->actions = CG_ACTION_ALL;
    return wanted;
}

static void replace_text(char **text, const char *with)
{
    free(*text);
    *text = with ? cg_strdup(with) : NULL;
}

static enum cg_err create(struct fixture *f, struct cg_token *wanted, struct cg_token **token_out)
{
    struct cg_secret secret = {0};
    enum cg_err rc = cg_authn_token_create(f->authn, wanted, &secret, token_out, &f->err);

    assert_int_equal(rc == CG_OK, secret.len == CG_TOKEN_SECRET_LEN);
    cg_secret_free(&secret);
    return rc;
}

static void refused(struct fixture *f, struct cg_token *wanted, const char *word)
{
    struct cg_token *token = NULL;

    assert_int_equal(create(f, wanted, &token), CG_ERR_INVALID);
    assert_null(token);
    if (!strstr(f->err.detail, word))
        fail_msg("\"%s\" does not say \"%s\"", f->err.detail, word);
}

static enum cg_err add_id(void *cls, struct cg_token *token)
{
    cg_buf_addf(cls, "%lld ", (long long)token->id);
    return CG_OK;
}

static void expect_list(struct fixture *f, const char *owner, const char *ids)
{
    struct cg_buf out;

    cg_buf_init(&out, 4096);
    assert_int_equal(cg_authn_token_each(f->authn, owner, add_id, &out), CG_OK);
    assert_string_equal(cg_buf_str(&out), ids);
    cg_buf_free(&out);
}

static void a_new_token_has_the_default_life_and_folded_patterns(void **state)
{
    struct fixture *f = *state;
    struct cg_token *wanted = wish(), *token = NULL;
    int64_t now = cg_clock_wall_s();

    wanted->crates = cg_strlist_split("Pay_Core*,One,*");
    wanted->namespaces = cg_strlist_split("payments");
    wanted->actions = CG_ACTION_PUBLISH_UPDATE;
    assert_int_equal(create(f, wanted, &token), CG_OK);
    assert_int_equal(token->id, 1);
    assert_in_range((uintmax_t)(token->expires_at - now), 90 * DAY_S, 90 * DAY_S + 2);
    assert_string_equal(token->crates[0], "pay-core*");
    assert_string_equal(token->crates[1], "one");
    assert_string_equal(token->crates[2], "*");
    assert_string_equal(token->namespaces[0], "payments");
    assert_int_equal(token->actions, CG_ACTION_PUBLISH_UPDATE);
    cg_token_unref(&token);
    cg_token_unref(&wanted);
}

static void a_tokens_life_is_capped_by_name(void **state)
{
    struct fixture *f = *state;
    struct cg_token *wanted = wish(), *token = NULL;
    int64_t now = cg_clock_wall_s();

    wanted->expires_at = now + 365 * DAY_S;
    assert_int_equal(create(f, wanted, &token), CG_OK);
    assert_int_equal(token->expires_at, wanted->expires_at);
    cg_token_unref(&token);
    wanted->expires_at = now + 366 * DAY_S;
    refused(f, wanted, "max_token_days");
    wanted->expires_at = now - 1;
    refused(f, wanted, "expired");
    cg_token_unref(&wanted);
}

static void bad_names_scopes_and_owners_are_refused(void **state)
{
    struct fixture *f = *state;
    struct cg_token *wanted = wish();
    char name[500];

    replace_text(&wanted->name, "");
    refused(f, wanted, "name");
    replace_text(&wanted->name, "a\nb");
    refused(f, wanted, "name");
    replace_text(&wanted->name, NULL);
    refused(f, wanted, "name");
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    replace_text(&wanted->name, name);
    refused(f, wanted, "name");
    name[101] = '\0';
    replace_text(&wanted->name, name);
    refused(f, wanted, "name");
    replace_text(&wanted->name, "ci");
    wanted->actions = 0;
    refused(f, wanted, "action");
    wanted->actions = 0x100;
    refused(f, wanted, "action");
    wanted->actions = CG_ACTION_ALL;
    wanted->crates = cg_strlist_split("*x*");
    refused(f, wanted, "crate");
    cg_strlist_free(&wanted->crates);
    wanted->namespaces = cg_strlist_split("No");
    refused(f, wanted, "namespace");
    cg_strlist_free(&wanted->namespaces);
    wanted->grants = cg_strlist_split("a:read");
    refused(f, wanted, "directory");
    cg_strlist_free(&wanted->grants);
    replace_text(&wanted->owner_id, "service:ci");
    refused(f, wanted, "directory");
    replace_text(&wanted->owner_id, "");
    refused(f, wanted, "owner");
    cg_token_unref(&wanted);
}

static void a_name_may_have_a_hundred_letters_of_any_script(void **state)
{
    struct fixture *f = *state;
    struct cg_token *wanted = wish(), *token = NULL;
    char name[301];

    for (int i = 0; i < 100; i++)
        memcpy(name + i * 3, "\xe6\x9d\x8e", 4);
    replace_text(&wanted->name, name);
    assert_int_equal(create(f, wanted, &token), CG_OK);
    assert_string_equal(token->name, name);
    cg_token_unref(&token);
    cg_token_unref(&wanted);
}

static struct cg_token *service_wish(const char *grants)
{
    struct cg_token *wanted = wish();

    wanted->kind = CG_TOKEN_SERVICE;
    replace_text(&wanted->owner_id, "service:ci");
    replace_text(&wanted->owner_name, "ci");
    wanted->grants = cg_strlist_split(grants);
    return wanted;
}

static void a_services_token_needs_no_directory(void **state)
{
    struct fixture *f = *state;
    struct cg_token *wanted = service_wish("payments:publish");
    char *token = fixture_make(f, wanted), *named = basic("ci", token), *other = basic("alice", token);

    cg_fake_directory_set_mode(f->dir, CG_FAKE_UNAVAILABLE);
    assert_memory_equal(token, "cgs_", 4);
    assert_int_equal(fast(f, token), CG_OK);
    assert_int_equal(cg_identity_kind(f->answer.caller.who), CG_IDENTITY_SERVICE);
    assert_string_equal(cg_identity_id(f->answer.caller.who), "service:ci");
    assert_string_equal(cg_identity_name(f->answer.caller.who), "ci");
    assert_string_equal(f->answer.caller.token->grants[0], "payments:publish");
    assert_int_equal(fast(f, named), CG_OK);
    assert_int_equal(fast(f, other), CG_ERR_UNAUTHENTICATED);
    fixture_restart(f);
    assert_int_equal(fast(f, token), CG_OK);
    free(token);
    free(named);
    free(other);
    cg_token_unref(&wanted);
}

static void a_services_name_and_grants_are_checked(void **state)
{
    struct fixture *f = *state;
    const char *const bad[] = {"payments", "payments:owner", "payments:", ":read", "Pay:read", "a:read:b"};
    struct cg_token *wanted = service_wish("");

    refused(f, wanted, "at least one grant");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cg_strlist_free(&wanted->grants);
        wanted->grants = cg_strlist_split(bad[i]);
        refused(f, wanted, "is no grant");
    }
    replace_text(&wanted->owner_id, "service:C I");
    refused(f, wanted, "service's name");
    replace_text(&wanted->owner_id, "id-alice");
    refused(f, wanted, "service's name");
    cg_token_unref(&wanted);
}

static void a_token_nobody_could_be_told_of_is_not_made(void **state)
{
    struct fixture *f = *state;
    struct cg_token *wanted = wish(), *token = NULL;

    cg_fake_metadata_set_broken(f->md, "token_insert");
    assert_int_equal(create(f, wanted, &token), CG_ERR_UNAVAILABLE);
    cg_fake_metadata_set_broken(f->md, "generation_bump");
    assert_int_equal(create(f, wanted, &token), CG_ERR_UNAVAILABLE);
    assert_null(token);
    cg_fake_metadata_set_broken(f->md, NULL);
    fixture_restart(f);
    expect_list(f, NULL, "");
    cg_token_unref(&wanted);
}

static void an_owner_can_have_too_many_tokens(void **state)
{
    struct fixture *f = *state;
    struct cg_token *wanted = wish(), *token = NULL;

    for (int i = 0; i < 1000; i++) {
        assert_int_equal(create(f, wanted, &token), CG_OK);
        cg_token_unref(&token);
    }
    assert_int_equal(create(f, wanted, &token), CG_ERR_CONFLICT);
    assert_non_null(strstr(f->err.detail, "revoke"));
    replace_text(&wanted->owner_id, "id-bob");
    assert_int_equal(create(f, wanted, &token), CG_OK);
    cg_token_unref(&token);
    cg_token_unref(&wanted);
}

/* Listing, revoking, other processes */

static void tokens_are_listed_by_owner_in_order(void **state)
{
    struct fixture *f = *state;

    free(fixture_token(f));
    free(fixture_token_of(f, "id-bob", "bob"));
    free(fixture_token(f));
    expect_list(f, "id-alice", "1 3 ");
    expect_list(f, "id-bob", "2 ");
    expect_list(f, NULL, "1 2 3 ");
    expect_list(f, "id-nobody", "");
}

static void a_revoked_token_stops_at_once_and_only_its_owner_revokes_it(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);

    assert_int_equal(try_header(f, token, false), CG_OK);
    assert_int_equal(cg_authn_token_revoke(f->authn, 1, "id-bob", &f->err), CG_ERR_ABSENT);
    assert_int_equal(fast(f, token), CG_OK);
    assert_int_equal(cg_authn_token_revoke(f->authn, 1, "id-alice", &f->err), CG_OK);
    assert_int_equal(fast(f, token), CG_ERR_UNAUTHENTICATED);
    assert_int_equal(cg_authn_token_revoke(f->authn, 1, "id-alice", &f->err), CG_ERR_ABSENT);
    fixture_restart(f);
    assert_int_equal(fast(f, token), CG_ERR_UNAUTHENTICATED);
    free(token);
}

static void a_revocation_that_cannot_be_stored_is_no_success(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);

    cg_fake_metadata_set_broken(f->md, "token_delete");
    assert_int_equal(cg_authn_token_revoke(f->authn, 1, NULL, &f->err), CG_ERR_UNAVAILABLE);
    assert_int_equal(try_header(f, token, false), CG_OK);
    cg_fake_metadata_set_broken(f->md, "generation_bump");
    assert_int_equal(cg_authn_token_revoke(f->authn, 1, NULL, &f->err), CG_ERR_UNAVAILABLE);
    assert_non_null(strstr(f->err.detail, "is revoked"));
    assert_int_equal(fast(f, token), CG_ERR_UNAUTHENTICATED);
    cg_fake_metadata_set_unavailable(f->md, true);
    assert_int_equal(cg_authn_token_revoke(f->authn, 1, NULL, &f->err), CG_ERR_UNAVAILABLE);
    free(token);
}

static void another_processs_changes_arrive_with_the_tick(void **state)
{
    struct fixture *f = *state;
    struct cg_authn *other = NULL, *mine = f->authn;
    char *token;

    assert_int_equal(cg_authn_new(f->conf, f->dir, f->md, &other, &f->err), CG_OK);
    f->authn = other;
    token = fixture_token(f);
    f->authn = mine;
    assert_int_equal(fast(f, token), CG_ERR_UNAUTHENTICATED);
    cg_authn_tick(mine);
    assert_int_equal(try_header(f, token, false), CG_OK);
    assert_int_equal(cg_authn_token_revoke(other, 1, NULL, &f->err), CG_OK);
    cg_authn_tick(mine);
    assert_int_equal(fast(f, token), CG_ERR_UNAUTHENTICATED);
    /* and one made elsewhere a moment ago can be revoked here without waiting for the tick */
    f->authn = other;
    free(fixture_token(f));
    f->authn = mine;
    assert_int_equal(cg_authn_token_revoke(mine, 2, "id-alice", &f->err), CG_OK);
    cg_authn_free(&other);
    free(token);
}

static void ones_own_changes_do_not_load_everything_again(void **state)
{
    struct fixture *f = *state;
    unsigned loads = atomic_load(&cg_fake_metadata_counts(f->md)->token_each);

    free(fixture_token(f));
    free(fixture_token(f));
    assert_int_equal(cg_authn_token_revoke(f->authn, 1, NULL, &f->err), CG_OK);
    cg_authn_tick(f->authn);
    assert_int_equal(atomic_load(&cg_fake_metadata_counts(f->md)->token_each), loads);
}

static void a_database_that_does_not_answer_leaves_the_tokens_in_force(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);

    cg_fake_metadata_set_unavailable(f->md, true);
    cg_authn_tick(f->authn);
    cg_authn_tick(f->authn);
    assert_int_equal(try_header(f, token, false), CG_OK);
    cg_authn_tick(f->authn);
    cg_fake_metadata_set_unavailable(f->md, false);
    cg_authn_tick(f->authn);
    assert_int_equal(atomic_load(&cg_fake_metadata_counts(f->md)->token_touch), 2); /* the use was not lost */
    free(token);
}

static void without_database_or_key_there_is_no_start(void **state)
{
    struct fixture *f = *state;
    struct cg_authn *other = NULL;
    char *path = cg_asprintf("%s/token.key", f->path);

    cg_fake_metadata_set_unavailable(f->md, true);
    assert_int_equal(cg_authn_new(f->conf, f->dir, f->md, &other, &f->err), CG_ERR_UNAVAILABLE);
    cg_fake_metadata_set_unavailable(f->md, false);
    assert_int_equal(truncate(path, 3), 0);
    assert_int_equal(cg_authn_new(f->conf, f->dir, f->md, &other, &f->err), CG_ERR_INVALID);
    assert_null(other);
    free(path);
}

static void find_void(void *cls, const char *line)
{
    *(bool *)cls |= strstr(line, "the 1 tokens issued before do not work any more") != NULL;
}

static void without_its_key_file_no_token_works_and_the_log_says_so(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f), *path = cg_asprintf("%s/token.key", f->path);
    bool told = false;

    assert_int_equal(unlink(path), 0);
    cg_log_capture(find_void, &told);
    fixture_restart(f);
    cg_log_capture(NULL, NULL);
    assert_true(told);
    assert_int_equal(fast(f, token), CG_ERR_UNAUTHENTICATED);
    free(path);
    free(token);
}

/* Time */

static enum cg_err read_last_use(void *cls, struct cg_token *token)
{
    *(int64_t *)cls = atomic_load(&token->last_used_at);
    return CG_OK;
}

static void a_use_is_written_once_in_a_while_by_the_tick(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);
    int64_t last = -1;

    for (int i = 0; i < 10; i++)
        assert_int_equal(try_header(f, token, false), CG_OK);
    assert_int_equal(f->md->ops->token_each(f->md, read_last_use, &last, NULL), CG_OK);
    assert_int_equal(last, 0);
    cg_authn_tick(f->authn);
    assert_int_equal(f->md->ops->token_each(f->md, read_last_use, &last, NULL), CG_OK);
    assert_in_range((uintmax_t)(cg_clock_wall_s() - last), 0, 5);
    assert_int_equal(fast(f, token), CG_OK);
    cg_authn_tick(f->authn);
    assert_int_equal(atomic_load(&cg_fake_metadata_counts(f->md)->token_touch), 1);
    free(token);
}

static void a_reload_keeps_uses_that_are_not_written_yet(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);
    int64_t last = -1;

    assert_int_equal(try_header(f, token, false), CG_OK);
    assert_int_equal(f->md->ops->generation_bump(f->md, "tokens", NULL), CG_OK);
    cg_authn_tick(f->authn); /* loads, then writes */
    assert_int_equal(f->md->ops->token_each(f->md, read_last_use, &last, NULL), CG_OK);
    assert_true(last > 0);
    assert_int_equal(fast(f, token), CG_OK);
    assert_true(atomic_load(&f->answer.caller.token->last_used_at) == last);
    free(token);
}

static void an_end_writes_the_last_uses(void **state)
{
    struct fixture *f = *state;
    char *token = fixture_token(f);
    int64_t last = 0;

    assert_int_equal(try_header(f, token, false), CG_OK);
    fixture_restart(f);
    assert_int_equal(f->md->ops->token_each(f->md, read_last_use, &last, NULL), CG_OK);
    assert_true(last > 0);
    free(token);
}

/* As if the token had been made that long ago. */
static char *old_token(struct fixture *f, int64_t created_at, int64_t expires_at)
{
    struct cg_token *token = wish();
    struct cg_secret secret = {0};
    struct cg_hmac *key;
    struct cg_buf hex;
    unsigned char bytes[32];
    char *path = cg_asprintf("%s/token.key", f->path), *text;

    cg_buf_init(&hex, 100);
    assert_int_equal(cg_file_read(path, &hex, NULL), CG_OK);
    hex.data[64] = '\0';
    assert_int_equal(cg_unhex(hex.data, bytes, sizeof(bytes)), CG_OK);
    key = cg_hmac_new(bytes, sizeof(bytes));
    cg_token_secret_make(CG_TOKEN_PERSON, &secret);
    cg_hmac(key, secret.bytes, secret.len, NULL, 0, token->digest);
    token->expires_at = expires_at;
    token->created_at = created_at;
    assert_int_equal(f->md->ops->token_insert(f->md, token, &token->id, NULL), CG_OK);
    text = cg_strdup((const char *)secret.bytes);
    cg_hmac_free(&key);
    cg_secret_free(&secret);
    cg_token_unref(&token);
    cg_buf_free(&hex);
    free(path);
    return text;
}

static void an_expired_token_says_so_and_is_not_listed(void **state)
{
    struct fixture *f = *state;
    char *token = old_token(f, cg_clock_wall_s() - DAY_S, cg_clock_wall_s() - 1);

    fixture_restart(f);
    assert_int_equal(fast(f, token), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(f->err.detail, "expired"));
    assert_int_equal(revalidations(f), 0);
    expect_list(f, NULL, "");
    free(token);
}

static void what_is_of_no_use_any_more_is_swept_once_a_minute(void **state)
{
    struct fixture *f = *state;
    int64_t now = cg_clock_wall_s();
    char *old = old_token(f, now - 40 * DAY_S, now - 31 * DAY_S), *young = old_token(f, now - 40 * DAY_S, now - 29 * DAY_S);
    char *unused = old_token(f, now - 121 * DAY_S, now + DAY_S), *idle = old_token(f, now - 119 * DAY_S, now + DAY_S);
    int64_t last = -1;

    fixture_restart(f);
    cg_authn_tick(f->authn);
    assert_int_equal(fast(f, old), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(f->err.detail, "expired"));
    f->authn->swept_at -= 60000;
    cg_authn_tick(f->authn);
    assert_int_equal(fast(f, old), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(f->err.detail, "not known"));
    assert_int_equal(fast(f, unused), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(f->err.detail, "not known"));
    assert_int_equal(fast(f, young), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(f->err.detail, "expired"));
    assert_int_equal(fast(f, idle), CG_ERR_UNAUTHENTICATED);
    assert_non_null(strstr(f->err.detail, "not used for 90 days"));
    fixture_restart(f);
    assert_int_equal(f->md->ops->token_delete(f->md, 1, NULL), CG_ERR_ABSENT);
    assert_int_equal(f->md->ops->token_each(f->md, read_last_use, &last, NULL), CG_OK);
    assert_int_equal(last, 0);
    free(old);
    free(young);
    free(unused);
    free(idle);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define O(name) cmocka_unit_test_setup_teardown(name, setup_outage, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_token_is_its_owner_and_then_costs_no_directory),
        T(after_a_login_the_owners_token_needs_no_lookup),
        T(bad_tokens_reach_neither_directory_nor_database),
        T(no_credentials_are_anonymous),
        T(a_user_name_sent_with_a_token_must_be_its_owners),
        T(a_name_taken_over_by_somebody_else_gets_none_of_its_tokens),
        T(a_disabled_owners_token_stops_and_works_again_when_they_are_back),
        T(a_lock_by_wrong_passwords_stops_no_token),
        T(groups_are_read_again_with_the_verdict),
        O(an_outage_serves_reads_from_memory_and_refuses_writes_with_503),
        O(after_a_restart_in_an_outage_nobody_new_is_known),
        O(the_background_ends_an_outage_for_everybody),
        T(a_storm_of_requests_looks_its_owner_up_once),
        T(an_answer_from_before_a_reload_is_not_taken_for_fresh),
        T(a_new_token_has_the_default_life_and_folded_patterns),
        T(a_tokens_life_is_capped_by_name),
        T(bad_names_scopes_and_owners_are_refused),
        T(a_name_may_have_a_hundred_letters_of_any_script),
        T(a_services_token_needs_no_directory),
        T(a_services_name_and_grants_are_checked),
        T(a_token_nobody_could_be_told_of_is_not_made),
        T(an_owner_can_have_too_many_tokens),
        T(tokens_are_listed_by_owner_in_order),
        T(a_revoked_token_stops_at_once_and_only_its_owner_revokes_it),
        T(a_revocation_that_cannot_be_stored_is_no_success),
        T(another_processs_changes_arrive_with_the_tick),
        T(ones_own_changes_do_not_load_everything_again),
        T(a_database_that_does_not_answer_leaves_the_tokens_in_force),
        T(without_database_or_key_there_is_no_start),
        T(without_its_key_file_no_token_works_and_the_log_says_so),
        T(a_use_is_written_once_in_a_while_by_the_tick),
        T(a_reload_keeps_uses_that_are_not_written_yet),
        T(an_end_writes_the_last_uses),
        T(an_expired_token_says_so_and_is_not_listed),
        T(what_is_of_no_use_any_more_is_swept_once_a_minute),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
