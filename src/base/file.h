/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Files that survive a crash. The order is always: temporary file, write,
 * fsync, rename or link, fsync of the directory (performance.md, durability).
 * Blocking; workers and tools only. Thread safe.
 *
 * Errors: ABSENT (ENOENT), CONFLICT (EEXIST), DENIED (EACCES, EPERM),
 * TOO_LARGE (cap given by the caller), UNAVAILABLE (everything else).
 * The path is in the detail.
 */
#ifndef CG_BASE_FILE_H
#define CG_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "crategate/err.h"
#include "base/buf.h"

/* errno to code, and a detail that names the path and what was tried ("open", "rename"...). */
enum cg_err cg_file_error(struct cg_error *err, int errnum, const char *what, const char *path);

/* Appends the whole file to out; TOO_LARGE when it exceeds what out may hold. */
enum cg_err cg_file_read(const char *path, struct cg_buf *out, struct cg_error *err) CG_CHECK;
enum cg_err cg_file_read_fd(int fd, const char *path, struct cg_buf *out, struct cg_error *err) CG_CHECK;
/* Writes all, retrying short writes and EINTR. */
enum cg_err cg_file_write_fd(int fd, const char *path, const void *bytes, size_t len, struct cg_error *err) CG_CHECK;
/* Durable atomic replacement of a file. The temporary stands beside it as ".NAME.tmp.RANDOM". */
enum cg_err cg_file_replace(const char *path, const void *bytes, size_t len, mode_t mode,
                            struct cg_error *err) CG_CHECK;
/* Creates the directory and its parents, each made durable in its parent. Existing is OK. */
enum cg_err cg_file_mkdirs(const char *path, mode_t mode, struct cg_error *err) CG_CHECK;
enum cg_err cg_file_sync_dir(const char *path, struct cg_error *err) CG_CHECK;
/* The directory that `path` stands in. */
enum cg_err cg_file_sync_parent(const char *path, struct cg_error *err) CG_CHECK;
enum cg_err cg_file_sync_fd(int fd, const char *path, struct cg_error *err) CG_CHECK;
/* Removes durably. ABSENT when it is not there. */
enum cg_err cg_file_remove(const char *path, struct cg_error *err) CG_CHECK;

#endif
