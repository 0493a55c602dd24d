/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Cargo's credential provider protocol, version 1, over two descriptors. Blocking, one thread. */
#ifndef CG_CREDENTIAL_PLUGIN_H
#define CG_CREDENTIAL_PLUGIN_H

#include "base/buf.h"
#include "credential/vault.h"

/* Says hello and answers each line until there are no more. The process's exit status. */
int cg_plugin_run(int in, int out);
/* One request and its answer. The vault is opened when first needed and stays the caller's. */
void cg_plugin_answer(struct cg_vault **vault, const char *text, size_t len, struct cg_buf *reply);

#endif
