/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What the endpoints of Artifactory's interface share: a namespace is a
 * repository, a version the file crates/NAME/NAME-VERSION.crate in it, and the
 * few properties that an item has. JSON goes out as text, piece by piece.
 */
#ifndef CG_API_ARTIFACTORY_H
#define CG_API_ARTIFACTORY_H

#include "http/http.h"
#include "registry/artifacts.h"

#define CG_VENDOR_TYPE(what) "application/vnd.org.jfrog.artifactory.storage." what "+json"
/* Large enough for the list of a large namespace: 150,000 files. */
#define CG_REPOSITORY_ANSWER_MAX (32u * 1024u * 1024u)
#define CG_ARTIFACT_PATH_SIZE (2 * CG_CRATE_NAME_MAX + CG_VERSION_MAX + 32)

/* The version that a file "NAME-VERSION.SUFFIX" of a crate is; in the arena, NULL when it is no such file. */
const char *cg_artifact_version(struct cg_request *req, const char *crate, const char *file, const char *suffix);
/* "NAME/NAME-VERSION.crate" taken apart; false when it is not of that shape. */
bool cg_artifact_split(struct cg_request *req, const char *path, struct cg_coordinates *out);
/* "/crates/NAME/NAME-VERSION.crate" */
void cg_artifact_path(const char *name, const char *version, char out[CG_ARTIFACT_PATH_SIZE]);

/* Pieces of JSON: each a member with its comma in front, unless it is the first behind '{'. */
void cg_piece_text(struct cg_buf *out, const char *key, const char *value);
void cg_piece_number(struct cg_buf *out, const char *key, uint64_t value);
/* "2026-09-01T10:00:00.000Z" */
void cg_piece_time(struct cg_buf *out, const char *key, int64_t wall_s);
/* The address of what is at `path` ("/crates", "") of the namespace, below `service` ("", "/api/storage"). */
void cg_piece_url(struct cg_buf *out, const char *key, const struct cg_request *req, const char *service,
                  const char *path);
/* public_url, for addresses of other namespaces. */
const char *cg_artifactory_base(const struct cg_request *req);

/* The value of a property of ours ("crate.name", "crate.version", "yanked"); NULL for others. */
const char *cg_artifact_property(const struct cg_artifact *artifact, const char *name);
/* The names of all of them, NULL-terminated. */
extern const char *const cg_artifact_properties[];

/* May the caller read that namespace? OK, DENIED (or UNAUTHENTICATED), UNAVAILABLE with a sentence in req->error. */
enum cg_err cg_artifactory_may_read(struct cg_request *req, const char *ns) CG_CHECK;
/* Before an answer that claims to be complete: UNAVAILABLE while there are names that nobody has resolved yet. */
enum cg_err cg_artifactory_all_known(struct cg_request *req) CG_CHECK;

/* artifactory_folder.c: answers about what is not a file. `name` NULL: the folder "crates"; root: the repository. */
struct cg_folder {
    bool root;
    const char *name;
};
enum cg_step cg_folder_info(struct cg_request *req, const struct cg_folder *folder);
enum cg_step cg_folder_list(struct cg_request *req, const struct cg_folder *folder);
/* "Unable to find item" */
enum cg_step cg_artifactory_absent(struct cg_request *req);

#endif
