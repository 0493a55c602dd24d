/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Entries as our own copies, free of the connection they came over. A result
 * has hard limits on entries and bytes, so that a hostile or odd server can
 * not fill our memory (pitfall 18). Plain data, one thread at a time.
 */
#ifndef CG_LDAP_ENTRY_H
#define CG_LDAP_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "crategate/err.h"

#define CG_LDAP_RESULT_BYTES_MAX (4 * 1024 * 1024) /* unless a search asks for more */

struct cg_ldap_value {
    char *bytes; /* NUL-terminated beyond len */
    size_t len;
};

struct cg_ldap_attribute {
    char *name; /* without a range */
    struct cg_ldap_value *values;
    size_t count;
    size_t next; /* the first value that the server kept back (ranges.h); 0: all are here */
};

/* The Account Usability control's answer about one entry. */
struct cg_ldap_usability {
    bool present;
    bool malformed;
    bool available;
    bool inactive;
    bool reset;
    bool expired;
    int remaining_grace; /* -1: not said */
};

struct cg_ldap_entry {
    char *dn; /* as the server wrote it */
    struct cg_ldap_attribute *attributes;
    size_t count;
    struct cg_ldap_usability usability;
};

struct cg_ldap_result {
    struct cg_ldap_entry *entries;
    size_t count;
    size_t bytes;
    size_t bytes_max;    /* 0: CG_LDAP_RESULT_BYTES_MAX */
    unsigned references; /* continuation references, which are never followed */
    int code;            /* the server's result code of the last search; 0 also when none came */
};

void cg_ldap_result_free(struct cg_ldap_result *result); /* leaves it empty */
void cg_ldap_entry_free(struct cg_ldap_entry *entry);
/* Appends an empty entry; NULL when the result is full. */
struct cg_ldap_entry *cg_ldap_result_add(struct cg_ldap_result *result, const char *dn);
/* Moves the entries of `from` to the end of `to`. */
void cg_ldap_result_append(struct cg_ldap_result *to, struct cg_ldap_result *from);
/* False when the result is full. */
bool cg_ldap_entry_add(struct cg_ldap_result *result, struct cg_ldap_entry *entry, const char *name, const void *bytes,
                       size_t len);

/* Values of an attribute (name's case does not matter); NULL when there is none. */
const struct cg_ldap_attribute *cg_ldap_entry_get(const struct cg_ldap_entry *entry, const char *name);
/* The same for a name that does not end after `len` bytes, and to be changed. */
struct cg_ldap_attribute *cg_ldap_entry_get_part(const struct cg_ldap_entry *entry, const char *name, size_t len);
/* Its first value when that is text without NUL, else NULL. */
const char *cg_ldap_entry_text(const struct cg_ldap_entry *entry, const char *name);

#endif
