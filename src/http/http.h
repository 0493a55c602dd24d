/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The transport-neutral request and response, the route table's row, and the
 * pipeline's steps. No libmicrohttpd or nghttp2 type appears here or anywhere
 * above the transports (http1/, http2/), and OpenSSL's stay below them (net/).
 *
 * The way of a request: ROUTE, LIMITS, AUTHN, AUTHZ, BODY, EXECUTE, RESPOND,
 * AUDIT (docs/architecture.md). A transport makes a request, calls
 * cg_pipeline_run() and does what it answers:
 *
 *   CG_STEP_BODY     the caller is authorised: accept the body (send 100 Continue), feed it with cg_pipeline_body(),
 *                    then run again with `body_complete`
 *   CG_STEP_WAIT     stop reading this request, call cg_pipeline_wait() after that; the `wake` of the transport's ops is
 *                    called (on another thread) when it is to be run again, perhaps with `resume_at_ms` in the future
 *   CG_STEP_RESPOND  send `response`, then cg_pipeline_finish()
 *
 * Threading: a request is touched by one thread at a time: the polling thread, or, between WAIT and wake, a worker.
 */
#ifndef CG_HTTP_HTTP_H
#define CG_HTTP_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <pthread.h>
#include <sys/socket.h>

#include "authn/authn.h"
#include "authz/policy.h"
#include "base/arena.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/feed.h"
#include "base/pool.h"
#include "crategate/audit.h"
#include "crategate/err.h"
#include "registry/registry.h"

struct cg_request;
struct cg_gateway;
struct cg_memo;
struct cg_spool;

enum cg_method { CG_GET = 1, CG_HEAD = 2, CG_PUT = 4, CG_DELETE = 8, CG_POST = 16, CG_OTHER_METHOD = 0 };
enum cg_step { CG_STEP_NEXT, CG_STEP_BODY, CG_STEP_WAIT, CG_STEP_RESPOND };
enum cg_body_kind {
    CG_BODY_NONE,   /* a body is refused by 413 unless empty */
    CG_BODY_MEMORY, /* at most 64 KiB, in memory */
    CG_BODY_SPOOL   /* up to the crate limit and the frame around it: memory first, then an unlinked file */
};
/* Who may come to a route besides tokens. */
enum cg_route_auth {
    CG_AUTH_NONE,     /* health, metrics, pages: the caller stays anonymous and credentials are not looked at */
    CG_AUTH_TOKEN,    /* tokens; passwords only where basic_auth = everywhere */
    CG_AUTH_PASSWORD, /* Basic with the password is meant here (making tokens); tokens are authenticated too */
};

/* Whose shape errors have, and what else an answer's reader expects of it. */
enum cg_route_style {
    CG_STYLE_CARGO,      /* {"errors":[{"detail":"..."}]} */
    CG_STYLE_ARTIFACTORY /* {"errors":[{"status":404,"message":"..."}]}, X-JFrog-Version; 401 offers Basic */
};

/* The Artifactory that its clients take us for: they switch features on by this number. None of a later version is
 * needed for what is served here. */
#define CG_JFROG_VERSION "7.161.20"

#define CG_ROUTE_PARAMS 4

/* The answer of a request. Strings are borrowed from the arena or static. */
struct cg_header {
    const char *name, *value;
};
#define CG_RESPONSE_HEADERS 16
struct cg_response {
    unsigned status;
    struct cg_header headers[CG_RESPONSE_HEADERS];
    size_t header_count;
    const char *content_type; /* NULL: none */
    /* Exactly one of: a blob (its gzip form when `gzip`), a buffer given away, a file, nothing. */
    struct cg_blob *blob;
    bool gzip;
    struct cg_buf buf;
    int fd; /* -1: none */
    struct cg_feed *feed; /* NULL: none; else a file that is still being filled */
    struct cg_blob *file; /* NULL: none; else one that is shared, for transports that share files */
    uint64_t file_offset, file_len; /* of fd, feed or file */
    /* The blob that the first so many headers follow from, so that a transport may keep the answer; a reference. Set
     * with 304 too, whose answer has no body. NULL: they follow from more than that. */
    struct cg_blob *source;
    size_t source_headers;
};

/* One row of the static route table (api/routes.c). A handler returns RESPOND; or WAIT, which from `fast`
 * means "ask slow" and from `slow` "again, when what req->awaits has begun" (no worker is held until then). */
struct cg_route {
    unsigned methods;       /* enum cg_method bits; GET implies HEAD */
    const char *pattern;    /* "/api/cargo/{ns}/index/{*path}": {x} one segment, {*x} the rest; {ns} is the namespace,
                             * {crate} the crate's name when there is one; "[;properties]" at the end: matrix
                             * parameters may follow */
    enum cg_action action;  /* asked of the policy in {ns}; CG_ACTION_NONE where there is no namespace */
    enum cg_route_auth auth;
    enum cg_route_style style;
    enum cg_body_kind body;
    enum cg_audit_event event; /* recorded on success; CG_AUDIT_NONE: only refusals are */
    enum cg_step (*fast)(struct cg_request *req); /* on the polling thread, never blocks; NULL: always slow */
    enum cg_step (*slow)(struct cg_request *req); /* on a worker; NULL: always fast */
    bool asks_directory;    /* slow does, so it runs on an asker and not on a worker */
    const char *doc;        /* one line for the API reference */
};

/* What a transport gives. */
struct cg_transport_ops {
    const char *name; /* "http/1.1" */
    /* Value of a request header, any case; NULL when absent. Several lines are one list, joined by ", " (RFC 9110
     * 5.3). *count_out (may be NULL): how many lines there were. Borrowed until the request ends. */
    const char *(*header)(void *transport, const char *name, unsigned *count_out);
    bool shares_files; /* it can send response.file; else that becomes a descriptor of the answer's own */
    /* Run this request again (any thread). */
    void (*wake)(void *transport);
};

struct cg_request {
    struct cg_gateway *gw;
    const struct cg_transport_ops *ops;
    void *transport;
    struct cg_arena *arena;

    /* filled by the transport */
    enum cg_method method;
    const char *method_name;
    const char *target;      /* path part as sent, without query */
    const char *query;       /* raw, "" when none */
    uint64_t content_length; /* declared; UINT64_MAX: unknown (chunked); 0: none */
    bool body_complete;
    bool bad_host;    /* HTTP/1.1 wants one Host header, nobody takes two: LIMITS refuses it */
    bool bad_framing; /* two parsers could disagree on where this request ends: LIMITS refuses it */
    bool unix_peer;
    bool tls; /* our own: the connection is */
    struct sockaddr_storage peer;
    struct cg_memo *memo; /* the connection's (http/memo.h); NULL: it has none */

    /* filled by the steps */
    char id[33];              /* X-Request-Id */
    int64_t started_us;
    int64_t resume_at_ms;     /* with WAIT's wake: not before this monotonic time; 0: at once */
    struct cg_policy *policy; /* a reference, the same through the whole request */
    const char *path;         /* decoded once, base path stripped, "/..." */
    const struct cg_route *route;
    const char *params[CG_ROUTE_PARAMS]; /* in the pattern's order */
    const char *ns;           /* NULL when the route has none */
    const char *ns_asked;     /* the repository key that the address has instead, NULL otherwise: see AUTHZ */
    enum cg_route_style style; /* the route's; where there is none, that of the address */
    const char *crate;        /* NULL */
    char address[64];         /* the client's, after trusted proxies; "unix" */
    bool secure;              /* https, loopback or unix socket */
    struct cg_credentials cred;
    struct cg_authn_answer authn;
    struct cg_spool *spool;
    struct cg_response response;
    /* audit fields that a handler knows better */
    const char *audit_crate, *audit_version, *audit_target;
    bool audit_skip;          /* nothing changed, or was meant to (with 404): no change record */

    struct cg_feed *awaits;   /* a slow handler that returns WAIT: run it again once this has begun; a reference */

    unsigned step;            /* the pipeline's own: index of the step to run */
    unsigned phase;           /* the pipeline's own, like all that follows */
    bool worked;              /* a worker had it */
    bool recorded;            /* the change is in the audit trail already */
    uint64_t swallowed;       /* body bytes read after the request was refused */
    uint64_t response_len;
    int64_t waits_since_ms;   /* for a worker or an asker; monotonic */
    struct cg_job job;
    struct cg_feed_waiter waiter;

    /* Large, and empty in most requests: not cleared as the rest is, so they stay the last two. */
    struct cg_decision decision;
    struct cg_error error; /* set by a step or handler that refuses; RESPOND renders it */
};

/* Everything a request needs, made by the daemon. */
struct cg_gateway {
    const struct cg_route *routes;
    size_t route_count;
    struct cg_authn *authn;
    struct cg_registry *registry;
    struct cg_metadata *metadata;
    struct cg_audit *audit;
    struct cg_pool *pool;        /* workers: what waits for disk and database */
    struct cg_pool *askers;      /* what waits for the directory, and for nothing of that the workers are needed: so one
                                  * that is silent takes no worker away from downloads and publishes */
    struct cg_directory *(*directory)(struct cg_gateway *gw); /* the current one; stays valid until the end */
    const char *spool_dir;
    atomic_bool draining;        /* set once at SIGTERM: /readyz says so */
    pthread_rwlock_t policy_lock;
    struct cg_policy *policy;    /* under policy_lock; use cg_gateway_policy() */
};
/* A reference to the policy in force. */
struct cg_policy *cg_gateway_policy(struct cg_gateway *gw);
/* Puts another one in force; takes over the reference. */
void cg_gateway_set_policy(struct cg_gateway *gw, struct cg_policy *policy);

/* Method names are case-sensitive; any other is CG_OTHER_METHOD. */
enum cg_method cg_method_of(const char *name);
/* Transports. new: the arena, the id, defaults. The transport fills its fields and runs. */
struct cg_request *cg_request_new(struct cg_gateway *gw, const struct cg_transport_ops *ops, void *transport);
enum cg_step cg_pipeline_run(struct cg_request *req);
/* After WAIT and once nothing of the transport touches the request: hands it to a worker. When the queue is full the
 * request becomes a 503 and wake is called at once. */
void cg_pipeline_wait(struct cg_request *req);
/* Takes body bytes. WAIT: full, call cg_pipeline_wait() and feed the rest (from *used_out) after wake. NEXT: go on; the
 * bytes of a request that is refused by now are swallowed. RESPOND: more of those came than is borne; drop the client. */
enum cg_step cg_pipeline_body(struct cg_request *req, const void *bytes, size_t len, size_t *used_out);
/* The answer was sent (or the client went away: sent false): audit, metrics, log, free. */
void cg_pipeline_finish(struct cg_request **req, bool sent);

/* The request's body, for handlers of routes that have one. */
void cg_request_source(struct cg_request *req, struct cg_source *source_out); /* any body */
const char *cg_request_text(struct cg_request *req, size_t *len_out);         /* CG_BODY_MEMORY only; NUL-terminated */
/* Decoded query parameter (in the arena), NULL when absent or badly encoded. */
const char *cg_request_query(struct cg_request *req, const char *name);
const char *cg_request_header(struct cg_request *req, const char *name);

/* For handlers: each returns CG_STEP_RESPOND. */
enum cg_step cg_respond_json(struct cg_request *req, unsigned status, struct cg_buf *body); /* takes the bytes */
enum cg_step cg_respond_text(struct cg_request *req, unsigned status, const char *content_type, const char *body);
/* 200, or 304 by If-None-Match (strong or weak, lists, *) or else If-Modified-Since; takes the reference. gzip when the
 * client accepts it. Sets ETag, Last-Modified, Cache-Control and Vary. */
enum cg_step cg_respond_blob(struct cg_request *req, struct cg_blob *blob, const char *content_type);
/* 200, 206, 304 or 416 of a file; takes the descriptor or feed. */
enum cg_step cg_respond_file(struct cg_request *req, struct cg_crate_file *file, const char *etag,
                             const char *content_type);
/* req->error (or `err` copied there) as JSON in the style of the route, with WWW-Authenticate on 401 and Retry-After on
 * 429 and 503. */
enum cg_step cg_respond_error(struct cg_request *req, const struct cg_error *err);
enum cg_step cg_respond_redirect(struct cg_request *req, const char *location); /* 303 */
void cg_response_header(struct cg_request *req, const char *name, const char *value);

#endif
