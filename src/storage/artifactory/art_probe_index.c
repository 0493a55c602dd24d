/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * P6, P7 and P11 of artifactory.md 6.5, read off the crates and repositories
 * that are there already: a crate that is put to see how it is indexed would
 * stay in the index of those who use it.
 */
#include "storage/artifactory/art_check.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "storage/artifactory/art_ask.h"
#include "storage/artifactory/art_index.h"
#include "storage/artifactory/art_path.h"

#define LOOKED_AT "5" /* crates, the newest ones */
#define CRATE_MAX (4 << 20)
#define YOUNG_S 60    /* a line that is not there so soon after the deploy may come yet, */
#define WAIT_MS 10000 /* and is waited for as long */
#define PAUSE_MS 250

/* One of the newest crates. The texts are the listing's. */
struct sample {
    const char *path, *version; /* "crates/NAME", "1.0.0" */
    char *name, *file;          /* "NAME", "/REPO/crates/NAME/NAME-VERSION.crate" encoded */
    int64_t created;
    bool small;
};

struct index_probe {
    struct cg_art_check *check;
    unsigned count, found; /* crates looked at, and how many of them have a line */
};

/* Asks with GET for JSON; NULL and what came instead in `text`. */
static json_t *get_json(struct cg_art_check *check, const struct cg_art_try *attempt, char text[CG_ART_DESCRIBED])
{
    struct cg_art_answer answer;
    json_t *value = NULL;

    cg_art_answer_init(&answer);
    cg_art_try(check, attempt, &answer);
    cg_art_describe(&answer, text);
    if (answer.status != 200 || cg_art_answer_json(&answer, &value, NULL) != CG_OK)
        value = NULL;
    cg_art_answer_free(&answer);
    return value;
}

static json_t *newest(struct cg_art_check *check, char text[CG_ART_DESCRIBED])
{
    static const char *const plain[] = {"Content-Type: text/plain", NULL};
    char *query = cg_asprintf("items.find({\"repo\":\"%s\",\"path\":{\"$match\":\"crates/*\"},"
                              "\"name\":{\"$match\":\"*.crate\"}})"
                              ".include(\"repo\",\"path\",\"name\",\"created\",\"size\")"
                              ".sort({\"$desc\":[\"created\"]}).limit(" LOOKED_AT ")",
                              check->repo);
    json_t *value = get_json(
        check, &(struct cg_art_try){.method = "POST", .path = "/api/search/aql", .headers = plain, .text = query},
        text);

    free(query);
    return value;
}

/* False for a file that is not at crates/NAME/NAME-VERSION.crate: nothing is said of indexing that. */
static bool read_sample(const struct cg_art_check *check, const json_t *row, struct sample *out)
{
    const char *path = cg_json_str(row, "path"), *file = cg_json_str(row, "name");
    const char *created = cg_json_str(row, "created");
    size_t len = path && cg_str_starts(path, "crates/") ? strlen(path + 7) : 0;
    struct cg_buf url;

    if (!len || !file || strchr(path + 7, '/') || strncmp(file, path + 7, len) != 0 || file[len] != '-' ||
        !cg_str_ends(file, ".crate"))
        return false;
    cg_buf_init(&url, CG_ART_PATH_MAX * 4);
    cg_art_path_file(&url, "", check->repo, path);
    cg_buf_addch(&url, '/');
    cg_art_path_encode(&url, file);
    *out = (struct sample){.path = path,
                           .version = file + len + 1,
                           .name = cg_strdup(path + 7),
                           .file = cg_buf_take(&url),
                           .created = created ? cg_art_time(created) : 0,
                           .small = cg_art_size(json_object_get(row, "size")) <= CRATE_MAX};
    return true;
}

static void free_sample(struct sample *sample)
{
    free(sample->name);
    free(sample->file);
}

static int version_len(const struct sample *sample)
{
    return (int)(strlen(sample->version) - strlen(".crate"));
}

static bool is_line_of(const struct sample *sample, const char *line, size_t len)
{
    json_t *value = NULL;
    const char *version = cg_json_parse(line, len, &value, NULL) == CG_OK ? cg_json_str(value, "vers") : NULL;
    bool is = version && strlen(version) == (size_t)version_len(sample) &&
              strncmp(version, sample->version, strlen(version)) == 0;

    json_decref(value);
    return is;
}

/* The line within the text; NULL when there is none. */
static const char *find_line(const struct sample *sample, const char *text, size_t *len_out)
{
    for (const char *line = text; *line;) {
        size_t len = strcspn(line, "\n");

        if (is_line_of(sample, line, len)) {
            *len_out = len;
            return line;
        }
        line += len + (line[len] == '\n');
    }
    return NULL;
}

/* Fills an initialised answer; true when the line is in it. */
static bool ask_index(struct cg_art_check *check, const char *repo, const struct sample *sample,
                      struct cg_art_answer *answer)
{
    char *path = cg_art_index_path(repo, sample->name);
    size_t len;

    cg_art_try(check, &(struct cg_art_try){.method = "GET", .path = path}, answer);
    free(path);
    return answer->status == 200 && find_line(sample, cg_buf_str(&answer->body), &len);
}

/* The same; what was deployed a moment ago is waited for. */
static bool await_index(struct cg_art_check *check, const struct sample *sample, struct cg_art_answer *answer)
{
    int64_t until = cg_clock_mono_ms() + WAIT_MS;
    bool found = ask_index(check, check->repo, sample, answer);

    while (!found && answer->date && answer->date - sample->created < YOUNG_S && cg_clock_mono_ms() < until) {
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000000L}, NULL);
        cg_art_answer_free(answer);
        cg_art_answer_init(answer);
        found = ask_index(check, check->repo, sample, answer);
    }
    return found;
}

static void tell_newest(struct cg_art_check *check, const struct sample *sample, bool found,
                        const struct cg_art_answer *answer)
{
    int64_t took = answer->modified - sample->created;
    char text[CG_ART_DESCRIBED];

    cg_art_describe(answer, text);
    if (!found)
        cg_art_tell(check, CG_ART_KNOW, "P6 index",
                    "%s %.*s, the newest crate, is not in its index, %lld seconds after its deploy (%s)", sample->name,
                    version_len(sample), sample->version,
                    (long long)(answer->date && sample->created ? answer->date - sample->created : 0), text);
    else if (answer->modified && sample->created && took >= 0)
        cg_art_tell(
            check, CG_ART_KNOW, "P6 index",
            "%s %.*s, the newest crate, is in its index, whose file last changed %lld seconds after the deploy: "
            "the line took no longer",
            sample->name, version_len(sample), sample->version, (long long)took);
    else
        cg_art_tell(check, CG_ART_KNOW, "P6 index",
                    "%s %.*s, the newest crate, is in its index; how long that took could not be settled because "
                    "Artifactory does not tell when the index changed",
                    sample->name, version_len(sample), sample->version);
}

/* For P7: the crate and its line to whoever can compare them. */
static void hand_over(struct cg_art_check *check, const struct sample *sample, const struct cg_art_answer *index)
{
    static const char *const direct[] = {"X-JFrog-Download-Redirect-To: None", NULL};
    struct cg_art_answer crate;
    size_t len = 0;
    const char *line = find_line(sample, cg_buf_str(&index->body), &len);

    if (!check->how->indexed || !sample->small)
        return;
    cg_art_answer_init(&crate);
    cg_art_try(check, &(struct cg_art_try){.method = "GET", .path = sample->file, .headers = direct}, &crate);
    if (crate.status == 200 && !crate.cut)
        check->how->indexed(check->how->cls, line, len, cg_buf_str(&crate.body), crate.body.len);
    cg_art_answer_free(&crate);
}

static void look_at(struct index_probe *probe, const struct sample *sample)
{
    struct cg_art_answer answer;
    bool found;

    cg_art_answer_init(&answer);
    found = probe->count == 0 ? await_index(probe->check, sample, &answer)
                              : ask_index(probe->check, probe->check->repo, sample, &answer);
    if (probe->count++ == 0)
        tell_newest(probe->check, sample, found, &answer);
    if (found) {
        probe->found++;
        hand_over(probe->check, sample, &answer);
    }
    cg_art_answer_free(&answer);
}

/* P6 and, through hand_over(), P7. */
static void p6(struct cg_art_check *check, const json_t *rows)
{
    struct index_probe probe = {.check = check};
    size_t i;
    json_t *row;

    json_array_foreach(rows, i, row)
    {
        struct sample sample;

        if (!read_sample(check, row, &sample) || cg_art_check_late(check))
            continue;
        look_at(&probe, &sample);
        free_sample(&sample);
    }
    if (probe.count == 0)
        cg_art_tell(check, CG_ART_KNOW, "P6 index",
                    "when a crate is in its index could not be settled because no crate is there yet; check again "
                    "after the first publish");
    else if (probe.found < probe.count)
        cg_art_tell(check, CG_ART_KNOW, "P6 index",
                    "of the %u newest crates %u are missing in its index; its own clients do not find them, the "
                    "gateway's do",
                    probe.count, probe.count - probe.found);
    if (check->how->indexed)
        check->how->indexed(check->how->cls, NULL, 0, NULL, 0);
}

/* P11 */

static bool is_virtual_cargo(const json_t *repo)
{
    const char *type = cg_json_str(repo, "type"), *package = cg_json_str(repo, "packageType");

    return cg_json_str(repo, "key") && type && package && cg_streq_nocase(type, "virtual") &&
           cg_streq_nocase(package, "cargo");
}

/* Is this check's repository a part of that virtual one, as far as is told? */
static bool holds(struct cg_art_check *check, const char *key)
{
    char *path = cg_asprintf("/api/repositories/%s", key), text[CG_ART_DESCRIBED];
    json_t *settings = get_json(check, &(struct cg_art_try){.method = "GET", .path = path}, text), *member;
    bool found = false;
    size_t i;

    json_array_foreach(json_object_get(settings, "repositories"), i, member)
    {
        found = found || cg_streq(json_string_value(member), check->repo);
    }
    json_decref(settings);
    free(path);
    return found;
}

/* Does its index show what is in its part? */
static void tell_merge(struct cg_art_check *check, const char *key, const json_t *rows)
{
    struct cg_art_answer answer;
    struct sample sample;
    char text[CG_ART_DESCRIBED];

    if (!read_sample(check, json_array_get(rows, 0), &sample)) {
        cg_art_tell(check, CG_ART_KNOW, "P11 virtual repositories",
                    "they are accepted (%s holds %s); whether its index merges could not be settled because %s", key,
                    check->repo, rows ? "no crate is there yet" : "its crates cannot be listed");
        return;
    }
    cg_art_answer_init(&answer);
    if (ask_index(check, key, &sample, &answer)) {
        cg_art_tell(check, CG_ART_KNOW, "P11 virtual repositories",
                    "they are accepted, and the index of %s shows %s of %s, too", key, sample.name, check->repo);
    } else {
        cg_art_describe(&answer, text);
        cg_art_tell(check, CG_ART_KNOW, "P11 virtual repositories",
                    "they are accepted, but the index of %s does not show %s of %s (%s)", key, sample.name, check->repo,
                    text);
    }
    cg_art_answer_free(&answer);
    free_sample(&sample);
}

static void p11(struct cg_art_check *check, const json_t *rows)
{
    char text[CG_ART_DESCRIBED];
    json_t *repos = get_json(
               check, &(struct cg_art_try){.method = "GET", .path = "/api/repositories?type=virtual&packageType=cargo"},
               text),
           *repo;
    const char *first = NULL, *ours = NULL;
    size_t i;

    json_array_foreach(repos, i, repo)
    {
        if (ours || !is_virtual_cargo(repo) || cg_art_check_late(check))
            continue;
        first = first ? first : cg_json_str(repo, "key");
        ours = holds(check, cg_json_str(repo, "key")) ? cg_json_str(repo, "key") : NULL;
    }
    if (ours)
        tell_merge(check, ours, rows);
    else if (first)
        cg_art_tell(check, CG_ART_KNOW, "P11 virtual repositories",
                    "they are accepted (%s is one); what its index merges could not be settled because none that this "
                    "account sees holds %s",
                    first, check->repo);
    else if (repos)
        cg_art_tell(check, CG_ART_KNOW, "P11 virtual repositories",
                    "could not be settled because this account sees none, and making one takes an administrator");
    else
        cg_art_tell(check, CG_ART_KNOW, "P11 virtual repositories",
                    "could not be settled because its repositories may not be listed (%s)", text);
    json_decref(repos);
}

void cg_art_probe_index(struct cg_art_check *check)
{
    char text[CG_ART_DESCRIBED];
    json_t *answer = newest(check, text);
    const json_t *rows = json_object_get(answer, "results");

    if (rows)
        p6(check, rows);
    else
        cg_art_tell(check, CG_ART_KNOW, "P6 index",
                    "when a crate is in its index could not be settled because its crates cannot be listed (AQL: %s)",
                    text);
    p11(check, rows);
    json_decref(answer);
}
