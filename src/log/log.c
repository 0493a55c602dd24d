/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "log/log.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/str.h"
#include "crategate/clock.h"

#define TEXT_MAX 3072 /* with what stands before it a line stays below PIPE_BUF, so that pipes do not mix lines */
#define LINE_MAX_JSON 32768

static const struct {
    const char *name;
    int priority; /* syslog's, for the journal */
} levels[] = {
    [CG_LOG_ERROR] = {"error", 3},
    [CG_LOG_WARN] = {"warn", 4},
    [CG_LOG_INFO] = {"info", 6},
    [CG_LOG_DEBUG] = {"debug", 7},
};
#define LEVELS (sizeof levels / sizeof levels[0])

static atomic_int log_level = CG_LOG_INFO;
static atomic_int log_format = CG_LOG_TEXT;
static pthread_once_t journal_once = PTHREAD_ONCE_INIT;
static bool to_journal;

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER; /* of the two below; held while the sink runs */
static void (*sink)(void *cls, const char *line);
static void *sink_cls;
static atomic_bool captured;

/* The variable is inherited by children whose stderr goes elsewhere: it counts only when it names our stderr. */
static void look_for_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    uintmax_t device, inode;
    to_journal = stream && sscanf(stream, "%ju:%ju", &device, &inode) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
                 device == (uintmax_t)st.st_dev && inode == (uintmax_t)st.st_ino;
}

void cg_log_setup(enum cg_log_level level, enum cg_log_format format)
{
    CG_ASSERT((size_t)level < LEVELS);
    atomic_store_explicit(&log_level, (int)level, memory_order_relaxed);
    atomic_store_explicit(&log_format, (int)format, memory_order_relaxed);
}

enum cg_err cg_log_level_parse(const char *text, enum cg_log_level *level_out)
{
    for (size_t i = 0; i < LEVELS; i++) {
        if (!cg_streq(text, levels[i].name))
            continue;
        *level_out = (enum cg_log_level)i;
        return CG_OK;
    }
    return CG_ERR_INVALID;
}

bool cg_log_enabled(enum cg_log_level level)
{
    return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

/* `line` has room for a newline behind its `len` bytes. */
static void put_line(char *line, size_t len)
{
    if (atomic_load_explicit(&captured, memory_order_acquire)) {
        pthread_mutex_lock(&sink_lock);
        if (sink)
            sink(sink_cls, line);
        pthread_mutex_unlock(&sink_lock);
        return;
    }
    line[len++] = '\n';
    ssize_t n;
    do
        n = write(STDERR_FILENO, line, len);
    while (n < 0 && errno == EINTR);
    /* Nobody is left to be told when stderr does not take it. */
}

static void put_text(enum cg_log_level level, const char *area, const char *request_id, const char *text)
{
    char line[TEXT_MAX + 512], when[CG_TIME_RFC3339_SIZE];
    pthread_once(&journal_once, look_for_journal);
    int n;
    const char *open = request_id ? "[" : "", *close = request_id ? "]" : "";
    if (!request_id)
        request_id = "";
    if (to_journal) { /* which keeps the time and shows the level itself */
        n = snprintf(line, sizeof line, "<%d>%.64s%s%s%s: %s", levels[level].priority, area, open, request_id, close,
                     text);
    } else {
        cg_time_rfc3339(cg_clock_wall_s(), when);
        n = snprintf(line, sizeof line, "%s %-5s %.64s%s%s%s: %s", when, levels[level].name, area, open, request_id,
                     close, text);
    }
    if (n > 0)
        put_line(line, (size_t)n < sizeof line - 1 ? (size_t)n : sizeof line - 1);
}

static void put_json(enum cg_log_level level, const char *area, const char *request_id, const char *text)
{
    char when[CG_TIME_RFC3339_SIZE];
    struct cg_buf line;
    cg_buf_init(&line, LINE_MAX_JSON);
    cg_time_rfc3339(cg_clock_wall_s(), when);
    cg_buf_addf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"area\":", when, levels[level].name);
    cg_json_quote(&line, area);
    if (request_id) {
        cg_buf_addstr(&line, ",\"request_id\":");
        cg_json_quote(&line, request_id);
    }
    cg_buf_addstr(&line, ",\"message\":");
    cg_json_quote(&line, text);
    cg_buf_addch(&line, '}');
    if (cg_buf_reserve(&line, 1))
        put_line(line.data, line.len);
    cg_buf_free(&line);
}

/* The last stop of every line. Control characters go here, and so no caller can forge a second line. */
static void put(enum cg_log_level level, const char *area, const char *request_id, const char *raw)
{
    char text[TEXT_MAX], id[129];
    cg_str_printable(raw, strlen(raw), text, sizeof text);
    if (request_id)
        cg_str_printable(request_id, strlen(request_id), id, sizeof id);
    request_id = request_id ? id : NULL;
    if (atomic_load_explicit(&log_format, memory_order_relaxed) == CG_LOG_JSON)
        put_json(level, area, request_id, text);
    else
        put_text(level, area, request_id, text);
}

void cg_log(enum cg_log_level level, const char *area, const char *request_id, const char *fmt, ...)
{
    if (!cg_log_enabled(level))
        return;
    int saved = errno; /* logging in the middle of error handling must not change what is being handled */
    char text[TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(text, sizeof text, fmt, args) < 0)
        text[0] = '\0';
    va_end(args);
    put(level, area, request_id, text);
    errno = saved;
}

void cg_log_error(enum cg_log_level level, const char *area, const char *request_id, const struct cg_error *error,
                  const char *fmt, ...)
{
    if (!cg_log_enabled(level))
        return;
    int saved = errno;
    char what[512], text[TEXT_MAX];
    va_list args;
    va_start(args, fmt);
    if (vsnprintf(what, sizeof what, fmt, args) < 0)
        what[0] = '\0';
    va_end(args);
    const char *detail = error->detail[0] ? error->detail : cg_err_text(error->code);
    bool more = error->internal[0] != '\0';
    snprintf(text, sizeof text, "%s: %s%s%s%s", what, detail, more ? " (" : "", error->internal, more ? ")" : "");
    put(level, area, request_id, text);
    errno = saved;
}

void cg_log_capture(void (*to)(void *cls, const char *line), void *cls)
{
    pthread_mutex_lock(&sink_lock);
    sink = to;
    sink_cls = cls;
    pthread_mutex_unlock(&sink_lock);
    atomic_store_explicit(&captured, to != NULL, memory_order_release);
}
