/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What the files of the filesystem driver share. A namespace looks like this:
 *
 *   DIR/.lock                              taken by flock, never removed
 *   DIR/index/config.json
 *   DIR/index/{1,2,3/a,ab/cd}/NAME
 *   DIR/index/.tmp-RANDOM                  index files being written
 *   DIR/ready/NAME                         compressed forms of large index files, made again when they are not there
 *   DIR/crates/NAME/NAME-VERSION.crate
 *   DIR/crates/.upload-RANDOM              crates being written, where they need a name
 *
 * Every path is walked by directory descriptors without following links, so
 * that nothing put below DIR can lead out of it. DIR itself may be a link: it
 * is the administrator's.
 */
#ifndef CG_STORAGE_FS_PRIVATE_H
#define CG_STORAGE_FS_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>

#include "crategate/storage.h"

/* How long lock() waits before it says who is in the way. */
#define CG_FS_LOCK_WAIT_MS 30000

struct cg_fs_storage {
    struct cg_storage base;
    char *dir;
    int root_fd;
    int index_fd;
    int crates_fd;
    bool nameless; /* uploads need no name until they are committed: O_TMPFILE and /proc work here */

    /* fs_lock.c */
    int lock_fd;
    int lock_wait_ms;
    pthread_mutex_t guard; /* of the three below */
    pthread_cond_t freed;
    bool held;
    pthread_t holder;
};

static inline struct cg_fs_storage *cg_fs(struct cg_storage *st)
{
    return (struct cg_fs_storage *)st;
}

/* fs_index.c */
enum cg_err cg_fs_index_read(struct cg_storage *st, const char *index_name, struct cg_buf *out, int64_t *mtime_out,
                             struct cg_error *err) CG_CHECK;
enum cg_err cg_fs_index_write(struct cg_storage *st, const char *index_name, const char *bytes, size_t len,
                              struct cg_error *err) CG_CHECK;
enum cg_err cg_fs_index_remove(struct cg_storage *st, const char *index_name, struct cg_error *err) CG_CHECK;
enum cg_err cg_fs_index_each(struct cg_storage *st, cg_index_visit visit, void *cls, struct cg_error *err) CG_CHECK;
enum cg_err cg_fs_index_since(struct cg_storage *st, int64_t since, cg_index_visit visit, void *cls,
                              struct cg_error *err) CG_CHECK;
enum cg_err cg_fs_ready_read(struct cg_storage *st, const char *index_name, struct cg_buf *out,
                             struct cg_error *err) CG_CHECK;
enum cg_err cg_fs_ready_write(struct cg_storage *st, const char *index_name, const char *bytes, size_t len,
                              struct cg_error *err) CG_CHECK;
enum cg_err cg_fs_config_write(struct cg_storage *st, const char *bytes, size_t len, struct cg_error *err) CG_CHECK;

/* fs_crate.c */
enum cg_err cg_fs_crate_begin(struct cg_storage *st, struct cg_crate_upload **up_out, struct cg_error *err) CG_CHECK;
enum cg_err cg_fs_crate_write(struct cg_storage *st, struct cg_crate_upload *up, const void *bytes, size_t len,
                              struct cg_error *err) CG_CHECK;
enum cg_err cg_fs_crate_flush(struct cg_storage *st, struct cg_crate_upload *up, const char *name,
                              struct cg_error *err) CG_CHECK;
enum cg_err cg_fs_crate_commit(struct cg_storage *st, struct cg_crate_upload **up, const char *name,
                               const char *version, bool replace, struct cg_error *err) CG_CHECK;
void cg_fs_crate_abort(struct cg_storage *st, struct cg_crate_upload **up);
enum cg_err cg_fs_crate_open(struct cg_storage *st, const char *name, const char *version,
                             struct cg_crate_file *file_out, struct cg_error *err) CG_CHECK;
enum cg_err cg_fs_crate_remove(struct cg_storage *st, const char *name, const char *version,
                               struct cg_error *err) CG_CHECK;
enum cg_err cg_fs_crate_each(struct cg_storage *st, const char *name, cg_crate_visit visit, void *cls,
                             struct cg_error *err) CG_CHECK;

/* fs_lock.c. init comes first, open opens (makes) the file; free undoes both. */
void cg_fs_lock_init(struct cg_fs_storage *fs);
enum cg_err cg_fs_lock_open(struct cg_fs_storage *fs, struct cg_error *err) CG_CHECK;
void cg_fs_lock_free(struct cg_fs_storage *fs);
/* Takes the lock when nobody has it; never waits. */
bool cg_fs_lock_try(struct cg_fs_storage *fs);
enum cg_err cg_fs_lock(struct cg_storage *st, struct cg_error *err) CG_CHECK;
void cg_fs_unlock(struct cg_storage *st);

#endif
