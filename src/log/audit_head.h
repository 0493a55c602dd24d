/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * state_dir/audit.head: the last record of the trail that is known to be on
 * disk, "SEQ MAC", so that a trail whose end was cut off is missed something.
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
/* Waits for the lock; shared for who only reads. */
int cg_audit_head_lock(const struct cg_audit_head *head, bool shared);
void cg_audit_head_unlock(const struct cg_audit_head *head);
/* seq 0 when it is empty or says nothing that can be understood. */
int cg_audit_head_read(const struct cg_audit_head *head, struct cg_audit_link *link_out);
int cg_audit_head_write(const struct cg_audit_head *head, const struct cg_audit_link *link);

#endif
