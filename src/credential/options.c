/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "credential/options.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crategate/token.h"

#define USER_MAX 256
#define DAYS_MAX 3650

static enum cg_err set_user(struct cg_options *options, const char *text, struct cg_error *err)
{
    if (!*text || strlen(text) > USER_MAX)
        return cg_error_set(err, CG_ERR_INVALID, "--user: a name of 1 to %d bytes", USER_MAX);
    free(options->user);
    options->user = cg_strdup(text);
    return CG_OK;
}

static enum cg_err set_days(struct cg_options *options, const char *text, struct cg_error *err)
{
    uint64_t days;

    if (cg_parse_u64(text, DAYS_MAX, &days) != CG_OK || days == 0)
        return cg_error_set(err, CG_ERR_INVALID, "--days: a number of days from 1 to %d", DAYS_MAX);
    options->wish.days = (unsigned)days;
    return CG_OK;
}

static enum cg_err set_namespaces(struct cg_options *options, const char *text, struct cg_error *err)
{
    char **list = cg_strlist_split(text);
    enum cg_err rc = list ? CG_OK : cg_error_set(err, CG_ERR_INVALID, "--namespace: names with commas between them");

    for (size_t i = 0; rc == CG_OK && list[i]; i++)
        if (!cg_namespace_valid(list[i]))
            rc = cg_error_set(err, CG_ERR_INVALID, "--namespace: \"%.80s\" is no namespace's name", list[i]);
    if (rc != CG_OK) {
        cg_strlist_free(&list);
        return rc;
    }
    cg_strlist_free(&options->wish.namespaces);
    options->wish.namespaces = list;
    return CG_OK;
}

static enum cg_err set_scopes(struct cg_options *options, const char *text, struct cg_error *err)
{
    char **list = cg_strlist_split(text);
    enum cg_action action;
    bool good = list != NULL;

    for (size_t i = 0; good && list[i]; i++)
        good = cg_action_from_scope(list[i], &action) == CG_OK;
    if (!good) {
        cg_strlist_free(&list);
        return cg_error_set(err, CG_ERR_INVALID,
                            "--scope: some of read, publish-new, publish-update, yank, change-owners, with commas "
                            "between them");
    }
    cg_strlist_free(&options->wish.scopes);
    options->wish.scopes = list;
    return CG_OK;
}

static const struct {
    const char *word;
    enum cg_err (*set)(struct cg_options *options, const char *text, struct cg_error *err);
} words[] = {{"--user", set_user}, {"--days", set_days}, {"--namespace", set_namespaces}, {"--scope", set_scopes}};
#define WORDS (sizeof(words) / sizeof(words[0]))

/* "--user NAME" or "--user=NAME" at *at, which moves behind it. */
static enum cg_err read_one(char *const **at, struct cg_options *options, struct cg_error *err)
{
    const char *word = **at, *value = strchr(word, '=');
    size_t len = value ? (size_t)(value - word) : strlen(word);

    for (size_t i = 0; i < WORDS; i++) {
        if (strlen(words[i].word) != len || strncmp(words[i].word, word, len) != 0)
            continue;
        value = value ? value + 1 : *++*at;
        if (!value)
            return cg_error_set(err, CG_ERR_INVALID, "%s: something must follow it", words[i].word);
        ++*at;
        return words[i].set(options, value, err);
    }
    return cg_error_set(err, CG_ERR_INVALID,
                        "unknown word; there are --user NAME, --days N, --namespace NS,... and --scope SCOPE,...");
}

enum cg_err cg_options_parse(char *const *args, struct cg_options *options_out, struct cg_error *err)
{
    struct cg_options options = {0};
    enum cg_err rc = CG_OK;

    for (char *const *at = args; rc == CG_OK && at && *at;)
        rc = read_one(&at, &options, err);
    if (rc == CG_OK)
        *options_out = options;
    else
        cg_options_free(&options);
    return rc;
}

void cg_options_free(struct cg_options *options)
{
    free(options->user);
    options->user = NULL;
    cg_wish_free(&options->wish);
}

void cg_wish_copy(struct cg_wish *to, const struct cg_wish *from)
{
    struct cg_wish copy = {
        .days = from->days, .namespaces = cg_strlist_copy(from->namespaces), .scopes = cg_strlist_copy(from->scopes)};

    cg_wish_free(to); /* only now: `from` may be the same */
    *to = copy;
}

void cg_wish_free(struct cg_wish *wish)
{
    cg_strlist_free(&wish->namespaces);
    cg_strlist_free(&wish->scopes);
    wish->days = 0;
}
