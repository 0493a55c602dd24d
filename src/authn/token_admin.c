/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Making, revoking and listing tokens, and keeping the table in memory equal
 * to the database, which other processes change too. Every change holds
 * change_lock from the database to the table, so that a reload cannot put an
 * older state over a newer one.
 */
#include <stdlib.h>
#include <string.h>

#include "authn/authn_private.h"
#include "authn/token_secret.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "log/log.h"

#define GENERATION "tokens"
#define NAME_MAX_CHARS 100
#define DAY_S 86400
#define CLOCK_SLACK_S 300 /* a client that asks for the longest life reckons it with its own clock */
#define TOKENS_PER_OWNER 1000
#define SERVICE_PREFIX "service:"

/* A growing array of references. */
struct tokens {
    struct cg_token **items;
    size_t count, room;
};

static enum cg_err keep(void *cls, struct cg_token *token)
{
    struct tokens *tokens = cls;

    if (tokens->count == tokens->room) {
        tokens->room = tokens->room ? tokens->room * 2 : 64;
        tokens->items = cg_reallocarray(tokens->items, tokens->room, sizeof(*tokens->items));
    }
    tokens->items[tokens->count++] = cg_token_ref(token);
    return CG_OK;
}

static enum cg_err generation_of(struct cg_authn *authn, int64_t *value_out, struct cg_error *err)
{
    return authn->md->ops->generation(authn->md, GENERATION, value_out, err);
}

enum cg_err cg_authn_tokens_refresh(struct cg_authn *authn, struct cg_error *err)
{
    struct tokens tokens = {0};
    int64_t generation;
    enum cg_err rc = generation_of(authn, &generation, err);

    if (rc != CG_OK || generation == authn->generation)
        return rc;
    /* The generation was read first: what changes meanwhile is seen the next time. */
    rc = authn->md->ops->token_each(authn->md, keep, &tokens, err);
    if (rc == CG_OK) {
        cg_token_table_replace(authn->tokens, tokens.items, tokens.count);
        authn->generation = generation;
    }
    cg_token_list_free(tokens.items, tokens.count);
    return rc;
}

/* Tells other processes. When nobody else changed anything since, this one need not load it all again. */
static enum cg_err announce(struct cg_authn *authn, struct cg_error *err)
{
    int64_t generation;
    enum cg_err rc = authn->md->ops->generation_bump(authn->md, GENERATION, err);

    if (rc == CG_OK && generation_of(authn, &generation, NULL) == CG_OK && generation == authn->generation + 1)
        authn->generation = generation;
    return rc;
}

static size_t count_chars(const char *text)
{
    size_t count = 0;

    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static bool is_printable(const char *text)
{
    size_t len = strlen(text);
    char *shown = cg_malloc(len + 1);
    bool same;

    cg_str_printable(text, len, shown, len + 1); /* replaces what is not */
    same = strcmp(text, shown) == 0;
    free(shown);
    return same;
}

static enum cg_err check_name(const char *name, struct cg_error *err)
{
    if (!name || !*name || strlen(name) > 4 * NAME_MAX_CHARS || !is_printable(name) ||
        count_chars(name) > NAME_MAX_CHARS)
        return cg_error_set(err, CG_ERR_INVALID, "a token's name must be 1 to %d printable characters", NAME_MAX_CHARS);
    return CG_OK;
}

static enum cg_err check_expiry(const struct cg_conf *conf, int64_t expires_at, int64_t now, struct cg_error *err)
{
    if (expires_at == 0)
        return CG_OK;
    if (expires_at <= now)
        return cg_error_set(err, CG_ERR_INVALID, "the token would have expired already; ask for a time to come");
    if (expires_at > now + (int64_t)conf->max_token_days * DAY_S + CLOCK_SLACK_S)
        return cg_error_set(
            err, CG_ERR_INVALID,
            "a token lives at most %u days (max_token_days in the registry's configuration); ask for an "
            "earlier expiry, or for none, which gives %u days",
            conf->max_token_days, conf->default_token_days);
    return CG_OK;
}

static enum cg_err check_scopes(const struct cg_token *wanted, struct cg_error *err)
{
    if (wanted->actions == 0 || (wanted->actions & ~(unsigned)CG_ACTION_ALL))
        return cg_error_set(err, CG_ERR_INVALID, "a token needs at least one action");
    for (char *const *p = wanted->crates; p && *p; p++)
        if (!cg_crate_pattern_valid(*p))
            return cg_error_set(err, CG_ERR_INVALID,
                                "\"%.80s\" is no crate's name, nor the beginning of one followed by \"*\"", *p);
    for (char *const *p = wanted->namespaces; p && *p; p++)
        if (!cg_namespace_valid(*p))
            return cg_error_set(err, CG_ERR_INVALID, "\"%.80s\" is no namespace's name", *p);
    return CG_OK;
}

static bool is_grant(const char *text)
{
    const char *colon = strchr(text, ':');
    char *ns = cg_strndup(text, colon ? (size_t)(colon - text) : strlen(text));
    bool good = colon && cg_namespace_valid(ns) &&
                (strcmp(colon, ":read") == 0 || strcmp(colon, ":publish") == 0 || strcmp(colon, ":admin") == 0);

    free(ns);
    return good;
}

static enum cg_err check_service(const struct cg_token *wanted, struct cg_error *err)
{
    if (!cg_str_starts(wanted->owner_id, SERVICE_PREFIX) ||
        !cg_namespace_valid(wanted->owner_id + strlen(SERVICE_PREFIX)))
        return cg_error_set(err, CG_ERR_INVALID,
                            "a service's name is 1 to 63 lower-case letters, digits and \"-\", beginning with a letter "
                            "or digit");
    if (!wanted->grants || !wanted->grants[0])
        return cg_error_set(err, CG_ERR_INVALID, "a service's token needs at least one grant, NAMESPACE:ROLE");
    for (char *const *p = wanted->grants; *p; p++)
        if (!is_grant(*p))
            return cg_error_set(err, CG_ERR_INVALID,
                                "\"%.80s\" is no grant: NAMESPACE:read, NAMESPACE:publish or NAMESPACE:admin", *p);
    return CG_OK;
}

static enum cg_err check_owner(const struct cg_token *wanted, struct cg_error *err)
{
    if (!wanted->owner_id || !*wanted->owner_id || !wanted->owner_name)
        return cg_error_set(err, CG_ERR_INVALID, "a token needs an owner");
    if (wanted->kind == CG_TOKEN_SERVICE)
        return check_service(wanted, err);
    if (wanted->grants || wanted->group || cg_str_starts(wanted->owner_id, SERVICE_PREFIX))
        return cg_error_set(err, CG_ERR_INVALID,
                            "a person's rights come from the directory, not from a token's grants");
    return CG_OK;
}

static enum cg_err check_wanted(const struct cg_conf *conf, const struct cg_token *wanted, int64_t now,
                                struct cg_error *err)
{
    enum cg_err rc = check_name(wanted->name, err);

    if (rc == CG_OK)
        rc = check_owner(wanted, err);
    if (rc == CG_OK)
        rc = check_scopes(wanted, err);
    return rc == CG_OK ? check_expiry(conf, wanted->expires_at, now, err) : rc;
}

static size_t count_live(struct cg_authn *authn, const char *owner_id, int64_t now)
{
    size_t count, live = 0;
    struct cg_token **tokens = cg_token_table_list(authn->tokens, owner_id, &count);

    for (size_t i = 0; i < count; i++)
        live += tokens[i]->expires_at > now;
    cg_token_list_free(tokens, count);
    return live;
}

static struct cg_token *make(const struct cg_authn_view *view, const struct cg_token *wanted, int64_t now,
                             struct cg_secret *secret)
{
    struct cg_token *token = cg_token_new();

    token->kind = wanted->kind;
    token->name = cg_strdup(wanted->name);
    token->owner_id = cg_strdup(wanted->owner_id);
    token->owner_name = cg_strdup(wanted->owner_name);
    token->created_at = now;
    token->expires_at = wanted->expires_at ? wanted->expires_at : now + (int64_t)view->conf->default_token_days * DAY_S;
    token->actions = wanted->actions;
    token->crates = cg_strlist_copy(wanted->crates);
    for (char **p = token->crates; p && *p; p++) {
        char folded[CG_CRATE_NAME_MAX + 2] = ""; /* and the '*' */
        bool open = cg_str_ends(*p, "*");

        (*p)[strlen(*p) - open] = '\0';
        cg_crate_name_fold(*p, folded);
        free(*p);
        *p = cg_asprintf("%s%s", folded, open ? "*" : "");
    }
    token->namespaces = cg_strlist_copy(wanted->namespaces);
    token->grants = cg_strlist_copy(wanted->grants);
    cg_token_secret_make(token->kind, secret);
    cg_hmac(view->authn->token_key, secret->bytes, secret->len, NULL, 0, token->digest);
    return token;
}

/* One spelling a group, so that all its services share one verdict. */
static enum cg_err set_group(const struct cg_authn_view *view, const struct cg_token *wanted, struct cg_token *token,
                             struct cg_error *err)
{
    return wanted->group ? view->dir->ops->canonical_dn(view->dir, wanted->group, &token->group, err) : CG_OK;
}

/* Into the database and the table, and announced; or nowhere. */
static enum cg_err publish(struct cg_authn *authn, struct cg_token *token, int64_t now, struct cg_error *err)
{
    const struct cg_metadata_ops *ops = authn->md->ops;
    enum cg_err rc;

    pthread_mutex_lock(&authn->change_lock);
    if (count_live(authn, token->owner_id, now) >= TOKENS_PER_OWNER)
        rc = cg_error_set(err, CG_ERR_CONFLICT, "%s has %d tokens already; revoke some that are not needed",
                          token->owner_name, TOKENS_PER_OWNER);
    else
        rc = ops->token_insert(authn->md, token, &token->id, err);
    if (rc == CG_OK) {
        rc = announce(authn, err);
        if (rc == CG_OK)
            cg_token_table_put(authn->tokens, token);
        else if (ops->token_delete(authn->md, token->id, NULL) != CG_OK)
            cg_log(CG_LOG_WARN, "authn", NULL, "token %lld was stored but given to nobody", (long long)token->id);
    }
    pthread_mutex_unlock(&authn->change_lock);
    return rc;
}

enum cg_err cg_authn_token_create(struct cg_authn *authn, const struct cg_token *wanted, struct cg_secret *secret_out,
                                  struct cg_token **token_out, struct cg_error *err)
{
    struct cg_authn_view view = cg_authn_view_get(authn);
    int64_t now = cg_clock_wall_s();
    struct cg_secret secret = {0};
    struct cg_token *token = NULL;
    enum cg_err rc = check_wanted(view.conf, wanted, now, err);

    if (rc == CG_OK) {
        token = make(&view, wanted, now, &secret);
        rc = set_group(&view, wanted, token, err);
    }
    if (rc == CG_OK)
        rc = publish(authn, token, now, err);
    if (rc == CG_OK) {
        cg_secret_copy(secret_out, &secret);
        *token_out = cg_token_ref(token);
    }
    cg_token_unref(&token);
    cg_secret_free(&secret);
    cg_authn_view_put(&view);
    return rc;
}

static bool is_owned(struct cg_authn *authn, int64_t id, const char *owner_id)
{
    size_t count;
    struct cg_token **tokens = cg_token_table_list(authn->tokens, owner_id, &count);
    bool found = false;

    for (size_t i = 0; i < count && !found; i++)
        found = tokens[i]->id == id;
    cg_token_list_free(tokens, count);
    return found;
}

static enum cg_err revoke(struct cg_authn *authn, int64_t id, struct cg_error *err)
{
    enum cg_err rc = authn->md->ops->token_delete(authn->md, id, err);

    if (rc != CG_OK && rc != CG_ERR_ABSENT) /* ABSENT: another process was faster, which is what was wanted */
        return rc;
    cg_token_table_remove(authn->tokens, id);
    if (announce(authn, err) == CG_OK)
        return CG_OK;
    cg_error_prefix(err, "the token is revoked, but other processes could not be told and may take it until they "
                         "start again; run the revocation again");
    return CG_ERR_UNAVAILABLE;
}

enum cg_err cg_authn_token_revoke(struct cg_authn *authn, int64_t id, const char *owner_id, struct cg_error *err)
{
    enum cg_err rc;

    pthread_mutex_lock(&authn->change_lock);
    rc = cg_authn_tokens_refresh(authn, err); /* it may be another process's */
    if (rc == CG_OK) {
        if (is_owned(authn, id, owner_id))
            rc = revoke(authn, id, err);
        else
            rc = cg_error_set(err, CG_ERR_ABSENT, "there is no token %lld%s", (long long)id,
                              owner_id ? " of yours; the list of your tokens shows their numbers" : "");
    }
    pthread_mutex_unlock(&authn->change_lock);
    return rc;
}
