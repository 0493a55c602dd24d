/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The records of one PAX extended header. Pure. */
#ifndef CG_REGISTRY_PAX_H
#define CG_REGISTRY_PAX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crategate/err.h"

struct cg_pax {
    bool present;
    char *path; /* NULL when not given */
    bool has_size;
    uint64_t size;
};

/* INVALID (tar-format) for records that are malformed, doubled, or change what an entry is (sparse files, links,
 * other character sets). *out must be zeroed; free it in any case. */
enum cg_err cg_pax_parse(const char *text, size_t len, struct cg_pax *out, struct cg_error *err) CG_CHECK;
void cg_pax_free(struct cg_pax *pax); /* and zeroes it */

#endif
