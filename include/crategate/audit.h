/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The audit trail: one JSON object a line, append only, each line chained to
 * the one before it by a keyed digest (docs/audit.md). The key and the chain's
 * head are in state_dir; processes that share it (crategatectl beside the
 * daemon) share one chain, over rotation and restarts.
 *
 * CG_AUDIT_TABLE names every event. An event that changes something ("change"
 * 1) is written and flushed before its caller goes on (write is synchronous);
 * a refusal of a read is handed to a writer thread through a bounded queue, so
 * that a polling thread never waits for a disk. With `audit.required`, a change
 * is refused beforehand (cg_audit_reserve) when its record could not be kept.
 *
 * Threading: everything here may be called from any thread; cg_audit_write of
 * a non-change event never blocks.
 */
#ifndef CRATEGATE_AUDIT_H
#define CRATEGATE_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "crategate/err.h"

/* name, text in the record, is it a change?, what it means */
#define CG_AUDIT_TABLE(X)                                                     \
    X(LOGIN, "login", 0, "a password was checked against the directory")      \
    X(REFUSAL, "refusal", 0, "a request was refused")                         \
    X(PUBLISH, "publish", 1, "a crate version was published")                 \
    X(YANK, "yank", 1, "a version was yanked")                                \
    X(UNYANK, "unyank", 1, "a version was unyanked")                          \
    X(OWNER_ADD, "owner-add", 1, "owners were added to a crate")              \
    X(OWNER_REMOVE, "owner-remove", 1, "owners were removed from a crate")    \
    X(TOKEN_CREATE, "token-create", 1, "a token was made")                    \
    X(TOKEN_REVOKE, "token-revoke", 1, "a token was revoked")                 \
    X(TOKEN_SUSPEND, "token-suspend", 0, "the tokens of somebody who is gone or disabled were suspended") \
    X(TOKEN_RESUME, "token-resume", 0, "they work again, because the directory has the person again") \
    X(TOKEN_PURGE, "token-purge", 0, "tokens suspended for long were deleted") \
    X(SWEEP, "sweep", 0, "a round over all token owners ended, or was given up because it found too many gone") \
    X(TEAM_APPEAR, "team-appear", 0, "a group of the directory became a namespace") \
    X(TEAM_VANISH, "team-vanish", 0, "a team's group is gone, and its namespace with it; its crates stay on disk") \
    X(CRATE_DELETE, "crate-delete", 1, "a crate or version was deleted by an administrator") \
    X(REPAIR, "repair", 1, "an administrator had derived data made anew and orphans removed")  \
    X(CRATE_ADOPT, "crate-adopt", 1, "a version that another writer put into the repository was taken in") \
    X(CRATE_QUARANTINE, "crate-quarantine", 1, "a version is not given out any more: its file vanished or changed") \
    X(CRATE_RELEASE, "crate-release", 1, "it is given out again: the file is what it was") \
    X(CRATE_YANK, "crate-yank", 1, "a version was yanked or unyanked in the repository, and so it was here") \
    X(IMPORT, "import", 1, "an administrator brought in a version from elsewhere") \
    X(TORN_LINE, "torn-line", 0, "the line before this record is only the beginning of one: a crash cut it short") \
    X(START, "start", 0, "the daemon started")                                \
    X(STOP, "stop", 0, "the daemon stopped")                                  \
    X(RELOAD, "reload", 0, "the configuration was reloaded, or could not be")

enum cg_audit_event {
    CG_AUDIT_NONE = -1,
#define X(name, text, change, doc) CG_AUDIT_##name,
    CG_AUDIT_TABLE(X)
#undef X
        CG_AUDIT_COUNT
};

/* Borrowed strings; NULL leaves the field out. */
struct cg_audit_record {
    enum cg_audit_event event;
    const char *request_id;
    const char *actor;    /* name */
    const char *actor_id; /* stable id */
    int64_t token_id;     /* 0: none */
    const char *address;  /* the client's, after trusted proxies */
    const char *namespace_name;
    const char *crate;
    const char *version;
    const char *target;  /* owner logins, token name... */
    const char *method;  /* HTTP */
    const char *path;    /* decoded, without query */
    unsigned status;     /* HTTP; 0: none */
    enum cg_err outcome;
    const char *rule;    /* the line of the configuration that decided */
    const char *detail;  /* what the caller was told */
};

struct cg_audit;

/* Opens (creates, 0640) the file, and in `state_dir`, which must be there, the chain's key and head; path "" means: no
 * trail, everything succeeds. UNAVAILABLE when one cannot be opened, INVALID for a key file that holds no key. */
enum cg_err cg_audit_open(const char *path, const char *state_dir, bool required, struct cg_audit **audit_out,
                          struct cg_error *err) CG_CHECK;
/* Flushes and closes; nulls the pointer. */
void cg_audit_close(struct cg_audit **audit);
/* Opens the same path again (after rotation), or another one (after a reload). On error the old file stays in use. */
enum cg_err cg_audit_reopen(struct cg_audit *audit, const char *path, bool required, struct cg_error *err) CG_CHECK;

/* Will a change be recordable now? UNAVAILABLE when not and recording is required, else OK. */
enum cg_err cg_audit_reserve(struct cg_audit *audit, struct cg_error *err) CG_CHECK;
/* Writes one record. For changes the result says whether it is on disk; others are queued and OK. */
enum cg_err cg_audit_write(struct cg_audit *audit, const struct cg_audit_record *record, struct cg_error *err);
/* Records dropped because the queue was full, since start. */
uint64_t cg_audit_dropped(const struct cg_audit *audit);

const char *cg_audit_event_name(enum cg_audit_event event);
bool cg_audit_event_is_change(enum cg_audit_event event);

#endif
