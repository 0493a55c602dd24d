/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Asks a person for their password and the gateway for a token. One thread. */
#ifndef CG_CREDENTIAL_OBTAIN_H
#define CG_CREDENTIAL_OBTAIN_H

#include "credential/login_record.h"
#include "base/terminal.h"

/* `record` says for which base and user and how narrow; it gets the token. A password that is not accepted is asked for
 * again, three times in all. ABSENT: the line was empty; TIMEOUT: nothing came within timeout_s seconds (0: any time);
 * else terminal.h's and remote.h's errors. */
enum cg_err cg_obtain_token(struct cg_terminal *terminal, const char *prompt, int timeout_s,
                            struct cg_login_record *record, struct cg_error *err) CG_CHECK;
/* Ends a token that was replaced; says so when that does not work. Only one that a login here has made. */
void cg_obtain_end(const struct cg_login_record *record);

#endif
