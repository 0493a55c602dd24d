/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The file behind the audit trail: whole lines at its end, and what is known
 * of its state. For audit.c alone, which lets one thread in at a time. Results
 * that are an `int` are an errno value, 0 for success.
 */
#ifndef CG_LOG_AUDIT_FILE_H
#define CG_LOG_AUDIT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "crategate/err.h"

struct cg_audit_file {
    int fd; /* -1: no trail */
    char *path;
    bool regular; /* not a device or pipe, which can neither be flushed nor measured */
    bool torn;    /* it ends inside a line */
    int failed;   /* errno of the last write or flush */
};

/* UNAVAILABLE when it cannot be opened. path "": no trail. */
enum cg_err cg_audit_file_open(const char *path, struct cg_audit_file *file_out, struct cg_error *err) CG_CHECK;
/* Flushes as well as it can and closes; safe on a zeroed one with fd -1. */
void cg_audit_file_close(struct cg_audit_file *file);
/* One line with its newline. */
int cg_audit_file_write(struct cg_audit_file *file, const char *line, size_t len);
int cg_audit_file_sync(struct cg_audit_file *file);
/* Did the last write succeed, and is there room for another? */
int cg_audit_file_reserve(const struct cg_audit_file *file);

#endif
