/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "authn/authn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authn/authn_private.h"
#include "authn/token_key.h"
#include "authn/token_secret.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "log/metrics.h"

#define SWEEP_MS 60000
#define SWEEP_AT_ONCE 256
#define SAVE_MS 10000 /* verdicts that only got older are written down this often */

struct cg_authn_view cg_authn_view_get(struct cg_authn *authn)
{
    struct cg_authn_view view = {.authn = authn};

    pthread_rwlock_rdlock(&authn->settings_lock);
    view.conf = cg_conf_ref(authn->conf);
    view.dir = authn->dir;
    view.epoch = authn->epoch;
    pthread_rwlock_unlock(&authn->settings_lock);
    return view;
}

void cg_authn_view_put(struct cg_authn_view *view)
{
    cg_conf_unref(&view->conf);
}

bool cg_authn_view_current(const struct cg_authn_view *view)
{
    bool current;

    pthread_rwlock_rdlock(&view->authn->settings_lock);
    current = view->epoch == view->authn->epoch;
    pthread_rwlock_unlock(&view->authn->settings_lock);
    return current;
}

static struct cg_authn *authn_alloc(const struct cg_conf *conf, struct cg_directory *dir, struct cg_metadata *md)
{
    struct cg_authn *authn = cg_calloc(1, sizeof(*authn));

    pthread_rwlock_init(&authn->settings_lock, NULL);
    pthread_mutex_init(&authn->change_lock, NULL);
    authn->conf = cg_conf_ref((struct cg_conf *)conf); /* counting references is no change to it */
    authn->dir = dir;
    authn->md = md;
    authn->anonymous = cg_identity_new(CG_IDENTITY_ANONYMOUS, NULL, NULL, NULL, NULL);
    cg_identity_seal(authn->anonymous);
    authn->tokens = cg_token_table_new();
    authn->generation = -1;
    authn->subjects = cg_subjects_new();
    authn->passwords = cg_password_cache_new();
    authn->by_person = cg_throttle_new();
    authn->by_address = cg_throttle_new();
    authn->pace = cg_pace_new();
    authn->asking = cg_keylock_new();
    authn->sweep = cg_sweep_new(conf);
    authn->swept_at = authn->saved_at = cg_clock_mono_ms();
    authn->purged_at = authn->swept_at;
    cg_authn_fingerprint(conf, authn->fingerprint);
    return authn;
}

static void authn_dealloc(struct cg_authn *authn)
{
    cg_sweep_free(&authn->sweep);
    cg_keylock_free(&authn->asking);
    cg_pace_free(&authn->pace);
    cg_throttle_free(&authn->by_address);
    cg_throttle_free(&authn->by_person);
    cg_password_cache_free(&authn->passwords);
    cg_subjects_free(&authn->subjects);
    cg_token_table_free(&authn->tokens);
    cg_identity_unref(&authn->anonymous);
    cg_hmac_free(&authn->token_key);
    cg_conf_unref(&authn->conf);
    pthread_mutex_destroy(&authn->change_lock);
    pthread_rwlock_destroy(&authn->settings_lock);
    free(authn);
}

/* A key that had to be made fits no token of before. */
static void warn_if_void(struct cg_authn *authn, bool made)
{
    size_t count;
    struct cg_token **tokens = cg_token_table_list(authn->tokens, NULL, &count);

    cg_token_list_free(tokens, count);
    if (made && count > 0)
        cg_log(CG_LOG_WARN, "authn", NULL,
               "%s/token.key was missing and a new one was made: the %zu tokens issued before do not work any more",
               authn->conf->state_dir, count);
}

enum cg_err cg_authn_new(const struct cg_conf *conf, struct cg_directory *dir, struct cg_metadata *md,
                         struct cg_authn **authn_out, struct cg_error *err)
{
    struct cg_authn *authn = authn_alloc(conf, dir, md);
    bool made = false;
    enum cg_err rc = cg_token_key_open(conf->state_dir, &authn->token_key, &made, err);

    if (rc == CG_OK) {
        pthread_mutex_lock(&authn->change_lock);
        rc = cg_authn_tokens_refresh(authn, err);
        pthread_mutex_unlock(&authn->change_lock);
    }
    if (rc == CG_OK)
        rc = cg_authn_subjects_load(authn, err);
    if (rc == CG_OK) {
        warn_if_void(authn, made);
        *authn_out = authn;
    } else {
        authn_dealloc(authn);
    }
    return rc;
}

void cg_authn_free(struct cg_authn **authn)
{
    if (!*authn)
        return;
    cg_authn_tokens_write_uses(*authn);
    cg_authn_subjects_save(*authn);
    authn_dealloc(*authn);
    *authn = NULL;
}

void cg_authn_set_audit(struct cg_authn *authn, struct cg_audit *audit)
{
    authn->audit = audit;
}

void cg_authn_reconfigure(struct cg_authn *authn, const struct cg_conf *conf, struct cg_directory *dir)
{
    char fingerprint[CG_FINGERPRINT_SIZE];
    struct cg_conf *old;

    cg_authn_fingerprint(conf, fingerprint);
    pthread_rwlock_wrlock(&authn->settings_lock);
    old = authn->conf;
    authn->conf = cg_conf_ref((struct cg_conf *)conf);
    authn->dir = dir;
    authn->epoch++;
    memcpy(authn->fingerprint, fingerprint, sizeof(fingerprint));
    pthread_rwlock_unlock(&authn->settings_lock);
    cg_conf_unref(&old);
    cg_subjects_expire_all(authn->subjects);
    cg_password_cache_clear(authn->passwords);
}

static enum cg_err bad_token(const struct cg_authn_view *view, struct cg_error *err, const char *what)
{
    cg_metric_add(CG_METRIC_TOKEN_BAD, 1);
    return cg_error_set(err, CG_ERR_UNAUTHENTICATED, "%s; get one at %s/me and give it to `cargo login`", what,
                        view->conf->public_url);
}

/* Somebody's own token over their own name; the name may have changed since the token was made. */
static bool name_fits(const char *sent, const struct cg_token *token, const struct cg_identity *who)
{
    char folded[CG_LOGIN_NAME_MAX + 1], other[CG_LOGIN_NAME_MAX + 1];

    if (!sent)
        return true;
    cg_login_name_fold(sent, folded);
    cg_login_name_fold(token->owner_name, other);
    if (strcmp(folded, other) == 0)
        return true;
    cg_login_name_fold(cg_identity_name(who), other);
    return strcmp(folded, other) == 0;
}

static enum cg_err judge(const struct cg_authn_view *view, const struct cg_subject_question *q, bool block,
                         struct cg_identity **who_out, struct cg_error *err)
{
    enum cg_err rc = cg_subjects_judge(view->authn->subjects, q, who_out, err);

    return rc == CG_ERR_AGAIN && block ? cg_authn_revalidate(view, q->id, q->writes, who_out, err) : rc;
}

/* A service is known from its token alone; when a group owns it, there must be somebody in that. */
static enum cg_err check_group(const struct cg_authn_view *view, const struct cg_token *token,
                               struct cg_subject_question *q, bool block, struct cg_error *err)
{
    char *id = cg_authn_subject_of(token);
    struct cg_identity *group = NULL;
    enum cg_err rc = CG_OK;

    q->id = id;
    if (id)
        rc = judge(view, q, block, &group, err);
    cg_identity_unref(&group);
    free(id);
    return rc;
}

/* The token's owner as the directory knows them; a service's comes from the table. */
static enum cg_err find_owner(const struct cg_authn_view *view, const struct cg_token *token, bool writes, bool block,
                              struct cg_identity **who_out, struct cg_error *err)
{
    struct cg_subject_question q = {
        .conf = view->conf, .id = token->owner_id, .writes = writes, .now_ms = cg_clock_mono_ms()};

    if (token->kind == CG_TOKEN_SERVICE)
        return check_group(view, token, &q, block, err);
    return judge(view, &q, block, who_out, err);
}

static enum cg_err check_age(const struct cg_authn_view *view, const struct cg_token *token, struct cg_error *err)
{
    char text[120];

    switch (cg_authn_token_life(view->conf, token, cg_clock_wall_s(), NULL)) {
    case CG_TOKEN_EXPIRED:
        return bad_token(view, err, "this token has expired");
    case CG_TOKEN_UNUSED:
        snprintf(text, sizeof(text),
                 "this token was not used for %u days (unused_token_days) and does not work any more",
                 view->conf->unused_token_days);
        return bad_token(view, err, text);
    default:
        return CG_OK;
    }
}

static enum cg_err check_token(const struct cg_authn_view *view, const struct cg_authn_request *request, bool block,
                               struct cg_authn_answer *answer, struct cg_error *err)
{
    const struct cg_secret *secret = &request->cred->secret;
    unsigned char digest[CG_TOKEN_DIGEST_SIZE];
    struct cg_token *token = NULL;
    struct cg_identity *who = NULL;
    enum cg_err rc;

    /* Pitfall 11: neither garbage nor a token that was never issued goes any further than this. */
    if (!cg_token_secret_plausible(secret->bytes, secret->len))
        return bad_token(view, err, "this is no token of this registry, or a part of one");
    cg_hmac(view->authn->token_key, secret->bytes, secret->len, NULL, 0, digest);
    if (!cg_token_table_get(view->authn->tokens, digest, &token, &who))
        return bad_token(view, err, "this token is not known here, or was revoked");
    rc = check_age(view, token, err);
    if (rc == CG_OK)
        rc = find_owner(view, token, request->writes, block, &who, err);
    if (rc == CG_OK && !name_fits(request->cred->username, token, who))
        rc = bad_token(view, err, "this token belongs to another user than the one named with it");
    if (rc == CG_OK) {
        cg_token_table_used(view->authn->tokens, token, cg_clock_wall_s());
        cg_metric_add(CG_METRIC_TOKEN_HITS, 1);
        answer->caller = (struct cg_caller){.who = who, .token = token};
        return CG_OK;
    }
    cg_identity_unref(&who);
    cg_token_unref(&token);
    return rc;
}

/* A token where a password should be (the web form cannot tell them apart) is checked as one: never by a bind. */
static bool is_token(const struct cg_credentials *cred)
{
    return cred->kind == CG_CRED_TOKEN || cg_token_secret_plausible(cred->secret.bytes, cred->secret.len);
}

static enum cg_err authenticate(struct cg_authn *authn, const struct cg_authn_request *request, bool block,
                                struct cg_authn_answer *answer, struct cg_error *err)
{
    struct cg_authn_view view = cg_authn_view_get(authn);
    const struct cg_credentials *cred = request->cred;
    enum cg_err rc = CG_OK;

    *answer = (struct cg_authn_answer){0};
    if (cred->kind == CG_CRED_NONE)
        answer->caller.who = cg_identity_ref(authn->anonymous); /* whether that is enough is the policy's business */
    else if (cred->kind == CG_CRED_MALFORMED)
        rc = bad_token(&view, err, cred->problem);
    else if (is_token(cred))
        rc = check_token(&view, request, block, answer, err);
    else
        rc = block ? cg_login_slow(&view, request, answer, err) : cg_login_fast(&view, request, answer, err);
    cg_authn_view_put(&view);
    return rc;
}

enum cg_err cg_authn_fast(struct cg_authn *authn, const struct cg_authn_request *request,
                          struct cg_authn_answer *answer, struct cg_error *err)
{
    return authenticate(authn, request, false, answer, err);
}

enum cg_err cg_authn_slow(struct cg_authn *authn, const struct cg_authn_request *request,
                          struct cg_authn_answer *answer, struct cg_error *err)
{
    return authenticate(authn, request, true, answer, err);
}

void cg_caller_free(struct cg_caller *caller)
{
    cg_identity_unref(&caller->who);
    cg_token_unref(&caller->token);
}

static void refresh_tokens(struct cg_authn *authn)
{
    struct cg_error err = {0};
    enum cg_err rc;

    pthread_mutex_lock(&authn->change_lock);
    rc = cg_authn_tokens_refresh(authn, &err);
    pthread_mutex_unlock(&authn->change_lock);
    if (rc != CG_OK && !authn->database_down) /* once, not every second */
        cg_log_error(CG_LOG_WARN, "authn", NULL, &err, "the tokens could not be loaded; those in memory stay in force");
    authn->database_down = rc != CG_OK;
}

static void save_subjects(struct cg_authn *authn)
{
    int64_t now = cg_clock_mono_ms();

    if (now - authn->saved_at < SAVE_MS && !cg_subjects_urgent(authn->subjects))
        return;
    authn->saved_at = now;
    cg_authn_subjects_save(authn);
}

static void forget_subjects(struct cg_authn *authn, const struct cg_conf *conf, int64_t now)
{
    char *ids[SWEEP_AT_ONCE];
    size_t count = cg_subjects_sweep(authn->subjects, conf, now, ids, SWEEP_AT_ONCE);

    cg_authn_subjects_delete(authn, ids, count);
    for (size_t i = 0; i < count; i++)
        free(ids[i]);
}

static void forget_old(struct cg_authn *authn)
{
    struct cg_authn_view view = cg_authn_view_get(authn);
    int64_t now = cg_clock_mono_ms();

    if (now - authn->swept_at >= SWEEP_MS) {
        authn->swept_at = now;
        forget_subjects(authn, view.conf, now);
        cg_password_cache_sweep(authn->passwords, now);
        cg_throttle_sweep(authn->by_person, now - view.conf->ldap.failure_window);
        cg_throttle_sweep(authn->by_address, now - SWEEP_MS);
        cg_authn_tokens_purge(authn, view.conf);
    }
    cg_authn_view_put(&view);
}

void cg_authn_tick(struct cg_authn *authn)
{
    refresh_tokens(authn);
    cg_authn_tokens_write_uses(authn);
    save_subjects(authn);
    forget_old(authn);
}
