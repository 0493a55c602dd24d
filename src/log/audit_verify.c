/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "log/audit_verify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/key.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/audit.h"
#include "log/audit_chain.h"
#include "log/audit_head.h"
#include "log/audit_stream.h"

#define PROGRESS_EVERY 65536
#define TIME_NAME "{\"time\":\""

/* One file, at a line that has a seal, genuine or not. */
struct source {
    struct cg_audit_stream *stream;
    struct cg_audit_seal seal;
    bool begun;      /* a sealed line was seen */
    uint64_t before; /* lines ahead of it */
};

/* Lines one after another that are no genuine records. */
struct bad_run {
    const char *path;
    uint64_t first, last; /* line numbers */
    uint64_t count;
    char sha256[CG_SHA256_HEX_SIZE]; /* of the last one */
};

struct checker {
    struct cg_audit_verify *verify;
    struct cg_hmac *key;
    struct cg_audit_link head;
    struct cg_audit_link link; /* the last genuine record; seq 0: none yet */
    struct bad_run bad;
    struct source *source;
    size_t count; /* of sources that are not at their end */
};

static void CG_PRINTF(2, 3) finding(struct checker *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = NULL;
    int n = vasprintf(&text, fmt, args);
    va_end(args);
    CG_ASSERT(n >= 0);
    c->verify->findings++;
    c->verify->finding(c->verify->cls, text);
    free(text);
}

/* "line 7" or "lines 7 to 9" */
static void say_lines(uint64_t first, uint64_t last, char out[80])
{
    if (first == last)
        snprintf(out, 80, "line %" PRIu64, first);
    else
        snprintf(out, 80, "lines %" PRIu64 " to %" PRIu64, first, last);
}

static void say_records(uint64_t first, uint64_t last, char out[80])
{
    if (first == last)
        snprintf(out, 80, "record %" PRIu64 " is", first);
    else
        snprintf(out, 80, "records %" PRIu64 " to %" PRIu64 " are", first, last);
}

/* Lines that are no records */

/* What the bad lines mean, now that it is known how many records are not where they stand. */
static void judge_bad(struct checker *c, uint64_t missing)
{
    char lines[80];
    say_lines(c->bad.first, c->bad.last, lines);
    if (c->link.seq == 0)
        finding(c, "%s: %s: no genuine records: changed, inserted, or written under another key than %s/audit.key",
                c->bad.path, lines, c->verify->state_dir);
    else if (missing == 0)
        finding(c, "%s: %s: inserted: no records of this trail", c->bad.path, lines);
    else if (missing == c->bad.count)
        finding(c, "%s: %s: changed: not what was written as record %" PRIu64 "%s", c->bad.path, lines, c->link.seq + 1,
                missing == 1 ? "" : " and after");
    else
        finding(c, "%s: %s: no genuine records, where %" PRIu64 " from number %" PRIu64 " on should be: changed, and "
                   "removed or inserted",
                c->bad.path, lines, missing, c->link.seq + 1);
    c->bad.count = 0;
}

/* Nothing genuine behind the lines says what they were. */
static void end_bad(struct checker *c)
{
    char lines[80];
    if (!c->bad.count)
        return;
    if (c->link.seq == 0) {
        judge_bad(c, 0);
        return;
    }
    say_lines(c->bad.first, c->bad.last, lines);
    finding(c, "%s: %s: no genuine records: changed or inserted", c->bad.path, lines);
    c->bad.count = 0;
}

static void note_bad(struct checker *c, const struct source *s)
{
    const char *path = cg_audit_stream_path(s->stream);
    const struct cg_buf *line = cg_audit_stream_line(s->stream);
    unsigned char digest[CG_SHA256_SIZE];
    if (c->bad.count && c->bad.path != path)
        end_bad(c);
    if (!c->bad.count)
        c->bad = (struct bad_run){.path = path, .first = cg_audit_stream_number(s->stream)};
    c->bad.last = cg_audit_stream_number(s->stream);
    c->bad.count++;
    cg_sha256(cg_buf_str(line), line->len, digest);
    cg_hex(digest, sizeof digest, c->bad.sha256);
}

/* Behind a line that a crash cut short its record says which it was: then it is no finding. */
static void settle_torn(struct checker *c, const struct source *s)
{
    static const char event[] = "\"event\":\"torn-line\"";
    const struct cg_buf *line = cg_audit_stream_line(s->stream);
    char target[sizeof "\"target\":\"\"" + CG_SHA256_HEX_SIZE];
    if (!c->bad.count || c->bad.path != cg_audit_stream_path(s->stream) ||
        !memmem(cg_buf_str(line), line->len, event, sizeof event - 1))
        return;
    int len = snprintf(target, sizeof target, "\"target\":\"%s\"", c->bad.sha256);
    if (!memmem(cg_buf_str(line), line->len, target, (size_t)len))
        return;
    c->verify->torn++;
    c->bad.count--;
    c->bad.last--;
}

/* Records */

static void count_record(struct checker *c, const struct source *s)
{
    const struct cg_buf *line = cg_audit_stream_line(s->stream);
    struct cg_audit_verify *v = c->verify;
    size_t at = sizeof TIME_NAME - 1;
    if (line->len > at + sizeof v->last_time && cg_str_starts(line->data, TIME_NAME))
        memcpy(v->last_time, line->data + at, sizeof v->last_time - 1);
    v->last = s->seal.link.seq;
    if (v->records++ == 0) {
        v->first = v->last;
        memcpy(v->first_time, v->last_time, sizeof v->first_time);
    }
    if (v->records % PROGRESS_EVERY == 0)
        v->progress(v->cls, v->records);
}

/* Does the record follow the last one? Says what lies between them. */
static void check_place(struct checker *c, const struct source *s)
{
    uint64_t missing = s->seal.link.seq - c->link.seq - 1;
    const char *path = cg_audit_stream_path(s->stream);
    uint64_t number = cg_audit_stream_number(s->stream);
    char records[80];
    if (c->bad.count) {
        judge_bad(c, missing);
    } else if (missing) {
        say_records(c->link.seq + 1, s->seal.link.seq - 1, records);
        finding(c, "%s: line %" PRIu64 ": %s missing before it: removed, or in a file that was not given", path, number,
                records);
    } else if (strcmp(s->seal.prev, c->link.mac) != 0) {
        finding(c, "%s: line %" PRIu64 ": record %" PRIu64 " does not follow the one before it: two trails were mixed, "
                   "or an older copy was put back and continued",
                path, number, s->seal.link.seq);
    }
}

static void check_record(struct checker *c, const struct source *s)
{
    settle_torn(c, s);
    if (c->link.seq && s->seal.link.seq <= c->link.seq) {
        end_bad(c);
        finding(c, "%s: line %" PRIu64 ": record %" PRIu64 " is in the wrong place, or here a second time",
                cg_audit_stream_path(s->stream), cg_audit_stream_number(s->stream), s->seal.link.seq);
        return;
    }
    if (c->link.seq)
        check_place(c, s);
    else
        end_bad(c);
    c->link = s->seal.link;
    count_record(c, s);
}

static void check_line(struct checker *c, const struct source *s)
{
    if (cg_audit_chain_genuine(c->key, cg_buf_str(cg_audit_stream_line(s->stream)), &s->seal))
        check_record(c, s);
    else
        note_bad(c, s);
}

/* Only a trail that had no chain at first has lines before record 1. */
static void begin(struct checker *c, struct source *s)
{
    char lines[80];
    s->begun = true;
    if (s->seal.link.seq <= 1) {
        c->verify->before += s->before;
    } else if (s->before) {
        say_lines(1, s->before, lines);
        finding(c, "%s: %s: inserted: no records of this trail", cg_audit_stream_path(s->stream), lines);
    }
}

static void note_unsealed(struct checker *c, struct source *s)
{
    if (!s->begun)
        s->before++;
    else if (cg_audit_stream_whole(s->stream))
        note_bad(c, s);
    else
        c->verify->torn++; /* a crash, and nothing was written since */
}

/* To the next line with a seal. At the end the last source takes this one's place in the table. */
static enum cg_err advance(struct checker *c, struct source *s, struct cg_error *err)
{
    bool more;
    enum cg_err rc;
    while ((rc = cg_audit_stream_next(s->stream, &more, err)) == CG_OK && more) {
        const struct cg_buf *line = cg_audit_stream_line(s->stream);
        if (cg_audit_chain_parse(cg_buf_str(line), line->len, &s->seal)) {
            if (!s->begun)
                begin(c, s);
            return CG_OK;
        }
        note_unsealed(c, s);
    }
    if (rc != CG_OK)
        return rc;
    if (!s->begun)
        c->verify->before += s->before;
    struct source ended = *s;
    *s = c->source[--c->count];
    c->source[c->count] = ended;
    return CG_OK;
}

/* The source whose record is the next; `last` goes on as long as its numbers do. */
static struct source *choose(const struct checker *c, struct source *last)
{
    struct source *best = c->source;
    if (last && last < c->source + c->count && last->seal.link.seq == c->link.seq + 1)
        return last;
    for (struct source *s = c->source + 1; s < c->source + c->count; s++)
        if (s->seal.link.seq < best->seal.link.seq)
            best = s;
    return best;
}

static enum cg_err check_all(struct checker *c, struct cg_error *err)
{
    enum cg_err rc = CG_OK;
    for (size_t i = c->count; rc == CG_OK && i-- > 0;)
        rc = advance(c, &c->source[i], err);
    for (struct source *s = NULL; rc == CG_OK && c->count && !*c->verify->stop;) {
        s = choose(c, s);
        check_line(c, s);
        rc = advance(c, s, err);
    }
    return rc;
}

static void check_end(struct checker *c)
{
    char records[80];
    end_bad(c);
    if (!c->verify->end_seen || c->head.seq < c->link.seq)
        return;
    if (c->head.seq > c->link.seq) {
        say_records(c->link.seq + 1, c->head.seq, records);
        finding(c, "%s: %s missing at the end: they were written, and cut off since", c->verify->current, records);
    } else if (strcmp(c->head.mac, c->link.mac) != 0) {
        finding(c, "%s: record %" PRIu64 " is not the one that was written last", c->verify->current, c->link.seq);
    }
}

/* Opening */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static enum cg_err add_source(struct checker *c, const char *path, struct cg_error *err)
{
    struct cg_audit_stream *stream = NULL;
    struct stat current;
    enum cg_err rc = cg_audit_stream_open(path, &stream, err);
    if (rc != CG_OK)
        return rc;
    const struct stat *st = cg_audit_stream_stat(stream);
    for (size_t i = 0; i < c->count; i++)
        if (same_file(st, cg_audit_stream_stat(c->source[i].stream))) {
            cg_audit_stream_free(&stream);
            return CG_OK;
        }
    if (c->verify->current && stat(c->verify->current, &current) == 0 && same_file(st, &current))
        c->verify->end_seen = true;
    c->source[c->count++] = (struct source){.stream = stream};
    return CG_OK;
}

/* Under the lock of the head, so that no writer is half through and the head names nothing that is not in the files. */
static enum cg_err open_sources(struct checker *c, char *const *paths, size_t count, struct cg_error *err)
{
    struct cg_audit_head head;
    enum cg_err rc = cg_audit_head_open(c->verify->state_dir, false, &head, err);
    if (rc != CG_OK)
        return rc;
    if (cg_audit_head_lock(&head, true) != 0 || cg_audit_head_read(&head, &c->head) != 0)
        rc = cg_error_set(err, CG_ERR_UNAVAILABLE, "cannot read \"%s/audit.head\"", c->verify->state_dir);
    for (size_t i = 0; rc == CG_OK && i < count; i++)
        rc = add_source(c, paths[i], err);
    cg_audit_head_close(&head);
    return rc;
}

enum cg_err cg_audit_verify(struct cg_audit_verify *verify, char *const *paths, size_t count, struct cg_error *err)
{
    struct checker c = {.verify = verify, .source = cg_calloc(count + 1, sizeof *c.source)};
    char *path = cg_asprintf("%s/audit.key", verify->state_dir);
    enum cg_err rc = cg_key_read(path, "the audit trail", &c.key, err);
    cg_audit_link_init(&c.link);
    if (rc == CG_OK)
        rc = open_sources(&c, paths, count, err);
    size_t opened = c.count;
    if (rc == CG_OK)
        rc = check_all(&c, err);
    if (rc == CG_OK && !*verify->stop)
        check_end(&c);
    for (size_t i = 0; i < opened; i++)
        cg_audit_stream_free(&c.source[i].stream);
    cg_hmac_free(&c.key);
    free(c.source);
    free(path);
    return rc;
}
