/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* How far an import is: files or crates, bytes, bytes a second, and how long it may still take. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "crategate/clock.h"
#include "crategatectl/import.h"

#define EVERY_MS 10000 /* where it is no terminal */
#define SIZE_TEXT 32

static int64_t began, said;

static void format_bytes(double bytes, char out[SIZE_TEXT])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;

    for (; bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
        bytes /= 1024;
    snprintf(out, SIZE_TEXT, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

/* As long again for each of the rest as for those that are done. */
static void format_left(const struct cg_import_source *source, double seconds, char out[SIZE_TEXT])
{
    double left;

    out[0] = '\0';
    if (!source->at || source->at >= source->units || seconds < 2)
        return;
    left = seconds / (double)source->at * (double)(source->units - source->at);
    if (left < 90)
        snprintf(out, SIZE_TEXT, ", %.0f s left", left);
    else
        snprintf(out, SIZE_TEXT, ", %.0f min left", left / 60);
}

static void format_fetched(const struct cg_import_source *source, double seconds, char out[96])
{
    char bytes[SIZE_TEXT], rate[SIZE_TEXT];

    out[0] = '\0';
    if (!source->bytes)
        return;
    format_bytes((double)source->bytes, bytes);
    format_bytes((double)source->bytes / (seconds > 0.1 ? seconds : 0.1), rate);
    snprintf(out, 96, ", %s, %s/s", bytes, rate);
}

void cg_import_progress(const struct cg_import_source *source)
{
    bool terminal = isatty(STDERR_FILENO);
    int64_t now = cg_clock_mono_ms();
    char left[SIZE_TEXT], fetched[96];
    double seconds;

    if (!began)
        began = said = now;
    if (!terminal && now - said < EVERY_MS)
        return;
    said = now;
    seconds = (double)(now - began) / 1000;
    format_left(source, seconds, left);
    format_fetched(source, seconds, fetched);
    fprintf(stderr, "%s%s: %zu of %zu crates%s%s%s", terminal ? "\r" : "", source->ns, source->at, source->units,
            fetched, left, terminal ? "\033[K" : "\n");
}

void cg_import_progress_clear(void)
{
    if (isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}
