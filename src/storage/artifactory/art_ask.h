/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Asking an instance one question: through the circuit breaker, with the
 * credential as it is now, judged, counted and, where that is safe, again.
 * What the operations (art_deploy, art_get, art_list...) are made of.
 *
 * Threading: any thread.
 */
#ifndef CG_STORAGE_ARTIFACTORY_ART_ASK_H
#define CG_STORAGE_ARTIFACTORY_ART_ASK_H

#include <pthread.h>

#include "storage/artifactory/art_http.h"

#define CG_ART_FRESH 64       /* own deploys that are remembered, */
#define CG_ART_FRESH_MS 10000 /* for as long: another node may not have seen them yet (F29) */

struct cg_art_client {
    atomic_int halt;      /* an enum cg_art_halt */
    pthread_mutex_t lock; /* all below */
    struct cg_art_link *link;
    struct cg_art_breaker breaker;
    struct cg_error why; /* of what opened the breaker */
    bool up;             /* as the metric has it */
    int64_t looked_at;   /* when token_file was last read because the credential is refused */
    struct {
        uint64_t key;
        int64_t at;
    } fresh[CG_ART_FRESH]; /* a ring */
    size_t fresh_next;
};

struct cg_art_call {
    enum cg_art_op op;
    const char *repo; /* may be NULL */
    struct cg_art_request http;
};

/* The settings as they are now; give the reference back. */
struct cg_art_link *cg_art_client_link(struct cg_art_client *client);
/* Until when an operation without a deadline of its own may take: one connect, two waits for an answer. */
int64_t cg_art_client_budget(struct cg_art_client *client);
/* Waits about ms (a quarter shorter or longer), but not beyond the deadline: false when there is no time for it, or the
 * process ends. */
bool cg_art_client_pause(struct cg_art_client *client, int64_t ms, int64_t deadline);

/* May the attempt of that number (from 0), judged so, be followed by another? Then it has waited: as long as
 * Artifactory asked for, else longer each time. False: no more attempts, no time left, or the breaker has opened. */
bool cg_art_client_again(struct cg_art_client *client, const struct cg_art_verdict *verdict, unsigned attempt,
                         int64_t deadline);

/* Once (twice where 401 came and token_file holds another credential by now). The answer is an initialised one, and is
 * filled unless the breaker was open. verdict_out is always set. */
enum cg_err cg_art_ask(struct cg_art_client *client, const struct cg_art_call *call, struct cg_art_answer *answer,
                       struct cg_art_verdict *verdict_out, struct cg_error *err) CG_CHECK;
/* For reads without a stream, and other things that do no harm twice: up to three times within the deadline. */
enum cg_err cg_art_ask_safe(struct cg_art_client *client, const struct cg_art_call *call, struct cg_art_answer *answer,
                            struct cg_error *err) CG_CHECK;
/* The same for what answers in JSON; json_decref the value. */
enum cg_err cg_art_ask_json(struct cg_art_client *client, const struct cg_art_call *call, json_t **out,
                            struct cg_error *err) CG_CHECK;

/* Remembers an own deploy; was there one of that path just now? */
void cg_art_client_deployed(struct cg_art_client *client, const char *repo, const char *path);
bool cg_art_client_is_fresh(struct cg_art_client *client, const char *repo, const char *path);

/* A file, and until when to ask for it (monotonic ms). Borrowed. */
struct cg_art_spot {
    struct cg_art_client *client;
    const char *repo, *path;
    int64_t deadline;
};

/* INVALID for a repository or path that no request is made for. */
enum cg_err cg_art_place_ok(const char *repo, const char *path, struct cg_error *err) CG_CHECK;
/* OK, or why not: UNAVAILABLE when the repository is gone or hidden (F4, F31), DENIED. The path does not matter. */
enum cg_err cg_art_repo_there(const struct cg_art_spot *spot, struct cg_error *err) CG_CHECK;
/* What a 404 of a file means: ABSENT, or what cg_art_repo_there says. Never OK. */
enum cg_err cg_art_file_missing(const struct cg_art_spot *spot, struct cg_error *err) CG_CHECK;
/* cg_art_head without the question whether the repository is there: ABSENT is any 404. */
enum cg_err cg_art_file_head(const struct cg_art_spot *spot, struct cg_art_item *item_out,
                             struct cg_error *err) CG_CHECK;
/* From the file's JSON, which has the checksums that are in Artifactory's database. */
enum cg_err cg_art_file_info(const struct cg_art_spot *spot, struct cg_art_item *item_out,
                             struct cg_error *err) CG_CHECK;
/* art_get.c: cg_art_get with the deadline for all of it. */
enum cg_err cg_art_file_get(const struct cg_art_spot *spot, const struct cg_art_sink *sink,
                            struct cg_error *err) CG_CHECK;

/* "2026-09-01T10:00:00.000Z" to wall seconds; 0 when it is none. */
int64_t cg_art_time(const char *text);
/* A size that is a number or, as in older versions, a text; UINT64_MAX when it is neither. */
uint64_t cg_art_size(const json_t *value);
/* Copies a sha256 in hex, lower case; "" when it is none. */
void cg_art_sum(const char *text, char out[65]);

#endif
