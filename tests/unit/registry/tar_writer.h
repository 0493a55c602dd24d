/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Writes .crate archives, good and bad, for tests. */
#ifndef CG_TESTS_TAR_WRITER_H
#define CG_TESTS_TAR_WRITER_H

#include <stddef.h>

#include "base/buf.h"

#define TAR_BLOCK 512

/* Fields of a header that a test may set; zeroed ones take the usual value. */
struct tar_field {
    const char *name;
    char type;          /* 0: '0'; '~': a NUL */
    const char *size;   /* the size field's text */
    const char *mode;   /* the mode field's text */
    const char *prefix; /* makes it a POSIX header with that prefix */
    const char *magic;  /* 8 bytes */
    const char *sparse; /* where a GNU header has its sparse map */
    int checksum_delta;
    const void *content;
    size_t content_len;
};

/* A GNU header as cargo writes it, content and padding. */
void tar_entry(struct cg_buf *tar, const struct tar_field *field);
void tar_file(struct cg_buf *tar, const char *name, const char *content);
/* An 'L' header for the next entry. */
void tar_long_name(struct cg_buf *tar, const char *name);
/* An extended header of that type holding one record, or the text as it is when key is NULL. */
void tar_pax(struct cg_buf *tar, char type, const char *key, const char *value);
void tar_end(struct cg_buf *tar); /* two blocks of zeros */
/* One gzip member of the given bytes, appended. */
void tar_gzip(const struct cg_buf *tar, struct cg_buf *crate);

#endif
