/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Time. Wall time is seconds since 1970 UTC and is for what people and files
 * see; monotonic milliseconds are for deadlines and ages, and never compared
 * with the other kind. All functions are thread safe and make no allocation.
 */
#ifndef CRATEGATE_CLOCK_H
#define CRATEGATE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "crategate/err.h"

int64_t cg_clock_wall_s(void);
int64_t cg_clock_mono_ms(void);
/* Monotonic microseconds, for durations in logs and metrics. */
int64_t cg_clock_mono_us(void);

#define CG_TIME_RFC3339_SIZE 21 /* "2026-11-22T06:07:55Z" and NUL */
#define CG_TIME_HTTP_SIZE 30    /* "Sun, 22 Nov 2026 06:07:55 GMT" and NUL */

/* Cargo's pubtime form: exactly 20 characters (cargo-protocol.md 3.1). */
void cg_time_rfc3339(int64_t wall_s, char out[CG_TIME_RFC3339_SIZE]);
/* Accepts RFC 3339 with Z or an offset, fraction ignored. INVALID otherwise. */
enum cg_err cg_time_parse_rfc3339(const char *text, int64_t *wall_s_out) CG_CHECK;
/* IMF-fixdate, RFC 9110 section 5.6.7. */
void cg_time_http(int64_t wall_s, char out[CG_TIME_HTTP_SIZE]);
enum cg_err cg_time_parse_http(const char *text, int64_t *wall_s_out) CG_CHECK;

#endif
