/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * state_dir/audit.head: the last record of the trail that is known to be on
 * disk, "SEQ MAC", so that a trail whose end was cut off is missed something.
 * Behind it the last one that was written at all, and the system's boot in
 * which it was: who writes next goes on from there, whichever file it is in.
 * After a loss of power that file may have lost it, so then it says nothing.
 * Its lock lets one process at a time add to the trail. For audit*.c alone,
 * one thread at a time. Results that are an `int` are an errno value.
 */
#ifndef CG_LOG_AUDIT_HEAD_H
#define CG_LOG_AUDIT_HEAD_H

#include <stdbool.h>

#include "crategate/err.h"
#include "log/audit_chain.h"

struct cg_audit_head {
    int fd;
};

/* Opens it, making it when `write`; ABSENT and the other errors of file.h. */
enum cg_err cg_audit_head_open(const char *state_dir, bool write, struct cg_audit_head *head_out,
                               struct cg_error *err) CG_CHECK;
void cg_audit_head_close(struct cg_audit_head *head);
/* Waits for the lock; shared for who only reads. ETIMEDOUT after ten seconds: somebody who holds it was stopped. */
int cg_audit_head_lock(const struct cg_audit_head *head, bool shared);
void cg_audit_head_unlock(const struct cg_audit_head *head);
/* seq 0 when it is empty or says nothing that can be understood. */
int cg_audit_head_read(const struct cg_audit_head *head, struct cg_audit_link *link_out);
/* The last record that was written, on disk or not. */
int cg_audit_head_latest(const struct cg_audit_head *head, struct cg_audit_link *link_out);
/* The record is written, but not flushed yet. Nothing is lost but other writers' knowledge when it fails. */
void cg_audit_head_note(const struct cg_audit_head *head, const struct cg_audit_link *link);
int cg_audit_head_write(const struct cg_audit_head *head, const struct cg_audit_link *link);

#endif
