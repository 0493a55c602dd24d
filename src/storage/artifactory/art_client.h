/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * One Artifactory instance, as far as this driver needs it: documented, stable
 * REST (artifactory.md section 3, docs/references.md). With art_http.h beneath
 * it the only user of libcurl in this room.
 *
 * Results mean the same everywhere:
 *
 *   OK           done, and confirmed by Artifactory
 *   ABSENT       the repository is there, the file is not
 *   CONFLICT     other bytes are at that path (deploy)
 *   DENIED       Artifactory lets our account not do this (F3); the detail names repository and right
 *   TOO_LARGE    Artifactory has no room for it or takes no such file (413)
 *   UNAVAILABLE  everything else: no answer in time, an answer that makes no sense, HTML, our credential refused
 *                (F1, F2: never the caller's fault), the breaker open, the repository gone (F4, F31). retry_after_s is
 *                set, honoured from Retry-After and capped.
 *
 * A circuit breaker stands before all of it: after some failures in a row
 * nobody waits for a dead instance, one probe at a time finds out when it is
 * back, and a refused credential is not tried again before it has changed or a
 * back-off has passed. What is safe to repeat (reads; deploys, which are checked
 * by HEAD first) is repeated within the deadline, with jitter; nothing else is.
 * The credential goes to the instance's own scheme, host and port and nowhere
 * else; redirects of downloads are followed at most three times, without it,
 * never to http from https, never to another host's private address.
 *
 * Threading: any thread; at most max_connections requests at a time.
 */
#ifndef CG_STORAGE_ARTIFACTORY_ART_CLIENT_H
#define CG_STORAGE_ARTIFACTORY_ART_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "crategate/err.h"

#define CG_ART_PATH_MAX 512
/* Properties of ours, set on every crate we deploy. */
#define CG_ART_PROP_NAMESPACE "crategate.namespace"
#define CG_ART_PROP_PUBLISHER "crategate.publisher"
#define CG_ART_PROP_CKSUM "crategate.cksum"
#define CG_ART_PROP_YANKED "crategate.yanked" /* "true" or "false" */

struct cg_art_client;

/* Never fails; no network. Copies what it needs of the settings. */
struct cg_art_client *cg_art_client_new(const struct cg_conf_artifactory *conf);
void cg_art_client_free(struct cg_art_client **client);
/* After a reload: new settings and credential for the same instance. Requests under way end under the old ones, and
 * what comes of them counts for nothing; what would ask again at an address that is not the instance's any more is
 * UNAVAILABLE. */
void cg_art_client_reconfigure(struct cg_art_client *client, const struct cg_conf_artifactory *conf);

/* The process ends: from now on nothing waits for a download's first byte, is tried again or begun. What has begun goes
 * on, changes too. */
void cg_art_client_drain(struct cg_art_client *client);
/* And now nothing goes on: all that is under way ends within a second or so, UNAVAILABLE. */
void cg_art_client_stop(struct cg_art_client *client);
/* The sentence of that, UNAVAILABLE with a retry_after_s: another process may soon be there. */
enum cg_err cg_art_stopped(struct cg_error *err);

/* What Artifactory says of a file. */
struct cg_art_item {
    char sha256[65]; /* "" when not told */
    uint64_t size;
    int64_t modified; /* wall seconds, 0: not told */
};

struct cg_art_prop {
    const char *name, *value;
};

/* A file to be put at repo/path. Borrowed. */
struct cg_art_deploy {
    const char *repo;
    const char *path; /* "crates/NAME/NAME-VERSION.crate", decoded */
    int fd;           /* read by pread from 0 */
    uint64_t size;
    const char *sha256, *sha1; /* hex */
    const struct cg_art_prop *props;
    size_t prop_count;
};

/* `deadline_ms`: monotonic, for all attempts together. Never overwrites: what is there with other bytes is CONFLICT. A
 * lost answer is settled by HEAD; large files try a checksum deploy first; Expect: 100-continue. */
enum cg_err cg_art_deploy(struct cg_art_client *client, const struct cg_art_deploy *deploy, int64_t deadline_ms,
                          struct cg_error *err) CG_CHECK;
enum cg_err cg_art_head(struct cg_art_client *client, const char *repo, const char *path, int64_t deadline_ms,
                        struct cg_art_item *item_out, struct cg_error *err) CG_CHECK;

/* Where a download goes. begin comes once, with the size (UINT64_MAX: not told), before the first bytes; a non-OK of
 * either ends the transfer and is its result. */
struct cg_art_sink {
    enum cg_err (*begin)(void *cls, uint64_t size, struct cg_error *err);
    enum cg_err (*bytes)(void *cls, const void *bytes, size_t len, struct cg_error *err);
    void *cls;
};
/* The whole file. A connection that breaks in the middle is resumed by Range with If-Range where Artifactory allows it;
 * an end before the announced size is UNAVAILABLE. No time limit but the stall timeout, once bytes flow. */
enum cg_err cg_art_get(struct cg_art_client *client, const char *repo, const char *path, const struct cg_art_sink *sink,
                       struct cg_error *err) CG_CHECK;

/* Removes a file, for an administrator alone: nothing else in here ever does. DENIED where the account may not. */
enum cg_err cg_art_delete(struct cg_art_client *client, const char *repo, const char *path,
                          struct cg_error *err) CG_CHECK;

enum cg_err cg_art_set_props(struct cg_art_client *client, const char *repo, const char *path,
                             const struct cg_art_prop *props, size_t count, struct cg_error *err) CG_CHECK;

/* One file of a repository, below crates/, of the shape crates/NAME/NAME-VERSION.crate or any other *.crate. */
struct cg_art_listed {
    const char *path;
    struct cg_art_item item;
    const char *publisher; /* of our property, "" when not set */
    int yanked;            /* 1, 0, -1: not set */
};
typedef enum cg_err (*cg_art_visit)(void *cls, const struct cg_art_listed *file);
/* Every *.crate of the repository, once each, in pages: by AQL, whose `notification` (a silent limit) is an error, or,
 * where AQL is refused, by ?list&deep=1 (then without properties). Complete, or UNAVAILABLE. */
enum cg_err cg_art_list(struct cg_art_client *client, const char *repo, cg_art_visit visit, void *cls,
                        struct cg_error *err) CG_CHECK;

/* Is it believed to be down now (breaker open, credential refused)? Never blocks. `why` may be NULL. */
bool cg_art_client_down(struct cg_art_client *client, struct cg_error *why);
/* Asks it whether it is there (ping, version) and takes our credential. */
enum cg_err cg_art_ping(struct cg_art_client *client, struct cg_error *err) CG_CHECK;

/* The same of one crate alone, crates/NAME/; none is no error. */
struct cg_art_crate {
    const char *repo, *name;
};
enum cg_err cg_art_list_crate(struct cg_art_client *client, const struct cg_art_crate *crate, cg_art_visit visit,
                              void *cls, struct cg_error *err) CG_CHECK;

/* For crategatectl check: every step in plain words, `ok` 1 good, 0 bad, -1 only to be known, -2 a warning. */
typedef void (*cg_art_report)(void *cls, int ok, const char *step, const char *text);
struct cg_art_checker {
    cg_art_report report;
    /* For P7: a crate that is there, and the line that Artifactory's own index has of it; borrowed. After the last one,
     * with NULL. May be NULL. */
    void (*indexed)(void *cls, const char *line, size_t line_len, const void *crate, size_t len);
    void *cls;
};
/* Reachable, TLS, version, credential, repository there and of a fitting class and package type, may read, deploy,
 * annotate, may not delete, base URL; then the probes P1 to P12 of artifactory.md 6.5 as far as they can be made without
 * harm, saying what this instance does. The one file that it puts, .crategate-check/probe.txt, is the same each time, no
 * crate to anybody, and stays where the account may not delete. After two minutes no further probe is begun. OK when no
 * step was bad. */
enum cg_err cg_art_check(struct cg_art_client *client, const char *repo, const struct cg_art_checker *how,
                         struct cg_error *err) CG_CHECK;

#endif
