/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Which registry does a dependency mean? (contract, section 9; cargo-protocol.md 3.4). Pure.
 */
#ifndef CG_REGISTRY_REGISTRY_URL_H
#define CG_REGISTRY_REGISTRY_URL_H

#include <stdbool.h>

#include "base/str.h"
#include "conf/conf.h"
#include "crategate/err.h"

#define CG_CRATES_IO_INDEX "https://github.com/rust-lang/crates.io-index"

/* `url` is a manifest's registry-index (NULL: crates.io). *out becomes NULL for this registry (any spelling of our
 * own URL, its aliases and the Git twin, the Artifactory repository behind it), else the URL to write into the index (fresh string): crates.io's, another
 * namespace's canonical one, or one of the namespace's allowed_registries. DENIED (a refusal with the rule) otherwise,
 * INVALID for what is no index URL. */
enum cg_err cg_registry_url_resolve(const struct cg_conf *conf, const char *ns, const char *url, char **out,
                                    struct cg_error *err) CG_CHECK;

/* The same as if no namespace fronted any repository: for who may not know that one does. */
enum cg_err cg_registry_url_resolve_literally(const struct cg_conf *conf, const char *ns, const char *url, char **out,
                                              struct cg_error *err) CG_CHECK;

/* Do both name one index, in whatever spelling? `url` NULL: crates.io's. */
bool cg_registry_url_same(const char *index, const char *url) CG_CHECK;

/* Does `url`, in a crate of namespace `ns`, name an index of this gateway, or of an Artifactory repository that a namespace
 * of ours fronts (`ns` NULL: that is not looked at)? Then which namespace's, whether or not there is one. */
bool cg_registry_url_own(const struct cg_conf *conf, const char *ns, const char *url,
                         char named_out[CG_NAMESPACE_MAX + 1]) CG_CHECK;
/* The refusal of a namespace that does not exist, and of one that the publisher may not read: one sentence for both. */
enum cg_err cg_registry_url_unseen(const char *named, struct cg_error *err);

#endif
