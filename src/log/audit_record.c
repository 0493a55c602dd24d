/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "log/audit_record.h"

#include <inttypes.h>
#include <string.h>

#include "base/str.h"
#include "crategate/clock.h"

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
    char cut[CG_AUDIT_FIELD_MAX + 1];
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
#define TEXT(name, member, doc) add_text(out, name, record->member);
#define NUMBER(name, member, doc) add_number(out, name, record->member);
    CG_AUDIT_FIELD_TABLE(TEXT, NUMBER)
#undef TEXT
#undef NUMBER
}
