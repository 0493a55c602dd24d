/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Formats nothing: what is left of the heap may not even hold a stdio buffer. */
static void __attribute__((noreturn)) out_of_memory(void)
{
    static const char text[] = "crategate: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, text, sizeof text - 1);
    (void)ignored;
    abort();
}

void *cg_malloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p)
        out_of_memory();
    return p;
}

void *cg_calloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p)
        out_of_memory();
    return p;
}

void *cg_reallocarray(void *old, size_t count, size_t size)
{
    /* realloc(p, 0) frees on some systems and not on others: never ask for nothing. */
    void *p = count && size ? reallocarray(old, count, size) : realloc(old, 1);
    if (!p)
        out_of_memory();
    return p;
}

char *cg_strdup(const char *text)
{
    if (!text)
        text = "";
    return cg_strndup(text, strlen(text));
}

char *cg_strndup(const char *text, size_t len)
{
    len = strnlen(text, len);
    char *copy = cg_malloc(len + 1);
    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

char *cg_asprintf(const char *fmt, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        out_of_memory();
    va_end(args);
    return text;
}
