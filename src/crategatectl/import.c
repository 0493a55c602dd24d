/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategatectl import: what a source has, crate by crate, and what came of each. Run again, it goes on where it was. */
#include "crategatectl/import.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "registry/semver.h"

#define SYNOPSIS "import FOLDER|REPOSITORY-URL NAMESPACE"

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
    (void)sig;
    interrupted = 1;
}

struct tally {
    size_t done, same, refused;
};

void cg_import_add(struct cg_import_source *source, const struct cg_import_item *item)
{
    if ((source->count & (source->count - 1)) == 0)
        source->items = cg_reallocarray(source->items, source->count ? 2 * source->count : 1, sizeof(*source->items));
    source->items[source->count++] = (struct cg_import_item){.label = cg_strdup(item->label),
                                                             .name = item->name ? cg_strdup(item->name) : NULL,
                                                             .version = item->version ? cg_strdup(item->version) : NULL,
                                                             .yanked = item->yanked};
}

void cg_import_source_free(struct cg_import_source *source)
{
    for (size_t i = 0; i < source->count; i++) {
        free(source->items[i].label);
        free(source->items[i].name);
        free(source->items[i].version);
    }
    free(source->items);
    cg_storage_free(&source->st);
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

static bool is_git(const char *text)
{
    return cg_str_starts(text, "git+") || cg_str_starts(text, "ssh://") || cg_str_starts(text, "git://") ||
           cg_str_ends(text, ".git") || strstr(text, ".git/") != NULL;
}

static enum cg_err list_source(struct cg_import_source *source, const char *ns, struct cg_error *err)
{
    struct stat st;
    enum cg_err rc;

    if (stat(source->text, &st) == 0 && S_ISDIR(st.st_mode))
        rc = cg_import_folder(source, err);
    else if (is_git(source->text))
        rc = cg_error_set(err, CG_ERR_INVALID,
                          "this version does not read Git indexes; fetch the .crate files into a folder and import that");
    else
        rc = cg_import_repository(source, ns, err);
    if (rc == CG_ERR_ABSENT)
        rc = cg_error_set(err, rc,
                          "%s is neither a folder nor the URL of a repository of a configured instance of Artifactory "
                          "(https://HOST/artifactory/REPOSITORY); this version imports from nothing else",
                          source->text);
    if (rc == CG_OK && source->count)
        qsort(source->items, source->count, sizeof(*source->items), by_version);
    return rc;
}

static void show_progress(const char *ns, size_t done, size_t total)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%s: %zu of %zu crates\033[K", ns, done, total);
}

static void end_progress(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

static void tell_refused(const struct cg_import_item *item, const struct cg_error *err)
{
    char shown[512];

    end_progress();
    cg_str_printable(item->label, strlen(item->label), shown, sizeof(shown));
    printf("refused: %s: %s\n", shown, err->detail);
}

/* What the registry says no to is that crate's; what does not work is everybody's, and ends it. */
static bool is_fault(enum cg_err rc)
{
    return rc == CG_ERR_UNAVAILABLE || rc == CG_ERR_INTERNAL;
}

static enum cg_err import_all(struct cg_import_source *source, struct cg_import_publisher *publisher, const char *ns,
                              struct tally *tally, struct cg_error *err)
{
    for (size_t i = 0; i < source->count && !interrupted; i++) {
        struct cg_error why = {0};
        bool same = false;
        enum cg_err rc = cg_import_publish(publisher, source, &source->items[i], &same, &why);

        if (is_fault(rc)) {
            *err = why;
            return cg_error_prefix(err, "%s", source->items[i].label);
        }
        if (rc != CG_OK)
            tell_refused(&source->items[i], &why);
        tally->refused += rc != CG_OK;
        tally->same += rc == CG_OK && same;
        tally->done += rc == CG_OK && !same;
        show_progress(ns, i + 1, source->count);
    }
    return CG_OK;
}

static enum cg_err import(struct cg_import_source *source, const char *ns, struct tally *tally, struct cg_error *err)
{
    struct cg_import_publisher *publisher = NULL;
    enum cg_err rc = cg_import_publisher_new(source->ctl, ns, &publisher, err);

    if (rc == CG_OK)
        rc = list_source(source, ns, err);
    if (rc == CG_OK)
        rc = import_all(source, publisher, ns, tally, err);
    cg_import_publisher_free(&publisher);
    return rc;
}

static int conclude(const struct cg_import_source *source, const struct tally *tally, enum cg_err rc,
                    const struct cg_error *err)
{
    end_progress();
    printf("%zu crates imported, %zu were there already, %zu refused, of %zu%s\n", tally->done, tally->same,
           tally->refused, source->count, interrupted ? " (interrupted; run it again for the rest)" : "");
    if (rc != CG_OK)
        return cg_ctl_fail(err, "import");
    return tally->refused || interrupted ? CG_CTL_FAILED : CG_CTL_OK;
}

int cg_ctl_import(struct cg_ctl *ctl, int argc, char **argv)
{
    struct cg_import_source source = {.ctl = ctl};
    struct tally tally = {0};
    struct cg_error err = {0};
    enum cg_err rc;
    int status;

    if (argc != 3 || argv[1][0] == '-')
        return cg_ctl_usage(SYNOPSIS);
    source.text = argv[1];
    if (!cg_conf_namespace(ctl->conf, argv[2])) {
        cg_error_set(&err, CG_ERR_ABSENT, "there is no namespace \"%s\" in %s", argv[2], ctl->conf_file);
        return cg_ctl_fail(&err, "import");
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    rc = import(&source, argv[2], &tally, &err);
    status = conclude(&source, &tally, rc, &err);
    cg_import_source_free(&source);
    return status;
}
