/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl token: list, create (services), revoke. A running daemon notices within a second. */
#include "crategatectl/token.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "crategated/wiring.h"

#define DAY_S 86400

static enum cg_err open_session(struct cg_ctl *ctl, struct cg_token_session *s, struct cg_error *err)
{
    enum cg_err rc = cg_wiring_directory(ctl->conf, &s->dir, err);

    s->ctl = ctl;
    if (rc == CG_OK)
        rc = cg_wiring_metadata(ctl->conf, &s->md, err);
    if (rc == CG_OK)
        rc = cg_authn_new(ctl->conf, s->dir, s->md, &s->authn, err);
    return rc;
}

static void close_session(struct cg_token_session *s)
{
    if (s->authn)
        cg_authn_free(&s->authn);
    cg_metadata_free(&s->md);
    cg_directory_free(&s->dir);
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
        rc = cg_error_set(err, CG_ERR_INVALID, "--grant %s: there is no namespace \"%s\" in the configuration", text,
                          ns);
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

/* The service belongs to this group from now on, and ends with it: so it has to be one with somebody in it. */
static enum cg_err set_group(struct cg_token_session *s, struct cg_token *wanted, const char *text,
                             struct cg_error *err)
{
    enum cg_err rc;

    free(wanted->group);
    wanted->group = NULL;
    rc = cg_token_group_dn(s, text, &wanted->group, err);
    if (rc == CG_OK)
        rc = s->dir->ops->group_alive(s->dir, wanted->group, err);
    return rc == CG_OK ? CG_OK : cg_error_prefix(err, "--group %s", text);
}

static enum cg_err parse_create(struct cg_token_session *s, int argc, char **argv, struct cg_token *wanted,
                                struct cg_error *err)
{
    static const struct option options[] = {
        {"service", required_argument, NULL, 's'}, {"grant", required_argument, NULL, 'g'},
        {"group", required_argument, NULL, 'o'},   {"name", required_argument, NULL, 'n'},
        {"days", required_argument, NULL, 'd'},    {"scope", required_argument, NULL, 'a'},
        {"crate", required_argument, NULL, 'c'},   {NULL, 0, NULL, 0}};
    enum cg_err rc = CG_OK;
    int opt;

    optind = 0; /* getopt starts over: main has used it */
    while (rc == CG_OK && (opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (opt) {
        case 's':
            set_service(wanted, optarg);
            break;
        case 'g':
            rc = add_grant(s->ctl->conf, wanted, optarg, err);
            break;
        case 'o':
            rc = set_group(s, wanted, optarg, err);
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
        rc =
            cg_error_set(err, CG_ERR_INVALID, "--service and at least one --grant are needed, and nothing behind them");
    return rc;
}

static enum cg_err make(struct cg_token_session *s, const struct cg_token *wanted, struct cg_secret *secret,
                        struct cg_token **token_out, struct cg_error *err)
{
    struct cg_audit_record record = {.event = CG_AUDIT_TOKEN_CREATE, .target = wanted->owner_name};
    struct cg_audit *audit = NULL;
    enum cg_err rc = cg_ctl_audit_begin(s->ctl, &audit, err);

    if (rc == CG_OK)
        rc = cg_authn_token_create(s->authn, wanted, secret, token_out, err);
    record.token_id = rc == CG_OK ? (*token_out)->id : 0;
    cg_ctl_audit_end(s->ctl, &audit, &record, rc == CG_OK ? NULL : err);
    return rc;
}

static int create(struct cg_token_session *s, int argc, char **argv)
{
    struct cg_token *wanted = cg_token_new(), *token = NULL;
    struct cg_secret secret = {0};
    struct cg_error err = {0};
    int status = CG_CTL_OK;

    wanted->kind = CG_TOKEN_SERVICE;
    wanted->actions = CG_ACTION_ALL;
    wanted->name = cg_strdup("service");
    if (parse_create(s, argc, argv, wanted, &err) != CG_OK || make(s, wanted, &secret, &token, &err) != CG_OK) {
        status = cg_ctl_fail(&err, "token create");
    } else {
        fprintf(stderr, "Token %lld of service %s%s%s; it is shown this once:\n", (long long)token->id,
                token->owner_name, token->group ? ", owned by " : "", token->group ? token->group : "");
        puts((const char *)secret.bytes);
    }
    cg_secret_free(&secret);
    cg_token_unref(&token);
    cg_token_unref(&wanted);
    return status;
}

static const struct {
    const char *name;
    int (*run)(struct cg_token_session *s, int argc, char **argv);
} words[] = {{"list", cg_token_list_command}, {"create", create}, {"revoke", cg_token_revoke_command}};
#define WORDS (sizeof(words) / sizeof(words[0]))

int cg_ctl_token(struct cg_ctl *ctl, int argc, char **argv)
{
    struct cg_token_session s = {0};
    struct cg_error err = {0};
    size_t i = 0;
    int status;

    while (i < WORDS && (argc < 2 || strcmp(argv[1], words[i].name) != 0))
        i++;
    if (i == WORDS)
        return cg_ctl_usage(CG_TOKEN_SYNOPSIS);
    if (cg_ctl_enter_state(ctl->conf, &err) != CG_OK || open_session(ctl, &s, &err) != CG_OK)
        status = cg_ctl_fail(&err, "token");
    else
        status = words[i].run(&s, argc - 1, argv + 1);
    close_session(&s);
    return status;
}
