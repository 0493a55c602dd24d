/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Artifactory's webhooks (artifactory.md 3.8). What one says is never believed:
 * it is a reason to look at a repository now, which is cheap, and nothing else.
 */
#include "api/api.h"

#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/secret.h"
#include "base/str.h"
#include "log/metrics.h"
#include "registry/sync.h"

static bool is_configured(const struct cg_conf *conf)
{
    for (size_t i = 0; i < conf->artifactory_count; i++)
        if (conf->artifactories[i].webhook_secret.len)
            return true;
    return false;
}

/* The secret itself, or the body signed with it: both are looked at whatever the other says. */
static bool fits(const struct cg_secret *secret, const char *proof, const char *body, size_t len)
{
    const char *signature = cg_str_starts_nocase(proof, "sha256=") ? proof + strlen("sha256=") : proof;
    unsigned char want[CG_SHA256_SIZE], have[CG_SHA256_SIZE] = {0};
    struct cg_hmac *hmac = cg_hmac_new(secret->bytes, secret->len);
    bool is_signed, is_secret;

    cg_hmac(hmac, body, len, NULL, 0, want);
    cg_hmac_free(&hmac);
    is_signed = cg_unhex(signature, have, sizeof(have)) == CG_OK;
    is_signed &= cg_secret_equal_bytes(want, have, sizeof(have));
    is_secret = strlen(proof) == secret->len && cg_secret_equal_bytes(proof, secret->bytes, secret->len);
    return is_signed || is_secret;
}

/* The key of the repository that a webhook's body names; NULL when it names none. Borrowed from *root_out. */
static const char *repository_of(const char *body, size_t len, json_t **root_out)
{
    if (cg_json_parse(body, len, root_out, NULL) != CG_OK)
        return NULL;
    return cg_json_str(json_object_get(*root_out, "data"), "repo_key");
}

static void wake(struct cg_request *req, const char *instance, const char *repository)
{
    const struct cg_conf *conf = cg_policy_conf(req->policy);

    for (size_t i = 0; i < conf->namespace_count; i++) {
        const struct cg_conf_namespace *ns = &conf->namespaces[i];

        if (ns->storage == CG_STORAGE_ARTIFACTORY && strcmp(ns->artifactory, instance) == 0 &&
            strcmp(ns->repository, repository) == 0)
            cg_registry_sync_want(req->gw->registry, ns->name);
    }
}

/* True when the proof is right for some instance, whose namespaces are woken. */
static bool take_hook(struct cg_request *req, const char *proof)
{
    const struct cg_conf *conf = cg_policy_conf(req->policy);
    size_t len = 0;
    const char *body = cg_request_text(req, &len), *repository;
    json_t *root = NULL;
    bool known = false;

    for (size_t i = 0; i < conf->artifactory_count; i++) {
        const struct cg_conf_artifactory *art = &conf->artifactories[i];

        if (!art->webhook_secret.len || !fits(&art->webhook_secret, proof, body, len))
            continue;
        known = true;
        repository = root ? cg_json_str(json_object_get(root, "data"), "repo_key") : repository_of(body, len, &root);
        if (repository)
            wake(req, art->name, repository);
    }
    json_decref(root);
    return known;
}

enum cg_step cg_api_hook_artifactory(struct cg_request *req)
{
    const char *proof = cg_request_header(req, "X-JFrog-Event-Auth");
    struct cg_error err = {0};

    if (!is_configured(cg_policy_conf(req->policy))) {
        cg_error_set(&err, CG_ERR_ABSENT, "no webhook is expected here: no webhook_secret_file is configured");
        return cg_respond_error(req, &err);
    }
    if (!proof || !take_hook(req, proof)) {
        cg_metric_add(CG_METRIC_HOOKS_BAD, 1);
        cg_error_set(&err, CG_ERR_UNAUTHENTICATED,
                     "X-JFrog-Event-Auth is neither the webhook's secret nor a signature made with it");
        return cg_respond_error(req, &err);
    }
    cg_metric_add(CG_METRIC_HOOKS_OK, 1);
    return cg_respond_text(req, 202, "text/plain", "accepted\n");
}
