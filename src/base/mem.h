/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Allocation. Out of memory ends the program with a message: a daemon that
 * cannot allocate a few hundred bytes has no better answer, and sizes that come
 * from outside are capped before they reach here. Thread safe.
 */
#ifndef CG_BASE_MEM_H
#define CG_BASE_MEM_H

#include <stddef.h>

void *cg_malloc(size_t size) __attribute__((malloc, returns_nonnull));
void *cg_calloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* Overflow of count * size aborts. */
void *cg_reallocarray(void *old, size_t count, size_t size) __attribute__((returns_nonnull));
char *cg_strdup(const char *text) __attribute__((malloc, returns_nonnull)); /* text NULL: copies "" */
char *cg_strndup(const char *text, size_t len) __attribute__((malloc, returns_nonnull));
char *cg_asprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));

#endif
