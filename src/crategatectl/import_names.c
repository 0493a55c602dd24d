/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Which crates of a registry are wanted: those that are named, or listed, or needed by others. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "crategatectl/import_registry.h"
#include "registry/semver.h"

void cg_import_names_init(struct cg_import_names *names)
{
    *names = (struct cg_import_names){.seen = cg_map_new(NULL)};
}

void cg_import_names_free(struct cg_import_names *names)
{
    for (size_t i = 0; i < names->count; i++) {
        for (char **version = names->wants[i].versions; version && *version; version++)
            free(*version);
        free(names->wants[i].versions);
        free(names->wants[i].name);
    }
    free(names->wants);
    if (names->seen)
        cg_map_free(&names->seen);
}

static void add_version(struct cg_import_want *want, const char *version)
{
    size_t count = 0;

    while (want->versions && want->versions[count])
        count++;
    want->versions = cg_reallocarray(want->versions, count + 2, sizeof(*want->versions));
    want->versions[count] = cg_strdup(version);
    want->versions[count + 1] = NULL;
}

static void add_want(struct cg_import_names *names, const char *name, const char *version)
{
    if ((names->count & (names->count - 1)) == 0)
        names->wants = cg_reallocarray(names->wants, names->count ? 2 * names->count : 1, sizeof(*names->wants));
    names->wants[names->count] = (struct cg_import_want){.name = cg_strdup(name)};
    if (version)
        add_version(&names->wants[names->count], version);
    names->count++;
}

/* An index has one file for all spellings that differ in case. */
void cg_import_names_add(struct cg_import_names *names, const char *name, const char *version)
{
    char *key = cg_strdup(name);
    uintptr_t number;

    cg_str_lower(key);
    number = (uintptr_t)cg_map_get(names->seen, key);
    if (!number) {
        add_want(names, name, version);
        cg_map_put(names->seen, key, (void *)(uintptr_t)names->count);
    } else if (version && names->wants[number - 1].versions) {
        add_version(&names->wants[number - 1], version);
    }
    free(key);
}

static enum cg_err add_given(struct cg_import_names *names, const char *text, struct cg_error *err)
{
    const char *at = strchrnul(text, '@');
    char *name = cg_strndup(text, (size_t)(at - text));
    struct cg_semver version;
    enum cg_err rc = CG_OK;

    if (!cg_crate_name_valid(name))
        rc = cg_error_set(err, CG_ERR_INVALID, "\"%.100s\" is no crate's name", name);
    else if (*at && cg_semver_parse(at + 1, &version, err) != CG_OK)
        rc = cg_error_prefix(err, "%.200s", text);
    else
        cg_import_names_add(names, name, *at ? at + 1 : NULL);
    free(name);
    return rc;
}

enum cg_err cg_import_names_given(struct cg_import_names *names, char *const *crates, struct cg_error *err)
{
    enum cg_err rc = CG_OK;

    for (; rc == CG_OK && crates && *crates; crates++)
        rc = add_given(names, *crates, err);
    return rc;
}

bool cg_import_want_take(struct cg_import_want *want, const char *version)
{
    if (!want->versions)
        return true;
    for (char **one = want->versions; *one; one++)
        if (strcmp(*one, version) == 0) {
            **one = '\0';
            return true;
        }
    return false;
}

char *cg_import_want_left(struct cg_import_want *want)
{
    for (char **one = want->versions; one && *one; one++)
        if (**one) {
            char *left = cg_strdup(*one);

            **one = '\0';
            return left;
        }
    return NULL;
}
