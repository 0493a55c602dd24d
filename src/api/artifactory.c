/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "api/artifactory.h"

#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "conf/conf.h"
#include "crategate/clock.h"

const char *const cg_artifact_properties[] = {"crate.name", "crate.version", "yanked", NULL};

const char *cg_artifact_property(const struct cg_artifact *artifact, const char *name)
{
    const char *const values[] = {artifact->name, artifact->version, artifact->yanked ? "true" : "false"};

    for (size_t i = 0; cg_artifact_properties[i]; i++)
        if (strcmp(name, cg_artifact_properties[i]) == 0)
            return values[i];
    return NULL;
}

const char *cg_artifact_version(struct cg_request *req, const char *crate, const char *file, const char *suffix)
{
    size_t name_len = strlen(crate), len = strlen(file), suffix_len = strlen(suffix);

    if (!cg_str_ends(file, suffix) || len <= name_len + 1 + suffix_len)
        return NULL;
    if (strncmp(file, crate, name_len) != 0 || file[name_len] != '-')
        return NULL;
    return cg_arena_strndup(req->arena, file + name_len + 1, len - name_len - 1 - suffix_len);
}

bool cg_artifact_split(struct cg_request *req, const char *path, struct cg_coordinates *out)
{
    const char *slash = strchr(path, '/');

    if (!slash || slash == path || strchr(slash + 1, '/'))
        return false;
    out->name = cg_arena_strndup(req->arena, path, (size_t)(slash - path));
    out->version = cg_artifact_version(req, out->name, slash + 1, ".crate");
    return out->version != NULL;
}

void cg_artifact_path(const char *name, const char *version, char out[CG_ARTIFACT_PATH_SIZE])
{
    snprintf(out, CG_ARTIFACT_PATH_SIZE, "/crates/%s/%s-%s.crate", name, name, version);
}

static void begin_member(struct cg_buf *out, const char *key)
{
    if (out->len && out->data[out->len - 1] != '{')
        cg_buf_addch(out, ',');
    cg_json_quote(out, key);
    cg_buf_addch(out, ':');
}

void cg_piece_text(struct cg_buf *out, const char *key, const char *value)
{
    begin_member(out, key);
    cg_json_quote(out, value);
}

void cg_piece_number(struct cg_buf *out, const char *key, uint64_t value)
{
    begin_member(out, key);
    cg_buf_addf(out, "%llu", (unsigned long long)value);
}

void cg_piece_time(struct cg_buf *out, const char *key, int64_t wall_s)
{
    char text[CG_TIME_RFC3339_SIZE];

    cg_time_rfc3339(wall_s, text);
    begin_member(out, key);
    cg_buf_addf(out, "\"%.19s.000Z\"", text);
}

const char *cg_artifactory_base(const struct cg_request *req)
{
    return cg_policy_conf(req->policy)->public_url;
}

void cg_piece_url(struct cg_buf *out, const char *key, const struct cg_request *req, const char *service,
                  const char *path)
{
    struct cg_buf url;

    cg_buf_init(&url, 8192);
    cg_buf_addf(&url, "%s%s/%s%s", cg_artifactory_base(req), service, req->ns, path);
    cg_piece_text(out, key, cg_buf_str(&url));
    cg_buf_free(&url);
}

enum cg_err cg_artifactory_may_read(struct cg_request *req, const char *ns)
{
    struct cg_question question = {.caller = &req->authn.caller, .action = CG_ACTION_READ, .namespace_name = ns};
    struct cg_decision decision;
    enum cg_err rc = cg_policy_decide(req->policy, &question, &decision);

    return rc == CG_ERR_UNAVAILABLE ? cg_error_set(&req->error, rc, "%s", decision.reason) : rc;
}

/* The policy says so of a name that is none. */
enum cg_err cg_artifactory_all_known(struct cg_request *req)
{
    if (cg_artifactory_may_read(req, "") != CG_ERR_UNAVAILABLE)
        return CG_OK;
    return cg_error_set(
        &req->error, CG_ERR_UNAVAILABLE,
        "which repositories you may read depends on groups that the directory has not been able to look "
        "up yet; try again in a moment");
}

enum cg_step cg_artifactory_absent(struct cg_request *req)
{
    cg_error_set(&req->error, CG_ERR_ABSENT, "Unable to find item: crates are at %s/crates/NAME/NAME-VERSION.crate",
                 req->ns);
    return cg_respond_error(req, NULL);
}
