/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Artifactory's own index lines beside what the crates say (artifactory.md 6.5,
 * P7). The gateway never uses those lines; its clients' neighbours, who ask
 * Artifactory itself, do. One thread.
 */
#ifndef CG_CRATEGATECTL_CHECK_INDEX_H
#define CG_CRATEGATECTL_CHECK_INDEX_H

#include "base/buf.h"
#include "conf/conf.h"

struct cg_ctl_lines {
    const struct cg_conf *conf;
    const struct cg_conf_namespace *ns;
    unsigned compared, unreadable; /* crates */
    unsigned traits;               /* which of the things that go wrong those crates have at all */
    unsigned wrong;                /* how many sentences are in: */
    struct cg_buf sentences;       /* one a line */
};

void cg_ctl_lines_init(struct cg_ctl_lines *lines, const struct cg_conf *conf, const struct cg_conf_namespace *ns);
void cg_ctl_lines_free(struct cg_ctl_lines *lines);
/* One crate and its line. */
void cg_ctl_lines_compare(struct cg_ctl_lines *lines, const char *line, size_t line_len, const void *crate, size_t len);
/* What came out, one sentence a call. */
void cg_ctl_lines_tell(struct cg_ctl_lines *lines, void (*tell)(const char *sentence));

#endif
