/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The open points of artifactory.md 6.5, as far as an instance can be asked
 * without harm: nothing here makes a crate, a repository or a failed login of a
 * real account. What this instance does is told, never judged: the gateway
 * depends on none of it.
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

/* "status 403, "words"" or why there is no answer */
static void describe(const struct cg_art_answer *answer, char out[400])
{
    char words[CG_ART_WORDS_MAX];

    cg_art_answer_words(answer, words);
    if (answer->lost != CG_ART_ANSWERED)
        snprintf(out, 400, "no answer (%s)", answer->why);
    else if (*words)
        snprintf(out, 400, "status %ld, \"%s\"", answer->status, words);
    else
        snprintf(out, 400, "status %ld%s", answer->status, cg_art_answer_is_html(answer) ? ", HTML" : "");
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

static void p1_p12(struct cg_art_check *check)
{
    static const char *const other[] = {"X-JFrog-Override-Base-Url: " OTHER_BASE, NULL};
    char dl[256], api[256], dl2[256], api2[256], text[400];
    struct cg_art_answer answer;
    bool auth, ignored;

    cg_art_answer_init(&answer);
    try_cargo(check, "index/config.json", NULL, false, &answer);
    config_of(&answer, dl, api, &auth);
    describe(&answer, text);
    if (!*dl)
        cg_art_tell(check, CG_ART_KNOW, "P1 config.json", "%s", text);
    else
        cg_art_tell(check, CG_ART_KNOW, "P1 config.json", "dl=%s api=%s auth-required=%s", dl, api,
                    auth ? "true" : "false");
    if (*dl)
        cg_art_tell(check, strncmp(dl, check->link->url, strlen(check->link->url)) == 0 ? CG_ART_GOOD : CG_ART_KNOW,
                    "base URL", "its own clients are sent to %s, the gateway to %s", dl, check->link->url);
    cg_art_answer_free(&answer);
    cg_art_answer_init(&answer);
    try_cargo(check, "index/config.json", other, false, &answer);
    config_of(&answer, dl2, api2, &ignored);
    know(check, "P12 override of the base URL",
         !*dl2               ? "config.json is not served with it"
         : cg_streq(dl, dl2) ? "ignored by config.json"
                             : "config.json follows it");
    cg_art_answer_free(&answer);
}

static void p2(struct cg_art_check *check)
{
    static const char *const wrong[] = {"Authorization: Bearer crategate-check-no-token", NULL};
    struct cg_art_answer none, bad;
    char text_none[400], text_bad[400];

    cg_art_answer_init(&none);
    cg_art_answer_init(&bad);
    try_cargo(check, "index/config.json", NULL, true, &none);
    try_cargo(check, "index/config.json", wrong, true, &bad);
    describe(&none, text_none);
    describe(&bad, text_bad);
    cg_art_tell(check, CG_ART_KNOW, "P2 config.json without and with a wrong token", "%s [%s]; %s [%s]", text_none,
                none.challenge, text_bad, bad.challenge);
    cg_art_answer_free(&none);
    cg_art_answer_free(&bad);
}

static void p5(struct cg_art_check *check)
{
    struct cg_art_answer answer;
    char search[400], owners[400];

    cg_art_answer_init(&answer);
    try_cargo(check, "api/v1/crates?q=crategate&per_page=1", NULL, false, &answer);
    describe(&answer, search);
    cg_art_answer_free(&answer);
    cg_art_answer_init(&answer);
    try_cargo(check, "api/v1/crates/crategate-check/owners", NULL, false, &answer);
    describe(&answer, owners);
    cg_art_tell(check, CG_ART_KNOW, "P5 search and owners", "%s; %s", search, owners);
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
    char text[400];
    json_t *value = NULL;

    cg_art_answer_init(&answer);
    cg_art_try(check,
               &(struct cg_art_try){.method = "POST", .path = "/api/search/aql", .headers = plain, .text = query},
               &answer);
    describe(&answer, text);
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
    char text[400];

    cg_art_answer_init(&whole);
    cg_art_answer_init(&part);
    cg_art_try(check, &(struct cg_art_try){.method = "GET", .path = path}, &whole);
    cg_art_try(check, &(struct cg_art_try){.method = "GET", .path = path, .headers = ranged}, &part);
    describe(&whole, text);
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
    char text_same[400], text_other[400];

    cg_art_answer_init(&same);
    cg_art_answer_init(&other);
    cg_art_try(check,
               &(struct cg_art_try){.method = "PUT", .path = path, .headers = headers, .text = CG_ART_PROBE_TEXT},
               &same);
    cg_art_try(check,
               &(struct cg_art_try){.method = "PUT", .path = path, .headers = headers, .text = "something else\n"},
               &other);
    describe(&same, text_same);
    describe(&other, text_other);
    cg_art_tell(check, CG_ART_KNOW, "P9 deploy over what is there", "the same bytes: %s; others: %s", text_same,
                text_other);
    cg_art_answer_free(&same);
    cg_art_answer_free(&other);
    free(path);
}

static void p10(struct cg_art_check *check)
{
    struct cg_art_answer answer;
    char repo[400], sum[400];

    cg_art_answer_init(&answer);
    cg_art_try(check, &(struct cg_art_try){.method = "GET", .path = "/api/repositories/crategate-check-no-repository"},
               &answer);
    describe(&answer, repo);
    cg_art_answer_free(&answer);
    cg_art_answer_init(&answer);
    cg_art_try_wrong(check, &answer);
    describe(&answer, sum);
    if (answer.status >= 200 && answer.status < 300)
        cg_art_tell(check, CG_ART_BAD, "P10 wrong checksum",
                    "it stored bytes that do not have the checksum that was sent with them");
    cg_art_tell(check, CG_ART_KNOW, "P10 unknown repository and wrong checksum", "%s; %s", repo, sum);
    cg_art_answer_free(&answer);
}

void cg_art_probes(struct cg_art_check *check)
{
    if (check->cargo) {
        p1_p12(check);
        p2(check);
        p5(check);
        p4(check);
    } else {
        know(check, "P1, P2, P4, P5, P12", "not asked: it is not (known to be) a Cargo repository");
    }
    know(check, "P3, P6, P7", "not asked: that would leave a crate in its index");
    if (check->deployed) {
        p8(check);
        p9(check);
        p10(check);
    }
    know(check, "P11", "not asked: that would make a repository");
}
