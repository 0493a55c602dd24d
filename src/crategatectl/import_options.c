/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategatectl/import.h"

#define LIST_MAX (16u * 1024 * 1024)

static void add_crate(struct cg_import_options *options, const char *text)
{
    size_t count = 0;

    while (options->crates && options->crates[count])
        count++;
    if (!options->crates || (count & (count + 1)) == 0)
        options->crates = cg_reallocarray(options->crates, 2 * count + 2, sizeof(*options->crates));
    options->crates[count] = cg_strdup(text);
    options->crates[count + 1] = NULL;
}

/* One a line; blank lines and what is behind a '#' are none. */
static enum cg_err read_list(struct cg_import_options *options, const char *path, struct cg_error *err)
{
    struct cg_buf text;
    char *rest, *line;
    enum cg_err rc;

    cg_buf_init(&text, LIST_MAX);
    rc = cg_file_read(path, &text, err);
    if (rc == CG_OK && text.len) {
        rest = text.data;
        while ((line = strsep(&rest, "\n")) != NULL) {
            line[strcspn(line, "#")] = '\0';
            line = cg_str_trim(line);
            if (*line)
                add_crate(options, line);
        }
    }
    cg_buf_free(&text);
    if (rc == CG_OK && !options->crates)
        rc = cg_error_set(err, CG_ERR_INVALID, "%s names no crate", path);
    return rc;
}

static enum cg_err take_option(struct cg_import_options *out, int option, const char *value, struct cg_error *err)
{
    switch (option) {
    case 't':
        return cg_secret_read_file(&out->token, value, err);
    case 'c':
        add_crate(out, value);
        return CG_OK;
    case 'f':
        return read_list(out, value, err);
    default:
        out->with_dependencies = true;
        return CG_OK;
    }
}

enum cg_err cg_import_options_read(int argc, char **argv, struct cg_import_options *out, bool *usage_out,
                                   struct cg_error *err)
{
    static const struct option options[] = {{"token-file", required_argument, NULL, 't'},
                                            {"crate", required_argument, NULL, 'c'},
                                            {"crates", required_argument, NULL, 'f'},
                                            {"with-dependencies", no_argument, NULL, 'd'},
                                            {NULL, 0, NULL, 0}};
    enum cg_err rc = CG_OK;
    int option;

    optind = 0; /* once more, after the program's own; words move behind options */
    while (rc == CG_OK && (option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        *usage_out |= option == '?';
        if (option == '?')
            return CG_ERR_INVALID;
        rc = take_option(out, option, optarg, err);
    }
    if (rc == CG_OK && optind + 2 != argc) {
        *usage_out = true;
        return CG_ERR_INVALID;
    }
    return rc;
}

bool cg_import_options_any(const struct cg_import_options *options)
{
    return options->token.len || options->crates || options->with_dependencies;
}

void cg_import_options_free(struct cg_import_options *options)
{
    cg_secret_free(&options->token);
    for (char **crate = options->crates; crate && *crate; crate++)
        free(*crate);
    free(options->crates);
    *options = (struct cg_import_options){0};
}
