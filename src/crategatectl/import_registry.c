/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "crategatectl/import_registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "registry/download_url.h"
#include "registry/registry_priv.h"

static void clear_slot(struct cg_import_slot *slot)
{
    cg_download_free(&slot->download);
    if (slot->fd >= 0)
        close(slot->fd);
    cg_import_item_free(&slot->item);
    *slot = (struct cg_import_slot){.fd = -1};
}

void cg_import_registry_free(struct cg_import_registry **registry)
{
    struct cg_import_registry *r = *registry;

    if (!r)
        return;
    for (size_t i = 0; i < CG_IMPORT_AHEAD; i++)
        clear_slot(&r->slots[i]);
    cg_fetch_free(&r->fetch);
    cg_import_git_free(&r->git);
    cg_import_names_free(&r->names);
    cg_buf_free(&r->text);
    free(r->index);
    free(r->identity);
    free(r->dl);
    free(r->api);
    free(r);
    *registry = NULL;
}

enum cg_err cg_import_registry_new(const struct cg_import_source *source, struct cg_import_registry **out,
                                   struct cg_error *err)
{
    struct cg_import_registry *r = cg_calloc(1, sizeof(*r));
    enum cg_err rc = CG_OK;

    r->options = source->options;
    r->fetch = cg_fetch_new(source->stop);
    cg_import_names_init(&r->names);
    cg_buf_init(&r->text, CG_INDEX_FILE_MAX);
    for (size_t i = 0; i < CG_IMPORT_AHEAD; i++)
        r->slots[i].fd = -1;
    if (r->options->token.len)
        rc = cg_fetch_credential(r->fetch, &r->options->token, err);
    if (rc == CG_OK)
        rc = cg_import_names_given(&r->names, r->options->crates, err);
    if (rc == CG_OK)
        *out = r;
    else
        cg_import_registry_free(&r);
    return rc;
}

static enum cg_err bad_config(struct cg_error *err, const char *why)
{
    return cg_error_set(err, CG_ERR_INVALID, "config.json of this index is none that cargo reads: %s", why);
}

enum cg_err cg_import_registry_config(struct cg_import_registry *r, const char *text, size_t len, struct cg_error *err)
{
    const char *dl, *api = NULL;
    const json_t *auth;
    json_t *root = NULL;
    enum cg_err rc;

    if (cg_json_parse(text, len, &root, err) != CG_OK)
        return cg_error_prefix(err, "config.json of this index");
    auth = json_object_get(root, "auth-required");
    dl = cg_json_str(root, "dl");
    rc = cg_json_get_str(root, "api", &api, err);
    if (rc == CG_OK && !dl)
        rc = bad_config(err, "\"dl\" is missing");
    if (rc == CG_OK && auth && !json_is_boolean(auth))
        rc = bad_config(err, "\"auth-required\" is neither true nor false");
    if (rc == CG_OK) {
        r->dl = cg_strdup(dl);
        r->api = api ? cg_strndup(api, strlen(api) - cg_str_ends(api, "/")) : NULL;
        r->auth_required = json_is_true(auth);
    }
    json_decref(root);
    return rc;
}

/* Over https to the index, a token does not go out in clear text because config.json says so. */
bool cg_import_shows_token(const struct cg_import_registry *r, const char *url)
{
    if (!r->options->token.len)
        return false;
    if (cg_fetch_same_origin(url, r->index))
        return true;
    return r->auth_required && (cg_str_starts_nocase(url, "https://") || cg_fetch_is_loopback(url));
}

void cg_import_registry_warn(const struct cg_import_source *source, const char *url)
{
    bool clear = cg_str_starts_nocase(url, "http://") || cg_str_starts_nocase(url, "git://");

    if (!clear || cg_fetch_is_loopback(url))
        return;
    fprintf(stderr,
            "crategatectl: warning: %s is not protected by TLS: whoever is on the way can read%s and change what is "
            "imported\n",
            url, source->options->token.len ? " the token and the crates" : " the crates");
}

/* Fetching ahead */

static enum cg_err open_spool(const struct cg_import_source *source, int *fd_out, struct cg_error *err)
{
    char *path = cg_asprintf("%s/import-XXXXXX", source->ctl->conf->state_dir);
    int fd = open(source->ctl->conf->state_dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0) { /* not every filesystem has files without a name */
        fd = mkostemp(path, O_CLOEXEC);
        if (fd >= 0)
            unlink(path);
    }
    free(path);
    if (fd < 0)
        return cg_file_error(err, errno, "make a file in", source->ctl->conf->state_dir);
    *fd_out = fd;
    return CG_OK;
}

static enum cg_err begin_download(const struct cg_import_source *source, struct cg_import_slot *slot,
                                  struct cg_error *err)
{
    struct cg_import_registry *r = source->registry;
    const struct cg_download_parts parts = {slot->item.name, slot->item.version, slot->item.cksum};
    char *url = cg_download_url(r->dl, &parts);
    struct cg_fetch_wish wish = {.url = url,
                                 .credential = cg_import_shows_token(r, url),
                                 .files = r->local,
                                 .max = source->ctl->conf->max_crate_size};
    enum cg_err rc = open_spool(source, &slot->fd, err);

    wish.fd = slot->fd;
    if (rc == CG_OK)
        rc = cg_fetch_begin(r->fetch, &wish, &slot->download, err);
    free(url);
    return rc;
}

/* What is there already is not fetched; what cannot be begun is said when its turn comes. */
static void add_slot(struct cg_import_source *source, struct cg_import_item *item)
{
    struct cg_import_registry *r = source->registry;
    struct cg_import_slot *slot = &r->slots[(r->first + r->held++) % CG_IMPORT_AHEAD];
    struct cg_error err = {0};

    slot->item = *item;
    source->count++;
    if (item->fault || cg_import_there(source->publisher, item, &err) != CG_ERR_ABSENT)
        return;
    if (begin_download(source, slot, &err) != CG_OK)
        slot->item.fault = cg_strdup(err.detail);
}

/* The crate's name as the reason's subject: there is no version to name. */
static void add_fault(struct cg_import_source *source, const char *name, enum cg_err rc, const struct cg_error *err)
{
    struct cg_import_item item = {
        .label = cg_strdup(name), .fault = cg_strdup(err->detail), .lost = rc == CG_ERR_UNAVAILABLE};

    add_slot(source, &item);
}

/* The next index file. False when there is no more. */
static bool next_file(struct cg_import_source *source)
{
    struct cg_import_registry *r = source->registry;
    struct cg_error err = {0};
    enum cg_err rc;

    if (r->names.at == r->names.count || *source->stop)
        return false;
    r->want = &r->names.wants[r->names.at++];
    source->at = r->names.at;
    source->units = r->names.count;
    cg_buf_reset(&r->text);
    r->text_at = r->line = 0;
    rc = r->read(r, r->want->name, &r->text, &err);
    if (rc == CG_OK)
        return true;
    cg_buf_reset(&r->text);
    if (!*source->stop)
        add_fault(source, r->want->name, rc, &err);
    r->want = NULL;
    return true;
}

/* A version that was asked for by number and is in no line of the file. */
static bool add_missing(struct cg_import_source *source)
{
    struct cg_import_want *want = source->registry->want;
    char *version = cg_import_want_left(want), *label;
    struct cg_error err = {0};

    if (!version)
        return false;
    label = cg_asprintf("%s %s", want->name, version);
    add_fault(source, label, cg_error_set(&err, CG_ERR_ABSENT, "the registry has no such version"), &err);
    free(label);
    free(version);
    return true;
}

static void fill(struct cg_import_source *source)
{
    struct cg_import_registry *r = source->registry;
    struct cg_import_item item;

    while (r->held < CG_IMPORT_AHEAD)
        if (r->want && cg_import_index_next(source, &item))
            add_slot(source, &item);
        else if ((!r->want || !add_missing(source)) && !next_file(source))
            return;
}

static enum cg_err next_version(struct cg_import_source *source, struct cg_import_item **item_out, struct cg_error *err)
{
    struct cg_import_registry *r = source->registry;

    (void)err;
    if (r->handed) {
        clear_slot(&r->slots[r->first]);
        r->first = (r->first + 1) % CG_IMPORT_AHEAD;
        r->held--;
    }
    fill(source);
    source->bytes = cg_fetch_received(r->fetch);
    r->handed = r->held > 0;
    *item_out = r->handed ? &r->slots[r->first].item : NULL;
    return CG_OK;
}

/* The bytes must be those that the index promises. */
static enum cg_err check_bytes(struct cg_import_slot *slot, struct cg_error *err)
{
    char cksum[CG_SHA256_HEX_SIZE];

    cg_download_cksum(slot->download, cksum);
    if (strcmp(cksum, slot->item.cksum) == 0)
        return CG_OK;
    return cg_error_set(err, CG_ERR_INVALID, "its index says %s, but the file that is there has %s (sha256)",
                        slot->item.cksum, cksum);
}

static enum cg_err open_version(struct cg_import_source *source, struct cg_import_item *item, int *fd_out,
                                uint64_t *size_out, struct cg_error *err)
{
    struct cg_import_registry *r = source->registry;
    struct cg_import_slot *slot = &r->slots[r->first];
    enum cg_err rc = CG_OK;

    CG_ASSERT(&slot->item == item);
    if (!slot->download) /* it was there when the others were begun */
        rc = begin_download(source, slot, err);
    if (rc == CG_OK) {
        rc = cg_fetch_wait(r->fetch, slot->download, err);
        item->lost = rc == CG_ERR_UNAVAILABLE;
    }
    if (rc == CG_OK)
        rc = check_bytes(slot, err);
    if (rc != CG_OK)
        return rc;
    *size_out = cg_download_size(slot->download);
    *fd_out = slot->fd;
    slot->fd = -1;
    return CG_OK;
}

void cg_import_registry_serve(struct cg_import_source *source, struct cg_import_registry *registry)
{
    source->registry = registry;
    source->index = registry->identity;
    source->units = registry->names.count;
    source->next = next_version;
    source->open = open_version;
}
