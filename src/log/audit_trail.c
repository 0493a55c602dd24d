/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "log/audit_trail.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/key.h"
#include "base/mem.h"
#include "crategate/clock.h"
#include "log/audit_record.h"
#include "log/log.h"

#define KEY_OF                                                                                                         \
    "the audit trail: put back the file from a backup, or remove it, after which older records cannot be verified"

static const struct cg_audit_trail closed = {.file = {.fd = -1, .read_fd = -1}, .head = {.fd = -1}, .size = -1};

/* Looking at the file's end */

static void note_torn(struct cg_audit_trail *trail, const char *bytes, size_t len)
{
    unsigned char digest[CG_SHA256_SIZE];
    cg_sha256(bytes, len, digest);
    cg_hex(digest, sizeof digest, trail->torn.sha256);
    trail->torn.len = len;
}

/* The last whole line, when it is a record; nobody but who has the key can make us go on from another. Where nothing
 * else is known (a new state_dir) its number is taken all the same, so that numbers go on. */
static void note_last(struct cg_audit_trail *trail, const char *line, size_t len)
{
    struct cg_audit_seal seal;
    if (!cg_audit_chain_parse(line, len, &seal) || seal.link.seq <= trail->link.seq)
        return;
    if (trail->link.seq == 0 || cg_audit_chain_genuine(trail->key, line, &seal))
        trail->link = seal.link;
}

static int read_tail(struct cg_audit_trail *trail, off_t size)
{
    struct cg_buf tail;
    cg_buf_init(&tail, 2 * CG_AUDIT_LINE_MAX); /* a torn line and a whole one before it */
    int errnum = cg_audit_file_tail(&trail->file, size, &tail);
    const char *text = cg_buf_str(&tail), *newline = tail.len ? memrchr(text, '\n', tail.len) : NULL;
    size_t whole = newline ? (size_t)(newline - text) + 1 : 0;
    trail->torn.len = 0;
    if (errnum == 0 && whole < tail.len)
        note_torn(trail, text + whole, tail.len - whole);
    if (errnum == 0 && whole > 1) {
        const char *before = memrchr(text, '\n', whole - 1), *line = before ? before + 1 : text;
        note_last(trail, line, (size_t)(newline - line));
    }
    cg_buf_free(&tail);
    return errnum;
}

/* Somebody removed the file: the records go into a new one, and not into one that nobody will ever see. */
static int stay_linked(struct cg_audit_trail *trail)
{
    struct cg_audit_file fresh;
    bool linked;
    off_t size;
    int errnum = cg_audit_file_state(&trail->file, &size, &linked);
    if (errnum || linked)
        return errnum;
    errno = 0;
    if (cg_audit_file_open(trail->file.path, &fresh, NULL) != CG_OK)
        return errno ? errno : ENOENT;
    cg_audit_file_close(&trail->file);
    trail->file = fresh;
    trail->size = -1;
    cg_log(CG_LOG_ERROR, "audit", NULL, "\"%s\" was removed while it was in use; a new one is written", fresh.path);
    return 0;
}

static int catch_up(struct cg_audit_trail *trail)
{
    struct cg_audit_link head;
    bool linked;
    off_t size;
    int errnum = cg_audit_head_latest(&trail->head, &head);
    if (errnum == 0 && head.seq > trail->link.seq)
        trail->link = head;
    if (errnum == 0)
        errnum = stay_linked(trail);
    if (errnum == 0)
        errnum = cg_audit_file_state(&trail->file, &size, &linked);
    if (errnum || size == trail->size)
        return errnum;
    if (trail->file.read_fd >= 0)
        errnum = read_tail(trail, size);
    if (errnum == 0)
        trail->size = size;
    return errnum;
}

/* Writing */

int cg_audit_trail_begin(struct cg_audit_trail *trail)
{
    if (trail->file.fd < 0)
        return 0;
    int errnum = cg_audit_head_lock(&trail->head, false);
    if (errnum == 0) {
        errnum = catch_up(trail);
        if (errnum)
            cg_audit_head_unlock(&trail->head);
    }
    if (errnum)
        trail->file.failed = errnum;
    return errnum;
}

/* Ends the torn line and says what it was: its digest, so that it cannot pass for anything else later. */
static void add_torn(struct cg_audit_trail *trail, struct cg_audit_link *link)
{
    char detail[64];
    struct cg_audit_record record = {.event = CG_AUDIT_TORN_LINE, .target = trail->torn.sha256, .detail = detail};
    snprintf(detail, sizeof detail, "%zu bytes, of which target is the SHA-256", trail->torn.len);
    cg_buf_addch(&trail->line, '\n');
    cg_audit_record_format(&trail->line, &record, cg_clock_wall_s());
    cg_audit_chain_seal(trail->key, link, &trail->line, 1);
}

/* Half a line must not stay. Where it cannot be taken back (an append-only file, a pipe) the next record says so. */
static void take_back(struct cg_audit_trail *trail, size_t written)
{
    if (!written)
        return;
    if (trail->file.regular && trail->size >= 0 && ftruncate(trail->file.fd, trail->size) == 0)
        return;
    note_torn(trail, trail->line.data, written);
    trail->size = trail->file.regular ? -1 : 0;
}

int cg_audit_trail_write(struct cg_audit_trail *trail, const char *record, size_t len)
{
    struct cg_audit_link link = trail->link;
    size_t from, written;
    if (trail->file.fd < 0)
        return 0;
    cg_buf_reset(&trail->line);
    if (trail->torn.len)
        add_torn(trail, &link);
    from = trail->line.len;
    cg_buf_add(&trail->line, record, len);
    cg_audit_chain_seal(trail->key, &link, &trail->line, from);
    CG_ASSERT(!cg_buf_failed(&trail->line));
    int errnum = cg_audit_file_append(&trail->file, trail->line.data, trail->line.len, &written);
    if (errnum) {
        take_back(trail, written);
        return errnum;
    }
    trail->link = link;
    trail->torn.len = 0;
    if (trail->file.regular)
        trail->size += (off_t)written;
    return 0;
}

/* What is no file has no end to be read: there the head alone says how to go on, and says it at once. Nor can others
 * read the end of a file that was renamed, or emptied after it was copied, before we have flushed it: hence the note. */
void cg_audit_trail_end(struct cg_audit_trail *trail)
{
    if (trail->file.fd < 0)
        return;
    int errnum = trail->file.regular ? 0 : cg_audit_head_write(&trail->head, &trail->link);
    if (errnum)
        trail->file.failed = errnum;
    else if (trail->file.regular)
        cg_audit_head_note(&trail->head, &trail->link);
    cg_audit_head_unlock(&trail->head);
}

/* Never back: another process may have flushed more. */
static int advance_head(struct cg_audit_trail *trail)
{
    struct cg_audit_link there;
    int errnum = cg_audit_head_lock(&trail->head, false);
    if (errnum)
        return errnum;
    errnum = cg_audit_head_read(&trail->head, &there);
    if (errnum == 0 && there.seq < trail->link.seq)
        errnum = cg_audit_head_write(&trail->head, &trail->link);
    cg_audit_head_unlock(&trail->head);
    return errnum;
}

/* The head follows the flush, so that after a loss of power it names nothing that the file has lost. That it could not
 * be written does not make the record less of one; it only keeps further changes out. */
int cg_audit_trail_flush(struct cg_audit_trail *trail)
{
    if (trail->file.fd < 0)
        return 0;
    int errnum = cg_audit_file_sync(&trail->file), head = errnum ? 0 : advance_head(trail);
    if (head)
        trail->file.failed = head;
    return errnum;
}

int cg_audit_trail_reserve(struct cg_audit_trail *trail)
{
    if (trail->file.fd < 0)
        return 0;
    int errnum = stay_linked(trail);
    return errnum ? errnum : cg_audit_file_reserve(&trail->file);
}

/* Opening and closing */

static enum cg_err open_state(struct cg_audit_trail *trail, bool *key_made_out, struct cg_error *err)
{
    char *path = cg_asprintf("%s/audit.key", trail->state_dir);
    enum cg_err rc = cg_key_open(path, KEY_OF, &trail->key, key_made_out, err);
    if (rc == CG_OK)
        rc = cg_audit_head_open(trail->state_dir, true, &trail->head, err);
    free(path);
    if (rc == CG_OK || rc == CG_ERR_INVALID)
        return rc;
    if (err)
        err->code = CG_ERR_UNAVAILABLE;
    return CG_ERR_UNAVAILABLE;
}

static enum cg_err look(struct cg_audit_trail *trail, bool key_made, struct cg_error *err)
{
    char room[128];
    int errnum = cg_audit_trail_begin(trail);
    if (errnum)
        return cg_error_set(err, CG_ERR_UNAVAILABLE, "cannot read the end of the audit trail \"%s\": %s",
                            trail->file.path, strerror_r(errnum, room, sizeof room));
    if (key_made && trail->link.seq)
        cg_log(CG_LOG_ERROR, "audit", NULL,
               "%s/audit.key was missing and a new one was made: records up to %" PRIu64 " cannot be verified any more",
               trail->state_dir, trail->link.seq);
    cg_audit_head_unlock(&trail->head);
    return CG_OK;
}

static void release(struct cg_audit_trail *trail)
{
    cg_audit_file_close(&trail->file);
    cg_audit_head_close(&trail->head);
    cg_hmac_free(&trail->key);
    free(trail->state_dir);
    cg_buf_free(&trail->line);
    *trail = closed;
}

enum cg_err cg_audit_trail_open(const char *path, const char *state_dir, struct cg_audit_trail *trail_out,
                                struct cg_error *err)
{
    struct cg_audit_trail trail = closed;
    bool key_made = false;
    cg_audit_link_init(&trail.link);
    cg_buf_init(&trail.line, 2 * CG_AUDIT_LINE_MAX);
    trail.state_dir = cg_strdup(state_dir);
    enum cg_err rc = cg_audit_file_open(path, &trail.file, err);
    if (rc == CG_OK && path[0])
        rc = open_state(&trail, &key_made, err);
    if (rc == CG_OK && path[0])
        rc = look(&trail, key_made, err);
    if (rc == CG_OK)
        *trail_out = trail;
    else
        release(&trail);
    return rc;
}

void cg_audit_trail_close(struct cg_audit_trail *trail)
{
    (void)cg_audit_trail_flush(trail);
    release(trail);
}

void cg_audit_trail_replace(struct cg_audit_trail *trail, struct cg_audit_trail *fresh)
{
    if (fresh->link.seq < trail->link.seq)
        fresh->link = trail->link;
    cg_audit_trail_close(trail);
    *trail = *fresh;
    *fresh = closed;
}
