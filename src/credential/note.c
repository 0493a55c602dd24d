/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "credential/note.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

#define NOTE_MAX 2048

void cg_note(const char *fmt, ...)
{
    char text[NOTE_MAX], shown[NOTE_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    cg_str_printable(text, strlen(text), shown, sizeof(shown));
    fprintf(stderr, "cargo-credential-crategate: %s\n", shown);
}
