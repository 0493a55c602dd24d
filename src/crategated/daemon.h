/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The daemon: the only place, with crategatectl, that wires drivers into the
 * rooms. Start and stop are one table of parts: started top down, stopped
 * bottom up, whatever point a failed start got to.
 *
 * Threading: start, reload and stop are for the main thread. `directory` may be
 * asked by any. The maintenance thread puts policies, and snapshots with other
 * teams, in force under reload_lock.
 */
#ifndef CG_CRATEGATED_DAEMON_H
#define CG_CRATEGATED_DAEMON_H

#include <pthread.h>
#include <stdatomic.h>

#include "crategated/store_watch.h"
#include "crategated/teams.h"
#include "http/http.h"
#include "http/net/server.h"
#include "log/log.h"

struct cg_retired {
    struct cg_directory *dir;
    int64_t free_at_ms; /* when nobody can be using it any more */
    struct cg_retired *next;
};

struct cg_daemon {
    struct cg_gateway gw; /* first: handlers get this */
    const char *conf_file;
    struct cg_conf *conf; /* in force, with its teams; under reload_lock once the maintenance thread runs */
    int lock_fd;
    char *spool_dir;
    _Atomic(struct cg_directory *) directory;
    struct cg_retired *retired;
    struct cg_server *server;
    struct cg_store_watch *stores;
    pthread_t maintenance, renewal;
    pthread_mutex_t reload_lock; /* reload against maintenance's own policy changes */
    pthread_mutex_t wait_lock;
    pthread_cond_t wait_cond;
    bool stopping;
    int64_t resolve_at_ms; /* under reload_lock, like what follows: when group names are due to be looked up again */
    bool teams_answered;   /* the last look at the teams was at the directory's own answer */
    size_t teams_doubted;  /* so many seemed gone in it that none was believed to be */
    char *team_problems;   /* what it found wrong, as it was logged */
};

/* INVALID when the server is known to lack what the settings ask of it; that it does not answer is logged only. */
enum cg_err cg_daemon_probe(struct cg_directory *dir, struct cg_error *err) CG_CHECK;
enum cg_err cg_daemon_start(struct cg_daemon *daemon, const char *conf_file, struct cg_error *err) CG_CHECK;
/* A bad new file leaves the old configuration in force and says so in log and audit. */
void cg_daemon_reload(struct cg_daemon *daemon);
/* Answers what is under way, then stops all. Safe after a failed start. */
void cg_daemon_stop(struct cg_daemon *daemon);

/* maintenance.c: the threads that do once a second what nobody waits for; one of them asks the directory. */
enum cg_err cg_maintenance_start(struct cg_daemon *daemon, struct cg_error *err) CG_CHECK;
void cg_maintenance_stop(struct cg_daemon *daemon);
/* Looks the groups' names up (blocking) and puts the resulting policy in force. CONFLICT is the caller's to judge. */
enum cg_err cg_maintenance_resolve(struct cg_daemon *daemon, struct cg_error *err) CG_CHECK;

/* The directory in force. Any thread. */
struct cg_directory *cg_daemon_directory(struct cg_daemon *daemon);

/* reload.c: teams that came or went since the last look change policy and namespaces as a reload does, and nothing else.
 * Under reload_lock. */
enum cg_err cg_daemon_renew_teams(struct cg_daemon *daemon, struct cg_error *err) CG_CHECK;

/* team_watch.c. A look whose outcome is remembered and whose problems are told; `look` is to be freed whatever comes
 * back. INVALID, UNAVAILABLE for the list on disk; a directory without an answer is no error (look->answered). */
enum cg_err cg_daemon_look_at_teams(struct cg_daemon *daemon, struct cg_conf *conf, struct cg_directory *dir,
                                    struct cg_team_look *look, struct cg_error *err) CG_CHECK;
/* Log and audit records of what came and went between two snapshots. */
void cg_daemon_tell_teams(struct cg_daemon *daemon, const struct cg_conf *before, const struct cg_conf *now);
/* The part of the daemon: afterwards daemon->conf has the teams, unless nobody knows them. */
enum cg_err cg_daemon_start_teams(struct cg_daemon *daemon, struct cg_error *err) CG_CHECK;
void cg_daemon_stop_teams(struct cg_daemon *daemon);

/* One log line for each of `lines`, which is empty afterwards. */
void cg_daemon_log_lines(enum cg_log_level level, const char *area, struct cg_buf *lines);

/* notify.c: sd_notify(3)'s protocol, without its library. Does nothing when not under systemd. */
void cg_notify(const char *state);

#endif
