/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Going through an index file as cargo does, passing over what is no index line, and what the lines say together of
 * their crate. Pure.
 */
#ifndef CG_REGISTRY_INDEX_SCAN_H
#define CG_REGISTRY_INDEX_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/blob.h"
#include "registry/index_line.h"

struct cg_index_scan {
    const char *at, *end;
    unsigned unreadable; /* lines passed over so far */
};

void cg_index_scan_begin(struct cg_index_scan *scan, const char *text, size_t len);
/* The next readable line; its `line` is borrowed from the text. False at the end. */
bool cg_index_scan_next(struct cg_index_scan *scan, struct cg_index_entry *out);

/* The entry a version in a request means: that very version, or the one that differs in nothing but build metadata
 * which the request leaves out. False when there is none. */
bool cg_index_scan_find(const char *text, size_t len, const char *version, struct cg_index_entry *out);

/* What a crate's lines say of it. */
struct cg_index_digest {
    char name[65]; /* as first published */
    /* The highest not yanked, else the highest; pre-releases only when there is nothing else. */
    struct cg_index_entry max, max_stable; /* max_stable: version "" when there is none */
    struct cg_index_entry newest;          /* last published */
    size_t count, yanked;
    int64_t created_at, updated_at; /* wall seconds; 0 where no line tells */
};

/* One more line, behind those before. */
void cg_index_digest_take(struct cg_index_digest *digest, const struct cg_index_entry *entry);
/* False when no line can be read. */
bool cg_index_digest(const char *text, size_t len, struct cg_index_digest *out);

#endif
