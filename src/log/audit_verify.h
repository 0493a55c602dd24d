/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Is an audit trail what was written? Reads its files, rotated ones too, line
 * by line in the order of their records, under the key of state_dir, beside
 * running writers. Blocking; one thread.
 */
#ifndef CG_LOG_AUDIT_VERIFY_H
#define CG_LOG_AUDIT_VERIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crategate/clock.h"
#include "crategate/err.h"

struct cg_audit_verify {
    /* given */
    const char *state_dir;
    const char *current;                                  /* the file being written: its end is the trail's */
    void (*finding)(void *cls, const char *text);         /* each place where the chain does not hold */
    void (*progress)(void *cls, uint64_t records);        /* now and then */
    void *cls;
    const volatile bool *stop; /* set to true: ends as soon as it can */

    /* found */
    uint64_t records; /* genuine ones */
    uint64_t first, last; /* their numbers */
    char first_time[CG_TIME_RFC3339_SIZE], last_time[CG_TIME_RFC3339_SIZE];
    uint64_t before;    /* lines from before the chain began, which nothing protects */
    uint64_t torn;      /* lines that a crash cut short */
    uint64_t findings;
    bool end_seen;      /* the trail's end was among what was given, and compared with the head */
};

/* The files in any order; one given twice counts once. ABSENT, DENIED, INVALID, UNAVAILABLE: a file, the key or the
 * head cannot be read. */
enum cg_err cg_audit_verify(struct cg_audit_verify *verify, char *const *paths, size_t count,
                            struct cg_error *err) CG_CHECK;

#endif
