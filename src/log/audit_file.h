/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The file behind the audit trail: bytes at its end, and what is known of its
 * state. For audit*.c alone, which let one thread in at a time. Results that
 * are an `int` are an errno value, 0 for success.
 */
#ifndef CG_LOG_AUDIT_FILE_H
#define CG_LOG_AUDIT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "crategate/err.h"

struct cg_audit_file {
    int fd;      /* -1: no trail */
    int read_fd; /* of the same file; -1 when we may not read it, or it has no end to be read */
    char *path;
    bool regular; /* not a device or pipe, which can neither be flushed nor measured */
    int failed;   /* errno of the last write or flush */
};

/* UNAVAILABLE when it cannot be opened. path "": no trail. */
enum cg_err cg_audit_file_open(const char *path, struct cg_audit_file *file_out, struct cg_error *err) CG_CHECK;
void cg_audit_file_close(struct cg_audit_file *file);
/* One system call for a whole line, whoever else appends. *written_out: how much is there, of a failed one too. */
int cg_audit_file_append(struct cg_audit_file *file, const char *bytes, size_t len, size_t *written_out);
int cg_audit_file_sync(struct cg_audit_file *file);
/* Its length, and whether a directory still names it; 0 and true for what is no regular file. */
int cg_audit_file_state(const struct cg_audit_file *file, off_t *size_out, bool *linked_out);
/* Appends its last bytes to `out`, at most as many as that may hold. */
int cg_audit_file_tail(const struct cg_audit_file *file, off_t size, struct cg_buf *out);
/* Did the last write succeed, and is there room for another? What is no regular file only knows the first. */
int cg_audit_file_reserve(const struct cg_audit_file *file);

#endif
