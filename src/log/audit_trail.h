/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The audit trail as a chain of records in a file: what audit.c writes to.
 *
 * Records are added between begin and end, which hold the lock of
 * state_dir/audit.head against other processes. What is the last record is
 * known from three places, of which the highest number is right: what this
 * process wrote, the head with its note, and the end of the file, which is read again
 * whenever its length is not the one we left. One thread at a time. Results
 * that are an `int` are an errno value, 0 for success.
 */
#ifndef CG_LOG_AUDIT_TRAIL_H
#define CG_LOG_AUDIT_TRAIL_H

#include "log/audit_chain.h"
#include "log/audit_file.h"
#include "log/audit_head.h"

/* What a crash left at the file's end: a line's beginning. */
struct cg_audit_torn {
    size_t len; /* 0: nothing */
    char sha256[CG_SHA256_HEX_SIZE];
};

struct cg_audit_trail {
    struct cg_audit_file file;
    struct cg_audit_head head;
    struct cg_hmac *key;
    char *state_dir;
    struct cg_audit_link link; /* the last record */
    off_t size;                /* the file's, as we left it; -1: to be looked at */
    struct cg_audit_torn torn;
    struct cg_buf line; /* being written */
};

/* path "": no trail. UNAVAILABLE, or INVALID for a key file that holds no key. The log says when the key was lost. */
enum cg_err cg_audit_trail_open(const char *path, const char *state_dir, struct cg_audit_trail *trail_out,
                                struct cg_error *err) CG_CHECK;
/* Flushes as well as it can and closes. */
void cg_audit_trail_close(struct cg_audit_trail *trail);
/* `fresh` goes on where `trail` stands and takes its place; what was there is closed. */
void cg_audit_trail_replace(struct cg_audit_trail *trail, struct cg_audit_trail *fresh);

/* Until cg_audit_trail_end no other process adds records. A file that was removed is made anew. */
int cg_audit_trail_begin(struct cg_audit_trail *trail);
/* Ends a record (audit_record.h) and writes it. A part that got out is taken back. */
int cg_audit_trail_write(struct cg_audit_trail *trail, const char *record, size_t len);
void cg_audit_trail_end(struct cg_audit_trail *trail);
/* Flushes the file and then tells the head what is in it. */
int cg_audit_trail_flush(struct cg_audit_trail *trail);
/* Could a record be written now? */
int cg_audit_trail_reserve(struct cg_audit_trail *trail);

#endif
