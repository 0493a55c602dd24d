/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A database in memory: a small working driver of metadata.h for the tests of
 * other rooms. Tokens, verdicts, generations and owners are complete; download
 * counts and what derives from crates are kept in plain lists and searched by
 * substring.
 *
 * It can be told to be unavailable, wholly or for one operation only, and
 * counts what it is asked. Threading: any thread, one lock.
 */
#ifndef CG_TESTS_FAKE_METADATA_H
#define CG_TESTS_FAKE_METADATA_H

#include <stdatomic.h>

#include "crategate/metadata.h"

/* Never fails. Free with cg_metadata_free. */
struct cg_metadata *cg_fake_metadata_new(void);

/* From now on every operation is UNAVAILABLE; false: works again. */
void cg_fake_metadata_set_unavailable(struct cg_metadata *md, bool unavailable);
/* The same for the one operation of this name in metadata.h ("token_insert"); NULL: none. The name is not copied. */
void cg_fake_metadata_set_broken(struct cg_metadata *md, const char *operation);

struct cg_fake_metadata_counts {
    atomic_uint calls; /* of all operations */
    atomic_uint token_each;
    atomic_uint token_touch;
    atomic_uint subject_put;
};
/* Live counters; read or reset them as you like. */
struct cg_fake_metadata_counts *cg_fake_metadata_counts(struct cg_metadata *md);

#endif
