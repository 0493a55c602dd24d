/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl explain: who they are, what decides, and what would have to be otherwise. */
#include "crategatectl/ctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authn/authn.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "crategated/team_list.h"
#include "crategated/wiring.h"

#define SYNOPSIS "explain USER|--token ID NAMESPACE ACTION [CRATE]"

struct owners {
    struct cg_owner *items;
    size_t count;
};

static enum cg_err add_owner(void *cls, const struct cg_owner *owner)
{
    struct owners *owners = cls;

    owners->items = cg_reallocarray(owners->items, owners->count + 1, sizeof(*owners->items));
    owners->items[owners->count++] = (struct cg_owner){.id = owner->id,
                                                       .kind = owner->kind,
                                                       .login = cg_strdup(owner->login),
                                                       .subject = cg_strdup(owner->subject)};
    return CG_OK;
}

static void free_owners(struct owners *owners)
{
    for (size_t i = 0; i < owners->count; i++) {
        free(owners->items[i].login);
        free(owners->items[i].subject);
    }
    free(owners->items);
}

static enum cg_err read_owners(const struct cg_conf *conf, const char *ns, const char *crate, struct owners *owners,
                               struct cg_error *err)
{
    struct cg_metadata *md = NULL;
    char folded[CG_CRATE_NAME_MAX + 1];
    enum cg_err rc = cg_ctl_enter_state(conf, err);

    if (rc == CG_ERR_ABSENT) /* nothing was published yet */
        return CG_OK;
    cg_crate_name_fold(crate, folded);
    if (rc == CG_OK)
        rc = cg_wiring_metadata(conf, &md, err);
    if (rc == CG_OK)
        rc = md->ops->owner_each(md, ns, folded, add_owner, owners, err);
    cg_metadata_free(&md);
    return rc;
}

/* A token by its number, for cg_token_visit. */
struct wanted_token {
    int64_t id;
    struct cg_token *token;
};

static enum cg_err take_token(void *cls, struct cg_token *token)
{
    struct wanted_token *wanted = cls;

    if (token->id == wanted->id && !wanted->token)
        wanted->token = cg_token_ref(token);
    return CG_OK;
}

static enum cg_err find_token(const struct cg_conf *conf, const char *id, struct cg_token **out, struct cg_error *err)
{
    struct wanted_token wanted = {0};
    struct cg_metadata *md = NULL;
    uint64_t number = 0;
    enum cg_err rc = cg_parse_u64(id, INT64_MAX, &number);

    wanted.id = (int64_t)number;
    if (rc != CG_OK)
        return cg_error_set(err, rc, "\"%s\" is no token's number; `crategatectl token list` shows them", id);
    rc = cg_ctl_enter_state(conf, err);
    if (rc == CG_OK)
        rc = cg_wiring_metadata(conf, &md, err);
    if (rc == CG_OK)
        rc = md->ops->token_each(md, take_token, &wanted, err);
    cg_metadata_free(&md);
    if (rc == CG_OK && !wanted.token)
        rc = cg_error_set(err, CG_ERR_ABSENT, "there is no token %s", id);
    if (rc == CG_OK)
        *out = wanted.token;
    return rc;
}

/* Whose token it is, as the directory has them now. */
static enum cg_err find_bearer(struct cg_directory *dir, const struct cg_token *token, struct cg_identity **who_out,
                               struct cg_error *err)
{
    if (token->kind == CG_TOKEN_PERSON)
        return dir->ops->revalidate(dir, token->owner_id, who_out, err);
    *who_out = cg_identity_new(CG_IDENTITY_SERVICE, token->owner_id, token->owner_name, NULL, token->name);
    cg_identity_seal(*who_out);
    return CG_OK;
}

static enum cg_err find_person(struct cg_directory *dir, const char *user, struct cg_identity **who_out,
                               struct cg_error *err)
{
    if (strcmp(user, "anonymous") != 0)
        return dir->ops->find(dir, user, who_out, err);
    *who_out = cg_identity_new(CG_IDENTITY_ANONYMOUS, NULL, "anonymous", NULL, NULL);
    cg_identity_seal(*who_out);
    return CG_OK;
}

static enum cg_err parse_action(const char *word, enum cg_action *out, struct cg_error *err)
{
    if (strcmp(word, "publish") == 0)
        *out = CG_ACTION_PUBLISH;
    else if (strcmp(word, "owners") == 0 || strcmp(word, "owner") == 0)
        *out = CG_ACTION_OWNERS;
    else if (strcmp(word, "unyank") == 0 || strcmp(word, "download") == 0)
        *out = word[0] == 'u' ? CG_ACTION_YANK : CG_ACTION_READ;
    else if (cg_action_from_scope(word, out) != CG_OK)
        return cg_error_set(err, CG_ERR_INVALID,
                            "unknown action \"%s\": there are read, publish, publish-new, publish-update, yank and owners",
                            word);
    return CG_OK;
}

/* What was asked, and all that the answer takes. */
struct inquiry {
    struct cg_ctl *ctl;
    const char *user, *token_id; /* one of them */
    const char *action;          /* as it was typed */
    struct cg_directory *dir;
    struct cg_policy *policy;
    struct cg_caller caller;
    struct owners owners;
    struct cg_question question;
    struct cg_decision decision;
};

static enum cg_err find_caller(struct inquiry *q, struct cg_error *err)
{
    enum cg_err rc;

    if (!q->token_id)
        return find_person(q->dir, q->user, &q->caller.who, err);
    rc = find_token(q->ctl->conf, q->token_id, &q->caller.token, err);
    return rc == CG_OK ? find_bearer(q->dir, q->caller.token, &q->caller.who, err) : rc;
}

static enum cg_err inquire(struct inquiry *q, struct cg_error *err)
{
    enum cg_err rc = parse_action(q->action, &q->question.action, err);

    if (rc == CG_OK)
        rc = cg_ctl_policy(q->ctl, &q->dir, &q->policy, NULL, err);
    if (rc == CG_OK)
        rc = find_caller(q, err);
    if (rc == CG_OK && q->question.crate)
        rc = read_owners(q->ctl->conf, q->question.namespace_name, q->question.crate, &q->owners, err);
    if (rc != CG_OK)
        return rc;
    q->question.caller = &q->caller;
    q->question.owners = q->owners.items;
    q->question.owner_count = q->owners.count;
    cg_policy_decide(q->policy, &q->question, &q->decision);
    return CG_OK;
}

static void print_list(const char *what, char *const *list)
{
    char *text = list ? cg_strlist_join(list, ", ") : NULL;

    if (text)
        printf("  %-9s %s\n", what, text);
    free(text);
}

static void tell_token(const struct cg_token *token)
{
    char expires[CG_TIME_RFC3339_SIZE];

    if (!token)
        return;
    cg_time_rfc3339(token->expires_at, expires);
    printf("Token\n  number    %lld (\"%s\")\n  %s %s\n", (long long)token->id, token->name,
           token->expires_at > cg_clock_wall_s() ? "expires  " : "expired  ", expires);
    for (unsigned bit = 1; token->actions != CG_ACTION_ALL && bit <= CG_ACTION_ALL; bit <<= 1)
        if (token->actions & bit)
            printf("  only for  %s\n", cg_action_name((enum cg_action)bit));
    print_list("only in", token->namespaces);
    print_list("only of", token->crates);
    print_list("grants", token->grants);
}

/* One that is not in force may have been a team's. */
static void tell_missing(const struct cg_conf *conf, const char *name)
{
    struct cg_team_list teams = {0};
    const struct cg_team *team = NULL;
    char since[CG_TIME_RFC3339_SIZE];

    if (cg_conf_teams_unknown(conf)) {
        printf("  %s may be a team's: which teams there are is not known, so it answers 503\n", name);
        return;
    }
    if (conf->teams.present && cg_team_list_load(conf->state_dir, &teams, NULL) == CG_OK)
        team = cg_team_list_find(&teams, name);
    if (team && team->gone_since) {
        cg_time_rfc3339(team->gone_since, since);
        printf("  %s is gone: it was that of group %s, which has made no namespace since %s\n", name, team->dn, since);
    } else {
        printf("  there is none of the name %s\n", name);
    }
    cg_team_list_free(&teams);
}

static void tell_namespace(const struct inquiry *q)
{
    const char *name = q->question.namespace_name;
    const struct cg_conf *conf = q->ctl->conf;
    const struct cg_conf_namespace *ns = cg_conf_namespace(conf, name);

    puts("Namespace");
    if (!ns)
        tell_missing(conf, name);
    else if (ns->team_dn)
        printf("  %s is that of the team of group %s, made by [teams] (%s:%u)\n", name, ns->team_dn, q->ctl->conf_file,
               ns->line);
    else
        printf("  %s, %s:%u\n", name, q->ctl->conf_file, ns->line);
    for (size_t i = 0; i < q->owners.count; i++)
        printf("  %s crate %s %s\n", i ? "          and" : "owners of", q->question.crate, q->owners.items[i].login);
    if (q->question.crate && q->owners.count == 0)
        printf("  crate %s has no owners of its own: the namespace's publishers may change it\n", q->question.crate);
}

static void tell_decision(const struct inquiry *q)
{
    const struct cg_decision *d = &q->decision;
    const struct cg_question *asked = &q->question;
    bool allowed = d->verdict == CG_OK;

    printf("%s: %s may%s %s in namespace %s%s%s\n", allowed ? "allowed" : "refused", cg_identity_name(q->caller.who),
           allowed ? "" : " not", q->action, asked->namespace_name, asked->crate ? ", crate " : "",
           asked->crate ? asked->crate : "");
    if (d->line)
        printf("  by   %s:%u  %s\n", q->ctl->conf_file, d->line, d->rule);
    else
        printf("  by   %s\n", d->rule);
    if (!allowed)
        printf("  they are told (%u): %s\n", cg_err_http_status(d->verdict), d->reason);
}

/* For a refusal by the grants: all the grants there are, so that one sees who to ask, or what to add. */
static void tell_ways(const struct inquiry *q)
{
    char *save = NULL, *text;
    struct cg_buf ways;

    if (q->decision.verdict == CG_OK || !cg_conf_namespace(q->ctl->conf, q->question.namespace_name) ||
        cg_str_starts(q->decision.rule, "token scope") || strstr(q->decision.rule, "prefixes = "))
        return;
    cg_buf_init(&ways, 1024 * 1024);
    cg_policy_ways(q->policy, &q->question, &ways);
    text = cg_buf_take(&ways);
    puts(text && *text ? "What would allow it: to be one of these" : "What would allow it: no grant of the namespace does");
    for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save))
        printf("  %s\n", line);
    if (q->owners.count)
        puts("  or one of the crate's owners");
    free(text);
}

int cg_ctl_explain(struct cg_ctl *ctl, int argc, char **argv)
{
    bool by_token = argc > 1 && strcmp(argv[1], "--token") == 0;
    struct inquiry q = {.ctl = ctl};
    struct cg_error err = {0};
    int status = CG_CTL_OK;

    argc -= by_token, argv += by_token;
    if (argc != 4 && argc != 5)
        return cg_ctl_usage(SYNOPSIS);
    q.user = argv[1];
    q.token_id = by_token ? argv[1] : NULL;
    q.action = argv[3];
    q.question.namespace_name = argv[2];
    q.question.crate = argv[4]; /* argv ends with NULL */
    if (inquire(&q, &err) != CG_OK) {
        status = cg_ctl_fail(&err, "explain");
    } else {
        cg_ctl_tell_person(q.caller.who);
        tell_token(q.caller.token);
        tell_namespace(&q);
        tell_decision(&q);
        tell_ways(&q);
        status = q.decision.verdict == CG_OK ? CG_CTL_OK : CG_CTL_FAILED;
    }
    free_owners(&q.owners);
    cg_caller_free(&q.caller);
    cg_policy_unref(&q.policy);
    cg_directory_free(&q.dir);
    return status;
}
