/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "fake_metadata.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"

/* The tables are linked lists, newest first. */
struct token_row {
    struct cg_token *token;
    struct token_row *next;
};

struct subject_row {
    struct cg_subject_row row; /* strings owned */
    struct subject_row *next;
};

/* Quarantine and notes of yanks. */
struct mirror_row {
    char *ns, *crate, *version, *reason, *cksum;
    bool yanked;
    int64_t at;
    struct mirror_row *next;
};

struct owner_row {
    char *ns, *crate;
    struct cg_owner owner;
    struct owner_row *next;
};

struct dep_row {
    struct cg_dependency_row row; /* strings owned */
};

struct version_row {
    struct cg_version_row row; /* strings owned */
    struct dep_row *deps;
    size_t dep_count;
    struct version_row *next;
};

struct crate_row {
    struct cg_crate_summary row; /* strings owned */
    struct version_row *versions;
    struct crate_row *next;
};

struct fake {
    struct cg_metadata base;
    pthread_mutex_t lock; /* everything below but the counters */
    bool unavailable;
    const char *broken;
    struct token_row *tokens;
    int64_t last_token_id;
    struct subject_row *subjects;
    struct mirror_row *quarantine, *notes;
    struct owner_row *owners;
    uint32_t last_owner_id;
    struct cg_map *generations; /* name -> int64_t */
    struct cg_map *settled;     /* namespace -> int64_t */
    struct crate_row *crates;
    struct cg_fake_metadata_counts counts;
};

static struct fake *fake_of(struct cg_metadata *md)
{
    return (struct fake *)md;
}

/* Takes the lock; whatever it returns, leave() must follow. */
static enum cg_err enter(struct fake *f, const char *operation, struct cg_error *err)
{
    atomic_fetch_add(&f->counts.calls, 1);
    pthread_mutex_lock(&f->lock);
    if (f->unavailable || (f->broken && strcmp(f->broken, operation) == 0))
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "The database does not answer (%s).", operation);
    return CG_OK;
}

static enum cg_err leave(struct fake *f, enum cg_err rc)
{
    pthread_mutex_unlock(&f->lock);
    return rc;
}

/* Tokens */

static struct cg_token *copy_token(const struct cg_token *token)
{
    struct cg_token *copy = cg_token_new();

    copy->id = token->id;
    memcpy(copy->digest, token->digest, sizeof(copy->digest));
    copy->kind = token->kind;
    copy->name = cg_strdup(token->name);
    copy->owner_id = cg_strdup(token->owner_id);
    copy->owner_name = cg_strdup(token->owner_name);
    copy->created_at = token->created_at;
    copy->expires_at = token->expires_at;
    atomic_store(&copy->last_used_at, atomic_load(&token->last_used_at));
    copy->actions = token->actions;
    copy->crates = cg_strlist_copy(token->crates);
    copy->namespaces = cg_strlist_copy(token->namespaces);
    copy->grants = cg_strlist_copy(token->grants);
    copy->group = token->group ? cg_strdup(token->group) : NULL;
    return copy;
}

static enum cg_err insert_token(struct fake *f, const struct cg_token *token, int64_t *id_out, struct cg_error *err)
{
    struct token_row *row = f->tokens;

    while (row && memcmp(row->token->digest, token->digest, sizeof(token->digest)) != 0)
        row = row->next;
    if (row)
        return cg_error_set(err, CG_ERR_CONFLICT, "There is such a token.");
    row = cg_calloc(1, sizeof(*row));
    row->token = copy_token(token);
    row->token->id = ++f->last_token_id;
    row->next = f->tokens;
    f->tokens = row;
    *id_out = row->token->id;
    return CG_OK;
}

static enum cg_err fake_token_insert(struct cg_metadata *md, const struct cg_token *token, int64_t *id_out,
                                     struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "token_insert", err);

    if (rc == CG_OK)
        rc = insert_token(f, token, id_out, err);
    return leave(f, rc);
}

static struct token_row **token_at(struct fake *f, int64_t id)
{
    struct token_row **at = &f->tokens;

    while (*at && (*at)->token->id != id)
        at = &(*at)->next;
    return at;
}

static void drop_token(struct token_row **at)
{
    struct token_row *row = *at;

    *at = row->next;
    cg_token_unref(&row->token);
    free(row);
}

static enum cg_err fake_token_delete(struct cg_metadata *md, int64_t id, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "token_delete", err);
    struct token_row **at = token_at(f, id);

    if (rc == CG_OK && *at)
        drop_token(at);
    else if (rc == CG_OK)
        rc = cg_error_set(err, CG_ERR_ABSENT, "There is no token %lld.", (long long)id);
    return leave(f, rc);
}

/* Visits copies, as a database would give them. */
static enum cg_err fake_token_each(struct cg_metadata *md, cg_token_visit visit, void *cls, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "token_each", err);

    atomic_fetch_add(&f->counts.token_each, 1);
    for (struct token_row *row = f->tokens; rc == CG_OK && row; row = row->next) {
        struct cg_token *copy = copy_token(row->token);

        rc = visit(cls, copy);
        cg_token_unref(&copy);
    }
    return leave(f, rc);
}

static enum cg_err fake_token_touch(struct cg_metadata *md, const int64_t *ids, const int64_t *times, size_t count,
                                    struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "token_touch", err);

    atomic_fetch_add(&f->counts.token_touch, 1);
    for (size_t i = 0; rc == CG_OK && i < count; i++) {
        struct token_row *row = *token_at(f, ids[i]);

        if (row)
            atomic_store(&row->token->last_used_at, times[i]);
    }
    return leave(f, rc);
}

/* Verdicts */

static struct subject_row **subject_at(struct fake *f, const char *id)
{
    struct subject_row **at = &f->subjects;

    while (*at && strcmp((*at)->row.id, id) != 0)
        at = &(*at)->next;
    return at;
}

static void drop_subject(struct subject_row **at)
{
    struct subject_row *row = *at;

    *at = row->next;
    free((char *)(uintptr_t)row->row.id);
    free((char *)(uintptr_t)row->row.identity);
    free(row);
}

static void put_subject(struct fake *f, const struct cg_subject_row *row)
{
    struct subject_row **at = subject_at(f, row->id), *fresh = cg_calloc(1, sizeof(*fresh));

    fresh->row = *row;
    fresh->row.id = cg_strdup(row->id);
    fresh->row.identity = cg_strdup(row->identity);
    if (*at)
        drop_subject(at);
    fresh->next = f->subjects;
    f->subjects = fresh;
}

static enum cg_err fake_subject_put(struct cg_metadata *md, const struct cg_subject_row *rows, size_t count,
                                    struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "subject_put", err);

    atomic_fetch_add(&f->counts.subject_put, 1);
    for (size_t i = 0; rc == CG_OK && i < count; i++)
        put_subject(f, &rows[i]);
    return leave(f, rc);
}

static enum cg_err fake_subject_each(struct cg_metadata *md, cg_subject_visit visit, void *cls, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "subject_each", err);

    for (struct subject_row *row = f->subjects; rc == CG_OK && row; row = row->next)
        rc = visit(cls, &row->row);
    return leave(f, rc);
}

static enum cg_err fake_subject_delete(struct cg_metadata *md, const char *const *ids, size_t count,
                                       struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "subject_delete", err);

    for (size_t i = 0; rc == CG_OK && i < count; i++) {
        struct subject_row **at = subject_at(f, ids[i]);

        if (*at)
            drop_subject(at);
    }
    return leave(f, rc);
}

/* Stores with other writers */

static struct mirror_row **mirror_at(struct mirror_row **at, const char *ns, const char *crate, const char *version)
{
    while (*at && (strcmp((*at)->ns, ns) != 0 || strcmp((*at)->crate, crate) != 0 ||
                   strcmp((*at)->version, version) != 0))
        at = &(*at)->next;
    return at;
}

static void drop_mirror(struct mirror_row **at)
{
    struct mirror_row *row = *at;

    if (!row)
        return;
    *at = row->next;
    free(row->ns);
    free(row->crate);
    free(row->version);
    free(row->reason);
    free(row->cksum);
    free(row);
}

static void bump(struct fake *f, const char *what)
{
    int64_t *value = cg_map_get(f->generations, what), *fresh = cg_calloc(1, sizeof(*fresh));

    *fresh = (value ? *value : 0) + 1;
    cg_map_put(f->generations, what, fresh);
}

static struct mirror_row *put_mirror(struct mirror_row **list, const char *ns, const char *crate, const char *version)
{
    struct mirror_row *fresh = cg_calloc(1, sizeof(*fresh));

    drop_mirror(mirror_at(list, ns, crate, version));
    *fresh = (struct mirror_row){
        .ns = cg_strdup(ns), .crate = cg_strdup(crate), .version = cg_strdup(version), .next = *list};
    *list = fresh;
    return fresh;
}

static enum cg_err fake_quarantine_put(struct cg_metadata *md, const char *ns, const struct cg_quarantine_row *row,
                                       struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "quarantine_put", err);

    if (rc == CG_OK) {
        struct mirror_row *fresh = put_mirror(&f->quarantine, ns, row->crate, row->version);

        fresh->reason = cg_strdup(row->reason);
        fresh->cksum = cg_strdup(row->cksum);
        fresh->at = row->since;
        bump(f, "quarantine");
    }
    return leave(f, rc);
}

static enum cg_err fake_quarantine_remove(struct cg_metadata *md, const char *ns, const char *crate,
                                          const char *version, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "quarantine_remove", err);

    if (rc == CG_OK) {
        drop_mirror(mirror_at(&f->quarantine, ns, crate, version));
        bump(f, "quarantine");
    }
    return leave(f, rc);
}

static enum cg_err fake_quarantine_each(struct cg_metadata *md, const char *ns, cg_quarantine_visit visit, void *cls,
                                        struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "quarantine_each", err);

    for (struct mirror_row *row = f->quarantine; rc == CG_OK && row; row = row->next)
        if (strcmp(row->ns, ns) == 0)
            rc = visit(cls, &(struct cg_quarantine_row){.crate = row->crate,
                                                        .version = row->version,
                                                        .reason = row->reason,
                                                        .cksum = row->cksum,
                                                        .since = row->at});
    return leave(f, rc);
}

static enum cg_err fake_yank_note_put(struct cg_metadata *md, const char *ns, const struct cg_yank_note *note,
                                      struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "yank_note_put", err);

    if (rc == CG_OK) {
        struct mirror_row *fresh = put_mirror(&f->notes, ns, note->crate, note->version);

        fresh->yanked = note->yanked;
        fresh->at = note->noted_at;
    }
    return leave(f, rc);
}

static enum cg_err fake_yank_note_each(struct cg_metadata *md, const char *ns, cg_yank_note_visit visit, void *cls,
                                       struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "yank_note_each", err);

    for (struct mirror_row *row = f->notes; rc == CG_OK && row; row = row->next)
        if (strcmp(row->ns, ns) == 0)
            rc = visit(cls, &(struct cg_yank_note){.crate = row->crate,
                                                   .version = row->version,
                                                   .yanked = row->yanked,
                                                   .noted_at = row->at});
    return leave(f, rc);
}

/* Generations */

static enum cg_err fake_generation(struct cg_metadata *md, const char *what, int64_t *value_out, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "generation", err);
    const int64_t *value = cg_map_get(f->generations, what);

    if (rc == CG_OK)
        *value_out = value ? *value : 0;
    return leave(f, rc);
}

static enum cg_err fake_settled(struct cg_metadata *md, const char *ns, int64_t *at_out, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "settled", err);
    const int64_t *at = cg_map_get(f->settled, ns);

    if (rc == CG_OK)
        *at_out = at ? *at : 0;
    return leave(f, rc);
}

static enum cg_err fake_settled_set(struct cg_metadata *md, const char *ns, int64_t at, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "settled_set", err);
    int64_t *copy;

    if (rc != CG_OK)
        return leave(f, rc);
    copy = cg_malloc(sizeof(*copy));
    *copy = at;
    cg_map_put(f->settled, ns, copy);
    return leave(f, CG_OK);
}

static enum cg_err fake_generation_bump(struct cg_metadata *md, const char *what, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "generation_bump", err);
    int64_t *value = cg_map_get(f->generations, what);

    if (rc == CG_OK && !value) {
        value = cg_calloc(1, sizeof(*value));
        cg_map_put(f->generations, what, value);
    }
    if (rc == CG_OK)
        ++*value;
    return leave(f, rc);
}

/* Owners */

static struct owner_row **owner_at(struct fake *f, const char *ns, const char *crate, const char *login)
{
    struct owner_row **at = &f->owners;

    while (*at && (strcmp((*at)->ns, ns) != 0 || strcmp((*at)->crate, crate) != 0 ||
                   (login && strcmp((*at)->owner.login, login) != 0)))
        at = &(*at)->next;
    return at;
}

static enum cg_err fake_owner_add(struct cg_metadata *md, const char *ns, const char *crate,
                                  const struct cg_owner *owner, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "owner_add", err);

    if (rc == CG_OK && !*owner_at(f, ns, crate, owner->login)) {
        struct owner_row *row = cg_calloc(1, sizeof(*row));

        row->ns = cg_strdup(ns);
        row->crate = cg_strdup(crate);
        row->owner = (struct cg_owner){.id = ++f->last_owner_id,
                                       .kind = owner->kind,
                                       .login = cg_strdup(owner->login),
                                       .subject = cg_strdup(owner->subject)};
        row->next = f->owners;
        f->owners = row;
    }
    return leave(f, rc);
}

static void drop_owner(struct owner_row **at)
{
    struct owner_row *row = *at;

    *at = row->next;
    free(row->ns);
    free(row->crate);
    free(row->owner.login);
    free(row->owner.subject);
    free(row);
}

static enum cg_err fake_owner_remove(struct cg_metadata *md, const char *ns, const char *crate, const char *login,
                                     struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "owner_remove", err);
    struct owner_row **at = owner_at(f, ns, crate, login);

    if (rc == CG_OK && *at)
        drop_owner(at);
    else if (rc == CG_OK)
        rc = cg_error_set(err, CG_ERR_ABSENT, "%s does not own %s.", login, crate);
    return leave(f, rc);
}

/* Is it the first row of its namespace and subject? */
static bool first_of_subject(const struct fake *f, const struct owner_row *row)
{
    const struct owner_row *other = f->owners;

    while (other != row && (strcmp(other->ns, row->ns) != 0 || other->owner.kind != row->owner.kind ||
                            strcmp(other->owner.subject, row->owner.subject) != 0))
        other = other->next;
    return other == row;
}

static enum cg_err fake_owner_each(struct cg_metadata *md, const char *ns, const char *crate, cg_owner_visit visit,
                                   void *cls, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "owner_each", err);

    for (struct owner_row *row = f->owners; rc == CG_OK && row; row = row->next)
        if (strcmp(row->ns, ns) == 0 && (crate ? strcmp(row->crate, crate) == 0 : first_of_subject(f, row)))
            rc = visit(cls, &row->owner);
    return leave(f, rc);
}

/* What derives from crates. Strings are copied through one list of members each. */

static void own(const char **member)
{
    *member = cg_strdup(*member);
}

static void disown(const char *member)
{
    free((char *)(uintptr_t)member);
}

static void own_summary(struct cg_crate_summary *s)
{
    const char **members[] = {&s->namespace_name,     &s->crate,         &s->name,      &s->max_version,
                              &s->max_stable_version, &s->description,   &s->keywords,  &s->categories,
                              &s->homepage,           &s->documentation, &s->repository};

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        own(members[i]);
}

static void disown_summary(const struct cg_crate_summary *s)
{
    const char *members[] = {s->namespace_name,     s->crate,         s->name,      s->max_version,
                             s->max_stable_version, s->description,   s->keywords,  s->categories,
                             s->homepage,           s->documentation, s->repository};

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        disown(members[i]);
}

static void own_dependency(struct cg_dependency_row *d)
{
    const char **members[] = {&d->crate, &d->registry, &d->req, &d->kind, &d->target, &d->features};

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        own(members[i]);
}

static void disown_dependency(const struct cg_dependency_row *d)
{
    const char *members[] = {d->crate, d->registry, d->req, d->kind, d->target, d->features};

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        disown(members[i]);
}

static void free_version(struct version_row *v)
{
    for (size_t i = 0; i < v->dep_count; i++)
        disown_dependency(&v->deps[i].row);
    free(v->deps);
    disown(v->row.version);
    disown(v->row.license);
    disown(v->row.readme_path);
    disown(v->row.published_by);
    free(v);
}

static void free_crate(struct crate_row *c)
{
    while (c->versions) {
        struct version_row *v = c->versions;

        c->versions = v->next;
        free_version(v);
    }
    disown_summary(&c->row);
    free(c);
}

static struct crate_row **crate_at(struct fake *f, const char *ns, const char *crate)
{
    struct crate_row **at = &f->crates;

    while (*at && (strcmp((*at)->row.namespace_name, ns) != 0 || strcmp((*at)->row.crate, crate) != 0))
        at = &(*at)->next;
    return at;
}

static struct crate_row *need_crate(struct fake *f, const char *ns, const char *crate)
{
    struct crate_row **at = crate_at(f, ns, crate);

    if (!*at) {
        *at = cg_calloc(1, sizeof(**at));
        (*at)->row = (struct cg_crate_summary){.namespace_name = ns, .crate = crate, .name = crate};
        own_summary(&(*at)->row);
    }
    return *at;
}

static struct version_row **version_at(struct crate_row *c, const char *version)
{
    struct version_row **at = &c->versions;

    while (*at && strcmp((*at)->row.version, version) != 0)
        at = &(*at)->next;
    return at;
}

static enum cg_err fake_downloads_add(struct cg_metadata *md, const struct cg_download_count *counts, size_t count,
                                      struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "downloads_add", err);

    for (size_t i = 0; rc == CG_OK && i < count; i++) {
        struct crate_row *c = need_crate(f, counts[i].namespace_name, counts[i].crate);
        struct version_row *v = *version_at(c, counts[i].version);

        c->row.downloads += (int64_t)counts[i].count;
        if (v)
            v->row.downloads += (int64_t)counts[i].count;
    }
    return leave(f, rc);
}

static void keep_crate(struct fake *f, const struct cg_crate_summary *summary)
{
    struct crate_row *c = need_crate(f, summary->namespace_name, summary->crate);
    struct cg_crate_summary old = c->row;

    c->row = *summary;
    c->row.downloads = old.downloads;
    own_summary(&c->row);
    disown_summary(&old);
}

static enum cg_err fake_crate_put(struct cg_metadata *md, const struct cg_crate_summary *summary, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "crate_put", err);

    if (rc == CG_OK)
        keep_crate(f, summary);
    return leave(f, rc);
}

static struct version_row *version_new(const struct cg_version_row *row, const struct cg_dependency_row *deps,
                                       size_t dep_count)
{
    struct version_row *v = cg_calloc(1, sizeof(*v));

    v->row = *row;
    own(&v->row.version);
    own(&v->row.license);
    own(&v->row.readme_path);
    own(&v->row.published_by);
    v->dep_count = dep_count;
    v->deps = cg_calloc(dep_count + 1, sizeof(*v->deps));
    for (size_t i = 0; i < dep_count; i++) {
        v->deps[i].row = deps[i];
        own_dependency(&v->deps[i].row);
    }
    return v;
}

static void keep_version(struct crate_row *crate, const struct cg_version_row *row,
                         const struct cg_dependency_row *deps, size_t dep_count)
{
    struct version_row **at = version_at(crate, row->version), *old = *at;
    struct version_row *v = version_new(row, deps, dep_count);

    v->row.downloads = old ? old->row.downloads : 0;
    v->next = old ? old->next : NULL;
    *at = v;
    if (old)
        free_version(old);
}

static enum cg_err fake_version_put(struct cg_metadata *md, const char *ns, const char *crate,
                                    const struct cg_version_row *row, const struct cg_dependency_row *deps,
                                    size_t dep_count, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "version_put", err);

    if (rc == CG_OK)
        keep_version(need_crate(f, ns, crate), row, deps, dep_count);
    return leave(f, rc);
}

static enum cg_err fake_release_put(struct cg_metadata *md, const struct cg_release *release, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "release_put", err);

    if (rc == CG_OK) {
        keep_crate(f, release->crate);
        keep_version(need_crate(f, release->crate->namespace_name, release->crate->crate), release->version,
                     release->deps, release->dep_count);
    }
    return leave(f, rc);
}

static enum cg_err fake_crate_get(struct cg_metadata *md, const char *ns, const char *crate, cg_summary_visit visit,
                                  void *cls, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "crate_get", err);
    const struct crate_row *c = *crate_at(f, ns, crate);

    if (rc == CG_OK)
        rc = c ? visit(cls, &c->row) : cg_error_set(err, CG_ERR_ABSENT, "There is no crate %s.", crate);
    return leave(f, rc);
}

static enum cg_err fake_version_each(struct cg_metadata *md, const char *ns, const char *crate, cg_version_visit visit,
                                     void *cls, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "version_each", err);
    struct crate_row *c = *crate_at(f, ns, crate);

    for (struct version_row *v = c ? c->versions : NULL; rc == CG_OK && v; v = v->next)
        rc = visit(cls, &v->row);
    return leave(f, rc);
}

static void drop_crate(struct crate_row **at)
{
    struct crate_row *c = *at;

    *at = c->next;
    free_crate(c);
}

static enum cg_err fake_crate_remove(struct cg_metadata *md, const char *ns, const char *crate, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "crate_remove", err);
    struct crate_row **at = crate_at(f, ns, crate);

    if (rc == CG_OK && *at)
        drop_crate(at);
    return leave(f, rc);
}

static enum cg_err fake_derived_clear(struct cg_metadata *md, const char *ns, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "derived_clear", err);

    for (struct crate_row **at = &f->crates; rc == CG_OK && *at;) {
        if (strcmp((*at)->row.namespace_name, ns) == 0)
            drop_crate(at);
        else
            at = &(*at)->next;
    }
    return leave(f, rc);
}

static bool matches(const struct crate_row *c, const struct cg_search *search)
{
    return strcmp(c->row.namespace_name, search->namespace_name) == 0 &&
           (strstr(c->row.name, search->query) || strstr(c->row.description, search->query));
}

/* Is the n-th match (from 0) on the page? */
static bool on_page(uint64_t n, unsigned per_page, unsigned page)
{
    return n >= (uint64_t)per_page * (page - 1) && n < (uint64_t)per_page * page;
}

static enum cg_err fake_search(struct cg_metadata *md, const struct cg_search *search, cg_summary_visit visit,
                               void *cls, uint64_t *total_out, struct cg_error *err)
{
    struct fake *f = fake_of(md);
    enum cg_err rc = enter(f, "search", err);
    uint64_t total = 0;

    for (struct crate_row *c = f->crates; rc == CG_OK && c; c = c->next)
        if (matches(c, search) && on_page(total++, search->per_page, search->page))
            rc = visit(cls, &c->row);
    if (rc == CG_OK)
        *total_out = total;
    return leave(f, rc);
}

/* One page of what depends on a crate. */
struct reverse {
    const char *crate;
    unsigned per_page, page;
    cg_reverse_visit visit;
    void *cls;
    uint64_t total;
};

static enum cg_err reverse_version(struct reverse *r, const struct crate_row *c, const struct version_row *v)
{
    enum cg_err rc = CG_OK;

    for (size_t i = 0; rc == CG_OK && i < v->dep_count; i++) {
        struct cg_reverse_row row = {.name = c->row.name,
                                     .version = v->row.version,
                                     .dependency = v->deps[i].row,
                                     .downloads = v->row.downloads};

        if (strcmp(row.dependency.crate, r->crate) == 0 && *row.dependency.registry == '\0' &&
            on_page(r->total++, r->per_page, r->page))
            rc = r->visit(r->cls, &row);
    }
    return rc;
}

static enum cg_err fake_reverse(struct cg_metadata *md, const char *ns, const char *crate, unsigned per_page,
                                unsigned page, cg_reverse_visit visit, void *cls, uint64_t *total_out,
                                struct cg_error *err)
{
    struct fake *f = fake_of(md);
    struct reverse r = {.crate = crate, .per_page = per_page, .page = page, .visit = visit, .cls = cls};
    enum cg_err rc = enter(f, "reverse", err);

    for (struct crate_row *c = f->crates; rc == CG_OK && c; c = c->next)
        for (struct version_row *v = strcmp(c->row.namespace_name, ns) == 0 ? c->versions : NULL; rc == CG_OK && v;
             v = v->next)
            rc = reverse_version(&r, c, v);
    if (rc == CG_OK)
        *total_out = r.total;
    return leave(f, rc);
}

static enum cg_err fake_ping(struct cg_metadata *md, struct cg_error *err)
{
    struct fake *f = fake_of(md);

    return leave(f, enter(f, "ping", err));
}

static enum cg_err fake_check(struct cg_metadata *md, struct cg_error *err)
{
    struct fake *f = fake_of(md);

    return leave(f, enter(f, "check", err));
}

static void fake_free(struct cg_metadata *md)
{
    struct fake *f = fake_of(md);

    while (f->tokens)
        drop_token(&f->tokens);
    while (f->subjects)
        drop_subject(&f->subjects);
    while (f->quarantine)
        drop_mirror(&f->quarantine);
    while (f->notes)
        drop_mirror(&f->notes);
    while (f->owners)
        drop_owner(&f->owners);
    while (f->crates)
        drop_crate(&f->crates);
    cg_map_free(&f->generations);
    cg_map_free(&f->settled);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static const struct cg_metadata_ops OPS = {
    .name = "fake",
    .token_insert = fake_token_insert,
    .token_delete = fake_token_delete,
    .token_each = fake_token_each,
    .token_touch = fake_token_touch,
    .subject_put = fake_subject_put,
    .subject_each = fake_subject_each,
    .subject_delete = fake_subject_delete,
    .generation = fake_generation,
    .generation_bump = fake_generation_bump,
    .settled = fake_settled,
    .settled_set = fake_settled_set,
    .owner_add = fake_owner_add,
    .owner_remove = fake_owner_remove,
    .owner_each = fake_owner_each,
    .quarantine_put = fake_quarantine_put,
    .quarantine_remove = fake_quarantine_remove,
    .quarantine_each = fake_quarantine_each,
    .yank_note_put = fake_yank_note_put,
    .yank_note_each = fake_yank_note_each,
    .downloads_add = fake_downloads_add,
    .crate_put = fake_crate_put,
    .version_put = fake_version_put,
    .release_put = fake_release_put,
    .crate_get = fake_crate_get,
    .version_each = fake_version_each,
    .crate_remove = fake_crate_remove,
    .derived_clear = fake_derived_clear,
    .search = fake_search,
    .reverse = fake_reverse,
    .ping = fake_ping,
    .check = fake_check,
    .free = fake_free,
};

struct cg_metadata *cg_fake_metadata_new(void)
{
    struct fake *f = cg_calloc(1, sizeof(*f));

    f->base.ops = &OPS;
    f->generations = cg_map_new(free);
    f->settled = cg_map_new(free);
    pthread_mutex_init(&f->lock, NULL);
    return &f->base;
}

void cg_fake_metadata_set_unavailable(struct cg_metadata *md, bool unavailable)
{
    struct fake *f = fake_of(md);

    pthread_mutex_lock(&f->lock);
    f->unavailable = unavailable;
    pthread_mutex_unlock(&f->lock);
}

void cg_fake_metadata_set_broken(struct cg_metadata *md, const char *operation)
{
    struct fake *f = fake_of(md);

    pthread_mutex_lock(&f->lock);
    f->broken = operation;
    pthread_mutex_unlock(&f->lock);
}

struct cg_fake_metadata_counts *cg_fake_metadata_counts(struct cg_metadata *md)
{
    return &fake_of(md)->counts;
}
