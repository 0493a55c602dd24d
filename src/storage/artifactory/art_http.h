/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * One HTTP request, on the caller's thread, by libcurl. It knows nothing of
 * Artifactory but the form of its answers; what went wrong is in the answer.
 *
 * The instance's connect, answer and stall timeouts hold for each request, and
 * its deadline for the whole of it but the bytes of a stream. It notices within
 * a second more. Redirects are not followed. Certificates are always verified;
 * a proxy is taken from the environment as curl does; no .netrc, no cookies.
 *
 * Threading: any thread.
 */
#ifndef CG_STORAGE_ARTIFACTORY_ART_HTTP_H
#define CG_STORAGE_ARTIFACTORY_ART_HTTP_H

#include "storage/artifactory/art_answer.h"
#include "storage/artifactory/art_link.h"

/* Where a body goes instead of into the answer. */
struct cg_art_stream {
    /* Called once, when the headers are there and before the first bytes: true if this body is wanted in the stream. */
    bool (*wants)(void *cls, const struct cg_art_answer *answer);
    /* False ends the transfer (STOPPED). The time it takes is not held against the instance. */
    bool (*bytes)(void *cls, const void *bytes, size_t len);
    void *cls;
};

/* What is to end, now that the process does. */
enum cg_art_halt {
    CG_ART_GO_ON,
    CG_ART_HALT_WAITS, /* streams that wait for their first byte */
    CG_ART_HALT_ALL
};

/* All borrowed. */
struct cg_art_request {
    const char *method; /* "GET", "HEAD", "PUT", "POST", "DELETE" */
    const char *url;
    const char *const *headers; /* NULL-terminated "Name: value"; may be NULL */
    bool anonymous;             /* without our credential; always so for another origin than the instance's */
    const char *text;           /* a body */
    bool from_fd;               /* the body is `size` bytes of `fd`, read by pread */
    int fd;
    uint64_t size;
    size_t max_body;  /* of a 2xx that is kept; 0: CG_ART_JSON_MAX. Errors have a limit of their own. */
    int64_t deadline; /* monotonic ms; never 0 */
    const struct cg_art_stream *stream; /* may be NULL */
    const atomic_int *halt;             /* an enum cg_art_halt, looked at all the while; may be NULL */
};

/* Fills an initialised answer. */
void cg_art_http(struct cg_art_link *link, const struct cg_art_request *request, struct cg_art_answer *answer);

#endif
