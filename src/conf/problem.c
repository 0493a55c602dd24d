/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "conf/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

#define PROBLEMS_MAX 200
#define TEXT_MAX 1500

void cg_problem_add(struct cg_problems *list, unsigned line, const char *key, const char *fmt, ...)
{
    char raw[TEXT_MAX], shown[TEXT_MAX], name[256];
    struct cg_problem *problem;
    va_list args;

    if (list->count == PROBLEMS_MAX) {
        list->dropped++;
        return;
    }
    va_start(args, fmt);
    vsnprintf(raw, sizeof(raw), fmt, args);
    va_end(args);
    /* Keys and values come from the file and may hold anything; the report goes to terminals and logs. */
    cg_str_printable(raw, strlen(raw), shown, sizeof(shown));
    cg_str_printable(key, strlen(key), name, sizeof(name));
    list->items = cg_reallocarray(list->items, list->count + 1, sizeof(*list->items));
    problem = &list->items[list->count++];
    problem->line = line ? line : 1;
    problem->text = cg_asprintf("%s: %s", name, shown);
}

/* Insertion keeps the order of problems on the same line. */
static void sort_by_line(struct cg_problems *list)
{
    for (size_t i = 1; i < list->count; i++) {
        struct cg_problem moved = list->items[i];
        size_t at = i;

        for (; at && list->items[at - 1].line > moved.line; at--)
            list->items[at] = list->items[at - 1];
        list->items[at] = moved;
    }
}

enum cg_err cg_problem_report(struct cg_problems *list, struct cg_buf *report, struct cg_error *err)
{
    if (list->count == 0)
        return CG_OK;
    sort_by_line(list);
    if (report) {
        for (size_t i = 0; i < list->count; i++)
            cg_buf_addf(report, "%s:%u: %s\n", list->file, list->items[i].line, list->items[i].text);
        if (list->dropped)
            cg_buf_addf(report, "%s: %zu more problems\n", list->file, list->dropped);
    }
    return cg_error_set(err, CG_ERR_INVALID, "%s:%u: %s", list->file, list->items[0].line, list->items[0].text);
}

void cg_problem_free(struct cg_problems *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].text);
    free(list->items);
    *list = (struct cg_problems){0};
}
