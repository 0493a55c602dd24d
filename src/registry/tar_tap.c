/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "registry/tar_tap.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/buf.h"
#include "registry/pax.h"
#include "registry/refuse.h"

#define BLOCK 512
#define EXTENSION_MAX (16 * 1024) /* content of an 'L' or 'x' header */

/* The header's fields, POSIX.1-1988; offsets and lengths in the block. */
enum {
    NAME = 0,
    NAME_LEN = 100,
    MODE = 100,
    MODE_LEN = 8,
    SIZE = 124,
    SIZE_LEN = 12,
    CHECKSUM = 148,
    CHECKSUM_LEN = 8,
    TYPE = 156
};
enum { MAGIC = 257, MAGIC_LEN = 8, PREFIX = 345, PREFIX_LEN = 155 };
/* Behind a GNU header's times: offset, long names, sparse map, real size. */
enum { GNU_REST = 369, GNU_REST_LEN = 143 };

enum state { AT_HEADER, IN_CONTENT, IN_EXTENSION, IN_PADDING, AT_LAST_BLOCK, BEHIND_END };

struct queued {
    struct queued *next;
    struct cg_tar_entry entry;
};

struct cg_tar_tap {
    enum state state;
    unsigned char block[BLOCK];
    size_t filled;    /* bytes of the block so far */
    uint64_t left;    /* bytes of content still to come */
    uint64_t padding; /* zero or not, to the block's end */
    char extension_type;
    struct cg_buf extension;
    char *long_name;   /* from 'L', for the next entry */
    struct cg_pax pax; /* from 'x', for the next entry */
    uint64_t headers, headers_max;
    struct queued *first, **end;
};

struct cg_tar_tap *cg_tar_tap_new(uint64_t entries_max)
{
    struct cg_tar_tap *tap = cg_calloc(1, sizeof *tap);
    tap->headers_max = entries_max;
    tap->end = &tap->first;
    cg_buf_init(&tap->extension, EXTENSION_MAX);
    return tap;
}

static void forget_extensions(struct cg_tar_tap *tap)
{
    free(tap->long_name);
    tap->long_name = NULL;
    cg_pax_free(&tap->pax);
}

void cg_tar_tap_free(struct cg_tar_tap **tap)
{
    struct cg_tar_entry entry;
    if (!*tap)
        return;
    while (cg_tar_tap_take(*tap, &entry))
        free(entry.path);
    forget_extensions(*tap);
    cg_buf_free(&(*tap)->extension);
    free(*tap);
    *tap = NULL;
}

bool cg_tar_tap_take(struct cg_tar_tap *tap, struct cg_tar_entry *entry_out)
{
    struct queued *item = tap->first;
    if (!item)
        return false;
    tap->first = item->next;
    if (!tap->first)
        tap->end = &tap->first;
    *entry_out = item->entry;
    free(item);
    return true;
}

static enum cg_err malformed(struct cg_error *err, const char *why)
{
    return cg_refuse(err, CG_ERR_INVALID, "tar-format", "the archive is not a tar that every reader reads alike: %s",
                     why);
}

static bool is_zero(const unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (bytes[i])
            return false;
    return true;
}

/* Blanks, octal digits, then blanks or NULs to the end. A field of NULs alone is 0: cargo writes such. The other
 * encoding, base 256, is for sizes of 8 GiB and more, far beyond any limit here. */
static bool octal(const unsigned char *field, size_t len, uint64_t *out)
{
    size_t i = 0;
    uint64_t value = 0;
    while (i < len && field[i] == ' ')
        i++;
    size_t digits = i;
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
        value = value << 3 | (uint64_t)(field[i] - '0'); /* at most 12 digits */
    bool none = i == digits;
    for (; i < len; i++)
        if (field[i] && field[i] != ' ')
            return false;
    *out = value;
    return !none || is_zero(field, len);
}

static bool checksum_fits(const unsigned char *block)
{
    uint64_t wanted = 0, sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= CHECKSUM && i < CHECKSUM + CHECKSUM_LEN ? ' ' : block[i];
    return octal(block + CHECKSUM, CHECKSUM_LEN, &wanted) && wanted == sum;
}

static bool is_posix(const unsigned char *block)
{
    return memcmp(block + MAGIC, "ustar\00000", MAGIC_LEN) == 0;
}

static bool is_gnu(const unsigned char *block)
{
    return memcmp(block + MAGIC, "ustar  ", MAGIC_LEN) == 0;
}

/* Fresh string. */
static char *header_path(const unsigned char *block)
{
    const char *name = (const char *)block + NAME, *prefix = (const char *)block + PREFIX;
    int name_len = (int)strnlen(name, NAME_LEN), prefix_len = (int)strnlen(prefix, PREFIX_LEN);
    if (is_posix(block) && prefix_len)
        return cg_asprintf("%.*s/%.*s", prefix_len, prefix, name_len, name);
    return cg_strndup(name, (size_t)name_len);
}

/* The entry's path as every reader takes it; fresh string, or NULL when two sources compete. */
static char *take_path(struct cg_tar_tap *tap)
{
    char *path = tap->long_name ? tap->long_name : tap->pax.path;
    if (tap->long_name && tap->pax.path)
        return NULL;
    tap->long_name = tap->pax.path = NULL;
    return path ? path : header_path(tap->block);
}

static enum cg_err check_path(char *path, bool is_dir, struct cg_error *err)
{
    size_t len = strlen(path);
    bool slash = len && path[len - 1] == '/';
    if (slash && !is_dir) /* old readers take such a file for a directory */
        return cg_refuse(err, CG_ERR_INVALID, "entry-path", "the file \"%s\" has a name that ends in a slash", path);
    if (slash)
        path[--len] = '\0';
    if (len == 0 || len > CG_TAR_PATH_MAX)
        return cg_refuse(err, CG_ERR_INVALID, "entry-path", "an entry's path is %s",
                         len ? "longer than 1024 bytes" : "empty");
    return CG_OK;
}

static void push(struct cg_tar_tap *tap, const struct cg_tar_entry *entry)
{
    struct queued *item = cg_calloc(1, sizeof *item);
    item->entry = *entry;
    *tap->end = item;
    tap->end = &item->next;
}

static enum cg_err check_size(const struct cg_tar_tap *tap, const struct cg_tar_entry *entry, struct cg_error *err)
{
    if (tap->pax.has_size && tap->pax.size != entry->size)
        return cg_refuse(err, CG_ERR_INVALID, "size-mismatch", "\"%s\" has two sizes, in its PAX and its tar header",
                         entry->path);
    if (entry->is_dir && entry->size)
        return cg_refuse(err, CG_ERR_INVALID, "size-mismatch", "the directory \"%s\" has content", entry->path);
    return CG_OK;
}

/* What would let other users of a machine change or borrow an unpacked file (CVE-2023-38497). */
static enum cg_err check_mode(const unsigned char *block, struct cg_error *err)
{
    uint64_t mode = 0;
    if (!octal(block + MODE, MODE_LEN, &mode))
        return malformed(err, "a mode is not an octal number");
    if (mode & 07002)
        return cg_refuse(err, CG_ERR_INVALID, "entry-mode",
                         "an entry is writable by everybody or has a set-id or sticky bit");
    return CG_OK;
}

static enum cg_err real_entry(struct cg_tar_tap *tap, uint64_t size, struct cg_error *err)
{
    bool is_dir = tap->block[TYPE] == '5';
    struct cg_tar_entry entry = {.path = take_path(tap), .size = size, .is_dir = is_dir};
    if (!entry.path)
        return malformed(err, "an entry has two long names");
    enum cg_err ret = check_path(entry.path, is_dir, err);
    if (ret == CG_OK)
        ret = check_mode(tap->block, err);
    if (ret == CG_OK)
        ret = check_size(tap, &entry, err);
    if (ret != CG_OK) {
        free(entry.path);
        return ret;
    }
    push(tap, &entry);
    forget_extensions(tap);
    tap->state = IN_CONTENT;
    return CG_OK;
}

static enum cg_err extension_entry(struct cg_tar_tap *tap, uint64_t size, struct cg_error *err)
{
    bool twice = tap->block[TYPE] == 'L' ? tap->long_name != NULL : tap->pax.present;
    if (twice)
        return malformed(err, "an entry has two extended headers of one kind");
    if (size == 0 || size > EXTENSION_MAX)
        return malformed(err, "an extended header is empty or longer than 16 KiB");
    tap->extension_type = (char)tap->block[TYPE];
    cg_buf_reset(&tap->extension);
    tap->state = IN_EXTENSION;
    return CG_OK;
}

static enum cg_err refuse_type(unsigned char type, struct cg_error *err)
{
    static const struct {
        char type;
        const char *what;
    } known[] = {{'1', "a hard link"},      {'2', "a symbolic link"}, {'3', "a character device"},
                 {'4', "a block device"},   {'6', "a named pipe"},    {'7', "a contiguous file"},
                 {'K', "a long link name"}, {'S', "a sparse file"}};
    const char *what = "of an unknown type";
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].type == (char)type)
            what = known[i].what;
    return cg_refuse(err, CG_ERR_INVALID, "entry-type",
                     "the archive has an entry that is %s; only files and directories are accepted", what);
}

static enum cg_err by_type(struct cg_tar_tap *tap, uint64_t size, struct cg_error *err)
{
    switch (tap->block[TYPE]) {
    case '0':
    case '\0':
    case '5':
        return real_entry(tap, size, err);
    case 'L':
    case 'x':
        return extension_entry(tap, size, err);
    case 'g':
        return cg_refuse(err, CG_ERR_INVALID, "pax-global",
                         "the archive has a PAX global header, which readers apply differently");
    default:
        return refuse_type(tap->block[TYPE], err);
    }
}

static enum cg_err zero_block(struct cg_tar_tap *tap, struct cg_error *err)
{
    if (tap->long_name || tap->pax.present)
        return malformed(err, "an extended header has no entry behind it");
    tap->state = tap->state == AT_HEADER ? AT_LAST_BLOCK : BEHIND_END;
    return CG_OK;
}

/* A whole block where a header stands. */
static enum cg_err header(struct cg_tar_tap *tap, struct cg_error *err)
{
    const unsigned char *block = tap->block;
    uint64_t size = 0;
    if (is_zero(block, BLOCK))
        return zero_block(tap, err);
    if (tap->state == AT_LAST_BLOCK)
        return malformed(err, "a single block of zeros stands between entries");
    if (!checksum_fits(block))
        return malformed(err, "a header's checksum is wrong");
    if (!is_posix(block) && !is_gnu(block))
        return malformed(err, "a header is neither POSIX nor GNU");
    if (is_gnu(block) && !is_zero(block + GNU_REST, GNU_REST_LEN)) /* some readers then see a sparse file, others not */
        return malformed(err, "a GNU header has a sparse map");
    if (!octal(block + SIZE, SIZE_LEN, &size))
        return malformed(err, "a size is not an octal number");
    if (++tap->headers > tap->headers_max)
        return cg_refuse(err, CG_ERR_TOO_LARGE, "entry-count", "the archive has more entries than allowed");
    tap->left = size;
    tap->padding = (BLOCK - size % BLOCK) % BLOCK;
    return by_type(tap, size, err);
}

static enum cg_err long_name(struct cg_tar_tap *tap, struct cg_error *err)
{
    const char *text = cg_buf_str(&tap->extension);
    size_t len = tap->extension.len;
    if (text[len - 1] == '\0') /* GNU counts the final NUL as content */
        len--;
    if (memchr(text, '\0', len))
        return cg_refuse(err, CG_ERR_INVALID, "entry-path", "a long name has a NUL inside");
    tap->long_name = cg_strndup(text, len);
    return CG_OK;
}

static enum cg_err extension_done(struct cg_tar_tap *tap, struct cg_error *err)
{
    if (tap->extension_type == 'L')
        return long_name(tap, err);
    return cg_pax_parse(cg_buf_str(&tap->extension), tap->extension.len, &tap->pax, err);
}

static size_t smaller(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

/* Each step eats at least one byte, or moves on to a state that does. */
static enum cg_err step_header(struct cg_tar_tap *tap, const unsigned char *bytes, size_t *len, struct cg_error *err)
{
    *len = smaller(BLOCK - tap->filled, *len);
    memcpy(tap->block + tap->filled, bytes, *len);
    tap->filled += *len;
    if (tap->filled < BLOCK)
        return CG_OK;
    tap->filled = 0;
    return header(tap, err);
}

static enum cg_err step_content(struct cg_tar_tap *tap, const unsigned char *bytes, size_t *len, struct cg_error *err)
{
    *len = smaller(tap->left, *len);
    tap->left -= *len;
    if (tap->state == IN_EXTENSION)
        cg_buf_add(&tap->extension, bytes, *len);
    if (tap->left)
        return CG_OK;
    enum cg_err ret = tap->state == IN_EXTENSION ? extension_done(tap, err) : CG_OK;
    tap->state = IN_PADDING;
    return ret;
}

static enum cg_err step_padding(struct cg_tar_tap *tap, size_t *len)
{
    *len = smaller(tap->padding, *len);
    tap->padding -= *len;
    if (tap->padding == 0)
        tap->state = AT_HEADER;
    return CG_OK;
}

static enum cg_err step(struct cg_tar_tap *tap, const unsigned char *bytes, size_t *len, struct cg_error *err)
{
    switch (tap->state) {
    case AT_HEADER:
    case AT_LAST_BLOCK:
        return step_header(tap, bytes, len, err);
    case IN_CONTENT:
    case IN_EXTENSION:
        return step_content(tap, bytes, len, err);
    case IN_PADDING:
        return step_padding(tap, len);
    case BEHIND_END:
        break;
    }
    return is_zero(bytes, *len) ? CG_OK : malformed(err, "something stands behind its end");
}

enum cg_err cg_tar_tap_feed(struct cg_tar_tap *tap, const unsigned char *bytes, size_t len, struct cg_error *err)
{
    enum cg_err ret = CG_OK;
    for (size_t at = 0; at < len && ret == CG_OK;) {
        size_t eaten = len - at;
        ret = step(tap, bytes + at, &eaten, err);
        at += eaten;
    }
    return ret;
}

enum cg_err cg_tar_tap_end(const struct cg_tar_tap *tap, struct cg_error *err)
{
    return tap->state == BEHIND_END ? CG_OK : malformed(err, "it ends without its two blocks of zeros");
}
