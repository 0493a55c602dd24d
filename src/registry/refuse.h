/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* How this room refuses what a publisher sent: one sentence that ends with the rule's name. Pure. */
#ifndef CG_REGISTRY_REFUSE_H
#define CG_REGISTRY_REFUSE_H

#include "crategate/err.h"

/* Sets "SENTENCE (rule: RULE)" and returns code. What the sentence quotes is made printable, for it comes from outside.
 */
enum cg_err cg_refuse(struct cg_error *err, enum cg_err code, const char *rule, const char *fmt, ...) CG_PRINTF(4, 5);

#endif
