/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* The double of Artifactory (tests/fakes/artifactory) as a child process, and a client of it with short timeouts. */
#ifndef CG_TESTS_ART_RIG_H
#define CG_TESTS_ART_RIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "storage/artifactory/art_client.h"

#define RIG_CONNECT_MS 500
#define RIG_ANSWER_MS 700
#define RIG_STALL_MS 1000
/* Nothing may take longer: two waits for an answer, a connect, and a second in which libcurl notices. */
#define RIG_LONGEST_MS 4000

struct art_rig {
    pid_t pid;
    int in, out; /* its standard input ends it; its ready line came from its output */
    char *dir;
    json_t *ready;
};

/* False: there is no python3. */
bool art_rig_start(struct art_rig *rig);
void art_rig_stop(struct art_rig *rig);
/* Rules, knobs, log and store as at the start. */
void art_rig_reset(struct art_rig *rig);

/* The control API: 2xx or the test aborts. json_decref the answer, which is NULL when it was not JSON. */
json_t *art_rig_control(struct art_rig *rig, const char *method, const char *path, const char *json);
/* POST /rules; /knobs */
void art_rig_fault(struct art_rig *rig, const char *json);
void art_rig_knobs(struct art_rig *rig, const char *json);
/* As another writer. */
void art_rig_put(struct art_rig *rig, const char *repo_and_path, const char *bytes);
/* How many requests the log has that fit the query ("row=9&status=201"). */
size_t art_rig_asked(struct art_rig *rig, const char *query);
/* The first such request's part ("headers"...) as text; free() it. */
char *art_rig_logged(struct art_rig *rig, const char *query, const char *part);
unsigned art_rig_port(struct art_rig *rig, const char *name);
const char *art_rig_token(struct art_rig *rig, const char *user);

/* Settings of an instance at a port, as a user; they live until the next call. */
struct cg_conf_artifactory *art_rig_conf(struct art_rig *rig, const char *port, const char *user);
struct cg_art_client *art_rig_client(struct art_rig *rig);

/* A file with these bytes, and a deploy of it to cargo-local. */
struct art_file {
    int fd;
    char sha256[65], sha1[41], path[CG_ART_PATH_MAX];
    struct cg_art_prop props[2];
    struct cg_art_deploy deploy;
};
void art_file_make(struct art_file *file, const char *path, const void *bytes, size_t len);
void art_file_close(struct art_file *file);

/* A sink that keeps everything. */
struct art_kept {
    struct cg_buf bytes;
    uint64_t size;
    unsigned begun;
    enum cg_err stop;  /* what `bytes` answers */
    unsigned sleep_ms; /* how long it takes, the first time */
};
struct cg_art_sink art_kept_sink(struct art_kept *kept);
void art_kept_free(struct art_kept *kept);

#endif
