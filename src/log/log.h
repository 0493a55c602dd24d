/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The operational log: one line an event to stderr, text or JSON, with the
 * request's id when there is one. One line per failure, where the error stops.
 * Never a secret: no header, body, token or password is ever passed here.
 * Thread safe; a line is one write(2).
 *
 *   cg_log(CG_LOG_WARN, "directory", req_id, "server=%s state=down", uri)
 */
#ifndef CG_LOG_LOG_H
#define CG_LOG_LOG_H

#include <stdbool.h>

#include "crategate/err.h"

enum cg_log_level { CG_LOG_ERROR, CG_LOG_WARN, CG_LOG_INFO, CG_LOG_DEBUG };
enum cg_log_format { CG_LOG_TEXT, CG_LOG_JSON };

/* May be called again at a reload. Before the first call: info, text. Text under systemd gets <N> priority prefixes
 * (JOURNAL_STREAM set), else an RFC 3339 time. */
void cg_log_setup(enum cg_log_level level, enum cg_log_format format);
/* "error", "warn", "info", "debug" */
enum cg_err cg_log_level_parse(const char *text, enum cg_log_level *level_out) CG_CHECK;
bool cg_log_enabled(enum cg_log_level level);
/* `area` is the room ("http", "ldap"...); request_id may be NULL. Control characters in the text are replaced. */
void cg_log(enum cg_log_level level, const char *area, const char *request_id, const char *fmt, ...) CG_PRINTF(4, 5);
/* "TEXT: detail (internal)" of an error that stops here. */
void cg_log_error(enum cg_log_level level, const char *area, const char *request_id, const struct cg_error *error,
                  const char *fmt, ...) CG_PRINTF(5, 6);

/* Tests capture lines instead: called with each finished line (no newline). NULL restores stderr. */
void cg_log_capture(void (*sink)(void *cls, const char *line), void *cls);

#endif
