/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* `cargo-credential-crategate status`: the logins that are kept, for people. One thread. */
#ifndef CG_CREDENTIAL_STATUS_H
#define CG_CREDENTIAL_STATUS_H

#include <stdio.h>

#include "credential/vault.h"

/* The process's exit status: 1 when a place could not be looked into, which is said on standard error. */
int cg_status_print(struct cg_vault *vault, FILE *to);

#endif
