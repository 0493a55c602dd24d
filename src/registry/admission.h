/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A version on its way into the index, however its crate came: by a publish,
 * or put into the store by another writer. Is there room for its name and
 * version, does the namespace take such a package, the new line, and the
 * database's rows that follow from it. One thread; what is marked so runs under
 * the namespace's storage lock.
 */
#ifndef CG_REGISTRY_ADMISSION_H
#define CG_REGISTRY_ADMISSION_H

#include "base/digest.h"
#include "registry/package.h"
#include "registry/registry_priv.h"

struct cg_admission {
    struct cg_namespace *ns;
    const char *name, *version; /* borrowed */
    char index_name[CG_CRATE_NAME_MAX + 1];
    char cksum[CG_SHA256_HEX_SIZE];
    struct cg_buf text; /* the index file, first as it was, then with the new line */
    bool added;         /* the latter */
};

/* Is a field of Cargo.toml given? A list that is empty is not. */
bool cg_package_has_field(const struct cg_package *package, const char *field);
/* The namespace's required_fields. UNPROCESSABLE. */
enum cg_err cg_admission_fields(const struct cg_conf *conf, const char *ns, const struct cg_package *package,
                                struct cg_error *err) CG_CHECK;

/* `ns` may be NULL for one that is never placed. */
void cg_admission_init(struct cg_admission *a, struct cg_namespace *ns);
/* Both are valid. */
void cg_admission_name(struct cg_admission *a, const char *name, const char *version);
void cg_admission_free(struct cg_admission *a);

/* Under the lock, from here on. Reads the index file: CONFLICT when a name that folds to the same, or another file under
 * the same version, is there; *same_out: this very version with these bytes is. */
enum cg_err cg_admission_place(struct cg_admission *a, const char *cksum, bool *same_out, struct cg_error *err) CG_CHECK;
/* Makes the line, in memory. TOO_LARGE. */
enum cg_err cg_admission_add(struct cg_admission *a, const struct cg_package *package, int64_t pubtime, bool yanked,
                             struct cg_error *err) CG_CHECK;
enum cg_err cg_admission_write(struct cg_admission *a, struct cg_error *err) CG_CHECK;
/* The database's rows; what cannot be written now is written later. After "the same again" all of the crate's, which may
 * be missing; else those of the new line. */
void cg_admission_derive(struct cg_admission *a, const struct cg_package *package, uint64_t size,
                         const char *published_by);

#endif
