/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A place where logins are kept, one for each gateway's base URL: the desktop
 * keyring, or a file. One thread at a time; other processes may use the same
 * place, and the vault's lock is what keeps their changes apart.
 *
 * Errors of all: ABSENT (no such login), UNAVAILABLE (no answer), INVALID and
 * DENIED (the place is not as it must be; the detail says what to do).
 */
#ifndef CG_CREDENTIAL_STORE_H
#define CG_CREDENTIAL_STORE_H

#include "credential/login_record.h"

struct cg_store;

typedef void cg_store_visit(void *cls, const struct cg_login_record *record, const char *where);

struct cg_store_ops {
    /* Free *record_out with cg_login_record_free. */
    enum cg_err (*load)(struct cg_store *store, const char *base, struct cg_login_record *record_out,
                        struct cg_error *err);
    enum cg_err (*save)(struct cg_store *store, const struct cg_login_record *record, struct cg_error *err);
    enum cg_err (*remove)(struct cg_store *store, const char *base, struct cg_error *err);
    enum cg_err (*each)(struct cg_store *store, cg_store_visit *visit, void *cls, struct cg_error *err);
    void (*free)(struct cg_store **store);
};

/* What every store begins with. */
struct cg_store {
    const struct cg_store_ops *ops;
    char *where; /* "the desktop keyring", a file's path: for people */
};

/* A file of mode 0600, replaced as a whole. Never fails: what is wrong with it is said when it is used. */
void cg_file_store_open(const char *path, struct cg_store **store_out);
/* The keyring behind the desktop's Secret Service. ABSENT when there is no session bus or nothing answers on it within
 * two seconds. */
enum cg_err cg_keyring_open(struct cg_store **store_out, struct cg_error *err) CG_CHECK;

#endif
