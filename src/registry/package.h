/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * A package as the gateway understands it: what the packaged Cargo.toml says,
 * which is what clients will build (cargo-protocol.md 7.3 item 6). Filled by
 * manifest.h, read by index_line.h and publish.c. Owned strings, one thread.
 */
#ifndef CG_REGISTRY_PACKAGE_H
#define CG_REGISTRY_PACKAGE_H

#include <stdbool.h>
#include <stddef.h>

enum cg_dep_kind { CG_DEP_NORMAL, CG_DEP_DEV, CG_DEP_BUILD };

struct cg_dep {
    char *alias;    /* the key in Cargo.toml: what the code calls it */
    char *package;  /* real crate name; equals alias when not renamed */
    char *req;      /* normalised */
    char *registry; /* as in the manifest's registry-index: NULL means crates.io there. After registry_url.h: NULL means
                     * this registry, else the URL for the index */
    char *target;   /* NULL when for every target */
    char **features; /* NULL-terminated, never NULL */
    enum cg_dep_kind kind;
    bool optional;
    bool default_features;
    bool public_dep, has_public;
    char **artifact;     /* unstable bindeps; NULL when not one */
    char *bindep_target; /* NULL */
    bool lib;
};

struct cg_feature {
    char *name;
    char **values; /* NULL-terminated, never NULL */
};

struct cg_package {
    char *name, *version;
    char *links, *rust_version;             /* NULL when not given */
    char *description, *license, *license_file, *readme, *homepage, *documentation, *repository; /* NULL */
    char **authors, **keywords, **categories; /* NULL-terminated or NULL */
    struct cg_dep *deps;
    size_t dep_count;
    struct cg_feature *features;
    size_t feature_count;
};

void cg_package_free(struct cg_package *package); /* frees the content, zeroes it */

#endif
