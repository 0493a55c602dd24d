/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "storage/artifactory/art_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "storage/artifactory/art_ask.h"

#define LONGEST_MS 120000

void cg_art_tell(struct cg_art_check *check, enum cg_art_mark mark, const char *step, const char *fmt, ...)
{
    char text[CG_ERROR_DETAIL_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (mark == CG_ART_BAD)
        check->bad = true;
    check->how->report(check->how->cls, (int)mark, step, text);
}

void cg_art_tell_error(struct cg_art_check *check, enum cg_art_mark mark, const char *step, const struct cg_error *err)
{
    cg_art_tell(check, mark, step, "%s%s%s%s", err->detail, *err->internal ? " (in its words: " : "", err->internal,
                *err->internal ? ")" : "");
}

void cg_art_try(struct cg_art_check *check, const struct cg_art_try *attempt, struct cg_art_answer *answer)
{
    char *url = cg_asprintf("%s%s", check->link->url, attempt->path);
    struct cg_art_request request = {.method = attempt->method,
                                     .url = url,
                                     .headers = attempt->headers,
                                     .text = attempt->text,
                                     .anonymous = attempt->anonymous,
                                     .deadline = cg_clock_mono_ms() + check->link->connect_timeout +
                                                 check->link->answer_timeout};

    cg_art_http(check->link, &request, answer);
    free(url);
}

enum cg_err cg_art_try_judged(struct cg_art_check *check, enum cg_art_op op, const struct cg_art_try *attempt,
                              struct cg_art_answer *answer, struct cg_error *err)
{
    struct cg_art_question question = {.instance = check->link->name, .repo = check->repo, .op = op};
    struct cg_art_verdict verdict;

    cg_art_try(check, attempt, answer);
    return cg_art_answer_judge(&question, answer, &verdict, err);
}

bool cg_art_check_late(const struct cg_art_check *check)
{
    return cg_clock_mono_ms() >= check->until;
}

char *cg_art_probe_path(const struct cg_art_check *check, const char *lead, const char *tail)
{
    return cg_asprintf("%s/%s/%s%s", lead, check->repo, CG_ART_PROBE_PATH, tail);
}

void cg_art_try_wrong(struct cg_art_check *check, struct cg_art_answer *answer)
{
    static const char *const wrong[] = {
        "Content-Type: text/plain",
        "X-Checksum-Sha256: 0000000000000000000000000000000000000000000000000000000000000000", NULL};
    char *path = cg_art_probe_path(check, "", ".wrong");

    cg_art_try(check, &(struct cg_art_try){.method = "PUT", .path = path, .headers = wrong, .text = "x"}, answer);
    free(path);
}

/* Each step: false when the ones behind it make no sense. */

static bool check_reachable(struct cg_art_check *check)
{
    bool https = cg_str_starts_nocase(check->link->url, "https:");
    struct cg_art_answer answer;
    struct cg_error err = {0};
    bool ok;

    cg_art_answer_init(&answer);
    ok = cg_art_try_judged(check, CG_ART_OP_PING,
                           &(struct cg_art_try){.method = "GET", .path = "/api/system/ping", .anonymous = true},
                           &answer, &err) == CG_OK;
    /* Some sites let nobody ping without a login; who says so is there. */
    ok = ok || answer.status == 401 || answer.status == 403;
    if (answer.lost == CG_ART_NO_TLS)
        cg_art_tell_error(check, CG_ART_BAD, "tls", &err);
    else if (!ok)
        cg_art_tell_error(check, CG_ART_BAD, "reachable", &err);
    else
        cg_art_tell(check, CG_ART_GOOD, "reachable", "%s answers", check->link->url);
    if (ok && https)
        cg_art_tell(check, CG_ART_GOOD, "tls", "its certificate is good for this host");
    else if (ok)
        cg_art_tell(check, CG_ART_WARN, "tls", "plain http: the credential travels in the clear");
    cg_art_answer_free(&answer);
    return ok;
}

static void tell_version(struct cg_art_check *check, const char *version)
{
    unsigned major = 0, minor = 0;

    if (sscanf(version, "%3u.%4u", &major, &minor) == 2 && (major < 7 || (major == 7 && minor < 17)))
        cg_art_tell(check, CG_ART_WARN, "version",
                    "%s is older than 7.17, the first with Cargo repositories; only a generic one can be used",
                    version);
    else
        cg_art_tell(check, CG_ART_GOOD, "version", "Artifactory %s", version);
}

static bool check_credential(struct cg_art_check *check)
{
    struct cg_art_answer answer;
    struct cg_error err = {0};
    json_t *value = NULL;
    bool ok;

    cg_art_answer_init(&answer);
    ok = cg_art_try_judged(check, CG_ART_OP_PING, &(struct cg_art_try){.method = "GET", .path = "/api/system/version"},
                           &answer, &err) == CG_OK &&
         cg_art_answer_json(&answer, &value, &err) == CG_OK;
    if (!ok) {
        cg_art_tell_error(check, CG_ART_BAD, "credential", &err);
    } else {
        const char *version = cg_json_str(value, "version");

        tell_version(check, version ? version : "of an unknown version");
        cg_art_tell(check, CG_ART_GOOD, "credential", "it takes the credential of %s", check->link->token_file);
    }
    json_decref(value);
    cg_art_answer_free(&answer);
    return ok;
}

static bool one_of(const char *value, const char *a, const char *b)
{
    return value && (cg_streq_nocase(value, a) || cg_streq_nocase(value, b));
}

/* What the repository's own settings say; false when it is none to keep crates in. */
static bool judge_settings(struct cg_art_check *check, const json_t *settings)
{
    const char *rclass = cg_json_str(settings, "rclass"), *type = cg_json_str(settings, "packageType");
    bool bad = check->bad;

    check->cargo = type && cg_streq_nocase(type, "cargo");
    if (!rclass || !type)
        cg_art_tell(check, CG_ART_KNOW, "repository", "it is there; of what class and type is not told");
    else if (!cg_streq_nocase(rclass, "local"))
        cg_art_tell(
            check, CG_ART_BAD, "repository",
            "%s is a %s repository; a local one is wanted, because only there what is deployed is what is read: "
            "name a local one in namespace.*.repository",
            check->repo, rclass);
    else if (!one_of(type, "cargo", "generic"))
        cg_art_tell(check, CG_ART_BAD, "repository",
                    "%s is of type %s; cargo or generic is wanted: name another "
                    "in namespace.*.repository",
                    check->repo, type);
    else
        cg_art_tell(check, CG_ART_GOOD, "repository", "%s is a local %s repository", check->repo, type);
    if (json_is_true(json_object_get(settings, "blackedOut")))
        cg_art_tell(check, CG_ART_BAD, "repository",
                    "%s is blacked out; an administrator of Artifactory has to "
                    "bring it back",
                    check->repo);
    return check->bad == bad;
}

static bool check_settings(struct cg_art_check *check)
{
    char *path = cg_asprintf("/api/repositories/%s", check->repo);
    struct cg_art_answer answer;
    struct cg_error err = {0};
    json_t *value = NULL;
    bool fits = true;

    cg_art_answer_init(&answer);
    if (cg_art_try_judged(check, CG_ART_OP_REPO, &(struct cg_art_try){.method = "GET", .path = path}, &answer, &err) ==
            CG_OK &&
        cg_art_answer_json(&answer, &value, &err) == CG_OK)
        fits = judge_settings(check, value);
    else
        cg_art_tell(check, CG_ART_KNOW, "repository",
                    "this account is not told its settings (status %ld), so its class and type are not known",
                    answer.status);
    json_decref(value);
    cg_art_answer_free(&answer);
    free(path);
    return fits;
}

static bool check_read(struct cg_art_check *check)
{
    char *path = cg_asprintf("/api/storage/%s", check->repo);
    struct cg_art_answer answer;
    struct cg_error err = {0};
    bool ok;

    cg_art_answer_init(&answer);
    ok = cg_art_try_judged(check, CG_ART_OP_REPO, &(struct cg_art_try){.method = "GET", .path = path}, &answer, &err) ==
         CG_OK;
    if (ok)
        cg_art_tell(check, CG_ART_GOOD, "read", "the account may read %s", check->repo);
    else
        cg_art_tell_error(check, CG_ART_BAD, "read", &err);
    cg_art_answer_free(&answer);
    free(path);
    return ok;
}

static bool is_there(struct cg_art_check *check)
{
    char *path = cg_art_probe_path(check, "", "");
    struct cg_art_answer answer;
    bool there;

    cg_art_answer_init(&answer);
    cg_art_try(check, &(struct cg_art_try){.method = "HEAD", .path = path}, &answer);
    there = answer.status == 200;
    cg_art_answer_free(&answer);
    free(path);
    return there;
}

/* Some take even the same bytes for an overwriting, which is not the right that is asked about. The right to deploy
 * comes before the bytes: only who has it is told that their checksum is wrong. */
static bool deployed_before(struct cg_art_check *check)
{
    struct cg_art_answer answer;
    bool may;

    if (!is_there(check))
        return false;
    cg_art_answer_init(&answer);
    cg_art_try_wrong(check, &answer);
    may = answer.status == 409;
    cg_art_answer_free(&answer);
    return may;
}

static bool check_deploy(struct cg_art_check *check)
{
    static const char *const headers[] = {"Content-Type: text/plain", NULL};
    char *path = cg_art_probe_path(check, "", "");
    struct cg_art_answer answer;
    struct cg_error err = {0};

    cg_art_answer_init(&answer);
    check->deployed =
        cg_art_try_judged(
            check, CG_ART_OP_DEPLOY,
            &(struct cg_art_try){.method = "PUT", .path = path, .headers = headers, .text = CG_ART_PROBE_TEXT}, &answer,
            &err) == CG_OK ||
        deployed_before(check);
    if (check->deployed)
        cg_art_tell(check, CG_ART_GOOD, "deploy", "the account may deploy (%s)", CG_ART_PROBE_PATH);
    else
        cg_art_tell_error(check, CG_ART_BAD, "deploy", &err);
    cg_art_answer_free(&answer);
    free(path);
    return check->deployed;
}

static void check_annotate(struct cg_art_check *check)
{
    static const char *const headers[] = {"Content-Type: text/plain", NULL};
    char *path = cg_art_probe_path(check, "/api/storage", "?properties=crategate.check=true&recursive=0");
    struct cg_art_answer answer;
    struct cg_error err = {0};

    cg_art_answer_init(&answer);
    if (cg_art_try_judged(check, CG_ART_OP_ANNOTATE,
                          &(struct cg_art_try){.method = "PUT", .path = path, .headers = headers, .text = ""}, &answer,
                          &err) == CG_OK)
        cg_art_tell(check, CG_ART_GOOD, "annotate", "the account may set properties");
    else
        cg_art_tell_error(check, CG_ART_BAD, "annotate", &err);
    cg_art_answer_free(&answer);
    free(path);
}

/* By deleting what this check has put: where that works, nothing of it stays behind either. */
static void check_delete(struct cg_art_check *check)
{
    char *path = cg_art_probe_path(check, "", "");
    struct cg_art_answer answer;

    cg_art_answer_init(&answer);
    cg_art_try(check, &(struct cg_art_try){.method = "DELETE", .path = path}, &answer);
    if (answer.status >= 200 && answer.status < 300)
        cg_art_tell(check, CG_ART_WARN, "delete",
                    "the account may delete and overwrite, which the gateway never needs: better take that right away");
    else if (answer.status == 403 || answer.status == 404)
        cg_art_tell(check, CG_ART_GOOD, "delete",
                    "the account may not delete or overwrite, as it should be; so the one small file that this check "
                    "needs stays at %s/%s: it is no crate, and the next check uses it again",
                    check->repo, CG_ART_PROBE_PATH);
    else
        cg_art_tell(check, CG_ART_KNOW, "delete",
                    "unclear (status %ld); the file of this check may have stayed at %s/%s", answer.status, check->repo,
                    CG_ART_PROBE_PATH);
    cg_art_answer_free(&answer);
    free(path);
}

static void run(struct cg_art_check *check)
{
    if (!check_reachable(check) || !check_credential(check))
        return;
    /* In a repository of another kind nothing is put, not even to see what it does. */
    if (!check_settings(check) || !check_read(check))
        return;
    if (check_deploy(check))
        check_annotate(check);
    cg_art_probes(check);
    if (check->deployed)
        check_delete(check);
}

enum cg_err cg_art_check(struct cg_art_client *client, const char *repo, const struct cg_art_checker *how,
                         struct cg_error *err)
{
    struct cg_art_check check = {.repo = repo, .how = how, .until = cg_clock_mono_ms() + LONGEST_MS};
    enum cg_err rc = cg_art_place_ok(repo, "crates", err);

    if (rc != CG_OK)
        return rc;
    check.link = cg_art_client_link(client);
    run(&check);
    if (check.bad)
        rc = cg_art_unavailable(err, "Artifactory \"%s\", repository %s: not everything is as it must be",
                                check.link->name, repo);
    cg_art_link_unref(&check.link);
    return rc;
}
