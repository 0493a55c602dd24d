/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * One audit record as a line of JSON, and what its fields mean. For audit*.c
 * alone. Pure.
 */
#ifndef CG_LOG_AUDIT_RECORD_H
#define CG_LOG_AUDIT_RECORD_H

#include "base/buf.h"
#include "crategate/audit.h"

/* Longest line, its seal included: every field at its longest and all of it escaped. */
#define CG_AUDIT_LINE_MAX 262144
/* Longest field, in bytes. */
#define CG_AUDIT_FIELD_MAX 2048

/* The fields between "outcome" and the seal, in their order: name in the record, member, what it means. */
#define CG_AUDIT_FIELD_TABLE(TEXT, NUMBER)                                                                            \
    TEXT("request_id", request_id, "the request, as its X-Request-Id and the log name it")                            \
    TEXT("actor", actor, "who did it: a person's or service's name, \"-\" for nobody known, or crategatectl")        \
    TEXT("actor_id", actor_id, "the same as the directory's lasting id, which a rename does not change")              \
    NUMBER("token_id", token_id, "the token that was used, or that was made")                                         \
    TEXT("address", address, "the client's address, as the last trusted proxy saw it")                                \
    TEXT("namespace", namespace_name, "the namespace it was about")                                                   \
    TEXT("crate", crate, "the crate")                                                                                 \
    TEXT("version", version, "the version")                                                                           \
    TEXT("target", target, "what else it was about: owners, a token's name or id, a group, a file")                   \
    TEXT("method", method, "the request's method")                                                                    \
    TEXT("path", path, "the request's path, decoded, without its query")                                              \
    NUMBER("status", status, "the HTTP status of the answer")                                                         \
    TEXT("rule", rule, "the line of the configuration that decided")                                                  \
    TEXT("detail", detail, "what the caller was told, or more about the event")

/* Appends the object, still open: audit_chain.h ends the line. Fields beyond CG_AUDIT_FIELD_MAX are cut: a record that
 * is too long must not be lost. */
void cg_audit_record_format(struct cg_buf *out, const struct cg_audit_record *record, int64_t wall_s);

#endif
