/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Putting a file where none is. The account may be allowed to overwrite, so it
 * is looked first what is there; and whatever the answer to a PUT says or fails
 * to say, it is looked again, because only what is there counts.
 */
#include "storage/artifactory/art_ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "storage/artifactory/art_path.h"

#define LARGE ((uint64_t)1 << 20) /* from here on a deploy by checksum alone is worth its round trip */
#define URL_MAX 8192
#define OTHER_NODE_MS 400

struct job {
    struct cg_art_client *client;
    const struct cg_art_deploy *deploy;
    struct cg_art_spot spot; /* where to, and until when */
    char *url;
    char sha256[96], sha1[96]; /* header lines */
    unsigned puts;             /* that may have stored something */
};

enum there { THERE_NOTHING, THERE_SAME, THERE_OTHER };

/* Looking */

static enum cg_err no_size(void *cls, uint64_t size, struct cg_error *err)
{
    (void)cls, (void)size, (void)err;
    return CG_OK;
}

static enum cg_err add_to_sum(void *cls, const void *bytes, size_t len, struct cg_error *err)
{
    (void)err;
    cg_sha256_add(cls, bytes, len);
    return CG_OK;
}

/* Artifactory does not tell the sum: reads the bytes for it. */
static enum cg_err sum_of_bytes(struct job *job, char out[65], struct cg_error *err)
{
    struct cg_sha256 *sha = cg_sha256_new();
    struct cg_art_sink sink = {.begin = no_size, .bytes = add_to_sum, .cls = sha};
    unsigned char sum[CG_SHA256_SIZE];
    enum cg_err rc = cg_art_file_get(&job->spot, &sink, err);

    cg_sha256_end(sha, sum);
    cg_sha256_free(&sha);
    if (rc == CG_OK)
        cg_hex(sum, sizeof(sum), out);
    return rc;
}

/* The header says something else than we know, or nothing (F18): asks the database, and then the bytes. */
static enum cg_err look_closer(struct job *job, enum there *there_out, struct cg_error *err)
{
    struct cg_art_item item = {0};
    enum cg_err rc = cg_art_file_info(&job->spot, &item, err);

    if (rc == CG_OK && !*item.sha256)
        rc = sum_of_bytes(job, item.sha256, err);
    if (rc != CG_OK)
        return rc;
    *there_out = cg_streq_nocase(item.sha256, job->deploy->sha256) ? THERE_SAME : THERE_OTHER;
    return CG_OK;
}

static enum cg_err look(struct job *job, enum there *there_out, struct cg_error *err)
{
    const struct cg_art_deploy *deploy = job->deploy;
    struct cg_art_item item = {0};
    enum cg_err rc = cg_art_file_head(&job->spot, &item, err);

    if (rc == CG_ERR_ABSENT) {
        *there_out = THERE_NOTHING;
        return CG_OK;
    }
    if (rc != CG_OK)
        return rc;
    if (cg_streq_nocase(item.sha256, deploy->sha256)) {
        *there_out = THERE_SAME;
        return CG_OK;
    }
    rc = look_closer(job, there_out, err);
    if (rc == CG_OK && *there_out == THERE_SAME)
        cg_log(CG_LOG_WARN, "artifactory", NULL, "repository=%s path=%s wrong or no checksum header from Artifactory",
               deploy->repo, deploy->path);
    return rc;
}

/* Putting */

/* Does the answer confirm our bytes? A 201 whose body does not is looked into. */
static bool confirmed(const struct job *job, const struct cg_art_answer *answer)
{
    char sum[65];
    json_t *value = NULL;
    bool same;

    if (cg_art_answer_json(answer, &value, NULL) != CG_OK)
        return false;
    cg_art_sum(cg_json_str(json_object_get(value, "checksums"), "sha256"), sum);
    same = cg_streq_nocase(sum, job->deploy->sha256);
    json_decref(value);
    return same;
}

static enum cg_err put(struct job *job, bool known, struct cg_art_verdict *verdict, struct cg_error *err)
{
    const struct cg_art_deploy *deploy = job->deploy;
    const char *headers[] = {job->sha256, job->sha1, "Content-Type: application/octet-stream",
                             known ? "X-Checksum-Deploy: true" : NULL, NULL};
    struct cg_art_call call = {.op = known ? CG_ART_OP_KNOWN : CG_ART_OP_DEPLOY,
                               .repo = deploy->repo,
                               .http = {.method = "PUT",
                                        .url = job->url,
                                        .headers = headers,
                                        .text = known ? "" : NULL,
                                        .from_fd = !known,
                                        .fd = deploy->fd,
                                        .size = deploy->size,
                                        .deadline = job->spot.deadline}};
    struct cg_art_answer answer;
    enum cg_err rc;

    cg_art_answer_init(&answer);
    rc = cg_art_ask(job->client, &call, &answer, verdict, err);
    if (rc == CG_OK && !confirmed(job, &answer)) {
        verdict->again = true;
        rc = cg_art_unavailable(err,
                                "Artifactory, repository %s: its answer to the deploy of %s does not confirm the bytes",
                                deploy->repo, deploy->path);
    }
    /* Without an answer, with one of its own errors or with nonsense: it may have been stored all the same. */
    if (rc == CG_ERR_UNAVAILABLE && verdict->again)
        job->puts++;
    cg_art_answer_free(&answer);
    return rc;
}

/* Settling */

static enum cg_err taken(const struct cg_art_deploy *deploy, struct cg_error *err)
{
    return cg_error_set(err, CG_ERR_CONFLICT, "repository %s has other bytes at %s already, and nothing is overwritten",
                        deploy->repo, deploy->path);
}

/* What is there after a PUT that did not say OK. Another node may see what one has stored only in a moment (F29). */
static enum cg_err look_after(struct job *job, enum there *there_out, struct cg_error *err)
{
    enum cg_err rc = look(job, there_out, err);

    if (rc == CG_OK && *there_out == THERE_NOTHING && job->puts > 0 &&
        cg_art_client_pause(job->client, OTHER_NODE_MS, job->spot.deadline))
        rc = look(job, there_out, err);
    return rc;
}

/* Nothing can have come of it, or looking would only make it worse. */
static bool is_final(const struct job *job, enum cg_err rc, const struct cg_art_verdict *verdict)
{
    if (verdict->health == CG_ART_REFUSED || verdict->health == CG_ART_LOCKED || rc == CG_ERR_TOO_LARGE)
        return true;
    return verdict->health == CG_ART_UNSURE && job->puts == 0;
}

static enum cg_err unknown(struct cg_error *err)
{
    if (err)
        err->code = CG_ERR_UNAVAILABLE;
    (void)cg_error_prefix(err, "what became of the deploy cannot be told now");
    return CG_ERR_UNAVAILABLE;
}

/* OK: it is there. Else the reason, and *again: another attempt may do better. */
static enum cg_err settle(struct job *job, enum cg_err put_rc, bool *again, struct cg_error *err)
{
    enum there there = THERE_NOTHING;
    struct cg_error why = {0};
    enum cg_err rc = look_after(job, &there, &why);

    if (rc == CG_ERR_DENIED && put_rc == CG_ERR_DENIED)
        return rc;
    if (rc != CG_OK) {
        *again = false;
        if (err)
            *err = why;
        return unknown(err);
    }
    if (there == THERE_SAME)
        return CG_OK;
    if (there == THERE_OTHER) {
        *again = false;
        return taken(job->deploy, err);
    }
    if (put_rc != CG_ERR_CONFLICT)
        return put_rc;
    *again = true; /* nothing is there, so the conflict was between our bytes and their sum: damaged on the way */
    return cg_art_unavailable(err, "Artifactory, repository %s: the bytes of %s do not arrive as they were sent",
                              job->deploy->repo, job->deploy->path);
}

static enum cg_err put_and_settle(struct job *job, bool known, struct cg_art_verdict *verdict, struct cg_error *err)
{
    enum cg_err rc = put(job, known, verdict, err);

    if (rc == CG_OK || is_final(job, rc, verdict) || (known && rc == CG_ERR_ABSENT))
        return rc;
    /* While it asks to be left alone there is nothing to look at. */
    if (verdict->health == CG_ART_HOLD)
        return rc;
    return settle(job, rc, &verdict->again, err);
}

/* Nothing was there: puts it, until it is there or cannot be. */
static enum cg_err put_all(struct job *job, struct cg_error *err)
{
    struct cg_art_verdict verdict;
    enum there there = THERE_NOTHING;
    enum cg_err rc = CG_ERR_ABSENT;

    if (job->deploy->size >= LARGE)
        rc = put_and_settle(job, true, &verdict, err);
    if (rc == CG_OK || rc == CG_ERR_CONFLICT)
        return rc;
    if (rc == CG_ERR_UNAVAILABLE && !cg_art_client_again(job->client, &verdict, 0, job->spot.deadline))
        return rc;
    for (unsigned i = 0;; i++) {
        rc = put_and_settle(job, false, &verdict, err);
        if (rc != CG_ERR_UNAVAILABLE || !cg_art_client_again(job->client, &verdict, i, job->spot.deadline))
            return rc;
        /* Never put over what came meanwhile: ours, after all, or somebody else's. */
        rc = look(job, &there, err);
        if (rc != CG_OK || there == THERE_SAME)
            return rc;
        if (there == THERE_OTHER)
            return taken(job->deploy, err);
    }
}

static enum cg_err prepare(struct job *job, struct cg_error *err)
{
    const struct cg_art_deploy *deploy = job->deploy;
    struct cg_art_link *link = cg_art_client_link(job->client);
    struct cg_buf url;
    enum cg_err rc = CG_OK;

    cg_buf_init(&url, URL_MAX);
    cg_art_path_file(&url, link->url, deploy->repo, deploy->path);
    cg_art_path_props(&url, ";", deploy->props, deploy->prop_count);
    if (cg_buf_failed(&url))
        rc = cg_error_set(err, CG_ERR_INVALID, "the properties of %s are too long for one request", deploy->path);
    else
        job->url = cg_buf_take(&url);
    snprintf(job->sha256, sizeof(job->sha256), "X-Checksum-Sha256: %s", deploy->sha256);
    snprintf(job->sha1, sizeof(job->sha1), "X-Checksum-Sha1: %s", deploy->sha1);
    cg_buf_free(&url);
    cg_art_link_unref(&link);
    return rc;
}

enum cg_err cg_art_deploy(struct cg_art_client *client, const struct cg_art_deploy *deploy, int64_t deadline_ms,
                          struct cg_error *err)
{
    struct job job = {.client = client,
                      .deploy = deploy,
                      .spot = {.client = client, .repo = deploy->repo, .path = deploy->path, .deadline = deadline_ms}};
    enum there there = THERE_NOTHING;
    enum cg_err rc = cg_art_place_ok(deploy->repo, deploy->path, err);

    if (rc == CG_OK)
        rc = prepare(&job, err);
    if (rc == CG_OK)
        rc = look(&job, &there, err);
    if (rc == CG_OK && there == THERE_OTHER)
        rc = taken(deploy, err);
    if (rc == CG_OK && there == THERE_NOTHING)
        rc = put_all(&job, err);
    /* The one code that means nothing to who deploys: the repository was deleted under our hands. */
    if (rc == CG_ERR_ABSENT)
        rc = cg_art_unavailable(err, "repository %s is not there any more", deploy->repo);
    if (rc == CG_OK)
        cg_art_client_deployed(client, deploy->repo, deploy->path);
    free(job.url);
    return rc;
}
