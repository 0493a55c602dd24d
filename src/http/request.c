/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "http/pipeline.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/mem.h"
#include "base/str.h"
#include "crategate/clock.h"
#include "http/spool.h"

/* Target, query and headers are bounded by the transport (16 KiB), what handlers put here by a body of 64 KiB. */
#define ARENA_MAX (2u * 1024u * 1024u)
#define QUERY_VALUE_MAX 4096

/* Unique without a lock or a system call: a random half for the thread, and a counter that looks like one. */
static void make_id(char out[33])
{
    static _Thread_local struct {
        uint64_t thread, count;
    } ids;
    unsigned char bytes[16];
    uint64_t mixed;

    if (ids.count == 0)
        cg_random(&ids, sizeof(ids));
    mixed = ++ids.count * UINT64_C(0x9e3779b97f4a7c15);
    mixed ^= mixed >> 32;
    memcpy(bytes, &ids.thread, 8);
    memcpy(bytes + 8, &mixed, 8);
    cg_hex(bytes, sizeof(bytes), out);
}

/*
 * Requests that have ended wait for the next one of their thread, with the first block of their arena. An instrumented
 * build shall see every use after the end.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SPARE_MAX 0
#else
#define SPARE_MAX 128
#endif

static pthread_once_t spare_once = PTHREAD_ONCE_INIT;
static pthread_key_t spare_key;
static _Thread_local struct {
    struct cg_request *first; /* linked by `transport` */
    unsigned count;
} spare;

static struct cg_request *take_spare(void)
{
    struct cg_request *req = spare.first;

    if (req) {
        spare.first = req->transport;
        spare.count--;
    }
    return req;
}

static void free_request(struct cg_request *req)
{
    cg_arena_free(&req->arena);
    free(req);
}

/* The thread ends; `cls` only says that there were some. */
static void free_spares(void *cls)
{
    struct cg_request *req;

    (void)cls;
    while ((req = take_spare()) != NULL)
        free_request(req);
}

static void make_spare_key(void)
{
    CG_ASSERT(pthread_key_create(&spare_key, free_spares) == 0);
}

void cg_request_free(struct cg_request *req)
{
    if (spare.count + 1 > SPARE_MAX) {
        free_request(req);
        return;
    }
    if (spare.count == 0) {
        pthread_once(&spare_once, make_spare_key);
        CG_ASSERT(pthread_setspecific(spare_key, &spare) == 0);
    }
    cg_arena_reset(req->arena);
    req->transport = spare.first;
    spare.first = req;
    spare.count++;
}

/* All zero, but for the arena. */
static struct cg_request *alloc_request(void)
{
    struct cg_request *req = take_spare();
    struct cg_arena *arena;

    _Static_assert(sizeof(*req) - offsetof(struct cg_request, decision) <
                       sizeof(req->decision) + sizeof(req->error) + _Alignof(struct cg_request),
                   "decision and error are the last two");
    if (req) {
        arena = req->arena;
    } else {
        req = cg_malloc(sizeof(*req));
        arena = cg_arena_new(ARENA_MAX);
    }
    memset(req, 0, offsetof(struct cg_request, decision));
    req->decision.verdict = CG_OK;
    req->decision.line = 0;
    req->decision.rule[0] = req->decision.reason[0] = '\0';
    req->error.code = CG_OK;
    req->error.retry_after_s = 0;
    req->error.password_sent = false;
    req->error.detail[0] = req->error.internal[0] = '\0';
    req->arena = arena;
    return req;
}

enum cg_method cg_method_of(const char *name)
{
    static const struct {
        const char *name;
        enum cg_method method;
    } table[] = {{"GET", CG_GET}, {"HEAD", CG_HEAD}, {"PUT", CG_PUT}, {"DELETE", CG_DELETE}, {"POST", CG_POST}};

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (strcmp(name, table[i].name) == 0)
            return table[i].method;
    return CG_OTHER_METHOD;
}

struct cg_request *cg_request_new(struct cg_gateway *gw, const struct cg_transport_ops *ops, void *transport)
{
    struct cg_request *req = alloc_request();

    req->gw = gw;
    req->ops = ops;
    req->transport = transport;
    req->method_name = req->target = req->query = "";
    req->started_us = cg_clock_mono_us();
    req->response.fd = -1;
    make_id(req->id);
    return req;
}

const char *cg_request_header(struct cg_request *req, const char *name)
{
    return req->ops->header(req->transport, name, NULL);
}

static enum cg_err read_spool(void *cls, uint64_t offset, void *bytes, size_t len, size_t *got_out,
                              struct cg_error *err)
{
    return cg_spool_read(cls, offset, bytes, len, got_out, err);
}

static enum cg_err read_nothing(void *cls, uint64_t offset, void *bytes, size_t len, size_t *got_out,
                                struct cg_error *err)
{
    (void)cls, (void)offset, (void)bytes, (void)len, (void)err;
    *got_out = 0;
    return CG_OK;
}

void cg_request_source(struct cg_request *req, struct cg_source *source_out)
{
    if (req->spool)
        *source_out = (struct cg_source){.size = cg_spool_size(req->spool), .read = read_spool, .cls = req->spool};
    else
        *source_out = (struct cg_source){.read = read_nothing};
}

const char *cg_request_text(struct cg_request *req, size_t *len_out)
{
    const char *text = "";

    *len_out = 0;
    if (req->spool) {
        text = cg_spool_memory(req->spool, len_out);
        CG_ASSERT(text != NULL);
    }
    return text;
}

/* Decodes into the arena; NULL when it cannot be decoded, holds a NUL or is not text. */
static const char *decode(struct cg_request *req, const char *text, size_t len)
{
    const char *value = NULL;
    struct cg_buf buf;

    cg_buf_init(&buf, QUERY_VALUE_MAX);
    if (cg_percent_decode(text, len, true, &buf) == CG_OK && !cg_buf_failed(&buf) &&
        cg_is_utf8(cg_buf_str(&buf), buf.len))
        value = cg_arena_strndup(req->arena, cg_buf_str(&buf), buf.len);
    cg_buf_free(&buf);
    return value;
}

static bool key_is(const char *pair, size_t len, const char *name)
{
    struct cg_buf key;
    bool same;

    if (strlen(name) == len && memcmp(pair, name, len) == 0)
        return true;
    if (!memchr(pair, '%', len))
        return false;
    cg_buf_init(&key, QUERY_VALUE_MAX);
    same =
        cg_percent_decode(pair, len, true, &key) == CG_OK && !cg_buf_failed(&key) && cg_streq(cg_buf_str(&key), name);
    cg_buf_free(&key);
    return same;
}

const char *cg_request_query(struct cg_request *req, const char *name)
{
    for (const char *pair = req->query; *pair; pair += *pair == '&') {
        size_t len = strcspn(pair, "&"), key_len = strcspn(pair, "&=");

        if (key_is(pair, key_len, name))
            return key_len < len ? decode(req, pair + key_len + 1, len - key_len - 1) : "";
        pair += len;
    }
    return NULL;
}
