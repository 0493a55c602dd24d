/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The map knows what this process has seen; the disk decides. A file that
 * vanished was evicted by another process, one that the map lacks was put there
 * by one. When an entry was last used is its file's access time, so that the
 * order outlives a restart.
 */
#include "storage/artifactory/art_cache.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "log/log.h"
#include "log/metrics.h"
#include "storage/artifactory/art_sum.h"
#include "storage/filesystem/fs_dir.h"

#define SUFFIX ".crate"
#define REL_SIZE (3 + CG_SHA256_HEX_SIZE + sizeof(SUFFIX)) /* "ab/abcd....crate" */
#define TEMP ".tmp-"
#define TOUCH_AFTER_S 60

struct entry {
    char sha256[CG_SHA256_HEX_SIZE];
    uint64_t size;
    bool summed; /* by this process */
    struct entry *newer, *older;
};

struct cg_art_cache {
    char *dir;
    int dir_fd;
    pthread_mutex_t lock; /* all below */
    struct cg_map *entries;
    struct entry *newest, *oldest;
    uint64_t bytes, max_bytes;
};

static void rel_path(const char *sha256, char out[REL_SIZE])
{
    snprintf(out, REL_SIZE, "%.2s/%s" SUFFIX, sha256, sha256);
}

/* The list. Under the lock. */

static void unlink_entry(struct cg_art_cache *cache, struct entry *entry)
{
    *(entry->newer ? &entry->newer->older : &cache->newest) = entry->older;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry->newer;
}

static void link_newest(struct cg_art_cache *cache, struct entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    *(entry->older ? &entry->older->newer : &cache->oldest) = entry;
    cache->newest = entry;
}

static void count_bytes(struct cg_art_cache *cache, uint64_t added, uint64_t gone)
{
    cache->bytes += added - gone;
    cg_metric_add(CG_METRIC_ARTIFACTORY_CACHE_BYTES, (int64_t)(added - gone));
}

/* Only forgets it. */
static void forget(struct cg_art_cache *cache, struct entry *entry)
{
    unlink_entry(cache, entry);
    count_bytes(cache, 0, entry->size);
    cg_map_remove(cache->entries, entry->sha256); /* frees it */
}

static void remove_file(struct cg_art_cache *cache, const char *sha256)
{
    char rel[REL_SIZE];

    rel_path(sha256, rel);
    if (unlinkat(cache->dir_fd, rel, 0) != 0 && errno != ENOENT)
        cg_log(CG_LOG_WARN, "artifactory", NULL, "cannot remove %s/%s: %m", cache->dir, rel);
}

static void evict(struct cg_art_cache *cache)
{
    while (cache->bytes > cache->max_bytes) {
        remove_file(cache, cache->oldest->sha256);
        forget(cache, cache->oldest);
    }
}

/* It is there, and was used just now. */
static void note(struct cg_art_cache *cache, const char *sha256, uint64_t size, bool summed)
{
    struct entry *entry = cg_map_get(cache->entries, sha256);

    if (entry) {
        unlink_entry(cache, entry);
    } else {
        entry = cg_calloc(1, sizeof(*entry));
        strcpy(entry->sha256, sha256);
        cg_map_put(cache->entries, sha256, entry);
    }
    count_bytes(cache, size, entry->size);
    entry->size = size;
    entry->summed |= summed;
    link_newest(cache, entry);
    evict(cache);
}

/* What is on disk at the start */

struct found {
    char sha256[CG_SHA256_HEX_SIZE];
    uint64_t size;
    int64_t used;
};

struct scan {
    const char *folder;
    struct found *items;
    size_t count;
};

static enum cg_err scan_file(void *cls, int dir, const char *name, const struct stat *info)
{
    struct scan *scan = cls;
    struct found *item;
    char sha256[CG_SHA256_HEX_SIZE];

    snprintf(sha256, sizeof(sha256), "%.64s", name);
    if (!S_ISREG(info->st_mode) || !cg_art_is_sum(sha256) || strncmp(sha256, scan->folder, 2) != 0 ||
        !cg_str_ends(name, SUFFIX) || strlen(name) != strlen(sha256) + strlen(SUFFIX)) {
        (void)unlinkat(dir, name, S_ISDIR(info->st_mode) ? AT_REMOVEDIR : 0);
        return CG_OK;
    }
    if (scan->count % 1024 == 0)
        scan->items = cg_reallocarray(scan->items, scan->count + 1024, sizeof(*scan->items));
    item = &scan->items[scan->count++];
    strcpy(item->sha256, sha256);
    item->size = (uint64_t)info->st_size;
    item->used = info->st_atime;
    return CG_OK;
}

static enum cg_err scan_folder(void *cls, int dir, const char *name, const struct stat *info)
{
    struct scan *scan = cls;
    enum cg_err rc;
    int fd;

    if (!S_ISDIR(info->st_mode) || strlen(name) != 2 || strspn(name, "0123456789abcdef") != 2) {
        /* A temporary may be another process's that is at work; the sweep takes those that are old. */
        if (!cg_str_starts(name, TEMP))
            (void)unlinkat(dir, name, S_ISDIR(info->st_mode) ? AT_REMOVEDIR : 0);
        return CG_OK;
    }
    fd = cg_fs_dir_open(dir, name);
    if (fd < 0)
        return CG_OK;
    scan->folder = name;
    rc = cg_fs_dir_each(fd, name, scan_file, scan, NULL);
    cg_fs_close(fd);
    return rc;
}

static int by_use(const void *a, const void *b)
{
    const struct found *left = a, *right = b;

    return (left->used > right->used) - (left->used < right->used);
}

static enum cg_err read_folders(struct cg_art_cache *cache, struct cg_error *err)
{
    struct scan scan = {0};
    enum cg_err rc = cg_fs_dir_each(cache->dir_fd, cache->dir, scan_folder, &scan, err);

    if (rc == CG_OK && scan.count) {
        qsort(scan.items, scan.count, sizeof(*scan.items), by_use);
        pthread_mutex_lock(&cache->lock);
        for (size_t i = 0; i < scan.count; i++)
            note(cache, scan.items[i].sha256, scan.items[i].size, false);
        pthread_mutex_unlock(&cache->lock);
    }
    free(scan.items);
    cg_fs_dir_sweep(cache->dir_fd, TEMP);
    return rc;
}

enum cg_err cg_art_cache_new(const char *dir, uint64_t max_bytes, struct cg_art_cache **cache_out, struct cg_error *err)
{
    struct cg_art_cache *cache = cg_calloc(1, sizeof(*cache));
    enum cg_err rc = CG_OK;

    cache->dir = cg_strdup(dir);
    cache->dir_fd = -1;
    cache->max_bytes = max_bytes;
    cache->entries = cg_map_new(free);
    pthread_mutex_init(&cache->lock, NULL);
    if (cg_file_mkdirs(dir, 0700, err) != CG_OK) {
        rc = cg_fs_demote(err);
        goto out;
    }
    cache->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rc = cache->dir_fd < 0 ? cg_fs_broken(err, errno, "open", dir) : read_folders(cache, err);
out:
    if (rc == CG_OK)
        *cache_out = cache;
    else
        cg_art_cache_free(&cache);
    return rc;
}

void cg_art_cache_free(struct cg_art_cache **cachep)
{
    struct cg_art_cache *cache = *cachep;

    *cachep = NULL;
    if (!cache)
        return;
    count_bytes(cache, 0, cache->bytes);
    cg_map_free(&cache->entries);
    cg_fs_close(cache->dir_fd);
    pthread_mutex_destroy(&cache->lock);
    free(cache->dir);
    free(cache);
}

void cg_art_cache_resize(struct cg_art_cache *cache, uint64_t max_bytes)
{
    pthread_mutex_lock(&cache->lock);
    cache->max_bytes = max_bytes;
    evict(cache);
    pthread_mutex_unlock(&cache->lock);
}

uint64_t cg_art_cache_bytes(struct cg_art_cache *cache)
{
    uint64_t bytes;

    pthread_mutex_lock(&cache->lock);
    bytes = cache->bytes;
    pthread_mutex_unlock(&cache->lock);
    return bytes;
}

/* Opening */

/* Is it summed by us, and of that size? */
static bool is_trusted(struct cg_art_cache *cache, const char *sha256, uint64_t size)
{
    const struct entry *entry;
    bool trusted;

    pthread_mutex_lock(&cache->lock);
    entry = cg_map_get(cache->entries, sha256);
    trusted = entry && entry->summed && entry->size == size;
    pthread_mutex_unlock(&cache->lock);
    return trusted;
}

static void forget_missing(struct cg_art_cache *cache, const char *sha256)
{
    struct entry *entry;

    pthread_mutex_lock(&cache->lock);
    entry = cg_map_get(cache->entries, sha256);
    if (entry)
        forget(cache, entry);
    pthread_mutex_unlock(&cache->lock);
}

/* The order is told to those who come after us, not more often than they need. */
static void touch(int fd, const struct stat *info)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};

    if (info->st_atime < cg_clock_wall_s() - TOUCH_AFTER_S)
        (void)futimens(fd, times);
}

static enum cg_err absent(struct cg_error *err, const char *sha256)
{
    return cg_error_set(err, CG_ERR_ABSENT, "no crate of sha256 %s is kept on local disk", sha256);
}

enum cg_err cg_art_cache_open(struct cg_art_cache *cache, const char *sha256, struct cg_crate_file *file_out,
                              struct cg_error *err)
{
    char rel[REL_SIZE], sum[CG_SHA256_HEX_SIZE];
    struct cg_error why = {0};
    bool damaged = false;
    struct stat info;
    enum cg_err rc;
    int fd = -1;

    if (!cg_art_is_sum(sha256))
        return absent(err, "?");
    rel_path(sha256, rel);
    rc = cg_fs_file_open(cache->dir_fd, rel, &fd, &info, &why);
    if (rc == CG_OK && !is_trusted(cache, sha256, (uint64_t)info.st_size)) {
        rc = cg_art_sum_fd(fd, sum, &why);
        damaged = rc == CG_OK && strcmp(sum, sha256) != 0;
        if (damaged)
            rc = cg_error_hide(&why, CG_ERR_UNAVAILABLE, "damaged", "%s/%s is damaged", cache->dir, rel);
    }
    if (rc == CG_OK) {
        touch(fd, &info);
        pthread_mutex_lock(&cache->lock);
        note(cache, sha256, (uint64_t)info.st_size, true);
        pthread_mutex_unlock(&cache->lock);
        *file_out = (struct cg_crate_file){.fd = fd, .size = (uint64_t)info.st_size, .mtime = info.st_mtime};
        return CG_OK;
    }
    cg_fs_close(fd);
    if (rc == CG_ERR_ABSENT) {
        forget_missing(cache, sha256);
    } else {
        cg_log_error(CG_LOG_WARN, "artifactory", NULL, &why, "a kept crate cannot be used, and is fetched again");
        if (damaged) /* else it was we who could not: no descriptor left, no right */
            cg_art_cache_drop(cache, sha256);
    }
    return absent(err, sha256);
}

/* Putting in */

enum cg_err cg_art_cache_temp(struct cg_art_cache *cache, int *fd_out, struct cg_error *err)
{
    char temp[CG_FS_TEMP_SIZE];
    int fd = openat(cache->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
        cg_fs_temp_name(TEMP, temp);
        fd = openat(cache->dir_fd, temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0)
            (void)unlinkat(cache->dir_fd, temp, 0);
    }
    if (fd < 0)
        return cg_fs_broken(err, errno, "make a file in", cache->dir);
    *fd_out = fd;
    return CG_OK;
}

/* Where a nameless file cannot be given a name. */
static enum cg_err copy(int from, int to, uint64_t size, const char *where, struct cg_error *err)
{
    char chunk[16384];
    enum cg_err rc = CG_OK;

    for (uint64_t at = 0; rc == CG_OK && at < size;) {
        ssize_t n = pread(from, chunk, sizeof(chunk), (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return cg_fs_broken(err, n < 0 ? errno : EIO, "copy a crate in", where);
        rc = cg_file_write_fd(to, where, chunk, (size_t)n, err);
        at += (uint64_t)n;
    }
    return rc == CG_OK ? rc : cg_fs_demote(err);
}

static enum cg_err give_name(struct cg_art_cache *cache, int fd, uint64_t size, const char *temp, struct cg_error *err)
{
    char proc[32];
    enum cg_err rc;
    int to;

    snprintf(proc, sizeof(proc), "/proc/self/fd/%d", fd);
    if (linkat(AT_FDCWD, proc, cache->dir_fd, temp, AT_SYMLINK_FOLLOW) == 0)
        return CG_OK;
    to = openat(cache->dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to < 0)
        return cg_fs_broken(err, errno, "make a file in", cache->dir);
    rc = copy(fd, to, size, cache->dir, err);
    cg_fs_close(to);
    return rc;
}

/* Over what may be there: that may be damaged, and these bytes are good. */
static enum cg_err put_in_place(struct cg_art_cache *cache, const char *temp, const char *rel, struct cg_error *err)
{
    char folder[3] = {rel[0], rel[1], '\0'};

    if (mkdirat(cache->dir_fd, folder, 0700) != 0 && errno != EEXIST)
        return cg_fs_broken(err, errno, "make a directory in", cache->dir);
    if (renameat(cache->dir_fd, temp, cache->dir_fd, rel) != 0)
        return cg_fs_broken(err, errno, "put in place", rel);
    return CG_OK;
}

enum cg_err cg_art_cache_keep(struct cg_art_cache *cache, const char *sha256, int fd, uint64_t size,
                              struct cg_error *err)
{
    char temp[CG_FS_TEMP_SIZE], rel[REL_SIZE];
    bool fits;
    enum cg_err rc;

    CG_ASSERT(cg_art_is_sum(sha256));
    pthread_mutex_lock(&cache->lock);
    fits = size <= cache->max_bytes;
    pthread_mutex_unlock(&cache->lock);
    if (!fits)
        return CG_OK;
    rel_path(sha256, rel);
    cg_fs_temp_name(TEMP, temp);
    rc = give_name(cache, fd, size, temp, err);
    if (rc == CG_OK)
        rc = put_in_place(cache, temp, rel, err);
    if (rc != CG_OK) {
        (void)unlinkat(cache->dir_fd, temp, 0);
        return rc;
    }
    pthread_mutex_lock(&cache->lock);
    note(cache, sha256, size, true);
    pthread_mutex_unlock(&cache->lock);
    return CG_OK;
}

void cg_art_cache_drop(struct cg_art_cache *cache, const char *sha256)
{
    struct entry *entry;

    if (!cg_art_is_sum(sha256))
        return;
    pthread_mutex_lock(&cache->lock);
    remove_file(cache, sha256);
    entry = cg_map_get(cache->entries, sha256);
    if (entry)
        forget(cache, entry);
    pthread_mutex_unlock(&cache->lock);
}
