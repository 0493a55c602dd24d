/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Keys that the table does not have, and the most helpful thing to say about each. */
#include <string.h>

#include "base/str.h"
#include "conf/parse.h"
#include "conf/schema.h"

#define COMPARED_MAX 48

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned least = a < b ? a : b;

    return least < c ? least : c;
}

/* Levenshtein's distance; too long a text is far from everything. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[COMPARED_MAX + 1];
    size_t a_len = strlen(a), b_len = strlen(b);

    if (a_len > COMPARED_MAX || b_len > COMPARED_MAX)
        return COMPARED_MAX;
    for (size_t j = 0; j <= b_len; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a_len; i++) {
        unsigned diagonal = row[0];

        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_len; j++) {
            unsigned above = row[j];

            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[b_len];
}

static void consider(const char *typed, const char *candidate, unsigned *best, const char **best_name)
{
    unsigned d = distance(typed, candidate);

    if (d < *best) {
        *best = d;
        *best_name = candidate;
    }
}

/* The nearest key or section that could stand there; NULL when none is near. */
static const char *suggestion(const char *section, const char *typed)
{
    unsigned best = (unsigned)(strlen(typed) / 3) + 1;
    const char *name = NULL;

    best = best < 2 ? 2 : best > 4 ? 4 : best;
    for (size_t i = 0; i < cg_conf_key_count; i++)
        if (cg_conf_in_section(cg_conf_keys[i].name, section))
            consider(typed, cg_conf_leaf(cg_conf_keys[i].name), &best, &name);
    for (size_t i = 0; *section == '\0' && i < cg_conf_section_count; i++)
        if (!cg_conf_section_repeats(cg_conf_sections[i].name))
            consider(typed, cg_conf_sections[i].name, &best, &name);
    if (*section == '\0') {
        consider(typed, "namespace", &best, &name);
        consider(typed, "artifactory", &best, &name);
    }
    return name && *name ? name : NULL;
}

/* A key of that name in another section: it stands in the wrong place, as TOML's rules easily bring about. */
static const struct cg_conf_key *elsewhere(const char *leaf)
{
    for (size_t i = 0; i < cg_conf_key_count; i++)
        if (cg_streq(cg_conf_leaf(cg_conf_keys[i].name), leaf))
            return &cg_conf_keys[i];
    return NULL;
}

/* Does the value say what this version does anyway? */
static bool is_accepted(const struct cg_conf_later *later, const json_t *value)
{
    json_t *accepted = later->accepted ? json_loads(later->accepted, JSON_DECODE_ANY, NULL) : NULL;
    bool same = accepted && json_equal(accepted, value);

    json_decref(accepted);
    return same;
}

static void refuse_misplaced(struct cg_conf_context *ctx, const struct cg_conf_place *place, const char *leaf,
                             const struct cg_conf_key *key)
{
    if (cg_conf_in_section(key->name, ""))
        cg_conf_problem(ctx, place, leaf, -1,
                        "is a key of the top level and must stand before the first [section] of the file");
    else
        cg_conf_problem(ctx, place, leaf, -1, "is unknown here; is %s meant?", key->name);
}

void cg_conf_refuse_key(struct cg_conf_context *ctx, const struct cg_conf_place *place, const char *leaf,
                        const json_t *value)
{
    const struct cg_conf_later *later = cg_conf_find_later(place->section, leaf, NULL);
    const struct cg_conf_key *other = elsewhere(leaf);
    const char *near = suggestion(place->section, leaf);

    if (later) {
        if (!is_accepted(later, value))
            cg_conf_problem(ctx, place, leaf, -1, "this version does not have it: %s", later->why);
    } else if (other) {
        refuse_misplaced(ctx, place, leaf, other);
    } else if (near) {
        cg_conf_problem(ctx, place, leaf, -1, "is unknown; did you mean \"%s\"?", near);
    } else {
        cg_conf_problem(ctx, place, leaf, -1, "is unknown");
    }
}
