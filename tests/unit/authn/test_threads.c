/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Everything at once: for ThreadSanitizer, and for what only shows when reads meet changes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "authn/authn_private.h"
#include "base/mem.h"
#include "fixture.h"

#define READERS 4
#define OTHERS 6
#define RUN_MS 700

struct crowd {
    struct fixture *f;
    char *token; /* alice's, never revoked */
    atomic_bool end;
    atomic_uint ok, wrong, made, logged_in;
};

static enum cg_err ask(struct crowd *c, const char *authorization, bool block)
{
    struct cg_credentials cred;
    struct cg_authn_request request = {.cred = &cred, .address = "192.0.2.1", .secure = true};
    struct cg_authn_answer answer;
    struct cg_error err = {0};
    enum cg_err rc;

    cg_credentials_parse(authorization, NULL, &cred);
    rc = cg_authn_fast(c->f->authn, &request, &answer, &err);
    if (rc == CG_ERR_AGAIN && block)
        rc = cg_authn_slow(c->f->authn, &request, &answer, &err);
    if (rc == CG_OK && strcmp(cg_identity_id(answer.caller.who), "id-alice") != 0)
        atomic_fetch_add(&c->wrong, 1);
    cg_caller_free(&answer.caller);
    cg_credentials_free(&cred);
    return rc;
}

/* A token that is not revoked is good whatever else goes on. */
static void *read_on(void *cls)
{
    struct crowd *c = cls;

    while (!atomic_load(&c->end))
        atomic_fetch_add(ask(c, c->token, true) == CG_OK ? &c->ok : &c->wrong, 1);
    return NULL;
}

static void *tick_on(void *cls)
{
    struct crowd *c = cls;

    while (!atomic_load(&c->end)) {
        cg_authn_tick(c->f->authn);
        pause_ms(2);
    }
    return NULL;
}

static void *look_on(void *cls)
{
    struct crowd *c = cls;

    while (!atomic_load(&c->end)) {
        cg_sweep_hurry(c->f->authn->sweep);
        cg_authn_look(c->f->authn);
        pause_ms(1);
    }
    return NULL;
}

/* Makes, uses and revokes, and now and then plays another process. */
static void *change_on(void *cls)
{
    struct crowd *c = cls;
    struct cg_token *wanted = cg_token_new();

    wanted->name = cg_strdup("brief");
    wanted->owner_id = cg_strdup("id-alice");
    wanted->owner_name = cg_strdup("alice");
    wanted->actions = CG_ACTION_ALL;
    while (!atomic_load(&c->end)) {
        struct cg_secret secret = {0};
        struct cg_token *token = NULL;

        if (cg_authn_token_create(c->f->authn, wanted, &secret, &token, NULL) != CG_OK ||
            ask(c, (const char *)secret.bytes, true) != CG_OK ||
            cg_authn_token_revoke(c->f->authn, token->id, "id-alice", NULL) != CG_OK ||
            ask(c, (const char *)secret.bytes, true) != CG_ERR_UNAUTHENTICATED)
            atomic_fetch_add(&c->wrong, 1);
        if (atomic_fetch_add(&c->made, 1) % 8 == 0 && c->f->md->ops->generation_bump(c->f->md, "tokens", NULL) != CG_OK)
            atomic_fetch_add(&c->wrong, 1);
        cg_secret_free(&secret);
        cg_token_unref(&token);
    }
    cg_token_unref(&wanted);
    return NULL;
}

static void *log_in_on(void *cls)
{
    struct crowd *c = cls;
    char *good = basic("alice", "alicepw");

    for (unsigned i = 0; !atomic_load(&c->end); i++) {
        char *guess = cg_asprintf("guess%u", i), *bad = basic("bob", guess);

        if (ask(c, good, true) == CG_OK)
            atomic_fetch_add(&c->logged_in, 1);
        if (ask(c, bad, true) == CG_OK)
            atomic_fetch_add(&c->wrong, 1);
        free(guess);
        free(bad);
    }
    free(good);
    return NULL;
}

static enum cg_err look(void *cls, struct cg_token *token)
{
    *(int64_t *)cls += token->id;
    return CG_OK;
}

static void *reload_on(void *cls)
{
    struct crowd *c = cls;
    int64_t sum = 0;

    while (!atomic_load(&c->end)) {
        cg_authn_reconfigure(c->f->authn, c->f->conf, c->f->dir);
        if (cg_authn_token_each(c->f->authn, "id-alice", look, &sum) != CG_OK)
            atomic_fetch_add(&c->wrong, 1);
        pause_ms(5);
    }
    return NULL;
}

static void reads_changes_ticks_logins_and_reloads_go_on_at_once(void **state)
{
    struct crowd c = {.f = fixture_new("basic_auth = \"everywhere\"\nrevalidate_interval = \"1s\"\n")};
    void *(*const others[])(void *) = {tick_on, look_on, change_on, change_on, log_in_on, reload_on};
    pthread_t threads[READERS + OTHERS];

    (void)state;
    c.token = fixture_token(c.f);
    for (int i = 0; i < READERS + OTHERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, i < READERS ? read_on : others[i - READERS], &c), 0);
    pause_ms(RUN_MS);
    atomic_store(&c.end, true);
    for (int i = 0; i < READERS + OTHERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&c.wrong), 0);
    assert_true(atomic_load(&c.ok) > 100);
    assert_true(atomic_load(&c.made) > 2);
    assert_true(atomic_load(&c.logged_in) > 0);
    assert_in_range(logins(c.f), 1, 3 + atomic_load(&c.logged_in)); /* bob's guesses are three at most */
    free(c.token);
    fixture_free(c.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_changes_ticks_logins_and_reloads_go_on_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
