/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/refuse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

/* Long enough for a sentence, short enough that the rule's name always fits behind it. */
#define SENTENCE_MAX 800

enum cg_err cg_refuse(struct cg_error *err, enum cg_err code, const char *rule, const char *fmt, ...)
{
    char raw[SENTENCE_MAX], sentence[SENTENCE_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(raw, sizeof raw, fmt, args);
    va_end(args);
    cg_str_printable(raw, strlen(raw), sentence, sizeof sentence);
    return cg_error_set(err, code, "%s (rule: %s)", sentence, rule);
}
