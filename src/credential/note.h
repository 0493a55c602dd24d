/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A line for the person, on standard error; control characters in it are shown as '?'. Never a secret. */
#ifndef CG_CREDENTIAL_NOTE_H
#define CG_CREDENTIAL_NOTE_H

#include "crategate/err.h"

void cg_note(const char *fmt, ...) CG_PRINTF(1, 2);

#endif
