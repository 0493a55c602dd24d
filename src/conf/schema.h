/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The one table of the configuration, and what is needed to read it. Every
 * row is a key; parser, defaults, checks of single values, dump, sample file
 * and documentation are loops over the rows. Constant data, any thread.
 */
#ifndef CG_CONF_SCHEMA_H
#define CG_CONF_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"
#include "crategate/err.h"

/* How a value is written in TOML and kept in the struct. */
enum cg_conf_kind {
    CG_KIND_STRING,   /* char * */
    CG_KIND_STRINGS,  /* char **, NULL-terminated, never NULL itself */
    CG_KIND_BOOL,     /* bool */
    CG_KIND_UINT,     /* unsigned */
    CG_KIND_FRACTION, /* double, 0 to 1 */
    CG_KIND_DURATION, /* int64_t, milliseconds; a string with a unit in TOML */
    CG_KIND_SIZE,     /* uint64_t, bytes; a string with a unit in TOML */
    CG_KIND_ENUM,     /* int, index into `words` */
    CG_KIND_GRANTS    /* struct cg_conf_grants */
};

enum cg_conf_flags {
    CG_KEY_REQUIRED = 1, /* must be given (in [ldap]: when there is an [ldap]) and not be empty */
    CG_KEY_NONEMPTY = 2, /* may be left out, but not be empty */
    CG_KEY_RESTART = 4,  /* a change takes effect at the next start only */
    CG_KEY_SHOW = 8,     /* the sample file has it uncommented, with its example */
    CG_KEY_NEEDED = 16   /* the sample file has it commented out, but with its example: nearly everybody needs one */
};

#define CG_CONF_DIRECTORY_TYPES 4

struct cg_conf_key {
    const char *name;  /* "ldap.uri"; "*" stands for a name: "namespace.*.read"; "[]" for one of several tables */
    const char *field; /* the member it goes to, as written in conf.h */
    size_t offset;     /* in struct cg_conf; for "namespace.*." in struct cg_conf_namespace, for "ldap.group_map[]." in
                        * struct cg_conf_group_map */
    enum cg_conf_kind kind;
    unsigned flags;
    const char *def;                              /* default, in the common spelling of TOML and JSON; NULL: required */
    const char *presets[CG_CONF_DIRECTORY_TYPES]; /* default by directory_type where there is one, before `def` */
    int64_t min, max;                             /* of numbers, milliseconds or bytes */
    const char *const *words;                     /* of an enum, NULL-terminated */
    const char *what;                             /* kind of text, for the documentation: "absolute path" */
    enum cg_err (*check)(const char *value, struct cg_error *err); /* of a string, or of each in a list; may be NULL */
    const char *doc;
    const char *example; /* spelled as `def`; NULL: the default is example enough */
};

struct cg_conf_section {
    const char *name; /* "", "ldap", "namespace.*", "ldap.group_map[]" */
    const char *title;
    const char *doc;
    const char *sample; /* header line in the sample file, NULL for the top level; '#' first: commented out */
};

/* What is part of the design, but not of this version: refused by name, never half there. */
struct cg_conf_later {
    const char *name;     /* key or section */
    const char *word;     /* only this value of an existing key; NULL: the whole key */
    const char *accepted; /* the one value of the key that means what this version does anyway; NULL: none */
    const char *why;      /* what to do instead */
};

extern const struct cg_conf_key cg_conf_keys[];
extern const size_t cg_conf_key_count;
extern const struct cg_conf_section cg_conf_sections[];
extern const size_t cg_conf_section_count;
extern const struct cg_conf_later cg_conf_later[];
extern const size_t cg_conf_later_count;

/* "read" of "namespace.*.read". */
const char *cg_conf_leaf(const char *name);
/* Is the key directly in that section ("" is the top level)? */
bool cg_conf_in_section(const char *name, const char *section);
/* The key of a section, NULL when there is none. */
const struct cg_conf_key *cg_conf_find_key(const char *section, const char *leaf);
const struct cg_conf_section *cg_conf_find_section(const char *name);
/* May the file have several such sections ("*", "[]")? */
bool cg_conf_section_repeats(const char *section);
/* The entry for a key (word NULL) or for a word of a key; NULL when there is none. */
const struct cg_conf_later *cg_conf_find_later(const char *section, const char *leaf, const char *word);
/* The default for a directory type, NULL for a required key. */
const char *cg_conf_default(const struct cg_conf_key *key, int directory_type);

#endif
