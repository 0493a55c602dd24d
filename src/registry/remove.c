/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Deleting, by an administrator. The index goes first (see below for the
 * exception): from then on nothing is there any more, and what a crash leaves
 * behind are files that nobody serves. Run again, it removes those too.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "registry/derive.h"
#include "registry/registry_priv.h"

struct removal {
    struct cg_namespace *ns;
    char index_name[CG_CRATE_NAME_MAX + 1];
    char name[CG_CRATE_NAME_MAX + 1]; /* as published; as given where the index does not tell */
    const char *version;              /* NULL: all */
    char exact[CG_VERSION_MAX + 1];   /* the version as published */
    struct cg_buf text;               /* the index file */
    bool indexed;                     /* is there one? */
    bool found;                       /* was there anything? */
    bool later;                       /* rows wait for an archive that is not here */
    struct cg_error *err;
};

/* The index file, and what it calls crate and version. */
static enum cg_err read_index(struct removal *r)
{
    struct cg_index_entry entry;
    struct cg_index_scan scan;
    enum cg_err rc = cg_namespace_read(r->ns, r->index_name, &r->text, r->err);

    if (rc == CG_ERR_ABSENT)
        return CG_OK;
    if (rc != CG_OK)
        return rc;
    r->indexed = true;
    cg_index_scan_begin(&scan, cg_buf_str(&r->text), r->text.len);
    if (cg_index_scan_next(&scan, &entry))
        strcpy(r->name, entry.name);
    if (r->version && cg_index_scan_find(cg_buf_str(&r->text), r->text.len, r->version, &entry))
        strcpy(r->exact, entry.version);
    return CG_OK;
}

/* The index file without the version's line; false when it has none. */
static bool without_line(struct removal *r, struct cg_buf *out)
{
    struct cg_index_entry entry;
    const char *text = cg_buf_str(&r->text), *end;

    if (!cg_index_scan_find(text, r->text.len, r->exact, &entry))
        return false;
    end = memchr(entry.line, '\n', r->text.len - (size_t)(entry.line - text));
    cg_buf_add(out, text, (size_t)(entry.line - text));
    if (end)
        cg_buf_add(out, end + 1, r->text.len - (size_t)(end + 1 - text));
    return true;
}

static enum cg_err remove_from_index(struct removal *r)
{
    struct cg_buf rest;
    enum cg_err rc = CG_OK;

    if (!r->indexed)
        return CG_OK;
    cg_buf_init(&rest, CG_INDEX_FILE_MAX);
    if (!r->version || without_line(r, &rest)) {
        r->found = true;
        rc = cg_namespace_write(r->ns, r->index_name, cg_buf_str(&rest), rest.len, r->err);
        cg_buf_reset(&r->text);
        cg_buf_add(&r->text, cg_buf_str(&rest), rest.len);
    }
    cg_buf_free(&rest);
    return rc;
}

static enum cg_err remove_crate(struct removal *r, const char *version)
{
    enum cg_err rc = r->ns->st->ops->crate_remove(r->ns->st, r->name, version, r->err);

    r->found |= rc == CG_OK;
    return rc == CG_ERR_ABSENT ? CG_OK : rc;
}

static enum cg_err collect_version(void *cls, const char *name, const char *version, uint64_t size)
{
    char ***versions = cls;
    size_t count = 0;

    (void)name, (void)size;
    while (*versions && (*versions)[count])
        count++;
    *versions = cg_reallocarray(*versions, count + 2, sizeof(**versions));
    (*versions)[count] = cg_strdup(version);
    (*versions)[count + 1] = NULL;
    return CG_OK;
}

/* Collected first: a folder is not changed while it is listed. */
static enum cg_err remove_crates(struct removal *r)
{
    struct cg_storage *st = r->ns->st;
    char **versions = NULL;
    enum cg_err rc;

    if (r->version)
        return remove_crate(r, r->exact);
    rc = st->ops->crate_each(st, r->name, collect_version, &versions, r->err);
    for (char **version = versions; rc == CG_OK && version && *version; version++)
        rc = remove_crate(r, *version);
    cg_strlist_free(&versions);
    return rc;
}

static enum cg_err remove_rows(struct removal *r)
{
    struct cg_metadata *md = r->ns->reg->md;
    char folded[CG_CRATE_NAME_MAX + 1];

    if (r->text.len) {
        enum cg_err rc = cg_derive_again(r->ns, r->index_name, r->err);

        r->later = rc == CG_ERR_AGAIN;
        return r->later ? CG_OK : rc;
    }
    cg_crate_name_fold(r->name, folded);
    return md->ops->crate_remove(md, r->ns->name, folded, r->err);
}

/* A store that others write to is looked through for what the index lacks: there the crate must be gone before its
 * line, or it would come back. It may also refuse, and then nothing has changed. Another server is asked for it, so
 * this is not under the lock. */
static bool crates_first(const struct removal *r)
{
    return r->ns->st->ops->crate_scan != NULL;
}

/* So a version may have been published meanwhile that nobody meant. */
static enum cg_err check_unchanged(struct removal *r, const struct cg_buf *before)
{
    if (r->version ||
        (r->text.len == before->len && memcmp(cg_buf_str(&r->text), cg_buf_str(before), before->len) == 0))
        return CG_OK;
    return cg_error_set(r->err, CG_ERR_CONFLICT,
                        "crate `%s` was changed while its files were being deleted; look at it, and do this again",
                        r->name);
}

static enum cg_err remove_both(struct removal *r)
{
    enum cg_err rc = remove_from_index(r);

    if (rc == CG_OK && !crates_first(r))
        rc = remove_crates(r);
    return rc;
}

/* `before`: the index file as it was when the crates were removed; NULL where they still are. */
static enum cg_err remove_locked(struct removal *r, const struct cg_buf *before)
{
    struct cg_metadata *md = r->ns->reg->md;
    enum cg_err rc = read_index(r);

    if (rc == CG_OK && before)
        rc = check_unchanged(r, before);
    if (rc == CG_OK)
        rc = remove_both(r);
    if (rc == CG_OK && !r->found)
        return r->version ? cg_absent_version(r->err, r->ns->name, r->name, r->version)
                          : cg_absent_crate(r->err, r->ns->name, r->name);
    if (rc == CG_OK)
        rc = remove_rows(r);
    /* Told also after a failure: the index may have changed. */
    if (r->found) {
        enum cg_err told = md->ops->generation_bump(md, "index", rc == CG_OK ? r->err : NULL);

        rc = rc == CG_OK ? told : rc;
    }
    return rc;
}

static enum cg_err check_version(const char *version, struct cg_error *err)
{
    struct cg_semver semver;

    return version ? cg_semver_parse(version, &semver, err) : CG_OK;
}

static enum cg_err remove_all(struct removal *r)
{
    struct cg_storage *st = r->ns->st;
    struct cg_buf before;
    enum cg_err rc = CG_OK;

    cg_buf_init(&before, CG_INDEX_FILE_MAX);
    if (crates_first(r)) {
        rc = read_index(r);
        if (rc == CG_OK)
            rc = remove_crates(r);
        before = r->text;
        cg_buf_init(&r->text, CG_INDEX_FILE_MAX);
    }
    if (rc == CG_OK)
        rc = st->ops->lock(st, r->err);
    if (rc == CG_OK) {
        rc = remove_locked(r, crates_first(r) ? &before : NULL);
        st->ops->unlock(st);
    }
    cg_buf_free(&before);
    return rc;
}

enum cg_err cg_registry_delete(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                               struct cg_error *err)
{
    struct removal r = {.version = version, .err = err};
    struct cg_error why = {0};
    enum cg_err rc = cg_namespace_get(reg, ns, &r.ns, err);

    if (rc != CG_OK)
        return rc;
    if (!cg_index_name(name, r.index_name))
        return cg_absent_crate(err, ns, name);
    /* It becomes a part of a file's name even where the index does not know it. */
    rc = check_version(version, err);
    if (rc != CG_OK)
        return rc;
    strcpy(r.name, name);
    strcpy(r.exact, version ? version : "");
    cg_buf_init(&r.text, CG_INDEX_FILE_MAX);
    rc = remove_all(&r);
    cg_buf_free(&r.text);
    if (rc == CG_OK && r.later && cg_derive_now(r.ns, r.index_name, &why) != CG_OK)
        cg_derive_later(r.ns, r.index_name, &why);
    return rc;
}
