/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A file that the index does not know: taken in by the rules of a publish, or refused by one of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "log/metrics.h"
#include "registry/admission.h"
#include "registry/publish_metadata.h"
#include "registry/refuse.h"
#include "registry/stored.h"
#include "registry/sync_priv.h"
#include "registry/sync_state.h"

/* A publish through us may have its file in the store and its line not yet in the index for so long; after that it has
 * been interrupted. */
#define PUBLISH_S (10 * 60)

struct adoption {
    struct cg_syncing *s;
    const struct cg_sync_file *file;
    struct cg_package package;
    char cksum[CG_SHA256_HEX_SIZE];
    uint64_t size;
    struct cg_sync_theirs theirs;
    bool waits; /* for a line of the store's own index, without which it is refused */
    struct cg_admission line;
    struct cg_error err; /* why not */
};

static bool is_refusal(enum cg_err rc)
{
    return rc == CG_ERR_INVALID || rc == CG_ERR_UNPROCESSABLE || rc == CG_ERR_CONFLICT || rc == CG_ERR_DENIED ||
           rc == CG_ERR_TOO_LARGE;
}

/* What a publish learns from the policy, which knows a caller; there is none here. */
static enum cg_err check_reserved(struct adoption *a)
{
    char folded[CG_CRATE_NAME_MAX + 1], start[CG_CRATE_NAME_MAX + 1];
    const struct cg_conf *conf = a->s->conf;

    cg_crate_name_fold(a->file->name, folded);
    for (size_t i = 0; i < conf->namespace_count; i++) {
        const struct cg_conf_namespace *other = &conf->namespaces[i];

        if (strcmp(other->name, a->s->ns->name) == 0)
            continue;
        for (char *const *prefix = other->prefixes; prefix && *prefix; prefix++) {
            cg_crate_name_fold(*prefix, start);
            if (cg_str_starts(folded, start))
                return cg_refuse(&a->err, CG_ERR_DENIED, "crate-name-reserved",
                                 "crate names that begin with \"%s\" are reserved to namespace \"%s\"", *prefix,
                                 other->name);
        }
    }
    return CG_OK;
}

/* What is left of a publish through us that did not end may have been refused in its last moment: its crate had become
 * somebody's. Only an administrator takes that in. */
static enum cg_err check_owners(struct adoption *a)
{
    struct cg_owners owners = {0};
    bool owns = false;
    enum cg_err rc;

    if (!a->file->publisher[0] || a->s->report->by_hand)
        return CG_OK;
    rc = cg_owners_read(a->s->reg, a->s->ns->name, a->file->name, &owners, &a->err);
    for (size_t i = 0; rc == CG_OK && i < owners.count; i++)
        owns |= owners.items[i].kind == CG_OWNER_USER && cg_streq_nocase(owners.items[i].login, a->file->publisher);
    if (rc == CG_OK && owners.count && !owns)
        rc = cg_refuse(&a->err, CG_ERR_DENIED, "owners",
                       "it was left by a publish of %s that did not end, and the crate has other owners; one of them can "
                       "publish the same file, or an administrator run crategatectl verify --repair",
                       a->file->publisher);
    cg_owners_free(&owners);
    return rc;
}

static enum cg_err check_size(struct adoption *a)
{
    char limit[32];

    if (a->file->size <= a->s->conf->max_crate_size)
        return CG_OK;
    cg_format_size(a->s->conf->max_crate_size, limit);
    return cg_refuse(&a->err, CG_ERR_TOO_LARGE, "crate-size", "it is larger than %s (max_crate_size)", limit);
}

/* All that can be told without the file. */
static enum cg_err check_listing(struct adoption *a)
{
    enum cg_err rc = cg_publish_identity_check(a->file->name, a->file->version, &a->err);

    if (rc == CG_OK)
        rc = check_reserved(a);
    if (rc == CG_OK)
        rc = check_size(a);
    return rc == CG_OK ? check_owners(a) : rc;
}

static enum cg_err check_content(struct adoption *a, const struct cg_stored *stored)
{
    enum cg_err rc = cg_stored_digest(stored, a->cksum, &a->err);

    if (rc != CG_OK)
        return rc;
    a->size = stored->file.size;
    if (a->file->cksum[0] && strcmp(a->cksum, a->file->cksum) != 0)
        return cg_error_set(&a->err, CG_ERR_UNAVAILABLE,
                            "crate `%s` %s came with other bytes than the repository says it has (%s instead of %s)",
                            a->file->name, a->file->version, a->cksum, a->file->cksum);
    rc = cg_stored_check(stored, a->s->conf->max_unpacked_size, &a->package, &a->err);
    if (rc != CG_OK || (strcmp(a->package.name, a->file->name) == 0 && strcmp(a->package.version, a->file->version) == 0))
        return rc;
    return cg_refuse(&a->err, CG_ERR_INVALID, "manifest-identity",
                     "the packaged Cargo.toml is of %s %s, but the file lies where %s %s belongs", a->package.name,
                     a->package.version, a->file->name, a->file->version);
}

static enum cg_err examine(struct adoption *a)
{
    struct cg_stored stored;
    enum cg_err rc = cg_stored_open(a->s->ns, a->file->name, a->file->version, &stored, &a->err);

    if (rc != CG_OK)
        return rc;
    rc = check_content(a, &stored);
    cg_stored_close(&stored);
    if (rc == CG_OK)
        rc = cg_sync_theirs_find(a->s, a->file, a->cksum, &a->theirs, &a->err);
    if (rc != CG_OK)
        return rc;
    rc = cg_sync_theirs_resolve(a->s, &a->theirs, &a->package, &a->err);
    a->waits = rc == CG_ERR_DENIED && a->theirs.may_come;
    return rc == CG_OK ? cg_admission_fields(a->s->conf, a->s->ns->name, &a->package, &a->err) : rc;
}

/* When it was published: by the store's own index, else the file's time. */
static int64_t published(const struct adoption *a)
{
    int64_t now = cg_clock_wall_s(), told = a->theirs.origin.pubtime;

    if (told > 0 && told < now)
        return told;
    return a->file->modified > 0 && a->file->modified < now ? a->file->modified : now;
}

/* A yank that was made in the store itself, too, is noted there in our words by the next look. */
static enum cg_err add(struct adoption *a)
{
    const struct cg_sync_file *file = a->file;
    bool yanked = file->yanked < 0 ? a->theirs.origin.yanked : file->yanked == 1;
    enum cg_err rc = cg_admission_add(&a->line, &a->package, published(a), yanked, &a->err);

    if (rc == CG_OK)
        rc = cg_admission_write(&a->line, &a->err);
    if (rc == CG_OK)
        cg_admission_derive(&a->line, &a->package, a->size, file->publisher);
    if (rc == CG_OK && file->yanked == 1)
        rc = cg_sync_note(a->s->ns, file->name, file->version, true, &a->err);
    return rc;
}

/* A publish of the very version may have come first; then everything is as it should be. */
static enum cg_err take_in_locked(struct adoption *a, bool *done_out)
{
    bool same = false;
    enum cg_err rc = cg_namespace_refresh(a->s->ns, &a->err);

    if (rc == CG_OK)
        rc = check_owners(a);
    if (rc == CG_OK)
        rc = cg_admission_place(&a->line, a->cksum, &same, &a->err);
    if (rc != CG_OK || same || a->s->report->look_only)
        return rc;
    rc = add(a);
    *done_out = rc == CG_OK;
    return rc;
}

static enum cg_err take_in(struct adoption *a, bool *done_out)
{
    struct cg_storage *st = a->s->ns->st;
    enum cg_err rc = st->ops->lock(st, &a->err);

    if (rc != CG_OK)
        return rc;
    cg_admission_name(&a->line, a->file->name, a->file->version);
    rc = take_in_locked(a, done_out);
    st->ops->unlock(st);
    if (*done_out)
        cg_metric_add(CG_METRIC_ADOPTED, 1);
    return rc;
}

static void tell(struct adoption *a, enum cg_sync_event event, const char *detail, bool done)
{
    cg_sync_tell(a->s, &(struct cg_sync_news){.event = event,
                                              .name = a->file->name,
                                              .version = a->file->version,
                                              .publisher = a->file->publisher,
                                              .detail = detail,
                                              .done = done});
}

/* What a refusal is remembered by: another file is looked at again. */
static void describe(const struct cg_sync_file *file, char out[160])
{
    snprintf(out, 160, "%s %llu %lld", file->cksum, (unsigned long long)file->size, (long long)file->modified);
}

static enum cg_err conclude(struct adoption *a, enum cg_err rc, bool done)
{
    struct cg_syncing *s = a->s;
    char content[160];
    char *file;

    if (rc == CG_ERR_ABSENT) /* gone again meanwhile */
        return CG_OK;
    if (a->waits) {
        s->report->waiting++;
        return CG_OK;
    }
    if (is_refusal(rc)) {
        describe(a->file, content);
        file = cg_asprintf("%s %s", a->file->name, a->file->version);
        if (!s->report->look_only)
            cg_sync_state_refuse(s->ns->sync, file, content, a->err.detail);
        free(file);
        tell(a, CG_SYNC_REFUSED, a->err.detail, !s->report->look_only);
        return CG_OK;
    }
    if (rc != CG_OK) {
        if (s->err)
            *s->err = a->err;
        return rc;
    }
    if (done)
        rc = cg_sync_changed(s);
    if (done || s->report->look_only)
        tell(a, CG_SYNC_ADOPTED, "another writer put it into the repository", done);
    return rc;
}

/* Looked at before, and still the same file. */
static bool known_refusal(struct cg_syncing *s, const struct cg_sync_file *file)
{
    char content[160], *key, *why;

    if (s->report->by_hand)
        return false;
    describe(file, content);
    key = cg_asprintf("%s %s", file->name, file->version);
    why = cg_sync_state_refused(s->ns->sync, key, content);
    free(key);
    if (!why)
        return false;
    cg_sync_tell(s, &(struct cg_sync_news){.event = CG_SYNC_REFUSED,
                                           .name = file->name,
                                           .version = file->version,
                                           .publisher = file->publisher,
                                           .detail = why});
    free(why);
    return true;
}

enum cg_err cg_sync_adopt(struct cg_syncing *s, const struct cg_sync_file *file)
{
    struct adoption a = {.s = s, .file = file};
    bool done = false;
    enum cg_err rc;

    if (file->publisher[0] && file->modified > s->started - PUBLISH_S) {
        s->report->waiting++;
        return CG_OK;
    }
    if (known_refusal(s, file))
        return CG_OK;
    cg_admission_init(&a.line, s->ns);
    rc = check_listing(&a);
    if (rc == CG_OK)
        rc = examine(&a);
    if (rc == CG_OK)
        rc = take_in(&a, &done);
    rc = conclude(&a, rc, done);
    cg_admission_free(&a.line);
    cg_sync_theirs_free(&a.theirs);
    cg_package_free(&a.package);
    return rc;
}
