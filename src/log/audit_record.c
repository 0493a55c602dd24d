/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "log/audit_record.h"

#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "crategate/clock.h"

#define FIELD_MAX 2048

static const struct {
    const char *name;
    bool change;
} events[] = {
#define X(name, text, change, doc) [CG_AUDIT_##name] = {text, change},
    CG_AUDIT_TABLE(X)
#undef X
};

static bool known(enum cg_audit_event event)
{
    return event > CG_AUDIT_NONE && event < CG_AUDIT_COUNT;
}

const char *cg_audit_event_name(enum cg_audit_event event)
{
    return known(event) ? events[event].name : "none";
}

bool cg_audit_event_is_change(enum cg_audit_event event)
{
    return known(event) && events[event].change;
}

static void add_text(struct cg_buf *out, const char *name, const char *value)
{
    if (!value)
        return;
    char cut[FIELD_MAX + 1];
    if (strnlen(value, sizeof cut) == sizeof cut) {
        cg_str_printable(value, strlen(value), cut, sizeof cut);
        value = cut;
    }
    cg_buf_addf(out, ",\"%s\":", name);
    cg_json_quote(out, value);
}

static void add_number(struct cg_buf *out, const char *name, int64_t value)
{
    if (value)
        cg_buf_addf(out, ",\"%s\":%" PRId64, name, value);
}

void cg_audit_record_format(struct cg_buf *out, const struct cg_audit_record *record, int64_t wall_s)
{
    char when[CG_TIME_RFC3339_SIZE];
    cg_time_rfc3339(wall_s, when);
    cg_buf_addf(out, "{\"time\":\"%s\",\"event\":\"%s\"", when, cg_audit_event_name(record->event));
    add_text(out, "outcome", cg_err_outcome(record->outcome));
    add_text(out, "request_id", record->request_id);
    add_text(out, "actor", record->actor);
    add_text(out, "actor_id", record->actor_id);
    add_number(out, "token_id", record->token_id);
    add_text(out, "address", record->address);
    add_text(out, "namespace", record->namespace_name);
    add_text(out, "crate", record->crate);
    add_text(out, "version", record->version);
    add_text(out, "target", record->target);
    add_text(out, "method", record->method);
    add_text(out, "path", record->path);
    add_number(out, "status", record->status);
    add_text(out, "rule", record->rule);
    add_text(out, "detail", record->detail);
    cg_buf_addstr(out, "}\n");
}
