/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* Where another registry keeps a crate, as its config.json says (cargo-protocol.md 1.3). Pure. */
#ifndef CG_REGISTRY_DOWNLOAD_URL_H
#define CG_REGISTRY_DOWNLOAD_URL_H

struct cg_download_parts {
    const char *name, *version;
    const char *cksum; /* sha256, as in the index line */
};

/* `dl` with {crate}, {version}, {prefix}, {lowerprefix} and {sha256-checksum} filled in; where none of them is in it,
 * with "/NAME/VERSION/download" behind it. Nothing is escaped, as cargo escapes nothing. A fresh string. */
char *cg_download_url(const char *dl, const struct cg_download_parts *parts);

#endif
