/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "fake_storage.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/feed.h"
#include "base/map.h"
#include "base/mem.h"
#include "crategate/clock.h"

#define BYTES_MAX (128u * 1024 * 1024)

/* A file of either kind. */
struct file {
    char name[256], version[256];
    char *bytes;
    size_t len;
    int64_t mtime;
    char publisher[64];
    int yanked; /* as in storage.h */
    bool here;  /* of a shared one: kept on this side */
};

struct cg_crate_upload {
    struct cg_buf bytes;
};

struct fake {
    struct cg_storage base;
    pthread_mutex_t guard; /* of all below but the lock */
    struct cg_map *index;  /* index name -> struct file */
    struct cg_map *crates; /* "NAME VERSION" -> struct file */
    struct cg_map *lines;  /* index name -> text: the other side's index */
    unsigned lines_asked;
    char *config;
    unsigned ops, fail_at, uploads;
    const char *broken, *hooked;
    bool torn, no_cksums;
    unsigned scan_ends_at; /* 0: it does not */
    const char *hidden_name, *hidden_version;
    void (*hook)(void *cls);
    void *hook_cls;
    pthread_mutex_t lock; /* the one of storage.h */
    bool locked;
};

/* Whose lock this thread has. */
static _Thread_local const struct cg_storage *held;

static struct fake *fake(struct cg_storage *st)
{
    return (struct fake *)st;
}

static void free_file(void *value)
{
    free(((struct file *)value)->bytes);
    free(value);
}

static enum cg_err unavailable(struct cg_error *err, const char *operation)
{
    return cg_error_hide(err, CG_ERR_UNAVAILABLE, "the crate store does not work at the moment", "fake: %s is broken",
                         operation);
}

/* What every operation begins with. With OK the guard is held. */
static enum cg_err enter(struct fake *f, const char *operation, struct cg_error *err)
{
    void (*hook)(void *cls) = NULL;
    bool fails;

    pthread_mutex_lock(&f->guard);
    if (f->hooked && strcmp(f->hooked, operation) == 0)
        hook = f->hook;
    pthread_mutex_unlock(&f->guard);
    if (hook)
        hook(f->hook_cls);
    pthread_mutex_lock(&f->guard);
    f->ops++;
    fails = (f->fail_at && --f->fail_at == 0) || (f->broken && strcmp(f->broken, operation) == 0);
    if (!fails)
        return CG_OK;
    pthread_mutex_unlock(&f->guard);
    return unavailable(err, operation);
}

static enum cg_err leave(struct fake *f, enum cg_err rc)
{
    pthread_mutex_unlock(&f->guard);
    return rc;
}

static void put_file(struct cg_map *map, const char *name, const char *version, const char *bytes, size_t len)
{
    struct file *file = cg_calloc(1, sizeof(*file));
    char key[600];

    snprintf(file->name, sizeof(file->name), "%s", name);
    snprintf(file->version, sizeof(file->version), "%s", version);
    file->bytes = cg_malloc(len + 1);
    memcpy(file->bytes, bytes, len);
    file->len = len;
    file->mtime = cg_clock_wall_s();
    file->yanked = -1;
    snprintf(key, sizeof(key), "%s%s%s", name, *version ? " " : "", version);
    cg_map_put(map, key, file);
}

static struct file *get_crate(struct fake *f, const char *name, const char *version)
{
    char key[600];

    snprintf(key, sizeof(key), "%s %s", name, version);
    return cg_map_get(f->crates, key);
}

static enum cg_err absent(struct cg_error *err, const char *name)
{
    return cg_error_set(err, CG_ERR_ABSENT, "%s is not in the crate store", name);
}

static enum cg_err index_read(struct cg_storage *st, const char *index_name, struct cg_buf *out, int64_t *mtime_out,
                              struct cg_error *err)
{
    struct fake *f = fake(st);
    struct file *file;
    enum cg_err rc = enter(f, "index_read", err);

    if (rc != CG_OK)
        return rc;
    file = cg_map_get(f->index, index_name);
    if (!file)
        return leave(f, absent(err, index_name));
    cg_buf_add(out, file->bytes, file->len);
    if (mtime_out)
        *mtime_out = file->mtime;
    return leave(f, cg_buf_failed(out) ? unavailable(err, "index_read") : CG_OK);
}

static enum cg_err index_write(struct cg_storage *st, const char *index_name, const char *bytes, size_t len,
                               struct cg_error *err)
{
    struct fake *f = fake(st);
    enum cg_err rc = enter(f, "index_write", err);

    if (rc != CG_OK)
        pthread_mutex_lock(&f->guard);
    if (rc == CG_OK || f->torn)
        put_file(f->index, index_name, "", bytes, len);
    return leave(f, rc);
}

static enum cg_err index_remove(struct cg_storage *st, const char *index_name, struct cg_error *err)
{
    struct fake *f = fake(st);
    enum cg_err rc = enter(f, "index_remove", err);

    if (rc != CG_OK)
        return rc;
    return leave(f, cg_map_remove(f->index, index_name) ? CG_OK : absent(err, index_name));
}

/* Copies for a walk, so that it runs without the guard. */
struct walk {
    struct file *files;
    size_t count;
};

static bool copy_file(void *cls, const void *key, size_t len, void *value)
{
    struct walk *w = cls;

    (void)key, (void)len;
    w->files = cg_reallocarray(w->files, w->count + 1, sizeof(*w->files));
    w->files[w->count++] = *(struct file *)value;
    return false;
}

static int by_name(const void *a, const void *b)
{
    const struct file *left = a, *right = b;
    int order = strcmp(left->name, right->name);

    return order ? order : strcmp(left->version, right->version);
}

static enum cg_err copy_files(struct fake *f, struct cg_map *map, const char *operation, struct walk *out,
                              struct cg_error *err)
{
    enum cg_err rc = enter(f, operation, err);

    if (rc != CG_OK)
        return rc;
    cg_map_each(map, copy_file, out);
    if (out->count)
        qsort(out->files, out->count, sizeof(*out->files), by_name);
    return leave(f, CG_OK);
}

static enum cg_err index_each(struct cg_storage *st, cg_index_visit visit, void *cls, struct cg_error *err)
{
    struct walk w = {0};
    enum cg_err rc = copy_files(fake(st), fake(st)->index, "index_each", &w, err);

    for (size_t i = 0; rc == CG_OK && i < w.count; i++)
        rc = visit(cls, w.files[i].name);
    free(w.files);
    return rc;
}

static enum cg_err config_write(struct cg_storage *st, const char *bytes, size_t len, struct cg_error *err)
{
    struct fake *f = fake(st);
    enum cg_err rc = enter(f, "config_write", err);

    if (rc != CG_OK)
        return rc;
    free(f->config);
    f->config = cg_strndup(bytes, len);
    return leave(f, CG_OK);
}

static enum cg_err crate_begin(struct cg_storage *st, struct cg_crate_upload **up_out, struct cg_error *err)
{
    struct fake *f = fake(st);
    enum cg_err rc = enter(f, "crate_begin", err);

    if (rc != CG_OK)
        return rc;
    *up_out = cg_calloc(1, sizeof(**up_out));
    cg_buf_init(&(*up_out)->bytes, BYTES_MAX);
    f->uploads++;
    return leave(f, CG_OK);
}

static enum cg_err crate_write(struct cg_storage *st, struct cg_crate_upload *up, const void *bytes, size_t len,
                               struct cg_error *err)
{
    enum cg_err rc = enter(fake(st), "crate_write", err);

    if (rc != CG_OK)
        return rc;
    cg_buf_add(&up->bytes, bytes, len);
    return leave(fake(st), CG_OK);
}

static void free_upload(struct fake *f, struct cg_crate_upload **up)
{
    cg_buf_free(&(*up)->bytes);
    free(*up);
    *up = NULL;
    f->uploads--;
}

static enum cg_err crate_commit(struct cg_storage *st, struct cg_crate_upload **up, const char *name,
                                const char *version, bool replace, struct cg_error *err)
{
    struct fake *f = fake(st);
    enum cg_err rc = enter(f, "crate_commit", err);

    if (rc != CG_OK)
        pthread_mutex_lock(&f->guard);
    else if (!replace && get_crate(f, name, version))
        rc = cg_error_set(err, CG_ERR_CONFLICT, "%s is in the crate store already", name);
    else
        put_file(f->crates, name, version, cg_buf_str(&(*up)->bytes), (*up)->bytes.len);
    if (rc == CG_OK)
        get_crate(f, name, version)->here = true;
    free_upload(f, up);
    return leave(f, rc);
}

static void crate_abort(struct cg_storage *st, struct cg_crate_upload **up)
{
    if (!*up)
        return;
    pthread_mutex_lock(&fake(st)->guard);
    free_upload(fake(st), up);
    pthread_mutex_unlock(&fake(st)->guard);
}

static int file_descriptor(const struct file *file)
{
    int fd = memfd_create("crate", MFD_CLOEXEC);

    CG_ASSERT(fd >= 0 && write(fd, file->bytes, file->len) == (ssize_t)file->len && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

/* What a shared one asks the other side for must not be asked for under the lock (architecture.md). */
static void ask_other_side(struct cg_storage *st)
{
    CG_ASSERT(!st->ops->crate_scan || held != st);
}

static enum cg_err crate_open(struct cg_storage *st, const char *name, const char *version,
                              struct cg_crate_file *file_out, struct cg_error *err)
{
    struct fake *f = fake(st);
    struct file *file;

    ask_other_side(st);
    enum cg_err rc = enter(f, "crate_open", err);

    if (rc != CG_OK)
        return rc;
    file = get_crate(f, name, version);
    if (!file)
        return leave(f, absent(err, name));
    file->here = true;
    *file_out = (struct cg_crate_file){.fd = file_descriptor(file), .size = file->len, .mtime = file->mtime};
    return leave(f, CG_OK);
}

static enum cg_err crate_remove(struct cg_storage *st, const char *name, const char *version, struct cg_error *err)
{
    struct fake *f = fake(st);
    char key[600];
    enum cg_err rc = enter(f, "crate_remove", err);

    ask_other_side(st);
    if (rc != CG_OK)
        return rc;
    snprintf(key, sizeof(key), "%s %s", name, version);
    return leave(f, cg_map_remove(f->crates, key) ? CG_OK : absent(err, name));
}

static enum cg_err crate_each(struct cg_storage *st, const char *name, cg_crate_visit visit, void *cls,
                              struct cg_error *err)
{
    struct walk w = {0};
    enum cg_err rc = copy_files(fake(st), fake(st)->crates, "crate_each", &w, err);

    ask_other_side(st);
    for (size_t i = 0; rc == CG_OK && i < w.count; i++)
        if (!name || strcmp(w.files[i].name, name) == 0)
            rc = visit(cls, w.files[i].name, w.files[i].version, w.files[i].len);
    free(w.files);
    return rc;
}

static enum cg_err lock(struct cg_storage *st, struct cg_error *err)
{
    struct fake *f = fake(st);
    enum cg_err rc = enter(f, "lock", err);

    if (rc != CG_OK)
        return rc;
    (void)leave(f, CG_OK);
    pthread_mutex_lock(&f->lock);
    f->locked = true;
    held = st;
    return CG_OK;
}

static void unlock(struct cg_storage *st)
{
    CG_ASSERT(fake(st)->locked);
    fake(st)->locked = false;
    held = NULL;
    pthread_mutex_unlock(&fake(st)->lock);
}

static enum cg_err ping(struct cg_storage *st, struct cg_error *err)
{
    enum cg_err rc = enter(fake(st), "ping", err);

    return rc == CG_OK ? leave(fake(st), CG_OK) : rc;
}

static void fake_free(struct cg_storage *st)
{
    struct fake *f = fake(st);

    CG_ASSERT(f->uploads == 0 && !f->locked);
    cg_map_free(&f->index);
    cg_map_free(&f->crates);
    cg_map_free(&f->lines);
    free(f->config);
    pthread_mutex_destroy(&f->guard);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

/* Other writers */

static enum cg_err show(struct fake *f, const struct file *file, cg_seen_visit visit, void *cls)
{
    unsigned char digest[CG_SHA256_SIZE];
    char hex[CG_SHA256_HEX_SIZE] = "";

    cg_sha256(file->bytes, file->len, digest);
    if (!f->no_cksums)
        cg_hex(digest, sizeof(digest), hex);
    return visit(cls, &(struct cg_crate_seen){.name = file->name,
                                              .version = file->version,
                                              .cksum = hex,
                                              .size = file->len,
                                              .modified = file->mtime,
                                              .publisher = file->publisher,
                                              .yanked = file->yanked});
}

static bool is_hidden(const struct fake *f, const struct file *file)
{
    return f->hidden_name && strcmp(file->name, f->hidden_name) == 0 && strcmp(file->version, f->hidden_version) == 0;
}

static enum cg_err crate_scan(struct cg_storage *st, cg_seen_visit visit, void *cls, struct cg_error *err)
{
    struct fake *f = fake(st);
    struct walk w = {0};
    enum cg_err rc = copy_files(f, f->crates, "crate_scan", &w, err);

    ask_other_side(st);
    for (size_t i = 0; rc == CG_OK && i < w.count; i++)
        rc = f->scan_ends_at && i + 1 == f->scan_ends_at ? unavailable(err, "crate_scan")
             : is_hidden(f, &w.files[i])                 ? CG_OK
                                                         : show(f, &w.files[i], visit, cls);
    free(w.files);
    return rc;
}

static enum cg_err crate_there(struct cg_storage *st, const char *name, const char *version, struct cg_error *err)
{
    struct fake *f = fake(st);
    enum cg_err rc = enter(f, "crate_there", err);

    ask_other_side(st);
    if (rc != CG_OK)
        return rc;
    return leave(f, get_crate(f, name, version) ? CG_OK : absent(err, name));
}

static enum cg_err crate_mark(struct cg_storage *st, const char *name, const char *version, bool yanked,
                              struct cg_error *err)
{
    struct fake *f = fake(st);
    struct file *file;
    enum cg_err rc = enter(f, "crate_mark", err);

    ask_other_side(st);
    if (rc != CG_OK)
        return rc;
    file = get_crate(f, name, version);
    if (!file)
        return leave(f, absent(err, name));
    file->yanked = yanked;
    return leave(f, CG_OK);
}

static enum cg_err crate_lines(struct cg_storage *st, const char *index_name, struct cg_buf *out, struct cg_error *err)
{
    struct fake *f = fake(st);
    const char *text;
    enum cg_err rc = enter(f, "crate_lines", err);

    ask_other_side(st);
    if (rc != CG_OK)
        return rc;
    f->lines_asked++;
    text = cg_map_get(f->lines, index_name);
    if (!text)
        return leave(f, absent(err, index_name));
    cg_buf_addstr(out, text);
    return leave(f, CG_OK);
}

void cg_fake_storage_set_lines(struct cg_storage *st, const char *index_name, const char *text)
{
    struct fake *f = fake(st);

    pthread_mutex_lock(&f->guard);
    if (text)
        cg_map_put(f->lines, index_name, cg_strdup(text));
    else
        cg_map_remove(f->lines, index_name);
    pthread_mutex_unlock(&f->guard);
}

unsigned cg_fake_storage_lines_asked(struct cg_storage *st)
{
    struct fake *f = fake(st);
    unsigned asked;

    pthread_mutex_lock(&f->guard);
    asked = f->lines_asked;
    pthread_mutex_unlock(&f->guard);
    return asked;
}

void cg_fake_storage_forget(struct cg_storage *st, const char *name, const char *version)
{
    struct fake *f = fake(st);

    pthread_mutex_lock(&f->guard);
    get_crate(f, name, version)->here = false;
    pthread_mutex_unlock(&f->guard);
}

static bool is_here(struct cg_storage *st, const char *name, const char *version)
{
    struct fake *f = fake(st);
    struct file *file;
    bool here;

    pthread_mutex_lock(&f->guard);
    file = get_crate(f, name, version);
    here = file && file->here;
    pthread_mutex_unlock(&f->guard);
    return here;
}

/* What is on the other side alone is asked for, and never comes while anybody looks. */
static enum cg_err crate_send(struct cg_storage *st, const char *name, const char *version, const char *cksum,
                              struct cg_crate_file *file_out, struct cg_error *err)
{
    struct fake *f = fake(st);
    struct file *file;
    enum cg_err rc = enter(f, "crate_send", err);

    (void)cksum;
    if (rc != CG_OK)
        return rc;
    file = get_crate(f, name, version);
    if (!file)
        return leave(f, absent(err, name));
    *file_out = (struct cg_crate_file){.fd = -1, .size = file->len, .mtime = file->mtime};
    if (file->here)
        file_out->fd = file_descriptor(file);
    else
        file_out->feed = cg_feed_new(file_descriptor(file));
    return leave(f, CG_OK);
}

static enum cg_err crate_read(struct cg_storage *st, const char *name, const char *version, const char *cksum,
                              struct cg_crate_file *file_out, struct cg_error *err)
{
    struct fake *f = fake(st);
    struct file *file;
    enum cg_err rc;

    (void)cksum;
    if (!is_here(st, name, version))
        ask_other_side(st);
    rc = enter(f, "crate_read", err);
    if (rc != CG_OK)
        return rc;
    file = get_crate(f, name, version);
    if (!file)
        return leave(f, absent(err, name));
    file->here = true;
    *file_out = (struct cg_crate_file){.fd = file_descriptor(file), .size = file->len, .mtime = file->mtime};
    return leave(f, CG_OK);
}

static enum cg_err crate_size(struct cg_storage *st, const char *name, const char *version, const char *cksum,
                              uint64_t *size_out, struct cg_error *err)
{
    struct fake *f = fake(st);
    struct file *file;
    enum cg_err rc = enter(f, "crate_size", err);

    (void)cksum;
    ask_other_side(st);
    if (rc != CG_OK)
        return rc;
    file = get_crate(f, name, version);
    if (file)
        *size_out = file->len;
    return leave(f, file ? CG_OK : absent(err, name));
}

#define OPS                                                                                                            \
    .name = "fake", .index_read = index_read, .index_write = index_write, .index_remove = index_remove,                \
    .index_each = index_each, .config_write = config_write, .crate_begin = crate_begin, .crate_write = crate_write,    \
    .crate_commit = crate_commit, .crate_abort = crate_abort, .crate_open = crate_open, .crate_remove = crate_remove,  \
    .crate_each = crate_each, .lock = lock, .unlock = unlock, .ping = ping, .free = fake_free

static const struct cg_storage_ops fake_ops = {OPS};
static const struct cg_storage_ops shared_ops = {OPS,
                                                 .crate_scan = crate_scan,
                                                 .crate_there = crate_there,
                                                 .crate_mark = crate_mark,
                                                 .crate_lines = crate_lines,
                                                 .crate_send = crate_send,
                                                 .crate_read = crate_read,
                                                 .crate_size = crate_size};

struct cg_storage *cg_fake_storage_new(void)
{
    struct fake *f = cg_calloc(1, sizeof(*f));

    f->base.ops = &fake_ops;
    f->index = cg_map_new(free_file);
    f->crates = cg_map_new(free_file);
    f->lines = cg_map_new(free);
    pthread_mutex_init(&f->guard, NULL);
    pthread_mutex_init(&f->lock, NULL);
    return &f->base;
}

void cg_fake_storage_fail_at(struct cg_storage *st, unsigned n)
{
    pthread_mutex_lock(&fake(st)->guard);
    fake(st)->fail_at = n;
    pthread_mutex_unlock(&fake(st)->guard);
}

void cg_fake_storage_set_broken(struct cg_storage *st, const char *operation)
{
    pthread_mutex_lock(&fake(st)->guard);
    fake(st)->broken = operation;
    pthread_mutex_unlock(&fake(st)->guard);
}

void cg_fake_storage_set_torn(struct cg_storage *st, bool torn)
{
    pthread_mutex_lock(&fake(st)->guard);
    fake(st)->torn = torn;
    pthread_mutex_unlock(&fake(st)->guard);
}

unsigned cg_fake_storage_count(struct cg_storage *st)
{
    pthread_mutex_lock(&fake(st)->guard);
    unsigned ops = fake(st)->ops;
    pthread_mutex_unlock(&fake(st)->guard);
    return ops;
}

void cg_fake_storage_set_hook(struct cg_storage *st, const char *operation, void (*hook)(void *cls), void *cls)
{
    struct fake *f = fake(st);

    pthread_mutex_lock(&f->guard);
    f->hooked = operation;
    f->hook = hook;
    f->hook_cls = cls;
    pthread_mutex_unlock(&f->guard);
}

void cg_fake_storage_damage(struct cg_storage *st, const char *name, const char *version)
{
    struct file *file;

    pthread_mutex_lock(&fake(st)->guard);
    file = get_crate(fake(st), name, version);
    CG_ASSERT(file && file->len);
    file->bytes[0] ^= 1;
    pthread_mutex_unlock(&fake(st)->guard);
}

const char *cg_fake_storage_config(struct cg_storage *st)
{
    return fake(st)->config ? fake(st)->config : "";
}

void cg_fake_storage_share(struct cg_storage *st)
{
    st->ops = &shared_ops;
}

void cg_fake_storage_put(struct cg_storage *st, const struct cg_crate_seen *seen, const void *bytes, size_t len)
{
    struct fake *f = fake(st);
    struct file *file;

    pthread_mutex_lock(&f->guard);
    put_file(f->crates, seen->name, seen->version, bytes, len);
    file = get_crate(f, seen->name, seen->version);
    snprintf(file->publisher, sizeof(file->publisher), "%s", seen->publisher ? seen->publisher : "");
    file->mtime = seen->modified;
    file->yanked = seen->yanked;
    pthread_mutex_unlock(&f->guard);
}

void cg_fake_storage_take(struct cg_storage *st, const char *name, const char *version)
{
    char key[600];

    snprintf(key, sizeof(key), "%s %s", name, version);
    pthread_mutex_lock(&fake(st)->guard);
    CG_ASSERT(cg_map_remove(fake(st)->crates, key));
    pthread_mutex_unlock(&fake(st)->guard);
}

void cg_fake_storage_set_yanked(struct cg_storage *st, const char *name, const char *version, int yanked)
{
    struct file *file;

    pthread_mutex_lock(&fake(st)->guard);
    file = get_crate(fake(st), name, version);
    CG_ASSERT(file);
    file->yanked = yanked;
    pthread_mutex_unlock(&fake(st)->guard);
}

int cg_fake_storage_yanked(struct cg_storage *st, const char *name, const char *version)
{
    const struct file *file;
    int yanked;

    pthread_mutex_lock(&fake(st)->guard);
    file = get_crate(fake(st), name, version);
    CG_ASSERT(file);
    yanked = file->yanked;
    pthread_mutex_unlock(&fake(st)->guard);
    return yanked;
}

void cg_fake_storage_cut_scan(struct cg_storage *st, unsigned n)
{
    fake(st)->scan_ends_at = n;
}

void cg_fake_storage_hide(struct cg_storage *st, const char *name, const char *version)
{
    fake(st)->hidden_name = name;
    fake(st)->hidden_version = version;
}

void cg_fake_storage_hide_cksums(struct cg_storage *st, bool hide)
{
    fake(st)->no_cksums = hide;
}
