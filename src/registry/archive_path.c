/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/archive_path.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "registry/refuse.h"

#define COMPONENT_MAX 255 /* what file systems take */

/* A file or folder. Its key in the map is the parent's number and the folded name, so that long paths cost no more
 * memory than their own bytes. */
struct node {
    uint32_t number;
    bool is_dir;
    char name[]; /* exact spelling */
};

struct cg_path_tree {
    struct cg_map *nodes;
    uint64_t nodes_max;
    uint32_t last; /* number given out last; 0 is the root */
};

struct cg_path_tree *cg_path_tree_new(uint64_t nodes_max)
{
    struct cg_path_tree *tree = cg_calloc(1, sizeof *tree);
    tree->nodes = cg_map_new(free);
    tree->nodes_max = nodes_max < UINT32_MAX ? nodes_max : UINT32_MAX;
    return tree;
}

void cg_path_tree_free(struct cg_path_tree **tree)
{
    if (!*tree)
        return;
    cg_map_free(&(*tree)->nodes);
    free(*tree);
    *tree = NULL;
}

static bool is_device(const char *name, size_t len)
{
    static const char *const devices[] = {"con", "prn", "aux", "nul", "com", "lpt"};
    const char *dot = memchr(name, '.', len);
    size_t stem = dot ? (size_t)(dot - name) : len;
    while (stem && name[stem - 1] == ' ') /* Windows drops them: "aux .rs" is AUX */
        stem--;
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++) {
        bool numbered = i >= 4;
        if (stem != (numbered ? 4u : 3u) || strncasecmp(name, devices[i], 3) != 0)
            continue;
        if (!numbered || (name[3] >= '0' && name[3] <= '9'))
            return true;
    }
    return false;
}

static bool has_bad_char(const char *name, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c < 0x20 || c == 0x7f || strchr("\\:<>\"|?*", c)) /* those cargo does not package either */
            return true;
    }
    return false;
}

/* Why a component is refused, NULL when it is not. "." and ".." end in a dot. */
static const char *component_fault(const char *name, size_t len)
{
    if (len == 0)
        return "has an empty component";
    if (len > COMPONENT_MAX)
        return "has a component longer than 255 bytes";
    if (name[len - 1] == '.' || name[len - 1] == ' ')
        return "has a component that ends in a dot or a blank";
    if (has_bad_char(name, len))
        return "has a character that not every system takes";
    return NULL;
}

static enum cg_err check_root_file(const char *path, struct cg_error *err)
{
    if (cg_streq_nocase(path, ".cargo-ok"))
        return cg_refuse(err, CG_ERR_INVALID, "entry-path",
                         "the archive has \"%s\", which cargo itself writes when it has unpacked a crate", path);
    if (cg_streq_nocase(path, "Cargo.toml") && strcmp(path, "Cargo.toml") != 0)
        return cg_refuse(err, CG_ERR_INVALID, "manifest-case",
                         "the archive has \"%s\"; the manifest must be named \"Cargo.toml\"", path);
    return CG_OK;
}

enum cg_err cg_archive_path_check(const char *path, struct cg_error *err)
{
    if (!cg_is_utf8(path, strlen(path)))
        return cg_refuse(err, CG_ERR_INVALID, "entry-path", "the path \"%s\" is not UTF-8", path);
    for (const char *at = path;; at++) {
        size_t len = strcspn(at, "/");
        const char *fault = component_fault(at, len);
        if (fault)
            return cg_refuse(err, CG_ERR_INVALID, "entry-path", "the path \"%s\" %s", path, fault);
        if (is_device(at, len))
            return cg_refuse(err, CG_ERR_INVALID, "path-device", "the path \"%s\" has the name of a device on Windows",
                             path);
        at += len;
        if (*at == '\0')
            return check_root_file(path, err);
    }
}

static enum cg_err new_node(struct cg_path_tree *tree, const char *key, size_t key_len, struct node *node,
                            struct cg_error *err)
{
    if (tree->last >= tree->nodes_max) {
        free(node);
        return cg_refuse(err, CG_ERR_TOO_LARGE, "entry-count", "the archive has more files and folders than allowed");
    }
    node->number = ++tree->last;
    cg_map_put_bytes(tree->nodes, key, key_len, node);
    return CG_OK;
}

static enum cg_err clash(const struct node *old, const char *name, size_t len, bool is_dir, struct cg_error *err)
{
    if (strlen(old->name) != len || memcmp(old->name, name, len) != 0)
        return cg_refuse(err, CG_ERR_INVALID, "path-case",
                         "the archive has two paths that differ only in case, at \"%s\"", old->name);
    if (old->is_dir != is_dir)
        return cg_refuse(err, CG_ERR_INVALID, "path-duplicate", "the archive has \"%s\" as a file and as a folder",
                         old->name);
    if (!is_dir)
        return cg_refuse(err, CG_ERR_INVALID, "path-duplicate", "the archive has the file \"%s\" twice", old->name);
    return CG_OK;
}

/* One component below *parent, which becomes its number. */
static enum cg_err add_component(struct cg_path_tree *tree, uint32_t *parent, const char *name, size_t len, bool is_dir,
                                 struct cg_error *err)
{
    struct {
        uint32_t parent;
        char name[COMPONENT_MAX + 1];
    } key = {.parent = *parent};
    memcpy(key.name, name, len);
    cg_str_lower(key.name);
    size_t key_len = sizeof key.parent + len;
    const struct node *old = cg_map_get_bytes(tree->nodes, &key, key_len);
    enum cg_err ret = CG_OK;
    if (old) {
        ret = clash(old, name, len, is_dir, err);
        *parent = old->number;
    } else {
        struct node *node = cg_calloc(1, sizeof *node + len + 1);
        node->is_dir = is_dir;
        memcpy(node->name, name, len);
        ret = new_node(tree, (const char *)&key, key_len, node, err);
        *parent = tree->last;
    }
    return ret;
}

enum cg_err cg_path_tree_add(struct cg_path_tree *tree, const char *path, bool is_dir, struct cg_error *err)
{
    uint32_t parent = 0;
    enum cg_err ret = CG_OK;
    for (const char *at = path; ret == CG_OK; at++) {
        size_t len = strcspn(at, "/");
        bool last = at[len] == '\0';
        ret = add_component(tree, &parent, at, len, !last || is_dir, err);
        at += len;
        if (last)
            break;
    }
    return ret;
}
