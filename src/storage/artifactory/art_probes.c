/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The open points of artifactory.md 6.5, as far as an instance can be asked
 * without harm: nothing here makes a crate, a repository or a failed login of a
 * real account, and what it puts lies below .crategate-check/. What this instance does is told, never judged: the
 * gateway depends on none of it.
 */
#include "storage/artifactory/art_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#define OTHER_BASE "https://gateway.invalid"

static void know(struct cg_art_check *check, const char *step, const char *text)
{
    cg_art_tell(check, CG_ART_KNOW, step, "%s", text);
}

void cg_art_describe(const struct cg_art_answer *answer, char out[CG_ART_DESCRIBED])
{
    char words[CG_ART_WORDS_MAX];

    cg_art_answer_words(answer, words);
    if (answer->lost != CG_ART_ANSWERED)
        snprintf(out, CG_ART_DESCRIBED, "no answer (%s)", answer->why);
    else if (*words)
        snprintf(out, CG_ART_DESCRIBED, "status %ld, \"%s\"", answer->status, words);
    else
        snprintf(out, CG_ART_DESCRIBED, "status %ld%s", answer->status, cg_art_answer_is_html(answer) ? ", HTML" : "");
}

/* One GET of the repository's Cargo API. */
static void try_cargo(struct cg_art_check *check, const char *tail, const char *const *headers, bool anonymous,
                      struct cg_art_answer *answer)
{
    char *path = cg_asprintf("/api/cargo/%s/%s", check->repo, tail);

    cg_art_try(check, &(struct cg_art_try){.method = "GET", .path = path, .headers = headers, .anonymous = anonymous},
               answer);
    free(path);
}

/* The values of config.json, printable; "" when there is none. */
static void config_of(const struct cg_art_answer *answer, char dl[256], char api[256], bool *auth)
{
    json_t *value = NULL;

    dl[0] = api[0] = '\0';
    *auth = false;
    if (answer->status != 200 || cg_art_answer_json(answer, &value, NULL) != CG_OK)
        return;
    for (int i = 0; i < 2; i++) {
        const char *text = cg_json_str(value, i ? "api" : "dl");

        if (text)
            cg_str_printable(text, strlen(text), i ? api : dl, 256);
    }
    *auth = json_is_true(json_object_get(value, "auth-required"));
    json_decref(value);
}

static void tell_base(struct cg_art_check *check, const char *dl)
{
    const char *url = check->link->url;

    if (strncmp(dl, url, strlen(url)) == 0)
        cg_art_tell(check, CG_ART_GOOD, "base URL", "its own clients are sent to where the gateway goes, %s", url);
    else
        cg_art_tell(check, CG_ART_KNOW, "base URL",
                    "its own clients are sent to %s, the gateway goes to %s; where that is not meant, an administrator "
                    "of Artifactory has to correct its custom base URL (the gateway's clients never see it)",
                    dl, url);
}

/* Behind scheme and host. */
static const char *path_of(const char *url)
{
    const char *host = strstr(url, "://");

    host = host ? host + 3 : url;
    return host + strcspn(host, "/");
}

/* What came of an empty publish at `path`. */
static void tell_publish(struct cg_art_check *check, const char *path, const struct cg_art_answer *answer)
{
    const char *outcome = "takes publishes; an empty one gets";
    char text[CG_ART_DESCRIBED];

    cg_art_describe(answer, text);
    if (answer->lost != CG_ART_ANSWERED)
        outcome = "could not be settled because there was";
    else if (answer->status == 404 || answer->status == 405)
        outcome = "takes no publishes:";
    else if (answer->status == 401 || answer->status == 403)
        outcome = "takes no publishes from this account:";
    cg_art_tell(check, CG_ART_KNOW, "P3 publish", "%s %s %s", path, outcome, text);
}

/*
 * An empty publish, in which nothing is that could be stored, where cargo would send a real one: below the `api` of
 * config.json, at the address that the gateway uses.
 */
static void p3(struct cg_art_check *check, const char *api)
{
    static const char *const headers[] = {"Content-Type: application/octet-stream", NULL};
    const char *context = path_of(check->link->url), *below = path_of(api);
    size_t len = strlen(context);
    struct cg_art_answer answer;
    char *path;

    know(check, "P3 second publish of a version",
         "could not be settled because that would leave a crate in its index; P9 tells of a second deploy");
    if (!*api || strncmp(below, context, len) != 0 || below[len] != '/') {
        cg_art_tell(check, CG_ART_KNOW, "P3 publish", "could not be settled because config.json %s%s",
                    *api ? "sends it beside the url of the instance, to " : "does not say where to", api);
        return;
    }
    path = cg_asprintf("%s/api/v1/crates/new", below + len);
    cg_art_answer_init(&answer);
    cg_art_try(check, &(struct cg_art_try){.method = "PUT", .path = path, .headers = headers, .text = ""}, &answer);
    tell_publish(check, path, &answer);
    cg_art_answer_free(&answer);
    free(path);
}

static void p12(struct cg_art_check *check, const char *dl)
{
    static const char *const other[] = {"X-JFrog-Override-Base-Url: " OTHER_BASE, NULL};
    char dl2[256], api2[256];
    struct cg_art_answer answer;
    bool ignored;

    cg_art_answer_init(&answer);
    try_cargo(check, "index/config.json", other, false, &answer);
    config_of(&answer, dl2, api2, &ignored);
    know(check, "P12 override of the base URL",
         !*dl2               ? "config.json is not served with it"
         : cg_streq(dl, dl2) ? "ignored by config.json"
                             : "config.json follows it");
    cg_art_answer_free(&answer);
}

static void p1_p3_p12(struct cg_art_check *check)
{
    char dl[256], api[256], text[CG_ART_DESCRIBED];
    struct cg_art_answer answer;
    bool auth;

    cg_art_answer_init(&answer);
    try_cargo(check, "index/config.json", NULL, false, &answer);
    config_of(&answer, dl, api, &auth);
    cg_art_describe(&answer, text);
    if (!*dl)
        cg_art_tell(check, CG_ART_KNOW, "P1 config.json", "%s", text);
    else
        cg_art_tell(check, CG_ART_KNOW, "P1 config.json", "dl=%s api=%s auth-required=%s", dl, api,
                    auth ? "true" : "false");
    if (*dl)
        tell_base(check, dl);
    cg_art_answer_free(&answer);
    p3(check, api);
    p12(check, dl);
}

static void p2(struct cg_art_check *check)
{
    static const char *const wrong[] = {"Authorization: Bearer crategate-check-no-token", NULL};
    struct cg_art_answer none, bad;
    char text_none[CG_ART_DESCRIBED], text_bad[CG_ART_DESCRIBED];

    cg_art_answer_init(&none);
    cg_art_answer_init(&bad);
    try_cargo(check, "index/config.json", NULL, true, &none);
    try_cargo(check, "index/config.json", wrong, true, &bad);
    cg_art_describe(&none, text_none);
    cg_art_describe(&bad, text_bad);
    cg_art_tell(check, CG_ART_KNOW, "P2 config.json without a token",
                "%s, WWW-Authenticate %s; with a wrong one: %s, WWW-Authenticate %s", text_none,
                *none.challenge ? none.challenge : "not sent", text_bad, *bad.challenge ? bad.challenge : "not sent");
    cg_art_answer_free(&none);
    cg_art_answer_free(&bad);
}

static void p5(struct cg_art_check *check)
{
    struct cg_art_answer answer;
    char search[CG_ART_DESCRIBED], owners[CG_ART_DESCRIBED];

    cg_art_answer_init(&answer);
    try_cargo(check, "api/v1/crates?q=crategate&per_page=1", NULL, false, &answer);
    cg_art_describe(&answer, search);
    cg_art_answer_free(&answer);
    cg_art_answer_init(&answer);
    try_cargo(check, "api/v1/crates/crategate-check/owners", NULL, false, &answer);
    cg_art_describe(&answer, owners);
    cg_art_tell(check, CG_ART_KNOW, "P5 search and owners", "search: %s; owners: %s", search, owners);
    cg_art_answer_free(&answer);
}

/* The first crate that is there, to look at: "/REPO/PATH" encoded, and its properties' names. */
static void p4(struct cg_art_check *check)
{
    static const char *const plain[] = {"Content-Type: text/plain", NULL};
    char *query = cg_asprintf("items.find({\"repo\":\"%s\",\"@crate.name\":{\"$match\":\"*\"}})"
                              ".include(\"repo\",\"path\",\"name\").limit(1)",
                              check->repo);
    struct cg_art_answer answer;
    char text[CG_ART_DESCRIBED];
    json_t *value = NULL;

    cg_art_answer_init(&answer);
    cg_art_try(check,
               &(struct cg_art_try){.method = "POST", .path = "/api/search/aql", .headers = plain, .text = query},
               &answer);
    cg_art_describe(&answer, text);
    if (answer.status == 200 && cg_art_answer_json(&answer, &value, NULL) == CG_OK)
        know(check, "P4 properties of its own",
             json_array_size(json_object_get(value, "results")) ? "it annotates crates with crate.* properties"
                                                                : "AQL works; no crate has a crate.name property");
    else
        cg_art_tell(check, CG_ART_KNOW, "P4 properties of its own", "AQL: %s", text);
    json_decref(value);
    cg_art_answer_free(&answer);
    free(query);
}

static void p8(struct cg_art_check *check)
{
    static const char *const ranged[] = {"Range: bytes=2-4", "X-JFrog-Download-Redirect-To: None", NULL};
    char *path = cg_art_probe_path(check, "", "");
    struct cg_art_answer whole, part;
    char text[CG_ART_DESCRIBED];

    cg_art_answer_init(&whole);
    cg_art_answer_init(&part);
    cg_art_try(check, &(struct cg_art_try){.method = "GET", .path = path}, &whole);
    cg_art_try(check, &(struct cg_art_try){.method = "GET", .path = path, .headers = ranged}, &part);
    cg_art_describe(&whole, text);
    cg_art_tell(check, CG_ART_KNOW, "P8 download", "%s; ETag %s; X-Checksum-Sha256 %s; %s; Range answered with %ld",
                text,
                !*whole.etag         ? "none"
                : *whole.etag == '"' ? "quoted"
                                     : "unquoted",
                *whole.sha256 ? "there" : "not there",
                *whole.location ? "redirected unless told otherwise" : "not redirected", part.status);
    if (whole.status >= 300 && whole.status < 400 && part.status >= 300)
        cg_art_tell(check, CG_ART_BAD, "redirects",
                    "it redirects downloads although it was asked not to; the gateway follows only to public hosts");
    cg_art_answer_free(&whole);
    cg_art_answer_free(&part);
    free(path);
}

/* Only ever over the file that this check has put itself. */
static void p9(struct cg_art_check *check)
{
    static const char *const headers[] = {"Content-Type: text/plain", NULL};
    char *path = cg_art_probe_path(check, "", "");
    struct cg_art_answer same, other;
    char text_same[CG_ART_DESCRIBED], text_other[CG_ART_DESCRIBED];

    cg_art_answer_init(&same);
    cg_art_answer_init(&other);
    cg_art_try(check,
               &(struct cg_art_try){.method = "PUT", .path = path, .headers = headers, .text = CG_ART_PROBE_TEXT},
               &same);
    cg_art_try(check,
               &(struct cg_art_try){.method = "PUT", .path = path, .headers = headers, .text = "something else\n"},
               &other);
    cg_art_describe(&same, text_same);
    cg_art_describe(&other, text_other);
    cg_art_tell(check, CG_ART_KNOW, "P9 deploy over what is there", "the same bytes: %s; others: %s", text_same,
                text_other);
    cg_art_answer_free(&same);
    cg_art_answer_free(&other);
    free(path);
}

static void p10(struct cg_art_check *check)
{
    struct cg_art_answer answer;
    char repo[CG_ART_DESCRIBED], sum[CG_ART_DESCRIBED];

    cg_art_answer_init(&answer);
    cg_art_try(check, &(struct cg_art_try){.method = "GET", .path = "/api/repositories/crategate-check-no-repository"},
               &answer);
    cg_art_describe(&answer, repo);
    cg_art_answer_free(&answer);
    cg_art_answer_init(&answer);
    cg_art_try_wrong(check, &answer);
    cg_art_describe(&answer, sum);
    if (answer.status >= 200 && answer.status < 300)
        cg_art_tell(check, CG_ART_BAD, "P10 wrong checksum",
                    "it stored bytes that do not have the checksum that was sent with them (" CG_ART_PROBE_PATH
                    ".wrong, to be removed): an administrator of Artifactory has to set the repository's checksum policy to "
                    "reject them");
    cg_art_tell(check, CG_ART_KNOW, "P10 unknown repository and wrong checksum",
                "unknown repository: %s; wrong checksum: %s", repo, sum);
    cg_art_answer_free(&answer);
}

/* Where the account is not told the package type, a config.json tells that it is Cargo's. */
static bool is_cargo(struct cg_art_check *check)
{
    char dl[256], api[256];
    struct cg_art_answer answer;
    bool auth;

    if (check->cargo)
        return true;
    cg_art_answer_init(&answer);
    try_cargo(check, "index/config.json", NULL, false, &answer);
    config_of(&answer, dl, api, &auth);
    cg_art_answer_free(&answer);
    return *dl != '\0';
}

void cg_art_probes(struct cg_art_check *check)
{
    static const struct {
        const char *name;
        void (*ask)(struct cg_art_check *check);
        bool of_cargo; /* else with the file that this check has deployed */
    } probes[] = {{"P1, P3, P12", p1_p3_p12, true},          {"P2", p2, true},  {"P4", p4, true},  {"P5", p5, true},
                  {"P6, P7, P11", cg_art_probe_index, true}, {"P8", p8, false}, {"P9", p9, false}, {"P10", p10, false}};
    bool cargo = is_cargo(check);

    for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
        if (cg_art_check_late(check))
            know(check, probes[i].name, "could not be settled because it answers too slowly");
        else if (probes[i].of_cargo && !cargo)
            know(check, probes[i].name, "not asked: it is not (known to be) a Cargo repository");
        else if (!probes[i].of_cargo && !check->deployed)
            know(check, probes[i].name, "could not be settled because the account may not deploy");
        else
            probes[i].ask(check);
    }
}
