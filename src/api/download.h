/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The sending of a crate, whichever address it was asked by. */
#ifndef CG_API_DOWNLOAD_H
#define CG_API_DOWNLOAD_H

#include "http/http.h"

/* On a worker; RESPOND, or WAIT until the crate has begun to come in. */
enum cg_step cg_api_send_crate(struct cg_request *req, const char *name, const char *version);

#endif
