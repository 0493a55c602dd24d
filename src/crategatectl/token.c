/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl token: list, create (services), revoke. A running daemon notices within a second. */
#include "crategatectl/ctl.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authn/authn.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "crategated/wiring.h"

#define SYNOPSIS                                                                                                       \
    "token list [USER]\n"                                                                                              \
    "       crategatectl [-c FILE] token create --service NAME --grant NAMESPACE:ROLE [--grant ...]\n"                 \
    "                                    [--name TEXT] [--days N] [--scope ACTION,...] [--crate PATTERN,...]\n"        \
    "       crategatectl [-c FILE] token revoke ID ..."
#define DAY_S 86400

struct session {
    struct cg_directory *dir;
    struct cg_metadata *md;
    struct cg_authn *authn;
};

static enum cg_err open_session(struct cg_ctl *ctl, struct session *s, struct cg_error *err)
{
    enum cg_err rc = cg_wire_directory(ctl->conf, &s->dir, err);

    if (rc == CG_OK)
        rc = cg_wire_metadata(ctl->conf, &s->md, err);
    if (rc == CG_OK)
        rc = cg_authn_new(ctl->conf, s->dir, s->md, &s->authn, err);
    return rc;
}

static void close_session(struct session *s)
{
    if (s->authn)
        cg_authn_free(&s->authn);
    cg_metadata_free(&s->md);
    cg_directory_free(&s->dir);
}

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

static enum cg_err print_token(void *cls, struct cg_token *token)
{
    const char *user = cls;

    if (user && strcmp(user, token->owner_name) != 0)
        return CG_OK;
    printf("%6lld  %-7s  %-16s", (long long)token->id, token->kind == CG_TOKEN_SERVICE ? "service" : "person",
           token->owner_name);
    print_time(token->created_at);
    print_time(token->expires_at);
    print_time(token->last_used_at);
    printf("  %s", token->name);
    print_list("grants", token->grants);
    print_list("namespaces", token->namespaces);
    print_list("crates", token->crates);
    for (unsigned bit = 1; token->actions != CG_ACTION_ALL && bit <= CG_ACTION_ALL; bit <<= 1)
        if (token->actions & bit)
            printf(" +%s", cg_action_name((enum cg_action)bit));
    putchar('\n');
    return CG_OK;
}

static int list(struct session *s, int argc, char **argv)
{
    if (argc > 2)
        return cg_ctl_usage(SYNOPSIS);
    printf("%6s  %-7s  %-16s  %-20s  %-20s  %-20s  %s\n", "id", "kind", "owner", "created", "expires", "last used",
           "name");
    return cg_authn_token_each(s->authn, NULL, print_token, argv[1]) == CG_OK ? CG_CTL_OK : CG_CTL_FAILED;
}

static enum cg_err append(char ***list, const char *text)
{
    size_t count = 0;

    while (*list && (*list)[count])
        count++;
    *list = cg_reallocarray(*list, count + 2, sizeof(**list));
    (*list)[count] = cg_strdup(text);
    (*list)[count + 1] = NULL;
    return CG_OK;
}

static enum cg_err add_grant(const struct cg_conf *conf, struct cg_token *wanted, const char *text,
                             struct cg_error *err)
{
    const char *colon = strchr(text, ':');
    char *ns = cg_strndup(text, colon ? (size_t)(colon - text) : strlen(text));
    enum cg_err rc = CG_OK;

    if (!cg_conf_namespace(conf, ns))
        rc = cg_error_set(err, CG_ERR_INVALID, "--grant %s: there is no namespace \"%s\" in the configuration", text, ns);
    else if (!colon || (strcmp(colon, ":read") && strcmp(colon, ":publish") && strcmp(colon, ":admin")))
        rc = cg_error_set(err, CG_ERR_INVALID, "--grant %s: say NAMESPACE:read, NAMESPACE:publish or NAMESPACE:admin",
                          text);
    else
        rc = append(&wanted->grants, text);
    free(ns);
    return rc;
}

static enum cg_err set_scopes(struct cg_token *wanted, const char *text, struct cg_error *err)
{
    char **names = cg_strlist_split(text);
    enum cg_err rc = CG_OK;

    wanted->actions = 0;
    for (size_t i = 0; rc == CG_OK && names && names[i]; i++) {
        enum cg_action action;

        rc = cg_action_from_scope(names[i], &action);
        if (rc == CG_OK)
            wanted->actions |= action;
        else
            cg_error_set(err, rc, "--scope %s: there are read, publish-new, publish-update, yank and change-owners",
                         names[i]);
    }
    cg_strlist_free(&names);
    return rc;
}

static enum cg_err set_days(struct cg_token *wanted, const char *text, struct cg_error *err)
{
    uint64_t days;

    if (cg_parse_u64(text, 36500, &days) != CG_OK || days == 0)
        return cg_error_set(err, CG_ERR_INVALID, "--days %s: a number of days from 1", text);
    wanted->expires_at = cg_clock_wall_s() + (int64_t)days * DAY_S;
    return CG_OK;
}

static enum cg_err set_crates(struct cg_token *wanted, const char *text, struct cg_error *err)
{
    cg_strlist_free(&wanted->crates);
    wanted->crates = cg_strlist_split(text);
    for (size_t i = 0; wanted->crates && wanted->crates[i]; i++)
        if (!cg_crate_pattern_valid(wanted->crates[i]))
            return cg_error_set(err, CG_ERR_INVALID, "--crate %s: a crate's name, or its beginning and \"*\"",
                                wanted->crates[i]);
    return CG_OK;
}

static void set_service(struct cg_token *wanted, const char *name)
{
    free(wanted->owner_id);
    free(wanted->owner_name);
    wanted->owner_id = cg_asprintf("service:%s", name);
    wanted->owner_name = cg_strdup(name);
}

static enum cg_err parse_create(const struct cg_conf *conf, int argc, char **argv, struct cg_token *wanted,
                                struct cg_error *err)
{
    static const struct option options[] = {{"service", required_argument, NULL, 's'}, {"grant", required_argument, NULL, 'g'},
                                            {"name", required_argument, NULL, 'n'},    {"days", required_argument, NULL, 'd'},
                                            {"scope", required_argument, NULL, 'a'},   {"crate", required_argument, NULL, 'c'},
                                            {NULL, 0, NULL, 0}};
    enum cg_err rc = CG_OK;
    int opt;

    optind = 0; /* getopt starts over: main has used it */
    while (rc == CG_OK && (opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (opt) {
        case 's':
            set_service(wanted, optarg);
            break;
        case 'g':
            rc = add_grant(conf, wanted, optarg, err);
            break;
        case 'n':
            free(wanted->name);
            wanted->name = cg_strdup(optarg);
            break;
        case 'd':
            rc = set_days(wanted, optarg, err);
            break;
        case 'a':
            rc = set_scopes(wanted, optarg, err);
            break;
        case 'c':
            rc = set_crates(wanted, optarg, err);
            break;
        default:
            rc = cg_error_set(err, CG_ERR_INVALID, "unknown option");
        }
    }
    if (rc == CG_OK && (optind < argc || !wanted->owner_id || !wanted->grants))
        rc = cg_error_set(err, CG_ERR_INVALID, "--service and at least one --grant are needed, and nothing behind them");
    return rc;
}

static enum cg_err make(struct cg_ctl *ctl, struct session *s, const struct cg_token *wanted, struct cg_secret *secret,
                        struct cg_token **token_out, struct cg_error *err)
{
    struct cg_audit_record record = {.event = CG_AUDIT_TOKEN_CREATE, .target = wanted->owner_name};
    struct cg_audit *audit = NULL;
    enum cg_err rc = cg_ctl_audit_begin(ctl, &audit, err);

    if (rc == CG_OK)
        rc = cg_authn_token_create(s->authn, wanted, secret, token_out, err);
    record.token_id = rc == CG_OK ? (*token_out)->id : 0;
    cg_ctl_audit_end(ctl, &audit, &record, rc == CG_OK ? NULL : err);
    return rc;
}

static int create(struct cg_ctl *ctl, struct session *s, int argc, char **argv)
{
    struct cg_token *wanted = cg_token_new(), *token = NULL;
    struct cg_secret secret = {0};
    struct cg_error err = {0};
    int status = CG_CTL_OK;

    wanted->kind = CG_TOKEN_SERVICE;
    wanted->actions = CG_ACTION_ALL;
    wanted->name = cg_strdup("service");
    if (parse_create(ctl->conf, argc, argv, wanted, &err) != CG_OK ||
        make(ctl, s, wanted, &secret, &token, &err) != CG_OK) {
        status = cg_ctl_fail(&err, "token create");
    } else {
        fprintf(stderr, "Token %lld of service %s; it is shown this once:\n", (long long)token->id, token->owner_name);
        puts((const char *)secret.bytes);
    }
    cg_secret_free(&secret);
    cg_token_unref(&token);
    cg_token_unref(&wanted);
    return status;
}

static enum cg_err revoke_one(struct cg_ctl *ctl, struct session *s, const char *word, struct cg_error *err)
{
    struct cg_audit_record record = {.event = CG_AUDIT_TOKEN_REVOKE, .target = word};
    struct cg_audit *audit = NULL;
    uint64_t id;
    enum cg_err rc;

    if (cg_parse_u64(word, INT64_MAX, &id) != CG_OK)
        return cg_error_set(err, CG_ERR_INVALID, "an id is a number; `token list` shows them");
    rc = cg_ctl_audit_begin(ctl, &audit, err);
    if (rc == CG_OK)
        rc = cg_authn_token_revoke(s->authn, (int64_t)id, NULL, err);
    cg_ctl_audit_end(ctl, &audit, &record, rc == CG_OK ? NULL : err);
    return rc;
}

static int revoke(struct cg_ctl *ctl, struct session *s, int argc, char **argv)
{
    int status = CG_CTL_OK;

    if (argc < 2)
        return cg_ctl_usage(SYNOPSIS);
    for (int i = 1; i < argc; i++) {
        struct cg_error err = {0};

        if (revoke_one(ctl, s, argv[i], &err) == CG_OK)
            printf("token %s is revoked\n", argv[i]);
        else
            status = cg_ctl_fail(&err, "token %s", argv[i]);
    }
    return status;
}

int cg_ctl_token(struct cg_ctl *ctl, int argc, char **argv)
{
    struct session s = {0};
    struct cg_error err = {0};
    const char *what = argc > 1 ? argv[1] : "";
    int status;

    if (strcmp(what, "list") && strcmp(what, "create") && strcmp(what, "revoke"))
        return cg_ctl_usage(SYNOPSIS);
    if (cg_ctl_enter_state(ctl->conf, &err) != CG_OK || open_session(ctl, &s, &err) != CG_OK)
        status = cg_ctl_fail(&err, "token");
    else if (strcmp(what, "list") == 0)
        status = list(&s, argc - 1, argv + 1);
    else if (strcmp(what, "create") == 0)
        status = create(ctl, &s, argc - 1, argv + 1);
    else
        status = revoke(ctl, &s, argc - 1, argv + 1);
    close_session(&s);
    return status;
}
