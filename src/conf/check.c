/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* What only shows when several keys are looked at, or the files they name. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "conf/parse.h"

#define ALL_BUT_ANONYMOUS                                                                                              \
    (1U << CG_GRANT_USER | 1U << CG_GRANT_GROUP | 1U << CG_GRANT_DN | 1U << CG_GRANT_AUTHENTICATED)

static bool is_directory(const char *path, bool *exists_out)
{
    struct stat st;

    *exists_out = stat(path, &st) == 0;
    return *exists_out && S_ISDIR(st.st_mode);
}

static void check_state_dir(struct cg_conf_context *ctx)
{
    struct cg_conf_place top = cg_conf_place(ctx, "");
    bool exists;

    if (!is_directory(ctx->conf->state_dir, &exists) && exists)
        cg_conf_problem(ctx, &top, "state_dir", -1, "%s exists and is no directory", ctx->conf->state_dir);
}

static void check_audit_file(struct cg_conf_context *ctx)
{
    struct cg_conf_place audit = cg_conf_place(ctx, "audit");
    const char *file = ctx->conf->audit_file, *slash = strrchr(file, '/');
    bool exists;
    char *dir;

    if (*file == '\0') {
        if (ctx->conf->audit_required)
            cg_conf_problem(ctx, &audit, "file", -1, "is empty, which needs required = false");
        return;
    }
    dir = cg_strndup(file, slash > file ? (size_t)(slash - file) : 1);
    if (is_directory(file, &exists) || slash[1] == '\0')
        cg_conf_problem(ctx, &audit, "file", -1, "%s is a directory, not a file", file);
    else if (!is_directory(dir, &exists) && exists)
        cg_conf_problem(ctx, &audit, "file", -1, "%s is no directory", dir);
    free(dir);
}

/* Whether they are a certificate and its key shows when they are used (cg_tls_new). */
static void check_tls(struct cg_conf_context *ctx)
{
    struct cg_conf_place top = cg_conf_place(ctx, "");
    const struct cg_conf *conf = ctx->conf;
    struct cg_secret key = {0};
    struct cg_error err = {0};

    cg_conf_check_file(ctx, &top, "tls_certificate", conf->tls_certificate);
    if (*conf->tls_key && cg_secret_read_file(&key, conf->tls_key, &err) != CG_OK)
        cg_conf_problem(ctx, &top, "tls_key", -1, "%s", err.detail);
    cg_secret_free(&key);
    if (*conf->tls_certificate && *conf->tls_key == '\0')
        cg_conf_problem(ctx, &top, "tls_key", -1, "is required by tls_certificate");
    if (*conf->tls_key && *conf->tls_certificate == '\0')
        cg_conf_problem(ctx, &top, "tls_certificate", -1, "is required by tls_key");
}

static void check_tokens(struct cg_conf_context *ctx)
{
    struct cg_conf_place top = cg_conf_place(ctx, "");
    const struct cg_conf *conf = ctx->conf;

    if (conf->default_token_days > conf->max_token_days)
        cg_conf_problem(ctx, &top, "default_token_days", -1, "%u is more than max_token_days, which is %u",
                        conf->default_token_days, conf->max_token_days);
}

const struct cg_conf_grant *cg_conf_first_grant(const struct cg_conf_namespace *ns, unsigned kinds,
                                                const char **leaf_out)
{
    const struct cg_conf_grants *lists[] = {&ns->read, &ns->publish, &ns->admin};
    const char *const leaves[] = {"read", "publish", "admin"};

    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < lists[i]->count; j++) {
            if (kinds & 1U << lists[i]->items[j].kind) {
                *leaf_out = leaves[i];
                return &lists[i]->items[j];
            }
        }
    }
    return NULL;
}

void cg_conf_check_anonymous(struct cg_conf_context *ctx, const struct cg_conf_place *place, const char *leaf,
                             const struct cg_conf_grants *grants)
{
    for (size_t i = 0; i < grants->count; i++)
        if (grants->items[i].kind == CG_GRANT_ANONYMOUS)
            cg_conf_problem(ctx, place, leaf, (int)i, "\"anonymous\" may only be granted read");
}

static void check_directory_needed(struct cg_conf_context *ctx, const struct cg_conf_place *place,
                                   const struct cg_conf_namespace *ns)
{
    const char *leaf = NULL;
    const struct cg_conf_grant *grant = cg_conf_first_grant(ns, ALL_BUT_ANONYMOUS, &leaf);
    char *shown;

    if (ctx->conf->ldap.present || !grant)
        return;
    shown = cg_conf_shown(place, leaf);
    cg_problem_add(&ctx->problems, grant->line, shown,
                   "\"%s\" needs a directory: an [ldap] section with uri, bind_dn, bind_password_file and search_base",
                   grant->text);
    free(shown);
}

bool cg_conf_prefix_covers(const char *a, const char *b)
{
    char folded_a[CG_CRATE_NAME_MAX + 1], folded_b[CG_CRATE_NAME_MAX + 1];

    cg_crate_name_fold(a, folded_a);
    cg_crate_name_fold(b, folded_b);
    return cg_str_starts(folded_a, folded_b) || cg_str_starts(folded_b, folded_a);
}

static bool same_name(const char *a, const char *b)
{
    return cg_conf_prefix_covers(a, b) && strlen(a) == strlen(b);
}

void cg_conf_check_prefix_twice(struct cg_conf_context *ctx, const struct cg_conf_place *place, char *const *prefixes)
{
    for (int i = 0; prefixes[i]; i++)
        for (int j = 0; j < i; j++)
            if (same_name(prefixes[i], prefixes[j]))
                cg_conf_problem(ctx, place, "prefixes", i, "\"%s\" and \"%s\" are the same prefix", prefixes[j],
                                prefixes[i]);
}

/* Two namespaces' lists of prefixes, the second one's place being where problems are told. */
static void check_prefix_pair(struct cg_conf_context *ctx, const struct cg_conf_namespace *first,
                              const struct cg_conf_namespace *second)
{
    struct cg_conf_place here = cg_conf_place_of(ctx, "namespace", second->name);
    struct cg_conf_place there = cg_conf_place_of(ctx, "namespace", first->name);

    for (int i = 0; second->prefixes[i]; i++)
        for (int j = 0; first->prefixes[j]; j++)
            if (cg_conf_prefix_covers(second->prefixes[i], first->prefixes[j]))
                cg_conf_problem(ctx, &here, "prefixes", i,
                                "\"%s\" and \"%s\" of namespace %s (line %u) reserve the same names for two namespaces",
                                second->prefixes[i], first->prefixes[j], first->name,
                                cg_conf_line(ctx, &there, "prefixes", j));
}

/* A dangling reference, or half of one. */
static void check_storage(struct cg_conf_context *ctx, const struct cg_conf_place *place,
                          const struct cg_conf_namespace *ns)
{
    if (ns->storage != CG_STORAGE_ARTIFACTORY) {
        if (*ns->artifactory || *ns->repository)
            cg_conf_problem(ctx, place, *ns->artifactory ? "artifactory" : "repository", -1,
                            "is only for storage = \"artifactory\"");
        return;
    }
    if (!json_object_get(place->object, "artifactory"))
        cg_conf_problem(ctx, place, "artifactory", -1, "is required by storage = \"artifactory\"");
    else if (*ns->artifactory && !cg_conf_artifactory(ctx->conf, ns->artifactory))
        cg_conf_problem(ctx, place, "artifactory", -1, "there is no section [artifactory.%s]", ns->artifactory);
    if (!json_object_get(place->object, "repository"))
        cg_conf_problem(ctx, place, "repository", -1, "is required by storage = \"artifactory\"");
}

static void check_namespace(struct cg_conf_context *ctx, size_t index)
{
    const struct cg_conf_namespace *ns = &ctx->conf->namespaces[index];
    struct cg_conf_place place = cg_conf_place_of(ctx, "namespace", ns->name);

    cg_conf_check_anonymous(ctx, &place, "publish", &ns->publish);
    cg_conf_check_anonymous(ctx, &place, "admin", &ns->admin);
    check_storage(ctx, &place, ns);
    check_directory_needed(ctx, &place, ns);
    cg_conf_check_prefix_twice(ctx, &place, ns->prefixes);
    for (size_t i = 0; i < index; i++)
        check_prefix_pair(ctx, &ctx->conf->namespaces[i], ns);
}

void cg_conf_check_all(struct cg_conf_context *ctx)
{
    check_state_dir(ctx);
    check_audit_file(ctx);
    check_tls(ctx);
    check_tokens(ctx);
    if (ctx->conf->ldap.present)
        cg_conf_check_ldap(ctx);
    if (ctx->conf->teams.present)
        cg_conf_check_teams(ctx);
    for (size_t i = 0; i < ctx->conf->artifactory_count; i++)
        cg_conf_check_artifactory(ctx, &ctx->conf->artifactories[i]);
    for (size_t i = 0; i < ctx->conf->namespace_count; i++)
        check_namespace(ctx, i);
}
