/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/* crategated: options, signals, and nothing else. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/proc.h"
#include "crategate/version.h"
#include "crategated/daemon.h"
#include "crategated/wiring.h"
#include "ldap/ldap_directory.h"
#include "log/log.h"

#define DEFAULT_CONF CG_SYSCONFDIR "/crategate/crategate.toml"
#define RELOAD_PAUSE_S 1

enum mode { MODE_RUN, MODE_TEST, MODE_DUMP };

static const char usage[] = "Usage: crategated [-c FILE] [-t | --dump-config]\n"
                            "The gateway daemon: a private Cargo registry behind your LDAP directory.\n\n"
                            "  -c, --config FILE   configuration (" DEFAULT_CONF ")\n"
                            "  -t, --test          check the configuration and exit: 0 good, 1 not\n"
                            "      --dump-config   print the effective configuration and exit\n"
                            "  -V, --version       print the version\n"
                            "  -h, --help          this text\n\n"
                            "SIGHUP reloads the configuration, SIGTERM and SIGINT end after what is under way.\n"
                            "crategatectl(8) administers; crategate.toml(5) describes the configuration.\n";

static int check_only(const char *file, enum mode mode)
{
    struct cg_conf *conf = NULL;
    struct cg_error err = {0};
    struct cg_buf report, dump;
    enum cg_err rc;

    cg_buf_init(&report, 1024 * 1024);
    rc = cg_wiring_check(file, &report, &conf, &err);
    if (rc != CG_OK)
        fprintf(stderr, "%s", report.len ? cg_buf_str(&report) : err.detail);
    if (rc != CG_OK && !report.len)
        fputc('\n', stderr);
    if (rc == CG_OK && mode == MODE_DUMP) {
        cg_buf_init(&dump, 4 * 1024 * 1024);
        cg_conf_dump(conf, &dump);
        fputs(cg_buf_str(&dump), stdout);
        cg_buf_free(&dump);
    } else if (rc == CG_OK) {
        fprintf(stderr, "%s: the configuration is good\n", file);
    }
    cg_conf_unref(&conf);
    cg_buf_free(&report);
    return rc == CG_OK && fflush(stdout) == 0 ? 0 : 1;
}

/* A directory that was exchanged keeps its connections for a minute (reload.c): however fast SIGHUPs come, there must not
 * be more of them than the directory and we have room for. What comes meanwhile is one reload, and an end is never late. */
static int next_signal(const sigset_t *signals)
{
    const struct timespec pause = {.tv_sec = RELOAD_PAUSE_S};
    sigset_t ends = *signals;
    int sig;

    sigdelset(&ends, SIGHUP);
    sig = sigtimedwait(&ends, NULL, &pause);
    return sig > 0 || sigwait(signals, &sig) == 0 ? sig : 0;
}

static void serve(struct cg_daemon *daemon, const sigset_t *signals)
{
    int sig = 0;

    cg_notify("READY=1");
    for (int rc = sigwait(signals, &sig); rc == 0 && sig == SIGHUP; sig = next_signal(signals))
        cg_daemon_reload(daemon);
    cg_log(CG_LOG_INFO, "crategated", NULL, "ending on signal %d: answering what is under way", sig);
    cg_notify("STOPPING=1");
    cg_daemon_stop(daemon);
}

static int run(const char *file)
{
    static struct cg_daemon daemon;
    struct cg_error err = {0};
    sigset_t signals;

    /* Blocked before the first thread starts, so that only sigwait() sees them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN); /* TLS to a directory that went away would end us otherwise */
    signal(SIGXFSZ, SIG_IGN); /* a file over its limit is an error of the write, not our end */
    if (cg_daemon_start(&daemon, file, &err) != CG_OK) {
        cg_log_error(CG_LOG_ERROR, "crategated", NULL, &err, "could not start");
        return 1;
    }
    serve(&daemon, &signals);
    return 0;
}

/* Passwords pass through this process: no core files and no tracing by others, group and others write nothing. */
static void harden(void)
{
    umask(027);
    cg_proc_keep_secrets();
    cg_ldap_library_init();
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {"test", no_argument, NULL, 't'},
                                            {"dump-config", no_argument, NULL, 'd'},  {"version", no_argument, NULL, 'V'},
                                            {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    const char *file = DEFAULT_CONF;
    enum mode mode = MODE_RUN;
    int opt;

    while ((opt = getopt_long(argc, argv, "c:tVh", options, NULL)) != -1) {
        switch (opt) {
        case 'c':
            file = optarg;
            break;
        case 't':
            mode = MODE_TEST;
            break;
        case 'd':
            mode = MODE_DUMP;
            break;
        case 'V':
            puts("crategated " CG_VERSION);
            return 0;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs(usage, stderr);
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "crategated: unexpected argument \"%s\"\n%s", argv[optind], usage);
        return 2;
    }
    harden();
    return mode == MODE_RUN ? run(file) : check_only(file, mode);
}
