/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Cargo's semantics over storage and metadata: everything cargo can ask of a
 * registry, with no HTTP, LDAP or curl in it. Source: cargo-protocol.md.
 *
 * A registry holds one object per local namespace, opened when first named by a
 * configuration and kept until the end; whether somebody may see it is the
 * policy's business, asked before (by the pipeline) and, once a crate's name is
 * known from a body, again in here.
 *
 * Index reads: cg_registry_index answers from memory or AGAIN; then
 * cg_registry_index_load, on a worker, reads the file and remembers it. A change
 * replaces the entry in memory after it is durable and before its caller answers.
 *
 * All JSON answers are complete bodies appended to `out`.
 *
 * Threading: index and download_fast are for polling threads (never block); everything else
 * blocks and runs on workers.
 */
#ifndef CG_REGISTRY_REGISTRY_H
#define CG_REGISTRY_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include "authz/policy.h"
#include "base/blob.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "crategate/metadata.h"
#include "crategate/storage.h"

struct cg_registry;

/* Makes the storage of a namespace; the binaries wire a driver in here. */
typedef enum cg_err (*cg_storage_factory)(const struct cg_conf *conf, const struct cg_conf_namespace *ns,
                                          struct cg_storage **st_out, struct cg_error *err);

/* Opens all namespaces of the configuration and scans their index names. md must outlive it. */
enum cg_err cg_registry_new(const struct cg_conf *conf, struct cg_metadata *md, cg_storage_factory factory,
                            struct cg_registry **reg_out, struct cg_error *err) CG_CHECK;
/* After a reload, or when teams came or went: opens namespaces that are new, leaves alone those that are not in the
 * configuration (any more), whose storage then need not answer, and drops in-memory answers that depend on it. */
enum cg_err cg_registry_reconfigure(struct cg_registry *reg, const struct cg_conf *conf, struct cg_error *err) CG_CHECK;
void cg_registry_free(struct cg_registry **reg);
/* Once a second, maintenance: writes download counts, notices other processes' changes (generation "index"). */
void cg_registry_tick(struct cg_registry *reg);
/* The rest of that for a namespace whose crates are on another server: makes rows of the database that may not fit the
 * index fit it, which may take crates from there; until none is left or the time (monotonic ms) has come. OK at once
 * for any other namespace. UNAVAILABLE, AGAIN: some have to wait. */
enum cg_err cg_registry_settle(struct cg_registry *reg, const char *ns, int64_t until_ms,
                               struct cg_error *err) CG_CHECK;
/* Every namespace's storage can be used. The detail is for anybody; the log names the namespace. */
enum cg_err cg_registry_ping(struct cg_registry *reg, struct cg_error *err) CG_CHECK;

/* Is a server behind some namespace's storage down, while what is here is still served? The sentence is for anybody. */
bool cg_registry_degraded(struct cg_registry *reg, struct cg_error *why);

/* config.json of a namespace as served (contract, section 3); auth_required from the policy. Never blocks. */
void cg_registry_config_json(const struct cg_conf *conf, const char *ns, bool auth_required, struct cg_buf *out);

/* `path` is what follows "index/" ("ab/cd/abcd"); OK (a reference in *blob_out), ABSENT, or AGAIN. */
enum cg_err cg_registry_index(struct cg_registry *reg, const char *ns, const char *path,
                              struct cg_blob **blob_out) CG_CHECK;
enum cg_err cg_registry_index_load(struct cg_registry *reg, const char *ns, const char *path,
                                   struct cg_blob **blob_out, struct cg_error *err) CG_CHECK;

/* A crate to send. `name` may be spelled in any case the index path allows; ABSENT when name or version is unknown.
 * etag is the quoted sha256. Counts a download unless `count` is false (HEAD, ranges). The file may still be coming in; the caller gives it back with
 * cg_crate_file_close. */
enum cg_err cg_registry_download(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                                 bool count, struct cg_crate_file *file_out, char etag_out[CG_ETAG_SIZE + 32],
                                 struct cg_error *err) CG_CHECK;

/* The same from memory, for one that was sent a moment ago: OK, or AGAIN for the function above. `file_out` has a
 * blob: a small file's bytes, or the open file. Never blocks. */
enum cg_err cg_registry_download_fast(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                                      bool count, struct cg_crate_file *file_out,
                                      char etag_out[CG_ETAG_SIZE + 32]) CG_CHECK;

/* etag alone: the quoted sha256 of a version, from its index line. ABSENT as above. */
enum cg_err cg_registry_etag(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                             char etag_out[CG_ETAG_SIZE + 32], struct cg_error *err) CG_CHECK;

/* Where a body's bytes come from: a spool of the http room or a file in a test. */
struct cg_source {
    uint64_t size;
    /* Reads up to len bytes at offset; *got_out 0 only at the end. */
    enum cg_err (*read)(void *cls, uint64_t offset, void *bytes, size_t len, size_t *got_out, struct cg_error *err);
    void *cls;
};

/* Where a crate that is imported was published before. Borrowed. */
struct cg_origin {
    const char *index; /* URL of that registry's index, whose crates become this registry's; NULL: not a registry */
    const char *line;  /* its index line, for the registries of the dependencies; NULL: there is none */
    int64_t pubtime;   /* when, wall seconds; 0: it is not known, so now */
    bool yanked;       /* so there, so here */
};

/* Everybody's change carries who asks and under which policy. */
struct cg_change {
    const struct cg_policy *policy;
    const struct cg_caller *caller;
    const char *ns;
    const struct cg_origin *origin; /* of a publish that is an import, else NULL */
    struct cg_decision decision; /* out: the last decision, for the audit record */
    char crate[CG_ERROR_DETAIL_MAX / 8];   /* out: name as far as it was read, for the audit record */
    char version[CG_ERROR_DETAIL_MAX / 4]; /* out */
    bool unchanged;                        /* out: the same was already there */
};

/* The whole publish (cargo-protocol.md 5.2, 7.3): frame, checks, policy, store, index line, derived rows. `out` gets
 * cargo's JSON ({"warnings":...}). INVALID, UNPROCESSABLE, CONFLICT, DENIED, TOO_LARGE, UNAVAILABLE. */
enum cg_err cg_registry_publish(struct cg_registry *reg, struct cg_change *change, const struct cg_source *body,
                                struct cg_buf *out, struct cg_error *err) CG_CHECK;
/* The same for a body that is nothing but the .crate: its own manifest is the metadata, and must be of this name and
 * version. There is no answer but the result; change->unchanged: these bytes were there already. */
struct cg_coordinates {
    const char *name, *version;
};
enum cg_err cg_registry_deploy(struct cg_registry *reg, struct cg_change *change, const struct cg_coordinates *as,
                               const struct cg_source *body, struct cg_error *err) CG_CHECK;
/* Could it be a deploy of what is there already? OK when the namespace has that version with that sha256 (lower-case
 * hex) and the caller might publish it; ABSENT when it has not; or the policy's refusal. */
enum cg_err cg_registry_deployed(struct cg_registry *reg, struct cg_change *change, const struct cg_coordinates *as,
                                 const char *cksum, struct cg_error *err) CG_CHECK;
enum cg_err cg_registry_yank(struct cg_registry *reg, struct cg_change *change, const char *name, const char *version,
                             bool yanked, struct cg_buf *out, struct cg_error *err) CG_CHECK;
enum cg_err cg_registry_owners(struct cg_registry *reg, const char *ns, const char *name, struct cg_buf *out,
                               struct cg_error *err) CG_CHECK;
/* `logins` "alice", "group:payments"; looked up in the directory: unknown ones are UNPROCESSABLE. */
enum cg_err cg_registry_owners_change(struct cg_registry *reg, struct cg_change *change, struct cg_directory *dir,
                                      const char *name, char *const *logins, bool add, struct cg_buf *out,
                                      struct cg_error *err) CG_CHECK;

/* crates.io-shaped reads, by the tail of the path. page from 1; a search with per_page 0 only counts. */
enum cg_err cg_registry_search(struct cg_registry *reg, const struct cg_search *search, struct cg_buf *out,
                               struct cg_error *err) CG_CHECK;
enum cg_err cg_registry_crate(struct cg_registry *reg, const char *ns, const char *name, struct cg_buf *out,
                              struct cg_error *err) CG_CHECK;
enum cg_err cg_registry_versions(struct cg_registry *reg, const char *ns, const char *name, struct cg_buf *out,
                                 struct cg_error *err) CG_CHECK;
enum cg_err cg_registry_version(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                                struct cg_buf *out, struct cg_error *err) CG_CHECK;
enum cg_err cg_registry_dependencies(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                                     struct cg_buf *out, struct cg_error *err) CG_CHECK;
enum cg_err cg_registry_reverse(struct cg_registry *reg, const char *ns, const char *name, unsigned per_page,
                                unsigned page, struct cg_buf *out, struct cg_error *err) CG_CHECK;
enum cg_err cg_registry_downloads(struct cg_registry *reg, const char *ns, const char *name, struct cg_buf *out,
                                  struct cg_error *err) CG_CHECK;
/* The readme's text out of the stored archive, at most 1 MiB. */
enum cg_err cg_registry_readme(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                               struct cg_buf *out, struct cg_error *err) CG_CHECK;

/* Looks at every crate of the namespace again, on the maintenance thread: do the database's derived rows fit the index?
 * *count_out: how many crates that will be. ABSENT. */
enum cg_err cg_registry_recheck(struct cg_registry *reg, const char *ns, size_t *count_out,
                                struct cg_error *err) CG_CHECK;

/* Integrity (crategatectl verify). Reports each problem as a line; `progress` may be NULL. */
struct cg_verify {
    bool repair;
    const struct cg_conf *conf; /* for namespaces whose storage has other writers, whose files it takes in */
    void (*progress)(void *cls, const char *ns, uint64_t done, uint64_t total);
    void (*problem)(void *cls, const char *ns, const char *what, bool repaired);
    void *cls;
    volatile bool *stop; /* set by a signal: ends early, may be run again */
    uint64_t crates, problems, repaired; /* out */
};
enum cg_err cg_registry_verify(struct cg_registry *reg, const char *ns, struct cg_verify *verify,
                               struct cg_error *err) CG_CHECK;
/* Administration: removes a version (version NULL: the whole crate) from index, storage and derived rows. */
enum cg_err cg_registry_delete(struct cg_registry *reg, const char *ns, const char *name, const char *version,
                               struct cg_error *err) CG_CHECK;

#endif
