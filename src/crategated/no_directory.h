/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* A driver of directory.h for configurations without [ldap]: nobody is there. Any thread. */
#ifndef CG_CRATEGATED_NO_DIRECTORY_H
#define CG_CRATEGATED_NO_DIRECTORY_H

#include "crategate/directory.h"

struct cg_directory *cg_no_directory_new(void);

#endif
