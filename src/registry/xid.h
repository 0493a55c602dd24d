/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Unicode identifiers (UAX 31), as far as feature names need them. Pure. */
#ifndef CG_REGISTRY_XID_H
#define CG_REGISTRY_XID_H

#include <stdbool.h>
#include <stdint.h>

/* May the code point start, or go on with, an identifier? '_' may only go on, as in Unicode's own tables. */
bool cg_xid_start(uint32_t c);
bool cg_xid_continue(uint32_t c);
/* The code point at *text (NUL-terminated UTF-8), which moves on; 0 at the end or where it is not well-formed. */
uint32_t cg_xid_next(const char **text);

#endif
