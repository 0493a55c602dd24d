/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Copies of the database's derived rows of one crate, to outlive the visit that shows them. Workers and tools. */
#ifndef CG_REGISTRY_ROWS_H
#define CG_REGISTRY_ROWS_H

#include "registry/registry_priv.h"

struct cg_row {
    struct cg_version_row row; /* its strings are the row's own */
    bool listed;               /* for whoever compares with the index */
};

struct cg_rows {
    struct cg_row *items; /* by the letters of their versions */
    size_t count;
    bool has_summary;
    struct cg_crate_summary summary; /* likewise; all "" and 0 where there is none */
};

/* Rows and summary of a crate by its name in any spelling; none is no error. */
enum cg_err cg_rows_read(struct cg_registry *reg, const char *ns, const char *name, struct cg_rows *out,
                         struct cg_error *err) CG_CHECK;
/* A copy of it, for who reads a crate's summary alone. */
void cg_rows_keep_summary(struct cg_rows *rows, const struct cg_crate_summary *summary);
void cg_rows_free(struct cg_rows *rows);
/* NULL when there is none for that version. */
struct cg_row *cg_rows_find(const struct cg_rows *rows, const char *version);

#endif
