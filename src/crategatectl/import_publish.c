/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* One crate by the way of a publish: the frame that cargo would send, made around the file; the checks and the store
 * are the registry's. The caller is an administrator, who may do this in the namespace and read all others. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "crategate/clock.h"
#include "crategated/wiring.h"
#include "crategatectl/import.h"
#include "registry/index_scan.h"

#define SETTLE_MS 10000
#define ANSWER_MAX (256u * 1024)
#define HEAD_MAX 1024

struct cg_import_publisher {
    struct cg_ctl *ctl;
    const char *ns;
    struct cg_registry_session session;
    struct cg_directory *dir;
    struct cg_policy *policy;
    struct cg_caller caller;
    struct cg_audit *audit;
};

/* Who may: a service that has every grant this takes. */
static void make_caller(struct cg_import_publisher *p)
{
    const struct cg_conf *conf = p->ctl->conf;
    struct cg_token *token = cg_token_new();

    token->kind = CG_TOKEN_SERVICE;
    token->actions = CG_ACTION_ALL;
    token->name = cg_strdup("import");
    token->owner_id = cg_strdup("service:crategatectl");
    token->owner_name = cg_strdup(p->ctl->actor);
    token->grants = cg_calloc(conf->namespace_count + 1, sizeof(*token->grants));
    for (size_t i = 0; i < conf->namespace_count; i++)
        token->grants[i] = cg_asprintf("%s:%s", conf->namespaces[i].name,
                                       strcmp(conf->namespaces[i].name, p->ns) == 0 ? "admin" : "read");
    p->caller.token = token;
    p->caller.who = cg_identity_new(CG_IDENTITY_SERVICE, "service:crategatectl", p->ctl->actor, NULL, NULL);
    cg_identity_seal(p->caller.who);
}

enum cg_err cg_import_publisher_new(struct cg_ctl *ctl, const char *ns, struct cg_import_publisher **out,
                                    struct cg_error *err)
{
    struct cg_import_publisher *p = cg_calloc(1, sizeof(*p));
    enum cg_err rc;

    p->ctl = ctl;
    p->ns = ns;
    make_caller(p);
    rc = cg_registry_session_open(ctl, &p->session, err);
    if (rc == CG_OK)
        rc = cg_wiring_directory(ctl->conf, &p->dir, err);
    if (rc == CG_OK)
        rc = cg_policy_new(ctl->conf, p->dir, &p->policy, err);
    if (rc == CG_OK)
        rc = cg_ctl_audit_begin(ctl, &p->audit, err);
    if (rc == CG_OK)
        *out = p;
    else
        cg_import_publisher_free(&p);
    return rc;
}

/* Rows that take a crate which is not kept here: a daemon does not know of them, and this process ends. */
static void settle_rows(struct cg_import_publisher *p)
{
    struct cg_error err = {0};

    if (p->session.reg && cg_registry_settle(p->session.reg, p->ns, cg_clock_mono_ms() + SETTLE_MS, &err) != CG_OK)
        cg_ctl_fail(&err, "rows of the database that wait for a crate until crategated is started again");
}

void cg_import_publisher_free(struct cg_import_publisher **publisher)
{
    struct cg_import_publisher *p = *publisher;

    if (!p)
        return;
    settle_rows(p);
    cg_audit_close(&p->audit);
    cg_policy_unref(&p->policy);
    cg_directory_free(&p->dir);
    cg_registry_session_close(&p->session);
    cg_identity_unref(&p->caller.who);
    cg_token_unref(&p->caller.token);
    free(p);
    *publisher = NULL;
}

/* The frame */

struct frame {
    const char *label;
    struct cg_buf head; /* all that comes before the crate */
    int fd;
    uint64_t size; /* of the crate */
};

static void add_length(struct cg_buf *out, size_t len)
{
    unsigned char bytes[4] = {(unsigned char)len, (unsigned char)(len >> 8), (unsigned char)(len >> 16),
                              (unsigned char)(len >> 24)};

    cg_buf_add(out, bytes, sizeof(bytes));
}

static void make_head(struct frame *f, const struct cg_import_item *item)
{
    struct cg_buf json;

    cg_buf_init(&json, HEAD_MAX);
    cg_buf_addstr(&json, "{\"name\":");
    cg_json_quote(&json, item->name);
    cg_buf_addstr(&json, ",\"vers\":");
    cg_json_quote(&json, item->version);
    cg_buf_addstr(&json, "}");
    cg_buf_init(&f->head, HEAD_MAX + 8);
    add_length(&f->head, json.len);
    cg_buf_add(&f->head, cg_buf_str(&json), json.len);
    add_length(&f->head, (size_t)f->size);
    cg_buf_free(&json);
}

static enum cg_err read_frame(void *cls, uint64_t offset, void *bytes, size_t len, size_t *got_out,
                              struct cg_error *err)
{
    const struct frame *f = cls;
    ssize_t n;

    if (offset < f->head.len) {
        size_t left = f->head.len - (size_t)offset;

        *got_out = left < len ? left : len;
        memcpy(bytes, f->head.data + offset, *got_out);
        return CG_OK;
    }
    do
        n = pread(f->fd, bytes, len, (off_t)(offset - f->head.len));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return cg_error_set(err, CG_ERR_INVALID, "%s cannot be read: %m", f->label);
    *got_out = (size_t)n;
    return CG_OK;
}

/* Publishing */

static void record(struct cg_import_publisher *p, const struct cg_import_source *source, const struct cg_change *change,
                   enum cg_audit_event event, const char *detail)
{
    struct cg_audit_record audit = {.event = event,
                                    .actor = p->ctl->actor,
                                    .namespace_name = p->ns,
                                    .crate = change->crate,
                                    .version = change->version,
                                    .target = source->text,
                                    .detail = detail};
    struct cg_error err = {0};

    if (p->audit && cg_audit_write(p->audit, &audit, &err) != CG_OK)
        cg_ctl_fail(&err, "the record in the audit trail");
}

static enum cg_err publish_frame(struct cg_import_publisher *p, struct frame *f, struct cg_change *change,
                                 struct cg_error *err)
{
    struct cg_source body = {.size = f->head.len + f->size, .read = read_frame, .cls = f};
    struct cg_buf answer;
    enum cg_err rc;

    cg_buf_init(&answer, ANSWER_MAX);
    rc = cg_registry_publish(p->session.reg, change, &body, &answer, err);
    cg_buf_free(&answer);
    return rc;
}

/* A daemon that runs beside it is told of each. */
static enum cg_err publish_open(struct cg_import_publisher *p, struct cg_import_source *source,
                                const struct cg_import_item *item, struct frame *f, bool *same_out,
                                struct cg_error *err)
{
    const struct cg_origin origin = {
        .index = source->index, .line = item->line, .pubtime = item->pubtime, .yanked = item->yanked};
    struct cg_change change = {.policy = p->policy, .caller = &p->caller, .ns = p->ns, .origin = &origin};
    struct cg_metadata *md = p->session.md;
    enum cg_err rc = publish_frame(p, f, &change, err);

    if (rc != CG_OK)
        return rc;
    if (!change.unchanged) {
        record(p, source, &change, CG_AUDIT_IMPORT, item->yanked ? "it is yanked there, so here" : NULL);
        rc = md->ops->generation_bump(md, "index", err);
    }
    if (rc == CG_OK)
        *same_out = change.unchanged;
    return rc;
}

static enum cg_err fetch_and_publish(struct cg_import_publisher *p, struct cg_import_source *source,
                                     struct cg_import_item *item, bool *same_out, struct cg_error *err)
{
    struct frame f = {.label = item->label, .fd = -1};
    enum cg_err rc = source->open(source, item, &f.fd, &f.size, err);

    if (rc != CG_OK)
        return rc;
    if (f.size > p->ctl->conf->max_crate_size)
        rc = cg_error_set(err, CG_ERR_TOO_LARGE, "the file is larger than max_crate_size");
    if (rc == CG_OK) {
        make_head(&f, item);
        rc = publish_open(p, source, item, &f, same_out, err);
    }
    cg_buf_free(&f.head);
    close(f.fd);
    return rc;
}

/* The index in memory, or as it is on disk. */
static enum cg_err read_own_index(struct cg_import_publisher *p, const char *name, struct cg_blob **blob_out,
                                  struct cg_error *err)
{
    char path[CG_INDEX_PATH_SIZE];
    enum cg_err rc;

    cg_index_path(name, path);
    rc = cg_registry_index(p->session.reg, p->ns, path, blob_out);
    return rc == CG_ERR_AGAIN ? cg_registry_index_load(p->session.reg, p->ns, path, blob_out, err) : rc;
}

enum cg_err cg_import_there(struct cg_import_publisher *p, const struct cg_import_item *item, struct cg_error *err)
{
    struct cg_index_entry entry;
    struct cg_blob *blob = NULL;
    enum cg_err rc;
    bool there;

    if (!item->cksum[0] || read_own_index(p, item->name, &blob, NULL) != CG_OK)
        return CG_ERR_ABSENT; /* what is wrong there, a publish will say */
    there = cg_index_scan_find(blob->bytes, blob->len, item->version, &entry) && strcmp(entry.name, item->name) == 0 &&
            strcmp(entry.version, item->version) == 0;
    if (!there)
        rc = CG_ERR_ABSENT;
    else if (strcmp(entry.cksum, item->cksum) == 0)
        rc = CG_OK;
    else
        rc = cg_error_set(err, CG_ERR_CONFLICT,
                          "this version already exists here with other content (sha256 %.12s... instead of %.12s...), "
                          "which stays",
                          entry.cksum, item->cksum);
    cg_blob_unref(&blob);
    return rc;
}

/* What has been yanked there since an earlier import. Never the other way: a yank here may have reasons of its own. */
static enum cg_err take_yank(struct cg_import_publisher *p, const struct cg_import_source *source,
                             struct cg_import_item *item, struct cg_error *err)
{
    struct cg_change change = {.policy = p->policy, .caller = &p->caller, .ns = p->ns};
    struct cg_metadata *md = p->session.md;
    struct cg_buf answer;
    enum cg_err rc;

    cg_buf_init(&answer, ANSWER_MAX);
    rc = cg_registry_yank(p->session.reg, &change, item->name, item->version, true, &answer, err);
    cg_buf_free(&answer);
    if (rc != CG_OK || change.unchanged)
        return rc;
    item->yanked_now = true;
    record(p, source, &change, CG_AUDIT_CRATE_YANK, "yanked there since it was imported, so here");
    return md->ops->generation_bump(md, "index", err);
}

enum cg_err cg_import_publish(struct cg_import_publisher *p, struct cg_import_source *source,
                              struct cg_import_item *item, bool *same_out, struct cg_error *err)
{
    enum cg_err rc;

    if (item->fault)
        return cg_error_set(err, item->lost ? CG_ERR_UNAVAILABLE : CG_ERR_INVALID, "%s", item->fault);
    if (!item->name)
        return cg_error_set(err, CG_ERR_INVALID, "the file is not called NAME-VERSION.crate");
    rc = cg_import_there(p, item, err);
    if (rc == CG_ERR_ABSENT)
        rc = fetch_and_publish(p, source, item, same_out, err);
    else if (rc == CG_OK)
        *same_out = true;
    return rc == CG_OK && *same_out && item->yanked ? take_yank(p, source, item, err) : rc;
}
