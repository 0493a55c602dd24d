/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The snapshot: made, shared, compared, freed. */
#include "conf/conf.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "conf/parse.h"
#include "conf/value.h"

#define FILE_BYTES_MAX (4 * 1024 * 1024)
#define VALUE_BYTES_MAX (1024 * 1024)

void cg_conf_free_members(const char *section, void *target)
{
    for (size_t i = 0; i < cg_conf_key_count; i++)
        if (cg_conf_in_section(cg_conf_keys[i].name, section))
            cg_value_free(&cg_conf_keys[i], target);
}

static void free_group_map(struct cg_conf *conf)
{
    for (size_t i = 0; i < conf->ldap.group_map_count; i++)
        cg_conf_free_members("ldap.group_map[]", &conf->ldap.group_map[i]);
    free(conf->ldap.group_map);
}

static void free_artifactories(struct cg_conf *conf)
{
    for (size_t i = 0; i < conf->artifactory_count; i++) {
        struct cg_conf_artifactory *art = &conf->artifactories[i];

        cg_conf_free_members("artifactory.*", art);
        cg_secret_free(&art->token);
        cg_secret_free(&art->webhook_secret);
        free(art->name);
    }
    free(conf->artifactories);
}

static void conf_free(struct cg_conf *conf)
{
    if (conf->base) {
        cg_conf_free_teams(conf);
        return;
    }
    for (size_t i = 0; i < conf->namespace_count; i++) {
        cg_conf_free_members("namespace.*", &conf->namespaces[i]);
        free(conf->namespaces[i].name);
        free(conf->namespaces[i].team_dn);
    }
    free(conf->namespaces);
    free_artifactories(conf);
    cg_conf_free_members("", conf);
    cg_conf_free_members("log", conf);
    cg_conf_free_members("audit", conf);
    cg_conf_free_members("ldap", conf);
    cg_conf_free_members("teams", conf);
    free_group_map(conf);
    cg_secret_free(&conf->ldap.bind_password);
    free(conf->file);
    free(conf);
}

struct cg_conf *cg_conf_ref(struct cg_conf *conf)
{
    atomic_fetch_add_explicit(&conf->refs, 1, memory_order_relaxed);
    return conf;
}

void cg_conf_unref(struct cg_conf **conf)
{
    if (*conf && atomic_fetch_sub_explicit(&(*conf)->refs, 1, memory_order_acq_rel) == 1)
        conf_free(*conf);
    *conf = NULL;
}

enum cg_err cg_conf_parse(const char *name, const char *text, size_t len, struct cg_conf **conf_out,
                          struct cg_buf *report, struct cg_error *err)
{
    struct cg_conf_context ctx = {.problems = {.file = name}};
    enum cg_err rc;

    ctx.conf = cg_calloc(1, sizeof(*ctx.conf));
    atomic_init(&ctx.conf->refs, 1);
    ctx.conf->file = cg_strdup(name);
    cg_conf_read_document(&ctx, text, len);
    if (ctx.document) {
        cg_conf_read_values(&ctx);
        cg_conf_check_all(&ctx);
    }
    rc = cg_problem_report(&ctx.problems, report, err);
    if (rc == CG_OK) {
        *conf_out = ctx.conf;
        ctx.conf = NULL;
    }
    cg_conf_unref(&ctx.conf);
    cg_problem_free(&ctx.problems);
    json_decref(ctx.document);
    json_decref(ctx.lines);
    return rc;
}

enum cg_err cg_conf_load(const char *path, struct cg_conf **conf_out, struct cg_buf *report, struct cg_error *err)
{
    struct cg_error reason = {0};
    struct cg_buf text;
    enum cg_err rc;

    cg_buf_init(&text, FILE_BYTES_MAX);
    rc = cg_file_read(path, &text, &reason);
    if (rc == CG_OK) {
        rc = cg_conf_parse(path, cg_buf_str(&text), text.len, conf_out, report, err);
    } else {
        if (report)
            cg_buf_addf(report, "%s\n", reason.detail);
        cg_error_set(err, rc, "%s", reason.detail);
    }
    cg_buf_free(&text);
    return rc;
}

bool cg_conf_has_directory(const struct cg_conf *conf)
{
    return conf->ldap.present && conf->ldap.enabled;
}

const struct cg_conf_artifactory *cg_conf_artifactory(const struct cg_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->artifactory_count; i++)
        if (cg_streq(conf->artifactories[i].name, name))
            return &conf->artifactories[i];
    return NULL;
}

const struct cg_conf_namespace *cg_conf_namespace(const struct cg_conf *conf, const char *name)
{
    for (size_t i = 0; i < conf->namespace_count; i++)
        if (cg_streq(conf->namespaces[i].name, name))
            return &conf->namespaces[i];
    return NULL;
}

/* A namespace that is open stays where it is. */
static void moved_namespaces(const struct cg_conf *old_conf, const struct cg_conf *new_conf, struct cg_buf *out)
{
    for (size_t i = 0; i < new_conf->namespace_count; i++) {
        const struct cg_conf_namespace *now = &new_conf->namespaces[i];
        const struct cg_conf_namespace *before = cg_conf_namespace(old_conf, now->name);

        if (before && (before->storage != now->storage || !cg_streq(before->artifactory, now->artifactory) ||
                       !cg_streq(before->repository, now->repository)))
            cg_buf_addf(out, "namespace.%s.storage\n", now->name);
    }
}

void cg_conf_restart_needed(const struct cg_conf *old_conf, const struct cg_conf *new_conf, struct cg_buf *out)
{
    struct cg_buf before, after;

    cg_buf_init(&before, VALUE_BYTES_MAX);
    cg_buf_init(&after, VALUE_BYTES_MAX);
    for (size_t i = 0; i < cg_conf_key_count; i++) {
        const struct cg_conf_key *key = &cg_conf_keys[i];

        if (!(key->flags & CG_KEY_RESTART))
            continue;
        cg_buf_reset(&before);
        cg_buf_reset(&after);
        cg_value_print(key, old_conf, &before);
        cg_value_print(key, new_conf, &after);
        if (!cg_streq(cg_buf_str(&before), cg_buf_str(&after)))
            cg_buf_addf(out, "%s\n", key->name);
    }
    moved_namespaces(old_conf, new_conf, out);
    cg_buf_free(&before);
    cg_buf_free(&after);
}
