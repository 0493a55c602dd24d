/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A store in memory: a small working driver of storage.h for the tests of other
 * rooms. It can be told to fail at the Nth operation from now, or whenever one
 * operation is asked for, and to call the test before an operation, so that a
 * test can put something between two steps of what it tests.
 *
 * Threading: any thread; the visitors of a walk and the test's own call run
 * outside the fake's lock and may ask it again.
 */
#ifndef CG_TESTS_FAKE_STORAGE_H
#define CG_TESTS_FAKE_STORAGE_H

#include <stdbool.h>

#include "crategate/storage.h"

/* Never fails. Free with cg_storage_free; asserts that every upload was committed or aborted and the lock is free. */
struct cg_storage *cg_fake_storage_new(void);

/* The Nth operation from now (1: the next) that can fail does so with UNAVAILABLE, once; 0: none does. */
void cg_fake_storage_fail_at(struct cg_storage *st, unsigned n);
/* Every operation of this name in storage.h ("index_write") is UNAVAILABLE; NULL: none. The name is not copied. */
void cg_fake_storage_set_broken(struct cg_storage *st, const char *operation);
/* With a broken index_write: it fails, but the file is written all the same, as when a flush fails after a rename. */
void cg_fake_storage_set_torn(struct cg_storage *st, bool torn);
/* Operations that could have failed, since the start. */
unsigned cg_fake_storage_count(struct cg_storage *st);
/* Called before each operation of this name; NULL: never. */
void cg_fake_storage_set_hook(struct cg_storage *st, const char *operation, void (*hook)(void *cls), void *cls);
/* Another byte at the front of a stored crate. */
void cg_fake_storage_damage(struct cg_storage *st, const char *name, const char *version);
/* The config.json last written, "" when none was; borrowed until the next. */
const char *cg_fake_storage_config(struct cg_storage *st);

/* From now on its crates are on another server, and it asserts that nobody waits for that under the storage lock; what
 * was committed or read is kept on this side, too. There it has other writers (crate_scan and what goes with it), which are
 * played by what follows. */
void cg_fake_storage_share(struct cg_storage *st);
/* Somebody puts a file there, in place of the one that may be there; cksum and size are not looked at. */
void cg_fake_storage_put(struct cg_storage *st, const struct cg_crate_seen *seen, const void *bytes, size_t len);
/* It is not kept on this side any more. */
void cg_fake_storage_forget(struct cg_storage *st, const char *name, const char *version);
/* Somebody removes one. */
void cg_fake_storage_take(struct cg_storage *st, const char *name, const char *version);
/* Somebody notes a yank; -1: takes the note away. */
void cg_fake_storage_set_yanked(struct cg_storage *st, const char *name, const char *version, int yanked);
int cg_fake_storage_yanked(struct cg_storage *st, const char *name, const char *version);
/* What its own index has of a crate; NULL: nothing any more. */
void cg_fake_storage_set_lines(struct cg_storage *st, const char *index_name, const char *text);
/* How often it was asked for that. */
unsigned cg_fake_storage_lines_asked(struct cg_storage *st);
/* The listing fails instead of its Nth file; 0: it does not. */
void cg_fake_storage_cut_scan(struct cg_storage *st, unsigned n);
/* The listing lacks this file, which is there; NULL: it lacks none. Not copied. */
void cg_fake_storage_hide(struct cg_storage *st, const char *name, const char *version);
/* The listing tells no checksums. */
void cg_fake_storage_hide_cksums(struct cg_storage *st, bool hide);

#endif
