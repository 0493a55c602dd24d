/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * All places where logins are kept, the best first: read from whichever has
 * it, written to the first that takes it. One thread; other processes' changes
 * are kept apart by a lock file.
 */
#ifndef CG_CREDENTIAL_VAULT_H
#define CG_CREDENTIAL_VAULT_H

#include "credential/store.h"

#define CG_VAULT_STORES 2

struct cg_vault;

/* The person's own: the desktop keyring when one answers, and credentials.json in the configuration folder. */
enum cg_err cg_vault_open(struct cg_vault **vault_out, struct cg_error *err) CG_CHECK;
/* Of these stores, which it takes over; `folder` is where its lock file goes. */
struct cg_vault *cg_vault_new(const char *folder, struct cg_store *const *stores, size_t count);
void cg_vault_free(struct cg_vault **vault);

/* ABSENT when no store has one; otherwise the error of the last store. Free the record. */
enum cg_err cg_vault_load(struct cg_vault *vault, const char *base, struct cg_login_record *record_out,
                          struct cg_error *err) CG_CHECK;
/* Takes away what other stores have of it. `where_out` (may be NULL) is borrowed from the vault. */
enum cg_err cg_vault_save(struct cg_vault *vault, const struct cg_login_record *record, const char **where_out,
                          struct cg_error *err) CG_CHECK;
/* From every store. ABSENT when none had it. */
enum cg_err cg_vault_remove(struct cg_vault *vault, const char *base, struct cg_error *err) CG_CHECK;
/* Takes the token out of what is kept, not the name: the gateway refuses it. CONFLICT when another process has put
 * another token in its place, which stays. */
enum cg_err cg_vault_drop_token(struct cg_vault *vault, const struct cg_login_record *record,
                                struct cg_error *err) CG_CHECK;
/* Notes that the person is told now that this login ends soon. CONFLICT when another process did so within a day, or
 * has put another token in its place. */
enum cg_err cg_vault_remind(struct cg_vault *vault, const struct cg_login_record *record, int64_t now,
                            struct cg_error *err) CG_CHECK;
/* Goes on to the next store behind one that fails, and gives its error at the end. */
enum cg_err cg_vault_each(struct cg_vault *vault, cg_store_visit *visit, void *cls, struct cg_error *err) CG_CHECK;

#endif
