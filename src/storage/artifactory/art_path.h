/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Names of things in Artifactory as they stand in URLs: paths, matrix
 * parameters, properties (artifactory.md 3.2), and where a redirect may lead.
 * Pure functions, thread safe.
 */
#ifndef CG_STORAGE_ARTIFACTORY_ART_PATH_H
#define CG_STORAGE_ARTIFACTORY_ART_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "storage/artifactory/art_client.h"

struct sockaddr;

/* May it be asked for: no empty, "." or ".." part, no control character or backslash, UTF-8, at most CG_ART_PATH_MAX?
 */
bool cg_art_path_ok(const char *path);
/* Percent-encoded but for the slashes; a `+` of build metadata too, which some proxies take for a blank. */
void cg_art_path_encode(struct cg_buf *out, const char *path);
/* ";name=value" for each; `lead` stands before the first in place of the semicolon ("" in a query). Properties without
 * a value are left out. */
void cg_art_path_props(struct cg_buf *out, const char *lead, const struct cg_art_prop *props, size_t count);
/* BASE/REPO/PATH, or BASE/api/storage/REPO[/PATH], to which a query may be added. `path` "" for the repository. */
void cg_art_path_file(struct cg_buf *out, const char *base, const char *repo, const char *path);
void cg_art_path_storage(struct cg_buf *out, const char *base, const char *repo, const char *path);

/* Addresses that only mean something inside of a network: loopback, private, link-local, shared, multicast. */
bool cg_art_address_private(const struct sockaddr *address);
bool cg_art_same_host(const char *url, const char *other);
/*
 * The absolute URL that `location`, an answer to a request for `url`, leads to; fresh, free() it. UNAVAILABLE when it
 * may not be followed: another scheme than http and https, from https to http, a user in it, or an address that is
 * private and not that of `home`, the instance's own.
 */
enum cg_err cg_art_path_redirect(const char *home, const char *url, const char *location, char **next_out,
                                 struct cg_error *err) CG_CHECK;

#endif
