/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * What came back from Artifactory, and what it means (artifactory.md 3, 6.4).
 * An answer is filled by art_http; judging it is a pure function, so that every
 * status, shape and oddity can be shown without a network.
 *
 * What Artifactory itself says goes into err->internal, for the log and the
 * administrator's tools: callers of the gateway get our sentence. HTML is never
 * repeated anywhere.
 *
 * Threading: none; an answer is one thread's.
 */
#ifndef CG_STORAGE_ARTIFACTORY_ART_ANSWER_H
#define CG_STORAGE_ARTIFACTORY_ART_ANSWER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "storage/artifactory/art_breaker.h"
#include "storage/artifactory/art_client.h"

#define CG_ART_ERROR_MAX ((size_t)64 << 10) /* of an error's body that is read */
#define CG_ART_JSON_MAX ((size_t)8 << 20)
#define CG_ART_HEAD_MAX ((size_t)64 << 10) /* all header lines together */
#define CG_ART_WORDS_MAX 256               /* of Artifactory's own words that are repeated */

/* Why there is no answer. */
enum cg_art_lost {
    CG_ART_ANSWERED,
    CG_ART_NO_NAME,       /* DNS */
    CG_ART_NO_CONNECTION, /* refused, unreachable, not in time */
    CG_ART_NO_TLS,        /* certificate or handshake */
    CG_ART_LATE,          /* connected, and no answer in time */
    CG_ART_STALLED,       /* bytes too slow or none */
    CG_ART_BROKEN,        /* the connection ended before the answer did */
    CG_ART_OVERSIZED,     /* header or body beyond what is read */
    CG_ART_BUSY,          /* all our connections are in use */
    CG_ART_OWN_FAULT,     /* the file to be sent could not be read */
    CG_ART_STOPPED,       /* whoever takes the bytes wants no more */
    CG_ART_HALTED,        /* the process ends */
    CG_ART_FORBIDDEN      /* it is at an address that is not to be connected to */
};

struct cg_art_answer {
    enum cg_art_lost lost;
    char why[256]; /* of a loss, in libcurl's words */
    long status;   /* 0: none came */
    struct cg_buf body;
    bool cut; /* the body was longer than what is kept */
    /* Headers; "" when not sent or, where that matters, sent twice with different values. */
    size_t head_size;
    bool head_done; /* trailers are not headers */
    char type[96], etag[200], sha256[65], location[2048], retry_after[64], challenge[200], ranges[16], server[64];
    bool odd_sums;                   /* checksum headers that contradict one another or are none */
    uint64_t length;                 /* UINT64_MAX: not told */
    uint64_t range_from, range_size; /* Content-Range; UINT64_MAX: not told */
    int64_t modified, date;          /* wall seconds, 0: not told */
    uint64_t streamed;               /* bytes that went to a stream */
};

void cg_art_answer_init(struct cg_art_answer *answer);
void cg_art_answer_free(struct cg_art_answer *answer);
/* One header line as it came, status lines and the empty one included. False: too many. */
bool cg_art_answer_header(struct cg_art_answer *answer, const char *line, size_t len);

bool cg_art_answer_is_html(const struct cg_art_answer *answer);
/* The first message of an errors list, or the first line of a plain text; printable, "" when there is none. */
void cg_art_answer_words(const struct cg_art_answer *answer, char out[CG_ART_WORDS_MAX]);
/* Seconds that Retry-After asks for, by the other side's clock where it sent one; 0: it does not ask. Not capped. */
unsigned cg_art_answer_wait(const struct cg_art_answer *answer, int64_t wall_s);
/* The JSON value of a 2xx answer; json_decref it. UNAVAILABLE: not JSON, empty, cut, or an errors list (F22, F23). */
enum cg_err cg_art_answer_json(const struct cg_art_answer *answer, json_t **out, struct cg_error *err) CG_CHECK;

/* What was asked for. */
enum cg_art_op {
    CG_ART_OP_PING,
    CG_ART_OP_REPO,  /* the repository itself, or a list of what is in it */
    CG_ART_OP_FILE,  /* a file's head or bytes */
    CG_ART_OP_INDEX, /* a file of its own index, which can be done without */
    CG_ART_OP_AQL,
    CG_ART_OP_DEPLOY,
    CG_ART_OP_KNOWN, /* a deploy by checksum alone */
    CG_ART_OP_ANNOTATE,
    CG_ART_OP_DELETE
};

struct cg_art_question {
    const char *instance, *repo; /* names, for sentences; repo may be NULL */
    enum cg_art_op op;
};

struct cg_art_verdict {
    enum cg_art_health health;
    unsigned wait_s; /* asked for, capped; 0: nothing was */
    bool again;      /* the same may do better in a moment */
};

/*
 * OK for 2xx (and 304, 206). Else the table of art_client.h, but for what one answer alone cannot tell: ABSENT (404 of
 * a file) may yet be a repository that is gone, CONFLICT (409) and DENIED (403) of a deploy may yet be the same bytes.
 * DENIED of AQL: this account or server does not do AQL. ABSENT of its index: whatever came is no file of an index.
 */
enum cg_err cg_art_answer_judge(const struct cg_art_question *question, const struct cg_art_answer *answer,
                                struct cg_art_verdict *verdict_out, struct cg_error *err) CG_CHECK;

/* "Artifactory "corp", repository cargo-local: TEXT" with what it said, if anything, for the log. */
enum cg_err cg_art_say(const struct cg_art_question *question, const struct cg_art_answer *answer, enum cg_err code,
                       struct cg_error *err, const char *fmt, ...) CG_PRINTF(5, 6);

/* UNAVAILABLE with a sentence and a retry_after_s, where there is no answer to blame. Returns the code. */
enum cg_err cg_art_unavailable(struct cg_error *err, const char *fmt, ...) CG_PRINTF(2, 3);

#endif
