/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * An allocator for libraries through whose hands passwords and tokens go
 * (jansson, libcurl): what is freed is wiped. Like malloc's functions, NULL
 * when there is no memory. Thread safe.
 */
#ifndef CG_CREDENTIAL_WIPING_H
#define CG_CREDENTIAL_WIPING_H

#include <stddef.h>

void *cg_wiping_malloc(size_t size);
void *cg_wiping_calloc(size_t count, size_t size);
void *cg_wiping_realloc(void *old, size_t size);
char *cg_wiping_strdup(const char *text);
void cg_wiping_free(void *bytes); /* NULL is fine */

#endif
