/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Downloads: streamed, resumed where the connection broke, never more and never
 * less than what was announced, wherever a redirect leads.
 */
#include "storage/artifactory/art_ask.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "storage/artifactory/art_path.h"

#define URL_MAX 4096
#define MAX_REDIRECTS 3
#define MAX_RESUMES 5
#define OTHER_NODE_MS 300

struct get {
    struct cg_art_client *client;
    const char *repo, *path;
    const struct cg_art_sink *sink;
    char *home;       /* the instance's URL */
    int64_t deadline; /* of everything but the bytes; of those too when `all` */
    bool all;
    bool begun;     /* the sink knows the size */
    uint64_t size;  /* UINT64_MAX: not told */
    uint64_t taken; /* bytes that the sink has */
    uint64_t skip;  /* bytes of this answer that the sink has already */
    char etag[200]; /* of the answer that the first bytes came from */
    enum cg_err rc; /* of the sink, or why an answer is not what was begun with */
    struct cg_error err;
};

/* The stream */

static bool refuse(struct get *get, const char *why)
{
    get->rc = cg_art_unavailable(&get->err, "Artifactory, repository %s: %s: %s", get->repo, get->path, why);
    return false;
}

/* A crate is never one of these; an error page or an errors list is (F22, F23). */
static bool is_no_file(const struct cg_art_answer *answer)
{
    return cg_art_answer_is_html(answer) || cg_str_starts_nocase(answer->type, "application/json") ||
           answer->length == 0;
}

static bool begin(struct get *get, const struct cg_art_answer *answer)
{
    get->begun = true;
    get->size = answer->length;
    snprintf(get->etag, sizeof(get->etag), "%s", answer->etag);
    get->rc = get->sink->begin(get->sink->cls, get->size, &get->err);
    return true;
}

/* An answer to a request for the rest: that rest, or the whole again. */
static bool go_on(struct get *get, const struct cg_art_answer *answer)
{
    bool rest = answer->status == 206;
    uint64_t size = rest ? answer->range_size : answer->length;

    if (!cg_streq(answer->etag, get->etag) || (get->size != UINT64_MAX && size != get->size) ||
        (rest && answer->range_from != get->taken))
        refuse(get, "it changed while it was being read");
    get->skip = rest ? 0 : get->taken;
    return true;
}

static bool wants(void *cls, const struct cg_art_answer *answer)
{
    struct get *get = cls;

    if (answer->status != 200 && answer->status != 206)
        return false;
    if (is_no_file(answer) || (!get->begun && answer->status == 206))
        return false;
    return get->begun ? go_on(get, answer) : begin(get, answer);
}

static bool bytes(void *cls, const void *data, size_t len)
{
    struct get *get = cls;
    size_t known = get->skip < len ? (size_t)get->skip : len;

    if (get->rc != CG_OK)
        return false;
    if (get->all && cg_clock_mono_ms() >= get->deadline)
        return refuse(get, "it did not arrive in time");
    get->skip -= known;
    if (known == len)
        return true;
    get->rc = get->sink->bytes(get->sink->cls, (const char *)data + known, len - known, &get->err);
    if (get->rc == CG_OK)
        get->taken += len - known;
    return get->rc == CG_OK;
}

/* One request */

struct lines {
    char range[64], if_range[220];
    const char *list[4];
};

static void set_lines(struct lines *lines, const struct get *get)
{
    size_t n = 0;

    lines->list[n++] = "X-JFrog-Download-Redirect-To: None";
    if (get->taken > 0) {
        snprintf(lines->range, sizeof(lines->range), "Range: bytes=%" PRIu64 "-", get->taken);
        snprintf(lines->if_range, sizeof(lines->if_range), "If-Range: %s", get->etag);
        lines->list[n++] = lines->range;
        lines->list[n++] = lines->if_range;
    }
    lines->list[n] = NULL;
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Bytes came to the end that was announced. */
static bool complete(const struct get *get, const struct cg_art_answer *answer)
{
    return get->begun && answer->lost == CG_ART_ANSWERED && get->rc == CG_OK &&
           (answer->status == 200 || answer->status == 206) && (get->size == UINT64_MAX || get->taken == get->size) &&
           !is_no_file(answer);
}

static enum cg_err no_file(struct get *get, const struct cg_art_answer *answer, struct cg_error *err)
{
    return cg_art_unavailable(err, "Artifactory, repository %s: %s: the answer is %s and no crate", get->repo,
                              get->path,
                              answer->length == 0             ? "empty"
                              : cg_art_answer_is_html(answer) ? "a web page"
                                                              : "not the file's");
}

/* Asked for the rest of what had broken off, it says that there is none (F14). */
static enum cg_err no_rest(const struct get *get, struct cg_error *err)
{
    if (get->size == UINT64_MAX)
        return cg_art_unavailable(err,
                                  "Artifactory, repository %s: the answer with %s broke off after %" PRIu64
                                  " bytes without its end, and it has no more of it",
                                  get->repo, get->path, get->taken);
    return cg_art_unavailable(err,
                              "Artifactory, repository %s: of %" PRIu64 " bytes that were announced of %s only %" PRIu64
                              " came, and it has no more of it",
                              get->repo, get->size, get->path, get->taken);
}

/* What one answer that was meant to bring the bytes has come to. */
static enum cg_err result(struct get *get, const struct cg_art_answer *answer, enum cg_err rc,
                          struct cg_art_verdict *verdict, struct cg_error *err)
{
    if (get->rc != CG_OK) {
        verdict->again = false;
        if (err)
            *err = get->err;
        return get->rc;
    }
    if (answer->status == 416 && get->taken > 0) {
        verdict->again = false;
        return no_rest(get, err);
    }
    if (rc != CG_OK || complete(get, answer))
        return rc;
    verdict->again = true;
    if ((answer->status == 200 || answer->status == 206) && !is_no_file(answer))
        return cg_art_unavailable(err, "Artifactory, repository %s: %s ended before its announced size", get->repo,
                                  get->path);
    return no_file(get, answer, err);
}

/* Another host, or another place of the same: without our credential, and what it says counts for nothing. */
static enum cg_err hop(struct get *get, const char *url, struct cg_art_answer *answer, struct cg_art_verdict *verdict,
                       struct cg_error *err)
{
    struct cg_art_link *link = cg_art_client_link(get->client);
    struct cg_art_question question = {.instance = link->name, .repo = get->repo, .op = CG_ART_OP_FILE};
    struct cg_art_stream stream = {.wants = wants, .bytes = bytes, .cls = get};
    struct cg_art_request request = {.method = "GET",
                                     .url = url,
                                     .anonymous = true,
                                     .deadline = get->deadline,
                                     .stream = &stream,
                                     .halt = &get->client->halt};
    struct lines lines;
    enum cg_err rc;

    set_lines(&lines, get);
    request.headers = lines.list;
    cg_art_http(link, &request, answer);
    *verdict = (struct cg_art_verdict){.again = answer->status == 403 || answer->lost == CG_ART_BROKEN};
    if (answer->lost != CG_ART_ANSWERED)
        rc = cg_art_answer_judge(&question, answer, verdict, err);
    else if (answer->status >= 200 && answer->status < 400)
        rc = CG_OK;
    else
        rc = cg_art_unavailable(err,
                                "Artifactory, repository %s: the place that it redirects %s to answers with status %ld",
                                get->repo, get->path, answer->status);
    cg_art_link_unref(&link);
    return rc;
}

/* Follows redirects by hand from the answer that holds the first. */
static enum cg_err follow(struct get *get, const char *from, struct cg_art_answer *answer,
                          struct cg_art_verdict *verdict, struct cg_error *err)
{
    char *url = cg_strdup(from);
    enum cg_err rc = CG_OK;

    for (unsigned hops = 0; rc == CG_OK && is_redirect(answer->status); hops++) {
        char *next = NULL;

        *verdict = (struct cg_art_verdict){.health = CG_ART_WELL};
        if (hops == MAX_REDIRECTS)
            rc = cg_art_unavailable(err, "Artifactory, repository %s: %s is redirected more than %d times", get->repo,
                                    get->path, MAX_REDIRECTS);
        else
            rc = cg_art_path_redirect(get->home, url, answer->location, &next, err);
        if (rc != CG_OK)
            break;
        free(url);
        url = next;
        cg_art_answer_free(answer);
        cg_art_answer_init(answer);
        rc = hop(get, url, answer, verdict, err);
    }
    free(url);
    return rc;
}

static enum cg_err get_once(struct get *get, struct cg_art_verdict *verdict, struct cg_error *err)
{
    struct cg_art_stream stream = {.wants = wants, .bytes = bytes, .cls = get};
    struct cg_art_call call = {.op = CG_ART_OP_FILE,
                               .repo = get->repo,
                               .http = {.method = "GET", .deadline = get->deadline, .stream = &stream}};
    struct cg_art_answer answer;
    struct cg_error why = {0};
    struct lines lines;
    struct cg_buf url;
    enum cg_err rc;

    cg_buf_init(&url, URL_MAX);
    cg_art_path_file(&url, get->home, get->repo, get->path);
    set_lines(&lines, get);
    call.http.url = cg_buf_str(&url);
    call.http.headers = lines.list;
    cg_art_answer_init(&answer);
    rc = cg_art_ask(get->client, &call, &answer, verdict, &why);
    if (is_redirect(answer.status))
        rc = follow(get, call.http.url, &answer, verdict, &why);
    rc = result(get, &answer, rc, verdict, &why);
    if (rc != CG_OK && err)
        *err = why;
    cg_art_answer_free(&answer);
    cg_buf_free(&url);
    return rc;
}

/* Until it is whole */

/* After bytes have come it may only go on where it ended, and each time it has to have come further. */
static bool may_resume(const struct get *get, uint64_t before, unsigned resumes)
{
    return *get->etag && !cg_str_starts(get->etag, "W/") && get->taken > before && resumes < MAX_RESUMES;
}

static enum cg_err get_all(struct get *get, struct cg_error *err)
{
    struct cg_art_verdict verdict;
    unsigned attempts = 0, resumes = 0;
    enum cg_err rc;

    for (;;) {
        uint64_t before = get->taken;

        rc = get_once(get, &verdict, err);
        if (rc != CG_ERR_UNAVAILABLE || get->rc != CG_OK || !verdict.again)
            return rc;
        if (get->begun && get->taken > 0) {
            if (!may_resume(get, before, resumes++))
                return rc;
            if (!get->all)
                get->deadline = cg_art_client_budget(get->client);
            attempts = 0;
        } else if (get->begun) {
            return rc; /* a size was told and nothing came: whoever waits for it asks again */
        }
        if (!cg_art_client_again(get->client, &verdict, attempts++, get->deadline))
            return rc;
    }
}

static enum cg_err get_file(struct get *get, struct cg_error *err)
{
    struct cg_art_link *link = cg_art_client_link(get->client);
    enum cg_err rc;

    get->home = cg_strdup(link->url);
    cg_art_link_unref(&link);
    rc = get_all(get, err);
    /* Of its own deploys another node may not know yet (F29). */
    if (rc == CG_ERR_ABSENT && !get->begun && cg_art_client_is_fresh(get->client, get->repo, get->path) &&
        cg_art_client_pause(get->client, OTHER_NODE_MS, get->deadline))
        rc = get_all(get, err);
    if (rc == CG_ERR_ABSENT && get->begun)
        rc = cg_art_unavailable(err, "repository %s: %s vanished while it was being read", get->repo, get->path);
    else if (rc == CG_ERR_ABSENT)
        rc = cg_art_file_missing(&(struct cg_art_spot){get->client, get->repo, get->path, get->deadline}, err);
    free(get->home);
    return rc;
}

enum cg_err cg_art_file_get(const struct cg_art_spot *spot, const struct cg_art_sink *sink, struct cg_error *err)
{
    struct get get = {.client = spot->client,
                      .repo = spot->repo,
                      .path = spot->path,
                      .sink = sink,
                      .deadline = spot->deadline,
                      .all = true};

    return get_file(&get, err);
}

enum cg_err cg_art_get(struct cg_art_client *client, const char *repo, const char *path, const struct cg_art_sink *sink,
                       struct cg_error *err)
{
    struct get get = {.client = client, .repo = repo, .path = path, .sink = sink};
    enum cg_err rc = cg_art_place_ok(repo, path, err);

    if (rc != CG_OK)
        return rc;
    get.deadline = cg_art_client_budget(client);
    return get_file(&get, err);
}
