/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Directories by descriptor: opened without following links, made durable in
 * their parents, listed, and files replaced in them. No state of its own;
 * thread safe. `where` is a path for messages only.
 *
 * A medium that fails is UNAVAILABLE whatever errno says, EACCES included: a
 * caller who may publish is not "denied" because the disk's rights are wrong.
 */
#ifndef CG_STORAGE_FS_DIR_H
#define CG_STORAGE_FS_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "crategate/err.h"

#define CG_FS_TEMP_SIZE 32

/* UNAVAILABLE for a failed system call: the sentence for callers names no path, the log's names what failed where. */
enum cg_err cg_fs_broken(struct cg_error *err, int errnum, const char *what, const char *where);
/* The same for an error that base/file has described already. */
enum cg_err cg_fs_demote(struct cg_error *err);

/* Opens a directory, -1 and errno on failure. */
int cg_fs_dir_open(int parent, const char *name);
/* Opens a directory that is made when missing, and is durable in its parent when this returns. */
enum cg_err cg_fs_dir_make(int parent, const char *name, const char *where, int *fd_out, struct cg_error *err) CG_CHECK;

/* Visits every entry but "." and "..", unsorted; entries that vanish meanwhile are left out. Non-OK stops. */
typedef enum cg_err (*cg_fs_entry_visit)(void *cls, int dir, const char *name, const struct stat *info);
enum cg_err cg_fs_dir_each(int dir, const char *where, cg_fs_entry_visit visit, void *cls,
                           struct cg_error *err) CG_CHECK;
/* The same, but of `info` nothing is filled in beyond the type in st_mode: where the directory tells it, no file is
 * examined. */
enum cg_err cg_fs_dir_types(int dir, const char *where, cg_fs_entry_visit visit, void *cls,
                            struct cg_error *err) CG_CHECK;
/* Removes regular files named PREFIX* that nobody can still be writing: older than a day. Best effort. */
void cg_fs_dir_sweep(int dir, const char *prefix);

void cg_fs_temp_name(const char *prefix, char out[CG_FS_TEMP_SIZE]);
/* Creates a file that must not exist; -1 and errno on failure. */
int cg_fs_file_create(int dir, const char *name);
/* Opens a regular file for reading: ABSENT, or UNAVAILABLE for anything else that bears the name. */
enum cg_err cg_fs_file_open(int dir, const char *name, int *fd_out, struct stat *info_out,
                            struct cg_error *err) CG_CHECK;
/* Writes to ".tmp-*" in `temp_dir`, flushes, renames to `dir`/`name`, flushes `dir`. No temporary is left behind. */
enum cg_err cg_fs_file_replace(int temp_dir, int dir, const char *name, const char *bytes, size_t len,
                               struct cg_error *err) CG_CHECK;
/* The same without the flushes: whole or not at all as long as the machine runs. */
enum cg_err cg_fs_file_put(int temp_dir, int dir, const char *name, const char *bytes, size_t len,
                           struct cg_error *err) CG_CHECK;
/* Removes and flushes the directory; ABSENT. */
enum cg_err cg_fs_file_remove(int dir, const char *name, struct cg_error *err) CG_CHECK;

/* close() for a descriptor that may be -1; keeps errno. */
void cg_fs_close(int fd);

#endif
