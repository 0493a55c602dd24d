/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl import: what a source has, crate by crate, and what came of each. Run again, it goes on where it was. */
#include "crategatectl/import.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/str.h"
#include "crategatectl/import_registry.h"
#include "registry/semver.h"

#define SYNOPSIS                                                                                                       \
    "import [--token-file FILE] [--crate NAME[@VERSION]]... [--crates FILE] [--with-dependencies] SOURCE NAMESPACE"
#define LOST_MAX 5 /* crates one after the other that a server does not give: it is the server */

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
    (void)sig;
    interrupted = 1;
}

struct tally {
    size_t done, same, refused;
    size_t yanked; /* of the same */
    size_t lost; /* of the refused, the last ones: another server did not give them */
};

void cg_import_add(struct cg_import_source *source, const struct cg_import_item *item)
{
    struct cg_import_item *copy;

    if ((source->count & (source->count - 1)) == 0)
        source->items = cg_reallocarray(source->items, source->count ? 2 * source->count : 1, sizeof(*source->items));
    copy = &source->items[source->count++];
    *copy = *item;
    copy->label = cg_strdup(item->label);
    copy->name = item->name ? cg_strdup(item->name) : NULL;
    copy->version = item->version ? cg_strdup(item->version) : NULL;
}

void cg_import_item_free(struct cg_import_item *item)
{
    free(item->label);
    free(item->name);
    free(item->version);
    free(item->line);
    free(item->fault);
    *item = (struct cg_import_item){0};
}

void cg_import_source_free(struct cg_import_source *source)
{
    for (size_t i = 0; source->items && i < source->count; i++)
        cg_import_item_free(&source->items[i]);
    free(source->items);
    cg_storage_free(&source->st);
    cg_import_registry_free(&source->registry);
    *source = (struct cg_import_source){0};
}

static int by_precedence(const char *a, const char *b)
{
    struct cg_semver left, right;

    if (cg_semver_parse(a, &left, NULL) != CG_OK || cg_semver_parse(b, &right, NULL) != CG_OK)
        return strcmp(a, b);
    return cg_semver_compare(&left, &right);
}

/* Versions in the order in which they were published, most likely; files without a name first. */
static int by_version(const void *a, const void *b)
{
    const struct cg_import_item *left = a, *right = b;
    int order;

    if (!left->name || !right->name)
        return left->name ? 1 : right->name ? -1 : strcmp(left->label, right->label);
    order = strcmp(left->name, right->name);
    return order ? order : by_precedence(left->version, right->version);
}

static enum cg_err next_listed(struct cg_import_source *source, struct cg_import_item **item_out, struct cg_error *err)
{
    (void)err;
    *item_out = source->at < source->count ? &source->items[source->at++] : NULL;
    return CG_OK;
}

/* Sources that list all they have at once. */
static enum cg_err list_all(struct cg_import_source *source, bool folder, struct cg_error *err)
{
    enum cg_err rc;

    if (cg_import_options_any(source->options))
        return cg_error_set(err, CG_ERR_INVALID,
                            "--token-file, --crate, --crates and --with-dependencies are for registries with an index; "
                            "all of a folder or repository is imported");
    rc = folder ? cg_import_folder(source, err) : cg_import_repository(source, err);
    if (rc != CG_OK)
        return rc;
    if (source->count)
        qsort(source->items, source->count, sizeof(*source->items), by_version);
    source->units = source->count;
    source->next = next_listed;
    return CG_OK;
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static enum cg_err open_source(struct cg_import_source *source, struct cg_error *err)
{
    const char *text = source->text;

    if (cg_import_is_git(text))
        return cg_import_git(source, err);
    if (is_folder(text))
        return list_all(source, true, err);
    /* An Artifactory's index is read as any other when there is something to choose. */
    if (cg_import_is_sparse(text) &&
        (cg_import_options_any(source->options) || !cg_import_is_repository(source->ctl->conf, text)))
        return cg_import_sparse(source, err);
    if (cg_import_is_repository(source->ctl->conf, text))
        return list_all(source, false, err);
    return cg_error_set(err, CG_ERR_ABSENT,
                        "%s is neither a folder, nor a sparse registry (sparse+https://HOST/PATH/), a Git index "
                        "(git+https://HOST/PATH), or a repository of a configured instance of Artifactory "
                        "(https://HOST/artifactory/REPOSITORY)",
                        text);
}

/* Labels and reasons quote what others wrote. */
static void tell_refused(const struct cg_import_item *item, const struct cg_error *err)
{
    char shown[512], why[CG_ERROR_DETAIL_MAX];

    cg_import_progress_clear();
    cg_str_printable(item->label, strlen(item->label), shown, sizeof(shown));
    cg_str_printable(err->detail, strlen(err->detail), why, sizeof(why));
    printf("refused: %s: %s\n", shown, why);
}

/* What the registry says no to is that crate's; what does not work is everybody's, and ends it. A server that fails
 * with one crate may do better with the next, but not for ever. */
static bool ends_all(const struct cg_import_item *item, enum cg_err rc, size_t lost)
{
    if (item->lost)
        return lost >= LOST_MAX;
    return rc == CG_ERR_UNAVAILABLE || rc == CG_ERR_INTERNAL;
}

static enum cg_err import_one(struct cg_import_source *source, struct cg_import_item *item, struct tally *tally,
                              struct cg_error *err)
{
    struct cg_error why = {0};
    bool same = false;
    enum cg_err rc = cg_import_publish(source->publisher, source, item, &same, &why);

    if (interrupted && item->lost)
        return CG_OK;
    tally->lost = item->lost ? tally->lost + 1 : rc == CG_OK && same ? tally->lost : 0;
    if (rc != CG_OK && ends_all(item, rc, tally->lost)) {
        *err = why;
        return cg_error_prefix(err, "%s", item->label);
    }
    if (rc != CG_OK)
        tell_refused(item, &why);
    tally->refused += rc != CG_OK;
    tally->same += rc == CG_OK && same;
    tally->done += rc == CG_OK && !same;
    tally->yanked += item->yanked_now;
    return CG_OK;
}

static enum cg_err import_all(struct cg_import_source *source, struct tally *tally, struct cg_error *err)
{
    struct cg_import_item *item = NULL;
    enum cg_err rc = source->next(source, &item, err);

    while (rc == CG_OK && item && !interrupted) {
        rc = import_one(source, item, tally, err);
        cg_import_progress(source);
        if (rc == CG_OK && !interrupted)
            rc = source->next(source, &item, err);
    }
    return rc;
}

static enum cg_err import(struct cg_import_source *source, struct tally *tally, struct cg_error *err)
{
    enum cg_err rc = cg_import_publisher_new(source->ctl, source->ns, &source->publisher, err);

    if (rc == CG_OK)
        rc = open_source(source, err);
    if (rc == CG_OK)
        rc = import_all(source, tally, err);
    cg_import_publisher_free(&source->publisher);
    return interrupted ? CG_OK : rc;
}

/* A source that could not be opened has only an error to tell of. */
static void tell_tally(const struct cg_import_source *source, const struct tally *tally)
{
    printf("%zu crates imported, %zu were there already, %zu refused, of %zu%s\n", tally->done, tally->same,
           tally->refused, source->count, interrupted ? " (interrupted; run it again for the rest)" : "");
    if (tally->yanked)
        printf("%zu of those that were there have been yanked at the source since, and so here\n", tally->yanked);
}

static int conclude(const struct cg_import_source *source, const struct tally *tally, enum cg_err rc,
                    const struct cg_error *err)
{
    struct cg_error shown = *err;

    cg_str_printable(err->detail, strlen(err->detail), shown.detail, sizeof(shown.detail));
    cg_import_progress_clear();
    if (rc == CG_OK || source->next)
        tell_tally(source, tally);
    if (rc != CG_OK)
        return cg_ctl_fail(&shown, "import");
    return tally->refused || interrupted ? CG_CTL_FAILED : CG_CTL_OK;
}

static int run(struct cg_import_source *source)
{
    struct tally tally = {0};
    struct cg_error err = {0};
    enum cg_err rc;
    int status;

    if (!cg_conf_namespace(source->ctl->conf, source->ns)) {
        cg_error_set(&err, CG_ERR_ABSENT, "there is no namespace \"%s\" in %s", source->ns, source->ctl->conf_file);
        return cg_ctl_fail(&err, "import");
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    rc = import(source, &tally, &err);
    status = conclude(source, &tally, rc, &err);
    cg_import_source_free(source);
    return status;
}

int cg_ctl_import(struct cg_ctl *ctl, int argc, char **argv)
{
    struct cg_import_options options = {0};
    struct cg_error err = {0};
    bool usage = false;
    int status;

    if (cg_import_options_read(argc, argv, &options, &usage, &err) != CG_OK) {
        status = usage ? cg_ctl_usage(SYNOPSIS) : cg_ctl_fail(&err, "import");
    } else {
        struct cg_import_source source = {
            .ctl = ctl, .text = argv[argc - 2], .ns = argv[argc - 1], .options = &options, .stop = &interrupted};

        status = run(&source);
    }
    cg_import_options_free(&options);
    return status;
}
