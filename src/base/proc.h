/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The process as a keeper of secrets. Once, at the start of main. */
#ifndef CG_BASE_PROC_H
#define CG_BASE_PROC_H

/* No core files, whatever the system makes of them, no tracing and no reading of /proc/PID by the same user. */
void cg_proc_keep_secrets(void);

#endif
