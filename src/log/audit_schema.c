/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "log/audit_schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "log/audit_record.h"

#define REQUEST "request_id actor address method path status"
#define VERSION REQUEST " namespace crate version rule"
#define STORE "actor namespace crate version target detail"
#define OWNERS REQUEST " namespace crate target rule"

static const struct {
    const char *name, *doc;
} events[] = {
#define X(name, text, change, doc) {text, doc},
    CG_AUDIT_TABLE(X)
#undef X
};

/* What a record of the event always has, beside what all records have. */
static const char *const always[CG_AUDIT_COUNT] = {
    [CG_AUDIT_LOGIN] = REQUEST,
    [CG_AUDIT_REFUSAL] = REQUEST,
    [CG_AUDIT_PUBLISH] = VERSION,
    [CG_AUDIT_YANK] = VERSION,
    [CG_AUDIT_UNYANK] = VERSION,
    [CG_AUDIT_OWNER_ADD] = OWNERS,
    [CG_AUDIT_OWNER_REMOVE] = OWNERS,
    [CG_AUDIT_TOKEN_CREATE] = "actor target",
    [CG_AUDIT_TOKEN_REVOKE] = "actor target",
    [CG_AUDIT_CRATE_DELETE] = "actor namespace crate",
    [CG_AUDIT_REPAIR] = "actor",
    [CG_AUDIT_CRATE_ADOPT] = STORE,
    [CG_AUDIT_CRATE_QUARANTINE] = STORE,
    [CG_AUDIT_CRATE_RELEASE] = STORE,
    [CG_AUDIT_CRATE_YANK] = STORE,
    [CG_AUDIT_IMPORT] = "actor namespace crate version target",
    [CG_AUDIT_TORN_LINE] = "target detail",
    [CG_AUDIT_START] = "detail",
    [CG_AUDIT_STOP] = "detail",
    [CG_AUDIT_RELOAD] = "target",
};

static void add_member(struct cg_buf *out, const char *name, const char *rule, const char *doc)
{
    cg_buf_addf(out, "    \"%s\": {%s, \"description\": ", name, rule);
    cg_json_quote(out, doc);
    cg_buf_addstr(out, "},\n");
}

static void add_events(struct cg_buf *out)
{
    cg_buf_addstr(out, "    \"event\": {\"description\": \"what happened\", \"oneOf\": [\n");
    for (size_t i = 0; i < CG_AUDIT_COUNT; i++) {
        cg_buf_addf(out, "      {\"const\": \"%s\", \"description\": ", events[i].name);
        cg_json_quote(out, events[i].doc);
        cg_buf_addstr(out, i + 1 < CG_AUDIT_COUNT ? "},\n" : "}\n    ]},\n");
    }
}

/* The outcomes of all errors, each once; AGAIN never leaves the program. */
static void add_outcomes(struct cg_buf *out)
{
    struct cg_buf rule;
    cg_buf_init(&rule, 1024);
    for (int code = 0; code < CG_ERR_COUNT; code++) {
        char *word = NULL;
        if (code != CG_ERR_AGAIN && asprintf(&word, "\"%s\"", cg_err_outcome((enum cg_err)code)) > 0 &&
            !strstr(cg_buf_str(&rule), word))
            cg_buf_addf(&rule, "%s%s", rule.len ? ", " : "\"enum\": [", word);
        free(word);
    }
    cg_buf_addch(&rule, ']');
    add_member(out, "outcome", cg_buf_str(&rule),
               "ok: it was done; refused: somebody was told no; failed: something did not work or did not answer");
    cg_buf_free(&rule);
}

static void add_seal(struct cg_buf *out)
{
    static const char digest[] = "\"type\": \"string\", \"pattern\": \"^[0-9a-f]{64}$\"";
    add_member(out, "seq", "\"type\": \"integer\", \"minimum\": 1", "the record's number; the next one's is one more");
    add_member(out, "prev", digest, "the mac of the record before, zeros for the first");
    cg_buf_addf(out, "    \"mac\": {%s, \"description\": \"HMAC-SHA-256, under state_dir/audit.key, of the line before "
                     "this member\"}\n",
                digest);
}

static void add_members(struct cg_buf *out)
{
    static const char text[] = "\"type\": \"string\", \"maxLength\": 2048";
    static const char number[] = "\"type\": \"integer\", \"minimum\": 1";
    _Static_assert(CG_AUDIT_FIELD_MAX == 2048, "the maximum in the text above");
    add_member(out, "time",
               "\"type\": \"string\", \"pattern\": \"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$\"",
               "when, UTC");
    add_events(out);
    add_outcomes(out);
#define TEXT(name, member, doc) add_member(out, name, text, doc);
#define NUMBER(name, member, doc) add_member(out, name, number, doc);
    CG_AUDIT_FIELD_TABLE(TEXT, NUMBER)
#undef TEXT
#undef NUMBER
    add_seal(out);
}

/* "a b" as "a", "b" */
static void add_list(struct cg_buf *out, const char *words)
{
    cg_buf_addch(out, '"');
    for (; *words; words++)
        cg_buf_addstr(out, *words == ' ' ? "\", \"" : (char[]){*words, '\0'});
    cg_buf_addch(out, '"');
}

static void add_needs(struct cg_buf *out)
{
    const char *comma = "";
    for (size_t i = 0; i < CG_AUDIT_COUNT; i++) {
        if (!always[i])
            continue;
        cg_buf_addf(out,
                    "%s\n    {\"if\": {\"properties\": {\"event\": {\"const\": \"%s\"}}}, \"then\": {\"required\": [", comma, events[i].name);
        add_list(out, always[i]);
        cg_buf_addstr(out, "]}}");
        comma = ",";
    }
}

void cg_audit_write_schema(struct cg_buf *out)
{
    cg_buf_addstr(out, "{\n"
                       "  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                       "  \"$comment\": \"Generated from include/crategate/audit.h and src/log by src/log/gen_audit; do "
                       "not edit.\",\n"
                       "  \"title\": \"A line of crategate's audit trail\",\n"
                       "  \"type\": \"object\",\n"
                       "  \"properties\": {\n");
    add_members(out);
    cg_buf_addstr(out, "  },\n  \"required\": [");
    add_list(out, "time event outcome seq prev mac");
    cg_buf_addstr(out, "],\n  \"additionalProperties\": false,\n  \"allOf\": [");
    add_needs(out);
    cg_buf_addstr(out, "\n  ]\n}\n");
}
