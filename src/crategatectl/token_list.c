/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl token list: for people as a table, for programs as JSON. Never a secret. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/token_json.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "crategatectl/token.h"

#define TOKEN_MAX (1024u * 1024u)

static const char *kind_of(const struct cg_token *token)
{
    return token->kind == CG_TOKEN_SERVICE ? "service" : "person";
}

static const char *const state_words[] = {[CG_TOKEN_WORKS] = "ok",
                                          [CG_TOKEN_EXPIRED] = "expired",
                                          [CG_TOKEN_UNUSED] = "unused",
                                          [CG_TOKEN_SUSPENDED] = "suspended"};

static void print_time(int64_t wall_s)
{
    char text[CG_TIME_RFC3339_SIZE] = "never";

    if (wall_s)
        cg_time_rfc3339(wall_s, text);
    printf("  %-20s", text);
}

static void print_list(const char *what, char *const *list)
{
    char *text = list ? cg_strlist_join(list, ",") : NULL;

    if (text)
        printf(" %s=%s", what, text);
    free(text);
}

static void print_state(const struct cg_token_status *status)
{
    char since[CG_TIME_RFC3339_SIZE], text[64];

    snprintf(text, sizeof(text), "%s", state_words[status->state]);
    if (status->state == CG_TOKEN_SUSPENDED) {
        cg_time_rfc3339(status->since, since);
        snprintf(text, sizeof(text), "suspended since %s", since);
    }
    printf("  %-9s", text);
}

static void print_token(const struct cg_token *token, const struct cg_token_status *status)
{
    printf("%6lld  %-7s  %-16s", (long long)token->id, kind_of(token), status->owner_name);
    print_time(token->created_at);
    print_time(token->expires_at);
    print_time(atomic_load(&token->last_used_at));
    print_state(status);
    printf("  %s", token->name);
    if (token->group)
        printf(" group=%s", token->group);
    print_list("grants", token->grants);
    print_list("namespaces", token->namespaces);
    print_list("crates", token->crates);
    for (unsigned bit = 1; token->actions != CG_ACTION_ALL && bit <= CG_ACTION_ALL; bit <<= 1)
        if (token->actions & bit)
            printf(" +%s", cg_action_name((enum cg_action)bit));
    putchar('\n');
}

static void add_text(struct cg_buf *out, const char *key, const char *value)
{
    cg_buf_addf(out, ",\"%s\":", key);
    if (value)
        cg_json_quote(out, value);
    else
        cg_buf_addstr(out, "null");
}

static void print_json(const struct cg_token *token, const struct cg_token_status *status)
{
    char since[CG_TIME_RFC3339_SIZE];
    struct cg_buf out;

    cg_buf_init(&out, TOKEN_MAX);
    cg_buf_addstr(&out, "{");
    cg_token_json_members(&out, token, NULL);
    add_text(&out, "kind", kind_of(token));
    add_text(&out, "owner", status->owner_name);
    add_text(&out, "owner_id", token->owner_id);
    add_text(&out, "owner_group", token->group);
    cg_token_json_list(&out, "grants", token->grants);
    add_text(&out, "state", state_words[status->state]);
    if (status->since)
        cg_time_rfc3339(status->since, since);
    add_text(&out, "since", status->since ? since : NULL);
    printf("%s}", cg_buf_str(&out));
    cg_buf_free(&out);
}

static void print_all(struct cg_token_session *s, struct cg_token *const *tokens, size_t count, bool json)
{
    if (json)
        putchar('[');
    else
        printf("%6s  %-7s  %-16s  %-20s  %-20s  %-20s  %-9s  %s\n", "id", "kind", "owner", "created", "expires",
               "last used", "state", "name");
    for (size_t i = 0; i < count; i++) {
        struct cg_token_status status;

        cg_authn_token_status(s->authn, tokens[i], &status);
        if (json)
            printf("%s", i ? ",\n" : "\n");
        (json ? print_json : print_token)(tokens[i], &status);
        cg_token_status_clear(&status);
    }
    if (json)
        puts("\n]");
}

int cg_token_list_command(struct cg_token_session *s, int argc, char **argv)
{
    static const char *const allowed[] = {"user", "group", "namespace", "json", NULL};
    struct cg_token_pick pick = {0};
    struct cg_token **tokens = NULL;
    struct cg_error err = {0};
    size_t count;

    if (!cg_token_pick_parse(argc, argv, allowed, &pick))
        return cg_ctl_usage(CG_TOKEN_SYNOPSIS);
    if (optind < argc && !pick.user)
        pick.user = argv[optind++];
    if (optind < argc)
        return cg_ctl_usage(CG_TOKEN_SYNOPSIS);
    if (cg_token_pick_all(s, &pick, &tokens, &count, &err) != CG_OK)
        return cg_ctl_fail(&err, "token list");
    print_all(s, tokens, count, pick.json);
    cg_token_picked_free(tokens, count);
    return CG_CTL_OK;
}
