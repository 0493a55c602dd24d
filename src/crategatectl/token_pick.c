/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Which tokens an administrator means: by owner, by group, by namespace. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authn/throttle.h"
#include "base/map.h"
#include "base/mem.h"
#include "crategatectl/token.h"

#define OPTIONS_MAX 8

static const struct option known[] = {{"user", required_argument, NULL, 'u'},
                                      {"group", required_argument, NULL, 'g'},
                                      {"namespace", required_argument, NULL, 'n'},
                                      {"json", no_argument, NULL, 'j'},
                                      {"dry-run", no_argument, NULL, 'd'}};

static size_t choose(const char *const *allowed, struct option options[OPTIONS_MAX])
{
    size_t count = 0;

    for (; *allowed; allowed++)
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            if (strcmp(known[i].name, *allowed) == 0)
                options[count++] = known[i];
    options[count] = (struct option){0};
    return count;
}

bool cg_token_pick_parse(int argc, char **argv, const char *const *allowed, struct cg_token_pick *pick)
{
    struct option options[OPTIONS_MAX];
    int opt;

    choose(allowed, options);
    optind = 0; /* getopt starts over: main has used it */
    while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (opt) {
        case 'u':
            pick->user = optarg;
            break;
        case 'g':
            pick->group = optarg;
            break;
        case 'n':
            pick->namespace_name = optarg;
            break;
        case 'j':
            pick->json = true;
            break;
        case 'd':
            pick->dry_run = true;
            break;
        default:
            return false;
        }
    }
    return true;
}

enum cg_err cg_token_group_dn(struct cg_token_session *s, const char *text, char **dn_out, struct cg_error *err)
{
    if (strchr(text, '='))
        return s->dir->ops->canonical_dn(s->dir, text, dn_out, err);
    return s->dir->ops->resolve_group(s->dir, text, dn_out, err);
}

struct picking {
    struct cg_token_session *s;
    const struct cg_token_pick *pick;
    char *dn; /* of pick->group */
    struct cg_token **found;
    size_t count, room;
};

static bool same_name(const char *a, const char *b)
{
    char left[CG_LOGIN_NAME_MAX + 1], right[CG_LOGIN_NAME_MAX + 1];

    cg_login_name_fold(a, left);
    cg_login_name_fold(b, right);
    return strcmp(left, right) == 0;
}

static bool is_of_user(const struct picking *p, const struct cg_token *token)
{
    struct cg_token_status status;
    bool same;

    cg_authn_token_status(p->s->authn, token, &status);
    same = same_name(status.owner_name, p->pick->user);
    cg_token_status_clear(&status);
    return same;
}

static bool names_namespace(const struct cg_token *token, const char *ns)
{
    size_t len = strlen(ns);

    for (char *const *p = token->namespaces; p && *p; p++)
        if (strcmp(*p, ns) == 0)
            return true;
    for (char *const *p = token->grants; p && *p; p++)
        if (strncmp(*p, ns, len) == 0 && (*p)[len] == ':')
            return true;
    return false;
}

static enum cg_err keep(void *cls, struct cg_token *token)
{
    struct picking *p = cls;

    if ((p->pick->user && !is_of_user(p, token)) ||
        (p->pick->namespace_name && !names_namespace(token, p->pick->namespace_name)))
        return CG_OK;
    if (p->count == p->room) {
        p->room = p->room ? p->room * 2 : 64;
        p->found = cg_reallocarray(p->found, p->room, sizeof(*p->found));
    }
    p->found[p->count++] = cg_token_ref(token);
    return CG_OK;
}

static void show_progress(size_t done, size_t total)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\rlooking up the owners of tokens: %zu of %zu\033[K%s", done, total,
                done == total ? "\r\033[K" : "");
}

static char in[] = "in", out[] = "out"; /* values of the map of owners */

/* Is this person in the group now? Whose account is gone or disabled is in none. */
static enum cg_err ask_membership(const struct picking *p, const char *id, char **answer_out, struct cg_error *err)
{
    struct cg_identity *who = NULL;
    enum cg_err rc = p->s->dir->ops->revalidate(p->s->dir, id, &who, err);

    if (rc == CG_OK)
        *answer_out = cg_identity_in_group(who, p->dn) ? in : out;
    else if (rc == CG_ERR_ABSENT || rc == CG_ERR_DENIED)
        *answer_out = out;
    cg_identity_unref(&who);
    return rc == CG_ERR_ABSENT || rc == CG_ERR_DENIED ? CG_OK : rc;
}

static enum cg_err is_of_group(const struct picking *p, struct cg_map *owners, const struct cg_token *token,
                               bool *is_out, struct cg_error *err)
{
    char *answer = NULL;
    enum cg_err rc = CG_OK;

    if (token->kind == CG_TOKEN_SERVICE) {
        *is_out = token->group && strcmp(token->group, p->dn) == 0;
        return CG_OK;
    }
    answer = cg_map_get(owners, token->owner_id);
    if (!answer)
        rc = ask_membership(p, token->owner_id, &answer, err);
    if (rc == CG_OK) {
        cg_map_put(owners, token->owner_id, answer);
        *is_out = answer == in;
    }
    return rc;
}

/* Leaves out who is not in the group. One lookup a person. */
static enum cg_err narrow_to_group(struct picking *p, struct cg_error *err)
{
    struct cg_map *owners = cg_map_new(NULL);
    size_t kept = 0, i = 0;
    enum cg_err rc = CG_OK;

    for (; i < p->count && rc == CG_OK; i++) {
        bool is = false;

        rc = is_of_group(p, owners, p->found[i], &is, err);
        if (is)
            p->found[kept++] = p->found[i];
        else
            cg_token_unref(&p->found[i]);
        show_progress(i + 1, p->count);
    }
    while (i < p->count)
        cg_token_unref(&p->found[i++]);
    p->count = kept;
    cg_map_free(&owners);
    return rc;
}

void cg_token_picked_free(struct cg_token **tokens, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cg_token_unref(&tokens[i]);
    free(tokens);
}

enum cg_err cg_token_pick_all(struct cg_token_session *s, const struct cg_token_pick *pick,
                              struct cg_token ***tokens_out, size_t *count_out, struct cg_error *err)
{
    struct picking p = {.s = s, .pick = pick};
    enum cg_err rc = pick->group ? cg_token_group_dn(s, pick->group, &p.dn, err) : CG_OK;

    if (rc == CG_OK)
        rc = cg_authn_token_all(s->authn, keep, &p);
    if (rc == CG_OK && pick->group)
        rc = narrow_to_group(&p, err);
    if (rc == CG_OK) {
        *tokens_out = p.found;
        *count_out = p.count;
    } else {
        cg_token_picked_free(p.found, p.count);
    }
    free(p.dn);
    return rc;
}
