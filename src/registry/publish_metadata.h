/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The JSON of a publish (cargo-protocol.md 5.2). Only `name` and `vers` are
 * believed; the rest must have the right types and is compared with the
 * packaged manifest, which is what clients build. One thread.
 */
#ifndef CG_REGISTRY_PUBLISH_METADATA_H
#define CG_REGISTRY_PUBLISH_METADATA_H

#include <jansson.h>

#include "conf/conf.h"
#include "registry/package.h"

struct cg_publish_metadata {
    json_t *root;
    const char *name, *version; /* borrowed from root; NULL where they could not be read */
};

/* INVALID (metadata-syntax, metadata-type, crate-name, crate-name-reserved, crate-version). *out is set in any case, so
 * that an audit record can name what was read; free it in any case. */
enum cg_err cg_publish_metadata_parse(const char *text, size_t len, struct cg_publish_metadata *out,
                                      struct cg_error *err) CG_CHECK;
/* The rules for name and version alone, for crates that come without metadata. INVALID. */
enum cg_err cg_publish_identity_check(const char *name, const char *version, struct cg_error *err) CG_CHECK;
/* The same for an upload that has no metadata but what its address says. */
enum cg_err cg_publish_metadata_of(const char *name, const char *version, struct cg_publish_metadata *out,
                                   struct cg_error *err) CG_CHECK;
void cg_publish_metadata_free(struct cg_publish_metadata *metadata);

/* Where the manifest says otherwise: appends sentences for the answer's warnings to a NULL-terminated list. */
void cg_publish_metadata_compare(const struct cg_publish_metadata *metadata, const struct cg_package *package,
                                 const struct cg_conf *conf, const char *ns, char ***warnings);
/* A list takes a hundred; further ones are dropped. */
void cg_warn(char ***warnings, const char *fmt, ...) CG_PRINTF(2, 3);

#endif
