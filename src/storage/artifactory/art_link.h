/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What is needed to talk to an instance: a copy of its settings with one
 * credential, and the connections that are kept open to it. Never changed once
 * made: a reload or another credential makes a new one, and requests under way
 * keep the old one alive by a reference.
 *
 * Threading: any thread.
 */
#ifndef CG_STORAGE_ARTIFACTORY_ART_LINK_H
#define CG_STORAGE_ARTIFACTORY_ART_LINK_H

#include <curl/curl.h>
#include <stdatomic.h>

#include "base/secret.h"
#include "storage/artifactory/art_client.h"

struct cg_art_handles;

struct cg_art_link {
    atomic_uint refs;
    char *name, *url, *ca_file, *token_file;
    struct cg_secret token;         /* as in the file, to see whether that has changed */
    struct cg_secret authorization; /* the header line */
    int64_t connect_timeout, answer_timeout, stall_timeout;
    unsigned max_connections;
    bool proxied; /* the environment names a proxy: then that one looks up names, and not we */
    struct cg_art_handles *handles;
};

struct cg_art_link *cg_art_link_new(const struct cg_conf_artifactory *conf);
/* The same with another credential, and connections of its own. */
struct cg_art_link *cg_art_link_renew(const struct cg_art_link *link, const struct cg_secret *token);
/* Is it a URL of this instance, the one place that its credential goes to? */
bool cg_art_link_owns(const struct cg_art_link *link, const char *url);
struct cg_art_link *cg_art_link_ref(struct cg_art_link *link);
void cg_art_link_unref(struct cg_art_link **link);

/* A handle of its own until it is put back; NULL when all are in use until the deadline (monotonic ms). */
CURL *cg_art_link_take(struct cg_art_link *link, int64_t deadline);
void cg_art_link_put(struct cg_art_link *link, CURL *curl);

#endif
