/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Matrix parameters: the properties that Artifactory's clients write behind the
 * path of a deploy, ";build.name=app;channel=beta,stable". Nothing is kept of
 * them here, but they must be well formed, or two readers could disagree on
 * where the path ends. Pure; any thread.
 */
#ifndef CG_HTTP_MATRIX_H
#define CG_HTTP_MATRIX_H

#include "crategate/err.h"

/* `text` begins with the first ';', as sent. INVALID: a parameter without a name, a broken percent-encoding, a control
 * character, what is not UTF-8 when decoded, or a bare '/', after which the path would seem to go on. */
enum cg_err cg_matrix_check(const char *text, struct cg_error *err) CG_CHECK;

#endif
