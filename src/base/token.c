/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "crategate/token.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "base/str.h"

#define LIST_SEPARATORS ", \t\r\n"

struct cg_token *cg_token_new(void)
{
    struct cg_token *token = cg_calloc(1, sizeof *token);
    atomic_init(&token->refs, 1);
    return token;
}

struct cg_token *cg_token_ref(struct cg_token *token)
{
    atomic_fetch_add_explicit(&token->refs, 1, memory_order_relaxed);
    return token;
}

void cg_token_unref(struct cg_token **token)
{
    struct cg_token *t = *token;
    *token = NULL;
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    cg_wipe(t->digest, sizeof t->digest);
    free(t->name);
    free(t->owner_id);
    free(t->owner_name);
    cg_strlist_free(&t->crates);
    cg_strlist_free(&t->namespaces);
    free(t->group);
    cg_strlist_free(&t->grants);
    free(t);
}

static const struct {
    enum cg_action bit;
    const char *scope;
} actions[] = {
#define X(name, bit, scope) {CG_ACTION_##name, scope},
    CG_ACTION_TABLE(X)
#undef X
};
#define ACTIONS (sizeof actions / sizeof actions[0])

enum cg_err cg_action_from_scope(const char *scope, enum cg_action *action_out)
{
    for (size_t i = 0; i < ACTIONS; i++) {
        if (!cg_streq(scope, actions[i].scope))
            continue;
        *action_out = actions[i].bit;
        return CG_OK;
    }
    return CG_ERR_INVALID;
}

const char *cg_action_name(enum cg_action action)
{
    for (size_t i = 0; i < ACTIONS; i++)
        if (actions[i].bit == action)
            return actions[i].scope;
    switch (action) {
    case CG_ACTION_NONE:
        return "none";
    case CG_ACTION_PUBLISH:
        return "publish";
    case CG_ACTION_ALL:
        return "all";
    default:
        return "several";
    }
}

static size_t list_length(char *const *list)
{
    size_t n = 0;
    while (list[n])
        n++;
    return n;
}

char **cg_strlist_copy(char *const *list)
{
    if (!list)
        return NULL;
    size_t n = list_length(list);
    char **copy = cg_calloc(n + 1, sizeof *copy);
    for (size_t i = 0; i < n; i++)
        copy[i] = cg_strdup(list[i]);
    return copy;
}

char **cg_strlist_split(const char *text)
{
    char **list = NULL;
    size_t n = 0;
    for (;;) {
        text += strspn(text, LIST_SEPARATORS);
        if (!*text)
            return list;
        size_t len = strcspn(text, LIST_SEPARATORS);
        list = cg_reallocarray(list, n + 2, sizeof *list);
        list[n++] = cg_strndup(text, len);
        list[n] = NULL;
        text += len;
    }
}

void cg_strlist_free(char ***list)
{
    for (size_t i = 0; *list && (*list)[i]; i++)
        free((*list)[i]);
    free(*list);
    *list = NULL;
}

char *cg_strlist_join(char *const *list, const char *sep)
{
    size_t size = 1;
    for (size_t i = 0; list && list[i]; i++)
        size += strlen(list[i]) + strlen(sep);
    char *text = cg_malloc(size), *at = text;
    for (size_t i = 0; list && list[i]; i++) {
        at = stpcpy(at, i ? sep : "");
        at = stpcpy(at, list[i]);
    }
    *at = '\0';
    return text;
}
