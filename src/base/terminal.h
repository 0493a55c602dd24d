/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The person's terminal (/dev/tty): cargo owns standard input and output.
 * While a password is typed the terminal shows nothing, and it is put right
 * again on every way out, signals included. One thread; one open at a time.
 */
#ifndef CG_BASE_TERMINAL_H
#define CG_BASE_TERMINAL_H

#include "base/secret.h"
#include "crategate/err.h"

struct cg_terminal;

/* ABSENT: there is none, or this process may not read from it (it runs in the background). */
enum cg_err cg_terminal_open(struct cg_terminal **terminal_out, struct cg_error *err) CG_CHECK;
void cg_terminal_close(struct cg_terminal **terminal);
/* Control characters are shown as '?'. */
void cg_terminal_say(struct cg_terminal *terminal, const char *fmt, ...) CG_PRINTF(2, 3);
/* Shows the prompt and reads a line: what was typed, or an empty one. INVALID: the line is too long, or there will be
 * no more; free() the answer. */
enum cg_err cg_terminal_ask(struct cg_terminal *terminal, const char *prompt, char **answer_out,
                            struct cg_error *err) CG_CHECK;
/* The same without showing it. TIMEOUT: nothing came within timeout_s seconds (0: any time). */
enum cg_err cg_terminal_ask_secret(struct cg_terminal *terminal, const char *prompt, int timeout_s,
                                   struct cg_secret *answer_out, struct cg_error *err) CG_CHECK;

#endif
