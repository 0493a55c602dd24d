/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Words about a key, for the sample file and the documentation. Pure, any thread. */
#ifndef CG_CONF_DESCRIBE_H
#define CG_CONF_DESCRIBE_H

#include "base/buf.h"
#include "conf/schema.h"

/* "list of strings (DNs)" */
void cg_conf_describe_type(const struct cg_conf_key *key, struct cg_buf *out);
/* "\"text\", \"json\"" or "1s to 1h"; nothing when every value of the type is good. */
void cg_conf_describe_range(const struct cg_conf_key *key, struct cg_buf *out);
/* Is the word of an enum part of this version? */
bool cg_conf_word_exists(const struct cg_conf_key *key, const char *word);
/* The text with line ends, each line after `prefix`, at most `width` columns where words allow. */
void cg_conf_wrap(struct cg_buf *out, const char *prefix, const char *text, size_t width);

#endif
