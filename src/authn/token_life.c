/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Whether tokens still work, when they were used, and the end of those that do not. */
#include <stdlib.h>
#include <string.h>

#include "authn/authn_private.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "log/log.h"

#define DAY_S 86400
#define PURGE_AFTER_S (30 * DAY_S)
#define PURGE_AT_ONCE 100

static int64_t unused_end(const struct cg_conf *conf, const struct cg_token *token)
{
    int64_t last = atomic_load_explicit(&token->last_used_at, memory_order_relaxed);

    return conf->unused_token_days == 0 ? INT64_MAX
                                        : (last ? last : token->created_at) + (int64_t)conf->unused_token_days * DAY_S;
}

enum cg_token_state cg_authn_token_life(const struct cg_conf *conf, const struct cg_token *token, int64_t now_s,
                                        int64_t *since_out)
{
    int64_t unused = unused_end(conf, token);
    bool expired = token->expires_at <= unused;
    int64_t end = expired ? token->expires_at : unused;

    if (now_s < end)
        return CG_TOKEN_WORKS;
    if (since_out)
        *since_out = end;
    return expired ? CG_TOKEN_EXPIRED : CG_TOKEN_UNUSED;
}

char *cg_authn_subject_of(const struct cg_token *token)
{
    if (token->kind == CG_TOKEN_PERSON)
        return cg_strdup(token->owner_id);
    return token->group ? cg_asprintf(CG_SUBJECT_GROUP "%s", token->group) : NULL;
}

void cg_authn_token_status(struct cg_authn *authn, const struct cg_token *token, struct cg_token_status *status_out)
{
    struct cg_authn_view view = cg_authn_view_get(authn);
    struct cg_token_status status = {0};
    struct cg_subject_state state = {0};
    char *id = cg_authn_subject_of(token);
    bool known = id && cg_subjects_get(authn->subjects, id, &state);

    status.state = cg_authn_token_life(view.conf, token, cg_clock_wall_s(), &status.since);
    if (status.state == CG_TOKEN_WORKS && known && state.verdict != CG_VERDICT_GOOD) {
        status.state = CG_TOKEN_SUSPENDED;
        status.since = state.suspended_at ? state.suspended_at : state.gone_since;
    }
    status.owner_name =
        cg_strdup(token->kind == CG_TOKEN_PERSON && state.who ? cg_identity_name(state.who) : token->owner_name);
    cg_subject_state_clear(&state);
    cg_authn_view_put(&view);
    free(id);
    *status_out = status;
}

void cg_token_status_clear(struct cg_token_status *status)
{
    free(status->owner_name);
    memset(status, 0, sizeof(*status));
}

static enum cg_err visit_list(struct cg_token **tokens, size_t count, cg_token_visit visit, void *cls)
{
    enum cg_err rc = CG_OK;

    for (size_t i = 0; rc == CG_OK && i < count; i++)
        rc = visit(cls, tokens[i]);
    cg_token_list_free(tokens, count);
    return rc;
}

enum cg_err cg_authn_token_all(struct cg_authn *authn, cg_token_visit visit, void *cls)
{
    size_t count;
    struct cg_token **tokens = cg_token_table_list(authn->tokens, NULL, &count);

    return visit_list(tokens, count, visit, cls);
}

/* Leaves out what the caller does not want, and closes the gaps. */
static size_t keep_if(struct cg_token **tokens, size_t count, bool (*wanted)(const void *cls, const struct cg_token *),
                      const void *cls)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (wanted(cls, tokens[i]))
            tokens[kept++] = tokens[i];
        else
            cg_token_unref(&tokens[i]);
    }
    return kept;
}

struct life_wish {
    const struct cg_conf *conf;
    int64_t now_s;
};

static bool still_works(const void *cls, const struct cg_token *token)
{
    const struct life_wish *wish = cls;

    return cg_authn_token_life(wish->conf, token, wish->now_s, NULL) == CG_TOKEN_WORKS;
}

enum cg_err cg_authn_token_each(struct cg_authn *authn, const char *owner_id, cg_token_visit visit, void *cls)
{
    struct cg_authn_view view = cg_authn_view_get(authn);
    struct life_wish wish = {.conf = view.conf, .now_s = cg_clock_wall_s()};
    size_t count;
    struct cg_token **tokens = cg_token_table_list(authn->tokens, owner_id, &count);

    count = keep_if(tokens, count, still_works, &wish);
    cg_authn_view_put(&view);
    return visit_list(tokens, count, visit, cls);
}

static bool is_of_group(const void *dn, const struct cg_token *token)
{
    return token->group && strcmp(token->group, dn) == 0;
}

struct cg_token **cg_authn_tokens_of(struct cg_authn *authn, const char *subject, size_t *count_out)
{
    bool group = cg_str_starts(subject, CG_SUBJECT_GROUP);
    struct cg_token **tokens = cg_token_table_list(authn->tokens, group ? NULL : subject, count_out);

    if (group)
        *count_out = keep_if(tokens, *count_out, is_of_group, subject + strlen(CG_SUBJECT_GROUP));
    return tokens;
}

void cg_authn_tokens_write_uses(struct cg_authn *authn)
{
    struct cg_error err = {0};
    size_t count;
    struct cg_token **tokens = cg_token_table_take_used(authn->tokens, &count);
    int64_t *ids, *times;

    if (count == 0)
        return;
    ids = cg_calloc(count, sizeof(*ids));
    times = cg_calloc(count, sizeof(*times));
    for (size_t i = 0; i < count; i++) {
        ids[i] = tokens[i]->id;
        times[i] = atomic_load(&tokens[i]->last_used_at);
    }
    if (authn->md->ops->token_touch(authn->md, ids, times, count, &err) != CG_OK)
        cg_token_table_give_back_used(authn->tokens, tokens, count);
    free(ids);
    free(times);
    cg_token_list_free(tokens, count);
}

bool cg_authn_tokens_delete(struct cg_authn *authn, struct cg_token *const *tokens, size_t count)
{
    bool all = true;

    for (size_t i = 0; i < count; i++) {
        enum cg_err rc;

        pthread_mutex_lock(&authn->change_lock);
        rc = authn->md->ops->token_delete(authn->md, tokens[i]->id, NULL);
        if (rc == CG_OK || rc == CG_ERR_ABSENT)
            cg_token_table_remove(authn->tokens, tokens[i]->id);
        pthread_mutex_unlock(&authn->change_lock);
        all = all && (rc == CG_OK || rc == CG_ERR_ABSENT);
    }
    return all;
}

static bool ended_long_ago(const void *cls, const struct cg_token *token)
{
    const struct life_wish *wish = cls;

    return cg_authn_token_life(wish->conf, token, wish->now_s - PURGE_AFTER_S, NULL) != CG_TOKEN_WORKS;
}

/* A token that ended long ago is of no use even for telling its owner so. */
void cg_authn_tokens_purge(struct cg_authn *authn, const struct cg_conf *conf)
{
    struct life_wish wish = {.conf = conf, .now_s = cg_clock_wall_s()};
    size_t count;
    struct cg_token **tokens = cg_token_table_list(authn->tokens, NULL, &count);

    count = keep_if(tokens, count, ended_long_ago, &wish);
    if (!cg_authn_tokens_delete(authn, tokens, count < PURGE_AT_ONCE ? count : PURGE_AT_ONCE))
        cg_log(CG_LOG_DEBUG, "authn", NULL, "tokens that ended long ago could not be deleted now");
    cg_token_list_free(tokens, count);
}
