/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The endpoints: where HTTP meets the registry, one file each, and the table
 * that names them all. A handler reads its parameters from the request, asks
 * one question of a room to the left and answers; what may block is a `slow`
 * handler and runs on a worker (http/http.h).
 */
#ifndef CG_API_API_H
#define CG_API_API_H

#include "http/http.h"

/* The whole interface; static, immutable. */
const struct cg_route *cg_api_routes(size_t *count_out);
/* docs/http-api.md, from the table. */
void cg_api_write_docs(struct cg_buf *out);

/* index.c */
enum cg_step cg_api_config(struct cg_request *req);
enum cg_step cg_api_index_fast(struct cg_request *req);
enum cg_step cg_api_index_slow(struct cg_request *req);
/* download.c */
enum cg_step cg_api_download_fast(struct cg_request *req);
enum cg_step cg_api_download(struct cg_request *req);
/* artifact.c */
enum cg_step cg_api_artifact(struct cg_request *req);
enum cg_step cg_api_artifact_elsewhere(struct cg_request *req);
enum cg_step cg_api_deploy(struct cg_request *req);
/* artifactory_system.c */
enum cg_step cg_api_ping(struct cg_request *req);
enum cg_step cg_api_readiness(struct cg_request *req);
enum cg_step cg_api_router_health(struct cg_request *req);
enum cg_step cg_api_version_compatible(struct cg_request *req);
enum cg_step cg_api_usage(struct cg_request *req);
enum cg_step cg_api_no_tokens(struct cg_request *req);
enum cg_step cg_api_uploads_config(struct cg_request *req);
enum cg_step cg_api_repositories(struct cg_request *req);
enum cg_step cg_api_repository(struct cg_request *req);
enum cg_step cg_api_git(struct cg_request *req);
enum cg_step cg_api_reindex(struct cg_request *req);
/* artifactory_storage.c */
enum cg_step cg_api_storage(struct cg_request *req);
enum cg_step cg_api_storage_change(struct cg_request *req);
/* artifactory_search.c */
enum cg_step cg_api_aql(struct cg_request *req);
enum cg_step cg_api_search_artifact(struct cg_request *req);
enum cg_step cg_api_search_checksum(struct cg_request *req);
/* publish.c */
enum cg_step cg_api_publish(struct cg_request *req);
enum cg_step cg_api_yank(struct cg_request *req);
enum cg_step cg_api_unyank(struct cg_request *req);
/* owners.c */
enum cg_step cg_api_owners(struct cg_request *req);
enum cg_step cg_api_owners_add(struct cg_request *req);
enum cg_step cg_api_owners_remove(struct cg_request *req);
/* crates.c */
enum cg_step cg_api_search(struct cg_request *req);
enum cg_step cg_api_crate(struct cg_request *req);
enum cg_step cg_api_versions(struct cg_request *req);
enum cg_step cg_api_version(struct cg_request *req);
enum cg_step cg_api_dependencies(struct cg_request *req);
enum cg_step cg_api_readme(struct cg_request *req);
enum cg_step cg_api_reverse(struct cg_request *req);
enum cg_step cg_api_downloads(struct cg_request *req);
/* tokens.c */
enum cg_step cg_api_tokens_list(struct cg_request *req);
enum cg_step cg_api_tokens_create(struct cg_request *req);
enum cg_step cg_api_tokens_revoke(struct cg_request *req);
enum cg_step cg_api_tokens_revoke_current(struct cg_request *req);
/* me.c */
enum cg_step cg_api_me(struct cg_request *req);
enum cg_step cg_api_me_login(struct cg_request *req);
enum cg_step cg_api_me_redirect(struct cg_request *req);
/* hooks.c */
enum cg_step cg_api_hook_artifactory(struct cg_request *req);
/* health.c */
enum cg_step cg_api_livez(struct cg_request *req);
enum cg_step cg_api_readyz(struct cg_request *req);
enum cg_step cg_api_metrics(struct cg_request *req);

#endif
